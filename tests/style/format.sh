#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C source is formatted as .clang-format says (tables in .def files are laid out by hand), and shellcheck has nothing
# to say about any shell script.
set -eu
cd "$(dirname "$0")/../.."

sources() {
    find . \( -name .git -o -name .cache -o -name 'build*' \) -prune -o -type f "$@" -print
}

status=0
sources -name '*.[ch]' | xargs clang-format --dry-run -Werror || status=1
{
    sources -name '*.sh'
    echo .ci/run
    echo tests/peers/qemu
} | xargs shellcheck -S warning -x -e SC2034 || status=1
exit $status
