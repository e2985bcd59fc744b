/* SPDX-License-Identifier: MIT
 *
 * What the files of the NVMe controller share. Section numbers are those of the NVM Express Base
 * Specification 1.4.
 *
 * One lock covers registers, queues and all other state. Commands are served by the threads of a
 * device_worker: those of the admin queue with the lock held, one at a time, since they wait for nothing but
 * I/O commands; those of I/O queues without it, several at a time. The guest's memory is only reached through
 * the `struct dma`, after each address and length was checked.
 *
 * A command is taken from its queue only if its completion queue has room, and the room is kept for it
 * (nvme_cq.reserved). So no completion has to wait.
 *
 * Commands that outlive a reset or their queue are dropped: `resets` and nvme_sq.epoch tell.
 */
#ifndef DEVICES_NVME_INTERNAL_H
#define DEVICES_NVME_INTERNAL_H

#include <stdatomic.h>

#include "devices/nvme/nvme.h"
#include "devices/worker.h"

#define NVME_THREADS      8u /* I/O commands under way at the same time */
#define NVME_QUEUES       (NVME_IO_QUEUES_MAX + 1)
#define NVME_SQ_ENTRY     64u /* bytes */
#define NVME_CQ_ENTRY     16u
#define NVME_SEGMENTS_MAX ((1u << NVME_MDTS_MAX) + 1) /* pages of the longest transfer */
#define NVME_ERRORS       4u                          /* entries of the error log */
#define NVME_ALL          0xffffffffu                 /* a namespace id that means all of them */
#define NVME_NAMESPACE    1u
#define NVME_DATA_BYTES   4096u /* of the structures of Identify and of logs */
#define NVME_FEATURES     16u
#define NVME_PAGE_BITS    12u /* the smallest page of memory: 4 KiB */
#define NVME_VERSION      0x10400u
#define NVME_FIRMWARE     "1.0     "

/* Status code type and status code (section 4.6.1). The last two are never sent. */
enum nvme_status {
    NVME_OK = 0x000,
    NVME_INVALID_OPCODE = 0x001,
    NVME_INVALID_FIELD = 0x002,
    NVME_DATA_TRANSFER_ERROR = 0x004,
    NVME_INTERNAL_ERROR = 0x006,
    NVME_ABORT_REQUESTED = 0x007,
    NVME_INVALID_NAMESPACE = 0x00b,
    NVME_COMMAND_SEQUENCE = 0x00c,
    NVME_INVALID_PRP_OFFSET = 0x013,
    NVME_WRITE_PROTECTED = 0x020,
    NVME_LBA_RANGE = 0x080,
    NVME_INVALID_CQ = 0x100,
    NVME_INVALID_QUEUE_ID = 0x101,
    NVME_INVALID_QUEUE_SIZE = 0x102,
    NVME_EVENT_LIMIT = 0x105,
    NVME_INVALID_VECTOR = 0x108,
    NVME_INVALID_LOG_PAGE = 0x109,
    NVME_INVALID_QUEUE_DELETION = 0x10c,
    NVME_FEATURE_NOT_SAVEABLE = 0x10d,
    NVME_FEATURE_NOT_CHANGEABLE = 0x10e,
    NVME_FEATURE_NOT_NAMESPACE = 0x10f,
    NVME_WRITE_FAULT = 0x280,
    NVME_READ_ERROR = 0x281,
    NVME_COMPARE_FAILURE = 0x285,
    NVME_PARKED = 0xfffe, /* the command waits for an event */
    NVME_AGAIN = 0xffff   /* the machine is stopped; the command is to be tried again */
};

enum nvme_admin_opcode { /* section 5 */
                         NVME_DELETE_SQ = 0x00,
                         NVME_CREATE_SQ = 0x01,
                         NVME_GET_LOG_PAGE = 0x02,
                         NVME_DELETE_CQ = 0x04,
                         NVME_CREATE_CQ = 0x05,
                         NVME_IDENTIFY = 0x06,
                         NVME_ABORT = 0x08,
                         NVME_SET_FEATURES = 0x09,
                         NVME_GET_FEATURES = 0x0a,
                         NVME_EVENT_REQUEST = 0x0c,
};

enum nvme_io_opcode { /* section 6 */
                      NVME_FLUSH = 0x00,
                      NVME_WRITE = 0x01,
                      NVME_READ = 0x02,
                      NVME_COMPARE = 0x05,
                      NVME_WRITE_ZEROES = 0x08,
                      NVME_DATASET = 0x09,
};

enum nvme_feature { /* section 5.21.1 */
                    NVME_FEATURE_ARBITRATION = 0x01,
                    NVME_FEATURE_POWER = 0x02,
                    NVME_FEATURE_TEMPERATURE = 0x04,
                    NVME_FEATURE_ERROR_RECOVERY = 0x05,
                    NVME_FEATURE_WRITE_CACHE = 0x06,
                    NVME_FEATURE_QUEUES = 0x07,
                    NVME_FEATURE_COALESCING = 0x08,
                    NVME_FEATURE_VECTOR = 0x09,
                    NVME_FEATURE_ATOMICITY = 0x0a,
                    NVME_FEATURE_EVENTS = 0x0b,
};

enum nvme_error_event { /* section 5.2: the events of type 0 that exist here */
                        NVME_EVENT_BAD_DOORBELL = 0,
                        NVME_EVENT_BAD_DOORBELL_VALUE = 1,
};

struct nvme_command { /* section 4.2; little-endian, as the host is */
    uint8_t opcode, flags;
    uint16_t id;
    uint32_t namespace, cdw2, cdw3;
    uint64_t metadata, prp1, prp2;
    uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_command) == NVME_SQ_ENTRY, "the layout of section 4.2");

struct nvme_sq {
    bool exists;
    unsigned size, head, tail; /* entries */
    unsigned cq;
    uint64_t base;
    unsigned active; /* commands that were taken and have not ended */
    unsigned epoch;  /* changes when the queue is deleted */
};

struct nvme_cq {
    bool exists;
    unsigned size, head, tail;
    unsigned reserved; /* entries that commands under way will need */
    bool phase;        /* of the next entry */
    bool interrupts;
    bool waits; /* the driver has not taken all entries, and wants interrupts for them */
    unsigned vector;
    uint64_t base;
};

struct nvme;

/* A command that a thread serves. It belongs to that thread, except what is marked. */
struct nvme_request {
    struct nvme *nvme;
    struct nvme_command command;
    unsigned sq, sq_epoch, resets; /* the queue that it came from, and when */
    unsigned page_bits;
    bool write_through;
    uint32_t result; /* dword 0 of the completion */
    bool rests;      /* it waits until the machine goes on; belongs to the device's lock */
    unsigned segment_count;
    struct iovec iov[NVME_SEGMENTS_MAX];
    struct nvme_segment {
        uint64_t paddr, length;
    } segments[NVME_SEGMENTS_MAX];
};

/* A command that was kept in saved state, to be tried again. */
struct nvme_retry {
    unsigned sq;
    struct nvme_command command;
};

struct nvme_error_entry {
    uint64_t count, lba;
    uint16_t sq, command, status;
    uint32_t namespace;
};

struct nvme_counters { /* for the SMART log; section 5.14.1.2 */
    _Atomic uint64_t sectors_read, sectors_written, reads, writes, media_errors;
};

struct nvme {
    struct pci_function function; /* must be first */
    struct nvme_config config;
    char serial[20];
    unsigned block_bits; /* of a logical block's size */
    struct device_worker worker;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a command of a queue that is being deleted has ended */

    uint32_t cc, csts, aqa, masked; /* registers; section 3.1 */
    uint64_t asq, acq;
    unsigned page_bits;  /* as CC chose when the controller was enabled */
    unsigned resets;     /* how many there were */
    bool resetting;      /* a reset waits until no command is under way */
    bool flush_wanted;   /* for a shutdown */
    bool stopped;        /* the function may not master the bus */
    unsigned pauses;     /* threads that wait until no command is under way */
    bool admin_busy;     /* an admin command is under way */
    unsigned next_sq;    /* where the round through the I/O queues goes on */
    uint64_t started_ns; /* CLOCK_MONOTONIC */

    struct nvme_sq sqs[NVME_QUEUES];
    struct nvme_cq cqs[NVME_QUEUES];
    uint64_t ready[NVME_QUEUES / 64];   /* a bit for each submission queue that is not empty */
    unsigned waiting[NVME_VECTORS_MAX]; /* how many completion queues wait, for each vector */
    uint32_t pending;                   /* a bit for each of the first vectors for which one waits */
    bool wire;                          /* the level of the interrupt wire */

    uint32_t features[NVME_FEATURES], under_temperature;
    uint16_t events[NVME_EVENTS_MAX]; /* ids of the commands that wait for an event */
    unsigned event_count;
    bool event_pending, event_masked; /* an error to tell of; masked until the log was read */
    uint8_t event_info;

    struct nvme_counters counters;
    struct nvme_error_entry errors[NVME_ERRORS]; /* a ring */
    uint64_t error_count;
    struct nvme_retry retries[NVME_THREADS];
    unsigned retry_count;
    struct nvme_request requests[NVME_THREADS];
};

/* ---- controller.c: registers, reset, shutdown. All [locked] -------------------------------------------- */

uint32_t nvme_register_read(struct nvme *nvme, unsigned offset);
/* Of 4 bytes. */
void nvme_register_write(struct nvme *nvme, unsigned offset, uint32_t value);
/* May commands be taken? */
bool nvme_may_run(const struct nvme *nvme);
/* The guest's queues are not in memory: nothing runs until a reset. */
void nvme_fail(struct nvme *nvme);
/* To be called by a thread of the worker that has nothing to do: ends a reset or a shutdown that waited for
 * it. Releases the lock. */
void nvme_controller_settle(struct nvme *nvme);
/* Commands that are under way are dropped from now on; a reset follows. */
void nvme_forget_commands(struct nvme *nvme);
/* Sets everything to its state after power-on; no command is under way. */
void nvme_controller_clear(struct nvme *nvme);
/* Stops taking commands, and waits for those under way; releases the lock. nvme_resume() ends it. */
void nvme_pause(struct nvme *nvme);
void nvme_resume(struct nvme *nvme);
/* Is the value of CC one that the controller can be enabled with? */
bool nvme_cc_is_possible(const struct nvme *nvme, uint32_t cc);
unsigned nvme_cc_page_bits(uint32_t cc);

/* ---- queue.c: queues, doorbells, interrupts. All [locked] ---------------------------------------------- */

void nvme_queues_clear(struct nvme *nvme);
/* Makes the admin queues, as the registers describe them. */
void nvme_queues_start(struct nvme *nvme);
void nvme_doorbell(struct nvme *nvme, unsigned offset, uint32_t value);
bool nvme_cq_has_room(const struct nvme_cq *cq);
/* The next command of some queue; false: there is none, or none may be taken. */
bool nvme_take(struct nvme *nvme, struct nvme_request *request);
/* Is there another one? */
bool nvme_has_more(const struct nvme *nvme);
/* Ends a command that was taken. It tells the guest, if it is still wanted. */
void nvme_finish(struct nvme *nvme, struct nvme_request *request, enum nvme_status status);
bool nvme_is_wanted(const struct nvme *nvme, const struct nvme_request *request);
/* Puts an entry into a completion queue that has room. `sq` is the queue that the command came from. */
void nvme_post(struct nvme *nvme, unsigned sq, uint16_t id, enum nvme_status status, uint32_t result);
/* Section 5.3 to 5.6; the last one releases the lock while commands of the queue are under way. */
enum nvme_status nvme_create_cq(struct nvme *nvme, const struct nvme_command *command);
enum nvme_status nvme_create_sq(struct nvme *nvme, const struct nvme_command *command);
enum nvme_status nvme_delete_cq(struct nvme *nvme, const struct nvme_command *command);
enum nvme_status nvme_delete_sq(struct nvme *nvme, const struct nvme_command *command);
/* Sets the wire and what belongs to it from the queues' state. */
void nvme_update_interrupts(struct nvme *nvme);
void nvme_cq_update(struct nvme *nvme, struct nvme_cq *cq);

/* ---- request.c: the worker's threads ------------------------------------------------------------------- */

void nvme_run(void *nvme, unsigned queue);

/* ---- prp.c: the guest's buffers (section 4.3) ---------------------------------------------------------- */

/* Looks up the `bytes` bytes of the command's buffer: request->iov and segments. `write`: the guest gets
 * data. `bytes` is at most the longest transfer. */
enum nvme_status nvme_map(struct nvme_request *request, uint64_t bytes, bool write);
/* After data was stored there. */
void nvme_written(const struct nvme_request *request);
/* Copies to the guest, or from it. */
enum nvme_status nvme_give(struct nvme_request *request, const void *bytes, uint64_t length);
enum nvme_status nvme_get(struct nvme_request *request, void *bytes, uint64_t length);
/* The longest transfer, in bytes. */
uint64_t nvme_transfer_max(const struct nvme *nvme);

/* ---- admin.c, identify.c, features.c, log.c, event.c: admin commands. All [locked] --------------------- */

enum nvme_status nvme_admin(struct nvme_request *request);
enum nvme_status nvme_identify(struct nvme_request *request);
void nvme_features_reset(struct nvme *nvme);
enum nvme_status nvme_get_features(struct nvme_request *request);
enum nvme_status nvme_set_features(struct nvme_request *request);
enum nvme_status nvme_get_log_page(struct nvme_request *request);
/* Notes a command that failed. */
void nvme_log_error(struct nvme *nvme, const struct nvme_request *request, enum nvme_status status);
enum nvme_status nvme_event_request(struct nvme_request *request);
void nvme_event(struct nvme *nvme, enum nvme_error_event what);
/* Tells of an event that waits, if somebody waits for it and the completion queue has room. */
void nvme_event_deliver(struct nvme *nvme);
/* The guest has read the log of the events. */
void nvme_event_seen(struct nvme *nvme);
/* Ends a request for an event; false: there is none with this id. */
bool nvme_event_abort(struct nvme *nvme, uint16_t id);

/* ---- io.c: I/O commands -------------------------------------------------------------------------------- */

/* Without the lock. */
enum nvme_status nvme_io(struct nvme_request *request);

/* ---- state.c ------------------------------------------------------------------------------------------- */

void nvme_save(struct pci_function *function, struct state_writer *writer);
bool nvme_load(struct pci_function *function, struct state_reader *reader);

/* Little-endian numbers in a structure for the guest. */
static inline void nvme_put(uint8_t *bytes, unsigned offset, unsigned size, uint64_t value)
{
    for (unsigned n = 0; n < size; n++)
        bytes[offset + n] = (uint8_t)(value >> 8 * n);
}

#endif
