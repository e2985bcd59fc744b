/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives an xHCI controller with the fuzzer's bytes. A keyboard, a tablet and
 * a mouse are plugged in; the first two have been found by a driver, and their rings contain good transfers.
 * Then the input is combined with the rings and contexts by exclusive or: a zero byte changes nothing, and
 * any other byte breaks one thing. The rest is a script of register accesses, doorbells, memory writes, keys,
 * movements and saved states. RAM is a block of exactly its size. At the end the controller is reset, and
 * must work as at the start.
 *
 *   96 bytes each:  the rings of endpoints 1 and 3 of both devices, the command ring, the input context
 *   rest            one operation in 8 bytes: kind, size, offset (2), value (4)
 */
#include <check.h>
#include <stdlib.h>
/* Assertions of the driver abort: no test is running that could take note of them. */
#define _mark_point(file, line) ((void)0)
#define _ck_assert_failed(...)  abort()

#include "devices/usb/hid.h"
#include "tests/devices/usb/xhci_guest.h"

#define DISTURBED 96u

static struct xhci_guest guest;
static struct display *display;

static void make_guest(void)
{
    static const enum display_input_kind kinds[] = { DISPLAY_KEYBOARD, DISPLAY_TABLET, DISPLAY_MOUSE };
    static const char *const ports[] = { "1", "2", "3" };
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest);
    for (unsigned n = 0; n < 3; n++)
        guest_attach(&guest, usb_hid_create(display, kinds[n], &error), ports[n]);
}

/* After a reset, a driver that does everything right must find a controller that works. */
static void check_works(void)
{
    function_master(&guest.board, true);
    pci_config_write(guest.board.function, 0x92, 2, 0);
    guest_start(&guest);
    for (unsigned n = 0; n < 2; n++) {
        unsigned slot = guest_address(&guest, FIRST_USB2 + n), length;
        if (get_descriptor(&guest, slot, 0x100, 18, &length) != XHCI_SUCCESS || length != 18)
            abort();
        guest_configure(&guest, slot);
    }
}

static void disturb(uint64_t at, const uint8_t **data, size_t *size)
{
    uint8_t *host = guest_host(&guest, at);
    size_t length = *size < DISTURBED ? *size : DISTURBED;
    for (size_t n = 0; n < length; n++)
        host[n] ^= (*data)[n];
    *data += length;
    *size -= length;
}

static void put_transfers(unsigned slot)
{
    static const struct usb_setup setups[] = { { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x200, 0, 64 },
                                               { 0x21, 9, 0x200, 0, 1 },
                                               { 0xa1, 1, 0x100, 0, 8 } };
    struct guest_ring *control = &guest.rings[slot][1], *reports = &guest.rings[slot][3];
    for (unsigned n = 0; n < 3; n++) {
        uint64_t bytes;
        memcpy(&bytes, &setups[n], 8);
        ring_put(&guest, control, bytes, 8, XHCI_TYPE(TRB_SETUP) | TRB_IMMEDIATE);
        ring_put(&guest, control, DATA_AT, setups[n].length,
                 XHCI_TYPE(TRB_DATA) | TRB_ISP | (setups[n].type & USB_TYPE_IN ? 1u << 16 : 0));
        ring_put(&guest, control, 0, 0, XHCI_TYPE(TRB_STATUS) | TRB_IOC);
        ring_put(&guest, reports, DATA_AT, 3, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN);
        ring_put(&guest, reports, DATA_AT + 64, 64, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN | TRB_IOC);
        ring_put(&guest, reports, 0x1234, 0, XHCI_TYPE(TRB_EVENT_DATA_BLOCK) | TRB_IOC);
    }
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_STOP_ENDPOINT) | slot << 24 | 3 << 16);
    ring_put(&guest, &guest.commands, INPUT_AT, 0, XHCI_TYPE(TRB_CONFIGURE_ENDPOINT) | slot << 24);
    ring_put(&guest, &guest.commands, INPUT_AT, 0, XHCI_TYPE(TRB_EVALUATE_CONTEXT) | slot << 24);
}

static void save_and_load(uint32_t value)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    state_writer_init(&writer);
    pci_function_save(guest.board.function, &writer);
    for (unsigned n = 0; n < (value & 3); n++)
        writer.bytes[(value >> 8) * 2654435761u % writer.length] ^= (uint8_t)(value >> 2 | 1);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    pci_function_load(guest.board.function, &reader);
    state_writer_destroy(&writer);
}

static void operation(const uint8_t *op)
{
    uint32_t value = op[4] | op[5] << 8 | op[6] << 16 | (uint32_t)op[7] << 24;
    unsigned offset = op[2] | op[3] << 8u, size = 1u << (op[1] & 3);
    switch (op[0] % 8) {
    case 0: guest_put(&guest, R_DOORBELL + 4 * (offset % 4), value & 0x1ff0007); break;
    case 1: function_put(&guest.board, offset % 0x4000 & -size, size, value); break;
    case 2: function_get(&guest.board, offset % 0x4000 & -size, size); break;
    case 3: memcpy(guest_host(&guest, RAM_AT + offset % 0xc000 * 4), &value, 4); break;
    case 4: display_key(display, value % 256, value >> 8 & 1); break;
    case 5:
        display_pointer(display, &(struct display_pointer){ .absolute = value & 1,
                                                            .x = (int32_t)value,
                                                            .y = (int16_t)offset,
                                                            .buttons = value >> 8 & 31 });
        break;
    case 6: save_and_load(value); break;
    default: pci_config_write(guest.board.function, offset & 0xfc, 4, value); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest.clock)
        make_guest();
    check_works();
    for (unsigned slot = 1; slot <= 2; slot++) {
        put_transfers(slot);
        disturb(RING_AT(slot, 1), &data, &size);
        disturb(RING_AT(slot, 3), &data, &size);
    }
    disturb(COMMANDS_AT, &data, &size);
    disturb(INPUT_AT, &data, &size);
    for (; size >= 8; data += 8, size -= 8)
        operation(data);
    for (unsigned n = 0; n < 16; n++)
        guest_put(&guest, R_DOORBELL + 4 * (n / 4), n % 4);
    check_works();
    return 0;
}
