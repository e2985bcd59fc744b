/* SPDX-License-Identifier: MIT
 *
 * Get Features and Set Features (sections 5.13 and 5.21). No value outlives a reset, and none is kept for
 * each namespace. Of those that can be set, the write cache and the number of queues have an effect; the
 * others are hints to hardware, and are only kept.
 */
#include "devices/nvme/internal.h"

#include <string.h>

#include "util/check.h"

enum { SELECT_CURRENT, SELECT_DEFAULT, SELECT_SAVED, SELECT_SUPPORTED };
enum { SUPPORTED_NAMESPACE = 2, SUPPORTED_CHANGEABLE = 4 };
enum { TEMPERATURE_LIMIT = 0x157, VECTOR_ALONE = 1 << 16 }; /* kelvin; interrupts are not coalesced */

/* Which there are. The bits that a driver may set, and the value after a reset. */
static const struct feature {
    bool exists, of_namespace;
    uint32_t settable, value;
} known[NVME_FEATURES] = {
    [NVME_FEATURE_ARBITRATION] = { .exists = true, .settable = 0xffffff07, .value = 7 },
    [NVME_FEATURE_POWER] = { .exists = true, .settable = 0xe0 }, /* there is one state: 0 */
    [NVME_FEATURE_TEMPERATURE] = { .exists = true, .settable = 0xffff, .value = TEMPERATURE_LIMIT },
    [NVME_FEATURE_ERROR_RECOVERY] = { .exists = true, .of_namespace = true, .settable = 0xffff },
    [NVME_FEATURE_WRITE_CACHE] = { .exists = true, .settable = 1, .value = 1 },
    [NVME_FEATURE_QUEUES] = { .exists = true },
    [NVME_FEATURE_COALESCING] = { .exists = true, .settable = 0xffff },
    [NVME_FEATURE_VECTOR] = { .exists = true },
    [NVME_FEATURE_ATOMICITY] = { .exists = true, .settable = 1 },
    [NVME_FEATURE_EVENTS] = { .exists = true, .settable = 0xffff },
};

void nvme_features_reset(struct nvme *nvme)
{
    for (unsigned n = 0; n < NVME_FEATURES; n++)
        nvme->features[n] = known[n].value;
    nvme->under_temperature = 0;
}

static bool is_known(uint8_t id)
{
    return id < NVME_FEATURES && known[id].exists;
}

static uint32_t queue_count(const struct nvme *nvme)
{
    return (nvme->config.io_queues - 1) | (nvme->config.io_queues - 1) << 16;
}

/* Dword 11 chooses a sensor, of which there is one, and the limit above or below which it warns. */
static enum nvme_status temperature(struct nvme *nvme, uint32_t dword, uint32_t **value)
{
    unsigned sensor = dword >> 16 & 15, limit = dword >> 20 & 3;
    if ((sensor && sensor != 15) || limit > 1)
        return NVME_INVALID_FIELD;
    *value = limit ? &nvme->under_temperature : &nvme->features[NVME_FEATURE_TEMPERATURE];
    return NVME_OK;
}

static enum nvme_status current(struct nvme *nvme, const struct nvme_command *command, uint32_t *result)
{
    uint8_t id = (uint8_t)command->cdw10;
    uint32_t *value = &nvme->features[id];
    enum nvme_status status = NVME_OK;
    if (id == NVME_FEATURE_TEMPERATURE)
        status = temperature(nvme, command->cdw11, &value);
    if (id == NVME_FEATURE_VECTOR && (command->cdw11 & 0xffff) >= nvme->config.vectors)
        status = NVME_INVALID_FIELD;
    if (status)
        return status;
    *result = id == NVME_FEATURE_QUEUES   ? queue_count(nvme)
              : id == NVME_FEATURE_VECTOR ? (command->cdw11 & 0xffff) | VECTOR_ALONE
                                          : *value;
    return NVME_OK;
}

static uint32_t supported(uint8_t id)
{
    bool changeable = known[id].settable || id == NVME_FEATURE_QUEUES;
    return (known[id].of_namespace ? SUPPORTED_NAMESPACE : 0) | (changeable ? SUPPORTED_CHANGEABLE : 0);
}

enum nvme_status nvme_get_features(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    const struct nvme_command *command = &request->command;
    uint8_t id = (uint8_t)command->cdw10;
    CHECK_HELD(&nvme->lock);
    if (!is_known(id))
        return NVME_INVALID_FIELD;
    if (known[id].of_namespace && command->namespace != NVME_NAMESPACE)
        return NVME_INVALID_NAMESPACE;
    switch (command->cdw10 >> 8 & 7) {
    case SELECT_CURRENT: return current(nvme, command, &request->result);
    case SELECT_DEFAULT:
    case SELECT_SAVED: /* if none is saved, it is the default */
        request->result = id == NVME_FEATURE_QUEUES ? queue_count(nvme) : known[id].value;
        return NVME_OK;
    case SELECT_SUPPORTED: request->result = supported(id); return NVME_OK;
    default: return NVME_INVALID_FIELD;
    }
}

/* The driver asks for queues, and is told how many there are. It cannot ask once it has made one. */
static enum nvme_status set_queues(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    if ((request->command.cdw11 & 0xffff) == 0xffff || request->command.cdw11 >> 16 == 0xffff)
        return NVME_INVALID_FIELD;
    for (unsigned n = 1; n < NVME_QUEUES; n++)
        if (nvme->sqs[n].exists || nvme->cqs[n].exists)
            return NVME_COMMAND_SEQUENCE;
    request->result = queue_count(nvme);
    return NVME_OK;
}

static enum nvme_status set_value(struct nvme *nvme, uint8_t id, uint32_t dword)
{
    uint32_t *value = &nvme->features[id];
    enum nvme_status status = NVME_OK;
    if (id == NVME_FEATURE_TEMPERATURE) {
        status = temperature(nvme, dword, &value);
        dword &= 0xffff;
    }
    if (status || dword & ~known[id].settable)
        return NVME_INVALID_FIELD;
    *value = dword;
    return NVME_OK;
}

enum nvme_status nvme_set_features(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    const struct nvme_command *command = &request->command;
    uint8_t id = (uint8_t)command->cdw10;
    CHECK_HELD(&nvme->lock);
    if (!is_known(id))
        return NVME_INVALID_FIELD;
    if (command->cdw10 >> 31)
        return NVME_FEATURE_NOT_SAVEABLE;
    if (known[id].of_namespace && command->namespace != NVME_NAMESPACE && command->namespace != NVME_ALL)
        return NVME_INVALID_NAMESPACE;
    if (!known[id].of_namespace && command->namespace && command->namespace != NVME_ALL)
        return NVME_FEATURE_NOT_NAMESPACE;
    if (id == NVME_FEATURE_QUEUES)
        return set_queues(request);
    return known[id].settable ? set_value(nvme, id, command->cdw11) : NVME_FEATURE_NOT_CHANGEABLE;
}
