/* SPDX-License-Identifier: MIT
 *
 * Moving the guest's floating-point environment in and out of MXCSR; see fp/env.h.
 */
#include "cpu/fp/env.h"

enum {
    MXCSR_IE = 1 << 0,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_FLAGS = 0x3f, /* includes DE (a denormal operand), which RISC-V does not have */
    MXCSR_MASKS = 0x1f80,
    MXCSR_RC_SHIFT = 13,
    MXCSR_RC = 3 << MXCSR_RC_SHIFT,
};

/* MXCSR.RC for FP_RNE..FP_RUP. */
static const uint8_t rc_of_rm[4] = { 0, 3, 1, 2 };

static uint32_t mxcsr_read(void)
{
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static void mxcsr_write(uint32_t value)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(value));
}

unsigned fp_flags_of_mxcsr(uint32_t mxcsr)
{
    return (mxcsr & MXCSR_PE ? FP_NX : 0) | (mxcsr & MXCSR_UE ? FP_UF : 0) | (mxcsr & MXCSR_OE ? FP_OF : 0) |
           (mxcsr & MXCSR_ZE ? FP_DZ : 0) | (mxcsr & MXCSR_IE ? FP_NV : 0);
}

void fp_env_enter(struct fp_env *env)
{
    env->host_mxcsr = mxcsr_read();
    env->host_rm = env->frm <= FP_RUP ? env->frm : FP_RNE;
    env->host_fma = __builtin_cpu_supports("fma");
    env->entered = true;
    mxcsr_write(MXCSR_MASKS | (uint32_t)rc_of_rm[env->host_rm] << MXCSR_RC_SHIFT);
}

void fp_env_leave(struct fp_env *env)
{
    env->flags |= fp_flags_of_mxcsr(mxcsr_read());
    env->entered = false;
    mxcsr_write(env->host_mxcsr);
}

unsigned fp_flags_get(const struct fp_env *env)
{
    return env->flags | (env->entered ? fp_flags_of_mxcsr(mxcsr_read()) : 0);
}

void fp_flags_set(struct fp_env *env, unsigned flags)
{
    env->flags = flags & FP_FLAGS;
    if (env->entered) {
        uint32_t mxcsr = mxcsr_read();
        if (mxcsr & MXCSR_FLAGS)
            mxcsr_write(mxcsr & ~(uint32_t)MXCSR_FLAGS);
    }
}

void fp_rm_set(struct fp_env *env, unsigned frm)
{
    env->frm = frm & 7;
}

void fp_host_rm_switch(struct fp_env *env, unsigned rm)
{
    uint32_t mxcsr = mxcsr_read() & ~(uint32_t)MXCSR_RC;
    mxcsr_write(mxcsr | (uint32_t)rc_of_rm[rm & 3] << MXCSR_RC_SHIFT);
    env->host_rm = rm & 3;
}
