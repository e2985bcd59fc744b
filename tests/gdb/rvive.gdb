# SPDX-License-Identifier: MIT
# What QEMU does not have: monitor commands, exact errors, conditions that the machine evaluates.

set var limit=1000000

# The guest's time has hardly begun.
expect counters-at-reset $mcycle==0&&$minstret==0&&$time<1000000

# Every CSR of the description can be read, and written unless it is read-only (by its number); gdb itself would not send a
# value that is unchanged.
python
import xml.dom.minidom
def ask(packet):
    text = gdb.execute("maintenance packet " + packet, to_string=True)
    return text[text.index("received: ") + 11:].strip()[:-1]
description, piece = "", "m"
while piece[0] == "m":
    piece = ask("qXfer:features:read:target.xml:%x,400" % len(description)).encode().decode("unicode_escape")
    description += piece[1:]
registers = {}
for feature in xml.dom.minidom.parseString(description).getElementsByTagName("feature"):
    for reg in feature.getElementsByTagName("reg"):
        registers[reg.getAttribute("name")] = (int(reg.getAttribute("regnum")), feature.getAttribute("name").rpartition(".")[2])
good = []
for name, (number, feature) in registers.items():
    value = ask("p%x" % number)
    answer = ask("P%x=%s" % (number, value))
    readonly = feature == "csr" and (number - 65) >> 10 == 3
    sizes = (64,) if feature == "vector" else (8, 16)
    fine = len(value) in sizes and (answer[0] == "E" if readonly else answer == "OK")
    good.append(fine)
    if not fine:
        print("%s: read %s, written %s" % (name, value, answer))
gdb.set_convenience_variable("fine", all(good))
gdb.set_convenience_variable("registers", len(good))
wanted = """sstatus sie stvec scounteren senvcfg sscratch sepc scause stval sip stimecmp satp mstatus misa medeleg mideleg mie
    mtvec mcounteren menvcfg mcountinhibit mscratch mepc mcause mtval mip pmpcfg0 pmpaddr15 mcycle minstret mhpmcounter31
    mhpmevent3 cycle time instret hpmcounter3 mvendorid mhartid fcsr priv pc x0 zero ft0 fa7 t6
    v0 v31 vl vtype vlenb vstart vcsr""".split()
missing = [name for name in wanted if name not in registers and name != "x0"]
print("missing:", missing)
gdb.set_convenience_variable("missing", len(missing))
end
expect registers-accessible $fine==1&&$registers>150
expect registers-named $missing==0

# Device registers are left alone until they are asked for.
set $read=0
python
def readable(address):
    try:
        gdb.selected_inferior().read_memory(address, 4)
        return True
    except gdb.MemoryError:
        return False
gdb.set_convenience_variable("before", readable(0x10000000))
gdb.execute("monitor mmio on")
gdb.set_convenience_variable("after", readable(0x10000005))
gdb.execute("monitor mmio off")
gdb.set_convenience_variable("hole", readable(0x1ffff000))
end
expect mmio-refused $before==0
expect mmio-on $after==1
expect hole $hole==0

# Registers that cannot be written give an error; privilege can be written.
python
def refused(command):
    try:
        gdb.execute(command)
        return False
    except gdb.error as error:
        return "cannot be written" in str(error)
gdb.set_convenience_variable("readonly", refused("set $mhartid=7"))
gdb.set_convenience_variable("nomode", refused("set $priv=2"))
end
expect read-only $readonly==1
expect no-mode $nomode==1
set $priv=1
expect mode-written $priv==1
set $priv=3

# A breakpoint in the ROM, and one whose hits the machine counts by itself.
break *0x1008
continue
expect rom-break $pc==0x1008
delete
break on_trap if switches==77
continue
expect condition switches==77
delete

# By physical address, with the processes' translation on; the hart can continue from it.
set $page=(long)&user_pages[1]
python gdb.execute("monitor break-phys 0x%x" % (int(gdb.parse_and_eval("$page")) + 0x18))
continue
expect physical-break $pc==0x10018&&$priv==0
set $space=$satp
stepi
expect physical-step $priv==3
continue
expect physical-again $pc==0x10018&&$satp==$space
python gdb.execute("monitor delete-phys 0x%x" % (int(gdb.parse_and_eval("$page")) + 0x18))

# Memory by physical address: a process reaches it only by its own address, the kernel by the physical one.
delete
break enter_user if switches>=80
continue
delete
set $target=(long)&bytes[8]
python
def phys(text): return gdb.execute("monitor " + text, to_string=True)
at = int(gdb.parse_and_eval("$target"))
gdb.set_convenience_variable("set_watch", "watch w" in phys("watch-phys 0x%x 4" % at))
gdb.set_convenience_variable("listed", "0x%x..0x%x watch w" % (at, at + 3) in phys("watch-phys"))
gdb.set_convenience_variable("bad", "[r|w|rw]" in phys("watch-phys 0x%x 4 x" % at) and "[r|w|rw]" in phys("watch-phys 0x%x 0" % at))
end
expect watch-phys-set $set_watch==1&&$listed==1&&$bad==1
# The process's page has another address for the same bytes: its code stores there.
maintenance packet Qqemu.PhyMemMode:1
set $slot=&tables[current==&processes[0]?0:1][2][17]
set *$slot=((unsigned long)&bytes>>12)<<10|0xd7
set $page=(unsigned char*)((current==&processes[0])?&user_pages[0]:&user_pages[1])
set $kept=*(int*)$page
set *(int*)$page=0x01d2a023
maintenance packet Qqemu.PhyMemMode:0
set $t0=0x11000+($target&0xfff)
set $entry=current->pc
set current->pc=0x10000
tbreak *0x10000
continue
set $t0=0x11000+($target&0xfff)
set $t4=0x600d
continue
expect watch-phys-stops $pc==0x10000&&$priv==0
stepi
expect watch-phys-passes $pc==0x10004
maintenance packet Qqemu.PhyMemMode:1
expect watch-phys-stored *(int*)$target==0x600d
set *(int*)$page=$kept
maintenance packet Qqemu.PhyMemMode:0
python
gdb.set_convenience_variable("gone", "deleted" in phys("delete-phys 0x%x" % at) and "none" in phys("break-phys") and "no such" in phys("delete-phys 0x%x" % at))
end
expect watch-phys-gone $gone==1
set $pc=$entry

# The machine steps through a range of addresses by itself.
break hart1_main
thread 2
tbreak guest.c:110
continue
delete
set $last=busy
next
next
next
next
expect range $_thread==2&&busy>$last&&busy<=$last+800

# A single step with an interrupt pending: the interrupt waits, or the step takes it.
thread 1
break on_trap
continue
delete
set $mie=0x8
set $mstatus=$mstatus|8
monitor mmio on
monitor phys on
set *(unsigned*)0x2000000=1
monitor phys off
set $from=$pc
stepi
expect irq-waits $pc!=(char*)&trap_entry
monitor step-irq on
stepi
expect irq-entered $pc==(char*)&trap_entry&&$mcause==0x8000000000000003
monitor phys on
set *(unsigned*)0x2000000=0
monitor phys off
monitor mmio off
set $mie=0
stepi
# Back to where it was, as if nothing had happened.
set $pc=$mepc
set $mstatus=$mstatus|0x1800
set var limit=switches/2*2+100

# Counters between two instructions.
set scheduler-locking on
set $minstret=5
expect counter-written $minstret==5
stepi
expect counted $minstret==6
set $mcountinhibit=5
stepi
expect counter-inhibited $minstret==6
set $mcountinhibit=0
stepi
expect counter-on $minstret==7
set $was=$time
shell sleep 0.1
maintenance flush register-cache
expect time-stands $time==$was
# Conditions see the written counters, too.
set $minstret=0
set $mcycle=1000
break on_trap if $minstret==$mcycle-1000
continue
expect counters-in-condition $minstret>0&&$pc==(char*)&on_trap
delete
set scheduler-locking off

# Commands of the machine's monitor.
python
mtree = gdb.execute("monitor info mtree", to_string=True)
gdb.set_convenience_variable("mtree", "plic" in mtree)
gdb.execute("monitor cpu 1")
gdb.set_convenience_variable("cpu1", "0000001" in gdb.execute("monitor info csr mhartid", to_string=True))
gdb.execute("monitor cpu 0")
gdb.set_convenience_variable("cpu0", "0000000" in gdb.execute("monitor info csr mhartid", to_string=True))
gdb.set_convenience_variable("cont", "gdb has stopped" in gdb.execute("monitor cont", to_string=True))
gdb.set_convenience_variable("nonsense", "unknown command" in gdb.execute("monitor nonsense", to_string=True))
end
expect monitor-command $mtree==1
expect monitor-unknown $nonsense==1
expect monitor-cpu $cpu0==1&&$cpu1==1
expect monitor-cont $cont==1
