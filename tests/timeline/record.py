#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recordings in files: what one tier records another one replays, with the same output, status and states; a file that is cut
off is replayed as far as it goes; one that is damaged, or of another machine, is refused by name; gdb goes back and forth in
a replay. Arguments: RVIVE, the folder of tests/icount (start.S, program.c), the program `hostile`, and if need be the seed."""
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reverse import FLAGS, RAM, SIZE, compile_guest  # noqa: E402
from rsp import Rsp  # noqa: E402

RVIVE, SOURCES, HOSTILE = sys.argv[1:4]
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
PLAIN = FLAGS[:FLAGS.index("-icount")]


def run(flags, status=0):
    """Returns what the machine prints on its console, and its messages."""
    done = subprocess.run([RVIVE] + flags, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == status, (flags, done)
    return done.stdout, done.stderr.decode()


def check_tiers(folder, elf, harts):
    """Recorded in each tier, replayed in another, with and without the kernel's file, and by QEMU's words."""
    tiers = ["interp", "t1,hot=1", "t2,hot=1,eager=on"]
    smp = ["-smp", str(harts)]
    for number, tier in enumerate(tiers):
        file = "%s/recording%d" % (folder, number)
        output, messages = run(FLAGS + smp + ["-kernel", elf, "-accel", tier, "-record", file])
        assert output and not messages, messages
        again = run(PLAIN + smp + ["-kernel", elf, "-accel", tiers[(number + 1) % 3], "-replay", file])
        assert again == (output, ""), again
    assert run(PLAIN + smp + ["-replay", file]) == (output, "")
    words = PLAIN + smp + ["-kernel", elf, "-icount", "shift=0,sleep=off,rr=record,rrfile=" + file]
    assert run(words) == (output, "")
    words[-1] = words[-1].replace("record", "replay", 1)
    assert run(words) == (output, "")
    return file, output


def check_damage(folder, file, output, harts, generator):
    """Cut off: replayed as far as it goes. Changed: refused."""
    with open(file, "rb") as recording:
        good = recording.read()
    flags = PLAIN + ["-smp", str(harts), "-replay", folder + "/bad"]
    for size in [len(good) - 1, len(good) - 30] + [generator.randrange(len(good)) for _ in range(8)]:
        with open(folder + "/bad", "wb") as bad:
            bad.write(good[:size])
        done = subprocess.run([RVIVE] + flags, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        assert output.startswith(done.stdout) and b"rvive: " in done.stderr or done.stdout == output, (size, done)
    for _ in range(10):
        at, bit = generator.randrange(len(good)), generator.randrange(8)
        with open(folder + "/bad", "wb") as bad:
            bad.write(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1:])
        assert "-replay" in run(flags, 1)[1], (at, bit)


def check_names(folder, file):
    """What differs is named."""
    for flags, text in [(["-smp", "3"], "number of harts"), (["-m", "2M"], "memory"), (["-cpu", "rv64,v=off"], "v"),
                        (["-device", "virtio-rng-pci"], "virtio-rng"), (["-incoming", "defer"], "-incoming"),
                        (["-icount", "rr=record,shift=0"], "rrfile"), (["-icount", "shift=0,rrsnapshot=a"], "rrsnapshot"),
                        (["-record", folder + "/other"], "leave out one")]:
        assert text in run(PLAIN + ["-replay", file] + flags, 1)[1], flags
    assert "-icount" in run(PLAIN + ["-record", folder + "/other"], 1)[1]
    assert "No such file" in run(PLAIN + ["-replay", folder + "/none"], 1)[1]


def check_divergence(folder, file, harts):
    """The harts do something else than the log says: told at once, with the place."""
    subprocess.run([HOSTILE, file, str(harts), "0", folder + "/other"], check=True)
    _, messages = run(PLAIN + ["-smp", str(harts), "-replay", folder + "/other"], 1)
    assert re.search(r"at instruction [1-9]\d* \(hart \d+, pc 0x[0-9a-f]{8}\) is not what was recorded", messages), messages


def check_killed(folder):
    """The emulator is killed: what it had recorded is there."""
    elf, _ = compile_guest(folder, 1, 2000000000)
    process = subprocess.Popen([RVIVE] + FLAGS + ["-kernel", elf, "-record", folder + "/killed"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, messages = run(PLAIN + ["-replay", folder + "/killed"])
    found = re.search(r"ends at instruction (\d+): the program that recorded was killed", messages)
    assert found and int(found[1]) > 1000000, messages


def check_gdb(folder, file, elf, harts, symbols):
    """Back and forth in a replay, without the past of a live machine."""
    rsp = Rsp([RVIVE] + PLAIN + ["-smp", str(harts), "-kernel", elf, "-replay", file], folder)
    try:
        assert rsp.when()[:2] == [0, 0], rsp.monitor("when")
        end = rsp.when()[2]
        rsp.ask("Z0,%x,2" % symbols["finish"])
        assert rsp.ask("vCont;c").startswith("T05")
        assert rsp.pc(harts - 1) == symbols["finish"] or rsp.pc(0) == symbols["finish"]
        rsp.ask("z0,%x,2" % symbols["finish"])
        there = rsp.when()[0]
        state = [rsp.registers(hart) for hart in range(harts)] + [rsp.memory_sum(RAM, SIZE)]
        rsp.goto("end")
        assert rsp.when()[0] == end
        rsp.goto("start")
        rsp.goto(there)
        assert state == [rsp.registers(hart) for hart in range(harts)] + [rsp.memory_sum(RAM, SIZE)]
        rsp.ask("bs")
        assert rsp.when()[0] < there
        assert "replaylog:begin" in rsp.ask("bc") and rsp.when()[0] == 0
        assert "Replaying execution" in rsp.monitor("info replay") and "a replay" in rsp.monitor("info timeline")
        assert "replay" in rsp.monitor("system_reset") and "replay" in rsp.monitor("migrate file:/dev/null")
        assert "replay" in rsp.ask("P1=0000000000000000") and "replay" in rsp.monitor("step 1")
        assert "replaylog:end" in rsp.ask("vCont;c") and rsp.when()[0] == end
        rsp.send("vCont;c")
    finally:
        rsp.end()


def check_interrupt(folder):
    """gdb's Ctrl-C ends a reverse-continue that takes long, and a continue in the past."""
    elf, symbols = compile_guest(folder, 1, 30000000)
    rsp = Rsp([RVIVE] + FLAGS + ["-kernel", elf], folder)
    try:
        rsp.send("vCont;c")
        time.sleep(4)
        rsp.interrupt()
        end = rsp.when()[0]
        rsp.ask("Z2,%x,4" % (symbols["ended"] + 0x10000))  # nobody writes there, but each store has to be looked at
        rsp.send("bc")
        time.sleep(0.3)
        begun = time.time()
        answer = rsp.interrupt()
        assert answer.startswith("T02") and time.time() - begun < 5, answer
        assert rsp.when()[0] < end
        rsp.ask("z2,%x,4" % (symbols["ended"] + 0x10000))
        assert "replaylog:end" in rsp.ask("vCont;c") and rsp.when()[0] == end
    finally:
        rsp.end()


def main():
    print("seed", SEED)
    generator = random.Random(SEED)
    for harts in 1, 4:
        with tempfile.TemporaryDirectory() as folder:
            elf, symbols = compile_guest(folder, harts)
            file, output = check_tiers(folder, elf, harts)
            check_damage(folder, file, output, harts, generator)
            check_gdb(folder, file, elf, harts, symbols)
            check_divergence(folder, file, harts)
            subprocess.run([HOSTILE, file, str(harts), str(generator.randrange(1 << 31))], check=True)
            if harts == 1:
                check_names(folder, file)
                check_killed(folder)
                check_interrupt(folder)
            print("ok", harts)


main()
