/* SPDX-License-Identifier: MIT
 *
 * Which part of the guest's resources is seen: the scanout, and the cursor.
 */
#include <string.h>

#include "devices/virtio/gpu/internal.h"
#include "util/log.h"

#define STRIP_PIXELS 16384u /* converted at a time */

/* Formats (section 5.7.6.8) whose words are xRGB8888 already. */
static bool format_is_native(uint32_t format)
{
    return format == 1 || format == 2;
}

/* Converts one pixel, its four bytes read as a little-endian word, to ARGB8888. */
static uint32_t to_argb(uint32_t format, uint32_t word)
{
    switch (format) {
    case 3:
    case 4: return __builtin_bswap32(word); /* bytes A, R, G, B */
    case 67:
    case 134: /* bytes R, G, B, A */ return (word & 0xff00ff00) | (word & 0xff) << 16 | (word >> 16 & 0xff);
    case 68:
    case 121: /* bytes A, B, G, R */ return word >> 8 | word << 24;
    default: return word;
    }
}

static void convert(uint32_t *to, const uint8_t *from, uint32_t format, size_t count)
{
    const uint32_t *words = (const uint32_t *)from;
    for (size_t n = 0; n < count; n++)
        to[n] = to_argb(format, words[n]);
}

/* Draws a part of the resource. The rectangle is in the resource's coordinates, and lies within the
 * scanout. */
static void draw(struct virtio_gpu *gpu, const struct gpu_resource *resource, struct display_rect part)
{
    uint32_t strip[STRIP_PIXELS]; /* no row is longer */
    size_t stride = (size_t)resource->width * 4;
    const uint8_t *from = resource->pixels + part.y * stride + (size_t)part.x * 4;
    struct display_rect to = { part.x - gpu->scanout.x, part.y - gpu->scanout.y, part.width, part.height };
    if (format_is_native(resource->format)) {
        display_draw(gpu->display, &gpu->source, from, stride, to);
        return;
    }
    uint32_t rows_at_once = STRIP_PIXELS / part.width;
    for (uint32_t done = 0; done < part.height; done += to.height) {
        to.y = part.y - gpu->scanout.y + done;
        to.height = part.height - done < rows_at_once ? part.height - done : rows_at_once;
        for (uint32_t row = 0; row < to.height; row++)
            convert(strip + (size_t)row * part.width, from + (done + row) * stride, resource->format,
                    part.width);
        display_draw(gpu->display, &gpu->source, strip, (size_t)part.width * 4, to);
    }
}

void gpu_scanout_off(struct virtio_gpu *gpu)
{
    if (gpu->scanout_resource)
        display_hide(gpu->display, &gpu->source);
    gpu->scanout_resource = 0;
    gpu->scanout = (struct gpu_rect){ 0 };
}

uint32_t gpu_scanout_set(struct virtio_gpu *gpu, const struct gpu_set_scanout *command)
{
    const struct gpu_rect *rect = &command->rect;
    if (command->scanout != 0)
        return GPU_ERR_SCANOUT;
    if (!command->resource) {
        gpu_scanout_off(gpu);
        return GPU_OK_NODATA;
    }
    const struct gpu_resource *resource = gpu_resource_find(gpu, command->resource);
    if (!resource)
        return GPU_ERR_RESOURCE;
    if (!rect->width || !rect->height || !gpu_rect_is_in(rect, resource))
        return GPU_ERR_PARAMETER;
    if (!display_show(gpu->display, &gpu->source, rect->width, rect->height))
        return GPU_ERR_OUT_OF_MEMORY;
    gpu->scanout_resource = command->resource;
    gpu->scanout = *rect;
    return GPU_OK_NODATA;
}

uint32_t gpu_scanout_flush(struct virtio_gpu *gpu, const struct gpu_flush *command)
{
    const struct gpu_resource *resource = gpu_resource_find(gpu, command->resource);
    const struct gpu_rect *rect = &command->rect;
    if (!resource)
        return GPU_ERR_RESOURCE;
    if (!gpu_rect_is_in(rect, resource))
        return GPU_ERR_PARAMETER;
    if (command->resource != gpu->scanout_resource)
        return GPU_OK_NODATA;
    struct display_rect flushed = { rect->x, rect->y, rect->width, rect->height };
    struct display_rect shown = { gpu->scanout.x, gpu->scanout.y, gpu->scanout.width, gpu->scanout.height };
    struct display_rect part = display_rect_intersect(flushed, shown);
    if (part.width)
        draw(gpu, resource, part);
    return GPU_OK_NODATA;
}

/* ---- Cursor -------------------------------------------------------------------------------------------- */

/* Sets the shape that the fields name; false if there is no such resource. A cursor has alpha even if its
 * format does not: Linux keeps its cursors in resources of format 2 (BGRX), with alpha in the fourth byte. */
static bool cursor_show(struct virtio_gpu *gpu)
{
    uint32_t pixels[DISPLAY_CURSOR_MAX * DISPLAY_CURSOR_MAX / 4]; /* 128 x 128: drivers use 64 x 64 */
    if (!gpu->cursor_resource) {
        display_cursor_set(gpu->display, NULL, 0, 0, 0, 0);
        return true;
    }
    const struct gpu_resource *resource = gpu_resource_find(gpu, gpu->cursor_resource);
    if (!resource || (uint64_t)resource->width * resource->height > sizeof(pixels) / sizeof(pixels[0]))
        return false;
    size_t count = (size_t)resource->width * resource->height;
    convert(pixels, resource->pixels, resource->format, count);
    display_cursor_set(gpu->display, pixels, resource->width, resource->height, gpu->cursor_hot_x,
                       gpu->cursor_hot_y);
    return true;
}

void gpu_cursor_update(struct virtio_gpu *gpu, const struct gpu_cursor *command)
{
    if (command->scanout != 0) {
        LOG_GUEST("virtio-gpu: a cursor on scanout %u, but there is only scanout 0", command->scanout);
        return;
    }
    gpu->cursor_x = command->x;
    gpu->cursor_y = command->y;
    display_cursor_move(gpu->display, (int32_t)command->x, (int32_t)command->y);
    if (command->header.type == GPU_MOVE_CURSOR)
        return;
    gpu->cursor_resource = command->resource;
    gpu->cursor_hot_x = command->hot_x;
    gpu->cursor_hot_y = command->hot_y;
    if (!cursor_show(gpu)) {
        LOG_GUEST("virtio-gpu: a cursor of resource %u, which does not exist or is larger than 128 x 128",
                  command->resource);
        gpu->cursor_resource = 0;
        cursor_show(gpu);
    }
}

void gpu_scanout_restore(struct virtio_gpu *gpu)
{
    struct gpu_set_scanout set = { .rect = gpu->scanout, .resource = gpu->scanout_resource };
    struct gpu_flush flush = { .rect = gpu->scanout, .resource = gpu->scanout_resource };
    if (gpu_scanout_set(gpu, &set) != GPU_OK_NODATA)
        gpu_scanout_off(gpu);
    else if (gpu->scanout_resource)
        gpu_scanout_flush(gpu, &flush);
    display_cursor_move(gpu->display, (int32_t)gpu->cursor_x, (int32_t)gpu->cursor_y);
    if (!cursor_show(gpu)) {
        gpu->cursor_resource = 0;
        cursor_show(gpu);
    }
}
