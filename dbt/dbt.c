/* SPDX-License-Identifier: MIT
 *
 * The translator's life, and how a hart runs translated code: it finds or makes the translation of a hot
 * block, enters it, checks how it was left, and then either continues with the next block's translation or
 * returns to the interpreter.
 */
#include "dbt/dbt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/block.h"
#include "dbt/optimiser.h"
#include "dbt/region_code.h"
#include "dbt/runtime/code_page.h"
#include "dbt/runtime/counters.h"
#include "dbt/runtime/evict.h"
#include "dbt/runtime/fault.h"
#include "dbt/runtime/find.h"
#include "dbt/runtime/state.h"
#include "dbt/runtime/windows.h"
#include "dbt/x86/regmap.h"
#include "dbt/x86/t1/translate.h"
#include "dbt/x86/thunks.h"

/* ---- Running ------------------------------------------------------------------------------------------- */

static struct dbt *dbt_of(struct hart *hart)
{
    return (struct dbt *)(void *)hart->accel;
}

/* The translation of a hot block, made if necessary; NULL: the interpreter must run the block. The result is
 * kept in the block, with the generation of its segment. *full is set if there was no room. */
static struct t1_block *translation(struct dbt *dbt, struct hart *hart, struct block *source, bool *full)
{
    struct t1_block *block = source->native;
    if (code_is_current(&dbt->cache, block, source->native_generation) && t1_block_fits(block, hart) &&
        __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE))
        return block;
    if (!source->epoch) /* decoded for one use only */
        return NULL;
    pthread_mutex_lock(&dbt->lock);
    block = t1_block_of(dbt, hart, source);
    if (!block) {
        block = t1_translate(dbt, hart, source, full);
        if (block) {
            if (block->entry)
                t2_translate_now(hart, hart->pc);
        } else if (!*full)
            source->heat = BLOCK_HEAT_NEVER;
    }
    source->native = block;
    if (block)
        source->native_generation = code_generation(&dbt->cache, block);
    bool usable = block && block->entry;
    pthread_mutex_unlock(&dbt->lock);
    return usable ? block : NULL;
}

/* Instructions that the hart may begin before it must leave, since it may run ACCEL_OVERRUN further. */
static uint64_t room_to_limit(struct hart *hart)
{
    uint64_t left = hart->limit - hart_instructions(hart);
    return left > ACCEL_OVERRUN ? left - ACCEL_OVERRUN : 0;
}

static void start_slices(struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    uint64_t room = room_to_limit(hart), slices = room / DBT_SLICE;
    state->budget = slices ? DBT_SLICE : (int32_t)room;
    state->end = hart_instructions(hart) + (uint64_t)(int64_t)state->budget;
    state->slices = slices > INT32_MAX ? INT32_MAX : slices ? (int32_t)slices - 1 : 0;
}

static DBT_THROUGH_CODE void enter(struct dbt *dbt, struct hart *hart, const uint8_t *entry)
{
    struct dbt_hart *state = dbt_hart(hart);
    state->page = hart->pc & PAGE_MASK;
    start_slices(hart);
    state->link = DBT_NO_LINK;
    state->exit = DBT_EXIT_OTHER;
    dbt->enter((uint8_t *)hart + HART_BIAS, entry);
    atomic_store_explicit(&hart->instret, state->end - (uint64_t)(int64_t)state->budget,
                          memory_order_relaxed);
    if (state->link != DBT_NO_LINK) { /* a jump whose target is not translated yet left it */
        const struct t1_link *link = code_at(&dbt->cache, state->link);
        hart->pc = state->page + link->offset;
    }
}

/* Enters translated code again and again as long as the next block is translated, too. */
static void run_chain(struct dbt *dbt, struct hart *hart, struct t1_block *block)
{
    const uint8_t *entry = __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE);
    while (entry && room_to_limit(hart)) {
        uint64_t before = hart_instructions(hart);
        enter(dbt, hart, entry);
        windows_earn(hart, hart_instructions(hart));
        /* If a landing pad is expected, the run loop checks for it. */
        bool wanted =
            atomic_load_explicit(&hart->requests, memory_order_acquire) || UNLIKELY(hart->pad_expected);
        hart_count(&dbt_hart(hart)->exits[wanted ? DBT_EXIT_REQUEST : dbt_hart(hart)->exit]);
        /* A region whose loop does not fit in what is left to the limit runs nothing. */
        bool stuck = hart->exact && hart_instructions(hart) == before;
        block = wanted || stuck ? NULL : dbt_find_block(hart, hart->pc);
        if (!block)
            return;
        entry = __atomic_load_n(&block->entry, __ATOMIC_ACQUIRE);
    }
}

/* Removes from the hart's jump tables what may lead to code that has changed since. */
static void refresh_jumps(struct dbt *dbt, struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    if (state->generation == dbt->generation)
        return;
    pthread_mutex_lock(&dbt->lock);
    dbt_forget_gone(dbt, hart, state->generation);
    state->generation = dbt->generation;
    pthread_mutex_unlock(&dbt->lock);
}

/* An evicting thread raises room_wanted before it asks the harts out. A hart that has served that request
 * must not enter again before that thread waits for the lock: it would stay in translated code, and all
 * others would wait for both. */
static void lock_running(struct dbt *dbt)
{
    for (;;) {
        pthread_rwlock_rdlock(&dbt->running);
        if (!atomic_load(&dbt->room_wanted))
            return;
        pthread_rwlock_unlock(&dbt->running);
        pthread_mutex_lock(&dbt->room);
        pthread_mutex_unlock(&dbt->room);
    }
}

/* Takes the lock that keeps the cache's content. False: the hart may not run translated code now. */
static bool begin_running(struct dbt *dbt, struct hart *hart)
{
    if (hart->tlb_data != hart->tlb_fetch) /* MPRV: rare, and translated code has one TLB register */
        return false;
    lock_running(dbt);
    refresh_jumps(dbt, hart);
    windows_settle(hart);
    return true;
}

static bool accel_run(struct hart *hart, struct block *source)
{
    struct dbt *dbt = dbt_of(hart);
    bool full = false;
    if (!begin_running(dbt, hart))
        return false;
    uint64_t evictions = dbt->counters.evictions;
    struct t1_block *block = translation(dbt, hart, source, &full);
    if (block) {
        hart->exit_link = NULL;
        run_chain(dbt, hart, block);
    }
    pthread_rwlock_unlock(&dbt->running);
    if (full)
        dbt_make_room(dbt, evictions);
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
    code_page_written(dbt_of(hart), hart, paddr);
}

static void accel_fence_i(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    code_pages_verify(dbt, hart);
    pthread_mutex_unlock(&dbt->lock);
    refresh_jumps(dbt, hart); /* the hart may continue in translated code without accel_run() */
}

static void accel_page_changed(struct hart *hart, uint64_t paddr)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    code_page_changed(dbt, paddr);
    pthread_mutex_unlock(&dbt->lock);
    refresh_jumps(dbt, hart);
}

static void accel_drop_page(struct hart *hart, uint64_t paddr)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    code_page_drop(dbt, paddr);
    pthread_mutex_unlock(&dbt->lock);
    refresh_jumps(dbt, hart);
}

static void accel_safe_point(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    pthread_mutex_lock(&dbt->lock);
    code_pages_drop_writes(dbt, hart);
    pthread_mutex_unlock(&dbt->lock);
}

static const struct hart_accel_ops accel_ops = {
    .run = accel_run,
    .resume = accel_resume,
    .page_written = accel_page_written,
    .fence_i = accel_fence_i,
    .page_changed = accel_page_changed,
    .drop_page = accel_drop_page,
    .safe_point = accel_safe_point,
};

/* Called by T1's code at the end of about every DBT_SAMPLE_SLICES-th slice. */
static void slice_ended(struct hart *hart, uint64_t pc)
{
    windows_earn(hart, dbt_hart(hart)->end - DBT_SLICE);
    t2_slice_ended(hart, pc);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

struct dbt *dbt_create_sized(size_t size, struct error *error)
{
    struct dbt *dbt = calloc(1, sizeof(*dbt));
    if (!dbt) {
        error_set(error, "out of memory for the translator");
        return NULL;
    }
    dbt->accel.ops = &accel_ops;
    dbt->generation = 1;
    dbt->owner_ops[CODE_T1_BLOCK] = &t1_owner_ops;
    dbt->owner_ops[CODE_T2_REGION] = &t2_owner_ops;
    dbt->slice_ended = slice_ended;
    dbt->judge_region = t2_judge;
    pthread_mutex_init(&dbt->lock, NULL);
    pthread_mutex_init(&dbt->room, NULL);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&dbt->running, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    dbt->host = x86_features();
    if (code_cache_init(&dbt->cache, size, error) && thunks_build(dbt, error) &&
        code_cache_guard(&dbt->cache, &dbt->lock, error))
        return dbt;
    dbt_destroy(dbt);
    return NULL;
}

struct dbt *dbt_create(struct error *error)
{
    return dbt_create_sized(CODE_CACHE_DEFAULT, error);
}

void dbt_destroy(struct dbt *dbt)
{
    if (!dbt)
        return;
    code_pages_destroy(dbt);
    t2_destroy(dbt->t2);
    if (dbt->windows)
        fault_forget(&dbt->cache);
    code_cache_destroy(&dbt->cache);
    for (unsigned i = 0; i < dbt->hart_count; i++)
        free(dbt->stand_ins[i]);
    pthread_rwlock_destroy(&dbt->running);
    pthread_mutex_destroy(&dbt->lock);
    pthread_mutex_destroy(&dbt->room);
    free(dbt);
}

void dbt_listen(struct dbt *dbt, dbt_listen_fn *listen, void *opaque)
{
    dbt->listen = listen;
    dbt->listen_opaque = opaque;
}

bool dbt_supports(const struct isa_config *isa)
{
    return isa_has(isa, ISA_C);
}

bool dbt_attach(struct dbt *dbt, struct hart *hart, unsigned hot, struct error *error)
{
    if (!dbt_supports(&hart->isa))
        return error_set(error, "the translator is for harts with C only; use -accel interp");
    /* Blocks are found by their address alone. */
    if (dbt->hart_count && dbt->harts[0]->isa.xlen != hart->isa.xlen)
        return error_set(error, "the translator serves only harts of one width (XLEN)");
    if (dbt->hart_count == DBT_HARTS_MAX)
        return error_set(error, "the translator serves at most %d harts", DBT_HARTS_MAX);
    struct block *stand_in = calloc(1, sizeof(struct block) + (BLOCK_INSNS_MAX + 1) * sizeof(struct insn));
    if (!stand_in)
        return error_set(error, "out of memory for the translator");
    stand_in->count = BLOCK_INSNS_MAX;
    dbt_hart(hart)->block = stand_in;
    dbt->exact |= hart->exact;
    dbt->stand_ins[dbt->hart_count] = stand_in;
    dbt->harts[dbt->hart_count++] = hart;
    if (hart->windows_refused)
        dbt->windows_refused = hart->windows_refused;
    thunks_init_hart(hart);
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
                error,
                "-dbt-without: there is no instruction \"%.*s\" (the names are those of cpu/isa/isa.def)",
                (int)length, names);
        names += length + (names[length] == ',');
    }
    return true;
}

void dbt_use_windows(struct dbt *dbt, bool eager)
{
    dbt->windows_eager = eager;
    if (!code_cache_use_faults(&dbt->cache))
        dbt->windows_refused = "out of memory";
    else if (!fault_serve(&dbt->cache))
        dbt->windows_refused = "faults of translated code cannot be handled";
    else
        dbt->windows = true;
}

void dbt_reset(struct dbt *dbt)
{
    pthread_mutex_lock(&dbt->lock);
    dbt_evict_all(dbt);
    pthread_mutex_unlock(&dbt->lock);
}

void dbt_memory_written(struct dbt *dbt, uint64_t paddr, uint64_t length)
{
    pthread_mutex_lock(&dbt->lock);
    code_pages_mark(dbt, paddr, length);
    pthread_mutex_unlock(&dbt->lock);
}

void dbt_print_counters(struct dbt *dbt, FILE *out)
{
    pthread_mutex_lock(&dbt->lock);
    counters_print(dbt, out);
    t2_print_counters(dbt, out);
    pthread_mutex_unlock(&dbt->lock);
}
