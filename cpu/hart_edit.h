/* SPDX-License-Identifier: MIT
 *
 * A hart's state as a debugger changes it; reading is in hart_view.h. Values of an RV32 hart count with their
 * low 32 bits.
 *
 * For the hart's own thread between blocks, or for anybody while no thread is in hart_run().
 */
#ifndef CPU_HART_EDIT_H
#define CPU_HART_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart.h"

/* x0 keeps its zero. */
void hart_edit_x(struct hart *hart, unsigned number, uint64_t value);
/* As it is stored: the caller boxes narrower values. */
void hart_edit_f(struct hart *hart, unsigned number, uint64_t value);
/* hart_view_vlenb() bytes. */
void hart_edit_v(struct hart *hart, unsigned number, const uint8_t *bytes);
/* Bits that no instruction's address has are dropped. */
void hart_edit_pc(struct hart *hart, uint64_t value);
/* 0: U, 1: S, 3: M. False where the hart has no such mode. */
bool hart_edit_privilege(struct hart *hart, unsigned privilege);
/* As the CSR instructions write it, whatever the privilege. False where there is none, or it is read-only by
 * its number. */
bool hart_edit_csr(struct hart *hart, unsigned number, uint64_t value);

#endif
