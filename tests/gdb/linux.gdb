# SPDX-License-Identifier: MIT
# Debian's kernel from OpenSBI on: its first instruction, before translation is on; the first instruction of /init; the same
# instruction in another process. $entry is busybox's entry point.
hbreak *0x80200000
continue
expect kernel-entry $pc==0x80200000&&$priv==1
expect untranslated $satp==0
expect device-tree *(unsigned*)$a1==0xedfe0dd0
stepi
expect step $pc!=0x80200000&&$priv==1
delete
break *$entry
continue
expect process $pc==$entry&&$priv==0
expect translated ($satp>>60)!=0
expect stack ((long)$sp&15)==0&&*(long*)$sp>0
set $first=$satp
stepi
expect step-process $pc!=$entry&&$satp==$first
delete
break *$entry if $satp!=$first&&$priv==0
continue
expect other-process $pc==$entry&&$satp!=$first
delete
# The kernel's side of a system call: the next time that this process traps.
set $space=$satp
set $handler=$stvec
break *$handler if $satp==$space
continue
expect trap $pc==$handler&&$priv==1
delete
# The kernel's own names, though Debian's vmlinux has none.
python
import os
path = os.environ["SYMBOLS"]
answer = gdb.execute("monitor write-symbols " + path, to_string=True)
print(answer)
gdb.execute("add-symbol-file " + path)
gdb.set_convenience_variable("named", "handle_exception" in gdb.execute("info symbol $handler", to_string=True))
gdb.set_convenience_variable("count", int(answer.split()[0]))
end
expect named $named==1&&$count>10000
break *do_exit
continue
expect at-function $pc==(char*)&do_exit&&$priv==1
delete
