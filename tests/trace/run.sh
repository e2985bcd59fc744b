#!/bin/sh
# SPDX-License-Identifier: MIT
# -d, -D and -dfilter: each category has its own lines and no others; an unknown one is named once. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
"${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -nostdlib -static -march=rv64gc -mabi=lp64d -Wl,--build-id=none \
    -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 "$here/guest.S" -o guest.elf
printf '.globl _start\n_start: addi a0,a0,1\nadd a1,a1,a0\nj _start\n' >endless.S
"${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -nostdlib -static -march=rv64gc -mabi=lp64d -Wl,--build-id=none \
    -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 endless.S -o endless.elf
failures=0

# trace CATEGORIES ARGUMENTS...: the log is in the file log
trace() {
    categories=$1
    shift
    timeout 60 "$rvive" -M virt -cpu rv64,zbb=off -bios none -display none -kernel guest.elf -d "$categories" -D log "$@" ||
        { echo "FAIL: status $? with -d $categories"; failures=$((failures + 1)); }
}

# has COUNT TEXT: that many lines of the log have the text
has() {
    found=$(grep -cF -e "$2" log || true)
    [ "$found" -eq "$1" ] || { echo "FAIL -d $categories: $found lines with \"$2\", not $1"; failures=$((failures + 1)); }
}

trace insn
has 1 "insn: hart 0: 0x0000000080000010 M 00544503 lbu a0,5(s0)  a0=0x0000000000000060"
has 2 "insn: hart 0: 0x000000008000001c M fff48493 addi s1,s1,-1  s1=0x000000000000000"
has 3 "addi t2,t2,4"
grep -v '^insn: hart 0: 0x' log && { echo "FAIL: other lines"; failures=$((failures + 1)); }
# Up to the place where the guest waits for the clock, every run is the same.
sed '/sw zero,0(t0)/q' log >first
trace insn -accel interp
sed '/sw zero,0(t0)/q' log | cmp - first || failures=$((failures + 1))
trace insn -dfilter 0x80000010+4,0x80000014..0x80000017
has 2 insn:
trace insn -dfilter 0x80000013-4
has 1 insn:
trace block
has 1 "block: hart 0: 0x0000000080000000 M 3 instructions"
trace in_asm -dfilter 0x80000000+0x10
has 4 in_asm:
has 1 "in_asm: 0x000000008000000c:  10000437  lui s0,0x10000"
trace csr
has 1 "csr: hart 0: pc 0x0000000080000008 M mtvec 0x0 -> 0x80000058"
has 2 "mepc 0x80000018 -> 0x8000001c"
trace mmio
has 1 "mmio: hart 0: pc 0x0000000080000010 read  0x10000005 size 1 value 0x60"
has 1 "write 0x00100000 size 4 value 0x5555"
trace mmio -dfilter 0x10000000+0x100
has 1 mmio:
trace int
has 2 "int: hart 0: pc 0x0000000080000018 M exception 2 (illegal instruction), tval 0x60051513 -> M 0x80000058"
has 1 "M interrupt 7 (MTI), tval 0x0 -> M 0x80000058"
trace irq
has 1 "irq: hart 0: input 7 (MTI) raised"
trace unimp
has 1 "unimp: hart 0: pc 0x0000000080000018 60051513 clz a0,a0: this hart has no zbb"
has 1 "CSR 0x5a8 scontext: this hart has no Sdtrig"
has 2 unimp:
trace unimp -accel interp
has 2 unimp:

# Floating point in x registers: names, and what is written. -cpu stands behind that of trace().
for xlen in 64 32; do
    abi=lp64
    zeroes=00000000
    [ $xlen = 64 ] || { abi=ilp32; zeroes=; }
    "${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -nostdlib -static -march=rv${xlen}imac_zicsr -mabi=$abi -Wl,--build-id=none \
        -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 "$here/in_x.S" -o in_x.elf
    trace unimp -cpu rv$xlen,f=off,zfinx=on -kernel in_x.elf
    has 1 " 02c67553 fadd.d a0,a2,a2: this hart has no zdinx"
    has 1 " 00052507 flw fa0,0(a0): this hart has no f"
    has 1 " e0050553 fmv.x.w a0,fa0: this hart has no f"
    has 3 unimp:
    trace commit -cpu rv$xlen,f=off,zfinx=on -kernel in_x.elf
    has 1 "(0x00c5f553) c1_fflags 0x${zeroes}00000001 x10 0x${zeroes}3f800000"
    trace commit -cpu rv$xlen,f=off,zdinx=on -kernel in_x.elf # 0x33800000 twice, or with 0 above it
    [ $xlen = 64 ] || has 1 "(0x02c67553) x10 0x67000000 x11 0x00000000"
done

# T-Head's: two results, addresses of two registers, two accesses.
"${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -nostdlib -static -march=rv64gc -mabi=lp64d -Wl,--build-id=none \
    -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 "$here/thead.S" -o thead.elf
for accel in interp t1,hot=1; do
    trace commit -cpu thead-c906 -accel $accel -kernel thead.elf
    at=0x000000008000100
    has 1 "(0x5a24450b) x8  ${at}4 x10 0xfffffffffffffffe mem ${at}0"
    has 1 "(0x49f4450b) x8  ${at}3 x10 0x00000000000003ff mem ${at}3"
    has 1 "(0x1e14540b) x8  ${at}b mem ${at}3 0x03"
    has 1 "(0x54d4450b) x10 0x0000000000000003 mem ${at}4"
    has 1 "(0x22d4560b) mem ${at}4 0x0003"
    has 1 "(0xe0f4470b) x14 0x0000000003fffffe x15 0x0000000000000003 mem ${at}0 mem ${at}4"
    has 1 "(0xfac4570b) mem 0x0000000080001010 0x0000000003fffffe mem 0x0000000080001018 0x0000000000000003"
    has 1 "(0x42d4650b) f10 0xffffffff00000003 mem ${at}4"
    has 1 "(0x46d4750b) mem 0x0000000080001010 0x00000003"
    has 1 "(0x20c6160b) x12 0x000000000000000c"
    has 0 trap_
done
trace in_asm -cpu thead-c906 -kernel thead.elf
has 1 " 5a24450b  th.lwia a0,(s0),2,1"

# -d commit, to the letter, in every tier. Only how often the guest waits for its interrupt (j) may vary.
for xlen in 64 32; do
    abi=lp64d
    [ $xlen = 64 ] || abi=ilp32d
    "${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -nostdlib -static -march=rv${xlen}gc -mabi=$abi -Wl,--build-id=none \
        -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 "$here/commit.S" -o commit.elf
    for accel in interp t1,hot=1 t2,hot=1; do
        [ $xlen = 64 ] || accel=interp
        timeout 60 "$rvive" -M virt -cpu rv$xlen -accel $accel -bios none -display none -kernel commit.elf -d commit -D log \
            -dfilter 0x80000000+0x1000 || { echo "FAIL: status $? with -d commit"; failures=$((failures + 1)); }
        sed '/mem 0x0*100000 0x00005555/q' log | grep -v '(0x0000006f)$' | diff - "$here/commit$xlen.log" ||
            { echo "FAIL: -d commit, RV$xlen, $accel"; failures=$((failures + 1)); }
    done
done

# Lines are written in large pieces, but complete, even if the emulator ends by a fault of its own.
for number in SEGV KILL; do
    "$rvive" -M virt -bios none -display none -serial null -kernel endless.elf -d insn -D log &
    process=$!
    sleep 1
    kill -STOP $process
    writes=$(sed -n 's/^syscw: //p' /proc/$process/io)
    lines=$(wc -l <log)
    kill -CONT $process
    kill -$number $process
    wait $process || true
    [ "$lines" -gt 1000 ] && [ "$writes" -lt $((lines / 50)) ] ||
        { echo "FAIL: $lines lines in $writes writes"; failures=$((failures + 1)); }
    [ $number = KILL ] || [ "$(tail -n 1 log | grep -c '^insn: hart 0: 0x0*8000000[0-9a-f] M .*' || true)" -eq 1 ] ||
        { echo "FAIL: the last line is not whole: $(tail -n 1 log)"; failures=$((failures + 1)); }
done

# If the disk has no room for the log, a message says so, and so does the status.
status=0
timeout 60 "$rvive" -M virt -accel interp -bios none -display none -kernel commit.elf -cpu rv32 -d insn -D /dev/full >out 2>&1 ||
    status=$?
[ $status -eq 1 ] && [ "$(grep -c 'the log cannot be written.*No space left' out)" -eq 1 ] ||
    { echo "FAIL: status $status with a log that is full: $(head -n 2 out)"; failures=$((failures + 1)); }

status=0
"$rvive" -dfilter 12..3 -kernel guest.elf >log 2>&1 || status=$?
[ $status -eq 1 ] && grep -q "12..3" log || { echo "FAIL: -dfilter 12..3"; failures=$((failures + 1)); }

echo "$failures failures"
[ $failures -eq 0 ]
