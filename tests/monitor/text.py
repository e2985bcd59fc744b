#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The text monitor on a socket: the output of each command is compared with what is known about the guest. text.py
RVIVE"""
import os
import re
import tempfile

from lib import Emulator, Stream, Text, check, connect, main, symbol

SOCKET = "unix:@/mon,server,nowait"


def counter(monitor, emulator):
    text = monitor.run("x/gx 0x%x" % symbol(emulator.elf, "counter"))
    return int(text.split()[1], 16)


def started(rvive, *arguments):
    emulator = Emulator(rvive, "-monitor", SOCKET, "-serial", "unix:@/uart,server,nowait", *arguments)
    monitor = Text(emulator.path("mon"))
    return emulator, monitor


def wait_counting(emulator, monitor):
    for _ in range(500):
        if counter(monitor, emulator) > 0:
            return
    check(False, "the guest does not count")


def run_state(rvive):
    emulator, monitor = started(rvive)
    with emulator:
        wait_counting(emulator, monitor)
        check("running" in monitor.run("info status"), "it runs")
        monitor.run("stop")
        check(monitor.run("info status") == "VM status: paused\n", "it is paused")
        first = counter(monitor, emulator)
        time_before = monitor.run("info csr time")
        check(counter(monitor, emulator) == first, "it counts though paused")
        check(monitor.run("info csr time") == time_before, "the guest's time goes on though paused")
        monitor.run("c")
        check("running" in monitor.run("info status"), "it runs again")
        check(counter(monitor, emulator) > first, "it counts again")
        check("not paused" in monitor.run("step"), "step of a guest that runs")
        monitor.send("quit\n")
        check(emulator.wait() == 0, "quit ends with status 0")


def snapshots_in_memory(rvive):
    """The guest goes back to the same place again and again; what does not fit is refused."""
    emulator, monitor = started(rvive)
    with emulator:
        wait_counting(emulator, monitor)
        monitor.run("stop")
        monitor.run("snapshot-memory first")
        first, registers = counter(monitor, emulator), monitor.run("info registers -a")
        for round in range(20):
            monitor.run("c")
            check(counter(monitor, emulator) >= first, "it counts")
            if round % 2:
                monitor.run("stop")
            answer = monitor.run("restore-memory first")
            check("pages" in answer, answer)
            check(("running" in monitor.run("info status")) == (round % 2 == 0), "it runs if it ran")
            if round % 2:
                check(counter(monitor, emulator) == first, "the memory is another one")
                check(monitor.run("info registers -a") == registers, "the registers are others")
        monitor.run("snapshot-memory second")
        check(monitor.run("info memory-snapshots").count("\n") >= 2, "there are two")
        check("no snapshot" in monitor.run("restore-memory third"), "there is no third")
        monitor.run("forget-memory first")
        check("no snapshot" in monitor.run("restore-memory first"), "it is gone")
        for number in range(20):
            answer = monitor.run("snapshot-memory n%d" % number)
        check("already" in answer, "there are too many")
        monitor.run("restore-memory second")
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.truncate(1 << 20)
        emulator, monitor = started(rvive, "-drive", "file=%s,format=raw" % image.name)
        with emulator:
            check("readonly=on" in monitor.run("snapshot-memory a"), "a disk that can be written to")


def trace_when_stopped(rvive):
    """The log has what a paused guest has done, to the last instruction."""
    emulator = Emulator(rvive, "-monitor", SOCKET, "-d", "commit", "-D", "@/log", smp=1)
    monitor = Text(emulator.path("mon"))
    with emulator:
        wait_counting(emulator, monitor)
        for _ in range(3):
            monitor.run("stop")
            done = int(re.search(r"instructions=(\d+)", monitor.run("info cpus")).group(1))
            with open(emulator.path("log"), encoding="ascii") as log:
                lines = log.read().splitlines()
            retired = [line for line in lines if re.match(r"core   0: [013] 0x", line)]
            check(len(retired) == done, "%d instructions, %d lines" % (done, len(retired)))
            monitor.run("cont")


class Gdb(Stream):
    """Enough of gdb's protocol to see that the server is there."""

    def __init__(self, path):
        self.socket = connect(path, 5)
        super().__init__(self.socket.fileno())

    def ask(self, packet):
        self.send("$%s#%02x" % (packet, sum(packet.encode()) & 255))
        self.until("$", 10)
        return self.until("#", 10)[:-1]


def gdbserver(rvive):
    """A gdb server for a guest that was started without one; the server moves to another address and is removed."""
    emulator, monitor = started(rvive)
    with emulator:
        wait_counting(emulator, monitor)
        check("Waiting for gdb connection" in monitor.run("gdbserver unix:" + emulator.path("gdb")), "gdbserver")
        gdb = Gdb(emulator.path("gdb"))
        check(gdb.ask("?").startswith("T05thread:1;"), "gdb attaches")
        check(monitor.run("info status") == "VM status: paused\n", "gdb stops the guest")
        at = symbol(emulator.elf, "counter")
        check(gdb.ask("Z2,%x,8" % at) == "OK", "a watchpoint")
        check("watch:%x;" % at in gdb.ask("vCont;c"), "and the stop there")
        check("Waiting" in monitor.run("gdbserver unix:" + emulator.path("other")), "it moves")
        check("running" in monitor.run("info status"), "which lets the guest go")
        check(not os.path.exists(emulator.path("gdb")), "the old socket is gone")
        first = counter(monitor, emulator)
        gdb = Gdb(emulator.path("other"))
        check(gdb.ask("qAttached") == "1", "gdb at the new place")
        check("Error: -gdb tcp:nowhere" in monitor.run("gdbserver tcp:nowhere"), "no such place")
        check(counter(monitor, emulator) > first, "the guest counts on")
        check("Disabled gdbserver" in monitor.run("gdbserver none"), "none")
        check("only -gdb" in monitor.run("gdbserver stdio"), "stdio")
        check("Disabled gdbserver" in monitor.run("gdbserver none"), "none, again")
        refused = monitor.run("gdbserver unix:/proc/gdb")
        check("the socket" in refused, "a socket where none can be: " + refused)


def gdbserver_in_the_sandbox(rvive):
    """Without a network no socket can be made any more: the message says what helps, and both ways help."""
    emulator, monitor = started(rvive, "-nic", "none")
    with emulator:
        confined = "seccomp): on" in monitor.run("info sandbox")
        for where in "unix:" + emulator.path("gdb"), "tcp::0":
            answer = monitor.run("gdbserver " + where)
            check(("-sandbox off" in answer and "-gdb " + where in answer) == confined, "in the sandbox: " + answer)
        check("running" in monitor.run("info status"), "the guest goes on")
    emulator, monitor = started(rvive, "-nic", "none", "-gdb", "unix:@/gdb")
    with emulator:
        check(Gdb(emulator.path("gdb")).ask("?").startswith("T05thread:1;"), "-gdb")
    emulator, monitor = started(rvive, "-nic", "none", "-sandbox", "off")
    with emulator:
        check("Waiting" in monitor.run("gdbserver unix:" + emulator.path("gdb")), "-sandbox off")
        check(Gdb(emulator.path("gdb")).ask("?").startswith("T05thread:1;"), "gdb attaches")


def start_paused(rvive):
    emulator, monitor = started(rvive, "-S")
    with emulator:
        check(monitor.run("info status") == "VM status: paused (prelaunch)\n", "-S")
        check(" 0x0000000000001000:  " in monitor.run("step 0"), "the pc is at the reset address")
        check("pc 0x0000000000001000 mode M" in monitor.run("info registers"), "registers at reset")
        monitor.run("step")
        check("pc 0x0000000000001004 mode M" in monitor.run("info registers"), "one step")
        monitor.run("step 5")
        check("pc 0x0000000080000000" in monitor.run("info registers"), "six steps lead to the kernel")
        monitor.run("step 40")
        check("mode S" in monitor.run("info registers"), "mret")
        check("* CPU #0" in monitor.run("info cpus"), "the current hart")
        monitor.run("cpu 1")
        check("* CPU #1" in monitor.run("info cpus"), "cpu 1")
        check("hart 1: pc 0x0000000000001000" in monitor.run("info registers"), "registers of hart 1")
        check("hart 0: " in monitor.run("info registers -a"), "registers of all")
        check("there is no hart 2" in monitor.run("cpu 2"), "cpu 2")
        monitor.run("cont")
        wait_counting(emulator, monitor)


def memory(rvive):
    emulator, monitor = started(rvive)
    with emulator:
        wait_counting(emulator, monitor)
        monitor.run("stop")
        at = symbol(emulator.elf, "value")
        check("0x1122334455667788" in monitor.run("x/gx 0x%x" % at), "x/gx")
        check("0x1122334455667788" in monitor.run("xp/gx 0x%x" % at), "xp/gx")
        check(monitor.run("x/8xb 0x%x" % at).split()[1:] ==
              ["0x88", "0x77", "0x66", "0x55", "0x44", "0x33", "0x22", "0x11"], "x/8xb")
        check("1234605616436508552" in monitor.run("x/dg %d" % at), "x/dg")
        check("\"text in memory\"" in monitor.run("x/s 0x%x + 8" % at), "x/s and an expression")
        check("csrrs t0,mhartid,zero" in monitor.run("xp/2i 0x80000000"), "xp/i")
        check("csrrs t0,mhartid,zero" in monitor.run("disassemble 0x80000000 1"), "disassemble")
        counting = monitor.run("x/4i $pc")
        check(len(counting.splitlines()) == 4, "x/4i $pc: " + counting)
        check("no memory" in monitor.run("x 0x10000000"), "a device is not read")
        check("no memory" in monitor.run("x 0x40000000"), "an address that is not mapped")
        check("there are the sizes" in monitor.run("x/4z 0"), "a wrong format")
        check("no such register" in monitor.run("x $nothing"), "a wrong register")
        check("is missing" in monitor.run("x"), "no address")


def translation(rvive):
    emulator, monitor = started(rvive)
    with emulator:
        wait_counting(emulator, monitor)
        monitor.run("stop")
        ranges = monitor.run("info mem")
        check("Sv39" in ranges, "the scheme: " + ranges)
        check(re.search(r"0x0000000080000000 +0x00000000bfffffff +0x0000000080000000 +0x40000000 +VRWX--", ranges),
              "the gigapage: " + ranges)
        root = symbol(emulator.elf, "root")
        walk = monitor.run("info mem $pc")
        check(("0x%016x" % (root + 16)) in walk and "VRWX--AD" in walk, "the walk: " + walk)
        check("page-size  0x40000000" in walk and re.search(r"end +mapped", walk), "its end: " + walk)
        check("not valid" in monitor.run("info mem 0x40000000"), "a hole")
        check("copies" in monitor.run("info mem 0x4000000000"), "not canonical")
        check(re.search(r"0x0000000080000000  0x0000000080000000  x +0  S", monitor.run("info tlb")), "info tlb")
        check(re.search(r"0x0000000080000000  0x0000000080000000  [rw] ", monitor.run("info tlb")), "info tlb: data")
        check("satp         0x8000000000080" in monitor.run("info csr satp"), "info csr")


def devices(rvive):
    with tempfile.TemporaryDirectory() as folder:
        image, picture = os.path.join(folder, "disk.img"), os.path.join(folder, "screen.png")
        with open(image, "wb") as file:
            file.truncate(65536)
        emulator, monitor = started(rvive, "-drive", "if=none,id=d,format=raw,file=" + image, "-device",
                                    "virtio-blk-pci,drive=d,addr=5", "-device", "virtio-gpu-device,xres=64,yres=48",
                                    "-display", "none", "-netdev", "user,id=net0,restrict=on", "-device",
                                    "virtio-net-pci,netdev=net0,mac=52:54:00:01:02:03,addr=6")
        with emulator:
            disks = monitor.run("info block")
            check(re.search("d at pci05.0: .*disk.img .raw, 65536 bytes", disks), "info block: " + disks)
            pci = monitor.run("info pci")
            check(re.search(r"00:05\.0 virtio-blk-pci: 1af4:1001 class 0100 \(SCSI", pci) and "BAR0: I/O" in pci and
                  "00:06.0 virtio-net-pci" in pci, "info pci: " + pci)
            network = monitor.run("info network")
            check("virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:01:02:03\n" in network and
                  " \\ net0: index=0,type=user,net=10.0.2.0,restrict=on\n" in network, "info network: " + network)
            check("virtio-gpu" in monitor.run("info qtree"), "info qtree")
            check("/nonexistent/x.png" in monitor.run("screendump /nonexistent/x.png"), "screendump to nowhere")
            check(monitor.run("screendump " + picture) == "", "screendump")
            with open(picture, "rb") as file:
                head = file.read(24)
            check(head[:8] == b"\x89PNG\r\n\x1a\n" and head[16:] == bytes((0, 0, 0, 64, 0, 0, 0, 48)), "the picture")
            # As with QEMU, all other names are for PPM.
            for name, form in ("screen.ppm", ""), ("screen", ""), ("ppm.png", " -f ppm"):
                picture = os.path.join(folder, name)
                check(monitor.run("screendump " + picture + form) == "", "screendump " + name + form)
                with open(picture, "rb") as file:
                    data = file.read()
                check(data[:13] == b"P6\n64 48\n255\n" and len(data) == 13 + 64 * 48 * 3, "%s: %r" % (name, data[:20]))


def the_rest(rvive):
    emulator, monitor = started(rvive, "-name", "test guest")
    with emulator:
        wait_counting(emulator, monitor)
        check("0x0000000083ffffff  ram" in monitor.run("info mtree"), "info mtree")
        check("uart16550" in monitor.run("info qtree"), "info qtree")
        check(re.search(r"pending +enabled", monitor.run("info irq")), "info irq")
        check("rvive" in monitor.run("info version"), "info version")
        check("test guest" in monitor.run("info name"), "info name")
        check("blocks translated" in monitor.run("info jit") or "interpreted" in monitor.run("info jit"), "info jit")
        check("no power button" in monitor.run("system_powerdown"), "system_powerdown")
        check("no category" in monitor.run("log nonsense"), "log nonsense")
        check(monitor.run("log int,unimp") == "" and monitor.run("log none") == "", "log")
        check("no screen" in monitor.run("screendump /tmp/never.ppm"), "screendump")
        check("unknown command" in monitor.run("frobnicate"), "an unknown command")
        check("is too much" in monitor.run("info status now"), "too much")
        check("system_reset" in monitor.run("help"), "help")
        check("virtual address" in monitor.run("help x"), "help x")
        check("at most" in monitor.run("x" * 5000), "a long line")
        before = counter(monitor, emulator)
        monitor.run("system_reset")
        wait_counting(emulator, monitor)
        check(counter(monitor, emulator) != before, "system_reset")
        check(emulator.alive(), "it lives on")
        again = Text  # a client leaves and another connects
        monitor.socket.close()
        check("running" in again(emulator.path("mon")).run("info status"), "the second client")


def flash(rvive):
    """Flash shows its bytes to the monitor and to gdb, which do not change its state."""
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(32 << 20)
        image.seek(0x1000)
        image.write(bytes.fromhex("130550029300100073005010"))
        image.flush()
        emulator, monitor = started(rvive, "-S", "-drive", "if=pflash,format=raw,readonly=on,file=" + image.name,
                                    "-gdb", "unix:@/gdb")
        with emulator:
            check("addi a0,zero,37" in monitor.run("x/3i 0x20001000"), "instructions in flash")
            check("0x00100093" in monitor.run("xp/3xw 0x20001000"), "words in flash")
            gdb = Stream(connect(emulator.path("gdb")).detach())
            gdb.send(packet("m20001000,8"))
            check("1305500293001000" in gdb.until("#"), "gdb")
            gdb.send(packet("M20001000,1:00"))
            check("E14" in gdb.until("E14#"), "gdb does not write there")


def packet(payload):
    return "+$%s#%02x" % (payload, sum(payload.encode()) & 0xff)


main(run_state, snapshots_in_memory, trace_when_stopped, gdbserver, gdbserver_in_the_sandbox, start_paused, memory, translation, devices, flash, the_rest)
