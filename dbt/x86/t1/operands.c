/* SPDX-License-Identifier: MIT
 *
 * What lowerings ask for while a block is being translated: guest registers, the neighbouring instructions,
 * cold code, a copy of the instruction for its handler. t1.h has the rules.
 */
#include "dbt/x86/t1/t1.h"

#include <string.h>

/* ---- Registers ----------------------------------------------------------------------------------------- */

struct x86_mem t1_home(unsigned guest)
{
    return hart_mem(8 * guest);
}

void t1_forget_rax(struct t1 *t)
{
    t->in_rax = 0;
}

static void load_guest(struct t1 *t, enum x86_reg to, unsigned guest)
{
    if (guest == 0)
        x86_mov_imm(&t->e, to, 0);
    else if (t->in_rax == guest)
        x86_mov(&t->e, 64, to, X86_RAX);
    else
        x86_load(&t->e, 64, to, t1_home(guest));
}

void t1_copy(struct t1 *t, enum x86_reg to, unsigned guest)
{
    enum x86_reg host = dbt_pinned(guest);
    if (host != X86_NONE)
        x86_mov(&t->e, 64, to, host);
    else
        load_guest(t, to, guest);
    if (to == X86_RAX)
        t1_forget_rax(t);
}

enum x86_reg t1_use(struct t1 *t, unsigned guest, enum x86_reg scratch)
{
    enum x86_reg host = dbt_pinned(guest);
    if (host != X86_NONE)
        return host;
    if (guest && t->in_rax == guest)
        return X86_RAX;
    t1_copy(t, scratch, guest);
    return scratch;
}

enum x86_reg t1_dest(const struct t1 *t)
{
    enum x86_reg host = dbt_pinned(t->op.rd);
    return host != X86_NONE ? host : X86_RAX;
}

void t1_set(struct t1 *t, enum x86_reg from)
{
    enum x86_reg host = dbt_pinned(t->op.rd);
    if (host != X86_NONE)
        x86_mov(&t->e, 64, host, from);
    else if (t->op.rd)
        x86_store(&t->e, 64, t1_home(t->op.rd), from);
    t->set_from = from;
}

void t1_mov_imm(struct t1 *t, enum x86_reg to, int64_t value)
{
    x86_mov_imm_to(&t->e, XLEN, to, value);
}

void t1_extend_result(struct t1 *t, unsigned bits, enum x86_reg reg)
{
    if (bits < XLEN)
        x86_extend_to(&t->e, XLEN, bits, true, reg, reg);
}

void t1_load(struct t1 *t, unsigned bits, bool sign, enum x86_reg to, struct x86_mem from)
{
    x86_load_extend_to(&t->e, XLEN, bits, sign, to, from);
}

void t1_set_address(struct t1 *t, int32_t distance)
{
    enum x86_reg to = t1_dest(t);
    x86_load(&t->e, 64, to, DBT_MEM(page));
    x86_op_imm(&t->e, X86_ADD, XLEN, to, distance);
    t1_set(t, to);
}

void t1_op_guest(struct t1 *t, enum x86_alu op, unsigned bits, enum x86_reg to, unsigned guest)
{
    enum x86_reg host = dbt_pinned(guest);
    if (host == X86_NONE && guest && t->in_rax == guest)
        host = X86_RAX;
    if (guest == 0)
        x86_op_imm(&t->e, op, bits, to, 0);
    else if (host != X86_NONE)
        x86_op(&t->e, op, bits, to, host);
    else
        x86_op_mem(&t->e, op, bits, to, t1_home(guest));
}

/* ---- The instructions of the block --------------------------------------------------------------------- */

void t1_decode_of(const struct block *source, unsigned index, const struct hart *hart,
                  struct isa_operands *op)
{
    uint32_t bits = 0;
    const struct insn *insn = &source->insns[index];
    memcpy(&bits, source->code + insn->offset, insn->length);
    isa_decode(&hart->isa, bits, op, NULL);
}

void t1_decode(struct t1 *t, unsigned index, struct isa_operands *op)
{
    if (t->seen_next != index + 1)
        t1_decode_of(t->source, index, t->hart, &t->seen);
    t->seen_next = index + 1;
    *op = t->seen;
}

bool t1_in_memory(struct t1 *t)
{
    struct isa_operands next;
    unsigned rd = t->op.rd;
    if (dbt_pinned(rd) != X86_NONE || t->in_rax == rd)
        return false;
    if (t->index + 1 == t->block->count)
        return true;
    t1_decode(t, t->index + 1, &next);
    return next.rs1 != rd && next.rs2 != rd;
}

struct insn *t1_make_insn(struct t1 *t)
{
    struct t1_handler *handler = code_cache_data(&t->dbt->cache, sizeof(*handler));
    if (!handler) {
        t->full = true;
        return NULL;
    }
    handler->undone = t->block->count - t->index;
    handler->insn = t->source->insns[t->index];
    /* Here both count from the page, not from the block. */
    if (t->op.insn == ISA_INSN_auipc)
        handler->insn.imm += (int32_t)(t->offset - handler->insn.offset);
    handler->insn.offset = (uint16_t)t->offset;
    return &handler->insn;
}

/* ---- Cold code ----------------------------------------------------------------------------------------- */

struct t1_cold *t1_cold(struct t1 *t, enum t1_cold_kind kind, uint8_t *site)
{
    struct t1_cold *cold = &t->colds[t->cold_count < T1_COLDS_MAX - 1 ? t->cold_count++ : T1_COLDS_MAX - 1];
    *cold = (struct t1_cold){ .kind = kind, .site = site };
    return cold;
}

void t1_set_back(struct t1 *t, struct t1_cold *cold)
{
    cold->back = x86_here(&t->e);
    t1v_note_copies(t, cold->copies);
}

void t1_go_back(struct t1 *t, const struct t1_cold *cold)
{
    t1v_load_copies(t, cold->copies);
    x86_jmp_to(&t->e, cold->back);
}

void t1_cold_also(struct t1 *t, struct t1_cold *same, uint8_t *site)
{
    t1_cold(t, T1_COLD_ALSO, site)->same = same;
}
