# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
# The groups of run.sh that measure devices: disk, net and screen. run.sh sources this file, which uses its variables and
# emulate(). Both emulators get the same guest and the same devices, at the default addresses and with the default caches,
# and one hart.
#
# The disks' images are in RVIVE_BENCH_DISKS (default: /dev/shm if it has room for them, else the bench folder). The guest's
# page cache is not used either, so the emulator is measured and not the host's disk.

# prepare_io: builds the programs for the guest and the host.
prepare_io() {
    mkdir -p "$bench/initramfs-io/bench"
    for program in disk net; do
        "${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" $flags -march=rv64gc -mabi=lp64d -static -pthread \
            -o "$bench/initramfs-io/bench/$program" "$here/io/$program.c" || die "io/$program.c does not compile"
    done
    "${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" -O2 -march=rv64gc -mabi=lp64d -static -I"$top/tests/screen" \
        -o "$bench/initramfs-io/bench/picture" "$top/tests/screen/picture.c" || die "picture.c does not compile"
    gcc $flags -o "$bench/net" "$here/io/net.c" || die "io/net.c does not compile"
    gcc $flags -I"$top/tests/screen" -o "$bench/viewer" "$here/io/viewer.c" "$top/tests/screen/rfb.c" ||
        die "io/viewer.c does not compile"
    cp "$here/guest/io.sh" "$bench/initramfs-io/bench"
    {
        cat "$guest_dir/initramfs.cpio" "$guest_dir/initramfs-screen.cpio"
        (cd "$bench/initramfs-io" && find bench | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0)
    } >"$bench/initramfs-io.cpio"
    sh "$top/tests/peers/qemu" "$qemu" qemu-img --version >/dev/null || die "no qemu-img in $qemu"
    if [ -z "${RVIVE_BENCH_DISKS:-}" ]; then
        RVIVE_BENCH_DISKS=$bench
        [ "$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -lt 2000000 ] 2>/dev/null ||
            RVIVE_BENCH_DISKS=/dev/shm
    fi
    io_seconds=$(awk "BEGIN { s = 3 * $scale; print s < 0.3 ? 0.3 : s }")
}

# measure_io WHERE GROUP REPETITION: runs one of these groups.
measure_io() {
    log=$output/logs/$2-$1-$3
    io_append="console=ttyS0 quiet rvive.test=run:/bench/io.sh rvive.bench=$2 rvive.seconds=$io_seconds"
    : >"$bench/helper.log"
    helper=
    case $2 in
    disk)
        disks=$(mktemp -d "$RVIVE_BENCH_DISKS/rvive-bench.XXXXXX")
        truncate -s 256M "$disks/raw"
        sh "$top/tests/peers/qemu" "$qemu" qemu-img create -q -f qcow2 "$disks/qcow2" 256M
        set -- "$@" -drive file="$disks/raw",if=none,format=raw,id=d0 -device virtio-blk-pci,drive=d0 \
            -drive file="$disks/qcow2",if=none,format=qcow2,id=d1 -device virtio-blk-pci,drive=d1
        ;;
    net)
        rm -f "$bench/port"
        "$bench/net" peer "$bench/port" 2>"$bench/helper.log" &
        helper=$!
        until [ -s "$bench/port" ]; do sleep 0.1; done
        io_append="$io_append rvive.port=$(cat "$bench/port")"
        # QEMU's own card would need a ROM for x86 firmware.
        io_card=virtio-net-pci,netdev=n0
        [ "$1" = rvive ] || io_card=$io_card,romfile=
        set -- "$@" -netdev user,id=n0 -device "$io_card"
        ;;
    screen)
        screen=$((1000 + $$ % 20000))
        "$bench/viewer" $((5900 + screen)) "$io_seconds" >"$bench/helper.log" 2>&1 &
        helper=$!
        set -- "$@" -device virtio-gpu-pci,xres=1024,yres=768 -vnc "127.0.0.1:$screen"
        ;;
    esac
    io_where=$1 io_repetition=$3
    shift 3
    emulate "$io_where" -t 600 -- -smp 1 -initrd "$bench/initramfs-io.cpio" -append "$io_append" "$@" >"$log" || :
    # A viewer ends with the server; the peer must be killed.
    case $log in
    */net-*) kill "$helper" 2>/dev/null || : ;;
    esac
    [ -z "$helper" ] || wait "$helper" 2>/dev/null || :
    sed 's/^/0 /' "$bench/helper.log" >>"$log"
    [ -z "${disks:-}" ] || rm -rf "$disks"
    disks=
    record "$log" "$io_where" "$io_repetition"
}
