/* SPDX-License-Identifier: MIT
 *
 * What is done when the host fails a request: see on_error.h.
 */
#include "devices/block/on_error.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

const char *const block_on_write_error[] = { "auto", "report", "ignore", "stop", "enospc", NULL };
const char *const block_on_read_error[] = { "auto", "report", "ignore", "stop", NULL };

/* Did the request fail because the host has no room? EFBIG is a limit of the file's size, which the user can
 * raise. A flush is excluded: once it has failed it fails for ever, whatever room there is. */
static bool is_no_space(enum block_request request, int rc)
{
    return request != BLOCK_FLUSH && (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG);
}

static enum blockdev_on_error action_for(const struct block_on_error *policy, enum block_request request,
                                         int rc)
{
    bool read = request == BLOCK_READ;
    enum blockdev_on_error action = read ? policy->rerror : policy->werror;
    if (action == BLOCKDEV_ON_ERROR_DEFAULT)
        action = read ? BLOCKDEV_ON_ERROR_REPORT : BLOCKDEV_ON_ERROR_ENOSPC;
    if (action == BLOCKDEV_ON_ERROR_ENOSPC)
        action = is_no_space(request, rc) ? BLOCKDEV_ON_ERROR_STOP : BLOCKDEV_ON_ERROR_REPORT;
    return action == BLOCKDEV_ON_ERROR_STOP && !policy->stopped ? BLOCKDEV_ON_ERROR_REPORT : action;
}

enum blockdev_on_error block_request_failed(const struct block_on_error *policy, const char *device,
                                            const struct blockdev *blockdev, enum block_request request,
                                            uint64_t place, int rc)
{
    if (rc == -ECANCELED) /* no fault of the host's: the guest has reset the device meanwhile */
        return BLOCKDEV_ON_ERROR_REPORT;
    static const char *const names[] = { "reading", "writing", "discarding", "zeroing", "flushing" };
    struct block_error error = { .name = policy->name,
                                 .write = request != BLOCK_READ,
                                 .no_space = is_no_space(request, rc),
                                 .action = action_for(policy, request, rc),
                                 .error = -rc };
    log_warn("%s: %s at sector %llu of a disk with %llu failed: %s%s", device, names[request],
             (unsigned long long)(place / BLOCKDEV_SECTOR),
             (unsigned long long)(blockdev->size / BLOCKDEV_SECTOR), strerror(-rc),
             error.action == BLOCKDEV_ON_ERROR_STOP ? "; the guest is stopped, the monitor's cont tries again"
                                                    : "");
    if (policy->failed)
        policy->failed(policy->opaque, &error);
    return error.action;
}
