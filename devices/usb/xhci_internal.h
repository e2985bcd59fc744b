/* SPDX-License-Identifier: MIT
 *
 * What the files of the xHCI controller share. Section numbers are those of the eXtensible Host Controller
 * Interface for Universal Serial Bus 1.0.
 *
 * One lock covers registers, slots, rings and the devices behind the ports. Work is done on the thread that
 * causes it: that of a hart which rings a doorbell, or that of a window whose key a keyboard has to tell. No
 * device waits for the host there.
 *
 * All that is in the guest's memory may be anything at any time, and is read again whenever it is needed.
 * Work is done in slices of XHCI_SLICE blocks of a ring (TRBs); what is left over goes on a moment later on
 * the clock's thread, so a ring without an end keeps no hart.
 *
 * Nothing is done for which the event ring has no room, so no event is lost: work goes on when the driver has
 * made room.
 */
#ifndef DEVICES_USB_XHCI_INTERNAL_H
#define DEVICES_USB_XHCI_INTERNAL_H

#include "devices/usb/xhci.h"
#include "util/clock.h"

#define XHCI_SLOTS        64u
#define XHCI_ENDPOINTS    32u /* of a slot; the number is that of its context, 0 is not used */
#define XHCI_INTERRUPTERS 16u
#define XHCI_SLICE        1024u
#define XHCI_LINKS_MAX    8u /* links between two other blocks */
#define XHCI_LATER_NS     1000000u
#define XHCI_EVENTS_MAX   4096u /* of an event ring */
#define XHCI_EVENTS_MIN   16u
#define XHCI_PORTS_ALL    (2 * XHCI_PORTS_MAX)

struct xhci_trb { /* section 4.11.1 */
    uint64_t parameter;
    uint32_t status, control;
};
_Static_assert(sizeof(struct xhci_trb) == 16, "the layout of section 4.11.1");

#define XHCI_TRB_TYPE(control) ((control) >> 10 & 0x3f)
#define XHCI_TYPE(type)        ((uint32_t)(type) << 10)
enum { /* bits of xhci_trb.control; section 6.4 */
       TRB_CYCLE = 1 << 0,
       TRB_TOGGLE = 1 << 1, /* of a link */
       TRB_ISP = 1 << 2,
       TRB_EVENT_DATA = 1 << 2, /* of an event */
       TRB_CHAIN = 1 << 4,
       TRB_IOC = 1 << 5,
       TRB_IMMEDIATE = 1 << 6,
       TRB_BSR = 1 << 9,        /* of Address Device */
       TRB_DECONFIGURE = 1 << 9 /* of Configure Endpoint */
};
enum xhci_type { /* table 131 */
                 TRB_NORMAL = 1,
                 TRB_SETUP = 2,
                 TRB_DATA = 3,
                 TRB_STATUS = 4,
                 TRB_ISOCH = 5,
                 TRB_LINK = 6,
                 TRB_EVENT_DATA_BLOCK = 7,
                 TRB_NOOP = 8,
                 TRB_ENABLE_SLOT = 9,
                 TRB_DISABLE_SLOT = 10,
                 TRB_ADDRESS_DEVICE = 11,
                 TRB_CONFIGURE_ENDPOINT = 12,
                 TRB_EVALUATE_CONTEXT = 13,
                 TRB_RESET_ENDPOINT = 14,
                 TRB_STOP_ENDPOINT = 15,
                 TRB_SET_DEQUEUE = 16,
                 TRB_RESET_DEVICE = 17,
                 TRB_COMMAND_NOOP = 23,
                 TRB_TRANSFER_EVENT = 32,
                 TRB_COMMAND_EVENT = 33,
                 TRB_PORT_EVENT = 34
};
enum xhci_code { /* table 130 */
                 XHCI_SUCCESS = 1,
                 XHCI_DATA_BUFFER = 2,
                 XHCI_TRANSACTION = 4,
                 XHCI_TRB_ERROR = 5,
                 XHCI_STALL = 6,
                 XHCI_NO_SLOTS = 9,
                 XHCI_SLOT_NOT_ENABLED = 11,
                 XHCI_ENDPOINT_NOT_ENABLED = 12,
                 XHCI_SHORT_PACKET = 13,
                 XHCI_PARAMETER = 17,
                 XHCI_CONTEXT_STATE = 19,
                 XHCI_RING_STOPPED = 24,
                 XHCI_STOPPED = 26
};

enum { /* USBCMD and USBSTS; sections 5.4.1 and 5.4.2 */
       CMD_RUN = 1 << 0,
       CMD_RESET = 1 << 1,
       CMD_INTE = 1 << 2,
       CMD_HSEE = 1 << 3,
       CMD_SAVE = 1 << 8,
       CMD_RESTORE = 1 << 9,
       CMD_WRAP = 1 << 10,
       CMD_KEPT = CMD_RUN | CMD_INTE | CMD_HSEE | CMD_WRAP,
       STS_HALTED = 1 << 0,
       STS_SYSTEM_ERROR = 1 << 2,
       STS_EVENT = 1 << 3,
       STS_PORT = 1 << 4,
       STS_RESTORE_ERROR = 1 << 10,
       STS_CONTROLLER_ERROR = 1 << 12,
       STS_CLEARABLE = STS_SYSTEM_ERROR | STS_EVENT | STS_PORT | STS_RESTORE_ERROR,
       STS_ALL = STS_CLEARABLE | STS_HALTED | STS_CONTROLLER_ERROR
};

enum xhci_endpoint_state { EP_DISABLED, EP_RUNNING, EP_HALTED, EP_STOPPED, EP_ERROR }; /* section 6.2.3 */
enum xhci_slot_state { /* section 6.2.2; there "disabled" and "enabled" are the same number */
                       SLOT_ENABLED = 0,
                       SLOT_DEFAULT = 1,
                       SLOT_ADDRESSED = 2,
                       SLOT_CONFIGURED = 3
};

/* A place on a ring: where the next block is, and which cycle bit it has if it is there. */
struct xhci_ring {
    uint64_t at;
    bool cycle;
};

struct xhci_endpoint {
    enum xhci_endpoint_state state;
    struct xhci_ring ring; /* the transfer (TD) that is next, or under way */
    uint32_t done;         /* bytes of that transfer that have been moved */
    uint32_t event_data;   /* bytes since the last Event Data block */
};

enum xhci_stage { STAGE_SETUP, STAGE_DATA, STAGE_STATUS };

struct xhci_control { /* the control transfer of a slot that is under way */
    enum xhci_stage stage;
    struct usb_setup setup;
    bool failed;     /* the device stalls it */
    uint32_t length; /* of the data */
    uint8_t data[USB_CONTROL_MAX];
};

struct xhci_slot {
    bool enabled;
    enum xhci_slot_state state;
    uint64_t context; /* address of the device context */
    unsigned port;    /* of the controller; 0: no device yet */
    uint32_t route;   /* through hubs */
    uint32_t ready;   /* a bit for each endpoint that is to be looked at */
    struct xhci_endpoint endpoints[XHCI_ENDPOINTS];
    struct xhci_control control;
};

struct xhci_interrupter { /* section 5.5.2 */
    uint32_t iman, imod, size;
    uint64_t table, dequeue; /* ERSTBA, ERDP */
    uint64_t ring;           /* of the one segment; 0: the driver has given none */
    uint32_t entries, next;  /* of it; where the next event goes */
    bool cycle;
};

struct xhci_port {
    uint32_t portsc; /* section 5.4.8 */
    bool usb3;
    bool changed;              /* an event about it is due */
    struct usb_device *device; /* NULL: nothing is plugged in */
};

/* A transfer (TD): blocks that are chained, without links. */
struct xhci_td {
    unsigned count;
    struct {
        struct xhci_trb trb;
        uint64_t at;
    } blocks[USB_SEGMENTS_MAX];
    struct xhci_ring after; /* where the next one is */
    unsigned events;        /* how many the driver may want for it */
};

struct xhci {
    struct pci_function function; /* must be first */
    struct usb_host host;
    struct xhci_config config;
    pthread_mutex_t lock;
    struct clock_timer later; /* goes on with work that is left */
    bool stopped;             /* the function may not master the bus */
    bool held;
    bool busy;  /* work is being done: what a device says meanwhile is only noted */
    bool noted; /* a device has said something */
    bool wire;  /* the level of the interrupt's wire */

    uint32_t command, status, notify, configure; /* USBCMD, USBSTS, DNCTRL, CONFIG */
    uint64_t contexts;                           /* DCBAAP */
    struct xhci_ring commands;                   /* CRCR */
    bool commands_run, commands_ready;
    unsigned port_count;
    struct xhci_port ports[XHCI_PORTS_ALL + 1]; /* from 1 on */
    struct xhci_interrupter interrupters[XHCI_INTERRUPTERS];
    struct xhci_slot slots[XHCI_SLOTS + 1]; /* from 1 on */
    unsigned budget;                        /* blocks that may still be looked at in this slice */
    struct usb_device *devices;             /* all; the controller owns them */
    struct xhci_td td;                      /* while one is worked on */
    struct usb_packet packet;
};

/* ---- xhci.c: what happens when. All [locked] ----------------------------------------------------------- */

/* Does what there is to do. */
void xhci_work(struct xhci *xhci);
/* May work be done? */
bool xhci_runs(const struct xhci *xhci);
/* The guest's rings or contexts are not in memory: nothing runs until a reset. */
void xhci_fail(struct xhci *xhci, const char *what, uint64_t address);
/* Back to the state after power-on, with the devices plugged in. */
void xhci_reset(struct xhci *xhci);

/* ---- registers.c --------------------------------------------------------------------------------------- */

uint32_t xhci_register_read(struct xhci *xhci, unsigned offset);
void xhci_register_write(struct xhci *xhci, unsigned offset, uint32_t value);
/* The device at a port and behind hubs; NULL: none, or a port on the way is not enabled. */
struct usb_device *xhci_find_device(struct xhci *xhci, unsigned port, uint32_t route);
/* Resets all ports, and shows what is plugged in. */
void xhci_ports_reset(struct xhci *xhci);
/* Something was plugged into the port, or taken out. */
void xhci_port_plugged(struct xhci *xhci, struct xhci_port *port);
/* Tells of ports that have changed, if there is room. */
void xhci_ports_tell(struct xhci *xhci);

/* ---- events.c ------------------------------------------------------------------------------------------ */

/* How many events an interrupter has room for; without a ring, any number of them goes nowhere. */
unsigned xhci_events_room(const struct xhci *xhci, unsigned interrupter);
void xhci_event(struct xhci *xhci, unsigned interrupter, uint64_t parameter, uint32_t status,
                uint32_t control);
/* The driver has made room, or has handled the interrupt (ERDP). */
void xhci_events_taken(struct xhci *xhci, unsigned interrupter);
/* Sets the level of the interrupt's wire. */
void xhci_update_wire(struct xhci *xhci);
/* Is what the table of the ring says possible? */
bool xhci_events_fit(uint64_t ring, uint32_t entries);

/* ---- ring.c -------------------------------------------------------------------------------------------- */

/* Reads the next block that is no link, goes past it, and says where it is. False: there is none yet, the
 * slice is used up, or memory or links are bad (then *bad is set). */
bool xhci_ring_next(struct xhci *xhci, struct xhci_ring *ring, struct xhci_trb *trb, uint64_t *at, bool *bad);
/* Reads the next transfer into xhci->td. */
bool xhci_ring_td(struct xhci *xhci, const struct xhci_ring *ring, bool *bad);

/* ---- command.c ----------------------------------------------------------------------------------------- */

/* Executes commands until there is none, no room, or the slice is used up. */
void xhci_commands(struct xhci *xhci);
/* Forgets a slot. */
void xhci_slot_clear(struct xhci_slot *slot);

/* ---- transfer.c ---------------------------------------------------------------------------------------- */

/* Works on an endpoint's ring; true: the slice is used up, or there is no room for events. */
bool xhci_endpoint_run(struct xhci *xhci, unsigned slot, unsigned endpoint);
/* Stops an endpoint (section 4.6.9), and tells of the transfer that is under way. */
void xhci_endpoint_stop(struct xhci *xhci, unsigned slot, unsigned endpoint);
/* Sets the state, here and in the driver's context, together with the place on the ring. */
void xhci_endpoint_set(struct xhci *xhci, unsigned slot, unsigned endpoint, enum xhci_endpoint_state state);

/* ---- state.c ------------------------------------------------------------------------------------------- */

void xhci_save(struct pci_function *function, struct state_writer *writer);
bool xhci_load(struct pci_function *function, struct state_reader *reader);

#endif
