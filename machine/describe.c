/* SPDX-License-Identifier: MIT
 *
 * What is plugged in, for the monitor: the functions on the PCI buses and the disks (inspect.h). The lists
 * change only under run_lock; what the guest sets on a bus is read under the bus's lock.
 */
#include <stdio.h>
#include <string.h>

#include "devices/pci/bridge.h"
#include "devices/pci/host.h"
#include "devices/scsi/scsi.h"
#include "machine/inspect.h"
#include "machine/internal.h"

/* ---- PCI ----------------------------------------------------------------------------------------------- */

static void take_bar(struct machine_pci_view *view, const struct pci_bar *bar)
{
    static const char *const types[] = {
        [PCI_BAR_IO] = "io", [PCI_BAR_MEM32] = "memory", [PCI_BAR_MEM64] = "memory"
    };
    if (bar->kind == PCI_BAR_NONE)
        return;
    uint64_t base = atomic_load(&bar->base);
    unsigned flags = pci_config_peek(bar->function, PCI_BAR + 4 * bar->index, 4);
    view->bars[view->bar_count++] = (struct machine_pci_bar){
        .index = bar->index,
        .type = types[bar->kind],
        .wide = bar->kind == PCI_BAR_MEM64,
        .prefetchable = bar->kind != PCI_BAR_IO && flags & 8,
        .mapped = base != PCI_UNMAPPED,
        .base = base,
        .size = bar->size,
    };
}

/* All slots share four inputs. A bridge rotates the wires behind it by its own slot. */
static unsigned pci_irq(const struct board *board, struct pci_function *function)
{
    unsigned pin = pci_config_peek(function, PCI_INTERRUPT_PIN, 1), wire = pin - 1;
    for (; function; function = function->bus->bridge ? &function->bus->bridge->function : NULL)
        wire += function->slot;
    return pin ? board->pci_irq + wire % PCI_PINS : 0;
}

static void take_path(const struct pci_function *function, char *path, size_t size)
{
    if (function->bus->bridge) {
        take_path(&function->bus->bridge->function, path, size);
        strncat(path, "/", size - strlen(path) - 1);
    }
    snprintf(path + strlen(path), size - strlen(path), "%02x.%x", function->slot, function->number);
}

static void take_bridge(struct machine_pci_view *view, struct pci_bridge *bridge)
{
    view->bridge = true;
    view->secondary = pci_bridge_secondary(bridge);
    view->subordinate = pci_bridge_subordinate(bridge);
    pci_bridge_range(bridge, PCI_BRIDGE_IO, &view->io.base, &view->io.limit);
    pci_bridge_range(bridge, PCI_BRIDGE_MEMORY, &view->memory.base, &view->memory.limit);
    pci_bridge_range(bridge, PCI_BRIDGE_PREFETCH, &view->prefetch.base, &view->prefetch.limit);
}

static void take_function(const struct machine *machine, struct machine_pci_view *view,
                          struct pci_function *function)
{
    *view = (struct machine_pci_view){
        .slot = function->slot,
        .function = function->number,
        .name = function->ops->name,
        .vendor = (uint16_t)pci_config_peek(function, PCI_VENDOR_ID, 2),
        .device = (uint16_t)pci_config_peek(function, PCI_DEVICE_ID, 2),
        .subsystem_vendor = (uint16_t)pci_config_peek(function, PCI_SUBSYSTEM_VENDOR_ID, 2),
        .subsystem = (uint16_t)pci_config_peek(function, PCI_SUBSYSTEM_ID, 2),
        .class_code = (uint16_t)pci_config_peek(function, PCI_CLASS + 1, 2),
        .pin = pci_config_peek(function, PCI_INTERRUPT_PIN, 1),
        .line = pci_config_peek(function, PCI_INTERRUPT_LINE, 1),
        .irq = pci_irq(machine->config.board, function),
        .msix_vectors = function->msix.vectors,
        .bus_master = pci_function_is_bus_master(function),
    };
    for (unsigned i = 0; i < machine->config.pci_count; i++) {
        if (machine->pci_made[i].function != function)
            continue;
        view->id = machine->config.pci[i].plug.settings.id;
        view->bus_id = machine->config.pci[i].bus;
    }
    struct pci_bridge *front = function->bus->bridge;
    view->bus = front ? pci_bridge_secondary(front) : 0;
    for (; front; front = front->function.bus->bridge)
        view->depth++;
    take_path(function, view->path, sizeof(view->path));
    for (unsigned i = 0; i < PCI_BARS; i++)
        take_bar(view, &function->bars[i]);
    if (function->bridge)
        take_bridge(view, function->bridge);
}

/* Returns the function after *number others; else reduces *number by how many there are. */
static struct pci_function *find_function(struct pci_bus *bus, unsigned *number)
{
    struct pci_function *found = NULL;
    for (unsigned i = 0; bus && i < PCI_SLOTS * PCI_FUNCTIONS && !found; i++) {
        struct pci_function *function = bus->functions[i];
        if (function && (*number)-- == 0)
            return function;
        if (function && function->bridge)
            found = find_function(&function->bridge->bus, number);
    }
    return found;
}

bool machine_pci_view(struct machine *machine, unsigned number, struct machine_pci_view *view)
{
    struct pci_function *function = find_function(machine->pci_bus, &number);
    if (function)
        take_function(machine, view, function);
    return function != NULL;
}

/* ---- Disks --------------------------------------------------------------------------------------------- */

/* Fills in what is known of a disk or drive on a controller. */
static void find_unit(struct machine *machine, unsigned number, struct machine_disk *disk)
{
    const struct machine_unit *unit = &machine->config.units[number];
    if (unit->model->buses & DEVICE_BUS_IDE)
        snprintf(disk->place, sizeof(disk->place), "ahci%u/%u", unit->controller - 1,
                 unit->settings.target - 1);
    else
        snprintf(disk->place, sizeof(disk->place), "scsi%u/%u:%u", unit->controller - 1,
                 unit->settings.target - 1, unit->settings.lun - 1);
    disk->device_id = unit->settings.id;
    disk->id = unit->drive_id;
    if (!machine->units_made[number].unit)
        return;
    struct scsi_medium medium = scsi_unit_medium(machine->units_made[number].unit);
    disk->removable = medium.removable;
    disk->tray_open = medium.open;
    disk->locked = medium.locked;
}

/* Finds where the disk is plugged in, and as which device. */
static void find_place(struct machine *machine, struct machine_disk *disk)
{
    const struct machine_config *config = &machine->config;
    for (unsigned i = 0; i < config->board->virtio_slots; i++) {
        if (disk->config != &config->virtio[i].drive)
            continue;
        snprintf(disk->place, sizeof(disk->place), "virtio%u", i);
        disk->device_id = config->virtio[i].settings.id;
        disk->is_virtio = true;
        disk->id = config->virtio[i].drive_id;
    }
    for (unsigned i = 0; i < config->pci_count; i++) {
        if (disk->config != &config->pci[i].plug.drive)
            continue;
        snprintf(disk->place, sizeof(disk->place), "%s%s%02x.%x",
                 config->pci[i].bus ? config->pci[i].bus : "pci", config->pci[i].bus ? "/" : "",
                 config->pci[i].slot, config->pci[i].function);
        disk->device_id = config->pci[i].plug.settings.id;
        disk->on_pci = true;
        disk->is_virtio = config->pci[i].plug.model->buses & DEVICE_BUS_MMIO;
        disk->id = config->pci[i].plug.drive_id;
    }
    for (unsigned i = 0; i < config->unit_count; i++) {
        if (disk->config == &config->units[i].drive)
            find_unit(machine, i, disk);
    }
    for (unsigned i = 0; i < config->usb_count; i++) {
        if (disk->config != &config->usb[i].plug.drive)
            continue;
        const struct machine_pci *controller = &config->pci[config->usb[i].controller];
        snprintf(disk->place, sizeof(disk->place), "usb%02x.%x/%.16s", controller->slot, controller->function,
                 config->usb[i].path);
        disk->device_id = config->usb[i].plug.settings.id;
        disk->id = config->usb[i].plug.drive_id;
    }
    for (unsigned i = 0; i < config->board->flash_banks; i++)
        if (disk->config == &config->pflash[i].drive)
            snprintf(disk->place, sizeof(disk->place), "pflash%u", i);
}

struct netdev *machine_network(struct machine *machine, unsigned number)
{
    return number < MACHINE_NETDEVS_MAX ? machine->netdevs[number] : NULL;
}

bool machine_disk(struct machine *machine, unsigned number, struct machine_disk *disk)
{
    if (number >= machine->blockdev_count)
        return false;
    struct blockdev *blockdev = machine->blockdevs[number];
    *disk = (struct machine_disk){
        .config = machine->disk_configs[number],
        .size = blockdev->size,
        .read_only = blockdev->read_only,
        .limits = blockdev_limits(blockdev),
        .highest = atomic_load(&blockdev->highest),
    };
    for (unsigned kind = 0; kind < BLOCKDEV_KINDS; kind++)
        disk->counts[kind] = blockdev_counts(blockdev, (enum blockdev_kind)kind);
    disk->one_file = blockdev_file_counts(blockdev, &disk->allocated, &disk->file_highest);
    disk->format = disk->config->format     ? disk->config->format
                   : disk->config->snapshot ? "raw"
                                            : blockdev->ops->name;
    find_place(machine, disk);
    return true;
}

bool machine_empty_drive(struct machine *machine, unsigned number, struct machine_disk *drive)
{
    for (unsigned n = 0; n < machine->config.unit_count; n++) {
        if (!machine->config.units[n].model || machine->units_made[n].disk || number-- > 0)
            continue;
        *drive = (struct machine_disk){ .config = NULL };
        find_unit(machine, n, drive);
        return true;
    }
    return false;
}

bool machine_limit_disk(struct machine *machine, unsigned number, const struct block_throttle_limits *limits,
                        struct error *error)
{
    return number < machine->blockdev_count ? blockdev_limit(machine->blockdevs[number], limits, error)
                                            : error_set(error, "there is no disk %u", number);
}

bool machine_resize_disk(struct machine *machine, unsigned number, uint64_t bytes, struct error *error)
{
    if (number >= machine->blockdev_count)
        return error_set(error, "there is no disk %u", number);
    if (machine->frozen)
        return error_set(error, "the guest is being saved or loaded: no disk changes its size");
    return blockdev_resize(machine->blockdevs[number], bytes, error);
}
