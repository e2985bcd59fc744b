/* SPDX-License-Identifier: MIT
 *
 * -identify FILE: looks at a file and says what it is, which machine and flags fit it, and why. It runs
 * nothing, and every field of the file is checked: files come from strangers.
 *
 * A part of this room looks for one kind of file. It says true if the file is of that kind, and fills a
 * struct identity. Used by one thread.
 */
#ifndef FRONTEND_IDENTIFY_IDENTIFY_H
#define FRONTEND_IDENTIFY_IDENTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

/* Identifies the file and writes the answer. False, with *error filled, if it cannot be read. An answer that
 * nothing fits is no error. */
bool identify_file(const char *path, FILE *out, struct error *error);

/* ---- For the parts ------------------------------------------------------------------------------------- */

#define IDENTITY_LINES 12

struct identity {
    char what[256];                 /* "an ELF program for RV64" */
    char why[IDENTITY_LINES][256];  /* what was seen in it */
    char note[IDENTITY_LINES][256]; /* what else to know */
    unsigned why_count, note_count;
    char machine[64]; /* of -M; empty: none fits */
    char cpu[640];    /* of -cpu; empty: the machine's own */
    char flags[256];  /* the rest of the command line; %s is the file's name */
    bool rv32;
};

/* The bytes that were read: all of the file, or the beginning of a large one. */
struct subject {
    const uint8_t *bytes;
    uint64_t length;
    uint64_t file_size; /* not less than `length`; of a packed file, the size of what is in it */
};

void identity_why(struct identity *identity, const char *format, ...) __attribute__((format(printf, 2, 3)));
void identity_note(struct identity *identity, const char *format, ...) __attribute__((format(printf, 2, 3)));
void identity_set(char *field, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Copies text of a file, up to `length` bytes or a 0; what cannot be printed becomes '?'. */
void identity_text(char *to, size_t size, const void *from, size_t length);
/* Whether [offset, offset + size) is in the subject. */
bool subject_has(const struct subject *subject, uint64_t offset, uint64_t size);
/* Numbers in the byte order of the name; 0 outside of the subject. */
uint64_t subject_le(const struct subject *subject, uint64_t offset, unsigned size);
uint64_t subject_be(const struct subject *subject, uint64_t offset, unsigned size);
/* Returns where the text is in the bytes; NULL: nowhere. */
const uint8_t *subject_find(const struct subject *subject, const char *text);

/* elf.c */
bool identify_elf(const struct subject *subject, struct identity *identity);
/* arch.c: an architecture string ("rv64i2p1_m2p0_...", "rv32imac") becomes -cpu. `embedded`: the base is E,
 * whatever the string says. */
void identify_arch(const char *arch, bool embedded, struct identity *identity);
/* tree.c: device trees and FIT images. */
bool identify_tree(const struct subject *subject, struct identity *identity);
/* kernel.c: Linux's Image and U-Boot's uImage, firmware and raw programs with a known text in them. */
bool identify_kernel(const struct subject *subject, struct identity *identity);
bool identify_uimage(const struct subject *subject, struct identity *identity);
bool identify_by_text(const struct subject *subject, struct identity *identity);
/* Adds what texts in the file say ("OpenSBI v", "Linux version"). */
void identify_texts(const struct subject *subject, struct identity *identity);
/* controller.c: raw images for microcontrollers. */
bool identify_controller(const struct subject *subject, struct identity *identity);
/* disk.c: disks, file systems, archives. */
bool identify_disk(const struct subject *subject, struct identity *identity);

#endif
