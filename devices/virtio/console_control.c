/* SPDX-License-Identifier: MIT
 *
 * The control queues of a virtio console with several ports (Virtio 1.2 section 5.3.6.2). The device tells
 * the driver which ports there are, what they are and whether somebody is at their other end; the driver
 * tells which of them are open in the guest.
 *
 * If the driver has no buffer for a message, the message is only noted, as a bit of the port. So messages
 * take no room, whatever happens meanwhile; their contents are looked up when they are sent.
 */
#include <string.h>

#include "devices/virtio/console_internal.h"
#include "util/check.h"
#include "util/log.h"

struct control { /* 5.3.6.2 */
    uint32_t id;
    uint16_t event, value;
};
union message {
    struct control control;
    struct {
        struct control control;
        uint16_t columns, rows;
    } resize;
    uint8_t bytes[256];
};

/* Makes the message; returns its length. */
static size_t make_message(const struct console_port *port, unsigned event, union message *message)
{
    const struct virtio_console *console = port->console;
    size_t length = sizeof(message->control);
    message->control = (struct control){ port->config.number, (uint16_t)event, 1 };
    if (event == CONSOLE_PORT_OPEN) {
        message->control.value = port->host_open;
    } else if (event == CONSOLE_RESIZE) {
        message->resize.columns = console->columns;
        message->resize.rows = console->rows;
        length = sizeof(message->resize);
    } else if (event == CONSOLE_PORT_NAME) {
        size_t room = sizeof(*message) - length, name = strlen(port->config.name);
        memcpy(message->bytes + length, port->config.name, name < room ? name : room);
        length += name < room ? name : room;
    }
    return length;
}

/* Returns the messages that may be sent now. The message that the other end has gone waits until the last
 * byte of input is delivered, since programs in the guest take it as the end of the input. */
static unsigned messages_now(const struct console_port *port)
{
    bool wait = !port->host_open && port->input_length;
    return port->tell & ~(wait ? 1u << CONSOLE_PORT_OPEN : 0);
}

void console_tell_more(struct virtio_console *console)
{
    CHECK_HELD(&console->device.lock);
    struct virtqueue *queue = &console->device.queues[CONSOLE_QUEUE_CONTROL_IN];
    bool sent = false;
    if (!virtio_device_has(&console->device, CONSOLE_F_MULTIPORT))
        return;
    for (unsigned n = 0; n < console->count; n++) {
        struct console_port *port = &console->ports[n];
        while (messages_now(port) && virtqueue_pop(queue, &console->control_chain)) {
            unsigned event = (unsigned)__builtin_ctz(messages_now(port));
            union message message;
            size_t length = make_message(port, event, &message);
            size_t written = virtq_chain_write(&console->control_chain, 0, &message, length);
            if (written < length)
                LOG_GUEST("virtio-console: a control buffer of %u bytes", console->control_chain.in_length);
            port->tell &= ~(1u << event);
            virtqueue_push(queue, &console->control_chain, (uint32_t)written);
            sent = true;
        }
    }
    if (sent)
        virtqueue_signal(queue);
}

void console_tell(struct console_port *port, unsigned messages)
{
    CHECK_HELD(&port->console->device.lock);
    port->tell |= messages;
    console_tell_more(port->console);
}

static void port_ready(struct console_port *port)
{
    const struct virtio_console *console = port->console;
    unsigned messages = port->host_open ? 1u << CONSOLE_PORT_OPEN : 0;
    if (port->config.is_console)
        messages |= 1u << CONSOLE_CONSOLE_PORT | (console->columns ? 1u << CONSOLE_RESIZE : 0);
    if (port->config.name)
        messages |= 1u << CONSOLE_PORT_NAME;
    port->ready = true;
    console_tell(port, messages);
}

static void take_message(struct virtio_console *console, const struct control *control)
{
    struct console_port *port = console_port_by_number(console, control->id);
    if (control->event == CONSOLE_DEVICE_READY) {
        for (unsigned n = 0; n < console->count && control->value; n++)
            console_tell(&console->ports[n], 1u << CONSOLE_DEVICE_ADD);
    } else if (!port) {
        LOG_GUEST("virtio-console: control message %u for port %u, which is not there", control->event,
                  control->id);
    } else if (control->event == CONSOLE_PORT_READY) {
        if (control->value)
            port_ready(port);
    } else if (control->event == CONSOLE_PORT_OPEN) {
        port->guest_open = control->value;
        console_deliver(port);
    } else {
        LOG_GUEST("virtio-console: control message %u is none that a driver sends", control->event);
    }
}

void console_listen(struct virtio_console *console)
{
    CHECK_HELD(&console->device.lock);
    struct virtqueue *queue = &console->device.queues[CONSOLE_QUEUE_CONTROL_OUT];
    if (!virtio_device_has(&console->device, CONSOLE_F_MULTIPORT))
        return;
    while (virtqueue_pop(queue, &console->control_chain)) {
        struct control control;
        bool whole =
            virtq_chain_read(&console->control_chain, 0, &control, sizeof(control)) == sizeof(control);
        virtqueue_push(queue, &console->control_chain, 0);
        if (whole)
            take_message(console, &control);
        else
            LOG_GUEST("virtio-console: a control message of %u bytes", console->control_chain.out_length);
    }
    virtqueue_signal(queue);
}
