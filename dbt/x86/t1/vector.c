/* SPDX-License-Identifier: MIT
 *
 * Lowerings of V on AVX2: vsetvli and vsetivli; loads and stores of consecutive elements; integer and
 * floating-point arithmetic. All of it where vtype is known, because the block has set it, the instruction is
 * not masked, and the whole group is meant: vl is VLMAX and vstart 0, as in all turns of a loop but its last.
 * Registers of the host then hold pieces of the group, of 32 bytes or, where the group has no more, 16.
 * Everything else is the handler's, instruction by instruction.
 *
 * Values live in struct hart, between any two instructions: a group is contiguous there (cpu/exec/vector/).
 *
 * Floating point: MXCSR rounds and keeps flags as for scalars (fp.c). Where an element of the result is a
 * NaN, nothing has been written yet, and the handler does all of it again.
 */
#include "cpu/vector_state.h"
#include "dbt/x86/check.h"
#include "dbt/x86/t1/fp.h"
#include "dbt/x86/vex.h"

#define OP (t->op)

enum {
    PIECES_MAX = 8, /* of a group: results stay in registers 0 to 7 until the last is there */
    OPERAND = 8,    /* the other vector operand of a fused operation */
    COUNTS = 13,    /* of shifts, less than an element's width */
    NANS = 14,      /* what was seen of them */
    SCALAR = 15,    /* in each element */
    GROUP_BYTES_MAX = 32 * PIECES_MAX
};

/* The present instruction's group, in pieces of so many bytes. */
struct pieces {
    unsigned bytes, count;
};

static struct x86_mem register_mem(const struct t1 *t, unsigned number, struct pieces p, unsigned piece)
{
    return hart_mem(offsetof(struct hart, v) + number * t->hart->vector.vlenb + piece * p.bytes);
}

static unsigned vlmax(const struct t1 *t)
{
    return vector_elements(t->hart->vector.vlenb, t->vector_sew, t->vector_lmul);
}

static bool cut(unsigned bytes, struct pieces *p)
{
    unsigned piece = bytes % 32 ? 16 : 32;
    *p = (struct pieces){ piece, bytes / piece };
    return bytes % piece == 0 && p->count >= 1 && p->count <= PIECES_MAX;
}

/* Of elements of 1 << eew bytes, EMUL = LMUL * EEW / SEW. False: it is not for here, or not legal. */
static bool group_of(const struct t1 *t, unsigned eew, unsigned registers, struct pieces *p)
{
    int emul = t->vector_lmul + (int)eew - (int)t->vector_sew;
    unsigned group = emul > 0 ? 1u << emul : 1;
    return t->vector_known && t->dbt->host.avx2 && OP.bits >> 25 & 1 && emul >= -3 && emul <= 3 &&
           !(registers & (group - 1)) && cut(vlmax(t) << eew, p);
}

/* The handler takes over unless the whole group is meant. */
static void look_at_length(struct t1 *t)
{
    _Static_assert(offsetof(struct hart_vector, vstart) == offsetof(struct hart_vector, vl) + 4, "one word");
    x86_mem_op_imm(&t->e, X86_CMP, 64, HART_MEM(vector.vl), (int32_t)vlmax(t));
    t1_fp_handler_if(t, x86_jcc(&t->e, X86_NE));
}

static void begin(struct t1 *t)
{
    t->fp_cold = NULL;
    t1_forget_rax(t);
    look_at_length(t);
}

static bool end(struct t1 *t)
{
    x86_vzeroupper(&t->e);
    t1_fp_end(t);
    return true;
}

/* ---- vtype and vl -------------------------------------------------------------------------------------- */

/* False: vill. */
static bool learn_type(struct t1 *t, unsigned vtype)
{
    t->vector_known = vector_decode_type(vtype, &t->vector_sew, &t->vector_lmul);
    return t->vector_known;
}

static void store_type(struct t1 *t, unsigned vtype)
{
    _Static_assert(offsetof(struct hart_vector, sew) == offsetof(struct hart_vector, vtype) + 1 &&
                       offsetof(struct hart_vector, lmul) == offsetof(struct hart_vector, vtype) + 2 &&
                       offsetof(struct hart_vector, vill) == offsetof(struct hart_vector, vtype) + 3,
                   "one word");
    uint32_t word = vtype | (uint32_t)t->vector_sew << 8 | (uint32_t)(uint8_t)t->vector_lmul << 16;
    x86_store_imm(&t->e, 32, HART_MEM(vector.vtype), (int32_t)word);
}

/* vl is in rax. The handler takes over where mstatus.VS is Off; else it is Dirty from here on. */
static bool set_type(struct t1 *t, unsigned vtype)
{
    struct x86_emit *e = &t->e;
    store_type(t, vtype);
    x86_store(e, 64, HART_MEM(vector.vl), X86_RAX); /* vstart, too */
    if (OP.rd)
        t1_set(t, X86_RAX);
    t1_fp_end(t);
    return true;
}

static void look_at_status(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    t->fp_cold = NULL;
    t1_forget_rax(t);
    x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
    x86_test_imm32(e, X86_RAX, (int32_t)MSTATUS_VS);
    t1_fp_handler_if(t, x86_jcc(e, X86_E));
    x86_mem_op_imm(e, X86_OR, 32, HART_MEM(mstatus), (int32_t)MSTATUS_VS);
}

/* vl = the smaller one of rs1 and VLMAX; VLMAX without rs1. With neither rs1 nor rd, vl stays: the handler's.
 */
static bool set_by_register(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    unsigned vtype = (unsigned)OP.imm;
    if (!learn_type(t, vtype) || (!OP.rs1 && !OP.rd))
        return false;
    look_at_status(t);
    x86_mov_imm(e, OP.rs1 ? X86_RCX : X86_RAX, vlmax(t));
    if (OP.rs1) {
        t1_copy(t, X86_RAX, OP.rs1);
        x86_op(e, X86_CMP, 64, X86_RAX, X86_RCX);
        x86_cmov(e, X86_A, 64, X86_RAX, X86_RCX);
    }
    return set_type(t, vtype);
}

static bool set_by_immediate(struct t1 *t)
{
    unsigned vtype = (unsigned)OP.imm & 0x3ff, avl = (unsigned)OP.imm >> 16 & 31;
    if (!learn_type(t, vtype))
        return false;
    look_at_status(t);
    x86_mov_imm(&t->e, X86_RAX, avl < vlmax(t) ? avl : vlmax(t));
    return set_type(t, vtype);
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

/* One look-up for the whole group, which lies in one page. */
static bool access_group(struct t1 *t, unsigned eew, bool write)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!group_of(t, eew, OP.rd, &p) || (t->dbt->check && p.bytes * p.count > UINT8_MAX))
        return false;
    size_t side = write ? offsetof(struct tlb, write) : offsetof(struct tlb, read);
    begin(t);
    enum x86_reg base = t1_pointer(t);
    t1_fp_handler_if(t, t1_look_up(t, base, 0, (int32_t)(p.bytes * p.count), side));
    check_emit(t->dbt, e, x86_mem(base, 0), x86_mem_index(X86_RDX, base, 0), p.bytes * p.count, write,
               t->offset);
    for (unsigned i = 0; i < p.count; i++) {
        struct x86_mem host = x86_mem_index(X86_RDX, base, (int32_t)(i * p.bytes));
        x86_vload_packed(e, p.bytes, 0, write ? register_mem(t, OP.rd, p, i) : host);
        x86_vstore_packed(e, p.bytes, write ? host : register_mem(t, OP.rd, p, i), 0);
    }
    return end(t);
}

/* ---- Operands ------------------------------------------------------------------------------------------ */

enum source { VECTOR, SCALAR_X, IMMEDIATE, SCALAR_F, NOTHING };

/* Its elements, from rax. */
static void spread(struct t1 *t, struct pieces p, unsigned log2)
{
    x86_vmove_from(&t->e, 64, SCALAR, X86_RAX);
    x86_vbroadcast(&t->e, log2, p.bytes, SCALAR, SCALAR);
}

/* A scalar operand in each element of SCALAR. An x register of RV32 has its sign extended where SEW is 64. */
static void take_scalar(struct t1 *t, struct pieces p, enum source source)
{
    struct x86_emit *e = &t->e;
    if (source == VECTOR || source == NOTHING)
        return;
    if (source == SCALAR_F) {
        t1_fp_look_at_box(t, 8u << t->vector_sew, OP.rs1);
        x86_load(e, 64, X86_RAX, t1_f_mem(OP.rs1));
    } else if (source == SCALAR_X) {
        t1_copy(t, X86_RAX, OP.rs1);
        if (XLEN == 32)
            x86_extend(e, 32, true, X86_RAX, X86_RAX);
    } else {
        x86_mov_imm(e, X86_RAX, OP.imm);
    }
    spread(t, p, t->vector_sew);
}

/* to = to op the other source, vs1 or the scalar. */
static void operate(struct t1 *t, enum x86_vpacked op, struct pieces p, unsigned to, enum source source,
                    unsigned piece)
{
    if (source == VECTOR)
        x86_vpacked_mem(&t->e, op, p.bytes, to, to, register_mem(t, OP.rs1, p, piece));
    else
        x86_vpacked(&t->e, op, p.bytes, to, to, SCALAR);
}

static unsigned registers_of(const struct t1 *t, enum source source)
{
    return OP.rd | OP.rs2 | (source == VECTOR ? OP.rs1 : 0u);
}

/* ---- Integers ------------------------------------------------------------------------------------------ */

/* vd = vs2 op (vs1, rs1, immediate). `swapped`: the other way round. */
static bool integer(struct t1 *t, enum x86_vpacked first, enum source source, bool swapped)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    enum x86_vpacked op = first + t->vector_sew;
    if (!group_of(t, t->vector_sew, registers_of(t, source), &p) || !x86_vpacked_is(op))
        return false;
    begin(t);
    take_scalar(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        if (swapped) {
            x86_vpacked_mem(e, op, p.bytes, 0, SCALAR, register_mem(t, OP.rs2, p, i));
        } else {
            x86_vload_packed(e, p.bytes, 0, register_mem(t, OP.rs2, p, i));
            operate(t, op, p, 0, source, i);
        }
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), 0);
    }
    return end(t);
}

/* All elements are shifted by as much: rs1 or the immediate, modulo SEW. */
static bool shift(struct t1 *t, enum x86_vpacked first, enum source source)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    enum x86_vpacked op = first + t->vector_sew;
    int32_t width = 8 << t->vector_sew;
    if (!group_of(t, t->vector_sew, registers_of(t, source), &p) || !x86_vpacked_is(op))
        return false;
    begin(t);
    if (source == SCALAR_X) {
        t1_copy(t, X86_RAX, OP.rs1);
        x86_op_imm(e, X86_AND, 32, X86_RAX, width - 1);
    } else {
        x86_mov_imm(e, X86_RAX, OP.imm & (width - 1));
    }
    x86_vmove_from(e, 64, COUNTS, X86_RAX);
    for (unsigned i = 0; i < p.count; i++) {
        x86_vload_packed(e, p.bytes, 0, register_mem(t, OP.rs2, p, i));
        x86_vpacked(e, op, p.bytes, 0, 0, COUNTS);
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), 0);
    }
    return end(t);
}

/* Each by the element of vs1, modulo SEW. */
static bool shift_each(struct t1 *t, enum x86_vpacked first)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    enum x86_vpacked op = first + t->vector_sew;
    if (!group_of(t, t->vector_sew, registers_of(t, VECTOR), &p) || !x86_vpacked_is(op))
        return false;
    begin(t);
    x86_mov_imm(e, X86_RAX, (8 << t->vector_sew) - 1);
    spread(t, p, t->vector_sew);
    for (unsigned i = 0; i < p.count; i++) {
        x86_vpacked_mem(e, X86_VAND_8, p.bytes, COUNTS, SCALAR, register_mem(t, OP.rs1, p, i));
        x86_vload_packed(e, p.bytes, 0, register_mem(t, OP.rs2, p, i));
        x86_vpacked(e, op, p.bytes, 0, 0, COUNTS);
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), 0);
    }
    return end(t);
}

/* vd = vd +- vs1 * vs2; or, with `times_d`, vs2 +- vs1 * vd. */
static bool multiply_add(struct t1 *t, enum source source, bool times_d, enum x86_vpacked sum)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    enum x86_vpacked multiply = X86_VMUL_8 + t->vector_sew;
    unsigned factor = times_d ? OP.rd : OP.rs2, other = times_d ? OP.rs2 : OP.rd;
    if (!group_of(t, t->vector_sew, registers_of(t, source), &p) || !x86_vpacked_is(multiply))
        return false;
    begin(t);
    take_scalar(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        x86_vload_packed(e, p.bytes, 0, register_mem(t, factor, p, i));
        operate(t, multiply, p, 0, source, i);
        x86_vload_packed(e, p.bytes, OPERAND, register_mem(t, other, p, i));
        x86_vpacked(e, sum + t->vector_sew, p.bytes, 0, OPERAND, 0);
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), 0);
    }
    return end(t);
}

/* vd = vs1, or a scalar in each element. */
static bool move(struct t1 *t, enum source source)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    unsigned registers = OP.rd | (source == VECTOR ? OP.rs1 : 0u);
    if (!group_of(t, t->vector_sew, registers, &p) || (source == SCALAR_F && t->vector_sew < 2))
        return false;
    begin(t);
    if (source == SCALAR_F) { /* FS is looked at, and nothing is rounded */
        x86_test_mem_imm(e, HART_MEM(mstatus), (int32_t)MSTATUS_FS);
        t1_fp_handler_if(t, x86_jcc(e, X86_E));
        x86_load_extend(e, 8, false, X86_RAX, HART_MEM(fp.frm));
        x86_op_imm(e, X86_CMP, 32, X86_RAX, FP_RMM);
        t1_fp_handler_if(t, x86_jcc(e, X86_A));
        x86_mem_op_imm(e, X86_OR, 32, HART_MEM(mstatus), (int32_t)MSTATUS_FS);
    }
    take_scalar(t, p, source);
    for (unsigned i = 0; i < p.count; i++) {
        if (source == VECTOR)
            x86_vload_packed(e, p.bytes, 0, register_mem(t, OP.rs1, p, i));
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), source == VECTOR ? 0 : SCALAR);
    }
    return end(t);
}

/* ---- Floating point ------------------------------------------------------------------------------------ */

/* FS, the rounding mode, vl. False: SEW is no format of the host's. */
static bool begin_float(struct t1 *t, enum source source, struct pieces *p)
{
    if (t->vector_sew < 2 || !group_of(t, t->vector_sew, registers_of(t, source), p))
        return false;
    t1_fp_begin(t, true);
    unsigned vm = OP.rm;
    OP.rm = 7; /* all round as frm says */
    t1_fp_look_at_rounding(t);
    OP.rm = (uint8_t)vm;
    look_at_length(t);
    take_scalar(t, *p, source);
    return true;
}

/* vd = the registers 0 to count - 1, unless a NaN is among them. */
static bool end_float(struct t1 *t, struct pieces p)
{
    struct x86_emit *e = &t->e;
    unsigned bits = 8u << t->vector_sew;
    x86_vnan_packed(e, bits, p.bytes, NANS, 0);
    for (unsigned i = 1; i < p.count; i++) {
        x86_vnan_packed(e, bits, p.bytes, COUNTS, i);
        x86_vpacked(e, X86_VOR_8, p.bytes, NANS, NANS, COUNTS);
    }
    x86_vsigns(e, p.bytes, X86_RAX, NANS);
    x86_test(e, 32, X86_RAX, X86_RAX);
    t1_fp_handler_if(t, x86_jcc(e, X86_NE));
    for (unsigned i = 0; i < p.count; i++)
        x86_vstore_packed(e, p.bytes, register_mem(t, OP.rd, p, i), i);
    return end(t);
}

static bool floating(struct t1 *t, enum x86_vpacked first, enum source source, bool swapped)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!begin_float(t, source, &p))
        return false;
    enum x86_vpacked op = first + t->vector_sew;
    for (unsigned i = 0; i < p.count; i++) {
        if (swapped) {
            x86_vpacked_mem(e, op, p.bytes, i, SCALAR, register_mem(t, OP.rs2, p, i));
            continue;
        }
        x86_vload_packed(e, p.bytes, i, register_mem(t, OP.rs2, p, i));
        operate(t, op, p, i, source, i);
    }
    return end_float(t, p);
}

/* `first` is a form 231, vd = +-(vs1 * vs2) +- vd, or 213, vd = +-(vs1 * vd) +- vs2. */
static bool fused(struct t1 *t, enum x86_vpacked first, enum source source)
{
    struct pieces p;
    struct x86_emit *e = &t->e;
    if (!begin_float(t, source, &p))
        return false;
    enum x86_vpacked op = first + t->vector_sew;
    for (unsigned i = 0; i < p.count; i++) {
        x86_vload_packed(e, p.bytes, i, register_mem(t, OP.rd, p, i));
        unsigned factor = SCALAR;
        if (source == VECTOR)
            x86_vload_packed(e, p.bytes, factor = OPERAND, register_mem(t, OP.rs1, p, i));
        x86_vpacked_mem(e, op, p.bytes, i, factor, register_mem(t, OP.rs2, p, i));
    }
    return end_float(t, p);
}

static bool square_root(struct t1 *t)
{
    struct pieces p;
    if (!begin_float(t, NOTHING, &p))
        return false;
    for (unsigned i = 0; i < p.count; i++) {
        x86_vload_packed(&t->e, p.bytes, i, register_mem(t, OP.rs2, p, i));
        x86_vsqrt_packed(&t->e, 8u << t->vector_sew, p.bytes, i, i);
    }
    return end_float(t, p);
}

/* ---- The rows of t1.def -------------------------------------------------------------------------------- */

#define VECTOR_ROW(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
