/* SPDX-License-Identifier: MIT
 *
 * The log prints a repeated warning only a few times a second, whatever place it comes from, and says how
 * many were left out. A program that ends by a fault leaves whole lines.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/suite.h"
#include "util/log.h"

static char path[] = "/tmp/rvive-log-XXXXXX";

static void warn(unsigned n)
{
    log_warn("the disk is full, %u", n);
}

/* The number of lines that contain the text. */
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

#define FAULTS 40

/* Lines of all lengths, gathered or not, without an end. */
static void *write_lines(void *opaque)
{
    static const char dots[] = "................................................................";
    for (unsigned n = 0;; n++)
        log_line(LOG_CATEGORY_INSN, "%.*s end", (int)(n % sizeof(dots)), dots);
    return opaque;
}

static void end_by_fault(bool gather, unsigned delay_us)
{
    const char *bad;
    pthread_t thread;
    if (!log_open(path) || (gather && !log_enable("insn", &bad)) ||
        pthread_create(&thread, NULL, write_lines, NULL))
        _exit(1);
    struct stat written = { 0 };
    while (stat(path, &written) == 0 && !written.st_size)
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    nanosleep(&(struct timespec){ .tv_nsec = 1000 * delay_us }, NULL);
    log_flush_at_fault();
    raise(SIGKILL);
}

START_TEST(fault)
{
    char last[4];
    int status, fd = mkstemp(path);
    for (unsigned i = 0; i < FAULTS; i++) {
        pid_t child = fork();
        if (!child)
            end_by_fault(i % 2, 137 * i);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ck_assert_int_gt(lseek(fd, -4, SEEK_END), 0);
        ck_assert_int_eq(read(fd, last, 4), 4);
        ck_assert_msg(memcmp(last, "end\n", 4) == 0, "turn %u: the last line ends with \"%.4s\"", i, last);
    }
    close(fd);
    unlink(path);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, flood);
    tcase_add_test(tcase, full);
    tcase_add_test(tcase, fault);
    suite_add_tcase(suite, tcase);
    return suite;
}
