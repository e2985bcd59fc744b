/* SPDX-License-Identifier: MIT
 *
 * Messages of 9P2000.L as bytes: little-endian integers, and strings with a 16-bit length in front. A reader
 * never leaves its message, a writer never its buffer; both remember that they would have had to, so that a
 * handler checks once, at the end.
 */
#ifndef DEVICES_VIRTIO_9P_MESSAGE_H
#define DEVICES_VIRTIO_9P_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct p9_reader {
    const uint8_t *at, *end;
    bool failed; /* something lay beyond the end; sticky, and zeros are read from then on */
};

struct p9_writer {
    uint8_t *start, *at, *end;
    bool failed; /* sticky: nothing more is written */
};

/* What tells one file of the server from another. */
struct p9_qid {
    uint8_t type;
    uint32_t version;
    uint64_t path;
};
enum { P9_QID_DIR = 0x80, P9_QID_SYMLINK = 0x02, P9_QID_FILE = 0x00 };
#define P9_QID_BYTES 13u

uint64_t p9_get(struct p9_reader *reader, unsigned size); /* 1, 2, 4 or 8 bytes */
/* Copies a string with its end; false (and `failed`) where it does not fit or holds a NUL. */
bool p9_get_string(struct p9_reader *reader, char *text, size_t size);
/* The next `length` bytes, NULL where there are fewer. */
const uint8_t *p9_get_bytes(struct p9_reader *reader, size_t length);

void p9_put(struct p9_writer *writer, unsigned size, uint64_t value);
void p9_put_string(struct p9_writer *writer, const char *text);
void p9_put_qid(struct p9_writer *writer, const struct p9_qid *qid);
/* Room for `length` bytes to be filled in, NULL where there is none. */
uint8_t *p9_put_room(struct p9_writer *writer, size_t length);
static inline size_t p9_room(const struct p9_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

#endif
