/* SPDX-License-Identifier: MIT
 *
 * Sends bad packets to the gdb server of a running emulator: good packets with random changes, packets made
 * of random pieces, and raw bytes. Then it checks that the server still answers properly. The emulator may
 * end only if it was asked to (by k, vKill or the monitor's quit, which are never sent whole). The seed is
 * printed, and can be given again.
 *
 *   gdb_fuzz SECONDS ELF EMULATOR [ARGUMENTS...]     the environment variable SEED repeats a run
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/gdb/client.h"

static struct emulator emulator;
static unsigned long seed, state;

static unsigned random_below(unsigned limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % limit;
}

static const char *const samples[] = {
    "?",
    "g",
    "p20",
    "p41",
    "P5=1122334455667788",
    "m80000000,40",
    "m1000,8",
    "mfffffffffffffff0,100",
    "M80003000,4:01020304",
    "X80003000,4:abcd",
    "Z0,80000100,2",
    "z0,80000100,2",
    "Z1,1008,4",
    "Z2,80003000,8",
    "Z3,80003000,8",
    "Z4,80003000,8",
    "Z0,80000100,2;X5,2600202027",
    "Z0,80000100,2;Xa,22ffff2200011327",
    "vCont?",
    "vCont;c",
    "vCont;s:1;c",
    "vCont;s",
    "vCont;c:2",
    "vCont;r80000000,80000100:1",
    "s",
    "c",
    "S05",
    "Hg1",
    "Hg0",
    "Hc-1",
    "Hg2",
    "T1",
    "qC",
    "qfThreadInfo",
    "qsThreadInfo",
    "qThreadExtraInfo,1",
    "qSupported:swbreak+;hwbreak+",
    "qXfer:features:read:target.xml:0,ffb",
    "qXfer:threads:read::0,1000",
    "qXfer:memory-map:read::0,1000",
    "qCRC:80000000,100",
    "qSearch:memory:80000000;1000;abcd",
    "qRcmd,68656c70",
    "qRcmd,7068797320206f6e",
    "qRcmd,6d6d696f206f6e",
    "Qqemu.PhyMemMode:1",
    "Qqemu.PhyMemMode:0",
    "Qqemu.sstep=0x7",
    "qAttached",
    "D",
    "vMustReplyEmpty",
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* A good packet, with bytes of it changed, doubled or removed, or two packets joined. */
static size_t make_packet(char *out, size_t room)
{
    size_t length = (size_t)snprintf(out, room, "%s", samples[random_below(SAMPLES)]);
    if (random_below(4) == 0)
        length += (size_t)snprintf(out + length, room - length, "%s", samples[random_below(SAMPLES)]);
    for (unsigned changes = random_below(5); changes && length > 1; changes--) {
        size_t at = random_below((unsigned)length);
        switch (random_below(4)) {
        case 0: out[at] = (char)random_below(256); break;
        case 1: out[at] = "0123456789abcdef,;:"[random_below(19)]; break;
        case 2: length = at + 1; break;
        default: memmove(out + at, out + at + 1, --length - at); break;
        }
    }
    /* qRcmd,71...: a monitor command that begins with q, such as quit. */
    if (out[0] == 'k' || strncmp(out, "vKill", 5) == 0 || strncmp(out, "qRcmd,71", 8) == 0)
        out[0] = '?';
    return length;
}

static void send_packet(int fd, const char *payload, size_t length)
{
    unsigned char sum = 0;
    char end[4];
    for (size_t i = 0; i < length; i++)
        sum = (unsigned char)(sum + (unsigned char)payload[i]);
    if (random_below(50) == 0)
        sum++;
    client_send_raw(fd, "$", 1);
    client_send_raw(fd, payload, length);
    snprintf(end, sizeof(end), "#%02x", sum);
    client_send_raw(fd, end, 3);
}

static void send_something(int fd)
{
    char bytes[512];
    unsigned kind = random_below(100);
    if (kind < 90) {
        send_packet(fd, bytes, make_packet(bytes, sizeof(bytes)));
    } else if (kind < 94) {
        client_send_raw(fd, "\3", 1);
    } else {
        size_t length = random_below(sizeof(bytes));
        for (size_t i = 0; i < length; i++)
            bytes[i] = kind < 97 ? (char)random_below(256) : "$#}*+-g?"[random_below(8)];
        if (memmem(bytes, length, "$k#", 3) || memmem(bytes, length, "$vKill", 6))
            return;
        client_send_raw(fd, bytes, length);
    }
}

static void check_runs(unsigned long conversations)
{
    if (!emulator_runs(&emulator))
        fail("the emulator ended in conversation %lu of seed %lu, with status %d", conversations, seed,
             emulator_wait(&emulator, 1));
}

/* A new client is served properly. */
static void check_sanity(unsigned long conversations)
{
    check_runs(conversations);
    for (unsigned tries = 0; tries < 40; tries++) {
        int fd = client_connect(&emulator);
        client_send(fd, "qC");
        const char *answer = client_receive(fd, 2000);
        bool sane = answer && strncmp(answer, "QC", 2) == 0;
        close(fd);
        if (sane)
            return;
        usleep(100000); /* the server may not have noticed yet that the previous client left */
    }
    fail("no sensible answer after conversation %lu of seed %lu", conversations, seed);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage: gdb_fuzz SECONDS ELF EMULATOR [ARGUMENTS...]");
    const char *given = getenv("SEED");
    seed = state = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
    printf("seed %lu\n", seed);
    fflush(stdout);
    emulator_start(&emulator, argv + 3, argv[2], true);
    time_t end = time(NULL) + atoi(argv[1]);
    unsigned long conversations = 0, packets = 0;
    while (time(NULL) < end) {
        check_runs(conversations);
        int fd = client_connect(&emulator);
        for (unsigned n = random_below(60); n; n--, packets++) {
            send_something(fd);
            if (random_below(3) == 0)
                client_receive(fd, random_below(20));
        }
        close(fd);
        if (++conversations % 8 == 0)
            check_sanity(conversations);
    }
    check_sanity(conversations);
    printf("%lu packets in %lu conversations\n", packets, conversations);
    emulator_end(&emulator);
    return 0;
}
