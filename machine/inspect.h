/* SPDX-License-Identifier: MIT
 *
 * A view of a machine for the monitor and the profiler: its parts by number, as plain values.
 *
 * To be called between machine_hold() and machine_release(), or while the machine is paused, unless marked
 * "any time".
 */
#ifndef MACHINE_INSPECT_H
#define MACHINE_INSPECT_H

#include <stdio.h>

#include "cpu/hart.h"
#include "devices/char/chardev.h"
#include "devices/pci/pci.h"
#include "devices/platform/plic.h"
#include "machine/bus.h"
#include "machine/machine.h"

unsigned machine_hart_count(const struct machine *machine); /* any time */
/* Returns NULL if there is no such hart. */
struct hart *machine_hart(struct machine *machine, unsigned number);
/* What is recorded or replayed (machine/timeline/timeline.h); NULL: nothing. */
struct timeline *machine_timeline(struct machine *machine);
/* Executes one instruction of a hart of a paused machine. False, with *error filled, on failure. Calls
 * machine_hold() itself. */
bool machine_step(struct machine *machine, unsigned number, struct error *error);

/* Has gdb stopped the guest? Then only gdb can continue it. Any time. */
bool machine_held_by_gdb(struct machine *machine);

/* Opens the gdb server at `where` (machine/gdb/gdb.h), or moves it there; NULL: closes it. False, with *error
 * filled, on failure. Any time, but not between machine_hold() and machine_release(). */
bool machine_serve_gdb(struct machine *machine, const char *where, struct error *error);

/* Was the machine started without a pause, or has it been resumed since? Any time. */
bool machine_has_run(struct machine *machine);

/* The parts of the address space; false after the last one. Any time. */
bool machine_region(struct machine *machine, unsigned number, struct bus_region *region);
/* Finds the physical address of a byte of RAM or ROM in the host's memory; false: it is neither. Any time. */
bool machine_paddr(struct machine *machine, const void *host, uint64_t *paddr);
/* The devices in the order of the device tree; false after the last one. Any time. */
struct machine_device {
    const char *name;
    uint64_t base, size;
    unsigned irq;                    /* input of the PLIC; 0: none */
    const struct machine_plug *plug; /* what is in its slot; NULL: nothing, or it has no slot */
};
/* Which device is behind an input of the PLIC; "-": none. Any time. */
const char *machine_irq_device(struct machine *machine, unsigned irq);
bool machine_device(struct machine *machine, unsigned number, struct machine_device *device);
/* An input of the interrupt controller; false after the last one. Any time. */
bool machine_irq_source(struct machine *machine, unsigned number, struct plic_source *source);
/* Prints the counters of the translator, one a line, or says that there is none. Any time. */
void machine_print_jit(struct machine *machine, FILE *out);
/* Writes the file of -coverage; reset() forgets what was executed. False, with *error filled, on failure. */
bool machine_coverage_write(struct machine *machine, struct error *error);
bool machine_coverage_reset(struct machine *machine, struct error *error);
/* To be called when the categories of the log have changed. Any time. */
void machine_trace_changed(struct machine *machine);
/* The functions on the PCI buses, in the order of their places, with what is behind a bridge after it; false
 * after the last one. */
struct machine_pci_bar {
    unsigned index;
    const char *type; /* "io", "memory" */
    bool wide, prefetchable, mapped;
    uint64_t base, size; /* base is valid only if mapped */
};
struct machine_pci_range {
    uint64_t base, limit; /* base > limit: the window is closed */
};
struct machine_pci_view {
    unsigned bus;       /* its number, as the guest has set up the bridges; 0: the root bus, or none yet */
    unsigned depth;     /* how many bridges there are before it */
    const char *bus_id; /* the last one's id; NULL: it is on the root bus */
    char path[64];      /* the places of the bridges and its own: "01.0/00.0" */
    unsigned slot, function;
    const char *name, *id;                                            /* id: of the -device; NULL: none */
    uint16_t vendor, device, subsystem_vendor, subsystem, class_code; /* class and subclass */
    unsigned pin, line;                                               /* pin 1..4: INTA .. INTD; 0: none */
    unsigned irq;                                                     /* input of the PLIC; 0: none */
    unsigned msix_vectors;
    bool bus_master;
    struct machine_pci_bar bars[PCI_BARS];
    unsigned bar_count;
    bool bridge;                     /* what follows is valid */
    unsigned secondary, subordinate; /* numbers of buses */
    struct machine_pci_range io, memory, prefetch;
};
bool machine_pci_view(struct machine *machine, unsigned number, struct machine_pci_view *view);
/* The disks and banks of flash that have an image; false after the last one. */
struct machine_disk {
    /* "virtio0", "pci05.0", "pflash1", "pci.1/00.0" on a port's bus, "scsi0/2:1" on a controller (target,
     * unit) */
    char place[48];
    const char *id, *device_id; /* of the drive, and of its device; NULL: none */
    const struct blockdev_config *config;
    const char *format;
    uint64_t size; /* bytes */
    bool read_only;
    bool removable, locked, tray_open; /* of a drive */
    bool is_virtio, on_pci; /* of its device; both false: flash, a unit of a controller, or a board's own */
    struct blockdev_counts counts[BLOCKDEV_KINDS];
    struct block_throttle_limits limits; /* of its speed */
    uint64_t highest;                    /* the end of what was written to it, in bytes */
    bool one_file;                       /* the next two are known */
    uint64_t allocated, file_highest;    /* of the file on the host */
};
bool machine_disk(struct machine *machine, unsigned number, struct machine_disk *disk);
/* The same for drives without a medium, which have no config. */
bool machine_empty_drive(struct machine *machine, unsigned number, struct machine_disk *drive);
/* The network config.netdevs[number]; NULL: it was not made. */
struct netdev *machine_network(struct machine *machine, unsigned number);
/* Changes the size of the disk of that number, and tells the guest. False, with *error filled, on failure. */
bool machine_resize_disk(struct machine *machine, unsigned number, uint64_t bytes, struct error *error);
/* Limits the speed of the disk of that number. False, with *error filled, on failure. */
bool machine_limit_disk(struct machine *machine, unsigned number, const struct block_throttle_limits *limits,
                        struct error *error);
/* A function that takes a picture of the screen. It is set at most once, before the machine runs; a picture
 * may be taken at any time. */
typedef bool machine_screendump_fn(void *opaque, const char *path, const char *format, struct error *error);
void machine_set_screendump(struct machine *machine, machine_screendump_fn *screendump, void *opaque);
/* format: "ppm", "png"; NULL: PNG if the name ends in .png, else PPM. */
bool machine_screendump(struct machine *machine, const char *path, const char *format, struct error *error);
/* The character devices of the machine, without those of monitors; NULL after the last one. Any time. */
struct chardev *machine_chardev(struct machine *machine, unsigned number);
/* A function that presses the guest's power button; it returns false if the guest listens to none. It is set
 * before machine_run(). Any thread may call it. */
typedef bool machine_power_button_fn(void *opaque);
void machine_set_power_button(struct machine *machine, machine_power_button_fn *press, void *opaque);
bool machine_press_power_button(struct machine *machine);
/* The console with Ctrl-A keys, which a monitor may share; NULL: none. Any time. */
struct chardev *machine_console(struct machine *machine);

#endif
