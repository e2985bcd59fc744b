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
