/* SPDX-License-Identifier: MIT
 *
 * Operands of vector instructions: pieces of groups, scalars in each element; and operations on them in the
 * host's encoding, VEX or EVEX.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define WIDE   (t->dbt->host.avx512)
#define REG(n) t1v_reg(t, n)

_Static_assert((int)X86_E_SHL == (int)X86_VSHL_8 && (int)X86_E_AND == (int)X86_VAND_8 &&
                   (int)X86_E_FNMSUB231_64 + 1 == (int)X86_VPACKED_COUNT,
               "enum x86_vpacked is the beginning of enum x86_epacked");

struct x86_mem t1v_mem(const struct t1 *t, unsigned guest, struct pieces p, unsigned number)
{
    return hart_mem(t1v_register_at(t, guest) + number * p.bytes);
}

/* AVX2: the program ends here if a copy is not what is in memory, if the user asked for checks. `to` = the
 * copy. */
static void check_copy(struct t1 *t, struct pieces p, unsigned to, unsigned copy, struct x86_mem from)
{
    struct x86_emit *e = &t->e;
    x86_vpacked_mem(e, X86_VXOR_8, p.bytes, to, copy, from);
    x86_vtest(e, p.bytes, to, to);
    uint8_t *same = x86_jcc(e, X86_E);
    x86_trap(e);
    x86_land(e, same);
    x86_vmove_packed(e, p.bytes, to, copy);
}

void t1v_load(struct t1 *t, struct pieces p, unsigned to, struct x86_mem from)
{
    if (WIDE) {
        t1v_unary_mem(t, X86_E_LOAD + p.log2, t1v_whole(p), to, from);
        return;
    }
    unsigned copy = t1v_copy_of(t, from, p.bytes);
    if (copy != T1V_NO_COPY)
        x86_vmove_packed(&t->e, p.bytes, to, copy);
    else if (p.bytes < 16)
        x86_vload(&t->e, 8 * p.bytes, to, from);
    else
        x86_vload_packed(&t->e, p.bytes, to, from);
    if (copy != T1V_NO_COPY && t->dbt->check && p.bytes >= 16)
        check_copy(t, p, to, copy, from);
}

void t1v_store(struct t1 *t, struct pieces p, struct x86_mem to, unsigned from)
{
    if (WIDE)
        x86_estore(&t->e, p.log2, t1v_all(p), to, REG(from));
    else if (p.bytes < 16)
        x86_vstore(&t->e, 8 * p.bytes, to, from);
    else
        x86_vstore_packed(&t->e, p.bytes, to, from);
    t1v_stored(t, to, p.bytes, from);
}

void t1v_keep_old(struct t1 *t, struct pieces p, unsigned to, unsigned number)
{
    if (p.k.mask)
        t1v_load(t, p, to, t1v_mem(t, OP.rd, p, number));
}

void t1v_put(struct t1 *t, struct pieces p, unsigned number, unsigned from)
{
    if (p.k.mask) {
        t1v_load(t, p, T1V_MOVED, t1v_mem(t, OP.rd, p, number));
        t1v_unary(t, X86_E_LOAD + p.log2, p, T1V_MOVED, from);
        from = T1V_MOVED;
    }
    t1v_store(t, p, t1v_mem(t, OP.rd, p, number), from);
}

void t1v_put_active(struct t1 *t, struct pieces p, unsigned number, unsigned from)
{
    t1v_make_mask(t, p, number);
    t1v_put(t, p, number, from);
}

bool t1v_op_is(const struct t1 *t, unsigned op)
{
    return WIDE ? x86_epacked_is(op) : x86_vpacked_is(op) || op == X86_VMUL_8 + 3;
}

/* The host's bitwise operations have masks for elements of 32 and 64 bits only. For smaller elements, the
 * result is moved with the mask. */
static bool mask_by_move(unsigned op, struct pieces p)
{
    bool bitwise = (op >= X86_E_AND && op < X86_E_FADD) || (op >= X86_E_ANDN && op < X86_E_MULH);
    return bitwise && p.k.mask && p.log2 < 2;
}

/* AVX2: the register that gets a result, from which the active elements are taken. A fused operation has `to`
 * as an operand. */
static unsigned result_of(struct t1 *t, unsigned op, struct pieces p, unsigned to)
{
    if (!p.k.mask)
        return to;
    if (op >= X86_E_FMADD213 && op < X86_E_ANDN)
        t1v_copy(t, p, T1V_MOVED, to);
    return T1V_MOVED;
}

/* AVX2 has products of 32 bits only. The low half of a product of 64 bits is made of three of them. It uses
 * T1V_TEMP and T1V_CONST. */
static void multiply_64(struct t1 *t, struct pieces p, unsigned to, unsigned a, unsigned b)
{
    struct x86_emit *e = &t->e;
    x86_vshift_imm(e, false, 3, p.bytes, T1V_TEMP, a, 32);
    x86_vpacked(e, X86_E_MULU_EVEN_64, p.bytes, T1V_TEMP, T1V_TEMP, b);
    x86_vshift_imm(e, false, 3, p.bytes, T1V_CONST, b, 32);
    x86_vpacked(e, X86_E_MULU_EVEN_64, p.bytes, T1V_CONST, T1V_CONST, a);
    x86_vpacked(e, X86_VADD_8 + 3, p.bytes, T1V_TEMP, T1V_TEMP, T1V_CONST);
    x86_vshift_imm(e, true, 3, p.bytes, T1V_TEMP, T1V_TEMP, 32);
    x86_vpacked(e, X86_E_MULU_EVEN_64, p.bytes, to, a, b);
    x86_vpacked(e, X86_VADD_8 + 3, p.bytes, to, to, T1V_TEMP);
}

void t1v_op(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, unsigned b)
{
    if (!WIDE) {
        unsigned result = result_of(t, op, p, to);
        if (op == X86_VMUL_8 + 3)
            multiply_64(t, p, result, a, b);
        else
            x86_vpacked(&t->e, op, p.bytes, result, a, b);
        if (p.k.mask)
            t1v_blend(t, p, to, T1V_MOVED);
        return;
    }
    if (mask_by_move(op, p)) {
        x86_epacked(&t->e, op, t1v_all(p), REG(T1V_MOVED), REG(a), REG(b));
        t1v_unary(t, X86_E_LOAD + p.log2, p, to, T1V_MOVED);
    } else
        x86_epacked(&t->e, op, p.k, REG(to), REG(a), REG(b));
}

/* AVX2: returns how many bytes of memory an operation on so many bytes of a register reads. */
static unsigned read_by(unsigned op, unsigned bytes)
{
    switch (op & ~3u) {
    case X86_E_SX2:
    case X86_E_ZX2:
    case X86_E_H_TO_F: return bytes / 2;
    case X86_E_SX4:
    case X86_E_ZX4: return bytes / 4;
    case X86_E_SX8:
    case X86_E_ZX8: return bytes / 8;
    default: return bytes;
    }
}

void t1v_op_mem(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, struct x86_mem b)
{
    if (!WIDE && op == X86_VMUL_8 + 3) {
        t1v_load(t, p, T1V_MOVED, b);
        t1v_op(t, op, p, to, a, T1V_MOVED);
        return;
    }
    if (!WIDE) {
        unsigned result = result_of(t, op, p, to);
        unsigned reads = read_by(op, p.bytes), copy = t->dbt->check ? T1V_NO_COPY : t1v_copy_of(t, b, reads);
        if (copy == T1V_NO_COPY && p.bytes < 16 && reads >= 4) {
            copy = T1V_MOVED;
            x86_vload(&t->e, 8 * reads, copy, b);
        }
        if (copy != T1V_NO_COPY)
            x86_vpacked(&t->e, op, p.bytes, result, a, copy);
        else
            x86_vpacked_mem(&t->e, op, p.bytes, result, a, b);
        if (p.k.mask)
            t1v_blend(t, p, to, T1V_MOVED);
        return;
    }
    if (mask_by_move(op, p)) {
        t1v_op_mem(t, op, t1v_whole(p), T1V_MOVED, a, b);
        t1v_unary(t, X86_E_LOAD + p.log2, p, to, T1V_MOVED);
    } else {
        unsigned result = REG(to), other = REG(a), copy = t1v_copy_of(t, b, p.bytes);
        if (copy != T1V_NO_COPY)
            x86_epacked(&t->e, op, p.k, result, other, copy);
        else
            x86_epacked_mem(&t->e, op, p.k, result, other, b);
    }
}

void t1v_unary(struct t1 *t, enum x86_epacked op, struct pieces p, unsigned to, unsigned b)
{
    if (!WIDE) {
        bool move = op == X86_E_LOAD + p.log2;
        if (!move)
            t1v_op(t, op, p, to, 0, b);
        else if (p.k.mask)
            t1v_blend(t, p, to, b);
        else
            t1v_copy(t, p, to, b);
        return;
    }
    x86_epacked(&t->e, op, p.k, REG(to), 0, REG(b));
}

void t1v_unary_mem(struct t1 *t, enum x86_epacked op, struct pieces p, unsigned to, struct x86_mem b)
{
    if (!WIDE && op == X86_E_LOAD + p.log2) {
        t1v_load(t, p, p.k.mask ? T1V_MOVED : to, b);
        if (p.k.mask)
            t1v_blend(t, p, to, T1V_MOVED);
        return;
    }
    if (!WIDE) {
        t1v_op_mem(t, op, p, to, 0, b);
        return;
    }
    unsigned result = REG(to), copy = op == X86_E_LOAD + p.log2 ? t1v_copy_of(t, b, p.bytes) : T1V_NO_COPY;
    if (copy != T1V_NO_COPY)
        x86_epacked(&t->e, op, p.k, result, 0, copy);
    else
        x86_epacked_mem(&t->e, op, p.k, result, 0, b);
}

void t1v_spread(struct t1 *t, struct pieces p, unsigned to)
{
    if (WIDE) {
        x86_ebroadcast(&t->e, p.log2, t1v_all(p), REG(to), X86_RAX);
        return;
    }
    x86_vmove_from(&t->e, 64, to, X86_RAX);
    x86_vbroadcast(&t->e, p.log2, p.bytes, to, to);
}

void t1v_spread_constant(struct t1 *t, struct pieces p, unsigned to, int64_t value)
{
    x86_mov_imm(&t->e, X86_RAX, value);
    t1v_spread(t, p, to);
}

void t1v_scalar_to_rax(struct t1 *t, enum t1v_source source)
{
    struct x86_emit *e = &t->e;
    if (source == T1V_SCALAR_F) {
        t1_fp_look_at_box(t, 8u << t->vector.sew, OP.rs1);
        x86_load(e, 64, X86_RAX, t1_f_mem(OP.rs1));
    } else if (source == T1V_SCALAR_X) {
        t1_copy(t, X86_RAX, OP.rs1);
        if (XLEN == 32)
            x86_extend(e, 32, true, X86_RAX, X86_RAX);
    } else {
        x86_mov_imm(e, X86_RAX, OP.imm);
    }
}

void t1v_take_scalar(struct t1 *t, struct pieces p, enum t1v_source source)
{
    if (source == T1V_VECTOR || source == T1V_NOTHING)
        return;
    t1v_scalar_to_rax(t, source);
    t1v_spread(t, p, T1V_SCALAR);
}

void t1v_count_to_rax(struct t1 *t, enum t1v_source source, unsigned width)
{
    int32_t most = (int32_t)width - 1;
    if (source == T1V_SCALAR_X) {
        t1_copy(t, X86_RAX, OP.rs1);
        x86_op_imm(&t->e, X86_AND, 32, X86_RAX, most);
    } else {
        x86_mov_imm(&t->e, X86_RAX, OP.imm & most);
    }
}

void t1v_take_count(struct t1 *t, unsigned to)
{
    if (WIDE)
        x86_ebroadcast(&t->e, 3, (struct x86_lanes){ 16, 0, false }, REG(to), X86_RAX);
    else
        x86_vmove_from(&t->e, 64, to, X86_RAX);
}

void t1v_operate(struct t1 *t, unsigned op, struct pieces p, unsigned to, unsigned a, enum t1v_source source,
                 unsigned number)
{
    if (source == T1V_VECTOR)
        t1v_op_mem(t, op, p, to, a, t1v_mem(t, OP.rs1, p, number));
    else
        t1v_op(t, op, p, to, a, T1V_SCALAR);
}

unsigned t1v_source(struct t1 *t, struct pieces p, unsigned to, enum t1v_source source, unsigned number)
{
    if (source != T1V_VECTOR)
        return T1V_SCALAR;
    t1v_load(t, p, to, t1v_mem(t, OP.rs1, p, number));
    return to;
}

void t1v_load_extended(struct t1 *t, struct pieces w, unsigned to, unsigned guest, bool sign, unsigned number)
{
    unsigned sew = t->vector.sew, up = w.log2 - sew;
    unsigned by_2 = sign ? X86_E_SX2 : X86_E_ZX2, by_4 = sign ? X86_E_SX4 : X86_E_ZX4;
    struct pieces n = w;
    n.bytes = w.bytes >> up;
    struct x86_mem from = t1v_mem(t, guest, n, number);
    if (up)
        t1v_unary_mem(t, (up == 1 ? by_2 : by_4) + sew, t1v_whole(w), to, from);
    else
        t1v_load(t, w, to, from);
}

unsigned t1v_source_extended(struct t1 *t, struct pieces w, unsigned to, enum t1v_source source, bool sign,
                             unsigned number)
{
    if (source != T1V_VECTOR)
        return T1V_SCALAR;
    t1v_load_extended(t, w, to, OP.rs1, sign, number);
    return to;
}

void t1v_take_scalar_extended(struct t1 *t, struct pieces w, unsigned to, bool sign)
{
    unsigned bits = 8u << t->vector.sew;
    if (bits < 64) {
        t1_copy(t, X86_RAX, OP.rs1);
        x86_extend(&t->e, bits, sign, X86_RAX, X86_RAX);
    } else {
        t1v_scalar_to_rax(t, T1V_SCALAR_X);
    }
    t1v_spread(t, w, to);
}

void t1v_begin_with(struct t1 *t, struct pieces p, enum t1v_source source)
{
    if (source == T1V_SCALAR_F)
        t1v_begin_float(t);
    else
        t1v_begin(t, true);
    t1v_take_scalar(t, p, source);
}

void t1v_keep_old_half(struct t1 *t, struct pieces half, unsigned to, unsigned number)
{
    if (half.k.mask && half.bytes < 16)
        x86_eload_low(&t->e, REG(to), t1v_mem(t, OP.rd, half, number));
    else
        t1v_keep_old(t, half, to, number);
}

void t1v_store_half(struct t1 *t, struct pieces half, unsigned number, unsigned from)
{
    struct x86_mem at = t1v_mem(t, OP.rd, half, number);
    if (half.bytes >= 16) {
        t1v_store(t, half, at, from);
        return;
    }
    if (WIDE)
        x86_estore_low(&t->e, at, REG(from));
    else
        x86_vstore(&t->e, 64, at, from);
    t1v_stored(t, at, 8, WIDE ? T1V_NO_RESULT : from);
}

void t1v_put_cut(struct t1 *t, struct pieces w, unsigned number, unsigned from, enum x86_ecut how)
{
    struct pieces n = w;
    n.log2 = t->vector.sew;
    if (n.log2 == w.log2) {
        t1v_put(t, w, number, from);
        return;
    }
    if (!WIDE) {
        t1v_put_halves(t, w, number, from);
        return;
    }
    n.bytes = w.bytes >> (w.log2 - n.log2);
    n.k.bytes = n.bytes < 16 ? 16 : (uint8_t)n.bytes;
    t1v_keep_old_half(t, n, T1V_MOVED, number);
    x86_ecut(&t->e, how, w.log2, n.log2, w.k, REG(T1V_MOVED), REG(from));
    t1v_store_half(t, n, number, T1V_MOVED);
}

void t1v_put_low(struct t1 *t, unsigned guest, unsigned log2, enum x86_reg from)
{
    struct x86_emit *e = &t->e;
    unsigned bytes = t->hart->vector.vlenb < 32 ? 16 : 32;
    const struct pieces whole = { .bytes = bytes, .log2 = 3, .k = { .bytes = (uint8_t)bytes } };
    struct x86_mem at = t1v_mem(t, guest, whole, 0);
    /* If its last store was of 4 or 8 bytes, loading all of it would wait for that. */
    if (t1v_copy_of(t, at, 4) != T1V_NO_COPY && t1v_copy_of(t, at, 16) == T1V_NO_COPY) {
        x86_store(e, 8u << log2, at, from);
        t1v_stored(t, at, 1u << log2, T1V_NO_RESULT);
        return;
    }
    t1v_load(t, whole, 0, at);
    x86_vinsert_from(e, log2, T1V_MOVED, 0, from, 0);
    if (bytes == 32)
        x86_vblend_32(e, 32, T1V_MOVED, 0, T1V_MOVED, 0xf);
    t1v_store(t, whole, at, T1V_MOVED);
}

void t1v_look_at_mask_bit(struct t1 *t, enum x86_reg scratch, enum x86_reg element)
{
    struct x86_emit *e = &t->e;
    x86_mov(e, 32, scratch, element);
    x86_shift_imm(e, X86_SHR, 32, scratch, 5);
    x86_load(e, 32, scratch,
             x86_mem_scaled(HOST_HART, scratch, 2, (int32_t)offsetof(struct hart, v) - HART_BIAS));
    x86_bit_op(e, X86_BT, 32, scratch, element);
}
