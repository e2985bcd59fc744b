/* SPDX-License-Identifier: MIT
 *
 * The guest's side of an EHCI controller, for tests: RAM of exactly its size, the controller on a PCI bus,
 * and a driver that has a circle of two asynchronous queues (its head, and one for whatever is asked), a
 * frame list, and a queue in all of its frames. All functions are static, so that each test stays one file.
 */
#ifndef TESTS_DEVICES_USB_EHCI_GUEST_H
#define TESTS_DEVICES_USB_EHCI_GUEST_H

#include "devices/usb/ehci_internal.h"
#include "tests/devices/pci/function.h"

#define RAM_AT      0x80000000u
#define RAM_BYTES   0x40000u
#define FRAMES_AT   (RAM_AT + 0x1000)
#define HEAD_AT     (RAM_AT + 0x2000)
#define QUEUE_AT    (RAM_AT + 0x2100)
#define POLL_AT     (RAM_AT + 0x2200)
#define QTD_AT(n)   (RAM_AT + 0x3000 + 32 * (n)) /* the last one that is used is never active */
#define SETUP_AT    (RAM_AT + 0x4000)
#define DATA_AT     (RAM_AT + 0x10000)
#define POLL_QTD_AT QTD_AT(64)
#define MEMORY_END  (RAM_AT + RAM_BYTES)

enum { R_COMMAND = 0x20, R_STATUS = 0x24, R_INTERRUPTS = 0x28, R_FRAME = 0x2c, R_PERIODIC = 0x34 };
enum { R_ASYNC = 0x38, R_CONFIGURED = 0x60 };
#define R_PORT(n) (0x60u + 4 * (n))
enum {
    T_ACTIVE = 0x80,
    T_HALTED = 0x40,
    T_BUFFER = 0x20,
    T_ERROR = 0x08,
    T_TRIES = 3 << 10,
    T_IOC = 1 << 15
};
#define T_TOKEN(pid, bytes) (T_ACTIVE | T_TRIES | (uint32_t)(pid) << 8 | (uint32_t)(bytes) << 16)
#define T_LEFT(token)       ((token) >> 16 & 0x7fff)
#define QH_HIGH             (2u << 12)
#define QH_TOGGLE           (1u << 14)
#define QH_HEAD             (1u << 15)

struct ehci_guest {
    struct function_bus board;
    struct fake_ram ram;
    struct clock *clock;
};

static inline void *guest_host(struct ehci_guest *guest, uint64_t at)
{
    void *host = fake_ram_map(&guest->ram.dma, at, 1, true);
    ck_assert_ptr_nonnull(host);
    return host;
}

static inline uint32_t guest_get(struct ehci_guest *guest, unsigned offset)
{
    return (uint32_t)function_get(&guest->board, offset, 4);
}

static inline void guest_put(struct ehci_guest *guest, unsigned offset, uint32_t value)
{
    function_put(&guest->board, offset, 4, value);
}

/* Lets the controller look now: a wait for its timer would make the tests slow. */
static inline void guest_look(struct ehci_guest *guest)
{
    guest_put(guest, R_STATUS, 0);
}

static inline void guest_attach(struct ehci_guest *guest, struct usb_device *device, const char *path)
{
    struct error error = { "" };
    ck_assert_ptr_nonnull(device);
    ck_assert_msg(ehci_attach(guest->board.function, device, path, &error), "%s", error.text);
}

static inline struct pci_function *guest_make(struct ehci_guest *guest)
{
    struct error error = { "" };
    const struct ehci_config config = { .dma = &guest->ram.dma, .clock = guest->clock };
    struct pci_function *function = ehci_create(&config, &error);
    ck_assert_msg(function, "%s", error.text);
    return function;
}

static inline void guest_init(struct ehci_guest *guest)
{
    memset(guest, 0, sizeof(*guest));
    guest->clock = clock_create(NULL);
    fake_ram_init(&guest->ram, RAM_AT, RAM_BYTES);
    function_plug(&guest->board, guest_make(guest));
    function_master(&guest->board, true);
}

static inline void guest_destroy(struct ehci_guest *guest)
{
    function_unplug(&guest->board);
    fake_ram_destroy(&guest->ram);
    clock_destroy(guest->clock);
}

/* ---- Queues -------------------------------------------------------------------------------------------- */

/* The controller may look at any time: the queue is halted while it changes. */
static inline void put_queue(struct ehci_guest *guest, uint32_t at, uint32_t link, uint32_t endpoint,
                             uint32_t first)
{
    volatile struct ehci_qh *qh = guest_host(guest, at);
    qh->overlay.token = T_HALTED;
    atomic_thread_fence(memory_order_seq_cst);
    qh->link = link;
    qh->endpoint = endpoint;
    qh->split = 1u << 30;
    qh->current = 0;
    qh->overlay.next = first;
    qh->overlay.alternate = EHCI_LINK_END;
    atomic_thread_fence(memory_order_seq_cst);
    qh->overlay.token = 0;
}

static inline void put_qtd(struct ehci_guest *guest, unsigned n, uint32_t token, uint32_t data)
{
    struct ehci_qtd *qtd = guest_host(guest, QTD_AT(n));
    *qtd = (struct ehci_qtd){ .next = EHCI_LINK_END, .alternate = EHCI_LINK_END, .token = token };
    qtd->buffers[0] = data;
    for (unsigned page = 1; page < EHCI_BUFFERS; page++)
        qtd->buffers[page] = (data & ~(EHCI_PAGE - 1)) + page * EHCI_PAGE;
    if (n)
        ((struct ehci_qtd *)guest_host(guest, QTD_AT(n - 1)))->next = QTD_AT(n);
}

static inline uint32_t token_of(struct ehci_guest *guest, unsigned n)
{
    return ((struct ehci_qtd *)guest_host(guest, QTD_AT(n)))->token;
}

/* Gives the transfers from the first on to an endpoint, and lets the controller look. */
static inline void guest_ask(struct ehci_guest *guest, unsigned address, unsigned endpoint)
{
    put_queue(guest, QUEUE_AT, HEAD_AT | 2,
              address | endpoint << 8 | QH_HIGH | (endpoint ? 0 : QH_TOGGLE) | (endpoint ? 512u : 64u) << 16,
              QTD_AT(0));
    guest_look(guest);
}

/* A control transfer with the data at DATA_AT. Returns the token of its last transfer, and how much of the
 * data was moved. */
static inline uint32_t control(struct ehci_guest *guest, unsigned address, struct usb_setup setup,
                               unsigned *length)
{
    unsigned n = 0;
    bool in = setup.type & USB_TYPE_IN;
    memcpy(guest_host(guest, SETUP_AT), &setup, 8);
    put_qtd(guest, n++, T_TOKEN(PID_SETUP, 8), SETUP_AT);
    if (setup.length)
        put_qtd(guest, n++, T_TOKEN(in ? PID_IN : PID_OUT, setup.length), DATA_AT);
    put_qtd(guest, n, T_TOKEN(in && setup.length ? PID_OUT : PID_IN, 0) | T_IOC, 0);
    guest_ask(guest, address, 0);
    if (length)
        *length = setup.length - T_LEFT(token_of(guest, 1));
    for (unsigned at = 0; at < n; at++)
        if (token_of(guest, at) & T_HALTED)
            return token_of(guest, at);
    return token_of(guest, n);
}

static inline uint32_t get_descriptor(struct ehci_guest *guest, unsigned address, uint16_t value,
                                      uint16_t size, unsigned *length)
{
    return control(guest, address, (struct usb_setup){ USB_TYPE_IN, USB_GET_DESCRIPTOR, value, 0, size },
                   length);
}

/* ---- The controller ------------------------------------------------------------------------------------ */

/* Resets the controller and starts it with both schedules. */
static inline void guest_start(struct ehci_guest *guest)
{
    guest_put(guest, R_COMMAND, CMD_RESET);
    ck_assert_uint_eq(guest_get(guest, R_STATUS) & STS_HALTED, STS_HALTED);
    memset(guest->ram.bytes, 0, RAM_BYTES);
    uint32_t *frames = guest_host(guest, FRAMES_AT);
    for (unsigned n = 0; n < EHCI_FRAMES; n++)
        frames[n] = POLL_AT | 2;
    put_queue(guest, HEAD_AT, QUEUE_AT | 2, QH_HIGH | QH_HEAD, EHCI_LINK_END);
    ((struct ehci_qh *)guest_host(guest, HEAD_AT))->overlay.token = T_HALTED;
    put_queue(guest, QUEUE_AT, HEAD_AT | 2, QH_HIGH, EHCI_LINK_END);
    put_queue(guest, POLL_AT, EHCI_LINK_END, QH_HIGH, EHCI_LINK_END);
    guest_put(guest, R_PERIODIC, FRAMES_AT);
    guest_put(guest, R_ASYNC, HEAD_AT);
    guest_put(guest, R_INTERRUPTS, STS_DONE | STS_ERROR | STS_PORT | STS_ADVANCED | STS_SYSTEM_ERROR);
    guest_put(guest, R_CONFIGURED, 1);
    guest_put(guest, R_COMMAND, CMD_RUN | CMD_ASYNC | CMD_PERIODIC | CMD_THRESHOLD_AT_RESET);
    ck_assert_uint_eq(guest_get(guest, R_STATUS) & 0xf000, STS_ASYNC | STS_PERIODIC);
}

static inline void guest_reset_port(struct ehci_guest *guest, unsigned port)
{
    guest_put(guest, R_PORT(port), PORT_POWER | PORT_RESET | PORT_CHANGES);
    ck_assert_uint_eq(guest_get(guest, R_PORT(port)), PORT_POWER | PORT_RESET | PORT_CONNECTED);
    guest_put(guest, R_PORT(port), PORT_POWER);
    ck_assert_uint_eq(guest_get(guest, R_PORT(port)), PORT_POWER | PORT_ENABLED | PORT_CONNECTED);
}

static inline void set_address(struct ehci_guest *guest, unsigned address)
{
    uint32_t token =
        control(guest, 0, (struct usb_setup){ 0, USB_SET_ADDRESS, (uint16_t)address, 0, 0 }, NULL);
    ck_assert_uint_eq(token & 0xff, 0);
}

/* Resets the port, and gives the device there an address and its configuration. */
static inline void guest_configure(struct ehci_guest *guest, unsigned port, unsigned address)
{
    guest_reset_port(guest, port);
    set_address(guest, address);
    uint32_t token = control(guest, address, (struct usb_setup){ 0, USB_SET_CONFIGURATION, 1, 0, 0 }, NULL);
    ck_assert_uint_eq(token & 0xff, 0);
}

/* Asks for a report of endpoint 1 at DATA_AT + 0x100, in every frame. */
static inline void guest_poll(struct ehci_guest *guest, unsigned address, unsigned length)
{
    struct ehci_qtd *qtd = guest_host(guest, POLL_QTD_AT);
    *qtd = (struct ehci_qtd){ .next = EHCI_LINK_END, .alternate = EHCI_LINK_END };
    qtd->token = T_TOKEN(PID_IN, length) | T_IOC;
    qtd->buffers[0] = DATA_AT + 0x100;
    put_queue(guest, POLL_AT, EHCI_LINK_END, address | 1u << 8 | QH_HIGH | 8u << 16, POLL_QTD_AT);
    ((struct ehci_qh *)guest_host(guest, POLL_AT))->split |= 1;
}

/* Lets some frames pass. */
static inline void guest_wait(struct ehci_guest *guest, unsigned frames)
{
    clock_shift(guest->clock, (int64_t)frames * 1000000);
    guest_look(guest);
}

#endif
