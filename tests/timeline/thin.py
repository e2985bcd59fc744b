#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""When the memory for the past is full, checkpoints become fewer, and the oldest instant can still be reached: the state at
random instants is what the program (pages.S) must have computed. Arguments: RVIVE, this folder, and if need be the seed."""
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rsp import Rsp  # noqa: E402

RVIVE, SOURCES = sys.argv[1:3]
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
PAGES, ROUND = 40, 1 + 5 * 40 + 1  # instructions of a round: mv, the pages, j


def expected(before, instant):
    """The counters of the first and the last page after so many instructions behind the first `again`."""
    rounds, rest = divmod(instant - before, ROUND)
    return rounds + (rest >= 4), rounds + (rest >= 1 + 5 * (PAGES - 1) + 3)


def word(rsp, address):
    return int.from_bytes(bytes.fromhex(rsp.ask("m%x,8" % address)), "little")


def main():
    print("seed", SEED)
    generator = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        elf = folder + "/pages"
        subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imac", "-mabi=lp64", "-nostdlib", "-Wl,--build-id=none",
                        "-Wl,-Ttext=0x80000000", "-Wl,--no-warn-rwx-segments", SOURCES + "/pages.S", "-o", elf], check=True)
        again = int(re.search(r"([0-9a-f]+) t again", subprocess.run(
            ["riscv64-unknown-elf-nm", elf], check=True, capture_output=True, text=True).stdout)[1], 16)
        rsp = Rsp([RVIVE, "-M", "virt", "-m", "1M", "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "none",
                   "-nic", "none", "-kernel", elf, "-icount", "shift=0,sleep=off", "-record", "on,memory=6M"], folder)
        try:
            rsp.ask("Z0,%x,2" % again)
            assert rsp.ask("vCont;c").startswith("T05")
            rsp.ask("z0,%x,2" % again)
            before = rsp.when()[0]
            rsp.send("vCont;c")
            while True:
                time.sleep(1)
                rsp.interrupt()
                end, first, _ = rsp.when()
                if end > 80 * 20000000:
                    break
                rsp.send("vCont;c")
            facts = rsp.monitor("info timeline")
            count = int(re.search(r"(\d+) checkpoints", facts)[1])
            assert first == 0 and 16 <= count < 60, facts
            for instant in [generator.randrange(before, end) for _ in range(8)] + [end]:
                rsp.goto(instant)
                state = word(rsp, 0x80010000), word(rsp, 0x80010000 + (PAGES - 1) * 4096)
                assert state == expected(before, instant), (instant, state, expected(before, instant))
            print("ok", facts.splitlines()[1])
        finally:
            rsp.end()


main()
