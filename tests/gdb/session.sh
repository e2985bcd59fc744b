#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts an emulator with guest.c, paused, drives gdb with scripts, and checks that every check passed and that the guest
# ended well.
# Usage: session.sh ELF SCRIPT -- EMULATOR [ARGUMENTS...]
#        session.sh ELF SCRIPT --qemu XLEN [ARGUMENTS...]
# Every "expect" of the script must print "ok". --qemu takes QEMU 10 from $RVIVE_QEMU; without it: 77, skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
elf=$1
script=$2
checks=$(grep -c '^expect ' "$script")
case $3 in
--qemu)
    xlen=$4
    shift 4
    folder=${RVIVE_QEMU:-$here/../../.cache/qemu10}
    if [ ! -x "$folder/usr/bin/qemu-system-riscv$xlen" ]; then
        echo "skipped: no qemu-system-riscv$xlen in $folder (tests/peers/qemu10.sh fetches it)"
        exit 77
    fi
    set -- sh "$here/../peers/qemu" "$folder" "qemu-system-riscv$xlen" "$@"
    ;;
*) shift 3 ;;
esac
gdb=$(command -v gdb-multiarch) || { echo "session.sh: gdb-multiarch is not installed"; exit 2; }
work=$(mktemp -d) || exit 2
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null; rm -rf "$work"' EXIT

timeout 120 "$@" -M virt -m 128M -smp 2 -nographic -bios none -kernel "$elf" -S \
    -gdb "unix:$work/gdb,server=on,wait=off" </dev/null >"$work/console" 2>&1 &
emulator=$!
tries=0
until [ -S "$work/gdb" ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] && kill -0 "$emulator" 2>/dev/null || { cat "$work/console"; exit 1; }
    sleep 0.05
done

GDB_SOCKET=$work/gdb timeout 100 "$gdb" -nx -batch -x "$here/common.gdb" -ex "file $elf" \
    -ex "target remote $work/gdb" -x "$script" \
    -ex "continue" >"$work/log" 2>&1
echo "gdb ended with status $?"
cat "$work/log"
wait "$emulator"
status=$?
emulator=
cat "$work/console"
good=$(grep -c '^ok ' "$work/log")
bad=$(grep -c '^FAIL ' "$work/log")
echo "$good ok, $bad failed, $checks wanted; the guest ended with status $status"
[ "$good" -eq "$checks" ] && [ "$bad" -eq 0 ] && [ $status -eq 0 ]
