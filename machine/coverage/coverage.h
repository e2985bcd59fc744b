/* SPDX-License-Identifier: MIT
 *
 * Which guest code was executed (-coverage), written as lcov's tracefile or as DynamoRIO's drcov log. Harts
 * tell of code when they decode it (cpu/cover.h), so a guest runs about as fast as without; but the optimiser
 * is not used, since it translates paths that were not taken yet.
 *
 * Code is known by its virtual address. In M- and S-mode there is one set of addresses; an address in U-mode
 * means something only together with its program, so it counts for an ELF file that has the same bytes there.
 */
#ifndef MACHINE_COVERAGE_COVERAGE_H
#define MACHINE_COVERAGE_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define COVERAGE_ELF_MAX 16

enum coverage_format { COVERAGE_LCOV, COVERAGE_DRCOV };

/* Part of struct machine_config; strings are borrowed. */
struct coverage_config {
    const char *file; /* NULL: none */
    enum coverage_format format;
    struct {
        const char *path;
        uint64_t base;        /* added to its addresses: where a position-independent program runs */
    } elfs[COVERAGE_ELF_MAX]; /* beside -bios, -kernel and -device loader,file= */
    unsigned elf_count;
    const char *lines_program; /* which prints an ELF file's line numbers: frontend/lines.c */
};

struct machine;
struct coverage;

/* Reads the ELF files; after the harts were made. NULL, with *error filled. */
struct coverage *coverage_create(struct machine *machine, struct error *error);
/* Writes the file. While no hart runs; not from two threads at once. False, with *error filled. */
bool coverage_write(struct coverage *coverage, struct error *error);
/* Nothing was executed yet. While no hart runs. */
void coverage_reset(struct coverage *coverage);
/* Before the harts are destroyed. NULL is none. */
void coverage_destroy(struct coverage *coverage);

#endif
