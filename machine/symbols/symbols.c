/* SPDX-License-Identifier: MIT
 *
 * The table of names, and ELF files; see symbols.h.
 */
#include "machine/symbols/symbols.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "machine/boot/image.h"

#define FILE_MAX   (UINT64_C(1) << 30)
#define NAME_BYTES 255u

void symbols_free(struct symbols *symbols)
{
    for (size_t i = 0; i < symbols->count; i++)
        free(symbols->items[i].name);
    free(symbols->items);
    *symbols = (struct symbols){ 0 };
}

bool symbols_add(struct symbols *symbols, uint64_t addr, uint64_t size, const char *name)
{
    if (symbols->count == symbols->capacity) {
        size_t capacity = symbols->capacity ? 2 * symbols->capacity : 1024;
        struct symbol *grown = realloc(symbols->items, capacity * sizeof(*grown));
        if (!grown)
            return false;
        symbols->items = grown;
        symbols->capacity = capacity;
    }
    char *copy = strndup(name, NAME_BYTES);
    if (!copy)
        return false;
    symbols->items[symbols->count++] = (struct symbol){ addr, size, copy };
    symbols->sorted = false;
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct symbol *a = left, *b = right;
    return a->addr < b->addr ? -1 : a->addr > b->addr;
}

const struct symbol *symbols_find(struct symbols *symbols, uint64_t addr)
{
    if (!symbols->sorted && symbols->count)
        qsort(symbols->items, symbols->count, sizeof(*symbols->items), compare);
    symbols->sorted = true;
    size_t low = 0, high = symbols->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (symbols->items[middle].addr <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return NULL;
    const struct symbol *found = &symbols->items[low - 1];
    bool last = low == symbols->count;
    if (found->size ? addr - found->addr >= found->size : last && addr - found->addr > 65536)
        return NULL;
    return found;
}

/* ---- ELF ----------------------------------------------------------------------------------------------- */

/* A section of a file of either class. */
struct section {
    uint64_t type, offset, size, link;
};

static bool inside(const struct image *image, uint64_t offset, uint64_t size)
{
    return size <= image->length && offset <= image->length - size;
}

static bool get_section(const struct image *image, uint64_t index, struct section *section)
{
    if (image->bytes[EI_CLASS] == ELFCLASS64) {
        Elf64_Ehdr header;
        Elf64_Shdr at;
        memcpy(&header, image->bytes, sizeof(header));
        if (index >= header.e_shnum || header.e_shoff > image->length ||
            !inside(image, header.e_shoff + index * sizeof(at), sizeof(at)))
            return false;
        memcpy(&at, image->bytes + header.e_shoff + index * sizeof(at), sizeof(at));
        *section = (struct section){ at.sh_type, at.sh_offset, at.sh_size, at.sh_link };
    } else {
        Elf32_Ehdr header;
        Elf32_Shdr at;
        memcpy(&header, image->bytes, sizeof(header));
        if (index >= header.e_shnum || !inside(image, header.e_shoff + index * sizeof(at), sizeof(at)))
            return false;
        memcpy(&at, image->bytes + header.e_shoff + index * sizeof(at), sizeof(at));
        *section = (struct section){ at.sh_type, at.sh_offset, at.sh_size, at.sh_link };
    }
    return section->type == SHT_NOBITS || inside(image, section->offset, section->size);
}

/* Called for each symbol that is defined and has a name; false ends the search. */
typedef bool visit_fn(void *opaque, const Elf64_Sym *symbol, const char *name);

/* Takes functions and labels of assembly code, but not the mapping symbols ("$x"). */
static bool take_symbol(void *symbols, const Elf64_Sym *symbol, const char *name)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    if ((type != STT_FUNC && type != STT_NOTYPE) || symbol->st_shndx >= SHN_LORESERVE || *name == '$' ||
        *name == '.')
        return true;
    return symbols_add(symbols, symbol->st_value, symbol->st_size, name);
}

static bool visit_symbol(const struct image *image, const struct section *names, const Elf64_Sym *symbol,
                         visit_fn *visit, void *opaque)
{
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_name >= names->size)
        return true;
    const char *name = (const char *)image->bytes + names->offset + symbol->st_name;
    return !memchr(name, 0, names->size - symbol->st_name) || !*name || visit(opaque, symbol, name);
}

static bool visit_table(const struct image *image, const struct section *table, visit_fn *visit, void *opaque)
{
    struct section names;
    bool wide = image->bytes[EI_CLASS] == ELFCLASS64, ok = true;
    size_t size = wide ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
    if (!get_section(image, table->link, &names) || names.type != SHT_STRTAB)
        return true;
    for (uint64_t at = 0; ok && at + size <= table->size; at += size) {
        const uint8_t *bytes = image->bytes + table->offset + at;
        Elf64_Sym symbol;
        if (wide) {
            memcpy(&symbol, bytes, sizeof(symbol));
        } else {
            Elf32_Sym narrow;
            memcpy(&narrow, bytes, sizeof(narrow));
            symbol = (Elf64_Sym){ .st_name = narrow.st_name,
                                  .st_info = narrow.st_info,
                                  .st_shndx = narrow.st_shndx,
                                  .st_value = narrow.st_value,
                                  .st_size = narrow.st_size };
        }
        ok = visit_symbol(image, &names, &symbol, visit, opaque);
    }
    return ok;
}

/* Visits the symbols of an ELF file; *all is false if a visit ended that. False: it cannot be read. */
static bool visit_elf(const char *path, visit_fn *visit, void *opaque, bool *all, struct error *error)
{
    struct image image = { 0 };
    struct section section;
    *all = true;
    if (!image_read(&image, path, FILE_MAX, error))
        return false;
    if (image_is_elf(&image) && image.length >= sizeof(Elf64_Ehdr)) {
        for (uint64_t i = 0; *all && get_section(&image, i, &section); i++) {
            if (section.type == SHT_SYMTAB)
                *all = visit_table(&image, &section, visit, opaque);
        }
    }
    image_free(&image);
    return true;
}

bool symbols_add_elf(struct symbols *symbols, const char *path, struct error *error)
{
    bool all;
    return visit_elf(path, take_symbol, symbols, &all, error) &&
           (all || error_set(error, "out of memory for the symbols of %s", path));
}

static bool take_wanted(void *opaque, const Elf64_Sym *symbol, const char *name)
{
    for (struct symbol_wanted *wanted = opaque; wanted->name; wanted++) {
        if (strcmp(wanted->name, name) != 0)
            continue;
        wanted->found = true;
        wanted->addr = symbol->st_value;
    }
    return true;
}

bool symbols_look_in_elf(const char *path, struct symbol_wanted *wanted, struct error *error)
{
    bool all;
    return visit_elf(path, take_wanted, wanted, &all, error);
}
