/* SPDX-License-Identifier: MIT
 *
 * stdio and mon:stdio. A terminal on stdin is put into raw mode: no line editing, no echo, CR stays CR. With
 * plain stdio the keys that send signals keep working; with mon:stdio they go to the guest, and Ctrl-A X
 * quits. Output processing stays as it is. The end of stdin only ends input.
 *
 * The terminal's old settings are process-wide, so that chardev_stdio_restore() can be called from a signal
 * handler: tcsetattr() is async-signal-safe.
 */
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "devices/chardev_stream.h"

static struct termios saved_settings;
static atomic_bool raw;
static atomic_bool in_use;

void chardev_stdio_restore(void)
{
    if (atomic_exchange(&raw, false))
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_settings);
}

static void make_raw(bool signals)
{
    static atomic_bool registered;
    if (tcgetattr(STDIN_FILENO, &saved_settings))
        return; /* not a terminal */
    struct termios settings = saved_settings;
    settings.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | (signals ? 0 : ISIG));
    settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    if (!atomic_exchange(&registered, true))
        atexit(chardev_stdio_restore);
    atomic_store(&raw, true);
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

static void stdio_destroy(struct chardev *chardev)
{
    stream_destroy((struct chardev_stream *)chardev);
    chardev_stdio_restore();
    atomic_store(&in_use, false);
    free(chardev);
}

struct chardev *chardev_stdio_open(bool escapes, chardev_escape_fn *escape, void *opaque, struct error *error)
{
    static const struct chardev_ops ops = { "stdio",       stream_write, stream_input_ready,
                                            stdio_destroy, stream_hurry, false };
    if (atomic_exchange(&in_use, true)) {
        error_set(error, "stdio is in use by another character device: give this one null, pty or file:PATH");
        return NULL;
    }
    struct chardev_stream *stream = calloc(1, sizeof(*stream));
    if (!stream || !stream_init(stream, &ops, error)) {
        if (!stream)
            error_set(error, "out of memory for a character device");
        free(stream);
        atomic_store(&in_use, false);
        return NULL;
    }
    stream->escapes = escapes;
    stream->escape = escape;
    stream->escape_opaque = opaque;
    make_raw(!escapes);
    stream_connect(stream, STDIN_FILENO, STDOUT_FILENO);
    return &stream->chardev;
}
