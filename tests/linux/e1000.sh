#!/bin/sh
# SPDX-License-Identifier: MIT
# Intel's cards under Linux's drivers e1000e and e1000, in one guest, the second behind a switch and two bridges: each gets its
# address by DHCP, fetches a file, and sends it back with checksums and segmentation left to the card. The bytes are compared,
# and the drivers have nothing to complain about.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
peer=$3

serve_blob "$peer" 6000000
mkdir -p "$work/root/modules/intel"
for name in e1000e e1000; do
    module=$(find "$guest_dir/kernel/usr/lib/modules" -name "$name.ko*")
    case $module in
    *.xz) xz -dc "$module" >"$work/root/modules/intel/$name.ko" ;;
    *.ko) cp "$module" "$work/root/modules/intel" ;;
    *) fail "the kernel has no $name: $module" ;;
    esac
    echo "$name.ko" >>"$work/root/modules/intel/order"
done
cat >"$work/root/use" <<'END_OF_USE'
#!/bin/sh
# use NAME DRIVER PORT SUM NET: all that is to be done with the card of the driver.
card=$(basename "$(ls -d /sys/bus/pci/drivers/"$2"/*/net/*)")
echo "$1 is $card, $(cat "/sys/class/net/$card/address")"
udhcpc -i "$card" -n -q 2>&1 | grep -o 'lease of 10.0.[23].15'
wget -q -O /tmp/blob "http://$5.2:$3/" && sha256sum </tmp/blob | grep -q "$4" && echo "$1 fetched it"
nc -w 30 "$5.77" 9 </tmp/blob | grep -q "$4" && echo "$1 sent it"
grep -q "$card" /proc/interrupts && echo "$1 interrupts"
ip link set "$card" down
END_OF_USE
chmod +x "$work/root/use"
make_initramfs "$work/root"
initramfs=$work/initramfs
# What the guest sends to an address of its network goes to this program of the host.
printf '#!/bin/sh\nhead -c 6000000 | sha256sum\n' >"$work/sum"
chmod +x "$work/sum"

drive_linux 300 2 -nic "user,model=e1000e,mac=52:54:00:00:00:0e,guestfwd=tcp:10.0.2.77:9-cmd:$work/sum" \
    -netdev "user,id=old,net=10.0.3.0/24,guestfwd=tcp:10.0.3.77:9-cmd:$work/sum" \
    -device ioh3420,id=port,chassis=1 -device x3130-upstream,id=switch,bus=port \
    -device xio3130-downstream,id=pcie,bus=switch,chassis=2,slot=1 -device pcie-pci-bridge,id=pci.1,bus=pcie \
    -device pci-bridge,id=pci.2,chassis_nr=3,bus=pci.1,addr=2 \
    -device e1000,netdev=old,mac=52:54:00:00:00:01,bus=pci.2,addr=5 <<END_OF_SCRIPT
timeout 200
expect Rvive guest is up
timeout 60
run /use first e1000e $served_port $served_sum 10.0.2
expect 52:54:00:00:00:0e
expect lease of 10.0.2.15
expect first fetched it
expect first sent it
expect first interrupts
run /use second e1000 $served_port $served_sum 10.0.3
expect 52:54:00:00:00:01
expect lease of 10.0.3.15
expect second fetched it
expect second sent it
expect second interrupts
run ls -d /sys/bus/pci/drivers/e1000/*:05:05.0 | sed s/^/place-/
expect place-/sys
run dmesg | grep -v 'initialize MSI' | grep -ciE 'e1000.*(hang|error|fail|timeout|reset adapter)' | sed s/^/faults-/
expect faults-0
run poweroff -f
exit 0
END_OF_SCRIPT
