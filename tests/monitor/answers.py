#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers that programs check against QEMU's: processors, objects, memory in files, trays, nodes. answers.py RVIVE"""
import os
import socket
import struct
import subprocess
import tempfile

from lib import Emulator, Qmp, Stream, check, connect, main, symbol

SOCKET = "unix:@/qmp,server,nowait"


def emulator_of(rvive, *arguments):
    return Emulator(rvive, "-qmp", SOCKET, "-serial", "null", "-monitor", "none", "-S", "-nodefaults", *arguments)


def screens(rvive):
    for flag in ["-vnc", "unix:@/v"], ["-vnc", "vnc=unix:@/v"], ["-display", "vnc=unix:@/v"]:
        with emulator_of(rvive, *flag) as emulator:
            qmp = Qmp(emulator.path("qmp"))
            vnc = qmp.ask("query-vnc")["return"]
            check(vnc["family"] == "unix" and vnc["service"] == emulator.path("v") and vnc["host"] == "", "%r" % vnc)
            viewer = socket.socket(socket.AF_UNIX)
            viewer.connect(emulator.path("v"))
            check(viewer.recv(12) == b"RFB 003.008\n", "the greeting")
            viewer.close()
            qmp.ask("quit")
            emulator.wait()
            check(not os.path.exists(emulator.path("v")), "the socket stays")
    # The first port that is free, as far as to= allows.
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    number = taken.getsockname()[1] - 5900
    with emulator_of(rvive, "-vnc", "127.0.0.1:%d,to=%d" % (number, number + 40)) as emulator:
        port = int(Qmp(emulator.path("qmp")).ask("query-vnc")["return"]["service"])
        check(5900 + number < port <= 5940 + number, "to=: %d" % port)
        socket.create_connection(("127.0.0.1", port)).close()
    for bad in "127.0.0.1:%d" % number, "127.0.0.1:%d,to=%d" % (number, number), ":5,to=4", "unix:", "unix:/tmp/x,to=3", \
            "unix:/tmp/x,websocket=on", "unix:/" + "x" * 200:
        there = subprocess.run([rvive, "-nodefaults", "-vnc", bad], capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 1 and "-vnc" in there.stderr, "%s: %r" % (bad, there.stderr))
    taken.close()


def helps(rvive):
    for words in ["-nic", "model=help"], ["-net", "nic,model=help"], ["-drive", "format=help"], ["-audio", "model=help"], \
            ["-d", "trace:help"], ["-nic", "user,model=?"]:
        there = subprocess.run([rvive, *words], capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 0 and there.stdout and not there.stderr, "%r: %r" % (words, there))
    listed = subprocess.run([rvive, "-nic", "model=help"], capture_output=True, text=True, check=True).stdout.split("\n")[1:-1]
    for model in listed:
        subprocess.run([rvive, "-M", "none", "-nic", "user,model=" + model, "-version"], capture_output=True, check=True)


main(helps, screens)
