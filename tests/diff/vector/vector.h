/* SPDX-License-Identifier: MIT
 *
 * Compares vector instructions with QEMU's user mode. The parts:
 *
 *   generate.c  makes cases from the rows of vector.def: operands, vtype, vl, vstart, rounding modes
 *   program.c   makes one program from cases, which runs under QEMU and in a hart (tests/diff/run.c)
 *   test_diff_vector.c  compares, counts, and reports differences
 *
 * A case sets everything that vector instructions depend on, executes one of them, and stores everything that
 * they can change, even if the instruction traps. So it also compares whether an instruction is illegal, and
 * where an access faults. The program is a loop over descriptors, so a case costs a few words of memory and
 * three instructions of code.
 *
 * Memory: first the pool, from which cases load the vector registers, then a descriptor and a result for each
 * case, then the window. Loads and stores of a case reach only the window; no page is mapped after it.
 */
#ifndef TESTS_DIFF_VECTOR_VECTOR_H
#define TESTS_DIFF_VECTOR_VECTOR_H

#include "tests/diff/snippet.h"

#define SCALARS     8 /* x10 to x17, f10 to f17 */
#define FIRST       10
#define POOL_PART   16384 /* bytes of one kind of values; at least twice the size of all registers */
#define WINDOW_SIZE 16384
#define WINDOW_FREE 4096 /* bytes that an access may reach before and after an address in the middle */

/* The contents of a part of the pool: integers; floating-point numbers, by format; or small
 * offsets, by width in bits. */
enum pool_kind {
    POOL_INTEGER,
    POOL_HALF,
    POOL_SINGLE,
    POOL_DOUBLE,
    POOL_INDEX_8,
    POOL_INDEX_16,
    POOL_INDEX_32,
    POOL_INDEX_64,
    POOL_KINDS
};

struct vector_case {
    enum isa_insn insn;
    uint32_t bits;
    uint8_t vtype;
    uint32_t avl, vstart;
    uint8_t vcsr, frm;
    enum pool_kind pool;
    uint32_t pool_offset, mask_offset;
    bool stores;
    uint64_t x[SCALARS], f[SCALARS];
};

/* The result as the program stores it; v0 to v31 follow. */
struct vector_result {
    uint64_t trap, address; /* a signal's number and si_addr, or mcause and mtval */
    uint64_t vstart, vl, vtype, vcsr, fcsr;
    uint64_t x[SCALARS], f[SCALARS];
    uint64_t window; /* a hash of the window, if the case stores */
};

struct vector_program {
    struct program program;
    unsigned vlen;
    size_t count, results; /* the number of cases; where their results begin in the data */
};

/* Returns the number of elements of a register group. */
static inline unsigned vector_vlmax(unsigned vlen, unsigned vtype)
{
    int lmul = (int)(vtype & 7) - (vtype & 4 ? 8 : 0), shift = lmul - (int)(vtype >> 3 & 7) - 3;
    return shift >= 0 ? vlen << shift : vlen >> -shift;
}
static inline size_t vector_result_size(unsigned vlen)
{
    return sizeof(struct vector_result) + 32 * (size_t)vlen / 8;
}

/* Fills one case for a row and a vtype. `window` is the address of the memory that it may use. */
void vector_generate(struct vector_case *c, enum isa_insn insn, unsigned vtype, unsigned vlen,
                     uint64_t window, struct random *random);
/* Fills the pool. */
void vector_fill_pool(uint8_t *pool, struct random *random);

/* Returns the address of the window, in a program with so many cases. */
uint64_t vector_window(size_t count, unsigned vlen);
bool vector_program_create(struct vector_program *program, unsigned xlen, const struct vector_case *cases,
                           size_t count, unsigned vlen, const uint8_t *pool);
const uint8_t *vector_result_at(const struct vector_program *program, const uint8_t *data, size_t index);

#endif
