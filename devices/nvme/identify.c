/* SPDX-License-Identifier: MIT
 *
 * Identify (section 5.15): what the controller and its namespace are. The model, and the controller's name in
 * the network's form, are those of QEMU, since they are part of names that guests have written down
 * (/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_SERIAL).
 */
#include "devices/nvme/internal.h"

#include <stdio.h>
#include <string.h>

#include "util/check.h"

enum { /* what is to be returned: CNS */
       IDENTIFY_NAMESPACE = 0x00,
       IDENTIFY_CONTROLLER = 0x01,
       IDENTIFY_ACTIVE_LIST = 0x02,
       IDENTIFY_DESCRIPTORS = 0x03,
};

enum { /* numbers of the controller */
       VENDOR = 0x1b36,
       SUBSYSTEM_VENDOR = 0x1af4,
       LOG_PAGES = 7,       /* SMART also for the namespace; commands and effects; long log pages */
       FIRMWARE_SLOTS = 3,  /* one, which cannot be written */
       OPTIONAL_NVM = 0x1d, /* compare, deallocate, write zeroes, fields of the features' commands */
       WRITE_CACHE = 7,     /* there is one, and a flush may be for all namespaces */
       WARNING_KELVIN = 343,
       CRITICAL_KELVIN = 373,
       DISCARD_BYTES = 4096, /* what the host can give back */
       CSI = 4               /* a descriptor: the command set, which is 0 */
};

static void put_text(uint8_t *data, unsigned offset, unsigned size, const char *text)
{
    size_t length = strnlen(text, size);
    memset(data + offset, ' ', size);
    memcpy(data + offset, text, length);
}

/* Figure 247. */
static void fill_controller(const struct nvme *nvme, uint8_t *data)
{
    nvme_put(data, 0, 2, VENDOR);
    nvme_put(data, 2, 2, SUBSYSTEM_VENDOR);
    memcpy(data + 4, nvme->serial, sizeof(nvme->serial));
    put_text(data, 24, 40, "QEMU NVMe Ctrl");
    put_text(data, 64, 8, NVME_FIRMWARE);
    nvme_put(data, 72, 1, 6);        /* commands that the controller likes to arbitrate at once: 64 */
    nvme_put(data, 73, 3, 0x525400); /* the vendor's OUI */
    nvme_put(data, 77, 1, nvme->config.mdts);
    nvme_put(data, 80, 4, NVME_VERSION);
    nvme_put(data, 111, 1, 1); /* an I/O controller */
    nvme_put(data, 258, 1, 3); /* aborts at a time, from 0 on */
    nvme_put(data, 259, 1, nvme->config.events - 1);
    nvme_put(data, 260, 1, FIRMWARE_SLOTS);
    nvme_put(data, 261, 1, LOG_PAGES);
    nvme_put(data, 262, 1, NVME_ERRORS - 1);
    nvme_put(data, 266, 2, WARNING_KELVIN);
    nvme_put(data, 268, 2, CRITICAL_KELVIN);
    nvme_put(data, 512, 1, 0x66); /* sizes of the queues' entries, the least and the largest */
    nvme_put(data, 513, 1, 0x44);
    nvme_put(data, 516, 4, 1); /* namespaces */
    nvme_put(data, 520, 2, OPTIONAL_NVM);
    nvme_put(data, 525, 1, WRITE_CACHE);
    int serial_length = (int)sizeof(nvme->serial);
    while (serial_length && nvme->serial[serial_length - 1] == ' ')
        serial_length--;
    snprintf((char *)data + 768, 256, "nqn.2019-08.org.qemu:%.*s", serial_length, nvme->serial);
    nvme_put(data, 2048, 2, 2500); /* power state 0: 25 W, and microseconds to enter and leave it */
    nvme_put(data, 2052, 4, 16);
    nvme_put(data, 2056, 4, 4);
}

/* Figure 245. */
static void fill_namespace(const struct nvme *nvme, uint8_t *data)
{
    const struct blockdev *blockdev = nvme->config.blockdev;
    uint64_t blocks = blockdev->size >> nvme->block_bits;
    unsigned granularity = DISCARD_BYTES >> nvme->block_bits;
    for (unsigned offset = 0; offset < 24; offset += 8) /* size, capacity, what is in use */
        nvme_put(data, offset, 8, blocks);
    nvme_put(data, 24, 1, 1 << 4); /* the fields about good sizes are there */
    nvme_put(data, 33, 1, 1 << 3); /* write zeroes may deallocate */
    nvme_put(data, 48, 8, blockdev->size);
    unsigned together = nvme->config.physical_block_size >> nvme->block_bits;
    nvme_put(data, 64, 2, together - 1); /* to be written at once, and the alignment for that */
    nvme_put(data, 66, 2, together - 1);
    nvme_put(data, 68, 2, granularity - 1);
    nvme_put(data, 70, 2, granularity - 1);
    nvme_put(data, 99, 1, blockdev->read_only);
    nvme_put(data, 128 + 2, 1, nvme->block_bits); /* the only format of blocks */
}

static enum nvme_status identify_list(uint32_t from, uint8_t *data)
{
    if (from >= NVME_ALL - 1)
        return NVME_INVALID_NAMESPACE;
    if (from < NVME_NAMESPACE)
        nvme_put(data, 0, 4, NVME_NAMESPACE);
    return NVME_OK;
}

enum nvme_status nvme_identify(struct nvme_request *request)
{
    struct nvme *nvme = request->nvme;
    const struct nvme_command *command = &request->command;
    uint8_t data[NVME_DATA_BYTES] = { 0 }, what = (uint8_t)command->cdw10;
    enum nvme_status status = NVME_OK;
    CHECK_HELD(&nvme->lock);
    if ((what == IDENTIFY_NAMESPACE || what == IDENTIFY_DESCRIPTORS) && command->namespace != NVME_NAMESPACE)
        return NVME_INVALID_NAMESPACE;
    switch (what) {
    case IDENTIFY_NAMESPACE: fill_namespace(nvme, data); break;
    case IDENTIFY_CONTROLLER: fill_controller(nvme, data); break;
    case IDENTIFY_ACTIVE_LIST: status = identify_list(command->namespace, data); break;
    case IDENTIFY_DESCRIPTORS:
        data[0] = CSI;
        data[1] = 1; /* byte of the value */
        break;
    default: return NVME_INVALID_FIELD;
    }
    return status ? status : nvme_give(request, data, sizeof(data));
}
