#!/bin/sh
# SPDX-License-Identifier: MIT
# Writers that are killed (SIGKILL) at random moments: after each kill, qemu-img finds the image consistent, and every sector
# that was flushed is there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/disk/lib.sh"
seed=${RVIVE_SEED:-$(date +%s)}
echo "seed $seed (RVIVE_SEED=$seed repeats the writes)"

head -c 8388608 /dev/urandom >base.raw
leaks=0
# kills TIMES OPTIONS-OF-CREATE...
kills() {
    times=$1
    shift
    rm -f image.qcow2
    qemu-img create -q -f qcow2 "$@" image.qcow2 64M
    while [ "$times" -gt 0 ]; do
        times=$((times - 1))
        seed=$((seed + 1))
        rm -f journal
        "$disk_io" forever image.qcow2 qcow2 journal $seed &
        writer=$!
        sleep "0.$(printf '%02d' $((seed * 7919 % 60 + 5)))"
        kill -KILL $writer 2>/dev/null || fail "the writer ended by itself (seed $seed)"
        wait $writer 2>/dev/null || :
        status=0
        qemu-img check image.qcow2 >check.log 2>&1 || status=$?
        case $status in
        0) ;;
        3) leaks=$((leaks + 1)) ;; # killed between two writes of tables
        *) cat check.log >&2 && fail "qemu-img check: status $status (seed $seed)" ;;
        esac
        "$disk_io" verify image.qcow2 qcow2 journal || fail "flushed data is gone (seed $seed)"
        "$img" check -q image.qcow2 || "$img" check -q -r leaks image.qcow2 || fail "rvive-img check (seed $seed)"
    done
}

kills 10
kills 6 -b base.raw -F raw -o cluster_size=4k
kills 4 -o cluster_size=512,refcount_bits=8
[ $leaks -le 1 ] || fail "$leaks of 20 images had leaked clusters"
# Version 2 has no dirty bit: its tables are written in order, with a flush in between. This takes long enough for kills to
# hit it.
kills 4 -o compat=0.10
echo "leaks in $leaks images"
