/* SPDX-License-Identifier: MIT
 *
 * Items that firmware finds in fw_cfg besides a kernel: the order of devices that the user wants
 * (bootindex=), -boot, the machine's UUID, SMBIOS tables, and the files of -fw_cfg. Names, keys and forms are
 * those of QEMU (docs/specs/fw_cfg of QEMU; paths of devices as in OpenFirmware), which EDK2 and U-Boot read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/platform/fw_cfg.h"
#include "machine/internal.h"

enum { KEY_UUID = 0x02, KEY_BOOT_MENU = 0x0e };

/* ---- bootorder ----------------------------------------------------------------------------------------- */

struct candidate {
    unsigned index; /* the number that the user gave */
    char path[128];
};

#define CANDIDATES_MAX (MACHINE_VIRTIO_SLOTS_MAX + MACHINE_PCI_MAX + MACHINE_UNITS_MAX + MACHINE_USB_MAX)

static bool is_disk(const struct machine_plug *plug)
{
    return plug->model->backend == DEVICE_BACKEND_DISK || plug->model->backend == DEVICE_BACKEND_UNITS;
}

static const char *unit_of(const struct machine_plug *plug)
{
    if (plug->model->boot_unit)
        return plug->model->boot_unit;
    return is_disk(plug) ? "disk@0,0" : "ethernet-phy@0";
}

static const char *node_of(const struct machine_plug *plug)
{
    if (plug->model->boot_node)
        return plug->model->boot_node;
    return is_disk(plug) ? "scsi" : "ethernet";
}

/* Appends "/pci-bridge@1" for each bridge between the root bus and the function, from the root on. */
static void put_bridges(const struct machine *machine, const struct machine_pci *pci, char *path, size_t size)
{
    for (unsigned n = 0; pci->bus && n < machine->config.pci_count; n++) {
        const struct machine_pci *bridge = &machine->config.pci[n];
        const char *id = bridge->plug.model && bridge->plug.model->bridge ? bridge->plug.settings.id : NULL;
        if (!id || strcmp(id, pci->bus) != 0)
            continue;
        put_bridges(machine, bridge, path, size);
        size_t used = strlen(path);
        snprintf(path + used, size - used, "/pci-bridge@%x", bridge->slot);
        used = strlen(path);
        if (bridge->function)
            snprintf(path + used, size - used, ",%x", bridge->function);
        return;
    }
}

/* Adds the device at `path`, and what is on it. */
static unsigned add_candidates(const struct machine *machine, const struct machine_plug *plug,
                               const char *path, struct candidate *list, unsigned count)
{
    if (plug->settings.boot_index) {
        list[count].index = plug->settings.boot_index;
        snprintf(list[count++].path, sizeof(list->path), "%s/%s", path, unit_of(plug));
    }
    for (unsigned n = 0; plug->controller && n < machine->config.unit_count; n++) {
        const struct machine_unit *unit = &machine->config.units[n];
        if (unit->controller != plug->controller || !unit->settings.boot_index)
            continue;
        list[count].index = unit->settings.boot_index;
        if (unit->model->buses & DEVICE_BUS_IDE)
            snprintf(list[count++].path, sizeof(list->path), "%s/drive@%x/disk@0", path,
                     unit->settings.target - 1);
        else
            snprintf(list[count++].path, sizeof(list->path), "%s/channel@0/disk@%x,%x", path,
                     unit->settings.target - 1, unit->settings.lun - 1);
    }
    return count;
}

/* Adds the disks on a USB controller. Those behind hubs have a port like "2.3". */
static unsigned add_usb(const struct machine *machine, unsigned controller, const char *path,
                        struct candidate *list, unsigned count)
{
    for (unsigned n = 0; n < machine->config.usb_count; n++) {
        const struct machine_usb *usb = &machine->config.usb[n];
        if (!usb->plug.model || usb->controller != controller || !usb->plug.settings.boot_index)
            continue;
        struct candidate *found = &list[count++];
        const char *port = usb->path, *dot;
        found->index = usb->plug.settings.boot_index;
        int used = snprintf(found->path, sizeof(found->path), "%s", path);
        for (; (dot = strchr(port, '.')) && used < (int)sizeof(found->path); port = dot + 1)
            used += snprintf(found->path + used, sizeof(found->path) - (size_t)used, "/hub@%.*s",
                             (int)(dot - port), port);
        if (used < (int)sizeof(found->path))
            snprintf(found->path + used, sizeof(found->path) - (size_t)used, "/storage@%s/channel@0/disk@0,0",
                     port);
    }
    return count;
}

static unsigned find_candidates(const struct machine *machine, struct candidate *list)
{
    unsigned count = 0;
    char path[72];
    for (unsigned n = 0; n < machine->device_count; n++) {
        const struct machine_plug *plug = machine->plugs[n];
        if (!plug || !plug->model)
            continue;
        snprintf(path, sizeof(path), "/virtio-mmio@%016" PRIx64, machine->devices[n].place.base);
        count = add_candidates(machine, plug, path, list, count);
    }
    for (unsigned n = 0; n < machine->config.pci_count; n++) {
        const struct machine_pci *pci = &machine->config.pci[n];
        char function[16] = "", bridges[32] = "";
        if (!pci->plug.model)
            continue;
        if (pci->function)
            snprintf(function, sizeof(function), ",%x", pci->function);
        put_bridges(machine, pci, bridges, sizeof(bridges));
        /* QEMU's riscv boards know no address for the bridge there. */
        snprintf(path, sizeof(path), "/pci@ffffffffffffffff%s/%s@%x%s", bridges, node_of(&pci->plug),
                 pci->slot, function);
        count = add_candidates(machine, &pci->plug, path, list, count);
        count = add_usb(machine, n, path, list, count);
    }
    return count;
}

static int by_index(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static bool add_order(struct machine *machine, struct error *error)
{
    struct candidate list[CANDIDATES_MAX];
    char text[CANDIDATES_MAX * sizeof(list->path) + 8];
    size_t length = 0;
    unsigned count = find_candidates(machine, list);
    qsort(list, count, sizeof(list[0]), by_index);
    for (unsigned n = 0; n < count; n++) {
        if (n && list[n].index == list[n - 1].index)
            return error_set(error, "two devices have bootindex=%u", list[n].index - 1);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", n ? "\n" : "", list[n].path);
    }
    if (count && machine->config.boot.strict)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\nHALT");
    return !count || fw_cfg_add_file(machine->fw_cfg, "bootorder", text, (uint32_t)length + 1, error);
}

/* ---- -boot, -uuid, -smbios, -fw_cfg -------------------------------------------------------------------- */

static bool add_number(struct device *fw_cfg, const char *name, uint32_t number, uint32_t size,
                       struct error *error)
{
    const uint8_t bytes[4] = { (uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                               (uint8_t)(number >> 24) };
    return fw_cfg_add_file(fw_cfg, name, bytes, size, error);
}

static bool add_boot(struct machine *machine, struct error *error)
{
    const struct machine_boot *boot = &machine->config.boot;
    const uint8_t menu[2] = { boot->menu, 0 };
    return (!boot->menu || fw_cfg_add_item(machine->fw_cfg, KEY_BOOT_MENU, menu, sizeof(menu), error)) &&
           (!boot->has_wait || add_number(machine->fw_cfg, "etc/boot-menu-wait", boot->wait_ms, 2, error)) &&
           (!boot->has_fail_wait ||
            add_number(machine->fw_cfg, "etc/boot-fail-wait", boot->fail_wait_ms, 4, error));
}

static bool add_smbios(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    struct smbios_config smbios = config->smbios;
    uint8_t anchor[SMBIOS_ANCHOR_SIZE], *tables;
    size_t length;
    smbios.product = "Rvive virtual machine";
    smbios.version = config->board->name;
    smbios.harts = config->smp;
    smbios.xlen = config->isa.xlen;
    smbios.ram_base = config->board->ram_base;
    smbios.ram_size = config->ram_size;
    if (!smbios.wanted)
        return true;
    if (smbios.has_uuid &&
        !fw_cfg_add_item(machine->fw_cfg, KEY_UUID, smbios.uuid, sizeof(smbios.uuid), error))
        return false;
    if (!smbios_build(&smbios, &tables, &length, anchor, error))
        return false;
    bool ok = fw_cfg_add_file(machine->fw_cfg, "etc/smbios/smbios-tables", tables, (uint32_t)length, error) &&
              fw_cfg_add_file(machine->fw_cfg, "etc/smbios/smbios-anchor", anchor, sizeof(anchor), error);
    free(tables);
    return ok;
}

static bool add_file(struct device *fw_cfg, const struct machine_fw_file *item, struct error *error)
{
    struct error why;
    uint8_t *bytes;
    uint32_t length;
    if (item->text)
        return fw_cfg_add_file(fw_cfg, item->name, item->text, (uint32_t)strlen(item->text), error);
    if (!boot_read_file(item->file, &bytes, &length, &why))
        return error_set(error, "-fw_cfg name=%s: %s", item->name, why.text);
    bool ok = fw_cfg_add_file(fw_cfg, item->name, bytes, length, error);
    free(bytes);
    return ok;
}

bool boot_add_fw_items(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    if (!machine->fw_cfg)
        return (!config->fw_file_count && !config->smbios.wanted) ||
               error_set(error, "-machine %s has no fw_cfg: -fw_cfg, -smbios and -uuid have no place there",
                         config->board->name);
    for (unsigned n = 0; n < config->fw_file_count; n++)
        if (!add_file(machine->fw_cfg, &config->fw_files[n], error))
            return false;
    return add_order(machine, error) && add_boot(machine, error) && add_smbios(machine, error);
}
