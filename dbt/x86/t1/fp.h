/* SPDX-License-Identifier: MIT
 *
 * What the lowerings of floating-point instructions share; fp.c has the looks, fp_convert.c the
 * second part of the lowerings, fp_half.c how half precision is computed.
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

/* A half in an f register has ones above it: as a number, the register is this or more. */
#define T1_HALF_BOX (-0x10000)

/* The format in which the host computes what is 16, 32 or 64 bits wide in the guest. */
static inline unsigned t1_fp_host_bits(unsigned bits)
{
    return bits == 16 ? 32 : bits;
}

/* The host's number of a rounding mode that it has. */
static inline unsigned t1_fp_host_mode(unsigned rm)
{
    static const uint8_t modes[] = { X86_ROUND_NEAREST, X86_ROUND_ZERO, X86_ROUND_DOWN, X86_ROUND_UP };
    return rm == 7 ? X86_ROUND_MXCSR : modes[rm & 3];
}

/* The host can compute in this format, and the instruction's rounding mode is one that it may have. */
bool t1_fp_possible(const struct t1 *t, unsigned bits);
/* From the jump at `site` the handler takes over; t1_fp_end() says where it comes back. */
void t1_fp_handler_if(struct t1 *t, uint8_t *site);
/* Goes on only where MXCSR rounds as the instruction wants. False: its rounding mode is none that the host
 * has; nothing was emitted. */
bool t1_fp_look_at_rounding(struct t1 *t);
/* Goes on only where the register holds a boxed number of so many bits (of 64: always). */
void t1_fp_look_at_box(struct t1 *t, unsigned bits, unsigned guest);
/* xmm`to` = the register, in the host's format. Half precision: all four singles of it, of which the upper
 * three are the box. */
void t1_fp_load(struct t1 *t, unsigned bits, unsigned to, unsigned guest);
/* f[rd] = xmm0, which is no NaN; the instruction ends here. Half precision: rounded as the instruction says;
 * the upper three singles are such as t1_fp_load() makes, or all ones. */
void t1_fp_set_number(struct t1 *t, unsigned bits);
/* The same, but the handler is asked if it is a NaN. */
void t1_fp_set_result(struct t1 *t, unsigned bits);
/* f[rd] = rax; the instruction ends here. */
void t1_fp_set_bits(struct t1 *t, unsigned bits);

#endif
