/* SPDX-License-Identifier: MIT
 *
 * A write() that continues until everything is written. For blocking descriptors; any thread.
 */
#ifndef UTIL_WRITE_ALL_H
#define UTIL_WRITE_ALL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/* False if the descriptor accepts no more; some of the bytes may have been written. */
static inline bool write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length) {
        ssize_t done = write(fd, at, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        length -= (size_t)done;
    }
    return true;
}

#endif
