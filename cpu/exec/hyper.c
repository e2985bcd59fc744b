/* SPDX-License-Identifier: MIT
 *
 * Handlers of H: loads and stores of a virtual machine's memory, and fences (Priv. "Hypervisor
 * Instructions"). See exec.h. All end their block.
 */
#include "cpu/exec/exec.h"

#include "cpu/mmu/mem.h"
#include "cpu/mmu/tlb.h"
#include "cpu/trap.h"

/* ---- Loads and stores ---------------------------------------------------------------------------------- */

/* From now on loads and stores are those of VS- or VU-mode. False: it trapped. */
static bool begin(struct hart *hart, const struct insn *insn, uint32_t access)
{
    if (hart->hyper.virt) {
        trap_virtual(hart, insn);
        return false;
    }
    if (hart->priv == PRIV_U && !(hart->hyper.hstatus & HSTATUS_HU)) {
        trap_illegal(hart, insn);
        return false;
    }
    hart->hyper.access = access;
    tlb_select(hart);
    return true;
}

/* A trap has done it already. */
static void end(struct hart *hart)
{
    if (hart->hyper.access == HYPER_ACCESS_OWN)
        return;
    hart->hyper.access = HYPER_ACCESS_OWN;
    tlb_select(hart);
}

static bool load(struct hart *hart, const struct insn *insn, unsigned size, uint32_t access)
{
    uint64_t value = 0;
    if (!begin(hart, insn, access))
        return false;
    bool done = mem_read(hart, insn, RS1, size, &value);
    end(hart);
    hart->loaded = value;
    return done;
}

static bool store(struct hart *hart, const struct insn *insn, unsigned size)
{
    if (!begin(hart, insn, HYPER_ACCESS_DATA))
        return false;
    bool done = mem_write(hart, insn, RS1, size, hart->x[insn->rs2]);
    end(hart);
    return done;
}

#define EXEC_HLV(name, type, access)                                                                         \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!load(hart, insn, sizeof(type), access))                                                         \
            return;                                                                                          \
        SET_RD((type)hart->loaded);                                                                          \
        STEP_AND_LEAVE;                                                                                      \
    }
#define EXEC_HSV(name, size)                                                                                 \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!store(hart, insn, size))                                                                        \
            return;                                                                                          \
        STEP_AND_LEAVE;                                                                                      \
    }

EXEC_HLV(hlv_b, int8_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlv_bu, uint8_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlv_h, int16_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlv_hu, uint16_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlvx_hu, uint16_t, HYPER_ACCESS_CODE)
EXEC_HLV(hlv_w, int32_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlv_wu, uint32_t, HYPER_ACCESS_DATA)
EXEC_HLV(hlvx_wu, uint32_t, HYPER_ACCESS_CODE)
EXEC_HLV(hlv_d, uint64_t, HYPER_ACCESS_DATA)
EXEC_HSV(hsv_b, 1)
EXEC_HSV(hsv_h, 2)
EXEC_HSV(hsv_w, 4)
EXEC_HSV(hsv_d, 8)

/* ---- Fences -------------------------------------------------------------------------------------------- */

/* Those of the second stage are forbidden by TVM, too. False: it trapped. */
static bool may_fence(struct hart *hart, const struct insn *insn, bool second)
{
    if (hart->hyper.virt)
        trap_virtual(hart, insn);
    else if (hart->priv == PRIV_U || (second && hart->priv == PRIV_S && hart->mstatus & MSTATUS_TVM))
        trap_illegal(hart, insn);
    else
        return true;
    return false;
}

#define EXEC_FENCE_VVMA(name)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!may_fence(hart, insn, false))                                                                   \
            return;                                                                                          \
        tlb_flush_guest(hart, insn->rs1 == 0, RS1, insn->rs2 == 0, RS2 & (XLEN == 32 ? 0x1ff : 0xffff));     \
        STEP_AND_LEAVE;                                                                                      \
    }
#define EXEC_FENCE_GVMA(name)                                                                                \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!may_fence(hart, insn, true))                                                                    \
            return;                                                                                          \
        tlb_flush_guests(hart, insn->rs2 == 0, RS2 & (XLEN == 32 ? 0x7f : 0x3fff));                          \
        STEP_AND_LEAVE;                                                                                      \
    }

EXEC_FENCE_VVMA(hfence_vvma)
EXEC_FENCE_VVMA(hinval_vvma)
EXEC_FENCE_GVMA(hfence_gvma)
EXEC_FENCE_GVMA(hinval_gvma)
