/* SPDX-License-Identifier: MIT
 *
 * The virtio console: queue 0 takes input to the guest, queue 1 output from it.
 *
 * Input passes through a small buffer of the device, and the chardev is told how much room that has: so no
 * byte is lost when the driver has no buffers yet, or resets the device between two of them. Output is
 * written by the worker, piece by piece with the lock open: a terminal that is stopped stops no hart.
 */
#include "devices/virtio_console.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio_worker.h"
#include "util/log.h"

#define VIRTIO_ID_CONSOLE  3
#define CONSOLE_QUEUE_SIZE 128
#define CONSOLE_INPUT      4096u /* bytes */
#define CONSOLE_PIECE      4096u

enum { CONSOLE_F_SIZE = 0, CONSOLE_F_EMERG_WRITE = 2 };
enum { QUEUE_INPUT, QUEUE_OUTPUT, QUEUE_COUNT };

struct console_config { /* section 5.3.4 */
    uint16_t columns, rows;
    uint32_t max_nr_ports, emerg_wr;
} __attribute__((packed));

struct virtio_console {
    struct virtio_device device;
    struct virtio_worker worker;
    struct chardev *chardev;
    struct virtq_chain input_chain;  /* used with the lock held only */
    struct virtq_chain output_chain; /* the worker's */
    uint8_t input[CONSOLE_INPUT];
    size_t input_length; /* waiting in `input`, from its start */
};

/* Moves waiting input to the driver's buffers. [locked] */
static void console_deliver(struct virtio_console *console)
{
    struct virtqueue *queue = &console->device.queues[QUEUE_INPUT];
    size_t done = 0;
    while (done < console->input_length && virtqueue_pop(queue, &console->input_chain)) {
        if (!console->input_chain.in_length) {
            LOG_GUEST("virtio-console: an input buffer without room for a byte");
            virtio_device_break(&console->device);
            break;
        }
        size_t part =
            virtq_chain_write(&console->input_chain, 0, console->input + done, console->input_length - done);
        virtqueue_push(queue, &console->input_chain, (uint32_t)part);
        done += part;
    }
    if (!done)
        return;
    virtqueue_signal(queue);
    console->input_length -= done;
    memmove(console->input, console->input + done, console->input_length);
    chardev_input_ready(console->chardev);
}

static size_t console_can_receive(void *opaque)
{
    struct virtio_console *console = opaque;
    pthread_mutex_lock(&console->device.lock);
    size_t room = CONSOLE_INPUT - console->input_length;
    pthread_mutex_unlock(&console->device.lock);
    return room;
}

static void console_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct virtio_console *console = opaque;
    pthread_mutex_lock(&console->device.lock);
    size_t room = CONSOLE_INPUT - console->input_length;
    if (length > room) /* the chardev's contract rules it out */
        length = room;
    memcpy(console->input + console->input_length, bytes, length);
    console->input_length += length;
    console_deliver(console);
    pthread_mutex_unlock(&console->device.lock);
}

/* Writes one chain's bytes. A reset in between cuts it short. */
static void console_write_chain(struct virtio_console *console)
{
    struct virtio_device *device = &console->device;
    uint8_t piece[CONSOLE_PIECE];
    uint32_t offset = 0;
    while (offset < console->output_chain.out_length && !device->paused) {
        pthread_mutex_unlock(&device->lock);
        size_t length = virtq_chain_read(&console->output_chain, offset, piece, sizeof(piece));
        chardev_write(console->chardev, piece, length);
        pthread_mutex_lock(&device->lock);
        offset += (uint32_t)length;
    }
}

static void console_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_console *console = (struct virtio_console *)device;
    if (queue->index == QUEUE_INPUT)
        return;
    while (virtqueue_pop(queue, &console->output_chain)) {
        console_write_chain(console);
        virtqueue_push(queue, &console->output_chain, 0);
        virtqueue_signal(queue);
    }
}

static void console_notify(struct virtio_device *device, struct virtqueue *queue)
{
    if (queue->index == QUEUE_INPUT)
        console_deliver((struct virtio_console *)device);
    else
        virtio_worker_kick(device->worker, queue);
}

/* Emergency write: a byte at once, before there are queues (section 5.3.4). */
static void console_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    struct virtio_console *console = (struct virtio_console *)device;
    (void)size;
    uint8_t byte = (uint8_t)value;
    if (offset == offsetof(struct console_config, emerg_wr)) {
        pthread_mutex_unlock(&device->lock);
        chardev_write(console->chardev, &byte, 1);
        pthread_mutex_lock(&device->lock);
    } else {
        LOG_GUEST("virtio-console: the driver writes to offset %u of its configuration", offset);
    }
}

static void console_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_console *console = (struct virtio_console *)device;
    state_put(writer, "input_length", console->input_length);
    state_put_bytes(writer, "input", console->input, sizeof(console->input));
}

static void console_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_console *console = (struct virtio_console *)device;
    console->input_length = (size_t)state_get(reader, "input_length", CONSOLE_INPUT);
    state_get_bytes(reader, "input", console->input, sizeof(console->input));
    if (reader->failed)
        console->input_length = 0;
}

static void console_destroy(struct virtio_device *device)
{
    struct virtio_console *console = (struct virtio_console *)device;
    virtio_worker_stop(&console->worker);
    virtio_device_fini(device);
    free(console);
}

static const struct virtio_device_ops virtio_console_ops = {
    .name = "virtio-console",
    .id = VIRTIO_ID_CONSOLE,
    .notify = console_notify,
    .config_write = console_config_write,
    .save = console_save,
    .load = console_load,
    .destroy = console_destroy,
};

static void console_set_size(struct virtio_console *console, uint16_t columns, uint16_t rows)
{
    struct console_config space = { .columns = columns, .rows = rows, .max_nr_ports = 1 };
    memcpy(console->device.config, &space, sizeof(space));
    console->device.config_size = sizeof(space);
}

struct virtio_device *virtio_console_create(const struct virtio_console_config *config, struct error *error)
{
    struct virtio_console *console = calloc(1, sizeof(*console));
    if (!console) {
        error_set(error, "virtio-console: out of memory");
        return NULL;
    }
    uint64_t features = 1ull << CONSOLE_F_EMERG_WRITE;
    if (config->columns && config->rows)
        features |= 1ull << CONSOLE_F_SIZE;
    console->chardev = config->chardev;
    if (!virtio_device_init(&console->device, &virtio_console_ops, features, QUEUE_COUNT, CONSOLE_QUEUE_SIZE,
                            error)) {
        free(console);
        return NULL;
    }
    console_set_size(console, config->columns, config->rows);
    if (!virtio_worker_start(&console->worker, &console->device, "virtio-console", console_run, error)) {
        virtio_device_fini(&console->device);
        free(console);
        return NULL;
    }
    struct chardev_front front = { console_can_receive, console_receive, console, NULL };
    chardev_attach(console->chardev, &front);
    return &console->device;
}

void virtio_console_resize(struct virtio_device *device, uint16_t columns, uint16_t rows)
{
    struct virtio_console *console = (struct virtio_console *)device;
    if (!(device->offered >> CONSOLE_F_SIZE & 1))
        return;
    pthread_mutex_lock(&device->lock);
    console_set_size(console, columns, rows);
    virtio_device_config_changed(device);
    pthread_mutex_unlock(&device->lock);
}
