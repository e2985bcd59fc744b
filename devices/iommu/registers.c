/* SPDX-License-Identifier: MIT
 *
 * The registers (chapter "Memory-mapped register interface"). An access of 4 or 8 bytes reaches the aligned
 * doubleword in which it lies, of which a mask says what is written. Accesses of other sizes do nothing. The
 * registers of what this IOMMU does not offer (page requests, counters) read as 0.
 */
#include "devices/iommu/internal.h"

#define TR_CONTROL_KNOWN UINT64_C(0xffffff01fffff00f)
#define QUEUE_BASE_KNOWN (IOMMU_PPN | UINT64_C(0x1f))
#define MESSAGE_ADDRESS  UINT64_C(0x00fffffffffffffc)
#define HIGH_HALF        UINT64_C(0xffffffff00000000)

enum { ICVEC_KNOWN = 0x33, MESSAGE_BYTES = 16, MESSAGE_CONTROL_KNOWN = 1 };
enum { TR_GO = 1, TR_PRIVILEGED = 2, TR_EXECUTE = 4, TR_NO_WRITE = 8, TR_FAULT = 1 };

static uint64_t pair(uint32_t low, uint32_t high)
{
    return low | (uint64_t)high << 32;
}

static bool is_message(const struct iommu *iommu, uint64_t unit)
{
    return iommu->config.has_wires && unit >= IOMMU_MSI_TABLE &&
           unit < IOMMU_MSI_TABLE + IOMMU_VECTORS * MESSAGE_BYTES;
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

static uint64_t read_message(const struct iommu *iommu, uint64_t at)
{
    const struct iommu_message *message = &iommu->messages[at / MESSAGE_BYTES];
    return at % MESSAGE_BYTES ? pair(message->data, message->control) : message->address;
}

static uint64_t read_unit(const struct iommu *iommu, uint64_t unit)
{
    switch (unit) {
    case IOMMU_CAPABILITIES:
        return IOMMU_CAPABILITIES_VALUE | (iommu->config.has_wires ? IOMMU_BOTH_INTERRUPTS : 0);
    case IOMMU_FCTL: return iommu->fctl;
    case IOMMU_DDTP: return iommu->directory | atomic_load(&iommu->mode);
    case IOMMU_CQB: return iommu->commands.base;
    case IOMMU_CQH: return pair(iommu->commands.head, iommu->commands.tail);
    case IOMMU_FQB: return iommu->faults.base;
    case IOMMU_FQH: return pair(iommu->faults.head, iommu->faults.tail);
    case IOMMU_CQCSR: return pair(iommu->commands.csr, iommu->faults.csr);
    case IOMMU_IPSR & ~7u: return pair(0, iommu->ipsr);
    case IOMMU_TR_IOVA: return iommu->tr_iova;
    case IOMMU_TR_CONTROL: return iommu->tr_control;
    case IOMMU_TR_RESPONSE: return iommu->tr_response;
    case IOMMU_ICVEC: return iommu->icvec;
    default: return is_message(iommu, unit) ? read_message(iommu, unit - IOMMU_MSI_TABLE) : 0;
    }
}

uint64_t iommu_read(struct iommu *iommu, uint64_t offset, unsigned size)
{
    if (size < 4)
        return 0;
    pthread_mutex_lock(&iommu->lock);
    uint64_t value = read_unit(iommu, offset & ~UINT64_C(7));
    pthread_mutex_unlock(&iommu->lock);
    return size == 8 ? value : (uint32_t)(value >> 8 * (offset & 4));
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

/* A write of a mode that does not exist changes nothing. */
static void write_directory(struct iommu *iommu, uint64_t value)
{
    unsigned mode = value & 0xf;
    if (mode > IOMMU_3LVL)
        return;
    iommu->directory = value & IOMMU_PPN;
    atomic_store(&iommu->mode, mode);
    iommu_cache_drop(iommu);
}

/* Section "Debug support": what a device would find at the address, without an access. */
static void request_translation(struct iommu *iommu, uint64_t control)
{
    struct iommu_request request = { .device = (uint32_t)(control >> 40),
                                     .has_process = control >> 32 & 1,
                                     .access = control & TR_EXECUTE    ? IOMMU_EXECUTE
                                               : control & TR_NO_WRITE ? IOMMU_READ
                                                                       : IOMMU_WRITE,
                                     .iova = iommu->tr_iova };
    if (request.has_process) {
        request.process = control >> 12 & 0xfffff;
        request.privileged = control & TR_PRIVILEGED;
    }
    iommu->tr_control = control & TR_CONTROL_KNOWN & ~(uint64_t)TR_GO;
    if (!(control & TR_GO))
        return;
    if (iommu_walk(iommu, &request)) {
        iommu->tr_response = request.paddr >> 2 & IOMMU_PPN;
        return;
    }
    iommu_record_fault(iommu, &request);
    iommu->tr_response = TR_FAULT;
}

static void write_message(struct iommu *iommu, uint64_t at, uint64_t mask, uint64_t value)
{
    struct iommu_message *message = &iommu->messages[at / MESSAGE_BYTES];
    if (at % MESSAGE_BYTES == 0) {
        message->address = value & MESSAGE_ADDRESS;
        return;
    }
    message->data = (uint32_t)value;
    message->control = value >> 32 & MESSAGE_CONTROL_KNOWN;
    if (mask & HIGH_HALF && iommu_may_send(iommu))
        device_worker_kick(&iommu->worker, 0);
}

/* The index that software moves in a queue. A queue's base does not change while it is on, so the index stays
 * within it. */
static void write_index(const struct iommu_queue *queue, uint32_t *index, uint64_t value)
{
    *index = (uint32_t)(value & iommu_queue_mask(queue));
}

static void write_base(struct iommu_queue *queue, uint64_t value)
{
    if (queue->csr & IOMMU_Q_ON)
        return;
    queue->base = value & QUEUE_BASE_KNOWN;
    queue->head = queue->tail = 0;
}

static void write_csrs(struct iommu *iommu, uint64_t mask, uint64_t value)
{
    if (mask & ~HIGH_HALF)
        iommu_write_queue_csr(iommu, &iommu->commands, (uint32_t)value);
    if (mask & HIGH_HALF)
        iommu_write_queue_csr(iommu, &iommu->faults,
                              (uint32_t)(value >> 32) & ~(IOMMU_CQ_ILLEGAL | IOMMU_CQ_FENCE));
    iommu_update_interrupts(iommu);
}

static void write_fctl(struct iommu *iommu, uint64_t value)
{
    iommu->fctl = iommu->config.has_wires ? value & IOMMU_FCTL_WSI : 0;
    iommu_update_wires(iommu);
}

static void clear_pending(struct iommu *iommu, uint64_t value)
{
    iommu->ipsr &= ~(uint32_t)(value >> 32);
    iommu_update_wires(iommu);
    iommu_update_interrupts(iommu);
}

/* `value` has the new bits where the mask has ones, and the register's elsewhere. */
static void write_unit(struct iommu *iommu, uint64_t unit, uint64_t mask, uint64_t value)
{
    switch (unit) {
    case IOMMU_FCTL: write_fctl(iommu, value); break;
    case IOMMU_DDTP: write_directory(iommu, value); break;
    case IOMMU_CQB: write_base(&iommu->commands, value); break;
    case IOMMU_CQH: write_index(&iommu->commands, &iommu->commands.tail, value >> 32); break;
    case IOMMU_FQB: write_base(&iommu->faults, value); break;
    case IOMMU_FQH: write_index(&iommu->faults, &iommu->faults.head, value); break;
    case IOMMU_CQCSR: write_csrs(iommu, mask, value); break;
    case IOMMU_IPSR & ~7u: clear_pending(iommu, value & mask); break;
    case IOMMU_TR_IOVA: iommu->tr_iova = value; break;
    case IOMMU_TR_CONTROL: request_translation(iommu, value); break;
    case IOMMU_ICVEC:
        iommu->icvec = value & ICVEC_KNOWN;
        iommu_update_wires(iommu);
        break;
    default:
        if (is_message(iommu, unit))
            write_message(iommu, unit - IOMMU_MSI_TABLE, mask, value);
        break;
    }
    if (iommu_has_commands(iommu))
        device_worker_kick(&iommu->worker, 0);
}

void iommu_write(struct iommu *iommu, uint64_t offset, unsigned size, uint64_t value)
{
    if (size < 4)
        return;
    unsigned shift = 8 * (unsigned)(offset & 4);
    uint64_t unit = offset & ~UINT64_C(7), mask = size == 8 ? UINT64_MAX : UINT64_C(0xffffffff) << shift;
    pthread_mutex_lock(&iommu->lock);
    uint64_t whole = (read_unit(iommu, unit) & ~mask) | (value << shift & mask);
    write_unit(iommu, unit, mask, whole);
    pthread_mutex_unlock(&iommu->lock);
}
