/* SPDX-License-Identifier: MIT
 *
 * Where variables live. Each guest register has one place for the whole region, since it is live at every
 * exit: the registers that loops use most get host registers, the others stay in struct hart, where
 * operations can use them as memory operands. T1's register map is kept if possible: then nothing has to be
 * moved at the region's borders.
 *
 * rcx, rdx, xmm0 and xmm1 are scratch; rax, too, if a division or a high product needs it.
 */
#include <stdlib.h>
#include <string.h>

#include "dbt/passes/passes.h"
#include "dbt/x86/regmap.h"
#include "util/check.h"

static const uint8_t integer_pool[] = { X86_RBX, X86_R12, X86_R13, X86_RSI, X86_RDI,
                                        X86_R8,  X86_R9,  X86_R10, X86_R11, X86_RAX };
#define POOL_COUNT (sizeof(integer_pool))

static unsigned weight_of(const struct t2_block *block)
{
    static const unsigned weights[] = { 1, 8, 64, 512 };
    return weights[block->depth < 3 ? block->depth : 3];
}

static void count(struct ir *r, unsigned weight[T2_VARS])
{
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct t2_block *block = &r->blocks[i];
        unsigned w = weight_of(block);
        for (unsigned k = 0; k < block->count; k++) {
            const struct t2_insn *insn = &r->insns[block->first + k];
            const uint8_t operands[4] = { insn->d, insn->a, insn->b, insn->c };
            for (unsigned n = 0; n < 4; n++) {
                if (operands[n] >= T2_VARS || operands[n] == T2_X0)
                    continue;
                weight[operands[n]] += insn->sunk ? 0 : w;
                t2_add(r->used, operands[n]);
                if (n == 0)
                    t2_add(r->written, operands[n]);
            }
            bool high =
                insn->op == T2_MULH || insn->op == T2_MULHSU || insn->op == T2_DIV || insn->op == T2_REM;
            r->needs_rax |= high;
        }
    }
}

/* The heaviest variable of first..last without a place yet, or T2_NONE. */
static unsigned heaviest(const struct ir *r, const unsigned *weight, unsigned first, unsigned last)
{
    unsigned best = T2_NONE;
    for (unsigned v = first; v <= last; v++)
        if (weight[v] && r->home[v] == T2_IN_HART && (best == T2_NONE || weight[v] > weight[best]))
            best = v;
    return best;
}

static void allocate_integers(struct ir *r, unsigned *weight)
{
    uint8_t chosen[POOL_COUNT];
    unsigned places = POOL_COUNT - r->needs_rax, count_chosen = 0;
    bool taken[16] = { false };
    unsigned left[T2_VARS];
    memcpy(left, weight, sizeof(left));
    while (count_chosen < places) {
        unsigned v = heaviest(r, left, 1, 31);
        if (v == T2_NONE)
            break;
        left[v] = 0;
        chosen[count_chosen++] = (uint8_t)v;
    }
    for (unsigned i = 0; i < count_chosen; i++) { /* where T1 has them */
        enum x86_reg host = dbt_pinned(chosen[i]);
        if (host == X86_NONE)
            continue;
        r->home[chosen[i]] = (uint8_t)host;
        taken[host] = true;
    }
    for (unsigned i = 0; i < count_chosen; i++) {
        for (unsigned k = 0; k < places && r->home[chosen[i]] == T2_IN_HART; k++) {
            /* Rax first, which has nothing at the border; then from the end. */
            unsigned host = integer_pool[places - 1 - k];
            if (taken[host])
                continue;
            r->home[chosen[i]] = (uint8_t)host;
            taken[host] = true;
        }
    }
}

/* Host registers that are left over keep the addends of slots. */
static void allocate_slots(struct ir *r)
{
    unsigned next = 0;
    memset(r->slot_home, T2_IN_HART, sizeof(r->slot_home));
    for (unsigned k = POOL_COUNT - r->needs_rax; k-- > 0 && next < r->slot_count;) {
        bool taken = false;
        for (unsigned v = 1; v < 32; v++)
            taken |= r->home[v] == integer_pool[k];
        if (!taken)
            r->slot_home[next++] = integer_pool[k];
    }
}

static void allocate_floats(struct ir *r, const unsigned *weight)
{
    for (unsigned xmm = 2; xmm < 16; xmm++) {
        unsigned v = heaviest(r, weight, T2_F0, T2_F0 + 31);
        if (v == T2_NONE)
            break;
        r->home[v] = (uint8_t)xmm;
    }
}

/* Finds the registers whose NaNs are made canonical late. Registers that are written in both formats are not
 * among them: one check could not tell which format they have. */
static void find_lazy(struct ir *r)
{
    for (unsigned i = 0; i < r->insn_count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        if (t2_is(insn, T2_TYPE_FP, T2_CLASS_ARITHMETIC))
            r->lazy[insn->bits == 64] |= 1u << (insn->d - T2_F0);
    }
    uint32_t both = r->lazy[0] & r->lazy[1];
    r->lazy[0] &= ~both;
    r->lazy[1] &= ~both;
    r->steady = r->lazy[0] | r->lazy[1];
    for (unsigned i = 0; i < r->insn_count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        bool any_bits = insn->op == T2_FLOAD || insn->op == T2_XMVF || t2_is(insn, T2_TYPE_FP, T2_CLASS_SIGN);
        if (any_bits)
            r->steady &= ~(1u << (insn->d - T2_F0));
    }
}

/* Finds the registers that are read as single precision and to which only such results are written: they are
 * boxed if they are at the entry. */
static void find_boxed(struct ir *r)
{
    uint32_t read = 0, other = 0;
    for (unsigned i = 0; i < r->insn_count; i++) {
        const struct t2_insn *insn = &r->insns[i];
        unsigned from = insn->op == T2_FCVTFF ? 96u - insn->bits : insn->bits;
        const uint8_t operands[3] = { insn->a, insn->b, insn->c };
        bool looks = t2_computes_fp(insn) && from == 32;
        for (unsigned n = 0; n < 3; n++)
            if (looks && t2_is_f(operands[n]))
                read |= 1u << (operands[n] - T2_F0);
        if (t2_is_f(insn->d) && insn->bits != 32)
            other |= 1u << (insn->d - T2_F0);
    }
    r->boxed = read & ~other;
}

/* No host register is used twice. */
static void check_places(const struct ir *r)
{
    uint32_t general = 0, floats = 0;
    for (unsigned v = 0; v < T2_VARS; v++) {
        uint32_t *taken = t2_is_f(v) ? &floats : &general;
        if (r->home[v] == T2_IN_HART)
            continue;
        CHECK(r->home[v] < 16 && !(*taken >> r->home[v] & 1));
        *taken |= 1u << r->home[v];
    }
    for (unsigned i = 0; i < r->slot_count; i++) {
        if (r->slot_home[i] == T2_IN_HART)
            continue;
        CHECK(!(general >> r->slot_home[i] & 1));
        general |= 1u << r->slot_home[i];
    }
    /* rcx and rdx are scratch; the registers that T1 keeps are not in the pool, nor are xmm0 and xmm1. */
    CHECK(!(general & (1u << X86_RCX | 1u << X86_RDX | 1u << X86_RSP | 1u << HOST_HART | 1u << HOST_TLB |
                       1u << HOST_BUDGET)));
    CHECK(!(floats & 3));
    CHECK(!r->needs_rax || !(general & 1u << X86_RAX));
}

bool pass_alloc(struct ir *r)
{
    unsigned weight[T2_VARS] = { 0 };
    memset(r->home, T2_IN_HART, sizeof(r->home));
    count(r, weight);
    allocate_integers(r, weight);
    allocate_slots(r);
    allocate_floats(r, weight);
    find_lazy(r);
    find_boxed(r);
    CHECK_INVARIANT(check_places(r));
    return true;
}
