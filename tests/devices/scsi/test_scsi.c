/* SPDX-License-Identifier: MIT
 *
 * The SCSI units by their commands: what they say of themselves, transfers, provisioning, mode pages, media
 * that come and go, errors of the host, buffers and lists of any length, saved state.
 */
#include <check.h>
#include <errno.h>

#include "devices/scsi/scsi.h"
#include "tests/devices/scsi/memory_disk.h"
#include "tests/suite.h"

#define BLOCKS (MEMORY_DISK_BYTES / 512)

static struct memory_disk disk, other;
static struct scsi_unit *unit;
static struct scsi_request request;
static uint8_t *buffer; /* exactly as long as the command is told, so that a sanitizer sees what is beyond */

static void make(struct scsi_unit_config config)
{
    struct error error = { .text = "" };
    memory_disk_init(&disk, 1);
    memory_disk_init(&other, 2);
    config.blockdev = &disk.blockdev;
    unit = scsi_unit_create(&config, &error);
    ck_assert_msg(unit != NULL, "%s", error.text);
}

static void done(void)
{
    scsi_unit_destroy(unit);
    free(buffer);
    buffer = NULL;
}

/* Executes a command with a buffer of that many bytes in up to three parts. For data to the unit, the caller
 * has filled `from`. */
static enum scsi_result run_from(const uint8_t *cdb, size_t length, enum scsi_direction direction,
                                 size_t bytes, const void *from)
{
    struct iovec iov[3];
    free(buffer);
    buffer = malloc(bytes ? bytes : 1);
    memset(buffer, 0xee, bytes ? bytes : 1);
    if (from)
        memcpy(buffer, from, bytes);
    size_t first = bytes / 3, second = bytes / 2 - first;
    iov[0] = (struct iovec){ buffer, first };
    iov[1] = (struct iovec){ buffer + first, second };
    iov[2] = (struct iovec){ buffer + first + second, bytes - first - second };
    request = (struct scsi_request){ .direction = direction, .iov = iov, .iov_count = 3, .bytes = bytes };
    memcpy(request.cdb, cdb, length);
    enum scsi_result result = scsi_execute(unit, &request);
    if (result == SCSI_DONE)
        ck_assert_uint_le(request.done, bytes);
    return result;
}

#define RUN(direction, bytes, ...)                                                                           \
    run_from((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), direction, bytes,   \
             NULL)
#define SEND(data, bytes, ...)                                                                               \
    run_from((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), SCSI_TO_UNIT,       \
             bytes, data)

static unsigned sense(void)
{
    if (request.status != SCSI_CHECK_CONDITION)
        return 0;
    ck_assert_uint_eq(request.sense[0], 0x70);
    return (unsigned)(request.sense[2] << 16 | request.sense[12] << 8 | request.sense[13]);
}

#define GOOD(what)                                                                                           \
    do {                                                                                                     \
        ck_assert_int_eq(what, SCSI_DONE);                                                                   \
        ck_assert_msg(request.status == SCSI_GOOD, "sense %06x", sense());                                   \
    } while (0)
#define FAILS(what, code)                                                                                    \
    do {                                                                                                     \
        ck_assert_int_eq(what, SCSI_DONE);                                                                   \
        ck_assert_uint_eq(sense(), code);                                                                    \
    } while (0)
#define TEST_READY() RUN(SCSI_NO_DATA, 0, 0)

static uint64_t get(unsigned at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value = value << 8 | buffer[at + n];
    return value;
}

static void make_disk(void)
{
    make((struct scsi_unit_config){ .kind = SCSI_DISK, .serial = "SER-1", .wwn = 0x5000c50015ea71acull });
    FAILS(TEST_READY(), 0x062900);
    GOOD(TEST_READY());
}

static void make_cd(void)
{
    make((struct scsi_unit_config){ .kind = SCSI_CD });
    disk.blockdev.read_only = other.blockdev.read_only = true;
    FAILS(TEST_READY(), 0x062900);
    GOOD(TEST_READY());
}

/* ---- What a unit is ------------------------------------------------------------------------------------ */

START_TEST(inquiry)
{
    make((struct scsi_unit_config){ .kind = SCSI_DISK, .vendor = "much too long", .product = "P" });
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 0, 0, 0, 96)); /* the unit attention stays */
    ck_assert_uint_eq(request.done, 36);
    ck_assert_uint_eq(buffer[0], 0);
    ck_assert_uint_eq(buffer[2], 5);
    ck_assert_uint_eq(buffer[4], 31);
    ck_assert_mem_eq(buffer + 8, "much tooP               2.5+", 28);
    ck_assert_uint_eq(buffer[36], 0xee);
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 0, 0, 0, 5));
    ck_assert_uint_eq(request.done, 5);
    GOOD(RUN(SCSI_FROM_UNIT, 4, 0x12, 0, 0, 0, 96));
    ck_assert_uint_eq(request.done, 4);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x12, 0, 0, 0, 96));
    GOOD(RUN(SCSI_TO_UNIT, 40, 0x12, 0, 0, 0, 96)); /* the wrong direction: there is no room */
    ck_assert_uint_eq(request.done, 0);
    FAILS(RUN(SCSI_FROM_UNIT, 96, 0x12, 0, 0x80, 0, 96), 0x052400);
    FAILS(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0x80, 0, 96), 0x052400); /* it has no serial number */
    FAILS(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0xc0, 0, 96), 0x052400);
    FAILS(TEST_READY(), 0x062900);
    done();
}
END_TEST

START_TEST(vital_product_data)
{
    make_disk();
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0, 0, 96));
    ck_assert_mem_eq(buffer, "\0\0\0\6\x00\x80\x83\xb0\xb1\xb2", 10);
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0x80, 0, 96));
    ck_assert_mem_eq(buffer, "\0\x80\0\5SER-1", 9);
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0x83, 0, 96));
    ck_assert_mem_eq(buffer + 4, "\1\3\0\x08\x50\0\xc5\0\x15\xea\x71\xac", 12);
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0xb0, 0, 96));
    ck_assert_uint_eq(get(2, 2), 60);
    ck_assert_uint_eq(get(8, 4), SCSI_TRANSFER_MAX / 512);
    ck_assert_uint_eq(get(24, 4), 255);
    GOOD(RUN(SCSI_FROM_UNIT, 96, 0x12, 1, 0xb2, 0, 96));
    ck_assert_uint_eq(buffer[5], 0xe0);
    ck_assert_uint_eq(buffer[6], 2);
    done();
}
END_TEST

START_TEST(capacity)
{
    make((struct scsi_unit_config){
        .kind = SCSI_DISK, .logical_block_size = 1024, .physical_block_size = 4096 });
    FAILS(TEST_READY(), 0x062900);
    GOOD(RUN(SCSI_FROM_UNIT, 8, 0x25));
    ck_assert_uint_eq(get(0, 4), BLOCKS / 2 - 1);
    ck_assert_uint_eq(get(4, 4), 1024);
    GOOD(RUN(SCSI_FROM_UNIT, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32));
    ck_assert_uint_eq(get(0, 8), BLOCKS / 2 - 1);
    ck_assert_uint_eq(get(8, 4), 1024);
    ck_assert_uint_eq(buffer[13], 2);
    ck_assert_uint_eq(buffer[14], 0x80);
    FAILS(RUN(SCSI_FROM_UNIT, 32, 0x9e, 0x12), 0x052400);
    FAILS(RUN(SCSI_FROM_UNIT, 8, 0x25, 0, 0, 0, 0, 1), 0x052400);
    disk.blockdev.size = 3ull << 42; /* more than READ CAPACITY 10 can say */
    GOOD(RUN(SCSI_FROM_UNIT, 8, 0x25));
    ck_assert_uint_eq(get(0, 4), UINT32_MAX);
    done();
}
END_TEST

START_TEST(units_of_a_target)
{
    static const uint16_t luns[] = { 0, 3, 300 };
    make((struct scsi_unit_config){ .kind = SCSI_DISK, .luns = luns, .lun_count = 3 });
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(request.done, 32);
    ck_assert_uint_eq(get(0, 4), 24);
    ck_assert_uint_eq(get(16, 2), 3);
    ck_assert_uint_eq(get(24, 2), 0x4000 | 300);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8), 0x052400);
    struct iovec iov = { buffer, 64 };
    request = (struct scsi_request){
        .cdb = { 0x12, 0, 0, 0, 64 }, .direction = SCSI_FROM_UNIT, .iov = &iov, .iov_count = 1, .bytes = 64
    };
    scsi_execute_absent(luns, 3, &request);
    ck_assert_uint_eq(buffer[0], 0x7f);
    request.cdb[0] = 0x28;
    scsi_execute_absent(luns, 3, &request);
    ck_assert_uint_eq(sense(), 0x052500);
    done();
}
END_TEST

/* ---- Transfers ----------------------------------------------------------------------------------------- */

START_TEST(read_and_write)
{
    uint8_t block[1024];
    make_disk();
    memset(block, 0x5a, sizeof(block));
    GOOD(RUN(SCSI_FROM_UNIT, 1024, 0x28, 0, 0, 0, 0, 9, 0, 0, 2));
    ck_assert_mem_eq(buffer, disk.bytes + 9 * 512, 1024);
    ck_assert_uint_eq(request.done, 1024);
    GOOD(RUN(SCSI_FROM_UNIT, 2000, 0x08, 0, 0, 7, 1)); /* the buffer is longer */
    ck_assert_mem_eq(buffer, disk.bytes + 7 * 512, 512);
    ck_assert_uint_eq(buffer[512], 0xee);
    ck_assert_uint_eq(request.done, 512);
    GOOD(RUN(SCSI_FROM_UNIT, 512, 0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 1));
    ck_assert_mem_eq(buffer, disk.bytes + 3 * 512, 512);
    GOOD(RUN(SCSI_FROM_UNIT, 512, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1));
    ck_assert_mem_eq(buffer, disk.bytes + 4 * 512, 512);
    GOOD(RUN(SCSI_FROM_UNIT, 131072, 0x08, 0, 0, 0, 0)); /* no length is 256 blocks */
    ck_assert_uint_eq(request.done, 131072);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x28, 0, 0, 0, 0, 9, 0, 0, 0)); /* elsewhere it is none */
    GOOD(SEND(block, 1024, 0x2a, 0, 0, 0, 0, 20, 0, 0, 2));
    ck_assert_mem_eq(disk.bytes + 20 * 512, block, 1024);
    ck_assert_uint_eq(disk.bytes[22 * 512], (uint8_t)(22 * 512 * 7 + 22 * 31 + 1));
    ck_assert_uint_eq(disk.flushes, 0);
    GOOD(SEND(block, 512, 0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 1)); /* FUA */
    ck_assert_uint_eq(disk.flushes, 1);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x35));
    ck_assert_uint_eq(disk.flushes, 2);
    GOOD(SEND(block, 512, 0x2f, 2, 0, 0, 0, 30, 0, 0, 1)); /* VERIFY with data */
    FAILS(SEND(block, 512, 0x2f, 2, 0, 0, 0, 31, 0, 0, 1), 0x0e1d00);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x2f, 0, 0, 0, 0, 30, 0, 0, 1));
    done();
}
END_TEST

START_TEST(bad_ranges)
{
    make_disk();
    GOOD(RUN(SCSI_FROM_UNIT, 512, 0x28, 0, 0, 0, (BLOCKS - 1) >> 8, (uint8_t)(BLOCKS - 1), 0, 0, 1));
    FAILS(RUN(SCSI_FROM_UNIT, 1024, 0x28, 0, 0, 0, (BLOCKS - 1) >> 8, (uint8_t)(BLOCKS - 1), 0, 0, 2),
          0x052100);
    FAILS(RUN(SCSI_FROM_UNIT, 512, 0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1),
          0x052100);
    FAILS(RUN(SCSI_FROM_UNIT, 512, 0x88, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), 0x052100);
    FAILS(RUN(SCSI_FROM_UNIT, 512, 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1), 0x052400); /* RDPROTECT */
    ck_assert_int_eq(RUN(SCSI_FROM_UNIT, 511, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_OVERRUN);
    ck_assert_int_eq(RUN(SCSI_TO_UNIT, 512, 0x28, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_OVERRUN);
    ck_assert_int_eq(RUN(SCSI_NO_DATA, 0, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1), SCSI_OVERRUN);
    FAILS(RUN(SCSI_NO_DATA, 0, 0x35, 0, 0xff), 0x052100);
    FAILS(RUN(SCSI_NO_DATA, 0, 0xf0), 0x052000);
    disk.blockdev.size = 1ull << 40;
    FAILS(RUN(SCSI_FROM_UNIT, 512, 0xa8, 0, 0, 0, 0, 0, 0, 2, 0, 0), 0x052400); /* 64 MiB */
    FAILS(RUN(SCSI_NO_DATA, 0, 0xaf, 0, 0, 0, 0, 0, 0, 0x10, 0, 0), 0x052400);
    done();
}
END_TEST

START_TEST(provisioning)
{
    uint8_t list[8 + 32] = { 0, 38, 0, 32 }, block[512];
    make_disk();
    list[8 + 7] = 10, list[8 + 11] = 4;   /* blocks 10 to 13 */
    list[24 + 7] = 40, list[24 + 11] = 1; /* block 40 */
    GOOD(SEND(list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0, 40));
    ck_assert_uint_eq(disk.discards, 2);
    ck_assert_uint_eq(disk.bytes[13 * 512 + 511], 0xdd);
    ck_assert_uint_eq(disk.bytes[40 * 512], 0xdd);
    list[24] = 0x80; /* the second range is elsewhere: nothing is done */
    FAILS(SEND(list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), 0x052100);
    ck_assert_uint_eq(disk.discards, 2);
    list[3] = 33;
    FAILS(SEND(list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), 0x051a00);
    FAILS(SEND(list, 7, 0x42, 0, 0, 0, 0, 0, 0, 0, 7), 0x051a00);
    FAILS(SEND(list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 0x051a00);
    ck_assert_int_eq(SEND(list, 39, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), SCSI_OVERRUN);
    memset(block, 0, sizeof(block));
    GOOD(SEND(block, 512, 0x41, 8, 0, 0, 0, 50, 0, 0, 3)); /* with UNMAP */
    ck_assert_uint_eq(disk.zeroes, 1);
    ck_assert_uint_eq(disk.bytes[52 * 512 + 511], 0);
    memset(block, 0x77, sizeof(block));
    GOOD(SEND(block, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 3));
    ck_assert_uint_eq(disk.bytes[62 * 512 + 511], 0x77);
    ck_assert_uint_ne(disk.bytes[63 * 512], 0x77);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x93, 9, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 1)); /* without data */
    ck_assert_uint_eq(disk.bytes[60 * 512], 0);
    FAILS(SEND(block, 512, 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0), 0x052400);
    ck_assert_int_eq(SEND(block, 511, 0x41, 0, 0, 0, 0, 50, 0, 0, 3), SCSI_OVERRUN);
    disk.blockdev.read_only = true;
    FAILS(SEND(block, 512, 0x41, 0, 0, 0, 0, 50, 0, 0, 3), 0x072700);
    FAILS(SEND(list, 40, 0x42, 0, 0, 0, 0, 0, 0, 0, 40), 0x072700);
    FAILS(SEND(block, 512, 0x2a, 0, 0, 0, 0, 20, 0, 0, 1), 0x072700);
    done();
}
END_TEST

/* ---- Errors of the host -------------------------------------------------------------------------------- */

static bool stopped(void *opaque)
{
    (void)opaque;
    return true;
}

START_TEST(host_errors)
{
    uint8_t block[512] = { 0 };
    make((struct scsi_unit_config){ .kind = SCSI_DISK,
                                    .on_error = { .rerror = BLOCKDEV_ON_ERROR_IGNORE, .stopped = stopped } });
    FAILS(TEST_READY(), 0x062900);
    atomic_store(&disk.error, -EIO);
    FAILS(SEND(block, 512, 0x2a, 0, 0, 0, 0, 20, 0, 0, 1), 0x030c00);
    FAILS(RUN(SCSI_NO_DATA, 0, 0x35), 0x030c00);
    GOOD(RUN(SCSI_FROM_UNIT, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1));
    atomic_store(&disk.error, -ENOSPC); /* werror=enospc is the default */
    ck_assert_int_eq(SEND(block, 512, 0x2a, 0, 0, 0, 0, 20, 0, 0, 1), SCSI_AGAIN);
    ck_assert_int_eq(SEND(block, 512, 0x41, 0, 0, 0, 0, 50, 0, 0, 3), SCSI_AGAIN);
    done();
    make_disk();
    atomic_store(&disk.error, -EIO);
    FAILS(RUN(SCSI_FROM_UNIT, 512, 0x28, 0, 0, 0, 0, 9, 0, 0, 1), 0x031100);
    done();
}
END_TEST

START_TEST(sense_that_is_kept)
{
    make((struct scsi_unit_config){ .kind = SCSI_DISK, .keeps_sense = true });
    FAILS(TEST_READY(), 0x062900);
    GOOD(RUN(SCSI_FROM_UNIT, 18, 0x03, 0, 0, 0, 18));
    ck_assert_uint_eq(buffer[2], 6);
    ck_assert_uint_eq(buffer[12], 0x29);
    GOOD(RUN(SCSI_FROM_UNIT, 18, 0x03, 0, 0, 0, 18));
    ck_assert_uint_eq(buffer[2], 0);
    FAILS(RUN(SCSI_NO_DATA, 0, 0xf0), 0x052000);
    GOOD(RUN(SCSI_FROM_UNIT, 8, 0x03, 1, 0, 0, 18)); /* in the form of descriptors */
    ck_assert_mem_eq(buffer, "\x72\x05\x20\0\0\0\0", 8);
    FAILS(RUN(SCSI_NO_DATA, 0, 0xf0), 0x052000);
    GOOD(TEST_READY());
    GOOD(RUN(SCSI_FROM_UNIT, 18, 0x03, 0, 0, 0, 18));
    ck_assert_uint_eq(buffer[2], 0);
    scsi_unit_reset(unit);
    GOOD(RUN(SCSI_FROM_UNIT, 18, 0x03, 0, 0, 0, 18)); /* tells a unit attention, which ends it */
    ck_assert_uint_eq(buffer[12], 0x29);
    GOOD(TEST_READY());
    done();
}
END_TEST

/* ---- Mode pages ---------------------------------------------------------------------------------------- */

START_TEST(mode_pages)
{
    uint8_t list[4 + 8 + 20], block[512] = { 0 };
    make_disk();
    GOOD(RUN(SCSI_FROM_UNIT, 255, 0x1a, 0, 0x3f, 0, 255));
    ck_assert_uint_eq(buffer[0], 4 + 8 + 12 + 20 + 12 - 1);
    ck_assert_uint_eq(buffer[2], 0x10);
    ck_assert_uint_eq(buffer[3], 8);
    GOOD(RUN(SCSI_FROM_UNIT, 32, 0x1a, 0, 8, 0, 32));
    ck_assert_mem_eq(buffer + 12, "\x08\x12\x04", 3);
    memcpy(list, buffer, 32);
    list[0] = list[2] = 0;
    list[12 + 2] = 0; /* the write cache off */
    GOOD(SEND(list, 32, 0x15, 0x10, 0, 0, 32));
    ck_assert_uint_eq(disk.flushes, 1);
    GOOD(SEND(block, 512, 0x2a, 0, 0, 0, 0, 20, 0, 0, 1));
    ck_assert_uint_eq(disk.flushes, 2);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 8, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(get(0, 2), 8 + 20 - 2);
    ck_assert_uint_eq(buffer[8 + 2], 0);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 0x88, 0, 0, 0, 0, 0, 64)); /* after a reset it would be on */
    ck_assert_uint_eq(buffer[8 + 2], 4);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 0x48, 0, 0, 0, 0, 0, 64)); /* what can be changed */
    ck_assert_uint_eq(buffer[8 + 2], 4);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 0xc8, 0, 0, 0, 0, 0, 64), 0x053900);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 0x2a, 0, 0, 0, 0, 0, 64), 0x052400);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 8, 1, 0, 0, 0, 0, 64), 0x052400);
    list[12 + 4] = 1; /* what cannot be changed */
    FAILS(SEND(list, 32, 0x15, 0x10, 0, 0, 32), 0x052600);
    list[12 + 4] = 0;
    list[6 + 4] = 4; /* blocks of 1024 bytes */
    FAILS(SEND(list, 32, 0x15, 0x10, 0, 0, 32), 0x052600);
    FAILS(SEND(list, 31, 0x15, 0x10, 0, 0, 31), 0x052600);
    list[6 + 4] = 2;
    FAILS(SEND(list, 31, 0x15, 0x10, 0, 0, 31), 0x051a00);
    FAILS(SEND(list, 3, 0x15, 0x10, 0, 0, 3), 0x051a00);
    FAILS(SEND(list, 32, 0x15, 0x11, 0, 0, 32), 0x052400);
    list[3] = 0xff;
    FAILS(SEND(list, 32, 0x15, 0x10, 0, 0, 32), 0x051a00);
    done();
}
END_TEST

/* ---- CD drives ----------------------------------------------------------------------------------------- */

START_TEST(cd)
{
    make_cd();
    GOOD(RUN(SCSI_FROM_UNIT, 8, 0x25));
    ck_assert_uint_eq(get(0, 4), MEMORY_DISK_BYTES / 2048 - 1);
    ck_assert_uint_eq(get(4, 4), 2048);
    GOOD(RUN(SCSI_FROM_UNIT, 2048, 0x28, 0, 0, 0, 0, 9, 0, 0, 1));
    ck_assert_mem_eq(buffer, disk.bytes + 9 * 2048, 2048);
    FAILS(RUN(SCSI_TO_UNIT, 2048, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1), 0x052000);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64));
    ck_assert_mem_eq(buffer, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x14\xaa\0\0\0\0\x80", 20);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x43, 2, 0, 0, 0, 0, 0xaa, 0, 64)); /* minutes, seconds, frames */
    ck_assert_mem_eq(buffer + 8, "\0\0\3\x35", 4);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 1, 0, 0, 0, 0, 0, 12));
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 2, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(request.done, 4 + 44);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 0, 0, 0, 0, 5, 0, 64), 0x052400);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 5, 0, 0, 0, 0, 0, 64), 0x052400);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(get(0, 4), request.done - 4);
    ck_assert_uint_eq(get(6, 2), 8);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x46, 2, 0, 3, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(request.done, 16);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x51, 0, 0, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(request.done, 34);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x5a, 8, 0x2a, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(buffer[8 + 6], 0x29);
    done();
}
END_TEST

static unsigned event(void)
{
    GOOD(RUN(SCSI_FROM_UNIT, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8));
    ck_assert_uint_eq(request.done, 8);
    return buffer[4] << 8 | buffer[5];
}

START_TEST(media)
{
    make_cd();
    ck_assert_uint_eq(event(), 0x0002);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1e, 0, 0, 0, 1)); /* locked */
    ck_assert(scsi_unit_medium(unit).locked);
    FAILS(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 2), 0x055302);
    scsi_unit_ask_for_medium(unit);
    ck_assert_uint_eq(event(), 0x0102);
    ck_assert_uint_eq(event(), 0x0002);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1e));
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 2)); /* opens the tray, with the medium in it */
    FAILS(TEST_READY(), 0x023a02);
    ck_assert_uint_eq(event(), 0x0301);
    ck_assert_ptr_eq(scsi_unit_medium(unit).in, &disk.blockdev);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 3));
    FAILS(TEST_READY(), 0x062800);
    GOOD(TEST_READY());
    ck_assert_uint_eq(event(), 0x0202);
    ck_assert_ptr_eq(scsi_unit_take_medium(unit), &disk.blockdev);
    FAILS(RUN(SCSI_FROM_UNIT, 2048, 0x28, 0, 0, 0, 0, 9, 0, 0, 1), 0x023a02);
    FAILS(RUN(SCSI_FROM_UNIT, 64, 0x43, 0, 0, 0, 0, 0, 0, 0, 64), 0x023a02);
    GOOD(RUN(SCSI_FROM_UNIT, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64));
    ck_assert_uint_eq(get(6, 2), 0);
    scsi_unit_insert_medium(unit, NULL);
    FAILS(TEST_READY(), 0x023a01);
    ck_assert_ptr_null(scsi_unit_take_medium(unit));
    scsi_unit_insert_medium(unit, &other.blockdev);
    FAILS(RUN(SCSI_FROM_UNIT, 2048, 0x28, 0, 0, 0, 0, 9, 0, 0, 1), 0x062800);
    GOOD(RUN(SCSI_FROM_UNIT, 2048, 0x28, 0, 0, 0, 0, 9, 0, 0, 1));
    ck_assert_mem_eq(buffer, other.bytes + 9 * 2048, 2048);
    done();
}
END_TEST

static unsigned trays_opened, trays_closed;

static void tray_moved(void *opaque, bool open)
{
    ck_assert_ptr_eq(opaque, unit);
    trays_opened += open;
    trays_closed += !open;
}

static void check_trays(unsigned opened, unsigned closed)
{
    ck_assert_uint_eq(trays_opened, opened);
    ck_assert_uint_eq(trays_closed, closed);
}

/* Who moves the tray, and how, the listener is told once. */
START_TEST(cd_tray)
{
    make_cd();
    scsi_unit_on_tray(unit, tray_moved, unit);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 2));
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 2));
    check_trays(1, 0);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 3));
    check_trays(1, 1);
    FAILS(TEST_READY(), 0x062800);
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1e, 0, 0, 0, 1)); /* locked */
    FAILS(RUN(SCSI_NO_DATA, 0, 0x1b, 0, 0, 0, 2), 0x055302);
    check_trays(1, 1);
    scsi_unit_move_tray(unit, true);
    scsi_unit_move_tray(unit, true);
    check_trays(2, 1);
    ck_assert(scsi_unit_medium(unit).open && scsi_unit_medium(unit).in == &disk.blockdev);
    ck_assert_ptr_eq(scsi_unit_take_medium(unit), &disk.blockdev);
    check_trays(2, 1);
    scsi_unit_lay_medium(unit, &other.blockdev);
    ck_assert(scsi_unit_medium(unit).open && scsi_unit_medium(unit).in == &other.blockdev);
    FAILS(TEST_READY(), 0x023a02);
    scsi_unit_move_tray(unit, false);
    check_trays(2, 2);
    FAILS(TEST_READY(), 0x062800);
    GOOD(TEST_READY());
    done();
}
END_TEST

/* ---- Any command --------------------------------------------------------------------------------------- */

START_TEST(any_command)
{
    static const uint8_t opcodes[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25, 0x28,
                                       0x2a, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x55, 0x5a,
                                       0x88, 0x8a, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xaf };
    unsigned seed = 11;
    make((struct scsi_unit_config){ .kind = _i ? SCSI_CD : SCSI_DISK });
    for (unsigned n = 0; n < 40000; n++) {
        uint8_t cdb[16], data[600];
        size_t bytes = (size_t)rand_r(&seed) % sizeof(data);
        for (unsigned at = 0; at < 16; at++) /* small numbers often, so that ranges are on the disk */
            cdb[at] = rand_r(&seed) % 3 ? 0 : (uint8_t)(rand_r(&seed) >> rand_r(&seed) % 8);
        for (unsigned at = 0; at < sizeof(data); at++)
            data[at] = rand_r(&seed) % 2 ? 0 : (uint8_t)(rand_r(&seed) >> 3);
        cdb[0] = rand_r(&seed) % 16 ? opcodes[(unsigned)rand_r(&seed) % sizeof(opcodes)] : cdb[0];
        uint64_t most;
        enum scsi_direction direction = scsi_data_of(unit, cdb, &most);
        ck_assert_uint_le(most, SCSI_TRANSFER_MAX);
        if (rand_r(&seed) % 8 == 0)
            direction = (enum scsi_direction)(rand_r(&seed) % 3);
        if (direction == SCSI_NO_DATA)
            bytes = 0;
        enum scsi_result result =
            run_from(cdb, 16, direction, bytes, direction == SCSI_TO_UNIT ? data : NULL);
        ck_assert_int_ne(result, SCSI_AGAIN);
        if (result == SCSI_DONE && request.done)
            ck_assert_uint_le(request.done, most);
    }
    done();
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

static void save(struct state_writer *writer)
{
    state_writer_init(writer);
    state_section(writer, "scsi", 1);
    scsi_unit_save(unit, 7, writer);
}

static bool load(const uint8_t *bytes, size_t length)
{
    struct error error = { .text = "" };
    struct state_reader reader;
    state_reader_init(&reader, bytes, length, &error);
    if (state_open(&reader, "scsi", 1))
        scsi_unit_load(unit, 7, &reader);
    return !reader.failed;
}

START_TEST(state)
{
    struct state_writer writer, again;
    make_cd();
    GOOD(RUN(SCSI_NO_DATA, 0, 0x1e, 0, 0, 0, 1));
    save(&writer);
    done();
    make_cd();
    ck_assert(load(writer.bytes, writer.length));
    ck_assert(scsi_unit_medium(unit).locked);
    GOOD(TEST_READY());
    save(&again);
    ck_assert_uint_eq(writer.length, again.length);
    ck_assert_mem_eq(writer.bytes, again.bytes, writer.length);
    state_writer_destroy(&again);
    other.blockdev.size = MEMORY_DISK_BYTES / 2; /* another medium is there now */
    scsi_unit_take_medium(unit);
    scsi_unit_insert_medium(unit, &other.blockdev);
    ck_assert(load(writer.bytes, writer.length));
    FAILS(TEST_READY(), 0x062800);
    done();
    make_disk();
    ck_assert(!load(writer.bytes, writer.length)); /* a disk cannot be locked */
    state_writer_destroy(&writer);
    save(&writer);
    disk.blockdev.size /= 2;
    ck_assert(!load(writer.bytes, writer.length));
    unsigned seed = 5;
    for (unsigned n = 0; n < 3000; n++) { /* hostile files */
        uint8_t *copy = malloc(writer.length);
        memcpy(copy, writer.bytes, writer.length);
        for (unsigned k = 0; k < 3; k++)
            copy[(size_t)rand_r(&seed) % writer.length] = (uint8_t)rand_r(&seed);
        load(copy, (size_t)rand_r(&seed) % (writer.length + 1));
        TEST_READY();
        free(copy);
    }
    state_writer_destroy(&writer);
    done();
}
END_TEST

START_TEST(impossible_configs)
{
    struct error error;
    struct scsi_unit_config config = { .kind = SCSI_DISK };
    ck_assert_ptr_null(scsi_unit_create(&config, &error));
    config.blockdev = &disk.blockdev;
    config.logical_block_size = 4096;
    config.physical_block_size = 512;
    ck_assert_ptr_null(scsi_unit_create(&config, &error));
    config.physical_block_size = 4095;
    ck_assert_ptr_null(scsi_unit_create(&config, &error));
    config.physical_block_size = config.logical_block_size = 65536;
    ck_assert_ptr_null(scsi_unit_create(&config, &error));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("scsi");
    TCase *tests = tcase_create("scsi");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, inquiry);
    tcase_add_test(tests, vital_product_data);
    tcase_add_test(tests, capacity);
    tcase_add_test(tests, units_of_a_target);
    tcase_add_test(tests, read_and_write);
    tcase_add_test(tests, bad_ranges);
    tcase_add_test(tests, provisioning);
    tcase_add_test(tests, host_errors);
    tcase_add_test(tests, sense_that_is_kept);
    tcase_add_test(tests, mode_pages);
    tcase_add_test(tests, cd);
    tcase_add_test(tests, media);
    tcase_add_test(tests, cd_tray);
    tcase_add_loop_test(tests, any_command, 0, 2);
    tcase_add_test(tests, state);
    tcase_add_test(tests, impossible_configs);
    suite_add_tcase(suite, tests);
    return suite;
}
