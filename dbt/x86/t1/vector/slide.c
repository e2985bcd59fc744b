/* SPDX-License-Identifier: MIT
 *
 * Slides ("Vector Slide Instructions"). If a group has one piece or two, of 32 bytes at least, the host's
 * permutation takes it as one table; the numbers are those of the elements themselves, plus or minus the
 * offset. Any other group is loaded from another place of the register file. That is slower: the host waits
 * there until what was stored last, in pieces that begin elsewhere, has reached its cache. In a slide by one
 * element, each piece comes from two neighbours.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

/* Registers: the elements' own numbers, the offset in each element, the numbers of elements of the table, the
 * result, and the first of the table's pieces. */
enum { OWN = T1V_CONST, OFFSET = T1V_SCALAR, NUMBERS = T1V_OPERAND, RESULT = T1V_TEMP, TABLE = 1 };

/* ---- By permutations ----------------------------------------------------------------------------------- */

static bool permutes(const struct t1 *t, struct pieces p)
{
    return p.count <= 2 && p.bytes >= 32 && (p.log2 || t->dbt->host.avx512_vbmi);
}

/* RESULT = the elements that NUMBERS choose from the table in `first` and `second`, which may be
 * the same register. */
static void permute(struct t1 *t, struct pieces p, struct x86_lanes lanes, unsigned first, unsigned second)
{
    struct x86_emit *e = &t->e;
    if (first == second) {
        x86_epacked(e, X86_E_PERMUTE + p.log2, lanes, REG(RESULT), REG(NUMBERS), REG(first));
        return;
    }
    x86_epacked(e, X86_E_LOAD + p.log2, t1v_all(p), REG(RESULT), 0, REG(first));
    x86_epacked(e, X86_E_PERMUTE2 + p.log2, lanes, REG(RESULT), REG(NUMBERS), REG(second));
}

/* Adds a number to each element of `to`. */
static void add(struct t1 *t, struct pieces p, unsigned to, unsigned number)
{
    t1v_spread_constant(t, p, T1V_MOVED, number);
    x86_epacked(&t->e, X86_E_ADD + p.log2, t1v_all(p), REG(to), REG(to), REG(T1V_MOVED));
}

/* Loads the table, OWN and OFFSET; the offset is in rdx. */
static void begin_permuting(struct t1 *t, struct pieces p)
{
    for (unsigned i = 0; i < p.count; i++)
        t1v_load(t, p, TABLE + i, t1v_mem(t, OP.rs2, p, i));
    x86_mov(&t->e, 64, X86_RAX, X86_RDX);
    t1v_spread(t, p, OFFSET);
    t1v_multiples(t, p, OWN, 1);
}

/* Elements from behind the group are 0. */
static void permute_down(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes there = { (uint8_t)p.bytes, T1V_SEEN, true };
    begin_permuting(t, p);
    t1v_spread_constant(t, p, T1V_COUNTS, t1v_vlmax(t));
    x86_epacked(e, X86_E_ADD + p.log2, t1v_all(p), REG(NUMBERS), REG(OWN), REG(OFFSET));
    for (unsigned i = 0; i < p.count; i++) {
        if (i)
            add(t, p, NUMBERS, p.elements);
        x86_ecompare(e, p.log2, false, X86_P_LT, t1v_all(p), T1V_SEEN, REG(NUMBERS), REG(T1V_COUNTS));
        permute(t, p, there, TABLE, TABLE + p.count - 1);
        t1v_put_active(t, p, i, RESULT);
    }
}

/* The elements before the offset stay. */
static void permute_up(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes behind = { (uint8_t)p.bytes, T1V_SEEN, false };
    begin_permuting(t, p);
    for (unsigned i = 0; i < p.count; i++) {
        if (i)
            add(t, p, OWN, p.elements);
        x86_epacked(e, X86_E_SUB + p.log2, t1v_all(p), REG(NUMBERS), REG(OWN), REG(OFFSET));
        permute(t, p, t1v_all(p), TABLE, TABLE + p.count - 1);
        t1v_make_mask(t, p, i);
        struct x86_lanes meant = { (uint8_t)p.bytes, p.k.mask, false };
        x86_ecompare(e, p.log2, false, X86_P_GE, meant, T1V_SEEN, REG(OWN), REG(OFFSET));
        t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
        x86_epacked(e, X86_E_LOAD + p.log2, behind, REG(0), 0, REG(RESULT));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
}

/* ---- By loads ------------------------------------------------------------------------------------------ */

/* eax is a difference, whose flags are set. rax = a mask of as many low bits: none if it is negative, no more
 * than 64. It uses rcx. */
static void low_bits(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    x86_mov_imm(e, X86_RCX, 0);
    x86_cmov(e, X86_L, 32, X86_RAX, X86_RCX);
    x86_mov_imm(e, X86_RCX, 64);
    x86_op(e, X86_CMP, 32, X86_RAX, X86_RCX);
    x86_cmov(e, X86_G, 32, X86_RAX, X86_RCX);
    x86_mov_imm(e, X86_RCX, -1);
    x86_low_bits(e, X86_RAX, X86_RCX, X86_RAX);
}

/* Goes in ascending order, since vd may be vs2. */
static void load_down(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes there = { (uint8_t)p.bytes, T1V_SEEN, true };
    for (unsigned i = 0; i < p.count; i++) {
        x86_mov_imm(e, X86_RAX, t1v_vlmax(t) - i * p.elements);
        x86_op(e, X86_SUB, 32, X86_RAX, X86_RDX);
        low_bits(t);
        x86_kmove_from(e, T1V_SEEN, X86_RAX);
        x86_epacked_mem(e, X86_E_LOAD + p.log2, there, REG(T1V_TEMP), 0,
                        x86_mem_scaled(HOST_HART, X86_RDX, p.log2,
                                       t1v_register_disp(t, OP.rs2) + (int32_t)(i * p.bytes)));
        t1v_put_active(t, p, i, T1V_TEMP);
    }
}

static void load_up(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes behind = { (uint8_t)p.bytes, T1V_SEEN, false };
    for (unsigned i = 0; i < p.count; i++) {
        x86_mov(e, 32, X86_RAX, X86_RDX);
        x86_op_imm(e, X86_SUB, 32, X86_RAX, (int32_t)(i * p.elements));
        low_bits(t);
        x86_not(e, 64, X86_RAX);
        x86_kmove_from(e, T1V_SEEN, X86_RAX);
        t1v_make_mask(t, p, i);
        if (p.k.mask)
            x86_klogic(e, X86_KAND, T1V_SEEN, T1V_SEEN, T1V_ACTIVE);
        t1v_load(t, p, 0, t1v_mem(t, OP.rd, p, i));
        x86_mov(e, 64, X86_RCX, X86_RDX);
        x86_neg(e, 64, X86_RCX);
        x86_epacked_mem(e, X86_E_LOAD + p.log2, behind, REG(0), 0,
                        x86_mem_scaled(HOST_HART, X86_RCX, p.log2,
                                       t1v_register_disp(t, OP.rs2) + (int32_t)(i * p.bytes)));
        t1v_store(t, p, t1v_mem(t, OP.rd, p, i), 0);
    }
}

/* ---- By an offset -------------------------------------------------------------------------------------- */

static bool slide_down(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    if (!t1v_begin_by_offset(t, source, false, &p))
        return false;
    if (t->dbt->host.avx512)
        (permutes(t, p) ? permute_down : load_down)(t, p);
    else
        t1v_slide_down_on_avx2(t, p);
    return t1v_end(t);
}

static bool slide_up(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    if (!t1v_begin_by_offset(t, source, true, &p))
        return false;
    if (t->dbt->host.avx512)
        (permutes(t, p) ? permute_up : load_up)(t, p);
    else
        t1v_slide_up_on_avx2(t, p);
    return t1v_end(t);
}

/* ---- By one element ------------------------------------------------------------------------------------ */

/* T1V_SEEN = the bit of element vl - 1, if it is in the piece. */
static void find_last(struct t1 *t, struct pieces p, unsigned number)
{
    struct x86_emit *e = &t->e;
    unsigned first = number * p.elements;
    x86_load(e, 32, X86_RCX, HART_MEM(vector.vl));
    x86_op_imm(e, X86_SUB, 32, X86_RCX, (int32_t)first + 1);
    x86_mov_imm(e, X86_RAX, 1);
    x86_shift_by(e, X86_SHL, 64, X86_RAX, X86_RAX, X86_RCX);
    x86_op_imm(e, X86_CMP, 32, X86_RCX, 64);
    x86_mov_imm(e, X86_RCX, 0);
    x86_cmov(e, X86_AE, 64, X86_RAX, X86_RCX);
    x86_kmove_from(e, T1V_SEEN, X86_RAX);
}

/* RESULT = piece `number` of vs2, moved by one element that comes from its neighbour. At the ends of the
 * group any element comes in; put_scalar() replaces it. NUMBERS has the numbers of elements in the lower
 * piece and the one behind it. */
static void shift_piece(struct t1 *t, struct pieces p, unsigned number, bool up)
{
    unsigned lower = up && number ? number - 1 : number;
    unsigned upper = up || number + 1 == p.count ? number : number + 1;
    t1v_load(t, p, TABLE, t1v_mem(t, OP.rs2, p, lower));
    if (lower != upper)
        t1v_load(t, p, TABLE + 1, t1v_mem(t, OP.rs2, p, upper));
    permute(t, p, t1v_all(p), TABLE, TABLE + (lower != upper));
}

/* If the element at the group's end is in this piece, RESULT's element becomes the scalar. */
static void put_scalar(struct t1 *t, struct pieces p, unsigned number, bool up)
{
    struct x86_emit *e = &t->e;
    struct x86_lanes end = { (uint8_t)p.bytes, T1V_SEEN, false };
    if (number != (up ? 0 : p.count - 1) && (up || !p.k.mask))
        return;
    if (!up && p.k.mask) {
        find_last(t, p, number);
    } else {
        x86_mov_imm(e, X86_RAX, up ? 1 : (int64_t)(UINT64_C(1) << (p.elements - 1)));
        x86_kmove_from(e, T1V_SEEN, X86_RAX);
    }
    x86_epacked(e, X86_E_LOAD + p.log2, end, REG(RESULT), 0, REG(T1V_SCALAR));
}

static bool slide_1(struct t1 *t, enum t1v_source source, bool up)
{
    struct pieces p;
    if (!t1v_slide_fits(t, up, &p) || (source == T1V_SCALAR_F && t->vector.sew < 2))
        return false;
    t1v_begin_with(t, p, source);
    if (!t->dbt->host.avx512) {
        t1v_slide_1_on_avx2(t, p, up);
        return t1v_end(t);
    }
    bool permuting = p.bytes >= 32 && (p.log2 || t->dbt->host.avx512_vbmi);
    int32_t distance = (up ? -1 : 1) * (1 << p.log2);
    if (permuting) {
        t1v_multiples(t, p, NUMBERS, 1);
        add(t, p, NUMBERS, up ? p.elements - 1 : 1);
    }
    for (unsigned i = 0; i < p.count; i++) {
        if (permuting)
            shift_piece(t, p, i, up);
        else
            t1v_load(t, p, RESULT,
                     x86_mem(HOST_HART, t1v_register_disp(t, OP.rs2) + (int32_t)(i * p.bytes) + distance));
        put_scalar(t, p, i, up);
        t1v_put_active(t, p, i, RESULT);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VSLIDE(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
