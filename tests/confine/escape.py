# SPDX-License-Identifier: MIT
"""Threads of a build that is broken on purpose try to leave the sandbox (escape.c says how): each attempt is refused if
it must be, and succeeds with -sandbox off, which shows that the test can fail."""
import os
import signal
import socket
import subprocess
import sys
import tempfile

ROLES = ("main", "hart", "translator", "timer", "worker", "folder", "host")
# For these roles Landlock decides which names they may open; the others may not open anything.
OPENS = ("main", "folder", "host")
ALL = ("read-file read-inside read-beside list-beside write-beside write-file memory-file fork execve connect named-port abstract-socket listen packet-socket "
       "datagram ptrace peek kill executable-memory make-executable namespace become-user priority new-privileges bpf").split()

failures = 0


def check(condition, text):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", text)


class Site:
    """A folder that the command line names, one that it does not name, the one that the emulator is started in, a disk, a
    listener, and a process to attack."""

    def __init__(self, top):
        self.top = top
        self.inside, self.outside, self.here = (os.path.join(top, name) for name in ("inside", "outside", "here"))
        for folder in (self.inside, self.outside, self.here):
            os.mkdir(folder)
        with open(os.path.join(self.here, "private"), "w") as file:
            file.write("not for the guest\n")
        self.disk = os.path.join(self.inside, "disk.raw")
        with open(self.disk, "wb") as file:
            file.truncate(1 << 20)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.named = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.abstract_name = "rvive-escape-%d" % os.getpid()
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0" + self.abstract_name)
        self.abstract.listen(64)
        self.victim = subprocess.Popen(["sleep", "600"])

    def run(self, emulator, *flags):
        """What each thread could do: {(role, attempt): (done, reason)}."""
        with tempfile.TemporaryFile() as report:
            environment = dict(os.environ, ESCAPE_REPORT=str(report.fileno()), ESCAPE_INSIDE=self.disk,
                               ESCAPE_OUTSIDE=self.outside, ESCAPE_PORT=str(self.listener.getsockname()[1]),
                               ESCAPE_NAMED_PORT=str(self.named.getsockname()[1]), ESCAPE_ABSTRACT=self.abstract_name,
                               ESCAPE_VICTIM=str(self.victim.pid), ESCAPE_HERE=self.here, TMPDIR=self.here)
            run = subprocess.run(
                [emulator, "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "stdio",
                 "-drive", "file=%s,format=raw,if=virtio" % self.disk,
                 "-virtfs", "local,path=%s,mount_tag=t,security_model=none" % self.inside, *flags],
                input="info sandbox\nquit\n", env=environment, cwd=self.here, pass_fds=[report.fileno()],
                capture_output=True, text=True, timeout=60)
            check(run.returncode == 0, "%s: status %d: %s" % (flags, run.returncode, run.stderr))
            report.seek(0)
            lines = report.read().decode().splitlines()
        found = {}
        for line in lines:
            role, attempt, rest = line.split(" ", 2)
            # If a role has several threads, the one with the most rights counts.
            if not found.get((role, attempt), (False,))[0]:
                found[role, attempt] = (rest == "done", rest)
        for role in ROLES:
            check(found.get((role, "end"), (False,))[0], "%s: no thread with the role %s" % (flags, role))
        escaped = os.path.join(self.outside, "escaped")
        if os.path.exists(escaped):
            check(any(found.get((role, "write-file"), (False,))[0] for role in ROLES), "a file nobody made")
            os.unlink(escaped)
        return found, run.stdout

    def close(self):
        self.victim.send_signal(signal.SIGKILL)
        self.victim.wait()
        for server in self.listener, self.named, self.abstract:
            server.close()


def expect(found, flags, allowed):
    for role in ROLES:
        for attempt in ALL:
            done, rest = found.get((role, attempt), (False, "nothing"))
            wanted = allowed(role, attempt)
            check(done == wanted, "%s: %s %s: %s, which should be %s" %
                  (flags, role, attempt, rest, "done" if wanted else "refused"))


def default_allows(role, attempt):
    return attempt in ("read-inside", "write-beside") and role in OPENS


def network_allows(text):
    """With sockets, Landlock keeps the process from abstract ones, if the kernel's Landlock is new enough."""
    scopes = "abstract sockets (Landlock): on" in text
    return lambda role, attempt: default_allows(role, attempt) or (
        role in ("main", "host") and (attempt in ("connect", "named-port", "listen", "datagram") or
                                      (attempt == "abstract-socket" and not scopes)))


def client_allows(text):
    """With a client on the command line, Landlock lets the process connect to that port only."""
    network, tcp = network_allows(text), "TCP (Landlock): on" in text
    return lambda role, attempt: network(role, attempt) and not (tcp and attempt in ("connect", "listen"))


def spawn_allows(text):
    """Programs that may be started may do more, but TCP stays limited."""
    tcp = "TCP (Landlock): on" in text
    return lambda role, attempt: (
        default_allows(role, attempt) or (role in OPENS and attempt in ("read-file", "read-beside", "list-beside")) or
        (role in ("main", "host") and (attempt in ("fork", "execve", "kill", "executable-memory", "make-executable", "datagram",
                                                   "packet-socket", "abstract-socket") or
                                       (not tcp and attempt in ("connect", "named-port", "listen")))))


def main():
    emulator = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
        site = Site(top)
        try:
            found, text = site.run(emulator, "-nic", "none", "-sandbox", "off")
            check("sandbox: off" in text, "info sandbox does not say that it is off: " + text)
            root = os.geteuid() == 0
            expect(found, "-sandbox off", lambda role, attempt: root or attempt != "packet-socket")
            found, text = site.run(emulator, "-nic", "none")
            check("sandbox: on" in text, "info sandbox does not say that it is on: " + text)
            expect(found, "by default", default_allows)
            found, _ = site.run(emulator, "-nic", "none", "-sandbox",
                                "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
            expect(found, "-sandbox on, all denied", default_allows)
            found, text = site.run(emulator, "-nic", "user")
            expect(found, "-nic user", network_allows(text))
            found, text = site.run(emulator, "-nic", "none", "-device", "virtio-serial-device", "-chardev",
                                   "socket,id=c,host=127.0.0.1,port=%d" % site.named.getsockname()[1], "-device",
                                   "virtconsole,chardev=c")
            expect(found, "a client", client_allows(text))
            found, text = site.run(emulator, "-nic", "none", "-sandbox", "on,spawn=allow")
            expect(found, "spawn=allow", spawn_allows(text))
            found, _ = site.run(emulator, "-nic", "none", "-sandbox",
                                "on,elevateprivileges=children,resourcecontrol=allow")
            expect(found, "elevateprivileges, resourcecontrol", lambda role, attempt: default_allows(role, attempt) or
                   (role in ("main", "host") and attempt in ("become-user", "priority")))
        finally:
            site.close()
    print("%d failures" % failures)
    return failures > 0


sys.exit(main())
