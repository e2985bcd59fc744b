#!/bin/sh
# SPDX-License-Identifier: MIT
# The first process of the full Debian root when it is booted for the real programs (init=/bench/init.sh): there is no
# systemd, and nothing else runs. rvive.scale=SCALE on the kernel's command line sets the amount of work.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
scale=1
for argument in $(cat /proc/cmdline); do
    case $argument in
    rvive.scale=*) scale=${argument#rvive.scale=} ;;
    esac
done
status=0
sh /bench/real.sh /bench/rvbench /bench "$scale" || status=$?
echo "BENCH-END $status"
echo o >/proc/sysrq-trigger
while :; do sleep 60; done
