/* SPDX-License-Identifier: MIT
 *
 * The harts and their threads: one for each (with virtual time one for all: turns.c), which runs from
 * harts_start() to harts_stop(), and waits for the next run otherwise. Only the main thread gets signals, so
 * a hart is never interrupted in the middle of an access.
 */
#include <stdio.h>
#include <string.h>

#include "cpu/code_watch.h"
#include "machine/internal.h"
#include "machine/timeline/timeline.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

void harts_set_irq(void *hart, unsigned bit, bool level)
{
    hart_set_irq(hart, bit, level);
}

void harts_code_written(void *opaque, uint64_t paddr, uint64_t length)
{
    struct machine *machine = opaque;
    if (machine->dbt)
        dbt_memory_written(machine->dbt, paddr, length);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I);
}

static bool translates(const struct machine_config *config)
{
    return config->accel == MACHINE_ACCEL_T1 || config->accel == MACHINE_ACCEL_T2 ||
           (config->accel == MACHINE_ACCEL_BEST && dbt_supports(&config->isa));
}

enum hart_windows harts_want_windows(const struct machine_config *config)
{
    if (config->windows == MACHINE_WINDOWS_OFF || !translates(config) || config->record_memory)
        return HART_WINDOWS_NONE;
    return config->windows == MACHINE_WINDOWS_KERNEL ? HART_WINDOWS_KERNEL : HART_WINDOWS_PROGRAMS;
}

const struct isa_config *machine_hart_isa(const struct machine *machine, unsigned hart)
{
    return !hart && machine->first_isa.xlen ? &machine->first_isa : &machine->config.isa;
}

static bool parse_first_isa(struct machine *machine, struct error *error)
{
    const char *cpu = machine->config.board->first_cpu[machine->config.isa.xlen == 64];
    return !cpu || isa_config_parse(&machine->first_isa, cpu, error);
}

/* Translated code is shared by all harts that are alike. A first hart that is not leaves the work to them. */
static bool is_translated(const struct machine *machine, unsigned hart)
{
    return machine->dbt && machine_hart_isa(machine, hart) == &machine->config.isa;
}

static bool attach(struct machine *machine, struct hart *hart, struct error *error)
{
    unsigned hot = machine->config.hot ? machine->config.hot : DBT_HOT_DEFAULT;
    if (machine->config.coverage.file && hot < 2)
        hot = 2; /* cpu/cover.h */
    return dbt_attach(machine->dbt, hart, hot, error);
}

/* If the host gives no executable memory, the interpreter is used, unless the user asked for the
 * translator. */
static bool create_translator(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    if (!translates(config))
        return true;
    machine->dbt = config->code_cache_mib ? dbt_create_sized((size_t)config->code_cache_mib << 20, error)
                                          : dbt_create(error);
    if (!machine->dbt && config->accel == MACHINE_ACCEL_BEST) {
        log_warn("%s; going on with the interpreter, which is slower", error->text);
        return true;
    }
    /* If the host is too old for the optimiser, the baseline translator is used, unless the user asked for
     * more. */
    struct error why = { 0 };
    bool optimises = config->accel != MACHINE_ACCEL_T1 && !config->coverage.file; /* cpu/cover.h */
    if (machine->dbt && optimises && !dbt_optimise(machine->dbt, config->eager, &why)) {
        if (config->accel == MACHINE_ACCEL_T2)
            return error_set(error, "%s", why.text);
        log_warn("%s; going on without the optimiser", why.text);
    }
    if (machine->dbt && config->check)
        dbt_check_accesses(machine->dbt);
    if (machine->dbt && harts_want_windows(config))
        dbt_use_windows(machine->dbt, config->eager || config->hot == 1);
    if (machine->dbt)
        dbt_listen(machine->dbt, config->listen, config->listen_opaque);
    struct dbt *dbt = machine->dbt;
    return dbt && (!config->dbt_without || dbt_without(dbt, config->dbt_without, error)) &&
           (!config->dbt_without_passes || dbt_without_passes(dbt, config->dbt_without_passes, error)) &&
           (!config->dbt_trace_passes || dbt_trace_passes(dbt, config->dbt_trace_passes, error));
}

/* The pages of a hart's files are a power of two, and each but the first is a guest's. */
unsigned machine_guest_bits(const struct machine *machine)
{
    unsigned bits = 0;
    while (1u << bits < machine->config.aia_guests + 1)
        bits++;
    return bits;
}

bool harts_create(struct machine *machine, struct error *error)
{
    if (!parse_first_isa(machine, error) || !create_translator(machine, error))
        return false;
    if (!machine->config.strict) {
        machine->watch = code_watch_create(machine->config.board->ram_base, machine->config.ram_size, error);
        if (!machine->watch)
            return false;
    }
    for (unsigned i = 0; i < machine->config.smp; i++) {
        struct hart_config config = {
            .id = i,
            .isa = machine_hart_isa(machine, i),
            .bus = bus_for_harts(machine->bus),
            .clock = machine->clock,
            .timebase_hz = machine->config.board->timebase_hz,
            .reset_pc = machine->reset_pc[i],
            .windows = is_translated(machine, i) ? harts_want_windows(&machine->config) : HART_WINDOWS_NONE,
            .imsic = machine->config.aia == MACHINE_AIA_APLIC_IMSIC,
            .guest_files = (1u << machine_guest_bits(machine)) - 1,
            .exact = machine->config.icount.on,
            .mtime_offset = &machine->mtime_offset,
        };
        machine->harts[i] = hart_create(&config, error);
        if (!machine->harts[i])
            return false;
        machine->hart_count++;
        hart_share_sleep(machine->harts[i], machine->harts[machine->config.icount.on ? 0 : i]);
        if (machine->watch)
            code_watch_add_hart(machine->watch, machine->harts[i]);
        hart_trace_changed(machine->harts[i]);
        if (is_translated(machine, i) && !attach(machine, machine->harts[i], error))
            return false;
    }
    return true;
}

static void end_threads(struct hart_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    threads->end = true;
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
    for (unsigned i = 0; i < threads->made; i++)
        thread_join(&threads->each[i].thread);
    threads->made = 0;
}

void harts_destroy(struct machine *machine)
{
    end_threads(&machine->threads);
    if (machine->dbt)
        dbt_stop(machine->dbt);
    unsigned count = machine->hart_count;
    machine->hart_count = 0; /* a timer that is disarmed looks at those that there are (turns.c) */
    for (unsigned i = 0; i < count; i++)
        hart_destroy(machine->harts[i]);
    timeline_destroy(machine->timeline);
    machine->timeline = NULL;
    dbt_destroy(machine->dbt);
    machine->dbt = NULL;
    code_watch_destroy(machine->watch);
    machine->watch = NULL;
}

/* ---- Threads ------------------------------------------------------------------------------------------- */

void harts_init(struct machine *machine)
{
    pthread_mutex_init(&machine->threads.lock, NULL);
    pthread_cond_init(&machine->threads.changed, NULL);
}

/* Waits for the next run; false: there is none. */
static bool wait_for_run(struct hart_threads *threads, struct hart_thread *own)
{
    pthread_mutex_lock(&threads->lock);
    while (threads->run == own->run && !threads->end)
        pthread_cond_wait(&threads->changed, &threads->lock);
    own->run = threads->run;
    bool end = threads->end;
    pthread_mutex_unlock(&threads->lock);
    return !end;
}

static void *hart_thread(void *opaque)
{
    struct hart_thread *own = opaque;
    struct machine *machine = own->machine;
    struct hart_threads *threads = &machine->threads;
    while (wait_for_run(threads, own)) {
        if (machine->config.icount.on)
            turns_run(machine);
        else
            hart_run(machine->harts[own - threads->each]);
        pthread_mutex_lock(&threads->lock);
        if (!--threads->busy)
            pthread_cond_broadcast(&threads->changed);
        pthread_mutex_unlock(&threads->lock);
    }
    return NULL;
}

static int make_thread(struct machine *machine)
{
    struct hart_threads *threads = &machine->threads;
    struct hart_thread *own = &threads->each[threads->made];
    char name[16] = "harts";
    if (!machine->config.icount.on)
        snprintf(name, sizeof(name), "hart %u", hart_id(machine->harts[threads->made]));
    *own = (struct hart_thread){ .machine = machine, .run = threads->run };
    int status = thread_create(&own->thread, THREAD_HART, name, hart_thread, own);
    threads->made += status == 0;
    return status;
}

bool harts_start(struct machine *machine, struct error *error)
{
    struct hart_threads *threads = &machine->threads;
    unsigned count = machine->config.icount.on ? 1 : machine->hart_count;
    sigset_t old;
    int status = 0;
    thread_signals_block(&old);
    while (threads->made < count && status == 0)
        status = make_thread(machine);
    thread_signals_restore(&old);
    if (status)
        return error_set(error, "cannot start a thread for each of the %u harts: %s; use a smaller -smp",
                         machine->hart_count, strerror(status));
    pthread_mutex_lock(&threads->lock);
    threads->run++;
    threads->busy = machine->threads_running = count;
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
    return true;
}

void harts_stop(struct machine *machine)
{
    struct hart_threads *threads = &machine->threads;
    if (!machine->threads_running)
        return;
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_STOP);
    pthread_mutex_lock(&threads->lock);
    while (threads->busy)
        pthread_cond_wait(&threads->changed, &threads->lock);
    pthread_mutex_unlock(&threads->lock);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_clear_stop(machine->harts[i]);
    machine->threads_running = 0;
    log_flush();
}

void harts_end(struct machine *machine)
{
    pthread_cond_destroy(&machine->threads.changed);
    pthread_mutex_destroy(&machine->threads.lock);
}

void harts_unload(struct machine *machine)
{
    turns_reset(machine);
    timeline_forget(machine->timeline);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_reset(machine->harts[i]);
        /* Memory was filled without the bus, so no hart knows of it. */
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH);
    }
}

void harts_reset(struct machine *machine)
{
    if (machine->dbt)
        dbt_reset(machine->dbt);
    harts_unload(machine);
}
