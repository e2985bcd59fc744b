/* SPDX-License-Identifier: MIT
 *
 * Configuration space and BARs of PCI functions; see pci.h. A register of configuration space consists of
 * bytes and a mask of the bits that the guest may write. This alone makes the size of BARs detectable: the
 * low bits of a BAR are not writable, so after all ones were written, it reads as its size. After each write,
 * all that depends on the registers - where BARs decode, whether the interrupt reaches its wire - is computed
 * anew.
 *
 * A memory BAR that still holds 0 decodes nothing, since no window contains that address. I/O port 0 is a
 * port like others, and EDK2 places the first I/O BAR there.
 */
#include "devices/pci/pci.h"

#include <stdlib.h>
#include <string.h>

#include "devices/pci/bridge.h"
#include "devices/pci/msi.h"
#include "devices/pci/msix.h"
#include "util/check.h"
#include "util/log.h"

enum { EXPRESS_LENGTH = 60, EXPRESS_VERSION = 2 };

static uint32_t ones(unsigned size)
{
    return UINT32_MAX >> (32 - 8 * size);
}

static uint32_t get(const uint8_t *bytes, unsigned size)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= (uint32_t)bytes[n] << (8 * n);
    return value;
}

static void put(uint8_t *bytes, unsigned size, uint32_t value)
{
    for (unsigned n = 0; n < size; n++)
        bytes[n] = (uint8_t)(value >> (8 * n));
}

/* ---- Making a function --------------------------------------------------------------------------------- */

void pci_function_set_config(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
    put(function->config + offset, size, value);
}

void pci_function_set_writable(struct pci_function *function, unsigned offset, unsigned size, uint32_t mask)
{
    put(function->writable + offset, size, mask);
}

void pci_function_init(struct pci_function *function, const struct pci_function_ops *ops,
                       const struct pci_identity *identity)
{
    *function = (struct pci_function){ .ops = ops };
    for (unsigned n = 0; n < PCI_BARS; n++) {
        function->bars[n] = (struct pci_bar){ .function = function, .index = n };
        atomic_init(&function->bars[n].base, PCI_UNMAPPED);
    }
    pci_function_set_config(function, PCI_VENDOR_ID, 2, identity->vendor);
    pci_function_set_config(function, PCI_DEVICE_ID, 2, identity->device);
    pci_function_set_config(function, PCI_REVISION, 1, identity->revision);
    pci_function_set_config(function, PCI_CLASS, 3, identity->class_code);
    pci_function_set_config(function, PCI_SUBSYSTEM_VENDOR_ID, 2, identity->subsystem_vendor);
    pci_function_set_config(function, PCI_SUBSYSTEM_ID, 2, identity->subsystem);
    pci_function_set_config(function, PCI_INTERRUPT_PIN, 1, identity->interrupt_pin);
    pci_function_set_writable(function, PCI_COMMAND, 2,
                              PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                  PCI_COMMAND_INTX_DISABLE);
    pci_function_set_writable(function, PCI_CACHE_LINE, 1, 0xff);
    pci_function_set_writable(function, PCI_INTERRUPT_LINE, 1, 0xff);
}

void pci_function_fini(struct pci_function *function)
{
    free(function->msix.table);
    free(function->msix.pending);
}

void pci_function_set_bar(struct pci_function *function, unsigned index, enum pci_bar_kind kind,
                          uint64_t size, bool prefetchable)
{
    static const uint8_t kinds[] = { 0, 1, 0, 4 };
    unsigned offset = PCI_BAR + 4 * index;
    uint32_t low = kind == PCI_BAR_IO ? ~UINT32_C(3) : ~UINT32_C(15);
    function->bars[index].kind = kind;
    function->bars[index].size = size;
    pci_function_set_config(function, offset, 4, kinds[kind] | (prefetchable ? 8u : 0));
    pci_function_set_writable(function, offset, 4, (uint32_t)-size & low);
    if (kind == PCI_BAR_MEM64)
        pci_function_set_writable(function, offset + 4, 4, (uint32_t)(-size >> 32));
    function->writable[PCI_COMMAND] |= kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

void pci_function_add_capability(struct pci_function *function, enum pci_capability id, unsigned offset,
                                 unsigned length)
{
    memset(function->config + offset, 0, length);
    function->config[offset] = (uint8_t)id;
    function->config[offset + 1] = function->config[PCI_CAPABILITIES];
    function->config[PCI_CAPABILITIES] = (uint8_t)offset;
    function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
}

/* PCI Express Base 7.5.3: with device control the guest allows error reports, relaxed ordering and no-snoop,
 * and chooses the size of read requests. None of these has an effect here. */
void pci_function_add_express(struct pci_function *function, unsigned offset, enum pci_express_type type)
{
    pci_function_add_capability(function, PCI_CAP_EXPRESS, offset, EXPRESS_LENGTH);
    pci_function_set_config(function, offset + 2, 2, EXPRESS_VERSION | (uint32_t)type << 4);
    pci_function_set_config(function, offset + 4, 4, 1u << 15); /* role-based error reporting */
    pci_function_set_writable(function, offset + 8, 2, 0x781f);
    put(function->clearable + offset + 10, 2, 0xf);
    function->express = offset;
}

/* ---- What follows from the registers ------------------------------------------------------------------- */

static uint16_t command(const struct pci_function *function)
{
    return (uint16_t)get(function->config + PCI_COMMAND, 2);
}

static uint64_t bar_base(const struct pci_function *function, const struct pci_bar *bar)
{
    const uint8_t *at = function->config + PCI_BAR + 4 * bar->index;
    bool on = command(function) & (bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
    uint64_t base = get(at, 4) & (bar->kind == PCI_BAR_IO ? ~UINT32_C(3) : ~UINT32_C(15));
    if (bar->kind == PCI_BAR_MEM64)
        base |= (uint64_t)get(at + 4, 4) << 32;
    return on && (base || bar->kind == PCI_BAR_IO) ? base : PCI_UNMAPPED;
}

/* The four wires are rotated by the number of the slot (PCI-to-PCI Bridge 1.2 section 9.1). */
static unsigned wire_of(const struct pci_function *function)
{
    return (function->config[PCI_INTERRUPT_PIN] - 1u + function->slot) % PCI_PINS;
}

/* [locked] */
static void update_intx(struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    struct pci_bus *bus = function->bus;
    unsigned pin = function->config[PCI_INTERRUPT_PIN];
    bool on = function->intx_level && pin && !(command(function) & PCI_COMMAND_INTX_DISABLE) &&
              !pci_msi_is_enabled(function) && !pci_msix_is_enabled(function);
    function->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
    function->config[PCI_STATUS] |= function->intx_level ? PCI_STATUS_INTERRUPT : 0;
    if (on == function->intx_asserted)
        return;
    unsigned wire = wire_of(function);
    function->intx_asserted = on;
    bus->asserted[wire] += on ? 1 : -1u;
    irq_line_set(&bus->intx[wire], bus->asserted[wire] != 0);
}

/* [locked] */
static void update(struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    for (unsigned n = 0; n < PCI_BARS; n++) {
        struct pci_bar *bar = &function->bars[n];
        if (bar->kind != PCI_BAR_NONE)
            atomic_store_explicit(&bar->base, bar_base(function, bar), memory_order_release);
    }
    atomic_store(&function->bus_master, (command(function) & PCI_COMMAND_MASTER) != 0);
    if (function->bridge)
        pci_bridge_update(function->bridge);
    pci_msix_config_changed(function);
    update_intx(function);
}

void pci_function_set_intx(struct pci_function *function, bool level)
{
    if (!function->bus)
        return; /* not plugged in yet */
    pthread_mutex_lock(&function->bus->lock);
    bool again = level && function->intx_level;
    function->intx_level = level;
    update_intx(function);
    /* To the interrupt controller, a device that raises its wire once more has a new request (plic.h). */
    if (again && function->intx_asserted)
        irq_line_set(&function->bus->intx[wire_of(function)], true);
    pthread_mutex_unlock(&function->bus->lock);
}

bool pci_function_is_bus_master(struct pci_function *function)
{
    return atomic_load(&function->bus_master);
}

void pci_function_enable(struct pci_function *function, uint16_t bits)
{
    pthread_mutex_lock(&function->bus->lock);
    put(function->config + PCI_COMMAND, 2, command(function) | bits);
    update(function);
    pthread_mutex_unlock(&function->bus->lock);
}

/* ---- Configuration space ------------------------------------------------------------------------------- */

uint32_t pci_config_peek(struct pci_function *function, unsigned offset, unsigned size)
{
    pthread_mutex_lock(&function->bus->lock);
    uint32_t value = get(function->config + offset, size);
    pthread_mutex_unlock(&function->bus->lock);
    return value;
}

void pci_config_poke(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
    pthread_mutex_lock(&function->bus->lock);
    put(function->config + offset, size, value);
    pthread_mutex_unlock(&function->bus->lock);
}

uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
    if (offset >= PCI_CONFIG_SIZE) /* there are no extended capabilities, or no such space */
        return function->express ? 0 : ones(size);
    if (function->ops->config_reading)
        function->ops->config_reading(function, offset, size);
    return pci_config_peek(function, offset, size);
}

void pci_config_write(struct pci_function *function, unsigned offset, unsigned size, uint32_t value)
{
    if (offset >= PCI_CONFIG_SIZE)
        return;
    pthread_mutex_lock(&function->bus->lock);
    for (unsigned n = 0; n < size; n++) {
        uint8_t *byte = function->config + offset + n, bits = (uint8_t)(value >> (8 * n));
        uint8_t mask = function->writable[offset + n];
        *byte = (uint8_t)((*byte & ~mask) | (bits & mask));
        *byte &= (uint8_t) ~(bits & function->clearable[offset + n]);
    }
    update(function);
    pthread_mutex_unlock(&function->bus->lock);
    if (function->ops->config_written)
        function->ops->config_written(function, offset, size);
}

/* ---- BARs ---------------------------------------------------------------------------------------------- */

static bool in_bar(const struct pci_bar *bar, uint64_t offset, unsigned size)
{
    return bar->kind != PCI_BAR_NONE && offset % size == 0 && offset < bar->size &&
           size <= bar->size - offset;
}

uint64_t pci_bar_read(struct pci_bar *bar, uint64_t offset, unsigned size)
{
    struct pci_function *function = bar->function;
    if (!in_bar(bar, offset, size))
        return UINT64_MAX >> (64 - 8 * size);
    if (pci_msix_covers(function, bar->index, offset))
        return pci_msix_read(function, offset, size);
    unsigned piece = size < function->ops->access_max ? size : function->ops->access_max;
    uint64_t value = 0, mask = UINT64_MAX >> (64 - 8 * piece);
    for (unsigned done = 0; done < size; done += piece)
        value |= (function->ops->read(function, bar->index, offset + done, piece) & mask) << (8 * done);
    return value;
}

void pci_bar_write(struct pci_bar *bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_function *function = bar->function;
    if (!in_bar(bar, offset, size))
        return;
    if (pci_msix_covers(function, bar->index, offset)) {
        pci_msix_write(function, offset, size, value);
        return;
    }
    unsigned piece = size < function->ops->access_max ? size : function->ops->access_max;
    uint64_t mask = UINT64_MAX >> (64 - 8 * piece);
    for (unsigned done = 0; done < size; done += piece)
        function->ops->write(function, bar->index, offset + done, piece, value >> (8 * done) & mask);
}

/* ---- The life of a function ---------------------------------------------------------------------------- */

void pci_function_reset(struct pci_function *function)
{
    pthread_mutex_lock(&function->bus->lock);
    for (unsigned n = 0; n < PCI_CONFIG_SIZE; n++)
        function->config[n] &= (uint8_t) ~(function->writable[n] | function->clearable[n]);
    pci_msix_reset(function);
    update(function);
    pthread_mutex_unlock(&function->bus->lock);
    if (function->ops->reset)
        function->ops->reset(function);
}

void pci_function_save(struct pci_function *function, struct state_writer *writer)
{
    pthread_mutex_lock(&function->bus->lock);
    state_section(writer, "pci-function", 1);
    state_put(writer, "place", function->slot * PCI_FUNCTIONS + function->number);
    state_put(writer, "id", get(function->config + PCI_VENDOR_ID, 4));
    state_put_bytes(writer, "config", function->config, sizeof(function->config));
    pci_msix_save(function, writer);
    pthread_mutex_unlock(&function->bus->lock);
    if (function->ops->save)
        function->ops->save(function, writer);
}

/* From the file, only what the guest could have written is taken. [locked] */
static bool load_config(struct pci_function *function, struct state_reader *reader)
{
    CHECK_HELD(&function->bus->lock);
    uint8_t config[PCI_CONFIG_SIZE] = { 0 };
    if (!state_open(reader, "pci-function", 1))
        return false;
    uint64_t place = state_get(reader, "place", PCI_SLOTS * PCI_FUNCTIONS - 1);
    uint64_t id = state_get(reader, "id", UINT32_MAX);
    uint32_t own_id = get(function->config + PCI_VENDOR_ID, 4);
    state_get_bytes(reader, "config", config, sizeof(config));
    if (reader->failed)
        return false;
    if (place != function->slot * PCI_FUNCTIONS + function->number || id != own_id) {
        reader->failed = true;
        return error_set(reader->error,
                         "saved state: PCI function %02x.%x had id 0x%08x, here %02x.%x has 0x%08x; start "
                         "with the same devices in the same slots",
                         (unsigned)place / PCI_FUNCTIONS, (unsigned)place % PCI_FUNCTIONS, (unsigned)id,
                         function->slot, function->number, own_id);
    }
    for (unsigned n = 0; n < PCI_CONFIG_SIZE; n++) {
        uint8_t mask = function->writable[n] | function->clearable[n];
        function->config[n] = (uint8_t)((function->config[n] & ~mask) | (config[n] & mask));
    }
    pci_msix_load(function, reader);
    return !reader->failed;
}

bool pci_function_load(struct pci_function *function, struct state_reader *reader)
{
    pthread_mutex_lock(&function->bus->lock);
    bool ok = load_config(function, reader);
    update(function);
    pthread_mutex_unlock(&function->bus->lock);
    return ok && (!function->ops->load || function->ops->load(function, reader));
}
