/* SPDX-License-Identifier: MIT
 *
 * Reading files that are to be loaded; see image.h.
 */
#include "machine/boot/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

void image_free(struct image *image)
{
    if (image->spool) {
        munmap(image->bytes, image->length);
        fclose(image->spool);
    } else {
        free(image->bytes);
    }
    *image = (struct image){ 0 };
}

static int open_image(const char *path, struct stat *status, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set(error, "cannot open %s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, status) == 0 && S_ISDIR(status->st_mode)) {
        error_set(error, "cannot read %s: it is a directory, not a file", path);
        close(fd);
        return -1;
    }
    return fd;
}

/* A file may change while it is read, and a pipe has no size, so the file is read to its end. */
static bool read_all(struct image *image, int fd, uint64_t expected, uint64_t limit, const char *path,
                     struct error *error)
{
    uint64_t capacity = expected < limit ? expected + 1 : limit + 1;
    image->bytes = malloc(capacity);
    while (image->bytes) {
        ssize_t got = read(fd, image->bytes + image->length, capacity - image->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(error, "cannot read %s: %s", path, strerror(errno));
        if (got == 0)
            return true;
        image->length += (uint64_t)got;
        if (image->length > limit)
            return error_set(error, "%s is too large: more than the %" PRIu64 " MiB of guest RAM", path,
                             limit / MIB);
        if (image->length == capacity) {
            capacity *= 2;
            uint8_t *grown = realloc(image->bytes, capacity);
            if (!grown)
                break;
            image->bytes = grown;
        }
    }
    return error_set(error, "out of memory for %s", path);
}

/* Copies the whole file, but stops after more than `limit` bytes. */
static bool copy_file(int to, int from, uint64_t limit, uint64_t *length)
{
    *length = 0;
    while (*length <= limit) {
        ssize_t sent = sendfile(to, from, NULL, limit + 1 - *length);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return sent == 0;
        *length += (uint64_t)sent;
    }
    return true;
}

/* Makes the spool's bytes those of the image. Closes the spool if that fails. */
static bool use_spool(struct image *image, FILE *spool, uint64_t length)
{
    void *map = length ? mmap(NULL, length, PROT_READ, MAP_SHARED, fileno(spool), 0) : MAP_FAILED;
    if (map == MAP_FAILED) {
        fclose(spool);
        return false;
    }
    *image = (struct image){ .bytes = map, .length = length, .spool = spool };
    return true;
}

/* Reads the file into a spool. False: there can be no spool, and nothing has been read. */
static bool read_spooled(struct image *image, int fd, uint64_t limit)
{
    FILE *spool = tmpfile();
    uint64_t length = 0;
    if (spool && !copy_file(fileno(spool), fd, limit, &length))
        length = 0;
    if (spool && use_spool(image, spool, length))
        return true;
    lseek(fd, 0, SEEK_SET);
    return false;
}

void image_spool(struct image *image)
{
    FILE *spool = !image->spool && image->length >= IMAGE_SPOOLED_FROM ? tmpfile() : NULL;
    if (!spool)
        return;
    uint8_t *bytes = image->bytes;
    uint64_t length = image->length;
    if (fwrite(bytes, 1, length, spool) != length || fflush(spool) != 0)
        length = 0;
    if (use_spool(image, spool, length))
        free(bytes);
}

static bool read_image(struct image *image, const char *path, uint64_t limit, bool spooled,
                       struct error *error)
{
    *image = (struct image){ 0 };
    struct stat status = { 0 };
    int fd = open_image(path, &status, error);
    if (fd < 0)
        return false;
    bool ok, regular = S_ISREG(status.st_mode);
    uint64_t size = regular ? (uint64_t)status.st_size : MIB;
    if (regular && size > limit)
        ok = error_set(error,
                       "%s is too large: %" PRIu64 " MiB do not fit into %" PRIu64 " MiB of guest RAM (-m)",
                       path, (size + MIB - 1) / MIB, limit / MIB);
    else
        ok = (spooled && regular && size >= IMAGE_SPOOLED_FROM && read_spooled(image, fd, limit)) ||
             read_all(image, fd, size, limit, path, error);
    close(fd);
    if (ok && image->length > limit)
        ok = error_set(error, "%s is too large: it has grown beyond %" PRIu64 " MiB", path, limit / MIB);
    if (ok && !image->length)
        ok = error_set(error, "%s is empty", path);
    if (!ok)
        image_free(image);
    return ok;
}

bool image_read(struct image *image, const char *path, uint64_t limit, struct error *error)
{
    return read_image(image, path, limit, false, error);
}

bool image_open(struct image *image, const char *path, uint64_t limit, struct error *error)
{
    return read_image(image, path, limit, true, error);
}

bool image_is_elf(const struct image *image)
{
    return image->length >= SELFMAG && memcmp(image->bytes, ELFMAG, SELFMAG) == 0;
}
