/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of semihosting.
 */
#ifndef MACHINE_SEMIHOSTING_INTERNAL_H
#define MACHINE_SEMIHOSTING_INTERNAL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cpu/semihost.h"
#include "devices/char/chardev.h"
#include "machine/machine.h"
#include "machine/semihosting/guest_folder.h"
#include "machine/semihosting/semihosting.h"

#define SEMIHOSTING_FILES 64
#define SEMIHOSTING_INPUT 4096u
#define SEMIHOSTING_NAME  GUEST_FOLDER_NAME

enum handle_kind { HANDLE_FREE, HANDLE_INPUT, HANDLE_OUTPUT, HANDLE_ERRORS, HANDLE_FILE, HANDLE_FEATURES };

struct handle {
    enum handle_kind kind;
    int fd;        /* FILE */
    uint64_t next; /* FEATURES: position */
};

/* The progress of a call that its hart interrupted because it was wanted elsewhere. */
struct progress {
    uint64_t operation, argument, pc; /* which call it is */
    uint64_t words[4];                /* the words in its block */
    uint64_t done;                    /* bytes; 0: there is no such call */
};

struct semihosting {
    struct semihost semihost; /* must be first */
    struct machine *machine;
    const struct semihosting_config *config;
    int root; /* the folder; -1: none */

    pthread_mutex_t lock;                     /* for the handles; not held while a call waits for input */
    struct handle handles[SEMIHOSTING_FILES]; /* number n is handle n + 1 */
    struct progress progress[MACHINE_HARTS_MAX];
    int error; /* errno of the last call that failed */

    /* The console. */
    struct chardev *chardev; /* NULL: the program's own standard streams */
    bool takes_input;        /* the chardev is the UART's; its keys come here from the first read on */
    pthread_mutex_t input_lock;
    pthread_cond_t input_changed;
    uint8_t input[SEMIHOSTING_INPUT];
    size_t input_count;
    bool input_taken, input_closed;
};

/* console.c */
bool console_open(struct semihosting *semihosting, struct error *error);
void console_close(struct semihosting *semihosting);
/* Writes, and waits for the terminal. Returns how many bytes were written, or need not be written any more
 * since nobody reads them. These are fewer than `length` only if the hart is wanted elsewhere. */
size_t console_write(struct semihosting *semihosting, struct hart *hart, enum handle_kind kind,
                     const void *bytes, size_t length);
/* Waits for at least one byte. Returns how many there are, 0 at the end of input, -1 if the hart is wanted
 * elsewhere. */
ssize_t console_read(struct semihosting *semihosting, struct hart *hart, void *bytes, size_t length);
bool console_is_terminal(const struct semihosting *semihosting, enum handle_kind kind);

/* file.c: the calls of these names; -1 on failure, with semihosting->error set. [lock] */
int64_t file_open(struct semihosting *semihosting, const char *name, uint64_t mode);
int64_t file_close(struct semihosting *semihosting, uint64_t handle);
int64_t file_seek(struct semihosting *semihosting, uint64_t handle, uint64_t position);
int64_t file_length(struct semihosting *semihosting, uint64_t handle);
int64_t file_is_terminal(struct semihosting *semihosting, uint64_t handle);
int64_t file_remove(struct semihosting *semihosting, const char *name);
int64_t file_rename(struct semihosting *semihosting, const char *from, const char *to);
/* Returns the handle of that number; NULL (with the error set) if it is not open. */
struct handle *file_handle(struct semihosting *semihosting, uint64_t handle);
/* Returns the number of bytes that were moved, or -1. */
ssize_t file_transfer(struct semihosting *semihosting, struct handle *handle, void *bytes, size_t length,
                      bool write);

#endif
