/* SPDX-License-Identifier: MIT
 *
 * What a unit is: INQUIRY with its pages of vital product data (SPC-4 sections 6.6 and 7.8, SBC-3
 * section 6.5), and REPORT LUNS.
 */
#include <string.h>

#include "devices/scsi/internal.h"

enum vpd_page {
    VPD_PAGES = 0x00,
    VPD_SERIAL = 0x80,
    VPD_IDENTIFICATION = 0x83,
    VPD_BLOCK_LIMITS = 0xb0,
    VPD_BLOCK_DEVICE = 0xb1,
    VPD_PROVISIONING = 0xb2,
};
#define PAGE_HEADER 4u
#define SPC_3       5u

/* Stores a text that is filled up with blanks. */
static void put_text(uint8_t *at, size_t size, const char *text)
{
    memset(at, ' ', size);
    memcpy(at, text, strnlen(text, size));
}

static uint8_t device_type(const struct scsi_unit *unit)
{
    return unit->config.kind == SCSI_CD ? 5 : 0;
}

/* ---- Vital product data -------------------------------------------------------------------------------- */

static uint64_t page_serial(const struct scsi_unit *unit, uint8_t *data)
{
    size_t length = strlen(unit->serial);
    memcpy(data + PAGE_HEADER, unit->serial, length);
    return PAGE_HEADER + length;
}

static uint64_t page_identification(const struct scsi_unit *unit, uint8_t *data)
{
    size_t length = strlen(unit->device_id);
    uint8_t *at = data + PAGE_HEADER;
    if (length) { /* ASCII, vendor specific, of the logical unit */
        at[0] = 2;
        at[3] = (uint8_t)length;
        memcpy(at + 4, unit->device_id, length);
        at += 4 + length;
    }
    if (unit->config.wwn) { /* binary, NAA */
        at[0] = 1;
        at[1] = 3;
        at[3] = 8;
        scsi_put(at + 4, 8, unit->config.wwn);
        at += 12;
    }
    return (uint64_t)(at - data);
}

static uint64_t page_block_limits(const struct scsi_unit *unit, uint8_t *data)
{
    unsigned bits = unit->block_bits;
    unsigned physical = unit->config.physical_block_size >> bits;
    data[4] = 1; /* WSNZ: a WRITE SAME of no blocks is refused */
    scsi_put(data + 6, 2, physical);
    scsi_put(data + 8, 4, SCSI_TRANSFER_MAX >> bits);
    if (unit->blockdev && !unit->blockdev->read_only) {
        scsi_put(data + 20, 4, SCSI_UNMAP_MAX >> bits);
        scsi_put(data + 24, 4, SCSI_UNMAP_RANGES);
        scsi_put(data + 28, 4, physical);
        scsi_put(data + 36, 8, SCSI_WRITE_SAME_MAX >> bits);
    }
    return 64;
}

static uint64_t page_block_device(const struct scsi_unit *unit, uint8_t *data)
{
    scsi_put(data + 4, 2, unit->config.rotation_rate);
    return 64;
}

static uint64_t page_provisioning(const struct scsi_unit *unit, uint8_t *data)
{
    bool unmaps = unit->blockdev && !unit->blockdev->read_only;
    data[5] = unmaps ? 0xe0 : 0;                                 /* LBPU, LBPWS, LBPWS10 */
    data[6] = unmaps && !unit->blockdev->ignore_discard ? 2 : 0; /* thin, or full */
    return 8;
}

static const struct page {
    enum vpd_page page;
    bool for_cd;
    uint64_t (*fill)(const struct scsi_unit *unit, uint8_t *data); /* returns the length */
} pages[] = {
    { VPD_PAGES, true, NULL },
    { VPD_SERIAL, true, page_serial },
    { VPD_IDENTIFICATION, true, page_identification },
    { VPD_BLOCK_LIMITS, false, page_block_limits },
    { VPD_BLOCK_DEVICE, false, page_block_device },
    { VPD_PROVISIONING, false, page_provisioning },
};
#define PAGE_COUNT (sizeof(pages) / sizeof(pages[0]))

static bool has_page(const struct scsi_unit *unit, const struct page *page)
{
    return page->page == VPD_SERIAL ? unit->serial[0] != 0 : page->for_cd || unit->config.kind == SCSI_DISK;
}

static uint64_t list_pages(const struct scsi_unit *unit, uint8_t *data)
{
    uint64_t length = PAGE_HEADER;
    for (size_t n = 0; n < PAGE_COUNT; n++)
        if (has_page(unit, &pages[n]))
            data[length++] = (uint8_t)pages[n].page;
    return length;
}

static enum scsi_result inquiry_page(struct scsi_unit *unit, struct scsi_request *request)
{
    uint8_t data[SCSI_DATA_BYTES] = { device_type(unit), request->cdb[2] };
    for (size_t n = 0; n < PAGE_COUNT; n++) {
        if (pages[n].page != request->cdb[2] || !has_page(unit, &pages[n]))
            continue;
        pthread_mutex_lock(&unit->lock);
        uint64_t length = pages[n].fill ? pages[n].fill(unit, data) : list_pages(unit, data);
        pthread_mutex_unlock(&unit->lock);
        scsi_put(data + 2, 2, length - PAGE_HEADER);
        return scsi_answer(request, data, length, scsi_get(request->cdb + 3, 2));
    }
    return scsi_fail(request, SCSI_BAD_FIELD);
}

/* ---- INQUIRY ------------------------------------------------------------------------------------------- */

enum scsi_result scsi_inquiry(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    uint8_t data[36] = { 0 };
    if (request->cdb[1] & 1)
        return inquiry_page(unit, request);
    if (request->cdb[2])
        return scsi_fail(request, SCSI_BAD_FIELD);
    data[0] = device_type(unit);
    data[1] = unit->removable ? 0x80 : 0;
    data[2] = SPC_3;
    data[3] = 2; /* the format of the answer */
    data[4] = sizeof(data) - 5;
    data[7] = 2; /* commands may overtake each other */
    put_text(data + 8, 8, unit->vendor);
    put_text(data + 16, 16, unit->product);
    put_text(data + 32, 4, unit->version);
    return scsi_answer(request, data, sizeof(data), scsi_get(request->cdb + 3, 2));
}

/* ---- REPORT LUNS --------------------------------------------------------------------------------------- */

/* SPC-4 section 6.33. */
void scsi_list_luns(const uint16_t *luns, unsigned count, struct scsi_request *request)
{
    uint8_t data[SCSI_DATA_BYTES] = { 0 };
    unsigned most = (sizeof(data) - 8) / 8;
    if (request->cdb[2] > 2 || scsi_get(request->cdb + 6, 4) < 16) {
        scsi_fail(request, SCSI_BAD_FIELD);
        return;
    }
    if (request->cdb[2] == 1) /* only well-known units, of which there are none */
        count = 0;
    for (unsigned n = 0; n < count && n < most; n++) {
        uint8_t *entry = data + 8 + 8 * n;
        /* SAM-5 section 4.7.5: peripheral addressing up to 255, flat space above. */
        scsi_put(entry, 2, luns[n] < 256 ? luns[n] : 0x4000u | luns[n]);
    }
    count = count < most ? count : most;
    scsi_put(data, 4, 8 * count);
    scsi_answer(request, data, 8 + 8 * count, scsi_get(request->cdb + 6, 4));
}

enum scsi_result scsi_report_luns(struct scsi_task *task)
{
    static const uint16_t only = 0;
    const struct scsi_unit_config *config = &task->unit->config;
    scsi_list_luns(config->luns ? config->luns : &only, config->luns ? config->lun_count : 1, task->request);
    return SCSI_DONE;
}
