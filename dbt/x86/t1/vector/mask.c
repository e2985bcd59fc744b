/* SPDX-License-Identifier: MIT
 *
 * Compares into masks, and the "Vector Mask Instructions". In a mask, the bits beyond vl keep their values,
 * and so do those of elements that are masked off.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

static struct x86_mem mask_mem(const struct t1 *t, unsigned guest, unsigned byte)
{
    return hart_mem(offsetof(struct hart, v) + guest * t->hart->vector.vlenb + byte);
}

/* ---- Compares ------------------------------------------------------------------------------------------ */

/* *p = the sources' group. vd may be the first register of one of them: the bits of a piece are written to a
 * place that this piece, or one before it, has had, and those have been read. */
static bool group_of(const struct t1 *t, enum t1v_source source, struct pieces *p)
{
    unsigned count = t1v_registers(t->vector.lmul);
    bool two = source == T1V_VECTOR;
    return t1v_group(t, t->vector.sew, OP.rs2 | (two ? OP.rs1 : 0u), p) &&
           (OP.rd == OP.rs2 || t1v_disjoint(OP.rd, 1, OP.rs2, count)) &&
           (!two || OP.rd == OP.rs1 || t1v_disjoint(OP.rd, 1, OP.rs1, count));
}

/* Sets vd's bits of a piece to those of T1V_SEEN. */
static void put_bits(struct t1 *t, struct pieces p, unsigned number)
{
    struct x86_emit *e = &t->e;
    unsigned bits = p.elements < 8 ? 8 : p.elements;
    struct x86_mem at = mask_mem(t, OP.rd, number * p.elements / 8);
    x86_kmove_to(e, X86_RCX, T1V_SEEN);
    if (p.k.mask || p.elements < 8) {
        if (p.k.mask)
            x86_kmove_to(e, X86_RDX, T1V_ACTIVE);
        else
            x86_mov_imm(e, X86_RDX, (1 << p.elements) - 1);
        if (bits < 32)
            x86_load_extend(e, bits, false, X86_RAX, at);
        else
            x86_load(e, bits, X86_RAX, at);
        x86_and_not(e, X86_RAX, X86_RDX, X86_RAX);
        x86_op(e, X86_OR, 64, X86_RCX, X86_RAX);
    }
    x86_store(e, bits, at, X86_RCX);
}

static bool compare(struct t1 *t, enum t1v_source source, bool sign, enum x86_predicate predicate)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!group_of(t, source, &p))
        return false;
    t1v_take_small(t, &p);
    t1v_begin_with(t, p, source);
    if (!t->dbt->host.avx512)
        return t1v_compare_on_avx2(t, p, source, sign, predicate);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        if (source == T1V_VECTOR)
            x86_ecompare_mem(e, p.log2, sign, predicate, p.k, T1V_SEEN, REG(T1V_OPERAND),
                             t1v_mem(t, OP.rs1, p, i));
        else
            x86_ecompare(e, p.log2, sign, predicate, p.k, T1V_SEEN, REG(T1V_OPERAND), REG(T1V_SCALAR));
        put_bits(t, p, i);
    }
    return t1v_end(t);
}

static bool compare_halves(struct t1 *t, enum t1v_source source, enum x86_fpredicate predicate)
{
    struct pieces p;
    if (!t->dbt->host.avx512 || !t1v_has_format(t) || !group_of(t, source, &p))
        return false;
    t1v_begin_float(t);
    struct pieces w = t1v_wider_of(t, p, 1);
    if (source == T1V_SCALAR_F)
        t1v_take_half(t, w);
    for (unsigned i = 0; i < w.count; i++) {
        t1v_make_mask(t, w, i);
        t1v_load_halves(t, w, T1V_OPERAND, OP.rs2, i);
        unsigned other = t1v_source_halves(t, w, source, i);
        x86_ecompare_float(&t->e, w.log2, predicate, w.k, T1V_SEEN, REG(T1V_OPERAND), REG(other));
        put_bits(t, w, i);
    }
    return t1v_end(t);
}

static bool compare_float(struct t1 *t, enum t1v_source source, enum x86_fpredicate predicate)
{
    struct pieces p;
    if (t->vector.sew == 1)
        return compare_halves(t, source, predicate);
    if (t->vector.sew < 2 || !group_of(t, source, &p))
        return false;
    t1v_begin_float(t);
    t1v_take_scalar(t, p, source);
    if (!t->dbt->host.avx512)
        return t1v_compare_floats_on_avx2(t, p, source, predicate);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        x86_ecompare_float(&t->e, p.log2, predicate, p.k, T1V_SEEN, REG(T1V_OPERAND), REG(other));
        put_bits(t, p, i);
    }
    return t1v_end(t);
}

/* vd's bits = the carries of vs2 + vs1, or the borrows of vs2 - vs1. If v0 is an operand, its bit is added,
 * or subtracted, too. */
static bool carries(struct t1 *t, enum t1v_source source, bool subtract)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    bool with_carry = t1v_masked(t);
    if (!t->dbt->host.avx512 || !group_of(t, source, &p))
        return false;
    t1v_unmask(t, &p);
    t1v_begin_with(t, p, source);
    t1v_spread_constant(t, p, T1V_CONST, -1);
    for (unsigned i = 0; i < p.count; i++) {
        unsigned a = T1V_OPERAND, b, equal;
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        if (subtract) {
            b = equal = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        } else { /* the sum is less than an operand; or, with a carry, the sum is all ones */
            t1v_operate(t, X86_E_ADD + p.log2, t1v_whole(p), T1V_TEMP, T1V_OPERAND, source, i);
            a = T1V_TEMP;
            b = T1V_OPERAND;
            equal = T1V_CONST;
        }
        x86_ecompare(e, p.log2, false, X86_P_LT, p.k, T1V_SEEN, REG(a), REG(b));
        if (with_carry) {
            struct x86_lanes carried = { p.k.bytes, T1V_CARRY, false };
            t1v_take_v0(t, p, T1V_CARRY, i);
            x86_ecompare(e, p.log2, false, X86_P_EQ, carried, T1V_CARRY, REG(a), REG(equal));
            x86_klogic(e, X86_KOR, T1V_SEEN, T1V_SEEN, T1V_CARRY);
        }
        put_bits(t, p, i);
    }
    return t1v_end(t);
}

/* ---- Masks by words of 64 bits ------------------------------------------------------------------------- */

static unsigned words(const struct t1 *t)
{
    return (t1v_vlmax(t) + 63) / 64;
}

static bool known(const struct t1 *t)
{
    return t->vector.known && t->dbt->host.avx2;
}

/* In word `number` of vd, the bits that are set in rax become those of rdx. It uses rcx. */
static void put_word(struct t1 *t, unsigned number)
{
    struct x86_emit *e = &t->e;
    struct x86_mem at = mask_mem(t, OP.rd, 8 * number);
    x86_load(e, 64, X86_RCX, at);
    x86_op(e, X86_XOR, 64, X86_RDX, X86_RCX);
    x86_op(e, X86_AND, 64, X86_RDX, X86_RAX);
    x86_op(e, X86_XOR, 64, X86_RDX, X86_RCX);
    if (!t->dbt->host.avx512 && words(t) == 1) {
        t1v_put_low(t, OP.rd, 3, X86_RDX);
        t->vector.upper = true;
        return;
    }
    x86_store(e, 64, at, X86_RDX);
    t1v_stored(t, at, 8, T1V_NO_RESULT);
}

/* vd = vs2 op vs1; vs1, or the result, may be inverted. */
static bool logic(struct t1 *t, enum x86_alu op, bool invert_other, bool invert_result)
{
    struct x86_emit *e = &t->e;
    if (!known(t))
        return false;
    t1v_begin(t, true);
    for (unsigned i = 0; i < words(t); i++) {
        t1v_tail_bits(t, 64 * i);
        x86_load(e, 64, X86_RDX, mask_mem(t, OP.rs2, 8 * i));
        x86_load(e, 64, X86_RCX, mask_mem(t, OP.rs1, 8 * i));
        if (invert_other)
            x86_not(e, 64, X86_RCX);
        x86_op(e, op, 64, X86_RDX, X86_RCX);
        if (invert_result)
            x86_not(e, 64, X86_RDX);
        put_word(t, i);
    }
    t1_fp_end(t);
    return true;
}

/* rax = one bit for each active element of a word; with `set`, only those that vs2 has. It uses rcx. */
static void take_word(struct t1 *t, unsigned number, bool set)
{
    t1v_tail_bits(t, 64 * number);
    if (t1v_masked(t))
        x86_op_mem(&t->e, X86_AND, 64, X86_RAX, mask_mem(t, 0, 8 * number));
    if (set)
        x86_op_mem(&t->e, X86_AND, 64, X86_RAX, mask_mem(t, OP.rs2, 8 * number));
}

/* rd = the number of bits that are set. */
static bool count(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!known(t))
        return false;
    t1v_begin(t, false);
    x86_mov_imm(e, X86_RDX, 0);
    for (unsigned i = 0; i < words(t); i++) {
        take_word(t, i, true);
        x86_count(e, X86_POPCNT, 64, X86_RAX, X86_RAX);
        x86_op(e, X86_ADD, 64, X86_RDX, X86_RAX);
    }
    t1_set(t, X86_RDX);
    t1_fp_end(t);
    return true;
}

/* rd = the number of the first bit that is set, or -1. */
static bool find_first(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!known(t))
        return false;
    t1v_begin(t, false);
    t1_mov_imm(t, X86_RDX, -1);
    for (unsigned i = words(t); i-- > 0;) {
        take_word(t, i, true);
        x86_count(e, X86_TZCNT, 64, X86_RCX, X86_RAX); /* carry: no bit is set */
        x86_lea(e, 64, X86_RCX, x86_mem(X86_RCX, (int32_t)(64 * i)));
        x86_cmov(e, X86_AE, 64, X86_RDX, X86_RCX);
    }
    t1_set(t, X86_RDX);
    t1_fp_end(t);
    return true;
}

/* vmsbf, vmsif, vmsof: the bits before the first one that is set, those up to it, or that one alone. */
enum around { BEFORE, UP_TO, ALONE };
static bool around_first(struct t1 *t, enum around which)
{
    struct x86_emit *e = &t->e;
    if (!known(t) || words(t) > 1 || OP.rd == OP.rs2 || (t1v_masked(t) && !OP.rd))
        return false;
    t1v_begin(t, true);
    take_word(t, 0, true);
    x86_lea(e, 64, X86_RDX, x86_mem(X86_RAX, -1));
    if (which == BEFORE)
        x86_and_not(e, X86_RDX, X86_RAX, X86_RDX);
    else if (which == UP_TO)
        x86_op(e, X86_XOR, 64, X86_RDX, X86_RAX);
    else
        x86_and_not(e, X86_RDX, X86_RDX, X86_RAX);
    take_word(t, 0, false);
    put_word(t, 0);
    t1_fp_end(t);
    return true;
}

/* ---- Numbers of elements ------------------------------------------------------------------------------- */

/* vid.v */
static bool number(struct t1 *t)
{
    struct pieces p;
    if (!t1v_group(t, t->vector.sew, OP.rd, &p) || (t1v_masked(t) && !OP.rd))
        return false;
    t1v_begin(t, true);
    t1v_multiples(t, p, T1V_CONST, 1);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_spread_constant(t, p, T1V_TEMP, i * p.elements);
        t1v_make_mask(t, p, i);
        t1v_keep_old(t, p, 0, i);
        t1v_op(t, X86_E_ADD + p.log2, p, 0, T1V_CONST, T1V_TEMP);
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
    return t1v_end(t);
}

/* Returns numbers for the elements of a piece, each with as many ones in its low bits as there are
 * elements before it. */
static const void *bits_before(unsigned log2)
{
#define BEFORE_4(n) (1u << (n)) - 1, (2u << (n)) - 1, (4u << (n)) - 1, (8u << (n)) - 1
#define BEFORE_16   BEFORE_4(0), BEFORE_4(4), BEFORE_4(8), BEFORE_4(12)
    static const uint16_t halves[] = { BEFORE_16 };
    static const uint32_t words[] = { BEFORE_16 };
    static const uint64_t doubles[] = { BEFORE_4(0), BEFORE_4(4) };
    static const void *const all[] = { halves, halves, words, doubles };
    return all[log2];
}

/* Returns the pieces in which viota.m counts, of up to 16 elements. Bytes are counted as elements of 16
 * bits, which are cut. */
static struct pieces counting_pieces(const struct t1 *t, struct pieces p)
{
    struct pieces w = p.log2 == 0 ? t1v_wider_of(t, p, 1) : p;
    if (w.log2 == 1 && w.bytes == 64) {
        w.bytes = w.k.bytes = 32;
        w.count *= 2;
    }
    w.elements = w.bytes >> w.log2;
    return w;
}

/* rax = vs2's bits of a piece, without those that v0 masks off. */
static void take_piece_of_mask(struct t1 *t, struct pieces p, unsigned number)
{
    unsigned first = number * p.elements / 8;
    x86_load_extend(&t->e, 16, false, X86_RAX, mask_mem(t, OP.rs2, first));
    if (t1v_masked(t))
        x86_op_mem(&t->e, X86_AND, 64, X86_RAX, mask_mem(t, 0, first));
    if (p.elements < 16)
        x86_op_imm(&t->e, X86_AND, 32, X86_RAX, (1 << p.elements) - 1);
}

/* viota.m: how many bits of vs2 are set before each element. rdx has the number of those before the piece. */
static bool ranks(struct t1 *t)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.avx512_bits || !t1v_group(t, t->vector.sew, OP.rd, &p) || (t1v_masked(t) && !OP.rd) ||
        !t1v_disjoint(OP.rd, t1v_registers(t->vector.lmul), OP.rs2, 1))
        return false;
    t1v_begin(t, true);
    struct pieces w = counting_pieces(t, p), all = t1v_whole(w);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)bits_before(w.log2));
    t1v_load(t, w, T1V_CONST, x86_mem(X86_RAX, 0));
    x86_mov_imm(e, X86_RDX, 0);
    for (unsigned i = 0; i < w.count; i++) {
        take_piece_of_mask(t, w, i);
        t1v_spread(t, w, T1V_TEMP);
        x86_ebroadcast(e, w.log2, all.k, REG(T1V_OPERAND), X86_RDX);
        x86_count(e, X86_POPCNT, 64, X86_RAX, X86_RAX);
        x86_op(e, X86_ADD, 64, X86_RDX, X86_RAX);
        t1v_op(t, X86_E_AND, all, T1V_TEMP, T1V_TEMP, T1V_CONST);
        t1v_unary(t, X86_E_POPCNT + w.log2, all, T1V_TEMP, T1V_TEMP);
        t1v_op(t, X86_E_ADD + w.log2, all, T1V_TEMP, T1V_TEMP, T1V_OPERAND);
        t1v_make_mask(t, w, i);
        t1v_put_cut(t, w, i, T1V_TEMP, X86_CUT);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VMASK(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
