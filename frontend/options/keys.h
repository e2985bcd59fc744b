/* SPDX-License-Identifier: MIT
 *
 * Lists of keys of a device (devices/model.h), and the functions that take and print them.
 */
#ifndef FRONTEND_OPTIONS_KEYS_H
#define FRONTEND_OPTIONS_KEYS_H

#include <stdio.h>

#include "devices/model.h"
#include "frontend/options/options.h"

#define OPTIONS_SLOT_PREFIX "virtio-mmio-bus."
#define OPTIONS_PCI_BUS     "pcie.0"

/* Keys, and the structure that their offsets belong to. Arrays of these end with { NULL }. */
struct options_keys {
    const struct device_key *keys;
    void *item;        /* not used for printing */
    const char *owner; /* of further keys, in fixed.def; NULL: there are none */
};

/* The lists of a device's keys: those of its model, of all devices, of its bus and of disks. The values go to
 * *device. */
#define OPTIONS_KEY_LISTS 6
void options_device_keys(struct options_device *device, struct options_keys lists[OPTIONS_KEY_LISTS]);

/* Gives each pair to the key with its name. `flag`, "-device NAME", is for messages. */
bool options_take_keys(const struct options_keys *lists, const struct option_pairs *pairs, const char *flag,
                       struct error *error);
/* Has a list before `list` a key of that name, which is the one that counts? */
bool options_is_shadowed(const struct options_keys *lists, const struct options_keys *list, const char *name);
/* Returns the next key of `list`, one of `lists`, that names what is always the same here (fixed.def), and
 * what it takes, in *text; NULL: there are none. A key that some devices have, and others have fixed, comes
 * once. *at is 0 at first. */
const char *options_next_fixed_key(const struct options_keys *lists, const struct options_keys *list,
                                   unsigned *at, char *text, size_t size);
/* Writes in words which values a key takes. */
void options_describe_key(const struct device_key *key, char *text, size_t size);
/* Prints a line for each key: what it is for, and which values it takes. */
void options_print_keys(const struct options_keys *lists, FILE *out);

#endif
