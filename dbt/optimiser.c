/* SPDX-License-Identifier: MIT
 *
 * The optimiser, from samples to published code. Samples show where time goes: a slice of instructions ends
 * at a loop's beginning or at the target of an indirect jump, and the block there counts it. A block with
 * T2_SAMPLES samples becomes the header of a region. The hart copies the block's page and goes on. A thread
 * in the background makes the region from the copy, takes the lock to write its code, checks that the
 * guest bytes have not changed, and gives the block the new entry: from then on all jumps to the block lead
 * to the region.
 *
 * region_code.h tells what happens to the region after that.
 */
#include "dbt/optimiser.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/mmu/mem.h"
#include "dbt/passes/passes.h"
#include "dbt/region_code.h"
#include "dbt/runtime/code_page.h"
#include "dbt/runtime/evict.h"
#include "dbt/runtime/find.h"
#include "dbt/runtime/link.h"
#include "dbt/runtime/windows.h"
#include "dbt/x86/select/select.h"
#include "util/check.h"
#include "util/log.h"
#include "util/thread.h"

/* Bytes of host code; a region that needs more is not kept. */
#define T2_CODE_MAX  65536
#define T2_QUEUE_MAX 32

struct t2_request {
    uint64_t paddr, vaddr; /* of the header */
    unsigned kind;         /* TLB_KIND_* */
    struct isa_config isa;
    uint8_t page[PAGE_SIZE];
};

struct t2 {
    struct dbt *dbt;
    bool eager;
    pthread_t thread;
    bool started, stop;
    pthread_cond_t wake; /* with dbt->lock */
    struct t2_request *queue[T2_QUEUE_MAX];
    unsigned queued;
    struct passes passes;
    struct ir *region; /* the thread's; with `eager`, the hart's */
    struct t2_emit *emit;
};

/* ---- Making a region ----------------------------------------------------------------------------------- */

static bool check(const struct ir *region, const char *pass)
{
    unsigned where;
    const char *fault = t2_verify(region, &where);
    if (fault)
        log_warn("translator: region at %012llx+%03x after %s: %s (operation %u); it is not used",
                 (unsigned long long)region->page, region->header_offset, pass, fault, where);
    return !fault;
}

/* Straight code pays if it computes much with floating-point numbers, for which T1 has no registers, or if
 * there is so much of it that its values had better stay in registers: unrolled loops of ciphers and
 * hashes. */
static bool computes(const struct ir *r)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->insn_count; i++)
        count += t2_computes_fp(&r->insns[i]) || t2_is(&r->insns[i], T2_TYPE_FP, T2_CLASS_MOVE);
    return count >= 6 || (r->insn_count >= 96 && r->insn_count >= 24 * r->block_count);
}

/* Notes which accesses of the region have to look their pages up in the TLB. */
static void note_avoided(const struct dbt *dbt, struct ir *r)
{
    for (unsigned i = 0; i < r->insn_count && r->kind != TLB_KIND_LOOKS; i++) {
        unsigned offset = r->insns[i].offset;
        if (t2_is_access(&r->insns[i]) && windows_avoids(dbt, r->page + offset))
            r->by_tlb[offset / 128] |= 1ull << (offset / 2 % 64);
    }
}

/* Makes the region and runs the passes; writes no code. False: no region is worth it here, or a check of it
 * failed. */
static bool prepare(struct t2 *t2, struct ir *r, const struct t2_request *request, FILE *trace)
{
    memset(r, 0, offsetof(struct ir, code));
    r->isa = request->isa;
    r->without = t2->dbt->without;
    r->page = request->paddr & PAGE_MASK;
    r->vaddr = request->vaddr & PAGE_MASK;
    r->kind = request->kind;
    r->header_offset = request->paddr & (PAGE_SIZE - 1);
    memcpy(r->code, request->page, PAGE_SIZE);
    memset(r->home, T2_IN_HART, sizeof(r->home));
    t2_region_find(r);
    t2_build(r);
    if (!t2->eager && !r->loops && !computes(r))
        return false;
    note_avoided(t2->dbt, r);
    if (r->full || !r->blocks[0].guest_insns || !check(r, "it was built"))
        return false;
    return passes_run(&t2->passes, r, trace) && check(r, "the passes");
}

/* Does the same, and shows what the passes did, if a listener wants that; also if the region is not used
 * then. `locked`: the lock is held. */
static bool prepare_shown(struct t2 *t2, const struct t2_request *request, bool locked)
{
    struct dbt *dbt = t2->dbt;
    char *text = NULL;
    size_t size = 0;
    FILE *trace = dbt->listen && passes_any_traced(&t2->passes) ? open_memstream(&text, &size) : NULL;
    bool done = prepare(t2, t2->region, request, trace);
    if (!trace)
        return done;
    fclose(trace);
    const struct ir *r = t2->region;
    struct dbt_code code = {
        .kind = "passes", .ir = text, .vaddr = request->vaddr, .paddr = request->paddr, .isa = &r->isa
    };
    if (!locked)
        pthread_mutex_lock(&dbt->lock);
    dbt->listen(dbt->listen_opaque, &code);
    if (!locked)
        pthread_mutex_unlock(&dbt->lock);
    free(text);
    return done;
}

static void tell(struct dbt *dbt, const struct ir *r, const uint8_t *start, size_t size)
{
    char *ir = NULL;
    size_t ir_size = 0;
    FILE *out = open_memstream(&ir, &ir_size);
    if (out) {
        t2_print(r, out);
        fclose(out);
    }
    struct dbt_code code = { .kind = "t2",
                             .ir = ir,
                             .vaddr = r->vaddr + r->span_first,
                             .paddr = r->page + r->span_first,
                             .guest = r->code + r->span_first,
                             .guest_size = r->span_last - r->span_first,
                             .host = start + dbt->cache.run,
                             .host_size = size,
                             .isa = &r->isa };
    for (unsigned i = 0; i < r->block_count; i++)
        code.count += r->blocks[i].guest_insns;
    dbt->listen(dbt->listen_opaque, &code);
    free(ir);
}

/* Writes the region's code and publishes it, if the header is still there and the guest bytes have not
 * changed. False: the segment is full. The lock is held. */
static bool publish(struct t2 *t2, struct ir *r)
{
    CHECK_HELD(&t2->dbt->lock);
    struct dbt *dbt = t2->dbt;
    struct t1_block *header = t1_block_at(dbt, r->page + r->header_offset, r->kind);
    if (!header || header->region || !header->entry)
        return true;
    if (debug_marked(dbt->harts[0], r->page + r->span_first, r->span_last - r->span_first))
        return true; /* a breakpoint */
    struct code_place place;
    if (!code_cache_begin(&dbt->cache, T2_CODE_MAX, 0, &place))
        return false;
    uint8_t *start = place.hot;
    struct t2_emit *t = t2->emit;
    memset(t, 0, offsetof(struct t2_emit, jumps));
    t->e = (struct x86_emit){ start, start + T2_CODE_MAX, dbt->cache.run, false, 0 };
    t->dbt = dbt;
    t->r = r;
    t->header = header;
    struct t2_code *code = t2_code_make(dbt, r, header);
    t->owner = code ? &code->owner : NULL;
    t->trial = code ? &code->trial : NULL;
    if (code)
        code->trial.kept = t2->eager;
    const uint8_t *entry = code ? t2_emit(t) : NULL;
    const struct code_page *page = entry ? code_page_at(dbt, r->page) : NULL;
    if (!page || !code_span_add(dbt, NULL, &code->span, page->host + r->span_first)) {
        code_cache_abort(&dbt->cache);
        return code != NULL;
    }
    place.hot = t->e.at;
    code_cache_commit(&dbt->cache, &code->owner, &place);
    header->region = code_ref(&dbt->cache, code);
    t1_block_set_entry(dbt, header, entry);
    t1_block_detach(dbt, header);
    dbt_entry_gone(dbt, header->span.paddr); /* its own entry would still do, but is slower */
    if (dbt->listen)
        tell(dbt, r, start, (size_t)(t->e.at - start));
    dbt->counters.regions++;
    dbt->counters.region_bytes += (size_t)(t->e.at - start);
    return true;
}

/* Makes and publishes the region that is asked for. If the cache is full, it stops the harts for a moment. */
static void translate(struct t2 *t2, const struct t2_request *request)
{
    struct dbt *dbt = t2->dbt;
    if (!prepare_shown(t2, request, false))
        return;
    pthread_mutex_lock(&dbt->lock);
    bool done = publish(t2, t2->region) || (code_cache_advance(&dbt->cache) && publish(t2, t2->region));
    uint64_t seen = dbt->counters.evictions;
    pthread_mutex_unlock(&dbt->lock);
    if (done)
        return;
    dbt_make_room(dbt, seen);
    pthread_mutex_lock(&dbt->lock);
    publish(t2, t2->region);
    pthread_mutex_unlock(&dbt->lock);
}

/* ---- Samples ------------------------------------------------------------------------------------------- */

static const uint8_t *page_of(const struct hart *hart, uint64_t pc, uint64_t *paddr)
{
    unsigned index = TLB_EXEC_INDEX(pc);
    const struct tlb_exec *entry = &hart->tlb_fetch->exec[index];
    *paddr = entry->paddr | (pc & (PAGE_SIZE - 1));
    return entry->tag == (pc & PAGE_MASK) ? hart->tlb_fetch->exec_host[index] : NULL;
}

static struct t2_request *make_request(const struct hart *hart, uint64_t pc, const uint8_t *page,
                                       uint64_t paddr)
{
    struct t2_request *request = malloc(sizeof(*request));
    if (!request)
        return NULL;
    request->paddr = paddr;
    request->vaddr = pc;
    request->kind = hart->tlb_fetch->kind;
    request->isa = hart->isa;
    mem_host_copy(request->page, page, PAGE_SIZE);
    return request;
}

/* Call it with the lock held. */
static void ask(struct t2 *t2, struct hart *hart, uint64_t pc, const uint8_t *page, uint64_t paddr)
{
    CHECK_HELD(&t2->dbt->lock);
    struct t1_block *block = t1_block_at(t2->dbt, paddr, hart->tlb_fetch->kind);
    if (block && block->region) { /* the jump table may still have the header's own entry */
        dbt_correct(hart, pc, block->entry);
        return;
    }
    if (!block || block->samples == T2_SAMPLES_NO_MORE || ++block->samples < T2_SAMPLES)
        return;
    if (t2->queued == T2_QUEUE_MAX) {
        block->samples = 0;
        return;
    }
    block->samples = T2_SAMPLES_NO_MORE;
    struct t2_request *request = make_request(hart, pc, page, paddr);
    if (request)
        t2->queue[t2->queued++] = request;
    pthread_cond_signal(&t2->wake);
}

void t2_slice_ended(struct hart *hart, uint64_t pc)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    uint64_t paddr;
    const uint8_t *page = page_of(hart, pc, &paddr);
    if (page && dbt->t2 && !dbt->t2->eager && pthread_mutex_trylock(&dbt->lock) == 0) {
        ask(dbt->t2, hart, pc, page, paddr);
        pthread_mutex_unlock(&dbt->lock);
    }
}

void t2_translate_now(struct hart *hart, uint64_t pc)
{
    struct dbt *dbt = (struct dbt *)(void *)hart->accel;
    uint64_t paddr;
    const uint8_t *page = page_of(hart, pc, &paddr);
    struct t2_request *request =
        page && dbt->t2 && dbt->t2->eager ? make_request(hart, pc, page, paddr) : NULL;
    if (request && prepare_shown(dbt->t2, request, true))
        publish(dbt->t2, dbt->t2->region);
    free(request);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void *run(void *opaque)
{
    struct t2 *t2 = opaque;
    struct dbt *dbt = t2->dbt;
    pthread_mutex_lock(&dbt->lock);
    while (!t2->stop) {
        if (!t2->queued) {
            pthread_cond_wait(&t2->wake, &dbt->lock);
            continue;
        }
        struct t2_request *request = t2->queue[0];
        memmove(t2->queue, t2->queue + 1, --t2->queued * sizeof(t2->queue[0]));
        pthread_mutex_unlock(&dbt->lock);
        translate(t2, request);
        free(request);
        pthread_mutex_lock(&dbt->lock);
    }
    pthread_mutex_unlock(&dbt->lock);
    return NULL;
}

bool dbt_optimise(struct dbt *dbt, bool eager, struct error *error)
{
    if (!dbt->host.v3)
        return error_set(error, "-accel t2: this host lacks AVX, FMA or BMI (x86-64-v3); use -accel t1");
    struct t2 *t2 = calloc(1, sizeof(*t2));
    dbt->t2 = t2;
    if (t2) {
        t2->region = malloc(sizeof(*t2->region));
        t2->emit = malloc(sizeof(*t2->emit));
    }
    if (!t2 || !t2->region || !t2->emit)
        return error_set(error, "out of memory for the translator");
    t2->dbt = dbt;
    t2->eager = eager;
    dbt->without_chains = eager; /* each block is offered to it by itself */
    pthread_cond_init(&t2->wake, NULL);
    if (!eager) {
        int status = thread_create(&t2->thread, THREAD_TRANSLATOR, "optimiser", run, t2);
        if (status)
            return error_set(error, "cannot start the optimiser's thread: %s", strerror(status));
        t2->started = true;
    }
    return true;
}

static bool has_optimiser(const struct dbt *dbt, const char *flag, struct error *error)
{
    return dbt->t2 || error_set(error, "%s: there are no passes without the optimiser (-accel t2)", flag);
}

bool dbt_without_passes(struct dbt *dbt, const char *names, struct error *error)
{
    return has_optimiser(dbt, "-dbt-without-pass", error) && passes_leave_out(&dbt->t2->passes, names, error);
}

bool dbt_trace_passes(struct dbt *dbt, const char *names, struct error *error)
{
    return has_optimiser(dbt, "-d ir=", error) && passes_trace(&dbt->t2->passes, names, error);
}

void t2_print_counters(struct dbt *dbt, FILE *out)
{
    for (unsigned i = 0; i < PASS_COUNT && dbt->t2; i++) {
        const struct passes *passes = &dbt->t2->passes;
        char name[32];
        snprintf(name, sizeof(name), "pass %s", pass_name(i));
        fprintf(out, "%-28s %llu runs, %llu changed something%s\n", name,
                (unsigned long long)atomic_load_explicit(&passes->runs[i], memory_order_relaxed),
                (unsigned long long)atomic_load_explicit(&passes->changes[i], memory_order_relaxed),
                passes->without[i] ? " (left out)" : "");
    }
}

void dbt_stop(struct dbt *dbt)
{
    struct t2 *t2 = dbt->t2;
    if (!t2 || !t2->started)
        return;
    pthread_mutex_lock(&dbt->lock);
    t2->stop = true;
    pthread_cond_signal(&t2->wake);
    pthread_mutex_unlock(&dbt->lock);
    thread_join(&t2->thread);
    t2->started = false;
}

void t2_destroy(struct t2 *t2)
{
    if (!t2)
        return;
    dbt_stop(t2->dbt);
    for (unsigned i = 0; i < t2->queued; i++)
        free(t2->queue[i]);
    free(t2->region);
    free(t2->emit);
    free(t2);
}
