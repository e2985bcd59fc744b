#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest prints without end to a terminal that takes no more output: sh stopped_terminal.sh PATH-TO-RVIVE. Ctrl-A X and
# SIGTERM still end the emulator within seconds, each with its status.
set -u
rvive=$1
work=$(mktemp -d) || exit 1
guest=
trap 'test -z "$guest" || kill -KILL "$guest" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# lui t0, 0x10000; again: li t1, '.'; sb t1, 0(t0); j again
printf '\267\002\000\020\023\003\340\002\043\200\142\000\157\360\237\377' >"$work/guest"
mkfifo "$work/in" "$work/out"
exec 3<>"$work/in" 4<>"$work/out" # 4 is never read

# ends STATUS HOW COMMAND: starts the guest, runs the command when the pipe is full, and waits.
ends() {
    "$rvive" -M virt -smp 2 -m 16M -nographic -bios "$work/guest" <"$work/in" >"$work/out" 2>"$work/err" &
    guest=$!
    sleep 2
    eval "$3"
    begin=$(date +%s)
    (sleep 30 && kill -KILL $guest) >/dev/null 2>&1 & # its sleep remains, and must not keep ctest waiting for output
    killer=$!
    wait $guest
    status=$?
    guest=
    kill $killer 2>/dev/null
    echo "$2: status $status after $(($(date +%s) - begin)) s"
    test $status -eq "$1" || { cat "$work/err"; exit 1; }
}

ends 143 "SIGTERM" 'kill -TERM $guest'
# The letters typed before Ctrl-A X fill the guest's FIFO, which nobody reads; the help cannot be printed.
ends 0 "Ctrl-A X" "printf 'abcdefghijklmnopqrstuvwxyz\\001h\\001x' >&3"
