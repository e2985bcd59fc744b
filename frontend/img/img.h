/* SPDX-License-Identifier: MIT
 *
 * rvive-img: makes, examines and changes disk images while no guest uses them, with the arguments of
 * qemu-img. A command is one function; the code that works on the image is in devices/.
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
int img_snapshot(int argc, char **argv);

/* Prints "rvive-img: ..." and returns 1. */
int img_fail(const struct error *error);
int img_failf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints "rvive-img COMMAND --help says how it is used" and returns 1. */
int img_usage(const char *command);

/* Reads a number of bytes with a suffix k, M, G, T, P or E. For the size of a disk it is rounded up to
 * 512. */
bool img_parse_bytes(const char *text, uint64_t *bytes, struct error *error);
bool img_parse_size(const char *text, uint64_t *bytes, struct error *error);
/* Opens an image for a command. format NULL: it is detected. */
struct blockdev *img_open(const char *path, const char *format, bool writable, bool shared, bool no_backing,
                          struct error *error);
const char *img_format_of(const struct blockdev *blockdev);
/* Makes a new image file at `path`. `options` is the list of -o, NULL: none. `backing` and its format are
 * written into the image as they are. If size is 0 and there is a backing file, its size is used. */
bool img_make(const char *path, const char *format, const char *options, uint64_t size, const char *backing,
              const char *backing_format, bool unchecked, bool quiet, struct error *error);
/* Prints a string of JSON, with its quotes. */
void img_print_json_string(const char *text);

#endif
