/* SPDX-License-Identifier: MIT
 *
 * SiFive's UART; see sifive_uart.h. The transmitter takes no time: its queue is always empty, so that `txwm`
 * is pending whenever the watermark is above 0. Bytes pass also while txen or rxen is 0: unlike on silicon
 * and QEMU 10, but as on QEMU before, for which there are programs that do not set them.
 *
 * The lock protects the registers. It is not held while the chardev is called, which may wait.
 */
#include "devices/platform/sifive_uart.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define FIFO_SIZE 8u

enum { TXDATA = 0x00, RXDATA = 0x04, TXCTRL = 0x08, RXCTRL = 0x0c, IE = 0x10, IP = 0x14, DIV = 0x18 };
enum { INT_TXWM = 1, INT_RXWM = 2 };
#define RX_EMPTY    0x80000000u
#define TXCTRL_MASK 0x70003u /* txen, nstop, txcnt */
#define RXCTRL_MASK 0x70001u /* rxen, rxcnt */
#define DIV_MASK    0xffffu

struct uart {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_uart_config config;
    uint8_t fifo[FIFO_SIZE];
    unsigned count;
    uint32_t txctrl, rxctrl, ie, div;
};

static uint32_t pending(const struct uart *uart)
{
    uint32_t ip = 0;
    if (uart->txctrl >> 16)
        ip |= INT_TXWM;
    if (uart->count > uart->rxctrl >> 16)
        ip |= INT_RXWM;
    return ip;
}

static void irq_update(struct uart *uart)
{
    irq_line_set(&uart->config.irq, pending(uart) & uart->ie);
}

static size_t front_can_receive(void *opaque)
{
    struct uart *uart = opaque;
    pthread_mutex_lock(&uart->lock);
    size_t room = FIFO_SIZE - uart->count;
    pthread_mutex_unlock(&uart->lock);
    return room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct uart *uart = opaque;
    pthread_mutex_lock(&uart->lock);
    for (size_t i = 0; i < length && uart->count < FIFO_SIZE; i++)
        uart->fifo[uart->count++] = bytes[i];
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
}

static uint32_t take_byte(struct uart *uart)
{
    if (!uart->count)
        return RX_EMPTY;
    uint8_t byte = uart->fifo[0];
    memmove(uart->fifo, uart->fifo + 1, --uart->count);
    return byte;
}

static uint64_t uart_read(struct device *device, uint64_t offset, unsigned size)
{
    struct uart *uart = (struct uart *)device;
    uint32_t value = 0;
    (void)size;
    pthread_mutex_lock(&uart->lock);
    unsigned before = uart->count;
    switch (offset) {
    case TXDATA: break; /* never full */
    case RXDATA: value = take_byte(uart); break;
    case TXCTRL: value = uart->txctrl; break;
    case RXCTRL: value = uart->rxctrl; break;
    case IE: value = uart->ie; break;
    case IP: value = pending(uart); break;
    case DIV: value = uart->div; break;
    default: LOG_GUEST("sifive-uart: read at offset %#llx, where no register is", (unsigned long long)offset);
    }
    if (before != uart->count)
        irq_update(uart);
    bool room = before != uart->count;
    pthread_mutex_unlock(&uart->lock);
    if (room && uart->config.chardev)
        chardev_input_ready(uart->config.chardev);
    return value;
}

static void uart_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart *uart = (struct uart *)device;
    uint8_t byte = (uint8_t)value;
    (void)size;
    pthread_mutex_lock(&uart->lock);
    switch (offset) {
    case TXDATA: break; /* below, without the lock */
    case TXCTRL: uart->txctrl = (uint32_t)value & TXCTRL_MASK; break;
    case RXCTRL: uart->rxctrl = (uint32_t)value & RXCTRL_MASK; break;
    case IE: uart->ie = (uint32_t)value & (INT_TXWM | INT_RXWM); break;
    case DIV: uart->div = (uint32_t)value & DIV_MASK; break;
    default:
        LOG_GUEST("sifive-uart: write at offset %#llx, where no register can be written",
                  (unsigned long long)offset);
    }
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
    if (offset == TXDATA && uart->config.chardev)
        chardev_write(uart->config.chardev, &byte, 1);
}

static void registers_reset(struct uart *uart)
{
    uart->count = 0;
    uart->txctrl = uart->rxctrl = uart->ie = uart->div = 0;
}

static void uart_reset(struct device *device)
{
    struct uart *uart = (struct uart *)device;
    pthread_mutex_lock(&uart->lock);
    registers_reset(uart);
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
    if (uart->config.chardev)
        chardev_input_ready(uart->config.chardev);
}

static void uart_save(struct device *device, struct state_writer *writer)
{
    struct uart *uart = (struct uart *)device;
    uint8_t fifo[FIFO_SIZE] = { 0 };
    pthread_mutex_lock(&uart->lock);
    memcpy(fifo, uart->fifo, uart->count);
    state_section(writer, uart->device.ops->name, 1);
    state_put_bytes(writer, "fifo", fifo, sizeof(fifo));
    state_put(writer, "count", uart->count);
    state_put(writer, "txctrl", uart->txctrl);
    state_put(writer, "rxctrl", uart->rxctrl);
    state_put(writer, "ie", uart->ie);
    state_put(writer, "div", uart->div);
    pthread_mutex_unlock(&uart->lock);
}

static bool uart_load(struct device *device, struct state_reader *reader)
{
    struct uart *uart = (struct uart *)device;
    if (!state_open(reader, uart->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&uart->lock);
    state_get_bytes(reader, "fifo", uart->fifo, FIFO_SIZE);
    uart->count = (unsigned)state_get(reader, "count", FIFO_SIZE);
    uart->txctrl = (uint32_t)state_get(reader, "txctrl", TXCTRL_MASK) & TXCTRL_MASK;
    uart->rxctrl = (uint32_t)state_get(reader, "rxctrl", RXCTRL_MASK) & RXCTRL_MASK;
    uart->ie = (uint32_t)state_get(reader, "ie", INT_TXWM | INT_RXWM);
    uart->div = (uint32_t)state_get(reader, "div", DIV_MASK);
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
    if (uart->config.chardev)
        chardev_input_ready(uart->config.chardev);
    return !reader->failed;
}

static void uart_destroy(struct device *device)
{
    struct uart *uart = (struct uart *)device;
    pthread_mutex_destroy(&uart->lock);
    free(uart);
}

static int uart_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct uart *uart = (const struct uart *)device;
    struct fdt_node node = fdt_node_begin(fdt, "serial", place);
    fdt_node_compatible(&node, "sifive,uart0");
    fdt_node_interrupt(&node, place);
    fdt_node_clock(&node, uart->config.clock);
    return fdt_node_end(&node);
}

static const struct device_ops uart_ops = {
    .name = "sifive-uart",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = uart_read,
    .write = uart_write,
    .reset = uart_reset,
    .save = uart_save,
    .load = uart_load,
    .destroy = uart_destroy,
    .fdt = uart_fdt,
};

struct device *sifive_uart_create(const struct sifive_uart_config *config, struct error *error)
{
    struct uart *uart = calloc(1, sizeof(*uart));
    if (!uart) {
        error_set(error, "sifive-uart: out of memory");
        return NULL;
    }
    uart->device.ops = &uart_ops;
    uart->config = *config;
    pthread_mutex_init(&uart->lock, NULL);
    if (config->chardev)
        chardev_attach(config->chardev, &(struct chardev_front){ .can_receive = front_can_receive,
                                                                 .receive = front_receive,
                                                                 .opaque = uart });
    return &uart->device;
}
