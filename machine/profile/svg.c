/* SPDX-License-Identifier: MIT
 *
 * A flame graph: each function is a box above the box of its caller. Its width is the share of the samples in
 * which it, or something that it called, was running. The picture is one file that needs nothing else; a
 * click on a box makes it as wide as the picture.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "machine/profile/internal.h"

#define WIDTH      1200.0
#define ROW        17.0
#define MARGIN     36.0
#define NARROWEST  0.3 /* narrower boxes are left out */
#define CHAR_WIDTH 6.6

static const char script[] =
    "<script><![CDATA[\n"
    "const W=1200;\n"
    "function fit(g,x,w){const r=g.querySelector('rect'),t=g.querySelector('text');\n"
    " r.setAttribute('x',x);r.setAttribute('width',Math.max(w,0));\n"
    " if(t){t.setAttribute('x',x+3);const n=Math.floor((w-6)/6.6),s=g.dataset.n;\n"
    "  t.textContent=n<3?'':s.length<=n?s:s.slice(0,n-2)+'..';}}\n"
    "function zoom(e){const g=e.target.closest('g.f');if(!g)return;\n"
    " const x0=+g.dataset.x,w0=+g.dataset.w,d0=+g.dataset.d;\n"
    " document.querySelectorAll('g.f').forEach(b=>{const x=+b.dataset.x,w=+b.dataset.w,d=+b.dataset.d;\n"
    "  const above=d<d0&&x<=x0+1e-6&&x+w>=x0+w0-1e-6,inside=x>=x0-1e-6&&x+w<=x0+w0+1e-6;\n"
    "  b.style.display=above||(inside&&d>=d0)?'':'none';\n"
    "  if(above)fit(b,0,W);else if(inside)fit(b,(x-x0)/w0*W,w/w0*W);});}\n"
    "document.addEventListener('click',zoom);\n"
    "]]></script>\n";

/* Prints a function's name, with the characters that have a meaning in XML escaped. */
static void print_escaped(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127 ? '?' : text[i], out);
        }
    }
}

/* Prints a warm colour, always the same for the same name; user code is green, firmware is blue. */
static void print_color(FILE *out, const char *name, size_t length, char kind)
{
    unsigned hash = 5381;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)name[i];
    unsigned a = hash % 50, b = hash / 50 % 60;
    if (kind == 'u')
        fprintf(out, "rgb(%u,%u,%u)", 120 + b, 195 + a, 100 + a);
    else if (kind == 'f' || kind == 'i')
        fprintf(out, "rgb(%u,%u,%u)", 130 + a, 165 + b, 220 + a / 2);
    else
        fprintf(out, "rgb(%u,%u,%u)", 205 + a, 90 + 2 * b, 60 + a / 2);
}

struct picture {
    FILE *out;
    const struct profile_stack *stacks;
    uint64_t total;
    double height;
};

static void print_box(const struct picture *picture, unsigned depth, double x, double width, const char *name,
                      size_t length, uint64_t count, char kind)
{
    FILE *out = picture->out;
    double y = picture->height - MARGIN - (depth + 1) * ROW;
    size_t fits = width > 20 ? (size_t)((width - 6) / CHAR_WIDTH) : 0;
    fprintf(out, "<g class=\"f\" data-x=\"%.3f\" data-w=\"%.3f\" data-d=\"%u\" data-n=\"", x, width, depth);
    print_escaped(out, name, length);
    fputs("\"><title>", out);
    print_escaped(out, name, length);
    fprintf(out,
            " (%" PRIu64
            " samples, %.2f %%)</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"",
            count, 100.0 * (double)count / (double)picture->total, x, y, width, ROW - 1);
    print_color(out, name, length, kind);
    fprintf(out, "\"/><text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 12);
    if (fits >= 3)
        print_escaped(out, name, length < fits ? length : fits);
    fputs("</text></g>\n", out);
}

/* Returns the length of the frame that begins at `from`. */
static size_t frame_length(const char *text, size_t from)
{
    return strcspn(text + from, ";");
}

/* Draws the stacks [first, last), whose first `prefix` bytes are equal; x is in samples. PROFILE_DEPTH limits
 * how deep this recurses. */
static void draw(const struct picture *picture, size_t first, size_t last, size_t prefix, unsigned depth,
                 uint64_t x)
{
    const struct profile_stack *stacks = picture->stacks;
    double scale = WIDTH / (double)picture->total;
    while (first < last) {
        if (!stacks[first].text[prefix]) { /* the stack ends here */
            x += stacks[first++].count;
            continue;
        }
        const char *name = stacks[first].text + prefix;
        size_t length = frame_length(stacks[first].text, prefix), next = first;
        uint64_t count = 0;
        for (; next < last && strncmp(stacks[next].text + prefix, name, length) == 0 &&
               (!stacks[next].text[prefix + length] || stacks[next].text[prefix + length] == ';');
             next++)
            count += stacks[next].count;
        if ((double)count * scale >= NARROWEST) {
            print_box(picture, depth, (double)x * scale, (double)count * scale, name, length, count,
                      stacks[first].text[0]);
            /* Stacks that end here come first in the order, then the longer ones. */
            size_t inner = first;
            uint64_t at = x;
            while (inner < next && !stacks[inner].text[prefix + length])
                at += stacks[inner++].count;
            draw(picture, inner, next, prefix + length + 1, depth + 1, at);
        }
        x += count;
        first = next;
    }
}

static unsigned deepest(const struct profile_stack *stacks, size_t count)
{
    unsigned deepest = 1;
    for (size_t i = 0; i < count; i++) {
        unsigned depth = 1;
        for (const char *p = stacks[i].text; *p; p++)
            depth += *p == ';';
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

void profile_write_svg(FILE *out, const struct profile_stack *stacks, size_t count, uint64_t total)
{
    struct picture picture = { .out = out, .stacks = stacks, .total = total ? total : 1 };
    picture.height = 2 * MARGIN + deepest(stacks, count) * ROW;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
            "width=\"%.0f\" "
            "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" font-family=\"monospace\" font-size=\"11\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfdf6\"/>\n"
            "<text x=\"%.0f\" y=\"22\" font-size=\"15\" text-anchor=\"middle\">Guest code, %" PRIu64
            " samples (a click on a box widens it)</text>\n",
            WIDTH, picture.height, WIDTH, picture.height, WIDTH / 2, total);
    draw(&picture, 0, count, 0, 0, 0);
    fputs(script, out);
    fputs("</svg>\n", out);
}
