/* SPDX-License-Identifier: MIT
 *
 * What the lowerings of floating-point instructions share. fp.c has the checks, fp_convert.c the second part
 * of the lowerings, and fp_half.c explains how half precision is computed.
 */
#ifndef DBT_X86_T1_FP_H
#define DBT_X86_T1_FP_H

#include "dbt/x86/t1/t1.h"

static inline struct x86_mem t1_f_mem(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest);
}

static inline struct x86_mem t1_f_high(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest + 4);
}

/* Above a half in an f register, all bits are ones: as an unsigned number, the register is this or more. */
#define T1_HALF_BOX (-0x10000)

/* Whether the present instruction computes in x registers (Zfinx and the like). */
static inline bool t1_fp_in_x(const struct t1 *t)
{
    return isa_is_in_x(isa_entry(t->op.insn)->extension);
}

/* Whether a number of so many bits fits into an x register; if not, it is in two. */
static inline bool t1_fp_fits_x(const struct t1 *t, unsigned bits)
{
    return bits <= t->hart->isa.xlen;
}

/* The bits of the host's format for a number of 16, 32 or 64 bits in the guest. */
static inline unsigned t1_fp_host_bits(unsigned bits)
{
    return bits == 16 ? 32 : bits;
}

/* The host's number for a rounding mode; the host must have that mode. */
static inline unsigned t1_fp_host_mode(unsigned rm)
{
    static const uint8_t modes[] = { X86_ROUND_NEAREST, X86_ROUND_ZERO, X86_ROUND_DOWN, X86_ROUND_UP };
    return rm == 7 ? X86_ROUND_MXCSR : modes[rm & 3];
}

/* Whether the host can compute in this format, and may have the instruction's rounding mode. */
bool t1_fp_possible(const struct t1 *t, unsigned bits);
/* If the jump at `site` is taken, the handler executes the instruction; control comes back at t1_fp_end(). */
void t1_fp_handler_if(struct t1 *t, uint8_t *site);
/* Writes a check that MXCSR rounds as the instruction wants. False: the host does not have the rounding mode;
 * nothing was emitted. */
bool t1_fp_look_at_rounding(struct t1 *t);
/* Writes a check that the register holds a boxed number of so many bits; if not, the handler takes over. With
 * 64 bits, and in x registers, there is nothing to check. */
void t1_fp_look_at_box(struct t1 *t, unsigned bits, unsigned guest);
/* `to` = the bits of the number in the register, with their sign or with zeros above them. */
void t1_fp_load_bits(struct t1 *t, unsigned bits, bool sign, enum x86_reg to, unsigned guest);
/* xmm`to` = the number in the register, in the host's format; for an x register, rax may be used. Half
 * precision: the register's four halves become four singles; the upper three come from the box. */
void t1_fp_load(struct t1 *t, unsigned bits, unsigned to, unsigned guest);
/* f[rd], or x[rd], = xmm0, which is not a NaN; the instruction ends here. Half precision: xmm0 is rounded as
 * the instruction says; its upper three singles are as t1_fp_load() makes them, or all ones. */
void t1_fp_set_number(struct t1 *t, unsigned bits);
/* The same, but xmm0 may be a NaN: then the handler executes the instruction. */
void t1_fp_set_result(struct t1 *t, unsigned bits);
/* f[rd], or x[rd], = rax; the instruction ends here. */
void t1_fp_set_bits(struct t1 *t, unsigned bits);

#endif
