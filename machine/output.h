/* SPDX-License-Identifier: MIT
 *
 * A file that is written at the end of a run (-profile, -coverage): whether that can be done is known at the
 * start, and nothing is lost before it is. Main thread, but for output_start(), which is for who writes.
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

/* Makes the file, if there is none, and opens it; what is in it stays. A pipe without a reader and a folder
 * are errors. `flag` is for messages: "-profile". */
bool output_open(struct output *output, const char *flag, const char *path, struct error *error);
/* The file must be none of those that the guest is made of: what is read would be written over. */
bool output_check(const struct output *output, const char *input, struct error *error);
/* Empties it for writing. NULL and *error. Then output_end(). */
FILE *output_start(const struct output *output, struct error *error);
/* Closes it; false and *error where not all of it has been written. */
bool output_end(const struct output *output, FILE *file, struct error *error);
void output_close(struct output *output);

#endif
