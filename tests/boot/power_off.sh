#!/bin/sh
# SPDX-License-Identifier: MIT
# No instruction after the store that turns the machine off or resets it has an effect that the user can see, in any tier.
# The guest repeats that store in a loop until it is hot, first with a value that the finisher ignores. After it, in the same
# straight-line code or in the next block, it prints: into RAM until the value is the real one.
# sh power_off.sh PATH-TO-RVIVE
set -u
rvive=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
failures=0

# assemble NAME ISA
assemble() {
    riscv64-unknown-elf-gcc -nostdlib -Wl,-e,0x80000000 -march=$2 -mabi=lp64d -Wl,-Ttext=0x80000000 "$work/$1.S" \
        -o "$work/$1.elf" || exit 1
}

# build NAME VALUE JUMP: JUMP stands between the store and the code that prints.
build() {
    cat >"$work/$1.S" <<END
    csrr t0, mhartid
1:  bnez t0, 1b
    li t0, 0x100000
    li t1, 0
    li t2, 0x80100000
    li t3, 'X'
    li t4, 100000
again:
    addi t4, t4, -1
    bgtz t4, 2f
    li t1, $2
    li t2, 0x10000000
2:  sw t1, 0(t0)
    $3
    sb t3, 0(t2)
    j again
END
    assemble "$1" rv64gc
}

# The store is one element of a vector store; the elements after it print.
build_vector() {
    cat >"$work/$1.S" <<END
    csrr t0, mhartid
1:  bnez t0, 1b
    li t0, 0x200
    csrs mstatus, t0
    vsetivli zero, 4, e32, m1, ta, ma
    la t0, values
    vle32.v v8, (t0)
    la t1, harmless
    li t4, 20000
again:
    addi t4, t4, -1
    bgtz t4, 2f
    la t1, places
2:  vle32.v v16, (t1)
    vsoxei32.v v8, (zero), v16
    j again
    .balign 4
values:   .4byte 1, 0x5555, 'X', 'X'
harmless: .4byte 0x80100000, 0x80100004, 0x80100008, 0x8010000c
places:   .4byte 0x80100000, 0x100000, 0x10000000, 0x10000000
END
    assemble "$1" rv64gcv
}

build off 0x5555 ""
build off-next-block 0x5555 "j 3f; 3:"
build reset 0x7777 ""
build reset-next-block 0x7777 "j 3f; 3:"
build_vector vector
for accel in interp t1 t2 t2,eager=on; do
    for name in off off-next-block reset reset-next-block vector; do
        for _ in 1 2 3; do
            timeout 60 "$rvive" -M virt -cpu rv64,v=on -smp 2 -m 16M -accel $accel -bios none -kernel "$work/$name.elf" \
                -display none -monitor none -nic none -no-reboot -serial stdio </dev/null >"$work/out" 2>"$work/err"
            status=$?
            bytes=$(wc -c <"$work/out")
            if [ $status -ne 0 ] || [ "$bytes" -ne 0 ]; then
                echo "FAIL: $name with $accel: status $status, $bytes bytes printed behind the store"
                cat "$work/err"
                failures=$((failures + 1))
            fi
        done
    done
done
echo "$failures failures"
[ $failures -eq 0 ]
