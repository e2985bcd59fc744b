/* SPDX-License-Identifier: MIT
 *
 * The virtio SCSI host through its registers: commands and their responses, places, task management, requests
 * that wait because the machine is stopped, chains that are too short, saved state.
 */
#include <check.h>
#include <errno.h>

#include "devices/virtio/scsi.h"
#include "tests/devices/scsi/memory_disk.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define RING_AT     (GUEST_RAM_BASE + 0x10000)
#define CONTROL_AT  (GUEST_RAM_BASE + 0x18000)
#define HEADER_AT   (GUEST_RAM_BASE + 0x20000)
#define RESPONSE_AT (GUEST_RAM_BASE + 0x20800)
#define TASK_AT     (GUEST_RAM_BASE + 0x20c00)
#define DATA_AT     (GUEST_RAM_BASE + 0x21003) /* buffers need no alignment */
#define RESPONSE    (12u + 96)

enum { OK, OVERRUN, ABORTED, BAD_TARGET, FAILURE = 9, SUCCEEDED, REJECTED, INCORRECT_LUN, UNTOUCHED = 0xee };
enum { ABORT_TASK, ABORT_SET, CLEAR_ACA, CLEAR_SET, NEXUS_RESET, UNIT_RESET, QUERY_TASK, QUERY_SET };

static struct guest guest;
static struct ring ring, control;
static struct memory_disk disk, cd;
static struct scsi_unit *units[2];
static atomic_bool machine_stopped;

static void failed(void *opaque, const struct block_error *error)
{
    (void)opaque;
    if (error->action == BLOCKDEV_ON_ERROR_STOP)
        atomic_store(&machine_stopped, true);
}

static bool stopped(void *opaque)
{
    (void)opaque;
    return atomic_load(&machine_stopped);
}

/* A disk at target 2, unit 1, and a CD drive at target 5, unit 0. */
static void setup(bool legacy)
{
    static struct device_settings settings[2];
    struct block_on_error on_error = { .werror = BLOCKDEV_ON_ERROR_STOP,
                                       .failed = failed,
                                       .stopped = stopped };
    struct error error;
    memory_disk_init(&disk, 1);
    memory_disk_init(&cd, 2);
    settings[0] = (struct device_settings){ .target = 3, .lun = 2, .serial = "S" };
    settings[1] = (struct device_settings){ .target = 6, .lun = 1 };
    struct device_unit plugs[2] = {
        { &scsi_hd_model, &settings[0], &disk.blockdev, "d0", &on_error, &units[0] },
        { &scsi_cd_model, &settings[1], &cd.blockdev, NULL, &on_error, &units[1] },
    };
    struct virtio_scsi_config config = { .units = plugs, .unit_count = 2, .queues = 2 };
    guest_init(&guest, legacy);
    struct virtio_device *vdev = virtio_scsi_create(&config, &error);
    ck_assert_msg(vdev != NULL, "%s", error.text);
    guest_plug(&guest, vdev);
    atomic_store(&machine_stopped, false);
}

static void start(void)
{
    guest_negotiate(&guest, 0);
    guest_ring(&guest, &control, 0, 16, CONTROL_AT);
    guest_ring(&guest, &ring, 2, 16, RING_AT);
    guest_driver_ok(&guest);
}

static void *host(uint64_t paddr)
{
    return guest_host(&guest, paddr);
}

static unsigned response(void)
{
    return ((uint8_t *)host(RESPONSE_AT))[11];
}

static unsigned sense(void)
{
    const uint8_t *bytes = host(RESPONSE_AT);
    return bytes[10] != 2 ? 0 : (unsigned)(bytes[14] << 16 | bytes[24] << 8 | bytes[25]);
}

static uint32_t residual(void)
{
    uint32_t value;
    memcpy(&value, (uint8_t *)host(RESPONSE_AT) + 4, 4);
    return value;
}

/* Puts a command into the request queue; its descriptors begin at `first`. */
static void offer(unsigned first, unsigned target, unsigned lun, uint64_t id, const uint8_t cdb[16],
                  uint32_t out, uint32_t in)
{
    uint8_t header[19 + 32] = { 1, (uint8_t)target, (uint8_t)(0x40 | lun >> 8), (uint8_t)lun };
    memcpy(header + 8, &id, 8);
    memcpy(header + 19, cdb, 16);
    memcpy(host(HEADER_AT), header, sizeof(header));
    memset(host(RESPONSE_AT), UNTOUCHED, RESPONSE);
    ring_desc(&ring, first, HEADER_AT, sizeof(header), DESC_NEXT, first + (out ? 1 : 2));
    ring_desc(&ring, first + 1, DATA_AT, out, DESC_NEXT, first + 2);
    ring_desc(&ring, first + 2, RESPONSE_AT, RESPONSE, DESC_WRITE | (in ? DESC_NEXT : 0), first + 3);
    ring_desc(&ring, first + 3, DATA_AT, in, DESC_WRITE, 0);
    ring_offer(&ring, first);
    ring_kick(&ring);
}

static unsigned command(unsigned target, unsigned lun, const uint8_t cdb[16], uint32_t out, uint32_t in)
{
    uint32_t written = 0;
    offer(0, target, lun, 1, cdb, out, in);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_ge(written, RESPONSE);
    ck_assert_uint_le(written, RESPONSE + in);
    return response();
}

#define COMMAND(target, lun, out, in, ...) command(target, lun, (const uint8_t[16]){ __VA_ARGS__ }, out, in)

/* Puts a task management function into the control queue. */
static void offer_task(unsigned function, unsigned target, unsigned lun, uint64_t id)
{
    uint8_t bytes[24] = { 0, 0, 0, 0, (uint8_t)function };
    bytes[8] = 1, bytes[9] = (uint8_t)target, bytes[10] = 0x40, bytes[11] = (uint8_t)lun;
    memcpy(bytes + 16, &id, 8);
    memcpy(host(TASK_AT), bytes, sizeof(bytes));
    ((uint8_t *)host(TASK_AT))[24] = UNTOUCHED;
    ring_desc(&control, 0, TASK_AT, sizeof(bytes), DESC_NEXT, 1);
    ring_desc(&control, 1, TASK_AT + 24, 1, DESC_WRITE, 0);
    ring_offer(&control, 0);
    ring_kick(&control);
}

static unsigned task(unsigned function, unsigned target, unsigned lun, uint64_t id)
{
    uint32_t written;
    offer_task(function, target, lun, id);
    ck_assert(ring_take(&control, NULL, &written));
    ck_assert_uint_eq(written, 1);
    return ((uint8_t *)host(TASK_AT))[24];
}

static void end_attentions(void)
{
    ck_assert_uint_eq(COMMAND(2, 1, 0, 0, 0), OK);
    ck_assert_uint_eq(sense(), 0x062900);
    ck_assert_uint_eq(COMMAND(5, 0, 0, 0, 0), OK);
    ck_assert_uint_eq(sense(), 0x062900);
}

START_TEST(commands)
{
    setup(_i);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG), 2);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 20), 96);
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG + 24), 32);
    start();
    end_attentions();
    memset(host(DATA_AT), 0, 2048);
    ck_assert_uint_eq(COMMAND(2, 1, 0, 1024, 0x28, 0, 0, 0, 0, 4, 0, 0, 2), OK);
    ck_assert_uint_eq(sense(), 0);
    ck_assert_uint_eq(residual(), 0);
    ck_assert_mem_eq(host(DATA_AT), disk.bytes + 4 * 512, 1024);
    ck_assert_uint_eq(COMMAND(5, 0, 0, 2048, 0x28, 0, 0, 0, 0, 4, 0, 0, 1), OK);
    ck_assert_mem_eq(host(DATA_AT), cd.bytes + 4 * 2048, 2048);
    memset(host(DATA_AT), 0x3c, 512);
    ck_assert_uint_eq(COMMAND(2, 1, 512, 0, 0x2a, 0, 0, 0, 0, 8, 0, 0, 1), OK);
    ck_assert_uint_eq(sense(), 0);
    ck_assert_uint_eq(disk.bytes[8 * 512 + 511], 0x3c);
    ck_assert_uint_eq(COMMAND(2, 1, 0, 100, 0x12, 0, 0, 0, 100), OK);
    ck_assert_uint_eq(residual(), 64);
    ck_assert_uint_eq(COMMAND(2, 1, 0, 512, 0x28, 0, 0, 0, 0, 4, 0, 0, 2), OVERRUN);
    ck_assert_uint_eq(COMMAND(2, 1, 512, 0, 0x28, 0, 0, 0, 0, 4, 0, 0, 1), OVERRUN);
    ck_assert_uint_eq(COMMAND(2, 1, 512, 512, 0x28, 0, 0, 0, 0, 4, 0, 0, 1), FAILURE);
    ck_assert_uint_eq(COMMAND(2, 1, 0, 512, 0x28, 0, 0xff, 0, 0, 4, 0, 0, 1), OK);
    ck_assert_uint_eq(sense(), 0x052100);
    ck_assert_uint_eq(residual(), 512);
    guest_destroy(&guest);
}
END_TEST

START_TEST(places)
{
    setup(false);
    start();
    ck_assert_uint_eq(COMMAND(1, 0, 0, 36, 0x12, 0, 0, 0, 36), BAD_TARGET);
    ck_assert_uint_eq(COMMAND(2, 0, 0, 36, 0x12, 0, 0, 0, 36), OK); /* the target is there, the unit is not */
    ck_assert_uint_eq(*(uint8_t *)host(DATA_AT), 0x7f);
    ck_assert_uint_eq(COMMAND(2, 0, 0, 0, 0), OK);
    ck_assert_uint_eq(sense(), 0x052500);
    ck_assert_uint_eq(COMMAND(2, 0, 0, 16, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16), OK);
    ck_assert_mem_eq(host(DATA_AT), "\0\0\0\x08\0\0\0\0\0\1", 10);
    ck_assert_uint_eq(task(UNIT_RESET, 1, 0, 0), BAD_TARGET);
    ck_assert_uint_eq(task(UNIT_RESET, 2, 0, 0), INCORRECT_LUN);
    ck_assert_uint_eq(task(CLEAR_ACA, 2, 1, 0), REJECTED);
    ck_assert_uint_eq(task(99, 2, 1, 0), REJECTED);
    guest_destroy(&guest);
}
END_TEST

START_TEST(task_management)
{
    setup(false);
    start();
    end_attentions();
    ck_assert_uint_eq(task(QUERY_TASK, 2, 1, 7), OK);
    atomic_store(&disk.hold, true);
    offer(0, 2, 1, 7, (const uint8_t[16]){ 0x28, 0, 0, 0, 0, 4, 0, 0, 1 }, 0, 512);
    while (!atomic_load(&disk.waiting))
        usleep(100);
    ck_assert_uint_eq(task(QUERY_TASK, 2, 1, 7), SUCCEEDED);
    ck_assert_uint_eq(task(QUERY_SET, 2, 1, 0), SUCCEEDED);
    ck_assert_uint_eq(task(QUERY_TASK, 2, 1, 8), OK);
    ck_assert_uint_eq(task(ABORT_TASK, 2, 1, 8), OK);
    ck_assert_uint_eq(task(NEXUS_RESET, 5, 0, 0), OK); /* the other target has no command */
    offer_task(ABORT_TASK, 2, 1, 7);
    usleep(20000);
    ck_assert_uint_eq(ring_returned(&control), 0); /* it waits for the host */
    atomic_store(&disk.hold, false);
    ck_assert(ring_take(&control, NULL, NULL));
    ck_assert_uint_eq(ring_returned(&ring), 1);
    ck_assert(ring_take(&ring, NULL, NULL));
    ck_assert_uint_eq(task(UNIT_RESET, 2, 1, 0), OK);
    ck_assert_uint_eq(COMMAND(2, 1, 0, 0, 0), OK);
    ck_assert_uint_eq(sense(), 0x062900);
    guest_destroy(&guest);
}
END_TEST

START_TEST(stopped_machine)
{
    setup(false);
    start();
    end_attentions();
    memset(host(DATA_AT), 0x42, 512);
    atomic_store(&disk.error, -EIO);
    offer(0, 2, 1, 7, (const uint8_t[16]){ 0x2a, 0, 0, 0, 0, 4, 0, 0, 1 }, 512, 0);
    while (!atomic_load(&machine_stopped))
        usleep(1000);
    guest_settle(&guest);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    guest_reload(&guest); /* the request is in the state */
    guest_settle(&guest);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    if (_i) { /* the guest does not want it any more */
        ck_assert_uint_eq(task(ABORT_TASK, 2, 1, 7), OK);
        ck_assert(ring_take(&ring, NULL, NULL));
        ck_assert_uint_eq(response(), ABORTED);
    } else { /* it is tried again */
        atomic_store(&disk.error, 0);
        atomic_store(&machine_stopped, false);
        ck_assert(ring_take(&ring, NULL, NULL));
        ck_assert_uint_eq(response(), OK);
        ck_assert_uint_eq(disk.bytes[4 * 512], 0x42);
    }
    guest_destroy(&guest);
}
END_TEST

static void expect_broken(void)
{
    guest_settle(&guest);
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
    ck_assert_uint_eq(ring_returned(&ring), 0);
    start();
    end_attentions();
}

START_TEST(short_chains)
{
    static const struct {
        uint32_t out, in;
    } lengths[] = { { 50, RESPONSE }, { 51, RESPONSE - 1 }, { 0, RESPONSE }, { 51, 0 }, { 1, 1 } };
    uint32_t written;
    setup(false);
    start();
    for (unsigned n = 0; n < 5; n++) {
        ring_desc(&ring, 0, HEADER_AT, lengths[n].out, DESC_NEXT, 1);
        ring_desc(&ring, 1, RESPONSE_AT, lengths[n].in, DESC_WRITE, 0);
        ring_offer(&ring, 0);
        ring_kick(&ring);
        expect_broken();
    }
    for (unsigned length = 0; length < 24; length++) { /* of control requests */
        memset(host(TASK_AT), 0, 24);
        ring_desc(&control, 0, TASK_AT, length, DESC_NEXT, 1);
        ring_desc(&control, 1, TASK_AT + 24, 1, DESC_WRITE, 0);
        ring_offer(&control, 0);
        ring_kick(&control);
        expect_broken();
    }
    guest_write(&guest, REG_CONFIG + 20, 0xffffffff);
    offer(0, 2, 1, 7, (const uint8_t[16]){ 0 }, 0, 0);
    expect_broken();
    guest_write(&guest, REG_CONFIG + 24, 0x80000000);
    offer(0, 2, 1, 7, (const uint8_t[16]){ 0 }, 0, 0);
    expect_broken();
    guest_write(&guest, REG_CONFIG + 20, 4); /* less than there is to tell */
    offer(0, 2, 1, 7, (const uint8_t[16]){ 0xf0 }, 0, 0);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, 12 + 4);
    ck_assert_uint_eq(*(uint32_t *)host(RESPONSE_AT), 4);
    guest_write(&guest, REG_CONFIG, 77); /* cannot be written */
    ck_assert_uint_eq(guest_read(&guest, REG_CONFIG), 2);
    guest_destroy(&guest);
}
END_TEST

START_TEST(asynchronous_events)
{
    uint32_t written;
    setup(false);
    start();
    memset(host(TASK_AT), 0xff, 32);
    *(uint32_t *)host(TASK_AT) = 2;
    ring_desc(&control, 0, TASK_AT, 16, DESC_NEXT, 1);
    ring_desc(&control, 1, TASK_AT + 16, 5, DESC_WRITE, 0);
    ring_offer(&control, 0);
    ring_kick(&control);
    ck_assert(ring_take(&control, NULL, &written));
    ck_assert_uint_eq(written, 5);
    ck_assert_mem_eq((uint8_t *)host(TASK_AT) + 16, "\0\0\0\0\0\xff", 6);
    guest_destroy(&guest);
}
END_TEST

/* ---- Units that come and go ---------------------------------------------------------------------------- */

#define EVENT_RING_AT (GUEST_RAM_BASE + 0x1c000)
#define EVENTS_AT     (GUEST_RAM_BASE + 0x1e000)

static struct memory_disk late;
static struct scsi_unit *late_unit;

static bool attach(unsigned target, unsigned lun)
{
    static struct device_settings settings;
    struct block_on_error on_error = { .failed = failed, .stopped = stopped };
    struct error error;
    settings = (struct device_settings){ .target = target + 1, .lun = lun + 1 };
    struct device_unit plug = { &scsi_hd_model, &settings, &late.blockdev, "late", &on_error, &late_unit };
    return virtio_scsi_attach(guest.vdev, &plug, &error);
}

static void offer_event(struct ring *events, unsigned number, unsigned size)
{
    memset(host(EVENTS_AT + 32 * number), UNTOUCHED, 32);
    ring_desc(events, number, EVENTS_AT + 32 * number, size, DESC_WRITE, 0);
    ring_offer(events, number);
    ring_kick(events);
}

static void expect_event(struct ring *events, const char bytes[16])
{
    uint32_t head, written;
    ck_assert(ring_take(events, &head, &written));
    ck_assert_uint_eq(written, 16);
    ck_assert_mem_eq(host(EVENTS_AT + 32 * head), bytes, 16);
}

static void start_with_events(struct ring *events)
{
    memory_disk_init(&late, 3);
    guest_negotiate(&guest, 1 << 1);
    guest_ring(&guest, &control, 0, 16, CONTROL_AT);
    guest_ring(&guest, events, 1, 16, EVENT_RING_AT);
    guest_ring(&guest, &ring, 2, 16, RING_AT);
    guest_driver_ok(&guest);
}

START_TEST(hot_plug)
{
    struct ring events;
    setup(false);
    start_with_events(&events);
    end_attentions();
    offer_event(&events, 0, 16);
    offer_event(&events, 1, 20);
    ck_assert_uint_eq(ring_returned(&events), 0);
    ck_assert_uint_eq(COMMAND(7, 0, 0, 36, 0x12, 0, 0, 0, 36), BAD_TARGET);
    ck_assert(attach(7, 0));
    expect_event(&events, "\1\0\0\0\1\7\0\0\0\0\0\0\1\0\0\0");
    ck_assert(!attach(7, 0)); /* the place is taken */
    ck_assert_uint_eq(COMMAND(7, 0, 0, 0, 0), OK);
    ck_assert_uint_eq(sense(), 0x062900);
    ck_assert_uint_eq(COMMAND(7, 0, 0, 512, 0x28, 0, 0, 0, 0, 4, 0, 0, 1), OK);
    ck_assert_mem_eq(host(DATA_AT), late.bytes + 4 * 512, 512);
    virtio_scsi_detach(guest.vdev, late_unit);
    expect_event(&events, "\1\0\0\0\1\7\0\0\0\0\0\0\2\0\0\0");
    ck_assert_uint_eq(COMMAND(7, 0, 0, 36, 0x12, 0, 0, 0, 36), BAD_TARGET);
    /* Without a buffer the event waits; a number from 256 on has the bits of a flat space. */
    ck_assert(attach(2, 300));
    ck_assert_uint_eq(COMMAND(2, 1, 0, 32, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 32), OK);
    ck_assert_mem_eq(host(DATA_AT), "\0\0\0\x10\0\0\0\0\0\1\0\0\0\0\0\0\x41\x2c", 18);
    ck_assert_uint_eq(ring_returned(&events), 0);
    offer_event(&events, 2, 16);
    expect_event(&events, "\1\0\0\0\1\2\x41\x2c\0\0\0\0\1\0\0\0");
    virtio_scsi_detach(guest.vdev, late_unit);
    for (unsigned n = 0; n < 40; n++) { /* more than may wait */
        ck_assert(attach(9, n));
        virtio_scsi_detach(guest.vdev, late_unit);
    }
    offer_event(&events, 3, 16);
    expect_event(&events, "\1\0\0\x80\1\2\x41\x2c\0\0\0\0\2\0\0\0");
    guest_reload(&guest); /* what waits is not saved, but that something did */
    offer_event(&events, 4, 16);
    expect_event(&events, "\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\0");
    offer_event(&events, 5, 16);
    ck_assert_uint_eq(ring_returned(&events), 0);
    guest_destroy(&guest);
}
END_TEST

/* A buffer that is too short, and a driver that knows no events. */
START_TEST(hostile_events)
{
    struct ring events;
    setup(false);
    start_with_events(&events);
    offer_event(&events, 0, 15);
    ck_assert(attach(7, 0));
    ck_assert(guest.vdev->broken);
    virtio_scsi_detach(guest.vdev, late_unit);
    start();
    ck_assert(attach(7, 0));
    ck_assert_uint_eq(COMMAND(7, 0, 0, 0, 0), OK);
    start_with_events(&events);
    offer_event(&events, 0, 16);
    ck_assert_uint_eq(ring_returned(&events), 0);
    guest_destroy(&guest);
}
END_TEST

START_TEST(hostile_state)
{
    struct state_writer writer;
    unsigned seed = 3;
    setup(false);
    start();
    state_writer_init(&writer);
    guest.slot->ops->save(guest.slot, &writer);
    for (unsigned n = 0; n < 2000; n++) {
        uint8_t *copy = malloc(writer.length);
        struct error error;
        struct state_reader reader;
        memcpy(copy, writer.bytes, writer.length);
        for (unsigned k = 0; k < 4; k++)
            copy[(size_t)rand_r(&seed) % writer.length] = (uint8_t)rand_r(&seed);
        state_reader_init(&reader, copy, writer.length, &error);
        guest.slot->ops->load(guest.slot, &reader);
        free(copy);
    }
    state_writer_destroy(&writer);
    start();
    end_attentions();
    guest_destroy(&guest);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio_scsi");
    TCase *tests = tcase_create("virtio_scsi");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, commands, 0, 2);
    tcase_add_test(tests, places);
    tcase_add_test(tests, task_management);
    tcase_add_loop_test(tests, stopped_machine, 0, 2);
    tcase_add_test(tests, short_chains);
    tcase_add_test(tests, asynchronous_events);
    tcase_add_test(tests, hot_plug);
    tcase_add_test(tests, hostile_events);
    tcase_add_test(tests, hostile_state);
    suite_add_tcase(suite, tests);
    return suite;
}
