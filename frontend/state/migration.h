/* SPDX-License-Identifier: MIT
 *
 * Saving the machine while the program runs, and loading one: QEMU's migrate and -incoming. The machine is
 * stopped, copied and (elsewhere) continued; if it goes to another process at once (unix:, tcp:), most of it
 * is copied while it runs. One thread does the copying; all functions may be called by any thread except that
 * one.
 *
 * -suspend is here, too: the machine is saved when the user quits, and loaded at the next start.
 */
#ifndef FRONTEND_STATE_MIGRATION_H
#define FRONTEND_STATE_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/options/options.h"
#include "machine/machine.h"

struct migration;

enum migration_status {
    MIGRATION_NONE,
    MIGRATION_SETUP,
    MIGRATION_ACTIVE,
    MIGRATION_CANCELLING,
    MIGRATION_COMPLETED,
    MIGRATION_FAILED,
    MIGRATION_CANCELLED,
};
/* QEMU's name: "active". */
const char *migration_status_name(enum migration_status status);

struct migration_info {
    enum migration_status status;
    bool incoming;               /* it is loaded, not saved */
    uint64_t memory, remaining;  /* bytes of guest memory, and how many are still to be done */
    uint64_t transferred;        /* bytes written */
    uint64_t pages, zeroes;      /* pages written, pages of zeroes */
    uint64_t setup_ms, total_ms; /* until the machine was stopped; until now, or until the end */
    uint64_t downtime_ms;        /* how long the machine stood still */
    uint64_t rounds;             /* how often memory was, or is, sent; at least 1 */
    struct error error;          /* why it failed */
};

/* Does the command line ask to load a machine? For machine_config.incoming. */
bool migration_loads(const struct options *options);
/* Opens what -incoming or -suspend reads, so to be called before the sandbox is entered. NULL, with *error
 * filled, on failure. */
struct migration *migration_create(const struct options *options, struct machine *machine,
                                   struct error *error);
/* Starts to load what -incoming or -suspend names. In the sandbox, before machine_run(). */
bool migration_begin(struct migration *migration, struct error *error);
/* After machine_run(): cancels what is under way, and with -suspend saves the machine if the user quit.
 * False, with *error filled, if that fails. */
bool migration_end(struct migration *migration, struct error *error);
void migration_destroy(struct migration *migration);

/* What bounds a machine that is sent while it runs: for how long it may stand still, in milliseconds, and how
 * many bytes a second are sent before that (0: any). Also while it is under way. */
struct migration_limits {
    uint64_t downtime_ms, bandwidth;
};
struct migration_limits migration_get_limits(struct migration *migration);
void migration_set_limits(struct migration *migration, struct migration_limits limits);

/* Called when the status changes, and with MIGRATION_ACTIVE and the number of a round when that begins (the
 * first is 1; else it is 0), on any thread; it must not wait. To be set once, before migration_begin(). */
typedef void migration_listener_fn(void *opaque, enum migration_status status, uint64_t round);
void migration_listen(struct migration *migration, migration_listener_fn *listener, void *opaque);

/* Begins to save the machine. False, with *error filled, if it cannot even begin. `wait`: returns when it is
 * done, and false if it failed; not while the caller holds the machine. */
bool migration_start(struct migration *migration, const char *uri, bool wait, struct error *error);
/* Begins to load one, with -incoming defer. */
bool migration_start_incoming(struct migration *migration, const char *uri, struct error *error);
/* Whether the guest's memory is left out if it is a file that is shared (machine_save_beside()). */
void migration_ignore_shared(struct migration *migration, bool ignore);
bool migration_ignores_shared(struct migration *migration);
/* Ends saving, if it is under way; the machine goes on. */
void migration_cancel(struct migration *migration);
struct migration_info migration_get_info(struct migration *migration);

#endif
