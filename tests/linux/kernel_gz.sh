#!/bin/sh
# SPDX-License-Identifier: MIT
# A compressed kernel (Image.gz) boots like the plain one.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

need_guest
gzip -1 <"$vmlinux" >"$work/vmlinux.gz"
run_quietly 0 180 -M virt -m 512M -smp 2 -nographic -kernel "$work/vmlinux.gz" -initrd "$initramfs" \
    -append "console=ttyS0 quiet rvive.test=poweroff"
grep -q 'Rvive guest is up: Linux 6' "$work/output" || { tail -n 40 "$work/output" >&2 && fail "the guest did not come up"; }
