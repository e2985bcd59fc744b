/* SPDX-License-Identifier: MIT
 *
 * rvive-img: disk images made, looked at and changed while no guest uses them, with the arguments of
 * qemu-img. A command is one function; what it does to an image is in devices/.
 */
#ifndef FRONTEND_IMG_IMG_H
#define FRONTEND_IMG_IMG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/block/qcow2/qcow2.h"

/* Parses its own arguments (argv[0] is the command's name) and returns the exit status. */
int img_create(int argc, char **argv);
int img_info(int argc, char **argv);
int img_convert(int argc, char **argv);
int img_check(int argc, char **argv);
int img_commit(int argc, char **argv);
int img_resize(int argc, char **argv);

/* Prints "rvive-img: ..." and returns 1. */
int img_fail(const struct error *error);
int img_failf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "rvive-img COMMAND --help says how it is used"; 1. */
int img_usage(const char *command);

/* Bytes, with a suffix k, M, G, T, P or E; of a disk: rounded up to 512. */
bool img_parse_bytes(const char *text, uint64_t *bytes, struct error *error);
bool img_parse_size(const char *text, uint64_t *bytes, struct error *error);
/* Opens with what all commands have in common; format NULL: found out. */
struct blockdev *img_open(const char *path, const char *format, bool writable, bool shared, bool no_backing,
                          struct error *error);
const char *img_format_of(const struct blockdev *blockdev);
/* Makes a new image file at `path`; options is the -o list, NULL: none. `backing` and its format as they are
 * to be written into the image; size 0 with a backing file: that one's size. */
bool img_make(const char *path, const char *format, const char *options, uint64_t size, const char *backing,
              const char *backing_format, bool unchecked, bool quiet, struct error *error);
/* A string of JSON with its quotes. */
void img_print_json_string(const char *text);

#endif
