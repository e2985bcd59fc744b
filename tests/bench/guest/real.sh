#!/bin/sh
# SPDX-License-Identifier: MIT
# The real programs, in the guest's full Debian root and natively. SCALE decides how often each does its work. What a program
# prints does not depend on that, and rvbench checks it.
# Usage: real.sh RVBENCH DIR SCALE [--skip-missing]    DIR has the programs' inputs (tests/bench/real); with --skip-missing a
# program that is not installed is left out instead of being an error.
rvbench=$1
inputs=$2
scale=$3
skip=${4:-}
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export LC_ALL=C PATH="/usr/bin:/bin:/usr/sbin:/sbin:$PATH"
cd "$work" || exit 1

# rounds N: N times the scale, at least 1.
rounds() {
    awk -v n="$1" -v scale="$scale" 'BEGIN { n = int(n * scale + 0.5); print n < 1 ? 1 : n }'
}

# missing PROGRAM: true if the program is not installed and may be left out.
missing() {
    ! command -v "$1" >/dev/null 2>&1 && [ -n "$skip" ]
}

# measure NAME SUM PROGRAM ARGUMENTS...
measure() {
    missing "$3" || "$rvbench" -t real "$@" || status=1
}

# repeat NAME SUM PROGRAM N SCRIPT: runs a line of shell N times the scale; it must print the same each time.
repeat() {
    missing "$3" || "$rvbench" -t real "$1" "$2" sh -c 'i=0; while [ $i -lt "$1" ]; do '"$5"' || exit 1; i=$((i + 1)); done >out
        uniq out' sh "$(rounds "$4")" || status=1
}

# speed NAME ALGORITHM WORK: the time that WORK takes, computed from the bytes or signatures a second that openssl reports.
speed() {
    if missing openssl; then
        return
    fi
    openssl speed -mr -elapsed -seconds 1 -bytes 8192 "$2" 2>/dev/null |
        awk -F: -v name="$1" -v work="$3" '
            /^\+F/ && $4 > 0 { printf "BENCH real %s %.0f\n", name, 1e9 * work / $4; found = 1 }
            END { exit !found }' || { echo "FAIL real $1 openssl speed reported nothing" && status=1; }
}

awk -v lines="$(rounds 10000)" -f "$inputs/generate.awk" >big.c
seq 1 150000 >data
measure gcc - gcc -O2 -w -c big.c -o big.o
if [ -f big.o ]; then
    # The compiled program must run; at full length its result is known.
    wanted=-
    [ "$(rounds 10000)" -ne 10000 ] || wanted=4897f0ddcf649055
    gcc big.o -o big && "$rvbench" -t check gcc-result $wanted ./big || status=1
fi
measure bash f59c11ad430be97f bash "$inputs/work.bash" "$(rounds 10)"
measure perl 4b28ed2e52ded553 perl "$inputs/work.pl" "$(rounds 20)"
measure python3 4a101be2f9ff9a6c python3 "$inputs/work.py" "$(rounds 20)"
measure lua5.4 1c2f3c20e4d345ef lua5.4 "$inputs/work.lua" "$(rounds 40)"
measure luajit 1c2f3c20e4d345ef luajit "$inputs/work.lua" "$(rounds 100)"
measure node ddb81b8f6f0621f0 node "$inputs/work.js" "$(rounds 60)"
repeat xz cbf29ce484222325 xz 1 'xz -c data | xz -dc | cmp - data'
repeat gzip cbf29ce484222325 gzip 3 'gzip -c data | gzip -dc | cmp - data'
repeat sha256sum 0edacae515706166 sha256sum 10 'sha256sum data'
speed openssl-aes aes-128-cbc 16777216
speed openssl-rsa rsa2048 20
repeat sqlite3 f2d42ac1e59c14ff sqlite3 1 'sqlite3 :memory: <"'"$inputs"'/work.sql"'
repeat dpkg - dpkg-deb 1 'sh "'"$inputs"'/pack.sh"'
# Only the installed packages count: the fetched lists differ from system to system.
mkdir -p lists/partial
repeat apt - apt-cache 5 'apt-cache -o Dir::State::lists="$PWD/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= stats'
exit $status
