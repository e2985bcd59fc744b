/* SPDX-License-Identifier: MIT
 *
 * Images; see loader.h. Here: reading files, the list of blobs with its checks, and where things go. The file
 * formats are in loader_elf.c and loader_image.c.
 */
#include "machine/boot/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

void loader_init(struct loader *loader, uint64_t ram_base, uint64_t ram_size, unsigned xlen)
{
    *loader = (struct loader){ .ram_base = ram_base, .ram_size = ram_size, .xlen = xlen };
}

static void free_bytes(struct loader_blob *blob)
{
    if (blob->spooled)
        munmap(blob->bytes, blob->length);
    else
        free(blob->bytes);
}

void loader_destroy(struct loader *loader)
{
    for (unsigned i = 0; i < loader->count; i++) {
        free_bytes(&loader->blobs[i]);
        free(loader->blobs[i].name);
    }
    free(loader->blobs);
    *loader = (struct loader){ 0 };
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

void image_free(struct image *image)
{
    free(image->bytes);
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

/* A file may change while it is read and a pipe has no size, so it is read to its end. */
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

bool image_read(struct image *image, const char *path, uint64_t limit, struct error *error)
{
    *image = (struct image){ 0 };
    struct stat status = { 0 };
    int fd = open_image(path, &status, error);
    if (fd < 0)
        return false;
    bool ok;
    if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > limit)
        ok = error_set(error,
                       "%s is too large: %" PRIu64 " MiB do not fit into %" PRIu64 " MiB of guest RAM (-m)",
                       path, ((uint64_t)status.st_size + MIB - 1) / MIB, limit / MIB);
    else
        ok =
            read_all(image, fd, S_ISREG(status.st_mode) ? (uint64_t)status.st_size : MIB, limit, path, error);
    close(fd);
    if (ok && !image->length)
        ok = error_set(error, "%s is empty", path);
    if (!ok)
        image_free(image);
    return ok;
}

/* ---- The list ------------------------------------------------------------------------------------------ */

static bool check_place(const struct loader *loader, const char *name, uint64_t paddr, uint64_t size,
                        struct error *error)
{
    if (size > loader->ram_size || paddr < loader->ram_base ||
        paddr - loader->ram_base > loader->ram_size - size)
        return error_set(error,
                         "%s does not fit: it needs 0x%" PRIx64 " bytes at 0x%" PRIx64
                         ", and RAM is 0x%" PRIx64 "..0x%" PRIx64 " (-m)",
                         name, size, paddr, loader->ram_base, loader->ram_base + loader->ram_size - 1);
    for (unsigned i = 0; i < loader->count; i++) {
        const struct loader_blob *blob = &loader->blobs[i];
        if (paddr < blob->paddr + blob->size && blob->paddr < paddr + size)
            return error_set(error, "%s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64 "..0x%" PRIx64, name,
                             paddr, blob->name, blob->paddr, blob->paddr + blob->size - 1);
    }
    return true;
}

/* What is large goes into a file without a name, so that it is in memory only while it is copied. */
#define SPOOLED_FROM MIB

static uint8_t *spool(const void *bytes, uint64_t length)
{
    FILE *file = length >= SPOOLED_FROM ? tmpfile() : NULL;
    if (!file)
        return NULL;
    void *map = MAP_FAILED;
    if (fwrite(bytes, 1, length, file) == length && fflush(file) == 0)
        map = mmap(NULL, length, PROT_READ, MAP_SHARED, fileno(file), 0);
    fclose(file);
    return map == MAP_FAILED ? NULL : map;
}

bool loader_add_bytes(struct loader *loader, const char *name, uint64_t paddr, const void *bytes,
                      uint64_t length, uint64_t size, struct error *error)
{
    if (size < length)
        size = length;
    if (!size)
        return true;
    if (!check_place(loader, name, paddr, size, error))
        return false;
    struct loader_blob *grown = realloc(loader->blobs, (loader->count + 1) * sizeof(*grown));
    if (grown)
        loader->blobs = grown;
    struct loader_blob blob = { .paddr = paddr, .size = size, .length = length };
    blob.bytes = spool(bytes, length);
    blob.spooled = blob.bytes != NULL;
    if (!blob.bytes && (blob.bytes = malloc(length ? length : 1)) && length)
        memcpy(blob.bytes, bytes, length);
    blob.name = strdup(name);
    if (!grown || !blob.bytes || !blob.name) {
        free_bytes(&blob);
        free(blob.name);
        return error_set(error, "out of memory for %s", name);
    }
    loader->blobs[loader->count++] = blob;
    return true;
}

bool loader_write(const struct loader *loader, struct bus *bus, struct error *error)
{
    for (unsigned i = 0; i < loader->count; i++) {
        const struct loader_blob *blob = &loader->blobs[i];
        uint8_t *host = bus_host(bus, blob->paddr, blob->size);
        if (!host)
            return error_set(error, "no memory at 0x%" PRIx64 " for %s", blob->paddr, blob->name);
        memcpy(host, blob->bytes, blob->length);
        if (blob->spooled)
            madvise(blob->bytes, blob->length, MADV_DONTNEED);
        memset(host + blob->length, 0, blob->size - blob->length);
    }
    return true;
}

/* ---- Where images go ----------------------------------------------------------------------------------- */

static bool add_image(struct loader *loader, const char *path, const struct image *image, unsigned forms,
                      uint64_t paddr, struct loader_place *place, struct error *error)
{
    uint64_t text_offset = 0, image_size = 0;
    if ((forms & LOADER_ELF) && loader_is_elf(image))
        return loader_add_elf(loader, path, image, place, error);
    if ((forms & LOADER_KERNEL) && loader_boot_header(image, &text_offset, &image_size)) {
        if (text_offset > loader->ram_size || image_size > loader->ram_size)
            return error_set(error,
                             "%s does not fit: its header asks for 0x%" PRIx64 " bytes at RAM + 0x%" PRIx64
                             ", and RAM has 0x%" PRIx64 " (-m)",
                             path, image_size, text_offset, loader->ram_size);
        if (loader->ram_base + text_offset > paddr)
            paddr = loader->ram_base + text_offset;
    }
    if (image_size < image->length)
        image_size = image->length;
    if (!loader_add_bytes(loader, path, paddr, image->bytes, image->length, image_size, error))
        return false;
    *place = (struct loader_place){ .entry = paddr, .start = paddr, .end = paddr + image_size };
    return true;
}

bool loader_add_file(struct loader *loader, const char *path, unsigned forms, uint64_t paddr,
                     struct loader_place *place, struct error *error)
{
    struct image image;
    /* An ELF file carries more than what is loaded (symbols): it may be larger than RAM. */
    uint64_t limit = forms & LOADER_ELF ? loader->ram_size + 1024 * MIB : loader->ram_size;
    if (!image_read(&image, path, limit, error))
        return false;
    bool ok = !(forms & LOADER_KERNEL) || loader_unpack(&image, path, limit, error);
    ok = ok && add_image(loader, path, &image, forms, paddr, place, error);
    image_free(&image);
    return ok;
}

static bool initrd_address(const struct loader *loader, const struct loader_place *kernel, uint64_t size,
                           uint64_t limit, uint64_t *paddr)
{
    uint64_t gap = loader->ram_size / 2;
    if (gap > 512 * MIB)
        gap = 512 * MIB;
    if (loader->xlen == 32 && gap > 128 * MIB)
        gap = 128 * MIB;
    uint64_t lowest = (kernel->end + 2 * MIB - 1) & -(2 * MIB);
    uint64_t wanted = kernel->start + gap;
    if (wanted < lowest)
        wanted = lowest;
    if (size > limit || lowest > limit - size)
        return false;
    *paddr = wanted <= limit - size ? wanted : lowest;
    return true;
}

bool loader_add_initrd(struct loader *loader, const char *path, const struct loader_place *kernel,
                       uint64_t limit, struct loader_place *place, struct error *error)
{
    struct image image;
    uint64_t paddr;
    if (!image_read(&image, path, loader->ram_size, error))
        return false;
    bool ok = initrd_address(loader, kernel, image.length, limit, &paddr);
    if (!ok)
        error_set(error,
                  "%s does not fit: %" PRIu64 " MiB are too many between the kernel's end at 0x%" PRIx64
                  " and the device tree at 0x%" PRIx64 "; give the guest more RAM with -m",
                  path, (image.length + MIB - 1) / MIB, kernel->end, limit);
    ok = ok && loader_add_bytes(loader, path, paddr, image.bytes, image.length, image.length, error);
    if (ok)
        *place = (struct loader_place){ .entry = paddr, .start = paddr, .end = paddr + image.length };
    image_free(&image);
    return ok;
}
