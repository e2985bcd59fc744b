/* SPDX-License-Identifier: MIT
 *
 * Block devices apart from any guest: what can be opened, which message the rest gets, locks within a process
 * and between two processes, transfers, holes, and the snapshot against a model.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/block/blockdev.h"
#include "tests/suite.h"

static char folder[] = "/tmp/rvive-blockdev-XXXXXX";
static char path[64];
static struct error error;

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/disk.img", folder);
    error.text[0] = 0;
}

static void teardown(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* this also checks that nothing else was left there */
}

static void make_image(size_t bytes)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    for (size_t n = 0; n < bytes; n++) {
        uint8_t byte = (uint8_t)(n / 512 + n);
        ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)n), 1);
    }
    close(fd);
}

/* FNV-1a of the image file. */
static uint64_t image_checksum(void)
{
    uint64_t hash = 0xcbf29ce484222325;
    uint8_t byte;
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    while (fread(&byte, 1, 1, file) == 1)
        hash = (hash ^ byte) * 0x100000001b3;
    fclose(file);
    return hash;
}

static struct blockdev *open_as(bool read_only, bool snapshot)
{
    struct blockdev_config config = { .path = path, .read_only = read_only, .snapshot = snapshot };
    return blockdev_open(&config, &error);
}

static void expect_message(struct blockdev *blockdev, const char *what, const char *where)
{
    ck_assert_ptr_null(blockdev);
    ck_assert_msg(strstr(error.text, what) && strstr(error.text, where), "'%s' lacks '%s' or '%s'",
                  error.text, what, where);
}

static int transfer(struct blockdev *blockdev, bool write, void *bytes, uint64_t length, uint64_t offset)
{
    /* In pieces of different lengths. */
    struct iovec iov[3] = { { bytes, length / 3 },
                            { (uint8_t *)bytes + length / 3, 1 },
                            { (uint8_t *)bytes + length / 3 + 1, length - length / 3 - 1 } };
    return write ? blockdev_pwritev(blockdev, iov, 3, length, offset)
                 : blockdev_preadv(blockdev, iov, 3, length, offset);
}

START_TEST(what_cannot_be_opened)
{
    expect_message(open_as(false, false), "No such file", path);
    expect_message(open_as(true, false), "No such file", path);
    struct blockdev_config config = { .path = folder };
    expect_message(blockdev_open(&config, &error), "directory", folder);
    config.read_only = true;
    expect_message(blockdev_open(&config, &error), "directory", folder);
    config = (struct blockdev_config){ .path = "/dev/null" };
    expect_message(blockdev_open(&config, &error), "neither a file nor a block device", "/dev/null");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_message(open_as(false, false), "neither a file nor a block device", path);
    expect_message(open_as(true, false), "neither a file nor a block device", path);
}
END_TEST

START_TEST(odd_sizes)
{
    static const size_t sizes[] = { 1, 511, 513, 1000 };
    struct stat st;
    char padded[64];
    for (unsigned n = 0; n < 4; n++) {
        make_image(sizes[n]);
        uint64_t before = image_checksum();
        snprintf(padded, sizeof(padded), "truncate -s %zu ", (sizes[n] / 512 + 1) * 512);
        for (unsigned mode = 0; mode < 4; mode++)
            expect_message(open_as(mode & 1, mode & 2), padded, path);
        char size[32];
        snprintf(size, sizeof(size), " %zu bytes", sizes[n]);
        ck_assert_ptr_nonnull(strstr(error.text, size));
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq((size_t)st.st_size, sizes[n]);
        ck_assert_uint_eq(image_checksum(), before);
    }
}
END_TEST

START_TEST(formats)
{
    make_image(1024);
    struct blockdev_config config = { .path = path, .format = "qcow2" };
    expect_message(blockdev_open(&config, &error), "does not begin like one", path);
    config.format = "vmdk";
    expect_message(blockdev_open(&config, &error), "a vmdk image", path);
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "QFI\xfb\0\0\0\3", 8, 0), 8);
    close(fd);
    config.format = NULL;
    expect_message(blockdev_open(&config, &error), "not a good qcow2 image", path);
    config.format = "raw";
    struct blockdev *blockdev = blockdev_open(&config, &error);
    ck_assert_msg(blockdev, "%s", error.text);
    blockdev_destroy(blockdev);
}
END_TEST

START_TEST(locks_within_a_process)
{
    make_image(1024);
    struct blockdev *writer = open_as(false, false);
    ck_assert_msg(writer, "%s", error.text);
    expect_message(open_as(false, false), "in use", path);
    expect_message(open_as(true, false), "being written", path);
    expect_message(open_as(false, true), "being written", path);
    blockdev_destroy(writer);
    struct blockdev *reader = open_as(true, false), *snapshot = open_as(false, true);
    ck_assert_msg(reader && snapshot, "%s", error.text);
    expect_message(open_as(false, false), "in use", path);
    blockdev_destroy(reader);
    expect_message(open_as(false, false), "in use", path);
    blockdev_destroy(snapshot);
    writer = open_as(false, false);
    ck_assert_msg(writer, "%s", error.text);
    blockdev_destroy(writer);
}
END_TEST

/* Opens the image in a child process: 0 if it can be opened, 1 if it is locked, 2 otherwise. */
static int open_in_child(bool read_only)
{
    pid_t child = fork();
    if (!child) {
        struct blockdev *blockdev = open_as(read_only, false);
        if (blockdev)
            blockdev_destroy(blockdev);
        _exit(blockdev ? 0 : strstr(error.text, read_only ? "being written" : "in use") ? 1 : 2);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(locks_between_processes)
{
    make_image(1024);
    struct blockdev *blockdev = open_as(false, false);
    ck_assert_int_eq(open_in_child(false), 1);
    ck_assert_int_eq(open_in_child(true), 1);
    blockdev_destroy(blockdev);
    blockdev = open_as(true, false);
    ck_assert_int_eq(open_in_child(false), 1);
    ck_assert_int_eq(open_in_child(true), 0);
    blockdev_destroy(blockdev);
    ck_assert_int_eq(open_in_child(false), 0);
}
END_TEST

START_TEST(raw_transfers)
{
    uint8_t bytes[2048], back[2048];
    make_image(8192);
    struct blockdev *blockdev = open_as(false, false);
    ck_assert_uint_eq(blockdev->size, 8192);
    ck_assert(!blockdev->read_only);
    memset(bytes, 0x5a, sizeof(bytes));
    ck_assert_int_eq(transfer(blockdev, true, bytes, 2048, 1024), 0);
    ck_assert_int_eq(transfer(blockdev, false, back, 2048, 1024), 0);
    ck_assert_mem_eq(bytes, back, 2048);
    ck_assert_int_eq(blockdev_flush(blockdev), 0);
    memset(bytes, 0, sizeof(bytes));
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        ck_assert_int_eq(blockdev_write_zeroes(blockdev, 2048 + 512 * unmap, 512, unmap), 0);
        ck_assert_int_eq(transfer(blockdev, false, back, 512, 2048 + 512 * unmap), 0);
        ck_assert_mem_eq(bytes, back, 512);
    }
    ck_assert_int_eq(blockdev_discard(blockdev, 4096, 4096), 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_size, 8192);
    ck_assert_int_eq(transfer(blockdev, false, back, 512, 8192), -EIO);
    blockdev_destroy(blockdev);
}
END_TEST

START_TEST(read_only_refuses)
{
    uint8_t bytes[512] = { 0 };
    make_image(1024);
    struct blockdev *blockdev = open_as(true, false);
    ck_assert(blockdev->read_only);
    ck_assert_int_eq(transfer(blockdev, true, bytes, 512, 0), -EROFS);
    ck_assert_int_eq(blockdev_discard(blockdev, 0, 512), -EROFS);
    ck_assert_int_eq(blockdev_write_zeroes(blockdev, 0, 512, false), -EROFS);
    ck_assert_int_eq(blockdev_flush(blockdev), 0);
    blockdev_destroy(blockdev);
}
END_TEST

/* Random transfers against an array in memory. */
START_TEST(snapshot_against_a_model)
{
    enum { SECTORS = 300 };
    static uint8_t model[SECTORS * 512], bytes[SECTORS * 512];
    make_image(sizeof(model));
    uint64_t before = image_checksum();
    struct blockdev *blockdev = open_as(false, true);
    ck_assert_msg(blockdev, "%s", error.text);
    ck_assert(!blockdev->read_only);
    ck_assert_int_eq(transfer(blockdev, false, model, sizeof(model), 0), 0);
    unsigned seed = 1;
    for (unsigned n = 0; n < 3000; n++) {
        unsigned first = (unsigned)rand_r(&seed) % SECTORS;
        unsigned limit = n % 5 ? 12 : 200;
        unsigned count = 1 + (unsigned)rand_r(&seed) % limit;
        if (count > SECTORS - first)
            count = SECTORS - first;
        size_t at = first * 512, length = count * 512;
        switch ((n % 100 < 60) ? 0 : rand_r(&seed) % 4) {
        case 1:
            memset(bytes, (int)n, length);
            ck_assert_int_eq(transfer(blockdev, true, bytes, length, at), 0);
            memset(model + at, (int)n, length);
            break;
        case 2:
            ck_assert_int_eq(blockdev_write_zeroes(blockdev, at, length, n & 1), 0);
            memset(model + at, 0, length);
            break;
        case 3: /* reads back as zeros with this image */
            ck_assert_int_eq(blockdev_discard(blockdev, at, length), 0);
            memset(model + at, 0, length);
            break;
        default:
            ck_assert_int_eq(transfer(blockdev, false, bytes, length, at), 0);
            ck_assert_mem_eq(bytes, model + at, length);
        }
    }
    blockdev_destroy(blockdev);
    ck_assert_uint_eq(image_checksum(), before);
}
END_TEST

START_TEST(snapshot_folder)
{
    make_image(1024);
    setenv("TMPDIR", "/nonexistent", 1);
    expect_message(open_as(false, true), "TMPDIR", "/nonexistent");
    setenv("TMPDIR", folder, 1);
    struct blockdev *blockdev = open_as(false, true);
    ck_assert_msg(blockdev, "%s", error.text);
    uint8_t bytes[512] = { 1 };
    ck_assert_int_eq(transfer(blockdev, true, bytes, 512, 0), 0);
    blockdev_destroy(blockdev);
}
END_TEST

static void note_size(void *opaque)
{
    ++*(unsigned *)opaque;
}

/* Operations are counted by kind, failures apart; the file's size follows the disk's. */
START_TEST(counts_and_sizes)
{
    unsigned told = 0;
    uint8_t bytes[4096] = { 1 };
    uint64_t allocated, highest;
    struct stat status;
    make_image(8192);
    struct blockdev *blockdev = open_as(false, false);
    ck_assert_msg(blockdev, "%s", error.text);
    ck_assert_int_eq(transfer(blockdev, true, bytes, 512, 1024), 0);
    ck_assert_int_eq(transfer(blockdev, false, bytes, 4096, 0), 0);
    ck_assert_int_eq(transfer(blockdev, false, bytes, 512, 0), 0);
    ck_assert_int_ne(transfer(blockdev, false, bytes, 512, 8192), 0);
    ck_assert_int_eq(blockdev_flush(blockdev), 0);
    ck_assert_int_eq(blockdev_discard(blockdev, 0, 4096), 0);
    ck_assert_int_eq(blockdev_write_zeroes(blockdev, 4096, 512, false), 0);
    struct blockdev_counts reads = blockdev_counts(blockdev, BLOCKDEV_READS);
    struct blockdev_counts writes = blockdev_counts(blockdev, BLOCKDEV_WRITES);
    ck_assert_uint_eq(reads.operations, 2);
    ck_assert_uint_eq(reads.bytes, 4608);
    ck_assert_uint_eq(reads.failed, 1);
    ck_assert_uint_ne(reads.ns, 0);
    ck_assert_uint_eq(writes.operations, 2);
    ck_assert_uint_eq(writes.bytes, 1024);
    ck_assert_uint_eq(blockdev_counts(blockdev, BLOCKDEV_FLUSHES).operations, 1);
    ck_assert_uint_eq(blockdev_counts(blockdev, BLOCKDEV_UNMAPS).bytes, 4096);
    ck_assert(blockdev_file_counts(blockdev, &allocated, &highest));
    ck_assert_uint_eq(highest, 1536);
    ck_assert_uint_eq(atomic_load(&blockdev->highest), 4608);
    ck_assert(!blockdev_resize(blockdev, 16384, &error)); /* no device could tell its guest */
    blockdev->resized = note_size;
    blockdev->resized_opaque = &told;
    ck_assert_msg(blockdev_resize(blockdev, 16384, &error), "%s", error.text);
    ck_assert_int_eq(transfer(blockdev, false, bytes, 512, 16384 - 512), 0);
    ck_assert_msg(blockdev_resize(blockdev, 512, &error), "%s", error.text);
    ck_assert_uint_eq(told, 2);
    ck_assert_uint_eq(blockdev_size(blockdev), 512);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_size, 512);
    blockdev_destroy(blockdev);
    blockdev = open_as(true, false);
    blockdev->resized = note_size;
    ck_assert(!blockdev_resize(blockdev, 1024, &error));
    blockdev_destroy(blockdev);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("blockdev");
    TCase *tcase = tcase_create("blockdev");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_cannot_be_opened);
    tcase_add_test(tcase, odd_sizes);
    tcase_add_test(tcase, formats);
    tcase_add_test(tcase, locks_within_a_process);
    tcase_add_test(tcase, locks_between_processes);
    tcase_add_test(tcase, raw_transfers);
    tcase_add_test(tcase, read_only_refuses);
    tcase_add_test(tcase, snapshot_against_a_model);
    tcase_add_test(tcase, snapshot_folder);
    tcase_add_test(tcase, counts_and_sizes);
    suite_add_tcase(suite, tcase);
    return suite;
}
