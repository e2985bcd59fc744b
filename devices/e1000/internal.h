/* SPDX-License-Identifier: MIT
 *
 * What the files of the Intel cards share. All of it belongs to the card's lock, except what is marked as the
 * netdev's thread's. The netdev's thread takes the lock; a thread that holds it only calls netdev_wake().
 */
#ifndef DEVICES_E1000_INTERNAL_H
#define DEVICES_E1000_INTERNAL_H

#include "devices/e1000/e1000.h"
#include "devices/e1000/registers.h"
#include "devices/net/netdev.h"
#include "devices/pci/pci.h"
#include "util/clock.h"

#define E1000_NVM_WORDS   64u
#define E1000_PHY_WORDS   32u
#define E1000_VECTORS     5u
#define E1000_DESCRIPTOR  16u /* bytes */
#define E1000_FRAME_LEAST 60u /* bytes, without the checksum of the wire; shorter ones are padded */

/* The minimal time between two interrupts: of the wire and MSI, or of a message of MSI-X. */
struct e1000_throttle {
    uint64_t next; /* guest ns: not before */
    bool waits;
};

/* What a context descriptor sets up (section 3.3.6 of the manual). */
struct e1000_context {
    uint8_t ip_start, ip_at, tcp_start, tcp_at, header, command;
    uint16_t ip_end, tcp_end, segment;
};

/* A frame that is being put together from descriptors. */
struct e1000_packet {
    size_t length;
    bool begun, too_long, vlan, segments;
    uint8_t options; /* of data descriptors */
    bool sum;        /* of legacy descriptors: */
    uint8_t sum_start, sum_at;
    uint16_t tag;
    struct e1000_context context; /* the one that it uses */
    size_t sent;                  /* bytes behind the headers that segments have taken, */
    unsigned pieces;              /* and how many those are */
};

struct e1000 {
    struct pci_function function; /* must be first */
    bool is_e;                    /* 82574L, not 82540EM */
    struct dma *dma;
    struct clock *clock;
    struct netdev *netdev; /* NULL: none */
    uint8_t mac[6];
    pthread_mutex_t lock;
    bool held, missed;
    bool room_wanted; /* a frame waits for the driver's buffers */
    uint32_t regs[E1000_END / 4];
    uint32_t io_address; /* of the window in I/O space */
    uint16_t phy[E1000_PHY_WORDS];
    uint16_t nvm[E1000_NVM_WORDS];
    struct { /* the wires of the NVM of the 82540 */
        uint32_t in;
        unsigned count; /* bits that have come since the start bit, with it */
        uint16_t out;
        bool data, reading;
    } wires;

    bool asserted;      /* the wire, or MSI's edge */
    uint32_t delivered; /* causes that came since the last interrupt: told at the end of a batch */
    struct e1000_throttle throttle[1 + E1000_VECTORS]; /* 0: wire and MSI */
    struct clock_timer timer;

    struct e1000_context contexts[2]; /* 1: for segmentation */
    struct e1000_packet packet;
    bool unsent; /* `job` is to be sent, or has segments left; what is saved has not got them */
    /* These three belong to the netdev's thread. */
    struct e1000_packet job; /* the frame that is being sent, in `frame` */
    uint8_t frame[NETDEV_FRAME_MAX];
    uint8_t piece[NETDEV_FRAME_MAX];
};

#define E1000_REG(e1000, offset) ((e1000)->regs[(offset) / 4])

/* interrupts.c. [locked], except e1000_timer_fired(). */
void e1000_raise(struct e1000 *e1000, uint32_t causes);
uint32_t e1000_read_causes(struct e1000 *e1000);
void e1000_mask(struct e1000 *e1000, uint32_t set, uint32_t clear);
void e1000_update_irq(struct e1000 *e1000);
void e1000_timer_fired(void *opaque);

/* phy.c. [locked] */
void e1000_phy_reset(struct e1000 *e1000);
void e1000_nvm_fill(struct e1000 *e1000, uint16_t device, uint16_t subsystem_vendor, uint16_t subsystem);
void e1000_write_mdic(struct e1000 *e1000, uint32_t value);
uint32_t e1000_read_eecd(const struct e1000 *e1000);
void e1000_write_eecd(struct e1000 *e1000, uint32_t value);
void e1000_write_eerd(struct e1000 *e1000, uint32_t value);

/* io.c: registers. */
uint64_t e1000_io_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size);
void e1000_io_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                    uint64_t value);
bool e1000_link_is_up(const struct e1000 *e1000);
/* A reset by software. [locked] */
void e1000_reset(struct e1000 *e1000);
/* Counts a frame of so many bytes (with the checksum of the wire). [locked] */
void e1000_count(struct e1000 *e1000, bool sent, const uint8_t *frame, size_t length);

/* receive.c and transmit.c: the netdev's front, which takes the lock itself. */
bool e1000_receive(void *opaque, const uint8_t *frame, size_t length);
void e1000_receive_end(void *opaque);
bool e1000_transmit(void *opaque);

#endif
