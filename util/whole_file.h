/* SPDX-License-Identifier: MIT
 *
 * Files that a user names and that are there whole or not at all: they are written under another name beside,
 * and take their own at the end. What is there and is no regular file (a device, a pipe, a link) is written
 * to as it is: to replace /dev/null or a link would damage what is not ours.
 */
#ifndef UTIL_WHOLE_FILE_H
#define UTIL_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The name to write under: PATH.part, or PATH. False: longer than `size`. */
bool whole_file_begin(const char *path, char *part, size_t size);
/* After it was closed: gives it its own name, or removes it where writing failed. False and errno set: it
 * could not be given, or `ok` was false (then errno stays as it is). */
bool whole_file_end(const char *path, const char *part, bool ok);

#endif
