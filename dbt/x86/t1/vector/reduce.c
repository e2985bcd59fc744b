/* SPDX-License-Identifier: MIT
 *
 * Reductions ("Vector Reduction Operations"): element 0 of vd becomes that of vs1, combined with the active
 * elements of vs2. If vl is 0, nothing is written. Reductions of integers, and the smallest and the largest
 * number, combine the pieces into one, and then that one's halves, again and again. Sums of floating point
 * are computed in order, one element after the other, as the handler does it; so are the unordered ones.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Returns the value that changes nothing, in an element of so many bits. */
enum identity { ZEROS, ONES, LARGEST, SMALLEST };
static int64_t identity_of(enum identity identity, unsigned bits)
{
    switch (identity) {
    case ONES: return -1;
    case LARGEST: return INT64_MAX >> (64 - bits);
    case SMALLEST: return INT64_MIN >> (64 - bits);
    default: return 0;
    }
}

/* Operations that are not in enum x86_epacked: the smaller of two floating-point numbers, and the larger. */
enum { SMALLER = X86_EPACKED_COUNT, LARGER };

/* Register 0 = register 0 op `other`. */
static void combine(struct t1 *t, unsigned op, unsigned log2, struct x86_lanes lanes, unsigned other)
{
    if (op >= SMALLER)
        x86_erange(&t->e, log2, op == LARGER, lanes, REG(0), REG(0), REG(other));
    else if (t->dbt->host.avx512)
        x86_epacked(&t->e, op, lanes, REG(0), REG(0), REG(other));
    else
        x86_vpacked(&t->e, op, lanes.bytes, 0, 0, other);
}

/* T1V_TEMP = the upper half of the `2 * bytes` bytes that are combined. */
static void take_upper(struct t1 *t, unsigned bytes)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes lanes = { 16, 0, false };
    if (!t->dbt->host.avx512 && bytes >= 16)
        x86_vupper(e, T1V_TEMP, 0);
    else if (!t->dbt->host.avx512)
        x86_vshift_bytes(e, 16, T1V_TEMP, 0, bytes);
    else if (bytes >= 16)
        x86_eextract(e, bytes, REG(T1V_TEMP), REG(0), 1);
    else
        x86_eshift_bytes(e, false, lanes, REG(T1V_TEMP), REG(0), bytes);
}

/* Element 0 of vd, of `bits` bits = register 0's. */
static void put_first(struct t1 *t, struct pieces p, unsigned bits)
{
    struct x86_emit *e = &t->e;
    if (t->dbt->host.avx512)
        x86_emove_to(e, X86_RAX, REG(0));
    else
        x86_vmove_to(e, 64, X86_RAX, 0);
    if (t->dbt->host.avx512)
        x86_store(e, bits, t1v_mem(t, OP.rd, p, 0), X86_RAX);
    else
        t1v_put_low(t, OP.rd, (unsigned)__builtin_ctz(bits / 8), X86_RAX);
}

/* Element 0 of register 0 = all its elements, combined. */
static void fold(struct t1 *t, unsigned op, struct pieces p)
{
    for (unsigned bytes = p.bytes / 2; bytes >= 1u << p.log2; bytes /= 2) {
        struct x86_lanes lanes = { (uint8_t)(bytes < 16 ? 16 : bytes), 0, false };
        take_upper(t, bytes);
        combine(t, op, p.log2, lanes, T1V_TEMP);
    }
}

/* If vl is 0, the handler takes over, and writes nothing. */
static void look_at_zero(struct t1 *t)
{
    x86_mem_op_imm(&t->e, X86_CMP, 32, HART_MEM(vector.vl), 0);
    t1_fp_handler_if(t, x86_jcc(&t->e, X86_E));
}

static bool reduce(struct t1 *t, unsigned first, enum identity identity)
{
    struct pieces p;
    unsigned op = first + t->vector.sew, bits = 8u << t->vector.sew;
    const struct pieces one = { .bytes = 16, .log2 = t->vector.sew, .k = { .bytes = 16 } };
    if (!t1v_op_is(t, op) || !t1v_group(t, t->vector.sew, OP.rs2, &p))
        return false;
    t1v_begin(t, true);
    if (p.k.mask) {
        look_at_zero(t);
        t1v_spread_constant(t, p, 0, identity_of(identity, bits));
    } else {
        t1v_load(t, p, 0, t1v_mem(t, OP.rs2, p, 0));
    }
    for (unsigned i = p.k.mask ? 0 : 1; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_op_mem(t, op, p, 0, 0, t1v_mem(t, OP.rs2, p, i));
    }
    fold(t, op, p);
    t1v_op_mem(t, op, one, 0, 0, t1v_mem(t, OP.rs1, p, 0));
    put_first(t, p, bits);
    return t1v_end(t);
}

/* Computes the sum in twice the width. Pieces of half a register become pieces of a whole one. */
static bool sum_wide(struct t1 *t, unsigned extension)
{
    struct pieces p;
    if (!t->vector.known || t->vector.sew == 3 || !t1v_group(t, t->vector.sew, OP.rs2, &p))
        return false;
    if (p.bytes == (t->dbt->host.avx512 ? 64 : 32)) {
        p.bytes = p.k.bytes = p.bytes / 2;
        p.count *= 2;
        p.elements /= 2;
    }
    t1v_begin(t, true);
    if (p.k.mask)
        look_at_zero(t);
    struct pieces wide = { .bytes = 2 * p.bytes, .elements = p.elements, .log2 = p.log2 + 1 };
    const struct pieces one = { .bytes = 16, .log2 = wide.log2, .k = { .bytes = 16 } };
    unsigned add = X86_E_ADD + wide.log2;
    wide.k = (struct x86_lanes){ (uint8_t)wide.bytes, p.k.mask, false };
    t1v_op(t, X86_E_XOR_64, t1v_whole(wide), 0, 0, 0);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, wide, i);
        t1v_unary_mem(t, extension + p.log2, t1v_whole(wide), T1V_TEMP, t1v_mem(t, OP.rs2, p, i));
        t1v_op(t, add, wide, 0, 0, T1V_TEMP);
    }
    fold(t, add, wide);
    t1v_op_mem(t, add, one, 0, 0, t1v_mem(t, OP.rs1, p, 0));
    put_first(t, p, 8u << wide.log2);
    return t1v_end(t);
}

/* ---- Floating point ------------------------------------------------------------------------------------ */

static struct x86_mem element_mem(const struct t1 *t, unsigned guest)
{
    size_t at = offsetof(struct hart, v) + guest * t->hart->vector.vlenb;
    return x86_mem_scaled(HOST_HART, X86_RCX, t->vector.sew, (int32_t)at - HART_BIAS);
}

/* If register 0 is a NaN, the handler takes over. This raises no flag, which a comparison could: the NaN may
 * be vs1's, signalling, and in no sum. */
static void look_for_nan(struct t1 *t, unsigned bits)
{
    struct x86_emit *e = &t->e;
    x86_vmove_to(e, bits, X86_RAX, 0);
    x86_op(e, X86_ADD, bits, X86_RAX, X86_RAX); /* without the sign */
    x86_mov_imm(e, X86_RCX, bits == 64 ? (int64_t)0xffe0000000000000 : 0xff000000);
    x86_op(e, X86_CMP, bits, X86_RAX, X86_RCX);
    t1_fp_handler_if(t, x86_jcc(e, X86_A));
}

static bool sum(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    unsigned bits = 8u << t->vector.sew;
    uint8_t *skip = NULL;
    if (!t->vector.known || !t->dbt->host.avx2 || t->vector.sew < 2 ||
        OP.rs2 & (t1v_registers(t->vector.lmul) - 1))
        return false;
    t1v_begin_float(t);
    look_at_zero(t);
    x86_mov_imm(e, X86_RCX, 0);
    x86_vload(e, bits, 0, element_mem(t, OP.rs1));
    const uint8_t *loop = x86_here(e);
    if (t1v_masked(t)) {
        t1v_look_at_mask_bit(t, X86_RAX, X86_RCX);
        skip = x86_jcc(e, X86_AE);
    }
    x86_vscalar_mem(e, X86_SCALAR_ADD, bits, 0, 0, element_mem(t, OP.rs2));
    if (skip)
        x86_land(e, skip);
    x86_op_imm(e, X86_ADD, 32, X86_RCX, 1);
    x86_op_mem(e, X86_CMP, 32, X86_RCX, HART_MEM(vector.vl));
    x86_jcc_to(e, X86_NE, loop);
    look_for_nan(t, bits);
    x86_mov_imm(e, X86_RCX, 0);
    if (t->dbt->host.avx512) {
        x86_vstore(e, bits, element_mem(t, OP.rd), 0);
    } else {
        x86_vmove_to(e, 64, X86_RAX, 0);
        t1v_put_low(t, OP.rd, t->vector.sew, X86_RAX);
        t->vector.upper = true;
    }
    t1_fp_end(t);
    return true;
}

/* Computes the smallest or the largest. At first, vs1's element stands in all places; it stays in those of
 * elements that are not active. The handler takes over if there is a NaN, or if no element is active at all,
 * since vs1's may then be a NaN. */
static bool extreme(struct t1 *t, bool larger)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    unsigned bits = 8u << t->vector.sew;
    if (!t->dbt->host.avx512 || t->vector.sew < 2 || !t1v_group(t, t->vector.sew, OP.rs2, &p))
        return false;
    t1v_begin_float(t);
    if (p.k.mask)
        look_at_zero(t);
    x86_load(e, bits, X86_RAX, t1v_mem(t, OP.rs1, p, 0));
    t1v_spread(t, p, 0);
    x86_klogic(e, X86_KXOR, T1V_FOUND, T1V_FOUND, T1V_FOUND);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        x86_ecompare_float(e, p.log2, X86_FP_UNORDERED, p.k, T1V_SEEN, REG(0), REG(T1V_OPERAND));
        x86_ktest(e, T1V_SEEN, T1V_SEEN);
        t1_fp_handler_if(t, x86_jcc(e, X86_NE));
        combine(t, larger ? LARGER : SMALLER, p.log2, p.k, T1V_OPERAND);
        if (p.k.mask)
            x86_klogic(e, X86_KOR, T1V_FOUND, T1V_FOUND, T1V_ACTIVE);
    }
    if (p.k.mask) {
        x86_ktest(e, T1V_FOUND, T1V_FOUND);
        t1_fp_handler_if(t, x86_jcc(e, X86_E));
    }
    fold(t, larger ? LARGER : SMALLER, p);
    x86_emove_to(e, X86_RAX, REG(0));
    x86_store(e, bits, t1v_mem(t, OP.rd, p, 0), X86_RAX);
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VREDUCE(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
