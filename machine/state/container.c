/* SPDX-License-Identifier: MIT
 *
 * The file of a saved machine; see container.h. All integers are little-endian:
 *
 *     file:     "RVIVE-MS" | u32 version | u32 CRC of the 12 bytes before | sections
 *     section:  u32 kind | u32 stored length | u64 place | u32 plain length | u32 CRC | stored bytes
 *
 * A section's CRC is that of the 20 bytes before it and of the stored bytes.
 */
#include "machine/state/container.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "machine/state/state.h"

#define MAGIC       "RVIVE-MS"
#define FILE_HEADER 16u
#define HEADER      24u
#define CRC_AT      20u
#define COMPRESSION 1      /* guest memory shrinks little more by more work */
#define QUICKLY     -5     /* takes less than half the time, and a fifth more bytes */
#define PIECE       65536u /* bytes written or read between two looks at `cancel` */
#define FIRST_ROOM  (1u << 20)
#define LOOK_MS     50 /* between two looks at `cancel` */

static void put_le(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (i * 8));
}

static uint64_t get_le(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)from[i] << (i * 8);
    return value;
}

static uint32_t checksum(const uint8_t *header, const uint8_t *bytes, size_t length)
{
    uLong crc = crc32(0, header, CRC_AT);
    return (uint32_t)crc32_z(crc, bytes, length);
}

static bool cancelled(const atomic_bool *cancel)
{
    return cancel && atomic_load(cancel);
}

/* Waits a little until a descriptor that does not block is ready. */
static void wait_a_little(int fd, short events)
{
    struct pollfd wait = { .fd = fd, .events = events };
    poll(&wait, 1, LOOK_MS);
}

/* As write() and read(). */
static ssize_t stream_write(const struct machine_state_stream *stream, const void *bytes, size_t length)
{
    int rc = stream->write(stream->opaque, bytes, length);
    errno = -rc;
    return rc ? -1 : (ssize_t)length;
}

static ssize_t stream_read(const struct machine_state_stream *stream, void *bytes, size_t length)
{
    int rc = stream->read(stream->opaque, bytes, length);
    errno = -rc;
    return rc ? -1 : (ssize_t)length;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static bool write_failed(struct container_writer *writer, const char *what)
{
    if (!writer->failed)
        error_set(writer->error, "saving the machine: %s", what);
    writer->failed = true;
    return false;
}

static bool put_bytes(struct container_writer *writer, const uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        size_t part = length - done < PIECE ? length - done : PIECE;
        if (cancelled(writer->cancel))
            return write_failed(writer, "it was cancelled");
        ssize_t put = writer->stream ? stream_write(writer->stream, bytes + done, part)
                                     : write(writer->fd, bytes + done, part);
        if (put < 0 && errno == EAGAIN)
            wait_a_little(writer->fd, POLLOUT);
        else if (put < 0 && errno != EINTR)
            return write_failed(writer, strerror(errno));
        if (put <= 0)
            continue;
        done += (size_t)put;
        if (writer->written)
            atomic_fetch_add(writer->written, (uint64_t)put);
    }
    return true;
}

bool container_write_begin(struct container_writer *writer, int fd, const struct machine_state_stream *stream,
                           struct error *error)
{
    uint8_t header[FILE_HEADER];
    *writer =
        (struct container_writer){ .fd = fd, .stream = stream, .error = error, .context = ZSTD_createCCtx() };
    if (!writer->context)
        return write_failed(writer, "out of memory");
    ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, COMPRESSION);
    memcpy(header, MAGIC, 8);
    put_le(header + 8, CONTAINER_VERSION, 4);
    put_le(header + 12, crc32(0, header, 12), 4);
    return put_bytes(writer, header, sizeof(header));
}

void container_write_quickly(struct container_writer *writer, bool quickly)
{
    ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, quickly ? QUICKLY : COMPRESSION);
}

/* Bytes of a section before compression, for writing and for reading. */
static size_t plain_limit(enum container_kind kind)
{
    return kind == CONTAINER_TEXT    ? CONTAINER_TEXT_MAX
           : kind == CONTAINER_STATE ? CONTAINER_PLAIN_MAX
           : kind == CONTAINER_LOG   ? CONTAINER_LOG_MAX
           : kind == CONTAINER_MEMORY || kind == CONTAINER_PAGES
               ? CONTAINER_CHUNK + CONTAINER_CHUNK / 4096 / 8
               : 0;
}

/* Compresses into `packed`; 0: it failed. */
static size_t pack(struct container_writer *writer, const void *bytes, size_t length)
{
    size_t bound = ZSTD_compressBound(length);
    if (bound > writer->packed_size) {
        free(writer->packed);
        writer->packed = malloc(bound);
        writer->packed_size = writer->packed ? bound : 0;
    }
    if (!writer->packed)
        return 0;
    size_t packed = ZSTD_compress2(writer->context, writer->packed, bound, bytes, length);
    return ZSTD_isError(packed) || packed > UINT32_MAX ? 0 : packed;
}

static bool is_packed(enum container_kind kind)
{
    return kind == CONTAINER_STATE || kind == CONTAINER_MEMORY || kind == CONTAINER_PAGES ||
           kind == CONTAINER_LOG;
}

bool container_write(struct container_writer *writer, enum container_kind kind, uint64_t place,
                     const void *bytes, size_t length)
{
    uint8_t header[HEADER];
    const uint8_t *stored = bytes;
    size_t size = length;
    if (writer->failed)
        return false;
    if (length > plain_limit(kind))
        return write_failed(writer, "a part of it is larger than a reader takes");
    if (is_packed(kind)) {
        size = pack(writer, bytes, length);
        stored = writer->packed;
        if (!size)
            return write_failed(writer, "out of memory");
    }
    put_le(header, kind, 4);
    put_le(header + 4, size, 4);
    put_le(header + 8, place, 8);
    put_le(header + 16, length, 4);
    put_le(header + CRC_AT, checksum(header, stored, size), 4);
    writer->sections++;
    return put_bytes(writer, header, HEADER) && put_bytes(writer, stored, size);
}

bool container_write_end(struct container_writer *writer)
{
    return container_write(writer, CONTAINER_END, writer->sections, "", 0);
}

void container_writer_destroy(struct container_writer *writer)
{
    ZSTD_freeCCtx(writer->context);
    free(writer->packed);
    writer->context = NULL;
    writer->packed = NULL;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static bool read_failed(struct container_reader *reader, const char *what)
{
    if (!reader->failed)
        error_set(reader->error, "the saved machine: section %llu: %s",
                  (unsigned long long)reader->sections + 1, what);
    reader->failed = true;
    return false;
}

static bool get_bytes(struct container_reader *reader, uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        if (cancelled(reader->cancel))
            return read_failed(reader, "loading was cancelled");
        size_t part = length - done < PIECE ? length - done : PIECE;
        ssize_t got = reader->stream ? stream_read(reader->stream, bytes + done, part)
                                     : read(reader->fd, bytes + done, part);
        if (got < 0 && errno == EAGAIN)
            wait_a_little(reader->fd, POLLIN);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return read_failed(reader, strerror(errno));
        reader->cut = !got;
        if (!got)
            return read_failed(reader, "the file ends here: it is cut off");
        done += (size_t)got;
    }
    return true;
}

bool container_read_begin(struct container_reader *reader, int fd, const struct machine_state_stream *stream,
                          struct error *error)
{
    uint8_t header[FILE_HEADER];
    *reader =
        (struct container_reader){ .fd = fd, .stream = stream, .error = error, .context = ZSTD_createDCtx() };
    if (!reader->context)
        return read_failed(reader, "out of memory");
    memset(header, 0, sizeof(header));
    if (!get_bytes(reader, header, sizeof(header)) && memcmp(header, MAGIC, 8) == 0)
        return false;
    if (memcmp(header, MAGIC, 8) != 0) {
        reader->failed = true;
        return error_set(error, "this is no machine that Rvive saved: it does not begin with " MAGIC);
    }
    if (get_le(header + 12, 4) != crc32(0, header, 12))
        return read_failed(reader, "the header is damaged");
    uint64_t version = get_le(header + 8, 4);
    if (version == CONTAINER_VERSION)
        return true;
    reader->failed = true;
    return error_set(error,
                     "the saved machine has format %u, this version of Rvive reads format %u: load it with "
                     "the version that saved it",
                     (unsigned)version, CONTAINER_VERSION);
}

/* Reads `size` bytes into memory that grows as they come, so that a length that is a lie costs nothing. */
static uint8_t *get_stored(struct container_reader *reader, size_t size)
{
    size_t room = size < FIRST_ROOM ? size : FIRST_ROOM, done = 0;
    uint8_t *bytes = malloc(room + 1);
    while (bytes && get_bytes(reader, bytes + done, room - done)) {
        done = room;
        if (done == size) {
            bytes[size] = 0;
            return bytes;
        }
        room = size - done < done ? size : 2 * done;
        uint8_t *grown = realloc(bytes, room + 1);
        if (!grown)
            break;
        bytes = grown;
    }
    read_failed(reader, "out of memory");
    free(bytes);
    return NULL;
}

/* Replaces the stored bytes by the plain ones. */
static bool unpack(struct container_reader *reader, size_t stored, size_t plain)
{
    /* zstd's own header says how long the result is; a section that claims another length is a lie. */
    if (ZSTD_getFrameContentSize(reader->bytes, stored) != plain)
        return read_failed(reader, "its compressed data is damaged");
    uint8_t *bytes = malloc(plain + 1);
    if (!bytes)
        return read_failed(reader, "out of memory");
    size_t length = ZSTD_decompressDCtx(reader->context, bytes, plain, reader->bytes, stored);
    free(reader->bytes);
    reader->bytes = bytes;
    bytes[plain] = 0;
    return (!ZSTD_isError(length) && length == plain) ||
           read_failed(reader, "its compressed data is damaged");
}

bool container_read(struct container_reader *reader)
{
    uint8_t header[HEADER];
    if (reader->failed || !get_bytes(reader, header, HEADER))
        return false;
    reader->kind = (enum container_kind)get_le(header, 4);
    reader->place = get_le(header + 8, 8);
    size_t stored = get_le(header + 4, 4), plain = get_le(header + 16, 4);
    size_t limit = plain_limit(reader->kind);
    bool packed = is_packed(reader->kind);
    if (plain > limit || stored > (packed ? ZSTD_compressBound(limit) : limit) ||
        (!packed && stored != plain))
        return read_failed(reader, "its header is damaged");
    free(reader->bytes);
    reader->bytes = get_stored(reader, stored);
    reader->length = plain;
    if (!reader->bytes)
        return false;
    if (checksum(header, reader->bytes, stored) != get_le(header + CRC_AT, 4))
        return read_failed(reader, "its checksum is wrong: the file is damaged");
    if (packed && !unpack(reader, stored, plain))
        return false;
    if (reader->kind == CONTAINER_END && reader->place != reader->sections)
        return read_failed(reader, "the file has another number of sections than it says");
    reader->sections++;
    return true;
}

void container_reader_destroy(struct container_reader *reader)
{
    ZSTD_freeDCtx(reader->context);
    free(reader->bytes);
    reader->context = NULL;
    reader->bytes = NULL;
}
