/* SPDX-License-Identifier: MIT
 *
 * SM4 of Zvksed (GB/T 32907-2016), on AVX-512 with GFNI, a piece at a time. Its S-box is a reciprocal in a
 * field of 256 elements, between two linear maps. The host's field has another modulus, so the maps used here
 * also go to the host's field and back. Each of a group's four words, and of the four that its rounds make,
 * has a register of its own, in which it is the first word of the group.
 */
#include "cpu/crypto.h"
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Registers; the words begin at 1. */
enum { WORDS = 1, KEYS = 9, INPUT = 10, OUTPUT = 12, WORK = 13, TURNED_1 = 14, TURNED_2 = 15 };

#define INPUT_MAP  INT64_C(0x4c287db91a22505d)
#define OUTPUT_MAP ((int64_t)UINT64_C(0xf3ab34a974a6b589))
enum { INPUT_CONSTANT = 0x3e, OUTPUT_CONSTANT = 0xd3 };

/* What an instruction does: rounds with the round keys in vs2, of all groups or of `one` for all, or the next
 * round keys, which are made with constants. */
enum sm4 { ROUNDS, ROUNDS_ONE, SCHEDULE };

static void take_maps(struct t1 *t, struct pieces p)
{
    p.log2 = 3;
    t1v_spread_constant(t, p, INPUT, INPUT_MAP);
    t1v_spread_constant(t, p, OUTPUT, OUTPUT_MAP);
}

/* `to` ^= WORK rotated to the right by two numbers. */
static void add_turned(struct t1 *t, struct x86_lanes lanes, unsigned to, unsigned by_1, unsigned by_2)
{
    x86_erotate(&t->e, 2, lanes, REG(TURNED_1), REG(WORK), by_1);
    x86_erotate(&t->e, 2, lanes, REG(TURNED_2), REG(WORK), by_2);
    x86_eternary(&t->e, X86_XOR_3, lanes, REG(to), REG(TURNED_1), REG(TURNED_2));
}

/* Makes word `number` + 4. */
static void make_word(struct t1 *t, struct pieces p, enum sm4 kind, unsigned number)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes lanes = t1v_all(p);
    unsigned from = WORDS + number, to = from + 4;
    if (kind == SCHEDULE) {
        t1v_spread_constant(t, p, WORK, crypto_sm4_constant(4 * ((unsigned)OP.imm & 7) + number));
    } else {
        x86_eshuffle_32(e, lanes, REG(WORK), REG(KEYS), 0x55 * number);
    }
    x86_eternary(e, X86_XOR_3, lanes, REG(WORK), REG(from + 1), REG(from + 2));
    x86_epacked(e, X86_E_XOR_64, lanes, REG(WORK), REG(WORK), REG(from + 3));
    x86_emap(e, false, lanes, REG(WORK), REG(WORK), REG(INPUT), INPUT_CONSTANT);
    x86_emap(e, true, lanes, REG(WORK), REG(WORK), REG(OUTPUT), OUTPUT_CONSTANT);
    x86_epacked(e, X86_E_XOR_64, lanes, REG(to), REG(from), REG(WORK));
    if (kind == SCHEDULE) {
        add_turned(t, lanes, to, 32 - 13, 32 - 23);
    } else {
        add_turned(t, lanes, to, 32 - 2, 32 - 10);
        add_turned(t, lanes, to, 32 - 18, 32 - 24);
    }
}

static bool sm4(struct t1 *t, enum sm4 kind)
{
    struct x86_emit *e = &t->e;
    struct pieces p;
    if ((kind == ROUNDS_ONE && !t1v_disjoint(OP.rd, t1v_registers(t->vector.lmul), OP.rs2, 1)) ||
        !t1v_begin_groups(t, OP.rd | (kind == ROUNDS_ONE ? 0u : OP.rs2), &p))
        return false;
    struct x86_lanes lanes = t1v_all(p);
    take_maps(t, p);
    if (kind == ROUNDS_ONE)
        x86_ebroadcast_16(e, REG(KEYS), t1v_group_mem(t, OP.rs2, 0));
    for (unsigned i = 0; i < p.count; i++) {
        if (kind == ROUNDS)
            t1v_load(t, p, KEYS, t1v_mem(t, OP.rs2, p, i));
        t1v_load(t, p, WORDS, t1v_mem(t, kind == SCHEDULE ? OP.rs2 : OP.rd, p, i));
        for (unsigned word = 1; word < 4; word++)
            x86_eshuffle_32(e, lanes, REG(WORDS + word), REG(WORDS), 0x55 * word);
        for (unsigned number = 0; number < 4; number++)
            make_word(t, p, kind, number);
        for (unsigned two = WORDS + 4; two < WORDS + 8; two += 2)
            x86_epacked(e, X86_E_LOW_HALVES_32, lanes, REG(two), REG(two), REG(two + 1));
        x86_epacked(e, X86_E_LOW_HALVES_64, lanes, REG(WORK), REG(WORDS + 4), REG(WORDS + 6));
        t1v_put_active(t, p, i, WORK);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VSM4(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
