/* SPDX-License-Identifier: MIT
 *
 * The translator's life, and the way of a hart through translated code: find or make the translation of a hot
 * block, enter it, look at how it was left, and either link the jump that left it and go on, or give the hart
 * back to the interpreter.
 */
#include "dbt/dbt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/block.h"
#include "dbt/dbt_state.h"

/* ---- Tables -------------------------------------------------------------------------------------------- */

static struct t1_block *block_lookup(struct dbt *dbt, const struct block *source)
{
    struct t1_block *block = dbt->blocks[dbt_hash(source->paddr, 1)];
    while (block && !(block->paddr == source->paddr && block->entry))
        block = block->hash_next;
    /* Another hart may have translated what this one no longer, or not yet, sees. */
    if (block && (block->bytes > source->bytes || memcmp(block->copy, source->code, block->bytes) != 0))
        return NULL;
    return block;
}

static void block_insert(struct dbt *dbt, struct t1_block *block)
{
    struct t1_block **head = &dbt->blocks[dbt_hash(block->paddr, 1)];
    block->hash_next = *head;
    __atomic_store_n(head, block, __ATOMIC_RELEASE); /* dbt_find() reads without the lock */
    code_page_add(dbt, block);
}

void t1_block_invalidate(struct dbt *dbt, struct t1_block *block)
{
    for (struct t1_link *link = block->incoming; link; link = link->next) {
        x86_patch(link->site, dbt->cache.run, link->stub);
        link->to = NULL;
    }
    block->incoming = NULL;
    block->entry = NULL;
    dbt->counters.invalidated++;
    /* The harts' jump tables may know its entry. */
    for (unsigned i = 0; i < dbt->hart_count; i++)
        hart_request(dbt->harts[i], HART_REQUEST_ACCEL);
}

static void link_to(struct dbt *dbt, uint32_t number, struct t1_block *block)
{
    struct t1_link *link = (struct t1_link *)(void *)(dbt->cache.data + (size_t)number * 8);
    if (link->to || !block->entry)
        return;
    link->to = block;
    link->next = block->incoming;
    block->incoming = link;
    x86_patch(link->site, dbt->cache.run, block->entry);
    dbt->counters.links++;
}

/* ---- Emptying the cache -------------------------------------------------------------------------------- */

static void empty(struct dbt *dbt)
{
    memset(dbt->blocks, 0, sizeof(dbt->blocks));
    memset(dbt->pages, 0, sizeof(dbt->pages));
    dbt->dirty = NULL;
    code_cache_empty(&dbt->cache);
    dbt->generation++;
    dbt->counters.resets++;
}

/* Waits until no hart is in translated code. */
static void empty_running(struct dbt *dbt)
{
    for (unsigned i = 0; i < dbt->hart_count; i++)
        hart_request(dbt->harts[i], HART_REQUEST_ACCEL);
    pthread_rwlock_wrlock(&dbt->running);
    pthread_mutex_lock(&dbt->lock);
    empty(dbt);
    pthread_mutex_unlock(&dbt->lock);
    pthread_rwlock_unlock(&dbt->running);
}

/* ---- Running ------------------------------------------------------------------------------------------- */

static struct dbt *dbt_of(struct hart *hart)
{
    return (struct dbt *)(void *)hart->accel;
}

/* The translation of a hot block, made if need be; NULL: it stays with the interpreter. The result is kept in
 * the block, with the generation of the cache; *full where there was no room. */
static struct t1_block *translation(struct dbt *dbt, struct hart *hart, struct block *source, bool *full)
{
    struct t1_block *block = source->native;
    if (block && source->native_generation == dbt->generation &&
        __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE))
        return block;
    if (!source->epoch) /* decoded for one use */
        return NULL;
    pthread_mutex_lock(&dbt->lock);
    block = block_lookup(dbt, source);
    if (!block) {
        block = t1_translate(dbt, hart, source, full);
        if (block)
            block_insert(dbt, block);
        else if (!*full)
            source->heat = BLOCK_HEAT_NEVER;
    }
    source->native = block;
    source->native_generation = dbt->generation;
    pthread_mutex_unlock(&dbt->lock);
    return block && block->entry ? block : NULL;
}

static void enter(struct dbt *dbt, struct hart *hart, const uint8_t *entry)
{
    hart->native.page = hart->pc & PAGE_MASK;
    hart->native.budget = DBT_SLICE;
    hart->native.end = hart_instructions(hart) + DBT_SLICE;
    hart->native.link = DBT_NO_LINK;
    dbt->enter((uint8_t *)hart + HART_BIAS, entry, hart->tlb_data);
    atomic_store_explicit(&hart->instret, hart->native.end - (uint64_t)(int64_t)hart->native.budget,
                          memory_order_relaxed);
    if (hart->native.link != DBT_NO_LINK) {
        const struct t1_link *link = (const void *)(dbt->cache.data + (size_t)hart->native.link * 8);
        hart->pc = hart->native.page + link->offset;
    }
}

/* Enters translated code again and again while the next block is translated, too. */
static void run_chain(struct dbt *dbt, struct hart *hart, struct t1_block *block)
{
    const uint8_t *entry = __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE);
    while (entry) {
        atomic_fetch_add_explicit(&dbt->counters.entries, 1, memory_order_relaxed);
        enter(dbt, hart, entry);
        block = dbt_find_block(hart, hart->pc);
        if (!block)
            return;
        if (hart->native.link != DBT_NO_LINK) {
            pthread_mutex_lock(&dbt->lock);
            link_to(dbt, hart->native.link, block);
            pthread_mutex_unlock(&dbt->lock);
        }
        entry = __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE);
    }
}

/* Takes the lock that keeps the cache's content. False: the hart may not run translated code now. */
static bool begin_running(struct dbt *dbt, struct hart *hart)
{
    if (hart->tlb_data != hart->tlb_fetch) /* MPRV: rare, and translated code has one TLB register */
        return false;
    pthread_rwlock_rdlock(&dbt->running);
    if (hart->native.generation != dbt->generation) {
        tlb_forget_native(hart);
        hart->native.generation = dbt->generation;
    }
    return true;
}

static bool accel_run(struct hart *hart, struct block *source)
{
    struct dbt *dbt = dbt_of(hart);
    bool full = false;
    if (!begin_running(dbt, hart))
        return false;
    struct t1_block *block = translation(dbt, hart, source, &full);
    if (block) {
        hart->exit_link = NULL;
        run_chain(dbt, hart, block);
    }
    pthread_rwlock_unlock(&dbt->running);
    if (full)
        empty_running(dbt);
    return block != NULL;
}

static bool accel_resume(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    if (!begin_running(dbt, hart))
        return false;
    struct t1_block *block = dbt_find_block(hart, hart->pc);
    if (block)
        run_chain(dbt, hart, block);
    pthread_rwlock_unlock(&dbt->running);
    return block != NULL;
}

static void accel_page_written(struct hart *hart, uint64_t paddr)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    code_page_written(dbt, hart, paddr);
    pthread_mutex_unlock(&dbt->lock);
}

static void accel_fence_i(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    uint64_t before = dbt->counters.invalidated;
    code_pages_verify(dbt, hart);
    bool changed = dbt->counters.invalidated != before;
    pthread_mutex_unlock(&dbt->lock);
    if (changed)
        tlb_forget_native(hart);
}

static void accel_safe_point(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    tlb_forget_writes(hart);
    tlb_forget_native(hart);
    code_pages_forget_writer(dbt, hart);
    pthread_mutex_unlock(&dbt->lock);
}

static const struct hart_accel_ops accel_ops = {
    .run = accel_run,
    .resume = accel_resume,
    .page_written = accel_page_written,
    .fence_i = accel_fence_i,
    .safe_point = accel_safe_point,
};

/* ---- Life ---------------------------------------------------------------------------------------------- */

struct dbt *dbt_create(struct error *error)
{
    struct dbt *dbt = calloc(1, sizeof(*dbt));
    if (!dbt) {
        error_set(error, "out of memory for the translator");
        return NULL;
    }
    dbt->accel.ops = &accel_ops;
    dbt->generation = 1;
    pthread_mutex_init(&dbt->lock, NULL);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&dbt->running, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    if (code_cache_init(&dbt->cache, error) && thunks_build(dbt, error))
        return dbt;
    dbt_destroy(dbt);
    return NULL;
}

void dbt_destroy(struct dbt *dbt)
{
    if (!dbt)
        return;
    code_cache_destroy(&dbt->cache);
    for (unsigned i = 0; i < dbt->hart_count; i++)
        free(dbt->stand_ins[i]);
    pthread_rwlock_destroy(&dbt->running);
    pthread_mutex_destroy(&dbt->lock);
    free(dbt);
}

bool dbt_supports(const struct isa_config *isa)
{
    return isa->xlen == 64 && isa_has(isa, ISA_C);
}

bool dbt_attach(struct dbt *dbt, struct hart *hart, unsigned hot, struct error *error)
{
    if (!dbt_supports(&hart->isa))
        return error_set(error, "the translator is for RV64 harts with C only; use -accel interp");
    if (dbt->hart_count == DBT_HARTS_MAX)
        return error_set(error, "the translator serves %d harts", DBT_HARTS_MAX);
    struct block *stand_in = calloc(1, sizeof(struct block) + (BLOCK_INSNS_MAX + 1) * sizeof(struct insn));
    if (!stand_in)
        return error_set(error, "out of memory for the translator");
    stand_in->count = BLOCK_INSNS_MAX;
    hart->native.block = stand_in;
    dbt->stand_ins[dbt->hart_count] = stand_in;
    dbt->harts[dbt->hart_count++] = hart;
    hart_set_accel(hart, &dbt->accel, hot);
    return true;
}

static bool without_one(struct dbt *dbt, const char *name, size_t length)
{
    bool found = false;
    for (unsigned i = 1; i < ISA_INSN_COUNT; i++) {
        const char *known = isa_entry((enum isa_insn)i)->name;
        bool named = strlen(known) == length && strncmp(known, name, length) == 0;
        if (named || (length == 3 && strncmp(name, "all", 3) == 0))
            found = dbt->without[i] = true;
    }
    return found;
}

bool dbt_without(struct dbt *dbt, const char *names, struct error *error)
{
    isa_init();
    while (*names) {
        size_t length = strcspn(names, ",");
        if (!without_one(dbt, names, length))
            return error_set(
                error, "--dbt-without: there is no instruction \"%.*s\" (the names are those of cpu/isa.def)",
                (int)length, names);
        names += length + (names[length] == ',');
    }
    return true;
}

void dbt_reset(struct dbt *dbt)
{
    pthread_mutex_lock(&dbt->lock);
    empty(dbt);
    pthread_mutex_unlock(&dbt->lock);
}

void dbt_memory_written(struct dbt *dbt, uint64_t paddr, uint64_t length)
{
    pthread_mutex_lock(&dbt->lock);
    code_pages_mark(dbt, paddr, length);
    pthread_mutex_unlock(&dbt->lock);
}

uint64_t dbt_translated(struct dbt *dbt)
{
    pthread_mutex_lock(&dbt->lock);
    uint64_t blocks = dbt->counters.blocks;
    pthread_mutex_unlock(&dbt->lock);
    return blocks;
}

void dbt_print_counters(struct dbt *dbt, FILE *out)
{
    pthread_mutex_lock(&dbt->lock);
    const struct dbt_counters *c = &dbt->counters;
    fprintf(out, "blocks translated    %" PRIu64 "\n", c->blocks);
    fprintf(out, "guest instructions   %" PRIu64 " (%" PRIu64 " by their interpreter handler)\n", c->insns,
            c->calls);
    fprintf(out, "guest bytes          %" PRIu64 "\n", c->guest_bytes);
    fprintf(out, "host bytes           %" PRIu64 "\n", c->host_bytes);
    fprintf(out, "jumps linked         %" PRIu64 "\n", c->links);
    fprintf(out, "blocks verified      %" PRIu64 "\n", c->verified);
    fprintf(out, "blocks invalidated   %" PRIu64 "\n", c->invalidated);
    fprintf(out, "cache emptied        %" PRIu64 "\n", c->resets);
    fprintf(out, "entries              %" PRIu64 "\n", c->entries);
    pthread_mutex_unlock(&dbt->lock);
}
