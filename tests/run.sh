#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every test: installs the packages that are missing, builds with gcc and with clang and with the sanitizers, fetches
# the guest and the peers, then the unit tests under the sanitizers and all tests, boots included, on the Release build.
# Usage: tests/run.sh [--no-sanitizers] [arguments for the main ctest run, such as -R NAME or -L boot]
# --no-sanitizers leaves out all builds except the Release one, and the tests that need them.
# The failed and the skipped tests, each with its reason, are listed before the last line, which is "N passed, N failed, N
# skipped"; the status is 0 only if nothing failed.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
. "$top/tests/root.sh"

sanitizers=yes
[ "${1:-}" != --no-sanitizers ] || { sanitizers=no && shift; }
jobs=$(nproc)
summary=$(mktemp)
beside_log=$(mktemp)
beside_pid=
trap 'test -z "$beside_pid" || kill -- "-$beside_pid"; rm -f "$summary" "$beside_log"' EXIT
trap 'exit 1' HUP INT TERM

# count RESULT NAME: notes that NAME passed, failed or was skipped; the text after the name is the reason.
count() {
    echo "$*" >>"$summary"
}

# count_step NAME COMMAND...: runs a step that passes or fails as a whole.
count_step() {
    step=$1
    shift
    say "$step"
    if "$@"; then
        count passed "$step"
    else
        count failed "$step"
        echo "FAILED: $step" >&2
    fi
}

# begin_step SECONDS NAME COMMAND...: begins a step that mostly waits for the network and the disk, while other steps compute.
# It has a process group of its own, which ends with this script, and fails after SECONDS.
begin_step() {
    beside_limit=$1
    beside=$2
    shift 2
    say "$beside (beside what comes next)"
    setsid timeout --kill-after=60 "$beside_limit" "$@" </dev/null >"$beside_log" 2>&1 &
    beside_pid=$!
}

# end_step: waits for that step, shows its output, and counts it. A step that ends with 77 was skipped, as its last line says.
end_step() {
    beside_status=0
    wait "$beside_pid" || beside_status=$?
    beside_pid=
    say "$beside: what it said"
    cat "$beside_log" >&2
    case $beside_status in
    0) count passed "$beside" ;;
    77) count skipped "$beside: $(tail -n 1 "$beside_log")" ;;
    *) count failed "$beside (status $beside_status, 124: it took more than $beside_limit s)" ;;
    esac
}

# build DIR CMAKE-ARGUMENTS...: configures and builds everything in DIR.
build() {
    build_in=$1
    shift
    cmake -S "$top" -B "$build_in" -G Ninja -DRVIVE_WERROR=ON "$@" && ninja -C "$build_in"
}

# fuzz DIR NAME...: runs each fuzzer for 30 s, as many at a time as there are processors. False if one finds something.
fuzz() {
    fuzz_in=$1
    shift
    printf '%s\n' "$@" | xargs -P "$jobs" -I NAME sh -c 'cd "$1" && { ./fuzz_NAME -max_total_time=30 -verbosity=0 \
        -artifact_prefix=NAME- || { echo "fuzz_NAME failed" >&2; exit 1; }; }' sh "$fuzz_in"
}

# run_ctest DIR ARGUMENTS...: runs ctest there and adds its tests to the counts, which it reads from ctest's log of results.
run_ctest() {
    ctest_in=$1
    shift
    results=$ctest_in/results.xml
    rm -f "$results"
    ctest --test-dir "$ctest_in" --output-on-failure --timeout 600 -j "$jobs" --output-junit "$results" "$@" || :
    if [ -f "$results" ]; then
        awk -f "$top/tests/results.awk" "$results" | sed "s|\$| (${ctest_in##*/})|" >>"$summary"
    else
        count failed "ctest in $ctest_in ran nothing"
    fi
}

# list RESULT TITLE: prints the tests with that result, under a title.
list() {
    ! grep -q "^$1 " "$summary" || { echo "$2:" && sed -n "s/^$1 /    /p" "$summary"; }
}

# number RESULT: how many tests have that result.
number() {
    grep -c "^$1 " "$summary" || :
}

# debian13: the compilers and libraries of Debian 13, if this is another system.
debian13() {
    debian13_step="Building with clang of Debian 13, and the unit tests there"
    if grep -q "^VERSION_CODENAME=$guest_suite" /etc/os-release; then
        say "This is Debian 13: no other root to build in"
    elif root_possible; then
        count_step "$debian13_step" sh "$top/tests/debian13.sh"
    else
        count skipped "$debian13_step: $root_why"
    fi
}

start=$(date +%s)
sh "$top/roms/setup.sh" "$top/roms/packages.txt" "$top/roms/packages-rootfs.txt" "$top/tests/packages.txt"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
export RVIVE_QEMU="${RVIVE_QEMU:-$RVIVE_CACHE/qemu10}"
begin_step 1200 "Fetching EDK2, the installer and the peers" sh -euc 'sh "$1/roms/fetch-package.sh" edk2
    sh "$1/roms/fetch-package.sh" installer
    sh "$1/tests/peers/qemu10.sh" "$RVIVE_QEMU"' sh "$top"
count_step "Building with gcc (Release)" build "$top/build" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release
end_step

# A filtered run may do without the full root, whose first boot takes minutes; an ordinary run has it.
[ $# -gt 0 ] || begin_step 1800 "Making a full Debian root" sh "$top/roms/make-rootfs.sh"
if [ $sanitizers = yes ]; then
    count_step "Building with clang, and the fuzzers" build "$top/build-clang" -DCMAKE_C_COMPILER=clang -DRVIVE_FUZZ=ON
    [ -z "$beside_pid" ] || end_step # now the fuzzers have the processors for themselves
    fuzzers="virtio_blk virtio_scsi virtio_pci nvme xhci ehci virtio_net slirp virtio_gpu virtio_snd virtio_small 9p qcow2"
    fuzzers="$fuzzers gdb_packet iommu machine_state recording"
    count_step "Fuzzing for 30 s each, $jobs at a time: $fuzzers" fuzz "$top/build-clang/tests/fuzz" $fuzzers
    count_step "Building with ASan and UBSan" build "$top/build-asan" -DCMAKE_C_COMPILER=gcc -DRVIVE_ASAN=ON \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo
    debian13
    begin_step 600 "libvirt, virsh and virt-install with Rvive as their QEMU" sh "$top/tests/libvirt/run.sh" "$top/build/rvive"
    say "Tests under ASan and UBSan (all but the boots)"
    run_ctest "$top/build-asan" -LE 'boot|slow' -E '^style_'
fi
[ -z "$beside_pid" ] || end_step
say "All tests"
run_ctest "$top/build" "$@"

say "Took $(($(date +%s) - start)) s"
list skipped Skipped
list failed Failed
echo "$(number passed) passed, $(number failed) failed, $(number skipped) skipped"
[ "$(number failed)" -eq 0 ]
