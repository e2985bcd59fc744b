/* SPDX-License-Identifier: MIT
 *
 * The forms in which Linux kernels come, besides ELF (Linux, Documentation/riscv/boot-image-header):
 *
 *     Image         a flat binary with the RISC-V boot image header; its first bytes are "MZ" if it has an
 *                   EFI stub
 *     Image.gz      the same in gzip
 *     vmlinuz.efi   an EFI program ("MZ", "zimg" at 4) that contains a compressed Image: offset and size of
 *                   the payload at 8 and 12, the name of the compression at 24
 *
 * Unpacked bytes are limited, so that a small file cannot fill the host's memory.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "machine/boot/loader.h"

#define HEADER_SIZE    64
#define HEADER_MAGIC2  0x05435352 /* "RSC\5" at offset 56 */
#define ZBOOT_SIZE     56
#define UNPACK_LAYERS  3
#define UNPACK_INITIAL (UINT64_C(16) << 20)

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t get64(const uint8_t *bytes)
{
    return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

bool loader_boot_header(const struct image *image, uint64_t *text_offset, uint64_t *image_size)
{
    if (image->length < HEADER_SIZE || get32(image->bytes + 56) != HEADER_MAGIC2)
        return false;
    *text_offset = get64(image->bytes + 8);
    *image_size = get64(image->bytes + 16);
    return true;
}

static bool is_gzip(const uint8_t *bytes, uint64_t length)
{
    return length >= 18 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Inflates as much as there is. Z_STREAM_END: it was all. */
static int inflate_into(z_stream *stream, const struct image *packed, struct image *out, uint64_t limit)
{
    uint64_t capacity = UNPACK_INITIAL < limit ? UNPACK_INITIAL : limit;
    uint64_t taken = 0;
    int status = Z_OK;
    out->bytes = malloc(capacity);
    while (out->bytes && status == Z_OK) {
        uint64_t input = packed->length - taken, room = capacity - out->length;
        stream->next_in = packed->bytes + taken;
        stream->avail_in = input > UINT32_MAX ? UINT32_MAX : (uInt)input;
        stream->next_out = out->bytes + out->length;
        stream->avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
        uint64_t before_in = stream->avail_in, before_out = stream->avail_out;
        status = inflate(stream, Z_NO_FLUSH);
        taken += before_in - stream->avail_in;
        out->length += before_out - stream->avail_out;
        if (status != Z_OK || out->length < capacity)
            continue;
        if (capacity >= limit)
            return Z_BUF_ERROR;
        capacity = capacity * 2 < limit ? capacity * 2 : limit;
        uint8_t *grown = realloc(out->bytes, capacity);
        if (!grown)
            return Z_MEM_ERROR;
        out->bytes = grown;
    }
    return out->bytes ? status : Z_MEM_ERROR;
}

static bool gunzip(const struct image *packed, struct image *out, const char *path, uint64_t limit,
                   struct error *error)
{
    z_stream stream = { 0 };
    *out = (struct image){ 0 };
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return error_set(error, "out of memory to unpack %s", path);
    int status = inflate_into(&stream, packed, out, limit);
    bool full = out->length >= limit;
    const char *reason = stream.msg ? stream.msg : "truncated";
    bool ok = status == Z_STREAM_END;
    if (!ok && full)
        error_set(error, "%s does not fit: unpacked it is larger than the guest's RAM (%" PRIu64 " MiB, -m)",
                  path, limit >> 20);
    else if (!ok)
        error_set(error, "cannot unpack %s: the gzip data are damaged (%s)", path, reason);
    inflateEnd(&stream);
    if (!ok)
        image_free(out);
    return ok;
}

static bool is_zboot(const struct image *image)
{
    return image->length >= ZBOOT_SIZE && memcmp(image->bytes, "MZ", 2) == 0 &&
           memcmp(image->bytes + 4, "zimg", 4) == 0;
}

/* Finds the gzip data in the image. */
static bool zboot_payload(const struct image *image, const char *path, struct image *payload,
                          struct error *error)
{
    uint64_t offset = get32(image->bytes + 8), size = get32(image->bytes + 12);
    char kind[32] = { 0 };
    memcpy(kind, image->bytes + 24, 31);
    if (strcmp(kind, "gzip") != 0) {
        for (char *at = kind; *at; at++)
            *at = *at < ' ' || *at > '~' ? '?' : *at;
        return error_set(error, "%s is an EFI image packed with \"%s\"; Rvive unpacks gzip only", path, kind);
    }
    if (size > image->length || offset > image->length - size || !is_gzip(image->bytes + offset, size))
        return error_set(error, "%s is a damaged EFI image: its payload is not in the file", path);
    *payload = (struct image){ .bytes = image->bytes + offset, .length = size };
    return true;
}

bool loader_unpack(struct image *image, const char *path, uint64_t limit, struct error *error)
{
    for (int layer = 0; layer < UNPACK_LAYERS; layer++) {
        struct image packed = *image, unpacked;
        if (is_zboot(image)) {
            if (!zboot_payload(image, path, &packed, error))
                return false;
        } else if (!is_gzip(image->bytes, image->length)) {
            return true;
        }
        if (!gunzip(&packed, &unpacked, path, limit, error))
            return false;
        image_free(image);
        *image = unpacked;
    }
    return true;
}
