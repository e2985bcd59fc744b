/* SPDX-License-Identifier: MIT
 *
 * Saving and loading the virtio graphics device. Loading goes through the same checks as a driver's commands.
 */
#include <stdio.h>
#include <stdlib.h>

#include "devices/virtio/gpu/internal.h"

struct field_name {
    char text[48];
};

static struct field_name name(unsigned index, const char *member)
{
    struct field_name field;
    snprintf(field.text, sizeof(field.text), "resource%u.%s", index, member);
    return field;
}

static void save_resource(const struct gpu_resource *resource, unsigned n, struct state_writer *writer)
{
    state_put(writer, name(n, "id").text, resource->id);
    state_put(writer, name(n, "format").text, resource->format);
    state_put(writer, name(n, "width").text, resource->width);
    state_put(writer, name(n, "height").text, resource->height);
    state_put_bytes(writer, name(n, "pixels").text, resource->pixels,
                    (size_t)resource->width * resource->height * 4);
    state_put(writer, name(n, "entries").text, resource->entry_count);
    size_t bytes = resource->entry_count * sizeof(struct gpu_backing_entry);
    struct gpu_backing_entry *entries = calloc(1, bytes + 1);
    if (!entries) {
        writer->failed = true;
        return;
    }
    for (unsigned i = 0; i < resource->entry_count; i++)
        entries[i] = (struct gpu_backing_entry){ resource->backing[i].paddr, resource->backing[i].length, 0 };
    state_put_bytes(writer, name(n, "backing").text, entries, bytes);
    free(entries);
}

void gpu_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)device;
    unsigned n = 0;
    state_put(writer, "events_read", device->config[0]);
    state_put(writer, "hint_width", gpu->hint_width);
    state_put(writer, "hint_height", gpu->hint_height);
    state_put(writer, "scanout_resource", gpu->scanout_resource);
    state_put(writer, "scanout_x", gpu->scanout.x);
    state_put(writer, "scanout_y", gpu->scanout.y);
    state_put(writer, "scanout_width", gpu->scanout.width);
    state_put(writer, "scanout_height", gpu->scanout.height);
    state_put(writer, "cursor_resource", gpu->cursor_resource);
    state_put(writer, "cursor_hot_x", gpu->cursor_hot_x);
    state_put(writer, "cursor_hot_y", gpu->cursor_hot_y);
    state_put(writer, "cursor_x", gpu->cursor_x);
    state_put(writer, "cursor_y", gpu->cursor_y);
    state_put(writer, "resources", gpu->resource_count);
    for (const struct gpu_resource *resource = gpu->resources; resource; resource = resource->next)
        save_resource(resource, n++, writer);
}

static bool refuse(struct state_reader *reader, unsigned n)
{
    if (!reader->failed)
        error_set(reader->error, "saved state: resource %u of virtio-gpu does not fit this machine", n);
    reader->failed = true;
    return false;
}

static bool load_backing(struct virtio_gpu *gpu, struct gpu_resource *resource, unsigned n,
                         struct state_reader *reader)
{
    unsigned count = (unsigned)state_get(reader, name(n, "entries").text, GPU_BACKING_MAX);
    if (reader->failed || !count)
        return !reader->failed;
    struct gpu_backing *backing = calloc(count, sizeof(*backing));
    struct gpu_backing_entry *entries = calloc(count, sizeof(*entries));
    if (backing && entries)
        state_get_bytes(reader, name(n, "backing").text, entries, count * sizeof(*entries));
    bool ok = backing && entries && !reader->failed;
    for (unsigned i = 0; ok && i < count; i++)
        backing[i] = (struct gpu_backing){ .paddr = entries[i].paddr, .length = entries[i].length };
    free(entries);
    if (ok)
        ok = gpu_resource_set_backing(gpu, resource, backing, count) == GPU_OK_NODATA;
    else
        free(backing);
    return ok || refuse(reader, n);
}

static bool load_resource(struct virtio_gpu *gpu, unsigned n, struct state_reader *reader)
{
    struct gpu_create_2d create = {
        .resource = (uint32_t)state_get(reader, name(n, "id").text, UINT32_MAX),
        .format = (uint32_t)state_get(reader, name(n, "format").text, UINT32_MAX),
        .width = (uint32_t)state_get(reader, name(n, "width").text, DISPLAY_SIDE_MAX),
        .height = (uint32_t)state_get(reader, name(n, "height").text, DISPLAY_SIDE_MAX),
    };
    if (reader->failed || gpu_resource_create(gpu, &create) != GPU_OK_NODATA)
        return refuse(reader, n);
    struct gpu_resource *resource = gpu_resource_find(gpu, create.resource);
    state_get_bytes(reader, name(n, "pixels").text, resource->pixels,
                    (size_t)create.width * create.height * 4);
    return load_backing(gpu, resource, n, reader);
}

void gpu_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)device;
    device->config[0] = (uint8_t)state_get(reader, "events_read", 1);
    uint32_t width = (uint32_t)state_get(reader, "hint_width", DISPLAY_SIDE_MAX);
    uint32_t height = (uint32_t)state_get(reader, "hint_height", DISPLAY_SIDE_MAX);
    uint32_t scanout = (uint32_t)state_get(reader, "scanout_resource", UINT32_MAX);
    struct gpu_rect rect = {
        (uint32_t)state_get(reader, "scanout_x", DISPLAY_SIDE_MAX),
        (uint32_t)state_get(reader, "scanout_y", DISPLAY_SIDE_MAX),
        (uint32_t)state_get(reader, "scanout_width", DISPLAY_SIDE_MAX),
        (uint32_t)state_get(reader, "scanout_height", DISPLAY_SIDE_MAX),
    };
    gpu->cursor_resource = (uint32_t)state_get(reader, "cursor_resource", UINT32_MAX);
    gpu->cursor_hot_x = (uint32_t)state_get(reader, "cursor_hot_x", UINT32_MAX);
    gpu->cursor_hot_y = (uint32_t)state_get(reader, "cursor_hot_y", UINT32_MAX);
    gpu->cursor_x = (uint32_t)state_get(reader, "cursor_x", UINT32_MAX);
    gpu->cursor_y = (uint32_t)state_get(reader, "cursor_y", UINT32_MAX);
    unsigned count = (unsigned)state_get(reader, "resources", GPU_RESOURCES_MAX);
    /* They were saved from first to last, and each is put at the front: this reverses the order, which has no
     * effect. */
    for (unsigned n = 0; n < count && !reader->failed; n++)
        load_resource(gpu, n, reader);
    if (reader->failed)
        return;
    gpu->hint_width = width ? width : gpu->hint_width;
    gpu->hint_height = height ? height : gpu->hint_height;
    gpu->scanout_resource = scanout;
    gpu->scanout = rect;
    gpu_scanout_restore(gpu);
}
