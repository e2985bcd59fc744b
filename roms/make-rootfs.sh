#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes RVIVE_CACHE/rootfs.img: a whole Debian 13 for riscv64 on an ext4 disk, that boots to systemd's login prompt on the
# serial console (user root, no password, host name rvive). mmdebstrap extracts the packages here, without root; what must
# run as riscv64 code, the configuration of the packages, runs in Rvive itself at a first boot.
# Usage: roms/make-rootfs.sh     nothing is done when the image is there; delete it to have it made again.
# RVIVE_EMULATOR: another emulator for the first boot. RVIVE_ROOTFS_SIZE: of the disk, default 2G (the file is sparse).
# RVIVE_ROOTFS_PACKAGES: more packages, with commas between. RVIVE_ROOTFS_IMAGE: where to make it instead.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

image=${RVIVE_ROOTFS_IMAGE:-$RVIVE_CACHE/rootfs.img}
[ ! -f "$image" ] || exit 0
sh "$top/roms/setup.sh" "$top/roms/packages.txt" "$top/roms/packages-rootfs.txt"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
[ -n "${RVIVE_EMULATOR:-}" ] || build_rvive
apt_private_setup riscv64

packages=systemd-sysv,udev,dbus,apt,kmod,procps,iproute2,iputils-ping,less,nano
packages=$packages${RVIVE_ROOTFS_PACKAGES:+,$RVIVE_ROOTFS_PACKAGES}
work=$image.work
log=${image%.img}.log
rm -rf "$work" "$image.new"
mkdir "$work"

say "Fetching and extracting Debian's packages"
# Owners and device nodes exist only inside one fakeroot, so the file system is made in it too.
mirror=$(cut -d']' -f2 "$RVIVE_CACHE/apt-riscv64/etc/sources.list") \
    top=$top work=$work image=$image packages=$packages keyring=$guest_keyring suite=$guest_suite \
    size=${RVIVE_ROOTFS_SIZE:-2G} fakeroot sh -eu -c '
        mmdebstrap --quiet --mode=root --variant=extract --architectures=riscv64 \
            --include="?essential" --include="?priority(required)" --include="$packages" \
            --extract-hook="sh \"$top/roms/rootfs-database.sh\" \"\$1\"" \
            "$suite" "$work/root" "deb [signed-by=$keyring] $mirror" >"$work/log" 2>&1 ||
            { cat "$work/log" >&2; exit 1; }
        cp "$top/roms/rootfs-setup.sh" "$work/root/rootfs-setup"
        chmod 755 "$work/root/rootfs-setup"
        truncate -s "$size" "$image.new"
        mkfs.ext4 -q -L rvive-root -d "$work/root" "$image.new"
    ' || die "the root could not be extracted"
rm -rf "$work"

say "Configuring the packages in the guest (this takes a few minutes)"
${RVIVE_EMULATOR:-$top/build/rvive} -M virt -m 1G -smp 2 -nographic -no-reboot \
    -kernel "$guest_dir/vmlinux" -initrd "$guest_dir/initramfs.cpio" \
    -append "console=ttyS0 quiet root=/dev/vda init=/rootfs-setup" \
    -drive file="$image.new",if=none,format=raw,id=root -device virtio-blk-device,drive=root \
    </dev/null >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the first boot failed"; }
grep -q '^rootfs-setup: done' "$log" ||
    { tail -n 40 "$log" >&2; die "the first boot failed; its log is $log"; }
mv "$image.new" "$image"
say "$image is ready"
