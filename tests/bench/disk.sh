#!/bin/sh
# SPDX-License-Identifier: MIT
# Disk I/O against QEMU 10, in the same guest, in turn: sh tests/bench/disk.sh [RVIVE] [SECONDS] [REPETITIONS]
# (default build/rvive, 3 seconds a test, 3 times). Prints a table: medians, a raw and a qcow2 image on virtio-blk-device,
# cache=writeback. Let nothing else run meanwhile. The image lies in RVIVE_CACHE/bench, so that file system is what counts.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"
rvive=${1:-$top/build/rvive}
seconds=${2:-3}
repetitions=${3:-3}
qemu="$top/tests/peers/qemu ${RVIVE_QEMU:-$RVIVE_CACHE/qemu10} qemu-system-riscv64"
work=$RVIVE_CACHE/bench/disk
[ -f "$guest_dir/initramfs.cpio" ] || die "no guest in $guest_dir: run roms/run.sh --fetch-only first"
mkdir -p "$work"
"${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -D_GNU_SOURCE -O2 -static -pthread -o "$work/guest_io" \
    "$top/tests/bench/disk/guest_io.c"
echo "/guest_io /dev/vda $seconds" >"$work/go"
(cd "$work" && printf 'guest_io\ngo\n' | cpio -o -H newc --quiet) | cat "$guest_dir/initramfs.cpio" - >"$work/all.cpio"

# run NAME FORMAT EMULATOR...: a fresh image each time; lines "NAME FORMAT TEST VALUE UNIT"
run() {
    run_name=$1 run_format=$2
    shift 2
    rm -f "$work/disk.img"
    "${rvive%/*}/rvive-img" create -q -f "$run_format" "$work/disk.img" 256M
    timeout 300 "$@" -M virt -m 512M -smp 2 -nographic -no-reboot -kernel "$guest_dir/vmlinux" -initrd "$work/all.cpio" \
        -append "console=ttyS0 quiet rvive.test=run:/go" -device virtio-blk-device,drive=d0 \
        -drive "file=$work/disk.img,format=$run_format,if=none,id=d0,cache=writeback" </dev/null 2>&1 |
        tr -d '\r' | grep -E ' (MB/s|IOPS)$' | sed "s/^/$run_name $run_format /"
}

repetition=0
while [ "$repetition" -lt "$repetitions" ]; do
    for format in raw qcow2; do
        [ $((repetition % 2)) -eq 1 ] || run rvive $format "$rvive"
        # shellcheck disable=SC2086
        run qemu $format $qemu
        [ $((repetition % 2)) -eq 0 ] || run rvive $format "$rvive"
    done
    repetition=$((repetition + 1))
done >"$work/raw.txt"
rm -f "$work/disk.img"

sort -k 2,2r -k 3,3 -k 1,1 -k 4,4n "$work/raw.txt" | awk '
    { key = $2 " | " $3; values[key, $1, ++count[key, $1]] = $4; unit[key] = $5; if (!(key in seen)) { seen[key]; order[++n] = key } }
    function median(key, name, c) { c = count[key, name]; return c ? values[key, name, int((c + 1) / 2)] : 0 }
    END {
        print "| image | test | Rvive | QEMU 10 | unit | ratio |\n|---|---|---|---|---|---|"
        for (i = 1; i <= n; i++) {
            r = median(order[i], "rvive"); q = median(order[i], "qemu")
            printf "| %s | %s | %s | %s | %s |\n", order[i], r, q, unit[order[i]], q ? sprintf("%.2f", r / q) : "-"
        }
    }'
