/* SPDX-License-Identifier: MIT
 *
 * A recording in a file, written while the machine runs: see timeline.h, and docs/recording.md for the
 * layout. It begins with the machine as it is before the first instruction that is recorded. Then come pieces
 * of the log, each complete up to a border between two stretches of the harts, so that what was written so
 * far is of use when the program is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/state/internal.h"
#include "machine/timeline/internal.h"
#include "util/host_time.h"
#include "util/log.h"

#define PIECE_BYTES (256u << 10) /* a piece is written when it is so long, */
#define PIECE_MS    1000         /* or its first record so old, */
#define IDLE_MS     200          /* or so old while the guest waits */
#define RECORD_MAX  64           /* bytes of a record without those of memory, and more than the ending has */

/* ---- The beginning ------------------------------------------------------------------------------------- */

static bool write_section(struct recording *recording, uint64_t place, const char *name, const void *bytes,
                          size_t length)
{
    size_t before = strlen(name) + 1;
    uint8_t *section = malloc(before + length);
    if (!section)
        return error_set(&recording->error, "out of memory");
    memcpy(section, name, before);
    memcpy(section + before, bytes, length);
    bool ok = container_write(&recording->writer, CONTAINER_STATE, place, section, before + length);
    free(section);
    return ok;
}

/* A bank without an image holds zeroes, and so does a replay's until it is told otherwise. The guest may have
 * written to it before the recording begins, if it is not at its first instruction. */
static bool is_blank(struct machine *machine, const uint8_t *code, uint64_t size)
{
    for (unsigned n = 0; n < MACHINE_PFLASH_BANKS_MAX; n++)
        if (machine->flash_code[n] == code && machine->config.pflash[n].present)
            return false;
    return machine_instructions(machine) == 0 || (code[0] == 0 && memcmp(code, code + 1, size - 1) == 0);
}

/* Flash, since harts execute what is in it. */
static bool write_code(struct machine *machine, struct recording *recording)
{
    struct bus_region region;
    for (unsigned n = 0; bus_region(machine->bus, n, &region); n++) {
        const uint8_t *code = bus_host_code(machine->bus, region.base, region.size);
        if (code && !is_blank(machine, code, region.size) &&
            !write_section(recording, region.base, "code", code, region.size))
            return false;
    }
    return true;
}

static bool write_harts(struct machine *machine, struct recording *recording)
{
    bool ok = true;
    for (unsigned i = 0; ok && i < machine->hart_count; i++) {
        struct state_writer fields;
        state_writer_init(&fields);
        hart_save(machine->harts[i], &fields);
        ok = !fields.failed && write_section(recording, i, "hart", fields.bytes, fields.length);
        state_writer_destroy(&fields);
    }
    return ok;
}

static bool write_turns(struct timeline *timeline)
{
    struct state_writer fields;
    state_writer_init(&fields);
    state_section(&fields, "turns", LOG_VERSION);
    state_put(&fields, "hart", timeline->hart);
    state_put(&fields, "waits", timeline->waits);
    bool ok = !fields.failed && write_section(timeline->recording, 0, "turns", fields.bytes, fields.length);
    state_writer_destroy(&fields);
    return ok;
}

static bool write_text(struct machine *machine, struct recording *recording)
{
    char *own = describe_machine(machine, false), *plugs = timeline_describe_plugs(&machine->config);
    char *text = NULL;
    bool ok = own && plugs && asprintf(&text, "%srecording %u\n%s", own, LOG_VERSION, plugs) > 0;
    ok = ok && container_write(&recording->writer, CONTAINER_TEXT, 0, text, strlen(text));
    free(text);
    free(plugs);
    free(own);
    return ok;
}

static bool write_beginning(struct timeline *timeline)
{
    struct machine *machine = timeline->machine;
    struct recording *recording = timeline->recording;
    struct machine_state_progress progress = { 0 };
    if (!container_write_begin(&recording->writer, recording->fd, NULL, &recording->error) ||
        !write_text(machine, recording))
        return false;
    container_write_quickly(&recording->writer, true);
    bool ok = memory_save(machine, &recording->writer, false, &progress);
    container_write_quickly(&recording->writer, false);
    return ok && write_code(machine, recording) && write_harts(machine, recording) && write_turns(timeline);
}

/* ---- The log ------------------------------------------------------------------------------------------- */

/* The guest goes on without. */
static void give_up(struct recording *recording)
{
    log_warn("-record %s: %s; what was recorded until instruction %" PRIu64 " can be replayed",
             recording->path, recording->error.text[0] ? recording->error.text : "out of memory",
             recording->piece_at);
    recording->over = true;
}

static void write_piece(struct recording *recording)
{
    size_t rest = recording->log.length - recording->safe;
    if (recording->over || !recording->safe)
        return;
    if (!container_write(&recording->writer, CONTAINER_LOG, recording->safe_at, recording->log.bytes,
                         recording->safe)) {
        give_up(recording);
        return;
    }
    memmove(recording->log.bytes, recording->log.bytes + recording->safe, rest);
    recording->log.length = rest;
    recording->safe = 0;
    recording->log.at = recording->piece_at = recording->safe_at;
    recording->written_ms = host_now_ms();
}

static void begin(struct timeline *timeline, uint64_t now)
{
    struct recording *recording = timeline->recording;
    recording->began = true;
    if (!write_beginning(timeline))
        give_up(recording);
    recording->log.at = recording->safe_at = recording->piece_at = now;
    recording->log.length = recording->safe = 0;
    recording->end = LOG_END_NONE;
    recording->written_ms = host_now_ms();
}

/* Ends it with what came before the last border. */
static void end(struct recording *recording)
{
    struct log_ending ending = { recording->end, recording->status };
    recording->log.length = recording->safe;
    log_put_ending(&recording->log, ending);
    recording->safe = recording->log.length;
    write_piece(recording);
    if (!recording->over && !container_write_end(&recording->writer))
        give_up(recording);
    recording->over = true;
}

/* Between two borders a guest can have devices write its whole memory again and again. */
bool recording_takes(struct timeline *timeline, uint64_t bytes)
{
    struct recording *recording = timeline->recording;
    if (!recording || recording->over || recording->end)
        return false;
    uint64_t wanted = recording->log.length + bytes + RECORD_MAX;
    if (bytes > CONTAINER_LOG_MAX || wanted > CONTAINER_LOG_MAX - RECORD_MAX)
        recording->end = LOG_END_LARGE;
    if (recording->end || wanted > PIECE_BYTES)
        hart_request(timeline->machine->harts[timeline->hart], HART_REQUEST_RETURN);
    return !recording->end;
}

void recording_border(struct timeline *timeline, bool idle)
{
    struct recording *recording = timeline->recording;
    uint64_t now = machine_instructions(timeline->machine);
    if (recording->over)
        return;
    if (!recording->began)
        begin(timeline, now);
    if (recording->log.failed && !recording->end)
        recording->end = LOG_END_FAILED;
    if (recording->end) {
        log_warn("-record %s: the recording ends at instruction %" PRIu64 ": %s", recording->path,
                 recording->safe_at, log_end_text(recording->end));
        end(recording);
        return;
    }
    recording->safe = recording->log.length;
    recording->safe_at = now;
    uint64_t age = host_now_ms() - recording->written_ms;
    if (recording->safe >= PIECE_BYTES || age >= (idle ? IDLE_MS : PIECE_MS))
        write_piece(recording);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

bool recording_create(struct timeline *timeline, const char *path, struct error *error)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    if (!recording)
        return error_set(error, "out of memory");
    recording->path = path;
    recording->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    timeline->recording = recording;
    return recording->fd >= 0 || error_set(error, "-record %s: cannot write it: %s", path, strerror(errno));
}

void timeline_ended(struct timeline *timeline, bool reset, bool quit, unsigned status)
{
    struct recording *recording = timeline ? timeline->recording : NULL;
    if (!recording || recording->over || !recording->began || recording->end)
        return;
    recording->end = reset ? LOG_END_RESET : quit ? LOG_END_QUIT : LOG_END_OFF;
    recording->status = status;
    recording->safe = recording->log.length;
    recording->safe_at = machine_instructions(timeline->machine);
    if (reset)
        log_warn("-record %s: the recording ends at instruction %" PRIu64 ": %s", recording->path,
                 recording->safe_at, log_end_text(recording->end));
    end(recording);
}

void recording_destroy(struct timeline *timeline)
{
    struct recording *recording = timeline->recording;
    if (!recording)
        return;
    if (recording->began) {
        if (!recording->over)
            end(recording);
        container_writer_destroy(&recording->writer);
    }
    if (recording->fd >= 0)
        close(recording->fd);
    free(recording->log.bytes);
    free(recording);
    timeline->recording = NULL;
}
