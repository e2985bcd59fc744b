#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes DIR/root.img: the Debian root of roms/make-rootfs.sh with the packages of packages-guest.txt added, and with the
# scripts and rvbench in /bench. The image is made once; /bench is written again at each call.
# Usage: make-root.sh DIR     DIR has initramfs/bench/rvbench. RVIVE_EMULATOR is the emulator that configures the packages.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
here=$top/tests/bench
bench=$1
image=$bench/root.img

packages=$(sed 's/#.*//' "$here/packages-guest.txt" | awk 'NF { printf "%s%s", comma, $1; comma = "," }')
RVIVE_ROOTFS_IMAGE=$image RVIVE_ROOTFS_SIZE=4G RVIVE_ROOTFS_PACKAGES=$packages sh "$top/roms/make-rootfs.sh"

# The journal is replayed first, since debugfs does not do that. Status 1 means "errors corrected".
e2fsck -fp "$image" >"$bench/root-debugfs.log" 2>&1 || [ $? -eq 1 ] ||
    { cat "$bench/root-debugfs.log" >&2; die "$image is damaged; delete it to have it made again"; }
{
    # This must not happen twice: debugfs would leave a directory without a name.
    debugfs -R "stat /bench" "$image" 2>/dev/null | grep -q "Type: directory" || echo "mkdir /bench"
    for file in "$bench/initramfs/bench/rvbench" "$here/guest/real.sh" "$here/guest/init.sh" "$here"/real/*; do
        name=/bench/${file##*/}
        printf 'rm %s\nwrite %s %s\nset_inode_field %s mode 0100755\n' "$name" "$file" "$name" "$name"
    done
} >"$bench/root.commands"
debugfs -w -f "$bench/root.commands" "$image" >"$bench/root-debugfs.log" 2>&1 || die "cannot write into $image"
# debugfs continues after an error, so the result is checked.
debugfs -R "cat /bench/rvbench" "$image" 2>/dev/null | cmp -s - "$bench/initramfs/bench/rvbench" ||
    { tail -n 5 "$bench/root-debugfs.log" >&2; die "rvbench did not get into $image"; }
