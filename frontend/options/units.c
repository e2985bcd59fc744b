/* SPDX-License-Identifier: MIT
 *
 * -device scsi-hd and scsi-cd: the disks and drives on a controller. As under QEMU, the controller comes
 * before them, and a unit without numbers takes the first target that is free.
 */
#include <string.h>

#include "devices/ahci/ahci.h"
#include "devices/scsi/scsi.h"
#include "frontend/options/keys.h"

static bool is_ide(const struct device_model *model)
{
    return model->buses & DEVICE_BUS_IDE;
}

/* Is it a controller for the unit, and the one that bus=ID.N names? *port: N; -1: it is not given. */
static bool carries(const struct options_device *device, const struct options_device *unit, int *port)
{
    const char *bus = unit->settings.carrier, *id = device->settings.id;
    size_t length = id ? strlen(id) : 0;
    uint64_t number;
    *port = -1;
    if (device->model->backend != DEVICE_BACKEND_UNITS || device->gone ||
        is_ide(unit->model) != (device->model == &ahci_model))
        return false;
    if (!bus)
        return true;
    if (!length || strncmp(bus, id, length) != 0 || bus[length] != '.' ||
        !option_parse_number(bus + length + 1, &number) || number >= (is_ide(unit->model) ? AHCI_PORTS : 1))
        return false;
    *port = (int)number;
    return true;
}

unsigned options_controller_of(const struct options *options, const struct options_device *device)
{
    return device->model->backend == DEVICE_BACKEND_UNITS ? (unsigned)(device - options->devices) + 1 : 0;
}

static bool is_taken(const struct options *options, unsigned controller, uint32_t target, uint32_t lun)
{
    for (unsigned n = 0; n < options->machine.unit_count; n++) {
        const struct machine_unit *unit = &options->machine.units[n];
        if (unit->model && unit->controller == controller && unit->settings.target == target &&
            unit->settings.lun == lun)
            return true;
    }
    return false;
}

/* On a SATA controller the target is the port, which is all of the place. */
static bool place_on_port(const struct options *options, struct machine_unit *unit, int port,
                          const char *flag, struct error *error)
{
    uint32_t *target = &unit->settings.target;
    unit->settings.lun = 1;
    *target = port < 0 ? 1 : (uint32_t)port + 1;
    while (port < 0 && *target <= AHCI_PORTS && is_taken(options, unit->controller, *target, 1))
        ++*target;
    if (*target > AHCI_PORTS)
        return error_set(error, "%s: all %u ports of the ahci are taken", flag, AHCI_PORTS);
    return !is_taken(options, unit->controller, *target, 1) ||
           error_set(error, "%s,bus=%s: that port is taken by another one", flag, unit->settings.carrier);
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
                     int port, const char *flag, unsigned *entry, struct error *error)
{
    struct machine_unit unit = { .controller = controller,
                                 .model = device->model,
                                 .settings = device->settings };
    unsigned number = 0;
    while (number < options->machine.unit_count && options->machine.units[number].model)
        number++;
    if (number == MACHINE_UNITS_MAX)
        return error_set(error, "%s: more than %d disks and drives on controllers", flag, MACHINE_UNITS_MAX);
    if (!(is_ide(device->model) ? place_on_port(options, &unit, port, flag, error)
                                : place_unit(options, &unit, flag, error)))
        return false;
    options->unit_texts[number] = device->text;
    options->machine.units[number] = unit;
    options->machine.unit_count += number == options->machine.unit_count;
    *entry = number;
    return true;
}

bool options_take_unit(struct options *options, struct options_device *device,
                       const struct option_pairs *pairs, struct error *error)
{
    const char *name = device->model->name;
    int port;
    unsigned entry;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    char flag[32];
    snprintf(flag, sizeof(flag), "-device %s", name);
    options_device_keys(device, lists);
    if (!options_take_keys(lists, pairs, flag, error))
        return false;
    for (unsigned n = 0; n < options->device_count; n++)
        if (carries(&options->devices[n], device, &port))
            return add_unit(options, device, n + 1, port, flag, &entry, error);
    const char *bus = device->settings.carrier;
    const char *kind = is_ide(device->model) ? "ahci" : "virtio-scsi-pci (or virtio-scsi-device)";
    if (bus)
        return error_set(error, "%s,bus=%s: no -device %s before it has that id and a bus of that number",
                         flag, bus, kind);
    return error_set(error, "%s: it needs a -device %s before it", flag, kind);
}

/* Looks up the drive of a unit. */
static bool join_unit(struct options *options, unsigned number, struct error *error)
{
    struct machine_unit *unit = &options->machine.units[number];
    bool cd = unit->model == &scsi_cd_model || unit->model == &ide_cd_model;
    if (!unit->settings.backend && cd)
        return true;
    if (!options_join_drive(options, options->unit_texts[number], &unit->settings, &unit->drive,
                            &unit->drive_id, error))
        return false;
    unit->of_node = options_find_node(options, unit->drive_id) != NULL;
    if (cd)
        unit->drive.read_only = true;
    return cd || options_has_medium(&unit->drive, options->unit_texts[number], error);
}

bool options_join_units(struct options *options, struct error *error)
{
    for (unsigned n = 0; n < options->machine.unit_count; n++)
        if (!join_unit(options, n, error))
            return false;
    return true;
}

bool options_plug_unit(struct options *options, const struct options_device *device, unsigned *number,
                       struct error *error)
{
    const char *bus = device->settings.carrier;
    char flag[80];
    int port;
    snprintf(flag, sizeof(flag), "device_add %.40s", device->text);
    for (unsigned n = 0; n < options->device_count; n++) {
        if (!carries(&options->devices[n], device, &port))
            continue;
        if (!add_unit(options, device, n + 1, port, flag, number, error))
            return false;
        if (join_unit(options, *number, error))
            return true;
        options_unplug(options, (struct machine_place){ MACHINE_LIST_UNITS, *number });
        return false;
    }
    return bus ? error_set(error, "Bus '%.60s' not found", bus)
               : error_set(error, "No 'SCSI' bus found for device '%.40s'", device->text);
}
