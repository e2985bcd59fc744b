/* SPDX-License-Identifier: MIT
 *
 * See bridges.h. All that these do is in bridge.c; here is what they look like.
 */
#include "devices/pci/bridges.h"

#include <stdlib.h>

#include "devices/pci/msi.h"

enum { POWER_BYTES = 8, SLOT_BYTES = 4, SUBSYSTEM_BYTES = 8 };
enum { POWER_VERSION = 3, SLOT_FIRST = 0x20 };    /* bits of capabilities */
enum { LINK_CAPABLE = 0x0c, LINK_STATUS = 0x12 }; /* of the Express one */
enum { LINK_SLOWEST = 0x11 };

static void destroy(struct pci_function *function)
{
    struct pci_bridge *bridge = (struct pci_bridge *)function;
    pci_bridge_fini(bridge);
    free(bridge);
}

#define BRIDGE_OPS(called)                                                                                   \
    {                                                                                                        \
        .name = called, .access_max = 8, .read = pci_bridge_bar_read, .write = pci_bridge_bar_write,         \
        .config_written = pci_bridge_config_written, .reset = pci_bridge_reset, .save = pci_bridge_save,     \
        .load = pci_bridge_load, .destroy = destroy, .hold = pci_bridge_hold                                 \
    }
/* Offsets of capabilities are 0 if there is none. */
static const struct kind {
    struct pci_function_ops ops;
    struct pci_identity identity;
    bool conventional;
    uint8_t express_at, express_type, power_at, slot_at, subsystem_at, msi_at;
} kinds[] = {
    [PCI_BRIDGE_EXPRESS] = { .ops = BRIDGE_OPS("pcie-pci-bridge"),
                             .identity = { .vendor = 0x1b36, .device = 0x000e },
                             .conventional = true,
                             .express_at = 0x48,
                             .express_type = PCI_EXPRESS_TO_PCI,
                             .power_at = 0x84 },
    [PCI_BRIDGE_CONVENTIONAL] = { .ops = BRIDGE_OPS("pci-bridge"),
                                  .identity = { .vendor = 0x1b36, .device = 0x0001 },
                                  .conventional = true,
                                  .slot_at = 0x48 },
    [PCI_BRIDGE_I82801B11] = { .ops = BRIDGE_OPS("i82801b11-bridge"),
                               .identity = { .vendor = 0x8086,
                                             .device = 0x244e,
                                             .class_code = 1,
                                             .revision = 0x92 },
                               .conventional = true,
                               .subsystem_at = 0x50 },
    [PCI_BRIDGE_X3130] = { .ops = BRIDGE_OPS("x3130-upstream"),
                           .identity = { .vendor = 0x104c, .device = 0x8232, .revision = 2 },
                           .express_at = 0x90,
                           .express_type = PCI_EXPRESS_UPSTREAM,
                           .subsystem_at = 0x80,
                           .msi_at = 0x70 },
};

static void add_express(struct pci_function *function, unsigned at, enum pci_express_type type)
{
    pci_function_add_express(function, at, type);
    pci_function_set_config(function, at + LINK_CAPABLE, 4, type == PCI_EXPRESS_UPSTREAM ? 0x411 : 0x10411);
    pci_function_set_config(function, at + LINK_STATUS, 2, LINK_SLOWEST);
}

static void add_capabilities(struct pci_function *function, const struct kind *kind, unsigned chassis)
{
    if (kind->msi_at)
        pci_msi_add(function, kind->msi_at, 1);
    if (kind->subsystem_at)
        pci_function_add_capability(function, PCI_CAP_BRIDGE_SUBSYSTEM, kind->subsystem_at, SUBSYSTEM_BYTES);
    if (kind->express_at)
        add_express(function, kind->express_at, (enum pci_express_type)kind->express_type);
    if (kind->power_at) {
        pci_function_add_capability(function, PCI_CAP_POWER, kind->power_at, POWER_BYTES);
        pci_function_set_config(function, kind->power_at + 2u, 2, POWER_VERSION);
    }
    if (kind->slot_at) { /* PCI-to-PCI Bridge 1.2 section 13 */
        pci_function_add_capability(function, PCI_CAP_SLOT, kind->slot_at, SLOT_BYTES);
        pci_function_set_config(function, kind->slot_at + 2u, 1, SLOT_FIRST);
        pci_function_set_config(function, kind->slot_at + 3u, 1, chassis);
    }
}

struct pci_function *pci_bridge_create(enum pci_bridge_kind number, unsigned chassis, bool multifunction,
                                       struct error *error)
{
    const struct kind *kind = &kinds[number];
    struct pci_bridge *bridge = calloc(1, sizeof(*bridge));
    if (!bridge) {
        error_set(error, "%s: out of memory", kind->ops.name);
        return NULL;
    }
    if (!pci_bridge_init(bridge, &kind->ops, &kind->identity, error)) {
        free(bridge);
        return NULL;
    }
    bridge->bus.conventional = kind->conventional;
    add_capabilities(&bridge->function, kind, chassis);
    if (multifunction)
        bridge->function.config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    return &bridge->function;
}

/* ---- The models ---------------------------------------------------------------------------------------- */

static struct pci_function *create_express(const struct device_plug *plug, struct error *error)
{
    return pci_bridge_create(PCI_BRIDGE_EXPRESS, 0, plug->multifunction, error);
}

static struct pci_function *create_conventional(const struct device_plug *plug, struct error *error)
{
    return pci_bridge_create(PCI_BRIDGE_CONVENTIONAL, plug->settings->chassis, plug->multifunction, error);
}

static struct pci_function *create_i82801b11(const struct device_plug *plug, struct error *error)
{
    return pci_bridge_create(PCI_BRIDGE_I82801B11, 0, plug->multifunction, error);
}

static struct pci_function *create_x3130(const struct device_plug *plug, struct error *error)
{
    return pci_bridge_create(PCI_BRIDGE_X3130, 0, plug->multifunction, error);
}

#define SHPC_KEYS                                                                                            \
    { "msi", DEVICE_KEY_IGNORED, "messages of the SHPC, which is not there", .least = 0 },                   \
    {                                                                                                        \
        "shpc", DEVICE_KEY_OFF, "a controller for hot plug", .limit = "this version has no SHPC"             \
    }
static const struct device_key express_keys[] = { SHPC_KEYS, { .name = NULL } };
static const struct device_key conventional_keys[] = {
    { "chassis_nr", DEVICE_KEY_NUMBER, "the number of the box that its slots are in", DEVICE_SETTING(chassis),
      .least = 1, .most = 255, .needed = "N" },
    SHPC_KEYS,
    { .name = NULL },
};
static const struct device_key no_keys[] = { { .name = NULL } };

#define BRIDGE_MODEL(called, what, list, maker)                                                              \
    {                                                                                                        \
        .name = called, .text = what, .buses = DEVICE_BUS_PCI, .bridge = true, .boot_node = "pci-bridge",    \
        .keys = list, .create_pci = maker                                                                    \
    }
const struct device_model pcie_pci_bridge_model =
    BRIDGE_MODEL("pcie-pci-bridge", "a bridge from PCI Express to a PCI bus, which has the bridge's id",
                 express_keys, create_express);
const struct device_model pci_bridge_model = BRIDGE_MODEL(
    "pci-bridge", "a bridge to a PCI bus, which has the bridge's id", conventional_keys, create_conventional);
const struct device_model i82801b11_model =
    BRIDGE_MODEL("i82801b11-bridge", "the same of Intel's ICH9", no_keys, create_i82801b11);
const struct device_model x3130_model = BRIDGE_MODEL(
    "x3130-upstream", "a switch, on whose bus xio3130-downstream ports are", no_keys, create_x3130);
