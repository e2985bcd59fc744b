/* SPDX-License-Identifier: MIT
 *
 * What isa.def and csr.def do not have: instructions and CSRs of other ratified extensions, by name only, so
 * that the log can say what a guest asked for. Nothing is executed or disassembled by them; a row that
 * isa.def gets is taken out here. Any thread.
 */
#ifndef CPU_ISA_FOREIGN_H
#define CPU_ISA_FOREIGN_H

#include <stdint.h>

struct isa_foreign {
    uint32_t mask, match; /* of an encoding of 2 or 4 bytes */
    unsigned xlens;       /* 32, 64; 0: both */
    const char *name;     /* "sha256sig0"; of a family: "vector load" */
    const char *extension;
};

/* The row that an encoding fits; NULL: none. */
const struct isa_foreign *isa_foreign_find(uint32_t bits, unsigned xlen);
/* The table; NULL behind its end. */
const struct isa_foreign *isa_foreign_row(unsigned number);

/* The extension that a CSR belongs to which no hart has; NULL: not known. */
const char *isa_foreign_csr(unsigned number);

#endif
