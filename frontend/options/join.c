/* SPDX-License-Identifier: MIT
 *
 * The second step of the command line: ids are looked up, slots are assigned, defaults are filled in.
 *
 * A device without bus= takes the highest free slot. Linux finds the slots from the highest down (the order
 * of their nodes in the device tree), so the first disk of the command line becomes vda, as under QEMU.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "devices/char/describe.h"
#include "devices/virtio/blk.h"
#include "frontend/options/options.h"
#include "util/log.h"

const struct options_named *options_find_named(const struct options_named *list, unsigned count,
                                               const char *id)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(list[i].id, id) == 0)
            return &list[i];
    }
    return NULL;
}

bool options_has_medium(const struct blockdev_config *drive, const char *text, struct error *error)
{
    return drive->path ||
           error_set(error, "-device %s: its drive has no file=, and only scsi-cd and ide-cd may be empty",
                     text);
}

static bool is_named(const struct options_drive *drive, const char *name)
{
    return (drive->id && strcmp(drive->id, name) == 0) ||
           (drive->node_name && strcmp(drive->node_name, name) == 0);
}

bool options_join_drive(struct options *options, const char *text, const struct device_settings *settings,
                        struct blockdev_config *config, const char **drive_id, struct error *error)
{
    for (unsigned i = 0; i < options->drive_count; i++) {
        struct options_drive *drive = &options->drives[i];
        if (!is_named(drive, settings->backend))
            continue;
        if (drive->interface >= OPTIONS_IF_VIRTIO || drive->used)
            return error_set(error, "-device %s: the drive %s is in use by another device%s", text, drive->id,
                             drive->used ? "" : " already, because of its if=; write if=none");
        drive->used = true;
        *config = drive->blockdev;
        *drive_id = drive->id;
        if (settings->werror)
            config->werror = settings->werror;
        if (settings->rerror)
            config->rerror = settings->rerror;
        if (settings->write_cache == 1) /* off */
            config->cache = drive->direct ? BLOCKDEV_CACHE_DIRECTSYNC : BLOCKDEV_CACHE_WRITETHROUGH;
        return true;
    }
    return error_set(error, "-device %s: there is no -drive with id=%s", text, settings->backend);
}

static bool join_rng(struct options *options, const struct options_device *device, struct machine_plug *slot,
                     struct error *error)
{
    const char *id = device->settings.backend;
    const struct options_named *named = id ? options_find_named(options->rngs, options->rng_count, id) : NULL;
    slot->rng_file = named ? named->value : NULL;
    return !id || named ||
           error_set(error, "-device %s: there is no -object rng-random with id=%s", device->text, id);
}

/* The chardev is one that leads to a socket with a path. In its description a comma of the path is doubled,
 * and what follows a single one are its keys. */
static bool join_server(struct options *options, const struct options_device *device,
                        struct machine_plug *slot, struct error *error)
{
    static const char prefix[] = "unix:";
    const char *id = device->settings.backend;
    const struct options_named *named = options_find_named(options->chardevs, options->chardev_count, id);
    char path[256];
    size_t length = 0;
    if (!named)
        return error_set(error, "-device %s: there is no -chardev with id=%s", device->text, id);
    const char *from = named->value;
    bool fits = strncmp(from, prefix, sizeof(prefix) - 1) == 0;
    for (from += fits ? sizeof(prefix) - 1 : 0; fits && *from; from++) {
        fits = length < sizeof(path) && (*from != ',' || *++from == ',');
        if (fits)
            path[length++] = *from;
    }
    if (!fits || !length)
        return error_set(error,
                         "-device %s: its chardev must be a socket,path=PATH, without server=", device->text);
    slot->server = option_strings_add(&options->strings, path, length);
    return true;
}

bool options_join_backend(struct options *options, const struct options_device *device,
                          struct machine_plug *slot, struct error *error)
{
    slot->model = device->model;
    slot->settings = device->settings;
    slot->controller = options_controller_of(options, device);
    switch (device->model->backend) {
    case DEVICE_BACKEND_DISK:
        return options_join_drive(options, device->text, &device->settings, &slot->drive, &slot->drive_id,
                                  error) &&
               options_has_medium(&slot->drive, device->text, error);
    case DEVICE_BACKEND_NETWORK: return options_join_netdev(options, device, slot, error);
    case DEVICE_BACKEND_FOLDER: return options_join_folder(options, device, slot, error);
    case DEVICE_BACKEND_AUDIO: return options_join_audiodev(options, device, slot, error);
    case DEVICE_BACKEND_RNG: return join_rng(options, device, slot, error);
    case DEVICE_BACKEND_PORTS: return options_join_ports(options, device, slot, error);
    case DEVICE_BACKEND_MEMORY: return options_join_memdev(options, device, slot, error);
    case DEVICE_BACKEND_SERVER: return join_server(options, device, slot, error);
    case DEVICE_BACKEND_UNITS:
    case DEVICE_BACKEND_SCREEN:
    case DEVICE_BACKEND_INPUT:
    case DEVICE_BACKEND_NONE: break;
    }
    return true;
}

static bool plug(struct options *options, const struct options_device *device, struct error *error)
{
    struct machine_plug *slots = options->machine.virtio;
    if (device->on_pci) {
        char what[128];
        snprintf(what, sizeof(what), "-device %s", device->text);
        struct machine_pci *function = options_place_pci(options, device, what, error);
        if (function)
            options->pci_devices[function - options->machine.pci] = device;
        return function && options_join_backend(options, device, &function->plug, error);
    }
    unsigned slot_count = options->machine.board->virtio_slots;
    int n = device->slot;
    if (n >= (int)slot_count)
        return error_set(error, "-device %s: the board has %u virtio-mmio slots, from 0 on", device->text,
                         slot_count);
    if (n < 0) {
        for (n = (int)slot_count - 1; n >= 0 && slots[n].model; n--)
            ;
    }
    if (!slot_count)
        return error_set(
            error,
            "-device %s: -machine %s has no virtio-mmio slots; the cards of QEMU's board of that "
            "name are not there, either (-nic none)",
            device->text, options->machine.board->name);
    if (n < 0)
        return error_set(error, "-device %s: all %u virtio-mmio slots are taken", device->text, slot_count);
    if (slots[n].model)
        return error_set(error, "-device %s: the slot virtio-mmio-bus.%d is taken by another device",
                         device->text, n);
    return options_join_backend(options, device, &slots[n], error);
}

static bool plug_card(struct options *options, struct options_drive *drive, struct error *error)
{
    const struct board *board = options->machine.board;
    if (!board->has_sd)
        return error_set(error, "-drive file=%s,if=sd: -machine %s has no slot for an SD card",
                         drive->blockdev.path, board->name);
    if (options->machine.sd.path)
        return error_set(error, "-drive file=%s,if=sd: the slot is taken by %s", drive->blockdev.path,
                         options->machine.sd.path);
    options->machine.sd = drive->blockdev;
    drive->used = true;
    return true;
}

/* Plugs in the drives that need no -device: those with if=virtio, or without if= and not used by a device.
 * They are on the PCI bus, as under QEMU. */
static bool plug_drives(struct options *options, struct error *error)
{
    for (unsigned i = 0; i < options->drive_count; i++) {
        struct options_drive *drive = &options->drives[i];
        if (drive->used)
            continue;
        if (drive->interface == OPTIONS_IF_NONE) {
            if (!drive->node)
                log_warn("-drive file=%s,if=none: no -device uses it",
                         drive->blockdev.path ? drive->blockdev.path : "");
            continue;
        }
        if (drive->interface == OPTIONS_IF_SD) {
            if (!plug_card(options, drive, error))
                return false;
            continue;
        }
        char what[128];
        snprintf(what, sizeof(what), "-drive file=%s", drive->blockdev.path);
        struct options_device device = { .on_pci = true, .pci.vectors = VIRTIO_PCI_VECTORS_DEFAULT };
        struct machine_pci *function = options_place_pci(options, &device, what, error);
        if (!function)
            return false;
        function->plug = (struct machine_plug){
            .model = &virtio_blk_model,
            .drive = drive->blockdev,
            .drive_id = drive->id,
        };
        drive->used = true;
    }
    return true;
}

/* A file of the machine's past is written or read: a network would end the recording. */
static bool is_recorded(const struct options *options)
{
    return options->machine.record_file || options->machine.replay_file || options->rr != OPTIONS_RR_NONE;
}

/* Plugs in the default network card, unless the command line mentions the network, no slot is free, or the
 * machine is recorded. */
static bool plug_default_card(struct options *options, struct error *error)
{
    bool room = false;
    for (unsigned n = 0; n < options->machine.board->virtio_slots; n++)
        room |= !options->machine.virtio[n].model;
    if (options->nodefaults || options->net_asked || !room || options->device_count == OPTIONS_ITEMS_MAX ||
        is_recorded(options))
        return true;
    return options_add_default_card(options, error) &&
           plug(options, &options->devices[options->device_count - 1], error);
}

static bool join_serial(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    /* A monitor that asks for the terminal gets it, unless the command line gives it to the console. */
    for (unsigned i = 0; i < options->monitor_count && !machine->serial && !options->nographic; i++) {
        if (strcmp(options->monitors[i].chardev, "stdio") == 0)
            machine->serial = "null";
    }
    if (!machine->serial && (machine->board->bare || options->nodefaults || options->process.daemonize ||
                             (options->screen.view == OPTIONS_VIEW_NONE && !options->nographic)))
        machine->serial = "null";
    if (!machine->serial)
        machine->serial = "mon:stdio";
    machine->serial = options_find_chardev(options, "-serial", machine->serial, error);
    for (unsigned n = 0; n < MACHINE_SPARE_SERIALS && machine->serial; n++) {
        const char **spare = &machine->spare_serials[n];
        if (*spare && !(*spare = options_find_chardev(options, "-serial", *spare, error)))
            return false;
    }
    return machine->serial != NULL;
}

/* A user of the terminal; those that share a chardev with mux=on (*shared) count once. */
static unsigned count_terminal(const char *chardev, const char **shared)
{
    if (!chardev || !chardev_is_stdio(chardev) || chardev == *shared)
        return 0;
    if (chardev_has_escapes(chardev))
        *shared = chardev;
    return 1;
}

/* Returns how many of the device's ports use stdio. */
static unsigned uses_stdio(const struct machine_plug *device, const char **shared)
{
    unsigned users = 0;
    for (unsigned n = 0; n < device->port_count; n++)
        users += count_terminal(device->ports[n].chardev, shared);
    return users;
}

unsigned options_count_terminals(const struct options *options)
{
    const char *shared = NULL;
    unsigned users = count_terminal(options->machine.serial, &shared);
    users += options->machine.gdb && strncmp(options->machine.gdb, "stdio", 5) == 0;
    for (unsigned i = 0; i < options->machine.board->virtio_slots; i++)
        users += uses_stdio(&options->machine.virtio[i], &shared);
    for (unsigned i = 0; i < options->machine.pci_count; i++)
        users += uses_stdio(&options->machine.pci[i].plug, &shared);
    for (unsigned i = 0; i < MACHINE_SPARE_SERIALS; i++)
        users += count_terminal(options->machine.spare_serials[i], &shared);
    const char *semihosting = options->machine.semihosting.chardev;
    if (semihosting && strcmp(semihosting, options->machine.serial) != 0)
        users += count_terminal(semihosting, &shared);
    for (unsigned i = 0; i < options->monitor_count; i++)
        users += options->monitors[i].is_stdio && !options->monitors[i].console;
    return users;
}

/* The terminal can have only one reader. */
static bool check_stdio(const struct options *options, struct error *error)
{
    unsigned users = options_count_terminals(options);
    return users <= 1 ||
           error_set(error,
                     "stdio is used by %u consoles and monitors; give one of them -serial null or another "
                     "-chardev",
                     users);
}

static bool unknown_board(const char *name, struct error *error)
{
    char names[128] = "";
    for (const struct board *const *known = boards; *known; known++) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof(names) - length, "%s%s", length ? ", " : "", (*known)->name);
    }
    return options_bad_value(error, "-machine", name, names);
}

static bool check_aia(const struct options *options, struct error *error)
{
    const struct machine_config *machine = &options->machine;
    bool files = machine->aia == MACHINE_AIA_APLIC_IMSIC;
    if (machine->aia != MACHINE_AIA_NONE && !machine->board->has_aia)
        return error_set(error, "-machine %s has no aia=: virt has", machine->board->name);
    if (machine->iommu_sys && !machine->board->has_iommu)
        return error_set(error, "-machine %s has no iommu-sys=: virt has", machine->board->name);
    return !(files && machine->aclint) ||
           error_set(error,
                     "-machine aclint=on,aia=aplic-imsic: the timer would be elsewhere, which this version "
                     "does not have; aclint=off works");
}

/* Fills in what the command line leaves to the board, and checks the board's limits. */
static bool join_board(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (options->bad_machine)
        return unknown_board(options->bad_machine, error);
    const struct board *board = machine->board;
    if (options->has_u_keys && !board->has_msel)
        return error_set(error, "-machine %s has no msel=, start-in-flash= and serial=: sifive_u has",
                         board->name);
    if (!check_aia(options, error))
        return false;
    if (options->start_in_flash)
        machine->msel = MACHINE_MSEL_FLASH;
    if (!machine->smp)
        machine->smp = board->smp;
    if (!machine->ram_size)
        machine->ram_size = board->ram_size;
    if (!options_join_record(options, error) || !options_join_memory(options, error))
        return false;
    return machine->ram_size <= board->ram_max ||
           error_set(error, "-m %s: too much; the board takes up to %" PRIu64 "%s",
                     options->memory ? options->memory : "",
                     board->ram_max >> (board->ram_max >> 30 ? 30 : 10), board->ram_max >> 30 ? "G" : "K");
}

/* Makes the board of -machine dt, which all that follows asks for what it has. */
static bool join_tree(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (!machine->board->of_tree)
        return true;
    if (!machine->dtb)
        return error_set(error, "-machine %s needs a device tree: dtb=FILE", machine->board->name);
    options->tree_board = board_from_tree(machine->dtb, error);
    if (options->tree_board)
        machine->board = options->tree_board;
    return options->tree_board != NULL;
}

bool options_join(struct options *options, struct error *error)
{
    if (!join_tree(options, error) || !options_join_accel(options, error) ||
        !options_join_cpu(options, error) || !join_board(options, error))
        return false;
    for (unsigned i = 0; i < options->drive_count; i++) {
        struct options_drive *drive = &options->drives[i];
        if (options->snapshot && !drive->snapshot_off)
            drive->blockdev.snapshot = true;
    }
    if (!options_join_pflash(options, error) || !options_join_net(options, error))
        return false;
    for (unsigned pass = 0; pass < 2; pass++) { /* devices with a slot of their own come first */
        for (unsigned i = 0; i < options->device_count; i++) {
            const struct options_device *device = &options->devices[i];
            if (device->model->buses & DEVICE_BUS_USB)
                continue;
            bool placed = device->on_pci ? device->place.given : device->slot >= 0;
            if (placed == (pass == 0) && !plug(options, device, error))
                return false;
        }
    }
    if (!options_join_units(options, error))
        return false;
    for (unsigned i = 0; i < options->device_count; i++)
        if (options->devices[i].model->buses & DEVICE_BUS_USB &&
            !options_plug_usb(options, &options->devices[i], NULL, error))
            return false;
    if (options->machine.initrd && !options->machine.kernel)
        return error_set(error, "-initrd %s: there is no -kernel to use it", options->machine.initrd);
    if (options->machine.append && !options->machine.kernel)
        return error_set(error, "-append: there is no -kernel to read it");
    if (!plug_drives(options, error) || !plug_default_card(options, error) ||
        !options_check_pci(options, error))
        return false;
    options_warn_netdevs(options);
    return join_serial(options, error) && options_join_semihosting(options, error) &&
           options_join_monitors(options, error) && check_stdio(options, error) &&
           options_join_process(options, error) && options_strip_replay(options, error);
}
