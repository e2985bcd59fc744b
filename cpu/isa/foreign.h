/* SPDX-License-Identifier: MIT
 *
 * Instructions and CSRs of other ratified extensions, which isa.def and csr.def do not have. Only their names
 * are here, so that the log can say what a guest asked for; they are neither executed nor disassembled. When
 * isa.def gets a row, it is removed here. Any thread.
 */
#ifndef CPU_ISA_FOREIGN_H
#define CPU_ISA_FOREIGN_H

#include <stdint.h>

struct isa_foreign {
    uint32_t mask, match; /* for an encoding of 2 or 4 bytes */
    unsigned xlens;       /* 32, 64; 0: both */
    const char *name;     /* "sha256sig0"; for a family: "vector load" */
    const char *extension;
};

/* Returns the row that matches an encoding; NULL: none. */
const struct isa_foreign *isa_foreign_find(uint32_t bits, unsigned xlen);
/* Returns a row of the table; NULL after its end. */
const struct isa_foreign *isa_foreign_row(unsigned number);

/* Returns the extension of a CSR that no hart has; NULL: not known. */
const char *isa_foreign_csr(unsigned number);

#endif
