# SPDX-License-Identifier: MIT
"""Reads what -coverage wrote, and compares it with what program.c says about its lines.

check.py lcov|drcov FILE PROGRAM.c ELF RVIVE-LINES HARTS [none]"""
import re
import struct
import subprocess
import sys


def expected(source, harts, nothing):
    lines = {}
    for number, text in enumerate(open(source), 1):
        for mark in re.findall(r"/\* (RUN|NOT|SMP) \*/", text):
            lines[number] = not nothing and (mark == "RUN" or (mark == "SMP" and harts > 1))
    return lines


def from_lcov(path, source):
    lines, name, records, functions = {}, None, 0, {}
    for text in open(path):
        kind, _, rest = text.strip().partition(":")
        if kind == "SF":
            name, found, hit = rest, 0, 0
        elif kind == "DA":
            number, count = map(int, rest.split(","))
            found, hit = found + 1, hit + (count > 0)
            if name == source:
                assert number not in lines, "line %d twice" % number
                lines[number] = count > 0
        elif kind == "FNDA" and name == source:
            functions[rest.split(",")[1]] = int(rest.split(",")[0]) > 0
        elif kind == "LF":
            assert int(rest) == found, text
        elif kind == "LH":
            assert int(rest) == hit, text
        elif kind == "end_of_record":
            records += 1
    assert records and {"choose", "never", "in_user"} <= set(functions), functions
    assert not functions["never"] and functions["choose"] == functions["in_user"] == any(lines.values()), functions
    return lines


def drcov_bytes(path, elf):
    """Returns the addresses that were executed in the module of the ELF file, and how many were executed elsewhere."""
    data = open(path, "rb").read()
    header, _, rest = data.partition(b"BB Table: ")
    count, _, table = rest.partition(b" bbs\n")
    text = header.decode().splitlines()
    assert text[:2] == ["DRCOV VERSION: 2", "DRCOV FLAVOR: drcov"], text
    modules = int(re.fullmatch(r"Module Table: version 2, count (\d+)", text[2])[1])
    assert text[3] == "Columns: id, base, end, entry, path" and len(text) == 4 + modules, text
    bases, paths = [], []
    for number, line in enumerate(text[4:]):
        fields = line.split(", ", 4)
        assert int(fields[0]) == number
        bases.append(int(fields[1], 16))
        paths.append(fields[4])
    assert len(table) == 8 * int(count), (len(table), count)
    ours, others = set(), 0
    for start, size, module in struct.iter_unpack("<IHH", table):
        assert size and size % 2 == 0 and module < modules
        if paths[module] == elf:
            addresses = set(range(bases[module] + start, bases[module] + start + size, 2))
            assert not addresses & ours, "executed twice"
            ours |= addresses
        else:
            others += size
    return ours, others


def from_drcov(path, source, elf, reader):
    """Returns what the module's addresses mean for the lines."""
    ran, others = drcov_bytes(path, elf)
    lines, name = {}, None
    for text in subprocess.run([reader, elf], check=True, capture_output=True, text=True).stdout.splitlines():
        if text[0] == "F":
            name = text[2:]
        elif text[0] == "L" and name == source:
            start, size, line = (int(word, 16) for word in text[2:].split())
            lines[line] = lines.get(line, False) or any(at in ran for at in range(start, start + size, 2))
    assert others or not ran, "the boot ROM ran, too"
    return lines


def main():
    form, path, source, elf, reader, harts = sys.argv[1:7]
    wanted = expected(source, int(harts), len(sys.argv) > 7)
    found = from_lcov(path, source) if form == "lcov" else from_drcov(path, source, elf, reader)
    wrong = ["line %d: %s, and not %s" % (number, found.get(number), wanted.get(number))
             for number in sorted(set(found) | set(wanted)) if found.get(number) != wanted.get(number)]
    if wrong:
        sys.exit("\n".join(wrong))


main()
