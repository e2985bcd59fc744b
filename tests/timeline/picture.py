#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""-timeline: the picture is well-formed and shows what ran; its numbers are those of a trace; a replay draws the same one.
picture.py RVIVE FOLDER-OF-tests/icount"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reverse import FLAGS, compile_guest  # noqa: E402

RVIVE, SOURCES = sys.argv[1:3]
PLAIN = FLAGS[:FLAGS.index("-icount")]
SVG = "{http://www.w3.org/2000/svg}"


def run(flags, status=0, lines=""):
    done = subprocess.run([RVIVE] + flags, capture_output=True, input=lines.encode(), timeout=120)
    assert done.returncode == status, (flags, done)
    return done.stderr.decode()


def texts(path):
    """What is written in the picture; each path stays inside of it."""
    root = xml.parse(path).getroot()
    assert root.tag == SVG + "svg" and float(root.get("height")) > 100
    for path_of in root.iter(SVG + "path"):
        for part in path_of.get("d").split("M")[1:]:
            x, width = float(part.split()[0]), float(part.split("h")[1].split("v")[0])
            assert 189 <= x and x + width <= 1192, part
    return ["".join(text.itertext()) for text in root.iter(SVG + "text")]


def check(folder, harts):
    elf = compile_guest(folder, harts)[0]
    smp = ["-smp", str(harts)]
    first, again, file = folder + "/first.svg", folder + "/again.svg", folder + "/recording"
    assert not run(FLAGS + smp + ["-kernel", elf, "-record", file, "-timeline", first])
    seen = texts(first)
    for text in ["hart %d" % (harts - 1), "uart16550", "timer interrupts", "firmware"]:
        assert text in seen, (text, seen)
    assert "user" in seen and "system calls" not in seen
    assert not run(PLAIN + smp + ["-replay", file, "-timeline", again])
    with open(first, "rb") as one, open(again, "rb") as other:
        assert one.read() == other.read(), "the replay's picture is another one"


def check_counts(folder):
    """The numbers are those of the trace."""
    elf = compile_guest(folder, 1)[0]
    picture, log = folder + "/counts.svg", folder + "/counts.log"
    run(FLAGS + ["-kernel", elf, "-timeline", picture, "-d", "int,mmio", "-D", log])
    seen = texts(picture)
    with open(log) as lines:
        trace = lines.read()
    for name, wanted in ("timer interrupts", r"^int: .* interrupt 7\b"), ("uart16550", r"^mmio: .* 0x1000000[0-7] "):
        count = len(re.findall(wanted, trace, re.M))
        assert 0 < count < 1000 and seen[seen.index(name) + 1] == str(count), (name, count, seen)


def check_errors(folder):
    assert "-icount" in run(PLAIN + ["-timeline", folder + "/none.svg"], 1)
    assert "No such file" in run(FLAGS + ["-timeline", folder + "/none/none.svg"], 1)


def check_monitor(folder):
    monitor = ["-S", "-monitor", "stdio", "-serial", "null", "-sandbox", "off"]
    flags = [flag for flag in FLAGS if flag not in ("-serial", "stdio")]
    path = folder + "/monitor.svg"
    run(flags + monitor + ["-timeline", folder + "/end.svg"], 0, "timeline-svg %s\nquit\n" % path)
    assert "Harts" in texts(path) and "Harts" in texts(folder + "/end.svg")
    done = subprocess.run([RVIVE] + flags + monitor, input=b"timeline-svg /tmp/x\nquit\n", capture_output=True, timeout=60)
    assert b"nothing is drawn" in done.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        for harts in (1, 3):
            check(folder, harts)
        check_counts(folder)
        check_errors(folder)
        check_monitor(folder)


main()
