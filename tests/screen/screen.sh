#!/bin/sh
# SPDX-License-Identifier: MIT
# A picture that the guest shows through DRM appears, pixel for pixel, in the window on an X server and in a VNC viewer; keys
# and the pointer reach the guest from both; the sizes of guest, window and viewer follow each other; nothing runs while
# nothing changes; closing the window presses the guest's power key, and closing it again ends the emulator.
# Usage: screen.sh SCREEN EMULATOR device|pci
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/screen/lib.sh"
bus=$3

picture_guest

# An X server on a display that is free.
Xvfb -displayfd 3 -screen 0 1600x1200x24 -nolisten tcp 3>"$work/display" 2>"$work/xvfb.log" &
xvfb=$!
trap 'kill $xvfb ${rvive:-} 2>/dev/null; wait; rm -rf "$work"' EXIT
tries=0
until [ -s "$work/display" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || die "Xvfb does not start: $(cat "$work/xvfb.log")"
    sleep 0.1
done
DISPLAY=:$(cat "$work/display")
export DISPLAY
unset WAYLAND_DISPLAY
vnc=$((1000 + $$ % 20000))

: >"$work/serial"
$emulator -M virt -m 512M -kernel "$vmlinux" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet rvive.test=run:/run.sh" -name test -serial file:"$work/serial" \
    -device "virtio-gpu-$bus,xres=1024,yres=768" -device "virtio-keyboard-$bus" -device "virtio-tablet-$bus" \
    -monitor unix:"$work/monitor",server=on,wait=off -display sdl,gl=off -vnc ":$vnc,websocket=on" \
    -screendump "$work/last.png" >"$work/output" 2>&1 &
rvive=$!

# viewer COMMAND...: runs tests/screen/screen as a viewer; with PCI it connects through a websocket, as a browser does.
viewer() {
    if [ "$bus" = pci ]; then
        python3 "$top/tests/screen/web.py" $((5700 + vnc)) "$screen" rfb PORT "$@"
    else
        "$screen" rfb $((5900 + vnc)) "$@"
    fi
}

# heard TEXT [SECONDS]: waits until the guest has printed the line TEXT since the last call.
seen=0
heard() {
    waited=0
    until tail -n "+$((seen + 1))" "$work/serial" | tr -d '\r' | grep -nxF "$1" >"$work/found"; do
        waited=$((waited + 1))
        if [ $waited -gt $((${2:-10} * 10)) ] || ! kill -0 $rvive 2>/dev/null; then
            tail -n 15 "$work/serial" "$work/output" >&2
            fail "the guest did not print: $1"
        fi
        sleep 0.1
    done
    seen=$((seen + $(head -n 1 "$work/found" | cut -d: -f1)))
}

heard "inputs 2" 90
heard "picture 1024x768" 20
"$screen" x11 "$DISPLAY" picture 1024 768 0
viewer picture 1024 768 0

# From the window: keys by their position, the pointer where it is, buttons and the wheel.
window=$(xdotool search --name '^Rvive \(test\)$')
xdotool windowfocus --sync "$window" mousemove --window "$window" 100 50
heard "abs 0 $((100 * 32767 / 1023))"
heard "abs 1 $((50 * 32767 / 767))"
xdotool key a
heard "key 30 1"
heard "key 30 0"
xdotool key shift+z
heard "key 42 1"
heard "key 44 1"
xdotool click 1 click 3 click 4
heard "key 272 1"
heard "key 272 0"
heard "key 273 1"
heard "rel 8 1"
xdotool key space
heard "square 1"
"$screen" x11 "$DISPLAY" picture 1024 768 1
viewer picture 1024 768 1

# The window has another size: the guest follows, and so does the viewer.
"$screen" x11 "$DISPLAY" size 1200 900
heard "picture 1200x900"
"$screen" x11 "$DISPLAY" picture 1200 900 1
viewer picture 1200 900 1

# From the viewer: characters become keys, with a Shift if they need one.
viewer pointer 600 300 0 pointer 600 300 1 pointer 600 300 0
heard "abs 0 $((600 * 32767 / 1199))"
heard "abs 1 $((300 * 32767 / 899))"
heard "key 272 1"
heard "key 272 0"
viewer key 0x41 key 0xff0d key 0x20 picture 1200 900 2
heard "key 42 1"
heard "key 30 1"
heard "key 42 0"
heard "key 28 1"
heard "square 2"
"$screen" x11 "$DISPLAY" picture 1200 900 2
viewer size 1000 700
heard "picture 1000x700"
viewer picture 1000 700 2
"$screen" x11 "$DISPLAY" picture 1000 700 2

# Full screen. There is no window manager to make the window larger, so the viewer is asked.
xdotool windowfocus --sync "$window" key ctrl+alt+f
heard "picture 1600x1200"
viewer picture 1600 1200 2

# Nothing changes: neither the window's thread nor the server's thread works.
ticks() {
    for task in "/proc/$rvive/task/"*; do
        case $(cat "$task/comm") in
        rvive | vnc | virtio-gpu) cut -d')' -f2 "$task/stat" | cut -d' ' -f13,14 | tr ' ' '\n' ;;
        esac
    done | awk '{ sum += $1 } END { print sum }'
}
before=$(ticks)
sleep 3
after=$(ticks)
[ $((after - before)) -le 6 ] || fail "$((after - before)) ticks of 10 ms were spent in 3 s without a change"

# system_powerdown and the window's close button press the guest's power key; the second close ends the machine.
python3 -c 'import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
monitor.sendall(b"system_powerdown\n")
monitor.recv(4096)' "$work/monitor"
heard "key 116 1"
heard "key 116 0"
"$screen" x11 "$DISPLAY" close
heard "key 116 1"
heard "key 116 0"
sleep 1
kill -0 $rvive || fail "closing the window does not wait for the guest"
xdotool getwindowname "$window" | grep -q "shutting down the guest; close again to end" ||
    fail "the title does not say that the guest is shutting down: $(xdotool getwindowname "$window")"
"$screen" x11 "$DISPLAY" close
status=0
wait $rvive || status=$?
rvive=
[ $status -eq 0 ] || fail "status $status after the window was closed: $(cat "$work/output")"
[ -s "$work/last.png" ] || fail "there is no last picture"
