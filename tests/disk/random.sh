#!/bin/sh
# SPDX-License-Identifier: MIT
# Random operations on qcow2 images of many kinds that qemu-img made, with writes of qemu-io in between: what is read is
# right, qemu-img reads the same, and both checks find the images clean. RVIVE_SEED repeats a run.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/disk/lib.sh"
seed=${RVIVE_SEED:-$(date +%s)}
echo "seed $seed (RVIVE_SEED=$seed repeats this)"

size=33554432
head -c 12000256 /dev/urandom >base.raw
truncate -s 20M base.raw
qemu-img convert -f raw -O qcow2 -c base.raw base.qcow2
qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd base.raw zstd.qcow2

# make_model: makes the raw file that equals the disk in image.qcow2.
make_model() {
    rm -f model.raw
    qemu-img convert -f qcow2 -O raw image.qcow2 model.raw
}

# case NAME COUNT CACHE OPTIONS-OF-CREATE...
one() {
    name=$1 count=$2 cache=$3
    shift 3
    rm -f image.qcow2
    qemu-img create -q -f qcow2 "$@" image.qcow2 $size
    make_model
    "$disk_io" random image.qcow2 qcow2 model.raw "$seed" "$count" "$cache" || fail "$name: disk_io (seed $seed)"
    clean image.qcow2
    same image.qcow2 qcow2 model.raw
    # qemu writes and takes a snapshot; then the operations run once more
    offset=$((seed % 30000000 / 512 * 512))
    qemu-io -f qcow2 -c "write -P 0x5a $offset 700000" -c "discard 4M 1M" -c "write -z 9M 64k" image.qcow2 >/dev/null
    qemu-img snapshot -c before image.qcow2
    qemu-img convert -f qcow2 -O raw image.qcow2 before.raw
    make_model
    seed=$((seed + 1))
    "$disk_io" random image.qcow2 qcow2 model.raw "$seed" "$count" "$cache" || fail "$name: disk_io with a snapshot"
    clean image.qcow2
    same image.qcow2 qcow2 model.raw
    qemu-img snapshot -a before image.qcow2
    same image.qcow2 qcow2 before.raw
    clean image.qcow2
    seed=$((seed + 1))
    echo "$name: ok"
}

one plain 800 writeback
one small-clusters 600 writeback -o cluster_size=512
one 4k-clusters 800 unsafe -o cluster_size=4k
one large-clusters 300 writeback -o cluster_size=2M
one version-2 600 unsafe -o compat=0.10
one lazy 800 writeback -o lazy_refcounts=on
one refcounts-8 500 unsafe -o refcount_bits=8
one refcounts-2 500 unsafe -o refcount_bits=2,cluster_size=1k
one refcounts-64 500 unsafe -o refcount_bits=64,cluster_size=4k
one on-raw 800 writeback -b base.raw -F raw
one on-compressed 600 writeback -b base.qcow2 -F qcow2
one on-zstd 600 unsafe -b zstd.qcow2 -F qcow2 -o cluster_size=8k
one version-2-on-raw 600 unsafe -o compat=0.10 -b base.raw -F raw
one preallocated 600 writeback -o preallocation=metadata
one direct 200 none
one writethrough 60 writethrough
one directsync 40 directsync -o cluster_size=4k

# images with compressed clusters
for type in zlib zstd; do
    qemu-img convert -f raw -O qcow2 -c -o compression_type=$type base.raw image.qcow2
    make_model
    "$disk_io" random image.qcow2 qcow2 model.raw "$seed" 500 unsafe || fail "compressed ($type): disk_io (seed $seed)"
    clean image.qcow2
    same image.qcow2 qcow2 model.raw
    echo "compressed with $type: ok"
done

# raw images, with the same operations
truncate -s 20M image.raw
for cache in writeback none; do
    cp image.raw model.raw
    "$disk_io" random image.raw raw model.raw "$seed" 500 $cache || fail "raw: disk_io (seed $seed)"
    cmp image.raw model.raw || fail "raw, $cache"
    echo "raw, $cache: ok"
done
