/* SPDX-License-Identifier: MIT
 *
 * Devices on the PCI bus: every virtio-X-device of the table of devices is virtio-X-pci too, with the keys of
 * a PCI function beside its own. Places are given out as QEMU does: who asks for one has it, the others get
 * the first slot that is empty, in the order of the command line.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/pci/msix.h"
#include "frontend/options/options.h"

#define BUS_NAME    "pcie.0"
#define MMIO_SUFFIX "-device"

/* Ends of names, and what they say of the legacy interface. */
static const struct {
    const char *text;
    enum virtio_pci_legacy legacy;
} suffixes[] = {
    { "-pci", VIRTIO_PCI_LEGACY_AUTO },
    { "-pci-transitional", VIRTIO_PCI_LEGACY_ON },
    { "-pci-non-transitional", VIRTIO_PCI_LEGACY_OFF },
    { "", VIRTIO_PCI_LEGACY_AUTO }, /* QEMU's short names */
};

/* Length of "virtio-X" of a row's name; 0: it is no virtio device. */
static size_t stem_length(const char *known)
{
    size_t length = strlen(known), suffix = strlen(MMIO_SUFFIX);
    bool is_virtio = length > suffix && strcmp(known + length - suffix, MMIO_SUFFIX) == 0;
    return is_virtio ? length - suffix : 0;
}

void options_print_pci_name(const char *known, FILE *out)
{
    size_t stem = stem_length(known);
    if (stem)
        fprintf(out, "%.*s-pci%*s the same on the PCI bus\n", (int)stem, known,
                stem < 18 ? (int)(18 - stem) : 0, "");
}

bool options_names_device(const char *name, const char *known, struct options_device *device)
{
    size_t stem = stem_length(known);
    if (strcmp(name, known) == 0)
        return true;
    if (!stem || strncmp(name, known, stem) != 0)
        return false;
    for (size_t n = 0; n < sizeof(suffixes) / sizeof(suffixes[0]); n++) {
        if (strcmp(name + stem, suffixes[n].text) == 0) {
            device->on_pci = true;
            device->pci.legacy = suffixes[n].legacy;
            return true;
        }
    }
    return false;
}

/* ---- Keys ----------------------------------------------------------------------------------------- */

static bool pci_bus(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)item;
    return (value && strcmp(value, BUS_NAME) == 0) ||
           error_set(error, "-device bus=%s: no such bus for a PCI device; there is " BUS_NAME,
                     value ? value : "");
}

static bool parse_hex(const char **text, unsigned limit, unsigned *number)
{
    char *end;
    if (!strchr("0123456789abcdefABCDEF", **text) || !**text)
        return false;
    unsigned long value = strtoul(*text, &end, 16);
    *number = (unsigned)value;
    *text = end;
    return value < limit;
}

/* SLOT[.FUNCTION], hexadecimal as lspci prints it. */
static bool pci_addr(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    struct options_device *device = item;
    const char *at = value ? value : "";
    device->has_addr = parse_hex(&at, PCI_SLOTS, &device->pci.slot);
    if (device->has_addr && *at == '.') {
        at++;
        device->has_addr = parse_hex(&at, PCI_FUNCTIONS, &device->pci.function);
    }
    return (device->has_addr && !*at) ||
           error_set(error,
                     "-device addr=%s: not SLOT or SLOT.FUNCTION with SLOT up to %x, FUNCTION up to %x",
                     value ? value : "", PCI_SLOTS - 1, PCI_FUNCTIONS - 1);
}

static bool pci_multifunction(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return option_parse_switch(value, &((struct options_device *)item)->pci.multifunction) ||
           options_bad_value(error, "-device multifunction", value, "on, off");
}

static bool pci_disable_legacy(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    bool disable = false, is_auto = value && strcmp(value, "auto") == 0;
    if (!is_auto && !option_parse_switch(value, &disable))
        return options_bad_value(error, "-device disable-legacy", value, "on, off, auto");
    ((struct options_device *)item)->pci.legacy = is_auto   ? VIRTIO_PCI_LEGACY_AUTO
                                                  : disable ? VIRTIO_PCI_LEGACY_OFF
                                                            : VIRTIO_PCI_LEGACY_ON;
    return true;
}

static bool pci_disable_modern(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return option_parse_switch(value, &((struct options_device *)item)->pci.no_modern) ||
           options_bad_value(error, "-device disable-modern", value, "on, off");
}

static bool pci_vectors(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t vectors;
    if (!value || !option_parse_number(value, &vectors) || vectors > PCI_MSIX_VECTORS_MAX)
        return error_set(error, "-device vectors=%s: not a number from 0 to %u", value ? value : "",
                         PCI_MSIX_VECTORS_MAX);
    ((struct options_device *)item)->pci.vectors = (uint32_t)vectors;
    return true;
}

static bool pci_romfile(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)item;
    return !value || !*value ||
           error_set(error, "-device romfile=%s: this version has no option ROMs; romfile= is accepted",
                     value);
}

static const struct options_key keys[] = {
    { "bus", pci_bus },
    { "addr", pci_addr },
    { "multifunction", pci_multifunction },
    { "disable-legacy", pci_disable_legacy },
    { "disable-modern", pci_disable_modern },
    { "vectors", pci_vectors },
    { "romfile", pci_romfile },
    { NULL, NULL },
};

static bool is_pci_key(const char *name)
{
    const struct options_key *key = keys;
    while (key->key && strcmp(key->key, name) != 0)
        key++;
    return key->key;
}

bool options_take_pci_keys(struct options *options, const char *name, struct option_pairs *pairs,
                           struct options_device *device, struct error *error)
{
    struct option_pairs own = { .count = 0 };
    unsigned rest = 0;
    if (!device->on_pci)
        return true;
    for (unsigned n = 0; n < pairs->count; n++) {
        if (is_pci_key(pairs->pairs[n].key))
            own.pairs[own.count++] = pairs->pairs[n];
        else
            pairs->pairs[rest++] = pairs->pairs[n];
    }
    pairs->count = rest;
    return options_take_pairs(options, &own, keys, device, name, error);
}

/* ---- Places --------------------------------------------------------------------------------------- */

/* The function at a place; any of the slot for number PCI_FUNCTIONS. */
static const struct machine_pci *find(const struct options *options, unsigned slot, unsigned number)
{
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        const struct machine_pci *function = &options->machine.pci[n];
        if (function->slot == slot && (function->function == number || number == PCI_FUNCTIONS))
            return function;
    }
    return NULL;
}

struct machine_pci *options_place_pci(struct options *options, const struct options_device *device,
                                      const char *what, struct error *error)
{
    struct machine_pci place = device->pci;
    if (!device->has_addr) {
        place.function = 0;
        for (place.slot = 1; place.slot < PCI_SLOTS && find(options, place.slot, PCI_FUNCTIONS);)
            place.slot++;
    }
    if (place.slot == PCI_SLOTS || options->machine.pci_count == MACHINE_PCI_MAX) {
        error_set(error, "%s: all places of the PCI bus are taken", what);
        return NULL;
    }
    if (place.slot == 0 && place.function == 0) {
        error_set(error, "%s: the place 0.0 of the PCI bus is taken by the host bridge", what);
        return NULL;
    }
    if (find(options, place.slot, place.function)) {
        error_set(error, "%s: the place %x.%x of the PCI bus is taken by another device", what, place.slot,
                  place.function);
        return NULL;
    }
    options->machine.pci[options->machine.pci_count] = place;
    return &options->machine.pci[options->machine.pci_count++];
}

/* Guests look for functions 1 to 7 only where function 0 says that there are some. */
bool options_check_pci(const struct options *options, struct error *error)
{
    for (unsigned n = 0; n < options->machine.pci_count; n++) {
        const struct machine_pci *function = &options->machine.pci[n];
        if (!function->function)
            continue;
        const struct machine_pci *first = find(options, function->slot, 0);
        if (!first || !first->multifunction)
            return error_set(
                error, "-device addr=%x.%x: the guest would not find it; %x.0 must %s multifunction=on",
                function->slot, function->function, function->slot, first ? "have" : "be a device with");
    }
    return true;
}
