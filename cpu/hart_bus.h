/* SPDX-License-Identifier: MIT
 *
 * What a hart needs from the physical address space. The board implements it (machine/bus.c).
 */
#ifndef CPU_HART_BUS_H
#define CPU_HART_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/map.h"

struct hart_bus;
struct hart_bus_ops {
    /* Host address of the 4 KiB page at `paddr` (page-aligned) if it is RAM or ROM, else NULL. *writable is
     * false for ROM. The pointer is valid for the machine's life; harts cache it. */
    uint8_t *(*page)(struct hart_bus *bus, uint64_t paddr, bool *writable);
    /* One access outside RAM: size 1, 2, 4 or 8, any alignment. False: access fault. The value is
     * zero-extended. Any hart's thread. */
    bool (*read)(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t *value);
    bool (*write)(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t value);
    /* The hart keeps a decoded copy of instructions in the page at `paddr`: if a device stores there later,
     * the harts must be notified (hart_request(HART_REQUEST_FENCE_I)). */
    void (*code_page)(struct hart_bus *bus, uint64_t paddr);
    /* Whether anything, memory or a device, answers at `paddr`. */
    bool (*mapped)(struct hart_bus *bus, uint64_t paddr);
    /* Like page(), for pages that cannot be accessed as memory but can be executed: flash, whose bytes change
     * by commands. NULL if there is no such page; the op itself may be NULL. */
    const uint8_t *(*code)(struct hart_bus *bus, uint64_t paddr);
    /* Whether [host, host + length) is guest memory as page() gives it. For checks; the op may be NULL. */
    bool (*is_memory)(struct hart_bus *bus, const uint8_t *host, uint64_t length);
    /* The other way round: the physical address of a byte of RAM or ROM as page() gives it. False: it is
     * neither. For saving; the op may be NULL. */
    bool (*paddr)(struct hart_bus *bus, const void *host, uint64_t *paddr);
    /* A hart has stored to a page of hart_bus.told, `size` bytes at `paddr`. On the hart's thread; not NULL
     * if there are such pages. */
    void (*stored)(struct hart_bus *bus, uint64_t paddr, unsigned size);
};
/* RAM that is a file's, so that harts can map its pages a second time (cpu/mmu/window.h): `size` bytes at
 * physical address `base`, which the file has from its beginning, and which are at `host`. size 0: there is
 * none. */
struct hart_ram {
    int fd;
    uint8_t *host;
    uint64_t base, size;
    /* One bit for each MAP_HUGE_SIZE: a hart uses it, so it was made a huge page of the host. Harts set
     * bits, and the bus clears those of memory that was given back, on any thread. NULL: pages stay small. */
    uint64_t *used;
};
/* Makes a chunk a huge page; the host may refuse. Any thread. */
void hart_ram_make_huge(const struct hart_ram *ram, uint64_t chunk);
/* To be called before the byte at `host` is used. A file's memory has huge pages of the host only if it is
 * asked for each of them. So that happens when some of it is first used, as with memory that is no file's.
 * Any thread; `host` may be anywhere. */
static inline void hart_ram_use(const struct hart_ram *ram, const uint8_t *host)
{
    uint64_t chunk = (uint64_t)(host - ram->host) / MAP_HUGE_SIZE;
    if (chunk < ram->size / MAP_HUGE_SIZE && ram->used &&
        !(__atomic_load_n(&ram->used[chunk / 64], __ATOMIC_RELAXED) >> chunk % 64 & 1))
        hart_ram_make_huge(ram, chunk);
}

/* Pages of RAM with words that a device reads as soon as they are written (HTIF): no hart has a TLB entry
 * for stores to them, so that the bus is told of each. All other pages, and loads, cost what they did. */
#define HART_BUS_TOLD 2
struct hart_bus {
    const struct hart_bus_ops *ops;
    struct hart_ram ram;
    uint64_t told[HART_BUS_TOLD]; /* physical addresses of pages; set before the harts run */
    unsigned told_count;
    /* Atomics reach devices: as a read and then a write of theirs. False: access fault, as the PMAs AMONone
     * and RsrvNone of I/O regions say (Priv. "Atomicity PMAs"). */
    bool device_atomics;
    /* An sfence.vma of all address spaces and all addresses is also a fence.i: kernels that reuse pages for
     * code without a fence.i of their own execute one of these on the way back to the program. */
    bool sfence_is_fence_i;
};

/* Whether stores to the page at `page` have to be told. */
static inline bool hart_bus_is_told(const struct hart_bus *bus, uint64_t page)
{
    for (unsigned i = 0; i < bus->told_count; i++)
        if (bus->told[i] == page)
            return true;
    return false;
}

#endif
