#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bare-metal guest is saved at random moments, loaded by a new process, and saved again; it ends as the run that was never
interrupted does, to the instruction. moments.py RVIVE [SEED]"""
import os
import random
import subprocess
import sys
import tempfile
import time

from lib import HERE, Failure, Text, check, cross, main

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
BREAKS = 3
RUNS = 2


def build(folder, rounds):
    elf = os.path.join(folder, "moments%d.elf" % rounds)
    subprocess.run([cross() + "gcc", "-nostdlib", "-static", "-ffreestanding", "-fno-toplevel-reorder", "-O2", "-march=rv64gc", "-mabi=lp64d",
                    "-mcmodel=medany", "-msmall-data-limit=0", "-DROUNDS=%d" % rounds, "-Wl,--build-id=none",
                    "-Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000",
                    os.path.join(HERE, "moments.c"), "-o", elf], check=True)
    return elf


class Run:
    """One process with the guest; its output is in a file."""

    def __init__(self, rvive, folder, elf, accel, *arguments):
        self.output = os.path.join(folder, "serial")
        self.monitor = os.path.join(folder, "monitor")
        self.process = subprocess.Popen(
            [rvive, "-M", "virt", "-m", "16M", "-smp", "2", "-bios", "none", "-nographic", "-nic", "none", "-accel", accel,
             "-kernel", elf, "-serial", "file:" + self.output, "-monitor", "unix:%s,server,nowait" % self.monitor,
             *arguments], stdin=subprocess.DEVNULL)

    def end(self):
        try:
            check(self.process.wait(120) == 0, "exit status")
        finally:
            self.process.kill()
        with open(self.output, encoding="ascii") as file:
            return file.read()

    def save(self, state):
        """False: the guest was faster."""
        try:
            text = Text(self.monitor)
            answer = text.run("migrate file:" + state)
            if not text.text and answer.count("\n") > 1:
                check("is off" in answer, answer)
                return False
            text.send("quit\n")
        except (Failure, OSError):
            check(self.process.wait(120) == 0, "the guest failed")
            return False
        self.process.wait(60)
        return True


def one(rvive, folder, elf, accel, seconds, expected):
    state = os.path.join(folder, "state")
    run = Run(rvive, folder, elf, accel)
    breaks = 0
    for _ in range(BREAKS):
        time.sleep(random.uniform(0, seconds / 2))
        if not run.save(state):
            break
        breaks += 1
        os.unlink(run.monitor) if os.path.exists(run.monitor) else None
        run = Run(rvive, folder, elf, accel, "-incoming", "file:" + state)
    ended = run.end()
    check(ended == expected, "%s, broken %d times: %r, not %r" % (accel, breaks, ended, expected))
    return breaks


def tier(rvive, accel, rounds):
    breaks = 0
    with tempfile.TemporaryDirectory() as folder:
        elf = build(folder, rounds)
        began = time.monotonic()
        expected = Run(rvive, folder, elf, accel).end()
        seconds = time.monotonic() - began
        check(" fails 0000000000000000 " in expected and expected.endswith(" backwards 0000000000000000\n"), expected)
        for _ in range(RUNS):
            breaks += one(rvive, folder, elf, accel, seconds, expected)
    print("%s: saved %d times; a run is %.1f s" % (accel, breaks, seconds))
    check(breaks > 0, "it was never saved")


def interp(rvive):
    tier(rvive, "interp", 4000000)


def t1(rvive):
    tier(rvive, "t1", 20000000)


def t2(rvive):
    tier(rvive, "t2", 30000000)


print("seed %d" % SEED)
random.seed(SEED)
main(interp, t1, t2)
