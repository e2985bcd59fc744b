#!/bin/sh
# SPDX-License-Identifier: MIT
# Instruction handlers (exec32_*, exec64_*) must end with a jump to the next one: a call would use up the host's stack in a
# guest loop. gcc makes the jump unless a local's address leaves the handler; this script checks what gcc made. Only fence.i
# calls through a pointer (the translator's), and then returns.
# Usage: tail_calls.sh OBJECT...     the objects of cpu/exec/*.c, optimised, without sanitizers
set -eu
[ $# -gt 0 ] || { echo "usage: $0 OBJECT..." >&2; exit 2; }
calls=$(objdump -d --no-show-raw-insn "$@" | awk '
    /^[0-9a-f]+ </ { name = $2; if (name ~ /^<exec(32|64)_/) handlers++ }
    name ~ /^<exec(32|64)_/ && name !~ /_fence_i/ && /call +\*/ { print name, $0 }
    END { if (handlers < 300) print "only " handlers + 0 " handlers found: is objdump there?" }')
[ -z "$calls" ] || { printf 'handlers that call instead of jump:\n%s\n' "$calls" >&2; exit 1; }
