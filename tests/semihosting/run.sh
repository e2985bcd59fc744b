#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs built with Debian's picolibc, on semihosting: their output, arguments, input, files and exit status, with the
# interpreter and the translator, RV32 and RV64. run.sh RVIVE
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

# compile NAME MARCH MABI
compile() {
    riscv64-unknown-elf-gcc --specs=picolibc.specs --oslib=semihost --crt0=semihost -march="$2" -mabi="$3" -mcmodel=medany \
        -Wl,--defsym=__flash=0x80000000 -Wl,--defsym=__flash_size=0x200000 \
        -Wl,--defsym=__ram=0x80200000 -Wl,--defsym=__ram_size=0x200000 -O1 "$here/program.c" -o "$work/$1.elf"
}

# expect NAME STATUS CPU CONFIG INPUT: the output must equal the lines on stdin
expect() {
    cat >"$work/wanted"
    status=0
    # shellcheck disable=SC2086
    printf '%s' "$5" | timeout 60 "$rvive" -M virt -m 64M -bios none -display none $3 -kernel "$work/$kernel.elf" \
        -semihosting-config "$4" >"$work/output" 2>"$work/errors" || status=$?
    if [ $status -ne "$2" ] || ! cmp -s "$work/wanted" "$work/output"; then
        echo "FAIL $1: status $status (wanted $2); output against what was wanted:"
        diff "$work/output" "$work/wanted" || true
        cat "$work/errors"
        failures=$((failures + 1))
    fi
}

everything() {
    expect "console" 3 "$1" "enable=on,arg=prog,arg=times,arg=heap,arg=input,arg=exit,arg=3" "hello
" <<END
6 arguments
clock goes on: yes, time is right
heap: yes
input: hello
END
    expect "no files" 0 "$1" "arg=prog,arg=write,arg=x,arg=read,arg=/etc/passwd" "" <<END
5 arguments
write x: errno 13
read /etc/passwd: errno 13
END
    [ ! -e x ] || { echo "FAIL: a file was written"; failures=$((failures + 1)); }
    rm -rf "$work/box"
    mkdir "$work/box"
    ln -s ../secret "$work/box/link"
    echo secret >"$work/secret"
    mkfifo "$work/box/pipe"
    files=arg=write,arg=x,arg=read,arg=/x,arg=rename,arg=x,arg=read,arg=renamed,arg=remove,arg=renamed
    expect "files" 0 "$1" "path=$work/box,arg=prog,$files,arg=read,arg=renamed" "" <<END
13 arguments
write x: done
read /x: 2000 lines, the last is "line 1999", at 5 is 0
rename x: done
read renamed: 2000 lines, the last is "line 1999", at 5 is 0
remove renamed: done
read renamed: errno 2
END
    ways=arg=read,arg=../secret,arg=read,arg=link,arg=read,arg=pipe,arg=remove,arg=../secret,arg=write,arg=../new
    expect "ways out" 0 "$1" "path=$work/box,arg=prog,$ways" "" <<END
11 arguments
read ../secret: errno 13
read link: errno 13
read pipe: errno 13
remove ../secret: failed
write ../new: errno 13
END
    expect "raw calls" 0 "$1" "arg=prog,arg=raw" "" <<END
2 arguments
features: length 5, unread 35 of 40, SHFB 3
closed: 0, again: -1, errno 9
heap info: right
ticks: right at 1000000000 Hz
temporary name: 0 tmp-007, error: 1
system: -1, unknown: -1
bad pointers: -1 -1
bad handle: -1
write0

END
}

compile rv64 rv64imafdc lp64d
compile rv32 rv32imac ilp32
cd "$work"
kernel=rv64
everything "-cpu rv64"
everything "-cpu rv64 -accel interp"
kernel=rv32
everything "-cpu rv32"

# The command line with which picolibc's own scripts call QEMU, with the console on a chardev.
status=0
timeout 60 "$rvive" -chardev stdio,mux=on,id=stdio0 -semihosting-config enable=on,chardev=stdio0,arg=prog,arg=error \
    -monitor none -serial none -machine virt -bios none -kernel "$work/rv64.elf" -nographic </dev/null \
    >"$work/output" || status=$?
if [ $status -ne 0 ] || ! grep -q "to stderr" "$work/output"; then
    echo "FAIL chardev: status $status: $(cat "$work/output")"
    failures=$((failures + 1))
fi

# Without the flag the call is a breakpoint, and nothing is printed; the emulator can still be ended.
status=0
timeout -s TERM 2 "$rvive" -M virt -bios none -display none -kernel "$work/rv64.elf" </dev/null >"$work/output" || status=$?
if [ $status -ne 124 ] || [ -s "$work/output" ]; then
    echo "FAIL without -semihosting: status $status: $(cat "$work/output")"
    failures=$((failures + 1))
fi
# A program that waits for input can be ended, too.
status=0
mkfifo "$work/never"
sleep 30 >"$work/never" &
sleeper=$!
timeout -s TERM 2 "$rvive" -M virt -bios none -display none -kernel "$work/rv64.elf" \
    -semihosting-config arg=prog,arg=input <"$work/never" >"$work/output" 2>&1 || status=$?
kill $sleeper
[ $status -eq 124 ] || { echo "FAIL waiting: status $status"; failures=$((failures + 1)); }

echo "$failures failures"
[ $failures -eq 0 ]
