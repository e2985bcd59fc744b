/* SPDX-License-Identifier: MIT
 *
 * SCSI logical units: a disk or a CD drive on a blockdev, for whatever carries the commands (virtio-scsi,
 * USB, ATAPI). A transport makes a unit, gives it commands with their data buffers, and sends status and
 * sense data back. The commands are those of SPC-4, SBC-3 and MMC-6; sections are named where they are
 * implemented.
 *
 * All functions are callable from any thread. scsi_execute() waits for the host's disk, so a transport calls
 * it on a thread of a worker (devices/worker.h), without its own lock, and several may run at a time.
 */
#ifndef DEVICES_SCSI_SCSI_H
#define DEVICES_SCSI_SCSI_H

#include "devices/block/on_error.h"
#include "devices/model.h"
#include "util/state.h"

#define SCSI_CDB_BYTES    16u
#define SCSI_SENSE_BYTES  18u
#define SCSI_BLOCK_MAX    32768u      /* bytes of a logical block */
#define SCSI_TRANSFER_MAX (32u << 20) /* bytes of data of one command; longer ones fail */

enum scsi_status { SCSI_GOOD = 0x00, SCSI_CHECK_CONDITION = 0x02 }; /* SAM-5 section 5.3 */

enum scsi_kind { SCSI_DISK, SCSI_CD };

struct scsi_unit_config {
    enum scsi_kind kind;
    struct blockdev *blockdev; /* borrowed: outlives the unit, or is taken out; a CD drive may have none */
    /* What the guest reads; NULL: the default. They are cut to the length that the standard has for them. */
    const char *vendor, *product, *version;
    const char *serial, *device_id; /* NULL: none */
    uint64_t wwn;                   /* world wide name; 0: none */
    unsigned logical_block_size;    /* bytes, of disks; powers of two; 0: 512. CDs have 2048 */
    unsigned physical_block_size;   /* 0: as the logical one */
    unsigned rotation_rate;         /* SBC-3 section 6.5.2: 0: not told, 1: it does not rotate */
    bool removable;                 /* a disk says that it can be taken out */
    bool write_through;             /* the write cache is off at first */
    /* The transport does not send sense data with the status: the guest asks for it by REQUEST SENSE. */
    bool keeps_sense;
    struct block_on_error on_error;
    /* The unit's numbers on its target, for REPORT LUNS; copied when the command comes. NULL: only 0. */
    const uint16_t *luns;
    unsigned lun_count;
};

struct scsi_unit;

/* NULL and *error if a value is impossible or the host has no memory. */
struct scsi_unit *scsi_unit_create(const struct scsi_unit_config *config, struct error *error);
/* When no command is under way. Leaves the blockdev alone. */
void scsi_unit_destroy(struct scsi_unit *unit);

/* ---- Commands ------------------------------------------------------------------------------------------ */

enum scsi_direction { SCSI_NO_DATA, SCSI_FROM_UNIT, SCSI_TO_UNIT };

struct scsi_request {
    uint8_t cdb[SCSI_CDB_BYTES]; /* what the guest did not send is 0 */
    /* The guest's buffer, `bytes` in all, at most BLOCKDEV_IOV_MAX parts; it may be longer than the command
     * needs. The list is changed, the memory belongs to the guest and may change at any time. */
    enum scsi_direction direction;
    struct iovec *iov;
    unsigned iov_count;
    uint64_t bytes;
    /* The results of SCSI_DONE. */
    enum scsi_status status;
    uint64_t done;                   /* bytes that were put into the buffer, or taken from it */
    uint8_t sense[SCSI_SENSE_BYTES]; /* of a CHECK CONDITION, in the fixed format (SPC-4 section 4.5.3) */
};

enum scsi_result {
    SCSI_DONE,
    /* The host failed, and the machine stops because of it (werror=stop): the command is to be executed again
     * when config.on_error.stopped() is false, with `iov` filled in anew, or to be dropped. */
    SCSI_AGAIN,
    /* The buffer is shorter than the data that the command must transfer (READ, WRITE and the like), or for
     * the other direction: nothing was done. */
    SCSI_OVERRUN,
};

enum scsi_result scsi_execute(struct scsi_unit *unit, struct scsi_request *request);
/* The same for a number that its target has no unit for, although it has others: `luns`. It is always
 * SCSI_DONE. */
void scsi_execute_absent(const uint16_t *luns, unsigned count, struct scsi_request *request);
/* What a command transfers at most, if it is a known one: its direction, and bytes. So a transport with a
 * buffer of its own knows how much is needed. *bytes is at most SCSI_TRANSFER_MAX; a command for which that
 * is not enough fails. */
enum scsi_direction scsi_data_of(struct scsi_unit *unit, const uint8_t cdb[SCSI_CDB_BYTES], uint64_t *bytes);

/* Its target has other numbers now; as in the configuration. When no command is under way. */
void scsi_unit_set_luns(struct scsi_unit *unit, const uint16_t *luns, unsigned lun_count);

/* The transport was reset: the guest is told by a unit attention, and what it has set is forgotten. */
void scsi_unit_reset(struct scsi_unit *unit);

/* ---- Media of CD drives and removable disks -------------------------------------------------------------
 */

struct scsi_medium {
    bool removable;
    bool open;           /* the tray; there may be a medium in it */
    bool locked;         /* the guest does not want to lose the medium */
    struct blockdev *in; /* NULL: none */
};
struct scsi_medium scsi_unit_medium(struct scsi_unit *unit);
/* From now on `moved` is called when the tray was opened or closed, on the thread that does it. Before the
 * guest runs. */
typedef void scsi_tray_fn(void *opaque, bool open);
void scsi_unit_on_tray(struct scsi_unit *unit, scsi_tray_fn *moved, void *opaque);
/* Opens or closes the tray, locked or not, with what is in it. */
void scsi_unit_move_tray(struct scsi_unit *unit, bool open);
/* Puts a medium into the tray, which is open and empty, and leaves it open. */
void scsi_unit_lay_medium(struct scsi_unit *unit, struct blockdev *blockdev);
/* Tells the guest that the user wants to take the medium out. */
void scsi_unit_ask_for_medium(struct scsi_unit *unit);
/* Opens the tray and takes the medium out, locked or not; waits for the commands that use it. Returns it;
 * NULL: there was none. */
struct blockdev *scsi_unit_take_medium(struct scsi_unit *unit);
/* Puts a medium, or none, into the tray, which is empty, and closes it. */
void scsi_unit_insert_medium(struct scsi_unit *unit, struct blockdev *blockdev);

/* ---- State --------------------------------------------------------------------------------------------- */

/* Puts and gets the unit's fields, as unitN.xxx in the open section, while no command is under way. A disk of
 * another size makes the reader fail; another medium in a removable unit is told to the guest. */
void scsi_unit_save(struct scsi_unit *unit, unsigned number, struct state_writer *writer);
void scsi_unit_load(struct scsi_unit *unit, unsigned number, struct state_reader *reader);

/* ---- Models -------------------------------------------------------------------------------------------- */

#define SCSI_TARGETS     256u /* numbers of targets and units that are possible */
#define SCSI_LUNS        16384u
#define SCSI_CHANNEL_MAX 0u

extern const struct device_model scsi_hd_model, scsi_cd_model;

/* Makes the unit that the user plugs into a controller; `luns` as in struct scsi_unit_config. */
struct scsi_unit *scsi_unit_plug(const struct device_unit *plug, const uint16_t *luns, unsigned lun_count,
                                 bool keeps_sense, struct error *error);

#endif
