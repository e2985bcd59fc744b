#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What libvirt asks of a guest that runs: statistics and sizes of disks, keys, descriptors that come along with a command,
properties of objects, the VNC server. managed.py RVIVE [TEST...]"""
import array
import json
import os
import socket
import subprocess
import tempfile
import time

from lib import Emulator, Qmp, Stream, Text, check, connect, main

SOCKETS = ("-qmp", "unix:@/qmp,server=on,wait=off", "-serial", "null", "-monitor", "unix:@/mon,server=on,wait=off")
MIB = 1 << 20


def refused(qmp, word, command, **arguments):
    answer = qmp.ask(command, **arguments)
    check("error" in answer and word in answer["error"]["desc"], "%s %r: %r" % (command, arguments, answer))
    return answer["error"]["class"]


def fine(qmp, command, **arguments):
    answer = qmp.ask(command, **arguments)
    check("return" in answer, "%s %r: %r" % (command, arguments, answer))
    return answer["return"]


def ask_with(qmp, fd, command, **arguments):
    """Sends a descriptor along with the command."""
    words = json.dumps({"execute": command, "arguments": {name.replace("_", "-"): arguments[name] for name in arguments}})
    qmp.socket.sendmsg([words.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    return qmp.answer()


def image_program(rvive):
    return os.path.join(os.path.dirname(rvive), "rvive-img")


def disks(rvive):
    with tempfile.TemporaryDirectory() as folder:
        raw, packed, drive = (os.path.join(folder, name) for name in ("raw", "packed", "drive"))
        for name in raw, drive:
            with open(name, "wb") as file:
                file.truncate(MIB)
        subprocess.run([image_program(rvive), "create", "-q", "-f", "qcow2", packed, "1M"], check=True)
        with Emulator(rvive, *SOCKETS, "-blockdev", "driver=file,node-name=f0,filename=" + raw,
                      "-blockdev", "driver=raw,node-name=n0,file=f0", "-device", "virtio-blk-pci,drive=n0,id=disk0",
                      "-blockdev", "driver=file,node-name=f1,filename=" + packed,
                      "-blockdev", "driver=qcow2,node-name=n1,file=f1", "-device", "virtio-blk-device,drive=n1,id=disk1",
                      "-drive", "if=none,id=d2,format=raw,snapshot=on,file=" + drive,
                      "-device", "virtio-blk-device,drive=d2",
                      "-drive", "if=none,id=d3,format=raw,readonly=on,file=" + drive, "-device", "nvme,drive=d3,serial=x,id=nv"
                      ) as emulator:
            qmp, text = Qmp(emulator.path("qmp")), Text(emulator.path("mon"))
            names(qmp)
            sizes(qmp, text)
        check(os.path.getsize(raw) == 4 * MIB, "the file has %d bytes" % os.path.getsize(raw))
        found = json.loads(subprocess.run([image_program(rvive), "info", "--output=json", packed], check=True,
                                          capture_output=True).stdout)
        check(found["virtual-size"] == 2 * MIB, "the image: %r" % found)
        subprocess.run([image_program(rvive), "check", "-q", packed], check=True)


def names(qmp):
    """A node has no name as a drive; a device is named by its path, as QEMU does."""
    wanted = {"/machine/peripheral/disk0/virtio-backend": ("", "n0"), "disk1": ("", "n1"),
              "nv": ("d3", "d3")}
    rows = {row["qdev"]: row for row in fine(qmp, "query-block")}
    stats = {row["qdev"]: row for row in fine(qmp, "query-blockstats")}
    for path, (drive, node) in wanted.items():
        check(path in rows and rows[path]["device"] == drive and rows[path]["inserted"]["node-name"] == node,
              "query-block %s: %r" % (path, rows))
        check(path in stats and stats[path]["device"] == drive and stats[path]["node-name"] == node,
              "query-blockstats %s: %r" % (path, stats))
    one = stats["disk1"]
    check(one["parent"]["node-name"] == "f1" and one["stats"]["rd_operations"] == 0 and one["stats"]["timed_stats"] == [],
          "query-blockstats: %r" % one)
    nodes = {row["node-name"]: row for row in fine(qmp, "query-blockstats", query_nodes=True)}
    check(set(nodes) == {"f0", "n0", "f1", "n1"} and nodes["n0"]["parent"]["node-name"] == "f0", "query-nodes: %r" % nodes)


def sizes(qmp, text):
    def size(node):
        return {row["inserted"]["node-name"]: row["inserted"]["image"]["virtual-size"] for row in fine(qmp, "query-block")}[node]

    fine(qmp, "block_resize", node_name="n0", size=3 * MIB)
    fine(qmp, "block_resize", node_name="n1", size=2 * MIB)
    check((size("n0"), size("n1")) == (3 * MIB, 2 * MIB), "block_resize: %r" % [size("n0"), size("n1")])
    sizes_of = {row["node-name"]: row["image"]["virtual-size"] for row in fine(qmp, "query-named-block-nodes")}
    check(sizes_of["n1"] == 2 * MIB, "query-named-block-nodes: %r" % sizes_of)
    check(text.run("block_resize n0 4").strip() == "" and size("n0") == 4 * MIB, "block_resize of people")
    check("not a size" in text.run("block_resize n0 much"), "no size")
    refused(qmp, "cannot become smaller", "block_resize", node_name="n1", size=MIB)
    for wrong in 0, -1, 1000, 1 << 62, -(1 << 63):
        check("error" in qmp.ask("block_resize", node_name="n1", size=wrong), "block_resize to %d" % wrong)
    check(refused(qmp, "Cannot find device='nix'", "block_resize", device="nix", size=MIB) == "DeviceNotFound", "the class")
    refused(qmp, "one of device and node-name", "block_resize", size=MIB)
    refused(qmp, "one of device and node-name", "block_resize", device="n0", node_name="n0", size=MIB)
    refused(qmp, "cannot be changed", "block_resize", device="d2", size=2 * MIB)
    refused(qmp, "read-only", "block_resize", device="d3", size=2 * MIB)
    refused(qmp, "no device uses", "block_resize", node_name="f1", size=2 * MIB)
    check("rd_operations=0" in text.run("info blockstats"), "info blockstats")


def keys(rvive):
    """What is refused. Which keys reach a guest is tested in devices/display, and with Linux in screen."""
    with Emulator(rvive, *SOCKETS, "-nodefaults") as emulator:
        qmp, text = Qmp(emulator.path("qmp")), Text(emulator.path("mon"))
        key = {"type": "qcode", "data": "a"}
        refused(qmp, "has no keyboard", "send-key", keys=[key])
        check("has no keyboard" in text.run("sendkey ctrl-alt-f1"), "sendkey")
    with Emulator(rvive, *SOCKETS, "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci") as emulator:
        qmp, text = Qmp(emulator.path("qmp")), Text(emulator.path("mon"))
        fine(qmp, "send-key", keys=[key, {"type": "number", "data": 0xdb}], hold_time=1)
        for wrong in ([], {}, [1], [{"type": "qcode"}], [{"type": "qcode", "data": "nix"}], [{"type": "number", "data": 0}],
                      [{"type": "number", "data": -5}], [{"type": "number", "data": 1 << 40}], [{"type": 1, "data": 1}], [key] * 17):
            check("error" in qmp.ask("send-key", keys=wrong), "send-key %r" % wrong)
        refused(qmp, "at most", "send-key", keys=[key], hold_time=1 << 40)
        check(text.run("sendkey ctrl-alt-delete 1").strip() == "" and text.run("sendkey 0x1d-a 1").strip() == "", "sendkey")
        for wrong in "nix", "ctrl-", "0x00", "0x1ff", "a-" * 20 + "a":
            check("sendkey" in text.run("sendkey " + wrong), "sendkey " + wrong)
        fine(qmp, "input-send-event", events=[
            {"type": "key", "data": {"down": True, "key": key}}, {"type": "key", "data": {"down": False, "key": key}},
            {"type": "btn", "data": {"down": True, "button": "left"}}, {"type": "btn", "data": {"down": True, "button": "wheel-up"}},
            {"type": "abs", "data": {"axis": "x", "value": 1 << 30}}, {"type": "rel", "data": {"axis": "y", "value": -3}}])
        for wrong in ([], [1], [{"type": "key"}], [{"type": "btn", "data": {"down": True, "button": "nose"}}],
                      [{"type": "abs", "data": {"axis": "z", "value": 1}}], [{"type": "abs", "data": {"axis": "x", "value": "1"}}],
                      [{"type": "nix", "data": {}}], "x"):
            check("error" in qmp.ask("input-send-event", events=wrong), "input-send-event %r" % wrong)


def descriptors(rvive):
    """What a program hands over: under names, and as files that the sandbox does not let the emulator open."""
    port = ("-nodefaults", "-device", "pcie-root-port,id=pci.1,chassis=1,port=0x8,bus=pcie.0,addr=0x1")
    with tempfile.TemporaryDirectory() as folder, Emulator(rvive, *port, *SOCKETS, "-S") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        path = os.path.join(folder, "image")
        with open(path, "wb") as file:
            file.truncate(MIB)
        refused(qmp, "No file descriptor supplied via SCM_RIGHTS", "getfd", fdname="x")
        refused(qmp, "No file descriptor supplied via SCM_RIGHTS", "add-fd")
        with open(path, "r+b") as image:
            for wrong in "", "1x", "x" * 64:
                check("error" in ask_with(qmp, image.fileno(), "getfd", fdname=wrong), "getfd %r" % wrong)
            for _ in range(2):
                check(ask_with(qmp, image.fileno(), "getfd", fdname="x") == {"return": {}}, "getfd")
            fine(qmp, "closefd", fdname="x")
            refused(qmp, "'x' not found", "closefd", fdname="x")
            check("error" in ask_with(qmp, image.fileno(), "add-fd", fdset_id=-2), "a negative set")
            check(ask_with(qmp, image.fileno(), "add-fd", fdset_id=5, opaque="rw:" + path)["return"]["fdset-id"] == 5, "add-fd")
            check(ask_with(qmp, image.fileno(), "add-fd")["return"]["fdset-id"] == 0, "add-fd to a new set")
        sets = fine(qmp, "query-fdsets")
        check([row["fdset-id"] for row in sets] == [0, 5] and sets[1]["fds"][0]["opaque"] == "rw:" + path,
              "query-fdsets: %r" % sets)
        fine(qmp, "remove-fd", fdset_id=0)
        refused(qmp, "not found", "remove-fd", fdset_id=0)
        refused(qmp, "not found", "remove-fd", fdset_id=5, fd=1 << 40)
        for name, file in (("ok", "5"), ("none", "6"), ("bad", "5x"), ("worse", "-5")):
            fine(qmp, "blockdev-add", driver="file", node_name=name, filename="/dev/fdset/" + file)
            answer = qmp.ask("device_add", driver="virtio-blk-pci", id=name, bus="pci.1", drive=name)
            check(("return" in answer) == (name == "ok"), "device_add %s: %r" % (name, answer))
            if name == "ok":
                check(fine(qmp, "query-block")[0]["inserted"]["image"]["virtual-size"] == MIB, "query-block")
                fine(qmp, "block_resize", node_name="ok", size=2 * MIB)
                fine(qmp, "device_del", id="ok")
                qmp.event("DEVICE_DELETED")
        check(os.path.getsize(path) == 2 * MIB, "it is another file")
        # A hundred descriptors that nobody takes do not use up those of the process.
        with open(path, "rb") as image:
            for _ in range(100):
                check("return" in ask_with(qmp, image.fileno(), "query-status"), "query-status")
        check(len(os.listdir("/proc/%d/fd" % emulator.process.pid)) < 90, "descriptors are kept")


def saved(rvive):
    """libvirt's way to save and load a guest: through pipes that it opens."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state")
        with Emulator(rvive, *SOCKETS) as emulator, open(path, "wb") as file:
            qmp = Qmp(emulator.path("qmp"))
            file.write(b"libvirt's own header")
            file.flush()
            fine(qmp, "migrate-set-parameters", max_bandwidth=9223372036853727232)
            check(fine(qmp, "query-migrate-parameters") == {"max-bandwidth": 9223372036853727232, "downtime-limit": 300},
                  "query-migrate-parameters")
            refused(qmp, "milliseconds", "migrate-set-parameters", downtime_limit=1 << 40)
            refused(qmp, "has not been found", "migrate", uri="fd:migrate")
            check(ask_with(qmp, file.fileno(), "getfd", fdname="migrate") == {"return": {}}, "getfd")
            refused(qmp, "no paused migration", "migrate", uri="fd:migrate", resume=True)
            fine(qmp, "migrate", detach=True, resume=False, uri="fd:migrate")
            while fine(qmp, "query-migrate")["status"] not in ("completed", "failed"):
                time.sleep(0.05)
            check(fine(qmp, "query-migrate")["status"] == "completed", "migrate: %r" % fine(qmp, "query-migrate"))
        with open(path, "rb") as file:
            check(file.read(20) == b"libvirt's own header", "the header")
            received, sent = os.pipe()
            os.set_inheritable(received, True)
            loaded(rvive, received, sent, file.read())


def loaded(rvive, received, sent, state):
    with tempfile.TemporaryDirectory() as folder:
        monitor = os.path.join(folder, "qmp")
        process = subprocess.Popen([rvive, "-M", "virt", "-m", "64M", "-smp", "2", "-bios", "none", "-S", "-nographic", "-serial",
                                    "null", "-monitor", "none", "-qmp", "unix:%s,server=on,wait=off" % monitor, "-incoming",
                                    "defer"], close_fds=True, pass_fds=(received,), stdin=subprocess.DEVNULL)
        try:
            os.close(received)
            qmp = Qmp(monitor)
            refused(qmp, "no open descriptor", "migrate-incoming", uri="fd:999")
            refused(qmp, "has not been found", "migrate-incoming", uri="fd:nix")
            fine(qmp, "migrate-incoming", uri="fd:%d" % received)
            with os.fdopen(sent, "wb") as pipe:
                pipe.write(state)
            qmp.socket.settimeout(30)
            while fine(qmp, "query-migrate")["status"] not in ("completed", "failed"):
                time.sleep(0.05)
            check(fine(qmp, "query-migrate")["status"] == "completed", "loaded: %r" % fine(qmp, "query-migrate"))
            fine(qmp, "quit")
            process.wait(30)
        finally:
            process.kill()
            process.wait()


def objects(rvive):
    with Emulator(rvive, *SOCKETS, "-device", "virtio-balloon-pci,id=b0", "-device", "virtio-rng-device,id=r0", "-S") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        balloon = "/machine/peripheral/b0"
        check(fine(qmp, "qom-get", path=balloon, property="type") == "virtio-balloon-pci", "type")
        check(fine(qmp, "qom-get", path="/machine/peripheral/r0", property="type") == "virtio-rng-device", "type")
        stats = fine(qmp, "qom-get", path=balloon, property="guest-stats")
        check(stats["last-update"] == 0 and stats["stats"]["stat-free-memory"] == -1, "guest-stats: %r" % stats)
        fine(qmp, "qom-set", path=balloon, property="guest-stats-polling-interval", value=2)
        check(fine(qmp, "qom-get", path=balloon, property="guest-stats-polling-interval") == 2, "the interval")
        for wrong in -1, "x", 1 << 40, None:
            check("error" in qmp.ask("qom-set", path=balloon, property="guest-stats-polling-interval", value=wrong), repr(wrong))
        check(refused(qmp, "not found", "qom-get", path="/machine/peripheral/nix", property="type") == "DeviceNotFound", "nix")
        refused(qmp, "Property", "qom-get", path=balloon, property="nix")
        refused(qmp, "Property", "qom-set", path="/machine/peripheral/r0", property="guest-stats-polling-interval", value=1)
        check("guest-stats" in {row["name"] for row in fine(qmp, "qom-list", path=balloon)}, "qom-list")
        refused(qmp, "Job not found", "job-cancel", id="nix")
        check(fine(qmp, "query-vnc") == {"enabled": False}, "query-vnc")
    port = 20000 + os.getpid() % 20000
    with Emulator(rvive, *SOCKETS, "-S", "-vnc", "127.0.0.1:%d,audiodev=a" % port) as emulator:
        qmp = Qmp(emulator.path("qmp"))
        check(fine(qmp, "query-vnc") == {"enabled": True, "host": "127.0.0.1", "service": str(5900 + port), "family": "ipv4",
                                         "auth": "none"}, "query-vnc: %r" % fine(qmp, "query-vnc"))


def deleted_while_loading(rvive):
    """delvm waits until -loadvm is over: libvirt deletes a snapshot as soon as it has gone back to it."""
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk")
        subprocess.run([image_program(rvive), "create", "-q", "-f", "qcow2", disk, "16M"], check=True)
        drive = ("-drive", "if=none,id=d,format=qcow2,file=" + disk, "-device", "virtio-blk-device,drive=d")
        for _ in range(3):
            with Emulator(rvive, *SOCKETS, *drive) as emulator:
                fine(Qmp(emulator.path("qmp")), "human-monitor-command", command_line="savevm one")
            with Emulator(rvive, *SOCKETS, *drive, "-loadvm", "one") as emulator:
                qmp = Qmp(emulator.path("qmp"))
                check(fine(qmp, "human-monitor-command", command_line="delvm one") == "", "delvm")
                deadline = time.monotonic() + 20
                while not fine(qmp, "query-status")["running"]:
                    check(time.monotonic() < deadline, "it does not run")
                    time.sleep(0.02)


main(disks, keys, descriptors, saved, objects, deleted_while_loading)
