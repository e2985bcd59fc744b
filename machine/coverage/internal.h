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

/* Whose addresses: of M- and S-mode; physical pages that code ran from; and from here on, of user
 * programs. */
enum { COVERAGE_PRIVILEGED, COVERAGE_PHYSICAL, COVERAGE_PROGRAMS };

struct coverage_page {
    uint64_t number; /* address / 4096 */
    unsigned space;
    uint64_t starts[32], bytes[32]; /* bits by address / 2: an instruction begins; it was executed */
};

/* All zero: empty. Not locked. */
struct coverage_set {
    struct coverage_page **slots; /* open addressing; a power of two of them, at most half in use */
    size_t slot_count, count;
    bool sorted;   /* the pages are at the beginning, by space and number, and cannot be searched by hash */
    uint64_t lost; /* instructions that found no room */
};

void coverage_set_free(struct coverage_set *set);
/* An instruction of 2 or 4 bytes at an even address; addresses wrap. */
void coverage_set_add(struct coverage_set *set, unsigned space, uint64_t addr, unsigned length);
/* Puts the pages in order: set->slots[0 .. set->count). Until the next addition. */
void coverage_set_sort(struct coverage_set *set);
/* Of a sorted set: whether an instruction begins in [addr, addr + size). */
bool coverage_set_any(const struct coverage_set *set, unsigned space, uint64_t addr, uint64_t size);

/* ---- ELF files (elf.c) --------------------------------------------------------------------------------- */

/* Executable; as far as it is in the file. */
struct coverage_segment {
    uint64_t vaddr, paddr, size;
    const uint8_t *bytes;
};

struct coverage_row { /* the instructions in [addr, addr + size) are made from a line */
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

/* Names of source files; all ELF files share one list. */
struct coverage_names {
    char **names;
    uint32_t *slots; /* number + 1 by hash */
    size_t count, slot_count;
};

/* Reads the segments; *is_elf false: it is something else. */
bool coverage_elf_read(struct coverage_elf *elf, const char *path, uint64_t base, bool *is_elf,
                       struct error *error);
/* Reads the line numbers by the program; there may be none. */
bool coverage_elf_lines(struct coverage_elf *elf, struct coverage_names *names, uint64_t base,
                        const char *program, struct error *error);
void coverage_elf_free(struct coverage_elf *elf);
void coverage_names_free(struct coverage_names *names);
/* The segment that has [addr, addr + size) whole, by virtual address; NULL: none. */
const struct coverage_segment *coverage_segment_at(const struct coverage_elf *elf, uint64_t addr,
                                                   uint64_t size);

/* ---- Files (write.c) ----------------------------------------------------------------------------------- */

struct coverage_view {
    const struct coverage_set *set; /* sorted */
    const struct coverage_elf *elfs;
    unsigned elf_count;
    const struct coverage_names *names;
};
/* False: out of memory. What the stream says of errors is the caller's. */
bool coverage_write_lcov(FILE *out, const struct coverage_view *view);
bool coverage_write_drcov(FILE *out, const struct coverage_view *view);

#endif
