/* SPDX-License-Identifier: MIT
 *
 * The memory of translated code: it is never writable and executable at the same address, and not writable at
 * all once translation has stopped. A separate process tries to write, and the kernel kills it.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dbt/runtime/code_cache.h"
#include "util/map.h"
#include "tests/suite.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void rest(unsigned milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    nanosleep(&time, NULL);
}

/* Writes there in another process, and returns the signal that ended it; 0: none did. */
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

/* Writes code like a translator. */
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
        write_code(&cache); /* makes it writable again */
        wait_protected(&cache);
        ck_assert_int_eq(signal_of_write(cache.write), SIGSEGV);
        ck_assert_int_eq(signal_of_write(cache.write + CODE_FIXED_SIZE), SIGSEGV);
    }
    code_cache_destroy(&cache);
}
END_TEST

/* A thread that translates all the time does not pay for the protection each time. */
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

/* Notes accesses in a transaction: `count` of them, each 8 bytes behind the one before, and 8 bytes of cold
 * code for each. Returns where the first one is written. */
static uint8_t *note_accesses(struct code_cache *cache, unsigned count, bool commit)
{
    struct code_place place;
    ck_assert(code_cache_begin(cache, 1024, 1024, &place));
    struct code_owner *owner = code_cache_data(cache, sizeof(*owner));
    uint8_t *first = place.hot;
    ck_assert_ptr_nonnull(owner);
    for (unsigned i = 0; i < count; i++)
        ck_assert(code_cache_fault(cache, place.hot + 8 * i, place.cold + 8 * i));
    place.hot += 8 * count;
    place.cold += 8 * count;
    if (commit)
        code_cache_commit(cache, owner, &place);
    else
        code_cache_abort(cache);
    return first;
}

/* A fault at an access leads to its cold code, one at any other instruction nowhere. */
static void check_accesses(const struct code_cache *cache, const uint8_t *first, unsigned count, bool known)
{
    const uint8_t *cold = NULL;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *found = code_cache_find_fault(cache, first + cache->run + 8 * i);
        ck_assert(known == (found != NULL));
        ck_assert_ptr_null(code_cache_find_fault(cache, first + cache->run + 8 * i + 1));
        ck_assert_ptr_null(code_cache_find_fault(cache, first + 8 * i)); /* where it is written */
        if (i && known)
            ck_assert_ptr_eq(found, cold + 8);
        cold = found;
    }
}

START_TEST(knows_where_faults_lead)
{
    struct code_cache cache;
    struct error error = { "" };
    ck_assert_msg(code_cache_init(&cache, CODE_CACHE_MIN, &error), "%s", error.text);
    uint8_t *none = note_accesses(&cache, 0, true);
    ck_assert_ptr_null(code_cache_find_fault(&cache, none + cache.run)); /* there is no table */
    ck_assert(code_cache_use_faults(&cache));
    uint8_t *first = note_accesses(&cache, 20, true);
    note_accesses(&cache, 30, false);
    uint8_t *second = note_accesses(&cache, 1, true);
    ck_assert_ptr_eq(second, first + 160);
    check_accesses(&cache, first, 20, true);
    check_accesses(&cache, second, 1, true);
    check_accesses(&cache, second + 8, 30, false);
    ck_assert(code_cache_advance(&cache));
    uint8_t *next = note_accesses(&cache, 3, true);
    check_accesses(&cache, first, 20, true);
    check_accesses(&cache, next, 3, true);
    code_cache_empty(&cache, 0);
    check_accesses(&cache, first, 20, false);
    check_accesses(&cache, next, 3, true);
    static const uint8_t elsewhere;
    ck_assert_ptr_null(code_cache_find_fault(&cache, &elsewhere));
    ck_assert_ptr_null(code_cache_find_fault(&cache, NULL));
    code_cache_destroy(&cache);
}
END_TEST

/* Every access that is committed can be found, or the segment is full. */
START_TEST(is_full_of_accesses)
{
    struct code_cache cache;
    struct error error = { "" };
    ck_assert_msg(code_cache_init(&cache, CODE_CACHE_MIN, &error), "%s", error.text);
    ck_assert(code_cache_use_faults(&cache));
    struct code_place place;
    ck_assert(code_cache_begin(&cache, 1 << 12, 1 << 12, &place));
    unsigned count = 0;
    while (code_cache_fault(&cache, place.hot + count, place.cold))
        count++;
    ck_assert_uint_gt(count, 100);
    ck_assert_uint_lt(count, CODE_CACHE_MIN / CODE_SEGMENTS);
    code_cache_abort(&cache);
    uint8_t *first = note_accesses(&cache, 100, true);
    check_accesses(&cache, first, 100, true);
    code_cache_destroy(&cache);
}
END_TEST

/* Fills a segment with 8-byte numbers, of which each tells where it is. */
static void fill_segment(struct code_cache *cache, uint64_t salt)
{
    struct code_place place;
    while (code_cache_begin(cache, 4096, 1024, &place)) {
        struct code_owner *owner = code_cache_data(cache, sizeof(*owner));
        if (!owner) {
            code_cache_abort(cache);
            return;
        }
        for (unsigned i = 0; i < 512; i++, place.hot += 8)
            *(uint64_t *)(void *)place.hot = salt ^ (uint64_t)(place.hot - cache->write);
        for (unsigned i = 0; i < 128; i++, place.cold += 8)
            *(uint64_t *)(void *)place.cold = salt ^ (uint64_t)(place.cold - cache->write);
        code_cache_commit(cache, owner, &place);
    }
}

static void check_stretch(const struct code_cache *cache, size_t from, size_t bytes, uint64_t salt)
{
    const uint8_t *run = cache->write + cache->run;
    size_t wrong = 0;
    for (size_t at = from; at < from + bytes; at += 8)
        wrong += *(const uint64_t *)(const void *)(run + at) != (salt ^ at) ||
                 *(const uint64_t *)(void *)(cache->write + at) != (salt ^ at);
    ck_assert_uint_eq(wrong, 0);
}

static void check_segment(const struct code_cache *cache, unsigned number, uint64_t salt)
{
    const struct code_segment *segment = &cache->segments[number];
    size_t hot = CODE_FIXED_SIZE + number * cache->segment_size;
    check_stretch(cache, hot, segment->code_used, salt);
    check_stretch(cache, hot + CODE_SEGMENTS * cache->segment_size, segment->cold_used, salt);
}

/* Code stays what it is in both mappings when it becomes part of a huge page, also when it is evicted later,
 * and when other segments are in the same huge page. */
static void fill_all(unsigned size)
{
    struct code_cache cache;
    struct error error = { "" };
    ck_assert_msg(code_cache_init(&cache, size, &error), "%s", error.text);
    for (unsigned round = 0; round < 2 * CODE_SEGMENTS; round++) {
        unsigned next = code_cache_next(&cache);
        fill_segment(&cache, round);
        check_segment(&cache, cache.current, round);
        if (round) {
            unsigned before = (cache.current + CODE_SEGMENTS - 1) % CODE_SEGMENTS;
            check_segment(&cache, before, round - 1);
        }
        code_cache_empty(&cache, next);
        ck_assert(code_cache_advance(&cache));
    }
    /* As many as are full, if the host can do it. Not each request need be granted. */
    if (size >= 16 * MAP_HUGE_SIZE && !cache.huge_refused)
        ck_assert_uint_gt(cache.huge_made, CODE_SEGMENTS / 2);
    ck_assert_uint_le(cache.huge_made, 4 * size / MAP_HUGE_SIZE + 4 * CODE_SEGMENTS);
    code_cache_destroy(&cache);
}

START_TEST(stays_in_huge_pages)
{
    fill_all(CODE_CACHE_MIN);
    fill_all(33u << 20);
    fill_all(96u << 20);
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
    TCase *faults = tcase_create("faults");
    tcase_add_test(faults, knows_where_faults_lead);
    tcase_add_test(faults, is_full_of_accesses);
    suite_add_tcase(suite, faults);
    TCase *pages = tcase_create("huge pages");
    tcase_set_timeout(pages, 120);
    tcase_add_test(pages, stays_in_huge_pages);
    suite_add_tcase(suite, pages);
    return suite;
}
