/* SPDX-License-Identifier: MIT
 *
 * Handlers of the system instructions: CSRs, fences, traps and returns, waiting. See exec.h. Most end their
 * block, since the privilege, the translation or the enabled interrupts may be different afterwards.
 */
#include "cpu/exec/exec.h"

#include "cpu/accel.h"
#include "cpu/csr/csr.h"
#include "cpu/mmu/mmu.h"
#include "cpu/mmu/tlb.h"
#include "cpu/semihost.h"
#include "cpu/trace.h"
#include "cpu/trap.h"
#include "cpu/wait.h"

EXEC(ILLEGAL)
{
    trap_illegal(hart, insn);
}

/* ---- Zicsr --------------------------------------------------------------------------------------------- */

enum csr_operation { CSR_WRITE, CSR_SET, CSR_CLEAR };

/* Common to the six instructions. `source` is rs1's value or the immediate. `writes` is false for set and
 * clear with x0 or 0, which then need no write permission. csrrw with rd = x0 does not read ("Zicsr"). */
static bool csr_operate(struct hart *hart, const struct insn *insn, enum csr_operation operation,
                        uint64_t source, bool writes)
{
    unsigned number = insn->imm & 0xfff;
    if (!csr_access_allowed(hart, number, writes)) {
        trace_illegal_csr(hart, insn, number, csr_exists(hart, number));
        if (csr_refusal_is_virtual(hart, number, writes))
            trap_virtual(hart, insn);
        else
            trap_illegal(hart, insn);
        return false;
    }
    if (UNLIKELY(hart->clic.on) && csr_clic_acts(number)) {
        uint64_t value = hart->x[insn->rd];
        bool stays = csr_clic_operate(hart, insn, operation, source, writes, &value);
        if (stays)
            SET_RD(value);
        return stays;
    }
    hart->aia.told = 0;
    bool reads = operation != CSR_WRITE || insn->rd != ISA_X_SINK || log_enabled(LOG_CATEGORY_CSR);
    uint64_t old = reads ? csr_read(hart, number) : 0;
    if (writes) {
        uint64_t base = operation == CSR_WRITE ? 0 : csr_read_for_modify(hart, number);
        uint64_t value = operation == CSR_WRITE ? source
                         : operation == CSR_SET ? base | source
                                                : base & ~source;
        csr_write(hart, number, (ux)value);
    }
    SET_RD(old);
    if (UNLIKELY(log_enabled(LOG_CATEGORY_CSR)))
        trace_csr(hart, insn, number, writes, old);
    return true;
}

#define EXEC_CSR(name, operation, source, writes)                                                            \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        if (!csr_operate(hart, insn, operation, source, writes))                                             \
            return;                                                                                          \
        STEP_AND_LEAVE;                                                                                      \
    }

#define UIMM ((uint64_t)insn->imm >> 16 & 31)

EXEC_CSR(csrrw, CSR_WRITE, RS1, true)
EXEC_CSR(csrrs, CSR_SET, RS1, insn->rs1 != 0)
EXEC_CSR(csrrc, CSR_CLEAR, RS1, insn->rs1 != 0)
EXEC_CSR(csrrwi, CSR_WRITE, UIMM, true)
EXEC_CSR(csrrsi, CSR_SET, UIMM, UIMM != 0)
EXEC_CSR(csrrci, CSR_CLEAR, UIMM, UIMM != 0)

/* ---- Environment calls and returns --------------------------------------------------------------------- */

EXEC(ecall)
{
    static const enum cause causes[] = {
        [PRIV_U] = CAUSE_ECALL_U, [PRIV_S] = CAUSE_ECALL_S, [PRIV_M] = CAUSE_ECALL_M
    };
    bool vs = hart->hyper.virt && hart->priv == PRIV_S;
    trap_insn(hart, insn, vs ? CAUSE_ECALL_VS : causes[hart->priv], 0);
}

EXEC(ebreak)
{
    if (UNLIKELY(hart->semihost) && semihost_try(hart, insn))
        LEAVE;
    trap_insn(hart, insn, CAUSE_BREAKPOINT, hart_insn_pc(hart, insn));
}

EXEC(mret)
{
    ILLEGAL_IF(hart->priv != PRIV_M);
    trap_return_m(hart);
}

EXEC(sret)
{
    VIRTUAL_IF(hart->hyper.virt && (hart->priv == PRIV_U || hart->hyper.hstatus & HSTATUS_VTSR));
    ILLEGAL_IF(!hart->isa.supervisor || hart->priv == PRIV_U ||
               (hart->priv == PRIV_S && !hart->hyper.virt && hart->mstatus & MSTATUS_TSR));
    trap_return_s(hart);
}

/* Priv. "Wait for Interrupt": mstatus.TW makes it illegal below M. In U-mode it is also illegal if there is
 * an S-mode. */
EXEC(wfi)
{
    ILLEGAL_IF(hart->priv != PRIV_M && (hart->mstatus & MSTATUS_TW ||
                                        (hart->priv == PRIV_U && hart->isa.supervisor && !hart->hyper.virt)));
    VIRTUAL_IF(hart->hyper.virt && (hart->priv == PRIV_U || hart->hyper.hstatus & HSTATUS_VTW));
    if (!wait_for_interrupt(hart)) {
        trap_leave_before(hart, insn);
        return;
    }
    STEP_AND_LEAVE;
}

/* Zawrs: both may end at any time. They yield the host's processor, for which the other hart may be waiting.
 * They end their block, so that a hart that waits in a loop sees its interrupts at once. */
EXEC(wrs_nto)
{
    ILLEGAL_IF(hart->priv != PRIV_M && hart->mstatus & MSTATUS_TW);
    VIRTUAL_IF(hart->hyper.virt && hart->hyper.hstatus & HSTATUS_VTW);
    pause_for_others(hart);
    STEP_AND_LEAVE;
}

EXEC(wrs_sto)
{
    pause_for_others(hart);
    STEP_AND_LEAVE;
}

/* ---- Fences -------------------------------------------------------------------------------------------- */

/* x86 keeps every order except store before load (predecessor W or O, successor R or I). */
EXEC(fence)
{
    unsigned pred = insn->imm >> 4 & 15, succ = insn->imm & 15;
    if (pred & 5 && succ & 10)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    NEXT;
}

/* Orders everything except store before load, which the host does anyway. */
EXEC(fence_tso)
{
    atomic_signal_fence(memory_order_seq_cst);
    NEXT;
}

EXEC(fence_i)
{
    hart_fence_i(hart);
    STEP_AND_LEAVE;
}

static bool fence_allowed(const struct hart *hart)
{
    if (UNLIKELY(hart->hyper.virt))
        return hart->priv == PRIV_S && !(hart->hyper.hstatus & HSTATUS_VTVM);
    return hart->isa.supervisor && hart->priv != PRIV_U &&
           !(hart->priv == PRIV_S && hart->mstatus & MSTATUS_TVM);
}

#define ASID(value) ((value) & (XLEN == 32 ? 0x1ff : 0xffff))

/* In a virtual machine the fence is for that alone. */
static void fence(struct hart *hart, const struct insn *insn)
{
    if (UNLIKELY(hart->hyper.virt))
        tlb_flush_guest(hart, insn->rs1 == 0, RS1, insn->rs2 == 0, ASID(RS2));
    else
        tlb_flush(hart, insn->rs1 == 0, RS1, insn->rs2 == 0, ASID(RS2));
}

EXEC(sfence_vma)
{
    VIRTUAL_IF(hart->hyper.virt && !fence_allowed(hart));
    ILLEGAL_IF(!fence_allowed(hart));
    fence(hart, insn);
    if (insn->rs1 == 0 && insn->rs2 == 0 && hart->bus->sfence_is_fence_i)
        hart_request_self(hart, HART_REQUEST_FENCE_I); /* it is served before the next block */
    STEP_AND_LEAVE;
}

EXEC(sinval_vma)
{
    VIRTUAL_IF(hart->hyper.virt && !fence_allowed(hart));
    ILLEGAL_IF(!fence_allowed(hart));
    fence(hart, insn);
    STEP_AND_LEAVE;
}

/* Svinval: sinval.vma has already done all the work; TVM does not apply to these two. */
EXEC(sfence_w_inval)
{
    VIRTUAL_IF(hart->hyper.virt && hart->priv == PRIV_U);
    ILLEGAL_IF(hart->priv == PRIV_U);
    STEP_AND_LEAVE;
}

EXEC(sfence_inval_ir)
{
    VIRTUAL_IF(hart->hyper.virt && hart->priv == PRIV_U);
    ILLEGAL_IF(hart->priv == PRIV_U);
    STEP_AND_LEAVE;
}

/* ---- Hints --------------------------------------------------------------------------------------------- */

/* A guest that spins yields the host's processor. */
EXEC(pause)
{
    pause_for_others(hart);
    STEP_AND_LEAVE;
}

#define EXEC_HINT(name)                                                                                      \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        NEXT;                                                                                                \
    }

EXEC_HINT(ntl_p1)
EXEC_HINT(ntl_pall)
EXEC_HINT(ntl_s1)
EXEC_HINT(ntl_all)
