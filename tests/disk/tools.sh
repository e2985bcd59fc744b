#!/bin/sh
# SPDX-License-Identifier: MIT
# rvive-img map, measure, compare, dd, rebase, amend and bench against qemu-img: both print the same about images of many
# kinds, and what one of them changes is sound, and reads the same, for the other.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/disk/lib.sh"
cases=0
quietly() {
    "$@" >out.log 2>&1 || { cat out.log >&2; fail "$*"; }
}
# refused WORD COMMAND...: it fails, with a message that has WORD in it
refused() {
    word=$1
    shift
    ! "$@" >out.log 2>&1 || fail "not refused: $*"
    grep -q -e "$word" out.log || { cat out.log >&2; fail "\"$word\" is not in the message of: $*"; }
    cases=$((cases + 1))
}
# both COMMAND ARGUMENTS...: the same output and the same status. qemu-img knows "compressed" of map since version 8.2.
both() {
    theirs=0 ours=0
    qemu-img "$@" >theirs 2>theirs.error || theirs=$?
    "$img" "$@" >ours 2>ours.error || ours=$?
    sed -i 's/, "compressed": [a-z]*//' theirs ours
    diff theirs ours >differences || { cat differences >&2; fail "$* prints something else"; }
    [ $theirs = $ours ] || fail "$*: status $ours, qemu-img has $theirs"
    cases=$((cases + 1))
}

# Images of many kinds: a base with a hole, overlays that are longer, clusters of zeroes, compressed clusters.
quietly qemu-img create -f raw base.raw 300k
quietly qemu-io -f raw -c "write -P 1 0 64k" -c "write -P 2 200k 4k" base.raw
for options in "" cluster_size=4k compat=0.10; do
    quietly qemu-img create -f qcow2 ${options:+-o $options} -b base.raw -F raw "over$options.qcow2" 1M
    quietly qemu-io -f qcow2 -c "write -P 3 64k 64k" -c "write -z 512k 64k" -c "write -P 9 640k 128k" \
        -c "write -z 640k 64k" "over$options.qcow2"
    quietly qemu-img create -f qcow2 -b "over$options.qcow2" -F qcow2 "top$options.qcow2" 2M
    quietly qemu-io -f qcow2 -c "write -P 5 8k 4k" -c "write -P 6 1500k 4k" "top$options.qcow2"
    quietly qemu-img convert -c -O qcow2 "top$options.qcow2" "packed$options.qcow2"
done
quietly qemu-img create -f qcow2 -o preallocation=metadata empty.qcow2 700M
images=$(echo base.raw empty.qcow2 over*.qcow2 top*.qcow2 packed*.qcow2)
for file in $images; do
    both map --output=json "$file"
    both map "$file"
    both map --output=json --start-offset=100k --max-length=1000k "$file"
    for options in "" cluster_size=512 cluster_size=2M refcount_bits=1,cluster_size=4k; do
        both measure -O qcow2 ${options:+-o $options} "$file"
        both measure --output=json -O qcow2 ${options:+-o $options} "$file"
    done
    both measure -O raw "$file"
    for other in base.raw empty.qcow2 top.qcow2 packed.qcow2; do
        both compare "$file" "$other"
        both compare -s "$file" "$other"
    done
done
for size in 0 512 1M 1G 3G 5T; do
    for options in "" cluster_size=2M refcount_bits=64 cluster_size=64k,refcount_bits=1; do
        both measure -O qcow2 ${options:+-o $options} --size $size
    done
done
both compare missing.raw base.raw
both compare -q base.raw empty.qcow2
refused "in the disk\|no more\|usage" "$img" map
refused "two\|usage" "$img" measure --size 1M base.raw
refused "unknown" "$img" measure -O vmdk --size 1M
cp top.qcow2 changed.qcow2
quietly qemu-io -f qcow2 -c "write -P 5 700001 1" changed.qcow2
both compare top.qcow2 changed.qcow2

# dd: the blocks behind those that are skipped (qemu-img 7.2 counts the skipped ones, too)
qemu-img convert -O raw top.qcow2 whole.raw
for part in "bs=4k" "bs=4k skip=3" "bs=64k count=2" "bs=1k skip=50 count=30" "bs=1M skip=1 count=5"; do
    # shellcheck disable=SC2086 # several arguments
    {
        "$img" dd $part if=top.qcow2 of=ours.raw
        dd $part if=whole.raw of=theirs.raw 2>/dev/null
    }
    cmp ours.raw theirs.raw || fail "dd $part"
    cases=$((cases + 1))
done
quietly "$img" dd -O qcow2 bs=64k skip=1 if=top.qcow2 of=ours.qcow2
clean ours.qcow2
tail -c +65537 whole.raw >part.raw
same ours.qcow2 qcow2 part.raw
refused "cannot skip" sh -c '"$1" dd bs=1M skip=9 if=top.qcow2 of=none.raw && false' - "$img"
refused "unknown" "$img" dd bs=1M seek=1 if=top.qcow2 of=none.raw

# rebase: the disk stays, whatever is below
quietly qemu-img create -f raw other.raw 500k
quietly qemu-io -f raw -c "write -P 1 0 32k" -c "write -P 7 100k 300k" other.raw
quietly qemu-img create -f qcow2 -b base.raw -F raw third.qcow2 3M
for options in "" cluster_size=4k compat=0.10; do
    for below in other.raw third.qcow2 ""; do
        cp "top$options.qcow2" moved.qcow2
        format=${below#*.}
        quietly "$img" rebase -f qcow2 -b "$below" ${below:+-F $format} moved.qcow2
        clean moved.qcow2
        same moved.qcow2 qcow2 whole.raw
        qemu-img info --output=json moved.qcow2 | tr -d ' ",' | sed -n 's/^backing-filename://p' >named
        [ "$(head -n 1 named)" = "$below" ] || fail "rebase: its backing file is $(cat named), not $below"
        quietly "$img" rebase -u -b base.raw -F raw moved.qcow2
        quietly qemu-img rebase -u -b "$below" ${below:+-F $format} moved.qcow2
        same moved.qcow2 qcow2 whole.raw
        cases=$((cases + 1))
    done
done
refused "format of its backing" "$img" rebase -b other.raw top.qcow2
refused "No such file" "$img" rebase -b missing.raw -F raw top.qcow2
refused "only qcow2" "$img" rebase -b base.raw -F raw other.raw
long=$(printf '%01000d' 0)
quietly qemu-img create -f qcow2 -o cluster_size=512 small.qcow2 1M
refused "does not fit" "$img" rebase -u -b "$long" -F raw small.qcow2
clean small.qcow2

# amend
cp topcompat=0.10.qcow2 old.qcow2
quietly "$img" amend -o compat=1.1,lazy_refcounts=on old.qcow2
clean old.qcow2
same old.qcow2 qcow2 whole.raw
qemu-img info old.qcow2 >info
grep -q "compat: 1.1" info && grep -q "lazy refcounts: true" info && grep -q "backing file: overcompat=0.10.qcow2" info ||
    { cat info >&2; fail "amend"; }
quietly qemu-io -f qcow2 -c "write -P 8 0 64k" old.qcow2
clean old.qcow2
quietly "$img" amend -o lazy_refcounts=off,size=4M,backing_file=over.qcow2,backing_fmt=qcow2 old.qcow2
clean old.qcow2
qemu-img info old.qcow2 >info
grep -q "lazy refcounts: false" info && grep -q "4194304 bytes" info && grep -q "backing file: over.qcow2" info ||
    { cat info >&2; fail "amend, again"; }
refused "older version" "$img" amend -o compat=0.10 old.qcow2
refused "cannot be changed" "$img" amend -o cluster_size=4k old.qcow2
refused "no options" "$img" amend -o size=1M base.raw

# bench
quietly "$img" bench -c 200 -d 4 top.qcow2
grep -q "Sending 200 read requests, 4096 bytes each, 4 in parallel (starting at offset 0, step size 4096)" out.log &&
    grep -q "Run completed in [0-9.]* seconds." out.log || fail "bench: $(cat out.log)"
quietly "$img" bench -w -c 64 -d 3 -s 16k -S 32k --pattern=7 --flush-interval=10 changed.qcow2
clean changed.qcow2
qemu-io -r -f qcow2 -c "read -P 7 32k 16k" changed.qcow2 >out.log
! grep -q "failed" out.log || fail "bench -w: $(cat out.log)"
refused "within the disk" "$img" bench -s 8M top.qcow2
echo "$cases cases"
