#!/bin/sh
# SPDX-License-Identifier: MIT
# A shared folder (virtio-9p): the guest reads what the host put there and the host what the guest wrote; files are made,
# renamed, linked, removed, truncated, get modes and attributes; what lies outside the folder cannot be reached; read-only is
# read-only. Once with the host's owners and modes, once with owners and modes in extended attributes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

# Extended attributes need a file system that supports them, which that of /tmp may not.
share=$(mktemp -d "$RVIVE_CACHE/share.XXXXXX")
trap 'rm -rf "$work" "$share"' EXIT
head -c 10000000 /dev/urandom >"$share/from-host"
sum=$(sha256sum <"$share/from-host" | cut -d' ' -f1)
mkdir "$share/many" "$share/out-of-reach"
for n in $(seq 1 500); do echo "$n" >"$share/many/file-with-a-rather-long-name-$n"; done
echo secret >"$work/secret"
ln -s "$work" "$share/escape"
ln -s "$work/secret" "$share/secret"

# common MODEL: the part of the script that both ways of sharing have.
common() {
    cat <<END
timeout 180
expect Rvive guest is up
timeout 120
run mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 host /mnt && cd /mnt && sha256sum from-host
expect $sum
run ls many | wc -l | sed s/^/files-/; cat many/* | sort -n | tail -n 1 | sed s/^/last-/
expect files-500
expect last-500
run cat secret escape/secret 2>&1 | grep -c 'No such file' | sed s/^/out-of-reach-/; readlink secret
expect out-of-reach-2
expect $work/secret
run seq 1 100000 >/tmp/n; mkdir d && cp /tmp/n d/numbers && echo more >>d/numbers && mv d/numbers d/renamed && ln -s renamed d/link && ln d/renamed d/hard && ls d | tr '\\\\n' '-'
expect hard-link-renamed-
run cat d/link | md5sum; stat -c '%h links' d/renamed
expect $({ seq 1 100000; echo more; } | md5sum | cut -d' ' -f1)
expect 2 links
run cp d/hard d/short && truncate -s 5 d/short && cat d/short; chmod 751 d/short; stat -c 'mode-%a-size-%s' d/short; touch -d '2001-02-03 04:05:06' d/short; stat -c %y d/short
expect mode-751-size-5
expect 2001-02-03 04:05:06
run mkfifo d/pipe && (echo through >d/pipe & cat d/pipe); stat -c %F d/pipe
expect through
expect fifo
run mv d/renamed e && mv d/short d/link; rmdir d || echo not-empty; rm d/* && rmdir d && ls | tr '\\\\n' '-'
expect not-empty
expect e-escape-from-host-many-out-of-reach-secret-
run setfattr -n user.colour -v green e && getfattr -n user.colour e; setfattr -x user.colour e; getfattr -d e | wc -l | sed s/^/attributes-/
expect green
expect attributes-0
run dd if=/dev/urandom of=big bs=1M count=30 2>/dev/null; sha256sum <big >sums; echo 3 >/proc/sys/vm/drop_caches; sha256sum <big | cmp - sums && echo same-\$((6*7))
expect same-42
run df /mnt | tail -n 1 | grep -o '^host'; sync
expect host
END
}

for model in none mapped-xattr; do
    drive_linux 300 2 -virtfs "local,path=$share,mount_tag=host,security_model=$model" <<END
$(common)
run chown 1234:567 e && stat -c 'owner-%u-%g' e; cd /; umount /mnt; poweroff -f
expect owner-1234-567
exit 0
END
    { seq 1 100000; echo more; } | cmp - "$share/e" || fail "$model: the host reads something else than the guest wrote"
    [ "$(sha256sum <"$share/big")" = "$(cat "$share/sums")" ] || fail "$model: a large file differs on the host"
    [ "$(cat "$work/secret")" = secret ] || fail "$model: the guest reached what lies outside"
    [ $model = none ] || [ "$(stat -c %a "$share/e")" = 600 ] || fail "$model: the guest's mode is the host's"
    rm -f "$share/e" "$share/big" "$share/sums"
done

before=$(find "$share" -printf '%p %s %T@ %m\n' | sort | md5sum)
drive_linux 240 1 -fsdev "local,id=f,path=$share,security_model=none,readonly=on" -global virtio-mmio.force-legacy=false \
    -device virtio-9p-device,fsdev=f,mount_tag=host <<END
timeout 180
expect Rvive guest is up
timeout 120
run mount -t 9p -o trans=virtio,version=9p2000.L host /mnt && sha256sum /mnt/from-host
expect $sum
run (echo x >/mnt/new; echo x >>/mnt/from-host; rm /mnt/from-host; mkdir /mnt/d; chmod 600 /mnt/many; mv /mnt/many /mnt/m) 2>&1 | grep -c 'Read-only file system' | sed s/^/refused-/
expect refused-6
run poweroff -f
exit 0
END
[ "$(find "$share" -printf '%p %s %T@ %m\n' | sort | md5sum)" = "$before" ] || fail "a read-only folder changed"
