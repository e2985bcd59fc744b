# SPDX-License-Identifier: MIT
# run starts the guest again, with the breakpoints that are set; kill leaves the emulator running until gdb leaves.
disconnect
python import os; gdb.execute("target extended-remote " + os.environ["GDB_SOCKET"])
break on_trap if switches==10
continue
expect before-run switches==10
set var bytes[9]=77
run
expect run-again switches==10&&bytes[9]==0
delete
break before_mmu
run
expect from-start $a0==21&&untouched==0&&$_thread==1
delete
break *0x1000
starti
expect first-instruction $pc==0x1000&&$priv==3
delete
set $refused=0
python
try:
    gdb.execute("set args one two")
    gdb.execute("run")
except gdb.error:
    gdb.set_convenience_variable("refused", 1)
gdb.execute("set args")
end
expect arguments-refused $refused==1
break on_trap if switches==3
run
expect after-refusal switches==3
delete
kill
break before_mmu
run
expect after-kill $a0==21
delete
