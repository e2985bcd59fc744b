# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the boot tests share. Each is called as `sh TEST.sh CONSOLE EMULATOR` (CMakeLists.txt does) and sources this file
# with `top` set to the checkout. RVIVE_EMULATOR, if set, is the emulator instead: a command that takes the same
# arguments, so that the tests themselves can be checked under another emulator.
# Sets: console, emulator, vmlinux, initramfs, work (a folder of the test's own, removed at its end).

. "${top:?}/roms/lib.sh"

[ $# -ge 2 ] || die "usage: $0 CONSOLE EMULATOR"
console=$1
emulator=${RVIVE_EMULATOR:-$2}
vmlinux=$guest_dir/vmlinux
initramfs=$guest_dir/initramfs.cpio
cross=${RVIVE_CROSS:-riscv64-linux-gnu-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

need_guest() {
    [ -f "$initramfs" ] || die "no guest in $guest_dir: run roms/run.sh --fetch-only first"
}

# make_initramfs FOLDER [MORE]: $work/initramfs is the usual one with the files of FOLDER, and with roms'
# initramfs-MORE.cpio.
make_initramfs() {
    need_guest
    (cd "$1" && find . | cpio --quiet -o -H newc) >"$work/own.cpio"
    make_more=
    if [ $# -gt 1 ]; then
        make_more=$guest_dir/initramfs-$2.cpio
        [ -f "$make_more" ] || die "no initramfs-$2.cpio: run roms/make-initramfs.sh"
    fi
    cat "$initramfs" ${make_more:+"$make_more"} "$work/own.cpio" >"$work/initramfs"
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# drive SECONDS ARGUMENTS...: runs the emulator under the console driver for at most SECONDS; the script is on stdin.
# The console's log stays in $work/console.log.
drive() {
    drive_seconds=$1
    shift
    "$console" -t "$drive_seconds" -o "$work/console.log" -- $emulator "$@"
}

# drive_linux SECONDS SMP ARGUMENTS...: the same for the Debian kernel with the initramfs.
drive_linux() {
    need_guest
    drive_linux_seconds=$1
    drive_linux_smp=$2
    shift 2
    drive "$drive_linux_seconds" -M virt -m 512M -smp "$drive_linux_smp" -nographic \
        -kernel "$vmlinux" -initrd "$initramfs" -append "console=ttyS0" "$@"
}

# run_quietly STATUS SECONDS ARGUMENTS...: runs the emulator without a terminal; checks its exit status.
run_quietly() {
    run_wanted=$1
    run_seconds=$2
    shift 2
    run_status=0
    timeout -s KILL "$run_seconds" $emulator "$@" </dev/null >"$work/output" 2>&1 || run_status=$?
    if [ $run_status -ne "$run_wanted" ]; then
        tail -n 40 "$work/output" >&2
        fail "status $run_status instead of $run_wanted from: $*"
    fi
}

# bare_metal NAME FLAGS...: compiles the assembly on stdin into $work/NAME.elf, to run at the start of RAM.
bare_metal() {
    bare_name=$1
    shift
    cat >"$work/$bare_name.S"
    "${cross}gcc" -nostdlib -static -Wl,--build-id=none -Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000 "$@" \
        "$work/$bare_name.S" -o "$work/$bare_name.elf" || die "cannot assemble $bare_name"
}

# kill_later PID PATTERN SECONDS: waits until a line of $work/console has PATTERN (two minutes at most), waits SECONDS more,
# and kills the emulator (SIGKILL), which writes to that file. Fails if the emulator ended before, or the guest printed FAIL.
kill_later() {
    kill_tries=0
    while ! grep -q "$2" "$work/console" && [ $kill_tries -lt 1200 ]; do
        kill_tries=$((kill_tries + 1))
        sleep 0.1
    done
    sleep "$3"
    kill -KILL "$1" 2>/dev/null || fail "the guest ended by itself: $(tail -n 5 "$work/console")"
    wait "$1" 2>/dev/null || :
    ! grep FAIL "$work/console" || fail "the guest found a fault before it was killed"
}

# serve_blob PEER SIZE: SIZE random bytes in $work/blob, which the program PEER serves on the host's loopback interface as
# long as the test runs. Sets served_port and served_sum.
serve_blob() {
    head -c "$2" /dev/urandom >"$work/blob"
    served_sum=$(sha256sum <"$work/blob" | cut -d' ' -f1)
    "$1" serve "$work/blob" "$work/port" &
    served_by=$!
    trap 'kill $served_by; rm -rf "$work"' EXIT
    until [ -s "$work/port" ]; do sleep 0.1; done
    served_port=$(cat "$work/port")
}
