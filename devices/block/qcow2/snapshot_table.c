/* SPDX-License-Identifier: MIT
 *
 * The table of snapshots in a qcow2 image. It is read when it is needed, and replaced as a whole. An entry
 * has 40 bytes, then extra data, id, name, and zeros up to a multiple of 8:
 *
 *     u64 L1 table | u32 its entries | u16 length of the id, u16 of the name | u32 seconds, u32 nanoseconds
 *     u64 guest's clock in ns | u32 bytes of state | u32 bytes of extra data
 *     extra data: u64 bytes of state, u64 bytes of the disk, u64 instructions; whatever follows is kept
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/qcow2/qcow2.h"
#include "devices/block/qcow2/snapshots.h"
#include "util/check.h"

#define FIXED      QCOW2_SNAPSHOT_MIN
#define EXTRA      24u   /* bytes of extra data that are known */
#define EXTRA_MAX  1024u /* as QEMU limits it */
#define TABLE_MAX  (64u << 20)
#define TABLE_STEP 65536u

static uint64_t get_be(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value = value << 8 | bytes[n];
    return value;
}

static void put_be(uint8_t *bytes, uint64_t value, unsigned size)
{
    for (unsigned n = size; n-- > 0; value >>= 8)
        bytes[n] = (uint8_t)value;
}

static bool bad(const struct blockdev_qcow2 *q, uint32_t number, const char *what, struct error *error)
{
    return error_set(error, "%s: its table of snapshots is damaged: number %u %s; rvive-img check says more",
                     q->file->path, number + 1, what);
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* Makes room for `more` bytes behind what `raw` has. */
static bool grow_raw(struct qcow2_snapshots *table, uint64_t more)
{
    uint64_t room = (table->bytes + more + TABLE_STEP) & ~(uint64_t)(TABLE_STEP - 1);
    uint8_t *grown = realloc(table->raw, room);
    if (grown)
        table->raw = grown;
    return grown;
}

/* Reads `length` bytes behind what `raw` has. */
static bool read_more(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, uint64_t length,
                      struct error *error)
{
    uint64_t at = q->header.snapshot_offset + table->bytes;
    if (at + length > q->file_end || table->bytes + length > TABLE_MAX)
        return bad(q, table->count,
                   at + length > q->file_end ? "is beyond the end of the file" : "is too far", error);
    if (!grow_raw(table, length))
        return error_set(error, "%s: out of memory", q->file->path);
    int rc = blockfile_pread(q->file, table->raw + table->bytes, length, at);
    table->bytes += length;
    return !rc ||
           error_set(error, "%s: its table of snapshots cannot be read: %s", q->file->path, strerror(-rc));
}

/* Copies an id or a name; false if it has a zero in it, or is too long. */
static bool take_text(char text[QCOW2_SNAPSHOT_TEXT], const uint8_t *bytes, uint32_t length)
{
    if (length >= QCOW2_SNAPSHOT_TEXT || memchr(bytes, 0, length))
        return false;
    memcpy(text, bytes, length);
    text[length] = 0;
    return true;
}

static bool check_entry(struct blockdev_qcow2 *q, uint32_t number, const struct qcow2_snapshot *s,
                        struct error *error)
{
    uint64_t end = s->l1_offset + s->l1_size * 8ull;
    if (s->l1_size > QCOW2_L1_MAX / 8)
        return bad(q, number, "has an L1 table of an impossible size", error);
    if (s->l1_size && (s->l1_offset & (q->cluster_size - 1) || s->l1_offset >= 1ull << 56 ||
                       qcow2_round_up(q, end) > q->file_end))
        return bad(q, number, "has an L1 table at an impossible place", error);
    if (s->l1_size && qcow2_is_metadata(q, s->l1_offset, s->l1_size * 8ull))
        return bad(q, number, "has an L1 table where another table is", error);
    if (s->state_bytes > INT64_MAX || s->disk_bytes > INT64_MAX)
        return bad(q, number, "has an impossible size", error);
    return true;
}

/* Reads the entry that begins behind what `raw` has. */
static bool read_entry(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, struct error *error)
{
    struct qcow2_snapshot *s = &table->list[table->count];
    uint64_t start = table->bytes;
    table->at[table->count] = start;
    if (!read_more(q, table, FIXED, error))
        return false;
    const uint8_t *fixed = table->raw + start;
    uint32_t id = (uint32_t)get_be(fixed + 12, 2), name = (uint32_t)get_be(fixed + 14, 2);
    uint64_t extra = get_be(fixed + 36, 4);
    if (extra > EXTRA_MAX)
        return bad(q, table->count, "has too much extra data", error);
    if (!read_more(q, table, ((FIXED + extra + id + name + 7) & ~7ull) - FIXED, error))
        return false;
    fixed = table->raw + start;
    const uint8_t *known = fixed + FIXED, *text = known + extra;
    *s = (struct qcow2_snapshot){ .l1_offset = get_be(fixed, 8),
                                  .l1_size = (uint32_t)get_be(fixed + 8, 4),
                                  .date_s = (uint32_t)get_be(fixed + 16, 4),
                                  .date_ns = (uint32_t)get_be(fixed + 20, 4),
                                  .clock_ns = get_be(fixed + 24, 8),
                                  .state_bytes = extra >= 8 ? get_be(known, 8) : get_be(fixed + 32, 4),
                                  .disk_bytes = extra >= 16 ? get_be(known + 8, 8) : q->header.size,
                                  .instructions = extra >= 24 ? get_be(known + 16, 8) : UINT64_MAX };
    if (!take_text(s->id, text, id) || !take_text(s->name, text + id, name))
        return bad(q, table->count, "has a name that is too long, or has a zero in it", error);
    return check_entry(q, table->count, s, error);
}

static int by_place(const void *left, const void *right)
{
    uint64_t a = ((const struct qcow2_range *)left)->offset, b = ((const struct qcow2_range *)right)->offset;
    return a < b ? -1 : a > b;
}

/* Two snapshots with the same L1 table would free it twice. The table itself is in no L1 table, either. */
static bool check_overlap(struct blockdev_qcow2 *q, const struct qcow2_snapshots *table, struct error *error)
{
    struct qcow2_range *ranges = calloc(table->count + 1ull, sizeof(*ranges));
    if (!ranges)
        return error_set(error, "%s: out of memory", q->file->path);
    ranges[0] = (struct qcow2_range){ q->header.snapshot_offset, table->bytes, 0 };
    uint32_t count = 1;
    for (uint32_t n = 0; n < table->count; n++) {
        const struct qcow2_snapshot *s = &table->list[n];
        if (s->l1_size)
            ranges[count++] = (struct qcow2_range){ s->l1_offset, s->l1_size * 8ull, n };
    }
    qsort(ranges, count, sizeof(*ranges), by_place);
    bool ok = true;
    for (uint32_t n = 1; n < count && ok; n++)
        if (ranges[n].offset < qcow2_round_up(q, ranges[n - 1].offset + ranges[n - 1].bytes))
            ok = bad(q, (uint32_t)ranges[n].seq, "has an L1 table where another table is", error);
    free(ranges);
    return ok;
}

bool qcow2_snapshots_read(struct blockdev_qcow2 *q, struct qcow2_snapshots *table, struct error *error)
{
    CHECK_HELD(&q->lock);
    uint32_t count = q->header.snapshot_count;
    /* One more entry may be added. */
    *table = (struct qcow2_snapshots){ .raw = malloc(1),
                                       .list = calloc(count + 1ull, sizeof(*table->list)),
                                       .at = calloc(count + 2ull, sizeof(*table->at)) };
    if (!table->raw || !table->list || !table->at)
        return error_set(error, "%s: out of memory", q->file->path);
    for (; table->count < count; table->count++)
        if (!read_entry(q, table, error))
            return false;
    table->at[count] = table->bytes;
    return !count || check_overlap(q, table, error);
}

void qcow2_snapshots_free(struct qcow2_snapshots *table)
{
    free(table->raw);
    free(table->list);
    free(table->at);
}

/* ---- Changing ------------------------------------------------------------------------------------------ */

int qcow2_snapshots_add(struct qcow2_snapshots *table, const struct qcow2_snapshot *s)
{
    size_t id = strlen(s->id), name = strlen(s->name);
    uint64_t length = (FIXED + EXTRA + id + name + 7) & ~7ull;
    if (!grow_raw(table, length))
        return -ENOMEM;
    uint8_t *to = table->raw + table->bytes;
    memset(to, 0, length);
    put_be(to, s->l1_offset, 8);
    put_be(to + 8, s->l1_size, 4);
    put_be(to + 12, id, 2);
    put_be(to + 14, name, 2);
    put_be(to + 16, s->date_s, 4);
    put_be(to + 20, s->date_ns, 4);
    put_be(to + 24, s->clock_ns, 8);
    put_be(to + 32, s->state_bytes > UINT32_MAX ? 0 : s->state_bytes, 4);
    put_be(to + 36, EXTRA, 4);
    put_be(to + FIXED, s->state_bytes, 8);
    put_be(to + FIXED + 8, s->disk_bytes, 8);
    put_be(to + FIXED + 16, s->instructions, 8);
    memcpy(to + FIXED + EXTRA, s->id, id);
    memcpy(to + FIXED + EXTRA + id, s->name, name);
    table->list[table->count++] = *s;
    table->bytes += length;
    table->at[table->count] = table->bytes;
    return 0;
}

void qcow2_snapshots_remove(struct qcow2_snapshots *table, uint32_t number)
{
    uint64_t from = table->at[number], to = table->at[number + 1];
    memmove(table->raw + from, table->raw + to, table->bytes - to);
    table->bytes -= to - from;
    table->count--;
    for (uint32_t n = number; n <= table->count; n++) {
        table->at[n] = table->at[n + 1] - (to - from);
        if (n < table->count)
            table->list[n] = table->list[n + 1];
    }
}
