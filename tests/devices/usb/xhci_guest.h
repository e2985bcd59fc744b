/* SPDX-License-Identifier: MIT
 *
 * The guest's side of an xHCI controller, for tests: RAM of exactly its size, the controller on a PCI bus,
 * and a driver that has a command ring, an event ring, and rings for a few endpoints. All functions are
 * static, so that each test stays one file.
 */
#ifndef TESTS_DEVICES_USB_XHCI_GUEST_H
#define TESTS_DEVICES_USB_XHCI_GUEST_H

#include "devices/usb/xhci_internal.h"
#include "tests/devices/pci/function.h"

#define RAM_AT         0x80000000u
#define RAM_BYTES      0x40000u
#define DCBAA_AT       (RAM_AT + 0x1000)
#define COMMANDS_AT    (RAM_AT + 0x2000)
#define TABLE_AT       (RAM_AT + 0x3000)
#define EVENTS_AT      (RAM_AT + 0x4000)
#define INPUT_AT       (RAM_AT + 0x8000)
#define CONTEXT_AT(n)  (RAM_AT + 0x9000 + 0x400 * (n))
#define RING_AT(s, ep) (RAM_AT + 0x10000 + 0x1000 * (s) + 0x200 * (ep))
#define DATA_AT        (RAM_AT + 0x30000)
#define RING_ENTRIES   32u /* the last is a link to the first */
#define EVENT_ENTRIES  64u
#define PORT_AT(n)     (0x440u + 16 * ((n)-1))
#define FIRST_USB2     5u /* the ports before are of USB 3 */

enum { R_COMMAND = 0x40, R_STATUS = 0x44, R_CRCR = 0x58, R_DCBAAP = 0x70, R_CONFIG = 0x78 };
enum { R_IMAN = 0x1020, R_ERSTSZ = 0x1028, R_ERSTBA = 0x1030, R_ERDP = 0x1038, R_DOORBELL = 0x2000 };

struct guest_ring {
    uint64_t base;
    unsigned next;
    bool cycle;
};

struct xhci_guest {
    struct function_bus board;
    struct fake_ram ram;
    struct clock *clock;
    struct guest_ring commands, rings[3][8];
    unsigned event;
    bool event_cycle;
};

static inline void *guest_host(struct xhci_guest *guest, uint64_t at)
{
    void *host = fake_ram_map(&guest->ram.dma, at, 1, true);
    ck_assert_ptr_nonnull(host);
    return host;
}

static inline uint32_t guest_get(struct xhci_guest *guest, unsigned offset)
{
    return (uint32_t)function_get(&guest->board, offset, 4);
}

static inline void guest_put(struct xhci_guest *guest, unsigned offset, uint32_t value)
{
    function_put(&guest->board, offset, 4, value);
}

static inline void guest_put64(struct xhci_guest *guest, unsigned offset, uint64_t value)
{
    function_put(&guest->board, offset, 8, value);
}

/* ---- Rings --------------------------------------------------------------------------------------------- */

static inline void ring_init(struct guest_ring *ring, uint64_t base)
{
    *ring = (struct guest_ring){ base, 0, true };
}

/* Puts a block on the ring; returns its address. */
static inline uint64_t ring_put(struct xhci_guest *guest, struct guest_ring *ring, uint64_t parameter,
                                uint32_t status, uint32_t control)
{
    struct xhci_trb *trbs = guest_host(guest, ring->base);
    if (ring->next == RING_ENTRIES - 1) {
        trbs[ring->next] =
            (struct xhci_trb){ ring->base, 0,
                               XHCI_TYPE(TRB_LINK) | TRB_TOGGLE | (control & TRB_CHAIN) | ring->cycle };
        ring->next = 0;
        ring->cycle = !ring->cycle;
    }
    trbs[ring->next] = (struct xhci_trb){ parameter, status, control | ring->cycle };
    return ring->base + 16 * ring->next++;
}

/* Takes the next event; false: there is none. */
static inline bool guest_event(struct xhci_guest *guest, struct xhci_trb *event)
{
    struct xhci_trb *trbs = guest_host(guest, EVENTS_AT);
    *event = trbs[guest->event];
    if ((event->control & TRB_CYCLE) != guest->event_cycle)
        return false;
    if (++guest->event == EVENT_ENTRIES) {
        guest->event = 0;
        guest->event_cycle = !guest->event_cycle;
    }
    guest_put64(guest, R_ERDP, EVENTS_AT + 16 * guest->event + 8);
    return true;
}

/* The next event, which must have the type; returns its completion code. Events of ports are left out. */
static inline unsigned expect(struct xhci_guest *guest, unsigned type, struct xhci_trb *event)
{
    struct xhci_trb own;
    event = event ? event : &own;
    do
        ck_assert_msg(guest_event(guest, event), "there is no event of type %u", type);
    while (type != TRB_PORT_EVENT && XHCI_TRB_TYPE(event->control) == TRB_PORT_EVENT);
    ck_assert_uint_eq(XHCI_TRB_TYPE(event->control), type);
    return event->status >> 24;
}

static inline void expect_nothing(struct xhci_guest *guest)
{
    struct xhci_trb event;
    while (guest_event(guest, &event))
        ck_assert_uint_eq(XHCI_TRB_TYPE(event.control), TRB_PORT_EVENT);
}

/* Executes a command; returns its completion code, and the slot. */
static inline unsigned command(struct xhci_guest *guest, uint64_t parameter, uint32_t control, unsigned *slot)
{
    struct xhci_trb event;
    uint64_t at = ring_put(guest, &guest->commands, parameter, 0, control);
    guest_put(guest, R_DOORBELL, 0);
    unsigned code = expect(guest, TRB_COMMAND_EVENT, &event);
    ck_assert_uint_eq(event.parameter, at);
    if (slot)
        *slot = event.control >> 24;
    return code;
}

/* ---- The controller ------------------------------------------------------------------------------------ */

/* Resets the controller and gives it its rings. */
static inline void guest_start(struct xhci_guest *guest)
{
    guest_put(guest, R_COMMAND, CMD_RESET);
    ck_assert_uint_eq(guest_get(guest, R_STATUS) & STS_HALTED, STS_HALTED);
    memset(guest->ram.bytes, 0, RAM_BYTES);
    ring_init(&guest->commands, COMMANDS_AT);
    for (unsigned n = 0; n < 8; n++)
        ((uint64_t *)guest_host(guest, DCBAA_AT))[n] = CONTEXT_AT(n);
    uint64_t *table = guest_host(guest, TABLE_AT);
    table[0] = EVENTS_AT;
    table[1] = EVENT_ENTRIES;
    guest->event = 0;
    guest->event_cycle = true;
    guest_put(guest, R_CONFIG, 8);
    guest_put64(guest, R_DCBAAP, DCBAA_AT);
    guest_put64(guest, R_CRCR, COMMANDS_AT | 1);
    guest_put(guest, R_ERSTSZ, 1);
    guest_put64(guest, R_ERDP, EVENTS_AT);
    guest_put64(guest, R_ERSTBA, TABLE_AT);
    guest_put(guest, R_IMAN, 2);
    guest_put(guest, R_COMMAND, CMD_RUN | CMD_INTE);
    ck_assert_uint_eq(guest_get(guest, R_STATUS) & STS_HALTED, 0);
}

static inline void guest_attach(struct xhci_guest *guest, struct usb_device *device, const char *path)
{
    struct error error = { "" };
    ck_assert_ptr_nonnull(device);
    ck_assert_msg(xhci_attach(guest->board.function, device, path, &error), "%s", error.text);
}

static inline struct pci_function *guest_make(struct xhci_guest *guest)
{
    struct error error = { "" };
    struct xhci_config config = {
        .dma = &guest->ram.dma, .clock = guest->clock, .usb2_ports = 4, .usb3_ports = 4
    };
    struct pci_function *function = xhci_create(&config, &error);
    ck_assert_msg(function, "%s", error.text);
    return function;
}

static inline void guest_init(struct xhci_guest *guest)
{
    memset(guest, 0, sizeof(*guest));
    guest->clock = clock_create(NULL);
    fake_ram_init(&guest->ram, RAM_AT, RAM_BYTES);
    function_plug(&guest->board, guest_make(guest));
    function_master(&guest->board, true);
}

static inline void guest_destroy(struct xhci_guest *guest)
{
    function_unplug(&guest->board);
    fake_ram_destroy(&guest->ram);
    clock_destroy(guest->clock);
}

/* ---- Devices ------------------------------------------------------------------------------------------- */

static inline void put_endpoint(struct xhci_guest *guest, unsigned slot, unsigned endpoint, unsigned type,
                                unsigned packet)
{
    uint32_t *context = guest_host(guest, INPUT_AT + 32 * (endpoint + 1));
    struct guest_ring *ring = &guest->rings[slot][endpoint];
    ring_init(ring, RING_AT(slot, endpoint));
    memset(guest_host(guest, ring->base), 0, RING_ENTRIES * 16);
    memset(context, 0, 32);
    context[1] = packet << 16 | type << 3 | 3 << 1;
    context[2] = (uint32_t)ring->base | 1;
}

/* Fills in the input context for Address Device. */
static inline void put_device(struct xhci_guest *guest, unsigned slot, unsigned port, uint32_t route)
{
    uint32_t *input = guest_host(guest, INPUT_AT);
    memset(input, 0, 0x400);
    input[1] = 3;
    input[8] = 1u << 27 | 3u << 20 | route;
    input[9] = port << 16;
    put_endpoint(guest, slot, 1, 4, 64);
}

/* Resets the port, and gives the device behind it a slot and an address; returns the slot. */
static inline unsigned guest_address(struct xhci_guest *guest, unsigned port)
{
    unsigned slot;
    guest_put(guest, PORT_AT(port), 1u << 9 | 1u << 4);
    ck_assert_uint_eq(guest_get(guest, PORT_AT(port)) & 0x200003, 0x200003);
    guest_put(guest, PORT_AT(port), 1u << 9 | 0x7fu << 17);
    ck_assert_uint_eq(guest_get(guest, PORT_AT(port)), 0xe03);
    ck_assert_uint_eq(command(guest, 0, XHCI_TYPE(TRB_ENABLE_SLOT), &slot), XHCI_SUCCESS);
    ck_assert_uint_ge(slot, 1);
    ck_assert_uint_le(slot, 2);
    put_device(guest, slot, port, 0);
    ck_assert_uint_eq(command(guest, INPUT_AT, XHCI_TYPE(TRB_ADDRESS_DEVICE) | slot << 24, NULL),
                      XHCI_SUCCESS);
    return slot;
}

/* A control transfer with the data at DATA_AT. Returns the completion code of the stage that failed, or
 * XHCI_SUCCESS, and the length of the data. */
static inline unsigned control(struct xhci_guest *guest, unsigned slot, struct usb_setup setup,
                               unsigned *length)
{
    struct guest_ring *ring = &guest->rings[slot][1];
    struct xhci_trb event;
    uint64_t bytes;
    bool in = setup.type & USB_TYPE_IN;
    memcpy(&bytes, &setup, 8);
    ring_put(guest, ring, bytes, 8,
             XHCI_TYPE(TRB_SETUP) | TRB_IMMEDIATE | (setup.length ? 2u + in : 0) << 16);
    if (setup.length)
        ring_put(guest, ring, DATA_AT, setup.length, XHCI_TYPE(TRB_DATA) | TRB_ISP | (uint32_t)in << 16);
    ring_put(guest, ring, 0, 0, XHCI_TYPE(TRB_STATUS) | TRB_IOC | (uint32_t)!in << 16);
    guest_put(guest, R_DOORBELL + 4 * slot, 1);
    unsigned code = expect(guest, TRB_TRANSFER_EVENT, &event), moved = setup.length;
    if (code == XHCI_SHORT_PACKET) {
        moved -= event.status & 0xffffff;
        code = expect(guest, TRB_TRANSFER_EVENT, &event);
    }
    ck_assert_uint_eq(event.control >> 16, slot << 8 | 1);
    if (length)
        *length = moved;
    return code;
}

static inline unsigned get_descriptor(struct xhci_guest *guest, unsigned slot, uint16_t value, uint16_t size,
                                      unsigned *length)
{
    return control(guest, slot, (struct usb_setup){ USB_TYPE_IN, USB_GET_DESCRIPTOR, value, 0, size },
                   length);
}

/* After a halt: the ring goes on at its next block. */
static inline void guest_recover(struct xhci_guest *guest, unsigned slot, unsigned endpoint)
{
    struct guest_ring *ring = &guest->rings[slot][endpoint];
    uint64_t at = (ring->base + 16 * ring->next) | ring->cycle;
    ck_assert_uint_eq(command(guest, 0, XHCI_TYPE(TRB_RESET_ENDPOINT) | slot << 24 | endpoint << 16, NULL),
                      XHCI_SUCCESS);
    ck_assert_uint_eq(command(guest, at, XHCI_TYPE(TRB_SET_DEQUEUE) | slot << 24 | endpoint << 16, NULL),
                      XHCI_SUCCESS);
}

/* Chooses the device's configuration, and makes its interrupt endpoint 1 IN (number 3). */
static inline void guest_configure(struct xhci_guest *guest, unsigned slot)
{
    uint32_t *input = guest_host(guest, INPUT_AT);
    ck_assert_uint_eq(control(guest, slot, (struct usb_setup){ 0, USB_SET_CONFIGURATION, 1, 0, 0 }, NULL),
                      XHCI_SUCCESS);
    input[0] = 0;
    input[1] = 1 | 1u << 3;
    input[8] = (input[8] & 0x7ffffff) | 3u << 27;
    put_endpoint(guest, slot, 3, 7, 8);
    ck_assert_uint_eq(command(guest, INPUT_AT, XHCI_TYPE(TRB_CONFIGURE_ENDPOINT) | slot << 24, NULL),
                      XHCI_SUCCESS);
}

/* Asks for a report of the interrupt endpoint at DATA_AT + 0x100. */
static inline void guest_poll(struct xhci_guest *guest, unsigned slot, unsigned length)
{
    ring_put(guest, &guest->rings[slot][3], DATA_AT + 0x100, length,
             XHCI_TYPE(TRB_NORMAL) | TRB_IOC | TRB_ISP);
    guest_put(guest, R_DOORBELL + 4 * slot, 3);
}

#endif
