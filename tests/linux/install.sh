#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's own installer, from its first line to a machine that boots by itself. EDK2 starts it; it gets the packages through
# the user network from the mirror that the system's apt uses; preseed.cfg has the answers. The qcow2 disk is checked, and
# then EDK2 alone starts it, up to a login. Takes long, and needs the mirror, so tests/run.sh does not run it.
# Usage: sh tests/linux/install.sh [FOLDER]      the folder for the disk, the firmware's variables and the logs
#                                                (default: RVIVE_CACHE/install; a disk that is there is made again)
# Needs what tests/run.sh builds in build/. RVIVE_EMULATOR: another emulator, a command that takes the same arguments.
# RVIVE_PRESEED: a file with more answers, which a private mirror may need (guide to the installer, appendix B).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-}
set -- "${RVIVE_CONSOLE:-$top/build/tests/linux/console}" "$top/build/rvive"
. "$top/tests/linux/lib.sh"

img=$top/build/rvive-img
[ -x "$console" ] && [ -x "$img" ] || die "no $console or $img: build first (sh roms/run.sh --build-only; ninja -C build)"
sh "$top/roms/fetch-package.sh" installer
sh "$top/roms/fetch-package.sh" edk2
installer=$guest_dir/installer
folder=${folder:-$RVIVE_CACHE/install}
mkdir -p "$folder"
disk=$folder/disk.qcow2
rm -f "$disk" "$folder/installed"

# The answers: those of preseed.cfg, and the mirror, from the line of sources.list that was found to work.
apt_private_setup riscv64
mirror=$(sed -n 's/^deb .*\] \([^ ]*\) .*/\1/p' "$apt_dir/etc/sources.list")
case $mirror in
http://*/* | https://*/*) ;;
*) die "the installer can only use an http or https mirror, not $mirror; set RVIVE_MIRROR" ;;
esac
# A mirror may lack the installer's own packages though it lists them, and then the installer only says "retry".
parts=$mirror/dists/$guest_suite/main/debian-installer/binary-riscv64/Packages.gz
fetch() {
    /usr/lib/apt/apt-helper download-file "$1" "$2" >"$work/fetch.log" 2>&1 ||
        die "the mirror $mirror does not have ${1#"$mirror/"}, which the installer needs; set RVIVE_MIRROR to one that does"
}
fetch "$parts" "$work/Packages.gz"
fetch "$mirror/$(zcat "$work/Packages.gz" | sed -n '/^Package: partman-base$/,/^$/s/^Filename: //p')" "$work/partman.udeb"

protocol=${mirror%%:*}
host=${mirror#*://}
mkdir "$work/root"
{
    cat "$top/tests/linux/preseed.cfg" ${RVIVE_PRESEED:+"$RVIVE_PRESEED"}
    echo "d-i mirror/country string manual"
    echo "d-i mirror/protocol string $protocol"
    echo "d-i mirror/$protocol/hostname string ${host%%/*}"
    echo "d-i mirror/$protocol/directory string /${host#*/}"
    echo "d-i mirror/$protocol/proxy string"
    echo "d-i mirror/suite string $guest_suite"
} >"$work/root/preseed.cfg"
# An archive after a compressed one begins at a multiple of four.
{
    cat "$installer/initrd.gz"
    head -c $(((4 - $(stat -c %s "$installer/initrd.gz") % 4) % 4)) /dev/zero
    (cd "$work/root" && echo preseed.cfg | cpio --quiet -o -H newc --owner=0:0)
} >"$work/initrd"

"$img" create -f qcow2 "$disk" 6G >/dev/null
cp "$guest_dir/edk2/RISCV_VIRT_VARS.fd" "$folder/vars.fd"
firmware="-drive if=pflash,unit=0,format=raw,readonly=on,file=$guest_dir/edk2/RISCV_VIRT_CODE.fd
    -drive if=pflash,unit=1,format=raw,file=$folder/vars.fd"
machine="-M virt,acpi=off -m 1G -smp 2 -nographic -device virtio-rng-pci"

# run LOG SECONDS ARGUMENTS...: the machine under the console driver, with the script on standard input.
run() {
    run_log=$folder/$1
    run_seconds=$2
    shift 2
    # shellcheck disable=SC2086 # lists of words
    "$console" -t "$run_seconds" -o "$run_log" -- $emulator $machine $firmware "$@"
}

start=$(date +%s)
say "Installing; what it says is in $folder/install.log"
# A disk that is lost when the host crashes would be made again anyway, so nothing waits for the host's disk.
run install.log 14400 -kernel "$installer/linux" -initrd "$work/initrd" \
    -append "console=ttyS0 DEBIAN_FRONTEND=text auto=true priority=critical preseed/file=/preseed.cfg --- console=ttyS0" \
    -drive file="$disk",format=qcow2,cache=unsafe,if=none,id=hd0 -device virtio-blk-pci,drive=hd0 \
    -netdev user,id=net0 -device virtio-net-pci,netdev=net0 <<'SCRIPT'
timeout 900
expect EFI stub
expect Detecting network hardware
timeout 3600
expect Installing the base system
timeout 10800
expect Finishing the installation
timeout 1200
exit 0
SCRIPT
say "Installed in $(($(date +%s) - start)) s"
: >"$folder/installed"
"$img" check "$disk" || fail "the installed disk is not consistent"

say "Booting what was installed"
run boot.log 1200 -drive file="$disk",format=qcow2,if=none,id=hd0 -device virtio-blk-pci,drive=hd0 \
    -netdev user,id=net0 -device virtio-net-pci,netdev=net0 <<'SCRIPT'
timeout 900
expect GRUB
expect Debian GNU/Linux 13 rvive ttyS0
expect rvive login: 
send root\r
expect Password: 
send rvive\r
expect root@rvive:~
timeout 120
run systemctl is-system-running --wait | sed s/^/state-/
expect state-running
run dpkg --audit && apt-get check >/dev/null && echo packages-$((6*7))
expect packages-42
run cat /etc/fstab; df -h; ip -br address
run poweroff
exit 0
terminal
SCRIPT
"$img" check "$disk" || fail "the disk is not consistent"
say "Took $(($(date +%s) - start)) s; the disk is $disk"
