#!/bin/sh
# SPDX-License-Identifier: MIT
# The floors of the house (docs/outline.md): an include only points down. Prints each include that points up and fails.
# First it proves on planted files that it sees them.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

# check_includes ROOT: prints the offending includes of the sources under ROOT.
check_includes() {
    (cd "$1" && find util cpu dbt devices machine frontend -name '*.[ch]' -o -name '*.def' -o -name '*.inc') 2>/dev/null |
        LC_ALL=C sort | while read -r file; do
            awk -v file="$file" -v floors="util cpu dbt devices machine frontend" '
                function refuse(why) { print file ":" FNR ": " $0 "    (" why ")" }
                BEGIN {
                    count = split(floors, names, " ")
                    for (i = 1; i <= count; i++)
                        level[names[i]] = i
                    split(file, parts, "/")
                    own = parts[1]
                }
                /^[ \t]*#[ \t]*include/ {
                    name = $0
                    sub(/^[^"<]*["<]/, "", name)
                    sub(/[">].*/, "", name)
                    target = name
                    sub(/\/.*/, "", target)
                    if (name ~ /^SDL/ && own != "frontend")
                        refuse("only frontend/ knows SDL")
                    if (name ~ /^\.\./)
                        refuse("includes start at the checkout, not at ..")
                    if (!(target in level))
                        next
                    if (level[target] > level[own])
                        refuse(own " is below " target)
                    else if (own == "devices" && (target == "cpu" || target == "dbt"))
                        refuse("devices know no hart")
                    else if (file ~ /^dbt\/x86\/(emit|vex|features)/ && target == "cpu")
                        refuse("the emitter knows no RISC-V")
                }' "$1/$file"
        done
}

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir -p "$plant/util" "$plant/cpu" "$plant/dbt/x86" "$plant/devices" "$plant/machine" "$plant/frontend"
echo '#include "cpu/hart.h"' >"$plant/util/up.c"
echo '#  include "machine/bus.h"' >"$plant/devices/up.h"
echo '#include "cpu/isa.h"' >"$plant/devices/hart.c"
echo '#include "cpu/isa.h"' >"$plant/dbt/x86/emit.c"
echo '#include <SDL.h>' >"$plant/machine/window.c"
echo '#include "../cpu/isa.h"' >"$plant/machine/dots.c"
printf '#include <stdio.h>\n#include "machine/bus.h"\n#include "cpu/isa.h"\n#include <SDL.h>\n' >"$plant/frontend/fine.c"
found=$(check_includes "$plant" | wc -l)
[ "$found" -eq 6 ] || { echo "layers.sh itself is broken: it saw $found of 6 planted includes" >&2; exit 1; }

bad=$(check_includes "$top")
if [ -n "$bad" ]; then
    printf '%s\n' "$bad" >&2
    exit 1
fi
