#!/bin/sh
# SPDX-License-Identifier: MIT
# The host has no room for what the guest writes: the guest stops and notices nothing, the user makes room and lets it
# continue, and the whole file is on the disk. A limit on the file's size stands for a full disk, since every user can set
# one.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

PATH=$PATH:/usr/sbin:/sbin

truncate -s 96M "$work/disk.img"
mkfs.ext4 -q "$work/disk.img"
python3 "$top/tests/linux/disk_full.py" "$work/qmp" >"$work/user" 2>&1 &
user=$!
(
    # shellcheck disable=SC3045 # dash has it
    ulimit -S -f 2048 # 1 MiB
    drive_linux 400 2 -drive file="$work/disk.img",if=none,format=raw,id=hd0 -device virtio-blk-device,drive=hd0 \
        -qmp unix:"$work/qmp",server=on,wait=off <<END
timeout 180
expect Rvive guest is up
run mount -t ext4 /dev/vda /mnt; seq 1 300000 >/mnt/numbers; sync; echo 3 >/proc/sys/vm/drop_caches; echo sum-\$(md5sum </mnt/numbers)
expect sum-$(seq 1 300000 | md5sum | cut -d' ' -f1)
run umount /mnt && dmesg | grep -c 'I/O error' | sed s/^/errors-/; poweroff -f
expect errors-0
expect Power down
exit 0
END
) || {
    cat "$work/user"
    fail "the guest did not go on"
}
wait $user || { cat "$work/user"; fail "the machine did not stop for its disk"; }
e2fsck -fn "$work/disk.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "the file system is damaged"; }
