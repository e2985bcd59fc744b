#!/bin/sh
# SPDX-License-Identifier: MIT
# virtio-blk: a file on ext4 is read back right, a file that the guest writes is right on the host, the file system is clean
# afterwards; a read-only disk refuses writes; with -snapshot the image does not change.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

PATH=$PATH:/usr/sbin:/sbin

mkdir "$work/files"
head -c 5000000 /dev/urandom >"$work/files/data"
sum=$(md5sum <"$work/files/data" | cut -d' ' -f1)
truncate -s 32M "$work/disk.img"
mkfs.ext4 -q -d "$work/files" "$work/disk.img"
head -c 1048576 /dev/urandom >"$work/second.img"
second=$(md5sum <"$work/second.img" | cut -d' ' -f1)

drive_linux 240 2 -drive file="$work/disk.img",if=none,format=raw,id=hd0 -device virtio-blk-device,drive=hd0 \
    -drive file="$work/second.img",if=none,format=raw,id=hd1,readonly=on -device virtio-blk-device,drive=hd1 <<END
timeout 180
expect Rvive guest is up
timeout 60
run cd /; cat /sys/block/vda/size /sys/block/vdb/size | sort | tr '\\\\n' '-'; cat /sys/block/vd?/ro | sort | tr '\\\\n' '-'
expect 2048-65536-0-1-
run for d in vda vdb; do if [ \$(cat /sys/block/\$d/ro) = 1 ]; then ro=\$d; else rw=\$d; fi; done
run mount -t ext4 /dev/\$rw /mnt && md5sum /mnt/data
expect $sum
run md5sum /dev/\$ro
expect $second
run echo x >/dev/\$ro || echo refused-\$?
expect refused-1
run seq 1 200000 >/mnt/numbers; sync; echo 3 >/proc/sys/vm/drop_caches; md5sum </mnt/numbers
expect $(seq 1 200000 | md5sum | cut -d' ' -f1)
run umount /mnt && dmesg | grep -c 'I/O error' | sed s/^/errors-/; poweroff -f
expect errors-0
expect Power down
exit 0
END
e2fsck -fn "$work/disk.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "the file system is damaged"; }
debugfs -R "cat numbers" "$work/disk.img" 2>/dev/null >"$work/numbers"
seq 1 200000 | cmp - "$work/numbers" || fail "the host reads something else than the guest wrote"
[ "$(md5sum <"$work/second.img" | cut -d' ' -f1)" = "$second" ] || fail "a read-only disk changed"

before=$(md5sum <"$work/disk.img")
drive_linux 240 1 -snapshot -drive file="$work/disk.img",if=none,format=raw,id=hd0 \
    -device virtio-blk-device,drive=hd0 <<END
timeout 180
expect Rvive guest is up
timeout 60
run dd if=/dev/zero of=/dev/vda bs=1M count=8 conv=fsync; echo 3 >/proc/sys/vm/drop_caches; head -c 8388608 /dev/vda | md5sum
expect $(head -c 8388608 /dev/zero | md5sum | cut -d' ' -f1)
run poweroff -f
exit 0
END
[ "$(md5sum <"$work/disk.img")" = "$before" ] || fail "-snapshot wrote to the image"
