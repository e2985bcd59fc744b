/* SPDX-License-Identifier: MIT
 *
 * Registers of GD32VF103; see gd32_registers.h. A block is a table of its registers: what can be written,
 * what they are at reset, which bits always read as 1, and what follows from a bit: the ready bit of a clock
 * is the next bit above its enable bit, and follows it at once.
 *
 * Nothing is connected to SPI: a byte that is sent is gone, and 0xff is received. The flash cannot be erased
 * or programmed, and the watchdogs never bark. The lock protects the registers.
 */
#include "devices/platform/gd32_registers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

struct reg {
    uint16_t offset;
    uint32_t writable, at_reset, always;
    uint32_t enables; /* bits whose ready bit is the next one above */
};

/* The switch of the system clock (SCS) has its status (SCSS) two bits above: see effects(). */
enum { RCU_CFG0 = 0x04, FMC_KEY = 0x04, FMC_CTL = 0x10 };
enum { SPI_CTL0 = 0x00, SPI_CTL1 = 0x04, SPI_STAT = 0x08, SPI_DATA = 0x0c };

static const struct reg rcu[] = {
    { 0x00, 0x150d00f9, 0x00000081, 0, 0x15010001 },
    { 0x04, 0xfffffff3, 0, 0, 0 },
    { 0x08, 0x7f00, 0, 0, 0 },
    { 0x0c, UINT32_MAX, 0, 0, 0 },
    { 0x10, UINT32_MAX, 0, 0, 0 },
    { 0x14, UINT32_MAX, 0x14, 0, 0 },
    { 0x18, UINT32_MAX, 0, 0, 0 },
    { 0x1c, UINT32_MAX, 0, 0, 0 },
    { 0x20, 0x18305, 0x18, 0, 1 },
    { 0x24, 1, 0x0c000000, 0, 1 },
    { 0x28, UINT32_MAX, 0, 0, 0 },
    { 0x2c, UINT32_MAX, 0, 0, 0 },
    { 0x34, 3, 0, 0, 0 },
};
static const struct reg fmc[] = {
    { 0x00, 0x7, 0, 0, 0 },        { 0x04, 0, 0, 0, 0 },          { 0x08, 0, 0, 0, 0 },
    { 0x0c, 0, 0, 0, 0 },          { 0x10, 0x16f7, 0x80, 0, 0 },  { 0x14, UINT32_MAX, 0, 0, 0 },
    { 0x1c, 0, 0x03fffffc, 0, 0 }, { 0x20, 0, UINT32_MAX, 0, 0 }, { 0x100, 0, 0x40404040, 0, 0 },
};
static const struct reg spi[] = {
    { 0x00, 0xffff, 0, 0, 0 }, { 0x04, 0xff, 0, 0, 0 },   { 0x08, 0, 2, 2, 0 },
    { 0x0c, 0, 0, 0, 0 },      { 0x10, 0xffff, 7, 0, 0 }, { 0x14, 0, 0, 0, 0 },
    { 0x18, 0, 0, 0, 0 },      { 0x1c, 0xfbf, 0, 0, 0 },  { 0x20, 0x3ff, 2, 0, 0 },
};
static const struct reg fwdgt[] = {
    { 0x00, 0, 0, 0, 0 },
    { 0x04, 7, 0, 0, 0 },
    { 0x08, 0xfff, 0xfff, 0, 0 },
    { 0x0c, 0, 0, 0, 0 },
};
static const struct reg wwdgt[] = { { 0x00, 0xff, 0x7f, 0, 0 },
                                    { 0x04, 0x3ff, 0x7f, 0, 0 },
                                    { 0x08, 0, 0, 0, 0 } };
/* RTC: LWOFF and RSYNF, for which programs wait. */
static const struct reg rtc[] = {
    { 0x00, 7, 0, 0, 0 },           { 0x04, 0x17, 0x20, 0x28, 0 }, { 0x08, 0xf, 0, 0, 0 },
    { 0x0c, 0xffff, 0, 0, 0 },      { 0x10, 0, 0, 0, 0 },          { 0x14, 0, 0x8000, 0, 0 },
    { 0x18, 0xffff, 0, 0, 0 },      { 0x1c, 0xffff, 0, 0, 0 },     { 0x20, 0xffff, 0xffff, 0, 0 },
    { 0x24, 0xffff, 0xffff, 0, 0 },
};
static const struct reg pmu[] = { { 0x00, 0x1f3, 0, 0, 0 }, { 0x04, 0x100, 0, 0, 0 } };
#define BKP_DATA(offset)                                                                                     \
    {                                                                                                        \
        offset, 0xffff, 0, 0, 0                                                                              \
    }
static const struct reg bkp[] = {
    BKP_DATA(0x04), BKP_DATA(0x08), BKP_DATA(0x0c), BKP_DATA(0x10), BKP_DATA(0x14),
    BKP_DATA(0x18), BKP_DATA(0x1c), BKP_DATA(0x20), BKP_DATA(0x24), BKP_DATA(0x28),
    BKP_DATA(0x2c), BKP_DATA(0x30), BKP_DATA(0x34),
};
static const struct reg dbg[] = { { 0x00, 0, 0x790007a3, 0, 0 }, { 0x04, UINT32_MAX, 0, 0, 0 } };
/* KiB of flash and of SRAM, and the chip's number. */
static const struct reg info[] = {
    { 0x0, 0, 32u << 16 | 128, 0, 0 },
    { 0x8, 0, 0x76697652, 0, 0 },
    { 0xc, 0, 0x56324447, 0, 0 },
    { 0x10, 0, 0x1, 0, 0 },
};

#define REGS_MAX 16

static const struct block {
    const char *name;
    uint32_t size;
    const struct reg *regs;
    unsigned count;
} blocks[GD32_BLOCKS] = {
#define ROW(name, size, regs)                                                                                \
    {                                                                                                        \
        name, size, regs, sizeof(regs) / sizeof((regs)[0])                                                   \
    }
    [GD32_RCU] = ROW("gd32-rcu", 0x400, rcu),       [GD32_FMC] = ROW("gd32-fmc", 0x400, fmc),
    [GD32_SPI] = ROW("gd32-spi", 0x400, spi),       [GD32_FWDGT] = ROW("gd32-fwdgt", 0x400, fwdgt),
    [GD32_WWDGT] = ROW("gd32-wwdgt", 0x400, wwdgt), [GD32_RTC] = ROW("gd32-rtc", 0x400, rtc),
    [GD32_PMU] = ROW("gd32-pmu", 0x400, pmu),       [GD32_BKP] = ROW("gd32-bkp", 0x400, bkp),
    [GD32_DBG] = ROW("gd32-dbg", 0x400, dbg),       [GD32_INFO] = ROW("gd32-info", 0x20, info),
};

struct registers {
    struct device device;  /* must be first: the ops cast back to the whole */
    struct device_ops ops; /* each block has a name and a size of its own */
    pthread_mutex_t lock;
    enum gd32_block block;
    struct irq_line irq;
    uint32_t values[REGS_MAX];
    unsigned keys; /* of FMC that were given */
};

/* Which register it is; the count: none. */
static unsigned find(const struct registers *registers, uint64_t offset)
{
    const struct block *block = &blocks[registers->block];
    unsigned number = 0;
    while (number < block->count && block->regs[number].offset != (offset & ~UINT64_C(3)))
        number++;
    if (number == block->count)
        LOG_GUEST("%s: access at offset %#llx, where no register is", block->name,
                  (unsigned long long)offset);
    return number;
}

static uint32_t *value_at(struct registers *registers, uint64_t offset)
{
    return &registers->values[find(registers, offset)];
}

#define SPI_RBNE  1u
#define SPI_TBE   2u
#define FMC_LOCK  0x80u
#define FMC_WORKS 0x77u /* PG, PER, MER, OBPG, OBER, START */

static void irq_update(struct registers *registers)
{
    if (registers->block != GD32_SPI)
        return;
    uint32_t flags = *value_at(registers, SPI_STAT), enabled = *value_at(registers, SPI_CTL1);
    irq_line_set(&registers->irq,
                 (flags & SPI_RBNE && enabled & 0x40) || (flags & SPI_TBE && enabled & 0x80));
}

static uint64_t registers_read(struct device *device, uint64_t offset, unsigned size)
{
    struct registers *registers = (struct registers *)device;
    const struct block *block = &blocks[registers->block];
    unsigned number = find(registers, offset);
    if (number == block->count)
        return 0;
    pthread_mutex_lock(&registers->lock);
    uint32_t value = registers->values[number] | block->regs[number].always;
    if (registers->block == GD32_SPI && offset == SPI_DATA) {
        *value_at(registers, SPI_STAT) &= ~SPI_RBNE;
        irq_update(registers);
    }
    pthread_mutex_unlock(&registers->lock);
    value >>= 8 * (offset & 3);
    return size == 1 ? (uint8_t)value : size == 2 ? (uint16_t)value : value;
}

/* Two words, one after the other, open the flash's control register, until LK is set. */
static void fmc_write(struct registers *registers, uint64_t offset, uint32_t value, uint32_t *reg,
                      uint32_t old)
{
    static const uint32_t keys[2] = { 0x45670123, 0xcdef89ab };
    if (offset == FMC_KEY) {
        registers->keys = registers->keys < 2 && value == keys[registers->keys] ? registers->keys + 1 : 0;
        if (registers->keys == 2)
            *value_at(registers, FMC_CTL) &= ~FMC_LOCK;
    } else if (offset == FMC_CTL) {
        if (old & FMC_LOCK)
            *reg = old;
        if (*reg & FMC_LOCK)
            registers->keys = 0;
        if (*reg & FMC_WORKS)
            LOG_UNIMP("gd32-fmc: the flash cannot be erased or programmed");
    }
}

/* What a write does besides. */
static void effects(struct registers *registers, uint64_t offset, uint32_t value, uint32_t *reg, uint32_t old)
{
    if (registers->block == GD32_RCU && offset == RCU_CFG0)
        *reg = (*reg & ~0xcu) | (*reg & 3) << 2;
    if (registers->block == GD32_FMC)
        fmc_write(registers, offset, value, reg, old);
    if (registers->block == GD32_SPI && offset == SPI_DATA && *value_at(registers, SPI_CTL0) & 0x40) {
        *reg = 0xff;
        *value_at(registers, SPI_STAT) |= SPI_RBNE;
    }
    irq_update(registers);
}

static void registers_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct registers *registers = (struct registers *)device;
    const struct block *block = &blocks[registers->block];
    unsigned number = find(registers, offset);
    (void)size;
    if (number == block->count || offset & 3)
        return;
    const struct reg *reg = &block->regs[number];
    pthread_mutex_lock(&registers->lock);
    uint32_t *now = &registers->values[number], old = *now;
    *now = (old & ~reg->writable) | ((uint32_t)value & reg->writable);
    *now = (*now & ~(reg->enables << 1)) | (*now & reg->enables) << 1;
    effects(registers, offset, (uint32_t)value, now, old);
    pthread_mutex_unlock(&registers->lock);
}

static void reset_values(struct registers *registers)
{
    const struct block *block = &blocks[registers->block];
    for (unsigned i = 0; i < block->count; i++)
        registers->values[i] = block->regs[i].at_reset | (block->regs[i].at_reset & block->regs[i].enables)
                                                             << 1;
    registers->keys = 0;
}

static void registers_reset(struct device *device)
{
    struct registers *registers = (struct registers *)device;
    pthread_mutex_lock(&registers->lock);
    reset_values(registers);
    irq_update(registers);
    pthread_mutex_unlock(&registers->lock);
}

static void registers_save(struct device *device, struct state_writer *writer)
{
    struct registers *registers = (struct registers *)device;
    pthread_mutex_lock(&registers->lock);
    state_section(writer, device->ops->name, 1);
    state_put_bytes(writer, "values", registers->values, sizeof(registers->values));
    state_put(writer, "keys", registers->keys);
    pthread_mutex_unlock(&registers->lock);
}

/* Of a hostile file only what the guest could have made is kept, as far as it matters: the registers control
 * nothing of the host. */
static bool registers_load(struct device *device, struct state_reader *reader)
{
    struct registers *registers = (struct registers *)device;
    if (!state_open(reader, device->ops->name, 1))
        return false;
    pthread_mutex_lock(&registers->lock);
    state_get_bytes(reader, "values", registers->values, sizeof(registers->values));
    registers->keys = (unsigned)state_get(reader, "keys", 2);
    irq_update(registers);
    pthread_mutex_unlock(&registers->lock);
    return !reader->failed;
}

static void registers_destroy(struct device *device)
{
    struct registers *registers = (struct registers *)device;
    pthread_mutex_destroy(&registers->lock);
    free(registers);
}

struct device *gd32_registers_create(enum gd32_block block, struct irq_line irq, struct error *error)
{
    struct registers *registers = calloc(1, sizeof(*registers));
    if (!registers) {
        error_set(error, "%s: out of memory", blocks[block].name);
        return NULL;
    }
    registers->ops = (struct device_ops){
        .name = blocks[block].name,
        .size = blocks[block].size,
        .access_min = 1,
        .access_max = 4,
        .read = registers_read,
        .write = registers_write,
        .reset = registers_reset,
        .save = registers_save,
        .load = registers_load,
        .destroy = registers_destroy,
    };
    registers->device.ops = &registers->ops;
    registers->block = block;
    registers->irq = irq;
    reset_values(registers);
    pthread_mutex_init(&registers->lock, NULL);
    return &registers->device;
}
