/* SPDX-License-Identifier: MIT
 *
 * What the tests of the command line share: a line as scripts write it is parsed into `options`, or refused
 * with `error`.
 */
#ifndef TESTS_FRONTEND_OPTIONS_OPTION_LINE_H
#define TESTS_FRONTEND_OPTIONS_OPTION_LINE_H

#include <check.h>
#include <string.h>

#include "devices/catalog/catalog.h"
#include "devices/virtio/9p/9p.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/gpu/gpu.h"
#include "devices/virtio/input.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/snd/snd.h"
#include "frontend/options/options.h"

extern struct options options;
extern struct error error;

/* Splits the line at blanks; a piece in '...' may hold blanks. Frees what was parsed before. */
bool parse(const char *line);

/* A line that fails, and what its message must name. */
struct failing_line {
    const char *line, *names;
};
void check_failing_line(const struct failing_line *failing);

#endif
