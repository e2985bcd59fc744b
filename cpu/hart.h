/* SPDX-License-Identifier: MIT
 *
 * A hart, as the board uses it: created, reset, run on a thread of its own, interrupted, asked to stop.
 * cpu/hart_state.h has its contents.
 *
 * The thread that is in hart_run() owns the hart's state. Other threads may only call the functions marked
 * "any thread"; only the owner may call the rest, or any thread while no thread is in hart_run().
 */
#ifndef CPU_HART_H
#define CPU_HART_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart_bus.h"
#include "cpu/isa/isa.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/state.h"

struct hart;

/* Which address spaces may have a window (cpu/mmu/window.h), for which addresses of the host are reserved:
 * programs (U-mode), and all code without page tables; with _KERNEL, also S-mode with page tables. */
enum hart_windows { HART_WINDOWS_NONE, HART_WINDOWS_PROGRAMS, HART_WINDOWS_KERNEL };

struct hart_config {
    unsigned id;                  /* mhartid */
    const struct isa_config *isa; /* copied */
    struct hart_bus *bus;         /* outlives the hart */
    struct clock *clock;          /* outlives the hart */
    uint64_t timebase_hz;         /* of the time CSR; the board's mtime */
    uint64_t reset_pc;
    enum hart_windows windows;
    bool imsic;           /* it has interrupt files, if it has Smaia */
    unsigned guest_files; /* and so many for virtual machines, up to HART_GUEST_FILES_MAX, if it has H */
    bool exact; /* it runs by hart_run_until(): what devices see does not depend on how code is executed */
    /* mtime in ticks of timebase_hz is the clock's time plus this shared offset (the MTIMER device owns
     * it). */
    _Atomic int64_t *mtime_offset; /* may be NULL: 0 */
};

/* Creates a hart in its reset state. NULL, with *error filled. */
struct hart *hart_create(const struct hart_config *config, struct error *error);
void hart_destroy(struct hart *hart);
/* Resets the hart (Priv. 3.4). */
void hart_reset(struct hart *hart);

/* Sets the level of one interrupt input: bit is 1, 3, 5, 7, 9 or 11 of mip (Priv. 3.1.9). Any thread. A
 * number from HART_MSI on is a message (level: true) for an interrupt file, of M-mode (0), of S-mode (1), or
 * of guest number file - 1, with an identity from 1 to HART_FILE_IDS - 1; a file that the hart does not have
 * takes none. With an IMSIC, 9 and 11 are the files' alone. */
#define HART_FILE_IDS         256u
#define HART_GUEST_FILES_MAX  63u
#define HART_MSI              HART_FILE_IDS
#define HART_MSI_END          (HART_MSI + (2 + HART_GUEST_FILES_MAX) * HART_FILE_IDS)
#define HART_MSI_TO(file, id) (HART_MSI + (file)*HART_FILE_IDS + (id))
/* Of a core with a CLIC (isa_config.eclic), a number from HART_CLIC on says what its controller offers, in
 * the place of what it offered before: an id, a level whose low four bits are ones, and whether the handler
 * is found by the vector table. A level of false: it offers nothing. */
#define HART_CLIC_IDS 128u
#define HART_CLIC     HART_MSI_END
#define HART_CLIC_END (HART_CLIC + 32 * HART_CLIC_IDS)
#define HART_CLIC_OFFER(id, level, vectored)                                                                 \
    (HART_CLIC + (((vectored)*16u + ((level) >> 4)) * HART_CLIC_IDS + (id)))
void hart_set_irq(struct hart *hart, unsigned bit, bool level);
/* Called on the hart's thread when it takes what the controller of its CLIC offers. Before the hart runs. */
typedef void hart_clic_taken_fn(void *opaque, unsigned id);
void hart_set_clic(struct hart *hart, hart_clic_taken_fn *taken, void *opaque);

/* mtime changed other than by the passing of time: compares it with stimecmp again. Any thread. */
void hart_time_changed(struct hart *hart);

enum hart_request {
    HART_REQUEST_STOP = 1 << 0,    /* hart_run() returns; stays set until hart_clear_stop() */
    HART_REQUEST_FENCE_I = 1 << 1, /* memory that may hold decoded code was written by a device */
    HART_REQUEST_IRQ = 1 << 2,     /* internal: interrupts may have become pending */
    HART_REQUEST_FLUSH = 1 << 3,   /* drop all cached translations */
    HART_REQUEST_ACCEL = 1 << 4,   /* the translator wants the hart's attention */
    HART_REQUEST_DEBUG = 1 << 5,   /* internal: a debugger's step or stop (debug.c) */
};
/* Internal: instructions or blocks are traced (trace.h); stays set. */
#define HART_REQUEST_TRACE (1u << 7)
/* A profiler needs a sample. */
#define HART_REQUEST_SAMPLE (1u << 6)
/* Internal: stores to code (code_watch.h). */
#define HART_REQUEST_WATCH (1u << 8)
/* hart_run_until() returns HART_ASKED. */
#define HART_REQUEST_RETURN (1u << 9)
/* Internal: the hart runs to a limit (hart_turn.c); stays set. */
#define HART_REQUEST_LIMIT (1u << 10)
/* Makes the hart serve the requests soon, even if it waits in wfi. Any thread. */
void hart_request(struct hart *hart, unsigned requests);
void hart_clear_stop(struct hart *hart);
/* The categories of -d have changed. Any thread. */
void hart_trace_changed(struct hart *hart);

/* Executes instructions until it sees HART_REQUEST_STOP or a debugger stops the hart (debug.h). Call it on
 * the hart's own thread. */
void hart_run(struct hart *hart);

enum hart_end {
    HART_STOPPED, /* as hart_run() */
    HART_AT_LIMIT,
    HART_WAITS,  /* in wfi, until hart_is_idle() is false */
    HART_PAUSES, /* the guest waits for another hart (Zihintpause, Zawrs) */
    HART_ASKED,  /* HART_REQUEST_RETURN */
    HART_TRAPS,  /* its handler's first instruction traps, and nothing but an interrupt can change this */
};
/* For a hart whose configuration is `exact`: runs it until hart_instructions() is `limit`, exactly, or until
 * it ends for another reason. It does not wait. All harts of a machine may run on one thread in this way, one
 * after the other. What the guest does depends on the instants (in instructions) at which interrupts are
 * raised between two calls, and on nothing else. */
enum hart_end hart_run_until(struct hart *hart, uint64_t limit);
/* The hart waits in wfi, and would go on waiting; it may have a request to serve. Between two calls of
 * hart_run_until(). */
bool hart_is_idle(const struct hart *hart);
/* HART_REQUEST_STOP was asked for. Any thread. */
bool hart_must_stop(const struct hart *hart);
/* An idle hart has a request to serve, for which hart_run_until() executes no instruction. */
bool hart_only_serves(const struct hart *hart);
/* Sleeps until one of the harts is not idle, or until that time of the host's clock (host_now_ns();
 * UINT64_MAX: without end). True: the time is over. harts[0] is the hart 0 of hart_share_sleep(). */
bool hart_sleep_until(struct hart *const *harts, unsigned count, uint64_t host_ns);
/* The harts of a machine that run in turn: requests to `hart` end a sleep of `first`, too, and a `pause` of
 * one gives way to the others. For each hart, before it first runs. */
void hart_share_sleep(struct hart *hart, struct hart *first);

/* Executes one instruction, or takes one trap or pending interrupt, on the calling thread, while no thread is
 * in hart_run(). wfi ends at once. */
void hart_step(struct hart *hart);

/* Receives the samples that HART_REQUEST_SAMPLE asks for, on the hart's thread between blocks; set it before
 * the hart first runs. */
struct hart_sampler {
    void (*sample)(struct hart_sampler *sampler, struct hart *hart);
};
void hart_set_sampler(struct hart *hart, struct hart_sampler *sampler);

/* Why the hart has no windows although it was to have them (static text); NULL otherwise. */
const char *hart_windows_refused(const struct hart *hart);
unsigned hart_id(const struct hart *hart);
uint64_t hart_pc(const struct hart *hart);
/* Retired instructions since the hart was made (not minstret: no guest can write it). Any thread; the
 * reading may be some blocks old. */
uint64_t hart_instructions(const struct hart *hart);
/* Whether the hart waits in wfi, or did a moment ago. Any thread. */
bool hart_sleeps(const struct hart *hart);

void hart_save(struct hart *hart, struct state_writer *writer);
bool hart_load(struct hart *hart, struct state_reader *reader);

#endif
