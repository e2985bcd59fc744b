/* SPDX-License-Identifier: MIT
 *
 * The disk of an SD card. A card has an answer for every byte at once, so that the hart that transfers the
 * byte has to wait for the host's disk; but harts may not use files (docs/security.md). A thread does it for
 * them, one request at a time.
 */
#ifndef DEVICES_PLATFORM_SD_DISK_H
#define DEVICES_PLATFORM_SD_DISK_H

#include "devices/block/blockdev.h"

struct sd_disk;

/* The blockdev is borrowed. */
struct sd_disk *sd_disk_create(struct blockdev *blockdev, struct error *error);
void sd_disk_destroy(struct sd_disk *disk);
/* As blockdev_pread() and the like; they return when it is done. One caller at a time. */
int sd_disk_read(struct sd_disk *disk, void *bytes, uint64_t length, uint64_t at);
int sd_disk_write(struct sd_disk *disk, const void *bytes, uint64_t length, uint64_t at);
int sd_disk_zero(struct sd_disk *disk, uint64_t length, uint64_t at);

#endif
