/* SPDX-License-Identifier: MIT
 *
 * Blocks that are given back, and blocks that are written without sending each of them: UNMAP and WRITE SAME
 * (SBC-3 sections 5.28, 5.46). The limits are those of the page Block Limits, so that a command does not last
 * too long for a reset that waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/scsi/internal.h"

#define UNMAP_HEADER 8u
#define UNMAP_RANGE  16u
#define SAME_STEP    (1u << 20) /* bytes that are written at once */

enum { SAME_NO_DATA = 1, SAME_UNMAP = 8, SAME_ANCHOR = 16 }; /* bits of byte 1 */

/* ---- UNMAP --------------------------------------------------------------------------------------------- */

/* All ranges are checked before the first is touched. */
static bool check_ranges(struct scsi_task *task, const uint8_t *list, unsigned count)
{
    uint64_t total = 0;
    for (unsigned n = 0; n < count; n++) {
        const uint8_t *range = list + UNMAP_RANGE * n;
        uint64_t blocks = scsi_get(range + 8, 4);
        if (!scsi_is_on_medium(task, scsi_get(range, 8), blocks)) {
            scsi_fail(task->request, SCSI_BAD_ADDRESS);
            return false;
        }
        total += blocks;
    }
    if (total <= SCSI_UNMAP_MAX >> task->unit->block_bits)
        return true;
    scsi_fail(task->request, SCSI_BAD_PARAMETER);
    return false;
}

static enum scsi_result unmap_ranges(struct scsi_task *task, const uint8_t *list, unsigned count)
{
    unsigned bits = task->unit->block_bits;
    enum scsi_result result = SCSI_DONE;
    for (unsigned n = 0; n < count && result == SCSI_DONE && task->request->status == SCSI_GOOD; n++) {
        const uint8_t *range = list + UNMAP_RANGE * n;
        uint64_t place = scsi_get(range, 8) << bits, bytes = scsi_get(range + 8, 4) << bits;
        if (bytes)
            result =
                scsi_host_result(task, BLOCK_DISCARD, place, blockdev_discard(task->blockdev, place, bytes));
    }
    return result;
}

enum scsi_result scsi_unmap(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    uint8_t list[UNMAP_HEADER + UNMAP_RANGE * SCSI_UNMAP_RANGES];
    uint64_t length = scsi_get(request->cdb + 7, 2);
    if (request->cdb[1] & 1) /* ANCHOR */
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!length)
        return SCSI_DONE;
    if (length < UNMAP_HEADER || length > sizeof(list))
        return scsi_fail(request, SCSI_LIST_LENGTH);
    if (!scsi_take(request, list, length))
        return SCSI_OVERRUN;
    uint64_t ranges = scsi_get(list + 2, 2);
    if (ranges > length - UNMAP_HEADER)
        return scsi_fail(request, SCSI_LIST_LENGTH);
    unsigned count = (unsigned)ranges / UNMAP_RANGE; /* a part of one at the end is no range */
    if (!check_ranges(task, list + UNMAP_HEADER, count))
        return SCSI_DONE;
    return unmap_ranges(task, list + UNMAP_HEADER, count);
}

/* ---- WRITE SAME ---------------------------------------------------------------------------------------- */

/* Writes the block again and again. */
static enum scsi_result write_pattern(struct scsi_task *task, const uint8_t *block, uint64_t place,
                                      uint64_t bytes)
{
    uint64_t size = 1ull << task->unit->block_bits;
    enum scsi_result result = SCSI_DONE;
    uint8_t *buffer = malloc(SAME_STEP);
    if (!buffer)
        return scsi_fail(task->request, SCSI_OUT_OF_MEMORY);
    for (uint64_t at = 0; at < SAME_STEP; at += size)
        memcpy(buffer + at, block, size);
    while (bytes && result == SCSI_DONE && task->request->status == SCSI_GOOD) {
        uint64_t step = bytes < SAME_STEP ? bytes : SAME_STEP;
        result =
            scsi_host_result(task, BLOCK_WRITE, place, blockdev_pwrite(task->blockdev, buffer, step, place));
        place += step;
        bytes -= step;
    }
    free(buffer);
    return result;
}

enum scsi_result scsi_write_same(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    uint8_t block[SCSI_BLOCK_MAX] = { 0 };
    uint64_t size = 1ull << task->unit->block_bits, place, bytes;
    unsigned flags = request->cdb[1];
    enum scsi_result result;
    if (!scsi_range(task, &place, &bytes, &result))
        return result;
    if (!bytes || bytes > SCSI_WRITE_SAME_MAX || flags >> 5 || flags & SAME_ANCHOR ||
        (flags & SAME_NO_DATA && request->cdb[0] == SCSI_WRITE_SAME_10))
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!(flags & SAME_NO_DATA) && !scsi_take(request, block, size))
        return SCSI_OVERRUN;
    if (blockdev_is_zero(block, size))
        result = scsi_host_result(task, BLOCK_ZERO, place,
                                  blockdev_write_zeroes(task->blockdev, place, bytes, flags & SAME_UNMAP));
    else
        result = write_pattern(task, block, place, bytes);
    if (result == SCSI_DONE && request->status == SCSI_GOOD && !task->write_cache)
        result = scsi_flush(task, place);
    return result;
}
