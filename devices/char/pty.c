/* SPDX-License-Identifier: MIT
 *
 * pty: a new pseudo-terminal whose name is printed on stderr. While no program has it open, output is
 * dropped, and five times a second the backend checks whether one has (poll(2) cannot wait for that).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "devices/char/stream.h"

#define RETRY_MS 200

static void pty_closed(struct chardev_stream *stream)
{
    io_watch_sleep(stream->loop, &stream->in, RETRY_MS);
}

static void pty_destroy(struct chardev *chardev)
{
    struct chardev_stream *stream = (struct chardev_stream *)chardev;
    int fd = atomic_load(&stream->in_fd);
    stream_destroy(stream);
    close(fd);
    free(stream);
}

/* Returns the master's descriptor, with its slave in raw mode, or -1. The slave is opened and closed once;
 * from then on the master reports a hang-up while no program has the slave open. */
static int pty_make(char *name, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0)
        return -1;
    int slave = -1;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, size) == 0)
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings)) {
        close(master);
        return -1;
    }
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    close(slave);
    return master;
}

struct chardev *chardev_pty_open(struct error *error)
{
    static const struct chardev_ops ops = { "pty",       stream_write, stream_input_ready,
                                            pty_destroy, stream_hurry, false };
    char name[sizeof(((struct chardev *)0)->host)];
    int master = pty_make(name, sizeof(name));
    if (master < 0) {
        error_set(error, "cannot make a pseudo-terminal: %s", strerror(errno));
        return NULL;
    }
    struct chardev_stream *stream = calloc(1, sizeof(*stream));
    if (!stream || !stream_init(stream, &ops, error)) {
        if (!stream)
            error_set(error, "out of memory for a character device");
        free(stream);
        close(master);
        return NULL;
    }
    stream->closed = pty_closed;
    stream->is_pty = true;
    memcpy(stream->chardev.host, name, sizeof(name));
    fprintf(stderr, "char device redirected to %s\n", name);
    stream_connect(stream, master, master);
    return &stream->chardev;
}
