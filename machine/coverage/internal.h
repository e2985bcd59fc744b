/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of -coverage.
 */
#ifndef MACHINE_COVERAGE_INTERNAL_H
#define MACHINE_COVERAGE_INTERNAL_H

#include <stddef.h>
#include <stdio.h>

#include "machine/coverage/coverage.h"

/* ---- Sets of addresses (set.c) ------------------------------------------------------------------------- */

/* The space that an address belongs to: M- and S-mode; physical pages from which code was executed; from
 * PROGRAMS on, one for each user program. */
enum { COVERAGE_PRIVILEGED, COVERAGE_PHYSICAL, COVERAGE_PROGRAMS };

struct coverage_page {
    uint64_t number; /* address / 4096 */
    unsigned space;
    /* A bit for each address / 2: an instruction begins there; it was executed. */
    uint64_t starts[32], bytes[32];
};

/* All zero: empty. It has no lock. */
struct coverage_set {
    struct coverage_page **slots; /* open addressing; a power of two of them, at most half in use */
    size_t slot_count, count;
    bool sorted;   /* the pages are in order at the beginning of `slots`, and cannot be found by hash */
    uint64_t lost; /* instructions for which there was no room */
};

void coverage_set_free(struct coverage_set *set);
/* Adds an instruction of 2 or 4 bytes at an even address; addresses wrap. */
void coverage_set_add(struct coverage_set *set, unsigned space, uint64_t addr, unsigned length);
/* Sorts the pages by space and number: set->slots[0 .. set->count). This holds until the next addition. */
void coverage_set_sort(struct coverage_set *set);
/* In a sorted set: does an instruction begin in [addr, addr + size)? */
bool coverage_set_any(const struct coverage_set *set, unsigned space, uint64_t addr, uint64_t size);

/* ---- ELF files (elf.c) --------------------------------------------------------------------------------- */

/* An executable segment, as far as it is in the file. */
struct coverage_segment {
    uint64_t vaddr, paddr, size;
    const uint8_t *bytes;
};

struct coverage_row { /* a line of source that [addr, addr + size) was compiled from */
    uint64_t addr;
    uint32_t size, file, line;
};
struct coverage_function {
    uint64_t addr;
    uint32_t file, line;
    char *name;
};

struct coverage_elf {
    char *path;
    uint8_t *bytes;
    uint64_t low, high, entry; /* of all its segments */
    struct coverage_segment *segments;
    unsigned segment_count;
    struct coverage_row *rows;
    size_t row_count, row_capacity;
    struct coverage_function *functions;
    size_t function_count, function_capacity;
};

/* Names of source files. All ELF files share one list. */
struct coverage_names {
    char **names;
    uint32_t *slots; /* number + 1, found by hash */
    size_t count, slot_count;
};

/* Reads the segments; *is_elf false: it is something else. */
bool coverage_elf_read(struct coverage_elf *elf, const char *path, uint64_t base, bool *is_elf,
                       struct error *error);
/* Reads the line numbers with the program; there may be none. */
bool coverage_elf_lines(struct coverage_elf *elf, struct coverage_names *names, uint64_t base,
                        const char *program, struct error *error);
void coverage_elf_free(struct coverage_elf *elf);
void coverage_names_free(struct coverage_names *names);
/* Returns the segment that contains all of [addr, addr + size), by virtual address; NULL: none. */
const struct coverage_segment *coverage_segment_at(const struct coverage_elf *elf, uint64_t addr,
                                                   uint64_t size);

/* ---- Files (write.c) ----------------------------------------------------------------------------------- */

struct coverage_view {
    const struct coverage_set *set; /* sorted */
    const struct coverage_elf *elfs;
    unsigned elf_count;
    const struct coverage_names *names;
};
/* False: out of memory. The caller checks the stream for errors. */
bool coverage_write_lcov(FILE *out, const struct coverage_view *view);
bool coverage_write_drcov(FILE *out, const struct coverage_view *view);

#endif
