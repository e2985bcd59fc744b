#!/bin/sh
# SPDX-License-Identifier: MIT
# -profile finds where a program spends its time, with its callers, in both tiers and on RV32; the picture is complete.
# run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# profile MARCH MABI ARGUMENTS...
profile() {
    riscv64-unknown-elf-gcc -march="$1" -mabi="$2" -mcmodel=medany -O1 -fno-omit-frame-pointer -ffreestanding -nostdlib \
        -static -Wl,-Ttext=0x80000000 -Wl,--no-warn-rwx-segments "$here/program.c" -o "$work/program.elf" -Wl,-N \
        -Wl,--section-start=.text.start=0x80000000 -Wl,-Ttext=0x80001000
    shift 2
    rm -f "$work/out" "$work/out.svg"
    status=0
    timeout 60 "$rvive" -M virt -bios none -display none -kernel "$work/program.elf" -profile "$work/out,hz=2000" "$@" ||
        status=$?
    [ $status -eq 0 ] || { echo "FAIL: status $status from $*"; failures=$((failures + 1)); return; }
    awk -v what="$*" '
        { count = $NF; total += count; sub(/ [0-9]+$/, "") }
        /^firmware;_start;outer;middle;heavy$/ { heavy += count }
        /^firmware;_start;outer;light$/ { light += count }
        END {
            if (total < 50 || heavy < 0.75 * total || light < 0.03 * total || light > 0.25 * total) {
                printf "FAIL %s: %d samples, %d in heavy, %d in light\n", what, total, heavy, light
                exit 1
            }
        }' "$work/out" || { cat "$work/out"; failures=$((failures + 1)); }
    python3 - "$work/out.svg" <<'END' || { echo "FAIL: the picture of $*"; failures=$((failures + 1)); }
import sys, xml.dom.minidom
document = xml.dom.minidom.parse(sys.argv[1])
names = {}
for group in document.getElementsByTagName("g"):
    name = group.getAttribute("data-n")
    names[name] = max(names.get(name, 0), float(group.getAttribute("data-w")))
assert abs(names["firmware"] - 1200) < 1 and 900 < names["heavy"] <= names["middle"] <= names["outer"] <= 1200, names
END
}

profile rv64imafdc lp64d -cpu rv64
profile rv64imafdc lp64d -cpu rv64 -accel interp
profile rv32imac ilp32 -cpu rv32

# refused TEXT FILE: the emulator ends at the start with status 1, and the message has the text.
refused() {
    status=0
    timeout 20 "$rvive" -M virt -bios none -display none -kernel "$work/program.elf" -cpu rv32 -profile "$2" -S -semihosting \
        2>"$work/errors" || status=$?
    [ $status -eq 1 ] && grep -qe "-profile.*$1" "$work/errors" ||
        { echo "FAIL: -profile $2: status $status: $(cat "$work/errors")"; failures=$((failures + 1)); }
}
mkfifo "$work/pipe"
mkdir "$work/picture.svg"
cp "$work/program.elf" "$work/program.svg"
refused "no/where" "$work/no/where"
refused "No such device" "$work/pipe"
refused "picture.svg" "$work/picture"
refused "guest's program" "$work/program.elf"
refused "guest's program" "$work/program,symbols=$work/program.svg"
cmp -s "$work/program.elf" "$work/program.svg" || { echo "FAIL: the guest's program has changed"; failures=$((failures + 1)); }

# It is an error, too, if the file cannot be written at the end: a disk that is full, and a limit on the size of files.
ln -s /dev/full "$work/full"
status=0
"$rvive" -M virt -bios none -display none -kernel "$work/program.elf" -cpu rv32 -profile "$work/full" \
    2>"$work/errors" || status=$?
[ $status -eq 1 ] && grep -q "cannot write .*/full: No space" "$work/errors" ||
    { echo "FAIL: a full disk: status $status: $(cat "$work/errors")"; failures=$((failures + 1)); }
said=$(
    ulimit -f 0
    "$rvive" -M virt -bios none -display none -kernel "$work/program.elf" -cpu rv32 -profile "$work/short" \
        2>&1 || echo "status $?"
)
case $said in
*"cannot write $work/short: File too large"*"status 1") ;;
*) echo "FAIL: a limit on files: $said"; failures=$((failures + 1)) ;;
esac
echo "$failures failures"
[ $failures -eq 0 ]
