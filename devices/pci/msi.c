/* SPDX-License-Identifier: MIT
 *
 * MSI: see msi.h.
 */
#include "devices/pci/msi.h"

#include "devices/pci/iommu.h"
#include "util/check.h"
#include "util/log.h"

enum { /* offsets in the capability */
       CONTROL = 2,
       ADDRESS = 4,
       ADDRESS_HIGH = 8,
       DATA = 12
};
enum { /* of the control register */
       CONTROL_ENABLE = 1,
       CONTROL_CAPABLE_SHIFT = 1, /* the logarithm of the number of vectors that the function has */
       CONTROL_ALLOWED_SHIFT = 4, /* the same, of those that the guest allows: three bits */
       CONTROL_ALLOWED = 7 << CONTROL_ALLOWED_SHIFT,
       CONTROL_64_BIT = 1 << 7
};

/* Configuration space is little-endian bytes. */
static uint32_t get(const struct pci_function *function, unsigned at, unsigned size)
{
    const uint8_t *bytes = function->config + function->msi.capability + at;
    uint32_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= (uint32_t)bytes[n] << (8 * n);
    return value;
}

void pci_msi_add(struct pci_function *function, unsigned offset, unsigned vectors)
{
    unsigned capable = (unsigned)__builtin_ctz(vectors);
    pci_function_add_capability(function, PCI_CAP_MSI, offset, PCI_MSI_LENGTH);
    pci_function_set_config(function, offset + CONTROL, 2, CONTROL_64_BIT | capable << CONTROL_CAPABLE_SHIFT);
    pci_function_set_writable(function, offset + CONTROL, 2, CONTROL_ENABLE | CONTROL_ALLOWED);
    pci_function_set_writable(function, offset + ADDRESS, 4, ~UINT32_C(3));
    pci_function_set_writable(function, offset + ADDRESS_HIGH, 4, UINT32_MAX);
    pci_function_set_writable(function, offset + DATA, 2, 0xffff);
    function->msi = (struct pci_msi){ vectors, offset };
}

bool pci_msi_is_enabled(const struct pci_function *function)
{
    CHECK_HELD(&function->bus->lock);
    return function->msi.vectors && get(function, CONTROL, 2) & CONTROL_ENABLE;
}

bool pci_msi_enabled(struct pci_function *function)
{
    if (!function->bus)
        return false; /* not plugged in yet */
    pthread_mutex_lock(&function->bus->lock);
    bool enabled = pci_msi_is_enabled(function);
    pthread_mutex_unlock(&function->bus->lock);
    return enabled;
}

/* The guest may write a number of vectors that the function does not have. */
static unsigned allowed_vectors(const struct pci_function *function)
{
    unsigned allowed = 1u << ((get(function, CONTROL, 2) & CONTROL_ALLOWED) >> CONTROL_ALLOWED_SHIFT);
    return allowed < function->msi.vectors ? allowed : function->msi.vectors;
}

static void send(struct pci_function *function, unsigned vector)
{
    uint64_t address = (uint64_t)get(function, ADDRESS_HIGH, 4) << 32 | get(function, ADDRESS, 4);
    uint32_t low_bits = allowed_vectors(function) - 1;
    uint32_t data = (get(function, DATA, 2) & ~low_bits) | (vector & low_bits);
    if (!pci_message_send(function, address, data))
        LOG_GUEST("%s: vector %u sends 0x%x to 0x%llx, where no interrupt controller is", function->ops->name,
                  vector, data, (unsigned long long)address);
}

void pci_msi_notify(struct pci_function *function, unsigned vector)
{
    if (!function->bus)
        return;
    pthread_mutex_lock(&function->bus->lock);
    if (vector < function->msi.vectors && pci_msi_is_enabled(function) && atomic_load(&function->bus_master))
        send(function, vector);
    pthread_mutex_unlock(&function->bus->lock);
}
