# SPDX-License-Identifier: MIT
"""Starts each line of a list, paused, with files that replace the user's. A line that is refused fails; the effect of the
lines is tested elsewhere. With --qemu the lines are started on QEMU, which must not refuse them, either: $RVIVE_QEMU is the
folder that tests/peers/qemu10.sh made. Usage: published.py [--qemu] PATH-TO-RVIVE LINES"""
import concurrent.futures
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

RAM = 0x80000000
on_qemu = sys.argv[1] == "--qemu"
program, lines_file = sys.argv[2 if on_qemu else 1:][:2]
rvive = os.path.abspath(program)
qemu = os.environ.get("RVIVE_QEMU", "")
peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers", "qemu")
LOOP = struct.pack("<I", 0x0000006F) * 4  # j .


def elf(bits, paddr):
    wide = bits == 64
    header, entry = (64, 56) if wide else (52, 32)
    form = "<IIQQQQQQ" if wide else "<IIIIIIII"
    at = header + entry
    fields = (1, 7, at, paddr, paddr, 16, 16, 4) if wide else (1, at, paddr, paddr, 16, 16, 7, 4)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    head = struct.pack("<HHI", 2, 243, 1) + struct.pack("<QQQ" if wide else "<III", paddr, header, 0)
    head += struct.pack("<IHHHHHH", 0, header, entry, 1, 0, 0, 0)
    return ident + head + struct.pack(form, *fields) + LOOP


def write(name, data, size=0):
    with open(name, "wb") as file:
        file.write(data)
        if size:
            file.truncate(size)


def make_files():
    write("bare", elf(64, RAM))
    write("super", elf(64, RAM + 0x200000))
    write("bare32", elf(32, RAM))
    write("super32", elf(32, RAM + 0x400000))
    write("raw", LOOP)
    write("initrd", b"x" * 512)
    write("disk", b"", 1 << 20)
    write("flash0", b"", 32 << 20)
    write("flash1", b"", 32 << 20)
    write("config", b'[drive "d"]\n  file = "disk"\n  format = "raw"\n  if = "virtio"\n')
    os.mkdir("folder")
    # The default firmware of either width, so that none has to be installed.
    for width in 32, 64:
        write("folder/opensbi-riscv%u-generic-fw_dynamic.bin" % width, LOOP)
    subprocess.run([os.path.join(os.path.dirname(rvive), "rvive-img"), "create", "-f", "qcow2", "qcow2", "1M"], check=True,
                   stdout=subprocess.DEVNULL)


def words_of(line):
    """Returns the words, and whether the line is for Rvive only, and may warn."""
    marks = []
    words = line.split(" ")
    while words[0] in ("rvive-only", "warns"):
        marks.append(words.pop(0))
    if "rvive-only" in marks:
        words.insert(0, "rvive")
    return [word[1:] if word[0] == "@" else re.sub("([=:])@", r"\1", word) for word in words], marks


def start(words, output):
    environment = dict(os.environ, RVIVE_FIRMWARE_DIR="folder")
    if on_qemu:
        width = "32" if words[0].endswith("32") else "64"
        command = ["sh", peer, qemu, "qemu-system-riscv" + width] + words[1:]
    else:
        command = [os.path.join(os.path.dirname(rvive), words[0])] + words[1:]
    return subprocess.Popen(command + ["-S"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                            start_new_session=True)


def run(line):
    """Returns what is wrong with the line; None: it runs, or ended with status 0."""
    words, marks = words_of(line)
    with tempfile.TemporaryFile() as output:
        process = start(words, output)
        # A line that is refused is refused at once, so nothing is checked once it runs.
        began = time.monotonic()
        while process.poll() is None and time.monotonic() < began + 20 and not is_running(process.pid, began):
            time.sleep(0.01)
        status = process.poll()
        if status is None:
            process.terminate()
            process.wait(20)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if os.path.exists("daemon"):
        with open("daemon") as file:
            os.kill(int(file.read()), signal.SIGTERM)
        end = time.monotonic() + 20
        while os.path.exists("daemon") and time.monotonic() < end:
            time.sleep(0.01)
        if os.path.exists("daemon"):
            return "the file of -pidfile stays"
    if not status and lines_file.endswith("forms.txt") and text and not on_qemu and "warns" not in marks:
        return "it warns: " + text
    return None if not status else "status %d: %s" % (status, text)


def is_running(pid, began):
    """Returns whether the process has several threads: they are made when everything on the command line is open and
    the sandbox is closed. QEMU makes some before."""
    if on_qemu:
        return time.monotonic() > began + 1.5
    try:
        return len(os.listdir("/proc/%d/task" % pid)) > 1
    except OSError:
        return False


def run_in_folder(line):
    """The same in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_files()
        wrong = run(line)
        os.chdir("/")
    return line, wrong


def main():
    if on_qemu and not os.path.exists(qemu):
        print("no QEMU: RVIVE_QEMU is not set")
        sys.exit(77)
    with open(lines_file) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and line[0] != "#"]
    if on_qemu:
        lines = [line for line in lines if "rvive-only " not in line]
    failures = 0
    with concurrent.futures.ProcessPoolExecutor(3) as pool:
        for line, wrong in pool.map(run_in_folder, lines):
            if wrong:
                failures += 1
                print("FAIL: %s\n  %s" % (line, wrong))
    print("%u lines, %u refused" % (len(lines), failures))
    sys.exit(1 if failures or len(lines) < 20 else 0)


main()
