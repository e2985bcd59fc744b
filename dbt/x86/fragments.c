/* SPDX-License-Identifier: MIT
 *
 * Pieces of host code for several parts; see fragments.h.
 */
#include "dbt/x86/fragments.h"

#include "cpu/mmu/tlb.h"
#include "dbt/x86/vex.h"

/* ---- Registers ----------------------------------------------------------------------------------------- */

void emit_load_tlb(struct x86_emit *e)
{
    x86_load(e, 64, HOST_TLB, HART_MEM(tlb_data));
    x86_lea(e, 64, HOST_TLB, x86_mem(HOST_TLB, TLB_BIAS));
}

void emit_store_pinned(struct x86_emit *e, unsigned first)
{
    for (unsigned i = first; i < DBT_PINNED_COUNT; i++)
        x86_store(e, 64, hart_mem(8 * dbt_pinned_map[i].guest), dbt_pinned_map[i].host);
}

void emit_load_pinned(struct x86_emit *e, unsigned first)
{
    for (unsigned i = first; i < DBT_PINNED_COUNT; i++)
        x86_load(e, 64, dbt_pinned_map[i].host, hart_mem(8 * dbt_pinned_map[i].guest));
}

void emit_save_xmm(const struct dbt *dbt, struct x86_emit *e)
{
    x86_op_imm(e, X86_SUB, 64, X86_RSP, EMIT_XMM_BYTES);
    for (unsigned i = 2; i < 16 && dbt->host.v3; i++) /* without v3 there are no regions */
        x86_vstore(e, 64, x86_mem(X86_RSP, (int32_t)(8 * (i - 2))), i);
}

void emit_restore_xmm(const struct dbt *dbt, struct x86_emit *e)
{
    for (unsigned i = 2; i < 16 && dbt->host.v3; i++)
        x86_vload(e, 64, i, x86_mem(X86_RSP, (int32_t)(8 * (i - 2))));
    x86_op_imm(e, X86_ADD, 64, X86_RSP, EMIT_XMM_BYTES);
}

/* ---- Jumps --------------------------------------------------------------------------------------------- */

/* The bits of pc that are the same bits of 16 * TLB_NATIVE_INDEX(pc): those of the page. */
#define TLB_NATIVE_PAGES ((TLB_NATIVES / TLB_NATIVES_OF_PAGE - 1) << 12)

void emit_jump_by_table(struct dbt *dbt, struct x86_emit *e)
{
    const size_t table = offsetof(struct tlb, native);
    x86_mov(e, 64, X86_RCX, X86_RAX);
    x86_op_imm(e, X86_AND, 64, X86_RCX, -(int32_t)PAGE_SIZE);
    x86_store(e, 64, DBT_MEM(page), X86_RCX);
    x86_mov(e, 32, X86_RCX, X86_RAX);
    x86_mov(e, 32, X86_RDX, X86_RAX);
    x86_shift_imm(e, X86_SHL, 32, X86_RCX, 3);
    x86_op_imm(e, X86_AND, 32, X86_RDX, TLB_NATIVE_PAGES);
    x86_op_imm(e, X86_AND, 32, X86_RCX, (TLB_NATIVES_OF_PAGE - 1) << 4);
    x86_op(e, X86_OR, 32, X86_RCX, X86_RDX);
    x86_op_mem(e, X86_CMP, 64, X86_RAX, tlb_bytes(X86_RCX, table));
    uint8_t *miss = x86_jcc(e, X86_NE);
    if (!e->overflow)
        x86_patch(miss, e->run, dbt->find);
    x86_jmp_mem(e, tlb_bytes(X86_RCX, table + offsetof(struct tlb_native, code)));
}

void emit_jump_by_table_far(struct dbt *dbt, struct x86_emit *e, unsigned offset)
{
    const size_t table = offsetof(struct tlb, native) + TLB_NATIVE_INDEX(offset) * sizeof(struct tlb_native);
    x86_store(e, 64, DBT_MEM(page), X86_RCX);
    x86_op_imm(e, X86_AND, 32, X86_RCX, TLB_NATIVE_PAGES);
    x86_op_mem(e, X86_CMP, 64, X86_RAX, tlb_bytes(X86_RCX, table));
    x86_jcc_to(e, X86_NE, dbt->find);
    x86_jmp_mem(e, tlb_bytes(X86_RCX, table + offsetof(struct tlb_native, code)));
}

/* ---- Memory, flags ------------------------------------------------------------------------------------- */

/* edx = TLB_INDEX() of base + low. If it need not be exact and `low` is small, it is that of base: if base +
 * low is in another page than base, so is the access's last byte, whose tag then differs from the entry's. */
static void emit_index(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, int32_t low, bool exact)
{
    _Static_assert(TLB_ALIGN > TLB_BIAS && offsetof(struct tlb, read) == TLB_HEAD, "see TLB_BIAS");
    if (low < 0 || low > (exact ? 0 : 32)) {
        x86_lea(e, 32, X86_RDX, x86_mem(base, low));
        base = X86_RDX;
    }
    if (dbt->host.v3) { /* one instruction, since the addend waits for it */
        x86_extract(e, 32, X86_RDX, base, HOST_TLB);
        return;
    }
    if (base != X86_RDX)
        x86_mov(e, 32, X86_RDX, base);
    x86_shift_imm(e, X86_SHR, 32, X86_RDX, PAGE_SHIFT);
    x86_op_imm(e, X86_AND, 32, X86_RDX, TLB_SIZE - 1);
}

/* edx: the index; rcx: the last byte's address. */
static uint8_t *look_at_tag(struct x86_emit *e, size_t side, enum x86_reg addend)
{
    x86_shift_imm(e, X86_SHR, 64, X86_RCX, PAGE_SHIFT);
    x86_op_mem(e, X86_CMP, 64, X86_RCX, tlb_array(X86_RDX, side + offsetof(struct tlb_side, tag)));
    uint8_t *miss = x86_jcc(e, X86_NE);
    x86_load(e, 64, addend, tlb_array(X86_RDX, side + offsetof(struct tlb_side, addend)));
    return miss;
}

uint8_t *emit_look_up_to(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, size_t side,
                         enum x86_reg addend)
{
    emit_index(dbt, e, base, 0, true);
    return look_at_tag(e, side, addend);
}

uint8_t *emit_look_up(const struct dbt *dbt, struct x86_emit *e, enum x86_reg base, int32_t low, int32_t high,
                      bool exact, size_t side, enum x86_reg addend)
{
    emit_index(dbt, e, base, low, exact);
    if (high == 1)
        x86_mov(e, 64, X86_RCX, base);
    else
        x86_lea(e, 64, X86_RCX, x86_mem(base, high - 1));
    return look_at_tag(e, side, addend);
}

uint8_t *emit_compare_bounds(struct x86_emit *e, unsigned kind, enum x86_reg address)
{
    bool high = kind == TLB_KIND_HIGH;
    x86_op_mem(e, X86_CMP, 64, address, high ? DBT_MEM(window_high) : DBT_MEM(window_end));
    return x86_jcc(e, high ? X86_B : X86_AE);
}

void emit_fflags(struct x86_emit *e, enum x86_reg to, enum x86_reg scratch)
{
    x86_load(e, 32, scratch, DBT_MEM(mxcsr));
    x86_op_imm(e, X86_AND, 32, scratch, 63);
    x86_load_extend(e, 8, false, scratch,
                    x86_mem_index(HOST_HART, scratch, (int32_t)DBT_HART_OFFSET(flags_of_mxcsr) - HART_BIAS));
    x86_load_extend(e, 8, false, to, HART_MEM(fp.flags));
    x86_op(e, X86_OR, 32, to, scratch);
}
