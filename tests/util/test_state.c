/* SPDX-License-Identifier: MIT
 *
 * The saved-state stream: what is written is read back, and damaged bytes are refused without reading out of
 * bounds.
 */
#include "tests/devices/fake.h"

static void fill(struct state_writer *w)
{
    state_writer_init(w);
    state_section(w, "alpha", 2);
    state_put(w, "x", 0x123456789abcdef0);
    state_put_bytes(w, "blob", "hello", 5);
    state_put_bytes(w, "none", NULL, 0);
    state_section(w, "beta", 1);
    state_put(w, "x", 7);
    state_section(w, "beta", 1);
    state_put(w, "x", 8);
    ck_assert(!w->failed);
}

static bool read_all(const uint8_t *bytes, size_t length, struct error *error)
{
    struct state_reader r;
    char blob[5];
    state_reader_init(&r, bytes, length, error);
    unsigned version = state_open(&r, "alpha", 3);
    state_get_bytes(&r, "blob", blob, 5);
    uint64_t x = state_get(&r, "x", UINT64_MAX); /* out of order */
    state_open(&r, "beta", 1);
    uint64_t first = state_get(&r, "x", 100);
    state_open(&r, "beta", 1);
    uint64_t second = state_get(&r, "x", 100);
    return !r.failed && version == 2 && x == 0x123456789abcdef0 && first == 7 && second == 8 &&
           !memcmp(blob, "hello", 5);
}

START_TEST(test_round_trip)
{
    struct state_writer w;
    struct error error;
    fill(&w);
    ck_assert_msg(read_all(w.bytes, w.length, &error), "%s", error.text);
    for (size_t length = 0; length < w.length; length++) { /* every truncation fails */
        uint8_t *copy = malloc(length ? length : 1);
        memcpy(copy, w.bytes, length);
        ck_assert(!read_all(copy, length, &error));
        free(copy);
    }
    state_writer_destroy(&w);
}
END_TEST

START_TEST(test_refusals)
{
    struct state_writer w;
    struct state_reader r;
    struct error error;
    fill(&w);
    state_reader_init(&r, w.bytes, w.length, &error);
    ck_assert_uint_eq(state_open(&r, "alpha", 1), 0);
    ck_assert(r.failed && strstr(error.text, "alpha") && strstr(error.text, "version 2"));
    state_reader_init(&r, w.bytes, w.length, &error);
    ck_assert_uint_eq(state_open(&r, "gamma", 1), 0);
    ck_assert_ptr_nonnull(strstr(error.text, "gamma"));
    state_reader_init(&r, w.bytes, w.length, &error);
    state_open(&r, "beta", 1);
    ck_assert_uint_eq(state_get(&r, "y", 9), 0);
    ck_assert(r.failed && strstr(error.text, "beta") && strstr(error.text, "y"));
    ck_assert_uint_eq(state_get(&r, "x", 9), 0); /* the failure stays */
    state_reader_init(&r, w.bytes, w.length, &error);
    state_open(&r, "beta", 1);
    state_get(&r, "x", 6);
    ck_assert(r.failed);
    state_reader_init(&r, w.bytes, w.length, NULL);
    state_get(&r, "x", 6); /* no section */
    ck_assert(r.failed);
    state_writer_destroy(&w);
    state_writer_init(&w);
    state_put(&w, "x", 1); /* no section */
    ck_assert(w.failed);
    state_writer_destroy(&w);
}
END_TEST

START_TEST(test_mutations)
{
    struct state_writer w;
    unsigned seed = fake_seed("state");
    fill(&w);
    for (unsigned i = 0; i < 100000; i++) {
        size_t length = (size_t)rand_r(&seed) % w.length + 1;
        uint8_t *copy = malloc(length);
        memcpy(copy, w.bytes, length);
        for (int n = rand_r(&seed) % 4; n >= 0; n--)
            copy[(size_t)rand_r(&seed) % length] = (uint8_t)(rand_r(&seed) % 3 ? rand_r(&seed) : 0xff);
        struct error error = { .text = "" };
        if (length < w.length)
            ck_assert(!read_all(copy, length, &error));
        else
            read_all(copy, length, &error);
        free(copy);
    }
    state_writer_destroy(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("state");
    TCase *c = tcase_create("state");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_round_trip);
    tcase_add_test(c, test_refusals);
    tcase_add_test(c, test_mutations);
    suite_add_tcase(s, c);
    return s;
}

FAKE_MAIN(suite)
