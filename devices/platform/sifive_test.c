/* SPDX-License-Identifier: MIT
 *
 * SiFive's test finisher; see sifive_test.h. It has one register at offset 0, whose low half is the command
 * and whose high half is the exit code. There is no state, so no lock.
 */
#include "devices/platform/sifive_test.h"

#include <stdlib.h>

#include "devices/fdt_node.h"
#include "util/log.h"

enum finisher { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

struct sifive_test {
    struct device device; /* must be first: the ops cast back to the whole */
    struct sifive_test_config config;
};

static uint64_t test_read(struct device *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return 0;
}

static void test_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct sifive_test_config *config = &((struct sifive_test *)device)->config;
    (void)size;
    if (offset != 0) {
        LOG_GUEST("sifive-test: write at offset %#llx, where no register is", (unsigned long long)offset);
        return;
    }
    switch (value & 0xffff) {
    case FINISHER_PASS: config->power(config->opaque, POWER_OFF, 0); break;
    case FINISHER_FAIL: config->power(config->opaque, POWER_OFF, value >> 16 & 0xffff); break;
    case FINISHER_RESET: config->power(config->opaque, POWER_RESET, 0); break;
    default: LOG_GUEST("sifive-test: unknown command %#llx", (unsigned long long)value); break;
    }
}

static void test_reset(struct device *device)
{
    (void)device;
}

static void test_save(struct device *device, struct state_writer *writer)
{
    state_section(writer, device->ops->name, 1);
}

static bool test_load(struct device *device, struct state_reader *reader)
{
    return state_open(reader, device->ops->name, 1) != 0;
}

static void test_destroy(struct device *device)
{
    free(device);
}

static int test_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    struct fdt_node node = fdt_node_begin(fdt, "test", place);
    fdt_node_compatible(&node, "sifive,test1\0sifive,test0\0syscon");
    fdt_node_u32(&node, "phandle", ((struct sifive_test *)device)->config.phandle);
    return fdt_node_end(&node);
}

/* Adds the nodes by which Linux powers off and resets. */
static int test_fdt_root(struct device *device, void *fdt)
{
    uint32_t phandle = ((struct sifive_test *)device)->config.phandle;
    struct fdt_node off = fdt_node_begin_plain(fdt, "poweroff");
    fdt_node_compatible(&off, "syscon-poweroff");
    fdt_node_u32(&off, "regmap", phandle);
    fdt_node_u32(&off, "offset", 0);
    fdt_node_u32(&off, "value", FINISHER_PASS);
    if (fdt_node_end(&off))
        return off.status;
    struct fdt_node reboot = fdt_node_begin_plain(fdt, "reboot");
    fdt_node_compatible(&reboot, "syscon-reboot");
    fdt_node_u32(&reboot, "regmap", phandle);
    fdt_node_u32(&reboot, "offset", 0);
    fdt_node_u32(&reboot, "value", FINISHER_RESET);
    return fdt_node_end(&reboot);
}

static const struct device_ops test_ops = {
    .name = "sifive-test",
    .size = 0x1000,
    .access_min = 2,
    .access_max = 4,
    .read = test_read,
    .write = test_write,
    .reset = test_reset,
    .save = test_save,
    .load = test_load,
    .destroy = test_destroy,
    .fdt = test_fdt,
    .fdt_root = test_fdt_root,
};

struct device *sifive_test_create(const struct sifive_test_config *config, struct error *error)
{
    struct sifive_test *test = calloc(1, sizeof(*test));
    if (!test) {
        error_set(error, "sifive-test: out of memory");
        return NULL;
    }
    test->device.ops = &test_ops;
    test->config = *config;
    return &test->device;
}
