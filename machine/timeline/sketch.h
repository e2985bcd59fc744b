/* SPDX-License-Identifier: MIT
 *
 * What -timeline draws: lanes of numbers against instructions. sketch.c fills them, picture.c draws them.
 */
#ifndef MACHINE_TIMELINE_SKETCH_H
#define MACHINE_TIMELINE_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/machine.h"
#include "machine/output.h"

/* A run of any length has so many bins at most: when it gets longer, two of them become one. */
#define SKETCH_BINS 1000

/* A number for each bin: instructions, or how often something happened. */
struct sketch_lane {
    char name[48];
    uint64_t key; /* of a process: its root page table; of a device: its address */
    uint64_t total;
    uint64_t bins[SKETCH_BINS];
};

enum sketch_mode { SKETCH_USER, SKETCH_KERNEL, SKETCH_FIRMWARE, SKETCH_MODES };
enum sketch_event {
    SKETCH_TIMER,
    SKETCH_IPI,
    SKETCH_EXTERNAL,
    SKETCH_OTHER_INTERRUPT,
    SKETCH_CALL,
    SKETCH_FIRMWARE_CALL,
    SKETCH_PAGE_FAULT,
    SKETCH_OTHER_TRAP,
    SKETCH_DMA, /* bytes */
    SKETCH_EVENTS
};
#define SKETCH_SPACES  40 /* the last one is for all that found no place */
#define SKETCH_DEVICES 32 /* the last one, too */

struct sketch_hart {
    uint64_t at; /* its instructions that are drawn */
    enum sketch_mode mode;
    uint64_t space;
    struct sketch_lane *modes; /* SKETCH_MODES of them; owned */
};

struct sketch {
    struct output output;
    bool began, moved;
    uint64_t first, drawn; /* instants: the beginning, and up to where it is drawn */
    uint64_t width;        /* instructions a bin */
    struct sketch_hart harts[MACHINE_HARTS_MAX];
    unsigned hart_count;
    struct sketch_lane (*spaces)[2]; /* U, and S; owned */
    unsigned space_count, space;     /* the one that was found last */
    struct sketch_lane *devices;     /* owned */
    unsigned device_count;
    uint64_t page; /* of the device that was found last */
    unsigned device;
    struct sketch_lane *events; /* owned */
};

/* Draws up to the present instruction. */
struct timeline;
void sketch_advance(struct timeline *timeline, unsigned hart);

#endif
