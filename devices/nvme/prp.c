/* SPDX-License-Identifier: MIT
 *
 * The guest's buffers, as PRP entries and lists describe them (section 4.3). The first entry may point into a
 * page, all others point to the beginnings of pages. A list that does not fit into the rest of its page goes
 * on in another page, to which its last entry points.
 *
 * Lists belong to the guest, which may change them while they are read: each entry is read once. The work is
 * limited by the length of the transfer, since each page of a list after the first describes at least one
 * page of data.
 */
#include "devices/nvme/internal.h"

#include <string.h>

#include "util/check.h"

uint64_t nvme_transfer_max(const struct nvme *nvme)
{
    return 1ull << (NVME_PAGE_BITS + nvme->config.mdts);
}

/* Adds a piece of memory at the end of the buffer. What is contiguous, for the guest and for the host, is one
 * segment. Pages of the driver are at least as large as those of an IOMMU, so there may be more pieces than
 * pages. */
static bool add_piece(struct nvme_request *request, uint64_t paddr, uint8_t *host, uint64_t length)
{
    unsigned n = request->segment_count;
    if (n && request->segments[n - 1].paddr + request->segments[n - 1].length == paddr &&
        (uint8_t *)request->iov[n - 1].iov_base + request->iov[n - 1].iov_len == host) {
        request->segments[n - 1].length += length;
        request->iov[n - 1].iov_len += length;
        return true;
    }
    if (n == NVME_SEGMENTS_MAX)
        return false;
    request->segments[n] = (struct nvme_segment){ paddr, length };
    request->iov[n] = (struct iovec){ host, length };
    request->segment_count++;
    return true;
}

static enum nvme_status add(struct nvme_request *request, uint64_t address, uint64_t length, bool write)
{
    for (uint64_t done = 0; done < length;) {
        uint64_t piece = length - done, paddr;
        uint8_t *host = dma_map(request->nvme->config.dma, address + done, &piece, write, &paddr);
        if (!host || !add_piece(request, paddr, host, piece))
            return NVME_DATA_TRANSFER_ERROR;
        done += piece;
    }
    return NVME_OK;
}

static bool is_page(const struct nvme_request *request, uint64_t paddr)
{
    return !(paddr & ((1ull << request->page_bits) - 1));
}

/* The pages of a list that begins at `paddr`. */
static enum nvme_status add_list(struct nvme_request *request, uint64_t paddr, uint64_t left, bool write)
{
    uint64_t entries[NVME_SEGMENTS_MAX], page = 1ull << request->page_bits;
    bool first = true;
    while (left) {
        uint64_t wanted = (left + page - 1) / page, room = (page - (paddr & (page - 1))) / 8;
        uint64_t count = wanted < room ? wanted : room, data = wanted > room ? room - 1 : wanted;
        if (paddr % 8 || (!first && !is_page(request, paddr)))
            return NVME_INVALID_PRP_OFFSET;
        if (!dma_read(request->nvme->config.dma, paddr, entries, count * 8))
            return NVME_DATA_TRANSFER_ERROR;
        for (uint64_t n = 0; n < data; n++) {
            uint64_t length = left < page ? left : page;
            enum nvme_status status = is_page(request, entries[n]) ? add(request, entries[n], length, write)
                                                                   : NVME_INVALID_PRP_OFFSET;
            if (status)
                return status;
            left -= length;
        }
        paddr = entries[count - 1];
        first = false;
    }
    return NVME_OK;
}

enum nvme_status nvme_map(struct nvme_request *request, uint64_t bytes, bool write)
{
    const struct nvme_command *command = &request->command;
    uint64_t page = 1ull << request->page_bits, room = page - (command->prp1 & (page - 1));
    uint64_t first = bytes < room ? bytes : room;
    CHECK(bytes && bytes <= nvme_transfer_max(request->nvme));
    request->segment_count = 0;
    if (command->prp1 % 4)
        return NVME_INVALID_PRP_OFFSET;
    enum nvme_status status = add(request, command->prp1, first, write);
    if (status || bytes == first)
        return status;
    if (bytes - first > page)
        return add_list(request, command->prp2, bytes - first, write);
    return is_page(request, command->prp2) ? add(request, command->prp2, bytes - first, write)
                                           : NVME_INVALID_PRP_OFFSET;
}

void nvme_written(const struct nvme_request *request)
{
    struct dma *dma = request->nvme->config.dma;
    for (unsigned n = 0; n < request->segment_count; n++)
        dma->ops->written(dma, request->segments[n].paddr, request->segments[n].length);
}

enum nvme_status nvme_give(struct nvme_request *request, const void *bytes, uint64_t length)
{
    enum nvme_status status = nvme_map(request, length, true);
    if (status)
        return status;
    blockdev_iov_scatter(request->iov, request->segment_count, bytes);
    nvme_written(request);
    return NVME_OK;
}

enum nvme_status nvme_get(struct nvme_request *request, void *bytes, uint64_t length)
{
    enum nvme_status status = nvme_map(request, length, false);
    if (!status)
        blockdev_iov_gather(bytes, request->iov, request->segment_count);
    return status;
}
