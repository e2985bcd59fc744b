/* SPDX-License-Identifier: MIT
 *
 * The EHCI controller at register level, with a small driver (ehci_guest.h): registers and ports, a keyboard
 * that is enumerated and read, also behind a hub, errors, interrupts, saved state, and the lists and accesses
 * of a hostile driver.
 */
#include <linux/input-event-codes.h>

#include "devices/usb/hid.h"
#include "devices/usb/hub.h"
#include "tests/devices/usb/ehci_guest.h"
#include "tests/suite.h"

static struct ehci_guest guest;
static struct display *display;

static struct usb_device *keyboard(void)
{
    struct error error;
    return usb_hid_create(display, DISPLAY_KEYBOARD, &error);
}

static void setup(void)
{
    struct error error;
    display = display_create(64, 64, &error);
    guest_init(&guest);
    guest_attach(&guest, keyboard(), "1");
    guest_start(&guest);
}

static void teardown(void)
{
    guest_destroy(&guest);
    display_destroy(display);
}

static struct ehci_qh *queue(uint32_t at)
{
    return guest_host(&guest, at);
}

static struct ehci_qtd *qtd(unsigned n)
{
    return guest_host(&guest, QTD_AT(n));
}

static bool wire(void)
{
    /* Pin INTD of slot 4. */
    return guest.board.irqs[3].level;
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

START_TEST(registers)
{
    struct pci_function *function = guest.board.function;
    ck_assert_uint_eq(pci_config_read(function, 0, 4), 0x24cd8086);
    ck_assert_uint_eq(pci_config_read(function, PCI_REVISION, 4), 0x0c032010);
    ck_assert_uint_eq(pci_config_read(function, PCI_INTERRUPT_PIN, 1), 4);
    ck_assert_uint_eq(pci_config_read(function, 0x60, 4), 0x2020);
    ck_assert_uint_eq(pci_config_read(function, 0x68, 4), 1);
    pci_config_write(function, 0x68, 4, ~0u);
    ck_assert_uint_eq(pci_config_read(function, 0x68, 4), 0x01000001);
    guest_put(&guest, R_COMMAND, CMD_RESET);
    static const uint32_t values[] = { 0x01000020, 6, 0x6880, 0 };
    for (unsigned n = 0; n < 4; n++)
        ck_assert_uint_eq(guest_get(&guest, 4 * n), values[n]);
    ck_assert_uint_eq(function_get(&guest.board, 0, 1), 0x20);
    ck_assert_uint_eq(function_get(&guest.board, 2, 2), 0x100);
    ck_assert_uint_eq(guest_get(&guest, R_COMMAND), 0x80000);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS), 0x1004);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1003);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(6)), 0x1000);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(7)), 0);
    guest_put(&guest, R_FRAME, 0x12345);
    ck_assert_uint_eq(guest_get(&guest, R_FRAME), 0x2345);
    guest_put(&guest, R_PERIODIC, 0x12345678);
    ck_assert_uint_eq(guest_get(&guest, R_PERIODIC), 0x12345000);
    function_put(&guest.board, R_ASYNC, 2, 0x33); /* too narrow */
    guest_put(&guest, 0x04, 0);                   /* read-only */
    ck_assert_uint_eq(guest_get(&guest, R_ASYNC), 0);
}
END_TEST

START_TEST(frames_are_counted)
{
    uint32_t frame = guest_get(&guest, R_FRAME);
    clock_shift(guest.clock, 1000000);
    uint32_t now = guest_get(&guest, R_FRAME);
    ck_assert_uint_ge((now - frame) & 0x3fff, 8);
    guest_put(&guest, R_FRAME, 0); /* not while it runs */
    ck_assert_uint_ge((guest_get(&guest, R_FRAME) - frame) & 0x3fff, 8);
    guest_put(&guest, R_STATUS, STS_ROLLOVER);
    guest_wait(&guest, 1024);
    ck_assert(guest_get(&guest, R_STATUS) & STS_ROLLOVER);
    guest_put(&guest, R_COMMAND, 0);
    ck_assert_uint_eq(guest_get(&guest, R_STATUS) & 0xf000, STS_HALTED);
    frame = guest_get(&guest, R_FRAME);
    clock_shift(guest.clock, 5000000);
    ck_assert_uint_eq(guest_get(&guest, R_FRAME), frame);
}
END_TEST

START_TEST(ports)
{
    ck_assert(wire()); /* something is plugged in */
    guest_put(&guest, R_STATUS, STS_PORT);
    ck_assert(!wire());
    guest_reset_port(&guest, 1);
    guest_put(&guest, R_PORT(1), PORT_POWER | PORT_ENABLED | PORT_SUSPENDED);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1085);
    ck_assert(get_descriptor(&guest, 0, 0x100, 18, NULL) & T_ERROR);
    guest_put(&guest, R_PORT(1), PORT_POWER | PORT_ENABLED | PORT_RESUME | PORT_SUSPENDED);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x10c5);
    guest_put(&guest, R_PORT(1), PORT_POWER | PORT_ENABLED);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1005);
    ck_assert_uint_eq(get_descriptor(&guest, 0, 0x100, 18, NULL) & 0xff, 0);
    guest_put(&guest, R_PORT(1), PORT_POWER); /* disabled */
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1001);
    guest_put(&guest, R_PORT(2), PORT_POWER | PORT_RESET); /* nothing is there */
    guest_put(&guest, R_PORT(2), PORT_POWER | PORT_ENABLED);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(2)), 0x1000);
}
END_TEST

START_TEST(places)
{
    static const char *const bad[] = {
        "", "0", "1", "7", "1.1", "2.9", "2.", ".2", "3x", "2.1.1.1.1.1.1.1.1"
    };
    struct error error;
    guest_attach(&guest, usb_hub_create(&error), "2");
    guest_attach(&guest, keyboard(), "2.8");
    for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        struct usb_device *device = keyboard();
        ck_assert_msg(!ehci_attach(guest.board.function, device, bad[n], &error), "%s", bad[n]);
        device->ops->destroy(device);
    }
}
END_TEST

/* ---- Transfers ----------------------------------------------------------------------------------------- */

START_TEST(enumeration)
{
    unsigned length;
    ck_assert(get_descriptor(&guest, 0, 0x100, 18, NULL) & T_ERROR); /* the port is not enabled */
    ck_assert(guest_get(&guest, R_STATUS) & STS_ERROR);
    guest_reset_port(&guest, 1);
    ck_assert_uint_eq(get_descriptor(&guest, 0, 0x100, 64, &length) & 0xff, 0);
    ck_assert_uint_eq(length, 18);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, DATA_AT), 18);
    ck_assert(guest_get(&guest, R_STATUS) & STS_DONE && wire());
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    ck_assert(!wire());
    set_address(&guest, 5);
    ck_assert(get_descriptor(&guest, 0, 0x100, 18, NULL) & T_ERROR);
    ck_assert_uint_eq(get_descriptor(&guest, 5, 0x200, 9, &length) & 0xff, 0);
    ck_assert_uint_eq(length, 9);
    ck_assert_uint_eq(get_descriptor(&guest, 5, 0x900, 9, &length) & 0xff, T_HALTED); /* a stall */
    ck_assert_uint_eq(length, 0);
    ck_assert_uint_eq(get_descriptor(&guest, 5, 0x100, 18, NULL) & 0xff, 0); /* and it goes on */
    uint32_t token = control(&guest, 5, (struct usb_setup){ 0, USB_SET_ADDRESS, 128, 0, 0 }, NULL);
    ck_assert_uint_eq(token & 0xff, T_HALTED);
    guest_reset_port(&guest, 1);
    ck_assert_uint_eq(get_descriptor(&guest, 0, 0x100, 18, NULL) & 0xff, 0);
}
END_TEST

/* Data of a control transfer in several transfers, the last of which finds none left. */
START_TEST(control_in_pieces)
{
    guest_configure(&guest, 1, 3);
    struct usb_setup setup = { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x200, 0, 64 };
    memcpy(guest_host(&guest, SETUP_AT), &setup, 8);
    put_qtd(&guest, 0, T_TOKEN(PID_SETUP, 8), SETUP_AT);
    put_qtd(&guest, 1, T_TOKEN(PID_IN, 16), DATA_AT);
    put_qtd(&guest, 2, T_TOKEN(PID_IN, 48), DATA_AT + 16);
    put_qtd(&guest, 3, T_TOKEN(PID_IN, 16), DATA_AT + 0x200); /* is jumped over */
    put_qtd(&guest, 4, T_TOKEN(PID_OUT, 0) | T_IOC, 0);
    qtd(2)->alternate = QTD_AT(4);
    guest_ask(&guest, 3, 0);
    ck_assert_uint_eq(T_LEFT(token_of(&guest, 1)), 0);
    ck_assert_uint_eq(T_LEFT(token_of(&guest, 2)), 48 - (34 - 16));
    ck_assert_uint_eq(token_of(&guest, 3) & 0xff, T_ACTIVE);
    ck_assert_uint_eq(token_of(&guest, 4) & 0xff, 0);
    /* A lamp: data to the device. */
    *(uint8_t *)guest_host(&guest, DATA_AT) = 2;
    ck_assert_uint_eq(control(&guest, 3, (struct usb_setup){ 0x21, 9, 0x200, 0, 1 }, NULL) & 0xff, 0);
    ck_assert_uint_eq(usb_hid_leds(((struct ehci *)guest.board.function)->devices), 2);
    /* More than a request can have, and stages that nothing asked for. */
    ck_assert_uint_eq(control(&guest, 3, (struct usb_setup){ 0x21, 9, 0x200, 0, 600 }, NULL) & 0xff,
                      T_HALTED);
    put_qtd(&guest, 0, T_TOKEN(PID_IN, 8), DATA_AT);
    guest_ask(&guest, 3, 0);
    ck_assert_uint_eq(token_of(&guest, 0) & 0xff, T_HALTED);
}
END_TEST

START_TEST(reports)
{
    guest_configure(&guest, 1, 7);
    guest_poll(&guest, 7, 8);
    guest_wait(&guest, 2);
    struct ehci_qtd *poll = guest_host(&guest, POLL_QTD_AT);
    ck_assert_uint_eq(poll->token & 0xff, T_ACTIVE);
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    display_key(display, KEY_B, true);
    guest_wait(&guest, 2);
    ck_assert_uint_eq(poll->token & 0xff, 0);
    ck_assert_uint_eq(((uint8_t *)guest_host(&guest, DATA_AT + 0x100))[2], 5);
    ck_assert(poll->token >> 31); /* one packet */
    ck_assert(wire());
    guest_poll(&guest, 7, 64);
    display_key(display, KEY_B, false);
    guest_wait(&guest, 1100); /* more than the list has frames */
    ck_assert_uint_eq(T_LEFT(poll->token), 56);
    /* The timer looks, too. */
    guest_poll(&guest, 7, 8);
    display_key(display, KEY_C, true);
    for (unsigned n = 0; n < 2000 && *(volatile uint32_t *)&poll->token & T_ACTIVE; n++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    ck_assert_uint_eq(*(volatile uint32_t *)&poll->token & 0xff, 0);
}
END_TEST

START_TEST(behind_a_hub)
{
    struct error error;
    guest_attach(&guest, usb_hub_create(&error), "2");
    guest_attach(&guest, keyboard(), "2.3");
    guest_start(&guest);
    guest_configure(&guest, 2, 1);
    static const struct usb_setup setups[] = { { 0x23, USB_SET_FEATURE, 8, 3, 0 },
                                               { 0x23, USB_SET_FEATURE, 4, 3, 0 } };
    ck_assert_uint_eq(control(&guest, 1, setups[0], NULL) & 0xff, 0);
    ck_assert(get_descriptor(&guest, 0, 0x100, 18, NULL) & T_ERROR);
    ck_assert_uint_eq(control(&guest, 1, setups[1], NULL) & 0xff, 0);
    set_address(&guest, 9);
    ck_assert_uint_eq(get_descriptor(&guest, 9, 0x100, 18, NULL) & 0xff, 0);
    ck_assert_uint_eq(control(&guest, 1, setups[1], NULL) & 0xff, 0); /* a reset takes the address */
    ck_assert(get_descriptor(&guest, 9, 0x100, 18, NULL) & T_ERROR);
    ck_assert_uint_eq(get_descriptor(&guest, 0, 0x100, 18, NULL) & 0xff, 0);
    guest_put(&guest, R_PORT(2), PORT_POWER);
    ck_assert(get_descriptor(&guest, 0, 0x100, 18, NULL) & T_ERROR);
}
END_TEST

/* What comes and goes while the driver runs: the ports tell of it, and nobody answers any more. */
START_TEST(hot_plug)
{
    struct ehci *ehci = (struct ehci *)guest.board.function;
    guest_configure(&guest, 1, 3);
    guest_put(&guest, R_INTERRUPTS, STS_PORT);
    guest_put(&guest, R_PORT(1), (guest_get(&guest, R_PORT(1)) & PORT_ENABLED) | PORT_CONNECT_CHANGE);
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    ck_assert(!wire());
    guest_attach(&guest, keyboard(), "4");
    ck_assert(wire() && guest_get(&guest, R_STATUS) & STS_PORT);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(4)), 0x1003);
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    ck_assert_uint_eq(get_descriptor(&guest, 3, 0x100, 18, NULL) & 0xff, 0);
    ck_assert_str_eq(ehci->devices->path, "1");
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    ehci_detach(guest.board.function, ehci->devices);
    ck_assert(wire() && ehci->pipes && !ehci->pipes->next);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1002);
    ck_assert(get_descriptor(&guest, 3, 0x100, 18, NULL) & T_ERROR);
    guest_put(&guest, R_PORT(1), PORT_RESET | PORT_CONNECT_CHANGE);
    guest_put(&guest, R_PORT(1), 0); /* there is nothing to reset */
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1000);
    guest_configure(&guest, 4, 5);
    ck_assert_uint_eq(get_descriptor(&guest, 5, 0x100, 18, NULL) & 0xff, 0);
    guest_put(&guest, R_PORT(4), PORT_RESET); /* it goes within a reset */
    ehci_detach(guest.board.function, ehci->devices);
    guest_put(&guest, R_PORT(4), 0);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(4)) & ~2u, 0x1000);
    ck_assert_ptr_null(ehci->devices);
    ck_assert_ptr_null(ehci->pipes);
}
END_TEST

START_TEST(doorbell)
{
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    guest_put(&guest, R_ASYNC, QUEUE_AT);
    queue(HEAD_AT)->link = HEAD_AT | 2; /* the other queue is taken out */
    guest_put(&guest, R_COMMAND, CMD_RUN | CMD_ASYNC | CMD_DOORBELL);
    ck_assert_uint_eq(guest_get(&guest, R_COMMAND), CMD_RUN | CMD_ASYNC);
    ck_assert(guest_get(&guest, R_STATUS) & STS_ADVANCED);
    ck_assert_uint_eq(guest_get(&guest, R_ASYNC), HEAD_AT);
    guest_put(&guest, R_COMMAND, CMD_RUN);
    guest_put(&guest, R_STATUS, STS_INTERRUPTS);
    guest_put(&guest, R_COMMAND, CMD_RUN | CMD_DOORBELL); /* waits for the schedule */
    ck_assert(!(guest_get(&guest, R_STATUS) & STS_ADVANCED));
    guest_put(&guest, R_COMMAND, CMD_RUN | CMD_ASYNC);
    ck_assert(guest_get(&guest, R_STATUS) & STS_ADVANCED);
}
END_TEST

/* ---- What goes wrong ----------------------------------------------------------------------------------- */

START_TEST(bad_transfers)
{
    guest_configure(&guest, 1, 3);
    static const struct {
        uint32_t token, data, expected;
        unsigned address, endpoint;
    } rows[] = {
        { T_TOKEN(PID_SETUP, 8), MEMORY_END, T_HALTED | T_BUFFER, 3, 0 },
        { T_TOKEN(PID_SETUP, 8), MEMORY_END - 4, T_HALTED | T_BUFFER, 3, 0 },
        { T_TOKEN(PID_SETUP, 7), SETUP_AT, T_HALTED | T_ERROR, 3, 0 },
        { T_TOKEN(PID_SETUP, 0x7fff), SETUP_AT, T_HALTED | T_BUFFER, 3, 0 },  /* more than five pages */
        { T_TOKEN(PID_IN, 0x5000), DATA_AT + 1, T_HALTED | T_BUFFER, 3, 1 },  /* one byte more */
        { T_TOKEN(PID_IN, 0x5000), DATA_AT, T_ACTIVE, 3, 1 },                 /* NAK */
        { T_TOKEN(PID_IN, 1) | 5 << 12, DATA_AT, T_HALTED | T_BUFFER, 3, 1 }, /* page 5 */
        { T_TOKEN(PID_IN, 8), DATA_AT, T_HALTED | T_ERROR, 3, 2 },
        { T_TOKEN(PID_SETUP, 8), SETUP_AT, T_HALTED | T_ERROR, 3, 1 },
        { T_TOKEN(3, 8), DATA_AT, T_HALTED | T_ERROR, 3, 1 },
        { T_TOKEN(PID_IN, 8), DATA_AT, T_HALTED | T_ERROR, 99, 1 },
        { T_TOKEN(PID_IN, 8) & ~(uint32_t)T_TRIES, DATA_AT, T_ACTIVE | T_ERROR, 99, 1 },
    };
    for (unsigned n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        put_qtd(&guest, 0, rows[n].token, rows[n].data);
        guest_ask(&guest, rows[n].address, rows[n].endpoint);
        struct ehci_qh *qh = queue(QUEUE_AT);
        ck_assert_msg((qh->overlay.token & 0xff) == rows[n].expected, "row %u: 0x%x", n, qh->overlay.token);
        if (!(rows[n].expected & T_ACTIVE))
            ck_assert_uint_eq(token_of(&guest, 0), qh->overlay.token);
        ck_assert_uint_eq(get_descriptor(&guest, 3, 0x100, 18, NULL) & 0xff, 0);
    }
}
END_TEST

/* Lists that are not in memory stop the controller. */
START_TEST(bad_lists)
{
    for (unsigned n = 0; n < 5; n++) {
        guest_start(&guest);
        guest_configure(&guest, 1, 3);
        guest_put(&guest, R_STATUS, STS_INTERRUPTS);
        switch (n) {
        case 0: queue(HEAD_AT)->link = MEMORY_END | 2; break;
        case 1: queue(QUEUE_AT)->overlay = (struct ehci_qtd){ .next = MEMORY_END }; break;
        case 2: guest_put(&guest, R_PERIODIC, MEMORY_END); break;
        case 3: ((uint32_t *)guest_host(&guest, FRAMES_AT))[0] = (MEMORY_END - 32) | 2; break;
        default:
            queue(QUEUE_AT)->current = MEMORY_END;
            queue(QUEUE_AT)->endpoint = QH_HIGH | 99;
            queue(QUEUE_AT)->overlay.token = T_TOKEN(PID_IN, 1);
        }
        guest_wait(&guest, 2000);
        ck_assert_msg(guest_get(&guest, R_STATUS) & STS_SYSTEM_ERROR, "case %u", n);
        ck_assert(guest_get(&guest, R_STATUS) & STS_HALTED && wire());
        ck_assert(!(guest_get(&guest, R_COMMAND) & CMD_RUN));
    }
    guest_start(&guest);
    guest_configure(&guest, 1, 3);
}
END_TEST

/* Lists without an end: each access comes back, and good transfers go on. */
START_TEST(endless_lists)
{
    guest_configure(&guest, 1, 3);
    queue(POLL_AT)->link = POLL_AT | 2;
    guest_wait(&guest, 1000);
    for (unsigned type = 0; type < 4; type++) /* what is no queue, and leads to itself */
        if (type != LINK_QH) {
            *(uint32_t *)guest_host(&guest, POLL_AT) = POLL_AT | type << 1;
            ((uint32_t *)guest_host(&guest, FRAMES_AT))[1] = POLL_AT | type << 1;
            guest_wait(&guest, 1000);
        }
    queue(HEAD_AT)->endpoint = QH_HIGH; /* no head, and a circle that the walk never leaves */
    guest_put(&guest, R_ASYNC, QUEUE_AT);
    queue(QUEUE_AT)->link = HEAD_AT | 2;
    queue(HEAD_AT)->link = HEAD_AT | 2;
    guest_look(&guest);
    put_qtd(&guest, 0, T_TOKEN(PID_SETUP, 8), SETUP_AT); /* a transfer that follows itself */
    qtd(0)->next = qtd(0)->alternate = QTD_AT(0);
    put_queue(&guest, QUEUE_AT, QUEUE_AT | 2, 3 | QH_HIGH, QTD_AT(0));
    guest_put(&guest, R_ASYNC, QUEUE_AT);
    guest_look(&guest);
    ck_assert_uint_eq(token_of(&guest, 0) & 0xff, 0);
    guest_start(&guest);
    guest_configure(&guest, 1, 3);
}
END_TEST

/* More transfers than one look may take: the timer goes on. */
START_TEST(slices)
{
    enum { COUNT = 1000 };
    struct ehci_qtd *list = guest_host(&guest, RAM_AT + 0x20000);
    guest_configure(&guest, 1, 3);
    struct usb_setup setup = { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x100, 0, 18 };
    memcpy(guest_host(&guest, SETUP_AT), &setup, 8);
    for (unsigned n = 0; n < COUNT; n++) {
        list[n] = (struct ehci_qtd){
            RAM_AT + 0x20000 + 32 * (n + 1), EHCI_LINK_END, T_TOKEN(PID_SETUP, 8), { SETUP_AT }
        };
    }
    list[COUNT - 1].next = EHCI_LINK_END;
    put_queue(&guest, QUEUE_AT, HEAD_AT | 2, 3 | QH_HIGH | 64u << 16, RAM_AT + 0x20000);
    guest_look(&guest);
    const volatile uint32_t *last = &list[COUNT - 1].token;
    for (unsigned n = 0; n < 2000 && *last & T_ACTIVE; n++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    ck_assert_uint_eq(*last & 0xff, 0);
}
END_TEST

START_TEST(bus_mastering)
{
    guest_configure(&guest, 1, 3);
    function_master(&guest.board, false);
    ck_assert_uint_eq(get_descriptor(&guest, 3, 0x100, 18, NULL) & 0xff, T_ACTIVE);
    function_master(&guest.board, true);
    ck_assert_uint_eq(token_of(&guest, 2) & 0xff, 0);
    pci_function_reset(guest.board.function);
    ck_assert_uint_eq(guest_get(&guest, R_COMMAND), CMD_THRESHOLD_AT_RESET);
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

START_TEST(saved_state)
{
    guest_configure(&guest, 1, 3);
    struct usb_setup setup = { USB_TYPE_IN, USB_GET_DESCRIPTOR, 0x200, 0, 34 };
    memcpy(guest_host(&guest, SETUP_AT), &setup, 8);
    put_qtd(&guest, 0, T_TOKEN(PID_SETUP, 8), SETUP_AT);
    put_qtd(&guest, 1, T_TOKEN(PID_IN, 10), DATA_AT);
    guest_ask(&guest, 3, 0);
    function_copy(guest.board.function, guest.board.function);
    memset(guest_host(&guest, DATA_AT), 0, 64);
    put_qtd(&guest, 0, T_TOKEN(PID_IN, 24), DATA_AT); /* the rest of the data, from its 11th byte on */
    put_qtd(&guest, 1, T_TOKEN(PID_OUT, 0) | T_IOC, 0);
    guest_ask(&guest, 3, 0);
    ck_assert_uint_eq(token_of(&guest, 1) & 0xff, 0);
    ck_assert_uint_eq(((uint8_t *)guest_host(&guest, DATA_AT))[0], USB_DESCRIPTOR_INTERFACE);
    ck_assert_uint_eq(guest_get(&guest, R_PORT(1)), 0x1005);
    function_mutate(guest.board.function, fake_seed("saved_state"), 300);
    function_master(&guest.board, true);
    guest_start(&guest);
    guest_configure(&guest, 1, 3);
}
END_TEST

START_TEST(hostile_guest)
{
    unsigned seed = fake_seed("hostile_guest");
    for (unsigned round = 0; round < 40; round++) {
        guest_configure(&guest, 1, 3);
        get_descriptor(&guest, 3, 0x200, 34, NULL);
        guest_poll(&guest, 3, 8);
        for (unsigned n = 0; n < 40; n++) {
            static const uint32_t spots[] = { HEAD_AT, QUEUE_AT, POLL_AT, QTD_AT(0), POLL_QTD_AT, FRAMES_AT };
            uint32_t at = spots[(unsigned)rand_r(&seed) % 6] + (unsigned)rand_r(&seed) % 24 * 4;
            *(uint32_t *)guest_host(&guest, at) ^= 1u << rand_r(&seed) % 32;
            *(uint32_t *)guest_host(&guest, QTD_AT(rand_r(&seed) % 3) + 8) |= T_ACTIVE;
            display_key(display, 2 + (unsigned)rand_r(&seed) % 40, rand_r(&seed) & 1);
            guest_wait(&guest, 3);
        }
        function_hammer(&guest.board, seed + round, 200, 0x90);
        function_master(&guest.board, true);
        guest_start(&guest);
    }
    guest_configure(&guest, 1, 3);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ehci");
    TCase *tc = tcase_create("ehci");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, registers);
    tcase_add_test(tc, frames_are_counted);
    tcase_add_test(tc, ports);
    tcase_add_test(tc, places);
    tcase_add_test(tc, enumeration);
    tcase_add_test(tc, control_in_pieces);
    tcase_add_test(tc, reports);
    tcase_add_test(tc, behind_a_hub);
    tcase_add_test(tc, hot_plug);
    tcase_add_test(tc, doorbell);
    tcase_add_test(tc, bad_transfers);
    tcase_add_test(tc, bad_lists);
    tcase_add_test(tc, endless_lists);
    tcase_add_test(tc, slices);
    tcase_add_test(tc, bus_mastering);
    tcase_add_test(tc, saved_state);
    tcase_add_test(tc, hostile_guest);
    suite_add_tcase(suite, tc);
    return suite;
}
