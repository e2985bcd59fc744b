/* SPDX-License-Identifier: MIT
 *
 * The parts of the text from which chardev_open() makes a character device.
 *
 *   [mon:]KIND[:ADDRESS][,KEY[=VALUE]]...
 *
 * A comma in an address or a value is written twice. Kinds and keys are QEMU's.
 */
#ifndef DEVICES_CHAR_DESCRIBE_H
#define DEVICES_CHAR_DESCRIBE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

enum chardev_kind {
    CHARDEV_STDIO,
    CHARDEV_NULL,
    CHARDEV_PTY,
    CHARDEV_FILE,    /* PATH: the output goes into this file */
    CHARDEV_PIPE,    /* PATH: a named pipe, or PATH.in and PATH.out */
    CHARDEV_DEVICE,  /* serial:PATH: a terminal of the host */
    CHARDEV_TCP,     /* HOST:PORT */
    CHARDEV_UNIX,    /* PATH */
    CHARDEV_FD,      /* N: a socket that was opened by the process that started the program */
    CHARDEV_UDP,     /* HOST:PORT of the peer, and local=HOST:PORT */
    CHARDEV_RINGBUF, /* the last bytes that were written, for the monitor */
};

struct chardev_config {
    enum chardev_kind kind;
    bool escapes; /* mon:, the console's escape keys work */
    char address[PATH_MAX];
    bool server, wait, telnet; /* sockets */
    bool append;               /* file: it is not emptied at the start */
    bool signals;              /* stdio: the keys that send signals keep working; the default without mon: */
    char local[256];           /* udp; "": any */
    uint64_t size;             /* ringbuf: bytes, a power of two */
    char logfile[PATH_MAX];    /* a copy of the output; "": none */
    bool log_append;
};

/* False, with *error filled. */
bool chardev_describe(const char *description, struct chardev_config *config, struct error *error);
/* For a description that was accepted: whether it is the terminal; whether it has keys for the monitor. */
bool chardev_is_stdio(const char *description);
bool chardev_has_escapes(const char *description);

#endif
