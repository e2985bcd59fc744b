/* SPDX-License-Identifier: MIT
 *
 * NOR flash at register level: the commands as firmware gives them, what locked and read-only blocks answer,
 * and that the image has the contents of the array.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "devices/platform/pflash_cfi.h"
#include "tests/devices/fake.h"
#include "tests/suite.h"
#include "util/log.h"

#define READY 0x00800080u
#define BLOCK 0x40000u
#define BASE  0x20000000ull

static char path[] = "/tmp/rvive-pflash-XXXXXX";
static struct blockdev *image;
static struct device *flash;
static struct error error;

static void open_flash(bool read_only)
{
    struct blockdev_config config = { .path = path, .format = "raw", .read_only = read_only };
    image = blockdev_open(&config, &error);
    ck_assert_msg(image, "%s", error.text);
    flash = pflash_cfi_create(&(struct pflash_config){ .blockdev = image, .fdt_banks = 2 }, &error);
    ck_assert_msg(flash, "%s", error.text);
}

/* Lies between the flash and its image: a host's disk that is full, or that fails to save. */
static struct failing {
    struct blockdev blockdev; /* must be first */
    struct blockdev *below;
    atomic_int write_error, flush_error; /* negative errno; 0: none */
    atomic_uint writes;
} failing;

static int failing_pwritev(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                           uint64_t offset)
{
    struct failing *self = (struct failing *)blockdev;
    atomic_fetch_add(&self->writes, 1);
    return self->write_error ? self->write_error : blockdev_pwritev(self->below, iov, count, bytes, offset);
}

static int failing_preadv(struct blockdev *blockdev, struct iovec *iov, unsigned count, uint64_t bytes,
                          uint64_t offset)
{
    return blockdev_preadv(((struct failing *)blockdev)->below, iov, count, bytes, offset);
}

static int failing_flush(struct blockdev *blockdev)
{
    return ((struct failing *)blockdev)->flush_error;
}

static void close_flash(void)
{
    flash->ops->destroy(flash);
    blockdev_destroy(image);
}

static void setup(void)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, PFLASH_BANK_BYTES), 0);
    ck_assert_int_eq(pwrite(fd, "firmware", 8, 0x1000), 8);
    close(fd);
    open_flash(false);
}

static void teardown(void)
{
    close_flash();
    unlink(path);
}

static uint32_t read32(uint64_t offset)
{
    return (uint32_t)fake_read(flash, offset, 4);
}

/* Both chips get the command, as drivers send it. */
static void command(uint64_t offset, uint32_t byte)
{
    fake_write(flash, offset, 4, byte << 16 | byte);
}

static void erase(uint64_t offset)
{
    command(offset, 0x20);
    command(offset, 0xd0);
}

static void program(uint64_t offset, uint32_t word)
{
    command(offset, 0x40);
    fake_write(flash, offset, 4, word);
}

/* Checks the image itself, after the device was closed. */
static void expect_in_image(uint64_t offset, const void *bytes, size_t length)
{
    uint8_t back[64];
    close_flash();
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(pread(fd, back, length, (off_t)offset), (ssize_t)length);
    close(fd);
    ck_assert_mem_eq(back, bytes, length);
    open_flash(false);
}

START_TEST(array)
{
    uint64_t firmware;
    memcpy(&firmware, "firmware", 8);
    ck_assert_uint_eq(fake_read(flash, 0x1000, 8), firmware);
    ck_assert_uint_eq(fake_read(flash, 0x1001, 1), 'i');
    ck_assert_uint_eq(fake_read(flash, PFLASH_BANK_BYTES - 8, 8), 0);
    ck_assert_mem_eq(pflash_cfi_bytes(flash) + 0x1000, "firmware", 8);
}
END_TEST

START_TEST(query_and_id)
{
    static const char text[] = "QRY";
    command(0x55 * 4, 0x98);
    for (unsigned n = 0; n < 3; n++)
        ck_assert_uint_eq(read32((0x10 + n) * 4), (uint32_t)text[n] << 16 | (uint32_t)text[n]);
    ck_assert_uint_eq(read32(0x13 * 4) & 0xff, 1);  /* command set */
    ck_assert_uint_eq(read32(0x27 * 4) & 0xff, 24); /* 16 MiB a chip */
    ck_assert_uint_eq(read32(0x2c * 4) & 0xff, 1);
    unsigned blocks = (read32(0x2d * 4) & 0xff) + 1, size = (read32(0x30 * 4) & 0xff) * 65536;
    ck_assert_uint_eq(blocks * size * 2, PFLASH_BANK_BYTES);
    ck_assert_uint_eq(read32(0x31 * 4) & 0xff, 'P');
    ck_assert_uint_eq(fake_read(flash, 0xff * 4, 1), 0); /* beyond the table */
    command(0, 0x90);
    ck_assert_uint_eq(read32(0), 0x00890089);
    ck_assert_uint_eq(read32(4), 0x00180018);
    ck_assert_uint_eq(fake_read(flash, 0, 8), 0x0018001800890089);
    command(0, 0xff);
    ck_assert_uint_eq(fake_read(flash, 0x1000, 1), 'f');
}
END_TEST

START_TEST(erase_and_program)
{
    erase(BLOCK + 12);
    ck_assert_uint_eq(read32(BLOCK), READY);
    command(0, 0xff);
    ck_assert_uint_eq(read32(BLOCK), 0xffffffff);
    ck_assert_uint_eq(read32(2 * BLOCK - 4), 0xffffffff);
    ck_assert_uint_eq(read32(BLOCK - 4), 0);
    ck_assert_uint_eq(read32(2 * BLOCK), 0);
    program(BLOCK + 8, 0x12345678);
    ck_assert_uint_eq(read32(BLOCK), READY);
    program(BLOCK + 8, 0xffff00ff); /* only clears bits */
    command(0, 0xff);
    ck_assert_uint_eq(read32(BLOCK + 8), 0x12340078);
    expect_in_image(BLOCK + 8, "\x78\0\x34\x12\xff\xff", 6);
    ck_assert_uint_eq(read32(BLOCK + 8), 0x12340078);
    command(0, 0x20);
    command(0, 0x12); /* this does not confirm */
    ck_assert_uint_eq(read32(0), READY | 0x300030);
    command(0, 0x50);
    command(0, 0x70);
    ck_assert_uint_eq(read32(0), READY);
    ck_assert_uint_eq(fake_read(flash, 0x1000, 1), 0x80);
}
END_TEST

START_TEST(buffered_program)
{
    uint32_t words[8];
    erase(0);
    command(BLOCK * 0 + 64, 0xe8);
    ck_assert_uint_eq(read32(64), READY);
    command(64, 8 - 1);
    for (unsigned n = 0; n < 8; n++) {
        words[n] = 0x01010101u * (n + 1);
        fake_write(flash, 64 + 4 * n, 4, words[n]);
    }
    command(64, 0xd0);
    ck_assert_uint_eq(read32(0), READY);
    command(0, 0xff);
    for (unsigned n = 0; n < 8; n++)
        ck_assert_uint_eq(read32(64 + 4 * n), words[n]);
    ck_assert_uint_eq(read32(60), 0xffffffff);
    ck_assert_uint_eq(read32(96), 0xffffffff);
    expect_in_image(64, words, 32);
    /* outside the buffer, over a block's end, without confirmation: errors, and nothing is programmed */
    static const uint64_t second[] = { 0x100000, 60, 64 + 4096, BLOCK };
    for (unsigned n = 0; n < 4; n++) {
        uint64_t first = n == 3 ? BLOCK - 4 : 128;
        command(first, 0xe8);
        command(first, 1);
        fake_write(flash, first, 4, 0);
        fake_write(flash, second[n], 4, 0);
        command(first, 0xd0);
        ck_assert_uint_eq(read32(0), READY | 0x100010);
        command(0, 0x50);
        command(0, 0xff);
        ck_assert_uint_eq(read32(first), 0xffffffff);
    }
    command(128, 0xe8);
    command(128, 0);
    fake_write(flash, 128, 4, 0);
    command(128, 0xff);
    command(0, 0x70);
    ck_assert_uint_eq(read32(0), READY | 0x100010);
}
END_TEST

START_TEST(locks)
{
    erase(BLOCK);
    command(BLOCK, 0x60);
    command(BLOCK, 0x01);
    command(BLOCK, 0x90);
    ck_assert_uint_eq(read32(BLOCK + 8), 0x00010001);
    ck_assert_uint_eq(read32(8), 0);
    program(BLOCK, 0);
    ck_assert_uint_eq(read32(BLOCK), READY | 0x120012);
    erase(BLOCK);
    ck_assert_uint_eq(read32(BLOCK), READY | 0x320032);
    command(BLOCK, 0x50);
    command(BLOCK, 0x60);
    command(BLOCK, 0xd0);
    program(BLOCK, 0x5a5a5a5a);
    command(BLOCK, 0xff);
    ck_assert_uint_eq(read32(BLOCK), 0x5a5a5a5a);
}
END_TEST

START_TEST(read_only_image)
{
    close_flash();
    open_flash(true);
    erase(0);
    ck_assert_uint_eq(read32(0), READY | 0x220022);
    command(0, 0x50);
    program(0x1000, 0);
    ck_assert_uint_eq(read32(0), READY | 0x120012);
    command(0, 0xff);
    ck_assert_uint_eq(fake_read(flash, 0x1000, 1), 'f');
}
END_TEST

START_TEST(state)
{
    erase(0);
    program(16, 0xcafe1234);
    command(BLOCK, 0x60);
    command(BLOCK, 0x01);
    command(32, 0xe8);
    command(32, 1);
    fake_write(flash, 32, 4, 0x11223344);
    fake_state_copy(flash, flash);
    fake_write(flash, 36, 4, 0x55667788); /* continues where it was */
    command(32, 0xd0);
    command(0, 0xff);
    ck_assert_uint_eq(read32(32), 0x11223344);
    ck_assert_uint_eq(read32(36), 0x55667788);
}
END_TEST

/* Finds a field's value in a saved state. */
static uint8_t *field_in(const struct state_writer *writer, const char *name)
{
    size_t length = strlen(name);
    for (size_t at = 0; at + 1 + length + 8 < writer->length; at++)
        if (writer->bytes[at] == length && memcmp(writer->bytes + at + 1, name, length) == 0)
            return writer->bytes + at + 1 + length + 8;
    ck_abort_msg("no field %s", name);
}

/* Each value is possible, but not together: the buffer would be programmed beyond the end of the flash. */
START_TEST(forged_buffer)
{
    struct state_writer writer;
    struct state_reader reader;
    uint64_t last = PFLASH_BANK_BYTES - 1;
    command(0, 0xe8);
    command(0, 0);
    fake_write(flash, 0, 4, 0x11223344); /* the next write confirms */
    state_writer_init(&writer);
    flash->ops->save(flash, &writer);
    memset(field_in(&writer, "touched"), 1, 1024);
    memcpy(field_in(&writer, "buffer_at"), &last, sizeof(last));
    error.text[0] = 0;
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    bool loaded = flash->ops->load(flash, &reader);
    command(0, 0xd0);
    ck_assert(!loaded);
    ck_assert_msg(strstr(error.text, "pflash"), "%s", error.text);
    state_writer_destroy(&writer);
}
END_TEST

static void open_failing(void)
{
    static const struct blockdev_ops ops = {
        .name = "failing", .preadv = failing_preadv, .pwritev = failing_pwritev, .flush = failing_flush
    };
    flash->ops->destroy(flash);
    failing.blockdev = (struct blockdev){ .ops = &ops, .size = image->size };
    failing.below = image;
    failing.write_error = failing.flush_error = 0;
    failing.writes = 0;
    flash = pflash_cfi_create(&(struct pflash_config){ .blockdev = &failing.blockdev }, &error);
    ck_assert_msg(flash, "%s", error.text);
}

/* Programs zeros to all of a block for that long, as a guest would, and ignores the results. */
static void hammer(unsigned milliseconds)
{
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    do {
        for (unsigned n = 0; n < 1000; n++)
            program(BLOCK + 4096 * (n % 64), 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

static unsigned lines_of(const char *file)
{
    unsigned lines = 0;
    FILE *stream = fopen(file, "r");
    ck_assert_ptr_nonnull(stream);
    for (int c; (c = fgetc(stream)) != EOF;)
        lines += c == '\n';
    fclose(stream);
    return lines;
}

/* The host's disk is full: the guest and the user are told, but not with a line for each write; data that
 * could not be saved is saved when there is room again. */
START_TEST(full_disk)
{
    char log[sizeof(path) + 4];
    snprintf(log, sizeof(log), "%s.log", path);
    ck_assert(log_open(log));
    open_failing();
    erase(BLOCK);
    program(BLOCK + 16, 0x11223344);
    failing.write_error = -ENOSPC;
    hammer(3000);
    ck_assert_uint_ge(failing.writes, 64);
    ck_assert_uint_eq(read32(0), READY | 0x100010);
    ck_assert_uint_ge(lines_of(log), 1);
    ck_assert_uint_le(lines_of(log), 3);
    command(0, 0x50);
    failing.write_error = 0;
    for (unsigned n = 0; n < 300; n++) { /* until a program ends without an error */
        command(0, 0x50);
        program(BLOCK + 20, 0);
        if (read32(0) == READY)
            break;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    ck_assert_uint_eq(read32(0), READY);
    expect_in_image(BLOCK + 16, "\x44\x33\x22\x11", 4);
    expect_in_image(BLOCK + 4096 * 63, "\0\0\0\0\xff\xff\xff\xff", 8);
    unlink(log);
}
END_TEST

/* A flush fails: all that was written since the last good one is written again. */
START_TEST(failed_flush)
{
    open_failing();
    failing.flush_error = -EIO;
    program(BLOCK, 0);
    for (unsigned n = 0; n < 500 && failing.writes < 2; n++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    ck_assert_uint_ge(failing.writes, 2);
    program(BLOCK, 0);
    ck_assert_uint_eq(read32(0), READY | 0x100010);
    failing.flush_error = 0;
}
END_TEST

START_TEST(size_and_node)
{
    void *fdt = fake_fdt(flash, &(struct fdt_place){ .base = BASE, .size = PFLASH_BANK_BYTES });
    FAKE_FDT_STRINGS(fdt, "/soc/flash@20000000", "compatible", "cfi-flash");
    FAKE_FDT_CELLS(fdt, "/soc/flash@20000000", "reg", 0, 0x20000000, 0, 0x2000000, 0, 0x22000000, 0,
                   0x2000000);
    FAKE_FDT_CELLS(fdt, "/soc/flash@20000000", "bank-width", 4);
    free(fdt);
    close_flash();
    ck_assert_int_eq(truncate(path, 4096), 0);
    struct blockdev_config config = { .path = path, .format = "raw" };
    struct blockdev *small = blockdev_open(&config, &error);
    ck_assert_ptr_null(pflash_cfi_create(&(struct pflash_config){ .blockdev = small }, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "truncate -s 33554432"));
    blockdev_destroy(small);
    ck_assert_int_eq(truncate(path, PFLASH_BANK_BYTES), 0);
    open_flash(false);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pflash");
    TCase *tcase = tcase_create("pflash");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, array);
    tcase_add_test(tcase, query_and_id);
    tcase_add_test(tcase, erase_and_program);
    tcase_add_test(tcase, buffered_program);
    tcase_add_test(tcase, locks);
    tcase_add_test(tcase, read_only_image);
    tcase_add_test(tcase, state);
    tcase_add_test(tcase, forged_buffer);
    tcase_add_test(tcase, full_disk);
    tcase_add_test(tcase, failed_flush);
    tcase_add_test(tcase, size_and_node);
    suite_add_tcase(suite, tcase);
    return suite;
}
