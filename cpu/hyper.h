/* SPDX-License-Identifier: MIT
 *
 * Entering and leaving virtual machines (Priv. "Hypervisor Extension"): which registers S-mode's names mean.
 */
#ifndef CPU_HYPER_H
#define CPU_HYPER_H

#include "cpu/hart_state.h"

/* The bits of mstatus that VS-mode has of its own. */
#define HYPER_STATUS                                                                                         \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_VS | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR |        \
     MSTATUS_SPELP)

static inline bool hyper_has(const struct hart *hart)
{
    return isa_has(&hart->isa, ISA_H);
}

/* Bits HYPER_STATUS of HS-mode, whatever the mode is. */
static inline uint64_t hyper_hs_status(const struct hart *hart)
{
    return hart->hyper.virt ? hart->hyper.bank.status : hart->mstatus & HYPER_STATUS;
}
/* The same of VS-mode. */
static inline uint64_t hyper_vs_status(const struct hart *hart)
{
    return hart->hyper.virt ? (hart->mstatus & HYPER_STATUS) | hart->hyper.off : hart->hyper.bank.status;
}

/* Switches V, and the registers with it. The caller changes the privilege, if it changes, before
 * tlb_select(). An instruction that writes f or v registers in a virtual machine makes HS-mode's FS and VS
 * Dirty when the virtual machine is left; they may also become Dirty if only the virtual machine's were. */
void hyper_set_virt(struct hart *hart, bool virt);

/* While V is 1: FS and VS of VS-mode count only while those of HS-mode are not Off. The first tells whether
 * one of these is; the second makes those of VS-mode visible in mstatus, for changing them, and the third
 * hides them again. */
static inline bool hyper_hides_units(const struct hart *hart)
{
    uint64_t status = hart->hyper.bank.status;
    return !(status & MSTATUS_FS) || (isa_has(&hart->isa, ISA_V) && !(status & MSTATUS_VS));
}
void hyper_show_units(struct hart *hart);
void hyper_hide_units(struct hart *hart);

/* What a trap of a hart with H to M-mode or to HS-mode tells about virtual machines, to be called before V
 * becomes 0: mtval2, mtinst, MPV and GVA of mstatus; htval, htinst and hstatus. */
void hyper_trap_to_m(struct hart *hart, bool interrupt, unsigned cause);
void hyper_trap_to_hs(struct hart *hart, bool interrupt, unsigned cause);

#endif
