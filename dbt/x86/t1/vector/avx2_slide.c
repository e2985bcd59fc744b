/* SPDX-License-Identifier: MIT
 *
 * Slides on hosts with AVX2 only: pieces are loaded from another place of the register file, as slide.c does
 * it for large groups. What lies outside of the group is loaded, too, and replaced.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* Register `to` = all ones in as many bytes of a piece as rax says: none if it is negative. It uses rax and
 * rcx. */
static void take_first_bytes(struct t1 *t, struct pieces p, unsigned to)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RCX, 0);
    x86_op(e, X86_CMP, 64, X86_RAX, X86_RCX);
    x86_cmov(e, X86_L, 64, X86_RAX, X86_RCX);
    x86_mov_imm(e, X86_RCX, p.bytes);
    x86_op(e, X86_CMP, 64, X86_RAX, X86_RCX);
    x86_cmov(e, X86_A, 64, X86_RAX, X86_RCX);
    t1v_first_bytes(t, p, to);
}

/* Returns where piece `number` of vs2 is, `by` bytes further, which are in a register and a number. */
static struct x86_mem moved(const struct t1 *t, struct pieces p, unsigned number, enum x86_reg by,
                            int32_t more)
{
    return x86_mem_index(HOST_HART, by, t1v_register_disp(t, OP.rs2) + (int32_t)(number * p.bytes) + more);
}

/* rdx = the offset, in bytes. */
static void offset_in_bytes(struct t1 *t, struct pieces p)
{
    if (p.log2)
        x86_shift_imm(&t->e, X86_SHL, 32, X86_RDX, p.log2);
}

void t1v_slide_down_on_avx2(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    unsigned bytes = t1v_vlmax(t) << p.log2;
    offset_in_bytes(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        x86_mov_imm(e, X86_RAX, bytes - i * p.bytes);
        x86_op(e, X86_SUB, 64, X86_RAX, X86_RDX);
        take_first_bytes(t, p, T1V_TEMP); /* elements from behind the group are 0 */
        x86_vpacked_mem(e, X86_VAND_8, p.bytes, T1V_TEMP, T1V_TEMP, moved(t, p, i, X86_RDX, 0));
        t1v_put_active(t, p, i, T1V_TEMP);
    }
}

/* The elements before the offset stay. */
void t1v_slide_up_on_avx2(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    offset_in_bytes(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        struct x86_mem at = t1v_mem(t, OP.rd, p, i);
        x86_mov(e, 64, X86_RAX, X86_RDX);
        x86_op_imm(e, X86_SUB, 64, X86_RAX, (int32_t)(i * p.bytes));
        take_first_bytes(t, p, T1V_TEMP);
        t1v_make_mask(t, p, i);
        t1v_load(t, p, T1V_OPERAND, at);
        x86_mov(e, 64, X86_RCX, X86_RDX);
        x86_neg(e, 64, X86_RCX);
        t1v_load(t, p, 0, moved(t, p, i, X86_RCX, 0));
        if (p.k.mask)
            x86_vblend(e, p.bytes, 0, T1V_OPERAND, 0, T1V_LIVE);
        x86_vblend(e, p.bytes, 0, 0, T1V_OPERAND, T1V_TEMP);
        t1v_store(t, p, at, 0);
    }
}

/* The scalar becomes element 0, or element vl - 1, if that is active. rdx has it. */
static void put_scalar(struct t1 *t, struct pieces p, bool up)
{
    struct x86_emit *e = &t->e;
    unsigned bits = 8u << p.log2;
    uint8_t *skip = NULL;
    x86_load(e, 32, X86_RAX, HART_MEM(vector.vl));
    x86_op_imm(e, X86_SUB, 32, X86_RAX, 1);
    uint8_t *none = x86_jcc(e, X86_B);
    if (up)
        x86_mov_imm(e, X86_RAX, 0);
    if (t1v_masked(t)) {
        t1v_look_at_mask_bit(t, X86_RCX, X86_RAX);
        skip = x86_jcc(e, X86_AE);
    }
    x86_store(e, bits, x86_mem_scaled(HOST_HART, X86_RAX, p.log2, t1v_register_disp(t, OP.rd)), X86_RDX);
    if (skip)
        x86_land(e, skip);
    x86_land(e, none);
    t1v_forget_copies(t);
}

void t1v_slide_1_on_avx2(struct t1 *t, struct pieces p, bool up)
{
    int32_t distance = (up ? -1 : 1) * (1 << p.log2);
    x86_vmove_to(&t->e, 64, X86_RDX, T1V_SCALAR);
    for (unsigned i = 0; i < p.count; i++) {
        struct x86_mem from = t1v_mem(t, OP.rs2, p, i);
        from.disp += distance;
        t1v_load(t, p, T1V_TEMP, from);
        t1v_put_active(t, p, i, T1V_TEMP);
    }
    put_scalar(t, p, up);
}
