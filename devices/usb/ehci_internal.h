/* SPDX-License-Identifier: MIT
 *
 * What the files of the EHCI controller share. Section numbers are those of the Enhanced Host Controller
 * Interface for Universal Serial Bus 1.0.
 *
 * One lock covers registers, schedules and the devices behind the ports. The driver only puts transfers into
 * memory and rings no bell, so the controller has to look: a timer does so while a schedule is enabled, less
 * often the longer nothing has happened, and at once when a device has something to say. A look at the
 * asynchronous schedule is a walk around its queues; one at the periodic schedule is a walk along the list of
 * each frame that has passed.
 *
 * All that is in the guest's memory may be anything at any time. Nothing of it is kept between two looks, as
 * what has been moved of a transfer is stored in its queue. Each look may read EHCI_SLICE queues, transfers
 * and links of each schedule, so lists without an end keep no thread.
 */
#ifndef DEVICES_USB_EHCI_INTERNAL_H
#define DEVICES_USB_EHCI_INTERNAL_H

#include "devices/usb/ehci.h"
#include "util/clock.h"

#define EHCI_SLICE       512u
#define EHCI_QUEUES_MAX  128u    /* of one walk around the asynchronous schedule, or along a frame's list */
#define EHCI_FRAMES      1024u   /* of the frame list */
#define EHCI_MICROFRAME  125000u /* ns */
#define EHCI_BUFFERS     5u
#define EHCI_PAGE        4096u
#define EHCI_ADDRESS_MAX 127u

enum { /* USBCMD; section 2.3.1 */
       CMD_RUN = 1 << 0,
       CMD_RESET = 1 << 1,
       CMD_PERIODIC = 1 << 4,
       CMD_ASYNC = 1 << 5,
       CMD_DOORBELL = 1 << 6,
       CMD_THRESHOLD = 0xff << 16,
       CMD_THRESHOLD_AT_RESET = 8 << 16,
       CMD_KEPT = CMD_RUN | CMD_PERIODIC | CMD_ASYNC | CMD_DOORBELL | CMD_THRESHOLD
};
enum { /* USBSTS; section 2.3.2. The first six are in USBINTR, too. */
       STS_DONE = 1 << 0,
       STS_ERROR = 1 << 1,
       STS_PORT = 1 << 2,
       STS_ROLLOVER = 1 << 3,
       STS_SYSTEM_ERROR = 1 << 4,
       STS_ADVANCED = 1 << 5,
       STS_INTERRUPTS = 0x3f,
       STS_HALTED = 1 << 12,
       STS_PERIODIC = 1 << 14,
       STS_ASYNC = 1 << 15
};
enum { /* PORTSC; section 2.3.9 */
       PORT_CONNECTED = 1 << 0,
       PORT_CONNECT_CHANGE = 1 << 1,
       PORT_ENABLED = 1 << 2,
       PORT_ENABLE_CHANGE = 1 << 3,
       PORT_OVERCURRENT_CHANGE = 1 << 5,
       PORT_RESUME = 1 << 6,
       PORT_SUSPENDED = 1 << 7,
       PORT_RESET = 1 << 8,
       PORT_POWER = 1 << 12,
       PORT_TEST = 15 << 16,
       PORT_WAKE = 7 << 20,
       PORT_CHANGES = PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE | PORT_OVERCURRENT_CHANGE,
       /* What a saved state may bring. */
       PORT_STATE = PORT_CONNECT_CHANGE | PORT_ENABLED | PORT_ENABLE_CHANGE | PORT_RESUME | PORT_SUSPENDED |
                    PORT_RESET | PORT_WAKE
};

struct ehci_qtd { /* a transfer, and what a queue has of its present one; section 3.5 */
    uint32_t next, alternate, token, buffers[EHCI_BUFFERS];
};
struct ehci_qh { /* a queue; section 3.6 */
    uint32_t link, endpoint, split, current;
    struct ehci_qtd overlay;
};
_Static_assert(sizeof(struct ehci_qh) == 48, "the layout of section 3.6");

#define EHCI_LINK_END     1u
#define EHCI_LINK_TYPE(v) ((v) >> 1 & 3)
#define EHCI_ADDRESS(v)   ((v) & ~31u)
enum { LINK_ITD = 0, LINK_QH = 1, LINK_SITD = 2, LINK_FSTN = 3 };

enum ehci_stage { STAGE_SETUP, STAGE_DATA, STAGE_STATUS };

/* A device, with the control transfer that is under way. */
struct ehci_pipe {
    struct usb_device *device;
    struct ehci_pipe *next;
    unsigned port;  /* of the controller */
    uint32_t route; /* through hubs: four bits for each, the first is the lowest */
    enum ehci_stage stage;
    struct usb_setup setup;
    bool failed;            /* the device stalls it */
    uint32_t length, moved; /* of the data: how much the device sends, or how much has been moved */
    uint8_t data[USB_CONTROL_MAX];
};

struct ehci {
    struct pci_function function; /* must be first */
    struct usb_host host;
    struct ehci_config config;
    pthread_mutex_t lock;
    struct clock_timer look;
    bool stopped; /* the function may not master the bus */
    bool held;
    bool busy;     /* work is being done: what a device says meanwhile is only noted */
    bool noted;    /* a device has said something */
    bool wire;     /* the level of the interrupt's wire */
    bool news;     /* an enabled interrupt has come */
    unsigned idle; /* how many looks found nothing to do */

    uint32_t command, status, interrupts, periodic, async, configured;
    uint32_t frame;                 /* FRINDEX when it began to count, or since it stands */
    uint64_t started;               /* when that was, in ns */
    uint64_t seen;                  /* microframes that have been dealt with, since then */
    uint32_t ports[EHCI_PORTS + 1]; /* from 1 on */
    struct usb_device *plugged[EHCI_PORTS + 1];
    unsigned budget;            /* what may still be read in this look */
    struct usb_device *devices; /* all; the controller owns them */
    struct ehci_pipe *pipes;    /* one for each */
    struct usb_packet packet;   /* while it is moved */
};

/* ---- ehci.c: what happens when. All [locked] ----------------------------------------------------------- */

/* Does what there is to do, and says when to look again. */
void ehci_work(struct ehci *ehci);
/* Something has happened, and more may soon: looks often for a while. */
void ehci_wake(struct ehci *ehci);
/* Sets bits of USBSTS. */
void ehci_tell(struct ehci *ehci, uint32_t status);
/* Sets the level of the interrupt's wire. */
void ehci_update_wire(struct ehci *ehci);
/* The guest's lists are not in memory: nothing runs until the driver starts the controller again. */
void ehci_fail(struct ehci *ehci, const char *what, uint32_t address);
/* Back to the state after power-on, with the devices plugged in. */
void ehci_reset(struct ehci *ehci);

/* ---- ehci_registers.c ---------------------------------------------------------------------------------- */

uint32_t ehci_register_read(struct ehci *ehci, unsigned offset);
void ehci_register_write(struct ehci *ehci, unsigned offset, uint32_t value);
/* Microframes since the controller runs; 0 while it does not. */
uint64_t ehci_microframes(const struct ehci *ehci);
/* Sets USBCMD; starts or stops the controller, as it says. */
void ehci_set_command(struct ehci *ehci, uint32_t command);
/* Resets all ports, and shows what is plugged in. */
void ehci_ports_reset(struct ehci *ehci);
/* Something was plugged into the port, or taken out. */
void ehci_port_plugged(struct ehci *ehci, unsigned number);
/* The device that answers to the address; NULL: none. */
struct ehci_pipe *ehci_find(struct ehci *ehci, unsigned address);

/* ---- ehci_schedule.c ----------------------------------------------------------------------------------- */

/* Walks along the frames that have passed, or around the asynchronous schedule until it finds nothing more to
 * do; true: a transfer has got on. */
bool ehci_walk_frames(struct ehci *ehci, uint64_t now);
bool ehci_walk_async(struct ehci *ehci);

/* ---- ehci_queue.c -------------------------------------------------------------------------------------- */

/* Works on up to `most` transfers of a queue that was read at `at`; true: one has got on. */
bool ehci_queue_run(struct ehci *ehci, struct ehci_qh *qh, uint32_t at, unsigned most);

/* ---- ehci_control.c ------------------------------------------------------------------------------------ */

enum ehci_pid { PID_OUT = 0, PID_IN = 1, PID_SETUP = 2 };
/* A transfer on endpoint 0. */
enum usb_result ehci_control(struct ehci_pipe *pipe, enum ehci_pid pid, struct usb_packet *packet);

/* ---- ehci_state.c -------------------------------------------------------------------------------------- */

void ehci_save(struct pci_function *function, struct state_writer *writer);
bool ehci_load(struct pci_function *function, struct state_reader *reader);

#endif
