/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio console share. All of it belongs to the device's lock.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_INTERNAL_H
#define DEVICES_VIRTIO_CONSOLE_INTERNAL_H

#include "devices/virtio/console.h"
#include "devices/virtio/worker.h"

#define CONSOLE_INPUT 4096u /* bytes */

enum { CONSOLE_F_SIZE = 0, CONSOLE_F_MULTIPORT = 1, CONSOLE_F_EMERG_WRITE = 2 };
/* Section 5.3.2: the queues are input and output of port 0, control in and out, input and output of port 1,
 * of port 2, ... */
enum { CONSOLE_QUEUE_CONTROL_IN = 2, CONSOLE_QUEUE_CONTROL_OUT = 3 };

enum console_message { /* 5.3.6.2 */
                       CONSOLE_DEVICE_READY,
                       CONSOLE_DEVICE_ADD,
                       CONSOLE_DEVICE_REMOVE,
                       CONSOLE_PORT_READY,
                       CONSOLE_CONSOLE_PORT,
                       CONSOLE_RESIZE,
                       CONSOLE_PORT_OPEN,
                       CONSOLE_PORT_NAME,
};

struct virtio_console;
struct console_port {
    struct virtio_console *console;
    struct virtio_console_port config;
    bool ready;      /* the driver knows the port */
    bool guest_open; /* a program in the guest has it open */
    bool host_open;  /* somebody is at the chardev's other end */
    bool writing;    /* a thread of the worker writes its output */
    unsigned tell;   /* messages for the driver that wait for a buffer: bit n is message n */
    uint8_t input[CONSOLE_INPUT];
    size_t input_length; /* waiting in `input`, from its start */
};

struct virtio_console {
    struct virtio_device device;
    struct virtio_worker worker;
    struct console_port ports[VIRTIO_CONSOLE_PORTS_MAX];
    unsigned count;
    uint16_t columns, rows;
    struct virtq_chain input_chain, control_chain;
    struct virtq_chain output_chains[DEVICE_WORKER_THREADS_MAX]; /* one for each thread */
};

static inline unsigned console_queue_in(const struct console_port *port)
{
    return port->config.number ? 2 * port->config.number + 2 : 0;
}

/* Returns the port with the number by which the driver knows it; NULL: none. */
struct console_port *console_port_by_number(struct virtio_console *console, uint32_t number);
/* Moves input that waits to the driver's buffers. [locked] */
void console_deliver(struct console_port *port);

/* console_control.c: [locked] */
/* Notes the messages (a set of bits), and sends those for which the driver has buffers. */
void console_tell(struct console_port *port, unsigned messages);
void console_tell_more(struct virtio_console *console);
/* Reads the driver's messages. */
void console_listen(struct virtio_console *console);

#endif
