/* SPDX-License-Identifier: MIT
 *
 * Mode pages (SPC-4 sections 6.9 to 6.12 and 7.5, SBC-3 section 6.4, MMC-3 section 5.5.10). The guest may
 * change one bit: whether a disk has a write cache.
 */
#include <string.h>

#include "devices/scsi/internal.h"

enum mode_page {
    PAGE_RECOVERY = 0x01,
    PAGE_CACHING = 0x08,
    PAGE_CONTROL = 0x0a,
    PAGE_CD = 0x2a,
    PAGE_ALL = 0x3f,
};
enum mode_values { VALUES_CURRENT, VALUES_CHANGEABLE, VALUES_DEFAULT, VALUES_SAVED };

#define PAGE_MAX    32u
#define WRITE_CACHE 4u    /* WCE of the page Caching */
#define DESCRIPTOR  8u    /* bytes of a block descriptor */
#define PARAMETERS  512u  /* bytes of a list that MODE SELECT takes at most */
#define CD_SPEED    8467u /* KiB a second: 48 times that of an audio CD */
#define CD_BUFFER   2048u /* KiB */

/* ---- Pages --------------------------------------------------------------------------------------------- */

static unsigned fill_cd(const struct scsi_unit *unit, uint8_t *page)
{
    page[2] = 0x0b;                                     /* reads CD-R, CD-RW and DVD-ROM */
    page[4] = 0x70;                                     /* modes and sessions */
    page[6] = (uint8_t)(0x29 | (unit->locked ? 2 : 0)); /* a tray, which can be opened and locked */
    scsi_put(page + 8, 2, CD_SPEED);
    scsi_put(page + 10, 2, 2); /* levels of volume */
    scsi_put(page + 12, 2, CD_BUFFER);
    scsi_put(page + 14, 2, CD_SPEED);
    return 22;
}

/* Fills in one page; returns its length, 0 if the unit does not have it. [locked] */
static unsigned fill_page(const struct scsi_unit *unit, enum mode_page number, enum mode_values values,
                          uint8_t page[PAGE_MAX])
{
    bool cd = unit->config.kind == SCSI_CD, changeable = values == VALUES_CHANGEABLE;
    bool cache = values == VALUES_DEFAULT ? !unit->config.write_through : unit->write_cache;
    unsigned length;
    memset(page, 0, PAGE_MAX);
    switch (number) {
    case PAGE_RECOVERY:
        length = cd ? 8 : 12;
        page[2] = changeable || cd ? 0 : 0x80; /* AWRE */
        break;
    case PAGE_CACHING:
        length = 20;
        page[2] = !cd && (changeable || cache) ? WRITE_CACHE : 0;
        break;
    case PAGE_CONTROL:
        length = 12;
        page[3] = changeable ? 0 : 0x10; /* commands may be reordered */
        break;
    case PAGE_CD:
        length = cd ? 22 : 0;
        if (cd && !changeable)
            fill_cd(unit, page);
        break;
    default: length = 0;
    }
    page[0] = (uint8_t)number;
    page[1] = (uint8_t)(length - 2);
    return length;
}

static const enum mode_page pages[] = { PAGE_RECOVERY, PAGE_CACHING, PAGE_CONTROL, PAGE_CD };

/* ---- MODE SENSE ---------------------------------------------------------------------------------------- */

static unsigned put_descriptor(const struct scsi_task *task, uint8_t *at)
{
    uint64_t blocks = scsi_blocks(task);
    memset(at, 0, DESCRIPTOR);
    scsi_put(at + 1, 3, blocks > 0xffffff ? 0 : blocks);
    scsi_put(at + 5, 3, 1u << task->unit->block_bits);
    return DESCRIPTOR;
}

static uint8_t device_parameter(const struct scsi_task *task)
{
    if (task->unit->config.kind == SCSI_CD)
        return 0;
    return (uint8_t)(0x10 | (task->blockdev && task->blockdev->read_only ? 0x80 : 0)); /* DPOFUA, WP */
}

enum scsi_result scsi_mode_sense(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    bool ten = request->cdb[0] == SCSI_MODE_SENSE_10, bare = request->cdb[1] & 8;
    enum mode_values values = request->cdb[2] >> 6;
    unsigned wanted = request->cdb[2] & 0x3f, subpage = request->cdb[3], header = ten ? 8 : 4;
    uint8_t data[SCSI_DATA_BYTES] = { 0 };
    if (values == VALUES_SAVED)
        return scsi_fail(request, SCSI_CANNOT_SAVE);
    if (subpage && (wanted != PAGE_ALL || subpage != 0xff))
        return scsi_fail(request, SCSI_BAD_FIELD);
    unsigned length = header, described = bare ? 0 : put_descriptor(task, data + header);
    length += described;
    pthread_mutex_lock(&unit->lock);
    for (size_t n = 0; n < sizeof(pages) / sizeof(pages[0]); n++)
        if (wanted == PAGE_ALL || wanted == (unsigned)pages[n])
            length += fill_page(unit, pages[n], values, data + length);
    pthread_mutex_unlock(&unit->lock);
    if (length == header + described)
        return scsi_fail(request, SCSI_BAD_FIELD);
    scsi_put(data, ten ? 2 : 1, length - (ten ? 2 : 1));
    data[ten ? 3 : 2] = device_parameter(task);
    data[header - 1] = (uint8_t)described;
    return scsi_answer(request, data, length, ten ? scsi_get(request->cdb + 7, 2) : request->cdb[4]);
}

/* ---- MODE SELECT --------------------------------------------------------------------------------------- */

/* Does the page change nothing but what may be changed? *cache: what it makes of the write cache. [locked] */
static bool check_page(const struct scsi_unit *unit, const uint8_t *page, unsigned length, bool *cache)
{
    uint8_t now[PAGE_MAX], mask[PAGE_MAX];
    enum mode_page number = page[0] & 0x3f;
    if (page[0] & 0x40 || fill_page(unit, number, VALUES_CURRENT, now) != length)
        return false;
    fill_page(unit, number, VALUES_CHANGEABLE, mask);
    for (unsigned n = 2; n < length; n++)
        if ((page[n] ^ now[n]) & ~mask[n])
            return false;
    if (number == PAGE_CACHING && unit->config.kind == SCSI_DISK)
        *cache = page[2] & WRITE_CACHE;
    return true;
}

static enum scsi_sense check_pages(const struct scsi_unit *unit, const uint8_t *list, uint64_t length,
                                   bool *cache)
{
    while (length) {
        unsigned size = length >= 2 ? list[1] + 2u : 0;
        if (!size || size > length)
            return SCSI_LIST_LENGTH;
        if (!check_page(unit, list, size, cache))
            return SCSI_BAD_PARAMETER;
        list += size;
        length -= size;
    }
    return SCSI_NO_SENSE;
}

/* A block descriptor may only say what is so. */
static bool check_descriptor(const struct scsi_task *task, const uint8_t *descriptor)
{
    uint8_t own[DESCRIPTOR];
    put_descriptor(task, own);
    return scsi_get(descriptor + 5, 3) == scsi_get(own + 5, 3) &&
           (!scsi_get(descriptor + 1, 3) || scsi_get(descriptor + 1, 3) == scsi_get(own + 1, 3));
}

/* A write cache that is switched off must be empty. */
static enum scsi_result set_cache(struct scsi_task *task, bool cache)
{
    struct scsi_unit *unit = task->unit;
    enum scsi_result result = SCSI_DONE;
    if (!cache && task->write_cache && task->blockdev)
        result = scsi_flush(task, 0);
    if (result != SCSI_DONE || task->request->status != SCSI_GOOD)
        return result;
    pthread_mutex_lock(&unit->lock);
    unit->write_cache = cache;
    pthread_mutex_unlock(&unit->lock);
    return SCSI_DONE;
}

enum scsi_result scsi_mode_select(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    bool ten = request->cdb[0] == SCSI_MODE_SELECT_10, cache = task->write_cache;
    uint64_t length = ten ? scsi_get(request->cdb + 7, 2) : request->cdb[4];
    unsigned header = ten ? 8 : 4;
    uint8_t list[PARAMETERS];
    if (request->cdb[1] & 1 || !(request->cdb[1] & 0x10)) /* to be saved; not in the form of pages */
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!length)
        return SCSI_DONE;
    if (length < header || length > sizeof(list))
        return scsi_fail(request, SCSI_LIST_LENGTH);
    if (!scsi_take(request, list, length))
        return SCSI_OVERRUN;
    uint64_t described = ten ? scsi_get(list + 6, 2) : list[3];
    if (described > length - header || (described && described != DESCRIPTOR))
        return scsi_fail(request, SCSI_LIST_LENGTH);
    if (described && !check_descriptor(task, list + header))
        return scsi_fail(request, SCSI_BAD_PARAMETER);
    header += (unsigned)described;
    pthread_mutex_lock(&unit->lock);
    enum scsi_sense sense = check_pages(unit, list + header, length - header, &cache);
    pthread_mutex_unlock(&unit->lock);
    return sense ? scsi_fail(request, sense) : set_cache(task, cache);
}
