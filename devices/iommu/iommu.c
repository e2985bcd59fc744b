/* SPDX-License-Identifier: MIT
 *
 * The IOMMU's life, its worker, and what it does for masters; see iommu.h. Registers are in registers.c.
 */
#include "devices/iommu/internal.h"

#include <stdlib.h>
#include <string.h>

#define CONTIGUOUS_MAX (UINT64_C(2) << 20)

/* ---- For masters --------------------------------------------------------------------------------------- */

/* Translates an address in one page, by the cache or the tables. [locked] */
static bool look_up(struct iommu *iommu, struct iommu_request *request)
{
    if (iommu_cache_find(iommu, request->device, request->iova, request->access == IOMMU_WRITE,
                         &request->paddr))
        return true;
    if (!iommu_walk(iommu, request))
        return false;
    if (!request->is_message)
        iommu_cache_fill(iommu, request);
    return true;
}

/* How many bytes from the address on are contiguous. A page that cannot be accessed ends them: it faults when
 * the master comes to it. They are limited, so that no length keeps the lock for long. [locked] */
static uint64_t contiguous(struct iommu *iommu, const struct iommu_request *request, uint64_t length)
{
    struct iommu_request next = *request;
    uint64_t have = IOMMU_PAGE - request->iova % IOMMU_PAGE;
    if (length > CONTIGUOUS_MAX)
        length = CONTIGUOUS_MAX;
    while (have < length) {
        next.iova = request->iova + have;
        if (!look_up(iommu, &next) || next.paddr != request->paddr + have)
            return have;
        have += IOMMU_PAGE;
    }
    return length;
}

static bool translate(struct pci_iommu *pci, uint32_t requester, uint64_t iova, uint64_t *length, bool write,
                      uint64_t *paddr)
{
    struct iommu *iommu = (struct iommu *)pci;
    struct iommu_request request = { .device = requester,
                                     .access = write ? IOMMU_WRITE : IOMMU_READ,
                                     .iova = iova };
    *paddr = iova;
    if (atomic_load_explicit(&iommu->mode, memory_order_acquire) == IOMMU_BARE)
        return true;
    pthread_mutex_lock(&iommu->lock);
    bool ok = look_up(iommu, &request);
    if (ok) {
        *paddr = request.paddr;
        *length = contiguous(iommu, &request, *length);
    } else {
        iommu_record_fault(iommu, &request);
    }
    pthread_mutex_unlock(&iommu->lock);
    return ok;
}

/* ---- The worker ---------------------------------------------------------------------------------------- */

static void run(void *opaque, unsigned queue)
{
    struct iommu *iommu = opaque;
    (void)queue;
    while (!iommu->held) {
        bool more = iommu_run_commands(iommu);
        iommu_send_messages(iommu);
        if (!more && !iommu_has_commands(iommu) && !iommu_may_send(iommu))
            return;
        pthread_mutex_unlock(&iommu->lock); /* others may be waiting for it */
        pthread_mutex_lock(&iommu->lock);
    }
}

void iommu_hold(struct iommu *iommu, bool held)
{
    pthread_mutex_lock(&iommu->lock);
    iommu->held = held;
    if (held)
        device_worker_wait_idle(&iommu->worker);
    else if (iommu_has_commands(iommu) || iommu_may_send(iommu))
        device_worker_kick(&iommu->worker, 0);
    pthread_mutex_unlock(&iommu->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

/* [locked] */
static void set_reset_values(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    atomic_store(&iommu->mode, iommu->config.passes ? IOMMU_BARE : IOMMU_OFF);
    iommu->directory = 0;
    iommu->fctl = iommu->ipsr = iommu->icvec = iommu->pending = 0;
    iommu->commands = iommu->faults = (struct iommu_queue){ .csr = 0 };
    iommu->tr_iova = iommu->tr_control = iommu->tr_response = 0;
    memset(iommu->messages, 0, sizeof(iommu->messages));
    iommu_cache_drop(iommu);
    iommu_update_wires(iommu);
}

void iommu_reset(struct iommu *iommu)
{
    pthread_mutex_lock(&iommu->lock);
    set_reset_values(iommu);
    pthread_mutex_unlock(&iommu->lock);
}

struct pci_iommu *iommu_for_pci(struct iommu *iommu)
{
    return &iommu->pci;
}

struct iommu *iommu_create(const struct iommu_config *config, struct error *error)
{
    struct iommu *iommu = calloc(1, sizeof(*iommu));
    if (!iommu) {
        error_set(error, "%s: out of memory", config->name);
        return NULL;
    }
    iommu->config = *config;
    iommu->pci.translate = translate;
    pthread_mutex_init(&iommu->lock, NULL);
    struct device_worker_config worker = {
        .lock = &iommu->lock,
        .device = config->name,
        .name = "iommu",
        .role = THREAD_WORKER,
        .threads = 1,
        .run = run,
        .opaque = iommu,
    };
    if (!device_worker_start(&iommu->worker, &worker, error)) {
        pthread_mutex_destroy(&iommu->lock);
        free(iommu);
        return NULL;
    }
    iommu_reset(iommu);
    return iommu;
}

void iommu_destroy(struct iommu *iommu)
{
    device_worker_stop(&iommu->worker);
    pthread_mutex_destroy(&iommu->lock);
    free(iommu);
}
