#!/bin/sh
# SPDX-License-Identifier: MIT
# A program in the flash of HiFive1: registers at reset, pins, watchdog, timer, both directions of the UART, with RV32 and RV64
# harts, in the interpreter and the translator, and the same beside QEMU 10. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
peer=${RVIVE_QEMU:-$here/../../.cache/qemu10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# compile NAME XLEN BASE FLAGS...
compile() {
    abi=lp64
    [ "$2" = 64 ] || abi=ilp32
    riscv64-unknown-elf-gcc -march=rv${2}imac_zicsr -mabi=$abi -mcmodel=medany -nostdlib -ffreestanding -O1 \
        -Wl,--build-id=none,--no-warn-rwx-segments,--defsym=BASE="$3" -T "$here/link.ld" "$here/program.c" -o "$work/$1" ${4:-}
}

wanted() {
    cat <<END
misa $1
data 00001234
hfrosccfg c0000000
hfxosccfg c0000000
pllcfg 80060000
plloutdiv 00000100
wdogcfg 00000000
wdogcmp0 0000beef
rxdata 80000000
spi 00000000
pwm 00000000
pins 00000000
pins 00000020
pin interrupt
wdogcount 00000000
watchdog interrupt
timer interrupt
ip 00000001
some keys
END
}

# expect NAME MISA COMMAND...
expect() {
    name=$1
    wanted "$2" | grep -v "${without:-nothing}" >"$work/wanted"
    shift 2
    status=0
    { sleep 0.3; echo "some keys"; } | timeout 20 "$@" >"$work/output" 2>"$work/errors" || status=$?
    if [ $status -ne 17 ] || ! cmp -s "$work/wanted" "$work/output"; then
        echo "FAIL $name: status $status (wanted 17); output against what was wanted:"
        diff "$work/output" "$work/wanted" || true
        cat "$work/errors"
        failures=$((failures + 1))
    fi
}

compile flash32 32 0x20400000
compile flash64 64 0x20400000
compile revb32 32 0x20010000
flags="-display none -monitor none -serial stdio -semihosting"
for accel in interp t2,eager=on; do
    # shellcheck disable=SC2086
    expect "RV32, $accel" 40101105 "$rvive" -M sifive_e -accel $accel $flags -kernel "$work/flash32"
done
# shellcheck disable=SC2086
expect "RV64" 00101105 "$rvive" -M sifive_e -cpu sifive-e51 $flags -kernel "$work/flash64"
# shellcheck disable=SC2086
expect "revision B" 40101105 "$rvive" -M sifive_e,revb=on $flags -kernel "$work/revb32"
# shellcheck disable=SC2086
expect "by the loader" 40101105 "$rvive" -M sifive_e $flags -device "loader,file=$work/flash32"

# On QEMU 10 the watchdog's interrupt does not come, so the program does not wait for it there.
compile short32 32 0x20400000 -DNO_WATCHDOG
compile short64 64 0x20400000 -DNO_WATCHDOG
without="^w.*dog[ c][io]"
# shellcheck disable=SC2086
expect "RV32 without the watchdog" 40101105 "$rvive" -M sifive_e $flags -kernel "$work/short32"
if [ -x "$peer/usr/bin/qemu-system-riscv32" ]; then
    # shellcheck disable=SC2086
    expect "QEMU" 40101105 sh "$here/../peers/qemu" "$peer" qemu-system-riscv32 -M sifive_e $flags -kernel "$work/short32"
    # shellcheck disable=SC2086
    expect "QEMU, RV64" 00101105 sh "$here/../peers/qemu" "$peer" qemu-system-riscv64 -M sifive_e $flags -kernel "$work/short64"
fi
"$rvive" -M sifive_e -m 64K 2>&1 | grep -q "the board takes up to 16K" || { echo "FAIL: -m"; failures=$((failures + 1)); }
"$rvive" -M sifive_e -dtb "$work/x" 2>&1 | grep -q "has no device tree" || { echo "FAIL: -dtb"; failures=$((failures + 1)); }
exit $failures
