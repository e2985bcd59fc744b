/* SPDX-License-Identifier: MIT
 *
 * Messages of 9P2000.L as bytes; see message.h.
 */
#include "devices/virtio/9p/message.h"

#include <string.h>

const uint8_t *p9_get_bytes(struct p9_reader *reader, size_t length)
{
    if (reader->failed || length > (size_t)(reader->end - reader->at)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += length;
    return bytes;
}

uint64_t p9_get(struct p9_reader *reader, unsigned size)
{
    const uint8_t *bytes = p9_get_bytes(reader, size);
    uint64_t value = 0;
    for (unsigned n = 0; bytes && n < size; n++)
        value |= (uint64_t)bytes[n] << 8 * n;
    return value;
}

bool p9_get_string(struct p9_reader *reader, char *text, size_t size)
{
    size_t length = (size_t)p9_get(reader, 2);
    const uint8_t *bytes = p9_get_bytes(reader, length);
    if (!bytes || length >= size || memchr(bytes, '\0', length)) {
        reader->failed = true;
        text[0] = '\0';
        return false;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    return true;
}

uint8_t *p9_put_room(struct p9_writer *writer, size_t length)
{
    if (writer->failed || length > p9_room(writer)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *room = writer->at;
    writer->at += length;
    return room;
}

void p9_put(struct p9_writer *writer, unsigned size, uint64_t value)
{
    uint8_t *room = p9_put_room(writer, size);
    for (unsigned n = 0; room && n < size; n++)
        room[n] = (uint8_t)(value >> 8 * n);
}

void p9_put_string(struct p9_writer *writer, const char *text)
{
    size_t length = strlen(text);
    p9_put(writer, 2, length);
    uint8_t *room = length <= UINT16_MAX ? p9_put_room(writer, length) : NULL;
    if (room)
        memcpy(room, text, length);
    else
        writer->failed = true;
}

void p9_put_qid(struct p9_writer *writer, const struct p9_qid *qid)
{
    p9_put(writer, 1, qid->type);
    p9_put(writer, 4, qid->version);
    p9_put(writer, 8, qid->path);
}
