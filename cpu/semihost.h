/* SPDX-License-Identifier: MIT
 *
 * Semihosting calls of a guest program to the host (RISC-V Semihosting 0.4; the operations are those of ARM's
 * "Semihosting for AArch32 and AArch64"). A call is `slli x0,x0,0x1f; ebreak; srai x0,x0,7`, all
 * uncompressed, with the operation in a0 and its argument in a1; the result comes back in a0.
 *
 * The hart finds the call, the machine serves it (machine/semihosting.c).
 */
#ifndef CPU_SEMIHOST_H
#define CPU_SEMIHOST_H

#include <stdbool.h>
#include <stdint.h>

struct hart;

enum semihost_answer {
    SEMIHOST_DONE,  /* *result is the call's result */
    SEMIHOST_AGAIN, /* the hart has something else to do: the call is made again when it runs next */
};

struct semihost {
    /* Serves one call, on the hart's thread; hart_pc() is the address of the call. */
    enum semihost_answer (*call)(struct semihost *semihost, struct hart *hart, uint64_t operation,
                                 uint64_t argument, uint64_t *result);
    bool userspace; /* U-mode may call, too */
};

/* Sets the one who serves the hart's calls; before it first runs. */
void hart_set_semihost(struct hart *hart, struct semihost *semihost);
/* Whether the hart must return to its loop, to stop or to serve something that other harts wait for. A call
 * that waits or takes long asks this now and then, and answers SEMIHOST_AGAIN. Any thread. */
bool hart_wanted(struct hart *hart);

struct insn;
/* For ebreak's handler: true if it was a call; then pc is after the call, or still at it. */
bool semihost_try(struct hart *hart, const struct insn *insn);

#endif
