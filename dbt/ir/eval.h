/* SPDX-License-Identifier: MIT
 *
 * Runs a region's operations on a state of registers and memory: what a region means, for tests that compare
 * it before and after a pass. Nothing here is used when a guest runs.
 *
 * Integers and memory are exact. Floating-point operations are not computed: their results are mixed from
 * their operands, since no pass may change what they are; so are flags, from all operations that may raise
 * one. Some pages are missing, or may not be stored to, and some floating-point operations leave the region,
 * as the seed has it.
 *
 * An access that has no check of its own and goes to a page that is missing, or may not be stored to, or that
 * lies on two pages, is a fault of the region: the text in `fault`.
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
    struct ir_store {
        uint64_t address; /* of a byte */
        uint8_t value;
    } stores[IR_STORES_MAX];
    unsigned store_count;
};

struct ir_outcome {
    bool left;         /* by an exit; false: the limit of instructions was reached */
    uint64_t done;     /* guest instructions */
    int32_t offset;    /* where the guest goes on */
    const char *fault; /* NULL: none */
};

/* Runs the region until it is left, or `limit` guest instructions are done: at the next block's beginning or,
 * where `exact`, in front of the next operation. Inside of a block the registers are only what the guest has
 * where the region may be left. */
struct ir_outcome ir_eval(const struct ir *ir, struct ir_state *state, uint64_t limit, bool exact);
/* Whether registers, flags and memory are the same. */
bool ir_same_state(const struct ir_state *a, const struct ir_state *b);

#endif
