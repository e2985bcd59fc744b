#!/bin/sh
# SPDX-License-Identifier: MIT
# Bad input from the host's side: sh bad_input.sh PATH-TO-RVIVE. Every case must end with status 1 and one message that names
# the cause, and must not change any file.
set -u
rvive=$1
work=$(mktemp -d) || exit 1
guest=
trap 'test -z "$guest" || kill "$guest" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
failures=0
cases=0

complain() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# Names, sizes, contents and times of all input files.
state_of_files() {
    (cd "$work/in" && ls -lR --time-style=full-iso . && find . -type f -exec cksum {} + | sort -k 3)
}

# refuses NAMED-IN-MESSAGE ARGUMENTS...
refuses() {
    named=$1
    shift
    cases=$((cases + 1))
    timeout 30 "$rvive" "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    test $status -eq 1 || complain "$*: exit status $status, not 1"
    test ! -s "$work/out" || complain "$*: wrote to its output: $(head -c 200 "$work/out")"
    head -n 1 "$work/err" | grep -q '^rvive: ' || complain "$*: no message: $(head -c 200 "$work/err")"
    test "$(wc -l <"$work/err")" -eq 1 || complain "$*: $(wc -l <"$work/err") lines: $(head -c 2000 "$work/err")"
    grep -qF -e "$named" "$work/err" || complain "$*: \"$named\" is not named in: $(cat "$work/err")"
}

# bytes OCTAL...: one byte each
bytes() {
    for byte; do printf "\\$byte"; done
}

mkdir "$work/in" "$work/in/folder"
cd "$work/in" || exit 1
bytes 157 000 000 000 >loop.bin                       # j .
{ bytes 037 213 010 000; head -c 60 /dev/zero; } >short.gz # the start of a gzip file
bytes 177 105 114 106 002 001 001 >truncated.elf      # "\177ELF", 64-bit, and no more
{ bytes 177 105 114 106 002 001 001; head -c 9 /dev/zero
  bytes 002 000 076 000 001 000 000 000; head -c 104 /dev/zero; } >other.elf # e_machine 62: x86-64
{ bytes 177 105 114 106 001 001 001; head -c 9 /dev/zero
  bytes 002 000 363 000 001 000 000 000; head -c 104 /dev/zero; } >rv32.elf  # e_machine 243, 32-bit
: >empty
head -c 1024 /dev/zero >good.img
head -c 1000 /dev/zero >odd.img
truncate -s 40M big.initrd
state_of_files >"$work/before"
bare="-bios none -serial null"
loop="$bare -kernel loop.bin"

# files
refuses "missing.bin: No such file" $bare -kernel missing.bin
refuses "missing.bin: No such file" -serial null -bios missing.bin
refuses "missing.rd: No such file" $loop -initrd missing.rd
refuses "missing.dtb: No such file" $loop -dtb missing.dtb
refuses "missing.img" $loop -drive file=missing.img,format=raw,if=virtio
refuses "missing.x: No such file" $loop -device loader,file=missing.x,addr=0x80400000
refuses "folder" $bare -kernel folder
refuses "folder" -serial null -bios folder
refuses "folder" $loop -initrd folder
refuses "folder" $loop -drive file=folder,format=raw,if=virtio
refuses "folder" -bios none -kernel loop.bin -serial file:folder
refuses "empty is empty" $bare -kernel empty
refuses "nodir/out.dtb" $loop -machine dumpdtb=nodir/out.dtb
refuses "nodir/log" $loop -D nodir/log
unset DISPLAY WAYLAND_DISPLAY SDL_VIDEODRIVER
refuses "there is no desktop" $loop -display sdl
refuses "no/where: No such" $loop -screendump no/where/last.png
refuses "no such host.invalid" $loop -vnc "no such host.invalid:1"
refuses "nodir/a.wav: cannot be written" $loop -audio wav,path=nodir/a.wav,model=virtio
SDL_AUDIODRIVER=nonesuch refuses "there is no sound on this computer" $loop -audio sdl,model=virtio
refuses "good.img is no device tree" $loop -dtb good.img

# images
refuses "truncated.elf is a truncated ELF" $bare -kernel truncated.elf
refuses "truncated.elf is a truncated ELF" -serial null -bios truncated.elf
refuses "other.elf is an ELF file for another machine" $bare -kernel other.elf
refuses "rv32.elf is a 32-bit ELF" $bare -kernel rv32.elf
refuses "short.gz" $bare -kernel short.gz
refuses "big.initrd" $loop -m 32M -initrd big.initrd
refuses "big.initrd" $loop -m 41M -initrd big.initrd
refuses "overlaps" $loop -device loader,file=loop.bin,addr=0x80000000,force-raw=on
refuses "0x90000000" $loop -device loader,file=loop.bin,addr=0x90000000,force-raw=on
refuses "cpu-num=1" $loop -device loader,addr=0x80000000,cpu-num=1
export RVIVE_FIRMWARE_DIR=.
refuses "riscv32" -serial null -cpu rv32 -kernel loop.bin
unset RVIVE_FIRMWARE_DIR

# disks
refuses "odd.img" $loop -drive file=odd.img,format=raw,if=virtio

# values
refuses "-m 0" $loop -m 0
refuses "-m 1T" $loop -m 1T
refuses "-m lots" $loop -m lots
refuses "-smp 1000" $loop -smp 1000
refuses "cache=0" $loop -accel t1,cache=0
refuses "cache=2000" $loop -accel t1,cache=2000
refuses "hot=x" $loop -accel t1,hot=x
refuses "unknown option tb" $loop -accel t1,tb=1
refuses 'there is no pass "x"; there are: fold' $loop -accel t2 -dbt-without-pass x
refuses "no code can be made without the pass alloc" $loop -accel t2 -dbt-without-pass alloc
refuses 'there is no pass "x"; there are: fold' $loop -accel t2 -d ir=x
refuses "no passes without the optimiser" $loop -accel t1 -d ir=fold
refuses "thread" $loop -accel tcg,thread=both
refuses "the host's processor runs no RISC-V" $loop -accel kvm
refuses "-foo" $loop -foo
refuses "-kernle" -kernle loop.bin
refuses "-gdb" $loop -gdb telnet::1234
refuses "-gdb" $loop -gdb tcp:1234
refuses 'the port "99999"' $loop -gdb tcp::99999
refuses 'the port "65536"' $loop -gdb tcp:localhost:65536
refuses 'the port "-1"' $loop -gdb tcp::-1
refuses 'the port "http"' $loop -gdb tcp::http
refuses 'the port "99999"' -bios none -kernel loop.bin -serial tcp::99999,server,nowait
refuses 'the port "99999"' $loop -monitor tcp::99999,server,nowait
refuses 'the port "99999"' $loop -qmp tcp:localhost:99999,server,nowait
refuses 'the port "70000"' -bios none -kernel loop.bin -chardev socket,id=c,port=70000,host=::1 -serial chardev:c
refuses "hostfwd=tcp::99999-:22" $loop -nic user,hostfwd=tcp::99999-:22
refuses "hostfwd=tcp::22-:99999" $loop -nic user,hostfwd=tcp::22-:99999
refuses 'the port "99999"' $loop -nic user,guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:99999
refuses "at most 59635" $loop -vnc :59636
refuses "sifive_x" -M sifive_x
refuses "zdoesnotexist" $loop -cpu rv64,zdoesnotexist=on
refuses "virtio-blk-devise" $loop -device virtio-blk-devise
refuses "nonsense" $loop -d nonsense
refuses "nonsense" -bios none -kernel loop.bin -serial nonsense

# the firmware's package is not there
RVIVE_FIRMWARE_DIR=$work/in/folder
export RVIVE_FIRMWARE_DIR
refuses "$work/in/folder/fw_dynamic.bin" -serial null
unset RVIVE_FIRMWARE_DIR

state_of_files >"$work/after"
cmp -s "$work/before" "$work/after" || complain "files have changed: $(diff "$work/before" "$work/after")"

# two users of one disk image: the first runs until it is told to end
"$rvive" $loop -drive file=good.img,format=raw,if=virtio </dev/null >"$work/first" 2>&1 &
guest=$!
tries=0
# the image's lock shows that the first one is running
while ! grep -q ":$(stat -c %i good.img) " /proc/locks && test $tries -lt 100; do
    tries=$((tries + 1))
    sleep 0.1
done
test $tries -lt 100 || complain "the first user of good.img did not lock it: $(cat "$work/first")"
refuses "good.img" $loop -drive file=good.img,format=raw,if=virtio
kill -TERM "$guest"
wait "$guest"
status=$?
guest=
test $status -eq 143 || complain "a guest ended by SIGTERM: exit status $status, not 143"

echo "$cases cases, $failures failures"
test "$failures" -eq 0
