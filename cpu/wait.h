/* SPDX-License-Identifier: MIT
 *
 * Waiting for interrupts.
 */
#ifndef CPU_WAIT_H
#define CPU_WAIT_H

#include "cpu/hart_state.h"

/* Puts the hart's thread to sleep until an interrupt is pending and enabled in mie (whatever mstatus and
 * mideleg say, Priv. "Wait for Interrupt"), or until the hart has a request to serve. False: it has a request
 * that the guest must not notice (a service for the translator or for its caches), and the hart must wait
 * again after that. */
bool wait_for_interrupt(struct hart *hart);

/* The hart waits for another one, which may need the host's processor. */
void pause_for_others(struct hart *hart);

#endif
