#!/bin/sh
# SPDX-License-Identifier: MIT
# The hypervisor extension under Linux's KVM: the module loads, and a virtual machine of a small program (kvm_guest.c) runs
# on two harts' machine. With the third argument "aia" the board has interrupt files for virtual machines, and the program's
# has one, too.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

module=$(find "$guest_dir/kernel/usr/lib/modules" -name kvm.ko.xz | head -n 1)
[ -n "$module" ] || die "the kernel has no module kvm"
aia=${3:-}
board=virt,aia=aplic-imsic,aia-guests=3
[ "$aia" ] || board=virt
mkdir "$work/root"
xz -dc "$module" >"$work/root/kvm.ko"
"${cross}gcc" -O2 -static -o "$work/root/kvm_guest" "$top/tests/linux/kvm_guest.c" || die "cannot compile kvm_guest"
cat >"$work/root/use" <<END
insmod /kvm.ko
dmesg | grep -o 'hypervisor extension available'
/kvm_guest $aia
echo "status \$?"
END
make_initramfs "$work/root"
run_quietly 0 200 -M "$board" -m 512M -smp 2 -nographic -kernel "$vmlinux" -initrd "$work/initramfs" \
    -append "console=ttyS0 quiet rvive.test=run:/use"
tr -d '\r' <"$work/output" | sed -n '/^hypervisor/,/^status/p' >"$work/seen"
cat >"$work/wanted" <<END
hypervisor extension available
KVM version 12
vm
store of 0x1234 to 0x10000008
dtp${aia:+iw}
KVM guest ended, stored 0x1234
status 0
END
diff "$work/seen" "$work/wanted" || { tail -n 40 "$work/output"; fail "not what was wanted (>)"; }
