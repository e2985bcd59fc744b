/* SPDX-License-Identifier: MIT
 *
 * Saved state: a stream of named, little-endian fields in named, versioned sections. A device writes its
 * section in save() and reads the same names back in load(); a reader may ask for the fields in any order.
 * The bytes come from a file that may be damaged or hostile: every length is checked, and a field that is
 * missing or of another size makes the reader fail, once, with a message that names section and field.
 *
 * One thread at a time. The writer owns its buffer; the reader borrows the caller's.
 */
#ifndef UTIL_STATE_H
#define UTIL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct state_writer {
    uint8_t *bytes;
    size_t length, capacity;
    size_t section; /* offset of the open section's length field */
    bool failed;    /* out of memory; sticky */
};

void state_writer_init(struct state_writer *writer);
void state_writer_destroy(struct state_writer *writer);
void state_section(struct state_writer *writer, const char *name, unsigned version);
void state_put(struct state_writer *writer, const char *field, uint64_t value);
void state_put_bytes(struct state_writer *writer, const char *field, const void *bytes, size_t length);

struct state_reader {
    const uint8_t *bytes;
    size_t length;
    const uint8_t *section; /* the open section's fields */
    size_t section_length;
    const char *section_name;
    struct error *error; /* filled at the first failure; sticky */
    bool failed;
};

void state_reader_init(struct state_reader *reader, const void *bytes, size_t length, struct error *error);
/* Opens the next section of that name and returns its version. If there is none, or its version is above
 * `newest`, the reader fails and 0 is returned. */
unsigned state_open(struct state_reader *reader, const char *name, unsigned newest);
/* The value of a field; 0 once the reader has failed. The reader fails if the value is above `limit`. */
uint64_t state_get(struct state_reader *reader, const char *field, uint64_t limit);
/* Copies a field of exactly `length` bytes. */
void state_get_bytes(struct state_reader *reader, const char *field, void *bytes, size_t length);

#endif
