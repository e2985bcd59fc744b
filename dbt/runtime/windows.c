/* SPDX-License-Identifier: MIT
 *
 * See windows.h. A page is mapped as the page table says now, not as it may become: for stores only if D is
 * set already, or the access itself sets it; a neighbour only if A is set. So mapping a page changes nothing
 * that the guest can see.
 */
#include "dbt/runtime/windows.h"

#include "cpu/accel.h"
#include "cpu/debug.h"
#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/mmu/walk.h"
#include "cpu/mmu/window.h"
#include "dbt/runtime/code_page.h"

/* Faults of an instruction whose page cannot be mapped, before the instruction uses the TLB. */
#define SITE_FAULTS 4
/* Pages that are considered together: the small number if they come from page tables, which may have any
 * order; the large one in large pages and without paging. */
#define NEIGHBOURS_SMALL 16
#define NEIGHBOURS_LARGE 512

static struct dbt *dbt_of(struct hart *hart)
{
    return (struct dbt *)(void *)hart->accel;
}

/* ---- Who has one --------------------------------------------------------------------------------------- */

/* The kind of code that the present address space may have. A kernel has a window only if that was asked for,
 * since it fences all its pages again and again while it boots. In S-mode with SUM, code uses pointers of
 * both halves, so it has none. Nor has a virtual machine: two page tables lead to its pages. */
static uint8_t kind_of(const struct hart *hart)
{
    const struct tlb *tlb = hart->tlb_fetch;
    if (tlb->mode & TLB_VIRT)
        return TLB_KIND_LOOKS;
    unsigned levels = walk_paging(hart, tlb->satp).levels;
    if (!levels)
        return TLB_KIND_LOW;
    if (hart->isa.xlen == 64 && levels != 3) /* only Sv39 fits */
        return TLB_KIND_LOOKS;
    if (tlb->mode == TLB_MODE(PRIV_U, false, false, 0))
        return TLB_KIND_LOW;
    if (!hart->kernel_windows)
        return TLB_KIND_LOOKS;
    if (hart->isa.xlen == 32)
        return TLB_KIND_LOW;
    return tlb->mode == TLB_MODE(PRIV_S, false, false, 0) ? TLB_KIND_HIGH : TLB_KIND_LOOKS;
}

void windows_settle(struct hart *hart)
{
    struct dbt *dbt = dbt_of(hart);
    struct tlb *tlb = hart->tlb_fetch;
    struct window *window = tlb->window;
    if (!window || !dbt->windows)
        return;
    int64_t earn = dbt->windows_eager ? INT64_MIN : WINDOWS_EARN;
    if (tlb->kind == TLB_KIND_LOOKS && window->credit >= earn) {
        uint8_t kind = kind_of(hart);
        if (kind == TLB_KIND_LOOKS || !window_open(tlb, kind == TLB_KIND_HIGH))
            return;
        tlb->kind = kind;
        hart_count(&dbt_hart(hart)->windows_opened);
    } else if (tlb->kind != TLB_KIND_LOOKS && window->credit < 0 && !dbt->windows_eager) {
        tlb->kind = TLB_KIND_LOOKS;
        window_clear(hart, window);
        window->credit = 0;
        hart_count(&dbt_hart(hart)->windows_closed);
    } else {
        return;
    }
    tlb_forget_native(hart); /* the jump tables lead to code of the other kind */
}

void windows_earn(struct hart *hart, uint64_t now)
{
    struct dbt *dbt = dbt_of(hart);
    struct dbt_hart *state = dbt_hart(hart);
    struct tlb *tlb = hart->tlb_fetch;
    struct window *window = tlb->window;
    uint64_t ran = now > state->windows_seen ? now - state->windows_seen : 0;
    state->windows_seen = now;
    if (!window || !dbt->windows)
        return;
    window->credit += ran < WINDOWS_EARN ? (int64_t)ran : WINDOWS_EARN;
    if (window->credit > WINDOWS_CREDIT)
        window->credit = WINDOWS_CREDIT;
    bool has = tlb->kind != TLB_KIND_LOOKS;
    if (has ? window->credit < 0 : window->credit >= WINDOWS_EARN && kind_of(hart) != TLB_KIND_LOOKS)
        hart_request_self(hart, HART_REQUEST_ACCEL); /* so that windows_settle() is called */
}

/* ---- Which instructions have none ---------------------------------------------------------------------- */

static unsigned site_of(uint64_t paddr)
{
    return (unsigned)((paddr >> 1) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - DBT_SITE_BITS));
}

bool windows_avoids(const struct dbt *dbt, uint64_t paddr)
{
    return __atomic_load_n(&dbt->site_faults[site_of(paddr)], __ATOMIC_RELAXED) >= SITE_FAULTS;
}

/* Counts a fault of an instruction whose page could not be mapped. */
static void site_failed(struct hart *hart, unsigned offset)
{
    struct dbt *dbt = dbt_of(hart);
    uint64_t page = dbt_hart(hart)->page;
    const struct tlb_exec *entry = &hart->tlb_fetch->exec[TLB_EXEC_INDEX(page)];
    if (entry->tag != page)
        return;
    uint64_t paddr = entry->paddr | offset;
    uint8_t *faults = &dbt->site_faults[site_of(paddr)];
    /* Another hart counted it, or old code runs a last time. */
    if (__atomic_load_n(faults, __ATOMIC_RELAXED) >= SITE_FAULTS)
        return;
    if (__atomic_add_fetch(faults, 1, __ATOMIC_RELAXED) < SITE_FAULTS)
        return;
    hart_count(&dbt_hart(hart)->windows_sites);
    pthread_mutex_lock(&dbt->lock);
    code_page_drop_at(dbt, paddr);
    pthread_mutex_unlock(&dbt->lock);
    tlb_forget_native(hart);
}

/* ---- What may be mapped -------------------------------------------------------------------------------- */

enum right { RIGHT_NONE, RIGHT_LOAD, RIGHT_STORE };

struct look {
    struct hart *hart;
    struct window *window;
    struct regime regime;
    struct paging paging;
    struct walk walk; /* to the page that was missed */
    bool store;       /* whether the access stores */
};

/* A page near the one that is stored to may be mapped for stores; any other only if the hart may store to it
 * already: each hart that may store to a page has to be asked when code is found there. */
static bool may_store(const struct look *look, uint64_t paddr, int64_t distance)
{
    struct hart *hart = look->hart;
    bool near = look->store && distance < NEIGHBOURS_SMALL && -distance < NEIGHBOURS_SMALL;
    return !code_page_known(dbt_of(hart), paddr) && !hart_bus_is_told(hart->bus, paddr & PAGE_MASK) &&
           (near || code_watch_is_writer(hart->watch, hart, paddr)) &&
           pmp_allows(hart, paddr, PAGE_SIZE, look->regime.priv, MMU_WRITE) &&
           code_watch_may_store(hart->watch, hart, paddr);
}

/* What a window may allow for the page of RAM at `paddr`, `distance` pages from the one that was missed, if
 * its page table allows `most`. */
static enum right right_of(const struct look *look, uint64_t paddr, int64_t distance, enum right most)
{
    struct hart *hart = look->hart;
    if (paddr - look->window->ram->base >= look->window->ram->size || !pmp_page_uniform(hart, paddr) ||
        !pmp_allows(hart, paddr, PAGE_SIZE, look->regime.priv, MMU_READ))
        return RIGHT_NONE;
    return most == RIGHT_STORE && may_store(look, paddr, distance) ? RIGHT_STORE : RIGHT_LOAD;
}

static enum right right_by_pte(const struct look *look, uint64_t pte)
{
    if (!(pte & PTE_A) || !mmu_pte_permits(&look->regime, pte, MMU_READ))
        return RIGHT_NONE;
    return pte & PTE_D && mmu_pte_permits(&look->regime, pte, MMU_WRITE) ? RIGHT_STORE : RIGHT_LOAD;
}

/* The right to the page `distance` pages from the one that was missed, in the same group. */
static enum right neighbour(const struct look *look, uint64_t vaddr, int64_t distance, uint64_t *paddr)
{
    if (!look->paging.levels) {
        *paddr = (vaddr & PAGE_MASK) + ((uint64_t)distance << PAGE_SHIFT);
        return right_of(look, *paddr, distance, RIGHT_STORE);
    }
    const struct walk_step *leaf = &look->walk.steps[look->walk.count - 1];
    if (look->walk.page_size > PAGE_SIZE) {
        *paddr = (look->walk.paddr & PAGE_MASK) + ((uint64_t)distance << PAGE_SHIFT);
        enum right right = right_by_pte(look, leaf->pte);
        return right == RIGHT_NONE ? right : right_of(look, *paddr, distance, right);
    }
    const uint8_t *at = look->walk.pte_host + distance * (int64_t)look->paging.pte_size;
    uint64_t pte = walk_pte_read(at, look->paging.pte_size);
    if (walk_entry(look->hart, &look->paging, 0, pte) != WALK_MAPPED)
        return RIGHT_NONE;
    if (walk_leaf(&look->paging, 0, pte, 0, paddr) != PAGE_SIZE || (pte ^ leaf->pte) & PTE_G)
        return RIGHT_NONE;
    enum right right = right_by_pte(look, pte);
    return right == RIGHT_NONE ? right : right_of(look, *paddr, distance, right);
}

/* How many pages are considered together with the one that was missed: all are in one page of the guest's, or
 * in one of its tables. */
static unsigned group_size(const struct look *look)
{
    if (look->hart->debug.watches)
        return 1; /* only the TLB knows which of the others are watched */
    if (!look->paging.levels)
        return NEIGHBOURS_LARGE;
    uint64_t pages = look->walk.page_size >> PAGE_SHIFT;
    return pages == 1 ? NEIGHBOURS_SMALL : pages < NEIGHBOURS_LARGE ? (unsigned)pages : NEIGHBOURS_LARGE;
}

/* Walks to the page. False: it is not where the TLB has it, or no longer mapped; the guest has not fenced its
 * change of the table yet. */
static bool look_at(struct look *look, uint64_t vaddr, const uint8_t *host)
{
    struct hart *hart = look->hart;
    uint64_t paddr = vaddr;
    look->regime = regime_of_data(hart);
    look->paging = walk_paging(hart, look->regime.satp);
    if (look->paging.levels) {
        walk_tables(hart, &look->paging, vaddr, &look->walk);
        if (look->walk.end != WALK_MAPPED || !tlb_may_keep(hart, &look->regime, look->walk.global))
            return false;
        paddr = look->walk.paddr;
    }
    const struct hart_ram *ram = look->window->ram;
    return (paddr & PAGE_MASK) - ram->base == (uint64_t)(host - ram->host);
}

/* How many neighbours of the page, one after the other in the direction of `step`, have the same right,
 * follow it in RAM and are not in the window yet; at most `room`. */
static unsigned reach(const struct look *look, uint64_t vaddr, uint64_t paddr, enum right right, int step,
                      unsigned room)
{
    for (unsigned i = 1; i <= room; i++) {
        int64_t pages = (int64_t)step * i;
        uint64_t there, distance = (uint64_t)pages << PAGE_SHIFT, at = vaddr + distance;
        if (window_has(look->window, at, right == RIGHT_STORE) || !window_holds(look->window, at))
            return i - 1;
        if (neighbour(look, vaddr, pages, &there) != right || there != paddr + distance)
            return i - 1;
    }
    return room;
}

/* Maps the page at `vaddr`, which is at `host`, and the neighbours that follow it in RAM. */
static bool map(struct hart *hart, struct window *window, uint64_t vaddr, uint8_t *host, bool store)
{
    struct look look = { .hart = hart, .window = window, .store = store };
    uint64_t page = vaddr & PAGE_MASK, paddr = 0;
    enum right right = look_at(&look, page, host) ? neighbour(&look, page, 0, &paddr) : RIGHT_NONE;
    /* Less: the guest has changed its table, and not fenced that yet. */
    if (right < (store ? RIGHT_STORE : RIGHT_LOAD))
        return false;
    unsigned group = group_size(&look), place = (unsigned)(page >> PAGE_SHIFT) & (group - 1);
    unsigned before = reach(&look, page, paddr, right, -1, place);
    unsigned behind = reach(&look, page, paddr, right, 1, group - 1 - place);
    uint64_t page_size = look.paging.levels ? look.walk.page_size : PAGE_SIZE;
    return window_map(hart, window, page - ((uint64_t)before << PAGE_SHIFT),
                      host - ((size_t)before << PAGE_SHIFT), before + 1 + behind, page_size,
                      right == RIGHT_STORE);
}

/* ---- Misses -------------------------------------------------------------------------------------------- */

/* Puts the page of the address into the window, if the TLB has it. False: it cannot be there. */
static bool touch(struct hart *hart, uint64_t vaddr, bool store)
{
    struct window *window = hart->tlb_data->window;
    const struct tlb_side *side = store ? &hart->tlb_data->write : &hart->tlb_data->read;
    if (window_has(window, vaddr, store))
        return true;
    if (!window_holds(window, vaddr) || !mem_hit(side, vaddr, 1))
        return false;
    uint8_t *host = (uint8_t *)(uintptr_t)((vaddr & PAGE_MASK) + side->addend[TLB_INDEX(vaddr)]);
    uint64_t offset = (uint64_t)(host - window->ram->host);
    uint64_t paddr = window->ram->base + offset;
    if (offset >= window->ram->size || (store && code_page_known(dbt_of(hart), paddr)))
        return false;
    /* A page that may be loaded from may be mapped for stores, too, so no watchpoint at all may be there. */
    if (hart->debug.watches && debug_page_watched(hart, vaddr, paddr, MMU_WRITE))
        return false;
    return map(hart, window, vaddr, host, store);
}

static uint64_t wrap(const struct hart *hart, uint64_t vaddr)
{
    return hart->isa.xlen == 32 ? (uint32_t)vaddr : vaddr;
}

void windows_missed(struct hart *hart, uint64_t vaddr, unsigned size, bool store, unsigned offset)
{
    hart_count(&hart->counts.window_faults);
    if (hart->tlb_data->kind == TLB_KIND_LOOKS)
        return;
    uint64_t first = wrap(hart, vaddr), last = wrap(hart, vaddr + size - 1);
    bool mapped = touch(hart, first, store);
    if ((first ^ last) & PAGE_MASK)
        mapped = touch(hart, last, store) && mapped;
    if (!mapped)
        site_failed(hart, offset);
}

void windows_left(struct hart *hart, uint64_t vaddr, unsigned offset)
{
    const struct window *window = hart->tlb_data->window;
    vaddr = wrap(hart, vaddr);
    hart_count(&hart->counts.window_faults);
    if (hart->tlb_data->kind == TLB_KIND_LOOKS || !window_has(window, vaddr, false))
        return;
    uint64_t paddr = window->ram->base + (uint64_t)(window_host(window, vaddr) - window->ram->host);
    if (code_watch_watches(hart->watch, paddr)) /* a store to code: the next one will be, too */
        site_failed(hart, offset);
}

/* Puts the page into the TLB if it is not there. False: that is not possible. */
static bool look_up(struct hart *hart, uint64_t vaddr, bool store)
{
    struct tlb *tlb = hart->tlb_data;
    const struct tlb_side *side = store ? &tlb->write : &tlb->read;
    enum mmu_access access = store ? MMU_WRITE : MMU_READ;
    struct mmu_result result;
    uint8_t *host;
    return mem_hit(side, vaddr, 1) || tlb_recall(hart, vaddr, 1, access, &host) ||
           (mmu_translate(hart, vaddr, 1, access, &result) == MMU_OK && mem_hit(side, vaddr, 1));
}

bool windows_fill(struct hart *hart, uint64_t vaddr, unsigned size, bool store, unsigned offset)
{
    uint64_t last = vaddr + size - 1;
    bool two = (vaddr ^ last) & PAGE_MASK;
    hart_count(&hart->counts.window_faults);
    if (hart->tlb_data->kind == TLB_KIND_LOOKS || last != wrap(hart, last))
        return false;
    if (two && store && !window_has(hart->tlb_data->window, last, true))
        return false; /* the slow path knows the order */
    bool mapped = look_up(hart, vaddr, store) && touch(hart, vaddr, store);
    if (mapped && two)
        mapped = look_up(hart, last, store) && touch(hart, last, store);
    if (!mapped)
        site_failed(hart, offset);
    return mapped;
}
