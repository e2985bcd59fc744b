# SPDX-License-Identifier: MIT
"""The user in linux_balloon. balloon.py FOLDER EMULATOR ARGUMENTS..."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../monitor"))
import lib  # noqa: E402
from lib import check  # noqa: E402

MIB = 1 << 20


def resident(process):
    with open("/proc/%d/status" % process.pid) as file:
        return sum(int(size) for size in re.findall(r"^Rss(?:Anon|Shmem|File):\s+(\d+) kB", file.read(), re.MULTILINE)) >> 10


def ask(uart, line, pattern):
    """Runs a line in the guest's shell; what it prints between < and >."""
    uart.send(line + "\n")
    return re.search(pattern, uart.until(">\r\n", 120)).group(1)


def set_balloon(qmp, mib):
    check(qmp.ask("balloon", value=mib * MIB) == {"return": {}}, "balloon")
    while qmp.event("BALLOON_CHANGE", 120)["data"]["actual"] != mib * MIB:
        pass
    check(qmp.ask("query-balloon")["return"] == {"actual": mib * MIB}, "query-balloon")


def main(folder, process):
    uart = lib.Stream(lib.connect(folder + "/uart").detach())
    qmp = lib.Qmp(folder + "/qmp")
    uart.until("Rvive guest is up", 200)
    fill = "dd if=/dev/urandom of=/tmp/keep bs=1M count=20 2>/dev/null; dd if=/dev/zero of=/tmp/f bs=1M count=150 2>/dev/null"
    before = ask(uart, fill + "; echo \"<$(md5sum </tmp/keep | cut -c1-32)>\"", r"<([0-9a-f]{32})>")
    full = resident(process)
    ask(uart, "rm /tmp/f; echo \"<$((20 + 3))>\"", r"<(23)>")
    deadline = time.monotonic() + 60
    while resident(process) > full - 120:
        check(time.monotonic() < deadline, "the host has %d MiB of %d back" % (full - resident(process), full))
        time.sleep(0.2)
    set_balloon(qmp, 256)
    total = int(ask(uart, "echo \"<$(sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo)>\"", r"<(\d+)>"))
    check(total < 260 << 10, "the guest has %d KiB" % total)
    text = qmp.ask("human-monitor-command", command_line="info balloon")["return"]
    check("balloon: actual=256\n" in text, "info balloon: " + text)
    check(int(re.search(r"stat-total-memory: (\d+)", text).group(1)) >> 10 == total, "info balloon: " + text)
    qmp.ask("human-monitor-command", command_line="balloon 512")
    while qmp.event("BALLOON_CHANGE", 120)["data"]["actual"] != 512 * MIB:
        pass
    after = ask(uart, "dd if=/dev/zero of=/tmp/f bs=1M count=150 2>/dev/null; echo \"<$(md5sum </tmp/keep | cut -c1-32)>\"",
                r"<([0-9a-f]{32})>")
    check(before == after, "what the guest kept has changed")
    uart.send("poweroff -f\n")
    check(process.wait(60) == 0, "status")


command = sys.argv[2:] + ["-serial", "unix:%s/uart,server=on" % sys.argv[1], "-qmp", "unix:%s/qmp,server=on,wait=off" % sys.argv[1],
                          "-device", "virtio-balloon-pci,free-page-reporting=on"]
emulator = subprocess.Popen(command, stdin=subprocess.DEVNULL)
try:
    main(sys.argv[1], emulator)
except lib.Failure as reason:
    sys.exit("FAIL: %s" % reason)
finally:
    emulator.kill()
