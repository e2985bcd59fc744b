/* SPDX-License-Identifier: MIT
 *
 * The resources of the virtio graphics device: pictures in memory of the host that the guest creates, fills
 * from its own memory and destroys. All host memory that they use is counted against a limit. Numbers from
 * the guest are added up in 64 bits and compared before they are used.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/gpu/internal.h"
#include "util/log.h"

struct gpu_resource *gpu_resource_find(struct virtio_gpu *gpu, uint32_t id)
{
    struct gpu_resource *resource = id ? gpu->resources : NULL;
    while (resource && resource->id != id)
        resource = resource->next;
    return resource;
}

/* The formats of section 5.7.6.8 all have four bytes a pixel. */
static bool format_known(uint32_t format)
{
    switch (format) {
    case 1:   /* B8G8R8A8 */
    case 2:   /* B8G8R8X8 */
    case 3:   /* A8R8G8B8 */
    case 4:   /* X8R8G8B8 */
    case 67:  /* R8G8B8A8 */
    case 68:  /* X8B8G8R8 */
    case 121: /* A8B8G8R8 */
    case 134: /* R8G8B8X8 */ return true;
    default: return false;
    }
}

static bool charge(struct virtio_gpu *gpu, struct gpu_resource *resource, uint64_t bytes)
{
    if (bytes > gpu->memory_limit - gpu->memory_used) {
        LOG_GUEST("virtio-gpu: resource %u: %llu bytes more are above the limit of %llu", resource->id,
                  (unsigned long long)bytes, (unsigned long long)gpu->memory_limit);
        return false;
    }
    gpu->memory_used += bytes;
    resource->charged += bytes;
    return true;
}

static void resource_free(struct virtio_gpu *gpu, struct gpu_resource *resource)
{
    gpu->memory_used -= resource->charged;
    gpu->resource_count--;
    free(resource->backing);
    free(resource->pixels);
    free(resource);
}

uint32_t gpu_resource_create(struct virtio_gpu *gpu, const struct gpu_create_2d *command)
{
    uint64_t bytes = (uint64_t)command->width * command->height * 4;
    if (!command->resource || gpu_resource_find(gpu, command->resource))
        return GPU_ERR_RESOURCE;
    if (!format_known(command->format) || !command->width || !command->height ||
        command->width > DISPLAY_SIDE_MAX || command->height > DISPLAY_SIDE_MAX)
        return GPU_ERR_PARAMETER;
    if (gpu->resource_count == GPU_RESOURCES_MAX)
        return GPU_ERR_OUT_OF_MEMORY;
    struct gpu_resource *resource = calloc(1, sizeof(*resource));
    if (!resource)
        return GPU_ERR_OUT_OF_MEMORY;
    gpu->resource_count++;
    resource->id = command->resource;
    resource->format = command->format;
    resource->width = command->width;
    resource->height = command->height;
    if (charge(gpu, resource, bytes + sizeof(*resource)))
        resource->pixels = calloc(bytes, 1);
    if (!resource->pixels) {
        resource_free(gpu, resource);
        return GPU_ERR_OUT_OF_MEMORY;
    }
    resource->next = gpu->resources;
    gpu->resources = resource;
    return GPU_OK_NODATA;
}

uint32_t gpu_resource_unref(struct virtio_gpu *gpu, uint32_t id)
{
    struct gpu_resource **at = &gpu->resources;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct gpu_resource *resource = *at;
    if (!id || !resource)
        return GPU_ERR_RESOURCE;
    if (gpu->scanout_resource == id)
        gpu_scanout_off(gpu);
    *at = resource->next;
    resource_free(gpu, resource);
    return GPU_OK_NODATA;
}

void gpu_resource_free_all(struct virtio_gpu *gpu)
{
    while (gpu->resources) {
        struct gpu_resource *resource = gpu->resources;
        gpu->resources = resource->next;
        resource_free(gpu, resource);
    }
}

/* ---- Backing ------------------------------------------------------------------------------------------- */

uint32_t gpu_resource_set_backing(struct virtio_gpu *gpu, struct gpu_resource *resource,
                                  struct gpu_backing *backing, unsigned count)
{
    struct dma *dma = gpu->device.dma;
    uint64_t length = 0;
    for (unsigned n = 0; n < count; n++) {
        bool later = dma_is_translated(dma); /* behind an IOMMU, when it is read */
        backing[n].host = later ? NULL : dma->ops->map(dma, backing[n].paddr, backing[n].length, false);
        if (!(backing[n].host || later) || !backing[n].length) {
            LOG_GUEST("virtio-gpu: resource %u: backing of %u bytes at 0x%llx is not RAM", resource->id,
                      backing[n].length, (unsigned long long)backing[n].paddr);
            free(backing);
            return GPU_ERR_UNSPEC;
        }
        length += backing[n].length;
    }
    if (!charge(gpu, resource, count * sizeof(*backing))) {
        free(backing);
        return GPU_ERR_OUT_OF_MEMORY;
    }
    resource->backing = backing;
    resource->backing_length = length;
    resource->entry_count = count;
    return GPU_OK_NODATA;
}

uint32_t gpu_resource_attach(struct virtio_gpu *gpu, uint32_t id, uint32_t count,
                             const struct virtq_chain *chain, uint32_t offset)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, id);
    if (!resource)
        return GPU_ERR_RESOURCE;
    if (resource->backing || !count || count > GPU_BACKING_MAX) {
        LOG_GUEST("virtio-gpu: resource %u: %u backing entries%s", id, count,
                  resource->backing ? ", and it has a backing already" : "");
        return GPU_ERR_UNSPEC;
    }
    struct gpu_backing *backing = calloc(count, sizeof(*backing));
    if (!backing)
        return GPU_ERR_OUT_OF_MEMORY;
    for (uint32_t n = 0; n < count; n++, offset += sizeof(struct gpu_backing_entry)) {
        struct gpu_backing_entry entry;
        if (virtq_chain_read(chain, offset, &entry, sizeof(entry)) != sizeof(entry)) {
            free(backing);
            return GPU_ERR_PARAMETER;
        }
        backing[n] = (struct gpu_backing){ .paddr = entry.paddr, .length = entry.length };
    }
    return gpu_resource_set_backing(gpu, resource, backing, count);
}

uint32_t gpu_resource_detach(struct virtio_gpu *gpu, uint32_t id)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, id);
    if (!resource)
        return GPU_ERR_RESOURCE;
    if (!resource->backing)
        return GPU_ERR_UNSPEC;
    uint64_t bytes = resource->entry_count * sizeof(*resource->backing);
    free(resource->backing);
    resource->backing = NULL;
    resource->backing_length = resource->entry_count = 0;
    resource->charged -= bytes;
    gpu->memory_used -= bytes;
    return GPU_OK_NODATA;
}

/* ---- Transfer ------------------------------------------------------------------------------------------ */

/* A position in a backing that only moves forward. */
struct backing_walk {
    struct dma *dma;
    const struct gpu_backing *entry;
    uint64_t start; /* where the entry begins in the backing */
};

/* Copies bytes of the backing. The caller knows that they exist. */
static void backing_copy(struct backing_walk *walk, uint64_t offset, uint8_t *to, uint64_t length)
{
    while (length) {
        while (offset - walk->start >= walk->entry->length) {
            walk->start += walk->entry->length;
            walk->entry++;
        }
        uint64_t skip = offset - walk->start, part = walk->entry->length - skip;
        if (part > length)
            part = length;
        if (walk->entry->host)
            memcpy(to, walk->entry->host + skip, part);
        else if (!dma_read(walk->dma, walk->entry->paddr + skip, to, part))
            memset(to, 0, part); /* the IOMMU denied it, and has told the guest */
        to += part;
        offset += part;
        length -= part;
    }
}

/* Section 5.7.6.8: the rectangle's first pixel is at `offset` in the backing, and its rows are as far apart
 * as the resource is wide. */
uint32_t gpu_resource_transfer(struct virtio_gpu *gpu, const struct gpu_transfer *command)
{
    struct gpu_resource *resource = gpu_resource_find(gpu, command->resource);
    const struct gpu_rect *rect = &command->rect;
    if (!resource)
        return GPU_ERR_RESOURCE;
    if (!gpu_rect_is_in(rect, resource))
        return GPU_ERR_PARAMETER;
    if (!rect->width || !rect->height)
        return GPU_OK_NODATA;
    uint64_t stride = (uint64_t)resource->width * 4, row = (uint64_t)rect->width * 4;
    uint64_t span = (rect->height - 1) * stride + row;
    if (span > resource->backing_length || command->offset > resource->backing_length - span) {
        LOG_GUEST("virtio-gpu: resource %u: transfer of %llu bytes at %llu, of a backing of %llu",
                  resource->id, (unsigned long long)span, (unsigned long long)command->offset,
                  (unsigned long long)resource->backing_length);
        return GPU_ERR_PARAMETER;
    }
    struct backing_walk walk = { gpu->device.dma, resource->backing, 0 };
    uint8_t *to = resource->pixels + rect->y * stride + (uint64_t)rect->x * 4;
    if (row == stride) {
        backing_copy(&walk, command->offset, to, span);
        return GPU_OK_NODATA;
    }
    for (uint32_t n = 0; n < rect->height; n++)
        backing_copy(&walk, command->offset + n * stride, to + n * stride, row);
    return GPU_OK_NODATA;
}
