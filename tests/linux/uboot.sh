#!/bin/sh
# SPDX-License-Identifier: MIT
# OpenSBI and U-Boot, both from Debian, to U-Boot's prompt; U-Boot sees the disk and switches the machine off.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

uboot=${RVIVE_UBOOT:-/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf}
[ -f "$uboot" ] || die "no $uboot: install u-boot-qemu"

truncate -s 1M "$work/disk.img"
drive 110 -M virt -m 256M -smp 2 -nographic -kernel "$uboot" \
    -drive file="$work/disk.img",if=none,format=raw,id=hd0 -device virtio-blk-device,drive=hd0 <<'END'
timeout 60
expect OpenSBI v
expect U-Boot 20
expect Hit any key to stop autoboot
send  
expect => 
send virtio scan; virtio info\r
expect Capacity: 1.0 MB
send poweroff\r
exit 0
terminal
END
