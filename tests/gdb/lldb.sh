#!/bin/sh
# SPDX-License-Identifier: MIT
# What people do with lldb: breakpoint, registers, callers, expressions, memory, steps, a watchpoint. lldb.sh ELF RVIVE
# Takes the newest lldb that is installed; if none supports RISC-V: 77, skipped.
set -u
elf=$1
rvive=$2
lldb=
for name in lldb-21 lldb-20 lldb-19 lldb-18 lldb-17 lldb lldb-16; do
    lldb=$(command -v "$name") && break
done
[ -n "$lldb" ] || { echo "skipped: no lldb is installed"; exit 77; }
version=$("$lldb" --version | sed -n 's/.*lldb version \([0-9]*\).*/\1/p')
[ "${version:-0}" -ge 16 ] || { echo "skipped: $lldb is version $version, which does not know RISC-V well"; exit 77; }
work=$(mktemp -d) || exit 2
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null; rm -rf "$work"' EXIT
timeout 100 "$rvive" -M virt -m 128M -smp 2 -display none -serial null -bios none -kernel "$elf" -S -gdb "unix:$work/gdb" &
emulator=$!
tries=0
until [ -S "$work/gdb" ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] && kill -0 "$emulator" || exit 1
    sleep 0.05
done
cat >"$work/script" <<END
target create "$elf"
process connect unix-connect://$work/gdb
breakpoint set -n before_mmu
continue
thread backtrace
register read fp mstatus priv
expression value * 2
expression -- (int)bytes[3] + 1
expression busy = 77
memory read -s8 -fx -c1 \`&busy\`
memory read -s4 -fx -c1 0x1000
thread step-over
thread step-out
watchpoint set variable switches
continue
breakpoint delete -f
watchpoint delete -f
process plugin packet monitor info status
expression limit = 2
continue
END
timeout 90 "$lldb" --no-lldbinit --batch -s "$work/script" </dev/null >"$work/log" 2>&1
cat "$work/log"
failures=0
has() {
    grep -q -e "$1" "$work/log" || { echo "FAIL: no \"$1\""; failures=$((failures + 1)); }
}
has 'stop reason = breakpoint 1.1'
has 'frame #1: .*hart0_main'
has ' fp = 0x000000008'
has ' priv = 0x0*3$'
has '(ux) \$0 = 42'
has '(int) \$1 = 1'
has '0x000000000000004d'
has '0x00001000: 0x00000297'
has 'stop reason = step over'
has 'stop reason = step out'
has 'stop reason = watchpoint 1'
has 'exited with status = 0'
echo "$failures failures"
[ $failures -eq 0 ]
