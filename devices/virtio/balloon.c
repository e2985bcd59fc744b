/* SPDX-License-Identifier: MIT
 *
 * See balloon.h. Queue 0 takes the numbers of pages that are put into the balloon, queue 1 of those that are
 * taken out, queue 2 has one buffer for statistics, and the last queue takes free pages themselves. The
 * worker gives pages back to the host, since that may take long; statistics are read at once.
 *
 * The buffer for statistics stays in the available ring until the host wants new ones: it is looked at, and
 * its pop is taken back. So a saved state needs no more than the rings.
 *
 * The specification has a queue 3 for hints, which exists only if they are offered, and 4 for reports. Linux
 * before 6.11 counts only those that exist, so it has the reports on 3; both are taken.
 */
#include "devices/virtio/balloon.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/virtio/worker.h"
#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_BALLOON  5
#define BALLOON_QUEUE_SIZE 128
#define PAGE_SHIFT         12
#define PAGE_BYTES         (UINT64_C(1) << PAGE_SHIFT)
#define BATCH              256u /* pages that are given back before the worker looks whether it shall go on */
#define STATS_MAX          64u  /* entries that are looked at */

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_REPORTS, QUEUES = 5 };
enum { F_STATS_VQ = 1, F_DEFLATE_ON_OOM = 2, F_PAGE_POISON = 4, F_REPORTING = 5 };
enum { /* offsets in configuration space */
       CONFIG_TARGET = 0,
       CONFIG_ACTUAL = 4,
       CONFIG_HINT = 8,
       CONFIG_POISON = 12,
       CONFIG_BYTES = 16
};
struct __attribute__((packed)) stat_entry {
    uint16_t tag;
    uint64_t value;
};

struct balloon {
    struct virtio_device device; /* must be first */
    struct virtio_worker worker;
    struct virtio_balloon_config config;
    struct virtq_chain chain; /* the worker's */
    struct virtq_chain stats_chain, older_chain;
    unsigned updates;
    int64_t updated_s;
    uint32_t known;
    uint64_t stats[VIRTIO_BALLOON_STATS];
};

static uint32_t config_word(const struct virtio_device *device, unsigned offset)
{
    uint32_t word;
    memcpy(&word, device->config + offset, sizeof(word));
    return word;
}

static void set_config_word(struct virtio_device *device, unsigned offset, uint32_t word)
{
    memcpy(device->config + offset, &word, sizeof(word));
}

/* ---- Pages --------------------------------------------------------------------------------------------- */

/* Pages that follow each other, up or down, go in one call. */
static void give_back(struct balloon *balloon, const uint32_t *numbers, size_t count)
{
    for (size_t n = 0; n < count;) {
        uint64_t first = numbers[n], last = numbers[n];
        while (++n < count && (numbers[n] == last + 1 || numbers[n] + UINT64_C(1) == first)) {
            if (numbers[n] < first)
                first = numbers[n];
            else
                last = numbers[n];
        }
        if (!dma_discard(balloon->device.dma, first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT, false))
            LOG_GUEST("virtio-balloon: pages 0x%llx to 0x%llx stay: they are not RAM, or the host keeps them",
                      (unsigned long long)first, (unsigned long long)last);
    }
}

/* [locked]; releases the lock */
static void inflate(struct balloon *balloon)
{
    struct virtio_device *device = &balloon->device;
    uint32_t numbers[BATCH];
    size_t bytes;
    CHECK_HELD(&device->lock);
    for (uint32_t offset = 0; virtio_device_may_run(device); offset += (uint32_t)bytes) {
        bytes = virtq_chain_read(&balloon->chain, offset, numbers, sizeof(numbers)) & ~(size_t)3;
        if (!bytes)
            return;
        pthread_mutex_unlock(&device->lock);
        give_back(balloon, numbers, bytes / sizeof(*numbers));
        pthread_mutex_lock(&device->lock);
    }
}

/* Section 5.5.6.7: the buffers themselves are the free pages. If the guest expects to find its poison there,
 * they stay as they are. [locked]; releases the lock */
static void report(struct balloon *balloon)
{
    struct virtio_device *device = &balloon->device;
    const struct virtq_chain *chain = &balloon->chain;
    bool poison = virtio_device_has(device, F_PAGE_POISON);
    CHECK_HELD(&device->lock);
    if (poison && config_word(device, CONFIG_POISON))
        return;
    for (unsigned n = chain->out_count; n < chain->out_count + chain->in_count; n++) {
        uint64_t first = (chain->paddrs[n] + PAGE_BYTES - 1) & -PAGE_BYTES;
        uint64_t end = (chain->paddrs[n] + chain->segments[n].iov_len) & -PAGE_BYTES;
        if (!virtio_device_may_run(device))
            return;
        pthread_mutex_unlock(&device->lock);
        if (first < end)
            dma_discard(device->dma, first, end - first, poison);
        pthread_mutex_lock(&device->lock);
    }
}

static void balloon_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct balloon *balloon = (struct balloon *)device;
    while (virtqueue_pop(queue, &balloon->chain)) {
        if (queue->index == QUEUE_INFLATE)
            inflate(balloon);
        else if (queue->index >= QUEUE_REPORTS)
            report(balloon);
        /* Pages that leave the balloon come back from the host when they are touched. */
        virtqueue_push(queue, &balloon->chain, 0);
        virtqueue_signal(queue);
    }
}

/* ---- Statistics ---------------------------------------------------------------------------------------- */

/* [locked] */
static void read_stats(struct balloon *balloon)
{
    struct stat_entry entries[STATS_MAX];
    size_t count = virtq_chain_read(&balloon->stats_chain, 0, entries, sizeof(entries)) / sizeof(*entries);
    balloon->known = 0;
    for (size_t n = 0; n < count; n++) {
        if (entries[n].tag >= VIRTIO_BALLOON_STATS || entries[n].value == UINT64_MAX)
            continue;
        balloon->known |= UINT32_C(1) << entries[n].tag;
        balloon->stats[entries[n].tag] = entries[n].value;
    }
    balloon->updates++;
    balloon->updated_s = (int64_t)time(NULL);
}

/* The driver has one buffer; if it gives more, the older ones go back. [locked] */
static void take_stats(struct balloon *balloon, struct virtqueue *queue)
{
    bool any = false;
    CHECK_HELD(&balloon->device.lock);
    while (virtqueue_pop(queue, &balloon->stats_chain)) {
        if (any)
            virtqueue_push(queue, &balloon->older_chain, 0);
        any = true;
        balloon->older_chain = balloon->stats_chain;
    }
    if (!any || balloon->device.broken)
        return;
    read_stats(balloon);
    virtqueue_unpop(queue, 1);
}

bool virtio_balloon_ask(struct virtio_device *device)
{
    struct balloon *balloon = (struct balloon *)device;
    pthread_mutex_lock(&device->lock);
    struct virtqueue *queue = &device->queues[QUEUE_STATS];
    bool asked = virtio_device_has(device, F_STATS_VQ) && virtqueue_pop(queue, &balloon->stats_chain);
    if (asked) {
        virtqueue_push(queue, &balloon->stats_chain, 0);
        virtqueue_signal(queue);
    }
    pthread_mutex_unlock(&device->lock);
    return asked;
}

const char *virtio_balloon_stat_name(unsigned tag)
{
    static const char *const names[VIRTIO_BALLOON_STATS] = {
        "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
        "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
        "stat-htlb-pgalloc", "stat-htlb-pgfail",  "stat-oom-kills",        "stat-alloc-stalls",
        "stat-async-scans",  "stat-direct-scans", "stat-async-reclaims",   "stat-direct-reclaims",
    };
    return names[tag];
}

/* ---- The size of the balloon --------------------------------------------------------------------------- */

void virtio_balloon_set_target(struct virtio_device *device, uint32_t pages)
{
    pthread_mutex_lock(&device->lock);
    set_config_word(device, CONFIG_TARGET, pages);
    virtio_device_config_changed(device);
    pthread_mutex_unlock(&device->lock);
}

struct virtio_balloon_view virtio_balloon_look(struct virtio_device *device)
{
    const struct balloon *balloon = (const struct balloon *)device;
    pthread_mutex_lock(&device->lock);
    struct virtio_balloon_view view = {
        .target = config_word(device, CONFIG_TARGET),
        .actual = config_word(device, CONFIG_ACTUAL),
        .updates = balloon->updates,
        .updated_s = balloon->updated_s,
        .known = balloon->known,
    };
    memcpy(view.stats, balloon->stats, sizeof(view.stats));
    pthread_mutex_unlock(&device->lock);
    return view;
}

/* [locked] */
static void set_actual(struct balloon *balloon, uint32_t before)
{
    uint32_t now = config_word(&balloon->device, CONFIG_ACTUAL);
    CHECK_HELD(&balloon->device.lock);
    if (now != before && balloon->config.changed)
        balloon->config.changed(balloon->config.opaque, now);
}

/* The driver says how large the balloon is, and what its poison is. */
static void balloon_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    uint32_t before = config_word(device, CONFIG_ACTUAL);
    for (unsigned n = 0; n < size; n++) {
        unsigned word = (offset + n) & ~3u;
        if (word == CONFIG_ACTUAL || word == CONFIG_POISON)
            device->config[offset + n] = (uint8_t)(value >> (8 * n));
        else
            LOG_GUEST("virtio-balloon: the driver writes byte %u of the configuration", offset + n);
    }
    set_actual((struct balloon *)device, before);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void balloon_notify(struct virtio_device *device, struct virtqueue *queue)
{
    if (queue->index == QUEUE_STATS)
        take_stats((struct balloon *)device, queue);
    else
        virtio_worker_kick(device->worker, queue);
}

/* After a reset the guest uses all of its pages. What the host wants stays. */
static void balloon_reset(struct virtio_device *device)
{
    struct balloon *balloon = (struct balloon *)device;
    uint32_t before = config_word(device, CONFIG_ACTUAL);
    set_config_word(device, CONFIG_ACTUAL, 0);
    set_config_word(device, CONFIG_POISON, 0);
    balloon->known = 0;
    set_actual(balloon, before);
}

static void balloon_save(struct virtio_device *device, struct state_writer *writer)
{
    state_put(writer, "target", config_word(device, CONFIG_TARGET));
    state_put(writer, "actual", config_word(device, CONFIG_ACTUAL));
    state_put(writer, "poison", config_word(device, CONFIG_POISON));
}

static void balloon_load(struct virtio_device *device, struct state_reader *reader)
{
    uint32_t before = config_word(device, CONFIG_ACTUAL);
    set_config_word(device, CONFIG_TARGET, (uint32_t)state_get(reader, "target", UINT32_MAX));
    set_config_word(device, CONFIG_ACTUAL, (uint32_t)state_get(reader, "actual", UINT32_MAX));
    set_config_word(device, CONFIG_POISON, (uint32_t)state_get(reader, "poison", UINT32_MAX));
    set_actual((struct balloon *)device, before);
}

static void balloon_destroy(struct virtio_device *device)
{
    struct balloon *balloon = (struct balloon *)device;
    virtio_worker_stop(&balloon->worker);
    virtio_device_fini(device);
    free(balloon);
}

static const struct virtio_device_ops balloon_ops = {
    .name = "virtio-balloon",
    .id = VIRTIO_ID_BALLOON,
    .pci_legacy = 0x1002,
    .notify = balloon_notify,
    .config_write = balloon_config_write,
    .reset = balloon_reset,
    .save = balloon_save,
    .load = balloon_load,
    .destroy = balloon_destroy,
};

struct virtio_device *virtio_balloon_create(const struct virtio_balloon_config *config, struct error *error)
{
    uint64_t features = 1u << F_STATS_VQ | 1u << F_PAGE_POISON;
    struct balloon *balloon = calloc(1, sizeof(*balloon));
    if (!balloon) {
        error_set(error, "virtio-balloon: out of memory");
        return NULL;
    }
    features |= config->deflate_on_oom ? 1u << F_DEFLATE_ON_OOM : 0;
    features |= config->reports_free ? 1u << F_REPORTING : 0;
    if (!virtio_device_init(&balloon->device, &balloon_ops, features,
                            config->reports_free ? QUEUES : QUEUE_REPORTS, BALLOON_QUEUE_SIZE, error)) {
        free(balloon);
        return NULL;
    }
    balloon->config = *config;
    balloon->device.config_size = CONFIG_BYTES;
    if (virtio_worker_start(&balloon->worker, &balloon->device, "virtio-balloon", THREAD_WORKER, balloon_run,
                            error))
        return &balloon->device;
    virtio_device_fini(&balloon->device);
    free(balloon);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_balloon_config config = { plug->settings->deflate_on_oom, plug->settings->reports_free,
                                            plug->balloon_changed, plug->opaque };
    return virtio_balloon_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "deflate-on-oom", DEVICE_KEY_SWITCH, "a guest that is short of memory takes pages back",
      DEVICE_SETTING(deflate_on_oom) },
    { "free-page-reporting", DEVICE_KEY_SWITCH, "pages that are free in the guest go back to the host",
      DEVICE_SETTING(reports_free) },
    { "page-poison", DEVICE_KEY_FEATURE, "the guest says what it expects to find in free pages",
      DEVICE_FEATURE(F_PAGE_POISON) },
    { "free-page-hint", DEVICE_KEY_OFF, "which pages a migration may leave out",
      .limit = "this version has no migration" },
    { .name = NULL },
};

const struct device_model virtio_balloon_model = {
    .name = "virtio-balloon",
    .text = "gives pages of RAM back to the host (the monitor's balloon)",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .hot_plug = true,
    .keys = model_keys,
    .ops = &balloon_ops,
    .create = model_create,
};
