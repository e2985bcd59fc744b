/* SPDX-License-Identifier: MIT
 *
 * "Vector Permutation Instructions": element 0 to and from scalar registers; gathers and vcompress, by the
 * host's own permutations. Slides are in slide.c.
 */
#include "dbt/x86/t1/vector/vector.h"

#define OP     T1V_OP
#define REG(n) t1v_reg(t, n)

static struct x86_mem element_0(const struct t1 *t, unsigned guest)
{
    return hart_mem(t1v_register_at(t, guest));
}

/* ---- Element 0 and a scalar register ------------------------------------------------------------------- */

static bool to_integer(struct t1 *t)
{
    unsigned bits = 8u << t->vector.sew;
    if (!t->vector.known)
        return false;
    t1v_begin(t, false);
    if (bits < XLEN)
        t1_load(t, bits, true, X86_RAX, element_0(t, OP.rs2));
    else
        x86_load(&t->e, XLEN, X86_RAX, element_0(t, OP.rs2));
    t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static bool to_float(struct t1 *t)
{
    if (!t->vector.known || t->vector.sew < 2)
        return false;
    t1v_begin_float(t);
    x86_load(&t->e, 8u << t->vector.sew, X86_RAX, element_0(t, OP.rs2));
    t1_fp_set_bits(t, 8u << t->vector.sew);
    return true;
}

/* Does nothing if vl is 0. */
static bool from_scalar(struct t1 *t, enum t1v_source source)
{
    struct x86_emit *e = &t->e;
    if (!t->vector.known || (source == T1V_SCALAR_F && t->vector.sew < 2))
        return false;
    if (source == T1V_SCALAR_F)
        t1v_begin_float(t);
    else
        t1v_begin(t, true);
    t1v_scalar_to_rax(t, source);
    if (!t->dbt->host.avx512 && t->dbt->host.avx2 && t->vector.whole) {
        t1v_put_low(t, OP.rd, t->vector.sew, X86_RAX);
        return t1v_end(t);
    }
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(vector.vl), 0);
    uint8_t *empty = x86_jcc(e, X86_E);
    x86_store(e, 8u << t->vector.sew, element_0(t, OP.rd), X86_RAX);
    x86_land(e, empty);
    t1v_stored(t, element_0(t, OP.rd), 1u << t->vector.sew, T1V_NO_RESULT);
    t1_fp_end(t);
    return true;
}

/* ---- What slides and gathers share --------------------------------------------------------------------- */

bool t1v_slide_fits(const struct t1 *t, bool apart, struct pieces *p)
{
    return t1v_group(t, t->vector.sew, OP.rd | OP.rs2, p) && t1v_apart_from_mask(t, OP.rd, T1V_NOTHING) &&
           !(apart && OP.rd == OP.rs2);
}

/* rdx = the offset, or VLMAX if the offset is more than that. */
static void take_offset(struct t1 *t, enum t1v_source source)
{
    struct x86_emit *e = &t->e;
    unsigned vlmax = t1v_vlmax(t);
    if (source == T1V_IMMEDIATE) {
        x86_mov_imm(e, X86_RDX, (unsigned)OP.imm < vlmax ? (unsigned)OP.imm : vlmax);
        return;
    }
    t1_copy(t, X86_RDX, OP.rs1);
    x86_mov_imm(e, X86_RCX, vlmax);
    x86_op(e, X86_CMP, 64, X86_RDX, X86_RCX);
    x86_cmov(e, X86_A, 64, X86_RDX, X86_RCX);
}

bool t1v_begin_by_offset(struct t1 *t, enum t1v_source source, bool apart, struct pieces *p)
{
    if (!t1v_slide_fits(t, apart, p))
        return false;
    t1v_begin(t, true);
    take_offset(t, source);
    return true;
}

/* ---- Gathers ------------------------------------------------------------------------------------------- */

/* The host's permutation takes elements from one piece. If a group has several, each piece of the result
 * takes from all of them. */
enum { GATHER_PIECES_MAX = 4 };

/* Returns the lanes of a permutation. They are of 32 bytes at least, since the host does not permute 16 bytes
 * in every size of elements. */
static struct x86_lanes permuting(struct pieces p, bool masked)
{
    struct x86_lanes lanes = { p.bytes < 32 ? 32 : (uint8_t)p.bytes, masked ? T1V_SEEN : 0, false };
    return lanes;
}

/* T1V_TEMP = for each number in T1V_OPERAND, the element of vs2 that has it, or 0 if there is none. */
static void gather_piece(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    unsigned vlmax = t1v_vlmax(t), size = p.elements < vlmax ? p.elements : vlmax;
    x86_epacked(e, X86_E_XOR + 3, permuting(p, false), REG(T1V_TEMP), REG(T1V_TEMP), REG(T1V_TEMP));
    t1v_spread_constant(t, p, T1V_CONST, size);
    for (unsigned i = 0; i < p.count; i++) {
        if (i)
            x86_epacked(e, X86_E_SUB + p.log2, t1v_all(p), REG(T1V_OPERAND), REG(T1V_OPERAND),
                        REG(T1V_CONST));
        x86_ecompare(e, p.log2, false, X86_P_LT, t1v_all(p), T1V_SEEN, REG(T1V_OPERAND), REG(T1V_CONST));
        t1v_load(t, p, T1V_OPERAND + 1, t1v_mem(t, OP.rs2, p, i));
        x86_epacked(e, X86_E_PERMUTE + p.log2, permuting(p, true), REG(T1V_TEMP), REG(T1V_OPERAND),
                    REG(T1V_OPERAND + 1));
    }
}

static bool gather(struct t1 *t)
{
    struct pieces p;
    if (!t1v_group(t, t->vector.sew, t1v_numbers(t, T1V_VECTOR), &p) ||
        !t1v_apart_from_mask(t, OP.rd, T1V_VECTOR) || OP.rd == OP.rs2 || OP.rd == OP.rs1)
        return false;
    if (!t->dbt->host.avx512)
        return t1v_gather_on_avx2(t, p);
    if (p.count > GATHER_PIECES_MAX || (p.log2 == 0 && !t->dbt->host.avx512_vbmi))
        return false;
    t1v_begin(t, true);
    for (unsigned i = 0; i < p.count; i++) {
        t1v_load(t, p, T1V_OPERAND, t1v_mem(t, OP.rs1, p, i));
        gather_piece(t, p);
        t1v_put_active(t, p, i, T1V_TEMP);
    }
    return t1v_end(t);
}

/* All elements of vd become the same element of vs2. */
static bool gather_one(struct t1 *t, enum t1v_source source)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!t1v_begin_by_offset(t, source, true, &p))
        return false;
    x86_mov_imm(e, X86_RAX, 0);
    x86_op_imm(e, X86_CMP, 32, X86_RDX, (int32_t)t1v_vlmax(t));
    uint8_t *outside = x86_jcc(e, X86_E);
    x86_load(e, 64, X86_RAX, x86_mem_scaled(HOST_HART, X86_RDX, p.log2, t1v_register_disp(t, OP.rs2)));
    x86_land(e, outside);
    t1v_spread(t, p, T1V_SCALAR);
    for (unsigned i = 0; i < p.count; i++)
        t1v_put_active(t, p, i, T1V_SCALAR);
    return t1v_end(t);
}

/* ---- vcompress ----------------------------------------------------------------------------------------- */

/* rdx counts the elements that are packed already. */
static bool compress(struct t1 *t)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!t1v_group(t, t->vector.sew, OP.rd | OP.rs2, &p) || OP.rd == OP.rs2 ||
        !t1v_disjoint(OP.rd, t1v_registers(t->vector.lmul), OP.rs1, 1))
        return false;
    if (!t->dbt->host.avx512)
        return t1v_compress_on_avx2(t, p);
    if (p.log2 < 2 && !t->dbt->host.avx512_vbmi2)
        return false;
    t1v_begin(t, true);
    x86_mov_imm(e, X86_RDX, 0);
    struct x86_lanes chosen = { (uint8_t)p.bytes, T1V_SEEN, true },
                     packed = { (uint8_t)p.bytes, T1V_FOUND, false };
    for (unsigned i = 0; i < p.count; i++) {
        t1v_tail_bits(t, i * p.elements);
        if (p.elements < 64) {
            x86_mov_imm(e, X86_RCX, (int64_t)((1ull << p.elements) - 1));
            x86_op(e, X86_AND, 64, X86_RAX, X86_RCX);
        }
        x86_op_mem(e, X86_AND, 64, X86_RAX,
                   x86_mem(HOST_HART, t1v_register_disp(t, OP.rs1) + (int32_t)(i * p.elements / 8)));
        x86_kmove_from(e, T1V_SEEN, X86_RAX);
        x86_count(e, X86_POPCNT, 64, X86_RAX, X86_RAX);
        x86_mov_imm(e, X86_RCX, -1);
        x86_low_bits(e, X86_RCX, X86_RCX, X86_RAX);
        x86_kmove_from(e, T1V_FOUND, X86_RCX);
        t1v_load(t, p, 0, t1v_mem(t, OP.rs2, p, i));
        x86_ecompress(e, p.log2, chosen, REG(0), REG(0));
        x86_estore(e, p.log2, packed, x86_mem_scaled(HOST_HART, X86_RDX, p.log2, t1v_register_disp(t, OP.rd)),
                   REG(0));
        x86_op(e, X86_ADD, 32, X86_RDX, X86_RAX);
    }
    return t1v_end(t);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VPERMUTE(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
