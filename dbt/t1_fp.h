/* SPDX-License-Identifier: MIT
 *
 * What the lowerings of floating-point instructions share; t1_fp.c has the looks, t1_fp_convert.c the second
 * part of the lowerings.
 */
#ifndef DBT_T1_FP_H
#define DBT_T1_FP_H

#include "dbt/t1.h"

static inline struct x86_mem t1_f_mem(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest);
}

static inline struct x86_mem t1_f_high(unsigned guest)
{
    return hart_mem(offsetof(struct hart, f) + 8 * guest + 4);
}

/* From the jump at `site` the handler takes over; t1_fp_end() says where it comes back. */
void t1_fp_handler_if(struct t1 *t, uint8_t *site);
/* Goes on only where MXCSR rounds as the instruction wants. False: its rounding mode is none that the host
 * has; nothing was emitted. */
bool t1_fp_look_at_rounding(struct t1 *t);
/* Goes on only where the register holds a boxed single (of 64 bits: always). */
void t1_fp_look_at_box(struct t1 *t, unsigned bits, unsigned guest);
/* f[rd] = xmm0, which is no NaN; the instruction ends here. */
void t1_fp_set_number(struct t1 *t, unsigned bits);
/* The same, but the handler is asked if it is a NaN. */
void t1_fp_set_result(struct t1 *t, unsigned bits);
/* f[rd] = rax; the instruction ends here. */
void t1_fp_set_bits(struct t1 *t, unsigned bits);

#endif
