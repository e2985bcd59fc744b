/* SPDX-License-Identifier: MIT
 *
 * Symbols as an ELF file for debuggers: no code, one section without contents that spans all of them, and the
 * table. A symbol whose size is not known ends where the next one begins.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/symbols/symbols.h"
#include "util/whole_file.h"

enum { SECTION_NONE, SECTION_TEXT, SECTION_SYMBOLS, SECTION_NAMES, SECTION_SECTION_NAMES, SECTIONS };

static const char section_names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
enum { NAME_TEXT = 1, NAME_SYMTAB = 7, NAME_STRTAB = 15, NAME_SHSTRTAB = 23 };

static size_t names_length(const struct symbols *symbols)
{
    size_t length = 1;
    for (size_t i = 0; i < symbols->count; i++)
        length += strlen(symbols->items[i].name) + 1;
    return length;
}

static void describe(const struct symbols *symbols, Elf64_Ehdr *header, Elf64_Shdr sections[SECTIONS])
{
    uint64_t first = UINT64_MAX, last = 0;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct symbol *symbol = &symbols->items[i];
        first = symbol->addr < first ? symbol->addr : first;
        last = symbol->addr > last ? symbol->addr : last;
    }
    *header = (Elf64_Ehdr){
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_EXEC,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_shoff = sizeof(*header),
        .e_ehsize = sizeof(*header),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = SECTIONS,
        .e_shstrndx = SECTION_SECTION_NAMES,
    };
    uint64_t at = sizeof(*header) + SECTIONS * sizeof(Elf64_Shdr);
    uint64_t table = (symbols->count + 1) * sizeof(Elf64_Sym), names = names_length(symbols);
    memset(sections, 0, SECTIONS * sizeof(*sections));
    sections[SECTION_TEXT] = (Elf64_Shdr){ .sh_name = NAME_TEXT,
                                           .sh_type = SHT_NOBITS,
                                           .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                           .sh_addr = first,
                                           .sh_offset = at,
                                           .sh_size = last - first + 4096,
                                           .sh_addralign = 2 };
    sections[SECTION_SYMBOLS] = (Elf64_Shdr){ .sh_name = NAME_SYMTAB,
                                              .sh_type = SHT_SYMTAB,
                                              .sh_offset = at,
                                              .sh_size = table,
                                              .sh_link = SECTION_NAMES,
                                              .sh_info = 1,
                                              .sh_addralign = 8,
                                              .sh_entsize = sizeof(Elf64_Sym) };
    sections[SECTION_NAMES] = (Elf64_Shdr){ .sh_name = NAME_STRTAB,
                                            .sh_type = SHT_STRTAB,
                                            .sh_offset = at + table,
                                            .sh_size = names,
                                            .sh_addralign = 1 };
    sections[SECTION_SECTION_NAMES] = (Elf64_Shdr){ .sh_name = NAME_SHSTRTAB,
                                                    .sh_type = SHT_STRTAB,
                                                    .sh_offset = at + table + names,
                                                    .sh_size = sizeof(section_names),
                                                    .sh_addralign = 1 };
}

static bool write_tables(const struct symbols *symbols, FILE *file)
{
    Elf64_Sym none = { 0 };
    uint32_t name = 1;
    bool ok = fwrite(&none, sizeof(none), 1, file) == 1;
    for (size_t i = 0; ok && i < symbols->count; i++) {
        const struct symbol *symbol = &symbols->items[i];
        Elf64_Sym row = { .st_name = name,
                          .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                          .st_shndx = SECTION_TEXT,
                          .st_value = symbol->addr,
                          .st_size = symbol->size };
        name += (uint32_t)strlen(symbol->name) + 1;
        ok = fwrite(&row, sizeof(row), 1, file) == 1;
    }
    ok = ok && fputc('\0', file) != EOF;
    for (size_t i = 0; ok && i < symbols->count; i++)
        ok = fwrite(symbols->items[i].name, strlen(symbols->items[i].name) + 1, 1, file) == 1;
    return ok && fwrite(section_names, sizeof(section_names), 1, file) == 1;
}

bool symbols_write_elf(const struct symbols *symbols, const char *path, struct error *error)
{
    Elf64_Ehdr header;
    Elf64_Shdr sections[SECTIONS];
    char part[4096];
    if (!whole_file_begin(path, part, sizeof(part)))
        return error_set(error, "the file's name is too long");
    FILE *file = fopen(part, "wbe");
    if (!file)
        return error_set(error, "%s: cannot be made: %s", part, strerror(errno));
    describe(symbols, &header, sections);
    bool ok = fwrite(&header, sizeof(header), 1, file) == 1 &&
              fwrite(sections, sizeof(sections), 1, file) == 1 && write_tables(symbols, file);
    ok = fclose(file) == 0 && ok;
    return whole_file_end(path, part, ok) ||
           error_set(error, "%s: cannot be written: %s", path, strerror(errno));
}
