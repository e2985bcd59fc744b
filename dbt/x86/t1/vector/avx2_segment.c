/* SPDX-License-Identifier: MIT
 *
 * Segments that follow each other in memory, on hosts with AVX2 only: two to four fields, and loads of five
 * and seven fields of 4 or 8 bytes, for whole groups without a mask, whose memory lies in one page. 16 bytes
 * of each field are as many times 16 bytes of memory. Each of these is put together from all of the others by
 * the host's permutation of bytes, which makes 0 of what comes from elsewhere.
 */
#include "dbt/x86/check.h"
#include "dbt/x86/t1/vector/vector.h"

#define OP T1V_OP

enum { FIELDS_MIN = 2, FIELDS_MAX = 4, FIELDS_COUNT = FIELDS_MAX - FIELDS_MIN + 1, FIRST = 1, RESULT = 0 };

/* Byte b of 16 bytes of field f, of n fields with elements of s bytes: where it is in the memory of the
 * segments, and its number in the j-th 16 bytes there, if it is in these. */
#define PLACE(n, s, f, b)   (((b) / (s) * (n) + (f)) * (s) + (b) % (s))
#define LOAD(n, s, f, j, b) (PLACE(n, s, f, b) / 16 == (j) ? PLACE(n, s, f, b) % 16 : 128)
/* Byte b of the j-th 16 bytes in memory: its number in field f, if it is of that field. */
#define ELEMENT(s, j, b)     ((16 * (j) + (b)) / (s))
#define STORE(n, s, f, j, b) (ELEMENT(s, j, b) % (n) == (f) ? ELEMENT(s, j, b) / (n) * (s) + (b) % (s) : 128)

#define ROW(M, n, s, f, j)                                                                                   \
    {                                                                                                        \
        M(n, s, f, j, 0), M(n, s, f, j, 1), M(n, s, f, j, 2), M(n, s, f, j, 3), M(n, s, f, j, 4),            \
            M(n, s, f, j, 5), M(n, s, f, j, 6), M(n, s, f, j, 7), M(n, s, f, j, 8), M(n, s, f, j, 9),        \
            M(n, s, f, j, 10), M(n, s, f, j, 11), M(n, s, f, j, 12), M(n, s, f, j, 13), M(n, s, f, j, 14),   \
            M(n, s, f, j, 15)                                                                                \
    }
#define FIELD(M, n, s, f)                                                                                    \
    {                                                                                                        \
        ROW(M, n, s, f, 0), ROW(M, n, s, f, 1), ROW(M, n, s, f, 2), ROW(M, n, s, f, 3)                       \
    }
#define SIZE(M, n, s)                                                                                        \
    {                                                                                                        \
        FIELD(M, n, s, 0), FIELD(M, n, s, 1), FIELD(M, n, s, 2), FIELD(M, n, s, 3)                           \
    }
#define FIELDS(M, n)                                                                                         \
    {                                                                                                        \
        SIZE(M, n, 1), SIZE(M, n, 2), SIZE(M, n, 4), SIZE(M, n, 8)                                           \
    }

/* By the number of fields, log2 of an element's bytes, the field, and the place in memory. */
typedef uint8_t orders[FIELDS_MAX][FIELDS_MAX][16];
static const orders load_orders[FIELDS_COUNT][4] = { FIELDS(LOAD, 2), FIELDS(LOAD, 3), FIELDS(LOAD, 4) };
static const orders store_orders[FIELDS_COUNT][4] = { FIELDS(STORE, 2), FIELDS(STORE, 3), FIELDS(STORE, 4) };

/* RESULT = register FIRST + `number`, permuted by the order that is `at` bytes behind rcx, or'ed to the rest.
 */
static void add_permuted(struct t1 *t, unsigned number, size_t at)
{
    unsigned to = number ? T1V_TEMP : RESULT;
    x86_vpacked_mem(&t->e, X86_E_SHUFFLE, 16, to, FIRST + number, x86_mem(X86_RCX, (int32_t)at));
    if (number)
        x86_vpacked(&t->e, X86_VOR_8, 16, RESULT, RESULT, to);
}

/* Loads the memory of 32 bytes of each field: the lower halves of the registers have that of the first 16
 * bytes, and the upper ones the rest; `block` is the first of two. */
static void load_memory(struct t1 *t, const struct t1v_layout *l, unsigned block)
{
    struct x86_emit *e = &t->e;
    for (unsigned i = 0; i < l->fields; i++) {
        struct x86_mem memory = x86_mem(X86_RDX, (int32_t)(16 * (block * l->fields + i)));
        x86_vload_packed(e, 16, FIRST + i, memory);
        memory.disp += (int32_t)(16 * l->fields);
        x86_vjoin_mem(e, FIRST + i, FIRST + i, memory);
    }
}

/* Loads 32 bytes of each field, in the same way. */
static void load_blocks(struct t1 *t, const struct t1v_layout *l, unsigned block)
{
    struct x86_emit *e = &t->e;
    const struct pieces p = { .bytes = 32, .log2 = l->eew, .k = { .bytes = 32 } };
    load_memory(t, l, block);
    for (unsigned field = 0; field < l->fields; field++) {
        for (unsigned i = 0; i < l->fields; i++) {
            unsigned to = i ? T1V_TEMP : RESULT;
            x86_vload_twice(e, T1V_MOVED, x86_mem(X86_RCX, (int32_t)(16 * (field * FIELDS_MAX + i))));
            x86_vpacked(e, X86_E_SHUFFLE, 32, to, FIRST + i, T1V_MOVED);
            if (i)
                x86_vpacked(e, X86_VOR_8, 32, RESULT, RESULT, to);
        }
        struct x86_mem own = t1v_mem(t, OP.rd, p, block / 2);
        own.disp += (int32_t)(field * l->field_bytes);
        t1v_store(t, p, own, RESULT);
    }
}

/* ---- Five or seven fields ------------------------------------------------------------------------------ */

/* The number of fields is odd, so the elements of a field in as many times 16 bytes lie at different places
 * of their 16 bytes: a blend puts them into one register, and one permutation brings them into order. */

/* Byte b of 16 bytes of a field that begins with element f, of n fields: its number in the blend. */
#define TURNED(n, s, f, j, b) (((b) / (s) * (n) + (f)) % (16 / (s)) * (s) + (b) % (s))
#define TURNS(n, s)                                                                                          \
    {                                                                                                        \
        ROW(TURNED, n, s, 0, 0), ROW(TURNED, n, s, 1, 0), ROW(TURNED, n, s, 2, 0), ROW(TURNED, n, s, 3, 0)   \
    }
/* By log2 of an element's bytes - 2, n / 2 % 2, and f % 4. */
static const uint8_t turns[2][2][4][16] = { { TURNS(1, 4), TURNS(3, 4) }, { TURNS(1, 8), TURNS(3, 8) } };

/* RESULT = the elements of the field, each at its place in memory. */
static void blend_field(struct t1 *t, const struct t1v_layout *l, unsigned field)
{
    unsigned each = 16u >> l->eew, words = 1u << (l->eew - 2), from = FIRST + field / each;
    for (unsigned i = 1; i < each; i++) {
        unsigned at = i * l->fields + field, bits = ((1u << words) - 1) << at % each * words;
        x86_vblend_32(&t->e, 32, RESULT, from, FIRST + at / each, bits | bits << 4);
        from = RESULT;
    }
}

/* Loads 32 bytes of each field. */
static void load_odd_blocks(struct t1 *t, const struct t1v_layout *l, unsigned block)
{
    struct x86_emit *e = &t->e;
    const struct pieces p = { .bytes = 32, .log2 = l->eew, .k = { .bytes = 32 } };
    load_memory(t, l, block);
    for (unsigned field = 0; field < l->fields; field++) {
        struct x86_mem own = t1v_mem(t, OP.rd, p, block / 2);
        own.disp += (int32_t)(field * l->field_bytes);
        blend_field(t, l, field);
        x86_vload_twice(e, T1V_MOVED, x86_mem(X86_RCX, (int32_t)(16 * (field % 4))));
        x86_vpacked(e, X86_E_SHUFFLE, 32, RESULT, RESULT, T1V_MOVED);
        t1v_store(t, p, own, RESULT);
    }
}

static bool loads_odd(const struct t1v_layout *l, struct pieces p)
{
    return !l->write && (l->fields == 5 || l->fields == 7) && l->eew >= 2 && p.bytes == 32;
}

/* ---- All ----------------------------------------------------------------------------------------------- */

/* Moves 16 bytes of each field; rdx has the host's address of the first segment of the group. */
static void move_block(struct t1 *t, const struct t1v_layout *l, unsigned block)
{
    struct x86_emit *e = &t->e;
    struct x86_mem memory[FIELDS_MAX], own[FIELDS_MAX];
    for (unsigned i = 0; i < l->fields; i++) {
        memory[i] = x86_mem(X86_RDX, (int32_t)(16 * (block * l->fields + i)));
        own[i] = hart_mem(t1v_register_at(t, OP.rd) + i * l->field_bytes + (size_t)(16 * block));
        x86_vload_packed(e, 16, FIRST + i, l->write ? own[i] : memory[i]);
    }
    for (unsigned to = 0; to < l->fields; to++) {
        for (unsigned from = 0; from < l->fields; from++) {
            unsigned field = l->write ? from : to, place = l->write ? to : from;
            add_permuted(t, from, 16 * (field * FIELDS_MAX + place));
        }
        x86_vstore_packed(e, 16, l->write ? memory[to] : own[to], RESULT);
        t1v_stored(t, l->write ? memory[to] : own[to], 16, RESULT);
    }
}

bool t1v_move_segments_on_avx2(struct t1 *t, const struct t1v_layout *l)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (t1v_masked(t) || !t1v_whole_length(t) || !t1v_group(t, l->eew, OP.rd, &p) || p.k.mask)
        return false;
    bool odd = loads_odd(l, p);
    if (l->fields > FIELDS_MAX && !odd)
        return false;
    unsigned blocks = p.count * p.bytes / 16, bytes = 16 * blocks * l->fields;
    const void *of = odd ? (const void *)turns[l->eew - 2][l->fields / 2 % 2]
                         : &(l->write ? store_orders : load_orders)[l->fields - FIELDS_MIN][l->eew];
    t1v_begin(t, !l->write);
    enum x86_reg base = t1_pointer(t);
    t1v_go_partial_if(t, t1_look_up(t, base, 0, (int32_t)bytes, t1v_side(l->write)));
    check_emit(t->dbt, e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), bytes, l->write, t->offset);
    x86_op(e, X86_ADD, 64, X86_RDX, base);
    x86_mov_imm(e, X86_RCX, (int64_t)(intptr_t)of);
    bool pairs = !l->write && p.bytes == 32;
    for (unsigned i = 0; i < blocks; i += pairs ? 2 : 1)
        if (odd)
            load_odd_blocks(t, l, i);
        else if (pairs)
            load_blocks(t, l, i);
        else
            move_block(t, l, i);
    return t1v_end(t);
}
