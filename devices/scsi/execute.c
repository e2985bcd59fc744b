/* SPDX-License-Identifier: MIT
 *
 * Executes a command: the table of commands, what is checked before each of them (unit attention, medium),
 * and how a command ends. The handlers are in the other files.
 */
#include <string.h>

#include "devices/scsi/internal.h"
#include "util/log.h"

enum command_flag {
    FOR_DISK = 1,
    FOR_CD = 2,
    FOR_ALL = FOR_DISK | FOR_CD,
    NEEDS_MEDIUM = 4,
    SKIPS_ATTENTION = 8, /* the command is executed, and the unit attention stays (SAM-5 section 5.14) */
    WRITES = 16,
    BLOCKS = 32, /* its data are the blocks of the CDB */
};

struct command {
    enum scsi_opcode opcode;
    unsigned flags;
    enum scsi_direction direction;
    unsigned length_at, length_size; /* of the field with the length of its data; size 0: none */
    scsi_command_fn *execute;
};

static scsi_command_fn test_unit_ready, request_sense;

static const struct command commands[] = {
    { SCSI_TEST_UNIT_READY, FOR_ALL | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, test_unit_ready },
    { SCSI_REQUEST_SENSE, FOR_ALL | SKIPS_ATTENTION, SCSI_FROM_UNIT, 4, 1, request_sense },
    { SCSI_INQUIRY, FOR_ALL | SKIPS_ATTENTION, SCSI_FROM_UNIT, 3, 2, scsi_inquiry },
    { SCSI_REPORT_LUNS, FOR_ALL | SKIPS_ATTENTION, SCSI_FROM_UNIT, 6, 4, scsi_report_luns },
    { SCSI_MODE_SENSE_6, FOR_ALL, SCSI_FROM_UNIT, 4, 1, scsi_mode_sense },
    { SCSI_MODE_SENSE_10, FOR_ALL, SCSI_FROM_UNIT, 7, 2, scsi_mode_sense },
    { SCSI_MODE_SELECT_6, FOR_ALL, SCSI_TO_UNIT, 4, 1, scsi_mode_select },
    { SCSI_MODE_SELECT_10, FOR_ALL, SCSI_TO_UNIT, 7, 2, scsi_mode_select },
    { SCSI_START_STOP, FOR_ALL, SCSI_NO_DATA, 0, 0, scsi_start_stop },
    { SCSI_PREVENT_ALLOW, FOR_ALL, SCSI_NO_DATA, 0, 0, scsi_prevent_allow },
    { SCSI_READ_CAPACITY_10, FOR_ALL | NEEDS_MEDIUM, SCSI_FROM_UNIT, 0, 0, scsi_read_capacity_10 },
    { SCSI_SERVICE_ACTION_IN_16, FOR_ALL | NEEDS_MEDIUM, SCSI_FROM_UNIT, 10, 4, scsi_service_action_in },
    { SCSI_READ_6, FOR_DISK | NEEDS_MEDIUM | BLOCKS, SCSI_FROM_UNIT, 0, 0, scsi_read },
    { SCSI_READ_10, FOR_ALL | NEEDS_MEDIUM | BLOCKS, SCSI_FROM_UNIT, 0, 0, scsi_read },
    { SCSI_READ_12, FOR_ALL | NEEDS_MEDIUM | BLOCKS, SCSI_FROM_UNIT, 0, 0, scsi_read },
    { SCSI_READ_16, FOR_ALL | NEEDS_MEDIUM | BLOCKS, SCSI_FROM_UNIT, 0, 0, scsi_read },
    { SCSI_WRITE_6, FOR_DISK | NEEDS_MEDIUM | BLOCKS | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write },
    { SCSI_WRITE_10, FOR_DISK | NEEDS_MEDIUM | BLOCKS | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write },
    { SCSI_WRITE_12, FOR_DISK | NEEDS_MEDIUM | BLOCKS | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write },
    { SCSI_WRITE_16, FOR_DISK | NEEDS_MEDIUM | BLOCKS | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write },
    { SCSI_VERIFY_10, FOR_ALL | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, scsi_verify },
    { SCSI_VERIFY_12, FOR_ALL | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, scsi_verify },
    { SCSI_VERIFY_16, FOR_ALL | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, scsi_verify },
    { SCSI_SYNCHRONIZE_10, FOR_ALL | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, scsi_synchronize },
    { SCSI_SYNCHRONIZE_16, FOR_DISK | NEEDS_MEDIUM, SCSI_NO_DATA, 0, 0, scsi_synchronize },
    { SCSI_WRITE_SAME_10, FOR_DISK | NEEDS_MEDIUM | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write_same },
    { SCSI_WRITE_SAME_16, FOR_DISK | NEEDS_MEDIUM | WRITES, SCSI_TO_UNIT, 0, 0, scsi_write_same },
    { SCSI_UNMAP, FOR_DISK | NEEDS_MEDIUM | WRITES, SCSI_TO_UNIT, 7, 2, scsi_unmap },
    { SCSI_READ_TOC, FOR_CD | NEEDS_MEDIUM, SCSI_FROM_UNIT, 7, 2, scsi_read_toc },
    { SCSI_GET_CONFIGURATION, FOR_CD | SKIPS_ATTENTION, SCSI_FROM_UNIT, 7, 2, scsi_get_configuration },
    { SCSI_GET_EVENT_STATUS, FOR_CD | SKIPS_ATTENTION, SCSI_FROM_UNIT, 7, 2, scsi_get_event_status },
    { SCSI_READ_DISC_INFORMATION, FOR_CD | NEEDS_MEDIUM, SCSI_FROM_UNIT, 7, 2, scsi_read_disc_information },
};

static const struct command *find(const struct scsi_unit *unit, uint8_t opcode)
{
    unsigned kind = unit->config.kind == SCSI_CD ? FOR_CD : FOR_DISK;
    for (size_t n = 0; n < sizeof(commands) / sizeof(commands[0]); n++)
        if (commands[n].opcode == opcode)
            return commands[n].flags & kind ? &commands[n] : NULL;
    return NULL;
}

/* ---- Numbers and buffers ------------------------------------------------------------------------------- */

uint64_t scsi_get(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value = value << 8 | bytes[n];
    return value;
}

void scsi_put(uint8_t *bytes, unsigned size, uint64_t value)
{
    while (size-- > 0) {
        bytes[size] = (uint8_t)value;
        value >>= 8;
    }
}

void scsi_cut(struct scsi_request *request, uint64_t bytes)
{
    unsigned count = 0;
    for (; bytes && count < request->iov_count; count++) {
        struct iovec *part = &request->iov[count];
        if (part->iov_len > bytes)
            part->iov_len = bytes;
        bytes -= part->iov_len;
    }
    request->iov_count = count;
}

bool scsi_take(struct scsi_request *request, uint8_t *data, uint64_t length)
{
    if (request->direction != SCSI_TO_UNIT || request->bytes < length)
        return false;
    scsi_cut(request, length);
    blockdev_iov_gather(data, request->iov, request->iov_count);
    request->done = length;
    return true;
}

/* ---- Ends of commands ---------------------------------------------------------------------------------- */

static void fill_sense(uint8_t *bytes, enum scsi_sense sense)
{
    memset(bytes, 0, SCSI_SENSE_BYTES);
    bytes[0] = 0x70; /* fixed format, of this command */
    bytes[2] = (uint8_t)(sense >> 16);
    bytes[7] = SCSI_SENSE_BYTES - 8;
    bytes[12] = (uint8_t)(sense >> 8);
    bytes[13] = (uint8_t)sense;
}

enum scsi_result scsi_fail(struct scsi_request *request, enum scsi_sense sense)
{
    request->status = SCSI_CHECK_CONDITION;
    fill_sense(request->sense, sense);
    return SCSI_DONE;
}

enum scsi_result scsi_answer(struct scsi_request *request, const uint8_t *data, uint64_t length,
                             uint64_t allocation)
{
    uint64_t room = request->direction == SCSI_FROM_UNIT ? request->bytes : 0;
    if (length > allocation)
        length = allocation;
    if (length > room)
        length = room;
    scsi_cut(request, length);
    blockdev_iov_scatter(request->iov, request->iov_count, data);
    request->done = length;
    return SCSI_DONE;
}

enum scsi_result scsi_host_result(struct scsi_task *task, enum block_request kind, uint64_t place, int rc)
{
    const struct block_on_error *policy = &task->unit->config.on_error;
    if (!rc)
        return SCSI_DONE;
    switch (block_request_failed(policy, "scsi", task->blockdev, kind, place, rc)) {
    case BLOCKDEV_ON_ERROR_STOP: return SCSI_AGAIN;
    case BLOCKDEV_ON_ERROR_IGNORE: return SCSI_DONE;
    default: return scsi_fail(task->request, kind == BLOCK_READ ? SCSI_READ_ERROR : SCSI_WRITE_ERROR);
    }
}

enum scsi_result scsi_flush(struct scsi_task *task, uint64_t place)
{
    return scsi_host_result(task, BLOCK_FLUSH, place, blockdev_flush(task->blockdev));
}

/* ---- Commands that concern the execution itself -------------------------------------------------------- */

static enum scsi_result test_unit_ready(struct scsi_task *task)
{
    (void)task; /* that there is a medium was checked already */
    return SCSI_DONE;
}

/* SPC-4 section 6.39: tells what the last command failed with, or a unit attention, which it ends. */
static enum scsi_result request_sense(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    uint8_t data[SCSI_SENSE_BYTES] = { 0 };
    pthread_mutex_lock(&unit->lock);
    enum scsi_sense sense = unit->sense;
    unit->sense = SCSI_NO_SENSE;
    if (!sense) {
        sense = unit->attention;
        unit->attention = SCSI_NO_SENSE;
    }
    pthread_mutex_unlock(&unit->lock);
    if (!(request->cdb[1] & 1)) {
        fill_sense(data, sense);
        return scsi_answer(request, data, sizeof(data), request->cdb[4]);
    }
    data[0] = 0x72; /* descriptor format, without descriptors */
    data[1] = (uint8_t)(sense >> 16);
    data[2] = (uint8_t)(sense >> 8);
    data[3] = (uint8_t)sense;
    return scsi_answer(request, data, 8, request->cdb[4]);
}

/* ---- Execution ----------------------------------------------------------------------------------------- */

static enum scsi_sense no_medium(const struct scsi_unit *unit)
{
    if (!unit->removable)
        return SCSI_NO_MEDIUM;
    return unit->open ? SCSI_NO_MEDIUM_OPEN : SCSI_NO_MEDIUM_CLOSED;
}

/* May the command be executed now? Else it has failed. [locked] */
static bool check(struct scsi_unit *unit, const struct command *command, struct scsi_request *request)
{
    enum scsi_sense sense = SCSI_NO_SENSE;
    if (unit->attention && !(command && command->flags & SKIPS_ATTENTION)) {
        sense = unit->attention;
        unit->attention = SCSI_NO_SENSE;
    } else if (!command) {
        LOG_GUEST("scsi: command 0x%02x, which is not offered", request->cdb[0]);
        sense = SCSI_BAD_OPCODE;
    } else if (command->flags & NEEDS_MEDIUM && (!unit->blockdev || unit->open)) {
        sense = no_medium(unit);
    } else if (command->flags & WRITES && unit->blockdev->read_only) {
        sense = SCSI_WRITE_PROTECTED;
    }
    if (sense)
        scsi_fail(request, sense);
    return !sense;
}

static void keep_sense(struct scsi_unit *unit, const struct scsi_request *request)
{
    if (!unit->config.keeps_sense || request->cdb[0] == SCSI_REQUEST_SENSE)
        return;
    unit->sense =
        request->status != SCSI_CHECK_CONDITION
            ? SCSI_NO_SENSE
            : (enum scsi_sense)(request->sense[2] << 16 | request->sense[12] << 8 | request->sense[13]);
}

enum scsi_result scsi_execute(struct scsi_unit *unit, struct scsi_request *request)
{
    const struct command *command = find(unit, request->cdb[0]);
    struct scsi_task task = { .unit = unit, .request = request };
    enum scsi_result result = SCSI_DONE;
    request->status = SCSI_GOOD;
    request->done = 0;
    memset(request->sense, 0, sizeof(request->sense));
    pthread_mutex_lock(&unit->lock);
    while (unit->changing)
        pthread_cond_wait(&unit->idle, &unit->lock);
    if (check(unit, command, request)) {
        task.blockdev = unit->open ? NULL : unit->blockdev;
        task.write_cache = unit->write_cache;
        unit->users++;
        pthread_mutex_unlock(&unit->lock);
        result = command->execute(&task);
        pthread_mutex_lock(&unit->lock);
        if (!--unit->users)
            pthread_cond_broadcast(&unit->idle);
    }
    if (result == SCSI_DONE)
        keep_sense(unit, request);
    pthread_mutex_unlock(&unit->lock);
    return result;
}

/* SPC-4 section 6.6.2: what a target says for a unit that it does not have. */
void scsi_execute_absent(const uint16_t *luns, unsigned count, struct scsi_request *request)
{
    uint8_t data[36] = { 0x7f, 0, 5, 2, sizeof(data) - 5 };
    uint8_t sense[SCSI_SENSE_BYTES];
    request->status = SCSI_GOOD;
    request->done = 0;
    memset(request->sense, 0, sizeof(request->sense));
    fill_sense(sense, SCSI_BAD_UNIT);
    switch (request->cdb[0]) {
    case SCSI_REPORT_LUNS: scsi_list_luns(luns, count, request); break;
    case SCSI_REQUEST_SENSE: scsi_answer(request, sense, sizeof(sense), request->cdb[4]); break;
    case SCSI_INQUIRY:
        if (!(request->cdb[1] & 1) && !request->cdb[2])
            scsi_answer(request, data, sizeof(data), scsi_get(request->cdb + 3, 2));
        else
            scsi_fail(request, SCSI_BAD_FIELD);
        break;
    default: scsi_fail(request, SCSI_BAD_UNIT);
    }
}

/* ---- Lengths ------------------------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t bytes)
{
    return bytes < SCSI_TRANSFER_MAX ? bytes : SCSI_TRANSFER_MAX;
}

enum scsi_direction scsi_data_of(struct scsi_unit *unit, const uint8_t cdb[SCSI_CDB_BYTES], uint64_t *bytes)
{
    const struct command *command = find(unit, cdb[0]);
    bool verifies = command && command->execute == scsi_verify && (cdb[1] >> 1 & 3) == 1;
    uint64_t first, count = 0;
    *bytes = 0;
    if (!command)
        return SCSI_NO_DATA;
    if (command->flags & BLOCKS || verifies) {
        scsi_blocks_of(cdb, &first, &count);
        *bytes = count > SCSI_TRANSFER_MAX ? SCSI_TRANSFER_MAX : at_most(count << unit->block_bits);
    } else if (command->length_size) {
        *bytes = at_most(scsi_get(cdb + command->length_at, command->length_size));
    } else if (command->execute == scsi_write_same) {
        bool none = cdb[0] == SCSI_WRITE_SAME_16 && cdb[1] & 1;
        *bytes = none ? 0 : 1ull << unit->block_bits;
    } else if (command->execute == scsi_read_capacity_10) {
        *bytes = 8;
    }
    return !*bytes ? SCSI_NO_DATA : verifies ? SCSI_TO_UNIT : command->direction;
}
