#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux on harts with V: it reports V to programs, and saves the vector registers of processes that share a hart, and around
# signal handlers (vectors.c). A process that has not used them yet can use them on either hart. The harts are those of the
# profile that such programs are built for.
# Usage: vector.sh CONSOLE EMULATOR [VLEN]
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

mkdir "$work/root"
"${cross}gcc" -O1 -static -march=rv64gcv "$top/tests/linux/vectors.c" -o "$work/root/vectors" ||
    die "cannot compile vectors.c"
make_initramfs "$work/root"
initramfs=$work/initramfs

drive_linux 280 2 -cpu rva23s64,vlen="${3:-256}" <<'END_OF_SCRIPT'
timeout 180
expect Rvive guest is up: Linux 6.
timeout 60
run grep -m 1 ^isa /proc/cpuinfo
expect rv64imafdcvh_
run /vectors 6 60
expect vectors-ok
run dmesg | grep -cE 'Kernel panic|Oops|BUG:' | sed s/^/bad-/
expect bad-0
run poweroff -f
expect Power down
exit 0
END_OF_SCRIPT
