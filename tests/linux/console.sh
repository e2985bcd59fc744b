#!/bin/sh
# SPDX-License-Identifier: MIT
# The console: pasted text arrives whole, Ctrl-A twice sends a Ctrl-A, Ctrl-A X quits with status 0 and restores the
# terminal, and a signal does the same with its own status. virtio-rng gives random bytes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

text=$(seq -s ' ' 1000 1015)
{
    cat <<'END'
timeout 180
expect Rvive guest is up
timeout 60
run head -c 4096 /dev/hwrng >/tmp/a; head -c 4096 /dev/hwrng >/tmp/b; wc -c </tmp/a; cmp -s /tmp/a /tmp/b || echo differ-$((1+1))
expect 4096
expect differ-2
run cat /sys/class/misc/hw_random/rng_current
expect virtio_rng
run stty -echo; echo g$((1))o; md5sum
expect g1o
END
    i=0
    while [ $i -lt 40 ]; do
        printf 'send %s\\r\n' "$text"
        i=$((i + 1))
    done
    printf '%s\n' 'send \x04'
    echo "expect $(i=0 && while [ $i -lt 40 ]; do echo "$text" && i=$((i + 1)); done | md5sum | cut -d' ' -f1)"
    cat <<'END'
run stty echo; echo g$((1))o; od -An -tx1
expect g1o
send \x01\x01B\r\x04
expect 01 42 0a
send \x01x
exit 0
terminal
END
} >"$work/script"
drive_linux 240 1 -object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-device,rng=rng <"$work/script"

for signal in INT:130 HUP:129; do
    drive_linux 200 1 <<END
timeout 180
expect OpenSBI
signal ${signal%:*}
exit ${signal#*:}
terminal
END
done
