/* SPDX-License-Identifier: MIT
 *
 * Messages of 9P2000.L as bytes: little-endian integers, and strings with a 16-bit length before them. A
 * reader never leaves its message, and a writer never leaves its buffer. Both remember if they would have had
 * to, so a handler checks for this once, at the end.
 */
#ifndef DEVICES_VIRTIO_9P_MESSAGE_H
#define DEVICES_VIRTIO_9P_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct p9_reader {
    const uint8_t *at, *end;
    bool failed; /* something was beyond the end; sticky, and zeros are read from then on */
};

struct p9_writer {
    uint8_t *start, *at, *end;
    bool failed; /* sticky: nothing more is written */
};

/* The identity of a file on the server. */
struct p9_qid {
    uint8_t type;
    uint32_t version;
    uint64_t path;
};
enum { P9_QID_DIR = 0x80, P9_QID_SYMLINK = 0x02, P9_QID_FILE = 0x00 };
#define P9_QID_BYTES 13u

uint64_t p9_get(struct p9_reader *reader, unsigned size); /* 1, 2, 4 or 8 bytes */
/* Copies a string and adds a NUL. False (and `failed`) if it does not fit or contains a NUL. */
bool p9_get_string(struct p9_reader *reader, char *text, size_t size);
/* Returns the next `length` bytes; NULL if there are fewer. */
const uint8_t *p9_get_bytes(struct p9_reader *reader, size_t length);

void p9_put(struct p9_writer *writer, unsigned size, uint64_t value);
void p9_put_string(struct p9_writer *writer, const char *text);
void p9_put_qid(struct p9_writer *writer, const struct p9_qid *qid);
/* Returns room for `length` bytes, which the caller fills in; NULL if there is none. */
uint8_t *p9_put_room(struct p9_writer *writer, size_t length);
static inline size_t p9_room(const struct p9_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

#endif
