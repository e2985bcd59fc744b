/* SPDX-License-Identifier: MIT
 *
 * The controller of the FU540's level-2 cache; see sifive_u_l2cc.h. The ways that are not enabled are memory
 * at a place of its own, the L2-LIM. Here that is there always, and is not lost when a way becomes a part of
 * the cache. The lock protects the registers.
 */
#include "devices/platform/sifive_u_l2cc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define BANKS    4u
#define WAYS     16u
#define SETS     1024u
#define MASTERS  21u /* each has a mask of the ways that it may use */
#define WAY_BITS ((1u << WAYS) - 1)

/* Config: banks, ways, the logarithms of the sets of a bank and of the bytes of a block. */
#define CONFIG_VALUE (BANKS | WAYS << 8 | 8u << 16 | 6u << 24)

enum {
    CONFIG = 0x000,
    WAY_ENABLE = 0x008,
    INJECT = 0x040,
    FLUSH_64 = 0x200,
    FLUSH_32 = 0x240,
    WAY_MASK = 0x800
};

struct l2cc {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    uint32_t way_enable; /* number of the last way that is enabled */
    uint32_t masks[MASTERS];
};

static uint64_t l2cc_read(struct device *device, uint64_t offset, unsigned size)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    uint64_t value = 0, master = (offset - WAY_MASK) / 8;
    (void)size;
    pthread_mutex_lock(&l2cc->lock);
    if (offset == CONFIG)
        value = CONFIG_VALUE;
    else if (offset == WAY_ENABLE)
        value = l2cc->way_enable;
    else if (offset >= WAY_MASK && master < MASTERS)
        value = offset % 8 ? 0 : l2cc->masks[master];
    pthread_mutex_unlock(&l2cc->lock);
    return value; /* 0 for counts of errors, and where they were */
}

static void l2cc_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    uint64_t master = (offset - WAY_MASK) / 8;
    (void)size;
    pthread_mutex_lock(&l2cc->lock);
    if (offset == WAY_ENABLE) {
        value &= WAYS - 1;
        if (value > l2cc->way_enable) /* ways never leave the cache again */
            l2cc->way_enable = (uint32_t)value;
    } else if (offset >= WAY_MASK && master < MASTERS && offset % 8 == 0) {
        l2cc->masks[master] = (uint32_t)value & WAY_BITS;
    } else if (offset == INJECT) {
        LOG_UNIMP("sifive-u-l2cc: errors that are injected are not implemented");
    } else if (offset < FLUSH_64 || offset > FLUSH_32 + 4) {
        LOG_GUEST("sifive-u-l2cc: write at offset %#llx, where no register can be written",
                  (unsigned long long)offset);
    }
    pthread_mutex_unlock(&l2cc->lock);
}

static void l2cc_reset(struct device *device)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    pthread_mutex_lock(&l2cc->lock);
    l2cc->way_enable = 0;
    for (unsigned i = 0; i < MASTERS; i++)
        l2cc->masks[i] = WAY_BITS;
    pthread_mutex_unlock(&l2cc->lock);
}

static void l2cc_save(struct device *device, struct state_writer *writer)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    pthread_mutex_lock(&l2cc->lock);
    state_section(writer, l2cc->device.ops->name, 1);
    state_put(writer, "way_enable", l2cc->way_enable);
    state_put_bytes(writer, "masks", l2cc->masks, sizeof(l2cc->masks));
    pthread_mutex_unlock(&l2cc->lock);
}

static bool l2cc_load(struct device *device, struct state_reader *reader)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    if (!state_open(reader, l2cc->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&l2cc->lock);
    l2cc->way_enable = (uint32_t)state_get(reader, "way_enable", WAYS - 1);
    state_get_bytes(reader, "masks", l2cc->masks, sizeof(l2cc->masks));
    for (unsigned i = 0; i < MASTERS; i++)
        l2cc->masks[i] &= WAY_BITS;
    pthread_mutex_unlock(&l2cc->lock);
    return !reader->failed;
}

static void l2cc_destroy(struct device *device)
{
    struct l2cc *l2cc = (struct l2cc *)device;
    pthread_mutex_destroy(&l2cc->lock);
    free(l2cc);
}

static int l2cc_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "cache-controller", place);
    fdt_node_compatible(&node, "sifive,fu540-c000-ccache");
    fdt_node_u32(&node, "cache-block-size", 64);
    fdt_node_u32(&node, "cache-level", 2);
    fdt_node_u32(&node, "cache-sets", SETS);
    fdt_node_u32(&node, "cache-size", SETS * WAYS * 64 * 2);
    fdt_node_bytes(&node, "cache-unified", NULL, 0);
    fdt_node_interrupts(&node, place, 3);
    return fdt_node_end(&node);
}

static const struct device_ops l2cc_ops = {
    .name = "sifive-u-l2cc",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = l2cc_read,
    .write = l2cc_write,
    .reset = l2cc_reset,
    .save = l2cc_save,
    .load = l2cc_load,
    .destroy = l2cc_destroy,
    .fdt = l2cc_fdt,
};

struct device *sifive_u_l2cc_create(struct error *error)
{
    struct l2cc *l2cc = calloc(1, sizeof(*l2cc));
    if (!l2cc) {
        error_set(error, "sifive-u-l2cc: out of memory");
        return NULL;
    }
    l2cc->device.ops = &l2cc_ops;
    pthread_mutex_init(&l2cc->lock, NULL);
    l2cc_reset(&l2cc->device);
    return &l2cc->device;
}
