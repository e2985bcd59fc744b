/* SPDX-License-Identifier: MIT
 *
 * The command line: QEMU's flags, for what Rvive has. Parsing has two steps: each flag is taken in order and
 * noted; then what refers to something else by its id (a device to its drive) is joined, and the slots are
 * given out. A flag or value that Rvive does not have is an error that names it and says what there is
 * instead.
 *
 * The table of flags is options.def; -help is made from it.
 */
#ifndef FRONTEND_OPTIONS_OPTIONS_H
#define FRONTEND_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "frontend/options/text.h"
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

enum options_view { OPTIONS_VIEW_DEFAULT, OPTIONS_VIEW_NONE, OPTIONS_VIEW_SDL };

/* -display, -vnc, -full-screen, -screendump. */
struct options_screen {
    enum options_view view;
    bool software;    /* SDL: gl=off */
    bool full_screen; /* SDL */
    bool no_close;    /* SDL: window-close=off */
    const char *vnc;  /* [HOST]:N; NULL: none */
    bool vnc_password;
    bool vnc_insecure;      /* other computers may come without one */
    const char *vnc_secret; /* an -object secret; NULL: none */
    uint16_t vnc_websocket; /* TCP port; 0: none */
    const char *vnc_origin; /* of pages that may come, too; NULL: none */
    const char *vnc_tls;    /* an -object tls-creds-x509; NULL: none */
    const char *dump;       /* NULL, or where the last picture goes */
};

/* -object tls-creds-x509 */
struct options_tls {
    const char *id, *dir, *priority; /* priority: NULL: none */
    bool any_peer;                   /* verify-peer=off: no certificates of clients are asked for */
};

/* -sandbox, -run-with */
#define OPTIONS_SANDBOX_FOLDERS 16
struct options_sandbox {
    bool off, asked;                              /* asked: the command line says "on" */
    bool spawn, privileges, resources, obsolete;  /* allowed */
    const char *folders[OPTIONS_SANDBOX_FOLDERS]; /* that commands may write in, too */
    unsigned folder_count;
};
struct options_run_with {
    const char *user, *chroot; /* NULL: none */
    bool numbers;              /* the user has no name: no groups but its own */
    uid_t uid;
    gid_t gid;
};

/* A sanitizer's run-time library makes system calls of its own, at any time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPTIONS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OPTIONS_SANITIZED true
#endif
#endif
#ifndef OPTIONS_SANITIZED
#define OPTIONS_SANITIZED false
#endif

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
    const struct device_model *model;
    struct device_settings settings;
    const char *text; /* the argument of -device, for messages */
    int slot;         /* virtio-mmio-bus.N; -1: any */
    bool on_pci;      /* it is a function on pcie.0 instead, as `pci` says (without place and device) */
    struct device_pci_place place;
    struct machine_pci pci;
    /* Numbers of its network, folder or audiodev, from 1; 0: settings.backend names it, or there is none. */
    unsigned netdev, folder, audiodev;
    struct machine_port ports[VIRTIO_CONSOLE_PORTS_MAX]; /* of a virtio-serial; their chardevs are ids yet */
    unsigned port_count;
};

/* -object rng-random and -chardev: an id and what it stands for. */
struct options_named {
    const char *id, *value;
};

/* A monitor: -monitor, -mon, -qmp, or the one behind Ctrl-A C. */
#define OPTIONS_MONITORS_MAX 8
struct options_monitor {
    const char *chardev; /* as for chardev_open() */
    const char *flag;    /* that asked for it, for messages */
    bool control;        /* QMP */
    bool console;        /* shares the serial console's terminal */
    bool is_stdio;
};

/* -netdev, -nic, -net. */
struct options_nic {
    const char *id, *netdev; /* netdev: id of the network that -net nic names */
    const char *model;       /* the card's, or NULL */
    struct device_mac mac;
    struct netdev_slirp_config user;
};

/* -object filter-dump */
struct options_dump {
    const char *netdev, *file;
    uint32_t snap; /* bytes of a frame */
};

/* -fsdev, -virtfs */
struct options_folder {
    const char *id, *tag; /* tag: of -virtfs */
    struct p9_server_config folder;
    bool has_security;
};

struct options {
    enum options_action action;
    const char *help_with; /* LIST_DEVICES: of this one; NULL: all */
    struct machine_config machine;
    const char *memory;     /* -m, for messages */
    const char *title;      /* -name */
    const char *log_list;   /* -d */
    const char *log_file;   /* -D */
    const char *log_filter; /* -dfilter */
    bool perf_map;          /* -perfmap */
    bool nographic, nodefaults, snapshot;
    struct options_screen screen;
    struct options_sandbox sandbox;
    struct options_run_with run_with;
    unsigned serial_count;

    struct options_drive drives[OPTIONS_ITEMS_MAX];
    unsigned drive_count;
    const char *pflash_nodes[MACHINE_PFLASH_BANKS_MAX]; /* -machine pflashN=; NULL: not given */
    struct options_device devices[OPTIONS_ITEMS_MAX];
    unsigned device_count;
    struct options_named rngs[OPTIONS_ITEMS_MAX];
    unsigned rng_count;
    struct options_named secrets[OPTIONS_ITEMS_MAX]; /* value: =TEXT or @FILE */
    unsigned secret_count;
    struct options_tls tls[OPTIONS_ITEMS_MAX];
    unsigned tls_count;
    struct options_named chardevs[OPTIONS_ITEMS_MAX];
    unsigned chardev_count;
    struct options_monitor monitors[OPTIONS_MONITORS_MAX];
    unsigned monitor_count;
    bool monitor_given; /* -monitor or -mon */
    struct options_dump dumps[OPTIONS_ITEMS_MAX];
    unsigned dump_count;
    struct options_folder folders[OPTIONS_ITEMS_MAX];
    unsigned folder_count;
    unsigned audio_default;      /* -audio: number of its audiodev, from 1; 0: none */
    bool net_asked;              /* the command line says something about the network */
    unsigned net_card, net_user; /* -net nic: number of the device; -net user: of the network; from 1 */
    unsigned default_macs;       /* given out */
    struct option_strings strings;
};

/* Fills *options from the command line; argv must outlive it. False, with *error filled; options_free() is
 * due in either case. */
bool options_parse(struct options *options, int argc, char *const *argv, struct error *error);
void options_free(struct options *options);

/* The lists of -help, -machine help, -cpu help, -device help, -d help. */
void options_print(const struct options *options, FILE *out);

/* ---- For the files of the parser ----------------------------------------------------------------------- */

/* What takes a flag or a key has one type, and each needs a part of it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* One flag's argument (NULL for a flag without). */
typedef bool options_take_fn(struct options *options, const char *argument, struct error *error);

options_take_fn options_take_machine, options_take_cpu, options_take_smp, options_take_memory,
    options_take_rtc, options_take_accel, options_take_dbt_without, options_take_dbt_without_pass;
/* Takes what 'ir=PASS' names out of the list of -d, and leaves 'ir'. False, with *error filled: out of
 * memory. */
bool options_take_ir_passes(struct options *options, const char **list, struct error *error);
options_take_fn options_take_blockdev, options_take_pflash;
/* drive.c: gives the banks of flash their drives. */
bool options_join_pflash(struct options *options, struct error *error);
options_take_fn options_take_drive, options_take_device, options_take_object, options_take_chardev,
    options_take_global, options_take_serial;
options_take_fn options_take_semihosting, options_take_profile, options_take_coverage;
bool options_join_semihosting(struct options *options, struct error *error);
options_take_fn options_take_monitor, options_take_qmp, options_take_mon;
/* Third step: where the monitors are, and whether the console has one. */
bool options_join_monitors(struct options *options, struct error *error);
options_take_fn options_take_sandbox, options_take_run_with;
options_take_fn options_take_netdev, options_take_nic, options_take_net;
const struct options_named *options_find_named(const struct options_named *list, unsigned count,
                                               const char *id);
/* ports.c: -device virtconsole or virtserialport, the pairs after the name. */
bool options_take_port(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error);
bool options_join_ports(struct options *options, const struct options_device *device,
                        struct machine_plug *slot, struct error *error);
options_take_fn options_take_fsdev, options_take_virtfs;
bool options_join_folder(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error);
options_take_fn options_take_audiodev, options_take_audio;
bool options_join_audiodev(struct options *options, const struct options_device *device,
                           struct machine_plug *slot, struct error *error);
bool options_take_filter_dump(struct options *options, const struct option_pairs *pairs, struct error *error);
options_take_fn options_take_display, options_take_vnc, options_take_full_screen, options_take_screendump;
/* -device loader,...: the pairs after the name. */
bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error);
extern const struct device_model options_loader_model;
/* devices.c (its keys: keys.h): the kind of device and the bus that a name of -device means, all else at its
 * default; false: there is none. */
bool options_name_device(const char *name, struct options_device *device);
/* The lists of its keys: those of its model, of all devices, and of its bus. */
/* Gives the device its place on the bus, and returns the function that it becomes there; NULL and *error
 * where there is none. `what` is for the message. */
struct machine_pci *options_place_pci(struct options *options, const struct options_device *device,
                                      const char *what, struct error *error);
/* When all are placed: does the guest find each of them? */
bool options_check_pci(const struct options *options, struct error *error);

/* Second step. */
bool options_join(struct options *options, struct error *error);
/* Its parts for networks: before devices are plugged in; one card; the card that is there unless the command
 * line says something about the network, as the last of the devices; the end. */
bool options_join_net(struct options *options, struct error *error);
bool options_join_netdev(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error);
bool options_add_default_card(struct options *options, struct error *error);
void options_warn_netdevs(const struct options *options);

/* One key of a KEY=VALUE list, and what takes its value. */
struct options_key {
    const char *key;
    bool (*take)(struct options *options, void *item, const char *value, struct error *error);
};
/* Gives each pair to the row with its key; the rows end with {NULL}. `flag` is for messages. */
bool options_take_pairs(struct options *options, const struct option_pairs *pairs,
                        const struct options_key *rows, void *item, const char *flag, struct error *error);
/* NULL: there is no -object tls-creds-x509 of that name. */
const struct options_tls *options_find_tls(const struct options *options, const char *id);
/* Reads the secret of an -object secret; its first line, where it stands in a file. */
bool options_read_secret(const struct options *options, const char *id, char *text, size_t size,
                         struct error *error);
/* "-flag VALUE: not one of a, b, c" */
/* The value of werror= or rerror= (`key`) of a flag. */
bool options_parse_on_error(const char *flag, const char *key, const char *value,
                            enum blockdev_on_error *action, struct error *error);
bool options_bad_value(struct error *error, const char *flag, const char *value, const char *instead);
/* -device help; with the name of a device, its keys. */
void options_print_devices(const char *name, FILE *out);

#endif
