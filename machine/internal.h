/* SPDX-License-Identifier: MIT
 *
 * The parts of a machine, shared by the files in machine/; the floors above do not see them.
 *
 * All of it belongs to the thread that owns the machine, except `event`, which any thread may set, and what
 * has its own lock (devices, harts' requests, the clock).
 */
#ifndef MACHINE_INTERNAL_H
#define MACHINE_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu/hart.h"
#include "dbt/dbt.h"
#include "devices/block/blockdev.h"
#include "devices/char/chardev.h"
#include "devices/device.h"
#include "devices/guest_event.h"
#include "devices/pci/iommu.h"
#include "devices/platform/ramfb.h"
#include "machine/board.h"
#include "machine/boot/fdt.h"
#include "machine/boot/loader.h"
#include "machine/bus.h"
#include "machine/inspect.h"
#include "machine/machine.h"
#include "util/clock.h"

#define MACHINE_DEVICES_MAX  128
#define MACHINE_BACKENDS_MAX 80

/* A function on the PCI bus, and the disk that was opened for it. */
struct machine_pci_made {
    struct pci_function *function;                      /* NULL: none */
    struct blockdev *disk;                              /* NULL: none */
    struct chardev *chardevs[VIRTIO_CONSOLE_PORTS_MAX]; /* of its ports; NULL after the last */
    uint64_t asked_ms;  /* host milliseconds: when its guest was asked to give it up; 0: never */
    struct pci_dma dma; /* how it reaches memory, if the bus has an IOMMU */
};

/* The same for a USB device. */
struct machine_usb_made {
    struct usb_device *device; /* NULL: none */
    struct blockdev *disk;     /* NULL: none */
};

/* Virtual time, and whose turn it is (turns.c). Owned by the thread of the harts, or by who has stopped it,
 * except what is atomic. */
struct turns {
    unsigned hart;                /* whose turn it is */
    uint64_t end;                 /* of its turn, as its hart_instructions() */
    unsigned shift;               /* an instruction takes 1 << shift nanoseconds */
    uint64_t executed;            /* instructions of all harts when the shift last changed */
    _Atomic uint64_t base_ns;     /* the time then, and what was slept or skipped since */
    uint64_t host_ns, virtual_ns; /* when the speed was last looked at (shift=auto, align=on); 0: never */
    bool warned;                  /* that the guest is late */
};

/* A disk or a drive on a controller, and its medium. */
struct machine_unit_made {
    struct scsi_unit *unit;  /* NULL: none */
    struct blockdev *disk;   /* NULL: none */
    struct machine *machine; /* it is in machine->units_made[] */
};

/* What has ended the run of the harts, or is to end it. */
enum machine_event { MACHINE_EVENT_NONE, MACHINE_EVENT_RESET, MACHINE_EVENT_POWEROFF, MACHINE_EVENT_QUIT };

/* A hart's thread, or that of all of them. It lives as long as the machine, and sleeps between runs: making
 * and confining one takes longer than all else that a short stop needs. */
struct hart_thread {
    struct machine *machine;
    pthread_t thread;
    uint64_t run; /* the number of the last one in which it was */
};
struct hart_threads {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a run begins, or is over, or `end` */
    struct hart_thread each[MACHINE_HARTS_MAX];
    unsigned made, busy;
    uint64_t run; /* the number of the present run, or of the last one */
    bool end;
};

struct machine {
    struct machine_config config;
    struct clock *clock;
    struct bus *bus;
    struct dbt *dbt; /* NULL: there is only the interpreter */
    uint8_t *rom;
    _Atomic int64_t mtime_offset; /* owned by the MTIMER device, read by the harts */

    struct code_watch *watch;    /* stores to code; NULL: strict */
    struct isa_config first_isa; /* of hart 0, if the board says so */
    struct hart *harts[MACHINE_HARTS_MAX];
    struct hart_threads threads;
    unsigned hart_count, threads_running;
    struct turns turns;        /* of harts, with virtual time */
    struct timeline *timeline; /* NULL: the past is not kept */

    struct fdt_device devices[MACHINE_DEVICES_MAX]; /* in the order of the device tree */
    unsigned device_count;
    const struct machine_plug *plugs[MACHINE_DEVICES_MAX]; /* what is in a device's slot; NULL: nothing */
    struct virtio_device *balloon;                         /* NULL: none */
    struct device *fw_cfg;                                 /* of them; NULL: none */
    struct pci_iommu *iommu;                          /* of the board, in charge of its PCI bus; NULL: none */
    struct ramfb *ramfb;                              /* NULL: none; used by fw_cfg */
    uint8_t *flash_code[MACHINE_PFLASH_BANKS_MAX];    /* the bytes of each bank, for instruction fetch */
    struct blockdev *blockdevs[MACHINE_BACKENDS_MAX]; /* destroyed after the devices that use them */
    const struct blockdev_config *disk_configs[MACHINE_BACKENDS_MAX]; /* what each was made from */
    unsigned blockdev_count;
    struct chardev *chardevs[MACHINE_BACKENDS_MAX];
    unsigned chardev_count;
    struct chardev *serial;                        /* the UART's chardev, which is one of them */
    unsigned serials_used;                         /* how many -serial the board has UARTs for */
    struct semihosting *semihosting;               /* NULL: none */
    struct proxy *proxy;                           /* of HTIF; NULL: none */
    struct profile *profile;                       /* NULL: none */
    struct coverage *coverage;                     /* NULL: none */
    struct chardev *console;                       /* the one of them with Ctrl-A keys; NULL: none */
    struct netdev *netdevs[MACHINE_NETDEVS_MAX];   /* NULL: not made; destroyed after the devices */
    struct audiodev *audiodevs[MACHINE_AUDIO_MAX]; /* NULL: not made; destroyed after the devices */

    struct loader loader;
    struct loader_place firmware, kernel, initrd; /* end == 0: there is none */
    uint64_t module_sizes[MACHINE_LOADS_MAX];     /* bytes of config.loads[] that are modules */
    uint64_t reset_pc[MACHINE_HARTS_MAX];
    void *fdt;
    uint64_t fdt_addr;

    /* enum machine_event << 16 | exit status; the first event of a run is kept. */
    atomic_uint event;
    int event_fd;

    /* run_state.c: whether the harts run. This lock is taken before every other lock. */
    pthread_cond_t reset_done; /* used with run_lock */
    pthread_mutex_t run_lock;
    bool booted; /* memory is filled, and machine_run() waits for the boot's end */
    bool was_booted;
    atomic_bool has_run; /* it was not started paused, or has been resumed since */
    atomic_bool ending;  /* the guest has ended this boot */
    bool off;            /* the guest powered off, or the program ends */
    bool paused;
    atomic_bool io_error; /* a disk's request failed; the disk waits until the user continues the machine */
    atomic_uint pause_posted; /* enum machine_state: why the machine's thread is to pause it; RUNNING: not */
    enum machine_state paused_for; /* why it is paused; RUNNING: the user wants it so */
    atomic_uint watchdog_action;   /* enum machine_watchdog_action */
    atomic_uint panic_action;      /* enum machine_panic_action */
    atomic_bool no_reboot, no_shutdown;
    _Atomic uint64_t said_ms; /* guest_events.c: when the last line was written */
    unsigned holds;
    bool devices_held;                                 /* since it is paused */
    bool frozen;                                       /* it is being saved or loaded */
    bool incoming;                                     /* it waits for a saved machine */
    bool resumed_early;                                /* the user continued it meanwhile */
    bool unloaded;                                     /* loading over it has begun, and has not succeeded */
    bool saved;                                        /* it was saved, to go on elsewhere */
    bool quit_while_on;                                /* the user ended the run while the guest was on */
    struct pci_bus *pci_bus;                           /* NULL: none */
    struct machine_pci_made pci_made[MACHINE_PCI_MAX]; /* of config.pci[]; they change under run_lock */
    struct machine_usb_made usb_made[MACHINE_USB_MAX]; /* of config.usb[]; the same */
    struct machine_unit_made units_made[MACHINE_UNITS_MAX]; /* of config.units[]; the same */
    /* By machine_plug.controller: those to which units may come; NULL: none. */
    struct virtio_device *scsi_hosts[MACHINE_CONTROLLERS_MAX + 1];
    _Atomic uint64_t ejected;          /* hotplug.c: ports whose guest has given up what is in their slot */
    machine_screendump_fn *screendump; /* NULL: no screen */
    void *screendump_opaque;
    machine_power_button_fn *power_button; /* NULL: none */
    void *power_button_opaque;
    atomic_bool user_reset; /* the reset that was posted was the user's wish */
    struct machine_listener *listeners;

    struct gdb *_Atomic gdb;     /* NULL: there is no gdb server, and never was */
    pthread_mutex_t gdb_lock;    /* for machine_serve_gdb() */
    atomic_bool gdb_holds;       /* gdb has stopped the harts, and only gdb may continue them */
    machine_monitor_fn *monitor; /* for gdb's `monitor` command; NULL: none */
    void *monitor_opaque;
};

/* What a hart implements. harts.c */
const struct isa_config *machine_hart_isa(const struct machine *machine, unsigned hart);

/* Posts an event; async-signal-safe, any thread. */
void machine_post(struct machine *machine, enum machine_event event, unsigned status);

/* turns.c: virtual time. init() gives it to the clock. turns_run() runs all harts until each has a request
 * to stop. reset(): hart 0 has the first turn; while no hart runs. */
void turns_init(struct machine *machine);
void turns_reset(struct machine *machine);
void turns_run(struct machine *machine);

/* run_state.c */
/* The guest powers off or resets itself, on a hart's thread, or its watchdog does, on the clock's: posts the
 * event, and asks all harts to stop where they are. */
void run_state_end_boot(struct machine *machine, enum machine_event event, unsigned status);
void run_state_init(struct machine *machine);
void run_state_destroy(struct machine *machine);
/* From now on the harts run, unless the machine is paused. False if they cannot be started. */
bool run_state_boot(struct machine *machine, struct error *error);
/* From now on the harts do not run. */
void run_state_halt(struct machine *machine);
/* For struct block_on_error: a disk's request has failed; is the machine stopped because of one? `machine` is
 * a struct machine. */
struct block_error;
void run_state_disk_failed(void *machine, const struct block_error *error);
bool run_state_disk_stops(void *machine);
/* Has the machine's own thread pause the machine; for threads for which that one may have to wait, or on
 * which harts wait. */
void run_state_post_pause(struct machine *machine, enum machine_state why);
/* Has the machine's own thread look what was posted for it. Any thread. */
void run_state_wake(struct machine *machine);
/* Called on the machine's own thread: pauses the machine if that was asked for. */
void run_state_pause_posted(struct machine *machine);
void run_state_off(struct machine *machine, bool off);
/* While this is on, nothing waits long for a terminal that is stopped: for whoever waits for a hart, the
 * clock's thread or a virtio console's, any of which may be writing to one. */
void run_state_hurry(struct machine *machine, bool on);
void run_state_notify(struct machine *machine, enum machine_notice notice, bool by_guest);

struct virtio_device;

/* media.c: from now on the listeners are told of trays that move. Always true. */
bool media_watch(struct machine *machine);
/* hotplug.c: for a port's config; `machine` is a struct machine. */
void hotplug_ejected(void *machine, struct pci_function *port);
/* Called on the machine's own thread: unplugs what guests have given up. */
void hotplug_unplug_ejected(struct machine *machine);

/* balloon.c: for a balloon's config, and when one is made; false, with *error filled, for a second one. */
void balloon_changed(void *machine, uint32_t pages);
bool balloon_adopt(struct machine *machine, struct virtio_device *device, struct error *error);

/* guest_events.c: `machine` is a struct machine. */
guest_event_fn guest_events_take;

struct pci_bus;

/* plug.c: back ends that the machine owns; NULL, with *error filled. */
struct chardev *machine_open_chardev(struct machine *machine, const char *description, struct error *error);
/* That of -serial number `number`, in order from 0, for a UART of the board. */
struct chardev *machine_open_serial(struct machine *machine, unsigned number, struct error *error);
/* Those that no device of the board is behind: what comes is dropped. */
bool machine_open_spare_serials(struct machine *machine, struct error *error);
/* The networks that no device has opened, and that one may use later, or whose peers may come already. */
bool machine_open_spare_netdevs(struct machine *machine, struct error *error);
struct blockdev *machine_open_disk(struct machine *machine, const struct blockdev_config *config,
                                   struct error *error);
/* The machine owns an open one from now on; *config stays with it. False, with *error filled. */
bool machine_adopt_disk(struct machine *machine, struct blockdev *blockdev,
                        const struct blockdev_config *config, struct error *error);
/* Close one that no device uses any more. A terminal that has a monitor stays open. */
void machine_close_disk(struct machine *machine, struct blockdev *disk);
void machine_close_chardev(struct machine *machine, struct chardev *chardev);
/* Make a device that the user plugs in, together with its back end. The caller puts it into its place, or
 * destroys it. The first function is for models with create(), for either transport, the second for those
 * with create_pci(), which reach memory by `dma`. NULL, with *error filled, on failure. */
struct virtio_device *machine_create_plugged(struct machine *machine, const struct machine_plug *what,
                                             struct error *error);
struct pci_function *machine_create_plugged_pci(struct machine *machine, const struct machine_plug *what,
                                                struct dma *dma, bool multifunction, struct error *error);
/* Makes config.units[number], on its host. False, with *error filled. */
bool machine_create_unit(struct machine *machine, unsigned number, struct error *error);
/* Makes config.usb[number], and plugs it into its controller. False, with *error filled. */
bool machine_create_usb(struct machine *machine, unsigned number, struct pci_function *controller,
                        struct error *error);

/* boot/flash.c: is the S-mode payload in flash? If so, firmware starts it there, and it gets a -kernel
 * through fw_cfg. */
bool boot_flash_is_payload(const struct machine *machine);
/* Gives fw_cfg the kernel, the initial RAM disk and the command line, for a payload in flash. */
bool boot_flash_add_kernel(struct machine *machine, struct device *fw_cfg, struct error *error);

/* boot/flash.c: a whole file; *bytes is malloc'ed. False, with *error filled. */
bool boot_read_file(const char *path, uint8_t **bytes, uint32_t *length, struct error *error);
/* boot/fw_items.c: what else firmware finds in fw_cfg; when the devices are made. */
bool boot_add_fw_items(struct machine *machine, struct error *error);

/* boot/boot.c: load_images() reads all images and decides where they go. To be called before the harts are
 * made, since -device loader may choose where a hart starts. place_fdt() places the device tree and the
 * initial RAM disk. To be called after the devices were made. */
bool boot_load_images(struct machine *machine, struct error *error);
bool boot_place_fdt(struct machine *machine, struct error *error);
/* Puts everything into memory, at each reset, with all harts stopped. */
bool boot_write_memory(struct machine *machine, struct error *error);

/* harts.c */
bool harts_create(struct machine *machine, struct error *error);
/* How many bits number the interrupt files that a hart has besides that of M-mode. */
unsigned machine_guest_bits(const struct machine *machine);
void harts_destroy(struct machine *machine);
/* Whether they are to have windows; before the RAM is made, which must be a file's then. */
enum hart_windows harts_want_windows(const struct machine_config *config);
/* Before and after all others. */
void harts_init(struct machine *machine);
void harts_end(struct machine *machine);
/* Runs each hart in its thread; all or none. */
bool harts_start(struct machine *machine, struct error *error);
/* Returns when no hart runs any more. */
void harts_stop(struct machine *machine);
void harts_reset(struct machine *machine);
/* The same for who tells the translator himself what becomes of its code. */
void harts_unload(struct machine *machine);
/* set() of an irq_line: the controller is the struct hart, the number is the bit of mip. */
void harts_set_irq(void *hart, unsigned bit, bool level);
/* For bus_create(); `machine` is the opaque pointer. */
void harts_code_written(void *machine, uint64_t paddr, uint64_t length);

#endif
