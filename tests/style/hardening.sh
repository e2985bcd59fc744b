#!/bin/sh
# SPDX-License-Identifier: MIT
# What is built makes faults hard to use: sh hardening.sh FILE...: a program or a module is position-independent, its
# relocations are done and read-only before it starts, its stack is not executable, no segment is writable and executable,
# and it was compiled with the stack protector and with checked string functions.
set -u
status=0

complain() {
    echo "$*" >&2
    status=1
}

# check_file FILE
check_file() {
    headers=$(readelf -W -h -l -d "$1") || complain "$1: not readable"
    symbols=$(readelf -W --dyn-syms "$1")
    echo "$headers" | grep -q 'Type: *DYN' || complain "$1: not position-independent"
    echo "$headers" | grep -q 'GNU_RELRO' || complain "$1: relocations stay writable"
    echo "$headers" | grep -Eq 'BIND_NOW|Flags: .*NOW' || complain "$1: functions are looked up when they are first called"
    echo "$headers" | grep -Eq 'GNU_STACK.* RW ' || complain "$1: the stack is executable"
    ! echo "$headers" | grep -Eq 'LOAD.* RWE ' || complain "$1: a segment is writable and executable"
    echo "$symbols" | grep -q '__stack_chk_fail' || complain "$1: no stack protector"
    echo "$symbols" | grep -Eq '__[a-z]+_chk(@|$)' || complain "$1: no checked functions (_FORTIFY_SOURCE)"
}

# First: does it see what is missing?
plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
echo 'int main(void) { return 0; }' >"$plant/weak.c"
"${CC:-gcc}" -no-pie -fno-stack-protector -Wl,-z,norelro,-z,lazy,-z,execstack "$plant/weak.c" -o "$plant/weak" 2>"$plant/log" ||
    { cat "$plant/log" >&2; exit 1; }
found=$(check_file "$plant/weak" 2>&1 | wc -l)
[ "$found" -eq 6 ] || { echo "hardening.sh itself is broken: it saw $found of 6 faults" >&2; exit 1; }

for file; do check_file "$file"; done
exit $status
