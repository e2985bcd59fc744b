/* SPDX-License-Identifier: MIT
 *
 * Saving a whole machine to a descriptor, and loading it into a machine that was made from the same command
 * line (docs/snapshots.md). The machine stands still meanwhile: save and load are called between
 * machine_freeze() and machine_thaw() (machine/machine.h), on any thread on which no hart waits.
 */
#ifndef MACHINE_STATE_STATE_H
#define MACHINE_STATE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct machine;

/* How far it is. Any thread may read it, and set `cancel`. */
struct machine_state_progress {
    _Atomic uint64_t memory;        /* bytes of guest memory in all */
    _Atomic uint64_t done;          /* bytes of it that were looked at (in this round) */
    _Atomic uint64_t rounds;        /* that have begun; 0: memory is copied while the machine stands still */
    _Atomic uint64_t pages, zeroes; /* pages written, and pages of zeroes, which are not */
    _Atomic uint64_t written;       /* bytes that went to the descriptor */
    atomic_bool cancel;
};

/* Where a machine goes to, or comes from, that has no descriptor. Each call transfers all of the bytes, which
 * follow those of the last call; 0 or a negative errno. */
struct machine_state_stream {
    int (*write)(void *opaque, const void *bytes, size_t length);
    int (*read)(void *opaque, void *bytes, size_t length);
    void *opaque;
};

/* Writes the machine. `running`: whether it is to run when it is loaded. The disks' images are flushed before
 * it returns. False, with *error filled, on failure; the machine is as before in any case. */
bool machine_save(struct machine *machine, int fd, bool running, struct machine_state_progress *progress,
                  struct error *error);
bool machine_save_to(struct machine *machine, const struct machine_state_stream *stream, bool running,
                     struct machine_state_progress *progress, struct error *error);
/* How a machine is saved that runs meanwhile. The two numbers may be changed while it is. */
struct machine_live {
    _Atomic uint64_t downtime_ms; /* how long it may stand still at the end */
    _Atomic uint64_t bandwidth;   /* bytes a second while it runs; 0: as fast as possible */
    /* Called before a round, and before the machine must stand still for the last one: freezes it as
     * machine_freeze() does. */
    void (*begin_round)(void *opaque);
    bool (*freeze)(void *opaque, bool *running, struct error *error);
    void *opaque;
};
/* As machine_save(), but called while the machine runs: its memory is sent in rounds until what is left is so
 * little that the machine stands still for `downtime_ms`, by what the last round took. */
bool machine_save_live(struct machine *machine, int fd, struct machine_live *live,
                       struct machine_state_progress *progress, struct error *error);
/* The same without the guest's memory, which must be in a file that it shares (config.memory): a machine that
 * has a private copy of that file can load it. QEMU's x-ignore-shared. */
bool machine_save_beside(struct machine *machine, int fd, bool running,
                         struct machine_state_progress *progress, struct error *error);
/* Reads a machine. *running: whether the saved one ran. False, with *error filled, if the file is damaged, or
 * is of another machine; the message names what differs. The machine must not run then, as some of its parts
 * may be loaded and others not. */
bool machine_load(struct machine *machine, int fd, struct machine_state_progress *progress, bool *running,
                  struct error *error);
bool machine_load_from(struct machine *machine, const struct machine_state_stream *stream,
                       struct machine_state_progress *progress, bool *running, struct error *error);
/* Reads only the description, and says whether the machine fits it; nothing is loaded. */
bool machine_load_fits(struct machine *machine, const struct machine_state_stream *stream,
                       struct error *error);

#endif
