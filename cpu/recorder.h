/* SPDX-License-Identifier: MIT
 *
 * The border between harts and the rest of the machine, for a recorder (machine/timeline/): all that makes a
 * hart's run depend on something other than its registers and memory. While a run is recorded, the recorder
 * is told; while it is replayed, it gives the same again, and nothing else comes in. Only for harts whose
 * execution is exact (hart_run_until()): then "when" is a number of instructions.
 */
#ifndef CPU_RECORDER_H
#define CPU_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct hart_recorder;
struct hart_recorder_ops {
    /* The hart that runs gets a value from outside: a device's register, the time, entropy. Returns the one
     * that counts: while replaying, the one that was noted. On the harts' thread. */
    uint64_t (*value)(struct hart_recorder *recorder, uint64_t value);
    /* The hart that runs writes to a device. Replaying: it must write the same. */
    void (*expect)(struct hart_recorder *recorder, uint64_t paddr, uint64_t value);
    /* An interrupt input has another level. True: the hart may have it now. False: not now, or not at all;
     * hart_apply_irq() gives it to the hart. Any thread. */
    bool (*irq)(struct hart_recorder *recorder, unsigned hart, unsigned bit, bool level);
    /* A hart is about to take an interrupt. False: it may not. On the harts' thread. */
    bool (*interrupt)(struct hart_recorder *recorder, unsigned hart);
    /* A page of memory, which may be RAM, is about to be written: by a hart, which may go on to write it
     * until its TLB is flushed. */
    void (*page)(struct hart_recorder *recorder, uint64_t paddr);
    /* A device has written to memory; page() was called before. Any thread. */
    void (*written)(struct hart_recorder *recorder, uint64_t paddr, uint64_t length);
    /* What the hart that runs does, if `watches`: its privilege or its address space may be another one now;
     * it takes a trap; it reaches a device's register. On the harts' thread. */
    void (*mode)(struct hart_recorder *recorder, unsigned hart, unsigned priv, uint64_t satp);
    void (*trap)(struct hart_recorder *recorder, bool interrupt, unsigned cause);
    void (*reach)(struct hart_recorder *recorder, uint64_t paddr);
};
struct hart_recorder {
    const struct hart_recorder_ops *ops;
    bool replays; /* changes while no hart runs */
    bool watches; /* set before the harts run */
};

/* Before the hart first runs; the recorder outlives it. */
void hart_set_recorder(struct hart *hart, struct hart_recorder *recorder);

/* For the recorder, while no hart runs: sets an interrupt's level in the hart without asking the recorder;
 * has the hart take an interrupt (false: none is pending and enabled); and has it wait in the wfi at its pc.
 */
void hart_apply_irq(struct hart *hart, unsigned bit, bool level);
bool hart_take_interrupt(struct hart *hart);
void hart_wait(struct hart *hart);

#endif
