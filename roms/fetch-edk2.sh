#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches EDK2 for the board from Debian 13's qemu-efi-riscv64. Nothing is done when it is there. Leaves RVIVE_CACHE/guest/edk2/
# with RISCV_VIRT_CODE.fd (for -machine pflash0=) and RISCV_VIRT_VARS.fd (to be copied, for pflash1=).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

if [ -f "$guest_dir/edk2/RISCV_VIRT_CODE.fd" ]; then
    exit 0
fi
new=$guest_dir/edk2.new
apt_fetch_files riscv64 "$new" qemu-efi-riscv64
mkdir -p "$guest_dir/edk2"
cp "$new/root/usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd" "$guest_dir/edk2/"
cp "$new/root/usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd" "$guest_dir/edk2/code.new"
mv "$guest_dir/edk2/code.new" "$guest_dir/edk2/RISCV_VIRT_CODE.fd"
rm -rf "$new"
