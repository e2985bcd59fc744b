/* SPDX-License-Identifier: MIT
 *
 * How control leaves a translated block.
 *
 * To a place in the same page it goes by a jump that leads to a stub until the target is translated, and is
 * patched then. Backward jumps check the budget first, so that every loop passes such a check. To a known
 * place in another page it goes by such a jump, too, after a check that the page is still in the same place
 * of memory. To all other places it goes by the table of the address space (struct tlb_native). If the pc is
 * not in the table, it is searched for; if no block is found, the hart leaves translated code.
 */
#include "dbt/runtime/link.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/vex.h"

void t1_add_link(struct t1 *t, uint8_t *site, unsigned target)
{
    struct t1_link *link = t1_link_make(t->dbt, &t->block->owner, site, target);
    if (!link) {
        t->full = true;
        return;
    }
    t1_cold(t, T1_COLD_LINK, site)->link = link;
}

void t1_jump_linked(struct t1 *t, int cond, unsigned target)
{
    struct x86_emit *e = &t->e;
    x86_align_patch_at(e, cond == T1_ALWAYS ? e->at : t->compare, cond == T1_ALWAYS ? 1 : 2);
    uint8_t *site = cond == T1_ALWAYS ? x86_jmp(e) : x86_jcc(e, (enum x86_cond)cond);
    t1_add_link(t, site, target);
}

/* Writes the check of the budget: if it is used up, the slice ends. */
static void look_at_budget(struct t1 *t, enum t1_cold_kind kind, uint32_t where)
{
    x86_test(&t->e, 32, HOST_BUDGET, HOST_BUDGET);
    struct t1_cold *cold = t1_cold(t, kind, x86_jcc(&t->e, X86_S));
    cold->where = where;
    cold->back = x86_here(&t->e);
}

/* Continues at the guest pc in rax. */
static void jump_indirect(struct t1 *t)
{
    look_at_budget(t, T1_COLD_SLICE_PC, 0);
    emit_jump_by_table(t->dbt, &t->e);
}

void t1_check_page(struct t1 *t, enum x86_reg page, uint64_t paddr, uint8_t *other[2])
{
    struct x86_emit *e = &t->e;
    _Static_assert(sizeof(struct tlb_exec) == 16, "the shift");
    if (t->dbt->host.v3) {
        x86_rotate_right(e, 32, X86_RDX, page, PAGE_SHIFT - 4);
    } else {
        x86_mov(e, 32, X86_RDX, page);
        x86_shift_imm(e, X86_SHR, 32, X86_RDX, PAGE_SHIFT - 4);
    }
    x86_op_imm(e, X86_AND, 32, X86_RDX, (TLB_EXEC_SIZE - 1) << 4);
    x86_op_mem(e, X86_CMP, 64, page, tlb_bytes(X86_RDX, offsetof(struct tlb, exec[0].tag)));
    other[0] = x86_jcc(e, X86_NE);
    /* Bits 8 to 39 of the address: one instruction cannot compare more. */
    x86_mem_op_imm(e, X86_CMP, 32, tlb_bytes(X86_RDX, offsetof(struct tlb, exec[0].paddr) + 1),
                   (int32_t)(uint32_t)(paddr >> 8));
    other[1] = x86_jcc(e, X86_NE);
}

/* *paddr = the physical address of the page that is `distance` bytes from the block's own, as the hart sees
 * it now. False: the hart's TLB does not have that page, or t1_check_page() cannot tell it from others. */
static bool page_is_at(const struct t1 *t, int32_t distance, uint64_t *paddr)
{
    uint64_t vaddr = (t->hart->pc & PAGE_MASK) + (uint64_t)(int64_t)distance;
    if (XLEN == 32)
        vaddr = (uint32_t)vaddr;
    const struct tlb_exec *entry = &t->hart->tlb_fetch->exec[TLB_EXEC_INDEX(vaddr)];
    *paddr = entry->paddr;
    return entry->tag == vaddr && t1_can_check_page(entry->paddr);
}

/* Jumps to an offset from this page that lies in another one. As long as that page is in the same place of
 * memory as it is now, the jump is linked like one in the page; otherwise the table decides. rax holds the
 * address of the present page. The budget is checked for forward jumps, too: any number of pages may be the
 * same page of memory, and such jumps may be calls, which use up the host's stack. */
static void jump_far(struct t1 *t, int32_t target)
{
    struct x86_emit *e = &t->e;
    int32_t offset = target & (int32_t)(PAGE_SIZE - 1);
    uint64_t paddr;
    x86_lea(e, XLEN, X86_RCX, x86_mem(X86_RAX, target - offset));
    x86_lea(e, XLEN, X86_RAX, x86_mem(X86_RAX, target));
    look_at_budget(t, T1_COLD_SLICE_PC, 0);
    if (!page_is_at(t, target - offset, &paddr)) {
        emit_jump_by_table_far(t->dbt, e, (unsigned)offset);
        return;
    }
    uint8_t *other[2];
    t1_check_page(t, X86_RCX, paddr, other);
    x86_store(e, 64, DBT_MEM(page), X86_RCX);
    x86_align_patch(e, 1);
    t1_add_link(t, x86_jmp(e), (unsigned)offset);
    for (unsigned i = 0; i < 2 && !e->overflow; i++)
        x86_patch(other[i], e->run, t->dbt->jump);
}

void t1_emit_call_far(struct t1 *t, int32_t target)
{
    jump_far(t, target);
}

void t1_goto(struct t1 *t, int cond, int target)
{
    struct x86_emit *e = &t->e;
    bool in_page = target >= 0 && target < (int)PAGE_SIZE;
    bool backward = target <= (int)(t->source->paddr & (PAGE_SIZE - 1));
    if (cond == T1_ALWAYS)
        t->ended = true;
    if (cond == T1_ALWAYS && in_page && !backward && t1_runs_on(t, (unsigned)target))
        return;
    if (in_page && !backward) {
        t1_jump_linked(t, cond, (unsigned)target);
        return;
    }
    uint8_t *over = cond == T1_ALWAYS ? NULL : x86_jcc(e, (enum x86_cond)(cond ^ 1));
    if (t->again.wanted) {
        t1_again_go(t);
    } else if (in_page) {
        look_at_budget(t, T1_COLD_SLICE_AT, (uint32_t)target);
        t1_jump_linked(t, T1_ALWAYS, (unsigned)target);
    } else {
        x86_load(e, 64, X86_RAX, DBT_MEM(page));
        jump_far(t, target);
    }
    if (over && !e->overflow)
        x86_patch(over, e->run, x86_here(e));
    t->again.wanted = false;
    t1_clear_upper(t);
}

void t1_leave(struct t1 *t, unsigned offset)
{
    x86_mov_imm(&t->e, X86_RAX, offset);
    x86_jmp_to(&t->e, t->dbt->leave_at);
    t->ended = true;
}

static void set_link_register(struct t1 *t)
{
    if (!t->op.rd)
        return;
    enum x86_reg to = t1_dest(t);
    if (to == X86_RAX)
        to = X86_RCX; /* rax may hold the target */
    x86_load(&t->e, 64, to, DBT_MEM(page));
    x86_op_imm(&t->e, X86_ADD, XLEN, to, (int32_t)(t->offset + t->op.length));
    t1_set(t, to);
}

/* A branch. `cond` is the condition when rs1 is compared with rs2; `cond_of_zero` is the condition when rs2
 * is compared with 0, which is done if rs1 is x0. */
static bool branch(struct t1 *t, enum x86_cond cond, enum x86_cond cond_of_zero)
{
    struct x86_emit *e = &t->e;
    int target = (int)t->offset + t->op.imm;
    bool zero = t->op.rs1 == 0;
    t->compare = e->at;
    enum x86_reg a = t1_use(t, zero ? t->op.rs2 : t->op.rs1, X86_RAX);
    if (zero || t->op.rs2 == 0)
        x86_test(e, XLEN, a, a);
    else
        t1_op_guest(t, X86_CMP, XLEN, a, t->op.rs2);
    t1_goto(t, (int)(zero ? cond_of_zero : cond), target);
    t1_goto(t, T1_ALWAYS, (int)(t->offset + t->op.length));
    return true;
}

/* Writes the code at which the host's `ret` arrives, which is the guest's return; rax holds the guest pc. */
static void emit_landing(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_lea(e, 64, X86_RSP, x86_mem(X86_RSP, 8));
    /* The page of the call, even if the next instruction is the first of the next page. */
    int next = (int)(t->offset + t->op.length);
    x86_lea(e, XLEN, X86_RCX, x86_mem(X86_RAX, -next));
    x86_store(e, 64, DBT_MEM(page), X86_RCX);
    t1_goto(t, T1_ALWAYS, next);
}

enum call { CALL_NEAR, CALL_FAR, CALL_INDIRECT };

/* A call: the guest's return address goes on the host's stack, and a host call leads to the target, so that
 * the guest's return can be a host `ret`. The target of an indirect call is in rax; that of others is
 * relative to the page. */
static void emit_call(struct t1 *t, enum call kind, int32_t target)
{
    struct x86_emit *e = &t->e;
    int32_t next = (int32_t)(t->offset + t->op.length);
    enum x86_reg page = kind == CALL_INDIRECT ? X86_RCX : X86_RAX;
    x86_load(e, 64, page, DBT_MEM(page));
    x86_lea(e, XLEN, X86_RCX, x86_mem(page, next));
    t1_set(t, X86_RCX); /* before the check, which may leave and continue at the target */
    if (kind == CALL_NEAR && (unsigned)target <= (t->source->paddr & (PAGE_SIZE - 1)))
        look_at_budget(t, T1_COLD_SLICE_AT, (uint32_t)target);
    x86_push(e, X86_RCX);
    x86_align_patch(e, 1);
    uint8_t *site = x86_call(e);
    if (kind == CALL_NEAR)
        t1_add_link(t, site, (unsigned)target);
    else
        t1_cold(t, kind == CALL_FAR ? T1_CALL_FAR : T1_CALL_INDIRECT, site)->where = (uint32_t)target;
    t->has_way = kind != CALL_NEAR;
    emit_landing(t);
}

/* The link registers of the calling convention: x1 and x5 (Unpriv. 2.5.1). */
static bool is_link(unsigned guest)
{
    return guest == 1 || guest == 5;
}

/* A direct jump or call to an offset from this page. */
static bool jump_direct(struct t1 *t, int32_t target)
{
    bool in_page = target >= 0 && target < (int32_t)PAGE_SIZE;
    if (is_link(t->op.rd)) {
        emit_call(t, in_page ? CALL_NEAR : CALL_FAR, target);
    } else {
        set_link_register(t);
        t1_goto(t, T1_ALWAYS, target);
    }
    return true;
}

/* auipc and jalr that together call a function which is too far for the 20 bits of jal: no code sees the
 * value that auipc would leave in the register. True: both instructions are done. */
bool t1_lower_far_call(struct t1 *t)
{
    struct isa_operands next;
    if (t->op.insn != ISA_INSN_auipc || !is_link(t->op.rd) || t->index + 1 == t->block->count)
        return false;
    t1_decode(t, t->index + 1, &next);
    int64_t target = (t->offset + t->op.imm + next.imm) & ~1ll;
    if (next.insn != ISA_INSN_jalr || next.rd != t->op.rd || next.rs1 != t->op.rd ||
        target != (int32_t)target)
        return false;
    t1_clear_upper(t);
    t->index++;
    t->offset += t->op.length;
    t->op = next;
    jump_direct(t, (int32_t)target);
    t->ended = true;
    return true;
}

/* Zicfilp: if the mode has landing pads, the interpreter's handler does the jump, and the run loop checks for
 * a pad. */
static void look_for_pads(struct t1 *t)
{
    if (!isa_has(&t->hart->isa, ISA_Zicfilp) || isa_is_guarded_jump(t->op.rs1))
        return;
    x86_mem_op_imm(&t->e, X86_CMP, 32, HART_MEM(pads), 0);
    struct t1_cold *cold = t1_cold(t, T1_COLD_SYSTEM, x86_jcc(&t->e, X86_NE));
    cold->insn = t1_make_insn(t);
    if (cold->insn)                                 /* otherwise the segment is full */
        cold->insn->aux = t->offset + t->op.length; /* as cpu/block.c sets it for a jump */
}

static bool jump_register(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    look_for_pads(t);
    int64_t target = (t->value + t->op.imm) & ~1ll;
    /* after auipc: a direct jump, too far for the 20 bits of jal */
    if (t->op.rs1 && t->op.rs1 == t->constant && t->relative && target == (int32_t)target)
        return jump_direct(t, (int32_t)target);
    t1_copy(t, X86_RAX, t->op.rs1);
    if (t->op.imm)
        x86_op_imm(e, X86_ADD, XLEN, X86_RAX, t->op.imm);
    x86_op_imm(e, X86_AND, 64, X86_RAX, -2);
    if (is_link(t->op.rd)) {
        emit_call(t, CALL_INDIRECT, 0);
    } else if (t->op.rd == 0 && is_link(t->op.rs1)) {
        if (t->dbt->exact) /* calls and returns alone could go on for long */
            look_at_budget(t, T1_COLD_SLICE_PC, 0);
        x86_mem_op(e, X86_CMP, 64, x86_mem(X86_RSP, 8), X86_RAX);
        uint8_t *other = x86_jcc(e, X86_NE);
        if (!e->overflow)
            x86_patch(other, e->run, t->dbt->return_other);
        x86_ret(e);
    } else {
        set_link_register(t);
        jump_indirect(t);
    }
    return true;
}

void t1_emit_call_indirect(struct t1 *t)
{
    jump_indirect(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define JUMP(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
