/* SPDX-License-Identifier: MIT
 *
 * What -coverage takes from an ELF file: executable segments, which are read here, and line numbers. A
 * separate program (frontend/lines.c) reads the line numbers, since DWARF is complex, and files may be
 * damaged or hostile: if reading them goes wrong, only that program crashes. Its answer is not trusted
 * either.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/coverage/internal.h"
#include "machine/boot/image.h"

#define FILE_MAX      (UINT64_C(1) << 31)
#define SEGMENTS_MAX  64u
#define ROWS_MAX      (32u << 20)
#define ROW_BYTES_MAX 65536u
#define SLOTS_FIRST   1024u

extern char **environ;

/* ---- Segments ------------------------------------------------------------------------------------------ */

static Elf64_Phdr program_header(const uint8_t *at, bool wide)
{
    Elf64_Phdr header;
    Elf32_Phdr narrow;
    if (wide) {
        memcpy(&header, at, sizeof(header));
        return header;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return (Elf64_Phdr){ .p_type = narrow.p_type,
                         .p_flags = narrow.p_flags,
                         .p_offset = narrow.p_offset,
                         .p_vaddr = narrow.p_vaddr,
                         .p_paddr = narrow.p_paddr,
                         .p_filesz = narrow.p_filesz,
                         .p_memsz = narrow.p_memsz };
}

static bool take_segment(struct coverage_elf *elf, const struct image *image, const Elf64_Phdr *header,
                         uint64_t base)
{
    uint64_t first = header->p_vaddr + base, last = first + header->p_memsz - 1;
    if (header->p_type != PT_LOAD || !header->p_memsz || last < first)
        return true;
    elf->low = first < elf->low ? first : elf->low;
    elf->high = last > elf->high ? last : elf->high;
    if (!(header->p_flags & PF_X) || !header->p_filesz || header->p_filesz > header->p_memsz)
        return true;
    if (header->p_offset > image->length || header->p_filesz > image->length - header->p_offset)
        return false;
    elf->segments[elf->segment_count++] =
        (struct coverage_segment){ first, header->p_paddr + base, header->p_filesz,
                                   image->bytes + header->p_offset };
    return true;
}

static bool take_segments(struct coverage_elf *elf, const struct image *image, uint64_t base)
{
    bool wide = image->bytes[EI_CLASS] == ELFCLASS64;
    Elf64_Ehdr header;
    Elf32_Ehdr narrow;
    memcpy(&header, image->bytes, sizeof(header));
    if (!wide) {
        memcpy(&narrow, image->bytes, sizeof(narrow));
        header.e_machine = narrow.e_machine;
        header.e_entry = narrow.e_entry;
        header.e_phoff = narrow.e_phoff;
        header.e_phnum = narrow.e_phnum;
    }
    uint64_t size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), table = size * header.e_phnum;
    if (header.e_machine != EM_RISCV || header.e_phnum > SEGMENTS_MAX || table > image->length ||
        header.e_phoff > image->length - table)
        return false;
    elf->entry = header.e_entry + base;
    for (unsigned n = 0; n < header.e_phnum; n++) {
        Elf64_Phdr segment = program_header(image->bytes + header.e_phoff + n * size, wide);
        if (!take_segment(elf, image, &segment, base))
            return false;
    }
    return elf->segment_count > 0;
}

bool coverage_elf_read(struct coverage_elf *elf, const char *path, uint64_t base, bool *is_elf,
                       struct error *error)
{
    struct image image = { 0 };
    *elf = (struct coverage_elf){ .low = UINT64_MAX };
    if (!image_read(&image, path, FILE_MAX, error))
        return false;
    elf->bytes = image.bytes;
    *is_elf = image_is_elf(&image);
    if (!*is_elf)
        return true;
    elf->path = strdup(path);
    elf->segments = calloc(SEGMENTS_MAX, sizeof(*elf->segments));
    if (!elf->path || !elf->segments)
        return error_set(error, "out of memory for %s", path);
    if (image.length < sizeof(Elf64_Ehdr) || !take_segments(elf, &image, base))
        return error_set(error, "-coverage: %s is damaged, not for RISC-V, or has no code", path);
    return true;
}

const struct coverage_segment *coverage_segment_at(const struct coverage_elf *elf, uint64_t addr,
                                                   uint64_t size)
{
    for (unsigned n = 0; n < elf->segment_count; n++) {
        const struct coverage_segment *segment = &elf->segments[n];
        if (addr >= segment->vaddr && size <= segment->size && addr - segment->vaddr <= segment->size - size)
            return segment;
    }
    return NULL;
}

void coverage_elf_free(struct coverage_elf *elf)
{
    for (size_t n = 0; n < elf->function_count; n++)
        free(elf->functions[n].name);
    free(elf->functions);
    free(elf->rows);
    free(elf->segments);
    free(elf->bytes);
    free(elf->path);
    *elf = (struct coverage_elf){ 0 };
}

/* ---- Names of source files ----------------------------------------------------------------------------- */

void coverage_names_free(struct coverage_names *names)
{
    for (size_t n = 0; n < names->count; n++)
        free(names->names[n]);
    free(names->names);
    free(names->slots);
    *names = (struct coverage_names){ 0 };
}

static size_t name_hash(const char *name)
{
    uint64_t hash = 0;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

static bool names_grow(struct coverage_names *names)
{
    size_t slot_count = names->slot_count ? 2 * names->slot_count : SLOTS_FIRST;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    char **grown = slots ? realloc(names->names, slot_count * sizeof(*grown)) : NULL;
    if (!grown) {
        free(slots);
        return false;
    }
    for (size_t n = 0; n < names->count; n++) {
        size_t at = name_hash(grown[n]) & (slot_count - 1);
        while (slots[at])
            at = (at + 1) & (slot_count - 1);
        slots[at] = (uint32_t)n + 1;
    }
    free(names->slots);
    names->slots = slots;
    names->names = grown;
    names->slot_count = slot_count;
    return true;
}

static bool name_number(struct coverage_names *names, const char *name, uint32_t *number)
{
    if (names->count >= names->slot_count / 2 && !names_grow(names))
        return false;
    size_t at = name_hash(name) & (names->slot_count - 1);
    for (; names->slots[at]; at = (at + 1) & (names->slot_count - 1)) {
        *number = names->slots[at] - 1;
        if (strcmp(names->names[*number], name) == 0)
            return true;
    }
    char *copy = strdup(name);
    if (!copy)
        return false;
    *number = (uint32_t)names->count;
    names->names[names->count++] = copy;
    names->slots[at] = *number + 1;
    return true;
}

/* ---- Line numbers -------------------------------------------------------------------------------------- */

struct reader {
    struct coverage_elf *elf;
    struct coverage_names *names;
    uint64_t base;
    uint32_t file; /* the file of the rows that follow */
    bool named;
};

static bool add_row(struct reader *self, const struct coverage_row *row)
{
    struct coverage_elf *elf = self->elf;
    if (elf->row_count == elf->row_capacity) {
        size_t capacity = elf->row_capacity ? 2 * elf->row_capacity : 1024;
        struct coverage_row *grown =
            capacity <= ROWS_MAX ? realloc(elf->rows, capacity * sizeof(*grown)) : NULL;
        if (!grown)
            return false;
        elf->rows = grown;
        elf->row_capacity = capacity;
    }
    elf->rows[elf->row_count++] = *row;
    return true;
}

static bool add_function(struct reader *self, const struct coverage_function *function)
{
    struct coverage_elf *elf = self->elf;
    if (elf->function_count == elf->function_capacity) {
        size_t capacity = elf->function_capacity ? 2 * elf->function_capacity : 256;
        struct coverage_function *grown =
            capacity <= ROWS_MAX ? realloc(elf->functions, capacity * sizeof(*grown)) : NULL;
        if (!grown)
            return false;
        elf->functions = grown;
        elf->function_capacity = capacity;
    }
    char *name = strdup(function->name);
    if (!name)
        return false;
    elf->functions[elf->function_count] = *function;
    elf->functions[elf->function_count++].name = name;
    return true;
}

/* A line is "F path", "L addr size line" or "N addr line name", with numbers in hexadecimal. Addresses
 * outside of the file's code are left out. False: out of memory. */
static bool take_line(struct reader *self, char *text)
{
    uint64_t addr, size, line;
    int used = 0;
    if (strncmp(text, "F ", 2) == 0 && text[2]) {
        self->named = name_number(self->names, text + 2, &self->file);
        return self->named;
    }
    if (self->named && sscanf(text, "L %" SCNx64 " %" SCNx64 " %" SCNx64, &addr, &size, &line) == 3) {
        addr += self->base;
        if (!size || size > ROW_BYTES_MAX || !line || line > INT32_MAX ||
            !coverage_segment_at(self->elf, addr, size))
            return true;
        return add_row(self, &(struct coverage_row){ addr, (uint32_t)size, self->file, (uint32_t)line });
    }
    if (self->named && sscanf(text, "N %" SCNx64 " %" SCNx64 " %n", &addr, &line, &used) == 2 && used &&
        text[used]) {
        addr += self->base;
        if (!line || line > INT32_MAX || !coverage_segment_at(self->elf, addr, 1))
            return true;
        return add_function(self,
                            &(struct coverage_function){ addr, self->file, (uint32_t)line, text + used });
    }
    return true;
}

static bool take_lines(struct reader *self, FILE *in)
{
    char *text = NULL;
    size_t size = 0;
    bool ok = true;
    for (ssize_t length; ok && (length = getline(&text, &size, in)) > 0;) {
        if (text[length - 1] == '\n')
            text[length - 1] = 0;
        ok = take_line(self, text);
    }
    free(text);
    return ok;
}

/* Starts the program, with its output going to a pipe. -1, with *error filled, on failure. */
static int start(const char *program, const char *path, pid_t *child, struct error *error)
{
    char *const arguments[] = { (char *)"rvive-lines", (char *)path, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) {
        error_set(error, "-coverage: cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int status = posix_spawn(child, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (status == 0)
        return ends[0];
    close(ends[0]);
    error_set(error, "-coverage: cannot start %s: %s", program, strerror(status));
    return -1;
}

static bool ended_well(pid_t child, const char *path, struct error *error)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        return error_set(error, "-coverage: reading the line numbers of %s failed: rvive-lines ended by: %s",
                         path, strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) == 0 ||
           error_set(error, "-coverage: the line numbers of %s cannot be read (rvive-lines ended with %d)",
                     path, WEXITSTATUS(status));
}

bool coverage_elf_lines(struct coverage_elf *elf, struct coverage_names *names, uint64_t base,
                        const char *program, struct error *error)
{
    struct reader reader = { .elf = elf, .names = names, .base = base };
    pid_t child;
    int pipe_end = start(program, elf->path, &child, error);
    if (pipe_end < 0)
        return false;
    FILE *in = fdopen(pipe_end, "r");
    bool ok = in && take_lines(&reader, in);
    if (in)
        fclose(in); /* a program that is still writing gets SIGPIPE */
    else
        close(pipe_end);
    if (ok)
        return ended_well(child, elf->path, error);
    ended_well(child, elf->path, error);
    return error_set(error, "out of memory for the line numbers of %s", elf->path);
}
