/* SPDX-License-Identifier: MIT
 *
 * Saving and loading a machine; see state.h. The file has, in this order: the description, the clock, the
 * memory, the harts, the devices in the order of the device tree. Loading expects exactly these parts: the
 * clock comes before what arms timers, the interrupt controller before the lines that lead to it. If the
 * machine runs meanwhile, the pages that each round sends (rounds.c) follow the description; when the machine
 * stands still, the description comes again, then the last round's pages, the clock, and the rest without
 * memory.
 */
#include "machine/state/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ram.h"
#include "machine/state/internal.h"
#include "util/log.h"

#define NAME_MAX_PART 64

#define ROUNDS_MIN  2  /* the first one takes all */
#define ROUNDS_WARN 30 /* after so many, the user is told that there is no end in sight */

/* ---- The parts that are neither memory nor description ------------------------------------------------- */

/* 1 had no turns of harts in virtual time */
#define CLOCK_VERSION 2

static void save_clock(struct machine *machine, struct state_writer *writer)
{
    state_section(writer, "clock", CLOCK_VERSION);
    state_put(writer, "ns", clock_ns(machine->clock));
    state_put(writer, "wall_ns", clock_wall_ns(machine->clock));
    state_put(writer, "turn", machine->turns.hart);
    state_put(writer, "turn_end", machine->turns.end);
}

static bool load_clock(struct machine *machine, struct state_reader *reader)
{
    unsigned version = state_open(reader, "clock", CLOCK_VERSION);
    if (!version)
        return false;
    /* Three hundred years: beyond that, sums of times would overflow. */
    uint64_t ns = state_get(reader, "ns", INT64_MAX), wall_ns = state_get(reader, "wall_ns", INT64_MAX);
    if (!reader->failed)
        clock_set(machine->clock, ns, wall_ns);
    if (version >= 2) {
        machine->turns.hart = (unsigned)state_get(reader, "turn", machine->hart_count - 1);
        machine->turns.end = state_get(reader, "turn_end", UINT64_MAX);
    }
    return !reader->failed;
}

unsigned machine_part_count(const struct machine *machine)
{
    return 1 + machine->hart_count + machine->device_count;
}

static void part_name(const struct machine *machine, unsigned part, char name[NAME_MAX_PART])
{
    unsigned device = part - 1 - machine->hart_count;
    if (part == 0)
        snprintf(name, NAME_MAX_PART, "clock");
    else if (part <= machine->hart_count)
        snprintf(name, NAME_MAX_PART, "hart@%u", part - 1);
    else
        snprintf(name, NAME_MAX_PART, "%s@%" PRIx64, machine->devices[device].device->ops->name,
                 machine->devices[device].place.base);
}

void machine_part_save(struct machine *machine, unsigned part, struct state_writer *writer)
{
    if (part == 0) {
        save_clock(machine, writer);
    } else if (part <= machine->hart_count) {
        hart_save(machine->harts[part - 1], writer);
    } else {
        struct device *device = machine->devices[part - 1 - machine->hart_count].device;
        device->ops->save(device, writer);
    }
}

bool machine_part_load(struct machine *machine, unsigned part, struct state_reader *reader)
{
    if (part == 0)
        return load_clock(machine, reader);
    if (part <= machine->hart_count)
        return hart_load(machine->harts[part - 1], reader);
    struct device *device = machine->devices[part - 1 - machine->hart_count].device;
    return device->ops->load(device, reader);
}

/* ---- Saving -------------------------------------------------------------------------------------------- */

/* A section is the part's name, a 0, and its fields. */
static bool write_part(struct machine *machine, struct container_writer *writer, unsigned part)
{
    char name[NAME_MAX_PART];
    struct state_writer fields;
    part_name(machine, part, name);
    size_t length = strlen(name) + 1;
    state_writer_init(&fields);
    machine_part_save(machine, part, &fields);
    uint8_t *bytes = fields.failed ? NULL : malloc(length + fields.length);
    if (bytes) {
        memcpy(bytes, name, length);
        if (fields.length)
            memcpy(bytes + length, fields.bytes, fields.length);
    }
    bool ok = bytes ? container_write(writer, CONTAINER_STATE, part, bytes, length + fields.length)
                    : error_set(writer->error, "saving the machine: %s: out of memory", name);
    free(bytes);
    state_writer_destroy(&fields);
    return ok;
}

static bool write_parts(struct machine *machine, struct container_writer *writer, unsigned first,
                        unsigned end)
{
    bool ok = true;
    for (unsigned part = first; ok && part < end; part++)
        ok = write_part(machine, writer, part);
    return ok;
}

static bool write_text(struct machine *machine, struct container_writer *writer, bool running, bool beside)
{
    char *own = describe_machine(machine, running), *text = NULL;
    if (own && asprintf(&text, "%s%s", own, beside ? DESCRIBE_BESIDE : "") < 0)
        text = NULL;
    free(own);
    bool ok = text ? container_write(writer, CONTAINER_TEXT, 0, text, strlen(text))
                   : error_set(writer->error, "saving the machine: out of memory");
    free(text);
    return ok;
}

/* What the guest has written must be in the images, since the file does not have it. */
static bool flush_disks(struct machine *machine, struct error *error)
{
    for (unsigned n = 0; n < machine->blockdev_count; n++) {
        const struct blockdev_config *config = machine->disk_configs[n];
        if (config && config->snapshot)
            return error_set(error,
                             "saving the machine: what the guest writes to %s is discarded at the end "
                             "(-snapshot), so it could not go on with it: start without",
                             config->path ? config->path : "a disk");
        int rc = machine->blockdevs[n]->read_only ? 0 : blockdev_flush(machine->blockdevs[n]);
        if (rc)
            return error_set(error, "saving the machine: %s cannot be flushed: %s",
                             config && config->path ? config->path : "a disk", strerror(-rc));
    }
    return true;
}

static uint64_t memory_size(struct machine *machine, bool beside)
{
    return (beside ? 0 : machine->config.ram_size) + machine->config.board->rom.size;
}

static bool save(struct machine *machine, int fd, const struct machine_state_stream *stream, bool running,
                 bool beside, struct machine_state_progress *progress, struct error *error)
{
    struct container_writer writer;
    atomic_store(&progress->memory, memory_size(machine, beside));
    if (!flush_disks(machine, error))
        return false;
    bool ok = container_write_begin(&writer, fd, stream, error);
    writer.written = &progress->written;
    writer.cancel = &progress->cancel;
    ok = ok && write_text(machine, &writer, running, beside) && write_parts(machine, &writer, 0, 1) &&
         memory_save(machine, &writer, beside, progress) &&
         write_parts(machine, &writer, 1, machine_part_count(machine)) && container_write_end(&writer);
    container_writer_destroy(&writer);
    return ok;
}

bool machine_save(struct machine *machine, int fd, bool running, struct machine_state_progress *progress,
                  struct error *error)
{
    return save(machine, fd, NULL, running, false, progress, error);
}

bool machine_save_to(struct machine *machine, const struct machine_state_stream *stream, bool running,
                     struct machine_state_progress *progress, struct error *error)
{
    return save(machine, -1, stream, running, false, progress, error);
}

bool machine_save_beside(struct machine *machine, int fd, bool running,
                         struct machine_state_progress *progress, struct error *error)
{
    if (!ram_is_file(&machine->config, true))
        return error_set(error,
                         "x-ignore-shared: the guest's memory is no file that it writes to: start with "
                         "-object memory-backend-file and share=on");
    return save(machine, fd, NULL, running, true, progress, error);
}

/* Rounds until so little is left that the next may be the last. Half of the time that the machine may stand
 * still is for the rest. While harts run, a round may wait long for a processor; without them it takes what
 * it computes, and what its bytes need to get through, by what those of the first round needed. */
static bool write_rounds(struct memory_rounds *rounds, struct container_writer *writer,
                         struct machine_live *live, struct machine_state_progress *progress)
{
    double ms = 0, ms_per_byte = 0;
    for (unsigned n = 0; n < ROUNDS_MIN || ms > (double)atomic_load(&live->downtime_ms) / 2; n++) {
        struct memory_pace pace;
        uint64_t before = atomic_load(&progress->written);
        if (n == ROUNDS_WARN)
            log_warn("migrate: the guest writes memory so fast that the %u rounds so far were not the last: "
                     "pause it, "
                     "or let it stand still for longer (migrate_set_parameter downtime-limit MILLISECONDS)",
                     n);
        live->begin_round(live->opaque);
        if (!memory_round(rounds, writer, progress, atomic_load(&live->bandwidth), &pace))
            return false;
        double bytes = (double)(atomic_load(&progress->written) - before);
        if (n == 0)
            ms_per_byte = (double)pace.busy_ms / (bytes + 1);
        ms = (double)pace.cpu_ms + bytes * ms_per_byte;
    }
    return true;
}

static bool write_live(struct machine *machine, struct container_writer *writer, struct machine_live *live,
                       struct machine_state_progress *progress)
{
    struct error *error = writer->error;
    struct memory_pace pace;
    bool running = true;
    struct memory_rounds *rounds = memory_rounds_create(machine, error);
    bool ok = rounds && write_text(machine, writer, running, false) &&
              write_rounds(rounds, writer, live, progress) && live->freeze(live->opaque, &running, error) &&
              flush_disks(machine, error);
    live->begin_round(live->opaque);
    ok = ok && write_text(machine, writer, running, false) &&
         memory_round(rounds, writer, progress, 0, &pace) &&
         write_parts(machine, writer, 0, machine_part_count(machine)) && container_write_end(writer);
    memory_rounds_destroy(rounds);
    return ok;
}

bool machine_save_live(struct machine *machine, int fd, struct machine_live *live,
                       struct machine_state_progress *progress, struct error *error)
{
    struct container_writer writer;
    atomic_store(&progress->memory, memory_size(machine, false));
    if (!flush_disks(machine, error))
        return false;
    bool ok = container_write_begin(&writer, fd, NULL, error);
    container_write_quickly(&writer, true);
    writer.written = &progress->written;
    writer.cancel = &progress->cancel;
    ok = ok && write_live(machine, &writer, live, progress);
    container_writer_destroy(&writer);
    return ok;
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

static bool read_part(struct machine *machine, struct container_reader *reader, unsigned part,
                      struct error *error)
{
    char name[NAME_MAX_PART];
    struct state_reader fields;
    if (part >= machine_part_count(machine))
        return error_set(error, "the saved machine: there is more than this machine has");
    part_name(machine, part, name);
    size_t length = strlen(name) + 1;
    if (reader->place != part || reader->length < length || memcmp(reader->bytes, name, length) != 0)
        return error_set(error, "the saved machine: section %llu should be %s, and is not",
                         (unsigned long long)reader->sections, name);
    state_reader_init(&fields, reader->bytes + length, reader->length - length, error);
    if (machine_part_load(machine, part, &fields))
        return true;
    if (!error->text[0])
        error_set(error, "the saved machine: %s cannot be loaded", name);
    return false;
}

/* Reads the sections behind the description. Memory comes behind the clock, or in rounds before it. */
static bool read_sections(struct machine *machine, struct container_reader *reader,
                          struct memory_loader *memory, bool *running, struct error *error)
{
    unsigned part = 0;
    bool rounds = false;
    while (container_read(reader)) {
        if (reader->kind == CONTAINER_MEMORY && part == 1 && !rounds) {
            if (!memory_load(memory, reader, error))
                return false;
        } else if (reader->kind == CONTAINER_PAGES && part == 0) {
            if (!rounds)
                memory_load_end(memory); /* it begins with zeroes */
            rounds = true;
            if (!memory_load_pages(machine, reader, error))
                return false;
        } else if (reader->kind == CONTAINER_TEXT && part == 0) {
            if (!describe_compare(machine, (const char *)reader->bytes, reader->length, running, error))
                return false;
        } else if (reader->kind == CONTAINER_STATE) {
            if (part == 1 && !rounds)
                memory_load_end(memory);
            if (!read_part(machine, reader, part++, error))
                return false;
        } else if (reader->kind == CONTAINER_END && part == machine_part_count(machine)) {
            return true;
        } else {
            return error_set(error, "the saved machine: section %llu is not expected there",
                             (unsigned long long)reader->sections);
        }
    }
    return false;
}

/* Memory was filled without the bus, so no hart knows of it. */
static void forget_code(struct machine *machine)
{
    if (machine->dbt)
        dbt_reset(machine->dbt);
    for (unsigned i = 0; i < machine->hart_count; i++)
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH);
}

/* Reads what comes before the parts. container_reader_destroy() follows in any case. */
static bool read_front(struct machine *machine, struct container_reader *reader, int fd,
                       const struct machine_state_stream *stream, const atomic_bool *cancel, bool *running,
                       struct error *error)
{
    error->text[0] = 0;
    bool ok = container_read_begin(reader, fd, stream, error);
    reader->cancel = cancel;
    ok = ok && container_read(reader);
    if (ok && reader->kind != CONTAINER_TEXT)
        ok = error_set(error, "the saved machine: it does not begin with its description");
    return ok && describe_compare(machine, (const char *)reader->bytes, reader->length, running, error);
}

static bool load(struct machine *machine, int fd, const struct machine_state_stream *stream,
                 struct machine_state_progress *progress, bool *running, struct error *error)
{
    struct container_reader reader;
    struct memory_loader memory = { .machine = machine, .progress = progress };
    bool ok = read_front(machine, &reader, fd, stream, &progress->cancel, running, error) &&
              describe_beside(machine, (const char *)reader.bytes, reader.length, &memory.beside, error);
    atomic_store(&progress->memory, memory_size(machine, memory.beside));
    if (ok)
        memory_load_begin(machine);
    ok = ok && read_sections(machine, &reader, &memory, running, error);
    forget_code(machine);
    container_reader_destroy(&reader);
    return ok;
}

bool machine_load(struct machine *machine, int fd, struct machine_state_progress *progress, bool *running,
                  struct error *error)
{
    return load(machine, fd, NULL, progress, running, error);
}

bool machine_load_from(struct machine *machine, const struct machine_state_stream *stream,
                       struct machine_state_progress *progress, bool *running, struct error *error)
{
    return load(machine, -1, stream, progress, running, error);
}

bool machine_load_fits(struct machine *machine, const struct machine_state_stream *stream,
                       struct error *error)
{
    struct container_reader reader;
    bool running;
    bool ok = read_front(machine, &reader, -1, stream, NULL, &running, error);
    container_reader_destroy(&reader);
    return ok;
}
