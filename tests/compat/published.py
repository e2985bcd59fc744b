# SPDX-License-Identifier: MIT
"""Starts each line of published.txt, paused, with files that replace the user's. A line that is refused fails; the
effect of the lines is tested elsewhere. Usage: published.py PATH-TO-RVIVE LINES"""
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

RAM = 0x80000000
rvive = os.path.abspath(sys.argv[1])
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


def run(line):
    """Returns what is wrong with the line; None: it runs, or ended with status 0."""
    words = [word[1:] if word[0] == "@" else word.replace("=@", "=") for word in line.split(" ")]
    words[0] = os.path.join(os.path.dirname(rvive), words[0])
    environment = dict(os.environ, RVIVE_FIRMWARE_DIR="folder")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words + ["-S"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        # A line that is refused is refused at once, so nothing is checked once it runs.
        end = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end and not is_running(process.pid):
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
    return None if not status else "status %d: %s" % (status, text)


def is_running(pid):
    """Returns whether the process has several threads: they are made when everything on the command line is open and
    the sandbox is closed."""
    try:
        return len(os.listdir("/proc/%d/task" % pid)) > 1
    except OSError:
        return False


def main():
    failures = count = 0
    with open(sys.argv[2]) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and line[0] != "#"]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_files()
        for line in lines:
            count += 1
            wrong = run(line)
            if wrong:
                failures += 1
                print("FAIL: %s\n  %s" % (line, wrong))
        os.chdir("/")
    print("%u lines, %u refused" % (count, failures))
    sys.exit(1 if failures or count < 30 else 0)


main()
