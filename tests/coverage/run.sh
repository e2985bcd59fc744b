#!/bin/sh
# SPDX-License-Identifier: MIT
# -coverage: the exact lines that a program executes, in every tier, with one hart and three, on RV32 and RV64, as lcov and as
# drcov; the monitor's commands; bad command lines; damaged ELF files.
# run.sh RVIVE RVIVE-LINES
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rvive=$1 lines=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
failures=0

complain() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# build NAME MARCH MABI ARGUMENTS...
build() {
    name=$1 march=$2 mabi=$3
    shift 3
    set -- -march="$march" -mabi="$mabi" -mcmodel=medany -O0 -ffreestanding -nostdlib -static -Wl,-Ttext=0x80000000 \
        -Wl,--no-warn-rwx-segments -Wl,-N "$@" "$here/start.S" "$here/program.c"
    riscv64-unknown-elf-gcc "$@" -o "$work/$name.elf"
    riscv64-unknown-elf-gcc "$@" -DPATIENCE=0x7fffffff -o "$work/$name-harts.elf" # for a machine with a hart 1
}

run() {
    timeout 60 "$rvive" -M virt -bios none -display none "$@"
}

# covered NAME HARTS ARGUMENTS...: both files agree with the markers of program.c.
covered() {
    name=$1 harts=$2
    [ "$harts" = 1 ] || name=$name-harts
    shift 2
    for form in info drcov; do
        rm -f "$work/out.$form"
        run -kernel "$work/$name.elf" -smp "$harts" -coverage "$work/out.$form" "$@" || complain "status $? from $*"
        python3 "$here/check.py" "$([ $form = info ] && echo lcov || echo drcov)" "$work/out.$form" "$here/program.c" \
            "$work/$name.elf" "$lines" "$harts" || complain "$form of $name, $harts harts, $*"
    done
}

# refused TEXT ARGUMENTS...: status 1, and the message has the text.
refused() {
    text=$1 status=0
    shift
    run -kernel "$work/rv64.elf" "$@" 2>"$work/errors" || status=$?
    [ $status -eq 1 ] && grep -qe "$text" "$work/errors" || { complain "status $status from $*:"; cat "$work/errors"; }
}

build rv64 rv64imafdc_zicsr lp64d -g
build rv64i rv64ima_zicsr lp64 -g -gdwarf-4
build rv32 rv32imac_zicsr ilp32 -g
build plain rv64imafdc_zicsr lp64d
for accel in interp t1 t1,hot=1 t2,hot=1; do
    covered rv64 1 -accel "$accel"
    covered rv64 3 -accel "$accel"
done
covered rv64i 1
covered rv64 2 -accel interp -d insn,int -dfilter 0x0..0x10 -D "$work/log"
covered rv64 2 -sandbox off
covered rv32 1 -cpu rv32
covered rv32 3 -cpu rv32

# A program that only elf= names; a format= that contradicts the file's name.
riscv64-unknown-elf-objcopy -O binary "$work/rv64.elf" "$work/rv64.bin"
run -device loader,file="$work/rv64.bin",addr=0x80000000,cpu-num=0 -coverage "$work/x.drcov,format=lcov,elf=$work/rv64.elf" &&
    python3 "$here/check.py" lcov "$work/x.drcov" "$here/program.c" "$work/rv64.elf" "$lines" 1 || complain "elf="

refused 'the file is missing' -coverage ''
refused 'format=lcov or format=drcov' -coverage "$work/x.txt"
refused 'lcov or drcov' -coverage "$work/x.info,format=gcov"
refused 'no/where' -coverage "$work/no/where.info"
refused 'no line numbers' -coverage "$work/x.info,elf=$work/plain.elf"
refused 'no ELF file' -coverage "$work/x.info,elf=$work/rv64.bin"
refused 'elf=: the file is missing' -coverage "$work/x.info,elf="
mkfifo "$work/pipe"
refused 'no such file' -coverage "$work/x.info,elf=$work/pipe"
refused 'cannot write /dev/full' -coverage /dev/full,format=lcov
refused 'No such device' -coverage "$work/pipe,format=lcov"
python3 - "$work/pipe" "$work/read.info" "$rvive" -M virt -bios none -display none -kernel "$work/rv64.elf" \
    -coverage "$work/pipe,format=lcov" <<'END' || complain "a pipe"
import os, subprocess, sys
pipe = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
subprocess.run(sys.argv[3:], check=True, timeout=60, stdin=subprocess.DEVNULL)
with open(sys.argv[2], "wb") as out:
    out.write(os.read(pipe, 1 << 20))
# A reader that leaves before anything is written.
program = subprocess.Popen(sys.argv[3:] + ["-S", "-monitor", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
program.stdout.read(1)
os.close(pipe)
error = program.communicate("cont\n", 60)[1]
assert program.returncode == 1 and "pipe: Broken pipe" in error, (program.returncode, error)
END
python3 "$here/check.py" lcov "$work/read.info" "$here/program.c" "$work/rv64.elf" "$lines" 1 || complain "a pipe"
refused 'absent.elf' -coverage "$work/x.info,elf=$work/absent.elf"
refused 'base=' -coverage "$work/x.info,base=0x1000"
refused 'even address' -coverage "$work/x.info,elf=$work/rv64.elf,base=1"
refused 'no program of the guest' -coverage "$work/x.info" -kernel "$work/plain.elf"
if [ "$(id -u)" = 0 ]; then # the file belongs to root, and its writer is another user
    chmod 711 "$work"
    rm -f "$work/out.info"
    run -kernel "$work/rv64.elf" -coverage "$work/out.info" -run-with user=65534:65534 || complain "status $? from -run-with"
    python3 "$here/check.py" lcov "$work/out.info" "$here/program.c" "$work/rv64.elf" "$lines" 1 || complain "-run-with"
fi
echo keep >"$work/keep.info"
refused 'no/where' -coverage "$work/keep.info" -gdb unix:"$work/no/where"
[ "$(cat "$work/keep.info")" = keep ] || complain "a file was changed by a run that never began"
cp "$work/rv64.elf" "$work/copy.elf"
refused 'written over' -kernel "$work/copy.elf" -coverage "$work/copy.elf,format=drcov"
cmp "$work/rv64.elf" "$work/copy.elf" || complain "a program was written over"

python3 "$here/monitor.py" "$rvive" "$here/program.c" "$work/rv64.elf" "$lines" "$work" || complain "monitor"
python3 "$here/hostile.py" "$rvive" "$work/rv64.elf" "$work" || complain "damaged ELF files"
echo "$failures failures"
[ $failures -eq 0 ]
