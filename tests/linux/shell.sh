#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's kernel to a shell, with as many harts as the third argument says: every hart is online and runs a process, the
# console works both ways, an idle guest sleeps, and poweroff ends the emulator with status 0.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/linux/lib.sh"

smp=${3:?usage: shell.sh CONSOLE EMULATOR HARTS}

drive_linux 280 "$smp" <<END
timeout 180
expect Rvive guest is up: Linux 6.
expect riscv64, $smp hart(s)
timeout 40
run uname -m; echo harts=\$(grep -c ^processor /proc/cpuinfo)
expect riscv64
expect harts=$smp
run grep -m 1 ^isa /proc/cpuinfo
expect rv64imafdc
run n=0; while [ \$n -lt $smp ]; do taskset -p \$((1 << n)) \$\$ >/dev/null; echo on-\$(cut -d' ' -f39 /proc/self/stat); n=\$((n+1)); done; echo e\$((1))nd
expect on-$((smp - 1))
expect e1nd
run dmesg | grep -cE 'Kernel panic|Oops|BUG:' | sed s/^/bad-/
expect bad-0
run taskset -p \$(((1 << $smp) - 1)) \$\$ >/dev/null; awk 'BEGIN { for (i = 1; i <= 10; i++) s += 1 / i; printf "sum-%.6f\\\\n", s }'
expect sum-2.928968
run sleep 1; echo slept-\$?
expect slept-0
# A job in the background and Ctrl-C: the console is a controlling terminal.
run (echo r\$((1))uns; sleep 1000)
expect r1uns
send \\x03
run echo status-\$?
expect status-130
idle 5 2
run poweroff -f
expect Power down
exit 0
terminal
END
