/* SPDX-License-Identifier: MIT
 *
 * Snapshots in memory: see in_memory.h. A snapshot has the fields that a saved machine has (util/state.h),
 * and a copy of RAM and ROM in which pages of zeroes take no memory. [one_at_a_time]
 */
#include "machine/state/in_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "machine/state/internal.h"

#define PAGE        MEMORY_PAGE
#define REGIONS_MAX 8

struct copy {
    uint64_t base, size;
    uint8_t *bytes; /* mapped */
    bool *filled;   /* each page: it has something else than zeroes; owned */
};

struct in_memory {
    struct in_memory *next;
    const struct machine *machine;
    char *name, *text;          /* its description: describe_machine() */
    struct state_writer fields; /* of all parts, one after the other */
    size_t *ends;               /* of each part's fields */
    struct copy copies[REGIONS_MAX];
    unsigned copy_count;
    uint64_t bytes;
};

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static struct in_memory *all; /* of all machines */

static void destroy(struct in_memory *kept)
{
    if (!kept)
        return;
    for (unsigned n = 0; n < kept->copy_count; n++) {
        munmap(kept->copies[n].bytes, kept->copies[n].size);
        free(kept->copies[n].filled);
    }
    state_writer_destroy(&kept->fields);
    free(kept->ends);
    free(kept->text);
    free(kept->name);
    free(kept);
}

static struct in_memory **find(const struct machine *machine, const char *name)
{
    struct in_memory **at = &all;
    while (*at && ((*at)->machine != machine || strcmp((*at)->name, name) != 0))
        at = &(*at)->next;
    return at;
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

static const uint8_t zero[PAGE];

static bool copy_region(struct machine *machine, struct in_memory *kept, const struct bus_region *region)
{
    const uint8_t *host = bus_host(machine->bus, region->base, region->size);
    if (!host || kept->copy_count == REGIONS_MAX)
        return false;
    void *bytes =
        mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return false;
    struct copy *copy = &kept->copies[kept->copy_count++];
    *copy = (struct copy){ region->base, region->size, bytes, calloc(region->size / PAGE, sizeof(bool)) };
    for (uint64_t at = 0, end; copy->filled && at < region->size;) {
        memory_find_data(machine, host, region->size, at, &at, &end);
        for (; at < end; at += PAGE) {
            if (memory_is_zero(host + at))
                continue;
            memcpy(copy->bytes + at, host + at, PAGE);
            copy->filled[at / PAGE] = true;
            kept->bytes += PAGE;
        }
    }
    return copy->filled;
}

static bool copy_memory(struct machine *machine, struct in_memory *kept)
{
    struct bus_region region;
    for (unsigned n = 0; memory_next_region(machine, false, &n, &region); n++)
        if (!copy_region(machine, kept, &region))
            return false;
    return true;
}

/* The bus is told of a page that changes, so that code there is not taken for the old one. Returns how many
 * of them there are. */
static uint64_t restore_page(struct dma *dma, const struct copy *copy, uint8_t *host, uint64_t at)
{
    const uint8_t *then = copy->filled[at / PAGE] ? copy->bytes + at : zero;
    if (memcmp(host + at, then, PAGE) == 0)
        return 0;
    memcpy(host + at, then, PAGE);
    dma->ops->written(dma, copy->base + at, PAGE);
    return 1;
}

/* Where the memory has nothing, only pages that the snapshot has are of interest. */
static uint64_t restore_region(struct machine *machine, const struct copy *copy)
{
    struct dma *dma = bus_for_devices(machine->bus);
    uint8_t *host = bus_host(machine->bus, copy->base, copy->size);
    uint64_t changed = 0;
    for (uint64_t at = 0, data = 0, end; at < copy->size; at = data = end) {
        memory_find_data(machine, host, copy->size, data, &data, &end);
        for (; at < data; at += PAGE)
            changed += copy->filled[at / PAGE] ? restore_page(dma, copy, host, at) : 0;
        for (; at < end; at += PAGE)
            changed += restore_page(dma, copy, host, at);
    }
    return changed;
}

static uint64_t restore_memory(struct machine *machine, const struct in_memory *kept)
{
    uint64_t changed = 0;
    for (unsigned n = 0; n < kept->copy_count; n++)
        changed += restore_region(machine, &kept->copies[n]);
    return changed;
}

/* ---- Taking one ---------------------------------------------------------------------------------------- */

static bool has_no_disk(struct machine *machine, struct error *error)
{
    for (unsigned n = 0; n < machine->blockdev_count; n++) {
        const struct blockdev_config *config = machine->disk_configs[n];
        if (!machine->blockdevs[n]->read_only)
            return error_set(error,
                             "a snapshot in memory does not hold what the guest writes to %s: use disks with "
                             "readonly=on, or savevm",
                             config && config->path ? config->path : "a disk");
    }
    return true;
}

static bool copy_parts(struct machine *machine, struct in_memory *kept)
{
    unsigned count = machine_part_count(machine);
    kept->ends = calloc(count, sizeof(*kept->ends));
    for (unsigned part = 0; kept->ends && part < count; part++) {
        machine_part_save(machine, part, &kept->fields);
        kept->ends[part] = kept->fields.length;
    }
    kept->bytes += kept->fields.length;
    return kept->ends && !kept->fields.failed;
}

static struct in_memory *make(struct machine *machine, const char *name)
{
    struct in_memory *kept = calloc(1, sizeof(*kept));
    if (!kept)
        return NULL;
    state_writer_init(&kept->fields);
    kept->machine = machine;
    kept->name = strdup(name);
    kept->text = describe_machine(machine, false);
    if (kept->name && kept->text && copy_parts(machine, kept) && copy_memory(machine, kept))
        return kept;
    destroy(kept);
    return NULL;
}

static bool has_room(struct machine *machine, const char *name, struct error *error)
{
    unsigned count = 0;
    for (const struct in_memory *kept = all; kept; kept = kept->next)
        count += kept->machine == machine && strcmp(kept->name, name) != 0;
    return count < IN_MEMORY_MAX || error_set(error, "there are %u snapshots in memory already", count);
}

bool machine_keep(struct machine *machine, const char *name, struct error *error)
{
    bool running;
    pthread_mutex_lock(&one_at_a_time);
    bool ok = has_no_disk(machine, error) && has_room(machine, name, error) &&
              machine_freeze(machine, MACHINE_FREEZE_TO_SAVE, &running, error);
    if (ok) {
        struct in_memory *kept = make(machine, name), **old = find(machine, name);
        ok = kept != NULL || error_set(error, "out of memory for a snapshot");
        if (ok) {
            kept->next = *old ? (*old)->next : NULL;
            destroy(*old);
            *old = kept;
        }
        machine_thaw(machine, false, running);
    }
    pthread_mutex_unlock(&one_at_a_time);
    return ok;
}

/* ---- Going back ---------------------------------------------------------------------------------------- */

static bool load_parts(struct machine *machine, const struct in_memory *kept, unsigned first, unsigned end,
                       struct error *error)
{
    for (unsigned part = first; part < end; part++) {
        size_t begin = part ? kept->ends[part - 1] : 0;
        struct state_reader reader;
        state_reader_init(&reader, kept->fields.bytes + begin, kept->ends[part] - begin, error);
        if (machine_part_load(machine, part, &reader))
            continue;
        if (!error->text[0])
            error_set(error, "a part of the machine cannot be loaded");
        return false;
    }
    return true;
}

/* Devices may have been plugged in or out. */
static bool fits(struct machine *machine, const struct in_memory *kept, struct error *error)
{
    char *text = describe_machine(machine, false);
    bool same = text && strcmp(text, kept->text) == 0;
    free(text);
    return same || error_set(error, "the machine has other devices than it had in the snapshot");
}

/* In the order in which a saved machine is loaded: the clock, memory, and the rest. */
static bool restore(struct machine *machine, const struct in_memory *kept, uint64_t *pages,
                    struct error *error)
{
    error->text[0] = 0;
    machine_unload(machine);
    if (!load_parts(machine, kept, 0, 1, error))
        return false;
    *pages = restore_memory(machine, kept);
    if (!load_parts(machine, kept, 1, machine_part_count(machine), error))
        return false;
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH);
    machine_loaded(machine);
    return true;
}

bool machine_restore(struct machine *machine, const char *name, uint64_t *pages, struct error *error)
{
    bool running;
    pthread_mutex_lock(&one_at_a_time);
    const struct in_memory *kept = *find(machine, name);
    bool ok = kept || error_set(error, "there is no snapshot %.100s in memory", name);
    ok = ok && has_no_disk(machine, error) &&
         machine_freeze(machine, MACHINE_FREEZE_TO_REPLACE, &running, error);
    if (ok) {
        bool fit = fits(machine, kept, error);
        ok = fit && restore(machine, kept, pages, error);
        machine_thaw(machine, false, running && (ok || !fit));
    }
    pthread_mutex_unlock(&one_at_a_time);
    return ok;
}

bool machine_forget(struct machine *machine, const char *name, struct error *error)
{
    pthread_mutex_lock(&one_at_a_time);
    struct in_memory **at = find(machine, name), *kept = *at;
    if (kept)
        *at = kept->next;
    destroy(kept);
    pthread_mutex_unlock(&one_at_a_time);
    return kept || error_set(error, "there is no snapshot %.100s in memory", name);
}

bool machine_kept(struct machine *machine, unsigned number, const char **name, uint64_t *bytes)
{
    pthread_mutex_lock(&one_at_a_time);
    const struct in_memory *kept = all;
    unsigned n = 0;
    while (kept && (kept->machine != machine || n++ < number))
        kept = kept->next;
    if (kept) {
        *name = kept->name;
        *bytes = kept->bytes;
    }
    pthread_mutex_unlock(&one_at_a_time);
    return kept != NULL;
}

void machine_forget_all(struct machine *machine)
{
    pthread_mutex_lock(&one_at_a_time);
    for (struct in_memory **at = &all; *at;) {
        struct in_memory *kept = *at;
        if (kept->machine == machine) {
            *at = kept->next;
            destroy(kept);
        } else {
            at = &kept->next;
        }
    }
    pthread_mutex_unlock(&one_at_a_time);
}
