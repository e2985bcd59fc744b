/* SPDX-License-Identifier: MIT
 *
 * Keys of QEMU that name what is always the same here (fixed.def): a value that asks for what there is anyway
 * is accepted, any other is an error that says why.
 */
#include "frontend/options/fixed.h"

#include <stdio.h>
#include <string.h>

#include "frontend/options/text.h"

struct fixed {
    const char *owner, *key, *values, *why;
};
static const struct fixed rows[] = {
#define FIXED(owner, key, values, why) { owner, key, values, why },
#include "frontend/options/fixed.def"
#undef FIXED
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Returns whether both say the same, as switches, as numbers or as texts. */
static bool is_same(const char *value, const char *allowed)
{
    uint64_t number, other;
    bool on, wanted;
    if (strcmp(value, allowed) == 0)
        return true;
    if (option_parse_number(allowed, &other))
        return option_parse_number(value, &number) && number == other;
    return option_parse_switch(allowed, &wanted) && option_parse_switch(value, &on) && on == wanted;
}

static bool is_allowed(const struct fixed *row, const char *value)
{
    char allowed[64];
    if (strcmp(row->values, "*") == 0)
        return true;
    for (const char *at = row->values;; at++) {
        size_t length = strcspn(at, "|");
        snprintf(allowed, sizeof(allowed), "%.*s", (int)length, at);
        if (is_same(value, allowed))
            return true;
        at += length;
        if (!*at)
            return false;
    }
}

enum options_fixed options_take_fixed(const char *owner, const char *flag, const struct option_pair *pair,
                                      struct error *error)
{
    const char *value = pair->value ? pair->value : "on";
    for (size_t n = 0; n < ROWS; n++) {
        const struct fixed *row = &rows[n];
        if (strcmp(row->owner, owner) != 0 || strcmp(row->key, pair->key) != 0)
            continue;
        if (is_allowed(row, value))
            return OPTIONS_FIXED_TAKEN;
        error_set(error, "%s%c%s=%.100s: this version has only %s=%s: %s", flag,
                  strchr(flag, ' ') ? ',' : ' ', row->key, value, row->key, row->values, row->why);
        return OPTIONS_FIXED_REFUSED;
    }
    return OPTIONS_FIXED_UNKNOWN;
}

bool options_is_fixed(const char *owner, const char *key)
{
    for (size_t n = 0; n < ROWS; n++)
        if (strcmp(rows[n].owner, owner) == 0 && strcmp(rows[n].key, key) == 0)
            return true;
    return false;
}

const char *options_next_fixed(const char *owner, unsigned *at, char *text, size_t size)
{
    while (*at < ROWS) {
        const struct fixed *row = &rows[(*at)++];
        if (strcmp(row->owner, owner) != 0)
            continue;
        snprintf(text, size, "only %s: %s", strcmp(row->values, "*") == 0 ? "accepted" : row->values,
                 row->why);
        return row->key;
    }
    return NULL;
}
