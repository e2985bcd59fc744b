/* SPDX-License-Identifier: MIT
 *
 * What the files of the AHCI controller share. Section numbers are those of AHCI 1.3.1; ATA commands are
 * those of ACS-3.
 *
 * One lock covers registers and ports. Commands are executed by the threads of a device_worker without it:
 * one at a time on each port. A command that was issued is in `queued` until it has ended, so that it can be
 * executed again after the machine was stopped (werror=stop), or was saved and loaded. What outlives a reset
 * of its port is dropped: `epoch` tells.
 */
#ifndef DEVICES_AHCI_INTERNAL_H
#define DEVICES_AHCI_INTERNAL_H

#include "devices/ahci/ahci.h"
#include "devices/scsi/scsi.h"
#include "devices/worker.h"

#define AHCI_SLOTS   32u
#define AHCI_FIS_MAX 64u /* bytes of the command FIS */

enum { /* bits of PxCMD, section 3.3.7 */
       CMD_START = 1u << 0,
       CMD_SPIN_UP = 1u << 1,
       CMD_POWER_ON = 1u << 2,
       CMD_OVERRIDE = 1u << 3,
       CMD_FIS_ENABLE = 1u << 4,
       CMD_FIS_RUNNING = 1u << 14,
       CMD_RUNNING = 1u << 15,
       CMD_ATAPI = 1u << 24,
};
enum { /* bits of PxIS */
       IS_D2H = 1u << 0,
       IS_PIO = 1u << 1,
       IS_SET_BITS = 1u << 3,
       IS_HOST_BUS = 1u << 29,
       IS_TASK_FILE = 1u << 30,
};
enum {
    STATUS_ERROR = 0x01,
    STATUS_REQUEST = 0x08,
    STATUS_SEEK = 0x10,
    STATUS_READY = 0x40,
    STATUS_BUSY = 0x80
};
enum { ERROR_ABORT = 0x04, ERROR_NOT_FOUND = 0x10, ERROR_DATA = 0x40 };
enum { FIS_D2H = 0x34, FIS_H2D = 0x27, FIS_PIO = 0x5f, FIS_SET_BITS = 0xa1 };

struct ahci;

struct ahci_port {
    struct ahci *ahci;
    unsigned number;
    /* What is on it; constant. Neither: nothing. */
    struct blockdev *disk;
    struct scsi_unit *cd;
    struct block_on_error on_error;
    char serial[21];
    char model[41];
    unsigned rotation_rate;
    uint64_t wwn;

    uint64_t list, fis; /* PxCLB, PxFB */
    uint32_t is, ie, cmd, tfd, sig, scontrol, serror, sactive, issue;
    uint32_t queued;  /* commands that were issued and have not ended */
    bool busy;        /* one is with a thread */
    bool rests;       /* it waits until the machine goes on */
    bool halted;      /* after an error, until the driver starts the port anew */
    bool resets;      /* a reset waits for the thread */
    bool soft_reset;  /* the driver holds the device in reset */
    bool write_cache; /* of a disk */
    unsigned slot;    /* of the command that is with a thread; PxCMD.CCS */
    unsigned epoch;   /* changes when commands are dropped */
    uint8_t failed_tag, failed_status, failed_error; /* for the log of queued commands */
    uint64_t failed_block;
};

/* A command that a thread executes. It belongs to that thread. */
struct ahci_task {
    struct ahci *ahci;
    struct ahci_port *port;
    unsigned epoch;
    unsigned slot;
    uint64_t header_at, table_at, fis_at; /* guest physical */
    uint32_t flags;                       /* dword 0 of the header */
    bool write_cache;
    uint8_t fis[AHCI_FIS_MAX];
    struct iovec iov[BLOCKDEV_IOV_MAX];
    uint64_t places[BLOCKDEV_IOV_MAX]; /* guest physical, of `iov`, which changes when it is used */
    uint32_t lengths[BLOCKDEV_IOV_MAX];
    unsigned iov_count;
    /* The result. */
    uint8_t status, error;
    uint8_t reason;                 /* of ATAPI: the interrupt reason */
    uint32_t done;                  /* bytes transferred */
    bool queued, pio, again, fatal; /* fatal: the guest's structures are not in memory */
    bool control;                   /* it was no command, but a change of the control register */
    bool cache_set, cache;          /* the command sets the write cache */
};

struct ahci {
    struct pci_function function; /* must be first */
    struct dma *dma;
    struct device_worker worker;
    pthread_mutex_t lock;
    uint32_t ghc, is;
    bool stopped;    /* the function may not master the bus */
    unsigned pauses; /* threads that wait until no command is under way */
    struct ahci_port ports[AHCI_PORTS];
    struct ahci_task tasks[AHCI_PORTS];
};

/* ---- ahci.c -------------------------------------------------------------------------------------------- */

/* To be called when a command has ended: ends a reset of the controller that waited for it. [locked] */
void ahci_settle(struct ahci *ahci);

/* ---- port.c: all [locked] ------------------------------------------------------------------------------ */

uint32_t ahci_port_read(const struct ahci_port *port, unsigned offset);
void ahci_port_write(struct ahci_port *port, unsigned offset, uint32_t value);
/* For a port that was just made. */
void ahci_port_init(struct ahci_port *port);
/* To the state after power-on; no command is under way. */
void ahci_port_clear(struct ahci_port *port);
/* Sets the interrupt wire from the ports' state. */
void ahci_update_interrupts(struct ahci *ahci);
/* For the worker. */
void ahci_run(void *ahci, unsigned port);
/* Commands that are under way are dropped from now on. */
void ahci_port_forget(struct ahci_port *port);
void ahci_port_kick(struct ahci_port *port);

/* ---- task.c: without the lock -------------------------------------------------------------------------- */

/* Reads a command from the guest's memory and executes it. */
void ahci_execute(struct ahci_task *task);
/* Lists the guest's buffer for `bytes` bytes; returns how many there are, at most that. */
uint64_t ahci_map(struct ahci_task *task, uint64_t bytes, bool write);
/* After data was stored there. */
void ahci_written(struct ahci_task *task, uint64_t bytes);
/* Gives the guest an answer. */
void ahci_give(struct ahci_task *task, const void *bytes, uint32_t length);
void ahci_fail(struct ahci_task *task, uint8_t error);

/* ---- ata.c, atapi.c ------------------------------------------------------------------------------------ */

void ahci_ata(struct ahci_task *task);
void ahci_atapi(struct ahci_task *task);
/* Word by word, little-endian, and texts with their bytes swapped. */
void ahci_put_word(uint8_t *data, unsigned word, uint16_t value);
void ahci_put_text(uint8_t *data, unsigned word, unsigned words, const char *text);

/* ---- state.c ------------------------------------------------------------------------------------------- */

void ahci_save(struct pci_function *function, struct state_writer *writer);
bool ahci_load(struct pci_function *function, struct state_reader *reader);
/* Stops taking commands, and waits for those under way; releases the lock. ahci_resume() ends it. [locked] */
void ahci_pause(struct ahci *ahci);
void ahci_resume(struct ahci *ahci);

static inline uint32_t ahci_get32(const uint8_t *at)
{
    return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline void ahci_put32(uint8_t *at, uint32_t value)
{
    for (unsigned n = 0; n < 4; n++)
        at[n] = (uint8_t)(value >> 8 * n);
}

#endif
