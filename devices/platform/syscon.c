/* SPDX-License-Identifier: MIT
 *
 * A system controller; see syscon.h. The registers are words; a lock keeps the bytes of one together.
 */
#include "devices/platform/syscon.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (SYSCON_SIZE / 4)

struct syscon {
    struct device device; /* must be first: the ops cast back to the whole */
    struct syscon_config config;
    pthread_mutex_t lock;
    uint32_t words[WORDS];
};

/* The device lets through aligned accesses of 1 to 4 bytes, so `offset` is below SYSCON_SIZE. */
static uint32_t field_mask(uint64_t offset, unsigned size)
{
    return (uint32_t)(UINT32_MAX >> (32 - 8 * size)) << (8 * (offset % 4));
}

static uint64_t syscon_read(struct device *device, uint64_t offset, unsigned size)
{
    struct syscon *syscon = (struct syscon *)device;
    pthread_mutex_lock(&syscon->lock);
    uint32_t word = syscon->words[offset / 4];
    pthread_mutex_unlock(&syscon->lock);
    return (word & field_mask(offset, size)) >> (8 * (offset % 4));
}

static void syscon_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct syscon *syscon = (struct syscon *)device;
    uint32_t mask = field_mask(offset, size), shift = 8 * (offset % 4);
    pthread_mutex_lock(&syscon->lock);
    uint32_t *word = &syscon->words[offset / 4];
    *word = (*word & ~mask) | ((uint32_t)value << shift & mask);
    uint32_t now = *word;
    pthread_mutex_unlock(&syscon->lock);
    for (unsigned n = 0; n < syscon->config.count; n++) {
        const struct syscon_action *action = &syscon->config.actions[n];
        if (action->offset != (offset & ~UINT64_C(3)) || ((now ^ action->value) & action->mask))
            continue;
        syscon->config.power(syscon->config.opaque, action->action, 0);
        return;
    }
}

static void syscon_reset(struct device *device)
{
    struct syscon *syscon = (struct syscon *)device;
    pthread_mutex_lock(&syscon->lock);
    memset(syscon->words, 0, sizeof(syscon->words));
    pthread_mutex_unlock(&syscon->lock);
}

static void syscon_save(struct device *device, struct state_writer *writer)
{
    struct syscon *syscon = (struct syscon *)device;
    pthread_mutex_lock(&syscon->lock);
    state_section(writer, device->ops->name, 1);
    state_put_bytes(writer, "words", syscon->words, sizeof(syscon->words));
    pthread_mutex_unlock(&syscon->lock);
}

static bool syscon_load(struct device *device, struct state_reader *reader)
{
    struct syscon *syscon = (struct syscon *)device;
    if (!state_open(reader, device->ops->name, 1))
        return false;
    pthread_mutex_lock(&syscon->lock);
    state_get_bytes(reader, "words", syscon->words, sizeof(syscon->words));
    pthread_mutex_unlock(&syscon->lock);
    return !reader->failed;
}

static void syscon_destroy(struct device *device)
{
    struct syscon *syscon = (struct syscon *)device;
    pthread_mutex_destroy(&syscon->lock);
    free(syscon);
}

static const struct device_ops syscon_ops = {
    .name = "syscon",
    .size = SYSCON_SIZE,
    .access_min = 1,
    .access_max = 4,
    .read = syscon_read,
    .write = syscon_write,
    .reset = syscon_reset,
    .save = syscon_save,
    .load = syscon_load,
    .destroy = syscon_destroy,
};

struct device *syscon_create(const struct syscon_config *config, struct error *error)
{
    struct syscon *syscon = calloc(1, sizeof(*syscon));
    if (!syscon) {
        error_set(error, "syscon: out of memory");
        return NULL;
    }
    syscon->device.ops = &syscon_ops;
    syscon->config = *config;
    pthread_mutex_init(&syscon->lock, NULL);
    return &syscon->device;
}
