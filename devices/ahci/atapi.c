/* SPDX-License-Identifier: MIT
 *
 * CD drives: packets go to the SCSI engine (ACS-3 section 7.18). The engine keeps the sense data, for which
 * the driver asks with a packet of its own.
 */
#include "devices/ahci/internal.h"

#include <string.h>

#include "util/log.h"

enum atapi_command {
    ATA_DEVICE_RESET = 0x08,
    ATA_PACKET = 0xa0,
    ATA_IDENTIFY_PACKET = 0xa1,
    ATA_IDLE_IMMEDIATE = 0xe1,
    ATA_FLUSH = 0xe7,
    ATA_IDENTIFY = 0xec,
    ATA_SET_FEATURES = 0xef,
};
#define PACKET_AT    0x40u
#define PACKET_BYTES 12u
#define HEADER_WRITE 0x40u /* of a command header: data goes to the device */
#define REASON_DONE  3u    /* interrupt reason: the command has ended */

static void packet(struct ahci_task *task)
{
    struct scsi_request request = { .iov = task->iov };
    uint64_t bytes;
    if (!dma_read(task->ahci->dma, task->table_at + PACKET_AT, request.cdb, PACKET_BYTES)) {
        task->fatal = true;
        return;
    }
    request.direction = scsi_data_of(task->port->cd, request.cdb, &bytes);
    bool in = request.direction == SCSI_FROM_UNIT;
    if (request.direction != SCSI_NO_DATA && in != (task->flags & HEADER_WRITE ? true : false))
        request.bytes = ahci_map(task, bytes, in);
    if (task->fatal)
        return;
    request.iov_count = task->iov_count;
    task->reason = REASON_DONE;
    switch (scsi_execute(task->port->cd, &request)) {
    case SCSI_AGAIN: task->again = true; return;
    case SCSI_OVERRUN: ahci_fail(task, ERROR_ABORT); return;
    case SCSI_DONE: break;
    }
    if (in)
        ahci_written(task, request.done);
    task->done = (uint32_t)request.done;
    if (request.status == SCSI_CHECK_CONDITION)
        ahci_fail(task, (uint8_t)(request.sense[2] << 4 | ERROR_ABORT));
}

static void identify(struct ahci_task *task)
{
    uint8_t data[BLOCKDEV_SECTOR] = { 0 };
    ahci_put_word(data, 0, 0x85c0); /* a removable CD drive, packets of 12 bytes */
    ahci_put_text(data, 10, 10, task->port->serial);
    ahci_put_text(data, 23, 4, "2.5+");
    ahci_put_text(data, 27, 20, task->port->model);
    ahci_put_word(data, 49, 0x0b00); /* DMA, LBA, IORDY */
    ahci_put_word(data, 53, 6);      /* words 64 to 70 and 88 are valid */
    ahci_put_word(data, 63, 7);
    ahci_put_word(data, 64, 3);
    for (unsigned n = 65; n <= 68; n++)
        ahci_put_word(data, n, 120); /* nanoseconds of a cycle */
    ahci_put_word(data, 76, 2);      /* 1.5 Gb/s */
    ahci_put_word(data, 80, 0x1f0);  /* ATA-4 to ATA8 */
    ahci_put_word(data, 82, 0x4210); /* NOP, DEVICE RESET, packets */
    ahci_put_word(data, 83, 0x4000);
    ahci_put_word(data, 84, 0x4000);
    ahci_put_word(data, 85, 0x4210);
    ahci_put_word(data, 87, 0x4000);
    ahci_put_word(data, 88, 0x203f); /* Ultra DMA, of which mode 5 is set */
    ahci_give(task, data, sizeof(data));
}

void ahci_atapi(struct ahci_task *task)
{
    task->iov_count = 0;
    switch (task->fis[2]) {
    case ATA_PACKET: packet(task); break;
    case ATA_IDENTIFY_PACKET: identify(task); break;
    case ATA_SET_FEATURES:
        if (task->fis[3] != 0x03) /* SATA has no transfer modes, so setting one changes nothing */
            ahci_fail(task, ERROR_ABORT);
        break;
    case ATA_IDLE_IMMEDIATE:
    case ATA_FLUSH: break;
    case ATA_DEVICE_RESET: scsi_unit_reset(task->port->cd); break;
    case ATA_IDENTIFY: ahci_fail(task, ERROR_ABORT); break; /* the driver learns that it is none */
    default:
        LOG_GUEST("ahci: ATA command 0x%02x, which a CD drive does not have", task->fis[2]);
        ahci_fail(task, ERROR_ABORT);
    }
}
