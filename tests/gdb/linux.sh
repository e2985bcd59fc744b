#!/bin/sh
# SPDX-License-Identifier: MIT
# Boots Debian's kernel under gdb (linux.gdb) to its power-off, and checks that every check passed.
# Usage: linux.sh RVIVE [ARGUMENTS...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
. "$top/roms/lib.sh"
[ -f "$guest_dir/initramfs.cpio" ] || die "no guest in $guest_dir: run roms/run.sh --fetch-only first"
entry=$(readelf -h "$guest_dir/busybox" | awk '/Entry point/ { print $NF }')
work=$(mktemp -d)
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null; rm -rf "$work"' EXIT

timeout 250 "$@" -M virt -m 512M -smp 2 -display none -serial "file:$work/console" -kernel "$guest_dir/vmlinux" \
    -initrd "$guest_dir/initramfs.cpio" -append "console=ttyS0 rvive.test=poweroff" -S -gdb "unix:$work/gdb" &
emulator=$!
tries=0
until [ -S "$work/gdb" ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || die "the emulator opened no socket"
    sleep 0.05
done
SYMBOLS=$work/kernel.elf timeout 240 gdb-multiarch -nx -batch -x "$here/common.gdb" -ex "set architecture riscv:rv64" \
    -ex "target remote $work/gdb" -ex "set \$entry=$entry" -x "$here/linux.gdb" -ex continue >"$work/log" 2>&1 || :
cat "$work/log"
status=0
wait "$emulator" || status=$?
emulator=
tail -n 3 "$work/console"
wanted=$(grep -c '^expect ' "$here/linux.gdb")
good=$(grep -c '^ok ' "$work/log" || :)
echo "$good of $wanted ok; the guest ended with status $status"
[ "$good" -eq "$wanted" ] && [ $status -eq 0 ] && grep -q 'Rvive guest is up' "$work/console"
