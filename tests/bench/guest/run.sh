#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# Runs in the guest's initramfs, called by its /init through rvive.test=run:/bench/run.sh: the programs of one group.
#   rvive.bench=GROUP   integer, float, memory, system, corners, or smp: one and two copies at once of some
#   rvive.scale=SCALE   times the work of each program
# Every line "BENCH GROUP PROGRAM NANOSECONDS" is a measurement; "BENCH-END STATUS" is the last line.
group=''
scale=1
for argument in $(cat /proc/cmdline); do
    case $argument in
    rvive.bench=*) group=${argument#rvive.bench=} ;;
    rvive.scale=*) scale=${argument#rvive.scale=} ;;
    esac
done
status=0
sh /bench/group.sh /bench/rvbench "$group" "$scale" || status=$?
echo "BENCH-END $status"
