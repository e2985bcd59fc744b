#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers that programs check against QEMU's: processors, objects, memory in files, trays, nodes. answers.py RVIVE"""
import json
import os
import socket
import struct
import subprocess
import tempfile
import time

from lib import Emulator, Qmp, Stream, check, connect, main, symbol

SOCKET = "unix:@/qmp,server,nowait"


def emulator_of(rvive, *arguments):
    return Emulator(rvive, "-qmp", SOCKET, "-serial", "null", "-monitor", "none", "-S", "-nodefaults", *arguments)


def error_of(qmp, name, **arguments):
    answer = qmp.ask(name, **arguments)
    check("error" in answer, "%s: %r" % (name, answer))
    return answer["error"]["desc"]


def processors(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        models = {row["name"]: row for row in qmp.ask("query-cpu-definitions")["return"]}
        check(models["rv64"] == {"name": "rv64", "typename": "rv64-riscv-cpu", "static": False, "deprecated": False}, "rv64")
        check(models["rv64i"]["static"], "rv64i")

        def expand(name, kind="full", **props):
            return qmp.ask("query-cpu-model-expansion", type=kind, model={"name": name, "props": props})

        props = expand("rv64")["return"]["model"]["props"]
        check(props["zba"] is True and props["mmu"] is True and "v" not in props, "rv64: %r" % props)
        check(expand("rv64", zba=False)["return"]["model"]["props"]["zba"] is False, "zba=off")
        check(expand("rv64i")["return"]["model"]["props"]["zba"] is False, "rv64i")
        for answer in expand("nope"), expand("rv64", nope=True), expand("rv64", zba=None), expand("rv64", zba=[1]), \
                expand("rv64", kind="static"), expand("rv64", kind="odd"), expand("x" * 4000), expand("rv64", vlen="9" * 4000), \
                qmp.ask("query-cpu-model-expansion", type="full", model=[]), \
                qmp.ask("query-cpu-model-expansion", type="full", model={"name": "rv64", "props": 1}):
            check("error" in answer, "%r" % answer)
        check(error_of(qmp, "inject-nmi") == "machine does not provide NMIs", "inject-nmi")
        check(error_of(qmp, "query-hotpluggable-cpus") == "machine does not support hot-plugging CPUs", "hot-plug")
        check(qmp.ask("query-stats", target="vm")["return"] == [], "query-stats")
        check("does not accept" in error_of(qmp, "query-stats", target="x"), "query-stats x")
        check(qmp.ask("query-stats-schemas")["return"] == [], "query-stats-schemas")
        check(qmp.ask("query-current-machine")["return"] == {"wakeup-suspend-support": False}, "query-current-machine")
        for key, values in (("reboot", ("reset", "shutdown")), ("shutdown", ("poweroff", "pause")), ("watchdog", ("none", "pause")),
                            ("panic", ("none", "pause", "exit-failure", "shutdown"))):
            for value in values:
                check(qmp.ask("set-action", **{key: value}) == {"return": {}}, "set-action %s=%s" % (key, value))
            check(error_of(qmp, "set-action", **{key: "odd"}) == "Parameter '%s' does not accept value 'odd'" % key, key)
        # Nobody listens to the power button: the program gets the event, and no text.
        check(qmp.ask("system_powerdown") == {"return": {}}, "system_powerdown")
        qmp.event("POWERDOWN")
        boards = {row["name"]: row for row in qmp.ask("query-machines")["return"]}
        check(boards["virt"]["numa-mem-supported"] and boards["virt"]["default-ram-id"] == "riscv_virt_board.ram", "virt")
        check(boards["sifive_u"]["default-cpu-type"] == "sifive-u54-riscv-cpu", "sifive_u")
        check("ich9-ahci" in {row["name"] for row in qmp.ask("qom-list-types")["return"]}, "ich9-ahci")


def actions(rvive):
    with Emulator(rvive, "-qmp", SOCKET, "-serial", "unix:@/uart,server,nowait", "-monitor", "none") as emulator:
        qmp, uart = Qmp(emulator.path("qmp")), Stream(connect(emulator.path("uart")).detach())
        check("return" in qmp.ask("set-action", shutdown="pause", reboot="shutdown"), "set-action")
        uart.send("q")  # the guest powers off
        qmp.event("SHUTDOWN")
        check(qmp.ask("query-status")["return"]["status"] == "shutdown", "it waits")
        check("return" in qmp.ask("set-action", shutdown="poweroff"), "set-action")
        uart.settle()
        qmp.ask("system_reset")
        uart.until("!")
        uart.send("q")
        check(emulator.wait() == 7, "the guest's status")


def objects(rvive):
    with emulator_of(rvive, "-object", "iothread,id=io1", "-object", "secret,id=s,data=MTIz,format=base64", "-device",
                     "virtio-scsi-pci", "-device", "scsi-cd,id=cd0", "-device", "virtio-rng-pci,id=r0,max-bytes=1024,period=1000",
                     "-device", "qemu-xhci", "-device", "usb-kbd,id=k0") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        (thread,) = qmp.ask("query-iothreads")["return"]
        check(thread["id"] == "io1" and thread["thread-id"] == emulator.process.pid, "query-iothreads: %r" % thread)
        (memory,) = qmp.ask("query-memdev")["return"]
        check(memory["id"] == "riscv_virt_board.ram" and memory["size"] == 64 << 20 and not memory["share"], "%r" % memory)

        def names(path):
            return {row["name"]: row["type"] for row in qmp.ask("qom-list", path=path)["return"]}

        def get(path, name):
            return qmp.ask("qom-get", path=path, property=name).get("return")

        check({"machine", "objects"} <= set(names("/")), "/")
        check({"peripheral", "soc0", "unattached"} <= set(names("/machine")), "/machine")
        check(names("/objects")["io1"] == "child<iothread>" and names("/objects")["s"] == "child<secret>", "/objects")
        kinds = names("/machine/peripheral")
        check(kinds["cd0"] == "child<scsi-cd>" and kinds["k0"] == "child<usb-kbd>", "peripheral: %r" % kinds)
        for hart in qmp.ask("query-cpus-fast")["return"]:
            check(get(hart["qom-path"], "type") == "rv64-riscv-cpu" and names(hart["qom-path"]), hart["qom-path"])
        check(get("/machine", "type") == "virt-machine" and get("/objects/io1", "type") == "iothread", "types")
        check(get("/machine/peripheral/r0", "realized") is True, "realized")
        check(get("/machine/peripheral/r0", "bootindex") == -1, "bootindex")
        for path in "/x", "/objects/x", "/machine/soc0/harts[2]", "/machine/peripheral/x", "", "/machine/", "x" * 5000:
            check("error" in qmp.ask("qom-list", path=path) and "error" in qmp.ask("qom-get", path=path, property="type"), path)
    for twice in ["virtio-rng-pci,id=x"] * 2, ["virtio-scsi-pci,id=x", "scsi-cd,id=x"]:
        there = subprocess.run([rvive, "-nodefaults", "-display", "none", "-device", twice[0], "-device", twice[1]],
                               capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 1 and "Duplicate ID 'x'" in there.stderr, "%r: %r" % (twice, there.stderr))
    there = subprocess.run([rvive, "-object", "secret,id=s,data=***,format=base64"], capture_output=True, text=True, check=False)
    check(there.returncode == 1 and "base64" in there.stderr, "base64: " + there.stderr)


def segments(path):
    """The program headers of an ELF file of 64 bits: type, offset, address, size."""
    with open(path, "rb") as file:
        head = file.read(64)
        check(head[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<HH", head, 16) == (4, 243), "the ELF header")
        at, count = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0]
        file.seek(at)
        return [struct.unpack("<IIQQQQQQ", file.read(56)) for _ in range(count)]


def memory_files(rvive):
    with emulator_of(rvive) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        value, path = symbol(emulator.elf, "value"), emulator.path("qmp")[:-3] + "out"
        for command in "memsave", "pmemsave":
            check(qmp.ask(command, val=value, size=8, filename=path) == {"return": {}}, command)
            with open(path, "rb") as file:
                check(file.read() == struct.pack("<Q", 0x1122334455667788), command)
        check("Invalid addr" in error_of(qmp, "memsave", val=1 << 60, size=16, filename=path), "no memory")
        check("CPU number" in error_of(qmp, "memsave", val=0, size=1, filename=path, cpu_index=9), "no hart")
        check("Could not open" in error_of(qmp, "pmemsave", val=0, size=1, filename="/nonexistent/x"), "no folder")
        error_of(qmp, "pmemsave", val=0, size=(1 << 64) - 1, filename=path)
        check(qmp.ask("query-dump")["return"]["status"] == "none", "query-dump")
        check(qmp.ask("dump-guest-memory", paging=False, protocol="file:" + path) == {"return": {}}, "dump")
        check(qmp.event("DUMP_COMPLETED")["data"]["result"]["status"] == "completed", "DUMP_COMPLETED")
        check(qmp.ask("query-dump")["return"]["completed"] > 64 << 20, "query-dump")
        notes, *loads = segments(path)
        ram = [load for load in loads if load[3] == 0x80000000][0]
        check(notes[0] == 4 and ram[5] == 64 << 20 and os.path.getsize(path) == ram[2] + ram[5], "%r" % loads)
        with open(path, "rb") as file:
            file.seek(notes[2] + 20 + 112)
            check(struct.unpack("<Q", file.read(8))[0] == 0x1000, "the pc of the first hart")
            file.seek(ram[2] + value - 0x80000000)
            check(struct.unpack("<Q", file.read(8))[0] == 0x1122334455667788, "a value in RAM")
        check(qmp.ask("dump-guest-memory", paging=False, protocol="file:" + path, begin=value & ~4095, length=4096) ==
              {"return": {}}, "a part")
        check([part[5] for part in segments(path)[1:]] == [4096], "a part")
        for bad in {"protocol": "odd:x"}, {"protocol": "fd:none"}, {"protocol": "file:" + path, "begin": 0}, \
                {"protocol": "file:" + path, "begin": 1 << 60, "length": 1}, {"protocol": "file:" + path, "format": "kdump-zlib"}, \
                {"protocol": "file:" + path, "begin": 0, "length": 0}:
            error_of(qmp, "dump-guest-memory", paging=False, **bad)


def trays(rvive):
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(65536)
        trays_with(rvive, image.name)


def trays_with(rvive, image):
    # The sandbox lets images be opened that the command line names, as the second drive does.
    with emulator_of(rvive, "-device", "virtio-scsi-pci", "-blockdev", "driver=file,filename=%s,node-name=f0,read-only=on" % image,
                     "-device", "scsi-cd,id=cd0,drive=f0", "-drive", "if=none,id=spare,format=raw,file=" + image) as emulator:
        qmp = Qmp(emulator.path("qmp"))

        def moved(is_open):
            data = qmp.event("DEVICE_TRAY_MOVED")["data"]
            check(data == {"device": "", "id": "cd0", "tray-open": is_open}, "%r" % data)

        def there():
            (row,) = qmp.ask("query-block")["return"]
            return row["tray_open"], row.get("inserted", {}).get("node-name")

        check(error_of(qmp, "blockdev-remove-medium", id="cd0") == "Tray of device 'cd0' is not open", "a closed tray")
        for _ in range(2):
            check(qmp.ask("blockdev-open-tray", id="cd0") == {"return": {}}, "blockdev-open-tray")
        moved(True)
        check(there() == (True, "f0"), "%r" % (there(),))
        for _ in range(2):
            check(qmp.ask("blockdev-remove-medium", id="cd0") == {"return": {}}, "blockdev-remove-medium")
        check(there() == (True, None) and not qmp.events, "%r %r" % (there(), qmp.events))
        check(qmp.ask("blockdev-del", node_name="f0") == {"return": {}}, "the node is free")
        check(error_of(qmp, "blockdev-insert-medium", id="cd0", node_name="f0") == "Node 'f0' not found", "no node")
        check("error" in qmp.ask("blockdev-add", driver="file", node_name="n1", filename="/nonexistent/x"), "no file")
        check("not found" in error_of(qmp, "blockdev-insert-medium", id="cd0", node_name="n1"), "it was not added")
        add = {"driver": "file", "node-name": "n1", "filename": image, "read-only": True}
        check(qmp.ask("blockdev-add", **add) == {"return": {}}, "blockdev-add")
        check(qmp.ask("blockdev-insert-medium", id="cd0", node_name="n1") == {"return": {}}, "insert")
        check("in use" in error_of(qmp, "blockdev-insert-medium", id="cd0", node_name="n1"), "twice")
        check("error" in qmp.ask("blockdev-del", node_name="n1"), "it is in use")
        for _ in range(2):
            check(qmp.ask("blockdev-close-tray", id="cd0") == {"return": {}}, "blockdev-close-tray")
        moved(False)
        check(there() == (False, "n1"), "%r" % (there(),))
        (node,) = qmp.ask("query-named-block-nodes")["return"]
        check(node["ro"] and node["drv"] == "file" and node["cache"]["writeback"] and node["bps"] == 0 and
              node["detect_zeroes"] == "off" and node["backing_file_depth"] == 0, "%r" % node)
        check("return" in qmp.ask("eject", id="cd0"), "eject")
        moved(True)
        check("return" in qmp.ask("blockdev-change-medium", id="cd0", filename=image), "change")
        moved(False)
        for command in "blockdev-open-tray", "blockdev-close-tray":
            check("not found" in error_of(qmp, command, id="x"), command)
            error_of(qmp, command)


def limits(rvive):
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(65536)
        with emulator_of(rvive, "-drive", "if=none,id=d,format=raw,file=" + image.name, "-device", "virtio-blk-pci,drive=d,id=vb") as emulator:
            qmp = Qmp(emulator.path("qmp"))

            def throttle(**more):
                names = {name: 0 for name in ("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")}
                request = {"execute": "block_set_io_throttle", "arguments": {**names, **more}}  # with the names as they are
                qmp.send(json.dumps(request))
                return qmp.answer()

            def now():
                return qmp.ask("query-block")["return"][0]["inserted"]

            check(throttle(id="vb", bps=1000000, iops_wr=7, iops_wr_max=70, iops_wr_max_length=2, iops_size=4096) == {"return": {}}, "id")
            row = now()
            check((row["bps"], row["iops_wr"], row["iops_wr_max"], row["iops_wr_max_length"], row["iops_size"]) ==
                  (1000000, 7, 70, 2, 4096) and "bps_max" not in row, "%r" % row)
            for bad in {"bps": 1, "bps_rd": 5}, {"bps": -1}, {"bps_max": 3}, {"bps": 1 << 62}:
                check("error" in throttle(id="vb", **bad), "%r" % bad)
            check(throttle(id="x")["error"]["class"] == "DeviceNotFound", "another device")
            check("exactly one" in throttle()["error"]["desc"] and "error" in throttle(id="vb", device="d"), "no name, two names")
            check(now()["bps"] == 1000000, "it has changed")
            for name in {"device": "d"}, {"id": "/machine/peripheral/vb/virtio-backend"}:
                check(throttle(bps_rd=5, **name) == {"return": {}} and now()["bps_rd"] == 5, "%r" % name)
                check(throttle(**name) == {"return": {}} and now()["bps_rd"] == 0, "%r" % name)


def until(happened):
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)


def screens(rvive):
    for flag in ["-vnc", "unix:@/v"], ["-vnc", "vnc=unix:@/v"], ["-display", "vnc=unix:@/v"]:
        with emulator_of(rvive, *flag) as emulator:
            qmp = Qmp(emulator.path("qmp"))
            vnc = qmp.ask("query-vnc")["return"]
            check(vnc["family"] == "unix" and vnc["service"] == emulator.path("v") and vnc["host"] == "", "%r" % vnc)
            # The monitor answers before the display has begun.
            until(lambda path=emulator.path("v"): os.path.exists(path))
            viewer = socket.socket(socket.AF_UNIX)
            viewer.connect(emulator.path("v"))
            check(viewer.recv(12) == b"RFB 003.008\n", "the greeting")
            viewer.close()
            qmp.ask("quit")
            emulator.wait()
            check(not os.path.exists(emulator.path("v")), "the socket stays")
    # The first port that is free, as far as to= allows.
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    number = taken.getsockname()[1] - 5900
    with emulator_of(rvive, "-vnc", "127.0.0.1:%d,to=%d" % (number, number + 40)) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        until(lambda: int(qmp.ask("query-vnc")["return"]["service"]) != 5900 + number)
        port = int(qmp.ask("query-vnc")["return"]["service"])
        check(5900 + number < port <= 5940 + number, "to=: %d" % port)
        socket.create_connection(("127.0.0.1", port)).close()
    for bad in "127.0.0.1:%d" % number, "127.0.0.1:%d,to=%d" % (number, number), ":5,to=4", "unix:", "unix:/tmp/x,to=3", \
            "unix:/tmp/x,websocket=on", "unix:/" + "x" * 200:
        there = subprocess.run([rvive, "-nodefaults", "-vnc", bad], capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 1 and "-vnc" in there.stderr, "%s: %r" % (bad, there.stderr))
    taken.close()


def helps(rvive):
    for words in ["-nic", "model=help"], ["-net", "nic,model=help"], ["-drive", "format=help"], ["-audio", "model=help"], \
            ["-d", "trace:help"], ["-nic", "user,model=?"]:
        there = subprocess.run([rvive, *words], capture_output=True, text=True, check=False, timeout=20)
        check(there.returncode == 0 and there.stdout and not there.stderr, "%r: %r" % (words, there))
    listed = subprocess.run([rvive, "-nic", "model=help"], capture_output=True, text=True, check=True).stdout.split("\n")[1:-1]
    for model in listed:
        subprocess.run([rvive, "-M", "none", "-nic", "user,model=" + model, "-version"], capture_output=True, check=True)


main(processors, actions, objects, memory_files, trays, limits, screens, helps)
