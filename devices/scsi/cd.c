/* SPDX-License-Identifier: MIT
 *
 * What only CD drives know (MMC-6 section 6): the table of contents, features, and events of the medium. A
 * medium has one session with one track of data.
 */
#include <string.h>

#include "devices/scsi/internal.h"

#define LEAD_OUT    0xaau
#define DATA_TRACK  0x14u /* ADR and CONTROL */
#define FIRST_FRAME 150u  /* where block 0 is, in minutes, seconds and frames */

enum { PROFILE_CD_ROM = 0x08, PROFILE_DVD_ROM = 0x10 };
enum { FEATURE_PROFILES = 0, FEATURE_CORE = 1, FEATURE_REMOVABLE = 3 };

/* ---- READ TOC ------------------------------------------------------------------------------------------ */

/* The address of a block: a number, or minutes, seconds and frames. */
static void put_address(uint8_t *at, uint64_t block, bool msf)
{
    uint64_t frame = block + FIRST_FRAME;
    if (!msf) {
        scsi_put(at, 4, block > UINT32_MAX ? UINT32_MAX : block);
        return;
    }
    uint64_t minutes = frame / 75 / 60;
    at[0] = 0;
    at[1] = (uint8_t)(minutes > 255 ? 255 : minutes);
    at[2] = (uint8_t)(frame / 75 % 60);
    at[3] = (uint8_t)(frame % 75);
}

/* Format 0: the tracks from `first` on, and the end. */
static unsigned list_tracks(const struct scsi_task *task, uint8_t *data, unsigned first, bool msf)
{
    unsigned length = 4;
    data[2] = data[3] = 1;
    if (first <= 1) {
        data[length + 1] = DATA_TRACK;
        data[length + 2] = 1;
        put_address(data + length + 4, 0, msf);
        length += 8;
    }
    data[length + 1] = DATA_TRACK;
    data[length + 2] = LEAD_OUT;
    put_address(data + length + 4, scsi_blocks(task), msf);
    return length + 8;
}

/* Format 1: the first track of the last session. */
static unsigned list_sessions(uint8_t *data, bool msf)
{
    data[2] = data[3] = 1;
    data[5] = DATA_TRACK;
    data[6] = 1;
    put_address(data + 8, 0, msf);
    return 12;
}

/* Format 2: what is in the lead-in; addresses are minutes, seconds and frames. */
static unsigned list_points(const struct scsi_task *task, uint8_t *data)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
    unsigned length = 4;
    data[2] = data[3] = 1;
    for (unsigned n = 0; n < sizeof(points); n++, length += 11) {
        uint8_t address[4] = { 0, 1, 0, 0 }; /* of 0xa0 and 0xa1: the number of a track */
        if (n >= 2)
            put_address(address, n == 2 ? scsi_blocks(task) : 0, true);
        data[length] = 1; /* session */
        data[length + 1] = DATA_TRACK;
        data[length + 3] = points[n];
        memcpy(data + length + 8, address + 1, 3);
    }
    return length;
}

enum scsi_result scsi_read_toc(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    unsigned format = request->cdb[2] & 0xf, first = request->cdb[6], length;
    bool msf = request->cdb[1] & 2;
    uint8_t data[64] = { 0 };
    if (!format) /* SFF 8020 had it in the last byte */
        format = request->cdb[9] >> 6;
    if (format == 0 && (first <= 1 || first == LEAD_OUT))
        length = list_tracks(task, data, first, msf);
    else if (format == 1)
        length = list_sessions(data, msf);
    else if (format == 2)
        length = list_points(task, data);
    else
        return scsi_fail(request, SCSI_BAD_FIELD);
    scsi_put(data, 2, length - 2);
    return scsi_answer(request, data, length, scsi_get(request->cdb + 7, 2));
}

/* ---- GET CONFIGURATION, READ DISC INFORMATION ---------------------------------------------------------- */

static unsigned put_feature(uint8_t *at, unsigned feature, unsigned flags, const uint8_t *more,
                            unsigned length)
{
    scsi_put(at, 2, feature);
    at[2] = (uint8_t)flags;
    at[3] = (uint8_t)length;
    memcpy(at + 4, more, length);
    return 4 + length;
}

enum scsi_result scsi_get_configuration(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    unsigned how = request->cdb[1] & 3, first = (unsigned)scsi_get(request->cdb + 2, 2), length = 8;
    uint64_t blocks = scsi_blocks(task);
    bool dvd = blocks > SCSI_CD_MAX_BLOCKS, cd = blocks && !dvd;
    const uint8_t profiles[] = { 0, PROFILE_DVD_ROM, dvd, 0, 0, PROFILE_CD_ROM, cd, 0 };
    const uint8_t core[] = { 0, 0, 0, 1, 1, 0, 0, 0 }; /* SCSI; DBE */
    const uint8_t removable[] = { 0x29, 0, 0, 0 };     /* a tray, which can be opened and locked */
    uint8_t data[64] = { 0 };
    if (how == 3)
        return scsi_fail(request, SCSI_BAD_FIELD);
    const struct {
        unsigned number, flags;
        const uint8_t *more;
        unsigned length;
    } features[] = { { FEATURE_PROFILES, 0x03, profiles, sizeof(profiles) },
                     { FEATURE_CORE, 0x0b, core, sizeof(core) },
                     { FEATURE_REMOVABLE, 0x03, removable, sizeof(removable) } };
    for (size_t n = 0; n < sizeof(features) / sizeof(features[0]); n++)
        if (how == 2 ? features[n].number == first : features[n].number >= first)
            length += put_feature(data + length, features[n].number, features[n].flags, features[n].more,
                                  features[n].length);
    scsi_put(data, 4, length - 4);
    scsi_put(data + 6, 2, dvd ? PROFILE_DVD_ROM : cd ? PROFILE_CD_ROM : 0);
    return scsi_answer(request, data, length, scsi_get(request->cdb + 7, 2));
}

enum scsi_result scsi_read_disc_information(struct scsi_task *task)
{
    struct scsi_request *request = task->request;
    uint8_t data[34] = { 0 };
    if (request->cdb[1] & 7) /* other kinds of information */
        return scsi_fail(request, SCSI_BAD_FIELD);
    scsi_put(data, 2, sizeof(data) - 2);
    data[2] = 0x0e;                            /* complete, finalised */
    data[3] = data[4] = data[5] = data[6] = 1; /* one track in one session */
    data[7] = 0x20;                            /* unrestricted use */
    return scsi_answer(request, data, sizeof(data), scsi_get(request->cdb + 7, 2));
}

/* ---- GET EVENT STATUS NOTIFICATION --------------------------------------------------------------------- */

#define CLASS_MEDIA 4u

enum scsi_result scsi_get_event_status(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    uint8_t data[8] = { 0 };
    if (!(request->cdb[1] & 1)) /* the drive would have to wait for an event */
        return scsi_fail(request, SCSI_BAD_FIELD);
    data[3] = 1u << CLASS_MEDIA; /* the classes that there are */
    if (!(request->cdb[4] & 1u << CLASS_MEDIA)) {
        data[1] = 2;
        data[2] = 0x80; /* no event */
        return scsi_answer(request, data, 4, scsi_get(request->cdb + 7, 2));
    }
    data[1] = 6;
    data[2] = CLASS_MEDIA;
    pthread_mutex_lock(&unit->lock);
    data[4] = (uint8_t)unit->event;
    data[5] = (uint8_t)((unit->blockdev && !unit->open ? 2 : 0) | (unit->open ? 1 : 0));
    if (scsi_get(request->cdb + 7, 2) > 4)
        unit->event = SCSI_EVENT_NONE;
    pthread_mutex_unlock(&unit->lock);
    return scsi_answer(request, data, sizeof(data), scsi_get(request->cdb + 7, 2));
}
