/* SPDX-License-Identifier: MIT
 *
 * The guest's side of an NVMe controller, for tests: the controller on a PCI bus (virtio/pci_guest.h), RAM
 * between unmapped pages, a driver with the admin queue and some I/O queues, and a disk that is an array,
 * which can fail and can keep requests waiting.
 */
#ifndef TESTS_DEVICES_NVME_NVME_GUEST_H
#define TESTS_DEVICES_NVME_NVME_GUEST_H

#include "devices/nvme/internal.h"
#include "tests/devices/virtio/pci_guest.h"

#define NVME_SLOT     3u
#define DISK_BLOCKS   2048u /* of 512 bytes */
#define GUEST_QUEUES  4u
#define ADMIN_ENTRIES 8u
#define SQ_AT(queue)  (GUEST_RAM_BASE + 0x4000 * (queue))
#define CQ_AT(queue)  (SQ_AT(queue) + 0x2000)
#define LIST_AT       (GUEST_RAM_BASE + 0x20000)
#define DATA_AT       (GUEST_RAM_BASE + 0x40000)
#define DOORBELL(n)   (0x1000u + 4 * (n)) /* tail of queue 0, head of queue 0, tail of queue 1, ... */

enum { /* registers and their bits */
       R_CAP = 0,
       R_VS = 8,
       R_INTMS = 0xc,
       R_INTMC = 0x10,
       R_CC = 0x14,
       R_CSTS = 0x1c,
       R_AQA = 0x24,
       R_ASQ = 0x28,
       R_ACQ = 0x30,
       CC_ON = 0x460001,
       CC_OFF = 0x460000,
       CC_SHUT = 1 << 14,
       CSTS_RDY = 1,
       CSTS_CFS = 2,
       CSTS_SHST = 0xc,
       CSTS_SHUT = 8
};

struct nvme_disk {
    struct blockdev blockdev;
    uint8_t bytes[DISK_BLOCKS * BLOCKDEV_SECTOR];
    atomic_int error;     /* a negative errno for all that follows */
    atomic_bool hold;     /* requests wait until it is false */
    atomic_uint waiting;  /* how many do */
    atomic_uint flushes;  /* how many there were */
    atomic_uint discards; /* the same */
};

struct nvme_guest {
    struct pci_guest pci;
    struct nvme *nvme;
    struct nvme_disk disk;
    struct {
        unsigned entries, tail, head;
        bool phase;
    } queues[GUEST_QUEUES];
    uint16_t next_id;
    struct { /* the last completion that was taken */
        uint32_t result;
        uint16_t sq_head, sq, id, status; /* without the phase */
    } done;
};

/* The BAR is placed, and the function may master the bus; the controller is not enabled. `config` may be
 * NULL; the disk and the memory are the guest's. */
void nvme_guest_init(struct nvme_guest *guest, const struct nvme_config *config);
void nvme_guest_destroy(struct nvme_guest *guest);
uint32_t nvme_guest_read(struct nvme_guest *guest, unsigned offset);
void nvme_guest_write(struct nvme_guest *guest, unsigned offset, uint32_t value);
/* Writes the registers of the admin queue, and CC; waits for CSTS.RDY, or CFS, and returns CSTS. */
uint32_t nvme_guest_enable(struct nvme_guest *guest);
void nvme_guest_disable(struct nvme_guest *guest);
/* A pair of I/O queues, 1 to GUEST_QUEUES - 1. Aborts if the controller refuses. */
void nvme_guest_make_queues(struct nvme_guest *guest, unsigned queue, unsigned entries, unsigned vector,
                            bool interrupts);
/* Puts a command into a queue and gives it an id, which is returned; the second function rings, too. */
uint16_t nvme_guest_put(struct nvme_guest *guest, unsigned queue, struct nvme_command command);
uint16_t nvme_guest_submit(struct nvme_guest *guest, unsigned queue, struct nvme_command command);
/* Is there a completion? */
bool nvme_guest_poll(struct nvme_guest *guest, unsigned queue);
/* Waits for a completion and takes it; the driver's head is told if `ring`. Returns type and code of its
 * status. Aborts after ten seconds. */
unsigned nvme_guest_take(struct nvme_guest *guest, unsigned queue, bool ring);
/* All of it. */
unsigned nvme_guest_command(struct nvme_guest *guest, unsigned queue, struct nvme_command command);
/* Waits until the controller has nothing to do. */
void nvme_guest_settle(struct nvme_guest *guest);
void *nvme_guest_host(struct nvme_guest *guest, uint64_t paddr);
bool nvme_guest_wire(struct nvme_guest *guest);

#endif
