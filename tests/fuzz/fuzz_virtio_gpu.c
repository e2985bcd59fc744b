/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives a virtio graphics device with the fuzzer's bytes. Each record of the
 * input is one command: its first bytes choose a good command, and the rest is combined with that by
 * exclusive or: zeros make, fill and show a picture, and any other byte breaks one thing. RAM lies between
 * unmapped pages, and the device may take 256 KiB of the host.
 *
 *   byte 0   which command, and the queue (bit 7: the other one)
 *   byte 1   bits 0-3: bytes by which the command is cut short, bits 4-6: room for the response,
 *            bit 7: save and load
 *   byte 2   how many bytes of the record follow, up to 72
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/gpu/gpu.h"
#include "devices/virtio/gpu/internal.h"
#include "tests/devices/virtio/guest.h"

#define CONTROL_AT (GUEST_RAM_BASE + 0x10000)
#define CURSOR_AT  (GUEST_RAM_BASE + 0x14000)
#define COMMAND_AT (GUEST_RAM_BASE + 0x20000)
#define ANSWER_AT  (GUEST_RAM_BASE + 0x30000)
#define PIXELS_AT  (GUEST_RAM_BASE + 0x40000)
#define SIDE       16u

static struct guest guest;

union any {
    uint8_t bytes[72];
    struct gpu_header header;
    struct gpu_create_2d create;
    struct {
        struct gpu_resource_command command;
        struct gpu_backing_entry entries[2];
    } attach;
    struct gpu_set_scanout scanout;
    struct gpu_flush flush;
    struct gpu_transfer transfer;
    struct gpu_cursor cursor;
};

static void make_guest(void)
{
    struct error error = { "" };
    struct display *display = display_create(SIDE, SIDE, &error);
    struct virtio_gpu_config config = { .display = display, .memory_limit = 1 << 18 };
    struct virtio_device *device = display ? virtio_gpu_create(&config, &error) : NULL;
    if (!device) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    guest_init(&guest, false);
    guest_plug(&guest, device);
}

/* The command that a byte selects, as a driver would send it. */
static size_t good_command(union any *any, unsigned which)
{
    struct gpu_rect all = { 0, 0, SIDE, SIDE };
    memset(any, 0, sizeof(*any));
    switch (which % 10) {
    case 0:
        any->create = (struct gpu_create_2d){ { .type = GPU_RESOURCE_CREATE_2D }, 1, 2, SIDE, SIDE };
        return sizeof(any->create);
    case 1:
        any->attach.command = (struct gpu_resource_command){ { .type = GPU_ATTACH_BACKING }, 1, 2 };
        any->attach.entries[0] = (struct gpu_backing_entry){ PIXELS_AT, 1000, 0 };
        any->attach.entries[1] = (struct gpu_backing_entry){ PIXELS_AT + 4096, 24 + SIDE, 0 };
        return sizeof(any->attach);
    case 2:
        any->transfer = (struct gpu_transfer){ { .type = GPU_TRANSFER_TO_HOST_2D }, all, 0, 1, 0 };
        return sizeof(any->transfer);
    case 3:
        any->scanout = (struct gpu_set_scanout){ { .type = GPU_SET_SCANOUT }, all, 0, 1 };
        return sizeof(any->scanout);
    case 4:
        any->flush = (struct gpu_flush){ { .type = GPU_RESOURCE_FLUSH }, all, 1, 0 };
        return sizeof(any->flush);
    case 5:
        any->cursor = (struct gpu_cursor){ { .type = GPU_UPDATE_CURSOR }, 0, 5, 5, 0, 1, 2, 2, 0 };
        return sizeof(any->cursor);
    case 6: any->header.type = GPU_GET_DISPLAY_INFO; return sizeof(any->header);
    case 7: any->attach.command.header.type = GPU_GET_EDID; break;
    case 8:
        any->attach.command = (struct gpu_resource_command){ { .type = GPU_DETACH_BACKING }, 1, 0 };
        break;
    default:
        any->attach.command = (struct gpu_resource_command){ { .type = GPU_RESOURCE_UNREF }, 1, 0 };
        break;
    }
    return sizeof(any->attach.command);
}

/* Sends one record; returns how many bytes of input it used. */
static size_t send(struct ring rings[2], const uint8_t *data, size_t size)
{
    static const uint32_t rooms[8] = { 2048, 24, 23, 0, 408, 1072, 1, 100 };
    union any any;
    size_t length = good_command(&any, data[0] & 127), given = data[2] % 73;
    if (given > size - 3)
        given = size - 3;
    for (size_t n = 0; n < given; n++)
        any.bytes[n] ^= data[3 + n];
    size_t cut = data[1] & 15;
    uint32_t room = rooms[data[1] >> 4 & 7];
    struct ring *ring = &rings[(any.header.type >= GPU_UPDATE_CURSOR) ^ (data[0] >> 7)];
    memcpy(guest_host(&guest, COMMAND_AT), any.bytes, length);
    ring_desc(ring, 0, COMMAND_AT, (uint32_t)(length - cut), room ? DESC_NEXT : 0, 1);
    ring_desc(ring, 1, ANSWER_AT, room, DESC_WRITE, 0);
    ring_offer(ring, 0);
    ring_kick(ring);
    guest_settle(&guest);
    if (data[1] & 128)
        guest_reload(&guest);
    return 3 + given;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring rings[2];
    if (!guest.slot)
        make_guest();
    guest_negotiate(&guest, 2);
    guest_ring(&guest, &rings[0], 0, 8, CONTROL_AT);
    guest_ring(&guest, &rings[1], 1, 8, CURSOR_AT);
    guest_driver_ok(&guest);
    /* At most 64 commands, so that the indices of the rings do not wrap. */
    for (unsigned n = 0; n < 64 && size >= 3; n++) {
        size_t taken = send(rings, data, size);
        data += taken;
        size -= taken;
    }
    guest_write(&guest, REG_STATUS, 0);
    return 0;
}
