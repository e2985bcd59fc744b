/* SPDX-License-Identifier: MIT
 *
 * Copies of the guest's vector registers in the host's. Each result is stored to hart->v at once, and all
 * that interrupts translated code finds it there. But its copy stays in the host's register until that is
 * needed for something else, so that the next instructions of the block need not wait for the store. Results
 * take turns with the registers 0 to 7 (vector.h): an instruction's REG(0) is the register that was a result
 * the longest time ago.
 *
 * Code that names a register may change it, so t1v_reg() ends its copy. Calls to C functions change all of
 * them; cold code that has called one loads them again before it goes back.
 */
#include <string.h>

#include "dbt/x86/t1/vector/vector.h"

_Static_assert((int)T1_COPIES == (int)T1V_RESULTS, "one for each result");

/* Returns whether the place is one of hart->v; *at = its offset there. */
static bool is_own(const struct t1 *t, struct x86_mem mem, unsigned bytes, unsigned *at)
{
    int32_t offset = mem.disp - ((int32_t)offsetof(struct hart, v) - HART_BIAS);
    *at = (unsigned)offset;
    return mem.base == HOST_HART && mem.index == X86_NONE && offset >= 0 &&
           (unsigned)offset + bytes <= sizeof(t->hart->v);
}

unsigned t1v_copy_of(const struct t1 *t, struct x86_mem mem, unsigned bytes)
{
    unsigned at;
    if (!is_own(t, mem, bytes, &at))
        return T1V_NO_COPY;
    for (unsigned i = 0; i < T1_COPIES; i++)
        if (t->vector.copies[i].bytes >= bytes && t->vector.copies[i].at == at)
            return T1V_FIRST + i;
    return T1V_NO_COPY;
}

void t1v_stored(struct t1 *t, struct x86_mem mem, unsigned bytes, unsigned from)
{
    unsigned at;
    if (!is_own(t, mem, bytes, &at))
        return;
    for (unsigned i = 0; i < T1_COPIES; i++) {
        struct t1_copy *copy = &t->vector.copies[i];
        if (copy->at < at + bytes && at < (unsigned)copy->at + copy->bytes)
            copy->bytes = 0;
    }
    if (t->dbt->host.avx512 && !t->dbt->check && from < T1V_RESULTS)
        t->vector.copies[t1v_reg(t, from) - T1V_FIRST] = (struct t1_copy){ (uint16_t)at, (uint8_t)bytes };
}

void t1v_forget_copies(struct t1 *t)
{
    memset(t->vector.copies, 0, sizeof(t->vector.copies));
}

void t1v_load_copies(struct t1 *t, const struct t1_copy copies[T1_COPIES])
{
    for (unsigned i = 0; i < T1_COPIES; i++) {
        struct x86_lanes lanes = { copies[i].bytes, 0, false };
        if (copies[i].bytes)
            x86_epacked_mem(&t->e, X86_E_LOAD_64, lanes, T1V_FIRST + i, 0,
                            hart_mem(offsetof(struct hart, v) + copies[i].at));
    }
}

void t1v_take_turns(struct t1 *t)
{
    t->vector.turn = (uint8_t)((t->vector.turn + t->vector.used) % T1V_RESULTS);
    t->vector.used = 0;
}
