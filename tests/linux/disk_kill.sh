#!/bin/sh
# SPDX-License-Identifier: MIT
# disk_kill.sh CONSOLE EMULATOR RVIVE_IMG: the emulator is killed (SIGKILL) while a guest writes to a qcow2 disk. After each
# time qemu-img finds the image consistent, and every block that the guest said it had flushed is there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

img=$3
need_guest
# The guest writes 64 KiB blocks of their own number, in an order that jumps over the disk, and reports each flushed one.
mkdir "$work/guest"
cat >"$work/guest/go" <<'END'
n=0
while [ $n -lt 4000 ]; do
    block=$((n * 397 % 4000))
    yes "block $block of pass $(cat /proc/uptime)" | head -c 65536 >/tmp/b
    sed -i "1s/^.*/block $block/" /tmp/b
    head -c 65536 /tmp/b | dd of=/dev/vda bs=64k seek=$block conv=notrunc,fsync 2>/dev/null
    echo "flushed $block."
    n=$((n + 1))
done
END
(cd "$work/guest" && echo go | cpio -o -H newc --quiet) >"$work/extra.cpio"
cat "$initramfs" "$work/extra.cpio" >"$work/initramfs.cpio"
truncate -s 250M "$work/base.raw"
"$img" create -q -f qcow2 -b "$work/base.raw" -F raw "$work/disk.qcow2"

checked=0
for round in 1 2 3 4 5; do
    setsid $emulator -M virt -m 256M -smp 2 -nographic -no-reboot -kernel "$vmlinux" -initrd "$work/initramfs.cpio" \
        -append "console=ttyS0 quiet rvive.test=run:/go" -drive file="$work/disk.qcow2",if=none,format=qcow2,id=d \
        -device virtio-blk-device,drive=d </dev/null >"$work/console" 2>&1 &
    guest=$!
    tries=0
    while ! grep -q 'flushed' "$work/console" && [ $tries -lt 1200 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    sleep "$round.$((round * 37 % 10))"
    kill -KILL $guest 2>/dev/null || fail "the guest ended by itself: $(tail -n 5 "$work/console")"
    wait $guest 2>/dev/null || :
    status=0
    qemu-img check "$work/disk.qcow2" >"$work/check" 2>&1 || status=$?
    [ $status -eq 0 ] || { cat "$work/check"; fail "round $round: qemu-img check: status $status"; }
    qemu-img convert -O raw "$work/disk.qcow2" "$work/flat.raw"
    for block in $(sed -n 's/.*flushed \([0-9]*\)\..*/\1/p' "$work/console"); do
        checked=$((checked + 1))
        found=$(dd if="$work/flat.raw" bs=64k skip="$block" count=1 2>/dev/null | head -n 1)
        [ "$found" = "block $block" ] || fail "round $round: block $block was flushed, and is: $found"
    done
    echo "round $round: $checked blocks checked"
done
[ $checked -gt 20 ] || fail "only $checked blocks were written"
