/* SPDX-License-Identifier: MIT
 *
 * Images: reads the files of -bios, -kernel, -initrd and -device loader, finds out what they are, decides
 * where they go, and keeps them, so that they can be put into memory again at every reset. All checks are
 * made when an image is added: what is in the list fits into RAM and does not overlap anything.
 *
 * Used by one thread, while no hart runs.
 */
#ifndef MACHINE_BOOT_LOADER_H
#define MACHINE_BOOT_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/board.h"
#include "machine/boot/image.h"
#include "machine/bus.h"
#include "util/error.h"

/* One piece of memory to be filled at each reset. */
struct loader_blob {
    uint64_t paddr;
    uint64_t size;   /* bytes in memory; those beyond `length` are zeroed */
    uint64_t length; /* bytes that are copied */
    uint8_t *bytes;
    /* The mapping of a temporary file that contains `bytes`, or NULL; it saves memory, since resets are
     * rare. */
    void *mapped;
    uint64_t mapped_size;
    char *name; /* file it came from */
};

#define LOADER_ALSO 4 /* code, scratch, and banks of flash without an image */

struct loader {
    uint64_t ram_base, ram_size;
    struct board_range also[LOADER_ALSO]; /* other memory that is filled: the first read-only; size 0: none */
    uint8_t *bytes[LOADER_ALSO];          /* its bytes, if the bus does not have them as memory */
    unsigned xlen;
    bool strict; /* a segment of an ELF file that lies outside RAM is an error; false after loader_init() */
    struct loader_blob *blobs;
    unsigned count;
};

/* Where an image ended up. */
struct loader_place {
    uint64_t entry; /* first instruction */
    uint64_t start, end;
    bool elf; /* an ELF file, which says where its first instruction is */
};

/* The formats that an image may have, besides raw bytes. */
enum loader_forms {
    LOADER_ELF = 1 << 0,    /* loaded by its physical addresses */
    LOADER_KERNEL = 1 << 1, /* RISC-V boot image header, gzip, EFI zboot */
};

void loader_init(struct loader *loader, uint64_t ram_base, uint64_t ram_size, unsigned xlen);
void loader_destroy(struct loader *loader);

/* Adds a file. Raw bytes go to `paddr`; a boot image goes to its text_offset if that is not below `paddr`. */
bool loader_add_file(struct loader *loader, const char *path, unsigned forms, uint64_t paddr,
                     struct loader_place *place, struct error *error);
/* Adds a copy of bytes. They take `size` bytes of memory; those beyond `length` are zeroed. */
bool loader_add_bytes(struct loader *loader, const char *name, uint64_t paddr, const void *bytes,
                      uint64_t length, uint64_t size, struct error *error);
/* Places the initial RAM disk above the kernel. If there is room, it goes where QEMU puts it: half of RAM (at
 * most 512 MiB) above the kernel's start. Otherwise it goes as low as possible. It ends below `limit`. */
bool loader_add_initrd(struct loader *loader, const char *path, const struct loader_place *kernel,
                       uint64_t limit, struct loader_place *place, struct error *error);

/* Copies everything into memory. False, with *error filled, if there is no RAM (this cannot happen for what
 * was checked against the same RAM). */
bool loader_write(const struct loader *loader, struct bus *bus, struct error *error);

/* ---- For the files of the loader ----------------------------------------------------------------------- */

/* Adds `length` bytes of an image, from `offset` on, as loader_add_bytes() does. If the image has a spool
 * they are not copied. */
bool loader_add_part(struct loader *loader, const char *name, uint64_t paddr, const struct image *image,
                     uint64_t offset, uint64_t length, uint64_t size, struct error *error);

/* Whether [paddr, paddr + size) lies in memory besides RAM. */
bool loader_is_code(const struct loader *loader, uint64_t paddr, uint64_t size);
/* Adds the loadable segments. loader_elf.c */
bool loader_add_elf(struct loader *loader, const char *path, const struct image *image,
                    struct loader_place *place, struct error *error);
/* Unpacks gzip and EFI zboot in place, as often as needed. loader_image.c */
bool loader_unpack(struct image *image, const char *path, uint64_t limit, struct error *error);
/* Reads the fields of a RISC-V boot image header ("Boot image header in RISC-V Linux"); false if there is
 * none. */
bool loader_boot_header(const struct image *image, uint64_t *text_offset, uint64_t *image_size);

#endif
