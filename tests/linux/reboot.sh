#!/bin/sh
# SPDX-License-Identifier: MIT
# reboot starts the machine again, with the devices on both buses; with -no-reboot it ends the emulator with status 0.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

echo 'on both buses' >"$work/disk.img"
truncate -s 1M "$work/disk.img"
drive_linux 280 2 -nic none -drive file="$work/disk.img",format=raw,if=virtio,readonly=on -device virtio-rng-pci \
    -device virtio-rng-device <<'END'
timeout 130
expect Rvive guest is up
run head -c 14 /dev/vda
expect on both buses
run reboot -f
expect Rvive guest is up
run ls /sys/bus/virtio/devices | wc -l | sed s/^/devices-/; head -c 14 /dev/vda
expect devices-3
expect on both buses
run echo again-$((6*7))
expect again-42
run poweroff -f
exit 0
terminal
END
run_quietly 0 150 -M virt -m 512M -smp 1 -nographic -no-reboot -kernel "$vmlinux" -initrd "$initramfs" \
    -append "console=ttyS0 rvive.test=reboot"
[ "$(grep -c 'Rvive guest is up' "$work/output")" = 1 ] || fail "-no-reboot did not end after one boot"
