#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches Debian's own riscv64 kernel with its modules, and a static busybox. Does nothing if they are there. Leaves
# RVIVE_CACHE/guest/vmlinux (the kernel exactly as packaged), guest/kernel/ (the unpacked package) and guest/busybox.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

if [ -f "$guest_dir/vmlinux" ] && [ -x "$guest_dir/busybox" ]; then
    exit 0
fi
apt_private_setup riscv64
# The meta package only names the current kernel's package.
kernel=$(apt_private riscv64 apt-cache depends linux-image-riscv64 | sed -n 's/^ *Depends: *\(linux-image-[^ ]*\).*/\1/p')
[ -n "$kernel" ] || die "$guest_suite has no linux-image-riscv64"
say "Fetching $kernel and busybox-static"
rm -rf "$guest_dir/new"
apt_fetch riscv64 "$guest_dir/new/debs" "$kernel" busybox-static
say "Unpacking"
apt_unpack "$guest_dir/new/kernel" "$guest_dir"/new/debs/linux-image-*.deb
apt_unpack "$guest_dir/new/busybox" "$guest_dir"/new/debs/busybox-static_*.deb
image=$(find "$guest_dir/new/kernel/boot" -name 'vmlinu[xz]-*')
[ -f "$image" ] || die "$kernel does not hold one kernel image under /boot"
rm -rf "$guest_dir/kernel" "$guest_dir/initramfs.cpio"
cp "$image" "$guest_dir/vmlinux.new"
mv "$guest_dir/new/kernel" "$guest_dir/kernel"
cp "$guest_dir"/new/busybox/usr/bin/busybox "$guest_dir/busybox"
mv "$guest_dir/vmlinux.new" "$guest_dir/vmlinux"
rm -rf "$guest_dir/new"
