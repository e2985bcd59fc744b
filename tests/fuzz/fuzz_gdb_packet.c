/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: bytes from gdb pass through the packet layer and the functions that read numbers and
 * bytes. Then an answer is made of the same payload, which must come back unchanged.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/gdb/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_all(const char *payload, size_t length)
{
    struct gdb_rest rest = { payload, payload + length };
    uint64_t value;
    uint8_t bytes[32];
    while (gdb_rest_length(&rest)) {
        size_t before = gdb_rest_length(&rest);
        gdb_take_bytes(&rest, bytes, before % sizeof(bytes));
        gdb_take_number(&rest, &value);
        gdb_take_value(&rest, &value, 8);
        gdb_take_text(&rest, ";X");
        if (gdb_rest_length(&rest) > before)
            abort();
        if (gdb_rest_length(&rest) == before && !gdb_take_char(&rest, *rest.at))
            abort();
    }
}

static void send_back(const char *payload, size_t length)
{
    static struct gdb_parser other;
    struct gdb_text text = { 0 };
    enum gdb_event event = GDB_NOTHING;
    gdb_text_packet(&text, payload, length);
    for (size_t i = 0; i < text.length; i++)
        event = gdb_parse(&other, (uint8_t)text.bytes[i]);
    if (!text.failed &&
        (event != GDB_PACKET || other.length != length || memcmp(other.data, payload, length) != 0))
        abort();
    gdb_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gdb_parser parser;
    parser = (struct gdb_parser){ 0 };
    for (size_t i = 0; i < size; i++) {
        if (gdb_parse(&parser, data[i]) != GDB_PACKET)
            continue;
        take_all(parser.data, parser.length);
        send_back(parser.data, parser.length);
    }
    take_all((const char *)data, size);
    return 0;
}
