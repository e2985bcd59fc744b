#!/bin/sh
# SPDX-License-Identifier: MIT
# One group of rvbench's programs, in the guest and natively.
# Usage: group.sh RVBENCH GROUP SCALE
rvbench=$1
group=$2
scale=$3
status=0
if [ "$group" = smp ]; then
    # These programs are short, and other work of the machine disturbs only some of the runs. So each program runs alone and
    # with a second copy, five times in turn, and the table has the medians.
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
