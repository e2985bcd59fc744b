/* SPDX-License-Identifier: MIT
 *
 * Host code of memory accesses. Each goes to the address space's window, or has its host page's addend in
 * rdx, in one of three ways (passes/access.c), and then is one instruction. A look-up that fails is tried
 * again in C, which walks the page table. If that does not help either (a fault, a device, a range on two
 * pages), the region is left, and T1 does the access.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/fill.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/select/select.h"

_Static_assert(T2_SLOTS <= DBT_PAGE_SLOTS, "a region may have more slots than a hart");

#define SLOT_MEM(slot, member)                                                                               \
    hart_mem(DBT_HART_OFFSET(slots) + (slot) * sizeof(struct dbt_page_slot) +                                \
             offsetof(struct dbt_page_slot, member))

/* addend = the page's, from the TLB. The returned jump is taken if the TLB does not have it. */
static uint8_t *look_in_tlb(struct t2_emit *t, const struct t2_insn *insn, enum x86_reg base,
                            enum x86_reg addend)
{
    size_t side = insn->write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    return emit_look_up(t->dbt, &t->e, base, insn->lo, insn->hi, false, side, addend);
}

/* The same, from the page that the slot remembers. */
static uint8_t *look_in_slot(struct t2_emit *t, const struct t2_insn *insn, enum x86_reg base)
{
    struct x86_emit *e = &t->e;
    x86_lea(e, 64, X86_RCX, x86_mem(base, insn->lo));
    x86_op_mem(e, X86_SUB, 64, X86_RCX, SLOT_MEM(insn->slot, page));
    x86_op_mem(e, X86_CMP, 64, X86_RCX, SLOT_MEM(insn->slot, limit));
    return x86_jcc(e, X86_AE);
}

static void note_fill(struct t2_emit *t, const struct t2_insn *insn, uint8_t *miss)
{
    struct t2_cold *cold = t2_cold(t, T2_COLD_FILL, miss);
    cold->insn = insn;
    cold->exit = (uint16_t)t2_exit_here(t, insn);
    cold->back = x86_here(&t->e);
}

/* The register that keeps the slot's addend, or X86_NONE. */
static enum x86_reg slot_register(const struct t2_emit *t, unsigned slot)
{
    if (slot == T2_NONE || t->r->slot_home[slot] == T2_IN_HART)
        return X86_NONE;
    return (enum x86_reg)t->r->slot_home[slot];
}

/* The register with the addend, after a check if one is needed. */
static enum x86_reg find_addend(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    enum x86_reg kept = slot_register(t, insn->slot), addend = kept == X86_NONE ? X86_RDX : kept;
    if (insn->check == T2_CHECK_TLB) {
        uint8_t *miss = look_in_tlb(t, insn, t2_use(t, insn->a, X86_RCX), addend);
        note_fill(t, insn, miss);
        if (insn->slot != T2_NONE && kept == X86_NONE)
            x86_store(e, 64, SLOT_MEM(insn->slot, addend), X86_RDX);
        return addend;
    }
    uint8_t *miss = insn->check == T2_CHECK_PAGE ? look_in_slot(t, insn, t2_use(t, insn->a, X86_RCX)) : NULL;
    if (kept == X86_NONE)
        x86_load(e, 64, X86_RDX, SLOT_MEM(insn->slot, addend));
    if (miss)
        note_fill(t, insn, miss);
    return addend;
}

/* Where the access is, if its address is cut to 32 bits first. */
static struct x86_mem locate_cut(struct t2_emit *t, const struct t2_insn *insn, enum x86_reg addend)
{
    struct x86_emit *e = &t->e;
    enum x86_reg address = addend == X86_RDX ? X86_RCX : X86_RDX;
    x86_lea(e, 32, address, x86_mem(t2_use(t, insn->a, address), (int32_t)insn->imm));
    if (address == X86_RDX)
        return x86_mem_index(addend, X86_RDX, 0);
    x86_op(e, X86_ADD, 64, X86_RDX, X86_RCX);
    return x86_mem(X86_RDX, 0);
}

static struct x86_mem locate_in_window(struct t2_emit *t, const struct t2_insn *insn)
{
    enum x86_reg base = t2_use(t, insn->a, X86_RDX);
    if (!insn->bounded)
        t2_exit_from(t, emit_compare_bounds(&t->e, t->r->kind, base), t2_exit_here(t, insn));
    return window_mem(t->r->kind, base, (int32_t)insn->imm);
}

/* Where the access is in host memory; rcx is free behind it. */
static struct x86_mem locate(struct t2_emit *t, const struct t2_insn *insn)
{
    if (insn->check == T2_CHECK_WINDOW)
        return locate_in_window(t, insn);
    enum x86_reg addend = find_addend(t, insn);
    if (insn->cut)
        return locate_cut(t, insn, addend);
    if (t2_in_register(t, insn->a))
        return x86_mem_index(addend, t->r->home[insn->a], (int32_t)insn->imm);
    x86_mov(&t->e, 64, X86_RDX, addend);
    if (insn->a != T2_X0)
        x86_op_mem(&t->e, X86_ADD, 64, X86_RDX, t2_home(insn->a));
    return x86_mem(X86_RDX, (int32_t)insn->imm);
}

void t2_emit_fill(struct t2_emit *t, const struct t2_cold *cold)
{
    struct x86_emit *e = &t->e;
    const struct t2_insn *insn = cold->insn;
    unsigned span = (unsigned)(insn->hi - insn->lo), widest = span;
    uint32_t info = 0;
    if (insn->check == T2_CHECK_PAGE) {
        widest = (unsigned)t->r->slot_span[insn->slot];
        info |= FILL_PAGE | (insn->slot + 1u) << FILL_SLOT_SHIFT;
    }
    bool write = insn->check == T2_CHECK_PAGE ? t->r->slot_write[insn->slot] : insn->write;
    info |= span | widest << FILL_SPAN_BITS | (write ? FILL_WRITE : 0) |
            (insn->op == T2_STORE || insn->op == T2_FSTORE ? FILL_STORES : 0);
    x86_lea(e, 64, X86_RDX, x86_mem(t2_use(t, insn->a, X86_RDX), insn->lo));
    x86_mov_imm(e, X86_RCX, info);
    x86_call_to(e, t->dbt->fill);
    t2_exit_if(t, X86_E, cold->exit);
    if (slot_register(t, insn->slot) != X86_NONE)
        x86_mov(e, 64, slot_register(t, insn->slot), X86_RDX);
    x86_jmp_to(e, cold->back);
}

/* After a fault: if the window has the page now, the access is tried again; otherwise the region is left. */
void t2_emit_window_fill(struct t2_emit *t, const struct t2_cold *cold)
{
    struct x86_emit *e = &t->e;
    const struct t2_insn *insn = cold->insn;
    if (!code_cache_fault(&t->dbt->cache, cold->site, e->at))
        t->full = true;
    x86_lea(e, 64, X86_RDX, x86_mem(t2_use(t, insn->a, X86_RDX), (int32_t)insn->imm));
    x86_mov_imm(e, X86_RCX,
                insn->bits / 8 | (t2_is_store(insn) ? FILL_WINDOW_STORES : 0) |
                    insn->offset << FILL_WINDOW_OFFSET_SHIFT);
    x86_call_to(e, t->dbt->window_fill);
    t2_exit_if(t, X86_E, cold->exit);
    x86_jmp_to(e, cold->back);
}

/* The next host instruction is the access, which began at `start`. */
static void access_here(struct t2_emit *t, const struct t2_insn *insn, const uint8_t *start)
{
    if (insn->check != T2_CHECK_WINDOW)
        return;
    struct t2_cold *cold = t2_cold(t, T2_COLD_WINDOW, t->e.at);
    cold->insn = insn;
    cold->exit = (uint16_t)t2_exit_here(t, insn);
    cold->back = start;
}

void t2_emit_access(struct t2_emit *t, const struct t2_insn *insn)
{
    struct x86_emit *e = &t->e;
    unsigned boxed_bit = 1u << (insn->op == T2_FLOAD ? insn->d - T2_F0 : 0);
    if (insn->op == T2_FSTORE)
        t2_emit_canon(t, insn->b);
    const uint8_t *start = x86_here(e);
    struct x86_mem at = locate(t, insn);
    if (t->dbt->check) {
        struct x86_mem vaddr = x86_mem(t2_use(t, insn->a, X86_RCX), (int32_t)insn->imm);
        (insn->check == T2_CHECK_WINDOW ? check_emit_window : check_emit)(
            t->dbt, e, vaddr, at, insn->bits / 8u, t2_is_store(insn), insn->offset);
    }
    switch (insn->op) {
    case T2_LOAD:
        if (insn->d != T2_NONE || insn->check == T2_CHECK_WINDOW) {
            enum x86_reg to = insn->d == T2_NONE ? X86_RCX : t2_dest(t, insn->d, X86_RCX);
            access_here(t, insn, start);
            x86_load_extend_to(e, t->r->isa.xlen, insn->bits, insn->sign, to, at);
            t2_set(t, insn->d, to);
        }
        break;
    case T2_STORE: {
        enum x86_reg value = t2_use(t, insn->b, X86_RCX);
        access_here(t, insn, start);
        x86_store(e, insn->bits, at, value);
        break;
    }
    case T2_FLOAD: {
        unsigned to = t2_in_register(t, insn->d) ? t->r->home[insn->d] : 0;
        access_here(t, insn, start);
        x86_vload(e, insn->bits, to, at);
        t2_set_f(t, insn->d, to);
        if (insn->bits == 32)
            t2_emit_box(t, insn->d);
        t->fp.not_nan &= ~boxed_bit;
        t->fp.canonical |= boxed_bit;
        t->fp.boxed = insn->bits == 32 ? t->fp.boxed | boxed_bit : t->fp.boxed & ~boxed_bit;
        break;
    }
    default: {
        unsigned value = t2_use_f(t, insn->b, 0);
        access_here(t, insn, start);
        x86_vstore(e, insn->bits, at, value);
        break;
    }
    }
}
