/* SPDX-License-Identifier: MIT
 *
 * Segments ("Vector Load/Store Segment Instructions") that follow each other in memory, by permutations: for
 * whole groups without a mask, whose memory lies in one page. memory.c moves all others one by one.
 *
 * The segments of one piece of each field are a block: field f of segment i is the block's element i * fields
 * + f. A load fetches all of a block, 64 bytes at a time, and puts each field together from these pieces; a
 * store does the reverse. Which elements come from which piece is known when the code is made, so there is a
 * constant mask for each piece. The elements' numbers in a piece are the low bits of the numbers in a table.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

enum { FIELDS_MAX = 8, RESULT = T1V_TEMP, NUMBERS = T1V_CONST, ONES = T1V_COUNTS };

/* ---- Numbers ------------------------------------------------------------------------------------------- */

#define EIGHT(N, n) N(n) N((n) + 1) N((n) + 2) N((n) + 3) N((n) + 4) N((n) + 5) N((n) + 6) N((n) + 7)
#define EACH(N)                                                                                              \
    EIGHT(N, 0) EIGHT(N, 8) EIGHT(N, 16) EIGHT(N, 24) EIGHT(N, 32) EIGHT(N, 40) EIGHT(N, 48) EIGHT(N, 56)
#define MULTIPLE1(n) (n) & 255,
#define MULTIPLE2(n) (n) * 2 & 255,
#define MULTIPLE3(n) (n) * 3 & 255,
#define MULTIPLE4(n) (n) * 4 & 255,
#define MULTIPLE5(n) (n) * 5 & 255,
#define MULTIPLE6(n) (n) * 6 & 255,
#define MULTIPLE7(n) (n) * 7 & 255,
#define MULTIPLE8(n) (n) * 8 & 255,
#define REPEAT2(n)   (n), (n),
#define REPEAT3(n)   REPEAT2(n)(n),
#define REPEAT4(n)   REPEAT2(n) REPEAT2(n)
#define REPEAT5(n)   REPEAT4(n)(n),
#define REPEAT6(n)   REPEAT4(n) REPEAT2(n)
#define REPEAT7(n)   REPEAT6(n)(n),
#define REPEAT8(n)   REPEAT4(n) REPEAT4(n)

/* to = numbers from a table of bytes, one number for each element. */
static void take_numbers(struct t1 *t, struct pieces p, unsigned to, const uint8_t *table)
{
    static const enum x86_epacked extensions[] = { X86_E_LOAD, X86_E_ZX2, X86_E_ZX4, X86_E_ZX8 };
    x86_mov_imm(&t->e, X86_RAX, (int64_t)(intptr_t)table);
    t1v_unary_mem(t, extensions[p.log2], t1v_whole(p), to, x86_mem(X86_RAX, 0));
}

void t1v_multiples(struct t1 *t, struct pieces p, unsigned to, unsigned n)
{
    static const uint8_t multiples[][64] = { { EACH(MULTIPLE1) }, { EACH(MULTIPLE2) }, { EACH(MULTIPLE3) },
                                             { EACH(MULTIPLE4) }, { EACH(MULTIPLE5) }, { EACH(MULTIPLE6) },
                                             { EACH(MULTIPLE7) }, { EACH(MULTIPLE8) } };
    take_numbers(t, p, to, multiples[n - 1]);
}

/* NUMBERS = for each element of a piece of memory, whose first is element `first` of the block, the
 * number of its segment. */
static void take_segments(struct t1 *t, struct pieces p, unsigned fields, unsigned first)
{
    static const uint8_t of_2[] = { EACH(REPEAT2) }, of_3[] = { EACH(REPEAT3) }, of_4[] = { EACH(REPEAT4) },
                         of_5[] = { EACH(REPEAT5) }, of_6[] = { EACH(REPEAT6) }, of_7[] = { EACH(REPEAT7) },
                         of_8[] = { EACH(REPEAT8) };
    static const uint8_t *const tables[FIELDS_MAX + 1] = { NULL, NULL, of_2, of_3, of_4,
                                                           of_5, of_6, of_7, of_8 };
    take_numbers(t, p, NUMBERS, tables[fields] + first);
}

/* RESULT = the elements of register `from` that NUMBERS choose, for the elements whose bits are
 * set; the others stay. */
static void permute(struct t1 *t, struct pieces wide, uint64_t bits, unsigned from)
{
    struct x86_lanes lanes = { (uint8_t)wide.bytes, T1V_SEEN, false };
    if (!bits)
        return;
    x86_mov_imm(&t->e, X86_RAX, (int64_t)bits);
    x86_kmove_from(&t->e, T1V_SEEN, X86_RAX);
    x86_epacked(&t->e, X86_E_PERMUTE + wide.log2, lanes, REG(RESULT), REG(NUMBERS), REG(from));
}

/* ---- Loads and stores ---------------------------------------------------------------------------------- */

/* A block: the pieces of its fields; the pieces of its memory, and how many of these there are. The last of
 * these may be shorter. */
struct stretch {
    const struct t1v_layout *l;
    struct pieces field, wide;
    unsigned number, count, bytes;
};

/* Loads or stores piece `number` of the block's memory; rdx has the host's address of the first block. */
static void access_memory(struct t1 *t, const struct stretch *b, unsigned number, unsigned reg)
{
    struct x86_emit *e = &t->e;
    unsigned log2 = b->wide.log2, rest = b->bytes - number * b->wide.bytes;
    struct x86_mem mem = x86_mem(X86_RDX, (int32_t)(b->number * b->bytes + number * b->wide.bytes));
    struct x86_lanes lanes = t1v_all(b->wide);
    if (rest == 32 || rest == 16) {
        lanes.bytes = (uint8_t)rest;
    } else if (rest < b->wide.bytes) {
        x86_mov_imm(e, X86_RAX, (int64_t)((UINT64_C(1) << (rest >> log2)) - 1));
        x86_kmove_from(e, T1V_SEEN, X86_RAX);
        lanes.mask = T1V_SEEN;
        lanes.zero = !b->l->write;
    }
    if (b->l->write)
        x86_estore(e, log2, lanes, mem, REG(reg));
    else
        x86_epacked_mem(e, X86_E_LOAD + log2, lanes, REG(reg), 0, mem);
}

static struct x86_mem field_mem(const struct t1 *t, const struct stretch *b, unsigned field)
{
    struct x86_mem mem = t1v_mem(t, OP.rd, b->field, b->number);
    mem.disp += (int32_t)(field * b->l->field_bytes);
    return mem;
}

/* RESULT = a field. The first two pieces of memory serve as one table for the host's permutation; elements
 * from other pieces are added one piece after the other. */
static void gather_field(struct t1 *t, const struct stretch *b, unsigned field)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes lanes = t1v_all(b->wide);
    unsigned log2 = b->wide.log2;
    uint64_t from[FIELDS_MAX] = { 0 };
    for (unsigned i = 0; i < b->field.elements; i++)
        from[(i * b->l->fields + field) / b->wide.elements] |= UINT64_C(1) << i;
    if (b->count == 1) {
        x86_epacked(e, X86_E_PERMUTE + log2, lanes, REG(RESULT), REG(NUMBERS), REG(0));
        return;
    }
    x86_epacked(e, X86_E_LOAD + log2, lanes, REG(RESULT), 0, REG(0));
    x86_epacked(e, X86_E_PERMUTE2 + log2, lanes, REG(RESULT), REG(NUMBERS), REG(1));
    for (unsigned i = 2; i < b->count; i++)
        permute(t, b->wide, from[i], i);
}

static void load_block(struct t1 *t, const struct stretch *b)
{
    for (unsigned i = 0; i < b->count; i++)
        access_memory(t, b, i, i);
    t1v_multiples(t, b->wide, NUMBERS, b->l->fields);
    for (unsigned field = 0; field < b->l->fields; field++) {
        if (field)
            x86_epacked(&t->e, X86_E_ADD + b->wide.log2, t1v_all(b->wide), REG(NUMBERS), REG(NUMBERS),
                        REG(ONES));
        gather_field(t, b, field);
        t1v_store(t, b->field, field_mem(t, b, field), RESULT);
    }
}

static void store_block(struct t1 *t, const struct stretch *b)
{
    unsigned fields = b->l->fields;
    for (unsigned field = 0; field < fields; field++)
        t1v_load(t, b->field, field, field_mem(t, b, field));
    for (unsigned piece = 0; piece < b->count; piece++) {
        unsigned first = piece * b->wide.elements;
        uint64_t from[FIELDS_MAX] = { 0 };
        for (unsigned i = 0; i < b->wide.elements; i++)
            from[(first + i) % fields] |= UINT64_C(1) << i;
        take_segments(t, b->wide, fields, first);
        for (unsigned field = 0; field < fields; field++)
            permute(t, b->wide, from[field], field);
        access_memory(t, b, piece, RESULT);
    }
}

bool t1v_move_segments(struct t1 *t, const struct t1v_layout *l)
{
    struct pieces p, wide = { .bytes = 64, .elements = 64 >> l->eew, .log2 = l->eew };
    struct x86_emit *e = &t->e;
    if (!t->dbt->host.avx512)
        return t1v_move_segments_on_avx2(t, l);
    if (t1v_masked(t) || !t1v_whole_length(t) || !t1v_group(t, l->eew, OP.rd, &p) ||
        t1v_vlmax(t) < p.elements || (l->eew == 0 && !t->dbt->host.avx512_vbmi))
        return false;
    struct stretch b = { .l = l, .field = p, .wide = wide, .bytes = l->fields * p.bytes };
    b.count = (b.bytes + wide.bytes - 1) / wide.bytes;
    t1v_begin(t, !l->write);
    enum x86_reg base = t1_pointer(t);
    t1v_go_partial_if(t, t1_look_up(t, base, 0, (int32_t)(p.count * b.bytes), t1v_side(l->write)));
    check_emit(t->dbt, e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), p.count * b.bytes, l->write,
               t->offset);
    x86_op(e, X86_ADD, 64, X86_RDX, base);
    t1v_spread_constant(t, wide, ONES, 1);
    for (; b.number < p.count; b.number++)
        (l->write ? store_block : load_block)(t, &b);
    return t1v_end(t);
}
