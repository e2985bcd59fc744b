/* SPDX-License-Identifier: MIT
 *
 * See ivshmem.h. The guest reaches the memory by accesses to a BAR, of 1 to 8 bytes each. Other processes
 * change it at any time, so each access is one of the host, too. What is there belongs to nobody here: no
 * reset clears it, and it is not in the saved state.
 */
#include "devices/pci/ivshmem.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "devices/pci/ivshmem_peers.h"
#include "devices/pci/msix.h"
#include "util/check.h"
#include "util/log.h"

enum {
    BAR_REGISTERS = 0,
    BAR_REGISTERS_BYTES = 0x100,
    BAR_MSIX = 1,
    BAR_MSIX_BYTES = 0x1000,
    BAR_MEMORY = 2
};
enum { REG_MASK = 0x00, REG_STATUS = 0x04, REG_POSITION = 0x08, REG_DOORBELL = 0x0c };
enum { MSIX_AT = 0x40, PENDING_AT = 0x800 };
enum { SERVER_WAIT_MS = 10000 };

struct ivshmem {
    struct pci_function function; /* must be first */
    struct ivshmem_config config;
    pthread_mutex_t lock;
    uint32_t mask, status; /* registers without a use, as there is no wire */
    uint8_t *memory;
    uint64_t size;
    struct ivshmem_peers *peers; /* NULL: it is ivshmem-plain */
    bool held, used;
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

/* The status is cleared by reading it. The position is the device's id, 0 for one without interrupts. */
static uint32_t register_read(struct ivshmem *ivshmem, uint64_t offset)
{
    uint32_t value = 0;
    pthread_mutex_lock(&ivshmem->lock);
    if (offset == REG_MASK) {
        value = ivshmem->mask;
    } else if (offset == REG_STATUS) {
        value = ivshmem->status;
        ivshmem->status = 0;
    } else if (offset == REG_POSITION && ivshmem->peers) {
        value = ivshmem_peers_id(ivshmem->peers);
    }
    pthread_mutex_unlock(&ivshmem->lock);
    return value;
}

static void ring_doorbell(struct ivshmem *ivshmem, uint32_t value)
{
    if (!ivshmem->peers || !ivshmem_peers_ring(ivshmem->peers, value >> 16, value & 0xffff))
        LOG_GUEST("ivshmem: there is no peer %u with a vector %u", value >> 16, value & 0xffff);
}

/* A message, if the driver has chosen MSI-X. */
static void rung(void *opaque, unsigned vector)
{
    pci_msix_notify(&((struct ivshmem *)opaque)->function, vector);
}

static void register_write(struct ivshmem *ivshmem, uint64_t offset, uint32_t value)
{
    if (offset == REG_DOORBELL) {
        ring_doorbell(ivshmem, value);
        return;
    }
    pthread_mutex_lock(&ivshmem->lock);
    switch (offset) {
    case REG_MASK: ivshmem->mask = value; break;
    case REG_STATUS: ivshmem->status = value; break;
    default: LOG_GUEST("ivshmem: 0x%x is written to offset 0x%x", value, (unsigned)offset); break;
    }
    pthread_mutex_unlock(&ivshmem->lock);
}

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (bar == BAR_MEMORY) {
        CHECK(offset + size <= ivshmem->size);
        return memory_read(ivshmem->memory + offset, size);
    }
    return size == 4 ? register_read(ivshmem, offset) : 0;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (bar == BAR_MEMORY) {
        CHECK(offset + size <= ivshmem->size);
        memory_write(ivshmem->memory + offset, size, value);
    } else if (size == 4) {
        register_write(ivshmem, offset, (uint32_t)value);
    } else {
        LOG_GUEST("ivshmem: write of %u bytes to offset 0x%x", size, (unsigned)offset);
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
    state_put(writer, "size", ivshmem->size);
    state_put(writer, "mask", ivshmem->mask);
    state_put(writer, "status", ivshmem->status);
    pthread_mutex_unlock(&ivshmem->lock);
}

/* Peers are not heard before a driver looks for the device: only then is it known to be on a bus. [locked] */
static void hear(struct ivshmem *ivshmem)
{
    CHECK_HELD(&ivshmem->lock);
    if (ivshmem->peers)
        ivshmem_peers_hold(ivshmem->peers, ivshmem->held || !ivshmem->used);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    pthread_mutex_lock(&ivshmem->lock);
    ivshmem->held = held;
    hear(ivshmem);
    pthread_mutex_unlock(&ivshmem->lock);
}

static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    (void)offset, (void)size;
    pthread_mutex_lock(&ivshmem->lock);
    if (!ivshmem->used) {
        ivshmem->used = true;
        hear(ivshmem);
    }
    pthread_mutex_unlock(&ivshmem->lock);
}

static bool function_load(struct pci_function *function, struct state_reader *reader)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (!state_open(reader, "ivshmem", 1))
        return false;
    pthread_mutex_lock(&ivshmem->lock);
    if (state_get(reader, "size", UINT64_MAX) != ivshmem->size && !reader->failed) {
        reader->failed = true;
        error_set(reader->error, "saved state: ivshmem: the memory that it shares has another size");
    }
    ivshmem->mask = (uint32_t)state_get(reader, "mask", UINT32_MAX);
    ivshmem->status = (uint32_t)state_get(reader, "status", UINT32_MAX);
    ivshmem->used = true;
    hear(ivshmem);
    pthread_mutex_unlock(&ivshmem->lock);
    return !reader->failed;
}

static void function_destroy(struct pci_function *function)
{
    struct ivshmem *ivshmem = (struct ivshmem *)function;
    if (ivshmem->peers)
        ivshmem_peers_destroy(ivshmem->peers); /* with the memory */
    else
        munmap(ivshmem->memory, ivshmem->size);
    pci_function_fini(function);
    pthread_mutex_destroy(&ivshmem->lock);
    free(ivshmem);
}

#define IVSHMEM_OPS(called)                                                                                  \
    {                                                                                                        \
        .name = called, .access_max = 8, .read = bar_read, .write = bar_write, .reset = function_reset,      \
        .config_written = config_written, .hold = function_hold, .save = function_save,                      \
        .load = function_load, .destroy = function_destroy                                                   \
    }
static const struct pci_function_ops plain_ops = IVSHMEM_OPS("ivshmem-plain");
static const struct pci_function_ops doorbell_ops = IVSHMEM_OPS("ivshmem-doorbell");

static bool make_function(struct ivshmem *ivshmem, struct error *error)
{
    struct pci_function *function = &ivshmem->function;
    const struct ivshmem_config *config = &ivshmem->config;
    const struct pci_identity identity = {
        .vendor = 0x1af4,
        .device = 0x1110,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x050000, /* memory, RAM */
        .revision = 1,
        .interrupt_pin = config->server ? 1 : 0, /* which is not used */
    };
    pci_function_init(function, config->server ? &doorbell_ops : &plain_ops, &identity);
    pci_function_set_bar(function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_REGISTERS_BYTES, false);
    pci_function_set_bar(function, BAR_MEMORY, PCI_BAR_MEM64, ivshmem->size, true);
    if (config->multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    if (!config->server)
        return true;
    pci_function_set_bar(function, BAR_MSIX, PCI_BAR_MEM32, BAR_MSIX_BYTES, false);
    return pci_msix_add(function, MSIX_AT, config->vectors, BAR_MSIX, 0, PENDING_AT, error);
}

static bool open_memory(struct ivshmem *ivshmem, struct error *error)
{
    const struct ivshmem_config *config = &ivshmem->config;
    const struct ivshmem_peers_config peers = { .path = config->server,
                                                .vectors = config->vectors,
                                                .rung = rung,
                                                .opaque = ivshmem,
                                                .wait_ms = config->wait_ms };
    ivshmem->memory = config->memory;
    ivshmem->size = config->size;
    if (!config->server)
        return ivshmem_size_fits(config->size) ||
               error_set(error,
                         "ivshmem-plain: its memory must have a size that is a power of two, up to 64G");
    ivshmem->peers = ivshmem_peers_connect(&peers, error);
    if (ivshmem->peers)
        ivshmem->memory = ivshmem_peers_memory(ivshmem->peers, &ivshmem->size);
    return ivshmem->peers != NULL;
}

struct pci_function *ivshmem_create(const struct ivshmem_config *config, struct error *error)
{
    struct ivshmem *ivshmem = calloc(1, sizeof(*ivshmem));
    if (!ivshmem) {
        error_set(error, "ivshmem: out of memory");
        return NULL;
    }
    ivshmem->config = *config;
    if (open_memory(ivshmem, error) && make_function(ivshmem, error)) {
        pthread_mutex_init(&ivshmem->lock, NULL);
        return &ivshmem->function;
    }
    if (ivshmem->peers)
        ivshmem_peers_destroy(ivshmem->peers);
    free(ivshmem);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *create_plain(const struct device_plug *plug, struct error *error)
{
    const struct ivshmem_config config = { .memory = plug->memory,
                                           .size = plug->memory_size,
                                           .multifunction = plug->multifunction };
    struct pci_function *function = ivshmem_create(&config, error);
    if (!function)
        munmap(config.memory, config.size);
    return function;
}

static struct pci_function *create_doorbell(const struct device_plug *plug, struct error *error)
{
    const struct ivshmem_config config = { .server = plug->server,
                                           .vectors = plug->settings->msix_vectors,
                                           .wait_ms = SERVER_WAIT_MS,
                                           .multifunction = plug->multifunction };
    return ivshmem_create(&config, error);
}

static const struct device_key plain_keys[] = {
    { "memdev", DEVICE_KEY_BACKEND, "id of a -object memory-backend-...", DEVICE_SETTING(backend),
      .needed = "ID" },
    { .name = NULL },
};
static const struct device_key doorbell_keys[] = {
    { "chardev", DEVICE_KEY_BACKEND, "id of a -chardev socket,path=, which leads to the server",
      DEVICE_SETTING(backend), .needed = "ID" },
    { "vectors", DEVICE_KEY_NUMBER, "of MSI-X", DEVICE_SETTING(msix_vectors), .least = 1,
      .most = IVSHMEM_VECTORS_MAX, .fallback = 1 },
    { .name = NULL },
};

const struct device_model ivshmem_model = {
    .name = "ivshmem-plain",
    .text = "memory that is shared with other machines",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_MEMORY,
    .keys = plain_keys,
    .create_pci = create_plain,
};
const struct device_model ivshmem_doorbell_model = {
    .name = "ivshmem-doorbell",
    .text = "the same, by a server, with interrupts between them",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_SERVER,
    .keys = doorbell_keys,
    .create_pci = create_doorbell,
};
