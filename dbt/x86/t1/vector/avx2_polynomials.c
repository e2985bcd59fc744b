/* SPDX-License-Identifier: MIT
 *
 * GHASH (Zvkg) and reversals of bits on hosts with AVX2 only. PCLMULQDQ multiplies numbers of 64 bits: four
 * such products are one of 128 bits, as in crypto.c. The bits of a byte are reversed by a table for each half
 * of it.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* Registers: the lower half of a byte chooses from LOWS, the upper half from HIGHS. T1V_TEMP and T1V_MOVED
 * are scratch. */
enum { LOWS = T1V_OPERAND + 1, HIGHS = T1V_COUNTS };
/* FACTOR and HASH are the factors; LOW and HIGH are their product, of 256 bits. */
enum { FACTOR = 0, HASH = 1, LOW = T1V_OPERAND, HIGH = T1V_CONST, MIDDLE = T1V_LIVE, MODULUS = T1V_SCALAR };

static const struct {
    uint8_t lows[16], highs[16], halves[16];
    uint64_t modulus[2]; /* without x^128 */
} tables = {
    { 0x00, 0x80, 0x40, 0xc0, 0x20, 0xa0, 0x60, 0xe0, 0x10, 0x90, 0x50, 0xd0, 0x30, 0xb0, 0x70, 0xf0 },
    { 0x0, 0x8, 0x4, 0xc, 0x2, 0xa, 0x6, 0xe, 0x1, 0x9, 0x5, 0xd, 0x3, 0xb, 0x7, 0xf },
    { 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15 },
    { 0x87, 0 },
};

static struct x86_mem in_tables(size_t at)
{
    return x86_mem(X86_RCX, (int32_t)at);
}

void t1v_begin_reversing(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)&tables);
    x86_vload_packed(e, 16, LOWS, in_tables(0));
    x86_vload_packed(e, 16, HIGHS, in_tables(sizeof(tables.lows)));
    x86_vload_packed(e, 16, T1V_SCALAR, in_tables(sizeof(tables.lows) + sizeof(tables.highs)));
}

void t1v_reverse_bits(struct t1 *t, unsigned reg)
{
    struct x86_emit *e = &t->e;
    x86_vpacked(e, X86_VAND_8, 16, T1V_TEMP, reg, T1V_SCALAR);
    x86_vshift_imm(e, false, 1, 16, T1V_MOVED, reg, 4);
    x86_vpacked(e, X86_VAND_8, 16, T1V_MOVED, T1V_MOVED, T1V_SCALAR);
    x86_vpacked(e, X86_E_SHUFFLE, 16, T1V_TEMP, LOWS, T1V_TEMP);
    x86_vpacked(e, X86_E_SHUFFLE, 16, T1V_MOVED, HIGHS, T1V_MOVED);
    x86_vpacked(e, X86_VOR_8, 16, reg, T1V_TEMP, T1V_MOVED);
}

static void add(struct t1 *t, unsigned to, unsigned a)
{
    x86_vpacked(&t->e, X86_VXOR_8, 16, to, to, a);
}

/* LOW and HIGH += MIDDLE * x^64. */
static void add_middle(struct t1 *t)
{
    x86_vshift_bytes_left(&t->e, T1V_TEMP, MIDDLE, 8);
    add(t, LOW, T1V_TEMP);
    x86_vshift_bytes(&t->e, 16, T1V_TEMP, MIDDLE, 8);
    add(t, HIGH, T1V_TEMP);
}

/* LOW = FACTOR * HASH modulo x^128 + x^7 + x^2 + x + 1. The product's part from x^128 on is multiplied by the
 * modulus without x^128, first its upper half, then its lower one. */
static void multiply(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_vload_packed(e, 16, MODULUS, in_tables(offsetof(__typeof__(tables), modulus)));
    x86_vclmul(e, LOW, FACTOR, false, HASH, false);
    x86_vclmul(e, HIGH, FACTOR, true, HASH, true);
    x86_vclmul(e, MIDDLE, FACTOR, true, HASH, false);
    x86_vclmul(e, T1V_MOVED, FACTOR, false, HASH, true);
    add(t, MIDDLE, T1V_MOVED);
    add_middle(t);
    x86_vclmul(e, MIDDLE, HIGH, true, MODULUS, false);
    add_middle(t);
    x86_vclmul(e, MIDDLE, HIGH, false, MODULUS, false);
    add(t, LOW, MIDDLE);
}

bool t1v_ghash_on_avx2(struct t1 *t, bool sum)
{
    struct x86_emit *e = &t->e;
    struct t1v_walk walk;
    if (!t->dbt->host.pclmul || t->vector.sew != 2 ||
        !t1v_groups_fit(t, OP.rd | OP.rs2 | (sum ? OP.rs1 : 0u)))
        return false;
    t1v_begin_walk(t, &walk);
    t1v_begin_reversing(t);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        t1v_next_group(t, &walk);
        x86_vload_packed(e, 16, T1V_SCALAR, in_tables(offsetof(__typeof__(tables), halves)));
        x86_vload_packed(e, 16, FACTOR, t1v_group_mem(t, OP.rd, i));
        if (sum)
            x86_vpacked_mem(e, X86_VXOR_8, 16, FACTOR, FACTOR, t1v_group_mem(t, OP.rs1, i));
        x86_vload_packed(e, 16, HASH, t1v_group_mem(t, OP.rs2, i));
        t1v_reverse_bits(t, FACTOR);
        t1v_reverse_bits(t, HASH);
        multiply(t);
        x86_vload_packed(e, 16, T1V_SCALAR, in_tables(offsetof(__typeof__(tables), halves)));
        t1v_reverse_bits(t, LOW);
        x86_vstore_packed(e, 16, t1v_group_mem(t, OP.rd, i), LOW);
    }
    return t1v_end_walk(t, &walk);
}
