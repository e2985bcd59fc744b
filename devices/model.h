/* SPDX-License-Identifier: MIT
 *
 * Everything that is to be said about a kind of device that the user plugs in: its names, what it is, where
 * it can be plugged in, its keys, and how one is made. A device's own file defines its model,
 * catalog/catalog.c lists the models, and all others read them there: the command line (names, keys, limits,
 * help), the machine (which back end it opens, how the device is made), the monitor (info qtree,
 * device-list-properties).
 *
 * Models are constant; any thread may read them.
 */
#ifndef DEVICES_MODEL_H
#define DEVICES_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/guest_event.h"
#include "util/error.h"

struct audiodev;
struct block_on_error;
struct blockdev;
struct clock;
struct display;
struct dma;
struct netdev;
struct p9_server_config;
struct pci_function;
struct pci_msi_target;
struct scsi_unit;
struct usb_device;
struct virtio_console_port;
struct virtio_device;
struct virtio_device_ops;

/* ---- Keys ---------------------------------------------------------------------------------------------- */

enum device_key_type {
    DEVICE_KEY_TEXT,     /* const char * */
    DEVICE_KEY_BACKEND,  /* const char *: the id of the back end */
    DEVICE_KEY_NUMBER,   /* uint32_t or uint64_t, between `least` and `most` */
    DEVICE_KEY_POWER,    /* the same, and it must be a power of two */
    DEVICE_KEY_SWITCH,   /* bool */
    DEVICE_KEY_AUTO,     /* uint32_t: 0 auto, 1 off, 2 on */
    DEVICE_KEY_CHOICE,   /* uint32_t: the number of the choice */
    DEVICE_KEY_MAC,      /* struct device_mac */
    DEVICE_KEY_ORDER,    /* uint32_t: a number from 0 on (up to `most`) plus one; 0: none */
    DEVICE_KEY_FEATURE,  /* a switch: off withholds the feature bit `least` of virtio */
    DEVICE_KEY_IGNORED,  /* no value is stored: here it is always as the key asks */
    DEVICE_KEY_OFF,      /* no value is stored: only "off" is accepted, and `limit` says why */
    DEVICE_KEY_EMPTY,    /* no value is stored: only an empty value is accepted, and `limit` says why */
    DEVICE_KEY_SLOT,     /* int: the number of a virtio-mmio slot */
    DEVICE_KEY_PCI_BUS,  /* const char *: the id of a bridge; NULL: the root bus */
    DEVICE_KEY_PCI_PLACE /* struct device_pci_place */
};

struct device_mac {
    uint8_t bytes[6];
    bool given;
};
struct device_pci_place {
    unsigned slot, function;
    bool given;
};

struct device_key {
    const char *name;
    enum device_key_type type;
    const char *help;
    size_t offset, size; /* of the value in the structure that holds it: DEVICE_KEY_VALUE() */
    uint64_t least, most;
    uint32_t fallback; /* NUMBER, POWER: the value if the key is not given */
    /* the key must be given, and this stands for its value in messages ("ID"); NULL: it may be left out */
    const char *needed;
    const char *const *choices; /* end with NULL */
    const char *limit;
};
/* Where a key's value is stored: in a member of a structure. Lists of keys end with { .name = NULL }. */
#define DEVICE_KEY_VALUE(structure, member)                                                                  \
    .offset = offsetof(structure, member), .size = sizeof(((structure *)NULL)->member)

/* The values that the keys of all models set. Zero: the key was not given. Strings are borrowed, and outlive
 * the device. */
struct device_settings {
    const char *id;
    const char *backend;
    const char *serial;    /* of a disk */
    const char *mount_tag; /* of a shared folder */
    const char *carrier;   /* of a port, a unit or a USB device: the controller that it is on, "ID.0" */
    const char *port_name;
    const char *usb_port;            /* of a USB device: "1", "2.3" */
    uint32_t usb2_ports, usb3_ports; /* of a USB controller */
    uint32_t port;                   /* the same for a PCI Express port */
    uint32_t chassis, slot, hotplug; /* of a PCI Express port; hotplug: 0 auto, 1 off, 2 on */
    struct device_mac mac;
    uint32_t queues, queue_size; /* of a disk */
    uint32_t msix_vectors, mdts; /* of an NVMe controller */
    uint32_t events;             /* of pvpanic: what it reports; of NVMe: how many wait */
    uint32_t logical_block_size, physical_block_size; /* of its disk */
    uint32_t werror, rerror;                          /* of a disk: enum blockdev_on_error */
    uint32_t width, height;                           /* of a screen */
    uint32_t outputs;                                 /* the same: 1 */
    uint32_t streams, jacks, chmaps;
    uint64_t dma_mask;                                   /* of edu */
    uint32_t iommu_off;                                  /* of an IOMMU, at its start; as hotplug */
    uint32_t iommu_vendor, iommu_device, iommu_revision; /* in its configuration space */
    const char *vendor, *product, *version, *device_id;  /* of a SCSI unit */
    uint64_t wwn;
    uint32_t channel, target, lun; /* target and lun are plus one; 0: not given */
    uint32_t rotation_rate;
    bool removable;
    uint32_t max_sectors, cmd_per_lun; /* of a SCSI host */
    bool deflate_on_oom, reports_free; /* of a balloon */
    uint32_t boot_index;               /* plus one; 0: none */
    uint64_t max_bytes;                /* of a source of random bytes: in a period; 0: no limit */
    uint32_t period_ms;                /* the same */
    uint32_t write_cache;              /* of a disk: 0 as the drive has it, 1 off, 2 on */
    uint64_t withheld_features;        /* of virtio */
    bool iommu_platform;               /* the same: its addresses go through the IOMMU */
};
#define DEVICE_SETTING(member) DEVICE_KEY_VALUE(struct device_settings, member)

/* Of a DEVICE_KEY_FEATURE: the number of the bit. */
#define DEVICE_FEATURE(bit) DEVICE_SETTING(withheld_features), .least = (bit), .most = (bit)

/* ---- Models -------------------------------------------------------------------------------------------- */

enum {                        /* the buses that a device can be plugged into */
       DEVICE_BUS_MMIO = 1,   /* a slot of virtio-mmio */
       DEVICE_BUS_PCI = 2,    /* a function */
       DEVICE_BUS_SERIAL = 4, /* a port of a virtio-serial */
       DEVICE_BUS_NONE = 8,   /* none: there is only one place for it */
       DEVICE_BUS_USB = 16,   /* a port of a USB controller or hub */
       DEVICE_BUS_SCSI = 32,  /* a place on a SCSI controller */
       DEVICE_BUS_IDE = 64    /* a port of a SATA controller */
};

/* What the machine opens before it makes the device. */
enum device_backend {
    DEVICE_BACKEND_NONE,
    DEVICE_BACKEND_DISK,
    DEVICE_BACKEND_RNG,
    DEVICE_BACKEND_NETWORK,
    DEVICE_BACKEND_FOLDER,
    DEVICE_BACKEND_AUDIO,
    DEVICE_BACKEND_PORTS,
    DEVICE_BACKEND_UNITS,  /* the disks and drives on a controller */
    DEVICE_BACKEND_SCREEN, /* the display, to show something there */
    DEVICE_BACKEND_INPUT,  /* the display, for its keys or pointer */
    DEVICE_BACKEND_MEMORY, /* memory of the host */
    DEVICE_BACKEND_SERVER  /* the device itself connects to a socket */
};

/* A disk or a drive on a controller. All of it is borrowed as in struct device_plug. */
struct device_unit {
    const struct device_model *model;
    const struct device_settings *settings;
    struct blockdev *disk; /* NULL: a drive without a medium */
    const char *drive_id;  /* NULL: none */
    const struct block_on_error *on_error;
    struct scsi_unit **made; /* where the controller stores what it makes, and destroys */
};

/* What a device is made from: its settings, and the back end of its model. Everything is borrowed and
 * outlives the device, except the arrays of ports and units, the folder's settings and `on_error`, which are
 * copied. */
struct device_plug {
    const struct device_settings *settings;
    struct blockdev *disk;
    /* What is done about errors, as the device and the drive together decide; copied. */
    const struct block_on_error *on_error;
    const char *rng_file; /* NULL: the host's getrandom() */
    struct netdev *network;
    const struct p9_server_config *folder;
    struct audiodev *audio;
    const struct virtio_console_port *ports;
    unsigned port_count;
    const struct device_unit *units;
    unsigned unit_count;
    struct display *display;
    uint8_t *memory; /* mapped, for the device, which unmaps it; also if it cannot be made */
    uint64_t memory_size;
    const char *server;                                    /* path of a socket */
    void (*balloon_changed)(void *opaque, uint32_t pages); /* called with `opaque` */
    void *opaque;
    /* Of a PCI Express port: called with `opaque` (pci/root_port.h). */
    void (*ejected)(void *opaque, struct pci_function *port);
    /* For PCI functions that are not virtio. */
    bool multifunction;
    struct dma *dma;
    struct clock *clock;
    /* Of an IOMMU: memory as the board has it, and what takes messages; copied. */
    struct dma *board;
    const struct pci_msi_target *messages;
    guest_event_fn *guest_event; /* called with `opaque` */
};

struct device_model {
    /* If DEVICE_BUS_MMIO is among the buses, this is "virtio-X", and the user writes virtio-X-device or
     * virtio-X-pci. Otherwise it is the whole name. */
    const char *name;
    const char *alias; /* another name of the same form; NULL: none */
    const char *text;  /* what it is, for -device help */
    unsigned buses;
    enum device_backend backend;
    /* On the PCI bus, the names of its node and of the unit below it in fw_cfg's boot order; NULL: those that
     * virtio devices have. */
    const char *boot_node, *boot_unit;
    bool bridge;   /* its id names a further PCI bus */
    bool port;     /* that bus has one slot */
    bool hot_plug; /* it may come and go while the machine runs */
    bool vga;      /* on the PCI bus it also has the registers of bochs-display */
    const struct device_key *keys;
    const struct virtio_device_ops *ops; /* of a virtio device; NULL: it is not one */
    /* One of the three is set, unless only the machine makes the device. NULL and *error on failure. */
    struct virtio_device *(*create)(const struct device_plug *plug, struct error *error);
    struct pci_function *(*create_pci)(const struct device_plug *plug, struct error *error);
    struct usb_device *(*create_usb)(const struct device_plug *plug, struct error *error);
    /* Of a USB controller: plugs a device into a port (usb/xhci.h). NULL: it is none. */
    bool (*attach_usb)(struct pci_function *function, struct usb_device *device, const char *path,
                       struct error *error);
    /* The same: takes it out and destroys it, with nothing behind it. */
    void (*detach_usb)(struct pci_function *function, struct usb_device *device);
    unsigned usb_ports; /* the same: how many ports it has; 0: settings.usb2_ports */
};

#endif
