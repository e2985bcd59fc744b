/* SPDX-License-Identifier: MIT
 *
 * Files that are written at the end; see output.h.
 */
#include "machine/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool output_open(struct output *output, const char *flag, const char *path, struct error *error)
{
    *output = (struct output){ flag, path, -1 };
    output->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    return output->fd >= 0 || error_set(error, "%s %s: cannot be written: %s", flag, path, strerror(errno));
}

bool output_check(const struct output *output, const char *input, struct error *error)
{
    struct stat out, in;
    if (!input || stat(input, &in) || fstat(output->fd, &out) || !is_same_file(&in, &out))
        return true;
    return error_set(error, "%s %s: that is the guest's program; the file would be written over it",
                     output->flag, output->path);
}

/* Opens the file again through the descriptor from the start. */
static FILE *start_open(const struct output *output, bool regular)
{
    FILE *out = NULL;
    int fd = fcntl(output->fd, F_DUPFD_CLOEXEC, 0), flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 &&
        (!regular || (ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0)))
        out = fdopen(fd, "w");
    if (!out && fd >= 0) {
        int number = errno;
        close(fd);
        errno = number;
    }
    return out;
}

/* Opens the file by its name, so that an earlier file may have been moved away. The descriptor from the start
 * is used in two cases: the name may not be opened any more, since the process has become another user's
 * (-run-with); and for a pipe, whose reader sees its end when the last writer is gone. */
static FILE *start(const struct output *output)
{
    struct stat now, then;
    if (fstat(output->fd, &then))
        return NULL;
    if (!S_ISREG(then.st_mode))
        return start_open(output, false);
    FILE *out = fopen(output->path, "we");
    int number = errno;
    if (out)
        return out;
    if (number == EACCES && stat(output->path, &now) == 0 && is_same_file(&now, &then))
        return start_open(output, true);
    errno = number;
    return NULL;
}

static bool fail(const struct output *output, int number, struct error *error)
{
    return error_set(error, "%s: cannot write %s: %s", output->flag, output->path, strerror(number));
}

FILE *output_start(const struct output *output, struct error *error)
{
    FILE *out = start(output);
    if (!out)
        fail(output, errno, error);
    return out;
}

bool output_end(const struct output *output, FILE *file, struct error *error)
{
    bool lost = ferror(file), failed = fflush(file) != 0;
    int number = errno;
    if (fclose(file) && !failed) {
        failed = true;
        number = errno;
    }
    if (failed)
        return fail(output, number, error);
    return !lost || error_set(error, "%s: not all of %s could be written", output->flag, output->path);
}

void output_close(struct output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
}
