/* SPDX-License-Identifier: MIT
 *
 * Waiting for interrupts.
 */
#ifndef CPU_WAIT_H
#define CPU_WAIT_H

#include "cpu/hart_state.h"

/* Puts the hart's thread to sleep until an interrupt is pending and enabled in mie (whatever mstatus and
 * mideleg say, Priv. "Wait for Interrupt"), or somebody wants the hart's attention. */
void wait_for_interrupt(struct hart *hart);

#endif
