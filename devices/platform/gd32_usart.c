/* SPDX-License-Identifier: MIT
 *
 * The USART of GD32VF103; see gd32_usart.h. A byte is sent at once, so TBE and TC are set always, and the
 * baud rate means nothing. One byte is received at a time; the next one comes when it has been read, so there
 * is no overrun. LIN, IrDA, smartcards, flow control and DMA are not there.
 *
 * The lock protects the registers. It is not held while the chardev is called, which may wait.
 */
#include "devices/platform/gd32_usart.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

enum { STAT, DATA, BAUD, CTL0, CTL1, CTL2, GP, REG_COUNT }; /* words */
#define STAT_RBNE 0x20u
#define STAT_TC   0x40u
#define STAT_TBE  0x80u
#define CTL0_REN  0x4u
#define CTL0_TEN  0x8u
#define CTL0_UEN  0x2000u
#define CTL2_DMA  0xc0u

static const uint32_t masks[REG_COUNT] = { 0, 0, 0xffff, 0x3fff, 0x7f6f, 0x7ff, 0xffff };

struct usart {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct chardev *chardev;
    struct irq_line irq;
    uint32_t regs[REG_COUNT];
};

static bool receives(const struct usart *usart)
{
    const uint32_t on = CTL0_UEN | CTL0_REN;
    return (usart->regs[CTL0] & on) == on && !(usart->regs[STAT] & STAT_RBNE);
}

/* The enable bits in CTL0 have the places of the flags. */
static void irq_update(struct usart *usart)
{
    uint32_t flags = usart->regs[STAT] & (STAT_RBNE | STAT_TC | STAT_TBE);
    irq_line_set(&usart->irq, usart->regs[CTL0] & CTL0_UEN && flags & usart->regs[CTL0]);
}

static size_t front_can_receive(void *opaque)
{
    struct usart *usart = opaque;
    pthread_mutex_lock(&usart->lock);
    size_t room = receives(usart);
    pthread_mutex_unlock(&usart->lock);
    return room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct usart *usart = opaque;
    pthread_mutex_lock(&usart->lock);
    if (length && receives(usart)) {
        usart->regs[DATA] = bytes[0];
        usart->regs[STAT] |= STAT_RBNE;
        irq_update(usart);
    }
    pthread_mutex_unlock(&usart->lock);
}

static uint64_t usart_read(struct device *device, uint64_t offset, unsigned size)
{
    struct usart *usart = (struct usart *)device;
    unsigned reg = (unsigned)(offset / 4);
    bool room = false;
    (void)size;
    if (reg >= REG_COUNT || offset & 3) {
        LOG_GUEST("gd32-usart: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&usart->lock);
    uint32_t value = usart->regs[reg];
    if (reg == DATA) {
        room = usart->regs[STAT] & STAT_RBNE;
        usart->regs[STAT] &= ~STAT_RBNE;
        irq_update(usart);
    }
    pthread_mutex_unlock(&usart->lock);
    if (room && usart->chardev)
        chardev_input_ready(usart->chardev);
    return size == 1 ? (uint8_t)value : size == 2 ? (uint16_t)value : value;
}

/* RBNE and TC are cleared by writing 0; TC is set again by the next byte. */
static void clear_flags(struct usart *usart, uint32_t value)
{
    usart->regs[STAT] &= value | ~(STAT_RBNE | STAT_TC);
}

static void usart_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct usart *usart = (struct usart *)device;
    unsigned reg = (unsigned)(offset / 4);
    uint8_t byte = (uint8_t)value;
    (void)size;
    if (reg >= REG_COUNT || offset & 3) {
        LOG_GUEST("gd32-usart: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    if (reg == CTL2 && value & CTL2_DMA)
        LOG_UNIMP("gd32-usart: DMA is not implemented");
    pthread_mutex_lock(&usart->lock);
    const uint32_t on = CTL0_UEN | CTL0_TEN;
    bool sends = reg == DATA && (usart->regs[CTL0] & on) == on;
    if (reg == STAT)
        clear_flags(usart, (uint32_t)value);
    else if (reg == DATA)
        usart->regs[STAT] |= STAT_TC;
    else
        usart->regs[reg] = (uint32_t)value & masks[reg];
    bool ready = receives(usart);
    irq_update(usart);
    pthread_mutex_unlock(&usart->lock);
    if (sends && usart->chardev)
        chardev_write(usart->chardev, &byte, 1);
    if (ready && usart->chardev)
        chardev_input_ready(usart->chardev);
}

static void registers_reset(struct usart *usart)
{
    memset(usart->regs, 0, sizeof(usart->regs));
    usart->regs[STAT] = STAT_TC | STAT_TBE;
}

static void usart_reset(struct device *device)
{
    struct usart *usart = (struct usart *)device;
    pthread_mutex_lock(&usart->lock);
    registers_reset(usart);
    irq_update(usart);
    pthread_mutex_unlock(&usart->lock);
}

static const char *const names[REG_COUNT] = { "stat", "data", "baud", "ctl0", "ctl1", "ctl2", "gp" };

static void usart_save(struct device *device, struct state_writer *writer)
{
    struct usart *usart = (struct usart *)device;
    pthread_mutex_lock(&usart->lock);
    state_section(writer, usart->device.ops->name, 1);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        state_put(writer, names[reg], usart->regs[reg]);
    pthread_mutex_unlock(&usart->lock);
}

static bool usart_load(struct device *device, struct state_reader *reader)
{
    struct usart *usart = (struct usart *)device;
    if (!state_open(reader, usart->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&usart->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        usart->regs[reg] = (uint32_t)state_get(reader, names[reg], UINT32_MAX);
    for (unsigned reg = BAUD; reg < REG_COUNT; reg++)
        usart->regs[reg] &= masks[reg];
    usart->regs[STAT] = (usart->regs[STAT] & (STAT_RBNE | STAT_TC)) | STAT_TBE;
    usart->regs[DATA] &= 0xff;
    irq_update(usart);
    pthread_mutex_unlock(&usart->lock);
    if (usart->chardev)
        chardev_input_ready(usart->chardev);
    return !reader->failed;
}

static void usart_destroy(struct device *device)
{
    struct usart *usart = (struct usart *)device;
    pthread_mutex_destroy(&usart->lock);
    free(usart);
}

static const struct device_ops usart_ops = {
    .name = "gd32-usart",
    .size = 0x400,
    .access_min = 1,
    .access_max = 4,
    .read = usart_read,
    .write = usart_write,
    .reset = usart_reset,
    .save = usart_save,
    .load = usart_load,
    .destroy = usart_destroy,
};

struct device *gd32_usart_create(struct chardev *chardev, struct irq_line irq, struct error *error)
{
    struct usart *usart = calloc(1, sizeof(*usart));
    if (!usart) {
        error_set(error, "gd32-usart: out of memory");
        return NULL;
    }
    usart->device.ops = &usart_ops;
    usart->chardev = chardev;
    usart->irq = irq;
    registers_reset(usart);
    pthread_mutex_init(&usart->lock, NULL);
    if (chardev)
        chardev_attach(chardev, &(struct chardev_front){ .can_receive = front_can_receive,
                                                         .receive = front_receive,
                                                         .opaque = usart });
    return &usart->device;
}
