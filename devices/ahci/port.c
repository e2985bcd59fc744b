/* SPDX-License-Identifier: MIT
 *
 * Ports: their registers (section 3.3), resets, and the way of a command from PxCI to the frames (FIS) that
 * the driver gets.
 */
#include "devices/ahci/internal.h"

#include <string.h>

#include "devices/pci/msi.h"
#include "util/check.h"
#include "util/log.h"

#define LOOK_MS 50 /* between two checks whether a stopped machine goes on */

enum { /* registers of a port */
       PORT_LIST = 0x00,
       PORT_LIST_HIGH = 0x04,
       PORT_FIS = 0x08,
       PORT_FIS_HIGH = 0x0c,
       PORT_IS = 0x10,
       PORT_IE = 0x14,
       PORT_CMD = 0x18,
       PORT_TFD = 0x20,
       PORT_SIG = 0x24,
       PORT_SSTATUS = 0x28,
       PORT_SCONTROL = 0x2c,
       PORT_SERROR = 0x30,
       PORT_SACTIVE = 0x34,
       PORT_ISSUE = 0x38,
};
enum { RFIS_PIO = 0x20, RFIS_D2H = 0x40, RFIS_SET_BITS = 0x58 }; /* where frames go, section 4.2.1 */
#define CMD_WRITABLE   (CMD_START | CMD_SPIN_UP | CMD_POWER_ON | CMD_FIS_ENABLE | CMD_ATAPI)
#define IE_WRITABLE    0xfdc000ffu
#define LINK_UP        0x113u /* active, 1.5 Gb/s, a device is there */
#define SIGNATURE_ATA  0x00000101u
#define SIGNATURE_CD   0xeb140101u
#define STATUS_NOTHING 0x7fu

static bool is_there(const struct ahci_port *port)
{
    return port->disk || port->cd;
}

void ahci_update_interrupts(struct ahci *ahci)
{
    CHECK_HELD(&ahci->lock);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        if (ahci->ports[n].is & ahci->ports[n].ie)
            ahci->is |= 1u << n;
    bool level = ahci->is && ahci->ghc & 2;
    pci_function_set_intx(&ahci->function, level);
    if (level)
        pci_msi_notify(&ahci->function, 0);
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static void post(struct ahci_port *port, unsigned place, const uint8_t *fis, unsigned length, uint32_t is)
{
    bool wanted = port->cmd & CMD_FIS_ENABLE && !port->ahci->stopped;
    if (wanted && !dma_write(port->ahci->dma, port->fis + place, fis, length))
        port->is |= IS_HOST_BUS;
    port->is |= is;
    ahci_update_interrupts(port->ahci);
}

/* The frame in which a device tells its status: bytes 4 to 13 are the task's registers, or the signature. */
static void post_status(struct ahci_port *port, const uint8_t registers[10], uint32_t is)
{
    uint8_t fis[20] = { FIS_D2H, is ? 0x40 : 0, (uint8_t)port->tfd, (uint8_t)(port->tfd >> 8) };
    memcpy(fis + 4, registers, 10);
    post(port, RFIS_D2H, fis, sizeof(fis), is);
}

static void set_signature(struct ahci_port *port)
{
    port->tfd = is_there(port) ? 0x100 | STATUS_READY | STATUS_SEEK : STATUS_NOTHING;
    port->sig = port->cd ? SIGNATURE_CD : is_there(port) ? SIGNATURE_ATA : UINT32_MAX;
}

void ahci_port_init(struct ahci_port *port)
{
    port->cmd = CMD_SPIN_UP | CMD_POWER_ON;
    port->write_cache = true;
    set_signature(port);
}

/* After a reset, a device says what it is. */
static void post_signature(struct ahci_port *port)
{
    uint8_t registers[10] = { 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
    set_signature(port);
    if (port->cd) {
        registers[1] = 0x14;
        registers[2] = 0xeb;
    }
    if (is_there(port))
        post_status(port, registers, 0);
}

/* ---- Resets -------------------------------------------------------------------------------------------- */

void ahci_port_forget(struct ahci_port *port)
{
    port->epoch++;
    port->queued = port->issue = port->sactive = 0;
}

static void reset_device(struct ahci_port *port)
{
    port->resets = false;
    port->write_cache = true;
    port->soft_reset = false;
    if (port->cd)
        scsi_unit_reset(port->cd);
    post_signature(port);
}

/* What is under way may still reach memory, so the device stays busy until it has ended. */
static void ask_for_reset(struct ahci_port *port)
{
    ahci_port_forget(port);
    port->resets = is_there(port);
    if (port->busy && !port->rests)
        port->tfd = STATUS_BUSY;
    else
        reset_device(port);
}

void ahci_port_clear(struct ahci_port *port)
{
    ahci_port_forget(port);
    port->list = port->fis = 0;
    port->is = port->ie = port->scontrol = port->serror = 0;
    port->cmd = CMD_SPIN_UP | CMD_POWER_ON;
    port->halted = false;
    port->failed_status = 0;
    reset_device(port);
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

uint32_t ahci_port_read(const struct ahci_port *port, unsigned offset)
{
    uint32_t running = port->cmd & CMD_START || (port->busy && !port->rests) ? CMD_RUNNING : 0;
    switch (offset) {
    case PORT_LIST: return (uint32_t)port->list;
    case PORT_LIST_HIGH: return (uint32_t)(port->list >> 32);
    case PORT_FIS: return (uint32_t)port->fis;
    case PORT_FIS_HIGH: return (uint32_t)(port->fis >> 32);
    case PORT_IS: return port->is;
    case PORT_IE: return port->ie;
    case PORT_CMD:
        return port->cmd | running | (port->cmd & CMD_START ? port->slot << 8 : 0) |
               (port->cmd & CMD_FIS_ENABLE ? CMD_FIS_RUNNING : 0);
    case PORT_TFD: return port->tfd;
    case PORT_SIG: return port->sig;
    case PORT_SSTATUS: return is_there(port) && (port->scontrol & 0xf) != 4 ? LINK_UP : 0;
    case PORT_SCONTROL: return port->scontrol;
    case PORT_SERROR: return port->serror;
    case PORT_SACTIVE: return port->sactive;
    case PORT_ISSUE: return port->issue;
    default: return 0;
    }
}

static void write_cmd(struct ahci_port *port, uint32_t value)
{
    uint32_t before = port->cmd;
    port->cmd = value & CMD_WRITABLE;
    if (value & CMD_OVERRIDE)
        port->tfd &= ~(uint32_t)(STATUS_BUSY | STATUS_REQUEST);
    if (before & ~port->cmd & CMD_START)
        ahci_port_forget(port);
    if (~before & port->cmd & CMD_START)
        port->halted = false;
    if (~before & port->cmd & CMD_FIS_ENABLE && !(port->busy && !port->rests))
        post_signature(port);
}

static void write_scontrol(struct ahci_port *port, uint32_t value)
{
    bool was_resetting = (port->scontrol & 0xf) == 1;
    port->scontrol = value & 0xfff;
    if (was_resetting && !(value & 0xf))
        ask_for_reset(port);
}

static void write_issue(struct ahci_port *port, uint32_t value)
{
    if (!(port->cmd & CMD_START) || !is_there(port))
        return;
    port->queued |= value & ~port->issue;
    port->issue |= value;
    ahci_port_kick(port);
}

void ahci_port_write(struct ahci_port *port, unsigned offset, uint32_t value)
{
    switch (offset) {
    case PORT_LIST: port->list = (port->list & ~UINT64_C(0xffffffff)) | (value & ~0x3ffu); break;
    case PORT_LIST_HIGH: port->list = (port->list & 0xffffffff) | (uint64_t)value << 32; break;
    case PORT_FIS: port->fis = (port->fis & ~UINT64_C(0xffffffff)) | (value & ~0xffu); break;
    case PORT_FIS_HIGH: port->fis = (port->fis & 0xffffffff) | (uint64_t)value << 32; break;
    case PORT_IS: port->is &= ~value; break;
    case PORT_IE: port->ie = value & IE_WRITABLE; break;
    case PORT_CMD: write_cmd(port, value); break;
    case PORT_SCONTROL: write_scontrol(port, value); break;
    case PORT_SERROR: port->serror &= ~value; break;
    case PORT_SACTIVE: port->sactive |= port->cmd & CMD_START ? value : 0; break;
    case PORT_ISSUE: write_issue(port, value); break;
    default: LOG_GUEST("ahci: write of 0x%x to register 0x%x of a port", value, offset);
    }
    ahci_update_interrupts(port->ahci);
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

void ahci_port_kick(struct ahci_port *port)
{
    if (port->queued)
        device_worker_kick(&port->ahci->worker, port->number);
}

/* Takes the next command; false: there is none, or none may be taken. [locked] */
static bool take(struct ahci_port *port, struct ahci_task *task)
{
    const struct ahci *ahci = port->ahci;
    CHECK_HELD((pthread_mutex_t *)&ahci->lock);
    if (!port->queued || port->busy || port->halted || port->resets || ahci->pauses || ahci->stopped ||
        ahci->ghc & 1 || !(port->cmd & CMD_START))
        return false;
    /* From the slot after the last one on, so that none waits for ever. */
    unsigned next = (port->slot + 1) % AHCI_SLOTS;
    uint32_t later = port->queued >> next << next;
    port->slot = (unsigned)__builtin_ctz(later ? later : port->queued);
    port->busy = true;
    if (!(port->sactive >> port->slot & 1)) /* a queued command leaves the device free for others */
        port->tfd |= STATUS_BUSY;
    task->ahci = port->ahci;
    task->port = port;
    task->epoch = port->epoch;
    task->slot = port->slot;
    task->header_at = port->list + port->slot * 32u;
    task->fis_at = port->fis;
    task->write_cache = port->write_cache;
    return true;
}

static bool is_wanted(const struct ahci_port *port, const struct ahci_task *task)
{
    return port->epoch == task->epoch && !port->ahci->worker.stop;
}

/* A change of the control register: the driver may reset the device (ATA's SRST). */
static void end_control(struct ahci_port *port, const struct ahci_task *task)
{
    bool reset = task->fis[15] & 4;
    port->issue &= ~(1u << task->slot);
    port->tfd |= reset ? STATUS_BUSY : 0;
    if (port->soft_reset && !reset)
        reset_device(port);
    port->soft_reset = reset;
}

static void note_failure(struct ahci_port *port, const struct ahci_task *task)
{
    port->halted = true;
    port->failed_tag = task->queued ? (uint8_t)task->slot : 0x80;
    port->failed_status = task->status;
    port->failed_error = task->error;
    port->failed_block = task->fis[4] | task->fis[5] << 8 | task->fis[6] << 16 |
                         (uint64_t)task->fis[8] << 24 | (uint64_t)task->fis[9] << 32 |
                         (uint64_t)task->fis[10] << 40;
}

/* Tells the driver by a frame, of which kind depends on the command. */
static void post_result(struct ahci_port *port, const struct ahci_task *task, bool failed)
{
    uint32_t bit = 1u << task->slot, bad = failed ? IS_TASK_FILE : 0;
    if (task->queued) {
        uint8_t fis[8] = { FIS_SET_BITS, 0x40, task->status & 0x77, task->error };
        ahci_put32(fis + 4, failed ? 0 : bit);
        port->sactive &= failed ? UINT32_MAX : ~bit;
        post(port, RFIS_SET_BITS, fis, sizeof(fis), IS_SET_BITS | bad);
    } else if (task->pio && !failed) {
        uint8_t fis[20] = { FIS_PIO, 0x60, task->status | STATUS_REQUEST, task->error };
        fis[15] = task->status;
        fis[16] = (uint8_t)task->done, fis[17] = (uint8_t)(task->done >> 8);
        post(port, RFIS_PIO, fis, sizeof(fis), IS_PIO);
    } else {
        uint8_t registers[10];
        memcpy(registers, task->fis + 4, 8);
        registers[8] = task->reason ? task->reason : task->fis[12];
        registers[9] = task->fis[13];
        post_status(port, registers, IS_D2H | bad);
    }
}

/* Ends a command. [locked] */
static void finish(struct ahci_port *port, const struct ahci_task *task)
{
    bool failed = task->status & STATUS_ERROR;
    port->queued &= ~(1u << task->slot);
    port->tfd &= ~(uint32_t)STATUS_BUSY;
    if (task->fatal) {
        port->halted = true;
        port->is |= IS_HOST_BUS;
        return;
    }
    if (task->control) {
        end_control(port, task);
        return;
    }
    if (task->cache_set)
        port->write_cache = task->cache;
    port->tfd = task->status | (uint32_t)task->error << 8;
    if (failed)
        note_failure(port, task);
    if (!failed || task->queued) /* else the driver sees by PxCI which one has failed */
        port->issue &= ~(1u << task->slot);
    post_result(port, task, failed);
}

/* Waits until the machine goes on. False: the command is not wanted any more. [locked] */
static bool wait_to_go_on(struct ahci_port *port, const struct ahci_task *task)
{
    struct ahci *ahci = port->ahci;
    port->rests = true;
    do
        device_worker_rest(&ahci->worker, LOOK_MS);
    while (is_wanted(port, task) &&
           (ahci->pauses || ahci->stopped || port->on_error.stopped(port->on_error.opaque)));
    port->rests = false;
    return is_wanted(port, task);
}

void ahci_run(void *opaque, unsigned number)
{
    struct ahci *ahci = opaque;
    struct ahci_port *port = &ahci->ports[number];
    struct ahci_task *task = &ahci->tasks[number];
    CHECK_HELD(&ahci->lock);
    while (take(port, task)) {
        bool wanted = true;
        do {
            pthread_mutex_unlock(&ahci->lock);
            ahci_execute(task);
            pthread_mutex_lock(&ahci->lock);
        } while (task->again && (wanted = wait_to_go_on(port, task)));
        port->busy = false;
        if (port->resets)
            reset_device(port);
        else if (wanted && is_wanted(port, task))
            finish(port, task);
        else
            port->tfd &= ~(uint32_t)STATUS_BUSY;
        ahci_settle(ahci);
        ahci_update_interrupts(ahci);
    }
}
