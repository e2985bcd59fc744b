/* SPDX-License-Identifier: MIT
 *
 * Checking a qcow2 image. The check walks through everything that refers to a cluster (header, refcount table
 * and blocks, L1 and L2 tables of the disk and of each snapshot, bitmaps) and counts the references. It then
 * compares the counts with the refcounts, and both with the "refcount is 1" bits of the disk's own tables. A
 * refcount that is too high is a leak; any other difference is a corruption.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"

#define CLUSTERS_MAX (1ull << 28) /* the most that are counted; each takes 4 bytes of memory */

struct walk {
    struct blockdev_qcow2 *q;
    struct qcow2_check *result;
    uint32_t *counts; /* references of each cluster of the file */
    uint64_t clusters;
    uint64_t *l2; /* a buffer for one table */
    uint64_t last_host;
    enum qcow2_repair repair;
};

static void say(struct walk *walk, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct walk *walk, const char *format, ...)
{
    char line[256];
    va_list arguments;
    if (!walk->result->say)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    walk->result->say(walk->result->opaque, line);
}

/* ---- Counting ------------------------------------------------------------------------------------------ */

/* Counts a reference of `what` to [offset, offset + bytes). False if there can be no such reference. */
static bool refer(struct walk *walk, uint64_t offset, uint64_t bytes, const char *what)
{
    if (!bytes)
        return true;
    uint64_t first = offset >> walk->q->cluster_bits, last = (offset + bytes - 1) >> walk->q->cluster_bits;
    if (offset + bytes < offset || last >= walk->clusters) {
        say(walk, "ERROR: %s at offset 0x%llx is beyond the end of the file", what,
            (unsigned long long)offset);
        walk->result->corruptions++;
        return false;
    }
    for (uint64_t cluster = first; cluster <= last; cluster++) {
        if (walk->counts[cluster] != UINT32_MAX)
            walk->counts[cluster]++;
    }
    return true;
}

static bool aligned(struct walk *walk, uint64_t offset, const char *what)
{
    if (!(offset & (walk->q->cluster_size - 1)))
        return true;
    say(walk, "ERROR: %s at offset 0x%llx is not aligned", what, (unsigned long long)offset);
    walk->result->corruptions++;
    return false;
}

static void count_entry(struct walk *walk, uint64_t entry, bool active)
{
    struct blockdev_qcow2 *q = walk->q;
    uint64_t offset = entry & QCOW2_OFFSET_MASK, bytes = q->cluster_size;
    bool compressed = entry & QCOW2_COMPRESSED;
    if (compressed)
        qcow2_compressed_range(q, entry, &offset, &bytes);
    else if (!offset || !aligned(walk, offset, "a data cluster"))
        return;
    refer(walk, offset, bytes, compressed ? "a compressed cluster" : "a data cluster");
    if (!active || (entry & QCOW2_ZERO && !compressed && q->header.version >= 3))
        return;
    walk->result->clusters_used++;
    walk->result->clusters_compressed += compressed;
    if (compressed || (walk->last_host && walk->last_host + q->cluster_size != offset))
        walk->result->clusters_fragmented++;
    walk->last_host = compressed ? 0 : offset;
}

static int count_l2(struct walk *walk, uint64_t offset, bool active)
{
    int rc = blockfile_pread(walk->q->file, walk->l2, walk->q->cluster_size, offset);
    for (uint64_t n = 0; n < 1ull << walk->q->l2_bits && !rc; n++)
        count_entry(walk, be64toh(walk->l2[n]), active);
    return rc;
}

/* An L1 table in the host's byte order, with all below it. */
static int count_l1(struct walk *walk, const uint64_t *l1, uint32_t size, uint64_t offset, bool active)
{
    int rc = 0;
    if (size && (!aligned(walk, offset, "an L1 table") || !refer(walk, offset, size * 8ull, "an L1 table")))
        return 0;
    for (uint32_t n = 0; n < size && !rc; n++) {
        uint64_t l2 = l1[n] & QCOW2_OFFSET_MASK;
        if (l2 && aligned(walk, l2, "an L2 table") && refer(walk, l2, walk->q->cluster_size, "an L2 table"))
            rc = count_l2(walk, l2, active);
    }
    return rc;
}

static int count_snapshot_l1(struct walk *walk, uint64_t offset, uint32_t size)
{
    if (size > QCOW2_L1_MAX / 8) {
        say(walk, "ERROR: a snapshot's L1 table has %u entries", size);
        walk->result->corruptions++;
        return 0;
    }
    uint64_t *l1 = calloc(size ? size : 1, sizeof(*l1));
    int rc = !l1 ? -ENOMEM : size ? blockfile_pread(walk->q->file, l1, size * 8ull, offset) : 0;
    for (uint32_t n = 0; n < size && !rc; n++)
        l1[n] = be64toh(l1[n]);
    rc = rc ? rc : count_l1(walk, l1, size, offset, false);
    free(l1);
    return rc;
}

/* The entries of the table: 40 bytes, then extra data, id and name, padded to 8. */
static int count_snapshots(struct walk *walk)
{
    const struct qcow2_header *h = &walk->q->header;
    uint64_t at = h->snapshot_offset;
    int rc = 0;
    for (uint32_t n = 0; n < h->snapshot_count && !rc; n++) {
        uint8_t entry[40];
        uint64_t l1_offset;
        uint32_t l1_size, extra;
        uint16_t id, name;
        rc = blockfile_pread(walk->q->file, entry, sizeof(entry), at);
        memcpy(&l1_offset, entry, 8);
        memcpy(&l1_size, entry + 8, 4);
        memcpy(&id, entry + 12, 2);
        memcpy(&name, entry + 14, 2);
        memcpy(&extra, entry + 36, 4);
        extra = be32toh(extra);
        if (extra > 1024) {
            say(walk, "ERROR: the table of snapshots is damaged");
            walk->result->corruptions++;
            break;
        }
        rc = rc ? rc : count_snapshot_l1(walk, be64toh(l1_offset), be32toh(l1_size));
        at += (40ull + extra + be16toh(id) + be16toh(name) + 7) & ~7ull;
    }
    refer(walk, h->snapshot_offset, at - h->snapshot_offset, "the table of snapshots");
    return rc;
}

static int count_bitmap(struct walk *walk, uint64_t offset, uint32_t size)
{
    if (!aligned(walk, offset, "a bitmap's table") || !refer(walk, offset, size * 8ull, "a bitmap's table"))
        return 0;
    for (uint32_t n = 0; n < size; n++) {
        uint64_t entry;
        int rc = blockfile_pread(walk->q->file, &entry, 8, offset + n * 8ull);
        if (rc)
            return rc;
        entry = be64toh(entry) & QCOW2_OFFSET_MASK;
        if (entry && aligned(walk, entry, "a bitmap"))
            refer(walk, entry, walk->q->cluster_size, "a bitmap");
    }
    return 0;
}

/* Entries of the directory: 24 bytes, then extra data and name, padded to 8. */
static int count_bitmaps(struct walk *walk)
{
    const struct blockdev_qcow2 *q = walk->q;
    uint64_t at = q->bitmaps_at, end = at + q->bitmaps_bytes;
    refer(walk, at, q->bitmaps_bytes, "the directory of bitmaps");
    while (at + 24 <= end) {
        uint8_t entry[24];
        uint64_t offset;
        uint32_t size, extra;
        uint16_t name;
        int rc = blockfile_pread(q->file, entry, sizeof(entry), at);
        memcpy(&offset, entry, 8);
        memcpy(&size, entry + 8, 4);
        memcpy(&name, entry + 18, 2);
        memcpy(&extra, entry + 20, 4);
        rc = rc ? rc : count_bitmap(walk, be64toh(offset), be32toh(size));
        if (rc)
            return rc;
        at += (24ull + be32toh(extra) + be16toh(name) + 7) & ~7ull;
    }
    return 0;
}

/* Also drops impossible entries of the refcount table, if all errors are to be repaired. */
static int count_refcounts(struct walk *walk)
{
    struct blockdev_qcow2 *q = walk->q;
    refer(walk, q->header.reftable_offset, q->reftable_size * 8ull, "the refcount table");
    for (uint32_t n = 0; n < q->reftable_size; n++) {
        uint64_t offset = q->reftable[n] & ~511ull;
        bool good = !offset || (aligned(walk, offset, "a refcount block") &&
                                refer(walk, offset, q->cluster_size, "a refcount block"));
        if (!good && walk->repair == QCOW2_REPAIR_ALL) {
            q->reftable[n] = 0;
            q->reftable_dirty = true;
            walk->result->corruptions--;
            walk->result->corruptions_fixed++;
        }
    }
    return 0;
}

static int count_all(struct walk *walk)
{
    struct blockdev_qcow2 *q = walk->q;
    refer(walk, 0, q->cluster_size, "the header");
    int rc = count_l1(walk, q->l1, q->header.l1_size, q->header.l1_offset, true);
    rc = rc || !q->header.snapshot_count ? rc : count_snapshots(walk);
    rc = rc || !q->bitmaps_bytes ? rc : count_bitmaps(walk);
    return rc ? rc : count_refcounts(walk);
}

/* ---- Comparing ----------------------------------------------------------------------------------------- */

/* Sets a refcount; false if there is no refcount block for it and none can be made. */
static bool correct(struct walk *walk, uint64_t cluster, int *rc)
{
    struct blockdev_qcow2 *q = walk->q;
    uint64_t index = cluster >> q->refblock_bits, first = index << q->refblock_bits;
    bool have = index < q->reftable_size && q->reftable[index] & ~511ull, made = false;
    struct qcow2_table *block;
    if (!have && (walk->counts[first] || index >= q->reftable_size))
        return false;
    *rc = qcow2_refblock_ensure(q, cluster, false, &made);
    if (!*rc && made)
        walk->counts[first]++;
    *rc = *rc ? *rc : qcow2_table_get(q, q->reftable[index] & ~511ull, true, false, &block);
    if (*rc)
        return false;
    qcow2_refcount_store(block->entries, q->refcount_bits, cluster & ((1ull << q->refblock_bits) - 1),
                         walk->counts[cluster]);
    qcow2_table_changed(q, block, 0, q->cluster_size);
    return true;
}

static int compare(struct walk *walk)
{
    struct qcow2_check *result = walk->result;
    struct blockdev_qcow2 *q = walk->q;
    uint64_t limit = q->refcount_bits >= 32 ? UINT32_MAX : (1ull << q->refcount_bits) - 1;
    int rc = 0;
    for (uint64_t cluster = 0; cluster < walk->clusters && !rc; cluster++) {
        uint64_t refcount, counted = walk->counts[cluster];
        rc = qcow2_refcount_get(q, cluster, &refcount);
        if (counted || refcount)
            result->image_end = (cluster + 1) << q->cluster_bits;
        if (rc || refcount == counted)
            continue;
        bool leak = refcount > counted;
        bool fix = walk->repair == QCOW2_REPAIR_ALL || (leak && walk->repair == QCOW2_REPAIR_LEAKS);
        bool fixed = fix && counted <= limit && correct(walk, cluster, &rc);
        say(walk, "%s cluster %llu refcount=%llu reference=%llu",
            fixed  ? "Repairing"
            : leak ? "Leaked"
                   : "ERROR",
            (unsigned long long)cluster, (unsigned long long)refcount, (unsigned long long)counted);
        *(fixed ? (leak ? &result->leaks_fixed : &result->corruptions_fixed)
                : (leak ? &result->leaks : &result->corruptions)) += 1;
    }
    return rc;
}

/* Checks the "refcount is 1" bit of an entry, and corrects it if that was asked for. Returns true if the
 * entry has to be written. */
static bool check_copied(struct walk *walk, uint64_t *entry, const char *what)
{
    struct blockdev_qcow2 *q = walk->q;
    uint64_t offset = *entry & QCOW2_OFFSET_MASK;
    if (!offset || offset & (q->cluster_size - 1) || offset >> q->cluster_bits >= walk->clusters ||
        (*entry & QCOW2_COPIED) == (walk->counts[offset >> q->cluster_bits] == 1 ? QCOW2_COPIED : 0))
        return false;
    bool fix = walk->repair == QCOW2_REPAIR_ALL;
    say(walk, "%s OFLAG_COPIED of %s: entry=0x%llx reference=%u", fix ? "Repairing" : "ERROR", what,
        (unsigned long long)*entry, walk->counts[offset >> q->cluster_bits]);
    *(fix ? &walk->result->corruptions_fixed : &walk->result->corruptions) += 1;
    *entry ^= fix ? QCOW2_COPIED : 0;
    return fix;
}

static int check_copied_l2(struct walk *walk, uint64_t offset)
{
    struct blockdev_qcow2 *q = walk->q;
    int rc = blockfile_pread(q->file, walk->l2, q->cluster_size, offset);
    bool changed = false;
    for (uint64_t n = 0; n < 1ull << q->l2_bits && !rc; n++) {
        uint64_t entry = be64toh(walk->l2[n]);
        if (!(entry & QCOW2_COMPRESSED) && check_copied(walk, &entry, "a data cluster")) {
            walk->l2[n] = htobe64(entry);
            changed = true;
        }
    }
    return rc || !changed ? rc : blockfile_pwrite(q->file, walk->l2, q->cluster_size, offset);
}

static int check_copied_all(struct walk *walk)
{
    struct blockdev_qcow2 *q = walk->q;
    int rc = 0;
    for (uint32_t n = 0; n < q->header.l1_size && !rc; n++) {
        uint64_t offset = q->l1[n] & QCOW2_OFFSET_MASK;
        if (!offset || offset & (q->cluster_size - 1) || offset >> q->cluster_bits >= walk->clusters)
            continue;
        if (check_copied(walk, &q->l1[n], "an L2 table"))
            q->l1_dirty = true;
        rc = check_copied_l2(walk, offset);
    }
    return rc;
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

static int finish(struct walk *walk)
{
    struct blockdev_qcow2 *q = walk->q;
    const struct qcow2_check *result = walk->result;
    if (walk->repair == QCOW2_REPAIR_NONE)
        return 0;
    int rc = qcow2_tables_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    if (!rc && walk->repair == QCOW2_REPAIR_ALL && !result->corruptions) {
        q->was_dirty = false;
        q->header.incompatible &= ~(uint64_t)QCOW2_INCOMPAT_CORRUPT;
        rc = qcow2_header_write(q);
    }
    return rc;
}

static int check_with(struct walk *walk)
{
    struct qcow2_check *result = walk->result;
    int rc = count_all(walk);
    rc = rc ? rc : compare(walk);
    rc = rc ? rc : check_copied_all(walk);
    result->clusters_total = (walk->q->blockdev.size + walk->q->cluster_size - 1) >> walk->q->cluster_bits;
    return rc ? rc : finish(walk);
}

int qcow2_check(struct blockdev_qcow2 *q, enum qcow2_repair repair, struct qcow2_check *result)
{
    struct walk walk = { .q = q, .result = result, .repair = repair };
    uint64_t size;
    int rc = blockfile_size(q->file, &size);
    pthread_mutex_lock(&q->lock);
    if (!rc && !q->blockdev.read_only)
        rc = qcow2_tables_write(q);
    qcow2_tables_free(q);
    walk.clusters = rc ? 0 : (size + q->cluster_size - 1) >> q->cluster_bits;
    if (!rc && walk.clusters > CLUSTERS_MAX)
        rc = -EFBIG;
    walk.counts = rc ? NULL : calloc(walk.clusters + 1, sizeof(*walk.counts));
    walk.l2 = malloc(q->cluster_size);
    if (!rc && (!walk.counts || !walk.l2))
        rc = -ENOMEM;
    rc = rc ? rc : check_with(&walk);
    pthread_mutex_unlock(&q->lock);
    free(walk.counts);
    free(walk.l2);
    return rc;
}
