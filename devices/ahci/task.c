/* SPDX-License-Identifier: MIT
 *
 * A command as the driver has laid it out in memory: its header in the command list, and its table with the
 * frame, the packet of an ATAPI device, and the list of its buffer's parts (sections 4.2.2 and 4.2.3). All of
 * it belongs to the guest, which may change it: everything is read once.
 */
#include "devices/ahci/internal.h"

#include <string.h>

#include "util/log.h"

#define PRDT_AT      0x80u
#define PRDT_ENTRY   16u
#define PRDT_STEP    64u /* entries that are read at once */
#define HEADER_BYTES 32u

void ahci_fail(struct ahci_task *task, uint8_t error)
{
    task->status = STATUS_READY | STATUS_SEEK | STATUS_ERROR;
    task->error = error;
    task->pio = false;
}

/* Adds a part, if it is memory. Behind an IOMMU it may be several pieces. */
static bool add_part(struct ahci_task *task, uint64_t address, uint64_t length, bool write)
{
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = length - done, paddr;
        void *host = dma_map(task->ahci->dma, address + done, &piece, write, &paddr);
        if (!host || task->iov_count == BLOCKDEV_IOV_MAX) {
            task->fatal = true;
            return false;
        }
        task->places[task->iov_count] = paddr;
        task->lengths[task->iov_count] = (uint32_t)piece;
        task->iov[task->iov_count++] = (struct iovec){ host, piece };
        done += piece;
    }
    return true;
}

uint64_t ahci_map(struct ahci_task *task, uint64_t bytes, bool write)
{
    uint8_t entries[PRDT_STEP * PRDT_ENTRY];
    unsigned count = task->flags >> 16;
    uint64_t total = 0;
    task->iov_count = 0;
    for (unsigned n = 0; n < count && total < bytes; n++) {
        const uint8_t *entry = entries + n % PRDT_STEP * PRDT_ENTRY;
        unsigned left = count - n < PRDT_STEP ? count - n : PRDT_STEP;
        if (n % PRDT_STEP == 0 && !dma_read(task->ahci->dma, task->table_at + PRDT_AT + n * PRDT_ENTRY,
                                            entries, left * PRDT_ENTRY)) {
            task->fatal = true;
            return 0;
        }
        uint64_t paddr = ahci_get32(entry) | (uint64_t)ahci_get32(entry + 4) << 32;
        uint64_t length = (ahci_get32(entry + 12) & 0x3fffff) + 1;
        if (length > bytes - total)
            length = bytes - total;
        if (!add_part(task, paddr & ~UINT64_C(1), length, write))
            return 0;
        total += length;
    }
    return total;
}

void ahci_written(struct ahci_task *task, uint64_t bytes)
{
    struct dma *dma = task->ahci->dma;
    for (unsigned n = 0; n < task->iov_count && bytes; n++) {
        uint64_t length = task->lengths[n] < bytes ? task->lengths[n] : bytes;
        dma->ops->written(dma, task->places[n], length);
        bytes -= length;
    }
}

void ahci_give(struct ahci_task *task, const void *bytes, uint32_t length)
{
    uint64_t room = ahci_map(task, length, true);
    if (task->fatal)
        return;
    blockdev_iov_scatter(task->iov, task->iov_count, bytes);
    ahci_written(task, room);
    task->done = (uint32_t)room;
    task->pio = true;
}

static bool read_command(struct ahci_task *task)
{
    struct dma *dma = task->ahci->dma;
    uint8_t header[HEADER_BYTES];
    if (!dma_read(dma, task->header_at, header, sizeof(header)))
        return false;
    task->flags = ahci_get32(header);
    task->table_at = (ahci_get32(header + 8) & ~0x7fu) | (uint64_t)ahci_get32(header + 12) << 32;
    uint32_t length = (task->flags & 0x1f) * 4;
    if (length < 20 || length > AHCI_FIS_MAX)
        return false;
    memset(task->fis, 0, sizeof(task->fis));
    return dma_read(dma, task->table_at, task->fis, length) && task->fis[0] == FIS_H2D;
}

void ahci_execute(struct ahci_task *task)
{
    uint8_t count[4];
    task->status = STATUS_READY | STATUS_SEEK;
    task->error = task->reason = 0;
    task->done = 0;
    task->queued = task->pio = task->again = task->fatal = task->control = task->cache_set = false;
    if (!read_command(task)) {
        LOG_GUEST("ahci: the command at 0x%llx is none", (unsigned long long)task->header_at);
        task->fatal = true;
        return;
    }
    task->control = !(task->fis[1] & 0x80);
    if (task->control)
        return;
    if (task->port->cd)
        ahci_atapi(task);
    else
        ahci_ata(task);
    if (task->again || task->fatal || task->queued)
        return;
    ahci_put32(count, task->done); /* PRDBC */
    if (!dma_write(task->ahci->dma, task->header_at + 4, count, sizeof(count)))
        task->fatal = true;
}
