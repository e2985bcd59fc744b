/* SPDX-License-Identifier: MIT
 *
 * Zkr: the CSR seed, and mseccfg's bits that let S and U read it (Unpriv. "Entropy Source"; Priv. 3.1.19).
 */
#include "test.h"

const char test_name[] = "seed";

#define OPST(value) ((value) >> 30 & 3)
enum { OPST_WAIT = 1, OPST_ES16 = 2 };

#define POLL CSRRW(A0, CSR_SEED, ZERO)

/* Bits 23 to 16 are for custom use. */
static void test_value(void)
{
    unsigned ready = 0, changes = 0;
    uint16_t last = 0;
    for (unsigned polls = 0; polls < 1000 && ready < 64; polls++) {
        struct trap trap = run_insn(MODE_M, POLL, ARGS(0));
        check_cause(&trap, CAUSE_NONE, "seed-in-m");
        uint64_t value = trap.x[A0];
        check_true(OPST(value) == OPST_WAIT || OPST(value) == OPST_ES16, "seed-state");
        check_equal(value & 0x3f000000, 0, "seed-reserved");
        check_equal(value >> 32, 0, "seed-upper-half");
        if (OPST(value) != OPST_ES16) {
            check_equal(value & 0xffff, 0, "seed-nothing-while-waiting");
            continue;
        }
        changes += ready++ && (uint16_t)value != last;
        last = (uint16_t)value;
    }
    check_equal(ready, 64, "seed-comes");
    check_true(changes > 48, "seed-random");
}

/* Only an instruction that writes may access it; the value that is written does not matter. */
static void test_accesses(void)
{
    const uint32_t reads[] = { CSRRS(A0, CSR_SEED, ZERO), CSRRC(A0, CSR_SEED, ZERO), CSRRSI(A0, CSR_SEED, 0),
                               CSRRCI(A0, CSR_SEED, 0) };
    const uint32_t writes[] = { CSRRW(A0, CSR_SEED, A1), CSRRW(ZERO, CSR_SEED, ZERO), CSRRS(A0, CSR_SEED, A1),
                                CSRRWI(A0, CSR_SEED, 0) };
    for (unsigned i = 0; i < 4; i++) {
        struct trap trap = run_insn(MODE_M, reads[i], ARGS(7, 0));
        check_trap(&trap, CAUSE_ILLEGAL, CODE, reads[i], "seed-read-only-access");
        check_equal(trap.x[A0], 7, "seed-read-only-access-keeps-rd");
        trap = run_insn(MODE_M, writes[i], ARGS(7, 0xffffffff));
        check_cause(&trap, CAUSE_NONE, "seed-writing-access");
    }
}

static void test_modes(void)
{
    static const uintptr_t settings[] = { 0, MSECCFG_USEED, MSECCFG_SSEED, MSECCFG_USEED | MSECCFG_SSEED };
    for (unsigned i = 0; i < 4; i++) {
        csr_write(CSR_MSECCFG, settings[i]);
        check_equal(csr_read(CSR_MSECCFG), settings[i], "mseccfg");
        for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
            bool allowed = settings[i] & (mode == MODE_S ? MSECCFG_SSEED : MSECCFG_USEED);
            struct trap trap = run_insn(mode, POLL, ARGS(7));
            if (allowed)
                check_cause(&trap, CAUSE_NONE, "seed-allowed");
            else
                check_trap(&trap, CAUSE_ILLEGAL, CODE, POLL, "seed-denied");
            trap = run_insn(mode, CSRRS(A0, CSR_SEED, ZERO), ARGS(7));
            check_cause(&trap, CAUSE_ILLEGAL, "seed-read-only-access-below-m");
        }
    }
    csr_write(CSR_MSECCFG, -1);
    check_equal(csr_read(CSR_MSECCFG), MSECCFG_USEED | MSECCFG_SSEED, "mseccfg-reserved");
    csr_write(CSR_MSECCFG, 0);
    for (enum mode mode = MODE_U; mode <= MODE_S; mode++) {
        struct trap trap = csr_try_read(mode, CSR_MSECCFG);
        check_cause(&trap, CAUSE_ILLEGAL, "mseccfg-below-m");
    }
}

void test_main(void)
{
    test_value();
    test_accesses();
    test_modes();
}
