/* SPDX-License-Identifier: MIT
 *
 * util/check.h knows who holds a lock. A broken invariant ends a checked build; a Release build does not
 * check it.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "tests/suite.h"
#include "util/check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static void *ask(void *opaque)
{
    *(bool *)opaque = check_held(&lock);
    return NULL;
}

static bool held_in_another_thread(void)
{
    bool held = true;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, ask, &held), 0);
    pthread_join(thread, NULL);
    return held;
}

START_TEST(test_lock_is_its_holders)
{
    ck_assert(!check_held(&lock));
    pthread_mutex_lock(&lock);
    ck_assert(check_held(&lock));
    ck_assert(!held_in_another_thread());
    pthread_cond_timedwait(&wake, &lock, &(struct timespec){ 0 });
    ck_assert(check_held(&lock));
    pthread_mutex_unlock(&lock);
    ck_assert(!check_held(&lock));
}
END_TEST

static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;

static void *ask_shared(void *opaque)
{
    ((bool *)opaque)[0] = check_held_shared(&shared);
    ((bool *)opaque)[1] = check_held_alone(&shared);
    return NULL;
}

/* What another thread sees. */
static void check_shared_elsewhere(bool somebody, bool itself)
{
    bool told[2];
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_shared, told), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(told[0], somebody);
    ck_assert_int_eq(told[1], itself);
}

START_TEST(test_shared_lock)
{
    ck_assert(!check_held_shared(&shared));
    ck_assert(!check_held_alone(&shared));
    pthread_rwlock_rdlock(&shared);
    ck_assert(check_held_shared(&shared));
    ck_assert(!check_held_alone(&shared));
    check_shared_elsewhere(true, false);
    pthread_rwlock_unlock(&shared);
    pthread_rwlock_wrlock(&shared);
    ck_assert(check_held_shared(&shared));
    ck_assert(check_held_alone(&shared));
    check_shared_elsewhere(true, false);
    pthread_rwlock_unlock(&shared);
    ck_assert(!check_held_shared(&shared));
}
END_TEST

static bool evaluated;

static bool evaluate(void)
{
    return evaluated = true;
}

START_TEST(test_checks_run_in_checked_builds_only)
{
    CHECK(evaluate());
    ck_assert_int_eq(evaluated, CHECK_ENABLED);
    evaluated = false;
    CHECK_INVARIANT(evaluate());
    ck_assert_int_eq(evaluated, CHECK_ENABLED);
}
END_TEST

START_TEST(test_broken_check_aborts)
{
    CHECK(!CHECK_ENABLED);
    abort(); /* ends a Release build, too, so that the test can expect the same end */
}
END_TEST

START_TEST(test_lock_not_held_aborts)
{
    CHECK_HELD(&lock);
    abort();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *checks = tcase_create("checks");
    tcase_add_test(checks, test_lock_is_its_holders);
    tcase_add_test(checks, test_shared_lock);
    tcase_add_test(checks, test_checks_run_in_checked_builds_only);
    tcase_add_test_raise_signal(checks, test_broken_check_aborts, SIGABRT);
    tcase_add_test_raise_signal(checks, test_lock_not_held_aborts, SIGABRT);
    suite_add_tcase(suite, checks);
    return suite;
}
