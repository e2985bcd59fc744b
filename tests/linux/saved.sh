#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux with two harts is saved in the middle of its boot, loaded by a new process, and saved again while it writes to a
# disk, reads a shared folder and uses the network; it goes on as if nothing had happened.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

PATH=$PATH:/usr/sbin:/sbin

need_guest
truncate -s 64M "$work/disk.img"
mkfs.ext4 -q "$work/disk.img"
mkdir "$work/share"
seq 1 200000 >"$work/share/numbers"
python3 "$top/tests/linux/saved.py" "$work" $emulator -M virt -m 256M -smp 2 -nographic -kernel "$vmlinux" \
    -initrd "$initramfs" -append console=ttyS0 -drive file="$work/disk.img",if=none,format=raw,id=hd0 \
    -device virtio-blk-pci,drive=hd0 -nic user,model=virtio-net-pci -device virtio-rng-device \
    -virtfs local,path="$work/share",mount_tag=share,security_model=none
e2fsck -fn "$work/disk.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "the file system is damaged"; }
