#!/bin/sh
# SPDX-License-Identifier: MIT
# A virtio-serial with two consoles and two serial ports: Linux finds each port by its name. Through one port a program in
# the guest talks with a server of the host and sees the end of the answer; through the other a program of the host talks
# with one in the guest. Each console writes to its own file. The third argument is the peer program, the fourth pci or
# device.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
peer=$3

# The console driver turns two backslashes into one.
answer='HTTP/1.0 200 OK\\r\\n\\r\\n'
serve_blob "$peer" 300000
free=$("$peer" port)
"$peer" fetch "$free" "$work/fetched" &
fetcher=$!

drive_linux 240 2 -device "virtio-serial-$4,id=s" \
    -chardev file,id=one,path="$work/one" -chardev file,id=two,path="$work/two" \
    -chardev "socket,id=client,host=127.0.0.1,port=$served_port" \
    -chardev "socket,id=server,host=127.0.0.1,port=$free,server=on,wait=off" \
    -device virtserialport,bus=s.0,chardev=client,name=org.rvive.client \
    -device virtserialport,bus=s.0,chardev=server,name=org.rvive.server,nr=5 \
    -device virtconsole,bus=s.0,chardev=one -device virtconsole,bus=s.0,chardev=two <<END
timeout 180
expect Rvive guest is up
timeout 60
run cd /sys/class/virtio-ports; for p in *; do echo "\$p=\$(cat \$p/name)" | sed 's/vport[0-9]*//'; done
expect p1=org.rvive.client
expect p5=org.rvive.server
run port() { echo /dev/\$(basename \$(dirname \$(grep -l \$1 */name))); }
run exec 3<>\$(port org.rvive.client); echo GET >&3; cat <&3 | tail -c 300000 | sha256sum; exec 3>&-
expect $served_sum
run echo to-one >/dev/hvc0; echo to-two >/dev/hvc1
run exec 3<>\$(port org.rvive.server); head -n 1 <&3 | tr G g; (printf '$answer'; seq 1 30000) >&3; echo served-\$((6*7))
expect gET / HTTP/1
expect served-42
run sync; sleep 1; dmesg | grep -ci 'virtio.*error' | sed s/^/errors-/; poweroff -f
expect errors-0
exit 0
END
wait $fetcher || fail "the program of the host got no answer"
[ "$(tr -d '\r' <"$work/one")" = to-one ] || fail "the first console's file has: $(cat "$work/one")"
[ "$(tr -d '\r' <"$work/two")" = to-two ] || fail "the second console's file has: $(cat "$work/two")"
seq 1 30000 | cmp - "$work/fetched" || fail "what the guest served has not arrived"
