/* SPDX-License-Identifier: MIT
 *
 * I/O commands of the NVMe controller at register level: what they do to the disk, buffers by PRP entries and
 * lists in every position and with every fault, and a host whose disk fails.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/devices/fake.h"
#include "tests/devices/nvme/nvme_guest.h"
#include "tests/suite.h"

#define FUA        (1u << 30)
#define DEALLOCATE (1u << 25)

static struct nvme_guest guest;
static uint8_t expected[DISK_BLOCKS * BLOCKDEV_SECTOR];

static void setup_with(const struct nvme_config *config)
{
    nvme_guest_init(&guest, config);
    memcpy(expected, guest.disk.bytes, sizeof(expected));
    ck_assert_uint_eq(nvme_guest_enable(&guest), CSTS_RDY);
    nvme_guest_make_queues(&guest, 1, 8, 0, true);
}

static void setup(void)
{
    setup_with(NULL);
}

static void teardown(void)
{
    ck_assert_mem_eq(guest.disk.bytes, expected, sizeof(expected));
    nvme_guest_destroy(&guest);
}

static uint8_t *host(uint64_t paddr)
{
    return nvme_guest_host(&guest, paddr);
}

static struct nvme_command io(uint8_t opcode, uint64_t block, unsigned count)
{
    return (struct nvme_command){ .opcode = opcode,
                                  .namespace = 1,
                                  .prp1 = DATA_AT,
                                  .cdw10 = (uint32_t)block,
                                  .cdw11 = (uint32_t)(block >> 32),
                                  .cdw12 = count - 1 };
}

static unsigned run(struct nvme_command command)
{
    return nvme_guest_command(&guest, 1, command);
}

/* ---- What commands do ---------------------------------------------------------------------------------- */

START_TEST(read_and_write)
{
    setup();
    ck_assert_uint_eq(run(io(NVME_READ, 5, 8)), NVME_OK);
    ck_assert_mem_eq(host(DATA_AT), expected + 5 * 512, 4096);
    memset(host(DATA_AT), 0x5a, 4096);
    ck_assert_uint_eq(run(io(NVME_WRITE, 7, 3)), NVME_OK);
    memset(expected + 7 * 512, 0x5a, 3 * 512);
    ck_assert_uint_eq(atomic_load(&guest.disk.flushes), 0);
    ck_assert_uint_eq(run(io(NVME_WRITE, DISK_BLOCKS - 1, 1)), NVME_OK);
    memset(expected + sizeof(expected) - 512, 0x5a, 512);
    struct nvme_command through = io(NVME_WRITE, 0, 1);
    through.cdw12 |= FUA;
    ck_assert_uint_eq(run(through), NVME_OK);
    memset(expected, 0x5a, 512);
    ck_assert_uint_eq(atomic_load(&guest.disk.flushes), 1);
    struct nvme_command flush = { .opcode = NVME_FLUSH, .namespace = 0xffffffff };
    ck_assert_uint_eq(run(flush), NVME_OK);
    ck_assert_uint_eq(atomic_load(&guest.disk.flushes), 2);
    /* Without a write cache each write is flushed. */
    nvme_guest_command(&guest, 0, (struct nvme_command){ .opcode = NVME_SET_FEATURES, .cdw10 = 6 });
    ck_assert_uint_eq(run(io(NVME_WRITE, 0, 1)), NVME_OK);
    ck_assert_uint_eq(run(io(NVME_WRITE_ZEROES, 1, 1)), NVME_OK);
    memset(expected + 512, 0, 512);
    ck_assert_uint_eq(atomic_load(&guest.disk.flushes), 4);
    teardown();
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        uint64_t block;
        unsigned count;
    } bad[] = {
        { DISK_BLOCKS, 1 },    { DISK_BLOCKS - 1, 2 }, { 0, DISK_BLOCKS + 1 },   { UINT64_MAX, 1 },
        { UINT64_MAX - 7, 8 }, { 1ull << 63, 1 },      { UINT64_MAX >> 9, 512 }, { UINT64_MAX - 7, 65536 },
    };
    static const uint8_t opcodes[] = { NVME_READ, NVME_WRITE, NVME_COMPARE, NVME_WRITE_ZEROES };
    setup();
    for (unsigned i = 0; i < sizeof(opcodes); i++) {
        for (unsigned n = 0; n < sizeof(bad) / sizeof(bad[0]); n++)
            ck_assert_uint_eq(run(io(opcodes[i], bad[n].block, bad[n].count)), NVME_LBA_RANGE);
        struct nvme_command other = io(opcodes[i], 0, 1);
        other.namespace = 2;
        ck_assert_uint_eq(run(other), NVME_INVALID_NAMESPACE);
        other.namespace = 0xffffffff;
        ck_assert_uint_eq(run(other), NVME_INVALID_NAMESPACE);
        other.namespace = 1;
        other.flags = 0x40;
        ck_assert_uint_eq(run(other), NVME_INVALID_FIELD);
    }
    ck_assert_uint_eq(run(io(NVME_READ, 0, 1025)), NVME_INVALID_FIELD); /* longer than mdts */
    for (unsigned opcode = 0; opcode < 256; opcode++)
        if (opcode > NVME_DATASET || opcode == 4 || opcode == 6 || opcode == 7)
            ck_assert_uint_eq(run(io((uint8_t)opcode, 0, 1)), NVME_INVALID_OPCODE);
    teardown();
}
END_TEST

START_TEST(zeroes_and_compare)
{
    setup();
    ck_assert_uint_eq(run(io(NVME_WRITE_ZEROES, 100, 1500)), NVME_OK);
    memset(expected + 100 * 512, 0, 1500 * 512);
    ck_assert_uint_eq(atomic_load(&guest.disk.discards), 0);
    struct nvme_command back = io(NVME_WRITE_ZEROES, 0, 8);
    back.cdw12 |= DEALLOCATE;
    ck_assert_uint_eq(run(back), NVME_OK);
    memset(expected, 0, 8 * 512);
    ck_assert_uint_eq(atomic_load(&guest.disk.discards), 1);
    memcpy(host(DATA_AT), expected + 90 * 512, 16 * 512);
    struct nvme_command compare = io(NVME_COMPARE, 90, 16);
    compare.prp2 = DATA_AT + 4096;
    ck_assert_uint_eq(run(compare), NVME_OK);
    host(DATA_AT)[16 * 512 - 1] ^= 1;
    ck_assert_uint_eq(run(compare), NVME_COMPARE_FAILURE);
    teardown();
}
END_TEST

static struct nvme_command dataset(unsigned count)
{
    return (struct nvme_command){
        .opcode = NVME_DATASET, .namespace = 1, .prp1 = DATA_AT, .cdw10 = count - 1, .cdw11 = 4
    };
}

static void put_range(unsigned n, uint64_t first, uint32_t blocks)
{
    uint64_t range[2] = { (uint64_t)blocks << 32, first };
    memcpy(host(DATA_AT) + (size_t)n * 16, range, sizeof(range));
}

START_TEST(deallocate)
{
    setup();
    put_range(0, 10, 4);
    put_range(1, 0, 0);
    put_range(2, DISK_BLOCKS - 2, 2);
    struct nvme_command hint = dataset(3);
    hint.cdw11 = 1;
    ck_assert_uint_eq(run(hint), NVME_OK);
    ck_assert_uint_eq(atomic_load(&guest.disk.discards), 0);
    ck_assert_uint_eq(run(dataset(3)), NVME_OK);
    memset(expected + 10 * 512, 0, 4 * 512);
    memset(expected + sizeof(expected) - 1024, 0, 1024);
    ck_assert_uint_eq(atomic_load(&guest.disk.discards), 2);
    /* Nothing is touched if one of the ranges is bad. */
    put_range(0, 20, 4);
    put_range(1, DISK_BLOCKS - 1, 2);
    ck_assert_uint_eq(run(dataset(2)), NVME_LBA_RANGE);
    put_range(1, UINT64_MAX, 0xffffffff);
    ck_assert_uint_eq(run(dataset(2)), NVME_LBA_RANGE);
    for (unsigned n = 0; n < 256; n++)
        put_range(n, 30 + 2 * n, 1);
    ck_assert_uint_eq(run(dataset(256)), NVME_OK);
    for (unsigned n = 0; n < 256; n++)
        memset(expected + (30 + 2 * n) * 512, 0, 512);
    struct nvme_command nowhere = dataset(2);
    nowhere.prp1 = 0x1000;
    ck_assert_uint_eq(run(nowhere), NVME_DATA_TRANSFER_ERROR);
    teardown();
}
END_TEST

START_TEST(read_only)
{
    nvme_guest_init(&guest, NULL);
    guest.disk.blockdev.read_only = true;
    memcpy(expected, guest.disk.bytes, sizeof(expected));
    nvme_guest_enable(&guest);
    nvme_guest_make_queues(&guest, 1, 8, 0, true);
    ck_assert_uint_eq(run(io(NVME_WRITE, 0, 1)), NVME_WRITE_PROTECTED);
    ck_assert_uint_eq(run(io(NVME_WRITE_ZEROES, 0, 1)), NVME_WRITE_PROTECTED);
    ck_assert_uint_eq(run(dataset(1)), NVME_WRITE_PROTECTED);
    ck_assert_uint_eq(run(io(NVME_READ, 0, 1)), NVME_OK);
    nvme_guest_command(&guest, 0,
                       (struct nvme_command){ .opcode = NVME_IDENTIFY, .namespace = 1, .prp1 = DATA_AT });
    ck_assert_uint_eq(host(DATA_AT)[99], 1);
    teardown();
}
END_TEST

START_TEST(large_blocks)
{
    setup_with(&(struct nvme_config){
        .serial = "", .logical_block_size = 4096, .physical_block_size = 16384, .mdts = 1 });
    nvme_guest_command(&guest, 0,
                       (struct nvme_command){ .opcode = NVME_IDENTIFY, .namespace = 1, .prp1 = DATA_AT });
    ck_assert_uint_eq(*(uint64_t *)(void *)host(DATA_AT), DISK_BLOCKS / 8);
    ck_assert_uint_eq(host(DATA_AT)[130], 12);
    ck_assert_uint_eq(host(DATA_AT)[64], 3);
    struct nvme_command command = io(NVME_READ, 2, 2);
    command.prp2 = DATA_AT + 8192;
    ck_assert_uint_eq(run(command), NVME_OK);
    ck_assert_mem_eq(host(DATA_AT), expected + 8192, 4096);
    ck_assert_mem_eq(host(DATA_AT + 8192), expected + 12288, 4096);
    ck_assert_uint_eq(run(io(NVME_READ, 2, 3)), NVME_INVALID_FIELD); /* mdts */
    ck_assert_uint_eq(run(io(NVME_READ, DISK_BLOCKS / 8, 1)), NVME_LBA_RANGE);
    teardown();
}
END_TEST

/* ---- Buffers ------------------------------------------------------------------------------------------- */

/* Lists are laid out as a driver does, page by page backwards through memory, so that nothing is contiguous.
 */
static uint64_t page_at(unsigned n)
{
    return GUEST_RAM_BASE + 0xff000 - 0x1000ull * n;
}

/* Puts a list for `pages` pages, which begins at `offset` in its page. */
static uint64_t put_list(unsigned pages, unsigned offset)
{
    uint64_t list = LIST_AT + offset, at = list;
    for (unsigned n = 0; n < pages; n++) {
        if (at % 4096 == 4096 - 8 && n + 1 < pages) {
            uint64_t next = (at & ~0xfffull) + 0x2000;
            memcpy(host(at), &next, 8);
            at = next;
        }
        uint64_t page = page_at(1 + n);
        memcpy(host(at), &page, 8);
        at += 8;
    }
    return list;
}

static const struct {
    unsigned start, blocks, list_offset;
} buffers[] = {
    { 0, 1, 0 },           { 0, 8, 0 },      { 0xe00, 1, 0 },      { 0xe00, 2, 0 },    { 0xffc, 1, 0 },
    { 4, 8, 0 },           { 0, 9, 0 },      { 0, 16, 0 },         { 4, 16, 0 },       { 0, 17, 0 },
    { 0, 24, 0xff0 },      { 0, 24, 0xff8 }, { 0x800, 40, 0xff8 }, { 0, 512, 0 },      { 0, 512, 0xe00 },
    { 0xffc, 512, 0xff8 }, { 0, 1024, 0 },   { 4, 1024, 0xff8 },   { 0, 1024, 0xc00 },
};

START_TEST(prp)
{
    unsigned start = buffers[_i].start, bytes = buffers[_i].blocks * 512;
    unsigned first = bytes < 4096 - start ? bytes : 4096 - start;
    unsigned pages = (bytes - first + 4095) / 4096;
    setup();
    struct nvme_command command = io(NVME_READ, 3, buffers[_i].blocks);
    command.prp1 = page_at(0) + start;
    command.prp2 = pages == 1 ? page_at(1) : put_list(pages, buffers[_i].list_offset);
    unsigned long written = atomic_load(&guest.pci.guest.written);
    ck_assert_uint_eq(run(command), NVME_OK);
    ck_assert_uint_eq(atomic_load(&guest.pci.guest.written) - written, bytes + 16); /* and the completion */
    ck_assert_mem_eq(host(page_at(0) + start), expected + 3 * 512, first);
    for (unsigned n = 0, done = first; done < bytes; n++, done += 4096) {
        unsigned length = bytes - done < 4096 ? bytes - done : 4096;
        ck_assert_mem_eq(host(page_at(1 + n)), expected + 3 * 512 + done, length);
        memset(host(page_at(1 + n)), 0x11, length);
    }
    memset(host(page_at(0) + start), 0x11, first);
    command.opcode = NVME_WRITE;
    ck_assert_uint_eq(run(command), NVME_OK);
    memset(expected + 3 * 512, 0x11, bytes);
    teardown();
}
END_TEST

/* Faults: where, and what is put there instead. */
static const struct {
    unsigned blocks;
    enum { PRP1, PRP2, ENTRY, LAST_ENTRY, POINTER } where;
    uint64_t value;
    unsigned status;
} faults[] = {
    { 1, PRP1, DATA_AT + 2, NVME_INVALID_PRP_OFFSET },
    { 1, PRP1, 0, NVME_DATA_TRANSFER_ERROR },
    { 1, PRP1, 0x400000000, NVME_DATA_TRANSFER_ERROR }, /* its own registers */
    { 1, PRP1, UINT64_MAX - 3, NVME_DATA_TRANSFER_ERROR },
    { 8, PRP1, GUEST_RAM_BASE + GUEST_RAM_SIZE, NVME_DATA_TRANSFER_ERROR },
    { 16, PRP2, DATA_AT + 512, NVME_INVALID_PRP_OFFSET },
    { 16, PRP2, 0x10000000, NVME_DATA_TRANSFER_ERROR },
    { 16, PRP2, UINT64_MAX << 12, NVME_DATA_TRANSFER_ERROR },
    { 64, PRP2, LIST_AT + 4, NVME_INVALID_PRP_OFFSET },
    { 64, PRP2, 0, NVME_DATA_TRANSFER_ERROR },
    { 64, PRP2, 0xfffffffffffffff8, NVME_DATA_TRANSFER_ERROR },
    { 64, ENTRY, DATA_AT + 8, NVME_INVALID_PRP_OFFSET },
    { 64, ENTRY, 0x30000000, NVME_DATA_TRANSFER_ERROR },
    { 64, LAST_ENTRY, DATA_AT + 0x800, NVME_INVALID_PRP_OFFSET },
    { 64, LAST_ENTRY, UINT64_MAX << 12, NVME_DATA_TRANSFER_ERROR },
    { 64, POINTER, LIST_AT + 0xff8, NVME_INVALID_PRP_OFFSET }, /* to itself */
    { 64, POINTER, LIST_AT + 0x2008, NVME_INVALID_PRP_OFFSET },
    { 64, POINTER, 0x400000000, NVME_DATA_TRANSFER_ERROR },
};

START_TEST(prp_faults)
{
    setup();
    struct nvme_command command = io(_i % 2 ? NVME_READ : NVME_WRITE, 3, faults[_i].blocks);
    unsigned pages = faults[_i].blocks / 8;
    command.prp1 = page_at(0);
    command.prp2 = pages <= 2 ? page_at(1) : put_list(pages - 1, faults[_i].where == POINTER ? 0xff0 : 0);
    switch (faults[_i].where) {
    case PRP1: command.prp1 = faults[_i].value; break;
    case PRP2: command.prp2 = faults[_i].value; break;
    case ENTRY: memcpy(host(LIST_AT + 8), &faults[_i].value, 8); break;
    case LAST_ENTRY: memcpy(host(LIST_AT + 8 * (pages - 2)), &faults[_i].value, 8); break;
    case POINTER: memcpy(host(LIST_AT + 0xff8), &faults[_i].value, 8); break;
    }
    ck_assert_uint_eq(run(command), faults[_i].status);
    teardown();
}
END_TEST

/* A list that points to itself for ever: the length of the transfer ends it. */
START_TEST(prp_loop)
{
    setup();
    for (unsigned n = 0; n < 512; n++)
        memcpy(host(LIST_AT + 8 * n), &(uint64_t){ LIST_AT }, 8);
    struct nvme_command command = io(NVME_WRITE, 0, 1024);
    command.prp2 = LIST_AT;
    ck_assert_uint_eq(run(command), NVME_OK);
    memcpy(expected, guest.disk.bytes, sizeof(expected));
    command.opcode = NVME_READ; /* which overwrites the list */
    ck_assert_uint_eq(run(command), NVME_OK);
    teardown();
}
END_TEST

/* Pages of 64 KiB. */
START_TEST(large_pages)
{
    setup();
    nvme_guest_disable(&guest);
    pci_guest_write(&guest.pci, PCI_WINDOW_MEM64, R_ACQ, 8, GUEST_RAM_BASE + 0x20000);
    nvme_guest_write(&guest, R_CC, CC_ON | 4 << 7);
    ck_assert_uint_eq(nvme_guest_read(&guest, R_CSTS), CSTS_RDY);
    struct nvme_command command = { .opcode = NVME_IDENTIFY,
                                    .cdw10 = 1,
                                    .prp1 = GUEST_RAM_BASE + 0x4f000,
                                    .prp2 = GUEST_RAM_BASE + 0x60000 };
    memcpy(host(SQ_AT(0)), &command, sizeof(command));
    command.prp1 += 0x800;
    memcpy(host(SQ_AT(0) + 64), &command, sizeof(command));
    nvme_guest_write(&guest, DOORBELL(0), 2);
    FAKE_WAIT(host(GUEST_RAM_BASE + 0x2001e)[0] & 1);
    ck_assert_mem_eq(host(GUEST_RAM_BASE + 0x4f000), "\x36\x1b", 2);
    ck_assert_mem_eq(host(GUEST_RAM_BASE + 0x4f800), "\x36\x1b", 2);
    ck_assert_uint_eq(host(GUEST_RAM_BASE + 0x60000)[4], 16); /* the power state, 2048 + 4 */
    teardown();
}
END_TEST

/* ---- Several at a time, and a host that fails ---------------------------------------------------------- */

/* A slow disk holds up neither the admin queue nor the registers. */
START_TEST(slow_disk)
{
    setup();
    atomic_store(&guest.disk.hold, true);
    for (unsigned n = 0; n < 7; n++)
        nvme_guest_submit(&guest, 1, io(NVME_READ, n, 1));
    FAKE_WAIT(atomic_load(&guest.disk.waiting) == 7);
    ck_assert_uint_eq(
        nvme_guest_command(
            &guest, 0, (struct nvme_command){ .opcode = NVME_IDENTIFY, .cdw10 = 1, .prp1 = DATA_AT + 4096 }),
        NVME_OK);
    atomic_store(&guest.disk.hold, false);
    for (unsigned n = 0; n < 7; n++)
        ck_assert_uint_eq(nvme_guest_take(&guest, 1, true), NVME_OK);
    teardown();
}
END_TEST

static struct block_error told; /* the last one */
static atomic_uint told_count;
static atomic_bool standing;

static void on_failed(void *opaque, const struct block_error *failed)
{
    (void)opaque;
    told = *failed;
    if (failed->action == BLOCKDEV_ON_ERROR_STOP)
        atomic_store(&standing, true);
    atomic_fetch_add(&told_count, 1);
}

static bool is_standing(void *opaque)
{
    (void)opaque;
    return atomic_load(&standing);
}

static void setup_failing(enum blockdev_on_error werror)
{
    setup_with(&(struct nvme_config){
        .serial = "x",
        .on_error = { .name = "hd0", .werror = werror, .failed = on_failed, .stopped = is_standing } });
}

START_TEST(host_errors)
{
    setup_failing(_i ? BLOCKDEV_ON_ERROR_IGNORE : 0);
    atomic_store(&guest.disk.error, -EIO);
    ck_assert_uint_eq(run(io(NVME_READ, 0, 1)), NVME_READ_ERROR);
    ck_assert(!(guest.done.status & 0x4000)); /* it may be tried again */
    ck_assert(!told.write);
    ck_assert_str_eq(told.name, "hd0");
    static const uint8_t writing[] = { NVME_WRITE, NVME_WRITE_ZEROES, NVME_FLUSH };
    for (unsigned n = 0; n < sizeof(writing); n++) {
        ck_assert_uint_eq(run(io(writing[n], 0, 1)), _i ? NVME_OK : NVME_WRITE_FAULT);
        ck_assert(told.write);
    }
    ck_assert_uint_eq(run(io(NVME_COMPARE, 0, 1)), NVME_READ_ERROR);
    put_range(0, 0, 1);
    ck_assert_uint_eq(run(dataset(1)), _i ? NVME_OK : NVME_WRITE_FAULT);
    atomic_store(&guest.disk.error, 0);
    ck_assert_uint_eq(run(io(NVME_READ, 0, 1)), NVME_OK);
    teardown();
}
END_TEST

/* A full disk stops the machine; the command is tried again. Or it is dropped, with its queue (1) or by a
 * reset (2), or it goes into a saved state and is tried again by whoever loads it (3). */
START_TEST(full_disk)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    setup_failing(0);
    atomic_store(&guest.disk.error, -ENOSPC);
    memset(host(DATA_AT), 0x77, 512);
    nvme_guest_submit(&guest, 1, io(NVME_WRITE, 9, 1));
    FAKE_WAIT(atomic_load(&standing) && guest.nvme->worker.busy == 0);
    ck_assert(told.no_space && told.action == BLOCKDEV_ON_ERROR_STOP);
    ck_assert(!nvme_guest_poll(&guest, 1));
    if (_i == 1) {
        ck_assert_uint_eq(
            nvme_guest_command(&guest, 0, (struct nvme_command){ .opcode = NVME_DELETE_SQ, .cdw10 = 1 }),
            NVME_OK);
    } else if (_i == 2) {
        nvme_guest_disable(&guest);
    } else if (_i == 3) {
        state_writer_init(&writer);
        pci_function_save(&guest.nvme->function, &writer);
        pci_function_reset(&guest.nvme->function);
        usleep(100000);
        state_reader_init(&reader, writer.bytes, writer.length, &error);
    }
    atomic_store(&guest.disk.error, 0);
    atomic_store(&standing, false);
    if (_i == 3) {
        ck_assert(pci_function_load(&guest.nvme->function, &reader));
        state_writer_destroy(&writer);
    }
    if (_i == 0 || _i == 3) {
        ck_assert_uint_eq(nvme_guest_take(&guest, 1, true), NVME_OK);
        memset(expected + 9 * 512, 0x77, 512);
    } else {
        usleep(150000);
        ck_assert(!nvme_guest_poll(&guest, 1));
    }
    teardown();
}
END_TEST

#define COUNT(list) (int)(sizeof(list) / sizeof((list)[0]))

Suite *test_suite(void)
{
    Suite *suite = suite_create("nvme I/O");
    TCase *tests = tcase_create("disk");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, read_and_write);
    tcase_add_test(tests, ranges);
    tcase_add_test(tests, zeroes_and_compare);
    tcase_add_test(tests, deallocate);
    tcase_add_test(tests, read_only);
    tcase_add_test(tests, large_blocks);
    tcase_add_loop_test(tests, prp, 0, COUNT(buffers));
    tcase_add_loop_test(tests, prp_faults, 0, COUNT(faults));
    tcase_add_test(tests, prp_loop);
    tcase_add_test(tests, large_pages);
    tcase_add_test(tests, slow_disk);
    tcase_add_loop_test(tests, host_errors, 0, 2);
    tcase_add_loop_test(tests, full_disk, 0, 4);
    suite_add_tcase(suite, tests);
    return suite;
}
