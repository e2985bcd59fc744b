# SPDX-License-Identifier: MIT
"""The user in linux_hotplug. hotplug.py FOLDER EMULATOR ARGUMENTS..."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../monitor"))
import lib  # noqa: E402
from lib import check  # noqa: E402

FOLDER = sys.argv[1]


def path(name):
    return os.path.join(FOLDER, name)


def command(value):
    """A line of the shell that writes the control register of the slot of port 01.0."""
    return "printf '\\%o\\%o' | dd of=/sys/bus/pci/devices/0000:00:01.0/config bs=1 seek=108 conv=notrunc 2>/dev/null" % (
        value & 0xff, value >> 8)


def main():
    process = subprocess.Popen(sys.argv[2:] + ["-serial", "unix:%s,server,wait" % path("uart"), "-qmp",
                                               "unix:%s,server,nowait" % path("qmp")], stdin=subprocess.DEVNULL)
    socket = lib.connect(path("uart"))
    uart = lib.Stream(socket.fileno())
    qmp = lib.Qmp(path("qmp"))

    def run(line, marker, seconds=60):
        uart.send(line + "; echo e''nd\r")
        text = uart.until("end\r\n", seconds)
        check(marker in text, "%s: waited for %r; there was %r" % (line, marker, text))
        return text

    uart.until("Rvive guest is up", 200)
    uart.until("# ")
    run("stty -echo; dmesg -n 1", "")
    run("cd /sys/bus/pci/devices; cat 0000:00:01.0/class 0000:02:00.0/vendor", "0x060400\r\n0x1af4")
    run("md5sum </dev/vda | cut -c1-6", sys_sum(path("cold.img"))[:6])  # behind a port since the start
    for _ in range(2):
        check(qmp.ask("device_add", driver="virtio-blk-pci", drive="hot", id="h", bus="pci.1") == {"return": {}}, "device_add")
        run(command(0x1c0) + "; echo 1 >../rescan; sleep 1; ls /sys/block", "vdb")
        run("md5sum </dev/vdb | cut -c1-6", sys_sum(path("hot.img"))[:6])
        check(qmp.ask("device_del", id="h") == {"return": {}}, "device_del")
        run("echo 1 >0000:01:00.0/remove; " + command(0x7c0) + "; ls /sys/block | tr '\\n' ' '; echo", "vda")
        check(qmp.event("DEVICE_DELETED")["data"]["device"] == "h", "DEVICE_DELETED")
    uart.send("poweroff -f\r")
    check(process.wait(60) == 0, "exit status")


def sys_sum(name):
    return subprocess.run(["md5sum", name], check=True, capture_output=True, text=True).stdout


main()
