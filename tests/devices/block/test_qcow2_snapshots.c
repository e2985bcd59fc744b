/* SPDX-License-Identifier: MIT
 *
 * Snapshots inside qcow2 images: a long random sequence against a model, the state of a machine, each write
 * after which the process may be killed, tables from a hostile source, and, where qemu-img is installed, what
 * it says of our images and we of its.
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

#include "devices/block/qcow2/qcow2.h"
#include "devices/block/qcow2/snapshots.h"
#include "tests/suite.h"

#define CLUSTER 512u
#define SIZE    (256u << 10)
#define SLOTS   4u

static char folder[] = "/tmp/rvive-qcow2-XXXXXX";
static char path[64], copies[64];
static struct error error;
static uint8_t bytes[SIZE], back[SIZE], state[SIZE];

static void create_image(const struct qcow2_options *options)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    struct blockfile *file = blockfile_open(&(struct blockdev_config){ .path = path }, &error);
    ck_assert_msg(file && qcow2_create(file, options, &error), "%s", error.text);
    blockfile_close(file);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/disk.qcow2", folder);
    snprintf(copies, sizeof(copies), "%s/copy.qcow2", folder);
    for (unsigned n = 0; n < SIZE; n++) {
        bytes[n] = (uint8_t)(n * 31 + n / CLUSTER + 1);
        state[n] = (uint8_t)(n * 7 + n / 256 + 5);
    }
    create_image(
        &(struct qcow2_options){ .size = SIZE, .version = 3, .cluster_bits = 9, .refcount_bits = 16 });
}

static void teardown(void)
{
    unlink(path);
    unlink(copies);
    ck_assert_int_eq(rmdir(folder), 0);
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
}

static struct blockdev *open_at(const char *at, bool read_only)
{
    struct blockdev_config config = {
        .path = at, .format = "qcow2", .read_only = read_only, .no_repair = read_only
    };
    struct blockdev *disk = blockdev_open(&config, &error);
    ck_assert_msg(disk, "%s", error.text);
    return disk;
}

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "%s: %s\n", (const char *)opaque, line);
}

/* The image must be sound, by the check and, if `peer`, by qemu-img. */
static void sound(const char *at, bool peer)
{
    struct qcow2_check check = { .say = say, .opaque = (void *)(uintptr_t)at };
    struct blockdev *disk = open_at(at, true);
    ck_assert_int_eq(qcow2_check(qcow2_of(disk), QCOW2_REPAIR_NONE, &check), 0);
    ck_assert_uint_eq(check.corruptions + check.leaks + check.errors, 0);
    blockdev_destroy(disk);
    char command[200];
    snprintf(command, sizeof(command), "! command -v qemu-img >/dev/null || qemu-img check -q %s", at);
    ck_assert_int_eq(peer ? system(command) : 0, 0);
}

static struct qcow2_snapshot find(struct blockdev *disk, const char *name)
{
    struct qcow2_snapshot snapshot;
    bool found;
    ck_assert_msg(qcow2_snapshot_find(disk, name, true, &snapshot, &found, &error), "%s", error.text);
    ck_assert_msg(found, "there is no snapshot %s", name);
    return snapshot;
}

static unsigned count_of(struct blockdev *disk)
{
    struct qcow2_snapshot *list;
    unsigned count;
    ck_assert_msg(qcow2_snapshot_list(disk, &list, &count, &error), "%s", error.text);
    free(list);
    return count;
}

static void make(struct blockdev *disk, const char *name, uint64_t state_bytes)
{
    struct qcow2_snapshot snapshot = {
        .date_s = 1, .clock_ns = 2, .state_bytes = state_bytes, .instructions = UINT64_MAX
    };
    snprintf(snapshot.name, sizeof(snapshot.name), "%s", name);
    ck_assert_msg(qcow2_snapshot_create(disk, &snapshot, &error), "%s", error.text);
}

static void apply(struct blockdev *disk, const char *name)
{
    struct qcow2_snapshot snapshot = find(disk, name);
    ck_assert_msg(qcow2_snapshot_apply(disk, &snapshot, &error), "%s", error.text);
}

static void delete (struct blockdev *disk, const char *name)
{
    struct qcow2_snapshot snapshot = find(disk, name);
    ck_assert_msg(qcow2_snapshot_delete(disk, &snapshot, &error), "%s", error.text);
}

static void expect(struct blockdev *disk, const uint8_t *expected)
{
    ck_assert_int_eq(blockdev_pread(disk, back, SIZE, 0), 0);
    ck_assert_mem_eq(back, expected, SIZE);
}

static void expect_state(struct blockdev *disk, const char *name, const uint8_t *expected, uint64_t length)
{
    struct qcow2_snapshot snapshot = find(disk, name);
    ck_assert_uint_eq(snapshot.state_bytes, length);
    ck_assert_int_eq(qcow2_state_read(disk, &snapshot, back, length, 0), 0);
    ck_assert_mem_eq(back, expected, length);
}

/* ---- A random sequence --------------------------------------------------------------------------------- */

static struct {
    uint8_t disk[SIZE];
    struct {
        bool used;
        uint64_t state_bytes;
        uint8_t disk[SIZE], state[SIZE];
    } slots[SLOTS];
} model;

static void change(struct blockdev *disk, unsigned what)
{
    uint64_t sector = (uint64_t)(rand() % (SIZE / 512)), offset = sector * 512;
    uint64_t length = (1 + (uint64_t)rand() % 64) * 512;
    length = length < SIZE - offset ? length : SIZE - offset;
    if (what == 0) {
        ck_assert_int_eq(blockdev_write_zeroes(disk, offset, length, rand() & 1), 0);
        memset(model.disk + offset, 0, length);
        return;
    }
    for (uint64_t n = 0; n < length; n++)
        model.disk[offset + n] = (uint8_t)rand();
    ck_assert_int_eq(blockdev_pwrite(disk, model.disk + offset, length, offset), 0);
}

static void save(struct blockdev *disk, unsigned slot, const char *name)
{
    uint64_t length = (uint64_t)rand() % 4 ? (uint64_t)rand() % SIZE : 0;
    for (uint64_t n = 0; n < length; n++)
        model.slots[slot].state[n] = (uint8_t)rand();
    for (uint64_t at = 0; at < length; at += 10000) {
        uint64_t part = length - at < 10000 ? length - at : 10000;
        ck_assert_int_eq(qcow2_state_write(disk, model.slots[slot].state + at, part, at), 0);
    }
    make(disk, name, length);
    model.slots[slot].used = true;
    model.slots[slot].state_bytes = length;
    memcpy(model.slots[slot].disk, model.disk, SIZE);
}

static void step(struct blockdev *disk)
{
    unsigned what = (unsigned)rand() % 10, slot = (unsigned)rand() % SLOTS;
    char name[16];
    snprintf(name, sizeof(name), "slot%u", slot);
    if (what < 7) {
        change(disk, what);
    } else if (!model.slots[slot].used) {
        save(disk, slot, name);
    } else if (what == 7) {
        delete (disk, name);
        model.slots[slot].used = false;
    } else if (what == 8) {
        apply(disk, name);
        memcpy(model.disk, model.slots[slot].disk, SIZE);
    } else {
        expect_state(disk, name, model.slots[slot].state, model.slots[slot].state_bytes);
    }
    expect(disk, model.disk);
}

/* 0: small clusters, 1: version 2, 2: narrow refcounts, 3: large clusters */
START_TEST(random_sequence)
{
    static const struct qcow2_options kinds[] = {
        { .size = SIZE, .version = 3, .cluster_bits = 9, .refcount_bits = 16 },
        { .size = SIZE, .version = 2, .cluster_bits = 9, .refcount_bits = 16 },
        { .size = SIZE, .version = 3, .cluster_bits = 12, .refcount_bits = 4 },
        { .size = SIZE, .version = 3, .cluster_bits = 16, .refcount_bits = 64 },
    };
    unsigned seed = (unsigned)getpid() * 4 + (unsigned)_i;
    fprintf(stderr, "seed %u\n", seed);
    srand(seed);
    memset(&model, 0, sizeof(model));
    create_image(&kinds[_i]);
    struct blockdev *disk = open_at(path, false);
    for (unsigned n = 0; n < 150; n++) {
        step(disk);
        if (n % 15 == 14) {
            blockdev_destroy(disk);
            sound(path, n % 75 == 74);
            disk = open_at(path, false);
        }
    }
    blockdev_destroy(disk);
    sound(path, true);
}
END_TEST

/* ---- State --------------------------------------------------------------------------------------------- */

START_TEST(state_is_beside_the_disk)
{
    struct blockdev *disk = open_at(path, false);
    struct qcow2_snapshot none = { .disk_bytes = SIZE, .state_bytes = 100, .l1_size = 1 };
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    ck_assert_int_eq(qcow2_state_write(disk, state, SIZE, 0), 0);
    expect(disk, bytes);
    ck_assert_int_eq(qcow2_state_drop(disk), 0); /* saving was given up */
    ck_assert_int_eq(qcow2_state_write(disk, state, 1000, 0), 0);
    ck_assert_int_eq(qcow2_state_write(disk, state + 1000, 1, 1000), 0);
    make(disk, "a", 1001);
    make(disk, "b", 0); /* the state was that of the first one only */
    expect_state(disk, "a", state, 1001);
    struct qcow2_snapshot a = find(disk, "a");
    ck_assert_int_eq(qcow2_state_read(disk, &a, back, 2, 1000), -EINVAL);
    ck_assert_int_eq(qcow2_state_read(disk, &a, back, UINT64_MAX, 2), -EINVAL);
    ck_assert_int_eq(qcow2_state_read(disk, &none, back, 100, 0), -EINVAL);
    ck_assert_int_eq(qcow2_state_write(disk, state, 1, INT64_MAX), -EFBIG);
    ck_assert_int_eq(qcow2_state_write(disk, state, 1, 1ull << 40), -EFBIG);
    ck_assert_str_eq(a.id, "1");
    ck_assert_str_eq(find(disk, "b").id, "2");
    ck_assert_str_eq(find(disk, "2").name, "b");
    /* Growing the disk must not show the state, nor lose it; going back needs the size of then. */
    ck_assert_int_eq(qcow2_state_write(disk, state, SIZE, 0), 0);
    ck_assert_msg(qcow2_resize(qcow2_of(disk), 2 * SIZE, &error), "%s", error.text);
    ck_assert_int_eq(blockdev_pread(disk, back, SIZE, SIZE), 0);
    ck_assert(blockdev_is_zero(back, SIZE));
    ck_assert(!qcow2_snapshot_apply(disk, &a, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "the disk has"));
    blockdev_destroy(disk);
    sound(path, true);
}
END_TEST

START_TEST(what_cannot_be)
{
    create_image(
        &(struct qcow2_options){ .size = SIZE, .version = 3, .cluster_bits = 9, .refcount_bits = 1 });
    struct blockdev *disk = open_at(path, false);
    struct qcow2_snapshot snapshot = { .name = "a" };
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    ck_assert(!qcow2_snapshot_create(disk, &snapshot, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "refcounts of 1 bits"));
    ck_assert(!qcow2_snapshot_delete(disk, &snapshot, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "does not exist"));
    expect(disk, bytes);
    blockdev_destroy(disk);
    sound(path, true);
    disk = open_at(path, true);
    ck_assert(!qcow2_snapshot_create(disk, &snapshot, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "read-only"));
    blockdev_destroy(disk);
}
END_TEST

/* ---- Killed after any write ---------------------------------------------------------------------------- */

/* While it is set, the file is looked at after each write, as it would be if the process had been killed. */
static void (*after_write)(void);
static unsigned writes;

int __real_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset);
int __wrap_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset);
int __wrap_blockfile_pwrite(struct blockfile *file, const void *from, uint64_t length, uint64_t offset)
{
    int rc = __real_blockfile_pwrite(file, from, length, offset);
    void (*look)(void) = after_write;
    if (look) {
        after_write = NULL;
        writes++;
        look();
        after_write = look;
    }
    return rc;
}

static void copy_image(void)
{
    char command[200];
    snprintf(command, sizeof(command), "cp %s %s", path, copies);
    ck_assert_int_eq(system(command), 0);
}

static uint8_t older[SIZE], newer[SIZE];

/* The copy opens, and is sound then; the old snapshot is whole; the disk is what it was or what it becomes.
 */
static void look(void)
{
    copy_image();
    struct blockdev *disk = open_at(copies, false);
    ck_assert_int_eq(blockdev_pread(disk, back, SIZE, 0), 0);
    ck_assert(!memcmp(back, older, SIZE) || !memcmp(back, newer, SIZE));
    expect_state(disk, "old", state, 5000);
    apply(disk, "old");
    expect(disk, older);
    if (count_of(disk) > 1)
        expect_state(disk, "new", state, 7000);
    blockdev_destroy(disk);
    sound(copies, false);
}

START_TEST(killed_after_any_write)
{
    struct blockdev *disk = open_at(path, false);
    memcpy(older, bytes, SIZE);
    memcpy(newer, bytes, SIZE);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    ck_assert_int_eq(qcow2_state_write(disk, state, 5000, 0), 0);
    make(disk, "old", 5000);
    memcpy(newer + 1000 * 10, state, 512 * 100);
    ck_assert_int_eq(blockdev_pwrite(disk, newer, SIZE, 0), 0);
    ck_assert_int_eq(qcow2_state_write(disk, state, 7000, 0), 0);
    ck_assert_int_eq(blockdev_flush(disk), 0);
    after_write = look;
    make(disk, "new", 7000);
    apply(disk, "old");
    apply(disk, "new");
    delete (disk, "new");
    after_write = NULL;
    ck_assert_uint_gt(writes, 20);
    expect(disk, newer);
    blockdev_destroy(disk);
    sound(path, true);
}
END_TEST

/* ---- Hostile tables ------------------------------------------------------------------------------------ */

static void put(uint64_t at, uint64_t value, unsigned size)
{
    uint8_t stored[8];
    for (unsigned n = size; n-- > 0; value >>= 8)
        stored[n] = (uint8_t)value;
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, stored, size, (off_t)at), (ssize_t)size);
    close(fd);
}

/* Where a field is: in an entry of the table, or in the header. ALSO: the field becomes what that table's
 * offset is. */
enum { HEADER = 1, ENTRY1 = 2, L1 = 4, FIRST = 8, TABLE = 16 };
static const struct {
    unsigned where, at, size;
    uint64_t value;
    const char *why;
} tables[] = {
    { HEADER, 60, 4, 65537, "65536 snapshots" },
    { HEADER, 60, 4, 60000, "beyond the end" },
    { HEADER, 64, 8, 1ull << 40, "beyond the end" },
    { HEADER, 64, 8, 1, "impossible place" },
    { 0, 0, 8, 512 + 8, "impossible place" },
    { 0, 0, 8, 1ull << 55, "impossible place" },
    { 0, 0, 8, UINT64_MAX & -512ull, "impossible place" },
    { 0, 0, 8, 0, "another table" },
    { L1, 0, 8, 0, "another table" },
    { ENTRY1 | FIRST, 0, 8, 0, "another table" },
    { TABLE, 0, 8, 0, "another table" },
    { 0, 8, 4, UINT32_MAX, "impossible size" },
    { 0, 8, 4, 1u << 20, "impossible place" },
    { 0, 12, 2, UINT16_MAX, "beyond the end" },
    { 0, 14, 2, 300, "too long" },
    { 0, 36, 4, 2000, "extra data" },
    { 0, 36, 4, UINT32_MAX, "extra data" },
    { 0, 40, 8, UINT64_MAX, "impossible size" },
    { 0, 64, 1, 0, "a zero in it" },
};

START_TEST(hostile_tables)
{
    struct blockdev *disk = open_at(path, false);
    struct qcow2_snapshot *list;
    unsigned count;
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    make(disk, "first", 0);
    make(disk, "second", 0);
    uint64_t table = qcow2_of(disk)->header.snapshot_offset, l1 = qcow2_of(disk)->header.l1_offset;
    uint64_t first = find(disk, "first").l1_offset, value = tables[_i].value;
    blockdev_destroy(disk);
    unsigned where = tables[_i].where;
    uint64_t entry = where & ENTRY1 ? table + ((40 + 24 + 1 + 5 + 7) & ~7u) : table;
    value = where & L1 ? l1 : where & FIRST ? first : where & TABLE ? table : value;
    put((where & HEADER ? 0 : entry) + tables[_i].at, value, tables[_i].size);
    disk = blockdev_open(&(struct blockdev_config){ .path = path, .format = "qcow2" }, &error);
    if (disk) {
        ck_assert(!qcow2_snapshot_list(disk, &list, &count, &error));
        ck_assert(!qcow2_snapshot_create(disk, &(struct qcow2_snapshot){ .name = "x" }, &error));
        expect(disk, bytes);
        blockdev_destroy(disk);
    }
    ck_assert_msg(strstr(error.text, tables[_i].why), "%s", error.text);
}
END_TEST

/* What a snapshot's tables lead to is refused when it is used. */
START_TEST(hostile_trees)
{
    struct blockdev *disk = open_at(path, false);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    make(disk, "a", 0);
    struct qcow2_snapshot snapshot = find(disk, "a");
    uint64_t reftable = qcow2_of(disk)->reftable[0] & ~511ull;
    blockdev_destroy(disk);
    static const uint64_t bad[] = { 512 + 8, 1ull << 50, 0 };
    put(snapshot.l1_offset, bad[_i] ? bad[_i] : reftable, 8);
    disk = open_at(path, false);
    ck_assert(!qcow2_snapshot_apply(disk, &snapshot, &error));
    blockdev_destroy(disk);
    disk = open_at(path, false);
    qcow2_snapshot_delete(disk, &snapshot, &error);
    blockdev_destroy(disk);
}
END_TEST

/* ---- qemu-img ------------------------------------------------------------------------------------------ */

static void run(const char *command)
{
    char line[256];
    snprintf(line, sizeof(line), "cd %s && %s", folder, command);
    ck_assert_msg(system(line) == 0, "%s", line);
}

START_TEST(of_qemu_img)
{
    if (system("command -v qemu-img >/dev/null"))
        return;
    static const char *const options[] = { "cluster_size=512", "compat=0.10,cluster_size=4096" };
    char line[160];
    snprintf(line, sizeof(line), "rm disk.qcow2; qemu-img create -q -f qcow2 -o %s disk.qcow2 256k",
             options[_i]);
    run(line);
    struct blockdev *disk = open_at(path, false);
    ck_assert_int_eq(blockdev_pwrite(disk, bytes, SIZE, 0), 0);
    blockdev_destroy(disk);
    run("qemu-img snapshot -c theirs disk.qcow2");
    disk = open_at(path, false);
    memset(newer, 0x55, SIZE);
    ck_assert_int_eq(blockdev_pwrite(disk, newer, SIZE / 2, 0), 0);
    make(disk, "ours", 0);
    ck_assert_int_eq(blockdev_pwrite(disk, newer, SIZE, 0), 0);
    apply(disk, "theirs");
    expect(disk, bytes);
    blockdev_destroy(disk);
    run("qemu-img check -q disk.qcow2");
    run("qemu-img snapshot -l disk.qcow2 | grep -q '^2 *ours *0 B'");
    run("qemu-img snapshot -a ours disk.qcow2 && qemu-img snapshot -d theirs disk.qcow2");
    memcpy(newer + SIZE / 2, bytes + SIZE / 2, SIZE / 2);
    disk = open_at(path, false);
    expect(disk, newer);
    ck_assert_uint_eq(count_of(disk), 1);
    delete (disk, "ours");
    blockdev_destroy(disk);
    sound(path, true);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("qcow2_snapshots");
    TCase *tcase = tcase_create("qcow2_snapshots");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, random_sequence, 0, 4);
    tcase_add_test(tcase, state_is_beside_the_disk);
    tcase_add_test(tcase, what_cannot_be);
    tcase_add_test(tcase, killed_after_any_write);
    tcase_add_loop_test(tcase, hostile_tables, 0, sizeof(tables) / sizeof(tables[0]));
    tcase_add_loop_test(tcase, hostile_trees, 0, 3);
    tcase_add_loop_test(tcase, of_qemu_img, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
