/* SPDX-License-Identifier: MIT
 *
 * T1 against the interpreter with bare programs (guest.h). These test what random snippets (tests/diff) do
 * not reach: where code lies, how long it runs, and what other threads do.
 */
#include <check.h>

#include "tests/dbt/guest.h"
#include "tests/suite.h"

Suite *test_suite(void)
{
    static void (*const parts[])(TCase *) = { t1_calls_add, t1_memory_add, t1_code_add,
                                              t1_time_add,  t1_evict_add,  t1_random_add,
                                              t1_half_add,  t1_vector_add, t1_vector_mix_add };
    static const char *const names[] = { "calls",  "memory", "code",   "time", "evict",
                                         "random", "half",   "vector", "mix" };
    Suite *suite = suite_create("t1");
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        TCase *tests = tcase_create(names[i]);
        tcase_set_timeout(tests, 120);
        parts[i](tests);
        suite_add_tcase(suite, tests);
    }
    return suite;
}
