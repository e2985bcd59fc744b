/* SPDX-License-Identifier: MIT
 *
 * Host errors as values. A function that can fail for a reason outside the guest takes a `struct error *`,
 * fills it with a sentence that says what happened, where, and what the user can do, and returns false (or
 * NULL). Nothing but main() prints it and exits. The caller owns the struct; it holds no other resource.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <stdbool.h>

struct error {
    char text[512];
};

/* Fills *error (may be NULL) from a printf format; the text is cut at the end of the buffer. Always returns
 * false, so that a caller can write `return error_set(error, ...);`. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
