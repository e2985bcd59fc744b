#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's driver of the memory balloon: memory that the guest has used and freed goes back to the host by itself (free page
# reporting); the guest gives up half of its memory and gets it back, what it keeps there stays as it is, and its statistics
# arrive.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

module=$(find "$guest_dir/kernel/usr/lib/modules" -name 'virtio_balloon.ko*')
mkdir -p "$work/root/modules/balloon"
case $module in
*.xz) xz -dc "$module" >"$work/root/modules/balloon/virtio_balloon.ko" ;;
*.ko) cp "$module" "$work/root/modules/balloon" ;;
*) fail "the kernel has no virtio_balloon: $module" ;;
esac
echo virtio_balloon.ko >"$work/root/modules/balloon/order"
make_initramfs "$work/root"
# shellcheck disable=SC2086 # RVIVE_EMULATOR has arguments
python3 "$top/tests/linux/balloon.py" "$work" $emulator -M virt -m 512M -kernel "$vmlinux" -initrd "$work/initramfs" \
    -append "console=ttyS0" -display none -monitor none
