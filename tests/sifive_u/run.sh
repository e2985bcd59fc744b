#!/bin/sh
# SPDX-License-Identifier: MIT
# A program on HiFive Unleashed: registers at reset, fuses, DMA, both kinds of harts, SD card, the pin that resets, the switches,
# in the interpreter and the translator, and the same beside QEMU 10. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
peer=${RVIVE_QEMU:-$here/../../.cache/qemu10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# compile NAME BASE FLAGS...
compile() {
    riscv64-unknown-elf-gcc -march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany -nostdlib -ffreestanding -O1 -Wall -Wextra -Werror \
        -Wl,--build-id=none,--no-warn-rwx-segments,--defsym=BASE="$2" -T "$here/link.ld" "$here/program.c" -o "$work/$1" ${3:-}
}

# wanted MSEL
wanted() {
    cat <<END
misa 00101105
msel 0000000$1
hfxosccfg c0000000
corepllcfg0 820187c1
coreclksel 00000001
corepllcfg0 82110100
fuses off 000000ff
serial 00001234
serial ffffedcb
pdma config 66000000
pdma control 4000c001
pdma data 3f3e3d3c
meip 00000001
second misa 0014112d
second seip 00000001
second meip 00000000
claimed 00000017
meip 00000000
cmd0 00000001
cmd8 00000001
echo 000001aa
cmd17 00000000
token 000000fe
data 41424344
crc 0000$crc
END
}

# expect NAME MSEL STATUS COMMAND...
expect() {
    name=$1
    wanted "$2" >"$work/wanted"
    [ "$3" = 17 ] || echo pin >>"$work/wanted"
    end=$3
    shift 3
    status=0
    timeout 20 "$@" -display none -monitor none -serial stdio -semihosting -drive "file=$work/card,if=sd,format=raw" \
        <"/dev/null" >"$work/output" 2>"$work/errors" || status=$?
    if [ $status -ne "$end" ] || ! cmp -s "$work/wanted" "$work/output"; then
        echo "FAIL $name: status $status (wanted $end); output against what was wanted:"
        diff "$work/output" "$work/wanted" || true
        cat "$work/errors"
        failures=$((failures + 1))
    fi
}

# refuse WORDS ARGUMENTS...
refuse() {
    words=$1
    shift
    "$rvive" "$@" -bios none -display none -serial null >"$work/output" 2>&1 && { echo "FAIL: $*"; failures=$((failures + 1)); }
    grep -q -- "$words" "$work/output" || { echo "FAIL: $* does not say $words"; failures=$((failures + 1)); }
}

awk 'BEGIN { for (i = 0; i < 512; i++) printf "%c", i == 511 ? 10 : 0x61; for (i = 0; i < 128; i++) printf "ABCD" }' >"$work/card"
truncate -s 1M "$work/card"
crc=c4ba
compile ram 0x80000000
compile pin 0x80000000 -DBY_PIN
compile chip 0x8000000
u=sifive_u,serial=0x1234
for accel in interp t1,hot=1 t2,eager=on; do
    expect "$accel" 0 17 "$rvive" -M $u -smp 2 -bios none -accel $accel -kernel "$work/ram"
done
expect "five harts" 0 17 "$rvive" -M $u -smp 5 -bios none -kernel "$work/ram"
expect "by the pin" 0 0 "$rvive" -M $u -bios none -no-reboot -kernel "$work/pin"
expect "memory on the chip" b 17 "$rvive" -M $u,msel=11 -bios "$work/chip"
if [ -x "$peer/usr/bin/qemu-system-riscv64" ]; then
    q="sh $here/../peers/qemu $peer qemu-system-riscv64"
    # shellcheck disable=SC2086
    expect "QEMU" 0 17 $q -M $u -smp 2 -bios none -kernel "$work/ram"
    # shellcheck disable=SC2086
    expect "QEMU, by the pin" 0 0 $q -M $u -bios none -no-reboot -kernel "$work/pin"
fi
refuse "2 to 5 harts" -M sifive_u -smp 1
refuse "2 to 5 harts" -M sifive_u -smp 6
refuse "has no msel" -M virt,msel=1
refuse "has no slot for an SD card" -M virt -drive "file=$work/card,if=sd,format=raw"
refuse "the slot is taken" -M sifive_u -drive "file=$work/card,if=sd,format=raw" -drive "file=$work/pin,if=sd,format=raw"
exit $failures
