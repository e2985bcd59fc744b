#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs that measure devices work natively: disk on a file, net through the loopback.
# Usage: check.sh DISK NET
set -eu
work=$(mktemp -d "${TMPDIR:-/tmp}/rvive-bench.XXXXXX")
peer=
trap '[ -z "$peer" ] || kill "$peer"; rm -rf "$work"' EXIT
truncate -s 4M "$work/image"
"$1" raw "$work/image" 0.05 | tee "$work/disk"
[ "$(grep -c '^BENCH disk raw-[a-z0-9-]* [0-9.]* ' "$work/disk")" -eq 7 ] || { echo "not seven rates"; exit 1; }

"$2" peer "$work/port" &
peer=$!
until [ -s "$work/port" ]; do sleep 0.1; done
"$2" guest 127.0.0.1 "$(cat "$work/port")" 0.05 | tee "$work/net"
[ "$(grep -c '^BENCH net [a-z-]* [0-9.]* ' "$work/net")" -eq 4 ] || { echo "not four rates"; exit 1; }
