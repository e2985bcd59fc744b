/* SPDX-License-Identifier: MIT
 *
 * See daemon.h. The parent reads a pipe to learn whether the child is ready: either a byte comes, or the pipe
 * ends without one. The file of -pidfile is locked while the process lives, so that two machines do not share
 * it, as by QEMU. At the end its inode is compared, so that no other process's file is removed.
 */
#include "frontend/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_pipe = -1; /* the child's end; -1: no parent waits */
static int null = -1;       /* /dev/null, which replaces the terminal; opened while it still has a name */
static int pid_file = -1, pid_folder = -1;
static char pid_name[NAME_MAX + 1];

/* ---- Into the background ------------------------------------------------------------------------------- */

/* The parent waits here; this does not return. */
static void wait_for_child(int pipe_end, pid_t child)
{
    char byte;
    int status = 0;
    ssize_t got;
    while ((got = read(pipe_end, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (got == 1)
        _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 1);
}

static bool leave_terminal(struct error *error)
{
    int ends[2];
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || pipe2(ends, O_CLOEXEC))
        return error_set(error, "-daemonize: %s", strerror(errno));
    fflush(NULL); /* otherwise the child would write buffered output again */
    pid_t child = fork();
    if (child < 0) {
        close(ends[0]);
        close(ends[1]);
        return error_set(error, "-daemonize: cannot make a process: %s", strerror(errno));
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(ends[0], child);
    }
    close(ends[0]);
    ready_pipe = ends[1];
    setsid(); /* cannot fail, since a new process is not the leader of a group */
    return true;
}

bool daemon_begin(const struct options *options, struct error *error)
{
    if (options->process.name)
        prctl(PR_SET_NAME, options->process.name);
    return !options->process.daemonize || leave_terminal(error);
}

bool daemon_ready(const struct options *options, struct error *error)
{
    if (ready_pipe < 0)
        return true;
    bool ok = dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
              dup2(null, STDERR_FILENO) >= 0 && write(ready_pipe, "", 1) == 1;
    if (!ok)
        error_set(error, "-daemonize: cannot leave the terminal: %s", strerror(errno));
    if (null > STDERR_FILENO)
        close(null);
    close(ready_pipe);
    ready_pipe = -1;
    return ok;
}

/* ---- -pidfile ------------------------------------------------------------------------------------------ */

/* Opens the folder, so that the file can be removed at the end, whatever the current folder and root are
 * then. */
static bool open_folder(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int length = slash ? (int)(slash - path) : 0;
    if (!*name || strlen(name) >= sizeof(pid_name) || length >= (int)sizeof(folder))
        return error_set(error, "-pidfile %s: that is no file's name", path);
    snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : length, slash ? path : "");
    strcpy(pid_name, name);
    pid_folder = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return pid_folder >= 0 || error_set(error, "-pidfile %s: %s", path, strerror(errno));
}

static bool is_mine(void)
{
    struct stat mine, there;
    return pid_file >= 0 && fstat(pid_file, &mine) == 0 &&
           fstatat(pid_folder, pid_name, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

/* Opens the file and locks it. The process that had the file before may remove it between the two, hence the
 * loop. */
static bool lock_file(const char *path, struct error *error)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat mine;
    do {
        if (pid_file >= 0)
            close(pid_file);
        pid_file = openat(pid_folder, pid_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
        if (pid_file < 0)
            return error_set(error, "-pidfile %s: %s", path, strerror(errno));
        if (fcntl(pid_file, F_SETLK, &lock)) {
            error_set(error, "-pidfile %s: %s", path,
                      errno == EAGAIN || errno == EACCES ? "another process that runs has it"
                                                         : strerror(errno));
            close(pid_file);
            pid_file = -1; /* this process must not remove it */
            return false;
        }
        if (fstat(pid_file, &mine) == 0 && !S_ISREG(mine.st_mode))
            return true; /* /dev/null or a pipe: must not be removed */
    } while (!is_mine());
    return true;
}

static bool write_pid(const char *path, struct error *error)
{
    char text[32];
    struct stat mine;
    if (!open_folder(path, error) || !lock_file(path, error))
        return false;
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    bool regular = fstat(pid_file, &mine) == 0 && S_ISREG(mine.st_mode);
    if ((regular && ftruncate(pid_file, 0)) || write(pid_file, text, (size_t)length) != length)
        return error_set(error, "-pidfile %s: cannot be written: %s", path, strerror(errno));
    return true;
}

void daemon_end(void)
{
    struct stat mine;
    if (is_mine() && fstat(pid_file, &mine) == 0 && S_ISREG(mine.st_mode))
        /* This fails if the present user or root has no right to do it; then the file stays. */
        unlinkat(pid_folder, pid_name, 0);
    if (pid_file >= 0)
        close(pid_file);
    pid_file = -1;
}

bool daemon_hold(const struct options *options, struct error *error)
{
    const struct options_process *process = &options->process;
    int flags = MCL_CURRENT | MCL_FUTURE | (process->lock_on_fault ? MCL_ONFAULT : 0);
    if (process->lock_memory && mlockall(flags))
        return error_set(error, "-overcommit mem-lock: the memory cannot be locked: %s (ulimit -l)",
                         strerror(errno));
    return !process->pidfile || write_pid(process->pidfile, error);
}
