/* SPDX-License-Identifier: MIT
 *
 * What the files of the SCSI units share.
 *
 * A unit's lock covers its state, but not the transfers: a command counts as a user of the medium while it
 * runs, and a change of the medium waits until there are none (`changing` keeps new ones out).
 */
#ifndef DEVICES_SCSI_INTERNAL_H
#define DEVICES_SCSI_INTERNAL_H

#include <pthread.h>

#include "devices/scsi/scsi.h"

#define SCSI_CD_BLOCK       2048u
#define SCSI_CD_MAX_BLOCKS  (80u * 60 * 75) /* more is a DVD */
#define SCSI_UNMAP_MAX      (1u << 31)      /* bytes of one UNMAP */
#define SCSI_UNMAP_RANGES   255u
#define SCSI_WRITE_SAME_MAX (128u << 20) /* bytes */
#define SCSI_DATA_BYTES     4096u        /* room for the answers that a unit makes up itself */

enum scsi_opcode {
    SCSI_TEST_UNIT_READY = 0x00,
    SCSI_REQUEST_SENSE = 0x03,
    SCSI_READ_6 = 0x08,
    SCSI_WRITE_6 = 0x0a,
    SCSI_INQUIRY = 0x12,
    SCSI_MODE_SELECT_6 = 0x15,
    SCSI_MODE_SENSE_6 = 0x1a,
    SCSI_START_STOP = 0x1b,
    SCSI_PREVENT_ALLOW = 0x1e,
    SCSI_READ_CAPACITY_10 = 0x25,
    SCSI_READ_10 = 0x28,
    SCSI_WRITE_10 = 0x2a,
    SCSI_VERIFY_10 = 0x2f,
    SCSI_SYNCHRONIZE_10 = 0x35,
    SCSI_WRITE_SAME_10 = 0x41,
    SCSI_UNMAP = 0x42,
    SCSI_READ_TOC = 0x43,
    SCSI_GET_CONFIGURATION = 0x46,
    SCSI_GET_EVENT_STATUS = 0x4a,
    SCSI_READ_DISC_INFORMATION = 0x51,
    SCSI_MODE_SELECT_10 = 0x55,
    SCSI_MODE_SENSE_10 = 0x5a,
    SCSI_READ_16 = 0x88,
    SCSI_WRITE_16 = 0x8a,
    SCSI_VERIFY_16 = 0x8f,
    SCSI_SYNCHRONIZE_16 = 0x91,
    SCSI_WRITE_SAME_16 = 0x93,
    SCSI_SERVICE_ACTION_IN_16 = 0x9e, /* READ CAPACITY 16 */
    SCSI_REPORT_LUNS = 0xa0,
    SCSI_READ_12 = 0xa8,
    SCSI_WRITE_12 = 0xaa,
    SCSI_VERIFY_12 = 0xaf,
};

/* Sense key, additional sense code, its qualifier (SPC-4 sections 4.5.6, annex F.2), as 0xKKCCQQ. */
enum scsi_sense {
    SCSI_NO_SENSE = 0,
    SCSI_NO_MEDIUM = 0x023a00,
    SCSI_NO_MEDIUM_CLOSED = 0x023a01,
    SCSI_NO_MEDIUM_OPEN = 0x023a02,
    SCSI_WRITE_ERROR = 0x030c00,
    SCSI_READ_ERROR = 0x031100,
    SCSI_OUT_OF_MEMORY = 0x044400, /* internal target failure */
    SCSI_LIST_LENGTH = 0x051a00,
    SCSI_BAD_OPCODE = 0x052000,
    SCSI_BAD_ADDRESS = 0x052100,
    SCSI_BAD_FIELD = 0x052400,
    SCSI_BAD_UNIT = 0x052500,
    SCSI_BAD_PARAMETER = 0x052600,
    SCSI_CANNOT_SAVE = 0x053900,
    SCSI_REMOVAL_PREVENTED = 0x055302,
    SCSI_MEDIUM_CHANGED = 0x062800,
    SCSI_WAS_RESET = 0x062900,
    SCSI_WRITE_PROTECTED = 0x072700,
    SCSI_MISCOMPARE = 0x0e1d00,
};

enum scsi_media_event { SCSI_EVENT_NONE, SCSI_EVENT_EJECT_REQUEST, SCSI_EVENT_NEW, SCSI_EVENT_REMOVAL };

struct scsi_unit {
    struct scsi_unit_config config;
    char vendor[9], product[17], version[5], serial[37], device_id[21]; /* texts; "": none */
    unsigned block_bits;                                                /* of a logical block's size */
    bool removable;

    pthread_mutex_t lock;
    pthread_cond_t idle;
    unsigned users; /* commands under way */
    bool changing;  /* somebody waits until there are none */
    struct blockdev *blockdev;
    bool open, locked;
    bool write_cache;
    enum scsi_sense attention; /* to be told; SCSI_NO_SENSE: nothing */
    enum scsi_sense sense;     /* of the last command, if keeps_sense */
    enum scsi_media_event event;
    scsi_tray_fn *tray_moved; /* NULL: nobody wants to know; called without the lock */
    void *tray_opaque;
};

/* A command under way. */
struct scsi_task {
    struct scsi_unit *unit;
    struct scsi_request *request;
    struct blockdev *blockdev; /* NULL: no medium */
    bool write_cache;
};

/* ---- execute.c ----------------------------------------------------------------------------------------- */

/* Ends a command with CHECK CONDITION. */
enum scsi_result scsi_fail(struct scsi_request *request, enum scsi_sense sense);
/* Ends a command with an answer, of which the guest wants at most `allocation` bytes. */
enum scsi_result scsi_answer(struct scsi_request *request, const uint8_t *data, uint64_t length,
                             uint64_t allocation);
/* Copies `length` bytes of parameters from the guest's buffer; false: it has fewer. */
bool scsi_take(struct scsi_request *request, uint8_t *data, uint64_t length);
/* Makes the list cover no more than `bytes` bytes. */
void scsi_cut(struct scsi_request *request, uint64_t bytes);
/* The host's result of an operation at byte `place`, as the result of the command. */
enum scsi_result scsi_host_result(struct scsi_task *task, enum block_request kind, uint64_t place, int rc);
enum scsi_result scsi_flush(struct scsi_task *task, uint64_t place);

/* Fields of CDBs and of parameters are big-endian. */
uint64_t scsi_get(const uint8_t *bytes, unsigned size);
void scsi_put(uint8_t *bytes, unsigned size, uint64_t value);
/* Blocks of the medium; 0: there is none. */
uint64_t scsi_blocks(const struct scsi_task *task);

typedef enum scsi_result scsi_command_fn(struct scsi_task *task);
/* inquiry.c */
scsi_command_fn scsi_inquiry, scsi_report_luns;
void scsi_list_luns(const uint16_t *luns, unsigned count, struct scsi_request *request);
/* mode.c */
scsi_command_fn scsi_mode_sense, scsi_mode_select;
/* disk.c, provision.c */
scsi_command_fn scsi_read_capacity_10, scsi_service_action_in, scsi_read, scsi_write, scsi_verify,
    scsi_synchronize, scsi_unmap, scsi_write_same;
/* Where a command with an address reads or writes, in bytes. False: the command has failed, for *result. */
bool scsi_range(struct scsi_task *task, uint64_t *place, uint64_t *bytes, enum scsi_result *result);
/* Address and number of blocks in the CDB. */
void scsi_blocks_of(const uint8_t *cdb, uint64_t *first, uint64_t *count);
bool scsi_is_on_medium(const struct scsi_task *task, uint64_t first, uint64_t count);
/* cd.c */
scsi_command_fn scsi_read_toc, scsi_get_configuration, scsi_get_event_status, scsi_read_disc_information;
/* medium.c */
scsi_command_fn scsi_start_stop, scsi_prevent_allow;

#endif
