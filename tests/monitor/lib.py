# SPDX-License-Identifier: MIT
"""What the tests of the monitor share: the guest, an emulator that runs it, and its consoles."""
import json
import os
import pty
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 30.0


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def cross(*tools):
    for prefix in ("riscv64-linux-gnu-", "riscv64-unknown-elf-"):
        if shutil.which(prefix + "gcc"):
            return prefix
    raise Failure("no riscv64 gcc")


def build_guest(folder, source="guest.S"):
    elf = os.path.join(folder, "guest.elf")
    subprocess.run([cross() + "gcc", "-nostdlib", "-static", "-march=rv64gc", "-mabi=lp64d", "-Wl,--build-id=none",
                    "-Wl,-N,--no-warn-rwx-segments,-Ttext=0x80000000", os.path.join(HERE, source), "-o", elf],
                   check=True)
    return elf


def symbol(elf, name):
    out = subprocess.run([cross() + "nm", elf], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        words = line.split()
        if words[2] == name:
            return int(words[0], 16)
    raise Failure("no symbol " + name)


class Stream:
    """Reads bytes from a descriptor and waits for a given text."""

    def __init__(self, fd):
        self.fd = fd
        self.text = b""

    def fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            return False
        try:
            got = os.read(self.fd, 65536)
        except (ConnectionError, OSError):
            return False
        self.text += got
        return bool(got)

    def until(self, marker, seconds=WAIT):
        if isinstance(marker, str):
            marker = marker.encode()
        deadline = time.monotonic() + seconds
        while marker not in self.text:
            check(self.fill(deadline), "waited for %r; there was %r" % (marker, self.text[-2000:]))
        at = self.text.index(marker) + len(marker)
        head, self.text = self.text[:at], self.text[at:]
        return head.decode(errors="replace")

    def settle(self, seconds=0.5):
        """Drops output until none has come for a while."""
        while self.fill(time.monotonic() + seconds):
            pass
        self.text = b""

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        while data:
            data = data[os.write(self.fd, data):]


def connect(path, seconds=WAIT):
    deadline = time.monotonic() + seconds
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            check(time.monotonic() < deadline, "cannot connect to " + path)
            time.sleep(0.02)


class Text(Stream):
    """A text monitor on a socket."""

    def __init__(self, path):
        self.socket = connect(path)
        super().__init__(self.socket.fileno())
        self.until("(rvive) ")

    def run(self, line):
        self.send(line + "\n")
        return self.until("(rvive) ")[:-len("(rvive) ")]


class Qmp(Stream):
    def __init__(self, path, negotiate=True):
        self.socket = connect(path)
        super().__init__(self.socket.fileno())
        self.events = []
        self.greeting = self.message()
        if negotiate:
            check(self.ask("qmp_capabilities") == {"return": {}}, "qmp_capabilities")

    def message(self, seconds=WAIT):
        return json.loads(self.until("\r\n", seconds))

    def answer(self):
        while True:
            message = self.message()
            if "event" not in message:
                return message
            self.events.append(message)

    def ask(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.send(json.dumps(request))
        return self.answer()

    def event(self, name, seconds=WAIT):
        deadline = time.monotonic() + seconds
        while True:
            for at, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(at)
            message = self.message(max(0.01, deadline - time.monotonic()))
            check("event" in message, "not an event: %r" % message)
            self.events.append(message)


class Emulator:
    """Runs the guest; the consoles are sockets in its folder, or with terminal=True a pseudo-terminal."""

    def __init__(self, rvive, *arguments, terminal=False, kernel=None, smp=2, source="guest.S"):
        self.folder = tempfile.mkdtemp()
        self.elf = kernel or build_guest(self.folder, source)
        self.terminal = None
        self.process = None
        command = [rvive, "-M", "virt", "-m", "64M", "-smp", str(smp), "-bios", "none", "-kernel", self.elf]
        command += [argument.replace("@", self.folder) for argument in arguments]
        if terminal:
            master, slave = pty.openpty()
            environment = dict(os.environ, TERM="vt100")
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                            start_new_session=True)
            os.close(slave)
            self.terminal = Stream(master)
        else:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def path(self, name):
        return os.path.join(self.folder, name)

    def wait(self, seconds=WAIT):
        return self.process.wait(seconds)

    def alive(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def main(*tests):
    """Runs the tests with the names of the arguments, or all without arguments; status 1 if one fails."""
    failed = 0
    for test in tests:
        try:
            test(sys.argv[1])
            print("ok   " + test.__name__, flush=True)
        except (Failure, subprocess.SubprocessError, OSError) as reason:
            failed += 1
            print("FAIL %s: %s" % (test.__name__, reason), flush=True)
    sys.exit(1 if failed else 0)
