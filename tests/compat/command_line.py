# SPDX-License-Identifier: MIT
"""Programs that start on QEMU start here in the same way: the name by which the program is called, which firmware is
found, where ELF files start and what of them is loaded, and the messages about it. Usage: command_line.py PATH-TO-RVIVE"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

RAM = 0x80000000
rvive = os.path.abspath(sys.argv[1])
failures = 0

# Powers the machine off: lui t0, 0x100; lui t1, 0x5; addi t1, t1, 0x555; sw t1, 0(t0); j .
OFF = struct.pack("<5I", 0x001002B7, 0x00005337, 0x55530313, 0x0062A023, 0x0000006F)
# Ends with status 1: lui t1, 0x13; addi t1, t1, 0x333
FAIL = struct.pack("<5I", 0x001002B7, 0x00013337, 0x33330313, 0x0062A023, 0x0000006F)
# Goes by mret to `OFF` after it in U-mode, with a trap handler that powers off: auipc t0, 0; addi t0, t0, 24; csrw mtvec,
# t0; csrw mepc, t0; csrw mstatus, x0; mret
TO_USER = struct.pack("<6I", 0x00000297, 0x01828293, 0x30529073, 0x34129073, 0x30001073, 0x30200073) + OFF
# csrw pmpaddr0, -1 (addi t0, x0, -1); pmpcfg0 = 0x1f; then the same
OPEN = struct.pack("<4I", 0xFFF00293, 0x3B029073, 0x01F00293, 0x3A029073) + TO_USER


def elf(bits, entry, segments):
    """segments: (type, address, bytes, size in memory)"""
    wide = bits == 64
    header, entry_size = (64, 56) if wide else (52, 32)
    offset = header + entry_size * len(segments)
    table, body = b"", b""
    for kind, paddr, data, memsz in segments:
        at = offset + len(body)
        if wide:
            table += struct.pack("<IIQQQQQQ", kind, 7, at, paddr, paddr, len(data), memsz, 4)
        else:
            table += struct.pack("<IIIIIIII", kind, at, paddr, paddr, len(data), memsz, 7, 4)
        body += data
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    head = struct.pack("<HHI", 2, 243, 1) + struct.pack("<QQQ" if wide else "<III", entry, header, 0)
    head += struct.pack("<IHHHHHH", 0, header, entry_size, len(segments), 0, 0, 0)
    return ident + head + table + body


def run(program, arguments, status, says=None, silent=False, environment=None):
    """says: what the only line on stderr contains; silent: there is no line."""
    global failures
    command = [program] + arguments + ["-display", "none", "-serial", "null"]
    got = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                         env=dict(os.environ, **(environment or {})))
    text = got.stderr.decode(errors="replace")
    wrong = got.returncode != status or (says is not None and says not in text) or (silent and text)
    if says is not None and text.count("\n") != 1:
        wrong = True
    if wrong:
        failures += 1
        print("FAIL: %s: status %d, not %d; stderr: %s" % (" ".join(command), got.returncode, status, text))


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)
    return name


def names_and_firmware():
    rvive32 = os.path.join(os.path.dirname(rvive), "rvive32")
    for program, width in ((rvive, b"rv64"), (rvive32, b"rv32")):
        run(program, ["-M", "virt,dumpdtb=tree.dtb", "-bios", "none"], 0, silent=True)
        with open("tree.dtb", "rb") as file:
            if width not in file.read():
                run(program, ["-no-such-width-" + width.decode()], 0)
    installed = ("/usr/lib/riscv32-linux-gnu/opensbi", "/usr/share/opensbi/ilp32", "/usr/share/opensbi/lp32",
                 "/usr/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin",
                 "/usr/local/share/qemu/opensbi-riscv32-generic-fw_dynamic.bin")
    if not any(os.path.exists(path) for path in installed):
        run(rvive32, [], 1, says="package opensbi of Debian 13, which has it for both widths, or give -bios FILE",
            environment={"RVIVE_FIRMWARE_DIR": ""})
    # Beside the program, before what the system has.
    os.makedirs("bin/firmware")
    shutil.copy(rvive, "bin/rvive")
    write("bin/firmware/opensbi-riscv64-generic-fw_dynamic.bin", OFF)
    write("bin/firmware/opensbi-riscv32-generic-fw_dynamic.bin", OFF)
    for width in "rv64", "rv32":
        run(os.path.abspath("bin/rvive"), ["-cpu", width], 0, silent=True, environment={"RVIVE_FIRMWARE_DIR": ""})
    folder = {"RVIVE_FIRMWARE_DIR": os.path.join(os.getcwd(), "firmware")}
    os.mkdir("firmware")
    run(rvive32, [], 1, says="firmware/opensbi-riscv32-generic-fw_dynamic.bin", environment=folder)
    run(rvive, [], 1, says="firmware/fw_dynamic.bin", environment=folder)
    write("firmware/fw_dynamic.bin", OFF)
    run(rvive, [], 0, silent=True, environment=folder)
    run(rvive, ["-bios", "default"], 0, silent=True, environment=folder)
    run(rvive, ["-cpu", "rv32"], 1, says="riscv32", environment=folder)
    write("firmware/opensbi-riscv32-generic-fw_dynamic.bin", OFF)
    run(rvive, ["-cpu", "rv32", "-bios", "default"], 0, silent=True, environment=folder)
    run(rvive32, [], 0, silent=True, environment=folder)
    named = "opensbi-riscv%d-generic-fw_dynamic.bin"  # a name in QEMU's data folders
    run(rvive, ["-bios", named % 64], 0, silent=True, environment=folder)
    run(rvive32, ["-bios", named % 32], 0, silent=True, environment=folder)
    run(rvive, ["-bios", named % 32], 1, says="it is for RV32, and the harts are RV64", environment=folder)
    run(rvive, ["-bios", "other.bin"], 1, says="other.bin", environment=folder)
    write("firmware/other.bin", OFF)
    run(rvive, ["-bios", "other.bin", "-L", "firmware"], 0, silent=True)
    write("firmware/opensbi-riscv64-generic-fw_dynamic.bin", OFF)
    os.unlink("firmware/fw_dynamic.bin")
    run(rvive, [], 0, silent=True, environment=folder)


def elf_files(bits):
    bare = ["-cpu", "rv%d" % bits, "-bios", "none", "-kernel"]
    strict = ["-M", "virt,strict=on"] + bare
    code = (1, RAM, FAIL + OFF, 64)
    kernel = write("entry.elf", elf(bits, RAM + len(FAIL), [code]))
    run(rvive, bare + [kernel], 0, says="starts at its ELF entry 0x80000014, not at its lowest address 0x80000000")
    kernel = write("plain.elf", elf(bits, RAM, [(1, RAM, OFF, 64)]))
    run(rvive, bare + [kernel], 0, silent=True)
    run(rvive, strict + [kernel], 0, silent=True)
    for kind, paddr, data, memsz in ((4, 0, b"note", 4), (4, 0xFFFFF000, b"note", 4), (1, 0, b"", 0),
                                     (1, 0xFFFFF000, b"", 0), (0x70000003, 0, b"attributes", 0)):
        kernel = write("notes.elf", elf(bits, RAM, [(kind, paddr, data, memsz), (1, RAM, OFF, 64)]))
        run(rvive, bare + [kernel], 0, silent=True)
        run(rvive, strict + [kernel], 0, silent=True)
    for paddr, data, memsz, says in ((0x10000000, b"", 256, "lies outside RAM and is not loaded"),
                                     (0x1000, b"note", 4, "lies outside RAM and is not loaded"),
                                     (RAM + 0x7FFF000, b"heap", 1 << 24, "beyond the end of RAM at 0x88000000")):
        kernel = write("outside.elf", elf(bits, RAM, [(1, RAM, OFF, 64), (1, paddr, data, memsz)]))
        run(rvive, bare + [kernel], 0, says=says)
        run(rvive, strict + [kernel], 1, says="does not fit")
    kernel = write("nowhere.elf", elf(bits, RAM, [(1, 0x1000, OFF, 64)]))
    run(rvive, bare + [kernel], 1)


def pmp_hint():
    for bits in 64, 32:
        bare = ["-cpu", "rv%d" % bits, "-bios", "none", "-kernel"]
        says = "in U-mode, and no PMP entry permits anything yet"
        run(rvive, bare + [write("user.bin", TO_USER)], 0, says=says)
        run(rvive, ["-M", "virt,strict=on"] + bare + ["user.bin"], 0, says=says)
        run(rvive, bare + [write("open.bin", OPEN)], 0, silent=True)
        run(rvive, ["-cpu", "rv%d,pmp=off" % bits] + bare[2:] + ["user.bin"], 0, silent=True)


def loaders():
    """Modules for a hypervisor, a program in flash, and bytes in the other order."""
    bare = ["-bios", "none"]
    write("module", b"m" * 600)
    run(rvive, ["-M", "virt,dumpdtb=tree.dtb"] + bare + ["-device", "guest-loader,addr=0x82000000,kernel=module,bootargs=b=1",
                "-device", "guest-loader,addr=0x83000000,initrd=module"], 0, silent=True)
    with open("tree.dtb", "rb") as file:
        tree = file.read()
    for part in (b"module@0x82000000\0", b"multiboot,module\0multiboot,kernel\0", b"b=1\0", b"module@0x83000000\0",
                 b"multiboot,module\0multiboot,ramdisk\0", struct.pack(">QQ", 0x83000000, 600)):
        if part not in tree:
            run(rvive, ["-no-such-part-%r" % part], 0)
    run(rvive, bare + ["-device", "guest-loader,addr=0x20,kernel=module"], 1, says="does not fit")
    run(rvive, ["-M", "sifive_e"] + bare + ["-device", "guest-loader,addr=0x80000000,kernel=module"], 1,
        says="sifive_e has no device tree")
    write("flash.bin", OFF)
    for bank in "0x20000000", "0x23fffff0":
        end = len(OFF) > 16 and bank != "0x20000000"
        run(rvive, bare + ["-device", "loader,addr=%s,file=flash.bin,force-raw=on,cpu-num=0" % bank], 1 if end else 0,
            says="does not fit" if end else None, silent=not end)
    # lui t0, 0x100; lui t1, 0x5 in the wrong order, which data-be=on mends; then the rest
    words = ["-device", "loader,addr=0x80000000,data=0xb7021000,data-len=4,data-be=on"]
    write("rest", OFF[4:])
    run(rvive, bare + words + ["-device", "loader,addr=0x80000004,file=rest,force-raw=on"], 0, silent=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names_and_firmware()
        elf_files(64)
        elf_files(32)
        pmp_hint()
        loaders()
        os.chdir("/")
    sys.exit(1 if failures else 0)


main()
