#!/bin/sh
# SPDX-License-Identifier: MIT
# disk_kill.sh CONSOLE EMULATOR RVIVE_IMG DISK_KILL [KILLS]: the emulator is killed (SIGKILL) at random moments, KILLS times
# (default 5), while a guest writes, zeroes, discards and flushes on two qcow2 disks at once. After each kill qemu-img finds
# both images consistent, and every sector that the guest had flushed, in this boot or an earlier one, is there. RVIVE_SEED
# repeats the data and the moments.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

img=$3
checker=$4
kills=${5:-5}
seed=${RVIVE_SEED:-$(date +%s)}
echo "seed $seed (RVIVE_SEED=$seed repeats the writes)"

mkdir "$work/guest"
"${cross}gcc" -D_GNU_SOURCE -O2 -static -pthread -o "$work/guest/disk_kill" "$top/tests/linux/disk_kill.c" ||
    fail "no guest program"
cat >"$work/guest/go" <<'END'
for argument in $(cat /proc/cmdline); do
    case $argument in rvive.seed=*) seed=${argument#rvive.seed=} ;; esac
done
for disk in vda vdb; do
    name=pci # the size tells them apart: the order in which they are found is open
    [ "$(cat /sys/block/$disk/size)" -gt 131072 ] || name=mmio
    /disk_kill write /dev/$disk "$seed" $name &
done
wait
END
make_initramfs "$work/guest"
# On a backing file and with the usual clusters over PCI; with small ones over MMIO.
truncate -s 128M "$work/base.raw"
"$img" create -q -f qcow2 -b "$work/base.raw" -F raw "$work/pci.qcow2"
"$img" create -q -f qcow2 -o cluster_size=4k "$work/mmio.qcow2" 64M

leaks=0
# check DISK SEED: after a kill.
check() {
    epoch=$(tr -d '\r' <"$work/console" | sed -n "s/^$1 flushed \([0-9]*\)\$/\1/p" | tail -n 1)
    status=0
    qemu-img check "$work/$1.qcow2" >"$work/check" 2>&1 || status=$?
    case $status in
    0) ;;
    3) leaks=$((leaks + 1)) ;; # killed between two writes of tables
    *) cat "$work/check" && fail "kill $kill: qemu-img check of $1: status $status" ;;
    esac
    qemu-img convert -O raw "$work/$1.qcow2" "$work/flat.raw"
    "$checker" check "$work/flat.raw" "$work/$1.state" "$2" "${epoch:-0}" >"$work/found" ||
        { cat "$work/found" && fail "kill $kill: $1 has lost what was flushed"; }
    echo "kill $kill, $1: $(cat "$work/found")"
    flushed=$((flushed + ${epoch:-0}))
}

flushed=0
kill=0
while [ $kill -lt "$kills" ]; do
    kill=$((kill + 1))
    life=$(((seed + kill) % 65536))
    setsid $emulator -M virt -m 256M -smp 2 -nographic -no-reboot -kernel "$vmlinux" -initrd "$work/initramfs" \
        -append "console=ttyS0 quiet rvive.test=run:/go rvive.seed=$life" \
        -drive file="$work/pci.qcow2",if=none,format=qcow2,discard=unmap,id=a -device virtio-blk-pci,drive=a \
        -drive file="$work/mmio.qcow2",if=none,format=qcow2,discard=unmap,id=b -device virtio-blk-device,drive=b \
        </dev/null >"$work/console" 2>&1 &
    kill_later $! flushed "$((life % 3)).$((life * 7919 % 10))$((life * 104729 % 10))"
    check pci $life
    check mmio $life
done
# A test that cannot fail shows nothing: an image without the last sectors must be noticed.
dd if=/dev/zero of="$work/flat.raw" bs=1M count=48 conv=notrunc status=none
! "$checker" check "$work/flat.raw" "$work/mmio.state" 0 0 >"$work/found" || fail "the checker misses nothing"
[ $flushed -gt $((kills * 4)) ] || fail "only $flushed epochs were flushed"
echo "$kills kills, $flushed epochs flushed, $leaks images with leaked clusters"
[ $leaks -le $((1 + kills / 20)) ] || fail "too many leaks"
