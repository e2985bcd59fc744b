/* SPDX-License-Identifier: MIT
 *
 * For the two files of the SD card: its state, and what the bytes of the bus make of it.
 */
#ifndef DEVICES_PLATFORM_SD_CARD_INTERNAL_H
#define DEVICES_PLATFORM_SD_CARD_INTERNAL_H

#include "devices/platform/sd_card.h"
#include "devices/platform/sd_disk.h"

#define SD_BLOCK      512u
#define SD_TOKEN_READ 0xfeu
#define SD_COMMAND    6u
#define SD_QUEUE      (16 + SD_BLOCK + 2)

/* Of an SDSC card, and its unit; of larger ones. */
#define SD_SMALL_MAX   (UINT64_C(1) << 30)
#define SD_SMALL_UNIT  (UINT64_C(256) << 10)
#define SD_LARGE_UNIT  (UINT64_C(512) << 10)
#define SD_LARGE_UNITS (UINT64_C(1) << 22)

/* What it does besides waiting for commands. WANTED: the token of a block to be written; TAKING: its bytes.
 */
enum sd_phase { COMMANDS, READING, WANTED, TAKING, PHASES };

struct sd_card {
    struct blockdev *blockdev;
    struct sd_disk *disk;
    uint64_t size; /* bytes that the guest sees */
    bool large;    /* addresses are those of blocks */

    uint8_t phase; /* enum sd_phase */
    bool idle, app, checks, many;
    uint8_t command[SD_COMMAND];
    unsigned command_length;
    uint8_t queue[SD_QUEUE];
    unsigned queue_at, queue_length;
    uint8_t data[SD_BLOCK + 2];
    unsigned data_length;
    uint64_t at; /* the next block that is read or written */
    unsigned block_length;
    uint64_t erase_first, erase_last; /* UINT64_MAX: not given */
};

/* The checksum of `length` bytes of data. */
unsigned sd_card_crc16(const uint8_t *bytes, size_t length);
/* Runs the command that has arrived: its response is in the queue then. */
void sd_card_run(struct sd_card *card);
/* Empties the queue. */
void sd_card_clear(struct sd_card *card);
void sd_card_put_byte(struct sd_card *card, unsigned byte);
/* Puts the block at `at` into the queue, or a token that says why not, which ends the reading. */
void sd_card_put_next(struct sd_card *card);

#endif
