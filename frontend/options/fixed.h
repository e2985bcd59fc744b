/* SPDX-License-Identifier: MIT
 *
 * Keys of QEMU that name what is always the same here: the table is fixed.def.
 */
#ifndef FRONTEND_OPTIONS_FIXED_H
#define FRONTEND_OPTIONS_FIXED_H

#include <stddef.h>

#include "frontend/options/text.h"
#include "util/error.h"

enum options_fixed { OPTIONS_FIXED_UNKNOWN, OPTIONS_FIXED_TAKEN, OPTIONS_FIXED_REFUSED };

/* Looks the pair up among the keys of `owner`: a flag, a model of devices or a group of them (fixed.def).
 * REFUSED: *error says why, beginning with `flag`. UNKNOWN: *error is unchanged. */
enum options_fixed options_take_fixed(const char *owner, const char *flag, const struct option_pair *pair,
                                      struct error *error);
bool options_is_fixed(const char *owner, const char *key);
/* Returns the next key of `owner`, and what it takes, in *text; NULL: there are none. *at is 0 at first. */
const char *options_next_fixed(const char *owner, unsigned *at, char *text, size_t size);

#endif
