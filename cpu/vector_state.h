/* SPDX-License-Identifier: MIT
 *
 * Changes the state of V as a whole: for reset, saved states and vsetvl. Call these on the hart's thread, or
 * while the hart does not run.
 */
#ifndef CPU_VECTOR_STATE_H
#define CPU_VECTOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

/* Decodes a value of vtype: log2 of an element's bytes, log2 of LMUL. False: the value is not valid. A
 * fractional LMUL is legal if an element fits into that fraction of ELEN bits, which the specification
 * requires. */
static inline bool vector_decode_type(uint64_t vtype, uint8_t *sew, int8_t *lmul)
{
    *sew = vtype >> 3 & 7;
    *lmul = (int8_t)((int)(vtype & 7) - (vtype & 4 ? 8 : 0));
    return !(vtype >> 8) && *sew <= 3 && *lmul != -4 && (int)*sew - *lmul <= 3;
}
/* VLMAX, if a register has `vlenb` bytes. */
static inline uint32_t vector_elements(uint32_t vlenb, unsigned sew, int lmul)
{
    int shift = lmul - (int)sew;
    return shift >= 0 ? vlenb << shift : vlenb >> -shift;
}

/* Sets vtype to this value, or to vill if the value is not valid; the caller sets vl ("Vector Type (vtype)
 * Register"). */
void vector_set_type(struct hart *hart, uint64_t vtype);
/* The value of the CSR vtype. */
uint64_t vector_get_type(const struct hart *hart);

#endif
