/* SPDX-License-Identifier: MIT
 *
 * The small grammar of option arguments: KEY=VALUE lists, numbers, sizes, switches; and the search for a name
 * that is similar to a wrong one.
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
/* Returns a copy of `length` bytes; NULL: out of memory. */
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
/* Returns the last value of a key, NULL if there is none. */
const char *option_pairs_get(const struct option_pairs *pairs, const char *key);
/* The same, and removes the key from the list. */
const char *option_pairs_take(struct option_pairs *pairs, const char *key);

/* Parses a decimal number or 0x..., which must be the whole text. */
bool option_parse_number(const char *text, uint64_t *value);
/* Parses a size with suffix K, M, G or T; without suffix the unit is `unit` bytes. 1.5G has a fraction. */
bool option_parse_size(const char *text, uint64_t unit, uint64_t *bytes);
/* Parses on/off, true/false, yes/no, y/n; NULL (a key alone) is on. */
bool option_parse_switch(const char *text, bool *value);

/* Returns the name in the list (it ends with NULL) that is most similar to `name`; NULL if none is
 * similar. */
const char *option_nearest(const char *name, const char *const *names);

#endif
