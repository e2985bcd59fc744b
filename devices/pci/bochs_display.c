/* SPDX-License-Identifier: MIT
 *
 * bochs-display: see bochs_display.h.
 */
#include "devices/pci/bochs_display.h"

#include <stdlib.h>

#include "devices/display/bochs_vbe.h"

enum { BAR_MEMORY = 0, BAR_REGISTERS = 2 };

struct bochs_display {
    struct pci_function function; /* must be first */
    struct bochs_vbe *vbe;
};

static struct bochs_vbe *of_function(struct pci_function *function)
{
    return ((struct bochs_display *)function)->vbe;
}

static uint64_t bochs_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct bochs_vbe *vbe = of_function(function);
    return bar == BAR_MEMORY ? bochs_vbe_read_memory(vbe, offset, size)
                             : bochs_vbe_read_register(vbe, offset, size);
}

static void bochs_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                        uint64_t value)
{
    struct bochs_vbe *vbe = of_function(function);
    if (bar == BAR_MEMORY)
        bochs_vbe_write_memory(vbe, offset, size, value);
    else
        bochs_vbe_write_register(vbe, offset, size, value);
}

static void bochs_reset(struct pci_function *function)
{
    bochs_vbe_reset(of_function(function));
}

static void bochs_save(struct pci_function *function, struct state_writer *writer)
{
    bochs_vbe_save(of_function(function), writer);
}

static bool bochs_load(struct pci_function *function, struct state_reader *reader)
{
    return bochs_vbe_load(of_function(function), reader);
}

static void bochs_destroy(struct pci_function *function)
{
    bochs_vbe_destroy(of_function(function));
    pci_function_fini(function);
    free(function);
}

static const struct pci_function_ops bochs_ops = {
    .name = "bochs-display",
    .access_max = 8,
    .read = bochs_read,
    .write = bochs_write,
    .reset = bochs_reset,
    .save = bochs_save,
    .load = bochs_load,
    .destroy = bochs_destroy,
};

struct pci_function *bochs_display_create(const struct bochs_display_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1234,
        .device = 0x1111,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x038000, /* other display controller */
        .revision = 2,
    };
    struct bochs_vbe_config vbe = { bochs_ops.name, config->display, config->width, config->height };
    struct bochs_display *bochs = calloc(1, sizeof(*bochs));
    if (!bochs) {
        error_set(error, "bochs-display: out of memory");
        return NULL;
    }
    bochs->vbe = bochs_vbe_create(&vbe, error);
    if (!bochs->vbe) {
        free(bochs);
        return NULL;
    }
    pci_function_init(&bochs->function, &bochs_ops, &identity);
    pci_function_set_bar(&bochs->function, BAR_MEMORY, PCI_BAR_MEM32, BOCHS_VBE_MEMORY, true);
    pci_function_set_bar(&bochs->function, BAR_REGISTERS, PCI_BAR_MEM32, BOCHS_VBE_REGISTERS, false);
    if (config->multifunction)
        pci_function_set_config(&bochs->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return &bochs->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct bochs_display_config config = { plug->display, plug->settings->width, plug->settings->height,
                                           plug->multifunction };
    return bochs_display_create(&config, error);
}

static const struct device_key model_keys[] = { DISPLAY_SIZE_KEYS, { .name = NULL } };

const struct device_model bochs_display_model = {
    .name = "bochs-display",
    .text = "a simple screen on the PCI bus",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_SCREEN,
    .keys = model_keys,
    .create_pci = model_create,
};
