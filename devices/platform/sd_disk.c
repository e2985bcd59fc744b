/* SPDX-License-Identifier: MIT
 *
 * The disk of an SD card; see sd_disk.h. The lock protects the request. It is the last one in the order: the
 * caller holds that of its device.
 */
#include "devices/platform/sd_disk.h"

#include <stdlib.h>

#include "devices/worker.h"

enum request { NOTHING, READ, WRITE, ZERO };

struct sd_disk {
    struct blockdev *blockdev;
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct device_worker worker;
    enum request request; /* what is wanted or under way */
    void *to;
    const void *from;
    uint64_t length, at;
    int result;
};

static int serve(struct sd_disk *disk)
{
    switch (disk->request) {
    case READ: return blockdev_pread(disk->blockdev, disk->to, disk->length, disk->at);
    case WRITE: return blockdev_pwrite(disk->blockdev, disk->from, disk->length, disk->at);
    case ZERO: return blockdev_write_zeroes(disk->blockdev, disk->at, disk->length, true);
    case NOTHING: break;
    }
    return 0;
}

static void run(void *opaque, unsigned queue)
{
    struct sd_disk *disk = opaque;
    (void)queue;
    if (disk->request == NOTHING)
        return;
    pthread_mutex_unlock(&disk->lock);
    int result = serve(disk); /* nobody changes the request until it is done */
    pthread_mutex_lock(&disk->lock);
    disk->result = result;
    disk->request = NOTHING;
    pthread_cond_signal(&disk->done);
}

static int ask(struct sd_disk *disk, enum request request, uint64_t length, uint64_t at)
{
    pthread_mutex_lock(&disk->lock);
    disk->length = length;
    disk->at = at;
    disk->request = request;
    device_worker_kick(&disk->worker, 0);
    while (disk->request != NOTHING)
        pthread_cond_wait(&disk->done, &disk->lock);
    int result = disk->result;
    pthread_mutex_unlock(&disk->lock);
    return result;
}

int sd_disk_read(struct sd_disk *disk, void *bytes, uint64_t length, uint64_t at)
{
    disk->to = bytes;
    return ask(disk, READ, length, at);
}

int sd_disk_write(struct sd_disk *disk, const void *bytes, uint64_t length, uint64_t at)
{
    disk->from = bytes;
    return ask(disk, WRITE, length, at);
}

int sd_disk_zero(struct sd_disk *disk, uint64_t length, uint64_t at)
{
    return ask(disk, ZERO, length, at);
}

struct sd_disk *sd_disk_create(struct blockdev *blockdev, struct error *error)
{
    struct sd_disk *disk = calloc(1, sizeof(*disk));
    if (!disk) {
        error_set(error, "sd-card: out of memory");
        return NULL;
    }
    disk->blockdev = blockdev;
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->done, NULL);
    struct device_worker_config config = {
        .lock = &disk->lock,
        .device = "sd-card",
        .name = "sd card",
        .role = THREAD_WORKER,
        .threads = 1,
        .run = run,
        .opaque = disk,
    };
    if (device_worker_start(&disk->worker, &config, error))
        return disk;
    pthread_cond_destroy(&disk->done);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
    return NULL;
}

void sd_disk_destroy(struct sd_disk *disk)
{
    device_worker_stop(&disk->worker);
    pthread_cond_destroy(&disk->done);
    pthread_mutex_destroy(&disk->lock);
    free(disk);
}
