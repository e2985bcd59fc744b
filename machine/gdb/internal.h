/* SPDX-License-Identifier: MIT
 *
 * What the files of the gdb server share. All of it belongs to the server's thread, except what is atomic.
 * Harts also read the condition of a breakpoint; the thread changes it only while no hart runs.
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

/* A gdb that connected while another is attached: it is told so. */
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

/* What Z packets set. The types are those of the packets. */
enum { GDB_SOFT_BREAK, GDB_HARD_BREAK, GDB_WATCH_WRITE, GDB_WATCH_READ, GDB_WATCH_ACCESS };
struct gdb_point {
    unsigned type;
    uint64_t addr, length;
    bool physical; /* set by the monitor's break-phys or watch-phys, so gdb does not know of it */
    struct gdb_condition *conditions;
    size_t condition_count; /* 0: it always stops */
};

/* Something whose value may change: a register or a CSR of a hart, or up to 8 bytes of memory as it sees it.
 */
enum gdb_changing_kind { GDB_CHANGING_X, GDB_CHANGING_F, GDB_CHANGING_CSR, GDB_CHANGING_MEMORY };
struct gdb_changing {
    struct hart *hart;
    enum gdb_changing_kind kind;
    unsigned number;
    uint64_t addr;
    size_t length;
    bool physical;
};

/* An instant of the past that has a name. */
#define GDB_BOOKMARKS_MAX 64u
struct gdb_bookmark {
    char name[32];
    uint64_t instant;
};

struct gdb {
    struct machine *machine;
    struct debug *debug;
    struct machine_listener listener;
    pthread_t thread;
    int listen_fd, wake_fd; /* listen_fd -1: stdio */
    char path[108];         /* of the socket, which has to be removed; "": none */
    uint64_t accept_at;     /* ms; until then no connection is accepted */
    bool accept_failed;
    struct gdb_refused refused[GDB_REFUSED_MAX];
    atomic_bool quit;         /* the thread has to end */
    atomic_bool hart_stopped; /* since the thread last looked */
    atomic_ulong stopped;     /* bit n: hart n has stopped by itself since the harts were resumed */
    atomic_bool paused_by_other;
    atomic_bool was_reset;
    bool leaving;           /* the server's thread ends, and the harts continue */
    bool serving;           /* the thread exists */
    atomic_int exit_status; /* -1: the guest has not ended */

    /* The session with the attached gdb. */
    int in_fd, out_fd; /* -1: none */
    bool started;      /* the first packet has come, and the guest was stopped for it */
    bool found_running, resumed;
    bool waits;                         /* the guest runs, and gdb waits for the stop reply */
    bool closing;                       /* the session ends after this reply */
    bool no_ack, no_ack_soon;           /* no acknowledgements: from now on, or after this reply */
    bool tells_why;                     /* gdb knows swbreak and hwbreak */
    bool physical;                      /* addresses of memory packets are physical */
    bool mmio;                          /* device registers may be touched */
    bool step_irq;                      /* a step may enter an interrupt's handler */
    bool extended;                      /* the extended protocol: run and kill do not end the emulator */
    bool killed;                        /* gdb has killed the program, and has none until it runs one */
    bool restarting;                    /* gdb waits for the end of the reset */
    unsigned hart;                      /* for g, m and the like (Hg) */
    unsigned resumed_hart;              /* for c and s (Hc) */
    unsigned told_hart;                 /* the last hart whose stop was reported */
    uint64_t runners;                   /* bit n: hart n was resumed without a step */
    uint64_t let_go[MACHINE_HARTS_MAX]; /* each hart's instructions when it was resumed */
    int monitor_hart;                   /* for the machine's monitor commands (cpu N); -1: `hart` */
    struct peer_check peer;
    struct gdb_parser parser;
    struct gdb_text reply; /* to the present packet, not yet framed */
    struct gdb_text out;   /* framed, and kept in case gdb asks for it again */
    struct gdb_point *points;
    size_t point_count, point_room;
    struct gdb_point last_write;     /* what `last-write` asked about last; length 0: nothing */
    struct gdb_changing last_change; /* the same for `last-change`; hart NULL: nothing */
    struct gdb_bookmark bookmarks[GDB_BOOKMARKS_MAX];
    unsigned bookmark_count;
};

/* server.c: frames the reply, sends it, and empties it. */
void gdb_send_reply(struct gdb *gdb);
/* Sends at once something that is not the reply: the O packets of monitor commands. */
void gdb_send_extra(struct gdb *gdb, const struct gdb_text *payload);

/* session.c */
/* Answers one packet. */
void gdb_handle_packet(struct gdb *gdb, const char *data, size_t length);
void gdb_start_session(struct gdb *gdb);
/* Ends the emulator, and the session without a reply. */
void gdb_kill_guest(struct gdb *gdb);
/* gdb is gone, or has detached. Its breakpoints are removed. The guest continues, unless gdb found it paused
 * and never resumed it. */
void gdb_end_session(struct gdb *gdb, bool run);
void gdb_reply_error(struct gdb *gdb, const char *text);
/* The same with a message for the user. */
void gdb_reply_failure(struct gdb *gdb, const struct error *error);
static inline void gdb_reply_ok(struct gdb *gdb)
{
    gdb_text_printf(&gdb->reply, "OK");
}
/* Reads the thread id of a packet. 0: any; -1: all; else the hart's number + 1. False: it is malformed, or
 * there is no such hart. */
bool gdb_take_thread(struct gdb *gdb, struct gdb_rest *rest, int *thread);
static inline struct hart *gdb_hart(struct gdb *gdb)
{
    return gdb->machine->harts[gdb->hart];
}

/* query.c: q and Q packets; `rest` is what follows the letter. */
void gdb_query(struct gdb *gdb, struct gdb_rest rest);
void gdb_set(struct gdb *gdb, struct gdb_rest rest);

/* run.c */
void gdb_continue(struct gdb *gdb, struct gdb_rest rest);                  /* vCont; */
void gdb_continue_old(struct gdb *gdb, char action, struct gdb_rest rest); /* c, C, s, S */
void gdb_interrupt(struct gdb *gdb);
/* The machine has stopped, because of a hart or of somebody else: reports this to gdb. */
void gdb_report_stop(struct gdb *gdb);
/* The hart whose stop is reported; -1: none has stopped by itself. */
int gdb_stopped_hart(struct gdb *gdb);
/* The reply to ?: the present state. */
void gdb_reply_stop(struct gdb *gdb, unsigned signal, unsigned hart);
/* Lets all harts run, without breakpoints. */
void gdb_run_free(struct gdb *gdb, bool run);

/* reverse.c */
void gdb_reverse(struct gdb *gdb, struct gdb_rest rest); /* bs, bc */
/* Whether gdb is in the past of the machine. */
bool gdb_is_past(const struct gdb *gdb);
/* From there forward, as the harts were told, up to the present at most; replies. */
void gdb_go_past(struct gdb *gdb);
/* Memory or registers are about to be changed: false, with an error reply, in the past. */
bool gdb_may_change(struct gdb *gdb);
void gdb_return_to_present(struct gdb *gdb);
/* For timeline_ask(): has gdb sent Ctrl-C, or gone? */
bool gdb_wants_end(void *opaque);

/* past.c: monitor when, goto, bookmark, last-write; false: it is another command. */
bool gdb_time_command(struct gdb *gdb, const char *command, struct gdb_text *out);

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
/* Reads a register's value by its number. Returns its size in bytes; 0: there is no such register. Also on
 * the hart's thread. */
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
/* False, with an error reply, if the host is out of memory. */
bool gdb_points_apply(struct gdb *gdb);
void gdb_points_clear(struct gdb *gdb);
bool gdb_point_add(struct gdb *gdb, const struct gdb_point *point);
bool gdb_point_remove(struct gdb *gdb, unsigned type, uint64_t addr, uint64_t length, bool physical);
/* Is one of gdb's breakpoints of that type at the address? */
bool gdb_point_at(const struct gdb *gdb, unsigned type, uint64_t addr);
/* For struct debug_config; called on a hart's thread. */
bool gdb_point_accept(void *opaque, struct hart *hart, const struct debug_break *reached);

/* agent.c: is an agent expression (gdb manual, "The GDB Agent Expression Mechanism") not zero in that hart?
 * If it cannot be computed the answer is true, so that gdb stops and looks at it. */
bool gdb_agent_true(struct hart *hart, const uint8_t *code, size_t length);

/* monitor.c: qRcmd; `rest` is the command's text in hex. */
void gdb_monitor_command(struct gdb *gdb, struct gdb_rest rest);

#endif
