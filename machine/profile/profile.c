/* SPDX-License-Identifier: MIT
 *
 * The profiler; see profile.h. A thread asks each running hart for a sample (hart_request). The hart takes it
 * between two blocks, so the pc is that of a block. A hart that waits in wfi is not woken: it counts as idle.
 *
 * Stacks of addresses are counted in a table under the lock. When a boot ends they are named and added to the
 * list of named stacks.
 */
#include "machine/profile/profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/hart_view.h"
#include "machine/internal.h"
#include "machine/output.h"
#include "machine/profile/internal.h"
#include "machine/symbols/symbols.h"
#include "util/check.h"
#include "util/log.h"
#include "util/thread.h"

#define TABLE_SIZE 65536u /* different stacks of a boot; a power of two */
#define TEXT_MAX   8192u

struct entry {
    uint64_t *frames; /* NULL: free */
    uint64_t count;
    uint32_t hash;
    uint8_t depth, privilege;
};

struct profile {
    struct hart_sampler sampler; /* must be first */
    struct machine *machine;
    const struct profile_config *config;
    struct output outputs[2]; /* for the stacks, and for the picture */
    char picture[4096];       /* the picture's name */
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;

    pthread_mutex_t lock;
    struct entry *table;
    unsigned used;
    uint64_t idle, lost; /* samples of sleeping harts; samples whose stack found no place */

    struct symbols files; /* of ELF files */
    struct profile_stack *stacks;
    size_t stack_count, stack_capacity;
};

/* ---- Samples ------------------------------------------------------------------------------------------- */

static uint32_t hash_of(const uint64_t *frames, unsigned depth, unsigned privilege)
{
    uint64_t hash = privilege + 1;
    for (unsigned i = 0; i < depth; i++)
        hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

/* Finds the entry for a stack, and makes it if need be; NULL: there is no room. [lock] */
static struct entry *find_entry(struct profile *self, const uint64_t *frames, unsigned depth,
                                unsigned privilege)
{
    CHECK_HELD(&self->lock);
    uint32_t hash = hash_of(frames, depth, privilege);
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        struct entry *entry = &self->table[(hash + i) & (TABLE_SIZE - 1)];
        if (!entry->frames) {
            if (self->used >= TABLE_SIZE / 4 * 3)
                return NULL;
            entry->frames = malloc(depth * sizeof(*frames));
            if (!entry->frames)
                return NULL;
            memcpy(entry->frames, frames, depth * sizeof(*frames));
            entry->hash = hash;
            entry->depth = (uint8_t)depth;
            entry->privilege = (uint8_t)privilege;
            self->used++;
            return entry;
        }
        if (entry->hash == hash && entry->depth == depth && entry->privilege == privilege &&
            memcmp(entry->frames, frames, depth * sizeof(*frames)) == 0)
            return entry;
    }
    return NULL;
}

/* Called on the hart's thread. */
static void on_sample(struct hart_sampler *sampler, struct hart *hart)
{
    struct profile *self = (struct profile *)sampler;
    uint64_t frames[PROFILE_DEPTH];
    unsigned depth = profile_unwind(hart, frames);
    pthread_mutex_lock(&self->lock);
    struct entry *entry = find_entry(self, frames, depth, hart_view_privilege(hart));
    if (entry)
        entry->count++;
    else
        self->lost++;
    pthread_mutex_unlock(&self->lock);
}

static void ask_harts(struct profile *self)
{
    for (unsigned i = 0; i < self->machine->hart_count; i++) {
        struct hart *hart = self->machine->harts[i];
        if (!hart_view_waits(hart)) {
            hart_request(hart, HART_REQUEST_SAMPLE);
            continue;
        }
        pthread_mutex_lock(&self->lock);
        self->idle++;
        pthread_mutex_unlock(&self->lock);
    }
}

static void *sampling_thread(void *opaque)
{
    struct profile *self = opaque;
    unsigned hz = self->config->hz ? self->config->hz : PROFILE_HZ_DEFAULT;
    struct timespec pause = { .tv_nsec = 1000000000 / hz };
    if (hz == 1)
        pause = (struct timespec){ .tv_sec = 1 };
    while (!atomic_load(&self->stop)) {
        nanosleep(&pause, NULL);
        if (machine_state(self->machine) == MACHINE_RUNNING)
            ask_harts(self);
    }
    return NULL;
}

/* ---- Names --------------------------------------------------------------------------------------------- */

static const char *root_of(unsigned privilege)
{
    return privilege == 3 ? "firmware" : privilege == 1 ? "kernel" : "user";
}

/* M-mode code is firmware if something runs in a mode below it; otherwise it is a program on bare metal. */
static void append_frame(struct profile *self, struct symbols *kernel, const struct entry *entry,
                         uint64_t addr, char *text, size_t size)
{
    const struct symbol *symbol = symbols_find(&self->files, addr);
    size_t used = strlen(text);
    if (!symbol && entry->privilege == 1)
        symbol = symbols_find(kernel, addr);
    if (symbol)
        snprintf(text + used, size - used, ";%s", symbol->name);
    else if (entry->privilege == 1)
        snprintf(text + used, size - used, ";0x%" PRIx64, addr);
    /* Neighbouring frames without a name are one box. */
    else if (used < 5 || strcmp(text + used - 2, ";?") != 0)
        snprintf(text + used, size - used, ";?");
    /* ';' and blanks have a meaning in the file, so they are replaced. */
    for (char *at = text + used + 1; used < strlen(text) && *at; at++)
        *at = *at == ';' ? ':' : *at == ' ' ? '_' : *at;
}

static bool add_stack(struct profile *self, const char *text, uint64_t count)
{
    if (self->stack_count == self->stack_capacity) {
        size_t capacity = self->stack_capacity ? 2 * self->stack_capacity : 256;
        struct profile_stack *grown = realloc(self->stacks, capacity * sizeof(*grown));
        if (!grown)
            return false;
        self->stacks = grown;
        self->stack_capacity = capacity;
    }
    char *copy = strdup(text);
    if (!copy)
        return false;
    self->stacks[self->stack_count++] = (struct profile_stack){ copy, count };
    return true;
}

void profile_boot_ended(struct profile *self)
{
    struct symbols kernel = { 0 };
    char text[TEXT_MAX];
    if (!self)
        return;
    symbols_add_linux(&kernel, self->machine);
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        struct entry *entry = &self->table[i];
        if (!entry->frames)
            continue;
        snprintf(text, sizeof(text), "%s", root_of(entry->privilege));
        for (unsigned frame = entry->depth; frame-- > 0;)
            append_frame(self, &kernel, entry, entry->frames[frame], text, sizeof(text));
        if (!add_stack(self, text, entry->count))
            self->lost += entry->count;
        free(entry->frames);
        *entry = (struct entry){ 0 };
    }
    self->used = 0;
    pthread_mutex_unlock(&self->lock);
    symbols_free(&kernel);
}

/* ---- Files --------------------------------------------------------------------------------------------- */

/* ';' sorts before all other characters, so that a stack comes right before those that continue it. */
static int compare(const void *left, const void *right)
{
    const unsigned char *a = (const unsigned char *)((const struct profile_stack *)left)->text;
    const unsigned char *b = (const unsigned char *)((const struct profile_stack *)right)->text;
    while (*a && *a == *b) {
        a++;
        b++;
    }
    int x = *a == ';' ? 1 : *a, y = *b == ';' ? 1 : *b;
    return x - y;
}

static uint64_t merge(struct profile *self)
{
    size_t kept = 0;
    uint64_t total = 0;
    if (self->idle)
        add_stack(self, "idle", self->idle);
    if (self->lost)
        add_stack(self, "lost", self->lost);
    if (self->stack_count)
        qsort(self->stacks, self->stack_count, sizeof(*self->stacks), compare);
    for (size_t i = 0; i < self->stack_count; i++) {
        struct profile_stack *at = &self->stacks[i];
        total += at->count;
        if (kept && strcmp(self->stacks[kept - 1].text, at->text) == 0) {
            self->stacks[kept - 1].count += at->count;
            free(at->text);
        } else {
            self->stacks[kept++] = *at;
        }
    }
    self->stack_count = kept;
    return total;
}

static bool write_file(struct profile *self, bool picture, uint64_t total, struct error *error)
{
    const struct output *output = &self->outputs[picture];
    FILE *out = output_start(output, error);
    if (!out)
        return false;
    if (picture)
        profile_write_svg(out, self->stacks, self->stack_count, total);
    for (size_t i = 0; !picture && i < self->stack_count; i++)
        fprintf(out, "%s %" PRIu64 "\n", self->stacks[i].text, self->stacks[i].count);
    return output_end(output, out, error);
}

static void stop_sampling(struct profile *self)
{
    atomic_store(&self->stop, true);
    if (self->has_thread)
        thread_join(&self->thread);
    self->has_thread = false;
}

bool profile_write(struct profile *self, struct error *error)
{
    if (!self)
        return true;
    stop_sampling(self);
    profile_boot_ended(self);
    uint64_t total = merge(self);
    return write_file(self, false, total, error) && write_file(self, true, total, error);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static bool add_file(struct profile *self, const char *path, struct error *error)
{
    return !path || strcmp(path, "none") == 0 || strcmp(path, "default") == 0 ||
           symbols_add_elf(&self->files, path, error);
}

static bool load_symbols(struct profile *self, struct error *error)
{
    const struct machine_config *config = &self->machine->config;
    bool ok = add_file(self, config->bios, error) && add_file(self, config->kernel, error);
    for (unsigned i = 0; ok && i < config->load_count; i++)
        ok = add_file(self, config->loads[i].file, error);
    for (unsigned i = 0; ok && i < self->config->symbol_count; i++)
        ok = add_file(self, self->config->symbols[i], error);
    return ok;
}

/* Checks that both files can be written, and are none of the files that are read. */
static bool check_files(struct profile *self, struct error *error)
{
    const struct machine_config *config = &self->machine->config;
    int length = snprintf(self->picture, sizeof(self->picture), "%s.svg", self->config->file);
    if (length < 0 || (size_t)length >= sizeof(self->picture))
        return error_set(error, "-profile: the file's name is too long");
    bool ok = output_open(&self->outputs[0], "-profile", self->config->file, error) &&
              output_open(&self->outputs[1], "-profile", self->picture, error);
    for (unsigned n = 0; ok && n < 2; n++) {
        ok = output_check(&self->outputs[n], config->bios, error) &&
             output_check(&self->outputs[n], config->kernel, error);
        for (unsigned i = 0; ok && i < config->load_count; i++)
            ok = output_check(&self->outputs[n], config->loads[i].file, error);
        for (unsigned i = 0; ok && i < self->config->symbol_count; i++)
            ok = output_check(&self->outputs[n], self->config->symbols[i], error);
    }
    return ok;
}

static void profile_free(struct profile *self)
{
    for (unsigned n = 0; n < 2; n++)
        output_close(&self->outputs[n]);
    for (size_t i = 0; i < self->stack_count; i++)
        free(self->stacks[i].text);
    free(self->stacks);
    symbols_free(&self->files);
    pthread_mutex_destroy(&self->lock);
    free(self->table);
    free(self);
}

struct profile *profile_create(struct machine *machine, struct error *error)
{
    struct profile *self = calloc(1, sizeof(*self));
    struct entry *table = calloc(TABLE_SIZE, sizeof(*table));
    if (!self || !table) {
        free(self);
        free(table);
        error_set(error, "out of memory for the profile");
        return NULL;
    }
    self->table = table;
    self->machine = machine;
    self->config = &machine->config.profile;
    self->sampler.sample = on_sample;
    pthread_mutex_init(&self->lock, NULL);
    self->outputs[0].fd = self->outputs[1].fd = -1;
    bool ok = check_files(self, error) && load_symbols(self, error);
    for (unsigned i = 0; ok && i < machine->hart_count; i++)
        hart_set_sampler(machine->harts[i], &self->sampler);
    int status = ok ? thread_create(&self->thread, THREAD_HOST, "profile", sampling_thread, self) : 0;
    if (ok && !status) {
        self->has_thread = true;
        return self;
    }
    if (status)
        error_set(error, "cannot start a thread for the profile: %s", strerror(status));
    profile_free(self);
    return NULL;
}

void profile_destroy(struct profile *self)
{
    if (!self)
        return;
    stop_sampling(self);
    profile_boot_ended(self); /* names what was sampled since the files were written, or if they were not */
    profile_free(self);
}
