#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/results.awk must count the results that ctest writes: a test that passes, one that fails, one that skips and says
# why, one whose program is missing, one that takes too long, one that crashes.
# Usage: results.sh CTEST
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/CTestTestfile.cmake" <<'END'
add_test(passes "true")
add_test(fails "sh" "-c" "echo '	<testcase name=\"x\" status=\"run\">'; echo skipped: not really; exit 1")
add_test(skips "sh" "-c" "echo first; echo 'skipped: no <thing> & \"such\" here'; exit 77")
add_test(silent "sh" "-c" "exit 77")
add_test(missing "/there is/no such program")
add_test(slow "sleep" "60")
add_test(crashes "sh" "-c" "kill -SEGV $$")
set_tests_properties(skips silent PROPERTIES SKIP_RETURN_CODE 77)
set_tests_properties(slow PROPERTIES TIMEOUT 1)
END
"$1" --test-dir "$work" --output-junit "$work/results.xml" >"$work/log" 2>&1 || :
awk -f "$top/tests/results.awk" "$work/results.xml" | sort >"$work/results"
sort >"$work/expected" <<'END'
passed passes
failed fails
skipped skips: no <thing> & "such" here
skipped silent: says no reason
failed missing
failed slow
failed crashes
END
diff "$work/expected" "$work/results" || { cat "$work/log"; exit 1; }
