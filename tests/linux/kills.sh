#!/bin/sh
# SPDX-License-Identifier: MIT
# To be run by hand: sh tests/linux/kills.sh [KILLS]. Builds Rvive and runs tests/linux/disk_kill.sh with twenty kills, or
# KILLS: it kills Rvive while a guest writes to its disks. Takes about four seconds for each kill.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"
sh "$top/roms/run.sh" --fetch-only
build_rvive
ninja -C "$top/build" disk_kill console >&2
exec sh "$top/tests/linux/disk_kill.sh" "$top/build/tests/linux/console" "$top/build/rvive" "$top/build/rvive-img" \
    "$top/build/tests/linux/disk_kill" "${1:-20}"
