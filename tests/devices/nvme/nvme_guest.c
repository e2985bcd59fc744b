/* SPDX-License-Identifier: MIT
 *
 * The guest's side of an NVMe controller: see nvme_guest.h. It aborts if the test is wrong, or if the
 * controller leaves its disk.
 */
#include "tests/devices/nvme/nvme_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR_AT 0x400000000ull

/* ---- The disk ------------------------------------------------------------------------------------------ */

static int begin(struct blockdev *blockdev, uint64_t length, uint64_t offset)
{
    struct nvme_disk *disk = (struct nvme_disk *)blockdev;
    if (offset > blockdev->size || length > blockdev->size - offset || (offset | length) % BLOCKDEV_SECTOR)
        abort();
    atomic_fetch_add(&disk->waiting, 1);
    while (atomic_load(&disk->hold))
        usleep(1000);
    atomic_fetch_sub(&disk->waiting, 1);
    return atomic_load(&disk->error);
}

static int transfer(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                    uint64_t offset, bool write)
{
    uint8_t *at = ((struct nvme_disk *)blockdev)->bytes + offset;
    int rc = begin(blockdev, bytes, offset);
    if (rc)
        return rc;
    for (unsigned n = 0; n < count; n++) {
        if (iov[n].iov_len > bytes)
            abort();
        memcpy(write ? at : iov[n].iov_base, write ? iov[n].iov_base : at, iov[n].iov_len);
        at += iov[n].iov_len;
        bytes -= iov[n].iov_len;
        iov[n] = (struct iovec){ NULL, 0 }; /* as the contract allows */
    }
    if (bytes)
        abort();
    return 0;
}

static int disk_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                       uint64_t offset)
{
    return transfer(blockdev, iov, count, bytes, offset, false);
}

static int disk_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                        uint64_t offset)
{
    return transfer(blockdev, iov, count, bytes, offset, true);
}

static int disk_flush(struct blockdev *blockdev)
{
    atomic_fetch_add(&((struct nvme_disk *)blockdev)->flushes, 1);
    return begin(blockdev, 0, 0);
}

static int disk_zeroes(struct blockdev *blockdev, uint64_t offset, uint64_t length, bool unmap)
{
    int rc = begin(blockdev, length, offset);
    atomic_fetch_add(&((struct nvme_disk *)blockdev)->discards, unmap);
    if (!rc)
        memset(((struct nvme_disk *)blockdev)->bytes + offset, 0, length);
    return rc;
}

static int disk_discard(struct blockdev *blockdev, uint64_t offset, uint64_t length)
{
    return disk_zeroes(blockdev, offset, length, true);
}

static const struct blockdev_ops disk_ops = {
    .name = "memory",
    .preadv = disk_preadv,
    .pwritev = disk_pwritev,
    .flush = disk_flush,
    .discard = disk_discard,
    .write_zeroes = disk_zeroes,
};

/* ---- The controller ------------------------------------------------------------------------------------ */

void nvme_guest_init(struct nvme_guest *guest, const struct nvme_config *given)
{
    struct nvme_config config = given ? *given : (struct nvme_config){ .serial = "SN-1" };
    struct error error = { .text = "" };
    memset(guest, 0, sizeof(*guest));
    pci_guest_init(&guest->pci);
    guest->disk.blockdev.ops = &disk_ops;
    guest->disk.blockdev.size = sizeof(guest->disk.bytes);
    guest->disk.blockdev.detect_zeroes = BLOCKDEV_DETECT_OFF;
    for (unsigned n = 0; n < sizeof(guest->disk.bytes); n++)
        guest->disk.bytes[n] = (uint8_t)(n * 7 + n / 512);
    config.blockdev = &guest->disk.blockdev;
    config.dma = &guest->pci.guest.dma;
    struct pci_function *function = nvme_create(&config, &error);
    if (!function || !pci_bus_plug(pci_host_bus(guest->pci.host), function, NVME_SLOT, 0, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    guest->nvme = (struct nvme *)function;
    slot_set_config(&guest->pci, NVME_SLOT, PCI_BAR, 4, (uint32_t)BAR_AT);
    slot_set_config(&guest->pci, NVME_SLOT, PCI_BAR + 4, 4, BAR_AT >> 32);
    slot_set_config(&guest->pci, NVME_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void nvme_guest_destroy(struct nvme_guest *guest)
{
    atomic_store(&guest->disk.hold, false);
    pci_guest_destroy(&guest->pci);
}

uint32_t nvme_guest_read(struct nvme_guest *guest, unsigned offset)
{
    return (uint32_t)pci_guest_read(&guest->pci, PCI_WINDOW_MEM64, offset, 4);
}

void nvme_guest_write(struct nvme_guest *guest, unsigned offset, uint32_t value)
{
    pci_guest_write(&guest->pci, PCI_WINDOW_MEM64, offset, 4, value);
}

void *nvme_guest_host(struct nvme_guest *guest, uint64_t paddr)
{
    return guest_host(&guest->pci.guest, paddr);
}

bool nvme_guest_wire(struct nvme_guest *guest)
{
    return atomic_load(&guest->pci.wires[NVME_SLOT % PCI_PINS]);
}

static void reset_queue(struct nvme_guest *guest, unsigned queue, unsigned entries)
{
    guest->queues[queue].entries = entries;
    guest->queues[queue].tail = guest->queues[queue].head = 0;
    guest->queues[queue].phase = true;
    memset(nvme_guest_host(guest, CQ_AT(queue)), 0, (size_t)entries * NVME_CQ_ENTRY);
}

uint32_t nvme_guest_enable(struct nvme_guest *guest)
{
    uint32_t status;
    reset_queue(guest, 0, ADMIN_ENTRIES);
    nvme_guest_write(guest, R_AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
    nvme_guest_write(guest, R_ASQ, (uint32_t)SQ_AT(0));
    nvme_guest_write(guest, R_ASQ + 4, SQ_AT(0) >> 32);
    nvme_guest_write(guest, R_ACQ, (uint32_t)CQ_AT(0));
    nvme_guest_write(guest, R_ACQ + 4, CQ_AT(0) >> 32);
    nvme_guest_write(guest, R_CC, CC_ON);
    while (!((status = nvme_guest_read(guest, R_CSTS)) & (CSTS_RDY | CSTS_CFS)))
        usleep(100);
    return status;
}

void nvme_guest_disable(struct nvme_guest *guest)
{
    nvme_guest_write(guest, R_CC, CC_OFF);
    while (nvme_guest_read(guest, R_CSTS) & CSTS_RDY)
        usleep(100);
}

void nvme_guest_make_queues(struct nvme_guest *guest, unsigned queue, unsigned entries, unsigned vector,
                            bool interrupts)
{
    reset_queue(guest, queue, entries);
    if (nvme_guest_command(guest, 0,
                           (struct nvme_command){ .opcode = NVME_CREATE_CQ,
                                                  .prp1 = CQ_AT(queue),
                                                  .cdw10 = (entries - 1) << 16 | queue,
                                                  .cdw11 = vector << 16 | (interrupts ? 3 : 1) }) ||
        nvme_guest_command(guest, 0,
                           (struct nvme_command){ .opcode = NVME_CREATE_SQ,
                                                  .prp1 = SQ_AT(queue),
                                                  .cdw10 = (entries - 1) << 16 | queue,
                                                  .cdw11 = queue << 16 | 1 }))
        abort();
}

uint16_t nvme_guest_put(struct nvme_guest *guest, unsigned queue, struct nvme_command command)
{
    command.id = ++guest->next_id;
    memcpy(nvme_guest_host(guest, SQ_AT(queue) + (uint64_t)guest->queues[queue].tail * NVME_SQ_ENTRY),
           &command, sizeof(command));
    guest->queues[queue].tail = (guest->queues[queue].tail + 1) % guest->queues[queue].entries;
    return command.id;
}

uint16_t nvme_guest_submit(struct nvme_guest *guest, unsigned queue, struct nvme_command command)
{
    uint16_t id = nvme_guest_put(guest, queue, command);
    nvme_guest_write(guest, DOORBELL(2 * queue), guest->queues[queue].tail);
    return id;
}

static const uint32_t *next_entry(struct nvme_guest *guest, unsigned queue)
{
    return nvme_guest_host(guest, CQ_AT(queue) + (uint64_t)guest->queues[queue].head * NVME_CQ_ENTRY);
}

bool nvme_guest_poll(struct nvme_guest *guest, unsigned queue)
{
    uint32_t last = __atomic_load_n(next_entry(guest, queue) + 3, __ATOMIC_ACQUIRE);
    return (last >> 16 & 1) == guest->queues[queue].phase;
}

unsigned nvme_guest_take(struct nvme_guest *guest, unsigned queue, bool ring)
{
    for (unsigned n = 0; !nvme_guest_poll(guest, queue); n++) {
        if (n == 100000)
            abort();
        usleep(100);
    }
    const uint32_t *entry = next_entry(guest, queue);
    guest->done.result = entry[0];
    guest->done.sq_head = (uint16_t)entry[2];
    guest->done.sq = (uint16_t)(entry[2] >> 16);
    guest->done.id = (uint16_t)entry[3];
    guest->done.status = (uint16_t)(entry[3] >> 17);
    if (++guest->queues[queue].head == guest->queues[queue].entries) {
        guest->queues[queue].head = 0;
        guest->queues[queue].phase = !guest->queues[queue].phase;
    }
    if (ring)
        nvme_guest_write(guest, DOORBELL(2 * queue + 1), guest->queues[queue].head);
    return guest->done.status & 0x7ff;
}

unsigned nvme_guest_command(struct nvme_guest *guest, unsigned queue, struct nvme_command command)
{
    uint16_t id = nvme_guest_submit(guest, queue, command);
    unsigned status = nvme_guest_take(guest, queue, true);
    if (guest->done.id != id || guest->done.sq != queue)
        abort();
    return status;
}

void nvme_guest_settle(struct nvme_guest *guest)
{
    bool idle = false;
    while (!idle) {
        pthread_mutex_lock(&guest->nvme->lock);
        idle = !guest->nvme->worker.kicked && !guest->nvme->worker.busy;
        pthread_mutex_unlock(&guest->nvme->lock);
        if (!idle)
            usleep(50);
    }
}
