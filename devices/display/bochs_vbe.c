/* SPDX-License-Identifier: MIT
 *
 * See bochs_vbe.h. Every access of a hart comes here. That is slow compared with virtio-gpu, and fast enough
 * for firmware and a text console. Writes note which rows they change. A window that shows the picture asks
 * for a refresh, which draws these rows.
 *
 * The lock covers all fields. A refresh draws few rows at a time, so that no hart waits for more than those.
 */
#include "devices/display/bochs_vbe.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/display/edid.h"
#include "util/check.h"
#include "util/log.h"

#define EDID_AREA    0x400u
#define VGA_AT       0x400u /* registers of the VGA lie between this and VBE_AT */
#define VBE_AT       0x500u
#define VBE_COUNT    11u
#define VBE_ID_VALUE 0xb0c5u
#define EXTENDED_AT  0x600u
#define LITTLE       0x1e1e1e1eu
#define STRIP_ROWS   16u

enum vbe_register {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K
};
#define VBE_ENABLED 1u

struct bochs_vbe {
    const char *name;
    pthread_mutex_t lock;
    struct display *display;
    struct display_source source;
    uint8_t edid[EDID_AREA];
    uint8_t *memory;
    uint16_t vbe[VBE_COUNT];
    /* The picture; height 0: none. */
    uint32_t width, height, pixel_bytes, stride;
    size_t start;               /* offset in `memory` */
    uint32_t dirty_from, dirty; /* rows that changed: from dirty_from to before `dirty` */
};

/* ---- The picture --------------------------------------------------------------------------------------- */

static void all_dirty(struct bochs_vbe *bochs)
{
    bochs->dirty_from = 0;
    bochs->dirty = bochs->height;
}

/* Works out the picture that the registers describe. False if there is none, or it does not lie in memory.
 * [locked] */
static bool compute_mode(struct bochs_vbe *bochs)
{
    CHECK_HELD(&bochs->lock);
    const uint16_t *vbe = bochs->vbe;
    uint32_t bytes = vbe[VBE_BPP] == 32 ? 4 : vbe[VBE_BPP] == 16 ? 2 : 0;
    uint32_t virt_width = vbe[VBE_VIRT_WIDTH] > vbe[VBE_XRES] ? vbe[VBE_VIRT_WIDTH] : vbe[VBE_XRES];
    if (!(vbe[VBE_ENABLE] & VBE_ENABLED) || !bytes || !vbe[VBE_XRES] || !vbe[VBE_YRES] ||
        vbe[VBE_XRES] > DISPLAY_SIDE_MAX || vbe[VBE_YRES] > DISPLAY_SIDE_MAX)
        return false;
    uint64_t stride = (uint64_t)virt_width * bytes;
    uint64_t start = vbe[VBE_Y_OFFSET] * stride + (uint64_t)vbe[VBE_X_OFFSET] * bytes;
    uint64_t end = start + (vbe[VBE_YRES] - 1u) * stride + (uint64_t)vbe[VBE_XRES] * bytes;
    if (end > BOCHS_VBE_MEMORY) {
        LOG_GUEST("%s: a picture of %u x %u ends behind the memory", bochs->name, vbe[VBE_XRES],
                  vbe[VBE_YRES]);
        return false;
    }
    bochs->width = vbe[VBE_XRES];
    bochs->height = vbe[VBE_YRES];
    bochs->pixel_bytes = bytes;
    bochs->stride = (uint32_t)stride;
    bochs->start = (size_t)start;
    return true;
}

static void update_mode(struct bochs_vbe *bochs)
{
    bochs->height = 0;
    if (!compute_mode(bochs) || !display_show(bochs->display, &bochs->source, bochs->width, bochs->height)) {
        bochs->height = 0;
        display_hide(bochs->display, &bochs->source);
    }
    all_dirty(bochs);
}

static uint32_t from_rgb565(const uint8_t *pixel)
{
    uint32_t word = (uint32_t)pixel[1] << 8 | pixel[0];
    uint32_t red = word >> 11, green = word >> 5 & 63, blue = word & 31;
    return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 | (blue << 3 | blue >> 2);
}

static void draw_row(struct bochs_vbe *bochs, uint32_t row)
{
    uint32_t line[DISPLAY_SIDE_MAX];
    const uint8_t *from = bochs->memory + bochs->start + (size_t)row * bochs->stride;
    struct display_rect rect = { 0, row, bochs->width, 1 };
    for (uint32_t x = 0; bochs->pixel_bytes == 2 && x < bochs->width; x++)
        line[x] = from_rgb565(from + 2 * (size_t)x);
    display_draw(bochs->display, &bochs->source, bochs->pixel_bytes == 2 ? (const void *)line : from, 0,
                 rect);
}

static bool bochs_refresh(struct display_source *source)
{
    struct bochs_vbe *bochs = (struct bochs_vbe *)((char *)source - offsetof(struct bochs_vbe, source));
    bool any = false, more = true;
    while (more) {
        pthread_mutex_lock(&bochs->lock);
        for (unsigned n = 0; n < STRIP_ROWS && bochs->dirty_from < bochs->dirty; n++, any = true)
            draw_row(bochs, bochs->dirty_from++);
        more = bochs->dirty_from < bochs->dirty;
        pthread_mutex_unlock(&bochs->lock);
    }
    return any;
}

/* ---- Accesses ------------------------------------------------------------------------------------------ */

static void memory_write(struct bochs_vbe *bochs, uint64_t offset, unsigned size, uint64_t value)
{
    memcpy(bochs->memory + offset, &value, size);
    if (!bochs->height || offset + size <= bochs->start)
        return;
    uint64_t at = offset > bochs->start ? offset - bochs->start : 0;
    uint32_t row = (uint32_t)(at / bochs->stride);
    if (row >= bochs->height)
        return;
    /* An access may cross into the next row. */
    uint32_t end = row + 2 < bochs->height ? row + 2 : bochs->height;
    if (bochs->dirty_from >= bochs->dirty) {
        bochs->dirty_from = row;
        bochs->dirty = end;
    } else {
        bochs->dirty_from = row < bochs->dirty_from ? row : bochs->dirty_from;
        bochs->dirty = end > bochs->dirty ? end : bochs->dirty;
    }
}

static uint8_t mmio_byte(const struct bochs_vbe *bochs, uint64_t offset)
{
    if (offset < EDID_AREA)
        return bochs->edid[offset];
    if (offset >= VBE_AT && offset < VBE_AT + 2 * VBE_COUNT)
        return (uint8_t)(bochs->vbe[(offset - VBE_AT) / 2] >> (offset & 1) * 8);
    if (offset >= EXTENDED_AT && offset < EXTENDED_AT + 8)
        return (uint8_t)((offset & 4 ? LITTLE : 8u) >> (offset & 3) * 8);
    return 0;
}

static void vbe_write(struct bochs_vbe *bochs, unsigned index, uint16_t value)
{
    if (index >= VBE_COUNT || index == VBE_ID || index == VBE_MEMORY_64K)
        return;
    bochs->vbe[index] = value;
    /* A driver sets all registers before it enables the picture; later it changes the offsets. */
    if (index == VBE_ENABLE || bochs->vbe[VBE_ENABLE] & VBE_ENABLED)
        update_mode(bochs);
}

uint64_t bochs_vbe_read_memory(struct bochs_vbe *bochs, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    pthread_mutex_lock(&bochs->lock);
    memcpy(&value, bochs->memory + offset, size);
    pthread_mutex_unlock(&bochs->lock);
    return value;
}

void bochs_vbe_write_memory(struct bochs_vbe *bochs, uint64_t offset, unsigned size, uint64_t value)
{
    pthread_mutex_lock(&bochs->lock);
    memory_write(bochs, offset, size, value);
    pthread_mutex_unlock(&bochs->lock);
}

uint64_t bochs_vbe_read_register(struct bochs_vbe *bochs, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    pthread_mutex_lock(&bochs->lock);
    for (unsigned n = 0; n < size; n++)
        value |= (uint64_t)mmio_byte(bochs, offset + n) << 8 * n;
    pthread_mutex_unlock(&bochs->lock);
    return value;
}

void bochs_vbe_write_register(struct bochs_vbe *bochs, uint64_t offset, unsigned size, uint64_t value)
{
    /* drivers switch the VGA's text mode off; there is none */
    bool vga = offset >= VGA_AT && offset < VBE_AT;
    /* the byte order can only be little-endian */
    bool byte_order = offset >= EXTENDED_AT && offset < EXTENDED_AT + 8;
    pthread_mutex_lock(&bochs->lock);
    if (offset >= VBE_AT && offset < VBE_AT + 2 * VBE_COUNT && size >= 2)
        for (unsigned n = 0; n < size; n += 2)
            vbe_write(bochs, (unsigned)(offset + n - VBE_AT) / 2, (uint16_t)(value >> 8 * n));
    else if (!vga && !byte_order)
        LOG_GUEST("%s: write of %u bytes at register 0x%llx", bochs->name, size, (unsigned long long)offset);
    pthread_mutex_unlock(&bochs->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void reset_registers(struct bochs_vbe *bochs)
{
    memset(bochs->vbe, 0, sizeof(bochs->vbe));
    bochs->vbe[VBE_ID] = VBE_ID_VALUE;
    bochs->vbe[VBE_MEMORY_64K] = BOCHS_VBE_MEMORY >> 16;
    update_mode(bochs);
}

void bochs_vbe_reset(struct bochs_vbe *bochs)
{
    pthread_mutex_lock(&bochs->lock);
    reset_registers(bochs);
    pthread_mutex_unlock(&bochs->lock);
}

void bochs_vbe_save(struct bochs_vbe *bochs, struct state_writer *writer)
{
    pthread_mutex_lock(&bochs->lock);
    state_section(writer, "bochs-display", 1);
    state_put_bytes(writer, "vbe", bochs->vbe, sizeof(bochs->vbe));
    state_put_bytes(writer, "memory", bochs->memory, BOCHS_VBE_MEMORY);
    pthread_mutex_unlock(&bochs->lock);
}

bool bochs_vbe_load(struct bochs_vbe *bochs, struct state_reader *reader)
{
    if (!state_open(reader, "bochs-display", 1))
        return false;
    pthread_mutex_lock(&bochs->lock);
    state_get_bytes(reader, "vbe", bochs->vbe, sizeof(bochs->vbe));
    state_get_bytes(reader, "memory", bochs->memory, BOCHS_VBE_MEMORY);
    if (reader->failed)
        reset_registers(bochs);
    else
        update_mode(bochs);
    pthread_mutex_unlock(&bochs->lock);
    return !reader->failed;
}

void bochs_vbe_destroy(struct bochs_vbe *bochs)
{
    display_source_remove(bochs->display, &bochs->source);
    pthread_mutex_destroy(&bochs->lock);
    free(bochs->memory);
    free(bochs);
}

struct bochs_vbe *bochs_vbe_create(const struct bochs_vbe_config *config, struct error *error)
{
    struct bochs_vbe *bochs = calloc(1, sizeof(*bochs));
    uint8_t *memory = calloc(1, BOCHS_VBE_MEMORY);
    if (!bochs || !memory) {
        free(bochs);
        free(memory);
        error_set(error, "%s: no memory for its picture", config->name);
        return NULL;
    }
    bochs->name = config->name;
    bochs->memory = memory;
    bochs->display = config->display;
    bochs->source = (struct display_source){ .name = config->name, .refresh = bochs_refresh };
    pthread_mutex_init(&bochs->lock, NULL);
    edid_make(bochs->edid, config->width ? config->width : 1280, config->height ? config->height : 800);
    display_source_add(bochs->display, &bochs->source);
    bochs->vbe[VBE_ID] = VBE_ID_VALUE;
    bochs->vbe[VBE_MEMORY_64K] = BOCHS_VBE_MEMORY >> 16;
    return bochs;
}
