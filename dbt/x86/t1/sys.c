/* SPDX-License-Identifier: MIT
 *
 * Lowerings of the instructions that end a block and are not jumps: CSR instructions, traps and returns from
 * them, fences of address translation and of code, and pause. The interpreter executes wfi and Zawrs, since
 * it may sleep.
 *
 * Their interpreter handlers execute them, called by one of two thunks (thunks.c). After `system` the guest
 * continues wherever its pc then points; `csr` returns, and the guest continues after the instruction,
 * unless that trapped or enabled an interrupt that is pending. `csr` is for instructions that cannot change
 * how the next one is fetched: all reads, and writes of most registers. The CSR instructions that
 * Linux executes on the way into a system call and out of it, and around its critical sections, are inline.
 */
#include "dbt/x86/fragments.h"
#include "dbt/x86/t1/t1.h"

#define OP (t->op)

enum { CSR_SSTATUS = 0x100, CSR_SSCRATCH = 0x140, CSR_SEPC = 0x141, CSR_SCAUSE = 0x142, CSR_STVAL = 0x143 };

/* ---- What a CSR instruction does ----------------------------------------------------------------------- */

enum csr_operation { CSR_WRITE, CSR_SET, CSR_CLEAR };

struct csr_use {
    enum csr_operation operation;
    unsigned number;
    bool immediate;
    unsigned source; /* rs1, or the immediate */
    bool writes;
};

static bool is_csr(enum isa_insn insn)
{
    return isa_entry(insn)->flags & ISA_CSR;
}

static struct csr_use csr_use(const struct isa_operands *op)
{
    struct csr_use use = { .number = (unsigned)op->imm & 0xfff };
    use.immediate = op->insn == ISA_INSN_csrrwi || op->insn == ISA_INSN_csrrsi || op->insn == ISA_INSN_csrrci;
    use.operation = op->insn == ISA_INSN_csrrw || op->insn == ISA_INSN_csrrwi   ? CSR_WRITE
                    : op->insn == ISA_INSN_csrrs || op->insn == ISA_INSN_csrrsi ? CSR_SET
                                                                                : CSR_CLEAR;
    use.source = use.immediate ? (unsigned)op->imm >> 16 & 31 : op->rs1;
    use.writes = use.operation == CSR_WRITE || use.source != 0;
    return use;
}

/* Whether the next instruction is fetched as before: satp, PMP and menvcfg are the registers that change
 * that; others that are not listed are rare. mstatus.MPRV changes only loads and stores; the thunk checks
 * it. */
static bool csr_stays(struct csr_use use)
{
    switch (use.number) {
    case 0x001: /* fflags */
    case 0x002: /* frm */
    case 0x003: /* fcsr */
    case CSR_SSTATUS:
    case 0x104: /* sie */
    case 0x105: /* stvec */
    case 0x106: /* scounteren */
    case CSR_SSCRATCH:
    case CSR_SEPC:
    case CSR_SCAUSE:
    case CSR_STVAL:
    case 0x144: /* sip */
    case 0x14d: /* stimecmp */
    case 0x300: /* mstatus */
    case 0x304: /* mie */
    case 0x305: /* mtvec */
    case 0x340: /* mscratch */
    case 0x341: /* mepc */
    case 0x342: /* mcause */
    case 0x343: /* mtval */
    case 0x344: /* mip */ return true;
    default: return !use.writes;
    }
}

/* ---- Inline -------------------------------------------------------------------------------------------- */

/* If the jump at `site` is taken, the handler executes the instruction. The first such jump of an instruction
 * makes the cold code. */
static void csr_handler_if(struct t1 *t, struct t1_cold **cold, uint8_t *site)
{
    if (*cold) {
        t1_cold_also(t, *cold, site);
        return;
    }
    *cold = t1_cold(t, T1_COLD_EXEC, site);
    (*cold)->insn = t1_make_insn(t);
    (*cold)->thunk = t->dbt->csr;
}

/* Looks whether it is S-mode, or VS-mode, whose registers are then in struct hart. */
static void look_at_privilege(struct t1 *t, struct x86_mem field, struct t1_cold **cold)
{
    x86_mem_op_imm(&t->e, X86_CMP, 32, field, PRIV_S);
    csr_handler_if(t, cold, x86_jcc(&t->e, X86_NE));
}

/* csrrw, and reads without a write, of registers that only store their value. */
static bool plain_csr(struct t1 *t, struct csr_use use)
{
    struct x86_emit *e = &t->e;
    struct x86_mem field;
    switch (use.number) {
    case CSR_SSCRATCH: field = HART_MEM(sscratch); break;
    case CSR_SEPC: field = HART_MEM(sepc); break;
    case CSR_SCAUSE: field = HART_MEM(scause); break;
    case CSR_STVAL: field = HART_MEM(stval); break;
    default: return false;
    }
    if (use.immediate || (use.writes && use.operation != CSR_WRITE))
        return false;
    struct t1_cold *cold = NULL;
    look_at_privilege(t, HART_MEM(priv), &cold);
    if (OP.rd)
        x86_load(e, 64, X86_RAX, field);
    if (use.writes) {
        t1_copy(t, X86_RCX, use.source);
        if (use.number == CSR_SEPC)
            x86_op_imm(e, X86_AND, 64, X86_RCX, -2); /* IALIGN is 16: the translator requires C */
        x86_store(e, 64, field, X86_RCX);
    }
    if (OP.rd)
        t1_set(t, X86_RAX);
    cold->back = x86_here(e);
    return true;
}

static int32_t sstatus_writable(const struct t1 *t)
{
    uint64_t bits = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR;
    bits |= isa_has(&t->hart->isa, ISA_Zicfilp) ? MSTATUS_SPELP : 0;
    return (int32_t)(isa_has(&t->hart->isa, ISA_V) ? bits | MSTATUS_VS : bits);
}
/* On RV64: sstatus.UXL = 2, which is 64 bits. */
#define SSTATUS_UXL (2ull << 32)

/* rax = whether FS or VS in it is 3: adding 1 to each carries into bits 15 and 11, which become bits 4 and
 * 0. */
static void emit_dirty(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    bool vectors = isa_has(&t->hart->isa, ISA_V);
    x86_op_imm(e, X86_AND, 32, X86_RAX, (int32_t)(MSTATUS_FS | (vectors ? MSTATUS_VS : 0)));
    x86_op_imm(e, X86_ADD, 32, X86_RAX, 1 << 13 | (vectors ? 1 << 9 : 0));
    if (!vectors) {
        x86_shift_imm(e, X86_SHR, 32, X86_RAX, 15);
        return;
    }
    x86_op_imm(e, X86_AND, 32, X86_RAX, 1 << 15 | 1 << 11);
    x86_shift_imm(e, X86_SHR, 32, X86_RAX, 11);
    x86_op_imm(e, X86_ADD, 32, X86_RAX, 15);
    x86_shift_imm(e, X86_SHR, 32, X86_RAX, 4);
    x86_op_imm(e, X86_ADD, 32, X86_RAX, 1); /* 0, 1 and 2 become 0, 1 and 1 */
    x86_shift_imm(e, X86_SHR, 32, X86_RAX, 1);
}

/* rd = sstatus, from mstatus in rax; uses rcx. SD is its highest bit. */
static void set_sstatus(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    if (!OP.rd)
        return;
    x86_mov(e, 32, X86_RCX, X86_RAX);
    x86_op_imm(e, X86_AND, 32, X86_RCX, sstatus_writable(t));
    x86_mov(e, 32, X86_RAX, X86_RCX);
    emit_dirty(t);
    x86_shift_imm(e, X86_SHL, 64, X86_RAX, 63 - 32);
    if (XLEN == 64) {
        x86_op_imm(e, X86_OR, 32, X86_RAX, SSTATUS_UXL >> 32);
        x86_shift_imm(e, X86_SHL, 64, X86_RAX, 32);
    }
    x86_op(e, X86_OR, 64, X86_RAX, X86_RCX);
    t1_set(t, X86_RAX);
}

/* Interrupts become enabled: if one is pending, or may be by Smaia's registers, which are no lines of the
 * hart (trap_wakes()), the handler takes it. Uses rcx. */
static void look_at_pending(struct t1 *t, struct t1_cold **cold)
{
    struct x86_emit *e = &t->e;
    x86_load(e, 32, X86_RCX, HART_MEM(irq_lines));
    x86_op_mem(e, X86_OR, 32, X86_RCX, HART_MEM(irq_soft));
    x86_op_mem(e, X86_AND, 32, X86_RCX, HART_MEM(mie));
    csr_handler_if(t, cold, x86_jcc(e, X86_NE));
    if (!t->hart->aia.on)
        return;
    x86_load(e, 64, X86_RCX, HART_MEM(aia.mvien));
    x86_op_mem(e, X86_OR, 64, X86_RCX, HART_MEM(aia.hvien));
    csr_handler_if(t, cold, x86_jcc(e, X86_NE));
    x86_mem_op_imm(e, X86_CMP, 32, HART_MEM(aia.hvictl), 0);
    csr_handler_if(t, cold, x86_jcc(e, X86_NE));
}

/* csrrsi and csrrci that only change SIE. */
static void sstatus_sie(struct t1 *t, struct csr_use use, struct t1_cold **cold)
{
    struct x86_emit *e = &t->e;
    if (use.operation == CSR_SET)
        look_at_pending(t, cold);
    if (OP.rd)
        x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
    x86_mem_op_imm(e, use.operation == CSR_SET ? X86_OR : X86_AND, 32, HART_MEM(mstatus),
                   use.operation == CSR_SET ? (int32_t)MSTATUS_SIE : ~(int32_t)MSTATUS_SIE);
    set_sstatus(t);
}

/* With a register: rdx = the bits that change. If SUM or MXR changes, a call chooses another TLB; if SIE is
 * set, the handler does it. */
static void sstatus_register(struct t1 *t, struct csr_use use, struct t1_cold **cold)
{
    struct x86_emit *e = &t->e;
    x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
    t1_copy(t, X86_RDX, use.source);
    if (use.operation == CSR_WRITE) {
        x86_op(e, X86_XOR, 32, X86_RDX, X86_RAX);
    } else if (use.operation == CSR_CLEAR) {
        x86_op(e, X86_AND, 32, X86_RDX, X86_RAX);
    } else {
        x86_mov(e, 32, X86_RCX, X86_RAX);
        x86_not(e, 32, X86_RCX);
        x86_op(e, X86_AND, 32, X86_RDX, X86_RCX);
    }
    x86_op_imm(e, X86_AND, 32, X86_RDX, sstatus_writable(t));
    if (use.operation != CSR_CLEAR) {
        x86_mov(e, 32, X86_RCX, X86_RAX);
        x86_not(e, 32, X86_RCX);
        x86_op(e, X86_AND, 32, X86_RCX, X86_RDX);
        x86_test_imm32(e, X86_RCX, (int32_t)MSTATUS_SIE);
        csr_handler_if(t, cold, x86_jcc(e, X86_NE));
    }
    x86_test_imm32(e, X86_RDX, (int32_t)(MSTATUS_SUM | MSTATUS_MXR));
    struct t1_cold *select = t1_cold(t, T1_COLD_STATUS, x86_jcc(e, X86_NE));
    x86_mem_op(e, X86_XOR, 32, HART_MEM(mstatus), X86_RDX);
    select->back = x86_here(e);
    select->same = *cold;
    set_sstatus(t);
}

static bool sstatus_csr(struct t1 *t, struct csr_use use)
{
    struct x86_emit *e = &t->e;
    bool sie = use.immediate && use.operation != CSR_WRITE && use.source == MSTATUS_SIE;
    if (use.number != CSR_SSTATUS || (use.immediate && !sie) || !isa_has(&t->hart->isa, ISA_F))
        return false;
    struct t1_cold *cold = NULL;
    look_at_privilege(t, HART_MEM(plain_s), &cold);
    if (sie) {
        sstatus_sie(t, use, &cold);
    } else if (use.writes) {
        sstatus_register(t, use, &cold);
    } else {
        x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
        set_sstatus(t);
    }
    cold->back = x86_here(e);
    return true;
}

/* ---- fflags, frm, fcsr --------------------------------------------------------------------------------- */

#define CSR_FFLAGS 1 /* and 2 is frm; 3 is fcsr, which is both */
#define CSR_FRM    2

/* rax = the register's value. */
static void fp_csr_read(struct t1 *t, unsigned number)
{
    struct x86_emit *e = &t->e;
    if (number & CSR_FFLAGS) {
        emit_fflags(e, X86_RAX, X86_RCX);
    }
    if (number == CSR_FRM) {
        x86_load_extend(e, 8, false, X86_RAX, HART_MEM(fp.frm));
    } else if (number & CSR_FRM) {
        x86_load_extend(e, 8, false, X86_RCX, HART_MEM(fp.frm));
        x86_shift_imm(e, X86_SHL, 32, X86_RCX, 5);
        x86_op(e, X86_OR, 32, X86_RAX, X86_RCX);
    }
}

/* The register = rdx. MXCSR's mode is changed later, when an instruction needs it. */
static void fp_csr_write(struct t1 *t, unsigned number)
{
    struct x86_emit *e = &t->e;
    if (number & CSR_FFLAGS) {
        x86_mov(e, 32, X86_RCX, X86_RDX);
        x86_op_imm(e, X86_AND, 32, X86_RCX, FP_FLAGS);
        x86_store(e, 8, HART_MEM(fp.flags), X86_RCX);
        x86_test_mem_imm(e, DBT_MEM(mxcsr), 63);
        uint8_t *clear = x86_jcc(e, X86_E);
        x86_mem_op_imm(e, X86_AND, 32, DBT_MEM(mxcsr), ~63);
        x86_ldmxcsr(e, DBT_MEM(mxcsr));
        x86_land(e, clear);
    }
    if (number & CSR_FRM) {
        if (number & CSR_FFLAGS)
            x86_shift_imm(e, X86_SHR, 32, X86_RDX, 5);
        x86_op_imm(e, X86_AND, 32, X86_RDX, 7);
        x86_store(e, 8, HART_MEM(fp.frm), X86_RDX);
    }
}

/* Many functions of libm save, set and restore these registers. The handler executes the instruction if FS is
 * Off, or if it writes and FS is not Dirty yet. With Zfinx there is no FS to check. */
static bool fp_csr(struct t1 *t, struct csr_use use)
{
    struct x86_emit *e = &t->e;
    struct t1_cold *cold = NULL;
    bool f = isa_has(&t->hart->isa, ISA_F);
    if (use.number < CSR_FFLAGS || use.number > (CSR_FFLAGS | CSR_FRM) ||
        !(f || isa_has(&t->hart->isa, ISA_Zfinx)))
        return false;
    if (f) {
        x86_load(e, 32, X86_RAX, HART_MEM(mstatus));
        if (use.writes)
            x86_not(e, 32, X86_RAX);
        x86_test_imm32(e, X86_RAX, (int32_t)MSTATUS_FS);
        csr_handler_if(t, &cold, x86_jcc(e, use.writes ? X86_NE : X86_E));
    }
    if (use.immediate)
        x86_mov_imm(e, X86_RDX, use.source);
    else
        t1_copy(t, X86_RDX, use.source);
    if (use.number & CSR_FFLAGS)
        x86_stmxcsr(e, DBT_MEM(mxcsr));
    if (OP.rd || use.operation != CSR_WRITE)
        fp_csr_read(t, use.number);
    if (use.operation == CSR_SET) {
        x86_op(e, X86_OR, 32, X86_RDX, X86_RAX);
    } else if (use.operation == CSR_CLEAR) {
        x86_not(e, 32, X86_RDX);
        x86_op(e, X86_AND, 32, X86_RDX, X86_RAX);
    }
    if (use.writes)
        fp_csr_write(t, use.number);
    if (OP.rd)
        t1_set(t, X86_RAX);
    if (cold)
        cold->back = x86_here(e);
    return true;
}

/* ---- vl, vlenb ----------------------------------------------------------------------------------------- */

#define CSR_VL    0xc20
#define CSR_VLENB 0xc22

/* Only reads, such as those after a fault-only-first load. If vectors are Off, the handler traps. */
static bool vector_csr(struct t1 *t, struct csr_use use)
{
    struct x86_emit *e = &t->e;
    struct t1_cold *cold = NULL;
    if (use.writes || (use.number != CSR_VL && use.number != CSR_VLENB) || !t->hart->vector.vlenb)
        return false;
    x86_test_mem_imm(e, HART_MEM(mstatus), (int32_t)MSTATUS_VS);
    csr_handler_if(t, &cold, x86_jcc(e, X86_E));
    if (use.number == CSR_VL)
        x86_load(e, 32, X86_RAX, HART_MEM(vector.vl));
    else
        x86_mov_imm(e, X86_RAX, t->hart->vector.vlenb);
    t1_set(t, X86_RAX);
    cold->back = x86_here(e);
    return true;
}

/* ---- All of them --------------------------------------------------------------------------------------- */

static bool system(struct t1 *t)
{
    struct x86_emit *e = &t->e;
    t1_forget_rax(t);
    struct csr_use use = { 0 };
    bool stays = false;
    if (is_csr(OP.insn)) {
        use = csr_use(&OP);
        stays = csr_stays(use);
    }
    bool is_inline = stays && (fp_csr(t, use) || vector_csr(t, use) ||
                               (t->hart->isa.supervisor && (plain_csr(t, use) || sstatus_csr(t, use))));
    if (!is_inline) {
        x86_mov_imm(e, X86_RAX, (int64_t)(intptr_t)t1_make_insn(t));
        if (stays)
            x86_call_to(e, t->dbt->csr);
        else
            x86_jmp_to(e, t->dbt->system);
    }
    if (stays || is_inline)
        t1_goto(t, T1_ALWAYS, (int)(t->offset + OP.length));
    return true;
}

#define SYSTEM(name, claims, call) T1_LOWERING(name, call)
#define T1(name, claims, call)
#include "dbt/x86/t1/t1.def"
