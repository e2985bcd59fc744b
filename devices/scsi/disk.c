/* SPDX-License-Identifier: MIT
 *
 * Reading and writing blocks (SBC-3 section 5). Data goes straight between the image and the guest's buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/scsi/internal.h"
#include "util/log.h"

#define FORCE_UNIT_ACCESS 8u         /* byte 1 of READ and WRITE, from 10 bytes on */
#define COMPARE_STEP      (1u << 20) /* bytes */

/* ---- Addresses ----------------------------------------------------------------------------------------- */

uint64_t scsi_blocks(const struct scsi_task *task)
{
    return task->blockdev ? task->blockdev->size >> task->unit->block_bits : 0;
}

void scsi_blocks_of(const uint8_t *cdb, uint64_t *first, uint64_t *count)
{
    switch (cdb[0] >> 5) { /* the group, which is the length (SPC-4 section 4.2.5.1) */
    case 0:
        *first = scsi_get(cdb + 1, 3) & 0x1fffff;
        *count = cdb[4] ? cdb[4] : 256;
        break;
    case 1:
    case 2:
        *first = scsi_get(cdb + 2, 4);
        *count = scsi_get(cdb + 7, 2);
        break;
    case 5:
        *first = scsi_get(cdb + 2, 4);
        *count = scsi_get(cdb + 6, 4);
        break;
    default: *first = scsi_get(cdb + 2, 8); *count = scsi_get(cdb + 10, 4);
    }
}

bool scsi_is_on_medium(const struct scsi_task *task, uint64_t first, uint64_t count)
{
    uint64_t blocks = scsi_blocks(task);
    if (first <= blocks && count <= blocks - first)
        return true;
    LOG_GUEST("scsi: %llu blocks at %llu of a medium with %llu", (unsigned long long)count,
              (unsigned long long)first, (unsigned long long)blocks);
    return false;
}

bool scsi_range(struct scsi_task *task, uint64_t *place, uint64_t *bytes, enum scsi_result *result)
{
    uint64_t first, count;
    scsi_blocks_of(task->request->cdb, &first, &count);
    if (!scsi_is_on_medium(task, first, count)) {
        *result = scsi_fail(task->request, SCSI_BAD_ADDRESS);
        return false;
    }
    *place = first << task->unit->block_bits;
    *bytes = count << task->unit->block_bits;
    return true;
}

/* The same for a command with the blocks as data; and makes the buffer as long as they are. *result is only
 * set if that fails. */
static bool transfer_range(struct scsi_task *task, enum scsi_direction direction, uint64_t *place,
                           uint64_t *bytes, enum scsi_result *result)
{
    struct scsi_request *request = task->request;
    if (!scsi_range(task, place, bytes, result))
        return false;
    if (*bytes > SCSI_TRANSFER_MAX) {
        *result = scsi_fail(request, SCSI_BAD_FIELD);
        return false;
    }
    if (*bytes && (request->direction != direction || request->bytes < *bytes)) {
        *result = SCSI_OVERRUN;
        return false;
    }
    scsi_cut(request, *bytes);
    return true;
}

static bool has_protection(const struct scsi_request *request)
{
    return request->cdb[0] >= 0x20 && request->cdb[1] >> 5; /* RDPROTECT and the like, which is not offered */
}

/* ---- Capacity ------------------------------------------------------------------------------------------ */

enum scsi_result scsi_read_capacity_10(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    uint64_t blocks = scsi_blocks(task), last = blocks ? blocks - 1 : 0;
    uint8_t data[8];
    if (!(request->cdb[8] & 1) && scsi_get(request->cdb + 2, 4))
        return scsi_fail(request, SCSI_BAD_FIELD);
    scsi_put(data, 4, last > UINT32_MAX ? UINT32_MAX : last);
    scsi_put(data + 4, 4, 1u << task->unit->block_bits);
    return scsi_answer(request, data, sizeof(data), sizeof(data));
}

enum scsi_result scsi_service_action_in(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    uint64_t blocks = scsi_blocks(task);
    uint8_t data[32] = { 0 };
    if ((request->cdb[1] & 0x1f) != 0x10) { /* READ CAPACITY 16 */
        LOG_GUEST("scsi: service action 0x%02x, which is not offered", request->cdb[1] & 0x1f);
        return scsi_fail(request, SCSI_BAD_FIELD);
    }
    scsi_put(data, 8, blocks ? blocks - 1 : 0);
    scsi_put(data + 8, 4, 1u << task->unit->block_bits);
    data[13] = (uint8_t)__builtin_ctz(task->unit->config.physical_block_size >> task->unit->block_bits);
    if (!task->blockdev->read_only)
        data[14] = 0x80; /* LBPME: blocks can be unmapped */
    return scsi_answer(request, data, sizeof(data), scsi_get(request->cdb + 10, 4));
}

/* ---- Transfers ----------------------------------------------------------------------------------------- */

enum scsi_result scsi_read(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    enum scsi_result result = SCSI_DONE;
    uint64_t place = 0, bytes = 0;
    if (has_protection(request))
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!transfer_range(task, SCSI_FROM_UNIT, &place, &bytes, &result) || !bytes)
        return result;
    int rc = blockdev_preadv(task->blockdev, request->iov, request->iov_count, bytes, place);
    result = scsi_host_result(task, BLOCK_READ, place, rc);
    request->done = bytes; /* what failed may have stored something, too */
    return result;
}

enum scsi_result scsi_write(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    enum scsi_result result = SCSI_DONE;
    uint64_t place = 0, bytes = 0;
    bool forced = request->cdb[0] != SCSI_WRITE_6 && request->cdb[1] & FORCE_UNIT_ACCESS;
    if (has_protection(request))
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!transfer_range(task, SCSI_TO_UNIT, &place, &bytes, &result) || !bytes)
        return result;
    int rc = blockdev_pwritev(task->blockdev, request->iov, request->iov_count, bytes, place);
    request->done = bytes;
    result = scsi_host_result(task, BLOCK_WRITE, place, rc);
    if (result == SCSI_DONE && request->status == SCSI_GOOD && (forced || !task->write_cache))
        result = scsi_flush(task, place);
    return result;
}

/* Compares the guest's blocks with the medium's. */
static enum scsi_result compare(struct scsi_task *task, uint64_t place, uint64_t bytes)
{
    struct scsi_request *request = task->request;
    uint8_t *mine = malloc(bytes), *theirs = malloc(bytes);
    enum scsi_result result = SCSI_DONE;
    if (mine && theirs) {
        blockdev_iov_gather(theirs, request->iov, request->iov_count);
        request->done = bytes;
        result =
            scsi_host_result(task, BLOCK_READ, place, blockdev_pread(task->blockdev, mine, bytes, place));
        if (result == SCSI_DONE && request->status == SCSI_GOOD && memcmp(mine, theirs, bytes) != 0)
            scsi_fail(request, SCSI_MISCOMPARE);
    } else {
        scsi_fail(request, SCSI_OUT_OF_MEMORY);
    }
    free(mine);
    free(theirs);
    return result;
}

/* Without data of the guest: can the blocks be read? */
static enum scsi_result verify_alone(struct scsi_task *task, uint64_t place, uint64_t bytes)
{
    enum scsi_result result = SCSI_DONE;
    uint8_t *buffer = malloc(COMPARE_STEP);
    if (!buffer)
        return scsi_fail(task->request, SCSI_OUT_OF_MEMORY);
    while (bytes && result == SCSI_DONE && task->request->status == SCSI_GOOD) {
        uint64_t step = bytes < COMPARE_STEP ? bytes : COMPARE_STEP;
        result =
            scsi_host_result(task, BLOCK_READ, place, blockdev_pread(task->blockdev, buffer, step, place));
        place += step;
        bytes -= step;
    }
    free(buffer);
    return result;
}

/* SBC-3 section 5.30 */
enum scsi_result scsi_verify(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    enum scsi_result result = SCSI_DONE;
    uint64_t place = 0, bytes = 0;
    unsigned how = request->cdb[1] >> 1 & 3; /* BYTCHK */
    if (has_protection(request) || how > 1)
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (how == 1) {
        if (!transfer_range(task, SCSI_TO_UNIT, &place, &bytes, &result) || !bytes)
            return result;
        return compare(task, place, bytes);
    }
    if (!scsi_range(task, &place, &bytes, &result))
        return result;
    if (bytes > SCSI_WRITE_SAME_MAX) /* a reset waits until it is done */
        return scsi_fail(request, SCSI_BAD_FIELD);
    return verify_alone(task, place, bytes);
}

enum scsi_result scsi_synchronize(struct scsi_task *task)
{
    enum scsi_result result = SCSI_DONE;
    uint64_t place = 0, bytes = 0;
    return scsi_range(task, &place, &bytes, &result) ? scsi_flush(task, place) : result;
}
