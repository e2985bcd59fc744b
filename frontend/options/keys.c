/* SPDX-License-Identifier: MIT
 *
 * The keys of -device, as the models and buses describe them (devices/model.h). Values are checked and stored
 * here, and the messages and the help are made from the same descriptions. A message names the device as the
 * user wrote it.
 */
#include "frontend/options/keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "devices/pci/pci.h"
#include "frontend/options/fixed.h"

/* ---- Values -------------------------------------------------------------------------------------------- */

void options_describe_key(const struct device_key *key, char *text, size_t size)
{
    switch (key->type) {
    case DEVICE_KEY_TEXT: snprintf(text, size, "a text"); return;
    case DEVICE_KEY_BACKEND: snprintf(text, size, "an id"); return;
    case DEVICE_KEY_NUMBER:
        snprintf(text, size, "a number from %" PRIu64 " to %" PRIu64, key->least, key->most);
        return;
    case DEVICE_KEY_POWER:
        snprintf(text, size, "a power of two from %" PRIu64 " to %" PRIu64, key->least, key->most);
        return;
    case DEVICE_KEY_ORDER:
        if (key->most)
            snprintf(text, size, "a number from 0 to %" PRIu64, key->most);
        else
            snprintf(text, size, "a number from 0 to %d; the lowest is first", INT32_MAX);
        return;
    case DEVICE_KEY_FEATURE:
    case DEVICE_KEY_SWITCH: snprintf(text, size, "on, off"); return;
    case DEVICE_KEY_IGNORED: snprintf(text, size, "anything"); return;
    case DEVICE_KEY_AUTO: snprintf(text, size, "on, off, auto"); return;
    case DEVICE_KEY_CHOICE:
        *text = '\0';
        for (const char *const *choice = key->choices; *choice; choice++) {
            size_t length = strlen(text);
            snprintf(text + length, size - length, "%s%s", length ? ", " : "", *choice);
        }
        return;
    case DEVICE_KEY_MAC: snprintf(text, size, "a card's address, such as 52:54:00:12:34:56"); return;
    case DEVICE_KEY_OFF: snprintf(text, size, "off"); return;
    case DEVICE_KEY_EMPTY: snprintf(text, size, "nothing"); return;
    case DEVICE_KEY_SLOT:
        snprintf(text, size, OPTIONS_SLOT_PREFIX "0 to " OPTIONS_SLOT_PREFIX "%d",
                 MACHINE_VIRTIO_SLOTS_MAX - 1);
        return;
    case DEVICE_KEY_PCI_BUS: snprintf(text, size, OPTIONS_PCI_BUS ", or the id of a pcie-root-port"); return;
    case DEVICE_KEY_PCI_PLACE:
        snprintf(text, size, "SLOT or SLOT.FUNCTION, hexadecimal, with SLOT up to %x, FUNCTION up to %x",
                 PCI_SLOTS - 1, PCI_FUNCTIONS - 1);
        return;
    }
}

static void store_number(const struct device_key *key, void *at, uint64_t number)
{
    uint32_t narrow = (uint32_t)number;
    memcpy(at, key->size == sizeof(number) ? (void *)&number : (void *)&narrow, key->size);
}

static bool take_number(const struct device_key *key, const char *value, void *at)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number < key->least || number > key->most ||
        (key->type == DEVICE_KEY_POWER && number & (number - 1)))
        return false;
    store_number(key, at, number);
    return true;
}

static bool take_choice(const struct device_key *key, const char *value, void *at)
{
    for (uint32_t n = 0; value && key->choices[n]; n++) {
        if (strcmp(value, key->choices[n]) == 0) {
            store_number(key, at, n);
            return true;
        }
    }
    return false;
}

static bool take_auto(const struct device_key *key, const char *value, void *at)
{
    bool on = false, is_auto = value && strcmp(value, "auto") == 0;
    if (!is_auto && !option_parse_switch(value, &on))
        return false;
    store_number(key, at, is_auto ? 0 : on ? 2 : 1);
    return true;
}

static bool take_slot(const char *value, int *slot)
{
    size_t length = strlen(OPTIONS_SLOT_PREFIX);
    uint64_t number;
    if (!value || strncmp(value, OPTIONS_SLOT_PREFIX, length) != 0 ||
        !option_parse_number(value + length, &number) || number >= MACHINE_VIRTIO_SLOTS_MAX)
        return false;
    *slot = (int)number;
    return true;
}

static bool take_hex(const char **text, unsigned limit, unsigned *number)
{
    char *end;
    if (!**text || !strchr("0123456789abcdefABCDEF", **text))
        return false;
    unsigned long value = strtoul(*text, &end, 16);
    *number = (unsigned)value;
    *text = end;
    return value < limit;
}

/* Takes a place in the form of lspci: SLOT[.FUNCTION], in hexadecimal. */
static bool take_place(const char *value, struct device_pci_place *place)
{
    const char *at = value ? value : "";
    place->given = take_hex(&at, PCI_SLOTS, &place->slot);
    if (place->given && *at == '.') {
        at++;
        place->given = take_hex(&at, PCI_FUNCTIONS, &place->function);
    }
    return place->given && !*at;
}

static bool take_mac(const char *value, struct device_mac *mac)
{
    mac->given = value && netdev_parse_mac(value, mac->bytes);
    return mac->given;
}

/* -1: firmware does not try the device, or the place is to be found, which is the default. */
static bool take_order(const struct device_key *key, const char *value, uint32_t *order)
{
    uint64_t most = key->most ? key->most : INT32_MAX;
    uint64_t number;
    bool none = value && strcmp(value, "-1") == 0;
    if (!none && (!option_parse_number(value, &number) || number > most))
        return false;
    *order = none ? 0 : (uint32_t)number + 1;
    return true;
}

static bool take_feature(const struct device_key *key, const char *value, uint64_t *withheld)
{
    bool on;
    if (!option_parse_switch(value, &on))
        return false;
    *withheld = (*withheld & ~(1ull << key->least)) | (on ? 0 : 1ull << key->least);
    return true;
}

/* Stores the value; false if the key does not take it. */
static bool take_value(const struct device_key *key, const char *value, void *at)
{
    bool on;
    switch (key->type) {
    case DEVICE_KEY_ORDER: return take_order(key, value, at);
    case DEVICE_KEY_FEATURE: return take_feature(key, value, at);
    case DEVICE_KEY_IGNORED: return true;
    case DEVICE_KEY_TEXT: *(const char **)at = value; return true;
    case DEVICE_KEY_BACKEND: *(const char **)at = value ? value : ""; return true;
    case DEVICE_KEY_NUMBER:
    case DEVICE_KEY_POWER: return take_number(key, value, at);
    case DEVICE_KEY_SWITCH: return option_parse_switch(value, at);
    case DEVICE_KEY_AUTO: return take_auto(key, value, at);
    case DEVICE_KEY_CHOICE: return take_choice(key, value, at);
    case DEVICE_KEY_MAC: return take_mac(value, at);
    case DEVICE_KEY_OFF: return option_parse_switch(value, &on) && !on;
    case DEVICE_KEY_EMPTY: return !value || !*value;
    case DEVICE_KEY_SLOT: return take_slot(value, at);
    case DEVICE_KEY_PCI_BUS:
        *(const char **)at = value && strcmp(value, OPTIONS_PCI_BUS) == 0 ? NULL : value;
        return value && *value;
    case DEVICE_KEY_PCI_PLACE: return take_place(value, at);
    }
    return false;
}

/* ---- Lists of keys ------------------------------------------------------------------------------------- */

static const struct device_key *find_key(const struct options_keys *lists, const char *name, void **item)
{
    for (; lists->keys; lists++) {
        for (const struct device_key *key = lists->keys; key->name; key++) {
            if (strcmp(key->name, name) == 0) {
                *item = (char *)lists->item + key->offset;
                return key;
            }
        }
    }
    return NULL;
}

/* A key that is the same for all devices of a kind, or none. */
static bool other_key(const struct options_keys *lists, const struct option_pair *pair, const char *flag,
                      struct error *error)
{
    char known[256] = "";
    for (const struct options_keys *list = lists; list->keys; list++) {
        enum options_fixed found =
            list->owner ? options_take_fixed(list->owner, flag, pair, error) : OPTIONS_FIXED_UNKNOWN;
        if (found != OPTIONS_FIXED_UNKNOWN)
            return found == OPTIONS_FIXED_TAKEN;
    }
    for (; lists->keys; lists++) {
        for (const struct device_key *key = lists->keys; key->name; key++) {
            if (strlen(known) + strlen(key->name) + 3 < sizeof(known))
                strcat(strcat(known, *known ? ", " : ""), key->name);
        }
    }
    return error_set(error, "%s: unknown option %s%s%s; there are: %s", flag, pair->key,
                     pair->value ? "=" : "", pair->value ? pair->value : "", known);
}

/* Stores the default values of numbers that are not given, and checks that all required keys are given. */
static bool complete(const struct options_keys *lists, const struct option_pairs *pairs, const char *flag,
                     struct error *error)
{
    for (; lists->keys; lists++) {
        for (const struct device_key *key = lists->keys; key->name; key++) {
            if (option_pairs_get(pairs, key->name))
                continue;
            if (key->needed)
                return error_set(error, "%s: %s=%s is missing", flag, key->name, key->needed);
            if (key->fallback)
                store_number(key, (char *)lists->item + key->offset, key->fallback);
        }
    }
    return true;
}

bool options_take_keys(const struct options_keys *lists, const struct option_pairs *pairs, const char *flag,
                       struct error *error)
{
    for (unsigned n = 0; n < pairs->count; n++) {
        const struct option_pair *pair = &pairs->pairs[n];
        char takes[160];
        void *at;
        const struct device_key *key = find_key(lists, pair->key, &at);
        if (!key && !other_key(lists, pair, flag, error))
            return false;
        if (!key || take_value(key, pair->value, at))
            continue;
        const char *value = pair->value ? pair->value : "";
        if (key->limit)
            return error_set(error, "%s,%s=%s: %s", flag, key->name, value, key->limit);
        options_describe_key(key, takes, sizeof(takes));
        return error_set(error, "%s,%s=%s: not a value for it; it takes %s", flag, key->name, value, takes);
    }
    return complete(lists, pairs, flag, error);
}

bool options_is_shadowed(const struct options_keys *lists, const struct options_keys *list, const char *name)
{
    for (; lists != list; lists++)
        for (const struct device_key *key = lists->keys; key->name; key++)
            if (strcmp(key->name, name) == 0)
                return true;
    return false;
}

/* Is the key in a list, or among the fixed ones of a list before `list`? */
static bool is_listed(const struct options_keys *lists, const struct options_keys *list, const char *name)
{
    void *at;
    if (find_key(lists, name, &at))
        return true;
    for (; lists != list; lists++)
        if (lists->owner && options_is_fixed(lists->owner, name))
            return true;
    return false;
}

const char *options_next_fixed_key(const struct options_keys *lists, const struct options_keys *list,
                                   unsigned *at, char *text, size_t size)
{
    const char *name;
    while (list->owner && (name = options_next_fixed(list->owner, at, text, size)))
        if (!is_listed(lists, list, name))
            return name;
    return NULL;
}

void options_print_keys(const struct options_keys *lists, FILE *out)
{
    for (const struct options_keys *list = lists; list->keys; list++) {
        for (const struct device_key *key = list->keys; key->name; key++) {
            char takes[160];
            if (options_is_shadowed(lists, list, key->name))
                continue;
            options_describe_key(key, takes, sizeof(takes));
            fprintf(out, "  %-16s %s: %s", key->name, key->help, takes);
            if (key->fallback)
                fprintf(out, " (%u)", key->fallback);
            fprintf(out, "%s\n", key->needed ? "; needed" : "");
        }
        char fixed[200];
        const char *name;
        for (unsigned at = 0; (name = options_next_fixed_key(lists, list, &at, fixed, sizeof(fixed)));)
            fprintf(out, "  %-16s %s\n", name, fixed);
    }
}
