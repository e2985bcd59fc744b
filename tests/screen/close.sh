#!/bin/sh
# SPDX-License-Identifier: MIT
# The window of a machine whose guest has no power button: its close button ends the machine, and so does Ctrl-Alt-Q, with
# status 0 and in order. linux_screen_* have a guest that is asked to shut down first.
# Usage: close.sh SCREEN EMULATOR
set -eu
screen=$1
emulator=$2
work=$(mktemp -d)
rvive=
xvfb=
trap 'kill $xvfb $rvive 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "FAIL: $*"
    cat "$work/output"
    exit 1
}

# until_true COMMAND...: waits until it succeeds.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.1
    done
}

# has_window: finds the machine's window, $window.
has_window() {
    window=$(xdotool search --name '^Rvive \(close\)$' 2>/dev/null) && [ -n "$window" ]
}

: >"$work/output"
Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp 3>"$work/display" 2>"$work/xvfb.log" &
xvfb=$!
until_true test -s "$work/display" || fail "Xvfb does not start: $(cat "$work/xvfb.log")"
DISPLAY=:$(cat "$work/display")
export DISPLAY
unset WAYLAND_DISPLAY

for how in key button; do
    rm -f "$work/last.png"
    "$emulator" -M virt -m 64M -bios none -name close -serial null -monitor none -nic none -device virtio-gpu-pci \
        -display sdl,gl=off -screendump "$work/last.png" </dev/null >"$work/output" 2>&1 &
    rvive=$!
    until_true has_window || fail "there is no window"
    if [ $how = key ]; then
        xdotool windowfocus --sync "$window" key ctrl+alt+q
    else
        "$screen" x11 "$DISPLAY" close
    fi
    status=0
    timeout 30 tail -f --pid=$rvive /dev/null || fail "the $how does not end the machine"
    wait $rvive || status=$?
    rvive=
    [ $status -eq 0 ] || fail "status $status after the $how"
    [ -s "$work/last.png" ] || fail "the $how: there is no last picture"
done
