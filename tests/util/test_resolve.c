/* SPDX-License-Identifier: MIT
 *
 * Hosts and ports as users and browsers write them: which are taken, and which are refused.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/suite.h"
#include "util/resolve.h"

static char long_host[300];

START_TEST(taken)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: none */
        bool bracketed;
    } rows[] = {
        { "", "", -1, false },
        { "host", "host", -1, false },
        { "host:0", "host", 0, false },
        { "127.0.0.1:65535", "127.0.0.1", 65535, false },
        { ":5900", "", 5900, false },
        { ":00080", "", 80, false },
        { "[::1]", "::1", -1, true },
        { "[::1]:22", "::1", 22, true },
        { "[fe80::1%eth0]:1", "fe80::1%eth0", 1, true },
        { "::1:22", "::1", 22, false }, /* as users write it; the port follows the last colon */
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct resolve_place place;
        struct error error = { "" };
        /* Bytes after the text are not read. */
        char text[64];
        int length = snprintf(text, sizeof(text), "%s", rows[n].text);
        memcpy(text + length, "9]:9", 5);
        ck_assert_msg(resolve_split(text, (size_t)length, &place, &error), "%s: %s", rows[n].text,
                      error.text);
        ck_assert_str_eq(place.host, rows[n].host);
        ck_assert_int_eq(place.has_port ? (int)place.port : -1, rows[n].port);
        ck_assert_int_eq(place.bracketed, rows[n].bracketed);
    }
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { ":", "the port is missing" },
        { "host:", "the port is missing" },
        { "[::1]:", "the port is missing" },
        { "host:65536", "the port \"65536\" is no number from 0 to 65535" },
        { "host:4294967297", "the port \"4294967297\" is no number from 0 to 65535" },
        { "host:000000000000080", "the port \"000000000000080\" is no number from 0 to 65535" },
        { "host:-1", "the port \"-1\" is no number from 0 to 65535" },
        { "host:+1", "the port \"+1\" is no number from 0 to 65535" },
        { "host: 1", "the port \" 1\" is no number from 0 to 65535" },
        { "host:0x10", "the port \"0x10\" is no number from 0 to 65535" },
        { "host:1a", "the port \"1a\" is no number from 0 to 65535" },
        { "[", "the bracket is not closed" },
        { "[::1", "the bracket is not closed" },
        { "[::1:22", "the bracket is not closed" },
        { "[]", "there is no address in the brackets" },
        { "[]:1", "there is no address in the brackets" },
        { "[::1]22", "only a port can follow the bracket" },
        { "[::1]]:22", "only a port can follow the bracket" },
        { long_host, "the host's name is longer than 255 characters" },
    };
    memset(long_host, 'a', 256);
    memcpy(long_host + 256, ":1", 3);
    struct resolve_place place;
    struct error error;
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        error.text[0] = 0;
        ck_assert_msg(!resolve_split(rows[n].text, strlen(rows[n].text), &place, &error), "%s", rows[n].text);
        ck_assert_str_eq(error.text, rows[n].why);
        ck_assert(!place.has_port);
    }
    ck_assert(!resolve_split("a\0b:1", 5, &place, NULL));
    ck_assert(resolve_split(long_host + 1, 257, &place, &error)); /* 255 bytes are not too many */
    ck_assert_uint_eq(strlen(place.host), 255);
}
END_TEST

START_TEST(localhost)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    ck_assert_int_eq(resolve("LocalHost", "80", &hints, &found), 0);
    freeaddrinfo(found);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("resolve");
    TCase *tcase = tcase_create("places");
    tcase_add_test(tcase, taken);
    tcase_add_test(tcase, refused);
    tcase_add_test(tcase, localhost);
    suite_add_tcase(suite, tcase);
    return suite;
}
