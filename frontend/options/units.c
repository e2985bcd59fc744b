/* SPDX-License-Identifier: MIT
 *
 * -device scsi-hd and scsi-cd: the disks and drives on a controller. As under QEMU, the controller comes
 * before them, and a unit without numbers takes the first target that is free.
 */
#include <string.h>

#include "devices/scsi/scsi.h"
#include "frontend/options/keys.h"

/* Is it a controller, and the one that bus=ID.0 names? */
static bool carries(const struct options_device *device, const char *bus)
{
    if (device->model->backend != DEVICE_BACKEND_UNITS)
        return false;
    size_t length = device->settings.id ? strlen(device->settings.id) : 0;
    return !bus ||
           (length && strncmp(bus, device->settings.id, length) == 0 && strcmp(bus + length, ".0") == 0);
}

unsigned options_controller_of(const struct options *options, const struct options_device *device)
{
    return device->model->backend == DEVICE_BACKEND_UNITS ? (unsigned)(device - options->devices) + 1 : 0;
}

static bool is_taken(const struct options *options, unsigned controller, uint32_t target, uint32_t lun)
{
    for (unsigned n = 0; n < options->machine.unit_count; n++) {
        const struct machine_unit *unit = &options->machine.units[n];
        if (unit->controller == controller && unit->settings.target == target && unit->settings.lun == lun)
            return true;
    }
    return false;
}

/* Numbers are kept plus one. */
static bool place_unit(const struct options *options, struct machine_unit *unit, const char *flag,
                       struct error *error)
{
    struct device_settings *settings = &unit->settings;
    uint32_t *target = &settings->target, *lun = &settings->lun;
    if (!*target) {
        *lun = *lun ? *lun : 1;
        for (*target = 1; is_taken(options, unit->controller, *target, *lun); ++*target)
            ;
    } else if (!*lun) {
        for (*lun = 1; is_taken(options, unit->controller, *target, *lun); ++*lun)
            ;
    }
    return !is_taken(options, unit->controller, *target, *lun) ||
           error_set(error, "%s,scsi-id=%u,lun=%u: that place is taken by another one", flag, *target - 1,
                     *lun - 1);
}

static bool add_unit(struct options *options, const struct options_device *device, unsigned controller,
                     const char *flag, struct error *error)
{
    struct machine_unit unit = { .controller = controller,
                                 .model = device->model,
                                 .settings = device->settings };
    unsigned number = options->machine.unit_count;
    if (number == MACHINE_UNITS_MAX)
        return error_set(error, "%s: more than %d disks and drives on controllers", flag, MACHINE_UNITS_MAX);
    if (!place_unit(options, &unit, flag, error))
        return false;
    options->unit_texts[number] = device->text;
    options->machine.units[number] = unit;
    options->machine.unit_count++;
    return true;
}

bool options_take_unit(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error)
{
    const char *bus, *name = device->model->name;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    char flag[32];
    snprintf(flag, sizeof(flag), "-device %s", name);
    options_device_keys(device, lists);
    if (!options_take_keys(lists, pairs, flag, error))
        return false;
    bus = device->settings.carrier;
    for (unsigned n = 0; n < options->device_count; n++)
        if (carries(&options->devices[n], bus))
            return add_unit(options, device, n + 1, flag, error);
    if (bus)
        return error_set(
            error,
            "%s,bus=%s: no -device virtio-scsi-pci or virtio-scsi-device before it has the id that "
            "is before \".0\"",
            flag, bus);
    return error_set(error, "%s: it needs a -device virtio-scsi-pci, or virtio-scsi-device, before it", flag);
}

bool options_join_units(struct options *options, struct error *error)
{
    for (unsigned n = 0; n < options->machine.unit_count; n++) {
        struct machine_unit *unit = &options->machine.units[n];
        bool cd = unit->model == &scsi_cd_model;
        if (!unit->settings.backend && cd)
            continue;
        if (!options_join_drive(options, options->unit_texts[n], &unit->settings, &unit->drive,
                                &unit->drive_id, error))
            return false;
        if (cd)
            unit->drive.read_only = true;
    }
    return true;
}
