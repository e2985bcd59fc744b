/* SPDX-License-Identifier: MIT
 *
 * A unit's life: made, reset, saved, loaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/scsi/internal.h"

/* ---- Making -------------------------------------------------------------------------------------------- */

static bool is_block_size(unsigned size)
{
    return size >= BLOCKDEV_SECTOR && size <= SCSI_BLOCK_MAX && !(size & (size - 1));
}

static bool config_complete(struct scsi_unit_config *config, struct error *error)
{
    bool cd = config->kind == SCSI_CD;
    if (cd || !config->logical_block_size)
        config->logical_block_size = cd ? SCSI_CD_BLOCK : BLOCKDEV_SECTOR;
    if (cd || !config->physical_block_size)
        config->physical_block_size = config->logical_block_size;
    if (!is_block_size(config->logical_block_size) || !is_block_size(config->physical_block_size) ||
        config->physical_block_size < config->logical_block_size)
        return error_set(
            error,
            "scsi: block sizes %u (logical) and %u (physical); they are powers of two from 512 to "
            "%u, the physical one not the smaller",
            config->logical_block_size, config->physical_block_size, SCSI_BLOCK_MAX);
    return cd || config->blockdev || error_set(error, "scsi: a disk without an image");
}

/* Copies as much of a text as there is room for. */
static void take_text(char *at, size_t size, const char *text, const char *otherwise)
{
    snprintf(at, size, "%s", text ? text : otherwise);
}

struct scsi_unit *scsi_unit_create(const struct scsi_unit_config *given, struct error *error)
{
    struct scsi_unit_config config = *given;
    bool cd = config.kind == SCSI_CD;
    if (!config_complete(&config, error))
        return NULL;
    struct scsi_unit *unit = calloc(1, sizeof(*unit));
    if (!unit) {
        error_set(error, "scsi: out of memory");
        return NULL;
    }
    unit->config = config;
    take_text(unit->vendor, sizeof(unit->vendor), config.vendor, "QEMU");
    take_text(unit->product, sizeof(unit->product), config.product, cd ? "QEMU CD-ROM" : "QEMU HARDDISK");
    take_text(unit->version, sizeof(unit->version), config.version, "2.5+");
    take_text(unit->serial, sizeof(unit->serial), config.serial, "");
    take_text(unit->device_id, sizeof(unit->device_id), config.device_id, "");
    unit->block_bits = (unsigned)__builtin_ctz(config.logical_block_size);
    unit->removable = cd || config.removable;
    unit->blockdev = config.blockdev;
    pthread_mutex_init(&unit->lock, NULL);
    pthread_cond_init(&unit->idle, NULL);
    scsi_unit_reset(unit);
    return unit;
}

void scsi_unit_destroy(struct scsi_unit *unit)
{
    if (!unit)
        return;
    pthread_cond_destroy(&unit->idle);
    pthread_mutex_destroy(&unit->lock);
    free(unit);
}

void scsi_unit_set_luns(struct scsi_unit *unit, const uint16_t *luns, unsigned lun_count)
{
    pthread_mutex_lock(&unit->lock);
    unit->config.luns = luns;
    unit->config.lun_count = lun_count;
    pthread_mutex_unlock(&unit->lock);
}

void scsi_unit_reset(struct scsi_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    unit->open = unit->locked = false;
    unit->write_cache = unit->config.kind == SCSI_DISK && !unit->config.write_through;
    unit->attention = SCSI_WAS_RESET;
    unit->sense = SCSI_NO_SENSE;
    unit->event = SCSI_EVENT_NONE;
    pthread_mutex_unlock(&unit->lock);
}

/* ---- State --------------------------------------------------------------------------------------------- */

static const char *field(char name[32], unsigned number, const char *what)
{
    snprintf(name, 32, "unit%u.%s", number, what);
    return name;
}

void scsi_unit_save(struct scsi_unit *unit, unsigned number, struct state_writer *writer)
{
    char name[32];
    pthread_mutex_lock(&unit->lock);
    state_put(writer, field(name, number, "size"), unit->blockdev ? unit->blockdev->size : 0);
    state_put(writer, field(name, number, "open"), unit->open);
    state_put(writer, field(name, number, "locked"), unit->locked);
    state_put(writer, field(name, number, "write_cache"), unit->write_cache);
    state_put(writer, field(name, number, "attention"), unit->attention);
    state_put(writer, field(name, number, "sense"), unit->sense);
    state_put(writer, field(name, number, "event"), unit->event);
    pthread_mutex_unlock(&unit->lock);
}

/* The medium is what the user has put in, whatever was there when the state was saved. [locked] */
static void load_medium(struct scsi_unit *unit, uint64_t size, struct state_reader *reader)
{
    uint64_t mine = unit->blockdev ? unit->blockdev->size : 0;
    if (reader->failed || size == mine)
        return;
    if (!unit->removable) {
        reader->failed = true;
        error_set(reader->error, "saved state: the disk had %llu bytes, this one has %llu",
                  (unsigned long long)size, (unsigned long long)mine);
        return;
    }
    unit->attention = SCSI_MEDIUM_CHANGED;
    unit->event = mine ? SCSI_EVENT_NEW : SCSI_EVENT_REMOVAL;
}

void scsi_unit_load(struct scsi_unit *unit, unsigned number, struct state_reader *reader)
{
    char name[32];
    pthread_mutex_lock(&unit->lock);
    uint64_t size = state_get(reader, field(name, number, "size"), UINT64_MAX);
    unit->open = state_get(reader, field(name, number, "open"), unit->config.kind == SCSI_CD);
    unit->locked = state_get(reader, field(name, number, "locked"), unit->removable);
    unit->write_cache = state_get(reader, field(name, number, "write_cache"), unit->config.kind == SCSI_DISK);
    unit->attention = (enum scsi_sense)state_get(reader, field(name, number, "attention"), 0xfffff);
    unit->sense = (enum scsi_sense)state_get(reader, field(name, number, "sense"), 0xfffff);
    unit->event = (enum scsi_media_event)state_get(reader, field(name, number, "event"), SCSI_EVENT_REMOVAL);
    load_medium(unit, size, reader);
    pthread_mutex_unlock(&unit->lock);
}
