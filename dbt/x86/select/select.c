/* SPDX-License-Identifier: MIT
 *
 * Host code of a region: the entry, which checks whether the region may run and moves registers from T1's map
 * to its own; the blocks; and behind them code that rarely runs: exits, new slices, look-ups of pages.
 *
 * An exit calls the tail, which brings all registers back to T1's map. Then it gives back to the budget what
 * was not done, and jumps on to T1's code like any jump between blocks (struct t1_link).
 */
#include <string.h>

#include "dbt/runtime/link.h"
#include "dbt/x86/select/select.h"

/* ---- Operands ------------------------------------------------------------------------------------------ */

struct x86_mem t2_home(unsigned variable)
{
    return t2_is_f(variable) ? hart_mem(offsetof(struct hart, f) + 8 * (variable - T2_F0))
                             : hart_mem(8 * variable);
}

enum x86_reg t2_use(struct t2_emit *t, unsigned variable, enum x86_reg scratch)
{
    if (t2_in_register(t, variable))
        return t->r->home[variable];
    if (variable == T2_X0)
        x86_mov_imm(&t->e, scratch, 0);
    else
        x86_load(&t->e, 64, scratch, t2_home(variable));
    return scratch;
}

enum x86_reg t2_dest(const struct t2_emit *t, unsigned variable, enum x86_reg scratch)
{
    return t2_in_register(t, variable) ? (enum x86_reg)t->r->home[variable] : scratch;
}

void t2_set(struct t2_emit *t, unsigned variable, enum x86_reg from)
{
    if (variable == T2_NONE)
        return;
    if (t2_in_register(t, variable))
        x86_mov(&t->e, 64, t->r->home[variable], from);
    else
        x86_store(&t->e, 64, t2_home(variable), from);
}

/* ---- Exits and cold code ------------------------------------------------------------------------------- */

static unsigned exit_add(struct t2_emit *t, struct t2_exit exit)
{
    exit.lazy = t2_fp_lazy(t);
    for (unsigned i = 0; i < t->exit_count; i++)
        if (t->exits[i].offset == exit.offset && t->exits[i].left == exit.left &&
            t->exits[i].request == exit.request && t->exits[i].lazy == exit.lazy && t->exits[i].at == exit.at)
            return i;
    if (t->exit_count == T2_EXITS_MAX) {
        t->full = true;
        return 0;
    }
    t->exits[t->exit_count] = exit;
    return t->exit_count++;
}

/* At a block's border: nothing is sunk there. */
static unsigned exit_at(struct t2_emit *t, unsigned offset, unsigned left, bool request)
{
    return exit_add(
        t, (struct t2_exit){ .offset = (uint16_t)offset, .left = (uint16_t)left, .request = request });
}

unsigned t2_exit_here(struct t2_emit *t, const struct t2_insn *insn)
{
    struct t2_exit exit = { .offset = insn->offset, .left = insn->left };
    unsigned at = (unsigned)(insn - t->r->insns);
    if (t->sunk_until >= at && t->sunk_until) {
        exit.first = t->at->first;
        exit.at = (uint16_t)at;
    }
    return exit_add(t, exit);
}

#define FIXUPS(array) (sizeof(array) / sizeof((array)[0]))

void t2_exit_if(struct t2_emit *t, int cond, unsigned exit)
{
    t2_exit_from(t, cond < 0 ? x86_jmp(&t->e) : x86_jcc(&t->e, (enum x86_cond)cond), exit);
}

void t2_exit_from(struct t2_emit *t, uint8_t *site, unsigned exit)
{
    if (t->exit_jump_count == FIXUPS(t->exit_jumps)) {
        t->full = true;
        return;
    }
    t->exit_jumps[t->exit_jump_count++] = (struct t2_fixup){ site, (uint16_t)exit };
}

struct t2_cold *t2_cold(struct t2_emit *t, enum t2_cold_kind kind, uint8_t *site)
{
    if (t->cold_count == FIXUPS(t->colds)) {
        t->full = true;
        t->cold_count--;
    }
    struct t2_cold *cold = &t->colds[t->cold_count++];
    *cold = (struct t2_cold){ .kind = kind, .site = site };
    return cold;
}

/* A jump to a block of the region, or out of it. */
static void jump(struct t2_emit *t, int cond, unsigned to, int32_t offset)
{
    if (to == T2_NOT_HERE) {
        t2_exit_if(t, cond, exit_at(t, (unsigned)offset, 0, false));
        return;
    }
    uint8_t *site = cond < 0 ? x86_jmp(&t->e) : x86_jcc(&t->e, (enum x86_cond)cond);
    t->jumps[t->jump_count++] = (struct t2_fixup){ site, (uint16_t)to };
}

static void emit_exit(struct t2_emit *t, const struct t2_exit *exit)
{
    struct x86_emit *e = &t->e;
    for (unsigned i = exit->first; i < exit->at; i++)
        if (t->r->insns[i].sunk && i + t->r->insns[i].sunk >= exit->at)
            t2_emit_integer(t, &t->r->insns[i]);
    t2_emit_canon_all(t, exit->lazy);
    x86_call_to(e, t->tail);
    if (exit->left)
        x86_op_imm(e, X86_ADD, 32, HOST_BUDGET, exit->left);
    if (exit->request) {
        x86_mov_imm(e, X86_RAX, exit->offset);
        x86_jmp_to(e, t->dbt->leave_at);
    } else if (exit->offset == t->r->header_offset) {
        x86_jmp_to(e, t->header->own_entry); /* not here again: there would be no progress */
    } else {
        x86_align_patch(e, 1);
        uint8_t *site = x86_jmp(e);
        struct t1_link *link = t1_link_make(t->dbt, t->owner, site, exit->offset);
        t->full |= !link;
        if (!link)
            return;
        t1_link_set_stub(t->dbt, link, x86_here(e));
        if (!e->overflow)
            x86_patch(site, e->run, x86_here(e));
        x86_mov_imm(e, X86_RAX, code_ref(&t->dbt->cache, link));
        x86_jmp_to(e, t->dbt->link);
    }
}

static void emit_slice(struct t2_emit *t, const struct t2_cold *cold)
{
    struct x86_emit *e = &t->e;
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(requests), 0);
    t2_exit_if(t, X86_NE, cold->exit);
    x86_mem_op_imm(e, X86_SUB, 32, DBT_MEM(slices), 1);
    t2_exit_if(t, X86_S, cold->exit);
    x86_test_mem_imm(e, DBT_MEM(end), (DBT_REGION_SLICES - 1) * DBT_SLICE);
    t2_exit_if(t, X86_E, cold->exit);
    x86_op_imm(e, X86_ADD, 32, HOST_BUDGET, DBT_SLICE);
    x86_mem_op_imm(e, X86_ADD, 64, DBT_MEM(end), DBT_SLICE);
    x86_jmp_to(e, cold->back);
}

static void emit_judge(struct t2_emit *t)
{
    x86_mov_imm(&t->e, X86_RAX, code_ref(&t->dbt->cache, t->owner));
    x86_jmp_to(&t->e, t->dbt->judge);
}

static void emit_cold(struct t2_emit *t)
{
    for (unsigned i = 0; i < t->cold_count && !t->e.overflow; i++) {
        const struct t2_cold *cold = &t->colds[i];
        if (cold->kind != T2_COLD_WINDOW)
            x86_patch(cold->site, t->e.run, x86_here(&t->e));
        switch (cold->kind) {
        case T2_COLD_FILL: t2_emit_fill(t, cold); break;
        case T2_COLD_WINDOW: t2_emit_window_fill(t, cold); break;
        case T2_COLD_SLICE: emit_slice(t, cold); break;
        case T2_COLD_CANON: t2_emit_cold_canon(t, cold); break;
        case T2_COLD_JUDGE: emit_judge(t); break;
        }
    }
    for (unsigned i = 0; i < t->exit_count && !t->e.overflow; i++) {
        const uint8_t *here = x86_here(&t->e);
        for (unsigned k = 0; k < t->exit_jump_count; k++)
            if (t->exit_jumps[k].to == i)
                x86_patch(t->exit_jumps[k].site, t->e.run, here);
        emit_exit(t, &t->exits[i]);
    }
}

/* ---- The borders --------------------------------------------------------------------------------------- */

static bool host_taken(const struct ir *r, unsigned host)
{
    for (unsigned v = 1; v < 32; v++)
        if (r->home[v] == host)
            return true;
    for (unsigned i = 0; i < r->slot_count; i++)
        if (r->slot_home[i] == host)
            return true;
    return false;
}

/* At the border a pinned register is in T1's host register; in the region it is there, elsewhere, or in
 * struct hart. */
static bool moves_to_hart(const struct ir *r, unsigned guest, unsigned host)
{
    return r->home[guest] == T2_IN_HART && (t2_in(r->used, guest) || host_taken(r, host));
}

struct move {
    uint8_t to, from;
};

/* Moves registers all at once: a register that no other move reads any more can be written; a circle is
 * opened with rcx. */
static void move_all(struct t2_emit *t, struct move *moves, unsigned count)
{
    while (count) {
        unsigned ready = count;
        for (unsigned i = 0; i < count && ready == count; i++) {
            bool read = false;
            for (unsigned k = 0; k < count; k++)
                read |= k != i && moves[k].from == moves[i].to;
            if (!read)
                ready = i;
        }
        if (ready == count) {
            x86_mov(&t->e, 64, X86_RCX, moves[0].from);
            for (unsigned k = 1; k < count; k++)
                if (moves[k].from == moves[0].from)
                    moves[k].from = X86_RCX;
            moves[0].from = X86_RCX;
            continue;
        }
        x86_mov(&t->e, 64, moves[ready].to, moves[ready].from);
        moves[ready] = moves[--count];
    }
}

/* What must be so for the region to run; else T1 does, from its own entry. */
static void emit_conditions(struct t2_emit *t)
{
    const struct ir *r = t->r;
    struct x86_emit *e = &t->e;
    const uint8_t *t1 = t->header->own_entry;
    if (r->fp_used) {
        x86_load(e, 32, X86_RCX, HART_MEM(mstatus));
        x86_op_imm(e, X86_AND, 32, X86_RCX, (int32_t)MSTATUS_FS);
        /* FS must be Dirty already; otherwise T1 makes it so when it must. */
        if (r->fp_written)
            x86_op_imm(e, X86_CMP, 32, X86_RCX, (int32_t)MSTATUS_FS);
        x86_jcc_to(e, r->fp_written ? X86_NE : X86_E, t1);
    }
    if (r->rm_dynamic || r->rm_static >= 0)
        x86_load_extend(e, 8, false, X86_RCX, HART_MEM(fp.host_rm));
    if (r->rm_static >= 0) {
        x86_op_imm(e, X86_CMP, 32, X86_RCX, r->rm_static);
        x86_jcc_to(e, X86_NE, t1);
    }
    if (r->rm_dynamic) {
        x86_load_extend(e, 8, false, X86_RDX, HART_MEM(fp.frm));
        x86_op(e, X86_CMP, 32, X86_RCX, X86_RDX);
        x86_jcc_to(e, X86_NE, t1);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (!(r->steady >> i & 1))
            continue;
        /* No NaN. No floating-point instruction finds that out, since it might raise a flag. */
        bool single = r->lazy[0] >> i & 1;
        x86_load(e, single ? 32 : 64, X86_RCX, t2_home(T2_F0 + i));
        x86_op(e, X86_ADD, single ? 32 : 64, X86_RCX, X86_RCX);
        x86_mov_imm(e, X86_RDX, single ? (int64_t)0xff000000 : (int64_t)0xffe0000000000000);
        x86_op(e, X86_CMP, single ? 32 : 64, X86_RCX, X86_RDX);
        x86_jcc_to(e, X86_A, t1);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (!(r->boxed >> i & 1))
            continue;
        struct x86_mem high = t2_home(T2_F0 + i);
        high.disp += 4;
        x86_mem_op_imm(e, X86_CMP, 32, high, -1);
        x86_jcc_to(e, X86_NE, t1);
    }
}

/* ---- The trial (dbt/region_code.h) --------------------------------------------------------------------- */

/* Takes the present minstret away from the instructions of the trial; when the region is left, adds it. rcx:
 * the trial. */
static void emit_trial_clock(struct t2_emit *t, bool leaving)
{
    struct x86_emit *e = &t->e;
    x86_extend(e, 32, true, X86_RDX, HOST_BUDGET);
    x86_op_mem(e, X86_SUB, 64, X86_RDX, DBT_MEM(end));
    x86_mem_op(e, leaving ? X86_SUB : X86_ADD, 64, x86_mem(X86_RCX, offsetof(struct t2_trial, insns)),
               X86_RDX);
}

/* The trial's own code does not count as a cost of the region. */
static void emit_trial_entry(struct t2_emit *t)
{
    struct x86_emit *e = &t->e;
    const uint8_t *start = e->at;
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)t->trial);
    x86_mem_op_imm(e, X86_SUB, 32, x86_mem(X86_RCX, offsetof(struct t2_trial, left)), 1);
    t2_cold(t, T2_COLD_JUDGE, x86_jcc(e, X86_S));
    emit_trial_clock(t, false);
    t->trial->bytes -= (int32_t)(e->at - start);
}

static void emit_trial_exit(struct t2_emit *t)
{
    const uint8_t *start = t->e.at;
    x86_mov_imm(&t->e, X86_RCX, (int64_t)(intptr_t)t->trial);
    emit_trial_clock(t, true);
    t->trial->bytes -= (int32_t)(t->e.at - start);
}

/* ---- Entry and tail ------------------------------------------------------------------------------------ */

static void emit_entry(struct t2_emit *t)
{
    const struct ir *r = t->r;
    struct x86_emit *e = &t->e;
    struct move moves[DBT_PINNED_COUNT];
    unsigned count = 0;
    emit_conditions(t);
    emit_trial_entry(t);
    for (unsigned i = 0; i < DBT_PINNED_COUNT; i++) {
        if (moves_to_hart(r, dbt_pinned_map[i].guest, dbt_pinned_map[i].host))
            x86_store(e, 64, t2_home(dbt_pinned_map[i].guest), dbt_pinned_map[i].host);
        else if (r->home[dbt_pinned_map[i].guest] != T2_IN_HART &&
                 r->home[dbt_pinned_map[i].guest] != dbt_pinned_map[i].host)
            moves[count++] = (struct move){ r->home[dbt_pinned_map[i].guest], dbt_pinned_map[i].host };
    }
    move_all(t, moves, count);
    for (unsigned v = 1; v < T2_VARS; v++) {
        if (r->home[v] == T2_IN_HART || dbt_pinned(v) != X86_NONE)
            continue;
        if (t2_is_f(v))
            x86_vload(e, 64, r->home[v], t2_home(v));
        else
            x86_load(e, 64, r->home[v], t2_home(v));
    }
    for (unsigned i = 0; i < r->slot_count; i++)
        x86_store_imm(e, 64, hart_mem(DBT_HART_OFFSET(slots[i].limit)), 0);
}

static void emit_tail(struct t2_emit *t)
{
    const struct ir *r = t->r;
    struct x86_emit *e = &t->e;
    struct move moves[DBT_PINNED_COUNT];
    unsigned count = 0;
    t->tail = x86_here(e);
    emit_trial_exit(t);
    t2_emit_canon_all(t, r->steady);
    for (unsigned i = 0; i < 32; i++) {
        if (!t2_in(r->written, T2_F0 + i))
            continue;
        if (r->home[T2_F0 + i] != T2_IN_HART)
            x86_vstore(e, 64, t2_home(T2_F0 + i), r->home[T2_F0 + i]);
    }
    for (unsigned v = 1; v < 32; v++)
        if (r->home[v] != T2_IN_HART && dbt_pinned(v) == X86_NONE && t2_in(r->written, v))
            x86_store(e, 64, t2_home(v), r->home[v]);
    for (unsigned i = 0; i < DBT_PINNED_COUNT; i++)
        if (r->home[dbt_pinned_map[i].guest] != T2_IN_HART &&
            r->home[dbt_pinned_map[i].guest] != dbt_pinned_map[i].host)
            moves[count++] = (struct move){ dbt_pinned_map[i].host, r->home[dbt_pinned_map[i].guest] };
    move_all(t, moves, count);
    for (unsigned i = 0; i < DBT_PINNED_COUNT; i++)
        if (moves_to_hart(r, dbt_pinned_map[i].guest, dbt_pinned_map[i].host))
            x86_load(e, 64, dbt_pinned_map[i].host, t2_home(dbt_pinned_map[i].guest));
    x86_ret(e);
}

/* ---- Blocks -------------------------------------------------------------------------------------------- */

static void emit_end(struct t2_emit *t, const struct t2_insn *insn, unsigned number)
{
    const struct t2_block *block = t->at;
    t2_fp_meet(t);
    if (insn->op == T2_LEAVE) {
        t2_exit_if(t, -1, t2_exit_here(t, insn));
        return;
    }
    if (insn->op == T2_BRANCH) {
        enum x86_cond cond;
        t2_emit_compare(t, insn, &cond);
        if (block->taken == number + 1) {
            jump(t, (int)cond ^ 1, block->next, block->next_offset);
            return;
        }
        jump(t, (int)cond, block->taken, block->taken_offset);
    }
    if (block->next != number + 1)
        jump(t, -1, block->next, block->next_offset);
}

static void emit_block(struct t2_emit *t, unsigned number)
{
    struct ir *r = t->r;
    const struct t2_block *block = t->at = &r->blocks[number];
    t->block_code[number] = x86_here(&t->e);
    t2_fp_block(t, number);
    if (block->guest_insns)
        x86_op_imm(&t->e, X86_SUB, 32, HOST_BUDGET, block->guest_insns);
    if (block->loop) {
        struct t2_cold *cold = t2_cold(t, T2_COLD_SLICE, x86_jcc(&t->e, X86_S));
        cold->exit = (uint16_t)exit_at(t, block->offset, block->guest_insns, true);
        cold->back = x86_here(&t->e);
    }
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        if (insn->sunk) {
            t->sunk_until = i + insn->sunk > t->sunk_until ? i + insn->sunk : t->sunk_until;
            continue;
        }
        if (t2_ops[insn->op].flags & T2_END)
            emit_end(t, insn, number);
        else if (t2_is_access(insn))
            t2_emit_access(t, insn);
        else if (t2_ops[insn->op].type == T2_TYPE_FP)
            t2_emit_fp(t, insn);
        else
            t2_emit_integer(t, insn);
    }
    t->fp_ends[number] = t->fp;
}

const uint8_t *t2_emit(struct t2_emit *t)
{
    const uint8_t *entry = x86_here(&t->e);
    emit_entry(t);
    const uint8_t *inside = x86_here(&t->e);
    for (unsigned i = 0; i < t->r->block_count; i++)
        emit_block(t, i);
    emit_tail(t);
    t->trial->bytes += (int32_t)(inside - entry + (x86_here(&t->e) - t->tail));
    emit_cold(t);
    if (t->e.overflow || t->full)
        return NULL;
    for (unsigned i = 0; i < t->jump_count; i++)
        x86_patch(t->jumps[i].site, t->e.run, t->block_code[t->jumps[i].to]);
    return entry;
}
