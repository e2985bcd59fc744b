/* SPDX-License-Identifier: MIT
 *
 * device_add and blockdev-add of the monitor: the same keys as on the command line, for a machine that runs.
 * What comes is recorded in the options as if it had been there from the start, and what goes is taken out of
 * them. All of it is called between machine_hold() and machine_release(), so by one thread at a time. Texts
 * stay until the program ends, since devices borrow them.
 *
 * Messages are those of QEMU where programs may look at them.
 */
#include <string.h>

#include "frontend/options/keys.h"

static bool id_is_used(const struct options *options, const char *id)
{
    const struct machine_config *machine = &options->machine;
    for (unsigned n = 0; n < machine->pci_count; n++) {
        const char *other = machine->pci[n].left ? NULL : machine->pci[n].plug.settings.id;
        if (other && strcmp(other, id) == 0)
            return true;
    }
    for (unsigned n = 0; n < machine->board->virtio_slots; n++) {
        const char *other = machine->virtio[n].model ? machine->virtio[n].settings.id : NULL;
        if (other && strcmp(other, id) == 0)
            return true;
    }
    for (unsigned n = 0; n < machine->usb_count; n++) {
        const char *other = machine->usb[n].plug.settings.id;
        if (other && strcmp(other, id) == 0)
            return true;
    }
    for (unsigned n = 0; n < machine->unit_count; n++) {
        const char *other = machine->units[n].settings.id;
        if (other && strcmp(other, id) == 0)
            return true;
    }
    return false;
}

/* Takes name and keys. */
static bool take_device(struct options *options, const char *text, struct options_device *device,
                        struct error *error)
{
    struct options_keys lists[OPTIONS_KEY_LISTS];
    struct option_pairs pairs;
    char flag[64];
    if (!option_pairs_split(&pairs, &options->strings, text, "driver", error))
        return false;
    const char *name = option_pairs_take(&pairs, "driver");
    if (!name || !*name)
        return error_set(error, "Parameter 'driver' is missing");
    if (!options_name_device(name, device) || options_is_loader(device->model))
        return error_set(error, "'%.60s' is not a valid device model name", name);
    device->text = name;
    snprintf(flag, sizeof(flag), "device_add %.40s", name);
    if (!options_add_globals(options, name, device, &pairs, error))
        return false;
    options_device_keys(device, lists);
    return options_take_keys(lists, &pairs, flag, error);
}

static bool check(const struct options *options, const struct options_device *device, struct error *error)
{
    const char *id = device->settings.id;
    if (id && id_is_used(options, id))
        return error_set(error, "Duplicate device ID '%.60s'", id);
    if (device->model->buses & (DEVICE_BUS_USB | DEVICE_BUS_SCSI))
        return true;
    if (device->model->buses & (DEVICE_BUS_IDE | DEVICE_BUS_SERIAL))
        return error_set(error, "Device '%s' does not support hotplugging", device->text);
    if (!device->on_pci || !device->bus)
        return error_set(error, "Bus '%s' does not support hotplugging",
                         device->on_pci ? OPTIONS_PCI_BUS : OPTIONS_SLOT_PREFIX "0");
    if (!options_has_bus(options, device->bus))
        return error_set(error, "Bus '%.60s' not found", device->bus);
    return device->model->hot_plug ||
           error_set(error, "Device '%s' does not support hotplugging", device->text);
}

static void unlist(struct options *options, unsigned controller)
{
    struct options_device *device = controller ? &options->devices[controller - 1] : NULL;
    if (!device)
        return;
    device->gone = true;
    device->settings.id = NULL;
}

/* A controller of units is listed, since they name it. NULL and *error: the list is full. */
static const struct options_device *list(struct options *options, const struct options_device *device,
                                         struct error *error)
{
    unsigned n = 0;
    if (device->model->backend != DEVICE_BACKEND_UNITS)
        return device;
    while (n < options->device_count && !options->devices[n].gone)
        n++;
    if (n == OPTIONS_ITEMS_MAX) {
        error_set(error, "device_add %.60s: too many devices", device->text);
        return NULL;
    }
    if (n == options->device_count)
        options->device_count++;
    options->devices[n] = *device;
    return &options->devices[n];
}

static bool plug_pci(struct options *options, const struct options_device *given, struct machine_place *place,
                     struct error *error)
{
    char what[128];
    const struct options_device *device = list(options, given, error);
    if (!device)
        return false;
    snprintf(what, sizeof(what), "device_add %.60s", device->text);
    struct machine_pci *entry = options_place_pci(options, device, what, error);
    if (!entry) {
        unlist(options, options_controller_of(options, device));
        return false;
    }
    *place = (struct machine_place){ MACHINE_LIST_PCI, (unsigned)(entry - options->machine.pci) };
    options->pci_devices[place->number] = NULL;
    if (options_join_backend(options, device, &entry->plug, error))
        return true;
    options_unplug(options, *place);
    return false;
}

bool options_plug(struct options *options, const char *text, struct machine_place *place, struct error *error)
{
    struct options_device device;
    if (!take_device(options, text, &device, error) || !check(options, &device, error))
        return false;
    if (device.model->buses & DEVICE_BUS_SCSI) {
        place->list = MACHINE_LIST_UNITS;
        return options_plug_unit(options, &device, &place->number, error);
    }
    if (!(device.model->buses & DEVICE_BUS_USB))
        return plug_pci(options, &device, place, error);
    place->list = MACHINE_LIST_USB;
    return options_plug_usb(options, &device, &place->number, error);
}

static void release_drive(struct options *options, const char *drive)
{
    for (unsigned n = 0; drive && n < options->drive_count; n++)
        if (options->drives[n].id && strcmp(options->drives[n].id, drive) == 0)
            options->drives[n].used = false;
}

void options_unplug(struct options *options, struct machine_place place)
{
    struct machine_config *machine = &options->machine;
    unsigned number = place.number;
    const struct machine_plug *plug = place.list == MACHINE_LIST_PCI   ? &machine->pci[number].plug
                                      : place.list == MACHINE_LIST_USB ? &machine->usb[number].plug
                                                                       : NULL;
    release_drive(options, plug ? plug->drive_id : machine->units[number].drive_id);
    if (plug)
        unlist(options, plug->controller);
    if (plug && plug->netdev)
        machine->netdevs[plug->netdev - 1].used = false;
    switch (place.list) {
    case MACHINE_LIST_PCI: machine->pci[number] = (struct machine_pci){ .left = true }; break;
    case MACHINE_LIST_USB: machine->usb[number] = (struct machine_usb){ .path = "" }; break;
    case MACHINE_LIST_UNITS: machine->units[number] = (struct machine_unit){ .model = NULL }; break;
    }
}

/* ---- Networks ------------------------------------------------------------------------------------------ */

unsigned options_add_netdev(struct options *options, const char *text, struct error *error)
{
    struct option_pairs pairs;
    const struct machine_config *machine = &options->machine;
    if (!option_pairs_split(&pairs, &options->strings, text, "type", error))
        return 0;
    const char *id = option_pairs_get(&pairs, "id");
    if (!option_pairs_get(&pairs, "type") || !id) {
        error_set(error, "Parameter '%s' is missing", id ? "type" : "id");
        return 0;
    }
    for (unsigned n = 0; n < machine->netdev_count; n++) {
        if (machine->netdevs[n].id && strcmp(machine->netdevs[n].id, id) == 0) {
            error_set(error, "Duplicate ID '%.60s' for netdev", id);
            return 0;
        }
    }
    if (!options_take_netdev(options, text, error))
        return 0;
    for (unsigned n = 0; n < machine->netdev_count; n++)
        if (machine->netdevs[n].id && strcmp(machine->netdevs[n].id, id) == 0)
            return n + 1;
    error_set(error, "netdev_add %.60s: the keys are those of -netdev", text); /* help was asked for */
    return 0;
}

void options_remove_netdev(struct options *options, unsigned number)
{
    options->machine.netdevs[number - 1] = (struct machine_netdev){ .gone = true };
}

/* Rules beyond the room of the list work, but are not listed. */
void options_note_hostfwd(struct options *options, unsigned number, const char *rule)
{
    const char **list = options->machine.netdevs[number - 1].user.hostfwd;
    unsigned count = 0;
    while (list[count])
        count++;
    if (count < NETDEV_SLIRP_RULES_MAX)
        list[count] = option_strings_add(&options->strings, rule, strlen(rule));
}

/* The rule to be removed has no guest's end. */
void options_forget_hostfwd(struct options *options, unsigned number, const char *rule)
{
    const char **list = options->machine.netdevs[number - 1].user.hostfwd;
    size_t length = strlen(rule);
    for (unsigned n = 0, to = 0; n <= NETDEV_SLIRP_RULES_MAX; n++) {
        const char *have = list[n];
        list[n] = NULL;
        if (have && (strncmp(have, rule, length) != 0 || have[length] != '-'))
            list[to++] = have;
    }
}

/* ---- Nodes of images ----------------------------------------------------------------------------------- */

static const struct options_drive gone = {
    .interface = OPTIONS_IF_NONE, .node = true, .used = true, .gone = true
};

struct options_drive *options_find_node(struct options *options, const char *name)
{
    for (unsigned n = 0; n < options->drive_count; n++) {
        struct options_drive *drive = &options->drives[n];
        if (drive->node && drive->id && strcmp(drive->id, name) == 0)
            return drive;
    }
    return NULL;
}

/* The parts of a node that could not be made, or is gone, can be used again; those that were described in it
 * go with it, and then what is below them. */
static void release_parts(struct options *options)
{
    bool again = true;
    while (again) {
        again = false;
        for (unsigned n = 0; n < options->drive_count; n++) {
            struct options_drive *drive = &options->drives[n];
            if (!drive->owner || options_find_node(options, drive->owner))
                continue;
            again |= drive->inner;
            if (drive->inner)
                *drive = gone;
            drive->owner = NULL;
            drive->used = drive->gone;
        }
    }
}

bool options_add_node(struct options *options, const char *text, struct error *error)
{
    bool ok = options_take_blockdev(options, text, error);
    if (!ok)
        release_parts(options);
    return ok;
}

bool options_remove_node(struct options *options, const char *name, struct error *error)
{
    struct options_drive *drive = options_find_node(options, name);
    if (!drive)
        return error_set(error, "Failed to find node with node-name='%.60s'", name);
    if (drive->used)
        return error_set(error, "Node %.60s is in use", name);
    *drive = gone;
    release_parts(options);
    return true;
}
