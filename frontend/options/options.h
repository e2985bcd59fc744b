/* SPDX-License-Identifier: MIT
 *
 * The command line: QEMU's flags, as far as Rvive has their functions. Parsing has two steps: first each flag
 * is taken in order and recorded; then references by id (from a device to its drive) are resolved, and the
 * slots are assigned. A flag or value that Rvive does not have is an error that names it and says what there
 * is instead.
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

/* The version of QEMU whose command line and QMP this program follows. */
#define OPTIONS_QEMU_MAJOR   10
#define OPTIONS_QEMU_MINOR   0
#define OPTIONS_QEMU_VERSION "10.0.0"

enum options_action {
    OPTIONS_RUN,
    OPTIONS_FIRST_STEPS, /* no flag was given */
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_LIST_MACHINES,
    OPTIONS_LIST_CPUS,
    OPTIONS_LIST_DEVICES,
    OPTIONS_LIST_LOG,
    OPTIONS_LIST_ACCELS,
    OPTIONS_IDENTIFY,    /* says what options.identify is */
    OPTIONS_LIST_KEYS,   /* the keys of a flag, or its lines of -help */
    OPTIONS_LIST_VALUES, /* the values of a key: help_with is the text */
};

enum options_view { OPTIONS_VIEW_DEFAULT, OPTIONS_VIEW_NONE, OPTIONS_VIEW_SDL };

/* -display, -vnc, -full-screen, -screendump. */
struct options_screen {
    enum options_view view;
    bool software;     /* SDL: gl=off */
    bool full_screen;  /* SDL */
    bool no_close;     /* SDL: window-close=off */
    const char *vnc;   /* [HOST]:N, or unix:PATH; NULL: none */
    unsigned vnc_last; /* up to which N the first is looked for that is free; 0: N alone */
    bool vnc_password;
    bool vnc_insecure;      /* other computers may connect without a password */
    const char *vnc_secret; /* an -object secret; NULL: none */
    uint16_t vnc_websocket; /* TCP port; 0: none */
    const char *vnc_origin; /* web pages that may connect, too; NULL: none */
    const char *vnc_tls;    /* an -object tls-creds-x509; NULL: none */
    const char *dump;       /* NULL, or the file for the last picture */
};

/* -object tls-creds-x509 */
struct options_tls {
    const char *id, *dir, *priority; /* priority: NULL: none */
    bool any_peer;                   /* verify-peer=off: clients need no certificates */
};

/* -sandbox, -run-with */
#define OPTIONS_SANDBOX_FOLDERS 16
struct options_sandbox {
    bool off, asked;                              /* asked: the command line says "on" */
    bool spawn, privileges, resources, obsolete;  /* allowed */
    const char *folders[OPTIONS_SANDBOX_FOLDERS]; /* commands may write into these, too */
    unsigned folder_count;
};
struct options_run_with {
    const char *user, *chroot; /* NULL: none */
    bool numbers;              /* the user is given by numbers: it has no groups but its own */
    uid_t uid;
    gid_t gid;
};

/* -pidfile, -daemonize, -name, -msg, -overcommit, -echr: settings of the process itself. */
struct options_process {
    const char *pidfile; /* NULL: none */
    const char *name;    /* the name that the host's tools show; NULL: that of the program */
    bool daemonize;
    bool lock_memory, lock_on_fault;
    bool says_guest; /* messages begin with the guest's name */
    uint8_t escape;  /* the key that begins a command of the console; 0: Ctrl-A */
};

/* A sanitizer's run-time library may make system calls of its own at any time. */
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

enum options_interface {
    OPTIONS_IF_DEFAULT,
    OPTIONS_IF_NONE,
    OPTIONS_IF_VIRTIO,
    OPTIONS_IF_PFLASH,
    OPTIONS_IF_SD
};

struct options_drive {
    const char *id;        /* NULL: none */
    const char *node_name; /* another name of a -drive; NULL: none */
    enum options_interface interface;
    struct blockdev_config blockdev;
    int unit;                            /* its number on its bus, for if=pflash its bank; -1: any */
    bool node;                           /* made by -blockdev: `id` is its node-name */
    bool file;                           /* a node that is a file of the host, without a format */
    bool snapshot_off;                   /* -snapshot does not change the drive */
    bool no_writeback, direct, no_flush; /* cache=, as three switches */
    bool used;
    bool inner;        /* a node that is described in that above it (backing.driver=), and goes with it */
    bool gone;         /* a node that blockdev-del has removed */
    const char *owner; /* of a node: the node that it is a part of; NULL: none */
};

struct options_device {
    const struct device_model *model;
    struct device_settings settings;
    const char *text; /* the argument of -device, for messages */
    int slot;         /* virtio-mmio-bus.N; -1: any */
    bool on_pci;      /* it is a PCI function instead; `pci` describes it, without place and device */
    struct device_pci_place place;
    const char *bus; /* id of the bridge that it is behind; NULL: it is on the root bus */
    struct machine_pci pci;
    /* Numbers of its network, folder or audiodev, from 1; 0: settings.backend names it, or there is none. */
    unsigned netdev, folder, audiodev;
    bool gone; /* it has units, and was unplugged: the entry can be used again */
    /* Ports of a virtio-serial device; their chardevs are still ids. */
    struct machine_port ports[VIRTIO_CONSOLE_PORTS_MAX];
    unsigned port_count;
};

/* -object rng-random and -chardev: an id and what it stands for. */
struct options_named {
    const char *id, *value;
};

/* A monitor: of -monitor, -mon or -qmp, or the one that Ctrl-A C reaches. */
#define OPTIONS_MONITORS_MAX 8
struct options_monitor {
    const char *chardev; /* a description for chardev_open() */
    const char *flag;    /* the flag that asked for the monitor, for messages */
    bool control;        /* QMP */
    bool console;        /* shares the serial console's terminal */
    bool is_stdio;
};

/* -netdev, -nic, -net. */
struct options_nic {
    const char *id, *netdev; /* netdev: id of the network that -net nic names */
    const char *model;       /* the model of the card, or NULL */
    struct device_mac mac;
    struct netdev_slirp_config user;
    struct netdev_peer_config peer; /* kind NONE: the user network */
};

/* -object filter-dump */
struct options_dump {
    const char *netdev, *file;
    uint32_t snap; /* at most so many bytes of a frame are stored */
};

/* -fsdev, -virtfs */
struct options_folder {
    const char *id, *tag; /* tag: of -virtfs */
    struct p9_server_config folder;
    bool has_security;
};

/* -object memory-backend-... */
struct options_memory {
    const char *id;
    struct machine_memory memory;
};

/* -global of a device's key */
struct options_global {
    const char *driver, *property, *value;
};

/* -numa node */
struct options_node {
    struct machine_node node;
    bool has_id;
    const char *memdev; /* NULL: none */
};

struct options {
    enum options_action action;
    const char *identify;                /* -identify: a file */
    const char *help_with;               /* LIST_DEVICES: the device; NULL: all. LIST_KEYS: the flag's name */
    const struct options_key *help_keys; /* LIST_KEYS; NULL: the flag's lines of -help */
    bool called_qemu;                    /* the program was called by QEMU's name */
    struct machine_config machine;
    enum { OPTIONS_RECORD_BEST, OPTIONS_RECORD_OFF, OPTIONS_RECORD_ON } record;        /* -record */
    enum { OPTIONS_RR_NONE, OPTIONS_RR_RECORD, OPTIONS_RR_REPLAY, OPTIONS_RR_BAD } rr; /* -icount rr= */
    const char *rrfile;
    char *replay_plugs;  /* owned; NULL: none */
    const char *memory;  /* -m, for messages */
    uint64_t memory_max; /* -m maxmem=; 0: not given */
    struct options_memory memories[OPTIONS_ITEMS_MAX];
    unsigned memory_count;
    const char *memory_backend, *mem_path; /* -machine memory-backend=, -mem-path; NULL: not given */
    bool mem_prealloc, mem_merge, mem_undumped;
    struct options_node nodes[MACHINE_NODES_MAX];
    unsigned node_count;
    struct options_global globals[OPTIONS_ITEMS_MAX];
    unsigned global_count;
    const char *cpu;                 /* -cpu; NULL: not given */
    const struct board *tree_board;  /* made of a device tree; NULL: none; freed by options_free() */
    const char *title;               /* -name */
    const char *incoming;            /* -incoming; NULL: not given */
    const char *loadvm;              /* -loadvm; NULL: not given */
    const char *suspend;             /* -suspend; NULL: not given */
    const char *log_list;            /* -d */
    const char *log_file;            /* -D */
    const char *log_filter;          /* -dfilter */
    bool perf_map;                   /* -perfmap */
    bool accel_found;                /* a way of -accel that exists here was given */
    const char *accel_absent;        /* a way of -accel that does not exist here; NULL: none */
    bool single_step;                /* -singlestep */
    bool start_in_flash, has_u_keys; /* -machine start-in-flash=; it or other keys of sifive_u were given */
    const char *bad_machine;         /* -machine NAME: a board that does not exist; NULL: none */
    struct options_process process;
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
    const struct options_device
        *pci_devices[MACHINE_PCI_MAX];         /* which of them machine.pci[] is; NULL: none */
    const char *unit_texts[MACHINE_UNITS_MAX]; /* of machine.units: the arguments of -device, for messages */
    struct options_named rngs[OPTIONS_ITEMS_MAX];
    unsigned rng_count;
    struct options_named iothreads[OPTIONS_ITEMS_MAX];
    unsigned iothread_count;
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
    unsigned default_macs;       /* the number of addresses that were assigned */
    struct option_strings strings;
};

/* Fills *options from the command line; argv must outlive it. False, with *error filled. In both cases
 * options_free() must be called. */
bool options_parse(struct options *options, int argc, char *const *argv, struct error *error);
void options_free(struct options *options);

/* For the monitor (hotplug.c); between machine_hold() and machine_release(). Gives a device, described as for
 * -device, an entry in one of the lists of `machine`, and its back end; the caller plugs it in. False, with
 * *error filled. */
bool options_plug(struct options *options, const char *text, struct machine_place *place,
                  struct error *error);
/* netdev_add, described as for -netdev, and netdev_del. The first returns the number of the network in
 * machine.netdevs, from 1; 0, with *error filled. The second may be used for one that could not be made. */
unsigned options_add_netdev(struct options *options, const char *text, struct error *error);
void options_remove_netdev(struct options *options, unsigned number);
/* Notes a rule of hostfwd_add in machine.netdevs[number - 1], or removes it. */
void options_note_hostfwd(struct options *options, unsigned number, const char *rule);
void options_forget_hostfwd(struct options *options, unsigned number, const char *rule);
/* What is in that entry is gone, or was not plugged in: its back end can be used again. */
void options_unplug(struct options *options, struct machine_place place);
/* blockdev-add, described as for -blockdev, and blockdev-del. False, with *error filled. */
bool options_add_node(struct options *options, const char *text, struct error *error);
bool options_remove_node(struct options *options, const char *name, struct error *error);

/* The node of that name; NULL: there is none. */
struct options_drive *options_find_node(struct options *options, const char *name);

/* Prints the list of -help, -machine help, -cpu help, -device help or -d help. */
void options_print(const struct options *options, FILE *out);

/* ---- For the files of the parser ----------------------------------------------------------------------- */

/* The functions that take a flag or a key have one type, and each uses only some of the parameters. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* Takes one flag's argument (NULL for a flag without). */
typedef bool options_take_fn(struct options *options, const char *argument, struct error *error);

options_take_fn options_take_machine, options_take_cpu, options_take_smp, options_take_memory,
    options_take_rtc, options_take_accel, options_take_singlestep, options_take_tb_size,
    options_take_dbt_without, options_take_dbt_without_pass;
/* -machine accel=A:B:... */
bool options_take_accel_list(struct options *options, const char *list, struct error *error);
/* Second step: checks that one of the requested ways exists here. */
bool options_join_accel(struct options *options, struct error *error);
void options_print_accels(FILE *out);
/* Has the flag's argument "model=help" or the like? Then *text becomes the list. (print.c) */
bool options_asks_for_values(const char *flag, const char *argument, const char **text);

/* print.c: what to type, for somebody who typed nothing; the CPUs with their extensions. */
void options_print_first_steps(FILE *out);
void options_print_cpus(FILE *out);

/* process.c */
options_take_fn options_take_pidfile, options_take_daemonize, options_take_name, options_take_overcommit,
    options_take_msg, options_take_echr, options_take_action, options_take_watchdog_action,
    options_take_runas, options_take_chroot, options_take_incoming, options_take_suspend, options_take_loadvm;
bool options_join_process(struct options *options, struct error *error);
/* join.c: how many consoles and monitors use the terminal. */
unsigned options_count_terminals(const struct options *options);
/* Takes the names of 'ir=PASS' out of the list of -d, and leaves 'ir'. False, with *error filled: out of
 * memory. */
bool options_take_ir_passes(struct options *options, const char **list, struct error *error);
/* legacy.c: replaces QEMU's names in the list of -d by those of the log, and takes out those that mean
 * nothing here, with a warning. False, with *error filled: out of memory. */
bool options_take_qemu_categories(struct options *options, const char **list, struct error *error);
/* expand.c: the command line with the flags of -readconfig's files, and without -set, -add-fd and
 * -writeconfig. The list is malloc'ed; its words are the options' strings. */
struct options_words {
    char **list;
    unsigned count;
};
bool options_expand(struct options *options, int argc, char *const *argv, struct options_words *words,
                    struct error *error);
/* Groups of a configuration file; NULL after the last. Each is a flag. */
const char *options_group_at(unsigned number);
const char *options_flag_of_group(const char *group);
/* options.c: the keys of a flag that has a list of them; NULL: it has none, or they depend on a value. */
const struct options_key *options_keys_of(const char *flag);
/* options.c: whether the flag exists and has an argument. */
bool options_takes_argument(const char *flag);
/* json.c: the KEY=VALUE list that has the same meaning as a JSON object; NULL, with *error filled. */
const char *options_read_json(struct options *options, const char *flag, const char *text,
                              struct error *error);
/* global.c: puts the keys of -global for the device in front of its own pairs; `name` is the name that the
 * user wrote. */
bool options_add_globals(const struct options *options, const char *name, const struct options_device *device,
                         struct option_pairs *pairs, struct error *error);
/* Second step: the same for the harts. */
bool options_join_cpu(struct options *options, struct error *error);
/* legacy.c */
options_take_fn options_take_keyboard, options_take_compat;
options_take_fn options_take_vga, options_take_parallel, options_take_usb, options_take_shim,
    options_take_trace, options_take_seed, options_take_firmware_dir;
/* icount.c */
options_take_fn options_take_icount, options_take_record, options_take_replay, options_take_timeline;
/* Decides whether the past is recorded, when all flags are known. */
bool options_join_record(struct options *options, struct error *error);
/* For a replay, when everything has its place: leaves out what the guest does not need. */
bool options_strip_replay(struct options *options, struct error *error);
/* memory.c */
options_take_fn options_take_mem_path, options_take_mem_prealloc, options_take_numa;
bool options_take_memory_backend(struct options *options, const char *kind, const struct option_pairs *pairs,
                                 struct error *error);
bool options_join_memory(struct options *options, struct error *error);
/* firmware.c */
options_take_fn options_take_boot, options_take_fw_cfg, options_take_uuid, options_take_smbios;
options_take_fn options_take_blockdev, options_take_pflash, options_take_hda, options_take_hdb,
    options_take_hdc, options_take_hdd, options_take_cdrom, options_take_sd;
/* drive.c: gives the banks of flash their drives. */
bool options_join_pflash(struct options *options, struct error *error);
/* Takes the limits of speed out of the keys of a disk: throttling.bps-total= and others, and their older
 * names. */
bool options_take_throttle(struct option_pairs *pairs, struct block_throttle_limits *limits, const char *flag,
                           struct error *error);
options_take_fn options_take_drive, options_take_device, options_take_object, options_take_chardev,
    options_take_global, options_take_serial;
options_take_fn options_take_semihosting, options_take_profile, options_take_coverage;
bool options_join_semihosting(struct options *options, struct error *error);
options_take_fn options_take_monitor, options_take_qmp, options_take_mon;
/* Third step: where the monitors are, and whether the console has one. */
bool options_join_monitors(struct options *options, struct error *error);
options_take_fn options_take_sandbox, options_take_run_with, options_take_user;
options_take_fn options_take_netdev, options_take_nic, options_take_net;
/* Adds to a list; false, with *error filled, if the id is missing or taken, or there are too many. */
bool options_add_named(struct options_named *list, unsigned *count, const struct options_named *named,
                       const char *flag, struct error *error);
/* Checks that all keys are in the list, which ends with NULL; `instead` is the list for the message. */
bool options_only_keys(const struct option_pairs *pairs, const char *const *keys, const char *flag,
                       const char *instead, struct error *error);
/* chardev.c: translates the argument of -serial, -monitor, -qmp into a description for chardev_open(), or
 * "chardev:ID" as it is. NULL, with *error filled. */
const char *options_describe_chardev(struct options *options, const char *flag, const char *argument,
                                     struct error *error);
/* The name of a kind of -chardev; NULL: there are not so many. */
const char *options_chardev_kind(unsigned number);
/* Resolves "chardev:ID" into its description; returns other descriptions unchanged. */
const char *options_find_chardev(const struct options *options, const char *flag, const char *chardev,
                                 struct error *error);
const struct options_named *options_find_named(const struct options_named *list, unsigned count,
                                               const char *id);
/* ports.c: -device virtconsole or virtserialport; `pairs` follow the name. */
bool options_take_port(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error);
bool options_join_ports(struct options *options, const struct options_device *device,
                        struct machine_plug *slot, struct error *error);
/* units.c: -device scsi-hd or scsi-cd; `pairs` follow the name. */
bool options_take_unit(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error);
/* The same for one that comes later, with its drive. *number: its entry of machine.units[]. */
bool options_plug_unit(struct options *options, const struct options_device *device, unsigned *number,
                       struct error *error);
/* Second step: their drives. */
bool options_join_units(struct options *options, struct error *error);
/* The number of a device that has units, from 1; 0: it has none. */
unsigned options_controller_of(const struct options *options, const struct options_device *device);
/* usb.c, in the second step, when all functions of the PCI bus have their places, or for a device that comes
 * later. *number: its entry of machine.usb[]; may be NULL. */
bool options_plug_usb(struct options *options, const struct options_device *device, unsigned *number,
                      struct error *error);
options_take_fn options_take_fsdev, options_take_virtfs;
bool options_join_folder(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error);
options_take_fn options_take_audiodev, options_take_audio;
bool options_join_audiodev(struct options *options, const struct options_device *device,
                           struct machine_plug *slot, struct error *error);
/* A device that shares memory, with the backend that it names. */
bool options_join_memdev(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error);
bool options_take_filter_dump(struct options *options, const struct option_pairs *pairs, struct error *error);
options_take_fn options_take_display, options_take_vnc, options_take_full_screen, options_take_screendump;
/* -device loader,...; `pairs` follow the name. */
bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error);
extern const struct device_model options_loader_model;
bool options_take_guest_loader(struct options *options, const struct option_pairs *pairs,
                               struct error *error);
extern const struct device_model options_guest_loader_model;
/* It is one of these two, which are no devices. */
bool options_is_loader(const struct device_model *model);
/* devices.c (for the keys see keys.h): fills in the kind of device and the bus that a name of -device means,
 * and defaults for everything else; false: there is no such device. */
bool options_name_device(const char *name, struct options_device *device);
/* Gives the device its place on the bus, and returns the function that it becomes there; NULL and *error if
 * there is none. `what` is for the message. */
struct machine_pci *options_place_pci(struct options *options, const struct options_device *device,
                                      const char *what, struct error *error);
/* pci.c: is that the id of a bridge? */
bool options_has_bus(const struct options *options, const char *bus);
/* join.c: looks up the back end that the device names. */
bool options_join_backend(struct options *options, const struct options_device *device,
                          struct machine_plug *slot, struct error *error);
/* The same for a drive; `text` is the argument of -device. */
bool options_join_drive(struct options *options, const char *text, const struct device_settings *settings,
                        struct blockdev_config *config, const char **drive_id, struct error *error);
/* join.c: checks that the drive of that device is not empty. */
bool options_has_medium(const struct blockdev_config *drive, const char *text, struct error *error);
/* Checks, when all functions are placed, that the guest finds each of them. */
bool options_check_pci(const struct options *options, struct error *error);

/* Second step. */
bool options_join(struct options *options, struct error *error);
/* The parts of the second step for networks: first the networks, before devices are plugged in; then the
 * network of one card; then, as the last device, the default card, if the command line does not mention the
 * network; at the end the warnings. */
bool options_join_net(struct options *options, struct error *error);
/* net_peers.c: checks the name of a kind of network other than the user network, and takes its keys. */
bool options_knows_peer(const char *type, const char *flag, struct error *error);
bool options_take_peer(struct options *options, const char *type, const struct option_pairs *pairs,
                       const char *flag, struct netdev_peer_config *peer, struct error *error);
bool options_join_netdev(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error);
bool options_add_default_card(struct options *options, struct error *error);
void options_warn_netdevs(const struct options *options);

/* One key of a KEY=VALUE list, and the function that takes its value. */
struct options_key {
    const char *key;
    bool (*take)(struct options *options, void *item, const char *value, struct error *error);
};
/* Gives each pair to the row with its key; the rows end with {NULL}. `flag` is for messages. */
bool options_take_pairs(struct options *options, const struct option_pairs *pairs,
                        const struct options_key *rows, void *item, const char *flag, struct error *error);
/* NULL: there is no -object tls-creds-x509 of that name. */
const struct options_tls *options_find_tls(const struct options *options, const char *id);
/* Reads the secret of an -object secret. If it is in a file, this is the first line. */
bool options_read_secret(const struct options *options, const char *id, char *text, size_t size,
                         struct error *error);
/* Returns whether the value asks for help: help or ?. */
bool options_is_help(const char *text);
/* Takes the value of werror= or rerror= (`key`) of a flag. */
bool options_parse_on_error(const char *flag, const char *key, const char *value,
                            enum blockdev_on_error *action, struct error *error);
/* Reports that the value is not one of the list `instead`. */
bool options_bad_value(struct error *error, const char *flag, const char *value, const char *instead);
/* Takes a switch; options_bad_value() if the value is not one. */
bool options_take_switch(const char *flag, const char *value, bool *on, struct error *error);
/* Prints -device help, or, with the name of a device, its keys. */
void options_print_devices(const char *name, FILE *out);

#endif
