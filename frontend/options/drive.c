/* SPDX-License-Identifier: MIT
 *
 * -drive, -blockdev, -pflash: disks. A -drive is a whole disk. A -blockdev is a node: a file (driver=file),
 * or a format (raw, qcow2) on a file, which is named (file=) or described in place (file.filename=). Both
 * become a blockdev_config.
 */
#include <string.h>

#include "frontend/options/options.h"

#define CACHES "writeback, none, writethrough, directsync, unsafe"

/* ---- What -drive and -blockdev have in common ---------------------------------------------------------- */

static struct blockdev_config *config_of(void *item)
{
    return &((struct options_drive *)item)->blockdev;
}

static bool take_readonly(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value, &config_of(item)->read_only) ||
           options_bad_value(error, "read-only", value, "on, off");
}

static bool take_discard(struct options *options, void *item, const char *value, struct error *error)
{
    bool unmap = value && (strcmp(value, "unmap") == 0 || strcmp(value, "on") == 0);
    config_of(item)->ignore_discard = !unmap;
    return unmap || (value && (strcmp(value, "ignore") == 0 || strcmp(value, "off") == 0)) ||
           options_bad_value(error, "discard", value, "unmap, ignore");
}

static bool take_detect_zeroes(struct options *options, void *item, const char *value, struct error *error)
{
    static const char *const values[] = { "off", "on", "unmap" };
    for (unsigned n = 0; value && n < 3; n++) {
        if (strcmp(value, values[n]) == 0) {
            config_of(item)->detect_zeroes = (enum blockdev_detect)n;
            return true;
        }
    }
    return options_bad_value(error, "detect-zeroes", value, "off, on, unmap");
}

bool options_parse_on_error(const char *flag, const char *key, const char *value,
                            enum blockdev_on_error *action, struct error *error)
{
    static const struct {
        const char *name;
        enum blockdev_on_error action;
    } actions[] = {
        { "report", BLOCKDEV_ON_ERROR_REPORT }, { "ignore", BLOCKDEV_ON_ERROR_IGNORE },
        { "stop", BLOCKDEV_ON_ERROR_STOP },     { "enospc", BLOCKDEV_ON_ERROR_ENOSPC },
        { "auto", BLOCKDEV_ON_ERROR_DEFAULT },
    };
    bool write = *key == 'w';
    char what[64];
    for (size_t i = 0; value && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(value, actions[i].name) == 0 && (write || actions[i].action != BLOCKDEV_ON_ERROR_ENOSPC)) {
            *action = actions[i].action;
            return true;
        }
    }
    snprintf(what, sizeof(what), "%s %s", flag, key);
    return options_bad_value(error, what, value,
                             write ? "report, ignore, stop, enospc, auto" : "report, ignore, stop, auto");
}

static bool drive_werror(struct options *options, void *item, const char *value, struct error *error)
{
    return options_parse_on_error("-drive", "werror", value, &config_of(item)->werror, error);
}

static bool drive_rerror(struct options *options, void *item, const char *value, struct error *error)
{
    return options_parse_on_error("-drive", "rerror", value, &config_of(item)->rerror, error);
}

/* QEMU's names of images that are not files; a file of such a name can be written with a folder: ./nbd:x */
static bool is_remote(const char *name)
{
    static const char *const kinds[] = { "nbd",  "nbd+tcp", "nbd+unix", "http",     "https",    "ftp",
                                         "ftps", "ssh",     "sftp",     "iscsi",    "rbd",      "gluster",
                                         "nfs",  "fat",     "null-co",  "null-aio", "blkdebug", "json",
                                         "tftp", "vxhs",    "sheepdog" };
    size_t length = strcspn(name, ":");
    for (size_t n = 0; name[length] && n < sizeof(kinds) / sizeof(kinds[0]); n++)
        if (strlen(kinds[n]) == length && strncmp(name, kinds[n], length) == 0)
            return true;
    return false;
}

static bool take_file(struct options *options, void *item, const char *value, struct error *error)
{
    static const char own[] = "file:";
    if (value && is_remote(value))
        return error_set(error,
                         "file=%.200s: images are files of this host here; qemu-nbd makes a device of others",
                         value);
    config_of(item)->path = value && strncmp(value, own, strlen(own)) == 0 ? value + strlen(own) : value;
    return true;
}

/* QEMU's ways to access the host's disk. Here it is always a pool of threads, and the guest sees no
 * difference. */
static bool take_aio(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "threads") == 0 || strcmp(value, "native") == 0 ||
                      strcmp(value, "io_uring") == 0)) ||
           options_bad_value(error, "aio", value, "threads, native, io_uring");
}

static bool check_id(const struct options *options, const char *flag, const char *id, struct error *error)
{
    for (unsigned i = 0; i < options->drive_count; i++) {
        if (id && options->drives[i].id && strcmp(options->drives[i].id, id) == 0)
            return error_set(error, "%s: the id %s is taken by another drive", flag, id);
    }
    return true;
}

/* Returns the drive's place in the options; NULL and *error if there is none. */
static struct options_drive *add_drive(struct options *options, const char *flag,
                                       const struct options_drive *drive, struct error *error)
{
    if (!check_id(options, flag, drive->id, error))
        return NULL;
    unsigned place = 0; /* one that blockdev-del has left, or a new one */
    while (place < options->drive_count && !options->drives[place].gone)
        place++;
    if (place == OPTIONS_ITEMS_MAX) {
        error_set(error, "%s: too many drives", flag);
        return NULL;
    }
    options->drives[place] = *drive;
    if (place == options->drive_count)
        options->drive_count++;
    return &options->drives[place];
}

/* Moves the pairs that describe the image below in place (backing.driver=) from *pairs to *below, without the
 * beginning of their keys. */
static void split_backing(struct option_pairs *pairs, struct option_pairs *below)
{
    static const char prefix[] = "backing.";
    unsigned rest = 0;
    below->count = 0;
    for (unsigned n = 0; n < pairs->count; n++) {
        struct option_pair pair = pairs->pairs[n];
        if (strncmp(pair.key, prefix, strlen(prefix)) == 0)
            below->pairs[below->count++] = (struct option_pair){ pair.key + strlen(prefix), pair.value };
        else
            pairs->pairs[rest++] = pair;
    }
    pairs->count = rest;
}

static bool add_backing(struct options *options, struct option_pairs *below, struct options_drive *above,
                        const char *flag, struct error *error);

/* ---- -drive -------------------------------------------------------------------------------------------- */

static bool drive_id(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_drive *)item)->id = value;
    return true;
}

/* It is a name for -device ...,drive=, too, and the only one if there is no id. */
static bool drive_node(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_drive *drive = item;
    drive->node_name = value;
    return (value && *value) || error_set(error, "-drive node-name: the name is missing");
}

static bool drive_if(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_drive *drive = item;
    if (value && strcmp(value, "none") == 0)
        drive->interface = OPTIONS_IF_NONE;
    else if (value && strcmp(value, "virtio") == 0)
        drive->interface = OPTIONS_IF_VIRTIO;
    else if (value && strcmp(value, "pflash") == 0)
        drive->interface = OPTIONS_IF_PFLASH;
    else if (value && strcmp(value, "sd") == 0)
        drive->interface = OPTIONS_IF_SD;
    else
        return options_bad_value(error, "-drive if", value, "none, virtio, pflash, sd");
    return true;
}

#define UNITS_MAX 1024

/* The place among the drives of its kind; for flash, the bank. */
static bool take_unit(const char *key, const char *value, int *unit, struct error *error)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number >= UNITS_MAX)
        return error_set(error, "-drive %s=%s: not a number below %d", key, value ? value : "", UNITS_MAX);
    *unit = (int)number;
    return true;
}

static bool drive_unit(struct options *options, void *item, const char *value, struct error *error)
{
    return take_unit("unit", value, &((struct options_drive *)item)->unit, error);
}

static bool drive_index(struct options *options, void *item, const char *value, struct error *error)
{
    return take_unit("index", value, &((struct options_drive *)item)->unit, error);
}

/* A PC has several controllers; this board has none, so only 0 is accepted. */
static bool drive_bus(struct options *options, void *item, const char *value, struct error *error)
{
    int bus = 0;
    return take_unit("bus", value, &bus, error) &&
           (!bus || error_set(error, "-drive bus=%d: the board has no controllers of drives", bus));
}

static bool drive_format(struct options *options, void *item, const char *value, struct error *error)
{
    config_of(item)->format = value;
    return (value && (strcmp(value, "raw") == 0 || strcmp(value, "qcow2") == 0)) ||
           error_set(error,
                     "-drive format=%s: there are raw and qcow2; of others, qemu-img convert makes one, and "
                     "qemu-nbd shows them as a device",
                     value ? value : "");
}

static bool drive_snapshot(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_drive *drive = item;
    if (!option_parse_switch(value, &drive->blockdev.snapshot))
        return options_bad_value(error, "-drive snapshot", value, "on, off");
    drive->snapshot_off = !drive->blockdev.snapshot;
    return true;
}

static bool drive_cache(struct options *options, void *item, const char *value, struct error *error)
{
    static const struct {
        const char *name;
        bool no_writeback, direct, no_flush;
    } caches[] = {
        { "writeback", false, false, false },   { "none", false, true, false },
        { "writethrough", true, false, false }, { "directsync", true, true, false },
        { "unsafe", false, false, true },
    };
    struct options_drive *drive = item;
    for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
        if (value && strcmp(value, caches[i].name) == 0) {
            drive->no_writeback = caches[i].no_writeback;
            drive->direct = caches[i].direct;
            drive->no_flush = caches[i].no_flush;
            return true;
        }
    }
    return options_bad_value(error, "-drive cache", value, CACHES);
}

static bool take_writeback(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true, ok = options_take_switch("cache.writeback", value, &on, error);
    ((struct options_drive *)item)->no_writeback = !on;
    return ok;
}

static bool take_direct(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("cache.direct", value, &((struct options_drive *)item)->direct, error);
}

static bool take_no_flush(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("cache.no-flush", value, &((struct options_drive *)item)->no_flush, error);
}

static enum blockdev_cache cache_of(const struct options_drive *drive)
{
    if (drive->no_writeback)
        return drive->direct ? BLOCKDEV_CACHE_DIRECTSYNC : BLOCKDEV_CACHE_WRITETHROUGH;
    return drive->no_flush ? BLOCKDEV_CACHE_UNSAFE
           : drive->direct ? BLOCKDEV_CACHE_NONE
                           : BLOCKDEV_CACHE_WRITEBACK;
}

/* Accepted: QEMU's switch for what this program does in any case. */
static bool take_auto_read_only(struct options *options, void *item, const char *value, struct error *error)
{
    bool on; /* whether an image can be written is decided when it is opened */
    return options_take_switch("auto-read-only", value, &on, error);
}

static bool take_copy_on_read(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    return options_take_switch("copy-on-read", value, &on, error) &&
           (!on ||
            error_set(error, "copy-on-read=on: this version copies nothing into the image by reading"));
}

/* This key may be given several times. */
static bool drive_backing(struct options *options, void *item, const char *value, struct error *error)
{
    struct blockdev_backing_rule *rule = &config_of(item)->rule;
    if (!value || !*value)
        return error_set(error, "-drive backing: the name of the file or folder is missing");
    if (rule->count == BLOCKDEV_BACKING_MAX)
        return error_set(error, "-drive backing=%s: more than %d; a folder stands for all that is in it",
                         value, BLOCKDEV_BACKING_MAX);
    rule->allowed[rule->count++] = value;
    return true;
}

static bool drive_media(struct options *options, void *item, const char *value, struct error *error)
{
    if (value && strcmp(value, "cdrom") == 0) {
        config_of(item)->read_only = true;
        return true;
    }
    return (value && strcmp(value, "disk") == 0) ||
           options_bad_value(error, "-drive media", value, "disk, cdrom");
}

bool options_take_drive(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "file", take_file },
        { "if", drive_if },
        { "id", drive_id },
        { "node-name", drive_node },
        { "unit", drive_unit },
        { "index", drive_index },
        { "bus", drive_bus },
        { "format", drive_format },
        { "driver", drive_format },
        { "file.filename", take_file },
        { "auto-read-only", take_auto_read_only },
        { "copy-on-read", take_copy_on_read },
        { "readonly", take_readonly },
        { "read-only", take_readonly },
        { "snapshot", drive_snapshot },
        { "cache", drive_cache },
        { "cache.writeback", take_writeback },
        { "cache.direct", take_direct },
        { "cache.no-flush", take_no_flush },
        { "discard", take_discard },
        { "detect-zeroes", take_detect_zeroes },
        { "media", drive_media },
        { "backing", drive_backing },
        { "werror", drive_werror },
        { "rerror", drive_rerror },
        { "aio", take_aio },
        { NULL, NULL },
    };
    struct option_pairs pairs, below;
    struct options_drive drive = { .unit = -1 };
    if (!option_pairs_split(&pairs, &options->strings, argument, NULL, error))
        return false;
    split_backing(&pairs, &below);
    if (!options_take_throttle(&pairs, &drive.blockdev.throttle, "-drive", error) ||
        !options_take_pairs(options, &pairs, keys, &drive, "-drive", error))
        return false;
    bool empty = !drive.blockdev.path || !*drive.blockdev.path;
    if (empty) /* a CD drive takes it, and gets a medium later */
        drive.blockdev.path = NULL;
    if (empty && drive.interface != OPTIONS_IF_NONE)
        return error_set(error, "-drive %s: file=FILE is missing", argument);
    drive.blockdev.rule.limited = true;
    drive.blockdev.cache = cache_of(&drive);
    if (!drive.id)
        drive.id = drive.node_name;
    if (drive.interface == OPTIONS_IF_PFLASH && drive.unit >= MACHINE_PFLASH_BANKS_MAX)
        return error_set(error, "-drive %s: the banks of flash are unit=0 and unit=1", argument);
    if (drive.interface == OPTIONS_IF_PFLASH && block_throttle_is_given(&drive.blockdev.throttle))
        return error_set(error, "-drive if=pflash: flash has no limits of speed; harts would stand still");
    if (below.count && drive.blockdev.format && strcmp(drive.blockdev.format, "qcow2") != 0)
        return error_set(error, "-drive backing.*: only qcow2 images have a backing file");
    struct options_drive *made = add_drive(options, "-drive", &drive, error);
    return made && add_backing(options, &below, made, "-drive", error);
}

bool options_take_pflash(struct options *options, const char *argument, struct error *error)
{
    struct options_drive drive = { .interface = OPTIONS_IF_PFLASH, .unit = -1 };
    drive.blockdev = (struct blockdev_config){ .path = argument, .format = "raw" };
    return add_drive(options, "-pflash", &drive, error) != NULL;
}

/* -hda FILE and the like, QEMU's short ways to disks: the disk is of the board's own kind. */
static bool add_disk(struct options *options, const char *flag, const char *path, bool read_only,
                     enum options_interface interface, struct error *error)
{
    struct options_drive drive = { .unit = -1, .interface = interface };
    drive.blockdev = (struct blockdev_config){ .path = path, .read_only = read_only, .rule.limited = true };
    return *path ? add_drive(options, flag, &drive, error) != NULL
                 : error_set(error, "%s: the name of the image is missing", flag);
}

#define TAKE_DISK(name, flag, read_only, interface)                                                          \
    bool name(struct options *options, const char *argument, struct error *error)                            \
    {                                                                                                        \
        return add_disk(options, flag, argument, read_only, interface, error);                               \
    }
TAKE_DISK(options_take_hda, "-hda", false, OPTIONS_IF_DEFAULT)
TAKE_DISK(options_take_hdb, "-hdb", false, OPTIONS_IF_DEFAULT)
TAKE_DISK(options_take_hdc, "-hdc", false, OPTIONS_IF_DEFAULT)
TAKE_DISK(options_take_hdd, "-hdd", false, OPTIONS_IF_DEFAULT)
TAKE_DISK(options_take_cdrom, "-cdrom", true, OPTIONS_IF_DEFAULT)
TAKE_DISK(options_take_sd, "-sd", false, OPTIONS_IF_SD)

/* ---- -blockdev ----------------------------------------------------------------------------------------- */

struct node {
    struct options_drive drive; /* must be first; -drive and -blockdev share it */
    const char *driver, *file_node, *file_driver, *backing_node;
    bool probed; /* below a -drive, which need not say a format: it may have no driver */
};

#define NODE_TEXT(name, member)                                                                              \
    static bool name(struct options *options, void *item, const char *value, struct error *error)            \
    {                                                                                                        \
        ((struct node *)item)->member = value;                                                               \
        return true;                                                                                         \
    }
NODE_TEXT(node_driver, driver)
NODE_TEXT(node_name, drive.id)
NODE_TEXT(node_file, file_node)
NODE_TEXT(node_file_driver, file_driver)
NODE_TEXT(node_backing, backing_node)

/* The node of that name becomes part of this node. */
static struct options_drive *use_node(struct options *options, const struct node *node, const char *name,
                                      const char *key, struct error *error)
{
    for (unsigned i = 0; i < options->drive_count; i++) {
        struct options_drive *drive = &options->drives[i];
        if (!drive->id || strcmp(drive->id, name) != 0 || !drive->node)
            continue;
        if (!drive->used) {
            drive->used = true;
            drive->owner = node->drive.id;
            return drive;
        }
        error_set(error, "-blockdev node-name=%s: the node %s is in use by another one", node->drive.id,
                  name);
        return NULL;
    }
    error_set(error, "-blockdev node-name=%s,%s=%s: there is no -blockdev with that node-name before it",
              node->drive.id, key, name);
    return NULL;
}

/* A format, on a file that is a node or that is described in place. */
static bool node_join_file(struct options *options, struct node *node, struct error *error)
{
    struct blockdev_config *config = &node->drive.blockdev;
    config->format = node->driver;
    if (node->file_node) {
        const struct options_drive *file = use_node(options, node, node->file_node, "file", error);
        if (!file)
            return false;
        config->path = file->blockdev.path;
        config->cache = file->blockdev.cache;
        config->read_only = config->read_only || file->blockdev.read_only;
    }
    if (node->backing_node && !*node->backing_node) { /* backing=, null in JSON: none, whatever it names */
        config->no_backing = true;
        return strcmp(node->driver, "qcow2") == 0 ||
               error_set(error, "-blockdev backing=: only qcow2 images have one");
    }
    if (node->backing_node) {
        const struct options_drive *below = use_node(options, node, node->backing_node, "backing", error);
        if (!below || strcmp(node->driver, "qcow2") != 0)
            return below && error_set(error, "-blockdev backing=: only qcow2 images have one");
        config->backing = &below->blockdev;
    }
    return true;
}

static bool node_check(const struct node *node, struct error *error)
{
    const char *driver = node->driver, *path = node->drive.blockdev.path;
    if (!node->drive.id || !*node->drive.id)
        return error_set(error, "-blockdev driver=%s: node-name=NAME is missing", driver ? driver : "");
    if (node->probed)
        return path && !node->file_node && !node->backing_node
                   ? true
                   : error_set(error, "-drive backing.file.filename=FILE is missing");
    if (!driver || (strcmp(driver, "file") != 0 && strcmp(driver, "host_device") != 0 &&
                    strcmp(driver, "raw") != 0 && strcmp(driver, "qcow2") != 0))
        return options_bad_value(error, "-blockdev driver", driver, "file, host_device, raw, qcow2");
    if (node->file_driver && strcmp(node->file_driver, "file") != 0 &&
        strcmp(node->file_driver, "host_device") != 0)
        return options_bad_value(error, "-blockdev file.driver", node->file_driver, "file, host_device");
    bool file = strcmp(driver, "file") == 0 || strcmp(driver, "host_device") == 0;
    if (file && (node->file_node || node->file_driver || node->backing_node))
        return error_set(error, "-blockdev driver=%s: it has filename=, not file= or backing=", driver);
    if (!path == !node->file_node)
        return error_set(error, "-blockdev driver=%s,node-name=%s: %s", driver, node->drive.id,
                         file ? "filename=FILE is missing"
                              : "one of file=NODE and file.filename=FILE is needed");
    return true;
}

static const struct options_key node_keys[] = {
    { "driver", node_driver },
    { "node-name", node_name },
    { "filename", take_file },
    { "file", node_file },
    { "file.driver", node_file_driver },
    { "file.filename", take_file },
    { "backing", node_backing },
    { "read-only", take_readonly },
    { "discard", take_discard },
    { "detect-zeroes", take_detect_zeroes },
    { "cache.direct", take_direct },
    { "cache.no-flush", take_no_flush },
    { "auto-read-only", take_auto_read_only },
    { "aio", take_aio },
    { "file.aio", take_aio },
    { NULL, NULL },
};

/* Takes a node, and what is described in place below it. */
static struct options_drive *take_node(struct options *options, struct option_pairs *pairs, struct node *node,
                                       const char *flag, struct error *error)
{
    struct option_pairs below;
    split_backing(pairs, &below);
    if (!options_take_pairs(options, pairs, node_keys, node, flag, error) || !node_check(node, error) ||
        !check_id(options, flag, node->drive.id, error))
        return NULL;
    node->drive.blockdev.format = node->probed ? NULL : "raw";
    node->drive.blockdev.rule.limited = true;
    node->drive.blockdev.cache = cache_of(&node->drive);
    bool file =
        node->driver && (strcmp(node->driver, "file") == 0 || strcmp(node->driver, "host_device") == 0);
    node->drive.file = file && !node->drive.inner;
    if (below.count && (node->backing_node || (node->driver && strcmp(node->driver, "qcow2") != 0))) {
        error_set(error, "%s backing.*: %s", flag,
                  node->backing_node ? "there is backing=, too" : "only qcow2 images have a backing file");
        return NULL;
    }
    if (!file && !node_join_file(options, node, error))
        return NULL;
    struct options_drive *made = add_drive(options, flag, &node->drive, error);
    if (made && !add_backing(options, &below, made, flag, error)) {
        *made =
            (struct options_drive){ .interface = OPTIONS_IF_NONE, .node = true, .used = true, .gone = true };
        return NULL;
    }
    return made;
}

/* Adds the image below a drive or a node, if it is described in place: a node that goes with the one above
 * it. Each level has a pair at least, so the number of levels is limited. */
static bool add_backing(struct options *options, struct option_pairs *below, struct options_drive *above,
                        const char *flag, struct error *error)
{
    char name[32] = "";
    if (!below->count)
        return true;
    for (unsigned n = 0; !*name || options_find_node(options, name); n++)
        snprintf(name, sizeof(name), "#block%u", n);
    struct node node = { .probed = !above->node && !option_pairs_get(below, "driver"),
                         .drive = { .interface = OPTIONS_IF_NONE,
                                    .unit = -1,
                                    .node = true,
                                    .snapshot_off = true,
                                    .direct = above->direct,
                                    .no_flush = above->no_flush,
                                    .used = true,
                                    .inner = true } };
    node.drive.id = option_strings_add(&options->strings, name, strlen(name));
    node.drive.owner = above->node ? above->id : NULL;
    node.drive.blockdev.read_only = true;
    if (!node.drive.id)
        return error_set(error, "out of memory for the options");
    bool used = above->used;
    above->used = true; /* what is below cannot be made of it */
    struct options_drive *made = take_node(options, below, &node, flag, error);
    above->used = used;
    if (!made)
        return false;
    made->blockdev.read_only = true; /* even if it asks for more, as in QEMU */
    made->blockdev.rule = above->blockdev.rule;
    above->blockdev.backing = &made->blockdev;
    return true;
}

bool options_take_blockdev(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    /* -snapshot does not apply to nodes. */
    struct node node = { .drive = {
                             .interface = OPTIONS_IF_NONE, .unit = -1, .node = true, .snapshot_off = true } };
    return option_pairs_split(&pairs, &options->strings, argument, "driver", error) &&
           take_node(options, &pairs, &node, "-blockdev", error) != NULL;
}

/* ---- Flash --------------------------------------------------------------------------------------------- */

static bool plug_bank(struct options *options, struct options_drive *drive, int unit, struct error *error)
{
    struct machine_pflash *banks = options->machine.pflash;
    int count = (int)options->machine.board->flash_banks;
    if (unit < 0)
        for (unit = 0; unit < count && banks[unit].present; unit++)
            ;
    if (unit >= count)
        return error_set(error, "%s: the board has %d banks of flash", drive->blockdev.path, count);
    if (banks[unit].present)
        return error_set(error, "%s: bank %d of the flash is taken by %s", drive->blockdev.path, unit,
                         banks[unit].drive.path);
    banks[unit] = (struct machine_pflash){ .present = true, .drive = drive->blockdev };
    drive->used = true;
    return true;
}

/* Handles -machine pflashN=NODE. */
static bool plug_named(struct options *options, int unit, const char *name, struct error *error)
{
    for (unsigned i = 0; i < options->drive_count; i++) {
        struct options_drive *drive = &options->drives[i];
        if (!drive->id || strcmp(drive->id, name) != 0)
            continue;
        if (drive->used || drive->interface != OPTIONS_IF_NONE)
            return error_set(error, "-machine pflash%d=%s: that drive is in use already", unit, name);
        if (!drive->blockdev.path)
            return error_set(error, "-machine pflash%d=%s: that drive has no file=", unit, name);
        return plug_bank(options, drive, unit, error);
    }
    return error_set(error, "-machine pflash%d=%s: there is no -blockdev with that node-name", unit, name);
}

bool options_join_pflash(struct options *options, struct error *error)
{
    for (int unit = 0; unit < MACHINE_PFLASH_BANKS_MAX; unit++) {
        if (options->pflash_nodes[unit] && !plug_named(options, unit, options->pflash_nodes[unit], error))
            return false;
    }
    for (unsigned pass = 0; pass < 2; pass++) { /* drives with a unit= come first */
        for (unsigned i = 0; i < options->drive_count; i++) {
            struct options_drive *drive = &options->drives[i];
            if (drive->interface == OPTIONS_IF_PFLASH && (drive->unit < 0) == (pass == 1) &&
                !plug_bank(options, drive, drive->unit, error))
                return false;
        }
    }
    return true;
}
