/* SPDX-License-Identifier: MIT
 *
 * A sampling profiler of guest code (-profile): some hundred times a second each hart records its pc and its
 * callers. At the end of each boot the addresses get names. At the end of the run two files are written:
 * folded stacks (one a line, with its count), and a flame graph of them as SVG.
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

/* Starts sampling. To be called after the harts were made. NULL, with *error filled, on failure. */
struct profile *profile_create(struct machine *machine, struct error *error);
/* To be called when a boot has ended and no hart runs: names what was sampled, while guest memory is still
 * there. NULL is ignored. */
void profile_boot_ended(struct profile *profile);
/* Ends the sampling and writes the files. To be called once, after the last boot has ended. False and *error
 * if that fails. NULL is ignored. */
bool profile_write(struct profile *profile, struct error *error);
/* To be called before the harts are destroyed. NULL is ignored. */
void profile_destroy(struct profile *profile);

#endif
