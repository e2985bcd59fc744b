#!/bin/sh
# SPDX-License-Identifier: MIT
# Litmus tests: sh run.sh ELF ROUNDS EMULATOR [ARGUMENTS...]. Exit status 0 only if nothing forbidden was seen. A long run by
# hand: sh tests/litmus/run.sh build/tests/litmus/litmus.elf 20000 build/rvive -accel t1,hot=1
set -u
elf=$1
rounds=$2
shift 2
exec "$@" -M virt -m 128M -smp 4 -nographic -bios none -kernel "$elf" \
    -device loader,addr=0x80f00000,data="$rounds",data-len=8 </dev/null
