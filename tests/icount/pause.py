# SPDX-License-Identifier: MIT
"""A pause changes nothing of what a machine in virtual time does: its output is the same, however often and whenever it
was stopped and continued, and if it was saved and goes on in another process. pause.py RVIVE [SEED]"""
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

RVIVE = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
HERE = os.path.dirname(os.path.abspath(__file__))


def compile_guest(folder, harts):
    elf = folder + "/program"
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany", "-nostdlib",
                    "-ffreestanding", "-O1", "-DHARTS=%d" % harts, "-DROUNDS=50000",
                    "-Wl,--build-id=none,--no-relax,--no-warn-rwx-segments", "-Wl,-Ttext=0x80000000",
                    HERE + "/start.S", HERE + "/program.c", "-o", elf], check=True)
    return elf


def command(elf, harts):
    return [RVIVE, "-M", "virt", "-smp", str(harts), "-m", "16", "-bios", "none", "-display", "none", "-serial", "stdio",
            "-monitor", "none", "-nic", "none", "-icount", "shift=0,sleep=off", "-kernel", elf]


class Machine:
    """A paused machine with QMP."""

    def __init__(self, elf, harts, folder, *options):
        path = folder + "/qmp"
        options = ["-qmp", "unix:%s,server=on,wait=off" % path, "-S"] + list(options)
        self.process = subprocess.Popen(command(elf, harts) + options, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        self.qmp = socket.socket(socket.AF_UNIX)
        for _ in range(500):
            try:
                self.qmp.connect(path)
                break
            except OSError:
                time.sleep(0.02)
        self.answers = self.qmp.makefile("r")
        self.answers.readline()
        self.ask("qmp_capabilities")

    def ask(self, name, **arguments):
        self.qmp.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        for line in self.answers:
            if "return" in (answer := json.loads(line)):
                return answer["return"]
        raise EOFError


def run_with_pauses(elf, harts, folder, generator):
    """Its output, and how often it was stopped."""
    machine, pauses = Machine(elf, harts, folder), 0
    try:
        while True:
            machine.ask("cont")
            time.sleep(generator.random() * 0.004)
            machine.ask("stop")
            pauses += 1
    except (EOFError, OSError):
        return machine.process.communicate(timeout=60)[0], pauses


def run_in_two(elf, harts, folder, generator):
    """The output of a machine that is saved after a while, and goes on in another process."""
    machine = Machine(elf, harts, folder)
    machine.ask("cont")
    time.sleep(generator.random() * 0.1)
    machine.ask("stop")
    machine.ask("migrate", uri="file:" + folder + "/state")
    while machine.ask("query-migrate")["status"] != "completed":
        time.sleep(0.02)
    machine.process.kill()
    first = machine.process.communicate()[0]
    os.unlink(folder + "/qmp")
    machine = Machine(elf, harts, folder, "-incoming", "file:" + folder + "/state")
    while machine.ask("query-migrate").get("status") != "completed":
        time.sleep(0.02)
    machine.ask("cont")
    return first + machine.process.communicate(timeout=60)[0]


def main():
    print("seed", SEED)
    generator = random.Random(SEED)
    for harts in 1, 4:
        with tempfile.TemporaryDirectory() as folder:
            elf = compile_guest(folder, harts)
            wanted = subprocess.run(command(elf, harts), stdin=subprocess.DEVNULL, capture_output=True, timeout=100).stdout
            output, pauses = run_with_pauses(elf, harts, folder, generator)
            if os.path.exists(folder + "/qmp"):
                os.unlink(folder + "/qmp")
            assert output == wanted and b"sum" in output, (harts, output, wanted)
            assert pauses > 10, pauses
            print("ok", harts, "harts,", pauses, "pauses")
            output = run_in_two(elf, harts, folder, generator)
            assert output == wanted, (harts, output, wanted)
            print("ok", harts, "harts, saved and loaded")


main()
