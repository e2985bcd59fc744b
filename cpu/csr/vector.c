/* SPDX-License-Identifier: MIT
 *
 * The vector CSRs ("Vector Extension Programmer's Model"). vl, vtype and vlenb are read-only; a write to one
 * of the others sets mstatus.VS to Dirty.
 */
#include "cpu/csr/internal.h"

#include <string.h>

#include "cpu/vector_state.h"

bool csr_has_v(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_V);
}

uint64_t csr_read_vstart(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vstart;
}
/* vstart has as many bits as are needed to count the elements of the largest VLMAX. */
void csr_write_vstart(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->vector.vstart = value & (hart->vector.vlenb * 8 - 1);
    hart->mstatus |= MSTATUS_VS;
}

uint64_t csr_read_vxsat(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vxsat;
}
void csr_write_vxsat(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->vector.vxsat = value & 1;
    hart->mstatus |= MSTATUS_VS;
}

uint64_t csr_read_vxrm(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vxrm;
}
void csr_write_vxrm(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    hart->vector.vxrm = value & 3;
    hart->mstatus |= MSTATUS_VS;
}

uint64_t csr_read_vcsr(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vxsat | (uint64_t)hart->vector.vxrm << 1;
}
void csr_write_vcsr(struct hart *hart, unsigned number, uint64_t value)
{
    csr_write_vxsat(hart, number, value);
    csr_write_vxrm(hart, number, value >> 1);
}

uint64_t csr_read_vl(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vl;
}

uint64_t vector_get_type(const struct hart *hart)
{
    return hart->vector.vill ? 1ull << (hart->isa.xlen - 1) : hart->vector.vtype;
}
uint64_t csr_read_vtype(struct hart *hart, unsigned number)
{
    (void)number;
    return vector_get_type(hart);
}

uint64_t csr_read_vlenb(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->vector.vlenb;
}

/* vtype is vill at reset, as the specification recommends. */
void csr_vector_reset(struct hart *hart)
{
    memset(hart->v, 0, sizeof(hart->v));
    hart->vector = (struct hart_vector){ .vlenb = csr_has_v(hart) ? hart->isa.vlen / 8 : 0, .vill = true };
}

/* The values come from a saved state: vstart, vl and vtype may be anything. */
void csr_vector_legalize(struct hart *hart, uint64_t vtype)
{
    struct hart_vector *v = &hart->vector;
    if (!csr_has_v(hart)) {
        csr_vector_reset(hart);
        return;
    }
    vector_set_type(hart, vtype);
    uint32_t vlmax = vector_elements(v->vlenb, v->sew, v->lmul);
    v->vl = v->vill ? 0 : v->vl < vlmax ? v->vl : vlmax;
    v->vstart &= v->vlenb * 8 - 1;
    v->vxrm &= 3;
    v->vxsat &= 1;
}
