/* SPDX-License-Identifier: MIT
 *
 * Inside a hart's run loop (hart.c): finding what runs next, and turns of harts whose execution is exact
 * (hart_turn.c). On the hart's thread.
 */
#ifndef CPU_RUN_H
#define CPU_RUN_H

#include "cpu/hart_state.h"

/* The block that runs next: the one to which the last block is linked, or the one found by pc. NULL: the
 * fetch trapped. */
struct block *run_next_block(struct hart *hart);
/* True if translated code ran. A translated block stays at the threshold. */
bool run_hot(struct hart *hart, struct block *block);
/* Executes one instruction in the interpreter. */
void run_single(struct hart *hart);

/* Goes on with a hart that runs to a limit, until it has a request. False: hart_run() is to return. */
bool turn_run(struct hart *hart);
/* What wfi does in such a hart: see wait_for_interrupt(). */
bool turn_wait(struct hart *hart);
/* The guest waits for another hart, at the end of the instruction that is being executed. */
void turn_pause(struct hart *hart);

/* A device is about to be accessed by an instruction of the running block. False: it may be. True: the hart
 * has left the block in front of the instruction, which will run alone, and will come here again; so what it
 * asks of the device, and what the device asks of the hart, happens at an exact instant. */
bool turn_alone(struct hart *hart, const struct insn *insn);

#endif
