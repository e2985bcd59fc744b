/* SPDX-License-Identifier: MIT
 *
 * The bytes of files that are to be loaded, or looked at: kernels, initial RAM disks, ELF files, device
 * trees.
 *
 * What is large goes into a temporary file without a name (a spool), copied there by the host's kernel: it
 * stays as it is when the other file is changed, a reset can load it again, and it is in memory only while it
 * is used. Where there can be none (no room for temporary files), memory does.
 */
#ifndef MACHINE_BOOT_IMAGE_H
#define MACHINE_BOOT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

#define IMAGE_SPOOLED_FROM (UINT64_C(1) << 20) /* bytes */

/* The bytes of a file, or what was unpacked from it: memory of malloc(), or a mapping of `spool`. Released by
 * image_free(). */
struct image {
    uint8_t *bytes;
    uint64_t length;
    FILE *spool; /* a temporary file without a name, or NULL */
};

/* Reads a whole regular file (or pipe) of at most `limit` bytes; the caller may keep `bytes`, and free()
 * them. False, with *error filled, where that cannot be. */
bool image_read(struct image *image, const char *path, uint64_t limit, struct error *error);
/* The same, with a spool where the file is large; for image_free() only. */
bool image_open(struct image *image, const char *path, uint64_t limit, struct error *error);
/* Spools what was unpacked, or came from a pipe, if it is large and can be. */
void image_spool(struct image *image);
void image_free(struct image *image);

/* Does it begin as ELF files do? */
bool image_is_elf(const struct image *image);

#endif
