/* SPDX-License-Identifier: MIT
 *
 * The timers of GD32VF103; see gd32_timer.h. While one counts, its position in the period is computed from
 * the clock: `begun` is when it was at `position`, in ticks of the input clock, and catch_up() adds what has
 * passed since, setting flags on the way. A down-counter shows the reload value minus the position. A new
 * prescaler is used from the next update on, and so is a new reload value with ARSE.
 *
 * The lock protects everything. Repetition (CREP), center-aligned counting, slave modes, capture, DMA and
 * break are not there.
 */
#include "devices/platform/gd32_timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/platform/aclint.h"
#include "util/log.h"

enum {
    CTL0,
    CTL1,
    SMCFG,
    DMAINTEN,
    INTF,
    SWEVG,
    CHCTL0,
    CHCTL1,
    CHCTL2,
    CNT,
    PSC,
    CAR,
    CREP,
    CH0CV,
    CCHP = 17,
    DMACFG,
    DMATB,
    REG_COUNT
};
#define CTL0_CEN    0x1u
#define CTL0_UPDIS  0x2u
#define CTL0_UPS    0x4u
#define CTL0_SPM    0x8u
#define CTL0_DIR    0x10u
#define CTL0_CAM    0x60u
#define CTL0_ARSE   0x80u
#define INT_UPDATE  0x1u
#define INT_CHANNEL 0x1eu
#define CHANNELS    4u

static const uint16_t masks[REG_COUNT] = { 0x3ff,  0x7fff, 0xffff, 0x7fff, 0x1e5f, 0,     0xffff,
                                           0xffff, 0x3fff, 0xffff, 0xffff, 0xffff, 0xff,  0xffff,
                                           0xffff, 0xffff, 0xffff, 0xffff, 0x1f1f, 0xffff };

struct timer {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct gd32_timer_config config;
    struct clock_timer alarm;
    uint32_t regs[REG_COUNT];
    uint32_t divider, period; /* in use: ticks of the input for one count, counts from update to update */
    uint32_t position;        /* below `period` */
    uint64_t begun;           /* input tick */
};

static uint64_t input_ticks(const struct timer *timer)
{
    return aclint_ticks_from_ns(clock_ns(timer->config.clock), timer->config.hz);
}

static void irq_update(struct timer *timer)
{
    uint32_t on = timer->regs[INTF] & timer->regs[DMAINTEN];
    if (!timer->config.split) {
        irq_line_set(&timer->config.update, on & (INT_UPDATE | INT_CHANNEL));
        return;
    }
    irq_line_set(&timer->config.update, on & INT_UPDATE);
    irq_line_set(&timer->config.channel, on & INT_CHANNEL);
}

/* The position at which a channel's value is shown; `period` or more: never. */
static uint32_t channel_position(const struct timer *timer, unsigned channel)
{
    uint32_t value = timer->regs[CH0CV + channel];
    if (value >= timer->period)
        return timer->period;
    return timer->regs[CTL0] & CTL0_DIR ? timer->period - 1 - value : value;
}

static void load_reload_values(struct timer *timer)
{
    timer->divider = timer->regs[PSC] + 1;
    timer->period = timer->regs[CAR] + 1;
}

/* Moves by `counts`, which do not go beyond one period, and sets the flags of the channels on the way. */
static void move(struct timer *timer, uint64_t counts)
{
    uint64_t to = timer->position + counts;
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        uint32_t at = channel_position(timer, channel);
        bool wrapped = at < timer->period && to >= (uint64_t)at + timer->period && counts;
        if ((at < timer->period && at > timer->position && at <= to) || wrapped)
            timer->regs[INTF] |= 2u << channel;
    }
    timer->begun += counts * timer->divider;
    timer->position = (uint32_t)to;
}

static void on_update(struct timer *timer)
{
    timer->position = 0;
    if (!(timer->regs[CTL0] & CTL0_UPDIS)) {
        timer->regs[INTF] |= INT_UPDATE;
        load_reload_values(timer);
    }
    if (timer->regs[CTL0] & CTL0_SPM)
        timer->regs[CTL0] &= ~CTL0_CEN;
}

/* After two periods with the same settings, more of them change nothing but the time. */
static void catch_up(struct timer *timer)
{
    if (!(timer->regs[CTL0] & CTL0_CEN))
        return;
    uint64_t now = input_ticks(timer);
    for (unsigned round = 0; timer->regs[CTL0] & CTL0_CEN; round++) {
        uint64_t counts = now > timer->begun ? (now - timer->begun) / timer->divider : 0;
        if (counts < timer->period - timer->position) {
            move(timer, counts);
            break;
        }
        if (round >= 2) {
            uint64_t whole = counts / timer->period;
            timer->begun += whole * timer->period * timer->divider;
            counts -= whole * timer->period;
            if (!whole || counts < timer->period - timer->position)
                continue;
        }
        move(timer, timer->period - timer->position);
        on_update(timer);
    }
}

/* Counts until the next event whose interrupt is enabled and whose flag is not set; UINT64_MAX: none. */
static uint64_t counts_to_event(const struct timer *timer)
{
    uint32_t wanted = timer->regs[DMAINTEN] & ~timer->regs[INTF];
    uint64_t least = UINT64_MAX, to_update = timer->period - timer->position;
    if (!(timer->regs[CTL0] & CTL0_CEN))
        return UINT64_MAX;
    if ((wanted & INT_UPDATE) || timer->regs[CTL0] & CTL0_SPM)
        least = to_update;
    for (unsigned channel = 0; channel < CHANNELS; channel++) {
        uint32_t at = channel_position(timer, channel);
        if (!(wanted & 2u << channel) || at >= timer->period)
            continue;
        uint64_t counts = at > timer->position ? at - timer->position : to_update + at;
        least = counts < least ? counts : least;
    }
    return least;
}

static void arm(struct timer *timer)
{
    uint64_t counts = counts_to_event(timer), deadline = CLOCK_NEVER;
    irq_update(timer);
    if (counts != UINT64_MAX)
        deadline = aclint_ns_from_ticks(
            (unsigned __int128)timer->begun + (unsigned __int128)counts * timer->divider, timer->config.hz);
    clock_timer_arm(&timer->alarm, deadline);
}

static void on_alarm(void *opaque)
{
    struct timer *timer = opaque;
    pthread_mutex_lock(&timer->lock);
    catch_up(timer);
    arm(timer);
    pthread_mutex_unlock(&timer->lock);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

static uint32_t counter(const struct timer *timer)
{
    return timer->regs[CTL0] & CTL0_DIR ? timer->period - 1 - timer->position : timer->position;
}

static uint64_t timer_read(struct device *device, uint64_t offset, unsigned size)
{
    struct timer *timer = (struct timer *)device;
    unsigned reg = (unsigned)(offset / 4);
    if (reg >= REG_COUNT || offset & 3) {
        LOG_GUEST("gd32-timer: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&timer->lock);
    catch_up(timer);
    uint32_t value = reg == CNT ? counter(timer) : timer->regs[reg];
    arm(timer);
    pthread_mutex_unlock(&timer->lock);
    return size == 1 ? (uint8_t)value : value;
}

static void set_counter(struct timer *timer, uint32_t value)
{
    uint32_t position = value < timer->period ? value : timer->period - 1;
    timer->position = timer->regs[CTL0] & CTL0_DIR ? timer->period - 1 - position : position;
    timer->begun = input_ticks(timer);
}

/* Events that software makes: an update starts the period anew. */
static void make_events(struct timer *timer, uint32_t events)
{
    timer->regs[INTF] |= events & INT_CHANNEL;
    if (!(events & INT_UPDATE) || timer->regs[CTL0] & CTL0_UPDIS)
        return;
    load_reload_values(timer);
    timer->position = 0;
    timer->begun = input_ticks(timer);
    if (!(timer->regs[CTL0] & CTL0_UPS))
        timer->regs[INTF] |= INT_UPDATE;
}

static void control(struct timer *timer, uint32_t value)
{
    uint32_t shown = counter(timer), before = timer->regs[CTL0];
    timer->regs[CTL0] = value;
    if (value & CTL0_CAM)
        LOG_UNIMP("gd32-timer: center-aligned counting is not implemented");
    if ((before ^ value) & CTL0_DIR)
        set_counter(timer, shown);
    if (value & ~before & CTL0_CEN)
        timer->begun = input_ticks(timer);
}

static void set_register(struct timer *timer, unsigned reg, uint32_t value)
{
    switch (reg) {
    case CTL0: control(timer, value); break;
    case INTF: timer->regs[INTF] &= value; break;
    case SWEVG: break;
    case CNT: set_counter(timer, value); break;
    case CAR: {
        uint32_t shown = counter(timer);
        timer->regs[CAR] = value;
        if (timer->regs[CTL0] & CTL0_ARSE)
            break;
        timer->period = value + 1;
        set_counter(timer, shown);
        break;
    }
    case SMCFG:
        if (value & 7)
            LOG_UNIMP("gd32-timer: slave modes are not implemented");
        timer->regs[reg] = value;
        break;
    default: timer->regs[reg] = value;
    }
}

static void timer_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct timer *timer = (struct timer *)device;
    unsigned reg = (unsigned)(offset / 4);
    (void)size;
    if (reg >= REG_COUNT || offset & 3) {
        LOG_GUEST("gd32-timer: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&timer->lock);
    catch_up(timer);
    if (reg == SWEVG)
        make_events(timer, (uint32_t)value);
    else
        set_register(timer, reg, (uint32_t)value & masks[reg]);
    arm(timer);
    pthread_mutex_unlock(&timer->lock);
}

static void registers_reset(struct timer *timer)
{
    memset(timer->regs, 0, sizeof(timer->regs));
    timer->regs[CAR] = 0xffff;
    timer->position = 0;
    load_reload_values(timer);
}

static void timer_reset(struct device *device)
{
    struct timer *timer = (struct timer *)device;
    pthread_mutex_lock(&timer->lock);
    registers_reset(timer);
    arm(timer);
    pthread_mutex_unlock(&timer->lock);
}

static void timer_save(struct device *device, struct state_writer *writer)
{
    struct timer *timer = (struct timer *)device;
    pthread_mutex_lock(&timer->lock);
    catch_up(timer);
    state_section(writer, timer->device.ops->name, 1);
    state_put_bytes(writer, "regs", timer->regs, sizeof(timer->regs));
    state_put(writer, "divider", timer->divider);
    state_put(writer, "period", timer->period);
    state_put(writer, "position", timer->position);
    uint64_t now = input_ticks(timer), part = now > timer->begun ? now - timer->begun : 0;
    state_put(writer, "part", part < timer->divider ? part : 0); /* it does not count, if it is more */
    pthread_mutex_unlock(&timer->lock);
}

static bool timer_load(struct device *device, struct state_reader *reader)
{
    struct timer *timer = (struct timer *)device;
    if (!state_open(reader, timer->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&timer->lock);
    state_get_bytes(reader, "regs", timer->regs, sizeof(timer->regs));
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        timer->regs[reg] &= masks[reg];
    timer->divider = (uint32_t)state_get(reader, "divider", 0x10000);
    timer->period = (uint32_t)state_get(reader, "period", 0x10000);
    timer->position = (uint32_t)state_get(reader, "position", 0xffff);
    if (!timer->divider || !timer->period)
        load_reload_values(timer);
    if (timer->position >= timer->period)
        timer->position = 0;
    uint64_t part = state_get(reader, "part", UINT32_MAX), now = input_ticks(timer);
    timer->begun = now > part ? now - part : 0;
    arm(timer);
    pthread_mutex_unlock(&timer->lock);
    return !reader->failed;
}

static void timer_destroy(struct device *device)
{
    struct timer *timer = (struct timer *)device;
    clock_timer_cancel(&timer->alarm);
    pthread_mutex_destroy(&timer->lock);
    free(timer);
}

static const struct device_ops timer_ops = {
    .name = "gd32-timer",
    .size = 0x400,
    .access_min = 1,
    .access_max = 4,
    .read = timer_read,
    .write = timer_write,
    .reset = timer_reset,
    .save = timer_save,
    .load = timer_load,
    .destroy = timer_destroy,
};

struct device *gd32_timer_create(const struct gd32_timer_config *config, struct error *error)
{
    struct timer *timer = calloc(1, sizeof(*timer));
    if (!timer) {
        error_set(error, "gd32-timer: out of memory");
        return NULL;
    }
    timer->device.ops = &timer_ops;
    timer->config = *config;
    registers_reset(timer);
    pthread_mutex_init(&timer->lock, NULL);
    clock_timer_init(&timer->alarm, config->clock, on_alarm, timer);
    return &timer->device;
}
