/* SPDX-License-Identifier: MIT
 *
 * mstatus.VS and SD (Unpriv. "V", "Vector Context Status in mstatus"), vill, and traps in the middle of
 * vector accesses: vstart, memory and destination (Unpriv. "V", "Precise vector traps"). VLEN is 256.
 */
#include "vm.h"

const char test_name[] = "vector";

#define STATUS_VS       (3ul << 9)
#define STATUS_VS_DIRTY (3ul << 9)
enum { CSR_VSTART = 8, CSR_VXSAT = 9, CSR_VXRM = 10, CSR_VCSR = 15, CSR_VL = 0xc20, CSR_VTYPE, CSR_VLENB };
enum { VLENB = 32, E8 = 0, E32 = 2 << 3, M2 = 1 };

#define VSETVLI(rd, rs1, vtype) ((uint32_t)(vtype) << 20 | (rs1) << 15 | 7 << 12 | (rd) << 7 | 0x57)
#define VSETIVLI(rd, n, vtype)  (3u << 30 | VSETVLI(rd, n, vtype))
#define VSETVL(rd, rs1, rs2)    (1u << 31 | (uint32_t)(rs2) << 20 | VSETVLI(rd, rs1, 0))
#define VLE8(vd)                (0x02000007u | A1 << 15 | (vd) << 7)
#define VSE8(vd)                (0x02000027u | A1 << 15 | (vd) << 7)
#define VLE32(vd)               (0x02006007u | A1 << 15 | (vd) << 7)
#define VSE32(vd)               (0x02006027u | A1 << 15 | (vd) << 7)
#define VLE32FF(vd)             (0x03006007u | A1 << 15 | (vd) << 7)
#define VLSE32(vd)              (0x0a006007u | A2 << 20 | A1 << 15 | (vd) << 7)
#define VSSE32(vd)              (0x0a006027u | A2 << 20 | A1 << 15 | (vd) << 7)
#define VL1RE8(vd)              (0x02800007u | A1 << 15 | (vd) << 7)
#define VS1R(vd)                (0x02800027u | A1 << 15 | (vd) << 7)
#define VADD_VV(vd, vs2, vs1)   (0x02000057u | (uint32_t)(vs2) << 20 | (vs1) << 15 | (vd) << 7)
#define VADD_VI_MASKED(vd, vs2) (0x00003057u | (uint32_t)(vs2) << 20 | 1 << 15 | (vd) << 7)
#define VFADD_VV(vd, vs2, vs1)  (0x02001057u | (uint32_t)(vs2) << 20 | (vs1) << 15 | (vd) << 7)
#define VMV_X_S(vs2)            (0x42002057u | (uint32_t)(vs2) << 20 | A0 << 7)
#define VMV_V_X(vd)             (0x5e004057u | A0 << 15 | (vd) << 7)

static uint8_t memory[VLENB] __attribute__((aligned(8)));
static const enum mode modes[] = { MODE_M, MODE_S, MODE_U };

static const uint32_t insns[] = {
    VSETVLI(A0, ZERO, E8),
    VSETIVLI(A0, 4, E8),
    VSETVL(A0, ZERO, ZERO),
    VLE8(2),
    VSE8(2),
    VL1RE8(2),
    VS1R(2),
    VADD_VV(2, 4, 6),
    VMV_X_S(2),
    CSRRS(A0, CSR_VSTART, ZERO),
    CSRRS(A0, CSR_VXSAT, ZERO),
    CSRRS(A0, CSR_VXRM, ZERO),
    CSRRS(A0, CSR_VCSR, ZERO),
    CSRRS(A0, CSR_VL, ZERO),
    CSRRS(A0, CSR_VTYPE, ZERO),
    CSRRS(A0, CSR_VLENB, ZERO),
    CSRRWI(ZERO, CSR_VCSR, 0),
};

static struct trap run_with(uintptr_t vs, enum mode mode, uint32_t insn)
{
    run_status = (run_status_default & ~STATUS_VS) | vs;
    return run_insn(mode, insn, ARGS(0, (uintptr_t)memory));
}

static void test_off(void)
{
    check_true(csr_read(CSR_MISA) >> ('V' - 'A') & 1, "misa-v");
    run_with(STATUS_VS_DIRTY, MODE_M, VSETVLI(A0, ZERO, E8));
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        for (unsigned m = 0; m < 3; m++) {
            struct trap trap = run_with(0, modes[m], insns[i]);
            check_trap(&trap, CAUSE_ILLEGAL, CODE, insns[i], "vs-off");
            check_equal(trap.status & STATUS_VS, 0, "vs-off-stays-off");
            trap = run_with(STATUS_VS_DIRTY, modes[m], insns[i]);
            check_cause(&trap, CAUSE_NONE, "vs-on");
        }
    }
}

static void test_dirty(void)
{
    static const uint32_t writers[] = { VSETVLI(A0, ZERO, E8), VSETIVLI(A0, 4, E8),      VLE8(2), VL1RE8(2),
                                        VADD_VV(2, 4, 6),      CSRRWI(ZERO, CSR_VCSR, 0) };
    for (unsigned i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        for (uintptr_t state = 1; state <= 2; state++) {
            for (unsigned m = 0; m < 3; m++) {
                struct trap trap = run_with(state << 9, modes[m], writers[i]);
                check_cause(&trap, CAUSE_NONE, "vs-on-runs");
                check_equal(trap.status & (STATUS_VS | STATUS_SD), STATUS_VS_DIRTY | STATUS_SD, "vs-dirty");
            }
        }
    }
    run_status = (run_status_default & ~(STATUS_VS | STATUS_FS)) | 1ul << 9;
    struct trap trap = run_insn(MODE_U, NOP, ARGS(0));
    check_equal(trap.status & (STATUS_VS | STATUS_SD), 1ul << 9, "vs-initial-stays");
    /* Floating point needs both. */
    run_status = (run_status_default & ~STATUS_FS) | STATUS_VS;
    trap = run_insn(MODE_U, VFADD_VV(2, 4, 6), ARGS(0));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, VFADD_VV(2, 4, 6), "fs-off");
}

/* SD in sstatus sums both up, and sstatus.VS is mstatus's. */
static void test_sstatus(void)
{
    for (uintptr_t fs = 1; fs <= 3; fs++) {
        for (uintptr_t vs = 0; vs <= 3; vs++) {
            uintptr_t want = fs << 13 | vs << 9 | (fs == 3 || vs == 3 ? STATUS_SD : 0);
            run_status = (run_status_default & ~(STATUS_FS | STATUS_VS)) | fs << 13 | vs << 9;
            struct trap trap = run_insn(MODE_S, CSRRS(A0, CSR_SSTATUS, ZERO), ARGS(0));
            check_equal(trap.x[A0] & (STATUS_FS | STATUS_VS | STATUS_SD), want, "sstatus-sd");
            trap = run_insn(MODE_S, CSRRC(A0, CSR_SSTATUS, A1), ARGS(0, STATUS_VS));
            check_equal(trap.x[A0] & (STATUS_FS | STATUS_VS | STATUS_SD), want, "sstatus-before");
            check_equal(trap.status & (STATUS_FS | STATUS_VS), fs << 13, "sstatus-vs-written");
        }
    }
}

static void test_vill(void)
{
    run_with(STATUS_VS_DIRTY, MODE_M, VSETVLI(A0, ZERO, 4));
    struct trap trap = run_with(STATUS_VS_DIRTY, MODE_M, CSRRS(A0, CSR_VTYPE, ZERO));
    check_equal(trap.x[A0], (uintptr_t)1 << (XLEN - 1), "vill");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, CSRRS(A0, CSR_VL, ZERO));
    check_equal(trap.x[A0], 0, "vill-vl");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, VADD_VV(2, 4, 6));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, VADD_VV(2, 4, 6), "vill-illegal");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, VS1R(2));
    check_cause(&trap, CAUSE_NONE, "vill-whole-register");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, VSETVLI(A0, ZERO, E32 | M2));
    check_equal(trap.x[A0], 2 * VLENB / 4, "vlmax");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, VADD_VI_MASKED(0, 4));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, VADD_VI_MASKED(0, 4), "vd-is-the-mask");
    trap = run_with(STATUS_VS_DIRTY, MODE_M, VADD_VV(3, 4, 6));
    check_trap(&trap, CAUSE_ILLEGAL, CODE, VADD_VV(3, 4, 6), "vd-not-aligned");
}

/* A vector store to code that has been executed; no fence.i is needed, as on QEMU. The second of four
 * elements overwrites the instruction. */
static void test_code(void)
{
    static uint32_t function[8] __attribute__((aligned(4096)));
    for (unsigned round = 0; round < 300; round++) {
        function[0] = NOP;
        function[1] = LI(A3, 1);
        function[2] = RET;
        code_begin();
        emit(ADDI(T0, RA, 0));
        emit(JALR(RA, A2, 0));
        emit(VSETIVLI(ZERO, 2, E32));
        emit(VMV_V_X(2));
        emit(VSE32(2));
        emit(JALR(RA, A2, 0));
        emit(ADDI(RA, T0, 0));
        run_status = run_status_default | STATUS_VS;
        struct trap trap = run_code(MODE_M, ARGS(LI(A3, round), (uintptr_t)function, (uintptr_t)function));
        check_equal(trap.x[A3], round, "store-to-code");
    }
}

/* ---- Faults in the middle of an access ----------------------------------------------------------------- */

enum { ELEMENTS = 2 * VLENB / 4 };

static struct trap step(uint32_t insn, uintptr_t address, uintptr_t stride)
{
    run_status = run_status_default | STATUS_VS;
    return run_insn(MODE_S, insn, ARGS(0x5a5a, address, stride));
}

static uintptr_t read_csr(unsigned csr)
{
    return step(CSRRS(A0, csr, ZERO), 0, 0).x[A0];
}

/* The page that holds element `from` and all later ones is missing; then it is mapped, and the instruction
 * continues. `stride` 0: the elements lie one after the other. */
static void test_fault(bool store, unsigned from, uintptr_t stride)
{
    uintptr_t step_bytes = stride ? stride : 4, end = DATA_VA + PAGE, address = end - from * step_bytes;
    uint32_t insn = store ? (stride ? VSSE32(2) : VSE32(2)) : stride ? VLSE32(2) : VLE32(2);
    *vm_pte(end, 0) = 0;
    vm_flush();
    for (unsigned i = 0; i < ELEMENTS; i++)
        *(volatile uint32_t *)(i < from ? DATA(6) + (address + i * step_bytes - DATA_VA)
                                        : DATA(2) + (address + i * step_bytes - end)) = 100 + i;
    step(VSETVLI(A0, ZERO, E32 | M2), 0, 0);
    step(VMV_V_X(2), 0, 0);
    struct trap trap = step(insn, address, stride);
    check_trap(&trap, store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE, CODE, end, "fault-in-the-middle");
    check_equal(read_csr(CSR_VSTART), from, "fault-vstart");
    vm_map(end, DATA(2), PTE_RWX, 0);
    vm_flush();
    __asm__ volatile("" ::: "memory");
    /* The instruction that read vstart did not change it. */
    trap = step(insn, address, stride);
    check_cause(&trap, CAUSE_NONE, "goes-on");
    check_equal(read_csr(CSR_VSTART), 0, "goes-on-vstart");
    if (!store)
        step(stride ? VSSE32(2) : VSE32(2), address, stride);
    bool right = true;
    for (unsigned i = 0; i < ELEMENTS; i++) {
        uint32_t got = *(volatile uint32_t *)(i < from ? DATA(6) + (address + i * step_bytes - DATA_VA)
                                                       : DATA(2) + (address + i * step_bytes - end));
        right &= got == (store ? 0x5a5a : 100 + i);
    }
    check_true(right, store ? "stored-once-and-all" : "loaded-once-and-all");
}

/* Only the first element of a fault-only-first load traps. */
static void test_first_only(void)
{
    uintptr_t end = DATA_VA + PAGE;
    *vm_pte(end, 0) = 0;
    vm_flush();
    step(VSETVLI(A0, ZERO, E32 | M2), 0, 0);
    struct trap trap = step(VLE32FF(2), end - 12, 0);
    check_cause(&trap, CAUSE_NONE, "first-only");
    check_equal(read_csr(CSR_VL), 3, "first-only-vl");
    step(VSETVLI(A0, ZERO, E32 | M2), 0, 0);
    trap = step(VLE32FF(2), end, 0);
    check_trap(&trap, CAUSE_LOAD_PAGE, CODE, end, "first-only-traps");
    check_equal(read_csr(CSR_VL), ELEMENTS, "first-only-keeps-vl");
    vm_map(end, DATA(2), PTE_RWX, 0);
    vm_flush();
}

void test_main(void)
{
    test_off();
    test_dirty();
    test_sstatus();
    test_vill();
    test_code();
    vm_begin(vm_mode(0));
    vm_map(DATA_VA, DATA(6), PTE_RWX, 0);
    vm_map(DATA_VA + PAGE, DATA(2), PTE_RWX, 0);
    vm_on(1);
    for (unsigned from = 0; from < ELEMENTS; from += from ? ELEMENTS - 2 : 1) {
        for (unsigned store = 0; store < 2; store++) {
            test_fault(store, from, 0);
            test_fault(store, from, 40);
        }
    }
    test_first_only();
    vm_off();
}
