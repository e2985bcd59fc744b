/* SPDX-License-Identifier: MIT
 *
 * The program around a suite. It is in a library, so a test that must do something first has a main() of its
 * own.
 */
#include <stdlib.h>

#include "tests/suite.h"

int main(void)
{
    SRunner *runner = srunner_create(test_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
