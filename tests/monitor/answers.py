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


def helps(rvive):
    for words in ["-nic", "model=help"], ["-net", "nic,model=help"], ["-drive", "format=help"], ["-audio", "model=help"], \
            ["-d", "trace:help"], ["-nic", "user,model=?"]:
        there = subprocess.run([rvive, *words], capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 0 and there.stdout and not there.stderr, "%r: %r" % (words, there))
    listed = subprocess.run([rvive, "-nic", "model=help"], capture_output=True, text=True, check=True).stdout.split("\n")[1:-1]
    for model in listed:
        subprocess.run([rvive, "-M", "none", "-nic", "user,model=" + model, "-version"], capture_output=True, check=True)


main(helps)
