/* SPDX-License-Identifier: MIT
 *
 * screendump: writes the picture as a PPM file ("P6"), or as a PNG file with libpng's simplified interface.
 * The picture is copied first, so that the guest does not wait for the compression. The file appears under
 * its name only when it is whole.
 */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "devices/display/internal.h"
#include "util/whole_file.h"

/* Copies the picture. The caller frees the copy; NULL if memory is short. */
static uint32_t *copy_picture(struct display *display, uint32_t *width, uint32_t *height)
{
    struct display_frame frame = display_lock(display, NULL);
    size_t bytes = (size_t)frame.width * frame.height * 4;
    uint32_t *copy = malloc(bytes);
    if (copy)
        memcpy(copy, frame.pixels, bytes);
    *width = frame.width;
    *height = frame.height;
    display_unlock(display);
    return copy;
}

/* Packs xRGB8888 words to bytes R, G, B, in place. */
static void pack_rgb(uint32_t *pixels, size_t count)
{
    uint8_t *to = (uint8_t *)pixels;
    for (size_t n = 0; n < count; n++, to += 3) {
        uint32_t pixel = pixels[n];
        to[0] = (uint8_t)(pixel >> 16);
        to[1] = (uint8_t)(pixel >> 8);
        to[2] = (uint8_t)pixel;
    }
}

static bool write_ppm(const char *path, const void *rgb, uint32_t width, uint32_t height, struct error *error)
{
    FILE *file = fopen(path, "wbe");
    if (!file)
        return error_set(error, "screendump: %s: cannot be made: %s", path, strerror(errno));
    bool ok = fprintf(file, "P6\n%u %u\n255\n", width, height) > 0 &&
              (!width || !height || fwrite(rgb, (size_t)width * 3, height, file) == height);
    if (fclose(file) != 0 || !ok)
        return error_set(error, "screendump: %s: cannot be written: %s", path, strerror(errno));
    return true;
}

/* The format that was asked for, or else the one that the file's name stands for. */
static bool is_png(const char *path, const char *format)
{
    size_t length = strlen(path);
    return format ? strcmp(format, "png") == 0 : length >= 4 && strcasecmp(path + length - 4, ".png") == 0;
}

static bool write_png(const char *path, const void *rgb, uint32_t width, uint32_t height, struct error *error)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB
    };
    FILE *file = fopen(path, "wbe");
    if (!file)
        return error_set(error, "screendump: %s: cannot be made: %s", path, strerror(errno));
    bool ok = png_image_write_to_stdio(&image, file, 0, rgb, 0, NULL);
    if (!ok)
        error_set(error, "screendump: %s: %s", path, image.message);
    if (fclose(file) != 0 && ok)
        ok = error_set(error, "screendump: %s: cannot be written: %s", path, strerror(errno));
    png_image_free(&image);
    return ok;
}

bool display_screendump(struct display *display, const char *path, const char *format, struct error *error)
{
    if (format && strcmp(format, "png") != 0 && strcmp(format, "ppm") != 0)
        return error_set(error, "screendump: there are the formats ppm and png, not \"%.40s\"", format);
    char part[4096];
    uint32_t width, height;
    if (!whole_file_begin(path, part, sizeof(part)))
        return error_set(error, "screendump: the file's name is too long");
    display_refresh(display);
    uint32_t *pixels = copy_picture(display, &width, &height);
    if (!pixels)
        return error_set(error, "screendump: out of memory");
    pack_rgb(pixels, (size_t)width * height);
    bool written = (is_png(path, format) ? write_png : write_ppm)(part, pixels, width, height, error);
    bool ok = whole_file_end(path, part, written); /* callers look at errno: was it the sandbox? */
    if (written && !ok)
        error_set(error, "screendump: %s: cannot be made: %s", path, strerror(errno));
    int saved = errno;
    free(pixels);
    errno = saved;
    return ok;
}
