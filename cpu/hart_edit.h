/* SPDX-License-Identifier: MIT
 *
 * A hart's state as a debugger changes it; reading is in hart_view.h. For an RV32 hart only the low 32 bits
 * of a value count.
 *
 * Only the hart's own thread may call these, between blocks, or any thread while no thread is in hart_run().
 */
#ifndef CPU_HART_EDIT_H
#define CPU_HART_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart.h"

/* x0 stays zero. */
void hart_edit_x(struct hart *hart, unsigned number, uint64_t value);
/* The value is stored as it is: the caller boxes narrower values. */
void hart_edit_f(struct hart *hart, unsigned number, uint64_t value);
/* hart_view_vlenb() bytes. */
void hart_edit_v(struct hart *hart, unsigned number, const uint8_t *bytes);
/* Bits that no instruction's address has are cleared. */
void hart_edit_pc(struct hart *hart, uint64_t value);
/* 0: U, 1: S, 3: M. False if the hart has no such mode. */
bool hart_edit_privilege(struct hart *hart, unsigned privilege);
/* Writes a CSR as the CSR instructions do, whatever the privilege. False if it does not exist, or is
 * read-only by its number. */
bool hart_edit_csr(struct hart *hart, unsigned number, uint64_t value);

#endif
