#!/bin/sh
# SPDX-License-Identifier: MIT
# Enters a root and runs a command there. root_enter (root.sh) calls it in a mount and a process namespace of its own. That
# is why nothing is unmounted here: all mounts and all processes end with the namespace. The root sees no more of this host
# than a fresh machine has: its own /proc and /sys, the simplest devices, the network.
# Usage: root-enter.sh [--source FOLDER] DIR COMMAND...     FOLDER is /rvive in the root, read-only
set -eu
source=
[ "$1" != --source ] || { source=$2 && shift 2; }
root=$1
shift

# pivot_root needs a mount point, and user namespaces inside need a root that is no chroot.
mount --bind "$root" "$root"
[ -z "$source" ] || mount -o bind,ro "$source" "$root/rvive"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys" || mount --bind -o ro /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do
    ln -s "fd/${stream%:*}" "$root/dev/${stream#*:}"
done

cd "$root"
# In an initramfs chroot is the only way.
! pivot_root . . 2>/dev/null || umount -l .
# The first process of a namespace gets only those signals for which it has a handler.
trap 'exit 130' INT
trap 'exit 143' HUP TERM
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
    ${RVIVE_MIRROR:+"RVIVE_MIRROR=$RVIVE_MIRROR"} chroot . "$@"
