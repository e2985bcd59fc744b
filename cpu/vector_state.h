/* SPDX-License-Identifier: MIT
 *
 * The state of V as a whole: what reset, saved states and vsetvl make of it. On the hart's thread, or while
 * it does not run.
 */
#ifndef CPU_VECTOR_STATE_H
#define CPU_VECTOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

/* What a value of vtype says: log2 of an element's bytes, log2 of LMUL. False: it is none that there is. A
 * fractional LMUL is legal where an element fits in that part of ELEN bits, which is what has to be. */
static inline bool vector_decode_type(uint64_t vtype, uint8_t *sew, int8_t *lmul)
{
    *sew = vtype >> 3 & 7;
    *lmul = (int8_t)((int)(vtype & 7) - (vtype & 4 ? 8 : 0));
    return !(vtype >> 8) && *sew <= 3 && *lmul != -4 && (int)*sew - *lmul <= 3;
}
/* VLMAX, where a register has `vlenb` bytes. */
static inline uint32_t vector_elements(uint32_t vlenb, unsigned sew, int lmul)
{
    int shift = lmul - (int)sew;
    return shift >= 0 ? vlenb << shift : vlenb >> -shift;
}

/* vtype = this value, or vill where it is none that there is; vl is the caller's ("Vector Type (vtype)
 * Register"). */
void vector_set_type(struct hart *hart, uint64_t vtype);
/* The CSR's value. */
uint64_t vector_get_type(const struct hart *hart);

#endif
