/* SPDX-License-Identifier: MIT
 *
 * -fsdev, -virtfs and -device virtio-9p-device: folders of the host that the guest mounts.
 */
#include <string.h>

#include "frontend/options/options.h"

/* ---- Keys ---------------------------------------------------------------------------------------------- */

static bool folder_id(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_folder *)item)->id = value;
    return true;
}

static bool folder_path(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_folder *)item)->folder.path = value;
    return true;
}

static bool folder_tag(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct options_folder *)item)->tag = value;
    return true;
}

static bool folder_security(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_folder *folder = item;
    static const char *const names[] = {
        [P9_SECURITY_NONE] = "none",
        [P9_SECURITY_PASSTHROUGH] = "passthrough",
        [P9_SECURITY_MAPPED_XATTR] = "mapped-xattr",
    };
    for (unsigned n = 0; value && n < 3; n++) {
        if (strcmp(value, names[n]) == 0) {
            folder->folder.security = (enum p9_security)n;
            folder->has_security = true;
            return true;
        }
    }
    if (value && strcmp(value, "mapped") == 0) {
        folder->folder.security = P9_SECURITY_MAPPED_XATTR;
        folder->has_security = true;
        return true;
    }
    return options_bad_value(error, "-fsdev security_model", value, "none, passthrough, mapped-xattr");
}

static bool folder_readonly(struct options *options, void *item, const char *value, struct error *error)
{
    return option_parse_switch(value, &((struct options_folder *)item)->folder.read_only) ||
           options_bad_value(error, "-fsdev readonly", value, "on, off");
}

/* QEMU's ways to tell files apart if other file systems are mounted in the folder; here they are always told
 * apart. */
static bool folder_multidevs(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "remap") == 0 || strcmp(value, "warn") == 0)) ||
           options_bad_value(error, "-fsdev multidevs", value, "remap, warn (both remap)");
}

#define FOLDER_KEYS                                                                                          \
    { "id", folder_id }, { "path", folder_path }, { "security_model", folder_security },                     \
        { "readonly", folder_readonly },                                                                     \
    {                                                                                                        \
        "multidevs", folder_multidevs                                                                        \
    }

static const struct options_key fsdev_keys[] = { FOLDER_KEYS, { NULL, NULL } };
static const struct options_key virtfs_keys[] = { FOLDER_KEYS, { "mount_tag", folder_tag }, { NULL, NULL } };

/* ---- Noting them --------------------------------------------------------------------------------------- */

static bool take_folder(struct options *options, const char *argument, const char *flag,
                        const struct options_key *keys, struct options_folder *folder, struct error *error)
{
    struct option_pairs pairs;
    if (!option_pairs_split(&pairs, &options->strings, argument, "driver", error))
        return false;
    const char *driver =
        pairs.count && strcmp(pairs.pairs[0].key, "driver") == 0 ? pairs.pairs[0].value : NULL;
    if (!driver || strcmp(driver, "local") != 0)
        return error_set(error, "%s %s: this version has only folders of this host: %s local,path=FOLDER",
                         flag, argument, flag);
    pairs.count--;
    memmove(pairs.pairs, pairs.pairs + 1, pairs.count * sizeof(pairs.pairs[0]));
    if (!options_take_pairs(options, &pairs, keys, folder, flag, error))
        return false;
    if (!folder->folder.path || !*folder->folder.path)
        return error_set(error, "%s %s: path=FOLDER is missing", flag, argument);
    if (!folder->has_security)
        return error_set(error,
                         "%s %s: security_model= is missing: none, passthrough or mapped-xattr (owners and "
                         "modes of the guest kept in extended attributes)",
                         flag, argument);
    if (options->folder_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "%s %s: too many folders", flag, argument);
    for (unsigned i = 0; folder->id && i < options->folder_count; i++) {
        if (options->folders[i].id && strcmp(options->folders[i].id, folder->id) == 0)
            return error_set(error, "%s %s: the id %s is taken by another folder", flag, argument,
                             folder->id);
    }
    options->folders[options->folder_count++] = *folder;
    return true;
}

bool options_take_fsdev(struct options *options, const char *argument, struct error *error)
{
    struct options_folder folder = { .id = NULL };
    if (!take_folder(options, argument, "-fsdev", fsdev_keys, &folder, error))
        return false;
    return (folder.id && *folder.id) || error_set(error, "-fsdev %s: id=ID is missing", argument);
}

bool options_take_virtfs(struct options *options, const char *argument, struct error *error)
{
    struct options_folder folder = { .id = NULL };
    if (!take_folder(options, argument, "-virtfs", virtfs_keys, &folder, error))
        return false;
    if (!folder.tag)
        return error_set(error, "-virtfs %s: mount_tag=TAG is missing", argument);
    if (options->device_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-virtfs %s: too many devices", argument);
    options->devices[options->device_count++] = (struct options_device){
        .model = &virtio_9p_model,
        .settings.mount_tag = folder.tag,
        .slot = -1,
        .text = argument,
        .folder = options->folder_count,
    };
    return true;
}

bool options_join_folder(struct options *options, const struct options_device *device,
                         struct machine_plug *slot, struct error *error)
{
    unsigned number = device->folder;
    for (unsigned i = 0; !number && device->settings.backend && i < options->folder_count; i++) {
        if (options->folders[i].id && strcmp(options->folders[i].id, device->settings.backend) == 0)
            number = i + 1;
    }
    if (!number)
        return error_set(error, "-device %s: there is no -fsdev with id=%s", device->text,
                         device->settings.backend ? device->settings.backend : "");
    if (!device->settings.mount_tag || !*device->settings.mount_tag)
        return error_set(error, "-device %s: mount_tag=TAG is missing", device->text);
    slot->folder = options->folders[number - 1].folder;
    return true;
}
