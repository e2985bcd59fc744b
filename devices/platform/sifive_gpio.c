/* SPDX-License-Identifier: MIT
 *
 * SiFive's GPIO; see sifive_gpio.h. The registers are 17 words, in the order of `enum reg`; the lock protects
 * them. After each write the inputs are computed anew, and what changed sets pending bits, which stay until
 * the guest writes ones to them.
 */
#include "devices/platform/sifive_gpio.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

enum reg {
    INPUT_VAL,
    INPUT_EN,
    OUTPUT_EN,
    OUTPUT_VAL,
    PUE,
    DS,
    RISE_IE,
    RISE_IP,
    FALL_IE,
    FALL_IP,
    HIGH_IE,
    HIGH_IP,
    LOW_IE,
    LOW_IP,
    IOF_EN,
    IOF_SEL,
    OUT_XOR,
    REG_COUNT
};

struct gpio {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_gpio_config config;
    uint32_t regs[REG_COUNT];
    uint32_t raised; /* the level of each interrupt line */
    uint32_t pins;   /* a bit for each that there is */
};

/* What the pads show to the inputs. */
static uint32_t inputs(const uint32_t *regs)
{
    uint32_t driven = regs[OUTPUT_VAL] ^ regs[OUT_XOR];
    uint32_t level = (driven & regs[OUTPUT_EN]) | (regs[PUE] & ~regs[OUTPUT_EN]);
    return level & regs[INPUT_EN];
}

static void lines_update(struct gpio *gpio)
{
    const uint32_t *r = gpio->regs;
    uint32_t wanted = (r[RISE_IP] & r[RISE_IE]) | (r[FALL_IP] & r[FALL_IE]) | (r[HIGH_IP] & r[HIGH_IE]) |
                      (r[LOW_IP] & r[LOW_IE]);
    uint32_t changed = wanted ^ gpio->raised;
    gpio->raised = wanted;
    for (unsigned pin = 0; pin < SIFIVE_GPIO_PINS; pin++)
        if (changed >> pin & 1)
            irq_line_set(&gpio->config.irqs[pin], wanted >> pin & 1);
}

/* A pin that is no input is neither high nor low. */
static void update(struct gpio *gpio)
{
    uint32_t *r = gpio->regs, before = r[INPUT_VAL];
    r[INPUT_VAL] = inputs(r);
    r[RISE_IP] |= ~before & r[INPUT_VAL];
    r[FALL_IP] |= before & ~r[INPUT_VAL];
    r[HIGH_IP] |= r[INPUT_VAL];
    r[LOW_IP] |= ~r[INPUT_VAL] & r[INPUT_EN];
    lines_update(gpio);
}

static uint64_t gpio_read(struct device *device, uint64_t offset, unsigned size)
{
    struct gpio *gpio = (struct gpio *)device;
    (void)size;
    if (offset / 4 >= REG_COUNT) {
        LOG_GUEST("sifive-gpio: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&gpio->lock);
    uint32_t value = gpio->regs[offset / 4];
    pthread_mutex_unlock(&gpio->lock);
    return value;
}

/* Whether the pin that resets the board is driven low. */
static bool resets(const struct gpio *gpio)
{
    uint32_t low = gpio->regs[OUTPUT_EN] & ~(gpio->regs[OUTPUT_VAL] ^ gpio->regs[OUT_XOR]);
    return gpio->config.reset && low >> gpio->config.reset_pin & 1;
}

static void gpio_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct gpio *gpio = (struct gpio *)device;
    (void)size;
    value &= gpio->pins;
    pthread_mutex_lock(&gpio->lock);
    bool low = resets(gpio);
    switch (offset / 4) {
    case RISE_IP:
    case FALL_IP:
    case HIGH_IP:
    case LOW_IP: gpio->regs[offset / 4] &= ~(uint32_t)value; break;
    case INPUT_VAL: LOG_GUEST("sifive-gpio: the input value cannot be written"); break;
    default:
        if (offset / 4 < REG_COUNT)
            gpio->regs[offset / 4] = (uint32_t)value;
        else
            LOG_GUEST("sifive-gpio: write at offset %#llx, where no register is", (unsigned long long)offset);
    }
    update(gpio);
    if (!low && resets(gpio))
        gpio->config.reset(gpio->config.opaque);
    pthread_mutex_unlock(&gpio->lock);
}

static void gpio_reset(struct device *device)
{
    struct gpio *gpio = (struct gpio *)device;
    pthread_mutex_lock(&gpio->lock);
    memset(gpio->regs, 0, sizeof(gpio->regs));
    lines_update(gpio);
    pthread_mutex_unlock(&gpio->lock);
}

static void reg_name(unsigned reg, char name[8])
{
    snprintf(name, 8, "reg%02u", reg % 100);
}

static void gpio_save(struct device *device, struct state_writer *writer)
{
    struct gpio *gpio = (struct gpio *)device;
    char name[8];
    pthread_mutex_lock(&gpio->lock);
    state_section(writer, gpio->device.ops->name, 1);
    for (unsigned reg = 0; reg < REG_COUNT; reg++) {
        reg_name(reg, name);
        state_put(writer, name, gpio->regs[reg]);
    }
    pthread_mutex_unlock(&gpio->lock);
}

static bool gpio_load(struct device *device, struct state_reader *reader)
{
    struct gpio *gpio = (struct gpio *)device;
    char name[8];
    if (!state_open(reader, gpio->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&gpio->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++) {
        reg_name(reg, name);
        gpio->regs[reg] = (uint32_t)state_get(reader, name, UINT32_MAX) & gpio->pins;
    }
    lines_update(gpio);
    pthread_mutex_unlock(&gpio->lock);
    return !reader->failed;
}

static void gpio_destroy(struct device *device)
{
    struct gpio *gpio = (struct gpio *)device;
    pthread_mutex_destroy(&gpio->lock);
    free(gpio);
}

static int gpio_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct gpio *gpio = (const struct gpio *)device;
    if (!gpio->config.has_node)
        return 0;
    struct fdt_node node = fdt_node_begin(fdt, "gpio", place);
    fdt_node_compatible(&node, "sifive,gpio0");
    fdt_node_interrupts(&node, place, gpio->config.pins);
    fdt_node_bytes(&node, "gpio-controller", NULL, 0);
    fdt_node_u32(&node, "#gpio-cells", 2);
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 2);
    fdt_node_clock(&node, gpio->config.clock);
    fdt_node_u32(&node, "phandle", gpio->config.phandle);
    return fdt_node_end(&node);
}

#define GPIO_ACTIVE_LOW 1

static int gpio_fdt_root(struct device *device, void *fdt)
{
    const struct gpio *gpio = (const struct gpio *)device;
    if (!gpio->config.has_node || !gpio->config.reset)
        return 0;
    const uint32_t pin[3] = { gpio->config.phandle, gpio->config.reset_pin, GPIO_ACTIVE_LOW };
    struct fdt_node node = fdt_node_begin_plain(fdt, "gpio-restart");
    fdt_node_compatible(&node, "gpio-restart");
    fdt32_t *cells = fdt_node_cells(&node, "gpios", 3);
    for (unsigned i = 0; cells && i < 3; i++)
        fdt32_st(&cells[i], pin[i]);
    return fdt_node_end(&node);
}

static const struct device_ops gpio_ops = {
    .name = "sifive-gpio",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = gpio_read,
    .write = gpio_write,
    .reset = gpio_reset,
    .save = gpio_save,
    .load = gpio_load,
    .destroy = gpio_destroy,
    .fdt = gpio_fdt,
    .fdt_root = gpio_fdt_root,
};

struct device *sifive_gpio_create(const struct sifive_gpio_config *config, struct error *error)
{
    struct gpio *gpio = calloc(1, sizeof(*gpio));
    if (!gpio) {
        error_set(error, "sifive-gpio: out of memory");
        return NULL;
    }
    gpio->device.ops = &gpio_ops;
    gpio->config = *config;
    gpio->pins = config->pins ? (uint32_t)((UINT64_C(1) << config->pins) - 1) : UINT32_MAX;
    pthread_mutex_init(&gpio->lock, NULL);
    return &gpio->device;
}
