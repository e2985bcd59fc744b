/* SPDX-License-Identifier: MIT
 *
 * Queues (section 4): doorbells, taking commands, posting completions, and the interrupts for these (section
 * 7.5); and the admin commands that make and delete queues.
 *
 * A submission queue is a ring in the guest's memory that the guest may place where it likes and change at
 * any time: each entry is read once. A queue that is not in RAM makes the controller fail (CSTS.CFS).
 *
 * With pin-based interrupts the wire is high while a completion queue has entries that the driver has not
 * taken, and each new entry, and each doorbell that leaves entries behind, raises it again (irq_line). So an
 * entry that is posted while the driver's handler runs is not lost, on whatever interrupt controller.
 */
#include "devices/nvme/internal.h"

#include <string.h>

#include "devices/pci/msix.h"
#include "util/check.h"
#include "util/log.h"

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

void nvme_update_interrupts(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    bool level = (nvme->pending & ~nvme->masked) != 0;
    if (level || nvme->wire)
        pci_function_set_intx(&nvme->function, level);
    nvme->wire = level;
}

void nvme_cq_update(struct nvme *nvme, struct nvme_cq *cq)
{
    CHECK_HELD(&nvme->lock);
    bool waits = cq->exists && cq->interrupts && cq->head != cq->tail;
    if (waits != cq->waits) {
        cq->waits = waits;
        nvme->waiting[cq->vector] += waits ? 1 : -1u;
    }
    if (cq->vector >= 32)
        return;
    if (nvme->waiting[cq->vector])
        nvme->pending |= 1u << cq->vector;
    else
        nvme->pending &= ~(1u << cq->vector);
}

/* ---- Completion queues --------------------------------------------------------------------------------- */

static unsigned cq_used(const struct nvme_cq *cq)
{
    return (cq->tail + cq->size - cq->head) % cq->size;
}

bool nvme_cq_has_room(const struct nvme_cq *cq)
{
    return cq->exists && cq_used(cq) + cq->reserved + 1 < cq->size;
}

struct completion { /* section 4.6 */
    uint32_t result, unused;
    uint16_t sq_head, sq, id, status;
};
_Static_assert(sizeof(struct completion) == NVME_CQ_ENTRY, "the layout of section 4.6");

/* Do not retry what is the command's own fault. */
static bool is_final(enum nvme_status status)
{
    return status && status >> 8 != 2 && status != NVME_INTERNAL_ERROR && status != NVME_ABORT_REQUESTED;
}

/* The dword with the phase is stored last, since that is what the driver waits for. */
static bool store(struct nvme *nvme, uint64_t paddr, const struct completion *entry)
{
    uint32_t dwords[4];
    uint64_t length = sizeof(dwords), place;
    uint32_t *host = dma_map(nvme->config.dma, paddr, &length, true, &place);
    if (!host || length < sizeof(dwords))
        return false;
    memcpy(dwords, entry, sizeof(dwords));
    memcpy(host, dwords, 3 * sizeof(uint32_t));
    __atomic_store_n(&host[3], dwords[3], __ATOMIC_RELEASE);
    nvme->config.dma->ops->written(nvme->config.dma, place, sizeof(dwords));
    return true;
}

void nvme_post(struct nvme *nvme, unsigned sq, uint16_t id, enum nvme_status status, uint32_t result)
{
    CHECK_HELD(&nvme->lock);
    struct nvme_cq *cq = &nvme->cqs[nvme->sqs[sq].cq];
    struct completion entry = {
        .result = result, .sq_head = (uint16_t)nvme->sqs[sq].head, .sq = (uint16_t)sq, .id = id
    };
    CHECK(cq->exists && cq_used(cq) + 1 < cq->size);
    entry.status = (uint16_t)(cq->phase | (status & 0x7ff) << 1 | is_final(status) << 15);
    if (!store(nvme, cq->base + (uint64_t)cq->tail * NVME_CQ_ENTRY, &entry)) {
        LOG_GUEST("nvme: the completion queue at 0x%llx is not in memory", (unsigned long long)cq->base);
        nvme_fail(nvme);
        return;
    }
    if (++cq->tail == cq->size) {
        cq->tail = 0;
        cq->phase = !cq->phase;
    }
    nvme_cq_update(nvme, cq);
    if (cq->interrupts && pci_msix_enabled(&nvme->function))
        pci_msix_notify(&nvme->function, cq->vector);
    nvme_update_interrupts(nvme);
}

/* ---- Submission queues --------------------------------------------------------------------------------- */

static void set_ready(struct nvme *nvme, unsigned sq)
{
    uint64_t bit = 1ull << sq % 64;
    if (nvme->sqs[sq].exists && nvme->sqs[sq].head != nvme->sqs[sq].tail)
        nvme->ready[sq / 64] |= bit;
    else
        nvme->ready[sq / 64] &= ~bit;
}

static bool is_ready(const struct nvme *nvme, unsigned sq)
{
    return nvme->ready[sq / 64] >> sq % 64 & 1 && nvme_cq_has_room(&nvme->cqs[nvme->sqs[sq].cq]);
}

/* The queue to take the next command from: the admin queue, or the next I/O queue of the round; NVME_QUEUES
 * if there is none. */
static unsigned choose(const struct nvme *nvme)
{
    if (!nvme->admin_busy && is_ready(nvme, 0))
        return 0;
    for (unsigned n = 0; n < NVME_QUEUES; n++) {
        unsigned sq = (nvme->next_sq + n) % NVME_QUEUES;
        if (!(nvme->ready[sq / 64] >> sq % 64))
            n += 63 - sq % 64; /* none in the rest of this word */
        else if (sq && is_ready(nvme, sq))
            return sq;
    }
    return NVME_QUEUES;
}

static void accept(struct nvme *nvme, struct nvme_request *request, unsigned sq)
{
    CHECK_HELD(&nvme->lock);
    request->sq = sq;
    request->sq_epoch = nvme->sqs[sq].epoch;
    request->resets = nvme->resets;
    request->page_bits = nvme->page_bits;
    request->write_through = !(nvme->features[NVME_FEATURE_WRITE_CACHE] & 1);
    request->result = 0;
    request->rests = false;
    nvme->sqs[sq].active++;
    nvme->cqs[nvme->sqs[sq].cq].reserved++;
    nvme->admin_busy |= !sq;
}

static bool take_retry(struct nvme *nvme, struct nvme_request *request)
{
    CHECK_HELD(&nvme->lock);
    if (!nvme->retry_count || !nvme_cq_has_room(&nvme->cqs[nvme->sqs[nvme->retries[0].sq].cq]))
        return false;
    request->command = nvme->retries[0].command;
    accept(nvme, request, nvme->retries[0].sq);
    memmove(nvme->retries, nvme->retries + 1, --nvme->retry_count * sizeof(nvme->retries[0]));
    return true;
}

bool nvme_take(struct nvme *nvme, struct nvme_request *request)
{
    CHECK_HELD(&nvme->lock);
    if (!nvme_may_run(nvme))
        return false;
    if (take_retry(nvme, request))
        return true;
    unsigned number = choose(nvme);
    if (number == NVME_QUEUES)
        return false;
    struct nvme_sq *sq = &nvme->sqs[number];
    if (!dma_read(nvme->config.dma, sq->base + (uint64_t)sq->head * NVME_SQ_ENTRY, &request->command,
                  NVME_SQ_ENTRY)) {
        LOG_GUEST("nvme: the submission queue at 0x%llx is not in memory", (unsigned long long)sq->base);
        nvme_fail(nvme);
        return false;
    }
    sq->head = (sq->head + 1) % sq->size;
    set_ready(nvme, number);
    if (number)
        nvme->next_sq = number + 1;
    accept(nvme, request, number);
    return true;
}

bool nvme_has_more(const struct nvme *nvme)
{
    return choose(nvme) != NVME_QUEUES;
}

bool nvme_is_wanted(const struct nvme *nvme, const struct nvme_request *request)
{
    return request->resets == nvme->resets && request->sq_epoch == nvme->sqs[request->sq].epoch;
}

void nvme_finish(struct nvme *nvme, struct nvme_request *request, enum nvme_status status)
{
    CHECK_HELD(&nvme->lock);
    if (!request->sq)
        nvme->admin_busy = false;
    if (request->resets != nvme->resets)
        return; /* its queue is gone */
    struct nvme_sq *sq = &nvme->sqs[request->sq];
    sq->active--;
    nvme->cqs[sq->cq].reserved--;
    if (status == NVME_PARKED)
        nvme_event_deliver(nvme);
    else if (nvme_is_wanted(nvme, request))
        nvme_post(nvme, request->sq, request->command.id, status, request->result);
    if (!sq->active)
        pthread_cond_broadcast(&nvme->ended);
}

/* ---- Doorbells ----------------------------------------------------------------------------------------- */

static void ring_sq(struct nvme *nvme, unsigned number, uint32_t tail)
{
    CHECK_HELD(&nvme->lock);
    if (tail >= nvme->sqs[number].size) {
        LOG_GUEST("nvme: tail %u of submission queue %u with %u entries", tail, number,
                  nvme->sqs[number].size);
        nvme_event(nvme, NVME_EVENT_BAD_DOORBELL_VALUE);
        return;
    }
    nvme->sqs[number].tail = tail;
    set_ready(nvme, number);
    device_worker_kick(&nvme->worker, 0);
}

static void ring_cq(struct nvme *nvme, unsigned number, uint32_t head)
{
    CHECK_HELD(&nvme->lock);
    struct nvme_cq *cq = &nvme->cqs[number];
    if (head >= cq->size || (head + cq->size - cq->head) % cq->size > cq_used(cq)) {
        LOG_GUEST("nvme: head %u of completion queue %u with %u entries, %u of them used", head, number,
                  cq->size, cq_used(cq));
        nvme_event(nvme, NVME_EVENT_BAD_DOORBELL_VALUE);
        return;
    }
    cq->head = head;
    nvme_cq_update(nvme, cq);
    nvme_update_interrupts(nvme);
    if (!number)
        nvme_event_deliver(nvme);
    device_worker_kick(&nvme->worker, 0); /* there is room for more */
}

void nvme_doorbell(struct nvme *nvme, unsigned offset, uint32_t value)
{
    CHECK_HELD(&nvme->lock);
    unsigned number = offset / 8;
    bool is_cq = offset & 4;
    if (number >= NVME_QUEUES || !(is_cq ? nvme->cqs[number].exists : nvme->sqs[number].exists)) {
        LOG_GUEST("nvme: doorbell of %s queue %u, which does not exist", is_cq ? "completion" : "submission",
                  number);
        nvme_event(nvme, NVME_EVENT_BAD_DOORBELL);
    } else if (is_cq) {
        ring_cq(nvme, number, value);
    } else {
        ring_sq(nvme, number, value);
    }
}

/* ---- Making and deleting queues ------------------------------------------------------------------------ */

/* The numbers of retired queues tell commands of theirs from those of new ones. */
static void retire(struct nvme_sq *sq)
{
    *sq = (struct nvme_sq){ .epoch = sq->epoch + 1, .active = sq->active };
}

void nvme_queues_clear(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    for (unsigned n = 0; n < NVME_QUEUES; n++) {
        retire(&nvme->sqs[n]);
        nvme->sqs[n].active = 0;
        nvme->cqs[n] = (struct nvme_cq){ .exists = false };
    }
    memset(nvme->ready, 0, sizeof(nvme->ready));
    memset(nvme->waiting, 0, sizeof(nvme->waiting));
    nvme->pending = 0;
    nvme->admin_busy = false;
}

static struct nvme_cq new_cq(uint64_t base, unsigned size, unsigned vector, bool interrupts)
{
    return (struct nvme_cq){
        .exists = true, .base = base, .size = size, .vector = vector, .interrupts = interrupts, .phase = true
    };
}

static void start_sq(struct nvme_sq *sq, uint64_t base, unsigned size, unsigned cq)
{
    *sq = (struct nvme_sq){ .exists = true, .base = base, .size = size, .cq = cq, .epoch = sq->epoch };
}

void nvme_queues_start(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->cqs[0] = new_cq(nvme->acq, (nvme->aqa >> 16) + 1, 0, true);
    start_sq(&nvme->sqs[0], nvme->asq, (nvme->aqa & 0xfff) + 1, 0);
}

/* What making a queue of either kind checks (sections 5.3 and 5.4). CC says how large entries are, and the
 * driver may choose that after it has enabled the controller. */
static enum nvme_status check_new(const struct nvme *nvme, const struct nvme_command *command, bool exists,
                                  unsigned entry_bits, unsigned wanted_bits)
{
    unsigned number = command->cdw10 & 0xffff, size = (command->cdw10 >> 16) + 1;
    if (!number || number > nvme->config.io_queues || exists)
        return NVME_INVALID_QUEUE_ID;
    if (size < 2 || size > nvme->config.entries || entry_bits != wanted_bits)
        return NVME_INVALID_QUEUE_SIZE;
    if (!(command->cdw11 & 1)) /* not contiguous */
        return NVME_INVALID_FIELD;
    if (command->prp1 & ((1ull << nvme->page_bits) - 1))
        return NVME_INVALID_PRP_OFFSET;
    return NVME_OK;
}

enum nvme_status nvme_create_cq(struct nvme *nvme, const struct nvme_command *command)
{
    CHECK_HELD(&nvme->lock);
    unsigned number = command->cdw10 & 0xffff, vector = command->cdw11 >> 16;
    bool exists = number < NVME_QUEUES && nvme->cqs[number].exists;
    enum nvme_status status = check_new(nvme, command, exists, nvme->cc >> 20 & 15, 4);
    if (status)
        return status;
    if (vector >= nvme->config.vectors || (vector && !pci_msix_enabled(&nvme->function)))
        return NVME_INVALID_VECTOR;
    nvme->cqs[number] = new_cq(command->prp1, (command->cdw10 >> 16) + 1, vector, command->cdw11 & 2);
    return NVME_OK;
}

enum nvme_status nvme_create_sq(struct nvme *nvme, const struct nvme_command *command)
{
    CHECK_HELD(&nvme->lock);
    unsigned number = command->cdw10 & 0xffff, cq = command->cdw11 >> 16;
    bool exists = number < NVME_QUEUES && nvme->sqs[number].exists;
    enum nvme_status status = check_new(nvme, command, exists, nvme->cc >> 16 & 15, 6);
    if (status)
        return status;
    if (!cq || cq >= NVME_QUEUES || !nvme->cqs[cq].exists)
        return NVME_INVALID_CQ;
    start_sq(&nvme->sqs[number], command->prp1, (command->cdw10 >> 16) + 1, cq);
    return NVME_OK;
}

enum nvme_status nvme_delete_cq(struct nvme *nvme, const struct nvme_command *command)
{
    CHECK_HELD(&nvme->lock);
    unsigned number = command->cdw10 & 0xffff;
    if (!number || number >= NVME_QUEUES || !nvme->cqs[number].exists)
        return NVME_INVALID_QUEUE_ID;
    for (unsigned n = 1; n < NVME_QUEUES; n++)
        if (nvme->sqs[n].exists && nvme->sqs[n].cq == number)
            return NVME_INVALID_QUEUE_DELETION;
    struct nvme_cq *cq = &nvme->cqs[number];
    cq->exists = false;
    nvme_cq_update(nvme, cq);
    *cq = (struct nvme_cq){ .exists = false };
    nvme_update_interrupts(nvme);
    return NVME_OK;
}

/* Commands of a saved state that were not tried again yet. */
static void drop_retries(struct nvme *nvme, unsigned sq)
{
    CHECK_HELD(&nvme->lock);
    unsigned kept = 0;
    for (unsigned n = 0; n < nvme->retry_count; n++)
        if (nvme->retries[n].sq != sq)
            nvme->retries[kept++] = nvme->retries[n];
    nvme->retry_count = kept;
}

/* Section 5.6: when the command has completed, none of the queue's commands touches the guest's memory any
 * more. Those that had not ended are dropped without an entry of their own. */
enum nvme_status nvme_delete_sq(struct nvme *nvme, const struct nvme_command *command)
{
    CHECK_HELD(&nvme->lock);
    unsigned number = command->cdw10 & 0xffff, resets = nvme->resets;
    if (!number || number >= NVME_QUEUES || !nvme->sqs[number].exists)
        return NVME_INVALID_QUEUE_ID;
    struct nvme_sq *sq = &nvme->sqs[number];
    unsigned cq = sq->cq;
    retire(sq);
    sq->cq = cq; /* where its commands have kept room */
    set_ready(nvme, number);
    drop_retries(nvme, number);
    while (sq->active && nvme->resets == resets)
        pthread_cond_wait(&nvme->ended, &nvme->lock);
    return NVME_OK;
}
