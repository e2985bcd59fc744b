/* SPDX-License-Identifier: MIT
 *
 * New qcow2 images, and images of another size. A new image is header, refcount table, one refcount block and
 * an L1 table, in this order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

#define HEADER_LENGTH 112u
enum { FEATURE_INCOMPATIBLE = 0, FEATURE_COMPATIBLE = 1, FEATURE_AUTOCLEAR = 2 };

struct writer {
    uint8_t *bytes;
    size_t at, size;
};

static void put(struct writer *writer, const void *bytes, size_t length)
{
    if (length && length <= writer->size - writer->at) {
        memcpy(writer->bytes + writer->at, bytes, length);
        writer->at += (length + 7) & ~(size_t)7;
    }
}

static void put_extension(struct writer *writer, uint32_t type, const void *bytes, uint32_t length)
{
    uint32_t head[2] = { htobe32(type), htobe32(length) };
    put(writer, head, sizeof(head));
    put(writer, bytes, length);
}

static void put_feature_names(struct writer *writer)
{
    static const struct {
        uint8_t type, bit;
        char name[46];
    } names[] = {
        { FEATURE_INCOMPATIBLE, 0, "dirty bit" },
        { FEATURE_INCOMPATIBLE, 1, "corrupt bit" },
        { FEATURE_INCOMPATIBLE, 2, "external data file" },
        { FEATURE_INCOMPATIBLE, 3, "compression type" },
        { FEATURE_INCOMPATIBLE, 4, "extended L2 entries" },
        { FEATURE_COMPATIBLE, 0, "lazy refcounts" },
        { FEATURE_AUTOCLEAR, 0, "bitmaps" },
        { FEATURE_AUTOCLEAR, 1, "raw external data" },
    };
    _Static_assert(sizeof(names[0]) == 48, "the layout of the format");
    put_extension(writer, 0x6803f857, names, sizeof(names));
}

static bool check_options(const struct qcow2_options *options, struct error *error)
{
    if (options->cluster_bits < QCOW2_CLUSTER_BITS_MIN || options->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
        return error_set(error, "cluster size must be a power of two between 512 and 2048k");
    if (options->version < 3 && (options->refcount_bits != 16 || options->lazy_refcounts || options->zstd))
        return error_set(
            error, "refcount widths other than 16, lazy_refcounts and compression_type=zstd need version "
                   "3 of qcow2 (compat=1.1)");
    unsigned bits = options->refcount_bits;
    if (!bits || bits > 64 || bits & (bits - 1))
        return error_set(error, "refcount_bits must be 1, 2, 4, 8, 16, 32 or 64");
    uint64_t l1 = (options->size >> (2 * options->cluster_bits - 3)) + 1;
    if (options->size % BLOCKDEV_SECTOR || options->size > INT64_MAX / 2 || l1 * 8 > QCOW2_L1_MAX)
        return error_set(error, "an image of %llu bytes cannot have clusters of %u bytes",
                         (unsigned long long)options->size, 1u << options->cluster_bits);
    if (options->backing && strlen(options->backing) > 1023)
        return error_set(error, "the name of the backing file is longer than 1023 bytes");
    return true;
}

static void fill_header(const struct qcow2_options *options, struct qcow2_header *h, uint64_t l1_entries)
{
    unsigned bits = options->cluster_bits;
    bool v3 = options->version >= 3;
    *h = (struct qcow2_header){
        .magic = htobe32(QCOW2_MAGIC),
        .version = htobe32(options->version),
        .cluster_bits = htobe32(bits),
        .size = htobe64(options->size),
        .l1_size = htobe32((uint32_t)l1_entries),
        .l1_offset = htobe64(3ull << bits),
        .reftable_offset = htobe64(1ull << bits),
        .reftable_clusters = htobe32(1),
        .incompatible = htobe64(v3 && options->zstd ? QCOW2_INCOMPAT_COMPRESSION : 0),
        .compatible = htobe64(v3 && options->lazy_refcounts ? QCOW2_COMPAT_LAZY_REFCOUNTS : 0),
        .refcount_order = htobe32((uint32_t)__builtin_ctz(options->refcount_bits)),
        .header_length = htobe32(HEADER_LENGTH),
        .compression_type = options->zstd,
    };
}

/* The first cluster: header, extensions, the backing file's name. */
static bool write_header(const struct qcow2_options *options, uint8_t *cluster, uint64_t l1_entries,
                         struct error *error)
{
    struct qcow2_header header;
    struct writer writer = { .bytes = cluster, .size = 1u << options->cluster_bits };
    size_t backing_length = options->backing ? strlen(options->backing) : 0;
    fill_header(options, &header, l1_entries);
    writer.at = options->version >= 3 ? HEADER_LENGTH : QCOW2_HEADER_V2;
    if (options->backing && options->backing_format)
        put_extension(&writer, 0xe2792aca, options->backing_format,
                      (uint32_t)strlen(options->backing_format));
    if (options->version >= 3 && writer.size - writer.at > 48 * 8 + 16 + backing_length)
        put_feature_names(&writer);
    put_extension(&writer, 0, NULL, 0);
    if (writer.at + backing_length > writer.size)
        return error_set(error, "the name of the backing file does not fit into a cluster of %zu bytes",
                         writer.size);
    if (backing_length) {
        header.backing_offset = htobe64(writer.at);
        header.backing_length = htobe32((uint32_t)backing_length);
        memcpy(cluster + writer.at, options->backing, backing_length);
    }
    memcpy(cluster, &header, options->version >= 3 ? HEADER_LENGTH : QCOW2_HEADER_V2);
    return true;
}

/* Counts the first `clusters` clusters as used, as far as one refcount block reaches. Returns how many were
 * counted. */
static uint64_t fill_refcounts(const struct qcow2_options *options, uint8_t *block, uint64_t clusters)
{
    uint64_t reach = (8ull << options->cluster_bits) / options->refcount_bits;
    uint64_t count = clusters < reach ? clusters : reach;
    for (uint64_t n = 0; n < count; n++)
        qcow2_refcount_store(block, options->refcount_bits, n, 1);
    return count;
}

bool qcow2_create(struct blockfile *file, const struct qcow2_options *options, struct error *error)
{
    if (!check_options(options, error))
        return false;
    /* If the L1 table is too long for the first refcount block, an image of size 0 is made and then grown. */
    unsigned bits = options->cluster_bits;
    uint64_t cluster = 1ull << bits, l1_span = 1ull << (2 * bits - 3);
    uint64_t l1_entries = (options->size + l1_span - 1) / l1_span;
    uint64_t clusters = 3 + (l1_entries * 8 + cluster - 1) / cluster;
    bool grow = clusters > (8 * cluster) / options->refcount_bits;
    struct qcow2_options first = *options;
    if (grow) {
        first.size = 0;
        l1_entries = 0;
        clusters = 3;
    }
    uint8_t *bytes = calloc(3, cluster);
    if (!bytes)
        return error_set(error, "out of memory");
    bool ok = write_header(&first, bytes, l1_entries, error);
    uint64_t block_at = htobe64(2 * cluster);
    memcpy(bytes + cluster, &block_at, 8);
    fill_refcounts(&first, bytes + 2 * cluster, clusters);
    int rc = ok ? blockfile_pwrite(file, bytes, 3 * cluster, 0) : 0;
    free(bytes);
    rc = rc || !ok ? rc : blockfile_truncate(file, clusters * cluster);
    if (rc)
        return error_set(error, "%s: cannot be written: %s", file->path, strerror(-rc));
    if (!ok || !grow)
        return ok;
    struct blockdev_config config = { .path = file->path, .format = "qcow2", .no_backing = true };
    struct blockdev *blockdev = blockdev_qcow2_create(file, &config, error);
    if (!blockdev)
        return false;
    ok = qcow2_resize(qcow2_of(blockdev), options->size, error);
    /* The caller keeps the file. */
    qcow2_release(blockdev);
    return ok;
}

/* ---- Resizing ------------------------------------------------------------------------------------------ */

int qcow2_l1_grow(struct blockdev_qcow2 *q, uint64_t entries)
{
    CHECK_HELD(&q->lock);
    uint64_t bytes = qcow2_round_up(q, entries * 8), offset, found;
    if (entries <= q->header.l1_size)
        return 0;
    uint64_t old_offset = q->header.l1_offset, old_bytes = q->header.l1_size * 8ull;
    if (bytes > QCOW2_L1_MAX)
        return -EFBIG;
    uint64_t *l1 = calloc(1, bytes);
    if (!l1)
        return -ENOMEM;
    memcpy(l1, q->l1, old_bytes);
    int rc = qcow2_find_free(q, bytes >> q->cluster_bits, true, &offset, &found);
    rc = rc ? rc : qcow2_refcount_add(q, offset, bytes, 1);
    rc = rc ? rc : qcow2_tables_write(q);
    for (uint64_t n = 0; n < entries; n++)
        l1[n] = htobe64(l1[n]);
    rc = rc ? rc : blockfile_pwrite(q->file, l1, bytes, offset);
    rc = rc ? rc : blockfile_flush(q->file);
    if (rc) {
        free(l1);
        return rc;
    }
    for (uint64_t n = 0; n < entries; n++)
        l1[n] = be64toh(l1[n]);
    free(q->l1);
    q->l1 = l1;
    q->header.l1_offset = offset;
    q->header.l1_size = (uint32_t)entries;
    rc = qcow2_header_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    return rc || !old_bytes ? rc : qcow2_free(q, old_offset, old_bytes);
}

/* Drops what lies beyond the new end. In the last cluster it is overwritten with zeros, since growing the
 * disk again would show it. */
static int cut(struct blockdev_qcow2 *q, uint64_t size)
{
    struct blockdev *blockdev = &q->blockdev;
    uint64_t end = qcow2_round_up(q, size), old = blockdev->size;
    uint64_t within = end < old ? end : old;
    int rc = within > size ? qcow2_ops.write_zeroes(blockdev, size, within - size, false) : 0;
    return rc || end >= old ? rc : qcow2_drop_tail(blockdev, end);
}

/* [locked] */
static int set_size(struct blockdev_qcow2 *q, uint64_t size)
{
    CHECK_HELD(&q->lock);
    uint64_t span = q->cluster_size << q->l2_bits, entries = (size + span - 1) / span;
    int rc = 0;
    if (size > q->header.size) /* the disk would show a machine's state that was not dropped */
        rc = qcow2_tree_drop_state(q);
    if (!rc)
        rc = qcow2_l1_grow(q, entries);
    rc = rc ? rc : qcow2_tables_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    if (rc)
        return rc;
    q->header.size = size;
    __atomic_store_n(&q->blockdev.size, size, __ATOMIC_RELAXED);
    rc = qcow2_header_write(q);
    return rc ? rc : blockfile_flush(q->file);
}

static bool check_size(const struct blockdev_qcow2 *q, uint64_t size, struct error *error)
{
    if (size % BLOCKDEV_SECTOR || size > INT64_MAX / 2)
        return error_set(error, "%s: a disk of %llu bytes is not possible", q->file->path,
                         (unsigned long long)size);
    return !q->header.snapshot_count || (size >= q->header.size && q->header.version >= 3) ||
           error_set(error, "%s: has snapshots, so its size cannot be changed", q->file->path);
}

bool qcow2_resize(struct blockdev_qcow2 *q, uint64_t size, struct error *error)
{
    if (!check_size(q, size, error))
        return false;
    int rc = size < q->header.size ? cut(q, size) : 0;
    pthread_mutex_lock(&q->lock);
    rc = rc ? rc : set_size(q, size);
    pthread_mutex_unlock(&q->lock);
    return !rc || error_set(error, "%s: cannot be resized: %s", q->file->path, strerror(-rc));
}

bool qcow2_resize_in_use(struct blockdev *blockdev, uint64_t size, struct error *error)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    if (!check_size(q, size, error))
        return false;
    qcow2_exclusive_begin(q);
    bool less = size < q->header.size;
    int rc = less ? 0 : set_size(q, size);
    qcow2_exclusive_end(q);
    if (less)
        return error_set(error, "%s: a qcow2 disk cannot become smaller while it is in use", q->file->path);
    return !rc || error_set(error, "%s: cannot be resized: %s", q->file->path, strerror(-rc));
}
