/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives an EHCI controller with the fuzzer's bytes. A keyboard, a tablet and
 * a mouse are plugged in; the first two have been found by a driver, and there are good transfers for them.
 * Then the input is combined with queues, transfers and frames by exclusive or: a zero byte changes nothing,
 * and any other byte breaks one thing. The rest is a script of register accesses, memory writes, time, keys,
 * movements and saved states. RAM is a block of exactly its size. At the end the controller is reset, and
 * must work as at the start.
 *
 *   96 bytes each:  two queues, the head, the transfers of both, the frame list
 *   rest            one operation in 8 bytes: kind, size, offset (2), value (4)
 */
#include <check.h>
#include <stdlib.h>
/* Assertions of the driver abort: no test is running that could take note of them. */
#define _mark_point(file, line) ((void)0)
#define _ck_assert_failed(...)  abort()

#include "devices/usb/hid.h"
#include "tests/devices/usb/ehci_guest.h"

#define DISTURBED 96u

static struct ehci_guest guest;
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
    guest_start(&guest);
    for (unsigned n = 1; n <= 2; n++) {
        unsigned length;
        guest_configure(&guest, n, n);
        if (get_descriptor(&guest, n, 0x100, 18, &length) & 0xff || length != 18)
            abort();
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

static void put_transfers(void)
{
    const struct usb_setup setup = { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x200, 0, 64 };
    memcpy(guest_host(&guest, SETUP_AT), &setup, sizeof(setup));
    put_qtd(&guest, 0, T_TOKEN(PID_SETUP, 8), SETUP_AT);
    put_qtd(&guest, 1, T_TOKEN(PID_IN, 64), DATA_AT + 0xff0);
    put_qtd(&guest, 2, T_TOKEN(PID_OUT, 0) | T_IOC, 0);
    put_queue(&guest, QUEUE_AT, HEAD_AT | 2, 1 | QH_HIGH | QH_TOGGLE | 64u << 16, QTD_AT(0));
    guest_poll(&guest, 2, 8);
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
    case 0:
        clock_shift(guest.clock, value % 100000000);
        guest_look(&guest);
        break;
    case 1: function_put(&guest.board, offset % 0x100 & -size, size, value); break;
    case 2: function_get(&guest.board, offset % 0x100 & -size, size); break;
    case 3: memcpy(guest_host(&guest, RAM_AT + 0x1000 + offset % 0xd00 * 4), &value, 4); break;
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
    guest_put(&guest, R_COMMAND, 0);
    put_transfers();
    disturb(QUEUE_AT, &data, &size);
    disturb(POLL_AT, &data, &size);
    disturb(HEAD_AT, &data, &size);
    disturb(QTD_AT(0), &data, &size);
    disturb(POLL_QTD_AT, &data, &size);
    disturb(FRAMES_AT, &data, &size);
    guest_put(&guest, R_COMMAND, CMD_RUN | CMD_ASYNC | CMD_PERIODIC);
    for (; size >= 8; data += 8, size -= 8)
        operation(data);
    guest_look(&guest);
    check_works();
    return 0;
}
