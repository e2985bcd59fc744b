#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The initramfs's /init calls this in the guest through rvive.test=run:/bench/io.sh. It runs one of the groups that measure
# devices.
#   rvive.bench=GROUP    disk (raw on /dev/vda, qcow2 on /dev/vdb), net (a peer behind the user network) or screen
#   rvive.seconds=N      how long each test runs
#   rvive.port=PORT      where the peer on the host's loopback answers
# Every line "BENCH GROUP TEST VALUE UNIT" is a measurement; "BENCH-END STATUS" is the last line.
group=''
seconds=3
port=0
for argument in $(cat /proc/cmdline); do
    case $argument in
    rvive.bench=*) group=${argument#rvive.bench=} ;;
    rvive.seconds=*) seconds=${argument#rvive.seconds=} ;;
    rvive.port=*) port=${argument#rvive.port=} ;;
    esac
done
status=0
case $group in
disk)
    /bench/disk raw /dev/vda "$seconds" || status=1
    /bench/disk qcow2 /dev/vdb "$seconds" || status=1
    ;;
net)
    # This is the address that the user network gives; a DHCP request would take seconds.
    ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
    /bench/net guest 10.0.2.2 "$port" "$seconds" || status=1
    ;;
screen)
    /bench/picture "$seconds" >/tmp/picture || status=1
    cat /tmp/picture
    # "repaints 123.4 a second of 1024x768"
    awk '$1 == "repaints" { print "BENCH screen repaints " $2 " /s"; found = 1 } END { exit !found }' /tmp/picture || status=1
    ;;
*) echo "FAIL no group $group" && status=1 ;;
esac
echo "BENCH-END $status"
