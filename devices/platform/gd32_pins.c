/* SPDX-License-Identifier: MIT
 *
 * GPIO, AFIO and EXTI of GD32VF103 in one device, since they are neighbours: blocks of 1 KiB, AFIO, EXTI and
 * the ports. See gd32_pins.h. The lock protects all registers. After each write the levels of all pins are
 * computed anew; what EXTI sees of them makes its pending bits.
 */
#include "devices/platform/gd32_pins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define BLOCK 0x400u
#define PORTS 5u
#define PINS  16u

enum { AFIO_EC, AFIO_PCF0, AFIO_EXTISS0, AFIO_PCF1 = 7, AFIO_COUNT };
enum { EXTI_INTEN, EXTI_EVEN, EXTI_RTEN, EXTI_FTEN, EXTI_SWIEV, EXTI_PD, EXTI_COUNT };
enum { PORT_CTL0, PORT_CTL1, PORT_ISTAT, PORT_OCTL, PORT_BOP, PORT_BC, PORT_LOCK, PORT_COUNT };
enum { BLOCK_AFIO, BLOCK_EXTI, BLOCK_PORTS, BLOCKS = BLOCK_PORTS + PORTS };

#define REGS           8u
#define CTL_AT_RESET   0x44444444u
#define EXTI_LINE_MASK 0x7ffffu

static const uint32_t groups[GD32_EXTI_IRQS] = { 1, 2, 4, 8, 0x10, 0x3e0, 0xfc00, 0x10000, 0x20000, 0x40000 };

static const unsigned counts[] = { AFIO_COUNT, EXTI_COUNT, PORT_COUNT };

struct pins {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct irq_line irqs[GD32_EXTI_IRQS];
    uint32_t regs[BLOCKS][REGS];
    uint32_t raised;
};

static unsigned count_of(unsigned block)
{
    return counts[block < BLOCK_PORTS ? block : BLOCK_PORTS];
}

/* Four bits configure a pin: the mode (0: input), then what it does. */
static uint32_t levels(const uint32_t *port)
{
    uint32_t high = 0;
    for (unsigned pin = 0; pin < PINS; pin++) {
        unsigned config = port[PORT_CTL0 + pin / 8] >> (4 * (pin % 8)) & 15;
        bool output = config & 3, pulled = config == 8;
        if ((output || pulled) && port[PORT_OCTL] >> pin & 1)
            high |= 1u << pin;
    }
    return high;
}

/* The pins that are lines 0 to 15 of EXTI. */
static uint32_t exti_inputs(const struct pins *pins)
{
    uint32_t high = 0;
    for (unsigned line = 0; line < PINS; line++) {
        unsigned port = pins->regs[BLOCK_AFIO][AFIO_EXTISS0 + line / 4] >> (4 * (line % 4)) & 15;
        if (port < PORTS)
            high |= pins->regs[BLOCK_PORTS + port][PORT_ISTAT] & 1u << line;
    }
    return high;
}

static void lines_update(struct pins *pins)
{
    uint32_t wanted = pins->regs[BLOCK_EXTI][EXTI_PD] & pins->regs[BLOCK_EXTI][EXTI_INTEN];
    uint32_t before = pins->raised;
    pins->raised = wanted;
    for (unsigned i = 0; i < GD32_EXTI_IRQS; i++)
        if (!(wanted & groups[i]) != !(before & groups[i]))
            irq_line_set(&pins->irqs[i], wanted & groups[i]);
}

static void update(struct pins *pins)
{
    uint32_t *exti = pins->regs[BLOCK_EXTI], before = exti_inputs(pins);
    for (unsigned port = BLOCK_PORTS; port < BLOCKS; port++)
        pins->regs[port][PORT_ISTAT] = levels(pins->regs[port]);
    uint32_t now = exti_inputs(pins);
    exti[EXTI_PD] |= (now & ~before & exti[EXTI_RTEN]) | (before & ~now & exti[EXTI_FTEN]);
    lines_update(pins);
}

static uint64_t pins_read(struct device *device, uint64_t offset, unsigned size)
{
    struct pins *pins = (struct pins *)device;
    unsigned block = (unsigned)(offset / BLOCK), reg = (unsigned)(offset % BLOCK / 4);
    if (reg >= count_of(block)) {
        LOG_GUEST("gd32-pins: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&pins->lock);
    uint32_t value = pins->regs[block][reg];
    pthread_mutex_unlock(&pins->lock);
    value >>= 8 * (offset & 3);
    return size == 1 ? (uint8_t)value : size == 2 ? (uint16_t)value : value;
}

static void exti_write(struct pins *pins, unsigned reg, uint32_t value)
{
    uint32_t *exti = pins->regs[BLOCK_EXTI];
    value &= EXTI_LINE_MASK;
    if (reg == EXTI_PD) {
        exti[EXTI_PD] &= ~value;
        exti[EXTI_SWIEV] &= ~value;
        return;
    }
    if (reg == EXTI_SWIEV) /* a bit that becomes 1 */
        exti[EXTI_PD] |= value & ~exti[EXTI_SWIEV] & (exti[EXTI_INTEN] | exti[EXTI_EVEN]);
    exti[reg] = value;
}

static void port_write(uint32_t *port, unsigned reg, uint32_t value)
{
    switch (reg) {
    case PORT_ISTAT: break;
    case PORT_OCTL: port[PORT_OCTL] = value & 0xffff; break;
    case PORT_BOP: port[PORT_OCTL] = (port[PORT_OCTL] & ~(value >> 16)) | (value & 0xffff); break;
    case PORT_BC: port[PORT_OCTL] &= ~value; break;
    case PORT_LOCK: port[PORT_LOCK] = value & 0x1ffff; break;
    default: port[reg] = value;
    }
}

static void pins_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pins *pins = (struct pins *)device;
    unsigned block = (unsigned)(offset / BLOCK), reg = (unsigned)(offset % BLOCK / 4);
    (void)size;
    if (reg >= count_of(block) || offset & 3) {
        LOG_GUEST("gd32-pins: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&pins->lock);
    if (block == BLOCK_AFIO)
        pins->regs[block][reg] = (uint32_t)value;
    else if (block == BLOCK_EXTI)
        exti_write(pins, reg, (uint32_t)value);
    else
        port_write(pins->regs[block], reg, (uint32_t)value);
    update(pins);
    pthread_mutex_unlock(&pins->lock);
}

static void registers_reset(struct pins *pins)
{
    memset(pins->regs, 0, sizeof(pins->regs));
    for (unsigned port = BLOCK_PORTS; port < BLOCKS; port++)
        pins->regs[port][PORT_CTL0] = pins->regs[port][PORT_CTL1] = CTL_AT_RESET;
}

static void pins_reset(struct device *device)
{
    struct pins *pins = (struct pins *)device;
    pthread_mutex_lock(&pins->lock);
    registers_reset(pins);
    lines_update(pins);
    pthread_mutex_unlock(&pins->lock);
}

static void pins_save(struct device *device, struct state_writer *writer)
{
    struct pins *pins = (struct pins *)device;
    pthread_mutex_lock(&pins->lock);
    state_section(writer, pins->device.ops->name, 1);
    state_put_bytes(writer, "regs", pins->regs, sizeof(pins->regs));
    pthread_mutex_unlock(&pins->lock);
}

static bool pins_load(struct device *device, struct state_reader *reader)
{
    struct pins *pins = (struct pins *)device;
    if (!state_open(reader, pins->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&pins->lock);
    state_get_bytes(reader, "regs", pins->regs, sizeof(pins->regs));
    for (unsigned reg = 0; reg < EXTI_COUNT; reg++)
        pins->regs[BLOCK_EXTI][reg] &= EXTI_LINE_MASK;
    for (unsigned port = BLOCK_PORTS; port < BLOCKS; port++) {
        pins->regs[port][PORT_OCTL] &= 0xffff;
        pins->regs[port][PORT_ISTAT] = levels(pins->regs[port]);
    }
    lines_update(pins);
    pthread_mutex_unlock(&pins->lock);
    return !reader->failed;
}

static void pins_destroy(struct device *device)
{
    struct pins *pins = (struct pins *)device;
    pthread_mutex_destroy(&pins->lock);
    free(pins);
}

static const struct device_ops pins_ops = {
    .name = "gd32-pins",
    .size = BLOCKS * BLOCK,
    .access_min = 1,
    .access_max = 4,
    .read = pins_read,
    .write = pins_write,
    .reset = pins_reset,
    .save = pins_save,
    .load = pins_load,
    .destroy = pins_destroy,
};

struct device *gd32_pins_create(const struct irq_line irqs[GD32_EXTI_IRQS], struct error *error)
{
    struct pins *pins = calloc(1, sizeof(*pins));
    if (!pins) {
        error_set(error, "gd32-pins: out of memory");
        return NULL;
    }
    pins->device.ops = &pins_ops;
    memcpy(pins->irqs, irqs, sizeof(pins->irqs));
    registers_reset(pins);
    pthread_mutex_init(&pins->lock, NULL);
    return &pins->device;
}
