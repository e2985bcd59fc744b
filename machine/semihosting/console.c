/* SPDX-License-Identifier: MIT
 *
 * The console of semihosting. Output goes to its destination at once. Input comes through the I/O thread into
 * a small buffer. A hart that waits for input checks ten times a second whether it is wanted elsewhere.
 *
 * If the UART has the terminal, the program shares it: both write to it, and the keys go to the UART until
 * the program first reads.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine/internal.h"
#include "machine/semihosting/internal.h"

#define WAIT_MS 100

/* ---- What arrives (I/O thread) ------------------------------------------------------------------------- */

static size_t front_can_receive(void *opaque)
{
    struct semihosting *self = opaque;
    pthread_mutex_lock(&self->input_lock);
    size_t room = SEMIHOSTING_INPUT - self->input_count;
    pthread_mutex_unlock(&self->input_lock);
    return room;
}

static void front_receive(void *opaque, const uint8_t *bytes, size_t length)
{
    struct semihosting *self = opaque;
    pthread_mutex_lock(&self->input_lock);
    size_t room = SEMIHOSTING_INPUT - self->input_count;
    length = length < room ? length : room;
    memcpy(self->input + self->input_count, bytes, length);
    self->input_count += length;
    pthread_cond_broadcast(&self->input_changed);
    pthread_mutex_unlock(&self->input_lock);
}

static void front_event(void *opaque, enum chardev_event event)
{
    struct semihosting *self = opaque;
    if (event == CHARDEV_EVENT_BREAK)
        return;
    pthread_mutex_lock(&self->input_lock);
    self->input_closed = event == CHARDEV_EVENT_CLOSED;
    pthread_cond_broadcast(&self->input_changed);
    pthread_mutex_unlock(&self->input_lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

bool console_open(struct semihosting *self, struct error *error)
{
    struct machine *machine = self->machine;
    const char *serial = machine->config.serial, *wanted = self->config->chardev;
    struct chardev_front front = { front_can_receive, front_receive, self, front_event };
    pthread_mutex_init(&self->input_lock, NULL);
    pthread_cond_init(&self->input_changed, NULL);
    self->takes_input = machine->serial && (wanted ? strcmp(wanted, serial) == 0 : chardev_is_stdio(serial));
    if (self->takes_input) {
        self->chardev = machine->serial;
        return true;
    }
    if (!wanted)
        return true;
    self->chardev = machine_open_chardev(machine, wanted, error);
    if (self->chardev)
        chardev_attach(self->chardev, &front);
    return self->chardev != NULL;
}

void console_close(struct semihosting *self)
{
    pthread_cond_destroy(&self->input_changed);
    pthread_mutex_destroy(&self->input_lock);
}

/* ---- For the calls (harts) ----------------------------------------------------------------------------- */

/* Writes to the program's own output. A pipe that has room takes a piece of PIPE_BUF bytes without
 * waiting. */
static size_t write_own_output(struct hart *hart, int to, const uint8_t *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        struct pollfd fd = { .fd = to, .events = POLLOUT };
        if (poll(&fd, 1, WAIT_MS) <= 0) {
            if (hart_wanted(hart))
                return done;
            continue;
        }
        size_t piece = length - done < PIPE_BUF ? length - done : PIPE_BUF;
        ssize_t n = write(to, bytes + done, piece);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return length; /* nobody reads */
        done += (size_t)n;
    }
    return done;
}

size_t console_write(struct semihosting *self, struct hart *hart, enum handle_kind kind, const void *bytes,
                     size_t length)
{
    if (!self->chardev)
        return write_own_output(hart, kind == HANDLE_ERRORS ? STDERR_FILENO : STDOUT_FILENO, bytes, length);
    chardev_write(self->chardev, bytes, length);
    return length;
}

static ssize_t read_own_input(struct hart *hart, void *bytes, size_t length)
{
    for (;;) {
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        if (hart_wanted(hart))
            return -1;
        if (poll(&fd, 1, WAIT_MS) <= 0)
            continue;
        ssize_t n = read(STDIN_FILENO, bytes, length);
        if (n >= 0 || (errno != EINTR && errno != EAGAIN))
            return n > 0 ? n : 0;
    }
}

static void take_keys(struct semihosting *self)
{
    struct chardev_front front = { front_can_receive, front_receive, self, front_event };
    bool first = self->takes_input && !self->input_taken;
    self->input_taken = true;
    pthread_mutex_unlock(&self->input_lock);
    if (first)
        chardev_take_input(self->chardev, &front);
    pthread_mutex_lock(&self->input_lock);
}

ssize_t console_read(struct semihosting *self, struct hart *hart, void *bytes, size_t length)
{
    if (!self->chardev)
        return read_own_input(hart, bytes, length);
    ssize_t result = -1;
    pthread_mutex_lock(&self->input_lock);
    take_keys(self);
    while (!self->input_count && !self->input_closed && !hart_wanted(hart)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WAIT_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&self->input_changed, &self->input_lock, &until);
    }
    if (self->input_count || self->input_closed) {
        length = length < self->input_count ? length : self->input_count;
        memcpy(bytes, self->input, length);
        self->input_count -= length;
        memmove(self->input, self->input + length, self->input_count);
        result = (ssize_t)length;
    }
    pthread_mutex_unlock(&self->input_lock);
    if (result > 0)
        chardev_input_ready(self->chardev);
    return result;
}

bool console_is_terminal(const struct semihosting *self, enum handle_kind kind)
{
    int fd = kind == HANDLE_INPUT ? STDIN_FILENO : kind == HANDLE_ERRORS ? STDERR_FILENO : STDOUT_FILENO;
    return self->chardev || isatty(fd);
}
