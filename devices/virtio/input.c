/* SPDX-License-Identifier: MIT
 *
 * Virtio input devices: queue 0 takes events to the guest, queue 1 takes lamps from it. The driver asks
 * through configuration space what the device has: it writes a selector, and reads a name, or a bitmap of
 * event codes, or the range of an axis.
 *
 * Events wait in a ring of the device until the driver has buffers for them. A packet (up to its SYN_REPORT)
 * goes into the ring as a whole or not at all, so a driver that stops listening never sees half a movement.
 *
 * Everything is done with the device's lock held, and nothing waits: there is no worker.
 */
#include "devices/virtio/input.h"

#include <linux/input-event-codes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/log.h"

#define VIRTIO_ID_INPUT  18
#define INPUT_QUEUE_SIZE 64
#define WAITING_MAX      1024u /* events; a power of two */
#define BUS_VIRTUAL_ID   6
#define VENDOR           0x0627
#define DATA_MAX         128u

enum { QUEUE_EVENTS, QUEUE_STATUS, QUEUE_COUNT };
enum {
    SELECT_NONE,
    SELECT_NAME,
    SELECT_SERIAL,
    SELECT_IDS,
    SELECT_PROPERTIES = 0x10,
    SELECT_BITS,
    SELECT_ABS
};

struct input_config_space { /* section 5.8.4 */
    uint8_t select, subselect, size, reserved[5];
    uint8_t data[DATA_MAX];
};

struct virtio_input {
    struct virtio_device device;
    struct display *display;
    struct display_input input;
    uint32_t leds;
    struct display_event waiting[WAITING_MAX];
    uint32_t first, count; /* of the ring; `first` is not reduced to an index */
    struct virtq_chain chain;
};

static const char *const names[] = {
    [DISPLAY_KEYBOARD] = "Rvive Virtio Keyboard",
    [DISPLAY_TABLET] = "Rvive Virtio Tablet",
    [DISPLAY_MOUSE] = "Rvive Virtio Mouse",
};

/* ---- Configuration ------------------------------------------------------------------------------------- */

/* Sets a bit of the answer, and makes the answer long enough to contain it. */
static void answer_bit(struct input_config_space *space, unsigned bit)
{
    space->data[bit / 8] |= (uint8_t)(1u << bit % 8);
    if (space->size <= bit / 8)
        space->size = (uint8_t)(bit / 8 + 1);
}

static void answer_bytes(struct input_config_space *space, const void *bytes, size_t length)
{
    memcpy(space->data, bytes, length);
    space->size = (uint8_t)length;
}

static void answer_keyboard(struct input_config_space *space)
{
    switch (space->subselect) {
    case EV_KEY:
        for (unsigned code = KEY_ESC; code <= KEY_MICMUTE; code++)
            answer_bit(space, code);
        break;
    case EV_LED:
        answer_bit(space, LED_NUML);
        answer_bit(space, LED_CAPSL);
        answer_bit(space, LED_SCROLLL);
        break;
    case EV_REP: /* the guest repeats keys by itself */
        answer_bit(space, REP_DELAY);
        answer_bit(space, REP_PERIOD);
        break;
    default: break;
    }
}

static void answer_pointer(struct input_config_space *space, bool tablet)
{
    switch (space->subselect) {
    case EV_KEY:
        for (unsigned code = BTN_LEFT; code <= BTN_EXTRA; code++)
            answer_bit(space, code);
        break;
    case EV_REL:
        if (!tablet) {
            answer_bit(space, REL_X);
            answer_bit(space, REL_Y);
        }
        answer_bit(space, REL_HWHEEL);
        answer_bit(space, REL_WHEEL);
        break;
    case EV_ABS:
        if (tablet) {
            answer_bit(space, ABS_X);
            answer_bit(space, ABS_Y);
        }
        break;
    default: break;
    }
}

static void answer_axis(struct input_config_space *space, enum display_input_kind kind)
{
    static const uint32_t range[5] = { 0, DISPLAY_ABS_MAX, 0, 0, 0 }; /* min, max, fuzz, flat, resolution */
    if (kind == DISPLAY_TABLET && (space->subselect == ABS_X || space->subselect == ABS_Y))
        answer_bytes(space, range, sizeof(range));
}

/* Fills in what the selectors ask for. A size of 0 says that the device has no such thing. */
static void answer(struct virtio_input *input)
{
    struct input_config_space *space = (struct input_config_space *)(void *)input->device.config;
    enum display_input_kind kind = input->input.kind;
    const uint16_t ids[4] = { BUS_VIRTUAL_ID, VENDOR, (uint16_t)(kind + 1), 1 };
    space->size = 0;
    memset(space->data, 0, sizeof(space->data));
    switch (space->select) {
    case SELECT_NAME:
        if (!space->subselect)
            answer_bytes(space, names[kind], strlen(names[kind]));
        break;
    case SELECT_IDS:
        if (!space->subselect)
            answer_bytes(space, ids, sizeof(ids));
        break;
    case SELECT_BITS:
        if (kind == DISPLAY_KEYBOARD)
            answer_keyboard(space);
        else
            answer_pointer(space, kind == DISPLAY_TABLET);
        break;
    case SELECT_ABS: answer_axis(space, kind); break;
    default: break; /* no serial number, no properties */
    }
}

static void input_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    struct virtio_input *input = (struct virtio_input *)device;
    if (offset + size > offsetof(struct input_config_space, size)) {
        LOG_GUEST("virtio-input: the driver writes to offset %u of its configuration", offset);
        return;
    }
    for (unsigned n = 0; n < size; n++)
        device->config[offset + n] = (uint8_t)(value >> 8 * n);
    answer(input);
}

/* ---- Events -------------------------------------------------------------------------------------------- */

/* Moves waiting events to the driver's buffers, one in each (section 5.8.6). [locked] */
static void deliver(struct virtio_input *input)
{
    CHECK_HELD(&input->device.lock);
    struct virtqueue *queue = &input->device.queues[QUEUE_EVENTS];
    bool any = false;
    while (input->count && virtqueue_pop(queue, &input->chain)) {
        const struct display_event *event = &input->waiting[input->first % WAITING_MAX];
        if (input->chain.in_length < sizeof(*event)) {
            LOG_GUEST("virtio-input: an event buffer of %u bytes", input->chain.in_length);
            virtio_device_break(&input->device);
            break;
        }
        virtqueue_push(queue, &input->chain,
                       (uint32_t)virtq_chain_write(&input->chain, 0, event, sizeof(*event)));
        input->first++;
        input->count--;
        any = true;
    }
    if (any)
        virtqueue_signal(queue);
}

static void input_events(struct display_input *base, const struct display_event *events, unsigned count)
{
    struct virtio_input *input = (struct virtio_input *)((char *)base - offsetof(struct virtio_input, input));
    pthread_mutex_lock(&input->device.lock);
    if (input->device.status & VIRTIO_DRIVER_OK && !input->device.broken &&
        count <= WAITING_MAX - input->count) {
        for (unsigned n = 0; n < count; n++)
            input->waiting[(input->first + input->count++) % WAITING_MAX] = events[n];
        deliver(input);
    }
    pthread_mutex_unlock(&input->device.lock);
}

/* Takes the lamps; each is an event of type EV_LED. */
static void take_status(struct virtio_input *input, struct virtqueue *queue)
{
    bool any = false;
    while (virtqueue_pop(queue, &input->chain)) {
        struct display_event event;
        for (uint32_t at = 0; virtq_chain_read(&input->chain, at, &event, sizeof(event)) == sizeof(event);
             at += sizeof(event)) {
            if (event.type != EV_LED || event.code > LED_MAX)
                continue;
            input->leds &= ~(1u << event.code);
            input->leds |= (uint32_t)(event.value != 0) << event.code;
        }
        virtqueue_push(queue, &input->chain, 0);
        any = true;
    }
    if (any)
        virtqueue_signal(queue);
}

/* The core notifies all queues when the driver is ready, so this also tells the window. */
static void input_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct virtio_input *input = (struct virtio_input *)device;
    display_input_set_active(input->display, &input->input, true);
    if (queue->index == QUEUE_EVENTS)
        deliver(input);
    else
        take_status(input, queue);
}

uint32_t virtio_input_leds(struct virtio_device *device)
{
    pthread_mutex_lock(&device->lock);
    uint32_t leds = ((struct virtio_input *)device)->leds;
    pthread_mutex_unlock(&device->lock);
    return leds;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void input_reset(struct virtio_device *device)
{
    struct virtio_input *input = (struct virtio_input *)device;
    display_input_set_active(input->display, &input->input, false);
    input->leds = input->first = input->count = 0;
    device->config[0] = device->config[1] = 0;
    answer(input);
}

static void input_save(struct virtio_device *device, struct state_writer *writer)
{
    const struct virtio_input *input = (const struct virtio_input *)device;
    state_put(writer, "select", device->config[0]);
    state_put(writer, "subselect", device->config[1]);
    state_put(writer, "leds", input->leds);
    state_put(writer, "first", input->first % WAITING_MAX);
    state_put(writer, "count", input->count);
    state_put_bytes(writer, "waiting", input->waiting, sizeof(input->waiting));
}

static void input_load(struct virtio_device *device, struct state_reader *reader)
{
    struct virtio_input *input = (struct virtio_input *)device;
    device->config[0] = (uint8_t)state_get(reader, "select", UINT8_MAX);
    device->config[1] = (uint8_t)state_get(reader, "subselect", UINT8_MAX);
    input->leds = (uint32_t)state_get(reader, "leds", (1u << LED_CNT) - 1);
    input->first = (uint32_t)state_get(reader, "first", WAITING_MAX - 1);
    input->count = (uint32_t)state_get(reader, "count", WAITING_MAX);
    state_get_bytes(reader, "waiting", input->waiting, sizeof(input->waiting));
    if (reader->failed)
        input->count = 0;
    answer(input);
}

static void input_destroy(struct virtio_device *device)
{
    struct virtio_input *input = (struct virtio_input *)device;
    display_input_remove(input->display, &input->input);
    virtio_device_fini(device);
    free(input);
}

static const struct virtio_device_ops virtio_input_ops = {
    .name = "virtio-input",
    .id = VIRTIO_ID_INPUT,
    .pci_class = 0x098000, /* other input controller */
    .notify = input_notify,
    .config_write = input_config_write,
    .reset = input_reset,
    .save = input_save,
    .load = input_load,
    .destroy = input_destroy,
};

struct virtio_device *virtio_input_create(const struct virtio_input_config *config, struct error *error)
{
    struct virtio_input *input = calloc(1, sizeof(*input));
    if (!input ||
        !virtio_device_init(&input->device, &virtio_input_ops, 0, QUEUE_COUNT, INPUT_QUEUE_SIZE, error)) {
        if (!input)
            error_set(error, "virtio-input: out of memory");
        free(input);
        return NULL;
    }
    input->device.config_size = sizeof(struct input_config_space);
    input->display = config->display;
    input->input.kind = config->kind;
    input->input.events = input_events;
    display_input_add(input->display, &input->input);
    return &input->device;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct virtio_device *create_keyboard(const struct device_plug *plug, struct error *error)
{
    return virtio_input_create(&(struct virtio_input_config){ plug->display, DISPLAY_KEYBOARD }, error);
}

static struct virtio_device *create_tablet(const struct device_plug *plug, struct error *error)
{
    return virtio_input_create(&(struct virtio_input_config){ plug->display, DISPLAY_TABLET }, error);
}

static struct virtio_device *create_mouse(const struct device_plug *plug, struct error *error)
{
    return virtio_input_create(&(struct virtio_input_config){ plug->display, DISPLAY_MOUSE }, error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

const struct device_model virtio_keyboard_model = {
    .name = "virtio-keyboard",
    .text = "a keyboard",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_INPUT,
    .keys = no_keys,
    .ops = &virtio_input_ops,
    .create = create_keyboard,
};
const struct device_model virtio_tablet_model = {
    .name = "virtio-tablet",
    .text = "a pointer that follows the host's",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_INPUT,
    .keys = no_keys,
    .ops = &virtio_input_ops,
    .create = create_tablet,
};
const struct device_model virtio_mouse_model = {
    .name = "virtio-mouse",
    .text = "a mouse that is grabbed",
    .buses = DEVICE_BUS_MMIO | DEVICE_BUS_PCI,
    .backend = DEVICE_BACKEND_INPUT,
    .keys = no_keys,
    .ops = &virtio_input_ops,
    .create = create_mouse,
};
