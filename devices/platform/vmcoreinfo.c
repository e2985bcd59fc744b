/* SPDX-License-Identifier: MIT
 *
 * etc/vmcoreinfo; see vmcoreinfo.h. The file is {le16 what the host takes, le16 what the guest gives, le32
 * size, le64 address}; formats are 0: none, 1: a note of ELF. Nothing here reads what the guest writes.
 */
#include "devices/platform/vmcoreinfo.h"

#include "devices/platform/fw_cfg.h"

enum { FORMAT_ELF = 1, FILE_SIZE = 16 };

bool vmcoreinfo_add(struct device *fw_cfg, struct error *error)
{
    static const uint8_t at_first[FILE_SIZE] = { FORMAT_ELF };
    return fw_cfg_add_writable_file(fw_cfg, "etc/vmcoreinfo", at_first, FILE_SIZE, NULL, NULL, error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

/* Only the board makes one, since it is an item of fw_cfg. */
const struct device_model vmcoreinfo_model = {
    .name = "vmcoreinfo",
    .text = "where a kernel says what its dumps consist of",
    .buses = DEVICE_BUS_NONE,
    .keys = no_keys,
};
