#!/bin/sh
# SPDX-License-Identifier: MIT
# One group of rvbench's programs, in the guest and natively.
# Usage: group.sh RVBENCH GROUP SCALE
rvbench=$1
group=$2
scale=$3
status=0
if [ "$group" = smp ]; then
    # Short programs, and what else the machine does meets only some of them: each in turn alone and with another, and the
    # table has the medians of all.
    for round in 1 2 3 4 5; do
        for program in coremix fib nbody chase-l2; do
            for copies in 1 2; do
                "$rvbench" -s "$scale" -n $program -j $copies || status=1
            done
        done
    done
else
    "$rvbench" -s "$scale" -g "$group" || status=1
fi
exit $status
