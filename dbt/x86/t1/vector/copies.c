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
 *
 * On AVX2 the results keep their numbers, and each is moved to one of the registers from KEPT_FIRST on, which
 * costs the host nothing but a place in its pipeline. These are the results of the pieces of large groups,
 * too: the encoder notes what is written (x86_emit.vectors), and that ends a copy. Groups of more than
 * MOVED_MAX bytes have no copies; there the host waits for no store, since it has other pieces to work on.
 */
#include <string.h>

#include "dbt/x86/t1/vector/vector.h"

_Static_assert((int)T1_COPIES == (int)T1V_RESULTS, "one for each result");

enum { KEPT_FIRST = 2, KEPT_COUNT = T1V_RESULTS - KEPT_FIRST, MOVED_MAX = 64 };

/* Returns the host's register for a copy. */
static unsigned host_register(const struct t1 *t, unsigned number)
{
    return t->dbt->host.avx512 ? T1V_FIRST + number : KEPT_FIRST + number;
}

/* On AVX2: ends the copies that the code has written over. */
static void end_written(struct t1 *t)
{
    if (t->dbt->host.avx512 || !t->e.vectors)
        return;
    for (unsigned i = 0; i < KEPT_COUNT; i++)
        if (t->e.vectors >> (KEPT_FIRST + i) & 1)
            t->vector.copies[i].bytes = 0;
    t->vector.used |= (uint8_t)(t->e.vectors >> KEPT_FIRST);
    t->e.vectors = 0;
}

/* Returns whether the place is one of hart->v; *at = its offset there. */
static bool is_own(const struct t1 *t, struct x86_mem mem, unsigned bytes, unsigned *at)
{
    int32_t offset = mem.disp - ((int32_t)offsetof(struct hart, v) - HART_BIAS);
    *at = (unsigned)offset;
    return mem.base == HOST_HART && mem.index == X86_NONE && offset >= 0 &&
           (unsigned)offset + bytes <= sizeof(t->hart->v);
}

unsigned t1v_copy_of(struct t1 *t, struct x86_mem mem, unsigned bytes)
{
    unsigned at;
    if (!is_own(t, mem, bytes, &at))
        return T1V_NO_COPY;
    end_written(t);
    for (unsigned i = 0; i < T1_COPIES; i++)
        if (t->vector.copies[i].bytes >= bytes && t->vector.copies[i].at == at) {
            t->again.used |= (uint8_t)(t->vector.copies[i].carried << i);
            return host_register(t, i);
        }
    return T1V_NO_COPY;
}

/* AVX2: returns a place without a copy, or the one whose turn it is; KEPT_COUNT: there is none, since the
 * present instruction has written something into all of these registers. */
static unsigned choose_place(struct t1 *t, unsigned at)
{
    for (unsigned i = 0; i < KEPT_COUNT; i++) /* the last copy of the same bytes was there */
        if (t->vector.copies[i].at == at && !t->vector.copies[i].bytes && !(t->vector.used >> i & 1))
            return i;
    for (unsigned i = 0; i < KEPT_COUNT; i++)
        if (!t->vector.copies[i].bytes && !(t->vector.used >> i & 1))
            return i;
    for (unsigned i = 0; i < KEPT_COUNT; i++) {
        unsigned place = t->vector.turn;
        t->vector.turn = (uint8_t)((place + 1) % KEPT_COUNT);
        if (!(t->vector.used >> place & 1))
            return place;
    }
    return KEPT_COUNT;
}

/* AVX2: moves the register to such a place. */
static void move_result(struct t1 *t, unsigned at, unsigned bytes, unsigned from)
{
    unsigned group = t->hart->vector.vlenb << (t->vector.lmul > 0 ? t->vector.lmul : 0);
    unsigned place = from == T1V_NO_RESULT || group > MOVED_MAX ? KEPT_COUNT : choose_place(t, at);
    if (place == KEPT_COUNT)
        return;
    x86_vmove_packed(&t->e, bytes < 32 ? 16 : 32, host_register(t, place), from);
    t->e.vectors = 0; /* the others have been looked at */
    t->vector.copies[place] = (struct t1_copy){ .at = (uint16_t)at, .bytes = (uint8_t)bytes };
}

void t1v_stored(struct t1 *t, struct x86_mem mem, unsigned bytes, unsigned from)
{
    unsigned at;
    if (!is_own(t, mem, bytes, &at))
        return;
    end_written(t);
    for (unsigned i = 0; i < T1_COPIES; i++) {
        struct t1_copy *copy = &t->vector.copies[i];
        if (copy->at < at + bytes && at < (unsigned)copy->at + copy->bytes)
            copy->bytes = 0;
    }
    if (!t->dbt->host.avx512)
        move_result(t, at, bytes, from);
    else if (!t->dbt->check && from < T1V_RESULTS)
        t->vector.copies[t1v_reg(t, from) - T1V_FIRST] =
            (struct t1_copy){ .at = (uint16_t)at, .bytes = (uint8_t)bytes };
}

void t1v_forget_copies(struct t1 *t)
{
    end_written(t);
    memset(t->vector.copies, 0, sizeof(t->vector.copies));
}

void t1v_load_copies(struct t1 *t, const struct t1_copy copies[T1_COPIES])
{
    for (unsigned i = 0; i < T1_COPIES; i++) {
        struct x86_mem from = hart_mem(offsetof(struct hart, v) + copies[i].at);
        struct x86_lanes lanes = { copies[i].bytes, 0, false };
        if (!copies[i].bytes)
            continue;
        if (t->dbt->host.avx512)
            x86_epacked_mem(&t->e, X86_E_LOAD_64, lanes, T1V_FIRST + i, 0, from);
        else
            x86_vload_packed(&t->e, copies[i].bytes < 32 ? 16 : 32, host_register(t, i), from);
    }
}

void t1v_note_copies(struct t1 *t, struct t1_copy copies[T1_COPIES])
{
    end_written(t);
    memcpy(copies, t->vector.copies, sizeof(t->vector.copies));
}

void t1v_take_turns(struct t1 *t)
{
    end_written(t);
    if (t->dbt->host.avx512)
        t->vector.turn = (uint8_t)((t->vector.turn + t->vector.used) % T1V_RESULTS);
    t->vector.used = 0;
}
