/* SPDX-License-Identifier: MIT
 *
 * Address translation (Priv. "Virtual Address Translation Process"). A miss of the software TLB walks the
 * page table here, checks everything, and leaves an entry for the page behind where all of the page behaves
 * alike.
 *
 * Page-table entries are read and written in guest memory with atomic accesses, since other harts use them
 * too; A and D are set by compare-and-swap, and a lost race walks again.
 */
#include "cpu/mmu/mmu.h"

#include <string.h>

#include "cpu/accel.h"
#include "cpu/code_watch.h"
#include "cpu/mmu/tlb_second.h"

enum {
    PTE_V = 1 << 0,
    PTE_R = 1 << 1,
    PTE_W = 1 << 2,
    PTE_X = 1 << 3,
    PTE_U = 1 << 4,
    PTE_A = 1 << 6,
    PTE_D = 1 << 7,
};
#define PTE_RESERVED (0x7full << 54)
#define PTE_PBMT     (3ull << 61)
#define PTE_N        (1ull << 63)
#define PTE_PPN(pte) ((pte) >> 10 & 0xfffffffffffull)

/* The translation that satp selects; levels 0: none. */
struct paging {
    unsigned levels, index_bits, pte_size, vaddr_bits;
    uint64_t root;
};

static struct paging paging_of(const struct hart *hart)
{
    if (hart->isa.xlen == 32) {
        if (!(hart->satp >> 31 & 1))
            return (struct paging){ 0 };
        return (struct paging){ 2, 10, 4, 32, (hart->satp & 0x3fffff) << PAGE_SHIFT };
    }
    unsigned mode = (unsigned)(hart->satp >> 60);
    if (mode < 8)
        return (struct paging){ 0 };
    unsigned levels = mode - 5; /* 8: Sv39, 9: Sv48, 10: Sv57 */
    return (struct paging){ levels, 9, 8, 12 + 9 * levels, (hart->satp & 0xfffffffffffull) << PAGE_SHIFT };
}

static enum privilege data_privilege(const struct hart *hart)
{
    if (hart->mstatus & MSTATUS_MPRV)
        return (enum privilege)(hart->mstatus >> MSTATUS_MPP_SHIFT & 3);
    return hart->priv;
}

static enum privilege access_privilege(const struct hart *hart, enum mmu_access access)
{
    return access == MMU_FETCH ? hart->priv : data_privilege(hart);
}

static int page_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_PAGE, [MMU_WRITE] = CAUSE_STORE_PAGE, [MMU_FETCH] = CAUSE_FETCH_PAGE
    };
    return causes[access];
}

static int access_fault(enum mmu_access access)
{
    static const int causes[] = {
        [MMU_READ] = CAUSE_LOAD_ACCESS, [MMU_WRITE] = CAUSE_STORE_ACCESS, [MMU_FETCH] = CAUSE_FETCH_ACCESS
    };
    return causes[access];
}

/* ---- Page-table entries in guest memory ---------------------------------------------------------------- */

/* Host address of a page-table entry, or NULL: page tables outside of memory are an access fault. */
static uint8_t *pte_host(struct hart *hart, uint64_t paddr, bool *writable)
{
    uint8_t *page = hart->bus->ops->page(hart->bus, paddr & PAGE_MASK, writable);
    return page ? page + (paddr & (PAGE_SIZE - 1)) : NULL;
}

static uint64_t pte_read(const uint8_t *host, unsigned size)
{
    return size == 4 ? __atomic_load_n((const uint32_t *)(const void *)host, __ATOMIC_ACQUIRE)
                     : __atomic_load_n((const uint64_t *)(const void *)host, __ATOMIC_ACQUIRE);
}

static bool pte_replace(uint8_t *host, unsigned size, uint64_t old, uint64_t new)
{
    if (size == 4) {
        uint32_t expected = (uint32_t)old;
        return __atomic_compare_exchange_n((uint32_t *)(void *)host, &expected, (uint32_t) new, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    return __atomic_compare_exchange_n((uint64_t *)(void *)host, &old, new, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static bool pte_reserved(const struct hart *hart, uint64_t pte, bool leaf)
{
    if (!leaf && pte & (PTE_A | PTE_D | PTE_U))
        return true;
    if (hart->isa.xlen == 32)
        return false;
    if (pte & PTE_RESERVED)
        return true;
    if (!leaf)
        return pte & (PTE_N | PTE_PBMT);
    if (pte & PTE_PBMT && (!isa_has(&hart->isa, ISA_Svpbmt) || !(hart->menvcfg & ENVCFG_PBMTE)))
        return true;
    if ((pte & PTE_PBMT) == PTE_PBMT)
        return true;
    return pte & PTE_N && !isa_has(&hart->isa, ISA_Svnapot);
}

static bool pte_permits(const struct hart *hart, uint64_t pte, enum privilege priv, enum mmu_access access)
{
    if (pte & PTE_U) {
        if (priv == PRIV_S && (access == MMU_FETCH || !(hart->mstatus & MSTATUS_SUM)))
            return false;
    } else if (priv == PRIV_U) {
        return false;
    }
    switch (access) {
    case MMU_READ: return pte & PTE_R || (hart->mstatus & MSTATUS_MXR && pte & PTE_X);
    case MMU_WRITE: return pte & PTE_W;
    case MMU_FETCH: return pte & PTE_X;
    }
    return false;
}

/* What one walk found. */
struct walk {
    uint64_t paddr;     /* of the virtual address */
    uint64_t page_size; /* of the leaf */
};

enum { WALK_AGAIN = -2 };

/* The leaf: alignment of large pages, NAPOT, permissions, A and D. */
static int walk_leaf(struct hart *hart, const struct paging *paging, unsigned level, uint8_t *host,
                     bool writable, uint64_t pte_paddr, uint64_t pte, uint64_t vaddr, enum mmu_access access,
                     struct walk *walk)
{
    if (pte_reserved(hart, pte, true) || !pte_permits(hart, pte, access_privilege(hart, access), access))
        return page_fault(access);
    uint64_t ppn = hart->isa.xlen == 32 ? pte >> 10 & 0x3fffff : PTE_PPN(pte);
    unsigned shift = PAGE_SHIFT + level * paging->index_bits;
    if (ppn << PAGE_SHIFT & ((1ull << shift) - 1))
        return page_fault(access);
    if (paging->pte_size == 8 && pte & PTE_N) {
        if (level != 0 || (ppn & 15) != 8)
            return page_fault(access); /* Svnapot: only 64 KiB */
        shift = PAGE_SHIFT + 4;
        ppn &= ~15ull;
    }
    uint64_t wanted = pte | PTE_A | (access == MMU_WRITE ? PTE_D : 0);
    if (wanted != pte) {
        bool update = isa_has(&hart->isa, ISA_Svadu) && hart->menvcfg & ENVCFG_ADUE;
        if (!update)
            return page_fault(access); /* Svade */
        if (!writable || !pmp_allows(hart, pte_paddr, paging->pte_size, PRIV_S, MMU_WRITE))
            return access_fault(access);
        if (!pte_replace(host, paging->pte_size, pte, wanted))
            return WALK_AGAIN;
    }
    uint64_t offset = vaddr & ((1ull << shift) - 1);
    *walk = (struct walk){ (ppn << PAGE_SHIFT & ~((1ull << shift) - 1)) | offset, 1ull << shift };
    return MMU_OK;
}

static int walk_once(struct hart *hart, const struct paging *paging, uint64_t vaddr, enum mmu_access access,
                     struct walk *walk)
{
    uint64_t table = paging->root;
    for (unsigned level = paging->levels; level-- > 0;) {
        uint64_t index =
            vaddr >> (PAGE_SHIFT + level * paging->index_bits) & ((1u << paging->index_bits) - 1);
        uint64_t pte_paddr = table + index * paging->pte_size;
        bool writable = false;
        uint8_t *host = pte_host(hart, pte_paddr, &writable);
        if (!host || !pmp_allows(hart, pte_paddr, paging->pte_size, PRIV_S, MMU_READ))
            return access_fault(access);
        uint64_t pte = pte_read(host, paging->pte_size);
        if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W)
            return page_fault(access);
        if (pte & (PTE_R | PTE_X))
            return walk_leaf(hart, paging, level, host, writable, pte_paddr, pte, vaddr, access, walk);
        if (pte_reserved(hart, pte, false))
            return page_fault(access);
        table = (hart->isa.xlen == 32 ? pte >> 10 & 0x3fffff : PTE_PPN(pte)) << PAGE_SHIFT;
    }
    return page_fault(access);
}

static int walk_page_table(struct hart *hart, const struct paging *paging, uint64_t vaddr,
                           enum mmu_access access, struct walk *walk)
{
    if (hart->isa.xlen == 64) {
        unsigned shift = 64 - paging->vaddr_bits;
        if ((uint64_t)((int64_t)(vaddr << shift) >> shift) != vaddr)
            return page_fault(access);
    }
    int status;
    do
        status = walk_once(hart, paging, vaddr, access, walk);
    while (status == WALK_AGAIN);
    return status;
}

/* ---- Filling the TLB ----------------------------------------------------------------------------------- */

static void note_large_page(struct tlb *tlb, uint64_t vaddr, uint64_t size)
{
    unsigned half = vaddr >> 63;
    uint64_t first = vaddr & ~(size - 1), last = first + size - 1;
    if (first < tlb->large_first[half])
        tlb->large_first[half] = first;
    if (last > tlb->large_last[half])
        tlb->large_last[half] = last;
}

static void put_entry(struct tlb *tlb, enum mmu_access access, uint64_t tag, uint64_t addend)
{
    struct tlb_side *side = access == MMU_WRITE ? &tlb->write : &tlb->read;
    side->tag[TLB_INDEX(tag)] = tag >> PAGE_SHIFT;
    side->addend[TLB_INDEX(tag)] = addend;
}

static void fill_host(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr, uint8_t *page)
{
    uint64_t tag = vaddr & PAGE_MASK;
    if (access == MMU_FETCH) {
        unsigned index = TLB_EXEC_INDEX(vaddr);
        tlb->exec[index] = (struct tlb_exec){ tag, paddr & PAGE_MASK };
        tlb->exec_host[index] = page;
        return;
    }
    uint64_t addend = (uint64_t)(uintptr_t)page - tag;
    put_entry(tlb, access, tag, addend);
    tlb_second_put(tlb, access == MMU_WRITE, tag, addend);
}

bool tlb_recall(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access, uint8_t **host)
{
    struct tlb *tlb = hart->tlb_data;
    uint64_t tag = vaddr & PAGE_MASK;
    const struct tlb_entry *found = tlb_second_find(tlb, access == MMU_WRITE, vaddr);
    if (((vaddr + size - 1) & PAGE_MASK) != tag || !found)
        return false;
    put_entry(tlb, access, tag, found->addend);
    *host = (uint8_t *)(uintptr_t)(vaddr + found->addend);
    hart_count(&hart->counts.tlb_recalls);
    return true;
}

static void fill_io(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr)
{
    struct tlb_io *entry = &tlb->io[vaddr >> PAGE_SHIFT & (TLB_IO_SIZE - 1)];
    if (entry->tag != (vaddr & PAGE_MASK))
        *entry = (struct tlb_io){ vaddr & PAGE_MASK, paddr & PAGE_MASK, 0 };
    entry->allowed |= 1u << access;
}

static bool lookup_io(const struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t *paddr)
{
    const struct tlb_io *entry = &tlb->io[vaddr >> PAGE_SHIFT & (TLB_IO_SIZE - 1)];
    if (entry->tag != (vaddr & PAGE_MASK) || !(entry->allowed >> access & 1))
        return false;
    *paddr = entry->paddr | (vaddr & (PAGE_SIZE - 1));
    return true;
}

/* The widest physical address of the translation schemes: 56 bits, 34 on RV32. */
static bool paddr_valid(const struct hart *hart, uint64_t paddr)
{
    return paddr >> (hart->isa.xlen == 32 ? 34 : 56) == 0;
}

int mmu_translate(struct hart *hart, uint64_t vaddr, unsigned size, enum mmu_access access,
                  struct mmu_result *result)
{
    enum privilege priv = access_privilege(hart, access);
    struct tlb *tlb = access == MMU_FETCH ? hart->tlb_fetch : hart->tlb_data;
    *result = (struct mmu_result){ .paddr = vaddr };
    if (lookup_io(tlb, vaddr, access, &result->paddr))
        return MMU_OK;

    hart_count(&hart->counts.tlb_misses[access]);
    struct paging paging = priv == PRIV_M ? (struct paging){ 0 } : paging_of(hart);
    struct walk walk = { .paddr = vaddr, .page_size = PAGE_SIZE };
    if (paging.levels) {
        int status = walk_page_table(hart, &paging, vaddr, access, &walk);
        if (status != MMU_OK)
            return status;
        result->paddr = walk.paddr;
    }
    if (!paddr_valid(hart, result->paddr) || !pmp_allows(hart, result->paddr, size, priv, access))
        return access_fault(access);

    uint64_t page = result->paddr & PAGE_MASK;
    bool writable = false;
    uint8_t *host = hart->bus->ops->page(hart->bus, page, &writable);
    if (!host && access == MMU_FETCH && hart->bus->ops->code)
        host = (uint8_t *)(uintptr_t)hart->bus->ops->code(hart->bus, page);
    bool uniform = pmp_page_uniform(hart, page);
    if (walk.page_size > PAGE_SIZE && uniform)
        note_large_page(tlb, vaddr, walk.page_size);
    if (!host || (access == MMU_WRITE && !writable)) {
        if (uniform && access != MMU_FETCH)
            fill_io(tlb, vaddr, access, result->paddr);
        return MMU_OK;
    }
    if (access == MMU_WRITE) {
        result->watched = !code_watch_may_store(hart->watch, hart, page);
        if (!result->watched && hart->accel)
            hart->accel->ops->page_written(hart, page);
    }
    result->host = host + (vaddr & (PAGE_SIZE - 1));
    result->cacheable =
        uniform && !result->watched &&
        !(UNLIKELY(hart->debug.watches) && debug_page_watched(hart, vaddr, result->paddr, access));
    if (result->cacheable)
        fill_host(tlb, vaddr, access, result->paddr, host);
    return MMU_OK;
}

/* ---- The pool ------------------------------------------------------------------------------------------ */

static void forget_native(struct tlb *tlb)
{
    if (tlb->native_used) {
        memset(tlb->native, 0xff, sizeof(tlb->native));
        memset(tlb->native_pages, 0, sizeof(tlb->native_pages));
    }
    tlb->native_used = false;
}

void tlb_forget_native(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++)
        forget_native(&hart->tlb_pool[i]);
}

void tlb_forget_writes(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = &hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE)
            continue;
        memset(tlb->write.tag, 0xff, sizeof(tlb->write.tag));
        tlb_second_clear(tlb, true);
    }
}

static void forget_entries(struct tlb_side *side, uint64_t host)
{
    for (unsigned i = 0; i < TLB_SIZE; i++)
        if ((side->tag[i] << PAGE_SHIFT) + side->addend[i] == host)
            side->tag[i] = TLB_INVALID;
}

void tlb_forget_writes_to(struct hart *hart, const uint8_t *host)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = &hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE)
            continue;
        forget_entries(&tlb->write, (uint64_t)(uintptr_t)host);
        tlb_second_clear(tlb, true);
    }
}

static void tlb_clear(struct tlb *tlb)
{
    memset(tlb->read.tag, 0xff, sizeof(tlb->read.tag));
    memset(tlb->write.tag, 0xff, sizeof(tlb->write.tag));
    tlb_second_clear(tlb, false);
    tlb_second_clear(tlb, true);
    memset(tlb->exec, 0xff, sizeof(tlb->exec));
    memset(tlb->io, 0xff, sizeof(tlb->io));
    for (unsigned half = 0; half < 2; half++) {
        tlb->large_first[half] = UINT64_MAX;
        tlb->large_last[half] = 0;
    }
    tlb->generation++;
    forget_native(tlb);
}

void tlb_init(struct tlb *tlb)
{
    tlb->mode = TLB_FREE;
    tlb->native_used = true;
    tlb_clear(tlb);
}

static struct tlb *tlb_evict(struct hart *hart)
{
    for (;;) {
        struct tlb *tlb = &hart->tlb_pool[hart->tlb_hand++ % TLB_POOL];
        if (tlb == hart->tlb_data || tlb == hart->tlb_fetch)
            continue;
        if (tlb->mode == TLB_FREE || !tlb->used)
            return tlb;
        tlb->used = false;
    }
}

static struct tlb *tlb_find(struct hart *hart, uint64_t satp, unsigned mode)
{
    struct tlb *tlb = hart->tlb_hint[mode];
    if (LIKELY(tlb && tlb->mode == mode && tlb->satp == satp)) {
        tlb->used = true;
        return tlb;
    }
    for (unsigned i = 0; i < TLB_POOL; i++) {
        tlb = &hart->tlb_pool[i];
        if (tlb->mode == mode && tlb->satp == satp)
            goto found;
    }
    tlb = tlb_evict(hart);
    tlb_clear(tlb);
    tlb->satp = satp;
    tlb->mode = mode;
found:
    tlb->used = true;
    return hart->tlb_hint[mode] = tlb;
}

/* M-mode ignores satp, SUM and MXR; U-mode ignores SUM. */
static struct tlb *tlb_for(struct hart *hart, enum privilege priv)
{
    if (priv == PRIV_M)
        return tlb_find(hart, 0, TLB_MODE(PRIV_M, 0, 0));
    bool sum = priv == PRIV_S && hart->mstatus & MSTATUS_SUM;
    return tlb_find(hart, hart->satp, TLB_MODE(priv, sum, (hart->mstatus & MSTATUS_MXR) != 0));
}

void tlb_select(struct hart *hart)
{
    enum privilege data = data_privilege(hart);
    hart->tlb_fetch = tlb_for(hart, hart->priv);
    hart->tlb_data = data == hart->priv ? hart->tlb_fetch : tlb_for(hart, data);
}

void tlb_flush_all(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++)
        hart->tlb_pool[i].mode = TLB_FREE;
    hart->tlb_data = hart->tlb_fetch = NULL;
    tlb_select(hart);
}

static bool in_large_page(const struct tlb *tlb, uint64_t vaddr)
{
    unsigned half = vaddr >> 63;
    return vaddr >= tlb->large_first[half] && vaddr <= tlb->large_last[half];
}

static void tlb_flush_page(struct tlb *tlb, uint64_t vaddr)
{
    uint64_t tag = vaddr & PAGE_MASK;
    uint64_t *read = &tlb->read.tag[TLB_INDEX(vaddr)], *write = &tlb->write.tag[TLB_INDEX(vaddr)];
    struct tlb_io *io = &tlb->io[vaddr >> PAGE_SHIFT & (TLB_IO_SIZE - 1)];
    if (*read == tag >> PAGE_SHIFT)
        *read = TLB_INVALID;
    if (*write == tag >> PAGE_SHIFT)
        *write = TLB_INVALID;
    if (io->tag == tag)
        io->tag = TLB_INVALID;
    tlb_second_drop(tlb, tag);
    tlb->exec[TLB_EXEC_INDEX(vaddr)].tag = TLB_INVALID;
    unsigned bit = TLB_NATIVE_PAGE_BIT(tag);
    if (tlb->native_pages[bit / 8] >> bit % 8 & 1)
        memset(&tlb->native[TLB_NATIVE_INDEX(tag)], 0xff, TLB_NATIVES_OF_PAGE * sizeof(tlb->native[0]));
    tlb->generation++; /* the jump cache may know the page even where the exec entry was replaced */
}

static unsigned asid_of(const struct hart *hart, uint64_t satp)
{
    return hart->isa.xlen == 32 ? satp >> 22 & 0x1ff : satp >> 44 & 0xffff;
}

void tlb_flush(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = &hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE || (tlb->mode & 3) == PRIV_M)
            continue;
        if (!any_asid && asid_of(hart, tlb->satp) != asid)
            continue;
        if (any_vaddr || in_large_page(tlb, vaddr))
            tlb_clear(tlb);
        else
            tlb_flush_page(tlb, vaddr);
    }
}
