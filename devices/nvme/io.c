/* SPDX-License-Identifier: MIT
 *
 * I/O commands (section 6). Data goes straight between the image and the guest's RAM. A command runs on a
 * thread of the worker, without the lock.
 */
#include "devices/nvme/internal.h"

#include <stdlib.h>
#include <string.h>

#include "util/log.h"

enum { /* bits of dwords 11 and 12 */
       DATASET_DEALLOCATE = 1 << 2,
       ZEROES_DEALLOCATE = 1 << 25,
       FORCE_UNIT_ACCESS = 1 << 30
};
#define DATASET_RANGES_MAX 256u
#define DISCARD_STEP       (UINT64_C(1) << 31) /* bytes; between two looks whether the command is still wanted */

struct dataset_range {
    uint32_t attributes, blocks;
    uint64_t first;
};

/* Turns the host's result into a status. */
static enum nvme_status status_of(struct nvme_request *request, enum block_request kind, uint64_t place,
                                  int rc)
{
    struct nvme *nvme = request->nvme;
    if (!rc)
        return NVME_OK;
    switch (block_request_failed(&nvme->config.on_error, "nvme", nvme->config.blockdev, kind, place, rc)) {
    case BLOCKDEV_ON_ERROR_STOP: return NVME_AGAIN;
    case BLOCKDEV_ON_ERROR_IGNORE: return NVME_OK;
    default: return kind == BLOCK_READ ? NVME_READ_ERROR : NVME_WRITE_FAULT;
    }
}

static bool in_range(const struct nvme *nvme, uint64_t first, uint64_t count)
{
    uint64_t blocks = nvme->config.blockdev->size >> nvme->block_bits;
    if (first <= blocks && count <= blocks - first)
        return true;
    LOG_GUEST("nvme: %llu blocks at %llu of a disk with %llu", (unsigned long long)count,
              (unsigned long long)first, (unsigned long long)blocks);
    return false;
}

/* The range of a command: bytes of the disk. */
static enum nvme_status range_of(const struct nvme_request *request, uint64_t *place, uint64_t *bytes)
{
    const struct nvme *nvme = request->nvme;
    uint64_t first = request->command.cdw10 | (uint64_t)request->command.cdw11 << 32;
    uint64_t count = (request->command.cdw12 & 0xffff) + 1;
    if (!in_range(nvme, first, count))
        return NVME_LBA_RANGE;
    *place = first << nvme->block_bits;
    *bytes = count << nvme->block_bits;
    return NVME_OK;
}

/* The same for a command with data, whose buffer is looked up, too. */
static enum nvme_status map_range(struct nvme_request *request, bool write, uint64_t *place, uint64_t *bytes)
{
    enum nvme_status status = range_of(request, place, bytes);
    if (!status && *bytes > nvme_transfer_max(request->nvme))
        status = NVME_INVALID_FIELD;
    return status ? status : nvme_map(request, *bytes, write);
}

/* What was written must be durable if the command says so, or if the write cache is off. */
static enum nvme_status settle(struct nvme_request *request, uint64_t place, enum nvme_status status)
{
    if (!status && (request->write_through || request->command.cdw12 & FORCE_UNIT_ACCESS))
        status = status_of(request, BLOCK_FLUSH, place, blockdev_flush(request->nvme->config.blockdev));
    return status;
}

static enum nvme_status io_read(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    uint64_t place, bytes;
    enum nvme_status status = map_range(request, true, &place, &bytes);
    if (status)
        return status;
    int rc = blockdev_preadv(nvme->config.blockdev, request->iov, request->segment_count, bytes, place);
    nvme_written(request); /* a read that failed may have stored something */
    atomic_fetch_add(&nvme->counters.reads, 1);
    atomic_fetch_add(&nvme->counters.sectors_read, bytes / BLOCKDEV_SECTOR);
    return status_of(request, BLOCK_READ, place, rc);
}

static enum nvme_status io_write(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    uint64_t place, bytes;
    enum nvme_status status = map_range(request, false, &place, &bytes);
    if (status)
        return status;
    int rc = blockdev_pwritev(nvme->config.blockdev, request->iov, request->segment_count, bytes, place);
    atomic_fetch_add(&nvme->counters.writes, 1);
    atomic_fetch_add(&nvme->counters.sectors_written, bytes / BLOCKDEV_SECTOR);
    return settle(request, place, status_of(request, BLOCK_WRITE, place, rc));
}

static bool is_equal(const struct nvme_request *request, const uint8_t *bytes)
{
    for (unsigned n = 0; n < request->segment_count; n++) {
        if (memcmp(request->iov[n].iov_base, bytes, request->iov[n].iov_len) != 0)
            return false;
        bytes += request->iov[n].iov_len;
    }
    return true;
}

static enum nvme_status io_compare(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    uint64_t place, bytes;
    enum nvme_status status = map_range(request, false, &place, &bytes);
    if (status)
        return status;
    uint8_t *own = malloc(bytes);
    if (!own)
        return NVME_INTERNAL_ERROR;
    int rc = blockdev_pread(nvme->config.blockdev, own, bytes, place);
    status = status_of(request, BLOCK_READ, place, rc);
    if (!rc && !is_equal(request, own))
        status = NVME_COMPARE_FAILURE;
    free(own);
    return status;
}

static enum nvme_status io_write_zeroes(struct nvme_request *request)
{
    uint64_t place, bytes;
    enum nvme_status status = range_of(request, &place, &bytes);
    if (status)
        return status;
    int rc = blockdev_write_zeroes(request->nvme->config.blockdev, place, bytes,
                                   request->command.cdw12 & ZEROES_DEALLOCATE);
    return settle(request, place, status_of(request, BLOCK_ZERO, place, rc));
}

/* Discards a range in steps, since a reset of the machine waits for the command. */
static enum nvme_status discard(struct nvme_request *request, uint64_t place, uint64_t bytes)
{
    struct nvme *nvme = request->nvme;
    enum nvme_status status = NVME_OK;
    bool wanted = true;
    while (bytes && wanted && !status) {
        uint64_t step = bytes < DISCARD_STEP ? bytes : DISCARD_STEP;
        status =
            status_of(request, BLOCK_DISCARD, place, blockdev_discard(nvme->config.blockdev, place, step));
        place += step;
        bytes -= step;
        pthread_mutex_lock(&nvme->lock);
        wanted = nvme_is_wanted(nvme, request);
        pthread_mutex_unlock(&nvme->lock);
    }
    return status;
}

/* Section 6.7: all ranges are checked before the first is touched. */
static enum nvme_status io_dataset(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    struct dataset_range ranges[DATASET_RANGES_MAX];
    unsigned count = (request->command.cdw10 & 0xff) + 1;
    if (!(request->command.cdw11 & DATASET_DEALLOCATE))
        return NVME_OK; /* hints, of which no use is made */
    enum nvme_status status = nvme_get(request, ranges, count * sizeof(ranges[0]));
    for (unsigned n = 0; n < count && !status; n++)
        if (!in_range(nvme, ranges[n].first, ranges[n].blocks))
            status = NVME_LBA_RANGE;
    for (unsigned n = 0; n < count && !status; n++)
        status = discard(request, ranges[n].first << nvme->block_bits,
                         (uint64_t)ranges[n].blocks << nvme->block_bits);
    return status;
}

static enum nvme_status io_flush(struct nvme_request *request)
{
    return status_of(request, BLOCK_FLUSH, 0, blockdev_flush(request->nvme->config.blockdev));
}

static enum nvme_status serve_writing(struct nvme_request *request)
{
    if (request->nvme->config.blockdev->read_only)
        return NVME_WRITE_PROTECTED;
    switch (request->command.opcode) {
    case NVME_WRITE: return io_write(request);
    case NVME_WRITE_ZEROES: return io_write_zeroes(request);
    default: return io_dataset(request);
    }
}

enum nvme_status nvme_io(struct nvme_request *request)
{
    const struct nvme_command *command = &request->command;
    bool for_all = command->opcode == NVME_FLUSH && command->namespace == NVME_ALL;
    if (command->flags) /* fused commands and SGLs, which are not offered */
        return NVME_INVALID_FIELD;
    if (command->namespace != NVME_NAMESPACE && !for_all)
        return NVME_INVALID_NAMESPACE;
    switch (command->opcode) {
    case NVME_FLUSH: return io_flush(request);
    case NVME_READ: return io_read(request);
    case NVME_COMPARE: return io_compare(request);
    case NVME_WRITE:
    case NVME_WRITE_ZEROES:
    case NVME_DATASET: return serve_writing(request);
    default: LOG_GUEST("nvme: I/O command 0x%x, which is not offered", command->opcode);
    }
    return NVME_INVALID_OPCODE;
}
