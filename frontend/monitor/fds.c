/* SPDX-License-Identifier: MIT
 *
 * Descriptors that a program sends along with a command, over a Unix socket: getfd gives one a name, which
 * migrate takes as fd:NAME, and add-fd makes it the file /dev/fdset/N (util/fd_sets.h), which blockdev-add
 * takes. So a program can hand over what the sandbox does not let the emulator open. Texts of errors are
 * those of QEMU.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/monitor/internal.h"
#include "util/fd_sets.h"

/* ---- Names --------------------------------------------------------------------------------------------- */

/* Takes the descriptor out of the list; -1: there is none of that name. */
static int take_named(struct monitors *monitors, const char *name)
{
    int fd = -1;
    pthread_mutex_lock(&monitors->fds_lock);
    for (unsigned n = 0; n < monitors->fd_count && fd < 0; n++) {
        if (strcmp(monitors->fds[n].name, name) != 0)
            continue;
        fd = monitors->fds[n].fd;
        monitors->fds[n] = monitors->fds[--monitors->fd_count];
    }
    pthread_mutex_unlock(&monitors->fds_lock);
    return fd;
}

int monitor_take_fd(struct monitor_call *call, const char *name)
{
    int fd = take_named(call->opaque, name);
    if (fd < 0)
        error_set(&call->error, "File descriptor named '%.60s' has not been found", name);
    return fd;
}

static int received(struct monitor_call *call)
{
    int fd = call->chardev ? chardev_take_fd(call->chardev) : -1;
    if (fd < 0)
        error_set(&call->error, "No file descriptor supplied via SCM_RIGHTS");
    return fd;
}

/* A name that is taken gets the new descriptor. */
bool monitor_getfd(struct monitor_call *call)
{
    struct monitors *monitors = call->opaque;
    const char *name = monitor_text(call, "fdname", "");
    int fd = received(call);
    if (fd < 0)
        return false;
    if (!*name || (*name >= '0' && *name <= '9') || strlen(name) >= MONITOR_FD_NAME) {
        close(fd);
        return error_set(&call->error,
                         "Parameter 'fdname' expects a name not starting with a digit, below %u bytes",
                         MONITOR_FD_NAME);
    }
    int before = take_named(monitors, name);
    if (before >= 0)
        close(before);
    pthread_mutex_lock(&monitors->fds_lock);
    bool room = monitors->fd_count < MONITOR_FDS;
    if (room) {
        strcpy(monitors->fds[monitors->fd_count].name, name);
        monitors->fds[monitors->fd_count++].fd = fd;
    }
    pthread_mutex_unlock(&monitors->fds_lock);
    if (room)
        return true;
    close(fd);
    return error_set(&call->error, "there are %u descriptors with names; closefd closes one", MONITOR_FDS);
}

bool monitor_closefd(struct monitor_call *call)
{
    const char *name = monitor_text(call, "fdname", "");
    int fd = take_named(call->opaque, name);
    if (fd < 0)
        return error_set(&call->error, "File descriptor named '%.60s' not found", name);
    close(fd);
    return true;
}

/* ---- Sets ---------------------------------------------------------------------------------------------- */

/* -1: not given. Negative numbers stay so. */
static int64_t number_of(const struct monitor_call *call, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(call->arguments, name, &value) ? json_object_get_int64(value) : -1;
}

bool monitor_add_fd(struct monitor_call *call)
{
    int64_t set = number_of(call, "fdset-id");
    const char *text = monitor_text(call, "opaque", "");
    int fd = received(call);
    if (fd < 0)
        return false;
    bool ok = (!monitor_given(call, "fdset-id") || set >= 0) ||
              error_set(&call->error, "Parameter 'fdset-id' expects a non-negative value");
    if (ok && strlen(text) >= FD_SETS_TEXT)
        ok = error_set(&call->error, "opaque: a text of less than %u bytes", FD_SETS_TEXT);
    set = ok ? fd_sets_add(set, fd, text, &call->error) : -1;
    if (set < 0) {
        close(fd);
        return false;
    }
    call->result = json_object_new_object();
    monitor_put_number(call->result, "fdset-id", (uint64_t)set);
    monitor_put_number(call->result, "fd", (uint64_t)fd);
    return true;
}

/* What is open goes on with its own copy. */
bool monitor_remove_fd(struct monitor_call *call)
{
    int64_t set = number_of(call, "fdset-id"), fd = number_of(call, "fd");
    bool one = monitor_given(call, "fd");
    if ((!one || (fd >= 0 && fd <= INT32_MAX)) && fd_sets_remove(set, one ? (int)fd : -1))
        return true;
    return error_set(&call->error, "File descriptor named 'fdset-id:%lld%s' not found", (long long)set,
                     one ? ", fd" : "");
}

bool monitor_query_fdsets(struct monitor_call *call)
{
    struct json_object *fds = NULL;
    struct fd_sets_entry entry;
    int64_t last = -1;
    call->result = json_object_new_array();
    for (unsigned n = 0; fd_sets_at(n, &entry); n++) {
        if (entry.set != last) {
            struct json_object *row = json_object_new_object();
            fds = json_object_new_array();
            monitor_put_number(row, "fdset-id", (uint64_t)entry.set);
            json_object_object_add(row, "fds", fds);
            json_object_array_add(call->result, row);
        }
        last = entry.set;
        struct json_object *fd = json_object_new_object();
        monitor_put_number(fd, "fd", (uint64_t)entry.fd);
        if (entry.text[0])
            monitor_put_text(fd, "opaque", entry.text);
        json_object_array_add(fds, fd);
    }
    return true;
}
