#!/bin/sh
# SPDX-License-Identifier: MIT
# reboot starts the machine again; with -no-reboot it ends the emulator with status 0.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

drive_linux 280 2 <<'END'
timeout 130
expect Rvive guest is up
run reboot -f
expect Rvive guest is up
run echo again-$((6*7))
expect again-42
run poweroff -f
exit 0
terminal
END
run_quietly 0 150 -M virt -m 512M -smp 1 -nographic -no-reboot -kernel "$vmlinux" -initrd "$initramfs" \
    -append "console=ttyS0 rvive.test=reboot"
[ "$(grep -c 'Rvive guest is up' "$work/output")" = 1 ] || fail "-no-reboot did not end after one boot"
