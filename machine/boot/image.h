/* SPDX-License-Identifier: MIT
 *
 * The bytes of files that are to be loaded, or looked at: kernels, initial RAM disks, ELF files, device
 * trees.
 *
 * A large file is copied into a temporary file without a name (a spool), by the host's kernel. The copy does
 * not change when the original does, a reset can load it again, and it is in memory only while it is used. If
 * there can be no spool (no room for temporary files), the bytes are kept in memory.
 */
#ifndef MACHINE_BOOT_IMAGE_H
#define MACHINE_BOOT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

#define IMAGE_SPOOLED_FROM (UINT64_C(1) << 20) /* bytes */

/* The bytes of a file, or what was unpacked from it: in memory from malloc(), or in a mapping of `spool`.
 * Released by image_free(). */
struct image {
    uint8_t *bytes;
    uint64_t length;
    FILE *spool; /* a temporary file without a name, or NULL */
};

/* Reads a whole regular file (or pipe) of at most `limit` bytes. The caller may keep `bytes`, and free()
 * them. False, with *error filled, on failure. */
bool image_read(struct image *image, const char *path, uint64_t limit, struct error *error);
/* The same, but with a spool if the file is large. To be released with image_free() only. */
bool image_open(struct image *image, const char *path, uint64_t limit, struct error *error);
/* Moves what was unpacked, or came from a pipe, into a spool, if it is large and there can be one. */
void image_spool(struct image *image);
void image_free(struct image *image);

/* Does it begin like an ELF file? */
bool image_is_elf(const struct image *image);

#endif
