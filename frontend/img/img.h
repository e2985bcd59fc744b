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
int img_amend(int argc, char **argv);
int img_bench(int argc, char **argv);
int img_compare(int argc, char **argv);
int img_dd(int argc, char **argv);
int img_map(int argc, char **argv);
int img_measure(int argc, char **argv);
int img_rebase(int argc, char **argv);

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
/* How many of the `length` bytes from `offset` on are alike, as far as is known without reading them: *zero,
 * or not, in the image or in those below it. 0 or a negative errno. */
int img_status(struct blockdev *blockdev, uint64_t offset, uint64_t length, uint64_t *run, bool *zero);
/* A part of a disk that is alike (qemu-img map). */
struct img_range {
    uint64_t start, length;
    unsigned depth;  /* 0: the image itself, 1: its backing file, ... */
    bool present;    /* an image of the chain has something there, if only that it is zero */
    bool zero, data; /* it reads as zeros; bytes are stored for it */
    bool compressed;
    bool placed; /* `offset` says where in the file `path` it is */
    uint64_t offset;
    const char *path;
};
/* Fills in what is at range->start: at most range->length bytes. `path` is the image's. 0 or a negative
 * errno. */
int img_look(struct blockdev *blockdev, const char *path, struct img_range *range);
const char *img_format_of(const struct blockdev *blockdev);
/* Makes a new image file at `path`. `options` is the list of -o, NULL: none. `backing` and its format are
 * written into the image as they are. If size is 0 and there is a backing file, its size is used. */
bool img_make(const char *path, const char *format, const char *options, uint64_t size, const char *backing,
              const char *backing_format, bool unchecked, bool quiet, struct error *error);
/* Reads the value of --output. False, after a message: it is neither human nor json. */
bool img_parse_output(const char *text, bool *json);
/* Reads a list of -o for a qcow2 image (NULL: none); strings of it are only checked. */
bool img_parse_options(const char *options, struct qcow2_options *qcow2, struct error *error);
/* Finds the path of an image that another one at `path` names. False, with *error filled: it is too long. */
bool img_path_of(const char *path, const char *name, char *full, size_t size, struct error *error);
/* Prints a string of JSON, with its quotes. */
void img_print_json_string(const char *text);

#endif
