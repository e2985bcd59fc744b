/* SPDX-License-Identifier: MIT
 *
 * Gathers and vcompress on hosts with AVX2 only. The host's permutation of bytes stays inside of 16 bytes: a
 * table of 32 bytes takes two of them. If elements are wider, each number of an element becomes the numbers
 * of its bytes.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

enum { COMPRESSED_MAX = 32 };
enum { PIECES_MAX = 2, NUMBERS = T1V_OPERAND, LOW = 1, HIGH, HALF, LIMIT, WRONG };

/* For each size of elements: the first byte's number, put into all bytes of its element; and what is added
 * there. */
static const struct {
    uint8_t spread[32], add[32];
} widths[] = {
#define TWICE(...)                                                                                           \
    {                                                                                                        \
        __VA_ARGS__, __VA_ARGS__                                                                             \
    }
    { { 0 }, { 0 } },
    { TWICE(0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14),
      TWICE(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1) },
    { TWICE(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12),
      TWICE(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3) },
    { TWICE(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8),
      TWICE(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7) },
#undef TWICE
};

/* WRONG = all ones in the elements of NUMBERS that are not below VLMAX, unsigned. LIMIT = VLMAX - 1 with its
 * sign inverted, HALF = the sign. */
static void find_wrong(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    x86_vpacked(e, X86_VXOR_8, p.bytes, WRONG, NUMBERS, HALF);
    x86_vgreater(e, p.log2, p.bytes, WRONG, WRONG, LIMIT);
}

static void take_limits(struct t1 *t, struct pieces p)
{
    int64_t sign = (int64_t)(UINT64_C(1) << ((8u << p.log2) - 1));
    t1v_spread_constant(t, p, HALF, sign);
    t1v_spread_constant(t, p, LIMIT, (int64_t)(t1v_vlmax(t) - 1) ^ sign);
}

/* Each byte of NUMBERS = the number of a byte. */
static void number_bytes(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    if (!p.log2)
        return;
    x86_mov_imm(e, X86_RAX, p.log2);
    x86_vmove_from(e, 64, T1V_TEMP, X86_RAX);
    x86_vpacked(e, X86_VSHL_8 + p.log2, p.bytes, NUMBERS, NUMBERS, T1V_TEMP);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)&widths[p.log2]);
    x86_vpacked_mem(e, X86_E_SHUFFLE, p.bytes, NUMBERS, NUMBERS, x86_mem(X86_RAX, 0));
    x86_vpacked_mem(e, X86_VADD_8, p.bytes, NUMBERS, NUMBERS, x86_mem(X86_RAX, 32));
}

/* T1V_TEMP = the bytes of piece `number` of vs2 that NUMBERS choose, whose bits 4 and 5 tell the half and the
 * piece. */
static void look_up(struct t1 *t, struct pieces p, unsigned number, unsigned to)
{
    struct x86_emit *e = &t->e;
    struct x86_mem from = t1v_mem(t, OP.rs2, p, number);
    x86_vload_packed(e, 16, LOW, from);
    if (p.bytes == 32) {
        from.disp += 16;
        x86_vload_packed(e, 16, HIGH, from);
        x86_vjoin(e, LOW, LOW, LOW);
        x86_vjoin(e, HIGH, HIGH, HIGH);
    }
    x86_vpacked(e, X86_E_SHUFFLE, p.bytes, to, LOW, NUMBERS);
    if (p.bytes < 32)
        return;
    x86_vpacked(e, X86_E_SHUFFLE, p.bytes, HIGH, HIGH, NUMBERS);
    x86_vblend(e, 32, to, to, HIGH, T1V_CONST); /* bit 4 is moved to bit 7 */
}

/* Moves bit `bit` of the numbers to each byte's bit 7, in `to`. */
static void take_choice(struct t1 *t, struct pieces p, unsigned to, unsigned bit)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RAX, 7 - bit);
    x86_vmove_from(e, 64, T1V_COUNTS, X86_RAX);
    x86_vpacked(e, X86_VSHL_8 + 1, p.bytes, to, NUMBERS, T1V_COUNTS);
}

static void gather_piece(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    find_wrong(t, p);
    number_bytes(t, p);
    if (p.bytes == 32)
        take_choice(t, p, T1V_CONST, 4);
    if (p.count > 1)
        take_choice(t, p, T1V_LIVE, 5);
    /* bits 4 to 6 must not count in the numbers, and bit 7 is clear: the host takes the low 4 bits */
    look_up(t, p, 0, T1V_TEMP);
    if (p.count > 1) {
        look_up(t, p, 1, T1V_MOVED);
        x86_vblend(e, p.bytes, T1V_TEMP, T1V_TEMP, T1V_MOVED, T1V_LIVE);
    }
    x86_vpacked(e, X86_E_ANDN, p.bytes, T1V_TEMP, WRONG, T1V_TEMP);
}

bool t1v_gather_on_avx2(struct t1 *t, struct pieces p)
{
    if (p.count > PIECES_MAX)
        return false;
    t1v_begin(t, true);
    take_limits(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, NUMBERS, t1v_mem(t, OP.rs1, p, i));
        gather_piece(t, p);
        t1v_put_active(t, p, i, T1V_TEMP);
    }
    return t1v_end(t);
}

/* Copies the elements whose bits are set, one after the other. rdx has the bits of those that are left. */
bool t1v_compress_on_avx2(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    uint8_t *ends[COMPRESSED_MAX];
    unsigned vlmax = t1v_vlmax(t);
    if (vlmax > COMPRESSED_MAX)
        return false;
    t1v_begin(t, true);
    t1v_tail_bits(t, 0);
    x86_op_mem(e, X86_AND, 64, X86_RAX, hart_mem(t1v_register_at(t, OP.rs1)));
    x86_mov(e, 64, X86_RDX, X86_RAX);
    for (unsigned i = 0; i < vlmax; i++) {
        x86_count(e, X86_TZCNT, 64, X86_RCX, X86_RDX); /* carry: no bit is set */
        ends[i] = x86_jcc(e, X86_B);
        x86_bit_op(e, X86_BTR, 64, X86_RDX, X86_RCX);
        t1v_load_element(t, p.log2, x86_mem_scaled(HOST_HART, X86_RCX, p.log2, t1v_register_disp(t, OP.rs2)));
        x86_store(e, 8u << p.log2, hart_mem(t1v_register_at(t, OP.rd) + ((size_t)i << p.log2)), X86_RAX);
    }
    for (unsigned i = 0; i < vlmax; i++)
        x86_land(e, ends[i]);
    t1v_forget_copies(t);
    return t1v_end(t);
}
