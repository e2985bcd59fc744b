/* SPDX-License-Identifier: MIT
 *
 * The baseline translator: one pass over a predecoded block. Each instruction has a row in t1.def, or becomes
 * a call of its interpreter handler. So every instruction can be translated except the few that wait or are
 * illegal, which stay with the interpreter: the block ends in front of them.
 *
 * Code is relative to the guest's page: dbt_hart.page has its virtual address, so that all address spaces
 * that map the page use the same code.
 */
#include "cpu/block.h"
#include "dbt/runtime/link.h"
#include "dbt/x86/t1/t1.h"
#include "dbt/x86/t1/translate.h"
#include "dbt/x86/vex.h"
#include "util/check.h"

#include <string.h>

/* More than the host code of almost any block; of a longer block, only the first half is translated. */
#define T1_HOT_MAX  16384
#define T1_COLD_MAX 16384

/* ---- Calls to interpreter handlers --------------------------------------------------------------------- */

/* Code outside of the block uses legacy SSE. */
void t1_clear_upper(struct t1 *t)
{
    if (t->vector.upper)
        x86_vzeroupper(&t->e);
    t->vector.upper = false;
}

static void call_handler(struct t1 *t)
{
    t1_forget_rax(t);
    t1_clear_upper(t);
    t->constant = 0;
    t->bounded = 0; /* the handler may write pairs of registers */
    struct insn *insn = t1_make_insn(t);
    x86_mov_imm(&t->e, X86_RAX, (int64_t)(intptr_t)insn);
    x86_call_to(&t->e, t->dbt->exec);
    t1v_forget_copies(t);
    if (isa_entry(t->op.insn)->flags & ISA_FRD)
        t1_fp_written(t, 64); /* or any other width */
    t->dbt->counters.calls++;
}

/* ---- One block ----------------------------------------------------------------------------------------- */

/* Called after two instructions that were lowered as one, which lower_one() does not see. */
static void keep_in_rax(struct t1 *t)
{
    t->in_rax = t1_dest(t) == X86_RAX ? t->op.rd : 0;
}

/* The result of addi or addiw with a constant. */
static int64_t add_constant(const struct t1 *t, const struct isa_operands *op, int64_t value)
{
    bool word = op->insn == ISA_INSN_addiw || XLEN == 32;
    return word ? (int32_t)(value + op->imm) : value + op->imm;
}

/* lui and auipc begin a constant, and addi and addiw continue it, which makes one move of the two. True: the
 * instruction is done. */
static bool lower_constant(struct t1 *t)
{
    const struct isa_operands *op = &t->op;
    bool add = op->insn == ISA_INSN_addi || (op->insn == ISA_INSN_addiw && !t->relative);
    if (op->rd && (op->insn == ISA_INSN_lui || op->insn == ISA_INSN_auipc)) {
        t->constant = op->rd;
        t->relative = op->insn == ISA_INSN_auipc;
        t->value = op->imm + (t->relative ? (int64_t)t->offset : 0);
        return false;
    }
    if (!add || !op->rd || !op->rs1 || op->rs1 != t->constant || t->relative) {
        if (op->rd == t->constant || isa_also_written(op) == t->constant)
            t->constant = 0;
        return false;
    }
    t->constant = op->rd;
    t->value = add_constant(t, op, t->value);
    t1_mov_imm(t, t1_dest(t), t->value);
    t1_set(t, t1_dest(t));
    keep_in_rax(t);
    return true;
}

/* Called after the present instruction's handler, which may have set vtype, or have made vl smaller. */
static void forget_vector(struct t1 *t)
{
    if (t1_sets_vtype(t->op.insn))
        t->vector = (struct t1_vector){ 0 };
    else if (t->vector.whole && isa_is_vector(t->op.insn))
        t1v_go_on_whole(t);
}

static void lower_one(struct t1 *t)
{
    if (t1_forgets_vtype(t->op.insn))
        t->vector = (struct t1_vector){ .upper = t->vector.upper };
    const struct t1_row *row = &t1_rows[t->op.insn];
    if (row->claims & T1_ENDS) {
        t->again.wanted = t1_again_wanted(t);
        if (!t->again.wanted)
            t1_clear_upper(t);
        row->lower(t);
        t->ended = true;
        return;
    }
    bool lowered = row->lower && !t->dbt->without[t->op.insn];
    if (lowered && lower_constant(t))
        return;
    bool keeps_copies =
        row->claims & (T1_KEEPS_COPIES | (t->dbt->host.avx512 ? 0u : (unsigned)T1_KEEPS_ON_AVX2));
    if (!keeps_copies) { /* it may write to them, and then read them */
        t1v_forget_copies(t);
        t1_clear_upper(t);
    }
    t1v_take_turns(t);
    if (!lowered || !((row->claims & T1_PURE && t->op.rd == 0) || row->lower(t))) {
        call_handler(t);
        forget_vector(t);
        return;
    }
    if (!keeps_copies)
        t1v_forget_copies(t);
    if (row->claims & T1_KEEPS_RAX && t->set_from == X86_RAX && dbt_pinned(t->op.rd) == X86_NONE)
        t->in_rax = t->op.rd;
    else
        t1_forget_rax(t);
}

/* How many instructions of the block are translated: all, except a last one that the interpreter must run. */
static unsigned translatable(const struct dbt *dbt, const struct hart *hart, const struct block *source)
{
    struct isa_operands op;
    t1_decode_of(source, source->count - 1, hart, &op);
    bool ends = isa_entry(op.insn)->flags & ISA_END;
    bool jumps =
        op.insn == ISA_INSN_jal || op.insn == ISA_INSN_jalr || isa_entry(op.insn)->flags & ISA_BRANCH;
    bool stays = op.insn == ISA_INSN_ILLEGAL ||
                 (ends && (!(t1_rows[op.insn].claims & T1_ENDS) || (dbt->without[op.insn] && !jumps)));
    return source->count - stays;
}

/* Code without Zba uses slli and srli of one register to extend an unsigned number, and to scale it: the
 * value between the two need not be stored. True: both are done. */
static bool lower_zero_extension(struct t1 *t)
{
    struct isa_operands next, *op = &t->op;
    if (op->insn != ISA_INSN_slli || !op->rd || t->index + 1 == t->block->count)
        return false;
    t1_decode(t, t->index + 1, &next);
    if (next.insn != ISA_INSN_srli || next.rd != op->rd || next.rs1 != op->rd ||
        t->dbt->without[ISA_INSN_slli] || t->dbt->without[ISA_INSN_srli])
        return false;
    enum x86_reg to = t1_dest(t);
    t1_copy(t, to, op->rs1);
    if (op->imm == 32 && next.imm <= 32) {
        x86_extend(&t->e, 32, false, to, to);
        if (next.imm < 32)
            x86_shift_imm(&t->e, X86_SHL, 64, to, 32 - (unsigned)next.imm);
    } else {
        x86_shift_imm(&t->e, X86_SHL, 64, to, (unsigned)op->imm);
        x86_shift_imm(&t->e, X86_SHR, 64, to, (unsigned)next.imm);
    }
    t1_set(t, to);
    keep_in_rax(t);
    if (t->constant == op->rd)
        t->constant = 0;
    return true;
}

/* lui or auipc, followed by addi or addiw with the same register. True: both are done. */
static bool lower_long_constant(struct t1 *t)
{
    struct isa_operands next, *op = &t->op;
    bool relative = op->insn == ISA_INSN_auipc;
    if ((op->insn != ISA_INSN_lui && !relative) || !op->rd || t->index + 1 == t->block->count)
        return false;
    t1_decode(t, t->index + 1, &next);
    bool add = next.insn == ISA_INSN_addi || (next.insn == ISA_INSN_addiw && !relative);
    if (!add || next.rd != op->rd || next.rs1 != op->rd || t->dbt->without[op->insn] ||
        t->dbt->without[next.insn])
        return false;
    int64_t value = relative ? (int64_t)op->imm + next.imm + t->offset : add_constant(t, &next, op->imm);
    if (value != (int32_t)value && relative)
        return false;
    if (relative) {
        t1_set_address(t, (int32_t)value);
    } else {
        t1_mov_imm(t, t1_dest(t), value);
        t1_set(t, t1_dest(t));
    }
    keep_in_rax(t);
    t->constant = op->rd;
    t->relative = relative;
    t->value = value;
    return true;
}

/* Makes instruction t->index the present one. */
static void take_insn(struct t1 *t)
{
    t1_decode(t, t->index, &t->op);
    t->offset = (t->source->paddr & (PAGE_SIZE - 1)) + t->source->insns[t->index].offset;
}

/* Lowers the present instruction, or it and the next one as one: then t->index moves on. */
static void lower(struct t1 *t)
{
    t->set_from = X86_NONE;
    if (lower_zero_extension(t) || lower_long_constant(t)) {
        t->index++;
        return;
    }
    if (t1_lower_far_call(t))
        return;
    if (!t->run_end)
        t1_run_begin(t);
    lower_one(t);
    if (t->index + 1 == t->run_end)
        t1_run_end(t);
}

static void lower_next(struct t1 *t)
{
    take_insn(t);
    struct isa_operands op = t->op;
    lower(t); /* two that make one write the same register */
    t1_note_pointer(t, &op);
}

/* ---- Cold code ----------------------------------------------------------------------------------------- */

/* Writes a run's instructions again, each by itself. */
static void emit_cold_run(struct t1 *t, const struct t1_cold *cold)
{
    t->constant = cold->run.constant;
    t->relative = cold->run.relative;
    t->value = cold->run.value;
    t->in_cold_run = true;
    t1_forget_rax(t);
    t1v_forget_copies(t);
    for (t->index = cold->run.first; t->index < cold->run.end; t->index++)
        lower_next(t);
    t->in_cold_run = false;
    t1_forget_rax(t); /* all cold code begins so */
    t1_go_back(t, cold);
}

/* Writes a vector instruction again, for all cases. */
static void emit_cold_partial(struct t1 *t, const struct t1_cold *cold)
{
    const struct t1_cold_partial *partial = &cold->partial;
    t->index = partial->index;
    take_insn(t);
    t->vector = partial->vector;
    t1v_forget_copies(t);
    t->fp = partial->fp;
    t->vector_partial = true;
    if (!t1_rows[t->op.insn].lower(t))
        call_handler(t);
    t->vector_partial = false;
    t1_go_back(t, cold);
}

/* Goes on with the instruction at cold->where, in another block. */
static void emit_cold_rest(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    if (cold->upper)
        x86_vzeroupper(e);
    x86_op_imm(e, X86_ADD, 32, HOST_BUDGET, (int32_t)cold->size);
    x86_align_patch(e, 1);
    t1_add_link(t, x86_jmp(e), cold->where);
}

static void emit_cold_fewer(struct t1 *t, const struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    enum x86_reg rd = dbt_pinned(cold->guest);
    x86_store_imm(e, 32, HART_MEM(vector.vtype), (int32_t)cold->fewer.vtype);
    x86_store(e, 64, HART_MEM(vector.vl), cold->fewer.wanted); /* this sets vstart to 0, too */
    if (rd != X86_NONE)
        x86_mov(e, 64, rd, cold->fewer.wanted);
    else if (cold->guest)
        x86_store(e, 64, t1_home(cold->guest), cold->fewer.wanted);
    emit_cold_rest(t, cold);
}

static void emit_cold(struct t1 *t, struct t1_cold *cold)
{
    struct x86_emit *e = &t->e;
    if (e->overflow || cold->code)
        return;
    if (cold->kind == T1_COLD_ALSO) {
        x86_patch(cold->site, e->run, cold->same->code);
        return;
    }
    cold->code = x86_here(e);
    if (cold->site)
        x86_patch(cold->site, e->run, cold->code);
    switch (cold->kind) {
    case T1_COLD_LOAD:
    case T1_COLD_STORE: t1_emit_cold_memory(t, cold); break;
    case T1_COLD_SLICE_AT:
        if (cold->upper)
            x86_vzeroupper(e);
        x86_mov_imm(e, X86_RAX, cold->where);
        x86_call_to(e, t->dbt->slice_at);
        t1_go_back(t, cold);
        break;
    case T1_COLD_SLICE_PC:
        x86_call_to(e, t->dbt->slice_pc);
        x86_jmp_to(e, cold->back);
        break;
    case T1_COLD_LINK:
        t1_link_set_stub(t->dbt, cold->link, x86_here(e));
        x86_mov_imm(e, X86_RAX, code_ref(&t->dbt->cache, cold->link));
        x86_jmp_to(e, t->dbt->link);
        break;
    case T1_CALL_INDIRECT: t1_emit_call_indirect(t); break;
    case T1_CALL_FAR: t1_emit_call_far(t, (int32_t)cold->where); break;
    case T1_COLD_EXEC:
        x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)cold->insn);
        x86_call_to(e, cold->thunk ? cold->thunk : t->dbt->exec);
        t1_go_back(t, cold);
        break;
    case T1_COLD_SYSTEM:
        x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)cold->insn);
        x86_jmp_to(e, t->dbt->system);
        break;
    case T1_COLD_STATUS:
        x86_call_to(e, t->dbt->flip_status);
        x86_op_imm(e, X86_CMP, 64, X86_RAX, -1);
        x86_jcc_to(e, X86_E, cold->same->code);
        x86_jmp_to(e, cold->back);
        break;
    case T1_COLD_RUN: emit_cold_run(t, cold); break;
    case T1_COLD_LEAVE:
        x86_mov_imm(e, X86_RAX, cold->where);
        x86_jmp_to(e, t->dbt->leave_at);
        break;
    case T1_COLD_FIND:
        x86_mov_imm(e, X86_RAX, cold->where);
        x86_op_mem(e, X86_ADD, 64, X86_RAX, DBT_MEM(page));
        x86_jmp_to(e, t->dbt->find);
        break;
    case T1_COLD_REST: emit_cold_rest(t, cold); break;
    case T1_COLD_FEWER: emit_cold_fewer(t, cold); break;
    case T1_COLD_PARTIAL: emit_cold_partial(t, cold); break;
    case T1_COLD_OTHER_HALF:
        x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)cold->insn);
        x86_call_to(e, t->dbt->exec);
        x86_op_imm(e, X86_ADD, 32, HOST_BUDGET, (int32_t)cold->size);
        x86_mov_imm(e, X86_RAX, cold->where);
        x86_jmp_to(e, t->dbt->leave_at);
        break;
    case T1_COLD_ALSO: break;
    }
}

/* ---- Blocks that follow each other ----------------------------------------------------------------------
 */

/* So many blocks at most are translated at once. */
#define T1_CHAIN_MAX 8
/* More than the data of almost any block. */
#define T1_DATA_MAX 16384

static bool has_vectors(const struct hart *hart, const struct block *source)
{
    struct isa_operands op;
    bool has = false;
    for (unsigned i = 0; i < source->count && !has; i++) {
        t1_decode_of(source, i, hart, &op);
        has = isa_is_vector(op.insn);
    }
    return has;
}

static bool may_translate(const struct dbt *dbt, const struct hart *hart, const struct block *source)
{
    return translatable(dbt, hart, source) && !debug_marked(hart, source->paddr, source->bytes) &&
           (source->paddr2 == NO_PAGE ||
            (!debug_marked(hart, source->paddr2, 2) && t1_can_check_page(source->paddr2)));
}

/* The next block's code can follow if it has not been translated yet, but is about to be: it has run at least
 * half as often as the present one. The code of a block with vectors depends on the vtype with which it is
 * entered, and that is not known here. */
bool t1_runs_on(struct t1 *t, unsigned target)
{
    struct dbt *dbt = t->dbt;
    if (!t->room || t->has_way || t->again.site || t->block->second || dbt->without_chains ||
        !code_cache_has_room(&dbt->cache, T1_HOT_MAX + T1_COLD_MAX, T1_DATA_MAX))
        return false;
    const struct block *next = block_known(t->hart, (t->source->paddr & PAGE_MASK) | target);
    if (!next || next->paddr2 != NO_PAGE || next->heat > t->hart->hot / 2 ||
        t1_block_of(dbt, t->hart, next) || !may_translate(dbt, t->hart, next) || has_vectors(t->hart, next))
        return false;
    t->next = next;
    return true;
}

/* ---- The whole ----------------------------------------------------------------------------------------- */

static void translate_insns(struct t1 *t)
{
    unsigned start = t->source->paddr & (PAGE_SIZE - 1);
    const uint8_t *first = t->e.at;
    if (t->block->second)
        t1_straddle_check(t);
    t1v_enter_block(t);
    x86_op_imm(&t->e, X86_SUB, 32, HOST_BUDGET, (int32_t)t->block->count);
    for (t->index = 0; t->index < t->block->count; t->index++) {
        unsigned index = t->index;
        t->starts[index] = index ? (uint32_t)(t->e.at - first) : 0;
        lower_next(t);
        if (t->index != index)
            t->starts[t->index] = (uint32_t)(t->e.at - first);
    }
    unsigned end = start + t->bytes;
    if (!t->ended) {
        t1_clear_upper(t);
        if (t->stays)
            t1_leave(t, end);
        else
            t1_goto(t, T1_ALWAYS, (int)end);
    }
    if (t1_again_begin(t)) {
        x86_op_imm(&t->e, X86_SUB, 32, HOST_BUDGET, (int32_t)t->block->count);
        for (t->index = 0; t->index < t->block->count; t->index++)
            lower_next(t);
    }
    t1_forget_rax(t);
    t->starts[t->block->count] = (uint32_t)(t->e.at - first);
}

static struct t1_block *make_block(struct t1 *t, unsigned count)
{
    const struct block *source = t->source;
    struct code_cache *cache = &t->dbt->cache;
    t->bytes = count == source->count ? source->bytes : source->insns[count].offset;
    struct t1_block *block = code_cache_data(cache, sizeof(*block));
    uint8_t *copy = code_cache_data(cache, t->bytes);
    if (!block || !copy)
        return NULL;
    memcpy(copy, source->code, t->bytes);
    *block = (struct t1_block){ .owner.kind = CODE_T1_BLOCK,
                                .span = { .paddr = source->paddr,
                                          .owner = code_ref(cache, block),
                                          .copy = code_ref(cache, copy),
                                          .bytes = (uint16_t)t->bytes },
                                .count = (uint16_t)count,
                                .vtype = T1_ANY_VTYPE_WORD,
                                .vxrm = T1_ANY_VXRM,
                                .kind = t->hart->tlb_fetch->kind };
    t->block = block;
    return source->paddr2 == NO_PAGE || t1_straddle_make(t) ? block : NULL;
}

static void count_block(struct dbt *dbt, const struct t1_block *block, size_t host_bytes)
{
    dbt->counters.blocks++;
    dbt->counters.insns += block->count;
    dbt->counters.guest_bytes += block->span.bytes + (block->second ? 2u : 0);
    dbt->counters.host_bytes += host_bytes;
}

static void tell(const struct t1 *t, const struct code_place *start, const struct code_place *end)
{
    const struct t1_block *block = t->block;
    struct dbt_code code = { .kind = "t1",
                             .vaddr = (t->hart->pc & PAGE_MASK) | (block->span.paddr & (PAGE_SIZE - 1)),
                             .paddr = block->span.paddr,
                             .guest = code_at(&t->dbt->cache, block->span.copy),
                             .guest_size = t->bytes,
                             .host = start->hot + t->e.run,
                             .host_size = (size_t)(end->hot - start->hot),
                             .cold = start->cold + t->e.run,
                             .cold_size = (size_t)(end->cold - start->cold),
                             .starts = t->starts,
                             .count = block->count,
                             .isa = &t->hart->isa };
    t->dbt->listen(t->dbt->listen_opaque, &code);
}

/* Writes the block's code at *place, which becomes its end. */
static void write_code(struct t1 *t, struct code_place *place)
{
    ptrdiff_t run = t->dbt->cache.run;
    t->e = (struct x86_emit){ place->hot, place->hot + T1_HOT_MAX, run, false, 0 };
    translate_insns(t);
    for (unsigned i = t->cold_count; i-- > 0;)
        if (t->colds[i].kind == T1_CALL_INDIRECT || t->colds[i].kind == T1_CALL_FAR)
            emit_cold(t, &t->colds[i]);
    place->hot = t->e.at;
    t->e = (struct x86_emit){ place->cold, place->cold + T1_COLD_MAX, run, t->e.overflow, 0 };
    for (unsigned i = 0; i < t->cold_count; i++)
        emit_cold(t, &t->colds[i]);
    place->cold = t->e.at;
}

enum outcome { DONE, TOO_LONG, NO_ROOM };

/* Translates that many instructions, in the present segment. */
static enum outcome translate(struct t1 *t, unsigned count, const struct t1_block *before)
{
    struct code_cache *cache = &t->dbt->cache;
    struct code_place start, end;
    if (!(before ? code_cache_begin_behind : code_cache_begin)(cache, T1_HOT_MAX, T1_COLD_MAX, &start))
        return NO_ROOM;
    end = start;
    t->block = make_block(t, count);
    if (t->block)
        write_code(t, &end);
    if (!t->block || t->full || t->e.overflow || t->cold_count >= T1_COLDS_MAX - 1) {
        code_cache_abort(cache);
        return !t->block || t->full ? NO_ROOM : TOO_LONG;
    }
    t->block->entry = t->block->own_entry = start.hot + cache->run;
    t->block->before = before ? code_ref(cache, before) : 0;
    code_cache_commit(cache, &t->block->owner, &end);
    count_block(t->dbt, t->block, (size_t)(end.hot - start.hot + end.cold - start.cold));
    if (t->dbt->listen)
        tell(t, &start, &end);
    return DONE;
}

/* Translates one block, behind `before` if that is not NULL. `room`: so many may follow; *next: the one that
 * has to. */
static struct t1_block *translate_block(struct dbt *dbt, struct hart *hart, const struct block *source,
                                        const struct t1_block *before, unsigned room,
                                        const struct block **next, bool *full)
{
    unsigned whole = translatable(dbt, hart, source), count = whole;
    bool once = false; /* even loops have one copy only */
    for (;;) {
        struct t1 t;
        memset(&t, 0, offsetof(struct t1, colds));
        t.dbt = dbt;
        t.hart = hart;
        t.source = source;
        t.room = room;
        t.stays = count == whole && whole < source->count;
        t.again.off = once;
        enum outcome outcome = translate(&t, count, before);
        *next = t.next;
        if (outcome == DONE)
            return t.block;
        if (outcome == TOO_LONG && t.again.site) {
            once = true;
            continue;
        }
        if (outcome == TOO_LONG && count > 1) {
            count /= 2;
            continue;
        }
        *full = outcome == NO_ROOM && (before || !code_cache_advance(&dbt->cache));
        if (outcome == TOO_LONG || *full)
            return NULL;
    }
}

/* Puts the blocks into the table, the last one first: a block runs on only into code that is right. */
static void insert_chain(struct dbt *dbt, struct hart *hart, struct t1_block *const chain[],
                         const struct block *const sources[], unsigned count)
{
    bool right = true;
    for (unsigned i = count; i-- > 0;) {
        if (right)
            t1_block_insert(dbt, hart, chain[i], sources[i]);
        else
            chain[i]->entry = NULL;
        right = chain[i]->entry;
    }
}

struct t1_block *t1_translate(struct dbt *dbt, struct hart *hart, const struct block *source, bool *full)
{
    CHECK_HELD(&dbt->lock);
    struct t1_block *chain[T1_CHAIN_MAX];
    const struct block *sources[T1_CHAIN_MAX], *next = source;
    unsigned count = 0;
    *full = false;
    if (!may_translate(dbt, hart, source))
        return NULL;
    while (next) {
        sources[count] = next;
        chain[count] = translate_block(dbt, hart, next, count ? chain[count - 1] : NULL,
                                       T1_CHAIN_MAX - 1 - count, &next, full);
        if (!chain[count]) /* what was translated before it runs on into nothing */
            return NULL;
        count++;
    }
    dbt->counters.runs_on += count - 1;
    insert_chain(dbt, hart, chain, sources, count);
    return chain[0];
}
