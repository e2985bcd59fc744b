# SPDX-License-Identifier: MIT
"""ELF files with random damage are read, or refused with a message; none of them ends the program otherwise.

hostile.py RVIVE KERNEL.elf FOLDER [ROUNDS [SEED]]
"""
import os
import random
import subprocess
import sys

rvive, kernel, folder = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 60
seed = int(sys.argv[5]) if len(sys.argv) > 5 else 1
good = open(kernel, "rb").read()
path, out = os.path.join(folder, "hostile.elf"), os.path.join(folder, "hostile.info")
read = refused = 0


def damaged(rng, number):
    data = bytearray(good)
    if number % 4 == 0:
        del data[rng.randrange(len(data)):]
    where = (0, min(len(data), 64)) if number % 4 == 1 else (0, len(data))
    for _ in range(rng.choice((1, 4, 64)) if data else 0):
        data[rng.randrange(*where)] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
    return bytes(data)


for number in range(rounds):
    rng = random.Random(seed * 1000003 + number)
    with open(path, "wb") as file:
        file.write(damaged(rng, number))
    # The code of the damaged file does not matter for the run: the machine runs the whole program.
    ended = subprocess.run([rvive, "-M", "virt", "-bios", "none", "-display", "none", "-kernel", kernel, "-coverage",
                            "%s,elf=%s" % (out, path)], capture_output=True, text=True, timeout=120)
    if ended.returncode not in (0, 1) or (ended.returncode == 1 and "hostile.elf" not in ended.stderr) or \
            "Sanitizer" in ended.stderr:
        sys.exit("round %d of seed %d: status %d: %s" % (number, seed, ended.returncode, ended.stderr))
    read += ended.returncode == 0
    refused += ended.returncode == 1
print("%d read, %d refused" % (read, refused))
if rounds >= 60 and not (read and refused):
    sys.exit("all of one kind: nothing was tried")
