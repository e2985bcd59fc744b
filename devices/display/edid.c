/* SPDX-License-Identifier: MIT
 *
 * EDID: see edid.h. Timings follow VESA CVT with reduced blanking: 160 pixels of horizontal blanking, at
 * least 460 us of vertical blanking. The physical size is that of a screen of 96 dots an inch, so that no
 * desktop decides to scale.
 */
#include "devices/display/edid.h"

#include <string.h>

#define REFRESH_HZ     60u
#define H_BLANK        160u
#define H_FRONT        48u
#define H_SYNC         32u
#define V_FRONT        3u
#define V_SYNC         6u
#define V_BLANK_NS     460000u
#define DOTS_PER_INCH  96u
#define PIXEL_CLOCK_HZ 10000u /* unit */

/* Lines of vertical blanking: as many as take V_BLANK_NS if a frame takes 1/60 s. */
static uint32_t vertical_blank(uint32_t height)
{
    uint64_t active_ns = 1000000000u / REFRESH_HZ - V_BLANK_NS;
    uint32_t lines = (uint32_t)((uint64_t)V_BLANK_NS * height / active_ns) + 1;
    uint32_t least = V_FRONT + V_SYNC + 6;
    return lines > least ? lines : least;
}

static uint32_t millimetres(uint32_t pixels)
{
    return pixels * 254 / (DOTS_PER_INCH * 10);
}

/* Section 3.10.2: 18 bytes. */
static void detailed_timing(uint8_t *to, uint32_t width, uint32_t height)
{
    uint32_t v_blank = vertical_blank(height);
    uint64_t clock = (uint64_t)(width + H_BLANK) * (height + v_blank) * REFRESH_HZ / PIXEL_CLOCK_HZ;
    if (clock > 0xffff)
        clock = 0xffff; /* the largest value; the mode is then slower than 60 Hz */
    uint32_t mm_x = millimetres(width), mm_y = millimetres(height);
    to[0] = (uint8_t)clock;
    to[1] = (uint8_t)(clock >> 8);
    to[2] = (uint8_t)width;
    to[3] = (uint8_t)H_BLANK;
    to[4] = (uint8_t)(width >> 8 << 4 | H_BLANK >> 8);
    to[5] = (uint8_t)height;
    to[6] = (uint8_t)v_blank;
    to[7] = (uint8_t)(height >> 8 << 4 | v_blank >> 8);
    to[8] = H_FRONT;
    to[9] = H_SYNC;
    to[10] = V_FRONT << 4 | V_SYNC;
    to[11] = 0;
    to[12] = (uint8_t)mm_x;
    to[13] = (uint8_t)mm_y;
    to[14] = (uint8_t)(mm_x >> 8 << 4 | mm_y >> 8);
    to[17] = 0x1e; /* digital separate sync, both positive */
}

/* Section 3.10.3: a descriptor with a tag and a text, which a newline ends. */
static void text_descriptor(uint8_t *to, uint8_t tag, const char *text)
{
    size_t length = strlen(text);
    to[3] = tag;
    memset(to + 5, ' ', 13);
    memcpy(to + 5, text, length);
    if (length < 13)
        to[5 + length] = '\n';
}

/* Section 3.10.3.3: 1 to 125 Hz, 1 to 255 kHz, up to 2550 MHz, no secondary formula. */
static void range_descriptor(uint8_t *to)
{
    static const uint8_t range[] = { 0,   0, 0,    0xfd, 0,   1,   125, 1,   255,
                                     255, 1, '\n', ' ',  ' ', ' ', ' ', ' ', ' ' };
    memcpy(to, range, sizeof(range));
}

void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height)
{
    static const uint8_t head[] = {
        0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, /* header */
        0x4a, 0xc5,                                     /* "RVE": five bits a letter */
        0x01, 0x00, 0x01, 0x00, 0x00, 0x00,             /* product, serial number */
        0,    36,   1,    4,                            /* made in 2026; EDID 1.4 */
        0xa0,                                           /* digital, 8 bits a colour */
    };
    /* Section 3.7.2: the chromaticities of sRGB. */
    static const uint8_t srgb[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    width = width < EDID_SIDE_MAX ? width : EDID_SIDE_MAX;
    height = height < EDID_SIDE_MAX ? height : EDID_SIDE_MAX;
    memset(edid, 0, EDID_SIZE);
    memcpy(edid, head, sizeof(head));
    edid[21] = (uint8_t)((millimetres(width) + 5) / 10 < 255 ? (millimetres(width) + 5) / 10 : 255);
    edid[22] = (uint8_t)((millimetres(height) + 5) / 10 < 255 ? (millimetres(height) + 5) / 10 : 255);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB; the first timing is the preferred one */
    memcpy(edid + 25, srgb, sizeof(srgb));
    edid[35] = 0x21;             /* established timings: 640x480, 800x600 at 60 Hz */
    edid[36] = 0x08;             /* 1024x768 at 60 Hz */
    memset(edid + 38, 0x01, 16); /* no standard timings */
    detailed_timing(edid + 54, width, height);
    range_descriptor(edid + 72);
    text_descriptor(edid + 90, 0xfc, "Rvive screen");
    text_descriptor(edid + 108, 0xff, "1");
    uint8_t sum = 0;
    for (unsigned n = 0; n < EDID_SIZE - 1; n++)
        sum = (uint8_t)(sum + edid[n]);
    edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
