# SPDX-License-Identifier: MIT
"""On every signal that can be caught, the emulator gives the terminal back, on whatever thread the signal arrives, and
the exit status says which signal it was; Ctrl-Z and fg work as with any program. terminal_signals.py RVIVE"""
import ctypes
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time

QUITS = ["INT", "TERM", "HUP", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "XCPU", "PWR", "IO", "STKFLT", "RTMIN", "RTMAX"]
FAULTS = ["SEGV", "BUS", "ILL", "FPE", "TRAP", "SYS", "ABRT", "QUIT"]
IGNORED = ["PIPE", "XFSZ", "CHLD", "URG", "WINCH"]
failures = 0


def report(name, right, text):
    global failures
    print("%s %s: %s" % ("ok  " if right else "FAIL", name, text), flush=True)
    failures += not right


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Terminal:
    """The emulator on a terminal of its own, as a job of a shell: in a process group whose parent is in the session."""

    def __init__(self, rvive, guest, *arguments):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.status = None
        self.reader, writer = os.pipe()
        self.shell = os.fork()
        if self.shell == 0:
            os.close(self.reader)
            self.run_shell(writer, [rvive, "-M", "virt", "-m", "16M", "-bios", guest, "-nic", "none"] + list(arguments))
        os.close(writer)
        self.job = int(self.line())

    def run_shell(self, writer, command):
        """Starts the job in the foreground, reports its states, and continues it when it has stopped."""
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.setsid()
        os.close(os.open(os.ttyname(self.slave), os.O_RDWR))  # becomes the controlling terminal
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            for number in range(3):
                os.dup2(self.slave, number)
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.execv(command[0], command)
        os.write(writer, b"%d\n" % job)
        while True:
            _, status = os.waitpid(job, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                os.write(writer, b"%d\n" % os.waitstatus_to_exitcode(status))
                os._exit(0)
            ours = termios.tcgetattr(self.slave)
            os.tcsetpgrp(self.slave, os.getpid())
            termios.tcsetattr(self.slave, termios.TCSANOW, self.before)  # as shells do
            os.write(writer, b"stopped %d\n" % (ours == self.before))
            time.sleep(0.2)
            os.tcsetpgrp(self.slave, job)
            os.kill(job, signal.SIGCONT)

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            if not select.select([self.reader], [], [], 20)[0]:
                os.kill(self.job, signal.SIGKILL)
                raise SystemExit("FAIL: nothing happens for 20 seconds")
            text += os.read(self.reader, 1)
        return text.decode().strip()

    def raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def wait(self):
        """The status: negative if a signal ended it."""
        return int(self.line())

    def restored(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        os.waitpid(self.shell, 0)
        for fd in self.master, self.slave, self.reader:
            os.close(fd)


def number_of(name):
    return getattr(signal, "SIG" + name)


def ended(terminal, name, wanted):
    status = terminal.wait()
    report(name, status == wanted and terminal.restored(),
           "status %d (wanted %d), terminal %s" % (status, wanted, "restored" if terminal.restored() else "LEFT RAW"))
    terminal.close()


def start(rvive, guest, *arguments):
    terminal = Terminal(rvive, guest, *arguments)
    if not until(terminal.raw):
        report("start", False, "the terminal does not become raw")
    time.sleep(0.1)
    return terminal


def threads_of(process):
    tasks = sorted(int(task) for task in os.listdir("/proc/%d/task" % process))
    return tasks, [open("/proc/%d/task/%d/comm" % (process, task)).read().strip() for task in tasks]


def main(rvive, guest):
    for name in QUITS + FAULTS:
        terminal = start(rvive, guest, "-nographic")
        number = number_of(name)
        os.kill(terminal.job, number)
        ended(terminal, "SIG" + name, 128 + number if name in QUITS else -number)
    terminal = start(rvive, guest, "-nographic")
    for name in IGNORED:
        os.kill(terminal.job, number_of(name))
    time.sleep(0.3)
    os.write(terminal.master, b"\x01x")
    ended(terminal, " ".join(IGNORED) + ", Ctrl-A X", 0)

    # A fault on each thread.
    disk = guest + ".img"
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    with open(guest + ".flash", "wb") as file:
        file.truncate(32 << 20)
    arguments = ["-nographic", "-drive", "file=%s,format=raw,if=virtio" % disk, "-nic", "user", "-device", "virtio-rng-device",
                 "-drive", "file=%s.flash,format=raw,if=pflash,unit=1" % guest, "-gdb", "tcp:127.0.0.1:0"]
    threads, at = None, 0
    while threads is None or at < len(threads):
        terminal = start(rvive, guest, *arguments)
        until(lambda: "hart 0" in threads_of(terminal.job)[1])
        tasks, names = threads_of(terminal.job)
        threads = names if threads is None else threads
        ctypes.CDLL(None).syscall(234, terminal.job, tasks[at], int(signal.SIGSEGV))  # tgkill
        ended(terminal, "SIGSEGV on the thread " + names[at], -signal.SIGSEGV)
        at += 1
        while at < len(threads) and threads[at] == threads[at - 1]:
            at += 1
    report("threads", len(set(threads)) >= 6, " ".join(threads))

    # Ctrl-Z, and a stop that no program sees coming.
    for name, stop in ("Ctrl-Z", lambda t: os.write(t.master, b"\x1a")), \
            ("SIGTSTP", lambda t: os.kill(t.job, signal.SIGTSTP)), ("SIGSTOP", lambda t: os.kill(t.job, signal.SIGSTOP)):
        terminal = start(rvive, guest, "-display", "none", "-serial", "stdio", "-monitor", "none")
        for _ in range(2):
            stop(terminal)
            told = terminal.line()
            report(name, told == "stopped 1" or (name == "SIGSTOP" and told == "stopped 0"), told)
            report(name + ", continued", until(terminal.raw), "raw" if terminal.raw() else "not raw")
        os.kill(terminal.job, signal.SIGTERM)
        ended(terminal, name + ", SIGTERM", 143)


with tempfile.TemporaryDirectory() as folder:
    with open(folder + "/guest", "wb") as image:  # again: wfi; j again
        image.write(b"\x73\x00\x50\x10\x6f\xf0\xdf\xff")
    main(os.path.abspath(sys.argv[1]), folder + "/guest")
sys.exit(1 if failures else 0)
