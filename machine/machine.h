/* SPDX-License-Identifier: MIT
 *
 * The machine: a board, its harts and what is plugged into it, made from a description and run to its end.
 *
 * The thread that calls machine_run() owns the machine; harts, the clock and the host backends have threads
 * of their own. What ends a run (power-off, reset, the user) reaches the owner through one event word and an
 * eventfd, so that it can be posted from any thread and from a signal handler.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cpu/isa/isa.h"
#include "dbt/dbt.h"
#include "devices/audio/audiodev.h"
#include "devices/block/blockdev.h"
#include "devices/display/display.h"
#include "devices/model.h"
#include "devices/net/slirp.h"
#include "devices/virtio/9p/9p.h"
#include "devices/virtio/console.h"
#include "devices/virtio/transport/pci.h"
#include "machine/board.h"
#include "machine/coverage/coverage.h"
#include "machine/profile/profile.h"
#include "machine/semihosting/semihosting.h"
#include "util/error.h"

#define MACHINE_HARTS_MAX        64
#define MACHINE_VIRTIO_SLOTS_MAX 8  /* a board has as many or fewer: struct board */
#define MACHINE_PCI_MAX          64 /* functions */
#define MACHINE_LOADS_MAX        32
#define MACHINE_PFLASH_BANKS_MAX 2
#define MACHINE_NETDEVS_MAX      8
#define MACHINE_DUMPS_MAX        4
#define MACHINE_AUDIO_MAX        8

/* A port of a virtio console; its chardev is as for chardev_open(). */
struct machine_port {
    const char *chardev, *name; /* name: NULL: none */
    unsigned number;
    bool is_console;
};

/* What is plugged into one virtio-mmio slot, or is a function on the PCI bus. The members behind the settings
 * are for the model's back end. */
struct machine_plug {
    const struct device_model *model; /* NULL: nothing */
    struct device_settings settings;
    const char *drive_id; /* NULL: none */
    struct blockdev_config drive;
    const char *rng_file; /* host file the bytes come from; NULL: the host's getrandom() */
    struct machine_port ports[VIRTIO_CONSOLE_PORTS_MAX];
    unsigned port_count;
    unsigned netdev; /* number of the network, from 1; 0: none */
    struct p9_server_config folder;
    unsigned audiodev; /* number of the audiodev, from 1 */
};

/* A network, and the files that its frames are copied to. */
struct machine_dump {
    const char *file;
    uint32_t snap; /* bytes of a frame */
};
struct machine_netdev {
    const char *id; /* NULL: none */
    struct netdev_slirp_config user;
    struct machine_dump dumps[MACHINE_DUMPS_MAX];
    unsigned dump_count;
    bool used; /* a card is on it; without one it is not made */
};

/* Where sound goes to and comes from. The clock is filled in by the machine. */
struct machine_audiodev {
    const char *id; /* NULL: none */
    struct audiodev_config config;
    bool may_fail; /* nobody asked for it: with a warning, the guest's sound goes nowhere */
};

/* One function on the PCI bus. */
struct machine_pci {
    struct machine_plug plug;
    unsigned slot, function;
    bool multifunction;            /* function 0 of a slot with more of them */
    enum virtio_pci_legacy legacy; /* whether it has the interface of before Virtio 1.0 */
    bool no_modern;                /* it has only that */
    uint32_t vectors;              /* of MSI-X; VIRTIO_PCI_VECTORS_DEFAULT: as many as it can use */
};

/* A bank of flash. */
struct machine_pflash {
    bool present;
    struct blockdev_config drive;
};

/* -device loader: a file or a value that is put into memory before the harts start. */
struct machine_load {
    const char *file; /* NULL: the value, or only a start address */
    uint64_t addr;    /* where; of an ELF file only if has_addr */
    bool has_addr;
    bool force_raw;    /* not looked into for an ELF header */
    unsigned data_len; /* bytes of `data` to store, little-endian: 0..8 */
    uint64_t data;
    int cpu; /* hart that starts there instead of in the boot ROM; -1: none */
};

/* How guest code is run: by the interpreter alone, or translated once it is hot: by the
 * baseline translator, and by the optimiser what runs long. The default
 * is the best that there is for the harts. */
enum machine_accel { MACHINE_ACCEL_BEST, MACHINE_ACCEL_INTERP, MACHINE_ACCEL_T1, MACHINE_ACCEL_T2 };

/* All strings are borrowed and must outlive the machine. */
struct machine_config {
    const struct board *board; /* NULL: the default */
    struct isa_config isa;
    enum machine_accel accel;
    const char *dbt_without_passes; /* passes that the optimiser leaves out; NULL: none */
    const char *dbt_trace_passes;   /* and those that are shown to `listen`; NULL: none */
    const char *dbt_without; /* instructions that the translator leaves to the interpreter; NULL: none */
    bool check;              /* translated code's accesses are compared with the MMU's answers (tests) */
    bool eager;              /* the optimiser translates each block at once (tests) */
    unsigned hot;            /* runs of a block before it is translated; 0: DBT_HOT_DEFAULT */
    unsigned code_cache_mib; /* of the translator; 0: its default */
    dbt_listen_fn *listen;   /* is told of translated code; NULL: nobody */
    void *listen_opaque;
    unsigned smp;      /* harts, 1..MACHINE_HARTS_MAX */
    uint64_t ram_size; /* bytes, a multiple of 4 KiB */

    const char *bios;                           /* NULL: the default firmware; "none"; or a file */
    const char *kernel, *initrd, *append, *dtb; /* NULL: none */
    const char *dumpdtb;                        /* write the device tree here and do not run */
    struct machine_load loads[MACHINE_LOADS_MAX];
    unsigned load_count;

    const char *serial; /* as for chardev_open(); "null": a UART with nothing behind it */
    struct machine_plug virtio[MACHINE_VIRTIO_SLOTS_MAX]; /* index: the slot */
    struct machine_pflash pflash[MACHINE_PFLASH_BANKS_MAX];
    struct machine_pci pci[MACHINE_PCI_MAX];
    unsigned pci_count;
    struct machine_netdev netdevs[MACHINE_NETDEVS_MAX];
    unsigned netdev_count;
    struct machine_audiodev audiodevs[MACHINE_AUDIO_MAX]; /* made when a device uses them */
    unsigned audiodev_count;
    bool strict;        /* the specification's own behaviour where QEMU's is laxer (docs/compatibility.md) */
    bool virtio_legacy; /* the slots speak the legacy register layout (QEMU's default) */
    struct display *display; /* where screens, keyboards and pointers are plugged in; outlives the machine */
    bool ramfb;              /* a screen in guest memory, for firmware */
    /* Seconds that the RTC is ahead of UTC. */
    int64_t rtc_offset;

    struct semihosting_config semihosting;
    struct profile_config profile;
    struct coverage_config coverage;
    const char *gdb; /* where the gdb server listens, as for gdb_create(); NULL: nowhere */

    bool no_reboot;    /* a reset ends the run */
    bool no_shutdown;  /* a power-off stops the harts and waits for the user */
    bool start_paused; /* the harts wait for machine_resume() */
};

struct machine;

/* Lays out the board, opens its backends and reads all images. Nothing runs yet. NULL, with *error filled.
 * With config->dumpdtb, writes the tree; machine_run() then returns 0 at once. */
struct machine *machine_create(const struct machine_config *config, struct error *error);

/* Runs until power-off, the user's wish or (with no_reboot) a reset; returns the exit status: the guest's, or
 * the argument of machine_request_quit(). -1, with *error filled, where the host fails. */
int machine_run(struct machine *machine, struct error *error);

/* Stops what still runs, flushes disks, closes backends, frees all memory. */
void machine_destroy(struct machine *machine);

/* ---- Stopping and going on (run_state.c) ----------------------------------------------------------
 * All of these are for any thread but the harts', the clock's and the I/O loop's: they wait for the harts. */

enum machine_state {
    MACHINE_RUNNING,
    MACHINE_PAUSED,
    MACHINE_IO_ERROR, /* paused, since a disk's request failed: machine_resume() makes it again */
    MACHINE_SHUTDOWN, /* powered off, and kept by no_shutdown; or at its end */
};
enum machine_state machine_state(struct machine *machine);
/* Stops all harts and the guest's clock until machine_resume(). */
void machine_pause(struct machine *machine);
/* False, with *error filled, where the guest is off. */
bool machine_resume(struct machine *machine, struct error *error);
/* Resets the guest; it stays paused if it was. */
void machine_request_reset(struct machine *machine);
/* The same; where the guest is off, it returns when the reset is done, so that machine_resume() may follow at
 * once. Not from the machine's own thread, nor between machine_hold() and machine_release(). */
void machine_reset_from_off(struct machine *machine);
/* Between the two no hart runs, so that all of the machine may be looked at; the guest does not notice. May
 * be nested. */
void machine_hold(struct machine *machine);
void machine_release(struct machine *machine);

/* What happens to the machine, told to listeners on whatever thread it happens: they must not wait. */
enum machine_notice {
    MACHINE_NOTICE_PAUSED,
    MACHINE_NOTICE_RESUMED,
    MACHINE_NOTICE_RESET,
    MACHINE_NOTICE_SHUTDOWN, /* by_guest: power-off, or a reset with no_reboot; else the user's quit */
};
/* A disk's request that the host failed. */
struct machine_disk_error {
    const char *drive; /* id; "": none */
    bool write, no_space;
    const char *action; /* "report", "ignore", "stop" */
    const char *reason; /* static */
};
struct machine_listener {
    /* May be NULL. On a disk's thread. */
    void (*disk_failed)(void *opaque, const struct machine_disk_error *error);
    void (*notice)(void *opaque, enum machine_notice notice, bool by_guest);
    void *opaque;
    struct machine_listener *next; /* the machine's */
};
/* Before machine_run(); the listener outlives it. */
void machine_listen(struct machine *machine, struct machine_listener *listener);

/* A monitor for gdb's `monitor` commands that the gdb server does not have itself. Called on the server's
 * thread, between machine_hold() and machine_release(), with the hart that is selected in gdb: writes its
 * output and returns true, or false where it does not know the command. Before machine_run(). */
typedef bool machine_monitor_fn(void *opaque, unsigned hart, const char *command, FILE *out);
void machine_set_monitor(struct machine *machine, machine_monitor_fn *monitor, void *opaque);

/* Ends machine_run() with that status. Any thread, and async-signal-safe. The first request wins. */
void machine_request_quit(struct machine *machine, int status);

#endif
