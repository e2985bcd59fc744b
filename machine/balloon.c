/* SPDX-License-Identifier: MIT
 *
 * See balloon.h. There is one balloon at most: what a person or a program asks for has no name.
 */
#include "machine/balloon.h"

#include <time.h>

#include "machine/internal.h"

#define PAGE_SHIFT 12

enum { FRESH_TRIES = 100 }; /* milliseconds */

/* A guest may say what it likes about its balloon. */
static uint64_t actual_of(const struct machine *machine, uint32_t pages)
{
    uint64_t bytes = (uint64_t)pages << PAGE_SHIFT, all = machine->config.ram_size;
    return bytes < all ? all - bytes : 0;
}

void balloon_changed(void *opaque, uint32_t pages)
{
    struct machine *machine = opaque;
    uint64_t actual = actual_of(machine, pages);
    for (struct machine_listener *listener = machine->listeners; listener; listener = listener->next) {
        if (listener->balloon)
            listener->balloon(listener->opaque, actual);
    }
}

bool balloon_adopt(struct machine *machine, struct virtio_device *device, struct error *error)
{
    if (machine->balloon)
        return error_set(error, "-device virtio-balloon: the machine has one already");
    machine->balloon = device;
    return true;
}

bool machine_balloon(struct machine *machine, bool fresh, struct machine_balloon *balloon)
{
    if (!machine->balloon)
        return false;
    struct virtio_balloon_view view = virtio_balloon_look(machine->balloon);
    unsigned before = view.updates;
    bool asked = fresh && virtio_balloon_ask(machine->balloon);
    for (unsigned n = 0; asked && n < FRESH_TRIES && view.updates == before; n++) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        view = virtio_balloon_look(machine->balloon);
    }
    *balloon = (struct machine_balloon){ .actual = actual_of(machine, view.actual),
                                         .updated_s = view.updated_s,
                                         .known = view.known };
    for (unsigned n = 0; n < VIRTIO_BALLOON_STATS; n++)
        balloon->stats[n] = view.stats[n];
    return true;
}

bool machine_set_balloon(struct machine *machine, uint64_t bytes)
{
    uint64_t all = machine->config.ram_size, pages = bytes < all ? (all - bytes) >> PAGE_SHIFT : 0;
    if (!machine->balloon)
        return false;
    virtio_balloon_set_target(machine->balloon, pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX);
    return true;
}
