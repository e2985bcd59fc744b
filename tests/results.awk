# SPDX-License-Identifier: MIT
# Reads ctest's JUnit file and prints a line for each test: "passed NAME", "failed NAME" or "skipped NAME: WHY". A test is
# skipped if it ended with its SKIP_RETURN_CODE (77 here); WHY is the last line that it printed, without "skipped: ". A test
# that ctest could not start, or that is disabled, counts as failed, though ctest calls it "skipped".
/^\t<testcase / {
    name = $0
    sub(/.* name="/, "", name)
    sub(/".*/, "", name)
    state = /status="run"/ ? "passed" : "failed"
    why = ""
}
/^\t\t<skipped message="SKIP_/ { state = "skipped" }
/^\t\t<system-out>/ { inside = 1 }
inside {
    line = $0
    sub(/^\t\t<system-out>/, "", line)
    sub(/<\/system-out>$/, "", line)
    sub(/^skipped: /, "", line)
    gsub(/&lt;/, "<", line)
    gsub(/&gt;/, ">", line)
    gsub(/&quot;/, "\"", line)
    gsub(/&amp;/, "\\&", line)
    if (line ~ /[^ \t\r]/)
        why = line
}
/<\/system-out>$/ { inside = 0 }
/^\t<\/testcase>/ { print state " " name (state == "skipped" ? ": " (why == "" ? "says no reason" : why) : "") }
