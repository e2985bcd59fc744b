/* SPDX-License-Identifier: MIT
 *
 * Which guest code was executed (-coverage), written as lcov's tracefile or as DynamoRIO's drcov log. Harts
 * report code when they decode it (cpu/cover.h), so a guest runs about as fast as without. But the optimiser
 * is not used, since it translates paths that were not executed yet.
 *
 * Code is identified by its virtual address. In M- and S-mode there is one set of addresses. An address in
 * U-mode has a meaning only together with its program, so it counts for the ELF file that has the same bytes
 * there.
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
    } elfs[COVERAGE_ELF_MAX]; /* in addition to -bios, -kernel and -device loader,file= */
    unsigned elf_count;
    const char *lines_program; /* the program that prints an ELF file's line numbers: frontend/lines.c */
};

struct machine;
struct coverage;

/* Reads the ELF files. To be called after the harts were made. NULL, with *error filled, on failure. */
struct coverage *coverage_create(struct machine *machine, struct error *error);
/* Writes the file. To be called while no hart runs, and not from two threads at once. False, with *error
 * filled, on failure. */
bool coverage_write(struct coverage *coverage, struct error *error);
/* Forgets what was executed. To be called while no hart runs. */
void coverage_reset(struct coverage *coverage);
/* To be called before the harts are destroyed. NULL is ignored. */
void coverage_destroy(struct coverage *coverage);

#endif
