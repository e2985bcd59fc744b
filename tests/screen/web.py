# SPDX-License-Identifier: MIT
"""A client for websockets (RFC 6455), which looks like a socket. As a program, `web.py PORT COMMAND...` runs the
command, in which the word PORT stands for a TCP port that leads to the websocket, with a connection of its own for each
client."""
import os
import socket
import struct
import subprocess
import sys
import threading

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # as in the RFC, section 1.3


def request(**fields):
    """The text of a request; a field that is None is left out."""
    lines = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
             "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "binary"}
    lines.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = ["%s: %s\r\n" % line for line in lines.items() if line[1] is not None]
    return ("GET /websockify HTTP/1.1\r\n" + "".join(lines) + "\r\n").encode()


def frame(payload, opcode=2, final=True, mask=b"\x5a\x01\xff\x80"):
    length = len(payload)
    head = bytes([opcode | (0x80 if final else 0)])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += struct.pack(">BH", 0x80 | 126, length)
    else:
        head += struct.pack(">BQ", 0x80 | 127, length)
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


class Refused(Exception):
    pass


class Web:
    """An open connection; recv() and sendall() work like those of a socket."""

    def __init__(self, plain, **fields):
        self.socket, self.raw, self.data = plain, b"", b""
        plain.sendall(request(**fields))
        while b"\r\n\r\n" not in self.raw:
            got = plain.recv(4096)
            if not got:
                raise EOFError
            self.raw += got
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        self.status, *lines = head.decode().split("\r\n")
        self.fields = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines}
        if self.status.split()[1] != "101":
            raise Refused(self.status)
        assert self.fields["upgrade"].lower() == "websocket" and self.fields["connection"].lower() == "upgrade"
        assert self.fields["sec-websocket-accept"] == ACCEPT, self.fields
        assert self.fields.get("sec-websocket-protocol") == lines_protocol(fields), self.fields

    def take_raw(self, length):
        while len(self.raw) < length:
            got = self.socket.recv(65536)
            if not got:
                raise EOFError
            self.raw += got
        data, self.raw = self.raw[:length], self.raw[length:]
        return data

    def take_frame(self):
        first, length = self.take_raw(2)
        assert first & 0x70 == 0 and not length & 0x80, "a server's frame: %02x %02x" % (first, length)
        if length == 126:
            length, = struct.unpack(">H", self.take_raw(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.take_raw(8))
        return first, self.take_raw(length)

    def recv(self, length):
        while not self.data:
            first, payload = self.take_frame()
            if first == 0x88:
                return b""
            assert first == 0x82, "a frame of type %02x" % first
            self.data = payload
        data, self.data = self.data[:length], self.data[length:]
        return data

    def sendall(self, data):
        self.socket.sendall(frame(data))

    def close(self):
        self.socket.close()


def lines_protocol(fields):
    return "binary" if fields.get("Sec_WebSocket_Protocol", "binary") is not None else None


def pump(read, write, end):
    try:
        while data := read(65536):
            write(data)
    except (OSError, EOFError):
        pass
    end()


def bridge(listener, port):
    while True:
        try:
            plain = listener.accept()[0]
        except OSError:
            return
        web = Web(socket.create_connection(("127.0.0.1", port)))

        def end(plain=plain, web=web):
            for each in (plain, web.socket):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for ways in ((plain.recv, web.sendall, end), (web.recv, plain.sendall, end)):
            threading.Thread(target=pump, args=ways, daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=bridge, args=(listener, int(sys.argv[1])), daemon=True).start()
    command = [str(listener.getsockname()[1]) if word == "PORT" else word for word in sys.argv[2:]]
    status = subprocess.run(command, check=False).returncode
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
