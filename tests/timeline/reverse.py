# SPDX-License-Identifier: MIT
"""Going back in a machine in virtual time: at random instants the state is the one that the machine had there,
whatever the order in which they are visited, in all tiers, with one hart and four; breakpoints and watchpoints are
found backwards; and the guest lives on from the present as if nothing had happened.
reverse.py RVIVE SOURCES [SEED]   (SOURCES: the folder of tests/icount)"""
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rsp import Rsp  # noqa: E402

RVIVE, SOURCES = sys.argv[1:3]
SEED = int(sys.argv[3]) if sys.argv[3:] and sys.argv[3].isdigit() else random.randrange(1 << 32)
RAM, SIZE = 0x80000000, 1 << 20
FLAGS = ["-M", "virt", "-m", "1M", "-bios", "none", "-display", "none", "-serial", "stdio", "-monitor", "none", "-nic",
         "none", "-icount", "shift=0,sleep=off"]


def compile_guest(folder, harts, rounds=30):
    elf = "%s/program%d" % (folder, harts)
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany", "-nostdlib",
                    "-ffreestanding", "-O1", "-fno-inline", "-DHARTS=%d" % harts, "-DROUNDS=%d" % rounds,
                    "-DWAITS=%d" % (harts == 1),  # a wfi that waits is logged where it begins, not where it ends
                    "-Wl,--build-id=none,--no-relax,--no-warn-rwx-segments", "-Wl,-Ttext=0x80000000",
                    SOURCES + "/start.S", SOURCES + "/program.c", "-o", elf], check=True)
    names = subprocess.run(["riscv64-unknown-elf-nm", elf], check=True, capture_output=True, text=True).stdout
    return elf, {line.split()[2]: int(line.split()[0], 16) for line in names.splitlines()}


def forward(folder, elf, harts):
    """The hart and the pc of each instruction, and what the guest prints, of a run that is not recorded."""
    log = folder + "/log"
    done = subprocess.run([RVIVE] + FLAGS + ["-smp", str(harts), "-kernel", elf, "-accel", "interp", "-d", "insn", "-D", log],
                          check=True, capture_output=True, stdin=subprocess.DEVNULL)
    with open(log) as lines:
        found = re.findall(r"^insn: hart (\d+): 0x([0-9a-f]+)", lines.read(), re.M)
    return [(int(hart), int(pc, 16)) for hart, pc in found], done.stdout


def check_instants(rsp, trace, end, generator):
    """Some instants, in random order, and each a second time."""
    instants = [generator.randrange(end) for _ in range(25)] + [0, end - 1]
    seen = {}
    for instant in instants + generator.sample(instants, len(instants)):
        rsp.goto(instant)
        hart, pc = trace[instant]
        assert rsp.when()[0] == instant
        assert rsp.pc(hart) == pc, "instruction %d: hart %d at 0x%x, not 0x%x" % (instant, hart, rsp.pc(hart), pc)
        state = [rsp.registers(hart) for hart in range(len({hart for hart, _ in trace}))] + [rsp.memory_sum(RAM, SIZE)]
        assert seen.setdefault(instant, state) == state, "instruction %d has two states" % instant


def check_steps(rsp, trace, end):
    """Back by single instructions of the hart that runs, and forward again."""
    rsp.goto(end - 1)
    hart = trace[end - 1][0]
    own = [n for n in range(end) if trace[n][0] == hart]
    rsp.ask("Hc%x" % (hart + 1))
    for n in range(2, 30):
        rsp.ask("bs")
        assert rsp.when()[0] == own[-n] and rsp.pc(hart) == trace[own[-n]][1], (n, rsp.when(), own[-n])
    for n in range(28, 1, -1):
        rsp.ask("vCont;s:%x" % (hart + 1))
        assert rsp.pc(hart) == trace[own[-n]][1], n


def check_breakpoints(rsp, trace, end, symbols):
    """Each time that a function was reached, from the last to the first; then forward again."""
    times = [n for n in range(end) if trace[n][1] == symbols["handler"]]
    rsp.goto("end")
    rsp.ask("Z0,%x,2" % symbols["handler"])
    for wanted in times[:-8:-1]:
        assert rsp.ask("bc").startswith("T05")
        assert rsp.when()[0] == wanted, (rsp.when(), wanted)
    for wanted in times[-6:]:
        rsp.ask("z0,%x,2" % symbols["handler"])  # gdb steps over a breakpoint by itself
        rsp.ask("vCont;s:%x" % (trace[rsp.when()[0]][0] + 1))
        rsp.ask("Z0,%x,2" % symbols["handler"])
        rsp.ask("vCont;c")
        assert rsp.when()[0] == wanted, (rsp.when(), wanted)
    rsp.ask("z0,%x,2" % symbols["handler"])
    answer = rsp.ask("bc")
    assert "replaylog:begin" in answer and rsp.when()[0] == 0, answer


def check_watchpoint(rsp, symbols, harts):
    """The last store to `ended` is that of the last hart, the one before that of another hart."""
    rsp.goto("end")
    rsp.ask("Z2,%x,4" % symbols["ended"])
    for n in range(harts):
        answer = rsp.ask("bc")
        assert "watch:" in answer, answer
        assert rsp.ask("m%x,4" % symbols["ended"]) == (harts - 1 - n).to_bytes(4, "little").hex()
    rsp.ask("z2,%x,4" % symbols["ended"])


def check_last_write(rsp, symbols, harts):
    """The same question, by `monitor last-write`, which leaves gdb's breakpoints alone."""
    rsp.goto("end")
    rsp.ask("Z0,%x,2" % symbols["handler"])
    text = rsp.monitor("last-write 0x%x 4" % symbols["ended"])
    for n in range(harts):
        assert re.match(r"instruction %d: hart \d+ at pc 0x[0-9a-f]+ is about to write; before: %02x 00 00 00\n" %
                        (rsp.when()[0], harts - 1 - n), text), text
        text = rsp.monitor("last-write")
    before = rsp.when()
    while text.startswith("instruction"):  # those that made it 0
        before, text = rsp.when(), rsp.monitor("last-write")
    assert text.startswith("no hart has written") and rsp.when() == before, text
    rsp.goto("end")
    assert rsp.ask("bc").startswith("T05") and rsp.when()[0] != before[0]
    rsp.ask("z0,%x,2" % symbols["handler"])
    assert "a number" in rsp.monitor("last-write nonsense") and "a number" in rsp.monitor("last-write 1 0")


def check_last_change(rsp, symbols, end):
    """Memory: where `last-write` finds the store. A register: the last instant at which it was another one. A CSR."""
    rsp.goto("end")
    rsp.monitor("last-write 0x%x 4" % symbols["ended"])
    wanted = rsp.when()[0]
    rsp.goto("end")
    text = rsp.monitor("last-change 0x%x 4" % symbols["ended"])
    assert rsp.when()[0] == wanted and text.startswith("instruction %d: hart" % wanted), (text, wanted)
    x8 = slice(8 * 16, 9 * 16)
    rsp.goto("end")
    now, at = rsp.registers(0)[x8], end
    rsp.monitor("last-change s0")
    found = rsp.when()[0]
    rsp.goto("end")
    while at and rsp.registers(0)[x8] == now:
        at -= 1
        rsp.goto(at)
    assert found == at, (found, at)
    rsp.goto("end")
    assert rsp.monitor("last-change mepc").startswith("instruction")
    first = rsp.when()[0]
    assert rsp.monitor("last-change").startswith("instruction") and rsp.when()[0] < first
    assert "has not changed" in rsp.monitor("last-change mvendorid") and rsp.when()[0] < first
    assert "a register" in rsp.monitor("last-change nonsense") and "a register" in rsp.monitor("last-change 1 9")
    rsp.goto("end")


def check_record(rsp, end):
    """`record off` forgets the past, `record on` keeps it again; the guest does not notice."""
    assert "past" in (rsp.goto(end // 2), rsp.monitor("record off"))[1]
    rsp.goto("end")
    assert rsp.monitor("record off") == "" and "not recorded" in rsp.monitor("when")
    assert rsp.monitor("record on") == ""


def check_bookmarks(rsp, end):
    """Names of instants; start and end; what is typed wrongly."""
    rsp.goto(end // 2)
    assert "instruction %d" % (end // 2) in rsp.monitor("bookmark half")
    assert rsp.monitor("start").startswith("at instruction 0;") and rsp.monitor("end").startswith("at instruction %d;" % end)
    rsp.goto("half")
    assert rsp.when()[0] == end // 2 and rsp.monitor("bookmark") == "half: instruction %d\n" % (end // 2)
    assert "no number" in rsp.monitor("bookmark 5") and "no number" in rsp.monitor("bookmark end")
    assert "where to" in rsp.monitor("goto") and "bookmark" in rsp.monitor("goto nowhere")
    assert rsp.monitor("help goto").startswith("goto N") and rsp.monitor("help when").startswith("when ")


def check_removed_condition(rsp, symbols):
    """A breakpoint with a condition (an agent expression that is 1) is found, removed, and not looked at again."""
    rsp.goto("end")
    rsp.ask("Z0,%x,2;X3,220127" % symbols["handler"])
    assert rsp.ask("bc").startswith("T05")
    rsp.ask("z0,%x,2" % symbols["handler"])
    for _ in range(5):
        assert rsp.ask("bs").startswith("T05")


def check_refusals(rsp):
    assert "past" in rsp.monitor("migrate file:/dev/null")
    assert "not active" in rsp.monitor("info replay")
    assert "past" in rsp.monitor("step 3")
    assert rsp.ask("P1=0000000000000000").startswith("E")
    assert rsp.ask("M80000000,1:00").startswith("E")
    assert "is not in what was recorded" in rsp.monitor("goto 999999999999")


def check(folder, harts, accel, generator):
    elf, symbols = compile_guest(folder, harts)
    trace, output = forward(folder, elf, harts)
    rsp = Rsp([RVIVE] + FLAGS + ["-smp", str(harts), "-kernel", elf, "-accel", accel], folder)
    try:
        rsp.ask("Z0,%x,2" % symbols["finish"])
        assert rsp.ask("vCont;c").startswith("T05")
        rsp.ask("z0,%x,2" % symbols["finish"])
        end = rsp.when()[2]
        assert end < len(trace) and trace[end][1] == symbols["finish"], (end, len(trace), output)
        before = rsp.memory_sum(RAM, SIZE)
        check_instants(rsp, trace, end, generator)
        check_steps(rsp, trace, end)
        check_breakpoints(rsp, trace, end, symbols)
        check_watchpoint(rsp, symbols, harts)
        check_last_write(rsp, symbols, harts)
        check_last_change(rsp, symbols, end)
        check_bookmarks(rsp, end)
        check_removed_condition(rsp, symbols)
        check_refusals(rsp)
        answer = rsp.ask("vCont;c")
        assert "replaylog:end" in answer, answer
        assert rsp.when() == [end, 0, end] and rsp.memory_sum(RAM, SIZE) == before
        check_record(rsp, end)
        rsp.send("vCont;c")
        printed = rsp.process.communicate(timeout=60)[0]
        assert printed == output, (printed, output)
    finally:
        rsp.end() if rsp.process.poll() is None else None


def check_forgetting(folder):
    """With little memory the oldest part of the past is forgotten, and the rest is still right."""
    elf, symbols = compile_guest(folder, 1, 200000)
    rsp = Rsp([RVIVE] + FLAGS + ["-kernel", elf, "-record", "on,memory=8M"], folder)
    try:
        rsp.ask("Z0,%x,2" % symbols["finish"])
        assert rsp.ask("vCont;c").startswith("T05")
        end, first, _ = rsp.when()
        assert 0 < first < end, rsp.when()
        state = rsp.registers(0), rsp.memory_sum(RAM, SIZE)
        rsp.goto("start")
        oldest = rsp.registers(0), rsp.memory_sum(RAM, SIZE)
        assert "is not in what was recorded" in rsp.monitor("goto %d" % (first - 1))
        assert "checkpoints" in rsp.monitor("info timeline"), rsp.monitor("info timeline")
        rsp.goto((first + end) // 2)
        rsp.goto("end")
        assert state == (rsp.registers(0), rsp.memory_sum(RAM, SIZE))
        rsp.goto("start")
        assert oldest == (rsp.registers(0), rsp.memory_sum(RAM, SIZE))
    finally:
        rsp.end()


def main():
    print("seed", SEED)
    generator = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        check_forgetting(folder)
        print("ok forgetting")
    for harts in 1, 4:
        for accel in "interp", "t1,hot=1", "t2,hot=1,eager=on", "t2":
            with tempfile.TemporaryDirectory() as folder:
                check(folder, harts, accel, generator)
                print("ok", harts, accel)


if __name__ == "__main__":
    main()
