/* SPDX-License-Identifier: MIT
 *
 * Entry of every hart, and how a test runs a few instructions in another mode and gets back: run_asm() saves
 * the caller's registers in the hart's context and leaves by mret. The next trap, whatever it is, ends in
 * m_entry (or in s_entry, which goes on to m_entry by ecall or ebreak). m_entry records the trap in the
 * context and returns from run_asm(). The layout of the context is struct context in test.h.
 *
 * mscratch and sscratch point to the context; m_entry relies on nothing else.
 */
#if __riscv_xlen == 64
#define L ld
#define S sd
#define W 8
#else
#define L lw
#define S sw
#define W 4
#endif
#define C_X(n) ((n) * W)
#define C_SX(n) ((32 + (n)) * W)
#define C_M(n) ((64 + (n)) * W) /* cause, epc, tval, status, vector */
#define C_S(n) ((69 + (n)) * W) /* the same for s_entry, then taken */
#define C_M_VECTOR 68*W
#define C_S_VECTOR 73*W
#define C_ARMED (75 * W)
#define C_HOST(n) ((76 + (n)) * W)
#define C_BASE (92 * W)
#define C_BREAK (93 * W)
#define CONTEXT_SIZE 1024
#define STACK_SIZE 8192

    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr s0, mhartid
    li t0, 2
    bgeu s0, t0, park
    la t0, contexts
    li t1, CONTEXT_SIZE
    mul t1, t1, s0
    add s1, t0, t1
    csrw mscratch, s1
    la sp, stacks + STACK_SIZE
    li t1, STACK_SIZE
    mul t1, t1, s0
    add sp, sp, t1
    mv tp, s1
    la t0, m_entry
    csrw mtvec, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0x6000
    csrs mstatus, t0
    bnez s0, secondary
    call test_start
park:
    wfi
    j park

secondary: /* hart 1 sleeps until hart 0 posts a function and raises its MSIP */
    li t0, 8
    csrw mie, t0
1:  wfi
    la t0, hart1_function
    L t1, 0(t0)
    beqz t1, 1b
    fence
    li t2, 0x2000004
    sw zero, 0(t2)
    la t0, hart1_argument
    L a0, 0(t0)
    jalr t1
    fence
    la t0, hart1_function
    S zero, 0(t0)
    fence
    j 1b

/* void run_asm(struct context *, uintptr_t pc, uintptr_t mstatus, const uintptr_t args[6], uintptr_t sp,
 *              uintptr_t ra) */
    .text
    .globl run_asm
run_asm:
    S ra, C_HOST(0)(a0)
    S sp, C_HOST(1)(a0)
    S gp, C_HOST(2)(a0)
    S tp, C_HOST(3)(a0)
    S s0, C_HOST(4)(a0)
    S s1, C_HOST(5)(a0)
    S s2, C_HOST(6)(a0)
    S s3, C_HOST(7)(a0)
    S s4, C_HOST(8)(a0)
    S s5, C_HOST(9)(a0)
    S s6, C_HOST(10)(a0)
    S s7, C_HOST(11)(a0)
    S s8, C_HOST(12)(a0)
    S s9, C_HOST(13)(a0)
    S s10, C_HOST(14)(a0)
    S s11, C_HOST(15)(a0)
    li t0, 1
    S t0, C_ARMED(a0)
    csrw mscratch, a0
    csrr t0, misa
    slli t0, t0, __riscv_xlen - 1 - 18 /* S to the sign */
    bgez t0, 1f
    csrw sscratch, a0
1:  csrw mepc, a1
    csrw mstatus, a2
    mv t0, a3
    mv sp, a4
    mv ra, a5
    L a0, 0*W(t0)
    L a1, 1*W(t0)
    L a2, 2*W(t0)
    L a3, 3*W(t0)
    L a4, 4*W(t0)
    L a5, 5*W(t0)
    .globl run_mret
run_mret:
    mret

/* A function returns to this address: its trap means "no trap". */
    .balign 4
    .globl run_return
run_return:
    .option push
    .option norvc
    ecall
    .option pop

.macro SAVE_REGISTERS array, scratch
    S x1, (\array + 1*W)(t0)
    S x2, (\array + 2*W)(t0)
    S x3, (\array + 3*W)(t0)
    S x4, (\array + 4*W)(t0)
    S x6, (\array + 6*W)(t0)
    S x7, (\array + 7*W)(t0)
    S x8, (\array + 8*W)(t0)
    S x9, (\array + 9*W)(t0)
    S x10, (\array + 10*W)(t0)
    S x11, (\array + 11*W)(t0)
    S x12, (\array + 12*W)(t0)
    S x13, (\array + 13*W)(t0)
    S x14, (\array + 14*W)(t0)
    S x15, (\array + 15*W)(t0)
    S x16, (\array + 16*W)(t0)
    S x17, (\array + 17*W)(t0)
    S x18, (\array + 18*W)(t0)
    S x19, (\array + 19*W)(t0)
    S x20, (\array + 20*W)(t0)
    S x21, (\array + 21*W)(t0)
    S x22, (\array + 22*W)(t0)
    S x23, (\array + 23*W)(t0)
    S x24, (\array + 24*W)(t0)
    S x25, (\array + 25*W)(t0)
    S x26, (\array + 26*W)(t0)
    S x27, (\array + 27*W)(t0)
    S x28, (\array + 28*W)(t0)
    S x29, (\array + 29*W)(t0)
    S x30, (\array + 30*W)(t0)
    S x31, (\array + 31*W)(t0)
    csrr t1, \scratch
    S t1, (\array + 5*W)(t0)
.endm

    .balign 4
    .globl m_entry
m_entry:
    csrrw t0, mscratch, t0
    SAVE_REGISTERS C_X(0), mscratch
    csrw mscratch, t0
    csrr t1, mcause
    S t1, C_M(0)(t0)
    csrr t1, mepc
    S t1, C_M(1)(t0)
    csrr t1, mtval
    S t1, C_M(2)(t0)
    csrr t1, mstatus
    S t1, C_M(3)(t0)
    L t1, C_BASE(t0)
    csrw mstatus, t1
    L t1, C_ARMED(t0)
    beqz t1, unexpected
    S zero, C_ARMED(t0)
    mv a0, t0
    L ra, C_HOST(0)(a0)
    L sp, C_HOST(1)(a0)
    L gp, C_HOST(2)(a0)
    L tp, C_HOST(3)(a0)
    L s0, C_HOST(4)(a0)
    L s1, C_HOST(5)(a0)
    L s2, C_HOST(6)(a0)
    L s3, C_HOST(7)(a0)
    L s4, C_HOST(8)(a0)
    L s5, C_HOST(9)(a0)
    L s6, C_HOST(10)(a0)
    L s7, C_HOST(11)(a0)
    L s8, C_HOST(12)(a0)
    L s9, C_HOST(13)(a0)
    L s10, C_HOST(14)(a0)
    L s11, C_HOST(15)(a0)
    ret
unexpected:
    mv a0, t0
    la sp, panic_stack + 2048
    call test_unexpected_trap

    .balign 4
    .globl s_entry
s_entry:
    csrrw t0, sscratch, t0
    SAVE_REGISTERS C_SX(0), sscratch
    csrw sscratch, t0
    csrr t1, scause
    S t1, C_S(0)(t0)
    csrr t1, sepc
    S t1, C_S(1)(t0)
    csrr t1, stval
    S t1, C_S(2)(t0)
    csrr t1, sstatus
    S t1, C_S(3)(t0)
    li t1, 1
    S t1, C_S(5)(t0)
    L t1, C_BREAK(t0)
    bnez t1, 1f
    ecall
1:  ebreak

/* Vector tables: entry n stores n and goes on to the common entry. The base is aligned to 256. */
.macro VECTOR_STUB entry, scratch, field, n
\entry\()_\n:
    csrrw t0, \scratch, t0
    S t1, C_X(6)(t0)
    li t1, \n
    S t1, \field(t0)
    L t1, C_X(6)(t0)
    csrrw t0, \scratch, t0
    j \entry
.endm
    .option push
    .option norvc
.macro VECTOR_TABLE entry, scratch, field
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    j \entry\()_\n
    .endr
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    VECTOR_STUB \entry, \scratch, \field, \n
    .endr
.endm
    .balign 256
    .globl m_vectors
m_vectors:
    VECTOR_TABLE m_entry, mscratch, C_M_VECTOR
    .balign 256
    .globl s_vectors
s_vectors:
    VECTOR_TABLE s_entry, sscratch, C_S_VECTOR
    .option pop

    .bss
    .balign 4096
    .globl contexts
contexts:
    .space 2 * CONTEXT_SIZE
stacks:
    .space 2 * STACK_SIZE
    .globl mode_stacks
mode_stacks:
    .space 2 * STACK_SIZE
panic_stack:
    .space 2048
    .globl hart1_function, hart1_argument
hart1_function:
    .space 8
hart1_argument:
    .space 8
