/* SPDX-License-Identifier: MIT
 *
 * -device: what is plugged into the board. The kinds of devices and their keys are in devices/catalog/; this
 * file has the names that the user writes, and the keys that each bus adds.
 */
#include <string.h>

#include "devices/catalog/catalog.h"
#include "devices/pci/msix.h"
#include "devices/platform/ramfb.h"
#include "devices/platform/vmcoreinfo.h"
#include "devices/virtio/virtio.h"
#include "frontend/options/keys.h"

#define MMIO_SUFFIX "-device"

/* Suffixes of names on the PCI bus, and what they mean for the legacy interface. */
static const struct {
    const char *text;
    enum virtio_pci_legacy legacy;
} pci_suffixes[] = {
    { "-pci", VIRTIO_PCI_LEGACY_AUTO },
    { "-pci-transitional", VIRTIO_PCI_LEGACY_ON },
    { "-pci-non-transitional", VIRTIO_PCI_LEGACY_OFF },
    { "", VIRTIO_PCI_LEGACY_AUTO }, /* QEMU's short names */
};

/* Devices of QEMU that scripts use, as a prefix or a whole name, and what the message says about them. */
static const struct {
    const char *name;
    bool prefix;
    const char *text;
} later_devices[] = {
    { "e1000-", true, "use e1000 or e1000e" },
    { "rtl8139", true, "use virtio-net-device" },
    { "virtio-gpu-gl", true, "use virtio-gpu-pci" },
    { "virtio-vga-", true, "use virtio-vga" },
    { "VGA", false, "use virtio-vga or bochs-display" },
    { "usb-", true, "there are usb-kbd, usb-tablet, usb-mouse, usb-hub and usb-storage" },
    { "ich9-usb-", true, "use ich9-usb-ehci1 without companions, or qemu-xhci" },
    { "piix", true, "use qemu-xhci" },
    { "pci-ohci", false, "use usb-ehci or qemu-xhci" },
    { "vhost", true, "there is no vhost" },
    { "scsi-", true, "there are scsi-hd and scsi-cd" },
    { "nvme-", true, "-device nvme has one namespace, its drive=" },
    { "pcie-", true, "there are pcie.0, pcie-root-port and pcie-pci-bridge" },
    { "pxb", true, "the board has one root bus: there are pcie-root-port and pcie-pci-bridge" },
    { "intel-hda", false, "use virtio-sound-pci" },
    { "ich9-intel-hda", false, "use virtio-sound-pci" },
    { "hda-", true, "use virtio-sound-pci" },
    { "AC97", false, "use virtio-sound-pci" },
    { "ES1370", false, "use virtio-sound-pci" },
    { "guest-loader", false, "use -device loader" },
    { "ati-vga", false, "use virtio-vga or bochs-display" },
    { "cirrus-vga", false, "use virtio-vga or bochs-display" },
    { "secondary-vga", false, "use virtio-vga or bochs-display" },
    { "sdhci-pci", false, "use usb-storage or virtio-blk-pci" },
    { "ufs", true, "use nvme or virtio-scsi-pci" },
    { "megasas", true, "use virtio-scsi-pci" },
    { "mptsas1068", false, "use virtio-scsi-pci" },
    { "lsi53c8", true, "use virtio-scsi-pci" },
    { "am53c974", false, "use virtio-scsi-pci" },
    { "dc390", false, "use virtio-scsi-pci" },
    { "pvscsi", false, "use virtio-scsi-pci" },
    { "ide-cf", false, "use ide-hd" },
    { "ne2k_pci", false, "use virtio-net-pci or e1000" },
    { "pcnet", false, "use virtio-net-pci or e1000" },
    { "tulip", false, "use virtio-net-pci or e1000" },
    { "i825", true, "use virtio-net-pci or e1000" },
    { "vmxnet3", false, "use virtio-net-pci or e1000e" },
    { "igb", false, "use virtio-net-pci or e1000e" },
    { "rocker", false, "use virtio-net-pci" },
    { "virtio-iommu", true, "use riscv-iommu-pci" },
    { "virtio-crypto", true, "the harts have cryptography: -cpu max" },
    { "virtio-pmem", true, "use virtio-blk-pci, or -object memory-backend-file,share=on" },
    { "virtio-mem", true, "give the memory by -m; virtio-balloon-pci gives it back" },
    { "virtio-multitouch", true, "use virtio-tablet-pci" },
    { "virtio-input-host", true, "windows and viewers have the keys and pointers" },
    { "ivshmem", true, "there are ivshmem-plain and ivshmem-doorbell" },
    { "vfio", true, "no device of the host is passed through" },
    { "tpm-", true, "the board has no TPM" },
    { "pci-serial", true, "use virtio-serial-pci" },
    { "pci-testdev", false, "use edu" },
};

/* ---- Names --------------------------------------------------------------------------------------------- */

/* All models that -device knows; NULL after the last. */
static const struct device_model *model_at(size_t number)
{
    size_t count = 0;
    while (device_catalog[count])
        count++;
    return number < count        ? device_catalog[number]
           : number == count     ? &options_loader_model
           : number == count + 1 ? &options_guest_loader_model
                                 : NULL;
}

/* Returns whether `name` is the model's name or alias with the suffix of a bus. */
static bool is_called(const char *name, const char *stem, const struct device_model *model,
                      struct options_device *device)
{
    size_t length = stem ? strlen(stem) : 0;
    if (!stem || strncmp(name, stem, length) != 0)
        return false;
    device->on_pci = model->buses == DEVICE_BUS_PCI;
    if (!(model->buses & DEVICE_BUS_MMIO))
        return !name[length];
    if (strcmp(name + length, MMIO_SUFFIX) == 0)
        return true;
    for (size_t n = 0; n < sizeof(pci_suffixes) / sizeof(pci_suffixes[0]); n++) {
        if (strcmp(name + length, pci_suffixes[n].text) == 0) {
            device->on_pci = true;
            device->pci.legacy = pci_suffixes[n].legacy;
            return true;
        }
    }
    return false;
}

bool options_name_device(const char *name, struct options_device *device)
{
    const struct device_model *model;
    for (size_t n = 0; (model = model_at(n)); n++) {
        *device =
            (struct options_device){ .model = model, .slot = -1, .pci.vectors = VIRTIO_PCI_VECTORS_DEFAULT };
        if (is_called(name, model->name, model, device) || is_called(name, model->alias, model, device))
            return true;
    }
    return false;
}

static bool unknown_device(const char *name, struct error *error)
{
    const char *names[64];
    char full[63][32];
    size_t count = 0;
    const struct device_model *model;
    for (size_t i = 0; i < sizeof(later_devices) / sizeof(later_devices[0]); i++) {
        const char *known = later_devices[i].name;
        if (later_devices[i].prefix ? strncmp(name, known, strlen(known)) == 0 : strcmp(name, known) == 0)
            return error_set(error, "-device %s: this version does not have it: %s", name,
                             later_devices[i].text);
    }
    for (; count < sizeof(full) / sizeof(full[0]) && (model = model_at(count)); count++) {
        snprintf(full[count], sizeof(full[count]), "%s%s", model->name,
                 model->buses & DEVICE_BUS_MMIO ? MMIO_SUFFIX : "");
        names[count] = full[count];
    }
    names[count] = NULL;
    const char *nearest = option_nearest(name, names);
    return error_set(error, "-device %s: unknown device%s%s (-device help lists all)", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

/* ---- Keys of the buses --------------------------------------------------------------------------------- */

static const struct device_key id_keys[] = {
    { "id", DEVICE_KEY_TEXT, "its name, for the monitor", DEVICE_SETTING(id) },
    { .name = NULL },
};
static const struct device_key slot_keys[] = {
    { "bus", DEVICE_KEY_SLOT, "its slot; without it, the highest that is free",
      DEVICE_KEY_VALUE(struct options_device, slot) },
    { .name = NULL },
};
static const struct device_key pci_keys[] = {
    { "bus", DEVICE_KEY_PCI_BUS, "its bus", DEVICE_KEY_VALUE(struct options_device, bus) },
    { "addr", DEVICE_KEY_PCI_PLACE, "its place; without it, the first slot that is free",
      DEVICE_KEY_VALUE(struct options_device, place) },
    { "multifunction", DEVICE_KEY_SWITCH, "other functions share its slot",
      DEVICE_KEY_VALUE(struct options_device, pci.multifunction) },
    { "disable-legacy", DEVICE_KEY_AUTO, "without the interface of before Virtio 1.0",
      DEVICE_KEY_VALUE(struct options_device, pci.legacy) },
    { "disable-modern", DEVICE_KEY_SWITCH, "without the interface of Virtio 1",
      DEVICE_KEY_VALUE(struct options_device, pci.no_modern) },
    { "vectors", DEVICE_KEY_NUMBER, "of MSI-X; without it, as many as it can use",
      DEVICE_KEY_VALUE(struct options_device, pci.vectors), .most = PCI_MSIX_VECTORS_MAX },
    { "romfile", DEVICE_KEY_EMPTY, "option ROM",
      .limit = "this version has no option ROMs; romfile= is accepted" },
    { .name = NULL },
};
static const struct device_key usb_keys[] = {
    { "bus", DEVICE_KEY_TEXT, "ID.0, of a USB controller with id=ID; without it, the last before it",
      DEVICE_SETTING(carrier) },
    { "port", DEVICE_KEY_TEXT, "its port; without it, the first that is free", DEVICE_SETTING(usb_port) },
    { .name = NULL },
};
static const struct device_key virtio_keys[] = {
    { "indirect_desc", DEVICE_KEY_FEATURE, "indirect descriptors", DEVICE_FEATURE(VIRTIO_F_INDIRECT_DESC) },
    { "event_idx", DEVICE_KEY_FEATURE, "fewer notifications", DEVICE_FEATURE(VIRTIO_F_EVENT_IDX) },
    { "packed", DEVICE_KEY_OFF, "packed queues", .limit = "this version has split queues" },
    { "iommu_platform", DEVICE_KEY_SWITCH, "addresses go through the IOMMU", DEVICE_SETTING(iommu_platform) },
    { "ats", DEVICE_KEY_OFF, "translations of an IOMMU are kept", .limit = "the IOMMU has no ATS" },
    { .name = NULL },
};
/* The values of DEVICE_KEY_AUTO have this order. */
_Static_assert(VIRTIO_PCI_LEGACY_AUTO == 0 && VIRTIO_PCI_LEGACY_ON == 1 && VIRTIO_PCI_LEGACY_OFF == 2,
               "disable-legacy=off is 1, and means that it is on");

void options_device_keys(struct options_device *device, struct options_keys lists[OPTIONS_KEY_LISTS])
{
    static const struct device_key none[] = { { .name = NULL } };
    const struct device_model *model = device->model;
    void *settings = &device->settings;
    unsigned count = 0;
    lists[count++] = (struct options_keys){ model->keys, settings, model->name };
    if (!options_is_loader(model))
        lists[count++] = (struct options_keys){ id_keys, settings, NULL };
    if (model->buses & DEVICE_BUS_MMIO)
        lists[count++] = (struct options_keys){ virtio_keys, settings, "virtio" };
    if (device->on_pci)
        lists[count++] = (struct options_keys){ pci_keys, device, "pci" };
    else if (model->buses & DEVICE_BUS_MMIO)
        lists[count++] = (struct options_keys){ slot_keys, device, NULL };
    if (model->buses & DEVICE_BUS_USB)
        lists[count++] = (struct options_keys){ usb_keys, settings, "usb" };
    if (model->backend == DEVICE_BACKEND_DISK)
        lists[count++] = (struct options_keys){ none, NULL, "disk" };
    lists[count] = (struct options_keys){ NULL, NULL, NULL };
}

/* ---- Help ---------------------------------------------------------------------------------------------- */

static void print_name(const char *stem, const char *suffix, const char *text, FILE *out)
{
    char name[40];
    snprintf(name, sizeof(name), "%s%s", stem, suffix);
    fprintf(out, "%-22s %s", name, text);
}

static void print_model(const struct device_model *model, FILE *out)
{
    bool slots = model->buses & DEVICE_BUS_MMIO;
    print_name(model->name, slots ? MMIO_SUFFIX : "", model->text, out);
    for (const struct device_key *key = model->keys; key->name; key++)
        fprintf(out, "%s %s=", key == model->keys ? ":" : ",", key->name);
    fputc('\n', out);
    if (slots)
        print_name(model->name, "-pci", "the same on the PCI bus\n", out);
    if (slots && model->alias) {
        print_name(model->alias, MMIO_SUFFIX, "the same\n", out);
        print_name(model->alias, "-pci", "the same on the PCI bus\n", out);
    }
}

void options_print_devices(const char *name, FILE *out)
{
    const struct device_model *model;
    struct options_device device;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    if (name && options_name_device(name, &device)) {
        fprintf(out, "%s: %s\n", name, device.model->text);
        options_device_keys(&device, lists);
        options_print_keys(lists, out);
        return;
    }
    for (size_t n = 0; (model = model_at(n)); n++)
        print_model(model, out);
    fprintf(out, "-device NAME,help says what the keys of one take.\n");
}

/* ---- -device ------------------------------------------------------------------------------------------- */

/* Takes a device that is a file of fw_cfg. *there: whether the machine has it. */
static bool take_file(const struct device_model *model, bool *there, const struct option_pairs *pairs,
                      struct error *error)
{
    struct options_device device = { .model = model };
    struct options_keys lists[OPTIONS_KEY_LISTS];
    char flag[64];
    if (*there)
        return error_set(error, "-device %s: fw_cfg has room for one, and it was given twice", model->name);
    *there = true;
    options_device_keys(&device, lists);
    snprintf(flag, sizeof(flag), "-device %s", model->name);
    return options_take_keys(lists, pairs, flag, error);
}

/* Takes the keys of a device; `device` has its name and its bus already. */
static bool take_plugged(struct options *options, struct options_device *device, const char *flag,
                         const struct option_pairs *pairs, struct error *error)
{
    struct options_keys lists[OPTIONS_KEY_LISTS];
    if (options->device_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-device %s: too many devices", device->text);
    options_device_keys(device, lists);
    if (!options_take_keys(lists, pairs, flag, error))
        return false;
    options->net_asked |= device->model->backend == DEVICE_BACKEND_NETWORK;
    options->devices[options->device_count++] = *device;
    return true;
}

/* Is there a device of that id already? Ports of consoles have names of their own. */
static bool id_is_taken(const struct options *options, const char *id)
{
    const struct machine_config *machine = &options->machine;
    for (unsigned n = 0; n < options->device_count; n++)
        if (options->devices[n].settings.id && strcmp(options->devices[n].settings.id, id) == 0)
            return true;
    for (unsigned n = 0; n < machine->unit_count; n++)
        if (machine->units[n].settings.id && strcmp(machine->units[n].settings.id, id) == 0)
            return true;
    return false;
}

bool options_take_device(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    struct options_device device;
    char flag[64];
    if (options_is_help(argument)) {
        options->action = OPTIONS_LIST_DEVICES;
        return true;
    }
    if (!option_pairs_split(&pairs, &options->strings, argument, "driver", error))
        return false;
    const char *name = option_pairs_take(&pairs, "driver"); /* the others are the device's keys */
    if (!name || !*name)
        return error_set(error, "-device %s: the device's name is missing", argument);
    if (!options_name_device(name, &device))
        return unknown_device(name, error);
    for (unsigned n = 0; n < pairs.count; n++) {
        if (!pairs.pairs[n].value && options_is_help(pairs.pairs[n].key)) {
            options->action = OPTIONS_LIST_DEVICES;
            options->help_with = name;
            return true;
        }
    }
    device.text = argument;
    snprintf(flag, sizeof(flag), "-device %s", name);
    if (device.model == &options_loader_model)
        return options_take_loader(options, &pairs, error);
    if (device.model == &options_guest_loader_model)
        return options_take_guest_loader(options, &pairs, error);
    if (device.model == &ramfb_model)
        return take_file(device.model, &options->machine.ramfb, &pairs, error);
    if (device.model == &vmcoreinfo_model)
        return take_file(device.model, &options->machine.vmcoreinfo, &pairs, error);
    const char *id = option_pairs_get(&pairs, "id");
    if (id && id_is_taken(options, id))
        return error_set(error, "%s: Duplicate ID '%.60s' for device", flag, id);
    if (!options_add_globals(options, name, &device, &pairs, error))
        return false;
    if (device.model->buses & DEVICE_BUS_SERIAL)
        return options_take_port(options, &device, &pairs, error);
    if (device.model->buses & (DEVICE_BUS_SCSI | DEVICE_BUS_IDE))
        return options_take_unit(options, &device, &pairs, error);
    return take_plugged(options, &device, flag, &pairs, error);
}
