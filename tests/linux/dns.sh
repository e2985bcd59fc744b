#!/bin/sh
# SPDX-License-Identifier: MIT
# The user network's name server asks the host's. In namespaces of its own, where the host's resolv.conf names a server that
# knows one name, the guest finds that name and no other. Skipped if the host does not allow such namespaces.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"
peer=$3

if [ -z "${RVIVE_DNS_INSIDE:-}" ]; then
    if ! unshare -rmn true 2>/dev/null; then
        echo "skipped: this host allows no user and network namespaces (unshare -rmn failed)"
        exit 77
    fi
    RVIVE_DNS_INSIDE=yes unshare -rmn sh "$0" "$@"
    exit
fi

ip link set lo up
# Mounted over all of /etc, since a host need not have a resolv.conf to mount another one over.
mkdir "$work/etc"
cp -a /etc/. "$work/etc" 2>/dev/null || : # files that only root may read are not needed
rm -f "$work/etc/resolv.conf"
echo "nameserver 127.0.0.1" >"$work/etc/resolv.conf"
mount --bind "$work/etc" /etc
"$peer" dns rvive.test 192.0.2.42 &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT

drive_linux 240 1 <<END
timeout 180
expect Rvive guest is up
timeout 120
run udhcpc -i eth0 -n -q 2>&1 | grep -o 'lease of 10.0.2.15'
expect lease of 10.0.2.15
run nslookup -type=a rvive.test
expect 192.0.2.42
run nslookup -type=a other.test 2>&1 | grep -o NXDOMAIN
expect NXDOMAIN
run poweroff -f
exit 0
END
