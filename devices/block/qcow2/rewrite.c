/* SPDX-License-Identifier: MIT
 *
 * Changes of a qcow2 image that are made in its header: another backing file, version 3 instead of 2, lazy
 * refcounts. The first cluster is put together anew, with all extensions that the old one has, and written in
 * one go. For images that nobody else is using.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"

#define EXTENSION_BACKING_FORMAT 0xe2792acau
#define HEADER_V3                112u
#define NAME_BYTES_MAX           1023u
#define FORMAT_BYTES_MAX         64u

/* What the header is to say. */
struct change {
    unsigned version;
    uint64_t compatible;
    const char *backing, *format; /* NULL: none */
};

struct cluster {
    uint8_t *bytes;
    uint64_t at, size;
    bool full;
};

static void put(struct cluster *cluster, const void *bytes, uint64_t length)
{
    cluster->full |= length > cluster->size - cluster->at;
    if (cluster->full || !length)
        return;
    memcpy(cluster->bytes + cluster->at, bytes, length);
    cluster->at += length;
}

static void put_extension(struct cluster *cluster, uint32_t type, const void *bytes, uint32_t length)
{
    static const uint8_t zeroes[8];
    uint32_t head[2] = { htobe32(type), htobe32(length) };
    put(cluster, head, sizeof(head));
    put(cluster, bytes, length);
    put(cluster, zeroes, -(uint64_t)length & 7);
}

/* Copies the extensions of the old cluster, whose lengths were checked when the image was opened, but may
 * have changed since. */
static bool copy_extensions(const struct blockdev_qcow2 *q, const uint8_t *old, struct cluster *cluster)
{
    const struct qcow2_header *h = &q->header;
    uint64_t at = h->header_length, end = h->backing_offset ? h->backing_offset : q->cluster_size;
    while (at + 8 <= end) {
        uint32_t type, length;
        memcpy(&type, old + at, 4);
        memcpy(&length, old + at + 4, 4);
        type = be32toh(type);
        length = be32toh(length);
        at += 8;
        if (!type)
            break;
        if (length > end - at)
            return false;
        if (type != EXTENSION_BACKING_FORMAT)
            put_extension(cluster, type, old + at, length);
        at += (length + 7ull) & ~7ull;
    }
    return true;
}

/* Puts the new cluster together; *header becomes what it says. */
static bool build(const struct blockdev_qcow2 *q, const struct change *change, const uint8_t *old,
                  struct cluster *cluster, struct qcow2_header *header)
{
    *header = q->header;
    header->version = change->version;
    header->compatible = change->compatible;
    header->header_length = change->version < 3      ? QCOW2_HEADER_V2
                            : q->header.version >= 3 ? q->header.header_length
                                                     : HEADER_V3;
    if (q->header.version >= 3) /* with fields that are not known here */
        memcpy(cluster->bytes, old, header->header_length);
    cluster->at = header->header_length;
    if (!copy_extensions(q, old, cluster))
        return false;
    if (change->backing && change->format)
        put_extension(cluster, EXTENSION_BACKING_FORMAT, change->format, (uint32_t)strlen(change->format));
    put_extension(cluster, 0, NULL, 0);
    header->backing_length = change->backing ? (uint32_t)strlen(change->backing) : 0;
    header->backing_offset = change->backing ? cluster->at : 0;
    put(cluster, change->backing, header->backing_length);
    qcow2_header_store(header, cluster->bytes);
    return !cluster->full;
}

/* Takes over what was written. */
static bool adopt(struct blockdev_qcow2 *q, const struct change *change, const struct qcow2_header *header,
                  struct error *error)
{
    char *name = change->backing ? strdup(change->backing) : NULL;
    char *format = change->backing && change->format ? strdup(change->format) : NULL;
    free(q->backing_name);
    free(q->backing_format);
    q->backing_name = name;
    q->backing_format = format;
    q->header = *header;
    return (name || !change->backing) || error_set(error, "%s: out of memory", q->file->path);
}

static bool rewrite(struct blockdev_qcow2 *q, const struct change *change, struct error *error)
{
    uint8_t *old = malloc(q->cluster_size);
    struct cluster cluster = { .bytes = calloc(1, q->cluster_size), .size = q->cluster_size };
    struct qcow2_header header;
    int rc = old && cluster.bytes ? 0 : -ENOMEM;
    pthread_mutex_lock(&q->lock);
    rc = rc ? rc : qcow2_tables_write(q);
    rc = rc ? rc : blockfile_flush(q->file);
    rc = rc ? rc : blockfile_pread(q->file, old, q->cluster_size, 0);
    bool fits = !rc && build(q, change, old, &cluster, &header);
    if (fits)
        rc = blockfile_pwrite(q->file, cluster.bytes, q->cluster_size, 0);
    rc = rc ? rc : blockfile_flush(q->file);
    bool ok = !rc && fits && adopt(q, change, &header, error);
    pthread_mutex_unlock(&q->lock);
    free(old);
    free(cluster.bytes);
    if (rc)
        return error_set(error, "%s: its header cannot be written: %s", q->file->path, strerror(-rc));
    return fits ? ok
                : error_set(error, "%s: the new header does not fit into a cluster of %llu bytes",
                            q->file->path, (unsigned long long)q->cluster_size);
}

bool qcow2_set_backing(struct blockdev_qcow2 *q, const char *backing, const char *format, struct error *error)
{
    struct change change = { q->header.version, q->header.compatible, backing, format };
    if (backing && (!*backing || strlen(backing) > NAME_BYTES_MAX))
        return error_set(error, "%s: the name of a backing file has 1 to %u bytes", q->file->path,
                         NAME_BYTES_MAX);
    if (format && strlen(format) > FORMAT_BYTES_MAX)
        return error_set(error, "%s: the format of the backing file has at most %u bytes", q->file->path,
                         FORMAT_BYTES_MAX);
    return rewrite(q, &change, error);
}

bool qcow2_upgrade(struct blockdev_qcow2 *q, struct error *error)
{
    struct change change = { 3, 0, q->backing_name, q->backing_format };
    return q->header.version >= 3 || rewrite(q, &change, error);
}

/* An image with lazy refcounts that was not closed properly is repaired when it is opened, so nothing has to
 * be done when they are switched off. */
bool qcow2_set_lazy(struct blockdev_qcow2 *q, bool lazy, struct error *error)
{
    uint64_t bits = q->header.compatible & ~(uint64_t)QCOW2_COMPAT_LAZY_REFCOUNTS;
    struct change change = { q->header.version, lazy ? bits | QCOW2_COMPAT_LAZY_REFCOUNTS : bits,
                             q->backing_name, q->backing_format };
    if (q->header.version < 3)
        return !lazy || error_set(error, "%s: lazy_refcounts needs compat=1.1", q->file->path);
    return rewrite(q, &change, error);
}
