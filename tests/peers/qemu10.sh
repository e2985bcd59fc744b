#!/bin/sh
# SPDX-License-Identifier: MIT
# Puts the programs that the tests compare with into a folder: QEMU 10 (system and user mode) and binutils 2.44 for riscv64,
# from Debian 13. The packages are only unpacked, so root is not needed and the system does not change; tests/peers/qemu runs
# the programs. Does nothing if they are there.
# Usage: qemu10.sh [DIR]     DIR defaults to RVIVE_QEMU, then to qemu10 in RVIVE_CACHE
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"

dir=${1:-${RVIVE_QEMU:-$RVIVE_CACHE/qemu10}}
run=$top/tests/peers/qemu
[ ! -f "$dir/.ready" ] || exit 0

apt_private_setup amd64
rm -rf "$dir" "$dir.debs"
say "Fetching QEMU 10 and binutils for riscv64"
apt_fetch_all amd64 "$dir.debs" qemu-system-riscv qemu-user qemu-utils binutils-riscv64-linux-gnu capstone-tool
say "Unpacking into $dir"
apt_unpack "$dir" "$dir.debs"/*.deb
rm -rf "$dir.debs"
# Files that the tests never read are most of the size.
rm -rf "$dir/usr/share/doc" "$dir/usr/share/man" "$dir/usr/share/locale" "$dir/usr/share/info"
find "$dir/usr/bin" -name 'qemu-*' ! -name 'qemu-*riscv*' ! -name qemu-img -delete
for program in qemu-system-riscv64 qemu-system-riscv32 qemu-riscv64 qemu-riscv32 qemu-img riscv64-linux-gnu-objdump; do
    sh "$run" "$dir" $program --version | head -n 1 >&2 || die "$program does not run from $dir"
done
: >"$dir/.ready"
