/* SPDX-License-Identifier: MIT
 *
 * Zvbb's reversals of bits and bytes, and Zvbc's carry-less products ("Vector Cryptography").
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Returns the numbers of 64 bytes, in which those of each element are in reverse. The host's shuffle works in
 * each 16 bytes by themselves, so 0 to 15 stand there four times. */
static const void *reversed_numbers(unsigned log2)
{
#define FOUR_TIMES(...) __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__
    static const uint8_t halves[] = { FOUR_TIMES(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14) };
    static const uint8_t words[] = { FOUR_TIMES(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12) };
    static const uint8_t doubles[] = { FOUR_TIMES(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8) };
    static const void *const all[] = { NULL, halves, words, doubles };
    return all[log2];
}

static bool begin(struct t1 *t, enum t1v_source source, struct pieces *p)
{
    const struct x86_features *host = &t->dbt->host;
    if (!(host->avx512 ? host->avx512_polynomials : host->pclmul) || !t1v_operands_fit(t, source, p))
        return false;
    t1v_begin(t, true);
    if (!host->avx512 && p->bytes == 32) { /* products are of 16 bytes */
        p->bytes = p->k.bytes = 16;
        p->elements /= 2;
        p->count *= 2;
    }
    return true;
}

/* Register `to` = the carry-less products of the lower or the upper elements of each 16 bytes. */
static void multiply(struct t1 *t, struct pieces p, unsigned to, unsigned a, unsigned b, bool upper)
{
    if (t->dbt->host.avx512)
        x86_eclmul(&t->e, t1v_all(p), REG(to), REG(a), upper, REG(b), upper);
    else
        x86_vclmul(&t->e, to, a, upper, b, upper);
}

/* vd = the bytes of each element of vs2 in reverse, or the bits of each byte, or both. */
static bool reverse(struct t1 *t, bool bytes, bool bits)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!begin(t, T1V_NOTHING, &p))
        return false;
    if (!t->dbt->host.avx512)
        t1v_begin_reversing(t);
    bytes = bytes && p.log2;
    if (bytes) {
        x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)reversed_numbers(p.log2));
        t1v_load(t, p, T1V_CONST, x86_mem(X86_RAX, 0));
    }
    struct pieces eights = { .bytes = p.bytes, .log2 = 3 };
    if (t->dbt->host.avx512)
        t1v_spread_constant(t, eights, T1V_SCALAR, (int64_t)X86_BITS_REVERSED);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        if (bytes)
            t1v_op(t, X86_E_SHUFFLE, t1v_whole(p), T1V_OPERAND, T1V_OPERAND, T1V_CONST);
        if (bits && !t->dbt->host.avx512)
            t1v_reverse_bits(t, T1V_OPERAND);
        else if (bits)
            x86_eaffine(e, t1v_all(p), REG(T1V_OPERAND), REG(T1V_OPERAND), REG(T1V_SCALAR));
        t1v_put_active(t, p, i, T1V_OPERAND);
    }
    return t1v_end(t);
}

/* vd = the low, or the high, half of vs2's carry-less product with vs1 or rs1. In each 16 bytes, the host
 * multiplies one of the two elements at a time. */
static bool carryless(struct t1 *t, enum t1v_source source, bool high)
{
    struct pieces p;
    if (t->vector.sew != 3 || !begin(t, source, &p))
        return false;
    t1v_take_scalar(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs2, p, i));
        unsigned other = t1v_source(t, p, T1V_OPERAND + 1, source, i);
        multiply(t, p, T1V_TEMP, T1V_OPERAND, other, false);
        multiply(t, p, T1V_OPERAND, T1V_OPERAND, other, true);
        t1v_op(t, high ? X86_E_HIGH_HALVES_64 : X86_E_LOW_HALVES_64, t1v_whole(p), T1V_TEMP, T1V_TEMP,
               T1V_OPERAND);
        t1v_put_active(t, p, i, T1V_TEMP);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VBITS(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
