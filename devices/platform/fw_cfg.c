/* SPDX-License-Identifier: MIT
 *
 * fw_cfg; see fw_cfg.h. The data register is at 0 (bytes of the item in memory order, whatever the access
 * size), the selector at 8 (16 bits, big-endian), the DMA address at 16 (64 bits, big-endian, in one write or
 * two; writing the low half starts the request).
 *
 * A DMA request is a control block in guest memory {be32 control, be32 length, be64 address}. All of it is
 * read first and its control word is written last, so data that overlaps the block can change nothing but
 * memory. A range that is not all RAM sets the error bit and moves nothing. The lock protects the selection
 * and the items.
 */
#include "devices/platform/fw_cfg.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define KEY_SIGNATURE  0x00u
#define KEY_ID         0x01u
#define KEY_DIRECTORY  0x19u
#define KEY_FILE_FIRST 0x20u
#define KEY_COUNT      0x80u
#define KEY_MASK       0x3fffu /* bits 15, 14: architecture-local, write channel */
#define NAME_SIZE      56u
#define ENTRY_SIZE     64u
#define REG_SELECTOR   8u
#define REG_DMA        16u

enum dma_control { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };
static const uint8_t dma_signature[8] = { 'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G' };

struct item {
    uint8_t *bytes;
    uint32_t length;
    uint8_t *initial; /* of an item that the guest may write: what it has after a reset; NULL: it may not */
    void (*written)(void *opaque, const uint8_t *bytes, uint32_t length);
    void *opaque;
};

struct fw_cfg {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct dma *dma;
    struct item items[KEY_COUNT];
    unsigned file_count;
    uint16_t key;    /* as selected, with the upper bits */
    uint32_t offset; /* of the next byte in the item; may be beyond its end */
    uint32_t dma_high;
};

static struct item *selected(struct fw_cfg *fw_cfg)
{
    static struct item none;
    unsigned key = fw_cfg->key & KEY_MASK;
    return key < KEY_COUNT && !(fw_cfg->key & 0x8000) ? &fw_cfg->items[key] : &none;
}

/* Returns the bytes of the item from the offset on, at most `wanted`. */
static uint32_t available(const struct fw_cfg *fw_cfg, const struct item *item, uint32_t wanted)
{
    uint32_t left = fw_cfg->offset < item->length ? item->length - fw_cfg->offset : 0;
    return wanted < left ? wanted : left;
}

static void advance(struct fw_cfg *fw_cfg, uint32_t length)
{
    fw_cfg->offset = length > UINT32_MAX - fw_cfg->offset ? UINT32_MAX : fw_cfg->offset + length;
}

static void select_item(struct fw_cfg *fw_cfg, uint16_t key)
{
    fw_cfg->key = key;
    fw_cfg->offset = 0;
}

/* Beyond the item's end zeros are read. */
static bool dma_item_read(struct fw_cfg *fw_cfg, uint64_t paddr, uint32_t length)
{
    if (length == 0)
        return true;
    uint8_t *to = fw_cfg->dma->ops->map(fw_cfg->dma, paddr, length, true);
    if (!to)
        return false;
    const struct item *item = selected(fw_cfg);
    uint32_t n = available(fw_cfg, item, length);
    if (n)
        memcpy(to, item->bytes + fw_cfg->offset, n);
    memset(to + n, 0, length - n);
    fw_cfg->dma->ops->written(fw_cfg->dma, paddr, length);
    advance(fw_cfg, length);
    return true;
}

static bool dma_item_write(struct fw_cfg *fw_cfg, uint64_t paddr, uint32_t length)
{
    struct item *item = selected(fw_cfg);
    if (!item->initial || available(fw_cfg, item, length) != length)
        return false;
    if (!dma_read(fw_cfg->dma, paddr, item->bytes + fw_cfg->offset, length))
        return false;
    advance(fw_cfg, length);
    if (item->written)
        item->written(item->opaque, item->bytes, item->length);
    return true;
}

static void dma_run(struct fw_cfg *fw_cfg, uint64_t paddr)
{
    struct {
        fdt32_t control, length;
        fdt64_t address;
    } block;
    if (!dma_read(fw_cfg->dma, paddr, &block, sizeof(block))) {
        LOG_GUEST("fw_cfg: DMA control block at %#llx is not in RAM", (unsigned long long)paddr);
        return;
    }
    uint32_t control = fdt32_to_cpu(block.control), length = fdt32_to_cpu(block.length);
    uint64_t address = fdt64_to_cpu(block.address);
    bool done = true;
    if (control & DMA_SELECT)
        select_item(fw_cfg, (uint16_t)(control >> 16));
    if (control & DMA_READ)
        done = dma_item_read(fw_cfg, address, length);
    else if (control & DMA_WRITE)
        done = dma_item_write(fw_cfg, address, length);
    else if (control & DMA_SKIP)
        advance(fw_cfg, length);
    if (!done)
        LOG_GUEST("fw_cfg: DMA of %u bytes at %#llx, item %#x, refused", length, (unsigned long long)address,
                  fw_cfg->key);
    fdt32_t status = cpu_to_fdt32(done ? 0 : DMA_ERROR);
    dma_write(fw_cfg->dma, paddr, &status, sizeof(status));
}

static uint64_t data_read(struct fw_cfg *fw_cfg, unsigned size)
{
    uint64_t value = 0;
    const struct item *item = selected(fw_cfg);
    for (unsigned i = 0; i < size; i++) {
        if (available(fw_cfg, item, 1))
            value |= (uint64_t)item->bytes[fw_cfg->offset] << (i * 8);
        advance(fw_cfg, 1);
    }
    return value;
}

static uint64_t fw_cfg_read(struct device *device, uint64_t offset, unsigned size)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    uint64_t value = 0;
    pthread_mutex_lock(&fw_cfg->lock);
    if (offset < REG_SELECTOR) {
        value = data_read(fw_cfg, size);
    } else if (offset >= REG_DMA) {
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)dma_signature[(offset - REG_DMA + i) % 8] << (i * 8);
    } else {
        LOG_GUEST("fw_cfg: read at offset %#llx, where no readable register is", (unsigned long long)offset);
    }
    pthread_mutex_unlock(&fw_cfg->lock);
    return value;
}

static void fw_cfg_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    pthread_mutex_lock(&fw_cfg->lock);
    if (offset == REG_SELECTOR && size == 2) {
        select_item(fw_cfg, __builtin_bswap16((uint16_t)value));
    } else if (offset == REG_DMA && size == 8) {
        fw_cfg->dma_high = 0;
        dma_run(fw_cfg, __builtin_bswap64(value));
    } else if (offset == REG_DMA && size == 4) {
        fw_cfg->dma_high = __builtin_bswap32((uint32_t)value);
    } else if (offset == REG_DMA + 4 && size == 4) {
        uint64_t paddr = (uint64_t)fw_cfg->dma_high << 32 | __builtin_bswap32((uint32_t)value);
        fw_cfg->dma_high = 0;
        dma_run(fw_cfg, paddr);
    } else {
        LOG_GUEST("fw_cfg: write of %u bytes at offset %#llx", size, (unsigned long long)offset);
    }
    pthread_mutex_unlock(&fw_cfg->lock);
}

static void fw_cfg_reset(struct device *device)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    pthread_mutex_lock(&fw_cfg->lock);
    select_item(fw_cfg, KEY_SIGNATURE);
    fw_cfg->dma_high = 0;
    for (unsigned key = 0; key < KEY_COUNT; key++)
        if (fw_cfg->items[key].initial)
            memcpy(fw_cfg->items[key].bytes, fw_cfg->items[key].initial, fw_cfg->items[key].length);
    pthread_mutex_unlock(&fw_cfg->lock);
}

/* Items that the guest cannot change are not saved, since the command line gives them again. */
static void fw_cfg_save(struct device *device, struct state_writer *writer)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    pthread_mutex_lock(&fw_cfg->lock);
    state_section(writer, fw_cfg->device.ops->name, 1);
    state_put(writer, "key", fw_cfg->key);
    state_put(writer, "offset", fw_cfg->offset);
    state_put(writer, "dma_high", fw_cfg->dma_high);
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        char field[32];
        snprintf(field, sizeof(field), "item.%u", key);
        if (fw_cfg->items[key].initial)
            state_put_bytes(writer, field, fw_cfg->items[key].bytes, fw_cfg->items[key].length);
    }
    pthread_mutex_unlock(&fw_cfg->lock);
}

static bool fw_cfg_load(struct device *device, struct state_reader *reader)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    if (!state_open(reader, fw_cfg->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&fw_cfg->lock);
    fw_cfg->key = (uint16_t)state_get(reader, "key", UINT16_MAX);
    fw_cfg->offset = (uint32_t)state_get(reader, "offset", UINT32_MAX);
    fw_cfg->dma_high = (uint32_t)state_get(reader, "dma_high", UINT32_MAX);
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        char field[32];
        snprintf(field, sizeof(field), "item.%u", key);
        struct item *item = &fw_cfg->items[key];
        if (item->initial) {
            state_get_bytes(reader, field, item->bytes, item->length);
            if (item->written && !reader->failed)
                item->written(item->opaque, item->bytes, item->length);
        }
    }
    pthread_mutex_unlock(&fw_cfg->lock);
    return !reader->failed;
}

static void fw_cfg_destroy(struct device *device)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    for (unsigned key = 0; key < KEY_COUNT; key++)
        free(fw_cfg->items[key].bytes), free(fw_cfg->items[key].initial);
    pthread_mutex_destroy(&fw_cfg->lock);
    free(fw_cfg);
}

static int fw_cfg_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "fw-cfg", place);
    fdt_node_compatible(&node, "qemu,fw-cfg-mmio");
    fdt_node_bytes(&node, "dma-coherent", NULL, 0);
    return fdt_node_end(&node);
}

static const struct device_ops fw_cfg_ops = {
    .name = "fw-cfg",
    .size = 0x18,
    .access_min = 1,
    .access_max = 8,
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .reset = fw_cfg_reset,
    .save = fw_cfg_save,
    .load = fw_cfg_load,
    .destroy = fw_cfg_destroy,
    .fdt = fw_cfg_fdt,
};

static bool item_set(struct item *item, const void *bytes, uint32_t length, struct error *error)
{
    uint8_t *copy = malloc(length ? length : 1);
    if (!copy)
        return error_set(error, "fw_cfg: no memory for an item of %u bytes", length);
    if (length)
        memcpy(copy, bytes, length);
    free(item->bytes);
    item->bytes = copy;
    item->length = length;
    return true;
}

bool fw_cfg_add_item(struct device *device, uint16_t key, const void *bytes, uint32_t length,
                     struct error *error)
{
    struct fw_cfg *fw_cfg = (struct fw_cfg *)device;
    if (key >= KEY_FILE_FIRST || key == KEY_SIGNATURE || key == KEY_ID || key == KEY_DIRECTORY)
        return error_set(error, "fw_cfg: key %#x is not free", key);
    return item_set(&fw_cfg->items[key], bytes, length, error);
}

/* The directory is {be32 count} and `count` entries {be32 size, be16 key, be16 0, char name[56]}. */
static bool directory_append(struct fw_cfg *fw_cfg, const char *name, uint32_t length, struct error *error)
{
    struct item *directory = &fw_cfg->items[KEY_DIRECTORY];
    uint32_t old = directory->length;
    uint8_t *bytes = realloc(directory->bytes, old + ENTRY_SIZE);
    if (!bytes)
        return error_set(error, "fw_cfg: no memory for the directory");
    directory->bytes = bytes;
    directory->length = old + ENTRY_SIZE;
    memset(bytes + old, 0, ENTRY_SIZE);
    fdt32_st(bytes + old, length);
    fdt32_st(bytes + old + 4, (KEY_FILE_FIRST + fw_cfg->file_count) << 16);
    memcpy(bytes + old + 8, name, strlen(name));
    fdt32_st(bytes, fw_cfg->file_count + 1);
    fw_cfg->file_count++;
    return true;
}

static struct item *file_add(struct fw_cfg *fw_cfg, const char *name, const void *bytes, uint32_t length,
                             struct error *error)
{
    if (strlen(name) >= NAME_SIZE || KEY_FILE_FIRST + fw_cfg->file_count >= KEY_COUNT) {
        error_set(
            error,
            "fw_cfg: cannot add file '%s': the name is %zu bytes (at most %u), and %u of %u files are taken",
            name, strlen(name), NAME_SIZE - 1, fw_cfg->file_count, KEY_COUNT - KEY_FILE_FIRST);
        return NULL;
    }
    struct item *item = &fw_cfg->items[KEY_FILE_FIRST + fw_cfg->file_count];
    if (!item_set(item, bytes, length, error) || !directory_append(fw_cfg, name, length, error))
        return NULL;
    return item;
}

bool fw_cfg_add_file(struct device *device, const char *name, const void *bytes, uint32_t length,
                     struct error *error)
{
    return file_add((struct fw_cfg *)device, name, bytes, length, error) != NULL;
}

bool fw_cfg_add_writable_file(struct device *device, const char *name, const void *bytes, uint32_t length,
                              void (*written)(void *opaque, const uint8_t *bytes, uint32_t length),
                              void *opaque, struct error *error)
{
    struct item *item = file_add((struct fw_cfg *)device, name, bytes, length, error);
    if (!item)
        return false;
    item->initial = malloc(length ? length : 1);
    if (!item->initial)
        return error_set(error, "fw_cfg: no memory for an item of %u bytes", length);
    if (length)
        memcpy(item->initial, bytes, length);
    item->written = written;
    item->opaque = opaque;
    return true;
}

struct device *fw_cfg_create(const struct fw_cfg_config *config, struct error *error)
{
    static const uint8_t id[4] = { 3, 0, 0, 0 }; /* the traditional interface and DMA */
    struct fw_cfg *fw_cfg = calloc(1, sizeof(*fw_cfg));
    if (!fw_cfg) {
        error_set(error, "fw_cfg: out of memory");
        return NULL;
    }
    fw_cfg->device.ops = &fw_cfg_ops;
    fw_cfg->dma = config->dma;
    pthread_mutex_init(&fw_cfg->lock, NULL);
    if (!item_set(&fw_cfg->items[KEY_SIGNATURE], "QEMU", 4, error) ||
        !item_set(&fw_cfg->items[KEY_ID], id, sizeof(id), error) ||
        !item_set(&fw_cfg->items[KEY_DIRECTORY], "\0\0\0", 4, error)) {
        fw_cfg_destroy(&fw_cfg->device);
        return NULL;
    }
    return &fw_cfg->device;
}
