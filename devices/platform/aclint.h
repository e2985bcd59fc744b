/* SPDX-License-Identifier: MIT
 *
 * Timer and software interrupts (RISC-V ACLINT specification 1.0): MSWI and MTIMER in one window laid out as
 * SiFive's CLINT, and SSWI as a device of its own.
 *
 * mtime counts ticks of `timebase_hz`: floor(clock_ns * timebase_hz / 1e9) + *mtime_offset, modulo 2^64.
 */
#ifndef DEVICES_PLATFORM_ACLINT_H
#define DEVICES_PLATFORM_ACLINT_H

#include "devices/device.h"
#include "util/clock.h"

#define ACLINT_HARTS_MAX 4095 /* the number of msip registers in the window */

/* One hart: its wires, and the phandle of its interrupt-controller node for fdt(). */
struct aclint_hart {
    struct irq_line mtip, msip;
    uint32_t intc_phandle;
};

/* Copied, together with its array. */
struct aclint_config {
    unsigned hart_count;
    const struct aclint_hart *harts; /* in hart id order */
    struct clock *clock;             /* outlives the device */
    uint64_t timebase_hz;
    /* Shared with the harts' time CSR; only this device writes it. NULL: the device has its own. */
    _Atomic int64_t *mtime_offset;
    /* Called after *mtime_offset changed, with the device's lock held, so that the harts compare stimecmp
     * again. May be NULL. */
    void (*mtime_changed)(void *opaque);
    void *opaque;
    /* The specification leaves the value open (chapter 2.1). With 0, QEMU's value, MTIP is pending from the
     * start; programs for RV32 that write only the low half rely on the high half being 0. */
    uint64_t mtimecmp_at_reset;
    /* The device tree has a node for the software interrupts and one for the timer, as the ACLINT
     * specification has them; else one for both, as of a CLINT. The registers are the same. */
    bool split_nodes;
};

struct device *aclint_create(const struct aclint_config *config, struct error *error);

/* Returns what a read of mtime gives now. */
uint64_t aclint_mtime(struct device *aclint);

/* Ticks of `hz` in `ns` nanoseconds, rounded down, modulo 2^64. */
uint64_t aclint_ticks_from_ns(uint64_t ns, uint64_t hz);
/* The first nanosecond at which that many ticks have passed; CLOCK_NEVER if no uint64_t holds it. */
uint64_t aclint_ns_from_ticks(unsigned __int128 ticks, uint64_t hz);

/* One hart's supervisor software interrupt. */
struct aclint_sswi_hart {
    struct irq_line ssip;
    uint32_t intc_phandle;
};
struct aclint_sswi_config {
    unsigned hart_count;
    const struct aclint_sswi_hart *harts;
};
/* A write of 1 to setssip sends an edge: set(true). Nothing ever sets the line to false: SSIP is the hart's
 * own writable bit (sip.SSIP), which software clears (ACLINT chapter 4). */
struct device *aclint_sswi_create(const struct aclint_sswi_config *config, struct error *error);

#endif
