# SPDX-License-Identifier: MIT
"""The user in linux_disk_full: waits until the guest is stopped because the host has no room for its disk, makes room,
and lets it continue. disk_full.py QMP-SOCKET"""
import os
import resource
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../monitor"))
import lib  # noqa: E402
from lib import check  # noqa: E402


def main(path):
    qmp = lib.Qmp(path)
    told = qmp.event("BLOCK_IO_ERROR", 200)["data"]
    check(told["device"] == "hd0" and told["operation"] == "write" and told["action"] == "stop" and told["nospace"],
          "BLOCK_IO_ERROR says %r" % told)
    qmp.event("STOP")
    status = qmp.ask("query-status")["return"]
    check(status["status"] == "io-error" and not status["running"], "query-status says %r" % status)
    text = qmp.ask("human-monitor-command", command_line="info status")["return"]
    check("paused (io-error)" in text, "info status says " + text)
    pid = struct.unpack("3i", qmp.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    # Too early: the machine stops again, and nothing is lost.
    qmp.ask("cont")
    qmp.event("BLOCK_IO_ERROR")
    qmp.event("STOP")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    qmp.ask("cont")
    qmp.event("RESUME")


try:
    main(*sys.argv[1:])
except lib.Failure as reason:
    sys.exit("FAIL: %s" % reason)
