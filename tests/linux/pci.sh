#!/bin/sh
# SPDX-License-Identifier: MIT
# PCIe under Linux. The bus, the functions' configuration spaces, the places that Linux gave their BARs and the bridge's
# device tree node are those of QEMU 10 for the same command line. Disks with each interface (transitional, modern alone,
# legacy alone, if=virtio, a second function of a slot) are read and written right; drivers unbind and bind, and a function
# that was removed from the bus is found again.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
need_guest

# guest_script NAME: the script on stdin becomes /NAME of $work/NAME.cpio, an initramfs with it.
guest_script() {
    cat >"$work/$1"
    { cat "$initramfs" && (cd "$work" && echo "$1" | cpio --quiet -o -H newc); } >"$work/$1.cpio"
}

# run_script NAME SMP ARGUMENTS...: boots with it; what it prints between two lines of dashes is in $work/NAME.out.
run_script() {
    script=$1
    smp=$2
    shift 2
    run_quietly 0 200 -M virt -m 512M -smp "$smp" -nographic -kernel "$vmlinux" -initrd "$work/$script.cpio" \
        -append "console=ttyS0 rvive.test=run:/$script" "$@"
    tr -d '\r' <"$work/output" | sed -n '/^-----$/,/^-----$/p' >"$work/$script.out"
    [ "$(grep -c '^-----$' "$work/$script.out")" = 2 ] || { tail -n 40 "$work/output"; fail "$script did not end"; }
}

for n in 1 2 3 4 5; do
    head -c 1048576 /dev/urandom >"$work/disk$n.img"
done
disk() { # N MORE-KEYS
    echo "-drive file=$work/disk$1.img,if=none,format=raw,id=hd$1 -device virtio-blk-pci,drive=hd$1,serial=disk$1$2"
}
disks="$(disk 1 '') $(disk 2 ,disable-legacy=on,addr=9.3) $(disk 3 ,disable-modern=on,disable-legacy=off)
    $(disk 4 ,addr=0x9,multifunction=on) -drive file=$work/disk5.img,if=virtio,format=raw -device virtio-rng-pci"

# The interrupt line depends on Linux (a number of its own), and the fifth cell of the map is a phandle.
guest_script layout <<'END'
stty -onlcr 2>/dev/null
dmesg -n 1
echo -----
for d in /sys/bus/pci/devices/*; do
    echo "$d"
    hexdump -v -e '16/1 "%02x " "\n"' "$d/config" | sed '4s/... .. .. .. $/ line/'
    cat "$d/resource"
done
cd /sys/firmware/devicetree/base/soc/pci@30000000
for property in *; do
    [ -d "$property" ] || echo "$property: $(hexdump -v -e '24/1 "%02x " "\n"' "$property" | cut -c1-48,61-)"
done
sed -n '/PCI\|pci/p' /proc/iomem /proc/ioports
echo -----
END
run_script layout 1 $disks -device virtio-serial-pci,vectors=2
cp "$work/layout.out" "$work/own"
grep -q '/0000:00:09.3$' "$work/own" || fail "no function 9.3"
grep -q '^ranges: ' "$work/own" || fail "no device tree node"
peer=${RVIVE_QEMU:-$RVIVE_CACHE/qemu10}
[ -d "$peer" ] || die "no QEMU 10 in $peer: run tests/peers/qemu10.sh"
saved=$emulator
emulator="sh $top/tests/peers/qemu $peer qemu-system-riscv64"
run_script layout 1 $disks -device virtio-serial-pci,vectors=2
emulator=$saved
diff "$work/layout.out" "$work/own" || fail "the layout is not QEMU's (<)"

guest_script use <<'END'
stty -onlcr 2>/dev/null
dmesg -n 1
named() { # SERIAL: the disk's name
    for disk in /sys/block/vd*; do
        [ "$(cat "$disk/serial")" != "$1" ] || echo "${disk##*/}"
    done
}
echo -----
for n in 1 2 3 4; do
    echo "read $n $(md5sum <"/dev/$(named disk$n)" | cut -c1-32)"
done
echo "read 5 $(md5sum <"/dev/$(named '')" | cut -c1-32)"
# Writes to all of them at once, each from its middle on.
for n in 1 2 3 4; do
    yes "disk-$n." | head -c 524288 | dd of="/dev/$(named disk$n)" bs=4096 seek=128 conv=fsync 2>/dev/null &
done
wait
cd /sys/bus/pci/drivers/virtio-pci
for n in 1 2 3; do
    echo 0000:00:01.0 >unbind
    [ -z "$(named disk1)" ] && echo "unbound $n"
    echo 0000:00:01.0 >bind
    sleep 1
    echo "bound $n $(tail -c 8 "/dev/$(named disk1)")"
done
echo 1 >/sys/bus/pci/devices/0000:00:09.3/remove
[ -e /sys/bus/pci/devices/0000:00:09.3 ] || echo removed
echo 1 >/sys/bus/pci/rescan
sleep 1
echo "rescanned $(tail -c 8 "/dev/$(named disk2)")"
grep -c ' PLIC  3[2345] .*virtio' /proc/interrupts | sed 's/^/wires /'
cat /sys/class/misc/hw_random/rng_current
head -c 64 /dev/hwrng | wc -c
echo -----
END
{
    echo -----
    for n in 1 2 3 4 5; do
        echo "read $n $(md5sum <"$work/disk$n.img" | cut -c1-32)"
    done
    for n in 1 2 3; do
        printf 'unbound %s\nbound %s disk-1.\n' $n $n
    done
    printf 'removed\nrescanned disk-2.\nwires 4\nvirtio_rng.0\n64\n'
    echo -----
} >"$work/wanted"
for n in 1 2 3 4; do
    { head -c 524288 "$work/disk$n.img" && yes "disk-$n." | head -c 524288; } >"$work/wanted$n.img"
done
run_script use 2 $disks
diff "$work/use.out" "$work/wanted" || { tail -n 40 "$work/output"; fail "not what was wanted (>)"; }
for n in 1 2 3 4; do
    cmp "$work/disk$n.img" "$work/wanted$n.img" || fail "disk $n has something else than the guest wrote"
done
