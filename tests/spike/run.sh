#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs for Spike on `-machine spike`: exit status, console, files and the way out of their folder, RV32 and RV64, in all
# tiers, and what QEMU 10 has of it there. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
peer=${RVIVE_QEMU:-$here/../../.cache/qemu10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# compile NAME XLEN SOURCE FLAGS...
compile() {
    name=$1 xlen=$2 source=$3
    shift 3
    abi=lp64
    [ "$xlen" = 64 ] || abi=ilp32
    riscv64-unknown-elf-gcc -march=rv${xlen}imac_zicsr -mabi=$abi -mcmodel=medany -nostdlib -ffreestanding -O1 \
        -Wl,--build-id=none,--no-warn-rwx-segments -T "$here/link.ld" "$@" "$here/$source" -o "$work/$name"
}

# expect NAME STATUS INPUT COMMAND...: the output must equal the lines on stdin
expect() {
    name=$1 wanted=$2 input=$3
    shift 3
    cat >"$work/wanted"
    status=0
    printf '%s' "$input" | timeout 10 "$@" >"$work/output" 2>"$work/errors" || status=$?
    if [ $status -ne "$wanted" ] || ! cmp -s "$work/wanted" "$work/output"; then
        echo "FAIL $name: status $status (wanted $wanted); output against what was wanted:"
        diff "$work/output" "$work/wanted" || true
        cat "$work/errors"
        failures=$((failures + 1))
    fi
}


everything() {
    xlen=$1
    shift
    set -- "$rvive" -M spike -cpu "rv$xlen" -bios none -display none -serial stdio "$@"
    expect "pass" 0 "" "$@" -kernel "$work/pass$xlen" </dev/null
    expect "fail 7" 7 "" "$@" -kernel "$work/fail$xlen" </dev/null
    expect "fail 7 as firmware" 7 "" "$@" -bios "$work/fail$xlen" </dev/null
    expect "fail 7 by the loader" 7 "" "$@" -device "loader,file=$work/fail$xlen,cpu-num=0" </dev/null
    expect "old environment" 9 "" "$@" -kernel "$work/low$xlen" </dev/null
    expect "console" 3 "some keys
" "$@" -kernel "$work/program$xlen" -append "echo page exit 3" <<END
hello
some keys
page counter: 1001
END
    expect "registers" 4 "more keys
" "$@" -kernel "$work/registers$xlen" -append "echo line exit 4" <<END
hello
more keys
END
    rm -rf "$work/box"
    mkdir "$work/box"
    ln -s ../secret "$work/box/link"
    echo secret >"$work/secret"
    mkfifo "$work/box/pipe"
    expect "files" 0 "a line
" "$@" -kernel "$work/program$xlen" \
        -append "line write x stat x read /x remove x read x read ../secret read link read pipe write ../new exit 0" \
        -semihosting-config "path=$work/box" <<END
hello
a line
write x: 0
stat x: 15
from the guest
remove x: 0
read x: -2
read ../secret: -13
read link: -13
read pipe: -13
write ../new: -13
END
    expect "no folder" 1 "" "$@" -kernel "$work/program$xlen" \
        -semihosting-config "arg=prog,arg=read,arg=/etc/passwd,arg=call,arg=25,arg=call,arg=4000,arg=raw,arg=exit,arg=1" <<END
hello
read /etc/passwd: -13
call 25: -38
call 4000: -38
raw read: -14
raw write: -14
raw open: -14
raw name: -22
raw long: -36
raw descriptor: -9
raw vars: -14
END
}

for xlen in 64 32; do
    compile pass$xlen $xlen loop.S -DCODE=0 -DHIGH
    compile fail$xlen $xlen loop.S -DCODE=7 -DHIGH
    compile low$xlen $xlen loop.S -DCODE=9
    compile program$xlen $xlen program.c
    compile registers$xlen $xlen program.c -DREGISTERS
    compile fixed$xlen $xlen program.c -DFIXED='"exit","5"'
    compile at$xlen $xlen program.c -DREGISTERS -DFIXED='"exit","6"'
    riscv64-unknown-elf-objcopy -O binary "$work/at$xlen" "$work/at$xlen.bin"
done
everything 64
everything 64 -accel interp
everything 64 -accel t2,eager=on -machine strict=on -smp 2
everything 32

# What the folder and the log say of calls that are not there.
"$rvive" -M spike -bios none -display none -serial null -d unimp -kernel "$work/program64" -append "call 25 exit 0" \
    2>"$work/errors" || failures=$((failures + 1))
grep -q "system call 25 (fcntl) is not implemented" "$work/errors" || { echo "FAIL: no name"; failures=$((failures + 1)); }

# What the monitor shows of boards with few devices, or without a PLIC.
for board in spike sifive_e none; do
    printf 'info irq\ninfo qtree\ninfo mtree\ninfo registers\nq\n' |
        timeout 10 "$rvive" -M $board -S -bios none -display none -serial null -monitor stdio >"$work/output" 2>&1 ||
        { echo "FAIL monitor of $board"; failures=$((failures + 1)); }
done

# The same programs on QEMU 10, which loses keys that nobody waits for, and has the registers only with firmware that is no ELF
# file.
for xlen in 64 32; do
    qemu="sh $here/../peers/qemu $peer qemu-system-riscv$xlen -M spike -display none -serial stdio"
    for emulator in "$qemu" "$rvive -M spike -cpu rv$xlen -display none -serial stdio"; do
        [ -x "$peer/usr/bin/qemu-system-riscv$xlen" ] || [ "$emulator" != "$qemu" ] || continue
        # shellcheck disable=SC2086
        expect "beside QEMU" 5 "" $emulator -bios none -kernel "$work/fixed$xlen" <<END
hello
END
        # shellcheck disable=SC2086
        expect "beside QEMU, registers" 6 "" $emulator -bios "$work/at$xlen.bin" <<END
hello
END
        # shellcheck disable=SC2086
        expect "beside QEMU, fail 7" 7 "" $emulator -bios none -kernel "$work/fail$xlen" </dev/null
    done
done
exit $failures
