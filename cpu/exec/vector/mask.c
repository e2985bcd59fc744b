/* SPDX-License-Identifier: MIT
 *
 * Instructions that make masks or work with them: integer compares, carries ("Vector Integer Add-with-Carry /
 * Subtract-with-Borrow Instructions"), and the "Vector Mask Instructions". Bits of a mask after vl stay
 * unchanged.
 */
#include "cpu/exec/vector/vector.h"

/* ---- A bit for each element ---------------------------------------------------------------------------- */

/* Computes eight bits at once if no element is masked. If vd is the first register of vs2, the elements of a
 * byte have been read when the byte is written. The value for element i is computed from b (of vs2) and a (of
 * vs1, or the scalar); m is v0's bit. `all`: if v0 is an operand, it is not a mask. */
#define EACH_BIT(all, source, expression)                                                                    \
    V_OPERANDS(uint8_t, U, U);                                                                               \
    uint32_t at = op->start;                                                                                 \
    for (; ((all) || !op->mask) && !(at & 7) && at + 8 <= op->vl; at += 8) {                                 \
        unsigned byte = 0, v0 = op->v0[at >> 3];                                                             \
        for (uint32_t i = at; i < at + 8; i++, v0 >>= 1) {                                                   \
            U b = vs2[i], a = source;                                                                        \
            unsigned m = v0 & 1;                                                                             \
            (void)m;                                                                                         \
            byte |= (unsigned)((expression) ? 1 : 0) << (i & 7);                                             \
        }                                                                                                    \
        vd[at >> 3] = (uint8_t)byte;                                                                         \
    }                                                                                                        \
    for (uint32_t i = at; i < op->vl; i++) {                                                                 \
        U b = vs2[i], a = source;                                                                            \
        unsigned m = vector_bit(op->v0, i);                                                                  \
        if ((all) || !op->mask || m)                                                                         \
            vector_set_bit(vd, i, (expression) ? 1 : 0);                                                     \
    }

#define COMPARE_VV(name, expression)                                                                         \
    V_LOOPS(name##_vv_, EACH_BIT(false, vs1[i], expression))                                                 \
    V_RUN(name##_vv, name##_vv_, V_MASK, 0, 0, V_V, 0)
#define COMPARE_VX(name, expression)                                                                         \
    V_LOOPS(name##_vx_, EACH_BIT(false, (U)op->x, expression))                                               \
    V_RUN(name##_vx, name##_vx_, V_MASK, 0, V_NONE, V_X, 0)
#define COMPARE_VI(name) V_RUN(name##_vi, name##_vx_, V_MASK, 0, V_NONE, V_I, 0)

#define COMPARE(name, expression)                                                                            \
    COMPARE_VV(name, expression)                                                                             \
    COMPARE_VX(name, expression)

COMPARE(vmseq, b == a)
COMPARE_VI(vmseq)
COMPARE(vmsne, b != a)
COMPARE_VI(vmsne)
COMPARE(vmsltu, b < a)
COMPARE(vmslt, (S)b < (S)a)
COMPARE(vmsleu, b <= a)
COMPARE_VI(vmsleu)
COMPARE(vmsle, (S)b <= (S)a)
COMPARE_VI(vmsle)
COMPARE_VX(vmsgtu, b > a)
COMPARE_VI(vmsgtu)
COMPARE_VX(vmsgt, (S)b > (S)a)
COMPARE_VI(vmsgt)

/* The carry of b + a + m, and the borrow of b - a - m. */
#define CARRY(name, suffix, expression)                                                                      \
    V_LOOPS(name##_vv##suffix##_, EACH_BIT(true, vs1[i], expression))                                        \
    V_LOOPS(name##_vx##suffix##_, EACH_BIT(true, (U)op->x, expression))                                      \
    V_RUN(name##_vv##suffix, name##_vv##suffix##_, V_MASK, 0, 0, V_V, 0)                                     \
    V_RUN(name##_vx##suffix, name##_vx##suffix##_, V_MASK, 0, V_NONE, V_X, 0)
CARRY(vmadc, , (U)(b + a) < b)
CARRY(vmadc, m, m ? (U)(b + a + 1) <= b : (U)(b + a) < b)
V_RUN(vmadc_vi, vmadc_vx_, V_MASK, 0, V_NONE, V_I, 0)
V_RUN(vmadc_vim, vmadc_vxm_, V_MASK, 0, V_NONE, V_I, 0)
CARRY(vmsbc, , b < a)
CARRY(vmsbc, m, m ? b <= a : b < a)

/* ---- Operations on masks ------------------------------------------------------------------------------- */

static const struct vshape logic_shape = { V_MASK, V_MASK, V_MASK, V_V, 0 };

/* Bits vstart to vl - 1 of a result that is computed byte by byte. */
#define LOGIC(name, expression)                                                                              \
    bool vector_##name##_mm(struct hart *hart, const struct insn *insn)                                      \
    {                                                                                                        \
        struct vop op;                                                                                       \
        if (!vector_prepare(hart, insn, &logic_shape, &op))                                                  \
            return false;                                                                                    \
        for (uint32_t at = op.start & ~7u; at < op.vl; at += 8) {                                            \
            unsigned b = op.vs2[at >> 3], a = op.vs1[at >> 3],                                               \
                     keep = at < op.start ? (1u << (op.start & 7)) - 1 : 0;                                  \
            if (op.vl - at < 8)                                                                              \
                keep |= ~0u << (op.vl - at);                                                                 \
            op.vd[at >> 3] = (uint8_t)((op.vd[at >> 3] & keep) | ((expression) & ~keep));                    \
        }                                                                                                    \
        return vector_done(hart);                                                                            \
    }
LOGIC(vmandn, b & ~a)
LOGIC(vmand, b &a)
LOGIC(vmor, b | a)
LOGIC(vmxor, b ^ a)
LOGIC(vmorn, b | ~a)
LOGIC(vmnand, ~(b &a))
LOGIC(vmnor, ~(b | a))
LOGIC(vmxnor, ~(b ^ a))

static const struct vshape count_shape = { V_NONE, V_MASK, V_NONE, V_V, V_START_0 | V_KEEPS };

static bool active(const struct vop *op, uint32_t i)
{
    return !op->mask || vector_bit(op->mask, i);
}

static void set_x(struct hart *hart, const struct insn *insn, uint64_t value)
{
    hart->x[insn->rd] = hart->isa.xlen == 32 ? (uint32_t)value : value;
}

bool vector_vcpop_m(struct hart *hart, const struct insn *insn)
{
    struct vop op;
    uint64_t count = 0;
    if (!vector_prepare(hart, insn, &count_shape, &op))
        return false;
    for (uint32_t i = 0; i < op.vl; i++)
        count += vector_bit(op.vs2, i) && active(&op, i);
    set_x(hart, insn, count);
    return vector_done(hart);
}

bool vector_vfirst_m(struct hart *hart, const struct insn *insn)
{
    struct vop op;
    uint32_t i = 0;
    if (!vector_prepare(hart, insn, &count_shape, &op))
        return false;
    while (i < op.vl && !(vector_bit(op.vs2, i) && active(&op, i)))
        i++;
    set_x(hart, insn, i < op.vl ? i : UINT64_MAX);
    return vector_done(hart);
}

static const struct vshape set_shape = { V_MASK, V_MASK, V_NONE, V_V, V_START_0 | V_APART };

/* Sets the bits before the first active bit that is set (`before`), at it (`at`), and clears those after
 * it. */
static bool set_around_first(struct hart *hart, const struct insn *insn, bool before, bool at)
{
    struct vop op;
    bool found = false;
    if (!vector_prepare(hart, insn, &set_shape, &op))
        return false;
    for (uint32_t i = 0; i < op.vl; i++) {
        if (!active(&op, i))
            continue;
        bool first = !found && vector_bit(op.vs2, i);
        vector_set_bit(op.vd, i, first ? at : !found && before);
        found |= first;
    }
    return vector_done(hart);
}

bool vector_vmsbf_m(struct hart *hart, const struct insn *insn)
{
    return set_around_first(hart, insn, true, false);
}
bool vector_vmsif_m(struct hart *hart, const struct insn *insn)
{
    return set_around_first(hart, insn, true, true);
}
bool vector_vmsof_m(struct hart *hart, const struct insn *insn)
{
    return set_around_first(hart, insn, false, true);
}

V_LOOPS(viota_, U *vd = (U *)op->vd; U sum = 0; V_EACH(vd[i] = sum; sum = (U)(sum + vector_bit(op->vs2, i))))
V_RUN(viota_m, viota_, 0, V_MASK, V_NONE, V_V, V_START_0 | V_APART)

V_LOOPS(vid_, U *vd = (U *)op->vd; V_EACH(vd[i] = (U)i))
V_RUN(vid_v, vid_, 0, V_NONE, V_NONE, V_V, 0)
