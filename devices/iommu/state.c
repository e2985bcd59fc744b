/* SPDX-License-Identifier: MIT
 *
 * The IOMMU in a saved state: its registers. Translations that were kept are not saved; they are found anew.
 * Values that no register can have fail the load, so that nothing else needs to check them.
 */
#include "devices/iommu/internal.h"

#include <stdio.h>

enum { FAULTS_CSR = IOMMU_Q_ENABLE | IOMMU_Q_INTERRUPT | IOMMU_FQ_ERRORS | IOMMU_Q_ON };
enum { COMMANDS_CSR = IOMMU_Q_ENABLE | IOMMU_Q_INTERRUPT | IOMMU_CQ_ERRORS | IOMMU_CQ_FENCE | IOMMU_Q_ON };

struct name {
    char text[32];
};

static struct name name_of(const char *prefix, const char *member)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "%s.%s", prefix, member);
    return name;
}

static struct name message_name(unsigned n, const char *member)
{
    struct name name;
    snprintf(name.text, sizeof(name.text), "message%u.%s", n, member);
    return name;
}

/* ---- Saving -------------------------------------------------------------------------------------------- */

static void save_queue(const struct iommu_queue *queue, const char *prefix, struct state_writer *writer)
{
    state_put(writer, name_of(prefix, "base").text, queue->base);
    state_put(writer, name_of(prefix, "head").text, queue->head);
    state_put(writer, name_of(prefix, "tail").text, queue->tail);
    state_put(writer, name_of(prefix, "csr").text, queue->csr);
}

void iommu_save(struct iommu *iommu, struct state_writer *writer)
{
    pthread_mutex_lock(&iommu->lock);
    state_section(writer, "riscv-iommu", 1);
    state_put(writer, "mode", atomic_load(&iommu->mode));
    state_put(writer, "directory", iommu->directory);
    state_put(writer, "fctl", iommu->fctl);
    state_put(writer, "ipsr", iommu->ipsr);
    state_put(writer, "icvec", iommu->icvec);
    state_put(writer, "pending", iommu->pending);
    state_put(writer, "tr_iova", iommu->tr_iova);
    state_put(writer, "tr_control", iommu->tr_control);
    state_put(writer, "tr_response", iommu->tr_response);
    save_queue(&iommu->commands, "commands", writer);
    save_queue(&iommu->faults, "faults", writer);
    for (unsigned n = 0; n < IOMMU_VECTORS; n++) {
        state_put(writer, message_name(n, "address").text, iommu->messages[n].address);
        state_put(writer, message_name(n, "data").text, iommu->messages[n].data);
        state_put(writer, message_name(n, "control").text, iommu->messages[n].control);
    }
    pthread_mutex_unlock(&iommu->lock);
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

/* Bits that the register does not have are dropped, and indices stay within the queue. A queue is enabled and
 * on, or neither. */
static void load_queue(struct iommu_queue *queue, const char *prefix, uint32_t known,
                       struct state_reader *reader)
{
    queue->base = state_get(reader, name_of(prefix, "base").text, UINT64_MAX) & (IOMMU_PPN | 0x1f);
    queue->head = (uint32_t)state_get(reader, name_of(prefix, "head").text, iommu_queue_mask(queue));
    queue->tail = (uint32_t)state_get(reader, name_of(prefix, "tail").text, iommu_queue_mask(queue));
    queue->csr = (uint32_t)state_get(reader, name_of(prefix, "csr").text, known) & known;
    queue->csr &= ~(uint32_t)IOMMU_Q_ON;
    queue->csr |= queue->csr & IOMMU_Q_ENABLE ? IOMMU_Q_ON : 0;
}

static void load_messages(struct iommu *iommu, struct state_reader *reader)
{
    for (unsigned n = 0; n < IOMMU_VECTORS; n++) {
        struct iommu_message *message = &iommu->messages[n];
        message->address = state_get(reader, message_name(n, "address").text, UINT64_C(0x00fffffffffffffc));
        message->data = (uint32_t)state_get(reader, message_name(n, "data").text, UINT32_MAX);
        message->control = (uint32_t)state_get(reader, message_name(n, "control").text, 1);
    }
}

bool iommu_load(struct iommu *iommu, struct state_reader *reader)
{
    if (!state_open(reader, "riscv-iommu", 1))
        return false;
    pthread_mutex_lock(&iommu->lock);
    atomic_store(&iommu->mode, (unsigned)state_get(reader, "mode", IOMMU_3LVL));
    iommu->directory = state_get(reader, "directory", IOMMU_PPN) & IOMMU_PPN;
    iommu->fctl = (uint32_t)state_get(reader, "fctl", iommu->config.has_wires ? IOMMU_FCTL_WSI : 0);
    iommu->fctl &= IOMMU_FCTL_WSI;
    iommu->ipsr = (uint32_t)state_get(reader, "ipsr", 3);
    iommu->icvec = (uint32_t)state_get(reader, "icvec", 0x33) & 0x33;
    iommu->pending = (uint32_t)state_get(reader, "pending", (1u << IOMMU_VECTORS) - 1);
    iommu->tr_iova = state_get(reader, "tr_iova", UINT64_MAX);
    iommu->tr_control = state_get(reader, "tr_control", UINT64_MAX);
    iommu->tr_response = state_get(reader, "tr_response", UINT64_MAX);
    load_queue(&iommu->commands, "commands", COMMANDS_CSR, reader);
    load_queue(&iommu->faults, "faults", FAULTS_CSR, reader);
    load_messages(iommu, reader);
    iommu_cache_drop(iommu);
    iommu_update_wires(iommu);
    if (!reader->failed && (iommu_has_commands(iommu) || iommu_may_send(iommu)))
        device_worker_kick(&iommu->worker, 0); /* waits until the machine goes on */
    pthread_mutex_unlock(&iommu->lock);
    return !reader->failed;
}
