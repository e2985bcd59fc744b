/* SPDX-License-Identifier: MIT
 *
 * See cover.h. A block that was decoded is pending until the next one is decoded, or until the results are
 * needed: then all of it has run. If a trap or a debugger ends it early (cover_cut), the hart's instruction
 * count tells whether that was its first run: the count then equals the count when the block was found plus
 * the instructions that were done. A block that was cut is decoded again when it is next needed, since
 * nothing is known about its rest.
 */
#include "cpu/cover.h"

#include <stdlib.h>

#include "cpu/accel.h"
#include "cpu/block.h"
#include "cpu/mmu/mem.h"

#define CODE_MAX (BLOCK_INSNS_MAX * 4)

struct hart_cover {
    struct cover_sink *sink;
    const struct block *block; /* pending; NULL: none */
    uint64_t instret;          /* when it was found */
    struct cover_run run;
    uint8_t code[CODE_MAX], lengths[BLOCK_INSNS_MAX];
};

bool hart_cover(struct hart *hart, struct cover_sink *sink)
{
    hart->cover = calloc(1, sizeof(*hart->cover));
    if (!hart->cover)
        return false;
    hart->cover->sink = sink;
    hart->cover->run.code = hart->cover->code;
    hart->cover->run.lengths = hart->cover->lengths;
    return true;
}

void cover_destroy(struct hart *hart)
{
    free(hart->cover);
}

void hart_cover_finish(struct hart *hart)
{
    struct hart_cover *cover = hart->cover;
    if (cover->block && cover->run.count)
        cover->sink->ran(cover->sink, &cover->run);
    cover->block = NULL;
}

void cover_block(struct hart *hart, const struct block *block, uint64_t vaddr)
{
    struct hart_cover *cover = hart->cover;
    hart_cover_finish(hart);
    cover->block = block;
    cover->instret = hart_instructions(hart);
    cover->run.vaddr = vaddr;
    cover->run.paddr = block->paddr;
    cover->run.paddr2 = block->paddr2;
    cover->run.user = hart->priv == PRIV_U;
    cover->run.count = block->count;
    unsigned first = block_first_bytes(block);
    mem_host_copy(cover->code, block->host, first);
    if (first < block->bytes)
        mem_host_copy(cover->code + first, block->host2, block->bytes - first);
    for (unsigned i = 0; i < block->count; i++)
        cover->lengths[i] = block->insns[i].length;
}

void cover_cut(struct hart *hart, bool attempted)
{
    struct hart_cover *cover = hart->cover;
    uint64_t done = hart_instructions(hart) - cover->instret;
    if (!cover->block || done >= cover->run.count)
        return; /* it has run to its end earlier */
    cover->run.count = (unsigned)done + attempted;
    if (hart->block == cover->block)
        hart->block->epoch = 0;
    hart_cover_finish(hart);
}

void hart_cover_again(struct hart *hart, bool (*page)(void *opaque, uint64_t *paddr), void *opaque)
{
    uint64_t paddr;
    hart->cover->block = NULL;
    block_cache_reset(hart);
    while (hart->accel && page && page(opaque, &paddr))
        hart->accel->ops->drop_page(hart, paddr);
}
