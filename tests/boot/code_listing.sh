#!/bin/sh
# SPDX-License-Identifier: MIT
# The listings of translated code: sh code_listing.sh PATH-TO-RVIVE. A loop of two instructions is listed with its host code,
# and named for perf; -dfilter leaves it out; --name=value is taken like -name value.
set -u
rvive=$1
work=$(mktemp -d) || exit 1
map=
trap 'rm -rf "$work" $map' EXIT
trap 'exit 1' INT TERM HUP
failures=0

complain() {
    echo "FAIL: $*"
    head -n 40 "$work/log"
    failures=$((failures + 1))
}

# listed ARGUMENTS...: runs the guest with the log in $work/log
listed() {
    "$rvive" -M virt -m 16M -nographic -bios none -kernel "$work/guest" -d out_asm -D "$work/log" "$@" \
        </dev/null >"$work/out" 2>&1 &
    pid=$!
    wait $pid || complain "$*: exit status $?"
}

# lui t0, 0x100; lui t1, 5; addi t1, t1, 0x555; li t2, 1000; again: addi t2, t2, -1; bnez t2, again; sw t1, (t0); j .
printf '\267\002\020\000\067\123\000\000\023\003\123\125\223\003\200\076\223\203\363\377\343\236\003\376\043\240\142\000\157\000\000\000' >"$work/guest"

listed -accel t1,cache=2
grep -q '^out_asm: t1 0x80000010 (physical 0x80000010): 2 instructions of 8 bytes in [0-9]* bytes$' "$work/log" ||
    complain "the loop is not announced"
grep -Eq '^out_asm: 0000000080000010  addi t2,t2,-1 +\| [0-9a-f]+: ' "$work/log" || complain "addi is not listed"
grep -Eq '^out_asm: 0000000080000014  bne t2,zero,0x80000010 +\| [0-9a-f]+: ' "$work/log" || complain "bne is not listed"
grep -Eq '^out_asm:  +\| [0-9a-f]+: j[a-z]+ 0x[0-9a-f]+$' "$work/log" || complain "no jump of the host"
grep -q 'no instruction' "$work/log" && complain "host code that capstone does not know"

listed -dfilter 0x80000014+4,0x80001000..0x80002000
test ! -s "$work/log" || complain "listed in spite of -dfilter"
listed --dfilter=0x80000013-4
test -s "$work/log" || complain "not listed, though -dfilter has it"

listed -perfmap
map=/tmp/perf-$pid.map
grep -Eq '^[0-9a-f]+ [0-9a-f]+ t1:0x80000010$' "$map" || complain "no map for perf"
listed -accel t2,eager=on -d ir=fold,ir=access
grep -Eq '^ir: (after|unchanged by) pass fold:$' "$work/log" || complain "-d ir=fold does not show the pass"
grep -q '^ir: before pass access:$' "$work/log" || complain "-d ir=fold,ir=access does not show both"
grep -q '^ir: before pass dead:$' "$work/log" && complain "a pass is shown that was not asked for"
grep -Eq '^ir: +010 \+2 +ADD +64 ' "$work/log" || complain "the operations of the loop are not shown"
listed -accel t2,eager=on -d ir=fold,ir=access -dbt-without-pass fold
grep -q 'pass fold:$' "$work/log" && complain "-dbt-without-pass fold does not leave it out"

listed -accel interp
test ! -s "$work/log" || complain "the interpreter lists host code"
echo "$failures failures"
test $failures -eq 0
