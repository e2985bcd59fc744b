/* SPDX-License-Identifier: MIT
 *
 * Sets of descriptors as files: which descriptor a name opens, numbers, and names that are none.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/suite.h"
#include "util/fd_sets.h"

static struct error error;

static int null_fd(int mode)
{
    int fd = open("/dev/null", mode | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void remove_all(void)
{
    struct fd_sets_entry entry;
    while (fd_sets_at(0, &entry))
        ck_assert(fd_sets_remove(entry.set, -1));
}

START_TEST(opened_by_mode)
{
    int reads = null_fd(O_RDONLY), both = null_fd(O_RDWR);
    ck_assert_int_eq(fd_sets_add(7, reads, NULL, &error), 7);
    ck_assert_int_eq(fd_sets_open("/dev/fdset/7", true), -1);
    ck_assert_int_eq(errno, EACCES);
    ck_assert_int_eq(fd_sets_add(7, both, "text", &error), 7);
    for (int writable = 0; writable < 2; writable++) {
        int fd = fd_sets_open("/dev/fdset/7", writable);
        ck_assert_int_ge(fd, 3);
        ck_assert(fd != reads && fd != both);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, writable ? O_RDWR : O_RDONLY);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        close(fd);
    }
    /* One that reads and writes serves for reading, too. */
    ck_assert(fd_sets_remove(7, reads));
    ck_assert(!fd_sets_remove(7, reads));
    ck_assert_int_eq(fcntl(reads, F_GETFD), -1);
    int fd = fd_sets_open("/dev/fdset/7", false);
    ck_assert_int_ge(fd, 3);
    close(fd);
    remove_all();
    ck_assert_int_eq(fd_sets_open("/dev/fdset/7", false), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(numbers)
{
    struct fd_sets_entry entry;
    ck_assert_int_eq(fd_sets_add(-1, null_fd(O_RDONLY), NULL, &error), 0);
    ck_assert_int_eq(fd_sets_add(2, null_fd(O_RDONLY), "two", &error), 2);
    ck_assert_int_eq(fd_sets_add(-1, null_fd(O_RDONLY), NULL, &error), 1);
    ck_assert_int_eq(fd_sets_add(-1, null_fd(O_RDONLY), NULL, &error), 3);
    for (int64_t n = 0; n < 4; n++) {
        ck_assert(fd_sets_at((unsigned)n, &entry));
        ck_assert_int_eq(entry.set, n);
        ck_assert_str_eq(entry.text, n == 2 ? "two" : "");
    }
    ck_assert(!fd_sets_at(4, &entry));
    int fd = null_fd(O_RDONLY);
    int64_t set = 0;
    for (unsigned n = 0; n < 100 && set >= 0; n++)
        set = fd_sets_add(9, n ? null_fd(O_RDONLY) : fd, NULL, &error);
    ck_assert_int_eq(set, -1);
    remove_all();
}
END_TEST

START_TEST(names_that_are_none)
{
    static const char *const names[] = { "/dev/fdset/",
                                         "/dev/fdset/-1",
                                         "/dev/fdset/0x0",
                                         "/dev/fdset/0/",
                                         "/dev/fdset/ 0",
                                         "/dev/fdset/+0",
                                         "/dev/fdset/99999999999999999999" };
    ck_assert_int_eq(fd_sets_add(0, null_fd(O_RDONLY), NULL, &error), 0);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        ck_assert(fd_sets_has_name(names[n]));
        ck_assert_int_eq(fd_sets_open(names[n], false), -1);
        ck_assert_int_eq(errno, ENOENT);
    }
    ck_assert(!fd_sets_has_name("/dev/fdset"));
    ck_assert(!fd_sets_has_name("x/dev/fdset/0"));
    remove_all();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("fd_sets");
    TCase *tcase = tcase_create("fd_sets");
    tcase_add_test(tcase, opened_by_mode);
    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, names_that_are_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
