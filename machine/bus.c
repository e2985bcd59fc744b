/* SPDX-License-Identifier: MIT
 *
 * The physical address space; see bus.h. Regions are sorted by base and do not change once the harts run. So
 * a look-up needs no lock: it compares with the largest RAM region, and otherwise does a binary search.
 *
 * Each RAM region has one bit a page, set while a hart may hold decoded instructions of that page. This order
 * makes it safe: a hart sets the bit and then reads the bytes; a device writes the bytes and then reads the
 * bit, both by an atomic read-modify-write, which is a full fence. Whichever comes second sees the other. The
 * bit stays set, so a hart need not set it again when it decodes the page again.
 */
#include "machine/bus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/worker.h"
#include "util/log.h"
#include "util/map.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)

enum region_kind { REGION_RAM, REGION_ROM, REGION_DEVICE };

struct region {
    uint64_t base, size;
    enum region_kind kind;
    uint8_t *host;              /* RAM, ROM: the memory; DEVICE: the part that can be executed, or NULL */
    _Atomic uint64_t *code_map; /* RAM: one bit a page */
    struct device *device;
    bool is_alias; /* the memory is that of another region */
};

struct bus {
    struct hart_bus harts;
    struct dma devices;
    struct region *regions; /* sorted by base, disjoint */
    unsigned count;
    unsigned main_ram;  /* index of the largest RAM region; `count`: there is none */
    bool sign_extended; /* devices may get addresses that were extended with their sign */
    bool share_ram;     /* RAM that is added from now on is mapped from a file */
    bool ram_is_mixed;  /* RAM is made of several mappings of the host */
    void (*code_written)(void *opaque, uint64_t paddr, uint64_t length);
    void *opaque;
    struct hart_recorder *recorder; /* NULL: none */
    bus_stored_fn *stored;          /* for the pages that are told */
    void *stored_opaque;
};

static struct region *find_region(struct bus *bus, uint64_t paddr)
{
    if (bus->main_ram < bus->count) {
        struct region *ram = &bus->regions[bus->main_ram];
        if (paddr - ram->base < ram->size)
            return ram;
    }
    unsigned low = 0, high = bus->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        struct region *region = &bus->regions[middle];
        if (paddr - region->base < region->size)
            return region;
        if (paddr < region->base)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Whether [paddr, paddr + length) lies in one region; length may be 0. */
static bool region_holds(const struct region *region, uint64_t paddr, uint64_t length)
{
    return length <= region->size && paddr - region->base <= region->size - length;
}

/* ---- Stores into pages that harts have decoded --------------------------------------------------------- */

static void mark_code_page(struct bus *bus, uint64_t paddr)
{
    struct region *region = find_region(bus, paddr);
    if (!region || !region->code_map)
        return;
    uint64_t page = (paddr - region->base) >> PAGE_SHIFT;
    uint64_t bit = UINT64_C(1) << (page % 64);
    /* If the bit is set already, somebody else's read-modify-write has set it. */
    if (!(atomic_load_explicit(&region->code_map[page / 64], memory_order_acquire) & bit))
        atomic_fetch_or(&region->code_map[page / 64], bit);
}

static void note_written(struct bus *bus, uint64_t paddr, uint64_t length)
{
    struct region *region = find_region(bus, paddr);
    if (!length || !region || !region->code_map || !region_holds(region, paddr, length))
        return;
    uint64_t first = (paddr - region->base) >> PAGE_SHIFT;
    uint64_t last = (paddr + (length - 1) - region->base) >> PAGE_SHIFT;
    uint64_t word = 0;
    for (uint64_t page = first; page <= last; page++) {
        /* A read-modify-write that changes nothing is needed: a load could be executed before the device's
         * stores. */
        if (page == first || page % 64 == 0)
            word = atomic_fetch_or(&region->code_map[page / 64], 0);
        if (word >> (page % 64) & 1) {
            bus->code_written(bus->opaque, paddr, length);
            return;
        }
    }
}

/* ---- Accesses ------------------------------------------------------------------------------------------ */

/* Splits an access that is wider than the device takes, and refuses one that is narrower or misaligned.
 * Returns the size of the pieces; 0: refused. */
static unsigned device_piece(const struct region *region, uint64_t offset, unsigned size)
{
    const struct device_ops *ops = region->device->ops;
    unsigned piece = size < ops->access_max ? size : ops->access_max;
    if (region->host && offset % piece)
        piece = 1; /* flash is read like memory */
    if (size < ops->access_min || offset % piece || !region_holds(region, region->base + offset, size))
        return 0;
    return piece;
}

static void refuse(const struct region *region, const char *what, uint64_t offset, unsigned size)
{
    LOG_GUEST("%s: %s of %u bytes at offset 0x%" PRIx64 " is not possible there", region->device->ops->name,
              what, size, offset);
}

static bool device_read(struct region *region, uint64_t offset, unsigned size, uint64_t *value)
{
    unsigned piece = device_piece(region, offset, size);
    if (!piece) {
        refuse(region, "read", offset, size);
        return false;
    }
    uint64_t mask = UINT64_MAX >> (64 - 8 * piece);
    *value = 0;
    for (unsigned done = 0; done < size; done += piece)
        *value |= (region->device->ops->read(region->device, offset + done, piece) & mask) << (8 * done);
    return true;
}

static bool device_write(struct region *region, uint64_t offset, unsigned size, uint64_t value)
{
    unsigned piece = device_piece(region, offset, size);
    if (!piece) {
        refuse(region, "write", offset, size);
        return false;
    }
    uint64_t mask = UINT64_MAX >> (64 - 8 * piece);
    for (unsigned done = 0; done < size; done += piece)
        region->device->ops->write(region->device, offset + done, piece, value >> (8 * done) & mask);
    return true;
}

/* An access to memory that leaves its region is done byte by byte, if all of the bytes are memory. Otherwise
 * nothing happens. */
static bool straddle_check(struct bus *bus, uint64_t paddr, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        struct region *region = find_region(bus, paddr + i);
        if (!region || region->kind == REGION_DEVICE)
            return false;
    }
    return true;
}

bool bus_read(struct bus *bus, uint64_t paddr, unsigned size, uint64_t *value)
{
    struct region *region = find_region(bus, paddr);
    if (!region)
        return false;
    if (region->kind == REGION_DEVICE)
        return device_read(region, paddr - region->base, size, value);
    *value = 0;
    if (region_holds(region, paddr, size)) {
        memcpy(value, region->host + (paddr - region->base), size);
        return true;
    }
    if (!straddle_check(bus, paddr, size))
        return false;
    for (unsigned i = 0; i < size; i++) {
        region = find_region(bus, paddr + i);
        *value |= (uint64_t)region->host[paddr + i - region->base] << (8 * i);
    }
    return true;
}

/* Stores to ROM are ignored, as hardware would do. */
static void memory_write(struct region *region, uint64_t paddr, const void *bytes, unsigned size)
{
    if (region->kind == REGION_ROM)
        LOG_GUEST("store to read-only memory at 0x%" PRIx64, paddr);
    else
        memcpy(region->host + (paddr - region->base), bytes, size);
}

bool bus_write(struct bus *bus, uint64_t paddr, unsigned size, uint64_t value)
{
    struct region *region = find_region(bus, paddr);
    if (!region)
        return false;
    if (region->kind == REGION_DEVICE)
        return device_write(region, paddr - region->base, size, value);
    if (region_holds(region, paddr, size)) {
        memory_write(region, paddr, &value, size);
        note_written(bus, paddr, size);
        return true;
    }
    if (!straddle_check(bus, paddr, size))
        return false;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        memory_write(find_region(bus, paddr + i), paddr + i, &byte, 1);
        note_written(bus, paddr + i, 1);
    }
    return true;
}

/* ---- The harts' side ----------------------------------------------------------------------------------- */

static struct bus *of_harts(struct hart_bus *side)
{
    return (struct bus *)((char *)side - offsetof(struct bus, harts));
}

static uint8_t *harts_page(struct hart_bus *side, uint64_t paddr, bool *writable)
{
    struct region *region = find_region(of_harts(side), paddr);
    if (!region || region->kind == REGION_DEVICE || !region_holds(region, paddr, PAGE_SIZE))
        return NULL;
    *writable = region->kind == REGION_RAM;
    return region->host + (paddr - region->base);
}

const uint8_t *bus_host_code(struct bus *bus, uint64_t paddr, uint64_t length)
{
    struct region *region = find_region(bus, paddr);
    bool flash = region && region->kind == REGION_DEVICE && region->host;
    return flash && region_holds(region, paddr, length) ? region->host + (paddr - region->base) : NULL;
}

static const uint8_t *harts_code(struct hart_bus *side, uint64_t paddr)
{
    return bus_host_code(of_harts(side), paddr, PAGE_SIZE);
}

static bool harts_mapped(struct hart_bus *side, uint64_t paddr)
{
    return find_region(of_harts(side), paddr) != NULL;
}

static bool replayed_read(struct hart_recorder *recorder, uint64_t *value)
{
    bool answered = recorder->ops->value(recorder, 0);
    *value = recorder->ops->value(recorder, 0);
    return answered;
}

/* What is written to a device is noted, too, so that a replay that goes another way is found out. */
static bool replayed_write(struct hart_recorder *recorder, uint64_t paddr, uint64_t value)
{
    bool answered = recorder->ops->value(recorder, 0);
    recorder->ops->expect(recorder, paddr, value);
    return answered;
}

static bool harts_read(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t *value)
{
    struct bus *bus = of_harts(side);
    if (bus->recorder && bus->recorder->watches)
        bus->recorder->ops->reach(bus->recorder, paddr);
    if (bus->recorder && bus->recorder->replays)
        return replayed_read(bus->recorder, value);
    bool answered = bus_read(bus, paddr, size, value);
    device_worker_settle();
    if (bus->recorder) {
        bus->recorder->ops->value(bus->recorder, answered);
        bus->recorder->ops->value(bus->recorder, *value);
    }
    return answered;
}

static bool harts_write(struct hart_bus *side, uint64_t paddr, unsigned size, uint64_t value)
{
    struct bus *bus = of_harts(side);
    if (bus->recorder && bus->recorder->watches)
        bus->recorder->ops->reach(bus->recorder, paddr);
    if (bus->recorder && bus->recorder->replays)
        return replayed_write(bus->recorder, paddr, value);
    bool answered = bus_write(bus, paddr, size, value);
    device_worker_settle();
    if (bus->recorder) {
        bus->recorder->ops->value(bus->recorder, answered);
        bus->recorder->ops->expect(bus->recorder, paddr, value);
    }
    return answered;
}

static void harts_code_page(struct hart_bus *side, uint64_t paddr)
{
    mark_code_page(of_harts(side), paddr);
}

static bool harts_is_memory(struct hart_bus *side, const uint8_t *host, uint64_t length)
{
    const struct bus *bus = of_harts(side);
    for (unsigned i = 0; i < bus->count; i++) {
        const struct region *region = &bus->regions[i];
        uint64_t offset = (uint64_t)(uintptr_t)host - (uint64_t)(uintptr_t)region->host;
        if (region->kind != REGION_DEVICE && offset < region->size && length <= region->size - offset)
            return true;
    }
    return false;
}

static bool harts_paddr(struct hart_bus *side, const void *host, uint64_t *paddr)
{
    return bus_paddr(of_harts(side), host, paddr);
}

static void harts_stored(struct hart_bus *side, uint64_t paddr, unsigned size)
{
    struct bus *bus = of_harts(side);
    if (bus->recorder && bus->recorder->replays)
        return;
    bus->stored(bus->stored_opaque, paddr, size);
    device_worker_settle();
}

static const struct hart_bus_ops hart_side = {
    .page = harts_page,
    .code = harts_code,
    .mapped = harts_mapped,
    .read = harts_read,
    .write = harts_write,
    .code_page = harts_code_page,
    .is_memory = harts_is_memory,
    .paddr = harts_paddr,
    .stored = harts_stored,
};

/* ---- The devices' side --------------------------------------------------------------------------------- */

static struct bus *of_devices(struct dma *side)
{
    return (struct bus *)((char *)side - offsetof(struct bus, devices));
}

/* A program for RV32 that casts a pointer to uint64_t may extend its sign: bits 63 to 32 are then copies of
 * bit 31. */
static uint64_t devices_address(const struct bus *bus, uint64_t paddr)
{
    bool extended = bus->sign_extended && paddr >= (uint64_t)INT32_MIN;
    return extended ? (uint32_t)paddr : paddr;
}

/* The recorder keeps what is in them. */
static void note_pages(struct bus *bus, uint64_t paddr, uint64_t length)
{
    if (!bus->recorder || !length)
        return;
    uint64_t first = paddr & ~(PAGE_SIZE - 1), last = (paddr + (length - 1)) & ~(PAGE_SIZE - 1);
    for (uint64_t page = first; page <= last; page += PAGE_SIZE)
        bus->recorder->ops->page(bus->recorder, page);
}

static void *devices_map(struct dma *side, uint64_t paddr, uint64_t length, bool write)
{
    /* Devices can neither write ROM nor read it. */
    paddr = devices_address(of_devices(side), paddr);
    struct region *region = find_region(of_devices(side), paddr);
    if (!region || region->kind != REGION_RAM || !region_holds(region, paddr, length))
        return NULL;
    if (write)
        note_pages(of_devices(side), paddr, length);
    return region->host + (paddr - region->base);
}

static void devices_written(struct dma *side, uint64_t paddr, uint64_t length)
{
    struct bus *bus = of_devices(side);
    paddr = devices_address(bus, paddr);
    note_written(bus, paddr, length);
    if (bus->recorder)
        bus->recorder->ops->written(bus->recorder, paddr, length);
}

/* Memory of a file that is shared loses these pages for everybody who has mapped it, as the harts' windows
 * do. The host says EINVAL for memory that is not a file's, EACCES for a private copy of a file: when that is
 * given back, the file's own bytes show. */
static bool give_back(void *host, uint64_t length, bool zeros)
{
    if (madvise(host, length, MADV_REMOVE) == 0)
        return true;
    bool anonymous = errno == EINVAL, private_copy = errno == EACCES && !zeros;
    return (anonymous || private_copy) && madvise(host, length, MADV_DONTNEED) == 0;
}

/* Huge pages of memory that was given back are asked for again, if harts use it again. Where only a part of
 * one was given back, what is left stays small pages: otherwise the host would get nothing. */
static void forget_used(const struct hart_ram *ram, const uint8_t *host, uint64_t length)
{
    uint64_t start = (uint64_t)(host - ram->host);
    if (!ram->used || start >= ram->size || length > ram->size - start)
        return;
    uint64_t end = (start + length) / MAP_HUGE_SIZE;
    for (uint64_t chunk = (start + MAP_HUGE_SIZE - 1) / MAP_HUGE_SIZE; chunk < end; chunk++)
        __atomic_fetch_and(&ram->used[chunk / 64], ~(UINT64_C(1) << chunk % 64), __ATOMIC_RELAXED);
}

static bool devices_discard(struct dma *side, uint64_t paddr, uint64_t length, bool zeros)
{
    struct bus *bus = of_devices(side);
    paddr = devices_address(bus, paddr);
    struct region *region = find_region(bus, paddr);
    if (!region || region->kind != REGION_RAM || !region_holds(region, paddr, length) ||
        (paddr | length) % PAGE_SIZE)
        return false;
    note_pages(bus, paddr, length);
    uint64_t step = bus->ram_is_mixed ? PAGE_SIZE : length;
    bool ok = true;
    for (uint64_t done = 0; done < length; done += step)
        ok &= give_back(region->host + (paddr - region->base) + done, step, zeros);
    forget_used(&bus->harts.ram, region->host + (paddr - region->base), length);
    note_written(bus, paddr, length);
    if (bus->recorder)
        bus->recorder->ops->written(bus->recorder, paddr, length);
    return ok;
}

static const struct dma_ops device_side = { .map = devices_map,
                                            .written = devices_written,
                                            .discard = devices_discard };

/* ---- Layout -------------------------------------------------------------------------------------------- */

struct bus *bus_create(void (*code_written)(void *opaque, uint64_t paddr, uint64_t length), void *opaque,
                       struct error *error)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (!bus) {
        error_set(error, "out of memory for the bus");
        return NULL;
    }
    bus->harts.ops = &hart_side;
    bus->devices.ops = &device_side;
    bus->code_written = code_written;
    bus->opaque = opaque;
    return bus;
}

/* If the memory at `host` is the file's, the file goes. */
static void forget_shared(struct bus *bus, const void *host)
{
    struct hart_ram *ram = &bus->harts.ram;
    if (!ram->size || ram->host != host)
        return;
    close(ram->fd);
    free(ram->used);
    *ram = (struct hart_ram){ .fd = -1 };
}

void bus_destroy(struct bus *bus)
{
    if (!bus)
        return;
    forget_shared(bus, bus->harts.ram.host);
    for (unsigned i = 0; i < bus->count; i++) {
        free(bus->regions[i].code_map);
        if (bus->regions[i].host && bus->regions[i].kind != REGION_DEVICE && !bus->regions[i].is_alias)
            munmap(bus->regions[i].host, bus->regions[i].size);
    }
    free(bus->regions);
    free(bus);
}

static bool insert_region(struct bus *bus, const struct region *new_region, struct error *error)
{
    uint64_t last = new_region->base + new_region->size - 1;
    if (!new_region->size || last < new_region->base)
        return error_set(error, "bus: an empty or wrapping region at 0x%" PRIx64, new_region->base);
    unsigned at = 0;
    while (at < bus->count && bus->regions[at].base < new_region->base)
        at++;
    if ((at < bus->count && bus->regions[at].base <= last) ||
        (at > 0 && new_region->base - bus->regions[at - 1].base < bus->regions[at - 1].size))
        return error_set(error, "bus: the region at 0x%" PRIx64 " (0x%" PRIx64 " bytes) overlaps another",
                         new_region->base, new_region->size);
    struct region *grown = realloc(bus->regions, (bus->count + 1) * sizeof(*grown));
    if (!grown)
        return error_set(error, "out of memory for the bus");
    memmove(grown + at + 1, grown + at, (bus->count - at) * sizeof(*grown));
    grown[at] = *new_region;
    bus->regions = grown;
    bus->count++;
    bus->main_ram = bus->count;
    for (unsigned i = 0; i < bus->count; i++) {
        if (grown[i].kind == REGION_RAM &&
            (bus->main_ram == bus->count || grown[i].size > grown[bus->main_ram].size))
            bus->main_ram = i;
    }
    return true;
}

/* Large memories start at a huge page of the host, so that the kernel can back them with huge pages. */
static void *map_memory(uint64_t size)
{
    bool large = size >= MAP_HUGE_SIZE;
    void *host = map_aligned(size, large ? MAP_HUGE_SIZE : PAGE_SIZE);
    if (host && large)
        madvise(host, size, MADV_HUGEPAGE); /* this only makes it faster, and may be refused */
    return host;
}

/* The same, of a file; NULL: the host has none, and the memory is as without. */
static void *map_shared(struct bus *bus, const struct region *region)
{
    struct hart_ram *ram = &bus->harts.ram;
    void *host = map_reserved(region->size, MAP_HUGE_SIZE);
    ram->fd = host ? memfd_create("rvive-ram", MFD_CLOEXEC) : -1;
    if (ram->fd >= 0 && ftruncate(ram->fd, (off_t)region->size) == 0 &&
        mmap(host, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, ram->fd,
             0) == host) {
        madvise(host, region->size, MADV_HUGEPAGE); /* where the host has that for files; cpu/mmu/mmu.c */
        ram->host = host;
        ram->base = region->base;
        ram->size = region->size;
        ram->used = calloc(ram->size / MAP_HUGE_SIZE / 64 + 1, sizeof(*ram->used)); /* NULL: in small pages */
        return host;
    }
    if (ram->fd >= 0)
        close(ram->fd);
    if (host)
        munmap(host, region->size);
    return NULL;
}

static uint8_t *add_memory(struct bus *bus, struct region *region, struct error *error)
{
    if (region->size == 0 || region->size % PAGE_SIZE || region->base % PAGE_SIZE) {
        error_set(error, "bus: memory at 0x%" PRIx64 " is not made of whole 4 KiB pages", region->base);
        return NULL;
    }
    bool shared = bus->share_ram && region->kind == REGION_RAM && !bus->harts.ram.size;
    void *host = shared ? map_shared(bus, region) : NULL;
    if (!host)
        host = map_memory(region->size);
    if (!host) {
        error_set(error, "cannot get %" PRIu64 " MiB of memory for the guest: %s; give it less with -m",
                  region->size >> 20, strerror(errno));
        return NULL;
    }
    region->host = host;
    if (region->kind == REGION_RAM) {
        uint64_t words = ((region->size >> PAGE_SHIFT) + 63) / 64;
        region->code_map = calloc(words, sizeof(*region->code_map));
    }
    bool have_map = region->kind != REGION_RAM || region->code_map;
    if (have_map && insert_region(bus, region, error))
        return host;
    if (!have_map)
        error_set(error, "out of memory for the bus");
    munmap(host, region->size);
    free(region->code_map);
    forget_shared(bus, host);
    return NULL;
}

void bus_set_recorder(struct bus *bus, struct hart_recorder *recorder)
{
    bus->recorder = recorder;
}

void bus_share_ram(struct bus *bus)
{
    bus->share_ram = true;
}

void bus_mix_ram(struct bus *bus)
{
    bus->ram_is_mixed = true;
}

uint8_t *bus_add_ram(struct bus *bus, uint64_t base, uint64_t size, struct error *error)
{
    return add_memory(bus, &(struct region){ .base = base, .size = size, .kind = REGION_RAM }, error);
}

uint8_t *bus_add_rom(struct bus *bus, uint64_t base, uint64_t size, struct error *error)
{
    return add_memory(bus, &(struct region){ .base = base, .size = size, .kind = REGION_ROM }, error);
}

bool bus_add_alias(struct bus *bus, uint64_t base, uint64_t rom, struct error *error)
{
    const struct region *of = find_region(bus, rom);
    if (!of || of->kind != REGION_ROM || of->base != rom || of->is_alias)
        return error_set(error, "bus: no ROM begins at 0x%" PRIx64, rom);
    struct region region = *of;
    region.base = base;
    region.is_alias = true;
    return insert_region(bus, &region, error);
}

bool bus_add_device(struct bus *bus, uint64_t base, struct device *device, struct error *error)
{
    struct region region = {
        .base = base, .size = device->ops->size, .kind = REGION_DEVICE, .device = device
    };
    return insert_region(bus, &region, error);
}

void bus_set_code(struct bus *bus, uint64_t base, uint8_t *code)
{
    struct region *region = find_region(bus, base);
    if (region && region->kind == REGION_DEVICE)
        region->host = code;
}

void bus_be_lenient(struct bus *bus, unsigned xlen)
{
    bus->harts.device_atomics = true;
    bus->harts.sfence_is_fence_i = true;
    bus->sign_extended = xlen == 32;
}

bool bus_tell_stores(struct bus *bus, uint64_t paddr, bus_stored_fn *stored, void *opaque,
                     struct error *error)
{
    struct hart_bus *harts = &bus->harts;
    uint64_t page = paddr & ~(PAGE_SIZE - 1);
    struct region *region = find_region(bus, paddr);
    if (!region || region->kind != REGION_RAM || paddr % 8)
        return error_set(error, "bus: there are no 8 aligned bytes of RAM at 0x%" PRIx64, paddr);
    bus->stored = stored;
    bus->stored_opaque = opaque;
    if (hart_bus_is_told(harts, page))
        return true;
    if (harts->told_count == HART_BUS_TOLD)
        return error_set(error, "bus: too many pages whose stores are told");
    harts->told[harts->told_count++] = page;
    return true;
}

struct hart_bus *bus_for_harts(struct bus *bus)
{
    return &bus->harts;
}

struct dma *bus_for_devices(struct bus *bus)
{
    return &bus->devices;
}

bool bus_region(struct bus *bus, unsigned index, struct bus_region *region)
{
    static const char *const kinds[] = {
        [REGION_RAM] = "ram", [REGION_ROM] = "rom", [REGION_DEVICE] = "mmio"
    };
    if (index >= bus->count)
        return false;
    const struct region *at = &bus->regions[index];
    *region = (struct bus_region){ at->base, at->size, kinds[at->kind],
                                   at->device ? at->device->ops->name : kinds[at->kind] };
    return true;
}

uint8_t *bus_host(struct bus *bus, uint64_t paddr, uint64_t length)
{
    struct region *region = find_region(bus, paddr);
    if (!region || region->kind == REGION_DEVICE || !region_holds(region, paddr, length))
        return NULL;
    return region->host + (paddr - region->base);
}

void bus_expect_use(struct bus *bus, const uint8_t *host, uint64_t length)
{
    for (uint64_t at = 0; at < length; at += MAP_HUGE_SIZE)
        hart_ram_use(&bus->harts.ram, host + at);
}

bool bus_paddr(struct bus *bus, const void *host, uint64_t *paddr)
{
    for (unsigned i = 0; i < bus->count; i++) {
        const struct region *region = &bus->regions[i];
        uint64_t offset = (uint64_t)((uintptr_t)host - (uintptr_t)region->host);
        if (region->kind == REGION_DEVICE || region->is_alias || offset >= region->size)
            continue;
        *paddr = region->base + offset;
        return true;
    }
    return false;
}
