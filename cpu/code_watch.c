/* SPDX-License-Identifier: MIT
 *
 * Stores to code; see code_watch.h. Nothing here takes a lock: a page is one word and a bitmap, changed by
 * atomic operations, all of them sequentially consistent.
 */
#include "cpu/code_watch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu/accel.h"
#include "cpu/hart_state.h"
#include "util/check.h"

/* A page's word: its writers, one bit a hart, and these. */
#define WATCHED     (1ull << 63)
#define LAX         (1ull << 62)
#define NEVER_LAX   (1ull << 61) /* code changed there */
#define WRITERS     ((1ull << 60) - 1)
#define WRITERS_MAX 60

#define UNIT  2u /* bytes that a bit stands for: code is made of these */
#define WORDS (PAGE_SIZE / UNIT / 64)

/* How many slow stores to a page open it; how often that number doubles before the page is lax. */
#define OPEN_FIRST   64u
#define OPEN_DOUBLED 8u
#define OPEN_MAX     (OPEN_FIRST << OPEN_DOUBLED)

/* The bytes of a page that are kept, and the counts of stores to it; created when it first has code. */
struct kept {
    struct kept *next; /* of all */
    _Atomic uint64_t bits[WORDS];
    /* Since it was opened; limit for opening it; how often it was opened. */
    atomic_uint stores, limit, opened;
};

struct page {
    _Atomic uint64_t word;
    struct kept *_Atomic kept;
};

struct code_watch {
    uint64_t base, size;
    struct page *pages;
    struct kept *_Atomic all;
    struct hart *harts[64];
    unsigned hart_count;
    _Atomic uint64_t forgetting, forgotten; /* pages: begun, and done */
    _Atomic uint64_t beginning, begun;      /* the same of pages that begin to be watched */
    struct {
        _Atomic uint64_t opened, lax, asked;
    } counts;
};

/* ---- Making -------------------------------------------------------------------------------------------- */

static size_t pages_size(const struct code_watch *watch)
{
    return (size_t)(watch->size >> PAGE_SHIFT) * sizeof(struct page);
}

struct code_watch *code_watch_create(uint64_t base, uint64_t size, struct error *error)
{
    struct code_watch *watch = calloc(1, sizeof(*watch));
    if (watch) {
        watch->base = base;
        watch->size = size;
        /* Touched only for pages that are executed or stored to. */
        void *pages = mmap(NULL, pages_size(watch), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pages != MAP_FAILED) {
            watch->pages = pages;
            return watch;
        }
        free(watch);
    }
    error_set(error, "out of memory for the watch on code");
    return NULL;
}

void code_watch_destroy(struct code_watch *watch)
{
    if (!watch)
        return;
    for (struct kept *kept = atomic_load(&watch->all), *next; kept; kept = next) {
        next = kept->next;
        free(kept);
    }
    munmap(watch->pages, pages_size(watch));
    free(watch);
}

void code_watch_add_hart(struct code_watch *watch, struct hart *hart)
{
    watch->harts[watch->hart_count++] = hart;
    hart->watch = watch;
    hart->watch_atomic = NO_PAGE;
}

/* NULL: not RAM, so no hart stores there in the usual way. */
static struct page *page_at(struct code_watch *watch, uint64_t paddr)
{
    return watch && paddr - watch->base < watch->size ? &watch->pages[(paddr - watch->base) >> PAGE_SHIFT]
                                                      : NULL;
}

static uint64_t writer_bit(const struct hart *hart)
{
    return 1ull << (hart->id % WRITERS_MAX);
}

/* ---- Which bytes --------------------------------------------------------------------------------------- */

/* Units of a page, both included. */
struct units {
    unsigned first, last;
};

/* The bits of those units that lie in one word. */
static uint64_t bits_in(unsigned word, struct units units)
{
    unsigned low = word == units.first / 64 ? units.first % 64 : 0;
    unsigned high = word == units.last / 64 ? units.last % 64 : 63;
    return (UINT64_MAX >> (63 - (high - low))) << low;
}

static struct units units_of(uint64_t paddr, unsigned bytes)
{
    unsigned offset = (unsigned)(paddr & (PAGE_SIZE - 1));
    CHECK(bytes && offset + bytes <= PAGE_SIZE);
    return (struct units){ offset / UNIT, (offset + bytes - 1) / UNIT };
}

static bool kept_any(struct kept *kept, struct units units)
{
    for (unsigned word = units.first / 64; word <= units.last / 64; word++)
        if (atomic_load(&kept->bits[word]) & bits_in(word, units))
            return true;
    return false;
}

static void kept_set(struct kept *kept, struct units units)
{
    for (unsigned word = units.first / 64; word <= units.last / 64; word++) {
        uint64_t bits = bits_in(word, units);
        if ((atomic_load(&kept->bits[word]) & bits) != bits)
            atomic_fetch_or(&kept->bits[word], bits);
    }
}

static struct kept *kept_of(struct code_watch *watch, struct page *page)
{
    struct kept *kept = atomic_load_explicit(&page->kept, memory_order_acquire);
    if (LIKELY(kept))
        return kept;
    struct kept *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    atomic_init(&made->limit, OPEN_FIRST);
    if (!atomic_compare_exchange_strong(&page->kept, &kept, made)) {
        free(made);
        return kept;
    }
    made->next = atomic_load(&watch->all);
    while (!atomic_compare_exchange_weak(&watch->all, &made->next, made)) {
    }
    return made;
}

/* ---- Beginning to watch a page ------------------------------------------------------------------------- */

static void ask_writers(struct code_watch *watch, const struct hart *but, uint64_t writers)
{
    for (unsigned i = 0; i < watch->hart_count && writers; i++) {
        struct hart *hart = watch->harts[i];
        if (hart == but || !(writers & writer_bit(hart)))
            continue;
        atomic_store(&hart->watch_asked, true);
        hart_request(hart, HART_REQUEST_WATCH);
        atomic_fetch_add(&watch->counts.asked, 1);
    }
}

/* Another hart may have begun to watch the page, and may not have asked this hart yet. While it is at it,
 * this hart can still become a writer of the page, so it does not count as done. */
static void catch_up(const struct code_watch *watch, struct hart *hart)
{
    uint64_t begun = atomic_load(&watch->begun);
    if (!hart || hart->watch_begun == atomic_load(&watch->beginning))
        return;
    hart->watch_begun = begun;
    tlb_forget_writes(hart);
}

static void begin(struct code_watch *watch, struct page *page, struct hart *hart, const uint8_t *host)
{
    uint64_t before = atomic_fetch_add(&watch->beginning, 1), word = atomic_load(&page->word);
    bool begins;
    do
        begins = !(word & (WATCHED | LAX));
    while (begins && !atomic_compare_exchange_weak(&page->word, &word, (word & ~WRITERS) | WATCHED));
    atomic_fetch_add(&watch->begun, 1);
    if (hart && hart->watch_begun == before) /* it does here what the other harts are asked to do */
        hart->watch_begun++;
    if (!begins)
        return;
    if (hart && word & writer_bit(hart))
        tlb_forget_writes_to(hart, host);
    ask_writers(watch, hart, word & WRITERS);
}

void code_watch_keep(struct code_watch *watch, struct hart *hart, uint64_t paddr, unsigned bytes,
                     const uint8_t *host)
{
    struct page *page = page_at(watch, paddr);
    if (!page || atomic_load(&page->word) & LAX)
        return;
    struct kept *kept = kept_of(watch, page);
    if (!kept) /* no memory: the page is treated as if it were not watched */
        return;
    kept_set(kept, units_of(paddr, bytes));
    if (!(atomic_load(&page->word) & WATCHED))
        begin(watch, page, hart, host - (paddr & (PAGE_SIZE - 1)));
    catch_up(watch, hart);
    if (hart)
        tlb_forget_window_writes_to(hart, host - (paddr & (PAGE_SIZE - 1)));
}

void code_watch_changed(struct code_watch *watch, uint64_t paddr)
{
    struct page *page = page_at(watch, paddr);
    if (!page || !(atomic_load(&page->word) & LAX))
        return;
    atomic_fetch_or(&page->word, NEVER_LAX);
    atomic_fetch_and(&page->word, ~LAX);
}

/* ---- Stores -------------------------------------------------------------------------------------------- */

static bool is_behind(const struct hart *hart)
{
    return UNLIKELY(hart->watch_forgotten != atomic_load(&hart->watch->forgetting));
}

void code_watch_fenced(struct hart *hart)
{
    if (hart->watch)
        hart->watch_forgotten = atomic_load(&hart->watch->forgotten);
}

bool code_watch_may_store(struct code_watch *watch, struct hart *hart, uint64_t paddr)
{
    struct page *page = page_at(watch, paddr);
    if (!page)
        return true;
    uint64_t word = atomic_load(&page->word), bit = writer_bit(hart);
    if (!(word & (WATCHED | bit)))
        word = atomic_fetch_or(&page->word, bit);
    return !(word & WATCHED) && !is_behind(hart);
}

bool code_watch_is_writer(const struct code_watch *watch, const struct hart *hart, uint64_t paddr)
{
    return !watch ||
           (paddr - watch->base < watch->size &&
            atomic_load(&watch->pages[(paddr - watch->base) >> PAGE_SHIFT].word) & writer_bit(hart));
}

bool code_watch_watches(const struct code_watch *watch, uint64_t paddr)
{
    return watch && paddr - watch->base < watch->size &&
           atomic_load(&watch->pages[(paddr - watch->base) >> PAGE_SHIFT].word) & WATCHED;
}

void code_watch_ask_others(const struct hart *hart, unsigned requests)
{
    for (unsigned i = 0; hart->watch && i < hart->watch->hart_count; i++)
        if (hart->watch->harts[i] != hart)
            hart_request(hart->watch->harts[i], requests);
}

static void fence_others(const struct hart *hart)
{
    code_watch_ask_others(hart, HART_REQUEST_FENCE_I);
}

static bool kept_nothing(struct kept *kept)
{
    uint64_t left = 0;
    for (unsigned i = 0; i < WORDS; i++)
        left |= atomic_load(&kept->bits[i]);
    return !left;
}

/* With `all` the translator drops all of its code of the page, else only the code that has changed. */
static void fence_page(struct hart *hart, uint64_t paddr, bool all)
{
    hart->epoch++;
    hart->exit_link = NULL;
    if (hart->accel && all)
        hart->accel->ops->drop_page(hart, paddr & PAGE_MASK);
    else if (hart->accel)
        hart->accel->ops->page_changed(hart, paddr & PAGE_MASK);
}

/* Between the two steps of the end, another hart may have kept code there, and have seen the page watched. */
static void stop_watching(struct code_watch *watch, struct page *page, struct kept *kept)
{
    if (!kept_nothing(kept))
        return;
    atomic_fetch_and(&page->word, ~WATCHED);
    if (!kept_nothing(kept))
        begin(watch, page, NULL, NULL);
}

/* If code turns out to be unchanged, its owner keeps it again: the translator does so at once, the
 * interpreter when the decoded blocks next run. The other harts are behind until the page's word is as it
 * stays: else a hart that has fenced, and kept its code again, could store to it while it is not watched. */
static void forget(struct hart *hart, struct page *page, struct kept *kept, uint64_t paddr, bool all)
{
    bool alone = atomic_fetch_add(&hart->watch->forgetting, 1) == hart->watch_forgotten;
    for (unsigned i = 0; i < WORDS; i++)
        atomic_store(&kept->bits[i], 0);
    fence_page(hart, paddr, all);
    stop_watching(hart->watch, page, kept);
    atomic_fetch_add(&hart->watch->forgotten, 1);
    hart->watch_forgotten += alone; /* it has done here what the other harts are asked to do */
    fence_others(hart);
}

static void open_page(struct hart *hart, struct page *page, struct kept *kept, uint64_t paddr)
{
    unsigned limit = atomic_load(&kept->limit);
    atomic_store(&kept->stores, 0);
    atomic_store(&kept->limit, limit < OPEN_MAX ? 2 * limit : limit);
    if (atomic_fetch_add(&kept->opened, 1) >= OPEN_DOUBLED && !(atomic_load(&page->word) & NEVER_LAX)) {
        atomic_fetch_or(&page->word, LAX);
        atomic_fetch_add(&hart->watch->counts.lax, 1);
    }
    forget(hart, page, kept, paddr, true);
    atomic_fetch_add(&hart->watch->counts.opened, 1);
}

/* True where the page has had enough of them. Harts that store at one time may count as one. */
static bool count_store(struct kept *kept)
{
    unsigned stores = atomic_load_explicit(&kept->stores, memory_order_relaxed);
    atomic_store_explicit(&kept->stores, stores + 1, memory_order_relaxed);
    return stores >= atomic_load_explicit(&kept->limit, memory_order_relaxed);
}

bool code_watch_stored(struct hart *hart, uint64_t paddr, unsigned bytes)
{
    if (UNLIKELY(hart_bus_is_told(hart->bus, paddr & PAGE_MASK)))
        hart->bus->ops->stored(hart->bus, paddr, bytes);
    struct page *page = page_at(hart->watch, paddr);
    if (!page)
        return false;
    atomic_thread_fence(memory_order_seq_cst); /* first the store, then the check */
    struct kept *kept = atomic_load(&page->word) & WATCHED ? atomic_load(&page->kept) : NULL;
    bool hit = kept && kept_any(kept, units_of(paddr, bytes));
    bool behind = is_behind(hart); /* only now: whoever clears the bits has made this hart behind before */
    if (behind)
        fence_page(hart, paddr, false);
    if (!kept)
        return behind;
    bool many = count_store(kept);
    hart_count(&hart->counts.code_stores[hit]);
    if (hit)
        atomic_fetch_or(&page->word, NEVER_LAX);
    if (many)
        open_page(hart, page, kept, paddr);
    else if (hit)
        forget(hart, page, kept, paddr, false);
    return hit || behind;
}

void code_watch_atomic(struct hart *hart, uint64_t paddr)
{
    hart->watch_atomic = paddr;
    hart_request_self(hart, HART_REQUEST_WATCH);
}

void code_watch_serve(struct hart *hart)
{
    if (hart->watch_atomic != NO_PAGE) {
        code_watch_stored(hart, hart->watch_atomic, 16 - (unsigned)(hart->watch_atomic & 15));
        hart->watch_atomic = NO_PAGE;
    }
    if (!atomic_exchange(&hart->watch_asked, false))
        return;
    hart->watch_begun = atomic_load(&hart->watch->begun);
    tlb_forget_writes(hart);
    fence_others(hart);
    hart_fence_i(hart);
}

struct code_watch_counts code_watch_counts(const struct code_watch *watch)
{
    if (!watch)
        return (struct code_watch_counts){ 0 };
    struct code_watch_counts counts = { .opened = watch->counts.opened,
                                        .lax = watch->counts.lax,
                                        .asked = watch->counts.asked };
    for (unsigned i = 0; i < watch->hart_count; i++) {
        counts.misses += __atomic_load_n(&watch->harts[i]->counts.code_stores[0], __ATOMIC_RELAXED);
        counts.hits += __atomic_load_n(&watch->harts[i]->counts.code_stores[1], __ATOMIC_RELAXED);
    }
    return counts;
}
