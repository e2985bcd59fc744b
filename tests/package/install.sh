#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Debian package in one fresh root of Debian SUITE (bookworm or trixie), and installs, uses and removes it with apt
# in another one. By hand, since it takes some minutes; `sh tests/run.sh` makes and unpacks a package on this system only.
# Usage, as root: tests/package/install.sh SUITE
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"
. "$top/tests/root.sh"

[ $# -eq 1 ] || die "usage: install.sh SUITE"
root_possible || die "${root_why:?}"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
suite=$1
dir=$RVIVE_CACHE/package-$suite
trap 'root_remove "$dir"' EXIT
trap 'exit 1' HUP INT TERM
root_remove "$dir"
mkdir -p "$dir"

say "Building the package in a fresh $suite"
root_make "$suite" "$dir/build" minbase || die "mmdebstrap could not make a root of $suite"
mkdir "$dir/build/rvive"
root_enter --source "$top" "$dir/build" sh -eu -c '
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends dpkg-dev file >/dev/null
    sh /rvive/roms/setup.sh /rvive/roms/packages.txt >/dev/null
    cmake -S /rvive -B /build -G Ninja -DRVIVE_TESTS=OFF >/dev/null
    ninja -C /build
    mkdir /package
    cd /package
    cpack --config /build/CPackConfig.cmake' >&2

say "Installing, using and removing it in another fresh $suite"
root_make "$suite" "$dir/use" minbase || die "mmdebstrap could not make a root of $suite"
mkdir "$dir/use/package"
cp "$dir"/build/package/*.deb "$RVIVE_CACHE/guest/vmlinux" "$RVIVE_CACHE/guest/initramfs.cpio" "$dir/use/package"
# shellcheck disable=SC2016 # these are expanded in the root
root_enter "$dir/use" sh -eu -c '
    apt-get -qq update
    apt-get -qq install -y /package/*.deb >/dev/null
    dpkg -L rvive >/package/files
    dpkg -V rvive
    rvive -version
    rvive -m 512M -nographic -kernel /package/vmlinux -initrd /package/initramfs.cpio \
        -append "console=ttyS0 quiet rvive.test=poweroff"
    rvive-img create -q -f qcow2 /package/disk.qcow2 1G
    rvive-img info /package/disk.qcow2
    apt-get -qq purge -y rvive >/dev/null
    while read -r path; do
        [ -d "$path" ] || [ ! -e "$path" ] || { echo "$path is left" >&2; exit 1; }
    done </package/files
    for folder in /usr/lib/rvive /usr/share/doc/rvive; do
        [ ! -e $folder ] || { echo "$folder is left" >&2; exit 1; }
    done' </dev/null
echo "$suite: $(basename "$dir"/build/package/*.deb) was built, installed, used and removed"
