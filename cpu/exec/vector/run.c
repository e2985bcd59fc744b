/* SPDX-License-Identifier: MIT
 *
 * Checks whether a vector instruction is legal with the present vtype, and runs the loop over its elements;
 * see vector.h.
 */
#include "cpu/exec/vector/vector.h"

#include "cpu/trap.h"

bool vector_illegal(struct hart *hart, const struct insn *insn)
{
    trap_illegal(hart, insn);
    return false;
}

/* A register operand: its registers, and the width of its elements. */
struct operand {
    unsigned first, count; /* registers */
    int eew;               /* log2 of bytes; -3: bits */
    int emul;              /* log2 */
};

/* False: EEW or EMUL is not supported, or the group is not aligned ("Vector Operands"). */
static bool take_operand(const struct hart_vector *v, int width, unsigned number, struct operand *operand)
{
    *operand = (struct operand){ .first = number, .count = 1 };
    switch (width) {
    case V_NONE: operand->count = 0; return true;
    case V_MASK: operand->eew = -3; return true;
    case V_ONE: operand->eew = v->sew; return true;
    case V_ONE_WIDE: operand->eew = v->sew + 1; return operand->eew <= 3;
    case V_EI16: width = 1 - v->sew; break;
    }
    operand->eew = v->sew + width;
    operand->emul = v->lmul + width;
    if (operand->eew < 0 || operand->eew > 3 || operand->emul < -3 || operand->emul > 3)
        return false;
    operand->count = vector_group(operand->emul);
    return !(number & (operand->count - 1));
}

static bool overlap(const struct operand *a, const struct operand *b)
{
    return a->count && b->count && a->first < b->first + b->count && b->first < a->first + a->count;
}

/* Returns whether vd may overlap a source in this way ("Vector Operands"). */
static bool may_overlap(const struct operand *d, const struct operand *s)
{
    if (!overlap(d, s) || d->eew == s->eew)
        return true;
    if (d->eew < s->eew)
        return d->first == s->first;
    return s->emul >= 0 && s->eew >= 0 && d->first + d->count == s->first + s->count;
}

/* Returns whether no register is read as elements of two widths; the mask's elements are bits. As on QEMU,
 * this is not checked for compares, carries, reductions and vcompress. */
static bool sources_agree(const struct operand *s2, const struct operand *s1, bool masked)
{
    static const struct operand v0 = { .count = 1, .eew = -3 };
    const struct operand *mask = masked ? &v0 : s1;
    return !(overlap(s2, s1) && s2->eew != s1->eew) && !(overlap(s2, mask) && s2->eew != mask->eew) &&
           !(masked && overlap(s1, mask) && s1->eew != mask->eew);
}

/* Returns whether checking the numbers is enough: all operands are groups of SEW, aligned, and none contains
 * the mask. Then they may overlap. */
static inline bool plainly_allowed(const struct hart_vector *v, const struct insn *insn,
                                   const struct vshape *shape)
{
    bool s2 = shape->s2 == 0, s1 = shape->s1 == 0, masked = vector_masked(insn);
    unsigned numbers = insn->rd | (s2 ? insn->rs2 : 0u) | (s1 ? insn->rs1 : 0u);
    if (shape->d || (!s2 && shape->s2 != V_NONE) || (!s1 && shape->s1 != V_NONE) || shape->flags & V_APART)
        return false;
    if (masked && (!insn->rd || (s2 && !insn->rs2) || (s1 && !insn->rs1)))
        return false;
    return !(numbers & (vector_group(v->lmul) - 1));
}

static bool registers_allowed(const struct hart *hart, const struct insn *insn, const struct vshape *shape)
{
    const struct hart_vector *v = &hart->vector;
    struct operand d, s2, s1;
    bool masked = vector_masked(insn), one = shape->d == V_ONE || shape->d == V_ONE_WIDE;
    if (!take_operand(v, shape->d, insn->rd, &d) || !take_operand(v, shape->s2, insn->rs2, &s2) ||
        !take_operand(v, shape->s1, insn->rs1, &s1))
        return false;
    if (masked && d.count && d.first == 0 && !one && (shape->d != V_MASK || shape->flags & V_APART))
        return false;
    bool meet = (overlap(&d, &s2) && d.eew != s2.eew) || (overlap(&d, &s1) && d.eew != s1.eew);
    if (one)
        return true;
    if (shape->flags & V_READS_D && meet)
        return false;
    if (shape->s1 != V_MASK &&
        !sources_agree(&s2, &s1, masked && shape->d != V_MASK && !(shape->flags & V_V0)))
        return false;
    if (shape->flags & V_APART)
        return !overlap(&d, &s2) && !overlap(&d, &s1);
    return may_overlap(&d, &s2) && may_overlap(&d, &s1);
}

/* Returns whether floating point of this SEW is supported and enabled. A reserved rounding mode makes all
 * these instructions illegal ("Vector Floating-Point Instructions"). */
static bool float_allowed(const struct hart *hart, const struct vshape *shape)
{
    unsigned sew = hart->vector.sew;
    if (!(hart->mstatus & MSTATUS_FS) || hart->fp.frm > FP_RMM)
        return false;
    bool half = sew == (shape->flags & V_CONVERTS ? 0 : 1);
    return !half || shape->flags & V_BF16 ||
           isa_has(&hart->isa, shape->flags & V_MINIMAL ? ISA_Zvfhmin : ISA_Zvfh);
}

static uint64_t unbox(uint64_t f, unsigned sew, bool bf16)
{
    if (sew == 3)
        return f;
    if (sew == 2)
        return f >> 32 == UINT32_MAX ? (uint32_t)f : fp_canonical_nan(32);
    return f >> 16 == UINT64_MAX >> 16 ? (uint16_t)f : bf16 ? 0x7fc0 : fp_canonical_nan(16);
}

static void take_scalar(struct hart *hart, const struct insn *insn, const struct vshape *shape,
                        struct vop *op)
{
    unsigned kind = shape->scalar;
    op->x = op->ux = 0;
    if (kind == V_X) {
        op->ux = hart->x[insn->rs1];
        op->x = hart->isa.xlen == 32 ? (uint64_t)(int32_t)op->ux : op->ux;
    } else if (kind == V_I) {
        op->x = op->ux = (uint64_t)(int64_t)insn->imm;
    } else if (kind == V_F) {
        op->x = unbox(hart->f[insn->rs1], hart->vector.sew, shape->flags & V_BF16);
    }
}

bool vector_prepare(struct hart *hart, const struct insn *insn, const struct vshape *shape, struct vop *op)
{
    const struct hart_vector *v = &hart->vector;
    if (UNLIKELY(!vector_on(hart) || v->vill || (shape->flags & V_START_0 && v->vstart) ||
                 !(plainly_allowed(v, insn, shape) || registers_allowed(hart, insn, shape)) ||
                 (shape->flags & V_FLOAT && !float_allowed(hart, shape))))
        return vector_illegal(hart, insn);
    *op = (struct vop){
        .hart = hart,
        .vd = vector_register(hart, insn->rd & 31),
        .vs2 = vector_register(hart, insn->rs2),
        .vs1 = vector_register(hart, insn->rs1),
        .v0 = hart->v,
        .mask = vector_masked(insn) ? hart->v : NULL,
        .start = v->vstart,
        .vl = v->vl,
        .vlmax = vector_vlmax(hart),
        .rm = shape->flags & V_FLOAT ? hart->fp.frm : v->vxrm,
    };
    take_scalar(hart, insn, shape, op);
    if (!(shape->flags & V_KEEPS) || v->vstart)
        vector_dirty(hart);
    if (shape->flags & V_FLOAT)
        hart->mstatus |= MSTATUS_FS;
    return true;
}

bool vector_run(struct hart *hart, const struct insn *insn, const struct vshape *shape,
                vector_loop *const loops[4])
{
    struct vop op;
    if (UNLIKELY(!loops[hart->vector.sew]))
        return vector_illegal(hart, insn);
    if (!vector_prepare(hart, insn, shape, &op))
        return false;
    loops[hart->vector.sew](&op);
    return vector_done(hart);
}
