#!/bin/sh
# SPDX-License-Identifier: MIT
# Puts the C compiler proper of gcc 14 for riscv64, from Debian 13, into a folder: it can vectorize loops, which the compiler
# of Debian 12 cannot. It is only unpacked, as the peers of qemu10.sh are, and run in the same way:
#   tests/peers/qemu DIR ../libexec/gcc-cross/riscv64-linux-gnu/14/cc1 -quiet ... FILE.i -o FILE.s
# If it is there already, nothing is done. Usage: gcc14.sh [DIR]     DIR defaults to gcc14 in RVIVE_CACHE
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"

dir=${1:-$RVIVE_CACHE/gcc14}
[ ! -f "$dir/.ready" ] || exit 0

apt_private_setup amd64
rm -rf "$dir" "$dir.debs"
say "Fetching gcc 14 for riscv64"
apt_fetch_all amd64 "$dir.debs" cpp-14-riscv64-linux-gnu
say "Unpacking into $dir"
apt_unpack "$dir" "$dir.debs"/*.deb
rm -rf "$dir.debs" "$dir/usr/share/doc" "$dir/usr/share/man" "$dir/usr/share/locale" "$dir/usr/share/info"
cc1=../libexec/gcc-cross/riscv64-linux-gnu/14/cc1
sh "$top/tests/peers/qemu" "$dir" $cc1 -quiet -fpreprocessed - -o "$dir/empty.s" </dev/null || die "cc1 does not run from $dir"
grep '\.ident' "$dir/empty.s" >&2 && rm "$dir/empty.s"
: >"$dir/.ready"
