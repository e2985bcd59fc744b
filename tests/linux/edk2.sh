#!/bin/sh
# SPDX-License-Identifier: MIT
# EDK2 in flash, from Debian's qemu-efi-riscv64: its shell starts on the serial line, a variable that it stores is there
# after the next start, the code's image does not change, and EDK2 gets the kernel of -kernel through fw_cfg. It finds disks
# on PCI with the interface from before Virtio 1.0 (whose registers it places at port 0), without it, and on MMIO.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

edk2=$guest_dir/edk2
[ -f "$edk2/RISCV_VIRT_CODE.fd" ] || die "no EDK2: run roms/fetch-package.sh edk2 first"
need_guest
cp "$edk2/RISCV_VIRT_VARS.fd" "$work/vars.fd"
before=$(md5sum <"$edk2/RISCV_VIRT_CODE.fd")

truncate -s 1M "$work/disk0.img" "$work/disk1.img" "$work/disk2.img"
drive 300 -machine virt,pflash0=code,pflash1=vars,acpi=off -m 512M -nographic \
    -drive file="$work/disk0.img",format=raw,if=none,id=hd0 -device virtio-blk-pci,drive=hd0 \
    -drive file="$work/disk1.img",format=raw,if=none,id=hd1 -device virtio-blk-pci,drive=hd1,disable-legacy=on \
    -drive file="$work/disk2.img",format=raw,if=none,id=hd2 -device virtio-blk-device,drive=hd2 \
    -blockdev node-name=code,driver=file,read-only=on,filename="$edk2/RISCV_VIRT_CODE.fd" \
    -blockdev node-name=vars,driver=file,filename="$work/vars.fd" <<'END'
timeout 240
expect BLK2
expect startup.nsh
send \x1b
expect Shell>
send setvar rvive -guid 12345678-1234-1234-1234-123456789abc -bs -nv =0x5a\r
timeout 60
expect Shell>
send reset -s\r
exit 0
END
[ "$(md5sum <"$edk2/RISCV_VIRT_CODE.fd")" = "$before" ] || fail "the code's image changed"
cmp -s "$work/vars.fd" "$edk2/RISCV_VIRT_VARS.fd" && fail "nothing was stored"

# The other syntax for the same; the variable is there.
drive 300 -M virt,acpi=off -m 512M -nographic -drive if=pflash,unit=1,format=raw,file="$work/vars.fd" \
    -drive if=pflash,unit=0,format=raw,readonly=on,file="$edk2/RISCV_VIRT_CODE.fd" <<'END'
timeout 240
expect startup.nsh
send \x1b
expect Shell>
send setvar rvive -guid 12345678-1234-1234-1234-123456789abc\r
timeout 60
expect 5A
send reset -s\r
exit 0
END

# A kernel of the command line, started by EDK2 (Linux's EFI stub).
drive 400 -M virt,acpi=off -m 512M -nographic -drive if=pflash,unit=1,format=raw,file="$work/vars.fd" \
    -drive if=pflash,unit=0,format=raw,readonly=on,file="$edk2/RISCV_VIRT_CODE.fd" \
    -kernel "$vmlinux" -initrd "$initramfs" -append "console=ttyS0" <<'END'
timeout 380
expect EFI stub
expect Rvive guest is up
run poweroff -f
exit 0
END
