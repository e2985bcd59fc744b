/* SPDX-License-Identifier: MIT
 *
 * Clocks of the E31; see sifive_e_prci.h. The lock protects the four registers.
 */
#include "devices/platform/sifive_e_prci.h"

#include <pthread.h>
#include <stdlib.h>

#include "util/log.h"

enum reg { HFROSCCFG, HFXOSCCFG, PLLCFG, PLLOUTDIV, REG_COUNT };
#define READY 0x80000000u /* of the oscillators; of the PLL: locked */

static const struct {
    const char *name;
    uint32_t at_reset, writable;
} regs[REG_COUNT] = {
    { "hfrosccfg", 0xc0000000, 0x401f003f },
    { "hfxosccfg", 0xc0000000, 0x40000000 },
    { "pllcfg", 0x80060000, 0x00070df7 },
    { "plloutdiv", 0x00000100, 0x0000013f },
};

struct prci {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    uint32_t values[REG_COUNT];
};

static uint64_t prci_read(struct device *device, uint64_t offset, unsigned size)
{
    struct prci *prci = (struct prci *)device;
    (void)size;
    if (offset / 4 >= REG_COUNT) {
        LOG_GUEST("sifive-e-prci: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&prci->lock);
    uint32_t value = prci->values[offset / 4];
    pthread_mutex_unlock(&prci->lock);
    return value;
}

static void prci_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct prci *prci = (struct prci *)device;
    uint64_t reg = offset / 4;
    (void)size;
    if (reg >= REG_COUNT) {
        LOG_GUEST("sifive-e-prci: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&prci->lock);
    prci->values[reg] = ((uint32_t)value & regs[reg].writable) | (regs[reg].at_reset & READY);
    pthread_mutex_unlock(&prci->lock);
}

static void prci_reset(struct device *device)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_lock(&prci->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        prci->values[reg] = regs[reg].at_reset;
    pthread_mutex_unlock(&prci->lock);
}

static void prci_save(struct device *device, struct state_writer *writer)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_lock(&prci->lock);
    state_section(writer, prci->device.ops->name, 1);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        state_put(writer, regs[reg].name, prci->values[reg]);
    pthread_mutex_unlock(&prci->lock);
}

static bool prci_load(struct device *device, struct state_reader *reader)
{
    struct prci *prci = (struct prci *)device;
    if (!state_open(reader, prci->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&prci->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        prci->values[reg] = (uint32_t)state_get(reader, regs[reg].name, UINT32_MAX);
    pthread_mutex_unlock(&prci->lock);
    return !reader->failed;
}

static void prci_destroy(struct device *device)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_destroy(&prci->lock);
    free(prci);
}

static const struct device_ops prci_ops = {
    .name = "sifive-e-prci",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = prci_read,
    .write = prci_write,
    .reset = prci_reset,
    .save = prci_save,
    .load = prci_load,
    .destroy = prci_destroy,
};

struct device *sifive_e_prci_create(struct error *error)
{
    struct prci *prci = calloc(1, sizeof(*prci));
    if (!prci) {
        error_set(error, "sifive-e-prci: out of memory");
        return NULL;
    }
    prci->device.ops = &prci_ops;
    pthread_mutex_init(&prci->lock, NULL);
    prci_reset(&prci->device);
    return &prci->device;
}
