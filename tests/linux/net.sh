#!/bin/sh
# SPDX-License-Identifier: MIT
# The user network: the default card gets its address by DHCP, and the guest fetches a file from a server on the host's
# loopback interface; with forwarded ports it serves one that the host fetches, and reaches programs of the host that stand
# for addresses of its network; the pcap file has all of it. A card whose network is closed (restrict=on) reaches nothing
# outside.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
peer=$3

serve_blob "$peer" 20000000
forwarded=$("$peer" port)

cat >"$work/script" <<END
timeout 180
expect Rvive guest is up
timeout 120
run udhcpc -i eth0 -n -q 2>&1 | grep -o 'lease of 10.0.2.15'
expect lease of 10.0.2.15
run ip route | grep -o 'default via 10.0.2.2'; cat /etc/resolv.conf
expect default via 10.0.2.2
expect nameserver 10.0.2.3
run wget -q -O /tmp/blob http://10.0.2.2:$served_port/ && sha256sum /tmp/blob
expect $served_sum
run ping -c 2 10.0.2.2 | grep -o '2 packets received'
expect 2 packets received
END
drive_linux 240 2 <<END
$(cat "$work/script")
run poweroff -f
exit 0
END

# The host's side of the forwarded port: it tries again until the guest serves.
"$peer" fetch "$forwarded" "$work/fetched" &
fetcher=$!
served=guestfwd=tcp:10.0.2.78:80-tcp:127.0.0.1:$served_port
drive_linux 240 2 -global virtio-mmio.force-legacy=false -device virtio-net-device,netdev=n,mac=52:54:00:aa:bb:cc \
    -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$forwarded-:8080,guestfwd=tcp:10.0.2.77:9-cmd:rev,$served" \
    -object filter-dump,id=d,netdev=n,file="$work/dump.pcap" <<END
$(cat "$work/script")
run cat /sys/class/net/eth0/address
expect 52:54:00:aa:bb:cc
run (echo olleh | nc -w 5 10.0.2.77 9)
expect hello
run wget -q -O /tmp/second http://10.0.2.78/ && sha256sum /tmp/second
expect $served_sum
run mkdir /tmp/www && sed 's/a/b/g' /tmp/blob >/tmp/www/index.html && sha256sum </tmp/www/index.html && httpd -p 8080 -h /tmp/www
expect $(sed 's/a/b/g' "$work/blob" | sha256sum | cut -d' ' -f1)
timeout 100
run until dmesg | grep -q never || [ -e /tmp/done ]; do sleep 1; netstat -tn | grep -q ':8080.*TIME_WAIT' && touch /tmp/done; done; echo served-\$((6*7))
expect served-42
run dmesg | grep -ci 'virtio_net.*error' | sed s/^/errors-/; poweroff -f
expect errors-0
exit 0
END
wait $fetcher || fail "the host did not reach the guest through hostfwd"
sed 's/a/b/g' "$work/blob" | cmp - "$work/fetched" || fail "the host fetched something else than the guest served"
[ "$(head -c 4 "$work/dump.pcap" | od -An -tx4 | tr -d ' ')" = a1b2c3d4 ] || fail "the dump is no pcap file"
[ "$(stat -c %s "$work/dump.pcap")" -gt 60000000 ] || fail "the dump does not hold all that was sent"

drive_linux 240 1 -nic user,restrict=on,ipv6=off <<END
timeout 180
expect Rvive guest is up
timeout 120
run udhcpc -i eth0 -n -q 2>&1 | grep -o 'lease of 10.0.2.15'
expect lease of 10.0.2.15
run wget -T 5 -q -O - http://10.0.2.2:$served_port/ | wc -c | sed s/^/bytes-/
expect bytes-0
run poweroff -f
exit 0
END
