/* SPDX-License-Identifier: MIT
 *
 * Which address spaces have a window (cpu/mmu/window.h), and which pages are mapped when one is missed.
 *
 * An address space earns its window with instructions: its credit grows with each instruction that runs in
 * it, and each call that maps or drops pages takes its own cost away from that. With a credit of WINDOWS_EARN
 * it gets translated code of another kind (TLB_KIND_*), whose accesses expect the window. When the credit is
 * used up, for example because the guest fences all the time, it loses the window and must earn it anew. So
 * windows never cost more than a small part of the time that they can save, and short-lived processes have
 * none.
 *
 * An access whose page cannot be in a window (a device's register, a page whose code is watched) takes the
 * slow path each time, after a fault. Its instruction is noted by its physical address. After some such
 * faults all code that was translated from it is dropped; the next translation looks the page up in the TLB.
 * The note is a byte in a table; instructions may share one by chance, which costs nothing but speed.
 */
#ifndef DBT_RUNTIME_WINDOWS_H
#define DBT_RUNTIME_WINDOWS_H

#include "dbt/runtime/state.h"

/* How many guest instructions earn a window, and the most credit that is kept. */
#define WINDOWS_EARN   20000000
#define WINDOWS_CREDIT (8 * (int64_t)WINDOWS_EARN)

/* Gives the hart's address space the window that it has earned, or takes it away. On the hart's thread, while
 * the hart is not in translated code. */
void windows_settle(struct hart *hart);
/* Adds what ran since the last call to the credit of the present address space; `now`: instructions that the
 * hart has run. At the end of a slice, and whenever translated code is left. */
void windows_earn(struct hart *hart, uint64_t now);

/* An access of translated code to [vaddr, vaddr + size) missed the window, and the slow path has done it:
 * maps the page for the next time, with neighbours. `offset`: of the instruction in the present page. */
void windows_missed(struct hart *hart, uint64_t vaddr, unsigned size, bool store, unsigned offset);
/* A store to a window trapped, or the block is left after it: maps nothing, but notes the instruction if it
 * stored to code. `offset`: as above. */
void windows_left(struct hart *hart, uint64_t vaddr, unsigned offset);
/* Maps the pages of an access before the access is made. True: the window has all of them now, and the access
 * is tried again. `store`: the access itself stores, so it may set D. */
bool windows_fill(struct hart *hart, uint64_t vaddr, unsigned size, bool store, unsigned offset);

/* Whether the instruction at the physical address must look its pages up in the TLB. */
bool windows_avoids(const struct dbt *dbt, uint64_t paddr);

#endif
