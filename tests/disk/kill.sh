#!/bin/sh
# SPDX-License-Identifier: MIT
# Writers that are killed (SIGKILL) at random moments: after each kill, qemu-img finds the image consistent, and every sector
# that was flushed is there. Few kills may leave clusters that are counted and not used: 1 of 20 or, since that is a matter of
# chance, 8 of 100. The images lie in memory where there is a file system for that: on a disk that others keep busy too, the
# host makes a writer wait in the middle of its writes, as long as it likes, and most kills hit it there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/disk/lib.sh"
seed=${RVIVE_SEED:-$(date +%s)}
echo "seed $seed (RVIVE_SEED=$seed repeats the writes)"

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

# round: 20 kills, in images of three kinds.
round() {
    kills 10
    kills 6 -b base.raw -F raw -o cluster_size=4k
    kills 4 -o cluster_size=512,refcount_bits=8
}

# Version 2 has no dirty bit: its tables are written in order, with a flush in between. On a disk this takes long enough for
# kills to hit it, and it may leave such clusters.
kills 4 -o compat=0.10
echo "version 2: leaks in $leaks of 4 images"

if [ -w /dev/shm ]; then
    memory=$(mktemp -d -p /dev/shm)
    trap 'rm -rf "$work" "$memory"' EXIT
    cd "$memory"
fi
head -c 8388608 /dev/urandom >base.raw
leaks=0
round
if [ $leaks -gt 1 ]; then
    echo "leaks in $leaks of 20 images; 80 more"
    round && round && round && round
    [ $leaks -le 8 ] || fail "$leaks of 100 images had leaked clusters"
fi
echo "leaks in $leaks images"
