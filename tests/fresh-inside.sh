#!/bin/sh
# SPDX-License-Identifier: MIT
# What tests/fresh.sh does inside the minimal root: the README's two commands, in this checkout. The result is one line in
# /rvive.result.
# Usage: fresh-inside.sh [ARGUMENTS for tests/run.sh]
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
result=/rvive.result
console=/rvive.console

# wait_for TEXT: until the console has TEXT; false if roms/run.sh (process $emulator) ends before, which it also does after
# two hours.
wait_for() {
    until grep -q "$1" $console; do
        kill -0 "$emulator" 2>/dev/null || return 1
        sleep 0.5
    done
}

# shell: runs roms/run.sh up to the guest's shell, runs a command there and powers the guest off.
shell() {
    mkfifo /rvive.keys
    : >$console
    timeout 7200 sh "$top/roms/run.sh" </rvive.keys >$console 2>&1 &
    emulator=$!
    tail -f --pid=$emulator $console &
    exec 3>/rvive.keys
    if wait_for 'Rvive guest is up'; then
        echo 'echo shell says $((6 * 7))' >&3
        ! wait_for 'shell says 42' || echo poweroff >&3
    fi
    exec 3>&-
    wait "$emulator" && grep -q 'shell says 42' $console
}

echo "roms/run.sh did not reach the guest's shell" >$result
shell || exit 1
echo "shell reached, tests/run.sh ended early" >$result
{
    status=0
    sh "$top/tests/run.sh" "$@" || status=$?
    echo $status >/rvive.status
} | tee /rvive.tests
counts=$(tail -n 1 /rvive.tests)
case $counts in
*passed*failed*) echo "shell reached, $counts" >$result ;;
esac
exit "$(cat /rvive.status)"
