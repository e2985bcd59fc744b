#!/bin/sh
# SPDX-License-Identifier: MIT
# What clang-format does not check: documents and scripts are at most 130 columns wide (tables, examples and the lines that a
# guest's shell gets are longer), a header's guard is its path, every source and script names its licence, and every document
# to which CONTRIBUTING.md leads exists. The version heads CHANGELOG.md. First it proves on planted files that it finds such
# faults.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

# sources ROOT PATTERN...: files of the project that match, except those that are fetched or built.
sources() {
    (cd "$1" && shift && for pattern in "$@"; do
        find . -type d \( -name .git -o -name .cache -o -name 'build*' \) -prune -o -type f -name "$pattern" -print
    done | sed 's|^\./||' | LC_ALL=C sort)
}

check_widths() {
    sources "$1" '*.md' | while read -r file; do
        awk -v file="$file" '/^```/ { fence = !fence }
            length($0) > 130 && !fence && !/^ *\|/ && !/^    / { print file ":" FNR ": " length($0) " columns" }' "$1/$file"
    done
    sources "$1" '*.sh' | while read -r file; do
        awk -v file="$file" 'length($0) > 130 && !/^(run |printf .\\|devices\/)/ {
            print file ":" FNR ": " length($0) " columns" }' "$1/$file"
    done
}

check_guards() {
    sources "$1" '*.h' | grep -v '^tests/' | while read -r file; do
        guard=$(echo "$file" | tr 'a-z/.-' 'A-Z___')
        grep -q "^#ifndef $guard\$" "$1/$file" || echo "$file: its guard is not $guard"
    done
}

check_licences() {
    sources "$1" '*.c' '*.h' '*.S' '*.def' '*.sh' '*.py' 'CMakeLists.txt' | while read -r file; do
        head -n 2 "$1/$file" | grep -q 'SPDX-License-Identifier' || echo "$file: no SPDX-License-Identifier in its first lines"
    done
}

check_links() {
    sources "$1" '*.md' | while read -r file; do
        folder=$(dirname "$file")
        grep -o '](\([^):#]*\)[)#]' "$1/$file" | sed 's/^](//; s/[)#]$//' | while read -r target; do
            [ -z "$target" ] || [ -e "$1/$folder/$target" ] || echo "$file: there is no $target"
        done
    done
}

check_version() {
    version=$(sed -n 's/^project(rvive VERSION \([0-9.]*\).*/\1/p' "$1/CMakeLists.txt")
    grep '^## ' "$1/CHANGELOG.md" | head -n 1 | grep -q "^## $version\(,\|$\)" ||
        echo "CHANGELOG.md: the first section is not that of version $version (CMakeLists.txt)"
}

check_all() {
    check_widths "$1"
    check_guards "$1"
    check_licences "$1"
    check_links "$1"
    check_version "$1"
}

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir "$plant/cpu"
printf '%0131d\n| %0131d |\n[here](missing.md)\n' 0 0 >"$plant/page.md"
printf '# SPDX-License-Identifier: MIT\nproject(rvive VERSION 1.2.0)\n' >"$plant/CMakeLists.txt"
printf '## 1.2.0-old\n## 1.2.0\n' >"$plant/CHANGELOG.md"
printf '# SPDX-License-Identifier: MIT\n# %0131d\nrun %0131d\n' 0 0 >"$plant/wide.sh"
printf '/* SPDX-License-Identifier: MIT */\n#ifndef HART_H\n' >"$plant/cpu/hart.h"
echo 'int x;' >"$plant/cpu/hart.c"
found=$(check_all "$plant" | wc -l)
[ "$found" -eq 6 ] || { echo "pages.sh itself is broken: it saw $found of 6 planted faults" >&2; exit 1; }

bad=$(check_all "$top")
if [ -n "$bad" ]; then
    printf '%s\n' "$bad" >&2
    exit 1
fi
