/* SPDX-License-Identifier: MIT
 *
 * The threads that serve commands. A thread takes a command, serves it and ends it, until there are none; if
 * it sees more than one, it wakes another thread.
 *
 * A command that the host failed may stop the machine (werror=, rerror=). Its thread then keeps it, and tries
 * it again when the machine goes on; a reset, or the end of its queue, drops it.
 */
#include "devices/nvme/internal.h"

#include "util/check.h"

#define LOOK_MS 50 /* between two checks whether a stopped machine goes on */

/* Waits until the machine goes on. False: the command is not wanted any more. [locked] */
static bool wait_to_go_on(struct nvme *nvme, struct nvme_request *request)
{
    CHECK_HELD(&nvme->lock);
    const struct block_on_error *on_error = &nvme->config.on_error;
    request->rests = true;
    do
        device_worker_rest(&nvme->worker, LOOK_MS);
    while (nvme_is_wanted(nvme, request) && !nvme->worker.stop &&
           (nvme->pauses || nvme->stopped || on_error->stopped(on_error->opaque)));
    request->rests = false;
    return nvme_is_wanted(nvme, request) && !nvme->worker.stop;
}

/* [locked]; releases the lock */
static enum nvme_status serve_io(struct nvme *nvme, struct nvme_request *request)
{
    CHECK_HELD(&nvme->lock);
    enum nvme_status status;
    do {
        pthread_mutex_unlock(&nvme->lock);
        status = nvme_io(request);
        pthread_mutex_lock(&nvme->lock);
    } while (status == NVME_AGAIN && wait_to_go_on(nvme, request));
    return status;
}

void nvme_run(void *opaque, unsigned queue)
{
    struct nvme *nvme = opaque;
    CHECK_HELD(&nvme->lock);
    struct nvme_request *request = &nvme->requests[device_worker_thread()];
    (void)queue;
    while (nvme_take(nvme, request)) {
        if (nvme_has_more(nvme))
            device_worker_kick(&nvme->worker, 0);
        enum nvme_status status = request->sq ? serve_io(nvme, request) : nvme_admin(request);
        if (status && status < NVME_PARKED && nvme_is_wanted(nvme, request))
            nvme_log_error(nvme, request, status);
        nvme_finish(nvme, request, status);
    }
    nvme_controller_settle(nvme);
}
