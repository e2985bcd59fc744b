#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""VNC viewers that connect through websockets, through TLS and through both: pictures, passwords, who is let in, and
hostile viewers. vnc_web.py RVIVE"""
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time

import vnc
from vnc import Emulator, check, handshake, is_closed, picture, take
from web import Refused, Web, frame, request

WEB = ",websocket=on"


class Browsers(Emulator):
    """An emulator that also listens for websockets."""

    def __init__(self, rvive, options="", **how):
        super().__init__(rvive, options=WEB + options, **how)

    def plain(self, context=None):
        """A TCP (or TLS) connection to the port for websockets."""
        self.connect().close()  # waits until it listens
        raw = socket.create_connection(("127.0.0.1", 5700 + self.number), 20)
        return context.wrap_socket(raw) if context else raw

    def open(self, context=None, **fields):
        return Web(self.plain(context), **fields)


def pictures(rvive):
    with Browsers(rvive) as emulator:
        for fields in ({}, {"Sec_WebSocket_Protocol": None}, {"Sec_WebSocket_Protocol": "base64, binary"},
                       {"Connection": "Upgrade"}, {"Upgrade": "WebSocket"}):
            viewer = emulator.open(**fields)
            size = handshake(viewer)
            picture(viewer, *size)
        # Messages in many fragments, with other frames between them, and many messages in one.
        keys = b"\4\1\0\0\0\0\0\x61\4\0\0\0\0\0\0\x61" * 20
        ask = struct.pack(">BBHHHH", 3, 0, 0, 0, *size)
        text = keys + ask
        for number, byte in enumerate(text):
            viewer.socket.sendall(frame(bytes([byte]), 2 if number == 0 else 0, number == len(text) - 1,
                                        bytes([number & 255] * 4)))
            if number % 50 == 0:
                viewer.socket.sendall(frame(b"", 0, False) if number else b"")
                viewer.socket.sendall(frame(b"p%d" % number, 9) + frame(b"", 10))
                check(viewer.take_frame() == (0x8a, b"p%d" % number), "a ping is not answered")
        pixels = 0
        while pixels < size[0] * size[1]:
            _, count = struct.unpack(">BxH", take(viewer, 4))
            for _ in range(count):
                _, _, w, h, _ = struct.unpack(">HHHHi", take(viewer, 12))
                take(viewer, 4 * w * h)
                pixels += w * h
        viewer.socket.sendall(frame(b"\x03\xe8bye", 8))
        check(viewer.take_frame() == (0x88, b"\x03\xe8bye") and is_closed(viewer.socket), "closing")
        # A byte at a time.
        slow = emulator.plain()
        for byte in request():
            slow.sendall(bytes([byte]))
        check(slow.recv(12) == b"HTTP/1.1 101", "a slow request")
        check(not emulator.said().count("disconnected"), "it says: " + emulator.said())
    with Emulator(rvive, options=",websocket=%d" % (vnc.free_number() + 5900)) as emulator:
        port = int(emulator.process.args[emulator.process.args.index("-vnc") + 1].split("=")[1])
        emulator.connect().close()
        viewer = Web(socket.create_connection(("127.0.0.1", port), 20))
        picture(viewer, *handshake(viewer))
        vnc.refused(rvive, ("port %d" % port, "listened"), options=",websocket=%d" % port)
    vnc.refused(rvive, ("websocket",), options=",websocket=70000")
    vnc.refused(rvive, ("0.0.0.0", "insecure=on"), address="0.0.0.0", options=WEB)


def is_refused(emulator, **fields):
    try:
        emulator.open(**fields)
    except (Refused, EOFError, ConnectionError):
        return True
    return False


def origins(rvive):
    """Any web page can make its visitor's browser connect to this computer."""
    inside = ({}, {"Origin": "http://localhost:6080"}, {"Origin": "https://127.0.0.1"}, {"Origin": "http://[::1]:1"},
              {"Origin": "http://192.0.2.7:6080", "Host": "192.0.2.7:5701"})
    outside = ({"Origin": "http://site.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://"},
               {"Origin": "http://site.example:5701", "Host": "site.example:5701"},  # this name may lead to this computer
               {"Origin": "http://localhost.site.example"}, {"Origin": "http://127.0.0.1.site.example"},
               {"Origin": "http://192.0.2.7", "Host": "192.0.2.8"}, {"Origin": "file://"},
               {"Origin": "http://site.example#http://localhost"}, {"Origin": "http://localhost@site.example"},
               {"Origin": "x" * 300 + "://" + "y" * 300})
    with Browsers(rvive) as emulator:
        for fields in inside:
            check(not is_refused(emulator, **fields), "%r is kept out" % fields)
        for fields in outside:
            check(is_refused(emulator, **fields), "%r is let in" % fields)
        check("origin=" in emulator.said(), "it does not say how to let pages in: " + emulator.said())
        twice = emulator.plain()
        twice.sendall(request(Origin="http://localhost\r\nOrigin: http://site.example"))
        check(twice.recv(12) == b"HTTP/1.1 400", "two origins")
    with Browsers(rvive, ",origin=http://site.example") as emulator:
        check(not is_refused(emulator, Origin="http://site.example"), "origin=")
        check(is_refused(emulator, Origin="http://site.example:81"), "origin=, another port")
    with Browsers(rvive, ",password=on") as emulator:
        check(not is_refused(emulator, **outside[4]), "with a password, a page from the same host")
        check(is_refused(emulator, **outside[0]), "with a password, a page from elsewhere")
    with Browsers(rvive, ",origin=*") as emulator:
        check(not is_refused(emulator, Origin="null"), "origin=*")
    vnc.refused(rvive, ("origin",), options=WEB + ",origin=site.example")


def hostile(rvive):
    """Bad requests and bad frames end that connection only."""
    with Browsers(rvive) as emulator:
        good = emulator.open()
        size = handshake(good)
        requests = [b"RFB 003.008\n", b"POST / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\3\1\2\0\1",
                    b"GET /" + b"x" * 9000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
                    request() + b"\x82\x80\0\0\0\0", request(Sec_WebSocket_Version="8"), request(Upgrade="h2c"),
                    request(Sec_WebSocket_Key="short"), request(Sec_WebSocket_Protocol="base64"),
                    request(Host="a\0b"), request(Connection=None), request().replace(b"1.1", b"1.0"),
                    request().replace(b"\r\n", b"\n") + b"\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n:\r\n\r\n"]
        for text in requests:
            other = emulator.plain()
            other.sendall(text)
            check(is_closed(other), "a request is not refused: %r" % text[:80])
        frames = [b"\x82\x05hello", frame(b"text", 1), frame(b"x", 3), frame(b"x", 11), frame(b"x", 0),
                  frame(b"x", 2, False) + frame(b"x", 2), frame(b"x" * 126, 9), frame(b"x", 9, False),
                  frame(b"x", 0x42), frame(b"x", 0x12), b"\x82\xfe\0\1" + b"\0" * 5, b"\x82\xff" + b"\0" * 7 + b"\5" + b"\0" * 9,
                  b"\x82\xff\xff" + b"\xff" * 7 + b"\0" * 4, b"\x88\xfe\0\x7f\0\0\0\0" + b"\0" * 127, frame(b"RFB 004.000\n"),
                  frame(b"GET / HTTP/1.1\r\n\r\n"), frame(b"RFB 003.008\n\1\1\xff")]
        for text in frames:
            other = emulator.open()
            other.socket.sendall(text)
            check(is_closed(other.socket), "a frame is not refused: %r" % text[:80])
        # A length of 2^62 announces much data; the server stores none of it.
        other = emulator.open()
        other.socket.sendall(b"\x82\xff\x40" + b"\0" * 7 + b"\0" * 4 + b"RFB 003.008\n")
        check(take(other, 14)[12:] == b"\1\1", "a long frame")
        # A client that sends pings and takes no answers costs no memory.
        flood = emulator.open()
        flood.socket.settimeout(0.2)
        try:
            for _ in range(2000):
                flood.socket.sendall(frame(b"x" * 125, 9) * 100)
        except (socket.timeout, TimeoutError, ssl.SSLError):
            pass
        with open("/proc/%d/status" % emulator.process.pid) as status:
            peak = [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]
        check(peak < 200000, "pings have cost %d KB" % peak)
        noise = random.Random(int(os.environ.get("RVIVE_SEED", "1")))
        for _ in range(100):
            other = emulator.open()
            text = bytearray(frame(b"RFB 003.008\n") + frame(b"\1") + frame(b"\1") + frame(b"\4\1\0\0\0\0\0\x61" * 9))
            for _ in range(noise.randrange(1, 4)):
                text[noise.randrange(len(text))] = noise.randrange(256)
            other.socket.sendall(text)
            other.close()
        # Clients that speak and clients that are silent are served as before.
        picture(good, *size)
        silent = [emulator.plain() for _ in range(5)]
        start = time.monotonic()
        viewer = emulator.open()
        picture(viewer, *handshake(viewer))
        check(time.monotonic() - start < 8 and silent, "beside silent ones it takes long")
        emulator.lives("hostile browsers")
        check(emulator.end(10) < 3, "the end takes long")


# ---- TLS ---------------------------------------------------------------------------------------------------

def openssl(*words):
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    check(done.returncode == 0, "openssl: " + done.stderr.decode())


def sign(folder, name, purpose, authority="ca"):
    """A key, and a certificate for it by the authority."""
    at = lambda end: os.path.join(folder, name + end)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("-key.pem"), "-out", at(".csr"), "-subj",
            "/CN=localhost")
    with open(at(".ext"), "w") as file:
        file.write("basicConstraints=CA:FALSE\nextendedKeyUsage=%s\nsubjectAltName=DNS:localhost\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" % purpose)
    openssl("x509", "-req", "-in", at(".csr"), "-CA", os.path.join(folder, authority + "-cert.pem"), "-CAkey",
            os.path.join(folder, authority + "-key.pem"), "-CAcreateserial", "-days", "2", "-out", at("-cert.pem"),
            "-extfile", at(".ext"))


def make_certificates(folder):
    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                os.path.join(folder, authority + "-key.pem"), "-out", os.path.join(folder, authority + "-cert.pem"),
                "-days", "2", "-subj", "/CN=" + authority,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign") # Python 3.13 wants what RFC 5280 asks of authorities
    sign(folder, "server", "serverAuth")
    sign(folder, "client", "clientAuth")
    sign(folder, "wrong", "serverAuth")
    sign(folder, "stranger", "clientAuth", "other")


def context(folder, client=None, authority="ca"):
    """A context that checks the server's certificate, and has a certificate of its own if `client` names one."""
    made = ssl.create_default_context(cafile=os.path.join(folder, authority + "-cert.pem"))
    made.check_hostname = False
    if client:
        made.load_cert_chain(*(os.path.join(folder, client + end) for end in ("-cert.pem", "-key.pem")))
    return made


def tls_object(folder, rest=""):
    return ("-object", "tls-creds-x509,id=t,dir=%s,endpoint=server%s" % (folder, rest))


def vencrypt(emulator, tls, kind, plain=None):
    """Does the handshake up to the end of RFB's security; returns the connection, or raises."""
    viewer = emulator.connect()
    check(take(viewer, 12) == b"RFB 003.008\n", "the banner")
    viewer.sendall(b"RFB 003.008\n")
    check(take(viewer, 2) == b"\1\x13", "VeNCrypt alone is offered")
    viewer.sendall(b"\x13")
    check(take(viewer, 2) == b"\0\2", "VeNCrypt's version")
    viewer.sendall(b"\0\2")
    check(take(viewer, 2) == b"\0\1" and struct.unpack(">I", take(viewer, 4))[0] == kind, "VeNCrypt's types")
    viewer.sendall(struct.pack(">I", kind))
    check(take(viewer, 1) == b"\1", "VeNCrypt's answer")
    if plain is not None:
        viewer.sendall(plain)
        return viewer
    return tls.wrap_socket(viewer)


class Secured:
    """The connection inside TLS, for handshake(), which does the banner and the security again: this class plays the
    server's part in them."""

    def __init__(self, viewer, kind):
        self.viewer, self.first, self.quiet = viewer, b"RFB 003.008\n" + bytes([1, kind]), 13

    def recv(self, length):
        data, self.first = self.first[:length], self.first[length:]
        return data or self.viewer.recv(length)

    def sendall(self, data):
        skipped = min(self.quiet, len(data))
        self.quiet -= skipped
        if data[skipped:]:
            self.viewer.sendall(data[skipped:])


def tls_viewer(emulator, tls, password=None):
    viewer = Secured(vencrypt(emulator, tls, 260 if password is None else 261), 1 if password is None else 2)
    picture(viewer, *handshake(viewer, password=password))


def fails(action, *arguments):
    try:
        action(*arguments)
    except (OSError, EOFError, PermissionError):
        return True
    return False


def tls_viewers(rvive):
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(folder)
        ours, none = context(folder, "client"), context(folder)
        with Browsers(rvive, ",tls-creds=t", arguments=tls_object(folder, ",verify-peer=off")) as emulator:
            tls_viewer(emulator, none)
            viewer = emulator.open(none)
            size = handshake(viewer)
            for _ in range(3):
                picture(viewer, *size)
            check(fails(tls_viewer, emulator, context(folder, authority="other")), "the test looks at nothing")
            check(fails(emulator.open), "a websocket without TLS")
            without_tls(emulator)
            old = context(folder)
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            tls_viewer(emulator, old)
            emulator.lives("TLS")
            check(emulator.end(10) < 3, "the end takes long")
        # Viewers with certificates: as with a password, other computers may connect.
        with Browsers(rvive, ",tls-creds=t", address="0.0.0.0", arguments=tls_object(folder)) as emulator:
            tls_viewer(emulator, ours)
            viewer = emulator.open(ours)
            picture(viewer, *handshake(viewer))
            for name in (None, "stranger", "wrong"):
                check(fails(tls_viewer, emulator, context(folder, name)), "let in with the certificate %s" % name)
                check(fails(lambda: handshake(emulator.open(context(folder, name)))), "let in with %s" % name)
            check("ca-cert.pem" in emulator.said(), "it does not say why: " + emulator.said())
        secret = ("-object", "secret,id=s,data=word", *tls_object(folder, ",verify-peer=off"))
        with Browsers(rvive, ",tls-creds=t,password-secret=s", arguments=secret) as emulator:
            tls_viewer(emulator, none, b"word")
            check(fails(tls_viewer, emulator, none, b"wrong"), "another password")
            viewer = emulator.open(none)
            picture(viewer, *handshake(viewer, password=b"word"))
            check(fails(lambda: handshake(emulator.open(none), password=b"wrong")), "another password, web")
        wrong_files(rvive, folder)


def without_tls(emulator):
    """Viewers that do not ask for TLS, ask wrongly, or send data before it."""
    for text in (b"RFB 003.003\n", b"RFB 003.008\n\1", b"RFB 003.008\n\2", b"RFB 003.008\n\x13\0\1",
                 b"RFB 003.008\n\x13\0\2\0\0\1\1", b"RFB 003.008\n\x13\0\2\0\0\1\5",
                 b"RFB 003.008\n\x13\0\2\0\0\1\4\1"):
        viewer = emulator.connect()
        viewer.sendall(text)
        check(is_closed(viewer), "a viewer without TLS stays: %r" % text)
    for text in (b"\1", b"\1\0\0\0\0\0\0\0\0\0", b"\x16\3\1\xff\xff" + b"x" * 65535, b"\x16\3\1\0\4\1\xff\xff\xff"):
        viewer = vencrypt(emulator, None, 260, text)
        fails(viewer.shutdown, socket.SHUT_WR)  # it may be closed already
        check(is_closed(viewer), "what is no TLS: %r" % text[:20])
    silent = [vencrypt(emulator, None, 260, b"") for _ in range(5)]
    check(silent and not fails(emulator.connect), "it has no more time")


def wrong_files(rvive, folder):
    vnc.refused(rvive, ("tls-creds-x509,id=t",), options=",tls-creds=t")
    for name, words in (("server-cert.pem", "server-cert.pem"), ("server-key.pem", "server-key.pem"),
                        ("ca-cert.pem", "ca-cert.pem")):
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            content = file.read()
        for wrong in (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None):
            os.unlink(path)
            if wrong is not None:
                with open(path, "wb") as file:
                    file.write(wrong)
            vnc.refused(rvive, (words, "id=t"), options=",tls-creds=t", arguments=tls_object(folder))
            if wrong is None:
                with open(path, "wb") as file:
                    file.write(content)
    vnc.refused(rvive, ("priority",), options=",tls-creds=t", arguments=tls_object(folder, ",priority=NOTHING"))


def crowd(rvive):
    """As many silent connections as there are places keep nobody out for long, and viewers that are connected stay
    connected."""
    with Browsers(rvive) as emulator:
        good = emulator.open()
        size = handshake(good)
        silent = [emulator.plain() for _ in range(20)] + [emulator.connect() for _ in range(20)]
        start = time.monotonic()
        viewer = emulator.connect()
        picture(viewer, *handshake(viewer))
        passed = time.monotonic() - start
        check(passed < 15, "beside %d silent viewers, another one waited for %.1f s" % (len(silent), passed))
        picture(good, *size)


def main():
    for test in (pictures, origins, hostile, crowd, tls_viewers):
        start = time.monotonic()
        test(sys.argv[1])
        print("%s: %.1f s" % (test.__name__, time.monotonic() - start))


main()
