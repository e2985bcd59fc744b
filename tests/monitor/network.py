#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Networks at run time: what there is, cables, networks and forwarded ports that come and go, and what the sandbox refuses.
Usage: network.py RVIVE"""
import os
import re
import socket
import struct

from lib import Emulator, Qmp, Text, check, connect, main

PLACES = ("-nodefaults", "-serial", "null", "-monitor", "unix:@/mon,server,nowait", "-qmp", "unix:@/qmp,server,nowait")


def started(rvive, *arguments):
    emulator = Emulator(rvive, *PLACES, *arguments)
    return emulator, Text(emulator.path("mon")), Qmp(emulator.path("qmp"))


def failed(answer, text, kind="GenericError"):
    check("error" in answer and answer["error"]["class"] == kind and text in answer["error"]["desc"], "%r" % answer)


def has(monitor, *lines):
    text = monitor.run("info network")
    for line in lines:
        check(re.search(line, text, re.M), "info network has no %r: %s" % (line, text))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def lists(rvive):
    """info network in QEMU's form, and set_link by the names of networks and of cards."""
    emulator, monitor, qmp = started(
        rvive, "-netdev", "user,id=u,restrict=on", "-device", "virtio-net-pci,netdev=u,id=card", "-netdev",
        "stream,id=s,server=on,addr.type=unix,addr.path=@/net", "-device", "virtio-net-device,netdev=s,mac=52:54:00:01:02:03",
        "-netdev", "dgram,id=alone,local.type=unix,local.path=@/a,remote.type=unix,remote.path=@/b")
    with emulator:
        has(monitor, "^alone: index=0,type=dgram,udp=", r"^card: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:",
            r"^ \\ u: index=0,type=user,net=10.0.2.0,restrict=on$", r"^ \\ s: index=0,type=stream,listening$",
            r"^virtio-net-device\.0: index=0,type=nic,model=virtio-net-device,macaddr=52:54:00:01:02:03$")
        client = connect(emulator.path("net"))
        client.sendall(struct.pack(">I", 60) + bytes(60))
        for _ in range(100):
            if "type=stream,unix:" in monitor.run("info network"):
                break
        has(monitor, r"^ \\ s: index=0,type=stream,unix:")
        for name in "u", "card", "virtio-net-device.0":
            check(monitor.run("set_link %s off" % name) == "", "set_link")
        has(monitor, r"u: index=0,type=user,.*link=down$", r"s: index=0,.*link=down$")
        check(qmp.ask("set_link", name="card", up=True) == {"return": {}}, "set_link of QMP")
        has(monitor, r"u: index=0,type=user,net=10.0.2.0,restrict=on$")
        failed(qmp.ask("set_link", name="nix", up=True), "Device 'nix' not found", "DeviceNotFound")
        failed(qmp.ask("set_link", name="card", up="on"), "boolean")
        check("Expected 'on' or 'off'" in monitor.run("set_link card maybe"), "set_link maybe")
        client.close()


def comes_and_goes(rvive):
    """netdev_add and netdev_del, with a card in a port that uses what came."""
    emulator, monitor, qmp = started(rvive, "-device", "pcie-root-port,id=pci.1,chassis=1", "-netdev", "user,id=u")
    with emulator:
        port = free_port()
        check(qmp.ask("netdev_add", type="user", id="new", restrict=True, hostfwd=[
            {"str": "tcp:127.0.0.1:%d-:22" % port}]) == {"return": {}}, "netdev_add")
        check(listens(port), "its port is open at once")
        has(monitor, "^new: index=0,type=user,net=10.0.2.0,restrict=on$", "forwards tcp:127.0.0.1:%d-:22" % port)
        failed(qmp.ask("netdev_add", type="user", id="new"), "Duplicate ID 'new' for netdev")
        failed(qmp.ask("netdev_add", type="user"), "Parameter 'id' is missing")
        failed(qmp.ask("netdev_add", id="x"), "Parameter 'type' is missing")
        failed(qmp.ask("netdev_add", type="vde", id="x"), "this version does not have it")
        failed(qmp.ask("netdev_add", type="user", id="x", bogus=1), "bogus")
        failed(qmp.ask("netdev_add", type="stream", id="x", addr={"type": "unix", "path": "/nonexistent"}), "cannot connect")
        failed(qmp.ask("netdev_del", id="x"), "Device 'x' not found", "DeviceNotFound")
        for _ in range(3):
            answer = qmp.ask("device_add", driver="virtio-net-pci", netdev="new", id="card", bus="pci.1")
            check(answer == {"return": {}}, "device_add: %r" % answer)
            failed(qmp.ask("netdev_del", id="new"), "a card uses the network")
            check(qmp.ask("device_del", id="card") == {"return": {}}, "device_del")
            qmp.event("DEVICE_DELETED")
            check(listens(port), "the network outlives its card")
        check(qmp.ask("netdev_del", id="new") == {"return": {}}, "netdev_del")
        check(not listens(port), "its port is closed")
        for number in range(20):
            text = monitor.run("netdev_add user,id=n%d" % number)
            check((text == "") == (number < 7), "netdev_add %d: %s" % (number, text))
        for number in range(7):
            check(monitor.run("netdev_del n%d" % number) == "", "netdev_del")
        check("n3" not in monitor.run("info network"), "they are gone")


def ports(rvive):
    """hostfwd_add and hostfwd_remove, with and without the network's name."""
    emulator, monitor, _ = started(rvive, "-netdev", "user,id=u", "-device", "virtio-net-device,netdev=u", "-netdev",
                                   "dgram,id=d,local.type=unix,local.path=@/a,remote.type=unix,remote.path=@/b")
    with emulator:
        first, second = free_port(), free_port()
        check(monitor.run("hostfwd_add tcp:127.0.0.1:%d-:22" % first) == "", "hostfwd_add")
        check(monitor.run("hostfwd_add u tcp:127.0.0.1:%d-10.0.2.15:80" % second) == "", "hostfwd_add u")
        check(listens(first) and listens(second), "both ports are open")
        has(monitor, "forwards tcp:127.0.0.1:%d-:22" % first, "forwards tcp:127.0.0.1:%d-10.0.2.15:80" % second)
        check("cannot listen" in monitor.run("hostfwd_add tcp:127.0.0.1:%d-:22" % first), "twice")
        check("not of the form" in monitor.run("hostfwd_add tcp:127.0.0.1:99999-:1"), "port 99999")
        check("unrecognized netdev id 'x'" in monitor.run("hostfwd_add x tcp::1-:1"), "no such network")
        check("no user network" in monitor.run("hostfwd_add d tcp::1-:1"), "a network of another kind")
        text = monitor.run("hostfwd_remove tcp:127.0.0.1:%d" % first)
        check("host forwarding rule for tcp:127.0.0.1:%d removed" % first in text, text)
        check(not listens(first) and listens(second), "one is closed")
        check("there is no hostfwd" in monitor.run("hostfwd_remove u tcp:127.0.0.1:%d" % first), "it is gone")
        check("%d-:22" % first not in monitor.run("info network"), "it is not listed")


def sandbox(rvive):
    """Without a user network nothing may be opened later; what the command line names works, also again."""
    emulator, monitor, qmp = started(rvive, "-netdev", "stream,id=s,addr.type=unix,addr.path=@/net,reconnect-ms=50", "-device",
                                     "virtio-net-device,netdev=s")
    with emulator:
        if "seccomp): on" not in monitor.run("info sandbox"):
            return
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(emulator.path("net"))
                listener.listen(1)
                listener.settimeout(20)
                listener.accept()[0].close()
            os.unlink(emulator.path("net"))
        check("no user network" in monitor.run("hostfwd_add tcp::1-:1"), "hostfwd_add")
        failed(qmp.ask("netdev_add", type="user", id="x"), "the sandbox lets no socket be made")
        failed(qmp.ask("netdev_add", type="tap", id="x"), "the sandbox lets no interface be opened")
        check(emulator.alive(), "it lives on")


main(lists, comes_and_goes, ports, sandbox)
