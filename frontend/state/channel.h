/* SPDX-License-Identifier: MIT
 *
 * Where a saved machine goes to or comes from, named as for QEMU's migrate and -incoming:
 *
 *     file:PATH        a file; it is written under another name first, and gets its own when it is complete
 *     exec:COMMAND     the standard input or output of a command of /bin/sh
 *     unix:PATH        a connection to a socket, or (to read) one that is accepted there
 *     tcp:HOST:PORT    the same by TCP
 *     fd:N             a copy of an open descriptor
 *
 * A channel belongs to one thread. Whatever that waits for, it gives up when `cancel` becomes true. The
 * descriptor of a pipe or a socket does not block, so whoever uses it waits by poll().
 */
#ifndef FRONTEND_STATE_CHANNEL_H
#define FRONTEND_STATE_CHANNEL_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

struct state_channel {
    int fd; /* -1: not open */
    pid_t child;
    bool listening; /* `fd` is a socket that waits for the connection */
    const atomic_bool *cancel;
    char path[PATH_MAX];           /* of the file that is to appear, or of the listening socket; "": none */
    char temporary[PATH_MAX + 32]; /* what it is called meanwhile */
};

/* Is it a name that a channel can have? False, with *error filled. */
bool state_channel_check(const char *uri, struct error *error);
/* May opening it to write wait for somebody else? */
bool state_channel_waits(const char *uri);
/* Opens it. If the sandbox forbids that, the message says what to add. */
bool state_channel_open_write(struct state_channel *channel, const char *uri, const atomic_bool *cancel,
                              struct error *error);
/* A socket listens after this; state_channel_accept() then waits for the connection. */
bool state_channel_open_read(struct state_channel *channel, const char *uri, const atomic_bool *cancel,
                             struct error *error);
bool state_channel_accept(struct state_channel *channel, struct error *error);
/* Closes it. `keep`: all was written; the file gets its name, and a command must have succeeded. Otherwise
 * nothing stays of the file. False, with *error filled, if it could not be kept. */
bool state_channel_close(struct state_channel *channel, bool keep, struct error *error);
#endif
