# SPDX-License-Identifier: MIT
# A watchpoint on the bytes that each kind of load, store and atomic instruction accesses (watch.S): the guest stops after
# that instruction, and gdb names that watchpoint and no other, though a dozen others are set. It uses no feature of Rvive
# alone.
break again
continue
set var *(long*)&limit=1000000000
expect translated $satp<0&&$priv==1
delete
python
wide = int(gdb.parse_and_eval("sizeof(long)")) == 8
data = (int(gdb.parse_and_eval("(unsigned long)&data")) + (0xffffffff40000000 if wide else 0x40000000)) % 2**64

class Stops:
    hit = []
    def __call__(self, event):
        self.hit = [b.number for b in event.breakpoints] if isinstance(event, gdb.BreakpointEvent) else []
stops = Stops()
gdb.events.stop.connect(stops)

KINDS = {"r": "rwatch", "w": "watch", "a": "awatch"}
WORDS = {1: "char", 2: "short", 4: "int", 8: "long long"}

# name, offset of the watched bytes, how many, kinds
ACCESSES = [("lb", 0, 1, "ra"), ("lbu", 1, 1, "ra"), ("lh", 3, 1, "ra"), ("lhu", 4, 2, "ra"), ("lw", 8, 4, "ra"),
    ("c_lw", 15, 1, "ra"), ("flw", 16, 4, "ra"), ("fld", 24, 8, "ra"), ("c_fld", 32, 8, "ra"), ("sb", 40, 1, "wa"),
    ("sh", 42, 2, "wa"), ("sw", 44, 1, "wa"), ("c_sw", 48, 4, "wa"), ("fsw", 52, 4, "a"), ("fsd", 63, 1, "a"),
    ("c_lwsp", 64, 4, "ra"), ("c_swsp", 68, 4, "wa"), ("c_fldsp", 72, 8, "ra"), ("c_fsdsp", 80, 8, "a"),
    ("amoadd", 88, 4, "wa"), ("amoswap", 92, 4, "wa"), ("amomax", 96, 4, "wa"), ("lr", 100, 4, "ra"),
    ("sc", 104, 4, "w"), ("load_low", 0x1000 - 2, 1, "ra"), ("load_high", 0x2000, 1, "ra"),
    ("store_low", 0x3000 - 3, 1, "wa"), ("store_high", 0x4000, 1, "a"), ("fp_high", 0x5006, 1, "a"),
    ("skew_load", 0x6001, 4, "ra"), ("skew_store", 0x6009, 1, "wa"), ("loop", 108, 4, "w"), ("cbo_zero", 319, 1, "a")]
if wide:
    ACCESSES += [("ld", 112, 8, "ra"), ("lwu", 120, 4, "ra"), ("sd", 128, 8, "wa"), ("c_ldsp", 136, 8, "ra"),
        ("c_sdsp", 144, 8, "wa"), ("amoor_d", 152, 8, "wa"), ("lr_d", 160, 8, "ra"), ("sc_d", 160, 8, "w"),
        ("skew_ld", 0x6011, 8, "ra"), ("skew_sd", 0x6021, 1, "wa")]

def watch(kind, offset, size):
    gdb.execute("%s *(%s *)0x%x" % (KINDS[kind], WORDS[size], data + offset), to_string=True)
    return int(gdb.parse_and_eval("$bpnum"))

def look(name, number):
    where = int(gdb.parse_and_eval("(unsigned long)&after_" + name))
    pc = int(gdb.parse_and_eval("(unsigned long)$pc"))
    if pc == where and stops.hit == [number]:
        return True
    print("%s: stopped at 0x%x, not 0x%x; hit %s, not %d" % (name, pc, where, stops.hit, number))
    return False

# Never accessed, on the same pages.
def quiet():
    for n in range(4):
        watch("raw"[n % 3], 0x200 + 8 * n, 8)
        watch("raw"[n % 3], 0x1100 + 0x1000 * n, 8)

good = wanted = 0
for name, offset, size, kinds in ACCESSES:
    for kind in kinds:
        quiet()
        number = watch(kind, offset, size)
        gdb.execute("continue", to_string=True)
        good += look(name, number)
        wanted += 1
        gdb.execute("delete")
        gdb.execute("stepi", to_string=True)
gdb.set_convenience_variable("missed", wanted - good)
print("%d of %d" % (good, wanted))

# All at once: each access of a round stops the guest, in turn, and none twice.
gdb.execute("break again")
gdb.execute("continue", to_string=True)
gdb.execute("delete")
several = [("lb", 0, 1, "a"), ("c_lw", 12, 4, "r"), ("fsd", 56, 8, "a"), ("amoadd", 88, 4, "a"), ("lr", 100, 4, "r"),
           ("load_high", 0x2000, 1, "a"), ("store_low", 0x3000 - 1, 1, "a"), ("store_high", 0x4000, 1, "a")]
numbers = [watch(kind, offset, size) for name, offset, size, kind in several]
met = 0
for n in range(3 * len(several)):
    gdb.execute("continue", to_string=True)
    met += look(several[n % len(several)][0], numbers[n % len(several)])
gdb.execute("delete")
gdb.set_convenience_variable("met", met)
gdb.set_convenience_variable("expected", 3 * len(several))
end
expect each-access $missed==0
expect in-turn $met==$expected
# Code that gdb changes while it is hot: the loop adds 40 in a round, then 120 (addi a0,a0,1; c.addi a0,3).
break again
continue
python
def added():
    before = int(gdb.parse_and_eval("*(int *)0x%x" % (data + 108)))
    gdb.execute("continue", to_string=True)
    return int(gdb.parse_and_eval("*(int *)0x%x" % (data + 108))) - before
steps = [added(), added()]
code = int(gdb.parse_and_eval("(unsigned long)&patched"))
kept = bytes(gdb.selected_inferior().read_memory(code, 2))
gdb.selected_inferior().write_memory(code, b"\x0d\x05") # c.addi a0,3
gdb.execute("continue", to_string=True)
steps += [added(), added()]
gdb.selected_inferior().write_memory(code, kept)
gdb.execute("continue", to_string=True)
steps.append(added())
print(steps)
gdb.set_convenience_variable("patch", steps == [40, 40, 120, 120, 40])
end
expect patched-code $patch==1
delete
# The guest notices nothing of it.
set var *(long*)&limit=*(long*)&round+10
