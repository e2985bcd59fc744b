#!/bin/sh
# SPDX-License-Identifier: MIT
# NVMe under Linux's driver, with pin-based interrupts: two disks whose functions share a wire (slots 1 and 5), one of them
# with blocks of 4 KiB and few, short queues, are read and written right, from both harts and at the same time; a file system
# is mounted and used; the driver unbinds and binds. No interrupt is lost: the driver never had to look at its queues by
# itself ("completion polled"), and there was no timeout.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

mkdir "$work/root"
cat >"$work/root/use" <<'END'
stty -onlcr 2>/dev/null
dmesg -n 1
named() { # SERIAL: the disk's name; waits for it
    for try in 1 2 3 4 5 6 7 8 9 10; do
        for disk in /sys/block/nvme*; do
            [ "$(cat "$disk/device/serial" 2>/dev/null | tr -d ' ')" != "$1" ] || { echo "${disk##*/}"; return; }
        done
        sleep 0.5
    done
}
echo -----
a=/dev/$(named disk-a)
b=/dev/$(named disk-b)
echo "block $(cat /sys/block/${a#/dev/}/queue/logical_block_size) $(cat /sys/block/${b#/dev/}/queue/logical_block_size)"
echo "model $(sed 's/ *$//' /sys/block/${a#/dev/}/device/model)"
md5sum <$a | sed 's/ .*//; s/^/read a /' >/tmp/a &
md5sum <$b | sed 's/ .*//; s/^/read b /' >/tmp/b &
wait
cat /tmp/a /tmp/b
# Both are written at once, each from its middle on, by several writers.
for n in 0 1 2 3; do
    yes "disk-a." | head -c 1048576 | dd of=$a bs=4096 seek=$((1024 + 256 * n)) conv=fsync 2>/dev/null &
    yes "disk-b." | head -c 1048576 | dd of=$b bs=65536 seek=$((64 + 16 * n)) oflag=direct 2>/dev/null &
done
wait
echo "again $(dd if=$a bs=1M iflag=direct 2>/dev/null | tail -c 8) $(dd if=$b bs=1M iflag=direct 2>/dev/null | tail -c 8)"
mount -t ext4 -o discard /dev/$(named disk-c) /mnt
seq 1 100000 >/mnt/numbers
sync
rm /mnt/gone
echo 3 >/proc/sys/vm/drop_caches
echo "sum $(md5sum </mnt/numbers | cut -c1-32)"
umount /mnt
cd /sys/bus/pci/drivers/nvme
echo 0000:00:01.0 >unbind
[ -e $a ] || echo unbound
echo 0000:00:01.0 >bind
echo "bound $(tail -c 8 /dev/$(named disk-a))"
dmesg | grep -i 'nvme.*\(polled\|timeout\|error\|abort\|reset\)\|I/O error'
echo -----
END
make_initramfs "$work/root" nvme

for disk in a b; do
    head -c 8388608 /dev/urandom >"$work/$disk.img"
done
truncate -s 64M "$work/c.img"
mkdir "$work/files"
head -c 100000 /dev/urandom >"$work/files/gone"
mkfs.ext4 -q -d "$work/files" "$work/c.img"
sums=$(for disk in a b; do echo "read $disk $(md5sum <"$work/$disk.img" | cut -c1-32)"; done)
run_quietly 0 200 -M virt -m 512M -smp 2 -nographic -kernel "$vmlinux" -initrd "$work/initramfs" \
    -append "console=ttyS0 rvive.test=run:/use" \
    -drive file="$work/a.img",if=none,format=raw,id=a -device nvme,drive=a,serial=disk-a,addr=1 \
    -drive file="$work/b.img",if=none,format=raw,id=b \
    -device nvme,drive=b,serial=disk-b,addr=5,logical_block_size=4096,physical_block_size=4096,max_ioqpairs=1,mqes=3,mdts=2 \
    -drive file="$work/c.img",if=none,format=raw,id=c,discard=unmap -device nvme,drive=c,serial=disk-c,addr=9
tr -d '\r' <"$work/output" | sed -n '/^-----$/,/^-----$/p' >"$work/seen"
cat >"$work/wanted" <<END
-----
block 512 4096
model QEMU NVMe Ctrl
$sums
again disk-a. disk-b.
sum $(seq 1 100000 | md5sum | cut -c1-32)
unbound
bound disk-a.
-----
END
diff "$work/seen" "$work/wanted" || { tail -n 40 "$work/output"; fail "not what was wanted (>)"; }
for disk in a b; do
    { head -c 4194304 "$work/$disk.img" && yes "disk-$disk." | head -c 4194304; } | cmp - "$work/$disk.img" ||
        fail "disk $disk has something else than the guest wrote"
done
e2fsck -fn "$work/c.img" >"$work/fsck" 2>&1 || { cat "$work/fsck"; fail "the file system is damaged"; }
