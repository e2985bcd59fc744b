/* SPDX-License-Identifier: MIT
 *
 * A text monitor without a line editor: on a socket, a pipe or a file. If the other end has an editor, that
 * one is used. Each line is a command. A prompt is sent when a client connects and after each answer.
 */
#include "frontend/monitor/internal.h"

#include <string.h>

#define LINE_MAX_BYTES 4096u

struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
    bool too_long;
};

static void run_line(struct monitor *monitor, struct line *line, FILE *out)
{
    struct monitor_call call;
    line->text[line->length] = 0;
    monitor_prepare_call(monitor, &call);
    if (line->too_long)
        fprintf(out, "Error: a line has at most %u bytes\n", LINE_MAX_BYTES - 1);
    else if (!monitor_run_line(&call, line->text, out))
        monitor_print_unknown(line->text, out);
    line->length = 0;
    line->too_long = false;
    fputs(MONITOR_PROMPT, out);
    fflush(out);
}

static void take_byte(struct monitor *monitor, struct line *line, char byte, FILE *out)
{
    if (byte == '\n') {
        run_line(monitor, line, out);
    } else if (line->length + 1 == sizeof(line->text)) {
        line->too_long = true;
    } else if (byte != '\r' && byte != 0) {
        line->text[line->length++] = byte;
    }
}

void *monitor_line_thread(void *opaque)
{
    struct monitor *monitor = opaque;
    struct line line = { .length = 0 };
    char bytes[512];
    unsigned openings = 0;
    FILE *out = monitor_stream(monitor);
    while (out) {
        struct monitor_news news = monitor_wait(monitor, bytes, sizeof(bytes), openings);
        if (news.stopping)
            break;
        if (news.openings != openings) {
            openings = news.openings;
            line.length = 0;
            fputs("rvive " RVIVE_VERSION " monitor: help lists the commands\n" MONITOR_PROMPT, out);
            fflush(out);
        }
        for (size_t i = 0; i < news.bytes; i++)
            take_byte(monitor, &line, bytes[i], out);
    }
    if (out)
        fclose(out);
    return NULL;
}
