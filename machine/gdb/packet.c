/* SPDX-License-Identifier: MIT
 *
 * Packets of gdb's remote protocol; see packet.h.
 */
#include "machine/gdb/packet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* ---- From gdb ------------------------------------------------------------------------------------------ */

static void begin_packet(struct gdb_parser *parser)
{
    parser->state = GDB_PAYLOAD;
    parser->sum = 0;
    parser->length = 0;
    parser->bad = false;
}

static void store(struct gdb_parser *parser, uint8_t byte)
{
    if (parser->length < GDB_PACKET_MAX)
        parser->data[parser->length++] = (char)byte;
    else
        parser->bad = true;
}

static enum gdb_event parse_idle(struct gdb_parser *parser, uint8_t byte)
{
    if (byte == '$')
        begin_packet(parser);
    return byte == 3 ? GDB_INTERRUPT : byte == '-' ? GDB_RESEND : GDB_NOTHING;
}

static void parse_payload(struct gdb_parser *parser, uint8_t byte)
{
    if (byte == '$') { /* the end of the packet before was lost */
        begin_packet(parser);
        return;
    }
    if (byte == '#') {
        parser->state = GDB_SUM_HIGH;
        return;
    }
    parser->sum = (uint8_t)(parser->sum + byte);
    if (byte == '}')
        parser->state = GDB_ESCAPED;
    else
        store(parser, byte);
}

enum gdb_event gdb_parse(struct gdb_parser *parser, uint8_t byte)
{
    int digit = digit_value((char)byte);
    switch (parser->state) {
    case GDB_IDLE: return parse_idle(parser, byte);
    case GDB_PAYLOAD: parse_payload(parser, byte); return GDB_NOTHING;
    case GDB_ESCAPED:
        parser->sum = (uint8_t)(parser->sum + byte);
        parser->state = GDB_PAYLOAD;
        store(parser, byte ^ 0x20);
        return GDB_NOTHING;
    case GDB_SUM_HIGH:
        parser->bad |= digit < 0;
        parser->given = (uint8_t)((unsigned)digit << 4);
        parser->state = GDB_SUM_LOW;
        return GDB_NOTHING;
    case GDB_SUM_LOW: break;
    }
    parser->state = GDB_IDLE;
    parser->data[parser->length] = '\0';
    if (parser->bad || digit < 0 || (parser->given | digit) != parser->sum)
        return GDB_BAD_PACKET;
    return GDB_PACKET;
}

/* ---- To gdb -------------------------------------------------------------------------------------------- */

void gdb_text_free(struct gdb_text *text)
{
    free(text->bytes);
    *text = (struct gdb_text){ 0 };
}

static bool make_room(struct gdb_text *text, size_t more)
{
    if (text->failed || text->room - text->length > more)
        return !text->failed;
    size_t room = (text->length + more + 1) * 2;
    char *grown = realloc(text->bytes, room);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->room = room;
    return true;
}

void gdb_text_add(struct gdb_text *text, const void *bytes, size_t length)
{
    if (!make_room(text, length))
        return;
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void gdb_text_printf(struct gdb_text *text, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    if (length >= 0 && make_room(text, (size_t)length)) {
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(list);
}

void gdb_text_hex(struct gdb_text *text, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = ((const uint8_t *)bytes)[i];
        char pair[2] = { digits[byte >> 4], digits[byte & 15] };
        gdb_text_add(text, pair, 2);
    }
}

void gdb_text_value(struct gdb_text *text, uint64_t value, unsigned size)
{
    gdb_text_hex(text, &value, size);
}

void gdb_text_packet(struct gdb_text *text, const char *payload, size_t length)
{
    uint8_t sum = 0;
    gdb_text_add(text, "$", 1);
    for (size_t i = 0; i < length; i++) {
        char pair[2] = { '}', (char)(payload[i] ^ 0x20) };
        bool escape = payload[i] == '$' || payload[i] == '#' || payload[i] == '}' || payload[i] == '*';
        const char *bytes = escape ? pair : &payload[i];
        for (unsigned n = 0; n < 1u + escape; n++)
            sum = (uint8_t)(sum + (uint8_t)bytes[n]);
        gdb_text_add(text, bytes, 1u + escape);
    }
    gdb_text_printf(text, "#%02x", sum);
}

/* ---- Reading a payload --------------------------------------------------------------------------------- */

size_t gdb_rest_length(const struct gdb_rest *rest)
{
    return (size_t)(rest->end - rest->at);
}

bool gdb_take_char(struct gdb_rest *rest, char wanted)
{
    if (rest->at == rest->end || *rest->at != wanted)
        return false;
    rest->at++;
    return true;
}

bool gdb_take_text(struct gdb_rest *rest, const char *wanted)
{
    size_t length = strlen(wanted);
    if (gdb_rest_length(rest) < length || memcmp(rest->at, wanted, length) != 0)
        return false;
    rest->at += length;
    return true;
}

bool gdb_take_number(struct gdb_rest *rest, uint64_t *value)
{
    const char *at = rest->at;
    *value = 0;
    while (at < rest->end && digit_value(*at) >= 0 && at - rest->at < 17)
        *value = *value << 4 | (unsigned)digit_value(*at++);
    if (at == rest->at || at - rest->at > 16)
        return false;
    rest->at = at;
    return true;
}

bool gdb_take_bytes(struct gdb_rest *rest, void *bytes, size_t length)
{
    if (gdb_rest_length(rest) / 2 < length)
        return false;
    for (size_t i = 0; i < length; i++) {
        int high = digit_value(rest->at[2 * i]), low = digit_value(rest->at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ((uint8_t *)bytes)[i] = (uint8_t)(high << 4 | low);
    }
    rest->at += 2 * length;
    return true;
}

bool gdb_take_value(struct gdb_rest *rest, uint64_t *value, unsigned size)
{
    uint64_t taken = 0;
    if (!gdb_take_bytes(rest, &taken, size))
        return false;
    *value = taken;
    return true;
}
