#!/bin/sh
# SPDX-License-Identifier: MIT
# qcow2.sh CONSOLE EMULATOR RVIVE_IMG: the whole Debian root from a qcow2 overlay whose backing file is the raw image. What
# the guest writes is in the overlay, the backing file does not change, and the image has no errors afterwards.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

img=$3
root=$RVIVE_CACHE/rootfs.img
[ -f "$root" ] || die "no $root: run roms/make-rootfs.sh first"
need_guest
before=$(stat -c %Y "$root")
"$img" create -q -f qcow2 -b "$root" -F raw "$work/overlay.qcow2"

boot() {
    drive 580 -M virt -m 1G -smp 2 -nographic -kernel "$vmlinux" -initrd "$initramfs" \
        -append "console=ttyS0 root=/dev/vda" -drive "file=$work/overlay.qcow2,if=none,format=qcow2,id=root,backing=$root" \
        -device virtio-blk-device,drive=root,num-queues=2
}
boot <<'END'
timeout 500
expect rvive login: 
send root\r
expect root@rvive:~
timeout 100
run ls /sys/block/vda/mq | wc -l | sed s/^/queues-/
expect queues-2
run seq 1 300000 >/root/numbers; dd if=/dev/urandom of=/root/gone bs=1M count=30; sync; rm /root/gone; fstrim -v /; sync
run echo written-$((6*7)); poweroff
expect written-42
timeout 120
exit 0
END
qemu-img check "$work/overlay.qcow2" >"$work/check" 2>&1 || { cat "$work/check"; fail "qemu-img check"; }
"$img" check -q "$work/overlay.qcow2" || fail "rvive-img check"
[ "$(stat -c %Y "$root")" = "$before" ] || fail "the backing file changed"
"$img" convert -O raw "$work/overlay.qcow2" "$work/flat.img"
PATH=$PATH:/usr/sbin:/sbin
e2fsck -fn "$work/flat.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "the file system is damaged"; }
debugfs -R "cat /root/numbers" "$work/flat.img" 2>/dev/null >"$work/numbers"
seq 1 300000 | cmp - "$work/numbers" || fail "the host reads something else than the guest wrote"
