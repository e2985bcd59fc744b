/* SPDX-License-Identifier: MIT
 *
 * The front functions of character devices, and the parser of their descriptions; see chardev.h.
 */
#include "devices/char/chardev.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "devices/char/stream.h"

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
    chardev->ops->write(chardev, bytes, length);
}

void chardev_input_ready(struct chardev *chardev)
{
    chardev->ops->input_ready(chardev);
}

void chardev_destroy(struct chardev *chardev)
{
    if (chardev)
        chardev->ops->destroy(chardev);
}

void chardev_hurry(struct chardev *chardev, bool on)
{
    if (chardev->ops->hurry)
        chardev->ops->hurry(chardev, on);
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

/* The text behind `prefix`, or NULL. */
static const char *behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static struct chardev *open_backend(const char *description, chardev_escape_fn *escape, void *opaque,
                                    struct error *error)
{
    const char *rest;
    struct sigaction action;
    /* A reader that goes away is an error of write(), not the end of the emulator. */
    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
    if (strcmp(description, "stdio") == 0)
        return chardev_stdio_open(false, escape, opaque, error);
    if (strcmp(description, "mon:stdio") == 0)
        return chardev_stdio_open(true, escape, opaque, error);
    if (strcmp(description, "null") == 0)
        return null_open(error);
    if (strcmp(description, "pty") == 0)
        return chardev_pty_open(error);
    if ((rest = behind(description, "file:")))
        return chardev_file_open(rest, error);
    if ((rest = behind(description, "tcp:")))
        return chardev_tcp_open(rest, error);
    if ((rest = behind(description, "unix:")))
        return chardev_unix_open(rest, error);
    error_set(error,
              "character device '%s' is not known: there are stdio, mon:stdio, null, pty, file:PATH, "
              "tcp:HOST:PORT and "
              "unix:PATH",
              description);
    return NULL;
}

struct chardev *chardev_open(const char *description, chardev_escape_fn *escape, void *opaque,
                             struct error *error)
{
    struct chardev *chardev = open_backend(description, escape, opaque, error);
    if (chardev)
        chardev->description = description;
    return chardev;
}
