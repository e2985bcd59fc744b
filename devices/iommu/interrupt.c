/* SPDX-License-Identifier: MIT
 *
 * Interrupts of the IOMMU itself: a bit of ipsr for each source, which icvec sends to a vector. A vector is a
 * wire that is high while one of its bits is set, or a message that is sent when a bit becomes 1. The worker
 * sends messages: that of a PCI function takes the lock of its bus, which comes before the IOMMU's.
 */
#include "devices/iommu/internal.h"

enum { SOURCES = 2, VECTOR_BITS = 4, MESSAGE_MASKED = 1 };

static bool is_wired(const struct iommu *iommu)
{
    return iommu->fctl & IOMMU_FCTL_WSI;
}

static unsigned vector_of(const struct iommu *iommu, unsigned source)
{
    return iommu->icvec >> (VECTOR_BITS * source) & (IOMMU_VECTORS - 1);
}

void iommu_update_wires(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    bool levels[IOMMU_VECTORS] = { false };
    for (unsigned source = 0; source < SOURCES; source++)
        levels[vector_of(iommu, source)] |= is_wired(iommu) && iommu->ipsr >> source & 1;
    for (unsigned n = 0; n < IOMMU_VECTORS; n++)
        irq_line_set(&iommu->config.lines[n], levels[n]);
}

void iommu_raise(struct iommu *iommu, unsigned source)
{
    CHECK_HELD(&iommu->lock);
    if (iommu->ipsr >> source & 1)
        return;
    iommu->ipsr |= 1u << source;
    if (is_wired(iommu)) {
        iommu_update_wires(iommu);
        return;
    }
    iommu->pending |= 1u << vector_of(iommu, source);
    device_worker_kick(&iommu->worker, 0);
}

/* While an error is not cleared, or the end of a fence, its bit of ipsr is set again. */
void iommu_update_interrupts(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    const struct iommu_queue *commands = &iommu->commands, *faults = &iommu->faults;
    if (commands->csr & IOMMU_Q_INTERRUPT && commands->csr & (IOMMU_CQ_ERRORS | IOMMU_CQ_FENCE))
        iommu_raise(iommu, IOMMU_SOURCE_COMMANDS);
    if (faults->csr & IOMMU_Q_INTERRUPT && faults->csr & IOMMU_FQ_ERRORS)
        iommu_raise(iommu, IOMMU_SOURCE_FAULTS);
}

static uint32_t sendable(const struct iommu *iommu)
{
    uint32_t vectors = iommu->pending;
    for (unsigned n = 0; n < IOMMU_VECTORS && !iommu->config.notify; n++)
        if (iommu->messages[n].control & MESSAGE_MASKED)
            vectors &= ~(1u << n);
    return vectors;
}

bool iommu_may_send(const struct iommu *iommu)
{
    return sendable(iommu) != 0;
}

void iommu_send_messages(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    uint32_t vectors = sendable(iommu);
    iommu->pending &= ~vectors;
    for (; vectors; vectors &= vectors - 1) {
        unsigned n = (unsigned)__builtin_ctz(vectors);
        const struct iommu_message *message = &iommu->messages[n];
        if (iommu->config.notify) {
            pthread_mutex_unlock(&iommu->lock);
            iommu->config.notify(iommu->config.opaque, n);
            pthread_mutex_lock(&iommu->lock);
        } else if (!iommu_store_word(iommu, message->address, message->data)) {
            iommu_record_own_fault(iommu, message->address);
        }
    }
}
