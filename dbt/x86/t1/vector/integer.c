/* SPDX-License-Identifier: MIT
 *
 * Integer arithmetic of one width ("Vector Integer Arithmetic Instructions"), moves and merges. See vector.h.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* ---- Two operands -------------------------------------------------------------------------------------- */

/* vd = vs2 op (vs1, rs1, immediate). `swapped`: the operands change places. */
static bool integer(struct t1 *t, unsigned first, enum t1v_source source, bool swapped)
{
    struct pieces p;
    unsigned op = first + t->vector.sew;
    if (op == X86_VMUL_8)
        return t1v_wider_product(t, source, false, false, false);
    if (!t1v_operands_fit(t, source, &p) || !t1v_op_is(t, op))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        if (swapped) {
            unsigned a = t1v_source(t, p, T1V_OPERAND, source, i);
            t1v_op_mem(t, op, p, 0, a, t1v_mem(t, OP.rs2, p, i));
        } else {
            t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
            t1v_operate(t, op, p, 0, T1V_OPERAND, source, i);
        }
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* vd = the high half of a product. For 16 bits, the host has two of the three instructions. */
static bool high_half(struct t1 *t, enum t1v_source source, bool sign_2, bool sign_1)
{
    if (t->vector.sew == 1 && sign_2 == sign_1)
        return integer(t, sign_2 ? X86_E_MULH : X86_E_MULHU, source, false);
    return t1v_wider_product(t, source, sign_2, sign_1, true);
}

/* On AVX2, rotations of 32 and 64 bits are two shifts. */
static bool rotate_on_avx2(struct t1 *t, enum t1v_source source, bool left)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    unsigned shl = X86_VSHLV_8 + t->vector.sew, shr = X86_VSHRV_8 + t->vector.sew,
             width = 8u << t->vector.sew;
    if (!t1v_operands_fit(t, source, &p))
        return false;
    t1v_begin_with(t, p, source);
    t1v_spread_constant(t, p, T1V_TEMP, width);
    t1v_spread_constant(t, p, T1V_CONST, width - 1);
    for (unsigned i = 0; i < p.count; i++) {
        unsigned counts = t1v_source(t, p, T1V_COUNTS, source, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        x86_vpacked(e, X86_VAND_8, p.bytes, T1V_COUNTS, counts, T1V_CONST);
        x86_vpacked(e, left ? shl : shr, p.bytes, 0, T1V_OPERAND, T1V_COUNTS);
        x86_vpacked(e, X86_VSUB_8 + p.log2, p.bytes, T1V_COUNTS, T1V_TEMP, T1V_COUNTS);
        x86_vpacked(e, left ? shr : shl, p.bytes, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
        x86_vpacked(e, X86_VOR_8, p.bytes, 0, 0, T1V_OPERAND);
        t1v_put_active(t, p, i, 0);
    }
    return t1v_end(t);
}

/* Rotations: the host has those of elements of 32 and 64 bits. */
static bool rotate(struct t1 *t, enum t1v_source source, bool left)
{
    if (t->vector.sew < 2)
        return t1v_wider_rotate(t, source, left);
    if (!t->dbt->host.avx512)
        return rotate_on_avx2(t, source, left);
    return integer(t, left ? X86_E_ROLV : X86_E_RORV, source, false);
}

/* T1V_COUNTS = the number of bits by which rs1 or the immediate shifts, modulo SEW; rax has it, too. */
static void take_count(struct t1 *t, enum t1v_source source)
{
    t1v_count_to_rax(t, source, 8u << t->vector.sew);
    t1v_take_count(t, T1V_COUNTS);
}

/* T1V_CONST = in each byte, the bits that come from that byte itself after the shift. For an arithmetic
 * shift, T1V_SCALAR = the bit in which its sign is then. */
static void take_byte_masks(struct t1 *t, struct pieces p, unsigned first)
{
    struct x86_emit *e = &t->e;
    x86_mov(e, 32, X86_RCX, X86_RAX);
    if (first == X86_VSAR_8) {
        x86_mov_imm(e, X86_RAX, 0x80);
        x86_shift_cl(e, X86_SHR, 32, X86_RAX);
        t1v_spread(t, p, T1V_SCALAR);
    }
    x86_mov_imm(e, X86_RAX, 0xff);
    x86_shift_cl(e, first == X86_VSHL_8 ? X86_SHL : X86_SHR, 32, X86_RAX);
    t1v_spread(t, p, T1V_CONST);
}

/* The host does not shift bytes. This shifts words of 16 bits, and cuts off what a byte got
 * from its neighbour. */
static bool shift_bytes(struct t1 *t, unsigned first, enum t1v_source source)
{
    struct pieces p;
    if (!t1v_operands_fit(t, source, &p))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, T1V_NOTHING);
    take_count(t, source);
    take_byte_masks(t, p, first);
    struct pieces all = t1v_whole(p);
    unsigned words = (first == X86_VSAR_8 ? X86_VSHR_8 : first) + 1;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_op(t, words, all, T1V_OPERAND, T1V_OPERAND, T1V_COUNTS);
        t1v_op(t, X86_E_AND, all, T1V_OPERAND, T1V_OPERAND, T1V_CONST);
        if (first == X86_VSAR_8) {
            t1v_op(t, X86_E_XOR, all, T1V_OPERAND, T1V_OPERAND, T1V_SCALAR);
            t1v_op(t, X86_E_SUB, all, T1V_OPERAND, T1V_OPERAND, T1V_SCALAR);
        }
        t1v_unary(t, X86_E_LOAD, p, 0, T1V_OPERAND);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* All elements are shifted equally far: by rs1 or the immediate, modulo SEW. */
static bool shift(struct t1 *t, unsigned first, enum t1v_source source)
{
    struct pieces p;
    unsigned op = first + t->vector.sew;
    if (t->vector.known && t->vector.sew == 0)
        return shift_bytes(t, first, source);
    if (!t1v_operands_fit(t, source, &p) || !t1v_op_is(t, op))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, T1V_NOTHING);
    take_count(t, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_op(t, op, p, 0, T1V_OPERAND, T1V_COUNTS);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* Each element is shifted by the element of vs1, modulo SEW. */
static bool shift_each(struct t1 *t, unsigned first)
{
    struct pieces p;
    unsigned op = first + t->vector.sew;
    if (t->vector.sew == 0)
        return t1v_wider_shift_each(t, first);
    if (!t1v_operands_fit(t, T1V_VECTOR, &p) || !t1v_op_is(t, op))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, T1V_NOTHING);
    t1v_spread_constant(t, p, T1V_SCALAR, (8 << t->vector.sew) - 1);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_op_mem(t, X86_E_AND + p.log2, t1v_whole(p), T1V_COUNTS, T1V_SCALAR, t1v_mem(t, OP.rs1, p, i));
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_op(t, op, p, 0, T1V_OPERAND, T1V_COUNTS);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* vd = vd +- vs1 * vs2; or, with `times_d`, vs2 +- vs1 * vd. */
static bool multiply_add(struct t1 *t, enum t1v_source source, bool times_d, unsigned sum)
{
    struct pieces p;
    unsigned multiply = X86_VMUL_8 + t->vector.sew;
    unsigned factor = times_d ? OP.rd : OP.rs2, other = times_d ? OP.rs2 : OP.rd;
    if (t->vector.sew == 0)
        return t1v_wider_multiply_add(t, source, times_d, sum == X86_VSUB_8);
    if (!t1v_operands_fit(t, source, &p) || !t1v_op_is(t, multiply))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, factor, p, i));
        t1v_operate(t, multiply, t1v_whole(p), T1V_OPERAND, T1V_OPERAND, source, i);
        t1v_load(t, p, T1V_OPERAND + 1, t1v_mem(t, other, p, i));
        t1v_op(t, sum + t->vector.sew, p, 0, T1V_OPERAND + 1, T1V_OPERAND);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* vd = vs2 +- vs1, and one more, or one less, if v0's bit is set. */
static bool carry(struct t1 *t, unsigned first, enum t1v_source source)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_operands_fit(t, source, &p))
        return false;
    t1v_unmask(t, &p);
    t1v_begin_with(t, p, source);
    struct pieces chosen = p;
    chosen.k.mask = T1V_SEEN;
    t1v_spread_constant(t, p, T1V_CONST, 1);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_take_v0(t, p, T1V_SEEN, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_operate(t, first + p.log2, t1v_whole(p), 0, T1V_OPERAND, source, i);
        t1v_op(t, first + p.log2, chosen, 0, 0, T1V_CONST);
        t1v_put(t, p, i, 0);
    }
    return t1v_end(t);
}

/* ---- One operand --------------------------------------------------------------------------------------- */

/* vd = op vs2; `there`: whether the host has the operation. */
static bool unary(struct t1 *t, bool there, unsigned first)
{
    struct pieces p;
    if (!there || !t1v_operands_fit(t, T1V_NOTHING, &p) || !t1v_op_is(t, first + t->vector.sew))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_unary_mem(t, first + t->vector.sew, p, 0, t1v_mem(t, OP.rs2, p, i));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

static bool leading_zeros(struct t1 *t)
{
    return t->vector.sew < 2 ? t1v_wider_leading_zeros(t) : unary(t, t->dbt->host.avx512_bits, X86_E_LZCNT);
}

/* Counts the zeros below the lowest bit that is set: ~x & (x - 1) has ones in their places only. */
static bool trailing_zeros(struct t1 *t)
{
    struct pieces p;
    if (!t->dbt->host.avx512_bits || !t1v_operands_fit(t, T1V_NOTHING, &p))
        return false;
    t1v_begin_with(t, p, T1V_NOTHING);
    struct pieces all = t1v_whole(p);
    t1v_spread_constant(t, p, T1V_CONST, -1);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        t1v_op(t, X86_E_ADD + p.log2, all, T1V_TEMP, T1V_OPERAND, T1V_CONST);
        t1v_op(t, X86_E_ANDN, all, T1V_TEMP, T1V_OPERAND, T1V_TEMP);
        t1v_unary(t, X86_E_POPCNT + p.log2, all, T1V_TEMP, T1V_TEMP);
        t1v_put(t, p, i, T1V_TEMP);
    }
    return t1v_end(t);
}

/* vd = elements of a half, a quarter or an eighth of SEW, extended. `first` is the form for
 * elements of 8 bits. */
static bool extend(struct t1 *t, unsigned shrink, unsigned first)
{
    struct pieces p;
    int emul = t->vector.lmul - (int)shrink;
    unsigned sources = t1v_registers(emul), group = t1v_registers(t->vector.lmul);
    if (!t->vector.known || t->vector.sew < shrink || emul < -3 || OP.rs2 & (sources - 1) ||
        !t1v_disjoint(OP.rd, group, OP.rs2, sources) || !t1v_group(t, t->vector.sew, OP.rd, &p) ||
        !t1v_apart_from_mask(t, OP.rd, T1V_NOTHING))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, T1V_NOTHING);
    struct pieces narrow = p;
    narrow.bytes = p.bytes >> shrink;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_unary_mem(t, first + t->vector.sew - shrink, p, 0, t1v_mem(t, OP.rs2, narrow, i));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* ---- Moves and merges ---------------------------------------------------------------------------------- */

static bool merge_on_avx2(struct t1 *t, struct pieces p, enum t1v_source source)
{
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        t1v_chosen_bits(t, p, i);
        t1v_spread_bits(t, p, T1V_LIVE);
        x86_vblend(&t->e, p.bytes, 0, T1V_OPERAND, other, T1V_LIVE);
        t1v_put_active(t, p, i, 0);
    }
    return t1v_end(t);
}

/* vd = vs1 (or a scalar) if v0's bit is set, otherwise vs2. */
static bool merge(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    if (!t1v_operands_fit(t, source, &p) || (source == T1V_SCALAR_F && !t1v_has_format(t)))
        return false;
    t1v_unmask(t, &p);
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, source);
    if (!t->dbt->host.avx512)
        return merge_on_avx2(t, p, source);
    struct pieces chosen = p;
    chosen.k.mask = T1V_SEEN;
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_unary_mem(t, X86_E_LOAD + p.log2, p, 0, t1v_mem(t, OP.rs2, p, i));
        t1v_take_v0(t, p, T1V_SEEN, i);
        if (source == T1V_VECTOR)
            t1v_unary_mem(t, X86_E_LOAD + p.log2, chosen, 0, t1v_mem(t, OP.rs1, p, i));
        else
            t1v_unary(t, X86_E_LOAD + p.log2, chosen, 0, T1V_SCALAR);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* vd = vs1, or a scalar in each element. */
static bool move(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    unsigned registers = OP.rd | (source == T1V_VECTOR ? OP.rs1 : 0u);
    if (!t1v_group(t, t->vector.sew, registers, &p) || (source == T1V_SCALAR_F && !t1v_has_format(t)))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_put_active(t, p, i, t1v_source(t, p, 0, source, i));
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VINTEGER(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
