#!/bin/sh
# SPDX-License-Identifier: MIT
# Bare-metal programs with -bios none end the emulator through sifive_test: 0x5555 with 0, 0x3333 with the code in the upper
# half; their output on the UART is printed; the same for RV32.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

bare_metal pass -march=rv64imac_zicsr -mabi=lp64 <<'END'
.globl _start
_start: csrr t0, mhartid
1:  bnez t0, 1b
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
2:  j 2b
END
bare_metal code -march=rv64imac -mabi=lp64 <<'END'
.globl _start
_start: li t0, 0x100000
    li t1, (42 << 16) | 0x3333
    sw t1, 0(t0)
1:  j 1b
END
# Prints the register width and a product that needs the M extension, then ends with 7.
bare_metal rv32 -march=rv32imac -mabi=ilp32 -Wl,-melf32lriscv <<'END'
.globl _start
_start:
    li t0, 0x10000000
    lla t1, text
1:  lbu t2, 0(t1)
    beqz t2, 2f
    sb t2, 0(t0)
    addi t1, t1, 1
    j 1b
2:  li t3, 0x10001
    mulhu t4, t3, t3        # 0x10001 squared is 0x1_0002_0001
    li t5, -1
    srli t5, t5, 31         # 1 if a register has 32 bits
    add t4, t4, t5
    addi t4, t4, '0' - 1
    sb t4, 0(t0)
    li t4, '\n'
    sb t4, 0(t0)
    li t0, 0x100000
    li t1, (7 << 16) | 0x3333
    sw t1, 0(t0)
3:  j 3b
text: .asciz "RV32 says "
END

run_quietly 0 20 -M virt -smp 2 -nographic -bios none -kernel "$work/pass.elf"
run_quietly 42 20 -M virt -nographic -bios none -kernel "$work/code.elf"
run_quietly 7 20 -M virt -cpu rv32 -nographic -bios none -kernel "$work/rv32.elf"
grep -q '^RV32 says 1' "$work/output" || { cat "$work/output" && fail "the RV32 program printed something else"; }
# The display and the serial port have a flag each, as fuzzers write it, and the port goes to a file.
run_quietly 7 20 -M virt -cpu rv32 -display none -serial stdio -bios none -kernel "$work/rv32.elf"
grep -q '^RV32 says 1' "$work/output" || fail "-serial stdio printed nothing"
run_quietly 7 20 -M virt -cpu rv32 -display none -serial file:"$work/serial" -bios none -kernel "$work/rv32.elf"
grep -q '^RV32 says 1' "$work/serial" || fail "-serial file: wrote nothing"
