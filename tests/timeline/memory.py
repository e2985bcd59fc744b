# SPDX-License-Identifier: MIT
"""The past takes no more memory than it may, however much a guest has its devices write between two checkpoints.
And where there is no past any more, gdb is told that this is its beginning.
memory.py RVIVE SOURCES   (SOURCES: this folder)"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rsp import Rsp  # noqa: E402

RVIVE, SOURCES = sys.argv[1:3]
FLAGS = ["-M", "virt", "-m", "64M", "-bios", "none", "-display", "none", "-serial", "none", "-monitor", "none", "-nic",
         "none", "-icount", "shift=0,sleep=off"]
LIMIT = 640 << 10  # KiB; the guest has 1 GiB written, and AddressSanitizer keeps 256 MiB of what is freed


def compile_guest(elf, *defines):
    subprocess.run(["riscv64-unknown-elf-gcc", "-march=rv64imac", "-mabi=lp64", "-nostdlib", "-Wl,--build-id=none",
                    "-Wl,--no-warn-rwx-segments,-Ttext=0x80000000", *defines, SOURCES + "/memory.S", "-o", elf], check=True)


def check_peak(elf, record):
    process = subprocess.Popen([RVIVE] + FLAGS + ["-record", record, "-kernel", elf], stdin=subprocess.DEVNULL)
    status, usage = os.wait4(process.pid, 0)[1:]
    assert status == 0, status
    assert usage.ru_maxrss < LIMIT, "%d KiB" % usage.ru_maxrss


def run(flags):
    done = subprocess.run([RVIVE] + FLAGS + ["-m", "128M"] + flags, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    return done.returncode, done.stderr.decode()


def check_large(folder, elf):
    """What a recording cannot hold ends it, with a word; all that came before is replayed."""
    file = folder + "/recording"
    compile_guest(elf, "-DTIMES=4", "-DBYTES=0x3000000")
    assert run(["-kernel", elf, "-record", file]) == (0, "")
    assert run(["-replay", file]) == (0, "")
    compile_guest(elf, "-DTIMES=4", "-DBYTES=0x4100000")
    status, message = run(["-kernel", elf, "-record", file])
    assert status == 0 and "the recording ends" in message and "64 MiB" in message, (status, message)
    status, message = run(["-replay", file])
    assert status == 0 and "64 MiB" in message and "damaged" not in message, (status, message)


def check_forgotten(folder, elf):
    """What a debugger changes ends the past: going back from there is no error."""
    rsp = Rsp([RVIVE] + FLAGS + ["-kernel", elf], folder)
    try:
        for _ in range(4):
            rsp.ask("vCont;s:1")
        assert rsp.ask("M81000000,1:00") == "OK"
        for command in ("bc", "bs"):
            answer = rsp.ask(command)
            assert answer.startswith("T05") and "replaylog:begin" in answer, (command, answer)
    finally:
        rsp.end()


with tempfile.TemporaryDirectory() as place:
    guest = place + "/guest"
    compile_guest(guest)
    check_peak(guest, "on,memory=16M")
    check_peak(guest, place + "/recording")
    check_forgotten(place, guest)
    check_large(place, guest)
