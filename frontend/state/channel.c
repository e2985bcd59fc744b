/* SPDX-License-Identifier: MIT
 *
 * Where a saved machine goes to or comes from: see channel.h.
 */
#include "frontend/state/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontend/sandbox.h"
#include "util/host_time.h"
#include "util/resolve.h"

#define END_MS  2  /* between two looks whether a command has ended */
#define LOOK_MS 50 /* between two looks at `cancel` */

extern char **environ;

enum kind { KIND_FILE, KIND_EXEC, KIND_UNIX, KIND_TCP, KIND_FD, KIND_NONE };
static const char *const prefixes[] = { "file:", "exec:", "unix:", "tcp:", "fd:" };

/* *rest: what follows the prefix. */
static enum kind kind_of(const char *uri, const char **rest)
{
    for (int n = 0; n < KIND_NONE; n++) {
        size_t length = strlen(prefixes[n]);
        *rest = uri + length;
        if (strncmp(uri, prefixes[n], length) == 0)
            return (enum kind)n;
    }
    return KIND_NONE;
}

bool state_channel_check(const char *uri, struct error *error)
{
    const char *rest;
    enum kind kind = kind_of(uri, &rest);
    if (kind == KIND_NONE)
        return error_set(error,
                         "unknown migration protocol: %.100s (there are file:PATH, exec:COMMAND, unix:PATH, "
                         "tcp:HOST:PORT and fd:N)",
                         uri);
    if (!*rest)
        return error_set(error, "%s needs %s", prefixes[kind],
                         kind == KIND_EXEC  ? "a command"
                         : kind == KIND_TCP ? "HOST:PORT"
                         : kind == KIND_FD  ? "a descriptor"
                                            : "a path");
    if (kind == KIND_FILE && strstr(rest, ",offset="))
        return error_set(error, "%.100s: offset= is not possible: a saved machine has a file of its own",
                         uri);
    return true;
}

bool state_channel_waits(const char *uri)
{
    const char *rest;
    enum kind kind = kind_of(uri, &rest);
    return kind == KIND_UNIX || kind == KIND_TCP;
}

/* Waits until the descriptor is ready; false: cancelled. */
static bool wait_for(const struct state_channel *channel, int fd, short events)
{
    struct pollfd wait = { .fd = fd, .events = events };
    while (!atomic_load(channel->cancel))
        if (poll(&wait, 1, LOOK_MS) > 0)
            return true;
    errno = ECANCELED;
    return false;
}

static void do_not_block(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* ---- Files --------------------------------------------------------------------------------------------- */

static bool file_failed(const char *path, const char *what, struct error *error)
{
    int number = errno;
    return error_set(error, "Could not %s '%s': %s%s", what, path, strerror(number), sandbox_hint(number));
}

/* What is not a regular file (a pipe that somebody reads, /dev/null) is written as it is; a link stays one.
 * The guest's memory is nobody else's business. */
static bool create_file(struct state_channel *channel, const char *path, struct error *error)
{
    struct stat status;
    char target[PATH_MAX];
    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode) && realpath(path, target))
        path = target;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        channel->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        return channel->fd >= 0 || file_failed(path, "open", error);
    }
    if (snprintf(channel->path, sizeof(channel->path), "%s", path) >= (int)sizeof(channel->path)) {
        errno = ENAMETOOLONG;
        channel->path[0] = 0;
        return file_failed(path, "create", error);
    }
    snprintf(channel->temporary, sizeof(channel->temporary), "%s.tmp-%d", path, (int)getpid());
    unlink(channel->temporary); /* of an older process with this number */
    channel->fd = open(channel->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (channel->fd >= 0)
        return true;
    channel->path[0] = 0;
    return file_failed(path, "create", error);
}

static bool keep_file(struct state_channel *channel, struct error *error)
{
    if (fsync(channel->fd) && errno != EINVAL && errno != EROFS)
        return file_failed(channel->path, "write", error);
    return rename(channel->temporary, channel->path) == 0 || file_failed(channel->path, "create", error);
}

/* A descriptor that somebody else has opened, and keeps. A pipe or a socket must not block. */
static bool copy_descriptor(struct state_channel *channel, const char *number, bool write,
                            struct error *error)
{
    struct stat status;
    char *end;
    long fd = strtol(number, &end, 10);
    int mode = *end || fd <= STDERR_FILENO || fd > INT_MAX ? -1 : fcntl((int)fd, F_GETFL);
    if (mode < 0)
        return error_set(error, "fd:%.40s: no open descriptor above 2", number);
    if ((mode & O_ACCMODE) == (write ? O_RDONLY : O_WRONLY))
        return error_set(error, "fd:%.40s: is not open for %s", number, write ? "writing" : "reading");
    channel->fd = fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
    if (channel->fd < 0)
        return error_set(error, "fd:%.40s: %s", number, strerror(errno));
    if (fstat(channel->fd, &status) == 0 && !S_ISREG(status.st_mode))
        do_not_block(channel->fd);
    return true;
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

/* The command has its own idea of signals, and gets no other descriptor of this process. */
static int spawn(const char *command, int end, int as, pid_t *child)
{
    char *const arguments[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char *)command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, end, as);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int rc = posix_spawn(child, "/bin/sh", &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static bool open_command(struct state_channel *channel, const char *command, bool write, struct error *error)
{
    int ends[2];
    if (!sandbox_may_spawn())
        return error_set(error,
                         "exec:%.100s: the sandbox lets no program be started: start with -sandbox "
                         "on,spawn=allow",
                         command);
    if (pipe2(ends, O_CLOEXEC))
        return error_set(error, "exec:%.100s: %s", command, strerror(errno));
    int rc = spawn(command, ends[!write], !write, &channel->child);
    close(ends[!write]);
    channel->fd = ends[write];
    do_not_block(channel->fd);
    if (!rc)
        return true;
    close(channel->fd);
    channel->fd = -1;
    channel->child = 0;
    return error_set(error, "exec:%.100s: %s", command, strerror(rc));
}

static bool end_command(struct state_channel *channel, bool keep, struct error *error)
{
    int status = 0;
    if (!keep)
        kill(channel->child, SIGTERM);
    while (waitpid(channel->child, &status, WNOHANG) == 0) {
        struct timespec pause = host_timespec(END_MS * 1000000ull);
        if (atomic_load(channel->cancel))
            kill(channel->child, SIGKILL);
        nanosleep(&pause, NULL);
    }
    channel->child = 0;
    if (!keep || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return true;
    return WIFEXITED(status)
               ? error_set(error, "the command of exec: failed: exit status %d", WEXITSTATUS(status))
               : error_set(error, "the command of exec: was ended by signal %d", WTERMSIG(status));
}

/* ---- Sockets ------------------------------------------------------------------------------------------- */

/* False: errno says why. */
static bool connect_to(const struct state_channel *channel, int fd, const struct sockaddr *address,
                       socklen_t length)
{
    int why = 0;
    socklen_t size = sizeof(why);
    if (connect(fd, address, length) == 0)
        return true;
    if (errno != EINPROGRESS || !wait_for(channel, fd, POLLOUT) ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size))
        return false;
    errno = why;
    return why == 0;
}

static int make_socket(const struct state_channel *channel, const struct sockaddr *address, socklen_t length)
{
    bool listens = channel->listening;
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (listens)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (listens ? bind(fd, address, length) || listen(fd, 1) : !connect_to(channel, fd, address, length)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool socket_failed(const char *uri, const char *why, struct error *error)
{
    return error_set(error, "%.150s: %s%s", uri, why, sandbox_hint(errno));
}

static bool open_unix(struct state_channel *channel, const char *uri, const char *path, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= (int)sizeof(address.sun_path))
        return error_set(error, "%.150s: the path is too long for a socket", uri);
    if (channel->listening) { /* of an earlier process */
        struct stat status;
        if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
            unlink(path);
    }
    errno = 0;
    channel->fd = make_socket(channel, (struct sockaddr *)&address, sizeof(address));
    if (channel->fd < 0)
        return socket_failed(uri, strerror(errno), error);
    if (channel->listening)
        snprintf(channel->path, sizeof(channel->path), "%s", path);
    return true;
}

static bool open_tcp(struct state_channel *channel, const char *uri, const char *where, struct error *error)
{
    char port[8];
    struct resolve_place place;
    struct error why = { "not HOST:PORT" };
    struct addrinfo *list = NULL,
                    hints = { .ai_socktype = SOCK_STREAM, .ai_flags = channel->listening ? AI_PASSIVE : 0 };
    if (!resolve_split(where, strlen(where), &place, &why) || !place.has_port)
        return error_set(error, "%.150s: %s", uri, why.text);
    snprintf(port, sizeof(port), "%u", place.port);
    int rc = resolve(place.host[0] ? place.host : NULL, port, &hints, &list);
    if (rc)
        return error_set(error, "%.150s: %s", uri, gai_strerror(rc));
    errno = 0;
    for (struct addrinfo *at = list; at && channel->fd < 0; at = at->ai_next)
        channel->fd = make_socket(channel, at->ai_addr, at->ai_addrlen);
    freeaddrinfo(list);
    return channel->fd >= 0 || socket_failed(uri, strerror(errno), error);
}

static bool open_socket(struct state_channel *channel, const char *uri, enum kind kind, const char *rest,
                        bool listens, struct error *error)
{
    bool tcp = kind == KIND_TCP;
    /* The sandbox has one rule for both: whether there may be new sockets, and whether on any TCP port. */
    if (!sandbox_may_listen(tcp))
        return error_set(error,
                         "%.150s: without a network, the sandbox lets no socket be made that was not on the "
                         "command line: start with -sandbox off",
                         uri);
    channel->listening = listens;
    return tcp ? open_tcp(channel, uri, rest, error) : open_unix(channel, uri, rest, error);
}

bool state_channel_accept(struct state_channel *channel, struct error *error)
{
    int fd;
    if (!channel->listening)
        return true;
    do
        fd = wait_for(channel, channel->fd, POLLIN)
                 ? accept4(channel->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)
                 : -1;
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED || errno == EAGAIN));
    if (fd < 0)
        return error_set(error, "nobody connected: %s", strerror(errno));
    /* One connection is enough, and nobody else shall wait for an answer. The descriptor's number stays. */
    int rc = dup3(fd, channel->fd, O_CLOEXEC);
    close(fd);
    channel->listening = false;
    if (channel->path[0])
        unlink(channel->path);
    channel->path[0] = 0;
    return rc >= 0 || error_set(error, "the connection is lost: %s", strerror(errno));
}

/* ---- All ----------------------------------------------------------------------------------------------- */

bool state_channel_open_write(struct state_channel *channel, const char *uri, const atomic_bool *cancel,
                              struct error *error)
{
    const char *rest;
    *channel = (struct state_channel){ .fd = -1, .cancel = cancel };
    if (!state_channel_check(uri, error))
        return false;
    enum kind kind = kind_of(uri, &rest);
    return kind == KIND_FILE   ? create_file(channel, rest, error)
           : kind == KIND_FD   ? copy_descriptor(channel, rest, true, error)
           : kind == KIND_EXEC ? open_command(channel, rest, true, error)
                               : open_socket(channel, uri, kind, rest, false, error);
}

bool state_channel_open_read(struct state_channel *channel, const char *uri, const atomic_bool *cancel,
                             struct error *error)
{
    const char *rest;
    *channel = (struct state_channel){ .fd = -1, .cancel = cancel };
    if (!state_channel_check(uri, error))
        return false;
    enum kind kind = kind_of(uri, &rest);
    if (kind == KIND_FILE) {
        channel->fd = open(rest, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return channel->fd >= 0 || file_failed(rest, "open", error);
    }
    if (kind == KIND_FD)
        return copy_descriptor(channel, rest, false, error);
    return kind == KIND_EXEC ? open_command(channel, rest, false, error)
                             : open_socket(channel, uri, kind, rest, true, error);
}

bool state_channel_close(struct state_channel *channel, bool keep, struct error *error)
{
    bool ok = true;
    if (channel->fd < 0)
        return true;
    if (channel->temporary[0])
        ok = !keep || keep_file(channel, error);
    if (close(channel->fd) && ok && keep)
        ok = file_failed(channel->path, "write", error);
    channel->fd = -1;
    if (channel->temporary[0] && !(keep && ok))
        unlink(channel->temporary);
    if (channel->listening && channel->path[0])
        unlink(channel->path);
    if (channel->child)
        ok = end_command(channel, keep && ok, error) && ok;
    return ok;
}
