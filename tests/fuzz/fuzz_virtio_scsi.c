/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives a virtio SCSI host with a disk and a CD drive by the fuzzer's bytes.
 * The input is a list of records, each of which is a command, a task management function, or one broken
 * descriptor. RAM lies between unmapped pages, and a transfer beyond a medium aborts.
 *
 *   byte 0       bit 0 legacy
 *   records      1 byte kind, 1 byte length of the buffer / 16, 16 bytes CDB or request, up to 32 bytes of
 * data
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/scsi.h"
#include "tests/devices/scsi/memory_disk.h"
#include "tests/devices/virtio/guest.h"

#define RING_AT     (GUEST_RAM_BASE + 0x10000)
#define CONTROL_AT  (GUEST_RAM_BASE + 0x18000)
#define HEADER_AT   (GUEST_RAM_BASE + 0x20000)
#define RESPONSE_AT (GUEST_RAM_BASE + 0x20800)
#define DATA_AT     (GUEST_RAM_BASE + 0x21000)
#define RECORD      50u

static struct guest guests[2];
static struct memory_disk disks[2];

static void make_guests(void)
{
    static const struct device_settings settings[2] = { { .target = 1, .lun = 1, .serial = "fuzz" },
                                                        { .target = 2, .lun = 2 } };
    static const struct block_on_error on_error;
    struct error error;
    for (unsigned n = 0; n < 2; n++) {
        const struct device_unit units[2] = {
            { &scsi_hd_model, &settings[0], &disks[0].blockdev, NULL, &on_error, NULL },
            { &scsi_cd_model, &settings[1], &disks[1].blockdev, NULL, &on_error, NULL },
        };
        struct virtio_scsi_config config = { .units = units, .unit_count = 2, .queue_size = 16 };
        memory_disk_init(&disks[n], n);
        guest_init(&guests[n], n);
        struct virtio_device *vdev = virtio_scsi_create(&config, &error);
        if (!vdev) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        guest_plug(&guests[n], vdev);
    }
}

static void send_command(struct guest *guest, struct ring *ring, const uint8_t *record)
{
    unsigned kind = record[0], length = record[1] * 16u;
    uint8_t header[19 + 32] = { 1, kind >> 1 & 1, 0x40, kind >> 2 & 1 };
    bool in = kind & 8;
    memcpy(header + 19, record + 2, 16);
    memcpy(guest_host(guest, HEADER_AT), header, sizeof(header));
    memset(guest_host(guest, DATA_AT), 0, 4096);
    memcpy(guest_host(guest, DATA_AT), record + 18, 32);
    ring_desc(ring, 0, HEADER_AT, sizeof(header), DESC_NEXT, length && !in ? 1 : 2);
    ring_desc(ring, 1, DATA_AT, length, DESC_NEXT, 2);
    ring_desc(ring, 2, RESPONSE_AT, 108, DESC_WRITE | (length && in ? DESC_NEXT : 0), 3);
    ring_desc(ring, 3, DATA_AT, length, DESC_WRITE, 0);
    if (kind & 0x80) /* breaks one of them */
        ring_desc(ring, record[34] % 4, GUEST_RAM_BASE + (record[35] << 12 | record[36] << 4),
                  record[37] * 8u, record[38] % 8, record[39] % 4);
    ring_offer(ring, 0);
    ring_kick(ring);
}

static void send_control(struct guest *guest, struct ring *control, const uint8_t *record)
{
    uint8_t request[24] = { record[2] % 4, 0, 0, 0, record[3] % 16 };
    request[8] = 1, request[9] = record[4] % 4, request[10] = 0x40, request[11] = record[5] % 4;
    memcpy(guest_host(guest, HEADER_AT + 0x100), request, sizeof(request));
    ring_desc(control, 0, HEADER_AT + 0x100, record[0] & 8 ? record[6] % 32 : sizeof(request), DESC_NEXT, 1);
    ring_desc(control, 1, HEADER_AT + 0x200, record[1] % 8, DESC_WRITE, 0);
    ring_offer(control, 0);
    ring_kick(control);
}

static void start(struct guest *guest, struct ring *ring, struct ring *control)
{
    guest_negotiate(guest, 0);
    guest_ring(guest, control, 0, 8, CONTROL_AT);
    guest_ring(guest, ring, 2, 8, RING_AT);
    guest_driver_ok(guest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring ring, control;
    if (!guests[0].slot)
        make_guests();
    if (!size)
        return 0;
    struct guest *guest = &guests[data[0] & 1];
    start(guest, &ring, &control);
    for (data++, size--; size >= RECORD; data += RECORD, size -= RECORD) {
        if (data[0] & 0x40)
            send_control(guest, &control, data);
        else
            send_command(guest, &ring, data);
        if (data[0] & 0x20)
            guest_write(guest, REG_CONFIG + 20 + (data[49] & 4), data[48]);
        guest_settle(guest);
        if (data[0] & 0x10 || guest_read(guest, REG_STATUS) & VIRTIO_NEEDS_RESET)
            start(guest, &ring, &control);
    }
    guest_write(guest, REG_STATUS, 0);
    return 0;
}
