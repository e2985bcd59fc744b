/* SPDX-License-Identifier: MIT
 *
 * Notes what -timeline draws: see sketch.h. The hart that runs says when its privilege or its address space
 * changes, and the instructions since the last change are then added to the bins that they belong to. What is
 * replayed again after going back is drawn once. All of it is the harts' thread's, or of who has stopped it.
 */
#include "machine/timeline/sketch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/inspect.h"
#include "machine/timeline/internal.h"

#define WIDTH_AT_FIRST 64
#define BARE           UINT64_MAX /* the key of harts without translation */

static struct timeline *of(struct hart_recorder *recorder)
{
    return (struct timeline *)(void *)recorder;
}

/* ---- Bins ---------------------------------------------------------------------------------------------- */

static void halve(struct sketch_lane *lane)
{
    for (unsigned n = 0; n < SKETCH_BINS; n++)
        lane->bins[n] = 2 * n < SKETCH_BINS ? lane->bins[2 * n] + lane->bins[2 * n + 1] : 0;
}

static void halve_all(struct sketch *sketch)
{
    for (unsigned i = 0; i < sketch->hart_count; i++)
        for (unsigned mode = 0; mode < SKETCH_MODES; mode++)
            halve(&sketch->harts[i].modes[mode]);
    for (unsigned n = 0; n < sketch->space_count; n++) {
        halve(&sketch->spaces[n][0]);
        halve(&sketch->spaces[n][1]);
    }
    for (unsigned n = 0; n < sketch->device_count; n++)
        halve(&sketch->devices[n]);
    for (unsigned n = 0; n < SKETCH_EVENTS; n++)
        halve(&sketch->events[n]);
    sketch->width *= 2;
}

/* The bin of an instant, which is made to have one. */
static unsigned bin_of(struct sketch *sketch, uint64_t instant)
{
    while ((instant - sketch->first) / sketch->width >= SKETCH_BINS)
        halve_all(sketch);
    return (unsigned)((instant - sketch->first) / sketch->width);
}

/* All bins up to `to` exist. */
static void add_stretch(const struct sketch *sketch, struct sketch_lane *lane, uint64_t from, uint64_t to)
{
    lane->total += to - from;
    while (from < to) {
        uint64_t bin = (from - sketch->first) / sketch->width;
        uint64_t end = sketch->first + (bin + 1) * sketch->width;
        end = end < to ? end : to;
        lane->bins[bin] += end - from;
        from = end;
    }
}

static void add_event(struct timeline *timeline, struct sketch_lane *lane, uint64_t count)
{
    struct sketch *sketch = timeline->sketch;
    uint64_t now = machine_instructions(timeline->machine);
    if (!sketch->began || sketch->moved || now < sketch->drawn)
        return;
    lane->bins[bin_of(sketch, now)] += count;
    lane->total += count;
}

/* ---- Address spaces ------------------------------------------------------------------------------------ */

static void name_space(struct sketch_lane *lanes, uint64_t key)
{
    memset(lanes, 0, 2 * sizeof(*lanes));
    lanes[0].key = key;
    if (key == BARE)
        snprintf(lanes[0].name, sizeof(lanes[0].name), "no translation");
    else
        snprintf(lanes[0].name, sizeof(lanes[0].name), "0x%" PRIx64, key);
}

/* The smallest gives its place, and becomes one of the others. */
static unsigned replace_space(struct sketch *sketch)
{
    struct sketch_lane(*spaces)[2] = sketch->spaces;
    unsigned found = 0, others = SKETCH_SPACES - 1;
    for (unsigned n = 1; n < others; n++)
        if (spaces[n][0].total + spaces[n][1].total < spaces[found][0].total + spaces[found][1].total)
            found = n;
    for (unsigned part = 0; part < 2; part++) {
        for (unsigned n = 0; n < SKETCH_BINS; n++)
            spaces[others][part].bins[n] += spaces[found][part].bins[n];
        spaces[others][part].total += spaces[found][part].total;
    }
    return found;
}

static struct sketch_lane *find_space(struct sketch *sketch, uint64_t key)
{
    unsigned count = sketch->space_count;
    if (sketch->space < count && sketch->spaces[sketch->space][0].key == key)
        return sketch->spaces[sketch->space];
    unsigned own = count < SKETCH_SPACES ? count : SKETCH_SPACES - 1, n = 0;
    while (n < own && sketch->spaces[n][0].key != key)
        n++;
    if (n == own && own < SKETCH_SPACES - 1) {
        sketch->space_count++;
    } else if (n == own) {
        if (count < SKETCH_SPACES) {
            name_space(sketch->spaces[own], 0);
            snprintf(sketch->spaces[own][0].name, sizeof(sketch->spaces[own][0].name), "all others");
            sketch->space_count++;
        }
        n = replace_space(sketch);
    }
    if (n == own || sketch->spaces[n][0].key != key)
        name_space(sketch->spaces[n], key);
    sketch->space = n;
    return sketch->spaces[n];
}

/* ---- What harts do ------------------------------------------------------------------------------------- */

void sketch_advance(struct timeline *timeline, unsigned number)
{
    struct sketch *sketch = timeline->sketch;
    struct sketch_hart *hart = &sketch->harts[number];
    uint64_t at = hart_instructions(timeline->machine->harts[number]);
    uint64_t now = machine_instructions(timeline->machine), ran = at > hart->at ? at - hart->at : 0;
    hart->at = at;
    if (!sketch->began || sketch->moved || now <= sketch->drawn)
        return;
    uint64_t from = now - ran > sketch->drawn ? now - ran : sketch->drawn;
    bin_of(sketch, now);
    sketch->drawn = now;
    add_stretch(sketch, &hart->modes[hart->mode], from, now);
    if (hart->mode != SKETCH_FIRMWARE)
        add_stretch(sketch, find_space(sketch, hart->space) + (hart->mode == SKETCH_KERNEL), from, now);
}

void timeline_take_mode(struct hart_recorder *recorder, unsigned number, unsigned priv, uint64_t satp)
{
    struct timeline *timeline = of(recorder);
    struct sketch *sketch = timeline->sketch;
    struct sketch_hart *hart = &sketch->harts[number];
    bool wide = timeline->machine->config.isa.xlen == 64;
    bool translates = wide ? satp >> 60 : satp >> 31 & 1;
    enum sketch_mode mode = priv == 0 ? SKETCH_USER : priv == 1 ? SKETCH_KERNEL : SKETCH_FIRMWARE;
    uint64_t space = !translates ? BARE : (satp & (wide ? (UINT64_C(1) << 44) - 1 : (1u << 22) - 1)) << 12;
    if (mode == hart->mode && space == hart->space)
        return;
    if (number < sketch->hart_count)
        sketch_advance(timeline, number);
    hart->mode = mode;
    hart->space = space;
}

static void clear(struct sketch_lane *lane)
{
    memset(lane->bins, 0, sizeof(lane->bins));
    lane->total = 0;
}

static void clear_all(struct sketch *sketch)
{
    for (unsigned i = 0; i < sketch->hart_count; i++)
        for (unsigned mode = 0; mode < SKETCH_MODES; mode++)
            clear(&sketch->harts[i].modes[mode]);
    for (unsigned n = 0; n < SKETCH_EVENTS; n++)
        clear(&sketch->events[n]);
    memset(sketch->devices, 0, sketch->device_count * sizeof(*sketch->devices));
    sketch->space_count = sketch->device_count = 0;
    sketch->width = WIDTH_AT_FIRST;
}

/* Where the harts are is where the picture goes on; if the present is earlier than what is drawn, such as
 * after a reset, it begins anew. */
static void settle(struct timeline *timeline)
{
    struct sketch *sketch = timeline->sketch;
    struct machine *machine = timeline->machine;
    uint64_t now = machine_instructions(machine);
    for (unsigned i = 0; i < machine->hart_count; i++)
        sketch->harts[i].at = hart_instructions(machine->harts[i]);
    if (!sketch->began || (now < sketch->drawn && !timeline->recorder.replays)) {
        clear_all(sketch);
        sketch->first = sketch->drawn = now;
    }
    sketch->began = true;
    sketch->moved = false;
}

void sketch_turn(struct timeline *timeline, unsigned hart)
{
    struct sketch *sketch = timeline->sketch;
    if (!sketch)
        return;
    if (!sketch->began || sketch->moved)
        settle(timeline);
    else if (timeline->hart != hart)
        sketch_advance(timeline, timeline->hart);
}

void sketch_moved(struct timeline *timeline)
{
    if (timeline->sketch)
        timeline->sketch->moved = true;
}

static enum sketch_event event_of(bool interrupt, unsigned cause)
{
    if (interrupt)
        return cause == 5 || cause == 7    ? SKETCH_TIMER
               : cause == 1 || cause == 3  ? SKETCH_IPI
               : cause == 9 || cause == 11 ? SKETCH_EXTERNAL
                                           : SKETCH_OTHER_INTERRUPT;
    return cause == 8                                  ? SKETCH_CALL
           : cause == 9                                ? SKETCH_FIRMWARE_CALL
           : cause == 12 || cause == 13 || cause == 15 ? SKETCH_PAGE_FAULT
                                                       : SKETCH_OTHER_TRAP;
}

void timeline_take_trap(struct hart_recorder *recorder, bool interrupt, unsigned cause)
{
    struct timeline *timeline = of(recorder);
    add_event(timeline, &timeline->sketch->events[event_of(interrupt, cause)], 1);
}

void sketch_dma(struct timeline *timeline, uint64_t length)
{
    if (timeline->sketch)
        add_event(timeline, &timeline->sketch->events[SKETCH_DMA], length);
}

/* ---- Devices ------------------------------------------------------------------------------------------- */

/* The PCI function whose BAR it is; false: none. */
static bool name_function(struct machine *machine, uint64_t paddr, char *name, size_t size)
{
    struct machine_pci_view view;
    for (unsigned n = 0; machine_pci_view(machine, n, &view); n++)
        for (unsigned i = 0; i < view.bar_count; i++)
            if (view.bars[i].mapped && paddr - view.bars[i].base < view.bars[i].size) {
                snprintf(name, size, "%.20s %.20s", view.name, view.path);
                return true;
            }
    return false;
}

static void name_device(struct machine *machine, uint64_t paddr, char *name, size_t size)
{
    struct bus_region region;
    if (name_function(machine, paddr, name, size))
        return;
    for (unsigned n = 0; n < machine->device_count; n++) {
        const struct fdt_device *device = &machine->devices[n];
        const struct machine_plug *plug = machine->plugs[n];
        if (paddr - device->place.base < device->place.size) {
            snprintf(name, size, "%s", plug && plug->model ? plug->model->name : device->device->ops->name);
            return;
        }
    }
    for (unsigned n = 0; bus_region(machine->bus, n, &region); n++)
        if (paddr - region.base < region.size) {
            snprintf(name, size, "%s", region.name);
            return;
        }
    snprintf(name, size, "nothing there");
}

/* Names are looked up once for each page of registers that is met in turn with others, so a device that moves
 * (a BAR) is found again. */
static struct sketch_lane *find_device(struct timeline *timeline, uint64_t paddr)
{
    struct sketch *sketch = timeline->sketch;
    char name[sizeof(sketch->devices[0].name)];
    uint64_t page = paddr >> 12;
    if (sketch->device_count && page == sketch->page)
        return &sketch->devices[sketch->device];
    name_device(timeline->machine, paddr, name, sizeof(name));
    unsigned n = 0;
    while (n < sketch->device_count && strcmp(sketch->devices[n].name, name) != 0)
        n++;
    if (n == sketch->device_count && n < SKETCH_DEVICES) {
        snprintf(sketch->devices[n].name, sizeof(name), "%s", n < SKETCH_DEVICES - 1 ? name : "all others");
        sketch->device_count++;
    }
    n = n < SKETCH_DEVICES ? n : SKETCH_DEVICES - 1;
    sketch->page = page;
    sketch->device = n;
    return &sketch->devices[n];
}

void timeline_take_reach(struct hart_recorder *recorder, uint64_t paddr)
{
    struct timeline *timeline = of(recorder);
    add_event(timeline, find_device(timeline, paddr), 1);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static bool allocate(struct sketch *sketch)
{
    bool ok = true;
    sketch->spaces = calloc(SKETCH_SPACES, sizeof(*sketch->spaces));
    sketch->devices = calloc(SKETCH_DEVICES, sizeof(*sketch->devices));
    sketch->events = calloc(SKETCH_EVENTS, sizeof(*sketch->events));
    for (unsigned i = 0; i < sketch->hart_count; i++) {
        sketch->harts[i].modes = calloc(SKETCH_MODES, sizeof(struct sketch_lane));
        sketch->harts[i].mode = SKETCH_FIRMWARE;
        sketch->harts[i].space = BARE;
        ok = ok && sketch->harts[i].modes;
    }
    return ok && sketch->spaces && sketch->devices && sketch->events;
}

bool sketch_create(struct timeline *timeline, const char *path, struct error *error)
{
    struct sketch *sketch = timeline->sketch = calloc(1, sizeof(*sketch));
    if (!sketch)
        return error_set(error, "-timeline: out of memory");
    sketch->output.fd = -1;
    sketch->width = WIDTH_AT_FIRST;
    sketch->hart_count = timeline->machine->hart_count;
    if (!allocate(sketch))
        return error_set(error, "-timeline: out of memory");
    timeline->recorder.watches = true;
    return output_open(&sketch->output, "-timeline", path, error);
}

void sketch_destroy(struct timeline *timeline)
{
    struct sketch *sketch = timeline->sketch;
    if (!sketch)
        return;
    if (sketch->output.fd >= 0)
        output_close(&sketch->output);
    for (unsigned i = 0; i < sketch->hart_count; i++)
        free(sketch->harts[i].modes);
    free(sketch->spaces);
    free(sketch->devices);
    free(sketch->events);
    free(sketch);
    timeline->sketch = NULL;
}
