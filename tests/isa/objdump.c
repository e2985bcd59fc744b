/* SPDX-License-Identifier: MIT
 *
 * Writes the encodings into an ELF file made by hand (objdump takes the extensions from its
 * .riscv.attributes) and reads objdump's listing back; see objdump.h.
 */
#include "tests/isa/objdump.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG_FILE       1
#define TAG_RISCV_ARCH 5 /* RISC-V ELF psABI, "Attributes" */

static const char section_names[] = "\0.text\0.riscv.attributes\0.shstrtab";
enum { NAME_TEXT = 1, NAME_ATTRIBUTES = 7, NAME_STRINGS = 25, SECTIONS = 4 };

struct image {
    uint8_t *text;
    size_t text_size;
    char attributes[1024];
    size_t attributes_size;
};

static void put_u32(char *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* 'A', then one vendor section with one file subsection that holds one tag. */
static void make_attributes(struct image *image, unsigned xlen, const char *arch)
{
    char *a = image->attributes;
    int length = snprintf(a + 17, sizeof(image->attributes) - 17, "rv%u%s", xlen, arch);
    a[0] = 'A';
    memcpy(a + 5, "riscv", 6);
    a[11] = TAG_FILE;
    a[16] = TAG_RISCV_ARCH;
    put_u32(a + 12, 1 + 4 + 1 + (uint32_t)length + 1);
    put_u32(a + 1, 4 + 6 + 1 + 4 + 1 + (uint32_t)length + 1);
    image->attributes_size = 17 + (size_t)length + 1;
}

static void make_text(struct image *image, const uint32_t *bits, size_t count)
{
    image->text = calloc(count, 4);
    for (size_t i = 0; image->text && i < count; i++) {
        size_t length = (bits[i] & 3) == 3 ? 4 : 2;
        memcpy(image->text + image->text_size, &bits[i], length);
        image->text_size += length;
    }
}

/* Header, section headers and contents; the same for both classes but for the types' widths. */
#define WRITE_ELF(CLASS)                                                                                     \
    static bool write_elf##CLASS(FILE *file, const struct image *image, uint64_t base)                       \
    {                                                                                                        \
        Elf##CLASS##_Ehdr header = {                                                                         \
            .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS##CLASS, ELFDATA2LSB, EV_CURRENT },                    \
            .e_type = ET_REL,                                                                                \
            .e_machine = EM_RISCV,                                                                           \
            .e_version = EV_CURRENT,                                                                         \
            .e_shoff = sizeof(header),                                                                       \
            .e_ehsize = sizeof(header),                                                                      \
            .e_shentsize = sizeof(Elf##CLASS##_Shdr),                                                        \
            .e_shnum = SECTIONS,                                                                             \
            .e_shstrndx = SECTIONS - 1,                                                                      \
        };                                                                                                   \
        size_t offset = sizeof(header) + SECTIONS * sizeof(Elf##CLASS##_Shdr);                               \
        Elf##CLASS##_Shdr sections[SECTIONS] = {                                                             \
            { .sh_type = SHT_NULL },                                                                         \
            { .sh_name = NAME_TEXT,                                                                          \
              .sh_type = SHT_PROGBITS,                                                                       \
              .sh_flags = SHF_ALLOC | SHF_EXECINSTR,                                                         \
              .sh_addr = (Elf##CLASS##_Addr)base,                                                            \
              .sh_offset = (Elf##CLASS##_Off)offset,                                                         \
              .sh_size = (Elf##CLASS##_Word)image->text_size,                                                \
              .sh_addralign = 2 },                                                                           \
            { .sh_name = NAME_ATTRIBUTES,                                                                    \
              .sh_type = SHT_RISCV_ATTRIBUTES,                                                               \
              .sh_offset = (Elf##CLASS##_Off)(offset + image->text_size),                                    \
              .sh_size = (Elf##CLASS##_Word)image->attributes_size,                                          \
              .sh_addralign = 1 },                                                                           \
            { .sh_name = NAME_STRINGS,                                                                       \
              .sh_type = SHT_STRTAB,                                                                         \
              .sh_offset = (Elf##CLASS##_Off)(offset + image->text_size + image->attributes_size),           \
              .sh_size = sizeof(section_names),                                                              \
              .sh_addralign = 1 },                                                                           \
        };                                                                                                   \
        return fwrite(&header, sizeof(header), 1, file) == 1 &&                                              \
               fwrite(sections, sizeof(sections), 1, file) == 1 &&                                           \
               fwrite(image->text, image->text_size, 1, file) == 1 &&                                        \
               fwrite(image->attributes, image->attributes_size, 1, file) == 1 &&                            \
               fwrite(section_names, sizeof(section_names), 1, file) == 1;                                   \
    }

#ifndef SHT_RISCV_ATTRIBUTES
#define SHT_RISCV_ATTRIBUTES 0x70000003
#endif
WRITE_ELF(32)
WRITE_ELF(64)

/* Turns "   0:\t12345537  \tlui\ta0,0x12345 # comment <symbol>" into "lui a0,0x12345". NULL: it is not such a
 * line. */
static char *listing_text(char *line)
{
    char *mnemonic = strstr(line, ":\t");
    mnemonic = mnemonic ? strchr(mnemonic + 2, '\t') : NULL;
    if (!mnemonic)
        return NULL;
    mnemonic++;
    char *operands = strchr(mnemonic, '\t');
    if (operands)
        *operands = ' ';
    mnemonic[strcspn(mnemonic, "\n#<")] = 0;
    for (size_t end = strlen(mnemonic); end && strchr(" \t", mnemonic[end - 1]); end--)
        mnemonic[end - 1] = 0;
    return strdup(mnemonic);
}

static void peer_folder(char *folder, size_t size)
{
    const char *qemu = getenv("RVIVE_QEMU"), *cache = getenv("RVIVE_CACHE");
    if (qemu)
        snprintf(folder, size, "%s", qemu);
    else
        snprintf(folder, size, "%s/qemu10", cache ? cache : SOURCE_DIR "/.cache");
}

static size_t read_listing(const char *path, char **texts, size_t count)
{
    char folder[512], command[2048], line[1024];
    peer_folder(folder, sizeof(folder));
    snprintf(command, sizeof(command),
             "sh '" SOURCE_DIR "/tests/peers/qemu' '%s' riscv64-linux-gnu-objdump -d -z -M no-aliases '%s'",
             folder, path);
    FILE *listing = popen(command, "r");
    size_t found = 0;
    while (listing && fgets(line, sizeof(line), listing)) {
        char *text = listing_text(line);
        if (text && found < count)
            texts[found++] = text;
        else
            free(text);
    }
    if (!listing || pclose(listing) != 0)
        fprintf(stderr, "objdump cannot be run from %s: run tests/peers/qemu10.sh, or set RVIVE_QEMU\n",
                folder);
    return found;
}

char **objdump_disassemble(unsigned xlen, const char *arch, uint64_t base, const uint32_t *bits, size_t count)
{
    struct image image = { 0 };
    char path[] = "/tmp/rvive-isa-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    char **texts = calloc(count, sizeof(*texts));
    make_attributes(&image, xlen, arch);
    make_text(&image, bits, count);
    bool written =
        file && texts && image.text && (xlen == 64 ? write_elf64 : write_elf32)(file, &image, base);
    if (file && fclose(file) != 0)
        written = false;
    size_t found = written ? read_listing(path, texts, count) : 0;
    if (fd >= 0)
        unlink(path);
    free(image.text);
    if (found == count)
        return texts;
    fprintf(stderr, "objdump: %zu of %zu instructions disassembled\n", found, count);
    for (size_t i = 0; texts && i < count; i++)
        free(texts[i]);
    free(texts);
    return NULL;
}
