/* SPDX-License-Identifier: MIT
 *
 * file:PATH, output only: the file is made empty and what the guest writes goes there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/char/stream.h"

struct file_chardev {
    struct chardev_stream stream; /* first */
    int fd;
};

static void file_destroy(struct chardev *chardev)
{
    struct file_chardev *file = (struct file_chardev *)chardev;
    stream_destroy(&file->stream);
    close(file->fd);
    free(file);
}

struct chardev *chardev_file_open(const char *path, struct error *error)
{
    static const struct chardev_ops ops = { "file",       stream_write, stream_input_ready,
                                            file_destroy, stream_hurry, true };
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        error_set(error, "cannot open '%s' for the output of a character device: %s", path, strerror(errno));
        return NULL;
    }
    struct file_chardev *file = calloc(1, sizeof(*file));
    if (!file || !stream_init(&file->stream, &ops, error)) {
        if (!file)
            error_set(error, "out of memory for a character device");
        free(file);
        close(fd);
        return NULL;
    }
    file->fd = fd;
    stream_connect(&file->stream, -1, fd);
    return &file->stream.chardev;
}
