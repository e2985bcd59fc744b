/* SPDX-License-Identifier: MIT
 *
 * The code of a region, from when it is published to its end.
 *
 * The region watches its guest bytes like a block does. It ends when they change, when its header changes or
 * is evicted, or when its segment is evicted. In the first and the last case the header gets its own entry
 * back.
 *
 * A region also ends if it does not pay. To enter it, registers move from where T1 keeps them to where the
 * region keeps them, and back when it is left; a loop that only runs three times is faster with T1. So each
 * region is on trial: translated code counts its entries and the guest instructions between entry and exit,
 * and after some entries the next one asks t2_judge(). If the mean is too small for the cost of entering and
 * leaving, the header runs T1's code for good. A region that passes is judged again, rarely, since programs
 * change what they do.
 */
#ifndef DBT_REGION_CODE_H
#define DBT_REGION_CODE_H

#include "dbt/ir/ir.h"
#include "dbt/runtime/state.h"
#include "dbt/x86/select/select.h"

/* Samples of a block before it is made a region: 3 are some 200,000 instructions. */
#define T2_SAMPLES         3
#define T2_SAMPLES_NO_MORE (T2_SAMPLES + 1) /* the region is asked for, or it did not pay */

/* The beginning of each region's data. */
struct t2_code {
    struct code_owner owner;
    struct code_span span;
    uint32_t header;          /* ref of the block; 0: the block does not lead here any more */
    uint16_t header_offset;   /* in its page */
    const uint8_t *own_entry; /* T1's code for the header; it stays as long as this does */
    struct t2_trial trial;
};
extern const struct code_owner_ops t2_owner_ops;

/* Makes the region's data in the code cache's open transaction; NULL: the segment is full. Call it with the
 * lock held. */
struct t2_code *t2_code_make(struct dbt *dbt, const struct ir *region, struct t1_block *header);
/* Judges the region whose trial has ended; `ref` is that of its struct t2_code. Called at its entry, on the
 * hart's thread, without the lock. Returns where the hart continues: in T1's code, this time. */
const uint8_t *t2_judge(struct hart *hart, uint64_t ref);

#endif
