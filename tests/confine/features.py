# SPDX-License-Identifier: MIT
"""What still works in the sandbox, and the messages for what it refuses: files that commands make, files that are
written at the end, -run-with, and invalid values of the flags."""
import ctypes
import os
import pwd
import re
import struct
import subprocess
import sys
import tempfile
import time

failures = 0


def check(condition, text):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", text)


def run(rvive, folder, commands, *flags, **environment):
    """Output and status of a guest that does nothing, after those commands to the monitor."""
    done = subprocess.run([rvive, "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "stdio", "-nic", "none",
                           "-device", "ramfb", *flags], input="".join(line + "\n" for line in commands) + "quit\n",
                          cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr, done.returncode


def said_version(emulator):
    """Reads up to the answer to "info version"; false if the emulator ends before it."""
    for line in emulator.stdout:
        if re.search(r"\b\d+\.\d+\.\d+\b", line):
            return True
    return False


def is_picture(path):
    return os.path.exists(path) and open(path, "rb").read(4) == b"\x89PNG"


def pictures(rvive, top):
    here, named, other, home = (os.path.join(top, name) for name in ("here", "named", "other", "home"))
    for folder in (here, named, other, home):
        os.mkdir(folder)
    text, status = run(rvive, here, ["screendump one.png", "screendump %s/two.png" % named, "screendump %s/three.png" % other],
                       "-sandbox", "on,folder=" + named, HOME=home)
    check(status == 0, "status %d: %s" % (status, text))
    check(is_picture(here + "/one.png"), "no picture in the folder that it was started in: " + text)
    check(is_picture(named + "/two.png"), "no picture in a folder that was named: " + text)
    check(not os.listdir(other), "a picture in a folder that nobody named")
    check(other in text and "folder=" in text and here in text, "the refusal does not say what to do: " + text)
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        text, _ = run(rvive, here, ["screendump %s/four.png" % temporary], HOME=home)
        check(is_picture(temporary + "/four.png"), "no picture in /tmp: " + text)
    text, _ = run(rvive, home, ["screendump five.png"], HOME=home)
    check(not os.listdir(home) and "folder=" in text, "the user's home may be written: " + text)
    text, _ = run(rvive, top, ["screendump six.png"], HOME=home)
    check("six.png" not in os.listdir(top), "a folder that has the user's home in it may be written: " + text)
    text, _ = run(rvive, home, ["screendump five.png"], "-sandbox", "off", HOME=home)
    check(is_picture(home + "/five.png"), "-sandbox off does not let it: " + text)


def at_the_end(rvive, top):
    folder = os.path.join(top, "end")
    os.mkdir(folder)
    text, status = run(rvive, "/", [], "-profile", folder + "/profile", "-D", folder + "/log", "-d", "guest_errors",
                       "-screendump", folder + "/last.png", "-qmp", "unix:%s/socket,server,nowait" % folder)
    check(status == 0, "status %d: %s" % (status, text))
    check(sorted(os.listdir(folder)) == ["last.png", "log", "profile", "profile.svg"], "files: %r" % os.listdir(folder))
    check("<svg" in open(folder + "/profile.svg").read(), "no flame graph")


def run_with(rvive, top):
    if os.geteuid():
        print("not root: -run-with is not tried")
        return
    nobody = pwd.getpwnam("nobody")
    for user, uid, gid in (("nobody", nobody.pw_uid, nobody.pw_gid), ("4321:1234", 4321, 1234)):
        root = os.path.join(top, "root-%d" % uid)
        os.mkdir(root)
        os.chown(root, uid, gid)
        emulator = subprocess.Popen([rvive, "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "stdio",
                                     "-device", "ramfb", "-run-with", "user=%s,chroot=%s,async-teardown=on" % (user, root)],
                                    cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True)
        emulator.stdin.write("info version\n")
        emulator.stdin.flush()
        check(said_version(emulator), "user=%s: it ended: %s" % (user, emulator.poll()))
        tasks = "/proc/%d/task" % emulator.pid
        for task in os.listdir(tasks):
            lines = open("%s/%s/status" % (tasks, task)).read().splitlines()
            fields = {line.split(":")[0]: line.split(":")[1].split() for line in lines if ":" in line}
            check(fields["Uid"] == [str(uid)] * 4 and fields["Gid"] == [str(gid)] * 4, "%s: %r" % (user, fields["Uid"]))
            check(set(fields["Groups"]) <= {str(gid)}, "%s: groups %r" % (user, fields["Groups"]))
            check(fields["NoNewPrivs"] == ["1"] and fields["Seccomp"] == ["2"], "a thread is not confined")
            check(os.readlink("%s/%s/root" % (tasks, task)) == root, "a thread has another root")
        text, _ = emulator.communicate("screendump /inside.png\nquit\n", timeout=60)
        check(emulator.returncode == 0, "status %d: %s" % (emulator.returncode, text))


def refusals(rvive, top):
    for flags, named in ((("-sandbox", "maybe"), "on, off"), (("-sandbox", "on,spawn=perhaps"), "allow, deny"),
                         (("-sandbox", "on,elevateprivileges=no"), "allow, deny, children"),
                         (("-sandbox", "on,colour=red"), "colour"), (("-sandbox", "on,folder="), "folder"),
                         (("-sandbox", "on,folder=/no/where"), "/no/where: No such file"), (("-sandbox", "on,folder=/dev/null"), "not a folder"),
                         (("-run-with", "user=no-such-user-here"), "no-such-user-here"), (("-run-with", "user=1:x"), "1:x"),
                         (("-run-with", "chroot=/does/not/exist"), "/does/not/exist"),
                         (("-run-with", "async-teardown=perhaps"), "on, off")):
        text, status = run(rvive, top, [], *flags)
        check(status == 1 and named in text, "%r: status %d: %s" % (flags, status, text))


def unconfined(tasks):
    """Names of the threads without no_new_privs, or without the filters that they should have."""
    names = []
    for task in os.listdir(tasks):
        text = open("%s/%s/status" % (tasks, task)).read()
        name = text.splitlines()[0].split(None, 1)[1]
        filters = [int(line.split()[1]) for line in text.splitlines() if line.startswith("Seccomp_filters")]
        wanted = 2 if name.startswith(("hart", "optimiser", "virtio-", "code guard")) else 1
        if "NoNewPrivs:\t1" not in text or "Seccomp:\t2" not in text or (filters and filters[0] < wanted):
            names.append(name)
    return names


def code_rights(pid):
    """Rights of the mappings of translated code; and whether anything at all is writable and executable."""
    with open("/proc/%d/maps" % pid) as file:
        lines = [line.split() for line in file]
    return ({line[1] for line in lines if "rvive-code" in line[-1] or "rvive-code" in line[-2]},
            any("wx" in line[1] for line in lines))


def every_thread(rvive, top):
    """No thread of a guest is left out, whatever devices it has, and code is not writable once nothing is translated."""
    disk = os.path.join(top, "disk.raw")
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    emulator = subprocess.Popen([rvive, "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "stdio", "-smp", "3",
                                 "-drive", "file=%s,format=raw,if=virtio" % disk, "-device", "virtio-gpu-device", "-vnc", ":77",
                                 "-virtfs", "local,path=%s,mount_tag=t,security_model=none" % top, "-gdb", "tcp::0",
                                 "-device", "virtio-rng-device", "-audio", "none,model=virtio", "-device",
                                 "virtio-serial-device"], cwd=top, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
    emulator.stdin.write("info version\n")
    emulator.stdin.flush()
    seen = said_version(emulator)
    tasks = "/proc/%d/task" % emulator.pid
    if seen:
        # The monitor greets before the lock; the other threads are started after it, and the harts last.
        deadline = time.monotonic() + 20
        while (len(os.listdir(tasks)) < 13 or unconfined(tasks)) and time.monotonic() < deadline:
            time.sleep(0.05)
        check(len(os.listdir(tasks)) > 12, "only %d threads" % len(os.listdir(tasks)))
        check(not unconfined(tasks), "not confined: %s" % unconfined(tasks))
        while code_rights(emulator.pid) != ({"r--s", "r-xs"}, False) and time.monotonic() < deadline:
            time.sleep(0.05)
        check(code_rights(emulator.pid) == ({"r--s", "r-xs"}, False), "translated code: %r" % (code_rights(emulator.pid),))
    text, _ = emulator.communicate("quit\n", timeout=60)
    check(emulator.returncode == 0, "status %d: %s" % (emulator.returncode, text))


def without_calls(*numbers):
    """For preexec_fn: the process finds a kernel without these system calls."""
    code = struct.pack("<HBBI", 0x20, 0, 0, 0)  # the number
    for number in numbers:
        code += struct.pack("<HBBI", 0x15, 0, 1, number) + struct.pack("<HBBI", 6, 0, 0, 0x50026)  # ENOSYS
    code += struct.pack("<HBBI", 6, 0, 0, 0x7fff0000)  # allowed
    memory = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(memory)), 16)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def old_kernels(rvive, top):
    """A layer that the kernel lacks is left out; `info sandbox` says so, and a line on stderr if -sandbox on is given."""
    landlock, seccomp = 444, 317  # their system calls on x86-64
    for calls, name in (((landlock,), "Landlock"), ((seccomp,), "seccomp"), ((landlock, seccomp), "seccomp")):
        for flags in ((), ("-sandbox", "on")):
            done = subprocess.run([rvive, "-bios", "none", "-display", "none", "-serial", "null", "-monitor", "stdio", "-nic",
                                   "none", *flags], input="info sandbox\nquit\n", cwd=top, capture_output=True, text=True,
                                  timeout=60, preexec_fn=lambda: without_calls(*calls))
            check(done.returncode == 0, "without %s: status %d: %s" % (name, done.returncode, done.stderr))
            check("off: this kernel has no " + name in done.stdout and "no_new_privs: on" in done.stdout,
                  "without %s: %s" % (name, done.stdout))
            check((("-sandbox on: this kernel has no " + name) in done.stderr) == bool(flags), "without %s: %r" %
                  (name, done.stderr))


def main():
    rvive = os.path.abspath(sys.argv[1])
    for test in (pictures, at_the_end, run_with, refusals, every_thread, old_kernels):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as top:
            os.chmod(top, 0o755)
            test(rvive, top)
    print("%d failures" % failures)
    return failures > 0


sys.exit(main())
