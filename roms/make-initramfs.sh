#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes RVIVE_CACHE/guest/initramfs.cpio from what fetch-kernel.sh left: busybox, roms/initramfs-init.sh as /init, and the
# kernel modules for the board's devices and ext4, unpacked (the host does this faster) and in loading order. The modules for
# a screen, a keyboard and pointers are in initramfs-screen.cpio, which is appended if they are needed, those for sound in
# initramfs-sound.cpio, and those for NVMe in initramfs-nvme.cpio.
# Not compressed: an emulated machine would only lose time with it. Made again if the kernel or the init is newer.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

modules="virtio_mmio virtio_blk virtio_rng virtio_net 9pnet_virtio 9p ext4"
# These are large, so they go into initramfs-screen.cpio, -sound.cpio and -nvme.cpio, to be appended to the other.
screen_modules="virtio_gpu bochs virtio_input evdev"
sound_modules="virtio_snd"
nvme_modules="nvme"
initramfs=$guest_dir/initramfs.cpio

[ -f "$guest_dir/vmlinux" ] || die "no kernel in $guest_dir: run roms/fetch-kernel.sh first"
stale=$(find "$guest_dir/vmlinux" "$top/roms/initramfs-init.sh" "$0" -newer "$initramfs" 2>/dev/null || echo missing)
[ -n "$stale" ] || exit 0

say "Making the initramfs"
work=$guest_dir/initramfs.new
rm -rf "$work"
mkdir -p "$work/root/bin" "$work/root/modules" "$work/screen/modules/screen" "$work/sound/modules/sound" \
    "$work/nvme/modules/nvme"
cp "$guest_dir/busybox" "$work/root/bin/busybox"
cp "$top/roms/initramfs-init.sh" "$work/root/init"
chmod 755 "$work/root/init" "$work/root/bin/busybox"

# depmod and modprobe expect the modules under lib/modules of a root.
[ -e "$guest_dir/kernel/lib" ] || ln -s usr/lib "$guest_dir/kernel/lib"
release=$(ls "$guest_dir/kernel/usr/lib/modules")
depmod -b "$guest_dir/kernel" "$release" || die "depmod failed for $release"

# pack DIR MODULE...: unpacks the modules and those that they need into DIR with a list, without those that were packed
# before.
: >"$work/packed"
pack() {
    pack_dir=$1
    shift
    : >"$work/list"
    for module; do
        modprobe -d "$guest_dir/kernel" -S "$release" --show-depends "$module" >>"$work/list" ||
            die "kernel $release has no module $module"
    done
    # Lines are "insmod PATH" or "builtin NAME".
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$work/list" | grep -vxF -f "$work/packed" >"$work/paths" || :
    while read -r path; do
        file=${path##*/}
        case $file in
        *.ko.xz) file=${file%.xz} && xz -dc "$path" >"$pack_dir/$file" ;;
        *.ko) cp "$path" "$pack_dir/$file" ;;
        *) die "do not know how to unpack the module $path" ;;
        esac
        echo "$file" >>"$pack_dir/order"
    done <"$work/paths"
    cat "$work/paths" >>"$work/packed"
}
pack "$work/root/modules" $modules
pack "$work/screen/modules/screen" $screen_modules
pack "$work/sound/modules/sound" $sound_modules
pack "$work/nvme/modules/nvme" $nvme_modules

(cd "$work/screen" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0) >"$guest_dir/initramfs-screen.cpio"
(cd "$work/sound" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0) >"$guest_dir/initramfs-sound.cpio"
(cd "$work/nvme" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0) >"$guest_dir/initramfs-nvme.cpio"
(cd "$work/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0) >"$initramfs.new"
mv "$initramfs.new" "$initramfs"
rm -rf "$work"
