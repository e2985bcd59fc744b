/* SPDX-License-Identifier: MIT
 *
 * The lines of the log about a hart; see trace.h.
 */
#include "cpu/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cpu/block.h"
#include "cpu/csr/csr.h"
#include "cpu/hart_view.h"
#include "cpu/isa/foreign.h"
#include "cpu/isa/tables.h"

#define FLUSH_RUNS (1u << 18)
#define REPORTED   1024u /* places that are remembered; a power of two */

char trace_mode(const struct hart *hart)
{
    return (hart->hyper.virt ? "us??" : "US?M")[hart->priv & 3];
}

/* ---- Instructions and blocks --------------------------------------------------------------------------- */

/* "  a0=0x..." for the register that holds the instruction's result. */
static void result_text(const struct hart *hart, const struct isa_operands *op, char *text, size_t size)
{
    unsigned flags = isa_entry(op->insn)->flags;
    uint64_t fields = isa_entry(op->insn)->fields;
    *text = 0;
    if (!(fields >> ISA_FIELD_rd & 1) || flags & ISA_VRD)
        return;
    if (flags & ISA_FRD)
        snprintf(text, size, "  %s=0x%016" PRIx64, isa_f_names[op->rd], hart->f[op->rd]);
    else if (op->rd)
        snprintf(text, size, "  %s=0x%0*" PRIx64, isa_x_names[op->rd], (int)hart->isa.xlen / 4,
                 hart_view_x(hart, op->rd));
}

/* Runs the block that was found, alone. */
static void execute(struct hart *hart, struct block *block)
{
    hart->exit_link = NULL;
    hart_begin_block(hart, block);
    block->insns[0].exec(hart, block->insns);
}

static void run_insn(struct hart *hart)
{
    struct isa_operands op;
    uint64_t pc = hart_view_pc(hart), retired = hart_instructions(hart);
    char mode = trace_mode(hart), text[96], result[48] = "";
    hart->single = true;
    struct block *block = block_find_single(hart);
    hart->single = false;
    if (!block)
        return; /* the fetch trapped */
    if (log_enabled(LOG_CATEGORY_CPU) && log_wants(pc))
        trace_registers(hart, LOG_CATEGORY_CPU);
    debug_guard_block(hart, block);
    uint32_t bits = block->insns[0].aux;
    size_t bytes = hart_view_read(hart, pc, &bits, 4); /* the decoder changes it for jumps */
    isa_decode(&hart->isa, bits, &op, NULL);
    if (log_enabled(LOG_CATEGORY_COMMIT) && bytes >= 2)
        trace_commit(hart, &op, execute, block);
    else
        execute(hart, block);
    if (!log_enabled(LOG_CATEGORY_INSN) || !log_wants(pc) || bytes < 2)
        return;
    isa_disassemble(&op, pc, text, sizeof(text));
    if (hart_instructions(hart) > retired)
        result_text(hart, &op, result, sizeof(result));
    log_line(LOG_CATEGORY_INSN, "hart %u: 0x%016" PRIx64 " %c %0*" PRIx32 " %s%s", hart->id, pc, mode,
             op.length * 2, op.bits, text, result);
}

void trace_run(struct hart *hart)
{
    static _Thread_local unsigned runs;
    if (++runs % FLUSH_RUNS == 0)
        log_flush(); /* the log may be read while -dfilter keeps the guest silent */
    if (log_enabled(LOG_CATEGORY_INSN) || log_enabled(LOG_CATEGORY_COMMIT)) {
        run_insn(hart);
        return;
    }
    uint64_t pc = hart_view_pc(hart);
    struct block *block = block_find(hart);
    if (!block)
        return;
    if (log_enabled(LOG_CATEGORY_CPU) && log_wants(pc))
        trace_registers(hart, LOG_CATEGORY_CPU);
    if (log_enabled(LOG_CATEGORY_BLOCK) && log_wants(pc))
        log_line(LOG_CATEGORY_BLOCK, "hart %u: 0x%016" PRIx64 " %c %u instructions", hart->id, pc,
                 trace_mode(hart), block->count);
    execute(hart, block);
}

void trace_registers(const struct hart *hart, enum log_category category)
{
    int digits = (int)hart->isa.xlen / 4;
    log_line(category, "hart %u: pc 0x%0*" PRIx64 " %c", hart->id, digits, hart_view_pc(hart),
             trace_mode(hart));
    for (unsigned n = 0; n < 32; n += 4)
        log_line(category,
                 "hart %u: %-4s 0x%0*" PRIx64 " %-4s 0x%0*" PRIx64 " %-4s 0x%0*" PRIx64 " %-4s 0x%0*" PRIx64,
                 hart->id, isa_x_names[n], digits, hart_view_x(hart, n), isa_x_names[n + 1], digits,
                 hart_view_x(hart, n + 1), isa_x_names[n + 2], digits, hart_view_x(hart, n + 2),
                 isa_x_names[n + 3], digits, hart_view_x(hart, n + 3));
}

/* ---- Devices and CSRs ---------------------------------------------------------------------------------- */

void trace_mmio(const struct hart *hart, const struct insn *insn, uint64_t paddr, unsigned size, bool write,
                uint64_t value, bool answered)
{
    if (log_wants(paddr))
        log_line(LOG_CATEGORY_MMIO,
                 "hart %u: pc 0x%016" PRIx64 " %s 0x%08" PRIx64 " size %u value 0x%" PRIx64 "%s", hart->id,
                 hart_insn_pc(hart, insn), write ? "write" : "read ", paddr, size, value,
                 answered ? "" : " refused");
}

void trace_csr(struct hart *hart, const struct insn *insn, unsigned number, bool written, uint64_t old)
{
    uint64_t pc = hart_insn_pc(hart, insn);
    char buffer[16];
    if (!log_wants(pc))
        return;
    const char *name = hart_view_csr_name(number, buffer);
    if (written)
        log_line(LOG_CATEGORY_CSR, "hart %u: pc 0x%016" PRIx64 " %c %s 0x%" PRIx64 " -> 0x%" PRIx64, hart->id,
                 pc, trace_mode(hart), name, old, csr_read(hart, number));
    else
        log_line(LOG_CATEGORY_CSR, "hart %u: pc 0x%016" PRIx64 " %c %s = 0x%" PRIx64, hart->id, pc,
                 trace_mode(hart), name, old);
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

/* Priv. "Machine Cause (mcause) Register" */
static const char *exception_name(unsigned cause)
{
    static const char *const names[] = {
        [CAUSE_FETCH_MISALIGNED] = "instruction address misaligned",
        [CAUSE_FETCH_ACCESS] = "instruction access fault",
        [CAUSE_ILLEGAL] = "illegal instruction",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load address misaligned",
        [CAUSE_LOAD_ACCESS] = "load access fault",
        [CAUSE_STORE_MISALIGNED] = "store address misaligned",
        [CAUSE_STORE_ACCESS] = "store access fault",
        [CAUSE_ECALL_U] = "ecall from U",
        [CAUSE_ECALL_S] = "ecall from S",
        [CAUSE_ECALL_VS] = "ecall from VS",
        [CAUSE_ECALL_M] = "ecall from M",
        [CAUSE_FETCH_PAGE] = "instruction page fault",
        [CAUSE_LOAD_PAGE] = "load page fault",
        [CAUSE_STORE_PAGE] = "store page fault",
        [CAUSE_SOFTWARE_CHECK] = "software check",
        [CAUSE_FETCH_GUEST_PAGE] = "instruction guest-page fault",
        [CAUSE_LOAD_GUEST_PAGE] = "load guest-page fault",
        [CAUSE_VIRTUAL] = "virtual instruction",
        [CAUSE_STORE_GUEST_PAGE] = "store guest-page fault",
    };
    return cause < sizeof(names) / sizeof(names[0]) && names[cause] ? names[cause] : "?";
}

const char *trace_interrupt_name(unsigned number)
{
    static const char *const names[] = {
        [1] = "SSI", [2] = "VSSI",  [3] = "MSI",  [5] = "STI",   [6] = "VSTI",  [7] = "MTI",
        [9] = "SEI", [10] = "VSEI", [11] = "MEI", [12] = "SGEI", [13] = "LCOFI"
    };
    return number < sizeof(names) / sizeof(names[0]) && names[number] ? names[number] : "?";
}

void trace_trap(const struct hart *hart, bool interrupt, unsigned cause, uint64_t tval, uint64_t from_pc,
                char from)
{
    if (log_enabled(LOG_CATEGORY_COMMIT) && log_wants(from_pc))
        trace_commit_trap(hart, interrupt, cause, tval, from_pc);
    if (log_enabled(LOG_CATEGORY_INT) && log_wants(from_pc))
        log_line(LOG_CATEGORY_INT,
                 "hart %u: pc 0x%016" PRIx64 " %c %s %u (%s), tval 0x%" PRIx64 " -> %c 0x%" PRIx64, hart->id,
                 from_pc, from, interrupt ? "interrupt" : "exception", cause,
                 interrupt ? trace_interrupt_name(cause) : exception_name(cause), tval, trace_mode(hart),
                 hart_view_pc(hart));
}

/* ---- What is not there --------------------------------------------------------------------------------- */

/* True for a place that was not reported yet; if there are too many places, the rest are not reported. */
static bool first_time(uint64_t pc, uint32_t bits)
{
    static _Atomic uint64_t reported[REPORTED];
    uint64_t key = (pc * 0x9e3779b97f4a7c15u ^ bits * 0xc2b2ae3d27d4eb4fu) | 1;
    for (unsigned i = 0; i < REPORTED; i++) {
        _Atomic uint64_t *slot = &reported[((key >> 32 ^ key) + i) & (REPORTED - 1)];
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(slot, &none, key))
            return true;
        if (none == key)
            return false;
    }
    return false;
}

/* The instruction's name on a hart with every extension. */
static void name_of(const struct hart *hart, uint32_t bits, uint64_t pc, char *text, size_t size)
{
    struct isa_config everything = hart->isa;
    struct isa_operands op;
    everything.extensions |= ~ISA_CLASHING;
    if (isa_has(&hart->isa, ISA_Zfinx))
        everything.extensions |= ISA_IN_X;
    isa_decode(&everything, bits, &op, NULL);
    const struct isa_foreign *foreign = isa_foreign_find(bits, hart->isa.xlen);
    if (op.insn != ISA_INSN_ILLEGAL)
        isa_disassemble(&op, pc, text, size);
    else if (foreign)
        snprintf(text, size, "%s: this hart has no %s", foreign->name, foreign->extension);
    else
        snprintf(text, size, "no instruction of a known extension");
}

void trace_illegal(const struct hart *hart, const struct isa_operands *operands, uint64_t pc,
                   enum isa_extension missing)
{
    char name[96];
    if (!log_enabled(LOG_CATEGORY_UNIMP) || !first_time(pc, operands->bits))
        return;
    name_of(hart, operands->bits, pc, name, sizeof(name));
    log_line(LOG_CATEGORY_UNIMP, "hart %u: pc 0x%016" PRIx64 " %0*" PRIx32 " %s%s%s", hart->id, pc,
             operands->length * 2, operands->bits, name,
             missing == ISA_EXTENSION_COUNT ? "" : ": this hart has no ",
             missing == ISA_EXTENSION_COUNT ? "" : isa_extension_name(missing));
}

void trace_illegal_csr(const struct hart *hart, const struct insn *insn, unsigned number, bool exists)
{
    uint64_t pc = hart_insn_pc(hart, insn);
    char buffer[16];
    const char *name = hart_view_csr_name(number, buffer), *extension = isa_foreign_csr(number);
    if (!log_enabled(LOG_CATEGORY_UNIMP) || !first_time(pc, number))
        return;
    if (!name) {
        isa_csr_name(number, buffer, sizeof(buffer));
        name = buffer[0] == '0' ? "(no name)" : buffer;
    }
    log_line(LOG_CATEGORY_UNIMP, "hart %u: pc 0x%016" PRIx64 " CSR 0x%03x %s: %s%s", hart->id, pc, number,
             name,
             exists      ? "not allowed in this mode, or read-only"
             : extension ? "this hart has no "
                         : "this hart has none",
             !exists && extension ? extension : "");
}
