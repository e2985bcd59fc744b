/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives the small virtio devices with the fuzzer's bytes: entropy, console,
 * keyboard, tablet, mouse, a console with several ports, a balloon. The first byte selects the device; then
 * each record is one step: a chain of descriptors, input from the host, an access to the configuration space,
 * a saved state that is loaded, a queue that is set up again.
 *
 *   byte 0   which step
 *   byte 1   bits 0, 1 and 7 which queue, bits 2-5 which descriptor, bit 6 no kick yet
 *   byte 2   how many bytes of the record follow, up to 64
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/input.h"
#include "devices/virtio/rng.h"
#include "tests/devices/virtio/guest.h"

#define RING_AT(n) (GUEST_RAM_BASE + 0x10000 + 0x4000 * (n))
#define DATA_AT    (GUEST_RAM_BASE + 0x40000)
#define RING_SIZE  16u
#define DEVICES    7u
#define QUEUES     6u
enum { ONE_CONSOLE = 1, PORTS = 5, BALLOON = 6 };

struct fuzzed {
    struct guest guest;
    struct ring rings[QUEUES];
};

static struct fuzzed all[DEVICES], *now;
static struct display *display;

/* ---- The host's side ----------------------------------------------------------------------------------- */

static uint8_t terminal_sum; /* of all output, so that all of it is read */

static void terminal_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    (void)chardev;
    for (size_t i = 0; i < length; i++)
        terminal_sum = (uint8_t)(terminal_sum + bytes[i]);
}

static void terminal_input_ready(struct chardev *chardev)
{
    (void)chardev;
}

static const struct chardev_ops terminal_ops = { .name = "terminal",
                                                 .write = terminal_write,
                                                 .input_ready = terminal_input_ready };
static struct chardev terminals[3] = { { .ops = &terminal_ops },
                                       { .ops = &terminal_ops },
                                       { .ops = &terminal_ops } };

/* One console, or a console and a serial port. */
static struct virtio_device *make_console(unsigned first, unsigned count, struct error *error)
{
    struct virtio_console_port ports[2] = { { &terminals[first], 0, true, NULL },
                                            { &terminals[first + 1], 1, false, "name" } };
    return virtio_console_create(&(struct virtio_console_config){ ports, count, 80, 25 }, error);
}

static struct virtio_device *make_device(unsigned which, struct error *error)
{
    static const enum display_input_kind kinds[] = { DISPLAY_KEYBOARD, DISPLAY_TABLET, DISPLAY_MOUSE };
    if (which == 0)
        return virtio_rng_create(&(struct virtio_rng_config){ .path = NULL }, error);
    if (which == ONE_CONSOLE || which == PORTS)
        return which == PORTS ? make_console(1, 2, error) : make_console(0, 1, error);
    if (which == BALLOON)
        return virtio_balloon_create(&(struct virtio_balloon_config){ true, true, NULL, NULL }, error);
    return virtio_input_create(&(struct virtio_input_config){ display, kinds[which - 2] }, error);
}

static void make_guests(void)
{
    struct error error = { "" };
    display = display_create(64, 64, &error);
    for (unsigned n = 0; n < DEVICES; n++) {
        struct virtio_device *device = make_device(n, &error);
        if (!device) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        guest_init(&all[n].guest, false);
        guest_plug(&all[n].guest, device);
    }
}

static void host_input(const uint8_t *bytes, size_t count)
{
    if (now == &all[ONE_CONSOLE] || now == &all[PORTS]) {
        unsigned port = now == &all[PORTS] ? 1 + count % 2 : 0;
        struct chardev_front *front = &terminals[port].front;
        size_t room = front->can_receive(front->opaque);
        front->receive(front->opaque, bytes, count < room ? count : room);
        front->event(front->opaque, count & 2 ? CHARDEV_EVENT_OPENED : CHARDEV_EVENT_CLOSED);
        virtio_console_resize(now->guest.vdev, count ? bytes[0] : 0, 25);
        return;
    }
    if (now == &all[BALLOON]) {
        virtio_balloon_set_target(now->guest.vdev, count ? bytes[0] : 0);
        virtio_balloon_ask(now->guest.vdev);
        virtio_balloon_look(now->guest.vdev);
        return;
    }
    display_key(display, count ? bytes[0] * 3u : 30, count > 1 && bytes[1] & 1);
    int32_t numbers[5] = { 0 };
    memcpy(numbers, bytes, count < sizeof(numbers) ? count : sizeof(numbers));
    struct display_pointer pointer = { count & 1,  numbers[0], numbers[1], (unsigned)numbers[2],
                                       numbers[3], numbers[4] };
    display_pointer(display, &pointer);
}

/* ---- The driver ---------------------------------------------------------------------------------------- */

/* Uses descriptors from `first` on: the record's bytes change what a good driver would write. */
static void send_chain(unsigned queue, unsigned first, bool kick, const uint8_t *more, size_t count)
{
    struct ring *ring = &now->rings[queue % QUEUES];
    for (unsigned n = 0; n == 0 || 8 * n < count; n++) {
        struct guest_desc desc = { DATA_AT + 0x1000 * n, 64, queue % 2 ? 0 : DESC_WRITE,
                                   (uint16_t)((first + n + 1) % RING_SIZE) };
        if (8 * (n + 1) < count)
            desc.flags |= DESC_NEXT;
        for (unsigned i = 0; i < 8 && 8 * n + i < count; i++)
            ((uint8_t *)&desc)[i < 2 ? i : i + 6] ^= more[8 * n + i];
        ring_desc(ring, (first + n) % RING_SIZE, desc.paddr, desc.length, desc.flags, desc.next);
    }
    ring_offer(ring, first);
    if (kick)
        ring_kick(ring);
}

static void touch_config(const uint8_t *more, size_t count)
{
    struct device *slot = now->guest.slot;
    unsigned size = count ? 1u << (more[0] & 3) : 4, offset = count > 1 ? more[1] & ~(size - 1) : 0;
    if (count > 2)
        slot->ops->write(slot, REG_CONFIG + offset, size, more[2] * 0x0101010101010101u);
    slot->ops->read(slot, REG_CONFIG + offset, size);
}

/* Does one record; returns how many bytes of input it used. */
static size_t step(const uint8_t *data, size_t size)
{
    size_t count = data[2] % 65;
    const uint8_t *more = data + 3;
    if (count > size - 3)
        count = size - 3;
    unsigned what = data[0] % 16, queue = (data[1] & 3) | data[1] >> 7 << 2;
    if (what < 8)
        send_chain(queue, data[1] >> 2 & 15, !(data[1] & 64), more, count);
    else if (what < 11)
        host_input(more, count);
    else if (what < 13)
        touch_config(more, count);
    else if (what == 13)
        guest_reload(&now->guest);
    else if (what == 14)
        guest_ring(&now->guest, &now->rings[queue % QUEUES], queue % QUEUES, RING_SIZE,
                   RING_AT(queue % QUEUES));
    else
        guest_write(&now->guest, REG_NOTIFY, data[1]);
    return 3 + count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!display)
        make_guests();
    if (!size)
        return 0;
    now = &all[data[0] % DEVICES];
    guest_negotiate(&now->guest, now == &all[PORTS] ? 7 : now == &all[BALLOON] ? data[0] & 0x36 : 5);
    for (unsigned n = 0; n < QUEUES; n++)
        guest_ring(&now->guest, &now->rings[n], n, RING_SIZE, RING_AT(n));
    guest_driver_ok(&now->guest);
    for (data++, size--; size >= 3;) {
        size_t taken = step(data, size);
        data += taken;
        size -= taken;
    }
    guest_write(&now->guest, REG_STATUS, 0);
    return 0;
}
