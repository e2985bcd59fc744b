#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux finds the buses behind root ports: a disk that is there from the start, and one that comes and goes twice. Debian's
# kernel has no driver for the slots, so a shell in the guest switches the power and asks Linux to look again.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

need_guest
for disk in cold hot; do
    head -c 1048576 /dev/urandom >"$work/$disk.img"
done
python3 "$top/tests/linux/hotplug.py" "$work" $emulator -M virt -m 256M -nographic -kernel "$vmlinux" -initrd "$initramfs" \
    -append console=ttyS0 -nic none \
    -device pcie-root-port,id=pci.1,chassis=1,port=0x8,bus=pcie.0,addr=0x1,multifunction=on \
    -device pcie-root-port,id=pci.2,chassis=2,port=0x9,bus=pcie.0,addr=0x1.0x1 \
    -drive file="$work/cold.img",if=none,format=raw,id=cold -device virtio-blk-pci,drive=cold,bus=pci.2,addr=0x0 \
    -blockdev driver=raw,node-name=hot,file.driver=file,file.filename="$work/hot.img"
