/* SPDX-License-Identifier: MIT
 *
 * Reads a recording: see record.c. The file is hostile input. What is cut off behind the beginning is still
 * of use, as far as it goes; what is damaged is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/state/internal.h"
#include "machine/timeline/internal.h"
#include "util/log.h"

/* An instant in a file is below this, so that sums do not overflow. */
#define INSTANT_MAX (UINT64_MAX >> 2)
/* Bytes of the log in memory, unless -record memory= says more. */
#define LOG_MAX_DEFAULT (UINT64_C(512) << 20)

/* ---- The log ------------------------------------------------------------------------------------------- */

static bool keep_event(struct timeline *timeline, struct event event)
{
    uint8_t *bytes = NULL;
    if (event.kind == EVENT_MEMORY && !(bytes = malloc(event.length)))
        return false;
    if (bytes)
        memcpy(bytes, event.bytes, event.length);
    event.bytes = bytes;
    if (timeline_add_event(timeline, &event))
        return true;
    free(bytes);
    return false;
}

static bool keep(struct timeline *timeline, enum log_kind kind, const struct log_reader *log)
{
    if (kind == LOG_VALUE)
        return timeline_add_value(timeline, log->value);
    if (kind == LOG_EVENT)
        return keep_event(timeline, log->event);
    timeline->ending = log->ending;
    return true;
}

bool timeline_load_log(struct timeline *timeline, const uint8_t *bytes, size_t length, uint64_t end,
                       struct error *error)
{
    struct log_reader log = { .bytes = bytes,
                              .stop = bytes + length,
                              .at = timeline->present,
                              .end = end,
                              .harts = timeline->machine->hart_count };
    if (end < timeline->present || end > INSTANT_MAX)
        return error_set(error, "its log goes backwards");
    while (log.bytes < log.stop) {
        enum log_kind kind = timeline->ending.end ? LOG_DAMAGED : log_read(&log);
        if (kind == LOG_DAMAGED)
            return error_set(error, "its log is damaged after instruction %" PRIu64, log.at);
        if (!keep(timeline, kind, &log))
            return error_set(error, "out of memory");
        if (timeline->memory > timeline->log_max)
            return error_set(error,
                             "its log takes more than %" PRIu64
                             " MiB in memory: start with a larger -record memory=SIZE",
                             timeline->log_max >> 20);
    }
    timeline->present = end;
    return true;
}

/* ---- The beginning ------------------------------------------------------------------------------------- */

struct loading {
    struct timeline *timeline;
    struct container_reader reader;
    struct machine_state_progress progress;
    struct memory_loader memory;
    unsigned harts; /* how many are loaded */
    bool complete;  /* all of the beginning is */
    struct error *error;
};

/* Is the section of that name? Then what follows the name is at *bytes. */
static bool is_named(const struct loading *loading, const char *name, const uint8_t **bytes, size_t *length)
{
    const struct container_reader *reader = &loading->reader;
    size_t before = strlen(name) + 1;
    if (reader->length < before || memcmp(reader->bytes, name, before) != 0)
        return false;
    *bytes = reader->bytes + before;
    *length = reader->length - before;
    return true;
}

static bool load_code(struct loading *loading, const uint8_t *bytes, size_t length)
{
    struct machine *machine = loading->timeline->machine;
    const uint8_t *code = bus_host_code(machine->bus, loading->reader.place, length);
    for (unsigned n = 0; code && n < MACHINE_PFLASH_BANKS_MAX; n++) {
        if (machine->flash_code[n] != code)
            continue;
        memcpy(machine->flash_code[n], bytes, length);
        return true;
    }
    return error_set(loading->error, "it has flash where this machine has none");
}

static bool load_hart(struct loading *loading, const uint8_t *bytes, size_t length)
{
    struct machine *machine = loading->timeline->machine;
    struct state_reader fields;
    if (loading->harts >= machine->hart_count || loading->reader.place != loading->harts)
        return error_set(loading->error, "it has other harts than this machine");
    state_reader_init(&fields, bytes, length, loading->error);
    return hart_load(machine->harts[loading->harts++], &fields);
}

static bool load_turns(struct loading *loading, const uint8_t *bytes, size_t length)
{
    struct timeline *timeline = loading->timeline;
    struct machine *machine = timeline->machine;
    struct state_reader fields;
    if (loading->harts != machine->hart_count)
        return error_set(loading->error, "some of its harts are missing");
    state_reader_init(&fields, bytes, length, loading->error);
    if (!state_open(&fields, "turns", LOG_VERSION))
        return false;
    timeline->hart = (unsigned)state_get(&fields, "hart", machine->hart_count - 1);
    timeline->waits = state_get(&fields, "waits", UINT64_MAX >> (64 - machine->hart_count));
    if (fields.failed)
        return false;
    for (unsigned i = 0; i < machine->hart_count; i++)
        if (hart_instructions(machine->harts[i]) > INSTANT_MAX / MACHINE_HARTS_MAX)
            return error_set(loading->error, "it begins too late");
    timeline->present = machine_instructions(machine);
    loading->complete = true;
    return true;
}

static bool load_state(struct loading *loading)
{
    const uint8_t *bytes;
    size_t length;
    if (!loading->harts)
        memory_load_end(&loading->memory);
    if (is_named(loading, "code", &bytes, &length) && !loading->harts)
        return load_code(loading, bytes, length);
    if (is_named(loading, "hart", &bytes, &length))
        return load_hart(loading, bytes, length);
    return is_named(loading, "turns", &bytes, &length)
               ? load_turns(loading, bytes, length)
               : error_set(loading->error, "section %" PRIu64 " is not known", loading->reader.sections);
}

static bool load_section(struct loading *loading)
{
    const struct container_reader *reader = &loading->reader;
    if (reader->kind == CONTAINER_MEMORY && !loading->harts)
        return memory_load(&loading->memory, reader, loading->error);
    if (reader->kind == CONTAINER_STATE && !loading->complete)
        return load_state(loading);
    if (reader->kind == CONTAINER_LOG && loading->complete)
        return timeline_load_log(loading->timeline, reader->bytes, reader->length, reader->place,
                                 loading->error);
    return error_set(loading->error, "section %" PRIu64 " is not expected there", reader->sections);
}

static bool load_sections(struct loading *loading)
{
    while (container_read(&loading->reader)) {
        if (loading->reader.kind == CONTAINER_END)
            return loading->complete || error_set(loading->error, "it has no beginning");
        if (!load_section(loading))
            return false;
    }
    return loading->reader.cut && loading->complete;
}

static bool load_text(struct loading *loading, const char *plugs)
{
    struct container_reader *reader = &loading->reader;
    if (!container_read(reader))
        return false;
    if (reader->kind != CONTAINER_TEXT)
        return error_set(loading->error, "it does not begin with its description");
    return describe_compare_recording(loading->timeline->machine, (const char *)reader->bytes, reader->length,
                                      LOG_VERSION, plugs, loading->error);
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

/* Memory was filled without the bus, so no hart knows of it. */
static void begin(struct timeline *timeline)
{
    struct machine *machine = timeline->machine;
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_request(machine->harts[i], HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH);
        if (timeline->waits >> i & 1)
            hart_wait(machine->harts[i]);
    }
    timeline->memory = 0; /* of checkpoints, from now on */
    timeline->memory_max = timeline->log_max;
    sketch_moved(timeline);
    if (timeline->keeps)
        timeline_checkpoint(timeline);
}

static bool load(struct timeline *timeline, int fd, const char *plugs, struct error *error)
{
    struct loading loading = { .timeline = timeline, .error = error };
    loading.memory = (struct memory_loader){ .machine = timeline->machine, .progress = &loading.progress };
    timeline->log_max = timeline->memory_max ? timeline->memory_max : LOG_MAX_DEFAULT;
    timeline->memory_max = UINT64_MAX;
    error->text[0] = 0;
    bool ok = container_read_begin(&loading.reader, fd, NULL, error) && load_text(&loading, plugs) &&
              load_sections(&loading);
    container_reader_destroy(&loading.reader);
    if (!ok && !error->text[0])
        error_set(error, "it is damaged");
    return ok;
}

bool timeline_load(struct timeline *timeline, int fd, const char *plugs, struct error *error)
{
    if (!load(timeline, fd, plugs, error))
        return false;
    begin(timeline);
    return true;
}

bool timeline_begin_replay(struct machine *machine, struct error *error)
{
    const char *path = machine->config.replay_file;
    struct error why;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, "-replay %s: %s", path, strerror(errno));
    machine->timeline->path = path;
    bool ok = timeline_load(machine->timeline, fd, machine->config.replay_plugs, &why);
    close(fd);
    return ok || error_set(error, "-replay %.200s: %.300s", path, why.text);
}
