/* SPDX-License-Identifier: MIT
 *
 * What all PCI-to-PCI bridges have in common: see bridge.h.
 */
#include "devices/pci/bridge.h"

#include <string.h>

#include "util/check.h"

enum { CLASS_BRIDGE = 0x060400, PREFETCH_64 = 1 };
enum { CONTROL_WRITABLE = 0x5f };

static struct pci_bridge *of_function(struct pci_function *function)
{
    return (struct pci_bridge *)function;
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

static uint32_t get(const struct pci_bridge *bridge, unsigned offset, unsigned size)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= (uint32_t)bridge->function.config[offset + n] << (8 * n);
    return value;
}

/* Windows of I/O have units of 4 KiB, those of memory of 1 MiB (sections 3.2.5.6, 3.2.5.8 and 3.2.5.9). */
static void range(const struct pci_bridge *bridge, enum pci_bridge_window window, uint64_t *base,
                  uint64_t *limit)
{
    if (window == PCI_BRIDGE_IO) {
        *base = (uint64_t)(get(bridge, PCI_BRIDGE_IO_BASE, 1) & 0xf0) << 8;
        *limit = (uint64_t)(get(bridge, PCI_BRIDGE_IO_LIMIT, 1) & 0xf0) << 8 | 0xfff;
        return;
    }
    unsigned at = window == PCI_BRIDGE_MEMORY ? PCI_BRIDGE_MEMORY_BASE : PCI_BRIDGE_PREFETCH_BASE;
    *base = (uint64_t)(get(bridge, at, 2) & 0xfff0) << 16;
    *limit = (uint64_t)(get(bridge, at + 2, 2) & 0xfff0) << 16 | 0xfffff;
    if (window == PCI_BRIDGE_PREFETCH) {
        *base |= (uint64_t)get(bridge, PCI_BRIDGE_PREFETCH_BASE_HIGH, 4) << 32;
        *limit |= (uint64_t)get(bridge, PCI_BRIDGE_PREFETCH_LIMIT_HIGH, 4) << 32;
    }
}

void pci_bridge_range(struct pci_bridge *bridge, enum pci_bridge_window window, uint64_t *base,
                      uint64_t *limit)
{
    pthread_mutex_lock(&bridge->function.bus->lock);
    range(bridge, window, base, limit);
    pthread_mutex_unlock(&bridge->function.bus->lock);
}

void pci_bridge_update(struct pci_bridge *bridge)
{
    CHECK_HELD(&bridge->function.bus->lock);
    uint32_t command = get(bridge, PCI_COMMAND, 2);
    for (unsigned n = 0; n < PCI_BRIDGE_WINDOWS; n++) {
        uint64_t base, limit;
        range(bridge, n, &base, &limit);
        if (!(command & (n == PCI_BRIDGE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
            base = UINT64_MAX, limit = 0;
        atomic_store(&bridge->windows[n].base, base);
        atomic_store(&bridge->windows[n].limit, limit);
    }
    atomic_store(&bridge->numbers, get(bridge, PCI_BRIDGE_SECONDARY, 2));
}

unsigned pci_bridge_secondary(const struct pci_bridge *bridge)
{
    return atomic_load(&bridge->numbers) & 0xff;
}

unsigned pci_bridge_subordinate(const struct pci_bridge *bridge)
{
    return atomic_load(&bridge->numbers) >> 8;
}

bool pci_bridge_leads_to(const struct pci_bridge *bridge, unsigned number)
{
    uint32_t numbers = atomic_load(&bridge->numbers);
    return numbers & 0xff && number >= (numbers & 0xff) && number <= numbers >> 8 &&
           !atomic_load(&bridge->shut);
}

bool pci_bridge_passes(const struct pci_bridge *bridge, bool io, uint64_t address, unsigned size)
{
    unsigned first = io ? PCI_BRIDGE_IO : PCI_BRIDGE_MEMORY;
    unsigned last = io ? PCI_BRIDGE_IO : PCI_BRIDGE_PREFETCH;
    if (atomic_load(&bridge->shut))
        return false;
    for (unsigned n = first; n <= last; n++) {
        uint64_t base = atomic_load(&bridge->windows[n].base), limit = atomic_load(&bridge->windows[n].limit);
        if (address >= base && address <= limit && size - 1 <= limit - address)
            return true;
    }
    return false;
}

/* ---- Wires --------------------------------------------------------------------------------------------- */

/* The irq_line of the bus behind: drives a wire of the bus in front, as a function there would. Called with
 * the lock of the bus behind held. */
static void drive_wire(void *opaque, unsigned number, bool level)
{
    struct pci_bridge *bridge = opaque;
    struct pci_bus *front = bridge->function.bus;
    unsigned wire = (number + bridge->function.slot) % PCI_PINS;
    pthread_mutex_lock(&front->lock);
    bool again = level && bridge->wires[number];
    if (level != bridge->wires[number]) {
        bridge->wires[number] = level;
        front->asserted[wire] += level ? 1 : -1u;
        irq_line_set(&front->intx[wire], front->asserted[wire] != 0);
    } else if (again) {
        irq_line_set(&front->intx[wire], true);
    }
    pthread_mutex_unlock(&front->lock);
}

static bool send_message(void *opaque, uint64_t address, uint32_t data)
{
    const struct pci_bridge *bridge = opaque;
    const struct pci_msi_target *msi = &bridge->function.bus->msi;
    return msi->send && msi->send(msi->opaque, address, data);
}

/* ---- Ops ----------------------------------------------------------------------------------------------- */

void pci_bridge_config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct pci_bridge *bridge = of_function(function);
    if (offset > PCI_BRIDGE_CONTROL || offset + size <= PCI_BRIDGE_CONTROL)
        return;
    if (pci_config_peek(function, PCI_BRIDGE_CONTROL, 1) & PCI_BRIDGE_CONTROL_RESET)
        pci_bus_reset(&bridge->bus);
}

/* The closed windows and numbers of a bridge that nobody has set up: the registers' bits that are not 0 then
 * are writable, so they are set here (the caller has set the others to 0). */
static void close_windows(struct pci_function *function)
{
    static const uint8_t base[] = { 0xf0, 0, 0, 0, 0xf0, 0xff, 0, 0, 0xf1, 0xff, 1, 0 };
    for (unsigned n = 0; n < sizeof(base); n++)
        if (n != 2 && n != 3)
            pci_config_poke(function, PCI_BRIDGE_IO_BASE + n, 1, base[n]);
}

void pci_bridge_reset(struct pci_function *function)
{
    close_windows(function);
    pci_bus_reset(&of_function(function)->bus);
}

void pci_bridge_save(struct pci_function *function, struct state_writer *writer)
{
    pci_bus_save(&of_function(function)->bus, "pci-bridge", writer);
}

bool pci_bridge_load(struct pci_function *function, struct state_reader *reader)
{
    return pci_bus_load(&of_function(function)->bus, "pci-bridge", reader);
}

void pci_bridge_hold(struct pci_function *function, bool held)
{
    pci_bus_hold(&of_function(function)->bus, held);
}

uint64_t pci_bridge_bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    (void)function, (void)bar, (void)offset, (void)size;
    return 0; /* MSI-X is all that BARs of bridges have (pci.c) */
}

void pci_bridge_bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                          uint64_t value)
{
    (void)function, (void)bar, (void)offset, (void)size, (void)value;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void add_registers(struct pci_function *function)
{
    pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_BRIDGE);
    pci_function_set_writable(function, PCI_COMMAND, 2,
                              PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
                                  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    pci_function_set_writable(function, PCI_BRIDGE_PRIMARY, 3, 0xffffff);
    pci_function_set_writable(function, PCI_BRIDGE_IO_BASE, 2, 0xf0f0);
    pci_function_set_writable(function, PCI_BRIDGE_MEMORY_BASE, 4, 0xfff0fff0);
    pci_function_set_writable(function, PCI_BRIDGE_PREFETCH_BASE, 4, 0xfff0fff0);
    pci_function_set_writable(function, PCI_BRIDGE_PREFETCH_BASE_HIGH, 4, UINT32_MAX);
    pci_function_set_writable(function, PCI_BRIDGE_PREFETCH_LIMIT_HIGH, 4, UINT32_MAX);
    pci_function_set_writable(function, PCI_BRIDGE_CONTROL, 1, CONTROL_WRITABLE);
    pci_function_set_config(function, PCI_BRIDGE_IO_BASE, 2, 0x00f0);
    pci_function_set_config(function, PCI_BRIDGE_MEMORY_BASE, 4, 0x0000fff0);
    pci_function_set_config(function, PCI_BRIDGE_PREFETCH_BASE, 4, PREFETCH_64 << 16 | 0xfff0 | PREFETCH_64);
}

bool pci_bridge_init(struct pci_bridge *bridge, const struct pci_function_ops *ops,
                     const struct pci_identity *identity, struct error *error)
{
    struct pci_identity own = *identity;
    own.class_code |= CLASS_BRIDGE;           /* the interface may be that of subtractive decoding */
    own.subsystem_vendor = own.subsystem = 0; /* header type 1 has windows there */
    pci_function_init(&bridge->function, ops, &own);
    bridge->function.bridge = bridge;
    add_registers(&bridge->function);
    for (unsigned n = 0; n < PCI_BRIDGE_WINDOWS; n++)
        atomic_init(&bridge->windows[n].base, UINT64_MAX);
    if (!pci_bus_init(&bridge->bus, error))
        return false;
    bridge->bus.bridge = bridge;
    for (unsigned n = 0; n < PCI_PINS; n++)
        bridge->bus.intx[n] = (struct irq_line){ drive_wire, bridge, n };
    bridge->bus.msi = (struct pci_msi_target){ send_message, bridge };
    return true;
}

void pci_bridge_fini(struct pci_bridge *bridge)
{
    pci_bus_destroy(&bridge->bus);
    pci_function_fini(&bridge->function);
}
