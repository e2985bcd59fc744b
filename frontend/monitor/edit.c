/* SPDX-License-Identifier: MIT
 *
 * A text monitor on a terminal. libedit edits the lines, and remembers them. The library needs a terminal of
 * its own, but the real one belongs to a character device, which may share it with the guest's console. So
 * the library gets one end of a pseudo-terminal, and this file moves the bytes between the other end and the
 * device:
 *
 *     keys     I/O thread   chardev -> monitor_edit_input() -> master
 *     output   pump thread  master -> chardev       (it may wait, which the I/O thread must not)
 *     lines    monitor's own thread, in el_gets() on the slave
 *
 * At the end the pump is stopped, and then the master is closed. Reads and writes of the slave then fail, so
 * the monitor's thread ends.
 */
#include "frontend/monitor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/thread.h"

#define HISTORY_LINES 500

/* ---- The pseudo-terminal ------------------------------------------------------------------------------- */

/* Moves what the library and the commands have printed. False: there is no more to come. */
static bool pump_once(struct monitor *monitor)
{
    char bytes[4096];
    ssize_t n = read(monitor->master, bytes, sizeof(bytes));
    if (n > 0)
        monitor_write(monitor, bytes, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void *pump_thread(void *opaque)
{
    struct monitor *monitor = opaque;
    struct pollfd fds[2] = { { .fd = monitor->master, .events = POLLIN },
                             { .fd = monitor->stop_event, .events = POLLIN } };
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && !pump_once(monitor))
            return NULL;
        if (fds[1].revents && !(fds[0].revents & POLLIN))
            return NULL; /* it was asked to stop, and everything has been written */
    }
}

/* Gives the terminal the width of the real one. Later changes of the size are not followed. */
static void copy_size(int terminal)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        ioctl(terminal, TIOCSWINSZ, &size);
}

bool monitor_edit_open(struct monitor *monitor)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    if (openpty(&monitor->master, &monitor->slave, NULL, NULL, &size))
        return false;
    copy_size(monitor->slave);
    fcntl(monitor->master, F_SETFL, O_NONBLOCK);
    fcntl(monitor->master, F_SETFD, FD_CLOEXEC);
    fcntl(monitor->slave, F_SETFD, FD_CLOEXEC);
    monitor->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (monitor->stop_event >= 0 &&
        thread_create(&monitor->pump, THREAD_HOST, "terminal", pump_thread, monitor) == 0)
        monitor->pumping = true;
    if (!monitor->pumping)
        monitor_edit_close(monitor);
    return monitor->pumping;
}

void monitor_edit_close(struct monitor *monitor)
{
    uint64_t one = 1;
    if (monitor->pumping) {
        ssize_t ignored = write(monitor->stop_event, &one, sizeof(one));
        (void)ignored;
        thread_join(&monitor->pump);
    }
    monitor->pumping = false;
    /* The I/O thread may be about to bring a key. */
    pthread_mutex_lock(&monitor->lock);
    int master = monitor->master;
    monitor->master = -1;
    pthread_mutex_unlock(&monitor->lock);
    if (master >= 0)
        close(master);
    if (monitor->stop_event >= 0)
        close(monitor->stop_event);
    monitor->stop_event = -1;
    if (!monitor->started && monitor->slave >= 0) {
        close(monitor->slave);
        monitor->slave = -1;
    }
}

/* Keys are dropped while the pseudo-terminal is full. */
void monitor_edit_input(struct monitor *monitor, const uint8_t *bytes, size_t length)
{
    pthread_mutex_lock(&monitor->lock);
    if (monitor->master >= 0) {
        ssize_t ignored = write(monitor->master, bytes, length);
        (void)ignored;
    }
    pthread_mutex_unlock(&monitor->lock);
}

/* ---- The library --------------------------------------------------------------------------------------- */

static char *prompt(EditLine *editor)
{
    (void)editor;
    return MONITOR_PROMPT;
}

/* Tab: adds what all commands with this beginning have in common, or lists them. */
static unsigned char complete(EditLine *editor, int key)
{
    const LineInfo *info = el_line(editor);
    const char *names[64];
    char line[128], more[128];
    (void)key;
    size_t length = (size_t)(info->cursor - info->buffer), common;
    if (length >= sizeof(line))
        return CC_ERROR;
    memcpy(line, info->buffer, length);
    line[length] = 0;
    unsigned count = monitor_complete(line, names, 64);
    if (!count)
        return CC_ERROR;
    for (common = length; names[0][common]; common++) {
        unsigned same = 0;
        while (same < count && names[same][common] == names[0][common])
            same++;
        if (same < count)
            break;
    }
    snprintf(more, sizeof(more), "%.*s%s", (int)(common - length), names[0] + length, count == 1 ? " " : "");
    if (*more)
        return el_insertstr(editor, more) ? CC_ERROR : CC_REFRESH;
    FILE *out = NULL;
    el_get(editor, EL_GETFP, 1, &out);
    for (unsigned i = 0; out && i < count; i++)
        fprintf(out, "%s%s", i ? "  " : "\r\n", names[i]);
    if (out)
        fprintf(out, "\r\n");
    return CC_REDISPLAY;
}

static void run_line(struct monitor *monitor, const char *line, FILE *out)
{
    struct monitor_call call;
    monitor_prepare_call(monitor, &call);
    if (!monitor_run_line(&call, line, out))
        monitor_print_unknown(line, out);
    fflush(out);
}

static void edit(struct monitor *monitor, FILE *in, FILE *out)
{
    HistEvent event;
    EditLine *editor = el_init("rvive", in, out, out);
    History *memory = history_init();
    if (!editor || !memory)
        return;
    history(memory, &event, H_SETSIZE, HISTORY_LINES);
    history(memory, &event, H_SETUNIQUE, 1);
    el_set(editor, EL_PROMPT, prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, history, memory);
    el_wset(editor, EL_ADDFN, L"rvive-complete", L"completes a command", complete);
    el_set(editor, EL_BIND, "^I", "rvive-complete", NULL);
    el_set(editor, EL_BIND, "^R", "ed-redisplay", NULL);
    for (;;) {
        int length = 0;
        const char *line = el_gets(editor, &length);
        pthread_mutex_lock(&monitor->lock);
        bool stopping = monitor->stopping;
        pthread_mutex_unlock(&monitor->lock);
        if (stopping || monitor->master < 0)
            break;
        if (!line || length <= 0)
            continue; /* Ctrl-D on an empty line does nothing */
        if (length > 1)
            history(memory, &event, H_ENTER, line);
        run_line(monitor, line, out);
    }
    history_end(memory);
    el_end(editor);
}

void *monitor_edit_thread(void *opaque)
{
    struct monitor *monitor = opaque;
    unsigned char none;
    /* Nothing is shown before somebody asks for the monitor, since the terminal is the guest's until then. */
    struct monitor_news news = monitor_wait(monitor, &none, 0, 0);
    int copy = dup(monitor->slave);
    FILE *in = fdopen(monitor->slave, "r"), *out = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (in && out && !news.stopping) {
        fprintf(out, "\r\nrvive " RVIVE_VERSION " monitor: help lists the commands%s\r\n",
                monitor->owns_chardev ? "" : ", Ctrl-A C goes back to the guest");
        edit(monitor, in, out);
    }
    if (out)
        fclose(out);
    if (in)
        fclose(in);
    monitor->slave = -1;
    return NULL;
}
