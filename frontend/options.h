/* SPDX-License-Identifier: MIT
 *
 * The command line: QEMU's flags, for what Rvive has. Parsing has two steps: each flag is taken in order and
 * noted; then what refers to something else by its id (a device to its drive) is joined, and the slots are
 * given out. A flag or value that Rvive does not have is an error that names it and says what there is
 * instead.
 *
 * The table of flags is options.def; -help is made from it.
 */
#ifndef FRONTEND_OPTIONS_H
#define FRONTEND_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "frontend/option_text.h"
#include "machine/machine.h"

#define OPTIONS_ITEMS_MAX 32

enum options_action {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LIST_MACHINES,
    OPTIONS_LIST_CPUS,
    OPTIONS_LIST_DEVICES,
    OPTIONS_LIST_LOG
};

enum options_interface { OPTIONS_IF_DEFAULT, OPTIONS_IF_NONE, OPTIONS_IF_VIRTIO, OPTIONS_IF_PFLASH };

struct options_drive {
    const char *id; /* NULL: none */
    enum options_interface interface;
    struct blockdev_config blockdev;
    int unit;          /* of if=pflash; -1: any */
    bool node;         /* of -blockdev: `id` is its node-name */
    bool snapshot_off; /* snapshot=off: stays so with -snapshot */
    bool used;
};

struct options_device {
    enum machine_virtio_kind kind;
    const char *id;
    const char *backend; /* id of its drive, rng object or chardev; NULL: none */
    const char *serial_number;
    unsigned queues, queue_size; /* 0: the default */
    const char *text;            /* the argument of -device, for messages */
    int slot;                    /* virtio-mmio-bus.N; -1: any */
};

/* -object rng-random and -chardev: an id and what it stands for. */
struct options_named {
    const char *id, *value;
};

struct options {
    enum options_action action;
    struct machine_config machine;
    const char *title;    /* -name */
    const char *log_list; /* -d */
    const char *log_file; /* -D */
    bool nographic, display_none, nodefaults, snapshot;
    unsigned serial_count;

    struct options_drive drives[OPTIONS_ITEMS_MAX];
    unsigned drive_count;
    const char *pflash_nodes[MACHINE_PFLASH_BANKS]; /* -machine pflashN=; NULL: not given */
    struct options_device devices[OPTIONS_ITEMS_MAX];
    unsigned device_count;
    struct options_named rngs[OPTIONS_ITEMS_MAX];
    unsigned rng_count;
    struct options_named chardevs[OPTIONS_ITEMS_MAX];
    unsigned chardev_count;
    struct option_strings strings;
};

/* Fills *options from the command line; argv must outlive it. False, with *error filled; options_free() is
 * due in either case. */
bool options_parse(struct options *options, int argc, char *const *argv, struct error *error);
void options_free(struct options *options);

/* The lists of -help, -machine help, -cpu help, -device help, -d help. */
void options_print(const struct options *options, FILE *out);

/* ---- For the files of the parser ------------------------------------------------------------------ */

/* One flag's argument (NULL for a flag without). */
typedef bool options_take_fn(struct options *options, const char *argument, struct error *error);

options_take_fn options_take_machine, options_take_cpu, options_take_smp, options_take_memory,
    options_take_rtc, options_take_accel, options_take_dbt_without;
options_take_fn options_take_blockdev, options_take_pflash;
/* options_drive.c: gives the banks of flash their drives. */
bool options_join_pflash(struct options *options, struct error *error);
options_take_fn options_take_drive, options_take_device, options_take_object, options_take_chardev,
    options_take_global, options_take_serial;
/* -device loader,...: the pairs after the name. */
bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error);
/* Second step. */
bool options_join(struct options *options, struct error *error);

/* One key of a KEY=VALUE list, and what takes its value. */
struct options_key {
    const char *key;
    bool (*take)(struct options *options, void *item, const char *value, struct error *error);
};
/* Gives each pair to the row with its key; the rows end with {NULL}. `flag` is for messages. */
bool options_take_pairs(struct options *options, const struct option_pairs *pairs,
                        const struct options_key *rows, void *item, const char *flag, struct error *error);
/* "-flag VALUE: not one of a, b, c" */
bool options_bad_value(struct error *error, const char *flag, const char *value, const char *instead);
void options_print_devices(FILE *out);

#endif
