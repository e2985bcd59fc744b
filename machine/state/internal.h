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
/* A line of a file's text, behind those: the guest's main memory is not in the file. */
#define DESCRIBE_BESIDE "ram beside\n"
/* Compares such a text of a file with this machine. False, with *error filled, names the first difference. */
bool describe_compare(struct machine *machine, const char *text, size_t length, bool *running,
                      struct error *error);
/* Whether such a text has the line DESCRIBE_BESIDE; false, with *error filled, if this machine has no memory
 * for it. */
bool describe_beside(struct machine *machine, const char *text, size_t length, bool *beside,
                     struct error *error);
/* The same for a recording (machine/timeline/); `plugs` is timeline_describe_plugs() of this machine. */
bool describe_compare_recording(struct machine *machine, const char *text, size_t length, unsigned version,
                                const char *plugs, struct error *error);

/* state.c: the parts that are neither memory nor the description, in the order in which they are loaded:
 * first the clock, and then, when memory is loaded, all others. */
unsigned machine_part_count(const struct machine *machine);
void machine_part_save(struct machine *machine, unsigned part, struct state_writer *writer);
bool machine_part_load(struct machine *machine, unsigned part, struct state_reader *reader);

#define MEMORY_PAGE   4096u
#define MEMORY_BITMAP (CONTAINER_CHUNK / MEMORY_PAGE / 8) /* bytes: a bit for each page of a chunk */

/* memory.c: *number becomes the number of the bus's next region from there that is RAM or ROM; false after
 * the last one. `beside`: without the guest's main memory, which is in a file of its own. */
bool memory_next_region(struct machine *machine, bool beside, unsigned *number, struct bus_region *region);
/* Of the `length` bytes at `host`, from `at` on: if they are part of a file, *data to *end (which is after
 * `at`) are the next bytes that it has, and what comes before them reads as zeroes; else all of them. */
void memory_find_data(struct machine *machine, const uint8_t *host, uint64_t length, uint64_t at,
                      uint64_t *data, uint64_t *end);
/* Is this memory part of a file that has nothing there? */
bool memory_is_hole(struct machine *machine, const uint8_t *host, uint64_t length);
/* Reads memory from the file that it is part of. Returns where the bytes are: in `to`; at `host` if it is no
 * file, or that fails. */
const uint8_t *memory_read(struct machine *machine, const uint8_t *host, uint64_t length, uint8_t *to);
bool memory_is_zero(const uint8_t *page);

/* RAM and ROM, without the pages that are all zeroes. */
bool memory_save(struct machine *machine, struct container_writer *writer, bool beside,
                 struct machine_state_progress *progress);
/* Chunks come in the order of their addresses; what lies between them is filled with zeroes. */
struct memory_loader {
    struct machine *machine;
    struct machine_state_progress *progress;
    bool beside;     /* the guest's main memory is there already */
    unsigned region; /* where the next chunk is expected */
    uint64_t offset;
};
/* Before the first one. */
void memory_load_begin(struct machine *machine);
bool memory_load(struct memory_loader *loader, const struct container_reader *chunk, struct error *error);
/* Puts a chunk's pages where they belong: `pages` at `host`, which is NULL if there is no such memory here.
 * The chunk's other pages become zeroes if it `clears`, or stay. False, with *error filled, if it is damaged.
 */
bool memory_unpack(const struct container_reader *chunk, uint8_t *host, unsigned pages, bool clears,
                   struct error *error);
/* There is no more chunk. */
void memory_load_end(struct memory_loader *loader);

/* rounds.c: memory while the machine runs. Each round sends the pages that have changed since they were last
 * sent; the first one, those that are not all zeroes. */
struct memory_rounds;
/* NULL, with *error filled: out of memory. */
struct memory_rounds *memory_rounds_create(struct machine *machine, struct error *error);
/* What a round took, in milliseconds: in all, without waiting for the bandwidth, and of the processor. */
struct memory_pace {
    uint64_t busy_ms, cpu_ms;
};
/* `bandwidth`: bytes a second at most; 0: as fast as possible. */
bool memory_round(struct memory_rounds *rounds, struct container_writer *writer,
                  struct machine_state_progress *progress, uint64_t bandwidth, struct memory_pace *pace);
void memory_rounds_destroy(struct memory_rounds *rounds);
/* Loads a section of such a round. */
bool memory_load_pages(struct machine *machine, const struct container_reader *chunk, struct error *error);

#endif
