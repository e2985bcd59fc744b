/* SPDX-License-Identifier: MIT
 *
 * Character devices: the host side of a serial line. A backend (stdio, file, pty, TCP, null) moves bytes
 * between the host and one front end (a UART, a virtio console port).
 *
 * Input is never lost: a backend reads from the host only as many bytes as the front end says it can take,
 * and goes on when the front end calls chardev_input_ready(). receive() is called from the I/O thread, with
 * no lock of the backend held. write() may be called from any thread; while the peer takes nothing it waits
 * (a terminal whose user pressed Ctrl-S), so the caller must hold no lock that can_receive() or receive()
 * take: the I/O thread would wait too, and with it the keys that end the emulator.
 */
#ifndef DEVICES_CHAR_CHARDEV_H
#define DEVICES_CHAR_CHARDEV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct chardev;
struct chardev_ops {
    const char *name;
    /* Writes all bytes, or drops what a gone or (in a hurry) stopped peer does not take. */
    void (*write)(struct chardev *chardev, const uint8_t *bytes, size_t length);
    /* The front end has room again. */
    void (*input_ready)(struct chardev *chardev);
    void (*destroy)(struct chardev *chardev);
    /* See chardev_hurry(). NULL: writes never wait. */
    void (*hurry)(struct chardev *chardev, bool on);
    bool always_open; /* there is no other end that comes and goes: no event tells of it */
};

/* What else happens at the host's end; told in the I/O thread. */
enum chardev_event {
    CHARDEV_EVENT_OPENED, /* somebody is there: at once, or when a client has connected */
    CHARDEV_EVENT_CLOSED, /* the client has gone, or the input has ended */
    CHARDEV_EVENT_BREAK,  /* a serial break (Ctrl-A B) */
};

struct chardev_front {
    size_t (*can_receive)(void *opaque);                                /* bytes it takes now */
    void (*receive)(void *opaque, const uint8_t *bytes, size_t length); /* length <= can_receive() */
    void *opaque;
    void (*event)(void *opaque, enum chardev_event event); /* may be NULL */
};

struct chardev {
    const struct chardev_ops *ops;
    const char *description;    /* as given to chardev_open(), whose caller keeps it */
    char host[128];             /* pty: the terminal's name; else "" */
    struct chardev_front front; /* set once, before the machine runs, by chardev_attach() */
    /* The monitor behind Ctrl-A C, of backends with escapes. Keys go to one of the two at a time; what the
     * monitor has no room for is dropped. Its event() is told OPENED and CLOSED as the keys come and go. */
    struct chardev_front monitor;
    atomic_bool has_monitor; /* set after it */
    /* The reader that takes the place of `front` at some moment; see chardev_take_input(). */
    struct chardev_front taker;
    atomic_bool taken; /* set after it */
    /* It takes commands: a client that turns out to be a web browser (util/peer.h) is disconnected before any
     * is obeyed. Set before chardev_attach(). */
    bool refuses_browsers;
};

/* Connects the front end and starts the flow of input. Called once. */
void chardev_attach(struct chardev *chardev, const struct chardev_front *front);
/* Connects the monitor of a backend with escapes, once; it must stay until the chardev is destroyed. */
void chardev_attach_monitor(struct chardev *chardev, const struct chardev_front *monitor);
/* Input goes to `taker` from now on, for good; once, any thread. */
void chardev_take_input(struct chardev *chardev, const struct chardev_front *taker);
void chardev_write(struct chardev *chardev, const uint8_t *bytes, size_t length);
void chardev_input_ready(struct chardev *chardev);
void chardev_destroy(struct chardev *chardev);
/* While on, writes, also those that wait already, give up when the peer has taken nothing for a second. For
 * whoever is going to wait for the writers. Any thread. */
void chardev_hurry(struct chardev *chardev, bool on);

/* What the keys after Ctrl-A do (only backends made with `escapes`). MONITOR: there is none attached. */
enum chardev_escape { CHARDEV_ESCAPE_QUIT, CHARDEV_ESCAPE_MONITOR };
typedef void chardev_escape_fn(void *opaque, enum chardev_escape what);

/* Makes a backend from QEMU's description: "stdio", "mon:stdio" (with Ctrl-A keys), "null", "pty",
 * "file:PATH", "tcp:HOST:PORT[,server[=on|off]][,nowait|wait=off]", "unix:PATH[,server][,nowait]".
 * `escape` (may be NULL) is told of Ctrl-A X and Ctrl-A C. Returns NULL and fills *error. */
struct chardev *chardev_open(const char *description, chardev_escape_fn *escape, void *opaque,
                             struct error *error);

/* For a process that is stopped (Ctrl-Z) and continued: gives the terminal back, and takes it again if stdio
 * is still open and the terminal is this job's. Async-signal-safe. */
void chardev_stdio_leave(void);
void chardev_stdio_return(void);
/* Gives the terminal back as it was found. Async-signal-safe, idempotent; also called by stdio's destroy. */
void chardev_stdio_restore(void);

#endif
