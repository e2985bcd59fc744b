/* SPDX-License-Identifier: MIT
 *
 * Virtqueues with a driver that breaks the rules. The test uses the block device, since its requests have
 * headers, data in both directions and a worker. Each bad chain makes a 1.x device set DEVICE_NEEDS_RESET
 * with a configuration interrupt, and a legacy device ignore the queue; a reset makes either work again. Then
 * event index, indirect tables, and thousands of random rings (RVIVE_SEED repeats a run).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devices/virtio/blk.h"
#include "tests/devices/virtio/guest.h"
#include "tests/suite.h"

#define RING_AT   (GUEST_RAM_BASE + 0x10000)
#define HEADER_AT (GUEST_RAM_BASE + 0x20000)
#define DATA_AT   (GUEST_RAM_BASE + 0x21000)
#define STATUS_AT (GUEST_RAM_BASE + 0x20800)
#define TABLE_AT  (GUEST_RAM_BASE + 0x30000)
#define DISK      (64 * 512u)
#define INDIRECT  (1ull << VIRTIO_F_INDIRECT_DESC)
#define EVENT_IDX (1ull << VIRTIO_F_EVENT_IDX)

static struct guest guest;
static struct ring ring;
static struct blockdev *disk;

static void setup(bool legacy)
{
    char path[] = "/tmp/rvive-virtqueue-XXXXXX";
    struct error error;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, DISK), 0);
    struct blockdev_config config = { .path = path, .format = "raw" };
    disk = blockdev_open(&config, &error);
    ck_assert_msg(disk, "%s", error.text);
    unlink(path);
    close(fd);
    struct virtio_blk_config blk = { .blockdev = disk, .queue_size = 16 };
    guest_init(&guest, legacy);
    struct virtio_device *vdev = virtio_blk_create(&blk, &error);
    ck_assert_msg(vdev, "%s", error.text);
    guest_plug(&guest, vdev);
}

static void teardown(void)
{
    guest_destroy(&guest);
    blockdev_destroy(disk);
}

/* A fresh device and ring. */
static void start(uint64_t features)
{
    guest_negotiate(&guest, features);
    guest_ring(&guest, &ring, 0, 8, RING_AT);
    guest_driver_ok(&guest);
    guest_write(&guest, REG_ACK, ~0u);
}

/* Puts a read of sector 0 into descriptors 0, 1, 2 of `table` (a host pointer). */
static void read_request(struct guest_desc *table, uint32_t bytes)
{
    const uint8_t header[16] = { 0 };
    memcpy(guest_host(&guest, HEADER_AT), header, sizeof(header));
    *(uint8_t *)guest_host(&guest, STATUS_AT) = 0xee;
    table[0] = (struct guest_desc){ HEADER_AT, 16, DESC_NEXT, 1 };
    table[1] = (struct guest_desc){ DATA_AT, bytes, DESC_NEXT | DESC_WRITE, 2 };
    table[2] = (struct guest_desc){ STATUS_AT, 1, DESC_WRITE, 0 };
}

static struct guest_desc *descs(void)
{
    return guest_host(&guest, ring.desc);
}

static void run(unsigned head)
{
    ring_offer(&ring, head);
    ring_kick(&ring);
    guest_settle(&guest);
}

static void expect_works(uint64_t features)
{
    start(features);
    read_request(descs(), 512);
    run(0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), 0);
}

/* Expects that the device refuses the request in the ring; after a reset the device works again. */
static void expect_refused(unsigned head, const char *what)
{
    unsigned interrupts = atomic_load(&guest.irq_count);
    run(head);
    ck_assert_msg(!ring_returned(&ring), "%s: completed", what);
    uint32_t status = guest_read(&guest, REG_STATUS);
    if (guest.legacy) {
        ck_assert_msg(!(status & VIRTIO_NEEDS_RESET), "%s: legacy status %x", what, status);
        ck_assert_uint_eq(atomic_load(&guest.irq_count), interrupts);
    } else {
        ck_assert_msg(status & VIRTIO_NEEDS_RESET, "%s: status %x", what, status);
        ck_assert_msg(guest_read(&guest, REG_INTERRUPT) & 2, "%s: no configuration interrupt", what);
    }
    /* Until then it takes nothing, not even a good request. */
    read_request(descs(), 512);
    run(0);
    ck_assert_msg(!ring_returned(&ring), "%s: goes on after the fault", what);
    expect_works(0);
}

struct bad_chain {
    const char *what;
    unsigned head;
    struct guest_desc descs[4];
};

#define H                                                                                                    \
    {                                                                                                        \
        HEADER_AT, 16, DESC_NEXT, 1                                                                          \
    }
#define NW (DESC_NEXT | DESC_WRITE)

static const struct bad_chain bad_chains[] = {
    { "head beyond the table", 8, { { 0 } } },
    { "head far beyond the table", 0xffff, { { 0 } } },
    { "loop of one", 0, { { HEADER_AT, 16, DESC_NEXT, 0 } } },
    { "loop of two", 0, { H, { HEADER_AT, 16, DESC_NEXT, 0 } } },
    { "loop of empty ones", 0, { { HEADER_AT, 0, DESC_NEXT, 1 }, { HEADER_AT, 0, DESC_NEXT, 0 } } },
    { "loop of writable ones", 0, { H, { DATA_AT, 16, NW, 1 } } },
    { "next beyond the table", 0, { { HEADER_AT, 16, DESC_NEXT, 8 } } },
    { "next far beyond the table", 0, { { HEADER_AT, 16, DESC_NEXT, 0xffff } } },
    { "buffer below RAM", 0, { H, { GUEST_RAM_BASE - 1, 2, NW, 2 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "buffer at 0", 0, { H, { 0, 512, NW, 2 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "buffer beyond RAM",
      0,
      { H, { GUEST_RAM_BASE + GUEST_RAM_SIZE - 511, 512, NW, 2 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "buffer that wraps", 0, { H, { ~0ull - 10, 512, NW, 2 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "buffer of 4 GiB", 0, { H, { GUEST_RAM_BASE, 0xffffffff, NW, 2 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "header not RAM", 0, { { 0x1000, 16, DESC_NEXT, 1 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "readable after writable", 0, { { STATUS_AT, 1, NW, 1 }, { HEADER_AT, 16, 0, 0 } } },
    { "empty readable after writable", 0, { H, { STATUS_AT, 1, NW, 2 }, { HEADER_AT, 0, 0, 0 } } },
    { "status not RAM", 0, { H, { 0x1000, 1, DESC_WRITE, 0 } } },
    { "no status", 0, { { HEADER_AT, 16, 0, 0 } } },
    { "no header", 0, { { STATUS_AT, 16, DESC_WRITE, 0 } } },
    { "short header", 0, { { HEADER_AT, 15, DESC_NEXT, 1 }, { STATUS_AT, 1, DESC_WRITE, 0 } } },
    { "nothing but empty ones", 0, { { HEADER_AT, 0, DESC_NEXT, 1 }, { STATUS_AT, 0, DESC_WRITE, 0 } } },
    { "empty status", 0, { H, { STATUS_AT, 0, DESC_WRITE, 0 } } },
    { "indirect, not negotiated", 0, { { TABLE_AT, 48, DESC_INDIRECT, 0 } } },
};

START_TEST(bad_chain_is_refused)
{
    setup(_i & 1);
    const struct bad_chain *bad = &bad_chains[_i / 2];
    expect_works(0);
    start(0);
    read_request(guest_host(&guest, TABLE_AT), 512);
    memcpy(descs(), bad->descs, sizeof(bad->descs));
    expect_refused(bad->head, bad->what);
    teardown();
}
END_TEST

START_TEST(bad_available_index)
{
    setup(_i);
    for (unsigned ahead = 9; ahead < 0x10000; ahead += 4099) {
        start(0);
        read_request(descs(), 512);
        ring.avail_idx = (uint16_t)(ahead - 1);
        expect_refused(0, "available index");
    }
    teardown();
}
END_TEST

/* Zero-length buffers between others are skipped. */
START_TEST(empty_buffers_are_skipped)
{
    setup(_i);
    start(0);
    struct guest_desc *table = descs();
    read_request(table, 512);
    table[0].next = 3;
    table[3] = (struct guest_desc){ 0, 0, DESC_NEXT, 1 };
    table[1].next = 4;
    table[4] = (struct guest_desc){ ~0ull, 0, NW, 2 };
    run(0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), 0);
    teardown();
}
END_TEST

START_TEST(chain_as_long_as_the_queue)
{
    setup(_i);
    start(0);
    uint32_t written;
    read_request(descs(), 512);
    for (unsigned n = 1; n < 7; n++)
        ring_desc(&ring, n, DATA_AT + 0x1000 * n, n < 6 ? 100 : 12, NW, n + 1);
    ring_desc(&ring, 7, STATUS_AT, 1, DESC_WRITE, 0);
    run(0);
    ck_assert(ring_take(&ring, NULL, &written));
    ck_assert_uint_eq(written, 513);
    ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), 0);
    teardown();
}
END_TEST

static void indirect(uint64_t table, uint32_t bytes, unsigned flags)
{
    start(INDIRECT);
    ring_desc(&ring, 0, table, bytes, DESC_INDIRECT | flags, 1);
}

START_TEST(indirect_tables)
{
    setup(_i);
    for (unsigned misaligned = 0; misaligned < 16; misaligned += 5) {
        struct guest_desc table[3];
        indirect(TABLE_AT + misaligned, 48, misaligned ? DESC_WRITE : 0); /* the flag is ignored */
        read_request(table, 512);
        memcpy(guest_host(&guest, TABLE_AT + misaligned), table, sizeof(table));
        run(0);
        ck_assert_uint_eq(ring_returned(&ring), 1);
        ck_assert_uint_eq(*(uint8_t *)guest_host(&guest, STATUS_AT), 0);
    }
    /* Direct descriptors first, then a table. */
    start(INDIRECT);
    struct guest_desc table[3];
    read_request(table, 512);
    memcpy(guest_host(&guest, TABLE_AT), table, sizeof(table));
    ring_desc(&ring, 0, HEADER_AT, 16, DESC_NEXT, 5);
    ring_desc(&ring, 5, TABLE_AT + 16, 32, DESC_INDIRECT, 0);
    ((struct guest_desc *)guest_host(&guest, TABLE_AT))[1].next = 1;
    run(0);
    ck_assert_uint_eq(ring_returned(&ring), 1);
    teardown();
}
END_TEST

START_TEST(bad_indirect_tables)
{
    struct guest_desc *table;
    setup(_i);
    indirect(TABLE_AT, 0, 0);
    expect_refused(0, "table of 0 bytes");
    indirect(TABLE_AT, 47, 0);
    read_request(guest_host(&guest, TABLE_AT), 512);
    expect_refused(0, "table of 47 bytes");
    indirect(TABLE_AT, 32, 0);
    read_request(guest_host(&guest, TABLE_AT), 512);
    expect_refused(0, "table that is too short for its chain");
    indirect(0x1000, 48, 0);
    expect_refused(0, "table that is not RAM");
    indirect(GUEST_RAM_BASE + GUEST_RAM_SIZE - 32, 48, 0);
    expect_refused(0, "table that leaves RAM");
    indirect(TABLE_AT, 0xfffffff0, 0);
    expect_refused(0, "table of 4 GiB");
    indirect(TABLE_AT, 48, DESC_NEXT);
    read_request(guest_host(&guest, TABLE_AT), 512);
    expect_refused(0, "table and next");
    indirect(TABLE_AT, 48, 0);
    table = guest_host(&guest, TABLE_AT);
    read_request(table, 512);
    table[0] = (struct guest_desc){ TABLE_AT, 48, DESC_INDIRECT, 0 };
    expect_refused(0, "table in a table");
    indirect(TABLE_AT, 48, 0);
    read_request(table, 512);
    table[1].next = 1;
    expect_refused(0, "loop in a table");
    indirect(TABLE_AT, 17 * 16, 0);
    for (unsigned n = 0; n < 17; n++)
        table[n] = (struct guest_desc){ n ? DATA_AT : HEADER_AT, 16, n ? NW : DESC_NEXT, (uint16_t)(n + 1) };
    table[16].flags = DESC_WRITE;
    expect_refused(0, "table chain longer than the device's queue");
    teardown();
}
END_TEST

/* There is an interrupt only when used_idx passes used_event; avail_event says where the device waits. */
START_TEST(event_index)
{
    setup(_i);
    start(EVENT_IDX);
    uint16_t *used_event = guest_host(&guest, ring.avail + 4 + 2 * ring.size);
    uint16_t *avail_event = guest_host(&guest, ring.used + 4 + 8 * ring.size);
    unsigned first = 0;
    for (unsigned n = 0; n < 90; n++) {
        __atomic_store_n(used_event, (uint16_t)(n / 3 * 3 + 2), __ATOMIC_RELEASE);
        unsigned before = atomic_load(&guest.irq_count);
        read_request(descs(), 512);
        run(0);
        ck_assert(ring_take(&ring, NULL, NULL));
        unsigned raised = atomic_load(&guest.irq_count) - before;
        if (n == 0)
            first = raised; /* the first one may be spurious: nothing was signalled before */
        else
            ck_assert_uint_eq(raised, n % 3 == 2);
        ck_assert_uint_eq(__atomic_load_n(avail_event, __ATOMIC_ACQUIRE), (uint16_t)(n + 1));
    }
    ck_assert_uint_le(first, 1);
    teardown();
}
END_TEST

START_TEST(no_interrupt_flag)
{
    setup(_i);
    start(0);
    *(uint16_t *)guest_host(&guest, ring.avail) = 1;
    unsigned before = atomic_load(&guest.irq_count);
    read_request(descs(), 512);
    run(0);
    ck_assert(ring_take(&ring, NULL, NULL));
    ck_assert_uint_eq(atomic_load(&guest.irq_count), before);
    *(uint16_t *)guest_host(&guest, ring.avail) = 0;
    run(0);
    ck_assert(ring_take(&ring, NULL, NULL));
    ck_assert_uint_eq(atomic_load(&guest.irq_count), before + 1);
    teardown();
}
END_TEST

/* Both indices wrap at 65536. */
START_TEST(indices_wrap)
{
    setup(_i);
    start(0);
    for (unsigned n = 0; n < 66000; n += 8) {
        for (unsigned k = 0; k < 8; k++) {
            read_request(descs(), 512);
            ring_offer(&ring, 0);
        }
        ring_kick(&ring);
        for (unsigned k = 0; k < 8; k++)
            ck_assert(ring_take(&ring, NULL, NULL));
    }
    ck_assert_uint_eq(guest.vdev->queues[0].used_idx, ring.avail_idx);
    teardown();
}
END_TEST

/* Resets while requests are under way: nothing completes afterwards, and the device works. */
START_TEST(reset_under_load)
{
    setup(_i);
    for (unsigned n = 0; n < 300; n++) {
        start(0);
        read_request(descs(), 512);
        for (unsigned k = 0; k < 8; k++)
            ring_offer(&ring, 0);
        ring_kick(&ring);
        guest_write(&guest, REG_STATUS, 0);
        uint16_t *used = guest_host(&guest, ring.used);
        uint16_t then = __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);
        ck_assert_uint_eq(guest_read(&guest, REG_STATUS), 0);
        ck_assert_uint_eq(guest_read(&guest, REG_INTERRUPT), 0);
        guest_settle(&guest);
        ck_assert_uint_eq(__atomic_load_n(&used[1], __ATOMIC_ACQUIRE), then);
        ck_assert(!atomic_load(&guest.irq));
    }
    expect_works(0);
    teardown();
}
END_TEST

static uint64_t random_state;

static uint64_t random64(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned limit)
{
    return (unsigned)(random64() >> 33) % limit;
}

static uint64_t random_paddr(void)
{
    switch (below(8)) {
    case 0: return random64();
    case 1: return GUEST_RAM_BASE + GUEST_RAM_SIZE - below(1024);
    case 2: return GUEST_RAM_BASE - below(64);
    case 3: return RING_AT + below(0x3000); /* the rings themselves */
    case 4: return TABLE_AT + 16 * below(16);
    case 5: return HEADER_AT;
    default: return GUEST_RAM_BASE + below((unsigned)GUEST_RAM_SIZE);
    }
}

static struct guest_desc random_desc(unsigned size)
{
    static const uint32_t lengths[] = {
        0, 1, 15, 16, 17, 32, 48, 128, 511, 512, 513, 1024, 4096, 0xffffffff
    };
    struct guest_desc desc;
    desc.paddr = random_paddr();
    desc.length = below(16) ? lengths[below(14)] : (uint32_t)random64();
    desc.flags = (uint16_t)(below(16) ? below(8) & ~(below(3) ? DESC_INDIRECT : 0) : random64());
    desc.next = (uint16_t)(below(16) ? below(size) : random64());
    return desc;
}

/* One hostile ring. Often it has a good request with one thing wrong, since random bytes alone stop at the
 * first check. */
static void random_round(void)
{
    start((below(2) ? INDIRECT : 0) | (below(2) ? EVENT_IDX : 0));
    uint32_t header[4] = { below(4) ? below(15) : (uint32_t)random64(), 0, below(70), below(8) ? 0 : ~0u };
    struct guest_desc *table = below(2) ? descs() : guest_host(&guest, TABLE_AT);
    for (unsigned n = 0; n < 8; n++)
        descs()[n] = random_desc(8);
    for (unsigned n = 0; n < 16; n++)
        ((struct guest_desc *)guest_host(&guest, TABLE_AT))[n] = random_desc(16);
    if (below(4)) {
        read_request(table, below(2) ? 512 : 48);
        table[1].flags = below(2) ? DESC_NEXT : NW;
        if (below(2))
            table[below(3)] = random_desc(8);
        if (table != descs())
            descs()[0] = (struct guest_desc){ TABLE_AT, 16 * below(17), DESC_INDIRECT, 0 };
    }
    memcpy(guest_host(&guest, HEADER_AT), header, sizeof(header));
    for (unsigned n = below(9); n; n--)
        ring_offer(&ring, below(8) ? below(3) : (unsigned)random64() & 0xffff);
    if (!below(8))
        ring.avail_idx = (uint16_t)random64(), ring_offer(&ring, 0);
    ring_kick(&ring);
    if (below(2))
        guest_settle(&guest);
    else
        guest_write(&guest, 4 * below(64), (uint32_t)random64());
}

START_TEST(random_rings)
{
    setup(_i);
    const char *seed = getenv("RVIVE_SEED");
    uint64_t start_state = seed ? strtoull(seed, NULL, 0) : ((uint64_t)time(NULL) << 20 ^ (uint64_t)getpid());
    random_state = start_state | 1;
    printf("random_rings (%s): RVIVE_SEED=%llu\n", _i ? "legacy" : "1.x", (unsigned long long)start_state);
    fflush(stdout);
    unsigned refused = 0, completed = 0;
    for (unsigned n = 0; n < 6000; n++) {
        random_round();
        guest_settle(&guest);
        pthread_mutex_lock(&guest.vdev->lock);
        refused += guest.vdev->broken;
        completed += guest.vdev->queues[0].used_idx;
        pthread_mutex_unlock(&guest.vdev->lock);
    }
    /* The generator must reach the checks and also the code after them. */
    ck_assert_msg(refused > 500 && completed > 500, "%u refused, %u completed", refused, completed);
    memset(guest.ram, 0, GUEST_RAM_SIZE);
    expect_works(0);
    teardown();
}
END_TEST

/* Under a thread sanitizer the next test would only report the guest's own race. */
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#elif defined(__has_feature)
#define WITH_TSAN __has_feature(thread_sanitizer)
#else
#define WITH_TSAN 0
#endif

#if !WITH_TSAN
/* Another hart of the guest swaps good and bad descriptors while the device reads them. */
static void *scribble(void *opaque)
{
    static const uint64_t paddrs[2] = { DATA_AT, GUEST_RAM_BASE + GUEST_RAM_SIZE - 8 };
    static const uint32_t lengths[2] = { 512, 0xfffffff0 };
    static const uint16_t flags[3] = { NW, DESC_INDIRECT, DESC_NEXT };
    atomic_bool *stop = opaque;
    for (unsigned n = 0; !atomic_load(stop); n++) {
        volatile struct guest_desc *desc = descs() + 1;
        desc->paddr = paddrs[n & 1];
        desc->length = lengths[n >> 1 & 1];
        desc->flags = flags[n % 3];
        desc->next = n % 5 ? 2 : 0xfff0;
        *(volatile uint16_t *)guest_host(&guest, ring.avail + 4) = n % 7 ? 0 : 0xfff0;
    }
    return NULL;
}

START_TEST(descriptors_change_meanwhile)
{
    setup(_i);
    start(INDIRECT | EVENT_IDX); /* the thread needs the ring's place */
    atomic_bool stop = false;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, scribble, &stop), 0);
    unsigned refused = 0, completed = 0;
    for (unsigned n = 0; n < 2000 || (refused < 5 && n < 100000); n++) {
        struct ring fresh;
        guest_negotiate(&guest, INDIRECT | EVENT_IDX);
        guest_ring(&guest, &fresh, 0, 8, RING_AT);
        guest_driver_ok(&guest);
        read_request(descs(), 512);
        for (unsigned k = 0; k < 8; k++)
            ring_offer(&fresh, 0);
        ring_kick(&fresh);
        guest_settle(&guest);
        completed += ring_returned(&fresh);
        pthread_mutex_lock(&guest.vdev->lock);
        refused += guest.vdev->broken;
        pthread_mutex_unlock(&guest.vdev->lock);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    ck_assert_msg(refused >= 5 && completed > 50, "%u refused, %u completed", refused, completed);
    expect_works(0);
    teardown();
}
END_TEST
#endif

Suite *test_suite(void)
{
    const int bad_count = (int)(sizeof(bad_chains) / sizeof(*bad_chains));
    Suite *suite = suite_create("virtqueue");
    TCase *tcase = tcase_create("queues");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, bad_chain_is_refused, 0, 2 * bad_count);
    tcase_add_loop_test(tcase, bad_available_index, 0, 2);
    tcase_add_loop_test(tcase, empty_buffers_are_skipped, 0, 2);
    tcase_add_loop_test(tcase, chain_as_long_as_the_queue, 0, 2);
    tcase_add_loop_test(tcase, indirect_tables, 0, 2);
    tcase_add_loop_test(tcase, bad_indirect_tables, 0, 2);
    tcase_add_loop_test(tcase, event_index, 0, 2);
    tcase_add_loop_test(tcase, no_interrupt_flag, 0, 2);
    tcase_add_loop_test(tcase, indices_wrap, 0, 2);
    tcase_add_loop_test(tcase, reset_under_load, 0, 2);
    tcase_add_loop_test(tcase, random_rings, 0, 2);
#if !WITH_TSAN
    tcase_add_loop_test(tcase, descriptors_change_meanwhile, 0, 2);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
