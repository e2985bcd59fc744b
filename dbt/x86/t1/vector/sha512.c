/* SPDX-License-Identifier: MIT
 *
 * SHA-512 of Zvknhb ("Vector Cryptography"), on AVX-512, whose rotations and functions of three operands make
 * a round short. A round depends on the one before it, so each word of the state is in a register of its own.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

/* Registers after those of the state. */
enum { STATE_WORDS = 8, SUM = 8, FUNCTION = 9, TURNED_1 = 10, TURNED_2 = 11, SUM_0 = 12 };

static const struct x86_lanes one = { 16, 0, false }, four = { 32, 0, false };

static bool fits(const struct t1 *t)
{
    return t->dbt->host.avx512 && isa_has(&t->hart->isa, ISA_Zvknhb) &&
           t1v_groups_fit(t, t1v_numbers(t, T1V_VECTOR)) && OP.rd != OP.rs2 && OP.rd != OP.rs1;
}

static void add(struct t1 *t, struct x86_lanes lanes, unsigned to, unsigned a)
{
    x86_epacked(&t->e, X86_E_ADD_64, lanes, t1v_reg(t, to), t1v_reg(t, to), t1v_reg(t, a));
}

/* to = the exclusive or of `from` rotated by three numbers. With `shifts`, the last of
 * them shifts instead. */
static void mix(struct t1 *t, struct x86_lanes lanes, unsigned to, unsigned from, const uint8_t by[3],
                bool shifts)
{
    struct x86_emit *e = &t->e;
    unsigned source = t1v_reg(t, from), last = t1v_reg(t, TURNED_2);
    x86_erotate(e, 3, lanes, t1v_reg(t, to), source, by[0]);
    x86_erotate(e, 3, lanes, t1v_reg(t, TURNED_1), source, by[1]);
    (shifts ? x86_eshift_right : x86_erotate)(e, 3, lanes, last, source, by[2]);
    x86_eternary(e, X86_XOR_3, lanes, t1v_reg(t, to), t1v_reg(t, TURNED_1), last);
}

/* FUNCTION = the function of three words of the state. */
static void combine(struct t1 *t, enum x86_ternary function, const unsigned *s)
{
    x86_epacked(&t->e, X86_E_LOAD_64, one, t1v_reg(t, FUNCTION), 0, t1v_reg(t, s[0]));
    x86_eternary(&t->e, function, one, t1v_reg(t, FUNCTION), t1v_reg(t, s[1]), t1v_reg(t, s[2]));
}

/* One round. s: the registers of a to h. Those of d and h become the new e and a. */
static void round_512(struct t1 *t, unsigned s[STATE_WORDS], struct x86_mem word)
{
    static const uint8_t of_a[] = { 28, 34, 39 }, of_e[] = { 14, 18, 41 };
    struct x86_emit *e = &t->e;
    x86_eload_low(e, t1v_reg(t, FUNCTION), word);
    mix(t, one, SUM, s[4], of_e, false);
    add(t, one, SUM, FUNCTION);
    add(t, one, SUM, s[7]);
    combine(t, X86_CHOOSE, s + 4);
    add(t, one, SUM, FUNCTION);
    mix(t, one, SUM_0, s[0], of_a, false);
    combine(t, X86_MAJORITY, s);
    add(t, one, SUM_0, FUNCTION);
    add(t, one, s[3], SUM);
    x86_epacked(e, X86_E_ADD_64, one, t1v_reg(t, s[7]), t1v_reg(t, SUM), t1v_reg(t, SUM_0));
    unsigned next[STATE_WORDS] = { s[7], s[0], s[1], s[2], s[3], s[4], s[5], s[6] };
    for (unsigned i = 0; i < STATE_WORDS; i++)
        s[i] = next[i];
}

static struct x86_mem word_mem(const struct t1 *t, unsigned guest, unsigned group, unsigned number)
{
    struct x86_mem mem = t1v_group_mem(t, guest, group);
    mem.disp += (int32_t)(8 * number);
    return mem;
}

/* Two rounds. From the lowest element on, vs2 has f, e, b, a, and vd has h, g, d, c, and then the new f, e,
 * b, a. vs1 has the words: its low ones, or its high ones, are used. */
bool t1v_sha512_rounds(struct t1 *t, bool high)
{
    static const uint8_t places[] = { 3, 2, 3, 2, 1, 0, 1, 0 }; /* of a to h */
    struct x86_emit *e = &t->e;
    struct t1v_walk walk;
    if (!fits(t))
        return false;
    t1v_begin_walk(t, &walk);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        unsigned s[STATE_WORDS];
        t1v_next_group(t, &walk);
        for (unsigned word = 0; word < STATE_WORDS; word++) {
            s[word] = word;
            x86_eload_low(e, t1v_reg(t, word), word_mem(t, word & 2 ? OP.rd : OP.rs2, i, places[word]));
        }
        for (unsigned turn = 0; turn < 2; turn++)
            round_512(t, s, word_mem(t, OP.rs1, i, (high ? 2 : 0) + turn));
        for (unsigned word = 0; word < STATE_WORDS; word++)
            if (!(word & 2))
                x86_estore_low(e, word_mem(t, OP.rd, i, places[word]), t1v_reg(t, s[word]));
    }
    return t1v_end_walk(t, &walk);
}

/* Makes four more words of the message: vd has W0 to W3; vs2 W4, W9, W10, W11; vs1 W12 to W15. The last two
 * of the new words depend on the first two. */
bool t1v_sha512_message(struct t1 *t)
{
    static const uint8_t of_old[] = { 1, 8, 7 }, of_new[] = { 19, 61, 6 };
    enum { OLD = 1, MIDDLE = 2, NEW = 3, MOVED = 4 };
    const struct x86_lanes first = { 32, T1V_SEEN, false }, last = { 32, T1V_FOUND, false };
    struct x86_emit *e = &t->e;
    struct pieces p = t1v_whole((struct pieces){ .bytes = 32, .count = 1, .elements = 4, .log2 = 3 });
    struct t1v_walk walk;
    if (!fits(t))
        return false;
    t1v_begin_walk(t, &walk);
    x86_mov_imm(e, X86_RAX, 3);
    x86_kmove_from(e, T1V_SEEN, X86_RAX);
    x86_mov_imm(e, X86_RAX, 12);
    x86_kmove_from(e, T1V_FOUND, X86_RAX);
    unsigned old = t1v_reg(t, OLD), middle = t1v_reg(t, MIDDLE), new = t1v_reg(t, NEW),
             moved = t1v_reg(t, MOVED);
    for (unsigned i = 0; i < t1v_groups(t); i++) {
        t1v_next_group(t, &walk);
        t1v_load(t, p, OLD, t1v_group_mem(t, OP.rd, i));
        t1v_load(t, p, MIDDLE, t1v_group_mem(t, OP.rs2, i));
        t1v_load(t, p, NEW, t1v_group_mem(t, OP.rs1, i));
        x86_ealign_64(e, four, moved, middle, old, 1); /* W1 to W4 */
        mix(t, four, SUM, MOVED, of_old, true);
        add(t, four, SUM, OLD);
        x86_ealign_64(e, four, moved, new, middle, 1); /* W9 to W12 */
        add(t, four, SUM, MOVED);
        x86_ealign_64(e, four, moved, new, new, 2); /* W14, W15 */
        mix(t, four, FUNCTION, MOVED, of_new, true);
        add(t, first, SUM, FUNCTION);
        mix(t, four, FUNCTION, SUM, of_new, true);
        x86_ealign_64(e, four, moved, t1v_reg(t, FUNCTION), t1v_reg(t, FUNCTION), 2);
        add(t, last, SUM, MOVED);
        t1v_store(t, p, t1v_group_mem(t, OP.rd, i), SUM);
    }
    return t1v_end_walk(t, &walk);
}
