/* SPDX-License-Identifier: MIT
 *
 * VEX encodings and scaled addresses; see x86_vex.h. Always the three-byte form of VEX: code size has not
 * been seen to matter.
 */
#include "dbt/x86_vex.h"

#include <cpuid.h>

bool x86_v3_supported(void)
{
    unsigned eax, ebx, ecx, edx;
    bool lzcnt = __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && ecx >> 5 & 1;
    bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx >> 29 & 1;
    return lzcnt && f16c && __builtin_cpu_supports("avx") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

/* ModRM, SIB and displacement. */
static void operand_mem(struct x86_emit *e, unsigned reg, enum x86_reg base, enum x86_reg index,
                        unsigned scale, int32_t disp)
{
    bool indexed = index != X86_NONE;
    unsigned mode = disp == 0 && (base & 7) != 5 ? 0 : disp == (int8_t)disp ? 1 : 2;
    bool sib = indexed || (base & 7) == 4;
    x86_byte(e, mode << 6 | (reg & 7) << 3 | (sib ? 4u : base & 7u));
    if (sib)
        x86_byte(e, scale << 6 | (indexed ? index & 7u : 4u) << 3 | (base & 7u));
    if (mode == 1)
        x86_byte(e, (uint8_t)disp);
    else if (mode == 2)
        x86_dword(e, (uint32_t)disp);
}

static void prefix(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, unsigned index,
                   unsigned rm)
{
    x86_byte(e, 0xc4);
    x86_byte(e, (reg & 8 ? 0 : 0x80u) | (index & 8 ? 0 : 0x40u) | (rm & 8 ? 0 : 0x20u) | form.map);
    x86_byte(e, (form.wide ? 0x80u : 0) | (~second & 15u) << 3 | form.prefix);
    x86_byte(e, form.opcode);
}

void x86_vex(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, unsigned rm)
{
    prefix(e, form, reg, second, 0, rm);
    x86_byte(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x86_vex_mem(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, struct x86_mem rm)
{
    prefix(e, form, reg, second, rm.index == X86_NONE ? 0 : rm.index, rm.base);
    operand_mem(e, reg, rm.base, rm.index, 0, rm.disp);
}

void x86_vex_imm(struct x86_emit *e, struct x86_vex form, unsigned reg, unsigned second, unsigned rm,
                 unsigned immediate)
{
    x86_vex(e, form, reg, second, rm);
    x86_byte(e, immediate);
}

static const struct x86_vex from_halves = { 0x13, X86_0F38, X86_PP_66, false };
static const struct x86_vex to_halves = { 0x1d, X86_0F3A, X86_PP_66, false };

void x86_halves_to_singles(struct x86_emit *e, unsigned to, unsigned from)
{
    x86_vex(e, from_halves, to, 0, from);
}

void x86_halves_to_singles_mem(struct x86_emit *e, unsigned to, struct x86_mem from)
{
    x86_vex_mem(e, from_halves, to, 0, from);
}

void x86_singles_to_halves_mem(struct x86_emit *e, struct x86_mem to, unsigned from, unsigned mode)
{
    x86_vex_mem(e, to_halves, from, 0, to);
    x86_byte(e, mode);
}

static void rex(struct x86_emit *e, unsigned bits, unsigned reg, unsigned index, unsigned rm)
{
    unsigned value = (bits == 64 ? 8u : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (rm & 8 ? 1 : 0);
    if (value)
        x86_byte(e, 0x40 | value);
}

void x86_lea_scaled(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg base, enum x86_reg index,
                    unsigned scale, int32_t disp)
{
    rex(e, bits, to, index, base);
    x86_byte(e, 0x8d);
    operand_mem(e, to, base, index, scale, disp);
}

void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count)
{
    unsigned pp = op == X86_SHL ? X86_PP_66 : op == X86_SHR ? X86_PP_F2 : X86_PP_F3;
    x86_vex(e, (struct x86_vex){ 0xf7, X86_0F38, (uint8_t)pp, bits == 64 }, to, count, from);
}

void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count)
{
    x86_vex_imm(e, (struct x86_vex){ 0xf0, X86_0F3A, X86_PP_F2, bits == 64 }, to, 0, from, count);
}

void x86_imul_imm(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, int32_t value)
{
    rex(e, bits, to, 0, from);
    x86_byte(e, 0x69);
    x86_byte(e, 0xc0 | (to & 7) << 3 | (from & 7));
    x86_dword(e, (uint32_t)value);
}
