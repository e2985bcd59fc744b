/* SPDX-License-Identifier: MIT
 *
 * The state of V as a whole: what reset, saved states and vsetvl make of it. On the hart's thread, or while
 * it does not run.
 */
#ifndef CPU_VECTOR_STATE_H
#define CPU_VECTOR_STATE_H

#include <stdint.h>

struct hart;

/* vtype = this value, or vill where it is none that there is; vl is the caller's ("Vector Type (vtype)
 * Register"). */
void vector_set_type(struct hart *hart, uint64_t vtype);
/* The CSR's value. */
uint64_t vector_get_type(const struct hart *hart);

#endif
