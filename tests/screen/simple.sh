#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's driver for bochs-display, or virtio-vga, shows a picture there, and a VNC viewer sees every pixel of it.
# Usage: simple.sh SCREEN EMULATOR DEVICE
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/screen/lib.sh"
device=$3

picture_guest
vnc=$((41000 + $$ % 10000))
: >"$work/serial"
$emulator -M virt -m 512M -kernel "$vmlinux" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet rvive.test=run:/run.sh" -serial file:"$work/serial" \
    -device "$device",xres=800,yres=600 -display none -vnc ":$vnc" >"$work/output" 2>&1 &
emulator_pid=$!
trap 'kill $emulator_pid 2>/dev/null || :; wait; rm -rf "$work"' EXIT
tries=0
until grep -q "picture 800x600" "$work/serial"; do
    tries=$((tries + 1))
    if [ $tries -gt 900 ] || ! kill -0 $emulator_pid 2>/dev/null; then
        tail -n 20 "$work/serial" "$work/output" >&2
        fail "the guest shows no picture"
    fi
    sleep 0.1
done
"$screen" rfb $((5900 + vnc)) picture 800 600 0
