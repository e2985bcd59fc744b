#!/bin/sh
# SPDX-License-Identifier: MIT
# Linux on the advanced interrupt controllers, with two harts: on -machine aia=aplic-imsic, or what the third argument says.
# Disks work on the PCI bus and in a slot, and their interrupts come from the controllers that Linux names on QEMU 10 for the
# same command line.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

aia=${3:-aplic-imsic}
case $aia in
aplic-imsic) pci='PCI-MSIX.*virtio0-req' slot='APLIC-MSI.*virtio1' uart='APLIC-MSI.*ttyS0' ;;
*) pci='APLIC-DIRECT.*virtio0' slot='APLIC-DIRECT.*virtio1' uart='APLIC-DIRECT.*ttyS0' ;;
esac
truncate -s 1M "$work/pci.img" "$work/slot.img"

drive_linux 250 2 -machine "aia=$aia" -drive "file=$work/pci.img,if=none,format=raw,id=a" -device virtio-blk-pci,drive=a \
    -drive "file=$work/slot.img,if=none,format=raw,id=b" -device virtio-blk-device,drive=b <<END
timeout 180
expect Rvive guest is up: Linux 6.
expect riscv64, 2 hart(s)
timeout 40
run for d in vda vdb; do dd if=/dev/\$d of=/dev/null bs=64k 2>/dev/null && echo read-\$d; done
expect read-vda
expect read-vdb
run for i in '$pci' '$slot' '$uart'; do grep -q "\$i" /proc/interrupts && echo f\$((1))ound; done; echo e\$((1))nd
expect f1ound
expect f1ound
expect f1ound
expect e1nd
run dmesg | grep -cE 'Kernel panic|Oops|BUG:' | sed s/^/bad-/
expect bad-0
run poweroff -f
expect Power down
exit 0
END
