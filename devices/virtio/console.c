/* SPDX-License-Identifier: MIT
 *
 * The virtio console: each port has a queue for input to the guest and one for output from it. With several
 * ports there are two more queues, for messages about the ports (console_control.c).
 *
 * Input passes through a small buffer of the port, and the chardev is told how much room it has. So no byte
 * is lost while the driver has no buffers, or resets the device, or, for a serial port, while no program of
 * the guest has it open. Output is written by the worker, piece by piece with the lock released, with one
 * thread a port: a terminal that is stopped stops no hart and no other port.
 */
#include "devices/virtio/console.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console_internal.h"
#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_CONSOLE  3
#define CONSOLE_QUEUE_SIZE 128
#define CONSOLE_PIECE      4096u
/* Of a chain that is longer, what is left waits while the machine is paused. Drivers give less at once. */
#define CONSOLE_HELD_MAX 65536u
#define CONSOLE_LOOK_MS  50 /* between two checks whether a paused machine goes on */

_Static_assert(VIRTIO_CONSOLE_PORTS_MAX <= DEVICE_WORKER_THREADS_MAX, "a thread a port");
_Static_assert(2 * VIRTIO_CONSOLE_PORTS_MAX + 2 <= VIRTIO_QUEUES_MAX, "all ports have queues");

struct console_config { /* section 5.3.4 */
    uint16_t columns, rows;
    uint32_t max_nr_ports, emerg_wr;
} __attribute__((packed));

struct console_port *console_port_by_number(struct virtio_console *console, uint32_t number)
{
    for (unsigned n = 0; n < console->count; n++)
        if (console->ports[n].config.number == number)
            return &console->ports[n];
    return NULL;
}

/* Returns the port of a queue that is not for control; NULL: no port has that number. */
static struct console_port *port_of(struct virtio_console *console, const struct virtqueue *queue)
{
    return console_port_by_number(console, queue->index < 2 ? 0 : queue->index / 2 - 1);
}

/* ---- Input --------------------------------------------------------------------------------------------- */

void console_deliver(struct console_port *port)
{
    CHECK_HELD(&port->console->device.lock);
    struct virtio_console *console = port->console;
    struct virtqueue *queue = &console->device.queues[console_queue_in(port)];
    struct virtq_chain *chain = &console->input_chain;
    size_t done = 0;
    if (!port->config.is_console && !port->guest_open)
        return;
    while (done < port->input_length && virtqueue_pop(queue, chain)) {
        if (!chain->in_length) {
            LOG_GUEST("virtio-console: an input buffer without room for a byte");
            virtio_device_break(&console->device);
            break;
        }
        size_t part = virtq_chain_write(chain, 0, port->input + done, port->input_length - done);
        virtqueue_push(queue, chain, (uint32_t)part);
        done += part;
    }
    if (!done)
        return;
    virtqueue_signal(queue);
    port->input_length -= done;
    memmove(port->input, port->input + done, port->input_length);
    if (port->tell)
        console_tell_more(console);
    chardev_input_ready(port->config.chardev);
}

static size_t console_can_receive(void *opaque)
{
    struct console_port *port = opaque;
    pthread_mutex_lock(&port->console->device.lock);
    size_t room = CONSOLE_INPUT - port->input_length;
    pthread_mutex_unlock(&port->console->device.lock);
    return room;
}

static void console_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct console_port *port = opaque;
    pthread_mutex_lock(&port->console->device.lock);
    size_t room = CONSOLE_INPUT - port->input_length;
    if (length > room) /* the chardev's contract forbids this */
        length = room;
    memcpy(port->input + port->input_length, bytes, length);
    port->input_length += length;
    console_deliver(port);
    pthread_mutex_unlock(&port->console->device.lock);
}

static void console_event(void *opaque, enum chardev_event event)
{
    struct console_port *port = opaque;
    if (event == CHARDEV_EVENT_BREAK)
        return;
    pthread_mutex_lock(&port->console->device.lock);
    port->host_open = event == CHARDEV_EVENT_OPENED;
    if (port->ready)
        console_tell(port, 1u << CONSOLE_PORT_OPEN);
    pthread_mutex_unlock(&port->console->device.lock);
}

/* ---- Output -------------------------------------------------------------------------------------------- */

/* Waits until the machine goes on. The chain counts as not taken meanwhile, so a state that is saved then has
 * it. False: it is gone, or cannot be taken again now. [locked]; releases the lock */
static bool console_rest(struct virtio_console *console, struct virtqueue *queue, struct virtq_chain *chain)
{
    const struct virtio_device *device = &console->device;
    virtqueue_unpop(queue, 1);
    while (device->held && chain->epoch == queue->epoch && !virtio_worker_is_ending(&console->worker))
        virtio_worker_rest(&console->worker, CONSOLE_LOOK_MS);
    return chain->epoch == queue->epoch && virtqueue_pop(queue, chain);
}

/* Writes the bytes of one chain. A reset in the meantime stops it. False: the chain is not to be returned.
 * [locked]; releases the lock */
static bool console_write_chain(struct console_port *port, struct virtqueue *queue, struct virtq_chain *chain)
{
    struct virtio_device *device = &port->console->device;
    uint8_t piece[CONSOLE_PIECE];
    uint32_t offset = 0, since_held = 0;
    while (offset < chain->out_length && !device->paused) {
        if (device->held && since_held >= CONSOLE_HELD_MAX) {
            if (!console_rest(port->console, queue, chain))
                return false;
            since_held = 0;
            continue;
        }
        pthread_mutex_unlock(&device->lock);
        size_t length = virtq_chain_read(chain, offset, piece, sizeof(piece));
        chardev_write(port->config.chardev, piece, length);
        pthread_mutex_lock(&device->lock);
        offset += (uint32_t)length;
        since_held = device->held ? since_held + (uint32_t)length : 0;
    }
    return true;
}

static void console_run(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_console *console = (struct virtio_console *)device;
    struct virtq_chain *chain = &console->output_chains[virtio_worker_thread()];
    struct console_port *port = port_of(console, queue);
    if (queue->index % 2 == 0 || queue->index == CONSOLE_QUEUE_CONTROL_OUT || !port || port->writing)
        return; /* the thread that writes will see the new chains */
    port->writing = true;
    while (virtqueue_pop(queue, chain)) {
        if (!console_write_chain(port, queue, chain))
            continue;
        virtqueue_push(queue, chain, 0);
        virtqueue_signal(queue);
    }
    port->writing = false;
}

/* ---- The driver ---------------------------------------------------------------------------------------- */

static void console_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_console *console = (struct virtio_console *)device;
    if (queue->index == CONSOLE_QUEUE_CONTROL_IN)
        console_tell_more(console);
    else if (queue->index == CONSOLE_QUEUE_CONTROL_OUT)
        console_listen(console);
    else if (queue->index % 2)
        virtio_worker_kick(device->worker, queue);
    else if (port_of(console, queue))
        console_deliver(port_of(console, queue));
}

/* Emergency write: writes a byte at once, even before there are queues (section 5.3.4). */
static void console_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    struct virtio_console *console = (struct virtio_console *)device;
    struct console_port *port = console_port_by_number(console, 0);
    (void)size;
    uint8_t byte = (uint8_t)value;
    if (offset != offsetof(struct console_config, emerg_wr)) {
        LOG_GUEST("virtio-console: the driver writes to offset %u of its configuration", offset);
    } else if (port) {
        pthread_mutex_unlock(&device->lock);
        chardev_write(port->config.chardev, &byte, 1);
        pthread_mutex_lock(&device->lock);
    }
}

/* Input from the host is kept, for the driver that comes next. */
static void console_reset(struct virtio_device *device)
{
    struct virtio_console *console = (struct virtio_console *)device;
    for (unsigned n = 0; n < console->count; n++) {
        console->ports[n].ready = console->ports[n].guest_open = false;
        console->ports[n].tell = 0;
    }
}

/* ---- State --------------------------------------------------------------------------------------------- */

static const char *field(char name[32], const struct console_port *port, const char *of)
{
    snprintf(name, 32, "port%u.%s", port->config.number, of);
    return name;
}

static void console_save(struct virtio_device *device, struct state_writer *writer)
{
    struct virtio_console *console = (struct virtio_console *)device;
    char name[32];
    state_put(writer, "ports", console->count);
    for (unsigned n = 0; n < console->count; n++) {
        const struct console_port *port = &console->ports[n];
        state_put(writer, field(name, port, "ready"), port->ready);
        state_put(writer, field(name, port, "open"), port->guest_open);
        state_put(writer, field(name, port, "tell"), port->tell);
        state_put(writer, field(name, port, "input_length"), port->input_length);
        state_put_bytes(writer, field(name, port, "input"), port->input, sizeof(port->input));
    }
}

/* There may be somebody else at the other end now. */
static void load_port(struct console_port *port, struct state_reader *reader)
{
    char name[32];
    port->ready = state_get(reader, field(name, port, "ready"), 1);
    port->guest_open = state_get(reader, field(name, port, "open"), 1);
    port->tell = (unsigned)state_get(reader, field(name, port, "tell"), (2u << CONSOLE_PORT_NAME) - 1);
    port->input_length = (size_t)state_get(reader, field(name, port, "input_length"), CONSOLE_INPUT);
    state_get_bytes(reader, field(name, port, "input"), port->input, sizeof(port->input));
    if (reader->failed)
        port->input_length = 0;
    if (!port->config.name)
        port->tell &= ~(1u << CONSOLE_PORT_NAME);
    if (port->ready)
        port->tell |= 1u << CONSOLE_PORT_OPEN;
}

static void console_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_console *console = (struct virtio_console *)device;
    uint64_t count = state_get(reader, "ports", VIRTIO_CONSOLE_PORTS_MAX);
    if (!reader->failed && count != console->count) {
        reader->failed = true;
        error_set(reader->error, "saved state: virtio-console has %u ports there and %u here",
                  (unsigned)count, console->count);
    }
    for (unsigned n = 0; n < console->count && !reader->failed; n++)
        load_port(&console->ports[n], reader);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

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
    .pci_legacy = 0x1003,
    .pci_class = 0x078000, /* other communication controller */
    .notify = console_notify,
    .config_write = console_config_write,
    .reset = console_reset,
    .save = console_save,
    .load = console_load,
    .destroy = console_destroy,
};

static unsigned highest_number(const struct virtio_console *console)
{
    unsigned highest = 0;
    for (unsigned n = 0; n < console->count; n++)
        if (console->ports[n].config.number > highest)
            highest = console->ports[n].config.number;
    return highest;
}

static void console_set_size(struct virtio_console *console, uint16_t columns, uint16_t rows)
{
    struct console_config space = { columns, rows, .max_nr_ports = highest_number(console) + 1 };
    memcpy(console->device.config, &space, sizeof(space));
    console->device.config_size = sizeof(space);
    console->columns = columns;
    console->rows = rows;
}

static void add_ports(struct virtio_console *console, const struct virtio_console_config *config)
{
    console->count = config->count;
    for (unsigned n = 0; n < config->count; n++) {
        struct console_port *port = &console->ports[n];
        port->console = console;
        port->config = config->ports[n];
        port->host_open = port->config.chardev->ops->always_open;
    }
}

static void attach_ports(struct virtio_console *console)
{
    for (unsigned n = 0; n < console->count; n++) {
        struct chardev_front front = { console_can_receive, console_receive, &console->ports[n],
                                       console_event };
        chardev_attach(console->ports[n].config.chardev, &front);
    }
}

struct virtio_device *virtio_console_create(const struct virtio_console_config *config, struct error *error)
{
    struct virtio_console *console = calloc(1, sizeof(*console));
    if (!console) {
        error_set(error, "virtio-console: out of memory");
        return NULL;
    }
    add_ports(console, config);
    unsigned highest = highest_number(console); /* 0: there is only the one console */
    uint64_t features = 1ull << CONSOLE_F_EMERG_WRITE;
    if (config->columns && config->rows)
        features |= 1ull << CONSOLE_F_SIZE;
    if (highest)
        features |= 1ull << CONSOLE_F_MULTIPORT;
    if (!virtio_device_init(&console->device, &virtio_console_ops, features, highest ? 2 * highest + 4 : 2,
                            CONSOLE_QUEUE_SIZE, error)) {
        free(console);
        return NULL;
    }
    console_set_size(console, config->columns, config->rows);
    if (!virtio_worker_start_threads(&console->worker, &console->device, "virtio-console", config->count,
                                     console_run, error)) {
        virtio_device_fini(&console->device);
        free(console);
        return NULL;
    }
    attach_ports(console);
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
    for (unsigned n = 0; n < console->count; n++)
        if (console->ports[n].ready && console->ports[n].config.is_console)
            console_tell(&console->ports[n], 1u << CONSOLE_RESIZE);
    pthread_mutex_unlock(&device->lock);
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *model_create(const struct device_plug *plug, struct error *error)
{
    struct virtio_console_config config = { .ports = plug->ports, .count = plug->port_count };
    return virtio_console_create(&config, error);
}

static const struct device_key carrier_keys[] = {
    { "max_ports", DEVICE_KEY_IGNORED, "there are as many ports as it has consoles and ports", .least = 0 },
    { .name = NULL },
};

const struct device_model virtio_console_model = {
    .name = "virtio-serial",
    .text = "carries virtconsoles and virtserialports",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_PORTS,
    .hot_plug = true,
    .keys = carrier_keys,
    .ops = &virtio_console_ops,
    .create = model_create,
};

static const struct device_key port_keys[] = {
    { "chardev", DEVICE_KEY_BACKEND, "id of a -chardev", DEVICE_SETTING(backend), .needed = "ID" },
    { "bus", DEVICE_KEY_TEXT, "ID.0, of a virtio-serial with id=ID; without it, the first",
      DEVICE_SETTING(carrier) },
    { "name", DEVICE_KEY_TEXT, "by which programs in the guest find it", DEVICE_SETTING(port_name) },
    { "nr", DEVICE_KEY_NUMBER, "the port's number", DEVICE_SETTING(port),
      .most = VIRTIO_CONSOLE_PORTS_MAX - 1 },
    { .name = NULL },
};

/* Only their carrier makes these. */
const struct device_model virtconsole_model = {
    .name = "virtconsole",
    .text = "a console on it",
    .buses = DEVICE_BUS_SERIAL,
    .keys = port_keys,
};
const struct device_model virtserialport_model = {
    .name = "virtserialport",
    .text = "a port on it that programs in the guest open",
    .buses = DEVICE_BUS_SERIAL,
    .keys = port_keys,
};
