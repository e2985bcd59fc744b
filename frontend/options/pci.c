/* SPDX-License-Identifier: MIT
 *
 * Places on the PCI bus. They are assigned as by QEMU: a device that asks for a place gets it; the others get
 * the first empty slot, in the order of the command line.
 */
#include "devices/pci/pci.h"
#include "frontend/options/options.h"

/* Returns the function at a place; number PCI_FUNCTIONS: any function of the slot. */
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
    place.slot = device->place.slot;
    place.function = device->place.function;
    if (!device->place.given) {
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

/* Checks that guests find functions 1 to 7: they search for these only if function 0 says that there are
 * others. */
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
