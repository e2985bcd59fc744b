/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor for devices and images that come and go while the machine runs. People write the
 * arguments as on the command line, programs as JSON, which becomes the same text (options/json.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"

const char *monitor_text_of_arguments(struct monitor_call *call, const char *flag, const char *first)
{
    if (!call->is_program)
        return monitor_text(call, first, "");
    if (!monitor_given(call, first)) {
        error_set(&call->error, "Parameter '%s' is missing", first);
        return NULL;
    }
    return options_read_json(call->changeable, flag, json_object_to_json_string(call->arguments),
                             &call->error);
}

bool monitor_device_add(struct monitor_call *call)
{
    struct options *options = call->changeable;
    const char *text = monitor_text_of_arguments(call, "device", "driver");
    struct machine_place place;
    if (!text || !options_plug(options, text, &place, &call->error))
        return false;
    if (machine_plug(call->machine, place, &options->machine, &call->error))
        return true;
    options_unplug(options, place);
    return monitor_add_image_hint(call);
}

bool monitor_device_del(struct monitor_call *call)
{
    const char *id = monitor_text(call, "id", ""), *name = strrchr(id, '/');
    enum machine_unplug result = machine_unplug(call->machine, name ? name + 1 : id, &call->error);
    if (result == MACHINE_UNPLUG_UNKNOWN)
        call->error_class = "DeviceNotFound";
    return result == MACHINE_UNPLUG_ASKED;
}

/* Can the files of the node, and of what is below it, be opened? False, with call->error filled and errno
 * set. */
static bool check_files(struct monitor_call *call, const struct options_drive *node)
{
    for (const struct blockdev_config *image = &node->blockdev; image; image = image->backing) {
        if (!image->path || strncmp(image->path, "/dev/fdset/", strlen("/dev/fdset/")) == 0)
            continue;
        int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return error_set(&call->error, "Could not open '%.200s': %s", image->path, strerror(errno));
        close(fd);
    }
    return true;
}

bool monitor_blockdev_add(struct monitor_call *call)
{
    const char *text = monitor_text_of_arguments(call, "blockdev", "driver");
    const char *name = monitor_text(call, "node-name", "");
    struct error ignored;
    if (!text || !options_add_node(call->changeable, text, &call->error))
        return false;
    const struct options_drive *node = options_find_node(call->changeable, name);
    if (!node || check_files(call, node))
        return true;
    monitor_add_image_hint(call);
    options_remove_node(call->changeable, name, &ignored);
    return false;
}

bool monitor_blockdev_del(struct monitor_call *call)
{
    return options_remove_node(call->changeable, monitor_text(call, "node-name", ""), &call->error);
}

/* ---- Nodes --------------------------------------------------------------------------------------------- */

/* Returns what a device sees of the image; what no device has open has the size of its file. */
static uint64_t size_of(struct monitor_call *call, const struct options_drive *node, uint64_t file_size)
{
    struct machine_disk disk;
    bool whole = !node->owner;
    for (unsigned n = 0; whole && machine_disk(call->machine, n, &disk); n++)
        if (disk.id && strcmp(disk.id, node->id) == 0)
            return disk.size;
    return file_size;
}

/* A file that is not a part of another node is used as a raw image. */
static const char *driver_of(const struct options_drive *node)
{
    return (node->owner && !node->inner) || node->file ? "file"
           : node->blockdev.format                     ? node->blockdev.format
                                                       : "raw";
}

static void put_image(struct monitor_call *call, struct json_object *row, const struct options_drive *node)
{
    struct json_object *image = json_object_new_object();
    struct stat status = { .st_size = 0 };
    stat(node->blockdev.path, &status);
    monitor_put_text(image, "filename", node->blockdev.path);
    monitor_put_text(image, "format", driver_of(node));
    monitor_put_number(image, "virtual-size", size_of(call, node, (uint64_t)status.st_size));
    monitor_put_number(image, "actual-size", (uint64_t)status.st_blocks * 512);
    monitor_put_bool(image, "dirty-flag", false);
    json_object_object_add(row, "image", image);
}

/* Limits are those of the device that has the image open. */
static const struct block_throttle_limits *
node_limits(struct monitor_call *call, const struct options_drive *node, struct block_throttle_limits *limits)
{
    struct machine_disk disk;
    for (unsigned n = 0; !node->owner && machine_disk(call->machine, n, &disk); n++)
        if (disk.id && strcmp(disk.id, node->id) == 0)
            *limits = disk.limits;
    return limits;
}

static void add_node(struct monitor_call *call, const struct options_drive *node)
{
    struct json_object *row = monitor_add_row(call->result);
    struct block_throttle_limits limits = { .request_size = 0 };
    unsigned depth = 0;
    for (const struct blockdev_config *below = node->blockdev.backing; below; below = below->backing)
        depth++;
    monitor_put_text(row, "node-name", node->id);
    monitor_put_text(row, "drv", driver_of(node));
    monitor_put_text(row, "file", node->blockdev.path);
    monitor_put_bool(row, "ro", node->blockdev.read_only);
    monitor_put_bool(row, "encrypted", false);
    monitor_put_bool(row, "active", true);
    monitor_put_number(row, "backing_file_depth", depth);
    monitor_put_settings(row, &node->blockdev, node_limits(call, node, &limits));
    put_image(call, row, node);
}

bool monitor_block_nodes(struct monitor_call *call)
{
    call->result = json_object_new_array();
    for (unsigned n = 0; n < call->options->drive_count; n++) {
        const struct options_drive *node = &call->options->drives[n];
        if (node->node && !node->gone)
            add_node(call, node);
    }
    return true;
}
