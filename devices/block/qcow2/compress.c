/* SPDX-License-Identifier: MIT
 *
 * Compressed clusters of qcow2 images: deflate without a header, or zstd. One decompressed cluster is kept,
 * since guests read in smaller pieces. Compressed clusters are written by rvive-img only, one behind the
 * other; a guest that writes to one gets an ordinary cluster instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "devices/block/qcow2/qcow2.h"
#include "util/check.h"

#define DEFLATE_WINDOW_BITS 12 /* all readers of the format provide this much */

/* ---- Reading ------------------------------------------------------------------------------------------- */

static bool inflate_zlib(const uint8_t *from, size_t from_bytes, uint8_t *to, size_t to_bytes)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)from,
                        .avail_in = (uInt)from_bytes,
                        .next_out = to,
                        .avail_out = (uInt)to_bytes };
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return false;
    int rc = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    /* It is enough that the cluster is full: the end of the stream may lie beyond its sectors. */
    return (rc == Z_STREAM_END || rc == Z_BUF_ERROR || rc == Z_OK) && !stream.avail_out;
}

static bool inflate_zstd(const uint8_t *from, size_t from_bytes, uint8_t *to, size_t to_bytes)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = { from, from_bytes, 0 };
    ZSTD_outBuffer out = { to, to_bytes, 0 };
    bool ok = context;
    while (ok && out.pos < out.size) { /* a cluster may consist of several frames; padding follows the last */
        size_t in_before = in.pos, out_before = out.pos;
        ok = !ZSTD_isError(ZSTD_decompressStream(context, &out, &in)) &&
             (in.pos > in_before || out.pos > out_before);
    }
    ZSTD_freeDCtx(context);
    return ok;
}

/* Decompresses a cluster into q->inflated. Inside inflate_lock. */
static int inflate_cluster(struct blockdev_qcow2 *q, uint64_t entry)
{
    uint64_t offset, bytes;
    qcow2_compressed_range(q, entry, &offset, &bytes);
    q->inflated_entry = 0;
    if (!q->inflated)
        q->inflated = malloc(q->cluster_size);
    if (!q->deflated)
        q->deflated = malloc(2 * q->cluster_size + BLOCKDEV_SECTOR);
    if (!q->inflated || !q->deflated)
        return -ENOMEM;
    int rc = blockfile_pread(q->file, q->deflated, bytes, offset);
    if (rc)
        return rc;
    bool zstd = q->header.compression_type == 1;
    bool ok = zstd ? inflate_zstd(q->deflated, bytes, q->inflated, q->cluster_size)
                   : inflate_zlib(q->deflated, bytes, q->inflated, q->cluster_size);
    if (ok)
        q->inflated_entry = entry;
    return ok ? 0 : -EIO;
}

int qcow2_inflate(struct blockdev_qcow2 *q, uint64_t entry, uint64_t within, uint64_t length, void *bytes)
{
    pthread_mutex_lock(&q->inflate_lock);
    int rc = q->inflated_entry == entry ? 0 : inflate_cluster(q, entry);
    if (!rc)
        memcpy(bytes, q->inflated + within, length);
    pthread_mutex_unlock(&q->inflate_lock);
    return rc;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* Returns the compressed size; 0 if it would not be smaller. */
static size_t deflate_zlib(const void *from, size_t bytes, uint8_t *to)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)from,
                        .avail_in = (uInt)bytes,
                        .next_out = to,
                        .avail_out = (uInt)bytes - 1 };
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -DEFLATE_WINDOW_BITS, 9,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int rc = deflate(&stream, Z_FINISH);
    size_t length = bytes - 1 - stream.avail_out;
    deflateEnd(&stream);
    return rc == Z_STREAM_END ? length : 0;
}

static size_t deflate_zstd(const void *from, size_t bytes, uint8_t *to)
{
    size_t length = ZSTD_compress(to, bytes - 1, from, bytes, ZSTD_CLEVEL_DEFAULT);
    return ZSTD_isError(length) ? 0 : length;
}

/* Finds a place for `length` bytes, behind the last compressed cluster or in a new one, and counts its
 * references. [locked] */
static int place_compressed(struct blockdev_qcow2 *q, uint64_t length, uint64_t *offset)
{
    CHECK_HELD(&q->lock);
    uint64_t at = q->compressed_at, room = at ? qcow2_round_up(q, at) - at : 0, found;
    int rc;
    if (at && length <= room) {
        *offset = at;
        rc = qcow2_refcount_add(q, at, length, 1);
    } else {
        rc = qcow2_find_free(q, 1, true, offset, &found);
        rc = rc ? rc : qcow2_refcount_add(q, *offset, q->cluster_size, 1);
    }
    if (!rc)
        q->compressed_at = (*offset + length) & (q->cluster_size - 1) ? *offset + length : 0;
    return rc;
}

static int link_compressed(struct blockdev_qcow2 *q, uint64_t guest, uint64_t offset, uint64_t length)
{
    unsigned offset_bits = 62 - (q->cluster_bits - 8);
    uint64_t sectors = ((offset + length - 1) >> 9) - (offset >> 9), *place;
    struct qcow2_table *table;
    int rc = qcow2_entry(q, guest, &table, &place);
    if (offset >> offset_bits)
        return -EFBIG;
    return rc ? rc : qcow2_entry_set(q, table, place, QCOW2_COMPRESSED | sectors << offset_bits | offset);
}

int qcow2_write_compressed(struct blockdev *blockdev, uint64_t guest, const void *bytes)
{
    struct blockdev_qcow2 *q = qcow2_of(blockdev);
    uint8_t *to = malloc(q->cluster_size);
    uint64_t offset = 0;
    if (!to)
        return -ENOMEM;
    size_t length = q->header.compression_type == 1 ? deflate_zstd(bytes, q->cluster_size, to)
                                                    : deflate_zlib(bytes, q->cluster_size, to);
    int rc = length ? 0 : -ENOSPC;
    pthread_mutex_lock(&q->lock);
    rc = rc ? rc : place_compressed(q, length, &offset);
    rc = rc ? rc : blockfile_pwrite(q->file, to, length, offset);
    rc = rc ? rc : link_compressed(q, guest, offset, length);
    pthread_mutex_unlock(&q->lock);
    pthread_mutex_lock(&q->inflate_lock);
    q->inflated_entry = 0; /* another cluster may have been at this place */
    pthread_mutex_unlock(&q->inflate_lock);
    free(to);
    return rc;
}
