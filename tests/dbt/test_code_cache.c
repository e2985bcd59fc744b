/* SPDX-License-Identifier: MIT
 *
 * The memory of translated code: it is never writable and executable at one address, and not writable at all
 * once nothing is translated. A process of its own tries to write, which the kernel ends.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dbt/runtime/code_cache.h"
#include "tests/suite.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void rest(unsigned milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    nanosleep(&time, NULL);
}

/* The signal that ends who writes there; 0: none does. */
static int signal_of_write(volatile uint8_t *at)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        *at = 0x90;
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void create(struct code_cache *cache)
{
    struct error error = { "" };
    ck_assert_msg(code_cache_init(cache, CODE_CACHE_MIN, &error), "%s", error.text);
    ck_assert_msg(code_cache_guard(cache, &lock, &error), "%s", error.text);
}

/* As a translator does. */
static void write_code(struct code_cache *cache)
{
    struct code_place place;
    pthread_mutex_lock(&lock);
    ck_assert(code_cache_begin(cache, 64, 0, &place));
    memset(place.hot, 0x90, 64);
    code_cache_abort(cache);
    pthread_mutex_unlock(&lock);
}

static bool is_protected(struct code_cache *cache)
{
    pthread_mutex_lock(&lock);
    bool is = !cache->writable;
    pthread_mutex_unlock(&lock);
    return is;
}

static void wait_protected(struct code_cache *cache)
{
    for (unsigned n = 0; n < 3000 && !is_protected(cache); n++)
        rest(10);
    ck_assert_msg(is_protected(cache), "the code is writable 30 s after the last translation");
}

START_TEST(is_never_writable_where_it_runs)
{
    struct code_cache cache;
    create(&cache);
    ck_assert_int_eq(signal_of_write(cache.write + cache.run), SIGSEGV);
    code_cache_destroy(&cache);
}
END_TEST

START_TEST(is_protected_when_idle)
{
    struct code_cache cache;
    create(&cache);
    ck_assert_int_eq(signal_of_write(cache.write), 0);
    for (unsigned n = 0; n < 3; n++) {
        write_code(&cache); /* takes the right back */
        wait_protected(&cache);
        ck_assert_int_eq(signal_of_write(cache.write), SIGSEGV);
        ck_assert_int_eq(signal_of_write(cache.write + CODE_FIXED_SIZE), SIGSEGV);
    }
    code_cache_destroy(&cache);
}
END_TEST

/* Whoever translates all the time does not pay for it each time. */
START_TEST(is_left_alone_when_busy)
{
    struct code_cache cache;
    create(&cache);
    unsigned found = 0;
    for (unsigned n = 0; n < 20000; n++) {
        found += is_protected(&cache);
        write_code(&cache);
    }
    ck_assert_uint_lt(found, 200);
    code_cache_destroy(&cache);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("code cache");
    TCase *tcase = tcase_create("protection");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, is_never_writable_where_it_runs);
    tcase_add_test(tcase, is_protected_when_idle);
    tcase_add_test(tcase, is_left_alone_when_busy);
    suite_add_tcase(suite, tcase);
    return suite;
}
