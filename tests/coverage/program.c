/* SPDX-License-Identifier: MIT
 *
 * A program for -coverage. Each line of code has a marker that says how it must be reported when the program
 * is compiled without optimisation: RUN, NOT, or SMP (RUN if there is a hart 1); other lines have no code.
 * The program has a branch to one side, a loop, a trap in the middle of straight-line code whose rest never
 * runs, one whose rest runs at a second attempt, code in U-mode, a line that is first reached in a hot loop,
 * and a function that nobody calls.
 */
static volatile long sink, *volatile pointer;
unsigned long resume_at; /* where the trap handler continues */

/* How many rounds hart 0 waits for hart 1. */
#ifndef PATIENCE
#define PATIENCE 100
#endif
static volatile long met;

void enter_user(void (*function)(void)); /* start.S */
void other(void);
void finish(void);
void setup(void);

__attribute__((noinline)) long choose(long way)
{                       /* RUN */
    if (way)            /* RUN */
        return way * 3; /* RUN */
    sink = way;         /* NOT */
    return 7;           /* NOT */
} /* RUN */

__attribute__((noinline)) void loop(long rounds)
{                                       /* RUN */
    for (long i = 0; i < rounds; i++) { /* RUN */
        sink += i;                      /* RUN */
        if (i == 90)                    /* RUN */
            sink = 1;                   /* RUN */
        if (i == 1000)                  /* RUN */
            sink = 0;                   /* NOT */
    }
} /* RUN */

/* The load traps, and the trap handler continues in finish(). */
__attribute__((noinline)) void trapped(void)
{                    /* RUN */
    sink = 1;        /* RUN */
    sink = *pointer; /* RUN */
    sink = 2;        /* NOT */
    sink = 3;        /* NOT */
} /* NOT */

/* The first time the load traps and the handler gives up; the second time the address is good. */
__attribute__((noinline)) void twice(void)
{                    /* RUN */
    sink = 4;        /* RUN */
    sink = *pointer; /* RUN */
    sink = 5;        /* RUN */
    sink = 6;        /* RUN */
} /* RUN */

__attribute__((noinline)) void never(void)
{             /* NOT */
    sink = 8; /* NOT */
} /* NOT */

/* Runs in U-mode. */
static void in_user(void)
{                              /* RUN */
    sink = 11;                 /* RUN */
    __asm__ volatile("ecall"); /* RUN */
    sink = 12;                 /* NOT */
} /* NOT */

/* Hart 1 runs this. */
void other(void)
{              /* SMP */
    sink = 13; /* SMP */
    met = 1;   /* SMP */
} /* SMP */

static void attempt(void (*function)(void), void (*then)(void))
{                                    /* RUN */
    resume_at = (unsigned long)then; /* RUN */
    function();                      /* RUN */
    then();                          /* NOT */
} /* NOT */

static void third(void)
{               /* RUN */
    long i = 0; /* RUN */
    do
        sink = i;                      /* RUN */
    while (++i < PATIENCE && !met);    /* RUN */
    resume_at = (unsigned long)finish; /* RUN */
    enter_user(in_user);               /* RUN */
    sink = 14;                         /* NOT */
} /* NOT */

static void second(void)
{ /* RUN */
    static volatile long cell;
    pointer = &cell;              /* RUN */
    for (int i = 0; i < 20; i++)  /* RUN */
        twice();                  /* RUN */
    pointer = (volatile long *)8; /* RUN */
    attempt(trapped, third);      /* RUN */
    sink = 9;                     /* NOT */
} /* NOT */

void finish(void)
{                                            /* RUN */
    *(volatile unsigned *)0x100000 = 0x5555; /* RUN */
    for (;;)
        sink = 10; /* NOT */
}

void setup(void)
{                                 /* RUN */
    choose(1);                    /* RUN */
    loop(100);                    /* RUN */
    pointer = (volatile long *)8; /* RUN */
    attempt(twice, second);       /* RUN */
    never();                      /* NOT */
} /* NOT */
