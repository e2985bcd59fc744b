/* SPDX-License-Identifier: MIT
 *
 * An SD card in SPI mode; see sd_card.h. What it sends is in a queue: a response, or a block of data with its
 * token and its checksum. When that is empty, it sends ones, or the next block of a long read. A byte that it
 * gets belongs to a command, which begins with the bits 01, or to a block that is being written.
 */
#include "devices/platform/sd_card_internal.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN_MANY = 0xfc, TOKEN_STOP = 0xfd };
enum { DATA_TAKEN = 0x05, DATA_CRC = 0x0b, DATA_ERROR = 0x0d };

/* ---- Bytes --------------------------------------------------------------------------------------------- */

static unsigned store(struct sd_card *card)
{
    if (card->checks && sd_card_crc16(card->data, SD_BLOCK) !=
                            ((unsigned)card->data[SD_BLOCK] << 8 | card->data[SD_BLOCK + 1]))
        return DATA_CRC;
    if (card->at >= card->size || card->blockdev->read_only ||
        sd_disk_write(card->disk, card->data, SD_BLOCK, card->at) != 0)
        return DATA_ERROR;
    card->at += SD_BLOCK;
    return DATA_TAKEN;
}

static void take_data(struct sd_card *card, uint8_t in)
{
    card->data[card->data_length++] = in;
    if (card->data_length < sizeof(card->data))
        return;
    card->data_length = 0;
    sd_card_clear(card);
    sd_card_put_byte(card, store(card));
    card->phase = card->many ? WANTED : COMMANDS;
}

static void take_command(struct sd_card *card, uint8_t in)
{
    if (!card->command_length && in >> 6 != 1)
        return;
    card->command[card->command_length++] = in;
    if (card->command_length < SD_COMMAND)
        return;
    card->command_length = 0;
    sd_card_run(card);
}

uint8_t sd_card_transfer(struct sd_card *card, uint8_t in)
{
    uint8_t out = 0xff;
    if (card->queue_at == card->queue_length && card->phase == READING) {
        sd_card_clear(card);
        if (card->many)
            sd_card_put_next(card);
        else
            card->phase = COMMANDS;
    }
    if (card->queue_at < card->queue_length)
        out = card->queue[card->queue_at++];
    if (card->phase == TAKING) {
        take_data(card, in);
    } else if (card->phase == WANTED && in == (card->many ? TOKEN_MANY : SD_TOKEN_READ) &&
               !card->command_length) {
        card->phase = TAKING;
    } else if (card->phase == WANTED && in == TOKEN_STOP && card->many && !card->command_length) {
        card->phase = COMMANDS;
    } else {
        take_command(card, in);
    }
    return out;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

void sd_card_reset(struct sd_card *card)
{
    struct blockdev *blockdev = card->blockdev;
    struct sd_disk *disk = card->disk;
    uint64_t size = card->size;
    bool large = card->large;
    *card = (struct sd_card){ .blockdev = blockdev,
                              .disk = disk,
                              .size = size,
                              .large = large,
                              .idle = true,
                              .block_length = SD_BLOCK,
                              .erase_first = UINT64_MAX,
                              .erase_last = UINT64_MAX };
}

void sd_card_save(struct sd_card *card, struct state_writer *writer)
{
    state_section(writer, "sd-card", 1);
    state_put(writer, "phase", card->phase);
    state_put(writer, "idle", card->idle);
    state_put(writer, "app", card->app);
    state_put(writer, "checks", card->checks);
    state_put(writer, "many", card->many);
    state_put_bytes(writer, "command", card->command, sizeof(card->command));
    state_put(writer, "command_length", card->command_length);
    state_put_bytes(writer, "queue", card->queue, sizeof(card->queue));
    state_put(writer, "queue_at", card->queue_at);
    state_put(writer, "queue_length", card->queue_length);
    state_put_bytes(writer, "data", card->data, sizeof(card->data));
    state_put(writer, "data_length", card->data_length);
    state_put(writer, "at", card->at);
    state_put(writer, "block_length", card->block_length);
    state_put(writer, "erase_first", card->erase_first);
    state_put(writer, "erase_last", card->erase_last);
}

bool sd_card_load(struct sd_card *card, struct state_reader *reader)
{
    if (!state_open(reader, "sd-card", 1))
        return false;
    card->phase = (uint8_t)state_get(reader, "phase", PHASES - 1);
    card->idle = state_get(reader, "idle", 1);
    card->app = state_get(reader, "app", 1);
    card->checks = state_get(reader, "checks", 1);
    card->many = state_get(reader, "many", 1);
    state_get_bytes(reader, "command", card->command, sizeof(card->command));
    card->command_length = (unsigned)state_get(reader, "command_length", SD_COMMAND - 1);
    state_get_bytes(reader, "queue", card->queue, sizeof(card->queue));
    card->queue_length = (unsigned)state_get(reader, "queue_length", SD_QUEUE);
    card->queue_at = (unsigned)state_get(reader, "queue_at", card->queue_length);
    state_get_bytes(reader, "data", card->data, sizeof(card->data));
    card->data_length = (unsigned)state_get(reader, "data_length", sizeof(card->data) - 1);
    card->at = state_get(reader, "at", card->size);
    card->block_length = (unsigned)state_get(reader, "block_length", SD_BLOCK);
    card->erase_first = state_get(reader, "erase_first", UINT64_MAX);
    card->erase_last = state_get(reader, "erase_last", UINT64_MAX);
    /* A read goes by its own length, a write by blocks. */
    if (!card->block_length || (card->large && card->block_length != SD_BLOCK))
        card->block_length = SD_BLOCK;
    if (card->at % SD_BLOCK + card->block_length > SD_BLOCK || card->phase >= WANTED)
        card->at &= ~(uint64_t)(SD_BLOCK - 1);
    if (card->erase_first >= card->size || card->erase_last >= card->size)
        card->erase_first = card->erase_last = UINT64_MAX;
    return !reader->failed;
}

struct sd_card *sd_card_create(struct blockdev *blockdev, struct error *error)
{
    bool large = blockdev->size > SD_SMALL_MAX;
    uint64_t unit = large ? SD_LARGE_UNIT : SD_SMALL_UNIT, units = blockdev->size / unit;
    if (!units || units > SD_LARGE_UNITS) {
        error_set(error, "an SD card has 256 KiB to 2 TiB, and the image has %llu bytes",
                  (unsigned long long)blockdev->size);
        return NULL;
    }
    struct sd_card *card = calloc(1, sizeof(*card));
    struct sd_disk *disk = card ? sd_disk_create(blockdev, error) : NULL;
    if (!card)
        error_set(error, "sd-card: out of memory");
    if (!disk) {
        free(card);
        return NULL;
    }
    *card = (struct sd_card){ .blockdev = blockdev, .disk = disk, .large = large, .size = units * unit };
    sd_card_reset(card);
    return card;
}

void sd_card_destroy(struct sd_card *card)
{
    if (card)
        sd_disk_destroy(card->disk);
    free(card);
}
