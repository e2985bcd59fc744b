#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole Debian root: systemd starts it up to the login prompt, root logs in, apt's database is sound, and systemd's own
# poweroff ends the emulator. A third argument is the kind of disk (default virtio-blk-device).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

root=$RVIVE_CACHE/rootfs.img
[ -f "$root" ] || die "no $root: run roms/make-rootfs.sh first"
need_guest

drive 580 -M virt -m 1G -smp 2 -nographic -snapshot -kernel "$vmlinux" -initrd "$initramfs" \
    -append "console=ttyS0 root=/dev/vda" -drive file="$root",if=none,format=raw,id=root \
    -device "${3:-virtio-blk-device},drive=root" <<'END'
timeout 400
expect Debian GNU/Linux 13
expect rvive login: 
send root\r
expect root@rvive:~
timeout 60
run systemctl is-system-running --wait | sed s/^/state-/
expect state-running
run systemctl --failed --no-legend | wc -l | sed s/^/failed-/
expect failed-0
run dpkg --audit && apt-get check >/dev/null && echo packages-$((6*7))
expect packages-42
run poweroff
timeout 120
exit 0
terminal
END
