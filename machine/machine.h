/* SPDX-License-Identifier: MIT
 *
 * The machine: a board, its harts and what is plugged into it, made from a description and run to its end.
 *
 * The thread that calls machine_run() owns the machine; harts, the clock and the host backends have threads
 * of their own. Whatever ends a run (power-off, reset, the user) reaches the owner through one event word and
 * an eventfd, so that any thread and a signal handler can post it.
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
#include "devices/net/peers.h"
#include "devices/net/slirp.h"
#include "devices/virtio/9p/9p.h"
#include "devices/virtio/console.h"
#include "devices/virtio/transport/pci.h"
#include "machine/board.h"
#include "machine/boot/smbios.h"
#include "machine/coverage/coverage.h"
#include "machine/guest_events.h"
#include "machine/profile/profile.h"
#include "machine/semihosting/semihosting.h"
#include "util/error.h"

#define MACHINE_HARTS_MAX        64
#define MACHINE_VIRTIO_SLOTS_MAX 8  /* struct board says how many a board has */
#define MACHINE_PCI_MAX          64 /* functions */
#define MACHINE_USB_MAX          32
#define MACHINE_LOADS_MAX        32
#define MACHINE_PFLASH_BANKS_MAX 2
#define MACHINE_NETDEVS_MAX      8
#define MACHINE_DUMPS_MAX        4
#define MACHINE_AUDIO_MAX        8
#define MACHINE_SPARE_SERIALS    7
#define MACHINE_FW_FILES_MAX     32
#define MACHINE_NODES_MAX        8
#define MACHINE_UNITS_MAX        32
#define MACHINE_CONTROLLERS_MAX  32 /* that have units */

/* A port of a virtio console; its chardev is described as for chardev_open(). */
struct machine_port {
    const char *chardev, *name; /* name: NULL: none */
    unsigned number;
    bool is_console;
};

/* A disk or a CD drive on a controller. */
struct machine_unit {
    unsigned controller; /* its number, from 1: machine_plug.controller */
    const struct device_model *model;
    struct device_settings settings; /* with a target and a lun */
    const char *drive_id;            /* NULL: none */
    bool of_node;                    /* that is the name of the image, which goes with it, not of a -drive */
    struct blockdev_config drive;    /* path NULL: a drive without a medium */
};

/* Memory of the host: a piece of the guest's RAM, where pieces follow each other from its start, or what a
 * device shares. */
struct machine_memory {
    uint64_t size; /* bytes, a multiple of 4 KiB */
    const char
        *path;       /* a file of the host that holds it, or a folder for one that is forgotten; NULL: none */
    uint64_t offset; /* in the file */
    bool memfd;      /* memory that other processes can be given */
    bool shared;     /* the guest's writes go to the file */
    bool read_only_file;
    bool prealloc; /* all of it is taken from the host at the start */
    bool merge;    /* equal pages of several machines may be kept once */
    bool undumped; /* it is not in a core dump */
};

/* What is plugged into a virtio-mmio slot, or is a function on the PCI bus. The members after `settings` are
 * for the model's back end. */
struct machine_plug {
    const struct device_model *model; /* NULL: nothing */
    struct device_settings settings;
    const char *drive_id; /* NULL: none */
    struct blockdev_config drive;
    struct machine_memory memory;
    const char *server;   /* path of a socket that the device connects to */
    const char *rng_file; /* the host file that the bytes come from; NULL: the host's getrandom() */
    struct machine_port ports[VIRTIO_CONSOLE_PORTS_MAX];
    unsigned port_count;
    unsigned netdev; /* number of the network, from 1; 0: none */
    struct p9_server_config folder;
    unsigned audiodev;   /* number of the audiodev, from 1 */
    unsigned controller; /* a number of its own, from 1, if it has units */
};

/* A network, and the files that its frames are copied to. */
struct machine_dump {
    const char *file;
    uint32_t snap; /* bytes of a frame */
};
struct machine_netdev {
    const char *id; /* NULL: none */
    struct netdev_slirp_config user;
    struct netdev_peer_config peer; /* kind NONE: it is the user network */
    struct machine_dump dumps[MACHINE_DUMPS_MAX];
    unsigned dump_count;
    bool used; /* a card uses it; a user network that no card can use is not made */
    bool gone; /* nothing: what was here has been removed */
};

/* Where sound goes and comes from. The machine fills in the clock. */
struct machine_audiodev {
    const char *id; /* NULL: none */
    struct audiodev_config config;
    /* Nobody asked for it: if it fails there is a warning, and the guest's sound goes nowhere. */
    bool may_fail;
};

/* One function on the PCI bus. */
struct machine_pci {
    struct machine_plug plug;
    const char *bus; /* id of the bridge that it is behind; NULL: it is on the root bus */
    unsigned slot, function;
    bool left;                     /* nothing: what was here has been unplugged */
    bool multifunction;            /* function 0 of a slot that has more functions */
    enum virtio_pci_legacy legacy; /* whether it has the interface from before Virtio 1.0 */
    bool no_modern;                /* it has only that interface */
    uint32_t vectors;              /* of MSI-X; VIRTIO_PCI_VECTORS_DEFAULT: as many as it can use */
};

/* A device on a USB controller. */
struct machine_usb {
    struct machine_plug plug;
    unsigned controller; /* config.pci[]: its number */
    const char *path;    /* its port: "1", "2.3" */
};

/* Where a device is that comes or goes while the machine runs: an entry of one of the lists of the
 * configuration. An entry of usb[] and units[] without a model is free. */
enum machine_list { MACHINE_LIST_PCI, MACHINE_LIST_USB, MACHINE_LIST_UNITS };
struct machine_place {
    enum machine_list list;
    unsigned number;
};

/* A bank of flash. */
struct machine_pflash {
    bool present;
    struct blockdev_config drive;
};

/* -device guest-loader: what the file is for a hypervisor, which finds it in the device tree. */
enum machine_module { MACHINE_MODULE_NONE, MACHINE_MODULE_KERNEL, MACHINE_MODULE_RAMDISK };

/* -device loader and guest-loader: a file or a value that is put into memory before the harts start. */
struct machine_load {
    const char *file; /* NULL: the value, or only a start address */
    uint64_t addr;    /* where it goes; for an ELF file only used if has_addr */
    bool has_addr;
    bool force_raw;    /* the file is not checked for an ELF header */
    unsigned data_len; /* bytes of `data` to store, little-endian: 0..8 */
    bool big_endian;   /* `data` is stored so */
    uint64_t data;
    enum machine_module module;
    const char *bootargs; /* of a module; NULL: none */
    int cpu;              /* the hart that starts there and not in the boot ROM; -1: none */
};

/* -numa node: RAM and harts that are near each other. */
struct machine_node {
    unsigned id;
    uint64_t ram_size;
    uint64_t harts; /* bit n: hart n */
};

/* -fw_cfg: an item that firmware and the guest find by its name. */
struct machine_fw_file {
    const char *name;
    const char *file, *text; /* one of the two: a file of the host, or what is in it */
};

/* -boot: for firmware that looks there. */
struct machine_boot {
    bool menu, strict; /* strict: nothing is booted but what has a bootindex= */
    bool has_wait, has_fail_wait;
    uint16_t wait_ms;      /* how long the menu is shown */
    uint32_t fail_wait_ms; /* until it tries again; UINT32_MAX: never */
};

/* How guest code is executed. INTERP: by the interpreter alone. T1: code that runs often is translated by the
 * baseline translator. T2: code that runs even more often is translated by the optimiser. BEST, the default,
 * is the best that the harts can use. */
enum machine_accel { MACHINE_ACCEL_BEST, MACHINE_ACCEL_INTERP, MACHINE_ACCEL_T1, MACHINE_ACCEL_T2 };

/* Whether accesses of translated code go by the host's page tables (cpu/mmu/window.h): those of programs and
 * of code without page tables, or also those of kernels. */
enum machine_windows { MACHINE_WINDOWS_ON, MACHINE_WINDOWS_OFF, MACHINE_WINDOWS_KERNEL };

/* What the ROM of sifive_u looks for with switches 1, 6 and 11: a program in flash that runs there, or one
 * that is loaded from flash or an SD card. With other values it goes to RAM. */
enum machine_msel { MACHINE_MSEL_FLASH = 1, MACHINE_MSEL_LOAD_FLASH = 6, MACHINE_MSEL_LOAD_SD = 11 };

/* -icount: the guest's time is the number of its instructions, and its harts take turns. */
#define MACHINE_ICOUNT_SHIFT_MAX 10
struct machine_icount {
    bool on;
    unsigned shift; /* an instruction takes 1 << shift nanoseconds; 0..MACHINE_ICOUNT_SHIFT_MAX */
    bool automatic; /* the shift changes, so that the guest's time goes on as fast as the host's */
    bool skip;      /* time in which all harts wait is skipped, not slept (sleep=off) */
    bool align;     /* a guest that is ahead of the host's time waits for it */
};

/* Interrupt controllers: a PLIC; an APLIC that raises the harts' wires; one that sends messages to them. */
enum machine_aia { MACHINE_AIA_NONE, MACHINE_AIA_APLIC, MACHINE_AIA_APLIC_IMSIC };

/* All strings are borrowed and must outlive the machine. */
struct machine_config {
    const struct board *board; /* NULL: the default board */
    struct isa_config isa;
    enum machine_accel accel;
    const char *dbt_without_passes; /* passes that the optimiser leaves out; NULL: none */
    const char *dbt_trace_passes;   /* passes whose results are shown to `listen`; NULL: none */
    const char *dbt_without; /* instructions that the translator leaves to the interpreter; NULL: none */
    bool check;              /* accesses of translated code are compared with the MMU's answers (tests) */
    enum machine_windows windows;
    bool eager;              /* the optimiser translates each block at once (tests) */
    unsigned hot;            /* runs of a block before it is translated; 0: DBT_HOT_DEFAULT */
    unsigned code_cache_mib; /* of the translator; 0: its default */
    dbt_listen_fn *listen;   /* called for translated code; NULL: not wanted */
    void *listen_opaque;
    unsigned smp;      /* harts, 1..MACHINE_HARTS_MAX */
    uint64_t ram_size; /* bytes, a multiple of 4 KiB */

    struct machine_memory
        memory[MACHINE_NODES_MAX]; /* their sizes are ram_size in all; none: as the board has it */
    unsigned memory_count;
    struct machine_node nodes[MACHINE_NODES_MAX]; /* in the order of their memory */
    unsigned node_count;                          /* 0: there are none */
    uint8_t distances[MACHINE_NODES_MAX][MACHINE_NODES_MAX];
    bool has_distances;

    const char *bios;                           /* NULL: the default firmware; "none"; or a file */
    const char *firmware_dir;                   /* where that is looked for first; NULL: nowhere else */
    const char *kernel, *initrd, *append, *dtb; /* NULL: none */
    const char *dumpdtb;                        /* write the device tree here and do not run */
    struct machine_load loads[MACHINE_LOADS_MAX];
    unsigned load_count;

    const char *serial; /* as for chardev_open(); "null": a UART with nothing behind it */
    const char *spare_serials[MACHINE_SPARE_SERIALS]; /* opened, for UARTs that the board lacks; NULL: none */
    struct machine_plug virtio[MACHINE_VIRTIO_SLOTS_MAX]; /* index: the slot */
    struct machine_pflash pflash[MACHINE_PFLASH_BANKS_MAX];
    struct machine_pci pci[MACHINE_PCI_MAX];
    unsigned pci_count;
    struct machine_unit units[MACHINE_UNITS_MAX];
    unsigned unit_count;
    struct machine_usb usb[MACHINE_USB_MAX]; /* a hub comes before what is behind it */
    unsigned usb_count;
    struct machine_netdev netdevs[MACHINE_NETDEVS_MAX];
    unsigned netdev_count;
    struct machine_audiodev audiodevs[MACHINE_AUDIO_MAX]; /* made when a device uses them */
    unsigned audiodev_count;
    enum machine_aia aia;
    bool iommu_sys;      /* the board has an IOMMU for its PCI bus */
    unsigned aia_guests; /* interrupt files of each hart for virtual machines, up to HART_GUEST_FILES_MAX */
    bool aclint;         /* the device tree describes an ACLINT where it is a CLINT by default */
    bool strict;         /* follows the specification where QEMU is more tolerant (docs/compatibility.md) */
    bool virtio_legacy;  /* the slots have the legacy register layout (QEMU's default) */
    struct display *display; /* where screens, keyboards and pointers are plugged in; outlives the machine */
    bool ramfb;              /* a screen in guest memory, for firmware */
    bool vmcoreinfo;         /* fw_cfg has the file in which kernels say where their vmcoreinfo is */
    /* How many seconds the RTC is ahead of UTC. */
    int64_t rtc_offset;
    bool rtc_dated;
    int64_t rtc_date; /* if rtc_dated: what it shows at first instead, in seconds since 1970 */
    bool rtc_stands;  /* while the guest does; else it goes on with the host's */

    struct machine_fw_file fw_files[MACHINE_FW_FILES_MAX];
    unsigned fw_file_count;
    struct machine_boot boot;
    struct smbios_config smbios; /* the user's part of it */

    struct semihosting_config semihosting;
    struct profile_config profile;
    struct coverage_config coverage;
    const char *gdb; /* where the gdb server listens, as for gdb_create(); NULL: nowhere */

    uint32_t msel;             /* switches of a board that has such: enum machine_msel, or anything */
    uint32_t otp_serial;       /* the serial number in its fuses */
    struct blockdev_config sd; /* its SD card; path NULL: none */

    struct machine_icount icount;
    uint64_t record_memory;  /* bytes for the past of the machine (timeline/timeline.h); 0: it is not kept */
    const char *record_file; /* it is written there, too; NULL: it is not */
    const char *timeline_file; /* the picture of the run goes there; NULL: nowhere */
    const char *replay_file;   /* what was written there runs again, and nothing else; NULL: nothing */
    const char
        *replay_plugs; /* timeline_describe_plugs() of the whole command line; NULL if nothing is replayed */

    bool no_reboot;    /* a reset ends the run */
    bool no_shutdown;  /* after a power-off the machine waits for the user, with its harts stopped */
    bool start_paused; /* the harts wait for machine_resume() */
    bool incoming;     /* they wait for a saved machine: machine_thaw_loaded() */
    enum machine_panic_action panic_action;
    enum machine_watchdog_action watchdog_action; /* at the start */
};

struct machine;

/* Lays out the board, opens its backends and reads all images. Nothing runs yet. NULL, with *error filled, on
 * failure. With config->dumpdtb it writes the tree, and machine_run() then returns 0 at once. */
struct machine *machine_create(const struct machine_config *config, struct error *error);

/* Runs until power-off, the user's wish or (with no_reboot) a reset. Returns the exit status: the guest's, or
 * the argument of machine_request_quit(). -1, with *error filled, if the host fails. */
int machine_run(struct machine *machine, struct error *error);

/* Stops what still runs, flushes disks, closes backends, and frees all memory. */
void machine_destroy(struct machine *machine);

/* ---- Stopping and continuing (run_state.c) ------------------------------------------------------------- */

/* All of these may be called by any thread except the harts', the clock's and the I/O loop's: they wait for
 * the harts. */

enum machine_state {
    MACHINE_RUNNING,
    MACHINE_PAUSED,
    MACHINE_IO_ERROR,       /* paused, since a disk's request failed; machine_resume() tries it again */
    MACHINE_GUEST_PANICKED, /* paused, since the guest has panicked */
    MACHINE_WATCHDOG,       /* paused by the watchdog */
    MACHINE_INCOMING,       /* paused, until a saved machine is loaded */
    MACHINE_SAVED,          /* paused, since it was saved to go on elsewhere */
    MACHINE_SHUTDOWN,       /* powered off, and kept by no_shutdown; or at the end of its run */
};
enum machine_state machine_state(struct machine *machine);
/* Stops all harts and the guest's clock until machine_resume(). */
void machine_pause(struct machine *machine);
/* False, with *error filled, if the guest is off. */
bool machine_resume(struct machine *machine, struct error *error);
/* Resets the guest; it stays paused if it was. */
void machine_request_reset(struct machine *machine);
/* The same. If the guest is off, it returns when the reset is done, so that machine_resume() may follow at
 * once. Not from the machine's own thread, nor between machine_hold() and machine_release(). */
void machine_reset_from_off(struct machine *machine);
/* Between hold() and release() no hart runs, so that all of the machine may be examined; the guest does not
 * notice. Calls may be nested. */
void machine_hold(struct machine *machine);
void machine_release(struct machine *machine);

/* Between freeze() and thaw() the machine is paused and cannot be resumed, reset or frozen again, so that it
 * can be saved or loaded (machine/state/state.h). It may be looked at. */
enum machine_freeze {
    MACHINE_FREEZE_TO_SAVE,
    MACHINE_FREEZE_TO_LOAD,
    MACHINE_FREEZE_TO_REPLACE, /* to load over a machine that has run */
    MACHINE_FREEZE_AT_END,     /* after machine_run(), to save; not thawed */
};
/* False, with *error filled, if that is not possible now. *running: whether it ran, or would have. */
bool machine_freeze(struct machine *machine, enum machine_freeze what, bool *running, struct error *error);
/* After saving. `saved`: it stays paused, to go on elsewhere; else it goes on if it `was_running`. */
void machine_thaw(struct machine *machine, bool saved, bool was_running);
/* After loading: the machine goes on if the saved one ran and the user did not ask for a pause. */
void machine_thaw_loaded(struct machine *machine, bool was_running);
/* After loading failed: it waits for another saved machine. */
void machine_thaw_failed(struct machine *machine);

/* Between freeze() and thaw(): puts devices and harts into their reset state, so that a machine can be
 * loaded. From now on the machine has no state that could run: it stays paused, and can only be reset or
 * loaded, until machine_loaded(). */
void machine_unload(struct machine *machine);
void machine_loaded(struct machine *machine);

/* ---- Virtual time (turns.c) ---------------------------------------------------------------------------- */

/* Instructions that all harts have retired; exact while the machine is paused. Any thread. */
uint64_t machine_instructions(const struct machine *machine);

/* ---- Hot plug (hotplug.c) ------------------------------------------------------------------------------ */

/* Makes a device and plugs it into a port, a USB controller or a SCSI host, as the entry of the machine's
 * configuration that `place` is, which is free; *config has it. False, with *error filled. May be called
 * between machine_hold() and machine_release(), like the next one. */
bool machine_plug(struct machine *machine, struct machine_place place, const struct machine_config *config,
                  struct error *error);
/* Makes a network, as config.netdevs[number], which is free. False, with *error filled. Between
 * machine_hold() and machine_release(), like the next one. */
bool machine_add_netdev(struct machine *machine, unsigned number, const struct machine_netdev *what,
                        struct error *error);
/* Removes a network that no card uses. */
void machine_remove_netdev(struct machine *machine, unsigned number);
enum machine_unplug { MACHINE_UNPLUG_ASKED, MACHINE_UNPLUG_UNKNOWN, MACHINE_UNPLUG_REFUSED };
/* Asks the guest to give up the device with that id. Listeners are told when it is gone, which may be before
 * this returns. *error is filled unless the result is ASKED. */
enum machine_unplug machine_unplug(struct machine *machine, const char *id, struct error *error);

/* ---- Media (media.c) ----------------------------------------------------------------------------------- */

/* Take the medium out of a drive, or put another one in. `name` is the id of the drive's device, or of the
 * -drive that was in it at the start. Unless `force` is true, a medium that the guest has locked stays, and
 * the guest is asked to let it go. False, with *error filled. May be called between machine_hold() and
 * machine_release(). *config is copied, its strings are borrowed. */
bool machine_eject(struct machine *machine, const char *name, bool force, struct error *error);
bool machine_change_medium(struct machine *machine, const char *name, const struct blockdev_config *config,
                           bool force, struct error *error);

/* Opens or closes the tray; as above, but a medium that the guest has locked is no failure. The medium stays
 * in it. */
bool machine_move_tray(struct machine *machine, const char *name, bool open, bool force, struct error *error);
/* Takes out what is in an open tray, or puts something into an empty one; the tray stays open. `drive` is the
 * name of the medium, which is the drive's from then on; borrowed. */
bool machine_remove_medium(struct machine *machine, const char *name, struct error *error);
bool machine_insert_medium(struct machine *machine, const char *name, const struct blockdev_config *config,
                           const char *drive, struct error *error);

/* What happens to the machine. Listeners are called on the thread on which it happens, and must not wait. */
enum machine_notice {
    MACHINE_NOTICE_PAUSED,
    MACHINE_NOTICE_RESUMED,
    MACHINE_NOTICE_RESET,
    /* By_guest: a power-off, or a reset with no_reboot; otherwise the user has quit. */
    MACHINE_NOTICE_SHUTDOWN,
};
/* A disk's request that the host failed. */
struct machine_disk_error {
    const char *drive; /* id; "": none */
    bool write, no_space;
    const char *action; /* "report", "ignore", "stop" */
    const char *reason; /* static */
};
struct machine_listener {
    /* May be NULL. Called on a disk's thread. */
    void (*disk_failed)(void *opaque, const struct machine_disk_error *error);
    void (*notice)(void *opaque, enum machine_notice notice, bool by_guest);
    /* May be NULL. An event with QEMU's name and action (NULL: none), on a hart's, the clock's or a disk's
     * thread. */
    void (*guest_event)(void *opaque, const char *name, const char *action);
    /* May be NULL. The device that was there is gone; `id` may be NULL. Between machine_hold() and
     * machine_release(). */
    void (*device_deleted)(void *opaque, struct machine_place place, const char *id);
    /* May be NULL. The tray of a drive was moved, by the guest or the user; `drive` is the id of its -drive,
     * `id` that of its device ("": none). On any thread. */
    void (*tray_moved)(void *opaque, const char *drive, const char *id, bool open);
    /* May be NULL. The guest has that many bytes of RAM now. With the balloon's lock held, on any thread. */
    void (*balloon)(void *opaque, uint64_t actual);
    void *opaque;
    struct machine_listener *next; /* belongs to the machine */
};
/* To be called before machine_run(); the listener outlives the machine. */
void machine_listen(struct machine *machine, struct machine_listener *listener);

/* A monitor for gdb's `monitor` commands that the gdb server itself does not have. It is called on the
 * server's thread, between machine_hold() and machine_release(), with the hart that is selected in gdb. It
 * writes its output and returns true, or returns false if it does not know the command. To be set before
 * machine_run(). */
typedef bool machine_monitor_fn(void *opaque, unsigned hart, const char *command, FILE *out);
void machine_set_monitor(struct machine *machine, machine_monitor_fn *monitor, void *opaque);

/* After machine_run(): did the user end the run while the guest was on? */
bool machine_was_quit(struct machine *machine);
/* Ends machine_run() with that status. Any thread, and async-signal-safe. The first request wins. */
void machine_request_quit(struct machine *machine, int status);

#endif
