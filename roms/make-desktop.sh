#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes RVIVE_CACHE/desktop/: disk.qcow2, a Debian 13 with an Xfce desktop whose user (debian, no password, may use sudo) is
# logged in at the start, and the kernel and the initramfs that it boots with, which belong to the modules on the disk.
# Usage: roms/make-desktop.sh     does nothing if it is there; delete the folder to have it made again.
# RVIVE_EMULATOR: another emulator for the first boot. RVIVE_DESKTOP_SIZE: of the disk, default 16G (it grows as it is used).
# RVIVE_DESKTOP_PACKAGES: more packages, with commas between them.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"

desktop=$RVIVE_CACHE/desktop
[ ! -f "$desktop/disk.qcow2" ] || exit 0
sh "$top/roms/setup.sh" "$top/roms/packages.txt" "$top/roms/packages-rootfs.txt"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
build_rvive
new=$RVIVE_CACHE/desktop.new
rm -rf "$new"
mkdir -p "$new/overlay/usr/lib"

# The X server, the desktop, the programs that a person looks for first, and sound (PulseAudio starts in a tenth of the time
# that PipeWire's session manager takes). Without librsvg2-common the wallpaper and half of the icons are missing.
packages=xserver-xorg-core,xserver-xorg-input-libinput,x11-xserver-utils,lightdm,lightdm-gtk-greeter
packages=$packages,xfce4-session,xfwm4,xfce4-panel,xfdesktop4,xfce4-settings,xfce4-terminal,thunar,mousepad,ristretto
packages=$packages,xfce4-taskmanager,xfce4-appfinder,xfce4-notifyd,netsurf-gtk,elementary-xfce-icon-theme
packages=$packages,librsvg2-common,fonts-dejavu-core,dbus-user-session,sudo,bash-completion,ca-certificates
packages=$packages,sensible-utils,pulseaudio,libasound2-plugins,alsa-utils,xfce4-pulseaudio-plugin
packages=$packages,systemd-resolved,systemd-timesyncd

cp -r "$top/roms/desktop/." "$new/overlay/"
cp -r "$guest_dir/kernel/usr/lib/modules" "$new/overlay/usr/lib/"
RVIVE_ROOTFS_IMAGE=$new/disk.img RVIVE_ROOTFS_OVERLAY=$new/overlay RVIVE_ROOTFS_SIZE=${RVIVE_DESKTOP_SIZE:-16G} \
    RVIVE_ROOTFS_PACKAGES=$packages${RVIVE_DESKTOP_PACKAGES:+,$RVIVE_DESKTOP_PACKAGES} sh "$top/roms/make-rootfs.sh"

say "Making the disk"
progress=-p
[ -t 1 ] || progress=-q
"$top/build/rvive-img" convert $progress -f raw -O qcow2 "$new/disk.img" "$new/disk.qcow2"
cp "$guest_dir/vmlinux" "$new/"
# The screen's drivers are modules of the initramfs, so that it shows the boot.
cat "$guest_dir/initramfs.cpio" "$guest_dir/initramfs-screen.cpio" >"$new/initramfs.cpio"
rm -rf "$new/overlay" "$new/disk.img"
rm -rf "$desktop"
mv "$new" "$desktop"
say "$desktop is ready"
