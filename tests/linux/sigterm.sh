#!/bin/sh
# SPDX-License-Identifier: MIT
# SIGTERM while the guest writes: status 143, the terminal is restored, the image has all that the guest flushed, and the
# journal brings the file system back to a clean state.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

PATH=$PATH:/usr/sbin:/sbin

truncate -s 64M "$work/disk.img"
mkfs.ext4 -q "$work/disk.img"
drive_linux 240 2 -drive file="$work/disk.img",if=none,format=raw,id=hd0 -device virtio-blk-device,drive=hd0 <<END
timeout 180
expect Rvive guest is up
timeout 60
run mount -t ext4 /dev/vda /mnt; seq 1 100000 >/mnt/flushed; sync; echo flushed-\$?
expect flushed-0
run i=0; while :; do seq 1 3000 >/mnt/file\$((i % 50)); i=\$((i+1)); [ \$i = 20 ] && sync && echo writing-\$i; done
expect writing-20
signal TERM
exit 143
terminal
END
# The first check may replay the journal (status 1: errors corrected); the second must find nothing.
e2fsck -fy "$work/disk.img" >"$work/fsck" 2>&1 || [ $? -eq 1 ] || { cat "$work/fsck"; fail "cannot be repaired"; }
e2fsck -fn "$work/disk.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "still damaged after the journal"; }
debugfs -R "cat flushed" "$work/disk.img" 2>/dev/null >"$work/flushed"
seq 1 100000 | cmp - "$work/flushed" || fail "what the guest flushed is not in the image"
