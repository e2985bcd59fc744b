/* SPDX-License-Identifier: MIT
 *
 * The packet layer of the gdb server: how packets are parsed, how they are made, and which are refused.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "machine/gdb/packet.h"
#include "tests/suite.h"

static struct gdb_parser parser;

/* Returns the last event that the bytes caused, other than none. */
static enum gdb_event feed(const void *bytes, size_t length)
{
    enum gdb_event last = GDB_NOTHING;
    for (size_t i = 0; i < length; i++) {
        enum gdb_event event = gdb_parse(&parser, ((const uint8_t *)bytes)[i]);
        last = event == GDB_NOTHING ? last : event;
    }
    return last;
}
#define FEED(text) feed(text, sizeof(text) - 1)

START_TEST(test_packets)
{
    ck_assert_int_eq(FEED("+$qC#b4"), GDB_PACKET);
    ck_assert(parser.length == 2 && strcmp(parser.data, "qC") == 0);
    ck_assert_int_eq(FEED("$qC#B4"), GDB_PACKET);
    ck_assert_int_eq(FEED("$#00"), GDB_PACKET);
    ck_assert_uint_eq(parser.length, 0);
    ck_assert_int_eq(FEED("\003"), GDB_INTERRUPT);
    ck_assert_int_eq(FEED("-"), GDB_RESEND);
    ck_assert_int_eq(FEED("garbage#12"), GDB_NOTHING);
    ck_assert_int_eq(FEED("$qC#b5"), GDB_BAD_PACKET);
    ck_assert_int_eq(FEED("$qC#zz"), GDB_BAD_PACKET);
    ck_assert_int_eq(FEED("$lost$qC#b4"), GDB_PACKET);
    ck_assert_str_eq(parser.data, "qC");
}
END_TEST

START_TEST(test_escapes)
{
    /* Every byte survives escaping and unescaping; an interrupt inside a packet is data. */
    char all[256];
    struct gdb_text text = { 0 };
    for (unsigned i = 0; i < 256; i++)
        all[i] = (char)i;
    gdb_text_packet(&text, all, sizeof(all));
    ck_assert_int_eq(feed(text.bytes, text.length), GDB_PACKET);
    ck_assert_uint_eq(parser.length, 256);
    ck_assert_int_eq(memcmp(parser.data, all, 256), 0);
    gdb_text_free(&text);
}
END_TEST

START_TEST(test_longest)
{
    static char bytes[GDB_PACKET_MAX + 1];
    struct gdb_text text = { 0 };
    memset(bytes, 'a', sizeof(bytes));
    gdb_text_packet(&text, bytes, GDB_PACKET_MAX);
    ck_assert_int_eq(feed(text.bytes, text.length), GDB_PACKET);
    ck_assert_uint_eq(parser.length, GDB_PACKET_MAX);
    text.length = 0;
    gdb_text_packet(&text, bytes, GDB_PACKET_MAX + 1);
    ck_assert_int_eq(feed(text.bytes, text.length), GDB_BAD_PACKET);
    gdb_text_free(&text);
    ck_assert_int_eq(FEED("$qC#b4"), GDB_PACKET);
}
END_TEST

START_TEST(test_reading)
{
    uint64_t value;
    uint8_t bytes[4];
    const char *packet = "M1f,2:0aFF0";
    struct gdb_rest rest = { packet, packet + strlen(packet) };
    ck_assert(!gdb_take_char(&rest, 'm') && gdb_take_char(&rest, 'M'));
    ck_assert(gdb_take_number(&rest, &value) && value == 0x1f);
    ck_assert(!gdb_take_number(&rest, &value) && gdb_take_text(&rest, ",2:"));
    ck_assert(!gdb_take_bytes(&rest, bytes, 3) && gdb_take_bytes(&rest, bytes, 2));
    ck_assert(bytes[0] == 0x0a && bytes[1] == 0xff && gdb_rest_length(&rest) == 1);
    ck_assert(!gdb_take_bytes(&rest, bytes, 1) && !gdb_take_text(&rest, "0x"));
    ck_assert(gdb_take_number(&rest, &value) && value == 0 && !gdb_take_char(&rest, '0'));
    const char *digits = "11112222333344445";
    rest = (struct gdb_rest){ digits, digits + 17 };
    ck_assert(!gdb_take_number(&rest, &value));
    rest.end--;
    ck_assert(gdb_take_number(&rest, &value) && value == 0x1111222233334444);
    rest = (struct gdb_rest){ digits, digits + 4 };
    ck_assert(gdb_take_value(&rest, &value, 2) && value == 0x1111);
}
END_TEST

/* Whatever arrives, the parser stays inside its buffer (the sanitizers check this) and understands what
 * follows. */
START_TEST(test_random)
{
    unsigned long state = 1;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[64];
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = state >> 60 < 4 ? (uint8_t) "$#}*"[state >> 60] : (uint8_t)(state >> 40);
        }
        feed(bytes, sizeof(bytes));
        FEED("#00#00");
        ck_assert_int_eq(FEED("$qC#b4"), GDB_PACKET);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("gdb_packet");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, test_packets);
    tcase_add_test(tests, test_escapes);
    tcase_add_test(tests, test_longest);
    tcase_add_test(tests, test_reading);
    tcase_add_test(tests, test_random);
    suite_add_tcase(suite, tests);
    return suite;
}
