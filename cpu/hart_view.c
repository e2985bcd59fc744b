/* SPDX-License-Identifier: MIT
 *
 * Reads a hart's state without changing it; see hart_view.h.
 */
#include "cpu/hart_view.h"

#include <stdio.h>
#include <string.h>

#include "cpu/csr/internal.h"
#include "cpu/mmu/gstage.h"
#include "cpu/mmu/mem.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"

static uint64_t narrow(const struct hart *hart, uint64_t value)
{
    return hart->isa.xlen == 32 ? (uint32_t)value : value;
}

const struct isa_config *hart_view_isa(const struct hart *hart)
{
    return &hart->isa;
}

uint64_t hart_view_x(const struct hart *hart, unsigned number)
{
    return narrow(hart, hart->x[number & 31]);
}

uint64_t hart_view_f(const struct hart *hart, unsigned number)
{
    return hart->f[number & 31];
}

unsigned hart_view_vlenb(const struct hart *hart)
{
    return hart->vector.vlenb;
}

const uint8_t *hart_view_v(const struct hart *hart, unsigned number)
{
    return hart->v + (number & 31) * (size_t)hart->vector.vlenb;
}

uint64_t hart_view_pc(const struct hart *hart)
{
    return narrow(hart, hart->pc);
}

unsigned hart_view_privilege(const struct hart *hart)
{
    return hart->priv;
}

bool hart_view_csr(struct hart *hart, unsigned number, uint64_t *value)
{
    if (!csr_exists(hart, number))
        return false;
    hart->outside = true;
    *value = narrow(hart, csr_read(hart, number));
    hart->outside = false;
    return true;
}

const char *hart_view_csr_name(unsigned number, char name[16])
{
    static const struct {
        const char *name;
        unsigned first, last, from;
    } ranges[] = {
#define CSRS(csr, first, last, exists, read, write) { #csr, first, last, 0 },
#include "cpu/isa/csr.def"
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (number < ranges[i].first || number > ranges[i].last)
            continue;
        if (ranges[i].first == ranges[i].last)
            return ranges[i].name;
        /* Counters are numbered from mcycle's place: hpmcounter3 is number 3 of its range. */
        unsigned n = number - (ranges[i].first & ~31u);
        if (ranges[i].first == 0x3a0 || ranges[i].first == 0x3b0)
            n = number - ranges[i].first;
        size_t length = strlen(ranges[i].name);
        bool high = ranges[i].name[length - 1] == 'h';
        snprintf(name, 16, "%.*s%u%s", (int)(length - high), ranges[i].name, n, high ? "h" : "");
        return name;
    }
    return NULL;
}

bool hart_view_waits(const struct hart *hart)
{
    return atomic_load(&hart->sleeping);
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

/* The host address of [paddr, ...) and how many bytes follow in the page; NULL if there is no memory. */
static uint8_t *host_at(struct hart *hart, uint64_t paddr, bool *writable)
{
    uint8_t *page = hart->bus->ops->page(hart->bus, paddr & PAGE_MASK, writable);
    return page ? page + (paddr & (PAGE_SIZE - 1)) : NULL;
}

/* Also pages that can only be executed: flash, whatever command state it is in. */
static const uint8_t *readable_at(struct hart *hart, uint64_t paddr)
{
    bool writable;
    const struct hart_bus_ops *ops = hart->bus->ops;
    const uint8_t *host = host_at(hart, paddr, &writable);
    if (host || !ops->code)
        return host;
    const uint8_t *page = ops->code(hart->bus, paddr & PAGE_MASK);
    return page ? page + (paddr & (PAGE_SIZE - 1)) : NULL;
}

static bool always(struct hart *hart, uint64_t paddr, uint64_t *result)
{
    (void)hart;
    *result = paddr;
    return true;
}

static size_t read_pages(struct hart *hart, bool (*translate)(struct hart *, uint64_t, uint64_t *),
                         uint64_t addr, uint8_t *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        uint64_t at = narrow(hart, addr + done), paddr;
        size_t n = PAGE_SIZE - (at & (PAGE_SIZE - 1));
        const uint8_t *host = translate(hart, at, &paddr) ? readable_at(hart, paddr) : NULL;
        if (!host)
            break;
        n = n < length - done ? n : length - done;
        mem_host_copy(bytes + done, host, n);
        done += n;
    }
    return done;
}

size_t hart_view_read(struct hart *hart, uint64_t vaddr, void *bytes, size_t length)
{
    return read_pages(hart, hart_view_translate, vaddr, bytes, length);
}

size_t hart_view_read_physical(struct hart *hart, uint64_t paddr, void *bytes, size_t length)
{
    return read_pages(hart, always, paddr, bytes, length);
}

/* Writes through the bus, in pieces that it takes whole, so that harts with decoded code of the page are
 * notified. Never writes to a device. */
size_t hart_view_write(struct hart *hart, uint64_t vaddr, const void *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        uint64_t at = narrow(hart, vaddr + done), paddr, value = 0;
        unsigned size = at % 8 == 0 && length - done >= 8 ? 8 : 1;
        bool writable = false;
        memcpy(&value, (const uint8_t *)bytes + done, size);
        if (!hart_view_translate(hart, at, &paddr) || !host_at(hart, paddr, &writable) || !writable ||
            !hart->bus->ops->write(hart->bus, paddr, size, value))
            break;
        done += size;
    }
    return done;
}

/* ---- Translation --------------------------------------------------------------------------------------- */

struct paging hart_view_paging(const struct hart *hart)
{
    return walk_paging(hart, hart->satp);
}

bool hart_view_translates(const struct hart *hart)
{
    const struct regime regime = regime_of_data(hart);
    return regime.virt || walk_paging(hart, regime.satp).levels;
}

bool hart_view_pte(struct hart *hart, uint64_t table, unsigned index, uint64_t *pte)
{
    unsigned size = hart->isa.xlen == 32 ? 4 : 8;
    bool writable;
    if (hart->hyper.virt && !gstage_look(hart, table, &table))
        return false;
    const uint8_t *host = host_at(hart, table + (uint64_t)index * size, &writable);
    if (host)
        *pte = mem_host_read(host, size);
    return host != NULL;
}

void hart_view_walk(struct hart *hart, uint64_t vaddr, struct walk *walk)
{
    struct paging paging = hart_view_paging(hart);
    const struct regime regime = regime_of_data(hart);
    if (regime.virt)
        gstage_walk(hart, &regime, vaddr, walk);
    else if (paging.levels)
        walk_tables(hart, &paging, vaddr, walk);
    else
        *walk = (struct walk){ .end = WALK_MAPPED, .paddr = vaddr, .page_size = PAGE_SIZE };
}

bool hart_view_translate(struct hart *hart, uint64_t vaddr, uint64_t *paddr)
{
    if (!hart_view_translates(hart)) {
        *paddr = vaddr;
        return true;
    }
    struct walk walk;
    hart_view_walk(hart, vaddr, &walk);
    *paddr = walk.paddr;
    return walk.end == WALK_MAPPED;
}

/* ---- The software TLB ---------------------------------------------------------------------------------- */

struct tlb_teller {
    void (*each)(void *opaque, const struct hart_view_tlb_entry *entry);
    void *opaque;
    struct hart_view_tlb_entry entry;
};

static void tell(struct tlb_teller *teller, char kind, uint64_t vaddr, uint64_t paddr, uint64_t host)
{
    teller->entry.kind = kind;
    teller->entry.vaddr = vaddr;
    teller->entry.paddr = paddr;
    teller->entry.host = (const void *)(uintptr_t)host;
    teller->each(teller->opaque, &teller->entry);
}

static void tell_side(struct tlb_teller *teller, char kind, const struct tlb_side *side)
{
    for (unsigned i = 0; i < TLB_SIZE; i++) {
        uint64_t vaddr = side->tag[i] << PAGE_SHIFT;
        if (side->tag[i] != TLB_INVALID)
            tell(teller, kind, vaddr, UINT64_MAX, vaddr + side->addend[i]);
    }
}

void hart_view_tlb(const struct hart *hart,
                   void (*each)(void *opaque, const struct hart_view_tlb_entry *entry), void *opaque)
{
    struct tlb_teller teller = { .each = each, .opaque = opaque };
    for (unsigned n = 0; n < TLB_POOL; n++) {
        const struct tlb *tlb = hart->tlb_pool[n];
        if (tlb->mode == TLB_FREE)
            continue;
        teller.entry = (struct hart_view_tlb_entry){
            .asid = hart->isa.xlen == 32 ? tlb->satp >> 22 & 0x1ff : tlb->satp >> 44 & 0xffff,
            .privilege = tlb->mode & 3,
            .global = tlb_is_shared(hart, tlb) && walk_paging(hart, tlb->satp).levels,
            .sum = tlb->mode >> 2 & 1,
            .mxr = tlb->mode >> 3 & 1,
        };
        tell_side(&teller, 'r', &tlb->read);
        tell_side(&teller, 'w', &tlb->write);
        for (unsigned i = 0; i < TLB_EXEC_SIZE; i++)
            if (tlb->exec[i].tag != TLB_INVALID)
                tell(&teller, 'x', tlb->exec[i].tag, tlb->exec[i].paddr, 0);
        for (unsigned i = 0; i < TLB_IO_SIZE; i++)
            if (tlb->io[i].tag != TLB_INVALID)
                tell(&teller, 'd', tlb->io[i].tag, tlb->io[i].paddr, 0);
        for (unsigned i = 0; i < TLB_BESIDE_SIZE; i++)
            if (tlb->beside[i].tag != TLB_INVALID)
                tell(&teller, 'w', tlb->beside[i].tag, tlb->beside[i].paddr, 0);
    }
}
