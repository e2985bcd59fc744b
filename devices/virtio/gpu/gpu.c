/* SPDX-License-Identifier: MIT
 *
 * The virtio graphics device: commands of the control queue and of the cursor queue. The worker runs them one
 * after the other with the device's lock released, so a hart never waits while pixels are copied. A fence is
 * answered when its command is done (section 5.7.6.7).
 *
 * If the window wants another size, this appears as a change of configuration space; the driver then asks for
 * display information and EDID, which contain the size.
 */
#include "devices/virtio/gpu/gpu.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/display/edid.h"
#include "devices/virtio/gpu/internal.h"
#include "util/log.h"

#define VIRTIO_ID_GPU   16
#define GPU_QUEUE_SIZE  256
#define EVENT_DISPLAY   1u
#define DEFAULT_WIDTH   1280
#define DEFAULT_HEIGHT  800
#define HINT_MIN_WIDTH  320u /* drivers refuse smaller sizes, or show nothing readable */
#define HINT_MIN_HEIGHT 200u

enum { GPU_F_EDID = 1 };
enum { QUEUE_CONTROL, QUEUE_CURSOR, QUEUE_COUNT };

struct gpu_config_space { /* section 5.7.4 */
    uint32_t events_read, events_clear, num_scanouts, num_capsets;
};

/* ---- Commands ------------------------------------------------------------------------------------------ */

static void read_hint(struct virtio_gpu *gpu, uint32_t *width, uint32_t *height)
{
    pthread_mutex_lock(&gpu->device.lock);
    *width = gpu->hint_width;
    *height = gpu->hint_height;
    pthread_mutex_unlock(&gpu->device.lock);
}

/* The response to a command; its header's type is filled in by run_command(). */
union response {
    struct gpu_header header;
    struct gpu_display_info info;
    struct gpu_edid edid;
};

static uint32_t display_info(struct virtio_gpu *gpu, union response *response, size_t *length)
{
    struct gpu_display_info *info = &response->info;
    read_hint(gpu, &info->modes[0].rect.width, &info->modes[0].rect.height);
    info->modes[0].enabled = 1;
    *length = sizeof(*info);
    return GPU_OK_DISPLAY_INFO;
}

static uint32_t get_edid(struct virtio_gpu *gpu, uint32_t scanout, union response *response, size_t *length)
{
    struct gpu_edid *answer = &response->edid;
    uint32_t width, height;
    if (scanout != 0)
        return GPU_ERR_SCANOUT;
    read_hint(gpu, &width, &height);
    answer->size = EDID_SIZE;
    edid_make(answer->edid, width, height);
    *length = sizeof(*answer);
    return GPU_OK_EDID;
}

/* The commands by their length. `bytes` holds what the chain has; the rest is zero. */
union command {
    struct gpu_header header;
    struct gpu_create_2d create;
    struct gpu_resource_command resource;
    struct gpu_set_scanout scanout;
    struct gpu_flush flush;
    struct gpu_transfer transfer;
    struct gpu_cursor cursor;
};

static size_t command_length(uint32_t type)
{
    switch (type) {
    case GPU_RESOURCE_CREATE_2D: return sizeof(struct gpu_create_2d);
    case GPU_SET_SCANOUT: return sizeof(struct gpu_set_scanout);
    case GPU_RESOURCE_FLUSH: return sizeof(struct gpu_flush);
    case GPU_TRANSFER_TO_HOST_2D: return sizeof(struct gpu_transfer);
    case GPU_RESOURCE_UNREF:
    case GPU_ATTACH_BACKING:
    case GPU_DETACH_BACKING:
    case GPU_GET_EDID: return sizeof(struct gpu_resource_command);
    default: return sizeof(struct gpu_header);
    }
}

static uint32_t dispatch(struct virtio_gpu *gpu, const union command *command, union response *response,
                         size_t *length)
{
    switch (command->header.type) {
    case GPU_GET_DISPLAY_INFO: return display_info(gpu, response, length);
    case GPU_RESOURCE_CREATE_2D: return gpu_resource_create(gpu, &command->create);
    case GPU_RESOURCE_UNREF: return gpu_resource_unref(gpu, command->resource.id);
    case GPU_SET_SCANOUT: return gpu_scanout_set(gpu, &command->scanout);
    case GPU_RESOURCE_FLUSH: return gpu_scanout_flush(gpu, &command->flush);
    case GPU_TRANSFER_TO_HOST_2D: return gpu_resource_transfer(gpu, &command->transfer);
    case GPU_ATTACH_BACKING:
        return gpu_resource_attach(gpu, command->resource.id, command->resource.entries, &gpu->chain,
                                   sizeof(command->resource));
    case GPU_DETACH_BACKING: return gpu_resource_detach(gpu, command->resource.id);
    case GPU_GET_EDID: return get_edid(gpu, command->resource.id, response, length);
    case GPU_GET_CAPSET_INFO:
    case GPU_GET_CAPSET: return GPU_ERR_PARAMETER; /* num_capsets is 0 */
    default:
        LOG_UNIMP("virtio-gpu: command 0x%x, which is none of the 2D commands", command->header.type);
        return GPU_ERR_UNSPEC;
    }
}

/* Runs the command in gpu->chain; returns the bytes of its response. */
static uint32_t run_command(struct virtio_gpu *gpu)
{
    union command command = { 0 };
    union response response;
    size_t length = sizeof(struct gpu_header);
    memset(&response, 0, sizeof(response));
    size_t got = virtq_chain_read(&gpu->chain, 0, &command, sizeof(command));
    uint32_t type = GPU_ERR_UNSPEC;
    if (got >= sizeof(struct gpu_header) && got >= command_length(command.header.type))
        type = dispatch(gpu, &command, &response, &length);
    else
        LOG_GUEST("virtio-gpu: command 0x%x of %zu bytes is cut short", command.header.type, got);
    response.header.type = type;
    if (command.header.flags & GPU_FLAG_FENCE) {
        response.header.flags = GPU_FLAG_FENCE;
        response.header.fence_id = command.header.fence_id;
        response.header.context_id = command.header.context_id;
    }
    if (gpu->chain.in_length < length)
        LOG_GUEST("virtio-gpu: command 0x%x: %u bytes for a response of %zu", command.header.type,
                  gpu->chain.in_length, length);
    return (uint32_t)virtq_chain_write(&gpu->chain, 0, &response, length);
}

/* Cursor commands have no response. */
static uint32_t run_cursor(struct virtio_gpu *gpu)
{
    struct gpu_cursor command = { 0 };
    size_t got = virtq_chain_read(&gpu->chain, 0, &command, sizeof(command));
    if (got == sizeof(command) &&
        (command.header.type == GPU_UPDATE_CURSOR || command.header.type == GPU_MOVE_CURSOR))
        gpu_cursor_update(gpu, &command);
    else
        LOG_GUEST("virtio-gpu: command 0x%x of %zu bytes in the cursor queue", command.header.type, got);
    return 0;
}

static void gpu_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)device;
    while (virtqueue_pop(queue, &gpu->chain)) {
        pthread_mutex_unlock(&device->lock);
        uint32_t written = queue->index == QUEUE_CURSOR ? run_cursor(gpu) : run_command(gpu);
        pthread_mutex_lock(&device->lock);
        virtqueue_push(queue, &gpu->chain, written);
        virtqueue_signal(queue);
    }
}

static void gpu_notify(struct virtio_device *device, struct virtqueue *queue)
{
    virtio_worker_kick(device->worker, queue);
}

/* ---- Configuration ------------------------------------------------------------------------------------- */

static void gpu_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    struct gpu_config_space *space = (struct gpu_config_space *)(void *)device->config;
    if (offset == offsetof(struct gpu_config_space, events_clear) && size == 4)
        space->events_read &= ~(uint32_t)value;
    else
        LOG_GUEST("virtio-gpu: the driver writes to offset %u of its configuration", offset);
}

static void gpu_resize(struct display_source *source, uint32_t width, uint32_t height)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)((char *)source - offsetof(struct virtio_gpu, source));
    struct gpu_config_space *space = (struct gpu_config_space *)(void *)gpu->device.config;
    width = width > HINT_MIN_WIDTH ? width : HINT_MIN_WIDTH;
    height = height > HINT_MIN_HEIGHT ? height : HINT_MIN_HEIGHT;
    pthread_mutex_lock(&gpu->device.lock);
    if (width != gpu->hint_width || height != gpu->hint_height) {
        gpu->hint_width = width;
        gpu->hint_height = height;
        space->events_read |= EVENT_DISPLAY;
        if (gpu->device.status & VIRTIO_DRIVER_OK)
            virtio_device_config_changed(&gpu->device);
    }
    pthread_mutex_unlock(&gpu->device.lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void gpu_reset(struct virtio_device *device)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)device;
    struct gpu_config_space *space = (struct gpu_config_space *)(void *)device->config;
    gpu_scanout_off(gpu);
    gpu_resource_free_all(gpu);
    display_cursor_forget(gpu->display);
    gpu->cursor_resource = gpu->cursor_hot_x = gpu->cursor_hot_y = gpu->cursor_x = gpu->cursor_y = 0;
    space->events_read = 0;
}

static void gpu_destroy(struct virtio_device *device)
{
    struct virtio_gpu *gpu = (struct virtio_gpu *)device;
    virtio_worker_stop(&gpu->worker);
    display_source_remove(gpu->display, &gpu->source);
    gpu_resource_free_all(gpu);
    virtio_device_fini(device);
    free(gpu);
}

static const struct virtio_device_ops virtio_gpu_ops = {
    .name = "virtio-gpu",
    .id = VIRTIO_ID_GPU,
    .pci_class = 0x038000, /* other display controller */
    .notify = gpu_notify,
    .config_write = gpu_config_write,
    .reset = gpu_reset,
    .save = gpu_save,
    .load = gpu_load,
    .destroy = gpu_destroy,
};

struct virtio_device *virtio_gpu_create(const struct virtio_gpu_config *config, struct error *error)
{
    struct virtio_gpu *gpu = calloc(1, sizeof(*gpu));
    if (!gpu || !virtio_device_init(&gpu->device, &virtio_gpu_ops, 1u << GPU_F_EDID, QUEUE_COUNT,
                                    GPU_QUEUE_SIZE, error)) {
        if (!gpu)
            error_set(error, "virtio-gpu: out of memory");
        free(gpu);
        return NULL;
    }
    struct gpu_config_space space = { .num_scanouts = 1 };
    memcpy(gpu->device.config, &space, sizeof(space));
    gpu->device.config_size = sizeof(space);
    gpu->display = config->display;
    gpu->memory_limit = config->memory_limit ? config->memory_limit : GPU_MEMORY_LIMIT;
    gpu->hint_width = config->width ? config->width : DEFAULT_WIDTH;
    gpu->hint_height = config->height ? config->height : DEFAULT_HEIGHT;
    gpu->source = (struct display_source){ .name = "virtio-gpu", .resize = gpu_resize };
    if (!virtio_worker_start(&gpu->worker, &gpu->device, "virtio-gpu", THREAD_WORKER, gpu_run, error)) {
        virtio_device_fini(&gpu->device);
        free(gpu);
        return NULL;
    }
    display_source_add(gpu->display, &gpu->source);
    return &gpu->device;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_gpu_config config = { plug->display, plug->settings->width, plug->settings->height, 0 };
    return virtio_gpu_create(&config, error);
}

static const struct device_key model_keys[] = {
    DISPLAY_SIZE_KEYS,
    { "edid", DEVICE_KEY_FEATURE, "the guest learns of sizes and names by EDID", DEVICE_FEATURE(GPU_F_EDID) },
    { "max_outputs", DEVICE_KEY_NUMBER, "screens", DEVICE_SETTING(outputs), .least = 1, .most = 1,
      .fallback = 1 },
    { "blob", DEVICE_KEY_OFF, "pictures in the guest's own memory",
      .limit = "this version does not offer it" },
    { .name = NULL },
};

const struct device_model virtio_gpu_model = {
    .name = "virtio-gpu",
    .text = "a screen",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_SCREEN,
    .keys = model_keys,
    .ops = &virtio_gpu_ops,
    .create = model_create,
};
const struct device_model virtio_vga_model = {
    .name = "virtio-vga",
    .text = "virtio-gpu-pci that firmware can use like bochs-display",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_SCREEN,
    .vga = true,
    .keys = model_keys,
    .ops = &virtio_gpu_ops,
    .create = model_create,
};
