#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernel on the board that a device tree describes: that of QEMU's virt, or, without a QEMU, that of Rvive's own. It has
# two harts, a disk in a slot of virtio-mmio and one on the PCI bus, and poweroff ends the emulator with status 0.
# tree.sh CONSOLE EMULATOR [MACHINE]
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
need_guest

machine=${3:-virt}
peer=${RVIVE_QEMU:-$top/.cache/qemu10}
tty=ttyS0 devices="-drive file=$work/disk,if=none,format=raw,id=d -device virtio-blk-device,drive=d -device virtio-rng-pci"
[ "$machine" = virt ] || tty=ttySIF0 devices="-drive file=$work/disk,if=sd,format=raw"
if [ -x "$peer/usr/bin/qemu-system-riscv64" ]; then
    sh "$top/tests/peers/qemu" "$peer" qemu-system-riscv64 -M "$machine,dumpdtb=$work/tree.dtb" -smp 2 -m 512M -nographic
else
    $emulator -M "$machine,dumpdtb=$work/tree.dtb" -smp 2 -m 512M -nographic
fi
set -- -M "dt,dtb=$work/tree.dtb" -nographic -no-reboot -kernel "$vmlinux" -initrd "$initramfs"
truncate -s 8M "$work/disk"
# shellcheck disable=SC2086
drive 280 "$@" -append "console=$tty" $devices <<END
timeout 240
expect Rvive guest is up: Linux 6.
timeout 60
run echo harts=\$(grep -c ^processor /proc/cpuinfo) memory=\$((\$(awk '/MemTotal/ { print \$2 }' /proc/meminfo) / 102400))
expect harts=$([ "$machine" = virt ] && echo 2 || echo 1) memory=4
run ls /sys/bus/pci/devices | wc -l | sed s/^/pci-/; ls /sys/block | grep -c vda | sed s/^/disk-/
expect pci-$([ "$machine" = virt ] && echo 2 || echo 0)
expect disk-$([ "$machine" = virt ] && echo 1 || echo 0)
run dmesg | grep -cE 'Kernel panic|Oops|BUG:' | sed s/^/bad-/
expect bad-0
$([ "$machine" = virt ] && echo 'run poweroff -f' || echo 'run reboot -f')
$([ "$machine" = virt ] && echo 'expect Power down' || echo 'expect reboot: Restarting')
exit 0
END
