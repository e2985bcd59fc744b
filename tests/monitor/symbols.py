#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""write-symbols on a guest that has filled its memory with what looks almost like a kernel's table of names. All harts
wait for the answer, so it must come soon, whatever the memory holds. symbols.py RVIVE"""
import os
import struct
import tempfile
import time

from lib import Emulator, Text, check, main

TABLES = 50000
SECONDS = 20  # without a bound it takes more than a minute


def tables():
    """Token tables, each with its index and three markers, which make the search for names go through the same 32 KB."""
    region = b"\x58\x02\0\0\7\7\7\7" * 4096
    tokens = b"".join((b"%c" % n if chr(n).isdigit() else b"x") + b"\0" for n in range(256))
    index = struct.pack("<256H", *range(0, 512, 2))
    out = bytearray(region)
    for _ in range(TABLES):
        out += b"\xff\xff\xff\xff" + struct.pack("<III", 0, 8, len(out) + 4 - len(region)) + tokens + index + b"\xff" * 8
    return out


def nearly_tables(rvive):
    with tempfile.NamedTemporaryFile() as file:
        file.write(tables())
        file.flush()
        with Emulator(rvive, "-S", "-display", "none", "-serial", "null", "-monitor", "unix:@/m,server,nowait", "-device",
                      "loader,file=%s,addr=0x80100000,force-raw=on" % file.name) as emulator:
            monitor = Text(emulator.path("m"))
            start = time.monotonic()
            answer = monitor.run("write-symbols " + os.path.join(emulator.folder, "out.elf"))
            passed = time.monotonic() - start
            check("no Linux kernel" in answer, answer)
            check(passed < SECONDS, "it took %.1f s" % passed)


main(nearly_tables)
