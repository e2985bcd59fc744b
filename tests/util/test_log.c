/* SPDX-License-Identifier: MIT
 *
 * The log: a warning that comes again and again is printed a few times a second, whatever place it comes
 * from, and how many were left out is said.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/suite.h"
#include "util/log.h"

static char path[] = "/tmp/rvive-log-XXXXXX";

static void warn(unsigned n)
{
    log_warn("the disk is full, %u", n);
}

/* Lines that contain the text. */
static unsigned count(const char *text)
{
    char line[256];
    unsigned lines = 0;
    FILE *stream = fopen(path, "r");
    ck_assert_ptr_nonnull(stream);
    while (fgets(line, sizeof(line), stream))
        lines += strstr(line, text) != NULL;
    fclose(stream);
    return lines;
}

START_TEST(flood)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(log_open(path));
    for (unsigned n = 0; n < 100000; n++)
        warn(n);
    nanosleep(&(struct timespec){ .tv_sec = 1, .tv_nsec = 100000000 }, NULL);
    warn(100000);
    log_warn("from another place");
    ck_assert_uint_le(count("the disk is full"),
                      3 * LOG_GUEST_BURST); /* the flood took less than two seconds */
    ck_assert_uint_eq(count("the disk is full, 100000"), 1);
    ck_assert_uint_ge(count("left out"), 1);
    ck_assert_uint_eq(count("from another place"), 1);
    unlink(path);
}
END_TEST

START_TEST(full)
{
    ck_assert(log_open("/dev/null"));
    log_raw("fits\n", 5);
    ck_assert(!log_failed());
    ck_assert(log_open("/dev/full"));
    log_raw("does not\n", 9);
    ck_assert(log_failed());
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, flood);
    tcase_add_test(tcase, full);
    suite_add_tcase(suite, tcase);
    return suite;
}
