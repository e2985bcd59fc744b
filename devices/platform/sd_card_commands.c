/* SPDX-License-Identifier: MIT
 *
 * The commands of the SD card, and what it answers; see sd_card.h.
 */
#include <string.h>

#include "devices/platform/sd_card_internal.h"
#include "util/log.h"

enum { R1_IDLE = 1, R1_ILLEGAL = 4, R1_CRC = 8, R1_ERASE_SEQUENCE = 16, R1_ADDRESS = 32, R1_PARAMETER = 64 };
#define TOKEN_ERROR    1u
#define TOKEN_OF_RANGE 8u

/* ---- Checksums ----------------------------------------------------------------------------------------- */

static uint8_t crc7(const uint8_t *bytes, size_t length)
{
    unsigned crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 0x80 ? crc << 1 ^ 0x89 << 1 : crc << 1;
    }
    return (uint8_t)(crc | 1);
}

unsigned sd_card_crc16(const uint8_t *bytes, size_t length)
{
    unsigned crc = 0;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned)bytes[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
    }
    return crc & 0xffff;
}

/* ---- What it sends ------------------------------------------------------------------------------------- */

void sd_card_clear(struct sd_card *card)
{
    card->queue_at = card->queue_length = 0;
}

static void put(struct sd_card *card, const void *bytes, size_t length)
{
    memcpy(card->queue + card->queue_length, bytes, length);
    card->queue_length += (unsigned)length;
}

void sd_card_put_byte(struct sd_card *card, unsigned byte)
{
    card->queue[card->queue_length++] = (uint8_t)byte;
}

/* Drops what was in the queue. A byte of ones comes before each response. */
static void respond(struct sd_card *card, unsigned r1)
{
    sd_card_clear(card);
    sd_card_put_byte(card, 0xff);
    sd_card_put_byte(card, r1 | (card->idle ? R1_IDLE : 0));
}

static void put_block(struct sd_card *card, const uint8_t *bytes, size_t length)
{
    unsigned crc = sd_card_crc16(bytes, length);
    sd_card_put_byte(card, 0xff);
    sd_card_put_byte(card, SD_TOKEN_READ);
    put(card, bytes, length);
    sd_card_put_byte(card, crc >> 8);
    sd_card_put_byte(card, crc & 0xff);
}

void sd_card_put_next(struct sd_card *card)
{
    uint8_t bytes[SD_BLOCK];
    uint64_t place = card->at & ~(uint64_t)(SD_BLOCK - 1);
    card->many = card->many && card->at < card->size;
    if (card->at >= card->size || sd_disk_read(card->disk, bytes, SD_BLOCK, place) != 0) {
        sd_card_put_byte(card, 0xff);
        sd_card_put_byte(card, TOKEN_ERROR | (card->at >= card->size ? TOKEN_OF_RANGE : 0));
        card->phase = COMMANDS;
        return;
    }
    put_block(card, bytes + card->at % SD_BLOCK, card->block_length);
    card->at += card->block_length;
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

static void put_csd(struct sd_card *card)
{
    uint8_t small[16] = { 0x00, 0x26, 0x00, 0x32, 0x5f, 0x59, 0x80, 0, 0, 0x03, 0xff, 0x80, 0x0a, 0x40 };
    uint8_t large[16] = { 0x40, 0x0e, 0x00, 0x32, 0x5b, 0x59, 0x00, 0, 0, 0x00, 0x7f, 0x80, 0x0a, 0x40 };
    uint8_t *csd = card->large ? large : small;
    uint64_t units = card->size / (card->large ? SD_LARGE_UNIT : SD_SMALL_UNIT) - 1;
    if (card->large) {
        csd[7] = (uint8_t)(units >> 16);
        csd[8] = (uint8_t)(units >> 8);
        csd[9] = (uint8_t)units;
    } else {
        csd[6] |= (uint8_t)(units >> 10);
        csd[7] = (uint8_t)(units >> 2);
        csd[8] = (uint8_t)(units << 6);
    }
    if (card->blockdev->read_only)
        csd[14] = 0x10;
    csd[15] = crc7(csd, 15);
    put_block(card, csd, 16);
}

static void put_cid(struct sd_card *card)
{
    uint8_t cid[16] = { 0xaa, 'R', 'V', 'R', 'v', 'i', 'v', 'e', 0x10, 0xde, 0xad, 0xbe, 0xef, 0x01, 0xa1 };
    cid[15] = crc7(cid, 15);
    put_block(card, cid, 16);
}

/* Of all functions there is only the one that is on. */
static void put_switch(struct sd_card *card, uint32_t wanted)
{
    uint8_t status[64] = { 0, 1 }; /* 1 mA */
    for (unsigned group = 0; group < 6; group++) {
        unsigned function = wanted >> 4 * group & 15;
        status[12 - 2 * group] = 0x80;
        status[13 - 2 * group] = 0x01;
        status[16 - group / 2] |=
            (uint8_t)((function == 0 || function == 15 ? 0 : 15) << (group % 2 ? 4 : 0));
    }
    put_block(card, status, sizeof(status));
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

static uint32_t argument(const struct sd_card *card)
{
    const uint8_t *c = card->command;
    return (uint32_t)c[1] << 24 | (uint32_t)c[2] << 16 | (uint32_t)c[3] << 8 | c[4];
}

/* Finds the byte that an argument means; returns the error bits. */
static unsigned find(const struct sd_card *card, unsigned length, uint64_t *at)
{
    *at = argument(card) * (card->large ? (uint64_t)SD_BLOCK : 1);
    if (*at >= card->size)
        return R1_PARAMETER;
    return *at % SD_BLOCK + length > SD_BLOCK ? R1_ADDRESS : 0;
}

static void start_read(struct sd_card *card, bool many)
{
    uint64_t at;
    unsigned wrong = find(card, card->block_length, &at);
    respond(card, wrong);
    if (wrong)
        return;
    card->phase = READING;
    card->many = many;
    card->at = at;
    sd_card_put_next(card);
}

static void start_write(struct sd_card *card, bool many)
{
    uint64_t at;
    unsigned wrong = find(card, SD_BLOCK, &at);
    respond(card, wrong);
    if (wrong)
        return;
    card->phase = WANTED;
    card->many = many;
    card->at = at;
}

static void erase_bound(struct sd_card *card, uint64_t *bound)
{
    uint64_t at;
    unsigned wrong = find(card, 0, &at);
    if (!wrong)
        *bound = at & ~(uint64_t)(SD_BLOCK - 1);
    respond(card, wrong);
}

static void erase(struct sd_card *card)
{
    uint64_t first = card->erase_first, last = card->erase_last;
    card->erase_first = card->erase_last = UINT64_MAX;
    if (first == UINT64_MAX || last == UINT64_MAX || last < first) {
        respond(card, R1_ERASE_SEQUENCE);
        return;
    }
    if (card->blockdev->read_only || sd_disk_zero(card->disk, last + SD_BLOCK - first, first) != 0)
        LOG_GUEST("sd-card: the disk cannot be erased");
    respond(card, 0);
}

static void set_block_length(struct sd_card *card)
{
    uint32_t length = argument(card);
    bool good = length >= 1 && length <= SD_BLOCK;
    if (good && !card->large)
        card->block_length = length;
    respond(card, good ? 0 : R1_PARAMETER);
}

static void show_conditions(struct sd_card *card)
{
    respond(card, 0);
    sd_card_put_byte(card, (card->idle ? 0 : 0x80) | (card->large && !card->idle ? 0x40 : 0));
    sd_card_put_byte(card, 0xff); /* 2.7 V to 3.6 V */
    sd_card_put_byte(card, 0x80);
    sd_card_put_byte(card, 0x00);
}

static void run_app_command(struct sd_card *card, unsigned number)
{
    static const uint8_t scr[8] = { 0x02, 0x25, 0x80 }, zeros[64];
    switch (number) {
    case 13: /* SD_STATUS */
        respond(card, 0);
        sd_card_put_byte(card, 0);
        put_block(card, zeros, sizeof(zeros));
        break;
    case 22: /* SEND_NUM_WR_BLOCKS */
        respond(card, 0);
        put_block(card, zeros, 4);
        break;
    case 41: /* SD_SEND_OP_COND */
        card->idle = false;
        respond(card, 0);
        break;
    case 23: /* SET_WR_BLK_ERASE_COUNT */
    case 42: /* SET_CLR_CARD_DETECT */ respond(card, 0); break;
    case 51: /* SEND_SCR */
        respond(card, 0);
        put_block(card, scr, sizeof(scr));
        break;
    default: LOG_GUEST("sd-card: there is no ACMD%u", number); respond(card, R1_ILLEGAL);
    }
}

static void send_condition(struct sd_card *card)
{
    respond(card, 0);
    sd_card_put_byte(card, 0);
    sd_card_put_byte(card, 0);
    sd_card_put_byte(card, argument(card) >> 8 & 15); /* the voltage, and a pattern */
    sd_card_put_byte(card, argument(card) & 0xff);
}

/* Those that have data, or change what the card does. */
static bool run_data_command(struct sd_card *card, unsigned number)
{
    switch (number) {
    case 6:
        respond(card, 0);
        put_switch(card, argument(card));
        return true;
    case 9:
        respond(card, 0);
        put_csd(card);
        return true;
    case 10:
        respond(card, 0);
        put_cid(card);
        return true;
    case 16: set_block_length(card); return true;
    case 17: start_read(card, false); return true;
    case 18: start_read(card, true); return true;
    case 24: start_write(card, false); return true;
    case 25: start_write(card, true); return true;
    case 32: erase_bound(card, &card->erase_first); return true;
    case 33: erase_bound(card, &card->erase_last); return true;
    case 38: erase(card); return true;
    default: return false;
    }
}

/* Those that work before the card is initialised, too. */
static bool run_basic_command(struct sd_card *card, unsigned number)
{
    switch (number) {
    case 0:
        sd_card_reset(card);
        respond(card, 0);
        return true;
    case 1:
        card->idle = false;
        respond(card, 0);
        return true;
    case 8: send_condition(card); return true;
    case 12: respond(card, 0); return true;
    case 13:
        respond(card, 0);
        sd_card_put_byte(card, 0);
        return true;
    case 55:
        respond(card, 0);
        card->app = true;
        return true;
    case 58: show_conditions(card); return true;
    case 59:
        card->checks = argument(card) & 1;
        respond(card, 0);
        return true;
    default: return false;
    }
}

void sd_card_run(struct sd_card *card)
{
    unsigned number = card->command[0] & 63;
    bool app = card->app;
    card->phase = COMMANDS;
    card->app = false;
    if (card->checks && (crc7(card->command, 5) != card->command[5])) {
        respond(card, R1_CRC);
    } else if (app && (number != 0 && number != 55)) {
        run_app_command(card, number);
    } else if (!run_basic_command(card, number) && (card->idle || !run_data_command(card, number))) {
        LOG_GUEST("sd-card: there is no CMD%u%s", number,
                  card->idle ? " before the card is initialised" : "");
        respond(card, R1_ILLEGAL);
    }
}
