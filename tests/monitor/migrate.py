#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Saving and loading a guest by the monitor and the command line. migrate.py RVIVE"""
import fcntl
import os
import subprocess
import tempfile
import time

from lib import Emulator, Qmp, Stream, Text, check, connect, main, symbol

F_SETPIPE_SZ = 1031  # of Linux
UART = ("-serial", "unix:@/uart,server,nowait")
MON = ("-monitor", "unix:@/mon,server,nowait")
QMP = ("-qmp", "unix:@/qmp,server,nowait")


def echoes(uart, text):
    uart.send(text)
    uart.until(text)


def uart_of(emulator, name="uart"):
    # The connection ends with its socket, so it is kept.
    client = connect(emulator.path(name))
    stream = Stream(client.fileno())
    stream.socket = client
    return stream


class Program(subprocess.Popen):
    """A process that does not outlive a check that fails."""

    def __exit__(self, failure, *rest):
        if failure:
            self.kill()
        super().__exit__(failure, *rest)


def program(emulator, rvive, *arguments, stderr=None):
    """Another process for the same guest."""
    command = [rvive, "-M", "virt", "-m", "64M", "-smp", "2", "-bios", "none", "-kernel", emulator.elf, "-nographic"]
    return Program(command + [word.replace("@", emulator.folder) for word in arguments],
                   stdin=subprocess.DEVNULL, stderr=stderr)


def until_loaded(text):
    deadline = time.monotonic() + 30
    while "inmigrate" in text.run("info status"):
        check(time.monotonic() < deadline, "the state does not arrive")
        time.sleep(0.05)


def refused(emulator, rvive, why, *arguments):
    process = program(emulator, rvive, "-serial", "null", "-monitor", "none", *arguments, stderr=subprocess.PIPE)
    text = process.communicate(timeout=30)[1].decode()
    check(process.returncode == 1 and why in text, "%r: %r, exit status %d" % (arguments, text, process.returncode))


def counter_of(text, emulator):
    # `counter` is before `value`.
    return int(text.run("xp/1xg 0x%x" % (symbol(emulator.elf, "value") - 8)).split()[-1], 16)


def file(rvive):
    with Emulator(rvive, "-nographic", *UART, *MON) as emulator:
        uart, text = uart_of(emulator), Text(emulator.path("mon"))
        echoes(uart, "abc")
        check("unknown migration protocol" in text.run("migrate bogus:x"), "a protocol that does not exist")
        check("No such file" in text.run("migrate file:/no/such/folder/x"), "a folder that does not exist")
        check("running" in text.run("info status"), "it goes on")
        answer = text.run('migrate "file:%s"' % emulator.path("state"))
        check("rror" not in answer, answer)
        check("paused (postmigrate)" in text.run("info status"), "postmigrate")
        check("Migration status: completed" in text.run("info migrate"), "info migrate")
        check(os.stat(emulator.path("state")).st_mode & 0o777 == 0o600, "nobody else may read the guest's memory")
        check(sorted(os.listdir(emulator.folder)) == ["guest.elf", "mon", "state", "uart"], "%r" % os.listdir(emulator.folder))
        saved = counter_of(text, emulator)
        check("rror" not in text.run("cont"), "cont")
        echoes(uart, "def")
        text.send("quit\n")
        check(emulator.wait() == 0, "exit status")
        state = "file:" + emulator.path("state")
        with program(emulator, rvive, "-serial", "unix:@/uart2,server,nowait", "-monitor", "unix:@/mon2,server,nowait",
                     "-S", "-incoming", state) as other:
            text = Text(emulator.path("mon2"))
            until_loaded(text)
            check(counter_of(text, emulator) == saved, "with -S, it is as it was saved")
            uart = uart_of(emulator, "uart2")
            text.run("cont")
            echoes(uart, "ghi")
            uart.send("q")
            check(other.wait(30) == 7, "its end")
        refused(emulator, rvive, "-m 65536K", "-incoming", state, "-m", "32M")
        refused(emulator, rvive, "number of harts", "-incoming", state, "-smp", "1")
        refused(emulator, rvive, "virtio-rng-pci", "-incoming", state, "-device", "virtio-rng-pci")
        refused(emulator, rvive, "No such file", "-incoming", state + "x")
        with open(emulator.path("state"), "r+b") as damaged:
            damaged.seek(os.path.getsize(emulator.path("state")) // 2)
            byte = damaged.read(1)[0]
            damaged.seek(-1, 1)
            damaged.write(bytes([byte ^ 1]))
        refused(emulator, rvive, "the file is damaged", "-incoming", state)


def programs_see(rvive):
    """QMP: events, queries, a guest that goes on where another process is."""
    with Emulator(rvive, "-nographic", *UART, *QMP) as emulator:
        uart, qmp = uart_of(emulator), Qmp(emulator.path("qmp"))
        echoes(uart, "abc")
        check(qmp.ask("query-migrate") == {"return": {}}, "query-migrate at first")
        on = [{"capability": "events", "state": True}]
        check("error" in qmp.ask("migrate-set-capabilities", capabilities=on + [{"capability": "postcopy-ram", "state": True}]),
              "a capability that is not there")
        check(qmp.ask("query-migrate-capabilities")["return"][0] == {"state": False, "capability": "events"}, "nothing changed")
        check("return" in qmp.ask("migrate-set-capabilities", capabilities=on), "events")
        check("specified" in qmp.ask("migrate-incoming", uri="file:x")["error"]["desc"], "without -incoming")
        with program(emulator, rvive, "-serial", "unix:@/uart2,server,nowait", "-monitor", "none",
                     "-qmp", "unix:@/qmp2,server,nowait", "-incoming", "defer") as other:
            second = Qmp(emulator.path("qmp2"))
            check(second.ask("query-status")["return"]["status"] == "inmigrate", "inmigrate")
            check("waiting" in second.ask("migrate", uri="file:x")["error"]["desc"], "it has nothing to save")
            second.ask("migrate-set-capabilities", capabilities=on)
            where = "unix:" + emulator.path("channel")
            early = uart_of(emulator, "uart2")
            early.send("de")  # waits until the guest is there, whose UART would be overwritten
            time.sleep(0.1)
            check(second.ask("migrate-incoming", uri=where) == {"return": {}}, "migrate-incoming")
            check("already" in second.ask("migrate-incoming", uri=where)["error"]["desc"], "twice")
            check(qmp.ask("migrate", uri=where) == {"return": {}}, "migrate")
            check([event["data"] for event in qmp.events if event["event"] == "MIGRATION"][:1] == [{"status": "setup"}],
                  "the migration is told before the answer: %r" % qmp.events)
            names = [qmp.event("MIGRATION")["data"]["status"] for _ in range(3)]
            check(names == ["setup", "active", "completed"], "%r" % names)
            qmp.event("STOP")
            rounds = [qmp.event("MIGRATION_PASS")["data"]["pass"] for _ in range(3)]
            check(rounds == [1, 2, 3], "MIGRATION_PASS: %r" % rounds)
            info = qmp.ask("query-migrate")["return"]
            check(info["status"] == "completed" and info["ram"]["remaining"] == 0 and info["ram"]["total"] > 64 << 20,
                  "%r" % info)
            # A page that changes is sent again.
            check(info["ram"]["duplicate"] + info["ram"]["normal"] >= info["ram"]["total"] // 4096, "%r" % info)
            check(info["ram"]["dirty-sync-count"] >= 3 and info["downtime"] < info["total-time"], "%r" % info)
            names = [second.event("MIGRATION")["data"]["status"] for _ in range(3)]
            check(names == ["setup", "active", "completed"], "%r" % names)
            second.event("RESUME")
            check(second.ask("query-migrate")["return"] == {"status": "completed"}, "query-migrate of the other")
            early.send("f")
            early.until("def")
            early.send("q")
            check(other.wait(30) == 7, "its end")
        qmp.ask("quit")
        check(emulator.wait() == 0, "exit status")


def sandbox(rvive, value):
    """-sandbox with that value; nothing for a build with a sanitizer, which has no sandbox."""
    run = subprocess.run([rvive, "-sandbox", "on", "-kernel", "/nowhere"], capture_output=True, text=True, timeout=30)
    return () if "sanitizer" in run.stderr else ("-sandbox", value)


def tcp_and_commands(rvive):
    with Emulator(rvive, "-nographic", *UART, *MON, *sandbox(rvive, "on,spawn=allow")) as emulator:
        uart, text = uart_of(emulator), Text(emulator.path("mon"))
        echoes(uart, "abc")
        check("exit status 3" in text.run("migrate exec:cat >/dev/null; exit 3"), "a command that fails")
        check("running" in text.run("info status"), "it goes on")
        answer = text.run("migrate exec:gzip -1 > %s" % emulator.path("state.gz"))
        check("rror" not in answer, answer)
        text.run("cont")
        port = 20000 + os.getpid() % 20000
        with program(emulator, rvive, "-serial", "null", *("-monitor", "unix:@/mon2,server,nowait"),
                     "-incoming", "tcp:127.0.0.1:%d" % port) as other:
            second = Text(emulator.path("mon2"))
            answer = text.run("migrate tcp:localhost:%d" % port)
            check("rror" not in answer, answer)
            until_loaded(second)
            check(counter_of(second, emulator) >= counter_of(text, emulator), "the counter")
            second.send("quit\n")
            check(other.wait(30) == 0, "exit status")
        with program(emulator, rvive, "-serial", "unix:@/uart2,server,nowait", "-monitor", "none",
                     "-incoming", "exec:gzip -d < @/state.gz") as other:
            uart = uart_of(emulator, "uart2")
            echoes(uart, "def")
            uart.send("q")
            check(other.wait(30) == 7, "its end")


def live(rvive):
    """A guest that is sent while it runs, and one that cannot be."""
    with Emulator(rvive, "-nographic", *UART, *MON, *QMP) as emulator:
        uart, text, qmp = uart_of(emulator), Text(emulator.path("mon")), Qmp(emulator.path("qmp"))
        echoes(uart, "abc")
        check(qmp.ask("query-migrate-parameters")["return"] == {"max-bandwidth": 0, "downtime-limit": 300}, "parameters")
        check("parameters are" in text.run("migrate_set_parameter multifd-channels 2"), "a parameter that is not there")
        check("milliseconds" in text.run("migrate_set_parameter downtime-limit 2000001"), "a limit that is too long")
        text.run("migrate_set_parameter max-bandwidth 1000")
        check("max-bandwidth: 1000 bytes" in text.run("info migrate_parameters"), "info migrate_parameters")
        where = "unix:" + emulator.path("channel")
        with program(emulator, rvive, "-serial", "unix:@/uart2,server,nowait", "-monitor", "none", "-incoming", where,
                     stderr=subprocess.PIPE) as other:
            until_there(emulator.path("channel"))
            qmp.ask("migrate", uri=where)
            time.sleep(0.5)
            check(qmp.ask("query-status")["return"]["running"], "it runs while it is sent, slowly")
            check(qmp.ask("query-migrate")["return"]["status"] == "active", "it is under way")
            echoes(uart, "def")
            before = counter_of(text, emulator)
            other.kill()
            until_ended(qmp, "failed")
            check(qmp.ask("query-status")["return"]["running"], "it goes on when the other one dies")
            check(counter_of(text, emulator) > before, "it goes on")
            other.communicate()
        with program(emulator, rvive, "-serial", "unix:@/uart3,server,nowait", "-monitor", "none", "-incoming", where) as other:
            until_there(emulator.path("channel"))
            qmp.ask("migrate", uri=where)
            time.sleep(0.3)
            text.run("migrate_set_parameter max-bandwidth 0")
            until_ended(qmp, "completed")
            uart = uart_of(emulator, "uart3")
            echoes(uart, "ghi")
            uart.send("q")
            check(other.wait(30) == 7, "its end")


def until_there(path):
    deadline = time.monotonic() + 30
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.02)


def until_ended(qmp, status):
    deadline = time.monotonic() + 30
    while qmp.ask("query-migrate")["return"]["status"] in ("setup", "active") and time.monotonic() < deadline:
        time.sleep(0.05)
    check(qmp.ask("query-migrate")["return"]["status"] == status, "%r" % qmp.ask("query-migrate"))


def open_small(fifo):
    """A reader that does not read, of a pipe that holds less than a guest."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 4096)
    return reader


def failures(rvive):
    """The guest goes on when it cannot be saved, and nothing stays behind."""
    confined = sandbox(rvive, "on,folder=/dev")
    with Emulator(rvive, "-nographic", *UART, *QMP, *MON, *confined) as emulator:
        uart, text, qmp = uart_of(emulator), Text(emulator.path("mon")), Qmp(emulator.path("qmp"))
        echoes(uart, "abc")
        check("No space left" in text.run("migrate file:/dev/full"), "a disk that is full")
        check("running" in text.run("info status") and "failed" in text.run("info migrate"), "it goes on")
        if confined:
            check("spawn=allow" in text.run("migrate exec:true"), "the sandbox and programs")
            check("-sandbox" in text.run("migrate file:/usr/x"), "the sandbox and folders")
        echoes(uart, "def")
        fifo = emulator.path("fifo")
        os.mkfifo(fifo)
        reader = open_small(fifo)
        check(qmp.ask("migrate", uri="file:" + fifo) == {"return": {}}, "to somebody who does not read")
        time.sleep(0.3)
        check(qmp.ask("query-migrate")["return"]["status"] == "active", "it waits")
        check("progress" in qmp.ask("migrate", uri="file:" + fifo)["error"]["desc"], "a second one")
        check("saved" in qmp.ask("cont")["error"]["desc"], "cont meanwhile")
        check(qmp.ask("migrate_cancel") == {"return": {}}, "migrate_cancel")
        deadline = time.monotonic() + 20
        while qmp.ask("query-migrate")["return"]["status"] == "cancelling" and time.monotonic() < deadline:
            time.sleep(0.05)
        check(qmp.ask("query-migrate")["return"]["status"] == "cancelled", "cancelled")
        check(qmp.ask("query-status")["return"]["running"], "it goes on by itself")
        echoes(uart, "ghi")
        os.close(reader)
        check("No such device" in text.run("migrate file:" + fifo), "a pipe that nobody reads")
        # Quitting does not wait for somebody who does not read, and a process that is killed leaves the older file.
        state = emulator.path("state")
        text.run("migrate file:" + state)
        text.run("cont")
        reader = open_small(fifo)
        qmp.ask("migrate", uri="file:" + fifo)
        qmp.ask("system_reset")
        qmp.ask("quit")
        check(emulator.wait(10) == 0, "quit while saving")
        os.close(reader)
        for delay in 0.01, 0.03:
            other = program(emulator, rvive, "-serial", "null", "-monitor", "unix:@/mon2,server,nowait", "-incoming",
                            "file:" + state)
            second = Text(emulator.path("mon2"))
            second.send("migrate file:%s\n" % state)
            time.sleep(delay)
            other.kill()
            other.wait()
            os.unlink(emulator.path("mon2"))


def copied(process, path):
    """KiB of that file's mapping of which the process has pages of its own."""
    with open("/proc/%d/smaps" % process.pid) as maps:
        here, kib = False, 0
        for line in maps:
            if "-" in line.split()[0]:
                here = line.rstrip().endswith(path)
            elif here and line.startswith("Anonymous:"):
                kib += int(line.split()[1])
    return kib


def clones(rvive):
    """Guests that go on from one instant share the file of its memory, until each writes for itself; a state without the
    memory is small, and is refused where the memory is not there."""
    with tempfile.NamedTemporaryFile() as data:
        data.write(os.urandom(16 << 20))
        data.flush()
        filled = ["-device", "loader,file=%s,addr=0x81000000" % data.name]
        memory = "memory-backend-file,id=ram,size=64M,mem-path=@/ram,"
        backend = ["-machine", "memory-backend=ram", "-sandbox", "off"]
        with Emulator(rvive, "-nographic", *UART, *MON, *filled, *backend, "-object", memory + "share=on") as emulator:
            uart, text = uart_of(emulator), Text(emulator.path("mon"))
            echoes(uart, "abc")
            text.run("migrate file:" + emulator.path("state"))
            saved = counter_of(text, emulator)
            check("no capability" in text.run("migrate_set_capability multifd on"), "multifd")
            check("rror" not in text.run("migrate_set_capability x-ignore-shared on"), "x-ignore-shared")
            check("x-ignore-shared: on" in text.run("info migrate_capabilities"), "it is on")
            check("rror" not in text.run("migrate file:" + emulator.path("small")), "without the memory")
            text.send("quit\n")
            check(emulator.wait() == 0, "exit status")
            check(os.path.getsize(emulator.path("small")) < 1 << 16 < os.path.getsize(emulator.path("state")), "the sizes")
            for name in "state", "small":
                private = filled + backend + ["-object", memory + "share=off,readonly=on", "-incoming", "file:@/" + name]
                with program(emulator, rvive, "-serial", "unix:@/uart-%s,server,nowait" % name, "-monitor",
                             "unix:@/mon-%s,server,nowait" % name, "-S", *private) as clone:
                    text = Text(emulator.path("mon-" + name))
                    until_loaded(text)
                    check(counter_of(text, emulator) == saved, "the file of the memory is another one")
                    text.run("cont")
                    uart = uart_of(emulator, "uart-" + name)
                    echoes(uart, "def")
                    check(counter_of(text, emulator) > saved, "it goes on")
                    kib = copied(clone, emulator.path("ram"))
                    check(0 < kib < 1024, "%d KiB are copied" % kib)
                    uart.send("q")
                    check(clone.wait(30) == 7, "its end")
            refused(emulator, rvive, "share=off", *filled, "-incoming", "file:" + emulator.path("small"))
    with Emulator(rvive, "-nographic", *UART, *MON) as emulator:
        text = Text(emulator.path("mon"))
        text.run("migrate_set_capability x-ignore-shared on")
        check("share=on" in text.run("migrate file:" + emulator.path("state")), "no file")
        check("running" in text.run("info status"), "it goes on")


def suspend(rvive):
    """The window is closed (here: quit), and the next start goes on."""
    with Emulator(rvive, "-nographic", *UART, *MON, "-suspend", "@/sleep") as emulator:
        uart, text = uart_of(emulator), Text(emulator.path("mon"))
        echoes(uart, "abc")
        text.run("stop")
        counter = counter_of(text, emulator)
        text.send("quit\n")
        check(emulator.wait() == 0 and os.path.exists(emulator.path("sleep")), "it was saved")
        rest = ("-suspend", "@/sleep")
        refused(emulator, rvive, "remove the file", *rest, "-smp", "1")
        check(os.path.exists(emulator.path("sleep")), "a refused state stays")
        with program(emulator, rvive, "-serial", "unix:@/uart2,server,nowait", "-monitor", "unix:@/mon2,server,nowait",
                     *rest) as other:
            text = Text(emulator.path("mon2"))
            until_loaded(text)
            check("paused" in text.run("info status") and counter_of(text, emulator) == counter, "paused as it was")
            check(not os.path.exists(emulator.path("sleep")), "a state that is used is gone")
            text.run("cont")
            uart = uart_of(emulator, "uart2")
            echoes(uart, "def")
            other.terminate()
            check(other.wait(30) in (0, 143, -15), "a signal")
        check(os.path.exists(emulator.path("sleep")), "saved by a signal, too")
        with program(emulator, rvive, "-serial", "unix:@/uart3,server,nowait", "-monitor", "none", *rest) as other:
            uart = uart_of(emulator, "uart3")
            echoes(uart, "ghi")
            uart.send("q")
            check(other.wait(30) == 7 and not os.path.exists(emulator.path("sleep")), "the guest's own end saves nothing")


main(file, programs_see, tcp_and_commands, live, failures, clones, suspend)
