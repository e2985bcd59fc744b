/* SPDX-License-Identifier: MIT
 *
 * ELF images (System V ABI, chapters 4 and 5; RISC-V ELF psABI). The bytes may be damaged or hostile: fields
 * are copied out, and every offset is checked against the file before it is followed.
 */
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "machine/boot/loader.h"
#include "util/log.h"

#define SEGMENTS_MAX 1024u /* linkers make some ten; each is compared with all before it */

/* What the loader needs of a header, the same for both classes. */
struct elf_header {
    uint64_t entry, phoff;
    unsigned phentsize, phnum, machine, type;
    bool is64;
};

struct elf_segment {
    uint64_t offset, paddr, vaddr, filesz, memsz;
};

static bool truncated(const char *path, struct error *error, const char *what)
{
    return error_set(error, "%s is a truncated ELF file: its %s lie%s beyond the file's end", path, what,
                     strcmp(what, "header") == 0 ? "s" : "");
}

static bool read_header(const struct image *image, const char *path, struct elf_header *header,
                        struct error *error)
{
    if (image->length < sizeof(Elf32_Ehdr))
        return truncated(path, error, "header");
    header->is64 = image->bytes[EI_CLASS] == ELFCLASS64;
    if (!header->is64 && image->bytes[EI_CLASS] != ELFCLASS32)
        return error_set(error, "%s is a damaged ELF file: there is no class %u", path,
                         image->bytes[EI_CLASS]);
    if (header->is64) {
        Elf64_Ehdr raw;
        if (image->length < sizeof(raw))
            return truncated(path, error, "header");
        memcpy(&raw, image->bytes, sizeof(raw));
        *header = (struct elf_header){ raw.e_entry, raw.e_phoff, raw.e_phentsize, raw.e_phnum, raw.e_machine,
                                       raw.e_type,  true };
    } else {
        Elf32_Ehdr raw;
        memcpy(&raw, image->bytes, sizeof(raw));
        *header = (struct elf_header){ raw.e_entry, raw.e_phoff, raw.e_phentsize, raw.e_phnum, raw.e_machine,
                                       raw.e_type,  false };
    }
    return true;
}

static bool check_header(const struct loader *loader, const struct image *image, const char *path,
                         const struct elf_header *header, struct error *error)
{
    if (image->bytes[EI_DATA] != ELFDATA2LSB)
        return error_set(error, "%s is a big-endian ELF file; a little-endian RISC-V one is needed", path);
    if (header->machine != EM_RISCV)
        return error_set(
            error, "%s is an ELF file for another machine (e_machine %u); one for RISC-V (%u) is needed",
            path, header->machine, EM_RISCV);
    if (header->is64 != (loader->xlen == 64))
        return error_set(error, "%s is a %d-bit ELF file, and the harts are rv%u (-cpu)", path,
                         header->is64 ? 64 : 32, loader->xlen);
    if (header->type != ET_EXEC && header->type != ET_DYN)
        return error_set(error, "%s is an ELF file that is not linked (e_type %u); an executable is needed",
                         path, header->type);
    unsigned entry_size = header->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (header->phentsize != entry_size)
        return error_set(error, "%s is a damaged ELF file: program headers of %u bytes", path,
                         header->phentsize);
    if (header->phnum > SEGMENTS_MAX)
        return error_set(error, "%s is an ELF file with %u program headers; at most %u are taken", path,
                         header->phnum, SEGMENTS_MAX);
    uint64_t table = (uint64_t)header->phnum * entry_size;
    if (table > image->length || header->phoff > image->length - table)
        return truncated(path, error, "program headers");
    return true;
}

/* Segment n; false if it is not to be loaded. */
static bool read_segment(const struct image *image, const struct elf_header *header, unsigned n,
                         struct elf_segment *segment)
{
    const uint8_t *at = image->bytes + header->phoff + (uint64_t)n * header->phentsize;
    if (header->is64) {
        Elf64_Phdr raw;
        memcpy(&raw, at, sizeof(raw));
        *segment = (struct elf_segment){ raw.p_offset, raw.p_paddr, raw.p_vaddr, raw.p_filesz, raw.p_memsz };
        return raw.p_type == PT_LOAD && raw.p_memsz;
    }
    Elf32_Phdr raw;
    memcpy(&raw, at, sizeof(raw));
    *segment = (struct elf_segment){ raw.p_offset, raw.p_paddr, raw.p_vaddr, raw.p_filesz, raw.p_memsz };
    return raw.p_type == PT_LOAD && raw.p_memsz;
}

static bool add_segment(struct loader *loader, const char *path, const struct image *image,
                        const struct elf_segment *segment, struct error *error)
{
    if (segment->filesz > segment->memsz)
        return error_set(error, "%s is a damaged ELF file: a segment of 0x%" PRIx64 " bytes holds 0x%" PRIx64,
                         path, segment->memsz, segment->filesz);
    if (segment->filesz > image->length || segment->offset > image->length - segment->filesz)
        return truncated(path, error, "segments");
    return loader_add_part(loader, path, segment->paddr, image, segment->offset, segment->filesz,
                           segment->memsz, error);
}

/* Linkers put the ELF header and the program headers in front of the first section, and so into the first
 * segment. In a bare-metal program that is linked to the start of RAM they then lie below RAM. They are not
 * part of the program. */
static void trim_headers(const struct loader *loader, const struct elf_header *header,
                         struct elf_segment *segment)
{
    uint64_t headers = header->phoff + (uint64_t)header->phnum * header->phentsize;
    uint64_t below = loader->ram_base - segment->paddr;
    if (segment->offset != 0 || segment->paddr >= loader->ram_base || below < headers ||
        below >= segment->filesz)
        return;
    segment->offset += below;
    segment->paddr += below;
    segment->vaddr += below;
    segment->filesz -= below;
    segment->memsz -= below;
}

/* QEMU loads only what lies in memory: notes, device registers and a heap that the linker script turns into
 * segments do no harm there. Likewise, what lies outside RAM is left out here, with a line that says so. It
 * stays an error if the program starts there, or if the file has bytes for it on both sides of RAM's end.
 * False: nothing of the segment is left. */
static bool clip_to_ram(const struct loader *loader, const char *path, uint64_t entry,
                        struct elf_segment *segment)
{
    uint64_t end = loader->ram_base + loader->ram_size;
    if (loader_is_code(loader, segment->paddr, segment->memsz))
        return true;
    bool below = segment->paddr < loader->ram_base && segment->memsz <= loader->ram_base - segment->paddr;
    if ((below || segment->paddr >= end) && entry - segment->vaddr >= segment->memsz) {
        log_warn("%s: a segment of 0x%" PRIx64 " bytes at 0x%" PRIx64 " lies outside RAM and is not loaded",
                 path, segment->memsz, segment->paddr);
        return false;
    }
    if (segment->paddr < loader->ram_base || segment->paddr >= end ||
        segment->memsz <= end - segment->paddr || segment->filesz > end - segment->paddr ||
        segment->memsz > UINT64_MAX - segment->paddr)
        return true; /* inside RAM, or to be refused by check_place() */
    log_warn("%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " reach beyond the end of RAM at 0x%" PRIx64
             "; no part of the file lies there (-m gives more)",
             path, segment->memsz, segment->paddr, end);
    segment->memsz = end - segment->paddr;
    return true;
}

static bool add_elf_segment(struct loader *loader, const char *path, const struct image *image,
                            const struct elf_header *header, unsigned n, struct loader_place *place,
                            struct error *error)
{
    struct elf_segment segment;
    if (!read_segment(image, header, n, &segment))
        return true;
    trim_headers(loader, header, &segment);
    if (!loader->strict && !clip_to_ram(loader, path, header->entry, &segment))
        return true;
    if (!add_segment(loader, path, image, &segment, error))
        return false;
    /* A kernel that is linked at virtual addresses starts at the physical address of its entry. */
    if (header->entry - segment.vaddr < segment.memsz)
        place->entry = header->entry - segment.vaddr + segment.paddr;
    if (segment.paddr < place->start)
        place->start = segment.paddr;
    if (segment.paddr + segment.memsz > place->end)
        place->end = segment.paddr + segment.memsz;
    return true;
}

bool loader_add_elf(struct loader *loader, const char *path, const struct image *image,
                    struct loader_place *place, struct error *error)
{
    struct elf_header header = { 0 };
    if (!read_header(image, path, &header, error) || !check_header(loader, image, path, &header, error))
        return false;
    *place = (struct loader_place){ .entry = header.entry, .start = UINT64_MAX, .elf = true };
    for (unsigned n = 0; n < header.phnum; n++)
        if (!add_elf_segment(loader, path, image, &header, n, place, error))
            return false;
    if (!place->end)
        return error_set(
            error, "%s is an ELF file with nothing to load into RAM at 0x%" PRIx64 "..0x%" PRIx64 " (-m)",
            path, loader->ram_base, loader->ram_base + loader->ram_size - 1);
    return true;
}
