/* SPDX-License-Identifier: MIT
 *
 * A sampling profiler of guest code (-profile): some hundred times a second each hart notes its pc and its
 * callers. At the end of each boot they get names, and at the end two files are written: folded stacks (a
 * line a stack, with its count), and a flame graph of them as SVG.
 */
#ifndef MACHINE_PROFILE_PROFILE_H
#define MACHINE_PROFILE_PROFILE_H

#include <stdbool.h>

#include "util/error.h"

#define PROFILE_HZ_DEFAULT   400u
#define PROFILE_HZ_MAX       10000u
#define PROFILE_SYMBOL_FILES 8

/* Part of struct machine_config; strings are borrowed. */
struct profile_config {
    const char *file; /* of the folded stacks; the picture is FILE.svg. NULL: no profile */
    unsigned hz;      /* samples a second; 0: PROFILE_HZ_DEFAULT */
    const char *symbols[PROFILE_SYMBOL_FILES]; /* more ELF files to take names from */
    unsigned symbol_count;
};

struct machine;
struct profile;

/* Starts sampling; after the harts were made. NULL, with *error filled. */
struct profile *profile_create(struct machine *machine, struct error *error);
/* A boot has ended: names what was sampled, while guest memory is still there. No hart runs. NULL is none. */
void profile_boot_ended(struct profile *profile);
/* Ends the sampling and writes the files; once, after the last boot has ended. False and *error where that
 * fails. NULL is none. */
bool profile_write(struct profile *profile, struct error *error);
/* Before the harts are destroyed. NULL is none. */
void profile_destroy(struct profile *profile);

#endif
