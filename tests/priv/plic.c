/* SPDX-License-Identifier: MIT
 *
 * The PLIC with the UART's THRE interrupt in the contexts of M and S, and SEIP: the OR of the PLIC's line and
 * a bit that M-mode software writes (Priv. 3.1.9; RISC-V PLIC specification 1.0).
 */
#include "plic.h"

const char test_name[] = "plic";

static void test_context(unsigned context, uintptr_t bit, const char *which)
{
    plic_set_priority(UART_IRQ, 3);
    plic_set_threshold(context, 0);
    plic_enable(context, UART_IRQ, true);
    check_equal(plic_claim(context), 0, "claim-nothing");
    uart_irq(true);
    bool set = mip_becomes(MIP_MEIP | MIP_SEIP, bit);
    bool pending = plic_pending(UART_IRQ);
    plic_set_threshold(context, 3); /* "masks all interrupts of a priority less than or equal to threshold" */
    bool masked = mip_becomes(bit, 0);
    plic_set_threshold(context, 2);
    bool unmasked = mip_becomes(bit, bit);
    plic_set_priority(UART_IRQ, 0); /* 0: never interrupts */
    bool never = mip_becomes(bit, 0);
    plic_set_priority(UART_IRQ, 3);
    bool again = mip_becomes(bit, bit);
    csr_write(CSR_MIE, bit);
    csr_write(CSR_MIDELEG, bit & MIP_SEIP);
    struct trap trap = run_insn(MODE_U, NOP, ARGS(0));
    uint32_t source = plic_claim(context);
    bool claimed = mip_becomes(bit, 0);
    bool still = plic_pending(UART_IRQ);
    uint32_t second = plic_claim(context);
    uart_irq(false);
    plic_complete(context, source);
    bool quiet = mip_becomes(bit, 0);
    csr_write(CSR_MIE, 0);
    csr_write(CSR_MIDELEG, 0);
    print("%s\n", which);
    check_true(set, "line-sets-mip");
    check_true(pending, "pending-bit");
    check_true(masked, "threshold-masks");
    check_true(unmasked, "threshold-below");
    check_true(never, "priority-0");
    check_true(again, "priority-back");
    check_trap(&trap, INTERRUPT(bit == MIP_MEIP ? IRQ_MEI : IRQ_SEI), CODE, 0, "external-interrupt");
    check_equal(trap.handler, bit == MIP_MEIP ? MODE_M : MODE_S, "external-handler");
    check_equal(source, UART_IRQ, "claim");
    check_true(claimed, "claim-clears-mip");
    check_true(!still, "claim-clears-pending");
    check_equal(second, 0, "claim-twice");
    check_true(quiet, "quiet-after-complete");
    check_equal(mmio_read32(PLIC + 4 * UART_IRQ), 3, "priority-reads-back");
    check_equal(mmio_read32(PLIC + 0x2000 + 0x80 * context), 1 << UART_IRQ, "enable-reads-back");
    check_equal(mmio_read32(PLIC + 0x200000 + 0x1000 * context), 2, "threshold-reads-back");
    plic_enable(context, UART_IRQ, false);
}

/* A level that stays high is pending again after completion. */
static void test_level(void)
{
    plic_set_threshold(0, 0);
    plic_enable(0, UART_IRQ, true);
    uart_irq(true);
    bool first = mip_becomes(MIP_MEIP, MIP_MEIP);
    uint32_t source = plic_claim(0);
    bool gone = mip_becomes(MIP_MEIP, 0);
    plic_complete(0, source);
    bool again = mip_becomes(MIP_MEIP, MIP_MEIP);
    uart_irq(false);
    source = plic_claim(0);
    plic_complete(0, source);
    bool end = mip_becomes(MIP_MEIP, 0);
    plic_enable(0, UART_IRQ, false);
    check_true(first, "level-first");
    check_true(gone, "level-claimed");
    check_true(again, "level-pending-again");
    check_true(end, "level-end");
    plic_set_priority(0, 7);
    check_equal(mmio_read32(PLIC), 0, "source-0-has-no-priority");
}

static void test_seip(void)
{
    /* Software alone. */
    csr_set(CSR_MIP, MIP_SEIP);
    check_equal(csr_read(CSR_MIP) & MIP_SEIP, MIP_SEIP, "seip-by-software");
    csr_clear(CSR_MIP, MIP_SEIP);
    check_equal(csr_read(CSR_MIP) & MIP_SEIP, 0, "seip-software-clear");
    /* The line alone: software cannot clear the bit. */
    plic_set_priority(UART_IRQ, 1);
    plic_set_threshold(1, 0);
    plic_enable(1, UART_IRQ, true);
    uart_irq(true);
    bool line = mip_becomes(MIP_SEIP, MIP_SEIP);
    csr_clear(CSR_MIP, MIP_SEIP);
    bool kept = csr_read(CSR_MIP) & MIP_SEIP;
    /* "the value used in the read-modify-write of a CSRRS or CSRRC is only the software-writable bit":
     * setting SSIP must not latch the line's level. */
    csr_set(CSR_MIP, MIP_SSIP);
    uint32_t source = plic_claim(1);
    bool dropped = mip_becomes(MIP_SEIP, 0);
    csr_clear(CSR_MIP, MIP_SSIP);
    /* Both: after the line is gone the software bit is still there. */
    uart_irq(false);
    plic_complete(1, source);
    uart_irq(true);
    bool both = mip_becomes(MIP_SEIP, MIP_SEIP);
    csr_set(CSR_MIP, MIP_SEIP);
    source = plic_claim(1);
    uart_irq(false);
    plic_complete(1, source);
    bool latched = csr_read(CSR_MIP) & MIP_SEIP;
    csr_clear(CSR_MIP, MIP_SEIP);
    bool end = mip_becomes(MIP_SEIP, 0);
    plic_enable(1, UART_IRQ, false);
    check_true(line, "seip-by-line");
    check_true(kept, "seip-line-not-cleared-by-software");
    check_true(dropped, "seip-not-latched-by-csrrs");
    check_true(both, "seip-line-again");
    check_true(latched, "seip-software-bit-outlives-line");
    check_true(end, "seip-end");
}

void test_main(void)
{
    test_context(0, MIP_MEIP, "context 0 (M)");
    test_context(1, MIP_SEIP, "context 1 (S)");
    test_level();
    test_seip();
}
