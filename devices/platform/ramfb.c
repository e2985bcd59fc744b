/* SPDX-License-Identifier: MIT
 *
 * ramfb: see ramfb.h. The guest writes pixels without saying so. A window that shows the picture asks for a
 * refresh, which compares guest memory with what was drawn last, band by band, and draws the bands that
 * differ. While no window shows it, nothing is done. Guest memory is read while harts write it, as a video
 * card would do.
 *
 * The lock covers all fields. It is taken with fw_cfg's lock held, and the display's lock is taken inside it.
 */
#include "devices/platform/ramfb.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "devices/platform/fw_cfg.h"
#include "util/check.h"
#include "util/log.h"

#define BAND_ROWS 16u
#define XR24      0x34325258u /* DRM_FORMAT_XRGB8888 */
#define AR24      0x34325241u /* DRM_FORMAT_ARGB8888 */
#define RG24      0x34324752u /* DRM_FORMAT_RGB888 */
#define RG16      0x36314752u /* DRM_FORMAT_RGB565 */

/* The file: all big-endian. */
struct ramfb_file {
    uint64_t paddr;
    uint32_t fourcc, flags, width, height, stride;
} __attribute__((packed));

struct ramfb {
    pthread_mutex_t lock;
    struct display *display;
    struct display_source source;
    struct dma *dma;
    const uint8_t *host; /* NULL: nothing is shown */
    uint32_t fourcc, width, height, stride;
    uint8_t *last; /* what was drawn last: height * stride bytes */
    bool drawn;    /* `last` is what is on the screen */
    bool fixed;    /* the picture is always there */
};

static uint32_t bytes_a_pixel(uint32_t fourcc)
{
    switch (fourcc) {
    case XR24:
    case AR24: return 4;
    case RG24: return 3;
    case RG16: return 2;
    default: return 0;
    }
}

static uint32_t to_xrgb(uint32_t fourcc, const uint8_t *pixel)
{
    if (fourcc == RG24)
        return (uint32_t)pixel[2] << 16 | (uint32_t)pixel[1] << 8 | pixel[0];
    uint32_t word = (uint32_t)pixel[1] << 8 | pixel[0];
    uint32_t red = word >> 11, green = word >> 5 & 63, blue = word & 31;
    return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 | (blue << 3 | blue >> 2);
}

/* Draws rows of `last`. [locked] */
static void draw_rows(struct ramfb *ramfb, uint32_t row, uint32_t count)
{
    CHECK_HELD(&ramfb->lock);
    struct display_rect rect = { 0, row, ramfb->width, count };
    const uint8_t *from = ramfb->last + (size_t)row * ramfb->stride;
    uint32_t line[DISPLAY_SIDE_MAX];
    if (bytes_a_pixel(ramfb->fourcc) == 4) {
        display_draw(ramfb->display, &ramfb->source, from, ramfb->stride, rect);
        return;
    }
    for (rect.height = 1; count; count--, rect.y++, from += ramfb->stride) {
        const uint8_t *pixel = from;
        for (uint32_t x = 0; x < ramfb->width; x++, pixel += bytes_a_pixel(ramfb->fourcc))
            line[x] = to_xrgb(ramfb->fourcc, pixel);
        display_draw(ramfb->display, &ramfb->source, line, 0, rect);
    }
}

static bool ramfb_refresh(struct display_source *source)
{
    struct ramfb *ramfb = (struct ramfb *)((char *)source - offsetof(struct ramfb, source));
    bool any = false;
    pthread_mutex_lock(&ramfb->lock);
    for (uint32_t row = 0; ramfb->host && row < ramfb->height; row += BAND_ROWS) {
        uint32_t count = ramfb->height - row < BAND_ROWS ? ramfb->height - row : BAND_ROWS;
        size_t at = (size_t)row * ramfb->stride;
        /* The last row may end before its stride does. */
        size_t bytes =
            (size_t)(count - 1) * ramfb->stride + (size_t)ramfb->width * bytes_a_pixel(ramfb->fourcc);
        if (ramfb->drawn && memcmp(ramfb->last + at, ramfb->host + at, bytes) == 0)
            continue;
        memcpy(ramfb->last + at, ramfb->host + at, bytes);
        draw_rows(ramfb, row, count);
        any = true;
    }
    ramfb->drawn = true;
    pthread_mutex_unlock(&ramfb->lock);
    return any;
}

/* [locked] */
static void turn_off(struct ramfb *ramfb)
{
    CHECK_HELD(&ramfb->lock);
    display_hide(ramfb->display, &ramfb->source);
    free(ramfb->last);
    ramfb->last = NULL;
    ramfb->host = NULL;
}

/* Shows the picture that the guest asks for. Returns NULL, or what is wrong with it. [locked] */
static const char *turn_on(struct ramfb *ramfb, const struct ramfb_file *file)
{
    CHECK_HELD(&ramfb->lock);
    uint32_t pixel = bytes_a_pixel(ramfb->fourcc = __builtin_bswap32(file->fourcc));
    uint32_t width = ramfb->width = __builtin_bswap32(file->width);
    uint32_t height = ramfb->height = __builtin_bswap32(file->height);
    uint32_t stride = __builtin_bswap32(file->stride);
    if (!pixel)
        return "a pixel format that is none of XR24, AR24, RG24, RG16";
    if (!width || !height || width > DISPLAY_SIDE_MAX || height > DISPLAY_SIDE_MAX)
        return "a size of 0, or above 8192";
    ramfb->stride = stride ? stride : width * pixel;
    if (ramfb->stride < width * pixel || ramfb->stride > DISPLAY_SIDE_MAX * 16)
        return "rows that overlap, or lie too far apart";
    uint64_t bytes = (uint64_t)(height - 1) * ramfb->stride + (uint64_t)width * pixel;
    ramfb->host = ramfb->dma->ops->map(ramfb->dma, __builtin_bswap64(file->paddr), bytes, false);
    if (!ramfb->host)
        return "a picture that is not in RAM";
    ramfb->last = malloc((uint64_t)height * ramfb->stride);
    if (!ramfb->last || !display_show(ramfb->display, &ramfb->source, width, height))
        return "a picture for which this host has no memory";
    ramfb->drawn = false;
    return NULL;
}

/* The guest has written the file. fw_cfg's lock is held. A width of 0, which the file has at first, turns the
 * screen off. */
static void file_written(void *opaque, const uint8_t *bytes, uint32_t length)
{
    struct ramfb *ramfb = opaque;
    struct ramfb_file file;
    if (length != sizeof(file))
        return;
    memcpy(&file, bytes, sizeof(file));
    pthread_mutex_lock(&ramfb->lock);
    turn_off(ramfb);
    const char *fault = file.width ? turn_on(ramfb, &file) : NULL;
    if (fault) {
        LOG_GUEST("ramfb: the guest asks for %s", fault);
        turn_off(ramfb);
    }
    pthread_mutex_unlock(&ramfb->lock);
}

void ramfb_reset(struct ramfb *ramfb)
{
    pthread_mutex_lock(&ramfb->lock);
    if (!ramfb->fixed)
        turn_off(ramfb);
    pthread_mutex_unlock(&ramfb->lock);
}

void ramfb_destroy(struct ramfb *ramfb)
{
    if (!ramfb)
        return;
    display_source_remove(ramfb->display, &ramfb->source);
    pthread_mutex_destroy(&ramfb->lock);
    free(ramfb->last);
    free(ramfb);
}

/* A screen without a picture; NULL, with *error filled. */
static struct ramfb *create(const struct ramfb_config *config, struct error *error)
{
    struct ramfb *ramfb = calloc(1, sizeof(*ramfb));
    if (!ramfb) {
        error_set(error, "ramfb: out of memory");
        return NULL;
    }
    ramfb->display = config->display;
    ramfb->dma = config->dma;
    ramfb->source = (struct display_source){ .name = "ramfb", .refresh = ramfb_refresh };
    pthread_mutex_init(&ramfb->lock, NULL);
    display_source_add(ramfb->display, &ramfb->source);
    return ramfb;
}

struct ramfb *ramfb_create(const struct ramfb_config *config, struct error *error)
{
    static const struct ramfb_file nothing;
    struct ramfb *ramfb = create(config, error);
    if (!ramfb)
        return NULL;
    if (fw_cfg_add_writable_file(config->fw_cfg, "etc/ramfb", &nothing, sizeof(nothing), file_written, ramfb,
                                 error))
        return ramfb;
    ramfb_destroy(ramfb);
    return NULL;
}

/* ---- A fixed picture ----------------------------------------------------------------------------------- */

static uint32_t fourcc_of(const char *format)
{
    static const struct {
        const char *format;
        uint32_t fourcc;
    } formats[] = { { "a8r8g8b8", AR24 }, { "x8r8g8b8", XR24 }, { "r8g8b8", RG24 }, { "r5g6b5", RG16 } };
    for (size_t n = 0; n < sizeof(formats) / sizeof(formats[0]); n++)
        if (strcmp(formats[n].format, format) == 0)
            return formats[n].fourcc;
    return 0;
}

uint64_t ramfb_fixed_bytes(const struct ramfb_fixed *picture)
{
    uint32_t pixel = bytes_a_pixel(fourcc_of(picture->format));
    bool possible = pixel && picture->width && picture->height && picture->width <= DISPLAY_SIDE_MAX &&
                    picture->height <= DISPLAY_SIDE_MAX && picture->stride >= picture->width * pixel &&
                    picture->stride <= DISPLAY_SIDE_MAX * 16;
    return possible ? (uint64_t)picture->height * picture->stride : 0;
}

struct ramfb *ramfb_create_fixed(const struct ramfb_config *config, const struct ramfb_fixed *picture,
                                 struct error *error)
{
    const struct ramfb_file file = {
        .paddr = __builtin_bswap64(picture->paddr),
        .fourcc = __builtin_bswap32(fourcc_of(picture->format)),
        .width = __builtin_bswap32(picture->width),
        .height = __builtin_bswap32(picture->height),
        .stride = __builtin_bswap32(picture->stride),
    };
    struct ramfb *ramfb = create(config, error);
    if (!ramfb)
        return NULL;
    ramfb->fixed = true;
    pthread_mutex_lock(&ramfb->lock);
    const char *fault = turn_on(ramfb, &file);
    pthread_mutex_unlock(&ramfb->lock);
    if (!fault)
        return ramfb;
    error_set(error, "simple-framebuffer: %s", fault);
    ramfb_destroy(ramfb);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static const struct device_key no_keys[] = { { .name = NULL } };

/* Only the board makes one, since it is an item of fw_cfg. */
const struct device_model ramfb_model = {
    .name = "ramfb",
    .text = "a screen for firmware (EDK2, U-Boot)",
    .buses = DEVICE_BUS_NONE,
    .keys = no_keys,
};
