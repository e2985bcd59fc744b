/* SPDX-License-Identifier: MIT
 *
 * Counters, the time, and the supervisor's timer (Zicntr, Zihpm, Sstc).
 *
 * A counter is the hart's raw count of retired instructions plus a base; an inhibited counter is the base
 * alone. One instruction takes one cycle. The raw count already includes the reading instruction, which is
 * the last of its block: the value before it is one less. The next instruction reads a written value
 * unchanged. From outside (a debugger, between two instructions) there is no reading instruction.
 */
#include "cpu/csr/internal.h"
#include "cpu/hyper.h"

static uint64_t raw_count(const struct hart *hart)
{
    return atomic_load_explicit(&hart->instret, memory_order_relaxed);
}

static uint64_t counter_value(const struct hart *hart, uint64_t base, uint32_t bit)
{
    return hart->mcountinhibit & bit ? base : base + raw_count(hart) - !hart->outside;
}

static void counter_set(const struct hart *hart, uint64_t *base, uint32_t bit, uint64_t value)
{
    *base = hart->mcountinhibit & bit ? value : value - raw_count(hart);
}

uint64_t csr_read_cycle(struct hart *hart, unsigned number)
{
    (void)number;
    return counter_value(hart, hart->cycle_base, CSR_COUNTER_CY);
}
uint64_t csr_read_instret(struct hart *hart, unsigned number)
{
    (void)number;
    return counter_value(hart, hart->instret_base, CSR_COUNTER_IR);
}
CSR_READ_HIGH(cycleh, cycle)
CSR_READ_HIGH(instreth, instret)

static void set_cycle(struct hart *hart, uint64_t value)
{
    counter_set(hart, &hart->cycle_base, CSR_COUNTER_CY, value);
}
static void set_instret(struct hart *hart, uint64_t value)
{
    counter_set(hart, &hart->instret_base, CSR_COUNTER_IR, value);
}
CSR_WRITE_HALVES(mcycle, csr_read_cycle(hart, number), set_cycle)
CSR_WRITE_HALVES(minstret, csr_read_instret(hart, number), set_instret)

CSR_PLAIN(mcounteren, mcounteren, UINT32_MAX)
CSR_PLAIN(scounteren, scounteren, UINT32_MAX)

uint64_t csr_read_mcountinhibit(struct hart *hart, unsigned number)
{
    (void)number;
    return hart->mcountinhibit;
}
void csr_write_mcountinhibit(struct hart *hart, unsigned number, uint64_t value)
{
    (void)number;
    /* For the writing instruction itself the old setting counts; for the next ones the new. */
    uint32_t old = hart->mcountinhibit;
    uint64_t cycle = csr_read_cycle(hart, 0) + (!hart->outside && !(old & CSR_COUNTER_CY));
    uint64_t instret = csr_read_instret(hart, 0) + (!hart->outside && !(old & CSR_COUNTER_IR));
    hart->mcountinhibit = value & (CSR_COUNTER_CY | CSR_COUNTER_IR);
    counter_set(hart, &hart->cycle_base, CSR_COUNTER_CY, cycle);
    counter_set(hart, &hart->instret_base, CSR_COUNTER_IR, instret);
}

#define NS_PER_S 1000000000u

static uint64_t ticks_now(const struct hart *hart)
{
    return (uint64_t)((unsigned __int128)clock_ns(hart->clock) * hart->timebase_hz / NS_PER_S);
}

static uint64_t time_offset(const struct hart *hart)
{
    return hart->mtime_offset ? (uint64_t)atomic_load_explicit(hart->mtime_offset, memory_order_relaxed) : 0;
}

uint64_t csr_time(const struct hart *hart)
{
    return ticks_now(hart) + time_offset(hart);
}

uint64_t csr_read_time(struct hart *hart, unsigned number)
{
    (void)number;
    uint64_t delta = UNLIKELY(hart->hyper.virt) ? hart->hyper.htimedelta : 0;
    return hart_outside(hart, csr_time(hart)) + delta;
}
CSR_READ_HIGH(timeh, time)

/* ---- Sstc ---------------------------------------------------------------------------------------------- */

bool csr_sstc_on(const struct hart *hart)
{
    return csr_has_sstc(hart) && hart->menvcfg & ENVCFG_STCE;
}

/* The clock's time that is `wait` ticks later than `ticks`, rounded up. */
static uint64_t deadline_after(const struct hart *hart, uint64_t ticks, unsigned __int128 wait)
{
    unsigned __int128 ns = ((ticks + wait) * NS_PER_S + hart->timebase_hz - 1) / hart->timebase_hz;
    return ns < CLOCK_NEVER ? (uint64_t)ns : CLOCK_NEVER;
}

#define NEVER (~(unsigned __int128)0)

/* The level of a timer's interrupt, time >= compare, and for how many ticks it stays: until time reaches
 * compare, or wraps to 0. */
static unsigned __int128 timer_stays(bool on, uint64_t time, uint64_t compare, bool *level)
{
    *level = on && time >= compare;
    return !on ? NEVER : (*level ? (unsigned __int128)1 << 64 : compare) - time;
}

static void set_timer_irq(struct hart *hart, unsigned bit, bool level)
{
    unsigned mask = 1u << bit;
    if (hart->recorder && level != !!(atomic_load(&hart->irq_lines) & mask))
        hart->recorder->ops->irq(hart->recorder, hart->id, bit, level);
    if (level)
        atomic_fetch_or(&hart->irq_lines, mask);
    else
        atomic_fetch_and(&hart->irq_lines, ~mask);
}

/* STIP belongs to stimecmp while menvcfg.STCE is set; VSTIP follows vstimecmp, too, while henvcfg.STCE is.
 * The timer is armed for the moment at which one of them changes. */
static void timer_update(struct hart *hart)
{
    if (hart->recorder && hart->recorder->replays)
        return; /* the recorder knows when STIP changed */
    pthread_mutex_lock(&hart->timer_lock);
    bool on = csr_sstc_on(hart), guests = on && hart->hyper.henvcfg & ENVCFG_STCE, level, guests_level;
    uint64_t ticks = ticks_now(hart), now = ticks + time_offset(hart);
    unsigned __int128 next = timer_stays(on, now, hart->stimecmp, &level);
    unsigned __int128 guests_next =
        timer_stays(guests, now + hart->hyper.htimedelta, hart->hyper.vstimecmp, &guests_level);
    set_timer_irq(hart, 5, level);
    if (hyper_has(hart))
        set_timer_irq(hart, 6, guests_level);
    next = next < guests_next ? next : guests_next;
    clock_timer_arm(&hart->timer, next != NEVER ? deadline_after(hart, ticks, next) : CLOCK_NEVER);
    pthread_mutex_unlock(&hart->timer_lock);
    if (level || guests_level)
        hart_request(hart, HART_REQUEST_IRQ);
}

void csr_timer_store(struct hart *hart, uint64_t *field, uint64_t value)
{
    pthread_mutex_lock(&hart->timer_lock);
    *field = value;
    pthread_mutex_unlock(&hart->timer_lock);
}

void csr_timer_update(struct hart *hart)
{
    timer_update(hart);
}

void csr_timer_fired(void *opaque)
{
    timer_update(opaque);
}

static void set_stimecmp(struct hart *hart, uint64_t value)
{
    csr_timer_store(hart, hart->hyper.virt ? &hart->hyper.vstimecmp : &hart->stimecmp, value);
    timer_update(hart);
}

/* VS-mode finds vstimecmp in its place. */
uint64_t csr_read_stimecmp(struct hart *hart, unsigned number)
{
    (void)number;
    return UNLIKELY(hart->hyper.virt) ? hart->hyper.vstimecmp : hart->stimecmp;
}
CSR_READ_HIGH(stimecmph, stimecmp)
CSR_WRITE_HALVES(stimecmp, csr_read_stimecmp(hart, number), set_stimecmp)

void csr_counter_reset(struct hart *hart)
{
    hart->mcounteren = hart->scounteren = hart->mcountinhibit = 0;
    hart->cycle_base = hart->instret_base = -raw_count(hart);
    set_stimecmp(hart, 0);
}
