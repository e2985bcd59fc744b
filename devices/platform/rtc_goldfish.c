/* SPDX-License-Identifier: MIT
 *
 * Goldfish RTC; see rtc_goldfish.h. Time is clock_wall_ns() plus an offset that the guest changes by setting
 * the time. A 64-bit value is read low half first, which latches the high half, and written high half first;
 * the write of the low half takes effect. The wire is `pending && enabled`. The lock protects all registers.
 */
#include "devices/platform/rtc_goldfish.h"

#include <pthread.h>
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "util/log.h"

enum reg {
    REG_TIME_LOW = 0x00,
    REG_TIME_HIGH = 0x04,
    REG_ALARM_LOW = 0x08,
    REG_ALARM_HIGH = 0x0c,
    REG_IRQ_ENABLED = 0x10,
    REG_CLEAR_ALARM = 0x14,
    REG_ALARM_STATUS = 0x18,
    REG_CLEAR_INTERRUPT = 0x1c,
};

struct rtc {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct irq_line irq;
    struct clock *clock;
    struct clock_timer timer;
    uint64_t offset; /* guest's time = clock_wall_ns + offset, modulo 2^64 */
    uint64_t alarm;  /* guest's time, ns */
    uint32_t time_high;
    bool alarm_running, pending, enabled;
};

static uint64_t now(struct rtc *rtc)
{
    return clock_wall_ns(rtc->clock) + rtc->offset;
}

static void irq_update(struct rtc *rtc)
{
    irq_line_set(&rtc->irq, rtc->pending && rtc->enabled);
}

/* Makes the timer and the pending bit agree with the alarm and the present time. */
static void alarm_update(struct rtc *rtc)
{
    uint64_t deadline = CLOCK_NEVER;
    if (rtc->alarm_running) {
        uint64_t time = now(rtc), guest_ns = clock_ns(rtc->clock);
        if (time >= rtc->alarm) {
            rtc->alarm_running = false;
            rtc->pending = true;
        } else if (rtc->alarm - time < CLOCK_NEVER - guest_ns) {
            deadline = guest_ns + (rtc->alarm - time);
        }
    }
    clock_timer_arm(&rtc->timer, deadline);
    irq_update(rtc);
}

static void timer_fire(void *opaque)
{
    struct rtc *rtc = opaque;
    pthread_mutex_lock(&rtc->lock);
    alarm_update(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

static uint64_t rtc_read(struct device *device, uint64_t offset, unsigned size)
{
    struct rtc *rtc = (struct rtc *)device;
    uint64_t value = 0, time;
    (void)size;
    pthread_mutex_lock(&rtc->lock);
    switch (offset) {
    case REG_TIME_LOW:
        time = now(rtc);
        rtc->time_high = (uint32_t)(time >> 32);
        value = (uint32_t)time;
        break;
    case REG_TIME_HIGH: value = rtc->time_high; break;
    case REG_ALARM_LOW: value = (uint32_t)rtc->alarm; break;
    case REG_ALARM_HIGH: value = rtc->alarm >> 32; break;
    case REG_IRQ_ENABLED: value = rtc->enabled; break;
    case REG_ALARM_STATUS: value = rtc->alarm_running; break;
    default:
        LOG_GUEST("rtc: read at offset %#llx, where no readable register is", (unsigned long long)offset);
        break;
    }
    pthread_mutex_unlock(&rtc->lock);
    return value;
}

static uint64_t with_low(uint64_t old, uint64_t low)
{
    return (old & 0xffffffff00000000u) | (uint32_t)low;
}

static uint64_t with_high(uint64_t old, uint64_t high)
{
    return (uint32_t)old | high << 32;
}

static void rtc_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *rtc = (struct rtc *)device;
    (void)size;
    pthread_mutex_lock(&rtc->lock);
    uint64_t time = now(rtc);
    switch (offset) {
    case REG_TIME_LOW: rtc->offset += with_low(time, value) - time; break;
    case REG_TIME_HIGH: rtc->offset += with_high(time, value) - time; break;
    case REG_ALARM_LOW:
        rtc->alarm = with_low(rtc->alarm, value);
        rtc->alarm_running = true;
        break;
    case REG_ALARM_HIGH: rtc->alarm = with_high(rtc->alarm, value); break;
    case REG_IRQ_ENABLED: rtc->enabled = value & 1; break;
    case REG_CLEAR_ALARM: rtc->alarm_running = false; break;
    case REG_CLEAR_INTERRUPT: rtc->pending = false; break;
    default:
        LOG_GUEST("rtc: write at offset %#llx, where no writable register is", (unsigned long long)offset);
        break;
    }
    alarm_update(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

/* The time itself survives a reset, like a clock with a battery. */
static void rtc_reset(struct device *device)
{
    struct rtc *rtc = (struct rtc *)device;
    pthread_mutex_lock(&rtc->lock);
    rtc->alarm = 0;
    rtc->time_high = 0;
    rtc->alarm_running = rtc->pending = rtc->enabled = false;
    alarm_update(rtc);
    pthread_mutex_unlock(&rtc->lock);
}

static void rtc_save(struct device *device, struct state_writer *writer)
{
    struct rtc *rtc = (struct rtc *)device;
    pthread_mutex_lock(&rtc->lock);
    state_section(writer, rtc->device.ops->name, 1);
    state_put(writer, "offset", rtc->offset);
    state_put(writer, "alarm", rtc->alarm);
    state_put(writer, "time_high", rtc->time_high);
    state_put(writer, "alarm_running", rtc->alarm_running);
    state_put(writer, "pending", rtc->pending);
    state_put(writer, "enabled", rtc->enabled);
    pthread_mutex_unlock(&rtc->lock);
}

static bool rtc_load(struct device *device, struct state_reader *reader)
{
    struct rtc *rtc = (struct rtc *)device;
    if (!state_open(reader, rtc->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&rtc->lock);
    rtc->offset = state_get(reader, "offset", UINT64_MAX);
    rtc->alarm = state_get(reader, "alarm", UINT64_MAX);
    rtc->time_high = (uint32_t)state_get(reader, "time_high", UINT32_MAX);
    rtc->alarm_running = state_get(reader, "alarm_running", 1);
    rtc->pending = state_get(reader, "pending", 1);
    rtc->enabled = state_get(reader, "enabled", 1);
    alarm_update(rtc);
    pthread_mutex_unlock(&rtc->lock);
    return !reader->failed;
}

static void rtc_destroy(struct device *device)
{
    struct rtc *rtc = (struct rtc *)device;
    clock_timer_cancel(&rtc->timer);
    clock_timer_cancel(&rtc->timer); /* a callback that was running may have armed the timer again */
    pthread_mutex_destroy(&rtc->lock);
    free(rtc);
}

static int rtc_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "rtc", place);
    fdt_node_compatible(&node, "google,goldfish-rtc");
    fdt_node_interrupt(&node, place);
    return fdt_node_end(&node);
}

static const struct device_ops rtc_ops = {
    .name = "rtc-goldfish",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = rtc_read,
    .write = rtc_write,
    .reset = rtc_reset,
    .save = rtc_save,
    .load = rtc_load,
    .destroy = rtc_destroy,
    .fdt = rtc_fdt,
};

struct device *rtc_goldfish_create(const struct rtc_goldfish_config *config, struct error *error)
{
    struct rtc *rtc = calloc(1, sizeof(*rtc));
    if (!rtc) {
        error_set(error, "rtc: out of memory");
        return NULL;
    }
    rtc->device.ops = &rtc_ops;
    rtc->irq = config->irq;
    rtc->clock = config->clock;
    pthread_mutex_init(&rtc->lock, NULL);
    clock_timer_init(&rtc->timer, config->clock, timer_fire, rtc);
    return &rtc->device;
}
