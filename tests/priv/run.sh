#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs one bare-metal test on an emulator of the board `virt` and tells whether it passed.
# Usage: run.sh [--known FILE] [--time SECONDS] EMULATOR [ARGUMENTS...] ELF
#        run.sh [--known FILE] [--time SECONDS] --qemu XLEN [ARGUMENTS...] ELF
# --qemu takes QEMU 10 from the folder $RVIVE_QEMU (.cache/qemu10 in the checkout by default); without it the exit status
# is 77, "skipped". --known names checks that may fail (qemu-differs.txt): all others must pass.
set -u
here=$(cd "$(dirname "$0")" && pwd)
known=
seconds=60
qemu=
while [ $# -gt 0 ]; do
    case $1 in
    --known) known=$2; shift 2 ;;
    --time) seconds=$2; shift 2 ;;
    --qemu) qemu=$2; shift 2 ;;
    *) break ;;
    esac
done
[ $# -ge 1 ] || { echo "usage: run.sh [--known FILE] [--time SECONDS] EMULATOR [ARGUMENTS...] ELF" >&2; exit 2; }

if [ -n "$qemu" ]; then
    folder=${RVIVE_QEMU:-$here/../../.cache/qemu10}
    if [ ! -x "$folder/usr/bin/qemu-system-riscv$qemu" ]; then
        echo "skipped: no qemu-system-riscv$qemu in $folder (tests/peers/qemu10.sh fetches it)"
        exit 77
    fi
    set -- sh "$here/../peers/qemu" "$folder" "qemu-system-riscv$qemu" "$@"
fi

# The last argument is the program; it follows -kernel, after all other arguments.
count=$#
for argument in "$@"; do
    shift
    count=$((count - 1))
    if [ $count -eq 0 ]; then
        elf=$argument
    else
        set -- "$@" "$argument"
    fi
done
[ -r "$elf" ] || { echo "run.sh: cannot read $elf" >&2; exit 2; }

log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
timeout "$seconds" "$@" -M virt -m 128M -smp 2 -nographic -bios none -kernel "$elf" </dev/null >"$log" 2>&1
status=$?
tr -d '\r' <"$log"
if [ $status -eq 124 ]; then
    echo "run.sh: no end within $seconds s"
    exit 1
fi
summary=$(grep -a -c -E '^(PASSED|FAILED) [a-z]+: [0-9]+ checks, [0-9]+ failed' "$log")
if [ "$summary" -ne 1 ]; then
    echo "run.sh: exit status $status, and the program did not report its end"
    exit 1
fi
if [ $status -eq 0 ]; then
    grep -a -q '^PASSED' "$log" || { echo "run.sh: exit status 0 of a failed test"; exit 1; }
    exit 0
fi
[ -n "$known" ] || exit 1

# Every failed check must be one of the known ones.
failed=$(grep -a '^FAIL ' "$log" | sed 's/^FAIL \([^:]*\):.*/\1/' | sort -u)
[ -n "$failed" ] || { echo "run.sh: exit status $status, but no check failed"; exit 1; }
unknown=0
for check in $failed; do
    if ! grep -q "^$check:" "$known"; then
        echo "run.sh: $check is not listed in $known"
        unknown=1
    fi
done
[ $unknown -eq 0 ] && echo "run.sh: only known differences failed"
exit $unknown
