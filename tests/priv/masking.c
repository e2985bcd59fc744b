/* SPDX-License-Identifier: MIT
 *
 * Masked pointers: Smmpm, Smnpm and Ssnpm (Priv. "Pointer Masking Extensions"). On RV32 there is nothing that
 * could be switched on.
 */
#include "vm.h"

const char test_name[] = "masking";

#define PMM(n) ((uint64_t)(n) << 32)
enum { OFF = 0, RESERVED = 1, BITS_7 = 2, BITS_16 = 3 };

#if XLEN == 64

static void set_masking(enum mode mode, unsigned pmm)
{
    csr_write(CSR_MSECCFG, mode == MODE_M ? PMM(pmm) : 0);
    csr_write(CSR_MENVCFG, mode == MODE_S ? PMM(pmm) : 0);
    csr_write(CSR_SENVCFG, mode == MODE_U ? PMM(pmm) : 0);
}

/* Returns the address with all masked bits inverted. */
static uintptr_t tagged(uintptr_t address, unsigned pmm)
{
    return address ^ (pmm == BITS_7 ? 0xfe00000000000000 : 0xffff000000000000);
}

static void test_fields(void)
{
    static const unsigned csrs[] = { CSR_MENVCFG, CSR_MSECCFG, CSR_SENVCFG };
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned pmm = OFF; pmm <= BITS_16; pmm++) {
            if (csrs[i] == CSR_MSECCFG && pmm == RESERVED)
                continue; /* QEMU 10 aborts at this */
            if (csrs[i] == CSR_MENVCFG)
                csr_write(CSR_MENVCFG, PMM(pmm));
            else if (csrs[i] == CSR_MSECCFG)
                csr_write(CSR_MSECCFG, PMM(pmm));
            else
                csr_write(CSR_SENVCFG, PMM(pmm));
            uintptr_t value = i == 0   ? csr_read(CSR_MENVCFG)
                              : i == 1 ? csr_read(CSR_MSECCFG)
                                       : csr_read(CSR_SENVCFG);
            if (pmm == RESERVED)
                check_true((value & PMM(3)) != PMM(RESERVED), "pmm-reserved");
            else
                check_equal(value & PMM(3), PMM(pmm), i == 1 ? "mseccfg-pmm-holds" : "pmm-holds");
        }
    }
    set_masking(MODE_M, OFF);
}

/* Checks each kind of access through a tagged address: it works, or it faults and reports the address without
 * the tag. */
static void check_accesses(enum mode mode, unsigned pmm, uintptr_t good, uintptr_t bad, uintptr_t load_fault,
                           uintptr_t store_fault)
{
    static const struct {
        uint32_t insn;
        bool store;
    } accesses[] = { { LD(A0, A1, 0), false },       { LBU(A0, A1, 0), false },
                     { SW(A2, A1, 0), true },        { SB(A2, A1, 0), true },
                     { FLD(0, A1, 0), false },       { FSD(0, A1, 0), true },
                     { AMOADD_D(A0, A2, A1), true }, { LR_W(A0, A1), false },
                     { AMOCAS_W(A0, A2, A1), true }, { CBO_ZERO(A1), true } };
    run_offset = mode == MODE_U && csr_read(CSR_SATP) ? VM_USER : 0;
    uintptr_t code = CODE + run_offset;
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        uint32_t insn = accesses[i].insn;
        uintptr_t fault = accesses[i].store ? store_fault : load_fault;
        struct trap trap = run_insn(mode, insn, ARGS(0, tagged(good, pmm), 0x7b));
        check_cause(&trap, CAUSE_NONE, mode == MODE_M ? "m-tagged-access" : "tagged-access");
        trap = run_insn(mode, insn, ARGS(0, tagged(bad, pmm), 0x7b));
        check_trap(&trap, fault, code, bad, mode == MODE_M ? "m-tagged-fault" : "tagged-fault");
        trap =
            run_insn(mode, insn, ARGS(0, tagged(good, pmm) ^ (uintptr_t)1 << (pmm == BITS_7 ? 56 : 47), 1));
        check_true(trap.cause == load_fault || trap.cause == store_fault || trap.cause == CAUSE_LOAD_ACCESS ||
                       trap.cause == CAUSE_STORE_ACCESS || trap.cause == CAUSE_LOAD_PAGE ||
                       trap.cause == CAUSE_STORE_PAGE,
                   "bits-below-count");
    }
    run_offset = 0;
}

static volatile uint64_t cell[32] __attribute__((aligned(64)));

/* Without translation the masked bits become zero. */
static void test_physical(void)
{
    for (unsigned pmm = BITS_7; pmm <= BITS_16; pmm++) {
        for (unsigned i = 0; i < 3; i++) {
            enum mode mode = i == 2 ? MODE_M : (enum mode)i;
            set_masking(mode, pmm);
            csr_set(CSR_MENVCFG, MENVCFG_CBZE);
            csr_set(CSR_SENVCFG, MENVCFG_CBZE);
            check_accesses(mode, pmm, (uintptr_t)cell, HOLE, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS);
            cell[2] = 0x1122334455667788;
            struct trap trap = run_insn(mode, LD(A0, A1, 16), ARGS(0, tagged((uintptr_t)cell, pmm)));
            check_equal(trap.x[A0], 0x1122334455667788,
                        mode == MODE_M ? "m-physical-value" : "physical-value");
            set_masking(mode, OFF);
            trap = run_insn(mode, LD(A0, A1, 16), ARGS(0, tagged((uintptr_t)cell, pmm)));
            check_trap(&trap, CAUSE_LOAD_ACCESS, CODE, tagged((uintptr_t)cell, pmm) + 16, "off");
        }
    }
    /* The setting of another mode has no effect. */
    set_masking(MODE_S, BITS_7);
    struct trap trap = run_insn(MODE_M, LD(A0, A1, 0), ARGS(0, tagged((uintptr_t)cell, BITS_7)));
    check_cause(&trap, CAUSE_LOAD_ACCESS, "m-unmasked");
    trap = run_insn(MODE_U, LD(A0, A1, 0), ARGS(0, tagged((uintptr_t)cell, BITS_7)));
    check_cause(&trap, CAUSE_LOAD_ACCESS, "u-unmasked");
    set_masking(MODE_M, OFF);
}

/* With translation the masked bits become copies of the highest bit that remains. */
static void test_virtual(void)
{
    vm_begin(VM_SV39);
    for (unsigned pmm = BITS_7; pmm <= BITS_16; pmm++) {
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            uintptr_t flags = PTE_RWX | (mode == MODE_U ? PTE_U : 0), top = -4 * PAGE;
            vm_map(DATA_VA, DATA(3), flags, 0);
            vm_map(DATA_VA + PAGE, DATA(4), flags, 0);
            vm_map(top, DATA(5), flags, 0);
            vm_on(0);
            set_masking(mode, pmm);
            csr_set(CSR_MENVCFG, MENVCFG_CBZE);
            csr_set(CSR_SENVCFG, MENVCFG_CBZE);
            check_accesses(mode, pmm, DATA_VA, DATA_VA + 8 * PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE);
            check_accesses(mode, pmm, top, top - PAGE, CAUSE_LOAD_PAGE, CAUSE_STORE_PAGE);

            /* An access across two pages works, and what is stored through one tag is visible through
             * another. */
            run_offset = mode == MODE_U ? VM_USER : 0;
            uintptr_t across = DATA_VA + PAGE - 3;
            struct trap trap =
                run_insn(mode, SD(A2, A1, 0), ARGS(0, tagged(across, pmm), 0x0102030405060708));
            check_cause(&trap, CAUSE_NONE, "across-pages");
            trap = run_insn(mode, LD(A0, A1, 0), ARGS(0, across ^ (uintptr_t)0x10 << 59));
            check_equal(trap.x[A0], 0x0102030405060708, "across-pages-value");
            check_equal(*(volatile uint8_t *)DATA(4), 0x05, "across-pages-second");

            /* sfence.vma takes the address without a tag, and reaches entries that were made through any
             * tag. */
            *(volatile uint32_t *)(DATA(6) + 4) = 66;
            *(volatile uint32_t *)(DATA(3) + 4) = 33;
            trap = run_insn(mode, LW(A0, A1, 4), ARGS(0, tagged(DATA_VA, pmm)));
            check_equal(trap.x[A0], 33, "before-sfence");
            vm_map(DATA_VA, DATA(6), flags, 0);
            __asm__ volatile("sfence.vma %0" ::"r"(DATA_VA) : "memory");
            trap = run_insn(mode, LW(A0, A1, 4), ARGS(0, tagged(DATA_VA, pmm)));
            check_equal(trap.x[A0], 66, "after-sfence");

            /* Fetches are not masked. */
            trap = run_insn(mode, JALR(ZERO, A1, 0), ARGS(0, tagged(DATA_VA, pmm)));
            check_trap(&trap, CAUSE_FETCH_PAGE, tagged(DATA_VA, pmm), tagged(DATA_VA, pmm), "fetch-unmasked");

            /* Nothing is masked while MXR is in effect. */
            run_status = run_status_default | STATUS_MXR;
            trap = run_insn(mode, LW(A0, A1, 4), ARGS(0, tagged(DATA_VA, pmm)));
            check_trap(&trap, CAUSE_LOAD_PAGE, CODE + run_offset, tagged(DATA_VA, pmm) + 4, "mxr");
            run_status = run_status_default;
            run_offset = 0;
        }
    }
    vm_off();
    set_masking(MODE_M, OFF);
}

/* With MPRV the setting of the other mode applies, too. */
static void test_mprv(void)
{
    vm_begin(VM_SV39);
    vm_map(DATA_VA, DATA(6), PTE_RWX | PTE_U, 0);
    vm_on(0);
    for (unsigned masked = 0; masked < 2; masked++) {
        set_masking(MODE_U, masked ? BITS_16 : OFF);
        code_begin();
        emit(CSRRW(A3, CSR_MSTATUS, A0));
        uintptr_t at = emit(LW(A2, A1, 4));
        emit(CSRRW(ZERO, CSR_MSTATUS, A3));
        uintptr_t pointer = tagged(DATA_VA, BITS_16);
        struct trap trap =
            run_code(MODE_M, ARGS(run_status_default | STATUS_MPRV | STATUS_MPP_OF(MODE_U), pointer, 9));
        if (masked)
            check_equal(trap.x[A2], 6, "mprv-masked");
        else
            check_trap(&trap, CAUSE_LOAD_PAGE, at, pointer + 4, "mprv-unmasked");
    }
    vm_off();
    set_masking(MODE_M, OFF);
}

void test_main(void)
{
    test_fields();
    test_physical();
    test_virtual();
    test_mprv();
}

#else

void test_main(void)
{
    menvcfg_write(PMM(BITS_7));
    check_equal(menvcfg_read() & PMM(3), 0, "rv32-has-none");
}

#endif
