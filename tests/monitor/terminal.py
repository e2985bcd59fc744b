#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The monitor on a terminal: Ctrl-A C, to the monitor and back, line editing, history, completion, breaks. terminal.py
RVIVE"""
from lib import Emulator, check, main


def console(rvive):
    with Emulator(rvive, "-nographic", terminal=True) as emulator:
        terminal = emulator.terminal
        terminal.until("!")
        terminal.send("one")
        terminal.until("one")
        terminal.send("\x01b")
        terminal.until("<break>")
        terminal.send("\x01h")
        help_text = terminal.until("send Ctrl-A")
        check("break" in help_text and "monitor" in help_text, "Ctrl-A H: " + help_text)
        terminal.send("\x01cinfo status\r")
        terminal.until("VM status: running")
        terminal.until("(rvive) ")
        terminal.send("stop\r")
        terminal.until("(rvive) ")
        terminal.send("info status\r")
        terminal.until("VM status: paused")
        terminal.send("cont\r")
        terminal.settle()
        terminal.send("\x01ctwo")  # the guest has the keys again
        terminal.until("two")
        terminal.send("\x01c")
        terminal.until("(rvive) ")
        terminal.settle()
        terminal.send("quit\r")
        check(emulator.wait() == 0, "quit")


def editing(rvive):
    with Emulator(rvive, "-monitor", "stdio", terminal=True) as emulator:
        terminal = emulator.terminal
        terminal.until("(rvive) ")
        terminal.send("info stutus\x1b[D\x1b[D\x1b[D\x08a\r")  # left 3, backspace: the u becomes an a
        terminal.until("VM status: running")
        terminal.until("(rvive) ")
        terminal.send("stop\r")
        terminal.until("(rvive) ")
        terminal.send("\x1b[A\x1b[A\r")  # up, up
        terminal.until("VM status: paused")
        terminal.until("(rvive) ")
        terminal.send("info vers\t\r")
        terminal.until("rvive 0")
        terminal.until("(rvive) ")
        terminal.send("system_\t")
        terminal.until("system_powerdown")
        terminal.send("\x15qu\t\r")  # Ctrl-U
        check(emulator.wait() == 0, "quit")


def no_monitor(rvive):
    with Emulator(rvive, "-nographic", "-monitor", "none", terminal=True) as emulator:
        terminal = emulator.terminal
        terminal.until("!")
        terminal.send("\x01c")
        terminal.until("there is no monitor")
        terminal.send("\x01x")
        check(emulator.wait() == 0, "Ctrl-A X")


def shared(rvive):
    """One terminal for the UART, the monitor and a console without a driver, which has the keys first."""
    with Emulator(rvive, "-display", "none", "-chardev", "stdio,id=mux,mux=on,signal=off", "-serial", "chardev:mux", "-monitor",
                  "chardev:mux", "-device", "virtio-serial-device", "-device", "virtconsole,chardev=mux",
                  terminal=True) as emulator:
        terminal = emulator.terminal
        terminal.until("!")
        terminal.send("lost\x01cinfo status\r")
        check("lost" not in terminal.until("running"), "the console has the keys first")
        terminal.until("(rvive) ")
        terminal.send("\x01cone")
        terminal.until("one")
        terminal.send("\x01clost\x01cinfo status\r")
        check("lost" not in terminal.until("running"), "and after the UART")
        terminal.send("\x01x")
        check(emulator.wait() == 0, "Ctrl-A X")


main(console, editing, no_monitor, shared)
