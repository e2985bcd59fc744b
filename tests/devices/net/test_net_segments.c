/* SPDX-License-Identifier: MIT
 *
 * Segments that a guest sends ahead of missing ones: as many as the bound allows pass, for each connection;
 * segments in order always pass.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/segments.h"
#include "tests/suite.h"

#define MOST (NET_SEGMENTS_BYTES / NET_SEGMENTS_LEAST)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static struct net_segments *segments;
static uint8_t frame[70000];
static bool with_ipv6;

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24), at[1] = (uint8_t)(value >> 16), at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* A segment of connection `port`; returns the frame's length. */
static size_t make(bool of_guest, unsigned port, uint32_t sequence, uint32_t acknowledged, unsigned flags,
                   size_t data)
{
    size_t header = with_ipv6 ? 40 : 20, total = header + 20 + data;
    uint8_t *ip = frame + 14, *tcp = ip + header;
    memset(frame, 0, 14 + header + 20);
    frame[12] = with_ipv6 ? 0x86 : 8, frame[13] = with_ipv6 ? 0xdd : 0;
    ip[0] = with_ipv6 ? 0x60 : 0x45;
    size_t length = with_ipv6 ? total - header : total;
    ip[with_ipv6 ? 4 : 2] = (uint8_t)(length >> 8), ip[with_ipv6 ? 5 : 3] = (uint8_t)length;
    ip[with_ipv6 ? 6 : 9] = 6;
    ip[with_ipv6 ? (of_guest ? 8 : 24) : of_guest ? 12 : 16] = 77; /* the guest's address */
    tcp[of_guest ? 0 : 2] = (uint8_t)(port >> 8), tcp[of_guest ? 1 : 3] = (uint8_t)port;
    tcp[of_guest ? 3 : 1] = 80;
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledged);
    tcp[12] = 0x50, tcp[13] = (uint8_t)flags;
    return 14 + total;
}

static bool sends(unsigned port, uint32_t sequence, size_t data, unsigned flags, int64_t now_ms)
{
    size_t length = make(true, port, sequence, 1, flags, data);
    return net_segments_allow(segments, frame, length, now_ms);
}

static void answers(unsigned port, uint32_t acknowledged, unsigned flags)
{
    size_t length = make(false, port, 1, acknowledged, flags, 0);
    net_segments_answer(segments, frame, length);
}

/* Returns how many of `tries` segments, each ahead of a missing byte, pass. */
static unsigned sends_ahead(unsigned port, uint32_t next, size_t data, unsigned tries, int64_t now_ms)
{
    unsigned passed = 0;
    for (unsigned n = 0; n < tries; n++)
        passed += sends(port, next + 1 + n * 2, data, ACK, now_ms);
    return passed;
}

static void start(void)
{
    segments = net_segments_create();
    ck_assert_ptr_nonnull(segments);
}

static void end(void)
{
    net_segments_destroy(segments);
}

START_TEST(bounded)
{
    with_ipv6 = _i;
    uint32_t next = 0xfffffff0; /* sequence numbers wrap */
    answers(1000, next, SYN | ACK);
    ck_assert_uint_eq(sends_ahead(1000, next, 1, 1000, 0), MOST);
    ck_assert(!sends(1000, next + 9, 0, FIN | ACK, 0));
    ck_assert(sends(1000, next + 9, 0, ACK, 0));
    ck_assert(sends(1000, next + 9, 0, RST, 0));
    ck_assert(!sends(1000, next + 9, 1, ACK, 0)); /* a reset that libslirp may ignore changes nothing */
    for (unsigned n = 0; n < 1000; n++)           /* segments in order, or old ones, always pass */
        ck_assert(sends(1000, next - n, 1, ACK, 0));
    /* Another connection has a bound of its own. */
    answers(1001, 5, SYN | ACK);
    ck_assert_uint_eq(sends_ahead(1001, 5, 1, 1000, 0), MOST);
    /* Part of it is acknowledged: the rest still waits. All of it is: the connection is as at the start. */
    answers(1000, next + 3, ACK);
    ck_assert_uint_eq(sends_ahead(1000, next + 3, 1, 10, 0), 0);
    answers(1000, next + 2 * MOST, ACK);
    ck_assert_uint_eq(sends_ahead(1000, next + 2 * MOST, 1, 1000, 0), MOST);
    answers(1000, 0, RST | ACK); /* libslirp gives the connection up */
    answers(1000, 77, SYN | ACK);
    ck_assert_uint_eq(sends_ahead(1000, 77, 1, 1000, 0), MOST);
}
END_TEST

/* Full windows in order pass, whether they are acknowledged one by one or at the end. */
START_TEST(bulk)
{
    uint32_t next = 1;
    answers(1, next, SYN | ACK);
    for (unsigned round = 0; round < 1000; round++) {
        for (unsigned n = 0; n < 90; n++)
            ck_assert(sends(1, next + n * 1448, 1448, ACK, round));
        next += 90 * 1448;
        answers(1, next, ACK);
        ck_assert(sends(1, next, 60000, ACK, round) && sends(1, next + 60000, 60000, ACK, round));
        next += 120000;
        answers(1, next, ACK);
    }
    /* Large segments that are ahead are counted with their size. */
    ck_assert_uint_eq(sends_ahead(1, next, 60000, 100, 0), NET_SEGMENTS_BYTES / 60054);
}
END_TEST

/* Very many connections together may have no more segments ahead than the table has places; segments in order
 * still pass. */
START_TEST(many)
{
    unsigned passed = 0, in_order = 0;
    for (unsigned port = 1; port < 20000; port++) {
        answers(port, 1, SYN | ACK);
        passed += sends_ahead(port, 1, 1, MOST + 5, 0);
    }
    ck_assert_uint_le(passed, 4096 * MOST);
    ck_assert_uint_ge(passed, 4000 * MOST);
    for (unsigned port = 1; port < 1000; port++)
        in_order += sends(port, 1, 100, ACK, 0);
    ck_assert_uint_ge(in_order, 900);
    /* After a while, silent connections make room. */
    ck_assert_uint_eq(sends_ahead(20001, 1, 1, 1, 60000), 1);
}
END_TEST

/* Frames that are not TCP, or that are cut off, at all lengths. */
START_TEST(others)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        with_ipv6 = kind;
        size_t length = make(true, 9, 1, 1, ACK, 10);
        for (size_t cut = 0; cut < length; cut++) {
            uint8_t *exact = malloc(cut ? cut : 1);
            memcpy(exact, frame, cut);
            net_segments_answer(segments, exact, cut);
            ck_assert(net_segments_allow(segments, exact, cut, 0));
            free(exact);
        }
        frame[14 + (with_ipv6 ? 6 : 9)] = 17;
        for (unsigned n = 0; n < 1000; n++)
            ck_assert(net_segments_allow(segments, frame, length, 0));
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("net_segments");
    TCase *tcase = tcase_create("net_segments");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, start, end);
    tcase_add_loop_test(tcase, bounded, 0, 2);
    tcase_add_test(tcase, bulk);
    tcase_add_test(tcase, many);
    tcase_add_test(tcase, others);
    suite_add_tcase(suite, tcase);
    return suite;
}
