/* SPDX-License-Identifier: MIT
 *
 * The x86-64 encoder; see x86/emit.h. Most forms go through emit_reg() or emit_mem(): prefix, REX, opcode,
 * ModRM, SIB, displacement. Opcodes above 0xff have the 0F escape in their second byte, those above 0xffff in
 * the third.
 */
#include "dbt/x86/emit.h"

#include <string.h>

/* How an instruction is encoded apart from its operands. */
struct form {
    unsigned opcode; /* 0xNN, 0x0FNN, 0x0F38NN or 0x0F3ANN */
    unsigned prefix; /* 0: none */
    bool wide;       /* REX.W */
    bool byte_reg;   /* the register operand is a byte: RSP..RDI need a REX prefix */
};

static void emit_opcode(struct x86_emit *e, struct form form, unsigned reg, unsigned index, unsigned rm)
{
    if (form.prefix)
        x86_byte(e, form.prefix);
    unsigned rex = (form.wide ? 8u : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (rm & 8 ? 1 : 0);
    if (rex || (form.byte_reg && reg >= 4))
        x86_byte(e, 0x40 | rex);
    if (form.opcode > 0xffff)
        x86_byte(e, form.opcode >> 16);
    if (form.opcode > 0xff)
        x86_byte(e, form.opcode >> 8 & 0xff);
    x86_byte(e, form.opcode & 0xff);
}

static void emit_reg(struct x86_emit *e, struct form form, unsigned reg, unsigned rm)
{
    emit_opcode(e, form, reg, 0, rm);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x86_modrm_mem(struct x86_emit *e, unsigned reg, struct x86_mem mem)
{
    bool indexed = mem.index != X86_NONE;
    unsigned mode = mem.disp == 0 && (mem.base & 7) != 5 ? 0 : mem.disp == (int8_t)mem.disp ? 1 : 2;
    bool sib = indexed || (mem.base & 7) == 4;
    x86_byte(e, mode << 6 | (reg & 7) << 3 | (sib ? 4u : mem.base & 7u));
    if (sib)
        x86_byte(e, (unsigned)mem.scale << 6 | (indexed ? mem.index & 7u : 4u) << 3 | (mem.base & 7u));
    if (mode == 1)
        x86_byte(e, (uint8_t)mem.disp);
    else if (mode == 2)
        x86_dword(e, (uint32_t)mem.disp);
}

static void emit_mem(struct x86_emit *e, struct form form, unsigned reg, struct x86_mem mem)
{
    emit_opcode(e, form, reg, mem.index != X86_NONE ? mem.index : 0, mem.base);
    x86_modrm_mem(e, reg, mem);
}

static struct form form_of(unsigned opcode, unsigned bits)
{
    return (struct form){ .opcode = opcode, .wide = bits == 64 };
}
/* The same with a memory operand of any width; `opcode` is that of 32 bits, and that of bytes is one less. */
static struct form form_of_any(unsigned opcode, unsigned bits)
{
    struct form form = form_of(bits == 8 ? opcode - 1 : opcode, bits);
    form.prefix = bits == 16 ? 0x66 : 0;
    form.byte_reg = bits == 8;
    return form;
}

/* ---- Moves --------------------------------------------------------------------------------------------- */

void x86_mov(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from)
{
    if (to != from || bits == 32)
        emit_reg(e, form_of(0x8b, bits), to, from);
}

void x86_mov_imm(struct x86_emit *e, enum x86_reg to, int64_t value)
{
    if (value >= 0 && value <= UINT32_MAX) {
        if (to & 8)
            x86_byte(e, 0x41);
        x86_byte(e, 0xb8 | (to & 7));
        x86_dword(e, (uint32_t)value);
    } else if (value == (int32_t)value) {
        emit_reg(e, form_of(0xc7, 64), 0, to);
        x86_dword(e, (uint32_t)value);
    } else {
        x86_byte(e, 0x48 | (to & 8 ? 1 : 0));
        x86_byte(e, 0xb8 | (to & 7));
        x86_dword(e, (uint32_t)value);
        x86_dword(e, (uint32_t)((uint64_t)value >> 32));
    }
}

void x86_load(struct x86_emit *e, unsigned bits, enum x86_reg to, struct x86_mem from)
{
    emit_mem(e, form_of(0x8b, bits), to, from);
}

void x86_store(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg from)
{
    emit_mem(e, form_of_any(0x89, bits), from, to);
}

void x86_store_imm(struct x86_emit *e, unsigned bits, struct x86_mem to, int32_t value)
{
    emit_mem(e, form_of(0xc7, bits), 0, to);
    x86_dword(e, (uint32_t)value);
}

static struct form extend_form(unsigned width, unsigned bits, bool sign)
{
    struct form form = { .wide = true };
    if (bits == 8)
        form.opcode = sign ? 0x0fbe : 0x0fb6;
    else if (bits == 16)
        form.opcode = sign ? 0x0fbf : 0x0fb7;
    else {
        form.opcode = sign && width == 64 ? 0x63 : 0x8b;
    }
    if (!sign || width == 32)
        form.wide = false; /* clears the upper half all the same */
    return form;
}

void x86_extend_to(struct x86_emit *e, unsigned width, unsigned bits, bool sign, enum x86_reg to,
                   enum x86_reg from)
{
    struct form form = extend_form(width, bits, sign);
    if (bits == 8 && from >= 4 && from < 8 && !form.wide && to < 8)
        x86_byte(e, 0x40); /* SPL..DIL instead of AH..BH */
    emit_reg(e, form, to, from);
}

void x86_load_extend_to(struct x86_emit *e, unsigned width, unsigned bits, bool sign, enum x86_reg to,
                        struct x86_mem from)
{
    if (bits == 64)
        x86_load(e, 64, to, from);
    else
        emit_mem(e, extend_form(width, bits, sign), to, from);
}

void x86_lea(struct x86_emit *e, unsigned bits, enum x86_reg to, struct x86_mem from)
{
    emit_mem(e, form_of(0x8d, bits), to, from);
}

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

void x86_op(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, enum x86_reg from)
{
    emit_reg(e, form_of((unsigned)op << 3 | 3, bits), to, from);
}

void x86_op_mem(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, struct x86_mem from)
{
    emit_mem(e, form_of((unsigned)op << 3 | 3, bits), to, from);
}

void x86_mem_op(struct x86_emit *e, enum x86_alu op, unsigned bits, struct x86_mem to, enum x86_reg from)
{
    emit_mem(e, form_of_any((unsigned)op << 3 | 1, bits), from, to);
}

static void immediate(struct x86_emit *e, int32_t value)
{
    if (value == (int8_t)value)
        x86_byte(e, (uint8_t)value);
    else
        x86_dword(e, (uint32_t)value);
}

void x86_op_imm(struct x86_emit *e, enum x86_alu op, unsigned bits, enum x86_reg to, int32_t value)
{
    emit_reg(e, form_of(value == (int8_t)value ? 0x83 : 0x81, bits), op, to);
    immediate(e, value);
}

void x86_mem_op_imm(struct x86_emit *e, enum x86_alu op, unsigned bits, struct x86_mem to, int32_t value)
{
    emit_mem(e, form_of(value == (int8_t)value ? 0x83 : 0x81, bits), op, to);
    immediate(e, value);
}

void x86_test(struct x86_emit *e, unsigned bits, enum x86_reg a, enum x86_reg b)
{
    emit_reg(e, form_of(0x85, bits), b, a);
}

void x86_test_mem_imm(struct x86_emit *e, struct x86_mem a, int32_t value)
{
    emit_mem(e, form_of(0xf7, 32), 0, a);
    x86_dword(e, (uint32_t)value);
}

void x86_shift_imm(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, unsigned count)
{
    emit_reg(e, form_of(0xc1, bits), op, to);
    x86_byte(e, count);
}

void x86_shift_cl(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to)
{
    emit_reg(e, form_of(0xd3, bits), op, to);
}

void x86_imul(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from)
{
    emit_reg(e, form_of(0x0faf, bits), to, from);
}

void x86_imul_imm(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, int32_t value)
{
    emit_reg(e, form_of(0x69, bits), to, from);
    x86_dword(e, (uint32_t)value);
}

void x86_not(struct x86_emit *e, unsigned bits, enum x86_reg to)
{
    emit_reg(e, form_of(0xf7, bits), 2, to);
}

void x86_neg(struct x86_emit *e, unsigned bits, enum x86_reg to)
{
    emit_reg(e, form_of(0xf7, bits), 3, to);
}

void x86_mul(struct x86_emit *e, bool sign, unsigned bits, enum x86_reg from)
{
    emit_reg(e, form_of(0xf7, bits), sign ? 5 : 4, from);
}

void x86_setcc(struct x86_emit *e, enum x86_cond cond, enum x86_reg to)
{
    if (to >= 4 && to < 8)
        x86_byte(e, 0x40);
    emit_reg(e, form_of(0x0f90 | (unsigned)cond, 32), 0, to);
}

void x86_cmov(struct x86_emit *e, enum x86_cond cond, unsigned bits, enum x86_reg to, enum x86_reg from)
{
    emit_reg(e, form_of(0x0f40 | (unsigned)cond, bits), to, from);
}

void x86_bswap(struct x86_emit *e, unsigned bits, enum x86_reg to)
{
    if (bits == 64 || to & 8)
        x86_byte(e, 0x40 | (bits == 64 ? 8 : 0) | (to & 8 ? 1 : 0));
    x86_byte(e, 0x0f);
    x86_byte(e, 0xc8 | (to & 7));
}

void x86_count(struct x86_emit *e, enum x86_count op, unsigned bits, enum x86_reg to, enum x86_reg from)
{
    struct form form = form_of(0x0f00 | (unsigned)op, bits);
    form.prefix = 0xf3;
    emit_reg(e, form, to, from);
}

void x86_trap(struct x86_emit *e)
{
    x86_byte(e, 0x0f);
    x86_byte(e, 0x0b);
}

void x86_mfence(struct x86_emit *e)
{
    x86_byte(e, 0x0f);
    x86_byte(e, 0xae);
    x86_byte(e, 0xf0);
}

void x86_div(struct x86_emit *e, bool sign, unsigned bits, enum x86_reg from)
{
    emit_reg(e, form_of(0xf7, bits), sign ? 7 : 6, from);
}

void x86_sign_to_rdx(struct x86_emit *e, unsigned bits)
{
    if (bits == 64)
        x86_byte(e, 0x48);
    x86_byte(e, 0x99);
}

void x86_bit_op(struct x86_emit *e, enum x86_bit op, unsigned bits, enum x86_reg to, enum x86_reg number)
{
    emit_reg(e, form_of(0x0f00 | (unsigned)op, bits), number, to);
}

void x86_test_imm8(struct x86_emit *e, enum x86_reg a, unsigned value)
{
    emit_reg(e, form_of(0xf6, 32), 0, a);
    x86_byte(e, value);
}

void x86_test_imm32(struct x86_emit *e, enum x86_reg a, int32_t value)
{
    emit_reg(e, form_of(0xf7, 32), 0, a);
    x86_dword(e, (uint32_t)value);
}

void x86_lock(struct x86_emit *e)
{
    x86_byte(e, 0xf0);
}

void x86_xadd(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg reg)
{
    emit_mem(e, form_of_any(0x0fc1, bits), reg, to);
}

void x86_xchg(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg reg)
{
    emit_mem(e, form_of_any(0x87, bits), reg, to);
}

void x86_cmpxchg(struct x86_emit *e, unsigned bits, struct x86_mem to, enum x86_reg from)
{
    emit_mem(e, form_of_any(0x0fb1, bits), from, to);
}

/* ---- SSE ----------------------------------------------------------------------------------------------- */

static struct form sse_form(unsigned bits, unsigned op)
{
    return (struct form){ .opcode = 0x0f00 | op, .prefix = bits == 64 ? 0xf2 : 0xf3 };
}

void x86_sse_op(struct x86_emit *e, unsigned bits, enum x86_scalar op, unsigned to, unsigned from)
{
    emit_reg(e, sse_form(bits, op), to, from);
}

void x86_sse_op_mem(struct x86_emit *e, unsigned bits, enum x86_scalar op, unsigned to, struct x86_mem from)
{
    emit_mem(e, sse_form(bits, op), to, from);
}

void x86_sse_load(struct x86_emit *e, unsigned bits, unsigned to, struct x86_mem from)
{
    emit_mem(e, sse_form(bits, 0x10), to, from);
}

void x86_sse_store(struct x86_emit *e, unsigned bits, struct x86_mem to, unsigned from)
{
    emit_mem(e, sse_form(bits, 0x11), from, to);
}

void x86_ldmxcsr(struct x86_emit *e, struct x86_mem from)
{
    emit_mem(e, form_of(0x0fae, 32), 2, from);
}

void x86_stmxcsr(struct x86_emit *e, struct x86_mem to)
{
    emit_mem(e, form_of(0x0fae, 32), 3, to);
}

void x86_ucomis(struct x86_emit *e, unsigned bits, unsigned a, unsigned b)
{
    emit_reg(e, (struct form){ .opcode = 0x0f2e, .prefix = bits == 64 ? 0x66 : 0 }, a, b);
}

void x86_comis(struct x86_emit *e, unsigned bits, unsigned a, unsigned b)
{
    emit_reg(e, (struct form){ .opcode = 0x0f2f, .prefix = bits == 64 ? 0x66 : 0 }, a, b);
}

void x86_cvt_from_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, unsigned to,
                          enum x86_reg from)
{
    struct form form = sse_form(bits, 0x2a);
    form.wide = integer_bits == 64;
    emit_reg(e, form, to, from);
}

void x86_cvtt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                         struct x86_mem from)
{
    struct form form = sse_form(bits, 0x2c);
    form.wide = integer_bits == 64;
    emit_mem(e, form, to, from);
}

/* VEX.128.66.0F38: inverted R, X, B; then W, inverted second operand, L = 0, pp = 66. */
static void fma_front(struct x86_emit *e, unsigned bits, enum x86_fused op, unsigned second, unsigned base)
{
    x86_byte(e, 0xc4);
    x86_byte(e, 0xc0 | (base & 8 ? 0 : 0x20) | 2);
    x86_byte(e, (bits == 64 ? 0x80u : 0) | (~second & 15u) << 3 | 1);
    x86_byte(e, op);
}

void x86_fma(struct x86_emit *e, unsigned bits, enum x86_fused op, unsigned to, unsigned second,
             unsigned from)
{
    fma_front(e, bits, op, second, from);
    x86_byte(e, 0xc0 | (to & 7) << 3 | (from & 7));
}

void x86_fma_mem(struct x86_emit *e, unsigned bits, enum x86_fused op, unsigned to, unsigned second,
                 struct x86_mem from)
{
    fma_front(e, bits, op, second, from.base);
    x86_byte(e, 0x80 | (to & 7) << 3 | (from.base & 7)); /* a base that needs no SIB, 32-bit displacement */
    x86_dword(e, (uint32_t)from.disp);
}

static struct form packed_form(unsigned opcode, bool wide)
{
    return (struct form){ .opcode = opcode, .prefix = 0x66, .wide = wide };
}

void x86_movq_from(struct x86_emit *e, unsigned to, enum x86_reg from)
{
    emit_reg(e, packed_form(0x0f6e, true), to, from);
}

void x86_movq_to(struct x86_emit *e, enum x86_reg to, unsigned from)
{
    emit_reg(e, packed_form(0x0f7e, true), from, to);
}

void x86_pextrq(struct x86_emit *e, enum x86_reg to, unsigned from, unsigned lane)
{
    emit_reg(e, packed_form(0x0f3a16, true), from, to);
    x86_byte(e, lane);
}

void x86_pclmul(struct x86_emit *e, unsigned to, unsigned from)
{
    emit_reg(e, packed_form(0x0f3a44, false), to, from);
    x86_byte(e, 0);
}

void x86_packed_logic(struct x86_emit *e, enum x86_packed op, unsigned to, unsigned from)
{
    emit_reg(e, packed_form(0x0f00 | (unsigned)op, false), to, from);
}

void x86_pshufb(struct x86_emit *e, unsigned to, unsigned numbers)
{
    emit_reg(e, packed_form(0x0f3800, false), to, numbers);
}

void x86_broadcast_dword(struct x86_emit *e, unsigned to, unsigned from, unsigned number)
{
    emit_reg(e, packed_form(0x0f70, false), to, from);
    x86_byte(e, number * 0x55);
}

void x86_aes(struct x86_emit *e, enum x86_aes op, unsigned to, unsigned from)
{
    emit_reg(e, packed_form(0x0f3800 | (unsigned)op, false), to, from);
}

void x86_sha(struct x86_emit *e, enum x86_sha op, unsigned to, unsigned from)
{
    emit_reg(e, form_of(0x0f3800 | (unsigned)op, 32), to, from);
}

void x86_aes_key(struct x86_emit *e, unsigned to, unsigned from, unsigned constant)
{
    emit_reg(e, packed_form(0x0f3adf, false), to, from);
    x86_byte(e, constant);
}

void x86_movups_store(struct x86_emit *e, struct x86_mem to, unsigned from)
{
    emit_mem(e, form_of(0x0f11, 32), from, to);
}

static void to_integer(struct x86_emit *e, unsigned bits, unsigned op, unsigned integer_bits, enum x86_reg to,
                       unsigned from)
{
    struct form form = sse_form(bits, op);
    form.wide = integer_bits == 64;
    emit_reg(e, form, to, from);
}

void x86_cvt_to_integer(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                        unsigned from)
{
    to_integer(e, bits, 0x2d, integer_bits, to, from);
}

void x86_cvtt_to_integer_reg(struct x86_emit *e, unsigned bits, unsigned integer_bits, enum x86_reg to,
                             unsigned from)
{
    to_integer(e, bits, 0x2c, integer_bits, to, from);
}

void x86_round(struct x86_emit *e, unsigned bits, unsigned to, unsigned from, unsigned mode)
{
    emit_reg(e, packed_form(bits == 64 ? 0x0f3a0b : 0x0f3a0a, false), to, from);
    x86_byte(e, mode);
}

/* ---- Control ------------------------------------------------------------------------------------------- */

void x86_align_patch_at(struct x86_emit *e, uint8_t *before, unsigned opcode_bytes)
{
    static const uint8_t nops[4][3] = { { 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 } };
    unsigned offset = (unsigned)((uintptr_t)e->at + opcode_bytes) & 7;
    unsigned pad = offset > 4 ? 8 - offset : 0;
    size_t moved = (size_t)(e->at - before);
    for (unsigned i = 0; i < pad; i++)
        x86_byte(e, 0);
    if (!pad || e->overflow)
        return;
    memmove(before + pad, before, moved);
    memcpy(before, nops[pad], pad);
}

void x86_align_patch(struct x86_emit *e, unsigned opcode_bytes)
{
    x86_align_patch_at(e, e->at, opcode_bytes);
}

static uint8_t *rel32(struct x86_emit *e)
{
    uint8_t *site = e->at;
    x86_dword(e, 0);
    return site;
}

uint8_t *x86_jmp(struct x86_emit *e)
{
    x86_byte(e, 0xe9);
    return rel32(e);
}

uint8_t *x86_jcc(struct x86_emit *e, enum x86_cond cond)
{
    x86_byte(e, 0x0f);
    x86_byte(e, 0x80 | (unsigned)cond);
    return rel32(e);
}

uint8_t *x86_call(struct x86_emit *e)
{
    x86_byte(e, 0xe8);
    return rel32(e);
}

static void set_rel32(struct x86_emit *e, uint8_t *site, const uint8_t *target)
{
    if (!e->overflow)
        x86_patch(site, e->run, target);
}

void x86_jmp_to(struct x86_emit *e, const uint8_t *target)
{
    uint8_t *site = x86_jmp(e);
    set_rel32(e, site, target);
}

void x86_call_to(struct x86_emit *e, const uint8_t *target)
{
    uint8_t *site = x86_call(e);
    set_rel32(e, site, target);
}

void x86_jcc_to(struct x86_emit *e, enum x86_cond cond, const uint8_t *target)
{
    uint8_t *site = x86_jcc(e, cond);
    set_rel32(e, site, target);
}

void x86_land(struct x86_emit *e, uint8_t *site)
{
    set_rel32(e, site, x86_here(e));
}

void x86_jmp_reg(struct x86_emit *e, enum x86_reg to)
{
    emit_reg(e, form_of(0xff, 32), 4, to);
}

void x86_jmp_mem(struct x86_emit *e, struct x86_mem to)
{
    emit_mem(e, form_of(0xff, 32), 4, to);
}

void x86_call_mem(struct x86_emit *e, struct x86_mem to)
{
    emit_mem(e, form_of(0xff, 32), 2, to);
}

void x86_call_reg(struct x86_emit *e, enum x86_reg to)
{
    emit_reg(e, form_of(0xff, 32), 2, to);
}

void x86_ret(struct x86_emit *e)
{
    x86_byte(e, 0xc3);
}

void x86_push(struct x86_emit *e, enum x86_reg reg)
{
    if (reg & 8)
        x86_byte(e, 0x41);
    x86_byte(e, 0x50 | (reg & 7));
}

void x86_pop(struct x86_emit *e, enum x86_reg reg)
{
    if (reg & 8)
        x86_byte(e, 0x41);
    x86_byte(e, 0x58 | (reg & 7));
}

struct unaligned {
    volatile int32_t value;
} __attribute__((packed, may_alias));

void x86_patch(uint8_t *site, ptrdiff_t run, const uint8_t *target)
{
    int32_t distance = (int32_t)(target - (site + run + 4));
    __asm__ volatile("" ::: "memory"); /* the target was written before: x86 keeps stores in order */
    ((struct unaligned *)(void *)site)->value = distance;
}
