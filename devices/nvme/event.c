/* SPDX-License-Identifier: MIT
 *
 * Asynchronous events (section 5.2). The driver leaves commands here that end when there is something to tell
 * it: a doorbell that was rung wrongly. After an event was told, others of its type wait until the driver has
 * read the log that belongs to it.
 */
#include "devices/nvme/internal.h"

#include <string.h>

#include "util/check.h"

enum { EVENT_TYPE_ERROR = 0, EVENT_LOG_ERROR = 1 };

static uint16_t take_request(struct nvme *nvme, unsigned number)
{
    CHECK_HELD(&nvme->lock);
    uint16_t id = nvme->events[number];
    nvme->event_count--;
    memmove(nvme->events + number, nvme->events + number + 1,
            (nvme->event_count - number) * sizeof(nvme->events[0]));
    return id;
}

void nvme_event_deliver(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    if (!nvme->event_pending || nvme->event_masked || !nvme->event_count || !nvme_cq_has_room(&nvme->cqs[0]))
        return;
    nvme->event_pending = false;
    nvme->event_masked = true;
    uint32_t result = EVENT_TYPE_ERROR | (uint32_t)nvme->event_info << 8 | EVENT_LOG_ERROR << 16;
    nvme_post(nvme, 0, take_request(nvme, 0), NVME_OK, result);
}

void nvme_event(struct nvme *nvme, enum nvme_error_event what)
{
    CHECK_HELD(&nvme->lock);
    nvme->event_pending = true;
    nvme->event_info = (uint8_t)what;
    nvme_event_deliver(nvme);
}

void nvme_event_seen(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->event_masked = false;
    nvme_event_deliver(nvme);
}

/* The event that waits for the request is told when the request has given back its room (nvme_finish()). */
enum nvme_status nvme_event_request(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    CHECK_HELD(&nvme->lock);
    if (nvme->event_count == nvme->config.events)
        return NVME_EVENT_LIMIT;
    nvme->events[nvme->event_count++] = request->command.id;
    return NVME_PARKED;
}

bool nvme_event_abort(struct nvme *nvme, uint16_t id)
{
    CHECK_HELD(&nvme->lock);
    for (unsigned n = 0; n < nvme->event_count; n++) {
        if (nvme->events[n] != id || !nvme_cq_has_room(&nvme->cqs[0]))
            continue;
        take_request(nvme, n);
        nvme_post(nvme, 0, id, NVME_ABORT_REQUESTED, 0);
        return true;
    }
    return false;
}
