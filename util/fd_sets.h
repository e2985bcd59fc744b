/* SPDX-License-Identifier: MIT
 *
 * Files that another process has opened and handed over: sets of descriptors, each the file "/dev/fdset/N",
 * as on QEMU. A set has one descriptor for each way to use the file. They reach files that this process may
 * not open itself.
 *
 * Any thread. There is one collection, which is the process's.
 */
#ifndef UTIL_FD_SETS_H
#define UTIL_FD_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define FD_SETS_TEXT 64u

struct fd_sets_entry {
    int64_t set;
    int fd;
    char text[FD_SETS_TEXT]; /* what the giver said about it; "": nothing */
};

/* Adds a descriptor to the set; -1: to a new one. Returns the set, which owns the descriptor now; -1 with
 * *error: there are too many, and the caller keeps it. */
int64_t fd_sets_add(int64_t set, int fd, const char *text, struct error *error);
/* Closes one descriptor of the set, or (-1) all. False if there is none. */
bool fd_sets_remove(int64_t set, int fd);
/* The entry of that number, in the order of the sets; false after the last one. */
bool fd_sets_at(unsigned number, struct fd_sets_entry *entry);
/* Is it the name of such a file? */
bool fd_sets_has_name(const char *path);
/* A copy of the set's descriptor for reading, or for both. -1 and errno: ENOENT, there is no such set;
 * EACCES, it has none for that. */
int fd_sets_open(const char *path, bool writable);

#endif
