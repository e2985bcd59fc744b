/* SPDX-License-Identifier: MIT
 *
 * What the files of machine/state/ share.
 */
#ifndef MACHINE_STATE_INTERNAL_H
#define MACHINE_STATE_INTERNAL_H

#include "machine/internal.h"
#include "machine/state/container.h"
#include "machine/state/state.h"

/* describe.c: the machine as text, one "key value" a line, as far as a saved state must be of the same one.
 * The caller frees it; NULL: out of memory. */
char *describe_machine(struct machine *machine, bool running);
/* Compares such a text of a file with this machine. False, with *error filled, names the first difference. */
bool describe_compare(struct machine *machine, const char *text, size_t length, bool *running,
                      struct error *error);
/* The same for a recording (machine/timeline/); `plugs` is timeline_describe_plugs() of this machine. */
bool describe_compare_recording(struct machine *machine, const char *text, size_t length, unsigned version,
                                const char *plugs, struct error *error);

/* memory.c: RAM and ROM, without the pages that are all zeroes. */
bool memory_save(struct machine *machine, struct container_writer *writer,
                 struct machine_state_progress *progress);
/* Chunks come in the order of their addresses; what lies between them is filled with zeroes. */
struct memory_loader {
    struct machine *machine;
    struct machine_state_progress *progress;
    unsigned region; /* where the next chunk is expected */
    uint64_t offset;
};
bool memory_load(struct memory_loader *loader, const struct container_reader *chunk, struct error *error);
/* There is no more chunk. */
void memory_load_end(struct memory_loader *loader);

#endif
