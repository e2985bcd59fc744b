/* SPDX-License-Identifier: MIT
 *
 * Masks and parts of groups on hosts with AVX2 only. Such a host has no mask registers: T1V_LIVE has all ones
 * in each active element of the present piece, and others are put back by a blend. Nothing here reads or
 * writes memory of the guest that the instruction is not to write: a store of some elements is made of stores
 * that are as large as what is left.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

enum { PIECE_MAX = 32 };

/* ---- Masks --------------------------------------------------------------------------------------------- */

void t1v_first_bytes(struct t1 *t, struct pieces p, unsigned to)
{
    static const uint8_t ones_then_zeros[2 * PIECE_MAX] = {
#define ONES_8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
        ONES_8, ONES_8, ONES_8, ONES_8
#undef ONES_8
    };
    struct x86_emit *e = &t->e;
    x86_neg(e, 64, X86_RAX);
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)(ones_then_zeros + PIECE_MAX));
    x86_vload_packed(e, p.bytes, to, x86_mem_index(X86_RCX, X86_RAX, 0));
}

/* T1V_LIVE = all ones in the elements below vl. */
static void take_tail(struct t1 *t, struct pieces p, unsigned number)
{
    struct x86_emit *e = &t->e;
    unsigned first = number * p.bytes, group = t1v_vlmax(t) << p.log2;
    x86_load(e, 32, X86_RAX, HART_MEM(vector.vl));
    if (p.log2)
        x86_shift_imm(e, X86_SHL, 32, X86_RAX, p.log2);
    if (first) {
        x86_mov_imm(e, X86_RCX, 0);
        x86_op_imm(e, X86_SUB, 32, X86_RAX, (int32_t)first);
        x86_cmov(e, X86_B, 32, X86_RAX, X86_RCX);
    }
    if (group - first > p.bytes) {
        x86_mov_imm(e, X86_RCX, p.bytes);
        x86_op(e, X86_CMP, 32, X86_RAX, X86_RCX);
        x86_cmov(e, X86_A, 32, X86_RAX, X86_RCX);
    }
    t1v_first_bytes(t, p, T1V_LIVE);
}

/* For each size of elements: the bytes that have their bits, if they are bytes, and their bits. */
static const struct places {
    uint8_t spread[PIECE_MAX];
    union {
        uint8_t bytes[PIECE_MAX];
        uint16_t halves[PIECE_MAX / 2];
        uint32_t words[PIECE_MAX / 4];
        uint64_t doubles[PIECE_MAX / 8];
    } bits;
} places[] = {
#define BITS_4(n) 1u << (n), 2u << (n), 4u << (n), 8u << (n)
#define BITS_8    BITS_4(0), BITS_4(4)
#define SAME_8(n) n, n, n, n, n, n, n, n
    { { SAME_8(0), SAME_8(1), SAME_8(2), SAME_8(3) }, { .bytes = { BITS_8, BITS_8, BITS_8, BITS_8 } } },
    { .bits = { .halves = { BITS_8, BITS_4(8), BITS_4(12) } } },
    { .bits = { .words = { BITS_8 } } },
    { .bits = { .doubles = { BITS_4(0) } } },
};

void t1v_spread_bits(struct t1 *t, struct pieces p, unsigned to)
{
    struct x86_emit *e = &t->e;
    const struct places *from = &places[p.log2];
    struct x86_mem spread = x86_mem(X86_RCX, (int32_t)offsetof(struct places, spread));
    struct x86_mem bits = x86_mem(X86_RCX, (int32_t)offsetof(struct places, bits));
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)from);
    x86_vmove_from(e, 64, to, X86_RAX);
    x86_vbroadcast(e, p.log2 ? p.log2 : 2, p.bytes, to, to);
    if (!p.log2)
        x86_vpacked_mem(e, X86_E_SHUFFLE, p.bytes, to, to, spread);
    x86_vpacked_mem(e, X86_VAND_8, p.bytes, to, to, bits);
    x86_vequal_mem(e, p.log2, p.bytes, to, to, bits);
}

void t1v_make_live(struct t1 *t, struct pieces p, unsigned number)
{
    if (t1v_masked(t)) {
        t1v_active_bits(t, p, number);
        t1v_spread_bits(t, p, T1V_LIVE);
    } else {
        take_tail(t, p, number);
    }
}

void t1v_blend(struct t1 *t, struct pieces p, unsigned to, unsigned from)
{
    x86_vblend(&t->e, p.bytes, to, to, from, T1V_LIVE);
}

void t1v_copy(struct t1 *t, struct pieces p, unsigned to, unsigned from)
{
    if (to != from)
        x86_vmove_packed(&t->e, p.bytes, to, from);
}

void t1v_take_small(const struct t1 *t, struct pieces *p)
{
    unsigned elements = t1v_vlmax(t), bytes = elements << p->log2;
    if (t->dbt->host.avx512 || t1v_masked(t) || !t1v_whole_length(t) || (bytes != 8 && bytes != 4))
        return;
    p->bytes = bytes;
    p->elements = elements;
    p->k = t1v_all(*p);
}

/* ---- Floating point ------------------------------------------------------------------------------------ */

void t1v_begin_calm(struct t1 *t, struct pieces p)
{
    static const int64_t ones[] = { 0, 0x3c00, 0x3f800000, 0x3ff0000000000000 };
    if (t->dbt->host.avx512 || !p.k.mask)
        return;
    t1v_spread_constant(t, p, T1V_CONST, ones[p.log2]);
    x86_vpacked(&t->e, X86_VXOR_8, 32, T1V_NANS, T1V_NANS, T1V_NANS);
}

unsigned t1v_calm(struct t1 *t, struct pieces p, unsigned to, unsigned from)
{
    if (t->dbt->host.avx512 || !p.k.mask)
        return from;
    x86_vblend(&t->e, p.bytes, to, T1V_CONST, from, T1V_LIVE);
    return to;
}

/* ---- Narrowing ----------------------------------------------------------------------------------------- */

/* The low half of `to` = the lower halves of the elements of `from`. It uses T1V_OPERAND + 1. */
static void cut(struct t1 *t, struct pieces w, unsigned to, unsigned from)
{
#define REST_8 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
    static const uint8_t orders[][16] = {
        { 0, 2, 4, 6, 8, 10, 12, 14, REST_8 },
        { 0, 1, 4, 5, 8, 9, 12, 13, REST_8 },
        { 0, 1, 2, 3, 8, 9, 10, 11, REST_8 },
    };
#undef REST_8
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)orders[w.log2 - 1]);
    x86_vload_packed(e, 16, T1V_OPERAND + 1, x86_mem(X86_RCX, 0));
    if (w.bytes == PIECE_MAX)
        x86_vjoin(e, T1V_OPERAND + 1, T1V_OPERAND + 1, T1V_OPERAND + 1);
    x86_vpacked(e, X86_E_SHUFFLE, w.bytes, to, from, T1V_OPERAND + 1);
    if (w.bytes == PIECE_MAX)
        x86_vorder_64(e, to, to, 8); /* those of the two halves next to each other */
}

void t1v_put_halves(struct t1 *t, struct pieces w, unsigned number, unsigned from)
{
    struct x86_emit *e = &t->e;
    struct pieces half = t1v_narrow_of(w);
    struct x86_mem at = t1v_mem(t, OP.rd, half, number);
    cut(t, w, T1V_MOVED, from);
    if (w.k.mask) {
        cut(t, w, T1V_LIVE, T1V_LIVE);
        if (half.bytes < 16)
            x86_vload(e, 64, T1V_OPERAND + 1, at);
        else
            x86_vload_packed(e, half.bytes, T1V_OPERAND + 1, at);
        x86_vblend(e, 16, T1V_MOVED, T1V_OPERAND + 1, T1V_MOVED, T1V_LIVE);
    }
    if (half.bytes < 16)
        x86_vstore(e, 8 * half.bytes, at, T1V_MOVED);
    else
        x86_vstore_packed(e, half.bytes, at, T1V_MOVED);
    t1v_stored(t, at, half.bytes, T1V_MOVED);
}

/* ---- Stores to memory ---------------------------------------------------------------------------------- */

/* Copies `bytes` bytes, a power of two, from rax bytes behind the beginning of vd's group to the same place
 * behind rdx. It uses rcx. */
static void copy_part(struct t1 *t, unsigned bytes)
{
    struct x86_emit *e = &t->e;
    unsigned each = bytes < PIECE_MAX ? bytes : PIECE_MAX;
    for (unsigned at = 0; at < bytes; at += each) {
        struct x86_mem own = x86_mem_index(HOST_HART, X86_RAX, t1v_register_disp(t, OP.rd) + (int32_t)at);
        struct x86_mem host = x86_mem_index(X86_RDX, X86_RAX, (int32_t)at);
        if (each >= 16) {
            x86_vload_packed(e, each, 0, own);
            x86_vstore_packed(e, each, host, 0);
        } else {
            if (each >= 4)
                x86_load(e, 8 * each, X86_RCX, own);
            else
                x86_load_extend(e, 8 * each, false, X86_RCX, own);
            x86_store(e, 8 * each, host, X86_RCX);
        }
    }
}

void t1v_store_tail(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RAX, 0);
    for (unsigned elements = t1v_vlmax(t); elements; elements /= 2) {
        x86_test_mem_imm(e, HART_MEM(vector.vl), (int32_t)elements);
        uint8_t *without = x86_jcc(e, X86_E);
        copy_part(t, elements << p.log2);
        if (elements > 1)
            x86_op_imm(e, X86_ADD, 64, X86_RAX, (int32_t)(elements << p.log2));
        x86_land(e, without);
    }
}
