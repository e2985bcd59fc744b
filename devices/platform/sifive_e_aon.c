/* SPDX-License-Identifier: MIT
 *
 * The watchdog of the E31; see sifive_e_aon.h. The counter is computed from the clock when it is looked at:
 * `count` ticks at time `since`, and more since then if it runs. A timer fires when the scaled counter will
 * reach the compare value. The lock protects all of it.
 *
 * Every register but wdogkey is locked against writes: writing 0x51f15e to wdogkey opens the lock for one
 * write.
 */
#include "devices/platform/sifive_e_aon.h"

#include <pthread.h>
#include <stdlib.h>

#include "util/log.h"

enum {
    WDOGCFG = 0x00,
    WDOGCOUNT = 0x08,
    WDOGS = 0x10,
    WDOGFEED = 0x18,
    WDOGKEY = 0x1c,
    WDOGCMP0 = 0x20,
    WDOG_END = 0x40
};
enum {
    CFG_SCALE = 0xf,
    CFG_RSTEN = 1 << 8,
    CFG_ZEROCMP = 1 << 9,
    CFG_ENALWAYS = 1 << 12,
    CFG_ENCOREAWAKE = 1 << 13,
    CFG_IP0 = 1 << 28
};
#define CFG_MASK     (CFG_SCALE | CFG_RSTEN | CFG_ZEROCMP | CFG_ENALWAYS | CFG_ENCOREAWAKE | CFG_IP0)
#define COUNT_MASK   0x7fffffffu
#define CMP_AT_RESET 0xbeefu
#define KEY          0x51f15eu
#define FOOD         0xd09f00du
#define NS           UINT64_C(1000000000)

struct aon {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_e_aon_config config;
    struct clock_timer timer;
    uint32_t cfg, cmp;
    uint32_t count; /* at `since` */
    uint64_t since; /* ns of the clock */
    bool unlocked;
};

static bool runs(const struct aon *aon)
{
    return aon->cfg & (CFG_ENALWAYS | CFG_ENCOREAWAKE); /* the core is always awake */
}

/* Brings `count` up to now. The part of a tick that is left over stays in `since`. */
static void catch_up(struct aon *aon)
{
    uint64_t now = clock_ns(aon->config.clock), hz = aon->config.clock_hz;
    if (runs(aon) && now > aon->since) {
        uint64_t ticks = (uint64_t)((unsigned __int128)(now - aon->since) * hz / NS);
        aon->count = (uint32_t)((aon->count + ticks) & COUNT_MASK);
        aon->since += (uint64_t)((unsigned __int128)ticks * NS / hz);
    } else {
        aon->since = now;
    }
}

static uint32_t scaled(const struct aon *aon)
{
    return aon->count >> (aon->cfg & CFG_SCALE) & 0xffff;
}

/* Compares, and says when to compare again. Returns true if the board is to be reset. [lock] */
static bool compare(struct aon *aon)
{
    uint64_t deadline = CLOCK_NEVER;
    bool reached = runs(aon) && scaled(aon) >= aon->cmp;
    if (reached) {
        aon->cfg |= CFG_IP0;
        if (aon->cfg & CFG_ZEROCMP)
            aon->count = 0;
    }
    if (runs(aon) && scaled(aon) < aon->cmp) {
        uint64_t at = (uint64_t)aon->cmp << (aon->cfg & CFG_SCALE);
        uint64_t period = UINT64_C(1) << (16 + (aon->cfg & CFG_SCALE));
        uint64_t left = at - (aon->count & (period - 1));
        deadline = aon->since + (uint64_t)(((unsigned __int128)left * NS + aon->config.clock_hz - 1) /
                                           aon->config.clock_hz);
    }
    clock_timer_arm(&aon->timer, deadline);
    irq_line_set(&aon->config.irq, aon->cfg & CFG_IP0);
    return reached && aon->cfg & CFG_RSTEN;
}

static void fired(void *opaque)
{
    struct aon *aon = opaque;
    pthread_mutex_lock(&aon->lock);
    catch_up(aon);
    bool reset = compare(aon);
    pthread_mutex_unlock(&aon->lock);
    if (reset)
        aon->config.reset(aon->config.opaque);
}

static uint64_t aon_read(struct device *device, uint64_t offset, unsigned size)
{
    struct aon *aon = (struct aon *)device;
    uint64_t value = 0;
    (void)size;
    pthread_mutex_lock(&aon->lock);
    catch_up(aon);
    switch (offset) {
    case WDOGCFG: value = aon->cfg; break;
    case WDOGCOUNT: value = aon->count; break;
    case WDOGS: value = scaled(aon); break;
    case WDOGFEED: break;
    case WDOGKEY: value = aon->unlocked; break;
    case WDOGCMP0: value = aon->cmp; break;
    default:
        if (offset >= WDOG_END)
            LOG_UNIMP("sifive-e-aon: read at offset %#llx: only the watchdog is implemented",
                      (unsigned long long)offset);
        else
            LOG_GUEST("sifive-e-aon: read at offset %#llx, where no register is", (unsigned long long)offset);
    }
    pthread_mutex_unlock(&aon->lock);
    return value;
}

/* A write with the lock open. */
static void write_unlocked(struct aon *aon, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case WDOGCFG: aon->cfg = value & CFG_MASK; break;
    case WDOGCOUNT: aon->count = value & COUNT_MASK; break;
    case WDOGFEED:
        if (value == FOOD)
            aon->count = 0;
        break;
    case WDOGCMP0: aon->cmp = value & 0xffff; break;
    default: LOG_GUEST("sifive-e-aon: offset %#llx cannot be written", (unsigned long long)offset); break;
    }
}

static void aon_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct aon *aon = (struct aon *)device;
    bool reset = false;
    (void)size;
    if (offset >= WDOG_END) {
        LOG_UNIMP("sifive-e-aon: write at offset %#llx: only the watchdog is implemented",
                  (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&aon->lock);
    catch_up(aon);
    if (offset == WDOGKEY) {
        aon->unlocked = value == KEY;
    } else if (!aon->unlocked) {
        LOG_GUEST("sifive-e-aon: write at offset %#llx, which is locked", (unsigned long long)offset);
    } else {
        aon->unlocked = false;
        write_unlocked(aon, offset, (uint32_t)value);
        reset = compare(aon);
    }
    pthread_mutex_unlock(&aon->lock);
    if (reset)
        aon->config.reset(aon->config.opaque);
}

static void aon_reset(struct device *device)
{
    struct aon *aon = (struct aon *)device;
    clock_timer_cancel(&aon->timer);
    pthread_mutex_lock(&aon->lock);
    aon->cfg = aon->count = 0;
    aon->cmp = CMP_AT_RESET;
    aon->unlocked = false;
    irq_line_set(&aon->config.irq, false);
    pthread_mutex_unlock(&aon->lock);
}

static void aon_save(struct device *device, struct state_writer *writer)
{
    struct aon *aon = (struct aon *)device;
    pthread_mutex_lock(&aon->lock);
    catch_up(aon);
    state_section(writer, aon->device.ops->name, 1);
    state_put(writer, "wdogcfg", aon->cfg);
    state_put(writer, "wdogcount", aon->count);
    state_put(writer, "wdogcmp0", aon->cmp);
    state_put(writer, "unlocked", aon->unlocked);
    pthread_mutex_unlock(&aon->lock);
}

static bool aon_load(struct device *device, struct state_reader *reader)
{
    struct aon *aon = (struct aon *)device;
    if (!state_open(reader, aon->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&aon->lock);
    aon->cfg = (uint32_t)state_get(reader, "wdogcfg", UINT32_MAX) & CFG_MASK;
    aon->count = (uint32_t)state_get(reader, "wdogcount", COUNT_MASK);
    aon->cmp = (uint32_t)state_get(reader, "wdogcmp0", 0xffff);
    aon->unlocked = state_get(reader, "unlocked", 1);
    aon->since = clock_ns(aon->config.clock);
    /* A watchdog that has run out resets the board when its timer fires. */
    clock_timer_arm(&aon->timer, aon->since);
    pthread_mutex_unlock(&aon->lock);
    return !reader->failed;
}

static void aon_destroy(struct device *device)
{
    struct aon *aon = (struct aon *)device;
    clock_timer_cancel(&aon->timer);
    pthread_mutex_destroy(&aon->lock);
    free(aon);
}

static const struct device_ops aon_ops = {
    .name = "sifive-e-aon",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = aon_read,
    .write = aon_write,
    .reset = aon_reset,
    .save = aon_save,
    .load = aon_load,
    .destroy = aon_destroy,
};

struct device *sifive_e_aon_create(const struct sifive_e_aon_config *config, struct error *error)
{
    struct aon *aon = calloc(1, sizeof(*aon));
    if (!aon) {
        error_set(error, "sifive-e-aon: out of memory");
        return NULL;
    }
    aon->device.ops = &aon_ops;
    aon->config = *config;
    aon->cmp = CMP_AT_RESET;
    pthread_mutex_init(&aon->lock, NULL);
    clock_timer_init(&aon->timer, config->clock, fired, aon);
    return &aon->device;
}
