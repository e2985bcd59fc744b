/* SPDX-License-Identifier: MIT
 *
 * What the user plugs in: opens the back end that a device's model asks for, and has the model make the
 * device. This file knows no kind of device and no board: kinds are in devices/catalog/, places in boards/.
 *
 * All of it runs on the thread that makes the machine, which owns the back ends from then on.
 */
#include <string.h>

#include "devices/block/on_error.h"
#include "devices/usb/usb.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/scsi.h"
#include "devices/virtio/virtio.h"
#include "machine/internal.h"
#include "machine/ram.h"
#include "util/log.h"

#define SPARE_ROOM 256u

/* ---- Backends ------------------------------------------------------------------------------------------ */

static void on_escape(void *opaque, enum chardev_escape what)
{
    if (what == CHARDEV_ESCAPE_QUIT)
        machine_request_quit(opaque, 0);
    else
        log_warn("there is no monitor on this terminal (-monitor none)\r");
}

/* The backend that this description, the same pointer, has made already, if it is one that several devices
 * may use; else NULL. */
static struct chardev *find_shared(struct machine *machine, const char *description)
{
    for (unsigned n = 0; n < machine->chardev_count && chardev_has_escapes(description); n++)
        if (machine->chardevs[n]->description == description)
            return machine->chardevs[n]->share_of ? machine->chardevs[n]->share_of : machine->chardevs[n];
    return NULL;
}

struct chardev *machine_open_chardev(struct machine *machine, const char *description, struct error *error)
{
    struct chardev *base = find_shared(machine, description);
    if (machine->chardev_count == MACHINE_BACKENDS_MAX) {
        error_set(error, "more than %d character devices", MACHINE_BACKENDS_MAX);
        return NULL;
    }
    struct chardev *chardev =
        base ? chardev_share(base, error) : chardev_open(description, on_escape, machine, error);
    if (chardev) {
        chardev_hold(chardev, true); /* until the guest runs */
        machine->chardevs[machine->chardev_count++] = chardev;
    }
    if (chardev && !base && chardev_has_escapes(description))
        machine->console = chardev;
    return chardev;
}

static size_t spare_can_receive(void *opaque)
{
    (void)opaque;
    return SPARE_ROOM;
}

static void spare_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    (void)opaque, (void)bytes, (void)length;
}

struct chardev *machine_open_serial(struct machine *machine, unsigned number, struct error *error)
{
    const char *description = number ? machine->config.spare_serials[number - 1] : machine->config.serial;
    struct chardev *chardev = machine_open_chardev(machine, description ? description : "null", error);
    if (machine->serials_used <= number)
        machine->serials_used = number + 1;
    if (number == 0)
        machine->serial = chardev;
    return chardev;
}

void machine_close_chardev(struct machine *machine, struct chardev *chardev)
{
    static const struct chardev_front nobody = { spare_can_receive, spare_receive, NULL, NULL };
    unsigned n = 0;
    if (chardev == machine->console || chardev == machine->serial || atomic_load(&chardev->has_monitor)) {
        if (!atomic_load(&chardev->taken))
            chardev_take_input(chardev, &nobody);
        return;
    }
    while (machine->chardevs[n] != chardev)
        n++;
    for (machine->chardev_count--; n < machine->chardev_count; n++)
        machine->chardevs[n] = machine->chardevs[n + 1];
    chardev_destroy(chardev);
}

bool machine_open_spare_serials(struct machine *machine, struct error *error)
{
    static const struct chardev_front nobody = { spare_can_receive, spare_receive, NULL, NULL };
    for (int n = (int)machine->serials_used - 1; n < MACHINE_SPARE_SERIALS; n++) {
        const char *description = n < 0 ? machine->config.serial : machine->config.spare_serials[n];
        if (description && find_shared(machine, description))
            continue; /* nobody would read its keys */
        struct chardev *chardev = description ? machine_open_chardev(machine, description, error) : NULL;
        if (description && !chardev)
            return false;
        if (chardev)
            chardev_attach(chardev, &nobody);
    }
    return true;
}

bool machine_adopt_disk(struct machine *machine, struct blockdev *blockdev,
                        const struct blockdev_config *config, struct error *error)
{
    if (machine->blockdev_count == MACHINE_BACKENDS_MAX)
        return error_set(error, "more than %d disks", MACHINE_BACKENDS_MAX);
    machine->disk_configs[machine->blockdev_count] = config;
    machine->blockdevs[machine->blockdev_count++] = blockdev;
    return true;
}

struct blockdev *machine_open_disk(struct machine *machine, const struct blockdev_config *config,
                                   struct error *error)
{
    struct blockdev *blockdev = blockdev_open(config, error);
    if (!blockdev || machine_adopt_disk(machine, blockdev, config, error))
        return blockdev;
    blockdev_destroy(blockdev);
    return NULL;
}

void machine_close_disk(struct machine *machine, struct blockdev *disk)
{
    unsigned n = 0, last = machine->blockdev_count - 1;
    while (machine->blockdevs[n] != disk)
        n++;
    for (; n < last; n++) {
        machine->blockdevs[n] = machine->blockdevs[n + 1];
        machine->disk_configs[n] = machine->disk_configs[n + 1];
    }
    machine->blockdev_count = last;
    blockdev_destroy(disk);
}

/* Returns the network config.netdevs[number], which may have been made already. */
static struct netdev *open_netdev(struct machine *machine, unsigned number, struct error *error)
{
    const struct machine_netdev *what = &machine->config.netdevs[number];
    struct netdev *netdev = machine->netdevs[number];
    if (netdev)
        return netdev;
    netdev = what->peer.kind == NETDEV_PEER_NONE ? netdev_slirp_create(&what->user, error)
                                                 : netdev_peer_create(&what->peer, error);
    for (unsigned i = 0; netdev && i < what->dump_count; i++) {
        if (!netdev_dump(netdev, what->dumps[i].file, what->dumps[i].snap, error)) {
            netdev_destroy(netdev);
            netdev = NULL;
        }
    }
    machine->netdevs[number] = netdev;
    return netdev;
}

bool machine_open_spare_netdevs(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    bool ports = false;
    for (unsigned n = 0; n < config->pci_count; n++)
        ports |= config->pci[n].plug.model->bridge;
    for (unsigned n = 0; n < config->netdev_count; n++) {
        bool wanted = config->netdevs[n].used || ports || config->netdevs[n].peer.kind != NETDEV_PEER_NONE;
        if (wanted && !open_netdev(machine, n, error))
            return false;
    }
    return true;
}

bool machine_add_netdev(struct machine *machine, unsigned number, const struct machine_netdev *what,
                        struct error *error)
{
    machine->config.netdevs[number] = *what;
    if (number >= machine->config.netdev_count)
        machine->config.netdev_count = number + 1;
    if (open_netdev(machine, number, error))
        return true;
    machine->config.netdevs[number] = (struct machine_netdev){ .gone = true };
    return false;
}

void machine_remove_netdev(struct machine *machine, unsigned number)
{
    netdev_destroy(machine->netdevs[number]);
    machine->netdevs[number] = NULL;
    machine->config.netdevs[number] = (struct machine_netdev){ .gone = true };
}

/* Several devices may share an audiodev. */
static struct audiodev *open_audiodev(struct machine *machine, unsigned number, struct error *error)
{
    struct audiodev **audiodev = &machine->audiodevs[number - 1];
    const struct machine_audiodev *what = &machine->config.audiodevs[number - 1];
    struct audiodev_config config = what->config;
    config.clock = machine->clock;
    if (!*audiodev)
        *audiodev = audiodev_create(&config, error);
    if (!*audiodev && what->may_fail) {
        log_warn("%s; the guest's sound goes nowhere", error->text);
        config.create = audiodev_none_create;
        *audiodev = audiodev_create(&config, error);
    }
    return *audiodev;
}

/* ---- Devices ------------------------------------------------------------------------------------------- */

static bool open_ports(struct machine *machine, const struct machine_plug *what,
                       struct virtio_console_port *ports, struct error *error)
{
    for (unsigned n = 0; n < what->port_count; n++) {
        const struct machine_port *port = &what->ports[n];
        ports[n] = (struct virtio_console_port){
            .chardev = machine_open_chardev(machine, port->chardev, error),
            .number = port->number,
            .is_console = port->is_console,
            .name = port->name,
        };
        if (!ports[n].chardev)
            return false;
    }
    return true;
}

/* What a device is made from, and what of it lives only until the device is made. */
struct order {
    struct device_plug plug;
    struct virtio_console_port ports[VIRTIO_CONSOLE_PORTS_MAX];
    struct block_on_error on_error;
    struct device_unit units[MACHINE_UNITS_MAX];
    struct block_on_error unit_errors[MACHINE_UNITS_MAX];
};

static struct block_on_error on_error_of(struct machine *machine, const char *drive_id,
                                         const struct blockdev_config *drive)
{
    return (struct block_on_error){ .name = drive_id,
                                    .werror = drive->werror,
                                    .rerror = drive->rerror,
                                    .failed = run_state_disk_failed,
                                    .stopped = run_state_disk_stops,
                                    .opaque = machine };
}

/* Opens the image of a disk or drive on a controller. */
static bool open_unit(struct machine *machine, unsigned number, struct device_unit *plug,
                      struct block_on_error *on_error, struct error *error)
{
    const struct machine_unit *unit = &machine->config.units[number];
    struct machine_unit_made *made = &machine->units_made[number];
    if (unit->drive.path && !(made->disk = machine_open_disk(machine, &unit->drive, error)))
        return false;
    *on_error = on_error_of(machine, unit->drive_id, &unit->drive);
    *plug = (struct device_unit){ .model = unit->model,
                                  .settings = &unit->settings,
                                  .disk = made->disk,
                                  .drive_id = unit->drive_id,
                                  .on_error = on_error,
                                  .made = &made->unit };
    return true;
}

/* The same for all on a controller. */
static bool open_units(struct machine *machine, const struct machine_plug *what, struct order *order,
                       struct error *error)
{
    order->plug.units = order->units;
    for (unsigned n = 0; n < machine->config.unit_count; n++) {
        const struct machine_unit *unit = &machine->config.units[n];
        unsigned at = order->plug.unit_count;
        if (!unit->model || unit->controller != what->controller)
            continue;
        if (!open_unit(machine, n, &order->units[at], &order->unit_errors[at], error))
            return false;
        order->plug.unit_count++;
    }
    return true;
}

bool machine_create_unit(struct machine *machine, unsigned number, struct error *error)
{
    struct device_unit plug;
    struct block_on_error on_error;
    unsigned controller = machine->config.units[number].controller;
    struct virtio_device *host =
        controller <= MACHINE_CONTROLLERS_MAX ? machine->scsi_hosts[controller] : NULL;
    if (!host)
        return error_set(error, "there is no controller for it");
    return open_unit(machine, number, &plug, &on_error, error) && virtio_scsi_attach(host, &plug, error);
}

/* Opens the back end of the device, if its model has one. */
static bool open_backend(struct machine *machine, const struct machine_plug *what, struct order *order,
                         struct error *error)
{
    struct device_plug *plug = &order->plug;
    switch (what->model->backend) {
    case DEVICE_BACKEND_DISK: return (plug->disk = machine_open_disk(machine, &what->drive, error)) != NULL;
    case DEVICE_BACKEND_NETWORK:
        return !what->netdev || (plug->network = open_netdev(machine, what->netdev - 1, error)) != NULL;
    case DEVICE_BACKEND_AUDIO: return (plug->audio = open_audiodev(machine, what->audiodev, error)) != NULL;
    case DEVICE_BACKEND_PORTS: return open_ports(machine, what, order->ports, error);
    case DEVICE_BACKEND_UNITS: return open_units(machine, what, order, error);
    case DEVICE_BACKEND_MEMORY:
        plug->memory_size = what->memory.size;
        return (plug->memory = ram_map(&what->memory, error)) != NULL;
    case DEVICE_BACKEND_SERVER:
    case DEVICE_BACKEND_RNG:
    case DEVICE_BACKEND_FOLDER:
    case DEVICE_BACKEND_SCREEN:
    case DEVICE_BACKEND_INPUT:
    case DEVICE_BACKEND_NONE: break;
    }
    return true;
}

static bool fill(struct machine *machine, const struct machine_plug *what, struct order *order,
                 struct error *error)
{
    order->on_error = on_error_of(machine, what->drive_id, &what->drive);
    order->plug = (struct device_plug){
        .settings = &what->settings,
        .on_error = &order->on_error,
        .opaque = machine,
        .guest_event = guest_events_take,
        .ejected = hotplug_ejected,
        .balloon_changed = balloon_changed,
        .rng_file = what->rng_file,
        .server = what->server,
        .folder = &what->folder,
        .ports = order->ports,
        .port_count = what->port_count,
        .display = machine->config.display,
        .dma = bus_for_devices(machine->bus),
        .clock = machine->clock,
    };
    return open_backend(machine, what, order, error);
}

struct virtio_device *machine_create_plugged(struct machine *machine, const struct machine_plug *what,
                                             struct error *error)
{
    struct order order;
    struct virtio_device *device =
        fill(machine, what, &order, error) ? what->model->create(&order.plug, error) : NULL;
    if (device)
        virtio_device_withhold(device, what->settings.withheld_features);
    if (device && what->model == &virtio_scsi_model && what->controller <= MACHINE_CONTROLLERS_MAX)
        machine->scsi_hosts[what->controller] = device;
    if (device && what->settings.iommu_platform)
        device->offered |= 1ull << VIRTIO_F_ACCESS_PLATFORM;
    if (!device || what->model != &virtio_balloon_model || balloon_adopt(machine, device, error))
        return device;
    virtio_device_destroy(device);
    return NULL;
}

bool machine_create_usb(struct machine *machine, unsigned number, struct pci_function *controller,
                        struct error *error)
{
    const struct machine_usb *what = &machine->config.usb[number];
    struct machine_usb_made *made = &machine->usb_made[number];
    struct order order;
    if (!fill(machine, &what->plug, &order, error))
        return false;
    made->disk = order.plug.disk;
    struct usb_device *device = what->plug.model->create_usb(&order.plug, error);
    if (!device)
        return false;
    device->id = what->plug.settings.id;
    if (!machine->config.pci[what->controller].plug.model->attach_usb(controller, device, what->path,
                                                                      error)) {
        device->ops->destroy(device);
        return false;
    }
    made->device = device;
    return true;
}

/* Makes the devices on a USB controller, which owns them from then on. */
static bool plug_usb(struct machine *machine, const struct machine_plug *controller,
                     struct pci_function *function, struct error *error)
{
    for (unsigned n = 0; n < machine->config.usb_count; n++) {
        const struct machine_usb *what = &machine->config.usb[n];
        if (what->plug.model && &machine->config.pci[what->controller].plug == controller &&
            !machine_create_usb(machine, n, function, error))
            return false;
    }
    return true;
}

struct pci_function *machine_create_plugged_pci(struct machine *machine, const struct machine_plug *what,
                                                struct dma *dma, bool multifunction, struct error *error)
{
    struct order order;
    if (!fill(machine, what, &order, error))
        return NULL;
    order.plug.dma = dma;
    order.plug.board = bus_for_devices(machine->bus);
    order.plug.messages = &machine->pci_bus->msi;
    order.plug.multifunction = multifunction;
    struct pci_function *function = what->model->create_pci(&order.plug, error);
    if (!function || !what->model->attach_usb || plug_usb(machine, what, function, error))
        return function;
    function->ops->destroy(function);
    return NULL;
}
