/* SPDX-License-Identifier: MIT
 *
 * Vector permutations ("Vector Permutation Instructions"), integer and floating-point. An index outside the
 * group gives 0.
 */
#include "cpu/exec/vector/vector.h"

#include <string.h>

/* ---- Element 0 and a scalar register ------------------------------------------------------------------- */

static const struct vshape move_shape = { V_NONE, V_NONE, V_NONE, V_X, V_KEEPS };
static const struct vshape put_shape = { V_NONE, V_NONE, V_NONE, V_X, 0 };
static const struct vshape get_f_shape = { V_NONE, V_NONE, V_NONE, V_V, V_FLOAT | V_KEEPS };
static const struct vshape put_f_shape = { V_NONE, V_NONE, V_NONE, V_F, V_FLOAT };

static uint64_t element(const uint8_t *at, unsigned sew)
{
    uint64_t value = 0;
    memcpy(&value, at, 1u << sew);
    return value;
}

/* Independent of vl; the element is sign-extended or truncated. */
bool vector_vmv_x_s(struct hart *hart, const struct insn *insn)
{
    struct vop op;
    if (!vector_prepare(hart, insn, &move_shape, &op))
        return false;
    unsigned shift = 64 - (8u << hart->vector.sew);
    int64_t value = (int64_t)(element(op.vs2, hart->vector.sew) << shift) >> shift;
    hart->x[insn->rd] = hart->isa.xlen == 32 ? (uint32_t)value : (uint64_t)value;
    return vector_done(hart);
}

bool vector_vfmv_f_s(struct hart *hart, const struct insn *insn)
{
    struct vop op;
    if (hart->vector.sew == 0)
        return vector_illegal(hart, insn);
    if (!vector_prepare(hart, insn, &get_f_shape, &op))
        return false;
    uint64_t box = hart->vector.sew == 3 ? 0 : UINT64_MAX << (8u << hart->vector.sew);
    hart->f[insn->rd] = element(op.vs2, hart->vector.sew) | box;
    return vector_done(hart);
}

static bool put_element(struct hart *hart, const struct insn *insn, const struct vshape *shape)
{
    struct vop op;
    if (!vector_prepare(hart, insn, shape, &op))
        return false;
    if (op.start < op.vl)
        memcpy(op.vd, &op.x, 1u << hart->vector.sew);
    return vector_done(hart);
}
bool vector_vmv_s_x(struct hart *hart, const struct insn *insn)
{
    return put_element(hart, insn, &put_shape);
}
bool vector_vfmv_s_f(struct hart *hart, const struct insn *insn)
{
    return hart->vector.sew == 0 ? vector_illegal(hart, insn) : put_element(hart, insn, &put_f_shape);
}

/* ---- Slides -------------------------------------------------------------------------------------------- */

V_LOOPS(slideup_, V_OPERANDS(U, U, U); struct vop at = *op;
        at.start = op->ux > op->start ? (uint32_t)op->ux : op->start; if (op->ux >= op->vl) return;
        uint32_t offset = (uint32_t)op->ux; op = &at; V_EACH(vd[i] = vs2[i - offset]))
V_RUN(vslideup_vx, slideup_, 0, 0, V_NONE, V_X, V_APART)
V_RUN(vslideup_vi, slideup_, 0, 0, V_NONE, V_I, V_APART)

/* In ascending order, since vd may be vs2. */
V_LOOPS(slidedown_, V_OPERANDS(U, U, U); uint32_t offset = op->ux < op->vlmax ? (uint32_t)op->ux : op->vlmax;
        V_EACH(vd[i] = i + offset < op->vlmax ? vs2[i + offset] : 0))
V_RUN(vslidedown_vx, slidedown_, 0, 0, V_NONE, V_X, 0)
V_RUN(vslidedown_vi, slidedown_, 0, 0, V_NONE, V_I, 0)

V_LOOPS(slide1up_, V_OPERANDS(U, U, U); V_EACH(vd[i] = i ? vs2[i - 1] : (U)op->x))
V_LOOPS(slide1down_, V_OPERANDS(U, U, U); V_EACH(vd[i] = i + 1 < op->vl ? vs2[i + 1] : (U)op->x))
V_RUN(vslide1up_vx, slide1up_, 0, 0, V_NONE, V_X, V_APART)
V_RUN(vslide1down_vx, slide1down_, 0, 0, V_NONE, V_X, 0)

V_RUN_FLOAT(vfslide1up_vf, slide1up_, 0, 0, V_NONE, V_F, V_APART | V_FLOAT)
V_RUN_FLOAT(vfslide1down_vf, slide1down_, 0, 0, V_NONE, V_F, V_FLOAT)

/* ---- Gathers and compress ------------------------------------------------------------------------------ */

V_LOOPS(gather_vv_, V_OPERANDS(U, U, U); V_EACH(vd[i] = vs1[i] < op->vlmax ? vs2[vs1[i]] : 0))
V_LOOPS(gather_vx_, V_OPERANDS(U, U, U); U value = op->ux < op->vlmax ? vs2[op->ux] : 0;
        V_EACH(vd[i] = value))
V_LOOPS(gather_ei16_, V_OPERANDS(U, U, uint16_t); V_EACH(vd[i] = vs1[i] < op->vlmax ? vs2[vs1[i]] : 0))
V_RUN(vrgather_vv, gather_vv_, 0, 0, 0, V_V, V_APART)
V_RUN(vrgather_vx, gather_vx_, 0, 0, V_NONE, V_X, V_APART)
V_RUN(vrgather_vi, gather_vx_, 0, 0, V_NONE, V_I, V_APART)
V_RUN(vrgatherei16_vv, gather_ei16_, 0, 0, V_EI16, V_V, V_APART)

V_LOOPS(
    compress_, V_OPERANDS(U, U, uint8_t); uint32_t to = 0; for (uint32_t i = 0; i < op->vl; i++) {
        if (vector_bit(vs1, i))
            vd[to++] = vs2[i];
    })
V_RUN(vcompress_vm, compress_, 0, 0, V_MASK, V_V, V_APART | V_START_0)

/* ---- Whole registers: whatever vtype is; vstart counts in elements of SEW ------------------------------ */

static bool move_registers(struct hart *hart, const struct insn *insn, unsigned count)
{
    const struct hart_vector *v = &hart->vector;
    if (!vector_on(hart) || v->vill || (insn->rd | insn->rs2) & (count - 1))
        return vector_illegal(hart, insn);
    size_t size = count * (size_t)v->vlenb, from = (size_t)v->vstart << v->sew;
    vector_dirty(hart);
    if (from < size)
        memmove(vector_register(hart, insn->rd) + from, vector_register(hart, insn->rs2) + from, size - from);
    return vector_done(hart);
}

bool vector_vmv1r_v(struct hart *hart, const struct insn *insn)
{
    return move_registers(hart, insn, 1);
}
bool vector_vmv2r_v(struct hart *hart, const struct insn *insn)
{
    return move_registers(hart, insn, 2);
}
bool vector_vmv4r_v(struct hart *hart, const struct insn *insn)
{
    return move_registers(hart, insn, 4);
}
bool vector_vmv8r_v(struct hart *hart, const struct insn *insn)
{
    return move_registers(hart, insn, 8);
}
