/* SPDX-License-Identifier: MIT
 *
 * qcow2 images (docs/interop/qcow2.txt of QEMU describes the format). The files of this folder share this
 * header; rvive-img uses it for what goes beyond a blockdev: creating, checking, resizing, compressed
 * clusters.
 *
 * How an image stays consistent. All tables (L1, L2, refcount table and blocks) are changed in memory only,
 * each change together with the refcounts that belong to it: a data cluster gets its refcount when its L2
 * entry is set, after its data was written. qcow2_tables_write() writes the changes to the file, at a flush
 * of the guest or when the cache is full, in this order:
 *
 *      refcounts that rise; refcount table; L2 tables; L1; refcounts that fall
 *
 * If a program reads the file between two of these steps, the worst that it finds is clusters that are
 * counted and not used. Freed clusters are not used again before their L2 entry has been written, and not
 * while a request that may still read them is under way. In an image of version 3 the dirty bit is set,
 * durably, before the first of these writes, and cleared when the image is closed. A power failure may lose
 * some of the writes and keep others; the next program that opens the image then counts the references anew.
 * All is made ready before the first write, only what changed is written, and nothing is waited for, so a
 * process that is killed at random seldom leaves such clusters. Version 2 has no dirty bit, so each step is
 * made durable before the next.
 *
 * `lock` covers everything but the file's data: it is not held while data is transferred. Requests that
 * allocate the same guest cluster wait for each other (struct qcow2_write).
 *
 * The image may be hostile: whatever is read from it is checked when it is used; offsets are limited to 2^56.
 */
#ifndef DEVICES_BLOCK_QCOW2_QCOW2_H
#define DEVICES_BLOCK_QCOW2_QCOW2_H

#include <endian.h>
#include <pthread.h>

#include "devices/block/blockfile.h"

#define QCOW2_MAGIC            0x514649fbu
#define QCOW2_COPIED           (1ull << 63) /* of L1 and L2 entries: the refcount is 1 */
#define QCOW2_COMPRESSED       (1ull << 62)
#define QCOW2_ZERO             1ull
#define QCOW2_OFFSET_MASK      0x00fffffffffffe00ull
#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21
#define QCOW2_L1_MAX           (32u << 20) /* bytes of a table, as QEMU limits them */
#define QCOW2_REFTABLE_MAX     (8u << 20)
#define QCOW2_SNAPSHOTS_MAX    65536u
#define QCOW2_SNAPSHOT_MIN     40u /* bytes of an entry of the table without extra data, id and name */

enum qcow2_incompatible {
    QCOW2_INCOMPAT_DIRTY = 1,
    QCOW2_INCOMPAT_CORRUPT = 2,
    QCOW2_INCOMPAT_DATA_FILE = 4,
    QCOW2_INCOMPAT_COMPRESSION = 8,
    QCOW2_INCOMPAT_EXTENDED_L2 = 16,
};
#define QCOW2_COMPAT_LAZY_REFCOUNTS 1u
#define QCOW2_AUTOCLEAR_BITMAPS     1u

/* The header as it lies in the file, big-endian; version 2 ends before `incompatible`. */
struct qcow2_header {
    uint32_t magic, version;
    uint64_t backing_offset;
    uint32_t backing_length, cluster_bits;
    uint64_t size;
    uint32_t crypt_method, l1_size;
    uint64_t l1_offset, reftable_offset;
    uint32_t reftable_clusters, snapshot_count;
    uint64_t snapshot_offset;
    uint64_t incompatible, compatible, autoclear;
    uint32_t refcount_order, header_length;
    uint8_t compression_type, padding[7];
} __attribute__((packed));
#define QCOW2_HEADER_V2 72u

/* Bytes [from, to) of a table; none if they are equal. */
struct qcow2_span {
    uint64_t from, to;
};

/* One cluster of metadata in memory: an L2 table or a refcount block, as in the file. */
struct qcow2_table {
    uint64_t offset;          /* in the file */
    bool refcounts;           /* a refcount block */
    struct qcow2_span dirty;  /* what the file does not have yet */
    struct qcow2_table *next; /* of the hash bucket */
    struct qcow2_table *newer, *older, *next_changed, *next_fallen;
    uint8_t *fallen; /* a refcount block with the lower counts, while it is written; NULL: as `entries` */
    struct qcow2_span fallen_span;
    uint64_t entries[]; /* big-endian */
};

struct qcow2_range {
    uint64_t offset, bytes; /* in the file, whole clusters */
    uint64_t seq;
};
struct qcow2_ranges {
    struct qcow2_range *items;
    size_t count, capacity;
};

/* A request under way; on the stack of its thread. */
struct qcow2_op {
    uint64_t seq;
    struct qcow2_op *next, *previous;
};

/* A write that allocates: its guest clusters, and where in the file they will be. */
struct qcow2_write {
    uint64_t guest, host, bytes;
    struct qcow2_write *next;
};

#define QCOW2_BUCKETS 1024u

struct blockdev_qcow2 {
    struct blockdev blockdev;
    struct blockfile *file;
    struct blockdev *backing;   /* NULL: none */
    char *backing_name;         /* as in the header; NULL: none */
    char *backing_format;       /* as in the header; NULL: not said */
    struct qcow2_header header; /* in the host's byte order */
    unsigned cluster_bits, l2_bits, refcount_bits,
        refblock_bits; /* l2_bits: log2 of entries, as refblock_bits */
    uint64_t cluster_size;
    uint64_t bitmaps_at, bitmaps_bytes; /* directory of valid persistent bitmaps; 0: none */
    bool was_dirty;                     /* the dirty bit was set, and nobody has counted anew */
    bool strict;                        /* each step is made durable before the next (no dirty bit) */
    bool corrupt;                       /* an impossible value was found: no more writes */

    pthread_mutex_t lock;
    pthread_cond_t written; /* a qcow2_write ended; no request is under way; `exclusive` has ended */
    uint64_t *l1;           /* host's byte order, header.l1_size entries */
    uint64_t *reftable;     /* the same; reftable_size entries */
    uint32_t reftable_size;
    bool l1_dirty, reftable_dirty;
    bool writing; /* qcow2_tables_write() is under way */
    struct qcow2_table *buckets[QCOW2_BUCKETS], *newest, *oldest;
    struct qcow2_table *changed[2]; /* the dirty ones: L2 tables, refcount blocks */
    struct qcow2_table *fallen;     /* those with a copy in `fallen` */
    unsigned table_count, table_limit;
    struct qcow2_ranges freed;      /* clusters that will lose a reference */
    struct qcow2_ranges zeroed;     /* those of `freed` that nobody will refer to then */
    struct qcow2_ranges quarantine; /* free clusters that older requests may still be using */
    struct qcow2_op *first_op, *last_op;
    uint64_t seq;
    bool exclusive; /* a request that begins waits until this ends; see qcow2_exclusive_begin() */
    struct qcow2_write *writes;
    uint64_t free_hint;     /* no cluster below it is free */
    uint64_t file_end;      /* bytes; nothing was ever written at or beyond it */
    uint64_t compressed_at; /* where the next compressed cluster can go on; 0: nowhere */

    pthread_mutex_t inflate_lock;
    uint64_t inflated_entry; /* L2 entry of the compressed cluster in `inflated`; 0: none */
    uint8_t *inflated, *deflated;
};

/* ---- header.c ------------------------------------------------------------------------------------------ */

/* Reads and checks header and extensions into *q (whose file is set). False and *error. */
bool qcow2_header_read(struct blockdev_qcow2 *q, bool for_check, struct error *error);
/* Puts the fixed header, as it is in the file, into `bytes`; returns its length. */
size_t qcow2_header_store(const struct qcow2_header *header, void *bytes);
/* Stores the fields of the fixed header that change: all of them, in one write. */
int qcow2_header_write(struct blockdev_qcow2 *q);
/* Sets the dirty bit, durably, if the version has it. */
int qcow2_mark_dirty(struct blockdev_qcow2 *q);

/* ---- cache.c: all [locked] ----------------------------------------------------------------------------- */

/* The table at `offset`, read if `fresh` is false and zeroed otherwise. It stays in memory for at least 8
 * further calls. */
int qcow2_table_get(struct blockdev_qcow2 *q, uint64_t offset, bool refcounts, bool fresh,
                    struct qcow2_table **table);
/* Bytes [from, from + bytes) of a table have been changed. */
void qcow2_table_changed(struct blockdev_qcow2 *q, struct qcow2_table *table, uint64_t from, uint64_t bytes);
/* Drops the copy of a table whose cluster is free now. */
void qcow2_table_forget(struct blockdev_qcow2 *q, uint64_t offset);
/* Does the cluster hold a table that is in memory? */
bool qcow2_table_at(struct blockdev_qcow2 *q, uint64_t offset);
/* Writes all changes to the file, in order; durably only if `strict`. */
int qcow2_tables_write(struct blockdev_qcow2 *q);
void qcow2_tables_free(struct blockdev_qcow2 *q);

/* ---- refcount.c: all [locked] -------------------------------------------------------------------------- */

int qcow2_refcount_get(struct blockdev_qcow2 *q, uint64_t cluster, uint64_t *refcount);
/* Adds `delta` to the refcount of each cluster that [offset, offset + bytes) touches. */
int qcow2_refcount_add(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes, int delta);
/* The block that counts a cluster; NULL if there is none. */
int qcow2_refblock_get(struct blockdev_qcow2 *q, uint64_t cluster, struct qcow2_table **block);
/* Makes sure that the refcount of `cluster` can be set. *made: a new refcount block was needed. `anywhere`:
 * the block may lie at any cluster; otherwise it lies at the first one that it counts. */
int qcow2_refblock_ensure(struct blockdev_qcow2 *q, uint64_t cluster, bool anywhere, bool *made);
/* Finds up to `wanted` free clusters in a row (at least one, or with `all` exactly that many), whose
 * refcounts can be set. They stay free until the caller sets the refcounts or adds the clusters to
 * q->writes. */
int qcow2_find_free(struct blockdev_qcow2 *q, uint64_t wanted, bool all, uint64_t *offset, uint64_t *found);
/* Would a write there change a table of the image? */
bool qcow2_is_metadata(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes);
/* Would it change the header, the L1 table, the refcount table, or the table of snapshots? */
bool qcow2_is_fixed(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes);
/* Reports once that the image is damaged, and stops writing to it. Returns -EIO. */
int qcow2_damaged(struct blockdev_qcow2 *q, const char *what, uint64_t offset);
unsigned qcow2_refcount_field(const void *block, unsigned bits, uint64_t index, uint64_t *value);
void qcow2_refcount_store(void *block, unsigned bits, uint64_t index, uint64_t value);

/* ---- free.c: all [locked] ------------------------------------------------------------------------------ */

/* The clusters that [offset, offset + bytes) touches lose a reference, at the next qcow2_tables_write(). */
int qcow2_free(struct blockdev_qcow2 *q, uint64_t offset, uint64_t bytes);
/* Makes copies of the refcount blocks in which the counts of what was freed are lower. They are in q->fallen
 * even if -errno is returned; clusters without a copy leak. */
int qcow2_frees_prepare(struct blockdev_qcow2 *q);
/* Takes over what the copies say if they were `written` to the file, after the tables that referred to the
 * clusters; otherwise the clusters stay counted until the next qcow2_tables_write(). */
void qcow2_frees_done(struct blockdev_qcow2 *q, bool written);
/* Releases the clusters in quarantine that no older request can still be using. */
void qcow2_quarantine_release(struct blockdev_qcow2 *q);

/* ---- map.c: all [locked] ------------------------------------------------------------------------------- */

enum qcow2_kind { QCOW2_KIND_NONE, QCOW2_KIND_ZERO, QCOW2_KIND_DATA, QCOW2_KIND_COMPRESSED };
struct qcow2_extent {
    enum qcow2_kind kind;
    uint64_t bytes; /* from the guest offset that was asked for */
    uint64_t host;  /* DATA: where they are in the file */
    uint64_t entry; /* of the first cluster */
};
/* Finds what is at guest offset `guest`: as many of the `bytes` bytes as are alike and in a row. */
int qcow2_lookup(struct blockdev_qcow2 *q, uint64_t guest, uint64_t bytes, struct qcow2_extent *extent);
/* As qcow2_lookup(), but for one cluster. *place is its entry, in a table that no snapshot shares, so it may
 * be changed. */
int qcow2_entry(struct blockdev_qcow2 *q, uint64_t guest, struct qcow2_table **table, uint64_t **place);
/* Replaces an entry. The new cluster must already be counted; the old entry's clusters are freed. */
int qcow2_entry_set(struct blockdev_qcow2 *q, struct qcow2_table *table, uint64_t *place, uint64_t entry);
/* The file's bytes that a compressed entry covers. */
void qcow2_compressed_range(const struct blockdev_qcow2 *q, uint64_t entry, uint64_t *offset,
                            uint64_t *bytes);
/* May the cluster be written where it is? 1, 0 or -errno. */
int qcow2_owned(struct blockdev_qcow2 *q, uint64_t entry);

/* ---- compress.c ---------------------------------------------------------------------------------------- */

/* Reads [within, within + length) of a compressed cluster. Takes inflate_lock. */
int qcow2_inflate(struct blockdev_qcow2 *q, uint64_t entry, uint64_t within, uint64_t length, void *bytes);
/* Stores a whole cluster compressed; -ENOSPC if that does not make it smaller. For an image that nobody
 * else is using. */
int qcow2_write_compressed(struct blockdev *blockdev, uint64_t guest, const void *bytes);

/* ---- qcow2.c ------------------------------------------------------------------------------------------- */

/* Writes what is in memory, marks the image as closed properly, and frees everything. */
void qcow2_close(struct blockdev *blockdev);
/* The same, but the file is left open. */
void qcow2_release(struct blockdev *blockdev);

/* ---- io.c ---------------------------------------------------------------------------------------------- */

extern const struct blockdev_ops qcow2_ops;
/* Waits until no request is under way, and locks; requests that begin wait until _end(), which unlocks. */
void qcow2_exclusive_begin(struct blockdev_qcow2 *q);
void qcow2_exclusive_end(struct blockdev_qcow2 *q);
/* Reads and writes at any guest offset that the L1 table has, also beyond the disk. */
int qcow2_read_at(struct blockdev_qcow2 *q, void *bytes, uint64_t length, uint64_t guest);
int qcow2_write_at(struct blockdev_qcow2 *q, const void *bytes, uint64_t length, uint64_t guest);
/* Makes the image hold nothing but what its backing file has. */
int qcow2_make_empty(struct blockdev *blockdev);
/* Drops the clusters from `offset`, a multiple of their size, to the end of the disk. */
int qcow2_drop_tail(struct blockdev *blockdev, uint64_t offset);

/* ---- tree.c: all [locked] ------------------------------------------------------------------------------ */

/* Adds `delta`, 1 or -1, to the refcount of everything that `count` entries of an L1 table, in the host's
 * byte order, lead to: L2 tables and clusters. 1: the entries, and those of the L2 tables, lose the "refcount
 * is 1" bit; if that fails, all is as before. -1: at the next qcow2_tables_write(), as for qcow2_free(). */
int qcow2_tree_add(struct blockdev_qcow2 *q, uint64_t *l1, uint32_t count, int delta);
/* Makes right the "refcount is 1" bits of the disk's own tables. All refcounts have been written. */
int qcow2_tree_refresh(struct blockdev_qcow2 *q);
/* The number of L1 entries that describe the disk; those beyond are for a machine's state. */
uint32_t qcow2_disk_entries(const struct blockdev_qcow2 *q);
/* Drops what the L1 entries beyond the disk lead to. */
int qcow2_tree_drop_state(struct blockdev_qcow2 *q);

/* ---- snapshot_table.c: all [locked] -------------------------------------------------------------------- */

struct qcow2_snapshot;
struct qcow2_snapshots {
    uint8_t *raw; /* the table as in the file, where entries may have more than is known here */
    uint64_t bytes;
    struct qcow2_snapshot *list;
    uint64_t *at; /* where each entry begins in `raw`; one more for the end */
    uint32_t count;
};
/* Reads and checks the table; qcow2_snapshots_free() follows in any case. */
bool qcow2_snapshots_read(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, struct error *error);
void qcow2_snapshots_free(struct qcow2_snapshots *table);
/* Makes `raw` and `bytes` of a table with one more entry, or without the entry `number`. 0 or -ENOMEM. */
int qcow2_snapshots_add(struct qcow2_snapshots *table, const struct qcow2_snapshot *snapshot);
void qcow2_snapshots_remove(struct qcow2_snapshots *table, uint32_t number);

/* ---- check.c ------------------------------------------------------------------------------------------- */

enum qcow2_repair { QCOW2_REPAIR_NONE, QCOW2_REPAIR_LEAKS, QCOW2_REPAIR_ALL };
struct qcow2_check {
    uint64_t corruptions, leaks, errors; /* that remain, without what was repaired */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t clusters_total, clusters_used, clusters_compressed, clusters_fragmented;
    uint64_t image_end;                          /* bytes */
    void (*say)(void *opaque, const char *line); /* NULL: nothing is said */
    void *opaque;
};
/* Compares refcounts with what refers to the clusters, and repairs them. For an image that nobody else is
 * using. 0, or -errno if the check could not be made. */
int qcow2_check(struct blockdev_qcow2 *q, enum qcow2_repair repair, struct qcow2_check *result);

/* ---- create.c ------------------------------------------------------------------------------------------ */

struct qcow2_options {
    uint64_t size;                        /* bytes, a multiple of 512 */
    unsigned version;                     /* 2 or 3 */
    unsigned cluster_bits;                /* 9..21 */
    unsigned refcount_bits;               /* 1, 2, 4 .. 64; version 2: 16 */
    bool lazy_refcounts, zstd;            /* version 3 only */
    const char *backing, *backing_format; /* NULL: none */
};
/* Writes an empty image to an empty file. */
bool qcow2_create(struct blockfile *file, const struct qcow2_options *options, struct error *error);
/* Makes the L1 table at least `entries` entries long, at a new place. [locked] */
int qcow2_l1_grow(struct blockdev_qcow2 *q, uint64_t entries);
/* Changes the size of the disk; what shrinking cuts off is lost. For an image that nobody else is using. */
bool qcow2_resize(struct blockdev_qcow2 *q, uint64_t size, struct error *error);
/* The same for an image that is in use, which can only grow. */
bool qcow2_resize_in_use(struct blockdev *blockdev, uint64_t size, struct error *error);

/* ---- rewrite.c ----------------------------------------------------------------------------------------- */

/* Change what the header says, for an image that nobody else is using. False, with *error filled, on
 * failure. The disk must be read with the new backing file as with the old one, or it changes; NULL: none. */
bool qcow2_set_backing(struct blockdev_qcow2 *q, const char *backing, const char *format,
                       struct error *error);
/* Makes an image of version 2 one of version 3. */
bool qcow2_upgrade(struct blockdev_qcow2 *q, struct error *error);
bool qcow2_set_lazy(struct blockdev_qcow2 *q, bool lazy, struct error *error);

/* NULL if the blockdev is of another format. */
struct blockdev_qcow2 *qcow2_of(struct blockdev *blockdev);

static inline void qcow2_span_add(struct qcow2_span *span, uint64_t from, uint64_t bytes)
{
    bool empty = span->from == span->to;
    uint64_t to = from + bytes;
    *span = (struct qcow2_span){ empty || from < span->from ? from : span->from,
                                 empty || to > span->to ? to : span->to };
}

static inline uint64_t qcow2_round_up(const struct blockdev_qcow2 *q, uint64_t bytes)
{
    return (bytes + q->cluster_size - 1) & -q->cluster_size;
}

#endif
