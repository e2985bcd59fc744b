#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The VNC server with viewers that are hostile or slow; passwords; who may connect to it. vnc.py RVIVE"""
import ctypes
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

RAW = struct.pack(">BxHi", 2, 1, 0)  # SetEncodings


def check(condition, text):
    if not condition:
        sys.exit("vnc.py: " + text)


def free_number():
    with socket.socket() as probe:
        while True:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port > 6000:
                return port - 5900
            probe = socket.socket()


class Emulator:
    """A machine with a blank screen, which does not run."""

    def __init__(self, rvive, address="127.0.0.1", options="", arguments=(), pass_fds=()):
        self.number = free_number()
        self.folder = tempfile.TemporaryDirectory()
        self.qmp_path = os.path.join(self.folder.name, "qmp")
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [rvive, "-M", "virt", "-m", "64M", "-bios", "none", "-S", "-nodefaults", "-device", "virtio-gpu-pci",
             "-display", "none", "-vnc", "%s:%d%s" % (address, self.number, options), "-serial", "null",
             "-qmp", "unix:%s,server,nowait" % self.qmp_path, *arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=pass_fds)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def connect(self, buffer=None, host="127.0.0.1"):
        deadline = time.monotonic() + 20
        while True:
            viewer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            if buffer:
                viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            viewer.settimeout(20)
            try:
                viewer.connect((host, 5900 + self.number))
                return viewer
            except ConnectionRefusedError:
                viewer.close()
                check(self.process.poll() is None, "the emulator has ended: " + self.said())
                check(time.monotonic() < deadline, "nobody listens")
                time.sleep(0.05)

    def lives(self, where):
        check(self.process.poll() is None, "%s: the emulator ended: %s" % (where, self.said()))

    def ask(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.connect(self.qmp_path)
            lines = qmp.makefile("rw")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
        return answer

    def end(self, seconds):
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            check(False, "it has not ended %d s after SIGTERM" % seconds)
        return time.monotonic() - start


def take(viewer, length):
    data = b""
    while len(data) < length:
        got = viewer.recv(min(length - len(data), 1 << 20))
        if not got:
            raise EOFError
        data += got
    return data


def handshake(viewer, version=b"RFB 003.008\n", password=None):
    """Does the handshake up to ServerInit; returns the screen's size."""
    check(take(viewer, 12) == b"RFB 003.008\n", "the banner")
    viewer.sendall(version)
    kind = 2 if password is not None else 1
    if version < b"RFB 003.007\n":
        check(struct.unpack(">I", take(viewer, 4))[0] == kind, "the security type")
    else:
        kinds = take(viewer, take(viewer, 1)[0])
        check(kinds == bytes([kind]), "the security types: %r" % kinds)
        viewer.sendall(bytes([kind]))
    if password is not None:
        challenge = ctypes.create_string_buffer(take(viewer, 16), 16)
        ctypes.CDLL("libvncserver.so.1").rfbEncryptBytes(challenge, ctypes.create_string_buffer(password, 16))
        viewer.sendall(challenge.raw)
    if password is not None or version >= b"RFB 003.008\n":
        if struct.unpack(">I", take(viewer, 4))[0]:
            raise PermissionError
    viewer.sendall(b"\1")
    width, height = struct.unpack(">HH", take(viewer, 4))
    take(viewer, 16)
    take(viewer, struct.unpack(">I", take(viewer, 4))[0])
    viewer.sendall(RAW)
    return width, height


def picture(viewer, width, height):
    """Asks for a whole picture in raw encoding and takes it."""
    viewer.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    pixels = 0
    while pixels < width * height:
        kind, count = struct.unpack(">BxH", take(viewer, 4))
        check(kind == 0, "a message of type %d" % kind)
        for _ in range(count):
            _, _, w, h, encoding = struct.unpack(">HHHHi", take(viewer, 12))
            check(encoding == 0, "encoding %d" % encoding)
            take(viewer, 4 * w * h)
            pixels += w * h


def is_closed(viewer):
    try:
        while viewer.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except socket.timeout:
        return False
    return True


def many_descriptors(rvive):
    """Viewers connect while descriptors beyond FD_SETSIZE (1024) are in use, which select() cannot handle."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    check(hard >= 2048, "this test needs 2048 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    with Emulator(rvive) as emulator:
        emulator.connect().close()
        used = max(int(name) for name in os.listdir("/proc/%d/fd" % emulator.process.pid))
    held = []
    while not held or held[-1] < 1100:
        held.append(os.dup(0))
    with Emulator(rvive, pass_fds=[fd for fd in held if fd > used + 1]) as emulator:
        for _ in range(3):
            viewers = [emulator.connect() for _ in range(12)]
            for viewer in viewers:
                size = handshake(viewer)
                picture(viewer, *size)
            check(max(int(name) for name in os.listdir("/proc/%d/fd" % emulator.process.pid)) > 1100,
                  "the descriptors are not many")
            for viewer in viewers:
                viewer.close()
        emulator.lives("many descriptors")
    for fd in held:
        os.close(fd)


def slow_viewers(rvive):
    """Viewers that ask for much and take nothing, or stop in the middle of a message, do not make others wait."""
    with Emulator(rvive) as emulator:
        bad = []
        for _ in range(3):
            viewer = emulator.connect(4096)
            width, height = handshake(viewer)
            viewer.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height) * 500)
            bad.append(viewer)
        for part in (b"", b"RFB 0", b"RFB 003.008\n"):
            bad.append(emulator.connect())
            bad[-1].sendall(part)
        for part in (b"\4", b"\2\0\0\5\0\0\0\0", b"\6\0\0\0\0\1\0\0abc", struct.pack(">BxHHBx", 251, 8, 8, 1)):
            bad.append(emulator.connect())
            handshake(bad[-1])
            bad[-1].sendall(part)
        start = time.monotonic()
        viewer = emulator.connect()
        size = handshake(viewer)
        for _ in range(5):
            picture(viewer, *size)
        passed = time.monotonic() - start
        check(passed < 8, "beside slow viewers, another one waited for %.1f s" % passed)
        # A slow viewer gets all of it, once it takes it.
        for _ in range(20):
            kind, count = struct.unpack(">BxH", take(bad[0], 4))
            for _ in range(count):
                _, _, w, h, _ = struct.unpack(">HHHHi", take(bad[0], 12))
                take(bad[0], 4 * w * h)
        with open("/proc/%d/status" % emulator.process.pid) as status:
            peak = [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]
        check(peak < 200000, "viewers that take nothing have cost %d KB" % peak)
        passed = emulator.end(10)
        check(passed < 3, "beside slow viewers, the end took %.1f s" % passed)


def other_messages(rvive):
    """Messages that this server does not use are skipped, or end the connection of that viewer only."""
    with Emulator(rvive) as emulator:
        viewer = emulator.connect()
        size = handshake(viewer)
        for factor in range(256):
            viewer.sendall(bytes([8, factor, 0, 0]) + bytes([15, factor, 0, 0]))  # SetScale, and PalmVNC's
        picture(viewer, *size)
        for length in (0, 3000000, -4 & 0xffffffff):  # ClientCutText, also with a negative length
            viewer.sendall(struct.pack(">BxxxI", 6, length) + b"x" * min(length, -length & 0xffffffff))
        viewer.sendall(b"\4\1\0\0\0\0\0\x61\4\0\0\0\0\0\0\x61\5\0\0\1\0\1")
        picture(viewer, *size)
        for message in (b"\7\0\0\0\0\0\0\0\0\0\0\0", b"\x0b\0\0\0\xff\xff\xff\xff", b"\1" * 20, b"\xff" * 20,
                        b"\2\0\xff\xff\0\0\0\0", b"\xfc\0\0\0\0\0\0\1x"):
            other = emulator.connect()
            handshake(other)
            other.sendall(message)
            check(is_closed(other), "a viewer that sent %r stays" % message)
        for start in (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
                      b"\x16\3\1\2\0\1\0\1\xfc\3\3", b"RFB 004.000\n", b"RFB 003.00x\n", b"\0" * 12):
            other = emulator.connect()
            other.sendall(start)
            check(is_closed(other), "a viewer that began with %r stays" % start)
        for choice in (b"\2", b"\5", b"\x10", b"\0", b"\x13"):
            other = emulator.connect()
            take(other, 12)
            other.sendall(b"RFB 003.008\n" + choice)
            check(is_closed(other), "a viewer that chose the security type %r stays" % choice)
        for version in (b"RFB 003.003\n", b"RFB 003.005\n", b"RFB 003.007\n", b"RFB 003.889\n"):
            other = emulator.connect()
            picture(other, *handshake(other, version if version != b"RFB 003.005\n" else b"RFB 003.003\n"))
        picture(viewer, *size)
        emulator.lives("other messages")


def lets_in(emulator, password, version=b"RFB 003.008\n"):
    with emulator.connect() as viewer:
        try:
            picture(viewer, *handshake(viewer, version, password))
            return True
        except (PermissionError, EOFError, ConnectionError):
            return False


def passwords(rvive):
    with Emulator(rvive, options=",password=on") as emulator:
        check(not lets_in(emulator, b""), "it lets somebody in before there is a password")
        check("return" in emulator.ask("set_password", protocol="vnc", password="correct"), "set_password")
        for version in (b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"):
            check(lets_in(emulator, b"correct", version), "not with the password (%r)" % version)
            check(not lets_in(emulator, b"wrong", version), "with another password (%r)" % version)
            check(not lets_in(emulator, b"", version), "with no password (%r)" % version)
        with emulator.connect() as viewer:  # without having been asked
            take(viewer, 12)
            viewer.sendall(b"RFB 003.008\n\1\1")
            check(is_closed(viewer), "it let somebody choose to need no password")
        check("return" in emulator.ask("change-vnc-password", password="another"), "change-vnc-password")
        check(lets_in(emulator, b"another") and not lets_in(emulator, b"correct"), "change-vnc-password")
        for when, inside in (("now", False), ("+100", True), ("never", True), ("1", False)):
            check("return" in emulator.ask("expire_password", protocol="vnc", time=when), "expire_password")
            check(lets_in(emulator, b"another") == inside, "expire_password %s" % when)
        check("spice" in emulator.ask("set_password", protocol="spice", password="x")["error"]["desc"], "spice")
        check("+SECONDS" in emulator.ask("expire_password", protocol="vnc", time="soon")["error"]["desc"], "soon")
        emulator.ask("expire_password", protocol="vnc", time="never")
        answer = emulator.ask("human-monitor-command", **{"command-line": "change vnc password third"})
        check(answer["return"] == "" and lets_in(emulator, b"third"), "change vnc password: %r" % answer)
    with Emulator(rvive) as emulator:
        emulator.connect().close()
        text = emulator.ask("set_password", protocol="vnc", password="x")["error"]["desc"]
        check("password=on" in text, "without password=on: " + text)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("in a file\n")
        file.flush()
        for secret, password in (("file=" + file.name, b"in a fil"), ("data=given", b"given")):
            arguments = ("-object", "secret,id=s," + secret)
            with Emulator(rvive, options=",password-secret=s", arguments=arguments) as emulator:
                check(lets_in(emulator, password) and not lets_in(emulator, b"x"), "password-secret, " + secret)


def refused(rvive, words, **how):
    with Emulator(rvive, **how) as emulator:
        check(emulator.process.wait(20) != 0, "%r is accepted" % how)
        check(all(word in emulator.said() for word in words), "%r: it says %r" % (how, emulator.said()))


def who_reaches_it(rvive):
    refused(rvive, ("0.0.0.0", "insecure=on"), address="0.0.0.0")
    refused(rvive, ("[::]", "insecure=on"), address="[::]")
    refused(rvive, ("no -object secret,id=s",), options=",password-secret=s")
    for how in ({"address": "0.0.0.0", "options": ",insecure=on"}, {"address": "0.0.0.0", "options": ",password=on"},
                {"address": "localhost"}, {"address": "127.0.0.2"}):
        with Emulator(rvive, **how) as emulator:
            emulator.connect(host="127.0.0.2" if how["address"] == "127.0.0.2" else "127.0.0.1").close()
    with Emulator(rvive, address="") as emulator:
        emulator.connect().close()
        check("this computer only" in emulator.said(), "it does not say who reaches it: " + emulator.said())
        with Emulator(rvive) as second:
            second.process.kill()
    if os.path.exists("/proc/net/if_inet6") and "::1" in socket.getaddrinfo("::1", 1)[0][4]:
        with Emulator(rvive, address="[::1]") as emulator:
            picture_of = emulator.connect(host="::1")
            picture(picture_of, *handshake(picture_of))


def main():
    for test in (many_descriptors, slow_viewers, other_messages, passwords, who_reaches_it):
        test(sys.argv[1])


if __name__ == "__main__":
    main()
