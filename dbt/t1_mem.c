/* SPDX-License-Identifier: MIT
 *
 * Loads and stores through the software TLB, inline: the index from the address, one comparison of the tag
 * with the page of the access's last byte (validity, permission, canonical form, page crossing), the addend,
 * the access. What misses goes to a thunk (thunks.c), which may trap.
 */
#include "dbt/t1_fp.h"

uint32_t t1_where(const struct t1 *t)
{
    return t->offset | (t->block->count - t->index) << 12;
}

/* rax = the address of the access. */
static void emit_address(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    enum x86_reg base = dbt_pinned(t->op.rs1);
    if (base != X86_NONE && t->op.imm) {
        x86_lea(e, 64, X86_RAX, x86_mem(base, t->op.imm));
        t1_forget_rax(t);
        return;
    }
    t1_copy(t, X86_RAX, t->op.rs1);
    if (t->op.imm)
        x86_op_imm(e, X86_ADD, 64, X86_RAX, t->op.imm);
}

uint8_t *t1_emit_lookup(struct t1 *t, unsigned size, size_t table)
{
    struct x86_emit *e = &t->e;
    x86_mov(e, 32, X86_RDX, X86_RAX);
    x86_shift_imm(e, X86_SHR, 32, X86_RDX, PAGE_SHIFT - 4);
    x86_op_imm(e, X86_AND, 32, X86_RDX, (TLB_SIZE - 1) << 4);
    if (size == 1)
        x86_mov(e, 64, X86_RCX, X86_RAX);
    else
        x86_lea(e, 64, X86_RCX, x86_mem(X86_RAX, (int32_t)size - 1));
    x86_op_imm(e, X86_AND, 64, X86_RCX, -(int32_t)PAGE_SIZE);
    x86_op_mem(e, X86_CMP, 64, X86_RCX, x86_mem_index(HOST_TLB, X86_RDX, (int32_t)table));
    uint8_t *miss = x86_jcc(e, X86_NE);
    x86_load(e, 64, X86_RDX,
             x86_mem_index(HOST_TLB, X86_RDX, (int32_t)(table + offsetof(struct tlb_entry, addend))));
    return miss;
}

static bool load(struct t1 *t, unsigned size, bool sign)
{
    emit_address(t);
    uint8_t *miss = t1_emit_lookup(t, size, offsetof(struct tlb, read));
    enum x86_reg to = t1_dest(t);
    x86_load_extend(&t->e, 8 * size, sign, to, x86_mem_index(X86_RDX, X86_RAX, 0));
    if (to == X86_RAX)
        t1_set(t, to);
    struct t1_cold *cold = t1_cold(t, T1_COLD_LOAD, miss);
    cold->back = x86_here(&t->e);
    cold->where = t1_where(t);
    cold->size = size;
    cold->sign = sign;
    cold->guest = t->op.rd;
    return true;
}

static bool store(struct t1 *t, unsigned size)
{
    emit_address(t);
    uint8_t *miss = t1_emit_lookup(t, size, offsetof(struct tlb, write));
    enum x86_reg value = t1_use(t, t->op.rs2, X86_RCX);
    x86_store(&t->e, 8 * size, x86_mem_index(X86_RDX, X86_RAX, 0), value);
    struct t1_cold *cold = t1_cold(t, T1_COLD_STORE, miss);
    cold->back = x86_here(&t->e);
    cold->where = t1_where(t);
    cold->size = size;
    cold->guest = t->op.rs2;
    return true;
}

/* ---- Floating-point loads and stores ------------------------------------------------------------------ */

/* The handler takes the case of mstatus.FS = Off; else FS becomes dirty. */
static bool fp_load(struct t1 *t, unsigned size)
{
    t1_fp_begin(t, true);
    emit_address(t);
    uint8_t *miss = t1_emit_lookup(t, size, offsetof(struct tlb, read));
    x86_load_extend(&t->e, 8 * size, false, X86_RAX, x86_mem_index(X86_RDX, X86_RAX, 0));
    const uint8_t *join = x86_here(&t->e);
    t1_fp_set_bits(t, 8 * size);
    struct t1_cold *cold = t1_cold(t, T1_COLD_LOAD, miss);
    cold->back = join;
    cold->where = t1_where(t);
    cold->size = size;
    cold->fp = true;
    return true;
}

static bool fp_store(struct t1 *t, unsigned size)
{
    t1_fp_begin(t, false);
    emit_address(t);
    uint8_t *miss = t1_emit_lookup(t, size, offsetof(struct tlb, write));
    x86_load(&t->e, 64, X86_RCX, t1_f_mem(t->op.rs2));
    x86_store(&t->e, 8 * size, x86_mem_index(X86_RDX, X86_RAX, 0), X86_RCX);
    struct t1_cold *cold = t1_cold(t, T1_COLD_STORE, miss);
    cold->back = x86_here(&t->e);
    cold->where = t1_where(t);
    cold->size = size;
    cold->guest = t->op.rs2;
    cold->fp = true;
    t1_fp_end(t);
    return true;
}

/* ---- Cache blocks ------------------------------------------------------------------------------------- */

#define CACHE_BLOCK 64

/* cbo.zero, by which Linux clears pages, where menvcfg allows it to S-mode; the handler does the rest. */
static bool zero_block(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(priv), PRIV_S);
    struct t1_cold *cold = t1_cold(t, T1_COLD_EXEC, x86_jcc(e, X86_NE));
    cold->insn = t1_make_insn(t);
    x86_test_mem_imm(e, HART_MEM(menvcfg), (int32_t)ENVCFG_CBZE);
    t1_cold_also(t, cold, x86_jcc(e, X86_E));
    t1_copy(t, X86_RAX, t->op.rs1);
    x86_op_imm(e, X86_AND, 64, X86_RAX, -CACHE_BLOCK);
    t1_cold_also(t, cold, t1_emit_lookup(t, CACHE_BLOCK, offsetof(struct tlb, write)));
    x86_packed_logic(e, X86_PXOR, 0, 0);
    for (int i = 0; i < CACHE_BLOCK; i += 16)
        x86_movups_store(e, x86_mem_index(X86_RDX, X86_RAX, i), 0);
    cold->back = x86_here(e);
    return true;
}

/* ---- The slow path ------------------------------------------------------------------------------------ */

static unsigned log2_of(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

static void emit_cold_load(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RDX, cold->where);
    x86_call_to(e, t->dbt->read[log2_of(cold->size)]);
    if (cold->fp) {
        x86_jmp_to(e, cold->back); /* which boxes and stores rax */
        return;
    }
    t->op.rd = (uint8_t)cold->guest;
    enum x86_reg to = t1_dest(t);
    if (cold->size < 8)
        x86_extend(e, 8 * cold->size, cold->sign, to, X86_RAX);
    else
        x86_mov(e, 64, to, X86_RAX);
    if (to == X86_RAX)
        t1_set(t, to);
    x86_jmp_to(e, cold->back);
}

static void emit_cold_store(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    if (cold->fp)
        x86_load(e, 64, X86_RCX, t1_f_mem(cold->guest));
    else
        t1_copy(t, X86_RCX, cold->guest);
    x86_mov_imm(e, X86_RDX, cold->where);
    x86_call_to(e, t->dbt->write[log2_of(cold->size)]);
    x86_jmp_to(e, cold->back);
}

void t1_emit_cold_memory(struct t1 *t, const struct t1_cold *cold)
{
    if (cold->kind == T1_COLD_LOAD)
        emit_cold_load(t, cold);
    else
        emit_cold_store(t, cold);
}

#define LOWER(name, call)                                                                                    \
    static bool lower_##name(struct t1 *t)                                                                   \
    {                                                                                                        \
        return call;                                                                                         \
    }

LOWER(lb, load(t, 1, true))
LOWER(lh, load(t, 2, true))
LOWER(lw, load(t, 4, true))
LOWER(ld, load(t, 8, false))
LOWER(lbu, load(t, 1, false))
LOWER(lhu, load(t, 2, false))
LOWER(lwu, load(t, 4, false))
LOWER(sb, store(t, 1))
LOWER(sh, store(t, 2))
LOWER(sw, store(t, 4))
LOWER(sd, store(t, 8))
LOWER(flw, fp_load(t, 4))
LOWER(fld, fp_load(t, 8))
LOWER(fsw, fp_store(t, 4))
LOWER(fsd, fp_store(t, 8))
LOWER(cbo_zero, zero_block(t))

t1_lower_fn *const t1_mem_lowerings[ISA_INSN_COUNT] = {
    [ISA_INSN_lb] = lower_lb,   [ISA_INSN_lh] = lower_lh,
    [ISA_INSN_lw] = lower_lw,   [ISA_INSN_ld] = lower_ld,
    [ISA_INSN_lbu] = lower_lbu, [ISA_INSN_lhu] = lower_lhu,
    [ISA_INSN_lwu] = lower_lwu, [ISA_INSN_sb] = lower_sb,
    [ISA_INSN_sh] = lower_sh,   [ISA_INSN_sw] = lower_sw,
    [ISA_INSN_sd] = lower_sd,   [ISA_INSN_flw] = lower_flw,
    [ISA_INSN_fld] = lower_fld, [ISA_INSN_fsw] = lower_fsw,
    [ISA_INSN_fsd] = lower_fsd, [ISA_INSN_cbo_zero] = lower_cbo_zero,
};
