/* SPDX-License-Identifier: MIT
 *
 * Character devices: the host side of a serial line. A backend (stdio, file, pty, TCP, null) moves bytes
 * between the host and one front end (a UART, a virtio console port).
 *
 * Input is never lost: a backend reads from the host only as many bytes as the front end says it can take,
 * and continues when the front end calls chardev_input_ready(). While it is held (chardev_hold()), nothing is
 * read, and breaks wait, too. receive() is called from the I/O thread, with
 * no lock of the backend held. write() may be called from any thread. While the peer takes nothing (a
 * terminal whose user pressed Ctrl-S), write() waits. So its caller must hold no lock that can_receive() or
 * receive() take: the I/O thread would wait too, and with it the keys that end the emulator.
 */
#ifndef DEVICES_CHAR_CHARDEV_H
#define DEVICES_CHAR_CHARDEV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/char/describe.h"
#include "util/error.h"

#define CHARDEV_FDS 16u

struct chardev;
struct chardev_ops {
    const char *name;
    /* Writes all bytes. Drops what it cannot write because the peer is gone, or because the peer is stopped
     * and the backend is in a hurry. */
    void (*write)(struct chardev *chardev, const uint8_t *bytes, size_t length);
    /* The front end has room again. */
    void (*input_ready)(struct chardev *chardev);
    void (*destroy)(struct chardev *chardev);
    /* See chardev_hurry(). NULL: writes never wait. */
    void (*hurry)(struct chardev *chardev, bool on);
    bool always_open; /* the other end does not come and go, so no event tells of it */
};

/* What else happens at the host's end. Events are sent in the I/O thread. */
enum chardev_event {
    CHARDEV_EVENT_OPENED, /* there is another end: from the start, or since a client has connected */
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
    const char *description; /* as given to chardev_open(), whose caller keeps it */
    bool has_log;            /* `log` gets a copy of what is written */
    int log;
    struct chardev *share_of;   /* chardev_share() made it; NULL: it is a backend of its own */
    char host[128];             /* pty: the terminal's name; else "" */
    struct chardev_front front; /* set once, before the machine runs, by chardev_attach() */
    /* The monitor behind Ctrl-A C, for backends with escapes. Keys go either to the monitor or to the front
     * end; the monitor loses those that it has no room for. Its event() gets OPENED when the keys begin to go
     * to it, and CLOSED when they no longer do. */
    struct chardev_front monitor;
    atomic_bool has_monitor; /* set after `monitor` */
    /* The reader that replaces `front` when chardev_take_input() is called. */
    struct chardev_front taker;
    atomic_bool taken; /* set after `taker` */
    /* The front end takes commands. So a client that turns out to be a web browser (util/peer.h) is
     * disconnected before any command is obeyed. Set before chardev_attach(). */
    bool refuses_browsers;
    /* The peer of a Unix socket may send descriptors along with its bytes: chardev_take_fd(). Set before
     * chardev_attach(). */
    bool takes_fds;
    int fds[CHARDEV_FDS]; /* that came and were not taken, the oldest first; of hold_lock, like fd_count */
    unsigned fd_count;
    pthread_mutex_t hold_lock; /* taken around the front end's can_receive() and receive() */
    bool held;                 /* see chardev_hold() */
};

/* Connects the front end and starts the flow of input. Called once. */
void chardev_attach(struct chardev *chardev, const struct chardev_front *front);
/* Connects the monitor of a backend with escapes, once; it must stay until the chardev is destroyed. */
void chardev_attach_monitor(struct chardev *chardev, const struct chardev_front *monitor);
/* Sends all input to `taker` from now on. To be called once; any thread. */
void chardev_take_input(struct chardev *chardev, const struct chardev_front *taker);
void chardev_write(struct chardev *chardev, const uint8_t *bytes, size_t length);
void chardev_input_ready(struct chardev *chardev);
void chardev_destroy(struct chardev *chardev);
/* While this is on, a write gives up when the peer has taken nothing for a second; so do writes that already
 * wait. For a thread that is going to wait for the writers. Any thread. */
void chardev_hurry(struct chardev *chardev, bool on);

/* What the keys after Ctrl-A ask for (only backends made with `escapes`). MONITOR: Ctrl-A C was pressed and
 * no monitor is attached. */
enum chardev_escape { CHARDEV_ESCAPE_QUIT, CHARDEV_ESCAPE_MONITOR };
typedef void chardev_escape_fn(void *opaque, enum chardev_escape what);

/* While it is held, the front end gets no input: the guest does not run, or waits for a saved state, which
 * would overwrite what came before it. When this returns, no receive() is under way. Any thread that holds no
 * lock which the front end takes. */
void chardev_hold(struct chardev *chardev, bool held);

/* Takes the oldest descriptor that the peer sent, close-on-exec; -1: there is none. Those that are not taken
 * are closed when the peer goes, and the oldest when there are too many. Any thread. */
int chardev_take_fd(struct chardev *chardev);

/* Makes a backend from its description (devices/char/describe.h). `escape` (may be NULL) is told of Ctrl-A X
 * and Ctrl-A C. Returns NULL and fills *error. */
struct chardev *chardev_open(const char *description, chardev_escape_fn *escape, void *opaque,
                             struct error *error);

/* Makes another user's end of a backend with escapes: what is written goes to the same place, and Ctrl-A C
 * takes the keys from the monitor to each user in turn, then to the monitor again. The last one that is
 * attached has the keys first. To be made before the guest runs, and used no longer than `base`. Returns NULL
 * and fills *error. */
#define CHARDEV_SHARES 3u
struct chardev *chardev_share(struct chardev *base, struct error *error);

/* The key before those commands; 0: Ctrl-A. Before the first backend is made. */
void chardev_set_escape(uint8_t key);

/* Of a ring buffer: the oldest bytes that were written and not read yet, up to `size`, are taken out; false
 * where the backend is none. Any thread. */
bool chardev_ringbuf_read(struct chardev *chardev, uint8_t *bytes, size_t size, size_t *length);
bool chardev_is_ringbuf(const struct chardev *chardev);

/* For a process that is stopped (Ctrl-Z) and continued. leave() gives the terminal back; return() takes it
 * again if stdio is still open and the terminal belongs to this job. Async-signal-safe. */
void chardev_stdio_leave(void);
void chardev_stdio_return(void);
/* Gives the terminal back with the settings that it had. Async-signal-safe, idempotent; also called by
 * stdio's destroy. */
void chardev_stdio_restore(void);

#endif
