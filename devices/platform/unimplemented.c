/* SPDX-License-Identifier: MIT
 *
 * Registers of which only the name is there; see unimplemented.h. No state, so no lock.
 */
#include "devices/platform/unimplemented.h"

#include <stdlib.h>

#include "util/log.h"

struct unimplemented {
    struct device device;  /* must be first: the ops cast back to the whole */
    struct device_ops ops; /* each has a name and a size of its own */
};

static uint64_t no_read(struct device *device, uint64_t offset, unsigned size)
{
    LOG_UNIMP("%s: read of %u bytes at offset %#llx: this device is not implemented", device->ops->name, size,
              (unsigned long long)offset);
    return 0;
}

static void no_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    LOG_UNIMP("%s: write of %#llx, %u bytes at offset %#llx: this device is not implemented",
              device->ops->name, (unsigned long long)value, size, (unsigned long long)offset);
}

static void no_save(struct device *device, struct state_writer *writer)
{
    state_section(writer, device->ops->name, 1);
}

static bool no_load(struct device *device, struct state_reader *reader)
{
    return state_open(reader, device->ops->name, 1) != 0;
}

static void no_destroy(struct device *device)
{
    free(device);
}

struct device *unimplemented_create(const char *name, uint64_t size, struct error *error)
{
    struct unimplemented *unimplemented = calloc(1, sizeof(*unimplemented));
    if (!unimplemented) {
        error_set(error, "%s: out of memory", name);
        return NULL;
    }
    unimplemented->ops = (struct device_ops){
        .name = name,
        .size = size,
        .access_min = 1,
        .access_max = 8,
        .read = no_read,
        .write = no_write,
        .save = no_save,
        .load = no_load,
        .destroy = no_destroy,
    };
    unimplemented->device.ops = &unimplemented->ops;
    return &unimplemented->device;
}
