/* SPDX-License-Identifier: MIT
 *
 * The picture of -timeline: what sketch.c has noted, as SVG. The instructions of all harts go from left to
 * right; below each other are the harts, the address spaces (processes), interrupts and traps, and the
 * devices.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine/timeline/internal.h"
#include "machine/timeline/sketch.h"

#define LEFT        190.0 /* where the names end */
#define PLOT        1000.0
#define RIGHT       120.0 /* for the numbers behind the lanes */
#define HART_ROW    40.0
#define ROW         16.0
#define HEAD        24.0 /* of a group of lanes */
#define SPACES_SEEN 24

static const char *const mode_colors[SKETCH_MODES] = { "#4caf50", "#e8833a", "#5b8fd9" };
static const char *const mode_names[SKETCH_MODES] = { "user", "kernel", "firmware" };

struct picture {
    FILE *out;
    const struct sketch *sketch;
    double y;      /* the top of the next lane */
    unsigned bins; /* how many there are */
    double scale;  /* of a bin, in pixels */
};

/* ---- Text ---------------------------------------------------------------------------------------------- */

static void put_text(const struct picture *picture, double x, double y, const char *more, const char *text)
{
    fprintf(picture->out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, more);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '>' || c == '&')
            fprintf(picture->out, "&#%u;", c);
        else
            fputc(c < ' ' || c > '~' ? '?' : c, picture->out);
    }
    fputs("</text>\n", picture->out);
}

/* 12.3 M */
static void print_count(char *to, size_t size, uint64_t count)
{
    static const char units[] = " kMGTPE";
    double value = (double)count;
    unsigned unit = 0;
    for (; value >= 999.5; unit++)
        value /= 1000;
    if (unit)
        snprintf(to, size, "%.3g %c", value, units[unit]);
    else
        snprintf(to, size, "%" PRIu64, count);
}

static void put_total(const struct picture *picture, double y, uint64_t total, const char *what)
{
    char number[32], text[64];
    print_count(number, sizeof(number), total);
    snprintf(text, sizeof(text), "%s%s", number, what);
    put_text(picture, LEFT + PLOT + 8, y, " fill=\"#666\"", text);
}

static void put_head(struct picture *picture, const char *text)
{
    picture->y += HEAD;
    put_text(picture, 8, picture->y - 6, " font-weight=\"bold\"", text);
}

static void put_name(const struct picture *picture, double row, const char *name)
{
    fprintf(picture->out, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT,
            LEFT + PLOT, picture->y + row - 0.5, picture->y + row - 0.5);
    put_text(picture, LEFT - 8, picture->y + row / 2 + 4, " text-anchor=\"end\"", name);
}

/* ---- Lanes --------------------------------------------------------------------------------------------- */

/* Instructions in the bin, of all harts; the last one may not be full. */
static double size_of_bin(const struct sketch *sketch, unsigned bin)
{
    uint64_t begin = sketch->first + bin * sketch->width, left = sketch->drawn - begin;
    return (double)(left < sketch->width ? left : sketch->width);
}

static double share(const struct picture *picture, const struct sketch_lane *lane, unsigned bin)
{
    double size = size_of_bin(picture->sketch, bin);
    return size > 0 ? (double)lane->bins[bin] / size : 0;
}

/* Where a bin begins; the last one may be wider than what was run. */
static double left_of(const struct picture *picture, unsigned bin)
{
    double x = bin * picture->scale;
    return LEFT + (x < PLOT ? x : PLOT);
}

/* A bar in each bin, from `floor` (shares below it; NULL: 0) upwards; equal neighbours are one. */
static void put_shares(const struct picture *picture, const struct sketch_lane *lane, double *floor,
                       double row, const char *color)
{
    double last_top = 0, last_height = 0;
    fprintf(picture->out, "<path fill=\"%s\" d=\"", color);
    unsigned begin = 0;
    for (unsigned bin = 0; bin <= picture->bins; bin++) {
        double top = 0, height = 0;
        if (bin < picture->bins) {
            double part = share(picture, lane, bin), below = floor ? floor[bin] : 0;
            height = round(part * (row - 2) * 4) / 4;
            height = part > 0 && height < 1 ? 1 : height;
            top = picture->y + row - 1 - round(below * (row - 2) * 4) / 4 - height;
            if (floor)
                floor[bin] += part;
        }
        if (bin && (bin == picture->bins || height != last_height || top != last_top)) {
            if (last_height > 0)
                fprintf(picture->out, "M%.1f %.2fh%.1fv%.2fh%.1fz", left_of(picture, begin), last_top,
                        left_of(picture, bin) - left_of(picture, begin), last_height,
                        left_of(picture, begin) - left_of(picture, bin));
            begin = bin;
        }
        last_top = top;
        last_height = height;
    }
    fputs("\"/>\n", picture->out);
}

/* How often: the height is a logarithm, so that one of something is seen beside thousands. */
static void put_counts(const struct picture *picture, const struct sketch_lane *lane, const char *color)
{
    uint64_t most = 1;
    for (unsigned bin = 0; bin < picture->bins; bin++)
        most = lane->bins[bin] > most ? lane->bins[bin] : most;
    fprintf(picture->out, "<path fill=\"%s\" d=\"", color);
    for (unsigned bin = 0; bin < picture->bins; bin++) {
        if (!lane->bins[bin])
            continue;
        double width = picture->scale < 1 ? 1 : picture->scale;
        double height = (ROW - 2) * (0.3 + 0.7 * log2(1 + (double)lane->bins[bin]) / log2(1 + (double)most));
        fprintf(picture->out, "M%.1f %.1fh%.1fv%.1fh-%.1fz", left_of(picture, bin),
                picture->y + ROW - 1 - height, width, height, width);
    }
    fputs("\"/>\n", picture->out);
}

static void put_events(struct picture *picture, const struct sketch_lane *lane, const char *name,
                       const char *color, const char *unit)
{
    if (!lane->total)
        return;
    put_name(picture, ROW, name);
    put_counts(picture, lane, color);
    put_total(picture, picture->y + ROW / 2 + 4, lane->total, unit);
    picture->y += ROW;
}

/* ---- Groups -------------------------------------------------------------------------------------------- */

static void put_harts(struct picture *picture)
{
    const struct sketch *sketch = picture->sketch;
    put_head(picture, "Harts");
    for (unsigned i = 0; i < sketch->hart_count; i++) {
        double floor[SKETCH_BINS] = { 0 };
        const struct sketch_lane *modes = sketch->harts[i].modes;
        uint64_t total = 0;
        char name[32];
        snprintf(name, sizeof(name), "hart %u", i);
        put_name(picture, HART_ROW, name);
        for (unsigned mode = SKETCH_MODES; mode-- > 0; total += modes[mode].total)
            put_shares(picture, &modes[mode], floor, HART_ROW, mode_colors[mode]);
        put_total(picture, picture->y + HART_ROW / 2 + 4, total, "");
        picture->y += HART_ROW;
    }
}

static uint64_t space_total(const struct sketch *sketch, unsigned n)
{
    return sketch->spaces[n][0].total + sketch->spaces[n][1].total;
}

/* Is it one of those that ran most? */
static bool space_seen(const struct sketch *sketch, unsigned number)
{
    unsigned larger = 0;
    for (unsigned n = 0; n < sketch->space_count; n++)
        larger += space_total(sketch, n) > space_total(sketch, number) ||
                  (n < number && space_total(sketch, n) == space_total(sketch, number));
    return larger < SPACES_SEEN && space_total(sketch, number);
}

static unsigned first_bin(const struct sketch *sketch, unsigned n)
{
    unsigned bin = 0;
    while (bin < SKETCH_BINS && !sketch->spaces[n][0].bins[bin] && !sketch->spaces[n][1].bins[bin])
        bin++;
    return bin;
}

/* Spaces take the places of others that ran less; people want them in the order in which they begin. */
static void order_spaces(const struct sketch *sketch, unsigned order[SKETCH_SPACES])
{
    for (unsigned n = 0; n < sketch->space_count; n++) {
        unsigned at = n, bin = first_bin(sketch, n);
        for (; at > 0 && first_bin(sketch, order[at - 1]) > bin; at--)
            order[at] = order[at - 1];
        order[at] = n;
    }
}

static void put_space(struct picture *picture, unsigned n)
{
    const struct sketch *sketch = picture->sketch;
    double floor[SKETCH_BINS] = { 0 };
    put_name(picture, ROW, sketch->spaces[n][0].name);
    put_shares(picture, &sketch->spaces[n][1], floor, ROW, mode_colors[SKETCH_KERNEL]);
    put_shares(picture, &sketch->spaces[n][0], floor, ROW, mode_colors[SKETCH_USER]);
    put_total(picture, picture->y + ROW / 2 + 4, space_total(sketch, n), "");
    picture->y += ROW;
}

static void put_spaces(struct picture *picture)
{
    const struct sketch *sketch = picture->sketch;
    unsigned order[SKETCH_SPACES], hidden = 0;
    put_head(picture, "Address spaces (root page table)");
    order_spaces(sketch, order);
    for (unsigned n = 0; n < sketch->space_count; n++) {
        if (space_seen(sketch, order[n]))
            put_space(picture, order[n]);
        else
            hidden++;
    }
    if (hidden) {
        char text[64];
        snprintf(text, sizeof(text), "%u that ran less are left out", hidden);
        put_text(picture, LEFT, picture->y + 12, " fill=\"#666\"", text);
        picture->y += ROW;
    }
}

static void put_interrupts(struct picture *picture)
{
    static const struct {
        enum sketch_event event;
        const char *name, *color;
    } rows[] = {
        { SKETCH_TIMER, "timer interrupts", "#8e5bb5" },
        { SKETCH_IPI, "software interrupts", "#8e5bb5" },
        { SKETCH_EXTERNAL, "device interrupts", "#8e5bb5" },
        { SKETCH_OTHER_INTERRUPT, "other interrupts", "#8e5bb5" },
        { SKETCH_CALL, "system calls", "#3f8f43" },
        { SKETCH_FIRMWARE_CALL, "calls of firmware", "#3f6fb9" },
        { SKETCH_PAGE_FAULT, "page faults", "#c9a227" },
        { SKETCH_OTHER_TRAP, "other traps", "#d32f2f" },
    };
    put_head(picture, "Interrupts and traps");
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++)
        put_events(picture, &picture->sketch->events[rows[n].event], rows[n].name, rows[n].color, "");
}

static void put_devices(struct picture *picture)
{
    const struct sketch *sketch = picture->sketch;
    put_head(picture, "Devices (accesses to registers)");
    for (unsigned n = 0; n < sketch->device_count; n++)
        put_events(picture, &sketch->devices[n], sketch->devices[n].name, "#4a5560", "");
    put_events(picture, &sketch->events[SKETCH_DMA], "written to memory", "#00838f", "B");
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

/* A line each 1, 2 or 5 times a power of ten instructions, behind the lanes; 5 to 12 of them. */
static void put_axis(const struct picture *picture, double bottom)
{
    const struct sketch *sketch = picture->sketch;
    double length = (double)(sketch->drawn - sketch->first), step = 1;
    for (unsigned n = 0; length / step > 12; n++)
        step *= n % 3 == 1 ? 2.5 : 2;
    for (double at = ceil((double)sketch->first / step) * step; at <= (double)sketch->drawn; at += step) {
        double x = LEFT + PLOT * (at - (double)sketch->first) / (length > 0 ? length : 1);
        char text[32];
        print_count(text, sizeof(text), (uint64_t)at);
        fprintf(picture->out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"58\" y2=\"%.1f\" stroke=\"#e4e4dc\"/>\n", x,
                x, bottom);
        put_text(picture, x, 54, " text-anchor=\"middle\" fill=\"#666\"", text);
    }
}

static void put_legend(const struct picture *picture)
{
    double x = LEFT + PLOT - 260;
    for (unsigned mode = 0; mode < SKETCH_MODES; mode++, x += 90) {
        fprintf(picture->out, "<rect x=\"%.0f\" y=\"16\" width=\"11\" height=\"11\" fill=\"%s\"/>\n", x,
                mode_colors[mode]);
        put_text(picture, x + 16, 26, "", mode_names[mode]);
    }
}

static void put_lanes(struct picture *picture)
{
    picture->y = 60;
    put_harts(picture);
    put_spaces(picture);
    put_interrupts(picture);
    put_devices(picture);
}

/* The lanes are first written to memory, since the height of the picture is known behind them. */
static bool write_svg(FILE *out, const struct sketch *sketch)
{
    char *lanes = NULL, title[128], number[32];
    size_t length = 0;
    uint64_t run = sketch->drawn - sketch->first;
    struct picture picture = { .sketch = sketch, .out = open_memstream(&lanes, &length) };
    if (!picture.out)
        return false;
    picture.bins = run ? (unsigned)((run - 1) / sketch->width) + 1 : 0;
    picture.scale = run ? PLOT * (double)sketch->width / (double)run : 0;
    put_lanes(&picture);
    if (fclose(picture.out)) {
        free(lanes);
        return false;
    }
    picture.out = out;
    double width = LEFT + PLOT + RIGHT, height = picture.y + 16;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
            "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
            "font-size=\"11\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfdf6\"/>\n",
            width, height, width, height);
    print_count(number, sizeof(number), run);
    snprintf(title, sizeof(title), "%s instructions of %u hart%s", number, sketch->hart_count,
             sketch->hart_count == 1 ? "" : "s");
    put_text(&picture, 8, 26, " font-size=\"15\"", title);
    put_legend(&picture);
    put_axis(&picture, picture.y + 4);
    fwrite(lanes, 1, length, out);
    fputs("</svg>\n", out);
    free(lanes);
    return true;
}

bool timeline_write_picture(struct timeline *timeline, const char *path, struct error *error)
{
    struct sketch *sketch = timeline ? timeline->sketch : NULL;
    if (!sketch)
        return error_set(error, "nothing is drawn: start with -icount and -timeline FILE");
    if (sketch->began && !sketch->moved)
        sketch_advance(timeline, timeline->hart);
    struct output output = sketch->output;
    if (path && !output_open(&output, "timeline-svg", path, error))
        return false;
    FILE *out = output_start(&output, error);
    bool ok = out != NULL, drawn = ok && write_svg(out, sketch);
    ok = ok && output_end(&output, out, error);
    if (path)
        output_close(&output);
    return ok && (drawn || error_set(error, "-timeline: out of memory"));
}
