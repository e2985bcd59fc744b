# SPDX-License-Identifier: MIT
# gdb attaches and detaches a hundred times while the guest counts; with and without breakpoints, which are not always
# reached. The guest checks its sums at the end.
set var limit=300000
python
import os
where = os.environ["GDB_SOCKET"]
seen = []
for n in range(100):
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1")
    seen.append(int(gdb.parse_and_eval("switches")))
    gdb.execute("maintenance packet Qqemu.PhyMemMode:0")
    if n % 3 == 1:
        gdb.execute("break finish")
        gdb.execute("watch untouched")
    if n % 5 == 2:
        gdb.execute("stepi")
    if n % 3 == 2:
        gdb.execute("delete")
    gdb.execute("detach")
    gdb.execute("target remote " + where)
gdb.set_convenience_variable("moved", sum(a < b for a, b in zip(seen, seen[1:])))
gdb.execute("delete")
end
expect attached-while-it-ran $moved>20
maintenance packet Qqemu.PhyMemMode:1
set var limit=switches/2*2+100
expect not-at-its-end switches<300000
maintenance packet Qqemu.PhyMemMode:0
