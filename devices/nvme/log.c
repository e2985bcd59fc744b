/* SPDX-License-Identifier: MIT
 *
 * Get Log Page (section 5.14): errors, SMART and health, the firmware's slot, changed namespaces (there are
 * never any), and which commands there are.
 */
#include "devices/nvme/internal.h"

#include <string.h>
#include <time.h>

#include "util/check.h"

enum { LOG_ERRORS = 1, LOG_HEALTH = 2, LOG_FIRMWARE = 3, LOG_NAMESPACES = 4, LOG_COMMANDS = 5 };
enum {
    ERROR_BYTES = 64,
    HEALTH_BYTES = 512,
    FIRMWARE_BYTES = 512,
    TEMPERATURE = 323, /* kelvin */
    SUPPORTED = 1,     /* of a command */
    CHANGES_BLOCKS = 2,
    KEEP_EVENT = 1 << 15 /* dword 10: the event that led the driver here shall stay */
};

void nvme_log_error(struct nvme *nvme, const struct nvme_request *request, enum nvme_status status)
{
    CHECK_HELD(&nvme->lock);
    const struct nvme_command *command = &request->command;
    bool has_lba = request->sq && command->opcode != NVME_FLUSH && command->opcode != NVME_DATASET;
    nvme->counters.media_errors += status >> 8 == 2;
    nvme->errors[nvme->error_count % NVME_ERRORS] = (struct nvme_error_entry){
        .count = nvme->error_count + 1,
        .lba = has_lba ? command->cdw10 | (uint64_t)command->cdw11 << 32 : 0,
        .sq = (uint16_t)request->sq,
        .command = command->id,
        .status = (uint16_t)((status & 0x7ff) << 1),
        .namespace = command->namespace,
    };
    nvme->error_count++;
}

/* The newest is first. Returns the size of the log. */
static unsigned fill_errors(const struct nvme *nvme, uint8_t *data)
{
    for (unsigned n = 0; n < NVME_ERRORS && n < nvme->error_count; n++) {
        const struct nvme_error_entry *entry = &nvme->errors[(nvme->error_count - 1 - n) % NVME_ERRORS];
        uint8_t *at = data + (size_t)n * ERROR_BYTES;
        nvme_put(at, 0, 8, entry->count);
        nvme_put(at, 8, 2, entry->sq);
        nvme_put(at, 10, 2, entry->command);
        nvme_put(at, 12, 2, entry->status);
        nvme_put(at, 14, 2, 0xffff); /* no parameter is to blame */
        nvme_put(at, 16, 8, entry->lba);
        nvme_put(at, 24, 4, entry->namespace);
    }
    return NVME_ERRORS * ERROR_BYTES;
}

static uint64_t hours_on(const struct nvme *nvme)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - nvme->started_ns) / 3600000000000u;
}

/* Data is counted in thousands of sectors, rounded up. */
static unsigned fill_health(const struct nvme *nvme, uint8_t *data)
{
    const struct nvme_counters *counters = &nvme->counters;
    nvme_put(data, 1, 2, TEMPERATURE);
    data[3] = 100; /* percent of the spare blocks are left */
    nvme_put(data, 32, 8, (counters->sectors_read + 999) / 1000);
    nvme_put(data, 48, 8, (counters->sectors_written + 999) / 1000);
    nvme_put(data, 64, 8, counters->reads);
    nvme_put(data, 80, 8, counters->writes);
    nvme_put(data, 128, 8, hours_on(nvme));
    nvme_put(data, 160, 8, counters->media_errors);
    nvme_put(data, 176, 8, nvme->error_count);
    return HEALTH_BYTES;
}

static unsigned fill_firmware(uint8_t *data)
{
    data[0] = 1; /* the active slot */
    memcpy(data + 8, NVME_FIRMWARE, 8);
    return FIRMWARE_BYTES;
}

static unsigned fill_commands(uint8_t *data)
{
    static const uint8_t admin[] = { NVME_DELETE_SQ,    NVME_CREATE_SQ,    NVME_GET_LOG_PAGE,
                                     NVME_DELETE_CQ,    NVME_CREATE_CQ,    NVME_IDENTIFY,
                                     NVME_ABORT,        NVME_SET_FEATURES, NVME_GET_FEATURES,
                                     NVME_EVENT_REQUEST };
    static const uint8_t reading[] = { NVME_FLUSH, NVME_READ, NVME_COMPARE };
    static const uint8_t writing[] = { NVME_WRITE, NVME_WRITE_ZEROES, NVME_DATASET };
    for (unsigned n = 0; n < sizeof(admin); n++)
        nvme_put(data, 4u * admin[n], 4, SUPPORTED);
    for (unsigned n = 0; n < sizeof(reading); n++)
        nvme_put(data, 1024 + 4u * reading[n], 4, SUPPORTED);
    for (unsigned n = 0; n < sizeof(writing); n++)
        nvme_put(data, 1024 + 4u * writing[n], 4, SUPPORTED | CHANGES_BLOCKS);
    return NVME_DATA_BYTES;
}

/* Returns the size of the log; 0: there is no such log. */
static unsigned fill(const struct nvme *nvme, uint8_t page, uint8_t *data)
{
    switch (page) {
    case LOG_ERRORS: return fill_errors(nvme, data);
    case LOG_HEALTH: return fill_health(nvme, data);
    case LOG_FIRMWARE: return fill_firmware(data);
    case LOG_NAMESPACES: return NVME_DATA_BYTES;
    case LOG_COMMANDS: return fill_commands(data);
    default: return 0;
    }
}

enum nvme_status nvme_get_log_page(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    const struct nvme_command *command = &request->command;
    uint8_t data[NVME_DATA_BYTES] = { 0 };
    uint64_t offset = command->cdw12 | (uint64_t)command->cdw13 << 32;
    uint64_t length = (((uint64_t)(command->cdw11 & 0xffff) << 16 | command->cdw10 >> 16) + 1) * 4;
    CHECK_HELD(&nvme->lock);
    unsigned size = fill(nvme, (uint8_t)command->cdw10, data);
    if (!size)
        return NVME_INVALID_LOG_PAGE;
    if ((uint8_t)command->cdw10 == LOG_HEALTH && command->namespace && command->namespace != NVME_ALL &&
        command->namespace != NVME_NAMESPACE)
        return NVME_INVALID_NAMESPACE;
    if (offset >= size || offset % 4)
        return NVME_INVALID_FIELD;
    if (length > size - offset)
        length = size - offset; /* the specification leaves open what lies behind a log */
    enum nvme_status status = nvme_give(request, data + offset, length);
    if (!status && (uint8_t)command->cdw10 == LOG_ERRORS && !(command->cdw10 & KEEP_EVENT))
        nvme_event_seen(nvme);
    return status;
}
