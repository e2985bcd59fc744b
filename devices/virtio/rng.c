/* SPDX-License-Identifier: MIT
 *
 * The virtio entropy device: one queue of buffers to fill. The worker reads straight into the first part of
 * each request, at most RNG_REQUEST_MAX bytes, so that no request takes long.
 *
 * With a limit (max-bytes=, period=) a period begins when the first bytes of it are asked for. When the guest
 * has had its bytes, requests wait in the queue until the period is over.
 */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/virtio/worker.h"
#include "util/check.h"
#include "util/guest_random.h"
#include "util/host_time.h"
#include "util/log.h"

#define VIRTIO_ID_ENTROPY 4
#define RNG_QUEUE_SIZE    8
#define RNG_REQUEST_MAX   4096u /* bytes */
#define RNG_LOOK_MS       20u   /* how often it looks, while it waits, whether it has to end */
#define RNG_PERIOD_MS     65536u
#define RNG_UNLIMITED     INT64_MAX /* bytes in a period, as QEMU has it */

struct virtio_rng {
    struct virtio_device device;
    struct virtio_worker worker;
    int fd; /* -1: getrandom() */
    struct virtq_chain chain;
    uint64_t max_bytes; /* in a period; 0: no limit */
    uint32_t period_ms;
    /* Of the present period, for the worker's thread only. */
    uint64_t taken;   /* bytes */
    uint64_t ends_at; /* host_now_ms() */
};

/* Reads some bytes, at least one; a negative errno if the source gives none. */
static ssize_t source_read(int fd, void *bytes, size_t length)
{
    for (;;) {
        ssize_t got = fd < 0 ? guest_random(bytes, length, true) : read(fd, bytes, length);
        if (got > 0)
            return got;
        if (!got)
            return -ENODATA;
        if (errno != EINTR)
            return -errno;
    }
}

/* Fills the first buffers of the request. Returns the number of bytes; 0 if the source fails at once. */
static uint32_t rng_fill(struct virtio_rng *rng)
{
    const struct virtq_chain *chain = &rng->chain;
    uint32_t done = 0;
    uint32_t wanted = chain->in_length < RNG_REQUEST_MAX ? chain->in_length : RNG_REQUEST_MAX;
    if (rng->max_bytes && rng->max_bytes - rng->taken < wanted)
        wanted = (uint32_t)(rng->max_bytes - rng->taken);
    uint8_t bytes[RNG_REQUEST_MAX];
    while (done < wanted) {
        ssize_t got = source_read(rng->fd, bytes + done, wanted - done);
        if (got < 0) {
            log_warn("virtio-rng: its source gives no bytes any more: %s", strerror((int)-got));
            break;
        }
        done += (uint32_t)got;
    }
    virtq_chain_write(chain, 0, bytes, done);
    explicit_bzero(bytes, sizeof(bytes));
    rng->taken += done;
    return done;
}

/* Waits until the guest may have bytes. False: the worker has to end, or to let the machine rest. [locked] */
static bool rng_wait(struct virtio_rng *rng)
{
    struct virtio_device *device = &rng->device;
    CHECK_HELD(&device->lock);
    while (rng->max_bytes) {
        uint64_t now = host_now_ms();
        if (now >= rng->ends_at) {
            rng->taken = 0;
            rng->ends_at = now + rng->period_ms;
        }
        if (rng->taken < rng->max_bytes)
            return true;
        if (!virtio_device_may_run(device) || virtio_worker_is_ending(&rng->worker))
            return false;
        uint64_t left = rng->ends_at - now;
        virtio_worker_rest(&rng->worker, left < RNG_LOOK_MS ? (unsigned)left : RNG_LOOK_MS);
    }
    return true;
}

static void rng_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_rng *rng = (struct virtio_rng *)device;
    while (rng_wait(rng) && virtqueue_pop(queue, &rng->chain)) {
        uint32_t filled = 0;
        if (!rng->chain.in_length) {
            LOG_GUEST("virtio-rng: a request without room for a byte");
        } else {
            pthread_mutex_unlock(&device->lock);
            filled = rng_fill(rng);
            pthread_mutex_lock(&device->lock);
            if (!filled) {
                virtio_device_break(device); /* a request must not be completed without a byte */
                return;
            }
        }
        virtqueue_push(queue, &rng->chain, filled);
        virtqueue_signal(queue);
    }
}

static void rng_notify(struct virtio_device *device, struct virtqueue *queue)
{
    virtio_worker_kick(device->worker, queue);
}

static void rng_destroy(struct virtio_device *device)
{
    struct virtio_rng *rng = (struct virtio_rng *)device;
    virtio_worker_stop(&rng->worker);
    virtio_device_fini(device);
    if (rng->fd >= 0)
        close(rng->fd);
    free(rng);
}

static const struct virtio_device_ops virtio_rng_ops = {
    .name = "virtio-rng",
    .id = VIRTIO_ID_ENTROPY,
    .pci_legacy = 0x1005,
    .notify = rng_notify,
    .destroy = rng_destroy,
};

/* Only character devices are accepted: a file ends, and a pipe can make the worker wait for ever. */
static bool source_open(const char *path, int *fd, struct error *error)
{
    struct stat st;
    uint8_t byte;
    *fd = -1;
    if (!path)
        return true;
    if (stat(path, &st))
        return error_set(error, "rng-random: %s: %s", path, strerror(errno));
    if (!S_ISCHR(st.st_mode))
        return error_set(error, "rng-random: %s: is not a character device such as /dev/urandom", path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0)
        return error_set(error, "rng-random: %s: cannot be opened for reading: %s", path, strerror(errno));
    ssize_t got = source_read(*fd, &byte, 1);
    if (got < 0) {
        close(*fd);
        return error_set(error, "rng-random: %s: gives no bytes: %s", path, strerror((int)-got));
    }
    return true;
}

struct virtio_device *virtio_rng_create(const struct virtio_rng_config *config, struct error *error)
{
    int fd;
    if (!source_open(config->path, &fd, error))
        return NULL;
    struct virtio_rng *rng = calloc(1, sizeof(*rng));
    bool initialised = false;
    if (!rng)
        error_set(error, "virtio-rng: out of memory");
    if (rng && virtio_device_init(&rng->device, &virtio_rng_ops, 0, 1, RNG_QUEUE_SIZE, error)) {
        initialised = true;
        rng->fd = fd;
        rng->max_bytes = config->max_bytes;
        rng->period_ms = config->period_ms;
        if (virtio_worker_start(&rng->worker, &rng->device, "virtio-rng", THREAD_WORKER, rng_run, error))
            return &rng->device;
    }
    if (initialised)
        virtio_device_fini(&rng->device);
    free(rng);
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    const struct device_settings *settings = plug->settings;
    bool limited = settings->max_bytes && settings->max_bytes != RNG_UNLIMITED;
    struct virtio_rng_config config = { .path = plug->rng_file,
                                        .max_bytes = limited ? settings->max_bytes : 0,
                                        .period_ms = settings->period_ms };
    return virtio_rng_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "rng", DEVICE_KEY_BACKEND, "id of an -object rng-random; without it, the host's getrandom()",
      DEVICE_SETTING(backend) },
    { "max-bytes", DEVICE_KEY_NUMBER,
      "how many bytes the guest gets in a period; without it, all that it wants", DEVICE_SETTING(max_bytes),
      .least = 1, .most = RNG_UNLIMITED },
    { "period", DEVICE_KEY_NUMBER, "how long that is, in ms", DEVICE_SETTING(period_ms), .least = 1,
      .most = UINT32_MAX, .fallback = RNG_PERIOD_MS },
    { .name = NULL },
};

const struct device_model virtio_rng_model = {
    .name = "virtio-rng",
    .text = "random bytes",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_RNG,
    .hot_plug = true,
    .keys = model_keys,
    .ops = &virtio_rng_ops,
    .create = model_create,
};
