#!/bin/sh
# SPDX-License-Identifier: MIT
# A program in the flash of Longan Nano: clocks, interrupts with and without vectors, their levels, timers, pins, both directions
# of the USART; in the interpreter and the translator, as ELF file and as raw image. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# compile NAME FLAGS...
compile() {
    name=$1
    shift
    riscv64-unknown-elf-gcc -march=rv32imac_zicsr -mabi=ilp32 -mcmodel=medany -nostdlib -ffreestanding -O1 \
        -Wl,--build-id=none,--no-warn-rwx-segments -T "$here/link.ld" "$here/program.c" -o "$work/$name" "$@"
}

cat >"$work/wanted" <<END
misa 40901105
marchid 80000022
data 00001234
alias 00000001
clicinfo 00800057
rcu 03030083
size 00200080
stat 000000c0
spi 000003ff
exception 0000000b
msubm 00000080
order 0000033f
order 0000195f
order 0000469f
order 0000015f
order 0000475f
pin 00000001
level 00000000
masked 00000001
mnxti 00000000
taken 00000002
work 415be591
mtime 00000001
mtime at 0000075f
timer2 00000001
timer5 00000008
some keys
END

# expect NAME FLAGS...
expect() {
    name=$1
    shift
    status=0
    { sleep 0.3; echo "some keys"; } | timeout 30 "$rvive" -M gd32vf103 -display none -monitor none -serial stdio \
        -semihosting "$@" >"$work/output" 2>"$work/errors" || status=$?
    if [ $status -ne 17 ] || ! cmp -s "$work/wanted" "$work/output"; then
        echo "FAIL $name: status $status (wanted 17); output against what was wanted:"
        diff "$work/output" "$work/wanted" || true
        cat "$work/errors"
        failures=$((failures + 1))
    fi
}

# says NAME TEXT FLAGS...
says() {
    name=$1
    text=$2
    shift 2
    timeout 20 "$rvive" "$@" >"$work/output" 2>&1 || true
    grep -q -e "$text" "$work/output" || { echo "FAIL $name:"; cat "$work/output"; failures=$((failures + 1)); }
}

compile flash
riscv64-unknown-elf-objcopy -O binary "$work/flash" "$work/flash.bin"
for accel in interp t1,eager=on t2,eager=on; do
    expect "$accel" -accel $accel -kernel "$work/flash"
done
expect "raw image" -kernel "$work/flash.bin"
expect "raw image by -bios" -bios "$work/flash.bin"
says "-cpu" "needs -cpu gd32v" -M gd32vf103 -cpu rv32 -kernel "$work/flash"
says "-m" "the board takes up to 32K" -M gd32vf103 -m 64K
says "-identify, ELF" "type: rvive -M gd32vf103 -nographic -kernel" -identify "$work/flash"
exit $failures
