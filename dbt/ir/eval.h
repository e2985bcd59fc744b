/* SPDX-License-Identifier: MIT
 *
 * Runs a region's operations on a state of registers and memory. This defines what a region means, for tests
 * that compare it before and after a pass. It is not used when a guest runs.
 *
 * Integers and memory are exact. Floating-point operations are not computed: their results are mixed from
 * their operands, since no pass may change what they are; so are the flags, from all operations that may
 * raise one. Some pages are missing, or may not be stored to, and some floating-point operations leave the
 * region: the seed decides which.
 *
 * It is a fault of the region, and `fault` has the text, if an access that has no check of its own goes to a
 * page that is missing or may not be stored to, or lies on two pages.
 */
#ifndef DBT_IR_EVAL_H
#define DBT_IR_EVAL_H

#include "dbt/ir/ir.h"

#define IR_STORES_MAX 4096

struct ir_state {
    unsigned xlen; /* of the region that ran last */
    uint64_t x[32], f[32], flags;
    uint64_t page; /* virtual address of the region's page */
    uint64_t seed; /* of the memory's content and of what is missing */
    bool wrapped;  /* it was left since the address of an access of RV32 has more than 32 bits */
    struct ir_store {
        uint64_t address; /* of a byte */
        uint8_t value;
    } stores[IR_STORES_MAX];
    unsigned store_count;
};

struct ir_outcome {
    bool left;         /* by an exit; false: the limit of instructions was reached */
    uint64_t done;     /* guest instructions */
    int32_t offset;    /* where the guest continues */
    const char *fault; /* NULL: none */
};

/* Runs the region until it is left, or until `limit` guest instructions are done: then it stops at the next
 * block's beginning or, if `exact`, before the next operation. Inside a block, the registers are the guest's
 * only at the places where the region may be left. */
struct ir_outcome ir_eval(const struct ir *ir, struct ir_state *state, uint64_t limit, bool exact);
/* Whether registers, flags and memory are the same. */
bool ir_same_state(const struct ir_state *a, const struct ir_state *b);

#endif
