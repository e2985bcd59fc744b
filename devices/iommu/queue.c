/* SPDX-License-Identifier: MIT
 *
 * The queues in memory (chapter "In-memory queue interface"): the IOMMU's worker takes commands from one, and
 * faults are recorded in the other, on the thread of the access that failed. Both belong to the guest: each
 * entry is read once, and a queue that is not in RAM sets its memory fault bit.
 *
 * What invalidates anything drops the whole cache, so a command's address and ids only have to be well
 * formed.
 */
#include "devices/iommu/internal.h"
#include "util/log.h"

enum { COMMAND_BYTES = 16, FAULT_BYTES = 32, BATCH = 64 };
enum { OPCODE_IOTINVAL = 1, OPCODE_IOFENCE = 2, OPCODE_IODIR = 3 };
enum { FUNCTION_VMA = 0, FUNCTION_GVMA = 1, FUNCTION_DDT = 0, FUNCTION_PDT = 1 };

#define OPCODE_BITS UINT64_C(0x3ff) /* and the function */
/* What a command may have: bits of its first doubleword and of its second one. */
#define IOTINVAL_LOW  (OPCODE_BITS | UINT64_C(0x0ffff003fffff400))
#define IOTINVAL_HIGH UINT64_C(0x3ffffffffffffc00)
#define IOTINVAL_PSCV (UINT64_C(1) << 32)
#define IOFENCE_LOW   (OPCODE_BITS | UINT64_C(0xffffffff00003c00))
#define IOFENCE_HIGH  UINT64_C(0x3fffffffffffffff)
#define IOFENCE_AV    (UINT64_C(1) << 10)
#define IOFENCE_WSI   (UINT64_C(1) << 11)
#define IODIR_LOW     (OPCODE_BITS | UINT64_C(0xffffff0200000000))
#define IODIR_PID     UINT64_C(0x00000000fffff000)
#define IODIR_DV      (UINT64_C(1) << 33)

uint64_t iommu_queue_mask(const struct iommu_queue *queue)
{
    return (UINT64_C(2) << (queue->base & 0x1f)) - 1;
}

static uint64_t entry_address(const struct iommu_queue *queue, uint32_t index, unsigned bytes)
{
    return ((queue->base & IOMMU_PPN) << 2) + (uint64_t)index * bytes;
}

static uint32_t next(const struct iommu_queue *queue, uint32_t index)
{
    return (uint32_t)((index + 1ull) & iommu_queue_mask(queue));
}

/* Enabling and disabling are done at once, so there is no `busy`. Both clear indices and errors. */
void iommu_write_queue_csr(struct iommu *iommu, struct iommu_queue *queue, uint32_t value)
{
    CHECK_HELD(&iommu->lock);
    bool enable = value & IOMMU_Q_ENABLE;
    queue->csr &= ~(value & (IOMMU_CQ_ERRORS | IOMMU_CQ_FENCE));
    queue->csr &= ~(uint32_t)IOMMU_Q_INTERRUPT;
    queue->csr |= value & IOMMU_Q_INTERRUPT;
    if (enable == (queue->csr & IOMMU_Q_ENABLE))
        return;
    queue->head = queue->tail = 0;
    queue->csr &= IOMMU_Q_INTERRUPT;
    queue->csr |= enable ? IOMMU_Q_ENABLE | IOMMU_Q_ON : 0;
}

/* ---- Faults -------------------------------------------------------------------------------------------- */

static void append_fault(struct iommu *iommu, const uint64_t record[4])
{
    struct iommu_queue *queue = &iommu->faults;
    if (!(queue->csr & IOMMU_Q_ON) || queue->csr & IOMMU_FQ_ERRORS)
        return;
    if (next(queue, queue->tail) == queue->head)
        queue->csr |= IOMMU_FQ_OVERFLOW;
    else if (!dma_write(iommu->config.memory, entry_address(queue, queue->tail, FAULT_BYTES), record,
                        FAULT_BYTES))
        queue->csr |= IOMMU_Q_MEMORY_FAULT;
    else
        queue->tail = next(queue, queue->tail);
    if (queue->csr & IOMMU_Q_INTERRUPT)
        iommu_raise(iommu, IOMMU_SOURCE_FAULTS);
}

/* These are reported even for a device whose context has DTF. */
static bool is_always_reported(enum iommu_cause cause)
{
    return cause >= IOMMU_ALL_DISALLOWED && cause <= IOMMU_DDT_MISCONFIGURED;
}

void iommu_record_fault(struct iommu *iommu, const struct iommu_request *request)
{
    CHECK_HELD(&iommu->lock);
    uint64_t record[4] = { (uint64_t)request->cause, 0, request->iova, request->value2 };
    record[0] |= (uint64_t)(request->access + 1) << 34 | (uint64_t)request->device << 40;
    if (request->has_process)
        record[0] |=
            (uint64_t)request->process << 12 | UINT64_C(1) << 32 | (uint64_t)request->privileged << 33;
    LOG_GUEST("%s: fault %u: device 0x%x, %s at 0x%llx", iommu->config.name, request->cause, request->device,
              request->access == IOMMU_WRITE ? "write" : "read", (unsigned long long)request->iova);
    if (!request->quiet || is_always_reported(request->cause))
        append_fault(iommu, record);
}

void iommu_record_own_fault(struct iommu *iommu, uint64_t address)
{
    CHECK_HELD(&iommu->lock);
    append_fault(iommu, (const uint64_t[4]){ IOMMU_OWN_MESSAGE_FAULT, 0, address, 0 });
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

/* Stores a word in memory or in an interrupt file. */
bool iommu_store_word(struct iommu *iommu, uint64_t address, uint32_t word)
{
    const struct pci_msi_target *messages = &iommu->config.messages;
    return dma_write(iommu->config.memory, address, &word, sizeof(word)) ||
           (messages->send && messages->send(messages->opaque, address, word));
}

/* The commands before it have been done. PR and PW are not waited for: a device that has translated a buffer
 * to the host's address (a virtio chain that was popped) may still access it afterwards, until its request
 * ends. Returns error bits. */
static uint32_t fence(struct iommu *iommu, const uint64_t command[2])
{
    bool wired = iommu->fctl & IOMMU_FCTL_WSI;
    if (command[0] & ~IOFENCE_LOW || command[1] & ~IOFENCE_HIGH || (command[0] & IOFENCE_WSI && !wired))
        return IOMMU_CQ_ILLEGAL;
    if (command[0] & IOFENCE_AV && !iommu_store_word(iommu, command[1] << 2, (uint32_t)(command[0] >> 32)))
        return IOMMU_Q_MEMORY_FAULT;
    if (command[0] & IOFENCE_WSI)
        iommu->commands.csr |= IOMMU_CQ_FENCE;
    return 0;
}

static uint32_t invalidate_pages(struct iommu *iommu, const uint64_t command[2], unsigned function)
{
    if (command[0] & ~IOTINVAL_LOW || command[1] & ~IOTINVAL_HIGH || function > FUNCTION_GVMA ||
        (function == FUNCTION_GVMA && command[0] & IOTINVAL_PSCV))
        return IOMMU_CQ_ILLEGAL;
    iommu_cache_drop(iommu);
    return 0;
}

/* Directories are not kept, but what was found by them is. */
static uint32_t invalidate_directory(struct iommu *iommu, const uint64_t command[2], unsigned function)
{
    static const unsigned widths[] = { 24, 24, 6, 15, 24 };
    uint64_t known = IODIR_LOW | (function == FUNCTION_PDT ? IODIR_PID : 0);
    bool has_device = command[0] & IODIR_DV;
    if (command[0] & ~known || command[1] || function > FUNCTION_PDT ||
        (function == FUNCTION_PDT && !has_device) ||
        (has_device && command[0] >> 40 >> widths[atomic_load(&iommu->mode)]))
        return IOMMU_CQ_ILLEGAL;
    iommu_cache_drop(iommu);
    return 0;
}

static uint32_t execute(struct iommu *iommu, const uint64_t command[2])
{
    unsigned function = command[0] >> 7 & 7;
    switch (command[0] & 0x7f) {
    case OPCODE_IOTINVAL: return invalidate_pages(iommu, command, function);
    case OPCODE_IOFENCE: return function ? IOMMU_CQ_ILLEGAL : fence(iommu, command);
    case OPCODE_IODIR: return invalidate_directory(iommu, command, function);
    default: return IOMMU_CQ_ILLEGAL;
    }
}

bool iommu_has_commands(const struct iommu *iommu)
{
    const struct iommu_queue *queue = &iommu->commands;
    return queue->csr & IOMMU_Q_ON && !(queue->csr & IOMMU_CQ_ERRORS) && queue->head != queue->tail;
}

bool iommu_run_commands(struct iommu *iommu)
{
    CHECK_HELD(&iommu->lock);
    struct iommu_queue *queue = &iommu->commands;
    for (unsigned n = 0; n < BATCH && iommu_has_commands(iommu); n++) {
        uint64_t command[2];
        uint64_t at = entry_address(queue, queue->head, COMMAND_BYTES);
        uint32_t errors =
            iommu_load_words(iommu, at, command, 2) ? execute(iommu, command) : IOMMU_Q_MEMORY_FAULT;
        if (errors & IOMMU_CQ_ILLEGAL)
            LOG_GUEST("%s: illegal command 0x%llx 0x%llx", iommu->config.name, (unsigned long long)command[0],
                      (unsigned long long)command[1]);
        queue->csr |= errors;
        if (!errors)
            queue->head = next(queue, queue->head);
    }
    iommu_update_interrupts(iommu);
    return iommu_has_commands(iommu);
}
