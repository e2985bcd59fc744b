/* SPDX-License-Identifier: MIT
 *
 * vsetvli, vsetivli, vsetvl ("Configuration-Setting Instructions"). Fractional LMUL is legal if an element
 * fits in that fraction of ELEN bits, which is the minimum that the specification requires.
 */
#include "cpu/exec/vector/vector.h"
#include "cpu/vector_state.h"

void vector_set_type(struct hart *hart, uint64_t vtype)
{
    struct hart_vector *v = &hart->vector;
    uint8_t sew;
    int8_t lmul;
    bool legal = vector_decode_type(vtype, &sew, &lmul);
    v->vill = !legal;
    v->vtype = legal ? (uint8_t)vtype : 0;
    v->sew = legal ? sew : 0;
    v->lmul = legal ? lmul : 0;
}

/* `keep`: vl stays unchanged, and VLMAX must not change. */
static bool set(struct hart *hart, const struct insn *insn, uint64_t vtype, uint64_t avl, bool keep)
{
    struct hart_vector *v = &hart->vector;
    if (UNLIKELY(!vector_on(hart)))
        return vector_illegal(hart, insn);
    if (v->vill || vtype != v->vtype) /* mostly it has not changed */
        vector_set_type(hart, vtype);
    uint32_t vlmax = vector_vlmax(hart);
    if (keep)
        avl = v->vl;
    v->vl = v->vill ? 0 : avl < vlmax ? (uint32_t)avl : vlmax;
    vector_dirty(hart);
    hart->x[insn->rd] = v->vl;
    return vector_done(hart);
}

/* x0 as the source: vl becomes VLMAX, or, if x0 is the destination, too, it stays unchanged. */
static bool set_by_register(struct hart *hart, const struct insn *insn, uint64_t vtype)
{
    bool keep = insn->rs1 == 0 && insn->rd == ISA_X_SINK;
    return set(hart, insn, vtype, insn->rs1 ? hart->x[insn->rs1] : UINT64_MAX, keep);
}

bool vector_vsetvli(struct hart *hart, const struct insn *insn)
{
    return set_by_register(hart, insn, (uint64_t)insn->imm);
}

bool vector_vsetvl(struct hart *hart, const struct insn *insn)
{
    return set_by_register(hart, insn, hart->x[insn->rs2]);
}

bool vector_vsetivli(struct hart *hart, const struct insn *insn)
{
    return set(hart, insn, (uint64_t)insn->imm & 0x3ff, (uint64_t)insn->imm >> 16 & 31, false);
}
