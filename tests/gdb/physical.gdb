# SPDX-License-Identifier: MIT
# `monitor watch-phys` on RAM, which the guest (watch.S) sees at another virtual address, and on registers of devices: the
# guest stops before the access, a step performs it, and neighbouring bytes, other kinds of access and other pages do not
# stop it.
break again
continue
set var *(long*)&limit=1000000000
expect translated $satp<0&&$priv==1
delete
python
data = int(gdb.parse_and_eval("(unsigned long)&data"))
wide = int(gdb.parse_and_eval("sizeof(long)")) == 8

def phys(text): return gdb.execute("monitor " + text, to_string=True)
def value(text): return int(gdb.parse_and_eval("(unsigned long)" + text))
def step(): gdb.execute("stepi", to_string=True)
def go(): gdb.execute("continue", to_string=True)

# name, address, bytes, kinds that stop, kinds that do not
RAM = [("lb", 0, 1, "r", "w"), ("c_lw", 15, 1, "r", "w"), ("fld", 24, 8, "r", "w"), ("sb", 40, 1, "w", "r"),
    ("fsd", 63, 1, "w", "r"), ("amoadd", 88, 4, "rw", ""), ("lr", 100, 4, "r", "w"), ("load_low", 0x1000 - 2, 1, "r", "w"),
    ("load_high", 0x2000, 1, "r", "w"), ("store_high", 0x4000, 1, "w", "r"), ("cbo_zero", 319, 1, "w", "r")]
DEVICES = [("uart_status", 0x10000005, 1, "r", "w"), ("timer_store", 0x2004008, 4, "w", "r"),
    ("timer_store", 0x200400b, 1, "w", "r"), ("timer_load", 0x200bff8, 8, "r", "w"), ("soft_amo", 0x2000004, 4, "rw", "")]
accesses = [(name, data + at, size, yes, no) for name, at, size, yes, no in RAM] + DEVICES

def in_front(name, at):
    """Stopped in front of the access, which a step makes."""
    before, after = value("$pc"), value("&after_" + name)
    step()
    good = after - before in (2, 4) and value("$pc") == after
    if not good:
        print("%s: stopped at 0x%x, then 0x%x, not at 0x%x" % (name, before, value("$pc"), after))
    return good

good = wanted = quiet = asked = 0
for name, at, size, yes, no in accesses:
    for kind in list(yes) + ["rw"]:
        wanted += 1
        phys("watch-phys 0x%x %d %s" % (at, size, kind))
        go()
        good += in_front(name, at)
        phys("delete-phys 0x%x" % at)
    for kind in no: # the other kind: no stop in a whole round
        asked += 1
        phys("watch-phys 0x%x %d %s" % (at, size, kind))
        gdb.execute("break again", to_string=True)
        go()
        go()
        quiet += value("$pc") == value("&again")
        gdb.execute("delete")
        phys("delete-phys 0x%x" % at)
print("%d of %d stops, %d of %d rounds without one" % (good, wanted, quiet, asked))

# Each round of a hot loop stops before the store, with the value that it will have.
phys("watch-phys 0x10000007 1 w")
turns = []
while len(turns) < 84:
    go()
    turns.append((value("&after_uart_loop") - value("$pc") in (2, 4), value("$t1")) if value("$a3") == 0x10000000 else None)
turns = [turn for turn in turns if turn and turn[0]]
phys("delete-phys 0x10000007")
loop = [turn[1] for turn in turns]
start = loop.index(40)
gdb.set_convenience_variable("loop", loop[start:start + 40] == list(range(40, 0, -1)))

# Neighbours of bytes that are accessed: nobody accesses the UART's registers 1 and 6, nor the word after mtimecmp's low
# half.
for at in (0x10000001, 0x10000006, 0x200400c, data + 0x200):
    phys("watch-phys 0x%x %d rw" % (at, 1))
gdb.execute("break again", to_string=True)
rounds = 0
for turn in range(3):
    go()
    rounds += value("$pc") == value("&again")
gdb.execute("delete")
for at in (0x10000001, 0x10000006, 0x200400c, data + 0x200):
    phys("delete-phys 0x%x" % at)
gdb.set_convenience_variable("missed", wanted - good)
gdb.set_convenience_variable("disturbed", asked - quiet)
gdb.set_convenience_variable("rounds", rounds)
gdb.set_convenience_variable("none", "none" in phys("watch-phys"))
end
expect each-stops $missed==0
expect other-kinds-pass $disturbed==0
expect each-turn $loop==1
expect neighbours-pass $rounds==3
expect all-gone $none==1
set var *(long*)&limit=*(long*)&round+10
