/* SPDX-License-Identifier: MIT
 *
 * Every kind of instruction that touches memory, over and over, in S-mode with address translation: each has
 * its own bytes in `data` and a label after it. watch.gdb sets a watchpoint on the bytes and checks that the
 * hart stops at the label. The data's virtual address differs from the physical one (data + offset). Ends
 * after `limit` rounds.
 */
#if __riscv_xlen == 64
#define L ld
#define S sd
#define OFFSET 0xffffffff40000000
#else
#define L lw
#define S sw
#define OFFSET 0x40000000
#endif

/* An access and the label after it. The label of byte N of data is at_N. */
#define ACCESS(name, ...) __VA_ARGS__; .globl after_##name; after_##name:

    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr t0, mhartid
    bnez t0, park
    la t0, failed
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x6000           /* FS */
    csrs mstatus, t0
    li t0, 0x80
    csrw 0x30a, t0          /* menvcfg.CBZE */
    la t0, table
    srli t0, t0, 12
#if __riscv_xlen == 64
    li t1, 8
    slli t1, t1, 60
#else
    li t1, 1
    slli t1, t1, 31
#endif
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    li t0, 0x1800
    csrc mstatus, t0
    li t0, 0x800
    csrs mstatus, t0
    la t0, rounds
    csrw mepc, t0
    mret

rounds:
    la s0, data
    la s4, target
    li t0, OFFSET
    add s0, s0, t0
    li t0, 4096
    add s1, s0, t0
    add s5, s1, t0
    add s6, s5, t0
    add s7, s6, t0
    add s8, s7, t0
    add s9, s8, t0
    la s2, limit
    la s3, round
    li a1, 0x5a
    fcvt.s.w fa1, a1
    fcvt.d.w fa2, a1
    .balign 16
    .globl again
again:
    ACCESS(lb, lb a0, 0(s0))
    ACCESS(lbu, lbu a0, 1(s0))
    ACCESS(lh, lh a0, 2(s0))
    ACCESS(lhu, lhu a0, 4(s0))
    .option push
    .option norvc
    ACCESS(lw, lw a0, 8(s0))
    .option pop
    ACCESS(c_lw, lw a0, 12(s0))
    .option push
    .option norvc
    ACCESS(flw, flw fa0, 16(s0))
    ACCESS(fld, fld fa0, 24(s0))
    .option pop
    ACCESS(c_fld, fld fs0, 32(s0))
    ACCESS(sb, sb a1, 40(s0))
    ACCESS(sh, sh a1, 42(s0))
    .option push
    .option norvc
    ACCESS(sw, sw a1, 44(s0))
    .option pop
    ACCESS(c_sw, sw a1, 48(s0))
    .option push
    .option norvc
    ACCESS(fsw, fsw fa1, 52(s0))
    ACCESS(fsd, fsd fa2, 56(s0))
    .option pop
    mv sp, s0
    ACCESS(c_lwsp, lw a0, 64(sp))
    ACCESS(c_swsp, sw a1, 68(sp))
    ACCESS(c_fldsp, fld fa0, 72(sp))
    ACCESS(c_fsdsp, fsd fa2, 80(sp))
    addi a2, s0, 88
    ACCESS(amoadd, amoadd.w a0, a1, (a2))
    addi a2, s0, 92
    ACCESS(amoswap, amoswap.w.aqrl zero, a1, (a2))
    addi a2, s0, 96
    ACCESS(amomax, amomax.w a0, a1, (a2))
    addi a2, s0, 100
    ACCESS(lr, lr.w a0, (a2))
    addi a0, a0, 1
    addi a3, s0, 104
    lr.w a4, (a3)
    ACCESS(sc, sc.w a0, a1, (a3))
    /* Across pages: the watched byte is on the first page, or on the second. */
    ACCESS(load_low, lw a0, -3(s1))
    ACCESS(load_high, lw a0, -1(s5))
    ACCESS(store_low, sw a1, -3(s6))
    ACCESS(store_high, sw a1, -3(s7))
    ACCESS(fp_high, fsd fa2, -1(s8))
    ACCESS(skew_load, lw a0, 1(s9))
    ACCESS(skew_store, sw a1, 9(s9))
    /* A loop's body: the code that runs most. */
    li t1, 40
1:  lw a0, 108(s0)
    .globl patched
patched:
    addi a0, a0, 1
    ACCESS(loop, sw a0, 108(s0))
    addi t1, t1, -1
    bnez t1, 1b
#if __riscv_xlen == 64
    ACCESS(ld, ld a0, 112(s0))
    ACCESS(lwu, lwu a0, 120(s0))
    ACCESS(sd, sd a1, 128(s0))
    ACCESS(c_ldsp, ld a0, 136(sp))
    ACCESS(c_sdsp, sd a1, 144(sp))
    addi a2, s0, 152
    ACCESS(amoor_d, amoor.d a0, a1, (a2))
    addi a2, s0, 160
    ACCESS(lr_d, lr.d a0, (a2))
    ACCESS(sc_d, sc.d a0, a1, (a2))
    ACCESS(skew_ld, ld a0, 17(s9))
    ACCESS(skew_sd, sd a1, 33(s9))
#endif
    addi a2, s0, 280
    ACCESS(cbo_zero, .insn i 15, 2, x0, a2, 4)
    /* Registers of devices: the UART's line status and scratch, hart 1's mtimecmp and msip, mtime. */
    li a3, 0x10000000
    ACCESS(uart_status, lbu a0, 5(a3))
    ACCESS(uart_scratch, sb a1, 7(a3))
    li a3, 0x2004008
    ACCESS(timer_store, sw a1, 0(a3))
    li a3, 0x200bff8
    ACCESS(timer_load, lw a0, 0(a3))
    li a3, 0x2000004
    ACCESS(soft_amo, amoor.w a0, zero, (a3))
    /* The code that runs most, here too. */
    li t1, 40
    li a3, 0x10000000
1:  ACCESS(uart_loop, sb t1, 7(a3))
    addi t1, t1, -1
    bnez t1, 1b
    jalr ra, s4
    L a0, 0(s3)
    addi a0, a0, 1
    S a0, 0(s3)
    L a1, 0(s2)
    bltu a0, a1, 2f
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
park:
    wfi
    j park
2:  li a1, 0x5a
    add a1, a1, a0
    j again

target:
    ret

    .balign 4
failed:
    csrr a0, mcause
    li t0, 0x100000
    li t1, 0x13333
    sw t1, 0(t0)
    j park

    .data
    .balign 4096
table:
#if __riscv_xlen == 64
    .dword 0x00000cf        /* the devices */
    .dword 0
    .dword 0x200000cf       /* RAM at its own address */
    .zero 8 * 508
    .dword 0x200000cf       /* and 1 GiB below the top */
#else
    .word 0x000000cf
    .zero 4 * 7
    .word 0x008000cf        /* the CLINT */
    .zero 4 * 55
    .word 0x040000cf        /* the UART */
    .zero 4 * 447
    .word 0x200000cf        /* 0x80000000, 4 MiB */
    .zero 4 * 255
    .word 0x200000cf        /* 0xc0000000 */
    .zero 4 * 255
#endif
    .balign 4096
    .globl data, limit, round
data:
    .zero 4096 * 7
limit:
    .zero 8
round:
    .zero 8
