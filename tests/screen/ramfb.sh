#!/bin/sh
# SPDX-License-Identifier: MIT
# A VNC viewer sees the screen that firmware puts into RAM through fw_cfg, also when the firmware draws later without notice;
# -screendump shows it, too.
# Usage: ramfb.sh SCREEN EMULATOR
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/screen/lib.sh"

"${cross}gcc" -O1 -march=rv64gc -mabi=lp64d -mcmodel=medany -ffreestanding -fno-builtin -nostdlib -static \
    -Wl,--no-relax -Wl,--build-id=none -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000,-e,_start -fno-pic -no-pie \
    -I"$top/tests/screen" "$top/tests/screen/ramfb.c" -lgcc -o "$work/ramfb.elf"
vnc=$((21000 + $$ % 20000))
$emulator -M virt -bios none -kernel "$work/ramfb.elf" -device ramfb -display none -vnc ":$vnc" -serial null \
    -screendump "$work/last.png" >"$work/output" 2>&1 &
emulator_pid=$!
trap 'kill $emulator_pid 2>/dev/null || :; wait; rm -rf "$work"' EXIT
tries=0
until "$screen" rfb $((5900 + vnc)) 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "no VNC server: $(cat "$work/output")"
    sleep 0.1
done
"$screen" rfb $((5900 + vnc)) picture 600 400 0 picture 600 400 1
kill $emulator_pid
status=0
wait $emulator_pid || status=$?
[ $status -eq 143 ] || fail "status $status after SIGTERM: $(cat "$work/output")"
[ "$(head -c 24 "$work/last.png" | tail -c 8 | od -An -tu1 | tr -s ' ')" = " 0 0 2 88 0 0 1 144" ] ||
    fail "the last picture is not 600 x 400"
