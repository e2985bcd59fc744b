/* SPDX-License-Identifier: MIT
 *
 * The memory balloon through its registers: pages that are put into it and taken out, free pages that are
 * reported, statistics, its size, saved state; and drivers that say anything about pages that are not there.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/balloon.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define RING_AT(n) (GUEST_RAM_BASE + 0x10000 + 0x4000 * (n))
#define DATA_AT    (GUEST_RAM_BASE + 0x30000)
#define FIRST_PAGE ((uint32_t)(GUEST_RAM_BASE >> 12))
#define PAGES      ((uint32_t)(GUEST_RAM_SIZE >> 12))

enum { INFLATE, DEFLATE, STATS, REPORTS_OLD, REPORTS };
enum { F_STATS = 2, F_OOM = 4, F_POISON = 16, F_REPORTING = 32 };
enum { TARGET = REG_CONFIG, ACTUAL = REG_CONFIG + 4, POISON = REG_CONFIG + 12 };

static struct guest guest;
static struct ring rings[5];
static uint32_t changed_to;
static unsigned changes;

static void changed(void *opaque, uint32_t pages)
{
    ck_assert_ptr_eq(opaque, &guest);
    changed_to = pages;
    changes++;
}

static void start(bool legacy, bool reports, uint64_t features)
{
    struct error error = { "" };
    struct virtio_balloon_config config = { true, reports, changed, &guest };
    struct virtio_device *vdev = virtio_balloon_create(&config, &error);
    ck_assert_msg(vdev != NULL, "%s", error.text);
    changes = 0;
    guest_init(&guest, legacy);
    guest_plug(&guest, vdev);
    memset(guest.ram, 0x5a, GUEST_RAM_SIZE);
    guest_negotiate(&guest, features);
    for (unsigned n = 0; n < (reports ? 5 : 3); n++)
        guest_ring(&guest, &rings[n], n, 16, RING_AT(n));
    guest_driver_ok(&guest);
}

static bool is_gone(uint32_t page)
{
    const uint8_t *bytes = guest_host(&guest, (uint64_t)page << 12);
    bool gone = !bytes[0];
    for (unsigned n = 0; n < 4096; n++)
        ck_assert_uint_eq(bytes[n], gone ? 0 : 0x5a);
    return gone;
}

/* Gives the numbers of pages to a queue, and waits for the answer. */
static void send_pages(unsigned queue, const uint32_t *numbers, uint32_t bytes)
{
    memcpy(guest_host(&guest, DATA_AT), numbers, bytes);
    ring_desc(&rings[queue], 0, DATA_AT, bytes, 0, 0);
    ring_offer(&rings[queue], 0);
    ring_kick(&rings[queue]);
    ck_assert(ring_take(&rings[queue], NULL, NULL));
}

START_TEST(identity)
{
    start(_i, false, F_STATS);
    ck_assert_uint_eq(guest_read(&guest, REG_DEVICE_ID), 5);
    guest_write(&guest, REG_FEATURES_SEL, 0);
    ck_assert_uint_eq(guest_read(&guest, REG_FEATURES) & 0xffffff, F_STATS | F_OOM | F_POISON);
    guest_write(&guest, REG_QUEUE_SEL, 2);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 128);
    guest_write(&guest, REG_QUEUE_SEL, 3);
    ck_assert_uint_eq(guest_read(&guest, REG_QUEUE_NUM_MAX), 0);
    guest_destroy(&guest);
}
END_TEST

START_TEST(inflate)
{
    static const uint32_t pages[] = { 0x80, 0x81, 0x82, 0x90, 0x8f, 0x8e, 0xa0, 0xa0, 0xc0, 0xff };
    static const uint32_t kept[] = { 0x7f, 0x83, 0x8d, 0x91, 0x9f, 0xa1, 0xbf, 0xc1, 0xfe };
    uint32_t numbers[10];
    start(_i, false, F_STATS);
    for (unsigned n = 0; n < 10; n++)
        numbers[n] = FIRST_PAGE + pages[n];
    send_pages(INFLATE, numbers, sizeof(numbers));
    for (unsigned n = 0; n < 10; n++)
        ck_assert_msg(is_gone(FIRST_PAGE + pages[n]), "page %x stays", pages[n]);
    for (unsigned n = 0; n < 9; n++)
        ck_assert_msg(!is_gone(FIRST_PAGE + kept[n]), "page %x is gone", kept[n]);
    /* What is taken out is only answered. */
    unsigned before = guest.discarded;
    send_pages(DEFLATE, numbers, sizeof(numbers));
    ck_assert_uint_eq(guest.discarded, before);
    guest_destroy(&guest);
}
END_TEST

/* Numbers that are no page of RAM are passed over, and half a number, too. */
START_TEST(hostile_pages)
{
    const uint32_t numbers[] = { 0,          FIRST_PAGE - 1, FIRST_PAGE + PAGES, UINT32_MAX,
                                 UINT32_MAX, 0x80000000,     FIRST_PAGE + 0x80,  FIRST_PAGE + 0x90 };
    start(false, false, F_STATS);
    send_pages(INFLATE, numbers, sizeof(numbers) - 1);
    ck_assert_uint_eq(guest.discarded, 1);
    ck_assert(is_gone(FIRST_PAGE + 0x80) && !is_gone(FIRST_PAGE + 0x90));
    /* A buffer with nothing to read, and one with all of RAM, over and over. */
    ring_desc(&rings[INFLATE], 0, DATA_AT, 64, DESC_WRITE, 0);
    ring_offer(&rings[INFLATE], 0);
    ring_kick(&rings[INFLATE]);
    ck_assert(ring_take(&rings[INFLATE], NULL, NULL));
    for (unsigned n = 0; n < 8; n++)
        ring_desc(&rings[INFLATE], n, GUEST_RAM_BASE + 0x40000, 0xc0000, n < 7 ? DESC_NEXT : 0, n + 1);
    ring_offer(&rings[INFLATE], 0);
    ring_kick(&rings[INFLATE]);
    ck_assert(ring_take(&rings[INFLATE], NULL, NULL));
    ck_assert_uint_eq(guest_read(&guest, REG_STATUS) & VIRTIO_NEEDS_RESET, 0);
    guest_destroy(&guest);
}
END_TEST

static void report(unsigned queue, uint64_t paddr, uint32_t length, unsigned flags)
{
    ring_desc(&rings[queue], 0, paddr, length, flags, 0);
    ring_offer(&rings[queue], 0);
    ring_kick(&rings[queue]);
    ck_assert(ring_take(&rings[queue], NULL, NULL));
}

START_TEST(free_pages)
{
    unsigned queue = _i ? REPORTS : REPORTS_OLD;
    start(false, true, F_STATS | F_REPORTING);
    report(queue, GUEST_RAM_BASE + 0x80000, 0x4000, DESC_WRITE);
    for (unsigned n = 0x7f; n <= 0x84; n++)
        ck_assert(is_gone(FIRST_PAGE + n) == (n >= 0x80 && n < 0x84));
    /* Only whole pages go. */
    report(queue, GUEST_RAM_BASE + 0x90001, 0x2ffe, DESC_WRITE);
    ck_assert(!is_gone(FIRST_PAGE + 0x90) && is_gone(FIRST_PAGE + 0x91) && !is_gone(FIRST_PAGE + 0x92));
    unsigned before = guest.discarded;
    report(queue, GUEST_RAM_BASE + 0xa0001, 0xffe, DESC_WRITE);
    report(queue, GUEST_RAM_BASE + 0xa0000, 0x1000, 0); /* not for the device to write */
    ck_assert_uint_eq(guest.discarded, before);
    guest_destroy(&guest);
}
END_TEST

START_TEST(poison)
{
    start(false, true, F_REPORTING | F_POISON);
    guest_write(&guest, POISON, 0xaaaaaaaa);
    report(REPORTS, GUEST_RAM_BASE + 0x80000, 0x4000, DESC_WRITE);
    ck_assert_uint_eq(guest.discarded, 0);
    guest_write(&guest, POISON, 0);
    report(REPORTS, GUEST_RAM_BASE + 0x80000, 0x4000, DESC_WRITE);
    ck_assert_uint_eq(guest.discarded, 4);
    guest_destroy(&guest);
}
END_TEST

START_TEST(size)
{
    start(_i, false, F_STATS);
    unsigned interrupts = guest.irq_count;
    virtio_balloon_set_target(guest.vdev, 100);
    ck_assert_uint_eq(guest_read(&guest, TARGET), 100);
    ck_assert_uint_gt(guest.irq_count, interrupts);
    ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT) & 2, 2);
    guest_write(&guest, ACTUAL, 60);
    ck_assert_uint_eq(changed_to, 60);
    guest_write(&guest, ACTUAL, 60);
    ck_assert_uint_eq(changes, 1);
    guest_write(&guest, TARGET, 5); /* not the guest's */
    guest_write(&guest, REG_CONFIG + 8, 5);
    struct virtio_balloon_view view = virtio_balloon_look(guest.vdev);
    ck_assert_uint_eq(view.target, 100);
    ck_assert_uint_eq(view.actual, 60);
    guest_reload(&guest);
    view = virtio_balloon_look(guest.vdev);
    ck_assert_uint_eq(view.target, 100);
    ck_assert_uint_eq(view.actual, 60);
    /* After a reset the guest has all of its pages. */
    guest_write(&guest, REG_STATUS, 0);
    ck_assert_uint_eq(changed_to, 0);
    ck_assert_uint_eq(guest_read(&guest, TARGET), 100);
    ck_assert_uint_eq(guest_read(&guest, ACTUAL), 0);
    guest_destroy(&guest);
}
END_TEST

static void offer_stats(unsigned desc, const void *bytes, uint32_t length)
{
    uint64_t at = DATA_AT + 0x1000 * desc;
    memcpy(guest_host(&guest, at), bytes, length);
    ring_desc(&rings[STATS], desc, at, length, 0, 0);
    ring_offer(&rings[STATS], desc);
    ring_kick(&rings[STATS]);
}

START_TEST(statistics)
{
    static const uint8_t first[] = { 4,   0,   0,   0,   1,   0,   0,   0,   0,   0,   /* free: 0x10000 */
                                     5,   0,   0,   0,   0,   2,   0,   0,   0,   0,   /* total: 0x2000000 */
                                     3,   0,   255, 255, 255, 255, 255, 255, 255, 255, /* not known */
                                     16,  0,   1,   1,   1,   1,   1,   1,   1,   1,
                                     255, 255, 1,   1,   1,   1,   1,   1,   1,   1 };
    static const uint8_t second[] = { 15, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 7 };
    uint32_t head;
    start(_i, false, F_STATS);
    ck_assert(!virtio_balloon_ask(guest.vdev));
    offer_stats(0, first, sizeof(first));
    struct virtio_balloon_view view = virtio_balloon_look(guest.vdev);
    ck_assert_uint_eq(view.known, 1u << 4 | 1u << 5);
    ck_assert_uint_eq(view.stats[4], 0x10000);
    ck_assert_uint_eq(view.stats[5], 0x2000000);
    ck_assert_uint_eq(ring_returned(&rings[STATS]), 0);
    guest_reload(&guest); /* the buffer is still the device's */
    ck_assert(virtio_balloon_ask(guest.vdev));
    ck_assert(ring_take(&rings[STATS], &head, NULL));
    ck_assert_uint_eq(head, 0);
    ck_assert(!virtio_balloon_ask(guest.vdev));
    offer_stats(1, second, sizeof(second));
    view = virtio_balloon_look(guest.vdev);
    ck_assert_uint_eq(view.known, 1u << 15);
    ck_assert_uint_eq(view.stats[15], 9);
    /* More buffers than one: the older ones come back. */
    offer_stats(2, first, 0);
    offer_stats(3, first, 10);
    for (unsigned n = 1; n <= 2; n++) {
        ck_assert(ring_take(&rings[STATS], &head, NULL));
        ck_assert_uint_eq(head, n);
    }
    ck_assert_uint_eq(ring_returned(&rings[STATS]), 0);
    ck_assert_uint_eq(virtio_balloon_look(guest.vdev).known, 1u << 4);
    for (unsigned n = 0; n < VIRTIO_BALLOON_STATS; n++)
        ck_assert(strncmp(virtio_balloon_stat_name(n), "stat-", 5) == 0);
    guest_destroy(&guest);
}
END_TEST

/* A driver that resets the device while its worker gives pages back. */
START_TEST(resets)
{
    start(false, false, F_STATS);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned n = 0; n < 8; n++)
            ring_desc(&rings[INFLATE], n, GUEST_RAM_BASE + 0x40000, 0xc0000, n < 7 ? DESC_NEXT : 0, n + 1);
        ring_offer(&rings[INFLATE], 0);
        ring_kick(&rings[INFLATE]);
        guest_negotiate(&guest, F_STATS);
        guest_ring(&guest, &rings[INFLATE], INFLATE, 16, RING_AT(INFLATE));
        guest_driver_ok(&guest);
    }
    guest_destroy(&guest);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("virtio_balloon");
    TCase *tcase = tcase_create("virtio_balloon");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, identity, 0, 2);
    tcase_add_loop_test(tcase, inflate, 0, 2);
    tcase_add_test(tcase, hostile_pages);
    tcase_add_loop_test(tcase, free_pages, 0, 2);
    tcase_add_test(tcase, poison);
    tcase_add_loop_test(tcase, size, 0, 2);
    tcase_add_loop_test(tcase, statistics, 0, 2);
    tcase_add_test(tcase, resets);
    suite_add_tcase(suite, tcase);
    return suite;
}
