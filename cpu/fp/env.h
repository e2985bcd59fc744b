/* SPDX-License-Identifier: MIT
 *
 * The floating-point environment of a hart: rounding mode and accrued exception flags (fcsr; unprivileged
 * specification, "Floating-Point Control and Status Register"), and how they are kept in the host's MXCSR.
 *
 * Between fp_env_enter() and fp_env_leave() the calling thread's MXCSR belongs to the guest: all exceptions
 * are masked, flush to zero is off, RC is env->host_rm, and its sticky flags are flags of the guest that were
 * not gathered yet. The guest's flags are therefore env->flags OR those in MXCSR. Host code on that thread
 * must not compute with float or double in between: it would round as the guest wants and leave flags behind.
 *
 * Owned by the thread that runs the hart; nothing here is atomic.
 */
#ifndef CPU_FP_ENV_H
#define CPU_FP_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* fflags. */
enum {
    FP_NX = 1,  /* inexact */
    FP_UF = 2,  /* underflow, tininess detected after rounding */
    FP_OF = 4,  /* overflow */
    FP_DZ = 8,  /* divide by zero */
    FP_NV = 16, /* invalid operation */
    FP_FLAGS = 31,
};

/* Rounding modes as frm and rm encode them. */
enum {
    FP_RNE = 0, /* to nearest, ties to even */
    FP_RTZ = 1, /* towards zero */
    FP_RDN = 2, /* down */
    FP_RUP = 3, /* up */
    FP_RMM = 4, /* to nearest, ties to the larger magnitude: no host instruction does this */
};

struct fp_env {
    uint8_t frm;         /* the CSR, 0..7, including reserved values: the caller checks before it computes */
    uint8_t flags;       /* accrued flags that are not in MXCSR */
    uint8_t host_rm;     /* FP_RNE..FP_RUP: the present MXCSR.RC; valid while entered */
    bool host_fma;       /* the host has FMA3; valid while entered */
    bool entered;        /* MXCSR is the guest's */
    uint32_t host_mxcsr; /* restored on leaving */
};

/* Gives the calling thread's MXCSR to the guest. Calls do not nest. An environment of all zeroes is valid. */
void fp_env_enter(struct fp_env *env);
/* Gathers the flags into env->flags and gives MXCSR back to the host. */
void fp_env_leave(struct fp_env *env);

/* Reading and writing fflags; also valid while not entered. Only bits 4:0 of `flags` count. */
unsigned fp_flags_get(const struct fp_env *env);
void fp_flags_set(struct fp_env *env, unsigned flags);
/* Writing frm: only bits 2:0 count. MXCSR follows when an operation needs it. */
void fp_rm_set(struct fp_env *env, unsigned frm);

/* fflags for the flags of an MXCSR. */
unsigned fp_flags_of_mxcsr(uint32_t mxcsr);

/* Makes MXCSR round as rm (FP_RNE..FP_RUP) says and keeps its sticky flags. Only while entered. */
void fp_host_rm_switch(struct fp_env *env, unsigned rm);

/* True: MXCSR now rounds as rm says. False: rm is FP_RMM, which only the software can do. */
static inline bool fp_host_rm(struct fp_env *env, unsigned rm)
{
    if (__builtin_expect(rm != env->host_rm, 0)) {
        if (rm > FP_RUP)
            return false;
        fp_host_rm_switch(env, rm);
    }
    return true;
}

#endif
