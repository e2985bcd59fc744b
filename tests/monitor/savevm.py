#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines inside qcow2 images: savevm, loadvm, delvm, -loadvm and jobs. savevm.py RVIVE [TEST...]"""
import os
import subprocess
import sys
import tempfile
import time

from lib import Qmp, Stream, Text, build_guest, check, connect, main, symbol

FLASH = 0x22000000
UART = ("-serial", "unix:@/uart,server,nowait")
MON = ("-monitor", "unix:@/mon,server,nowait")
QMP = ("-qmp", "unix:@/qmp,server,nowait")
FLASH_DISK = ("-drive", "if=pflash,unit=1,format=qcow2,file=@/flash.qcow2")
DISK = ("-drive", "if=none,id=d0,format=qcow2,file=@/disk.qcow2", "-device", "virtio-blk-device,drive=d0")


class Guest:
    """The emulator with both disks, and its consoles. It is another process each time."""

    def __init__(self, rvive, folder, elf, *arguments, disks=FLASH_DISK + DISK):
        for name in "uart", "mon", "qmp":
            if os.path.exists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
        self.folder, self.elf = folder, elf
        words = ("-M", "virt", "-m", "64M", "-smp", "2", "-bios", "none", "-kernel", elf, "-nographic") + UART + MON + QMP
        self.process = subprocess.Popen([rvive] + [word.replace("@", folder) for word in words + disks + arguments],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.client = connect(os.path.join(folder, "uart"))
        self.uart = Stream(self.client.fileno())
        self.text = Text(os.path.join(folder, "mon"))
        self.qmp = Qmp(os.path.join(folder, "qmp"))

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        self.process.kill()
        self.process.communicate()

    def run(self, line, error=None):
        answer = self.text.run(line)
        check((error in answer) if error else "rror" not in answer, "%s: %r" % (line, answer))
        return answer

    def echoes(self, text):
        self.uart.send(text)
        self.uart.until(text)

    def counter(self):
        return int(self.run("xp/1xg 0x%x" % (symbol(self.elf, "value") - 8)).split()[-1], 16)

    def programmed(self):
        """How many words of flash the guest has programmed."""
        return [int(word, 16) for word in self.run("xp/4xw 0x%x" % FLASH).split()[1:]].count(0)

    def quit(self):
        self.text.send("quit\n")
        check(self.process.wait(30) == 0, "exit status")


def image(rvive):
    return os.path.join(os.path.dirname(rvive), "rvive-img")


def make_disks(rvive, folder):
    raw = os.path.join(folder, "ones")
    with open(raw, "wb") as ones:
        ones.write(b"\xff" * (32 << 20))
    subprocess.run([image(rvive), "convert", "-f", "raw", "-O", "qcow2", raw, os.path.join(folder, "flash.qcow2")], check=True)
    subprocess.run([image(rvive), "create", "-q", "-f", "qcow2", os.path.join(folder, "disk.qcow2"), "64M"], check=True)
    os.unlink(raw)


def sound(rvive, folder):
    for name in "flash.qcow2", "disk.qcow2":
        subprocess.run([image(rvive), "check", "-q", os.path.join(folder, name)], check=True)


def listed(rvive, folder, name):
    out = subprocess.run([image(rvive), "snapshot", "-l", os.path.join(folder, name)], check=True, capture_output=True, text=True)
    return [line.split()[1] for line in out.stdout.splitlines()[2:]]


def ended(rvive, folder, elf, *arguments):
    """What a start that is refused says."""
    words = ("-M", "virt", "-m", "64M", "-bios", "none", "-kernel", elf, "-nographic", "-serial", "null", "-monitor", "none")
    done = subprocess.run([rvive] + [word.replace("@", folder) for word in words + FLASH_DISK + DISK + arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    check(done.returncode == 1, "%r: exit status %d" % (arguments, done.returncode))
    return done.stderr


def back_and_forth(rvive, folder, elf):
    with Guest(rvive, folder, elf) as guest:
        guest.echoes("abc")
        check("no snapshot available" in guest.run("info snapshots"), "none at first")
        guest.run("loadvm one", "Snapshot 'one' does not exist in one or more devices")
        check("running" in guest.run("info status"), "it goes on")
        guest.run("delvm one")
        guest.echoes("f")
        guest.run("stop")
        counter = guest.counter()
        check(guest.programmed() == 1, "one word of flash")
        guest.run("savevm one")
        check("paused" in guest.run("info status"), "it stays paused")
        guest.run("cont")
        guest.echoes("ff")
        guest.run("savevm two")
        check("running" in guest.run("info status"), "it goes on")
        guest.echoes("f")
        guest.run("stop")
        check(guest.counter() > counter and guest.programmed() == 4, "later")
        guest.run("loadvm one")
        check("paused" in guest.run("info status"), "it stays paused")
        check(guest.counter() == counter and guest.programmed() == 1, "as it was: memory and flash")
        guest.run("cont")
        guest.echoes("xf")
        guest.run("loadvm two")
        check("running" in guest.run("info status"), "it stays running")
        guest.echoes("yz")
        check(guest.programmed() == 3, "as it was then")
        lines = guest.run("info snapshots").splitlines()
        check([line.split()[1] for line in lines if line.startswith("-- ")] == ["one", "two"], "%r" % lines)
        guest.run('savevm "two"')
        guest.run("savevm")
        guest.run("delvm one")
        guest.run("loadvm one", "does not exist")
        guest.quit()
    both = listed(rvive, folder, "disk.qcow2"), listed(rvive, folder, "flash.qcow2")
    check(both[0] == both[1], "the same on both disks: %r" % (both,))
    check(len(both[0]) == 2, "two, and one with a name of the date")
    sound(rvive, folder)
    other_process(rvive, folder, elf)


def other_process(rvive, folder, elf):
    """After back_and_forth()."""
    with Guest(rvive, folder, elf, "-loadvm", "two", "-S") as guest:
        deadline = time.monotonic() + 30
        while "inmigrate" in guest.run("info status") and time.monotonic() < deadline:
            time.sleep(0.05)
        check("paused" in guest.run("info status") and guest.programmed() == 3, "with -S it is as it was")
        guest.run("cont")
        guest.echoes("f")
        check(guest.programmed() == 4, "it goes on")
        guest.quit()
    check("Snapshot 'nix' does not exist" in ended(rvive, folder, elf, "-smp", "2", "-loadvm", "nix"), "an unknown name")
    check("number of harts" in ended(rvive, folder, elf, "-smp", "1", "-loadvm", "two"), "another machine")
    check("give one" in ended(rvive, folder, elf, "-loadvm", "two", "-incoming", "defer"), "both")
    with Guest(rvive, folder, elf, "-device", "virtio-rng-device") as guest:
        guest.echoes("abc")
        guest.run("loadvm two", "start with the same -device")
        check("running" in guest.run("info status"), "a machine that does not fit is found before anything is lost")
        guest.echoes("def")
        guest.quit()
    sound(rvive, folder)


def jobs(rvive, folder, elf):
    with Guest(rvive, folder, elf) as guest:
        qmp = guest.qmp
        guest.echoes("abc")
        devices = ["d0", "pflash1"]

        def job(name, job_id, *states, **more):
            arguments = {"job-id": job_id, "tag": "job"}
            if name != "snapshot-delete":
                arguments["vmstate"] = "d0"
            arguments.update({"devices": devices}, **more)
            check(qmp.ask(name, **arguments) == {"return": {}}, name)
            seen = [qmp.event("JOB_STATUS_CHANGE")["data"] for _ in states]
            check(seen == [{"status": state, "id": job_id} for state in states], "%r" % seen)

        good = ("created", "running", "waiting", "pending", "concluded")
        bad = ("created", "running", "aborting", "concluded")
        job("snapshot-save", "j0", *good)
        job("snapshot-save", "j1", *bad)
        job("snapshot-load", "j2", *good)
        job("snapshot-load", "j3", *bad, devices=["d0", "nix"])
        job("snapshot-delete", "j4", *good)
        job("snapshot-load", "j5", *bad)
        again = qmp.ask("snapshot-delete", **{"job-id": "j5", "tag": "x", "devices": devices})
        check("in use" in again["error"]["desc"], "twice")
        rows = qmp.ask("query-jobs")["return"]
        check([row["id"] for row in rows] == ["j5", "j4", "j3", "j2", "j1", "j0"], "the newest first")
        check("already exists" in rows[4]["error"] and "'nix'" in rows[2]["error"], "%r" % rows)
        check("not exist" in rows[0]["error"], "%r" % rows)
        check(rows[5] == {"current-progress": 1, "status": "concluded", "total-progress": 1, "type": "snapshot-save", "id": "j0"},
              "%r" % rows[5])
        check(qmp.ask("job-dismiss", id="j0") == {"return": {}}, "job-dismiss")
        check(qmp.event("JOB_STATUS_CHANGE")["data"] == {"status": "null", "id": "j0"}, "the event of it")
        check("not found" in qmp.ask("job-dismiss", id="j0")["error"]["desc"], "again")
        guest.echoes("def")
        guest.quit()


def damaged(rvive, folder, elf):
    """A state that is damaged: the guest was lost, and must not run; a reset helps."""
    with Guest(rvive, folder, elf) as guest:
        guest.echoes("abc")
        guest.run("savevm bad")
        guest.quit()
    path = os.path.join(folder, "flash.qcow2")
    with open(path, "r+b") as file:
        data = file.read()
        at = data.rfind(b"RVIVE-MS") + 5000
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
    check("damaged" in ended(rvive, folder, elf, "-smp", "2", "-loadvm", "bad"), "at the start")
    with Guest(rvive, folder, elf) as guest:
        guest.echoes("abc")
        guest.run("loadvm bad", "stays paused")
        check("paused" in guest.run("info status"), "paused")
        guest.run("cont", "in part only")
        guest.run("savevm x", "in part only")
        guest.run("step", "not paused")
        guest.run("system_reset")
        deadline = time.monotonic() + 30
        while "rror" in guest.text.run("cont") and time.monotonic() < deadline:
            time.sleep(0.05)
        guest.uart.until("!")
        guest.echoes("def")
        guest.quit()


def killed(rvive, folder, elf):
    """A process that is killed leaves images that open, with the older machine."""
    with Guest(rvive, folder, elf) as guest:
        guest.echoes("ff")
        guest.run("savevm old")
        guest.quit()
    for delay in 0.0, 0.004, 0.02:
        with Guest(rvive, folder, elf) as guest:
            guest.echoes("abc")
            guest.text.send("savevm old\n")
            time.sleep(delay)
            guest.process.kill()
            guest.process.wait()
        with Guest(rvive, folder, elf, "-loadvm", "old") as guest:
            guest.uart.send("g")
            guest.uart.until("g")
            guest.quit()
        sound(rvive, folder)


def cannot(rvive, folder, elf):
    raw = os.path.join(folder, "raw")
    with open(raw, "wb") as file:
        file.truncate(1 << 20)
    disk = "if=none,id=r,format=raw,file=" + raw
    more = ("-drive", disk, "-device", "virtio-blk-device,drive=r")
    with Guest(rvive, folder, elf, disks=DISK + more) as guest:
        guest.run("savevm x", "Device 'r' is writable but does not support snapshots")
        guest.quit()
    with Guest(rvive, folder, elf, disks=DISK + ("-drive", disk + ",readonly=on") + more[2:]) as guest:
        guest.run("savevm x")
        guest.run("loadvm x")
        guest.run("delvm x")
        guest.quit()
    with Guest(rvive, folder, elf, "-snapshot", disks=DISK) as guest:
        guest.run("savevm x", "-snapshot")
        guest.quit()
    with Guest(rvive, folder, elf, disks=()) as guest:
        for line in "savevm", "loadvm x", "info snapshots":
            guest.run(line, "no block device can store vmstate for snapshot")
        guest.quit()


def in_folder(test):
    """Each test has the guest and new disks in a folder of its own."""

    def run(rvive):
        with tempfile.TemporaryDirectory() as folder:
            make_disks(rvive, folder)
            test(rvive, folder, build_guest(folder))

    run.__name__ = test.__name__
    return run


TESTS = back_and_forth, jobs, damaged, killed, cannot
main(*[in_folder(test) for test in TESTS if len(sys.argv) < 3 or test.__name__ in sys.argv[2:]])
