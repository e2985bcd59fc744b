/* SPDX-License-Identifier: MIT
 *
 * Checkpoints of harts and memory: see timeline.h.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/timeline/internal.h"
#include "util/log.h"

#define PAGE 4096u

static void drop_pages(struct timeline *timeline, struct checkpoint *checkpoint)
{
    for (size_t i = 0; i < checkpoint->page_count; i++)
        free(checkpoint->pages[i].bytes);
    timeline->memory -= checkpoint->page_count * (PAGE + sizeof(struct old_page));
    checkpoint->page_count = 0;
}

void timeline_free_checkpoint(struct timeline *timeline, struct checkpoint *checkpoint)
{
    drop_pages(timeline, checkpoint);
    timeline->memory -= checkpoint->length;
    free(checkpoint->pages);
    free(checkpoint->harts);
}

/* ---- Pages --------------------------------------------------------------------------------------------- */

static bool add_page(struct checkpoint *checkpoint, uint64_t paddr, const uint8_t *host)
{
    uint8_t *bytes = malloc(PAGE);
    if (!bytes || !timeline_grow(&checkpoint->pages, checkpoint->page_count, &checkpoint->page_room,
                                 sizeof(*checkpoint->pages))) {
        free(bytes);
        return false;
    }
    memcpy(bytes, host, PAGE);
    checkpoint->pages[checkpoint->page_count++] = (struct old_page){ paddr, bytes };
    return true;
}

void timeline_keep_page(struct timeline *timeline, uint64_t paddr)
{
    uint64_t page = (paddr - timeline->ram_base) / PAGE;
    if (!timeline->checkpoint_count || paddr < timeline->ram_base || page >= timeline->ram_pages ||
        timeline->page_epochs[page] == timeline->epoch)
        return;
    paddr -= paddr % PAGE;
    timeline->page_epochs[page] = timeline->epoch;
    const uint8_t *host = bus_host(timeline->machine->bus, paddr, PAGE);
    if (host && add_page(&timeline->checkpoints[timeline->checkpoint_count - 1], paddr, host)) {
        timeline->memory += PAGE + sizeof(struct old_page);
        timeline_trim(timeline);
    } else {
        timeline->forget = true;
    }
}

/* From now on each page is copied again before it is written. */
static void begin_epoch(struct timeline *timeline)
{
    if (!++timeline->epoch) {
        memset(timeline->page_epochs, 0, timeline->ram_pages * sizeof(uint32_t));
        timeline->epoch = 1;
    }
    for (unsigned i = 0; i < timeline->machine->hart_count; i++)
        hart_request(timeline->machine->harts[i], HART_REQUEST_FLUSH);
}

/* ---- Harts --------------------------------------------------------------------------------------------- */

static bool save_harts(struct timeline *timeline, struct checkpoint *checkpoint)
{
    struct machine *machine = timeline->machine;
    struct state_writer writer;
    state_writer_init(&writer);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_save(machine->harts[i], &writer);
    bool ok = !writer.failed;
    checkpoint->harts = ok ? malloc(writer.length) : NULL;
    ok = ok && checkpoint->harts;
    if (ok)
        memcpy(checkpoint->harts, writer.bytes, writer.length);
    checkpoint->length = ok ? writer.length : 0;
    state_writer_destroy(&writer);
    return ok;
}

/* Threads that do not know the instant, such as a network's, keep pages meanwhile. */
void timeline_checkpoint(struct timeline *timeline)
{
    bool replays = timeline->recorder.replays;
    struct checkpoint checkpoint = { .at = machine_instructions(timeline->machine),
                                     .hart = timeline->hart,
                                     .waits = timeline->waits };
    bool saved = save_harts(timeline, &checkpoint);
    pthread_mutex_lock(&timeline->lock);
    checkpoint.value = replays ? timeline->value_at : timeline->value_count;
    checkpoint.event = replays ? timeline->event_at : timeline->event_count;
    if (saved && timeline_grow(&timeline->checkpoints, timeline->checkpoint_count, &timeline->checkpoint_room,
                               sizeof(checkpoint))) {
        timeline->checkpoints[timeline->checkpoint_count++] = checkpoint;
        timeline->memory += checkpoint.length;
        timeline->memory_then = timeline->memory;
        begin_epoch(timeline);
        timeline_trim(timeline);
    } else {
        free(checkpoint.harts);
        timeline->forget = true;
    }
    pthread_mutex_unlock(&timeline->lock);
}

/* ---- Fewer --------------------------------------------------------------------------------------------- */

/* Fewer than these are not made fewer: to go back would take too long. */
#define CHECKPOINTS_MIN 16

static bool has(const uint8_t *bits, uint64_t page)
{
    return bits[page / 8] >> page % 8 & 1;
}

/* The pages that the earlier one has are as old as they need be; of those that only the later one has, the
 * bytes at the earlier one are the same. False: out of memory. */
static bool merge_pages(struct timeline *timeline, struct checkpoint *into, struct checkpoint *from)
{
    uint8_t *bits = calloc(timeline->ram_pages / 8 + 1, 1);
    size_t wanted = into->page_count + from->page_count;
    struct old_page *pages = bits ? realloc(into->pages, wanted * sizeof(*pages) + 1) : NULL;
    if (!pages) {
        free(bits);
        return false;
    }
    into->pages = pages;
    into->page_room = wanted;
    for (size_t i = 0; i < into->page_count; i++) {
        uint64_t page = (pages[i].paddr - timeline->ram_base) / PAGE;
        bits[page / 8] |= (uint8_t)(1u << page % 8);
    }
    size_t kept = 0;
    for (size_t i = 0; i < from->page_count; i++) {
        const struct old_page page = from->pages[i];
        if (has(bits, (page.paddr - timeline->ram_base) / PAGE))
            from->pages[kept++] = page;
        else
            pages[into->page_count++] = page;
    }
    free(bits);
    from->page_count = kept; /* these are freed with it */
    return true;
}

/* The checkpoint whose neighbours are closest to each other, for its age: so the distances grow with the
 * age. The first one and the last two stay. */
static size_t find_thinnest(const struct timeline *timeline)
{
    const struct checkpoint *all = timeline->checkpoints;
    size_t count = timeline->checkpoint_count, found = 0;
    double least = 0;
    for (size_t i = 1; i + 2 < count; i++) {
        double gap = (double)(all[i + 1].at - all[i - 1].at) / (double)(all[count - 1].at - all[i].at + 1);
        if (!found || gap < least) {
            found = i;
            least = gap;
        }
    }
    return found;
}

bool timeline_thin(struct timeline *timeline)
{
    size_t number = timeline->checkpoint_count > CHECKPOINTS_MIN ? find_thinnest(timeline) : 0;
    struct checkpoint *all = timeline->checkpoints;
    if (!number)
        return false;
    struct checkpoint *into = &all[number - 1], *from = &all[number];
    if (!merge_pages(timeline, into, from))
        return false;
    timeline_free_checkpoint(timeline, from);
    timeline->checkpoint_count--;
    memmove(from, from + 1, (timeline->checkpoint_count - number) * sizeof(*from));
    return true;
}

/* ---- Going back ---------------------------------------------------------------------------------------- */

static void put_back(struct timeline *timeline, const struct checkpoint *checkpoint)
{
    struct dma *dma = bus_for_devices(timeline->machine->bus);
    for (size_t i = 0; i < checkpoint->page_count; i++) {
        const struct old_page *page = &checkpoint->pages[i];
        uint8_t *host = bus_host(timeline->machine->bus, page->paddr, PAGE);
        memcpy(host, page->bytes, PAGE);
        dma->ops->written(dma, page->paddr, PAGE);
    }
}

static bool load_harts(struct timeline *timeline, const struct checkpoint *checkpoint, struct error *error)
{
    struct machine *machine = timeline->machine;
    struct state_reader reader;
    state_reader_init(&reader, checkpoint->harts, checkpoint->length, error);
    for (unsigned i = 0; i < machine->hart_count; i++) {
        if (!hart_load(machine->harts[i], &reader))
            return false;
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH);
        if (checkpoint->waits >> i & 1)
            hart_wait(machine->harts[i]);
    }
    return true;
}

bool timeline_restore(struct timeline *timeline, size_t number, struct error *error)
{
    for (size_t i = timeline->checkpoint_count; i-- > number;)
        put_back(timeline, &timeline->checkpoints[i]);
    for (size_t i = number + 1; i < timeline->checkpoint_count; i++)
        timeline_free_checkpoint(timeline, &timeline->checkpoints[i]);
    timeline->checkpoint_count = number + 1;
    struct checkpoint *checkpoint = &timeline->checkpoints[number];
    drop_pages(timeline, checkpoint);
    begin_epoch(timeline);
    timeline->value_at = checkpoint->value;
    timeline->event_at = checkpoint->event;
    timeline->hart = checkpoint->hart;
    timeline->waits = checkpoint->waits;
    timeline->diverged = NULL;
    bool ok = load_harts(timeline, checkpoint, error);
    sketch_moved(timeline);
    return ok;
}
