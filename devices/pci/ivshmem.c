/* SPDX-License-Identifier: MIT
 *
 * See ivshmem.h. The guest reaches the memory by accesses to a BAR, of 1 to 8 bytes each. Other processes
 * change it at any time, so each access is one of the host, too. What is there belongs to nobody here: no
 * reset clears it, and it is not in the saved state.
 */
#include "devices/pci/ivshmem.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "util/check.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_REGISTERS_BYTES = 0x100, BAR_MEMORY = 2 };
enum { REG_MASK = 0x00, REG_STATUS = 0x04, REG_DOORBELL = 0x0c };
#define MEMORY_MIN 4096u
#define MEMORY_MAX (UINT64_C(1) << 36)

struct ivshmem {
    struct pci_function function; /* must be first */
    struct ivshmem_config config;
    pthread_mutex_t lock;
    uint32_t mask, status; /* registers without a use, as there is no interrupt */
};

/* ---- The memory ---------------------------------------------------------------------------------------- */

static uint64_t memory_read(const uint8_t *at, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n(at, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
    }
}

static void memory_write(uint8_t *at, unsigned size, uint64_t value)
{
    switch (size) {
    case 1: __atomic_store_n(at, (uint8_t)value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)(void *)at, (uint16_t)value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)(void *)at, (uint32_t)value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)(void *)at, value, __ATOMIC_RELAXED); break;
    }
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

/* The status is cleared by reading it. The position, at 8, is 0 for a device without interrupts. */
static uint32_t register_read(struct ivshmem *ivshmem, uint64_t offset)
{
    uint32_t value = 0;
    pthread_mutex_lock(&ivshmem->lock);
    if (offset == REG_MASK) {
        value = ivshmem->mask;
    } else if (offset == REG_STATUS) {
        value = ivshmem->status;
        ivshmem->status = 0;
    }
    pthread_mutex_unlock(&ivshmem->lock);
    return value;
}

static void register_write(struct ivshmem *ivshmem, uint64_t offset, uint32_t value)
{
    pthread_mutex_lock(&ivshmem->lock);
    switch (offset) {
    case REG_MASK: ivshmem->mask = value; break;
    case REG_STATUS: ivshmem->status = value; break;
    case REG_DOORBELL: LOG_GUEST("ivshmem-plain: it has no peers whose doorbell could ring"); break;
    default: LOG_GUEST("ivshmem-plain: 0x%x is written to offset 0x%x", value, (unsigned)offset); break;
    }
    pthread_mutex_unlock(&ivshmem->lock);
}

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (bar == BAR_MEMORY) {
        CHECK(offset + size <= ivshmem->config.size);
        return memory_read(ivshmem->config.memory + offset, size);
    }
    return size == 4 ? register_read(ivshmem, offset) : 0;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (bar == BAR_MEMORY) {
        CHECK(offset + size <= ivshmem->config.size);
        memory_write(ivshmem->config.memory + offset, size, value);
    } else if (size == 4) {
        register_write(ivshmem, offset, (uint32_t)value);
    } else {
        LOG_GUEST("ivshmem-plain: write of %u bytes to offset 0x%x", size, (unsigned)offset);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void function_reset(struct pci_function *function)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    pthread_mutex_lock(&ivshmem->lock);
    ivshmem->mask = ivshmem->status = 0;
    pthread_mutex_unlock(&ivshmem->lock);
}

static void function_save(struct pci_function *function, struct state_writer *writer)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    state_section(writer, "ivshmem", 1);
    pthread_mutex_lock(&ivshmem->lock);
    state_put(writer, "size", ivshmem->config.size);
    state_put(writer, "mask", ivshmem->mask);
    state_put(writer, "status", ivshmem->status);
    pthread_mutex_unlock(&ivshmem->lock);
}

static bool function_load(struct pci_function *function, struct state_reader *reader)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (!state_open(reader, "ivshmem", 1))
        return false;
    pthread_mutex_lock(&ivshmem->lock);
    if (state_get(reader, "size", UINT64_MAX) != ivshmem->config.size && !reader->failed) {
        reader->failed = true;
        error_set(reader->error, "saved state: ivshmem-plain: the memory that it shares has another size");
    }
    ivshmem->mask = (uint32_t)state_get(reader, "mask", UINT32_MAX);
    ivshmem->status = (uint32_t)state_get(reader, "status", UINT32_MAX);
    pthread_mutex_unlock(&ivshmem->lock);
    return !reader->failed;
}

static void function_destroy(struct pci_function *function)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    munmap(ivshmem->config.memory, ivshmem->config.size);
    pci_function_fini(function);
    pthread_mutex_destroy(&ivshmem->lock);
    free(ivshmem);
}

static const struct pci_function_ops ivshmem_ops = {
    .name = "ivshmem-plain",
    .access_max = 8,
    .read = bar_read,
    .write = bar_write,
    .reset = function_reset,
    .save = function_save,
    .load = function_load,
    .destroy = function_destroy,
};

struct pci_function *ivshmem_create(const struct ivshmem_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1af4,
        .device = 0x1110,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x050000, /* memory, RAM */
        .revision = 1,
    };
    if (config->size < MEMORY_MIN || config->size > MEMORY_MAX || config->size & (config->size - 1)) {
        error_set(error, "ivshmem-plain: its memory must have a size that is a power of two, up to 64G");
        return NULL;
    }
    struct ivshmem *ivshmem = calloc(1, sizeof(*ivshmem));
    if (!ivshmem) {
        error_set(error, "ivshmem-plain: out of memory");
        return NULL;
    }
    ivshmem->config = *config;
    pthread_mutex_init(&ivshmem->lock, NULL);
    pci_function_init(&ivshmem->function, &ivshmem_ops, &identity);
    pci_function_set_bar(&ivshmem->function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_REGISTERS_BYTES, false);
    pci_function_set_bar(&ivshmem->function, BAR_MEMORY, PCI_BAR_MEM64, config->size, true);
    if (config->multifunction)
        pci_function_set_config(&ivshmem->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return &ivshmem->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    const struct ivshmem_config config = { plug->memory, plug->memory_size, plug->multifunction };
    struct pci_function *function = ivshmem_create(&config, error);
    if (!function)
        munmap(config.memory, config.size);
    return function;
}

static const struct device_key model_keys[] = {
    { "memdev", DEVICE_KEY_BACKEND, "id of a -object memory-backend-...", DEVICE_SETTING(backend),
      .needed = "ID" },
    { .name = NULL },
};

const struct device_model ivshmem_model = {
    .name = "ivshmem-plain",
    .text = "memory that is shared with other machines",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_MEMORY,
    .keys = model_keys,
    .create_pci = model_create,
};
