/* SPDX-License-Identifier: MIT
 *
 * The fixed pieces of host code at the start of the cache: they enter and leave translated code, and call C
 * for it.
 *
 * - enter(hart + bias, entry) saves the registers that C wants kept, loads the pinned registers, and jumps to
 *   `entry`.
 * - leave stores the pinned registers and returns from enter(). leave_at (eax: page offset), leave_miss (rax:
 *   pc) and leave_link (eax: link) first note where the guest is.
 * - slice_at (eax) and slice_pc (rax) are called when the budget is used up: they give a new one, or leave if
 *   the hart has a request to serve.
 * - read and write (rax: address, rcx: value, edx: where the instruction is) are the slow path of memory
 *   accesses; window_read and window_write are that of accesses whose page is not in the window.
 * - exec (rax: struct insn) runs an instruction by its interpreter handler. csr does the same for one that
 *   ends a block, and returns if the guest continues behind it; system, which is jumped to, does it for one
 *   that continues wherever pc then is.
 * - link (eax: link) links the jump and continues at its target, if that is translated, or leaves.
 * - jump (rax: guest pc) continues there, by the table of the address space; find does so for a pc that is
 *   not in the table.
 * - return_other (rax: guest pc) is for returns that do not go where the newest call came from.
 * - judge (rax: ref of a region) ends the region's trial and continues where t2_judge() says.
 * - round (rax: struct insn) makes MXCSR round as frm says, or executes the instruction.
 * - flip_status (edx) changes bits of mstatus that choose another TLB.
 * - resume continues at pc after a trap, if its translation is known in the present address space, or leaves.
 *
 * Translated code runs with rsp = 0 modulo 16.
 */
#include <stddef.h>

#include "cpu/mmu/mem.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"
#include "dbt/runtime/find.h"
#include "dbt/runtime/windows.h"
#include "dbt/x86/check.h"
#include "dbt/x86/evex.h"
#include "dbt/x86/fill.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/thunks.h"
#include "dbt/x86/vex.h"
#include "util/check.h"

/* ---- What the thunks call ------------------------------------------------------------------------------ */

/* Makes instret exact: all blocks that were started count in full. */
static void sync_in(struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    atomic_store_explicit(&hart->instret, state->end - (uint64_t)(int64_t)state->budget,
                          memory_order_relaxed);
    hart->pc = state->page;
}

/* After a trap instret is exact, and the end of the budget follows it. */
static void sync_trapped(struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    state->end =
        atomic_load_explicit(&hart->instret, memory_order_relaxed) + (uint64_t)(int64_t)state->budget;
}

/* After C code that may have taken long, or that made an interrupt pending: if the hart has a request to
 * serve, the slice ends at the next check. */
static void end_slice_on_request(struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    if (!atomic_load_explicit(&hart->requests, memory_order_relaxed))
        return;
    state->end -= (uint64_t)((int64_t)state->budget + 1);
    state->budget = -1;
}

/* `where`: the low 12 bits are the offset in the page, the bits above them the number of instructions of the
 * block that are not done. */
static const struct insn *stand_in(struct hart *hart, uint32_t where)
{
    struct insn *insn = &dbt_hart(hart)->block->insns[BLOCK_INSNS_MAX - (where >> 12)];
    insn->offset = where & 0xfff;
    insn->length = 0; /* not known here */
    hart->block = dbt_hart(hart)->block;
    sync_in(hart);
    return insn;
}

/* If an access crosses from one page to the next and the TLB has both, *room is the number of bytes in the
 * first. A page that translated code may not touch without the slow path is not in the TLB. */
static bool crossing(const struct tlb_side *side, uint64_t vaddr, unsigned size, uint8_t *host[2],
                     unsigned *room)
{
    uint64_t last = vaddr + size - 1;
    *room = PAGE_SIZE - (unsigned)(vaddr & (PAGE_SIZE - 1));
    if (*room >= size || side->tag[TLB_INDEX(vaddr)] != vaddr >> PAGE_SHIFT ||
        side->tag[TLB_INDEX(last)] != last >> PAGE_SHIFT)
        return false;
    host[0] = (uint8_t *)(uintptr_t)(vaddr + side->addend[TLB_INDEX(vaddr)]);
    host[1] = (uint8_t *)(uintptr_t)((last & PAGE_MASK) + side->addend[TLB_INDEX(last)]);
    return true;
}

static bool slow_read(struct hart *hart, uint64_t vaddr, uint32_t where, unsigned size)
{
    uint8_t *host[2];
    unsigned room;
    /* It reads eight bytes on either side. */
    if (crossing(&hart->tlb_data->read, vaddr, size, host, &room)) {
        uint64_t first = mem_host_read(host[0] + room - 8, 8) >> (64 - 8 * room);
        hart->loaded = (first | mem_host_read(host[1], 8) << 8 * room) & UINT64_MAX >> (64 - 8 * size);
        return true;
    }
    bool done = mem_read_slow(hart, stand_in(hart, where), vaddr, size);
    if (done)
        end_slice_on_request(hart);
    else
        sync_trapped(hart);
    return done;
}

/* The same if a window did not have the page; for the next time, the page is mapped. */
static bool window_read(struct hart *hart, uint64_t vaddr, uint32_t where, unsigned size)
{
    bool done = slow_read(hart, vaddr, where, size);
    if (done)
        windows_missed(hart, vaddr, size, false, where & 0xfff);
    return done;
}

static bool slow_write(struct hart *hart, uint64_t vaddr, uint32_t where, unsigned size, uint64_t value)
{
    uint8_t *host[2];
    unsigned room;
    if (crossing(&hart->tlb_data->write, vaddr, size, host, &room)) {
        for (unsigned i = 0; i < size; i++)
            mem_host_write(i < room ? host[0] + i : host[1] + (i - room), 1, value >> 8 * i);
        return true;
    }
    bool done = mem_write_slow(hart, stand_in(hart, where), vaddr, size, value);
    if (done)
        end_slice_on_request(hart);
    else
        sync_trapped(hart);
    return done;
}

static bool window_write(struct hart *hart, uint64_t vaddr, uint32_t where, unsigned size, uint64_t value)
{
    bool done = slow_write(hart, vaddr, where, size, value);
    if (done)
        windows_missed(hart, vaddr, size, true, where & 0xfff);
    else
        windows_left(hart, vaddr, where & 0xfff);
    return done;
}

#define SLOW(size)                                                                                           \
    static bool read_##size(struct hart *hart, uint64_t vaddr, uint32_t where)                               \
    {                                                                                                        \
        return slow_read(hart, vaddr, where, size);                                                          \
    }                                                                                                        \
    static bool write_##size(struct hart *hart, uint64_t vaddr, uint32_t where, uint64_t value)              \
    {                                                                                                        \
        return slow_write(hart, vaddr, where, size, value);                                                  \
    }                                                                                                        \
    static bool window_read_##size(struct hart *hart, uint64_t vaddr, uint32_t where)                        \
    {                                                                                                        \
        return window_read(hart, vaddr, where, size);                                                        \
    }                                                                                                        \
    static bool window_write_##size(struct hart *hart, uint64_t vaddr, uint32_t where, uint64_t value)       \
    {                                                                                                        \
        return window_write(hart, vaddr, where, size, value);                                                \
    }
SLOW(1)
SLOW(2)
SLOW(4)
SLOW(8)

/* Follows the instruction in the stand-in block. */
static void handler_done(struct hart *hart, const struct insn *insn)
{
    (void)insn;
    dbt_hart(hart)->done = true;
}

/* `insn` is in a struct t1_handler. It is copied into the stand-in block, to the place that tells a trap how
 * many instructions were not done, and instret becomes exact, so that the handler can run. */
static DBT_THROUGH_CODE const struct insn *own_insn(struct hart *hart, const struct insn *insn)
{
    unsigned undone = ((const struct t1_handler *)(const void *)insn)->undone;
    struct insn *own = &dbt_hart(hart)->block->insns[BLOCK_INSNS_MAX - undone];
    own[0] = *insn;
    own[1].exec = handler_done;
    hart->block = dbt_hart(hart)->block;
    dbt_hart(hart)->done = false;
    sync_in(hart);
    return own;
}

static bool exec_insn(struct hart *hart, const struct insn *insn)
{
    const struct insn *own = own_insn(hart, insn);
    uint8_t rm = hart->fp.host_rm;
    own->exec(hart, own);
    if (hart->fp.host_rm != rm)
        fp_host_rm_switch(&hart->fp, rm); /* code of the block may rely on it */
    if (!dbt_hart(hart)->done)
        sync_trapped(hart);
    return dbt_hart(hart)->done;
}

/* ---- Going on elsewhere -------------------------------------------------------------------------------- */

/* Serves the interrupts that other threads, or the guest itself, made pending or enabled. False: there is
 * more for the run loop to do. */
static bool serve_interrupts(struct hart *hart)
{
    unsigned requests;
    while ((requests = atomic_load_explicit(&hart->requests, memory_order_acquire)) != 0) {
        if (requests != HART_REQUEST_IRQ)
            return false;
        atomic_fetch_and(&hart->requests, ~(unsigned)HART_REQUEST_IRQ); /* before its causes are looked at */
        if (!trap_take_interrupt(hart))
            return true;
    }
    return true;
}

/* After an instruction that may have changed anything: the translation at pc in the present address space;
 * NULL: none is known, or the run loop must act. pc and instret are exact. */
static const uint8_t *resume(struct hart *hart)
{
    if (!serve_interrupts(hart) || hart->tlb_data != hart->tlb_fetch || hart->pad_expected)
        return NULL;
    struct dbt_hart *state = dbt_hart(hart);
    if (state->budget < 0) {
        if (--state->slices < 0)
            return NULL;
        state->budget += DBT_SLICE;
        state->end += DBT_SLICE;
    }
    state->page = hart->pc & PAGE_MASK;
    const struct tlb_native *native = &hart->tlb_fetch->native[TLB_NATIVE_INDEX(hart->pc)];
    return native->pc == hart->pc ? native->code : dbt_find(hart, hart->pc);
}

static void exec_system(struct hart *hart, const struct insn *insn)
{
    const struct insn *own = own_insn(hart, insn);
    own->exec(hart, own);
    sync_trapped(hart); /* in case it trapped */
}

static const uint8_t *system_insn(struct hart *hart, const struct insn *insn)
{
    exec_system(hart, insn);
    return resume(hart);
}

static uint64_t behind(struct hart *hart, const struct insn *insn)
{
    uint64_t pc = dbt_hart(hart)->page + insn->offset + insn->length;
    return hart->isa.xlen == 32 ? (uint32_t)pc : pc;
}

/* What csr_insn() and round_insn() return if the guest continues behind the instruction. */
#define STAY ((const uint8_t *)1)

static const uint8_t *csr_insn(struct hart *hart, const struct insn *insn)
{
    uint64_t next = behind(hart, insn);
    enum privilege priv = hart->priv;
    uint32_t virt = hart->hyper.virt;
    unsigned kind = hart->tlb_fetch->kind;
    exec_system(hart, insn);
    bool served = serve_interrupts(hart);
    /* If a trap leads to the same pc with the same privilege, it is right to continue there, too. */
    if (served && hart->pc == next && hart->priv == priv && hart->hyper.virt == virt &&
        hart->tlb_data == hart->tlb_fetch && hart->tlb_fetch->kind == kind)
        return STAY;
    return resume(hart);
}

/* MXCSR does not round as frm says, but the instruction wants that: now it does, and the instruction can be
 * done inline. If the host has no such mode, the handler executes the instruction (or traps), and the block
 * is left. */
static const uint8_t *round_insn(struct hart *hart, const struct insn *insn)
{
    if (hart->fp.frm <= FP_RUP) {
        fp_host_rm_switch(&hart->fp, hart->fp.frm);
        return STAY;
    }
    if (exec_insn(hart, insn)) {
        /* The rest of the block is not done. */
        dbt_hart(hart)->budget += (int32_t)((const struct t1_handler *)(const void *)insn)->undone - 1;
        sync_in(hart);
        hart->pc = behind(hart, insn);
    }
    return resume(hart);
}

/* Changes bits of mstatus that choose the TLB; never MPRV. Returns the old value; or all ones: nothing was
 * changed, since the other TLB's code is of another kind, and the handler must do it. */
static uint64_t flip_status(struct hart *hart, uint32_t bits)
{
    uint64_t old = hart->mstatus;
    unsigned kind = hart->tlb_fetch->kind;
    hart->mstatus = old ^ bits;
    tlb_select(hart);
    if (hart->tlb_fetch->kind == kind)
        return old;
    hart->mstatus = old;
    tlb_select(hart);
    return UINT64_MAX;
}

/* ---- Their code ---------------------------------------------------------------------------------------- */

static const enum x86_reg kept[] = { X86_RBX, X86_RBP, X86_R12, X86_R13, X86_R14, X86_R15 };

/* Return address (8), saved registers (48), then the end of the return stack (16), aligned. */
#define ENTER_FRAME 24
/* Guest calls leave frames on the host's stack; each new slice checks that there is room for more. */
#define STACK_MAX (1 << 20)

static void build_enter(struct dbt *dbt, struct x86_emit *e)
{
    dbt->enter = (void (*)(void *, const uint8_t *))(uintptr_t)x86_here(e);
    for (unsigned i = 0; i < 6; i++)
        x86_push(e, kept[i]);
    x86_op_imm(e, X86_SUB, 64, X86_RSP, ENTER_FRAME);
    x86_store_imm(e, 64, x86_mem(X86_RSP, 8), -1); /* no guest pc is odd */
    x86_mov(e, 64, HOST_HART, X86_RDI);
    x86_store(e, 64, DBT_MEM(stack), X86_RSP);
    x86_lea(e, 64, X86_RAX, x86_mem(X86_RSP, -STACK_MAX));
    x86_store(e, 64, DBT_MEM(stack_limit), X86_RAX);
    emit_load_tlb(e);
    x86_load(e, 32, HOST_BUDGET, DBT_MEM(budget));
    x86_mov(e, 64, X86_RAX, X86_RSI);
    emit_load_pinned(e, 0);
    x86_jmp_reg(e, X86_RAX);
}

static void build_leave(struct dbt *dbt, struct x86_emit *e)
{
    dbt->leave = x86_here(e);
    emit_store_pinned(e, 0);
    dbt->leave_trapped = x86_here(e); /* the pinned registers are stored */
    x86_store(e, 32, DBT_MEM(budget), HOST_BUDGET);
    x86_load(e, 64, X86_RSP, DBT_MEM(stack));
    x86_op_imm(e, X86_ADD, 64, X86_RSP, ENTER_FRAME);
    for (unsigned i = 6; i-- > 0;)
        x86_pop(e, kept[i]);
    x86_ret(e);

    dbt->leave_link = x86_here(e);
    x86_store(e, 32, DBT_MEM(link), X86_RAX);
    x86_store_imm(e, 32, DBT_MEM(exit), DBT_EXIT_LINK);
    x86_jmp_to(e, dbt->leave);

    dbt->leave_at = x86_here(e);
    x86_op_mem(e, X86_ADD, 64, X86_RAX, DBT_MEM(page));
    x86_store_imm(e, 32, DBT_MEM(exit), DBT_EXIT_UNTRANSLATED);
    uint8_t *at = x86_jmp(e);
    dbt->leave_miss = x86_here(e);
    x86_store_imm(e, 32, DBT_MEM(exit), DBT_EXIT_MISS);
    x86_patch(at, e->run, x86_here(e));
    x86_store(e, 64, HART_MEM(pc), X86_RAX);
    x86_jmp_to(e, dbt->leave);
}

/* Also samples where the hart is for the optimiser, at the end of some slices: `end` grows by a slice each
 * time. */
static void build_slice(struct dbt *dbt, struct x86_emit *e, const uint8_t *leave, bool in_page)
{
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(requests), 0);
    x86_patch(x86_jcc(e, X86_NE), e->run, leave);
    x86_op_mem(e, X86_CMP, 64, X86_RSP, DBT_MEM(stack_limit));
    x86_patch(x86_jcc(e, X86_B), e->run, leave);
    x86_mem_op_imm(e, X86_SUB, 32, DBT_MEM(slices), 1);
    x86_patch(x86_jcc(e, X86_S), e->run, leave);
    x86_op_imm(e, X86_ADD, 32, HOST_BUDGET, DBT_SLICE);
    x86_mem_op_imm(e, X86_ADD, 64, DBT_MEM(end), DBT_SLICE);
    if (in_page)
        x86_op_mem(e, X86_ADD, 64, X86_RAX, DBT_MEM(page));
    x86_test_mem_imm(e, DBT_MEM(end), (DBT_SAMPLE_SLICES - 1) * DBT_SLICE);
    uint8_t *no_sample = x86_jcc(e, X86_NE);
    emit_store_pinned(e, DBT_PINNED_KEPT);
    x86_push(e, X86_RAX);
    x86_push(e, X86_RCX);
    x86_op_imm(e, X86_SUB, 64, X86_RSP, 8);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_mov(e, 64, X86_RSI, X86_RAX);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)dbt->slice_ended);
    x86_call_reg(e, X86_RAX);
    x86_op_imm(e, X86_ADD, 64, X86_RSP, 8);
    x86_pop(e, X86_RCX);
    x86_pop(e, X86_RAX);
    emit_load_pinned(e, DBT_PINNED_KEPT);
    x86_patch(no_sample, e->run, x86_here(e));
    x86_ret(e);
}

/* The guest returns to rax, which is not where the newest call came from. Older calls are tried (longjmp),
 * down to the end of the return stack; then it is an indirect jump. */
static void build_return(struct dbt *dbt, struct x86_emit *e)
{
    dbt->return_other = x86_here(e);
    x86_mem_op_imm(e, X86_ADD, 64, DBT_MEM(returns_missed), 1);
    const uint8_t *again = x86_here(e);
    x86_mem_op_imm(e, X86_CMP, 64, x86_mem(X86_RSP, 8), -1);
    uint8_t *end = x86_jcc(e, X86_E);
    x86_op_imm(e, X86_ADD, 64, X86_RSP, 16);
    x86_mem_op(e, X86_CMP, 64, x86_mem(X86_RSP, 8), X86_RAX);
    x86_patch(x86_jcc(e, X86_NE), e->run, again);
    x86_ret(e);
    x86_patch(end, e->run, x86_here(e));
    x86_test(e, 32, HOST_BUDGET, HOST_BUDGET);
    uint8_t *fresh = x86_jcc(e, X86_NS);
    x86_call_to(e, dbt->slice_pc);
    x86_patch(fresh, e->run, x86_here(e));
    emit_jump_by_table(dbt, e);
}

/* C functions may change these registers, but seldom do. In builds with checks they always have other values
 * afterwards, so that a test finds code that relies on them (t1/vector/copies.c). */
static void change_vectors(const struct dbt *dbt, struct x86_emit *e)
{
    if (!CHECK_ENABLED || !dbt->host.avx2)
        return;
    for (unsigned i = 2; i < 8 && !dbt->host.avx512; i++)
        x86_vload_packed(e, 32, i, x86_mem(X86_RSP, 0));
    for (unsigned i = 16; i < 32 && dbt->host.avx512; i++)
        x86_ebroadcast(e, 3, (struct x86_lanes){ 64, 0, false }, i, X86_RSP);
}

/* A call to C with the hart in rdi. It returns with the registers reloaded, or leaves the block if C returned
 * false, which means a trap. The thunk has set the other arguments. */
static void build_call(struct dbt *dbt, struct x86_emit *e, const void *function, bool all)
{
    x86_store(e, 32, DBT_MEM(budget), HOST_BUDGET);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_op_imm(e, X86_SUB, 64, X86_RSP, 8);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)function);
    x86_call_reg(e, X86_RAX);
    change_vectors(dbt, e);
    x86_op_imm(e, X86_ADD, 64, X86_RSP, 8);
    x86_op_imm(e, X86_AND, 32, X86_RAX, 0xff); /* bool */
    uint8_t *trapped = x86_jcc(e, X86_E);
    emit_load_pinned(e, all ? 0 : DBT_PINNED_KEPT);
    x86_load(e, 32, HOST_BUDGET, DBT_MEM(budget));
    x86_load(e, 64, X86_RAX, HART_MEM(loaded));
    x86_ret(e);
    x86_patch(trapped, e->run, x86_here(e));
    if (!all) /* those that C kept are still only in registers */
        for (unsigned i = 0; i < DBT_PINNED_KEPT; i++)
            x86_store(e, 64, hart_mem(8 * dbt_pinned_map[i].guest), dbt_pinned_map[i].host);
    x86_jmp_to(e, dbt->resume);
}

/* After C code that returned the host address to continue at; NULL: translated code is left. The return stack
 * is emptied, since its calls may belong to another address space. */
static void build_go_on(struct dbt *dbt, struct x86_emit *e)
{
    x86_load(e, 32, HOST_BUDGET, DBT_MEM(budget));
    x86_test(e, 64, X86_RAX, X86_RAX);
    x86_jcc_to(e, X86_E, dbt->leave_trapped);
    emit_load_tlb(e);
    emit_load_pinned(e, 0);
    x86_load(e, 64, X86_RSP, DBT_MEM(stack));
    x86_jmp_reg(e, X86_RAX);
}

static void build_resume(struct dbt *dbt, struct x86_emit *e)
{
    dbt->resume = x86_here(e); /* the pinned registers are stored */
    x86_load(e, 64, X86_RSP, DBT_MEM(stack));
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)resume);
    x86_call_reg(e, X86_RAX);
    build_go_on(dbt, e);
}

/* The host's stack is aligned, except for the return address if `called`. */
static void build_system(struct dbt *dbt, struct x86_emit *e, const void *function, bool called)
{
    emit_store_pinned(e, 0);
    x86_store(e, 32, DBT_MEM(budget), HOST_BUDGET);
    x86_mov(e, 64, X86_RSI, X86_RAX);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    if (called)
        x86_op_imm(e, X86_SUB, 64, X86_RSP, 8);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)function);
    x86_call_reg(e, X86_RAX);
    if (called) {
        x86_op_imm(e, X86_ADD, 64, X86_RSP, 8);
        x86_op_imm(e, X86_CMP, 64, X86_RAX, (int32_t)(intptr_t)STAY);
        uint8_t *elsewhere = x86_jcc(e, X86_NE);
        x86_load(e, 32, HOST_BUDGET, DBT_MEM(budget));
        emit_load_tlb(e);
        emit_load_pinned(e, 0);
        x86_ret(e);
        x86_land(e, elsewhere);
    }
    build_go_on(dbt, e);
}

/* Translated code takes the TLB's entry for the page of the base. So it comes here, too, if an offset leads
 * into the next page, as in a structure that lies on two pages. This searches the TLB once more, by the
 * address itself. rax: the address; for a store, rcx: the value. After a miss, the code behind this runs,
 * with all registers as they were. */
static void build_second_look(const struct dbt *dbt, struct x86_emit *e, unsigned size, bool write)
{
    size_t side = write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    struct x86_mem at = x86_mem_index(X86_RDX, X86_RAX, 0);
    x86_push(e, X86_RDX);
    if (write)
        x86_push(e, X86_RCX);
    uint8_t *miss = emit_look_up(dbt, e, X86_RAX, 0, (int32_t)size, true, side, X86_RDX);
    if (write) {
        x86_pop(e, X86_RCX);
        x86_store(e, 8 * size, at, X86_RCX);
    } else if (size < 4) {
        x86_load_extend(e, 8 * size, false, X86_RAX, at);
    } else {
        x86_load(e, 8 * size, X86_RAX, at);
    }
    x86_pop(e, X86_RDX);
    x86_ret(e);
    x86_land(e, miss);
    if (write)
        x86_pop(e, X86_RCX);
    x86_pop(e, X86_RDX);
}

static void build_memory(struct dbt *dbt, struct x86_emit *e)
{
    static bool (*const reads[])(struct hart *, uint64_t, uint32_t) = { read_1, read_2, read_4, read_8 };
    static bool (*const writes[])(struct hart *, uint64_t, uint32_t, uint64_t) = { write_1, write_2, write_4,
                                                                                   write_8 };
    for (unsigned i = 0; i < 4; i++) {
        dbt->read[i] = x86_here(e);
        build_second_look(dbt, e, 1u << i, false);
        emit_store_pinned(e, DBT_PINNED_KEPT);
        x86_mov(e, 64, X86_RSI, X86_RAX);
        build_call(dbt, e, (const void *)(uintptr_t)reads[i], false);
        dbt->write[i] = x86_here(e);
        build_second_look(dbt, e, 1u << i, true);
        emit_store_pinned(e, DBT_PINNED_KEPT); /* rcx has the value, the fourth argument already */
        x86_mov(e, 64, X86_RSI, X86_RAX);
        build_call(dbt, e, (const void *)(uintptr_t)writes[i], false);
    }
}

/* The same after a fault: the window did not have the page, whether the TLB has it or not. */
static void build_window_memory(struct dbt *dbt, struct x86_emit *e)
{
    static bool (*const reads[])(struct hart *, uint64_t, uint32_t) = { window_read_1, window_read_2,
                                                                        window_read_4, window_read_8 };
    static bool (*const writes[])(struct hart *, uint64_t, uint32_t,
                                  uint64_t) = { window_write_1, window_write_2, window_write_4,
                                                window_write_8 };
    for (unsigned i = 0; i < 4; i++) {
        dbt->window_read[i] = x86_here(e);
        emit_store_pinned(e, DBT_PINNED_KEPT);
        x86_mov(e, 64, X86_RSI, X86_RAX);
        build_call(dbt, e, (const void *)(uintptr_t)reads[i], false);
        dbt->window_write[i] = x86_here(e);
        emit_store_pinned(e, DBT_PINNED_KEPT);
        x86_mov(e, 64, X86_RSI, X86_RAX);
        build_call(dbt, e, (const void *)(uintptr_t)writes[i], false);
    }
}

/* Calls C to search for code by rax, without leaving translated code (find: by a pc that the table does not
 * know, whose page is dbt_hart.page; link: by a link; judge: by a region), and continues there. If there is
 * none, it continues at `none`, with rax as it was. */
static void build_search(struct x86_emit *e, const void *function, const uint8_t *none)
{
    emit_store_pinned(e, DBT_PINNED_KEPT);
    x86_push(e, X86_RAX);
    x86_push(e, X86_RAX);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_mov(e, 64, X86_RSI, X86_RAX);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)function);
    x86_call_reg(e, X86_RAX);
    emit_load_pinned(e, DBT_PINNED_KEPT);
    x86_pop(e, X86_RCX);
    x86_pop(e, X86_RCX);
    x86_test(e, 64, X86_RAX, X86_RAX);
    uint8_t *not_found = x86_jcc(e, X86_E);
    x86_jmp_reg(e, X86_RAX);
    x86_patch(not_found, e->run, x86_here(e));
    x86_mov(e, 64, X86_RAX, X86_RCX);
    x86_jmp_to(e, none);
}

/* edx: the bits; rax: mstatus as it was. */
static void build_flip_status(struct dbt *dbt, struct x86_emit *e)
{
    dbt->flip_status = x86_here(e);
    emit_store_pinned(e, DBT_PINNED_KEPT);
    x86_lea(e, 64, X86_RDI, x86_mem(HOST_HART, -HART_BIAS));
    x86_mov(e, 32, X86_RSI, X86_RDX);
    x86_op_imm(e, X86_SUB, 64, X86_RSP, 8);
    x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)flip_status);
    x86_call_reg(e, X86_RAX);
    x86_op_imm(e, X86_ADD, 64, X86_RSP, 8);
    emit_load_pinned(e, DBT_PINNED_KEPT);
    emit_load_tlb(e);
    x86_ret(e);
}

bool thunks_build(struct dbt *dbt, struct error *error)
{
    struct code_cache *cache = &dbt->cache;
    struct x86_emit emit = { cache->write, cache->write + CODE_FIXED_SIZE, cache->run, false, 0 };
    struct x86_emit *e = &emit;
    build_enter(dbt, e);
    build_leave(dbt, e);
    dbt->find = x86_here(e);
    build_search(e, (const void *)(uintptr_t)dbt_find, dbt->leave_miss);
    dbt->link = x86_here(e);
    build_search(e, (const void *)(uintptr_t)dbt_find_linked, dbt->leave_link);
    dbt->judge = x86_here(e);
    build_search(e, (const void *)(uintptr_t)dbt->judge_region, dbt->leave_miss);
    dbt->slice_at = x86_here(e);
    build_slice(dbt, e, dbt->leave_at, true);
    dbt->slice_pc = x86_here(e);
    build_slice(dbt, e, dbt->leave_miss, false);
    fill_build(dbt, e);
    dbt->jump = x86_here(e);
    emit_jump_by_table(dbt, e);
    build_return(dbt, e);
    build_resume(dbt, e);
    dbt->csr = x86_here(e);
    build_system(dbt, e, (const void *)(uintptr_t)csr_insn, true);
    dbt->round = x86_here(e);
    build_system(dbt, e, (const void *)(uintptr_t)round_insn, true);
    dbt->system = x86_here(e);
    build_system(dbt, e, (const void *)(uintptr_t)system_insn, false);
    build_flip_status(dbt, e);
    dbt->exec = x86_here(e);
    if (dbt->host.avx2 && !dbt->host.avx512) /* vector code leaves the upper halves of registers */
        x86_vzeroupper(e);
    emit_store_pinned(e, 0);
    x86_mov(e, 64, X86_RSI, X86_RAX);
    build_call(dbt, e, (const void *)(uintptr_t)exec_insn, true);
    build_memory(dbt, e);
    build_window_memory(dbt, e);
    check_build(dbt, e);
    return !e->overflow || error_set(error, "the translator's fixed code does not fit");
}

void thunks_init_hart(struct hart *hart)
{
    struct dbt_hart *state = dbt_hart(hart);
    state->window_end = WINDOW_END;
    state->window_high = -WINDOW_END;
    state->fp_box = 0xffffffff00000000;
    state->fp_nan_single = 0xffffffff7fc00000;
    state->fp_nan_double = 0x7ff8000000000000;
    state->fp_sign_single = 0x80000000;
    state->fp_sign_double = 0x8000000000000000;
    state->fp_abs_single = 0xffffffff7fffffff;
    state->fp_abs_double = 0x7fffffffffffffff;
    for (unsigned i = 0; i < 64; i++)
        state->flags_of_mxcsr[i] = (uint8_t)fp_flags_of_mxcsr(i);
}
