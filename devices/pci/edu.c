/* SPDX-License-Identifier: MIT
 *
 * See edu.h. The device's worker is the guest's clock: a factorial is ready soon after it was asked for, a
 * copy EDU_DMA_NS later. Both are done on the clock's thread, so a driver sees them end while its hart does
 * something else, and a paused guest finds them as it left them.
 *
 * All state is under the device's lock, which is taken before that of the bus.
 */
#include "devices/pci/edu.h"

#include <stdlib.h>
#include <string.h>

#include "devices/pci/msi.h"
#include "util/check.h"
#include "util/clock.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_BYTES = 1 << 20, MSI_AT = 0x40 };
enum {
    REG_ID = 0x00,
    REG_LIVENESS = 0x04,
    REG_FACTORIAL = 0x08,
    REG_STATUS = 0x20,
    REG_IRQ_STATUS = 0x24,
    REG_IRQ_RAISE = 0x60,
    REG_IRQ_ACK = 0x64,
    REG_WIDE = 0x80, /* from here on, accesses have 4 or 8 bytes; below, 4 */
    REG_DMA_SOURCE = 0x80,
    REG_DMA_TARGET = 0x88,
    REG_DMA_COUNT = 0x90,
    REG_DMA_COMMAND = 0x98,
};
enum { STATUS_COMPUTING = 0x01, STATUS_INTERRUPT = 0x80 };
enum { COMMAND_RUN = 1, COMMAND_TO_MEMORY = 2, COMMAND_INTERRUPT = 4, COMMAND_BITS = 7 };
enum { IRQ_FACTORIAL = 0x001, IRQ_DMA = 0x100 };
enum { BUFFER_AT = 0x40000, BUFFER_BYTES = 4096 };
#define IDENTIFICATION UINT32_C(0x010000ed) /* version 1.0 */

struct edu {
    struct pci_function function; /* must be first */
    struct edu_config config;
    pthread_mutex_t lock;
    struct clock_timer factorial_timer, dma_timer;
    uint32_t liveness, factorial, status, irq_status;
    uint64_t source, target, count, command;
    uint64_t dma_deadline; /* of guest time; only while COMMAND_RUN is set */
    uint8_t buffer[BUFFER_BYTES];
};

static struct edu *of_function(struct pci_function *function)
{
    return (struct edu *)function;
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

/* The bits of irq_status are the reasons. The wire is high while there is one; a message is sent for each
 * that comes. pci.c keeps the wire low while the guest uses MSI. [locked] */
static void raise_irq(struct edu *edu, uint32_t reasons)
{
    CHECK_HELD(&edu->lock);
    edu->irq_status |= reasons;
    if (!edu->irq_status)
        return;
    pci_function_set_intx(&edu->function, true);
    pci_msi_notify(&edu->function, 0);
}

static void ack_irq(struct edu *edu, uint32_t reasons)
{
    CHECK_HELD(&edu->lock);
    edu->irq_status &= ~reasons;
    pci_function_set_intx(&edu->function, edu->irq_status != 0);
}

/* ---- Factorials ---------------------------------------------------------------------------------------- */

/* Modulo 2^32. From 34! on this is 0, so no number takes more than 34 steps. */
static uint32_t factorial_of(uint32_t number)
{
    uint32_t product = 1;
    for (; number && product; number--)
        product *= number;
    return product;
}

static void factorial_fire(void *opaque)
{
    struct edu *edu = opaque;
    pthread_mutex_lock(&edu->lock);
    if (edu->status & STATUS_COMPUTING) {
        edu->factorial = factorial_of(edu->factorial);
        edu->status &= ~(uint32_t)STATUS_COMPUTING;
        if (edu->status & STATUS_INTERRUPT)
            raise_irq(edu, IRQ_FACTORIAL);
    }
    pthread_mutex_unlock(&edu->lock);
}

static void start_factorial(struct edu *edu, uint32_t number)
{
    if (edu->status & STATUS_COMPUTING)
        return; /* the number that is being computed cannot be changed */
    edu->factorial = number;
    edu->status |= STATUS_COMPUTING;
    clock_timer_arm(&edu->factorial_timer, 0);
}

/* ---- Copies -------------------------------------------------------------------------------------------- */

/* Copies what the registers say. A copy that leaves the buffer or RAM, or that the bus does not allow,
 * changes nothing. [locked] */
static void copy(struct edu *edu)
{
    CHECK_HELD(&edu->lock);
    bool to_memory = edu->command & COMMAND_TO_MEMORY;
    uint64_t inner = (to_memory ? edu->source : edu->target) - BUFFER_AT;
    uint64_t paddr = (to_memory ? edu->target : edu->source) & edu->config.dma_mask;
    if (edu->count > BUFFER_BYTES || inner > BUFFER_BYTES - edu->count) {
        LOG_GUEST("edu: a copy of 0x%llx bytes at 0x%llx leaves the buffer", (unsigned long long)edu->count,
                  (unsigned long long)(inner + BUFFER_AT));
        return;
    }
    if (!pci_function_is_bus_master(&edu->function)) {
        LOG_GUEST("edu: a copy while the function may not master the bus");
        return;
    }
    uint8_t *bytes = edu->buffer + inner;
    if (!(to_memory ? dma_write(edu->config.dma, paddr, bytes, edu->count)
                    : dma_read(edu->config.dma, paddr, bytes, edu->count)))
        LOG_GUEST("edu: a copy of 0x%llx bytes at 0x%llx, which is not all RAM (dma_mask=0x%llx)",
                  (unsigned long long)edu->count, (unsigned long long)paddr,
                  (unsigned long long)edu->config.dma_mask);
}

static void dma_fire(void *opaque)
{
    struct edu *edu = opaque;
    pthread_mutex_lock(&edu->lock);
    /* The timer of a copy that a reset has ended may still be about to fire. */
    if (edu->command & COMMAND_RUN && clock_ns(edu->config.clock) >= edu->dma_deadline) {
        copy(edu);
        edu->command &= ~(uint64_t)COMMAND_RUN;
        if (edu->command & COMMAND_INTERRUPT)
            raise_irq(edu, IRQ_DMA);
    }
    pthread_mutex_unlock(&edu->lock);
}

static void write_command(struct edu *edu, uint64_t value)
{
    if (!(value & COMMAND_RUN))
        return;
    edu->command = value & COMMAND_BITS;
    edu->dma_deadline = clock_ns(edu->config.clock) + EDU_DMA_NS;
    clock_timer_arm(&edu->dma_timer, edu->dma_deadline);
}

/* While a copy is under way, its registers cannot be changed. */
static void write_dma(struct edu *edu, uint64_t offset, uint64_t value)
{
    if (edu->command & COMMAND_RUN)
        return;
    switch (offset) {
    case REG_DMA_SOURCE: edu->source = value; break;
    case REG_DMA_TARGET: edu->target = value; break;
    case REG_DMA_COUNT: edu->count = value; break;
    case REG_DMA_COMMAND: write_command(edu, value); break;
    default:
        LOG_GUEST("edu: write to offset 0x%llx, where no register is", (unsigned long long)offset);
        break;
    }
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

static uint64_t read_register(struct edu *edu, uint64_t offset)
{
    switch (offset) {
    case REG_ID: return IDENTIFICATION;
    case REG_LIVENESS: return edu->liveness;
    case REG_FACTORIAL: return edu->factorial;
    case REG_STATUS: return edu->status;
    case REG_IRQ_STATUS: return edu->irq_status;
    case REG_DMA_SOURCE: return edu->source;
    case REG_DMA_TARGET: return edu->target;
    case REG_DMA_COUNT: return edu->count;
    case REG_DMA_COMMAND: return edu->command;
    default:
        LOG_GUEST("edu: read of offset 0x%llx, where no register is", (unsigned long long)offset);
        return UINT64_MAX;
    }
}

static bool has_size(uint64_t offset, unsigned size)
{
    return size == 4 || (size == 8 && offset >= REG_WIDE);
}

static uint64_t edu_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct edu *edu = of_function(function);
    (void)bar;
    if (!has_size(offset, size))
        return UINT64_MAX;
    pthread_mutex_lock(&edu->lock);
    uint64_t value = read_register(edu, offset);
    pthread_mutex_unlock(&edu->lock);
    return value;
}

static void edu_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct edu *edu = of_function(function);
    (void)bar;
    if (!has_size(offset, size))
        return;
    pthread_mutex_lock(&edu->lock);
    switch (offset) {
    case REG_LIVENESS: edu->liveness = ~(uint32_t)value; break;
    case REG_FACTORIAL: start_factorial(edu, (uint32_t)value); break;
    case REG_STATUS:
        edu->status = (edu->status & STATUS_COMPUTING) | ((uint32_t)value & STATUS_INTERRUPT);
        break;
    case REG_IRQ_RAISE: raise_irq(edu, (uint32_t)value); break;
    case REG_IRQ_ACK: ack_irq(edu, (uint32_t)value); break;
    default: write_dma(edu, offset, value); break;
    }
    pthread_mutex_unlock(&edu->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void edu_reset(struct pci_function *function)
{
    struct edu *edu = of_function(function);
    pthread_mutex_lock(&edu->lock);
    edu->liveness = edu->factorial = edu->status = 0;
    edu->source = edu->target = edu->count = edu->command = 0;
    memset(edu->buffer, 0, sizeof(edu->buffer));
    clock_timer_arm(&edu->factorial_timer, CLOCK_NEVER);
    clock_timer_arm(&edu->dma_timer, CLOCK_NEVER);
    ack_irq(edu, UINT32_MAX);
    pthread_mutex_unlock(&edu->lock);
}

static void edu_save(struct pci_function *function, struct state_writer *writer)
{
    struct edu *edu = of_function(function);
    pthread_mutex_lock(&edu->lock);
    uint64_t now = clock_ns(edu->config.clock);
    state_section(writer, "edu", 1);
    state_put(writer, "liveness", edu->liveness);
    state_put(writer, "factorial", edu->factorial);
    state_put(writer, "status", edu->status);
    state_put(writer, "irq_status", edu->irq_status);
    state_put(writer, "source", edu->source);
    state_put(writer, "target", edu->target);
    state_put(writer, "count", edu->count);
    state_put(writer, "command", edu->command);
    bool waits = edu->command & COMMAND_RUN && edu->dma_deadline > now;
    state_put(writer, "left", waits ? edu->dma_deadline - now : 0);
    state_put_bytes(writer, "buffer", edu->buffer, sizeof(edu->buffer));
    pthread_mutex_unlock(&edu->lock);
}

/* Work that was under way goes on. [locked] */
static void rearm(struct edu *edu, uint64_t left)
{
    CHECK_HELD(&edu->lock);
    edu->dma_deadline = clock_ns(edu->config.clock) + left;
    clock_timer_arm(&edu->dma_timer, edu->command & COMMAND_RUN ? edu->dma_deadline : CLOCK_NEVER);
    clock_timer_arm(&edu->factorial_timer, edu->status & STATUS_COMPUTING ? 0 : CLOCK_NEVER);
    pci_function_set_intx(&edu->function, edu->irq_status != 0);
}

static bool edu_load(struct pci_function *function, struct state_reader *reader)
{
    struct edu *edu = of_function(function);
    if (!state_open(reader, "edu", 1))
        return false;
    pthread_mutex_lock(&edu->lock);
    edu->liveness = (uint32_t)state_get(reader, "liveness", UINT32_MAX);
    edu->factorial = (uint32_t)state_get(reader, "factorial", UINT32_MAX);
    edu->status = (uint32_t)state_get(reader, "status", STATUS_COMPUTING | STATUS_INTERRUPT);
    edu->status &= STATUS_COMPUTING | STATUS_INTERRUPT;
    edu->irq_status = (uint32_t)state_get(reader, "irq_status", UINT32_MAX);
    edu->source = state_get(reader, "source", UINT64_MAX);
    edu->target = state_get(reader, "target", UINT64_MAX);
    edu->count = state_get(reader, "count", UINT64_MAX);
    edu->command = state_get(reader, "command", COMMAND_BITS);
    uint64_t left = state_get(reader, "left", EDU_DMA_NS);
    state_get_bytes(reader, "buffer", edu->buffer, sizeof(edu->buffer));
    rearm(edu, left);
    pthread_mutex_unlock(&edu->lock);
    return !reader->failed;
}

static void edu_destroy(struct pci_function *function)
{
    struct edu *edu = of_function(function);
    clock_timer_cancel(&edu->factorial_timer);
    clock_timer_cancel(&edu->dma_timer);
    pci_function_fini(function);
    pthread_mutex_destroy(&edu->lock);
    free(edu);
}

static const struct pci_function_ops edu_ops = {
    .name = "edu",
    .access_max = 8,
    .read = edu_read,
    .write = edu_write,
    .reset = edu_reset,
    .save = edu_save,
    .load = edu_load,
    .destroy = edu_destroy,
};

struct pci_function *edu_create(const struct edu_config *config, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1234,
        .device = 0x11e8,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x00ff00, /* no class fits */
        .revision = 0x10,
        .interrupt_pin = 1,
    };
    struct edu *edu = calloc(1, sizeof(*edu));
    if (!edu) {
        error_set(error, "edu: out of memory");
        return NULL;
    }
    edu->config = *config;
    pthread_mutex_init(&edu->lock, NULL);
    clock_timer_init(&edu->factorial_timer, config->clock, factorial_fire, edu);
    clock_timer_init(&edu->dma_timer, config->clock, dma_fire, edu);
    pci_function_init(&edu->function, &edu_ops, &identity);
    pci_function_set_bar(&edu->function, BAR_REGISTERS, PCI_BAR_MEM32, BAR_BYTES, false);
    pci_msi_add(&edu->function, MSI_AT, 1);
    if (config->multifunction)
        pci_function_set_config(&edu->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return &edu->function;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct edu_config config = { plug->clock, plug->dma, plug->settings->dma_mask, plug->multifunction };
    return edu_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "dma_mask", DEVICE_KEY_NUMBER, "the bits of memory addresses that it has", DEVICE_SETTING(dma_mask),
      .most = UINT64_MAX, .fallback = 0x0fffffff },
    { .name = NULL },
};

const struct device_model edu_model = {
    .name = "edu",
    .text = "a device to learn to write drivers with",
    .buses = DEVICE_BUS_PCI,
    .keys = model_keys,
    .create_pci = model_create,
};
