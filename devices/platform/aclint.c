/* SPDX-License-Identifier: MIT
 *
 * MSWI and MTIMER in the CLINT's window; see aclint.h. msip at 0 + 4 * hart, mtimecmp at 0x4000 + 8 * hart,
 * mtime at 0xBFF8. Registers of 64 bits may be accessed in halves.
 *
 * Each hart has one clock timer. `hart_update` sets MTIP to the present value of mtime >= mtimecmp, and arms
 * the timer for the next moment at which this changes: mtime reaches mtimecmp, or mtime wraps to 0. The
 * rounding is such that the timer never fires before mtime has the value (if it did, `hart_update` would only
 * arm it again). The lock protects all registers, and the writers of *mtime_offset.
 */
#include "devices/platform/aclint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define MTIMECMP_BASE 0x4000u
#define MTIME         0xBFF8u
#define WINDOW_SIZE   0x10000u
#define NS_PER_S      1000000000u

struct aclint;
struct hart_timer {
    struct aclint *aclint;
    struct aclint_hart wiring;
    struct clock_timer timer;
    uint64_t mtimecmp;
    bool msip;
};

struct aclint {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct clock *clock;
    uint64_t timebase_hz;
    _Atomic int64_t *mtime_offset;
    _Atomic int64_t own_offset;
    void (*mtime_changed)(void *opaque);
    void *opaque;
    unsigned hart_count;
    uint64_t mtimecmp_at_reset;
    bool split_nodes;
    struct hart_timer harts[];
};

uint64_t aclint_ticks_from_ns(uint64_t ns, uint64_t hz)
{
    return (uint64_t)((unsigned __int128)ns * hz / NS_PER_S);
}

uint64_t aclint_ns_from_ticks(unsigned __int128 ticks, uint64_t hz)
{
    if (ticks > ((unsigned __int128)1 << 96) / NS_PER_S) /* far beyond what uint64_t nanoseconds hold */
        return CLOCK_NEVER;
    unsigned __int128 ns = (ticks * NS_PER_S + hz - 1) / hz;
    return ns >= CLOCK_NEVER ? CLOCK_NEVER : (uint64_t)ns;
}

static uint64_t ticks_now(struct aclint *aclint)
{
    return aclint_ticks_from_ns(clock_ns(aclint->clock), aclint->timebase_hz);
}

static void hart_update(struct aclint *aclint, struct hart_timer *hart)
{
    uint64_t ticks = ticks_now(aclint);
    uint64_t mtime = ticks + (uint64_t)atomic_load(aclint->mtime_offset);
    bool level = mtime >= hart->mtimecmp;
    unsigned __int128 wait = level ? ((unsigned __int128)1 << 64) - mtime : hart->mtimecmp - mtime;
    clock_timer_arm(&hart->timer, aclint_ns_from_ticks(wait + ticks, aclint->timebase_hz));
    irq_line_set(&hart->wiring.mtip, level);
}

static void timer_fire(void *opaque)
{
    struct hart_timer *hart = opaque;
    pthread_mutex_lock(&hart->aclint->lock);
    hart_update(hart->aclint, hart);
    pthread_mutex_unlock(&hart->aclint->lock);
}

static uint64_t mtime_now(struct aclint *aclint)
{
    return ticks_now(aclint) + (uint64_t)atomic_load(aclint->mtime_offset);
}

uint64_t aclint_mtime(struct device *device)
{
    return mtime_now((struct aclint *)device);
}

static void mtime_write(struct aclint *aclint, uint64_t mtime)
{
    atomic_store(aclint->mtime_offset, (int64_t)(mtime - ticks_now(aclint)));
    for (unsigned i = 0; i < aclint->hart_count; i++)
        hart_update(aclint, &aclint->harts[i]);
    if (aclint->mtime_changed)
        aclint->mtime_changed(aclint->opaque);
}

static void msip_write(struct hart_timer *hart, bool value)
{
    hart->msip = value;
    irq_line_set(&hart->wiring.msip, value);
}

/* The hart whose mtimecmp covers an offset at or above MTIMECMP_BASE; NULL: there is none. */
static struct hart_timer *compare_at(struct aclint *aclint, uint64_t offset)
{
    uint64_t index = (offset - MTIMECMP_BASE) / 8;
    return index < aclint->hart_count ? &aclint->harts[index] : NULL;
}

static uint64_t word_read(struct aclint *aclint, uint64_t offset)
{
    uint64_t value = 0;
    if (offset < MTIMECMP_BASE) {
        if (offset / 4 < aclint->hart_count)
            return aclint->harts[offset / 4].msip;
        LOG_GUEST("aclint: read of msip %llu, a hart that does not exist", (unsigned long long)offset / 4);
        return 0;
    }
    struct hart_timer *hart = compare_at(aclint, offset);
    if (offset >= MTIME && offset < MTIME + 8)
        value = mtime_now(aclint);
    else if (hart && offset < MTIME)
        value = hart->mtimecmp;
    else
        LOG_GUEST("aclint: read at offset %#llx, where no register is", (unsigned long long)offset);
    return offset & 4 ? value >> 32 : (uint32_t)value;
}

static uint64_t aclint_read(struct device *device, uint64_t offset, unsigned size)
{
    struct aclint *aclint = (struct aclint *)device;
    uint64_t value;
    pthread_mutex_lock(&aclint->lock);
    if (size == 8 && offset == MTIME) /* both halves are of the same moment */
        value = mtime_now(aclint);
    else
        value = word_read(aclint, offset) | (size == 8 ? word_read(aclint, offset + 4) << 32 : 0);
    pthread_mutex_unlock(&aclint->lock);
    return value;
}

/* Returns the new value of a 64-bit register after a write of `size` bytes that begins in its half `offset &
 * 4`. */
static uint64_t merge(uint64_t old, uint64_t offset, unsigned size, uint64_t value)
{
    if (size == 8)
        return value;
    unsigned shift = offset & 4 ? 32 : 0;
    return (old & ~(0xffffffffull << shift)) | (value & 0xffffffff) << shift;
}

static void aclint_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct aclint *aclint = (struct aclint *)device;
    pthread_mutex_lock(&aclint->lock);
    struct hart_timer *hart = offset >= MTIMECMP_BASE && offset < MTIME ? compare_at(aclint, offset) : NULL;
    if (offset >= MTIME && offset < MTIME + 8) {
        mtime_write(aclint, merge(mtime_now(aclint), offset, size, value));
    } else if (hart) {
        hart->mtimecmp = merge(hart->mtimecmp, offset, size, value);
        hart_update(aclint, hart);
    } else if (offset < MTIMECMP_BASE && offset / 4 < aclint->hart_count) {
        msip_write(&aclint->harts[offset / 4], value & 1);
        if (size == 8 && offset / 4 + 1 < aclint->hart_count)
            msip_write(&aclint->harts[offset / 4 + 1], value >> 32 & 1);
    } else {
        LOG_GUEST("aclint: write at offset %#llx, where no register is", (unsigned long long)offset);
    }
    pthread_mutex_unlock(&aclint->lock);
}

/* ACLINT chapter 2.1: mtime is zero after reset, mtimecmp "unknown" (aclint.h). */
static void aclint_reset(struct device *device)
{
    struct aclint *aclint = (struct aclint *)device;
    pthread_mutex_lock(&aclint->lock);
    for (unsigned i = 0; i < aclint->hart_count; i++) {
        aclint->harts[i].mtimecmp = aclint->mtimecmp_at_reset;
        msip_write(&aclint->harts[i], false);
    }
    mtime_write(aclint, 0);
    pthread_mutex_unlock(&aclint->lock);
}

/* Saves the offset, not mtime: the board shifts the clock back to its value when the state was saved. */
static void aclint_save(struct device *device, struct state_writer *writer)
{
    struct aclint *aclint = (struct aclint *)device;
    pthread_mutex_lock(&aclint->lock);
    state_section(writer, aclint->device.ops->name, 1);
    state_put(writer, "harts", aclint->hart_count);
    state_put(writer, "mtime_offset", (uint64_t)atomic_load(aclint->mtime_offset));
    for (unsigned i = 0; i < aclint->hart_count; i++) {
        char field[32];
        snprintf(field, sizeof(field), "mtimecmp.%u", i);
        state_put(writer, field, aclint->harts[i].mtimecmp);
        snprintf(field, sizeof(field), "msip.%u", i);
        state_put(writer, field, aclint->harts[i].msip);
    }
    pthread_mutex_unlock(&aclint->lock);
}

static void load_harts(struct aclint *aclint, struct state_reader *reader)
{
    for (unsigned i = 0; i < aclint->hart_count; i++) {
        char field[32];
        snprintf(field, sizeof(field), "mtimecmp.%u", i);
        aclint->harts[i].mtimecmp = state_get(reader, field, UINT64_MAX);
        snprintf(field, sizeof(field), "msip.%u", i);
        msip_write(&aclint->harts[i], state_get(reader, field, 1));
        hart_update(aclint, &aclint->harts[i]);
    }
}

static bool aclint_load(struct device *device, struct state_reader *reader)
{
    struct aclint *aclint = (struct aclint *)device;
    if (!state_open(reader, aclint->device.ops->name, 1))
        return false;
    uint64_t harts = state_get(reader, "harts", ACLINT_HARTS_MAX);
    if (!reader->failed && harts != aclint->hart_count) {
        reader->failed = true;
        return error_set(reader->error,
                         "saved state: the machine had %u harts, this one has %u: start with -smp %u",
                         (unsigned)harts, aclint->hart_count, (unsigned)harts);
    }
    pthread_mutex_lock(&aclint->lock);
    atomic_store(aclint->mtime_offset, (int64_t)state_get(reader, "mtime_offset", UINT64_MAX));
    load_harts(aclint, reader);
    if (aclint->mtime_changed)
        aclint->mtime_changed(aclint->opaque);
    pthread_mutex_unlock(&aclint->lock);
    return !reader->failed;
}

static void aclint_destroy(struct device *device)
{
    struct aclint *aclint = (struct aclint *)device;
    for (unsigned i = 0; i < aclint->hart_count; i++) {
        /* A callback that was running when the timer was disarmed may have armed it again. Cancelling twice
         * is enough, since a callback starts only from an armed timer. */
        clock_timer_cancel(&aclint->harts[i].timer);
        clock_timer_cancel(&aclint->harts[i].timer);
    }
    pthread_mutex_destroy(&aclint->lock);
    free(aclint);
}

/* `interrupts-extended`: the machine-level interrupt of that number at each hart. */
static void put_wiring(const struct aclint *aclint, struct fdt_node *node, unsigned number)
{
    fdt32_t *wiring = fdt_node_cells(node, "interrupts-extended", aclint->hart_count * 2);
    for (unsigned i = 0; wiring && i < aclint->hart_count; i++) {
        fdt32_st(&wiring[i * 2], aclint->harts[i].wiring.intc_phandle);
        fdt32_st(&wiring[i * 2 + 1], number);
    }
}

static int put_timer(const struct aclint *aclint, void *fdt, uint64_t base)
{
    char name[32];
    const fdt64_t reg[4] = { cpu_to_fdt64(base + MTIME), cpu_to_fdt64(WINDOW_SIZE - MTIME),
                             cpu_to_fdt64(base + MTIMECMP_BASE), cpu_to_fdt64(MTIME - MTIMECMP_BASE) };
    snprintf(name, sizeof(name), "mtimer@%llx", (unsigned long long)(base + MTIMECMP_BASE));
    struct fdt_node node = fdt_node_begin_plain(fdt, name);
    fdt_node_compatible(&node, "riscv,aclint-mtimer");
    fdt_node_bytes(&node, "reg", reg, sizeof(reg));
    put_wiring(aclint, &node, 7); /* machine timer interrupt */
    return fdt_node_end(&node);
}

static int put_software(const struct aclint *aclint, void *fdt, uint64_t base)
{
    const struct fdt_place place = { .base = base, .size = MTIMECMP_BASE };
    struct fdt_node node = fdt_node_begin(fdt, "mswi", &place);
    fdt_node_compatible(&node, "riscv,aclint-mswi");
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 0);
    put_wiring(aclint, &node, 3); /* machine software interrupt */
    return fdt_node_end(&node);
}

/* One node describes both, as all drivers for the CLINT's layout expect. */
static int put_clint(const struct aclint *aclint, void *fdt, const struct fdt_place *place)
{
    struct fdt_node node = fdt_node_begin(fdt, "clint", place);
    fdt_node_compatible(&node, "sifive,clint0\0riscv,clint0");
    fdt32_t *wiring = fdt_node_cells(&node, "interrupts-extended", aclint->hart_count * 4);
    for (unsigned i = 0; wiring && i < aclint->hart_count; i++) {
        fdt32_st(&wiring[i * 4], aclint->harts[i].wiring.intc_phandle);
        fdt32_st(&wiring[i * 4 + 1], 3); /* machine software interrupt */
        fdt32_st(&wiring[i * 4 + 2], aclint->harts[i].wiring.intc_phandle);
        fdt32_st(&wiring[i * 4 + 3], 7); /* machine timer interrupt */
    }
    return fdt_node_end(&node);
}

static int aclint_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct aclint *aclint = (const struct aclint *)device;
    if (!aclint->split_nodes)
        return put_clint(aclint, fdt, place);
    int status = put_timer(aclint, fdt, place->base);
    return status ? status : put_software(aclint, fdt, place->base);
}

static const struct device_ops aclint_ops = {
    .name = "aclint",
    .size = WINDOW_SIZE,
    .access_min = 4,
    .access_max = 8,
    .read = aclint_read,
    .write = aclint_write,
    .reset = aclint_reset,
    .save = aclint_save,
    .load = aclint_load,
    .destroy = aclint_destroy,
    .fdt = aclint_fdt,
};

struct device *aclint_create(const struct aclint_config *config, struct error *error)
{
    if (config->hart_count < 1 || config->hart_count > ACLINT_HARTS_MAX || config->timebase_hz < 1) {
        error_set(error, "aclint: %u harts at %llu Hz; it has 1 to %u, at 1 Hz or more", config->hart_count,
                  (unsigned long long)config->timebase_hz, ACLINT_HARTS_MAX);
        return NULL;
    }
    struct aclint *aclint = calloc(1, sizeof(*aclint) + config->hart_count * sizeof(struct hart_timer));
    if (!aclint) {
        error_set(error, "aclint: out of memory");
        return NULL;
    }
    aclint->device.ops = &aclint_ops;
    pthread_mutex_init(&aclint->lock, NULL);
    aclint->clock = config->clock;
    aclint->timebase_hz = config->timebase_hz;
    aclint->mtime_offset = config->mtime_offset ? config->mtime_offset : &aclint->own_offset;
    aclint->mtime_changed = config->mtime_changed;
    aclint->opaque = config->opaque;
    aclint->hart_count = config->hart_count;
    aclint->mtimecmp_at_reset = config->mtimecmp_at_reset;
    aclint->split_nodes = config->split_nodes;
    for (unsigned i = 0; i < config->hart_count; i++) {
        struct hart_timer *hart = &aclint->harts[i];
        *hart = (struct hart_timer){ .aclint = aclint,
                                     .wiring = config->harts[i],
                                     .mtimecmp = config->mtimecmp_at_reset };
        clock_timer_init(&hart->timer, config->clock, timer_fire, hart);
        hart_update(aclint, hart);
    }
    return &aclint->device;
}
