/* SPDX-License-Identifier: MIT
 *
 * Measures the cost of debugging: how many instructions per second hart 1 executes, in a loop that loads and
 * stores, with gdb attached and nothing set, with a breakpoint that is not reached, and with a watchpoint on
 * bytes that the loop does not touch, on the page that it writes. A processor whose other half works for
 * somebody else is half as fast for a while, so short turns are compared with their neighbours, and the
 * median of these ratios counts.
 *
 *   gdb_cost ELF EMULATOR [ARGUMENTS...]
 *
 * It ends with status 1 if the watchpoint leaves less than 10 million a second, or the breakpoint less than
 * 85 % of the speed (the aim is 98 %, which cannot be proven on a busy machine).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/gdb/client.h"

#define TURNS     15
#define TURN_MS   60
#define WARMUP_MS 100 /* code may have to be translated again first */
#define POINTS    2

static struct emulator emulator;

/* Processor time of the emulator, in seconds. */
static double used(void)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(emulator.pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        fail("cannot read the emulator's processor time");
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static unsigned long long get(int fd, const char *packet)
{
    unsigned char bytes[8];
    const char *answer = client_ask(fd, packet);
    for (unsigned i = 0; i < 8; i++)
        if (sscanf(answer + 2 * i, "%2hhx", &bytes[i]) != 1)
            fail("%s: the answer is \"%s\"", packet, answer);
    unsigned long long value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* minstret of hart 1: register 65 + 0xb02. */
static unsigned long long instructions(int fd)
{
    client_expect(fd, "Hg2", "OK");
    return get(fd, "pb43");
}

/* Runs hart 1 for `milliseconds`. Returns million instructions per second of processor time: with real time,
 * other programs would count, too. */
static double turn(int fd, unsigned milliseconds)
{
    unsigned long long before = instructions(fd);
    double start = used();
    client_send(fd, "vCont;c:2");
    usleep(milliseconds * 1000);
    client_send_raw(fd, "\3", 1);
    const char *stop = client_receive(fd, 10000);
    double seconds = used() - start;
    if (!stop || strncmp(stop, "T02", 3) != 0)
        fail("the hart stopped by itself: %s", stop ? stop : "nothing");
    return (double)(instructions(fd) - before) / seconds / 1e6;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median(double *values)
{
    qsort(values, TURNS, sizeof(*values), compare);
    return values[TURNS / 2];
}

/* Takes turns with nothing set and with each of the POINTS points set. *speed becomes the median with
 * nothing set, ratios[i] the median of what point i leaves of the turn before it. */
static void measure(int fd, char set[][32], char unset[][32], double *speed, double *ratios)
{
    double speeds[TURNS], parts[POINTS][TURNS];
    for (unsigned i = 0; i < TURNS; i++) {
        turn(fd, WARMUP_MS);
        speeds[i] = turn(fd, TURN_MS);
        for (unsigned point = 0; point < POINTS; point++) {
            client_expect(fd, set[point], "OK");
            turn(fd, WARMUP_MS);
            parts[point][i] = turn(fd, TURN_MS) / speeds[i];
            client_expect(fd, unset[point], "OK");
        }
    }
    *speed = median(speeds);
    for (unsigned point = 0; point < POINTS; point++)
        ratios[point] = median(parts[point]);
}

/* Finds the page of the loop's data, and an address in the loop's page that is not executed: the kernel's
 * first instruction, and `untouched`, which lies after `shared` and `busy`. Nothing points to them, so they
 * have to be searched for. */
static void find_places(int fd, char breakpoint[32], char watchpoint[32], char *unbreak, char *unwatch)
{
    client_expect(fd, "Z0,80000000,4", "OK");
    client_expect(fd, "z0,80000000,4", "OK");
    turn(fd, WARMUP_MS);
    client_expect(fd, "Hg2", "OK");
    unsigned long long pc = get(fd, "p20");
    snprintf(breakpoint, 32, "Z0,%llx,2", pc / 4096 * 4096);
    snprintf(unbreak, 32, "z0,%llx,2", pc / 4096 * 4096);
    /* The loop's only stores: an access watchpoint on all RAM after the code shows where they go. */
    client_expect(fd, "Z2,80001000,1000000", "OK");
    const char *stop = client_ask(fd, "vCont;c:2");
    const char *watch = strstr(stop, "watch:");
    if (!watch)
        fail("no store was seen: %s", stop);
    unsigned long long page = strtoull(watch + 6, NULL, 16) / 4096 * 4096;
    client_expect(fd, "z2,80001000,1000000", "OK");
    snprintf(watchpoint, 32, "Z2,%llx,8", page + 0x400);
    snprintf(unwatch, 32, "z2,%llx,8", page + 0x400);
}

int main(int argc, char **argv)
{
    char set[POINTS][32], unset[POINTS][32];
    if (argc < 3)
        fail("usage: gdb_cost ELF EMULATOR [ARGUMENTS...]");
    emulator_start(&emulator, argv + 2, argv[1], true);
    int fd = client_connect(&emulator);
    client_expect(fd, "?", "T05");
    find_places(fd, set[0], set[1], unset[0], unset[1]);
    double speed, ratios[POINTS];
    measure(fd, set, unset, &speed, ratios);
    double watched = ratios[1] * speed;
    printf("attached         %8.1f million instructions a second\n", speed);
    printf("breakpoint       %8.1f (%s, not reached), %.1f %%\n", ratios[0] * speed, set[0], 100 * ratios[0]);
    printf("watchpoint       %8.1f (%s, not touched, on the page that is written)\n", watched, set[1]);
    emulator_end(&emulator);
    return watched < 10 || ratios[0] < 0.85;
}
