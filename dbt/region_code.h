/* SPDX-License-Identifier: MIT
 *
 * The code of a region, from when it is published to its end.
 *
 * The region watches its guest bytes like a block does. It goes when they change, when its header does, or
 * when its segment is evicted; the header then has its own entry again.
 *
 * It also goes where it does not pay. To enter a region, registers move from where T1 has them to where it
 * has them, and back when it is left; a loop that runs three times and is left is faster with T1. So each
 * region is on trial: translated code counts its entries and the guest instructions between entry and exit,
 * and after some entries the next one asks t2_judge(). Where the mean is too small for what it takes to enter
 * and leave, the header is T1's for good. What passed is judged again, seldom, since what a program does
 * changes.
 */
#ifndef DBT_REGION_CODE_H
#define DBT_REGION_CODE_H

#include "dbt/ir/ir.h"
#include "dbt/runtime/state.h"
#include "dbt/x86/select/select.h"

/* Samples of a block before it is made a region: 2 are some 32,000 instructions. */
#define T2_SAMPLES         2
#define T2_SAMPLES_NO_MORE (T2_SAMPLES + 1) /* it is asked for, or did not pay */

/* Heads the code of a region. */
struct t2_code {
    struct code_owner owner;
    struct code_span span;
    uint32_t header;          /* ref of the block; 0: gone */
    uint16_t header_offset;   /* in its page */
    const uint8_t *own_entry; /* of the header: T1's code for it, which stays as long as this does */
    struct t2_trial trial;
};
extern const struct code_owner_ops t2_owner_ops;

/* In the open transaction; NULL: the segment is full. With the lock held. */
struct t2_code *t2_code_make(struct dbt *dbt, const struct ir *region, struct t1_block *header);
/* The trial of the region `ref` (of its struct t2_code) has ended, at its entry. Where to go on: T1's code,
 * this time. On the hart's thread, without the lock. */
const uint8_t *t2_judge(struct hart *hart, uint64_t ref);

#endif
