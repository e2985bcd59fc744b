#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest with -sandbox on on the command line: this host supports all of it (or one line says what is missing), and disk,
# growing qcow2 image, network with a name to look up, shared folder, log, dump and pictures of the screen all work; the
# program ends as always. All other boots run in the sandbox, too, since it is on by default.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
peer=$3
img=$4

serve_blob "$peer" 3000000
mkdir "$work/share" "$work/pictures"
head -c 3000000 /dev/urandom >"$work/share/from-host"
sum=$(sha256sum <"$work/share/from-host" | cut -d' ' -f1)
"$img" create -q -f qcow2 "$work/disk.qcow2" 64M

cd "$work/pictures"
drive_linux 240 2 -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
    -drive file="$work/disk.qcow2",if=virtio,format=qcow2 \
    -virtfs "local,path=$work/share,mount_tag=host,security_model=none" \
    -netdev user,id=n -device virtio-net-device,netdev=n -object filter-dump,id=d,netdev=n,file="$work/dump.pcap" \
    -d guest_errors -D "$work/log" -screendump "$work/last.png" -device ramfb \
    -monitor "unix:$work/monitor,server,nowait" <<END
timeout 180
expect Rvive guest is up
timeout 120
run udhcpc -i eth0 -n -q 2>&1 | grep -o 'lease of 10.0.2.15'
expect lease of 10.0.2.15
run wget -q -O /tmp/blob http://10.0.2.2:$served_port/ && sha256sum /tmp/blob
expect $served_sum
run mount -t 9p -o trans=virtio,version=9p2000.L host /mnt && sha256sum /mnt/from-host
expect $sum
run mkdir /mnt/made && cp /tmp/blob /mnt/made/blob && mv /mnt/made/blob /mnt/moved && rmdir /mnt/made && ls /mnt | tr '\\\\n' '-'
expect from-host-moved-
run dd if=/mnt/moved of=/dev/vda bs=64k conv=fsync 2>/dev/null; dd if=/dev/vda bs=64k count=45 2>/dev/null | head -c 2900000 | cmp -n 2900000 - /mnt/moved && echo same-\$((6*7))
expect same-42
run poweroff -f
exit 0
END
cmp "$work/blob" "$work/share/moved" || fail "the guest's file in the shared folder is another one"
"$img" check -q "$work/disk.qcow2" || fail "the image that grew is damaged"
[ "$(stat -c %s "$work/dump.pcap")" -gt 3000000 ] || fail "the dump does not hold what was sent"
[ -s "$work/last.png" ] || fail "there is no picture of the screen"
[ -e "$work/log" ] || fail "there is no log"
[ ! -e "$work/monitor" ] || fail "the monitor's socket was left"
! grep -a 'sandbox' "$work/console.log" || fail "the sandbox complains"
