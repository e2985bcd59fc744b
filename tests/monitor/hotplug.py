#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices that come and go in the slot of a root port, with a guest that serves the slot. Usage: hotplug.py RVIVE"""
import os
import tempfile
import time

from lib import Emulator, Qmp, Stream, Text, check, connect, main

PORT = ("-nodefaults", "-device", "pcie-root-port,id=pci.1,chassis=1,port=0x8,bus=pcie.0,addr=0x1")
TWO = ("-device", "pcie-root-port,id=pci.2,chassis=2,port=0x9,bus=pcie.0,addr=0x2")


def started(rvive, *arguments):
    emulator = Emulator(rvive, *PORT, "-qmp", "unix:@/qmp,server=on,wait=off", "-serial", "unix:@/uart,server=on",
                        *arguments, source="slots.S")
    client = connect(emulator.path("uart"))
    uart = Stream(client.fileno())
    uart.client = client
    return emulator, Qmp(emulator.path("qmp")), uart


def wrong(qmp, text, kind="GenericError", **arguments):
    answer = qmp.ask("device_add", **arguments)
    check("error" in answer and answer["error"]["class"] == kind and text in answer["error"]["desc"],
          "%r: %r" % (arguments, answer))


def functions(qmp):
    found = []

    def walk(devices):
        for device in devices:
            found.append((device["bus"], device["slot"], device["qdev_id"]))
            walk(device.get("pci_bridge", {}).get("devices", []))
    walk(qmp.ask("query-pci")["return"][0]["devices"])
    return found


def deleted(qmp, name):
    data = qmp.event("DEVICE_DELETED")["data"]
    check(data == {"device": name, "path": "/machine/peripheral/" + name}, "DEVICE_DELETED: %r" % data)


def comes_and_goes(rvive):
    """The guest sees what comes, and gives up what the user wants back; each kind of device, several times."""
    image = tempfile.NamedTemporaryFile()
    image.truncate(1 << 20)
    emulator, qmp, uart = started(rvive, "-netdev", "user,id=n,restrict=on", "-blockdev",
                                  "driver=file,node-name=spare,filename=" + image.name)
    with image, emulator:
        uart.until("!")
        for kind in ({"driver": "virtio-rng-pci"}, {"driver": "virtio-net-pci", "netdev": "n"},
                     {"driver": "virtio-blk-pci", "drive": "spare"}, {"driver": "nvme", "drive": "spare", "serial": "s"},
                     {"driver": "virtio-balloon-pci"}, {"driver": "virtio-serial-pci"}, {"driver": "qemu-xhci"},
                     {"driver": "virtio-scsi-pci"}, {"driver": "virtio-balloon-pci"},
                     {"driver": "virtio-rng-pci", "addr": "0x0"}):
            answer = qmp.ask("device_add", id="d", bus="pci.1", **kind)
            check(answer == {"return": {}}, "device_add %r: %r" % (kind, answer))
            uart.until("+")
            check((1, 0, "d") in functions(qmp), "query-pci: %r" % functions(qmp))
            wrong(qmp, "Duplicate device ID", id="d", bus="pci.1", **kind)
            wrong(qmp, "is taken by another device" if kind.get("addr") else "are taken", id="e", bus="pci.1", **kind)
            check(qmp.ask("device_del", id="d") == {"return": {}}, "device_del")
            uart.until("-")
            deleted(qmp, "d")
            check((1, 0, "d") not in functions(qmp), "it is still there: %r" % functions(qmp))
        check(emulator.alive(), "it lives on")


def cold_and_reset(rvive):
    """A device that was there at the start goes, too; after a reset the guest finds what there is."""
    emulator, qmp, uart = started(rvive, "-device", "virtio-rng-pci,bus=pci.1,id=cold")
    with emulator:
        uart.until("!")
        qmp.ask("system_reset")
        uart.until("!")
        check((1, 0, "cold") in functions(qmp), "a device behind a port: %r" % functions(qmp))
        check(qmp.ask("device_del", id="cold") == {"return": {}}, "device_del")
        deleted(qmp, "cold")
        qmp.ask("device_add", driver="virtio-rng-pci", id="new", bus="pci.1")
        uart.until("+")
        qmp.ask("system_reset")
        uart.until("!")
        check((1, 0, "new") in functions(qmp), "after a reset: %r" % functions(qmp))
        # Paused: the guest is asked, and answers when it goes on.
        qmp.ask("stop")
        check(qmp.ask("device_del", id="new") == {"return": {}}, "device_del of a paused guest")
        answer = qmp.ask("device_del", id="new")
        check("already in the process of unplug" in answer["error"]["desc"], "twice: %r" % answer)
        check((1, 0, "new") in functions(qmp), "the guest was not asked")
        qmp.ask("cont")
        deleted(qmp, "new")
        qmp.ask("stop")
        check(qmp.ask("device_add", driver="virtio-rng-pci", id="new", bus="pci.1") == {"return": {}}, "paused")
        qmp.ask("cont")
        uart.until("+")


def below(qmp, missing):
    """blockdev-add with the image below it described in place, or with none."""
    null, file = {"driver": "file", "filename": "/dev/null"}, {"driver": "file", "filename": missing}

    def add(backing):
        return qmp.ask("blockdev-add", driver="qcow2", node_name="top", file=null, backing=backing)

    def nodes():
        return {row["node-name"]: row for row in qmp.ask("query-named-block-nodes")["return"]}

    for wrong_one in ({"driver": "raw", "file": file}, {"driver": "qcow2", "file": null, "backing": {"driver": "raw", "file": file}}):
        answer = add(wrong_one)
        check("Could not open" in answer["error"]["desc"] and nodes() == {}, "no file below: %r, %r" % (answer, nodes()))
    check(add({"driver": "raw", "node-name": "base", "file": null}) == {"return": {}}, "a backing file in place")
    found = nodes()
    check(set(found) == {"top", "base"} and found["top"]["backing_file_depth"] == 1 and found["base"]["ro"] is True and
          found["base"]["drv"] == "raw", "nodes: %r" % found)
    check("in use" in qmp.ask("blockdev-del", node_name="base")["error"]["desc"], "blockdev-del of what is below")
    check(qmp.ask("blockdev-del", node_name="top") == {"return": {}} and nodes() == {}, "both go")
    check(add(None) == {"return": {}} and nodes()["top"]["backing_file_depth"] == 0, "backing: null")
    check(qmp.ask("blockdev-del", node_name="top") == {"return": {}} and nodes() == {}, "it goes")


def errors(rvive):
    """The classes and texts of QEMU's errors; without power in the slot a device goes at once."""
    emulator = Emulator(rvive, *PORT, *TWO, "-S", "-serial", "null", "-monitor", "unix:@/mon,server=on,wait=off", "-qmp",
                        "unix:@/qmp,server=on,wait=off", "-device", "virtio-rng-pci,id=root,addr=5", "-device",
                        "virtio-rng-pci,id=cold,bus=pci.2", source="slots.S")
    with emulator:
        qmp = Qmp(emulator.path("qmp"))
        wrong(qmp, "Parameter 'driver' is missing", id="x")
        wrong(qmp, "'nix' is not a valid device model name", driver="nix", id="x", bus="pci.1")
        wrong(qmp, "Bus 'nix' not found", driver="virtio-rng-pci", id="x", bus="nix")
        wrong(qmp, "Bus 'pcie.0' does not support hotplugging", driver="virtio-rng-pci", id="x", bus="pcie.0")
        wrong(qmp, "Bus 'pcie.0' does not support hotplugging", driver="virtio-rng-pci", id="x")
        wrong(qmp, "does not support hotplugging", driver="virtio-rng-device", id="x")
        wrong(qmp, "does not support hotplugging", driver="edu", id="x", bus="pci.1")
        wrong(qmp, "Duplicate device ID 'cold'", driver="virtio-rng-pci", id="cold", bus="pci.1")
        wrong(qmp, "Duplicate device ID 'pci.2'", driver="virtio-rng-pci", id="pci.2", bus="pci.1")
        wrong(qmp, "unknown option max-byte", driver="virtio-rng-pci", id="x", bus="pci.1", max_byte=3)
        wrong(qmp, "no -drive with id=none", driver="virtio-blk-pci", id="x", bus="pci.1", drive="none")
        wrong(qmp, "only slot 0", driver="virtio-rng-pci", id="x", bus="pci.1", addr="1")
        wrong(qmp, "function 0", driver="virtio-rng-pci", id="x", bus="pci.1", addr="0.1")
        for name, kind, text in (("nix", "DeviceNotFound", "Device 'nix' not found"),
                                 ("root", "GenericError", "Bus 'pcie.0' does not support hotplugging"),
                                 ("pci.1", "GenericError", "Bus 'pcie.0' does not support hotplugging")):
            answer = qmp.ask("device_del", id=name)["error"]
            check(answer["class"] == kind and text in answer["desc"], "device_del %s: %r" % (name, answer))
        missing = emulator.path("missing.img")
        answer = qmp.ask("blockdev-add", driver="file", node_name="m", filename=missing)["error"]["desc"]
        check("Could not open" in answer and "missing.img" in answer, "no file: " + answer)
        # A file that is there, but that cannot be a disk.
        answer = qmp.ask("blockdev-add", driver="file", node_name="m", filename="/dev/null")
        check(answer == {"return": {}}, "blockdev-add: %r" % answer)
        wrong(qmp, "/dev/null", driver="virtio-blk-pci", id="x", bus="pci.1", drive="m")
        wrong(qmp, "/dev/null", driver="virtio-blk-pci", id="x", bus="pci.1", drive="m")
        check("is taken" in qmp.ask("blockdev-add", driver="file", node_name="m", filename="/dev/null")["error"]["desc"], "twice")
        check(qmp.ask("blockdev-del", node_name="m") == {"return": {}}, "blockdev-del")
        check("Failed to find node" in qmp.ask("blockdev-del", node_name="m")["error"]["desc"], "blockdev-del of nothing")
        below(qmp, missing)
        text = Text(emulator.path("mon"))
        for _ in range(40):
            check(text.run("device_add virtio-rng-pci,id=x,bus=pci.1").strip() == "", "device_add of people")
            check("pci.1/00.0" in text.run("info qtree"), "info qtree")
            check(text.run("device_del x").strip() == "", "device_del of people")
            deleted(qmp, "x")
        check("not found" in text.run("device_del x"), "device_del of nothing")
        check("bus 0 to 0" in text.run("info pci"), "info pci")


def of_usb(rvive):
    """USB devices come to controllers, hubs and a controller that came later; who goes takes along what is behind it."""
    image = tempfile.NamedTemporaryFile()
    image.truncate(1 << 20)
    emulator, qmp, uart = started(rvive, "-device", "qemu-xhci,id=usb,addr=5", "-device", "usb-ehci,id=old,addr=6", "-blockdev",
                                  "driver=file,node-name=spare,filename=" + image.name)

    def add(**arguments):
        answer = qmp.ask("device_add", **arguments)
        check(answer == {"return": {}}, "device_add %r: %r" % (arguments, answer))

    def peripherals():
        return [row["name"] for row in qmp.ask("qom-list", path="/machine/peripheral")["return"]]
    with image, emulator:
        uart.until("!")
        for bus in ("usb.0", "old.0"):
            for kind in ({"driver": "usb-kbd"}, {"driver": "usb-tablet"}, {"driver": "usb-mouse", "port": "2"},
                         {"driver": "usb-storage", "drive": "spare"}):
                add(id="d", bus=bus, **kind)
                check("d" in peripherals(), "the device is not listed")
                wrong(qmp, "Duplicate device ID 'd'", id="d", bus=bus, **kind)
                if "drive" in kind:
                    check("is in use" in qmp.ask("blockdev-del", node_name="spare")["error"]["desc"], "in use")
                    check(qmp.ask("query-block")["return"][0]["qdev"].startswith("/machine/peripheral/d"), "query-block")
                check(qmp.ask("device_del", id="d") == {"return": {}}, "device_del")
                deleted(qmp, "d")
                check("d" not in peripherals(), "the device is still listed")
        add(driver="usb-hub", id="h", bus="usb.0", port="1")
        add(driver="usb-hub", id="i", bus="usb.0", port="1.2")
        add(driver="usb-kbd", id="k", bus="usb.0", port="1.2.3")
        wrong(qmp, "is taken", driver="usb-kbd", id="x", bus="usb.0", port="1.2.3")
        qmp.ask("device_del", id="h")
        for name in "kih":
            deleted(qmp, name)
        wrong(qmp, "Bus 'nix.0' not found", driver="usb-kbd", id="x", bus="nix.0")
        wrong(qmp, "no port 9", driver="usb-kbd", id="x", bus="usb.0", port="9")
        wrong(qmp, "no port 3.1", driver="usb-kbd", id="x", bus="usb.0", port="3.1")
        for n in range(4):
            add(driver="usb-kbd", id="k%d" % n, bus="usb.0")
        wrong(qmp, "no free port", driver="usb-kbd", id="x", bus="usb.0")
        # A controller that came later, with a disk; it takes it along.
        add(driver="qemu-xhci", id="late", bus="pci.1")
        uart.until("+")
        add(driver="usb-storage", id="s", bus="late.0", drive="spare")
        check(qmp.ask("device_del", id="late") == {"return": {}}, "device_del of a controller")
        uart.until("-")
        deleted(qmp, "s")
        deleted(qmp, "late")
        check(qmp.ask("blockdev-del", node_name="spare") == {"return": {}}, "the disk is free again")
        qmp.ask("system_reset")
        uart.until("!")
        check(emulator.alive(), "it lives on")


def of_scsi(rvive):
    """Disks and drives come to a SCSI host that was there, and to one that came later, and go."""
    image = tempfile.NamedTemporaryFile()
    image.truncate(1 << 20)
    emulator, qmp, uart = started(rvive, "-device", "virtio-scsi-pci,id=scsi0,addr=5", "-blockdev",
                                  "driver=file,node-name=spare,filename=" + image.name)
    with image, emulator:
        uart.until("!")
        qmp.ask("device_add", driver="virtio-scsi-pci", id="scsi1", bus="pci.1")
        uart.until("+")
        for bus in ("scsi0.0", "scsi1.0"):
            for kind in ({"driver": "scsi-hd", "drive": "spare"}, {"driver": "scsi-cd", "drive": "spare", "scsi_id": 4},
                         {"driver": "scsi-cd"}, {"driver": "scsi-hd", "drive": "spare", "scsi_id": 2, "lun": 3}):
                answer = qmp.ask("device_add", id="d", bus=bus, **kind)
                check(answer == {"return": {}}, "device_add %r: %r" % (kind, answer))
                wrong(qmp, "Duplicate device ID 'd'", id="d", bus=bus, **kind)
                if "lun" in kind:
                    wrong(qmp, "is taken", driver="scsi-cd", id="x", bus=bus, scsi_id=2, lun=3)
                disks = qmp.ask("query-block")["return"]
                check(len(disks) == 1 and disks[0]["qdev"].split("/")[-1] == "d", "query-block: %r" % disks)
                check(qmp.ask("device_del", id="d") == {"return": {}}, "device_del")
                deleted(qmp, "d")
                check(qmp.ask("query-block")["return"] == [], "it is still there")
        wrong(qmp, "Bus 'nix.0' not found", driver="scsi-cd", id="x", bus="nix.0")
        wrong(qmp, "no -drive with id=none", driver="scsi-hd", id="x", bus="scsi0.0", drive="none")
        qmp.ask("device_add", driver="scsi-hd", id="d", bus="scsi1.0", drive="spare")
        qmp.ask("device_del", id="scsi1")
        uart.until("-")
        deleted(qmp, "d")
        deleted(qmp, "scsi1")
        wrong(qmp, "Bus 'scsi1.0' not found", driver="scsi-hd", id="d", bus="scsi1.0", drive="spare")
        check(qmp.ask("blockdev-del", node_name="spare") == {"return": {}}, "the disk is free again")
        check(emulator.alive(), "it lives on")


def saved(rvive):
    """A machine with a device that came later is loaded by one that has it from the start."""
    state = os.path.join("/tmp", "rvive-hotplug-%d" % os.getpid())
    emulator, qmp, uart = started(rvive, "-sandbox", "off")
    try:
        with emulator:
            uart.until("!")
            qmp.ask("device_add", driver="virtio-rng-pci", id="d", bus="pci.1")
            uart.until("+")
            check("error" not in qmp.ask("migrate", uri="file:" + state), "migrate")
            while qmp.ask("query-migrate")["return"]["status"] not in ("completed", "failed"):
                time.sleep(0.05)
            wrong(qmp, "are taken", driver="virtio-rng-pci", id="e", bus="pci.1")
        emulator, qmp, uart = started(rvive, "-device", "virtio-rng-pci,id=d,bus=pci.1", "-incoming", "file:" + state)
        with emulator:
            deadline = time.monotonic() + 20
            while not qmp.ask("query-status")["return"]["running"]:
                check(time.monotonic() < deadline, "it does not run")
                time.sleep(0.05)
            check((1, 0, "d") in functions(qmp), "loaded: %r" % functions(qmp))
            qmp.ask("device_del", id="d")
            uart.until("-")
            deleted(qmp, "d")
    finally:
        if os.path.exists(state):
            os.unlink(state)


main(comes_and_goes, cold_and_reset, errors, of_usb, of_scsi, saved)
