#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QMP: greeting, negotiation, answers, events, bad input. qmp.py RVIVE"""
import json
import os
import re
import subprocess
import tempfile

from lib import Emulator, Qmp, Stream, Text, check, connect, main, symbol

SOCKET = "unix:@/qmp,server,nowait"


def emulator_of(rvive, *arguments):
    return Emulator(rvive, "-qmp", SOCKET, "-serial", "unix:@/uart,server,nowait", "-monitor", "none", *arguments)


def negotiation(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"), negotiate=False)
        version = qmp.greeting["QMP"]["version"]
        check(version["qemu"]["major"] == 10 and "rvive" in version["package"], "greeting")
        check(qmp.greeting["QMP"]["capabilities"] == [], "capabilities")
        check(qmp.ask("query-status")["error"]["class"] == "CommandNotFound", "a command before the negotiation")
        check(qmp.ask("qmp_capabilities") == {"return": {}}, "qmp_capabilities")
        check("already" in qmp.ask("qmp_capabilities")["error"]["desc"], "twice")
        qmp.send('{"execute": "query-status", "id": {"n": [1, "x"]}}')
        answer = qmp.answer()
        check(answer["id"] == {"n": [1, "x"]} and answer["return"]["running"], "id: %r" % answer)
        qmp.send('{"execute": "query-status", "id": [922337203685477580., NaN, 1.5]}')
        check(qmp.answer()["id"] == [922337203685477580.0, None, 1.5], "numbers that are no JSON")
        qmp.send('{"execute": "nothing", "id": 7}')
        check(qmp.answer() == {"error": {"class": "CommandNotFound", "desc":
                                         "The command nothing has not been found"}, "id": 7}, "an unknown command")
        qmp.socket.close()
        check(Qmp(emulator.path("qmp")).ask("query-status")["return"]["running"], "the second client")


def commands(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        names = {row["name"] for row in qmp.ask("query-commands")["return"]}
        check({"query-status", "query-cpus-fast", "stop", "cont", "quit", "system_reset", "human-monitor-command",
               "qmp_capabilities", "query-version"} <= names, "query-commands: %r" % names)
        # Each query answers without arguments.
        absent = {"query-balloon", "query-hotpluggable-cpus", "query-cpu-model-expansion", "query-stats"}
        for name in sorted(names):
            if name.startswith("query-"):
                check(("return" in qmp.ask(name)) != (name in absent), name)
        cpus = qmp.ask("query-cpus-fast")["return"]
        check([cpu["cpu-index"] for cpu in cpus] == [0, 1] and cpus[0]["target"] == "riscv64", "query-cpus-fast")
        registers = qmp.ask("query-registers", hart=1)["return"]
        check(registers[0]["hart"] == 1 and registers[0]["x"]["zero"] == "0x" + "0" * 16, "query-registers")
        check(qmp.ask("query-csr", name="mhartid", hart=1)["return"] == {"mhartid": "0x0000000000000001"}, "query-csr")
        value = symbol(emulator.elf, "value")
        text = qmp.ask("x", address=value, format="gx")["return"]
        check("0x1122334455667788" in text, "x: %r" % text)
        text = qmp.ask("human-monitor-command", command_line="xp/gx 0x%x" % value)["return"]
        check("0x1122334455667788" in text, "human-monitor-command: %r" % text)
        check("return" in qmp.ask("x", address="$pc"), "an expression")
        check(qmp.ask("query-mem", address=value)["return"]["end"] == "mapped", "query-mem")
        check("screen" in qmp.ask("screendump", filename="/tmp/never.ppm")["error"]["desc"], "screendump")
        for bad, text in (({"address": []}, "type"), ({}, "missing"), ({"address": 0, "more": 1}, "unexpected"),
                          ({"address": 0, "hart": 99}, "no hart"), ({"address": "$x99"}, "register")):
            check(text in qmp.ask("x", **bad)["error"]["desc"], "x %r" % bad)


def chardevs(rvive):
    """Labels and names are the same as QEMU's: libvirt uses them to find the console's terminal."""
    arguments = ["-chardev", "pty,id=charserial0", "-serial", "chardev:charserial0", "-chardev",
                 "socket,id=charmonitor,path=@/m,server=on,wait=off", "-mon", "chardev=charmonitor,mode=readline"]
    with Emulator(rvive, "-qmp", SOCKET, *arguments) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        found = {row["label"]: row for row in qmp.ask("query-chardev")["return"]}
        check(set(found) == {"charserial0", "charmonitor", "compat_monitor0"}, "labels: %r" % found)
        name = found["charserial0"]["filename"]
        check(name.startswith("pty:/dev/pts/") and os.path.exists(name[4:]), "the terminal: " + name)
        check(all(row["frontend-open"] is True for row in found.values()), "frontend-open")
        text = qmp.ask("human-monitor-command", command_line="info chardev")["return"]
        check("charserial0: filename=" + name in text, "info chardev: " + text)
        qmp.send('{"execute": "query-chardev"}')
        check(name in qmp.until("\r\n"), "slashes are not escaped")
    with Emulator(rvive, "-qmp", SOCKET, "-monitor", "none", "-serial", "pty") as emulator:
        found = {row["label"]: row for row in Qmp(emulator.path("qmp")).ask("query-chardev")["return"]}
        check(found["serial0"]["filename"].startswith("pty:/dev/pts/"), "serial0: %r" % found)


def every_device(rvive):
    """info qtree shows every property that -device takes."""
    listed = subprocess.run([rvive, "-device", "help"], capture_output=True, text=True, check=True).stdout
    names = [word for word in re.findall(r"^[a-z][a-z0-9-]+", listed, re.MULTILINE)]
    more = ("virtio-vga", "bochs-display", "ramfb", "edu", "i6300esb")
    names = sorted({name for name in names if name.endswith(("-device", "-pci")) or name in more})
    check(len(names) >= 20, "-device help: %r" % names)
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "image")
        with open(image, "wb") as file:
            file.truncate(1 << 20)
        with_backend = {
            "blk": (["-drive", "file=%s,if=none,format=raw,id=d" % image], ",drive=d"),
            "net": (["-netdev", "user,id=n"], ",netdev=n"),
            "9p": (["-fsdev", "local,id=f,path=%s,security_model=none" % folder], ",fsdev=f,mount_tag=t"),
            "sound": (["-audiodev", "none,id=a"], ",audiodev=a"),
            "snd": (["-audiodev", "none,id=a"], ",audiodev=a"),
        }
        for name in names:
            kind = name.split("-")[1] if "-" in name else name
            before, more = with_backend.get(kind, ([], ""))
            with emulator_of(rvive, "-S", "-nodefaults", *before, "-device", name + more) as emulator:
                rows = Qmp(emulator.path("qmp")).ask("query-qtree")["return"]
                plain = {"(empty)", "-"}
                plugged = [row["plugged"] for row in rows if row["plugged"] not in plain]
                pci = [row["device"] for row in rows if row["base"].startswith("00:") and row["base"] != "00:00.0"]
                there = plugged + pci + [row["device"] for row in rows if row["device"] == "ramfb"]
                stem = re.sub("-(device|pci)$", "", name).replace("virtio-snd", "virtio-sound")
                check(len(there) == 1 and re.sub("-pci$", "", there[0]) == stem, "%s is %r in info qtree" % (name, there))


def device_properties(rvive):
    """device-list-properties has the keys of -device NAME,help."""
    with emulator_of(rvive, "-S", "-nodefaults") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        for name in "virtio-blk-pci", "virtio-net-device", "virtio-sound-pci", "bochs-display", "virtconsole", "ramfb":
            rows = qmp.ask("device-list-properties", typename=name)["return"]
            listed = subprocess.run([rvive, "-device", name + ",help"], capture_output=True, text=True, check=True).stdout
            check([row["name"] for row in rows] == [line.split()[0] for line in listed.splitlines()[1:]], "keys of " + name)
            check(all(row["type"] and row["description"] for row in rows), "%r" % rows)
        # libvirt refuses a list with a key that is there twice, and so the whole emulator.
        models = subprocess.run([rvive, "-device", "help"], capture_output=True, text=True, check=True).stdout
        for name in (line.split()[0] for line in models.splitlines() if line[0] not in "- "):
            keys = [row["name"] for row in qmp.ask("device-list-properties", typename=name)["return"]]
            check(keys and len(keys) == len(set(keys)), "%s: %r" % (name, sorted(keys)))
        sizes = {row["name"]: row for row in qmp.ask("device-list-properties", typename="virtio-blk-pci")["return"]}
        check(sizes["queue-size"]["type"] == "uint32" and sizes["queue-size"]["default-value"] == 256, "queue-size")
        check("error" in qmp.ask("device-list-properties", typename="rtl8139"), "a device that is not there")


def devices(rvive):
    """The queries about devices that programs written for QEMU send; the answers have QEMU's form."""
    with tempfile.NamedTemporaryFile() as image, tempfile.NamedTemporaryFile() as flash:
        image.truncate(1 << 20)
        flash.truncate(32 << 20)
        with emulator_of(rvive, "-drive", "file=%s,if=none,format=raw,id=hd0,cache=none" % image.name, "-device",
                         "virtio-blk-pci,drive=hd0,id=disk0,addr=4", "-nic", "user,id=n,restrict=on,mac=52:54:00:00:00:01",
                         "-drive", "if=pflash,unit=1,readonly=on,format=raw,file=" + flash.name) as emulator:
            qmp = Qmp(emulator.path("qmp"))
            disks = {disk["device"]: disk for disk in qmp.ask("query-block")["return"]}
            disk = disks["hd0"]
            check(disk["qdev"] == "/machine/peripheral/disk0/virtio-backend" and disk["type"] == "unknown" and
                  not disk["removable"] and not disk["locked"], "query-block: %r" % disk)
            medium = disk["inserted"]
            check(medium["file"] == image.name and medium["drv"] == "raw" and medium["ro"] is False, "medium: %r" % medium)
            check(medium["cache"] == {"writeback": True, "direct": True, "no-flush": False}, "cache: %r" % medium)
            check(medium["image"]["virtual-size"] == 1 << 20, "size: %r" % medium)
            check(disks["pflash1"]["inserted"]["ro"] is True, "flash: %r" % disks)
            bus = qmp.ask("query-pci")["return"]
            check(len(bus) == 1 and bus[0]["bus"] == 0, "query-pci")
            function = [function for function in bus[0]["devices"] if function["slot"] == 4][0]
            check(function["id"]["vendor"] == 0x1af4 and function["id"]["device"] == 0x1001 and
                  function["class_info"] == {"class": 0x100, "desc": "SCSI controller"} and
                  function["qdev_id"] == "disk0" and function["irq_pin"] == 1, "function: %r" % function)
            check({"bar": 0, "type": "io", "address": -1, "size": 128} in function["regions"], "regions")
            network = qmp.ask("query-network")["return"]
            check(network["networks"][0]["id"] == "n" and network["networks"][0]["restrict"] is True and
                  network["cards"][0]["mac"] == "52:54:00:00:00:01" and network["cards"][0]["network"] == 1,
                  "query-network: %r" % network)
            check(all(set(row) == {"label", "filename", "frontend-open"} for row in qmp.ask("query-chardev")["return"]),
                  "query-chardev")


def media(rvive):
    """A CD drive whose medium is taken out, and changed: for another file, for one that is not there."""
    with tempfile.TemporaryDirectory() as folder:
        images = [os.path.join(folder, name) for name in ("one.iso", "two.iso")]
        for number, image in enumerate(images):
            with open(image, "wb") as file:
                file.truncate(65536 * (number + 1))
        with emulator_of(rvive, "-device", "virtio-scsi-pci,id=s", "-drive", "if=none,id=d,format=raw,file=" + images[0],
                         "-device", "scsi-cd,drive=d,id=cd0,lun=3", "-device", "scsi-cd,id=cd1,bus=s.0", "-device",
                         "scsi-hd,drive=h", "-drive", "if=none,id=h,format=raw,snapshot=on,file=" + images[0],
                         "-drive", "if=none,id=spare,format=raw,file=" + images[1]) as emulator:
            qmp = Qmp(emulator.path("qmp"))

            def drive(name):
                return next(row for row in qmp.ask("query-block")["return"] if row["qdev"] == name)

            check(drive("cd0")["removable"] and drive("cd0")["place"] == "scsi0/0:3" and
                  drive("cd0")["inserted"]["ro"], "cd0: %r" % drive("cd0"))
            check("inserted" not in drive("cd1") and not drive("cd1")["tray_open"], "cd1: %r" % drive("cd1"))
            check(qmp.ask("eject", id="cd0") == {"return": {}}, "eject")
            check("inserted" not in drive("cd0") and drive("cd0")["tray_open"], "ejected: %r" % drive("cd0"))
            answer = qmp.ask("blockdev-change-medium", device="d", filename=images[1], format="raw")
            check(answer == {"return": {}}, "change: %r" % answer)
            check(drive("cd0")["inserted"]["image"]["virtual-size"] == 131072 and not drive("cd0")["tray_open"],
                  "changed: %r" % drive("cd0"))
            answer = qmp.ask("blockdev-change-medium", id="cd0", filename=folder + "/none")
            check("none" in answer["error"]["desc"], "no such file: %r" % answer)
            check("inserted" in drive("cd0"), "the old medium stays: %r" % drive("cd0"))
            for arguments in ({}, {"id": "nothing"}, {"device": "h"}):
                check("error" in qmp.ask("eject", **arguments), "eject %r" % arguments)
            for arguments in ({"id": "cd0"}, {"id": "cd0", "filename": images[0], "format": "vmdk"},
                              {"id": "cd0", "filename": images[0], "read_only_mode": "read-write"}):
                check("error" in qmp.ask("blockdev-change-medium", **arguments), "change %r" % arguments)


def events(rvive):
    with emulator_of(rvive, "-S") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        check(qmp.ask("query-status")["return"] == {"status": "prelaunch", "running": False, "singlestep": False}, "-S")
        check(qmp.ask("cont") == {"return": {}}, "cont")
        check(qmp.event("RESUME")["timestamp"]["seconds"] > 1700000000, "RESUME")
        check(qmp.ask("stop") == {"return": {}}, "stop")
        qmp.event("STOP")
        check(qmp.ask("query-status")["return"]["status"] == "paused", "paused")
        check("0x" in qmp.ask("step", count=3)["return"], "step")
        qmp.ask("system_powerdown")
        qmp.event("POWERDOWN")
        qmp.ask("system_reset")
        check(qmp.event("RESET")["data"] == {"guest": False, "reason": "host-qmp-system-reset"}, "RESET")
        check(qmp.ask("query-status")["return"]["status"] == "paused", "still paused after the reset")
        registers = qmp.ask("query-registers")["return"][0]
        check(registers["pc"] == "0x0000000000001000", "the pc after a reset: %r" % registers["pc"])
        qmp.ask("cont")
        uart = Stream(connect(emulator.path("uart")).detach())
        uart.send("hello")
        uart.until("hello")
        uart.send("q")
        check(qmp.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}, "SHUTDOWN")
        check(emulator.wait() == 7, "the guest's status")


class Poke(Stream):
    """The guest poke.S: stores where it is told. The functions in slots 1, 2, ... of the PCI bus get a BAR 0 of 1 MiB each."""

    def __init__(self, emulator, slots):
        self.socket = connect(emulator.path("uart"))
        super().__init__(self.socket.fileno())
        self.slots = slots
        self.until("!")
        self.place()

    def place(self):
        for slot in range(1, self.slots + 1):
            self.store(4, self.config(slot, 0x10), 0x40000000 + (slot << 20))
            self.store(2, self.config(slot, 4), 6)

    @staticmethod
    def config(slot, offset):
        return 0x30000000 + (slot << 15) + offset

    def store(self, size, address, value, answers=True):
        self.send(bytes([size]) + address.to_bytes(4, "little") + value.to_bytes(4, "little"))
        if answers:
            self.until(".")

    def panic(self, value):
        self.store(1, 0x40100000, value, answers=False)

    def watchdog(self):
        """It bites after two milliseconds."""
        for offset in 0, 4:
            for size, at, value in (2, 12, 0x80), (2, 12, 0x86), (4, offset, 1):
                self.store(size, 0x40200000 + at, value)
        self.store(1, self.config(2, 0x68), 2, answers=False)


def poked(rvive, *arguments):
    return Emulator(rvive, "-nodefaults", "-qmp", SOCKET, "-serial", "unix:@/uart,server", "-device", "pvpanic-pci", "-device",
                    "i6300esb", *arguments, smp=1, source="poke.S")


def panics(rvive):
    for arguments, status in (("-action", "panic=exit-failure"), 1), ((), 0):
        with poked(rvive, *arguments) as emulator:
            guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
            guest.panic(1)
            check(qmp.event("GUEST_PANICKED")["data"] == {"action": "poweroff"}, "GUEST_PANICKED")
            check(qmp.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-panic"}, "SHUTDOWN")
            check(emulator.wait() == status, "status after a panic: %r" % emulator.process.returncode)
    for arguments in ("-action", "panic=pause"), ("-no-shutdown",):
        with poked(rvive, *arguments) as emulator:
            guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
            guest.panic(1)
            check(qmp.event("GUEST_PANICKED")["data"] == {"action": "pause"}, "GUEST_PANICKED")
            qmp.event("STOP")
            check(qmp.ask("query-status")["return"] == {"status": "guest-panicked", "running": False, "singlestep": False},
                  "guest-panicked")
            text = qmp.ask("human-monitor-command", command_line="info status")["return"]
            check("paused (guest-panicked)" in text, text)
            qmp.ask("system_reset")
            qmp.event("RESET")
            check(qmp.ask("query-status")["return"]["status"] == "paused", "after a reset")
            qmp.ask("cont")
            check(qmp.ask("query-status")["return"]["status"] == "running", "after cont")
    with poked(rvive, "-action", "panic=none") as emulator:
        guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
        for _ in range(200):  # the guest cannot flood the monitor
            guest.store(1, 0x40100000, 3)
        check(qmp.event("GUEST_PANICKED")["data"] == {"action": "run"}, "GUEST_PANICKED")
        check(qmp.event("GUEST_CRASHLOADED")["data"] == {"action": "run"}, "GUEST_CRASHLOADED")
        qmp.ask("query-status")
        names = [event["event"] for event in qmp.events]
        check(len(names) <= 4, "events: %r" % names)
        guest.panic(4)
        qmp.event("GUEST_PVSHUTDOWN")
        check(qmp.event("SHUTDOWN")["data"] == {"guest": True, "reason": "guest-shutdown"}, "SHUTDOWN")
        check(emulator.wait() == 0, "status")


def watchdogs(rvive):
    with poked(rvive) as emulator:
        guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
        guest.watchdog()
        check(qmp.event("WATCHDOG")["data"] == {"action": "reset"}, "WATCHDOG")
        check(qmp.event("RESET")["data"]["guest"] is True, "RESET")
        guest.until("!")
        for action in "none", "debug", "shutdown", "inject-nmi":
            check(qmp.ask("watchdog-set-action", action=action) == {"return": {}}, action)
            guest.place()
            guest.watchdog()
            guest.until(".")
            check(qmp.event("WATCHDOG")["data"] == {"action": action}, action)
            guest.store(1, guest.config(2, 0x68), 0)
        qmp.event("POWERDOWN")
        check("there is no action" in qmp.ask("watchdog-set-action", action="bark")["error"]["desc"], "bark")
        check(qmp.ask("human-monitor-command", command_line="watchdog_action pause")["return"] == "", "watchdog_action")
        guest.watchdog()
        check(qmp.event("WATCHDOG")["data"] == {"action": "pause"}, "WATCHDOG")
        qmp.event("STOP")
        check(qmp.ask("query-status")["return"]["status"] == "watchdog", "watchdog")
    with poked(rvive, "-watchdog-action", "poweroff") as emulator:
        guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
        guest.watchdog()
        check(qmp.event("WATCHDOG")["data"] == {"action": "poweroff"}, "WATCHDOG")
        check(emulator.wait() == 0, "status")
    with poked(rvive, "-no-reboot") as emulator:
        guest = Poke(emulator, 2)
        guest.watchdog()
        check(emulator.wait() == 0, "a reset with -no-reboot")


def balloon(rvive):
    mib = 1 << 20
    with emulator_of(rvive, "-nodefaults") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        for answer in qmp.ask("balloon", value=mib), qmp.ask("query-balloon"):
            check(answer["error"]["class"] == "DeviceNotActive", "without a balloon: %r" % answer)
        text = qmp.ask("human-monitor-command", command_line="info balloon")["return"]
        check("No balloon" in text, text)
    with poked(rvive, "-device", "virtio-balloon-device,deflate-on-oom=on") as emulator:
        guest, qmp = Poke(emulator, 2), Qmp(emulator.path("qmp"))
        check(qmp.ask("query-balloon")["return"] == {"actual": 64 * mib}, "query-balloon")
        check(qmp.ask("balloon", value=0)["error"]["desc"] == "Parameter 'target' expects a size", "balloon 0")
        check(qmp.ask("balloon", value=-1)["error"]["desc"] == "Parameter 'target' expects a size", "balloon -1")
        check(qmp.ask("balloon", value=16 * mib) == {"return": {}}, "balloon")
        check(qmp.ask("human-monitor-command", command_line="balloon 32")["return"] == "", "balloon 32")
        check("not a size" in qmp.ask("human-monitor-command", command_line="balloon x")["return"], "balloon x")
        # The guest says how large its balloon is: in the last slot, where the configuration begins at 0x100.
        guest.store(4, 0x10008104, 8 * mib >> 12)
        check(qmp.event("BALLOON_CHANGE")["data"] == {"actual": 56 * mib}, "BALLOON_CHANGE")
        for pages in range(100):
            guest.store(4, 0x10008104, pages)
        guest.store(4, 0x10008104, 0xffffffff)  # more than there is
        while qmp.event("BALLOON_CHANGE")["data"]["actual"]:
            pass
        check(len([event for event in qmp.events if event["event"] == "BALLOON_CHANGE"]) == 0, "more events")
        check("balloon: actual=0\n" in qmp.ask("human-monitor-command", command_line="info balloon")["return"], "info balloon")
    two = ["-device", "virtio-balloon-pci", "-device", "virtio-balloon-device"]
    there = subprocess.run([rvive, "-nodefaults", "-display", "none", *two], capture_output=True, text=True, check=False)
    check(there.returncode == 1 and "has one already" in there.stderr, "two balloons: " + there.stderr)


def restores(rvive):
    """A guest that is made again what it was, many times, while it runs: it always begins at the same count."""
    with emulator_of(rvive, "-S") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        where = "0x%x" % symbol(emulator.elf, "counter")
        check(qmp.ask("snapshot-memory", name="start") == {"return": {}}, "a snapshot")
        check(qmp.ask("query-memory-snapshots")["return"][0]["name"] == "start", "which is listed")
        qmp.ask("cont")
        changed = 0
        for _ in range(200):
            changed += qmp.ask("restore-memory", name="start")["return"]["pages"]
        check(changed, "the guest never ran")
        check(qmp.ask("query-status")["return"]["running"], "it runs on")
        qmp.ask("stop")
        qmp.ask("restore-memory", name="start")
        registers = qmp.ask("query-registers")
        text = qmp.ask("human-monitor-command", command_line="x/gx " + where)["return"]
        check(int(text.split()[1], 16) == 0 and "running" not in qmp.ask("query-status")["return"]["status"], text)
        check(qmp.ask("restore-memory", name="start")["return"]["pages"] == 0, "nothing has changed")
        check(qmp.ask("query-registers") == registers, "nor have the registers")
        check("error" in qmp.ask("restore-memory", name="other"), "there is no other")


def quits(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        check(qmp.ask("quit") == {"return": {}}, "quit")
        check(qmp.event("SHUTDOWN")["data"]["guest"] is False, "SHUTDOWN")
        check(emulator.wait() == 0, "status")


def no_shutdown(rvive):
    with emulator_of(rvive, "-no-shutdown") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        uart = Stream(connect(emulator.path("uart")).detach())
        uart.send("q")
        qmp.event("SHUTDOWN")
        uart.settle()
        check(qmp.ask("query-status")["return"]["status"] == "shutdown", "shutdown")
        check("is off" in qmp.ask("cont")["error"]["desc"], "cont of a guest that is off")
        qmp.ask("system_reset")
        qmp.event("RESET")
        uart.until("!")
        uart.send("again")
        uart.until("again")
        check(qmp.ask("query-status")["return"]["status"] == "running", "running again")


def chardev_and_mon(rvive):
    arguments = ("-chardev", "socket,id=c,path=@/one,server=on,wait=off", "-mon", "chardev=c,mode=control",
                 "-chardev", "socket,id=t,path=@/two,server=on,wait=off", "-mon", "chardev=t,mode=readline",
                 "-serial", "null")
    with Emulator(rvive, *arguments) as emulator:
        qmp, text = Qmp(emulator.path("one")), Text(emulator.path("two"))
        text.run("stop")
        qmp.event("STOP")
        check(qmp.ask("query-status")["return"]["status"] == "paused", "both see the same machine")
        qmp.ask("cont")
        check("running" in text.run("info status"), "and the other way round")


def bad_input(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        for bad in (b"nonsense\n", b"{\n}}}\n", b'"text"\n', b"[]\n", b"12 \n", b"null\n", b"{}\n",
                    b'{"execute": 1}\n', b'{"execute": "stop", "arguments": []}\n', b'{"execute": "stop", "x": 1}\n',
                    b'{"exec-oob": "stop"}\n', b'{"execute": "stop", "arguments": {"a": 1}}\n', b"\xff\xfe{\n",
                    b"[" * 100 + b"\n", b'{"execute": "' + b"x" * 5000 + b'"}\n'):
            qmp.send(bad)
            check("error" in qmp.answer(), "%r got no error" % bad[:60])
        # Garbage may get more than one answer: all of them come before the one with this id.
        qmp.send('\n{"execute": "query-status", "id": "end"}')
        for _ in range(100):
            answer = qmp.answer()
            if answer.get("id") == "end":
                break
            check("error" in answer, "%r" % answer)
        check(answer["return"]["running"], "after bad input: %r" % answer)
        qmp.send('{"execute": "x", "arguments": {"format": "' + "a" * 2000000)
        check("longer" in qmp.answer()["error"]["desc"], "a request without end")
        qmp.socket.close()
        # Requests in pieces, and several in one.
        qmp = Qmp(emulator.path("qmp"))
        for byte in '{"execute":"query-status","id":1}':
            qmp.send(byte)
        check(qmp.answer()["id"] == 1, "byte by byte")
        qmp.send(json.dumps({"execute": "query-name", "id": 2}) + json.dumps({"execute": "query-kvm", "id": 3}))
        check(qmp.answer()["id"] == 2 and qmp.answer()["id"] == 3, "two at once")


main(negotiation, commands, chardevs, every_device, device_properties, devices, media, events, panics, watchdogs, balloon, restores, quits, no_shutdown, chardev_and_mon, bad_input)
