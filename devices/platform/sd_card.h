/* SPDX-License-Identifier: MIT
 *
 * An SD memory card in SPI mode (SD Specifications, Part 1, "Physical Layer Simplified Specification" 6.00,
 * chapter 7). A byte goes each way at a time. The card's lock is that of its controller, which is
 * held while the disk is read or written.
 */
#ifndef DEVICES_PLATFORM_SD_CARD_H
#define DEVICES_PLATFORM_SD_CARD_H

#include "devices/block/blockdev.h"
#include "util/state.h"

struct sd_card;

/* Up to 1 GiB it is an SDSC card, which is a multiple of 256 KiB, else an SDHC or SDXC card, a multiple of
 * 512 KiB; what the disk has beyond that is not seen. NULL, with *error filled: it is too small or too large.
 */
struct sd_card *sd_card_create(struct blockdev *blockdev, struct error *error);
void sd_card_destroy(struct sd_card *card);
uint8_t sd_card_transfer(struct sd_card *card, uint8_t in);
void sd_card_reset(struct sd_card *card); /* as if it had been without power */
void sd_card_save(struct sd_card *card, struct state_writer *writer);
bool sd_card_load(struct sd_card *card, struct state_reader *reader);

#endif
