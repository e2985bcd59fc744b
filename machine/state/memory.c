/* SPDX-License-Identifier: MIT
 *
 * Guest memory in the file of a saved machine: RAM and ROM in chunks of 1 MiB, each with a bit a page and the
 * pages that are not all zeroes. A chunk of zeroes is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/ram.h"
#include "machine/state/internal.h"

#define PAGE        MEMORY_PAGE
#define CHUNK       CONTAINER_CHUNK
#define CHUNK_PAGES (CHUNK / PAGE)
#define BITMAP      MEMORY_BITMAP

bool memory_next_region(struct machine *machine, bool beside, unsigned *number, struct bus_region *region)
{
    while (bus_region(machine->bus, *number, region)) {
        bool left_out = beside && region->base == machine->config.board->ram_base;
        if (!left_out && (strcmp(region->kind, "ram") == 0 || strcmp(region->kind, "rom") == 0))
            return true;
        ++*number;
    }
    return false;
}

void memory_find_data(struct machine *machine, const uint8_t *host, uint64_t length, uint64_t at,
                      uint64_t *data, uint64_t *end)
{
    const struct hart_ram *ram = &bus_for_harts(machine->bus)->ram;
    uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)ram->host);
    *data = at;
    *end = length;
    if (!ram->size || offset >= ram->size || ram->size - offset < length)
        return;
    off_t from = lseek(ram->fd, (off_t)(offset + at), SEEK_DATA);
    if (from < 0 && errno != ENXIO)
        return;
    *data = from < 0 || (uint64_t)from - offset > length ? length : (uint64_t)from - offset;
    off_t hole = *data < length ? lseek(ram->fd, (off_t)(offset + *data), SEEK_HOLE) : -1;
    if (hole >= 0 && (uint64_t)hole - offset < length)
        *end = (uint64_t)hole - offset;
}

bool memory_is_hole(struct machine *machine, const uint8_t *host, uint64_t length)
{
    const struct hart_ram *ram = &bus_for_harts(machine->bus)->ram;
    uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)ram->host);
    if (!ram->size || offset >= ram->size)
        return false;
    off_t data = lseek(ram->fd, (off_t)offset, SEEK_DATA);
    return data < 0 ? errno == ENXIO : (uint64_t)data >= offset + length;
}

/* Reading memory where it is mapped would make the host give pages for holes, and map all pages, which costs
 * two faults for each, as the guest may write it later. */
const uint8_t *memory_read(struct machine *machine, const uint8_t *host, uint64_t length, uint8_t *to)
{
    const struct hart_ram *ram = &bus_for_harts(machine->bus)->ram;
    uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)ram->host);
    if (!ram->size || offset >= ram->size || ram->size - offset < length)
        return host;
    memset(to, 0, length);
    for (uint64_t at = 0; at < length;) {
        off_t data = lseek(ram->fd, (off_t)(offset + at), SEEK_DATA);
        if (data < 0 ? errno == ENXIO : (uint64_t)data >= offset + length)
            return to;
        off_t hole = data < 0 ? -1 : lseek(ram->fd, data, SEEK_HOLE);
        if (hole < 0)
            return host;
        at = (uint64_t)data - offset;
        uint64_t end = (uint64_t)hole - offset < length ? (uint64_t)hole - offset : length;
        ssize_t got;
        for (; at < end; at += (uint64_t)got) {
            got = pread(ram->fd, to + at, end - at, (off_t)(offset + at));
            if (got < 0 && errno == EINTR)
                got = 0;
            else if (got <= 0)
                return host;
        }
    }
    return to;
}

bool memory_is_zero(const uint8_t *page)
{
    static const uint8_t zero[PAGE];
    return memcmp(page, zero, PAGE) == 0;
}

/* ---- Saving -------------------------------------------------------------------------------------------- */

/* Returns the length of the packed chunk; 0: it is all zeroes. */
static size_t pack(const uint8_t *host, unsigned pages, uint8_t *to)
{
    size_t length = BITMAP;
    memset(to, 0, BITMAP);
    for (unsigned n = 0; n < pages; n++) {
        const uint8_t *page = host + n * PAGE;
        if (memory_is_zero(page))
            continue;
        to[n / 8] |= (uint8_t)(1u << n % 8);
        memcpy(to + length, page, PAGE);
        length += PAGE;
    }
    return length > BITMAP ? length : 0;
}

static bool save_chunk(struct machine *machine, struct container_writer *writer, uint64_t paddr,
                       uint64_t length, uint8_t *buffer, struct machine_state_progress *progress)
{
    const uint8_t *host = bus_host(machine->bus, paddr, length);
    unsigned pages = (unsigned)(length / PAGE);
    size_t packed = 0;
    if (host && !memory_is_hole(machine, host, length))
        packed = pack(memory_read(machine, host, length, buffer + BITMAP + CHUNK), pages, buffer);
    unsigned kept = packed ? (unsigned)((packed - BITMAP) / PAGE) : 0;
    atomic_fetch_add(&progress->done, length);
    atomic_fetch_add(&progress->pages, kept);
    atomic_fetch_add(&progress->zeroes, pages - kept);
    return !packed || container_write(writer, CONTAINER_MEMORY, paddr, buffer, packed);
}

bool memory_save(struct machine *machine, struct container_writer *writer, bool beside,
                 struct machine_state_progress *progress)
{
    struct bus_region region;
    uint8_t *buffer = malloc(BITMAP + 2 * CHUNK); /* packed, and plain */
    bool ok = buffer != NULL || error_set(writer->error, "saving the machine: out of memory");
    for (unsigned n = 0; ok && memory_next_region(machine, beside, &n, &region); n++) {
        for (uint64_t at = 0; ok && at < region.size; at += CHUNK) {
            uint64_t length = region.size - at < CHUNK ? region.size - at : CHUNK;
            ok = save_chunk(machine, writer, region.base + at, length, buffer, progress);
        }
    }
    free(buffer);
    return ok;
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

/* A page that is what it should be is not written: it stays shared with others who have the same file. */
void memory_load_begin(struct machine *machine)
{
    const struct machine_config *config = &machine->config;
    uint8_t *ram = bus_host(machine->bus, config->board->ram_base, config->ram_size);
    if (ram)
        ram_drop_copies(config, ram);
}

/* Pages that are zero already are not written, so that the host need not give any. */
static void clear(struct machine *machine, uint8_t *host, uint64_t length)
{
    if (memory_is_hole(machine, host, length))
        return;
    for (uint64_t at = 0; at < length; at += PAGE)
        if (!memory_is_zero(host + at))
            memset(host + at, 0, PAGE);
}

/* Makes zeroes of all memory below `paddr`; returns the chunk there, NULL if no chunk begins there. */
static uint8_t *advance(struct memory_loader *loader, uint64_t paddr, uint64_t *length)
{
    struct machine *machine = loader->machine;
    struct bus_region region;
    while (memory_next_region(machine, loader->beside, &loader->region, &region)) {
        uint64_t at = region.base + loader->offset;
        *length = region.size - loader->offset < CHUNK ? region.size - loader->offset : CHUNK;
        uint8_t *host = bus_host(machine->bus, at, *length);
        if (at > paddr || !host)
            return NULL;
        loader->offset += *length;
        if (loader->offset == region.size) {
            loader->region++;
            loader->offset = 0;
        }
        atomic_fetch_add(&loader->progress->done, *length);
        if (at == paddr)
            return host;
        clear(machine, host, *length);
    }
    return NULL;
}

bool memory_unpack(const struct container_reader *chunk, uint8_t *host, unsigned pages, bool clears,
                   struct error *error)
{
    const uint8_t *bits = chunk->bytes, *from = bits + BITMAP;
    unsigned kept = 0;
    if (!host)
        return error_set(error, "the saved machine has memory at 0x%llx, this one has none there",
                         (unsigned long long)chunk->place);
    for (unsigned n = 0; chunk->length >= BITMAP && n < BITMAP; n++)
        kept += (unsigned)__builtin_popcount(bits[n]);
    if (chunk->length != BITMAP + (size_t)kept * PAGE)
        return error_set(error, "the saved machine: the memory at 0x%llx is damaged",
                         (unsigned long long)chunk->place);
    for (unsigned n = 0; n < CHUNK_PAGES; n++) {
        bool there = bits[n / 8] >> n % 8 & 1;
        if (n >= pages) {
            if (there)
                return error_set(error, "the saved machine: the memory at 0x%llx is too long",
                                 (unsigned long long)chunk->place);
        } else if (there) {
            if (memcmp(host + n * PAGE, from, PAGE) != 0)
                memcpy(host + n * PAGE, from, PAGE);
            from += PAGE;
        } else if (clears && !memory_is_zero(host + n * PAGE)) {
            memset(host + n * PAGE, 0, PAGE);
        }
    }
    return true;
}

bool memory_load(struct memory_loader *loader, const struct container_reader *chunk, struct error *error)
{
    uint64_t length = 0;
    uint8_t *host = advance(loader, chunk->place, &length);
    return memory_unpack(chunk, host, (unsigned)(length / PAGE), true, error);
}

void memory_load_end(struct memory_loader *loader)
{
    uint64_t length;
    advance(loader, UINT64_MAX, &length);
}
