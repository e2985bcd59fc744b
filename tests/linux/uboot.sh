#!/bin/sh
# SPDX-License-Identifier: MIT
# OpenSBI and U-Boot, both from Debian, to U-Boot's prompt; U-Boot finds the disk, reads it and turns the machine off. A
# third argument is the kind of disk, with its keys (default virtio-blk-device).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

uboot=${RVIVE_UBOOT:-/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf}
[ -f "$uboot" ] || die "no $uboot: install u-boot-qemu"

echo 'Rvive and U-Boot' >"$work/disk.img"
truncate -s 1M "$work/disk.img"
drive 110 -M virt -m 256M -smp 2 -nographic -kernel "$uboot" \
    -drive file="$work/disk.img",if=none,format=raw,id=hd0 -device "${3:-virtio-blk-device},drive=hd0" <<'END'
timeout 60
expect OpenSBI v
expect U-Boot 20
expect Hit any key to stop autoboot
send  
expect => 
send virtio scan; virtio info\r
expect Capacity: 1.0 MB
expect => 
send virtio read 84000000 0 4; md.b 84000000 10\r
expect Rvive and U-Boot
expect => 
send poweroff\r
exit 0
terminal
END
