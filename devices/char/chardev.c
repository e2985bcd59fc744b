/* SPDX-License-Identifier: MIT
 *
 * The front functions of character devices, and the parser of their descriptions; see chardev.h.
 */
#include "devices/char/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/char/stream.h"
#include "util/write_all.h"

void chardev_attach(struct chardev *chardev, const struct chardev_front *front)
{
    chardev->front = *front;
    chardev_input_ready(chardev);
}

void chardev_attach_monitor(struct chardev *chardev, const struct chardev_front *monitor)
{
    chardev->monitor = *monitor;
    atomic_store(&chardev->has_monitor, true);
}

void chardev_take_input(struct chardev *chardev, const struct chardev_front *taker)
{
    chardev->taker = *taker;
    atomic_store(&chardev->taken, true);
    chardev_input_ready(chardev);
}

void chardev_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    if (chardev->has_log) /* it is a file, which does not block; what does not fit on a full disk is lost */
        (void)write_all(chardev->log, bytes, length);
    chardev->ops->write(chardev, bytes, length);
}

void chardev_input_ready(struct chardev *chardev)
{
    chardev->ops->input_ready(chardev);
}

void chardev_destroy(struct chardev *chardev)
{
    if (!chardev)
        return;
    if (chardev->has_log)
        close(chardev->log);
    chardev_close_fds(chardev);
    chardev->ops->destroy(chardev);
}

void chardev_hurry(struct chardev *chardev, bool on)
{
    if (chardev->ops->hurry)
        chardev->ops->hurry(chardev, on);
}

void chardev_hold(struct chardev *chardev, bool held)
{
    pthread_mutex_lock(&chardev->hold_lock);
    bool released = chardev->held && !held;
    chardev->held = held;
    pthread_mutex_unlock(&chardev->hold_lock);
    if (released)
        chardev_input_ready(chardev);
}

static void null_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    (void)chardev, (void)bytes, (void)length;
}

static void null_input_ready(struct chardev *chardev)
{
    (void)chardev;
}

static void null_destroy(struct chardev *chardev)
{
    free(chardev);
}

static struct chardev *null_open(struct error *error)
{
    static const struct chardev_ops ops = { "null", null_write, null_input_ready, null_destroy, NULL, true };
    struct chardev *chardev = calloc(1, sizeof(*chardev));
    if (!chardev)
        error_set(error, "out of memory for a character device");
    else
        chardev->ops = &ops;
    return chardev;
}

/* ---- Making one ---------------------------------------------------------------------------------------- */

static struct chardev *open_backend(const struct chardev_config *config, struct error *error)
{
    struct sigaction action;
    /* If a reader goes away, write() must fail, but the emulator must not end. */
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    switch (config->kind) {
    case CHARDEV_STDIO: return chardev_stdio_open(config, error);
    case CHARDEV_NULL: return null_open(error);
    case CHARDEV_PTY: return chardev_pty_open(error);
    case CHARDEV_FILE: return chardev_file_open(config, error);
    case CHARDEV_PIPE: return chardev_pipe_open(config, error);
    case CHARDEV_DEVICE: return chardev_device_open(config, error);
    case CHARDEV_TCP: return chardev_tcp_open(config, error);
    case CHARDEV_UNIX: return chardev_unix_open(config, error);
    case CHARDEV_FD: return chardev_fd_open(config, error);
    case CHARDEV_UDP: return chardev_udp_open(config, error);
    case CHARDEV_RINGBUF: return chardev_ringbuf_open(config, error);
    }
    return NULL;
}

static bool open_log(struct chardev *chardev, const struct chardev_config *config, struct error *error)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (config->log_append ? O_APPEND : O_TRUNC);
    if (!config->logfile[0])
        return true;
    chardev->log = open(config->logfile, flags, 0666);
    chardev->has_log = chardev->log >= 0;
    return chardev->has_log || error_set(error, "character device,logfile=%s: cannot be opened: %s",
                                         config->logfile, strerror(errno));
}

struct chardev *chardev_open(const char *description, chardev_escape_fn *escape, void *opaque,
                             struct error *error)
{
    struct chardev_config config;
    struct chardev *chardev =
        chardev_describe(description, &config, error) ? open_backend(&config, error) : NULL;
    if (!chardev)
        return NULL;
    chardev->description = description;
    pthread_mutex_init(&chardev->hold_lock, NULL);
    chardev_stream_escapes(chardev, config.escapes, escape, opaque);
    if (open_log(chardev, &config, error))
        return chardev;
    chardev_destroy(chardev);
    return NULL;
}
