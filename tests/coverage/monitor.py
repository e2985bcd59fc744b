# SPDX-License-Identifier: MIT
"""coverage write and coverage reset in the monitor; SIGTERM.

monitor.py RVIVE PROGRAM.c ELF RVIVE-LINES FOLDER
"""
import atexit
import os
import signal
import subprocess
import sys
import time

rvive, source, elf, reader, folder = sys.argv[1:6]
check = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check.py")
out = os.path.join(folder, "monitor.info")


def start(*more):
    machine = subprocess.Popen([rvive, "-M", "virt", "-bios", "none", "-display", "none", "-kernel", elf, "-monitor", "stdio",
                             "-no-shutdown", *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(machine.kill)
    until_prompt(machine)
    return machine


def say(machine, line):
    """The answer to a line."""
    machine.stdin.write(line + "\n")
    machine.stdin.flush()
    return until_prompt(machine)


def until_prompt(machine):
    answer = ""
    while not answer.endswith("(rvive) "):
        got = machine.stdout.read(1)
        if not got:
            sys.exit("it ended after %r" % answer)
        answer += got
    return answer


def until_off(machine):
    deadline = time.monotonic() + 60
    while "shutdown" not in say(machine, "info status"):
        if time.monotonic() > deadline:
            sys.exit("the guest does not power off")
        time.sleep(0.05)


def compare(*nothing):
    subprocess.run([sys.executable, check, "lcov", out, source, elf, reader, "1", *nothing], check=True)


machine = start("-coverage", out, "-S")
say(machine, "cont")
until_off(machine)
say(machine, "coverage write")
compare()
say(machine, "coverage reset")
say(machine, "coverage write")
compare("none")
# The same boot again: code that is already decoded and translated counts, too.
say(machine, "system_reset")
say(machine, "cont")
until_off(machine)
say(machine, "coverage write")
compare()
os.unlink(out)
open(out, "w").close()
machine.send_signal(signal.SIGTERM)
machine.wait(timeout=60)
if os.path.getsize(out):
    compare()
else:
    sys.exit("SIGTERM: nothing was written")

machine = start()
if "-coverage" not in say(machine, "coverage write") or "-coverage" not in say(machine, "coverage reset"):
    sys.exit("no word of -coverage where it was not asked for")
