/* SPDX-License-Identifier: MIT
 *
 * For tests of the hypervisor extension: CSR numbers and fields, instructions, running code in VS- and
 * VU-mode, and tables of the second stage.
 */
#ifndef HYPER_H
#define HYPER_H

#include "vm.h"

#define CSR_VSSTATUS   0x200
#define CSR_VSIE       0x204
#define CSR_VSTVEC     0x205
#define CSR_VSSCRATCH  0x240
#define CSR_VSEPC      0x241
#define CSR_VSCAUSE    0x242
#define CSR_VSTVAL     0x243
#define CSR_VSIP       0x244
#define CSR_VSTIMECMP  0x24d
#define CSR_VSATP      0x280
#define CSR_HSTATUS    0x600
#define CSR_HEDELEG    0x602
#define CSR_HIDELEG    0x603
#define CSR_HIE        0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE      0x607
#define CSR_HENVCFG    0x60a
#define CSR_HENVCFGH   0x61a
#define CSR_HTVAL      0x643
#define CSR_HIP        0x644
#define CSR_HVIP       0x645
#define CSR_HTINST     0x64a
#define CSR_HGATP      0x680
#define CSR_HGEIP      0xe12
#define CSR_MTINST     0x34a
#define CSR_MTVAL2     0x34b

#define HSTATUS_GVA  (1ul << 6)
#define HSTATUS_SPV  (1ul << 7)
#define HSTATUS_SPVP (1ul << 8)
#define HSTATUS_HU   (1ul << 9)
#define HSTATUS_VTVM (1ul << 20)
#define HSTATUS_VTW  (1ul << 21)
#define HSTATUS_VTSR (1ul << 22)

#define IRQ_VSSI 2
#define IRQ_VSTI 6
#define IRQ_VSEI 10
#define VS_IRQS  0x444ul

enum {
    CAUSE_ECALL_VS = 10,
    CAUSE_FETCH_GUEST = 20,
    CAUSE_LOAD_GUEST = 21,
    CAUSE_VIRTUAL = 22,
    CAUSE_STORE_GUEST = 23
};

#define HLV(funct7, kind, rd, rs1) insn_r(0x73, 4, funct7, rd, rs1, kind)
#define HLV_B(rd, rs1)             HLV(0x30, 0, rd, rs1)
#define HLV_BU(rd, rs1)            HLV(0x30, 1, rd, rs1)
#define HLV_H(rd, rs1)             HLV(0x32, 0, rd, rs1)
#define HLV_HU(rd, rs1)            HLV(0x32, 1, rd, rs1)
#define HLVX_HU(rd, rs1)           HLV(0x32, 3, rd, rs1)
#define HLV_W(rd, rs1)             HLV(0x34, 0, rd, rs1)
#define HLVX_WU(rd, rs1)           HLV(0x34, 3, rd, rs1)
#define HSV_B(rs2, rs1)            insn_r(0x73, 4, 0x31, 0, rs1, rs2)
#define HSV_W(rs2, rs1)            insn_r(0x73, 4, 0x35, 0, rs1, rs2)
#define HFENCE_VVMA(rs1, rs2)      insn_r(0x73, 0, 0x11, 0, rs1, rs2)
#define HFENCE_GVMA(rs1, rs2)      insn_r(0x73, 0, 0x31, 0, rs1, rs2)

#if XLEN == 64
#define MPV_CSR CSR_MSTATUS
#define MPV     (1ul << 39)
#define MGVA    (1ul << 38)
#else
#define MPV_CSR CSR_MSTATUSH
#define MPV     (1ul << 7)
#define MGVA    (1ul << 6)
#endif

/* A trap of a virtual machine. */
struct guest_trap {
    struct trap trap; /* trap.handler: of s_entry, which HS- and VS-mode share, MODE_S */
    bool vs;          /* s_entry was entered in VS-mode */
    bool v, gva;      /* MPV and GVA, or SPV and GVA of hstatus */
    uintptr_t gpa2, inst;
};

/* Clears MPV by a return to M-mode. A write of mstatus would do, but not on QEMU 10. */
static inline void clear_mpv(void)
{
    csr_clear(CSR_MSTATUS, STATUS_MPIE);
    csr_set(CSR_MSTATUS, STATUS_MPP);
    __asm__ volatile("la t0, 1f\n csrw mepc, t0\n mret\n1:" ::: "t0", "memory");
    csr_write(CSR_MSTATUS, run_status_default);
}

/* Runs code, like run_code(), with V = 1, entered by an sret of HS-mode. The registers of VS-mode for s_entry
 * are set. */
static struct guest_trap guest_code(enum mode mode, const uintptr_t args[6])
{
    static const uint32_t enter = SRET;
    struct context *context = &contexts[0];
    uintptr_t vsstatus = csr_read(CSR_VSSTATUS), before = run_status;
    emit(RET);
    __asm__ volatile("fence.i" ::: "memory");
    csr_write(CSR_VSTVEC, (uintptr_t)s_entry);
    csr_write(CSR_VSSCRATCH, (uintptr_t)context);
    csr_write(CSR_SEPC, CODE + run_offset);
    csr_set(CSR_HSTATUS, HSTATUS_SPV | HSTATUS_SPVP);
    run_status = mode == MODE_S ? run_status | STATUS_SPP : run_status & ~STATUS_SPP;
    struct trap trap = run(MODE_S, (uintptr_t)&enter - run_offset, args);
    run_status = before;
#if XLEN == 64
    uintptr_t status = context->m_status;
#else
    uintptr_t status = csr_read(CSR_MSTATUSH);
#endif
    clear_mpv();
    struct guest_trap result = { .trap = trap };
    result.vs = trap.handler == MODE_S && context->m_cause == CAUSE_ECALL_VS;
    bool hs = trap.handler == MODE_S && !result.vs;
    result.v = hs ? csr_read(CSR_HSTATUS) & HSTATUS_SPV : status & MPV;
    result.gva = hs ? csr_read(CSR_HSTATUS) & HSTATUS_GVA : status & MGVA;
    result.gpa2 = hs ? csr_read(CSR_HTVAL) : csr_read(CSR_MTVAL2);
    result.inst = hs ? csr_read(CSR_HTINST) : csr_read(CSR_MTINST);
    if (trap.epc == (uintptr_t)run_return + run_offset && trap.cause == CAUSE_ECALL_VS)
        result.trap.cause = CAUSE_NONE;
    csr_write(CSR_VSSTATUS, vsstatus);
    return result;
}

static inline struct guest_trap guest_insn(enum mode mode, uint32_t insn, const uintptr_t args[6])
{
    code_begin();
    emit(insn);
    return guest_code(mode, args);
}

/* ---- The second stage ---------------------------------------------------------------------------------- */

#define GSTAGE_ENTRY_BITS (XLEN == 64 ? 9 : 10)
#define GSTAGE_LEVELS     (XLEN == 64 ? 3 : 2)
#define GSTAGE_TABLES     8

static uintptr_t gstage_root[16384 / sizeof(uintptr_t)] __attribute__((aligned(16384)));
static uintptr_t gstage_tables[GSTAGE_TABLES][4096 / sizeof(uintptr_t)] __attribute__((aligned(4096)));
static unsigned gstage_used;

static inline uintptr_t *gstage_pte(uint64_t gpa, unsigned level)
{
    unsigned at = GSTAGE_LEVELS - 1;
    uintptr_t *table = gstage_root;
    uintptr_t *pte = &table[gpa >> (12 + GSTAGE_ENTRY_BITS * at) & (16384 / sizeof(uintptr_t) - 1)];
    for (; at > level; at--) {
        if (!(*pte & PTE_V))
            *pte = (uintptr_t)gstage_tables[gstage_used++ % GSTAGE_TABLES] >> 12 << 10 | PTE_V;
        table = (uintptr_t *)(*pte >> 10 << 12);
        pte = &table[gpa >> (12 + GSTAGE_ENTRY_BITS * (at - 1)) & ((1u << GSTAGE_ENTRY_BITS) - 1)];
    }
    return pte;
}

static inline void gstage_map(uint64_t gpa, uintptr_t paddr, uintptr_t flags, unsigned level)
{
    *gstage_pte(gpa, level) = paddr >> 12 << 10 | flags;
}

static inline void gstage_fence(void)
{
    __asm__ volatile(".4byte 0x62000073" ::: "memory");
}

static inline uintptr_t gstage_hgatp(uintptr_t vmid)
{
    uintptr_t root = (uintptr_t)gstage_root >> 12;
    return XLEN == 64 ? (uintptr_t)8 << (XLEN - 4) | vmid << (XLEN - 20) | root
                      : (uintptr_t)1 << 31 | vmid << 22 | root;
}

/* An identity mapping of the image alone, and hgatp is set. */
static inline void gstage_begin(void)
{
    for (unsigned i = 0; i < 16384 / sizeof(uintptr_t); i++)
        gstage_root[i] = 0;
    for (unsigned i = 0; i < GSTAGE_TABLES; i++)
        for (unsigned j = 0; j < 4096 / sizeof(uintptr_t); j++)
            gstage_tables[i][j] = 0;
    gstage_used = 0;
    gstage_map(IMAGE, IMAGE, PTE_RWX | PTE_U, GSTAGE_LEVELS - 1);
    csr_write(CSR_HGATP, gstage_hgatp(1));
    gstage_fence();
}

#endif
