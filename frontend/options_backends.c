/* SPDX-License-Identifier: MIT
 *
 * -drive, -object, -chardev, -serial: what stands behind a device.
 */
#include <string.h>

#include "frontend/options.h"

/* ---- -drive --------------------------------------------------------------------------------------- */

static bool drive_file(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_drive *)item)->blockdev.path = value;
    return true;
}

static bool drive_id(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_drive *)item)->id = value;
    return true;
}

static bool drive_if(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    struct options_drive *drive = item;
    if (value && strcmp(value, "none") == 0)
        drive->interface = OPTIONS_IF_NONE;
    else if (value && strcmp(value, "virtio") == 0)
        drive->interface = OPTIONS_IF_VIRTIO;
    else if (value && strcmp(value, "pflash") == 0)
        return error_set(error, "-drive if=pflash: this version has no flash; use -bios FILE");
    else
        return options_bad_value(error, "-drive if", value, "none, virtio");
    return true;
}

static bool drive_format(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    ((struct options_drive *)item)->blockdev.format = value;
    if (value && strcmp(value, "raw") == 0)
        return true;
    return error_set(error, "-drive format=%s: this version has only format=raw; qemu-img convert makes one",
                     value ? value : "");
}

static bool drive_readonly(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return option_parse_switch(value, &((struct options_drive *)item)->blockdev.read_only) ||
           options_bad_value(error, "-drive readonly", value, "on, off");
}

static bool drive_snapshot(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    struct options_drive *drive = item;
    if (!option_parse_switch(value, &drive->blockdev.snapshot))
        return options_bad_value(error, "-drive snapshot", value, "on, off");
    drive->snapshot_off = !drive->blockdev.snapshot;
    return true;
}

static bool drive_cache(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    static const struct {
        const char *name;
        enum blockdev_cache cache;
    } caches[] = {
        { "writeback", BLOCKDEV_CACHE_WRITEBACK },
        { "none", BLOCKDEV_CACHE_WRITEBACK }, /* as safe; the host's page cache stays in use */
        { "writethrough", BLOCKDEV_CACHE_WRITETHROUGH },
        { "directsync", BLOCKDEV_CACHE_WRITETHROUGH },
        { "unsafe", BLOCKDEV_CACHE_UNSAFE },
    };
    for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
        if (value && strcmp(value, caches[i].name) == 0) {
            ((struct options_drive *)item)->blockdev.cache = caches[i].cache;
            return true;
        }
    }
    return options_bad_value(error, "-drive cache", value,
                             "writeback, none, writethrough, directsync, unsafe");
}

static bool drive_discard(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)item;
    return (value && (strcmp(value, "unmap") == 0 || strcmp(value, "on") == 0)) ||
           error_set(error,
                     "-drive discard=%s: this version has only discard=unmap (the guest's discards free "
                     "space of the image)",
                     value ? value : "");
}

static bool drive_media(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    if (value && strcmp(value, "cdrom") == 0) {
        ((struct options_drive *)item)->blockdev.read_only = true;
        return true;
    }
    return (value && strcmp(value, "disk") == 0) ||
           options_bad_value(error, "-drive media", value, "disk, cdrom");
}

bool options_take_drive(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "file", drive_file },
        { "if", drive_if },
        { "id", drive_id },
        { "format", drive_format },
        { "readonly", drive_readonly },
        { "read-only", drive_readonly },
        { "snapshot", drive_snapshot },
        { "cache", drive_cache },
        { "discard", drive_discard },
        { "media", drive_media },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    struct options_drive drive = { 0 };
    if (!option_pairs_split(&pairs, &options->strings, argument, NULL, error) ||
        !options_take_pairs(options, &pairs, keys, &drive, "-drive", error))
        return false;
    if (!drive.blockdev.path || !*drive.blockdev.path)
        return error_set(error, "-drive %s: file=FILE is missing", argument);
    for (unsigned i = 0; i < options->drive_count; i++) {
        if (drive.id && options->drives[i].id && strcmp(options->drives[i].id, drive.id) == 0)
            return error_set(error, "-drive %s: the id %s is taken by another drive", argument, drive.id);
    }
    if (options->drive_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-drive %s: too many drives", argument);
    options->drives[options->drive_count++] = drive;
    return true;
}

/* ---- -object -------------------------------------------------------------------------------------- */

static bool add_named(struct options_named *list, unsigned *count, const struct options_named *named,
                      const char *flag, struct error *error)
{
    if (!named->id || !*named->id)
        return error_set(error, "%s: id=ID is missing", flag);
    for (unsigned i = 0; i < *count; i++) {
        if (strcmp(list[i].id, named->id) == 0)
            return error_set(error, "%s: the id %s is taken by another one", flag, named->id);
    }
    if (*count == OPTIONS_ITEMS_MAX)
        return error_set(error, "%s: too many of them", flag);
    list[(*count)++] = *named;
    return true;
}

static bool only_keys(const struct option_pairs *pairs, const char *const *keys, const char *flag,
                      const char *instead, struct error *error)
{
    for (unsigned i = 0; i < pairs->count; i++) {
        const char *const *key = keys;
        while (*key && strcmp(*key, pairs->pairs[i].key) != 0)
            key++;
        if (!*key)
            return error_set(error, "%s: unknown option %s; there are: %s", flag, pairs->pairs[i].key,
                             instead);
    }
    return true;
}

bool options_take_object(struct options *options, const char *argument, struct error *error)
{
    static const char *const keys[] = { "qom-type", "id", "filename", NULL };
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "qom-type", error))
        return false;
    const char *type = option_pairs_get(&pairs, "qom-type");
    if (type && strcmp(type, "filter-dump") == 0)
        return options_take_filter_dump(options, &pairs, error);
    bool builtin = type && strcmp(type, "rng-builtin") == 0;
    if (!builtin && (!type || strcmp(type, "rng-random") != 0))
        return options_bad_value(error, "-object", type, "rng-random, rng-builtin, filter-dump");
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = option_pairs_get(&pairs, "filename") };
    if (!builtin && !named.value)
        named.value = "/dev/urandom";
    return only_keys(&pairs, keys, "-object rng-random", "id, filename", error) &&
           add_named(options->rngs, &options->rng_count, &named, "-object rng-random", error);
}

/* ---- -chardev ------------------------------------------------------------------------------------- */

static bool describe_socket(const struct option_pairs *pairs, char *text, size_t size, struct error *error)
{
    const char *path = option_pairs_get(pairs, "path"), *host = option_pairs_get(pairs, "host");
    const char *port = option_pairs_get(pairs, "port");
    const char *server = option_pairs_get(pairs, "server"), *wait = option_pairs_get(pairs, "wait");
    bool serves = false, waits = true;
    if (!path && !port)
        return error_set(error, "-chardev socket: path=PATH, or host=HOST and port=PORT, are missing");
    if (server && !option_parse_switch(*server ? server : NULL, &serves))
        return options_bad_value(error, "-chardev socket,server", server, "on, off");
    if (wait && !option_parse_switch(*wait ? wait : NULL, &waits))
        return options_bad_value(error, "-chardev socket,wait", wait, "on, off");
    if (option_pairs_get(pairs, "nowait"))
        waits = false;
    int length = path ? snprintf(text, size, "unix:%s", path)
                      : snprintf(text, size, "tcp:%s:%s", host && *host ? host : "localhost", port);
    if (length < 0 || (size_t)length + sizeof(",server,nowait") > size)
        return error_set(error, "-chardev socket: the address is too long");
    strcat(text, serves ? ",server" : "");
    strcat(text, serves && !waits ? ",nowait" : "");
    return true;
}

/* The description that chardev_open() takes. */
static bool describe_chardev(const struct option_pairs *pairs, char *text, size_t size, struct error *error)
{
    const char *backend = option_pairs_get(pairs, "backend"), *path = option_pairs_get(pairs, "path");
    const char *mux = option_pairs_get(pairs, "mux");
    bool muxed = false;
    if (mux && !option_parse_switch(*mux ? mux : NULL, &muxed))
        return options_bad_value(error, "-chardev mux", mux, "on, off");
    if (backend && strcmp(backend, "socket") == 0)
        return describe_socket(pairs, text, size, error);
    if (backend && strcmp(backend, "file") == 0) {
        if (!path || !*path)
            return error_set(error, "-chardev file: path=FILE is missing");
        return snprintf(text, size, "file:%s", path) < (int)size ||
               error_set(error, "-chardev file: the path is too long");
    }
    if (!backend ||
        (strcmp(backend, "stdio") != 0 && strcmp(backend, "pty") != 0 && strcmp(backend, "null") != 0))
        return options_bad_value(error, "-chardev", backend, "stdio, pty, null, file, socket");
    snprintf(text, size, "%s%s", muxed && strcmp(backend, "stdio") == 0 ? "mon:" : "", backend);
    return true;
}

bool options_take_chardev(struct options *options, const char *argument, struct error *error)
{
    static const char *const keys[] = { "backend", "id",   "path",   "host", "port",
                                        "server",  "wait", "nowait", "mux",  NULL };
    struct option_pairs pairs;
    char text[1024];
    if (!option_pairs_split(&pairs, &options->strings, argument, "backend", error) ||
        !only_keys(&pairs, keys, "-chardev", "id, path, host, port, server, wait, mux", error) ||
        !describe_chardev(&pairs, text, sizeof(text), error))
        return false;
    struct options_named named = { .id = option_pairs_get(&pairs, "id"),
                                   .value = option_strings_add(&options->strings, text, strlen(text)) };
    return (named.value || error_set(error, "out of memory for the options")) &&
           add_named(options->chardevs, &options->chardev_count, &named, "-chardev", error);
}

/* ---- -serial -------------------------------------------------------------------------------------- */

bool options_take_serial(struct options *options, const char *argument, struct error *error)
{
    static const char *const whole[] = { "stdio", "mon:stdio", "pty", "null", "none", NULL };
    static const char *const prefixes[] = { "file:", "tcp:", "unix:", "chardev:", NULL };
    if (options->serial_count++)
        return error_set(error, "-serial %s: the board has one UART, and -serial was given twice", argument);
    for (const char *const *name = whole; *name; name++) {
        if (strcmp(*name, argument) == 0) {
            options->machine.serial = strcmp(argument, "none") == 0 ? "null" : argument;
            return true;
        }
    }
    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        if (strncmp(argument, *prefix, strlen(*prefix)) == 0 && argument[strlen(*prefix)]) {
            options->machine.serial = argument; /* options_join() looks up chardev: */
            return true;
        }
    }
    return options_bad_value(
        error, "-serial", argument,
        "mon:stdio, stdio, file:FILE, pty, null, none, tcp:HOST:PORT, unix:PATH, chardev:ID");
}
