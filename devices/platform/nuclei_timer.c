/* SPDX-License-Identifier: MIT
 *
 * Nuclei's timer; see nuclei_timer.h. mtime is the clock's time in ticks, plus an offset; while it is
 * stopped, `stopped_at` is what it shows. The lock protects everything.
 */
#include "devices/platform/nuclei_timer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "devices/platform/aclint.h"
#include "util/log.h"

enum { MTIME = 0x0, MTIMECMP = 0x8, MSTOP = 0xff8, MSIP = 0xffc };

struct timer {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct nuclei_timer_config config;
    struct clock_timer alarm;
    uint64_t compare, stopped_at;
    bool stopped, msip;
};

static uint64_t ticks(const struct timer *timer)
{
    return aclint_ticks_from_ns(clock_ns(timer->config.clock), timer->config.hz);
}

static uint64_t mtime(const struct timer *timer)
{
    return timer->stopped ? timer->stopped_at
                          : ticks(timer) + (uint64_t)atomic_load(timer->config.mtime_offset);
}

static void lines_set(const struct irq_line lines[2], bool level)
{
    irq_line_set(&lines[0], level);
    irq_line_set(&lines[1], level);
}

static void update(struct timer *timer)
{
    uint64_t now = mtime(timer), deadline = CLOCK_NEVER;
    lines_set(timer->config.mtip, now >= timer->compare);
    lines_set(timer->config.msip, timer->msip);
    if (now < timer->compare && !timer->stopped)
        deadline =
            aclint_ns_from_ticks((unsigned __int128)ticks(timer) + (timer->compare - now), timer->config.hz);
    clock_timer_arm(&timer->alarm, deadline);
}

static void on_alarm(void *opaque)
{
    struct timer *timer = opaque;
    pthread_mutex_lock(&timer->lock);
    update(timer);
    pthread_mutex_unlock(&timer->lock);
}

static void set_mtime(struct timer *timer, uint64_t value)
{
    timer->stopped_at = value;
    atomic_store(timer->config.mtime_offset, (int64_t)(value - ticks(timer)));
}

static uint64_t half_of(uint64_t value, uint64_t offset)
{
    return (uint32_t)(offset & 4 ? value >> 32 : value);
}

static uint64_t with_half(uint64_t old, uint64_t offset, uint64_t half)
{
    return offset & 4 ? (uint32_t)old | half << 32 : (old & ~UINT64_C(0xffffffff)) | (uint32_t)half;
}

static uint64_t timer_read(struct device *device, uint64_t offset, unsigned size)
{
    struct timer *timer = (struct timer *)device;
    uint64_t value = 0;
    (void)size;
    pthread_mutex_lock(&timer->lock);
    switch (offset) {
    case MTIME:
    case MTIME + 4: value = half_of(mtime(timer), offset); break;
    case MTIMECMP:
    case MTIMECMP + 4: value = half_of(timer->compare, offset); break;
    case MSTOP: value = timer->stopped; break;
    case MSIP: value = timer->msip; break;
    default:
        LOG_GUEST("nuclei-timer: read at offset %#llx, where no register is", (unsigned long long)offset);
    }
    pthread_mutex_unlock(&timer->lock);
    return value;
}

static void timer_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct timer *timer = (struct timer *)device;
    uint64_t now;
    (void)size;
    pthread_mutex_lock(&timer->lock);
    now = mtime(timer);
    switch (offset) {
    case MTIME:
    case MTIME + 4: set_mtime(timer, with_half(now, offset, value)); break;
    case MTIMECMP:
    case MTIMECMP + 4: timer->compare = with_half(timer->compare, offset, value); break;
    case MSTOP:
        timer->stopped = value & 1;
        set_mtime(timer, now);
        break;
    case MSIP: timer->msip = value & 1; break;
    default:
        LOG_GUEST("nuclei-timer: write at offset %#llx, where no register is", (unsigned long long)offset);
    }
    update(timer);
    pthread_mutex_unlock(&timer->lock);
}

static void timer_reset(struct device *device)
{
    struct timer *timer = (struct timer *)device;
    pthread_mutex_lock(&timer->lock);
    timer->stopped = timer->msip = false;
    timer->compare = UINT64_MAX;
    set_mtime(timer, 0);
    update(timer);
    pthread_mutex_unlock(&timer->lock);
}

static void timer_save(struct device *device, struct state_writer *writer)
{
    struct timer *timer = (struct timer *)device;
    pthread_mutex_lock(&timer->lock);
    state_section(writer, timer->device.ops->name, 1);
    state_put(writer, "mtime", mtime(timer));
    state_put(writer, "mtimecmp", timer->compare);
    state_put(writer, "stopped", timer->stopped);
    state_put(writer, "msip", timer->msip);
    pthread_mutex_unlock(&timer->lock);
}

static bool timer_load(struct device *device, struct state_reader *reader)
{
    struct timer *timer = (struct timer *)device;
    if (!state_open(reader, timer->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&timer->lock);
    set_mtime(timer, state_get(reader, "mtime", UINT64_MAX));
    timer->compare = state_get(reader, "mtimecmp", UINT64_MAX);
    timer->stopped = state_get(reader, "stopped", 1);
    timer->msip = state_get(reader, "msip", 1);
    update(timer);
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
    .name = "nuclei-timer",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = timer_read,
    .write = timer_write,
    .reset = timer_reset,
    .save = timer_save,
    .load = timer_load,
    .destroy = timer_destroy,
};

struct device *nuclei_timer_create(const struct nuclei_timer_config *config, struct error *error)
{
    struct timer *timer = calloc(1, sizeof(*timer));
    if (!timer) {
        error_set(error, "nuclei-timer: out of memory");
        return NULL;
    }
    timer->device.ops = &timer_ops;
    timer->config = *config;
    timer->compare = UINT64_MAX;
    pthread_mutex_init(&timer->lock, NULL);
    clock_timer_init(&timer->alarm, config->clock, on_alarm, timer);
    return &timer->device;
}
