/* SPDX-License-Identifier: MIT
 *
 * Files that a user names and that appear whole or not at all: they are written under another name in the
 * same folder, and get their own name at the end. If the name already belongs to something that is no regular
 * file (a device, a pipe, a link), that is written to directly, since replacing /dev/null or a link would
 * damage what is not ours.
 */
#ifndef UTIL_WHOLE_FILE_H
#define UTIL_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Sets `part` to the name to write under: PATH.part, or PATH. Returns false if it is longer than `size`. */
bool whole_file_begin(const char *path, char *part, size_t size);
/* To be called after the file was closed. Gives it its own name, or removes it if `ok` is false, which means
 * that writing failed. Returns false if the name could not be given (errno is set), or if `ok` was false
 * (errno stays as it is). */
bool whole_file_end(const char *path, const char *part, bool ok);

#endif
