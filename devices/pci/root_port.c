/* SPDX-License-Identifier: MIT
 *
 * See root_port.h. The registers of the slot are in configuration space; `lock` makes a change of them and
 * the interrupt that follows from it one step. It is a device's lock: the bus's comes after it.
 */
#include "devices/pci/root_port.h"

#include <stdlib.h>

#include "devices/pci/msi.h"
#include "devices/pci/msix.h"
#include "util/check.h"

enum { BAR_BYTES = 0x1000, PBA_AT = 0x800, SUBSYSTEM_BYTES = 8 };

enum { /* registers of the Express capability */
       FLAGS = 0x02,
       DEVICE_CAPABLE = 0x04,
       DEVICE_CONTROL = 0x08,
       LINK_CAPABLE = 0x0c,
       LINK_STATUS = 0x12,
       SLOT_CAPABLE = 0x14,
       SLOT_CONTROL = 0x18,
       SLOT_STATUS = 0x1a,
       ROOT_CONTROL = 0x1c,
       DEVICE_CAPABLE_2 = 0x24,
       DEVICE_CONTROL_2 = 0x28,
       LINK_CAPABLE_2 = 0x2c,
       LINK_CONTROL_2 = 0x30
};
enum { /* their bits */
       FLAGS_SLOT = 0x100,
       LINK_PORT_SHIFT = 24,
       LINK_ACTIVE = 0x2000, /* with one lane at 2.5 GT/s */
       LINK_SLOWEST = 0x0011,
       SLOT_CAPABLE_HOT = 0x7b, /* button, power controller, both indicators, surprise, hot plug */
       SLOT_CAPABLE_LOCK = 0x20000,
       SLOT_NUMBER_SHIFT = 19,
       CONTROL_WRITABLE = 0x07f9,
       CONTROL_INTERRUPT = 0x20,
       CONTROL_ATTENTION_OFF = 0xc0,
       CONTROL_POWER_OFF = 0x400,
       CONTROL_INDICATOR = 0x300,
       CONTROL_INDICATOR_OFF = 0x300,
       STATUS_BUTTON = 0x01,
       STATUS_CHANGED = 0x08, /* presence */
       STATUS_DONE = 0x10,    /* a command */
       STATUS_PRESENT = 0x40,
       STATUS_EVENTS = STATUS_BUTTON | STATUS_CHANGED | STATUS_DONE /* enabled by the same bits of control */
};

/* What QEMU's ports differ in. The link's status is what it says while nothing is there. */
struct kind {
    struct pci_function_ops ops;
    uint16_t vendor, device, vendor_of_subsystem;
    uint8_t revision, pin, type;
    uint8_t subsystem_at, message_at, express_at; /* capabilities */
    uint8_t msi_vectors;                          /* 0: it has MSI-X, in BAR 0 */
    uint32_t link_capable, link_capable_2;
    uint16_t link_down;
};

struct root_port {
    struct pci_bridge bridge; /* must be first */
    const struct kind *kind;
    struct root_port_config config;
    pthread_mutex_t lock; /* protects what follows, and the registers of the slot */
    uint16_t control;     /* as the guest last wrote it */
    bool present;         /* something is in the slot, and was not given up */
    bool raised;          /* there is a reason for an interrupt */
};

static struct root_port *of_function(struct pci_function *function)
{
    return (struct root_port *)function;
}

/* A register of the Express capability. */
static unsigned at(const struct root_port *port, unsigned offset)
{
    return port->kind->express_at + offset;
}

/* ---- The slot ------------------------------------------------------------------------------------------ */

/* Makes the interrupt follow from the registers. [locked] */
static void update_interrupt(struct root_port *port)
{
    CHECK_HELD(&port->lock);
    struct pci_function *function = &port->bridge.function;
    uint32_t status = pci_config_peek(function, at(port, SLOT_STATUS), 2);
    bool raised = port->control & CONTROL_INTERRUPT && status & port->control & STATUS_EVENTS;
    if (raised && !port->raised && port->kind->msi_vectors)
        pci_msi_notify(function, 0);
    else if (raised && !port->raised)
        pci_msix_notify(function, 0);
    if (raised != port->raised)
        pci_function_set_intx(function, raised);
    port->raised = raised;
}

/* [locked] */
static void set_status(struct root_port *port, uint32_t set, uint32_t clear)
{
    struct pci_function *function = &port->bridge.function;
    uint32_t status = pci_config_peek(function, at(port, SLOT_STATUS), 2);
    pci_config_poke(function, at(port, SLOT_STATUS), 2, (status & ~clear) | set);
    update_interrupt(port);
}

static bool has_power(const struct root_port *port)
{
    return !(port->control & CONTROL_POWER_OFF);
}

/* The guest reaches what is in the slot if it has power. [locked] */
static void update_link(struct root_port *port)
{
    CHECK_HELD(&port->lock);
    uint16_t up = LINK_ACTIVE | LINK_SLOWEST;
    pci_config_poke(&port->bridge.function, at(port, LINK_STATUS), 2,
                    port->present ? up : port->kind->link_down);
    atomic_store(&port->bridge.shut, !port->present || !has_power(port));
}

/* [locked] */
static void set_present(struct root_port *port, bool present, uint32_t events)
{
    port->present = present;
    update_link(port);
    set_status(port, events | (present ? STATUS_PRESENT : 0), present ? 0 : STATUS_PRESENT);
}

/* A write to the slot's control register is a command, and is done at once. Returns whether what is in the
 * slot is given up. [locked] */
static bool take_command(struct root_port *port)
{
    uint16_t before = port->control, off = CONTROL_POWER_OFF | CONTROL_INDICATOR_OFF;
    port->control = (uint16_t)pci_config_peek(&port->bridge.function, at(port, SLOT_CONTROL), 2);
    bool given_up = port->present && (port->control & off) == off && (before & off) != off;
    update_link(port);
    if (given_up && !port->config.fixed)
        set_present(port, false, STATUS_CHANGED);
    set_status(port, STATUS_DONE, 0);
    return given_up && !port->config.fixed;
}

static bool touches(unsigned offset, unsigned size, unsigned where)
{
    return offset < where + 2 && offset + size > where;
}

static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct root_port *port = of_function(function);
    bool ejected = false, lost_power = false;
    pci_bridge_config_written(function, offset, size);
    pthread_mutex_lock(&port->lock);
    if (touches(offset, size, at(port, SLOT_CONTROL))) {
        bool power = has_power(port);
        ejected = take_command(port);
        lost_power = power && !has_power(port);
    } else if (touches(offset, size, at(port, SLOT_STATUS))) {
        update_interrupt(port);
    }
    pthread_mutex_unlock(&port->lock);
    if (lost_power || ejected)
        pci_bus_reset(&port->bridge.bus);
    if (ejected)
        port->config.ejected(port->config.opaque, function);
}

static void slot_plugged(struct pci_bridge *bridge)
{
    struct root_port *port = (struct root_port *)bridge;
    pthread_mutex_lock(&port->lock);
    set_present(port, true, STATUS_CHANGED | STATUS_BUTTON);
    pthread_mutex_unlock(&port->lock);
}

static bool slot_ask(struct pci_bridge *bridge)
{
    struct root_port *port = (struct root_port *)bridge;
    uint16_t off = CONTROL_POWER_OFF | CONTROL_INDICATOR_OFF;
    pthread_mutex_lock(&port->lock);
    bool at_once = (port->control & off) == off;
    if (at_once)
        set_status(port, 0, STATUS_BUTTON); /* nobody has answered it */
    else
        set_status(port, STATUS_BUTTON, 0);
    pthread_mutex_unlock(&port->lock);
    return at_once;
}

static void slot_emptied(struct pci_bridge *bridge)
{
    struct root_port *port = (struct root_port *)bridge;
    pthread_mutex_lock(&port->lock);
    if (port->present)
        set_present(port, false, STATUS_CHANGED);
    pthread_mutex_unlock(&port->lock);
}

/* What is in the slot when the machine starts. */
static void slot_filled(struct root_port *port)
{
    port->present = !pci_bus_is_empty(&port->bridge.bus);
    port->control = CONTROL_ATTENTION_OFF | CONTROL_INDICATOR_OFF | (port->present ? 0 : CONTROL_POWER_OFF);
    pci_config_poke(&port->bridge.function, at(port, SLOT_CONTROL), 2, port->control);
    pci_config_poke(&port->bridge.function, at(port, SLOT_STATUS), 2, 0);
    set_present(port, port->present, 0);
}

static const struct pci_slot_ops slot_ops = { slot_plugged, slot_ask, slot_emptied };

/* ---- Ops ----------------------------------------------------------------------------------------------- */

static void port_reset(struct pci_function *function)
{
    struct root_port *port = of_function(function);
    pci_bridge_reset(function);
    pthread_mutex_lock(&port->lock);
    slot_filled(port);
    pthread_mutex_unlock(&port->lock);
}

static void port_save(struct pci_function *function, struct state_writer *writer)
{
    struct root_port *port = of_function(function);
    pthread_mutex_lock(&port->lock);
    state_section(writer, "pcie-root-port", 1);
    state_put(writer, "present", port->present);
    pthread_mutex_unlock(&port->lock);
    pci_bridge_save(function, writer);
}

/* Configuration space is loaded already. If the saved machine's guest had given up what is in the slot, it is
 * unplugged here as it was about to be there. */
static bool port_load(struct pci_function *function, struct state_reader *reader)
{
    struct root_port *port = of_function(function);
    if (!state_open(reader, "pcie-root-port", 1))
        return false;
    bool present = state_get(reader, "present", 1), there = !pci_bus_is_empty(&port->bridge.bus);
    if (reader->failed || !pci_bridge_load(function, reader))
        return false;
    pthread_mutex_lock(&port->lock);
    port->control = (uint16_t)pci_config_peek(function, at(port, SLOT_CONTROL), 2);
    port->raised = false;
    pci_function_set_intx(function, false);
    set_present(port, present && there, 0);
    pthread_mutex_unlock(&port->lock);
    if (there && !present && !port->config.fixed)
        port->config.ejected(port->config.opaque, function);
    return true;
}

static void port_destroy(struct pci_function *function)
{
    struct root_port *port = of_function(function);
    pci_bridge_fini(&port->bridge);
    pthread_mutex_destroy(&port->lock);
    free(port);
}

#define PORT_OPS(called)                                                                                     \
    {                                                                                                        \
        .name = called, .access_max = 8, .read = pci_bridge_bar_read, .write = pci_bridge_bar_write,         \
        .config_written = config_written, .reset = port_reset, .save = port_save, .load = port_load,         \
        .destroy = port_destroy, .hold = pci_bridge_hold                                                     \
    }
static const struct kind kinds[] = {
    [ROOT_PORT_GENERIC] = { .ops = PORT_OPS("pcie-root-port"),
                            .vendor = 0x1b36,
                            .device = 0x000c,
                            .pin = 1,
                            .type = PCI_EXPRESS_ROOT_PORT,
                            .vendor_of_subsystem = 0x1b36,
                            .subsystem_at = 0x40,
                            .message_at = 0x48,
                            .express_at = 0x54,
                            .link_capable = 0x00300604,
                            .link_capable_2 = 0x1e,
                            .link_down = 0x0204 },
    [ROOT_PORT_IOH3420] = { .ops = PORT_OPS("ioh3420"),
                            .vendor = 0x8086,
                            .device = 0x3420,
                            .revision = 2,
                            .pin = 1,
                            .type = PCI_EXPRESS_ROOT_PORT,
                            .vendor_of_subsystem = 0x8086,
                            .subsystem_at = 0x40,
                            .message_at = 0x60,
                            .express_at = 0x90,
                            .msi_vectors = 2,
                            .link_capable = 0x00300411,
                            .link_down = LINK_SLOWEST },
    [ROOT_PORT_XIO3130] = { .ops = PORT_OPS("xio3130-downstream"),
                            .vendor = 0x104c,
                            .device = 0x8233,
                            .revision = 1,
                            .type = PCI_EXPRESS_DOWNSTREAM,
                            .subsystem_at = 0x80,
                            .message_at = 0x70,
                            .express_at = 0x90,
                            .msi_vectors = 1,
                            .link_capable = 0x00300411,
                            .link_down = LINK_SLOWEST },
};

/* ---- Making it ----------------------------------------------------------------------------------------- */

static void add_express(struct root_port *port, const struct root_port_config *config)
{
    const struct kind *kind = port->kind;
    struct pci_function *function = &port->bridge.function;
    uint32_t hot = config->fixed ? 0 : SLOT_CAPABLE_HOT | SLOT_CAPABLE_LOCK;
    pci_function_add_express(function, kind->express_at, (enum pci_express_type)kind->type);
    function->config[at(port, FLAGS) + 1] |= FLAGS_SLOT >> 8;
    pci_function_set_config(function, at(port, DEVICE_CAPABLE), 4,
                            kind->type == PCI_EXPRESS_ROOT_PORT ? 0x8020 : 0x8000);
    pci_function_set_writable(function, at(port, DEVICE_CONTROL), 2, 0x000f);
    pci_function_set_config(function, at(port, LINK_CAPABLE), 4,
                            kind->link_capable | (uint32_t)config->port << LINK_PORT_SHIFT);
    pci_function_set_config(function, at(port, LINK_STATUS), 2, kind->link_down);
    pci_function_set_config(function, at(port, SLOT_CAPABLE), 4,
                            hot | (uint32_t)config->slot << SLOT_NUMBER_SHIFT);
    pci_function_set_writable(function, at(port, SLOT_CONTROL), 2, CONTROL_WRITABLE);
    function->clearable[at(port, SLOT_STATUS)] = STATUS_EVENTS;
    if (kind->type == PCI_EXPRESS_ROOT_PORT)
        pci_function_set_writable(function, at(port, ROOT_CONTROL), 2, 0x0007);
    pci_function_set_config(function, at(port, DEVICE_CAPABLE_2), 4, 0x00300020);
    pci_function_set_writable(function, at(port, DEVICE_CONTROL_2), 2, 0x8020);
    pci_function_set_config(function, at(port, LINK_CAPABLE_2), 4, kind->link_capable_2);
    pci_function_set_config(function, at(port, LINK_CONTROL_2), 2, kind->link_capable_2 ? 4 : 0);
}

static bool add_messages(struct pci_function *function, const struct kind *kind, struct error *error)
{
    if (kind->msi_vectors) {
        pci_msi_add(function, kind->message_at, kind->msi_vectors);
        return true;
    }
    pci_function_set_bar(function, 0, PCI_BAR_MEM32, BAR_BYTES, false);
    return pci_msix_add(function, kind->message_at, 1, 0, 0, PBA_AT, error);
}

/* In the order of their places, so that each leads to the one before it. */
static bool add_capabilities(struct root_port *port, struct error *error)
{
    const struct kind *kind = port->kind;
    struct pci_function *function = &port->bridge.function;
    bool messages_first = kind->message_at < kind->subsystem_at;
    if (messages_first && !add_messages(function, kind, error))
        return false;
    pci_function_add_capability(function, PCI_CAP_BRIDGE_SUBSYSTEM, kind->subsystem_at, SUBSYSTEM_BYTES);
    pci_function_set_config(function, kind->subsystem_at + 4u, 2, kind->vendor_of_subsystem);
    if (!messages_first && !add_messages(function, kind, error))
        return false;
    add_express(port, &port->config);
    return true;
}

struct pci_function *root_port_create(const struct root_port_config *config, struct error *error)
{
    const struct kind *kind = &kinds[config->kind];
    const struct pci_identity identity = {
        .vendor = kind->vendor, .device = kind->device, .revision = kind->revision, .interrupt_pin = kind->pin
    };
    struct root_port *port = calloc(1, sizeof(*port));
    if (!port) {
        error_set(error, "%s: out of memory", kind->ops.name);
        return NULL;
    }
    port->config = *config;
    port->kind = kind;
    if (!pci_bridge_init(&port->bridge, &kind->ops, &identity, error)) {
        free(port);
        return NULL;
    }
    pthread_mutex_init(&port->lock, NULL);
    port->bridge.bus.port = true;
    port->bridge.slot = config->fixed ? NULL : &slot_ops;
    if (!add_capabilities(port, error)) {
        port_destroy(&port->bridge.function);
        return NULL;
    }
    if (config->multifunction)
        port->bridge.function.config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    return &port->bridge.function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *create(const struct device_plug *plug, enum root_port_kind kind,
                                   struct error *error)
{
    const struct device_settings *settings = plug->settings;
    struct root_port_config config = {
        .kind = kind,
        .port = (uint8_t)settings->port,
        .slot = (uint16_t)settings->slot,
        .fixed = settings->hotplug == 1,
        .multifunction = plug->multifunction,
        .ejected = plug->ejected,
        .opaque = plug->opaque,
    };
    return root_port_create(&config, error);
}

static struct pci_function *create_generic(const struct device_plug *plug, struct error *error)
{
    return create(plug, ROOT_PORT_GENERIC, error);
}

static struct pci_function *create_ioh3420(const struct device_plug *plug, struct error *error)
{
    return create(plug, ROOT_PORT_IOH3420, error);
}

static struct pci_function *create_xio3130(const struct device_plug *plug, struct error *error)
{
    return create(plug, ROOT_PORT_XIO3130, error);
}

static const struct device_key model_keys[] = {
    { "port", DEVICE_KEY_NUMBER, "its number, as it says to the guest", DEVICE_SETTING(port), .most = 255 },
    { "chassis", DEVICE_KEY_NUMBER, "with slot, what people call its slot: no two ports have both the same",
      DEVICE_SETTING(chassis), .most = 255 },
    { "slot", DEVICE_KEY_NUMBER, "the slot's number", DEVICE_SETTING(slot), .most = ROOT_PORT_SLOT_MAX },
    { "hotplug", DEVICE_KEY_AUTO, "devices may come and go while the machine runs; auto is on",
      DEVICE_SETTING(hotplug) },
    { .name = NULL },
};

#define PORT_MODEL(called, what, maker)                                                                      \
    {                                                                                                        \
        .name = called, .text = what, .buses = DEVICE_BUS_PCI, .bridge = true, .port = true,                 \
        .boot_node = "pci-bridge", .keys = model_keys, .create_pci = maker                                   \
    }
const struct device_model root_port_model = PORT_MODEL(
    "pcie-root-port", "a port with a slot, whose bus has the port's id; for hot plug", create_generic);
const struct device_model ioh3420_model = PORT_MODEL("ioh3420", "the same with Intel's ids", create_ioh3420);
const struct device_model xio3130_model =
    PORT_MODEL("xio3130-downstream", "a port of a switch, on the bus of an x3130-upstream", create_xio3130);
