#!/bin/sh
# SPDX-License-Identifier: MIT
# Virtual time: program.c does the same in all tiers, again and again, on one and on four harts; and it does not without
# -icount. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

compile() {
    output=$1
    shift
    riscv64-unknown-elf-gcc -march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany -nostdlib -ffreestanding -O1 \
        -Wl,--build-id=none,--no-relax,--no-warn-rwx-segments -Wl,-Ttext=0x80000000 "$@" -o "$work/$output"
}

# run HARTS NAME FLAGS...: its output in $work/NAME
run() {
    harts=$1 name=$2
    shift 2
    timeout 20 "$rvive" -M virt -smp "$harts" -m 16 -bios none -display none -serial stdio -nic none "$@" \
        -kernel "$work/program$harts" >"$work/$name" </dev/null || {
        echo "FAIL $name: status $?"
        failures=$((failures + 1))
    }
}

# same HARTS FLAGS...: in all tiers, the first one being the interpreter
same() {
    harts=$1
    shift
    run "$harts" wanted "$@" -accel interp
    grep -q '^sum ' "$work/wanted" || {
        echo "FAIL: no sum"
        failures=$((failures + 1))
    }
    for accel in interp t1 t1,hot=1 t1,hot=1,windows=off t1,hot=1,cache=2 t2,hot=1,eager=on t2,hot=2 t2,check=on; do
        run "$harts" output "$@" -accel $accel
        if ! cmp -s "$work/wanted" "$work/output"; then
            echo "FAIL: $harts harts, $* -accel $accel:"
            diff "$work/wanted" "$work/output" || :
            failures=$((failures + 1))
        fi
    done
}

for harts in 1 4; do
    compile program$harts -DHARTS=$harts "$here/start.S" "$here/program.c"
    for flags in shift=0,sleep=off shift=3,sleep=off shift=0,sleep=on; do
        same $harts -icount $flags
    done
    run $harts first -icount shift=auto
    run $harts first -icount shift=1,align=on
    run $harts first
    run $harts second
    if cmp -s "$work/first" "$work/second"; then
        echo "FAIL: $harts harts do the same without -icount: this test would find nothing"
        failures=$((failures + 1))
    fi
done

# traps HARTS OUTPUT: a hart that only traps stops neither time nor the others, also in a recording and its replay.
traps() {
    for accel in interp t1,hot=1 t2,hot=1,eager=on; do
        for flags in "-icount shift=0,sleep=off" "-icount shift=0 -record $work/recording" "-replay $work/recording"; do
            run "$1" output $flags -accel $accel
            [ "$(cat "$work/output")" = "$2" ] || {
                echo "FAIL: $1 harts, one traps, $flags -accel $accel: $(cat "$work/output")"
                failures=$((failures + 1))
            }
        done
    done
}
compile program1 "$here/traps.S"
cp "$work/program1" "$work/program2"
traps 1 T
traps 2 111T
exit $failures
