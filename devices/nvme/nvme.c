/* SPDX-License-Identifier: MIT
 *
 * The controller as a PCI function, with the layout of QEMU's: one BAR with the registers, the doorbells, and
 * the vectors of MSI-X. And the model, from which the command line makes one.
 */
#include "devices/nvme/internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/pci/msix.h"
#include "util/check.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_BYTES = 0x4000, TABLE_AT = 0x2000, PENDING_AT = 0x3000 };
enum { MSIX_AT = 0x40, POWER_AT = 0x60, POWER_BYTES = 8, EXPRESS_AT = 0x80 }; /* capabilities */
_Static_assert(0x1000 + NVME_QUEUES * 8 <= TABLE_AT, "the doorbells end before the vectors begin");
_Static_assert(TABLE_AT + NVME_VECTORS_MAX * PCI_MSIX_ENTRY <= PENDING_AT, "and these before their bits");

/* ---- Accesses ------------------------------------------------------------------------------------------ */

/* Section 3.1: registers are accessed in their width, or in halves of 4 bytes. Parts of these can be read. */
static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct nvme *nvme = (struct nvme *)function;
    (void)bar, (void)size;
    pthread_mutex_lock(&nvme->lock);
    uint32_t value = nvme_register_read(nvme, (unsigned)offset & ~3u);
    pthread_mutex_unlock(&nvme->lock);
    return value >> 8 * (offset & 3);
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct nvme *nvme = (struct nvme *)function;
    (void)bar;
    if (size != 4) {
        LOG_GUEST("nvme: write of %u bytes to offset 0x%llx", size, (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&nvme->lock);
    nvme_register_write(nvme, (unsigned)offset, (uint32_t)value);
    pthread_mutex_unlock(&nvme->lock);
}

/* A function that may not master the bus takes no commands, and touches no memory. */
static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct nvme *nvme = (struct nvme *)function;
    if (!pci_config_overlaps(offset, size, PCI_COMMAND, 2))
        return;
    pthread_mutex_lock(&nvme->lock);
    bool stopped = !pci_function_is_bus_master(function);
    if (stopped != nvme->stopped) {
        nvme->stopped = stopped;
        nvme_pause(nvme);
        nvme_resume(nvme);
    }
    pthread_mutex_unlock(&nvme->lock);
}

static void function_reset(struct pci_function *function)
{
    struct nvme *nvme = (struct nvme *)function;
    pthread_mutex_lock(&nvme->lock);
    nvme_forget_commands(nvme);
    nvme_pause(nvme);
    nvme_controller_clear(nvme);
    nvme->stopped = !pci_function_is_bus_master(function);
    nvme_resume(nvme);
    pthread_mutex_unlock(&nvme->lock);
}

static void nvme_free(struct nvme *nvme)
{
    pthread_cond_destroy(&nvme->ended);
    pthread_mutex_destroy(&nvme->lock);
    pci_function_fini(&nvme->function);
    free(nvme);
}

static void function_destroy(struct pci_function *function)
{
    struct nvme *nvme = (struct nvme *)function;
    pthread_mutex_lock(&nvme->lock);
    nvme_forget_commands(nvme);
    nvme->pauses++;
    pthread_mutex_unlock(&nvme->lock);
    device_worker_stop(&nvme->worker);
    nvme_free(nvme);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct nvme *nvme = (struct nvme *)function;
    pthread_mutex_lock(&nvme->lock);
    (held ? nvme_pause : nvme_resume)(nvme);
    pthread_mutex_unlock(&nvme->lock);
}

static const struct pci_function_ops nvme_ops = {
    .name = "nvme",
    .access_max = 4,
    .read = bar_read,
    .write = bar_write,
    .config_written = config_written,
    .reset = function_reset,
    .hold = function_hold,
    .save = nvme_save,
    .load = nvme_load,
    .destroy = function_destroy,
};

/* ---- Making it ----------------------------------------------------------------------------------------- */

/* Fills in the defaults; false and *error for impossible values. */
static bool complete(struct nvme_config *config, struct error *error)
{
    config->io_queues = config->io_queues ? config->io_queues : 64;
    config->vectors = config->vectors ? config->vectors : 65;
    config->entries = config->entries ? config->entries : 2048;
    config->mdts = config->mdts ? config->mdts : 7;
    config->events = config->events ? config->events : 4;
    config->logical_block_size = config->logical_block_size ? config->logical_block_size : BLOCKDEV_SECTOR;
    if (!config->physical_block_size)
        config->physical_block_size = config->logical_block_size;
    if (config->io_queues > NVME_IO_QUEUES_MAX || config->vectors > NVME_VECTORS_MAX || config->entries < 2 ||
        config->entries > NVME_ENTRIES_MAX || config->mdts > NVME_MDTS_MAX ||
        config->events > NVME_EVENTS_MAX)
        return error_set(error, "nvme: %u queues of %u entries, %u vectors, mdts %u, %u events: too many",
                         config->io_queues, config->entries, config->vectors, config->mdts, config->events);
    unsigned physical = config->physical_block_size;
    if (physical < config->logical_block_size || physical > NVME_PHYSICAL_MAX || physical & (physical - 1))
        return error_set(error,
                         "nvme: physical_block_size=%u; it is a power of two, at least logical_block_size "
                         "(%u), and at most %u",
                         physical, config->logical_block_size, NVME_PHYSICAL_MAX);
    return config->logical_block_size == 512 || config->logical_block_size == 4096 ||
           error_set(error, "nvme: logical_block_size=%u; there are 512 and 4096",
                     config->logical_block_size);
}

static bool make_function(struct nvme *nvme, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1b36,
        .device = 0x0010,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x010802, /* non-volatile memory, NVM Express */
        .revision = 2,
        .interrupt_pin = 1,
    };
    struct pci_function *function = &nvme->function;
    pci_function_init(function, &nvme_ops, &identity);
    pci_function_set_bar(function, BAR_REGISTERS, PCI_BAR_MEM64, BAR_BYTES, false);
    pci_function_add_express(function, EXPRESS_AT, PCI_EXPRESS_INTEGRATED);
    pci_function_add_capability(function, PCI_CAP_POWER, POWER_AT, POWER_BYTES);
    pci_function_set_config(function, POWER_AT + 2, 2, 3);      /* the capability's version */
    pci_function_set_config(function, POWER_AT + 4, 2, 1 << 3); /* nothing is lost in D3 */
    pci_function_set_writable(function, POWER_AT + 4, 2, 3);
    if (nvme->config.multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return pci_msix_add(function, MSIX_AT, nvme->config.vectors, BAR_REGISTERS, TABLE_AT, PENDING_AT, error);
}

static bool start_worker(struct nvme *nvme, struct error *error)
{
    struct device_worker_config config = { .lock = &nvme->lock,
                                           .device = "nvme",
                                           .name = "nvme",
                                           .role = THREAD_WORKER,
                                           .threads = NVME_THREADS,
                                           .run = nvme_run,
                                           .opaque = nvme };
    return device_worker_start(&nvme->worker, &config, error);
}

static void set_start_values(struct nvme *nvme)
{
    struct timespec now;
    size_t length = nvme->config.serial ? strnlen(nvme->config.serial, sizeof(nvme->serial)) : 0;
    memset(nvme->serial, ' ', sizeof(nvme->serial));
    if (length)
        memcpy(nvme->serial, nvme->config.serial, length);
    clock_gettime(CLOCK_MONOTONIC, &now);
    nvme->started_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    nvme->block_bits = (unsigned)__builtin_ctz(nvme->config.logical_block_size);
    nvme->page_bits = NVME_PAGE_BITS;
    nvme->stopped = true; /* no bus mastering yet */
    nvme_features_reset(nvme);
    for (unsigned n = 0; n < NVME_THREADS; n++)
        nvme->requests[n].nvme = nvme;
}

struct pci_function *nvme_create(const struct nvme_config *given, struct error *error)
{
    struct nvme_config config = *given;
    if (!complete(&config, error))
        return NULL;
    struct nvme *nvme = calloc(1, sizeof(*nvme));
    if (!nvme) {
        error_set(error, "nvme: out of memory");
        return NULL;
    }
    nvme->config = config;
    pthread_mutex_init(&nvme->lock, NULL);
    pthread_cond_init(&nvme->ended, NULL);
    if (make_function(nvme, error)) {
        set_start_values(nvme);
        if (start_worker(nvme, error))
            return &nvme->function;
    }
    nvme_free(nvme);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    const struct device_settings *settings = plug->settings;
    struct nvme_config config = { .blockdev = plug->disk,
                                  .dma = plug->dma,
                                  .serial = settings->serial,
                                  .io_queues = settings->queues,
                                  .vectors = settings->msix_vectors,
                                  .entries = settings->queue_size + 1,
                                  .mdts = settings->mdts,
                                  .events = settings->events + 1,
                                  .logical_block_size = settings->logical_block_size,
                                  .physical_block_size = settings->physical_block_size,
                                  .multifunction = plug->multifunction,
                                  .on_error = *plug->on_error };
    return nvme_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev", DEVICE_SETTING(backend), .needed = "ID" },
    { "serial", DEVICE_KEY_TEXT, "what the guest reads as its serial number", DEVICE_SETTING(serial),
      .needed = "TEXT" },
    { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index) },
    { "max_ioqpairs", DEVICE_KEY_NUMBER, "pairs of I/O queues", DEVICE_SETTING(queues), .least = 1,
      .most = NVME_IO_QUEUES_MAX, .fallback = 64 },
    { "msix_qsize", DEVICE_KEY_NUMBER, "vectors of MSI-X", DEVICE_SETTING(msix_vectors), .least = 1,
      .most = NVME_VECTORS_MAX, .fallback = 65 },
    { "mqes", DEVICE_KEY_NUMBER, "entries of an I/O queue, less one", DEVICE_SETTING(queue_size), .least = 1,
      .most = NVME_ENTRIES_MAX - 1, .fallback = 2047 },
    { "mdts", DEVICE_KEY_NUMBER, "the longest transfer is 4 KiB << mdts", DEVICE_SETTING(mdts), .least = 1,
      .most = NVME_MDTS_MAX, .fallback = 7 },
    { "aerl", DEVICE_KEY_NUMBER, "requests for events that may wait, less one", DEVICE_SETTING(events),
      .most = NVME_EVENTS_MAX - 1, .fallback = 3 },
    { "logical_block_size", DEVICE_KEY_POWER, "512 or 4096", DEVICE_SETTING(logical_block_size), .least = 512,
      .most = 4096, .fallback = 512 },
    { "physical_block_size", DEVICE_KEY_POWER,
      "what the guest had better write at once; without it, a logical block",
      DEVICE_SETTING(physical_block_size), .least = 512, .most = NVME_PHYSICAL_MAX },
    { "write-cache", DEVICE_KEY_AUTO,
      "off: each write is on the host's disk before it ends; auto: as the drive has it",
      DEVICE_SETTING(write_cache) },
    BLOCK_ON_ERROR_KEYS,
    { "use-intel-id", DEVICE_KEY_OFF, "ids of before QEMU 5.2", .limit = "the ids are those of QEMU 10" },
    { "ioeventfd", DEVICE_KEY_IGNORED, "doorbells never wait for the disk", .least = 0 },
    { .name = NULL },
};

const struct device_model nvme_model = {
    .name = "nvme",
    .text = "an NVM Express controller with a disk",
    .buses = DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_DISK,
    .hot_plug = true,
    .keys = model_keys,
    .create_pci = model_create,
    .boot_node = "pci1b36,0010",
    .boot_unit = "namespace@1,0",
};
