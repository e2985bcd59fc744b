/* SPDX-License-Identifier: MIT
 *
 * Lowerings of T-Head's extensions; bits.c has th.tstnbz. Pairs, floating point and cache management are left
 * to their handlers.
 *
 * A load or store with an index, or that moves its pointer, looks its page up, without a window: if the page
 * is not there, the handler does all of the instruction, so that the pointer has not moved if it traps.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/t1.h"

#define OP (t->op)

/* ---- XTheadBa, XTheadBb, XTheadBs ---------------------------------------------------------------------- */

static bool add_shifted(struct t1 *t)
{
    t1_copy(t, X86_RAX, OP.rs2);
    if (OP.rm)
        x86_shift_imm(&t->e, X86_SHL, XLEN, X86_RAX, OP.rm);
    t1_op_guest(t, X86_ADD, XLEN, X86_RAX, OP.rs1);
    t1_set(t, X86_RAX);
    return true;
}

static bool rotate(struct t1 *t, unsigned bits)
{
    unsigned count = (unsigned)OP.imm & (bits - 1);
    t1_copy(t, X86_RAX, OP.rs1);
    if (count)
        x86_shift_imm(&t->e, X86_ROR, bits, X86_RAX, count);
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

/* The bits go to the top, and from there to the bottom. Without a range rd stays as it is. */
static bool extract(struct t1 *t, enum x86_shift op)
{
    unsigned msb = (unsigned)OP.imm >> 6, lsb = (unsigned)OP.imm & 63;
    if (msb < lsb || msb >= XLEN)
        return true;
    unsigned left = XLEN - 1 - msb, right = left + lsb;
    t1_copy(t, X86_RAX, OP.rs1);
    if (left)
        x86_shift_imm(&t->e, X86_SHL, XLEN, X86_RAX, left);
    if (right)
        x86_shift_imm(&t->e, op, XLEN, X86_RAX, right);
    t1_set(t, X86_RAX);
    return true;
}

static bool find_first(struct t1 *t, bool one)
{
    if (!t->dbt->host.lzcnt)
        return false;
    t1_copy(t, X86_RAX, OP.rs1);
    if (!one)
        x86_not(&t->e, XLEN, X86_RAX);
    x86_count(&t->e, X86_LZCNT, XLEN, X86_RAX, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

static bool reverse(struct t1 *t, unsigned bits)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_bswap(&t->e, bits, X86_RAX);
    t1_extend_result(t, bits, X86_RAX);
    t1_set(t, X86_RAX);
    return true;
}

static bool test_bit(struct t1 *t)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_shift_imm(&t->e, X86_SHR, 64, X86_RAX, (unsigned)OP.imm);
    x86_op_imm(&t->e, X86_AND, 32, X86_RAX, 1);
    t1_set(t, X86_RAX);
    return true;
}

/* ---- XTheadCondMov, XTheadMac -------------------------------------------------------------------------- */

/* rd = cond(rs2, 0) ? rs1 : rd. */
static bool move_if(struct t1 *t, enum x86_cond cond)
{
    t1_copy(t, X86_RAX, OP.rd);
    enum x86_reg test = t1_use(t, OP.rs2, X86_RCX), from = t1_use(t, OP.rs1, X86_RDX);
    x86_test(&t->e, 64, test, test);
    x86_cmov(&t->e, cond, XLEN, X86_RAX, from);
    t1_set(t, X86_RAX);
    return true;
}

/* rd = rd + rax or rd - rax. */
static bool accumulate(struct t1 *t, unsigned bits, enum x86_alu op)
{
    enum x86_reg sum = op == X86_ADD ? X86_RAX : X86_RCX;
    if (op == X86_ADD) {
        t1_op_guest(t, op, bits, sum, OP.rd);
    } else {
        t1_copy(t, sum, OP.rd);
        x86_op(&t->e, op, bits, sum, X86_RAX);
    }
    t1_extend_result(t, bits, sum);
    t1_set(t, sum);
    return true;
}

static bool multiply(struct t1 *t, unsigned bits, enum x86_alu op)
{
    t1_copy(t, X86_RAX, OP.rs1);
    x86_imul(&t->e, bits, X86_RAX, t1_use(t, OP.rs2, X86_RCX));
    return accumulate(t, bits, op);
}

static bool multiply_halves(struct t1 *t, enum x86_alu op)
{
    t1_copy(t, X86_RAX, OP.rs1);
    t1_copy(t, X86_RCX, OP.rs2);
    x86_extend_to(&t->e, 32, 16, true, X86_RAX, X86_RAX);
    x86_extend_to(&t->e, 32, 16, true, X86_RCX, X86_RCX);
    x86_imul(&t->e, 32, X86_RAX, X86_RCX);
    return accumulate(t, 32, op);
}

/* ---- XTheadMemIdx, XTheadSync -------------------------------------------------------------------------- */

static bool barrier(struct t1 *t)
{
    x86_mfence(&t->e);
    return true;
}

/* How an address is made: rs1 and rs2, of which perhaps only the low 32 bits count; rs1, which moves after
 * the access or before it. */
enum address { INDEX, WORD_INDEX, AFTER, BEFORE };

/* rax = the address. */
static void make_address(struct t1 *t, enum address address)
{
    struct x86_emit *e = &t->e;
    if (address == AFTER || address == BEFORE) {
        t1_copy(t, X86_RAX, OP.rs1);
        if (address == BEFORE)
            x86_op_imm(e, X86_ADD, XLEN, X86_RAX, OP.imm);
        return;
    }
    t1_copy(t, X86_RAX, OP.rs2);
    if (address == WORD_INDEX)
        x86_extend(e, 32, false, X86_RAX, X86_RAX);
    if (OP.rm)
        x86_shift_imm(e, X86_SHL, XLEN, X86_RAX, OP.rm);
    t1_op_guest(t, X86_ADD, XLEN, X86_RAX, OP.rs1);
}

/* The look-up: rdx + rax is the place on the host. Its cold code is the handler, which does the rest, too. */
static struct t1_cold *find(struct t1 *t, enum address address, unsigned size, bool write,
                            struct x86_mem *place)
{
    size_t table = write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    make_address(t, address);
    uint8_t *miss = t1_look_up(t, X86_RAX, 0, (int32_t)size, table);
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, miss);
    cold->insn = t1_make_insn(t);
    *place = x86_mem_index(X86_RDX, X86_RAX, 0);
    check_emit(t->dbt, &t->e, x86_mem(X86_RAX, 0), *place, size, write, t->offset);
    return cold;
}

static void move_pointer(struct t1 *t, enum address address)
{
    enum x86_reg pinned = dbt_pinned(OP.rs1);
    if ((address != AFTER && address != BEFORE) || !OP.rs1)
        return;
    if (pinned != X86_NONE)
        x86_op_imm(&t->e, X86_ADD, XLEN, pinned, OP.imm);
    else
        x86_mem_op_imm(&t->e, X86_ADD, XLEN, t1_home(OP.rs1), OP.imm);
}

static bool load(struct t1 *t, unsigned size, bool sign, enum address address)
{
    struct x86_mem from;
    struct t1_cold *cold = find(t, address, size, false, &from);
    t1_load(t, 8 * size, sign, X86_RCX, from);
    t1_set(t, X86_RCX);
    move_pointer(t, address);
    t1_set_back(t, cold);
    return true;
}

static bool store(struct t1 *t, unsigned size, enum address address)
{
    struct x86_mem to;
    struct t1_cold *cold = find(t, address, size, true, &to);
    x86_store(&t->e, 8 * size, to, t1_use(t, OP.rs3, X86_RCX));
    move_pointer(t, address);
    t1_set_back(t, cold);
    return true;
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define THEAD(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
