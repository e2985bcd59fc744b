/* SPDX-License-Identifier: MIT
 *
 * Compares on hosts with AVX2 only: the host makes elements of all ones or 0, whose signs become the mask's
 * bits.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* rdx collects the bits of 32 elements, or of all if there are less; then these are written. */
enum { COLLECTED = 32 };

/* Adds the bits of piece `number`, whose elements in register `from` are all ones or 0. */
static void collect(struct t1 *t, struct pieces p, unsigned number, unsigned from)
{
    struct x86_emit *e = &t->e;
    unsigned at = number * p.elements % COLLECTED;
    enum x86_reg to = at ? X86_RCX : X86_RDX;
    if (p.log2 == 1) {
        if (p.bytes == 32)
            x86_vupper(e, T1V_MOVED, from);
        x86_vpack_signed(e, 16, from, from, p.bytes == 32 ? T1V_MOVED : from);
        x86_vsigns(e, 0, 16, to, from);
    } else {
        x86_vsigns(e, p.log2, p.bytes, to, from);
    }
    if (!at)
        return;
    x86_shift_imm(e, X86_SHL, 32, X86_RCX, at);
    x86_op(e, X86_OR, 32, X86_RDX, X86_RCX);
}

/* Writes the bits that have been collected, up to those of piece `number`, if there are enough of them. */
static void write_collected(struct t1 *t, struct pieces p, unsigned number, bool invert)
{
    struct x86_emit *e = &t->e;
    unsigned there = (number + 1) * p.elements, first = number * p.elements / COLLECTED * COLLECTED;
    if (there % COLLECTED && number + 1 < p.count)
        return;
    unsigned bits = there - first < 8 ? 8 : there - first;
    struct x86_mem at = hart_mem(t1v_register_at(t, OP.rd) + first / 8);
    if (invert)
        x86_not(e, 32, X86_RDX);
    if (p.k.mask || there < 8) {
        struct pieces collected = { .elements = there - first };
        if (p.k.mask)
            t1v_active_bits(t, collected, first / collected.elements);
        else
            x86_mov_imm(e, X86_RAX, (1 << p.elements) - 1);
        if (bits < 32)
            x86_load_extend(e, bits, false, X86_RCX, at);
        else
            x86_load(e, 32, X86_RCX, at);
        x86_op(e, X86_XOR, 32, X86_RDX, X86_RCX);
        x86_op(e, X86_AND, 32, X86_RDX, X86_RAX);
        x86_op(e, X86_XOR, 32, X86_RDX, X86_RCX);
    }
    if (p.count * p.elements <= COLLECTED) {
        t1v_put_low(t, OP.rd, (unsigned)__builtin_ctz(bits / 8), X86_RDX);
        return;
    }
    x86_store(e, bits, at, X86_RDX);
    t1v_stored(t, at, bits / 8, T1V_NO_RESULT);
}

/* T1V_TEMP = T1V_OPERAND compared with register b. Returns whether the result is to be inverted. T1V_CONST
 * has the sign of 64 bits if such numbers have none. */
static bool compare_integers(struct t1 *t, struct pieces p, bool sign, enum x86_predicate predicate,
                             unsigned b)
{
    struct x86_emit *e = &t->e;
    unsigned a = T1V_OPERAND;
    bool inverted = predicate == X86_P_NE || predicate == X86_P_LE || predicate == X86_P_GE;
    if (predicate == X86_P_EQ || predicate == X86_P_NE) {
        x86_vequal(e, p.log2, p.bytes, T1V_TEMP, a, b);
        return inverted;
    }
    bool less = predicate == X86_P_LT || predicate == X86_P_GE; /* whether a < b decides, or a > b */
    if (!sign && p.log2 < 3) {                                  /* a < b if the larger one is not a */
        x86_vpacked(e, (less ? X86_VMAXU_8 : X86_VMINU_8) + p.log2, p.bytes, T1V_TEMP, a, b);
        x86_vequal(e, p.log2, p.bytes, T1V_TEMP, T1V_TEMP, a);
        return !inverted;
    }
    if (!sign) {
        x86_vpacked(e, X86_VXOR_8, p.bytes, T1V_OPERAND, a, T1V_CONST);
        x86_vpacked(e, X86_VXOR_8, p.bytes, T1V_MOVED, b, T1V_CONST);
        b = T1V_MOVED;
    }
    x86_vgreater(e, p.log2, p.bytes, T1V_TEMP, less ? b : a, less ? a : b);
    return inverted;
}

bool t1v_compare_on_avx2(struct t1 *t, struct pieces p, enum t1v_source source, bool sign,
                         enum x86_predicate predicate)
{
    if (!sign && p.log2 == 3)
        t1v_spread_constant(t, p, T1V_CONST, INT64_MIN);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        bool invert = compare_integers(t, p, sign, predicate, other);
        collect(t, p, i, T1V_TEMP);
        write_collected(t, p, i, invert);
    }
    return t1v_end(t);
}

bool t1v_compare_floats_on_avx2(struct t1 *t, struct pieces p, enum t1v_source source,
                                enum x86_fpredicate predicate)
{
    t1v_begin_calm(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned a = t1v_calm(t, p, T1V_OPERAND, T1V_OPERAND);
        unsigned b = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        b = t1v_calm(t, p, T1V_OPERAND + 1, b);
        x86_vcompare_packed(&t->e, 8u << p.log2, predicate, p.bytes, T1V_TEMP, a, b);
        collect(t, p, i, T1V_TEMP);
        write_collected(t, p, i, false);
    }
    return t1v_end(t);
}
