#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian 13's network installer (package debian-installer-13-netboot-riscv64). Nothing is done when it is there.
# Leaves RVIVE_CACHE/guest/installer/ with its kernel, linux, and initrd.gz.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

if [ -f "$guest_dir/installer/linux" ]; then
    exit 0
fi
new=$guest_dir/installer.new
apt_fetch_files riscv64 "$new" debian-installer-13-netboot-riscv64
images=$(find "$new/root" -name initrd.gz)
[ -f "$images" ] || die "the package does not hold one initrd.gz"
mkdir -p "$guest_dir/installer"
cp "$images" "$guest_dir/installer/"
cp "${images%/*}/linux" "$guest_dir/installer/linux.new"
mv "$guest_dir/installer/linux.new" "$guest_dir/installer/linux"
rm -rf "$new"
