/* SPDX-License-Identifier: MIT
 *
 * qcow2 images through the blockdev: what is on top of an image (snapshots, discards that are ignored, zeros
 * that are detected), images below, damage that is found while writing, headers that are refused, and the
 * writes of a flush.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/block/qcow2/qcow2.h"
#include "tests/suite.h"

#define CLUSTER 4096u
#define SIZE    (1u << 20)

static char folder[] = "/tmp/rvive-qcow2-XXXXXX";
static char path[64], below[64];
static struct error error;
static uint8_t bytes[SIZE], back[SIZE];

static void create(const char *at, const struct qcow2_options *options)
{
    int fd = open(at, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    struct blockfile *file = blockfile_open(&(struct blockdev_config){ .path = at }, &error);
    ck_assert_msg(file, "%s", error.text);
    ck_assert_msg(qcow2_create(file, options, &error), "%s", error.text);
    blockfile_close(file);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/disk.qcow2", folder);
    snprintf(below, sizeof(below), "%s/below", folder);
    for (unsigned n = 0; n < SIZE; n++)
        bytes[n] = (uint8_t)(n * 31 + n / CLUSTER + 1);
    create(path,
           &(struct qcow2_options){ .size = SIZE, .version = 3, .cluster_bits = 12, .refcount_bits = 16 });
}

static void teardown(void)
{
    unlink(path);
    unlink(below);
    ck_assert_int_eq(rmdir(folder), 0);
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

static struct blockdev *open_with(struct blockdev_config config)
{
    config.path = path;
    struct blockdev *disk = blockdev_open(&config, &error);
    ck_assert_msg(disk, "%s", error.text);
    return disk;
}

static struct blockdev *open_disk(void)
{
    return open_with((struct blockdev_config){ .format = "qcow2" });
}

static void expect(struct blockdev *disk, uint64_t offset, const void *expected, size_t length)
{
    ck_assert_int_eq(blockdev_pread(disk, back, length, offset), 0);
    ck_assert_mem_eq(back, expected, length);
}

static void expect_zero(struct blockdev *disk, uint64_t offset, size_t length)
{
    ck_assert_int_eq(blockdev_pread(disk, back, length, offset), 0);
    ck_assert(blockdev_is_zero(back, length));
}

/* The number of clusters in the image that the disk uses, by the check; there must be no damage. */
static uint64_t used(uint64_t leaks)
{
    struct qcow2_check check = { 0 };
    struct blockdev *disk = open_with((struct blockdev_config){ .read_only = true, .no_repair = true });
    ck_assert_int_eq(qcow2_check(qcow2_of(disk), QCOW2_REPAIR_NONE, &check), 0);
    ck_assert_uint_eq(check.corruptions, 0);
    ck_assert_uint_le(check.leaks, leaks);
    blockdev_destroy(disk);
    return check.clusters_used;
}

static void poke(const char *at, uint64_t offset, const void *what, size_t length)
{
    int fd = open(at, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, what, length, (off_t)offset), (ssize_t)length);
    close(fd);
}

START_TEST(snapshot_on_qcow2)
{
    struct blockdev *disk = open_disk();
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 64 * 1024, 512), 0);
    blockdev_destroy(disk);
    disk = open_with((struct blockdev_config){ .snapshot = true });
    expect(disk, 512, bytes, 64 * 1024);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 4096, 8192), 0);
    expect(disk, 8192, bytes, 4096);
    blockdev_destroy(disk);
    disk = open_disk();
    expect(disk, 512, bytes, 64 * 1024);
    blockdev_destroy(disk);
}
END_TEST

START_TEST(discards_and_zeros)
{
    struct blockdev *disk = open_disk();
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 16 * CLUSTER, 0), 0);
    blockdev_destroy(disk);
    ck_assert_uint_eq(used(0), 16);
    disk = open_with((struct blockdev_config){ .ignore_discard = true });
    ck_assert_int_eq(blockdev_discard(disk, 0, 4 * CLUSTER), 0);
    expect(disk, 0, bytes, 16 * CLUSTER);
    blockdev_destroy(disk);
    disk = open_with((struct blockdev_config){ .detect_zeroes = BLOCKDEV_DETECT_UNMAP });
    memset(back, 0, sizeof(back));
    ck_assert_int_eq(blockdev_pwrite(disk, back, 5 * CLUSTER, 100 * CLUSTER), 0); /* nothing to store */
    ck_assert_int_eq(blockdev_pwrite(disk, back, 4 * CLUSTER, 0), 0);
    expect_zero(disk, 0, 4 * CLUSTER);
    expect(disk, 4 * CLUSTER, bytes + 4 * CLUSTER, 12 * CLUSTER);
    ck_assert_int_eq(blockdev_discard(disk, 4 * CLUSTER, 4 * CLUSTER), 0);
    blockdev_destroy(disk);
    ck_assert_uint_eq(used(0), 8);
}
END_TEST

/* A backing file that ends within a cluster, with writes around its end. */
START_TEST(short_backing_file)
{
    int fd = open(below, O_RDWR | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, bytes, 10 * 512), 10 * 512);
    close(fd);
    create(path, &(struct qcow2_options){ .size = SIZE,
                                          .version = 2 + (unsigned)_i,
                                          .cluster_bits = 12,
                                          .refcount_bits = 16,
                                          .backing = "below",
                                          .backing_format = "raw" });
    struct blockdev *disk = open_disk();
    expect(disk, 0, bytes, 10 * 512);
    expect_zero(disk, 10 * 512, SIZE - 10 * 512);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes + 100, 512, 11 * 512), 0);
    expect(disk, 0, bytes, 10 * 512);
    expect_zero(disk, 10 * 512, 512);
    expect(disk, 11 * 512, bytes + 100, 512);
    expect_zero(disk, 12 * 512, SIZE - 12 * 512);
    ck_assert_int_eq(blockdev_write_zeroes(disk, 0, 8192, true), 0);
    expect_zero(disk, 0, SIZE);
    blockdev_destroy(disk);
    used(0);
}
END_TEST

/* A table that refers to metadata as if it were data: the write is refused, and so are all later ones. */
/* What is below an image is said by whoever opens it, and its format by the image: what the image names,
 * which is not there, is not looked at. */
START_TEST(another_backing_file)
{
    static uint8_t magic[CLUSTER] = "QFI\xfb and no image";
    FILE *file = fopen(below, "w");
    ck_assert(file && fwrite(magic, 1, CLUSTER, file) == CLUSTER &&
              fwrite(bytes, 1, CLUSTER, file) == CLUSTER);
    fclose(file);
    create(path, &(struct qcow2_options){ .size = SIZE,
                                          .version = _i ? 3 : 2,
                                          .cluster_bits = 12,
                                          .refcount_bits = 16,
                                          .backing = "/nix/none",
                                          .backing_format = "raw" });
    const struct blockdev_config other = { .path = below };
    struct blockdev *disk = open_with((struct blockdev_config){ .format = "qcow2", .backing = &other });
    expect(disk, 0, magic, CLUSTER);
    expect(disk, CLUSTER, bytes, CLUSTER);
    expect_zero(disk, 2 * CLUSTER, CLUSTER);
    blockdev_destroy(disk);
    disk = open_with((struct blockdev_config){ .format = "qcow2", .no_backing = true });
    expect_zero(disk, 0, 3 * CLUSTER);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 512, CLUSTER + 512), 0);
    expect_zero(disk, CLUSTER, 512);
    expect(disk, CLUSTER + 512, bytes, 512);
    blockdev_destroy(disk);
    struct blockdev_config raw = { .path = below, .format = "raw", .backing = &other };
    ck_assert(!blockdev_open(&raw, &error) && strstr(error.text, "no backing file"));
}
END_TEST

START_TEST(damage_stops_writes)
{
    struct blockdev *disk = open_disk();
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, CLUSTER, 0), 0);
    struct blockdev_qcow2 *q = qcow2_of(disk);
    uint64_t l2 = q->l1[0] & QCOW2_OFFSET_MASK, reftable = q->header.reftable_offset;
    blockdev_destroy(disk);
    uint64_t entry = htobe64(reftable | QCOW2_COPIED);
    poke(path, l2, &entry, 8);
    disk = open_disk();
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 512, 0), -EIO);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 512, 65536), -EIO);
    blockdev_destroy(disk);
    entry = htobe64((l2 + 512) | QCOW2_COPIED); /* not aligned */
    poke(path, l2, &entry, 8);
    disk = open_disk();
    ck_assert_int_eq(blockdev_pread(disk, back, 512, 0), -EIO);
    expect_zero(disk, 65536, 512);
    blockdev_destroy(disk);
}
END_TEST

static const struct {
    unsigned offset, length;
    uint64_t value;
    const char *message;
} headers[] = {
    { 4, 4, 4, "version 4" },
    { 20, 4, 8, "cluster size" },
    { 20, 4, 22, "cluster size" },
    { 24, 8, 1000, "size of its disk" },
    { 24, 8, 1ull << 63, "size of its disk" },
    { 24, 8, 1ull << 40, "L1 table" },
    { 32, 4, 2, "encrypted" },
    { 36, 4, 0xffffffff, "L1 table" },
    { 40, 8, 0, "L1 table" },
    { 40, 8, 12345, "L1 table" },
    { 40, 8, 1ull << 60, "L1 table" },
    { 48, 8, 0, "refcount table" },
    { 56, 4, 0, "refcount table" },
    { 56, 4, 0xffffffff, "refcount table" },
    { 60, 4, 70000, "snapshots" },
    { 72, 8, 2, "damaged" },
    { 72, 8, 4, "external data file" },
    { 72, 8, 16, "extended L2 entries" },
    { 72, 8, 1ull << 40, "bit 40" },
    { 96, 4, 7, "refcounts" },
    { 100, 4, 96, "header" },
    { 104, 1, 1, "compression type" },
    { 8, 8, 1ull << 40, "backing file" },
    { 116, 4, 0x7fffffff, "extension" },
};

START_TEST(bad_headers)
{
    uint8_t value[8];
    for (unsigned n = 0; n < headers[_i].length; n++)
        value[n] = (uint8_t)(headers[_i].value >> 8 * (headers[_i].length - 1 - n));
    poke(path, headers[_i].offset, value, headers[_i].length);
    struct blockdev_config config = { .path = path };
    ck_assert_ptr_null(blockdev_open(&config, &error));
    ck_assert_msg(strstr(error.text, headers[_i].message) && strstr(error.text, path), "'%s' lacks '%s'",
                  error.text, headers[_i].message);
}
END_TEST

/* ---- Killed between two writes ------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY), out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct stat st;
    ck_assert_int_eq(fstat(in, &st), 0);
    for (off_t at = 0; at < st.st_size; at += SIZE) {
        ssize_t length = pread(in, back, SIZE, at);
        ck_assert_int_eq(pwrite(out, back, (size_t)length, at), length);
    }
    close(in);
    close(out);
}

static int sync_result;
static unsigned syncs;
static int fake_sync(int fd)
{
    (void)fd;
    syncs++;
    errno = EIO;
    return sync_result;
}

/* The host forgets data that it could not save: once a flush has failed, no later flush may succeed, whatever
 * the host reports. 0: raw, 1: qcow2. */
START_TEST(a_failed_flush_stays)
{
    struct blockdev_config config = { .path = path };
    if (!_i)
        ck_assert_int_eq(truncate(path, SIZE), 0);
    struct blockfile *file = blockfile_open(&config, &error);
    ck_assert_msg(file, "%s", error.text);
    struct blockdev *disk =
        _i ? blockdev_qcow2_create(file, &config, &error) : blockdev_raw_create(file, &config, false, &error);
    ck_assert_msg(disk, "%s", error.text);
    file->sync_data = fake_sync;
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, CLUSTER, 0), 0);
    ck_assert_int_eq(blockdev_flush(disk), 0);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, CLUSTER, CLUSTER), 0);
    sync_result = -1;
    ck_assert_int_eq(blockdev_flush(disk), -EIO);
    sync_result = 0;
    unsigned before = syncs;
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_int_eq(blockdev_flush(disk), -EIO);
        ck_assert_int_eq(blockdev_pwrite(disk, bytes, CLUSTER, (n + 2) * CLUSTER), 0);
    }
    ck_assert_uint_eq(syncs, before);
    expect(disk, CLUSTER, bytes, CLUSTER);
    blockdev_destroy(disk);
}
END_TEST

/* ---- The writes of a flush ----------------------------------------------------------------------------- */

/* While `logged` is set, each write to it is noted in `order` (R and L for a refcount block and an L2 table,
 * - for anything else, S for a sync), and the file as it is after write N is kept as folder/N. */
static char order[256];
static uint64_t longest; /* bytes */
static unsigned writes;
static struct blockdev_qcow2 *logged;

int __real_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset);
int __wrap_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset);

static void note(char what)
{
    size_t length = strlen(order);
    ck_assert_uint_lt(length, sizeof(order) - 1);
    order[length] = what;
    order[length + 1] = 0;
}

static const char *copy_name(unsigned n)
{
    static char name[80];
    snprintf(name, sizeof(name), "%s/%u", folder, n);
    return name;
}

/* The linker puts this in the place of blockfile_pwrite() (CMakeLists.txt). */
int __wrap_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset)
{
    int rc = __real_blockfile_pwrite(file, from, length, offset);
    if (!logged)
        return rc;
    uint64_t at = offset & -logged->cluster_size;
    note(at == (logged->reftable[0] & ~511ull) ? 'R' : at == (logged->l1[0] & QCOW2_OFFSET_MASK) ? 'L' : '-');
    longest = length > longest ? length : longest;
    copy_file(path, copy_name(writes++));
    return rc;
}

static int note_sync(int fd)
{
    note('S');
    return fdatasync(fd);
}

static void flush_logged(struct blockdev *disk)
{
    order[0] = 0;
    writes = 0;
    longest = 0;
    logged = qcow2_of(disk);
    logged->file->sync_data = note_sync;
    ck_assert_int_eq(blockdev_flush(disk), 0);
    logged = NULL;
}

/* A process may be killed after any write of a flush: what it leaves has leaks at most, and after the last
 * one none. */
START_TEST(each_step_of_a_flush)
{
    create(path, &(struct qcow2_options){
                     .size = SIZE, .version = 2 + (unsigned)_i, .cluster_bits = 9, .refcount_bits = 16 });
    struct blockdev *disk = open_disk();
    /* Tables of both kinds, and discards of clusters that are in the file already. */
    for (unsigned n = 0; n < 40; n++)
        ck_assert_int_eq(blockdev_pwrite(disk, bytes, 1024, n * 8192), 0);
    ck_assert_int_eq(blockdev_flush(disk), 0);
    for (unsigned n = 0; n < 40; n++) {
        ck_assert_int_eq(blockdev_discard(disk, n * 8192, 512), 0);
        ck_assert_int_eq(blockdev_pwrite(disk, bytes, 1024, n * 8192 + 2048), 0);
    }
    flush_logged(disk);
    blockdev_destroy(disk);
    ck_assert_uint_eq(used(0), 40 + 80);
    ck_assert_uint_gt(writes, 10);
    for (unsigned n = 0; n < writes; n++) {
        ck_assert_int_eq(rename(copy_name(n), path), 0);
        used(200);
    }
}
END_TEST

/* A process may be killed between any two of the writes, so they follow each other without a wait in between
 * where there is a dirty bit (_i 0), and with a sync after each where there is none (_i 1: version 2). Only
 * what changed of a table is written. */
START_TEST(order_of_a_flush)
{
    const unsigned large = 1u << 16;
    create(path, &(struct qcow2_options){
                     .size = SIZE, .version = 3 - (unsigned)_i, .cluster_bits = 16, .refcount_bits = 16 });
    struct blockdev *disk = open_disk();
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, 4 * large, 0), 0);
    ck_assert_int_eq(blockdev_flush(disk), 0);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, large, 5 * large), 0);
    ck_assert_int_eq(blockdev_discard(disk, large, large), 0);
    flush_logged(disk);
    ck_assert_str_eq(order, _i ? "RSLSRSS" : "RLRS");
    ck_assert_uint_le(longest, 4096);
    blockdev_destroy(disk);
    for (unsigned n = 0; n < writes; n++)
        ck_assert_int_eq(unlink(copy_name(n)), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("qcow2");
    TCase *tcase = tcase_create("qcow2");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, snapshot_on_qcow2);
    tcase_add_test(tcase, discards_and_zeros);
    tcase_add_loop_test(tcase, short_backing_file, 0, 2);
    tcase_add_loop_test(tcase, another_backing_file, 0, 2);
    tcase_add_test(tcase, damage_stops_writes);
    tcase_add_loop_test(tcase, bad_headers, 0, sizeof(headers) / sizeof(headers[0]));
    tcase_add_loop_test(tcase, each_step_of_a_flush, 0, 2);
    tcase_add_loop_test(tcase, a_failed_flush_stays, 0, 2);
    tcase_add_loop_test(tcase, order_of_a_flush, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
