#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds everything with the clang of Debian 13, against its libraries, in a root of Debian 13, and runs the unit tests
# there. The root and the build stay in RVIVE_CACHE/debian13; the root is made again if the list of packages changes.
# Usage, as root: tests/debian13.sh [ARGUMENTS for ctest, instead of -L unit]
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
. "$top/tests/root.sh"

root_possible || die "$root_why"
[ $# -gt 0 ] || set -- -L unit
root=$RVIVE_CACHE/debian13
packages=$(awk '!/^#/ && NF { printf "%s,", $1 }' "$top/roms/packages.txt")clang,mount,python3

if [ "$(cat "$root/rvive.packages" 2>/dev/null)" != "$packages" ]; then
    say "Making a root of Debian 13"
    root_remove "$root" "$root.new"
    # The packages are only extracted, which is quick; the next lines do what their scripts would have set up.
    root_make "$guest_suite" "$root.new" extract --include="?essential" --include="$packages" ||
        die "mmdebstrap could not make a root of $guest_suite"
    ln -sf mawk "$root.new/usr/bin/awk"
    mkdir -p "$root.new/rvive"
    echo "$packages" >"$root.new/rvive.packages"
    mv "$root.new" "$root"
fi

root_enter --source "$top" "$root" sh -eu -c '
    cmake -S /rvive -B /build -G Ninja -DCMAKE_C_COMPILER=clang -DRVIVE_WERROR=ON
    ninja -k 0 -C /build # all warnings at once
    ctest --test-dir /build --output-on-failure --timeout 600 -j "$(nproc)" "$@"' sh "$@"
