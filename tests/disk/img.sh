#!/bin/sh
# SPDX-License-Identifier: MIT
# rvive-img against qemu-img: images that it makes are sound and read the same with qemu-img; both report the same facts; and
# if one of them has an image open for writing, the other refuses it.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/disk/lib.sh"
cases=0
ok() {
    cases=$((cases + 1))
}
quietly() {
    "$@" >out.log 2>&1 || { cat out.log >&2; fail "$*"; }
}
# refused WORD COMMAND...: it fails, with a message that has WORD in it
refused() {
    word=$1
    shift
    ! "$@" >out.log 2>&1 || fail "not refused: $*"
    grep -q -e "$word" out.log || { cat out.log >&2; fail "\"$word\" is not in the message of: $*"; }
    ok
}

# facts: an image's facts from JSON on standard input, one a line, sorted; without those of the nodes below it, which
# qemu-img reports since version 8
facts() {
    python3 -c '
import json, sys
def walk(value, name):
    if isinstance(value, dict):
        for key in value:
            if key != "children":
                walk(value[key], name + "." + key)
        if not value:
            facts.append(name)
    else:
        facts.append("%s %s" % (name, json.dumps(value)))
facts = []
walk(json.load(sys.stdin), "")
print("\n".join(sorted(facts)))'
}

head -c 6000128 /dev/urandom >data.raw
truncate -s 24M data.raw
printf 'end of the disk' | dd of=data.raw bs=1 seek=25165000 conv=notrunc 2>/dev/null
truncate -s 25166336 data.raw # not whole clusters

# create: every combination is sound and has the size
for options in "" compat=0.10 cluster_size=512 cluster_size=2M refcount_bits=1 refcount_bits=64,cluster_size=512 \
    lazy_refcounts=on compression_type=zstd; do
    for size in 512 1G 300G; do
        [ "$size" != 300G ] || case $options in *cluster_size=512*) continue ;; esac
        rm -f new.qcow2
        quietly "$img" create -q -f qcow2 ${options:+-o "$options"} new.qcow2 $size
        clean new.qcow2
        bytes=$(qemu-img info --output=json new.qcow2 | facts | sed -n 's/^\.virtual-size //p')
        wanted=$(echo $size | sed 's/512/512/; s/300G/322122547200/; s/^1G/1073741824/')
        [ "$bytes" = "$wanted" ] || fail "create $options $size: $bytes bytes"
        # and qemu can write to it
        quietly qemu-io -f qcow2 -c "write -P 1 0 512" new.qcow2
        clean new.qcow2
        ok
    done
done
refused "size is missing" "$img" create -f qcow2 new.qcow2
refused "512 to 2M" "$img" create -f qcow2 -o cluster_size=100 new.qcow2 1M
refused "need version" "$img" create -f qcow2 -o compat=0.10,lazy_refcounts=on new.qcow2 1M
refused "nothing" "$img" create -f qcow2 -o nothing=1 new.qcow2 1M
refused "preallocation=full" "$img" create -f qcow2 -o preallocation=full new.qcow2 1M
refused "format of its backing file" "$img" create -f qcow2 -b data.raw new.qcow2
refused "vdi" "$img" create -f vdi new.vdi 1M

# convert: there and back, by each of the two
for options in "" "-c" "-c -o compression_type=zstd" "-o compat=0.10" "-o cluster_size=4k" "-c -o cluster_size=512"; do
    rm -f image.qcow2 back.raw
    # shellcheck disable=SC2086
    quietly "$img" convert -f raw -O qcow2 $options data.raw image.qcow2
    clean image.qcow2
    same image.qcow2 qcow2 data.raw
    quietly "$img" convert -f qcow2 -O raw image.qcow2 back.raw
    cmp data.raw back.raw || fail "convert $options and back"
    # shellcheck disable=SC2086
    qemu-img convert -f raw -O qcow2 $options data.raw image.qcow2
    quietly "$img" convert -O raw image.qcow2 back.raw
    cmp data.raw back.raw || fail "qemu-img convert $options, and back"
    ok
done
compressed=$(stat -c %s image.qcow2)
[ "$compressed" -lt 7000000 ] || fail "zeros were stored: $compressed bytes"
refused "only qcow2" "$img" convert -c -O raw data.raw other.raw

# info: the same as qemu-img prints, except for space and order
rm -f over.qcow2
quietly "$img" create -f qcow2 -b data.raw -F raw over.qcow2
for file in image.qcow2 over.qcow2 data.raw; do
    "$img" info --output=json $file | facts >ours
    qemu-img info --output=json $file | facts >theirs
    diff ours theirs || fail "info --output=json $file"
    "$img" info $file >ours
    qemu-img info $file | sed '/^Child node/,$d' >theirs
    diff ours theirs || fail "info $file"
    ok
done
[ "$("$img" info --backing-chain over.qcow2 | grep -c ^image:)" = 2 ] || fail "info --backing-chain"

# overlays and commit
cp data.raw expected.raw
for offset in 0 65536 5000192 20000256 25165824; do
    dd if=/dev/urandom of=patch bs=512 count=1 2>/dev/null
    dd if=patch of=expected.raw bs=512 seek=$((offset / 512)) conv=notrunc 2>/dev/null
    quietly qemu-io -f qcow2 -c "write -s patch $offset 512" over.qcow2
done
same over.qcow2 qcow2 expected.raw
quietly qemu-io -f qcow2 -c "write -z 1M 64k" over.qcow2
dd if=/dev/zero of=expected.raw bs=64k seek=16 count=1 conv=notrunc 2>/dev/null
quietly "$img" convert -O raw over.qcow2 back.raw
cmp expected.raw back.raw || fail "convert of an overlay"
cp data.raw base.raw
quietly "$img" create -f qcow2 -b base.raw -F raw second.qcow2
quietly qemu-io -f qcow2 -c "write -P 7 3M 200k" second.qcow2
qemu-img convert -O raw second.qcow2 expected.raw
quietly "$img" commit second.qcow2
cmp base.raw expected.raw || fail "commit"
clean second.qcow2
same second.qcow2 qcow2 expected.raw
[ "$(qemu-img map --output=json second.qcow2 | grep -c '"depth": 0')" = 0 ] || fail "commit leaves data in the overlay"
refused "no backing file" "$img" commit image.qcow2
ok

# resize
rm -f image.qcow2
quietly "$img" convert -O qcow2 -o cluster_size=4k data.raw image.qcow2
cp data.raw expected.raw
quietly "$img" resize image.qcow2 +2G
truncate -s +2G expected.raw
clean image.qcow2
same image.qcow2 qcow2 expected.raw
refused "shrink" "$img" resize image.qcow2 3M
quietly "$img" resize --shrink image.qcow2 3M
clean image.qcow2
quietly "$img" resize image.qcow2 8M
truncate -s 3M expected.raw
truncate -s 8M expected.raw
same image.qcow2 qcow2 expected.raw
quietly "$img" resize -f raw --shrink back.raw -1M
ok

# check: leaks and damage are found, and repaired
# refcount OFFSET-OF-BLOCK INDEX VALUE: sets a refcount behind the image's back
damage() {
    printf "\\$(printf %03o $(($2 >> 8)))\\$(printf %03o $(($2 & 255)))" |
        dd of=image.qcow2 bs=1 seek=$((131072 + 2 * $1)) conv=notrunc 2>/dev/null
}
quietly "$img" convert -O qcow2 data.raw image.qcow2
damage 10 2
status=0
"$img" check image.qcow2 >out.log || status=$?
[ $status = 3 ] || fail "a leak is status $status"
grep -q "1 leaked clusters" out.log || fail "no leak is reported"
quietly "$img" check -r leaks image.qcow2
clean image.qcow2
damage 11 0
damage 12 0
status=0
"$img" check image.qcow2 >out.log || status=$?
[ $status = 2 ] || fail "damage is status $status"
quietly "$img" check -r all image.qcow2
clean image.qcow2
same image.qcow2 qcow2 data.raw
status=0
"$img" check -f raw data.raw 2>/dev/null || status=$?
[ $status = 63 ] || fail "check of a raw image is status $status"
ok

# an image that was not closed properly: its refcounts are repaired when it is opened next
damage 11 0
printf '\001' | dd of=image.qcow2 bs=1 seek=79 conv=notrunc 2>/dev/null
cp data.raw model.raw
quietly "$disk_io" random image.qcow2 qcow2 model.raw 1 40 unsafe
clean image.qcow2
same image.qcow2 qcow2 model.raw
ok

# features that rvive-img does not have are refused by name, and so is a loop
rm -f new.qcow2
qemu-img create -q -f qcow2 -o data_file=new.data new.qcow2 1M
refused "external data file" "$img" info new.qcow2
rm -f new.qcow2
qemu-img create -q -f qcow2 -o extended_l2=on new.qcow2 1M
refused "extended L2" "$img" info new.qcow2
rm -f new.qcow2
quietly "$img" create -u -f qcow2 -b new.qcow2 -F qcow2 new.qcow2 1M
refused "more than 64" "$img" convert -O raw new.qcow2 back.raw

# locks, both ways
mkfifo hold
quietly qemu-img create -q -f qcow2 image2.qcow2 1M
(exec 3<>hold; qemu-io -f qcow2 image2.qcow2 <&3 >/dev/null 2>&1) &
holder=$!
tries=0
while ! grep -q ":$(stat -c %i image2.qcow2) " /proc/locks && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
refused "in use by another" "$img" resize image2.qcow2 2M
refused "being written" "$img" info image2.qcow2
quietly "$img" info -U image2.qcow2
kill $holder
wait $holder 2>/dev/null || :
# qemu-io is a child of that shell
tries=0
while grep -q ":$(stat -c %i image2.qcow2) " /proc/locks && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    echo quit >hold &
    sleep 0.1
done
"$disk_io" forever image2.qcow2 qcow2 journal 1 &
holder=$!
tries=0
while ! grep -q ":$(stat -c %i image2.qcow2) " /proc/locks && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
refused "lock" qemu-img info image2.qcow2
refused "lock" qemu-io -f qcow2 -c "write 0 512" image2.qcow2
kill -KILL $holder
wait $holder 2>/dev/null || :
quietly qemu-img info image2.qcow2
ok

echo "$cases cases"
