/* SPDX-License-Identifier: MIT
 *
 * A hart from outside, and its run loop; see hart.h.
 *
 * The loop finds a block, runs it, and repeats this; blocks that are linked to each other run without coming
 * back here. A block adds its instructions to instret when it starts, and every way into a block checks
 * `requests`, so that an interrupt or a stop takes effect within one block.
 */
#include "cpu/hart.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/accel.h"
#include "cpu/block.h"
#include "cpu/code_watch.h"
#include "cpu/cover.h"
#include "cpu/csr/csr.h"
#include "cpu/exec/exec.h"
#include "cpu/hart_state.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/window.h"
#include "cpu/run.h"
#include "cpu/trace.h"
#include "cpu/trap.h"
#include "cpu/wait.h"
#include "util/host_time.h"

/* ---- Making -------------------------------------------------------------------------------------------- */

static uint64_t misa_value(const struct isa_config *isa)
{
    static const struct {
        enum isa_extension extension;
        char letter;
    } letters[] = { { ISA_A, 'A' }, { ISA_C, 'C' }, { ISA_D, 'D' }, { ISA_F, 'F' },
                    { ISA_I, 'I' }, { ISA_M, 'M' }, { ISA_V, 'V' }, { ISA_H, 'H' } };
    uint64_t misa = isa->xlen == 32 ? 1ull << 30 : 2ull << 62;
    for (unsigned i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (isa_has(isa, letters[i].extension))
            misa |= 1ull << (letters[i].letter == 'I' && isa->embedded ? 'E' - 'A' : letters[i].letter - 'A');
    if (isa_has(isa, ISA_Zba) && isa_has(isa, ISA_Zbb) && isa_has(isa, ISA_Zbs))
        misa |= 1ull << ('B' - 'A');
    if (isa->extensions & ISA_T_HEAD || isa->eclic)
        misa |= 1ull << ('X' - 'A');
    if (isa->supervisor)
        misa |= 1ull << ('S' - 'A');
    if (isa->user)
        misa |= 1ull << ('U' - 'A');
    return misa;
}

static void apply_config(struct hart *hart, const struct hart_config *config)
{
    hart->isa = *config->isa;
    hart->id = config->id;
    hart->misa = misa_value(&hart->isa);
    hart->ialign_mask = isa_has(&hart->isa, ISA_C) ? 0 : 2;
    hart->reset_pc = config->reset_pc;
    hart->timebase_hz = config->timebase_hz;
    hart->mtime_offset = config->mtime_offset;
    hart->bus = config->bus;
    hart->clock = config->clock;
    hart->exact = config->exact;
    hart->clic.on = hart->isa.eclic;
    hart->aia.on = isa_has(&hart->isa, ISA_Smaia);
    hart->aia.imsic = hart->aia.on && config->imsic;
    unsigned guests = hart->aia.imsic && isa_has(&hart->isa, ISA_H) ? config->guest_files : 0;
    hart->aia.guest_files = guests < hart->isa.xlen ? guests : hart->isa.xlen - 1;
    hart->sleeper = hart->partner = hart;
    hart->limit = UINT64_MAX;
    hart->exec_table = hart->isa.xlen == 32 ? exec_table_rv32 : exec_table_rv64;
}

static bool allocate(struct hart *hart, enum hart_windows windows, struct error *error)
{
    if (hart->aia.guest_files) {
        hart->aia.guests = calloc(hart->aia.guest_files, sizeof(hart->aia.guests[0]));
        if (!hart->aia.guests)
            return error_set(error, "hart %u: out of memory for its interrupt files", hart->id);
    }
    if (!window_pool_create(hart, windows, &hart->windows_refused))
        return error_set(error, "hart %u: out of memory for its TLBs", hart->id);
    for (unsigned i = 0; i < TLB_POOL; i++)
        tlb_init(hart->tlb_pool[i]);
    return block_cache_init(hart, error);
}

/* Allocates zeroed memory with the alignment of struct hart, which malloc() does not guarantee. Memory from
 * mmap() would be aligned, too, but LeakSanitizer does not search it for pointers. NULL: out of memory. */
static struct hart *make_room(void)
{
    size_t alignment = _Alignof(struct hart);
    uint8_t *room = calloc(1, sizeof(struct hart) + alignment);
    if (!room)
        return NULL;
    struct hart *hart = (struct hart *)(void *)(room + -(uintptr_t)room % alignment);
    hart->room = room;
    return hart;
}

struct hart *hart_create(const struct hart_config *config, struct error *error)
{
    struct hart *hart = make_room();
    if (!hart) {
        error_set(error, "out of memory for hart %u", config->id);
        return NULL;
    }
    isa_init();
    csr_init();
    apply_config(hart, config);
    pthread_mutex_init(&hart->timer_lock, NULL);
    pthread_mutex_init(&hart->sleep_lock, NULL);
    pthread_mutex_init(&hart->aia.lock, NULL);
    host_cond_init(&hart->wake);
    clock_timer_init(&hart->timer, hart->clock, csr_timer_fired, hart);
    if (!allocate(hart, config->windows, error)) {
        hart_destroy(hart);
        return NULL;
    }
    hart_reset(hart);
    return hart;
}

void hart_destroy(struct hart *hart)
{
    if (!hart)
        return;
    /* A callback that was running when the timer was disarmed may have armed it again. It starts only from an
     * armed timer, so doing this twice is enough. */
    clock_timer_cancel(&hart->timer);
    clock_timer_cancel(&hart->timer);
    block_cache_destroy(hart);
    cover_destroy(hart);
    window_pool_destroy(hart);
    pthread_cond_destroy(&hart->wake);
    pthread_mutex_destroy(&hart->aia.lock);
    free(hart->aia.guests);
    pthread_mutex_destroy(&hart->sleep_lock);
    pthread_mutex_destroy(&hart->timer_lock);
    free(hart->room);
}

void hart_reset(struct hart *hart)
{
    if (log_enabled(LOG_CATEGORY_CPU_RESET))
        trace_registers(hart, LOG_CATEGORY_CPU_RESET);
    memset(hart->x, 0, sizeof(hart->x));
    memset(hart->f, 0, sizeof(hart->f));
    hart->pc = hart->reset_pc;
    hart->priv = PRIV_M;
    hart->reserve_size = 0;
    hart->watch_atomic = NO_PAGE;
    hart->epoch = 1;
    /* The board's devices have been reset before: their lines have the right levels. */
    atomic_fetch_and(&hart->irq_lines, ~(IRQ_STI | IRQ_VSTI));
    csr_reset(hart);
    tlb_share(hart);
    tlb_flush_all(hart);
    block_cache_reset(hart);
    atomic_fetch_and(&hart->requests,
                     (unsigned)(HART_REQUEST_STOP | HART_REQUEST_DEBUG | HART_REQUEST_TRACE));
    hart->debug.passing = hart->alone = hart->waits = hart->trapped = false;
    hart->traps = 0;
}

void hart_set_accel(struct hart *hart, struct hart_accel *accel, unsigned hot)
{
    hart->accel = accel;
    hart->hot = (int32_t)hot;
}

void hart_set_recorder(struct hart *hart, struct hart_recorder *recorder)
{
    hart->recorder = recorder;
}

void hart_set_sampler(struct hart *hart, struct hart_sampler *sampler)
{
    hart->sampler = sampler;
}

/* ---- Requests from other threads ----------------------------------------------------------------------- */

void hart_request(struct hart *hart, unsigned requests)
{
    struct hart *sleeper = hart->sleeper;
    atomic_fetch_or(&hart->requests, requests);
    if (atomic_load(&sleeper->sleeping)) {
        pthread_mutex_lock(&sleeper->sleep_lock);
        pthread_cond_signal(&sleeper->wake);
        pthread_mutex_unlock(&sleeper->sleep_lock);
    }
}

void hart_clear_stop(struct hart *hart)
{
    atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_STOP);
}

void hart_trace_changed(struct hart *hart)
{
    if (trace_steps())
        hart_request(hart, HART_REQUEST_TRACE);
    else
        atomic_fetch_and(&hart->requests, ~HART_REQUEST_TRACE);
}

static void trace_irq(const struct hart *hart, unsigned bit, bool level)
{
    if (bit >= HART_CLIC) {
        if (level)
            log_line(LOG_CATEGORY_IRQ, "hart %u: interrupt %u is offered, of level %u%s", hart->id,
                     (bit - HART_CLIC) % HART_CLIC_IDS, (bit - HART_CLIC) / HART_CLIC_IDS % 16 * 16 + 15,
                     (bit - HART_CLIC) / HART_CLIC_IDS / 16 ? ", with a vector" : "");
        return;
    }
    if (bit >= HART_MSI) {
        unsigned file = bit / HART_FILE_IDS - 1;
        if (file < 2)
            log_line(LOG_CATEGORY_IRQ, "hart %u: message %u to its %c-mode file", hart->id,
                     bit % HART_FILE_IDS, "MS"[file]);
        else
            log_line(LOG_CATEGORY_IRQ, "hart %u: message %u to its file of guest %u", hart->id,
                     bit % HART_FILE_IDS, file - 1);
        return;
    }
    if ((atomic_load(&hart->irq_lines) >> bit & 1) != level)
        log_line(LOG_CATEGORY_IRQ, "hart %u: input %u (%s) %s", hart->id, bit, trace_interrupt_name(bit),
                 level ? "raised" : "lowered");
}

void hart_set_irq(struct hart *hart, unsigned bit, bool level)
{
    if (UNLIKELY(log_enabled(LOG_CATEGORY_IRQ)))
        trace_irq(hart, bit, level);
    if (hart->recorder && !hart->recorder->ops->irq(hart->recorder, hart->id, bit, level))
        return;
    hart_apply_irq(hart, bit, level);
}

void hart_set_clic(struct hart *hart, hart_clic_taken_fn *taken, void *opaque)
{
    hart->clic.taken = taken;
    hart->clic.opaque = opaque;
}

void hart_apply_irq(struct hart *hart, unsigned bit, bool level)
{
    if (bit >= HART_CLIC) {
        atomic_store(&hart->clic.offer, level ? bit - HART_CLIC + 1 : 0);
        if (level)
            hart_request(hart, HART_REQUEST_IRQ);
        return;
    }
    if (bit >= HART_MSI) {
        csr_imsic_receive(hart, bit / HART_FILE_IDS - 1, bit % HART_FILE_IDS);
        hart_request(hart, HART_REQUEST_IRQ);
        return;
    }
    unsigned mask = 1u << bit;
    if (mask == IRQ_SSI) {
        /* ACLINT's SETSSIP is an edge: it sets the bit, which software clears. */
        if (!level)
            return;
        atomic_fetch_or(&hart->irq_soft, mask);
    } else if (level) {
        atomic_fetch_or(&hart->irq_lines, mask);
    } else {
        atomic_fetch_and(&hart->irq_lines, ~mask);
        return;
    }
    hart_request(hart, HART_REQUEST_IRQ);
}

void hart_time_changed(struct hart *hart)
{
    csr_timer_fired(hart);
}

/* A round of a loop around wfi has fewer instructions than this; after so many rounds it counts as a loop.
 * The round after these rests so long, and each of the next few twice as long as the one before. */
#define WFI_LOOP_INSNS   128
#define WFI_LOOP_TURNS   16
#define WFI_REST_NS      UINT64_C(50000)
#define WFI_REST_DOUBLED 7u

static bool loops_around_wfi(struct hart *hart)
{
    if (hart->wfi_until) /* in the same round */
        return true;
    uint64_t now = hart_instructions(hart);
    hart->wfi_turns = now - hart->wfi_instructions < WFI_LOOP_INSNS ? hart->wfi_turns + 1 : 0;
    hart->wfi_instructions = now;
    return hart->wfi_turns >= WFI_LOOP_TURNS;
}

/* An interrupt is pending, so wfi ends at once. But a hart may wait for something else, and not take the
 * interrupt: harts that OpenSBI has not started yet have MSIP pending, and spin until they are started, while
 * other harts need the host's processors. wfi may take its time, so such a loop rests in each round, at most
 * about as long as it has waited already. An interrupt that is raised anew ends the rest.
 *
 * That rests become long matters, too: OpenSBI 1.1 says that a hart may start, and only then writes
 * where. A hart that looks in between starts at the wrong address; the interrupt comes after both.
 *
 * False: the rest goes on after requests are served. */
static bool rest(struct hart *hart)
{
    unsigned doubled = hart->wfi_turns - WFI_LOOP_TURNS;
    if (!hart->wfi_until)
        hart->wfi_until =
            host_now_ns() + (WFI_REST_NS << (doubled < WFI_REST_DOUBLED ? doubled : WFI_REST_DOUBLED));
    struct timespec until = host_timespec(hart->wfi_until);
    bool over = false;
    pthread_mutex_lock(&hart->sleep_lock);
    atomic_store(&hart->sleeping, true);
    while (!over && !(atomic_load(&hart->requests) & ~HART_REQUEST_TRACE))
        over = pthread_cond_timedwait(&hart->wake, &hart->sleep_lock, &until);
    atomic_store(&hart->sleeping, false);
    pthread_mutex_unlock(&hart->sleep_lock);
    over = over || atomic_load(&hart->requests) & (HART_REQUEST_IRQ | HART_REQUEST_STOP | HART_REQUEST_DEBUG);
    if (over)
        hart->wfi_until = 0;
    return over;
}

bool wait_for_interrupt(struct hart *hart)
{
    const unsigned unserved = HART_REQUEST_IRQ | HART_REQUEST_TRACE; /* which do not end the wait */
    if (hart->stepping)
        return true;
    if (hart->exact)
        return turn_wait(hart);
    if (trap_wakes(hart))
        return !loops_around_wfi(hart) || rest(hart);
    hart->wfi_until = 0;
    log_flush(); /* so that the log shows what led here */
    pthread_mutex_lock(&hart->sleep_lock);
    /* Another thread sets its request and then reads `sleeping`; this thread does it the other way round. All
     * four accesses are sequentially consistent, so one of the two sees the other. */
    atomic_store(&hart->sleeping, true);
    while (!trap_wakes(hart) && !(atomic_load(&hart->requests) & ~unserved))
        pthread_cond_wait(&hart->wake, &hart->sleep_lock);
    atomic_store(&hart->sleeping, false);
    pthread_mutex_unlock(&hart->sleep_lock);
    return trap_wakes(hart) || atomic_load(&hart->requests) & (HART_REQUEST_STOP | HART_REQUEST_DEBUG);
}

void pause_for_others(struct hart *hart)
{
    if (hart->exact)
        turn_pause(hart);
    else
        sched_yield();
}

/* ---- Running ------------------------------------------------------------------------------------------- */

/* True if the hart must stop. The bits are cleared before their causes are examined. */
static bool serve_requests(struct hart *hart)
{
    unsigned requests =
        atomic_fetch_and(&hart->requests, (unsigned)(HART_REQUEST_STOP | HART_REQUEST_DEBUG |
                                                     HART_REQUEST_TRACE | HART_REQUEST_LIMIT));
    if (requests & HART_REQUEST_FENCE_I)
        hart_fence_i(hart);
    if (requests & HART_REQUEST_ACCEL && hart->accel)
        hart->accel->ops->safe_point(hart);
    if (requests & HART_REQUEST_WATCH)
        code_watch_serve(hart);
    if (requests & HART_REQUEST_FLUSH) {
        hart->epoch++;
        tlb_flush_all(hart);
    }
    hart->exit_link = NULL;
    if (requests & HART_REQUEST_SAMPLE && hart->sampler)
        hart->sampler->sample(hart->sampler, hart);
    if (requests & HART_REQUEST_STOP) {
        hart_request_self(hart, requests & HART_REQUEST_IRQ); /* kept for when it runs again */
        return true;
    }
    if (requests & HART_REQUEST_DEBUG) {
        hart_request_self(hart, requests & HART_REQUEST_IRQ);
        return debug_serve(hart);
    }
    if (requests & HART_REQUEST_RETURN) {
        hart_request_self(hart, requests & HART_REQUEST_IRQ);
        hart->end = HART_ASKED;
        return true;
    }
    if (requests & HART_REQUEST_IRQ && trap_take_interrupt(hart))
        hart->end = HART_STOPPED; /* it does not wait any more */
    return false;
}

struct block *run_next_block(struct hart *hart)
{
    struct block *block = hart->exit_link ? *hart->exit_link : NULL;
    if (block && block->epoch == hart->epoch)
        return block;
    block = block_find(hart);
    /* A block that straddles depends on the next page's translation: it is searched for each time. */
    if (hart->exit_link && block && block->paddr2 == NO_PAGE)
        *hart->exit_link = block;
    return block;
}

bool run_hot(struct hart *hart, struct block *block)
{
    block->heat = hart->accel ? 1 : BLOCK_HEAT_NEVER;
    return hart->accel && hart->accel->ops->run(hart, block);
}

void hart_run(struct hart *hart)
{
    fp_env_enter(&hart->fp);
    for (;;) {
        unsigned requests = atomic_load_explicit(&hart->requests, memory_order_acquire);
        if (UNLIKELY(requests)) {
            if (serve_requests(hart))
                break;
            if (atomic_load(&hart->requests) & HART_REQUEST_DEBUG)
                continue; /* it steps through a range */
            if (requests & HART_REQUEST_LIMIT) {
                if (!turn_run(hart))
                    break;
                continue;
            }
            if (requests & HART_REQUEST_TRACE) {
                trace_run(hart);
                continue;
            }
        }
        /* Where the interpreter knows no next block, translated code may: it need not be decoded again
         * then. */
        if (!hart->exit_link && !hart->pad_expected && hart->accel && hart->accel->ops->resume(hart))
            continue;
        struct block *block = run_next_block(hart);
        if (UNLIKELY(!block))
            continue;
        if (UNLIKELY(--block->heat <= 0) && run_hot(hart, block))
            continue;
        hart->exit_link = NULL;
        hart_begin_block(hart, block);
        block->insns[0].exec(hart, block->insns);
    }
    fp_env_leave(&hart->fp);
}

void run_single(struct hart *hart)
{
    struct block *block = block_find_single(hart);
    hart->exit_link = NULL;
    if (!block)
        return;
    block->heat = BLOCK_HEAT_NEVER;
    hart_begin_block(hart, block);
    block->insns[0].exec(hart, block->insns);
}

void hart_step(struct hart *hart)
{
    bool was_single = hart->single;
    hart->single = hart->stepping = true;
    fp_env_enter(&hart->fp);
    uint64_t pc = hart->pc;
    if (atomic_load(&hart->requests))
        serve_requests(hart);
    if (hart->pc == pc) /* no interrupt was taken */
        run_single(hart);
    fp_env_leave(&hart->fp);
    hart->single = was_single;
    hart->stepping = false;
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

const char *hart_windows_refused(const struct hart *hart)
{
    return hart->windows_refused;
}

unsigned hart_id(const struct hart *hart)
{
    return hart->id;
}

uint64_t hart_pc(const struct hart *hart)
{
    return hart->pc;
}

uint64_t hart_instructions(const struct hart *hart)
{
    return atomic_load_explicit(&hart->instret, memory_order_relaxed);
}

bool hart_sleeps(const struct hart *hart)
{
    return atomic_load_explicit(&hart->sleeping, memory_order_relaxed);
}
