/* SPDX-License-Identifier: MIT
 *
 * The PLIC of `virt` (RISC-V PLIC specification 1.0) with the UART as a source: context 2h is hart h's
 * M-mode, 2h + 1 its S-mode. The UART raises its interrupt whenever its transmitter is empty and IER bit 1 is
 * set.
 */
#ifndef PLIC_H
#define PLIC_H

#include "test.h"

#define UART_IRQ 10

static inline void plic_set_priority(unsigned source, uint32_t priority)
{
    mmio_write32(PLIC + 4 * source, priority);
}
static inline bool plic_pending(unsigned source)
{
    return mmio_read32(PLIC + 0x1000 + source / 32 * 4) >> source % 32 & 1;
}
static inline void plic_enable(unsigned context, unsigned source, bool on)
{
    mmio_write32(PLIC + 0x2000 + 0x80 * context + source / 32 * 4, on ? 1u << source % 32 : 0);
}
static inline void plic_set_threshold(unsigned context, uint32_t threshold)
{
    mmio_write32(PLIC + 0x200000 + 0x1000 * context, threshold);
}
static inline uint32_t plic_claim(unsigned context)
{
    return mmio_read32(PLIC + 0x200004 + 0x1000 * context);
}
static inline void plic_complete(unsigned context, uint32_t source)
{
    mmio_write32(PLIC + 0x200004 + 0x1000 * context, source);
}
static inline void uart_irq(bool on)
{
    volatile uint8_t *uart = (volatile uint8_t *)UART;
    while (!(uart[5] & 0x40)) { /* transmitter idle */
    }
    uart[1] = 0;
    (void)uart[2]; /* reading IIR acknowledges THRE */
    uart[1] = on ? 2 : 0;
}

/* Waits up to 1 s until bits of mip have that value: devices may be on other host threads. */
static inline bool mip_becomes(uintptr_t mask, uintptr_t want)
{
    uint64_t end = clint_mtime() + 10000000;
    while ((csr_read(CSR_MIP) & mask) != want)
        if (clint_mtime() > end)
            return false;
    return true;
}

#endif
