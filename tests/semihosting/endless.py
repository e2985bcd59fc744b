# SPDX-License-Identifier: MIT
"""A semihosting call that would take hours does not block the machine: SIGTERM, quit and stop work, with the
interpreter and the translator. A call that is stopped and continued has lost nothing and done nothing twice. endless.py
RVIVE"""
import fcntl
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../monitor"))
import lib  # noqa: E402
from lib import check  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
RVIVE = os.path.abspath(sys.argv[1])
READ, WRITE0, WRITE, COPY = 1, 2, 3, 4
NAMES = {READ: "SYS_READ", WRITE0: "SYS_WRITE0", WRITE: "SYS_WRITE", COPY: "copy"}


def build(what):
    subprocess.run([lib.cross() + "gcc", "-nostdlib", "-static", "-march=rv64g", "-mabi=lp64d", "-Wl,--build-id=none",
                    "-Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000", "-Wa,--defsym,WHAT=%d" % what,
                    os.path.join(HERE, "endless.S"), "-o", "endless%d.elf" % what], check=True)


def start(what, accel, output):
    if os.path.exists("qmp"):
        os.unlink("qmp")
    return subprocess.Popen([RVIVE, "-M", "virt", "-m", "64M", "-bios", "none", "-kernel", "endless%d.elf" % what,
                             "-accel", accel, "-semihosting-config", "enable=on,path=box", "-serial", "null", "-monitor",
                             "none", "-display", "none", "-nic", "none", "-qmp", "unix:qmp,server=on,wait=off"],
                            stdin=subprocess.DEVNULL, stdout=output)


def ends(process, how, status):
    begin = time.monotonic()
    try:
        got = process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise lib.Failure("%s: it goes on" % how)
    check(got == status, "%s: status %d instead of %d" % (how, got, status))
    print("%s: ends after %.2f s" % (how, time.monotonic() - begin))


def under_way(what, accel, full):
    """Starts the guest and waits until it is in the middle of its call: the pipe that nobody reads is full, or far more
    bytes were moved than by all calls before. Returns the process, and the pipe that must be closed after it, or None."""
    reader, writer = os.pipe() if full else (None, os.open("/dev/null", os.O_WRONLY))
    process = start(what, accel, writer)
    os.close(writer)
    deadline = time.monotonic() + lib.WAIT
    while True:
        if full:
            moved = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))[0]
            wanted = fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)
        else:
            with open("/proc/%d/io" % process.pid) as file:
                counters = dict(line.split(": ") for line in file)
            moved, wanted = int(counters["rchar" if what == READ else "wchar"]), 32 << 20
        if moved >= wanted:
            return process, reader
        check(process.poll() is None, "%s: it has ended by itself" % NAMES[what])
        check(time.monotonic() < deadline, "%s has moved only %d bytes" % (NAMES[what], moved))
        time.sleep(0.02)


def endless(what, accel, full):
    """`full`: the output is a pipe that nobody reads."""
    how = "%s, %s%s" % (NAMES[what], accel, ", nobody reads" if full else "")
    process, reader = under_way(what, accel, full)
    qmp = lib.Qmp("qmp")
    for _ in range(3):
        qmp.ask("stop")
        check(qmp.ask("query-status")["return"]["status"] == "paused", how + ": not paused")
        qmp.ask("cont")
    qmp.ask("quit")
    ends(process, how + ", quit", 0)
    if full:
        os.close(reader)
    process, reader = under_way(what, accel, full)
    process.send_signal(signal.SIGTERM)
    ends(process, how + ", SIGTERM", 143)
    if full:
        os.close(reader)


def copy(accel):
    """Stops a read and writes again and again; the output is the same as the input."""
    data = random.Random(1).randbytes(8 << 20)
    with open("box/in", "wb") as file:
        file.write(data)
    reader, writer = os.pipe()
    process = start(COPY, accel, writer)
    os.close(writer)
    qmp = lib.Qmp("qmp")
    got, stops = b"", 0
    while stops < 20:  # while it reads the file
        qmp.ask("stop")
        qmp.ask("cont")
        stops += 1
    while True:
        piece = os.read(reader, 65536 if stops >= 100 else 8192)
        if not piece:
            break
        got += piece
        if stops < 100 and process.poll() is None:
            qmp.ask("stop")
            qmp.ask("cont")
            stops += 1
    os.close(reader)
    ends(process, "copy, %s, stopped %d times" % (accel, stops), 0)
    check(got == data, "copy, %s: the console got %d bytes, %d were sent" % (accel, len(got), len(data)))
    with open("box/out", "rb") as file:
        check(file.read() == data, "copy, %s: the file is another one" % accel)
    check(stops == 100, "only %d stops" % stops)


def endless_calls_end(_rvive):
    for accel in "interp", "t1", "t2":
        with open("box/in", "wb") as file:
            file.truncate(1 << 40)
        endless(READ, accel, False)
        for what in WRITE0, WRITE:
            endless(what, accel, False)
            endless(what, accel, True)


def stopped_calls_go_on(_rvive):
    for accel in "interp", "t1", "t2":
        copy(accel)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.mkdir("box")
    for name in NAMES:
        build(name)
    try:
        lib.main(endless_calls_end, stopped_calls_go_on)
    finally:
        os.chdir("/")
