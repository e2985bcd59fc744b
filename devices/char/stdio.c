/* SPDX-License-Identifier: MIT
 *
 * stdio and mon:stdio. A terminal on stdin is put into raw mode: no line editing, no echo, CR stays CR. With
 * plain stdio the keys that send signals keep working; with mon:stdio they go to the guest, and Ctrl-A X
 * quits (signal= says otherwise). Output processing stays as it is. The end of stdin only ends input.
 *
 * The terminal's old settings are process-wide, so that a signal handler can give the terminal back:
 * tcgetattr(), tcsetattr() and tcgetpgrp() are async-signal-safe. A process in the background leaves the
 * terminal alone: it is another job's then, and touching it would stop the process.
 */
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "devices/char/stream.h"

static struct termios saved_settings;
static bool saved_signals; /* the keys that send signals keep working */
static atomic_bool raw;
static atomic_bool wanted_raw; /* also set while another job has the terminal */
static atomic_bool in_use;

static bool in_background(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return foreground > 0 && foreground != getpgrp();
}

static void set_raw(void)
{
    struct termios settings;
    if (tcgetattr(STDIN_FILENO, &settings))
        return; /* not a terminal */
    saved_settings = settings;
    settings.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | (saved_signals ? 0 : ISIG));
    settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    atomic_store(&raw, true);
    tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

void chardev_stdio_leave(void)
{
    if (atomic_load(&raw) && !in_background()) {
        atomic_store(&raw, false);
        tcsetattr(STDIN_FILENO, TCSANOW, &saved_settings);
    }
}

void chardev_stdio_return(void)
{
    if (!atomic_load(&wanted_raw) || in_background())
        return;
    if (!atomic_load(&raw)) {
        set_raw();
        return;
    }
    /* The process was stopped and could not leave: are the settings still ours, or already the shell's? */
    struct termios settings = saved_settings, now;
    bool ours = tcgetattr(STDIN_FILENO, &now) == 0 && !(now.c_lflag & ICANON);
    set_raw();
    if (ours)
        saved_settings = settings;
}

void chardev_stdio_restore(void)
{
    atomic_store(&wanted_raw, false);
    chardev_stdio_leave();
}

static void make_raw(bool signals)
{
    static atomic_bool registered;
    if (!atomic_exchange(&registered, true))
        atexit(chardev_stdio_restore);
    saved_signals = signals;
    atomic_store(&wanted_raw, true);
    set_raw();
}

static void stdio_destroy(struct chardev *chardev)
{
    stream_destroy((struct chardev_stream *)chardev);
    chardev_stdio_restore();
    atomic_store(&in_use, false);
    free(chardev);
}

struct chardev *chardev_stdio_open(const struct chardev_config *config, struct error *error)
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
    make_raw(config->signals);
    stream_connect(stream, STDIN_FILENO, STDOUT_FILENO);
    return &stream->chardev;
}
