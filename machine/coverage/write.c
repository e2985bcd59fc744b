/* SPDX-License-Identifier: MIT
 *
 * The files of -coverage: lcov's tracefile (geninfo(1), "FILES"), and the log of DynamoRIO's drcov (version 2
 * of its table of modules), which Lighthouse and other programs read. There are no counts in them: a line was
 * executed (1) or not (0).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine/coverage/internal.h"

/* ---- lcov ---------------------------------------------------------------------------------------------- */

struct line {
    uint32_t file, line;
    bool hit;
    const char *function; /* NULL: a line of code; otherwise the function that begins there */
};

/* Was code of the file in [addr, addr + size) executed? It may have run at its own addresses, where it was
 * loaded before an MMU was on, or as a user program. */
static bool was_run(const struct coverage_view *view, unsigned number, uint64_t addr, uint64_t size)
{
    const struct coverage_segment *segment = coverage_segment_at(&view->elfs[number], addr, size);
    return coverage_set_any(view->set, COVERAGE_PRIVILEGED, addr, size) ||
           coverage_set_any(view->set, COVERAGE_PROGRAMS + number, addr, size) ||
           (segment && segment->paddr != segment->vaddr &&
            coverage_set_any(view->set, COVERAGE_PRIVILEGED, addr - segment->vaddr + segment->paddr, size));
}

/* Orders by file; then functions, by name; then lines. */
static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    if (a->file != b->file)
        return a->file < b->file ? -1 : 1;
    if (!a->function != !b->function)
        return a->function ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->function ? strcmp(a->function, b->function) : 0;
}

static bool same(const struct line *a, const struct line *b)
{
    return compare_lines(a, b) == 0;
}

/* Keeps every line and function once: several addresses may have the same line, and several ELF files the
 * same source. */
static size_t merge(struct line *lines, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t n = 0; n < count; n++) {
        if (kept && same(&lines[kept - 1], &lines[n]))
            lines[kept - 1].hit |= lines[n].hit;
        else
            lines[kept++] = lines[n];
    }
    return kept;
}

static void write_functions(FILE *out, const struct line *lines, size_t count)
{
    size_t hits = 0;
    for (size_t n = 0; n < count; n++)
        fprintf(out, "FN:%" PRIu32 ",%s\n", lines[n].line, lines[n].function);
    for (size_t n = 0; n < count; n++) {
        fprintf(out, "FNDA:%d,%s\n", lines[n].hit, lines[n].function);
        hits += lines[n].hit;
    }
    fprintf(out, "FNF:%zu\nFNH:%zu\n", count, hits);
}

/* Writes the record of one source file. */
static void write_record(FILE *out, const char *name, const struct line *lines, size_t count)
{
    size_t functions = 0, hits = 0;
    while (functions < count && lines[functions].function)
        functions++;
    fprintf(out, "TN:\nSF:%s\n", name);
    write_functions(out, lines, functions);
    for (size_t n = functions; n < count; n++) {
        fprintf(out, "DA:%" PRIu32 ",%d\n", lines[n].line, lines[n].hit);
        hits += lines[n].hit;
    }
    fprintf(out, "LF:%zu\nLH:%zu\nend_of_record\n", count - functions, hits);
}

bool coverage_write_lcov(FILE *out, const struct coverage_view *view)
{
    size_t count = 0, at = 0;
    for (unsigned n = 0; n < view->elf_count; n++)
        count += view->elfs[n].row_count + view->elfs[n].function_count;
    struct line *lines = calloc(count + 1, sizeof(*lines));
    if (!lines)
        return false;
    for (unsigned n = 0; n < view->elf_count; n++) {
        const struct coverage_elf *elf = &view->elfs[n];
        for (size_t row = 0; row < elf->row_count; row++) {
            const struct coverage_row *from = &elf->rows[row];
            lines[at++] =
                (struct line){ from->file, from->line, was_run(view, n, from->addr, from->size), NULL };
        }
        for (size_t function = 0; function < elf->function_count; function++) {
            const struct coverage_function *from = &elf->functions[function];
            lines[at++] =
                (struct line){ from->file, from->line, was_run(view, n, from->addr, 2), from->name };
        }
    }
    count = merge(lines, count);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && lines[end].file == lines[first].file;)
            end++;
        write_record(out, view->names->names[lines[first].file], lines + first, end - first);
    }
    free(lines);
    return true;
}

/* ---- drcov --------------------------------------------------------------------------------------------- */

/* Each ELF file is a module. Other code is in modules of 4 GiB, since offsets have 32 bits. */
struct module {
    uint64_t base, end, entry;
    const char *path; /* NULL: no file */
};

struct block {
    uint32_t start;
    uint16_t size, module;
} __attribute__((packed));
_Static_assert(sizeof(struct block) == 8, "as in the file, little-endian");

struct drcov {
    const struct coverage_view *view;
    struct module *modules;
    size_t module_count, module_capacity;
    struct block *blocks;
    size_t block_count, block_capacity;
    bool failed;
    /* A run of instructions that is not in a block yet. */
    unsigned space;
    uint64_t first, size; /* size 0: there is none */
};

#define MODULES_MAX     65535u
#define BLOCK_BYTES_MAX 65534u
#define MODULE_BYTES    (UINT64_C(1) << 32)

static bool add_module(struct drcov *self, const struct module *module)
{
    if (self->module_count == MODULES_MAX)
        return false;
    if (self->module_count == self->module_capacity) {
        size_t capacity = self->module_capacity ? 2 * self->module_capacity : 32;
        struct module *grown = realloc(self->modules, capacity * sizeof(*grown));
        if (!grown) {
            self->failed = true;
            return false;
        }
        self->modules = grown;
        self->module_capacity = capacity;
    }
    self->modules[self->module_count++] = *module;
    return true;
}

/* Finds the module of an address. If the address is physical, it becomes the module's virtual one. False:
 * there is no room for another module. */
static bool module_of(struct drcov *self, unsigned space, uint64_t *addr, size_t *number)
{
    for (unsigned n = 0; n < self->view->elf_count; n++) {
        const struct coverage_elf *elf = &self->view->elfs[n];
        if (space != COVERAGE_PRIVILEGED && space != COVERAGE_PROGRAMS + n)
            continue;
        for (unsigned at = 0; at < elf->segment_count; at++) {
            const struct coverage_segment *segment = &elf->segments[at];
            bool by_paddr = *addr - segment->vaddr >= segment->size;
            if (by_paddr && *addr - segment->paddr >= segment->size)
                continue;
            *addr += by_paddr ? segment->vaddr - segment->paddr : 0;
            *number = n;
            return true;
        }
    }
    for (size_t n = self->view->elf_count; n < self->module_count; n++) {
        *number = n;
        if (*addr - self->modules[n].base < MODULE_BYTES)
            return true;
    }
    uint64_t base = *addr & ~(MODULE_BYTES - 1);
    *number = self->module_count;
    return add_module(self, &(struct module){ base, base + (MODULE_BYTES - 1), 0, NULL });
}

static void add_block(struct drcov *self, unsigned space, uint64_t addr, uint16_t size)
{
    size_t module;
    if (!module_of(self, space, &addr, &module) || addr - self->modules[module].base > UINT32_MAX)
        return;
    if (self->block_count == self->block_capacity) {
        size_t capacity = self->block_capacity ? 2 * self->block_capacity : 1024;
        struct block *grown = realloc(self->blocks, capacity * sizeof(*grown));
        if (!grown) {
            self->failed = true;
            return;
        }
        self->blocks = grown;
        self->block_capacity = capacity;
    }
    self->blocks[self->block_count++] =
        (struct block){ (uint32_t)(addr - self->modules[module].base), size, (uint16_t)module };
}

static void end_run(struct drcov *self)
{
    while (self->size) {
        uint64_t size = self->size < BLOCK_BYTES_MAX ? self->size : BLOCK_BYTES_MAX;
        add_block(self, self->space, self->first, (uint16_t)size);
        self->first += size;
        self->size -= size;
    }
}

static void take_page(struct drcov *self, const struct coverage_page *page)
{
    for (unsigned half = 0; half < 2048; half++) {
        uint64_t addr = (page->number << 12) + 2 * half;
        if (!(page->bytes[half / 64] >> half % 64 & 1))
            continue;
        if (!self->size || self->space != page->space || addr != self->first + self->size) {
            end_run(self);
            self->space = page->space;
            self->first = addr;
        }
        self->size += 2;
    }
}

/* The path must be the last thing in its line. */
static void write_path(FILE *out, const struct module *module)
{
    if (!module->path)
        fprintf(out, "guest@0x%" PRIx64, module->base);
    for (const char *at = module->path ? module->path : ""; *at; at++)
        fputc((unsigned char)*at < 0x20 ? '?' : *at, out);
    fputc('\n', out);
}

static void write_tables(FILE *out, const struct drcov *self)
{
    fprintf(out,
            "DRCOV VERSION: 2\nDRCOV FLAVOR: drcov\nModule Table: version 2, count %zu\n"
            "Columns: id, base, end, entry, path\n",
            self->module_count);
    for (size_t n = 0; n < self->module_count; n++) {
        const struct module *module = &self->modules[n];
        fprintf(out, "%3zu, 0x%016" PRIx64 ", 0x%016" PRIx64 ", 0x%016" PRIx64 ", ", n, module->base,
                module->end, module->entry);
        write_path(out, module);
    }
    fprintf(out, "BB Table: %zu bbs\n", self->block_count);
    if (self->block_count)
        fwrite(self->blocks, sizeof(*self->blocks), self->block_count, out);
}

bool coverage_write_drcov(FILE *out, const struct coverage_view *view)
{
    struct drcov self = { .view = view };
    for (unsigned n = 0; n < view->elf_count; n++) {
        const struct coverage_elf *elf = &view->elfs[n];
        add_module(&self, &(struct module){ elf->low, elf->high + 1, elf->entry, elf->path });
    }
    for (size_t n = 0; n < view->set->count; n++) {
        if (view->set->slots[n]->space != COVERAGE_PHYSICAL)
            take_page(&self, view->set->slots[n]);
    }
    end_run(&self);
    if (!self.failed)
        write_tables(out, &self);
    free(self.modules);
    free(self.blocks);
    return !self.failed;
}
