/* SPDX-License-Identifier: MIT
 *
 * -coverage; see coverage.h. What harts report is added to the set under the lock.
 */
#include "machine/coverage/coverage.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cpu/cover.h"
#include "machine/internal.h"
#include "machine/output.h"
#include "machine/coverage/internal.h"
#include "util/log.h"

#define ELFS_MAX (COVERAGE_ELF_MAX + MACHINE_LOADS_MAX + 2)

struct coverage {
    struct cover_sink sink; /* must be first */
    struct machine *machine;
    const struct coverage_config *config;
    pthread_mutex_t lock;
    struct coverage_set set; /* [lock] */
    struct coverage_elf elfs[ELFS_MAX];
    unsigned elf_count;
    struct coverage_names names;
    struct output output;
};

/* ---- What runs ----------------------------------------------------------------------------------------- */

/* Returns the program that has these bytes at that address; ELFS_MAX: none. */
static unsigned program_of(const struct coverage *self, uint64_t vaddr, const uint8_t *code, unsigned size)
{
    for (unsigned n = 0; n < self->elf_count; n++) {
        const struct coverage_segment *segment = coverage_segment_at(&self->elfs[n], vaddr, size);
        if (segment && memcmp(segment->bytes + (vaddr - segment->vaddr), code, size) == 0)
            return n;
    }
    return ELFS_MAX;
}

static void on_run(struct cover_sink *sink, const struct cover_run *run)
{
    struct coverage *self = (struct coverage *)sink;
    unsigned space = COVERAGE_PRIVILEGED, size = 0;
    for (unsigned n = 0; n < run->count; n++)
        size += run->lengths[n];
    unsigned program = run->user ? program_of(self, run->vaddr, run->code, size) : 0;
    if (run->user)
        space = COVERAGE_PROGRAMS + program;
    pthread_mutex_lock(&self->lock);
    coverage_set_add(&self->set, COVERAGE_PHYSICAL, run->paddr & ~UINT64_C(4095), 2);
    if (run->paddr2 != UINT64_MAX)
        coverage_set_add(&self->set, COVERAGE_PHYSICAL, run->paddr2, 2);
    uint64_t addr = run->vaddr;
    for (unsigned n = 0; program != ELFS_MAX && n < run->count; n++) {
        coverage_set_add(&self->set, space, addr, run->lengths[n]);
        addr += run->lengths[n];
    }
    pthread_mutex_unlock(&self->lock);
}

/* A walk over the pages of the set from which code was executed. */
struct walk {
    const struct coverage_set *set;
    size_t at;
};

static bool next_page(void *opaque, uint64_t *paddr)
{
    struct walk *walk = opaque;
    while (walk->at < walk->set->slot_count) {
        const struct coverage_page *page = walk->set->slots[walk->at++];
        if (page && page->space == COVERAGE_PHYSICAL) {
            *paddr = page->number << 12;
            return true;
        }
    }
    return false;
}

void coverage_reset(struct coverage *self)
{
    struct walk walk = { .set = &self->set };
    for (unsigned n = 0; n < self->machine->hart_count; n++)
        hart_cover_again(self->machine->harts[n], n ? NULL : next_page, &walk);
    coverage_set_free(&self->set);
}

/* ---- The file ------------------------------------------------------------------------------------------ */

bool coverage_write(struct coverage *self, struct error *error)
{
    for (unsigned n = 0; n < self->machine->hart_count; n++)
        hart_cover_finish(self->machine->harts[n]);
    coverage_set_sort(&self->set);
    const struct coverage_view view = { &self->set, self->elfs, self->elf_count, &self->names };
    FILE *out = output_start(&self->output, error);
    if (!out)
        return false;
    bool ok = self->config->format == COVERAGE_LCOV ? coverage_write_lcov(out, &view)
                                                    : coverage_write_drcov(out, &view);
    if (!output_end(&self->output, out, error))
        return false;
    if (self->set.lost)
        log_warn("-coverage: %" PRIu64 " instructions found no room, and are missing in %s", self->set.lost,
                 self->config->file);
    return ok || error_set(error, "-coverage: out of memory for %s", self->config->file);
}

/* Checks that the file can be written, and is none of the files that are read. */
static bool check_file(struct coverage *self, struct error *error)
{
    bool ok = output_open(&self->output, "-coverage", self->config->file, error);
    for (unsigned n = 0; ok && n < self->elf_count; n++)
        ok = output_check(&self->output, self->elfs[n].path, error);
    return ok;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* `asked`: elf= names the file, so it must be an ELF file and, for lcov, one with line numbers. */
static bool add_elf(struct coverage *self, const char *path, uint64_t base, bool asked, struct error *error)
{
    struct coverage_elf *elf = &self->elfs[self->elf_count];
    bool is_elf = false;
    struct stat status;
    bool regular = path && stat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (!regular && !asked)
        /* There is no file, or it is the default firmware, or a pipe, which cannot be read a second time. */
        return true;
    if (!regular)
        return error_set(error, "-coverage elf=%s: there is no such file", path);
    bool ok = coverage_elf_read(elf, path, base, &is_elf, error);
    if (ok && !is_elf && asked)
        ok = error_set(error, "-coverage elf=%s: that is no ELF file", path);
    if (ok && is_elf && self->config->format == COVERAGE_LCOV)
        ok = coverage_elf_lines(elf, &self->names, base, self->config->lines_program, error);
    if (ok && asked && self->config->format == COVERAGE_LCOV && !elf->row_count)
        ok = error_set(error, "-coverage elf=%s: it has no line numbers (DWARF); compile it with -g", path);
    if (ok && is_elf)
        self->elf_count++;
    else
        coverage_elf_free(elf);
    return ok;
}

static bool add_elfs(struct coverage *self, struct error *error)
{
    const struct machine_config *config = &self->machine->config;
    size_t rows = 0;
    bool ok = add_elf(self, config->bios, 0, false, error) && add_elf(self, config->kernel, 0, false, error);
    for (unsigned n = 0; ok && n < config->load_count; n++)
        ok = config->loads[n].force_raw || add_elf(self, config->loads[n].file, 0, false, error);
    for (unsigned n = 0; ok && n < self->config->elf_count; n++)
        ok = add_elf(self, self->config->elfs[n].path, self->config->elfs[n].base, true, error);
    for (unsigned n = 0; n < self->elf_count; n++)
        rows += self->elfs[n].row_count;
    if (ok && !rows && self->config->format == COVERAGE_LCOV)
        return error_set(
            error,
            "-coverage %s: no program of the guest has line numbers (DWARF): compile it with -g, "
            "and name it by elf=FILE if neither -kernel nor -bios does",
            self->config->file);
    return ok;
}

static void destroy(struct coverage *self)
{
    output_close(&self->output);
    for (unsigned n = 0; n < self->elf_count; n++)
        coverage_elf_free(&self->elfs[n]);
    coverage_names_free(&self->names);
    coverage_set_free(&self->set);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

struct coverage *coverage_create(struct machine *machine, struct error *error)
{
    struct coverage *self = calloc(1, sizeof(*self));
    if (!self) {
        error_set(error, "out of memory for the coverage");
        return NULL;
    }
    self->machine = machine;
    self->output.fd = -1;
    self->config = &machine->config.coverage;
    self->sink.ran = on_run;
    pthread_mutex_init(&self->lock, NULL);
    bool ok = add_elfs(self, error) && check_file(self, error);
    for (unsigned n = 0; ok && n < machine->hart_count; n++)
        ok = hart_cover(machine->harts[n], &self->sink) || error_set(error, "out of memory for the coverage");
    if (ok)
        return self;
    destroy(self);
    return NULL;
}

void coverage_destroy(struct coverage *self)
{
    if (self)
        destroy(self);
}
