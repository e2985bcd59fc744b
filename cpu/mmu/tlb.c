/* SPDX-License-Identifier: MIT
 *
 * The software TLBs of a hart; see tlb.h. There is a pool of them, one for each regime that was used lately,
 * so that switching between them flushes nothing.
 */
#include "cpu/mmu/tlb.h"

#include <string.h>

#include "cpu/accel.h"
#include "cpu/hyper.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb_second.h"
#include "cpu/mmu/window.h"
#include "util/check.h"

/* ---- What selects a translation ------------------------------------------------------------------------ */

/* Returns how a mode's pointers are masked. They are not masked while MXR is in effect ("Memory Accesses
 * Subject to Pointer Masking"). */
static uint8_t masking(const struct hart *hart, enum privilege priv)
{
    if (LIKELY(!hart->masks_pointers) || hart->mstatus & MSTATUS_MXR)
        return PMM_NONE;
    uint64_t field = priv == PRIV_M                            ? hart->mseccfg
                     : priv == PRIV_S || !hart->isa.supervisor ? hart->menvcfg
                                                               : hart->senvcfg;
    return (uint8_t)(field >> ENVCFG_PMM_SHIFT & 3);
}

static struct regime regime_of(const struct hart *hart, enum privilege priv)
{
    uint8_t pmm = masking(hart, priv);
    if (priv == PRIV_M)
        return (struct regime){ .priv = PRIV_M, .pmm = pmm };
    return (struct regime){
        .satp = hart->satp,
        .priv = priv,
        .sum = priv == PRIV_S && hart->mstatus & MSTATUS_SUM,
        .mxr = hart->mstatus & MSTATUS_MXR,
        .pmm = pmm,
    };
}

/* How the pointers of a virtual machine are masked: HLVX's are not, and HUPMM is for HLV and HSV in
 * U-mode. */
static uint8_t guest_masking(const struct hart *hart, const struct regime *regime)
{
    const struct hart_hyper *hyper = &hart->hyper;
    if (LIKELY(!hart->masks_pointers) || regime->mxr || regime->code)
        return PMM_NONE;
    if (hyper->access && hart->priv == PRIV_U)
        return (uint8_t)(hyper->hstatus >> HSTATUS_PMM_SHIFT & 3);
    uint64_t field = regime->priv == PRIV_S ? hyper->henvcfg : hart->senvcfg;
    return (uint8_t)(field >> ENVCFG_PMM_SHIFT & 3);
}

/* Of VS-mode or VU-mode, from whatever mode. MXR of HS-mode counts for both stages, that of VS-mode for the
 * first ("Hypervisor Extension", "Two-Stage Address Translation"). */
static struct regime guest_regime(const struct hart *hart, enum privilege priv)
{
    uint64_t vs = hyper_vs_status(hart), hs = hyper_hs_status(hart);
    struct regime regime = {
        .satp = hart->hyper.virt ? hart->satp : hart->hyper.bank.satp,
        .priv = priv,
        .sum = priv == PRIV_S && vs & MSTATUS_SUM,
        .mxr = (vs | hs) & MSTATUS_MXR,
        .virt = true,
        .gmxr = hs & MSTATUS_MXR,
        .code = hart->hyper.access == HYPER_ACCESS_CODE,
        .hgatp = hart->hyper.hgatp,
    };
    regime.pmm = guest_masking(hart, &regime);
    return regime;
}

struct regime regime_of_fetches(const struct hart *hart)
{
    return UNLIKELY(hart->hyper.virt) ? guest_regime(hart, hart->priv) : regime_of(hart, hart->priv);
}

/* HLV and HSV access memory as hstatus.SPVP says, M-mode with MPRV as MPP and MPV say. */
struct regime regime_of_data(const struct hart *hart)
{
    enum privilege lent = (enum privilege)(hart->mstatus >> MSTATUS_MPP_SHIFT & 3);
    if (UNLIKELY(hart->hyper.access))
        return guest_regime(hart, hart->hyper.hstatus & HSTATUS_SPVP ? PRIV_S : PRIV_U);
    if (UNLIKELY(hart->hyper.virt))
        return guest_regime(hart, hart->priv);
    if (!(hart->mstatus & MSTATUS_MPRV))
        return regime_of(hart, hart->priv);
    return hart->mstatus & MSTATUS_MPV && lent != PRIV_M ? guest_regime(hart, lent) : regime_of(hart, lent);
}

/* ---- One TLB for all address spaces -------------------------------------------------------------------- */

#define PATIENCE_MAX (1u << 20)

static bool is_shared_mode(const struct hart *hart, enum privilege priv, bool sum, bool virt)
{
    return hart->tlb_sharing.on && priv == PRIV_S && !sum && !virt;
}

bool tlb_is_shared(const struct hart *hart, const struct tlb *tlb)
{
    return is_shared_mode(hart, (enum privilege)(tlb->mode & 3), tlb->mode & TLB_MODE(0, true, false, 0),
                          tlb->mode & TLB_VIRT);
}

/* The part of satp that selects the TLB: all of it, or only the scheme if the TLB is shared. */
static uint64_t key_of(const struct hart *hart, const struct regime *regime)
{
    if (!is_shared_mode(hart, regime->priv, regime->sum, regime->virt))
        return regime->satp;
    return regime->satp & (hart->isa.xlen == 32 ? UINT64_C(1) << 31 : UINT64_C(15) << 60);
}

bool tlb_may_keep(struct hart *hart, const struct regime *regime, bool global)
{
    if (LIKELY(global || !is_shared_mode(hart, regime->priv, regime->sum, regime->virt)))
        return true;
    hart->tlb_sharing.met_local = true;
    hart_request_self(hart, HART_REQUEST_FLUSH); /* not at once: translated code uses the TLB's address */
    return false;
}

void tlb_share(struct hart *hart)
{
    hart->tlb_sharing = (struct tlb_sharing){ .on = true, .patience = 1 };
}

static void stop_sharing(struct hart *hart)
{
    struct tlb_sharing *sharing = &hart->tlb_sharing;
    unsigned patience = sharing->patience < PATIENCE_MAX ? 2 * sharing->patience : PATIENCE_MAX;
    *sharing = (struct tlb_sharing){ .patience = patience };
}

/* Called at a fence of everything. True: sharing begins again. */
static bool share_again(struct hart *hart)
{
    struct tlb_sharing *sharing = &hart->tlb_sharing;
    if (sharing->on || ++sharing->fences < sharing->patience)
        return false;
    return sharing->on = true;
}

static unsigned mode_of(const struct regime *regime)
{
    return TLB_MODE(regime->priv, regime->sum, regime->mxr, regime->pmm) | (regime->virt ? TLB_VIRT : 0) |
           (regime->gmxr ? TLB_GMXR : 0) | (regime->code ? TLB_CODE : 0);
}

static unsigned vmid_of(const struct hart *hart, uint64_t hgatp)
{
    return hart->isa.xlen == 32 ? hgatp >> 22 & 0x7f : hgatp >> 44 & 0x3fff;
}

static unsigned asid_of(const struct hart *hart, uint64_t satp)
{
    return hart->isa.xlen == 32 ? satp >> 22 & 0x1ff : satp >> 44 & 0xffff;
}

/* ---- Filling the TLB ----------------------------------------------------------------------------------- */

void tlb_note_large(struct tlb *tlb, uint64_t vaddr, uint64_t size)
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

void tlb_fill(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr, uint8_t *page)
{
    uint64_t tag = vaddr & PAGE_MASK;
    if (access == MMU_FETCH) {
        unsigned index = TLB_EXEC_INDEX(vaddr);
        tlb->exec[index] = (struct tlb_exec){ tag, paddr & PAGE_MASK };
        tlb->exec_host[index] = page;
        return;
    }
    CHECK(((uintptr_t)page & (PAGE_SIZE - 1)) == 0);
    uint64_t addend = (uint64_t)(uintptr_t)page - tag;
    put_entry(tlb, access, tag, addend);
    tlb_second_put(tlb, access == MMU_WRITE, tag, addend);
    if (access == MMU_WRITE)
        tlb->stored[TLB_HOST_BIT(page) / 64] |= 1ull << TLB_HOST_BIT(page) % 64;
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

void tlb_fill_io(struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t paddr)
{
    struct tlb_io *entry = &tlb->io[vaddr >> PAGE_SHIFT & (TLB_IO_SIZE - 1)];
    /* The page table may have changed without a fence, and each kind of access was checked for its own page.
     */
    if (entry->tag != (vaddr & PAGE_MASK) || entry->paddr != (paddr & PAGE_MASK))
        *entry = (struct tlb_io){ vaddr & PAGE_MASK, paddr & PAGE_MASK, 0 };
    entry->allowed |= 1u << access;
}

bool tlb_find_io(const struct tlb *tlb, uint64_t vaddr, enum mmu_access access, uint64_t *paddr)
{
    const struct tlb_io *entry = &tlb->io[vaddr >> PAGE_SHIFT & (TLB_IO_SIZE - 1)];
    if (entry->tag != (vaddr & PAGE_MASK) || !(entry->allowed >> access & 1))
        return false;
    *paddr = entry->paddr | (vaddr & (PAGE_SIZE - 1));
    return true;
}

void tlb_fill_beside(struct tlb *tlb, uint64_t vaddr, uint64_t paddr, uint8_t *page)
{
    tlb->beside[TLB_BESIDE_INDEX(vaddr)] = (struct tlb_beside){ vaddr & PAGE_MASK, paddr & PAGE_MASK, page };
}

const struct tlb_beside *tlb_find_beside(const struct tlb *tlb, uint64_t vaddr)
{
    const struct tlb_beside *entry = &tlb->beside[TLB_BESIDE_INDEX(vaddr)];
    return entry->tag == (vaddr & PAGE_MASK) ? entry : NULL;
}

/* ---- The pool ------------------------------------------------------------------------------------------ */

static void forget_native_group(struct tlb *tlb, unsigned group)
{
    memset(&tlb->native[group * TLB_NATIVES_OF_PAGE], 0xff, TLB_NATIVES_OF_PAGE * sizeof(tlb->native[0]));
    tlb->native_groups &= ~(1ull << group);
}

static void forget_native(struct tlb *tlb)
{
    if (tlb->native_groups)
        memset(tlb->native_pages, 0, sizeof(tlb->native_pages));
    while (tlb->native_groups)
        forget_native_group(tlb, (unsigned)__builtin_ctzll(tlb->native_groups));
}

void tlb_forget_native(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        if (hart->tlb_pool[i]->mode != TLB_FREE)
            forget_native(hart->tlb_pool[i]);
    }
}

void tlb_forget_native_at(struct hart *hart, unsigned offset)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        uint64_t groups = tlb->mode == TLB_FREE ? 0 : tlb->native_groups;
        for (; groups; groups &= groups - 1) {
            struct tlb_native *entry = &tlb->native[TLB_NATIVE_INDEX(offset)];
            entry += (size_t)__builtin_ctzll(groups) * TLB_NATIVES_OF_PAGE;
            if ((entry->pc & (PAGE_SIZE - 1)) == offset)
                memset(entry, 0xff, sizeof(*entry));
        }
    }
}

void tlb_forget_writes(struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE)
            continue;
        memset(tlb->write.tag, 0xff, sizeof(tlb->write.tag));
        memset(tlb->stored, 0, sizeof(tlb->stored));
        tlb_second_clear(tlb, true);
        window_forget_watched(hart, tlb->window);
    }
}

static void forget_entries(struct tlb_side *side, uint64_t host)
{
    for (unsigned i = 0; i < TLB_SIZE; i++)
        if ((side->tag[i] << PAGE_SHIFT) + side->addend[i] == host)
            side->tag[i] = TLB_INVALID;
}

void tlb_forget_window_writes_to(struct hart *hart, const uint8_t *host)
{
    for (unsigned i = 0; i < TLB_POOL && hart->windows; i++)
        window_forget_writes_to(hart, hart->tlb_pool[i]->window, host);
}

void tlb_forget_writes_to(struct hart *hart, const uint8_t *host)
{
    tlb_forget_window_writes_to(hart, host);
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE || !(tlb->stored[TLB_HOST_BIT(host) / 64] >> TLB_HOST_BIT(host) % 64 & 1))
            continue;
        forget_entries(&tlb->write, (uint64_t)(uintptr_t)host);
        tlb_second_clear(tlb, true);
    }
}

/* All but its window. */
static void clear_entries(struct tlb *tlb)
{
    memset(tlb->read.tag, 0xff, sizeof(tlb->read.tag));
    memset(tlb->write.tag, 0xff, sizeof(tlb->write.tag));
    memset(tlb->stored, 0, sizeof(tlb->stored));
    tlb_second_clear(tlb, false);
    tlb_second_clear(tlb, true);
    memset(tlb->exec, 0xff, sizeof(tlb->exec));
    memset(tlb->io, 0xff, sizeof(tlb->io));
    memset(tlb->beside, 0xff, sizeof(tlb->beside));
    for (unsigned half = 0; half < 2; half++) {
        tlb->large_first[half] = UINT64_MAX;
        tlb->large_last[half] = 0;
    }
    tlb->generation++;
    forget_native(tlb);
}

static void tlb_clear(struct hart *hart, struct tlb *tlb)
{
    clear_entries(tlb);
    window_clear(hart, tlb->window);
}

/* tlb_find() clears a TLB when it takes it, so an unused one costs neither memory nor time at the start. Of
 * the table `native`, only group 0 has to be cleared then: an entry of zeros is an entry for pc 0. */
void tlb_init(struct tlb *tlb)
{
    tlb->mode = TLB_FREE;
    tlb->native_groups = 1ull << TLB_NATIVE_GROUP(0);
}

static struct tlb *tlb_evict(struct hart *hart)
{
    for (;;) {
        struct tlb *tlb = hart->tlb_pool[hart->tlb_hand++ % TLB_POOL];
        if (tlb == hart->tlb_data || tlb == hart->tlb_fetch)
            continue;
        if (tlb->mode == TLB_FREE || !tlb->used)
            return tlb;
        tlb->used = false;
    }
}

static struct tlb *tlb_find(struct hart *hart, const struct regime *regime)
{
    uint64_t satp = key_of(hart, regime);
    unsigned mode = mode_of(regime);
    struct tlb *tlb = hart->tlb_hint[mode];
    if (LIKELY(tlb && tlb->mode == mode && tlb->satp == satp && tlb->hgatp == regime->hgatp)) {
        tlb->used = true;
        return tlb;
    }
    for (unsigned i = 0; i < TLB_POOL; i++) {
        tlb = hart->tlb_pool[i];
        if (tlb->mode == mode && tlb->satp == satp && tlb->hgatp == regime->hgatp)
            goto found;
    }
    tlb = tlb_evict(hart);
    tlb_clear(hart, tlb);
    tlb->satp = satp;
    tlb->hgatp = regime->hgatp;
    tlb->mode = mode;
    tlb->kind = TLB_KIND_LOOKS; /* it may earn its window */
    if (tlb->window)
        tlb->window->credit = 0;
found:
    tlb->used = true;
    return hart->tlb_hint[mode] = tlb;
}

static void check_side(const struct hart *hart, const struct tlb_side *side)
{
    const struct hart_bus_ops *ops = hart->bus->ops;
    for (unsigned i = 0; i < TLB_SIZE; i++) {
        if (side->tag[i] == TLB_INVALID)
            continue;
        uint64_t vaddr = side->tag[i] << PAGE_SHIFT;
        const uint8_t *host = (const uint8_t *)(uintptr_t)(vaddr + side->addend[i]);
        CHECK(TLB_INDEX(vaddr) == i);
        CHECK(!ops->is_memory || ops->is_memory(hart->bus, host, PAGE_SIZE));
    }
}

static void check_beside(const struct hart *hart, const struct tlb *tlb)
{
    const struct hart_bus_ops *ops = hart->bus->ops;
    for (unsigned i = 0; i < TLB_BESIDE_SIZE; i++) {
        const struct tlb_beside *entry = &tlb->beside[i];
        CHECK(entry->tag == TLB_INVALID || TLB_BESIDE_INDEX(entry->tag) == i);
        CHECK(entry->tag == TLB_INVALID || !ops->is_memory ||
              ops->is_memory(hart->bus, entry->host, PAGE_SIZE));
    }
}

/* Checks what translated code relies on: each entry is in its place, and leads to a whole page of the guest's
 * memory. */
static void check_pool(const struct hart *hart)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        const struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode == TLB_FREE)
            continue;
        check_side(hart, &tlb->read);
        check_side(hart, &tlb->write);
        check_beside(hart, tlb);
        CHECK((tlb->mode & 3) != PRIV_M || !tlb->satp);
        CHECK(!tlb_is_shared(hart, tlb) || !asid_of(hart, tlb->satp));
    }
}

void tlb_select(struct hart *hart)
{
    hart->pads = hart->pads_of[hart->priv];
    hart->shadow = hart->shadow_of[hart->priv];
    hart->zeroes = hart->zeroes_of[hart->priv];
    hart->plain_s = LIKELY(!hart->hyper.virt) || !hyper_hides_units(hart) ? hart->priv : PRIV_M;
    const struct regime fetch = regime_of_fetches(hart);
    hart->tlb_fetch = tlb_find(hart, &fetch);
    hart->tlb_data = hart->tlb_fetch;
    if (UNLIKELY(hart->recorder) && hart->recorder->watches)
        hart->recorder->ops->mode(hart->recorder, hart->id, hart->priv, hart->satp);
    if (LIKELY(!(hart->mstatus & MSTATUS_MPRV) && !hart->hyper.access))
        return;
    const struct regime data = regime_of_data(hart);
    bool same = data.priv == fetch.priv && data.virt == fetch.virt && !data.code;
    hart->tlb_data = same ? hart->tlb_fetch : tlb_find(hart, &data);
}

void tlb_flush_all(struct hart *hart)
{
    if (hart->tlb_sharing.met_local)
        stop_sharing(hart);
    for (unsigned i = 0; i < TLB_POOL; i++)
        hart->tlb_pool[i]->mode = TLB_FREE;
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
    if (tlb_find_beside(tlb, vaddr))
        tlb->beside[TLB_BESIDE_INDEX(vaddr)].tag = TLB_INVALID;
    tlb_second_drop(tlb, tag);
    tlb->exec[TLB_EXEC_INDEX(vaddr)].tag = TLB_INVALID;
    unsigned bit = TLB_NATIVE_PAGE_BIT(tag);
    if (tlb->native_pages[bit / 8] >> bit % 8 & 1)
        forget_native_group(tlb, TLB_NATIVE_GROUP(tag));
    tlb->generation++; /* the jump cache may know the page even if the exec entry was replaced */
}

/* One TLB, of one page or of all. */
static void flush_one(struct hart *hart, struct tlb *tlb, bool any_vaddr, uint64_t vaddr)
{
    if (any_vaddr) {
        tlb_clear(hart, tlb);
        return;
    }
    bool masked = tlb->mode >> 4 & 3; /* the page may have entries with any upper bits of the address */
    if (masked || in_large_page(tlb, vaddr))
        clear_entries(tlb);
    else
        tlb_flush_page(tlb, vaddr);
    window_drop_page(hart, tlb->window, vaddr); /* the window records its large pages itself */
}

void tlb_flush(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid)
{
    CHECK_INVARIANT(check_pool(hart));
    if (any_vaddr && any_asid && share_again(hart)) {
        tlb_flush_all(hart);
        return;
    }
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode & (TLB_FREE | TLB_VIRT) || (tlb->mode & 3) == PRIV_M)
            continue;
        if (!any_asid && (tlb_is_shared(hart, tlb) || asid_of(hart, tlb->satp) != asid))
            continue;
        flush_one(hart, tlb, any_vaddr, vaddr);
    }
}

void tlb_flush_guest(struct hart *hart, bool any_vaddr, uint64_t vaddr, bool any_asid, unsigned asid)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode & TLB_VIRT && vmid_of(hart, tlb->hgatp) == vmid_of(hart, hart->hyper.hgatp) &&
            (any_asid || asid_of(hart, tlb->satp) == asid))
            flush_one(hart, tlb, any_vaddr, vaddr);
    }
}

/* The TLBs do not know the guest's physical addresses. */
void tlb_flush_guests(struct hart *hart, bool any_vmid, unsigned vmid)
{
    for (unsigned i = 0; i < TLB_POOL; i++) {
        struct tlb *tlb = hart->tlb_pool[i];
        if (tlb->mode & TLB_VIRT && (any_vmid || vmid_of(hart, tlb->hgatp) == vmid))
            tlb_clear(hart, tlb);
    }
}
