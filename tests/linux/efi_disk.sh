#!/bin/sh
# SPDX-License-Identifier: MIT
# A Debian that was installed onto a partitioned qcow2 disk starts from it, with no kernel on the command line: through EDK2
# in flash, and through OpenSBI and U-Boot. It tests what install.sh tests with Debian's installer, for mirrors that lack the
# installer's parts. Debian's packages are extracted as by roms/make-rootfs.sh; a guest partitions the disk, copies itself
# there and runs grub-install. Takes some minutes, and needs the mirror the first time, so tests/run.sh does not run it.
# Usage: sh tests/linux/efi_disk.sh [FOLDER]     the folder for the disk and the logs (default: RVIVE_CACHE/efi)
# Needs what tests/run.sh builds in build/. If the disk is there, it is booted again; delete it to have it made again.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-}
set -- "${RVIVE_CONSOLE:-$top/build/tests/linux/console}" "$top/build/rvive"
. "$top/tests/linux/lib.sh"

img=$top/build/rvive-img
uboot=${RVIVE_UBOOT:-/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf}
[ -x "$console" ] && [ -x "$img" ] || die "no $console or $img: build first (sh roms/run.sh --build-only; ninja -C build)"
[ -f "$uboot" ] || die "no $uboot: install u-boot-qemu"
sh "$top/roms/fetch-package.sh" edk2
folder=${folder:-$RVIVE_CACHE/efi}
disk=$folder/disk.qcow2
mkdir -p "$folder"

# The guest's part: makes a disk like that of Debian's installer.
install_script() {
    cat <<'END_OF_SCRIPT'
#!/bin/sh
set -eux
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
trap 'sync; sleep 1; echo o >/proc/sysrq-trigger; sleep 60' EXIT
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
printf 'label: gpt\nsize=64M, type=U\ntype=L\n' | sfdisk -q /dev/vdb
mkfs.vfat -n EFI /dev/vdb1
mkfs.ext4 -q -L debian /dev/vdb2
mkdir -p /run/to
mount /dev/vdb2 /run/to
cp -ax / /run/to
mkdir -p /run/to/boot/efi
mount /dev/vdb1 /run/to/boot/efi
printf 'LABEL=debian / ext4 defaults,noatime 0 1\nLABEL=EFI /boot/efi vfat umask=0077 0 1\n' >/run/to/etc/fstab
printf 'GRUB_TIMEOUT=1\nGRUB_TERMINAL=console\nGRUB_CMDLINE_LINUX="console=ttyS0"\n' >/run/to/etc/default/grub
rm -f /run/to/rootfs-install
for folder in dev proc sys; do mount --bind /$folder /run/to/$folder; done
# udev would have made this link: with it GRUB writes the UUID into its configuration, not /dev/vdb2.
mkdir -p /dev/disk/by-uuid
ln -s ../../vdb2 "/dev/disk/by-uuid/$(blkid -s UUID -o value /dev/vdb2)"
chroot /run/to grub-install --target=riscv64-efi --efi-directory=/boot/efi --removable --no-nvram
chroot /run/to update-grub
umount /run/to/dev /run/to/proc /run/to/sys /run/to/boot/efi /run/to
echo "installed: done"
END_OF_SCRIPT
}

make_disk() {
    mkdir "$work/overlay"
    install_script >"$work/overlay/rootfs-install"
    chmod 755 "$work/overlay/rootfs-install"
    rm -f "$folder/root.img" "$disk.new"
    packages=linux-image-riscv64,initramfs-tools,zstd,grub-efi-riscv64-bin
    RVIVE_ROOTFS_IMAGE=$folder/root.img RVIVE_ROOTFS_SIZE=4G RVIVE_ROOTFS_OVERLAY=$work/overlay \
        RVIVE_ROOTFS_PACKAGES="$packages,grub2-common,dosfstools,fdisk,e2fsprogs" \
        sh "$top/roms/make-rootfs.sh"
    say "Installing it on $disk"
    "$img" create -q -f qcow2 "$disk.new" 4G
    timeout -s KILL 3600 $emulator -M virt -m 1G -smp 2 -nographic -no-reboot -kernel "$vmlinux" -initrd "$initramfs" \
        -append "console=ttyS0 quiet root=/dev/vda init=/rootfs-install" \
        -drive file="$folder/root.img",format=raw,snapshot=on,if=none,id=root -device virtio-blk-pci,drive=root,addr=4 \
        -drive file="$disk.new",format=qcow2,if=none,id=disk -device virtio-blk-pci,drive=disk,addr=5 \
        </dev/null >"$folder/install.log" 2>&1 || fail "the guest failed: $folder/install.log"
    grep -q '^installed: done' "$folder/install.log" || { tail -n 20 "$folder/install.log" >&2 && fail "nothing installed"; }
    "$img" check -q "$disk.new" || fail "the disk is not consistent"
    mv "$disk.new" "$disk"
    rm -f "$folder/root.img"
}

# boot LOG ARGUMENTS...: boots to the login prompt and powers off, with the disk on PCI.
boot() {
    boot_log=$folder/$1
    shift
    "$console" -t 1200 -o "$boot_log" -- $emulator -m 1G -smp 2 -nographic -device virtio-rng-pci \
        -drive file="$disk",format=qcow2,if=none,id=hd0 -device virtio-blk-pci,drive=hd0 "$@" <<'SCRIPT'
timeout 1000
expect GNU GRUB
expect Debian GNU/Linux 13 rvive ttyS0
expect rvive login: 
send root\r
expect root@rvive:~
timeout 120
run systemctl is-system-running --wait | sed s/^/state-/
expect state-running
run findmnt -no SOURCE,TARGET / /boot/efi; ls -d /sys/firmware/efi && echo efi-$((6*7))
expect efi-42
run poweroff
exit 0
terminal
SCRIPT
    "$img" check -q "$disk" || fail "the disk is not consistent"
}

start=$(date +%s)
[ -f "$disk" ] || make_disk
say "EDK2 ($(($(date +%s) - start)) s)"
cp "$guest_dir/edk2/RISCV_VIRT_VARS.fd" "$folder/vars.fd"
boot edk2.log -machine virt,pflash0=code,pflash1=vars,acpi=off \
    -blockdev node-name=code,driver=file,read-only=on,filename="$guest_dir/edk2/RISCV_VIRT_CODE.fd" \
    -blockdev node-name=vars,driver=file,filename="$folder/vars.fd"
say "U-Boot ($(($(date +%s) - start)) s)"
boot uboot.log -machine virt -kernel "$uboot"
say "Took $(($(date +%s) - start)) s; the disk is $disk"
