/* SPDX-License-Identifier: MIT
 *
 * query-blockstats and block_resize: what was done with the disks, and another size for one. Members and
 * names are those of QEMU.
 */
#include <inttypes.h>
#include <string.h>

#include "frontend/monitor/internal.h"
#include "frontend/options/text.h"
#include "machine/inspect.h"

/* ---- Names --------------------------------------------------------------------------------------------- */

static const struct options_drive *drive_of(const struct monitor_call *call, const char *id)
{
    for (unsigned n = 0; id && n < call->options->drive_count; n++) {
        const struct options_drive *drive = &call->options->drives[n];
        if (drive->id && strcmp(drive->id, id) == 0)
            return drive;
    }
    return NULL;
}

/* The image of a node has no name as a drive, so that of its device tells it apart. */
const char *monitor_disk_drive(const struct monitor_call *call, const struct machine_disk *disk)
{
    const struct options_drive *drive = drive_of(call, disk->id);
    return drive && drive->node ? "" : disk->id ? disk->id : disk->place;
}

/* As on QEMU: the id, or the path of a device behind it that has none, as a virtio device has on a bus of
 * PCI, and a disk in a usb-storage. */
const char *monitor_disk_path(const struct machine_disk *disk, char path[MONITOR_PATH])
{
    if (!disk->device_id)
        return disk->place;
    if (disk->is_virtio && disk->on_pci)
        snprintf(path, MONITOR_PATH, "/machine/peripheral/%.80s/virtio-backend", disk->device_id);
    else if (strncmp(disk->place, "usb", 3) == 0)
        snprintf(path, MONITOR_PATH, "/machine/peripheral/%.40s/%.40s.0/legacy[0]", disk->device_id,
                 disk->device_id);
    else
        return disk->device_id;
    return path;
}

/* ---- query-blockstats ---------------------------------------------------------------------------------- */

static struct json_object *stats_of(const struct machine_disk *disk)
{
    static const struct {
        const char *name;
        enum blockdev_kind kind;
    } kinds[] = { { "rd", BLOCKDEV_READS },
                  { "wr", BLOCKDEV_WRITES },
                  { "unmap", BLOCKDEV_UNMAPS },
                  { "flush", BLOCKDEV_FLUSHES } };
    struct json_object *stats = json_object_new_object();
    char name[48];
    for (size_t n = 0; n < sizeof(kinds) / sizeof(kinds[0]); n++) {
        const struct blockdev_counts *counts = &disk->counts[kinds[n].kind];
        const char *kind = kinds[n].name;
        snprintf(name, sizeof(name), "%s_operations", kind);
        monitor_put_number(stats, name, counts->operations);
        snprintf(name, sizeof(name), "%s_total_time_ns", kind);
        monitor_put_number(stats, name, counts->ns);
        snprintf(name, sizeof(name), "failed_%s_operations", kind);
        monitor_put_number(stats, name, counts->failed);
        snprintf(name, sizeof(name), "invalid_%s_operations", kind);
        monitor_put_number(stats, name, 0); /* a device refuses those before they come to the disk */
        if (kinds[n].kind == BLOCKDEV_FLUSHES)
            continue;
        snprintf(name, sizeof(name), "%s_bytes", kind);
        monitor_put_number(stats, name, counts->bytes);
        snprintf(name, sizeof(name), "%s_merged", kind);
        monitor_put_number(stats, name, 0); /* requests are not merged here */
    }
    monitor_put_number(stats, "wr_highest_offset", disk->highest);
    monitor_put_bool(stats, "account_invalid", false);
    monitor_put_bool(stats, "account_failed", true);
    json_object_object_add(stats, "timed_stats", json_object_new_array());
    return stats;
}

/* What is below the disk: its file. Only the end of what was written is known of it. */
static void put_parent(struct monitor_call *call, struct json_object *row, const struct machine_disk *disk)
{
    struct machine_disk file = { .highest = disk->file_highest };
    if (!disk->one_file)
        return;
    struct json_object *parent = json_object_new_object();
    for (unsigned n = 0; disk->id && n < call->options->drive_count; n++) {
        const struct options_drive *node = &call->options->drives[n];
        if (node->owner && !node->gone && strcmp(node->owner, disk->id) == 0 && node->file)
            monitor_put_text(parent, "node-name", node->id);
    }
    json_object_object_add(parent, "stats", stats_of(&file));
    json_object_object_add(row, "parent", parent);
}

static void add_disk(struct monitor_call *call, const struct machine_disk *disk)
{
    struct json_object *row = json_object_new_object();
    char path[MONITOR_PATH];
    monitor_put_text(row, "device", monitor_disk_drive(call, disk));
    monitor_put_text(row, "qdev", monitor_disk_path(disk, path));
    if (disk->id)
        monitor_put_text(row, "node-name", disk->id);
    json_object_object_add(row, "stats", stats_of(disk));
    put_parent(call, row, disk);
    json_object_array_add(call->result, row);
}

/* Finds the disk whose image, or whose image's file, is the node. */
static bool find_node(struct monitor_call *call, const struct options_drive *node, struct machine_disk *disk)
{
    const char *name = node->owner && node->file ? node->owner : node->id;
    for (unsigned n = 0; machine_disk(call->machine, n, disk); n++)
        if (disk->id && strcmp(disk->id, name) == 0)
            return true;
    return false;
}

/* With query-nodes: the nodes, whether a device uses them or not, without what devices asked for. */
static void add_nodes(struct monitor_call *call)
{
    for (unsigned n = 0; n < call->options->drive_count; n++) {
        const struct options_drive *node = &call->options->drives[n];
        struct machine_disk disk, counts = { .highest = 0 };
        if (!node->node || node->gone)
            continue;
        if (find_node(call, node, &disk))
            counts.highest = node->owner ? disk.file_highest : disk.highest;
        struct json_object *row = json_object_new_object();
        monitor_put_text(row, "node-name", node->id);
        json_object_object_add(row, "stats", stats_of(&counts));
        if (!node->owner && find_node(call, node, &disk))
            put_parent(call, row, &disk);
        json_object_array_add(call->result, row);
    }
}

bool monitor_blockstats(struct monitor_call *call)
{
    struct json_object *nodes = NULL;
    struct machine_disk disk;
    json_object_object_get_ex(call->arguments, "query-nodes", &nodes);
    call->result = json_object_new_array();
    if (json_object_get_boolean(nodes))
        add_nodes(call);
    else
        for (unsigned n = 0; machine_disk(call->machine, n, &disk); n++)
            add_disk(call, &disk);
    return true;
}

void monitor_print_blockstats(FILE *out, struct json_object *result)
{
    for (size_t n = 0; n < json_object_array_length(result); n++) {
        struct json_object *row = json_object_array_get_idx(result, n);
        struct json_object *stats = json_object_object_get(row, "stats");
        const char *name = json_object_get_string(json_object_object_get(row, "device"));
        if (!*name)
            name = json_object_get_string(json_object_object_get(row, "node-name"));
        fprintf(out,
                "%s: rd_bytes=%" PRIu64 " wr_bytes=%" PRIu64 " rd_operations=%" PRIu64
                " wr_operations=%" PRIu64 " flush_operations=%" PRIu64 " wr_total_time_ns=%" PRIu64
                " rd_total_time_ns=%" PRIu64 " flush_total_time_ns=%" PRIu64 "\n",
                name, monitor_get_number(stats, "rd_bytes"), monitor_get_number(stats, "wr_bytes"),
                monitor_get_number(stats, "rd_operations"), monitor_get_number(stats, "wr_operations"),
                monitor_get_number(stats, "flush_operations"), monitor_get_number(stats, "wr_total_time_ns"),
                monitor_get_number(stats, "rd_total_time_ns"),
                monitor_get_number(stats, "flush_total_time_ns"));
    }
}

/* ---- block_resize -------------------------------------------------------------------------------------- */

static bool resize(struct monitor_call *call, const char *name, uint64_t bytes)
{
    struct machine_disk disk;
    char path[MONITOR_PATH];
    for (unsigned n = 0; machine_disk(call->machine, n, &disk); n++)
        if ((disk.id && strcmp(disk.id, name) == 0) || strcmp(disk.place, name) == 0 ||
            strcmp(monitor_disk_path(&disk, path), name) == 0)
            return machine_resize_disk(call->machine, n, bytes, &call->error) || monitor_add_hint(call);
    call->error_class = drive_of(call, name) ? NULL : "DeviceNotFound";
    return error_set(&call->error,
                     call->error_class ? "Cannot find device='%.60s' nor node-name='%.60s'"
                                       : "%.60s: no device uses this image; rvive-img resize changes it",
                     name, name);
}

bool monitor_block_resize(struct monitor_call *call)
{
    const char *name = monitor_text(call, "node-name", monitor_text(call, "device", NULL));
    if (!name || (monitor_given(call, "device") && monitor_given(call, "node-name")))
        return error_set(&call->error, "block_resize needs one of device and node-name");
    return resize(call, name, monitor_number(call, "size", 0));
}

/* As on QEMU, a number without a suffix is in MiB. */
bool monitor_block_resize_line(struct monitor_call *call)
{
    const char *text = monitor_text(call, "size", "");
    uint64_t bytes;
    return option_parse_size(text, UINT64_C(1) << 20, &bytes)
               ? resize(call, monitor_text(call, "device", ""), bytes)
               : error_set(&call->error, "block_resize %.40s: not a size; it takes MiB, or 1536M, 2G", text);
}
