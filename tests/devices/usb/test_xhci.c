/* SPDX-License-Identifier: MIT
 *
 * The xHCI controller at register level, with a small driver (xhci_guest.h): registers and ports, a keyboard
 * that is enumerated and read, blocks of all kinds, errors, interrupts, a full event ring, saved state, and
 * rings, contexts and accesses of a hostile driver. test_usb_hid has the devices.
 */
#include <linux/input-event-codes.h>

#include "devices/usb/hid.h"
#include "tests/devices/usb/xhci_guest.h"
#include "tests/suite.h"

static struct xhci_guest guest;
static struct display *display;
static unsigned slot;

static void setup(void)
{
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest);
    guest_attach(&guest, usb_hid_create(display, DISPLAY_KEYBOARD, &error), "1");
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

static const uint8_t *report(void)
{
    return guest_host(&guest, DATA_AT + 0x100);
}

static unsigned endpoint_state(unsigned endpoint)
{
    return *(uint32_t *)guest_host(&guest, CONTEXT_AT(slot) + 32 * endpoint) & 7;
}

static unsigned slot_state(void)
{
    return ((uint32_t *)guest_host(&guest, CONTEXT_AT(slot)))[3] >> 27;
}

static unsigned on_endpoint(enum xhci_type type, unsigned endpoint, uint64_t parameter)
{
    return command(&guest, parameter, XHCI_TYPE(type) | slot << 24 | endpoint << 16, NULL);
}

static unsigned on_slot(enum xhci_type type, unsigned number)
{
    return command(&guest, INPUT_AT, XHCI_TYPE(type) | number << 24, NULL);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

START_TEST(registers)
{
    struct pci_function *function = guest.board.function;
    ck_assert_uint_eq(pci_config_read(function, 0, 4), 0x000d1b36);
    ck_assert_uint_eq(pci_config_read(function, PCI_CLASS, 1), 0x30);
    ck_assert_uint_eq(pci_config_read(function, PCI_CLASS + 1, 2), 0x0c03);
    ck_assert_uint_eq(pci_config_read(function, 0x60, 1), 0x30);
    ck_assert_uint_eq(guest_get(&guest, 0x00), 0x01000040);
    ck_assert_uint_eq(function_get(&guest.board, 0x00, 1), 0x40);
    ck_assert_uint_eq(function_get(&guest.board, 0x02, 2), 0x100);
    ck_assert_uint_eq(guest_get(&guest, 0x04), 0x08001040);
    ck_assert_uint_eq(guest_get(&guest, 0x10), 0x00080001);
    ck_assert_uint_eq(guest_get(&guest, 0x20), 0x02000402);
    ck_assert_uint_eq(guest_get(&guest, 0x28), 0x0405);
    ck_assert_uint_eq(guest_get(&guest, 0x30), 0x03000002);
    ck_assert_uint_eq(guest_get(&guest, 0x38), 0x0401);
    ck_assert_uint_eq(guest_get(&guest, 0x48), 1);
    uint32_t frame = guest_get(&guest, 0x1000);
    clock_shift(guest.clock, 1000000);
    ck_assert_uint_ne(guest_get(&guest, 0x1000), frame);
    function_put(&guest.board, R_CONFIG, 2, 0x33); /* too narrow */
    guest_put(&guest, 0x04, 0);
    ck_assert_uint_eq(guest_get(&guest, R_CONFIG), 8);
    guest_put(&guest, R_COMMAND, CMD_RESTORE | CMD_RUN);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_RESTORE_ERROR, STS_RESTORE_ERROR);
    guest_put(&guest, R_STATUS, STS_RESTORE_ERROR);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_RESTORE_ERROR, 0);
    guest_put(&guest, R_COMMAND, 0);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_HALTED, STS_HALTED);
    guest_put(&guest, R_COMMAND, CMD_RESET);
    ck_assert_uint_eq(guest_get(&guest, R_CONFIG), 0);
    ck_assert_uint_eq(guest_get(&guest, 0x1024), 4000);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)), 0x20ee1);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(1)), 0x2a0);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(9)), 0);
}
END_TEST

START_TEST(ports_sleep_and_wake)
{
    unsigned at = PORT_AT(FIRST_USB2);
    guest_put(&guest, at, 1u << 9 | 1u << 16 | 3u << 5);
    ck_assert_uint_eq(guest_get(&guest, at), 0xe63);
    guest_put(&guest, at, 1u << 9 | 1u << 16 | 15u << 5);
    guest_put(&guest, at, 1u << 9 | 1u << 16 | 0u << 5);
    ck_assert_uint_eq(guest_get(&guest, at), 0x400e03);
    struct xhci_trb event;
    expect(&guest, TRB_PORT_EVENT, &event);
    while (event.parameter >> 24 != FIRST_USB2 || guest_event(&guest, &event))
        ck_assert_uint_eq(XHCI_TRB_TYPE(event.control), TRB_PORT_EVENT);
    guest_put(&guest, at, 1u << 9 | 2); /* disabled: nobody answers any more */
    ck_assert_uint_eq(guest_get(&guest, at) & 3, 1);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_TRANSACTION);
    guest_put(&guest, PORT_AT(FIRST_USB2 + 1), 1u << 4); /* nothing is there */
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2 + 1)), 0x2a0);
}
END_TEST

START_TEST(limits)
{
    static const char *const bad[] = { "",   "0",   "5",
                                       "1",  "1.1", "2.1",
                                       "x",  "1x",  "99999999999999999999",
                                       "2.", ".2",  "1.2.3.4.5.6.7.8.9.1.2.3" };
    struct error error = { "" };
    struct usb_device *mouse = usb_hid_create(display, DISPLAY_MOUSE, &error);
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
        ck_assert_msg(!xhci_attach(guest.board.function, mouse, bad[n], &error), "%s", bad[n]);
    mouse->ops->destroy(mouse);
    struct xhci_config config = { .dma = &guest.ram.dma, .clock = guest.clock, .usb2_ports = 16 };
    ck_assert_ptr_null(xhci_create(&config, &error));
    config.usb2_ports = 0;
    ck_assert_ptr_null(xhci_create(&config, &error));
}
END_TEST

/* ---- Transfers ----------------------------------------------------------------------------------------- */

START_TEST(a_keyboard_is_found_and_read)
{
    const uint8_t *data = guest_host(&guest, DATA_AT);
    struct xhci_trb event;
    unsigned length;
    ck_assert_uint_eq(slot_state(), SLOT_ADDRESSED);
    ck_assert_uint_eq(endpoint_state(1), EP_RUNNING);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 8, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 8);
    ck_assert_uint_eq(data[7], 64);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 64, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 18);
    ck_assert_uint_eq(data[8] | data[9] << 8, 0x0627);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x200, 255, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 34);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x302, 255, &length), XHCI_SUCCESS);
    ck_assert_uint_eq(length, 2 + 2 * strlen("Rvive USB Keyboard"));
    guest_configure(&guest, slot);
    ck_assert_uint_eq(slot_state(), SLOT_CONFIGURED);
    ck_assert_uint_eq(endpoint_state(3), EP_RUNNING);
    guest_poll(&guest, slot, 8);
    expect_nothing(&guest); /* it answers NAK */
    display_key(display, KEY_A, true);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_SUCCESS);
    ck_assert_uint_eq(event.control >> 16, slot << 8 | 3);
    ck_assert_uint_eq(event.parameter, RING_AT(slot, 3));
    ck_assert_mem_eq(report(), "\0\0\4\0\0\0\0\0", 8);
    display_key(display, KEY_LEFTSHIFT, true); /* it waits until it is asked for */
    display_key(display, KEY_A, false);
    expect_nothing(&guest);
    guest_poll(&guest, slot, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_mem_eq(report(), "\2\0\4\0\0\0\0\0", 8);
    guest_poll(&guest, slot, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_mem_eq(report(), "\2\0\0\0\0\0\0\0", 8);
}
END_TEST

/* More transfers than the ring has blocks, so that all links are followed. */
START_TEST(rings_go_round)
{
    guest_configure(&guest, slot);
    for (unsigned n = 0; n < 200; n++) {
        unsigned length;
        ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, &length), XHCI_SUCCESS);
        ck_assert_uint_eq(length, 18);
        guest_poll(&guest, slot, 8);
        display_key(display, KEY_B, n % 2 == 0);
        ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
        ck_assert_uint_eq(report()[2], n % 2 ? 0 : 5);
        ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_COMMAND_NOOP), NULL), XHCI_SUCCESS);
    }
}
END_TEST

/* A transfer in pieces, of which the report fills one and a half, with events of all kinds. */
START_TEST(chains_and_short_packets)
{
    struct guest_ring *ring = &guest.rings[slot][3];
    struct xhci_trb event;
    guest_configure(&guest, slot);
    for (unsigned round = 0; round < 20; round++) {
        ring_put(&guest, ring, DATA_AT + 0x100, 6, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN);
        ring_put(&guest, ring, DATA_AT + 0x200, 0, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN);
        uint64_t at = ring_put(&guest, ring, DATA_AT + 0x300, 6, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN | TRB_ISP);
        ring_put(&guest, ring, DATA_AT + 0x400, 64, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN | TRB_IOC);
        ring_put(&guest, ring, 0x1234567812345678, 0, XHCI_TYPE(TRB_EVENT_DATA_BLOCK) | TRB_IOC);
        guest_put(&guest, R_DOORBELL + 4 * slot, 3);
        display_key(display, KEY_C, round % 2 == 0);
        ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_SHORT_PACKET);
        ck_assert_uint_eq(event.parameter, at);
        ck_assert_uint_eq(event.status & 0xffffff, 4);
        ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_SHORT_PACKET);
        ck_assert_uint_eq(event.parameter, 0x1234567812345678);
        ck_assert_uint_eq(event.status & 0xffffff, 8);
        ck_assert_uint_eq(event.control & TRB_EVENT_DATA, TRB_EVENT_DATA);
        expect_nothing(&guest);
        ck_assert_uint_eq(report()[2], round % 2 ? 0 : 6);
    }
    /* Without ISP, the block with IOC tells; a no-op tells, too. */
    ring_put(&guest, ring, DATA_AT + 0x100, 20, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN);
    ring_put(&guest, ring, DATA_AT + 0x200, 5, XHCI_TYPE(TRB_NORMAL) | TRB_IOC);
    ring_put(&guest, ring, 0, 0, XHCI_TYPE(TRB_NOOP) | TRB_IOC);
    guest_put(&guest, R_DOORBELL + 4 * slot, 3);
    display_key(display, KEY_C, true);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_SHORT_PACKET);
    ck_assert_uint_eq(event.status & 0xffffff, 5);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_SUCCESS);
}
END_TEST

START_TEST(stalls_and_recovery)
{
    unsigned length;
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x600, 10, NULL), XHCI_STALL);
    ck_assert_uint_eq(endpoint_state(1), EP_HALTED);
    ck_assert_uint_eq(on_endpoint(TRB_STOP_ENDPOINT, 1, 0), XHCI_CONTEXT_STATE);
    ck_assert_uint_eq(on_endpoint(TRB_SET_DEQUEUE, 1, 0), XHCI_CONTEXT_STATE);
    guest_recover(&guest, slot, 1);
    ck_assert_uint_eq(on_endpoint(TRB_RESET_ENDPOINT, 1, 0), XHCI_CONTEXT_STATE);
    ck_assert_uint_eq(endpoint_state(1), EP_STOPPED);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, &length), XHCI_SUCCESS);
    /* Without data it is the status stage that stalls; data that is too long stalls at once. */
    ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0, USB_SET_CONFIGURATION, 7, 0, 0 }, NULL),
                      XHCI_STALL);
    guest_recover(&guest, slot, 1);
    ck_assert_uint_eq(control(&guest, slot, (struct usb_setup){ 0x21, 9, 0x200, 0, 1000 }, NULL), XHCI_STALL);
    guest_recover(&guest, slot, 1);
    /* The endpoint can be halted and freed by a request. */
    guest_configure(&guest, slot);
    struct usb_setup halt = { USB_TO_ENDPOINT, USB_SET_FEATURE, 0, 0x81, 0 };
    ck_assert_uint_eq(control(&guest, slot, halt, NULL), XHCI_SUCCESS);
    guest_poll(&guest, slot, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_STALL);
    halt.request = USB_CLEAR_FEATURE;
    ck_assert_uint_eq(control(&guest, slot, halt, NULL), XHCI_SUCCESS);
    guest_recover(&guest, slot, 3);
    guest_poll(&guest, slot, 8);
    display_key(display, KEY_D, true);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
}
END_TEST

START_TEST(endpoints_stop)
{
    struct xhci_trb event;
    guest_configure(&guest, slot);
    guest_poll(&guest, slot, 8);
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_STOP_ENDPOINT) | slot << 24 | 3 << 16);
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, &event), XHCI_STOPPED);
    ck_assert_uint_eq(event.status & 0xffffff, 8);
    ck_assert_uint_eq(expect(&guest, TRB_COMMAND_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(endpoint_state(3), EP_STOPPED);
    uint64_t dequeue = *(uint64_t *)guest_host(&guest, CONTEXT_AT(slot) + 3 * 32 + 8);
    ck_assert_uint_eq(dequeue, RING_AT(slot, 3) | 1);
    display_key(display, KEY_E, true);
    expect_nothing(&guest);
    guest_put(&guest, R_DOORBELL + 4 * slot, 3); /* it goes on */
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(report()[2], 8);
}
END_TEST

/* ---- Commands ------------------------------------------------------------------------------------------ */

START_TEST(commands_in_the_wrong_place)
{
    unsigned other;
    ck_assert_uint_eq(on_slot(TRB_DISABLE_SLOT, 0), XHCI_SLOT_NOT_ENABLED);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 7), XHCI_SLOT_NOT_ENABLED);
    ck_assert_uint_eq(on_slot(TRB_RESET_DEVICE, 255), XHCI_SLOT_NOT_ENABLED);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, slot), XHCI_CONTEXT_STATE);
    ck_assert_uint_eq(on_endpoint(TRB_STOP_ENDPOINT, 5, 0), XHCI_ENDPOINT_NOT_ENABLED);
    ck_assert_uint_eq(on_endpoint(TRB_STOP_ENDPOINT, 0, 0), XHCI_TRB_ERROR);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(49), NULL), XHCI_TRB_ERROR);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(18), NULL), XHCI_TRB_ERROR);
    /* All slots that CONFIG allows. */
    for (unsigned n = 2; n <= 8; n++)
        ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), &other), XHCI_SUCCESS);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), NULL), XHCI_NO_SLOTS);
    /* A slot without a device, a port without one, a hub that is none, a port that does not exist. */
    ck_assert_uint_eq(on_slot(TRB_CONFIGURE_ENDPOINT, 2), XHCI_CONTEXT_STATE);
    ck_assert_uint_eq(on_slot(TRB_EVALUATE_CONTEXT, 2), XHCI_CONTEXT_STATE);
    ck_assert_uint_eq(on_slot(TRB_RESET_DEVICE, 2), XHCI_CONTEXT_STATE);
    put_device(&guest, 2, FIRST_USB2 + 1, 0);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 2), XHCI_TRANSACTION);
    put_device(&guest, 2, FIRST_USB2, 1);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 2), XHCI_TRANSACTION);
    put_device(&guest, 2, 200, 0);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 2), XHCI_TRANSACTION);
    put_device(&guest, 2, FIRST_USB2, 0);
    ((uint32_t *)guest_host(&guest, INPUT_AT))[1] = 1; /* endpoint 0 is missing */
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 2), XHCI_PARAMETER);
    ck_assert_uint_eq(command(&guest, RAM_AT + RAM_BYTES, XHCI_TYPE(TRB_ADDRESS_DEVICE) | 2 << 24, NULL),
                      XHCI_PARAMETER);
    ((uint64_t *)guest_host(&guest, DCBAA_AT))[2] = RAM_AT + RAM_BYTES;
    put_device(&guest, 2, FIRST_USB2, 0);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, 2), XHCI_PARAMETER);
    ck_assert_uint_eq(on_slot(TRB_DISABLE_SLOT, 2), XHCI_SUCCESS);
    ck_assert_uint_eq(on_slot(TRB_DISABLE_SLOT, 2), XHCI_SLOT_NOT_ENABLED);
}
END_TEST

START_TEST(contexts)
{
    uint32_t *input = guest_host(&guest, INPUT_AT);
    const uint32_t *device = guest_host(&guest, CONTEXT_AT(slot));
    ck_assert_uint_eq(device[3], (uint32_t)SLOT_ADDRESSED << 27 | slot);
    /* Only the size of packets is taken. */
    input[1] = 3;
    input[9] = 0x12345678;
    input[17] = 512u << 16 | 0xffff;
    ck_assert_uint_eq(on_slot(TRB_EVALUATE_CONTEXT, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(device[9], 512u << 16 | 4 << 3 | 3 << 1);
    ck_assert_uint_eq(device[1], FIRST_USB2 << 16 | 0x5678);
    guest_configure(&guest, slot);
    /* An endpoint in the wrong direction, one with streams: nothing is added. */
    input[1] = 1u << 4;
    put_endpoint(&guest, slot, 4, 7, 8);
    ck_assert_uint_eq(on_slot(TRB_CONFIGURE_ENDPOINT, slot), XHCI_PARAMETER);
    put_endpoint(&guest, slot, 4, 2, 8);
    input[8 * 5] = 1u << 10;
    ck_assert_uint_eq(on_slot(TRB_CONFIGURE_ENDPOINT, slot), XHCI_PARAMETER);
    ck_assert_uint_eq(endpoint_state(4), EP_DISABLED);
    /* An endpoint that the device does not have can be made, but nobody answers. */
    input[8 * 5] = 0;
    ck_assert_uint_eq(on_slot(TRB_CONFIGURE_ENDPOINT, slot), XHCI_SUCCESS);
    ring_put(&guest, &guest.rings[slot][4], 0x55, 4, XHCI_TYPE(TRB_NORMAL) | TRB_IMMEDIATE | TRB_IOC);
    guest_put(&guest, R_DOORBELL + 4 * slot, 4);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_TRANSACTION);
    input[0] = 1u << 4;
    input[1] = 0;
    ck_assert_uint_eq(on_slot(TRB_CONFIGURE_ENDPOINT, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(endpoint_state(4), EP_DISABLED);
    ck_assert_uint_eq(slot_state(), SLOT_CONFIGURED);
    ck_assert_uint_eq(
        command(&guest, 0, XHCI_TYPE(TRB_CONFIGURE_ENDPOINT) | TRB_DECONFIGURE | slot << 24, NULL),
        XHCI_SUCCESS);
    ck_assert_uint_eq(slot_state(), SLOT_ADDRESSED);
    ck_assert_uint_eq(endpoint_state(3), EP_DISABLED);
    ck_assert_uint_eq(on_slot(TRB_RESET_DEVICE, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(device[3], (uint32_t)SLOT_DEFAULT << 27);
    put_device(&guest, slot, FIRST_USB2, 0);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
}
END_TEST

START_TEST(a_blocked_address_is_the_default_state)
{
    unsigned other;
    ck_assert_uint_eq(on_slot(TRB_DISABLE_SLOT, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), &other), XHCI_SUCCESS);
    ck_assert_uint_eq(other, slot);
    put_device(&guest, slot, FIRST_USB2, 0);
    ck_assert_uint_eq(command(&guest, INPUT_AT, XHCI_TYPE(TRB_ADDRESS_DEVICE) | TRB_BSR | slot << 24, NULL),
                      XHCI_SUCCESS);
    ck_assert_uint_eq(slot_state(), SLOT_DEFAULT);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 8, NULL), XHCI_SUCCESS);
    put_device(&guest, slot, FIRST_USB2, 0);
    ck_assert_uint_eq(on_slot(TRB_ADDRESS_DEVICE, slot), XHCI_SUCCESS);
    ck_assert_uint_eq(slot_state(), SLOT_ADDRESSED);
}
END_TEST

START_TEST(the_command_ring_stops)
{
    struct xhci_trb event;
    ck_assert_uint_eq(guest_get(&guest, R_CRCR), 8);
    guest_put64(&guest, R_CRCR, 0x1000); /* ignored: it runs */
    guest_put(&guest, R_CRCR, 2);
    ck_assert_uint_eq(expect(&guest, TRB_COMMAND_EVENT, &event), XHCI_RING_STOPPED);
    ck_assert_uint_eq(event.parameter, COMMANDS_AT + 16 * guest.commands.next);
    ck_assert_uint_eq(guest_get(&guest, R_CRCR), 0);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_COMMAND_NOOP), NULL), XHCI_SUCCESS);
}
END_TEST

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

START_TEST(interrupts)
{
    struct xhci_trb event;
    expect_nothing(&guest);
    guest_put(&guest, R_IMAN, 3);
    ck_assert(!guest.board.irqs[0].level);
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert(guest.board.irqs[0].level);
    ck_assert_uint_eq(guest_get(&guest, R_IMAN), 3);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_EVENT, STS_EVENT);
    guest_put(&guest, R_IMAN, 3);
    ck_assert(!guest.board.irqs[0].level);
    /* While the driver is at work, there is no other; afterwards there is, if it has left something. */
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert(!guest.board.irqs[0].level);
    ck_assert(guest_event(&guest, &event));
    ck_assert(guest.board.irqs[0].level);
    guest_put(&guest, R_IMAN, 3);
    ck_assert(guest_event(&guest, &event));
    ck_assert(!guest.board.irqs[0].level);
    guest_put(&guest, R_COMMAND, CMD_RUN); /* no interrupts at all */
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert(!guest.board.irqs[0].level);
    ck_assert(guest_event(&guest, &event));
}
END_TEST

START_TEST(messages)
{
    expect_nothing(&guest);
    guest_put(&guest, R_IMAN, 3);
    function_put(&guest.board, 0x3000, 8, 0x28000000);
    function_put(&guest.board, 0x3008, 8, 0x77);
    pci_config_write(guest.board.function, 0x92, 2, 0x8000);
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert_uint_eq(guest.board.messages, 1);
    ck_assert_uint_eq(guest.board.message_data, 0x77);
    ck_assert_uint_eq(guest_get(&guest, R_IMAN), 2); /* a message ends it */
    ck_assert(!guest.board.irqs[0].level);
}
END_TEST

/* Commands and reports wait while the driver takes no events, and nothing is lost. */
START_TEST(a_full_event_ring)
{
    enum { COMMANDS = EVENT_ENTRIES - 1 + RING_ENTRIES - 2 };
    uint64_t places[COMMANDS];
    struct xhci_trb event;
    guest_configure(&guest, slot);
    expect_nothing(&guest);
    for (unsigned n = 0; n < COMMANDS; n++) {
        places[n] = ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
        guest_put(&guest, R_DOORBELL, 0);
    }
    guest_poll(&guest, slot, 8);
    display_key(display, KEY_F, true);
    for (unsigned n = 0; n < COMMANDS; n++) {
        expect(&guest, TRB_COMMAND_EVENT, &event);
        ck_assert_uint_eq(event.parameter, places[n]);
    }
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(report()[2], 9);
    ck_assert_uint_eq(command(&guest, 0, XHCI_TYPE(TRB_COMMAND_NOOP), NULL), XHCI_SUCCESS);
}
END_TEST

/* ---- A hostile driver ---------------------------------------------------------------------------------- */

/* The endpoint's ring is at `at`; returns the code of the event that says what is wrong. */
static unsigned ring_at(uint64_t at)
{
    ck_assert_uint_eq(on_endpoint(TRB_SET_DEQUEUE, 3, at), XHCI_SUCCESS);
    guest_put(&guest, R_DOORBELL + 4 * slot, 3);
    unsigned code = expect(&guest, TRB_TRANSFER_EVENT, NULL);
    expect_nothing(&guest);
    return code;
}

START_TEST(hostile_rings)
{
    struct xhci_trb *trbs = guest_host(&guest, RAM_AT + 0x20000);
    uint64_t end = RAM_AT + RAM_BYTES, chains = RAM_AT + 0x20000;
    guest_configure(&guest, slot);
    ck_assert_uint_eq(on_endpoint(TRB_STOP_ENDPOINT, 3, 0), XHCI_SUCCESS);
    ck_assert_uint_eq(ring_at(end | 1), XHCI_TRB_ERROR);
    ck_assert_uint_eq(endpoint_state(3), EP_ERROR);
    ck_assert_uint_eq(ring_at(0), XHCI_TRB_ERROR);
    ck_assert_uint_eq(ring_at(UINT64_MAX), XHCI_TRB_ERROR);
    /* A link to itself, and two that change the cycle. */
    trbs[0] = (struct xhci_trb){ chains, 0, XHCI_TYPE(TRB_LINK) | 1 };
    ck_assert_uint_eq(ring_at(chains | 1), XHCI_TRB_ERROR);
    trbs[0] = (struct xhci_trb){ chains + 16, 0, XHCI_TYPE(TRB_LINK) | TRB_TOGGLE | 1 };
    trbs[1] = (struct xhci_trb){ chains, 0, XHCI_TYPE(TRB_LINK) | TRB_TOGGLE };
    ck_assert_uint_eq(ring_at(chains | 1), XHCI_TRB_ERROR);
    /* A chain that leads out of RAM, one without an end, and blocks that do not belong there. */
    for (unsigned n = 0; n < 0x1000; n++)
        trbs[n] = (struct xhci_trb){ DATA_AT, 64, XHCI_TYPE(TRB_NORMAL) | TRB_CHAIN | 1 };
    memcpy(guest_host(&guest, end - 64), trbs, 64);
    ck_assert_uint_eq(ring_at((end - 64) | 1), XHCI_TRB_ERROR);
    ck_assert_uint_eq(ring_at(chains | 1), XHCI_TRB_ERROR);
    for (unsigned type = 0; type < 64; type++) {
        if (type == TRB_NORMAL || type == TRB_LINK || type == TRB_NOOP || type == TRB_EVENT_DATA_BLOCK)
            continue;
        trbs[0] = (struct xhci_trb){ DATA_AT, 64, XHCI_TYPE(type) | (type == TRB_DATA ? TRB_CHAIN : 0) | 1 };
        trbs[1] = (struct xhci_trb){ DATA_AT, 64, XHCI_TYPE(TRB_DATA) | 1 };
        ck_assert_uint_eq(ring_at(chains | 1), XHCI_TRB_ERROR);
    }
    trbs[0] = (struct xhci_trb){ 0, 8, XHCI_TYPE(TRB_NORMAL) | TRB_IMMEDIATE | 1 };
    ck_assert_uint_eq(ring_at(chains | 1), XHCI_TRB_ERROR);
}
END_TEST

/* Buffers that are not in RAM; the longest ones. */
START_TEST(hostile_buffers)
{
    static const uint64_t places[] = { 0, RAM_AT - 4, RAM_AT + RAM_BYTES - 4, UINT64_MAX - 3 };
    guest_configure(&guest, slot);
    for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
        ring_put(&guest, &guest.rings[slot][3], places[n], 0x1ffff, XHCI_TYPE(TRB_NORMAL));
        guest_put(&guest, R_DOORBELL + 4 * slot, 3);
        display_key(display, KEY_G, n % 2 == 0);
        ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_DATA_BUFFER);
        ck_assert_uint_eq(endpoint_state(3), EP_HALTED);
        guest_recover(&guest, slot, 3);
    }
}
END_TEST

/* Stages of control transfers in any order. */
START_TEST(hostile_control)
{
    static const uint32_t blocks[][2] = {
        { XHCI_TYPE(TRB_DATA), 8 },   { XHCI_TYPE(TRB_STATUS), 0 },
        { XHCI_TYPE(TRB_SETUP), 8 },  { XHCI_TYPE(TRB_SETUP) | TRB_IMMEDIATE, 7 },
        { XHCI_TYPE(TRB_NORMAL), 8 }, { XHCI_TYPE(TRB_LINK + 7), 0 },
    };
    for (size_t n = 0; n < sizeof(blocks) / sizeof(blocks[0]); n++) {
        struct guest_ring *ring = &guest.rings[slot][1];
        ring_put(&guest, ring, 0, blocks[n][1], blocks[n][0]);
        guest_put(&guest, R_DOORBELL + 4 * slot, 1);
        ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_TRB_ERROR);
        ck_assert_uint_eq(on_endpoint(TRB_SET_DEQUEUE, 1, (ring->base + 16 * ring->next) | ring->cycle),
                          XHCI_SUCCESS);
    }
    /* The data goes in the other direction than the request says; a status stage instead of it. */
    struct usb_setup request = { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x100, 0, 18 };
    uint64_t bytes;
    memcpy(&bytes, &request, 8);
    struct guest_ring *ring = &guest.rings[slot][1];
    ring_put(&guest, ring, bytes, 8, XHCI_TYPE(TRB_SETUP) | TRB_IMMEDIATE);
    ring_put(&guest, ring, DATA_AT, 18, XHCI_TYPE(TRB_DATA));
    guest_put(&guest, R_DOORBELL + 4 * slot, 1);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_TRB_ERROR);
    ck_assert_uint_eq(on_endpoint(TRB_SET_DEQUEUE, 1, (ring->base + 16 * ring->next) | ring->cycle),
                      XHCI_SUCCESS);
    ring_put(&guest, ring, bytes, 8, XHCI_TYPE(TRB_SETUP) | TRB_IMMEDIATE);
    ring_put(&guest, ring, 0, 0, XHCI_TYPE(TRB_STATUS) | TRB_IOC);
    guest_put(&guest, R_DOORBELL + 4 * slot, 1);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
}
END_TEST

/* A ring of transfers without an end keeps no hart; it goes on for as long as the driver leaves it there. */
START_TEST(a_ring_without_an_end)
{
    struct xhci_trb *trbs = guest_host(&guest, RAM_AT + 0x20000);
    guest_configure(&guest, slot);
    ck_assert_uint_eq(on_endpoint(TRB_STOP_ENDPOINT, 3, 0), XHCI_SUCCESS);
    trbs[0] = (struct xhci_trb){ 0, 0, XHCI_TYPE(TRB_NOOP) | 1 };
    trbs[1] = (struct xhci_trb){ RAM_AT + 0x20000, 0, XHCI_TYPE(TRB_LINK) | 1 };
    ck_assert_uint_eq(on_endpoint(TRB_SET_DEQUEUE, 3, (RAM_AT + 0x20000) | 1), XHCI_SUCCESS);
    guest_put(&guest, R_DOORBELL + 4 * slot, 3);
    for (unsigned n = 0; n < 50; n++)
        ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
    pthread_mutex_t *lock = &((struct xhci *)guest.board.function)->lock;
    pthread_mutex_lock(lock);
    trbs[1] = (struct xhci_trb){ 0x99, 0, XHCI_TYPE(TRB_EVENT_DATA_BLOCK) | TRB_IOC | 1 };
    pthread_mutex_unlock(lock);
    FAKE_WAIT(((struct xhci_trb *)guest_host(&guest, EVENTS_AT + 16 * guest.event))->parameter == 0x99);
    pthread_mutex_lock(lock); /* when it is free, the rest of the event is there, its cycle bit last */
    pthread_mutex_unlock(lock);
    expect(&guest, TRB_TRANSFER_EVENT, NULL);
}
END_TEST

/* Rings and tables outside of RAM stop the controller, until it is reset. */
START_TEST(hostile_places)
{
    uint64_t *table = guest_host(&guest, TABLE_AT);
    for (unsigned n = 0; n < 6; n++) {
        guest_start(&guest);
        switch (n) {
        case 0: guest_put64(&guest, R_CRCR, (RAM_AT + RAM_BYTES) | 1); break;
        case 1: guest_put64(&guest, R_ERSTBA, RAM_AT + RAM_BYTES); break;
        case 2: table[0] = RAM_AT + RAM_BYTES - 64; break;
        case 3: table[1] = 15; break;
        case 4: table[1] = 4097; break;
        default: table[0] = 0; break;
        }
        if (n) /* it was looked up when the port was told of */
            guest_put(&guest, R_ERSTSZ, 1);
        for (unsigned i = 0; i < 8; i++) {
            ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
            guest_put(&guest, R_DOORBELL, 0);
        }
        ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_CONTROLLER_ERROR, STS_CONTROLLER_ERROR);
    }
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
    ((struct xhci *)guest.board.function)->slots[slot].context = RAM_AT + RAM_BYTES; /* it was taken away */
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_STOP_ENDPOINT) | slot << 24 | 1 << 16);
    guest_put(&guest, R_DOORBELL, 0);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & STS_CONTROLLER_ERROR, STS_CONTROLLER_ERROR);
}
END_TEST

START_TEST(without_bus_mastering_nothing_happens)
{
    guest_configure(&guest, slot);
    guest_poll(&guest, slot, 8);
    function_master(&guest.board, false);
    display_key(display, KEY_H, true);
    ring_put(&guest, &guest.commands, 0, 0, XHCI_TYPE(TRB_COMMAND_NOOP));
    guest_put(&guest, R_DOORBELL, 0);
    unsigned writes = guest.ram.writes;
    expect_nothing(&guest);
    ck_assert_uint_eq(guest.ram.writes, writes);
    function_master(&guest.board, true);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(report()[2], 0x0b);
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

static struct pci_function *other_controller(struct function_bus *board)
{
    struct error error = { "" };
    function_plug(board, guest_make(&guest));
    ck_assert(xhci_attach(board->function, usb_hid_create(display, DISPLAY_KEYBOARD, &error), "1", &error));
    return board->function;
}

/* What comes and goes while the driver runs: the ports tell of it, and a transfer that waits fails. */
START_TEST(hot_plug)
{
    struct pci_function *function = guest.board.function;
    struct xhci *xhci = (struct xhci *)function;
    struct xhci_trb event;
    struct error error;
    guest_configure(&guest, slot);
    expect_nothing(&guest);
    guest_attach(&guest, usb_hid_create(display, DISPLAY_MOUSE, &error), "3");
    ck_assert_uint_eq(expect(&guest, TRB_PORT_EVENT, &event), XHCI_SUCCESS);
    ck_assert_uint_eq(event.parameter >> 24, FIRST_USB2 + 2);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2 + 2)), 0x20ee1);
    unsigned mouse = guest_address(&guest, FIRST_USB2 + 2);
    ck_assert_uint_eq(get_descriptor(&guest, mouse, 0x100, 18, NULL), XHCI_SUCCESS);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
    guest_poll(&guest, slot, 8);
    expect_nothing(&guest);
    ck_assert_str_eq(xhci->devices->path, "1");
    xhci_detach(function, xhci->devices);
    ck_assert_str_eq(xhci->devices->path, "3");
    ck_assert_ptr_null(xhci->devices->next);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)), 0x202a0);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_TRANSACTION);
    ck_assert_uint_eq(endpoint_state(3), EP_HALTED);
    guest_put(&guest, PORT_AT(FIRST_USB2), 1u << 9 | 1u << 4); /* there is nothing to reset */
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)), 0x202a0);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_TRANSACTION);
    ck_assert_uint_eq(get_descriptor(&guest, mouse, 0x100, 18, NULL), XHCI_SUCCESS);
    /* Another one in the same port, while the first change was not taken back. */
    guest_attach(&guest, usb_hid_create(display, DISPLAY_TABLET, &error), "1");
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)), 0x20ee1);
    ck_assert_uint_eq(on_slot(TRB_DISABLE_SLOT, slot), XHCI_SUCCESS);
    slot = guest_address(&guest, FIRST_USB2);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
    while (xhci->devices)
        xhci_detach(function, xhci->devices);
    guest_start(&guest);
    ck_assert_uint_eq(guest_get(&guest, PORT_AT(FIRST_USB2)), 0x2a0);
}
END_TEST

/* A saved state does not know in which order they came. */
START_TEST(state_of_hot_plug)
{
    struct function_bus other;
    struct error error;
    guest_attach(&guest, usb_hid_create(display, DISPLAY_MOUSE, &error), "4");
    guest_attach(&guest, usb_hid_create(display, DISPLAY_TABLET, &error), "2");
    function_plug(&other, guest_make(&guest));
    static const struct {
        enum display_input_kind kind;
        const char *path;
    } rows[] = { { DISPLAY_TABLET, "2" }, { DISPLAY_KEYBOARD, "1" }, { DISPLAY_MOUSE, "4" } };
    for (unsigned n = 0; n < 3; n++)
        ck_assert(
            xhci_attach(other.function, usb_hid_create(display, rows[n].kind, &error), rows[n].path, &error));
    function_copy(guest.board.function, other.function);
    function_unplug(&other);
}
END_TEST

START_TEST(state)
{
    struct function_bus other;
    guest_configure(&guest, slot);
    display_key(display, KEY_LEFTCTRL, true);
    display_key(display, KEY_I, true);
    guest_poll(&guest, slot, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    function_copy(guest.board.function, other_controller(&other));
    struct function_bus first = guest.board;
    guest.board = other; /* the bus of the new one has moved, but only its address matters */
    guest.board.function->bus = &guest.board.bus;
    first.function->bus = &first.bus;
    guest_poll(&guest, slot, 8);
    ck_assert_uint_eq(expect(&guest, TRB_TRANSFER_EVENT, NULL), XHCI_SUCCESS);
    ck_assert_mem_eq(report(), "\1\0\x0c\0\0\0\0\0", 8);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
    function_mutate(guest.board.function, fake_seed("xhci"), 2000);
    function_unplug(&first);
}
END_TEST

START_TEST(state_of_another_machine)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    struct function_bus other;
    state_writer_init(&writer);
    pci_function_save(guest.board.function, &writer);
    function_plug(&other, guest_make(&guest));
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert(!pci_function_load(other.function, &reader)); /* no keyboard */
    ck_assert(xhci_attach(other.function, usb_hid_create(display, DISPLAY_KEYBOARD, &error), "2", &error));
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert(!pci_function_load(other.function, &reader)); /* in another port */
    function_unplug(&other);
    state_writer_destroy(&writer);
}
END_TEST

START_TEST(anything_anywhere)
{
    unsigned seed = fake_seed("xhci");
    for (unsigned round = 0; round < 40; round++) {
        guest_start(&guest);
        slot = guest_address(&guest, FIRST_USB2);
        guest_configure(&guest, slot);
        for (unsigned n = 0; n < 400; n++) {
            uint64_t at = RAM_AT + 0x1000 + (unsigned)rand_r(&seed) % 0x12000 / 4 * 4;
            uint32_t *word = guest_host(&guest, at);
            *word =
                rand_r(&seed) % 2 ? RAM_AT + (uint32_t)rand_r(&seed) % RAM_BYTES : (uint32_t)rand_r(&seed);
            if (n % 4 == 0)
                guest_put(&guest, R_DOORBELL + 4 * ((unsigned)rand_r(&seed) % 4),
                          (unsigned)rand_r(&seed) % 8);
            if (n % 8 == 0)
                display_key(display, 1 + (unsigned)rand_r(&seed) % 200, rand_r(&seed) % 2);
        }
        function_hammer(&guest.board, (unsigned)rand_r(&seed), 300, 0x4000);
        function_master(&guest.board, true);
        pci_config_write(guest.board.function, 0x92, 2, 0);
    }
    guest_start(&guest);
    slot = guest_address(&guest, FIRST_USB2);
    ck_assert_uint_eq(get_descriptor(&guest, slot, 0x100, 18, NULL), XHCI_SUCCESS);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("xhci");
    TCase *tests = tcase_create("xhci");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, registers);
    tcase_add_test(tests, ports_sleep_and_wake);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, a_keyboard_is_found_and_read);
    tcase_add_test(tests, rings_go_round);
    tcase_add_test(tests, chains_and_short_packets);
    tcase_add_test(tests, stalls_and_recovery);
    tcase_add_test(tests, endpoints_stop);
    tcase_add_test(tests, commands_in_the_wrong_place);
    tcase_add_test(tests, contexts);
    tcase_add_test(tests, a_blocked_address_is_the_default_state);
    tcase_add_test(tests, the_command_ring_stops);
    tcase_add_test(tests, interrupts);
    tcase_add_test(tests, messages);
    tcase_add_test(tests, a_full_event_ring);
    tcase_add_test(tests, hostile_rings);
    tcase_add_test(tests, hostile_buffers);
    tcase_add_test(tests, hostile_control);
    tcase_add_test(tests, a_ring_without_an_end);
    tcase_add_test(tests, hostile_places);
    tcase_add_test(tests, without_bus_mastering_nothing_happens);
    tcase_add_test(tests, state);
    tcase_add_test(tests, state_of_another_machine);
    tcase_add_test(tests, hot_plug);
    tcase_add_test(tests, state_of_hot_plug);
    tcase_add_test(tests, anything_anywhere);
    suite_add_tcase(suite, tests);
    return suite;
}
