#!/bin/sh
# SPDX-License-Identifier: MIT
# Which backing files a qcow2 image may name: sh backing.sh RVIVE RVIVE_IMG. A file in the image's own folder, or one that
# the command line allows; no path, link or chain leads to any other. rvive-img follows all names.
set -u
rvive=$1
img=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
failures=0
work=$(cd "$work" && pwd -P)

complain() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# overlay IMAGE NAME FORMAT: an image that names that backing file, which need not exist.
overlay() {
    "$img" create -q -u -f qcow2 -b "$2" -F "$3" "$1" 1M || complain "cannot make $1"
}

# start ARGUMENTS...: starts a machine with these, which ends at once.
start() {
    echo quit | timeout 60 "$rvive" -bios none -display none -serial null -monitor stdio -nic none "$@" \
        >"$work/out" 2>"$work/err"
}

refused() {
    named=$1
    shift
    start "$@"
    status=$?
    test $status -eq 1 || complain "$*: status $status, not 1"
    test "$(wc -l <"$work/err")" -eq 1 || complain "$*: $(cat "$work/err")"
    grep -qF -e "$named" "$work/err" || complain "$*: \"$named\" is not in: $(cat "$work/err")"
}

allowed() {
    start "$@" || complain "$*: $(cat "$work/err")"
}

mkdir "$work/vm" "$work/vm/below" "$work/far" "$work/farther"
cd "$work/vm" || exit 1
for file in base.raw below/base.raw ../far/secret.raw ../farther/secret.raw; do head -c 1048576 /dev/zero >$file; done
ln -s ../far/secret.raw link.raw
ln -s ../far folder
secret=$work/far/secret.raw

overlay beside.qcow2 base.raw raw
overlay beside-absolute.qcow2 "$work/vm/base.raw" raw
overlay below.qcow2 below/base.raw raw
overlay round.qcow2 ../vm/base.raw raw
for image in beside beside-absolute below round; do allowed -drive file=$image.qcow2,if=virtio; done
allowed -drive file="$work/vm/beside.qcow2",if=virtio,format=qcow2
(cd / && allowed -drive file="$work/vm/beside.qcow2",if=virtio)

overlay absolute.qcow2 "$secret" raw
overlay up.qcow2 ../far/secret.raw raw
overlay tricky.qcow2 below/../../far/secret.raw raw
overlay link.qcow2 link.raw raw
overlay folder.qcow2 folder/secret.raw raw
overlay scheme.qcow2 "file:$secret" raw
for image in absolute up tricky link folder scheme; do
    refused "backing=$secret" -drive file=$image.qcow2,if=virtio
    refused "backing=$secret" -drive file="$work/vm/$image.qcow2",if=virtio,snapshot=on
    refused "backing=$secret" -drive file=$image.qcow2,if=virtio,backing="$work/farther/secret.raw"
    refused "backing=$secret" -drive file=$image.qcow2,if=virtio,backing="$work/fa"
    refused "backing=$secret" -blockdev driver=qcow2,file.filename=$image.qcow2,node-name=n -device virtio-blk-device,drive=n
    allowed -drive file=$image.qcow2,if=virtio,backing="$secret"
    allowed -drive "file=$image.qcow2,if=virtio,backing=$work/farther,backing=$work/far/"
    allowed -drive file=$image.qcow2,if=virtio,backing=../far
    allowed -drive file=$image.qcow2,if=virtio,backing=/
    allowed -blockdev driver=file,filename="$secret",node-name=b,read-only=on \
        -blockdev driver=qcow2,file.filename=$image.qcow2,node-name=n,backing=b -device virtio-blk-device,drive=n
    test $image = scheme || "$img" info --backing-chain $image.qcow2 >"$work/out" 2>&1 ||
        complain "rvive-img info $image: $(cat "$work/out")"
done

# A chain: a file that an image of the folder names is checked, too, and what is allowed is allowed for the whole chain.
overlay chain.qcow2 absolute.qcow2 qcow2
refused "backing=$secret" -drive file=chain.qcow2,if=virtio
allowed -drive file=chain.qcow2,if=virtio,backing="$secret"
overlay ../far/middle.qcow2 "$work/farther/secret.raw" raw
overlay long.qcow2 ../far/middle.qcow2 qcow2
refused "backing=$work/far/middle.qcow2" -drive file=long.qcow2,if=virtio
refused "backing=$work/farther/secret.raw" -drive file=long.qcow2,if=virtio,backing="$work/far/middle.qcow2"
allowed -drive "file=long.qcow2,if=virtio,backing=$work/far/middle.qcow2,backing=$work/farther"

# A raw disk, opened without format=, into which the guest has written a qcow2 header.
cp absolute.qcow2 guessed.img
refused "backing=$secret" -drive file=guessed.img,if=virtio
allowed -drive file=guessed.img,if=virtio,format=raw

# The image below is described on the command line, in place of what the image names; null: there is none.
nodes=driver=qcow2,node-name=n,file.filename=absolute.qcow2
allowed -drive file=absolute.qcow2,if=virtio,backing.file.filename=base.raw
allowed -drive file=absolute.qcow2,if=virtio,backing.driver=raw,backing.file.filename="$work/farther/secret.raw"
allowed -drive file=chain.qcow2,if=virtio,backing.file.filename=absolute.qcow2,backing="$secret"
refused "backing=$secret" -drive file=chain.qcow2,if=virtio,backing.file.filename=absolute.qcow2
refused "no backing file" -drive file=base.raw,if=virtio,backing.file.filename=base.raw
allowed -blockdev $nodes,backing.driver=raw,backing.file.filename=base.raw -device virtio-blk-device,drive=n
allowed -blockdev '{"driver":"qcow2","node-name":"n","file":{"driver":"file","filename":"absolute.qcow2"},"backing":null}' \
    -device virtio-blk-device,drive=n
refused "none.raw" -blockdev $nodes,backing.driver=raw,backing.file.filename=none.raw -device virtio-blk-device,drive=n

for name in nbd:localhost:10809 'json:{"driver":"file"}' nbd://localhost/x http://localhost/x fat:/etc; do
    overlay protocol.qcow2 "$name" raw
    refused "not a file of this host" -drive file=protocol.qcow2,if=virtio,backing=/
done
overlay missing.qcow2 ../far/none.raw raw
refused "../far/none.raw" -drive file=missing.qcow2,if=virtio
refused "backing" -drive file=beside.qcow2,if=virtio,backing=

echo "$failures failures"
test $failures -eq 0
