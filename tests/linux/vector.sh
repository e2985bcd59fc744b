#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux on harts with V: it says so to programs, saves the vector registers of processes that share a hart, and around
# handlers of signals (vectors.c); a process that has not used them yet finds them usable on either hart.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

mkdir "$work/root"
"${cross}gcc" -O1 -static -march=rv64gcv "$top/tests/linux/vectors.c" -o "$work/root/vectors" ||
    die "cannot compile vectors.c"
make_initramfs "$work/root"
initramfs=$work/initramfs

drive_linux 280 2 -cpu rv64,v=on,vlen="${3:-256}" <<'END_OF_SCRIPT'
timeout 180
expect Rvive guest is up: Linux 6.
timeout 60
run grep -m 1 ^isa /proc/cpuinfo
expect rv64imafdcv_
run /vectors 6 60
expect vectors-ok
run dmesg | grep -cE 'Kernel panic|Oops|BUG:' | sed s/^/bad-/
expect bad-0
run poweroff -f
expect Power down
exit 0
END_OF_SCRIPT
