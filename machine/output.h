/* SPDX-License-Identifier: MIT
 *
 * A file that is written at the end of a run (-profile, -coverage). Whether it can be written is known at the
 * start, and its old contents are kept until it is written. For the main thread, except output_start(), which
 * is for the thread that writes.
 */
#ifndef MACHINE_OUTPUT_H
#define MACHINE_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "util/error.h"

struct output {
    const char *flag, *path; /* borrowed */
    int fd;                  /* -1: not open */
};

/* Makes the file if there is none, and opens it; its contents are kept. A pipe without a reader and a folder
 * are errors. `flag` is for messages: "-profile". */
bool output_open(struct output *output, const char *flag, const char *path, struct error *error);
/* Fails if the file is also `input`, one of the files that the guest is made of: it would be overwritten. */
bool output_check(const struct output *output, const char *input, struct error *error);
/* Empties the file for writing. NULL and *error on failure. To be ended with output_end(). */
FILE *output_start(const struct output *output, struct error *error);
/* Closes the file; false and *error if not all of it has been written. */
bool output_end(const struct output *output, FILE *file, struct error *error);
void output_close(struct output *output);

#endif
