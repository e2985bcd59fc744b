/* SPDX-License-Identifier: MIT
 *
 * A region's code, its trial and its end; see region_code.h.
 */
#include "dbt/region_code.h"

#include <string.h>

#include "dbt/runtime/code_page.h"
#include "dbt/runtime/find.h"
#include "dbt/runtime/link.h"
#include "util/check.h"

/* Entries before a region is judged for the first time, and between later judgements. */
#define TRIAL_FIRST 256
#define TRIAL_NEXT  65536

/* What T2 saves for each guest instruction, in fifths of a host instruction. It saves more in regions that
 * keep floating-point values in registers, or the values of long straight code, than in loops of integers.
 * The numbers were found by measurement: with 5 in place of SAVED, xz and dpkg keep half of what they lose
 * without a trial; with 1, gzip loses loops that pay; with SAVED in place of SAVED_MUCH, sha256 is as slow as
 * with T1. In a window there is no look-up of a page that T2 could share among accesses, so it saves less. */
#define SAVED           2
#define SAVED_IN_WINDOW 1
#define SAVED_MUCH      10

static int32_t saved_by(const struct ir *region)
{
    if (region->fp_used || !region->loops)
        return SAVED_MUCH;
    return region->kind == TLB_KIND_LOOKS ? SAVED : SAVED_IN_WINDOW;
}

struct t2_code *t2_code_make(struct dbt *dbt, const struct ir *region, struct t1_block *header)
{
    CHECK_HELD(&dbt->lock);
    unsigned bytes = region->span_last - region->span_first;
    struct t2_code *code = code_cache_data(&dbt->cache, sizeof(*code));
    uint8_t *copy = code_cache_data(&dbt->cache, bytes);
    if (!code || !copy)
        return NULL;
    memcpy(copy, region->code + region->span_first, bytes);
    *code = (struct t2_code){ .owner.kind = CODE_T2_REGION,
                              .span = { .paddr = region->page + region->span_first,
                                        .owner = code_ref(&dbt->cache, code),
                                        .copy = code_ref(&dbt->cache, copy),
                                        .bytes = (uint16_t)bytes },
                              .header = code_ref(&dbt->cache, header),
                              .header_offset = (uint16_t)region->header_offset,
                              .own_entry = header->own_entry,
                              .trial = {
                                  .entries = TRIAL_FIRST, .left = TRIAL_FIRST, .saved = saved_by(region) } };
    return code;
}

/* ---- The end of a region ------------------------------------------------------------------------------- */

/* Gives the header its own entry back. False: the header does not lead to this region any more. */
static bool leave_header(struct dbt *dbt, struct t2_code *code, uint16_t samples)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *header = code_at(&dbt->cache, code->header);
    if (!header)
        return false;
    header->region = 0;
    header->samples = samples;
    if (header->entry)
        t1_block_set_entry(dbt, header, header->own_entry);
    code->header = 0;
    return true;
}

static void region_changed(struct dbt *dbt, struct code_owner *owner)
{
    const struct t2_code *code = (const struct t2_code *)(const void *)owner;
    const struct t1_block *header = code_at(&dbt->cache, code->header);
    if (leave_header(dbt, (struct t2_code *)(void *)owner, 0))
        dbt_entry_gone(dbt, header->span.paddr);
}

static void region_evict(struct dbt *dbt, struct code_owner *owner)
{
    struct t2_code *code = (struct t2_code *)(void *)owner;
    region_changed(dbt, owner);
    code_page_sweep(dbt, code->span.paddr, code_segment_of(&dbt->cache, code_ref(&dbt->cache, code)));
}

/* The header has changed or is evicted: it does not lead to the region any more. */
static void header_gone(struct dbt *dbt, struct code_owner *owner)
{
    (void)dbt;
    ((struct t2_code *)(void *)owner)->header = 0;
}

const struct code_owner_ops t2_owner_ops = { .evict = region_evict,
                                             .changed = region_changed,
                                             .gone = header_gone };

/* ---- Trial --------------------------------------------------------------------------------------------- */

static bool pays(const struct t2_trial *trial)
{
    /* Host instructions that enter and leave, with the call and the jumps. */
    int64_t insns = trial->bytes / 4 + 6;
    return trial->kept || trial->insns * trial->saved / 5 > trial->entries * insns;
}

const uint8_t *t2_judge(struct hart *hart, uint64_t ref)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    struct t2_code *code = code_at(&dbt->cache, (uint32_t)ref);
    pthread_mutex_lock(&dbt->lock);
    bool kept = code->header && pays(&code->trial);
    if (!kept && leave_header(dbt, code, T2_SAMPLES_NO_MORE))
        dbt->counters.regions_dropped++;
    code->trial.insns = 0;
    code->trial.entries = code->trial.left = TRIAL_NEXT;
    pthread_mutex_unlock(&dbt->lock);
    /* The jump table may lead to the region, which is still code: the hart would come here again. */
    if (!kept)
        dbt_correct(hart, dbt_hart(hart)->page + code->header_offset, code->own_entry);
    return code->own_entry;
}
