/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor about what is plugged in: disks, PCI functions, character devices. If
 * QEMU has the command, the members of its result have QEMU's names and types (QEMU QMP Reference:
 * query-block, query-pci, query-chardev), so that programs for QEMU understand them.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/monitor/internal.h"
#include "machine/inspect.h"

static struct json_object *row_of(struct json_object *rows, size_t i)
{
    return json_object_array_get_idx(rows, i);
}

static size_t count_of(struct json_object *rows)
{
    return rows ? json_object_array_length(rows) : 0;
}

/* ---- Disks --------------------------------------------------------------------------------------------- */

static struct json_object *image_of(const struct machine_disk *disk)
{
    struct json_object *image = json_object_new_object();
    struct stat status;
    monitor_put_text(image, "filename", disk->config->path);
    monitor_put_text(image, "format", disk->format);
    monitor_put_number(image, "virtual-size", disk->size);
    if (disk->one_file)
        monitor_put_number(image, "actual-size", disk->allocated);
    else if (stat(disk->config->path, &status) == 0)
        monitor_put_number(image, "actual-size", (uint64_t)status.st_blocks * 512);
    monitor_put_bool(image, "dirty-flag", false);
    return image;
}

static struct json_object *cache_of(enum blockdev_cache mode)
{
    struct json_object *cache = json_object_new_object();
    monitor_put_bool(cache, "writeback",
                     mode != BLOCKDEV_CACHE_WRITETHROUGH && mode != BLOCKDEV_CACHE_DIRECTSYNC);
    monitor_put_bool(cache, "direct", mode == BLOCKDEV_CACHE_NONE || mode == BLOCKDEV_CACHE_DIRECTSYNC);
    monitor_put_bool(cache, "no-flush", mode == BLOCKDEV_CACHE_UNSAFE);
    return cache;
}

void monitor_put_settings(struct json_object *medium, const struct blockdev_config *config,
                          const struct block_throttle_limits *limits)
{
    static const char *const detect[] = {
        [BLOCKDEV_DETECT_OFF] = "off", [BLOCKDEV_DETECT_ON] = "on", [BLOCKDEV_DETECT_UNMAP] = "unmap"
    };
    monitor_put_text(medium, "detect_zeroes", detect[config->detect_zeroes]);
    monitor_put_limits(medium, limits);
    monitor_put_number(medium, "write_threshold", 0);
    json_object_object_add(medium, "cache", cache_of(config->cache));
}

static struct json_object *inserted(const struct machine_disk *disk)
{
    struct json_object *medium = json_object_new_object();
    monitor_put_text(medium, "file", disk->config->path);
    monitor_put_text(medium, "node-name", disk->id ? disk->id : disk->place);
    monitor_put_bool(medium, "ro", disk->read_only);
    monitor_put_text(medium, "drv", disk->format);
    monitor_put_bool(medium, "snapshot", disk->config->snapshot);
    monitor_put_number(medium, "backing_file_depth", disk->config->snapshot);
    monitor_put_bool(medium, "encrypted", false);
    monitor_put_bool(medium, "active", true);
    monitor_put_settings(medium, disk->config, &disk->limits);
    json_object_object_add(medium, "image", image_of(disk));
    return medium;
}

static struct json_object *add_disk(const struct monitor_call *call, const struct machine_disk *disk)
{
    char path[MONITOR_PATH];
    struct json_object *row = monitor_add_row(call->result);
    monitor_put_text(row, "device", monitor_disk_drive(call, disk));
    monitor_put_text(row, "qdev", monitor_disk_path(disk, path));
    monitor_put_text(row, "place", disk->place);
    monitor_put_text(row, "type", "unknown");
    monitor_put_bool(row, "removable", disk->removable);
    monitor_put_bool(row, "locked", disk->locked);
    if (disk->removable)
        monitor_put_bool(row, "tray_open", disk->tray_open);
    monitor_put_text(row, "io-status", "ok");
    return row;
}

bool monitor_block(struct monitor_call *call)
{
    struct machine_disk disk;
    call->result = json_object_new_array();
    for (unsigned i = 0; machine_disk(call->machine, i, &disk); i++)
        json_object_object_add(add_disk(call, &disk), "inserted", inserted(&disk));
    for (unsigned i = 0; machine_empty_drive(call->machine, i, &disk); i++)
        add_disk(call, &disk);
    return true;
}

static void print_disk(FILE *out, struct json_object *row, struct json_object *medium)
{
    uint64_t size = monitor_get_number(monitor_get(medium, "image"), "virtual-size");
    const char *name = monitor_get_text(row, "device");
    const char *otherwise = medium ? monitor_get_text(medium, "node-name") : monitor_get_text(row, "qdev");
    fprintf(out, "%s at %s: ", *name ? name : otherwise, monitor_get_text(row, "place"));
    if (medium)
        fprintf(out, "%s (%s, %" PRIu64 " bytes%s%s)", monitor_get_text(medium, "file"),
                monitor_get_text(medium, "drv"), size, monitor_get_bool(medium, "ro") ? ", read-only" : "",
                monitor_get_bool(medium, "snapshot") ? ", snapshot" : "");
    else
        fprintf(out, "[not inserted]");
    fprintf(out, "%s%s\n", monitor_get_bool(row, "tray_open") ? ", tray open" : "",
            monitor_get_bool(row, "locked") ? ", locked" : "");
}

void monitor_print_block(FILE *out, struct json_object *result)
{
    for (size_t i = 0; i < count_of(result); i++) {
        struct json_object *row = row_of(result, i);
        print_disk(out, row, monitor_get(row, "inserted"));
    }
    if (!count_of(result))
        fprintf(out, "there is no disk\n");
}

/* ---- PCI ----------------------------------------------------------------------------------------------- */

/* Classes and subclasses (PCI Code and ID Assignment), as QEMU names them. */
static const char *class_name(unsigned code)
{
    static const struct {
        unsigned code;
        const char *name;
    } known[] = { { 0x0100, "SCSI controller" },
                  { 0x0106, "SATA controller" },
                  { 0x0108, "NVMe controller" },
                  { 0x0200, "Ethernet controller" },
                  { 0x0300, "VGA controller" },
                  { 0x0380, "Display controller" },
                  { 0x0401, "Audio controller" },
                  { 0x0403, "Audio controller" },
                  { 0x0600, "Host bridge" },
                  { 0x0604, "PCI bridge" },
                  { 0x0780, "Communication controller" },
                  { 0x0900, "Keyboard" },
                  { 0x0902, "Mouse" },
                  { 0x0980, "Input controller" },
                  { 0x0c03, "USB controller" } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].code == code)
            return known[i].name;
    return NULL;
}

static void add_region(struct json_object *rows, const struct machine_pci_bar *bar)
{
    struct json_object *row = monitor_add_row(rows);
    monitor_put_number(row, "bar", bar->index);
    monitor_put_text(row, "type", bar->type);
    json_object_object_add(row, "address", json_object_new_int64(bar->mapped ? (int64_t)bar->base : -1));
    monitor_put_number(row, "size", bar->size);
    if (strcmp(bar->type, "memory") == 0) {
        monitor_put_bool(row, "prefetch", bar->prefetchable);
        monitor_put_bool(row, "mem_type_64", bar->wide);
    }
}

static void put_range(struct json_object *row, const char *name, const struct machine_pci_range *range)
{
    struct json_object *object = json_object_new_object();
    monitor_put_number(object, "base", range->base);
    monitor_put_number(object, "limit", range->limit);
    json_object_object_add(row, name, object);
}

/* Returns the list for what is behind the bridge. NULL: its bus has no number yet, and QEMU shows nothing. */
static struct json_object *put_bridge(struct json_object *row, const struct machine_pci_view *view)
{
    struct json_object *bridge = json_object_new_object(), *bus = json_object_new_object(), *devices = NULL;
    monitor_put_number(bus, "number", view->bus);
    monitor_put_number(bus, "secondary", view->secondary);
    monitor_put_number(bus, "subordinate", view->subordinate);
    put_range(bus, "io_range", &view->io);
    put_range(bus, "memory_range", &view->memory);
    put_range(bus, "prefetchable_range", &view->prefetch);
    json_object_object_add(bridge, "bus", bus);
    if (view->secondary) {
        devices = json_object_new_array();
        json_object_object_add(bridge, "devices", devices);
    }
    json_object_object_add(row, "pci_bridge", bridge);
    return devices;
}

static struct json_object *add_function(struct json_object *rows, const struct machine_pci_view *view)
{
    struct json_object *row = monitor_add_row(rows), *class = json_object_new_object(),
                       *id = json_object_new_object(), *regions = json_object_new_array();
    monitor_put_number(row, "bus", view->bus);
    monitor_put_number(row, "slot", view->slot);
    monitor_put_number(row, "function", view->function);
    monitor_put_number(class, "class", view->class_code);
    if (class_name(view->class_code))
        monitor_put_text(class, "desc", class_name(view->class_code));
    json_object_object_add(row, "class_info", class);
    monitor_put_number(id, "vendor", view->vendor);
    monitor_put_number(id, "device", view->device);
    if (!view->bridge) {
        monitor_put_number(id, "subsystem-vendor", view->subsystem_vendor);
        monitor_put_number(id, "subsystem", view->subsystem);
    }
    json_object_object_add(row, "id", id);
    if (view->pin)
        monitor_put_number(row, "irq", view->line);
    monitor_put_number(row, "irq_pin", view->pin);
    monitor_put_text(row, "qdev_id", view->id ? view->id : "");
    monitor_put_text(row, "model", view->name);
    monitor_put_number(row, "msix-vectors", view->msix_vectors);
    monitor_put_bool(row, "bus-master", view->bus_master);
    for (unsigned i = 0; i < view->bar_count; i++)
        add_region(regions, &view->bars[i]);
    json_object_object_add(row, "regions", regions);
    return row;
}

#define PCI_DEPTH_MAX 16

bool monitor_pci(struct monitor_call *call)
{
    struct machine_pci_view view;
    struct json_object *lists[PCI_DEPTH_MAX] = { json_object_new_array() };
    call->result = json_object_new_array();
    for (unsigned i = 0; machine_pci_view(call->machine, i, &view); i++) {
        struct json_object *list = view.depth < PCI_DEPTH_MAX ? lists[view.depth] : NULL;
        struct json_object *row = list ? add_function(list, &view) : NULL;
        if (view.depth + 1 < PCI_DEPTH_MAX)
            lists[view.depth + 1] = row && view.bridge ? put_bridge(row, &view) : NULL;
    }
    struct json_object *bus = monitor_add_row(call->result);
    monitor_put_number(bus, "bus", 0);
    json_object_object_add(bus, "devices", lists[0]);
    return true;
}

static void print_region(FILE *out, struct json_object *region)
{
    fprintf(out, "    BAR%" PRIu64 ": %s, 0x%" PRIx64 " bytes, ", monitor_get_number(region, "bar"),
            strcmp(monitor_get_text(region, "type"), "io") == 0 ? "I/O"
            : monitor_get_bool(region, "mem_type_64")           ? "64 bit memory"
                                                                : "32 bit memory",
            monitor_get_number(region, "size"));
    int64_t address = json_object_get_int64(monitor_get(region, "address"));
    if (address < 0)
        fprintf(out, "not mapped\n");
    else
        fprintf(out, "at 0x%" PRIx64 "\n", (uint64_t)address);
}

static void print_range(FILE *out, struct json_object *bus, const char *name, const char *text)
{
    struct json_object *range = monitor_get(bus, name);
    if (monitor_get_number(range, "base") <= monitor_get_number(range, "limit"))
        fprintf(out, ", %s 0x%" PRIx64 "-0x%" PRIx64, text, monitor_get_number(range, "base"),
                monitor_get_number(range, "limit"));
}

static void print_function(FILE *out, struct json_object *device);

/* A bridge's buses, the windows that are open, and what is behind it. */
static void print_bridge(FILE *out, struct json_object *bridge)
{
    struct json_object *bus = monitor_get(bridge, "bus"), *devices = monitor_get(bridge, "devices");
    fprintf(out, "    bus %" PRIu64 " to %" PRIu64, monitor_get_number(bus, "secondary"),
            monitor_get_number(bus, "subordinate"));
    print_range(out, bus, "io_range", "I/O");
    print_range(out, bus, "memory_range", "memory");
    print_range(out, bus, "prefetchable_range", "prefetchable memory");
    fputc('\n', out);
    for (size_t i = 0; i < count_of(devices); i++)
        print_function(out, row_of(devices, i));
}

static void print_function(FILE *out, struct json_object *device)
{
    struct json_object *id = monitor_get(device, "id"), *class = monitor_get(device, "class_info"),
                       *regions = monitor_get(device, "regions");
    fprintf(out, "%02x:%02x.%x %s: %04x:%04x class %04x", (unsigned)monitor_get_number(device, "bus"),
            (unsigned)monitor_get_number(device, "slot"), (unsigned)monitor_get_number(device, "function"),
            monitor_get_text(device, "model"), (unsigned)monitor_get_number(id, "vendor"),
            (unsigned)monitor_get_number(id, "device"), (unsigned)monitor_get_number(class, "class"));
    if (monitor_get(class, "desc"))
        fprintf(out, " (%s)", monitor_get_text(class, "desc"));
    if (monitor_get_number(device, "irq_pin"))
        fprintf(out, ", INT%c", (int)('A' + monitor_get_number(device, "irq_pin") - 1));
    if (monitor_get_number(device, "msix-vectors"))
        fprintf(out, ", %" PRIu64 " MSI-X vectors", monitor_get_number(device, "msix-vectors"));
    fprintf(out, "%s\n", monitor_get_bool(device, "bus-master") ? ", bus master" : "");
    for (size_t i = 0; i < count_of(regions); i++)
        print_region(out, row_of(regions, i));
    if (monitor_get(device, "pci_bridge"))
        print_bridge(out, monitor_get(device, "pci_bridge"));
}

void monitor_print_pci(FILE *out, struct json_object *result)
{
    for (size_t i = 0; i < count_of(result); i++) {
        struct json_object *devices = monitor_get(row_of(result, i), "devices");
        for (size_t n = 0; n < count_of(devices); n++)
            print_function(out, row_of(devices, n));
    }
}

#define RINGBUF_READ_MAX 16384u

/* ---- Character devices --------------------------------------------------------------------------------- */

static void add_chardev(struct json_object *rows, const char *label, const char *filename)
{
    struct json_object *row = monitor_add_row(rows);
    monitor_put_text(row, "label", label);
    monitor_put_text(row, "filename", filename);
    monitor_put_bool(row, "frontend-open", true);
}

/* Returns the id of the -chardev with this description (the same pointer). NULL: -serial, -qmp or another
 * option made it. */
static const char *id_of(const struct options *options, const char *description)
{
    for (unsigned i = 0; i < options->chardev_count; i++)
        if (options->chardevs[i].value == description)
            return options->chardevs[i].id;
    return NULL;
}

/* Writes QEMU's name for it. `chardev` may be NULL, if it is not open. */
static void filename_of(const struct chardev *chardev, const char *description, char *name, size_t size)
{
    if (chardev && chardev->host[0])
        snprintf(name, size, "pty:%s", chardev->host);
    else if (strncmp(description, "file:", 5) == 0)
        snprintf(name, size, "file");
    else if (chardev_has_escapes(description))
        snprintf(name, size, "mux");
    else
        snprintf(name, size, "%s", description);
}

static void put_chardev(struct monitor_call *call, const struct chardev *chardev, const char *description,
                        const char *otherwise)
{
    char name[512];
    const char *id = id_of(call->options, description);
    filename_of(chardev, description, name, sizeof(name));
    add_chardev(call->result, id ? id : otherwise, name);
}

bool monitor_chardev(struct monitor_call *call)
{
    const struct options *options = call->options;
    const struct monitors *monitors = call->opaque;
    struct chardev *chardev;
    call->result = json_object_new_array();
    for (unsigned i = 0; (chardev = machine_chardev(call->machine, i)); i++) {
        /* A virtio console into which nothing was plugged has a device of its own, which no option made. */
        bool serial = chardev->description == options->machine.serial;
        if (!chardev->share_of && (serial || id_of(options, chardev->description)))
            put_chardev(call, chardev, chardev->description, "serial0");
    }
    for (unsigned i = 0; i < options->monitor_count; i++) {
        char label[32];
        snprintf(label, sizeof(label), "compat_monitor%u", i);
        if (!options->monitors[i].console)
            put_chardev(call, i < monitors->count ? monitors->list[i]->chardev : NULL,
                        options->monitors[i].chardev, label);
    }
    return true;
}

/* As on QEMU, the multiplexer of mux=on is in the list. */
bool monitor_chardev_kinds(struct monitor_call *call)
{
    const char *name;
    call->result = json_object_new_array();
    monitor_put_text(monitor_add_row(call->result), "name", "mux");
    for (unsigned n = 0; (name = options_chardev_kind(n)); n++)
        monitor_put_text(monitor_add_row(call->result), "name", name);
    return true;
}

static struct chardev *find_ringbuf(struct monitor_call *call, const char *name)
{
    struct chardev *chardev;
    for (unsigned i = 0; (chardev = machine_chardev(call->machine, i)); i++) {
        const char *id = id_of(call->options, chardev->description);
        if (id && strcmp(id, name) == 0 && chardev_is_ringbuf(chardev))
            return chardev;
    }
    return NULL;
}

/* Bytes of a character of UTF-8 (RFC 3629) at the start of `bytes`; 0: there is none. */
static size_t utf8_length(const uint8_t *bytes, size_t left)
{
    uint8_t first = bytes[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    if (length > left ||
        (length > 2 && ((first == 0xe0 && bytes[1] < 0xa0) || (first == 0xed && bytes[1] > 0x9f) ||
                        (first == 0xf0 && bytes[1] < 0x90) || (first == 0xf4 && bytes[1] > 0x8f))))
        return 0;
    for (size_t n = 1; n < length; n++)
        if ((bytes[n] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* Text, in which bytes that are none become ?; or base64. */
bool monitor_ringbuf_read(struct monitor_call *call)
{
    const char *name = monitor_text(call, "device", ""), *format = monitor_text(call, "format", "utf8");
    struct chardev *ring = find_ringbuf(call, name);
    uint64_t size = monitor_number(call, "size", 0);
    uint8_t bytes[RINGBUF_READ_MAX];
    size_t length = 0;
    bool base64 = strcmp(format, "base64") == 0;
    if (!ring)
        return error_set(&call->error, "there is no -chardev ringbuf with id=%.60s that a device writes to",
                         name);
    if (!size || (!base64 && strcmp(format, "utf8") != 0))
        return error_set(&call->error, "size is at least 1, and format is utf8 or base64");
    chardev_ringbuf_read(ring, bytes, size < sizeof(bytes) ? (size_t)size : sizeof(bytes), &length);
    for (size_t at = 0, step; !base64 && at < length; at += step ? step : 1) {
        step = utf8_length(bytes + at, length - at);
        if (!step)
            bytes[at] = '?';
    }
    if (!base64) {
        call->result = json_object_new_string_len((const char *)bytes, (int)length);
        return true;
    }
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[RINGBUF_READ_MAX / 3 * 4 + 8];
    size_t used = 0;
    for (size_t at = 0; at < length; at += 3) {
        uint32_t group = (uint32_t)bytes[at] << 16 | (at + 1 < length ? bytes[at + 1] : 0u) << 8 |
                         (at + 2 < length ? bytes[at + 2] : 0u);
        for (unsigned n = 0; n < 4; n++)
            text[used++] = at + n > length ? '=' : digits[group >> (18 - 6 * n) & 63];
    }
    call->result = json_object_new_string_len(text, (int)used);
    return true;
}

void monitor_print_chardev(FILE *out, struct json_object *result)
{
    for (size_t i = 0; i < count_of(result); i++)
        fprintf(out, "%s: filename=%s\n", monitor_get_text(row_of(result, i), "label"),
                monitor_get_text(row_of(result, i), "filename"));
}
