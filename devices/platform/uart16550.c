/* SPDX-License-Identifier: MIT
 *
 * 16550A; see uart16550.h. The transmitter is infinitely fast: a byte goes to the chardev as it is written,
 * and THR is empty again at once. The character timeout is likewise zero: bytes below the trigger level raise
 * the timeout interrupt as soon as they are there. Input never overruns the FIFO, since the chardev asks for
 * room first; only loopback can.
 *
 * The wire is driven when something happens that can change it, and not by accesses that change nothing. So
 * with a PLIC that reacts to events (plic.h), THRE is reported once for each byte that leaves THR empty, and
 * once each time that IER_TX is set while THR is empty, even to drivers that never read IIR.
 *
 * The lock protects all registers. It is not held while the chardev is called, since a write may wait for the
 * peer, and meanwhile the I/O thread asks for room.
 */
#include "devices/platform/uart16550.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define FIFO_SIZE 16u

enum reg { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR, REG_COUNT };
enum ier { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum iir {
    IIR_MODEM = 0,
    IIR_NONE = 1,
    IIR_TX = 2,
    IIR_RX = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 12,
    IIR_FIFO = 0xc0
};
enum fcr { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_TRIGGER = 0xc0 };
enum { LCR_DLAB = 0x80, MCR_LOOP = 0x10, MCR_MASK = 0x1f };
enum lsr { LSR_READY = 1, LSR_OVERRUN = 2, LSR_BREAK = 0x10, LSR_THR_EMPTY = 0x20, LSR_TX_EMPTY = 0x40 };
enum msr { MSR_DELTA = 0x0f, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

struct uart {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct irq_line irq;
    struct chardev *chardev;
    uint32_t clock_hz;
    unsigned reg_shift;      /* constant */
    uint8_t fifo[FIFO_SIZE]; /* without FCR_ENABLE only one byte of it is used */
    unsigned head, count;
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    uint8_t mcr_at_reset; /* constant */
    uint16_t divisor;
    bool overrun;
    unsigned
        /* 1 + index in the FIFO of the byte that stands for a break; 0: there is none, or it was reported
         * already */
        break_at;
    bool thr_pending; /* THR became empty, and this has not been reported */
};

static unsigned trigger_level(const struct uart *uart)
{
    static const unsigned levels[4] = { 1, 4, 8, 14 };
    return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

static unsigned fifo_room(const struct uart *uart)
{
    unsigned size = uart->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
    return uart->count < size ? size - uart->count : 0;
}

/* The interrupt of the highest priority (PC16550D table IV). */
static enum iir interrupt_source(const struct uart *uart)
{
    if (uart->ier & IER_LINE && (uart->overrun || uart->break_at == 1))
        return IIR_LINE;
    if (uart->ier & IER_RX && uart->count)
        return uart->count >= trigger_level(uart) ? IIR_RX : IIR_TIMEOUT;
    if (uart->ier & IER_TX && uart->thr_pending)
        return IIR_TX;
    if (uart->ier & IER_MODEM && uart->msr & MSR_DELTA)
        return IIR_MODEM;
    return IIR_NONE;
}

static void irq_update(struct uart *uart)
{
    irq_line_set(&uart->irq, interrupt_source(uart) != IIR_NONE);
}

/* All that interrupt_source() depends on. */
struct causes {
    unsigned count, break_at;
    bool overrun, thr_pending;
    uint8_t ier, fcr, msr;
};

static struct causes causes_now(const struct uart *uart)
{
    return (struct causes){ uart->count, uart->break_at, uart->overrun, uart->thr_pending,
                            uart->ier,   uart->fcr,      uart->msr };
}

static void irq_update_if_changed(struct uart *uart, const struct causes *before)
{
    if (before->count != uart->count || before->break_at != uart->break_at ||
        before->overrun != uart->overrun || before->thr_pending != uart->thr_pending ||
        before->ier != uart->ier || before->fcr != uart->fcr || before->msr != uart->msr)
        irq_update(uart);
}

static void fifo_push(struct uart *uart, uint8_t byte)
{
    if (!fifo_room(uart)) {
        uart->overrun = true;
        return;
    }
    uart->fifo[(uart->head + uart->count++) % FIFO_SIZE] = byte;
}

static uint8_t fifo_pop(struct uart *uart)
{
    if (!uart->count)
        return 0;
    uint8_t byte = uart->fifo[uart->head];
    uart->head = (uart->head + 1) % FIFO_SIZE;
    uart->count--;
    uart->break_at -= uart->break_at != 0;
    return byte;
}

static void fifo_clear(struct uart *uart)
{
    uart->head = uart->count = uart->break_at = 0;
}

/* Updates the status lines: those of a peer that is always there or, in loopback, the modem control outputs.
 * A change sets the line's delta bit; for RI only the falling edge does. */
static void modem_update(struct uart *uart)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;
    if (uart->mcr & MCR_LOOP)
        lines = (uart->mcr & 2 ? MSR_CTS : 0) | (uart->mcr & 1 ? MSR_DSR : 0) | (uart->mcr & 4 ? MSR_RI : 0) |
                (uart->mcr & 8 ? MSR_DCD : 0);
    uint8_t changed = (uart->msr ^ lines) & 0xf0;
    if (lines & MSR_RI)
        changed &= (uint8_t)~MSR_RI;
    uart->msr = lines | (uart->msr & MSR_DELTA) | changed >> 4;
}

static size_t front_can_receive(void *opaque)
{
    struct uart *uart = opaque;
    pthread_mutex_lock(&uart->lock);
    size_t room = uart->mcr & MCR_LOOP ? 0 : fifo_room(uart);
    pthread_mutex_unlock(&uart->lock);
    return room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct uart *uart = opaque;
    pthread_mutex_lock(&uart->lock);
    for (size_t i = 0; i < length; i++)
        fifo_push(uart, bytes[i]);
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
}

/* A break arrives as a byte of zeroes that LSR marks when it is the next to be read. */
static void front_event(void *opaque, enum chardev_event event)
{
    struct uart *uart = opaque;
    if (event != CHARDEV_EVENT_BREAK)
        return;
    pthread_mutex_lock(&uart->lock);
    if (!(uart->mcr & MCR_LOOP)) {
        bool room = fifo_room(uart) > 0;
        fifo_push(uart, 0);
        if (room)
            uart->break_at = uart->count;
    }
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
}

static uint8_t reg_read(struct uart *uart, enum reg reg)
{
    uint8_t value;
    switch (reg) {
    case REG_DATA: return uart->lcr & LCR_DLAB ? uart->divisor & 0xff : fifo_pop(uart);
    case REG_IER: return uart->lcr & LCR_DLAB ? uart->divisor >> 8 : uart->ier;
    case REG_IIR_FCR:
        value = (uint8_t)interrupt_source(uart);
        if (value == IIR_TX)
            uart->thr_pending = false; /* reading this identification acknowledges this source */
        return value | (uart->fcr & FCR_ENABLE ? IIR_FIFO : 0);
    case REG_LCR: return uart->lcr;
    case REG_MCR: return uart->mcr;
    case REG_LSR:
        value =
            LSR_THR_EMPTY | LSR_TX_EMPTY | (uart->count ? LSR_READY : 0) | (uart->overrun ? LSR_OVERRUN : 0);
        if (uart->break_at == 1) {
            value |= LSR_BREAK;
            uart->break_at = 0;
        }
        uart->overrun = false;
        return value;
    case REG_MSR:
        value = uart->msr;
        uart->msr &= (uint8_t)~MSR_DELTA;
        return value;
    case REG_SCR: return uart->scr;
    default: return 0;
    }
}

/* Makes a register's number of an offset; false: the byte lies between two registers. */
static bool find_reg(const struct uart *uart, uint64_t *offset)
{
    bool found = !(*offset & ((1u << uart->reg_shift) - 1));
    *offset >>= uart->reg_shift;
    return found;
}

static uint64_t uart_read(struct device *device, uint64_t offset, unsigned size)
{
    struct uart *uart = (struct uart *)device;
    (void)size;
    if (!find_reg(uart, &offset))
        return 0;
    if (offset >= REG_COUNT) {
        LOG_GUEST("uart: read at offset %#llx, where no register is", (unsigned long long)offset);
        return 0;
    }
    pthread_mutex_lock(&uart->lock);
    struct causes before = causes_now(uart);
    uint8_t value = reg_read(uart, (enum reg)offset);
    bool drained = before.count && uart->count == 0;
    irq_update_if_changed(uart, &before);
    pthread_mutex_unlock(&uart->lock);
    if (drained && uart->chardev)
        chardev_input_ready(uart->chardev);
    return value;
}

static void thr_write(struct uart *uart, uint8_t byte)
{
    if (uart->mcr & MCR_LOOP) {
        fifo_push(uart, byte);
    } else if (uart->chardev) {
        pthread_mutex_unlock(&uart->lock);
        chardev_write(uart->chardev, &byte, 1);
        pthread_mutex_lock(&uart->lock);
    }
    uart->thr_pending = true;
    irq_update(uart); /* this is an event, even if the last one was not acknowledged */
}

static void ier_write(struct uart *uart, uint8_t value)
{
    /* Enabling the interrupt while THR is empty raises it. */
    if (value & ~uart->ier & IER_TX)
        uart->thr_pending = true;
    uart->ier = value & 0xf;
}

static void fcr_write(struct uart *uart, uint8_t value)
{
    if ((value ^ uart->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX)
        fifo_clear(uart);
    uart->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

static void reg_write(struct uart *uart, enum reg reg, uint8_t value)
{
    switch (reg) {
    case REG_DATA:
        if (uart->lcr & LCR_DLAB)
            uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
        else
            thr_write(uart, value);
        break;
    case REG_IER:
        if (uart->lcr & LCR_DLAB)
            uart->divisor = (uint16_t)((uart->divisor & 0xff) | value << 8);
        else
            ier_write(uart, value);
        break;
    case REG_IIR_FCR: fcr_write(uart, value); break;
    case REG_LCR: uart->lcr = value; break;
    case REG_MCR:
        uart->mcr = value & MCR_MASK;
        modem_update(uart);
        break;
    case REG_SCR: uart->scr = value; break;
    default: break; /* LSR and MSR are read-only */
    }
}

static void uart_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart *uart = (struct uart *)device;
    (void)size;
    if (!find_reg(uart, &offset))
        return;
    if (offset >= REG_COUNT) {
        LOG_GUEST("uart: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&uart->lock);
    struct causes before = causes_now(uart);
    reg_write(uart, (enum reg)offset, (uint8_t)value);
    irq_update_if_changed(uart, &before);
    pthread_mutex_unlock(&uart->lock);
    if ((offset == REG_IIR_FCR || offset == REG_MCR) && uart->chardev)
        chardev_input_ready(uart->chardev); /* either may have made room */
}

static void registers_reset(struct uart *uart)
{
    fifo_clear(uart);
    uart->ier = uart->fcr = uart->lcr = uart->scr = 0;
    uart->mcr = uart->mcr_at_reset;
    uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    uart->divisor = 12;
    uart->overrun = uart->thr_pending = false;
}

static void uart_reset(struct device *device)
{
    struct uart *uart = (struct uart *)device;
    pthread_mutex_lock(&uart->lock);
    registers_reset(uart);
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
    if (uart->chardev)
        chardev_input_ready(uart->chardev);
}

static void uart_save(struct device *device, struct state_writer *writer)
{
    struct uart *uart = (struct uart *)device;
    uint8_t fifo[FIFO_SIZE] = { 0 };
    pthread_mutex_lock(&uart->lock);
    for (unsigned i = 0; i < uart->count; i++)
        fifo[i] = uart->fifo[(uart->head + i) % FIFO_SIZE];
    state_section(writer, uart->device.ops->name, 1);
    state_put_bytes(writer, "fifo", fifo, sizeof(fifo));
    state_put(writer, "count", uart->count);
    state_put(writer, "ier", uart->ier);
    state_put(writer, "fcr", uart->fcr);
    state_put(writer, "lcr", uart->lcr);
    state_put(writer, "mcr", uart->mcr);
    state_put(writer, "msr", uart->msr);
    state_put(writer, "scr", uart->scr);
    state_put(writer, "divisor", uart->divisor);
    state_put(writer, "overrun", uart->overrun);
    state_put(writer, "break_at", uart->break_at);
    state_put(writer, "thr_pending", uart->thr_pending);
    pthread_mutex_unlock(&uart->lock);
}

static bool uart_load(struct device *device, struct state_reader *reader)
{
    struct uart *uart = (struct uart *)device;
    if (!state_open(reader, uart->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&uart->lock);
    state_get_bytes(reader, "fifo", uart->fifo, FIFO_SIZE);
    uart->head = 0;
    uart->count = (unsigned)state_get(reader, "count", FIFO_SIZE);
    uart->ier = (uint8_t)state_get(reader, "ier", 0xf);
    uart->fcr = (uint8_t)state_get(reader, "fcr", 0xff) & (FCR_ENABLE | FCR_TRIGGER);
    uart->lcr = (uint8_t)state_get(reader, "lcr", 0xff);
    uart->mcr = (uint8_t)state_get(reader, "mcr", MCR_MASK);
    uart->msr = (uint8_t)state_get(reader, "msr", 0xff);
    uart->scr = (uint8_t)state_get(reader, "scr", 0xff);
    uart->divisor = (uint16_t)state_get(reader, "divisor", 0xffff);
    uart->overrun = state_get(reader, "overrun", 1);
    uart->break_at = (unsigned)state_get(reader, "break_at", FIFO_SIZE);
    uart->thr_pending = state_get(reader, "thr_pending", 1);
    irq_update(uart);
    pthread_mutex_unlock(&uart->lock);
    if (uart->chardev)
        chardev_input_ready(uart->chardev);
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
    struct fdt_node node = fdt_node_begin(fdt, "serial", place);
    fdt_node_compatible(&node, "ns16550a");
    fdt_node_u32(&node, "clock-frequency", ((struct uart *)device)->clock_hz);
    fdt_node_interrupt(&node, place);
    return fdt_node_end(&node);
}

/* Accesses wider than a byte reach the register at their offset, since bare-metal programs use `sw`. */
static const struct device_ops uart_ops = {
    .name = "uart16550",
    .size = 0x100,
    .access_min = 1,
    .access_max = 8,
    .read = uart_read,
    .write = uart_write,
    .reset = uart_reset,
    .save = uart_save,
    .load = uart_load,
    .destroy = uart_destroy,
    .fdt = uart_fdt,
};

struct device *uart16550_create(const struct uart16550_config *config, struct error *error)
{
    struct uart *uart = calloc(1, sizeof(*uart));
    if (!uart) {
        error_set(error, "uart: out of memory");
        return NULL;
    }
    uart->device.ops = &uart_ops;
    pthread_mutex_init(&uart->lock, NULL);
    uart->irq = config->irq;
    uart->chardev = config->chardev;
    uart->clock_hz = config->clock_hz;
    uart->reg_shift = config->reg_shift;
    uart->mcr_at_reset = config->mcr_at_reset & MCR_MASK & (uint8_t)~MCR_LOOP;
    registers_reset(uart);
    if (uart->chardev)
        chardev_attach(uart->chardev, &(struct chardev_front){ .can_receive = front_can_receive,
                                                               .receive = front_receive,
                                                               .event = front_event,
                                                               .opaque = uart });
    return &uart->device;
}
