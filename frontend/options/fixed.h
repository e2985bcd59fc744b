/* SPDX-License-Identifier: MIT
 *
 * Keys of QEMU that name what is always the same here: the table is fixed.def.
 */
#ifndef FRONTEND_OPTIONS_FIXED_H
#define FRONTEND_OPTIONS_FIXED_H

#include <stdio.h>

#include "frontend/options/text.h"
#include "util/error.h"

enum options_fixed { OPTIONS_FIXED_UNKNOWN, OPTIONS_FIXED_TAKEN, OPTIONS_FIXED_REFUSED };

/* Looks the pair up among the keys of `owner`: a flag, a model of devices or a group of them (fixed.def).
 * REFUSED: *error says why, beginning with `flag`. UNKNOWN: *error is unchanged. */
enum options_fixed options_take_fixed(const char *owner, const char *flag, const struct option_pair *pair,
                                      struct error *error);
/* Prints a line for each key of `owner`. */
void options_print_fixed(const char *owner, FILE *out);

#endif
