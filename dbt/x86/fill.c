/* SPDX-License-Identifier: MIT
 *
 * What a region calls when it has no addend for an access: first a quick look into the TLB, then C, which
 * walks the page table. If the region wants that, a slot remembers the page.
 */
#include "dbt/x86/fill.h"

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "dbt/runtime/windows.h"
#include "dbt/x86/fragments.h"

/* ---- The look-up in C ---------------------------------------------------------------------------------- */

static bool find_page(struct hart *hart, uint64_t vaddr, unsigned span, uint32_t info, uint8_t **host)
{
    struct tlb *tlb = hart->tlb_data;
    bool write = info & FILL_WRITE;
    const struct tlb_side *side = write ? &tlb->write : &tlb->read;
    enum mmu_access access = write ? MMU_WRITE : MMU_READ;
    if (mem_hit(side, vaddr, 1)) {
        *host = mem_hit_host(side, vaddr);
        return true;
    }
    if (tlb_recall(hart, vaddr, span, access, host))
        return true;
    /* D must not be set before the store is sure to happen (Priv. "Virtual Address Translation Process"). */
    if (write && !(info & FILL_STORES))
        return false;
    struct mmu_result result;
    if (mmu_translate(hart, vaddr, span, access, &result) != MMU_OK || !result.host || !result.cacheable)
        return false;
    *host = result.host;
    return true;
}

/* Finds the host page of [vaddr, vaddr + span), and notes the addend in dbt_hart.addend and in the slot.
 * False: the slow path must do the access. The guest sees no change but that of A and D bits. Called from
 * translated code. */
static bool fill(struct hart *hart, uint64_t vaddr, uint32_t info)
{
    const unsigned mask = (1u << FILL_SPAN_BITS) - 1;
    unsigned span = info & mask, widest = info >> FILL_SPAN_BITS & mask;
    uint8_t *host;
    if (hart->isa.xlen == 32 && vaddr >> 32) /* it wraps: T1's slow path knows where it goes */
        return false;
    if ((vaddr ^ (vaddr + span - 1)) & PAGE_MASK || !find_page(hart, vaddr, span, info, &host))
        return false;
    dbt_hart(hart)->addend = (uint64_t)(uintptr_t)host - vaddr;
    if (info & FILL_PAGE)
        dbt_hart(hart)->slots[(info >> FILL_SLOT_SHIFT) - 1] =
            (struct dbt_page_slot){ vaddr & PAGE_MASK, PAGE_SIZE - widest + 1, dbt_hart(hart)->addend };
    return true;
}

/* ---- Host code ----------------------------------------------------------------------------------------- */

/* The same without C, for a page that the TLB has; falls through if the TLB does not have it. Only rcx and
 * rdx may change. */
static void build_quick_fill(struct x86_emit *e)
{
    const int32_t slots = (int32_t)DBT_HART_OFFSET(slots);
    const unsigned mask = (1u << FILL_SPAN_BITS) - 1;
    _Static_assert(offsetof(struct tlb, write) - offsetof(struct tlb, read) == 1 << 13,
                   "one bit tells the tables apart");
    _Static_assert(FILL_WRITE == 1 << 20, "and comes from there");
    x86_push(e, X86_RAX);
    x86_push(e, X86_RSI);
    x86_mov(e, 32, X86_RAX, X86_RCX); /* all in one page? */
    x86_op_imm(e, X86_AND, 32, X86_RAX, (int32_t)mask);
    x86_lea(e, 64, X86_RAX, x86_mem_index(X86_RAX, X86_RDX, -1));
    x86_op(e, X86_XOR, 64, X86_RAX, X86_RDX);
    x86_op_imm(e, X86_AND, 64, X86_RAX, -(int32_t)PAGE_SIZE);
    uint8_t *crosses = x86_jcc(e, X86_NE);
    x86_mov(e, 32, X86_RAX, X86_RDX); /* the entry */
    x86_shift_imm(e, X86_SHR, 32, X86_RAX, PAGE_SHIFT - 3);
    x86_op_imm(e, X86_AND, 32, X86_RAX, (TLB_SIZE - 1) << 3);
    x86_mov(e, 32, X86_RSI, X86_RCX);
    x86_shift_imm(e, X86_SHR, 32, X86_RSI, 20 - 13);
    x86_op_imm(e, X86_AND, 32, X86_RSI, 1 << 13);
    x86_op(e, X86_ADD, 32, X86_RAX, X86_RSI);
    x86_mov(e, 64, X86_RSI, X86_RDX);
    x86_shift_imm(e, X86_SHR, 64, X86_RSI, PAGE_SHIFT);
    x86_op_mem(e, X86_CMP, 64, X86_RSI, tlb_bytes(X86_RAX, offsetof(struct tlb, read.tag)));
    uint8_t *misses = x86_jcc(e, X86_NE);
    x86_load(e, 64, X86_RAX, tlb_bytes(X86_RAX, offsetof(struct tlb, read.addend)));
    x86_op_imm(e, X86_AND, 64, X86_RDX, -(int32_t)PAGE_SIZE); /* the slot */
    x86_mov(e, 32, X86_RSI, X86_RCX);
    x86_shift_imm(e, X86_SHR, 32, X86_RSI, FILL_SLOT_SHIFT);
    uint8_t *no_slot = x86_jcc(e, X86_E);
    const int32_t slot = slots - HART_BIAS - (int32_t)sizeof(struct dbt_page_slot);
    x86_imul_imm(e, 32, X86_RSI, X86_RSI, sizeof(struct dbt_page_slot));
    x86_store(e, 64, x86_mem_index(HOST_HART, X86_RSI, slot + (int32_t)offsetof(struct dbt_page_slot, page)),
              X86_RDX);
    x86_store(e, 64,
              x86_mem_index(HOST_HART, X86_RSI, slot + (int32_t)offsetof(struct dbt_page_slot, addend)),
              X86_RAX);
    x86_mov(e, 32, X86_RDX, X86_RCX);
    x86_shift_imm(e, X86_SHR, 32, X86_RDX, FILL_SPAN_BITS);
    x86_op_imm(e, X86_AND, 32, X86_RDX, (int32_t)mask);
    x86_neg(e, 32, X86_RDX);
    x86_op_imm(e, X86_ADD, 32, X86_RDX, PAGE_SIZE + 1);
    x86_store(e, 64, x86_mem_index(HOST_HART, X86_RSI, slot + (int32_t)offsetof(struct dbt_page_slot, limit)),
              X86_RDX);
    x86_patch(no_slot, e->run, x86_here(e));
    x86_mov(e, 64, X86_RDX, X86_RAX);
    x86_pop(e, X86_RSI);
    x86_pop(e, X86_RAX);
    x86_test(e, 64, X86_RSP, X86_RSP); /* not zero */
    x86_ret(e);
    x86_patch(crosses, e->run, x86_here(e));
    x86_patch(misses, e->run, x86_here(e));
    x86_pop(e, X86_RSI);
    x86_pop(e, X86_RAX);
}

/* The same for an access to a window: maps the page there. Called from translated code. */
static bool window_fill(struct hart *hart, uint64_t vaddr, uint32_t info)
{
    return windows_fill(hart, vaddr, info & FILL_WINDOW_SIZE, info & FILL_WINDOW_STORES,
                        info >> FILL_WINDOW_OFFSET_SHIFT);
}

/* A call of C that returns whether the page is there. All registers keep their values except rcx and rdx. */
static void build_call(struct dbt *dbt, struct x86_emit *e,
                       bool (*function)(struct hart *, uint64_t, uint32_t))
{
    static const enum x86_reg saved[] = { X86_RAX, X86_RSI, X86_RDI, X86_R8, X86_R9, X86_R10, X86_R11 };
    for (unsigned i = 0; i < 7; i++)
        x86_push(e, saved[i]);
    emit_save_xmm(dbt, e);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_mov(e, 64, X86_RSI, X86_RDX);
    x86_mov(e, 32, X86_RDX, X86_RCX);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)function);
    x86_call_reg(e, X86_RAX);
    x86_extend(e, 8, false, X86_RCX, X86_RAX); /* bool */
    emit_restore_xmm(dbt, e);
    for (unsigned i = 7; i-- > 0;)
        x86_pop(e, saved[i]);
    x86_load(e, 64, X86_RDX, DBT_MEM(addend));
    x86_test(e, 32, X86_RCX, X86_RCX);
    x86_ret(e);
}

/* fill (rdx: address, ecx: `info` of fill()) returns the addend in rdx, or with the zero flag set. All other
 * registers keep their values except rcx; of xmm registers the low halves do, which is all that regions
 * use. */
void fill_build(struct dbt *dbt, struct x86_emit *e)
{
    dbt->fill = x86_here(e);
    build_quick_fill(e);
    build_call(dbt, e, fill);
    dbt->window_fill = x86_here(e);
    build_call(dbt, e, window_fill);
}
