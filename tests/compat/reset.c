/* SPDX-License-Identifier: MIT
 *
 * The values that registers have when a program starts, where specifications leave them open and programs
 * rely on QEMU's values: mtimecmp (ACLINT 1.0 chapter 2.1: unknown) is 0, so MTIP is pending, and RV32
 * programs may write its low half alone. With -machine strict=on it is all ones.
 */
#include "plic.h"

const char test_name[] = "reset";

#define UART_REG(n) (((volatile uint8_t *)UART)[n])

/* What the first instructions of the image read, before the library gives mtimecmp a value of its own:
 * mtimecmp's halves, the high half of hart 1's, mip. */
extern volatile uint32_t initial[4];
__asm__(".data\n.balign 4\n.globl initial\ninitial: .space 16\n"
        ".section .text.start, \"ax\"\n"
        "csrr t0, mhartid\n bnez t0, 1f\n li t0, 0x2004000\n la t1, initial\n"
        "lw t2, 0(t0)\n sw t2, 0(t1)\n lw t2, 4(t0)\n sw t2, 4(t1)\n lw t2, 12(t0)\n sw t2, 8(t1)\n"
        "csrr t2, mip\n sw t2, 12(t1)\n 1: j _start\n .text\n");

static bool wait_mtip(void)
{
    return mip_becomes(MIP_MTIP, MIP_MTIP);
}

static void test_mtimecmp(void)
{
    /* Back to its first value. */
    mmio_write32(CLINT + 0x4004, initial[1]);
    mmio_write32(CLINT + 0x4000, initial[0]);
    /* `*(uint32_t *)mtimecmp = *(uint32_t *)mtime + interval` */
    mmio_write32(CLINT + 0x4000, mmio_read32(CLINT + 0xbff8) + 100000);
    bool later = !(csr_read(CSR_MIP) & MIP_MTIP);
    bool comes = STRICT || wait_mtip();
    mmio_write32(CLINT + 0x4004, UINT32_MAX);
    check_equal(initial[0], STRICT ? UINT32_MAX : 0, "mtimecmp-low");
    check_equal(initial[1], STRICT ? UINT32_MAX : 0, "mtimecmp-high");
    check_equal(initial[2], STRICT ? UINT32_MAX : 0, "mtimecmp-of-another-hart");
    check_equal((initial[3] & MIP_MTIP) != 0, !STRICT, "mtip-pending");
    check_true(later, "low-half-alone-clears-mtip");
    check_true(comes, "low-half-alone-is-a-timer");
}

void test_main(void)
{
    uint8_t uart[8];
    for (unsigned n = 1; n < 8; n++) /* before the first byte of output */
        uart[n] = UART_REG(n);
    test_mtimecmp();
    check_equal(uart[1], 0, "uart-ier");
    check_equal(uart[2], 1, "uart-iir");
    check_equal(uart[3], 0, "uart-lcr");
    check_equal(uart[4], STRICT ? 0 : 8, "uart-mcr");
    check_equal(uart[5], 0x60, "uart-lsr");
    check_equal(uart[6], 0xb0, "uart-msr");
    check_equal(uart[7], 0, "uart-scr");
    for (unsigned source = 1; source < 36; source++)
        if (mmio_read32(PLIC + 4 * source))
            check_equal(mmio_read32(PLIC + 4 * source), 0, "plic-priority");
    check_equal(mmio_read32(PLIC + 0x1000), 0, "plic-pending");
    check_equal(mmio_read32(PLIC + 0x2000), 0, "plic-enable");
    check_equal(mmio_read32(PLIC + 0x200000), 0, "plic-threshold");
    check_equal(plic_claim(0), 0, "plic-claim");
    check_equal(mmio_read32(CLINT), 0, "msip");
}
