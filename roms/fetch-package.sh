#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches what a package of Debian 13 for riscv64 has for guests; nothing is done when it is there.
#   fetch-package.sh edk2       EDK2 for the board: RVIVE_CACHE/guest/edk2/ with RISCV_VIRT_CODE.fd (for -machine pflash0=)
#                               and RISCV_VIRT_VARS.fd (to be copied, for pflash1=)
#   fetch-package.sh installer  the network installer: RVIVE_CACHE/guest/installer/ with its kernel, linux, and initrd.gz
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

# The last file is the one whose presence means that all are there.
case ${1-} in
edk2) package=qemu-efi-riscv64 files="RISCV_VIRT_VARS.fd RISCV_VIRT_CODE.fd" ;;
installer) package=debian-installer-13-netboot-riscv64 files="initrd.gz linux" ;;
*) die "usage: fetch-package.sh edk2|installer" ;;
esac
folder=$guest_dir/$1
if [ -f "$folder/${files##* }" ]; then
    exit 0
fi
new=$folder.new
apt_fetch_files riscv64 "$new" "$package"
mkdir -p "$folder"
for file in $files; do
    found=$(find "$new/root" -type f -name "$file")
    [ -f "$found" ] || die "the package $package does not hold one $file"
    cp "$found" "$folder/$file.new"
    mv "$folder/$file.new" "$folder/$file"
done
rm -rf "$new"
