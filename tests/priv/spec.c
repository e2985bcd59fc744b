/* SPDX-License-Identifier: MIT
 *
 * Versions of the privileged architecture: which registers came when, and that xRET clears MPRV since 1.12.
 * The number of the version is at SPEC, where -device loader puts it; without it, registers say which it is.
 */
#include "test.h"

const char test_name[] = "spec";

#define SPEC          0x87fff000u /* 10 to 13: 1.N.0 */
#define MAGIC         0x5bec0000u
#define CSR_MSTATUSH_ 0x310
#define CSR_MEDELEGH_ 0x312
#define CSR_MENVCFGH_ 0x31a

static unsigned version(void)
{
    uint32_t word = *(volatile uint32_t *)(uintptr_t)SPEC;
    if ((word & 0xffff0000) == MAGIC)
        return word & 0xffff;
    return !csr_exists(CSR_MENVCFG) ? csr_exists(CSR_MCOUNTINHIBIT) ? 11 : 10 : 13;
}

static void test_registers(unsigned spec)
{
    check_equal(csr_exists(CSR_MCOUNTINHIBIT), spec >= 11, "mcountinhibit");
    check_equal(csr_exists(CSR_MCONFIGPTR), spec >= 12, "mconfigptr");
    check_equal(csr_exists(CSR_MENVCFG), spec >= 12, "menvcfg");
    check_equal(csr_exists(CSR_SENVCFG), spec >= 12 && misa_has('S'), "senvcfg");
    check_equal(csr_exists(CSR_MENVCFGH_), spec >= 12 && XLEN == 32, "menvcfgh");
    check_equal(csr_exists(CSR_MEDELEGH_), spec >= 13 && XLEN == 32 && misa_has('S'), "medelegh");
    check_equal(csr_exists(CSR_MSTATUSH_), XLEN == 32, "mstatush"); /* 1.12, but QEMU has it always */
    check_true(csr_exists(CSR_MCOUNTEREN), "mcounteren");
    check_true(csr_exists(CSR_PMPCFG0) && csr_exists(CSR_PMPADDR0), "pmp");
    check_equal(csr_exists(CSR_STIMECMP), spec >= 12 && misa_has('S'), "stimecmp");
}

/* A hart that leaves M-mode with MPRV set. Where it stays set, it is still set in the handler. */
static void test_mprv(unsigned spec)
{
    run_status = run_status_default | STATUS_MPRV;
    struct trap trap = run_insn(MODE_U, ECALL, ARGS(0));
    run_status = run_status_default;
    check_cause(&trap, CAUSE_ECALL_U, "ecall");
    check_equal(trap.status & STATUS_MPRV, spec >= 12 ? 0 : STATUS_MPRV, "mprv-after-mret");
    csr_clear(CSR_MSTATUS, (uintptr_t)STATUS_MPRV);
}

void test_main(void)
{
    unsigned spec = version();
    print("1.%u\n", spec);
    test_registers(spec);
    if (misa_has('U'))
        test_mprv(spec);
}
