#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The monitor, QMP and gdb on TCP do not obey what a page in the user's browser can send to them. browser.py RVIVE"""
import socket
import ssl
import time

from lib import Emulator, Qmp, Stream, check, main

COMMANDS = {
    "text": "\r\nstop\r\nquit\r\n",
    "qmp": '\r\n{"execute": "qmp_capabilities"}\r\n{"execute": "stop"}\r\n{"execute": "quit"}\r\n',
    "gdb": "\r\n$?#3f$vKill;1#6e\r\n",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect(port):
    deadline = time.monotonic() + 20
    while True:
        client = socket.socket()
        client.settimeout(20)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            client.connect(("127.0.0.1", port))
            return client
        except ConnectionRefusedError:
            check(time.monotonic() < deadline, "nobody listens")
            time.sleep(0.05)


def until_closed(client, what):
    answer = b""
    try:
        while True:
            got = client.recv(65536)
            if not got:
                return answer
            answer += got
    except ConnectionError:
        return answer
    except socket.timeout:
        check(False, "%s: the connection stays open" % what)


def request(method, body):
    return ("%s / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s" %
            (method, len(body), body)).encode()


def requests(rvive):
    ports = {kind: free_port() for kind in COMMANDS}
    with Emulator(rvive, "-monitor", "tcp:127.0.0.1:%d,server,nowait" % ports["text"],
                  "-qmp", "tcp:127.0.0.1:%d,server,nowait" % ports["qmp"],
                  "-gdb", "tcp:127.0.0.1:%d" % ports["gdb"], "-qmp", "unix:@/qmp,server,nowait",
                  "-serial", "null") as emulator:
        for kind, port in ports.items():
            for method in ("POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE"):
                data = request(method, COMMANDS[kind])
                for step in (len(data), 1 if method == "POST" else 3):
                    client = connect(port)
                    try:
                        for at in range(0, len(data), step):
                            client.sendall(data[at:at + step])
                            if step < len(data) and at < 24:
                                time.sleep(0.002)
                    except ConnectionError:
                        pass
                    until_closed(client, "%s to %s" % (method, kind))
                    client.close()
            client = connect(port)
            context = ssl.create_default_context()
            try:
                context.wrap_socket(client, server_hostname="localhost")
                check(False, "TLS")
            except (OSError, ssl.SSLError) as error:
                check(not isinstance(error, socket.timeout), "TLS to %s stays open" % kind)
            client.close()
        check(emulator.alive(), "a page has ended the emulator")
        check(Qmp(emulator.path("qmp")).ask("query-status")["return"]["running"], "a page has stopped the guest")
        # Clients for which the server is meant are served as before, also one whose first line begins like an HTTP request.
        client = connect(ports["text"])
        stream = Stream(client.fileno())
        stream.until("(rvive) ")
        client.sendall(b"PO")
        time.sleep(0.1)
        client.sendall(b"WER\nGETS\ninfo status\n")
        check("running" in stream.until("running"), "the monitor")
        client.close()
        client = connect(ports["gdb"])
        client.sendall(b"+$qSupported#37")
        Stream(client.fileno()).until("PacketSize")
        client.close()


main(requests)
