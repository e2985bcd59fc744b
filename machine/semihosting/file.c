/* SPDX-License-Identifier: MIT
 *
 * Files of semihosting: a table of handles, and names in the folder that the user named (guest_folder.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/semihosting/internal.h"
#include "util/check.h"

/* The file ":semihosting-features": its magic number, then SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR. */
static const uint8_t features[] = { 'S', 'H', 'F', 'B', 3 };

static int64_t fail(struct semihosting *self, int error)
{
    self->error = error;
    return -1;
}

struct handle *file_handle(struct semihosting *self, uint64_t number)
{
    CHECK_HELD(&self->lock);
    if (number >= 1 && number <= SEMIHOSTING_FILES && self->handles[number - 1].kind != HANDLE_FREE)
        return &self->handles[number - 1];
    self->error = EBADF;
    return NULL;
}

static int64_t new_handle(struct semihosting *self, enum handle_kind kind, int fd)
{
    for (unsigned i = 0; i < SEMIHOSTING_FILES; i++) {
        if (self->handles[i].kind == HANDLE_FREE) {
            self->handles[i] = (struct handle){ .kind = kind, .fd = fd };
            return i + 1;
        }
    }
    if (fd >= 0)
        close(fd);
    return fail(self, EMFILE);
}

/* ---- Names --------------------------------------------------------------------------------------------- */

/* As guest_folder_open_parent(); -1 with the error set. */
static int open_parent(struct semihosting *self, const char *name, char last[SEMIHOSTING_NAME])
{
    int folder = guest_folder_open_parent(self->root, "semihosting", name, last);
    return folder < 0 ? (int)fail(self, -folder) : folder;
}

/* ---- The calls ----------------------------------------------------------------------------------------- */

/* The modes of fopen() in this order: r, rb, r+, r+b, w, ... */
static int open_flags(uint64_t mode)
{
    static const int access[] = { O_RDONLY,
                                  O_RDWR,
                                  O_WRONLY | O_CREAT | O_TRUNC,
                                  O_RDWR | O_CREAT | O_TRUNC,
                                  O_WRONLY | O_CREAT | O_APPEND,
                                  O_RDWR | O_CREAT | O_APPEND };
    return access[mode / 2];
}

static int64_t open_file(struct semihosting *self, const char *name, uint64_t mode)
{
    int fd = guest_folder_open_file(self->root, "semihosting", name, open_flags(mode), 0666);
    return fd < 0 ? fail(self, -fd) : new_handle(self, HANDLE_FILE, fd);
}

int64_t file_open(struct semihosting *self, const char *name, uint64_t mode)
{
    CHECK_HELD(&self->lock);
    if (mode > 11)
        return fail(self, EINVAL);
    if (strcmp(name, ":tt") == 0)
        return new_handle(self, mode < 4 ? HANDLE_INPUT : mode < 8 ? HANDLE_OUTPUT : HANDLE_ERRORS, -1);
    if (strcmp(name, ":semihosting-features") == 0)
        return mode < 2 ? new_handle(self, HANDLE_FEATURES, -1) : fail(self, EACCES);
    return open_file(self, name, mode);
}

int64_t file_close(struct semihosting *self, uint64_t number)
{
    CHECK_HELD(&self->lock);
    struct handle *handle = file_handle(self, number);
    if (!handle)
        return -1;
    if (handle->kind == HANDLE_FILE)
        close(handle->fd);
    handle->kind = HANDLE_FREE;
    return 0;
}

int64_t file_seek(struct semihosting *self, uint64_t number, uint64_t position)
{
    CHECK_HELD(&self->lock);
    struct handle *handle = file_handle(self, number);
    if (!handle)
        return -1;
    if (handle->kind == HANDLE_FEATURES && position <= sizeof(features)) {
        handle->next = position;
        return 0;
    }
    if (handle->kind != HANDLE_FILE || position > INT64_MAX)
        return fail(self, handle->kind == HANDLE_FILE ? EINVAL : ESPIPE);
    return lseek(handle->fd, (off_t)position, SEEK_SET) < 0 ? fail(self, errno) : 0;
}

int64_t file_length(struct semihosting *self, uint64_t number)
{
    CHECK_HELD(&self->lock);
    struct handle *handle = file_handle(self, number);
    struct stat status;
    if (!handle)
        return -1;
    if (handle->kind == HANDLE_FEATURES)
        return sizeof(features);
    if (handle->kind != HANDLE_FILE)
        return fail(self, ESPIPE);
    return fstat(handle->fd, &status) ? fail(self, errno) : status.st_size;
}

int64_t file_is_terminal(struct semihosting *self, uint64_t number)
{
    CHECK_HELD(&self->lock);
    struct handle *handle = file_handle(self, number);
    if (!handle)
        return -1;
    return handle->kind != HANDLE_FILE && handle->kind != HANDLE_FEATURES &&
           console_is_terminal(self, handle->kind);
}

int64_t file_remove(struct semihosting *self, const char *name)
{
    CHECK_HELD(&self->lock);
    char last[SEMIHOSTING_NAME];
    int folder = open_parent(self, name, last);
    if (folder < 0)
        return -1;
    int64_t result = unlinkat(folder, last, 0) ? fail(self, errno) : 0;
    close(folder);
    return result;
}

int64_t file_rename(struct semihosting *self, const char *from, const char *to)
{
    CHECK_HELD(&self->lock);
    char last_from[SEMIHOSTING_NAME], last_to[SEMIHOSTING_NAME];
    int folder_from = open_parent(self, from, last_from), folder_to = -1;
    if (folder_from < 0)
        return -1;
    int64_t result = -1;
    folder_to = open_parent(self, to, last_to);
    if (folder_to >= 0)
        result = renameat(folder_from, last_from, folder_to, last_to) ? fail(self, errno) : 0;
    close(folder_from);
    if (folder_to >= 0)
        close(folder_to);
    return result;
}

ssize_t file_transfer(struct semihosting *self, struct handle *handle, void *bytes, size_t length,
                      bool write_it)
{
    CHECK_HELD(&self->lock);
    if (handle->kind == HANDLE_FEATURES && !write_it) {
        size_t left = sizeof(features) - handle->next, n = length < left ? length : left;
        memcpy(bytes, features + handle->next, n);
        handle->next += n;
        return (ssize_t)n;
    }
    if (handle->kind != HANDLE_FILE)
        return (ssize_t)fail(self, EBADF);
    ssize_t n = write_it ? write(handle->fd, bytes, length) : read(handle->fd, bytes, length);
    return n < 0 ? (ssize_t)fail(self, errno) : n;
}
