/* SPDX-License-Identifier: MIT
 *
 * MSI-X; see msix.h. A vector that fires is sent at once. While it is masked, or the function may not master
 * the bus, its pending bit is set instead, and it is sent when that ends. Everything is protected by the lock
 * of the bus.
 */
#include "devices/pci/msix.h"

#include <stdlib.h>
#include <string.h>

#include "devices/pci/iommu.h"
#include "util/check.h"
#include "util/log.h"

enum { CONTROL = 2, TABLE = 4, PBA = 8, LENGTH = 12 };          /* of the capability */
enum { CONTROL_ENABLE = 0x8000, CONTROL_MASK_ALL = 0x4000 };    /* bits of the message control */
enum { ENTRY_ADDRESS = 0, ENTRY_DATA = 8, ENTRY_CONTROL = 12 }; /* of a vector */
enum { ENTRY_MASKED = 1 };

static uint32_t table_bytes(const struct pci_msix *msix)
{
    return msix->vectors * PCI_MSIX_ENTRY;
}

static uint32_t pba_bytes(const struct pci_msix *msix)
{
    return (msix->vectors + 63) / 64 * 8;
}

/* Masks all vectors; none is pending. */
static void clear(struct pci_msix *msix)
{
    if (!msix->vectors)
        return;
    memset(msix->table, 0, table_bytes(msix));
    memset(msix->pending, 0, pba_bytes(msix));
    for (unsigned n = 0; n < msix->vectors; n++)
        msix->table[n * PCI_MSIX_ENTRY + ENTRY_CONTROL] = ENTRY_MASKED;
}

bool pci_msix_add(struct pci_function *function, unsigned offset, unsigned vectors, unsigned bar,
                  uint32_t table_offset, uint32_t pba_offset, struct error *error)
{
    struct pci_msix *msix = &function->msix;
    *msix = (struct pci_msix){ vectors, bar, offset, table_offset, pba_offset, NULL, NULL };
    msix->table = calloc(vectors, PCI_MSIX_ENTRY);
    msix->pending = calloc((vectors + 63) / 64, sizeof(*msix->pending));
    if (!msix->table || !msix->pending)
        return error_set(error, "%s: out of memory for %u vectors", function->ops->name, vectors);
    pci_function_add_capability(function, PCI_CAP_MSIX, offset, LENGTH);
    pci_function_set_config(function, offset + CONTROL, 2, vectors - 1);
    pci_function_set_writable(function, offset + CONTROL, 2, CONTROL_ENABLE | CONTROL_MASK_ALL);
    pci_function_set_config(function, offset + TABLE, 4, table_offset | bar);
    pci_function_set_config(function, offset + PBA, 4, pba_offset | bar);
    clear(msix); /* without the lock: the function is on no bus yet */
    return true;
}

static unsigned control(const struct pci_function *function)
{
    const uint8_t *at = function->config + function->msix.capability + CONTROL;
    return at[0] | (unsigned)at[1] << 8;
}

bool pci_msix_is_enabled(const struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    return function->msix.vectors && control(function) & CONTROL_ENABLE;
}

bool pci_msix_enabled(struct pci_function *function)
{
    if (!function->bus)
        return false; /* not plugged in yet */
    pthread_mutex_lock(&function->bus->lock);
    bool enabled = pci_msix_is_enabled(function);
    pthread_mutex_unlock(&function->bus->lock);
    return enabled;
}

static bool may_send(const struct pci_function *function, unsigned vector)
{
    const uint8_t *entry = function->msix.table + vector * PCI_MSIX_ENTRY;
    return pci_msix_is_enabled(function) && !(control(function) & CONTROL_MASK_ALL) &&
           !(entry[ENTRY_CONTROL] & ENTRY_MASKED) && atomic_load(&function->bus_master);
}

static void send(struct pci_function *function, unsigned vector)
{
    uint64_t address;
    uint32_t data;
    memcpy(&address, function->msix.table + vector * PCI_MSIX_ENTRY + ENTRY_ADDRESS, sizeof(address));
    memcpy(&data, function->msix.table + vector * PCI_MSIX_ENTRY + ENTRY_DATA, sizeof(data));
    if (!pci_message_send(function, address, data))
        LOG_GUEST("%s: vector %u sends 0x%x to 0x%llx, where no interrupt controller is", function->ops->name,
                  vector, data, (unsigned long long)address);
}

/* Sends those of 64 vectors that are pending and may be sent. */
static void send_due(struct pci_function *function, unsigned word)
{
    for (uint64_t due = function->msix.pending[word]; due; due &= due - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(due);
        if (!may_send(function, word * 64 + bit))
            continue;
        function->msix.pending[word] &= ~(1ull << bit);
        send(function, word * 64 + bit);
    }
}

void pci_msix_notify(struct pci_function *function, unsigned vector)
{
    pthread_mutex_lock(&function->bus->lock);
    if (vector < function->msix.vectors && pci_msix_is_enabled(function)) {
        function->msix.pending[vector / 64] |= 1ull << vector % 64;
        send_due(function, vector / 64);
    }
    pthread_mutex_unlock(&function->bus->lock);
}

void pci_msix_config_changed(struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    for (unsigned word = 0; word * 64 < function->msix.vectors; word++)
        send_due(function, word);
}

bool pci_msix_covers(const struct pci_function *function, unsigned bar, uint64_t offset)
{
    const struct pci_msix *msix = &function->msix;
    return msix->vectors && bar == msix->bar &&
           (offset - msix->table_offset < table_bytes(msix) || offset - msix->pba_offset < pba_bytes(msix));
}

/* Section 6.8.2: the table is accessed in aligned units of 4 or 8 bytes, anything else is undefined. The
 * table and the pending bits are multiples of 8 bytes long, so an aligned access lies in one of them. */
uint64_t pci_msix_read(struct pci_function *function, uint64_t offset, unsigned size)
{
    const struct pci_msix *msix = &function->msix;
    uint64_t value = 0;
    pthread_mutex_lock(&function->bus->lock);
    if (offset - msix->table_offset < table_bytes(msix))
        memcpy(&value, msix->table + (offset - msix->table_offset), size);
    else
        memcpy(&value, (const uint8_t *)msix->pending + (offset - msix->pba_offset), size);
    pthread_mutex_unlock(&function->bus->lock);
    return value;
}

void pci_msix_write(struct pci_function *function, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pci_msix *msix = &function->msix;
    if (offset - msix->table_offset >= table_bytes(msix) || size < 4) {
        LOG_GUEST("%s: write of %u bytes to offset 0x%llx of its MSI-X table or pending bits",
                  function->ops->name, size, (unsigned long long)offset);
        return;
    }
    uint64_t at = offset - msix->table_offset;
    pthread_mutex_lock(&function->bus->lock);
    memcpy(msix->table + at, &value, size);
    send_due(function, (unsigned)(at / PCI_MSIX_ENTRY / 64));
    pthread_mutex_unlock(&function->bus->lock);
}

void pci_msix_reset(struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    clear(&function->msix);
}

void pci_msix_save(const struct pci_function *function, struct state_writer *writer)
{
    const struct pci_msix *msix = &function->msix;
    if (!msix->vectors)
        return;
    state_put_bytes(writer, "msix.table", msix->table, table_bytes(msix));
    state_put_bytes(writer, "msix.pending", msix->pending, pba_bytes(msix));
}

/* Pending bits of vectors that do not exist are cleared, since nothing may be sent for them. */
void pci_msix_load(struct pci_function *function, struct state_reader *reader)
{
    struct pci_msix *msix = &function->msix;
    if (!msix->vectors)
        return;
    state_get_bytes(reader, "msix.table", msix->table, table_bytes(msix));
    state_get_bytes(reader, "msix.pending", msix->pending, pba_bytes(msix));
    if (msix->vectors % 64)
        msix->pending[msix->vectors / 64] &= (1ull << msix->vectors % 64) - 1;
}
