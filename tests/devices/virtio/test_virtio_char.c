/* SPDX-License-Identifier: MIT
 *
 * The entropy device and the console, through their registers.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/virtio/console.h"
#include "devices/virtio/rng.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"
#include "util/host_time.h"

#define RING_AT (GUEST_RAM_BASE + 0x10000)
#define DATA_AT (GUEST_RAM_BASE + 0x20000)

static struct guest guest;

static void plug(struct virtio_device *vdev, bool legacy)
{
    ck_assert_ptr_nonnull(vdev);
    guest_init(&guest, legacy);
    guest_plug(&guest, vdev);
}

static void rng_start(struct ring *ring)
{
    guest_negotiate(&guest, 0);
    guest_ring(&guest, ring, 0, 8, RING_AT);
    guest_driver_ok(&guest);
}

START_TEST(rng_fills_buffers)
{
    struct ring ring;
    struct error error;
    struct virtio_rng_config config = { .path = _i & 2 ? "/dev/urandom" : NULL };
    plug(virtio_rng_create(&config, &error), _i & 1);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 4);
    rng_start(&ring);
    uint8_t *data = guest_host(&guest, DATA_AT), before[64];
    uint32_t written;
    unsigned zeroes = 0;
    for (unsigned n = 0; n < 50; n++) {
        memcpy(before, data, 64);
        memset(data + 64, 0x77, 4);
        ring_desc(&ring, 0, DATA_AT, 40, DESC_NEXT | DESC_WRITE, 1);
        ring_desc(&ring, 1, DATA_AT + 40, 24, DESC_WRITE, 0);
        ring_offer(&ring, 0);
        ring_kick(&ring);
        ck_assert(ring_take(&ring, NULL, &written));
        ck_assert_uint_eq(written, 64);
        ck_assert_mem_ne(before, data, 64);
        ck_assert_uint_eq(data[64], 0x77);
        for (unsigned k = 0; k < 64; k++)
            zeroes += !data[k];
    }
    ck_assert_uint_le(zeroes, 60); /* of 3200 bytes; some 12 are expected */
    /* A large request gets its first part. */
    ring_desc(&ring, 0, DATA_AT, 0x10000, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, 4096);
    guest_destroy(&guest);
}
END_TEST

START_TEST(rng_reads_the_named_source)
{
    struct ring ring;
    struct error error;
    struct virtio_rng_config config = { .path = "/dev/zero" };
    plug(virtio_rng_create(&config, &error), false);
    rng_start(&ring);
    memset(guest_host(&guest, DATA_AT), 0xff, 33);
    ring_desc(&ring, 0, DATA_AT, 32, DESC_WRITE, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert(ring_take(&ring, NULL, NULL));
    static const uint8_t expected[33] = { [32] = 0xff };
    ck_assert_mem_eq(guest_host(&guest, DATA_AT), expected, 33);
    /* A readable buffer has no room: it comes back empty and unchanged. */
    uint32_t written;
    ring_desc(&ring, 0, DATA_AT + 32, 1, 0, 0);
    ring_offer(&ring, 0);
    ring_kick(&ring);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, 0);
    ck_assert_mem_eq(guest_host(&guest, DATA_AT), expected, 33);
    guest_destroy(&guest);
}
END_TEST

/* A period's bytes come at once, over several requests; the next request waits until the period is over. */
START_TEST(rng_has_a_limit)
{
    struct ring ring;
    struct error error;
    struct virtio_rng_config config = { .path = NULL, .max_bytes = 48, .period_ms = 300 };
    plug(virtio_rng_create(&config, &error), false);
    rng_start(&ring);
    uint32_t written, expected[] = { 32, 16, 32, 16 };
    uint64_t before = host_now_ms();
    for (unsigned n = 0; n < 4; n++) {
        ring_desc(&ring, 0, DATA_AT, 32, DESC_WRITE, 0);
        ring_offer(&ring, 0);
        ring_kick(&ring);
        ck_assert(ring_take(&ring, NULL, &written));
        ck_assert_uint_eq(written, expected[n]);
    }
    uint64_t took = host_now_ms() - before;
    ck_assert_uint_ge(took, 300);
    /* A request that waits does not keep the device from being reset and destroyed. */
    ring_offer(&ring, 0);
    ring_kick(&ring);
    guest_negotiate(&guest, 0);
    guest_destroy(&guest);
}
END_TEST

START_TEST(rng_refuses_sources)
{
    static const char *const bad[] = { "/nonexistent", "/etc/passwd", "/tmp", "/dev/null" };
    for (unsigned n = 0; n < 4; n++) {
        struct error error = { "" };
        struct virtio_rng_config config = { .path = bad[n] };
        ck_assert_ptr_null(virtio_rng_create(&config, &error));
        ck_assert_msg(strstr(error.text, bad[n]), "%s", error.text);
    }
}
END_TEST

/* A terminal that records what it gets and counts the calls for more. */
struct terminal {
    struct chardev chardev;
    pthread_mutex_t lock;
    uint8_t sent[200000];
    size_t length;
    atomic_uint ready;
};

static void terminal_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    struct terminal *terminal = (struct terminal *)chardev;
    pthread_mutex_lock(&terminal->lock);
    ck_assert_uint_le(terminal->length + length, sizeof(terminal->sent));
    memcpy(terminal->sent + terminal->length, bytes, length);
    terminal->length += length;
    pthread_mutex_unlock(&terminal->lock);
}

static void terminal_input_ready(struct chardev *chardev)
{
    atomic_fetch_add(&((struct terminal *)chardev)->ready, 1);
}

static const struct chardev_ops terminal_ops = { .name = "terminal",
                                                 .write = terminal_write,
                                                 .input_ready = terminal_input_ready };

static struct terminal terminal = { .chardev.ops = &terminal_ops, .lock = PTHREAD_MUTEX_INITIALIZER };
static struct ring input, output;

static void console_plug(bool legacy)
{
    struct error error;
    struct virtio_console_port port = { .chardev = &terminal.chardev, .is_console = true };
    struct virtio_console_config config = { &port, 1, 80, 25 };
    plug(virtio_console_create(&config, &error), legacy);
}

static void console_start(void)
{
    guest_negotiate(&guest, 5);
    guest_ring(&guest, &input, 0, 8, RING_AT);
    guest_ring(&guest, &output, 1, 8, RING_AT + 0x4000);
    guest_driver_ok(&guest);
}

static size_t can_receive(void)
{
    return terminal.chardev.front.can_receive(terminal.chardev.front.opaque);
}

static void receive(const void *bytes, size_t length)
{
    terminal.chardev.front.receive(terminal.chardev.front.opaque, bytes, length);
}

START_TEST(console_output)
{
    console_plug(_i);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 3);
    console_start();
    uint8_t *data = guest_host(&guest, DATA_AT);
    size_t expected = 0;
    static uint8_t all[200000];
    for (unsigned n = 0; n < 20; n++) {
        uint32_t length = n * n * 20 + 2;
        for (uint32_t k = 0; k < length; k++)
            data[k] = all[expected + k] = (uint8_t)(k + n);
        expected += length;
        ring_desc(&output, 0, DATA_AT, length / 2, DESC_NEXT, 1);
        ring_desc(&output, 1, DATA_AT + length / 2, length - length / 2, 0, 0);
        ring_offer(&output, 0);
        ring_kick(&output);
        ck_assert(ring_take(&output, NULL, NULL));
    }
    ck_assert_uint_eq(terminal.length, expected);
    ck_assert_mem_eq(terminal.sent, all, expected);
    guest_destroy(&guest);
}
END_TEST

static void offer_input(unsigned desc, uint32_t length)
{
    ring_desc(&input, desc, DATA_AT + 0x1000 * desc, length, DESC_WRITE, 0);
    ring_offer(&input, desc);
    ring_kick(&input);
}

/* Input that is typed before there is a driver, between buffers, and across a reset: every byte arrives, in
 * order. */
START_TEST(console_input_is_never_lost)
{
    console_plug(_i);
    uint8_t next = 0, expected = 0;
    uint8_t bytes[600];
    unsigned seed = 7;
    size_t pending = 0, total = 0;
    for (unsigned round = 0; round < 400; round++) {
        if (round % 40 == 5)
            console_start();
        else if (round % 40 == 35)
            guest_write(&guest, REG_STATUS, 0);
        size_t length = (size_t)rand_r(&seed) % sizeof(bytes), room = can_receive();
        ck_assert_uint_eq(room, 4096 - pending);
        length = length < room ? length : room;
        for (size_t n = 0; n < length; n++)
            bytes[n] = next++;
        receive(bytes, length);
        pending += length;
        if (round % 40 < 5 || round % 40 >= 35)
            continue;
        unsigned ready = atomic_load(&terminal.ready);
        uint32_t size = 1 + (uint32_t)rand_r(&seed) % 700, got, head;
        offer_input(round % 8, size);
        if (!pending) {
            ck_assert_uint_eq(ring_returned(&input), 0);
            bytes[0] = next++;
            receive(bytes, 1);
            pending = 1;
        }
        ck_assert(ring_take(&input, &head, &got));
        ck_assert_uint_gt(atomic_load(&terminal.ready), ready);
        ck_assert_uint_eq(head, round % 8);
        ck_assert_uint_eq(got, pending < size ? pending : size);
        const uint8_t *data = guest_host(&guest, DATA_AT + 0x1000 * head);
        for (uint32_t n = 0; n < got; n++)
            ck_assert_uint_eq(data[n], expected++);
        pending -= got;
        total += got;
    }
    ck_assert_uint_gt(total, 10000);
    guest_destroy(&guest);
}
END_TEST

START_TEST(console_configuration)
{
    console_plug(_i);
    struct device *slot = guest.slot;
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES) & 7, 5);
    ck_assert_uint_eq(slot->ops->read(slot, REG_CONFIG, 2), 80);
    ck_assert_uint_eq(slot->ops->read(slot, REG_CONFIG + 2, 2), 25);
    guest_write(&guest, REG_CONFIG + 8, 'E'); /* before any negotiation */
    slot->ops->write(slot, REG_CONFIG + 8, 1, '!');
    slot->ops->write(slot, REG_CONFIG, 2, 7);
    ck_assert_uint_eq(terminal.length, 2);
    ck_assert_mem_eq(terminal.sent, "E!", 2);
    console_start();
    virtio_console_resize(guest.vdev, 132, 50);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 2);
    ck_assert_uint_eq(slot->ops->read(slot, REG_CONFIG, 4), 132 | 50 << 16);
    /* An input buffer that cannot be written to. */
    ring_desc(&input, 0, DATA_AT, 16, 0, 0);
    ring_offer(&input, 0);
    ring_kick(&input);
    receive("x", 1);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, _i ? 0 : VIRTIO_NEEDS_RESET);
    ck_assert_uint_eq(ring_returned(&input), 0);
    console_start();
    offer_input(1, 16);
    ck_assert(ring_take(&input, NULL, NULL));
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, DATA_AT + 0x1000), 'x');
    guest_destroy(&guest);
}
END_TEST

START_TEST(console_state)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    console_plug(_i);
    receive("typed early", 11);
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    guest_destroy(&guest);
    console_plug(_i);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(guest.slot->ops->load(guest.slot, &reader), "%s", error.text);
    ck_assert_uint_eq(can_receive(), 4096 - 11);
    console_start();
    offer_input(0, 100);
    uint32_t got;
    ck_assert(ring_take(&input, NULL, &got));
    ck_assert_uint_eq(got, 11);
    ck_assert_mem_eq(guest_host(&guest, DATA_AT), "typed early", 11);
    state_writer_destroy(&writer);
    guest_destroy(&guest);
}
END_TEST

static atomic_uint slowly_sent;

static void slow_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    (void)chardev, (void)bytes;
    usleep(5000);
    atomic_fetch_add(&slowly_sent, (unsigned)length);
}

/* A driver that gives megabytes to a slow terminal at once does not keep the machine from being paused. What
 * is left is written afterwards; if a state is loaded meanwhile, all of it. */
START_TEST(console_is_held_within_a_chain)
{
    static const struct chardev_ops slow = { .name = "slow",
                                             .write = slow_write,
                                             .input_ready = terminal_input_ready };
    const unsigned part = 0x40000, total = 8 * part;
    terminal.chardev.ops = &slow;
    console_plug(false);
    console_start();
    for (unsigned n = 0; n < 8; n++)
        ring_desc(&output, n, DATA_AT, part, n < 7 ? DESC_NEXT : 0, n + 1);
    ring_offer(&output, 0);
    ring_kick(&output);
    while (!atomic_load(&slowly_sent))
        usleep(1000);
    guest.slot->ops->hold(guest.slot, true);
    unsigned before = atomic_load(&slowly_sent);
    ck_assert_uint_lt(before, total / 2);
    if (_i)
        guest_reload(&guest);
    usleep(200000);
    ck_assert_uint_eq(atomic_load(&slowly_sent), before);
    ck_assert_uint_eq(ring_returned(&output), 0);
    guest.slot->ops->hold(guest.slot, false);
    ck_assert(ring_take(&output, NULL, NULL));
    ck_assert_uint_eq(atomic_load(&slowly_sent), _i ? before + total : total);
    guest_destroy(&guest);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio-rng and virtio-console");
    TCase *tcase = tcase_create("char");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, rng_fills_buffers, 0, 4);
    tcase_add_test(tcase, rng_reads_the_named_source);
    tcase_add_test(tcase, rng_has_a_limit);
    tcase_add_test(tcase, rng_refuses_sources);
    tcase_add_loop_test(tcase, console_output, 0, 2);
    tcase_add_loop_test(tcase, console_input_is_never_lost, 0, 2);
    tcase_add_loop_test(tcase, console_configuration, 0, 2);
    tcase_add_loop_test(tcase, console_state, 0, 2);
    tcase_add_loop_test(tcase, console_is_held_within_a_chain, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
