#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs and modules are built so that faults are hard to exploit: sh hardening.sh COMMANDS FILE...: each file is
# position-independent, its relocations are done and read-only before it starts, its stack is not executable, no segment is
# writable and executable, and it was compiled with the stack protector and with checked string functions. COMMANDS is
# CMake's compile_commands.json: only the commands tell at which level these functions check.
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

# check_commands FILE: all sources are compiled with all of the flags.
check_commands() {
    for flag in -fstack-protector-strong -D_FORTIFY_SOURCE=3 -fPI; do
        count=$(grep '"command":' "$1" | grep -vc -e "$flag") || :
        [ "$count" -eq 0 ] || complain "$1: $count sources are compiled without $flag"
    done
}

# First: do the checks notice what is missing?
plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
echo 'int main(void) { return 0; }' >"$plant/weak.c"
"${CC:-gcc}" -no-pie -fno-stack-protector -Wl,-z,norelro,-z,lazy,-z,execstack "$plant/weak.c" -o "$plant/weak" 2>"$plant/log" ||
    { cat "$plant/log" >&2; exit 1; }
found=$(check_file "$plant/weak" 2>&1 | wc -l)
[ "$found" -eq 6 ] || { echo "hardening.sh itself is broken: it saw $found of 6 faults" >&2; exit 1; }
echo '"command": "gcc -D_FORTIFY_SOURCE=2 -c weak.c",' >"$plant/commands"
found=$(check_commands "$plant/commands" 2>&1 | wc -l)
[ "$found" -eq 3 ] || { echo "hardening.sh itself is broken: it saw $found of 3 flags" >&2; exit 1; }

check_commands "$1"
shift

for file; do check_file "$file"; done
exit $status
