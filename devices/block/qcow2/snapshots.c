/* SPDX-License-Identifier: MIT
 *
 * Making, applying and deleting snapshots of a qcow2 image; see snapshots.h for the order of the writes.
 */
#include "devices/block/qcow2/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

bool qcow2_has_snapshots(struct blockdev *blockdev)
{
    return qcow2_of(blockdev) != NULL;
}

/* ---- Looking ------------------------------------------------------------------------------------------- */

bool qcow2_snapshot_list(struct blockdev *blockdev, struct qcow2_snapshot **list, unsigned *count,
                         struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    struct qcow2_snapshots table;
    pthread_mutex_lock(&q->lock);
    bool ok = qcow2_snapshots_read(q, &table, error);
    pthread_mutex_unlock(&q->lock);
    *list = ok ? table.list : NULL;
    *count = ok ? table.count : 0;
    if (ok)
        table.list = NULL;
    qcow2_snapshots_free(&table);
    return ok;
}

bool qcow2_snapshot_find(struct blockdev *blockdev, const char *name, bool by_id,
                         struct qcow2_snapshot *snapshot, bool *found, struct error *error)
{
    struct qcow2_snapshot *list;
    unsigned count;
    *found = false;
    if (!qcow2_snapshot_list(blockdev, &list, &count, error))
        return false;
    for (unsigned pass = 0; pass < 2u && !*found && (!pass || by_id); pass++)
        for (unsigned n = 0; n < count && !*found; n++)
            if (strcmp(pass ? list[n].id : list[n].name, name) == 0) {
                *snapshot = list[n];
                *found = true;
            }
    free(list);
    return true;
}

/* ---- Steps that the changes share ---------------------------------------------------------------------- */

/* Writes bytes to clusters that nothing refers to yet. [locked] */
static int write_fresh(struct blockdev_qcow2 *q, const void *bytes, uint64_t length, uint64_t *offset)
{
    CHECK_HELD(&q->lock);
    uint64_t found, whole = qcow2_round_up(q, length);
    *offset = 0;
    if (!length)
        return 0;
    int rc = qcow2_find_free(q, whole >> q->cluster_bits, true, offset, &found);
    rc = rc ? rc : qcow2_refcount_add(q, *offset, whole, 1);
    if (rc)
        return rc;
    rc = blockfile_pwrite(q->file, bytes, length, *offset);
    if (rc)
        qcow2_free(q, *offset, whole);
    return rc;
}

static void free_if(struct blockdev_qcow2 *q, uint64_t offset, uint64_t length)
{
    if (offset && length && qcow2_free(q, offset, length))
        q->was_dirty = true; /* the next program that opens the image counts anew */
}

/* An L1 table as in the file. NULL: out of memory. */
static uint64_t *encode_l1(const uint64_t *l1, uint32_t count)
{
    uint64_t *copy = calloc(count ? count : 1u, sizeof(*copy));
    for (uint32_t n = 0; copy && n < count; n++)
        copy[n] = htobe64(l1[n] & ~QCOW2_COPIED);
    return copy;
}

/* The L1 table of a snapshot, of `count` entries: those that it does not have are 0. */
static int read_l1(struct blockdev_qcow2 *q, const struct qcow2_snapshot *snapshot, uint32_t count,
                   uint64_t **l1)
{
    uint32_t there = snapshot->l1_size < count ? snapshot->l1_size : count;
    *l1 = calloc(count ? count : 1u, sizeof(**l1));
    int rc = !*l1 ? -ENOMEM : there ? blockfile_pread(q->file, *l1, there * 8ull, snapshot->l1_offset) : 0;
    for (uint32_t n = 0; n < there && !rc; n++)
        (*l1)[n] = be64toh((*l1)[n]);
    return rc;
}

/* All that is new is written and safe; then the header, in which the caller has changed fields, points to it.
 * If that fails, nobody knows what the file has. [locked] */
static int switch_header(struct blockdev_qcow2 *q, const struct qcow2_header *header)
{
    CHECK_HELD(&q->lock);
    int rc = qcow2_tables_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    if (rc)
        return rc;
    uint64_t dirty = q->header.incompatible; /* writing the tables may have set the dirty bit */
    q->header = *header;
    q->header.incompatible = dirty;
    rc = qcow2_header_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    q->corrupt |= rc != 0;
    return rc;
}

/* The refcounts that fall; then the bits that depend on them. [locked] */
static int settle(struct blockdev_qcow2 *q, int rc)
{
    CHECK_HELD(&q->lock);
    rc = rc ? rc : qcow2_tables_write(q);
    rc = rc ? rc : qcow2_tree_refresh(q);
    rc = rc ? rc : qcow2_tables_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    q->was_dirty |= rc != 0; /* the next program that opens the image counts anew */
    return rc;
}

static bool failed(const struct blockdev_qcow2 *q, const char *what, const char *name, int rc,
                   struct error *error)
{
    if (rc == -ERANGE)
        return error_set(error,
                         "%.200s: snapshot '%.100s' cannot be %s: its refcounts of %u bits do not go so far",
                         q->file->path, name, what, q->refcount_bits);
    return error_set(error, "%.200s: snapshot '%.100s' cannot be %s: %s", q->file->path, name, what,
                     strerror(-rc));
}

static bool may_change(struct blockdev_qcow2 *q, struct error *error)
{
    if (q->blockdev.read_only)
        return error_set(error, "%s: is read-only", q->file->path);
    return !q->corrupt || error_set(error, "%s: is damaged; rvive-img check says more", q->file->path);
}

/* ---- Making -------------------------------------------------------------------------------------------- */

/* QEMU's ids are numbers; a new one is larger than all others. */
static void choose_id(const struct qcow2_snapshots *table, char id[QCOW2_SNAPSHOT_TEXT])
{
    unsigned long long highest = 0;
    for (uint32_t n = 0; n < table->count; n++) {
        unsigned long long number = strtoull(table->list[n].id, NULL, 10);
        if (number > highest && number < UINT32_MAX)
            highest = number;
    }
    snprintf(id, QCOW2_SNAPSHOT_TEXT, "%llu", highest + 1);
}

/* Writes the copy of the L1 table and the new table of snapshots, and switches to them. *l1 is what the
 * disk's L1 table was, without "refcount is 1" bits. */
static int create_steps(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, struct qcow2_snapshot *s,
                        const uint64_t *l1, uint64_t *table_at)
{
    struct qcow2_header header = q->header;
    int rc = write_fresh(q, l1, s->l1_size * 8ull, &s->l1_offset);
    rc = rc ? rc : qcow2_snapshots_add(table, s);
    rc = rc ? rc : write_fresh(q, table->raw, table->bytes, table_at);
    if (rc)
        return rc;
    for (uint32_t n = qcow2_disk_entries(q); n < s->l1_size; n++)
        q->l1[n] = 0; /* the state is the snapshot's now */
    q->l1_dirty = true;
    header.snapshot_offset = *table_at;
    header.snapshot_count = table->count;
    return switch_header(q, &header);
}

static int create(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, struct qcow2_snapshot *s)
{
    uint64_t old_at = q->header.snapshot_offset, old_bytes = table->bytes, table_at = 0;
    uint32_t disk = qcow2_disk_entries(q);
    int rc = qcow2_tables_write(q);
    uint64_t *l1 = encode_l1(q->l1, s->l1_size);
    rc = rc ? rc : l1 ? qcow2_tree_add(q, q->l1, disk, 1) : -ENOMEM;
    if (rc) {
        free(l1);
        settle(q, 0); /* bits may have been lost */
        return rc;
    }
    q->l1_dirty = true;
    rc = create_steps(q, table, s, l1, &table_at);
    if (!rc) {
        free_if(q, old_at, old_bytes);
        rc = qcow2_tables_write(q);
        q->was_dirty |= rc != 0;
        rc = 0; /* the snapshot is there */
    } else if (!q->corrupt) {
        for (uint32_t n = 0; n < s->l1_size; n++)
            q->l1[n] = be64toh(l1[n]);
        free_if(q, s->l1_offset, s->l1_size * 8ull);
        free_if(q, table_at, table->bytes);
        settle(q, qcow2_tree_add(q, q->l1, disk, -1));
    }
    free(l1);
    return rc;
}

bool qcow2_snapshot_create(struct blockdev *blockdev, const struct qcow2_snapshot *what, struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    struct qcow2_snapshot s = *what;
    struct qcow2_snapshots table = { 0 };
    qcow2_exclusive_begin(q);
    bool ok = may_change(q, error) && qcow2_snapshots_read(q, &table, error);
    if (ok && table.count == QCOW2_SNAPSHOTS_MAX)
        ok = error_set(error, "%s: has %u snapshots, and cannot have more", q->file->path, table.count);
    if (ok) {
        choose_id(&table, s.id);
        s.disk_bytes = q->header.size;
        s.l1_size = q->header.l1_size;
        s.l1_offset = 0;
        int rc = create(q, &table, &s);
        ok = !rc || failed(q, "made", s.name, rc, error);
    }
    qcow2_snapshots_free(&table);
    qcow2_exclusive_end(q);
    return ok;
}

/* ---- Applying ------------------------------------------------------------------------------------------ */

static int apply(struct blockdev_qcow2 *q, const struct qcow2_snapshot *s)
{
    struct qcow2_header header = q->header;
    uint32_t count = qcow2_disk_entries(q), old_count = q->header.l1_size;
    uint64_t *l1 = NULL, *stored = NULL, *old = q->l1, at = 0, old_at = q->header.l1_offset;
    int rc = qcow2_tables_write(q);
    rc = rc ? rc : read_l1(q, s, count, &l1);
    rc = rc ? rc : qcow2_tree_add(q, l1, count, 1);
    bool counted = !rc;
    stored = rc ? NULL : encode_l1(l1, count);
    rc = rc ? rc : stored ? write_fresh(q, stored, count * 8ull, &at) : -ENOMEM;
    header.l1_offset = at;
    header.l1_size = count;
    rc = rc ? rc : switch_header(q, &header);
    free(stored);
    if (!rc) {
        q->l1 = l1;
        q->l1_dirty = false;
        free_if(q, old_at, old_count * 8ull);
        settle(q, qcow2_tree_add(q, old, old_count, -1));
        free(old);
        return 0;
    }
    if (counted && !q->corrupt) {
        free_if(q, at, count * 8ull);
        settle(q, qcow2_tree_add(q, l1, count, -1));
    }
    free(l1);
    return rc;
}

/* The snapshot as the table has it now. */
static bool find_same(const struct qcow2_snapshots *table, const struct qcow2_snapshot *s, uint32_t *number)
{
    for (*number = 0; *number < table->count; ++*number) {
        const struct qcow2_snapshot *other = &table->list[*number];
        if (other->l1_offset == s->l1_offset && strcmp(other->id, s->id) == 0 &&
            strcmp(other->name, s->name) == 0)
            return true;
    }
    return false;
}

static bool find_to_change(struct blockdev_qcow2 *q, struct qcow2_snapshots *table,
                           const struct qcow2_snapshot *s, uint32_t *number, struct error *error)
{
    return may_change(q, error) && qcow2_snapshots_read(q, table, error) &&
           (find_same(table, s, number) ||
            error_set(error, "%.200s: snapshot '%.100s' does not exist", q->file->path, s->name));
}

bool qcow2_snapshot_apply(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot,
                          struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    struct qcow2_snapshots table = { 0 };
    uint32_t number;
    qcow2_exclusive_begin(q);
    bool ok = find_to_change(q, &table, snapshot, &number, error);
    if (ok && table.list[number].disk_bytes != q->header.size)
        ok = error_set(error,
                       "%.200s: in snapshot '%.100s' the disk has %llu bytes, and now it has %llu: "
                       "rvive-img resize changes that",
                       q->file->path, snapshot->name, (unsigned long long)table.list[number].disk_bytes,
                       (unsigned long long)q->header.size);
    if (ok) {
        int rc = apply(q, &table.list[number]);
        ok = !rc || failed(q, "applied", snapshot->name, rc, error);
    }
    qcow2_snapshots_free(&table);
    qcow2_exclusive_end(q);
    pthread_mutex_lock(&q->inflate_lock);
    q->inflated_entry = 0;
    pthread_mutex_unlock(&q->inflate_lock);
    return ok;
}

/* ---- Deleting ------------------------------------------------------------------------------------------ */

static int delete (struct blockdev_qcow2 *q, struct qcow2_snapshots *table, uint32_t number)
{
    struct qcow2_snapshot s = table->list[number];
    struct qcow2_header header = q->header;
    uint64_t old_at = header.snapshot_offset, old_bytes = table->bytes, *l1 = NULL, at = 0;
    int rc = read_l1(q, &s, s.l1_size, &l1);
    qcow2_snapshots_remove(table, number);
    rc = rc ? rc : write_fresh(q, table->raw, table->bytes, &at);
    header.snapshot_offset = at;
    header.snapshot_count = table->count;
    bool wrote = !rc;
    rc = rc ? rc : switch_header(q, &header);
    if (!rc) {
        free_if(q, old_at, old_bytes);
        free_if(q, s.l1_offset, s.l1_size * 8ull);
        settle(q, qcow2_tree_add(q, l1, s.l1_size, -1));
    } else if (wrote && !q->corrupt) {
        free_if(q, at, table->bytes);
    }
    free(l1);
    return rc;
}

bool qcow2_snapshot_delete(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot,
                           struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    struct qcow2_snapshots table = { 0 };
    uint32_t number;
    qcow2_exclusive_begin(q);
    bool ok = find_to_change(q, &table, snapshot, &number, error);
    if (ok) {
        int rc = delete (q, &table, number);
        ok = !rc || failed(q, "deleted", snapshot->name, rc, error);
    }
    qcow2_snapshots_free(&table);
    qcow2_exclusive_end(q);
    return ok;
}
