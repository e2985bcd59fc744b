/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio graphics device share: the structures of Virtio 1.2 section 5.7.6, and the
 * guest's resources.
 *
 * Commands run in the device's worker with the device's lock released. Resources, scanout and cursor belong
 * to the worker while it is busy; otherwise (reset, save, load) they belong to the holder of the lock.
 */
#ifndef DEVICES_VIRTIO_GPU_INTERNAL_H
#define DEVICES_VIRTIO_GPU_INTERNAL_H

#include "devices/display/display.h"
#include "devices/virtio/virtio.h"
#include "devices/virtio/worker.h"

enum gpu_type {
    GPU_GET_DISPLAY_INFO = 0x100,
    GPU_RESOURCE_CREATE_2D,
    GPU_RESOURCE_UNREF,
    GPU_SET_SCANOUT,
    GPU_RESOURCE_FLUSH,
    GPU_TRANSFER_TO_HOST_2D,
    GPU_ATTACH_BACKING,
    GPU_DETACH_BACKING,
    GPU_GET_CAPSET_INFO,
    GPU_GET_CAPSET,
    GPU_GET_EDID,
    GPU_UPDATE_CURSOR = 0x300,
    GPU_MOVE_CURSOR,
    GPU_OK_NODATA = 0x1100,
    GPU_OK_DISPLAY_INFO = 0x1101,
    GPU_OK_EDID = 0x1104,
    GPU_ERR_UNSPEC = 0x1200,
    GPU_ERR_OUT_OF_MEMORY,
    GPU_ERR_SCANOUT,
    GPU_ERR_RESOURCE,
    GPU_ERR_CONTEXT,
    GPU_ERR_PARAMETER,
};
#define GPU_FLAG_FENCE    1u
#define GPU_SCANOUTS_MAX  16u
#define GPU_BACKING_MAX   16384u /* entries of one resource */
#define GPU_RESOURCES_MAX 16384u
#define GPU_MEMORY_LIMIT  (256ull << 20)

struct gpu_header {
    uint32_t type, flags;
    uint64_t fence_id;
    uint32_t context_id;
    uint8_t ring, padding[3];
};
struct gpu_rect {
    uint32_t x, y, width, height;
};
struct gpu_create_2d {
    struct gpu_header header;
    uint32_t resource, format, width, height;
};
struct gpu_resource_command { /* unref, attach, detach; in the query for an EDID, `id` is the scanout */
    struct gpu_header header;
    uint32_t id, entries;
};
struct gpu_set_scanout {
    struct gpu_header header;
    struct gpu_rect rect;
    uint32_t scanout, resource;
};
struct gpu_flush {
    struct gpu_header header;
    struct gpu_rect rect;
    uint32_t resource, padding;
};
struct gpu_transfer {
    struct gpu_header header;
    struct gpu_rect rect;
    uint64_t offset;
    uint32_t resource, padding;
};
struct gpu_cursor {
    struct gpu_header header;
    uint32_t scanout, x, y, padding;
    uint32_t resource, hot_x, hot_y, padding2;
};
struct gpu_backing_entry {
    uint64_t paddr;
    uint32_t length, padding;
};
struct gpu_display_info {
    struct gpu_header header;
    struct {
        struct gpu_rect rect;
        uint32_t enabled, flags;
    } modes[GPU_SCANOUTS_MAX];
};
struct gpu_edid {
    struct gpu_header header;
    uint32_t size, padding;
    uint8_t edid[1024];
};

/* A picture of the guest: its pixels in memory of the host, and where in guest memory they come from. */
struct gpu_resource {
    uint32_t id, format, width, height;
    uint8_t *pixels; /* width * height * 4 */
    unsigned entry_count;
    struct gpu_backing *backing; /* NULL: none */
    uint64_t backing_length;     /* bytes */
    uint64_t charged;            /* against the memory limit */
    struct gpu_resource *next;
};
struct gpu_backing {
    uint64_t paddr;
    const uint8_t *host; /* NULL behind an IOMMU */
    uint32_t length;
};

struct virtio_gpu {
    struct virtio_device device;
    struct virtio_worker worker;
    struct display *display;
    struct display_source source;
    uint32_t hint_width, hint_height; /* [lock] the size that the window would like */
    uint64_t memory_limit;

    struct gpu_resource *resources;
    unsigned resource_count;
    uint64_t memory_used;
    uint32_t scanout_resource;                            /* 0: the scanout is off */
    struct gpu_rect scanout;                              /* the part of the resource that is shown */
    uint32_t cursor_resource, cursor_hot_x, cursor_hot_y; /* as last set; 0: hidden */
    uint32_t cursor_x, cursor_y;

    struct virtq_chain chain;
};

/* Does the rectangle, which a guest gave, lie in the resource? An empty one may lie at the edge. */
static inline bool gpu_rect_is_in(const struct gpu_rect *rect, const struct gpu_resource *resource)
{
    return rect->x <= resource->width && rect->width <= resource->width - rect->x &&
           rect->y <= resource->height && rect->height <= resource->height - rect->y;
}

/* resource.c: those that return a number return the type of the response. */
struct gpu_resource *gpu_resource_find(struct virtio_gpu *gpu, uint32_t id);
uint32_t gpu_resource_create(struct virtio_gpu *gpu, const struct gpu_create_2d *command);
uint32_t gpu_resource_unref(struct virtio_gpu *gpu, uint32_t id);
/* Attaches the entries that follow in the chain at `offset`. */
uint32_t gpu_resource_attach(struct virtio_gpu *gpu, uint32_t id, uint32_t count,
                             const struct virtq_chain *chain, uint32_t offset);
uint32_t gpu_resource_detach(struct virtio_gpu *gpu, uint32_t id);
uint32_t gpu_resource_transfer(struct virtio_gpu *gpu, const struct gpu_transfer *command);
void gpu_resource_free_all(struct virtio_gpu *gpu);
/* Maps the entries that `backing` lists by address and length. Takes the array over, even on failure. */
uint32_t gpu_resource_set_backing(struct virtio_gpu *gpu, struct gpu_resource *resource,
                                  struct gpu_backing *backing, unsigned count);

/* scanout.c */
uint32_t gpu_scanout_set(struct virtio_gpu *gpu, const struct gpu_set_scanout *command);
void gpu_scanout_off(struct virtio_gpu *gpu);
uint32_t gpu_scanout_flush(struct virtio_gpu *gpu, const struct gpu_flush *command);
void gpu_cursor_update(struct virtio_gpu *gpu, const struct gpu_cursor *command);
/* After loading: shows scanout and cursor again as the fields say. */
void gpu_scanout_restore(struct virtio_gpu *gpu);

/* state.c */
void gpu_save(struct virtio_device *device, struct state_writer *writer);
void gpu_load(struct virtio_device *device, struct state_reader *reader);

#endif
