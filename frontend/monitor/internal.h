/* SPDX-License-Identifier: MIT
 *
 * Shared by the files in frontend/monitor/.
 *
 * A command gets its arguments as a JSON object and leaves its result as one, no matter how it was called.
 * For people the result is printed as tables, by monitor_print() or by the command's own function.
 */
#ifndef FRONTEND_MONITOR_INTERNAL_H
#define FRONTEND_MONITOR_INTERNAL_H

#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "devices/char/chardev.h"
#include "frontend/monitor/monitor.h"
#include "machine/inspect.h"

/* ---- Commands (command.c) ------------------------------------------------------------------------------ */

struct monitor_call {
    struct machine *machine;
    const struct options *options;
    struct options *changeable; /* the same, for what comes and goes; between machine_hold() and _release() */
    struct screen *screen;
    struct migration *migration;
    struct jobs *jobs;
    atomic_bool *migration_events;   /* are programs told of it? */
    bool is_program;                 /* it came by QMP */
    bool may_not_wait;               /* the caller holds the machine, or serves others */
    bool holds;                      /* the caller holds the machine */
    struct chardev *chardev;         /* the client's; NULL: none */
    atomic_uint *balloon_interval;   /* seconds, as set by qom-set */
    unsigned *hart;                  /* the hart that is used if none is named; the cpu command sets it */
    struct json_object *arguments;   /* an object */
    struct json_object *result;      /* set by run(); NULL: there is nothing to say */
    void (*powerdown)(void *opaque); /* tells the monitors' listeners */
    void *opaque;
    struct error error;
    const char *error_class; /* QMP's; NULL: GenericError */
};

enum monitor_flags {
    MONITOR_HOLD = 1 << 0,     /* the harts do not run while the command runs */
    MONITOR_PROGRAMS = 1 << 1, /* not listed for people */
    MONITOR_ANY = 1 << 2,      /* programs may give any arguments; run() checks them */
};

struct monitor_command {
    const char *name;  /* as people type it: "info registers" */
    const char *alias; /* NULL: none */
    const char *qmp;   /* the name for programs; NULL: only people can call it */
    /* "hart:i? format:f address:i": name, type, ? where it may be left out. Types: i a number or expression,
     * s a word, r the rest of the line, f the letters behind a slash ("x/10i"), b a flag ("-a"), a any JSON
     * (programs only). */
    const char *parameters;
    const char *help;
    unsigned flags;
    bool (*run)(struct monitor_call *call);               /* false: call->error says why */
    void (*print)(FILE *out, struct json_object *result); /* NULL: monitor_print() */
};
extern const struct monitor_command monitor_commands[]; /* ends with a NULL name */

struct monitor_parameter {
    char name[24];
    char type;
    bool optional;
};
/* The parameter at *text, which moves to the next; false at the end. */
bool monitor_next_parameter(const char **text, struct monitor_parameter *parameter);
extern const char *const monitor_event_names[]; /* monitor.c; ends with NULL */

/* Runs a line that a person typed, and prints the result. False: there is no such command, and nothing was
 * printed. */
bool monitor_run_line(struct monitor_call *call, const char *line, FILE *out);
void monitor_print_unknown(const char *line, FILE *out);
/* Runs a command by its QMP name; NULL if there is none. *ok is what run() returned. */
const struct monitor_command *monitor_run_qmp(struct monitor_call *call, const char *name, bool *ok);
/* Finds the completions of the beginning of a line, for the line editor. Returns their number, and puts their
 * names into names[]. */
unsigned monitor_complete(const char *line, const char *names[], unsigned limit);

/* The functions in the table, by file. */
typedef bool monitor_run_fn(struct monitor_call *call);
typedef void monitor_print_fn(FILE *out, struct json_object *result);
/* control.c */
monitor_run_fn monitor_help, monitor_stop, monitor_cont, monitor_gdbserver, monitor_step, monitor_reset,
    monitor_powerdown, monitor_quit, monitor_screendump, monitor_log, monitor_cpu, monitor_hmp,
    monitor_list_commands, monitor_sandbox;
/* Adds to call->error whether the sandbox is the reason, judging by the errno of a command that could not
 * open a file. Returns false. */
bool monitor_add_hint(struct monitor_call *call);
bool monitor_add_image_hint(struct monitor_call *call); /* the same of an image */
/* info.c */
monitor_run_fn monitor_status, monitor_version, monitor_name, monitor_cpus, monitor_registers, monitor_csr,
    monitor_mtree, monitor_qtree, monitor_irq, monitor_jit, monitor_kvm;
monitor_print_fn monitor_print_status, monitor_print_version, monitor_print_cpus, monitor_print_registers,
    monitor_print_lines;
/* timeline.c */
monitor_run_fn monitor_replay, monitor_timeline, monitor_timeline_svg, monitor_record;
monitor_print_fn monitor_print_replay;
/* devices.c */
monitor_run_fn monitor_block, monitor_pci, monitor_chardev, monitor_chardev_kinds, monitor_ringbuf_read;
monitor_print_fn monitor_print_block, monitor_print_pci, monitor_print_chardev;
/* Adds what programs read about how an image is opened. */
void monitor_put_settings(struct json_object *medium, const struct blockdev_config *config,
                          const struct block_throttle_limits *limits);
/* limits.c */
monitor_run_fn monitor_set_limits;
void monitor_put_limits(struct json_object *medium, const struct block_throttle_limits *limits);
/* network.c */
monitor_run_fn monitor_network, monitor_set_link, monitor_set_link_line, monitor_netdev_add,
    monitor_netdev_del, monitor_hostfwd_add, monitor_hostfwd_remove;
monitor_print_fn monitor_print_network;
/* blockstats.c */
monitor_run_fn monitor_blockstats, monitor_block_resize, monitor_block_resize_line;
monitor_print_fn monitor_print_blockstats;
#define MONITOR_PATH 128
/* The names by which QEMU's programs know a disk: that of its drive ("" if it is a node), and the path of its
 * device among the objects, which `path` may hold. */
const char *monitor_disk_drive(const struct monitor_call *call, const struct machine_disk *disk);
const char *monitor_disk_path(const struct machine_disk *disk, char path[MONITOR_PATH]);
/* keys.c */
monitor_run_fn monitor_send_key, monitor_sendkey_line, monitor_input_send_event;
/* fds.c */
monitor_run_fn monitor_getfd, monitor_closefd, monitor_add_fd, monitor_remove_fd, monitor_query_fdsets;
/* The open descriptor behind "fd:NAME", given by getfd, which the caller closes; -1, with call->error filled:
 * there is none. */
int monitor_take_fd(struct monitor_call *call, const char *name);
/* hotplug.c */
/* Returns the arguments as the text of the flag, which people write as the argument `first`; NULL, with
 * call->error filled. */
const char *monitor_text_of_arguments(struct monitor_call *call, const char *flag, const char *first);
monitor_run_fn monitor_device_add, monitor_device_del, monitor_blockdev_add, monitor_blockdev_del,
    monitor_block_nodes;
/* media.c */
monitor_run_fn monitor_eject, monitor_change, monitor_open_tray, monitor_close_tray, monitor_remove_medium,
    monitor_insert_medium;
/* qom.c */
monitor_run_fn monitor_qom_list, monitor_qom_get, monitor_qom_set;
/* vnc.c */
monitor_run_fn monitor_set_password, monitor_expire_password, monitor_change_vnc, monitor_query_vnc;
/* The name of the memory that RAM is made of if the user names none (probe.c). */
const char *monitor_ram_id(const struct board *board);
/* models.c */
monitor_run_fn monitor_device_properties;
/* cpus.c */
monitor_run_fn monitor_cpu_definitions, monitor_cpu_expansion, monitor_hotpluggable_cpus, monitor_nmi,
    monitor_stats, monitor_current_machine;
/* dump.c */
monitor_run_fn monitor_memsave, monitor_pmemsave, monitor_dump, monitor_query_dump, monitor_dump_formats;
/* What DUMP_COMPLETED says: how many bytes of memory; *error: why not, or "". */
struct json_object *monitor_dump_data(uint64_t bytes, const char *error);
/* backends.c */
monitor_run_fn monitor_iothreads, monitor_memdev;
monitor_print_fn monitor_print_iothreads;
/* probe.c */
monitor_run_fn monitor_target, monitor_machines, monitor_memory_size, monitor_uuid, monitor_command_line,
    monitor_list_types, monitor_list_properties, monitor_no_rows;
/* migrate.c */
monitor_run_fn monitor_set_one_capability, monitor_migrate, monitor_migrate_cancel, monitor_migrate_incoming,
    monitor_query_migrate, monitor_migrate_capabilities, monitor_set_capabilities, monitor_migrate_parameters,
    monitor_set_parameter_line, monitor_set_parameters;
monitor_print_fn monitor_print_migrate, monitor_print_capabilities, monitor_print_parameters;
/* snapshots.c */
monitor_run_fn monitor_keep, monitor_restore, monitor_forget, monitor_kept;
monitor_run_fn monitor_savevm, monitor_loadvm, monitor_delvm, monitor_snapshots, monitor_snapshot_save,
    monitor_snapshot_load, monitor_snapshot_delete, monitor_query_jobs, monitor_job_dismiss,
    monitor_job_cancel;
monitor_print_fn monitor_print_snapshots;
/* schema.c */
monitor_run_fn monitor_schema;
/* guest.c */
monitor_run_fn monitor_set_action, monitor_watchdog_action, monitor_balloon, monitor_balloon_line,
    monitor_info_balloon, monitor_query_balloon;
monitor_print_fn monitor_print_balloon;
/* memory.c */
monitor_run_fn monitor_x, monitor_xp, monitor_disassemble, monitor_mem, monitor_tlb, monitor_write_symbols,
    monitor_coverage_write, monitor_coverage_reset;
monitor_print_fn monitor_print_mem;

/* ---- Arguments and results (value.c) ------------------------------------------------------------------- */

/* Evaluates text such as "$pc + 0x10": numbers, $registers and CSRs of the hart, + and -. The harts must be
 * held. False, with *error filled, on failure. */
bool monitor_evaluate(struct machine *machine, unsigned hart, const char *text, uint64_t *value,
                      struct error *error);

/* Return an argument, or `otherwise` if it was not given. Numbers were evaluated before run(). */
uint64_t monitor_number(const struct monitor_call *call, const char *name, uint64_t otherwise);
const char *monitor_text(const struct monitor_call *call, const char *name, const char *otherwise);
bool monitor_given(const struct monitor_call *call, const char *name);

/* Add members to a result. Addresses and register values are strings in hexadecimal, since JSON's numbers
 * have too few bits. */
void monitor_put_text(struct json_object *object, const char *name, const char *text);
void monitor_put_number(struct json_object *object, const char *name, uint64_t value);
void monitor_put_hex(struct json_object *object, const char *name, uint64_t value, unsigned digits);
void monitor_put_bool(struct json_object *object, const char *name, bool value);

/* Read members of a result: NULL, "", 0 and false where there is none. */
struct json_object *monitor_get(struct json_object *object, const char *name);
const char *monitor_get_text(struct json_object *object, const char *name);
uint64_t monitor_get_number(struct json_object *object, const char *name);
bool monitor_get_bool(struct json_object *object, const char *name);
/* Adds an object to an array, and returns it. */
struct json_object *monitor_add_row(struct json_object *rows);

/* Prints a result for people: an array of objects as a table, and an object with one line for each member. */
void monitor_print(FILE *out, struct json_object *result);

/* ---- Monitors (monitor.c) ------------------------------------------------------------------------------ */

#define MONITOR_INPUT   65536u
#define MONITOR_EVENTS  64u
#define MONITOR_LIMITED 5u /* names of events of the guest */
#define MONITOR_FDS     32u
#define MONITOR_FD_NAME 64u /* bytes */

struct monitor_event {
    const char *name;
    int by; /* 1: the guest did it, 0: it did not; -1: the event does not say */
    const char *reason;
    const char *status; /* of a migration or a job; NULL: the event has none. Static */
    char job[64];       /* whose status it is; "": not that of a job */
    unsigned pass;      /* of a migration; 0: the event has none */
    const char *action; /* of an event of the guest; NULL: it has none */
    /* Host milliseconds. An event that the guest can cause at will is sent at most once a second; until then,
     * a newer one takes its place. 0: at once. */
    uint64_t due;
    bool on_balloon; /* BALLOON_CHANGE: the guest has `actual` bytes of RAM */
    uint64_t actual;
    bool on_device; /* DEVICE_DELETED: `drive` is the device's id */
    bool on_tray;   /* DEVICE_TRAY_MOVED: `drive` is the device's id, and `tray_drive` that of the -drive */
    bool tray_open;
    char tray_drive[64];
    bool on_dump;  /* DUMP_COMPLETED: of `actual` bytes; `why` is why it failed */
    char why[160]; /* "": it did not */
    bool on_disk;  /* BLOCK_IO_ERROR: `disk` says which disk; names are copied */
    struct machine_disk_error disk;
    char drive[64];
    struct timespec time;
};

struct monitor {
    struct monitors *owner;
    struct chardev *chardev;
    bool owns_chardev; /* false: it shares the console of the machine */
    bool control;      /* QMP */
    bool edits;        /* on a terminal: lines are edited */
    unsigned hart;     /* the monitor's current hart */
    pthread_t thread;
    bool started;

    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t changed;
    uint8_t input[MONITOR_INPUT];
    size_t input_head, input_count;
    unsigned openings; /* how often a client came */
    unsigned closings;
    struct monitor_event events[MONITOR_EVENTS];
    unsigned event_count;
    uint64_t limited_until[MONITOR_LIMITED]; /* host milliseconds, by the first of monitor_event_names[] */
    bool stopping;

    /* For the line editor: a pseudo-terminal, whose other end the library has. */
    int master, slave;
    int stop_event; /* an eventfd */
    pthread_t pump;
    bool pumping;
};

struct monitors {
    struct machine *machine;
    atomic_bool panicked; /* the guest is powered off for that */
    struct options *options;
    struct screen *screen;
    struct migration *migration;
    struct jobs *jobs;
    atomic_bool migration_events;
    atomic_uint balloon_interval;
    _Atomic uint64_t dumped; /* bytes of the last dump-guest-memory; 0: none */
    struct machine_listener listener;
    pthread_mutex_t fds_lock; /* protects the descriptors of getfd */
    struct {
        char name[MONITOR_FD_NAME];
        int fd;
    } fds[MONITOR_FDS];
    unsigned fd_count;
    struct monitor *list[OPTIONS_MONITORS_MAX];
    unsigned count;
};

/* Waits for bytes, events, or openings that the caller has not seen. Takes up to `size` bytes. */
struct monitor_news {
    size_t bytes;
    unsigned openings; /* as counted by the monitor */
    bool stopping;
};
struct monitor_news monitor_wait(struct monitor *monitor, void *bytes, size_t size, unsigned openings_seen);
/* Takes the oldest event; false if there is none. */
bool monitor_take_event(struct monitor *monitor, struct monitor_event *event);
void monitor_write(struct monitor *monitor, const char *text, size_t length);
/* Makes a stream that leads to monitor_write(); NULL if memory is short. */
FILE *monitor_stream(struct monitor *monitor);
/* Tells programs that a dump of memory has ended; `why`: not well, NULL: well. */
void monitor_tell_dump(struct monitors *monitors, uint64_t bytes, const char *why);
void monitor_prepare_call(struct monitor *monitor, struct monitor_call *call);

/* The threads' functions. */
void *monitor_line_thread(void *monitor); /* line.c: lines as they come */
void *monitor_edit_thread(void *monitor); /* edit.c: with the line editor */
void *monitor_qmp_thread(void *monitor);  /* qmp.c */
/* edit.c: makes the pseudo-terminal. False if the host has none; lines are then not edited. */
bool monitor_edit_open(struct monitor *monitor);
void monitor_edit_close(struct monitor *monitor);
void monitor_edit_input(struct monitor *monitor, const uint8_t *bytes, size_t length);

#define MONITOR_PROMPT "(rvive) "

#endif
