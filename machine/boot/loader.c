/* SPDX-License-Identifier: MIT
 *
 * Images; see loader.h. Here are the list of blobs with its checks, and the choice of places. The file
 * formats are in loader_elf.c and loader_image.c.
 */
#include "machine/boot/loader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MIB       (UINT64_C(1) << 20)
#define PAGE_SIZE UINT64_C(4096) /* of the host: a mapping of a file must begin at a multiple of it */

void loader_init(struct loader *loader, uint64_t ram_base, uint64_t ram_size, unsigned xlen)
{
    *loader = (struct loader){ .ram_base = ram_base, .ram_size = ram_size, .xlen = xlen };
}

static void free_bytes(struct loader_blob *blob)
{
    if (blob->mapped)
        munmap(blob->mapped, blob->mapped_size);
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

/* ---- The list ------------------------------------------------------------------------------------------ */

bool loader_is_code(const struct loader *loader, uint64_t paddr, uint64_t size)
{
    for (unsigned i = 0; i < LOADER_ALSO; i++) {
        const struct board_range *range = &loader->also[i];
        if (size <= range->size && paddr - range->base <= range->size - size)
            return true;
    }
    return false;
}

static bool is_ram(const struct loader *loader, uint64_t paddr, uint64_t size)
{
    return size <= loader->ram_size && paddr >= loader->ram_base &&
           paddr - loader->ram_base <= loader->ram_size - size;
}

static bool check_place(const struct loader *loader, const char *name, uint64_t paddr, uint64_t size,
                        struct error *error)
{
    if (!is_ram(loader, paddr, size) && !loader_is_code(loader, paddr, size))
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

/* Maps the part of an image that has a spool. False: the part has to be copied. */
static bool map_part(struct loader_blob *blob, const struct image *image, uint64_t offset)
{
    if (!image->spool || blob->length < IMAGE_SPOOLED_FROM)
        return false;
    uint64_t before = offset % PAGE_SIZE;
    blob->mapped_size = blob->length + before;
    void *map =
        mmap(NULL, blob->mapped_size, PROT_READ, MAP_SHARED, fileno(image->spool), (off_t)(offset - before));
    if (map == MAP_FAILED)
        return false;
    blob->mapped = map;
    blob->bytes = blob->mapped + before;
    return true;
}

bool loader_add_part(struct loader *loader, const char *name, uint64_t paddr, const struct image *image,
                     uint64_t offset, uint64_t length, uint64_t size, struct error *error)
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
    if (!map_part(&blob, image, offset) && (blob.bytes = malloc(length ? length : 1)) && length)
        memcpy(blob.bytes, image->bytes + offset, length);
    blob.name = strdup(name);
    if (!grown || !blob.bytes || !blob.name) {
        free_bytes(&blob);
        free(blob.name);
        return error_set(error, "out of memory for %s", name);
    }
    loader->blobs[loader->count++] = blob;
    return true;
}

bool loader_add_bytes(struct loader *loader, const char *name, uint64_t paddr, const void *bytes,
                      uint64_t length, uint64_t size, struct error *error)
{
    /* The pointer is only read from: the bytes are copied. */
    const struct image image = { .bytes = (uint8_t *)(uintptr_t)bytes, .length = length };
    return loader_add_part(loader, name, paddr, &image, 0, length, size, error);
}

/* The bytes of flash at [paddr, paddr + size); NULL: there is none. */
static uint8_t *device_bytes(const struct loader *loader, uint64_t paddr, uint64_t size)
{
    for (unsigned i = 0; i < LOADER_ALSO; i++) {
        const struct board_range *range = &loader->also[i];
        if (loader->bytes[i] && size <= range->size && paddr - range->base <= range->size - size)
            return loader->bytes[i] + (paddr - range->base);
    }
    return NULL;
}

bool loader_write(const struct loader *loader, struct bus *bus, struct error *error)
{
    for (unsigned i = 0; i < loader->count; i++) {
        const struct loader_blob *blob = &loader->blobs[i];
        uint8_t *memory = bus_host(bus, blob->paddr, blob->size);
        uint8_t *host = memory ? memory : device_bytes(loader, blob->paddr, blob->size);
        if (!host)
            return error_set(error, "no memory at 0x%" PRIx64 " for %s", blob->paddr, blob->name);
        if (memory)
            bus_expect_use(bus, host, blob->size);
        memcpy(host, blob->bytes, blob->length);
        if (blob->mapped)
            madvise(blob->mapped, blob->mapped_size, MADV_DONTNEED);
        memset(host + blob->length, 0, blob->size - blob->length);
    }
    return true;
}

/* ---- Where images go ----------------------------------------------------------------------------------- */

static bool add_image(struct loader *loader, const char *path, const struct image *image, unsigned forms,
                      uint64_t paddr, struct loader_place *place, struct error *error)
{
    uint64_t text_offset = 0, image_size = 0;
    if ((forms & LOADER_ELF) && image_is_elf(image))
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
    if (!loader_add_part(loader, path, paddr, image, 0, image->length, image_size, error))
        return false;
    *place = (struct loader_place){ .entry = paddr, .start = paddr, .end = paddr + image_size };
    return true;
}

bool loader_add_file(struct loader *loader, const char *path, unsigned forms, uint64_t paddr,
                     struct loader_place *place, struct error *error)
{
    struct image image;
    /* An ELF file contains more than what is loaded (symbols), so it may be larger than RAM. */
    uint64_t largest = loader->ram_size;
    for (unsigned i = 0; i < LOADER_ALSO; i++)
        largest = loader->also[i].size > largest ? loader->also[i].size : largest;
    uint64_t limit = forms & LOADER_ELF ? largest + 1024 * MIB : largest;
    if (!image_open(&image, path, limit, error))
        return false;
    bool ok = !(forms & LOADER_KERNEL) || loader_unpack(&image, path, limit, error);
    image_spool(&image);
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
    if (!image_open(&image, path, loader->ram_size, error))
        return false;
    bool ok = initrd_address(loader, kernel, image.length, limit, &paddr);
    if (!ok)
        error_set(error,
                  "%s does not fit: %" PRIu64 " MiB are too many between the kernel's end at 0x%" PRIx64
                  " and the device tree at 0x%" PRIx64 "; give the guest more RAM with -m",
                  path, (image.length + MIB - 1) / MIB, kernel->end, limit);
    ok = ok && loader_add_part(loader, path, paddr, &image, 0, image.length, image.length, error);
    if (ok)
        *place = (struct loader_place){ .entry = paddr, .start = paddr, .end = paddr + image.length };
    image_free(&image);
    return ok;
}
