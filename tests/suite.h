/* SPDX-License-Identifier: MIT
 *
 * A unit test's file defines its suite; tests/main.c runs it.
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>

Suite *test_suite(void);

#endif
