/* SPDX-License-Identifier: MIT
 *
 * The models of disks and CD drives, which controllers with a SCSI bus make.
 */
#include "devices/scsi/scsi.h"

struct scsi_unit *scsi_unit_plug(const struct device_unit *plug, const uint16_t *luns, unsigned lun_count,
                                 bool keeps_sense, struct error *error)
{
    const struct device_settings *settings = plug->settings;
    struct scsi_unit_config config = {
        .kind = plug->model == &scsi_hd_model ? SCSI_DISK : SCSI_CD,
        .blockdev = plug->disk,
        .vendor = settings->vendor,
        .product = settings->product,
        .version = settings->version,
        .serial = settings->serial,
        .device_id = settings->device_id ? settings->device_id
                     : settings->serial  ? settings->serial
                                         : plug->drive_id,
        .wwn = settings->wwn,
        .logical_block_size = settings->logical_block_size,
        .physical_block_size = settings->physical_block_size,
        .rotation_rate = settings->rotation_rate,
        .removable = settings->removable,
        .write_through = settings->write_cache == 1,
        .keeps_sense = keeps_sense,
        .on_error = *plug->on_error,
        .luns = luns,
        .lun_count = lun_count,
    };
    return scsi_unit_create(&config, error);
}

/* ---- Keys ---------------------------------------------------------------------------------------------- */

/* What both kinds have: the first rows of the two lists, after the drive. */
#define UNIT_KEYS                                                                                            \
    { "bus", DEVICE_KEY_TEXT, "ID.0, of a virtio-scsi with id=ID; without it, the first",                    \
      DEVICE_SETTING(carrier) },                                                                             \
        { "channel", DEVICE_KEY_NUMBER, "there is only 0", DEVICE_SETTING(channel),                          \
          .most = SCSI_CHANNEL_MAX },                                                                        \
        { "scsi-id", DEVICE_KEY_ORDER, "its target; without it, the first that is free",                     \
          DEVICE_SETTING(target), .most = SCSI_TARGETS - 1 },                                                \
        { "lun", DEVICE_KEY_ORDER,                                                                           \
          "its number there; without it, 0, or with scsi-id= the first that is free", DEVICE_SETTING(lun),   \
          .most = SCSI_LUNS - 1 },                                                                           \
        { "serial", DEVICE_KEY_TEXT, "what the guest reads as its serial number", DEVICE_SETTING(serial) },  \
        { "vendor", DEVICE_KEY_TEXT, "up to 8 characters", DEVICE_SETTING(vendor) },                         \
        { "product", DEVICE_KEY_TEXT, "up to 16 characters", DEVICE_SETTING(product) },                      \
        { "ver", DEVICE_KEY_TEXT, "up to 4 characters", DEVICE_SETTING(version) },                           \
        { "device_id", DEVICE_KEY_TEXT,                                                                      \
          "up to 20 characters; without it, the serial number or the drive's id",                            \
          DEVICE_SETTING(device_id) },                                                                       \
        { "wwn", DEVICE_KEY_NUMBER, "its world wide name", DEVICE_SETTING(wwn), .most = UINT64_MAX },        \
        { "bootindex", DEVICE_KEY_ORDER, "when firmware tries to boot from it",                              \
          DEVICE_SETTING(boot_index) },                                                                      \
        BLOCK_ON_ERROR_KEYS

static const struct device_key disk_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev", DEVICE_SETTING(backend), .needed = "ID" },
    UNIT_KEYS,
    { "logical_block_size", DEVICE_KEY_POWER, "bytes of a block", DEVICE_SETTING(logical_block_size),
      .least = 512, .most = SCSI_BLOCK_MAX, .fallback = 512 },
    { "physical_block_size", DEVICE_KEY_POWER,
      "what the guest had better write at once; without it, a logical block",
      DEVICE_SETTING(physical_block_size), .least = 512, .most = SCSI_BLOCK_MAX },
    { "rotation_rate", DEVICE_KEY_NUMBER, "turns a minute; 1: it does not turn, as SSDs",
      DEVICE_SETTING(rotation_rate), .most = UINT16_MAX },
    { "removable", DEVICE_KEY_SWITCH, "it says that its medium can be taken out", DEVICE_SETTING(removable) },
    { "write-cache", DEVICE_KEY_AUTO,
      "off: each write is on the host's disk before it ends; auto: as the drive has it",
      DEVICE_SETTING(write_cache) },
    { .name = NULL },
};

static const struct device_key cd_keys[] = {
    { "drive", DEVICE_KEY_BACKEND, "id of a -drive or -blockdev; without it, there is no medium",
      DEVICE_SETTING(backend) },
    UNIT_KEYS,
    { .name = NULL },
};

/* Only a controller makes these. */
const struct device_model scsi_hd_model = {
    .name = "scsi-hd",
    .text = "a disk on a virtio-scsi",
    .buses = DEVICE_BUS_SCSI,
    .backend = DEVICE_BACKEND_DISK,
    .keys = disk_keys,
};
const struct device_model scsi_cd_model = {
    .name = "scsi-cd",
    .text = "a CD drive on a virtio-scsi",
    .buses = DEVICE_BUS_SCSI,
    .backend = DEVICE_BACKEND_DISK,
    .keys = cd_keys,
};
