#!/bin/sh
# SPDX-License-Identifier: MIT
# Shows that a fresh machine needs only the README's two commands: makes a minimal root of Debian SUITE (bookworm or trixie;
# mmdebstrap's minbase) and clones this checkout's HEAD into it. There, as root, it runs roms/run.sh up to the guest's shell
# and powers the guest off, then runs tests/run.sh. The mirror is the one that apt uses here.
# Usage, as root: tests/fresh.sh SUITE [DIR [ARGUMENTS]]
#   DIR        the folder for the root; it must not exist, and stays (default: one in RVIVE_CACHE, which is removed)
#   ARGUMENTS  for tests/run.sh, such as --no-sanitizers -R linux_smp1
# RVIVE_FRESH_CACHE: a folder that is copied to the clone's .cache, to save the downloads.
# The last line is "SUITE: shell reached, N passed, N failed, N skipped", or says what failed; the status is 0 only if
# nothing failed.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
. "$top/tests/root.sh"

[ $# -ge 1 ] || die "usage: fresh.sh SUITE [DIR [ARGUMENTS for tests/run.sh]]"
root_possible || die "$root_why"
command -v git >/dev/null || die "git is not installed"
suite=$1
dir=${2:-$RVIVE_CACHE/fresh-$suite}
if [ $# -ge 2 ]; then
    shift 2
else
    shift
    trap 'root_remove "$dir"' EXIT
    trap 'exit 1' HUP INT TERM
    root_remove "$dir"
fi
[ ! -e "$dir" ] || die "$dir is there already"

say "Making a minimal root of $suite in $dir"
root_make "$suite" "$dir" minbase || die "mmdebstrap could not make a root of $suite"
git clone -q --depth 1 "file://$top" "$dir/rvive" || die "could not clone $top"
[ -z "${RVIVE_FRESH_CACHE:-}" ] || cp -a "$RVIVE_FRESH_CACHE" "$dir/rvive/.cache"

status=0
root_enter "$dir" sh /rvive/tests/fresh-inside.sh "$@" </dev/null || status=$?
echo "$suite: $(cat "$dir/rvive.result" 2>/dev/null || echo "ended early, with status $status")"
exit $status
