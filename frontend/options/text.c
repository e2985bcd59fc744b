/* SPDX-License-Identifier: MIT
 *
 * The grammar of option arguments; see text.h.
 */
#include "frontend/options/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *option_strings_add(struct option_strings *strings, const char *text, size_t length)
{
    char **grown = realloc(strings->items, (strings->count + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    strings->items = grown;
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    grown[strings->count++] = copy;
    return copy;
}

void option_strings_free(struct option_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct option_strings){ 0 };
}

/* Copies one item with ",," as ','; *rest is the text after it, NULL at the end. */
static char *next_item(struct option_strings *strings, const char *text, const char **rest)
{
    char *item = option_strings_add(strings, text, strlen(text));
    if (!item)
        return NULL;
    char *out = item;
    *rest = NULL;
    for (const char *at = text; *at; at++) {
        if (*at == ',' && at[1] != ',') {
            *rest = at + 1;
            break;
        }
        at += *at == ',';
        *out++ = *at;
    }
    *out = '\0';
    return item;
}

bool option_pairs_split(struct option_pairs *pairs, struct option_strings *strings, const char *text,
                        const char *implied, struct error *error)
{
    pairs->count = 0;
    for (const char *at = text; at && *at;) {
        if (pairs->count == OPTION_PAIRS_MAX)
            return error_set(error, "%s: more than %d values", text, OPTION_PAIRS_MAX);
        char *item = next_item(strings, at, &at);
        if (!item)
            return error_set(error, "out of memory for the options");
        char *equals = strchr(item, '=');
        struct option_pair *pair = &pairs->pairs[pairs->count];
        if (equals) {
            *equals = '\0';
            *pair = (struct option_pair){ item, equals + 1 };
        } else if (implied && pairs->count == 0) {
            *pair = (struct option_pair){ implied, item };
        } else {
            *pair = (struct option_pair){ item, NULL };
        }
        pairs->count++;
    }
    return true;
}

const char *option_pairs_get(const struct option_pairs *pairs, const char *key)
{
    for (unsigned i = pairs->count; i-- > 0;) {
        if (strcmp(pairs->pairs[i].key, key) == 0)
            return pairs->pairs[i].value ? pairs->pairs[i].value : "";
    }
    return NULL;
}

const char *option_pairs_take(struct option_pairs *pairs, const char *key)
{
    const char *value = option_pairs_get(pairs, key);
    unsigned rest = 0;
    for (unsigned n = 0; n < pairs->count; n++)
        if (strcmp(pairs->pairs[n].key, key) != 0)
            pairs->pairs[rest++] = pairs->pairs[n];
    pairs->count = rest;
    return value;
}

bool option_parse_number(const char *text, uint64_t *value)
{
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return errno == 0 && *end == '\0';
}

/* Reads the digits after a decimal point at *text; the sum of their values is *part / *whole. Digits beyond
 * the ninth are too small to matter. False: there is no digit. */
static bool parse_decimals(const char **text, uint64_t *part, uint64_t *whole)
{
    const char *first = *text;
    *part = 0;
    *whole = 1;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        if (*text - first >= 9)
            continue;
        *part = *part * 10 + (uint64_t)(**text - '0');
        *whole *= 10;
    }
    return *text > first;
}

bool option_parse_size(const char *text, uint64_t unit, uint64_t *bytes)
{
    static const char suffixes[] = "bBkKmMgGtT";
    char *stop;
    uint64_t part = 0, whole = 1;
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t value = strtoull(text, &stop, 10);
    const char *end = stop;
    if (*end == '.' && (end++, !parse_decimals(&end, &part, &whole)))
        return false;
    if (*end) {
        const char *suffix = strchr(suffixes, *end);
        if (!suffix || end[1])
            return false;
        unit = UINT64_C(1) << (10 * ((unsigned)(suffix - suffixes) / 2));
    }
    if (whole > 1 && !*end) /* as on QEMU: half of what? */
        return false;
    uint64_t fraction = (uint64_t)((unsigned __int128)part * unit / whole);
    return errno == 0 && !__builtin_mul_overflow(value, unit, bytes) &&
           !__builtin_add_overflow(*bytes, fraction, bytes);
}

bool option_parse_switch(const char *text, bool *value)
{
    static const char *const on[] = { "on", "true", "yes", "y" }, *const off[] = { "off", "false", "no",
                                                                                   "n" };
    *value = !text;
    for (unsigned i = 0; text && i < sizeof(on) / sizeof(on[0]); i++) {
        if (strcmp(text, on[i]) == 0) {
            *value = true;
            return true;
        }
        if (strcmp(text, off[i]) == 0)
            return true;
    }
    return !text;
}

/* ---- Names that are nearly right ----------------------------------------------------------------------- */

#define NAME_MAX_LENGTH 31

/* Levenshtein's distance, one row at a time. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH)
        return UINT32_MAX;
    for (unsigned j = 0; j <= b_length; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

const char *option_nearest(const char *name, const char *const *names)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)strlen(name) / 3 + 2; /* a name that differs more is another word */
    for (; *names; names++) {
        unsigned d = distance(name, *names);
        if (d < best) {
            best = d;
            nearest = *names;
        }
    }
    return nearest;
}
