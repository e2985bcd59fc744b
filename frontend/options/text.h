/* SPDX-License-Identifier: MIT
 *
 * The small grammar of option arguments: KEY=VALUE lists, numbers, sizes, switches; and what a message says
 * of a name that is none.
 */
#ifndef FRONTEND_OPTIONS_TEXT_H
#define FRONTEND_OPTIONS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define OPTION_PAIRS_MAX 32

/* Strings that live as long as the options. */
struct option_strings {
    char **items;
    size_t count;
};
/* A copy of `length` bytes; NULL where memory is short. */
char *option_strings_add(struct option_strings *strings, const char *text, size_t length);
void option_strings_free(struct option_strings *strings);

/* "first,key=value,flag": a key without '=' has the value NULL. */
struct option_pair {
    const char *key, *value;
};
struct option_pairs {
    struct option_pair pairs[OPTION_PAIRS_MAX];
    unsigned count;
};
/* Splits at commas; ",," is a comma in a value. A first item without '=' gets the key `implied` and is its
 * value (implied NULL: it stays a key). */
bool option_pairs_split(struct option_pairs *pairs, struct option_strings *strings, const char *text,
                        const char *implied, struct error *error);
/* The last value of a key, NULL where there is none. */
const char *option_pairs_get(const struct option_pairs *pairs, const char *key);

/* Decimal or 0x..., the whole text. */
bool option_parse_number(const char *text, uint64_t *value);
/* A size with suffix K, M, G or T; without one in units of `unit` bytes. */
bool option_parse_size(const char *text, uint64_t unit, uint64_t *bytes);
/* on/off, true/false, yes/no, y/n; NULL (a key alone) is on. */
bool option_parse_switch(const char *text, bool *value);

/* The name of the list (it ends with NULL) that is nearest to `name`; NULL where none is near. */
const char *option_nearest(const char *name, const char *const *names);

#endif
