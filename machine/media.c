/* SPDX-License-Identifier: MIT
 *
 * Media that the user takes out of drives and puts in, while the machine runs. The list of images changes
 * only between machine_hold() and machine_release(); the drive itself keeps its guest's commands away from a
 * medium that changes.
 */
#include <string.h>

#include "devices/ahci/ahci.h"
#include "devices/scsi/scsi.h"
#include "machine/internal.h"

static bool is_name(const char *name, const char *id)
{
    return id && strcmp(name, id) == 0;
}

/* Finds the drive; its number is *number. */
static struct scsi_unit *find_drive(struct machine *machine, const char *name, unsigned *number,
                                    struct error *error)
{
    for (unsigned n = 0; n < machine->config.unit_count; n++) {
        const struct machine_unit *what = &machine->config.units[n];
        struct scsi_unit *unit = machine->units_made[n].unit;
        if (!unit || (!is_name(name, what->settings.id) && !is_name(name, what->drive_id)))
            continue;
        *number = n;
        if (machine->frozen)
            error_set(error, "the guest is being saved or loaded: no medium may come or go");
        else if (what->model != &scsi_cd_model && what->model != &ide_cd_model)
            error_set(error, "Device '%.60s' is not removable", name);
        else
            return unit;
        return NULL;
    }
    error_set(error, "Device '%.60s' not found: it is the id of a scsi-cd or ide-cd, or of the -drive in it",
              name);
    return NULL;
}

/* Does the guest let its medium go? If not, it is asked to. */
static bool may_take_out(struct scsi_unit *unit, const char *name, bool force, struct error *error)
{
    struct scsi_medium medium = scsi_unit_medium(unit);
    if (!medium.locked || medium.open || force)
        return true;
    scsi_unit_ask_for_medium(unit);
    return error_set(
        error, "Device '%.60s' is locked and force was not specified, wait for tray to open and try again",
        name);
}

static void tray_moved(void *opaque, bool open)
{
    struct machine_unit_made *made = opaque;
    const struct machine_unit *what = &made->machine->config.units[made - made->machine->units_made];
    const char *drive = what->of_node ? NULL : what->drive_id, *id = what->settings.id;
    for (struct machine_listener *listener = made->machine->listeners; listener; listener = listener->next)
        if (listener->tray_moved)
            listener->tray_moved(listener->opaque, drive ? drive : "", id ? id : "", open);
}

bool media_watch(struct machine *machine)
{
    for (unsigned n = 0; n < machine->config.unit_count; n++) {
        struct machine_unit_made *made = &machine->units_made[n];
        made->machine = machine;
        if (made->unit)
            scsi_unit_on_tray(made->unit, tray_moved, made);
    }
    return true;
}

static void take_out(struct machine *machine, struct scsi_unit *unit, unsigned number)
{
    struct blockdev *disk = scsi_unit_take_medium(unit);
    machine->units_made[number].disk = NULL;
    if (disk)
        machine_close_disk(machine, disk);
}

bool machine_eject(struct machine *machine, const char *name, bool force, struct error *error)
{
    unsigned number;
    machine_hold(machine);
    struct scsi_unit *unit = find_drive(machine, name, &number, error);
    bool ok = unit && may_take_out(unit, name, force, error);
    if (ok)
        take_out(machine, unit, number);
    machine_release(machine);
    return ok;
}

bool machine_move_tray(struct machine *machine, const char *name, bool open, bool force, struct error *error)
{
    unsigned number;
    machine_hold(machine);
    struct scsi_unit *unit = find_drive(machine, name, &number, error);
    struct scsi_medium medium = unit ? scsi_unit_medium(unit) : (struct scsi_medium){ .in = NULL };
    if (unit && open && !medium.open && medium.locked && !force)
        scsi_unit_ask_for_medium(unit);
    else if (unit)
        scsi_unit_move_tray(unit, open);
    machine_release(machine);
    return unit != NULL;
}

bool machine_remove_medium(struct machine *machine, const char *name, struct error *error)
{
    unsigned number;
    machine_hold(machine);
    struct scsi_unit *unit = find_drive(machine, name, &number, error);
    bool ok =
        unit && (scsi_unit_medium(unit).open || error_set(error, "Tray of device '%.60s' is not open", name));
    if (ok) {
        take_out(machine, unit, number);
        if (machine->config.units[number].of_node)
            machine->config.units[number].drive_id = NULL;
    }
    machine_release(machine);
    return ok;
}

/* Opens the image, which becomes what is in the drive. NULL, with *error filled. */
static struct blockdev *adopt(struct machine *machine, unsigned number, const struct blockdev_config *config,
                              struct error *error)
{
    struct blockdev_config *drive = &machine->config.units[number].drive, next = *config;
    next.read_only = true;
    next.werror = drive->werror;
    next.rerror = drive->rerror;
    struct blockdev *disk = blockdev_open(&next, error);
    if (!disk)
        return NULL;
    *drive = next;
    if (machine_adopt_disk(machine, disk, drive, error)) {
        machine->units_made[number].disk = disk;
        return disk;
    }
    blockdev_destroy(disk);
    return NULL;
}

bool machine_insert_medium(struct machine *machine, const char *name, const struct blockdev_config *config,
                           const char *drive, struct error *error)
{
    unsigned number;
    machine_hold(machine);
    struct scsi_unit *unit = find_drive(machine, name, &number, error);
    struct scsi_medium medium = unit ? scsi_unit_medium(unit) : (struct scsi_medium){ .in = NULL };
    if (unit && !medium.open)
        error_set(error, "Tray of device '%.60s' is not open", name);
    else if (unit && medium.in)
        error_set(error, "There already is a medium in device '%.60s'", name);
    struct blockdev *disk = unit && medium.open && !medium.in ? adopt(machine, number, config, error) : NULL;
    if (disk) {
        scsi_unit_lay_medium(unit, disk);
        machine->config.units[number].drive_id = drive;
        machine->config.units[number].of_node = true;
    }
    machine_release(machine);
    return disk != NULL;
}

/* If the new medium cannot be opened, the old one stays. */
static bool change(struct machine *machine, const char *name, const struct blockdev_config *config,
                   bool force, struct error *error)
{
    unsigned number;
    struct scsi_unit *unit = find_drive(machine, name, &number, error);
    if (!unit || !may_take_out(unit, name, force, error))
        return false;
    struct blockdev_config *drive = &machine->config.units[number].drive;
    struct blockdev_config next = *config;
    next.read_only = true;
    next.werror = drive->werror;
    next.rerror = drive->rerror;
    struct blockdev *disk = blockdev_open(&next, error);
    if (!disk)
        return false;
    take_out(machine, unit, number);
    *drive = next;
    if (!machine_adopt_disk(machine, disk, drive, error)) {
        blockdev_destroy(disk);
        return false;
    }
    machine->units_made[number].disk = disk;
    scsi_unit_insert_medium(unit, disk);
    return true;
}

bool machine_change_medium(struct machine *machine, const char *name, const struct blockdev_config *config,
                           bool force, struct error *error)
{
    machine_hold(machine);
    bool ok = change(machine, name, config, force, error);
    machine_release(machine);
    return ok;
}
