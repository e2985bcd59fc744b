/* SPDX-License-Identifier: MIT
 *
 * The lines of the log (-d) about a hart: one line for each event, "category: hart N: pc ...", the same in
 * every run of the same program. Instructions and blocks are traced in the interpreter, one at a time; while
 * this is on, a request bit stays set (HART_REQUEST_TRACE), so that it costs nothing while it is off.
 *
 * Call all of these on the hart's thread.
 */
#ifndef CPU_TRACE_H
#define CPU_TRACE_H

#include "cpu/hart_state.h"
#include "util/log.h"

/* Whether the trace needs the hart to run step by step. */
static inline bool trace_steps(void)
{
    /* CSRs too: translated code has short ways for some. */
    return log_enabled(LOG_CATEGORY_INSN) || log_enabled(LOG_CATEGORY_BLOCK) ||
           log_enabled(LOG_CATEGORY_CPU) || log_enabled(LOG_CATEGORY_CSR) || log_enabled(LOG_CATEGORY_COMMIT);
}
/* Runs one block, or one instruction, and logs it. */
void trace_run(struct hart *hart);
/* The registers of the hart, as they are: eight lines for x0 to x31, and the pc with its mode. */
void trace_registers(const struct hart *hart, enum log_category category);
/* An access to a device, done or refused. */
void trace_mmio(const struct hart *hart, const struct insn *insn, uint64_t paddr, unsigned size, bool write,
                uint64_t value, bool answered);
/* An instruction of the running block has read (written is false) or changed a CSR. */
void trace_csr(struct hart *hart, const struct insn *insn, unsigned number, bool written, uint64_t old);
/* The letter of the hart's mode: M, S and U, and for VS and VU s and u. */
char trace_mode(const struct hart *hart);
/* A trap was taken, from this place and this mode. */
void trace_trap(const struct hart *hart, bool interrupt, unsigned cause, uint64_t tval, uint64_t from_pc,
                char from);
/* trace_commit.c: runs the only instruction of a block by execute(), and if it retires, logs it as Spike
 * does. */
void trace_commit(struct hart *hart, const struct isa_operands *op,
                  void (*execute)(struct hart *hart, struct block *block), struct block *block);
void trace_commit_trap(const struct hart *hart, bool interrupt, unsigned cause, uint64_t tval, uint64_t epc);
/* The name of a bit of mip: "MTI". */
const char *trace_interrupt_name(unsigned number);
/* The hart met an encoding that it does not know, or a CSR that it lacks or may not access. Logged once for
 * each place. */
void trace_illegal(const struct hart *hart, const struct isa_operands *operands, uint64_t pc,
                   enum isa_extension missing);
void trace_illegal_csr(const struct hart *hart, const struct insn *insn, unsigned number, bool exists);

#endif
