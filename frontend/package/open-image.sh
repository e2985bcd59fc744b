#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts the system on a disk image, in a window: what a desktop runs when an image is opened. The image is written; its
# boot loader is started by U-Boot.
# Usage: open-image [IMAGE]     RVIVE: the emulator (default: rvive); without IMAGE it says how to start one.
firmware=/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf

# stay TEXT: shows it, and waits: a desktop closes the terminal when this script ends.
stay() {
    echo "$1"
    [ ! -t 0 ] || { printf 'Press Enter to close this window.' && read -r _; }
    exit 1
}

[ $# -gt 0 ] || stay "Open a disk image with Rvive, or type in a terminal: man rvive"
[ -r "$1" ] || stay "$1 cannot be read."
[ -f "$firmware" ] || stay "$firmware is missing: install the package u-boot-qemu."
image=$(printf '%s' "$1" | sed 's/,/,,/g')
"${RVIVE:-rvive}" -name "${image##*/}" -smp 2 -m 2G -kernel "$firmware" -drive "file=$image,if=virtio" \
    -device virtio-gpu-pci -device virtio-keyboard-pci -device virtio-tablet-pci ||
    stay "Rvive ended with status $?."
