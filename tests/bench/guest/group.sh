#!/bin/sh
# SPDX-License-Identifier: MIT
# One group of rvbench's programs, in the guest and natively.
# Usage: group.sh RVBENCH GROUP SCALE
rvbench=$1
group=$2
scale=$3
status=0
if [ "$group" = smp ]; then
    for program in coremix fib nbody chase-l2; do
        for copies in 1 2; do
            "$rvbench" -s "$scale" -n $program -j $copies || status=1
        done
    done
else
    "$rvbench" -s "$scale" -g "$group" || status=1
fi
exit $status
