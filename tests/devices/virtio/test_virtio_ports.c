/* SPDX-License-Identifier: MIT
 *
 * The virtio console with several ports: what the control queues say (Virtio 1.2 section 5.3.6.2), and that
 * each port's bytes are its own.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define RING_AT(queue) (GUEST_RAM_BASE + 0x10000 + 0x4000 * (queue))
#define DATA_AT        (GUEST_RAM_BASE + 0x80000)
#define QUEUES         10
#define FEATURES       7 /* size, several ports, emergency write */
#define MESSAGE_BYTES  8

enum { DEVICE_READY, DEVICE_ADD, DEVICE_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
enum { CONTROL_IN = 2, CONTROL_OUT = 3 };

/* A terminal that keeps what it gets, and can be stopped. */
struct terminal {
    struct chardev chardev;
    pthread_mutex_t stopped; /* while it is held, writes wait */
    char sent[256];
    atomic_uint length;
};

static void terminal_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    struct terminal *terminal = (struct terminal *)chardev;
    pthread_mutex_lock(&terminal->stopped);
    ck_assert_uint_le(terminal->length + length, sizeof(terminal->sent));
    memcpy(terminal->sent + terminal->length, bytes, length);
    terminal->length += (unsigned)length;
    pthread_mutex_unlock(&terminal->stopped);
}

static void terminal_input_ready(struct chardev *chardev)
{
    (void)chardev;
}

static const struct chardev_ops terminal_ops = { .name = "terminal",
                                                 .write = terminal_write,
                                                 .input_ready = terminal_input_ready };

static struct guest guest;
static struct terminal terminals[3];
static struct ring rings[QUEUES];

/* A console, and two serial ports, one without a name. */
static void plug(void)
{
    struct error error = { "" };
    struct virtio_console_port ports[3] = {
        { .number = 0, .is_console = true, .name = "main" },
        { .number = 1, .name = "org.rvive.one" },
        { .number = 3 },
    };
    memset(terminals, 0, sizeof(terminals));
    for (unsigned n = 0; n < 3; n++) {
        terminals[n].chardev.ops = &terminal_ops;
        pthread_mutex_init(&terminals[n].stopped, NULL);
        ports[n].chardev = &terminals[n].chardev;
    }
    struct virtio_console_config config = { ports, 3, 80, 25 };
    struct virtio_device *device = virtio_console_create(&config, &error);
    ck_assert_msg(device, "%s", error.text);
    guest_init(&guest, false);
    guest_plug(&guest, device);
}

static void start(void)
{
    ck_assert_uint_eq(guest_negotiate(&guest, FEATURES) & VIRTIO_FEATURES_OK, VIRTIO_FEATURES_OK);
    for (unsigned n = 0; n < QUEUES; n++)
        guest_ring(&guest, &rings[n], n, 8, RING_AT(n));
    guest_driver_ok(&guest);
}

static uint64_t buffer_of(unsigned queue, unsigned index)
{
    return DATA_AT + 0x1000 * queue + 0x100 * index;
}

static void offer(unsigned queue, unsigned index, uint32_t length)
{
    ring_desc(&rings[queue], index, buffer_of(queue, index), length, queue % 2 ? 0 : DESC_WRITE, 0);
    ring_offer(&rings[queue], index);
    ring_kick(&rings[queue]);
}

static void send(uint32_t port, uint16_t event, uint16_t value)
{
    uint8_t *at = guest_host(&guest, buffer_of(CONTROL_OUT, 0));
    memcpy(at, &port, 4);
    memcpy(at + 4, &event, 2);
    memcpy(at + 6, &value, 2);
    offer(CONTROL_OUT, 0, MESSAGE_BYTES);
    ck_assert(ring_take(&rings[CONTROL_OUT], NULL, NULL));
}

/* Expects that the next message is this one, followed by `more`. */
static void expect(uint32_t port, uint16_t event, uint16_t value, const void *more, uint32_t length)
{
    uint32_t head, written, got_port;
    uint16_t got[2];
    if (!ring_returned(&rings[CONTROL_IN]))
        offer(CONTROL_IN, 0, 0x100);
    ck_assert(ring_take(&rings[CONTROL_IN], &head, &written));
    const uint8_t *at = guest_host(&guest, buffer_of(CONTROL_IN, head));
    memcpy(&got_port, at, 4);
    memcpy(got, at + 4, 4);
    ck_assert_uint_eq(got[0], event);
    ck_assert_uint_eq(got_port, port);
    ck_assert_uint_eq(got[1], value);
    ck_assert_uint_eq(written, MESSAGE_BYTES + length);
    if (length)
        ck_assert_mem_eq(at + MESSAGE_BYTES, more, length);
}

static void expect_nothing(void)
{
    offer(CONTROL_IN, 7, 0x100);
    guest_settle(&guest);
    ck_assert_uint_eq(ring_returned(&rings[CONTROL_IN]), 0);
}

static void host(unsigned n, enum chardev_event event)
{
    terminals[n].chardev.front.event(terminals[n].chardev.front.opaque, event);
}

static void type(unsigned n, const char *text)
{
    struct chardev_front *front = &terminals[n].chardev.front;
    ck_assert_uint_ge(front->can_receive(front->opaque), strlen(text));
    front->receive(front->opaque, (const uint8_t *)text, strlen(text));
}

static void write_out(unsigned queue, const char *text)
{
    memcpy(guest_host(&guest, buffer_of(queue, 0)), text, strlen(text));
    offer(queue, 0, (uint32_t)strlen(text));
}

static void check_input(unsigned queue, const char *text)
{
    uint32_t written;
    offer(queue, 1, 0x100);
    ck_assert(ring_take(&rings[queue], NULL, &written));
    ck_assert_uint_eq(written, strlen(text));
    ck_assert_mem_eq(guest_host(&guest, buffer_of(queue, 1)), text, written);
}

/* ---- The cases ----------------------------------------------------------------------------------------- */

START_TEST(ports_are_told)
{
    static const uint16_t size[2] = { 80, 25 };
    plug();
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES) & 7, FEATURES);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 4), 4);
    start();
    expect_nothing();
    guest_destroy(&guest);
    plug();
    start();
    send(0, DEVICE_READY, 1); /* while there is no buffer for the answers */
    expect(0, DEVICE_ADD, 1, NULL, 0);
    expect(1, DEVICE_ADD, 1, NULL, 0);
    expect(3, DEVICE_ADD, 1, NULL, 0);
    send(0, PORT_READY, 1);
    expect(0, CONSOLE_PORT, 1, NULL, 0);
    expect(0, RESIZE, 1, size, sizeof(size));
    expect(0, PORT_NAME, 1, "main", 4);
    host(1, CHARDEV_EVENT_OPENED); /* before the driver knows the port */
    send(1, PORT_READY, 1);
    expect(1, PORT_OPEN, 1, NULL, 0);
    expect(1, PORT_NAME, 1, "org.rvive.one", 13);
    send(3, PORT_READY, 1);
    host(3 - 1, CHARDEV_EVENT_OPENED);
    expect(3, PORT_OPEN, 1, NULL, 0);
    host(1, CHARDEV_EVENT_CLOSED);
    expect(1, PORT_OPEN, 0, NULL, 0);
    /* What opened and closed meanwhile is reported with its present state. */
    host(1, CHARDEV_EVENT_OPENED);
    host(1, CHARDEV_EVENT_CLOSED);
    expect(1, PORT_OPEN, 0, NULL, 0);
    expect_nothing();
    virtio_console_resize(guest.vdev, 100, 30);
    expect(0, RESIZE, 1, (const uint16_t[]){ 100, 30 }, 4);
    guest_destroy(&guest);
}
END_TEST

START_TEST(ports_have_their_own_bytes)
{
    plug();
    start();
    type(1, "early");
    type(0, "console");
    check_input(0, "console"); /* a console is open from the start */
    offer(4, 0, 0x100);
    guest_settle(&guest);
    ck_assert_uint_eq(ring_returned(&rings[4]), 0);
    send(1, PORT_OPEN, 1);
    uint32_t written;
    ck_assert(ring_take(&rings[4], NULL, &written));
    ck_assert_uint_eq(written, 5);
    ck_assert_mem_eq(guest_host(&guest, buffer_of(4, 0)), "early", 5);
    send(1, PORT_OPEN, 0);
    type(1, "late");
    send(1, PORT_OPEN, 1);
    check_input(4, "late");
    /* The end of the input comes after the input. */
    host(1, CHARDEV_EVENT_OPENED);
    send(1, PORT_READY, 1);
    expect(1, PORT_OPEN, 1, NULL, 0);
    expect(1, PORT_NAME, 1, "org.rvive.one", 13);
    offer(CONTROL_IN, 0, 0x100);
    type(1, "last");
    host(1, CHARDEV_EVENT_CLOSED);
    guest_settle(&guest);
    ck_assert_uint_eq(ring_returned(&rings[CONTROL_IN]), 0);
    check_input(4, "last");
    expect(1, PORT_OPEN, 0, NULL, 0);
    /* One terminal is stopped: the others go on. */
    pthread_mutex_lock(&terminals[1].stopped);
    write_out(5, "to one");
    write_out(9, "to three");
    write_out(1, "to the console");
    ck_assert(ring_take(&rings[9], NULL, NULL));
    ck_assert(ring_take(&rings[1], NULL, NULL));
    ck_assert_uint_eq(ring_returned(&rings[5]), 0);
    pthread_mutex_unlock(&terminals[1].stopped);
    ck_assert(ring_take(&rings[5], NULL, NULL));
    ck_assert_str_eq(terminals[0].sent, "to the console");
    ck_assert_str_eq(terminals[1].sent, "to one");
    ck_assert_str_eq(terminals[2].sent, "to three");
    guest_destroy(&guest);
}
END_TEST

/* The chains of one port are written one after the other, whichever thread of the worker takes them. */
START_TEST(output_keeps_its_order)
{
    plug();
    start();
    char expected[200];
    for (unsigned n = 0; n < 200; n++) {
        expected[n] = (char)('A' + n % 26);
        if (n >= 8) /* the buffer is free again: chains come back in order, too */
            ck_assert(ring_take(&rings[5], NULL, NULL));
        memcpy(guest_host(&guest, buffer_of(5, n % 8)), &expected[n], 1);
        offer(5, n % 8, 1);
    }
    guest_settle(&guest);
    ck_assert_uint_eq(terminals[1].length, 200);
    ck_assert_mem_eq(terminals[1].sent, expected, 200);
    guest_destroy(&guest);
}
END_TEST

START_TEST(wrong_messages)
{
    plug();
    start();
    send(2, PORT_READY, 1); /* there is no such port */
    send(99, PORT_OPEN, 1);
    send(0, 77, 1);
    offer(CONTROL_OUT, 1, 3); /* too short */
    ck_assert(ring_take(&rings[CONTROL_OUT], NULL, NULL));
    expect_nothing();
    /* A buffer that is too small gets the part that fits. */
    plug();
    start();
    uint32_t written;
    send(0, DEVICE_READY, 1);
    offer(CONTROL_IN, 0, 5);
    ck_assert(ring_take(&rings[CONTROL_IN], NULL, &written));
    ck_assert_uint_eq(written, 5);
    expect(1, DEVICE_ADD, 1, NULL, 0);
    guest_destroy(&guest);
}
END_TEST

/* A driver that knows one port only has port 0. */
START_TEST(one_port_driver)
{
    plug();
    guest_negotiate(&guest, 0);
    for (unsigned n = 0; n < 4; n++)
        guest_ring(&guest, &rings[n], n, 8, RING_AT(n));
    guest_driver_ok(&guest);
    write_out(1, "hello");
    ck_assert(ring_take(&rings[1], NULL, NULL));
    ck_assert_str_eq(terminals[0].sent, "hello");
    type(0, "answer");
    check_input(0, "answer");
    host(1, CHARDEV_EVENT_OPENED);
    expect_nothing();
    guest_destroy(&guest);
}
END_TEST

START_TEST(ports_state)
{
    plug();
    start();
    send(0, DEVICE_READY, 1);
    expect(0, DEVICE_ADD, 1, NULL, 0);
    send(1, PORT_READY, 1);
    send(1, PORT_OPEN, 1);
    type(1, "kept");
    type(2, "too");
    guest_reload(&guest);
    check_input(4, "kept");
    expect(1, DEVICE_ADD, 1, NULL, 0);
    expect(1, PORT_OPEN, 0, NULL, 0);
    expect(1, PORT_NAME, 1, "org.rvive.one", 13);
    expect(3, DEVICE_ADD, 1, NULL, 0);
    send(3, PORT_OPEN, 1);
    check_input(8, "too");
    guest_destroy(&guest);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ports of virtio-console");
    TCase *tcase = tcase_create("ports");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ports_are_told);
    tcase_add_test(tcase, ports_have_their_own_bytes);
    tcase_add_test(tcase, output_keeps_its_order);
    tcase_add_test(tcase, wrong_messages);
    tcase_add_test(tcase, one_port_driver);
    tcase_add_test(tcase, ports_state);
    suite_add_tcase(suite, tcase);
    return suite;
}
