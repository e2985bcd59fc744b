/* SPDX-License-Identifier: MIT
 *
 * VEX encodings; see x86/vex.h. Always the three-byte form of VEX: code size has not been seen to matter.
 */
#include "dbt/x86/vex.h"

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
    x86_modrm_mem(e, reg, rm);
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

void x86_shift_by(struct x86_emit *e, enum x86_shift op, unsigned bits, enum x86_reg to, enum x86_reg from,
                  enum x86_reg count)
{
    unsigned pp = op == X86_SHL ? X86_PP_66 : op == X86_SHR ? X86_PP_F2 : X86_PP_F3;
    x86_vex(e, (struct x86_vex){ 0xf7, X86_0F38, (uint8_t)pp, bits == 64 }, to, count, from);
}

void x86_extract(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, enum x86_reg control)
{
    x86_vex(e, (struct x86_vex){ 0xf7, X86_0F38, 0, bits == 64 }, to, control, from);
}

void x86_rotate_right(struct x86_emit *e, unsigned bits, enum x86_reg to, enum x86_reg from, unsigned count)
{
    x86_vex_imm(e, (struct x86_vex){ 0xf0, X86_0F3A, X86_PP_F2, bits == 64 }, to, 0, from, count);
}
