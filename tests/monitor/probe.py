#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a program asks that is going to manage guests, such as libvirt when it starts an emulator for the first time: a
machine `none` in the background, and questions through QMP. probe.py RVIVE"""
import os
import signal
import subprocess
import tempfile
import time

from lib import Emulator, Qmp, check, main

SOCKET = "unix:@/qmp,server,nowait"


def first_start(rvive):
    """Starts the emulator with libvirt's command line for this: -daemonize with -nographic and -nodefaults."""
    with tempfile.TemporaryDirectory() as folder:
        qmp, pid = os.path.join(folder, "qmp"), os.path.join(folder, "pid")
        got = subprocess.run([rvive, "-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=kvm:tcg",
                              "-qmp", "unix:%s,server=on,wait=off" % qmp, "-pidfile", pid, "-daemonize"],
                             stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        check(got.returncode == 0 and not got.stderr, "the first start: %d, %s" % (got.returncode, got.stderr))
        client = Qmp(qmp)
        check(client.ask("query-status")["return"]["status"] == "prelaunch", "query-status")
        questions(client)
        client.ask("quit")
        end = time.monotonic() + 20
        while os.path.exists(pid) and time.monotonic() < end:
            time.sleep(0.01)
        if os.path.exists(pid):
            with open(pid) as file:
                os.kill(int(file.read()), signal.SIGKILL)
            check(False, "it does not end")


def questions(qmp):
    def ask(name, **arguments):
        got = qmp.ask(name, **arguments)
        check("return" in got, "%s: %r" % (name, got))
        return got["return"]

    check(ask("query-target") == {"arch": "riscv64"}, "query-target")
    kinds = [row["name"] for row in ask("query-chardev-backends")]
    check({"stdio", "socket", "ringbuf", "mux"} <= set(kinds) and len(kinds) == len(set(kinds)), "%r" % kinds)
    boards = {row["name"]: row for row in ask("query-machines")}
    check(boards["virt"]["is-default"] and boards["virt"]["cpu-max"] == 64 and "none" in boards, "query-machines: %r" % boards)
    types = {row["name"]: row for row in ask("qom-list-types")}
    for name in "virtio-blk-pci", "virtio-net-device", "virtio-gpu-pci", "memory-backend-memfd", "virt-machine", "gpex-pcihost":
        check(name in types, "qom-list-types: no " + name)
    devices = {row["name"] for row in ask("qom-list-types", implements="device")}
    check("virtio-blk-pci" in devices and "rng-random" not in devices, "implements=device: %r" % devices)
    # Every kind of device lists its keys.
    for name in devices:
        check("return" in qmp.ask("qom-list-properties", typename=name), "qom-list-properties " + name)
    keys = {row["name"]: row["type"] for row in ask("device-list-properties", typename="virtio-blk-pci")}
    check(keys["bootindex"] == "int32" and keys["drive"] == "str" and keys["event_idx"] == "bool", "virtio-blk-pci: %r" % keys)
    check({"aclint", "memory-backend"} <= {row["name"] for row in ask("qom-list-properties", typename="virt-machine")},
          "virt-machine")
    for command in "device-list-properties", "qom-list-properties":
        error = qmp.ask(command, typename="no-such-thing")["error"]
        check(error["class"] == "DeviceNotFound", "%s: %r" % (command, error))
    flags = {row["option"]: {key["name"] for key in row["parameters"]} for row in ask("query-command-line-options")}
    check({"order", "menu", "strict"} <= flags["boot-opts"] and "maxcpus" in flags["smp-opts"] and "netdev" in flags,
          "query-command-line-options: %r" % flags)
    check(len(ask("query-command-line-options", option="memory")) == 1, "query-command-line-options memory")
    check("error" in qmp.ask("query-command-line-options", option="nosuch"), "an unknown option")
    check(ask("query-iothreads") == [] and ask("query-jobs") == [], "empty lists")
    check("return" in qmp.ask("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": False}]), "off")
    for wrong in [{"capability": "multifd", "state": True}], [{"capability": None, "state": True}], [{}], [None]:
        check("error" in qmp.ask("migrate-set-capabilities", capabilities=wrong), "capability %r" % wrong)
    check(qmp.ask("query-balloon")["error"]["class"] == "DeviceNotActive", "query-balloon")
    check(qmp.ask("balloon", value=1)["error"]["class"] == "DeviceNotActive", "balloon")
    schema(qmp, ask("query-qmp-schema"))


def schema(qmp, entities):
    """Checks that every command and event is in the schema, and each type that is named."""
    by_name = {row["name"]: row for row in entities}
    check(len(by_name) == len(entities), "names are there once")
    commands = {row["name"] for row in qmp.ask("query-commands")["return"]}
    described = {row["name"] for row in entities if row["meta-type"] == "command"}
    check(commands - described <= {"qmp_capabilities"}, "commands without a description: %r" % (commands - described))
    events = {row["name"] for row in entities if row["meta-type"] == "event"}
    check({"STOP", "RESUME", "SHUTDOWN", "RESET", "POWERDOWN"} <= events, "events: %r" % events)
    for row in entities:
        for member in ("arg-type", "ret-type"):
            check(member not in row or row[member] in by_name, "%s of %s" % (member, row["name"]))
        for parameter in row.get("members", []):
            check(parameter["type"] in by_name, "the type of %r" % parameter)
    members = {member["name"]: member for member in by_name[by_name["screendump"]["arg-type"]]["members"]}
    check("default" not in members["filename"] and members["format"]["default"] is None, "screendump: %r" % members)


def while_it_runs(rvive):
    uuid = "550e8400-e29b-41d4-a716-446655440000"
    with Emulator(rvive, "-qmp", SOCKET, "-serial", "chardev:r", "-chardev", "ringbuf,id=r", "-monitor", "none", "-uuid", uuid,
                  "-m", "64M") as emulator:
        qmp = Qmp(emulator.path("qmp"))
        questions(qmp)
        check(qmp.ask("query-uuid")["return"] == {"UUID": uuid}, "query-uuid")
        check(qmp.ask("query-memory-size-summary")["return"]["base-memory"] == 64 << 20, "query-memory-size-summary")
        # The ring buffer has what the guest prints, once.
        text, end = "", time.monotonic() + 20
        while not text and time.monotonic() < end:
            text = qmp.ask("ringbuf-read", device="r", size=4096)["return"]
        check(text, "ringbuf-read")
        check("error" in qmp.ask("ringbuf-read", device="x", size=1), "another device")
        check("error" in qmp.ask("ringbuf-read", device="r", size=1, format="hex"), "another format")
        check(qmp.ask("ringbuf-read", device="r", size=8, format="base64")["return"] == "", "nothing is left")


main(first_start, while_it_runs)
