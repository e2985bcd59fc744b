/* SPDX-License-Identifier: MIT
 *
 * Saved state of the controller. No command is under way while it is saved or loaded, except commands that
 * rest because the machine is stopped (werror=stop): these are saved, and tried again after loading. A file
 * may be hostile, so all that commands rely on is checked: a queue's size and places, and which completion
 * queue a submission queue has.
 */
#include "devices/nvme/internal.h"

#include <stdio.h>
#include <string.h>

#include "util/check.h"

#define STATE_VERSION 1u

/* ---- Saving -------------------------------------------------------------------------------------------- */

static void save_queues(const struct nvme *nvme, struct state_writer *writer)
{
    char name[24];
    for (unsigned n = 0; n < NVME_QUEUES; n++) {
        const struct nvme_sq *sq = &nvme->sqs[n];
        const struct nvme_cq *cq = &nvme->cqs[n];
        const uint64_t fields[] = { sq->exists, sq->size,       sq->head,   sq->tail, sq->cq,
                                    sq->base,   cq->exists,     cq->size,   cq->head, cq->tail,
                                    cq->phase,  cq->interrupts, cq->vector, cq->base };
        if (!sq->exists && !cq->exists)
            continue;
        snprintf(name, sizeof(name), "queue%u", n);
        state_put_bytes(writer, name, fields, sizeof(fields));
    }
}

/* A bit for each pair of queues of which one exists. */
static void save_queue_list(const struct nvme *nvme, struct state_writer *writer)
{
    uint64_t list[NVME_QUEUES / 64] = { 0 };
    for (unsigned n = 0; n < NVME_QUEUES; n++)
        if (nvme->sqs[n].exists || nvme->cqs[n].exists)
            list[n / 64] |= 1ull << n % 64;
    state_put_bytes(writer, "queues", list, sizeof(list));
}

static void put_retry(struct state_writer *writer, unsigned n, unsigned sq,
                      const struct nvme_command *command)
{
    char name[24];
    snprintf(name, sizeof(name), "retry%u.queue", n);
    state_put(writer, name, sq);
    snprintf(name, sizeof(name), "retry%u.command", n);
    state_put_bytes(writer, name, command, sizeof(*command));
}

static void save_retries(const struct nvme *nvme, struct state_writer *writer)
{
    unsigned count = 0;
    for (unsigned n = 0; n < nvme->retry_count && count < NVME_THREADS; n++)
        put_retry(writer, count++, nvme->retries[n].sq, &nvme->retries[n].command);
    for (unsigned n = 0; n < NVME_THREADS && count < NVME_THREADS; n++) {
        const struct nvme_request *request = &nvme->requests[n];
        if (request->rests && nvme_is_wanted(nvme, request))
            put_retry(writer, count++, request->sq, &request->command);
    }
    state_put(writer, "retries", count);
}

static void save_rest(const struct nvme *nvme, struct state_writer *writer)
{
    uint64_t counters[] = { nvme->counters.sectors_read, nvme->counters.sectors_written, nvme->counters.reads,
                            nvme->counters.writes, nvme->counters.media_errors };
    state_put_bytes(writer, "features", nvme->features, sizeof(nvme->features));
    state_put(writer, "under_temperature", nvme->under_temperature);
    state_put_bytes(writer, "events", nvme->events, sizeof(nvme->events));
    state_put(writer, "event_count", nvme->event_count);
    state_put(writer, "event_pending", nvme->event_pending);
    state_put(writer, "event_masked", nvme->event_masked);
    state_put(writer, "event_info", nvme->event_info);
    state_put_bytes(writer, "counters", counters, sizeof(counters));
    state_put(writer, "error_count", nvme->error_count);
    for (unsigned n = 0; n < NVME_ERRORS; n++) {
        const struct nvme_error_entry *entry = &nvme->errors[n];
        const uint64_t fields[] = { entry->count,   entry->lba,    entry->sq,
                                    entry->command, entry->status, entry->namespace };
        char name[24];
        snprintf(name, sizeof(name), "error%u", n);
        state_put_bytes(writer, name, fields, sizeof(fields));
    }
}

void nvme_save(struct pci_function *function, struct state_writer *writer)
{
    struct nvme *nvme = (struct nvme *)function;
    pthread_mutex_lock(&nvme->lock);
    nvme_pause(nvme);
    state_section(writer, "nvme", STATE_VERSION);
    state_put(writer, "size", nvme->config.blockdev->size);
    state_put(writer, "cc", nvme->cc);
    state_put(writer, "csts", nvme->csts);
    state_put(writer, "aqa", nvme->aqa);
    state_put(writer, "asq", nvme->asq);
    state_put(writer, "acq", nvme->acq);
    state_put(writer, "masked", nvme->masked);
    state_put(writer, "page_bits", nvme->page_bits);
    state_put(writer, "flush_wanted", nvme->flush_wanted);
    save_queue_list(nvme, writer);
    save_queues(nvme, writer);
    save_retries(nvme, writer);
    save_rest(nvme, writer);
    nvme_resume(nvme);
    pthread_mutex_unlock(&nvme->lock);
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

static bool bad(struct state_reader *reader, const char *what, unsigned number)
{
    if (reader->failed)
        return false;
    reader->failed = true;
    return error_set(reader->error, "saved state: nvme: %s %u is impossible", what, number);
}

/* Is the place of a queue possible? */
static bool is_queue(const struct nvme *nvme, unsigned number, const uint64_t fields[4])
{
    uint64_t most = number ? nvme->config.entries : NVME_ENTRIES_MAX;
    return fields[0] <= 1 && (!fields[0] || (fields[1] >= 2 && fields[1] <= most && fields[2] < fields[1] &&
                                             fields[3] < fields[1]));
}

static bool load_queue(struct nvme *nvme, struct state_reader *reader, unsigned number)
{
    char name[24];
    uint64_t fields[14];
    struct nvme_sq *sq = &nvme->sqs[number];
    struct nvme_cq *cq = &nvme->cqs[number];
    snprintf(name, sizeof(name), "queue%u", number);
    state_get_bytes(reader, name, fields, sizeof(fields));
    if (reader->failed || number > nvme->config.io_queues || !is_queue(nvme, number, fields) ||
        !is_queue(nvme, number, fields + 6) || fields[4] >= NVME_QUEUES || fields[12] >= nvme->config.vectors)
        return bad(reader, "queue", number);
    if (fields[0]) {
        unsigned epoch = sq->epoch;
        *sq = (struct nvme_sq){ .exists = true,
                                .size = (unsigned)fields[1],
                                .head = (unsigned)fields[2],
                                .tail = (unsigned)fields[3],
                                .cq = (unsigned)fields[4],
                                .base = fields[5],
                                .epoch = epoch };
    }
    if (fields[6])
        *cq = (struct nvme_cq){ .exists = true,
                                .size = (unsigned)fields[7],
                                .head = (unsigned)fields[8],
                                .tail = (unsigned)fields[9],
                                .phase = fields[10] & 1,
                                .interrupts = fields[11] & 1,
                                .vector = (unsigned)fields[12],
                                .base = fields[13] };
    return true;
}

static bool load_queues(struct nvme *nvme, struct state_reader *reader)
{
    uint64_t list[NVME_QUEUES / 64];
    state_get_bytes(reader, "queues", list, sizeof(list));
    for (unsigned n = 0; n < NVME_QUEUES && !reader->failed; n++)
        if (list[n / 64] >> n % 64 & 1)
            load_queue(nvme, reader, n);
    for (unsigned n = 0; n < NVME_QUEUES && !reader->failed; n++) {
        struct nvme_sq *sq = &nvme->sqs[n];
        if (sq->exists && (!nvme->cqs[sq->cq].exists || (n == 0) != (sq->cq == 0)))
            bad(reader, "the completion queue of queue", n);
        if (sq->exists && sq->head != sq->tail)
            nvme->ready[n / 64] |= 1ull << n % 64;
        nvme_cq_update(nvme, &nvme->cqs[n]);
    }
    return !reader->failed;
}

static void load_retries(struct nvme *nvme, struct state_reader *reader)
{
    char name[24];
    unsigned count = (unsigned)state_get(reader, "retries", NVME_THREADS);
    for (unsigned n = 0; n < count && !reader->failed; n++) {
        struct nvme_retry *retry = &nvme->retries[n];
        snprintf(name, sizeof(name), "retry%u.queue", n);
        retry->sq = (unsigned)state_get(reader, name, NVME_QUEUES - 1);
        snprintf(name, sizeof(name), "retry%u.command", n);
        state_get_bytes(reader, name, &retry->command, sizeof(retry->command));
        if (!retry->sq || !nvme->sqs[retry->sq].exists)
            bad(reader, "the queue of command", n);
    }
    nvme->retry_count = reader->failed ? 0 : count;
}

static void load_rest(struct nvme *nvme, struct state_reader *reader)
{
    uint64_t counters[5] = { 0 };
    state_get_bytes(reader, "features", nvme->features, sizeof(nvme->features));
    nvme->under_temperature = (uint32_t)state_get(reader, "under_temperature", UINT16_MAX);
    state_get_bytes(reader, "events", nvme->events, sizeof(nvme->events));
    nvme->event_count = (unsigned)state_get(reader, "event_count", nvme->config.events);
    nvme->event_pending = state_get(reader, "event_pending", 1);
    nvme->event_masked = state_get(reader, "event_masked", 1);
    nvme->event_info = (uint8_t)state_get(reader, "event_info", NVME_EVENT_BAD_DOORBELL_VALUE);
    state_get_bytes(reader, "counters", counters, sizeof(counters));
    nvme->counters.sectors_read = counters[0];
    nvme->counters.sectors_written = counters[1];
    nvme->counters.reads = counters[2];
    nvme->counters.writes = counters[3];
    nvme->counters.media_errors = counters[4];
    nvme->error_count = state_get(reader, "error_count", UINT64_MAX);
    for (unsigned n = 0; n < NVME_ERRORS; n++) {
        uint64_t fields[6] = { 0 };
        char name[24];
        snprintf(name, sizeof(name), "error%u", n);
        state_get_bytes(reader, name, fields, sizeof(fields));
        nvme->errors[n] = (struct nvme_error_entry){ .count = fields[0],
                                                     .lba = fields[1],
                                                     .sq = (uint16_t)fields[2],
                                                     .command = (uint16_t)fields[3],
                                                     .status = (uint16_t)fields[4],
                                                     .namespace = (uint32_t)fields[5] };
    }
}

/* The controller is one that was enabled with the registers as they are, or one that was not. */
static bool load_registers(struct nvme *nvme, struct state_reader *reader)
{
    uint64_t size = state_get(reader, "size", UINT64_MAX);
    nvme->cc = (uint32_t)state_get(reader, "cc", 0xffffff);
    nvme->csts = (uint32_t)state_get(reader, "csts", 0xf);
    nvme->aqa = (uint32_t)state_get(reader, "aqa", 0xfff0fff);
    nvme->asq = state_get(reader, "asq", UINT64_MAX);
    nvme->acq = state_get(reader, "acq", UINT64_MAX);
    nvme->masked = (uint32_t)state_get(reader, "masked", UINT32_MAX);
    nvme->page_bits = (unsigned)state_get(reader, "page_bits", NVME_PAGE_BITS + 4);
    nvme->flush_wanted = state_get(reader, "flush_wanted", 1);
    if (!reader->failed && size != nvme->config.blockdev->size) {
        reader->failed = true;
        error_set(reader->error, "saved state: the disk had %llu bytes, this one has %llu",
                  (unsigned long long)size, (unsigned long long)nvme->config.blockdev->size);
    }
    if (nvme->page_bits < NVME_PAGE_BITS)
        bad(reader, "the size of pages", nvme->page_bits);
    return !reader->failed;
}

bool nvme_load(struct pci_function *function, struct state_reader *reader)
{
    struct nvme *nvme = (struct nvme *)function;
    pthread_mutex_lock(&nvme->lock);
    nvme_forget_commands(nvme);
    nvme_pause(nvme);
    nvme_controller_clear(nvme);
    bool ok = state_open(reader, "nvme", STATE_VERSION) && load_registers(nvme, reader) &&
              load_queues(nvme, reader);
    if (ok) {
        load_retries(nvme, reader);
        load_rest(nvme, reader);
    }
    /* A controller that is ready is enabled and has its admin queues. */
    if (!reader->failed && nvme->csts & 1 &&
        (!(nvme->cc & 1) || !nvme->sqs[0].exists || !nvme->cqs[0].exists))
        bad(reader, "CSTS", nvme->csts);
    if (reader->failed)
        nvme_controller_clear(nvme);
    nvme->stopped = !pci_function_is_bus_master(function);
    nvme_update_interrupts(nvme);
    nvme_resume(nvme);
    pthread_mutex_unlock(&nvme->lock);
    return !reader->failed;
}
