/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the profiler.
 */
#ifndef MACHINE_PROFILE_INTERNAL_H
#define MACHINE_PROFILE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cpu/hart.h"

#define PROFILE_DEPTH 48u /* frames of a stack */

/* Stores guest pcs, the innermost first, as the hart's state shows them. Returns how many there are, at least
 * one. To be called on the hart's thread, between blocks. */
unsigned profile_unwind(struct hart *hart, uint64_t frames[PROFILE_DEPTH]);

/* A named stack, "outermost;...;innermost", and how often it was seen. */
struct profile_stack {
    char *text;
    uint64_t count;
};
/* Writes the picture. The stacks are sorted by text. */
void profile_write_svg(FILE *out, const struct profile_stack *stacks, size_t count, uint64_t total);

#endif
