/* SPDX-License-Identifier: MIT
 *
 * Loads and stores through the software TLB, inline: the index from the address, one comparison of the tag
 * with the page of the access's last byte (validity, permission, canonical form, page crossing), the addend,
 * the access. A miss goes to a thunk (thunks.c), which may trap. An address of RV32 that wraps at 2^32 is
 * such a miss: the sum has 64 bits here, and no page has it.
 *
 * If the address space has a window (cpu/mmu/window.h), there is no look-up: the access is a single
 * instruction, and a miss is a fault that leads to the same cold code, with other thunks.
 */
#include "dbt/runtime/windows.h"
#include "dbt/x86/check.h"
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/fp.h"
#include "dbt/x86/vex.h"

uint32_t t1_where(const struct t1 *t)
{
    return t->offset | (t->block->count - t->index) << 12;
}

unsigned t1_access_size(enum isa_insn insn)
{
    switch (insn) {
    case ISA_INSN_lb:
    case ISA_INSN_lbu:
    case ISA_INSN_sb: return 1;
    case ISA_INSN_lh:
    case ISA_INSN_lhu:
    case ISA_INSN_sh: return 2;
    case ISA_INSN_lw:
    case ISA_INSN_lwu:
    case ISA_INSN_sw: return 4;
    case ISA_INSN_ld:
    case ISA_INSN_sd: return 8;
    default: return 0;
    }
}

enum x86_reg t1_pointer(struct t1 *t)
{
    enum x86_reg base = dbt_pinned(t->op.rs1);
    if (base == X86_NONE) {
        t1_copy(t, X86_RAX, t->op.rs1);
        base = X86_RAX;
    }
    return base;
}

uint8_t *t1_look_up(struct t1 *t, enum x86_reg base, int32_t low, int32_t high, size_t side)
{
    /* If the look-up of a run has failed, the run may lie on two pages: each access looks its own page up. */
    return emit_look_up(t->dbt, &t->e, base, low, high, t->in_cold_run, side, X86_RDX);
}

/* Whether the present access goes to the window: the address space has one, and the instruction was not seen
 * to need other pages. */
static bool has_window(const struct t1 *t)
{
    return t->block->kind != TLB_KIND_LOOKS &&
           !windows_avoids(t->dbt, (t->source->paddr & PAGE_MASK) | t->offset);
}

/* On RV64, the pointer must be in the window's half: it is compared once, and may then move no further than
 * the guards allow. If it is in the other half, which is rare, the handler executes the instruction and the
 * block is left behind it, since more accesses may rely on the comparison. */
static void compare_bounds(struct t1 *t, enum x86_reg base)
{
    unsigned guest = t->op.rs1;
    if (XLEN == 32 || !guest || t->bounded >> guest & 1)
        return;
    struct t1_cold *cold = t1_cold(t, T1_COLD_OTHER_HALF, emit_compare_bounds(&t->e, t->block->kind, base));
    cold->insn = t1_make_insn(t);
    cold->where = t->offset + t->op.length;
    cold->size = t->block->count - t->index - 1;
    t->bounded |= UINT32_C(1) << guest;
    t->moved[guest] = 0;
}

void t1_note_pointer(struct t1 *t, const struct isa_operands *op)
{
    unsigned also = isa_also_written(op);
    if (also)
        t->bounded &= ~(UINT32_C(1) << also);
    if (!(t->bounded >> op->rd & 1))
        return;
    int32_t moved = t->moved[op->rd] + op->imm;
    if (op->insn == ISA_INSN_addi && op->rd == op->rs1 && moved <= WINDOW_MOVED_MAX &&
        moved >= -WINDOW_MOVED_MAX)
        t->moved[op->rd] = moved;
    else
        t->bounded &= ~(UINT32_C(1) << op->rd);
}

/* The look-up of a load or store, and its cold code; *to becomes the operand of the access. */
static struct t1_cold *look_up(struct t1 *t, enum t1_cold_kind kind, unsigned size, struct x86_mem *to)
{
    enum x86_reg base = t1_pointer(t);
    struct t1_cold *cold;
    bool window = has_window(t);
    if (window) {
        compare_bounds(t, base);
        *to = window_mem(t->block->kind, base, t->op.imm);
        cold = t1_cold(t, kind, NULL);
    } else {
        size_t table = kind == T1_COLD_LOAD ? offsetof(struct tlb, read) : offsetof(struct tlb, write);
        uint8_t *miss = t1_look_up(t, base, t->op.imm, t->op.imm + (int32_t)size, table);
        *to = x86_mem_index(X86_RDX, base, t->op.imm);
        cold = t1_cold(t, kind, miss);
    }
    cold->address = x86_mem(base, t->op.imm);
    cold->where = t1_where(t);
    cold->size = size;
    (window ? check_emit_window : check_emit)(t->dbt, &t->e, cold->address, *to, size, kind == T1_COLD_STORE,
                                              t->offset);
    return cold;
}

/* The next host instruction is the access. */
static void access_here(struct t1 *t, struct t1_cold *cold)
{
    cold->access = t->e.at;
}

static void check_in_run(struct t1 *t, unsigned size, bool write)
{
    if (!t->dbt->check)
        return;
    t1_copy(t, X86_RCX, t->op.rs1);
    check_emit(t->dbt, &t->e, x86_mem(X86_RCX, t->op.imm), t1_run_mem(t), size, write, t->offset);
}

static bool load_in_run(struct t1 *t, unsigned size, bool sign)
{
    check_in_run(t, size, false);
    enum x86_reg to = t1_dest(t);
    t1_load(t, 8 * size, sign, to, t1_run_mem(t));
    if (to == X86_RAX)
        t1_set(t, to);
    return true;
}

static bool store_in_run(struct t1 *t, unsigned size)
{
    check_in_run(t, size, true);
    x86_store(&t->e, 8 * size, t1_run_mem(t), t1_use(t, t->op.rs2, X86_RCX));
    return true;
}

static bool load(struct t1 *t, unsigned size, bool sign)
{
    if (t->run_end)
        return load_in_run(t, size, sign);
    struct x86_mem from;
    struct t1_cold *cold = look_up(t, T1_COLD_LOAD, size, &from);
    enum x86_reg to = t1_dest(t);
    access_here(t, cold);
    t1_load(t, 8 * size, sign, to, from);
    if (to == X86_RAX)
        t1_set(t, to);
    t1_set_back(t, cold);
    cold->sign = sign;
    cold->guest = t->op.rd;
    return true;
}

static bool store(struct t1 *t, unsigned size)
{
    if (t->run_end)
        return store_in_run(t, size);
    struct x86_mem to;
    struct t1_cold *cold = look_up(t, T1_COLD_STORE, size, &to);
    enum x86_reg value = t1_use(t, t->op.rs2, X86_RCX);
    access_here(t, cold);
    x86_store(&t->e, 8 * size, to, value);
    t1_set_back(t, cold);
    cold->guest = t->op.rs2;
    return true;
}

/* ---- Floating-point loads and stores ------------------------------------------------------------------- */

/* If mstatus.FS is Off, the handler takes over; otherwise FS becomes Dirty. */
static bool fp_load(struct t1 *t, unsigned size)
{
    struct x86_mem from;
    t1_fp_begin(t, true);
    struct t1_cold *cold = look_up(t, T1_COLD_LOAD, size, &from);
    access_here(t, cold);
    x86_load_extend(&t->e, 8 * size, false, X86_RAX, from);
    t1_set_back(t, cold);
    cold->fp = true;
    t1_fp_set_bits(t, 8 * size);
    return true;
}

static bool fp_store(struct t1 *t, unsigned size)
{
    struct x86_mem to;
    t1_fp_begin(t, false);
    struct t1_cold *cold = look_up(t, T1_COLD_STORE, size, &to);
    x86_load(&t->e, 64, X86_RCX, t1_f_mem(t->op.rs2));
    access_here(t, cold);
    x86_store(&t->e, 8 * size, to, X86_RCX);
    t1_set_back(t, cold);
    cold->guest = t->op.rs2;
    cold->fp = true;
    t1_fp_end(t);
    return true;
}

/* ---- Cache blocks -------------------------------------------------------------------------------------- */

/* Continues if the modes above allow cbo.zero, as cbo_enabled() in cpu/exec/mem.c says; otherwise the handler
 * traps. */
static struct t1_cold *look_at_envcfg(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(zeroes), 0);
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, x86_jcc(e, X86_E));
    cold->insn = t1_make_insn(t);
    return cold;
}

/* cbo.zero, with which Linux clears pages. */
static bool zero_block(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    struct t1_cold *cold = look_at_envcfg(t);
    t1_copy(t, X86_RAX, t->op.rs1);
    x86_op_imm(e, X86_AND, 64, X86_RAX, -ISA_CACHE_BLOCK);
    t1_cold_also(t, cold, t1_look_up(t, X86_RAX, 0, ISA_CACHE_BLOCK, offsetof(struct tlb, write)));
    struct x86_mem block = x86_mem_index(X86_RDX, X86_RAX, 0);
    check_emit(t->dbt, e, x86_mem(X86_RAX, 0), block, ISA_CACHE_BLOCK, true, t->offset);
    x86_packed_logic(e, X86_PXOR, 0, 0);
    for (int i = 0; i < ISA_CACHE_BLOCK; i += 16)
        x86_movups_store(e, x86_mem_index(X86_RDX, X86_RAX, i), 0);
    t1_set_back(t, cold);
    return true;
}

/* ---- The slow path: rax = the address ------------------------------------------------------------------ */

static unsigned log2_of(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

static void emit_cold_load(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RDX, cold->where);
    x86_call_to(e, (cold->site ? t->dbt->read : t->dbt->window_read)[log2_of(cold->size)]);
    if (cold->fp) {
        t1_go_back(t, cold); /* that code boxes and stores rax */
        return;
    }
    t->op.rd = (uint8_t)cold->guest;
    enum x86_reg to = t1_dest(t);
    if (cold->size < 8)
        x86_extend_to(e, XLEN, 8 * cold->size, cold->sign, to, X86_RAX);
    else
        x86_mov(e, 64, to, X86_RAX);
    if (to == X86_RAX)
        t1_set(t, to);
    t1_go_back(t, cold);
}

static void emit_cold_store(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    if (cold->fp)
        x86_load(e, 64, X86_RCX, t1_f_mem(cold->guest));
    else
        t1_copy(t, X86_RCX, cold->guest);
    x86_mov_imm(e, X86_RDX, cold->where);
    x86_call_to(e, (cold->site ? t->dbt->write : t->dbt->window_write)[log2_of(cold->size)]);
    t1_go_back(t, cold);
}

void t1_emit_cold_memory(struct t1 *t, const struct t1_cold *cold)
{
    if (!cold->site && !code_cache_fault(&t->dbt->cache, cold->access, t->e.at))
        t->full = true;
    if (cold->address.base != X86_RAX || cold->address.disp)
        x86_lea(&t->e, XLEN, X86_RAX, cold->address);
    if (cold->kind == T1_COLD_LOAD)
        emit_cold_load(t, cold);
    else
        emit_cold_store(t, cold);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define MEM(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
