/* SPDX-License-Identifier: MIT
 *
 * -d commit: a line for each instruction that retires, with all that it wrote, in the format of Spike's
 * commit log (riscv-isa-sim, --log-commits; traps as with -l), so that a run can be compared with Spike's and
 * with that of a core under test. docs/debugging.md describes the format.
 *
 * A line is built from the operands: addresses and data are noted before the instruction runs, results are
 * read after it. So the handlers need no code for this.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cpu/csr/csr.h"
#include "cpu/hart_view.h"
#include "cpu/isa/tables.h"
#include "cpu/trace.h"

enum {
    CSR_FFLAGS = 0x001,
    CSR_FRM = 0x002,
    CSR_FCSR = 0x003,
    CSR_SSP = 0x011,
    CSR_MSTATUS = 0x300,
    CSR_MSTATUSH = 0x310,
};

/* ---- The line ------------------------------------------------------------------------------------------ */

struct line {
    char text[2560]; /* cbo.zero has 64 stores */
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) put(struct line *line, const char *format, ...)
{
    va_list args;
    size_t room = sizeof(line->text) - line->length;
    va_start(args, format);
    int more = vsnprintf(line->text + line->length, room, format, args);
    va_end(args);
    if (more > 0)
        line->length += (size_t)more < room ? (size_t)more : room - 1;
}

static void put_value(struct line *line, unsigned bits, uint64_t value)
{
    put(line, "0x%0*" PRIx64, (int)bits / 4, bits < 64 ? value & ((UINT64_C(1) << bits) - 1) : value);
}

static void send(struct line *line)
{
    put(line, "\n");
    log_raw(line->text, line->length);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

/* The registers that were written, in Spike's order: by number, and for one number x before f before CSR. */
struct written {
    unsigned count;
    struct {
        unsigned number;
        char kind; /* x, f, c */
        uint64_t value;
    } list[8];
};

static unsigned order_of(unsigned number, char kind)
{
    return number << 4 | (kind == 'x' ? 0 : kind == 'f' ? 1 : 4);
}

static void add(struct written *written, char kind, unsigned number, uint64_t value)
{
    unsigned i = written->count++;
    for (; i > 0 && order_of(written->list[i - 1].number, written->list[i - 1].kind) > order_of(number, kind);
         i--)
        written->list[i] = written->list[i - 1];
    written->list[i].number = number;
    written->list[i].kind = kind;
    written->list[i].value = value;
}

static void add_csr(struct written *written, struct hart *hart, unsigned number)
{
    add(written, 'c', number, csr_read(hart, number));
}

/* A CSR that is a view of another register is logged as that register; a counter that always reads 0 is not
 * written. */
static void add_csr_write(struct written *written, struct hart *hart, unsigned number)
{
    bool no_counter = (number & ~0x9fu) == 0xb00 && (number & 0x1f) >= 3;
    if (number == CSR_FCSR) {
        add_csr(written, hart, CSR_FFLAGS);
        add_csr(written, hart, CSR_FRM);
    } else if (!no_counter) {
        bool view = number == 0x100 || number == 0x104 || number == 0x144; /* sstatus, sie, sip */
        unsigned to = hart->hyper.virt ? 0x100 : 0x200;                    /* vsstatus, vsie, vsip */
        add_csr(written, hart, view ? number + to : number);
    }
}

static void put_written(struct line *line, const struct hart *hart, const struct written *written)
{
    unsigned f_bits = isa_has(&hart->isa, ISA_D) ? 64 : 32;
    for (unsigned i = 0; i < written->count; i++) {
        char kind = written->list[i].kind, room[16];
        unsigned number = written->list[i].number;
        const char *name = hart_view_csr_name(number, room);
        if (kind == 'c')
            put(line, " c%u_%s ", number, name ? name : "unknown");
        else
            put(line, " %c%-2u ", kind, number);
        put_value(line, kind == 'f' ? f_bits : hart->isa.xlen, written->list[i].value);
    }
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

static unsigned match_of(const struct isa_operands *op)
{
    return isa_entry(op->insn)->match;
}

static bool is_atomic(const struct isa_operands *op)
{
    return (match_of(op) & 0x7f) == 0x2f;
}

/* The size of a load, store or atomic: bits 13:12 of the encoding, for atomics 14:12, are its logarithm. */
static unsigned size_of(const struct isa_operands *op)
{
    return 1u << (match_of(op) >> 12 & (is_atomic(op) ? 7 : 3));
}

/* A register pair is an operand that is wider than a register (Zacas). */
static bool is_pair(const struct hart *hart, const struct isa_operands *op)
{
    return is_atomic(op) && 8 * size_of(op) > hart->isa.xlen;
}

/* Pushes and pops of the shadow stack access memory at ssp. */
static bool is_push(const struct isa_operands *op)
{
    return op->insn == ISA_INSN_sspush_ra || op->insn == ISA_INSN_sspush_t0;
}

static bool is_pop(const struct isa_operands *op)
{
    return op->insn == ISA_INSN_sspopchk_ra || op->insn == ISA_INSN_sspopchk_t0;
}

struct trace_before {
    uint64_t rs1, rs2[2], rd[2], rs3;
    uint64_t mstatus, ssp;
    unsigned flags;
};

/* The result of the operation in bits 31:27 of an AMO. The values are at the top of 64 bits, where signs and
 * carries work for any size. */
static uint64_t amo_result(unsigned operation, uint64_t old, uint64_t operand)
{
    int64_t a = (int64_t)old, b = (int64_t)operand;
    switch (operation) {
    case 0x00: return old + operand;
    case 0x04: return old ^ operand;
    case 0x08: return old | operand;
    case 0x0c: return old & operand;
    case 0x10: return a < b ? old : operand;
    case 0x14: return a > b ? old : operand;
    case 0x18: return old < operand ? old : operand;
    case 0x1c: return old > operand ? old : operand;
    default: return operand; /* swap */
    }
}

/* What an AMO stored. The register of its result has the old value; for x0 it is in the sink. */
static uint64_t amo_stored(const struct hart *hart, const struct isa_operands *op,
                           const struct trace_before *before)
{
    unsigned shift = 64 - 8 * size_of(op), operation = match_of(op) >> 27;
    uint64_t old = hart->x[op->rd ? op->rd : ISA_X_SINK] << shift, operand = before->rs2[0] << shift;
    if (operation == 0x05) /* compare and swap */
        return (old == before->rd[0] << shift ? operand : old) >> shift;
    return amo_result(operation, old, operand) >> shift;
}

static void put_store(struct line *line, const struct hart *hart, uint64_t vaddr, unsigned size,
                      uint64_t value)
{
    put(line, " mem ");
    put_value(line, hart->isa.xlen, vaddr);
    put(line, " ");
    put_value(line, 8 * size, value);
}

/* A compare-and-swap of a register pair: two halves in memory. Without a result register the old value can be
 * seen only in memory. */
static void put_pair_store(struct line *line, struct hart *hart, const struct isa_operands *op,
                           const struct trace_before *before)
{
    unsigned half = size_of(op) / 2, bits = 8 * half;
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX, now[2] = { 0, 0 };
    if (op->rd) {
        const uint64_t old[2] = { hart->x[op->rd] & mask, hart->x[op->rd + 1] & mask };
        bool swapped = old[0] == (before->rd[0] & mask) && old[1] == (before->rd[1] & mask);
        now[0] = swapped ? before->rs2[0] : old[0];
        now[1] = swapped ? before->rs2[1] : old[1];
    } else {
        hart_view_read(hart, before->rs1, &now[0], half);
        hart_view_read(hart, before->rs1 + half, &now[1], half);
    }
    if (half == 4) { /* Spike stores up to 8 bytes at once */
        put_store(line, hart, before->rs1, 8, (now[0] & mask) | now[1] << 32);
        return;
    }
    put_store(line, hart, before->rs1, half, now[0]);
    put_store(line, hart, before->rs1 + half, half, now[1]);
}

/* Prints nothing if the mode has no shadow stack. */
static void put_shadow_access(struct line *line, const struct hart *hart, const struct isa_operands *op,
                              const struct trace_before *before)
{
    unsigned link = op->insn == ISA_INSN_sspush_ra ? 1 : 5;
    if (hart->ssp == before->ssp)
        return;
    if (is_push(op)) {
        put_store(line, hart, hart->ssp, hart->isa.xlen / 8, hart->x[link]);
        return;
    }
    put(line, " mem ");
    put_value(line, hart->isa.xlen, before->ssp);
}

/* T-Head's loads and stores: the size is in the encoding, the address in two registers, or moves before the
 * access. */
static void put_t_head_accesses(struct line *line, const struct hart *hart, const struct isa_operands *op,
                                const struct trace_before *before)
{
    const struct isa_entry *entry = isa_entry(op->insn);
    unsigned code = entry->match >> 27, count = entry->extension == ISA_XTheadMemPair ? 2 : 1;
    unsigned size = count == 1 ? 1u << (code >> 2 & 3) : (code & 3) == 3 ? 8 : 4;
    uint64_t index = code & 2 ? (uint32_t)before->rs2[0] : before->rs2[0];
    uint64_t vaddr = before->rs1 + (index << op->rm);
    if (count == 2)
        vaddr = before->rs1 + op->rm * 2ull * size;
    else if (entry->flags & ISA_ALSO_RS1)
        vaddr = before->rs1 + (code & 2 ? 0 : (uint64_t)(int64_t)op->imm);
    for (unsigned i = 0; i < count; i++, vaddr += size) {
        if (entry->flags & ISA_STORE) {
            put_store(line, hart, vaddr, size, i ? before->rs2[0] : before->rs3);
            continue;
        }
        put(line, " mem ");
        put_value(line, hart->isa.xlen, vaddr);
    }
}

static bool is_t_head(const struct isa_operands *op)
{
    return (match_of(op) & 0x7f) == 0x0b;
}

static void put_accesses(struct line *line, struct hart *hart, const struct isa_operands *op,
                         const struct trace_before *before)
{
    unsigned flags = isa_entry(op->insn)->flags;
    bool conditional = op->insn == ISA_INSN_sc_w || op->insn == ISA_INSN_sc_d;
    uint64_t vaddr = before->rs1 + (is_atomic(op) ? 0 : (uint64_t)(int64_t)op->imm);
    if (op->insn == ISA_INSN_cbo_zero) {
        for (unsigned i = 0; i < ISA_CACHE_BLOCK; i++)
            put_store(line, hart, (before->rs1 & ~(uint64_t)(ISA_CACHE_BLOCK - 1)) + i, 1, 0);
        return;
    }
    if (is_push(op) || is_pop(op)) {
        put_shadow_access(line, hart, op, before);
        return;
    }
    if (is_t_head(op)) {
        put_t_head_accesses(line, hart, op, before);
        return;
    }
    if (flags & ISA_LOAD) {
        put(line, " mem ");
        put_value(line, hart->isa.xlen, vaddr);
    }
    if (!(flags & ISA_STORE) || (conditional && hart->x[op->rd ? op->rd : ISA_X_SINK]))
        return;
    if (op->insn == ISA_INSN_sd_pair)
        put_store(line, hart, vaddr, 8, before->rs2[0] | before->rs2[1] << 32);
    else if (is_pair(hart, op))
        put_pair_store(line, hart, op, before);
    else
        put_store(line, hart, vaddr, size_of(op),
                  is_atomic(op) && !conditional ? amo_stored(hart, op, before) : before->rs2[0]);
}

/* Loads and stores only: cbo.inval and the like need the permission to store, but move no data. */
static bool has_accesses(const struct isa_operands *op)
{
    if (isa_is_vector(op->insn))
        return false; /* many, or none */
    unsigned opcode = match_of(op) & 0x7f;
    return opcode == 0x03 || opcode == 0x07 || opcode == 0x23 || opcode == 0x27 || opcode == 0x2f ||
           (is_t_head(op) && isa_entry(op->insn)->flags & (ISA_LOAD | ISA_STORE)) ||
           op->insn == ISA_INSN_cbo_zero || is_push(op) || is_pop(op);
}

/* ---- Around an instruction ----------------------------------------------------------------------------- */

static uint64_t pair_high(const struct hart *hart, unsigned low)
{
    return low && low < 31 ? hart->x[low + 1] : 0;
}

/* The flags of floating point are cleared before the instruction, to see which it raises. */
static struct trace_before note(struct hart *hart, const struct isa_operands *op)
{
    unsigned flags = isa_entry(op->insn)->flags;
    struct trace_before before = {
        .rs1 = hart->x[op->rs1],
        .rs2 = { flags & ISA_FRS2 ? hart->f[op->rs2] : hart->x[op->rs2], pair_high(hart, op->rs2) },
        .rd = { hart->x[op->rd], pair_high(hart, op->rd) },
        .rs3 = flags & ISA_FRS3 ? hart->f[op->rs3] : hart->x[op->rs3],
        .mstatus = hart->mstatus,
        .ssp = hart->ssp,
        .flags = fp_flags_get(&hart->fp),
    };
    if (flags & ISA_FP)
        fp_flags_set(&hart->fp, 0);
    return before;
}

static void add_results(struct written *written, struct hart *hart, const struct isa_operands *op,
                        const struct trace_before *before, unsigned raised)
{
    const struct isa_entry *entry = isa_entry(op->insn);
    unsigned number = (unsigned)op->imm & 0xfff;
    bool csr = entry->flags & ISA_CSR && entry->fields >> ISA_FIELD_csr12 & 1;
    bool plain = op->insn == ISA_INSN_csrrw || op->insn == ISA_INSN_csrrwi;
    bool writes = csr && (plain || op->rs1 || (op->imm >> 16 & 31));
    if (entry->fields >> ISA_FIELD_rd & 1 && entry->flags & ISA_FRD)
        add(written, 'f', op->rd, hart->f[op->rd]);
    else if (entry->flags & ISA_VRD)
        return; /* the line has no room for a vector */
    else if (entry->fields >> ISA_FIELD_rd & 1 && op->rd)
        add(written, 'x', op->rd, hart->x[op->rd]);
    bool doubled = hart->isa.xlen == 32 && entry->pairs & ISA_PAIR_RD;
    if ((is_pair(hart, op) || op->insn == ISA_INSN_ld_pair || doubled) && op->rd)
        add(written, 'x', op->rd + 1u, hart->x[op->rd + 1]);
    if (isa_also_written(op))
        add(written, 'x', isa_also_written(op), hart->x[isa_also_written(op)]);
    if (hart->ssp != before->ssp && !writes)
        add_csr(written, hart, CSR_SSP);
    if (raised)
        add_csr(written, hart, CSR_FFLAGS);
    if (writes)
        add_csr_write(written, hart, number);
    bool dirtied = (before->mstatus & MSTATUS_FS) != MSTATUS_FS && (hart->mstatus & MSTATUS_FS) == MSTATUS_FS;
    bool returns = op->insn == ISA_INSN_mret || op->insn == ISA_INSN_sret;
    bool status = writes && (number == CSR_MSTATUS || number == 0x100);
    if (returns || (dirtied && !status))
        add_csr(written, hart, CSR_MSTATUS);
    if (op->insn == ISA_INSN_mret && hart->isa.xlen == 32)
        add_csr(written, hart, CSR_MSTATUSH);
}

void trace_commit(struct hart *hart, const struct isa_operands *op,
                  void (*execute)(struct hart *hart, struct block *block), struct block *block)
{
    uint64_t pc = hart_view_pc(hart), retired = hart_instructions(hart);
    unsigned priv = hart->priv, raised = 0;
    struct trace_before before = note(hart, op);
    execute(hart, block);
    if (isa_entry(op->insn)->flags & ISA_FP) {
        raised = fp_flags_get(&hart->fp);
        fp_flags_set(&hart->fp, before.flags | raised);
    }
    if (hart_instructions(hart) <= retired || !log_wants(pc))
        return;
    struct line line = { .length = 0 };
    struct written written = { .count = 0 };
    put(&line, "core%4u: %u ", hart->id, priv);
    put_value(&line, hart->isa.xlen, pc);
    put(&line, " (");
    put_value(&line, 8u * op->length, op->bits);
    put(&line, ")");
    add_results(&written, hart, op, &before, raised);
    put_written(&line, hart, &written);
    if (has_accesses(op))
        put_accesses(&line, hart, op, &before);
    send(&line);
}

/* ---- Traps --------------------------------------------------------------------------------------------- */

static const char *trap_name(unsigned cause)
{
    static const char *const names[] = {
        [CAUSE_FETCH_MISALIGNED] = "instruction_address_misaligned",
        [CAUSE_FETCH_ACCESS] = "instruction_access_fault",
        [CAUSE_ILLEGAL] = "illegal_instruction",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load_address_misaligned",
        [CAUSE_LOAD_ACCESS] = "load_access_fault",
        [CAUSE_STORE_MISALIGNED] = "store_address_misaligned",
        [CAUSE_STORE_ACCESS] = "store_access_fault",
        [CAUSE_ECALL_U] = "user_ecall",
        [CAUSE_ECALL_S] = "supervisor_ecall",
        [CAUSE_ECALL_VS] = "virtual_supervisor_ecall",
        [CAUSE_ECALL_M] = "machine_ecall",
        [CAUSE_FETCH_PAGE] = "instruction_page_fault",
        [CAUSE_LOAD_PAGE] = "load_page_fault",
        [CAUSE_STORE_PAGE] = "store_page_fault",
        [CAUSE_SOFTWARE_CHECK] = "software_check",
        [CAUSE_FETCH_GUEST_PAGE] = "instruction_guest_page_fault",
        [CAUSE_LOAD_GUEST_PAGE] = "load_guest_page_fault",
        [CAUSE_VIRTUAL] = "virtual_instruction",
        [CAUSE_STORE_GUEST_PAGE] = "store_guest_page_fault",
    };
    return cause < sizeof(names) / sizeof(names[0]) && names[cause] ? names[cause] : "unknown";
}

void trace_commit_trap(const struct hart *hart, bool interrupt, unsigned cause, uint64_t tval, uint64_t epc)
{
    struct line line = { .length = 0 };
    bool ecall = cause >= CAUSE_ECALL_U && cause <= CAUSE_ECALL_M;
    if (interrupt)
        put(&line, "core%4u: exception interrupt #%u, epc ", hart->id, cause);
    else
        put(&line, "core%4u: exception trap_%s, epc ", hart->id, trap_name(cause));
    put_value(&line, hart->isa.xlen, epc);
    if (!interrupt && !ecall) {
        put(&line, "\ncore%4u:           tval ", hart->id);
        put_value(&line, hart->isa.xlen, tval);
    }
    send(&line);
}
