/* SPDX-License-Identifier: MIT
 *
 * The UART's THRE interrupt with a driver that never reads IIR: it claims the interrupt, takes the input that
 * LSR reports, writes the next byte, and completes. QEMU raises the interrupt when the UART has something
 * new: each byte brings one interrupt, and none comes once the driver writes no more. By the PLIC
 * specification 1.0.0 (chapter 5) a level that is still high at completion is pending again: -machine
 * strict=on.
 */
#include "plic.h"

const char test_name[] = "uart";

#define REG(n) (((volatile uint8_t *)UART)[n])

static unsigned claims, sent;
static const char text[] = "transmitted by interrupts\n";

static void start(void)
{
    REG(1) = 0;
    REG(3) = 0x80; /* the divisor */
    REG(0) = 3;
    REG(1) = 0;
    REG(3) = 3;
    REG(2) = 7; /* FIFOs on, emptied */
    REG(1) = 3; /* receive and transmit */
}

static void transmit(void)
{
    if (text[sent] && REG(5) & 0x20)
        REG(0) = (uint8_t)text[sent++];
}

/* Serves interrupts until none has come for 20 ms and 10,000 polls (the host may suspend a hart for a while),
 * or until too many have come. */
static void serve(unsigned limit)
{
    uint64_t quiet = clint_mtime() + 200000;
    for (unsigned looks = 0; (looks < 10000 || clint_mtime() < quiet) && claims < limit; looks++) {
        uint32_t source = plic_claim(0);
        if (!source)
            continue;
        looks = 0;
        quiet = clint_mtime() + 200000;
        claims++;
        while (REG(5) & 1)
            (void)REG(0);
        transmit();
        plic_complete(0, source);
    }
}

void test_main(void)
{
    plic_set_priority(UART_IRQ, 1);
    plic_set_threshold(0, 0);
    plic_enable(0, UART_IRQ, true);
    start();
    transmit();
    serve(1000);
    bool all = !text[sent], storm = claims == 1000;
    unsigned count = claims;
    /* Two bytes before the claim are one request; a byte that comes while it is served is another. */
    REG(0) = ' ';
    REG(0) = '\n';
    uint32_t first = plic_claim(0);
    bool once = plic_claim(0) == 0;
    plic_complete(0, first);
    uint32_t again = plic_claim(0);
    REG(0) = '\n';
    plic_complete(0, again ? again : first);
    uint32_t newer = plic_claim(0);
    plic_complete(0, newer);
    /* A driver that reads IIR. */
    REG(0) = '\n';
    uint32_t last = plic_claim(0);
    bool told = (REG(2) & 0xf) == 2;
    plic_complete(0, last);
    bool acknowledged = plic_claim(0) == 0;
    /* When the interrupt is switched off and on again, it is raised again. */
    REG(1) = 0;
    bool off = plic_claim(0) == 0;
    REG(1) = 2;
    uint32_t on = plic_claim(0);
    REG(1) = 0;
    plic_complete(0, on);
    /* If it is completed while the PLIC has it switched off, it is raised again. */
    REG(1) = 2;
    uint32_t claimed = plic_claim(0);
    plic_enable(0, UART_IRQ, false);
    plic_complete(0, claimed);
    plic_enable(0, UART_IRQ, true);
    REG(0) = '\n';
    uint32_t after = plic_claim(0);
    REG(1) = 0;
    check_true(all, "all-bytes-sent");
    check_equal(storm, STRICT, "no-storm");
    check_true(STRICT || (count >= 20 && count <= 60), "one-interrupt-a-byte");
    check_equal(first, UART_IRQ, "request");
    check_true(once, "two-bytes-one-request");
    check_equal(again, STRICT ? UART_IRQ : 0, "level-at-completion");
    check_equal(newer, UART_IRQ, "byte-while-claimed");
    check_equal(last, UART_IRQ, "request-for-iir");
    check_true(told, "iir-says-thre");
    check_true(acknowledged, "iir-acknowledges");
    check_true(off, "ier-off");
    check_equal(on, UART_IRQ, "ier-on");
    check_equal(claimed, UART_IRQ, "claimed-to-be-disabled");
    check_equal(after, STRICT ? 0 : UART_IRQ, "completed-while-disabled");
}
