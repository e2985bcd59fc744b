#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches what a package of Debian 13 for riscv64 has for guests; nothing is done when it is there.
#   fetch-package.sh edk2       EDK2 for the board: RVIVE_CACHE/guest/edk2/ with RISCV_VIRT_CODE.fd (for -machine pflash0=)
#                               and RISCV_VIRT_VARS.fd (to be copied, for pflash1=)
#   fetch-package.sh opensbi    the default firmware: RVIVE_CACHE/guest/opensbi/ with opensbi-riscv{64,32}-generic-fw_dynamic.bin
#                               and the package's copyright
#   fetch-package.sh installer  the network installer: RVIVE_CACHE/guest/installer/ with its kernel, linux, and initrd.gz
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

# The last file is the one whose presence means that all are there.
case ${1-} in
edk2) package=qemu-efi-riscv64 files="RISCV_VIRT_VARS.fd RISCV_VIRT_CODE.fd" ;;
opensbi) package=opensbi files="copyright opensbi-riscv32-generic-fw_dynamic.bin opensbi-riscv64-generic-fw_dynamic.bin" ;;
installer) package=debian-installer-13-netboot-riscv64 files="initrd.gz linux" ;;
*) die "usage: fetch-package.sh edk2|opensbi|installer" ;;
esac
folder=$guest_dir/$1
if [ -f "$folder/${files##* }" ]; then
    exit 0
fi
new=$folder.new
apt_fetch_files riscv64 "$new" "$package"
mkdir -p "$folder"
for file in $files; do
    # The package has the same file for both widths, in folders of their own; the name here is that of QEMU's packages.
    width=$(expr "$file" : 'opensbi-riscv\([0-9]*\)-' || :)
    [ -n "$width" ] && name="*/riscv$width-linux-gnu/opensbi/generic/fw_dynamic.bin" || name="*/$file"
    found=$(find "$new/root" -type f -path "$name")
    [ -f "$found" ] || die "the package $package does not hold one $file"
    cp "$found" "$folder/$file.new"
    mv "$folder/$file.new" "$folder/$file"
done
rm -rf "$new"
