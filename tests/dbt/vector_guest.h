/* SPDX-License-Identifier: MIT
 *
 * Guests with vector code; see t1_vector.c and t1_vector_mix.c.
 */
#ifndef TESTS_DBT_VECTOR_GUEST_H
#define TESTS_DBT_VECTOR_GUEST_H

#include "tests/dbt/guest.h"

enum { E8 = 0 << 3, E16 = 1 << 3, E32 = 2 << 3, E64 = 3 << 3, M1 = 0, M2, M4, M8, HALF = 7 };
enum {
    CSR_VSTART = 8,
    CSR_VXSAT = 9,
    CSR_VXRM = 10,
    CSR_VL = 0xc20,
    CSR_VTYPE = 0xc21,
    OTHER = RAM_BASE + 0x100000,
    FUNCTION = RAM_BASE + 0xc00
};

struct vector_test {
    bool avx512; /* true: with AVX-512, if the host has it; false: without it */
    unsigned vlen, length, shift;
};

/* Begins a program: 8 KiB at OTHER have numbers, traps are logged, vectors and floating point are on. */
void vector_guest_begin(struct guest *guest, const struct vector_test *test);
/* Runs it in all tiers, with VLEN 128 to 512, with AVX-512 and without. */
void vector_guest_run(guest_fn *build, guest_fn *check, unsigned length, unsigned shift);

/* Appends an instruction; `vm`: it is not masked. */
void vector_guest_put(struct guest *guest, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2,
                      bool vm);
#define V(name, rd, rs1, rs2)        vector_guest_put(guest, ISA_INSN_##name, rd, rs1, rs2, true)
#define V_MASKED(name, rd, rs1, rs2) vector_guest_put(guest, ISA_INSN_##name, rd, rs1, rs2, false)

#endif
