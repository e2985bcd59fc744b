#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's network installer starts, draws its menus on the serial line, takes answers, and gets an address from the user
# network. No mirror is asked. (install.sh continues from there, and takes longer.) A third argument is rvive-img.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

installer=$guest_dir/installer
[ -f "$installer/linux" ] || die "no installer: run roms/fetch-package.sh installer first"
"$3" create -q -f qcow2 "$work/disk.qcow2" 4G

drive 900 -M virt -m 512M -smp 2 -nographic -kernel "$installer/linux" -initrd "$installer/initrd.gz" \
    -append "console=ttyS0" -drive file="$work/disk.qcow2",if=none,id=hd0 -device virtio-blk-pci,drive=hd0 \
    -nic user,model=virtio-net-pci <<'SCRIPT'
timeout 400
expect Select a language
expect English
send \r
expect Select your location
send \r
expect Configure the keyboard
send \r
expect Configuring the network with DHCP
expect Configure the network
expect enter the hostname
send \r
expect domain name
send \x01x
exit 0
terminal
SCRIPT
