# SPDX-License-Identifier: MIT
"""A client of the gdb protocol, as small as the tests of the timeline need it."""
import re
import socket
import subprocess
import time


class Rsp:
    """Starts a paused machine with that command line, and attaches to it."""

    def __init__(self, command, folder):
        path = folder + "/gdb"
        self.process = subprocess.Popen(command + ["-gdb", "unix:" + path, "-S"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.socket.settimeout(120)
        self.buffer = b""
        self.ask("QStartNoAckMode")

    def send(self, text):
        data = text.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) % 256))

    def receive(self):
        while True:
            found = re.search(rb"\$([^#]*)#..", self.buffer)
            if found:
                self.buffer = self.buffer[found.end():]
                return found[1].decode("latin1")
            more = self.socket.recv(65536)
            if not more:
                raise EOFError("the machine has ended: " + self.end())
            self.buffer += more

    def ask(self, text):
        self.send(text)
        return self.receive()

    def monitor(self, command):
        """The output of a monitor command."""
        self.send("qRcmd," + command.encode().hex())
        text = ""
        while (answer := self.receive())[:1] == "O" and answer != "OK":
            text += bytes.fromhex(answer[1:]).decode()
        return text

    def interrupt(self):
        self.socket.sendall(b"\x03")
        return self.receive()

    def when(self):
        """This instruction, the first and the last one that are recorded."""
        return [int(n) for n in re.findall(r"\d+", self.monitor("when"))]

    def goto(self, where):
        text = self.monitor("goto %s" % where)
        assert text.startswith("at instruction"), text

    def registers(self, hart):
        self.ask("Hg%x" % (hart + 1))
        return self.ask("g")

    def pc(self, hart):
        return int.from_bytes(bytes.fromhex(self.registers(hart)[32 * 16:33 * 16]), "little")

    def memory_sum(self, address, length):
        self.ask("Qqemu.PhyMemMode:1")
        text = self.ask("qCRC:%x,%x" % (address, length))
        self.ask("Qqemu.PhyMemMode:0")
        return text

    def end(self):
        self.process.kill()
        return self.process.communicate()[0].decode("latin1")
