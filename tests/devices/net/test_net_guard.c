/* SPDX-License-Identifier: MIT
 *
 * What a guest's frames must be to reach libslirp: one frame of each kind that passes, then the same with one
 * thing wrong; fragments in all orders, repeated, overlapping, without end, and more of them than are kept.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "devices/net/fragments.h"
#include "devices/net/guard.h"
#include "devices/net/offload.h"
#include "tests/suite.h"

static const struct net_guard_config config = {
    .host6 = { 0xfe, 0xc0, [15] = 2 },
    .dns6 = { 0xfe, 0xc0, [15] = 3 },
};
static struct net_guard *guard;
static struct net_packet packet;
static const char *fault;
static uint8_t frame[70000];

static void make_guard(void)
{
    guard = net_guard_create(&config);
    ck_assert_ptr_nonnull(guard);
    memset(frame, 0, sizeof(frame));
}

static void end_guard(void)
{
    net_guard_destroy(guard);
}

static bool pass(size_t length)
{
    return net_guard_pass(guard, frame, length, 1000, &packet, &fault);
}

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value;
}

static void sum_header(void)
{
    put16(frame + 24, 0);
    net_checksum_complete(frame, 14 + (frame[14] & 15u) * 4, 14, 10);
}

/* Puts an IPv4 packet of the guest around a payload that is in place; returns its frame's length. */
static size_t ipv4(unsigned protocol, size_t payload)
{
    static const uint8_t head[12] = { 0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 64, 0, 0, 0 };
    static const uint8_t addresses[8] = { 10, 0, 2, 15, 10, 0, 2, 2 };
    put16(frame + 12, 0x0800);
    memcpy(frame + 14, head, 12);
    memcpy(frame + 26, addresses, 8);
    put16(frame + 16, 20 + payload);
    frame[23] = (uint8_t)protocol;
    sum_header();
    return 34 + payload;
}

static size_t ipv6(unsigned next, size_t payload)
{
    put16(frame + 12, 0x86dd);
    memset(frame + 14, 0, 40);
    frame[14] = 0x60, frame[20] = (uint8_t)next, frame[21] = 255;
    put16(frame + 18, payload);
    memcpy(frame + 22, config.host6, 16);
    frame[37] = 9;
    memcpy(frame + 38, config.host6, 16);
    return 54 + payload;
}

static size_t tcp(uint8_t flags, size_t payload)
{
    frame[46] = 0x50, frame[47] = flags;
    put16(frame + 36, 8080);
    return ipv4(6, 20 + payload);
}

static size_t udp(size_t payload)
{
    put16(frame + 38, 8 + payload);
    return ipv4(17, 8 + payload);
}

START_TEST(passes)
{
    static const uint8_t arp[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
    put16(frame + 12, 0x0806);
    memcpy(frame + 14, arp, sizeof(arp));
    ck_assert(pass(60));
    ck_assert_uint_eq(packet.length, 42);
    ck_assert(pass(tcp(0x02, 0)));
    ck_assert(packet.opens && packet.tcp_syn);
    ck_assert_uint_eq(packet.to_port, 8080);
    ck_assert_mem_eq(packet.to, frame + 30, 4);
    ck_assert(pass(tcp(0x12, 0)) && !packet.opens);
    ck_assert(pass(tcp(0x10, 40000)) && !packet.opens);
    ck_assert_ptr_eq(packet.frame, frame);
    size_t length = udp(1);
    ck_assert(pass(60)); /* padded as a network card pads it */
    ck_assert(packet.opens && !packet.tcp_syn);
    ck_assert_uint_eq(packet.length, length);
    frame[34] = 8;
    ck_assert(pass(ipv4(1, 64)) && packet.opens);
    frame[34] = 3;
    ck_assert(pass(ipv4(1, 64)) && !packet.opens);
    frame[54] = 128;
    ck_assert(pass(ipv6(58, 64)));
    memset(frame + 54, 0, 64);
    put16(frame + 58, 64);
    ck_assert(pass(ipv6(17, 64)) && packet.opens);
    ck_assert_ptr_null(fault);
}
END_TEST

enum { ANY, ARP, TCP, UDP, PING, IP6, TCP6, PING6 };
static const struct {
    unsigned kind;
    size_t at;
    uint8_t value;
    int cut;           /* how many bytes are cut off the end */
    const char *fault; /* NULL: no message */
} wrong[] = {
    { ANY, 0, 0, 14, "a frame without a header" },
    { TCP, 12, 0x88, 0, NULL }, /* an EtherType that does not exist */
    { ARP, 14, 9, 0, "ARP of something else" },
    { ARP, 18, 8, 0, "ARP of something else" },
    { ARP, 19, 16, 0, "ARP of something else" },
    { ARP, 0, 0, 1, "ARP that is cut off" },
    { TCP, 0, 0, 1, "IPv4 with impossible lengths" },
    { TCP, 14, 0x65, 0, "IPv4 without a header" },
    { TCP, 14, 0x44, 0, "IPv4 with impossible lengths" },
    { TCP, 14, 0x4f, 0, "IPv4 with impossible lengths" },
    { TCP, 16, 0xff, 0, "IPv4 with impossible lengths" },
    { TCP, 17, 19, 0, "IPv4 with impossible lengths" },
    { TCP, 17, 39, 0, "TCP without a header" },
    { TCP, 22, 63, 0, "wrong checksum" },
    { TCP, 26, 224, 0, "no host's" },
    { TCP, 46, 0x40, 0, "TCP with an impossible header" },
    { TCP, 46, 0x60, 0, "TCP with an impossible header" },
    { TCP, 23, 50, 0, NULL }, /* a protocol that libslirp does not know */
    { UDP, 17, 27, 0, "UDP without a header" },
    { UDP, 39, 7, 0, "UDP with an impossible length" },
    { UDP, 39, 0, 0, "UDP with an impossible length" },
    { UDP, 39, 9, 0, "UDP with an impossible length" },
    { UDP, 38, 0xff, 0, "UDP with an impossible length" },
    { PING, 17, 27, 0, "ICMP without a header" },
    { IP6, 14, 0x40, 0, "IPv6 without a header" },
    { IP6, 18, 1, 0, "IPv6 with an impossible length" },
    { IP6, 0, 0, 1, "IPv6 with an impossible length" },
    { IP6, 0, 0, 24 + 1, "IPv6 without a header" },
    { TCP6, 66, 0xf0, 0, "TCP with an impossible header" },
    { PING6, 53, 77, 0, "a ping of another IPv6 host" },
    { PING6, 22, 0xff, 0, NULL }, /* from a group */
    { PING6, 20, 44, 0, NULL },   /* a fragment */
    { PING6, 20, 0, 0, NULL },    /* hop-by-hop options */
};

START_TEST(refuses)
{
    size_t length = 14;
    switch (wrong[_i].kind) {
    case ARP:
        put16(frame + 12, 0x0806);
        frame[15] = 1, frame[16] = 8, frame[18] = 6, frame[19] = 4;
        length = 42;
        break;
    case TCP: length = tcp(2, 0); break;
    case UDP: length = udp(0); break;
    case PING: frame[34] = 8, length = ipv4(1, 8); break;
    case IP6:
        put16(frame + 58, 24);
        length = ipv6(17, 24);
        break;
    case TCP6: frame[66] = 0x50, length = ipv6(6, 20); break;
    case PING6: frame[54] = 128, length = ipv6(58, 8); break;
    default: break;
    }
    if (wrong[_i].kind != ANY)
        ck_assert_msg(pass(length), "%d: not even without the fault: %s", _i, fault);
    if (wrong[_i].at)
        frame[wrong[_i].at] = wrong[_i].value;
    if (frame[12] == 8 && wrong[_i].at != 22 && frame[14] >= 0x45 && frame[14] < 0x50)
        sum_header();
    uint8_t *exact = malloc(length); /* nothing beyond its end may be read */
    memcpy(exact, frame, length);
    ck_assert_msg(!net_guard_pass(guard, exact, length - (size_t)wrong[_i].cut, 1000, &packet, &fault), "%d",
                  _i);
    free(exact);
    if (wrong[_i].fault)
        ck_assert_msg(fault && strstr(fault, wrong[_i].fault), "%d: %s", _i, fault ? fault : "nothing");
    else
        ck_assert_msg(!fault, "%d: %s", _i, fault);
}
END_TEST

/* libslirp would send as many bytes of its own memory as the pointer says. */
START_TEST(urgent)
{
    static const uint8_t text[5] = "data";
    memcpy(frame + 54, text, 5);
    size_t length = tcp(0x38, 5);
    put16(frame + 52, 4000);
    uint16_t pseudo = net_sum_fold(net_sum(frame + 26, 8) + 6 + 25);
    put16(frame + 50, pseudo);
    net_checksum_complete(frame, length, 34, 16);
    ck_assert(pass(length));
    ck_assert_uint_eq(packet.length, length);
    ck_assert_uint_eq(packet.frame[47], 0x18);
    ck_assert_uint_eq(packet.frame[52] | packet.frame[53], 0);
    ck_assert_mem_eq(packet.frame + 54, text, 5);
    ck_assert_uint_eq(net_sum_fold(net_sum(packet.frame + 34, 25) + pseudo), 0xffff);
    ck_assert_uint_eq(frame[47], 0x38); /* the guest's own memory is unchanged */
}
END_TEST

/* ---- Fragments ----------------------------------------------------------------------------------------- */

static uint8_t data[65600];

/* Gives the guard bytes [at, at + size) of `data` as a fragment. */
static bool fragment(unsigned id, size_t at, size_t size, bool more, int64_t now_ms)
{
    static uint8_t exact[70000];
    memcpy(frame + 34, data + at, size);
    size_t length = ipv4(17, size);
    put16(frame + 18, id);
    put16(frame + 20, at / 8 | (more ? 0x2000u : 0));
    sum_header();
    memcpy(exact, frame, length);
    memset(frame, 0, length);
    return net_guard_pass(guard, exact, length, now_ms, &packet, &fault);
}

static void fill_data(size_t length)
{
    for (size_t n = 0; n < length; n++)
        data[n] = (uint8_t)(n * 7 + (n >> 8));
    put16(data + 4, length);
}

static void check_whole(size_t length)
{
    ck_assert_ptr_null(fault);
    ck_assert_uint_eq(packet.length, 34 + length);
    ck_assert_mem_eq(packet.frame + 34, data, length);
    ck_assert_uint_eq(packet.frame[20] | packet.frame[21], 0);
    ck_assert_uint_eq(net_sum_fold(net_sum(packet.frame + 14, 20)), 0xffff);
}

START_TEST(fragments_in_any_order)
{
    static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                           { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    fill_data(1003);
    for (unsigned order = 0; order < 6; order++) {
        for (unsigned n = 0; n < 3; n++) {
            unsigned part = orders[order][n];
            bool whole = fragment(order, part * 400, part == 2 ? 203 : 400, part != 2, 0);
            ck_assert_uint_eq(whole, n == 2);
            ck_assert_msg(!fault, "%s", fault);
            if (n < 2) /* a fragment that comes twice changes nothing */
                ck_assert(!fragment(order, part * 400, part == 2 ? 203 : 400, part != 2, 0) && !fault);
        }
        check_whole(1003);
        ck_assert(packet.opens);
    }
}
END_TEST

/* The largest packet that exists passes; one byte more does not. */
START_TEST(fragments_at_the_limit)
{
    fill_data(65515);
    ck_assert(!fragment(1, 0, 32768, true, 0));
    ck_assert(fragment(1, 32768, 65515 - 32768, false, 0));
    check_whole(65515);
    ck_assert(!fragment(2, 65512, 4, false, 0));
    ck_assert_msg(strstr(fault, "beyond 64 KiB"), "%s", fault);
    ck_assert(!fragment(2, 65528, 8, true, 0));
    ck_assert_msg(strstr(fault, "beyond 64 KiB"), "%s", fault);
}
END_TEST

/* A contradiction ends the packet: the right fragments do not complete it any more. */
static const struct {
    size_t at, size;
    bool more;
    const char *fault;
} contradictions[] = {
    { 392, 16, true, "overlap" },           /* over one end */
    { 0, 408, true, "overlap" },            /* over all of one fragment */
    { 792, 8, false, "beyond the last" },   /* ends again, before the end */
    { 1008, 8, true, "beyond the last" },   /* continues after the end */
    { 1008, 8, false, "beyond the last" },  /* ends again, after the end */
    { 800, 208, true, "beyond the last" },  /* over the end */
    { 400, 0, true, "impossible length" },  /* empty */
    { 400, 12, true, "impossible length" }, /* not a multiple of 8 */
};

START_TEST(fragments_that_contradict)
{
    fill_data(1003);
    ck_assert(!fragment(1, 0, 400, true, 0) && !fault);
    ck_assert(!fragment(1, 800, 203, false, 0) && !fault);
    ck_assert(!fragment(1, contradictions[_i].at, contradictions[_i].size, contradictions[_i].more, 0));
    ck_assert_msg(fault && strstr(fault, contradictions[_i].fault), "%d: %s", _i, fault ? fault : "nothing");
    if (strstr(contradictions[_i].fault, "impossible")) {
        ck_assert(fragment(1, 400, 400, true, 0));
        check_whole(1003);
    } else {
        ck_assert(!fragment(1, 400, 400, true, 0) && !fault);
    }
}
END_TEST

/* A last fragment alone, and a fragment that alone shows that the whole packet is malformed. */
START_TEST(fragments_alone)
{
    fill_data(26);
    ck_assert(!fragment(1, 8, 26, false, 0));
    ck_assert_ptr_null(fault);
    put16(data + 4, 4000); /* UDP's length */
    ck_assert(!fragment(2, 0, 8, true, 0));
    ck_assert(!fragment(2, 8, 16, false, 0));
    ck_assert_msg(fault && strstr(fault, "UDP with an impossible length"), "%s", fault ? fault : "nothing");
}
END_TEST

START_TEST(fragments_are_bounded)
{
    fill_data(60000);
    /* By time. */
    ck_assert(!fragment(1, 0, 400, true, 0));
    ck_assert(!fragment(1, 400, 59600, false, NET_FRAGMENTS_TIMEOUT_MS + 1));
    ck_assert(fragment(1, 0, 400, true, NET_FRAGMENTS_TIMEOUT_MS + 2));
    check_whole(60000);
    /* By the number of packets: the first one is dropped. */
    for (unsigned id = 0; id <= NET_FRAGMENTS_PACKETS; id++)
        ck_assert(!fragment(id, 0, 400, true, 0));
    ck_assert(!fragment(0, 400, 59600, false, 0));
    /* By bytes: most of these are dropped. The last one stays. */
    unsigned many = 2 * NET_FRAGMENTS_BYTES / 60000, whole = 0;
    for (unsigned id = 1000; id < 1000 + many; id++)
        ck_assert(!fragment(id, 8, 59992, false, 0));
    for (unsigned id = 1000 + many - 1; id >= 1000; id--)
        whole += fragment(id, 0, 8, true, 0);
    ck_assert_uint_ge(whole, 1);
    ck_assert_uint_le(whole, NET_FRAGMENTS_BYTES / 60000);
}
END_TEST

/* Random fragments of a few packets: nothing is read or written out of bounds (ASan checks this), and a
 * packet that is complete is one that was sent. */
START_TEST(fragments_at_random)
{
    unsigned seed = 1, whole = 0;
    fill_data(65515);
    put16(data + 4, 8); /* UDP's length: bytes after that length are allowed */
    for (unsigned n = 0; n < 200000; n++) {
        size_t at = (size_t)rand_r(&seed) % 40 * 8, size = (size_t)rand_r(&seed) % 20 * 8;
        bool more = rand_r(&seed) % 4, odd = rand_r(&seed) % 8 == 0;
        if (!fragment((unsigned)rand_r(&seed) % 5, at, size + (odd ? 3 : 0), more, n / 10))
            continue;
        check_whole(packet.length - 34);
        whole++;
    }
    ck_assert_uint_gt(whole, 100);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("net_guard");
    TCase *tcase = tcase_create("net_guard");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, make_guard, end_guard);
    tcase_add_test(tcase, passes);
    tcase_add_loop_test(tcase, refuses, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, urgent);
    tcase_add_test(tcase, fragments_in_any_order);
    tcase_add_test(tcase, fragments_at_the_limit);
    tcase_add_loop_test(tcase, fragments_that_contradict, 0,
                        sizeof(contradictions) / sizeof(contradictions[0]));
    tcase_add_test(tcase, fragments_alone);
    tcase_add_test(tcase, fragments_are_bounded);
    tcase_add_test(tcase, fragments_at_random);
    suite_add_tcase(suite, tcase);
    return suite;
}
