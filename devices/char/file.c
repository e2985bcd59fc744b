/* SPDX-License-Identifier: MIT
 *
 * Backends that are opened by a name: file:PATH (output only; the file is emptied, or appended to), pipe:PATH
 * (named pipes PATH.in and PATH.out, or one PATH for both directions) and serial:PATH (a terminal of the
 * host, such as /dev/ttyUSB0, which is put into raw mode).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "devices/char/stream.h"

struct file_chardev {
    struct chardev_stream stream; /* must be first */
    int in, out;                  /* -1: none; both may be the same */
};

static void close_both(int in, int out)
{
    if (in >= 0)
        close(in);
    if (out >= 0 && out != in)
        close(out);
}

static void file_destroy(struct chardev *chardev)
{
    struct file_chardev *file = (struct file_chardev *)chardev;
    stream_destroy(&file->stream);
    close_both(file->in, file->out);
    free(file);
}

/* The device owns the descriptors from now on. */
static struct chardev *use(int in, int out, const struct chardev_ops *ops, struct error *error)
{
    struct file_chardev *file = calloc(1, sizeof(*file));
    if (!file || !stream_init(&file->stream, ops, error)) {
        if (!file)
            error_set(error, "out of memory for a character device");
        free(file);
        close_both(in, out);
        return NULL;
    }
    file->in = in;
    file->out = out;
    stream_connect(&file->stream, in, out);
    return &file->stream.chardev;
}

static int fail(const char *path, struct error *error)
{
    error_set(error, "cannot open '%s' for a character device: %s", path, strerror(errno));
    return -1;
}

struct chardev *chardev_file_open(const struct chardev_config *config, struct error *error)
{
    static const struct chardev_ops ops = { "file",       stream_write, stream_input_ready,
                                            file_destroy, stream_hurry, true };
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (config->append ? O_APPEND : O_TRUNC);
    int fd = open(config->address, flags, 0666);
    if (fd < 0) {
        error_set(error, "cannot open '%s' for the output of a character device: %s", config->address,
                  strerror(errno));
        return NULL;
    }
    return use(-1, fd, &ops, error);
}

/* Both ends of each pipe are opened here. So neither opening nor writing waits for another process, and if a
 * process closes its end, that is not the end of the input. */
static int open_pipe(const char *path, const char *suffix, struct error *error)
{
    char name[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s%s", path, suffix) >= (int)sizeof(name)) {
        errno = ENAMETOOLONG;
        return fail(path, error);
    }
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 && *suffix ? -1 : fd < 0 ? fail(path, error) : fd;
}

struct chardev *chardev_pipe_open(const struct chardev_config *config, struct error *error)
{
    static const struct chardev_ops ops = { "pipe",       stream_write, stream_input_ready,
                                            file_destroy, stream_hurry, true };
    int in = open_pipe(config->address, ".in", error), out = open_pipe(config->address, ".out", error);
    if (in >= 0 && out >= 0)
        return use(in, out, &ops, error);
    close_both(in, out);
    int both = open_pipe(config->address, "", error);
    return both < 0 ? NULL : use(both, both, &ops, error);
}

struct chardev *chardev_device_open(const struct chardev_config *config, struct error *error)
{
    static const struct chardev_ops ops = { "serial",     stream_write, stream_input_ready,
                                            file_destroy, stream_hurry, true };
    struct termios settings;
    int fd = open(config->address, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        fail(config->address, error);
        return NULL;
    }
    if (tcgetattr(fd, &settings) == 0) { /* fails for /dev/null */
        cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL | CREAD;
        tcsetattr(fd, TCSANOW, &settings);
    }
    return use(fd, fd, &ops, error);
}
