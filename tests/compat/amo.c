/* SPDX-License-Identifier: MIT
 *
 * Atomics on devices' registers. QEMU performs them as a read and a write of the register, and boot loaders
 * send IPIs by amoswap. The specification lets a platform refuse them (Priv. "Atomicity PMAs", AMONone and
 * RsrvNone): with -machine strict=on they end in access faults.
 */
#include "plic.h"

const char test_name[] = "amo";

#define MSIP  (CLINT)
#define TIMES 300 /* hot enough for every translator */

/* Functions of (address, operand). Each ends by ret and returns what its instruction left in rd. */
#define FUNCTION(name, instruction)                                                                          \
    uintptr_t name(uintptr_t address, uintptr_t operand);                                                    \
    __asm__(".text\n.balign 4\n" #name ":\n" instruction "\n ret\n");
FUNCTION(swap_w, "amoswap.w a0, a1, (a0)")
FUNCTION(add_w, "amoadd.w a0, a1, (a0)")
FUNCTION(or_w, "amoor.w a0, a1, (a0)")
FUNCTION(and_w, "amoand.w a0, a1, (a0)")
FUNCTION(xor_w, "amoxor.w a0, a1, (a0)")
FUNCTION(max_w, "amomax.w a0, a1, (a0)")
FUNCTION(minu_w, "amominu.w a0, a1, (a0)")
FUNCTION(lr_w, "lr.w a0, (a0)")
FUNCTION(sc_w, "sc.w a0, a1, (a0)")
FUNCTION(lr_sc_w, "mv t0, a0\n lr.w t1, (t0)\n sc.w a0, a1, (t0)")
FUNCTION(lr_sc_elsewhere, "mv t0, a0\n lr.w t1, (t0)\n addi t0, t0, 4\n sc.w a0, a1, (t0)")

/* The result of the last of many runs. */
static struct trap call(uintptr_t (*function)(uintptr_t, uintptr_t), uintptr_t address, uintptr_t operand)
{
    struct trap trap = { 0 };
    for (unsigned n = 0; n < TIMES; n++)
        trap = run(MODE_M, (uintptr_t)function, ARGS(address, operand));
    return trap;
}

/* Sets the register to `before`, runs the function once, and compares what it returned and what it left. */
static void test_update(uintptr_t (*function)(uintptr_t, uintptr_t), uintptr_t address, uint32_t before,
                        uint32_t operand, uint32_t after, const char *name)
{
    struct trap trap;
    for (unsigned n = 0; n < TIMES; n++) {
        mmio_write32(address, before);
        trap = run(MODE_M, (uintptr_t)function, ARGS(address, operand));
        if (trap.cause != CAUSE_NONE)
            break;
    }
    check_equal(trap.cause, STRICT ? CAUSE_STORE_ACCESS : CAUSE_NONE, name);
    if (STRICT)
        check_equal(trap.tval, address, name);
    else
        check_equal(trap.x[10], before, name);
    check_equal(mmio_read32(address), STRICT ? before : after, name);
}

static void test_reservations(void)
{
    mmio_write32(PLIC + 4, 1);
    struct trap trap = call(lr_w, PLIC + 4, 0);
    check_equal(trap.cause, STRICT ? CAUSE_LOAD_ACCESS : CAUSE_NONE, "lr-cause");
    if (STRICT) {
        check_equal(call(sc_w, PLIC + 4, 5).cause, CAUSE_STORE_ACCESS, "sc-cause");
        return;
    }
    check_equal(trap.x[10], 1, "lr-value");
    check_equal(call(lr_sc_w, PLIC + 4, 5).x[10], 0, "sc-succeeds");
    check_equal(mmio_read32(PLIC + 4), 5, "sc-stored");
    check_equal(call(sc_w, PLIC + 4, 6).x[10], 1, "sc-without-reservation");
    check_equal(mmio_read32(PLIC + 4), 5, "sc-not-stored");
    mmio_write32(PLIC + 8, 5);
    check_equal(call(lr_sc_elsewhere, PLIC + 4, 7).x[10], 1, "sc-of-another-register");
    check_equal(mmio_read32(PLIC + 8), 5, "sc-of-another-not-stored");
}

#if XLEN == 64
FUNCTION(swap_d, "amoswap.d a0, a1, (a0)")
static void test_wide(void)
{
    mmio_write32(CLINT + 0x4000, UINT32_MAX);
    mmio_write32(CLINT + 0x4004, UINT32_MAX);
    struct trap trap = run(MODE_M, (uintptr_t)swap_d, ARGS(CLINT + 0x4000, 0x123456789abcdef0));
    check_equal(trap.cause, STRICT ? CAUSE_STORE_ACCESS : CAUSE_NONE, "amoswap.d-cause");
    check_equal(STRICT || trap.x[10] == UINT64_MAX, true, "amoswap.d-old");
    check_equal(mmio_read32(CLINT + 0x4004), STRICT ? UINT32_MAX : 0x12345678, "amoswap.d-high");
    check_equal(mmio_read32(CLINT + 0x4000), STRICT ? UINT32_MAX : 0x9abcdef0, "amoswap.d-low");
}
#endif

void test_main(void)
{
    /* The hart sends an IPI to itself, and clears it. */
    struct trap trap = call(swap_w, MSIP, 1);
    check_equal(trap.cause, STRICT ? CAUSE_STORE_ACCESS : CAUSE_NONE, "ipi-cause");
    check_equal(mip_becomes(MIP_MSIP, STRICT ? 0 : MIP_MSIP), true, "ipi-pending");
    mmio_write32(MSIP, 0);
    test_update(swap_w, PLIC + 4, 3, 5, 5, "amoswap");
    test_update(add_w, PLIC + 4, 3, 2, 5, "amoadd");
    test_update(or_w, PLIC + 4, 3, 4, 7, "amoor");
    test_update(and_w, PLIC + 4, 3, 6, 2, "amoand");
    test_update(xor_w, PLIC + 4, 3, 6, 5, "amoxor");
    test_update(max_w, PLIC + 4, 3, 6, 6, "amomax");
    test_update(minu_w, PLIC + 4, 3, 6, 3, "amominu");
    /* An atomic on an address where nothing is, or on a misaligned one, traps in any case. */
    check_equal(run(MODE_M, (uintptr_t)swap_w, ARGS(HOLE, 1)).cause, CAUSE_STORE_ACCESS, "hole");
    check_equal(run(MODE_M, (uintptr_t)lr_w, ARGS(HOLE, 1)).cause, CAUSE_LOAD_ACCESS, "hole-lr");
    check_equal(run(MODE_M, (uintptr_t)swap_w, ARGS(PLIC + 6, 1)).cause, CAUSE_STORE_MISALIGNED,
                "misaligned");
    test_reservations();
#if XLEN == 64
    test_wide();
#endif
}
