/* SPDX-License-Identifier: MIT
 *
 * Windows: ranges of host addresses in which the guest's pages are mapped in the same order as in an address
 * space of the guest. Guest address A is at window + A, and a load or store of translated code is one
 * instruction of the host: the host's page tables do the work that a look-up in the software TLB does
 * otherwise.
 *
 * Each TLB of a hart has a window beside it in memory, so one register leads to both. On RV32 a window holds
 * every address. On RV64 it holds the lower or the upper half of Sv39, depending on which of them the address
 * space uses, and translated code checks whether a pointer is in that half. A window is a third level of its
 * TLB and obeys the same rules. It belongs to one regime (satp, privilege, SUM, MXR) of one hart, and only
 * the hart's thread touches it. A page may come into it under the same conditions as into the TLB: A is set,
 * and also D if the page may be stored to; PMP gives one verdict for the whole page; no debugger watches it.
 * It leaves the window when it would leave the TLB: tlb.c calls the functions below wherever it forgets
 * entries. So no lock is needed, and a fence is complete when it returns. Unlike a TLB, a window has room for
 * all pages, so a page stays until it must go.
 *
 * The pages are those of RAM that is a file (hart_bus.ram), mapped with MAP_FIXED over addresses that are
 * reserved when the hart is made. An access to an address where nothing is mapped faults, and translated code
 * continues in the cold code of the access (dbt/runtime/fault.h). Around each window are guards, which stay
 * empty: no sum of an address in the window and an offset of an instruction leads out of them.
 *
 * The translator decides which address space gets a window, and which pages are mapped when an access misses
 * (dbt/runtime/windows.h).
 */
#ifndef CPU_MMU_WINDOW_H
#define CPU_MMU_WINDOW_H

#include "cpu/hart_state.h"

#define WINDOW_GUARD UINT64_C(65536)
/* WINDOW_MOVED_MAX: how far a pointer may move after its comparison with the bounds of a window, and how far
 * from the pointer an access may be. Together they do not lead out of the guards. */
#define WINDOW_MOVED_MAX ((int)WINDOW_GUARD / 4)
/* The distance from a TLB to guest address 0 in its window: for addresses of the lower half, which lies above
 * the TLB, and for addresses of the upper half, which lies below the TLB and ends at address 0, modulo
 * 2^64. */
#define WINDOW_LOW_OFFSET  ((int64_t)sizeof(struct tlb) + (int64_t)WINDOW_GUARD)
#define WINDOW_HIGH_OFFSET (-(int64_t)WINDOW_GUARD)
/* The guest addresses that a window has room for: on RV32 all, on RV64 one of the halves of Sv39. */
#define WINDOW_BITS(xlen) ((xlen) == 32 ? 32 : 38)
#define WINDOW_END        (UINT64_C(1) << WINDOW_BITS(64))

/* The cost of mapping and dropping, in guest instructions that the hart could have run in that time. */
#define WINDOW_COST_MAP  40000
#define WINDOW_COST_DROP 20000
#define WINDOW_COST_PAGE 1000

/* A page of the guest in a window. */
struct window_page {
    uint32_t frame; /* 0: it is not mapped; else 1 + the number of the page in RAM, and WINDOW_STORE */
    uint32_t next;  /* 1 + the next page that maps the same frame and may be stored to; 0: none */
};
#define WINDOW_STORE (1u << 31)

struct window {
    uint8_t *base; /* where guest address `first` is, the beginning of its half */
    uint64_t first;
    const struct hart_ram *ram;
    uint32_t page_count;
    struct window_page *pages; /* by number; NULL: the window was never opened */
    uint32_t *of_frame;        /* 1 + the first page that maps the frame and may be stored to; 0: none */
    uint64_t *chunks;          /* one bit for each 512 pages: some of them may be mapped */
    /* One bit for each 512 pages: some of them may be part of a large page of up to 4 MiB. */
    uint64_t *large;
    uint64_t huge_first,
        huge_last;     /* addresses of larger ones that pages may be part of; last < first: none */
    uint32_t mapped;   /* pages */
    uint32_t mappings; /* mappings of the host, in addition to the one of an empty window */
    uint64_t last;     /* value of the hart's count of mapping operations when a page was last mapped */
    int64_t credit;    /* guest instructions that its regime has run, less the cost of the window */
};

/* Makes the hart's TLBs. If there are to be windows and the bus has suitable RAM, there is also address space
 * for them beside the TLBs; otherwise *refused says why there is none (static text), or is NULL. False: out
 * of memory. */
bool window_pool_create(struct hart *hart, enum hart_windows windows, const char **refused);
void window_pool_destroy(struct hart *hart);

/* Allocates the tables of the window and selects the half that it holds; only while nothing is mapped in it.
 * False: out of memory. */
bool window_open(struct tlb *tlb, bool high);
/* Maps `count` pages from `vaddr` on, which lie in the window, to RAM from `host` on, for loads, or for loads
 * and stores. They are pages of `page_size` bytes of the guest, or parts of such pages. False: the host
 * refused, and the window may be empty now. */
bool window_map(struct hart *hart, struct window *window, uint64_t vaddr, const uint8_t *host, uint32_t count,
                uint64_t page_size, bool store);
static inline uint64_t window_number(const struct window *window, uint64_t vaddr)
{
    return (vaddr - window->first) >> PAGE_SHIFT;
}
static inline bool window_holds(const struct window *window, uint64_t vaddr)
{
    return window_number(window, vaddr) < window->page_count;
}
/* Returns whether the page of the address is mapped for such an access. */
static inline bool window_has(const struct window *window, uint64_t vaddr, bool store)
{
    if (!window || !window->pages || !window_holds(window, vaddr))
        return false;
    uint32_t frame = window->pages[window_number(window, vaddr)].frame;
    return frame && (!store || frame & WINDOW_STORE);
}
/* Returns where in RAM that page is; the window must have it. */
static inline uint8_t *window_host(const struct window *window, uint64_t vaddr)
{
    uint64_t frame = (window->pages[window_number(window, vaddr)].frame & ~WINDOW_STORE) - 1;
    return window->ram->host + (frame << PAGE_SHIFT) + (vaddr & (PAGE_SIZE - 1));
}

/* The window may be NULL in all of these functions; they are called where TLB entries are forgotten. */
void window_clear(struct hart *hart, struct window *window);
/* Drops the page of the address; if it may be part of a large page, all of that. */
void window_drop_page(struct hart *hart, struct window *window, uint64_t vaddr);
/* Takes the right to store from the pages that map the host's page; the second function does so for all pages
 * whose code is watched. */
void window_forget_writes_to(struct hart *hart, struct window *window, const uint8_t *host);
void window_forget_watched(struct hart *hart, struct window *window);

/* The number of mappings of the host that all windows have, and its limit. */
struct window_limits {
    uint64_t used, limit;
};
struct window_limits window_limits(void);
/* Sets another limit than the host's, of at least 16 mappings; for tests. Any thread. */
void window_set_limit(uint64_t mappings);

#endif
