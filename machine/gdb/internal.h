/* SPDX-License-Identifier: MIT
 *
 * What the files of the gdb server share. All of it belongs to the server's thread, but for what is
 * atomic; a breakpoint's condition is read by harts, while the thread leaves it alone (no hart runs when it
 * changes).
 */
#ifndef MACHINE_GDB_INTERNAL_H
#define MACHINE_GDB_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "cpu/debug.h"
#include "machine/gdb/gdb.h"
#include "machine/gdb/packet.h"
#include "machine/internal.h"
#include "util/peer.h"

/* A gdb that came while another is attached: it is told so. */
struct gdb_refused {
    int fd; /* -1: none */
    unsigned packets;
    uint64_t since; /* ms */
    struct gdb_parser parser;
};
#define GDB_REFUSED_MAX 4

/* A condition of a breakpoint: gdb's agent expression. */
struct gdb_condition {
    uint8_t *code;
    size_t length;
};

/* What Z packets set. types as in the packets. */
enum { GDB_SOFT_BREAK, GDB_HARD_BREAK, GDB_WATCH_WRITE, GDB_WATCH_READ, GDB_WATCH_ACCESS };
struct gdb_point {
    unsigned type;
    uint64_t addr, length;
    bool physical; /* set by the monitor's break-phys or watch-phys: gdb does not know of it */
    struct gdb_condition *conditions;
    size_t condition_count; /* 0: always */
};

struct gdb {
    struct machine *machine;
    struct debug *debug;
    struct machine_listener listener;
    pthread_t thread;
    int listen_fd, wake_fd; /* listen_fd -1: stdio */
    char path[108];         /* the socket's, to be removed; "": none */
    uint64_t accept_at;     /* ms; before that nobody is accepted */
    bool accept_failed;
    struct gdb_refused refused[GDB_REFUSED_MAX];
    atomic_bool quit;         /* the thread shall end */
    atomic_bool hart_stopped; /* since the last look */
    atomic_ulong stopped;     /* bit n: hart n has stopped by itself since the harts were let go */
    atomic_bool paused_by_other;
    atomic_bool was_reset;
    bool leaving;           /* the server's thread ends, and the harts go on */
    bool serving;           /* the thread is there */
    atomic_int exit_status; /* -1: the guest has not ended */

    /* The session with the attached gdb. */
    int in_fd, out_fd; /* -1: none */
    bool started;      /* the first packet came, and the guest was stopped for it */
    bool found_running, resumed;
    bool waits;                         /* the guest runs, and gdb waits for the reply */
    bool closing;                       /* after this reply */
    bool no_ack, no_ack_soon;           /* from now on, after this reply */
    bool tells_why;                     /* gdb knows swbreak and hwbreak */
    bool physical;                      /* addresses of memory packets */
    bool mmio;                          /* device registers may be touched */
    bool step_irq;                      /* a step may enter an interrupt's handler */
    bool extended;                      /* the extended protocol: run and kill are not the emulator's end */
    bool killed;                        /* and gdb has no program, until it runs one */
    bool restarting;                    /* gdb waits for the reset */
    unsigned hart;                      /* of g, m and the like (Hg) */
    unsigned resumed_hart;              /* of c, s (Hc) */
    unsigned told_hart;                 /* the last one that stopped */
    uint64_t runners;                   /* bit n: hart n was let go without a step */
    uint64_t let_go[MACHINE_HARTS_MAX]; /* each hart's instructions then */
    int monitor_hart;                   /* of the machine's monitor commands (cpu N); -1: `hart` */
    struct peer_check peer;
    struct gdb_parser parser;
    struct gdb_text reply; /* of the packet at hand, not yet framed */
    struct gdb_text out;   /* framed, kept in case gdb wants it again */
    struct gdb_point *points;
    size_t point_count, point_room;
};

/* server.c: frames and sends the reply, and empties it. */
void gdb_send_reply(struct gdb *gdb);
/* Sends at once what is not the reply: the O packets of monitor commands. */
void gdb_send_extra(struct gdb *gdb, const struct gdb_text *payload);

/* session.c */
/* Answers one packet. */
void gdb_handle_packet(struct gdb *gdb, const char *data, size_t length);
void gdb_start_session(struct gdb *gdb);
/* Ends the emulator, and the session without a word. */
void gdb_kill_guest(struct gdb *gdb);
/* gdb is gone, or has detached: breakpoints go; the guest runs on unless it was found paused and left so. */
void gdb_end_session(struct gdb *gdb, bool run);
void gdb_reply_error(struct gdb *gdb, const char *text);
static inline void gdb_reply_ok(struct gdb *gdb)
{
    gdb_text_printf(&gdb->reply, "OK");
}
/* A thread id of a packet: 0: any; -1: all; else the hart's number + 1. False: malformed, or no such hart. */
bool gdb_take_thread(struct gdb *gdb, struct gdb_rest *rest, int *thread);
static inline struct hart *gdb_hart(struct gdb *gdb)
{
    return gdb->machine->harts[gdb->hart];
}

/* query.c: q and Q packets, `rest` behind the letter. */
void gdb_query(struct gdb *gdb, struct gdb_rest rest);
void gdb_set(struct gdb *gdb, struct gdb_rest rest);

/* run.c */
void gdb_continue(struct gdb *gdb, struct gdb_rest rest);                  /* vCont; */
void gdb_continue_old(struct gdb *gdb, char action, struct gdb_rest rest); /* c, C, s, S */
void gdb_interrupt(struct gdb *gdb);
/* The machine was stopped, by a hart or by somebody else: tells gdb. */
void gdb_report_stop(struct gdb *gdb);
/* The reply to ?: the state now. */
void gdb_reply_stop(struct gdb *gdb, unsigned signal, unsigned hart);
/* All harts run, without breakpoints. */
void gdb_run_free(struct gdb *gdb, bool run);

/* restart.c */
void gdb_extend(struct gdb *gdb, struct gdb_rest rest);  /* ! */
void gdb_kill(struct gdb *gdb);                          /* vKill */
void gdb_restart(struct gdb *gdb, struct gdb_rest rest); /* vRun; */
void gdb_restart_old(struct gdb *gdb);                   /* R */
/* The machine was reset. */
void gdb_report_restart(struct gdb *gdb);

/* registers.c */
void gdb_read_registers(struct gdb *gdb);
void gdb_write_registers(struct gdb *gdb, struct gdb_rest rest);
void gdb_read_register(struct gdb *gdb, struct gdb_rest rest);
void gdb_write_register(struct gdb *gdb, struct gdb_rest rest);
/* A register's value by its number; returns its size in bytes, 0: there is none. Also on the hart's
 * thread. */
unsigned gdb_register_get(struct hart *hart, unsigned number, uint64_t *value);
/* The whole target description. */
void gdb_describe_target(struct gdb *gdb, struct gdb_text *xml);
#define GDB_REGISTER_PC 32

/* memory.c */
void gdb_read_memory(struct gdb *gdb, struct gdb_rest rest);
void gdb_write_memory(struct gdb *gdb, struct gdb_rest rest, bool binary);
void gdb_memory_crc(struct gdb *gdb, struct gdb_rest rest);    /* qCRC: */
void gdb_memory_search(struct gdb *gdb, struct gdb_rest rest); /* qSearch:memory: */

/* points.c */
void gdb_set_point(struct gdb *gdb, struct gdb_rest rest, bool insert); /* Z, z */
/* False, with an error reply, where the host is out of memory. */
bool gdb_points_apply(struct gdb *gdb);
void gdb_points_clear(struct gdb *gdb);
bool gdb_point_add(struct gdb *gdb, const struct gdb_point *point);
bool gdb_point_remove(struct gdb *gdb, unsigned type, uint64_t addr, uint64_t length, bool physical);
/* Whether one of gdb's breakpoints of that type is there. */
bool gdb_point_at(const struct gdb *gdb, unsigned type, uint64_t addr);
/* For struct debug_config: on a hart's thread. */
bool gdb_point_accept(void *opaque, struct hart *hart, const struct debug_break *reached);

/* agent.c: whether an agent expression (gdb manual, "The GDB Agent Expression Mechanism") is not zero in
 * that hart; true where it cannot be computed, so that gdb stops and looks. */
bool gdb_agent_true(struct hart *hart, const uint8_t *code, size_t length);

/* monitor.c: qRcmd, the rest is its text in hex. */
void gdb_monitor_command(struct gdb *gdb, struct gdb_rest rest);

#endif
