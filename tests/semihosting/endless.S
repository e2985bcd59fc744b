# SPDX-License-Identifier: MIT
# One semihosting call that would take hours, or that the test interrupts and watches, without a C library. The assembler's
# --defsym WHAT=N selects it:
#   1  SYS_READ of a file of 1 TiB into 250 GiB of addresses, all of which are the same two megabytes
#   2  SYS_WRITE0 of a string of that length
#   3  SYS_WRITE of that many bytes to the console
#   4  SYS_READ of 8 MiB from the file "in", SYS_WRITE of them to the console, then to the file "out", then exit
# M-mode makes the calls with mstatus.MPRV set, so the host accesses memory through Sv39; no instruction in between
# accesses memory.
    .option norvc
    .globl _start
_start:
    csrr t0, mhartid
1:  bnez t0, 1b
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    # Root: entry 2 maps RAM to its own address, entries 3 to 255 lead to a table whose 512 entries are one page of 2 MiB.
    la t0, root
    li t1, (0x80000000 >> 12 << 10) | 0xcf
    sd t1, 16(t0)
    la t1, table
    srli t1, t1, 2
    ori t1, t1, 1
    li t2, 3
1:  slli t3, t2, 3
    add t3, t3, t0
    sd t1, 0(t3)
    addi t2, t2, 1
    li t3, 256
    bltu t2, t3, 1b
    la t0, table
    li t1, (0x82000000 >> 12 << 10) | 0xcf
    li t2, 512
1:  sd t1, 0(t0)
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 1b
    la t0, root
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    # The page of 2 MiB is filled with x.
    li t0, 0x82000000
    li t1, 0x82200000
    li t2, 0x7878787878787878
1:  sd t2, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0

    .if WHAT == 1
    la a1, in_block
    li a0, 1
    call host
    la a1, block
    sd a0, 0(a1)
    li a0, 6
    .elseif WHAT == 2
    li a1, 0xc0000000
    li a0, 4
    .elseif WHAT == 3
    la a1, console_block
    li a0, 1
    call host
    la a1, block
    sd a0, 0(a1)
    li a0, 5
    .else
    la a1, in_block
    li a0, 1
    call host
    la a1, copy_block
    sd a0, 0(a1)
    li a0, 6
    call host
    bnez a0, failed
    la a1, console_block
    li a0, 1
    call host
    la a1, copy_block
    sd a0, 0(a1)
    li a0, 5
    call host
    bnez a0, failed
    la a1, out_block
    li a0, 1
    call host
    la a1, copy_block
    sd a0, 0(a1)
    li a0, 5
    .endif
    call host
    bnez a0, failed
    la a1, exit_block
    li a0, 0x18
    call host
failed:
    la a1, fail_block
    li a0, 0x18
    call host
1:  j 1b

    .balign 16
host:
    li t0, 0x20000
    csrs mstatus, t0
    j 1f
    .balign 16
1:  slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    csrc mstatus, t0
    ret

    .balign 8
block:
    .dword 0, 0xc0000000, 250 << 30
copy_block:
    .dword 0, 0x83000000, 8 << 20
in_block:
    .dword in_name, 1, 2
console_block:
    .dword console_name, 4, 3
out_block:
    .dword out_name, 5, 3
exit_block:
    .dword 0x20026, 0
fail_block:
    .dword 0x20026, 1
in_name:
    .asciz "in"
out_name:
    .asciz "out"
console_name:
    .asciz ":tt"
    .balign 4096
root:
    .space 4096
table:
    .space 4096
