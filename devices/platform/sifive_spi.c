/* SPDX-License-Identifier: MIT
 *
 * SiFive's SPI controller; see sifive_spi.h. A byte is transferred while it is written, so that the queue for
 * sending is always empty. The lock protects everything, the card, too; it is held while the card's disk is
 * read or written.
 */
#include "devices/platform/sifive_spi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define FIFO_SIZE 8u
#define EMPTY     0x80000000u

enum reg {
    SCKDIV,
    SCKMODE,
    CSID = 4,
    CSDEF,
    CSMODE,
    DELAY0 = 10,
    DELAY1,
    FMT = 16,
    TXDATA = 18,
    RXDATA,
    TXMARK,
    RXMARK,
    FCTRL = 24,
    FFMT,
    IE = 28,
    IP,
    REG_COUNT
};
enum { CS_AUTO = 0, CS_HOLD = 2, CS_OFF = 3 };
enum { INT_TXWM = 1, INT_RXWM = 2 };
#define FMT_SEND_ONLY 8u

static const struct {
    uint8_t reg;
    uint32_t at_reset, writable;
} regs[] = {
    { SCKDIV, 3, 0xfff },
    { SCKMODE, 0, 3 },
    { CSID, 0, 0xffffffff },
    { CSDEF, 1, 1 },
    { CSMODE, 0, 3 },
    { DELAY0, 0x10001, 0xff00ff },
    { DELAY1, 1, 0xff00ff },
    { FMT, 0x80000, 0xf000f },
    { TXMARK, 0, 7 },
    { RXMARK, 0, 7 },
    { FCTRL, 0, 1 },
    { FFMT, 0x00030007, 0xffff3fff },
    { IE, 0, 3 },
};
#define KNOWN (sizeof(regs) / sizeof(regs[0]))

struct spi {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_spi_config config;
    uint32_t values[REG_COUNT];
    uint8_t fifo[FIFO_SIZE];
    unsigned count;
};

static uint32_t pending(const struct spi *spi)
{
    return (spi->values[TXMARK] ? INT_TXWM : 0u) | (spi->count > spi->values[RXMARK] ? INT_RXWM : 0u);
}

static void irq_update(struct spi *spi)
{
    irq_line_set(&spi->config.irq, pending(spi) & spi->values[IE]);
}

/* A card is selected while its line is low. CSDEF says how the line is while nothing is selected. */
static bool is_selected(const struct spi *spi)
{
    bool active = spi->values[CSMODE] != CS_OFF, high_when_idle = spi->values[CSDEF] & 1;
    return spi->config.card && (active && spi->values[CSID] == 0) == high_when_idle;
}

#define FMT_USUAL 0x80000u /* frames of 8 bits, the highest first, on one wire */

static void transfer(struct spi *spi, uint8_t byte)
{
    if ((spi->values[FMT] & ~FMT_SEND_ONLY) != FMT_USUAL)
        LOG_UNIMP("sifive-spi: fmt %#x: only bytes, highest bit first, on one wire are implemented",
                  spi->values[FMT]);
    uint8_t answer = is_selected(spi) ? sd_card_transfer(spi->config.card, byte) : 0xff;
    if (!(spi->values[FMT] & FMT_SEND_ONLY) && spi->count < FIFO_SIZE)
        spi->fifo[spi->count++] = answer;
}

static uint32_t take_byte(struct spi *spi)
{
    if (!spi->count)
        return EMPTY;
    uint8_t byte = spi->fifo[0];
    memmove(spi->fifo, spi->fifo + 1, --spi->count);
    return byte;
}

static uint64_t spi_read(struct device *device, uint64_t offset, unsigned size)
{
    struct spi *spi = (struct spi *)device;
    uint32_t value = 0;
    (void)size;
    pthread_mutex_lock(&spi->lock);
    switch (offset / 4) {
    case TXDATA: break; /* never full */
    case RXDATA: value = take_byte(spi); break;
    case IP: value = pending(spi); break;
    default:
        if (offset / 4 < REG_COUNT)
            value = spi->values[offset / 4]; /* 0 where no register is */
        else
            LOG_GUEST("sifive-spi: read at offset %#llx, where no register is", (unsigned long long)offset);
    }
    irq_update(spi);
    pthread_mutex_unlock(&spi->lock);
    return value;
}

static void spi_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct spi *spi = (struct spi *)device;
    bool known = offset / 4 == TXDATA;
    (void)size;
    pthread_mutex_lock(&spi->lock);
    if (known)
        transfer(spi, (uint8_t)value);
    for (size_t i = 0; i < KNOWN; i++) {
        if (regs[i].reg != offset / 4)
            continue;
        spi->values[regs[i].reg] = (uint32_t)value & regs[i].writable;
        known = true;
    }
    irq_update(spi);
    pthread_mutex_unlock(&spi->lock);
    if (!known)
        LOG_GUEST("sifive-spi: write at offset %#llx, where no register can be written",
                  (unsigned long long)offset);
}

static void registers_reset(struct spi *spi)
{
    memset(spi->values, 0, sizeof(spi->values));
    for (size_t i = 0; i < KNOWN; i++)
        spi->values[regs[i].reg] = regs[i].at_reset;
    spi->count = 0;
}

static void spi_reset(struct device *device)
{
    struct spi *spi = (struct spi *)device;
    pthread_mutex_lock(&spi->lock);
    registers_reset(spi);
    if (spi->config.card)
        sd_card_reset(spi->config.card);
    irq_update(spi);
    pthread_mutex_unlock(&spi->lock);
}

static void reg_name(unsigned reg, char name[8])
{
    snprintf(name, 8, "reg%02u", reg % 100);
}

static void spi_save(struct device *device, struct state_writer *writer)
{
    struct spi *spi = (struct spi *)device;
    char name[8];
    pthread_mutex_lock(&spi->lock);
    state_section(writer, spi->device.ops->name, 1);
    for (size_t i = 0; i < KNOWN; i++) {
        reg_name(regs[i].reg, name);
        state_put(writer, name, spi->values[regs[i].reg]);
    }
    state_put_bytes(writer, "fifo", spi->fifo, sizeof(spi->fifo));
    state_put(writer, "count", spi->count);
    state_put(writer, "card", spi->config.card != NULL);
    if (spi->config.card)
        sd_card_save(spi->config.card, writer);
    pthread_mutex_unlock(&spi->lock);
}

static bool spi_load(struct device *device, struct state_reader *reader)
{
    struct spi *spi = (struct spi *)device;
    char name[8];
    if (!state_open(reader, spi->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&spi->lock);
    for (size_t i = 0; i < KNOWN; i++) {
        reg_name(regs[i].reg, name);
        spi->values[regs[i].reg] = (uint32_t)state_get(reader, name, UINT32_MAX) & regs[i].writable;
    }
    state_get_bytes(reader, "fifo", spi->fifo, sizeof(spi->fifo));
    spi->count = (unsigned)state_get(reader, "count", FIFO_SIZE);
    bool card = state_get(reader, "card", spi->config.card != NULL);
    if (spi->config.card && card)
        sd_card_load(spi->config.card, reader);
    irq_update(spi);
    pthread_mutex_unlock(&spi->lock);
    return !reader->failed;
}

static void spi_destroy(struct device *device)
{
    struct spi *spi = (struct spi *)device;
    sd_card_destroy(spi->config.card);
    pthread_mutex_destroy(&spi->lock);
    free(spi);
}

static int put_slot(void *fdt)
{
    struct fdt_node node = fdt_node_begin_plain(fdt, "mmc@0");
    fdt_node_compatible(&node, "mmc-spi-slot");
    fdt_node_u32(&node, "reg", 0);
    fdt_node_u32(&node, "spi-max-frequency", 20000000);
    fdt32_t *volts = fdt_node_cells(&node, "voltage-ranges", 2);
    for (unsigned i = 0; volts && i < 2; i++)
        fdt32_st(&volts[i], 3300);
    fdt_node_bytes(&node, "disable-wp", NULL, 0);
    return fdt_node_end(&node);
}

static int spi_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct spi *spi = (const struct spi *)device;
    struct fdt_node node = fdt_node_begin(fdt, "spi", place);
    fdt_node_compatible(&node, "sifive,spi0");
    fdt_node_interrupt(&node, place);
    fdt_node_clock(&node, spi->config.clock);
    fdt_node_u32(&node, "#address-cells", 1);
    fdt_node_u32(&node, "#size-cells", 0);
    if (spi->config.has_slot && !node.status)
        node.status = put_slot(fdt);
    return fdt_node_end(&node);
}

static const struct device_ops spi_ops = {
    .name = "sifive-spi",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = spi_read,
    .write = spi_write,
    .reset = spi_reset,
    .save = spi_save,
    .load = spi_load,
    .destroy = spi_destroy,
    .fdt = spi_fdt,
};

struct device *sifive_spi_create(const struct sifive_spi_config *config, struct error *error)
{
    struct spi *spi = calloc(1, sizeof(*spi));
    if (!spi) {
        error_set(error, "sifive-spi: out of memory");
        sd_card_destroy(config->card);
        return NULL;
    }
    spi->device.ops = &spi_ops;
    spi->config = *config;
    pthread_mutex_init(&spi->lock, NULL);
    registers_reset(spi);
    return &spi->device;
}
