#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C source is formatted as .clang-format says (tables in .def files are laid out by hand), and shellcheck has no
# complaint about any shell script. Versions of clang-format give different results for the same settings: the sources are
# formatted by that of Debian 12. With another version, which is named, only the scripts are checked and the status is 77.
set -eu
cd "$(dirname "$0")/../.."

sources() {
    find . \( -name .git -o -name .cache -o -name 'build*' \) -prune -o -type f "$@" -print
}

status=0
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
if [ "$version" = 14 ]; then
    sources -name '*.[ch]' | xargs clang-format --dry-run -Werror || status=1
else
    status=77
fi
{
    sources -name '*.sh'
    echo .ci/run
    echo tests/peers/qemu
} | xargs shellcheck -S warning -x -e SC2034 || status=1
[ $status -ne 77 ] || echo "skipped: the formatting is checked by clang-format 14, not $version; the scripts are right"
exit $status
