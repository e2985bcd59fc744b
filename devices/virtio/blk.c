/* SPDX-License-Identifier: MIT
 *
 * The virtio block device. The device's worker serves requests, as many at a time as it has threads, with the
 * lock released, straight between the image and the guest's RAM. A request is out-bytes (header, then data to
 * write) and in-bytes (data read, then one byte of status), no matter how the driver splits them into
 * buffers. Requests may overtake each other; a flush covers those writes that the driver has seen completed
 * (section 5.2.6.2).
 *
 * A request that fails may stop the machine (werror=, rerror=). Its thread then keeps it, and tries it again
 * when the machine goes on. A reset meanwhile drops it, together with everything else that the driver has
 * queued.
 *
 * A struct blk_request belongs to the thread of its index; the rest to the device's lock.
 */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/worker.h"
#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_BLOCK 2

enum { /* feature bits, section 5.2.3 */
       BLK_F_SIZE_MAX = 1,
       BLK_F_SEG_MAX = 2,
       BLK_F_RO = 5,
       BLK_F_BLK_SIZE = 6,
       BLK_F_FLUSH = 9,
       BLK_F_TOPOLOGY = 10,
       BLK_F_CONFIG_WCE = 11,
       BLK_F_MQ = 12,
       BLK_F_DISCARD = 13,
       BLK_F_WRITE_ZEROES = 14,
};

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11, BLK_WRITE_ZEROES = 13 };
/* The last one is never sent to the driver: the request is to be tried again. */
enum blk_status { BLK_OK, BLK_IOERR, BLK_UNSUPP, BLK_AGAIN = 256 };
#define BLK_ID_BYTES        20
#define BLK_RANGES_MAX      16u       /* segments of one discard or write-zeroes */
#define BLK_RANGE_SECTORS   0x3fffffu /* of one such segment: just under 2 GiB */
#define BLK_RANGE_UNMAP     1u
#define BLK_QUEUE_SIZE      256
#define BLK_LOOK_MS         50 /* between two checks whether a stopped machine goes on */
#define BLK_THREADS         8  /* requests under way at the same time */
#define BLK_BLOCK_SIZE_MAX  (64u * 1024)
#define BLK_WRITEBACK_FIELD offsetof(struct blk_config, writeback)

struct blk_config {    /* section 5.2.4 */
    uint64_t capacity; /* sectors */
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));
_Static_assert(sizeof(struct blk_config) == 60, "the layout of section 5.2.4");

struct blk_header {
    uint32_t type, reserved;
    uint64_t sector;
};

struct blk_range {
    uint64_t sector;
    uint32_t count, flags;
};

struct virtio_blk;
struct blk_request {
    struct virtio_blk *blk;
    struct blockdev *blockdev;
    struct virtq_chain chain;
    struct virtqueue *waits; /* it is to be tried again when the machine goes on: its queue; else NULL */
    struct iovec iov[VIRTQUEUE_SIZE_MAX];
};

struct blk_retry {
    uint32_t queue, head;
};

struct virtio_blk {
    struct virtio_device device;
    struct virtio_worker worker;
    struct blockdev *blockdev;
    char id[BLK_ID_BYTES];
    struct virtio_blk_config config;
    unsigned resets; /* how often the driver has reset the device */
    /* Requests of a saved state that were taken from their queues, and wait to be tried again. */
    struct blk_retry retries[BLK_THREADS];
    unsigned retry_count;
    struct blk_request requests[BLK_THREADS];
};

static enum blk_status status_of(struct blk_request *request, enum block_request kind, uint64_t sector,
                                 int rc)
{
    if (!rc)
        return BLK_OK;
    switch (block_request_failed(&request->blk->config.on_error, "virtio-blk", request->blockdev, kind,
                                 sector * BLOCKDEV_SECTOR, rc)) {
    case BLOCKDEV_ON_ERROR_STOP: return BLK_AGAIN;
    case BLOCKDEV_ON_ERROR_IGNORE: return BLK_OK;
    default: return BLK_IOERR;
    }
}

/* Is [sector, sector + count) on the disk? */
static bool in_range(const struct blk_request *request, uint64_t sector, uint64_t count)
{
    uint64_t sectors = blockdev_size(request->blockdev) / BLOCKDEV_SECTOR;
    if (sector <= sectors && count <= sectors - sector)
        return true;
    LOG_GUEST("virtio-blk: %llu sectors at %llu of a disk with %llu", (unsigned long long)count,
              (unsigned long long)sector, (unsigned long long)sectors);
    return false;
}

/* BLK_IN and BLK_OUT. */
static enum blk_status blk_transfer(struct blk_request *request, const struct blk_header *header, bool in)
{
    struct virtq_chain *chain = &request->chain;
    uint32_t offset = in ? 0 : sizeof(*header);
    uint32_t bytes = in ? chain->in_length - 1 : chain->out_length - (uint32_t)sizeof(*header);
    if (!bytes || bytes % BLOCKDEV_SECTOR) {
        LOG_GUEST("virtio-blk: %s of %u bytes, which are not whole sectors", in ? "read" : "write", bytes);
        return BLK_IOERR;
    }
    if (!in_range(request, header->sector, bytes / BLOCKDEV_SECTOR))
        return BLK_IOERR;
    unsigned count = virtq_chain_iov(chain, in, offset, bytes, request->iov);
    uint64_t place = header->sector * BLOCKDEV_SECTOR;
    if (in)
        return status_of(request, BLOCK_READ, header->sector,
                         blockdev_preadv(request->blockdev, request->iov, count, bytes, place));
    if (request->blockdev->read_only) {
        LOG_GUEST("virtio-blk: write to a read-only disk");
        return BLK_IOERR;
    }
    return status_of(request, BLOCK_WRITE, header->sector,
                     blockdev_pwritev(request->blockdev, request->iov, count, bytes, place));
}

static enum blk_status blk_one_range(struct blk_request *request, const struct blk_range *range, bool discard)
{
    uint64_t place = range->sector * BLOCKDEV_SECTOR, length = (uint64_t)range->count * BLOCKDEV_SECTOR;
    if (discard)
        return status_of(request, BLOCK_DISCARD, range->sector,
                         blockdev_discard(request->blockdev, place, length));
    return status_of(request, BLOCK_ZERO, range->sector,
                     blockdev_write_zeroes(request->blockdev, place, length, range->flags & BLK_RANGE_UNMAP));
}

/* BLK_DISCARD and BLK_WRITE_ZEROES: all ranges are checked before the first is touched. */
static enum blk_status blk_ranges(struct blk_request *request, bool discard)
{
    struct blk_range ranges[BLK_RANGES_MAX];
    uint32_t bytes = request->chain.out_length - (uint32_t)sizeof(struct blk_header);
    unsigned count = bytes / sizeof(*ranges);
    if (!count || bytes % sizeof(*ranges) || count > BLK_RANGES_MAX) {
        LOG_GUEST("virtio-blk: %u bytes of ranges to %s", bytes, discard ? "discard" : "zero");
        return BLK_IOERR;
    }
    if (request->blockdev->read_only)
        return BLK_IOERR;
    virtq_chain_read(&request->chain, sizeof(struct blk_header), ranges, bytes);
    for (unsigned n = 0; n < count; n++) {
        if (ranges[n].flags & ~(discard ? 0 : BLK_RANGE_UNMAP))
            return BLK_UNSUPP; /* section 5.2.6.2 */
        if (ranges[n].count > BLK_RANGE_SECTORS || !in_range(request, ranges[n].sector, ranges[n].count))
            return BLK_IOERR;
    }
    enum blk_status status = BLK_OK;
    for (unsigned n = 0; n < count && status == BLK_OK; n++)
        status = blk_one_range(request, &ranges[n], discard);
    return status;
}

static enum blk_status blk_get_id(struct blk_request *request)
{
    uint32_t room = request->chain.in_length - 1;
    virtq_chain_write(&request->chain, 0, request->blk->id, room < BLK_ID_BYTES ? room : BLK_ID_BYTES);
    return BLK_OK;
}

/* Serves one request, without the lock. `writethrough`: the request must be durable, since the driver does
 * not flush. */
static enum blk_status blk_do(struct blk_request *request, bool writethrough)
{
    struct blk_header header;
    enum blk_status status;
    virtq_chain_read(&request->chain, 0, &header, sizeof(header));
    switch (header.type) {
    case BLK_IN: return blk_transfer(request, &header, true);
    case BLK_OUT: status = blk_transfer(request, &header, false); break;
    case BLK_FLUSH: return status_of(request, BLOCK_FLUSH, 0, blockdev_flush(request->blockdev));
    case BLK_GET_ID: return blk_get_id(request);
    case BLK_DISCARD: return blk_ranges(request, true);
    case BLK_WRITE_ZEROES: status = blk_ranges(request, false); break;
    default: LOG_GUEST("virtio-blk: request of unknown type %u", header.type); return BLK_UNSUPP;
    }
    if (status == BLK_OK && writethrough)
        status = status_of(request, BLOCK_FLUSH, header.sector, blockdev_flush(request->blockdev));
    return status;
}

/* Section 5.2.6.2: the negotiated features decide how the write cache works. [locked] */
static bool is_writethrough(const struct virtio_blk *blk)
{
    CHECK_HELD((pthread_mutex_t *)&blk->device.lock);
    if (virtio_device_has(&blk->device, BLK_F_CONFIG_WCE))
        return !blk->device.config[BLK_WRITEBACK_FIELD];
    return !virtio_device_has(&blk->device, BLK_F_FLUSH);
}

/* Neither the device nor the request's queue was reset since the request was taken. [locked] */
static bool is_wanted(const struct virtio_blk *blk, const struct blk_request *request,
                      const struct virtqueue *queue, unsigned resets)
{
    CHECK_HELD((pthread_mutex_t *)&blk->device.lock);
    return blk->resets == resets && request->chain.epoch == queue->epoch &&
           !virtio_worker_is_ending(&blk->worker);
}

/* Waits until the machine goes on. False: the request is not wanted any more. [locked] */
static bool wait_to_go_on(struct virtio_blk *blk, struct blk_request *request, struct virtqueue *queue,
                          unsigned resets)
{
    CHECK_HELD(&blk->device.lock);
    request->waits = queue;
    do
        virtio_worker_rest(&blk->worker, BLK_LOOK_MS);
    while (is_wanted(blk, request, queue, resets) &&
           (blk->device.paused || blk->device.stopped || blk->device.held ||
            blk->config.on_error.stopped(blk->config.on_error.opaque)));
    request->waits = NULL;
    return is_wanted(blk, request, queue, resets);
}

/* Serves one request, and tries it again until it is done. False: it was dropped meanwhile. [locked];
 * releases the lock */
static bool blk_serve(struct virtio_blk *blk, struct blk_request *request, struct virtqueue *queue)
{
    CHECK_HELD(&blk->device.lock);
    bool writethrough = is_writethrough(blk), wanted = true;
    unsigned resets = blk->resets;
    enum blk_status status = BLK_AGAIN;
    while (status == BLK_AGAIN && wanted) {
        pthread_mutex_unlock(&blk->device.lock);
        status = blk_do(request, writethrough);
        pthread_mutex_lock(&blk->device.lock);
        if (status == BLK_AGAIN)
            wanted = wait_to_go_on(blk, request, queue, resets);
    }
    uint8_t byte = (uint8_t)status;
    if (wanted)
        virtq_chain_write(&request->chain, request->chain.in_length - 1, &byte, 1);
    return wanted;
}

/* Takes a request: first those of a saved state, of whatever queue. Returns its queue; NULL: there is none.
 * [locked] */
static struct virtqueue *blk_take(struct virtio_blk *blk, struct virtqueue *queue, struct virtq_chain *chain)
{
    CHECK_HELD(&blk->device.lock);
    while (blk->retry_count && virtio_device_may_run(&blk->device)) {
        const struct blk_retry *retry = &blk->retries[--blk->retry_count];
        if (virtqueue_retake(&blk->device.queues[retry->queue], chain, retry->head))
            return &blk->device.queues[retry->queue];
    }
    return virtqueue_pop(queue, chain) ? queue : NULL;
}

static void blk_run(struct virtio_device *device, struct virtqueue *kicked)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    struct blk_request *request = &blk->requests[virtio_worker_thread()];
    struct virtq_chain *chain = &request->chain;
    struct virtqueue *queue;
    while ((queue = blk_take(blk, kicked, chain))) {
        if (chain->out_length < sizeof(struct blk_header) || !chain->in_length) {
            LOG_GUEST("virtio-blk: a request of %u bytes out and %u in", chain->out_length, chain->in_length);
            virtio_device_break(device);
            return;
        }
        if (virtqueue_has_more(kicked) || blk->retry_count)
            virtio_worker_share(&blk->worker, kicked);
        if (!blk_serve(blk, request, queue))
            continue;
        virtqueue_push(queue, chain, chain->in_length);
        virtqueue_signal(queue);
    }
}

static void blk_notify(struct virtio_device *device, struct virtqueue *queue)
{
    virtio_worker_kick(device->worker, queue);
}

static void blk_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    if (offset == BLK_WRITEBACK_FIELD && size == 1 && value <= 1 &&
        virtio_device_has(device, BLK_F_CONFIG_WCE))
        device->config[offset] = (uint8_t)value;
    else
        LOG_GUEST("virtio-blk: the driver writes 0x%llx to offset %u of its configuration",
                  (unsigned long long)value, offset);
}

static void blk_reset(struct virtio_device *device)
{
    ((struct virtio_blk *)device)->resets++;
    ((struct virtio_blk *)device)->retry_count = 0;
    device->config[BLK_WRITEBACK_FIELD] = 1;
}

/* The requests that failed and wait until the machine goes on: they are on no queue any more. */
static void save_retries(const struct virtio_blk *blk, struct state_writer *writer)
{
    struct blk_retry retries[BLK_THREADS] = { { 0 } };
    unsigned count = blk->retry_count;
    memcpy(retries, blk->retries, count * sizeof(retries[0]));
    /* Together they are no more than there are threads: those of a saved state are taken first. */
    for (unsigned n = 0; n < BLK_THREADS && count < BLK_THREADS; n++) {
        const struct blk_request *request = &blk->requests[n];
        if (request->waits && request->chain.epoch == request->waits->epoch)
            retries[count++] = (struct blk_retry){ request->waits->index, request->chain.head };
    }
    state_put(writer, "retries", count);
    state_put_bytes(writer, "retry", retries, sizeof(retries));
}

static void load_retries(struct virtio_blk *blk, struct state_reader *reader)
{
    unsigned count = (unsigned)state_get(reader, "retries", BLK_THREADS);
    state_get_bytes(reader, "retry", blk->retries, sizeof(blk->retries));
    for (unsigned n = 0; n < count && !reader->failed; n++) {
        if (blk->retries[n].queue < blk->device.queue_count)
            continue;
        reader->failed = true;
        error_set(reader->error, "saved state: a disk has no queue %u", blk->retries[n].queue);
    }
    blk->retry_count = reader->failed ? 0 : count;
}

static void blk_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    state_put(writer, "size", blk->blockdev->size);
    state_put(writer, "writeback", device->config[BLK_WRITEBACK_FIELD]);
    save_retries(blk, writer);
}

static void blk_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    uint64_t size = state_get(reader, "size", UINT64_MAX);
    device->config[BLK_WRITEBACK_FIELD] = (uint8_t)state_get(reader, "writeback", 1);
    if (!reader->failed && size != blk->blockdev->size) {
        reader->failed = true;
        error_set(reader->error, "saved state: the disk had %llu bytes, this one has %llu",
                  (unsigned long long)size, (unsigned long long)blk->blockdev->size);
    }
    load_retries(blk, reader);
}

/* Any thread. */
static void blk_resized(void *opaque)
{
    struct virtio_blk *blk = opaque;
    uint64_t sectors = blockdev_size(blk->blockdev) / BLOCKDEV_SECTOR;
    pthread_mutex_lock(&blk->device.lock);
    memcpy(blk->device.config + offsetof(struct blk_config, capacity), &sectors, sizeof(sectors));
    virtio_device_config_changed(&blk->device);
    pthread_mutex_unlock(&blk->device.lock);
}

static void blk_destroy(struct virtio_device *device)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    blk->blockdev->resized = NULL;
    virtio_worker_stop(&blk->worker);
    virtio_device_fini(device);
    free(blk);
}

static const struct virtio_device_ops virtio_blk_ops = {
    .name = "virtio-blk",
    .id = VIRTIO_ID_BLOCK,
    .pci_legacy = 0x1001,
    .pci_class = 0x010000, /* mass storage */
    .notify = blk_notify,
    .config_write = blk_config_write,
    .reset = blk_reset,
    .save = blk_save,
    .load = blk_load,
    .destroy = blk_destroy,
};

static bool is_power_of_two(unsigned value, unsigned min, unsigned max)
{
    return value >= min && value <= max && !(value & (value - 1));
}

/* Fills in the defaults; false and *error for impossible values. */
static bool config_complete(struct virtio_blk_config *config, struct error *error)
{
    config->queues = config->queues ? config->queues : 1;
    config->queue_size = config->queue_size ? config->queue_size : BLK_QUEUE_SIZE;
    config->logical_block_size = config->logical_block_size ? config->logical_block_size : BLOCKDEV_SECTOR;
    if (!config->physical_block_size)
        config->physical_block_size = config->logical_block_size;
    if (config->queues > VIRTIO_QUEUES_MAX)
        return error_set(error, "virtio-blk: %u queues; there can be 1 to %u", config->queues,
                         VIRTIO_QUEUES_MAX);
    if (!is_power_of_two(config->queue_size, 4, VIRTQUEUE_SIZE_MAX))
        return error_set(error, "virtio-blk: queue size %u; it is a power of two from 4 to %u",
                         config->queue_size, VIRTQUEUE_SIZE_MAX);
    if (!is_power_of_two(config->logical_block_size, BLOCKDEV_SECTOR, BLK_BLOCK_SIZE_MAX) ||
        !is_power_of_two(config->physical_block_size, config->logical_block_size, BLK_BLOCK_SIZE_MAX))
        return error_set(error,
                         "virtio-blk: block sizes %u (logical) and %u (physical); they are powers of two "
                         "from 512 to %u, the physical one not the smaller",
                         config->logical_block_size, config->physical_block_size, BLK_BLOCK_SIZE_MAX);
    return true;
}

static uint64_t blk_features(const struct virtio_blk_config *config)
{
    uint64_t features = 1ull << BLK_F_SEG_MAX | 1ull << BLK_F_BLK_SIZE | 1ull << BLK_F_FLUSH |
                        1ull << BLK_F_TOPOLOGY | 1ull << BLK_F_CONFIG_WCE;
    if (config->blockdev->read_only)
        features |= 1ull << BLK_F_RO;
    else
        features |= 1ull << BLK_F_DISCARD | 1ull << BLK_F_WRITE_ZEROES;
    if (config->size_max)
        features |= 1ull << BLK_F_SIZE_MAX;
    if (config->queues > 1)
        features |= 1ull << BLK_F_MQ;
    return features;
}

static void blk_fill_config(struct virtio_blk *blk, const struct virtio_blk_config *config)
{
    struct blk_config space = {
        .capacity = config->blockdev->size / BLOCKDEV_SECTOR,
        .size_max = config->size_max,
        .seg_max = config->queue_size - 2, /* besides header and status */
        .blk_size = config->logical_block_size,
        .physical_block_exp =
            (uint8_t)__builtin_ctz(config->physical_block_size / config->logical_block_size),
        .min_io_size = 1,
        .writeback = 1,
        .num_queues = (uint16_t)config->queues,
        .max_discard_sectors = BLK_RANGE_SECTORS,
        .max_discard_seg = BLK_RANGES_MAX,
        .discard_sector_alignment = config->logical_block_size / BLOCKDEV_SECTOR,
        .max_write_zeroes_sectors = BLK_RANGE_SECTORS,
        .max_write_zeroes_seg = BLK_RANGES_MAX,
        .write_zeroes_may_unmap = 1,
    };
    memcpy(blk->device.config, &space, sizeof(space));
    blk->device.config_size = sizeof(space);
    if (config->serial)
        memcpy(blk->id, config->serial, strnlen(config->serial, BLK_ID_BYTES));
}

struct virtio_device *virtio_blk_create(const struct virtio_blk_config *given, struct error *error)
{
    struct virtio_blk_config config = *given;
    if (!config_complete(&config, error))
        return NULL;
    struct virtio_blk *blk = calloc(1, sizeof(*blk));
    if (!blk) {
        error_set(error, "virtio-blk: out of memory");
        return NULL;
    }
    blk->blockdev = config.blockdev;
    blk->config = config;
    if (!virtio_device_init(&blk->device, &virtio_blk_ops, blk_features(&config), config.queues,
                            (uint16_t)config.queue_size, error)) {
        free(blk);
        return NULL;
    }
    blk_fill_config(blk, &config);
    for (unsigned n = 0; n < BLK_THREADS; n++)
        blk->requests[n] = (struct blk_request){ .blk = blk, .blockdev = config.blockdev };
    if (!virtio_worker_start_threads(&blk->worker, &blk->device, "virtio-blk", BLK_THREADS, blk_run, error)) {
        virtio_device_fini(&blk->device);
        free(blk);
        return NULL;
    }
    config.blockdev->resized = blk_resized;
    config.blockdev->resized_opaque = blk;
    return &blk->device;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_blk_config config = { .blockdev = plug->disk,
                                        .serial = plug->settings->serial,
                                        .queues = plug->settings->queues,
                                        .queue_size = plug->settings->queue_size,
                                        .logical_block_size = plug->settings->logical_block_size,
                                        .physical_block_size = plug->settings->physical_block_size,
                                        .on_error = *plug->on_error };
    return virtio_blk_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev", DEVICE_SETTING(backend), .needed = "ID" },
    { "serial", DEVICE_KEY_TEXT, "what the guest reads as its serial number", DEVICE_SETTING(serial) },
    { "num-queues", DEVICE_KEY_NUMBER, "request queues", DEVICE_SETTING(queues), .least = 1,
      .most = VIRTIO_QUEUES_MAX, .fallback = 1 },
    { "queue-size", DEVICE_KEY_POWER, "descriptors of a queue", DEVICE_SETTING(queue_size), .least = 4,
      .most = VIRTQUEUE_SIZE_MAX, .fallback = BLK_QUEUE_SIZE },
    { "logical_block_size", DEVICE_KEY_POWER, "bytes of a block", DEVICE_SETTING(logical_block_size),
      .least = BLOCKDEV_SECTOR, .most = BLK_BLOCK_SIZE_MAX, .fallback = BLOCKDEV_SECTOR },
    { "physical_block_size", DEVICE_KEY_POWER,
      "what the guest had better write at once; without it, a logical block",
      DEVICE_SETTING(physical_block_size), .least = BLOCKDEV_SECTOR, .most = BLK_BLOCK_SIZE_MAX },
    BLOCK_ON_ERROR_KEYS,
    { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it", DEVICE_SETTING(boot_index) },
    { "discard", DEVICE_KEY_FEATURE, "the guest may give back what it does not use",
      DEVICE_FEATURE(BLK_F_DISCARD) },
    { "write-zeroes", DEVICE_KEY_FEATURE, "the guest may write zeroes without sending them",
      DEVICE_FEATURE(BLK_F_WRITE_ZEROES) },
    { "config-wce", DEVICE_KEY_FEATURE, "the guest may switch the write cache",
      DEVICE_FEATURE(BLK_F_CONFIG_WCE) },
    { "write-cache", DEVICE_KEY_AUTO,
      "off: each write is on the host's disk before it ends; auto: as the drive has it",
      DEVICE_SETTING(write_cache) },
    { "scsi", DEVICE_KEY_OFF, "SCSI commands", .limit = "virtio 1 has none of them; only off is accepted" },
    { "iothread", DEVICE_KEY_IGNORED, "id of an -object iothread; each disk has threads of its own",
      .least = 0 },
    { .name = NULL },
};

const struct device_model virtio_blk_model = {
    .name = "virtio-blk",
    .text = "a disk",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_DISK,
    .hot_plug = true,
    .keys = model_keys,
    .ops = &virtio_blk_ops,
    .create = model_create,
};
