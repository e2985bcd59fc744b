/* SPDX-License-Identifier: MIT
 *
 * Lowerings of A, Zabha and Zacas: each AMO is a locked host instruction, or a compare-and-swap loop if the
 * host has none that returns the old value. If the address is misaligned or misses the TLB, the interpreter's
 * handler executes it, and traps if necessary.
 *
 * Orders ("Load-Reserved/Store-Conditional Instructions", "Atomic Memory Operations", and RVWMO's rules 5 to
 * 7): a locked instruction is a full barrier, whatever aq and rl ask for. A plain load has acquire order by
 * itself; but with rl set, LR must not be performed before earlier stores, which x86 allows for a load: so
 * mfence precedes it. A failing SC orders nothing.
 *
 * All of that is "as viewed by other RISC-V harts" (same chapter). If there is only one hart, a load and a
 * store are enough, and take a fraction of the time: no interrupt comes between them. Devices get no order
 * from atomics; drivers use fences for them.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/t1.h"

#define OP (t->op)

/* rdx = the host address of rs1, if the table allows the access; otherwise the returned cold code calls the
 * handler, and continues at its `back`. */
static struct t1_cold *host_address(struct t1 *t, unsigned size, size_t table)
{
    struct x86_emit *e = &t->e;
    t1_copy(t, X86_RAX, OP.rs1);
    uint8_t *misaligned = NULL;
    if (size > 1) {
        x86_test_imm8(e, X86_RAX, size - 1);
        misaligned = x86_jcc(e, X86_NE);
    }
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, t1_look_up(t, X86_RAX, 0, (int32_t)size, table));
    cold->insn = t1_make_insn(t);
    if (misaligned)
        t1_cold_also(t, cold, misaligned);
    x86_op(e, X86_ADD, 64, X86_RDX, X86_RAX);
    check_emit(t->dbt, e, x86_mem(X86_RAX, 0), x86_mem(X86_RDX, 0), size,
               table == offsetof(struct tlb, write), t->offset);
    return cold;
}

/* Whether there are other harts, for which the access must be atomic and in order. */
static bool shared(const struct t1 *t)
{
    return t->dbt->hart_count > 1;
}

static void lock(struct t1 *t)
{
    if (shared(t))
        x86_lock(&t->e);
}

/* rd = the host register, whose low `bits` are the value. */
static void finish(struct t1 *t, struct t1_cold *cold, unsigned bits, enum x86_reg value)
{
    if (OP.rd)
        t1_extend_result(t, bits, value);
    t1_set(t, value);
    cold->back = x86_here(&t->e);
}

#define TARGET x86_mem(X86_RDX, 0)

/* rax = the old value; the bits above a narrow one are 0. */
static void load_old(struct t1 *t, unsigned bits)
{
    if (bits < 32)
        x86_load_extend(&t->e, bits, false, X86_RAX, TARGET);
    else
        x86_load(&t->e, bits, X86_RAX, TARGET);
}

/* Operations in registers have no fewer bits here, and need no fewer. */
static unsigned in_register(unsigned bits)
{
    return bits < 32 ? 32 : bits;
}

static bool swap(struct t1 *t, unsigned bits)
{
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    t1_copy(t, X86_RCX, OP.rs2);
    if (!shared(t)) { /* xchg is always locked */
        load_old(t, bits);
        x86_store(&t->e, bits, TARGET, X86_RCX);
        finish(t, cold, bits, X86_RAX);
        return true;
    }
    x86_xchg(&t->e, bits, TARGET, X86_RCX);
    finish(t, cold, bits, X86_RCX);
    return true;
}

static bool add(struct t1 *t, unsigned bits)
{
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    t1_copy(t, X86_RCX, OP.rs2);
    lock(t);
    x86_xadd(&t->e, bits, TARGET, X86_RCX);
    finish(t, cold, bits, X86_RCX);
    return true;
}

/* rax = the old value, from which the loop's body computes the new one, in rcx. */
static const uint8_t *begin_loop(struct t1 *t, unsigned bits)
{
    load_old(t, bits);
    return x86_here(&t->e);
}

static void end_loop(struct t1 *t, unsigned bits, const uint8_t *loop)
{
    if (!shared(t)) {
        x86_store(&t->e, bits, TARGET, X86_RCX);
        return;
    }
    x86_lock(&t->e);
    x86_cmpxchg(&t->e, bits, TARGET, X86_RCX);
    x86_jcc_to(&t->e, X86_NE, loop);
}

static bool logic(struct t1 *t, enum x86_alu op, unsigned bits)
{
    struct x86_emit *e = &t->e;
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    if (OP.rd == 0) {
        t1_copy(t, X86_RCX, OP.rs2);
        lock(t);
        x86_mem_op(e, op, bits, TARGET, X86_RCX);
        cold->back = x86_here(e);
        return true;
    }
    const uint8_t *loop = begin_loop(t, bits);
    x86_mov(e, 64, X86_RCX, X86_RAX);
    t1_op_guest(t, op, in_register(bits), X86_RCX, OP.rs2);
    end_loop(t, bits, loop);
    finish(t, cold, bits, X86_RAX);
    return true;
}

/* The old value stays if `keep` holds between it and the operand. A narrow one is extended for that, each
 * time, since cmpxchg loads no more than its width. */
static bool select_value(struct t1 *t, enum x86_cond keep, unsigned bits)
{
    struct x86_emit *e = &t->e;
    bool sign = keep == X86_L || keep == X86_GE;
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    const uint8_t *loop = begin_loop(t, bits);
    t1_copy(t, X86_RCX, OP.rs2);
    if (bits < 32) {
        x86_extend_to(e, 32, bits, sign, X86_RAX, X86_RAX);
        x86_extend_to(e, 32, bits, sign, X86_RCX, X86_RCX);
    }
    x86_op(e, X86_CMP, in_register(bits), X86_RAX, X86_RCX);
    x86_cmov(e, keep, in_register(bits), X86_RCX, X86_RAX);
    end_loop(t, bits, loop);
    finish(t, cold, bits, X86_RAX);
    return true;
}

static bool compare_and_swap(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    if (bits > XLEN) /* in a pair of registers */
        return false;
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    t1_copy(t, X86_RAX, OP.rd);
    t1_copy(t, X86_RCX, OP.rs2);
    lock(t);
    x86_cmpxchg(e, bits, TARGET, X86_RCX);
    finish(t, cold, bits, X86_RAX);
    return true;
}

/* ---- LR, SC: cpu/exec/amo.c says what a reservation is ------------------------------------------------- */

static bool load_reserved(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    if (OP.rm & 1 && shared(t))
        x86_mfence(e);
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, read));
    t1_load(t, bits, true, X86_RAX, TARGET);
    x86_store(e, 64, HART_MEM(reserve_host), X86_RDX);
    x86_store(e, 64, HART_MEM(reserve_value), X86_RAX);
    x86_store_imm(e, 32, HART_MEM(reserve_size), (int32_t)bits / 8);
    t1_set(t, X86_RAX);
    cold->back = x86_here(e);
    return true;
}

static bool store_conditional(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    struct t1_cold *cold = host_address(t, bits / 8, offsetof(struct tlb, write));
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(reserve_size), (int32_t)bits / 8);
    x86_store_imm(e, 32, HART_MEM(reserve_size), 0); /* keeps the flags */
    uint8_t *none = x86_jcc(e, X86_NE);
    x86_mem_op(e, X86_CMP, 64, HART_MEM(reserve_host), X86_RDX);
    uint8_t *other = x86_jcc(e, X86_NE);
    x86_load(e, 64, X86_RAX, HART_MEM(reserve_value));
    t1_copy(t, X86_RCX, OP.rs2);
    lock(t);
    x86_cmpxchg(e, bits, TARGET, X86_RCX);
    x86_land(e, none);
    x86_land(e, other);
    x86_setcc(e, X86_NE, X86_RAX);
    x86_extend(e, 8, false, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    cold->back = x86_here(e);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define AMO(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
