/* SPDX-License-Identifier: MIT
 *
 * A USB device as its controller sees it (Universal Serial Bus Specification 2.0, chapters 5, 8 and 9).
 *
 * The device is passive: the controller asks it for each transfer, and a device that has nothing to say
 * answers NAK. When that has changed, the device calls usb_device_ready(), and is asked again. What all
 * devices have in common, the standard requests, is in device.c.
 *
 * One lock covers the controller and all devices behind it. All ops are called with it held, unless marked
 * otherwise; a device takes it (usb_device_lock()) where it is called by somebody else, such as a window.
 */
#ifndef DEVICES_USB_USB_H
#define DEVICES_USB_USB_H

#include <pthread.h>

#include "devices/device.h"

#define USB_CONTROL_MAX   512u /* bytes of the data stage of a control transfer */
#define USB_SEGMENTS_MAX  256u /* pieces of a packet */
#define USB_HUB_PORTS_MAX 15u  /* the route string of a device has four bits for each hub */
#define USB_DEPTH_MAX     5u   /* hubs between a device and the controller */

enum usb_speed { USB_SPEED_FULL = 1, USB_SPEED_LOW = 2, USB_SPEED_HIGH = 3, USB_SPEED_SUPER = 4 };

struct usb_setup { /* section 9.3; little-endian, as the host is */
    uint8_t type, request;
    uint16_t value, index, length;
};
_Static_assert(sizeof(struct usb_setup) == 8, "the layout of section 9.3");

enum { /* usb_setup.type (table 9-2) */
       USB_TYPE_IN = 0x80,
       USB_TYPE_KIND = 0x60,
       USB_TYPE_STANDARD = 0x00,
       USB_TYPE_CLASS = 0x20,
       USB_TYPE_TO = 0x1f,
       USB_TO_DEVICE = 0,
       USB_TO_INTERFACE = 1,
       USB_TO_ENDPOINT = 2,
       USB_TO_OTHER = 3
};
enum { /* usb_setup.request (table 9-4) */
       USB_GET_STATUS = 0,
       USB_CLEAR_FEATURE = 1,
       USB_SET_FEATURE = 3,
       USB_SET_ADDRESS = 5,
       USB_GET_DESCRIPTOR = 6,
       USB_GET_CONFIGURATION = 8,
       USB_SET_CONFIGURATION = 9,
       USB_GET_INTERFACE = 10,
       USB_SET_INTERFACE = 11
};
enum { /* types of descriptors (table 9-5) */
       USB_DESCRIPTOR_DEVICE = 1,
       USB_DESCRIPTOR_CONFIGURATION = 2,
       USB_DESCRIPTOR_STRING = 3,
       USB_DESCRIPTOR_INTERFACE = 4,
       USB_DESCRIPTOR_ENDPOINT = 5
};

/* How a transfer has ended. NAK: it has not; what has been moved stays moved, and the rest is asked for when
 * the device is ready. */
enum usb_result {
    USB_DONE,
    USB_NAK,
    USB_STALL,
    USB_NO_ENDPOINT, /* nobody answers */
    USB_BAD_MEMORY   /* the buffer is not in RAM */
};

/* The guest's buffer of a transfer: pieces of its memory, or up to 8 bytes that are in `immediate`. */
struct usb_packet {
    struct dma *dma;
    struct usb_segment {
        uint64_t paddr;
        uint32_t length;
        const uint8_t *immediate; /* the bytes themselves, which cannot be written; NULL: they are at paddr */
    } segments[USB_SEGMENTS_MAX];
    unsigned count;
    uint64_t length; /* of all of it */
    uint64_t done;   /* how much has been moved */
};
/* Moves up to `length` bytes on from packet->done, and adds them to it; returns how many fitted. -1: a piece
 * is not RAM. */
long usb_packet_write(struct usb_packet *packet, const void *bytes, uint64_t length);
long usb_packet_read(struct usb_packet *packet, void *bytes, uint64_t length);

struct usb_device;

/* Tables that the standard requests answer from. */
struct usb_descriptors {
    const uint8_t *device;        /* 18 bytes */
    const uint8_t *configuration; /* with all that belongs to it; its length is in it */
    const char *const *strings;   /* number 1 is the first; end with NULL; ASCII */
};

struct usb_device_ops {
    const char *name; /* "usb-kbd"; also the name of the section of the saved state */
    enum usb_speed speed;
    /* A request that is not a standard one, or a standard one to an interface (descriptors of classes).
     * `data` has USB_CONTROL_MAX bytes: what came, or room for the answer. Returns the answer's length, of
     * which no more than setup->length is sent; -1: stall. */
    int (*control)(struct usb_device *device, const struct usb_setup *setup, uint8_t *data);
    /* A transfer on an endpoint other than 0; its address has USB_TYPE_IN if it is one to the host. NULL: the
     * device has no such endpoint. */
    enum usb_result (*transfer)(struct usb_device *device, uint8_t endpoint, struct usb_packet *packet);
    /* To the state after power-on, or the configuration (0: none) has changed. May be NULL. */
    void (*reset)(struct usb_device *device);
    void (*configured)(struct usb_device *device);
    /* What is plugged into a hub's port (from 1), if the port is enabled; NULL: nothing, or it is no hub. */
    struct usb_device *(*child)(struct usb_device *device, unsigned port);
    /* Plugs a device into a hub's port, or takes out what is there. attach() returns false if there is no
     * such port, or it is taken; NULL: it is no hub. */
    bool (*attach)(struct usb_device *device, unsigned port, struct usb_device *child);
    void (*detach)(struct usb_device *device, unsigned port);
    /* Fields of the device's section; load() gives what it cannot use to usb_state_bad(). */
    void (*save)(struct usb_device *device, struct state_writer *writer);
    void (*load)(struct usb_device *device, struct state_reader *reader);
    /* The device knows its host, and is about to be plugged in; without the lock. False, with *error filled,
     * if it cannot work. May be NULL, or be called again if there was no port. */
    bool (*attaching)(struct usb_device *device, struct error *error);
    /* Stops and starts what a device does by itself; without the lock. May be NULL. */
    void (*hold)(struct usb_device *device, bool held);
    /* Without the lock. The controller destroys what is behind a hub. */
    void (*destroy)(struct usb_device *device);
};

/* The controller's side, which a device is given when it is plugged in. */
struct usb_host {
    pthread_mutex_t *lock;
    struct clock *clock;
    void (*ready)(struct usb_host *host, struct usb_device *device, uint8_t endpoint);
};

struct usb_device {
    const struct usb_device_ops *ops;
    const struct usb_descriptors *descriptors;
    struct usb_host *host;   /* NULL until plugged in */
    uint8_t configuration;   /* 0: none yet */
    uint32_t halted;         /* endpoints that a request has halted: bit n, and 16 + n for IN */
    const char *id;          /* of the -device, for the monitor; NULL: none */
    struct usb_device *next; /* the controller's list */
    char path[16];           /* where it is: "1", "2.3" */
    uint8_t address;         /* for a controller that leaves it to the driver; 0 after a reset */
};

/* ---- For controllers, when a device is plugged in -------------------------------------------------------
 */

struct usb_plug {
    struct usb_host *host;
    /* All that are plugged in; the controller owns them. They are in the order of their paths, so that it
     * does not matter for a saved state in which order they came. */
    struct usb_device **devices;
    /* Plugs it into the controller's own port (from 1), as its driver sees at once; false: there is none for
     * it. [locked] */
    bool (*root)(struct usb_host *host, struct usb_device *device, unsigned port);
    /* Takes it out of the controller's own port. [locked] */
    void (*unroot)(struct usb_host *host, struct usb_device *device);
};
/* How many hubs are before what is plugged in at the path; 0: it is in a port of the controller's. */
unsigned usb_path_depth(const char *path);
/* `path` is a port, or the ports of hubs and of the device: "1", "2.3"; a hub comes before what is behind it.
 * While no hart runs, without the lock. False, with *error filled, if there is no such port or it is taken;
 * the caller then keeps the device. */
bool usb_device_plug(struct usb_device *device, const char *path, const struct usb_plug *plug,
                     struct error *error);
/* Takes it out, with nothing behind it; the caller then destroys it. [locked], while no hart runs. */
void usb_device_unplug(struct usb_device *device, const struct usb_plug *plug);

/* All devices of a controller; not [locked]. */
void usb_devices_hold(struct usb_device *devices, bool held);
void usb_devices_destroy(struct usb_device *devices);

/* ---- For controllers; all [locked] --------------------------------------------------------------------- */

/* A whole control transfer; see usb_device_ops.control. */
int usb_device_control(struct usb_device *device, const struct usb_setup *setup, uint8_t *data);
enum usb_result usb_device_transfer(struct usb_device *device, uint8_t endpoint, struct usb_packet *packet);
void usb_device_reset(struct usb_device *device);
void usb_device_save(struct usb_device *device, struct state_writer *writer);
void usb_device_load(struct usb_device *device, struct state_reader *reader);

/* ---- For devices --------------------------------------------------------------------------------------- */

void usb_device_lock(struct usb_device *device);
void usb_device_unlock(struct usb_device *device);
/* The endpoint, which has answered NAK, may have something to say. [locked] */
void usb_device_ready(struct usb_device *device, uint8_t endpoint);
/* Notes that a value of the saved state is impossible. */
void usb_state_bad(struct state_reader *reader, const char *device, const char *what);

#endif
