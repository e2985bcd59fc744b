/* SPDX-License-Identifier: MIT
 *
 * The commands of disks (ACS-3 section 7). Data goes straight between the image and the guest's RAM.
 */
#include "devices/ahci/internal.h"

#include <string.h>

#include "util/log.h"

enum ata_command {
    ATA_DATA_SET_MANAGEMENT = 0x06,
    ATA_READ_SECTORS = 0x20,
    ATA_READ_SECTORS_EXT = 0x24,
    ATA_READ_DMA_EXT = 0x25,
    ATA_READ_LOG_EXT = 0x2f,
    ATA_WRITE_SECTORS = 0x30,
    ATA_WRITE_SECTORS_EXT = 0x34,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_DMA_FUA_EXT = 0x3d,
    ATA_READ_VERIFY = 0x40,
    ATA_READ_VERIFY_EXT = 0x42,
    ATA_READ_QUEUED = 0x60,
    ATA_WRITE_QUEUED = 0x61,
    ATA_READ_DMA = 0xc8,
    ATA_WRITE_DMA = 0xca,
    ATA_STANDBY_IMMEDIATE = 0xe0,
    ATA_IDLE_IMMEDIATE = 0xe1,
    ATA_CHECK_POWER_MODE = 0xe5,
    ATA_FLUSH = 0xe7,
    ATA_FLUSH_EXT = 0xea,
    ATA_IDENTIFY = 0xec,
    ATA_SET_FEATURES = 0xef,
};
enum { FEATURE_CACHE_ON = 0x02, FEATURE_TRANSFER_MODE = 0x03, FEATURE_CACHE_OFF = 0x82 };
#define TRIM_RANGES 64u /* in the block of a DATA SET MANAGEMENT */
#define LOG_QUEUED  0x10u
#define SECTOR      BLOCKDEV_SECTOR

/* ---- Parts of commands --------------------------------------------------------------------------------- */

static uint64_t sectors_of(const struct ahci_task *task)
{
    return task->port->disk->size / SECTOR;
}

static bool is_ext(uint8_t command)
{
    switch (command) {
    case ATA_READ_SECTORS:
    case ATA_WRITE_SECTORS:
    case ATA_READ_VERIFY:
    case ATA_READ_DMA:
    case ATA_WRITE_DMA: return false;
    default: return true;
    }
}

/* The range of a command, in bytes; false: it is not on the disk, and the command has failed. */
static bool range_of(struct ahci_task *task, uint64_t *place, uint64_t *bytes)
{
    const uint8_t *fis = task->fis;
    bool ext = is_ext(fis[2]);
    uint64_t first = fis[4] | fis[5] << 8 | fis[6] << 16, count;
    if (ext)
        first |= (uint64_t)fis[8] << 24 | (uint64_t)fis[9] << 32 | (uint64_t)fis[10] << 40;
    else
        first |= (uint64_t)(fis[7] & 0xf) << 24;
    if (task->queued)
        count = fis[3] | fis[11] << 8;
    else
        count = fis[12] | (ext ? fis[13] << 8 : 0);
    if (!count)
        count = ext ? 65536 : 256;
    if (fis[7] & 0x40 && first <= sectors_of(task) && count <= sectors_of(task) - first) {
        *place = first * SECTOR;
        *bytes = count * SECTOR;
        return true;
    }
    LOG_GUEST("ahci: %llu sectors at %llu of a disk with %llu", (unsigned long long)count,
              (unsigned long long)first, (unsigned long long)sectors_of(task));
    ahci_fail(task, ERROR_NOT_FOUND | ERROR_ABORT);
    return false;
}

/* The host's result; true: the command goes on. */
static bool host_result(struct ahci_task *task, enum block_request kind, uint64_t place, int rc)
{
    if (!rc)
        return true;
    switch (block_request_failed(&task->port->on_error, "ahci", task->port->disk, kind, place, rc)) {
    case BLOCKDEV_ON_ERROR_STOP: task->again = true; return false;
    case BLOCKDEV_ON_ERROR_IGNORE: return true;
    default: ahci_fail(task, kind == BLOCK_READ ? ERROR_DATA : ERROR_ABORT); return false;
    }
}

static void flush(struct ahci_task *task, uint64_t place)
{
    host_result(task, BLOCK_FLUSH, place, blockdev_flush(task->port->disk));
}

/* ---- Transfers ----------------------------------------------------------------------------------------- */

static void ata_read(struct ahci_task *task)
{
    uint64_t place, bytes;
    if (!range_of(task, &place, &bytes))
        return;
    if (ahci_map(task, bytes, true) < bytes) {
        task->fatal = true;
        return;
    }
    int rc = blockdev_preadv(task->port->disk, task->iov, task->iov_count, bytes, place);
    ahci_written(task, bytes); /* a read that failed may have stored something */
    if (host_result(task, BLOCK_READ, place, rc))
        task->done = (uint32_t)bytes;
}

static void ata_write(struct ahci_task *task, bool durable)
{
    uint64_t place, bytes;
    if (!range_of(task, &place, &bytes))
        return;
    if (task->port->disk->read_only) {
        ahci_fail(task, ERROR_ABORT);
        return;
    }
    if (ahci_map(task, bytes, false) < bytes) {
        task->fatal = true;
        return;
    }
    int rc = blockdev_pwritev(task->port->disk, task->iov, task->iov_count, bytes, place);
    if (!host_result(task, BLOCK_WRITE, place, rc))
        return;
    task->done = (uint32_t)bytes;
    if (durable || !task->write_cache)
        flush(task, place);
}

/* ACS-3 section 7.5: TRIM, with one block of ranges. All are checked before the first is touched. */
static void ata_trim(struct ahci_task *task)
{
    uint8_t block[TRIM_RANGES * 8];
    if (!(task->fis[3] & 1) || task->fis[12] != 1 || task->fis[13] || task->port->disk->read_only) {
        ahci_fail(task, ERROR_ABORT);
        return;
    }
    if (ahci_map(task, sizeof(block), false) < sizeof(block)) {
        task->fatal = true;
        return;
    }
    blockdev_iov_gather(block, task->iov, task->iov_count);
    task->done = sizeof(block);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned n = 0; n < TRIM_RANGES; n++) {
            const uint8_t *range = block + 8 * n;
            uint64_t first = ahci_get32(range) | (uint64_t)(range[4] | range[5] << 8) << 32;
            uint64_t count = range[6] | range[7] << 8, place = first * SECTOR;
            if (first > sectors_of(task) || count > sectors_of(task) - first) {
                ahci_fail(task, ERROR_NOT_FOUND | ERROR_ABORT);
                return;
            }
            if (pass && count &&
                !host_result(task, BLOCK_DISCARD, place,
                             blockdev_discard(task->port->disk, place, count * SECTOR)))
                return;
        }
    }
}

static void ata_verify(struct ahci_task *task)
{
    uint64_t place, bytes;
    uint8_t sector[SECTOR * 8];
    if (!range_of(task, &place, &bytes))
        return;
    while (bytes) {
        uint64_t step = bytes < sizeof(sector) ? bytes : sizeof(sector);
        if (!host_result(task, BLOCK_READ, place, blockdev_pread(task->port->disk, sector, step, place)))
            return;
        place += step;
        bytes -= step;
    }
}

/* ---- What a disk is ------------------------------------------------------------------------------------ */

void ahci_put_word(uint8_t *data, unsigned word, uint16_t value)
{
    data[2 * word] = (uint8_t)value;
    data[2 * word + 1] = (uint8_t)(value >> 8);
}

void ahci_put_text(uint8_t *data, unsigned word, unsigned words, const char *text)
{
    size_t length = strlen(text);
    for (unsigned n = 0; n < 2 * words; n++)
        data[(2 * word + n) ^ 1] = n < length ? (uint8_t)text[n] : ' ';
}

static void identify_features(const struct ahci_task *task, uint8_t *data)
{
    bool trims = !task->port->disk->read_only;
    ahci_put_word(data, 80, 0x1f0);                                  /* ATA-4 to ATA8 */
    ahci_put_word(data, 82, 0x4020);                                 /* NOP, write cache */
    ahci_put_word(data, 83, 0x7400);                                 /* FLUSH, FLUSH EXT, 48 bits */
    ahci_put_word(data, 84, 0x4040 | (task->port->wwn ? 0x100 : 0)); /* FUA */
    ahci_put_word(data, 85, 0x4000 | (task->write_cache ? 0x20 : 0));
    ahci_put_word(data, 86, 0x3400);
    ahci_put_word(data, 87, 0x4040 | (task->port->wwn ? 0x100 : 0));
    ahci_put_word(data, 88, 0x203f); /* Ultra DMA, of which mode 5 is set */
    ahci_put_word(data, 105, trims);
    ahci_put_word(data, 169, trims);
    ahci_put_word(data, 217, (uint16_t)task->port->rotation_rate);
    for (unsigned n = 0; n < 4; n++)
        ahci_put_word(data, 108 + n, (uint16_t)(task->port->wwn >> (48 - 16 * n)));
}

static void ata_identify(struct ahci_task *task)
{
    uint8_t data[SECTOR] = { 0 };
    uint64_t sectors = sectors_of(task), small = sectors < 0xfffffff ? sectors : 0xfffffff;
    ahci_put_word(data, 0, 0x0040); /* a fixed disk */
    ahci_put_word(data, 1, 16383);
    ahci_put_word(data, 3, 16);
    ahci_put_word(data, 6, 63);
    ahci_put_text(data, 10, 10, task->port->serial);
    ahci_put_text(data, 23, 4, "2.5+");
    ahci_put_text(data, 27, 20, task->port->model);
    ahci_put_word(data, 49, 0x0b00); /* DMA, LBA, IORDY */
    ahci_put_word(data, 50, 0x4000);
    ahci_put_word(data, 53, 6); /* words 64 to 70 and 88 are valid */
    ahci_put_word(data, 60, (uint16_t)small);
    ahci_put_word(data, 61, (uint16_t)(small >> 16));
    ahci_put_word(data, 63, 7);
    ahci_put_word(data, 64, 3);
    for (unsigned n = 65; n <= 68; n++)
        ahci_put_word(data, n, 120); /* nanoseconds of a cycle */
    ahci_put_word(data, 75, AHCI_SLOTS - 1);
    ahci_put_word(data, 76, 0x0102); /* queued commands, 1.5 Gb/s */
    for (unsigned n = 0; n < 4; n++)
        ahci_put_word(data, 100 + n, (uint16_t)(sectors >> 16 * n));
    identify_features(task, data);
    ahci_give(task, data, sizeof(data));
}

/* The log of queued commands tells which one has failed (section 13.7). */
static void ata_read_log(struct ahci_task *task)
{
    const struct ahci_port *port = task->port;
    uint8_t data[SECTOR] = { 0 };
    if (task->fis[4] != LOG_QUEUED || task->fis[5] || task->fis[9] || task->fis[12] != 1 || task->fis[13]) {
        ahci_fail(task, ERROR_ABORT);
        return;
    }
    data[0] = port->failed_tag;
    data[2] = port->failed_status;
    data[3] = port->failed_error;
    for (unsigned n = 0; n < 3; n++) {
        data[4 + n] = (uint8_t)(port->failed_block >> 8 * n);
        data[8 + n] = (uint8_t)(port->failed_block >> 8 * (n + 3));
    }
    data[7] = 0x40;
    for (unsigned n = 0; n < sizeof(data) - 1; n++)
        data[sizeof(data) - 1] -= data[n]; /* the sum of all bytes is 0 */
    ahci_give(task, data, sizeof(data));
}

static void ata_set_features(struct ahci_task *task)
{
    switch (task->fis[3]) {
    case FEATURE_TRANSFER_MODE: return; /* SATA has no modes */
    case FEATURE_CACHE_ON: task->cache_set = task->cache = true; return;
    case FEATURE_CACHE_OFF:
        flush(task, 0);
        task->cache_set = true;
        task->cache = false;
        return;
    default: ahci_fail(task, ERROR_ABORT);
    }
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

/* A queued command is known by its tag, which is the number of its slot. */
static void ata_queued(struct ahci_task *task, bool write)
{
    task->queued = true;
    if (task->fis[12] >> 3 != task->slot)
        ahci_fail(task, ERROR_ABORT);
    else if (write)
        ata_write(task, task->fis[7] & 0x80); /* FUA */
    else
        ata_read(task);
}

static void ata_power(struct ahci_task *task)
{
    if (task->fis[2] == ATA_STANDBY_IMMEDIATE)
        flush(task, 0);
    else if (task->fis[2] == ATA_CHECK_POWER_MODE)
        task->reason = 0xff; /* in the place of the count: it is active */
}

void ahci_ata(struct ahci_task *task)
{
    switch (task->fis[2]) {
    case ATA_READ_SECTORS:
    case ATA_READ_SECTORS_EXT:
    case ATA_READ_DMA:
    case ATA_READ_DMA_EXT: ata_read(task); break;
    case ATA_WRITE_SECTORS:
    case ATA_WRITE_SECTORS_EXT:
    case ATA_WRITE_DMA:
    case ATA_WRITE_DMA_EXT: ata_write(task, false); break;
    case ATA_WRITE_DMA_FUA_EXT: ata_write(task, true); break;
    case ATA_READ_QUEUED: ata_queued(task, false); break;
    case ATA_WRITE_QUEUED: ata_queued(task, true); break;
    case ATA_READ_VERIFY:
    case ATA_READ_VERIFY_EXT: ata_verify(task); break;
    case ATA_FLUSH:
    case ATA_FLUSH_EXT: flush(task, 0); break;
    case ATA_DATA_SET_MANAGEMENT: ata_trim(task); break;
    case ATA_IDENTIFY: ata_identify(task); break;
    case ATA_READ_LOG_EXT: ata_read_log(task); break;
    case ATA_SET_FEATURES: ata_set_features(task); break;
    case ATA_STANDBY_IMMEDIATE:
    case ATA_IDLE_IMMEDIATE:
    case ATA_CHECK_POWER_MODE: ata_power(task); break;
    default:
        LOG_GUEST("ahci: ATA command 0x%02x, which is not offered", task->fis[2]);
        ahci_fail(task, ERROR_ABORT);
    }
}
