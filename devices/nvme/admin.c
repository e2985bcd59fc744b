/* SPDX-License-Identifier: MIT
 *
 * Admin commands (section 5): which there are, and what all of them check.
 */
#include "devices/nvme/internal.h"

#include "util/check.h"
#include "util/log.h"

/* Section 5.1. A command that a thread has taken cannot be aborted; one that waits for an event can. */
static enum nvme_status abort_command(struct nvme_request *request)
{
    uint16_t sq = (uint16_t)request->command.cdw10, id = (uint16_t)(request->command.cdw10 >> 16);
    bool aborted = !sq && nvme_event_abort(request->nvme, id);
    request->result = !aborted;
    return NVME_OK;
}

enum nvme_status nvme_admin(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    const struct nvme_command *command = &request->command;
    CHECK_HELD(&nvme->lock);
    if (command->flags) /* fused commands and SGLs, which are not offered */
        return NVME_INVALID_FIELD;
    switch (command->opcode) {
    case NVME_DELETE_SQ: return nvme_delete_sq(nvme, command);
    case NVME_CREATE_SQ: return nvme_create_sq(nvme, command);
    case NVME_GET_LOG_PAGE: return nvme_get_log_page(request);
    case NVME_DELETE_CQ: return nvme_delete_cq(nvme, command);
    case NVME_CREATE_CQ: return nvme_create_cq(nvme, command);
    case NVME_IDENTIFY: return nvme_identify(request);
    case NVME_ABORT: return abort_command(request);
    case NVME_SET_FEATURES: return nvme_set_features(request);
    case NVME_GET_FEATURES: return nvme_get_features(request);
    case NVME_EVENT_REQUEST: return nvme_event_request(request);
    default: LOG_GUEST("nvme: admin command 0x%x, which is not offered", command->opcode);
    }
    return NVME_INVALID_OPCODE;
}
