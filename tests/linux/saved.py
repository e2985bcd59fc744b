# SPDX-License-Identifier: MIT
"""The user in linux_saved. saved.py FOLDER EMULATOR ARGUMENTS..."""
import hashlib
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../monitor"))
import lib  # noqa: E402
from lib import check  # noqa: E402

FOLDER = sys.argv[1]
SEED = int(os.environ.get("RVIVE_SEED", time.time()))


class Guest:
    """One process; the console and the monitor are sockets."""
    count = 0

    def __init__(self, *arguments):
        Guest.count += 1
        paths = [os.path.join(FOLDER, "%s%d" % (name, Guest.count)) for name in ("uart", "monitor")]
        self.process = subprocess.Popen(
            sys.argv[2:] + ["-serial", "unix:%s,server,wait" % paths[0], "-monitor", "unix:%s,server,nowait" % paths[1],
                            *arguments], stdin=subprocess.DEVNULL)
        self.socket = lib.connect(paths[0])
        self.uart = lib.Stream(self.socket.fileno())
        self.monitor = lib.Text(paths[1])

    def save(self, state):
        """Saves it and ends the process; what the console had not shown yet belongs to the next one."""
        answer = self.monitor.run("migrate file:" + state)
        check("rror" not in answer, answer)
        text = self.monitor.run("info migrate")
        self.monitor.send("quit\n")
        check(self.process.wait(30) == 0, "exit status")
        while self.uart.fill(time.monotonic() + 1):
            pass
        print("saved: %s, %s" % tuple(line for line in text.splitlines() if "total time" in line or "transferred" in line))
        return self.uart.text

    def run(self, line, marker, seconds=60):
        self.uart.send(line + "\r")
        return self.uart.until(marker, seconds)


def loaded(state, text):
    guest = Guest("-incoming", "file:" + state)
    guest.uart.text = text
    return guest


def main():
    print("seed %d" % SEED)
    random.seed(SEED)
    state = os.path.join(FOLDER, "state")
    with open(os.path.join(FOLDER, "share/numbers"), "rb") as file:
        numbers = hashlib.md5(file.read()).hexdigest()
    guest = Guest()
    try:
        time.sleep(random.uniform(0.2, 2.5))
        guest = loaded(state, guest.save(state))
        guest.uart.until("Rvive guest is up", 180)
        guest.run("mkdir -p /d /s; mount -t ext4 /dev/vda /d; mount -t 9p -o trans=virtio share /s; echo m$((1))", "m1")
        guest.run("udhcpc -i eth0 -n -q 2>&1 | grep -o 'lease of 10.0.2.15'", "lease of 10.0.2.15")
        # Some of everything is under way when it is saved.
        guest.run("(cat /s/numbers /s/numbers >/d/a; sync; md5sum /d/a >/d/sum; cat /dev/hwrng | head -c 1000000 >/d/b; "
                  "sync; echo r$((1))eady) & for i in 1 2 3; do (yes | head -c 9000000 | md5sum) & done; echo b$((1))egun",
                  "b1egun")
        time.sleep(random.uniform(0, 0.5))
        guest = loaded(state, guest.save(state))
        guest.uart.until("r1eady", 120)
        guest.run("ping -c 1 10.0.2.2 | grep -o '1 packets received'", "1 packets received")
        guest.run("echo 3 >/proc/sys/vm/drop_caches; head -c $(stat -c %s /s/numbers) /d/a | md5sum", numbers)
        guest.run("md5sum </d/a | cut -c 1-32 | grep -c -f - /d/sum | sed s/^/same-/", "same-1")
        guest.run("dmesg | grep -cE 'Kernel panic|Oops|BUG:|rcu.*stall|I/O error|soft lockup' | sed s/^/bad-/", "bad-0")
        guest.run("umount /d /s; poweroff -f", "Power down")
        check(guest.process.wait(30) == 0, "exit status")
    finally:
        guest.process.kill()


try:
    main()
except lib.Failure as reason:
    sys.exit("FAIL: %s" % reason)
