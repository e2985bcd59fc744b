#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the same programs in the same guest under Rvive and under QEMU 10, in turn on this machine, and natively. Prints one
# table in Markdown, and writes it with a plot, the raw numbers and the guests' consoles to a folder.
# Usage: tests/bench/run.sh [OPTION]...
#   --quick            a twentieth of the work, once, without the groups that need the full Debian root
#   --only GROUP       integer, float, memory, system, corners, vector, smp, rv32, boot, disk, net, screen, login or real;
#                      several with commas between
#   --repetitions N    default 3; the table has the medians
#   --scale X          times the work of each program, default 1
#   --emulator PATH    instead of build/rvive, which is then not built
#   --accel KIND       -accel for Rvive (QEMU always runs with its default)
#   --output DIR       default bench in RVIVE_CACHE
# README.md here says what is measured and how. Nothing else should run on the machine meanwhile.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"
here=$top/tests/bench
. "$here/io.sh"
. "$here/vector.sh"

groups=
repetitions=3
scale=1
emulator=
accel=
quick=no
bench=$RVIVE_CACHE/bench
output=$bench
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes && repetitions=1 && scale=0.05 && shift && continue ;;
    -h | --help) sed -n 's/^# //p' "$0" | sed 1d && exit 0 ;;
    --only | --repetitions | --scale | --emulator | --accel | --output) [ $# -ge 2 ] || die "$1 needs a value" ;;
    *) die "no option $1; --help lists them" ;;
    esac
    case $1 in
    --only) groups=$(echo "$2" | tr ',' ' ') ;;
    --repetitions) repetitions=$2 ;;
    --scale) scale=$2 ;;
    --emulator) emulator=$2 ;;
    --accel) accel=$2 ;;
    --output) output=$2 ;;
    esac
    shift 2
done
for group in $groups; do
    case $group in
    integer | float | memory | system | corners | vector | smp | rv32 | boot | disk | net | screen | login | real) ;;
    *) die "no group $group; --help lists them" ;;
    esac
done
if [ -z "$groups" ]; then
    groups="integer float memory system corners vector smp rv32 boot disk net screen"
    [ $quick = yes ] || groups="$groups login real"
fi

selected() {
    case " $groups " in *" $1 "*) return 0 ;; esac
    return 1
}

# Makes everything that the measurements need, if it is missing or older than its source.
prepare() {
    sh "$top/roms/setup.sh" "$top/roms/packages.txt" "$here/packages.txt"
    sh "$top/roms/fetch-kernel.sh"
    sh "$top/roms/make-initramfs.sh"
    sh "$top/tests/peers/qemu10.sh" "$qemu"
    if [ -z "$emulator" ]; then
        build_rvive
        emulator=$top/build/rvive
    fi
    [ -x "$emulator" ] || die "$emulator is not a program"
    mkdir -p "$bench" "$output/logs"
    flags="-std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
    gcc $flags -o "$bench/runner" "$here/runner.c" || die "runner.c does not compile"
    gcc $flags -static -o "$bench/rvbench-native" "$here"/programs/*.c -lm || die "rvbench does not compile"
    rm -rf "$bench/initramfs"
    mkdir -p "$bench/initramfs/bench"
    "${RVIVE_CROSS:-riscv64-linux-gnu-}gcc" $flags -march=rv64gc -mabi=lp64d -static \
        -o "$bench/initramfs/bench/rvbench" "$here"/programs/*.c -lm || die "rvbench does not compile for the guest"
    if selected rv32; then
        riscv64-unknown-elf-gcc -std=gnu17 -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -march=rv32imac -mabi=ilp32 -mcmodel=medany -ffreestanding -nostdlib -static -T "$here/metal/link.ld" \
            -DPERCENT="$(awk -v scale="$scale" 'BEGIN { printf "%d", scale * 100 }')" -Wl,--no-warn-rwx-segments \
            -o "$bench/rv32.elf" "$here"/metal/*.S "$here"/metal/*.c "$here"/rv32/*.c "$here/programs/coremix.c" -lgcc ||
            die "the programs for RV32 do not compile"
    fi
    ! selected vector || prepare_vector
    cp "$here/guest/run.sh" "$here/guest/group.sh" "$bench/initramfs/bench"
    # The kernel unpacks one archive after the other.
    {
        cat "$guest_dir/initramfs.cpio"
        (cd "$bench/initramfs" && find bench | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0)
    } >"$bench/initramfs.cpio"
    if selected disk || selected net || selected screen; then
        prepare_io
    fi
    if selected real || selected login; then
        RVIVE_EMULATOR=${RVIVE_EMULATOR:-$emulator} sh "$here/make-root.sh" "$bench"
    fi
}

# The extensions that the vector programs need. Rvive has all of them with V; QEMU needs an option for each.
vector_cpu=rv64,v=on,vlen=256
vector_qemu=zvfh=on,zvbb=on,zvbc=on,zvkg=on,zvkn=on

# emulate WHERE RUNNER-OPTIONS -- ARGUMENTS: runs Rvive or QEMU with the same arguments; the log comes on stdout.
emulate() {
    where=$1
    options=
    shift
    while [ "$1" != -- ]; do
        options="$options $1"
        shift
    done
    shift
    set -- -M virt -m 1G -nographic -no-reboot -kernel "$guest_dir/vmlinux" "$@"
    if [ "$where" != qemu ]; then
        [ "${group:-}" != vector ] || set -- -cpu "$vector_cpu" "$@"
        set -- "$emulator" ${accel:+-accel "$accel"} "$@"
    else
        case ${group:-} in
        corners) set -- -cpu max "$@" ;; # only this processor of QEMU has half precision
        vector) set -- -cpu "$vector_cpu,$vector_qemu" "$@" ;;
        esac
        set -- "$top/tests/peers/qemu" "$qemu" qemu-system-riscv64 "$@"
    fi
    "$bench/runner" $options -- "$@"
}

# was_stopped LOG: true if something on the machine stopped the emulator for a while. Then sets `stopped`.
was_stopped() {
    grep -q '^[0-9]* # stopped$' "$1" || return 1
    stopped=yes
    say "Something stopped the emulator meanwhile (SIGSTOP): not counted"
}

# record LOG WHERE REPETITION: adds the measurements of a log to the raw numbers. The runner has put a time before each line
# of it.
record() {
    was_stopped "$1" && return 0
    if grep -q '^[0-9]* FAIL ' "$1" || ! grep -q '^[0-9]* BENCH-END 0$' "$1"; then
        tail -n 20 "$1" >&2
        failures=$((failures + 1))
        say "A program failed or did not end; its log is $1"
    fi
    awk -v where="$2" -v repetition="$3" '
        $2 == "BENCH" { print $3 "," $4 "," where "," repetition "," $5 "," (NF > 5 ? $6 : "ns") }
        ' "$1" >>"$csv"
}

# measure_rv32 WHERE GROUP REPETITION: runs the programs for RV32, on bare metal without a kernel.
measure_rv32() {
    log=$output/logs/$2-$1-$3
    where=$1
    repetition_of=$3
    set -- -M virt -bios none -nographic -no-reboot -kernel "$bench/rv32.elf"
    if [ "$where" = rvive ]; then
        set -- "$emulator" ${accel:+-accel "$accel"} -cpu rv32 "$@"
    else
        set -- "$top/tests/peers/qemu" "$qemu" qemu-system-riscv32 "$@"
    fi
    "$bench/runner" -t 7200 -- "$@" >"$log" || :
    record "$log" "$where" "$repetition_of"
}

# measure_group WHERE GROUP REPETITION: runs a group. WHERE is rvive, qemu or native; for the vector programs it may also be
# scalar: Rvive again, but with the programs without vectors.
measure_group() {
    log=$output/logs/$2-$1-$3
    name=$2
    [ "$1" != scalar ] || name=$2-scalar
    smp=1
    [ "$2" != smp ] || smp=2
    case $1:$2 in
    native:*)
        {
            status=0
            if [ "$2" = real ]; then
                sh "$here/guest/real.sh" "$bench/rvbench-native" "$here/real" "$scale" --skip-missing || status=$?
            else
                program=$bench/rvbench-native
                [ "$2" != vector ] || program=$bench/rvvector-native
                sh "$here/guest/group.sh" "$program" "$2" "$scale" || status=$?
            fi
            echo "BENCH-END $status"
        } | sed 's/^/0 /' >"$log"
        ;;
    *:real)
        emulate "$1" -t 20000 -- -smp 1 -initrd "$bench/initramfs.cpio" -snapshot \
            -append "console=ttyS0 quiet root=/dev/vda init=/bench/init.sh rvive.scale=$scale" \
            -drive file="$bench/root.img",if=none,format=raw,id=root -device virtio-blk-device,drive=root >"$log" || :
        ;;
    *)
        emulate "$1" -t 7200 -- -smp $smp -initrd "$bench/initramfs.cpio" \
            -append "console=ttyS0 quiet rvive.test=run:/bench/run.sh rvive.bench=$name rvive.scale=$scale" >"$log" || :
        ;;
    esac
    record "$log" "$1" "$3"
}

# measure_boot WHERE GROUP REPETITION: boots to a shell in the initramfs, or to systemd's login prompt on the full root.
measure_boot() {
    log=$output/logs/$2-$1-$3
    if [ "$2" = boot ]; then
        emulate "$1" -t 300 -u BusyBox -r 1024 -- -smp 1 -initrd "$guest_dir/initramfs.cpio" -append "console=ttyS0" \
            >"$log" || :
    else
        emulate "$1" -t 1800 -u login: -r 1024 -- -smp 1 -initrd "$guest_dir/initramfs.cpio" -snapshot \
            -append "console=ttyS0 root=/dev/vda" \
            -drive file="$bench/root.img",if=none,format=raw,id=root -device virtio-blk-device,drive=root >"$log" || :
    fi
    was_stopped "$log" && return 0
    if ! grep -q '^[0-9]* # until$' "$log"; then
        tail -n 20 "$log" >&2
        failures=$((failures + 1))
        say "The guest did not come up; its log is $log"
        return 0
    fi
    awk -v where="$1" -v group="$2" -v repetition="$3" '
        function put(name, value, unit) { print name "," where "," repetition "," value "," unit }
        group == "boot" && /Run \/init as init process/ { put("boot,to-init", $1, "ns") }
        $2 == "#" && $3 == "until" { put("boot," (group == "boot" ? "to-shell" : "to-login"), $1, "ns") }
        $2 == "#" && $3 == "memory" && $4 ~ /^[0-9]+$/ {
            put("memory-use,at-" (group == "boot" ? "shell" : "login"), $4 - $5, "KiB")
        }
        ' "$log" >>"$csv"
}

describe() {
    commit=$(git -C "$top" describe --always --dirty 2>/dev/null || echo unknown)
    by=${vector_compiler:+; vector loops by $vector_compiler}
    echo "Commit $commit, $(date -u +%Y-%m-%d), $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
        "$("$top/tests/peers/qemu" "$qemu" qemu-system-riscv64 --version |
            sed -n 's/^QEMU emulator version \([^ ]*\).*/QEMU \1/p')," \
        "$(gcc --version | head -n 1); scale $scale," \
        "medians of $repetitions${accel:+, -accel $accel}$by${RVIVE_BENCH_DISKS:+; disks in $RVIVE_BENCH_DISKS}."
}

qemu=${RVIVE_QEMU:-$RVIVE_CACHE/qemu10}
failures=0
prepare
csv=$output/raw.csv
echo "group,program,where,repetition,value,unit" >"$csv"
repetition=1
while [ "$repetition" -le "$repetitions" ]; do
    # The order changes, so that other work of the machine disturbs both equally.
    order="rvive qemu"
    [ $((repetition % 2)) -eq 1 ] || order="qemu rvive"
    for group in $groups; do
        wheres=$order
        [ "$group" != vector ] || wheres="$order scalar"
        for where in $wheres; do
            say "$repetition of $repetitions: $group under $where"
            for try in 1 2 3 4 5; do
                stopped=no
                case $group in
                boot | login) measure_boot "$where" "$group" "$repetition" ;;
                disk | net | screen) measure_io "$where" "$group" "$repetition" ;;
                rv32) measure_rv32 "$where" "$group" "$repetition" ;;
                *) measure_group "$where" "$group" "$repetition" ;;
                esac
                [ $stopped = yes ] || break
            done
            if [ $stopped = yes ]; then
                failures=$((failures + 1))
                say "Stopped five times: no measurement"
            fi
        done
        case $group in
        rv32 | boot | login | disk | net | screen) ;;
        *) say "$repetition of $repetitions: $group natively" && measure_group native "$group" "$repetition" ;;
        esac
    done
    repetition=$((repetition + 1))
done

{
    describe
    echo
    awk -f "$here/report.awk" "$csv"
} >"$output/table.md"
awk -v mode=plot -f "$here/report.awk" "$csv" >"$output/plot.txt"
if [ -s "$output/plot.txt" ]; then
    natives=$(grep -c -v 'NaN$' "$output/plot.txt" || :)
    gnuplot -e "data='$output/plot.txt'; image='$output/bench.png'; natives=$natives; scalars=0" "$here/plot.gp" ||
        die "gnuplot failed"
fi
! selected vector || plot_vector
cat "$output/table.md"
say "The table, the plot and the raw numbers are $output/table.md, bench.png and raw.csv"
[ $failures -eq 0 ] || die "$failures runs failed"
