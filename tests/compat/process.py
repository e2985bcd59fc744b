# SPDX-License-Identifier: MIT
"""What the command line makes of the process: -daemonize, -pidfile, -name, -msg, -version, and the program's other names.
Usage: process.py PATH-TO-RVIVE"""
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

rvive = os.path.abspath(sys.argv[1])
failures = 0
LOOP = struct.pack("<I", 0x0000006F) * 4


def check(right, what):
    global failures
    if not right:
        failures += 1
        print("FAIL: " + what)


def start(arguments, program=rvive):
    return subprocess.run([program, "-bios", "none", "-kernel", "loop", "-display", "none", "-S"] + arguments,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def daemons():
    got = start(["-daemonize", "-pidfile", "pid", "-name", "guest,process=myguest", "-qmp", "unix:qmp,server,nowait"])
    check(got.returncode == 0 and not got.stderr, "-daemonize: status %d, %s" % (got.returncode, got.stderr))
    with open("pid") as file:
        text = file.read()
    pid = int(text)
    check(text == "%d\n" % pid, "the file of -pidfile: %r" % text)
    check(os.getsid(pid) == pid, "the daemon is in a session of its own")
    with open("/proc/%d/comm" % pid) as file:
        check(file.read() == "myguest\n", "-name process=")
    for number in 0, 1, 2:
        check(os.readlink("/proc/%d/fd/%d" % (pid, number)) == "/dev/null", "descriptor %d of the daemon" % number)
    check(os.path.exists("qmp"), "the monitor is there when the parent ends")
    # Two machines with one file: the second is refused, and the first keeps it.
    got = start(["-pidfile", "pid"])
    check(got.returncode == 1 and b"another process" in got.stderr, "the same -pidfile: %s" % got.stderr)
    got = start(["-daemonize", "-pidfile", "pid"])
    check(got.returncode == 1 and b"another process" in got.stderr, "the same -pidfile, daemonized: %s" % got.stderr)
    with open("pid") as file:
        check(file.read() == text, "the first one's file")
    os.kill(pid, signal.SIGTERM)
    check(wait_until(lambda: not os.path.exists("pid")), "-pidfile: the file stays")
    check(wait_until(lambda: not os.path.exists("/proc/%d/fd/0" % pid)), "the daemon ends")
    # An error in the background process is reported in the foreground.
    got = start(["-daemonize", "-drive", "file=nosuch,if=virtio"])
    check(got.returncode == 1 and b"nosuch" in got.stderr, "an error of a daemon: %d, %s" % (got.returncode, got.stderr))
    got = start(["-daemonize", "-nographic"])
    check(got.returncode == 1 and b"-nographic" in got.stderr, "-daemonize -nographic: %s" % got.stderr)


def pid_files():
    # A file that somebody else has put there in the meantime is not removed.
    process = subprocess.Popen([rvive, "-bios", "none", "-kernel", "loop", "-display", "none", "-S", "-pidfile", "sub/pid"],
                               stdin=subprocess.DEVNULL)
    check(wait_until(lambda: os.path.exists("sub/pid") and os.path.getsize("sub/pid")), "-pidfile sub/pid")
    os.rename("sub/pid", "sub/other")
    with open("sub/pid", "w") as file:
        file.write("1\n")
    process.terminate()
    process.wait(20)
    check(os.path.exists("sub/pid"), "another's file was removed")
    got = start(["-pidfile", "nosuch/pid"])
    check(got.returncode == 1 and b"nosuch/pid" in got.stderr, "-pidfile nosuch/pid: %s" % got.stderr)


def messages():
    got = start(["-msg", "timestamp=on,guest-name=on", "-name", "box", "-drive", "file=nosuch,if=virtio"])
    check(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z box rvive: .*nosuch", got.stderr), "-msg: %s" % got.stderr)
    os.symlink(rvive, "qemu-system-riscv64")
    for program, first in ((rvive, "rvive "), (os.path.abspath("qemu-system-riscv64"), "QEMU emulator version ")):
        got = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=True).stdout.decode()
        check(got.startswith(first), "%s --version: %s" % (program, got))
        check(re.search(r"^QEMU emulator version \d+\.\d+\.\d+ \(", got, re.M), "--version: %s" % got)


def traces():
    """Registers in the log, and -seed: the same random numbers in each run."""
    start(["-d", "cpu_reset", "-D", "log", "-M", "virt,dumpdtb=tree"])
    with open("log") as file:
        lines = file.read().splitlines()
    check(len(lines) == 9 and lines[0].startswith("cpu_reset: hart 0: pc 0x0000000000000000 "), "-d cpu_reset: %r" % lines[:1])
    check(re.match(r"cpu_reset: hart 0: zero 0x0{16} ra   0x0{16} sp   0x0{16} gp   0x0{16}$", lines[1]), lines[1])
    trees = []
    for seed in "3", "3", "4", None, None:
        start(["-M", "virt,dumpdtb=tree"] + (["-seed", seed] if seed else []))
        with open("tree", "rb") as file:
            trees.append(file.read())
    check(trees[0] == trees[1], "-seed 3 twice")
    check(len(set(trees)) == 4, "other seeds, or none")
    # Every block with its registers; the guest jumps to itself.
    process = subprocess.Popen([rvive, "-bios", "none", "-kernel", "loop", "-display", "none", "-d", "cpu,exec,nochain", "-D",
                                "blocks"], stdin=subprocess.DEVNULL)
    check(wait_until(lambda: os.path.exists("blocks") and os.path.getsize("blocks") > 100000), "-d cpu")
    process.terminate()
    process.wait(20)
    with open("blocks") as file:
        text = file.read()
    check(re.search(r"^cpu: hart 0: pc 0x0000000080000000 M\n(cpu: .*\n){8}block: hart 0: 0x0000000080000000 ", text, re.M),
          "-d cpu,exec: %r" % text[:300])


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.mkdir("sub")
        with open("loop", "wb") as file:
            file.write(LOOP)
        daemons()
        pid_files()
        messages()
        traces()
        os.chdir("/")
    sys.exit(1 if failures else 0)


main()
