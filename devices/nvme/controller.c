/* SPDX-License-Identifier: MIT
 *
 * Controller registers (section 3.1), enabling, reset and shutdown (sections 7.3 and 7.6).
 *
 * No hart waits for the host here. A reset (CC.EN becomes 0) stops commands from being taken at once;
 * CSTS.RDY becomes 0 when the last command that is under way has ended, on that command's thread. In the same
 * way CSTS.SHST says that a shutdown is complete when the disk was flushed. Resets of the function, saving,
 * and taking bus mastering away do wait, like those of all devices.
 */
#include "devices/nvme/internal.h"

#include "util/check.h"
#include "util/log.h"

enum { /* registers */
       REG_CAP = 0x00,
       REG_CAP_HIGH = 0x04,
       REG_VS = 0x08,
       REG_INTMS = 0x0c,
       REG_INTMC = 0x10,
       REG_CC = 0x14,
       REG_CSTS = 0x1c,
       REG_AQA = 0x24,
       REG_ASQ = 0x28,
       REG_ASQ_HIGH = 0x2c,
       REG_ACQ = 0x30,
       REG_ACQ_HIGH = 0x34,
       REG_DOORBELLS = 0x1000,
};

enum {                           /* CAP: bits of the low half; the high half */
       CAP_CONTIGUOUS = 1 << 16, /* queues */
       CAP_TIMEOUT = 15 << 24,   /* in half seconds */
       CAP_HIGH_NVM = 1 << 5,    /* the NVM command set */
       CAP_HIGH_PAGE_MAX = 4 << 20,
       PAGE_MAX = 4 /* 64 KiB; 4 KiB << n */
};

enum { /* CC */
       CC_ENABLE = 1 << 0,
       CC_COMMAND_SET = 7 << 4,
       CC_ARBITRATION = 7 << 11,
       CC_SHUTDOWN = 3 << 14,
       CC_WRITABLE = 0xfffff1
};
#define CC_PAGE(cc) ((cc) >> 7 & 15)

enum { CSTS_READY = 1 << 0, CSTS_FATAL = 1 << 1, CSTS_SHUTDOWN = 3 << 2 };
enum { CSTS_SHUTDOWN_RUNS = 1 << 2, CSTS_SHUTDOWN_COMPLETE = 2 << 2 };
#define AQA_WRITABLE 0xfff0fffu

bool nvme_may_run(const struct nvme *nvme)
{
    CHECK_HELD((pthread_mutex_t *)&nvme->lock);
    return (nvme->csts & (CSTS_READY | CSTS_FATAL)) == CSTS_READY && !nvme->resetting && !nvme->stopped &&
           !nvme->pauses;
}

void nvme_fail(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->csts |= CSTS_FATAL;
}

/* ---- Enabling ------------------------------------------------------------------------------------------ */

unsigned nvme_cc_page_bits(uint32_t cc)
{
    return NVME_PAGE_BITS + CC_PAGE(cc);
}

bool nvme_cc_is_possible(const struct nvme *nvme, uint32_t cc)
{
    uint64_t offset = (1ull << nvme_cc_page_bits(cc)) - 1;
    return CC_PAGE(cc) <= PAGE_MAX && !(cc & (CC_COMMAND_SET | CC_ARBITRATION)) && (nvme->aqa & 0xfff) &&
           nvme->aqa >> 16 && !((nvme->asq | nvme->acq) & offset);
}

static void enable(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    if (!nvme_cc_is_possible(nvme, nvme->cc)) {
        LOG_GUEST("nvme: enabled with CC 0x%x, AQA 0x%x, ASQ 0x%llx, ACQ 0x%llx", nvme->cc, nvme->aqa,
                  (unsigned long long)nvme->asq, (unsigned long long)nvme->acq);
        nvme_fail(nvme);
        return;
    }
    nvme->page_bits = nvme_cc_page_bits(nvme->cc);
    nvme_queues_start(nvme);
    nvme->csts |= CSTS_READY;
}

/* ---- Reset and shutdown -------------------------------------------------------------------------------- */

void nvme_forget_commands(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->resets++;
    nvme->resetting = true;
    pthread_cond_broadcast(&nvme->ended);
}

/* What a reset of the controller clears; the registers of the admin queues stay (section 7.3.2). */
static void finish_reset(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme_queues_clear(nvme);
    nvme_features_reset(nvme);
    nvme->event_count = nvme->retry_count = 0;
    nvme->event_pending = nvme->event_masked = nvme->flush_wanted = false;
    nvme->masked = nvme->csts = 0;
    nvme->resetting = false;
    nvme_update_interrupts(nvme);
    if (nvme->cc & CC_ENABLE)
        enable(nvme);
}

void nvme_controller_clear(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme_forget_commands(nvme);
    nvme->cc = nvme->aqa = 0;
    nvme->asq = nvme->acq = 0;
    finish_reset(nvme);
}

static void begin_reset(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme_forget_commands(nvme);
    if (!nvme->worker.busy)
        finish_reset(nvme);
}

void nvme_pause(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->pauses++;
    device_worker_wait_idle(&nvme->worker);
    if (nvme->resetting) /* the thread that would have ended the reset rests */
        finish_reset(nvme);
}

void nvme_resume(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    nvme->pauses--;
    device_worker_kick(&nvme->worker, 0); /* commands may have been left behind */
}

static void flush_for_shutdown(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    unsigned resets = nvme->resets;
    nvme->flush_wanted = false;
    pthread_mutex_unlock(&nvme->lock);
    int rc = blockdev_flush(nvme->config.blockdev);
    if (rc)
        block_request_failed(&nvme->config.on_error, "nvme", nvme->config.blockdev, BLOCK_FLUSH, 0, rc);
    pthread_mutex_lock(&nvme->lock);
    if (nvme->resets == resets && nvme->csts & CSTS_SHUTDOWN)
        nvme->csts = (nvme->csts & ~(uint32_t)CSTS_SHUTDOWN) | CSTS_SHUTDOWN_COMPLETE;
}

void nvme_controller_settle(struct nvme *nvme)
{
    CHECK_HELD(&nvme->lock);
    if (nvme->flush_wanted && !nvme->pauses)
        flush_for_shutdown(nvme);
    if (nvme->resetting && nvme->worker.busy == 1) /* the calling thread */
        finish_reset(nvme);
}

static void write_shutdown(struct nvme *nvme, uint32_t before)
{
    CHECK_HELD(&nvme->lock);
    bool asked = before & CC_SHUTDOWN, asks = nvme->cc & CC_SHUTDOWN;
    if (asks == asked)
        return;
    nvme->csts &= ~(uint32_t)CSTS_SHUTDOWN;
    nvme->flush_wanted = asks;
    if (!asks)
        return;
    nvme->csts |= CSTS_SHUTDOWN_RUNS;
    device_worker_kick(&nvme->worker, 0);
}

static void write_cc(struct nvme *nvme, uint32_t value)
{
    CHECK_HELD(&nvme->lock);
    uint32_t before = nvme->cc;
    nvme->cc = value & CC_WRITABLE;
    if (before & ~nvme->cc & CC_ENABLE)
        begin_reset(nvme);
    else if (nvme->cc & ~before & CC_ENABLE && !nvme->resetting)
        enable(nvme);
    write_shutdown(nvme, before);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

uint32_t nvme_register_read(struct nvme *nvme, unsigned offset)
{
    CHECK_HELD(&nvme->lock);
    switch (offset) {
    case REG_CAP: return CAP_TIMEOUT | CAP_CONTIGUOUS | (nvme->config.entries - 1);
    case REG_CAP_HIGH: return CAP_HIGH_PAGE_MAX | CAP_HIGH_NVM;
    case REG_VS: return NVME_VERSION;
    case REG_INTMS:
    case REG_INTMC: return nvme->masked;
    case REG_CC: return nvme->cc;
    case REG_CSTS: return nvme->csts;
    case REG_AQA: return nvme->aqa;
    case REG_ASQ: return (uint32_t)nvme->asq;
    case REG_ASQ_HIGH: return (uint32_t)(nvme->asq >> 32);
    case REG_ACQ: return (uint32_t)nvme->acq;
    case REG_ACQ_HIGH: return (uint32_t)(nvme->acq >> 32);
    default: return 0; /* reserved, registers of features that are not there, doorbells */
    }
}

static uint64_t with_half(uint64_t before, bool high, uint32_t value)
{
    return high ? (before & UINT32_MAX) | (uint64_t)value << 32
                : (before & ~(uint64_t)UINT32_MAX) | (value & ~0xfffu);
}

static void write_mask(struct nvme *nvme, uint32_t masked)
{
    CHECK_HELD(&nvme->lock);
    nvme->masked = masked;
    nvme_update_interrupts(nvme);
}

void nvme_register_write(struct nvme *nvme, unsigned offset, uint32_t value)
{
    CHECK_HELD(&nvme->lock);
    if (offset >= REG_DOORBELLS) {
        if (nvme->csts & CSTS_READY && !nvme->resetting)
            nvme_doorbell(nvme, offset - REG_DOORBELLS, value);
        return;
    }
    switch (offset) {
    case REG_INTMS: write_mask(nvme, nvme->masked | value); break;
    case REG_INTMC: write_mask(nvme, nvme->masked & ~value); break;
    case REG_CC: write_cc(nvme, value); break;
    case REG_AQA: nvme->aqa = value & AQA_WRITABLE; break;
    case REG_ASQ:
    case REG_ASQ_HIGH: nvme->asq = with_half(nvme->asq, offset == REG_ASQ_HIGH, value); break;
    case REG_ACQ:
    case REG_ACQ_HIGH: nvme->acq = with_half(nvme->acq, offset == REG_ACQ_HIGH, value); break;
    default: LOG_GUEST("nvme: 0x%x is written to offset 0x%x, which is read-only", value, offset);
    }
}
