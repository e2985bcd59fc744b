/* SPDX-License-Identifier: MIT
 *
 * The header of a qcow2 image and its extensions. Every field is checked before anything relies on it. A
 * feature that this implementation does not have is refused with an error that names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"

#define EXTENSION_END            0u
#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define EXTENSION_FEATURE_NAMES  0x6803f857u
#define EXTENSION_BITMAPS        0x23852875u
#define BITMAP_DIRECTORY_MAX     (64u << 20)
#define NAME_MAX_BYTES           1023u

static bool bad(struct blockdev_qcow2 *q, const char *what, struct error *error)
{
    return error_set(error, "%s: is not a good qcow2 image: %s", q->file->path, what);
}

static void swap_fixed(struct qcow2_header *h, bool to_host)
{
#define SWAP32(field) h->field = to_host ? be32toh(h->field) : htobe32(h->field)
#define SWAP64(field) h->field = to_host ? be64toh(h->field) : htobe64(h->field)
    SWAP32(magic), SWAP32(version), SWAP64(backing_offset), SWAP32(backing_length), SWAP32(cluster_bits);
    SWAP64(size), SWAP32(crypt_method), SWAP32(l1_size), SWAP64(l1_offset), SWAP64(reftable_offset);
    SWAP32(reftable_clusters), SWAP32(snapshot_count), SWAP64(snapshot_offset), SWAP64(incompatible);
    SWAP64(compatible), SWAP64(autoclear), SWAP32(refcount_order), SWAP32(header_length);
#undef SWAP32
#undef SWAP64
}

size_t qcow2_header_store(const struct qcow2_header *header, void *bytes)
{
    struct qcow2_header stored = *header;
    size_t length = sizeof(stored);
    if (header->version < 3)
        length = QCOW2_HEADER_V2;
    else if (header->header_length < length)
        length = header->header_length;
    swap_fixed(&stored, false);
    memcpy(bytes, &stored, length);
    return length;
}

int qcow2_header_write(struct blockdev_qcow2 *q)
{
    struct qcow2_header stored;
    return blockfile_pwrite(q->file, &stored, qcow2_header_store(&q->header, &stored), 0);
}

int qcow2_mark_dirty(struct blockdev_qcow2 *q)
{
    if (q->header.version < 3 || q->header.incompatible & QCOW2_INCOMPAT_DIRTY)
        return 0;
    q->header.incompatible |= QCOW2_INCOMPAT_DIRTY;
    int rc = qcow2_header_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    if (rc)
        q->header.incompatible &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
    return rc;
}

/* ---- Checks -------------------------------------------------------------------------------------------- */

/* Is a table of `bytes` bytes at `offset` aligned, behind the header, and below 2^56? */
static bool table_fits(const struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes)
{
    return !(offset & (q->cluster_size - 1)) && offset >= q->cluster_size && offset < 1ull << 56 &&
           bytes < (1ull << 56) - offset;
}

static bool check_sizes(struct blockdev_qcow2 *q, struct error *error)
{
    const struct qcow2_header *h = &q->header;
    if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN || h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
        return bad(q, "its cluster size is not between 512 bytes and 2 MiB", error);
    q->cluster_bits = h->cluster_bits;
    q->cluster_size = 1ull << h->cluster_bits;
    q->l2_bits = h->cluster_bits - 3;
    if (h->refcount_order > 6)
        return bad(q, "refcounts of more than 64 bits", error);
    q->refcount_bits = 1u << h->refcount_order;
    q->refblock_bits = h->cluster_bits + 3 - h->refcount_order;
    if (h->crypt_method)
        return error_set(error, "%s: is encrypted (method %u), which Rvive does not have", q->file->path,
                         h->crypt_method);
    if (h->size > INT64_MAX - (64u << 20) || h->size % BLOCKDEV_SECTOR)
        return bad(q, "the size of its disk is impossible", error);
    uint64_t l1_needed = (h->size + (q->cluster_size << q->l2_bits) - 1) >> (q->cluster_bits + q->l2_bits);
    if (h->l1_size < l1_needed || h->l1_size > QCOW2_L1_MAX / 8)
        return bad(q, "its L1 table has an impossible size", error);
    if (h->l1_size && !table_fits(q, h->l1_offset, h->l1_size * 8ull))
        return bad(q, "its L1 table is at an impossible place", error);
    if (!h->reftable_clusters || (uint64_t)h->reftable_clusters << q->cluster_bits > QCOW2_REFTABLE_MAX)
        return bad(q, "its refcount table has an impossible size", error);
    if (!table_fits(q, h->reftable_offset, (uint64_t)h->reftable_clusters << q->cluster_bits))
        return bad(q, "its refcount table is at an impossible place", error);
    if (h->snapshot_count > QCOW2_SNAPSHOTS_MAX)
        return bad(q, "it has more than 65536 snapshots", error);
    if (h->snapshot_count && !table_fits(q, h->snapshot_offset, (uint64_t)h->snapshot_count * 40))
        return bad(q, "its snapshots are at an impossible place", error);
    return true;
}

/* The name that the image itself gives an incompatible feature. */
static const char *feature_name(const uint8_t *names, uint32_t length, unsigned bit, char *name, size_t size)
{
    static const char *const known[] = { "dirty bit", "corrupt bit", "external data file", "compression type",
                                         "extended L2 entries" };
    if (bit < sizeof(known) / sizeof(*known))
        return known[bit];
    for (uint32_t at = 0; at + 48 <= length; at += 48) {
        if (names[at] == 0 && names[at + 1] == bit) {
            snprintf(name, size, "%.46s", (const char *)names + at + 2);
            return name;
        }
    }
    snprintf(name, size, "bit %u", bit);
    return name;
}

static bool check_features(struct blockdev_qcow2 *q, const uint8_t *names, uint32_t length,
                           struct error *error)
{
    const uint64_t have = QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_COMPRESSION;
    char name[64];
    uint64_t unknown = q->header.incompatible & ~have;
    if (unknown)
        return error_set(error, "%s: uses a feature of qcow2 that Rvive does not have: %s", q->file->path,
                         feature_name(names, length, (unsigned)__builtin_ctzll(unknown), name, sizeof(name)));
    if (q->header.compression_type > 1)
        return error_set(error, "%s: is compressed by method %u; Rvive has 0 (zlib) and 1 (zstd)",
                         q->file->path, q->header.compression_type);
    return true;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static char *take_text(const uint8_t *bytes, uint32_t length)
{
    char *text = malloc(length + 1u);
    if (text) {
        memcpy(text, bytes, length);
        text[length] = 0;
    }
    return text;
}

/* The extensions lie between the header and the backing file's name, in the first cluster. */
static bool read_extensions(struct blockdev_qcow2 *q, const uint8_t *cluster, struct error *error)
{
    const struct qcow2_header *h = &q->header;
    uint64_t at = h->header_length, end = h->backing_offset ? h->backing_offset : q->cluster_size;
    const uint8_t *names = NULL;
    uint32_t names_length = 0;
    while (at + 8 <= end) {
        uint32_t type, length;
        memcpy(&type, cluster + at, 4);
        memcpy(&length, cluster + at + 4, 4);
        type = be32toh(type);
        length = be32toh(length);
        at += 8;
        if (type == EXTENSION_END)
            break;
        if (length > end - at)
            return bad(q, "an extension of its header is too long", error);
        if (type == EXTENSION_BACKING_FORMAT && length <= 64) {
            free(q->backing_format);
            if (!(q->backing_format = take_text(cluster + at, length)))
                return error_set(error, "%s: out of memory", q->file->path);
        } else if (type == EXTENSION_FEATURE_NAMES) {
            names = cluster + at;
            names_length = length;
        } else if (type == EXTENSION_BITMAPS && length >= 24 && h->autoclear & QCOW2_AUTOCLEAR_BITMAPS) {
            memcpy(&q->bitmaps_bytes, cluster + at + 8, 8);
            memcpy(&q->bitmaps_at, cluster + at + 16, 8);
            q->bitmaps_bytes = be64toh(q->bitmaps_bytes);
            q->bitmaps_at = be64toh(q->bitmaps_at);
            if (q->bitmaps_bytes > BITMAP_DIRECTORY_MAX || !table_fits(q, q->bitmaps_at, q->bitmaps_bytes))
                return bad(q, "its bitmaps are at an impossible place", error);
        }
        at += (length + 7ull) & ~7ull;
    }
    return check_features(q, names, names_length, error);
}

static bool read_backing_name(struct blockdev_qcow2 *q, const uint8_t *cluster, struct error *error)
{
    const struct qcow2_header *h = &q->header;
    if (!h->backing_offset)
        return true;
    if (h->backing_length > NAME_MAX_BYTES || h->backing_offset >= q->cluster_size ||
        h->backing_length > q->cluster_size - h->backing_offset)
        return bad(q, "the name of its backing file is not in its first cluster", error);
    q->backing_name = h->backing_length ? take_text(cluster + h->backing_offset, h->backing_length) : NULL;
    return q->backing_name || !h->backing_length || error_set(error, "%s: out of memory", q->file->path);
}

/* Every table is an array of 8-byte entries. */
static bool read_array(struct blockdev_qcow2 *q, uint64_t **array, uint64_t count, uint64_t offset,
                       struct error *error)
{
    *array = calloc(count ? count : 1, sizeof(**array));
    if (!*array)
        return error_set(error, "%s: out of memory for its tables", q->file->path);
    int rc = count ? blockfile_pread(q->file, *array, count * 8, offset) : 0;
    for (uint64_t n = 0; n < count; n++)
        (*array)[n] = be64toh((*array)[n]);
    return !rc || error_set(error, "%s: its tables cannot be read: %s", q->file->path, strerror(-rc));
}

static bool read_fixed(struct blockdev_qcow2 *q, struct error *error)
{
    struct qcow2_header *h = &q->header;
    int rc = blockfile_pread(q->file, h, sizeof(*h), 0);
    if (rc)
        return error_set(error, "%s: cannot be read: %s", q->file->path, strerror(-rc));
    swap_fixed(h, true);
    if (h->magic != QCOW2_MAGIC)
        return bad(q, "it does not begin like one", error);
    if (h->version != 2 && h->version != 3)
        return error_set(error, "%s: is of version %u of qcow2; Rvive has 2 and 3", q->file->path,
                         h->version);
    if (h->version == 2) {
        h->incompatible = h->compatible = h->autoclear = 0;
        h->refcount_order = 4;
        h->header_length = QCOW2_HEADER_V2;
    } else if (h->header_length < 104 || h->header_length % 8 || h->header_length > 512) {
        return bad(q, "its header has an impossible length", error);
    }
    if (h->header_length <= 104)
        h->compression_type = 0;
    if (h->compression_type && !(h->incompatible & QCOW2_INCOMPAT_COMPRESSION))
        return bad(q, "it has a compression type, but says that it has none", error);
    return true;
}

bool qcow2_header_read(struct blockdev_qcow2 *q, bool for_check, struct error *error)
{
    if (!read_fixed(q, error) || !check_sizes(q, error))
        return false;
    uint8_t *cluster = malloc(q->cluster_size);
    if (!cluster)
        return error_set(error, "%s: out of memory", q->file->path);
    int rc = blockfile_pread(q->file, cluster, q->cluster_size, 0);
    bool ok = !rc || error_set(error, "%s: cannot be read: %s", q->file->path, strerror(-rc));
    ok = ok && read_backing_name(q, cluster, error) && read_extensions(q, cluster, error);
    free(cluster);
    if (ok && q->header.incompatible & QCOW2_INCOMPAT_CORRUPT && !q->blockdev.read_only && !for_check)
        ok = error_set(error,
                       "%s: is marked as damaged and can only be read (readonly=on); rvive-img check -r all "
                       "repairs it",
                       q->file->path);
    q->reftable_size = (uint32_t)((uint64_t)q->header.reftable_clusters << q->cluster_bits >> 3);
    return ok && read_array(q, &q->l1, q->header.l1_size, q->header.l1_offset, error) &&
           read_array(q, &q->reftable, q->reftable_size, q->header.reftable_offset, error);
}
