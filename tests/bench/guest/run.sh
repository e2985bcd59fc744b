#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# The initramfs's /init calls this in the guest through rvive.test=run:/bench/run.sh. It runs the programs of one group.
#   rvive.bench=GROUP   integer, float, memory, system or corners; smp: some programs, one copy and two copies at once; vector, or
#                       vector-scalar: the same programs without vectors
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
program=/bench/rvbench
case $group in
vector) program=/bench/rvvector ;;
vector-scalar) program=/bench/rvvector-scalar && group=vector ;;
esac
status=0
sh /bench/group.sh "$program" "$group" "$scale" || status=$?
echo "BENCH-END $status"
