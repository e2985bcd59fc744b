/* SPDX-License-Identifier: MIT
 *
 * SiFive's platform DMA engine; see sifive_pdma.h. Software claims a channel, fills in what comes next, and
 * sets `run`; the engine takes that over, copies, and says `done` or `error`. Transfers are copies between
 * RAM: where something else is, they fail. The sizes of a transaction and their order make no difference.
 * The lock protects the channels.
 */
#include "devices/platform/sifive_pdma.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define CHANNEL_SIZE 0x1000u

enum { CONTROL = 0x00, NEXT = 0x04, EXEC = 0x104, WORDS = 7 }; /* seven words follow each of the last two */
enum { CLAIM = 1u << 0, RUN = 1u << 1, DONE_IE = 1u << 14, ERROR_IE = 1u << 15, DONE = 1u << 30 };
#define ERROR           (1u << 31)
#define REPEAT          (1u << 2)
#define CONFIG_AT_CLAIM 0x66000000u /* transactions of 64 bytes */
enum { CONFIG, BYTES, BYTES_HIGH, TO, TO_HIGH, FROM, FROM_HIGH };

struct channel {
    uint32_t control;
    uint32_t next[WORDS], exec[WORDS]; /* in the order of the registers */
};

struct pdma {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_pdma_config config;
    struct channel channels[SIFIVE_PDMA_CHANNELS];
};

static void lines_update(struct pdma *pdma)
{
    for (unsigned i = 0; i < SIFIVE_PDMA_CHANNELS; i++) {
        uint32_t control = pdma->channels[i].control;
        irq_line_set(&pdma->config.irqs[2 * i], control & DONE && control & DONE_IE);
        irq_line_set(&pdma->config.irqs[2 * i + 1], control & ERROR && control & ERROR_IE);
    }
}

static uint64_t pair(const uint32_t *words)
{
    return (uint64_t)words[1] << 32 | words[0];
}

static void put_pair(uint32_t *words, uint64_t value)
{
    words[0] = (uint32_t)value;
    words[1] = (uint32_t)(value >> 32);
}

static bool copy(struct dma *dma, uint64_t to, uint64_t from, uint64_t bytes)
{
    void *target = dma->ops->map(dma, to, bytes, true);
    const void *source = dma->ops->map(dma, from, bytes, false);
    if (!target || !source)
        return false;
    memmove(target, source, bytes);
    dma->ops->written(dma, to, bytes);
    return true;
}

/* With `repeat` the engine is loaded again when it has finished, and waits for the next `run`. */
static void run(struct pdma *pdma, struct channel *channel)
{
    uint64_t bytes = pair(&channel->next[BYTES]);
    uint64_t to = pair(&channel->next[TO]), from = pair(&channel->next[FROM]);
    channel->control &= ~(RUN | DONE | ERROR);
    memcpy(channel->exec, channel->next, sizeof(channel->exec));
    if (bytes && !copy(pdma->config.dma, to, from, bytes)) {
        LOG_GUEST("sifive-pdma: %llu bytes from %#llx to %#llx: that is not all RAM",
                  (unsigned long long)bytes, (unsigned long long)from, (unsigned long long)to);
        channel->control |= ERROR;
        return;
    }
    channel->control |= DONE;
    if (channel->next[CONFIG] & REPEAT)
        return;
    put_pair(&channel->exec[BYTES], 0);
    put_pair(&channel->exec[TO], to + bytes);
    put_pair(&channel->exec[FROM], from + bytes);
}

static void write_control(struct pdma *pdma, struct channel *channel, uint32_t value)
{
    bool claimed = channel->control & CLAIM;
    if (!claimed && value & CLAIM) {
        memset(channel->next, 0, sizeof(channel->next));
        channel->next[CONFIG] = CONFIG_AT_CLAIM;
    }
    if (!(value & CLAIM) && value & RUN) {
        LOG_GUEST("sifive-pdma: a channel runs only while it is claimed");
        value &= ~(uint32_t)RUN;
    }
    channel->control = value & (CLAIM | RUN | DONE_IE | ERROR_IE | DONE | ERROR);
    if (value & RUN)
        run(pdma, channel);
    lines_update(pdma);
}

/* Returns the place of a word; NULL: there is none, or it cannot be written. */
static uint32_t *word_at(struct pdma *pdma, uint64_t offset, bool write)
{
    uint64_t number = offset / CHANNEL_SIZE, at = offset % CHANNEL_SIZE;
    struct channel *channel = &pdma->channels[number < SIFIVE_PDMA_CHANNELS ? number : 0];
    if (number >= SIFIVE_PDMA_CHANNELS)
        return NULL;
    if (at == CONTROL)
        return &channel->control;
    if (at >= NEXT && at < NEXT + 4 * WORDS)
        return &channel->next[(at - NEXT) / 4];
    return !write && at >= EXEC && at < EXEC + 4 * WORDS ? &channel->exec[(at - EXEC) / 4] : NULL;
}

static uint64_t pdma_read(struct device *device, uint64_t offset, unsigned size)
{
    struct pdma *pdma = (struct pdma *)device;
    (void)size;
    pthread_mutex_lock(&pdma->lock);
    const uint32_t *word = word_at(pdma, offset, false);
    uint32_t value = word ? *word : 0;
    pthread_mutex_unlock(&pdma->lock);
    if (!word)
        LOG_GUEST("sifive-pdma: read at offset %#llx, where no register is", (unsigned long long)offset);
    return value;
}

static void pdma_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pdma *pdma = (struct pdma *)device;
    (void)size;
    pthread_mutex_lock(&pdma->lock);
    uint32_t *word = word_at(pdma, offset, true);
    if (word && offset % CHANNEL_SIZE == CONTROL)
        write_control(pdma, &pdma->channels[offset / CHANNEL_SIZE], (uint32_t)value);
    else if (word)
        *word = (uint32_t)value;
    pthread_mutex_unlock(&pdma->lock);
    if (!word)
        LOG_GUEST("sifive-pdma: write at offset %#llx, where no register can be written",
                  (unsigned long long)offset);
}

static void pdma_reset(struct device *device)
{
    struct pdma *pdma = (struct pdma *)device;
    pthread_mutex_lock(&pdma->lock);
    memset(pdma->channels, 0, sizeof(pdma->channels));
    lines_update(pdma);
    pthread_mutex_unlock(&pdma->lock);
}

#define NAME_SIZE 16

static void save_words(struct state_writer *writer, unsigned channel, const char *what, const uint32_t *words)
{
    char name[NAME_SIZE];
    for (unsigned i = 0; i < WORDS; i++) {
        snprintf(name, sizeof(name), "%s%u.%u", what, channel % 10, i % 10);
        state_put(writer, name, words[i]);
    }
}

static void load_words(struct state_reader *reader, unsigned channel, const char *what, uint32_t *words)
{
    char name[NAME_SIZE];
    for (unsigned i = 0; i < WORDS; i++) {
        snprintf(name, sizeof(name), "%s%u.%u", what, channel % 10, i % 10);
        words[i] = (uint32_t)state_get(reader, name, UINT32_MAX);
    }
}

static void pdma_save(struct device *device, struct state_writer *writer)
{
    struct pdma *pdma = (struct pdma *)device;
    char name[NAME_SIZE];
    pthread_mutex_lock(&pdma->lock);
    state_section(writer, pdma->device.ops->name, 1);
    for (unsigned i = 0; i < SIFIVE_PDMA_CHANNELS; i++) {
        snprintf(name, sizeof(name), "control%u", i);
        state_put(writer, name, pdma->channels[i].control);
        save_words(writer, i, "next", pdma->channels[i].next);
        save_words(writer, i, "exec", pdma->channels[i].exec);
    }
    pthread_mutex_unlock(&pdma->lock);
}

static bool pdma_load(struct device *device, struct state_reader *reader)
{
    struct pdma *pdma = (struct pdma *)device;
    char name[NAME_SIZE];
    if (!state_open(reader, pdma->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&pdma->lock);
    for (unsigned i = 0; i < SIFIVE_PDMA_CHANNELS; i++) {
        snprintf(name, sizeof(name), "control%u", i);
        uint32_t control = (uint32_t)state_get(reader, name, UINT32_MAX);
        pdma->channels[i].control = control & (CLAIM | DONE_IE | ERROR_IE | DONE | ERROR);
        load_words(reader, i, "next", pdma->channels[i].next);
        load_words(reader, i, "exec", pdma->channels[i].exec);
    }
    lines_update(pdma);
    pthread_mutex_unlock(&pdma->lock);
    return !reader->failed;
}

static void pdma_destroy(struct device *device)
{
    struct pdma *pdma = (struct pdma *)device;
    pthread_mutex_destroy(&pdma->lock);
    free(pdma);
}

static int pdma_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "dma", place);
    fdt_node_compatible(&node, "sifive,fu540-c000-pdma");
    fdt_node_interrupts(&node, place, 2 * SIFIVE_PDMA_CHANNELS);
    fdt_node_u32(&node, "#dma-cells", 1);
    return fdt_node_end(&node);
}

static const struct device_ops pdma_ops = {
    .name = "sifive-pdma",
    .size = 0x100000,
    .access_min = 4,
    .access_max = 4,
    .read = pdma_read,
    .write = pdma_write,
    .reset = pdma_reset,
    .save = pdma_save,
    .load = pdma_load,
    .destroy = pdma_destroy,
    .fdt = pdma_fdt,
};

struct device *sifive_pdma_create(const struct sifive_pdma_config *config, struct error *error)
{
    struct pdma *pdma = calloc(1, sizeof(*pdma));
    if (!pdma) {
        error_set(error, "sifive-pdma: out of memory");
        return NULL;
    }
    pdma->device.ops = &pdma_ops;
    pdma->config = *config;
    pthread_mutex_init(&pdma->lock, NULL);
    return &pdma->device;
}
