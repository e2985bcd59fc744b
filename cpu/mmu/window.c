/* SPDX-License-Identifier: MIT
 *
 * See window.h. For each window a table says which pages it has. Neighbours that are also neighbours in RAM
 * and have the same rights are one mapping of the host. The number of mappings is counted exactly, since the
 * host limits it for each process. Windows are emptied before the limit is reached: first those into which
 * nothing was mapped for the longest time.
 */
#include "cpu/mmu/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/code_watch.h"
#include "util/check.h"
#include "util/log.h"
#include "util/map.h"

#define CHUNK_PAGES 512u
/* Pages of a large page on RV32; large pages on RV64 have half of that, or are huge. */
#define LARGE_PAGES 1024u
/* Mappings that the rest of the process may need. */
#define OTHER_MAPPINGS 8192u

static atomic_ulong mappings_used, mappings_limit;

/* ---- Mappings of the host ------------------------------------------------------------------------------ */

static void read_limit(void)
{
    unsigned long limit = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file && fscanf(file, "%lu", &limit) != 1)
        limit = 65530;
    if (file)
        fclose(file);
    atomic_store(&mappings_limit, limit > 2 * OTHER_MAPPINGS ? limit - OTHER_MAPPINGS : limit / 2);
}

struct window_limits window_limits(void)
{
    return (struct window_limits){ atomic_load(&mappings_used), atomic_load(&mappings_limit) };
}

void window_set_limit(uint64_t mappings)
{
    atomic_store(&mappings_limit, mappings);
}

static uint32_t frame_at(const struct window *window, int64_t number)
{
    return number < 0 || number >= window->page_count ? 0 : window->pages[number].frame;
}

/* Returns whether two neighbours are one mapping. */
static bool joined(uint32_t before, uint32_t behind)
{
    return before == 0 || behind == 0 ? before == behind : behind == before + 1;
}

/* Counts the mappings that end in front of one of the pages from `first` on, or in front of the page after
 * the last. */
static uint32_t count_edges(const struct window *window, int64_t first, uint32_t count)
{
    uint32_t edges = 0;
    for (int64_t i = first; i <= first + count; i++)
        edges += !joined(frame_at(window, i - 1), frame_at(window, i));
    return edges;
}

static void set_mappings(struct window *window, uint32_t mappings)
{
    atomic_fetch_add(&mappings_used, (unsigned long)mappings - window->mappings);
    window->mappings = mappings;
}

static void count_more(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* No operation splits a mapping into more than two additional ones. */
static bool is_full(void)
{
    return atomic_load(&mappings_used) + 2 > atomic_load(&mappings_limit);
}

/* If the run continued, the guest would keep a mapping that it has fenced. */
static void die(const char *what)
{
    log_warn("windows: the host does not %s: %s", what, strerror(errno));
    abort();
}

/* ---- The pages of a frame ------------------------------------------------------------------------------ */

static uint32_t frame_number(uint32_t frame)
{
    return (frame & ~WINDOW_STORE) - 1;
}

static void list_add(struct window *window, uint32_t number)
{
    uint32_t *head = &window->of_frame[frame_number(window->pages[number].frame)];
    window->pages[number].next = *head;
    *head = number + 1;
}

static void list_remove(struct window *window, uint32_t number)
{
    uint32_t *link = &window->of_frame[frame_number(window->pages[number].frame)];
    while (*link != number + 1)
        link = &window->pages[*link - 1].next;
    *link = window->pages[number].next;
}

/* Records that the page is mapped to `frame`; 0: not mapped. */
static void set_page(struct window *window, uint32_t number, uint32_t frame)
{
    struct window_page *page = &window->pages[number];
    if (page->frame & WINDOW_STORE)
        list_remove(window, number);
    window->mapped += (frame != 0) - (page->frame != 0);
    page->frame = frame;
    if (frame & WINDOW_STORE)
        list_add(window, number);
    if (frame)
        window->chunks[number / CHUNK_PAGES / 64] |= UINT64_C(1) << (number / CHUNK_PAGES % 64);
}

/* Calls `each` for the pages that are mapped. */
static void each_page(struct hart *hart, struct window *window,
                      void (*each)(struct hart *hart, struct window *window, uint32_t number))
{
    for (uint32_t word = 0; word < (window->page_count / CHUNK_PAGES + 63) / 64; word++) {
        for (uint64_t bits = window->chunks[word]; bits; bits &= bits - 1) {
            uint32_t first = (word * 64 + (uint32_t)__builtin_ctzll(bits)) * CHUNK_PAGES;
            for (uint32_t number = first; number < first + CHUNK_PAGES; number++)
                if (window->pages[number].frame)
                    each(hart, window, number);
        }
    }
}

/* ---- Dropping ------------------------------------------------------------------------------------------ */

static void forget_page(struct hart *hart, struct window *window, uint32_t number)
{
    (void)hart;
    if (window->pages[number].frame & WINDOW_STORE)
        window->of_frame[frame_number(window->pages[number].frame)] = 0;
    window->pages[number] = (struct window_page){ 0 };
}

static bool reserve(const struct window *window, uint32_t first, uint32_t count)
{
    uint8_t *at = window->base + ((uint64_t)first << PAGE_SHIFT);
    return mmap(at, (size_t)count << PAGE_SHIFT, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at;
}

void window_clear(struct hart *hart, struct window *window)
{
    if (!window || !window->mapped)
        return;
    count_more(&hart->counts.window_drops, window->mapped);
    window->credit -= WINDOW_COST_DROP + (int64_t)WINDOW_COST_PAGE * window->mapped;
    each_page(hart, window, forget_page);
    memset(window->chunks, 0, window->page_count / CHUNK_PAGES / 8);
    memset(window->large, 0, window->page_count / CHUNK_PAGES / 8);
    window->huge_first = UINT64_MAX;
    window->huge_last = 0;
    window->mapped = 0;
    set_mappings(window, 0);
    if (!reserve(window, 0, window->page_count))
        die("empty a window");
}

/* Returns whether the set of chunks contains this one. */
static bool in_set(const uint64_t *set, uint32_t chunk)
{
    return set[chunk / 64] >> chunk % 64 & 1;
}

static void drop_pages(struct hart *hart, struct window *window, uint32_t first, uint32_t count)
{
    uint32_t edges = count_edges(window, first, count), before = window->mapped;
    for (uint32_t number = first; number < first + count; number++)
        set_page(window, number, 0);
    set_mappings(window, window->mappings + count_edges(window, first, count) - edges);
    count_more(&hart->counts.window_drops, before - window->mapped);
    window->credit -= WINDOW_COST_DROP + (int64_t)WINDOW_COST_PAGE * (before - window->mapped);
    if (before != window->mapped && !reserve(window, first, count))
        die("drop pages of a window");
}

void window_drop_page(struct hart *hart, struct window *window, uint64_t vaddr)
{
    if (!window || !window->mapped || !window_holds(window, vaddr))
        return;
    uint32_t number = (uint32_t)window_number(window, vaddr);
    if (is_full() || (vaddr >= window->huge_first && vaddr <= window->huge_last))
        window_clear(hart, window);
    else if (in_set(window->large, number / CHUNK_PAGES))
        drop_pages(hart, window, number & ~(LARGE_PAGES - 1), LARGE_PAGES);
    else if (window->pages[number].frame)
        drop_pages(hart, window, number, 1);
}

static void forget_write(struct hart *hart, struct window *window, uint32_t number)
{
    if (is_full()) {
        window_clear(hart, window);
        return;
    }
    uint32_t edges = count_edges(window, number, 1);
    set_page(window, number, window->pages[number].frame & ~WINDOW_STORE);
    set_mappings(window, window->mappings + count_edges(window, number, 1) - edges);
    hart_count(&hart->counts.window_protected);
    window->credit -= WINDOW_COST_DROP;
    if (mprotect(window->base + ((uint64_t)number << PAGE_SHIFT), PAGE_SIZE, PROT_READ))
        window_clear(hart, window);
}

void window_forget_writes_to(struct hart *hart, struct window *window, const uint8_t *host)
{
    if (!window || !window->mapped || (uint64_t)(host - window->ram->host) >= window->ram->size)
        return;
    uint64_t frame = (uint64_t)(host - window->ram->host) >> PAGE_SHIFT;
    while (window->mapped && window->of_frame[frame])
        forget_write(hart, window, window->of_frame[frame] - 1);
}

static void forget_if_watched(struct hart *hart, struct window *window, uint32_t number)
{
    uint32_t frame = window->pages[number].frame;
    uint64_t paddr = window->ram->base + ((uint64_t)frame_number(frame) << PAGE_SHIFT);
    if (frame & WINDOW_STORE && code_watch_watches(hart->watch, paddr))
        forget_write(hart, window, number);
}

void window_forget_watched(struct hart *hart, struct window *window)
{
    if (window && window->mapped)
        each_page(hart, window, forget_if_watched);
}

/* ---- Mapping ------------------------------------------------------------------------------------------- */

/* Empties windows of the hart until the host's limit permits more mappings; `keep`, which is about to be
 * mapped to, comes last. */
static void make_room(struct hart *hart, struct window *keep)
{
    while (is_full()) {
        struct window *oldest = NULL;
        for (unsigned i = 0; i < TLB_POOL; i++) {
            struct window *window = hart->tlb_pool[i]->window;
            if (window && window != keep && window->mapped && (!oldest || window->last < oldest->last))
                oldest = window;
        }
        if (!oldest) {
            window_clear(hart, keep);
            return;
        }
        window_clear(hart, oldest);
    }
}

/* Marks all chunks of a large page, so that an address in any of them leads to the others. */
static void note_large(struct window *window, uint64_t vaddr, uint64_t page_size)
{
    uint64_t first = vaddr & ~(page_size - 1), last = first + page_size - 1;
    if (page_size <= PAGE_SIZE)
        return;
    if (page_size > (uint64_t)LARGE_PAGES << PAGE_SHIFT) {
        window->huge_first = first < window->huge_first ? first : window->huge_first;
        window->huge_last = last > window->huge_last ? last : window->huge_last;
        return;
    }
    for (uint64_t at = window_number(window, first); at <= window_number(window, last); at += CHUNK_PAGES)
        window->large[at / CHUNK_PAGES / 64] |= UINT64_C(1) << (at / CHUNK_PAGES % 64);
}

bool window_map(struct hart *hart, struct window *window, uint64_t vaddr, const uint8_t *host, uint32_t count,
                uint64_t page_size, bool store)
{
    uint32_t first = (uint32_t)window_number(window, vaddr);
    uint64_t offset = (uint64_t)(host - window->ram->host);
    CHECK(window->pages && count && window_number(window, vaddr) + count <= window->page_count);
    CHECK(offset < window->ram->size && (uint64_t)count << PAGE_SHIFT <= window->ram->size - offset);
    CHECK(((vaddr | offset) & (PAGE_SIZE - 1)) == 0);
    make_room(hart, window);
    uint8_t *at = window->base + (vaddr - window->first);
    int rights = store ? PROT_READ | PROT_WRITE : PROT_READ;
    window->credit -= WINDOW_COST_MAP;
    hart_count(&hart->counts.window_maps);
    window->last = hart->counts.window_maps;
    if (mmap(at, (size_t)count << PAGE_SHIFT, rights, MAP_SHARED | MAP_FIXED | MAP_NORESERVE | MAP_POPULATE,
             window->ram->fd, (off_t)offset) != at) {
        window_clear(hart, window); /* what is mapped there now is unknown */
        return false;
    }
    note_large(window, vaddr, page_size);
    uint32_t edges = count_edges(window, first, count);
    uint32_t frame = (uint32_t)(offset >> PAGE_SHIFT) + 1;
    for (uint32_t i = 0; i < count; i++)
        set_page(window, first + i, (frame + i) | (store ? WINDOW_STORE : 0));
    set_mappings(window, window->mappings + count_edges(window, first, count) - edges);
    count_more(&hart->counts.window_pages, count);
    return true;
}

/* ---- Making -------------------------------------------------------------------------------------------- */

static size_t pages_size(const struct window *window)
{
    return window->page_count * sizeof(struct window_page);
}

static size_t frames_size(const struct window *window)
{
    return (window->ram->size >> PAGE_SHIFT) * sizeof(uint32_t);
}

static bool make_pages(struct window *window)
{
    if (window->pages)
        return true;
    size_t chunks = window->page_count / CHUNK_PAGES / 8;
    void *all = mmap(NULL, pages_size(window) + frames_size(window) + 2 * chunks, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED)
        return false;
    window->pages = all;
    window->chunks = (uint64_t *)(void *)((uint8_t *)all + pages_size(window));
    window->large = window->chunks + chunks / sizeof(window->chunks[0]);
    window->of_frame = (uint32_t *)(void *)((uint8_t *)window->chunks + 2 * chunks);
    return true;
}

bool window_open(struct tlb *tlb, bool high)
{
    struct window *window = tlb->window;
    CHECK(!window->mapped);
    window->huge_first = UINT64_MAX;
    window->huge_last = 0;
    window->first = high ? -WINDOW_END : 0;
    window->base = (uint8_t *)tlb + (high ? WINDOW_HIGH_OFFSET - (int64_t)WINDOW_END : WINDOW_LOW_OFFSET);
    return make_pages(window);
}

/* The space in front of a TLB; and the distance from one TLB to the next. */
static uint64_t room_before(const struct hart *hart)
{
    return hart->kernel_windows && hart->isa.xlen == 64 ? 2 * WINDOW_GUARD + WINDOW_END : 0;
}

static uint64_t stride_of(const struct hart *hart)
{
    uint64_t size = UINT64_C(1) << WINDOW_BITS(hart->isa.xlen);
    return room_before(hart) + (uint64_t)WINDOW_LOW_OFFSET + size + WINDOW_GUARD;
}

/* Creates the TLBs with a window beside each. False: the host does not have enough address space. */
static bool create_windows(struct hart *hart)
{
    uint64_t stride = stride_of(hart);
    hart->windows = calloc(TLB_POOL, sizeof(*hart->windows));
    uint8_t *pool = hart->windows ? map_reserved(TLB_POOL * stride, TLB_ALIGN) : NULL;
    bool ok = pool != NULL;
    for (unsigned i = 0; i < TLB_POOL && ok; i++) {
        uint8_t *at = pool + i * stride + room_before(hart);
        hart->tlb_pool[i] = (struct tlb *)(void *)at;
        ok = mprotect(at, sizeof(struct tlb), PROT_READ | PROT_WRITE) == 0;
    }
    for (unsigned i = 0; i < TLB_POOL && ok; i++) {
        hart->tlb_pool[i]->window = &hart->windows[i];
        hart->windows[i] = (struct window){ .ram = &hart->bus->ram,
                                            .page_count = 1u << (WINDOW_BITS(hart->isa.xlen) - PAGE_SHIFT) };
    }
    if (ok)
        return true;
    if (pool)
        munmap(pool, TLB_POOL * stride);
    free(hart->windows);
    hart->windows = NULL;
    return false;
}

bool window_pool_create(struct hart *hart, enum hart_windows windows, const char **refused)
{
    *refused = NULL;
    hart->kernel_windows = windows == HART_WINDOWS_KERNEL;
    _Static_assert(sizeof(struct tlb) % TLB_ALIGN == 0 && WINDOW_GUARD % TLB_ALIGN == 0, "TLBs are aligned");
    if (windows && !hart->bus->ram.size)
        *refused = "the host gives no memory that can be mapped twice";
    else if (windows && !create_windows(hart))
        *refused = "the host gives not enough address space (ulimit -v?)";
    if (windows && !*refused) {
        read_limit();
        return true;
    }
    struct tlb *pool = map_aligned(TLB_POOL * sizeof(struct tlb), TLB_ALIGN);
    for (unsigned i = 0; i < TLB_POOL && pool; i++)
        hart->tlb_pool[i] = &pool[i];
    return pool != NULL;
}

void window_pool_destroy(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL && hart->windows; i++) {
        struct window *window = &hart->windows[i];
        set_mappings(window, 0);
        if (window->pages)
            munmap(window->pages,
                   pages_size(window) + frames_size(window) + 2 * (window->page_count / CHUNK_PAGES / 8));
    }
    if (hart->windows)
        munmap((uint8_t *)hart->tlb_pool[0] - room_before(hart), TLB_POOL * stride_of(hart));
    else if (hart->tlb_pool[0])
        munmap(hart->tlb_pool[0], TLB_POOL * sizeof(struct tlb));
    free(hart->windows);
}
