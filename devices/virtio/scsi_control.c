/* SPDX-License-Identifier: MIT
 *
 * The control queue of the virtio SCSI host (section 5.6.6.2): task management. One function at a time.
 *
 * The host's operations cannot be called back, so a function that ends commands waits until those that it
 * concerns have ended. Commands that are still in a queue count, too: the driver may reuse their memory when
 * the function has ended. They are served before, which is allowed (SAM-5 section 7.2). Commands that wait
 * for a machine that is stopped are ended at once.
 */
#include <string.h>

#include "devices/virtio/scsi_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { TYPE_TASK = 0, TYPE_QUERY_EVENTS = 1, TYPE_SUBSCRIBE = 2 };
enum task_function {
    ABORT_TASK = 0,
    ABORT_TASK_SET = 1,
    CLEAR_ACA = 2,
    CLEAR_TASK_SET = 3,
    NEXUS_RESET = 4,
    UNIT_RESET = 5,
    QUERY_TASK = 6,
    QUERY_TASK_SET = 7,
};

struct task_request {
    uint32_t type, function;
    uint8_t place[8];
    uint64_t id;
};

/* Does the function concern the command? */
static bool concerns(const struct task_request *task, uint16_t target, uint16_t lun,
                     const struct host_request *request)
{
    bool one = task->function == ABORT_TASK || task->function == QUERY_TASK;
    return request->active && request->target == target &&
           (request->lun == lun || task->function == NEXUS_RESET) && (!one || request->id == task->id);
}

/* Counts the commands that the function concerns. [locked] */
static unsigned find_commands(struct virtio_scsi *scsi, const struct task_request *task, uint16_t target,
                              uint16_t lun, bool abort)
{
    unsigned count = 0;
    for (unsigned n = 0; n < SCSI_HOST_THREADS; n++) {
        struct host_request *request = &scsi->requests[n];
        if (!concerns(task, target, lun, request))
            continue;
        request->aborted |= abort;
        count++;
    }
    return count;
}

/* Are there commands that were not taken yet? [locked] */
static bool has_queued(struct virtio_scsi *scsi)
{
    for (unsigned n = QUEUE_REQUESTS; n < scsi->device.queue_count; n++)
        if (scsi->device.queues[n].enabled && virtqueue_has_more(&scsi->device.queues[n]))
            return true;
    return false;
}

static void reset_units(struct virtio_scsi *scsi, uint16_t target, uint16_t lun, bool all)
{
    for (unsigned n = 0; n < scsi->unit_count; n++)
        if (scsi->units[n].unit && scsi->units[n].target == target && (all || scsi->units[n].lun == lun))
            scsi_unit_reset(scsi->units[n].unit);
}

static enum host_response manage(struct virtio_scsi *scsi, const struct task_request *task)
{
    uint16_t target, lun;
    bool queries = task->function == QUERY_TASK || task->function == QUERY_TASK_SET;
    if (!virtio_scsi_place(task->place, &target, &lun) || !virtio_scsi_target(scsi, target))
        return RESPONSE_BAD_TARGET;
    if (task->function != NEXUS_RESET && !virtio_scsi_unit(scsi, target, lun))
        return RESPONSE_INCORRECT_LUN;
    if (task->function == CLEAR_ACA || task->function > QUERY_TASK_SET)
        return RESPONSE_REJECTED;
    unsigned count = find_commands(scsi, task, target, lun, !queries);
    if (queries && count)
        return RESPONSE_SUCCEEDED;
    if (count || has_queued(scsi))
        return RESPONSE_AGAIN;
    if (task->function == NEXUS_RESET || task->function == UNIT_RESET)
        reset_units(scsi, target, lun, task->function == NEXUS_RESET);
    return RESPONSE_OK;
}

/* Section 5.6.6.2: there are no asynchronous events, and asking for them is no error. */
static enum host_response answer_events(const struct virtq_chain *chain, uint32_t *written)
{
    const uint8_t answer[5] = { 0 }; /* no event; RESPONSE_OK */
    *written = (uint32_t)virtq_chain_write(chain, 0, answer, sizeof(answer));
    return RESPONSE_OK;
}

enum host_response virtio_scsi_control(struct virtio_scsi *scsi, struct host_request *request,
                                       uint32_t *written)
{
    CHECK_HELD(&scsi->device.lock);
    struct task_request task = { 0 };
    size_t length = virtq_chain_read(&request->chain, 0, &task, sizeof(task));
    bool events = task.type == TYPE_QUERY_EVENTS || task.type == TYPE_SUBSCRIBE;
    *written = 0;
    if (length < (events ? 16u : sizeof(task)) || request->chain.in_length < (events ? 5u : 1u)) {
        LOG_GUEST("virtio-scsi: a control request of %u bytes out and %u in", request->chain.out_length,
                  request->chain.in_length);
        virtio_device_break(&scsi->device);
        return RESPONSE_FAILURE;
    }
    if (events)
        return answer_events(&request->chain, written);
    enum host_response response = task.type == TYPE_TASK ? manage(scsi, &task) : RESPONSE_FAILURE;
    uint8_t byte = (uint8_t)response;
    if (response != RESPONSE_AGAIN)
        *written = (uint32_t)virtq_chain_write(&request->chain, 0, &byte, 1);
    return response;
}
