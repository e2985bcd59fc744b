#!/bin/sh
# SPDX-License-Identifier: MIT
# From a fresh checkout on a fresh Debian machine (12 or 13) to a shell in Debian 13's own riscv64 kernel: installs the
# packages that are missing, builds Rvive, fetches the kernel, makes an initramfs and boots it. Each step is skipped if its
# result is there. tests/fresh.sh tests this on a machine that has nothing installed.
# Usage: roms/run.sh [--fetch-only | --build-only | --debian | --screen | --desktop] [more arguments for rvive]
#   --fetch-only  stop after the packages, the kernel and the initramfs are there
#   --build-only  stop after that and the build
#   --debian      boot a whole Debian root, made first if it is not there (roms/make-rootfs.sh), instead of the initramfs
#   --screen      the same in a window, with a keyboard and a pointer (-vnc :1 if there is no desktop)
#   --desktop     a Debian with Xfce in a window, on a disk of its own, made first if it is not there (roms/make-desktop.sh)
# RVIVE_CACHE: the folder for downloads (default .cache). RVIVE_EMULATOR: another emulator, a command that takes the same
# arguments. RVIVE_MIRROR: a Debian mirror to use before the one that the system's apt uses.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

mode=run
case ${1:-} in
--fetch-only) mode=fetch && shift ;;
--build-only) mode=build && shift ;;
--debian) mode=debian && shift ;;
--screen) mode=screen && shift ;;
--desktop) mode=desktop && shift ;;
-h | --help) sed -n 's/^# //p' "$0" | sed 1d && exit 0 ;;
esac

sh "$top/roms/setup.sh" "$top/roms/packages.txt"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
[ $mode != fetch ] || exit 0
[ -n "${RVIVE_EMULATOR:-}" ] || build_rvive
# The default firmware is that of Debian 13, also on systems whose package is older, or has none for RV32.
if [ -d "$top/build" ] && sh "$top/roms/fetch-package.sh" opensbi; then
    mkdir -p "$top/build/firmware"
    cp "$guest_dir/opensbi"/* "$top/build/firmware"
fi
[ $mode != build ] || exit 0
initrd=$guest_dir/initramfs.cpio
console="-nographic"
if [ $mode = screen ]; then
    # The drivers are modules of the initramfs, so they are there before the root is.
    initrd=$guest_dir/initramfs-both.cpio
    cat "$guest_dir/initramfs.cpio" "$guest_dir/initramfs-screen.cpio" >"$initrd"
    console="-serial mon:stdio"
    set -- -append "console=ttyS0 console=tty0 root=/dev/vda" -device virtio-gpu-pci -device virtio-keyboard-pci \
        -device virtio-tablet-pci "$@"
fi
if [ $mode = debian ] || [ $mode = screen ]; then
    sh "$top/roms/make-rootfs.sh"
    set -- -m 1G -append "console=ttyS0 root=/dev/vda" -drive file="$RVIVE_CACHE/rootfs.img",if=none,format=raw,id=root \
        -device virtio-blk-device,drive=root "$@"
fi

if [ $mode = desktop ]; then
    sh "$top/roms/make-desktop.sh"
    # As many harts as the host has processors, up to four: a desktop has many processes, but few of them work at a time.
    harts=$(nproc)
    [ "$harts" -le 4 ] || harts=4
    console="-serial mon:stdio"
    guest_dir=$RVIVE_CACHE/desktop
    initrd=$guest_dir/initramfs.cpio
    set -- -name Debian -m 2G -smp "$harts" -append "console=ttyS0 console=tty0 quiet root=/dev/vda" \
        -drive file="$guest_dir/disk.qcow2",if=none,format=qcow2,discard=unmap,id=root -device virtio-blk-pci,drive=root \
        -device virtio-gpu-pci,xres=1280,yres=800 -device virtio-keyboard-pci -device virtio-tablet-pci \
        -device virtio-rng-pci -netdev user,id=net0 -device virtio-net-pci,netdev=net0 "$@"
    # Sound, if the emulator has it; if the host has no sound, the guest's is dropped.
    if ${RVIVE_EMULATOR:-$top/build/rvive} -device help | grep -q virtio-sound; then
        sound=none
        for place in /dev/snd/pcm* "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"/pipewire-0 \
            "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"/pulse/native; do
            [ ! -e "$place" ] || sound=sdl
        done
        set -- -audiodev $sound,id=sound -device virtio-sound-pci,audiodev=sound "$@"
    fi
fi

say "Booting. Ctrl-A X quits, Ctrl-A H lists the keys; poweroff in the guest ends it too."
exec ${RVIVE_EMULATOR:-$top/build/rvive} -M virt -m 512M -smp 2 $console \
    -kernel "$guest_dir/vmlinux" -initrd "$initrd" -append "console=ttyS0" "$@"
