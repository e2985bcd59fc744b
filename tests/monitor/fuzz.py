#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random malformed requests, from a seed that is printed: afterwards the emulator answers a good one. fuzz.py RVIVE
[SECONDS [SEED]]"""
import json
import random
import sys
import time

from lib import Emulator, Qmp, Text, check, main

SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
HARMFUL = ("quit", "screendump", "qmp_capabilities")


def value(rng, depth=0):
    kind = rng.randrange(9 if depth < 6 else 6)
    if kind < 6:
        return rng.choice((0, -1, 2**63, 2**64 - 1, 10**30, 1.5, "", "$pc", "$", "-", "0x", "x" * 300, "/9999999i", None,
                           True, "\u0000", "\ud83d\ude00", "%s%n"))
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {rng.choice(("execute", "id", "address", "count", "hart", "format", "a")): value(rng, depth + 1)
            for _ in range(rng.randrange(5))}


def request(rng, names):
    message = {"execute": rng.choice(names), "arguments": {}}
    for name in rng.sample(("address", "count", "hart", "format", "name", "all", "categories", "command-line",
                            "cpu-index", "filename"), rng.randrange(5)):
        message["arguments"][name] = value(rng)
    if rng.randrange(8) == 0:
        message[rng.choice(("execute", "arguments", "id", "extra"))] = value(rng)
    data = bytearray(json.dumps(message).encode())
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randrange(len(data))
        choice = rng.randrange(3)
        if choice == 0:
            data[at] = rng.randrange(256)
        elif choice == 1:
            del data[at:at + rng.randrange(9)]
        else:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(9)))
        if not data:
            data = bytearray(b"{")
    return bytes(data) + b"\n"


def fuzz_qmp(rvive):
    rng = random.Random(SEED)
    print("seed %d" % SEED, flush=True)
    with Emulator(rvive, "-qmp", "unix:@/qmp,server,nowait", "-serial", "null", "-monitor", "none") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        names = [row["name"] for row in qmp.ask("query-commands")["return"] if row["name"] not in HARMFUL]
        end, rounds = time.monotonic() + SECONDS / 2, 0
        while time.monotonic() < end:
            sent = [request(rng, names) for _ in range(20)]
            sent = [data for data in sent if b"quit" not in data and b"q\"" not in data]
            rounds += 1
            for data in sent:
                qmp.send(data)
            # An open string or bracket would take in what follows: a byte that JSON does not allow ends it.
            qmp.send(b'\xff\n{"execute": "query-status", "id": "round-%d"}\n' % rounds)
            while qmp.answer().get("id") != "round-%d" % rounds:
                pass
            qmp.events.clear()
        check(emulator.alive(), "it ended")
        print("%d rounds of QMP" % rounds)


def fuzz_text(rvive):
    rng = random.Random(SEED)
    words = ["info", "registers", "mem", "tlb", "csr", "irq", "x", "xp", "/9i", "/4xg", "$pc", "$sp", "0x80000000", "-1",
             "step", "stop", "cont", "cpu", "1", "disassemble", "help", "log", "none", "+", "-", "$", "system_reset", "-a",
             "\x00", "\xff", "%n", "18446744073709551615"]
    with Emulator(rvive, "-monitor", "unix:@/mon,server,nowait", "-serial", "null") as emulator:
        monitor = Text(emulator.path("mon"))
        end, rounds = time.monotonic() + SECONDS / 2, 0
        while time.monotonic() < end:
            line = rng.choice(("", " ")).join(rng.choice(words) for _ in range(rng.randrange(8)))
            monitor.run(line.replace("\n", " "))
            rounds += 1
        check("VM status" in monitor.run("info status"), "it answers no more")
        print("%d lines" % rounds)


main(fuzz_qmp, fuzz_text)
