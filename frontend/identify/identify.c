/* SPDX-License-Identifier: MIT
 *
 * -identify: reads the file, asks the parts, and prints what they found; see identify.h.
 */
#include "frontend/identify/identify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/boot/loader.h"

#define HEAD_MAX   (UINT64_C(1) << 20)   /* of a file that is no program: a disk may be large */
#define WHOLE_MAX  (UINT64_C(512) << 20) /* of a program */
#define UNPACK_MAX (UINT64_C(256) << 20)

/* ---- For the parts ------------------------------------------------------------------------------------- */

static void add_line(char lines[IDENTITY_LINES][256], unsigned *count, const char *format, va_list args)
{
    if (*count < IDENTITY_LINES)
        vsnprintf(lines[(*count)++], 256, format, args);
}

void identity_why(struct identity *identity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_line(identity->why, &identity->why_count, format, args);
    va_end(args);
}

void identity_note(struct identity *identity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_line(identity->note, &identity->note_count, format, args);
    va_end(args);
}

void identity_set(char *field, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(field, size, format, args);
    va_end(args);
}

void identity_text(char *to, size_t size, const void *from, size_t length)
{
    const unsigned char *text = from;
    size_t n = 0;
    for (; n + 1 < size && n < length && text[n]; n++)
        to[n] = text[n] < ' ' || text[n] > '~' ? '?' : (char)text[n];
    to[n] = 0;
}

bool subject_has(const struct subject *subject, uint64_t offset, uint64_t size)
{
    return size <= subject->length && offset <= subject->length - size;
}

uint64_t subject_le(const struct subject *subject, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i-- > 0 && subject_has(subject, offset, size);)
        value = value << 8 | subject->bytes[offset + i];
    return value;
}

uint64_t subject_be(const struct subject *subject, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size && subject_has(subject, offset, size); i++)
        value = value << 8 | subject->bytes[offset + i];
    return value;
}

const uint8_t *subject_find(const struct subject *subject, const char *text)
{
    return subject->length ? memmem(subject->bytes, subject->length, text, strlen(text)) : NULL;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static bool read_all(int file, uint8_t *bytes, uint64_t length)
{
    uint64_t done = 0;
    while (done < length) {
        ssize_t got = pread(file, bytes + done, length - done, (off_t)done);
        if (got <= 0)
            return false;
        done += (uint64_t)got;
    }
    return true;
}

/* Whether all of the file is needed: programs, device trees, and what may be packed. */
static bool is_program(const uint8_t *head, uint64_t length)
{
    static const char *const magics[] = { "\177ELF", "\xd0\x0d\xfe\xed", "\x1f\x8b", "MZ",
                                          "\x27\x05\x19\x56" };
    for (unsigned i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if (length >= strlen(magics[i]) && memcmp(head, magics[i], strlen(magics[i])) == 0)
            return true;
    return length >= 64 && memcmp(head + 56, "RSC\5", 4) == 0;
}

/* The file's beginning, or all of it; *image is released by image_free(). */
static bool read_file(const char *path, struct image *image, uint64_t *file_size, struct error *error)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &info) != 0) {
        error_set(error, "%s: %s", path, strerror(errno));
        if (file >= 0)
            close(file);
        return false;
    }
    *image = (struct image){ 0 };
    *file_size = (uint64_t)info.st_size;
    uint64_t head = *file_size < HEAD_MAX ? *file_size : HEAD_MAX;
    bool regular = S_ISREG(info.st_mode);
    image->bytes = regular ? malloc(head + 1) : NULL;
    bool good = image->bytes && read_all(file, image->bytes, head);
    image->length = head;
    if (good && *file_size > head && *file_size <= WHOLE_MAX && is_program(image->bytes, head)) {
        uint8_t *more = realloc(image->bytes, *file_size);
        image->bytes = more ? more : image->bytes;
        good = more && read_all(file, more, *file_size);
        image->length = *file_size;
    }
    close(file);
    if (good)
        return true;
    image_free(image);
    return error_set(error, "%s: %s", path, regular ? "it cannot be read" : "it is not a regular file");
}

/* ---- Printing ------------------------------------------------------------------------------------------ */

static void put_flags(const char *flags, const char *path, FILE *out)
{
    const char *name = strstr(flags, "%s");
    if (!name)
        fprintf(out, "%s", flags);
    else
        fprintf(out, "%.*s%s%s", (int)(name - flags), flags, path, name + 2);
}

static void print(const struct identity *identity, const char *path, FILE *out)
{
    fprintf(out, "%s: %s\n", path, identity->what);
    for (unsigned i = 0; i < identity->why_count; i++)
        fprintf(out, "  seen: %s\n", identity->why[i]);
    if (*identity->machine) {
        fprintf(out, "  type: rvive -M %s", identity->machine);
        if (*identity->cpu)
            fprintf(out, " -cpu %s", identity->cpu);
        fputc(' ', out);
        put_flags(identity->flags, path, out);
        fputc('\n', out);
    }
    for (unsigned i = 0; i < identity->note_count; i++)
        fprintf(out, "  note: %s\n", identity->note[i]);
}

/* ---- The whole ----------------------------------------------------------------------------------------- */

static void identify(const struct subject *subject, struct identity *identity)
{
    static bool (*const parts[])(const struct subject *,
                                 struct identity *) = { identify_elf,    identify_tree, identify_uimage,
                                                        identify_kernel, identify_disk, identify_controller,
                                                        identify_by_text };
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i](subject, identity))
            return;
    identity_set(identity->what, sizeof(identity->what), "%s",
                 subject->length ? "nothing that is known here" : "an empty file");
    if (!subject->length)
        return;
    identity_note(identity, "raw code goes to its place by -device loader,file=FILE,addr=ADDRESS,cpu-num=0; "
                            "docs/legacy.md has the boards' addresses");
}

bool identify_file(const char *path, FILE *out, struct error *error)
{
    struct image image;
    struct identity *identity = calloc(1, sizeof(*identity));
    uint64_t size;
    struct error packed;
    if (!identity)
        return error_set(error, "out of memory");
    if (!read_file(path, &image, &size, error)) {
        free(identity);
        return false;
    }
    uint64_t before = image.length;
    if (!loader_unpack(&image, path, UNPACK_MAX, &packed)) {
        identity_why(identity, "%s", packed.text);
    } else if (image.length != before) {
        identity_why(identity, "it is packed; unpacked it has %" PRIu64 " bytes", image.length);
        size = image.length;
    }
    identify(&(struct subject){ image.bytes, image.length, size }, identity);
    print(identity, path, out);
    image_free(&image);
    free(identity);
    return true;
}
