/* SPDX-License-Identifier: MIT
 *
 * The virtio 9P transport has one queue. A chain is a request (out) and room for the answer (in). The worker
 * copies the request out of the guest's memory before anything reads it, has it answered with the lock
 * released, and copies the answer back. So nothing depends on what the guest writes meanwhile.
 */
#include "devices/virtio/9p/9p.h"

#include <stdlib.h>
#include <string.h>

#include "devices/virtio/worker.h"
#include "util/log.h"

#define VIRTIO_ID_9P      9
#define VIRTIO_9P_QUEUE   128
#define VIRTIO_9P_F_MOUNT 0 /* the tag is in the configuration space */

struct virtio_9p {
    struct virtio_device device;
    struct virtio_worker worker;
    struct p9_server *server; /* belongs to the worker while it is busy, otherwise to the lock */
    struct virtq_chain chain;
    uint8_t request[P9_MSIZE_MAX], answer[P9_MSIZE_MAX];
};

static void p9_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_9p *p9 = (struct virtio_9p *)device;
    struct virtq_chain *chain = &p9->chain;
    while (virtqueue_pop(queue, chain)) {
        if (chain->out_length < P9_HEADER || chain->in_length < P9_HEADER + 4) {
            LOG_GUEST("virtio-9p: a request of %u bytes with %u for the answer", chain->out_length,
                      chain->in_length);
            virtio_device_break(device);
            return;
        }
        pthread_mutex_unlock(&device->lock);
        size_t room = chain->in_length < P9_MSIZE_MAX ? chain->in_length : P9_MSIZE_MAX;
        size_t length = virtq_chain_read(chain, 0, p9->request, sizeof(p9->request));
        length = p9_server_answer(p9->server, p9->request, length, p9->answer, room);
        virtq_chain_write(chain, 0, p9->answer, length);
        pthread_mutex_lock(&device->lock);
        virtqueue_push(queue, chain, (uint32_t)length);
        virtqueue_signal(queue);
    }
}

static void p9_notify(struct virtio_device *device, struct virtqueue *queue)
{
    virtio_worker_kick(device->worker, queue);
}

static void p9_reset(struct virtio_device *device)
{
    p9_server_reset(((struct virtio_9p *)device)->server);
}

static void p9_save(struct virtio_device *device, struct state_writer *writer)
{
    p9_server_save(((struct virtio_9p *)device)->server, writer);
}

static void p9_load(struct virtio_device *device, struct state_reader *reader)
{
    p9_server_load(((struct virtio_9p *)device)->server, reader);
}

static void p9_destroy(struct virtio_device *device)
{
    struct virtio_9p *p9 = (struct virtio_9p *)device;
    virtio_worker_stop(&p9->worker);
    virtio_device_fini(device);
    p9_server_destroy(p9->server);
    free(p9);
}

static const struct virtio_device_ops virtio_9p_ops = {
    .name = "virtio-9p",
    .id = VIRTIO_ID_9P,
    .pci_legacy = 0x1009,
    .pci_class = 0x000200,
    .notify = p9_notify,
    .reset = p9_reset,
    .save = p9_save,
    .load = p9_load,
    .destroy = p9_destroy,
};

static void fill_config(struct virtio_device *device, const char *tag)
{
    size_t length = strlen(tag);
    device->config[0] = (uint8_t)length;
    memcpy(device->config + 2, tag, length);
    device->config_size = 2 + (unsigned)length;
}

struct virtio_device *virtio_9p_create(const struct virtio_9p_config *config, struct error *error)
{
    if (!*config->tag || strlen(config->tag) > VIRTIO_9P_TAG_MAX) {
        error_set(error, "virtio-9p: mount_tag=%s; it has 1 to %d bytes", config->tag, VIRTIO_9P_TAG_MAX);
        return NULL;
    }
    struct virtio_9p *p9 = calloc(1, sizeof(*p9));
    if (!p9) {
        error_set(error, "virtio-9p: out of memory");
        return NULL;
    }
    p9->server = p9_server_create(&config->folder, error);
    if (!p9->server || !virtio_device_init(&p9->device, &virtio_9p_ops, 1ull << VIRTIO_9P_F_MOUNT, 1,
                                           VIRTIO_9P_QUEUE, error)) {
        if (p9->server)
            p9_server_destroy(p9->server);
        free(p9);
        return NULL;
    }
    fill_config(&p9->device, config->tag);
    if (!virtio_worker_start(&p9->worker, &p9->device, "virtio-9p", THREAD_FOLDER, p9_run, error)) {
        virtio_device_fini(&p9->device);
        p9_server_destroy(p9->server);
        free(p9);
        return NULL;
    }
    return &p9->device;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_9p_config config = { .folder = *plug->folder, .tag = plug->settings->mount_tag };
    return virtio_9p_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "fsdev", DEVICE_KEY_BACKEND, "id of a -fsdev", DEVICE_SETTING(backend), .needed = "ID" },
    { "mount_tag", DEVICE_KEY_TEXT, "by which the guest mounts it", DEVICE_SETTING(mount_tag),
      .needed = "TAG" },
    { .name = NULL },
};

const struct device_model virtio_9p_model = {
    .name = "virtio-9p",
    .text = "a shared folder",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_FOLDER,
    .keys = model_keys,
    .ops = &virtio_9p_ops,
    .create = model_create,
};
