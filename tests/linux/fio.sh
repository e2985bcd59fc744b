#!/bin/sh
# SPDX-License-Identifier: MIT
# To be run by hand: sh tests/linux/fio.sh [KILLS]. Debian's fio writes blocks with checksums to three disks of a guest (raw,
# qcow2, qcow2 on a backing file), part after part, and prints when each part was flushed; Rvive is killed (SIGKILL) at
# random moments, KILLS times (default 20). After each kill, qemu-img check is clean, and fio finds all parts that were
# flushed. At the end fio runs a mixed load of random reads and writes with checksums, eight requests at a time. Takes about
# half a minute for each kill. RVIVE_SEED repeats the moments. tests/linux/kills.sh checks single sectors instead, and is
# quicker.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
kills=${1:-20}
set -- "$top/build/tests/linux/console" "$top/build/rvive"
. "$top/tests/linux/lib.sh"
sh "$top/roms/run.sh" --fetch-only
build_rvive
img=$top/build/rvive-img
seed=${RVIVE_SEED:-$(date +%s)}
echo "seed $seed (RVIVE_SEED=$seed repeats the moments)"

# fio with all that it needs, for the guest to find in a shared folder.
fio=$guest_dir/fio
if [ ! -x "$fio/usr/bin/fio" ]; then
    apt_private_setup riscv64
    say "Fetching fio"
    rm -rf "$fio.new"
    apt_fetch_all riscv64 "$fio.new/debs" fio
    apt_unpack "$fio.new/root" "$fio.new"/debs/*.deb
    # Folders and a link that a Debian has from packages that fio does not name.
    mkdir -p "$fio.new/root/dev" "$fio.new/root/proc" "$fio.new/root/tmp"
    ln -sfn usr/lib "$fio.new/root/lib"
    rm -rf "$fio"
    mv "$fio.new/root" "$fio"
    rm -rf "$fio.new"
fi

# In the guest: `write` runs for ever, `verify N M L` reads the first N parts of vda, M of vdb, L of vdc; `mix`.
mkdir "$work/guest"
cat >"$work/guest/go" <<'END'
mkdir -p /fio
mount -t 9p -o trans=virtio,version=9p2000.L,ro fio /fio || poweroff -f
mount --bind /dev /fio/dev
mount -t tmpfs tmpfs /fio/tmp
mount -t proc proc /fio/proc
in_fio() {
    chroot /fio /usr/bin/fio --ioengine=libaio --direct=1 --verify=crc32c --verify_state_save=0 --randrepeat=1 \
        --minimal "$@" >/tmp/fio.$disk 2>&1
}
part() { # N MORE...: one of 2 MiB
    at=$1
    shift
    in_fio --name=part$at --filename=/dev/$disk --offset=$((2 * at))m --size=2m --rw=randwrite --bs=4k --iodepth=8 "$@"
}
write_parts() {
    n=0
    while part $((n % 32)) --do_verify=0 --end_fsync=1; do
        n=$((n + 1))
        echo "$disk flushed $n"
    done
    echo "FAIL: fio on $disk: $(cat /tmp/fio.$disk)"
}
verify_parts() { # COUNT
    n=0
    while [ $n -lt "$1" ] && [ $n -lt 32 ]; do
        part $n --verify_only --verify_fatal=1 || { echo "FAIL: part $n of $disk: $(cat /tmp/fio.$disk)"; return; }
        n=$((n + 1))
    done
    echo "$disk verified $n"
}
mix() {
    in_fio --name=mix --filename=/dev/$disk --size=64m --rw=randrw --bsrange=512-64k --iodepth=8 --fsync=64 --do_verify=1 \
        --verify_backlog=512 --verify_fatal=1 && echo "$disk mixed" ||
        echo "FAIL: the mixed load on $disk: $(cat /tmp/fio.$disk)"
}
for argument in $(cat /proc/cmdline); do
    case $argument in rvive.fio=*) what=${argument#rvive.fio=} ;; esac
done
counts=${what#verify,}
for disk in vda vdb vdc; do
    case $what in
    write) write_parts & ;;
    mix) mix & ;;
    verify*) verify_parts "${counts%%,*}" & counts=${counts#*,} ;;
    esac
done
wait
END
make_initramfs "$work/guest"
truncate -s 64M "$work/vda.raw" "$work/base.raw"
"$img" create -q -f qcow2 "$work/vdb.qcow2" 64M
"$img" create -q -f qcow2 -b "$work/base.raw" -F raw "$work/vdc.qcow2"

# rvive_with COMMAND WHAT: COMMAND is what comes before the emulator.
rvive_with() {
    $1 $emulator -M virt -m 512M -smp 2 -nographic -no-reboot -kernel "$vmlinux" -initrd "$work/initramfs" \
        -append "console=ttyS0 quiet rvive.test=run:/go rvive.fio=$2" \
        -virtfs "local,path=$fio,mount_tag=fio,security_model=none,readonly=on" \
        -drive file="$work/vda.raw",if=none,format=raw,id=a -device virtio-blk-pci,drive=a \
        -drive file="$work/vdb.qcow2",if=none,format=qcow2,id=b -device virtio-blk-pci,drive=b \
        -drive file="$work/vdc.qcow2",if=none,format=qcow2,id=c -device virtio-blk-pci,drive=c
}
run_guest() { # WHAT: runs to its end
    rvive_with "timeout -s KILL 900" "$1" </dev/null >"$work/verify" 2>&1 || fail "$1: status $?"
    tr -d '\r' <"$work/verify" | grep -E 'verified|mixed|FAIL' || { tail -n 20 "$work/verify"; fail "$1 said nothing"; }
    ! grep -q FAIL "$work/verify" || fail "fio found what it had not written"
}
flushed() { # DISK
    tr -d '\r' <"$work/console" | awk -v disk="$1" '$1 == disk && $2 == "flushed" { n = $3 } END { print n + 0 }'
}

kill=0
while [ $kill -lt "$kills" ]; do
    kill=$((kill + 1))
    : >"$work/console"
    rvive_with "exec setsid" write </dev/null >"$work/console" 2>&1 &
    kill_later $! 'vdc flushed' "$(((seed + kill) % 7)).$(((seed + kill) * 7919 % 10))"
    for disk in vdb vdc; do
        qemu-img check -q "$work/$disk.qcow2" || [ $? -eq 3 ] || fail "kill $kill: qemu-img check of $disk"
    done
    counts="$(flushed vda),$(flushed vdb),$(flushed vdc)"
    echo "kill $kill: parts flushed: $counts"
    run_guest "verify,$counts"
done
run_guest mix
for disk in vdb vdc; do
    qemu-img check -q "$work/$disk.qcow2" || fail "qemu-img check of $disk"
done
echo "$kills kills, nothing that was flushed is lost"
