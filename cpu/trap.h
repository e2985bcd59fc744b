/* SPDX-License-Identifier: MIT
 *
 * Taking traps and returning from them (Priv. "Trap"-related sections of the Machine and Supervisor levels).
 */
#ifndef CPU_TRAP_H
#define CPU_TRAP_H

#include "cpu/hart_state.h"

/* An exception of an instruction of the running block: makes pc and the retired-instruction count exact, then
 * enters the handler. The instruction's handler must return at once after it. */
void trap_insn(struct hart *hart, const struct insn *insn, enum cause cause, uint64_t tval);
/* Illegal-instruction exception, with the encoding in tval. */
void trap_illegal(struct hart *hart, const struct insn *insn);
/* Virtual-instruction exception, the same. */
void trap_virtual(struct hart *hart, const struct insn *insn);
/* An exception before any instruction ran, at hart->pc: fetch faults. */
void trap_fetch(struct hart *hart, enum cause cause, uint64_t tval);

/* The value of mip as the hart sees it now. */
unsigned trap_pending(const struct hart *hart);
/* An interrupt is pending and enabled for which wfi ends, whether or not the hart takes it now. */
bool trap_wakes(const struct hart *hart);
/* Takes the most urgent interrupt that is pending and enabled, if any; between blocks only. */
bool trap_take_interrupt(struct hart *hart);

/* Leaves the running block after an instruction that is done, as if the block ended there, so that the loop
 * serves its requests now. False: the address of the next instruction is not known, and the block
 * continues. */
bool trap_leave_behind(struct hart *hart, const struct insn *insn);

/* Leaves it before an instruction that is not done and is executed when the hart continues: like trap_insn(),
 * without a trap. */
void trap_leave_before(struct hart *hart, const struct insn *insn);

/* mret and sret, without their legality checks. The next pc is in hart->pc afterwards. */
void trap_return_m(struct hart *hart);
void trap_return_s(struct hart *hart);

#endif
